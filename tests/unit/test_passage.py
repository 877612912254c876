"""From the opening to the arm being down: it comes down only on a loop that is known to be free."""

from dataclasses import replace

import pytest

from drivers.ports import CloseBarrier, CloseRefused, OpenBarrier
from gateway.lane import passage
from gateway.lane.passage import BEYOND_WITHIN
from gateway.lane.state import Action, Closing, Do, Idle, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import Alarm, ArmDown, Body, LetThroughAgain, PassageEnded

RULES = LaneRules("in1", "entry", "rsu1", "gate1")
REASON = LetThroughAgain("s1")
NOW = 1000.0
CLOSE = Do(CloseBarrier("gate1"))
FREE = Lane(occupied=False, arm_closed=True)

Input = bool | None
CAR, CLEAR, UNKNOWN = True, False, None


def opened(lane: Lane = FREE) -> Lane:
    """Told to open, and open."""
    lane = passage.begin(RULES, lane, "s1", REASON, NOW)[0]
    assert isinstance(lane.phase, Passing)
    return replace(lane, arm_closed=False, phase=replace(lane.phase, rising_until=None, up=True))


def loop(lane: Lane, occupied: Input, now: float = NOW + 1) -> Lane:
    after, actions = passage.loop(RULES, replace(lane, occupied=occupied), now)
    assert actions == []
    return after


def test_opening_waits_for_its_reason() -> None:
    lane, actions = passage.begin(RULES, FREE, "s1", REASON, NOW)
    assert actions == [Do(OpenBarrier("gate1"), after=REASON)]
    assert lane.phase == Passing("s1", NOW + RULES.pass_within, seen=False, rising_until=NOW + RULES.arm_within)


@pytest.mark.parametrize(("occupied", "seen"), [(True, True), (False, False), (None, False)])
def test_a_car_on_the_loop_already_is_seen(occupied: Input, seen: Input) -> None:
    lane, _ = passage.begin(RULES, Lane(occupied=occupied), "s1", REASON, NOW)
    assert lane.phase == Passing("s1", NOW + RULES.pass_within, seen)


def test_a_car_that_passes() -> None:
    lane = loop(loop(opened(), CAR, NOW + 1), CLEAR, NOW + 3)
    assert passage.deadline(lane) == NOW + 3 + RULES.clear_after
    assert passage.due(RULES, lane, NOW + 3.4) == (lane, [])
    lane, actions = passage.due(RULES, lane, NOW + 3.5)
    assert actions == [Record(PassageEnded("s1", "passed")), CLOSE]
    assert lane.phase == Closing(NOW + 3.5 + RULES.arm_within)
    lane = replace(lane, arm_closed=True)
    assert passage.arm(lane) == (replace(lane, phase=Idle()), [Record(ArmDown())])


def test_a_trailer_keeps_the_arm_up() -> None:
    lane = loop(loop(loop(opened(), CAR), CLEAR, NOW + 3), CAR, NOW + 3.2)
    assert passage.deadline(lane) == NOW + RULES.pass_within
    assert passage.due(RULES, lane, NOW + 3.5) == (lane, [])
    lane = loop(lane, CLEAR, NOW + 5)
    assert passage.due(RULES, lane, NOW + 5.5)[1] == [Record(PassageEnded("s1", "passed")), CLOSE]


def test_nobody_comes() -> None:
    lane = opened()
    assert passage.deadline(lane) == NOW + RULES.pass_within
    assert passage.due(RULES, lane, NOW + RULES.pass_within - 0.1) == (lane, [])
    lane, actions = passage.due(RULES, lane, NOW + RULES.pass_within)
    assert actions == [Record(PassageEnded("s1", "nobody came")), CLOSE]


def test_a_loop_that_was_free_all_along_saw_no_car() -> None:
    lane = loop(opened(Lane(occupied=None)), CLEAR)
    assert passage.deadline(lane) == NOW + RULES.pass_within
    assert passage.due(RULES, lane, NOW + RULES.pass_within)[1][0] == Record(PassageEnded("s1", "nobody came"))


def test_a_car_that_clears_the_loop_at_the_last_moment_has_passed() -> None:
    late = NOW + RULES.pass_within - 0.2
    lane = loop(loop(opened(), CAR), CLEAR, late)
    assert passage.deadline(lane) == late + RULES.clear_after
    assert passage.due(RULES, lane, NOW + RULES.pass_within) == (lane, [])
    assert passage.due(RULES, lane, late + RULES.clear_after)[1][0] == Record(PassageEnded("s1", "passed"))


@pytest.mark.parametrize("occupied", [True, None])
def test_under_the_arm_or_unknown_the_arm_stays_up(occupied: Input) -> None:
    lane = loop(loop(opened(), CAR), occupied)
    lane, actions = passage.due(RULES, lane, NOW + RULES.pass_within)
    assert actions == [Record(PassageEnded("s1", "still under the arm"))]
    assert lane == Lane(Idle(), occupied, arm_closed=False, arm_left_up=True)
    assert passage.at_rest(RULES, lane, NOW + 70) == (lane, [])
    lane, actions = passage.at_rest(RULES, replace(lane, occupied=False), NOW + 90)
    assert actions == [CLOSE]
    assert lane.phase == Closing(NOW + 90 + RULES.arm_within)
    assert not lane.arm_left_up


def test_the_arm_left_up_waits_for_what_is_under_way() -> None:
    lane = replace(opened(), arm_left_up=True)
    assert passage.at_rest(RULES, lane, NOW) == (lane, [])
    assert passage.at_rest(RULES, FREE, NOW) == (FREE, [])
    assert not opened(replace(FREE, arm_left_up=True)).arm_left_up


def test_the_loop_says_nothing_while_nobody_passes() -> None:
    up = replace(FREE, arm_closed=False, arm_left_up=True)
    for lane in (up, replace(FREE, phase=Closing(NOW)), replace(FREE, kept_open=True)):
        assert loop(lane, CAR) == replace(lane, occupied=True)


def test_the_loop_becomes_unknown_in_mid_passage() -> None:
    cleared = loop(loop(opened(), CAR), CLEAR, NOW + 3)
    lane = loop(cleared, UNKNOWN, NOW + 3.2)
    assert passage.deadline(lane) == NOW + RULES.pass_within
    assert passage.due(RULES, lane, NOW + 10) == (lane, [])
    # A board that is lost says so before its inputs do.
    lost = replace(cleared, occupied=None)
    assert passage.deadline(lost) == NOW + RULES.pass_within
    assert passage.due(RULES, lost, NOW + 10) == (lost, [])
    assert passage.due(RULES, loop(lane, CLEAR, NOW + 20), NOW + 20.5)[1][-1] == CLOSE


def test_a_close_that_the_driver_refuses_is_tried_again() -> None:
    lane = replace(FREE, phase=Closing(NOW + 15))
    lane, actions = passage.refused(RULES, lane, CloseRefused("gate1", "occupied"), NOW)
    assert actions == [Record(Alarm("close refused", "occupied"))]
    assert isinstance(lane.phase, Passing)
    assert (lane.phase.until, lane.phase.seen) == (NOW + RULES.pass_within, True)
    again, actions = passage.due(RULES, lane, NOW + RULES.pass_within)
    assert actions == [CLOSE]  # its passage has ended already
    assert isinstance(again.phase, Closing)


def test_a_refused_close_of_an_arm_that_was_left_up_ends_no_stay() -> None:
    lane, _ = passage.refused(RULES, replace(FREE, phase=Closing(NOW)), CloseRefused("gate1", "x"), NOW)
    assert passage.due(RULES, lane, NOW + RULES.pass_within)[1] == [CLOSE]


def test_a_refusal_of_an_order_long_over_means_nothing() -> None:
    for lane in (FREE, opened()):
        assert passage.refused(RULES, lane, CloseRefused("gate1", "x"), NOW) == (lane, [])


@pytest.mark.parametrize(("arm_closed", "end"), [(None, ArmDown()), (True, ArmDown())])
def test_an_arm_whose_switch_says_nothing_new(arm_closed: Input, end: Body) -> None:
    lane = Lane(Closing(NOW + 15), occupied=False, arm_closed=arm_closed)
    assert passage.due(RULES, lane, NOW + 14.9) == (lane, [])
    assert passage.deadline(lane) == NOW + 15
    assert passage.due(RULES, lane, NOW + 15) == (replace(lane, phase=Idle()), [Record(end)])


def test_an_arm_that_does_not_come_down_is_told_once_more_and_then_somebody_is() -> None:
    """The pulse may have been lost."""
    lane = Lane(Closing(NOW + 15), occupied=False, arm_closed=False)
    lane, actions = passage.due(RULES, lane, NOW + 15)
    assert (actions, passage.deadline(lane)) == ([CLOSE], NOW + 30)
    stuck = replace(lane, phase=Idle(), arm_left_up=True, arm_stuck=True)
    assert passage.due(RULES, lane, NOW + 30) == (stuck, [Record(Alarm("arm did not close", ""))])
    assert passage.at_rest(RULES, stuck, NOW + 300) == (stuck, [])  # not again and again


def test_an_arm_that_was_stuck_is_tried_again_behind_the_next_vehicle() -> None:
    stuck = Lane(occupied=True, arm_closed=False, arm_left_up=True, arm_stuck=True)
    cleared, _ = passage.loop(RULES, replace(stuck, occupied=False), NOW)
    assert passage.at_rest(RULES, cleared, NOW)[1] == [CLOSE]


@pytest.mark.parametrize(("occupied", "lowers"), [(True, True), (None, True), (False, False)])
def test_it_is_not_told_once_more_on_a_car_or_where_it_takes_no_order(occupied: Input, *, lowers: bool) -> None:
    lane = Lane(Closing(NOW + 15), occupied=occupied, arm_closed=False)
    lane, actions = passage.due(replace(RULES, lowers=lowers), lane, NOW + 15)
    assert (lane.phase, actions) == (Idle(), [Record(Alarm("arm did not close", ""))])


def test_an_arm_that_was_left_up_and_is_down_by_itself_is_recorded() -> None:
    lane = replace(FREE, arm_left_up=True)
    assert passage.arm(lane) == (FREE, [Record(ArmDown())])


def test_a_board_that_is_lost_does_not_tell_that_the_arm_did_not_open() -> None:
    lane, _ = passage.begin(RULES, FREE, "s1", REASON, NOW)
    lane, actions = passage.due(RULES, replace(lane, arm_closed=None), NOW + 15)
    assert (actions, passage.deadline(lane)) == ([], NOW + RULES.pass_within)


def test_a_close_refused_under_an_arm_that_is_up_leaves_it_up_until_the_loop_is_free() -> None:
    lane = Lane(Closing(NOW), occupied=True, arm_closed=False)
    lane, _ = passage.refused(RULES, lane, CloseRefused("gate1", "occupied"), NOW)
    lane, actions = passage.due(RULES, lane, NOW + 60)
    assert (lane.phase, lane.arm_left_up, actions) == (Idle(), True, [])
    assert passage.at_rest(RULES, replace(lane, occupied=False), NOW + 90)[1] == [CLOSE]


def test_an_arm_that_comes_down_on_its_passage_or_leaves_its_place_on_its_way_down_ends_neither() -> None:
    for phase, closed in ((opened().phase, True), (Closing(NOW + 15), False)):
        lane = replace(FREE, phase=phase, arm_closed=closed)
        assert passage.arm(lane) == (lane, [])


def test_an_arm_that_says_what_is_known_is_no_news() -> None:
    for lane in (FREE, opened(), replace(FREE, arm_closed=None), replace(FREE, arm_left_up=True, arm_closed=False)):
        assert passage.arm(lane) == (lane, [])


def test_nothing_is_due_at_rest() -> None:
    assert passage.deadline(FREE) is None
    assert passage.due(RULES, FREE, NOW) == (FREE, [])


def test_a_barrier_that_closes_by_itself_is_given_no_order() -> None:
    rules = replace(RULES, lowers=False)
    lane = loop(loop(opened(), CAR), CLEAR, NOW + 3)
    lane, actions = passage.due(rules, lane, NOW + 3.5)
    assert actions == [Record(PassageEnded("s1", "passed"))]
    assert passage.arm(replace(lane, arm_closed=True))[0].phase == Idle()
    assert passage.due(rules, lane, NOW + 20)[0].phase == Idle()


# --- the arm, and what nobody ordered ----------------------------------------------------------------------

UP = replace(FREE, arm_closed=False)
TOLD = Alarm("the arm did not open", "in1")


def test_an_arm_that_does_not_rise_is_told_once() -> None:
    lane, _ = passage.begin(RULES, FREE, "s1", REASON, NOW)
    assert passage.deadline(lane) == NOW + RULES.arm_within
    assert passage.due(RULES, lane, NOW + 14.9) == (lane, [])
    lane, actions = passage.due(RULES, lane, NOW + 15)
    assert actions == [Record(TOLD)]
    assert passage.due(RULES, lane, NOW + 16) == (lane, [])
    assert passage.deadline(lane) == NOW + RULES.pass_within


def test_an_arm_that_left_its_switch_has_risen() -> None:
    lane, _ = passage.begin(RULES, FREE, "s1", REASON, NOW)
    lane, actions = passage.arm(replace(lane, arm_closed=False))
    assert actions == []
    assert passage.deadline(lane) == NOW + RULES.pass_within


@pytest.mark.parametrize("arm_closed", [False, None])
def test_an_arm_that_is_up_already_or_tells_nothing_is_not_waited_for(arm_closed: Input) -> None:
    lane, _ = passage.begin(RULES, replace(FREE, arm_closed=arm_closed), "s1", REASON, NOW)
    assert passage.deadline(lane) == NOW + RULES.pass_within


def test_an_arm_that_was_left_up_comes_down_unless_it_is_held() -> None:
    left = replace(UP, arm_left_up=True)
    assert passage.at_rest(RULES, left, NOW)[1] == [CLOSE]
    assert passage.at_rest(RULES, replace(left, kept_open=True), NOW)[1] == []


def test_a_vehicle_under_the_closed_arm_is_told() -> None:
    lane = replace(FREE, occupied=True)
    assert passage.loop(RULES, lane, NOW) == (lane, [Record(Alarm("a vehicle is under the closed arm", "in1"))])


@pytest.mark.parametrize("arm_closed", [False, None])
def test_whoever_comes_under_a_closing_arm_makes_it_rise_at_once(arm_closed: Input) -> None:
    lane = Lane(Closing(NOW + 15), occupied=True, arm_closed=arm_closed)
    lane, actions = passage.loop(RULES, lane, NOW)
    assert actions == [Do(OpenBarrier("gate1")), Record(Alarm("a vehicle followed under the arm", "in1"))]
    assert lane.phase == Passing("", NOW + RULES.pass_within, seen=True, up=True)
    lane = loop(lane, CLEAR, NOW + 3)
    assert passage.due(RULES, lane, NOW + 3.5)[1] == [CLOSE]  # nobody's passage has ended


def test_a_loop_that_becomes_unknown_under_a_closing_arm_raises_nothing() -> None:
    lane = Lane(Closing(NOW + 15), occupied=None, arm_closed=False)
    assert passage.loop(RULES, lane, NOW) == (lane, [])


def test_an_arm_whose_order_never_left_is_not_said_to_be_up() -> None:
    """The reason could not be made durable: an arm that stayed down is not left up, nor raised for a follower."""
    lane, _ = passage.begin(RULES, FREE, "s1", REASON, NOW)
    stuck, _ = passage.due(RULES, replace(lane, occupied=None), NOW + 60)
    assert not passage.due(RULES, stuck, NOW + 60)[0].arm_left_up
    passed = loop(loop(lane, CAR), CLEAR)
    passed, _ = passage.due(RULES, passed, NOW + 1.5)
    assert passed.phase == Closing(NOW + 1.5 + 15, up=False)
    assert loop(passed, CAR).phase == passed.phase


def test_an_arm_that_was_up_before_its_order_is_still_up_when_that_never_leaves() -> None:
    """The ledger stalls: somebody has to lower it, and it rises for whoever follows."""
    for up in (replace(FREE, arm_closed=False), replace(FREE, arm_closed=None, arm_left_up=True)):
        lane, _ = passage.begin(RULES, up, "s1", REASON, NOW)
        assert passage.due(RULES, replace(lane, occupied=True), NOW + 60)[0].arm_left_up
        passed = loop(loop(lane, CAR), CLEAR)
        assert passage.due(RULES, passed, NOW + 1.5)[0].phase == Closing(NOW + 1.5 + 15, up=True)


# --- the loop past the arm ---------------------------------------------------------------------------------

BEYOND = replace(RULES, inputs=frozenset({"presence", "beyond"}))


def past(lane: Lane, beyond: Input, now: float = NOW + 2) -> tuple[Lane, list[Action]]:
    return passage.beyond(BEYOND, replace(lane, beyond=beyond), now, was=lane.beyond)


def test_whoever_reaches_the_loop_past_the_arm_has_passed() -> None:
    lane, actions = past(loop(replace(opened(), beyond=False), CAR), CAR)
    assert actions == []
    lane = loop(lane, CLEAR, NOW + 3)
    assert passage.due(BEYOND, lane, NOW + 3.5)[1] == [Record(PassageEnded("s1", "passed")), CLOSE]


def test_whoever_never_reaches_it_went_back() -> None:
    lane = loop(loop(replace(opened(), beyond=False), CAR), CLEAR, NOW + 3)
    assert passage.due(BEYOND, lane, NOW + 3.5)[1] == [Record(PassageEnded("s1", "backed out")), CLOSE]


def test_the_loop_past_the_arm_is_waited_for_a_little() -> None:
    lane = replace(opened(), beyond=False)
    lane, _ = passage.loop(BEYOND, replace(lane, occupied=True), NOW + 1)
    lane, _ = passage.loop(BEYOND, replace(lane, occupied=False), NOW + 3)
    assert passage.deadline(lane) == NOW + 3 + BEYOND_WITHIN
    _, actions = passage.due(BEYOND, lane, NOW + 3 + BEYOND_WITHIN)
    assert actions == [Record(PassageEnded("s1", "backed out")), CLOSE]
    lane, _ = past(lane, CAR, NOW + 5)
    assert passage.deadline(lane) == NOW + 5 + BEYOND.clear_after
    assert passage.due(BEYOND, lane, NOW + 5.5)[1] == [Record(PassageEnded("s1", "passed")), CLOSE]


@pytest.mark.parametrize(
    ("lane", "there"),
    [(opened(), True), (loop(loop(opened(), CAR), CLEAR), False)],
    ids=["nobody came", "passed"],
)
def test_whoever_did_not_get_through_may_be_read_again(lane: Lane, *, there: bool) -> None:
    lane = replace(lane, gone=("测A12345", NOW))
    assert (passage.due(RULES, lane, NOW + 60)[0].gone == ("", 0.0)) is there


def test_without_a_loop_under_the_arm_nothing_tells_what_became_of_an_opening() -> None:
    rules = replace(RULES, inputs=frozenset({"closed"}))
    lane = replace(opened(), occupied=None)
    lane, actions = passage.due(rules, lane, NOW + 60)
    assert actions == [Record(PassageEnded("s1", "not seen")), Record(ArmDown())]
    assert (lane.phase, lane.arm_left_up) == (Idle(), False)


def test_a_second_vehicle_past_the_arm_is_told() -> None:
    lane, _ = past(loop(replace(opened(), beyond=False), CAR), CAR)
    lane, actions = past(lane, CLEAR)
    assert actions == []
    assert past(lane, CAR) == (
        replace(lane, beyond=True),
        [Record(Alarm("a vehicle followed under the arm", "s1"))],
    )


def test_a_loop_past_the_arm_that_was_unknown_tells_of_no_second_vehicle() -> None:
    lane, _ = past(loop(replace(opened(), beyond=False), CAR), CAR)
    assert past(replace(lane, beyond=None), CAR)[1] == []


def test_nobody_is_awaited_past_the_arm_when_nobody_passes() -> None:
    assert past(replace(FREE, beyond=False), CAR) == (replace(FREE, beyond=True), [])


# --- by hand, and to hold ----------------------------------------------------------------------------------


def test_an_arm_raised_by_hand_comes_down_behind_its_car() -> None:
    lane = passage.raised_by_hand(RULES, replace(UP, arm_left_up=True), NOW)
    assert lane == replace(UP, phase=Passing("", NOW + RULES.pass_within, up=True))
    lane = loop(loop(lane, CAR), CLEAR, NOW + 3)
    assert passage.due(RULES, lane, NOW + 3.5)[1] == [CLOSE]


def test_an_arm_raised_by_hand_in_a_passage_changes_nothing() -> None:
    assert passage.raised_by_hand(RULES, opened(), NOW) == opened()


def test_an_arm_that_is_held_is_raised_and_not_lowered() -> None:
    held = replace(opened(), fires=frozenset({"gate1"}))
    assert passage.raise_held(RULES, held) == [Do(OpenBarrier("gate1"))]
    assert passage.raise_held(RULES, opened()) == []
    assert passage.raise_held(replace(RULES, barrier=""), held) == []
    lane = loop(loop(held, CAR), CLEAR, NOW + 3)
    lane, actions = passage.due(RULES, lane, NOW + 3.5)
    assert (lane.phase, actions) == (Idle(), [Record(PassageEnded("s1", "passed"))])


@pytest.mark.parametrize(
    ("lane", "ended"),
    [
        (opened(), [PassageEnded("s1", "nobody came")]),
        (loop(loop(opened(), CAR), CLEAR), [PassageEnded("s1", "passed")]),
        (UP, []),
    ],
    ids=["nobody", "passed", "no passage"],
)
def test_a_person_lowers_the_arm(lane: Lane, ended: list[Body]) -> None:
    lane, actions = passage.close_now(RULES, lane, NOW + 2)
    assert actions == [*(Record(body) for body in ended), CLOSE]
    assert isinstance(lane.phase, Closing)
