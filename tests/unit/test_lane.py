"""Every way through a lane: what is recorded, what is ordered, and what waits for what."""

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

import pytest

from drivers.ports import (
    BarrierDown,
    BarrierUp,
    CloseBarrier,
    CloseRefused,
    Debit,
    DebitDone,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    InputChanged,
    OpenBarrier,
    ReaderDown,
    Release,
    Show,
    TagRead,
    TagUnreadable,
)
from gateway.lane import checks, core
from gateway.lane.checks import Refusal
from gateway.lane.core import Situation
from gateway.lane.state import (
    Action,
    Closing,
    Debiting,
    Do,
    Doubting,
    Facts,
    Idle,
    Lane,
    LaneRules,
    Passing,
    Record,
)
from gateway.ledger.entries import (
    Alarm,
    ArmDown,
    Body,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    LetThroughAgain,
    Moment,
    NotDebited,
    PassageEnded,
    PassageTried,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Intent, Stay
from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.messages import CHINA
from tools.world import TARIFF

ENTRY = LaneRules("in1", "entry", "rsu1", "gate1", quiet=20.0)
EXIT = LaneRules("out1", "exit", "rsu2", "gate2", quiet=20.0, ceiling=2000)
OWE = replace(EXIT, unresolved="owe")

AT = datetime(2026, 11, 21, 12, 0, 0, 250_000, CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", STORED_VALUE, 16, *WIDE, "测A12345", 10_000, bytes(43))
READ = TagRead("rsu2", 7, TAG, Vehicle("测A12345", 1, 1), CARD)
OTHER = replace(READ, trade=8, tag=replace(TAG, obu_id="00000001"))

# Two hours cost 1500 fen: 500 for the first hour, then 1000 for each one begun.
STAY = Stay("s1", "测A12345", 1, 1, AT - timedelta(hours=2), lane="in1", passed=True)
QUOTE = quote(TARIFF, Parked(STAY.entered, AT))
FREE = quote(TARIFF, Parked(AT - timedelta(minutes=15), AT))
FACTS = Facts("b-1", STAY, None, QUOTE)
INTENT = Intent("b-1", "s1", CARD.number, 1500, 10_000)
PROOF = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, AT.replace(microsecond=0), 8500)
DEBITING = Debiting("b-1", STAY, QUOTE, TAG.obu_id, CARD.number, 1500, 10_000, until=1020.0)
DOUBTING = Doubting(DEBITING, until=1010.0)
READY = Lane(occupied=False, arm_closed=True)

WELCOME = Show("in1", "欢迎光临 测A12345", "Welcome 测A12345")
GOODBYE = Show("out1", "一路平安 ¥15.00", "Goodbye, 15.00 yuan")
BOOKED = StayClosed("s1", "paid", 1500, 1500, QUOTE.to_json())
OWED = StayClosed("s1", "owed", 1500, 0, QUOTE.to_json())

Event = core.DeviceEvent | None


def take(rules: LaneRules, lane: Lane, facts: Facts, event: Event, now: Moment = NOW) -> tuple[Lane, list[Action]]:
    return core.on(Situation(rules, lane, facts, now), event)


def later(seconds: float) -> Moment:
    return replace(NOW, wall=NOW.wall + timedelta(seconds=seconds), mono=NOW.mono + seconds)


def released(rules: LaneRules, quiet: float = 20.0, obu_id: str = TAG.obu_id) -> Do:
    return Do(Release(rules.reader, obu_id, quiet))


def opening(rules: LaneRules, reason: Body, words: Show) -> list[Action]:
    """What follows the record of a reason to open."""
    return [Record(reason), released(rules), Do(OpenBarrier(rules.barrier), reason), Do(words, reason)]


def refusal(rules: LaneRules, why: Refusal, detail: str = "") -> list[Action]:
    refused = Refused(why.code, "测A12345", TAG.obu_id, CARD.number, detail)
    return [Record(refused), Do(Show(rules.name, why.zh, why.en)), released(rules)]


# --- entry -------------------------------------------------------------------------------------------------


def test_a_car_is_let_in() -> None:
    lane, actions = take(ENTRY, READY, Facts("b-1"), READ)
    opened = StayOpened("b-1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    assert actions == opening(ENTRY, opened, WELCOME)
    assert lane == replace(READY, phase=Passing("b-1", 1060.0))


@pytest.mark.parametrize("ago", [0, 600])
def test_a_car_that_did_not_get_in_is_let_through_again(ago: float) -> None:
    stay = replace(STAY, entered=AT - timedelta(seconds=ago), passed=False)
    lane, actions = take(ENTRY, READY, Facts("b-2", stay, None, FREE), READ)
    assert actions == opening(ENTRY, LetThroughAgain("s1"), WELCOME)
    assert lane.phase == Passing("s1", 1060.0)


@pytest.mark.parametrize(
    "change",
    [
        {"passed": True},  # it came in, so it must have left since
        {"lane": "in2"},
        {"lane": ""},  # imported
        {"entered": AT - timedelta(seconds=601)},
        {"entered": AT + timedelta(seconds=601)},
    ],
)
def test_a_stay_whose_exit_was_never_seen_is_superseded(change: dict[str, object]) -> None:
    fresh = replace(STAY, entered=AT, passed=False, paid=300)
    lane, actions = take(ENTRY, READY, Facts("b-2", replace(fresh, **change), None, FREE), READ)
    opened = StayOpened("b-2", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    superseded = StayClosed("s1", "superseded", 0, 300, None)
    assert actions == [Record(superseded), *opening(ENTRY, opened, WELCOME)]
    assert lane.phase == Passing("b-2", 1060.0)


@pytest.mark.parametrize("trusted", [True, False])
def test_cars_come_in_whatever_the_clock_is_worth(*, trusted: bool) -> None:
    seventies = replace(NOW, wall=datetime(1970, 1, 1, tzinfo=CHINA), trusted=False)
    _, actions = take(ENTRY, READY, Facts("b-1"), READ, NOW if trusted else seventies)
    assert isinstance(actions[0], Record)
    assert isinstance(actions[0].body, StayOpened)


# --- refusals, at either end -------------------------------------------------------------------------------

TODAY = AT.date()
DAY = timedelta(days=1)
UNFIT = [
    (replace(READ, tag=replace(TAG, removed=True)), checks.REMOVED),
    (replace(READ, tag=replace(TAG, locked=True)), checks.LOCKED),
    (replace(READ, tag=replace(TAG, has_card=False)), checks.NO_CARD),
    (replace(READ, tag=replace(TAG, card_error=True)), checks.CARD_ERROR),
    (replace(READ, tag=replace(TAG, issued=TODAY + DAY)), checks.TAG_NOT_STARTED),
    (replace(READ, tag=replace(TAG, expires=TODAY - DAY)), checks.TAG_EXPIRED),
    (replace(READ, card=replace(CARD, starts=TODAY + DAY)), checks.CARD_NOT_STARTED),
    (replace(READ, card=replace(CARD, expires=TODAY - DAY)), checks.CARD_EXPIRED),
    (replace(READ, card=replace(CARD, issuer="0123456789abcdef")), checks.ISSUER),
    (replace(READ, card=replace(CARD, plate="测A54321")), checks.PLATE),
]


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
@pytest.mark.parametrize(("read", "why"), UNFIT, ids=[why.code for _, why in UNFIT])
def test_a_tag_that_is_unfit_is_refused(rules: LaneRules, read: TagRead, why: Refusal) -> None:
    assert take(rules, READY, FACTS, read) == (READY, refusal(rules, why))


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
@pytest.mark.parametrize(
    "read",
    [
        replace(READ, tag=replace(TAG, issued=TODAY, expires=TODAY)),
        replace(READ, card=replace(CARD, starts=TODAY, expires=TODAY)),
    ],
)
def test_the_first_and_the_last_day_are_days_of_validity(rules: LaneRules, read: TagRead) -> None:
    lane, _ = take(rules, READY, FACTS, read)
    assert not isinstance(lane.phase, Idle)


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_tag_without_card_or_vehicle_is_recorded_as_far_as_it_was_read(rules: LaneRules) -> None:
    words = Do(Show(rules.name, checks.UNREADABLE.zh, checks.UNREADABLE.en))
    for read, plate, card in (
        (replace(READ, card=None), "测A12345", ""),
        (replace(READ, vehicle=None), "", CARD.number),
    ):
        refused = Refused("unreadable", plate, TAG.obu_id, card, "")
        assert take(rules, READY, FACTS, read)[1] == [Record(refused), words, released(rules)]


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_ledger_that_cannot_write_lets_nobody_through(rules: LaneRules) -> None:
    lane, actions = take(rules, READY, replace(FACTS, ledger_fault="disk full"), READ)
    assert lane == READY
    assert actions == [Do(Show(rules.name, checks.LEDGER.zh, checks.LEDGER.en)), released(rules)]


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_stay_that_another_lane_is_debiting_waits(rules: LaneRules) -> None:
    assert take(rules, READY, replace(FACTS, stay_busy=True), READ) == (READY, [released(rules, 1.0)])


def test_a_tag_that_could_not_be_read_is_recorded_and_told() -> None:
    event = TagUnreadable("rsu2", "652bc7a3", "B4", 0x0A)
    refused = Refused("unreadable", "", TAG.obu_id, "", "B4 0A")
    words = Do(Show("out1", checks.UNREADABLE.zh, checks.UNREADABLE.en))
    assert take(EXIT, READY, Facts("b-1"), event) == (READY, [Record(refused), words, released(EXIT, 1.0)])
    assert take(EXIT, READY, Facts("b-1", ledger_fault="disk full"), event) == (READY, [])
    busy = replace(READY, phase=Passing("s1", 1060.0))
    assert take(EXIT, busy, Facts("b-1"), event) == (busy, [])


# --- exit --------------------------------------------------------------------------------------------------


def test_a_car_without_entry_record_is_refused() -> None:
    assert take(EXIT, READY, Facts("b-1"), READ) == (READY, refusal(EXIT, checks.NO_STAY))


LEFT = replace(STAY, passed=False, closed=AT - timedelta(seconds=30))


@pytest.mark.parametrize("ago", [0, 600])
def test_a_car_that_did_not_get_out_is_let_through_again(ago: float) -> None:
    left = replace(LEFT, closed=AT - timedelta(seconds=ago))
    lane, actions = take(EXIT, READY, Facts("b-1", None, left), READ)
    words = Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan")
    assert actions == opening(EXIT, LetThroughAgain("s1"), words)
    assert lane.phase == Passing("s1", 1060.0)


@pytest.mark.parametrize("change", [{"passed": True}, {"closed": AT - timedelta(seconds=601)}, {"closed": None}])
def test_a_car_that_is_out_has_no_entry_record(change: dict[str, object]) -> None:
    facts = Facts("b-1", None, replace(LEFT, **change))
    assert take(EXIT, READY, facts, READ) == (READY, refusal(EXIT, checks.NO_STAY))


def test_a_free_stay_ends_without_a_debit() -> None:
    lane, actions = take(EXIT, READY, replace(FACTS, quote=FREE), READ)
    closed = StayClosed("s1", "free", 0, 0, FREE.to_json())
    assert actions == opening(EXIT, closed, Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan"))
    assert lane.phase == Passing("s1", 1060.0)


def test_a_stay_that_is_paid_already_ends_without_a_debit() -> None:
    facts = replace(FACTS, stay=replace(STAY, paid=1500))
    assert take(EXIT, READY, facts, READ)[1] == opening(EXIT, BOOKED, GOODBYE)


def intended(fen: int = 1500, card: Card = CARD) -> DebitIntended:
    at = "2026-11-21T12:00:00+08:00"
    return DebitIntended("b-1", "s1", TAG.obu_id, card.number, fen, card.balance, at, QUOTE.to_json())


def test_a_debit_waits_for_its_intent() -> None:
    lane, actions = take(EXIT, READY, FACTS, READ)
    order = Debit("rsu2", 7, "b-1", TAG.obu_id, 1500, AT.replace(microsecond=0), STAY.entered)
    assert actions == [Record(intended()), Do(order, after=intended())]
    assert lane == replace(READY, phase=DEBITING, debited_at=AT.replace(microsecond=0))


def test_what_is_paid_already_is_not_debited_again() -> None:
    lane, actions = take(EXIT, READY, replace(FACTS, stay=replace(STAY, paid=1400)), READ)
    assert actions[0] == Record(intended(100))
    _, actions = take(
        EXIT,
        lane,
        Facts("b-2", intent=replace(INTENT, fen=100)),
        DebitDone("rsu2", "b-1", replace(PROOF, balance=9900)),
    )
    assert Record(BOOKED) in actions


def test_an_amount_above_the_ceiling_is_for_a_person() -> None:
    rules = replace(EXIT, ceiling=1499)
    assert take(rules, READY, FACTS, READ) == (READY, refusal(rules, checks.CEILING, "1500 fen"))


@pytest.mark.parametrize(("kind", "debits"), [(STORED_VALUE, False), (CREDIT, True)])
def test_only_stored_value_can_be_too_low(kind: int, *, debits: bool) -> None:
    card = replace(CARD, kind=kind, balance=1499)
    _, actions = take(EXIT, READY, FACTS, replace(READ, card=card))
    if debits:
        assert actions[0] == Record(intended(card=card))
    else:
        assert actions == refusal(EXIT, checks.BALANCE, "1500 fen")


@pytest.mark.parametrize("price", [QUOTE, FREE], ids=["paid", "free"])
@pytest.mark.parametrize("rules", [EXIT, OWE], ids=["hold", "owe"])
def test_between_times_that_are_not_trusted_nothing_is_decided(rules: LaneRules, price: object) -> None:
    facts = replace(FACTS, quote=price, doubt=INTENT)
    unsure = replace(NOW, trusted=False)
    assert take(rules, READY, facts, READ, unsure) == (READY, refusal(rules, checks.CLOCK))
    facts = replace(facts, stay=replace(STAY, trusted=False))
    assert take(rules, READY, facts, READ) == (READY, refusal(rules, checks.CLOCK))


# --- ETC paused --------------------------------------------------------------------------------------------

PAUSED = replace(READY, paused=True)


@pytest.mark.parametrize("rules", [EXIT, replace(EXIT, ceiling=1)], ids=["below", "above the ceiling"])
def test_a_paused_lane_debits_nobody_and_lets_the_tag_go(rules: LaneRules) -> None:
    assert take(rules, PAUSED, FACTS, READ) == (PAUSED, refusal(rules, checks.PAUSED, "1500 fen"))


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        (ENTRY, Facts("b-1")),
        (EXIT, replace(FACTS, quote=FREE)),
        (EXIT, replace(FACTS, stay=replace(STAY, paid=1500))),
        (EXIT, Facts("b-1", None, replace(STAY, passed=False, closed=AT))),
        (EXIT, Facts("b-1")),
        (OWE, replace(FACTS, doubt=INTENT)),
    ],
    ids=["entry", "free", "paid", "again", "no stay", "in doubt"],
)
def test_a_pause_changes_nothing_where_no_tag_is_debited(rules: LaneRules, facts: Facts) -> None:
    lane, actions = take(rules, READY, facts, READ)
    assert take(rules, PAUSED, facts, READ) == (replace(lane, paused=True), actions)


@pytest.mark.parametrize("unknown", [False, True])
def test_a_debit_under_way_when_the_pause_comes_ends_as_it_would(*, unknown: bool) -> None:
    lane, _ = take(EXIT, READY, FACTS, READ)
    lane, state = replace(lane, paused=True), "open"
    if unknown:
        lane, _ = take(EXIT, lane, Facts("b-2", intent=INTENT), DebitUnknown("rsu2", "b-1", "no result"))
        state = "unresolved"
    lane, actions = take(EXIT, lane, Facts("b-2", intent=replace(INTENT, state=state)), DONE)
    assert actions == [Record(SETTLED), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.paused


def test_a_debit_that_was_not_made_is_not_begun_anew_while_paused() -> None:
    lane = replace(PAUSED, phase=DOUBTING)
    facts = replace(FACTS, fresh="b-2", doubt=replace(INTENT, state="unresolved"))
    lane, actions = take(EXIT, lane, facts, replace(READ, trade=8))
    not_made = Record(NotDebited("b-1", "the balance is what it was"))
    assert (lane, actions) == (PAUSED, [not_made, *refusal(EXIT, checks.PAUSED, "1500 fen")])


# --- commissioning -----------------------------------------------------------------------------------------

TRIAL_IN, TRIAL_OUT = replace(ENTRY, commissioning=True), replace(EXIT, commissioning=True)


def tried(*bodies: Body) -> Record:
    would = [{"kind": body.KIND, "body": asdict(body)} for body in bodies]
    return Record(PassageTried("测A12345", TAG.obu_id, CARD.number, would))


def test_a_trial_says_what_would_have_been_done_and_opens_nothing() -> None:
    opened = StayOpened("b-1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    words = Do(Show("in1", "调试 欢迎光临 测A12345", "Trial: Welcome 测A12345"))
    assert take(TRIAL_IN, READY, Facts("b-1"), READ) == (READY, [tried(opened), released(ENTRY), words])
    closed = StayClosed("s1", "free", 0, 0, FREE.to_json())
    words = Do(Show("out1", "调试 一路平安 ¥0.00", "Trial: Goodbye, 0.00 yuan"))
    facts = replace(FACTS, quote=FREE)
    assert take(TRIAL_OUT, READY, facts, READ) == (READY, [tried(closed), released(EXIT), words])


def test_a_trial_shows_what_would_have_been_debited() -> None:
    words = Do(Show("out1", "调试 应扣 ¥15.00", "Trial: 15.00 yuan to be debited"))
    assert take(TRIAL_OUT, READY, FACTS, READ) == (READY, [tried(intended()), words, released(EXIT)])


@pytest.mark.parametrize("paused", [False, True])
def test_a_trial_refuses_as_a_lane_at_work_would(*, paused: bool) -> None:
    lane = replace(READY, paused=paused)
    why, rules = (checks.PAUSED, TRIAL_OUT) if paused else (checks.CEILING, replace(TRIAL_OUT, ceiling=1499))
    refused = Refused(why.code, "测A12345", TAG.obu_id, CARD.number, "1500 fen")
    words = Do(Show("out1", f"调试 {why.zh}", f"Trial: {why.en}"))
    assert take(rules, lane, FACTS, READ) == (lane, [tried(refused), words, released(EXIT)])


def test_a_trial_of_a_tag_that_cannot_be_read() -> None:
    event = TagUnreadable("rsu2", "652bc7a3", "B4", 0x0A)
    words = Do(Show("out1", f"调试 {checks.UNREADABLE.zh}", f"Trial: {checks.UNREADABLE.en}"))
    refused = Refused("unreadable", "", TAG.obu_id, "", "B4 0A")
    body = PassageTried("", TAG.obu_id, "", [{"kind": refused.KIND, "body": asdict(refused)}])
    assert take(TRIAL_OUT, READY, FACTS, event) == (READY, [Record(body), words, released(EXIT, 1.0)])
    _, actions = take(TRIAL_OUT, READY, FACTS, replace(READ, vehicle=None, card=None))
    assert isinstance(actions[0], Record)
    assert isinstance(actions[0].body, PassageTried)
    assert (actions[0].body.plate, actions[0].body.card) == ("", "")


def test_a_trial_records_nothing_of_what_waits_or_cannot_be_written() -> None:
    assert take(TRIAL_OUT, READY, replace(FACTS, stay_busy=True), READ) == (READY, [released(EXIT, 1.0)])
    words = Do(Show("out1", f"调试 {checks.LEDGER.zh}", f"Trial: {checks.LEDGER.en}"))
    facts = replace(FACTS, ledger_fault="disk full")
    assert take(TRIAL_OUT, READY, facts, READ) == (READY, [words, released(EXIT)])


@pytest.mark.parametrize("rules", [TRIAL_IN, TRIAL_OUT, replace(TRIAL_OUT, unresolved="owe")], ids=str)
@pytest.mark.parametrize("read", [READ, OTHER, *[read for read, _ in UNFIT]], ids=lambda read: read.tag.obu_id)
@pytest.mark.parametrize("stay", [None, STAY, replace(STAY, paid=1500)], ids=["none", "due", "paid"])
@pytest.mark.parametrize("doubt", [None, INTENT], ids=["sure", "doubt"])
def test_a_trial_never_debits_opens_or_books(
    rules: LaneRules, read: TagRead, stay: Stay | None, doubt: Intent | None
) -> None:
    lane, actions = take(rules, READY, Facts("b-1", stay, None, QUOTE if stay else None, doubt), read)
    assert lane == READY
    records = [action for action in actions if isinstance(action, Record)]
    orders = [action.order for action in actions if isinstance(action, Do)]
    assert all(isinstance(record.body, PassageTried) for record in records)
    assert all(isinstance(order, Release | Show) for order in orders)
    assert (len(records), len(orders)) == (1, 2)


def test_a_trial_still_brings_down_an_arm_that_was_left_up() -> None:
    lane = Lane(arm_left_up=True)
    lane, actions = take(TRIAL_OUT, lane, FACTS, InputChanged("gate2", "presence", on=False))
    assert actions == [Do(CloseBarrier("gate2"))]


# --- the outcome of a debit --------------------------------------------------------------------------------

DONE = DebitDone("rsu2", "b-1", PROOF)
UNKNOWN = DebitUnknown("rsu2", "b-1", "no result")
NOT_SENT = DebitNotSent("rsu2", "b-1", "too late")
SETTLED = DebitSettled("b-1", "result", {**asdict(PROOF), "at": "2026-11-21T12:00:00+08:00"}, 8500)


@pytest.mark.parametrize(
    ("phase", "state"), [(DEBITING, "open"), (DOUBTING, "unresolved"), (DEBITING, "unresolved")]
)
def test_a_debit_that_was_made_ends_the_stay(phase: Debiting | Doubting, state: str) -> None:
    facts = Facts("b-2", intent=replace(INTENT, state=state))
    lane, actions = take(EXIT, replace(READY, phase=phase), facts, DONE)
    assert actions == [Record(SETTLED), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.phase == Passing("s1", 1060.0)


def test_a_balance_that_does_not_add_up_is_told() -> None:
    done = replace(DONE, proof=replace(PROOF, balance=8400))
    _, actions = take(EXIT, replace(READY, phase=DEBITING), Facts("b-2", intent=INTENT), done)
    alarm = Alarm("balance does not add up", "b-1: balance 8400, expected 8500")
    assert [action.body for action in actions if isinstance(action, Record)][1] == alarm
    assert Do(OpenBarrier("gate2"), BOOKED) in actions


@pytest.mark.parametrize(("phase", "state"), [(DEBITING, "open"), (DOUBTING, "unresolved")])
def test_a_debit_that_never_left_was_not_made(phase: Debiting | Doubting, state: str) -> None:
    facts = Facts("b-2", intent=replace(INTENT, state=state))
    lane, actions = take(EXIT, replace(READY, phase=phase), facts, NOT_SENT)
    assert (lane, actions) == (READY, [Record(NotDebited("b-1", "too late"))])


def test_a_debit_without_known_outcome_waits_for_evidence() -> None:
    lane, actions = take(EXIT, replace(READY, phase=DEBITING), Facts("b-2", intent=INTENT), UNKNOWN)
    assert actions == [Record(DebitUnresolved("b-1", "no result"))]
    assert lane.phase == DOUBTING
    # Said once more, it is no news.
    facts = Facts("b-3", intent=replace(INTENT, state="unresolved"))
    assert take(EXIT, lane, facts, UNKNOWN) == (lane, [])


def test_a_reader_that_says_nothing_leaves_a_doubt() -> None:
    lane = replace(READY, phase=DEBITING)
    assert core.deadline(lane) == 1020.0
    assert take(EXIT, lane, Facts("b-2"), None, later(19.9)) == (lane, [])
    lane, actions = take(EXIT, lane, Facts("b-2"), None, later(20))
    assert actions == [Record(DebitUnresolved("b-1", "no outcome from the reader"))]
    assert lane.phase == Doubting(DEBITING, 1030.0)
    assert core.deadline(lane) == 1030.0


@pytest.mark.parametrize("phase", [Idle(), Passing("s2", 1060.0), replace(DEBITING, intent="b-9")])
@pytest.mark.parametrize("state", ["open", "unresolved"])
def test_an_outcome_that_comes_late_is_recorded_and_opens_nothing(phase: Idle, state: str) -> None:
    lane = replace(READY, phase=phase)
    facts = Facts("b-2", intent=replace(INTENT, state=state))
    assert take(EXIT, lane, facts, DONE) == (lane, [Record(SETTLED)])
    assert take(EXIT, lane, facts, NOT_SENT) == (lane, [Record(NotDebited("b-1", "too late"))])
    unresolved = [Record(DebitUnresolved("b-1", "no result"))] if state == "open" else []
    assert take(EXIT, lane, facts, UNKNOWN) == (lane, unresolved)


SERIALS = "b-1: TAC 570bf7dc, terminal 01370004727f 35, card serial 63"


@pytest.mark.parametrize(
    ("intent", "alarm"),
    [
        (None, "debit reported against its record"),
        (replace(INTENT, state="not made"), "debit reported against its record"),
        (replace(INTENT, state="settled"), "proof of a settled debit came late"),
        (replace(INTENT, state="settled", proven=True), None),
    ],
)
def test_an_outcome_against_the_record_is_for_a_person(intent: Intent | None, alarm: str | None) -> None:
    facts = Facts("b-2", intent=intent)
    assert take(EXIT, READY, facts, DONE) == (READY, [Record(Alarm(alarm, SERIALS))] if alarm else [])
    assert take(EXIT, READY, facts, UNKNOWN) == (READY, [])
    assert take(EXIT, READY, facts, NOT_SENT) == (READY, [])


@pytest.mark.parametrize(("last", "at"), [(None, 0), (-1, 0), (0, 1), (2, 3), (60, 0)])
def test_no_two_debits_of_a_lane_have_the_same_second(last: int | None, at: int) -> None:
    now = AT.replace(microsecond=0)
    before = None if last is None else now + timedelta(seconds=last)  # a clock that was set back is followed
    lane, actions = take(EXIT, replace(READY, debited_at=before), FACTS, READ)
    (order,) = [action.order for action in actions if isinstance(action, Do) and isinstance(action.order, Debit)]
    assert order.at == lane.debited_at == now + timedelta(seconds=at)


# --- evidence, and policy where there is none --------------------------------------------------------------

DOUBT = replace(FACTS, fresh="b-2", doubt=replace(INTENT, state="unresolved"))
IN_DOUBT = replace(READY, phase=DOUBTING)
HELD = [
    Record(Refused("earlier debit unresolved", "测A12345", TAG.obu_id, "", "b-1")),
    Do(Show("out1", checks.IN_DOUBT.zh, checks.IN_DOUBT.en)),
    released(EXIT),
]


def again(balance: int, number: str = CARD.number) -> TagRead:
    return replace(READ, trade=9, card=replace(CARD, balance=balance, number=number))


def test_a_balance_less_the_amount_settles() -> None:
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, again(8500))
    assert actions == [Record(DebitSettled("b-1", "balance", None, 8500)), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.phase == Passing("s1", 1060.0)


def test_a_balance_that_is_what_it_was_tells_that_nothing_was_taken_and_it_is_tried_anew() -> None:
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, again(10_000))
    anew = replace(intended(), intent="b-2")
    order = Debit("rsu2", 9, "b-2", TAG.obu_id, 1500, AT.replace(microsecond=0), STAY.entered)
    not_made = NotDebited("b-1", "the balance is what it was")
    assert actions == [Record(not_made), Record(anew), Do(order, after=anew)]
    assert lane.phase == replace(DEBITING, intent="b-2")


def test_what_was_not_taken_may_still_be_refused() -> None:
    expired = replace(again(10_000), tag=replace(TAG, expires=TODAY - DAY))
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, expired)
    not_made = Record(NotDebited("b-1", "the balance is what it was"))
    assert (lane, actions) == (READY, [not_made, *refusal(EXIT, checks.TAG_EXPIRED)])


def test_another_doubt_is_not_settled_along_with_this_one() -> None:
    older = replace(INTENT, id="b-0", state="unresolved")
    _, actions = take(EXIT, IN_DOUBT, replace(DOUBT, doubt=older), again(10_000))
    held = Refused("earlier debit unresolved", "测A12345", TAG.obu_id, "", "b-0")
    assert actions[:2] == [Record(NotDebited("b-1", "the balance is what it was")), Record(held)]


NO_EVIDENCE = [again(9_000), again(8500, number="0" * 20), again(10_000, number="0" * 20), replace(READ, card=None)]


@pytest.mark.parametrize("read", NO_EVIDENCE)
def test_any_other_balance_or_card_is_no_evidence(read: TagRead) -> None:
    assert take(EXIT, IN_DOUBT, DOUBT, read) == (READY, HELD)
    lane, actions = take(OWE, IN_DOUBT, DOUBT, read)
    assert actions == opening(OWE, OWED, Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan"))
    assert lane.phase == Passing("s1", 1060.0)


def test_without_evidence_policy_decides() -> None:
    assert core.deadline(IN_DOUBT) == 1010.0
    assert take(EXIT, IN_DOUBT, Facts("b-2"), None, later(9.9)) == (IN_DOUBT, [])
    assert take(EXIT, IN_DOUBT, Facts("b-2"), None, later(10)) == (READY, HELD)
    lane, actions = take(OWE, IN_DOUBT, Facts("b-2"), None, later(10))
    assert actions == opening(OWE, OWED, Show("out1", "一路平安 ¥0.00", "Goodbye, 0.00 yuan"))
    assert lane.phase == Passing("s1", 1070.0)


def test_a_stay_in_doubt_is_not_debited_again() -> None:
    """After the presence has ended, or the gateway was started anew, a balance is no evidence."""
    for balance in (8500, 10_000):
        assert take(EXIT, READY, DOUBT, again(balance)) == (READY, HELD)
        assert take(OWE, READY, DOUBT, again(balance))[1][0] == Record(OWED)


@pytest.mark.parametrize("phase", [DEBITING, DOUBTING, Passing("s1", 1060.0), Closing("s1", 1015.0)])
def test_a_follower_is_sent_back_for_a_moment(phase: Debiting) -> None:
    lane = replace(READY, phase=phase)
    assert take(EXIT, lane, FACTS, OTHER) == (lane, [released(EXIT, 1.0, "00000001")])


def test_a_tag_that_is_being_debited_is_left_to_its_order() -> None:
    lane = replace(READY, phase=DEBITING)
    assert take(EXIT, lane, FACTS, READ) == (lane, [])


def test_the_stay_of_a_lane_is_that_of_its_debit() -> None:
    assert replace(READY, phase=DEBITING).stay == "s1"
    assert IN_DOUBT.stay == "s1"
    assert READY.stay is None
    assert replace(READY, phase=Passing("s1", 1060.0)).stay is None


# --- the barrier -------------------------------------------------------------------------------------------


def test_inputs_are_remembered() -> None:
    lane = Lane()
    for name, on in (("presence", True), ("closed", False), ("opened", True), ("fire", True)):
        lane, actions = take(EXIT, lane, Facts("b-1"), InputChanged("gate2", name, on))
        assert actions == []
    assert lane == Lane(occupied=True, arm_closed=False)
    lane, _ = take(EXIT, lane, Facts("b-1"), InputChanged("gate2", "presence", on=None))
    assert lane.occupied is None
    lane, _ = take(EXIT, replace(lane, occupied=False), Facts("b-1"), BarrierDown("gate2", "no answer"))
    assert lane == Lane()
    assert take(EXIT, lane, Facts("b-1"), BarrierUp("gate2")) == (lane, [])
    assert take(EXIT, lane, Facts("b-1"), ReaderDown("rsu2", "silent")) == (lane, [])


def test_a_passage_from_tag_to_arm_down() -> None:
    facts = Facts("b-1")
    lane, _ = take(ENTRY, READY, facts, READ)
    for second, event in (
        (1, InputChanged("gate1", "closed", on=False)),
        (2, InputChanged("gate1", "presence", on=True)),
        (4, InputChanged("gate1", "presence", on=False)),
    ):
        lane, actions = take(ENTRY, lane, facts, event, later(second))
        assert actions == []
    lane, actions = take(ENTRY, lane, facts, None, later(4.5))
    assert actions == [Record(PassageEnded("b-1", "passed")), Do(CloseBarrier("gate1"))]
    lane, actions = take(ENTRY, lane, facts, InputChanged("gate1", "closed", on=True), later(6))
    assert (lane, actions) == (READY, [Record(ArmDown())])


def test_a_close_that_the_driver_refuses_is_recorded() -> None:
    lane = replace(READY, phase=Closing("s1", 1015.0))
    lane, actions = take(EXIT, lane, Facts("b-1"), CloseRefused("gate2", "a car"))
    assert actions == [Record(Alarm("close refused", "a car"))]
    assert lane.phase == Passing("s1", 1060.0, seen=True)


STUCK = Lane(occupied=True, arm_closed=False, arm_left_up=True)


@pytest.mark.parametrize(
    "event", [READ, TagUnreadable("rsu2", "652bc7a3", "B4", 1), BarrierDown("gate2", ""), NOT_SENT]
)
def test_an_arm_left_up_comes_down_when_its_car_has_gone(event: Event) -> None:
    """Whatever else happens in between, as long as nobody else is let through."""
    lane, _ = take(EXIT, STUCK, Facts("b-1"), event)
    lane, actions = take(EXIT, lane, Facts("b-1"), InputChanged("gate2", "presence", on=False))
    assert actions == [Do(CloseBarrier("gate2"))]
    assert lane.phase == Closing("", 1015.0)


@pytest.mark.parametrize(
    "end",
    [
        lambda lane: take(EXIT, lane, Facts("b-2", intent=INTENT), NOT_SENT),
        lambda lane: take(EXIT, replace(lane, phase=DOUBTING), Facts("b-2"), None, later(10)),
        lambda lane: take(EXIT, replace(lane, phase=DOUBTING), DOUBT, again(1)),
    ],
    ids=["not sent", "held at the end", "held by the tag"],
)
def test_an_arm_left_up_comes_down_after_a_debit_that_opened_nothing(
    end: Callable[[Lane], tuple[Lane, list[Action]]],
) -> None:
    lane = replace(STUCK, phase=DEBITING)
    lane, actions = take(EXIT, lane, FACTS, InputChanged("gate2", "presence", on=False))
    assert actions == []  # not while money is under way
    lane, actions = end(lane)
    assert actions[-1] == Do(CloseBarrier("gate2"))
    assert isinstance(lane.phase, Closing)


@pytest.mark.parametrize("arm_closed", [True, False, None])
@pytest.mark.parametrize("occupied", [True, False, None])
@pytest.mark.parametrize("rules", [EXIT, OWE], ids=["hold", "owe"])
@pytest.mark.parametrize("phase", [DEBITING, DOUBTING, Passing("s1", 1060.0), Closing("s1", 1015.0), Idle()])
def test_silence_leads_to_idle(
    phase: Debiting | Doubting | Passing | Closing | Idle, rules: LaneRules, occupied: object, arm_closed: object
) -> None:
    """Law 7: from any state, with whatever is known of the inputs."""
    lane, now = Lane(phase, occupied, arm_closed), NOW
    for _ in range(5):
        if (due := core.deadline(lane)) is None:
            break
        now = replace(now, mono=due)
        before = lane
        lane, _ = take(rules, lane, Facts("b-2"), None, now)
        assert lane != before
    assert lane.phase == Idle()
    assert now.mono - NOW.mono <= 20 + 10 + 60 + 15
