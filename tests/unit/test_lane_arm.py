"""An arm that is up while somebody waits before it, or that was stuck."""

from dataclasses import replace

from drivers.ports import CloseBarrier, CloseRefused, InputChanged, OpenBarrier
from gateway.lane import checks
from gateway.lane.state import Closing, Do
from gateway.ledger.entries import Alarm
from gateway.orders import CloseArm, HoldOpen
from tools.crossing import EXIT, FACTS, QUOTE, READY, STAY, bodies, later, orders, take, waiting

WAITS = replace(READY, phase=waiting(checks.BALANCE, STAY, QUOTE))
FREE_LOOP, CAR = (InputChanged("gate2", "presence", on=x) for x in (False, True))


def test_a_close_refused_while_somebody_waits_is_told() -> None:
    up = replace(WAITS, occupied=True, arm_closed=False, arm_left_up=True)
    lane, _ = take(EXIT, up, FACTS, FREE_LOOP)
    _, told = take(EXIT, lane, FACTS, CloseRefused("gate2", "a car"))
    assert bodies(told) == [Alarm("close refused", "a car")]


def test_an_arm_lifted_before_a_waiting_vehicle_comes_down_behind_it() -> None:
    lane, _ = take(EXIT, WAITS, FACTS, InputChanged("gate2", "closed", on=False))
    lane, _ = take(EXIT, lane, FACTS, CAR, later(2))
    lane, actions = take(EXIT, lane, FACTS, FREE_LOOP, later(4))
    _, more = take(EXIT, lane, FACTS, None, later(10))
    assert Do(CloseBarrier("gate2")) in [*actions, *more]


def test_an_arm_that_has_long_been_down_does_not_rise_for_whoever_has_not_paid() -> None:
    """Where no `closed` switch is wired, only time tells that the arm is down."""
    up = replace(WAITS, occupied=True, arm_closed=None, arm_left_up=True)
    lane, actions = take(EXIT, up, FACTS, FREE_LOOP)
    assert Do(CloseBarrier("gate2")) in actions
    _, actions = take(EXIT, lane, FACTS, CAR, later(60))
    assert OpenBarrier("gate2") not in orders(actions)


def test_a_person_can_lower_an_arm_that_was_raised_past_us_before_a_waiting_vehicle() -> None:
    lane, _ = take(EXIT, WAITS, FACTS, InputChanged("gate2", "closed", on=False))
    _, actions = take(EXIT, lane, FACTS, CloseArm("out1", "li", "up"), later(10))
    assert any(isinstance(o, CloseBarrier) for o in orders(actions))


def test_an_arm_that_was_stuck_and_is_down_again_comes_down_after_a_hold() -> None:
    lane = replace(READY, phase=Closing(1015.0, again=True), arm_closed=False)
    lane, _ = take(EXIT, lane, FACTS, None, later(15))
    assert lane.arm_stuck
    lane, _ = take(EXIT, lane, FACTS, InputChanged("gate2", "closed", on=True), later(60))  # freed by staff
    lane, _ = take(EXIT, lane, FACTS, HoldOpen("out1", on=True, actor="li", reason="queue"), later(70))
    lane, _ = take(EXIT, lane, FACTS, InputChanged("gate2", "closed", on=False), later(72))
    _, actions = take(EXIT, lane, FACTS, HoldOpen("out1", on=False, actor="li", reason="queue"), later(80))
    assert Do(CloseBarrier("gate2")) in actions


def test_an_arm_that_is_lowered_before_somebody_rises_for_whoever_comes_under_it() -> None:
    up = replace(WAITS, occupied=True, arm_closed=None, arm_left_up=True)
    lane, _ = take(EXIT, up, FACTS, FREE_LOOP)
    lane, actions = take(EXIT, lane, FACTS, CAR, later(2))
    assert orders(actions) == [OpenBarrier("gate2")]
    lane, actions = take(EXIT, lane, FACTS, FREE_LOOP, later(4))
    assert orders(actions) == [CloseBarrier("gate2")]  # once more, behind it
