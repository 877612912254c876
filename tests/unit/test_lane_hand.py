"""What people do: orders with a name and a reason in every phase, the handset, the button, the fire alarm."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ports import BarrierUp, CloseBarrier, InputChanged, OpenBarrier, Show
from gateway.lane import checks, core
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
)
from gateway.ledger.entries import (
    Alarm,
    Body,
    EtcSwitched,
    FireAlarm,
    LaneClosed,
    LaneHeld,
    LaneOpened,
    OpenedByHand,
    PassageAbandoned,
    PassageEnded,
    StayClosed,
    StayOpened,
)
from gateway.ledger.lists import UNKNOWN_CLASS
from gateway.orders import CloseArm, HoldOpen, LetThrough, SwitchEtc
from tools.crossing import (
    AT,
    DEBITING,
    DOUBTING,
    ENTRY,
    EXIT,
    FACTS,
    FREE_FLOW,
    GOODBYE_FREE,
    PLATE,
    QUOTE,
    READ,
    READY,
    STAY,
    UNSURE,
    WELCOME,
    after_paying,
    bodies,
    later,
    orders,
    passing,
    priced,
    released,
    take,
    waiting,
)

WHO = "li", "queue to the street"
OPEN, CLOSE = Do(OpenBarrier("gate2")), Do(CloseBarrier("gate2"))
NOBODY = Facts("b-9")
WITH_CAMERA = replace(EXIT, camera="cam2")
"""A tag waits here until the camera has said something."""
UP = Passing("s1", 1060.0, up=True)

PHASES: list[Phase] = [
    Idle(),
    Identifying(READ, 1000.5),
    DEBITING,
    DOUBTING,
    waiting(checks.BALANCE, STAY, QUOTE),
    UP,
    Closing(1015.0),
]
in_every_phase = pytest.mark.parametrize("phase", PHASES, ids=lambda phase: type(phase).__name__)


def not_done(order: object, why: str) -> Alarm:
    return Alarm("order not carried out", f"{type(order).__name__} by li (queue to the street): {why}")


# --- ETC on and off ----------------------------------------------------------------------------------------


@in_every_phase
def test_etc_is_switched_off_and_on_and_nothing_else_changes(phase: Phase) -> None:
    lane = replace(READY, phase=phase)
    off, actions = take(EXIT, lane, FACTS, SwitchEtc("out1", on=False, actor="li", reason="why"))
    assert (off, bodies(actions)) == (replace(lane, paused=True), [EtcSwitched(on=False, actor="li", reason="why")])
    on, actions = take(EXIT, off, FACTS, SwitchEtc("out1", on=True, actor="li", reason="why"))
    assert (on, bodies(actions)) == (lane, [EtcSwitched(on=True, actor="li", reason="why")])


@pytest.mark.parametrize("on", [True, False])
def test_a_switch_that_stands_so_already_is_no_entry(*, on: bool) -> None:
    lane = replace(READY, paused=not on)
    assert take(EXIT, lane, FACTS, SwitchEtc("out1", on, "li", "why")) == (lane, [])


# --- held open ---------------------------------------------------------------------------------------------

HOLD, LET_GO = HoldOpen("out1", True, *WHO), HoldOpen("out1", False, *WHO)  # noqa: FBT003  as a platform says it
HELD = replace(READY, arm_closed=False, kept_open=True)


@in_every_phase
def test_an_arm_is_held_open_when_that_is_durable(phase: Phase) -> None:
    lane = replace(READY, phase=phase)
    held, actions = take(EXIT, lane, FACTS, HOLD)
    entry = LaneHeld(True, *WHO)  # noqa: FBT003
    assert actions == [Record(entry), Do(OpenBarrier("gate2"), after=entry)]
    rises = Idle() if isinstance(phase, Closing) else phase
    assert held == replace(lane, phase=rises, kept_open=True)


@pytest.mark.parametrize(("lane", "order"), [(HELD, HOLD), (READY, LET_GO)])
def test_a_hold_that_stands_so_already_is_no_entry(lane: Lane, order: HoldOpen) -> None:
    assert take(EXIT, lane, FACTS, order) == (lane, [])


def test_an_arm_is_not_held_open_while_the_other_of_an_interlock_is_up() -> None:
    lane, actions = take(EXIT, READY, replace(FACTS, busy=True), HOLD)
    assert (lane, bodies(actions)) == (
        READY,
        [not_done(HOLD, "the lane, or the other barrier of its interlock, is busy")],
    )


def test_an_arm_that_is_no_longer_held_comes_down_on_a_free_loop() -> None:
    lane, actions = take(EXIT, HELD, NOBODY, LET_GO)
    assert actions == [Record(LaneHeld(False, *WHO)), CLOSE]  # noqa: FBT003
    assert lane.phase == Closing(1015.0)


@pytest.mark.parametrize("occupied", [True, None])
def test_an_arm_that_is_no_longer_held_waits_for_its_loop(occupied: bool | None) -> None:  # noqa: FBT001  a case
    lane, actions = take(EXIT, replace(HELD, occupied=occupied), NOBODY, LET_GO)
    assert CLOSE not in actions
    lane, actions = take(EXIT, lane, NOBODY, InputChanged("gate2", "presence", on=False))
    assert actions == [CLOSE]


def test_in_a_lane_that_is_held_open_stays_still_end() -> None:
    lane, actions = take(EXIT, HELD, replace(FACTS, quote=priced(1500), stay=after_paying(1500)), READ)
    assert isinstance(bodies(actions)[0], StayClosed)
    for event in (InputChanged("gate2", "presence", on=on) for on in (True, False)):
        lane, _ = take(EXIT, lane, NOBODY, event)
    lane, actions = take(EXIT, lane, NOBODY, None, later(0.5))
    assert (lane, actions) == (
        replace(HELD, gone=(PLATE, 1000.0)),
        [Record(PassageEnded("s1", "passed"))],
    )  # and the arm stays up


@pytest.mark.parametrize(
    "held", [HELD, replace(HELD, kept_open=False, fires=frozenset({"gate1"}))], ids=["order", "fire"]
)
@in_every_phase
def test_an_arm_that_is_held_is_raised_again_when_its_board_is_back(phase: Phase, held: Lane) -> None:
    lane = replace(held, phase=phase)
    assert take(EXIT, lane, FACTS, BarrierUp("gate2")) == (lane, [OPEN])


# --- closed ------------------------------------------------------------------------------------------------

SHUT = CloseArm("out1", *WHO)
CLOSED = LaneClosed(*WHO)


@pytest.mark.parametrize(
    ("phase", "ended"),
    [
        (Idle(), []),
        (UP, [PassageEnded("s1", "nobody came")]),
        (replace(UP, seen=True), [PassageEnded("s1", "passed")]),
        (Closing(1010.0), []),
    ],
    ids=["idle", "passing", "passed", "closing"],
)
def test_an_arm_is_lowered_by_order_when_that_is_durable(phase: Phase, ended: list[Body]) -> None:
    lane = replace(READY, phase=phase, arm_closed=False, kept_open=True)
    lane, actions = take(EXIT, lane, NOBODY, SHUT)
    assert actions == [Record(CLOSED), *(Record(body) for body in ended), replace(CLOSE, after=CLOSED)]
    assert isinstance(lane.phase, Closing)
    assert not lane.held


def test_whoever_was_seen_and_went_back_has_not_passed_when_the_arm_is_lowered() -> None:
    rules = replace(EXIT, inputs=frozenset({"presence", "beyond"}))
    _, actions = take(rules, replace(READY, phase=replace(UP, seen=True)), NOBODY, SHUT)
    assert bodies(actions) == [CLOSED, PassageEnded("s1", "backed out")]


@pytest.mark.parametrize("occupied", [True, None])
@in_every_phase
def test_an_arm_is_never_lowered_on_a_car_whoever_orders_it(phase: Phase, occupied: bool | None) -> None:  # noqa: FBT001
    """Law 6."""
    lane = replace(READY, phase=phase, occupied=occupied, kept_open=True)
    after, actions = take(EXIT, lane, NOBODY, SHUT)
    assert bodies(actions) == [not_done(SHUT, "the loop under the arm is not known to be free")]
    assert orders(actions) == []
    assert after == lane


@in_every_phase
def test_an_arm_is_never_lowered_in_a_fire(phase: Phase) -> None:
    lane = replace(READY, phase=phase, fires=frozenset({"gate1"}), kept_open=True)
    after, actions = take(EXIT, lane, NOBODY, SHUT)
    assert (after, bodies(actions)) == (lane, [not_done(SHUT, "there is a fire alarm")])


@pytest.mark.parametrize("phase", [Identifying(READ, 1000.5), DEBITING, DOUBTING])
def test_an_arm_is_not_lowered_while_money_is_under_way(phase: Phase) -> None:
    lane = replace(READY, phase=phase)
    assert take(EXIT, lane, FACTS, SHUT) == (lane, [Record(not_done(SHUT, "a vehicle is being dealt with"))])


def test_a_barrier_that_closes_by_itself_is_given_no_order() -> None:
    lane, actions = take(replace(EXIT, lowers=False), replace(READY, phase=UP), NOBODY, SHUT)
    assert actions == [Record(CLOSED), Record(PassageEnded("s1", "nobody came"))]
    assert isinstance(lane.phase, Closing)


# --- let through -------------------------------------------------------------------------------------------

LET = LetThrough("out1", *WHO)
NAMED = replace(LET, plate=PLATE, color=1)


def let_through(rules: LaneRules, order: LetThrough, phase: Phase, facts: Facts) -> list[Body]:
    """What is recorded; the barrier opens when it is durable."""
    lane, actions = take(rules, replace(READY, phase=phase), facts, order)
    (raised,) = [a for a in actions if isinstance(a, Do) and isinstance(a.order, OpenBarrier)]
    assert isinstance(raised.after, LaneOpened)
    assert bodies(actions)[-1] == raised.after
    assert lane.phase == passing(raised.after.stay)
    return bodies(actions)


MAY_BE_LET_THROUGH: list[Phase] = [
    Idle(),
    DOUBTING,
    waiting(checks.BALANCE, STAY, QUOTE),
    Closing(1015.0),
]


@pytest.mark.parametrize("phase", MAY_BE_LET_THROUGH, ids=lambda phase: type(phase).__name__)
def test_whoever_is_let_out_leaves_what_is_due_unpaid_in_the_open(phase: Phase) -> None:
    closed = StayClosed("s1", "let go", 1500, 300, priced(300).to_json())
    facts = replace(FACTS, stay=after_paying(300), quote=priced(300))
    assert let_through(EXIT, NAMED, phase, facts) == [closed, LaneOpened(*WHO, "s1", PLATE)]


def test_whoever_waits_is_let_out_without_being_named() -> None:
    phase = waiting(checks.BALANCE, STAY, QUOTE)
    closed = StayClosed("s1", "let go", 1500, 0, QUOTE.to_json())
    assert let_through(EXIT, LET, phase, FACTS) == [closed, LaneOpened(*WHO, "s1", PLATE)]


def test_a_vehicle_that_nobody_can_name_is_let_through_at_either_end() -> None:
    for rules in (ENTRY, EXIT):
        assert let_through(rules, LET, Idle(), NOBODY) == [LaneOpened(*WHO, "", "")]


def test_a_price_that_means_nothing_is_not_what_a_stay_cost() -> None:
    """Clock or age are not to be believed: neither a debt nor a refund follows from them (law 10)."""
    closed = StayClosed("s1", "let go", 300, 300, None)
    facts = replace(FACTS, stay=after_paying(300), quote=priced(300))
    for rules, now in ((EXIT, UNSURE), (replace(EXIT, stale=3600.0), later(0))):
        assert bodies(take(rules, READY, facts, NAMED, now)[1])[0] == closed


def test_an_order_that_comes_late_opens_for_nobody_else() -> None:
    """A broker keeps an order for as long as the gateway is away."""
    late = replace(LET, until=AT - timedelta(seconds=1))
    assert bodies(take(EXIT, READY, FACTS, late)[1]) == [not_done(late, "its time is over")]
    for now, order in ((later(0), replace(LET, until=AT)), (UNSURE, late)):  # a clock that is not sure bars nobody
        assert isinstance(take(EXIT, READY, FACTS, order, now)[0].phase, Passing)


def test_in_a_lane_for_both_ways_a_vehicle_whose_way_is_not_known_is_let_through_without_a_stay() -> None:
    rules = replace(EXIT, role="both", inputs=frozenset({"presence", "outside", "inside"}))
    assert let_through(rules, NAMED, Idle(), FACTS) == [LaneOpened(*WHO, "", PLATE)]


def test_a_vehicle_without_entry_record_is_let_out() -> None:
    assert let_through(EXIT, NAMED, Idle(), NOBODY) == [LaneOpened(*WHO, "", PLATE)]


def test_a_stay_without_a_price_ends_with_what_was_paid() -> None:
    closed = StayClosed("s1", "let go", 300, 300, None)
    facts = replace(FACTS, stay=after_paying(300), quote=None, asked=None)
    assert let_through(EXIT, NAMED, Idle(), facts)[0] == closed


def test_whoever_is_let_in_begins_a_stay() -> None:
    opened = StayOpened("b-9", PLATE, 1, UNKNOWN_CLASS, "", "")
    assert let_through(ENTRY, NAMED, Idle(), NOBODY) == [opened, LaneOpened(*WHO, "b-9", PLATE)]


def test_whoever_is_let_in_again_ends_the_stay_whose_exit_nobody_saw() -> None:
    ended = StayClosed("s1", "superseded", 0, 0, None)
    opened = StayOpened("b-9", PLATE, 1, UNKNOWN_CLASS, "", "")
    facts = replace(FACTS, fresh="b-9")
    assert let_through(ENTRY, NAMED, Idle(), facts) == [ended, opened, LaneOpened(*WHO, "b-9", PLATE)]


def test_the_driver_who_is_let_through_is_greeted() -> None:
    _, actions = take(ENTRY, READY, NOBODY, NAMED)
    assert orders(actions)[-1] == WELCOME
    _, actions = take(ENTRY, READY, NOBODY, LET)
    assert orders(actions)[-1] == Show("in1", "欢迎光临 ", "Welcome ")
    _, actions = take(EXIT, READY, FACTS, NAMED)
    assert orders(actions)[-1] == GOODBYE_FREE


def test_an_arm_that_is_on_its_way_up_is_raised_once_more() -> None:
    """The order may have been lost, or the arm came down too early."""
    lane = replace(READY, phase=UP)
    opened = LaneOpened(*WHO, "s1", "")
    assert take(EXIT, lane, FACTS, LET) == (lane, [Record(opened), Do(OpenBarrier("gate2"), after=opened)])


@pytest.mark.parametrize(
    ("rules", "phase", "facts"),
    [
        (EXIT, Identifying(READ, 1000.5), FACTS),
        (EXIT, DEBITING, FACTS),
        (EXIT, Idle(), replace(FACTS, busy=True)),
        (FREE_FLOW, Idle(), FACTS),
    ],
    ids=["identifying", "debiting", "busy elsewhere", "no barrier"],
)
def test_nobody_is_let_through_while_money_is_under_way_or_the_arm_must_stay_down(
    rules: LaneRules, phase: Phase, facts: Facts
) -> None:
    lane = replace(READY, phase=phase)
    why = "a vehicle is being dealt with, or the arm must not be raised"
    assert take(rules, lane, facts, LET) == (lane, [Record(not_done(LET, why))])


# --- handset and button ------------------------------------------------------------------------------------

PRESSED = InputChanged("gate2", "handset", on=True)


@pytest.mark.parametrize("phase", [Idle(), Closing(1015.0)])
def test_an_arm_raised_by_hand_is_counted_and_comes_down_behind_its_car(phase: Phase) -> None:
    lane, actions = take(EXIT, replace(READY, phase=phase), replace(NOBODY, by_hand=3), PRESSED)
    assert actions == [Record(OpenedByHand(4))]
    assert lane.phase == Passing("", 1060.0, up=True)
    lane, actions = take(EXIT, lane, NOBODY, None, later(60))
    assert actions == [CLOSE]


def test_whoever_waited_and_was_let_through_by_hand_is_recorded() -> None:
    lane = replace(READY, phase=waiting(checks.BALANCE, STAY, QUOTE))
    lane, actions = take(EXIT, lane, FACTS, PRESSED)
    assert bodies(actions) == [PassageAbandoned("opened by hand", "s1", PLATE), OpenedByHand(1)]
    assert lane.phase == Passing("", 1060.0, up=True)


@pytest.mark.parametrize("phase", [Identifying(READ, 1000.5), DEBITING, DOUBTING, UP])
def test_the_handset_does_not_disturb_what_is_under_way(phase: Phase) -> None:
    lane, actions = take(WITH_CAMERA, replace(READY, phase=phase), FACTS, PRESSED)
    assert (lane.phase, actions) == (phase, [Record(OpenedByHand(1))])
    assert lane.arm_left_up is (phase != UP)  # it comes down when that is over


FORCED = InputChanged("gate2", "closed", on=False)
BY_ITSELF = Alarm("the arm left its place without an order", "out1")


def test_an_arm_that_nobody_ordered_up_is_told_and_comes_down_behind_its_car() -> None:
    """A remote that is not wired to us, or a driver: what it was raised for has its time to pass."""
    lane, actions = take(EXIT, READY, NOBODY, FORCED)
    assert actions == [Record(BY_ITSELF)]
    assert lane.phase == Passing("", 1060.0, up=True)
    assert take(EXIT, lane, NOBODY, None, later(60))[1] == [CLOSE]


def test_an_arm_that_was_up_before_it_could_tell_was_forced_by_nobody_and_comes_down() -> None:
    """After a start, or when its board is back."""
    unknown = replace(READY, arm_closed=None)
    lane, actions = take(EXIT, unknown, NOBODY, FORCED)
    assert (type(lane.phase), actions) == (Closing, [CLOSE])
    lane, actions = take(EXIT, replace(unknown, occupied=None), NOBODY, FORCED)
    assert (lane.phase, lane.arm_left_up, actions) == (Idle(), True, [])


@pytest.mark.parametrize("phase", [Identifying(READ, 1000.5), DEBITING, DOUBTING])
def test_an_arm_that_nobody_ordered_up_does_not_disturb_what_is_under_way(phase: Phase) -> None:
    lane, actions = take(WITH_CAMERA, replace(READY, phase=phase), FACTS, FORCED)
    assert (lane.phase, lane.arm_left_up, actions) == (phase, True, [Record(BY_ITSELF)])


@pytest.mark.parametrize(
    "lane",
    [
        replace(READY, phase=UP),
        replace(READY, phase=Closing(1015.0)),
        replace(READY, kept_open=True),
        replace(READY, arm_left_up=True, occupied=True),
    ],
    ids=["passing", "closing", "held", "left up"],
)
def test_an_arm_that_is_up_by_an_order_is_no_news(lane: Lane) -> None:
    assert take(EXIT, lane, NOBODY, FORCED)[1] == []


@pytest.mark.parametrize("on", [False, None])
def test_a_button_that_is_let_go_of_says_nothing(on: bool | None) -> None:  # noqa: FBT001  a case
    assert take(EXIT, READY, FACTS, replace(PRESSED, on=on)) == (READY, [])


# --- fire --------------------------------------------------------------------------------------------------

FIRE_ON, FIRE_OFF = (InputChanged("gate1", "fire", on=on) for on in (True, False))
BURNING = replace(READY, arm_closed=False, fires=frozenset({"gate1"}))


@in_every_phase
def test_a_fire_raises_the_arm_at_once_and_before_its_record(phase: Phase) -> None:
    """The one opening that comes before its reason (law 3)."""
    lane = replace(READY, phase=phase, occupied=None)
    after, actions = take(WITH_CAMERA, lane, FACTS, FIRE_ON)
    assert actions == [OPEN, Record(FireAlarm(on=True, device="gate1"))]
    rises = Idle() if isinstance(phase, Closing) else phase  # and nobody waits for it to come down
    assert after == replace(lane, phase=rises, fires=frozenset({"gate1"}))


def test_a_fire_is_recorded_where_there_is_no_arm() -> None:
    assert take(FREE_FLOW, READY, FACTS, FIRE_ON)[1] == [Record(FireAlarm(on=True, device="gate1"))]


@pytest.mark.parametrize(
    ("lane", "event"),
    [(BURNING, FIRE_ON), (READY, FIRE_OFF), (BURNING, replace(FIRE_ON, on=None))],
    ids=["again", "none", "unknown"],
)
def test_a_fire_that_is_no_news_changes_nothing(lane: Lane, event: InputChanged) -> None:
    """An alarm whose wire is lost goes on."""
    assert take(EXIT, lane, FACTS, event) == (lane, [])


def test_a_fire_is_over_when_every_board_that_told_of_it_says_so() -> None:
    """One board's input is off because its wire, or its part of the house, does not burn."""
    lane, actions = take(EXIT, BURNING, FACTS, replace(FIRE_ON, device="gate2"))
    assert actions == [OPEN, Record(FireAlarm(on=True, device="gate2"))]  # a restart must know them all
    assert take(EXIT, BURNING, FACTS, replace(FIRE_OFF, device="gate2")) == (BURNING, [])
    lane, actions = take(EXIT, lane, FACTS, FIRE_OFF)
    assert (lane.held, bodies(actions)) == (True, [FireAlarm(on=False, device="gate1")])
    lane, actions = take(EXIT, lane, FACTS, replace(FIRE_OFF, device="gate2"))
    assert actions == [Record(FireAlarm(on=False, device="gate2")), CLOSE]


def test_after_a_fire_the_arm_comes_down_on_a_free_loop() -> None:
    lane, actions = take(EXIT, BURNING, FACTS, FIRE_OFF)
    assert actions == [Record(FireAlarm(on=False, device="gate1")), CLOSE]
    assert lane.phase == Closing(1015.0)
    lane, actions = take(EXIT, replace(BURNING, occupied=True), FACTS, FIRE_OFF)
    assert actions == [Record(FireAlarm(on=False, device="gate1"))]


def test_after_a_fire_an_arm_that_a_person_holds_stays_up() -> None:
    lane = replace(BURNING, fires=frozenset({"gate1"}), kept_open=True)
    lane, actions = take(EXIT, lane, FACTS, FIRE_OFF)
    assert CLOSE not in actions
    assert lane == HELD


def test_a_person_who_lets_go_in_a_fire_lowers_nothing() -> None:
    lane = replace(BURNING, fires=frozenset({"gate1"}), kept_open=True)
    lane, actions = take(EXIT, lane, FACTS, LET_GO)
    assert (lane, bodies(actions), orders(actions)) == (BURNING, [LaneHeld(False, *WHO)], [])  # noqa: FBT003


def test_in_a_fire_no_debit_begins_and_the_tag_is_let_go_of() -> None:
    lane, actions = take(EXIT, BURNING, FACTS, READ)
    assert lane == BURNING
    assert released(EXIT) in actions


def test_in_a_fire_a_plate_is_not_asked_for_money() -> None:
    sure = replace(READY.sight, reads=((PLATE, 1, 999.0), (PLATE, 1, 999.5)), alone_at=1000.0)
    lane, actions = take(WITH_CAMERA, replace(BURNING, sight=sure), FACTS, None)
    assert [type(body).__name__ for body in bodies(actions)] == ["Refused"]
    assert (lane.phase, core.deadline(lane)) == (Idle(), None)
