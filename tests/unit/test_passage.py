"""From the opening to the arm being down: it comes down only on a loop that is known to be free."""

from dataclasses import replace

import pytest

from drivers.ports import CloseBarrier, CloseRefused, OpenBarrier
from gateway.lane import passage
from gateway.lane.state import Closing, Do, Idle, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import Alarm, ArmDown, Body, LetThroughAgain, PassageEnded

RULES = LaneRules("in1", "entry", "rsu1", "gate1")
REASON = LetThroughAgain("s1")
NOW = 1000.0
CLOSE = Do(CloseBarrier("gate1"))
FREE = Lane(occupied=False, arm_closed=True)

Input = bool | None
CAR, CLEAR, UNKNOWN = True, False, None


def opened(lane: Lane = FREE) -> Lane:
    return passage.begin(RULES, lane, "s1", REASON, NOW)[0]


def loop(lane: Lane, occupied: Input, now: float = NOW + 1) -> Lane:
    after, actions = passage.loop(RULES, replace(lane, occupied=occupied), now)
    assert actions == []
    return after


def test_opening_waits_for_its_reason() -> None:
    lane, actions = passage.begin(RULES, FREE, "s1", REASON, NOW)
    assert actions == [Do(OpenBarrier("gate1"), after=REASON)]
    assert lane.phase == Passing("s1", NOW + RULES.pass_within, seen=False)


@pytest.mark.parametrize(("occupied", "seen"), [(True, True), (False, False), (None, False)])
def test_a_car_on_the_loop_already_is_seen(occupied: Input, seen: Input) -> None:
    assert opened(Lane(occupied=occupied)).phase == Passing("s1", NOW + RULES.pass_within, seen)


def test_a_car_that_passes() -> None:
    lane = loop(loop(opened(), CAR, NOW + 1), CLEAR, NOW + 3)
    assert passage.deadline(lane) == NOW + 3 + RULES.clear_after
    assert passage.due(RULES, lane, NOW + 3.4) == (lane, [])
    lane, actions = passage.due(RULES, lane, NOW + 3.5)
    assert actions == [Record(PassageEnded("s1", "passed")), CLOSE]
    assert lane.phase == Closing("s1", NOW + 3.5 + RULES.arm_within)
    assert passage.arm_down(lane) == (replace(lane, phase=Idle()), [Record(ArmDown())])


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
    assert lane == Lane(Idle(), occupied, arm_closed=True, arm_left_up=True)
    assert passage.at_rest(RULES, lane, NOW + 70) == (lane, [])
    lane, actions = passage.at_rest(RULES, replace(lane, occupied=False), NOW + 90)
    assert actions == [CLOSE]
    assert lane.phase == Closing("", NOW + 90 + RULES.arm_within)
    assert not lane.arm_left_up


def test_the_arm_left_up_waits_for_what_is_under_way() -> None:
    lane = replace(opened(), arm_left_up=True)
    assert passage.at_rest(RULES, lane, NOW) == (lane, [])
    assert passage.at_rest(RULES, FREE, NOW) == (FREE, [])
    assert not opened(replace(FREE, arm_left_up=True)).arm_left_up


def test_the_loop_says_nothing_while_nobody_passes() -> None:
    for lane in (FREE, replace(FREE, phase=Closing("s1", NOW))):
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
    lane = replace(FREE, phase=Closing("s1", NOW + 15))
    lane, actions = passage.refused(RULES, lane, CloseRefused("gate1", "occupied"), NOW)
    assert actions == [Record(Alarm("close refused", "occupied"))]
    assert lane.phase == Passing("s1", NOW + RULES.pass_within, seen=True)
    again, actions = passage.due(RULES, lane, NOW + RULES.pass_within)
    assert actions == [Record(PassageEnded("s1", "passed")), CLOSE]
    assert isinstance(again.phase, Closing)


def test_a_refused_close_of_an_arm_that_was_left_up_ends_no_stay() -> None:
    lane, _ = passage.refused(RULES, replace(FREE, phase=Closing("", NOW)), CloseRefused("gate1", "x"), NOW)
    assert passage.due(RULES, lane, NOW + RULES.pass_within)[1] == [CLOSE]


def test_a_refusal_of_an_order_long_over_means_nothing() -> None:
    for lane in (FREE, opened()):
        assert passage.refused(RULES, lane, CloseRefused("gate1", "x"), NOW) == (lane, [])


@pytest.mark.parametrize(
    ("arm_closed", "end"), [(False, Alarm("arm did not close", "")), (None, ArmDown()), (True, ArmDown())]
)
def test_an_arm_whose_switch_says_nothing_new(arm_closed: Input, end: Body) -> None:
    lane = Lane(Closing("s1", NOW + 15), occupied=False, arm_closed=arm_closed)
    assert passage.due(RULES, lane, NOW + 14.9) == (lane, [])
    assert passage.deadline(lane) == NOW + 15
    assert passage.due(RULES, lane, NOW + 15) == (replace(lane, phase=Idle()), [Record(end)])


def test_the_arms_switch_means_something_only_while_closing() -> None:
    for lane in (FREE, opened()):
        assert passage.arm_down(lane) == (lane, [])


def test_nothing_is_due_at_rest() -> None:
    assert passage.deadline(FREE) is None
    assert passage.due(RULES, FREE, NOW) == (FREE, [])


def test_a_barrier_that_closes_by_itself_is_given_no_order() -> None:
    rules = replace(RULES, lowers=False)
    lane = loop(loop(opened(), CAR), CLEAR, NOW + 3)
    lane, actions = passage.due(rules, lane, NOW + 3.5)
    assert actions == [Record(PassageEnded("s1", "passed"))]
    assert passage.arm_down(lane)[0].phase == Idle()
    assert passage.due(rules, lane, NOW + 20)[0].phase == Idle()
