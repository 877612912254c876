"""From the opening of the barrier to the arm being down again: when to close, and when never (law 6). Pure.

The arm is told to close only when a car was seen on the loop and has left it, or when nobody came; and only while
the loop is known to be free. Unknown counts as occupied.
"""

from dataclasses import replace

from drivers.ports import CloseBarrier, CloseRefused, OpenBarrier
from gateway.lane.state import Action, Closing, Do, Idle, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import Alarm, ArmDown, Body, PassageEnded

PASSED, NOBODY, STUCK = "passed", "nobody came", "still under the arm"


def begin(rules: LaneRules, lane: Lane, stay: str, reason: Body, now: float) -> tuple[Lane, list[Action]]:
    """Open for this stay, once its reason is durable (law 3)."""
    phase = Passing(stay, now + rules.pass_within, seen=bool(lane.occupied))
    return replace(lane, phase=phase, arm_left_up=False), [Do(OpenBarrier(rules.barrier), after=reason)]


def loop(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """The presence input has changed; `lane.occupied` is what it is now."""
    match lane.phase:
        case Passing() as passing if lane.occupied:
            return replace(lane, phase=replace(passing, seen=True, clear_at=None)), []
        case Passing(seen=True) as passing if lane.occupied is False:
            return replace(lane, phase=replace(passing, clear_at=now + rules.clear_after)), []
        case Passing() as passing:
            return replace(lane, phase=replace(passing, clear_at=None)), []
        case _:
            return lane, []


def at_rest(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """An arm that was left up comes down when nothing is under way and the loop is known to be free."""
    if lane.arm_left_up and lane.occupied is False and isinstance(lane.phase, Idle):
        return _close(rules, lane, "", now)
    return lane, []


def arm_down(lane: Lane) -> tuple[Lane, list[Action]]:
    """The arm's own switch says closed."""
    if not isinstance(lane.phase, Closing):
        return lane, []
    return replace(lane, phase=Idle()), [Record(ArmDown())]


def refused(rules: LaneRules, lane: Lane, event: CloseRefused, now: float) -> tuple[Lane, list[Action]]:
    """The driver saw something under the arm and did not close: wait for the loop once more."""
    if not isinstance(lane.phase, Closing):
        return lane, []
    passing = Passing(lane.phase.stay, now + rules.pass_within, seen=True)
    return replace(lane, phase=passing), [Record(Alarm("close refused", event.reason))]


def due(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """A time has come."""
    match lane.phase:
        case Passing() as passing if now >= _over_at(lane, passing):
            return _end(rules, lane, passing, now)
        case Closing(until=until) if now >= until:
            end = Alarm("arm did not close", "") if lane.arm_closed is False else ArmDown()
            return replace(lane, phase=Idle()), [Record(end)]
        case _:
            return lane, []


def deadline(lane: Lane) -> float | None:
    """When `due` wants to be asked."""
    match lane.phase:
        case Passing() as passing:
            return _over_at(lane, passing)
        case Closing(until=until):
            return until
        case _:
            return None


def _over_at(lane: Lane, passing: Passing) -> float:
    """When the car is long enough off the loop, or nobody is waited for any more."""
    return passing.until if passing.clear_at is None or lane.occupied is not False else passing.clear_at


def _end(rules: LaneRules, lane: Lane, passing: Passing, now: float) -> tuple[Lane, list[Action]]:
    if lane.occupied is not False:
        return replace(lane, phase=Idle(), arm_left_up=True), _ended(passing.stay, STUCK)
    lane, actions = _close(rules, lane, passing.stay, now)
    return lane, [*_ended(passing.stay, PASSED if passing.seen else NOBODY), *actions]


def _ended(stay: str, outcome: str) -> list[Action]:
    """The record of it; an arm that was left up comes down for no stay."""
    return [Record(PassageEnded(stay, outcome))] if stay else []


def _close(rules: LaneRules, lane: Lane, stay: str, now: float) -> tuple[Lane, list[Action]]:
    lane = replace(lane, phase=Closing(stay, now + rules.arm_within), arm_left_up=False)
    return lane, [Do(CloseBarrier(rules.barrier))] if rules.lowers else []
