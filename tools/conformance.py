"""One suite of situations that every dialect goes through, against its simulated antenna, on a virtual clock.

Session, lane and runner are the real ones; antenna, tag, card and barrier are simulated. To run all and print the
page `docs/conformance.md`: `python -m tools.conformance`; with names of dialects, only those. A cell says what its
frames rest on, or that the dialect has no such message.
"""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import count

from drivers.ports import (
    DebitFound,
    DebitUnknown,
    PsamDone,
    ReaderDown,
    ReaderUp,
    TagRead,
    TagUnreadable,
)
from gateway.ledger.entries import (
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    NotDebited,
    Refused,
    StayClosed,
    StayOpened,
)
from protocols.errors import MessageError
from protocols.obu.values import CREDIT
from protocols.rsu.dialect import Dialect, DialectError, load, names
from protocols.rsu.message import Message
from protocols.rsu.messages import Contents, Failed, FetchTac, Report, Result, Status, TacFetched, TagSeen, Word
from tools.cards import SimulatedTag, make_tag
from tools.rsu import FAULTS, Antenna
from tools.world import MAC, Stuck, World, straight

FEE = 1500
"""Fen for the two hours begun that every car has been inside."""
STALL = 2.5
"""Seconds for which a stalled disk keeps the ledger from being durable."""


class Wrong(AssertionError):  # noqa: N818  a verdict
    """A situation that did not end as it must."""


class NotInDialect(Exception):  # noqa: N818  an answer, not a mistake
    """The dialect has no message for this situation."""


def expect(what: object, wanted: object, name: str) -> None:
    """Raise Wrong unless they are equal."""
    if what != wanted:
        raise Wrong(f"{name}: {what!r}, not {wanted!r}")


def car(n: int = 1, *, balance: int = 10_000, vehicle_class: int = 1, **flags: bool) -> SimulatedTag:
    """The n-th made-up car."""
    return make_tag(n, f"测A{n:05}", vehicle_class, balance, **flags)


# --- what must come of it ----------------------------------------------------------------------------------------


def paid(world: World, tag: SimulatedTag, evidence: str = "result") -> None:
    """The card has paid once and the ledger says so; the barrier opened."""
    expect([bought.fen for bought in tag.purchases], [FEE], "purchases on the card")
    settled = [body for body in world.found(DebitSettled) if tag.purchases]
    expect([body.evidence for body in settled], [evidence], "debits settled")
    expect([body.reason for body in world.found(StayClosed)], ["paid"], "stays closed")
    expect(world.opened, 1, "openings of the barrier")


def refused(world: World, tag: SimulatedTag, why: str) -> None:
    """Nobody paid, nothing opened, and the ledger says why."""
    expect(tag.purchases, [], "purchases on the card")
    expect({body.why for body in world.found(Refused)}, {why}, "refusals")
    expect(world.opened, 0, "openings of the barrier")


def told(world: World, tag: SimulatedTag) -> SimulatedTag:
    """The car, if the dialect's frames can tell what is special about its tag and card. Raises NotInDialect."""
    dialect, tag_of = world.dialect, None if world.dialect.stages else tag.tag
    frames: list[Report] = [TagSeen(tag.tag)] if dialect.stages else []
    frames.append(Contents(tag.tag.obu_id, tag.vehicle, tag.card, tag_of))
    for frame in frames:
        (word,) = dialect.hear(dialect.say(frame))
        seen = word.tag if isinstance(word, TagSeen | Contents) else None
        card = word.card if isinstance(word, Contents) else None
        if (seen and seen != tag.tag) or (card and card.listed != tag.card.listed):
            raise NotInDialect("no field for it")
    return tag


# --- the situations ----------------------------------------------------------------------------------------------

Situation = Callable[[Dialect], World]
SITUATIONS: list[tuple[str, str, Situation]] = []


def situation(zh: str, en: str) -> Callable[[Situation], Situation]:
    """Declare one, with its names."""

    def add(play: Situation) -> Situation:
        SITUATIONS.append((zh, en, play))
        return play

    return add


@situation("启动，心跳十分钟", "start, ten minutes of heartbeats")
def start(dialect: Dialect) -> World:
    """C0, B0, searching; heartbeats keep the reader up."""
    world = World(dialect)
    world.connect()
    world.run(600)
    expect(len(world.found(ReaderUp)), 1, "times up")
    expect(world.found(ReaderDown), [], "times down")
    expect(world.antenna.radiating, wanted=True, name="radiating")
    return world


@situation("正常入场", "entry")
def entry(dialect: Dialect) -> World:
    """The stay is recorded, nothing is taken."""
    world, tag = World(dialect, role="entry"), car()
    world.drive(tag)
    expect([body.plate for body in world.found(StayOpened)], [tag.vehicle.plate], "stays opened")
    expect((tag.purchases, world.opened), ([], 1), "purchases and openings")
    return world


@situation("正常出场扣费", "exit with a debit")
def leaving(dialect: Dialect) -> World:
    """The card pays once, with its proof."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag)
    paid(world, tag)
    proof = world.found(DebitSettled)[0].proof
    bought = tag.purchases[0]
    wanted = (bought.tac, bought.terminal, bought.terminal_serial, bought.card_serial, bought.balance)
    keys = ("tac", "terminal", "terminal_serial", "card_serial", "balance")
    expect(tuple(proof[key] for key in keys) if isinstance(proof, dict) else None, wanted, "proof")
    return world


@situation("免费时长内出场", "exit within the free time")
def free(dialect: Dialect) -> World:
    """No purchase for nothing."""
    world = World(dialect)
    tag = world.inside(car(), minutes=10)
    world.drive(tag)
    expect([body.reason for body in world.found(StayClosed)], ["free"], "stays closed")
    expect((tag.purchases, world.opened), ([], 1), "purchases and openings")
    return world


@situation("货车", "a goods vehicle")
def goods(dialect: Dialect) -> World:
    """The other layout of the vehicle file."""
    world = World(dialect)
    tag = world.inside(car(vehicle_class=12))
    world.drive(tag)
    paid(world, tag)
    expect({read.vehicle for read in world.found(TagRead)}, {tag.vehicle}, "vehicles read")
    return world


@situation("记账卡", "a credit card, whose balance is a counter")
def credit(dialect: Dialect) -> World:
    """Its balance is no limit."""
    world = World(dialect)
    tag = car(balance=500)
    tag.card = replace(tag.card, kind=CREDIT)
    world.drive(world.inside(tag))
    paid(world, tag)
    return world


@situation("标签电量低", "low battery")
def low_battery(dialect: Dialect) -> World:
    """Passes all the same."""
    world = World(dialect)
    tag = told(world, world.inside(car(low_battery=True)))
    world.drive(tag)
    paid(world, tag)
    return world


def _with_tag(**changes: object) -> Callable[[SimulatedTag], None]:
    def alter(car: SimulatedTag) -> None:
        car.tag = replace(car.tag, **changes)  # type: ignore[arg-type]  # fields of Tag, by their names

    return alter


def _with_card(**changes: object) -> Callable[[SimulatedTag], None]:
    def alter(car: SimulatedTag) -> None:
        car.card = replace(car.card, **changes)  # type: ignore[arg-type]  # fields of Card, likewise

    return alter


LONG_AGO = date(2020, 1, 1)
REFUSED: Sequence[tuple[str, str, str, Callable[[SimulatedTag], None]]] = (
    ("无卡", "no card in the tag", "no card", _with_tag(has_card=False)),
    ("标签被拆卸", "tag removed", "tag removed", _with_tag(removed=True)),
    ("标签锁定", "tag locked", "tag locked", _with_tag(locked=True)),
    ("卡片异常", "card error", "card error", _with_tag(card_error=True)),
    ("标签过期", "tag expired", "tag expired", _with_tag(expires=LONG_AGO)),
    ("卡片过期", "card expired", "card expired", _with_card(expires=LONG_AGO)),
    ("卡签发行方不一致", "card and tag of different issuers", "wrong issuer", _with_card(issuer="d1" * 8)),
    ("卡签车牌不一致", "card and tag of different plates", "plate differs", _with_card(plate="测B99999")),
    ("天线报状态名单", "the antenna says that the card is listed", "card listed", _with_card(listed=True)),
    ("余额不足", "balance too low", "balance too low", _with_card(balance=FEE - 1)),
)
"""What a lane refuses: the code of its record, and what is wrong with the car."""


def _refusing(why: str, alter: Callable[[SimulatedTag], None]) -> Situation:
    def play(dialect: Dialect) -> World:
        world = World(dialect)
        tag = world.inside(car())
        alter(tag)
        world.drive(told(world, tag))
        refused(world, tag, why)
        return world

    return play


for _zh, _en, _why, _alter in REFUSED:
    situation(_zh, _en)(_refusing(_why, _alter))


@situation("无入场记录", "no entry record")
def no_stay(dialect: Dialect) -> World:
    """Refused."""
    world, tag = World(dialect), car()
    world.drive(tag)
    refused(world, tag, "no entry record")
    return world


@situation("B5 丢失", "B5 never comes")
def lost_result(dialect: Dialect) -> World:
    """The next reading's balance decides within the same presence; the card pays once."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["lose-result"])
    expect(len(world.found(DebitUnresolved)), 1, "unresolved")
    paid(world, tag, "balance")
    return world


@situation("B5 迟到", "B5 comes late")
def late_result(dialect: Dialect) -> World:
    """A second and a half later it still counts."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["late-result"])
    paid(world, tag)
    return world


@situation("B5 报错，未扣款", "B5 error, nothing taken")
def failed_result(dialect: Dialect) -> World:
    """Unknown until the balance shows that nothing was taken; then it is tried anew."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["result-error"])
    expect(len(world.found(DebitUnresolved)), 1, "unresolved")
    expect(len(world.found(NotDebited)), 1, "not made")
    paid(world, tag)
    return world


@situation("B5 报错，已扣款", "B5 error, and the card has paid")
def failed_but_paid(dialect: Dialect) -> World:
    """No second purchase, whatever the code says."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["result-error-but-paid"])
    (settled,) = world.found(DebitSettled)
    paid(world, tag, settled.evidence)
    return world


@situation("重新取 TAC", "the TAC fetched again")
def tac_again(dialect: Dialect) -> World:
    """C8 brings the proof that B5 had not."""
    if not dialect.fetches_tac:
        raise NotInDialect("C8")
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["no-tac"])
    paid(world, tag)
    proof = world.found(DebitSettled)[0].proof
    expect(isinstance(proof, dict) and proof["tac"], tag.purchases[0].tac, "TAC")
    return world


@situation("同一标签再次出现", "the same tag again")
def same_again(dialect: Dialect) -> World:
    """In its quiet time it is let be."""
    world = World(dialect)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    for seconds in (5, 2, 5):  # there, away, and there again
        (world.antenna.leave if seconds == 2 else world.antenna.enter)(tag)
        world.run(seconds)
    paid(world, tag)
    expect(len(world.found(TagRead)), 1, "readings")
    return world


@situation("多个标签同时在场", "several tags at once")
def several(dialect: Dialect) -> World:
    """One after the other, each once."""
    world = World(dialect)
    tags = [world.inside(car(n)) for n in (1, 2, 3)]
    world.connect()
    world.run(3)
    for tag in tags:
        world.antenna.enter(tag)
    world.run(60)
    expect([[bought.fen for bought in tag.purchases] for tag in tags], [[FEE]] * 3, "purchases")
    expect(len(world.found(DebitSettled)), 3, "settled")
    return world


@situation("帧重复", "a frame comes twice")
def repeated(dialect: Dialect) -> World:
    """Whichever frame of a trade it is, it is answered, and acted upon once."""
    for number in range(8):
        frames = count()
        world = World(dialect)
        tag = world.inside(car())
        world.connect()
        world.run(3)
        world.inward = lambda chunk, n=number, frames=frames: (chunk,) * (2 if next(frames) == n else 1)  # type: ignore[misc]  # as above
        world.drive(tag)
        paid(world, tag)
    return world


@situation("帧被拆散", "frames torn byte by byte")
def torn(dialect: Dialect) -> World:
    """The stream is cut by the framing, not by the reads."""
    world = World(dialect, inward=lambda chunk: [chunk[at : at + 7] for at in range(0, len(chunk), 7)])
    tag = world.inside(car())
    world.drive(tag)
    paid(world, tag)
    return world


@situation("线路噪声", "noise before every frame")
def noisy(dialect: Dialect) -> World:
    """Skipped."""
    world = World(dialect)
    tag = world.inside(car())
    world.drive(tag, FAULTS["noise"])
    paid(world, tag)
    return world


@situation("首帧泛滥", "a flood of the first frame")
def flood(dialect: Dialect) -> World:
    """A hundred times in a second: one reading, one purchase, and no answer for each."""
    world = World(dialect)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    first = TagSeen(tag.tag) if dialect.stages else Contents(tag.tag.obu_id, tag.vehicle, tag.card, tag.tag)
    data = dialect.encode(first)
    chunk = dialect.framing.encode(dialect.sequences.get(data[0], 1), data)
    world.antenna.enter(tag)
    for n in range(100):
        world.after(0.5 + n * 0.01, lambda: world.say(chunk))
    world.run(15)
    expect([bought.fen for bought in tag.purchases][1:], [], "purchases after the first")
    expect(len(world.found(DebitSettled)), len(tag.purchases), "settled")
    return world


@situation("首帧循环不前", "the first frame again after every answer")
def endless(dialect: Dialect) -> World:
    """B2, C1, B2, C1: told as unreadable after a few, and let go (rsu-protocol 11.3)."""
    if not dialect.stages:
        raise NotInDialect("B2 of a tag")
    world, tag = World(dialect), car()
    world.connect()
    world.run(3)
    data = dialect.encode(TagSeen(tag.tag))
    for _ in range(5):
        world.say(dialect.framing.encode(dialect.sequences.get(data[0], 1), data))
        world.run(0.3)
    expect([event.stage for event in world.found(TagUnreadable)], ["B2 again and again"], "unreadable")
    return world


@situation("读取报错", "an error while reading")
def unreadable(dialect: Dialect) -> World:
    """Told as unreadable; the tag is let go."""
    world = World(dialect)
    tag = car()
    world.connect()
    world.run(3)
    failed = Failed(tag.tag.obu_id, 0xB4, 1)
    try:
        data = dialect.encode(failed)
    except MessageError:
        raise NotInDialect("ErrorCode in B4") from None
    seen = dialect.encode(TagSeen(tag.tag))
    for each in (seen, data):
        world.say(dialect.framing.encode(dialect.sequences.get(each[0], 1), each))
        world.run(0.05)
    expect([event.stage for event in world.found(TagUnreadable)], ["B4"], "unreadable")
    return world


@situation("读取中断线", "the line cut while reading")
def cut_reading(dialect: Dialect) -> World:
    """Read again when the line is back."""
    world = World(dialect)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    world.antenna.enter(tag)
    world.run(0.003)
    world.disconnect()
    world.run(20)
    paid(world, tag)
    return world


@situation("扣费中断线", "the line cut during the purchase")
def cut_buying(dialect: Dialect) -> World:
    """Unknown, then decided by the balance; the card pays once."""
    world = World(dialect)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    world.antenna.enter(tag)
    while not tag.purchases:
        world.run(0.01)
    world.disconnect()
    world.run(20)
    expect(len(world.found(DebitUnknown)), 1, "unknown")
    paid(world, tag, world.found(DebitSettled)[0].evidence)  # a B5 that comes when the line is back is heard too
    return world


@situation("扣费中网关被杀", "the gateway killed during the purchase")
def killed(dialect: Dialect) -> World:
    """The antenna says its B5 to the next run, which settles the debit of the last one; the card pays once."""
    world = World(dialect)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    world.antenna.enter(tag, FAULTS["result-after-restart"])
    while not tag.purchases:
        world.run(0.01)
    world.kill()
    world.run(8)
    (found,) = world.found(DebitFound)
    expect(found.proof.tac, tag.purchases[0].tac, "TAC")
    expect(
        [body.intent for body in world.found(DebitSettled)],
        [body.intent for body in world.found(DebitIntended)],
        "settled",
    )
    world.antenna.leave(tag)
    world.run(3)
    world.drive(tag)
    paid(world, tag)
    return world


@situation("天线沉默", "the antenna falls silent")
def silent(dialect: Dialect) -> World:
    """The link is made anew, and work goes on."""
    world = World(dialect)
    world.connect()
    world.run(3)
    world.inward = lambda _chunk: ()
    world.run(dialect.silence + 10)
    expect(len(world.found(ReaderDown)), 1, "times down")
    world.inward = straight
    world.run(10)
    tag = world.inside(car())
    world.drive(tag)
    paid(world, tag)
    return world


@situation("天线重启", "the antenna starts anew")
def restarted(dialect: Dialect) -> World:
    """A B0 that nobody asked for is answered with C0."""
    world = World(dialect)
    world.connect()
    world.run(10)
    world.antenna = Antenna(dialect, trade_time=0.15, search_again=0.5, unasked=True)
    world.say(*world.antenna.on_connect())
    tag = world.inside(car())
    world.drive(tag)
    paid(world, tag)
    return world


@situation("天线报故障", "the antenna reports a fault")
def faulty(dialect: Dialect) -> World:
    """Told, and C0 is said again until it is gone."""
    world = World(dialect)
    world.connect()
    world.run(3)
    data = dialect.encode(Status(1, ("990100000001",), None, 0, "2001"))
    world.say(dialect.framing.encode(dialect.sequences.get(0xB0, 1), data))
    world.run(5)
    expect([event.fault for event in world.found(ReaderUp)], [0], "faults told, of a B0 that answers nothing")
    expect(world.antenna.radiating, wanted=True, name="radiating again")
    return world


@situation("PSAM 未授权，由天线自理", "PSAM not authorised, left to the antenna")
def unauthorised(dialect: Dialect) -> World:
    """Shown, not obeyed: captured antennas say so and trade."""
    world = World(dialect)
    (word,) = dialect.hear(dialect.say(Status(0, ("990100000001",), authorised=False, maker=0, version="2001")))
    if not isinstance(word, Status) or word.authorised is not False:
        raise NotInDialect("authorisation in B0")
    tag = world.inside(car())
    world.drive(tag)
    expect([event.authorised for event in world.found(ReaderUp)], [False], "told")
    paid(world, tag)
    return world


@situation("PSAM 由平台授权", "PSAM authorised by the platform")
def authorised(dialect: Dialect) -> World:
    """Without it the antenna does not search; with it cars pay."""
    if not dialect.authorises_psams:
        raise NotInDialect("PSAM authorisation")
    world = World(dialect, security="remote", mac=MAC)
    tag = world.inside(car())
    world.connect()
    world.run(0.9)
    expect(world.antenna.radiating, wanted=False, name="radiating before the authorisation")
    world.drive(tag)
    expect([event.good for event in world.found(PsamDone)], [True], "authorisations")
    paid(world, tag)
    return world


@situation("写盘停顿", "the disk stalls")
def stalled(dialect: Dialect) -> World:
    """A purchase that could not leave in time is never sent late (law 1)."""
    world = World(dialect, durable_after=STALL)
    tag = world.inside(car())
    world.connect()
    world.run(6)
    world.antenna.enter(tag)
    world.run(STALL + 1)
    expect((tag.purchases, len(world.found(NotDebited))), ([], 1), "purchases, and intents that ended as not made")
    world.durable_after = 0.01
    world.run(12 + dialect.reread)
    paid(world, tag)
    return world


@situation("标签提前离开", "the tag leaves before the order")
def left_early(dialect: Dialect) -> World:
    """Nothing is taken, or the card's own purchase is told."""
    world = World(dialect, durable_after=0.5)
    tag = world.inside(car())
    world.connect()
    world.run(3)
    world.antenna.enter(tag)
    while not world.found(TagRead):
        world.run(0.01)
    world.antenna.leave(tag)
    world.run(40)
    expect(tag.purchases, [], "purchases")
    expect(world.found(DebitSettled), [], "settled")
    return world


# --- the table ---------------------------------------------------------------------------------------------------

CAPTURED, TRANSCRIPT, TABLE, ABSENT = "●", "◐", "○", "–"
LEGEND = {
    CAPTURED: "报文格式见于真实抓包，情形为模拟 / its messages are in captured bytes, the situation is simulated",
    TRANSCRIPT: "报文格式见于天线固件记录，情形为模拟 / its messages are in a firmware's transcript, likewise",
    TABLE: "仅据表格，情形为模拟 / tables only; likewise",
    ABSENT: "此协议无此报文 / not in this dialect",
}


def basis(dialect: Dialect, heard: set[type[Message]]) -> str:
    """What a cell rests on: the weakest of the antenna's messages that took part, by the label of their tables."""
    if heard and all("[cap" in (table.__doc__ or "") for table in heard):
        return CAPTURED
    return TRANSCRIPT if heard and all(table.COMMAND in dialect.recorded for table in heard) else TABLE


def cell(dialect: Dialect, play: Situation) -> str:
    """Play one situation; its mark. Raises Wrong."""
    try:
        return basis(dialect, play(dialect).heard)
    except NotInDialect:
        return ABSENT
    except (MessageError, Stuck) as error:
        raise Wrong(str(error)) from error


NO_EVIDENCE = "–"
EVIDENCE = """
## 扣费的凭据 / evidence of a debit

由各协议的报文表生成，方括号为其出处。C8 只在同一次交易内询问，原因见 ARCHITECTURE.md；
此后由同次在场的余额、迟到的 B5 或人工定论。

Made from each dialect's tables, in brackets their sources. C8 is asked within its own trade only (ARCHITECTURE.md
says why); after that the balance within one presence decides, a B5 that still comes, or a person.

| | 终端号见于 / terminal in | C8 指明交易凭 / C8 names the purchase by | C8 应答 / answer to C8 |\
 仍问 C8 的 B5 错误码 / B5 errors after which C8 is asked | 卡内消费记录，仅显示 / the card's records, shown only |
|---|---|---|---|---|---|
"""


def evidence(dialect: Dialect) -> str:
    """What proves a purchase in this dialect: its row of the page."""
    result = _table(dialect.from_antenna, Result, "tac")
    asks = _table(dialect.from_pc, FetchTac, "obu_id")
    answer = _table(dialect.from_antenna, TacFetched, "tac") or result
    records = next((table for table in dialect.from_antenna if _has(table, "records")), None)
    cells = [dialect.name, "B5" if result and _has(result, "terminal") else "B0", *[NO_EVIDENCE] * 4]
    if asks and answer:
        by = "卡序号 / card serial" if _has(asks, "card_serial") else "无，即末笔 / nothing: its last one"
        brings = "时间 / second" if _has(answer, "trade_time") else "余额 / balance"
        cells[2] = f"{by} {_sources(asks)}"
        cells[3] = f"{answer.COMMAND:02X}: TAC, {brings} {_sources(answer)}"
        cells[4] = " ".join(f"{code:02X}" for code in sorted(dialect.doubtful)) or NO_EVIDENCE
    if records:
        cells[5] = f"{records.COMMAND:02X} {_sources(records)}"
    return f"| {' | '.join(cells)} |"


def _table(tables: Sequence[type[Message]], meaning: type[Word], field: str) -> type[Message] | None:
    return next((table for table in tables if table.MEANS is meaning and _has(table, field)), None)


def _has(table: type[Message], field: str) -> bool:
    return any(each.name == field for each in table.FIELDS)


def _sources(table: type[Message]) -> str:
    return " ".join(re.findall(r"\[[^]]+\]", table.__doc__ or ""))


PAGE = """# 天线协议符合性 / conformance of the dialects

每种协议在虚拟时钟上对其模拟天线走完同一组情形：真实的会话、车道和账本逻辑，模拟的天线、标签、卡和道闸。
此表由 `make docs` 生成，测试逐格核对；没有一格是在真实天线上试过的。

Every dialect goes through the same situations against its simulated antenna, on a virtual clock: session, lane and
runner are the real ones. `make docs` writes this table, a test checks every cell; none was tried on a real antenna.

"""


def page(chosen: Sequence[str]) -> str:
    """The whole suite as a page of Markdown. Raises Wrong with all that went wrong, a line each."""
    dialects = [load(name) for name in chosen]
    wrong: list[str] = []

    def mark(dialect: Dialect, en: str, play: Situation) -> str:
        try:
            return cell(dialect, play)
        except Wrong as error:
            wrong.append(f"{dialect.name}, {en}: {error}")
            return ""

    rows = [
        f"| {zh} / {en} | {' | '.join(mark(dialect, en, play) for dialect in dialects)} |"
        for zh, en, play in SITUATIONS
    ]
    if wrong:
        raise Wrong("\n".join(wrong))
    legend = [f"{sign} {text}  " for sign, text in LEGEND.items()]
    head = [f"| | {' | '.join(each.name for each in dialects)} |", f"|---|{':-:|' * len(dialects)}"]
    proofs = [evidence(dialect) for dialect in dialects]
    return PAGE + "\n".join([*legend, "", *head, *rows, ""]) + EVIDENCE + "\n".join([*proofs, ""])


def main() -> int:
    """Run the suite and print its page."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.conformance", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("dialect", nargs="*", help=f"of {', '.join(names())}")
    chosen = parser.parse_args().dialect or names()
    if unknown := set(chosen) - set(names()):
        parser.error(f"no dialect {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    try:
        print(page(chosen), end="")
    except (Wrong, DialectError) as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
