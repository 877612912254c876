"""One vehicle at one lane, for tests of the lane core: its tag and stay, what is known of it, a step taken."""

from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

from drivers.ports import DebitDone, DebitNotSent, DebitProof, DebitUnknown, OpenBarrier, Release, Show, TagRead
from gateway.lane import core
from gateway.lane.checks import Refusal
from gateway.lane.state import (
    Action,
    Debiting,
    Do,
    Doubting,
    Facts,
    Lane,
    LaneRules,
    Passing,
    Record,
    Situation,
    Waiting,
)
from gateway.ledger.entries import Body, DebitSettled, Moment, PaymentAsked, Refused, StayClosed
from gateway.ledger.stays import Intent, Stay
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Paid, Parked, Quote, yuan
from protocols.china import CHINA
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle
from tools.world import TARIFF

ENTRY = LaneRules("in1", "entry", "rsu1", "gate1", quiet=20.0)
EXIT = LaneRules("out1", "exit", "rsu2", "gate2", quiet=20.0, ceiling=2000)
OWE = replace(EXIT, unresolved="owe")
FREE_FLOW = replace(EXIT, barrier="", inputs=frozenset())

AT = datetime(2026, 11, 21, 12, 0, 0, 250_000, CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
UNSURE = replace(NOW, trusted=False)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
PLATE = "测A12345"
TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", STORED_VALUE, 16, *WIDE, PLATE, 10_000, bytes(43))
READ = TagRead("rsu2", 7, TAG, Vehicle(PLATE, 1, 1), CARD)
OTHER = replace(
    READ,
    trade=8,
    tag=replace(TAG, obu_id="00000001"),
    vehicle=Vehicle("测A54321", 1, 1),
    card=replace(CARD, number="37010000000000000002", plate="测A54321"),
)
"""The tag of another vehicle."""

STAY = Stay("s1", PLATE, 1, 1, AT - timedelta(hours=2), lane="in1", passed=True)


def priced(paid: int = 0) -> Quote:
    """What two hours cost, 1500 fen, of which so much is paid: 500 for the first hour, 1000 for each one begun."""
    return quote(TARIFF, Parked(STAY.entered, AT), Context(paid=(Paid(AT, paid),) if paid else ()))


def after_paying(fen: int) -> Stay:
    """The stay when so much has been paid for it."""
    return replace(STAY, payments=(("boot", Paid(AT, fen)),))


QUOTE = priced()
FREE = quote(TARIFF, Parked(AT - timedelta(minutes=15), AT))
FACTS = Facts("b-1", STAY, quote=QUOTE, asked=QUOTE)
AT_NO_COST = replace(FACTS, quote=FREE, asked=FREE)
PAID_BEFORE = Facts("b-1", after_paying(1500), quote=priced(1500), asked=priced(1500))
INTENT = Intent("b-1", "s1", CARD.number, 1500, 10_000, TAG.obu_id, "2026-11-21T12:00:00+08:00")
UNRESOLVED = replace(INTENT, state="unresolved")
PROOF = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, AT.replace(microsecond=0), 8500)
DEBITING = Debiting("b-1", STAY, QUOTE, TAG.obu_id, CARD.number, 1500, 10_000, begun=1000.0, until=1020.0)
DOUBTING = Doubting(DEBITING, until=1010.0)
READY = Lane(occupied=False, arm_closed=True)

WELCOME = Show("in1", "欢迎光临 测A12345", "Welcome 测A12345")
GOODBYE = Show("out1", "一路平安 ¥15.00", "Goodbye, 15.00 yuan")
GOODBYE_FREE = Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan")
BOOKED = StayClosed("s1", "paid", 1500, 1500, QUOTE.to_json())
OWED = StayClosed("s1", "owed", 1500, 0, QUOTE.to_json())
DONE = DebitDone("rsu2", "b-1", PROOF)
UNKNOWN = DebitUnknown("rsu2", "b-1", "no result")
NOT_SENT = DebitNotSent("rsu2", "b-1", "too late")
SETTLED = DebitSettled("b-1", "result", {**asdict(PROOF), "at": "2026-11-21T12:00:00+08:00"}, 8500)


def take(
    rules: LaneRules, lane: Lane, facts: Facts, event: core.Event, now: Moment = NOW
) -> tuple[Lane, list[Action]]:
    """One step of the core."""
    return core.on(Situation(rules, lane, facts, now), event)


def later(seconds: float) -> Moment:
    """So many seconds after `NOW`."""
    return replace(NOW, wall=NOW.wall + timedelta(seconds=seconds), mono=NOW.mono + seconds)


def released(rules: LaneRules, quiet: float = 20.0, obu_id: str = TAG.obu_id) -> Do:
    """The tag is let go of."""
    return Do(Release(rules.reader, obu_id, quiet))


def opening(rules: LaneRules, reason: Body, words: Show) -> list[Action]:
    """A reason to open, and what follows from it."""
    return [Record(reason), released(rules), Do(OpenBarrier(rules.barrier), reason), Do(words, reason)]


def shown(rules: LaneRules, why: Refusal) -> Do:
    """The words of this refusal."""
    return Do(Show(rules.name, f"{why.zh}，{why.do_zh}", f"{why.en}: {why.do_en}"))


def refusal(rules: LaneRules, why: Refusal, detail: str = "", asked: Quote | None = None) -> list[Action]:
    """The tag is refused, or the driver asked for what is due by this quote in place of it."""
    refused = Record(Refused(why.code, PLATE, TAG.obu_id, CARD.number, detail))
    if asked is None:
        return [refused, shown(rules, why), released(rules)]
    return [refused, released(rules), *asking(asked, why.zh, why.en)]


def asking(price: Quote = QUOTE, zh: str = PLATE, en: str = PLATE) -> list[Action]:
    """The driver is asked for what is due by this quote, in these words."""
    asked = PaymentAsked("s1", PLATE, price.due, price.to_json())
    words = Show("out1", f"{zh}，请缴费 ¥{yuan(price.due)}", f"{en}: please pay {yuan(price.due)} yuan")
    return [Record(asked), Do(words, asked)]


def waiting(why: Refusal | None, stay: Stay | None = None, price: Quote | None = None) -> Waiting:
    """Refused now, or, without a refusal, only asked for money."""
    return Waiting((PLATE, 1), stay, price, why.code if why else "", 1300.0)


def passing(stay: str = "s1") -> Passing:
    """Let through now, under an arm that is down."""
    return Passing(stay, 1060.0, rising_until=1015.0)


def bodies(actions: list[Action]) -> list[Body]:
    """What is recorded."""
    return [action.body for action in actions if isinstance(action, Record)]


def orders(actions: list[Action]) -> list[object]:
    """What is ordered or shown."""
    return [action.order for action in actions if isinstance(action, Do)]
