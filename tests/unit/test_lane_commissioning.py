"""A lane in commissioning shows and records what it would do, debits nothing, opens nothing by itself (law 11)."""

from dataclasses import asdict, replace

import pytest

from drivers.ports import CloseBarrier, InputChanged, OpenBarrier, PlateSeen, Release, Show, TagRead, TagUnreadable
from gateway.lane import checks, core
from gateway.lane.state import Do, Facts, Idle, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import (
    Alarm,
    Body,
    DebitIntended,
    EtcSwitched,
    FireAlarm,
    LaneOpened,
    NotDebited,
    OpenedByHand,
    PassageTried,
    PaymentAsked,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Intent
from gateway.orders import LetThrough, SwitchEtc
from tools.crossing import (
    AT_NO_COST,
    CARD,
    ENTRY,
    EXIT,
    FACTS,
    FREE,
    INTENT,
    NOT_SENT,
    OTHER,
    PAID_BEFORE,
    PLATE,
    QUOTE,
    READ,
    READY,
    TAG,
    UNRESOLVED,
    asking,
    bodies,
    later,
    orders,
    released,
    take,
)

TRIAL_IN, TRIAL_OUT = replace(ENTRY, commissioning=True), replace(EXIT, commissioning=True)


def would(*what: Body) -> list[dict[str, object]]:
    return [{"kind": body.KIND, "body": asdict(body)} for body in what]


def tried(*what: Body, plate: str = PLATE, obu_id: str = TAG.obu_id, card: str = CARD.number) -> Record:
    return Record(PassageTried(plate, obu_id, card, would(*what)))


def trial_of(words: Show) -> Do:
    return Do(replace(words, zh=f"调试 {words.zh}", en=f"Trial: {words.en}"))


def rest(lane: Lane) -> Lane:
    """The same lane, but for what its camera has seen."""
    return replace(lane, sight=READY.sight)


# --- tags --------------------------------------------------------------------------------------------------


def test_a_trial_says_what_would_have_been_done_and_opens_nothing() -> None:
    opened = StayOpened("b-1", PLATE, 1, 1, TAG.obu_id, CARD.number)
    words = trial_of(Show("in1", "欢迎光临 测A12345", "Welcome 测A12345"))
    lane, actions = take(TRIAL_IN, READY, Facts("b-1"), READ)
    assert (rest(lane), actions) == (READY, [tried(opened), released(ENTRY), words])
    closed = StayClosed("s1", "free", 0, 0, FREE.to_json())
    words = trial_of(Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan"))
    lane, actions = take(TRIAL_OUT, READY, AT_NO_COST, READ)
    assert (rest(lane), actions) == (READY, [tried(closed), released(EXIT), words])


def test_a_trial_shows_what_would_have_been_debited() -> None:
    at = "2026-11-21T12:00:00+08:00"
    intended = DebitIntended("b-1", "s1", TAG.obu_id, CARD.number, 1500, 10_000, at, QUOTE.to_json())
    words = Do(Show("out1", "调试 应扣 ¥15.00", "Trial: 15.00 yuan to be debited"))
    lane, actions = take(TRIAL_OUT, READY, FACTS, READ)
    assert (rest(lane), actions) == (READY, [tried(intended), words, released(EXIT)])


@pytest.mark.parametrize("paused", [False, True])
def test_a_trial_refuses_as_a_lane_at_work_would_and_asks_nobody_for_money(*, paused: bool) -> None:
    before = replace(READY, paused=paused)
    why, rules = (checks.PAUSED, TRIAL_OUT) if paused else (checks.CEILING, replace(TRIAL_OUT, ceiling=1499))
    refused = Refused(why.code, PLATE, TAG.obu_id, CARD.number, "1500 fen")
    asked, price = asking(QUOTE, why.zh, why.en)
    assert isinstance(asked, Record)
    assert isinstance(price, Do)
    assert isinstance(price.order, Show)
    lane, actions = take(rules, before, FACTS, READ)
    assert rest(lane) == before
    assert actions == [tried(refused, asked.body), released(EXIT), trial_of(price.order)]


def test_a_trial_of_a_tag_that_cannot_be_read() -> None:
    event = TagUnreadable("rsu2", "652bc7a3", "B4", 0x0A)
    words = trial_of(Show("out1", "标签读取失败，请联系管理员", "Tag cannot be read: please call staff"))
    refused = Refused("unreadable", "", TAG.obu_id, "", "B4 0A")
    lane, actions = take(TRIAL_OUT, READY, FACTS, event)
    assert (rest(lane), actions) == (READY, [tried(refused, plate="", card=""), words, released(EXIT, 1.0)])
    _, actions = take(TRIAL_OUT, READY, FACTS, replace(READ, vehicle=None, card=None))
    assert actions[0] == tried(replace(refused, detail=""), plate="", card="")


def test_a_trial_records_nothing_of_what_waits_or_cannot_be_written() -> None:
    assert take(TRIAL_OUT, READY, replace(FACTS, busy=True), READ) == (READY, [released(EXIT, 1.0)])
    facts = replace(FACTS, ledger_fault="disk full")
    lane, actions = take(TRIAL_OUT, READY, facts, READ)
    assert (lane, bodies(actions)) == (READY, [])


@pytest.mark.parametrize("rules", [TRIAL_IN, TRIAL_OUT, replace(TRIAL_OUT, unresolved="owe")], ids=str)
@pytest.mark.parametrize(
    "read",
    [
        READ,
        OTHER,
        replace(READ, tag=replace(TAG, removed=True)),
        replace(READ, tag=replace(TAG, locked=True)),
        replace(READ, card=replace(CARD, plate="测A54321")),
    ],
    ids=lambda read: f"{read.tag.obu_id} {read.tag.removed} {read.tag.locked} {read.card.plate}",
)
@pytest.mark.parametrize("facts", [Facts("b-1"), FACTS, PAID_BEFORE], ids=["none", "due", "paid"])
@pytest.mark.parametrize("doubt", [None, INTENT], ids=["sure", "doubt"])
def test_a_trial_never_debits_opens_or_books(
    rules: LaneRules, read: TagRead, facts: Facts, doubt: Intent | None
) -> None:
    lane, actions = take(rules, READY, replace(facts, doubt=doubt), read)
    assert rest(lane) == READY
    assert [type(body) for body in bodies(actions)] == [PassageTried]
    assert all(isinstance(order, Release | Show) for order in orders(actions))
    assert sum(isinstance(order, Release) for order in orders(actions)) == 1


# --- plates, and tags that wait for the camera -------------------------------------------------------------

SEEN = PlateSeen("cam1", PLATE, 1)
WITH_CAMERA = replace(TRIAL_OUT, camera="cam1")


def test_a_trial_by_plate_says_what_would_have_been_asked_for() -> None:
    lane = READY
    for _ in range(2):
        lane, actions = take(WITH_CAMERA, lane, FACTS, SEEN)
        assert actions == []
    lane, actions = take(WITH_CAMERA, lane, FACTS, None, later(3))
    asked = PaymentAsked("s1", PLATE, 1500, QUOTE.to_json())
    words = Show("out1", "测A12345，请缴费 ¥15.00", "测A12345: please pay 15.00 yuan")
    assert actions == [tried(asked, obu_id="", card=""), trial_of(words)]
    assert lane.phase == Idle()
    assert core.deadline(lane) is None  # the same vehicle is tried once


def test_a_trial_of_a_tag_that_waited_for_the_camera_names_the_tag() -> None:
    lane, actions = take(WITH_CAMERA, READY, FACTS, READ)
    assert actions == []
    lane, actions = take(WITH_CAMERA, lane, FACTS, SEEN)
    assert rest(lane) == READY
    (body,) = bodies(actions)
    assert isinstance(body, PassageTried)
    assert (body.plate, body.obu_id, body.card) == (PLATE, TAG.obu_id, CARD.number)


def test_a_vehicle_that_nothing_identifies_is_tried_once() -> None:
    rules = replace(TRIAL_OUT, inputs=frozenset({"presence", "approach"}))
    lane = replace(READY, loops=(("approach", False),))
    lane, _ = take(rules, lane, Facts("b-1"), InputChanged("gate2", "approach", on=True))
    lane, actions = take(rules, lane, Facts("b-1"), None, later(10))
    refused = Refused("unidentified", "", "", "", "")
    alarm = Alarm("a vehicle waits that nothing identifies", "out1")
    assert bodies(actions) == [PassageTried("", "", "", would(refused, alarm))]
    assert lane.phase == Idle()
    assert core.deadline(lane) is None


# --- people, and what is no decision -----------------------------------------------------------------------


def test_what_people_order_is_done_in_a_trial_too() -> None:
    lane, actions = take(TRIAL_OUT, READY, Facts("b-1"), LetThrough("out1", "li", "test"))
    assert bodies(actions) == [LaneOpened("li", "test", "", "")]
    assert OpenBarrier("gate2") in orders(actions)
    assert isinstance(lane.phase, Passing)
    lane, actions = take(TRIAL_OUT, READY, FACTS, SwitchEtc("out1", on=False, actor="li", reason="test"))
    assert (lane.paused, bodies(actions)) == (True, [EtcSwitched(False, "li", "test")])  # noqa: FBT003  as recorded
    lane, actions = take(TRIAL_OUT, READY, FACTS, InputChanged("gate2", "handset", on=True))
    assert bodies(actions) == [OpenedByHand(1)]


def test_a_fire_raises_the_arm_of_a_trial_too() -> None:
    _, actions = take(TRIAL_OUT, READY, FACTS, InputChanged("gate2", "fire", on=True))
    assert actions == [Do(OpenBarrier("gate2")), Record(FireAlarm(on=True, device="gate2"))]


def test_the_outcome_of_a_debit_begun_before_is_recorded() -> None:
    """A lane may be set to commissioning between two runs: what the last one left is still true."""
    lane, actions = take(TRIAL_OUT, READY, replace(FACTS, intent=UNRESOLVED), NOT_SENT)
    assert (lane, bodies(actions)) == (READY, [NotDebited("b-1", "too late")])


def test_a_trial_still_brings_down_an_arm_that_was_left_up() -> None:
    lane = Lane(arm_left_up=True)
    lane, actions = take(TRIAL_OUT, lane, FACTS, InputChanged("gate2", "presence", on=False))
    assert actions == [Do(CloseBarrier("gate2"))]
