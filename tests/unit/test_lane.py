"""Every way through a lane: what is recorded, what is ordered, and what waits for what."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from drivers.ports import (
    BarrierDown,
    BarrierUp,
    CloseBarrier,
    CloseRefused,
    Debit,
    DebitDone,
    DebitUnknown,
    InputChanged,
    ReaderDown,
    TagRead,
    TagUnreadable,
)
from gateway.lane import checks, core
from gateway.lane.checks import Refusal
from gateway.lane.state import (
    Closing,
    Do,
    Facts,
    Identifying,
    Idle,
    Lane,
    LaneRules,
    Passing,
    Phase,
    Record,
    Waiting,
)
from gateway.ledger.entries import (
    Alarm,
    ArmDown,
    DebitIntended,
    LetThroughAgain,
    NotDebited,
    PassageAbandoned,
    PassageEnded,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.tariff.quote import Line, Paid, Quote
from protocols.china import CHINA
from protocols.obu.values import CREDIT, STORED_VALUE, Card
from tools.crossing import (
    AT,
    AT_NO_COST,
    BOOKED,
    CARD,
    DEBITING,
    DONE,
    DOUBTING,
    ENTRY,
    EXIT,
    FACTS,
    FREE,
    FREE_FLOW,
    GOODBYE,
    GOODBYE_FREE,
    INTENT,
    NOT_SENT,
    NOW,
    OWE,
    PAID_BEFORE,
    PLATE,
    PROOF,
    QUOTE,
    READ,
    READY,
    SETTLED,
    STAY,
    TAG,
    UNSURE,
    WELCOME,
    after_paying,
    later,
    opening,
    passing,
    priced,
    refusal,
    released,
    shown,
    take,
    waiting,
)

# --- entry -------------------------------------------------------------------------------------------------


def test_a_car_is_let_in() -> None:
    lane, actions = take(ENTRY, READY, Facts("b-1"), READ)
    opened = StayOpened("b-1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    assert actions == opening(ENTRY, opened, WELCOME)
    assert lane == replace(READY, phase=passing("b-1"), gone=(PLATE, 1000.0))


@pytest.mark.parametrize("ago", [0, 600])
def test_a_car_that_did_not_get_in_is_let_through_again(ago: float) -> None:
    stay = replace(STAY, entered=AT - timedelta(seconds=ago), passed=False)
    lane, actions = take(ENTRY, READY, Facts("b-2", stay, quote=FREE), READ)
    assert actions == opening(ENTRY, LetThroughAgain("s1"), WELCOME)
    assert lane.phase == passing()


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
    fresh = replace(after_paying(300), entered=AT, passed=False)
    lane, actions = take(ENTRY, READY, Facts("b-2", replace(fresh, **change), quote=FREE), READ)
    opened = StayOpened("b-2", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    superseded = StayClosed("s1", "superseded", 300, 300, None)  # what was paid is no refund
    assert actions == [Record(superseded), *opening(ENTRY, opened, WELCOME)]
    assert lane.phase == passing("b-2")


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
    lane, actions = take(rules, READY, FACTS, read)
    asked = QUOTE if rules is EXIT else None
    assert actions == refusal(rules, why, asked=asked)
    assert lane == replace(READY, phase=waiting(why, STAY if asked else None, asked))


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_tag_that_was_taken_off_its_vehicle_names_none(rules: LaneRules) -> None:
    lane, actions = take(rules, READY, FACTS, replace(READ, tag=replace(TAG, removed=True)))
    refused = Refused("tag removed", PLATE, TAG.obu_id, CARD.number, "")  # as far as it was read
    assert actions == [Record(refused), shown(rules, checks.REMOVED), released(rules)]
    assert lane.phase == Waiting(None, None, None, "tag removed", 1300.0)


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
@pytest.mark.parametrize(("part", "plate", "card"), [("card", PLATE, ""), ("vehicle", "", CARD.number)])
def test_a_tag_without_card_or_vehicle_is_recorded_as_far_as_it_was_read_and_names_nobody_who_waits(
    rules: LaneRules, part: str, plate: str, card: str
) -> None:
    lane, actions = take(rules, READY, FACTS, replace(READ, **{part: None}))
    refused = Refused("unreadable", plate, TAG.obu_id, card, "")
    assert actions == [Record(refused), shown(rules, checks.UNREADABLE), released(rules)]
    assert lane.phase == Waiting(None, None, None, "unreadable", 1300.0)


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_ledger_that_cannot_write_lets_nobody_through(rules: LaneRules) -> None:
    lane, actions = take(rules, READY, replace(FACTS, ledger_fault="disk full"), READ)
    assert lane == READY
    assert actions == [shown(rules, checks.LEDGER), released(rules)]


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_a_stay_that_another_lane_is_debiting_waits(rules: LaneRules) -> None:
    assert take(rules, READY, replace(FACTS, busy=True), READ) == (READY, [released(rules, 1.0)])


def test_a_tag_that_could_not_be_read_is_recorded_and_told() -> None:
    event = TagUnreadable("rsu2", "652bc7a3", "B4", 0x0A)
    refused = Refused("unreadable", "", TAG.obu_id, "", "B4 0A")
    told = [Record(refused), shown(EXIT, checks.UNREADABLE), released(EXIT, 1.0)]
    assert take(EXIT, READY, Facts("b-1"), event) == (READY, told)
    assert take(EXIT, READY, Facts("b-1", ledger_fault="disk full"), event) == (READY, [])
    busy = replace(READY, phase=Passing("s1", 1060.0))
    assert take(EXIT, busy, Facts("b-1"), event) == (busy, [])


# --- exit --------------------------------------------------------------------------------------------------


def test_a_car_without_entry_record_is_refused() -> None:
    lane, actions = take(EXIT, READY, Facts("b-1"), READ)
    assert actions == refusal(EXIT, checks.NO_STAY)
    assert lane.phase == waiting(checks.NO_STAY)


LEFT = replace(STAY, passed=False, left_by="out1", closed=AT - timedelta(seconds=30))


@pytest.mark.parametrize("ago", [0, 600])
def test_a_car_that_did_not_get_out_is_let_through_again(ago: float) -> None:
    left = replace(LEFT, closed=AT - timedelta(seconds=ago))
    lane, actions = take(EXIT, READY, Facts("b-1", None, left), READ)
    assert actions == opening(EXIT, LetThroughAgain("s1"), GOODBYE_FREE)
    assert lane.phase == passing()


@pytest.mark.parametrize(
    "change",
    [{"passed": True}, {"closed": AT - timedelta(seconds=601)}, {"closed": None}, {"left_by": "out2"}],
)
def test_a_car_that_is_out_has_no_entry_record(change: dict[str, object]) -> None:
    facts = Facts("b-1", None, replace(LEFT, **change))
    assert take(EXIT, READY, facts, READ)[1] == refusal(EXIT, checks.NO_STAY)


def test_a_free_stay_ends_without_a_debit() -> None:
    lane, actions = take(EXIT, READY, AT_NO_COST, READ)
    closed = StayClosed("s1", "free", 0, 0, FREE.to_json())
    assert actions == opening(EXIT, closed, GOODBYE_FREE)
    assert lane.phase == passing()


def test_a_stay_that_is_paid_already_ends_without_a_debit() -> None:
    closed = replace(BOOKED, quote=priced(1500).to_json())
    assert take(EXIT, READY, PAID_BEFORE, READ)[1] == opening(EXIT, closed, GOODBYE)


def intended(fen: int = 1500, card: Card = CARD) -> DebitIntended:
    at, price = "2026-11-21T12:00:00+08:00", priced(1500 - fen)
    return DebitIntended("b-1", "s1", TAG.obu_id, card.number, fen, card.balance, at, price.to_json())


def test_a_debit_waits_for_its_intent() -> None:
    lane, actions = take(EXIT, READY, FACTS, READ)
    order = Debit("rsu2", 7, "b-1", TAG.obu_id, 1500, AT.replace(microsecond=0), STAY.entered)
    assert actions == [Record(intended()), Do(order, after=intended())]
    assert lane == replace(READY, phase=DEBITING, debited_at=AT.replace(microsecond=0))


def test_what_is_paid_already_is_not_debited_again() -> None:
    stay, price = after_paying(1400), priced(1400)
    lane, actions = take(EXIT, READY, replace(FACTS, stay=stay, quote=price, asked=price), READ)
    assert actions[0] == Record(intended(100))
    done = DebitDone("rsu2", "b-1", replace(PROOF, balance=9900))
    _, actions = take(EXIT, lane, Facts("b-2", stay, intent=replace(INTENT, fen=100)), done)
    assert Record(replace(BOOKED, quote=price.to_json())) in actions


def test_an_amount_above_the_ceiling_is_for_a_person() -> None:
    rules = replace(EXIT, ceiling=1499)
    lane, actions = take(rules, READY, FACTS, READ)
    assert actions == refusal(rules, checks.CEILING, "1500 fen", QUOTE)
    assert lane.phase == waiting(checks.CEILING, STAY, QUOTE)


@pytest.mark.parametrize(("kind", "debits"), [(STORED_VALUE, False), (CREDIT, True)])
def test_only_stored_value_can_be_too_low(kind: int, *, debits: bool) -> None:
    card = replace(CARD, kind=kind, balance=1499)
    _, actions = take(EXIT, READY, FACTS, replace(READ, card=card))
    if debits:
        assert actions[0] == Record(intended(card=card))
    else:
        assert actions == refusal(EXIT, checks.BALANCE, "1500 fen", QUOTE)


@pytest.mark.parametrize("price", [QUOTE, FREE], ids=["paid", "free"])
@pytest.mark.parametrize("rules", [EXIT, OWE], ids=["hold", "owe"])
def test_between_times_that_are_not_trusted_nothing_is_decided(rules: LaneRules, price: object) -> None:
    facts = replace(FACTS, quote=price, asked=price, doubt=INTENT)
    lane, actions = take(rules, READY, facts, READ, UNSURE)
    assert actions == refusal(rules, checks.CLOCK)  # nor is a price named
    assert lane.phase == waiting(checks.CLOCK, STAY)
    stay = replace(STAY, trusted=False)
    lane, actions = take(rules, READY, replace(facts, stay=stay), READ)
    assert actions == refusal(rules, checks.CLOCK)
    assert lane.phase == waiting(checks.CLOCK, stay)


FIXED = 700


def at_fixed(price: Quote) -> Quote:
    """What a lane asks for in place of this price if it has one for times that are not trusted."""
    line = Line("clock not trusted", "", 1, FIXED, FIXED, 1, 1)
    return replace(price, lines=(line,), caps=(), discounts=(), total=FIXED, free=False)


@pytest.mark.parametrize("price", [QUOTE, FREE], ids=["paid", "free"])
def test_between_such_times_a_lane_may_have_a_fixed_price_and_yet_debits_nobody(price: Quote) -> None:
    rules, facts = replace(EXIT, untrusted=FIXED), replace(FACTS, quote=price, asked=price)
    lane, actions = take(rules, READY, facts, READ, UNSURE)
    assert actions == refusal(rules, checks.CLOCK, asked=at_fixed(price))
    assert lane.phase == waiting(checks.CLOCK, STAY, at_fixed(price))
    ages_ago = replace(STAY, trusted=False, entered=datetime(1970, 1, 1, tzinfo=CHINA))
    lane, actions = take(rules, READY, replace(facts, stay=ages_ago), READ)
    assert actions == refusal(rules, checks.CLOCK, asked=at_fixed(price))


@pytest.mark.parametrize(("fixed", "paid"), [(0, 0), (FIXED, FIXED), (FIXED, FIXED + 1)])
def test_whoever_owes_nothing_at_the_fixed_price_leaves(fixed: int, paid: int) -> None:
    stay = replace(STAY, payments=((NOW.boot, Paid(NOW.wall, paid)),) if paid else ())
    asked = replace(QUOTE, paid=paid)
    facts = replace(FACTS, stay=stay, quote=asked, asked=asked)
    lane, actions = take(replace(EXIT, untrusted=fixed), READY, facts, READ, UNSURE)
    closed = next(action.body for action in actions if isinstance(action, Record))
    assert isinstance(closed, StayClosed)
    assert (closed.reason, closed.due, closed.paid) == ("paid" if paid else "free", fixed, paid)
    assert isinstance(lane.phase, Passing)


def test_a_bad_tag_keeps_nobody_in_who_owes_nothing_at_the_fixed_price() -> None:
    locked = replace(READ, tag=replace(TAG, locked=True))
    lane, _ = take(replace(EXIT, untrusted=0), READY, FACTS, locked, UNSURE)
    assert isinstance(lane.phase, Passing)


def test_a_stay_too_old_has_no_fixed_price() -> None:
    rules = replace(EXIT, untrusted=FIXED, stale=1.0)
    _, actions = take(rules, READY, FACTS, READ)
    assert actions == refusal(rules, checks.STALE)


@pytest.mark.parametrize("fixed", [0, FIXED])
def test_whoever_may_have_paid_already_is_not_asked_for_the_fixed_price_either(fixed: int) -> None:
    rules, facts = replace(EXIT, untrusted=fixed), replace(FACTS, doubt=INTENT)
    lane, actions = take(rules, READY, facts, READ, UNSURE)
    assert actions == refusal(rules, checks.CLOCK)
    assert lane.phase == waiting(checks.CLOCK, STAY)


def test_where_nobody_can_be_held_the_fixed_price_is_owed() -> None:
    rules = replace(EXIT, barrier="", unresolved="owe", untrusted=FIXED)
    _, actions = take(rules, READY, FACTS, READ, UNSURE)
    owed = [action.body for action in actions if isinstance(action, Record)][1]
    assert owed == StayClosed(STAY.id, "owed", FIXED, 0, at_fixed(QUOTE).to_json())


# --- ETC paused --------------------------------------------------------------------------------------------

PAUSED = replace(READY, paused=True)


@pytest.mark.parametrize("rules", [EXIT, replace(EXIT, ceiling=1)], ids=["below", "above the ceiling"])
def test_a_paused_lane_debits_nobody_and_lets_the_tag_go(rules: LaneRules) -> None:
    lane, actions = take(rules, PAUSED, FACTS, READ)
    assert actions == refusal(rules, checks.PAUSED, "1500 fen", QUOTE)
    assert lane == replace(PAUSED, phase=waiting(checks.PAUSED, STAY, QUOTE))


@pytest.mark.parametrize(
    ("rules", "facts"),
    [
        (ENTRY, Facts("b-1")),
        (EXIT, AT_NO_COST),
        (EXIT, PAID_BEFORE),
        (EXIT, Facts("b-1", None, replace(LEFT, closed=AT))),
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
        lane, _ = take(EXIT, lane, replace(FACTS, intent=INTENT), DebitUnknown("rsu2", "b-1", "no result"))
        state = "unresolved"
    lane, actions = take(EXIT, lane, replace(FACTS, intent=replace(INTENT, state=state)), DONE)
    assert actions == [Record(SETTLED), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.paused


def test_a_debit_that_was_not_made_is_not_begun_anew_while_paused() -> None:
    lane = replace(PAUSED, phase=DOUBTING)
    facts = replace(FACTS, fresh="b-2", doubt=replace(INTENT, state="unresolved"))
    lane, actions = take(EXIT, lane, facts, replace(READ, trade=8), later(4))
    not_made = Record(NotDebited("b-1", "the balance is what it was"))
    assert actions == [not_made, *refusal(EXIT, checks.PAUSED, "1500 fen", QUOTE)]
    assert lane == replace(PAUSED, phase=replace(waiting(checks.PAUSED, STAY, QUOTE), until=1304.0))


# --- the barrier -------------------------------------------------------------------------------------------


def test_inputs_are_remembered() -> None:
    rules = replace(EXIT, inputs=frozenset({"presence", "approach", "beyond"}))
    lane = Lane(arm_left_up=True, loops=(("approach", None),))
    for name in ("presence", "opened", "beyond", "approach"):
        lane, actions = take(rules, lane, Facts("b-1"), InputChanged("gate2", name, on=True))
        assert actions == []
    lane, actions = take(rules, lane, Facts("b-1"), InputChanged("gate2", "closed", on=False))
    seen = Lane(occupied=True, beyond=True, arm_closed=False, arm_left_up=True, loops=(("approach", True),))
    assert replace(lane, unknown_at=None) == seen
    lane, _ = take(EXIT, lane, Facts("b-1"), InputChanged("gate2", "presence", on=None))
    assert lane.occupied is None
    lane, _ = take(rules, replace(lane, occupied=False), Facts("b-1"), BarrierDown("gate2", "no answer"))
    assert lane == Lane(arm_left_up=True, loops=(("approach", None),))
    assert take(rules, lane, Facts("b-1"), BarrierUp("gate2")) == (lane, [])
    assert take(rules, lane, Facts("b-1"), ReaderDown("rsu2", "silent")) == (lane, [])


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
    assert (lane, actions) == (replace(READY, gone=(PLATE, 1000.0)), [Record(ArmDown())])


def test_a_close_that_the_driver_refuses_is_recorded() -> None:
    lane = replace(READY, phase=Closing(1015.0))
    lane, actions = take(EXIT, lane, Facts("b-1"), CloseRefused("gate2", "a car"))
    assert actions == [Record(Alarm("close refused", "a car"))]
    assert isinstance(lane.phase, Passing)
    assert lane.phase == Passing("", 1060.0, seen=True, up=True)


STUCK = Lane(occupied=True, arm_closed=False, arm_left_up=True)


@pytest.mark.parametrize(
    "event", [TagUnreadable("rsu2", "652bc7a3", "B4", 1), BarrierDown("gate2", ""), NOT_SENT, None]
)
def test_an_arm_left_up_comes_down_when_its_car_has_gone(event: core.Event) -> None:
    """Whatever else happens in between, as long as nobody else is dealt with."""
    lane, _ = take(EXIT, STUCK, Facts("b-1"), event)
    lane, actions = take(EXIT, lane, Facts("b-1"), InputChanged("gate2", "presence", on=False))
    assert actions == [Do(CloseBarrier("gate2"))]
    assert lane.phase == Closing(1015.0)


def test_an_arm_left_up_comes_down_after_a_debit_that_opened_nothing() -> None:
    lane = replace(STUCK, phase=DEBITING)
    lane, actions = take(EXIT, lane, FACTS, InputChanged("gate2", "presence", on=False))
    assert actions == []  # not while money is under way
    lane, actions = take(EXIT, lane, replace(FACTS, intent=INTENT), NOT_SENT)
    assert actions == [Record(NotDebited("b-1", "too late")), Do(CloseBarrier("gate2"))]
    assert isinstance(lane.phase, Closing)


@pytest.mark.parametrize("arm_closed", [True, False, None])
@pytest.mark.parametrize("occupied", [True, False, None])
@pytest.mark.parametrize("rules", [EXIT, OWE, FREE_FLOW], ids=["hold", "owe", "free flow"])
@pytest.mark.parametrize(
    "phase",
    [
        Idle(),
        Identifying(READ, 1000.5),
        DEBITING,
        DOUBTING,
        waiting(checks.BALANCE, STAY, QUOTE),
        Passing("s1", 1060.0, rising_until=1015.0, up=True),
        Closing(1015.0),
    ],
    ids=lambda phase: type(phase).__name__,
)
def test_silence_leads_to_idle(
    phase: Phase, rules: LaneRules, *, occupied: bool | None, arm_closed: bool | None
) -> None:
    """Law 7: from any state, with whatever is known of the inputs."""
    lane, now = Lane(phase, occupied, arm_closed=arm_closed), NOW
    facts = replace(FACTS, fresh="b-2")
    for _ in range(9):
        if (due := core.deadline(lane)) is None:
            break
        now = replace(now, mono=due)
        before = lane
        lane, _ = take(rules, lane, facts, None, now)
        assert lane != before
    assert lane.phase == Idle()
    assert now.mono - NOW.mono <= 0.5 + 20 + 10 + 300 + 60 + 15


def test_whoever_waits_too_long_is_recorded_as_not_let_through() -> None:
    lane = replace(READY, phase=waiting(checks.BALANCE, STAY, QUOTE))
    assert core.deadline(lane) == 1300.0
    assert take(EXIT, lane, FACTS, None, later(299.9)) == (lane, [])
    lane, actions = take(EXIT, lane, FACTS, None, later(300))
    assert (lane, actions) == (READY, [Record(PassageAbandoned("nobody decided", "s1", PLATE))])


# --- what a lane is to the others --------------------------------------------------------------------------


@pytest.mark.parametrize(("rules", "devices"), [(EXIT, ("rsu2", "gate2")), (FREE_FLOW, ("rsu2",))])
def test_a_lane_hears_the_devices_that_stand_in_it(rules: LaneRules, devices: tuple[str, ...]) -> None:
    assert rules.devices == devices
    assert replace(rules, camera="cam2").devices == (*devices, "cam2")


@pytest.mark.parametrize(
    ("lane", "engaged"),
    [
        (READY, False),
        (replace(READY, phase=Identifying(READ, 1000.5)), False),
        (replace(READY, phase=waiting(checks.BALANCE, STAY, QUOTE)), False),
        (replace(READY, phase=DEBITING), True),
        (replace(READY, phase=DOUBTING), True),
        (replace(READY, phase=Passing("s1", 1060.0)), True),
        (replace(READY, phase=Closing(1015.0)), True),
        (replace(READY, arm_left_up=True), True),
        (replace(READY, kept_open=True), True),
        (replace(READY, fires=frozenset({"gate1"})), True),
    ],
)
def test_the_other_arm_of_an_interlock_waits_while_this_one_is_up_or_will_be(lane: Lane, *, engaged: bool) -> None:
    assert lane.engaged is engaged
