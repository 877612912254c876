"""From the opening of the barrier to the arm being down again: when to close, and when never (law 6). Pure.

The arm is told to close only when a car was seen on the loop and has left it, or when nobody came; and only while
the loop is known to be free. Unknown counts as occupied. Whoever comes under an arm that is coming down makes it
rise again (GB/T 24973, domain 5.5).
"""

from dataclasses import replace

from drivers.ports import CloseBarrier, CloseRefused, OpenBarrier
from gateway.lane.state import Action, Closing, Do, Idle, Lane, LaneRules, Passing, Record, Waiting
from gateway.ledger.entries import Alarm, ArmDown, Body, PassageEnded

PASSED, NOBODY, BACK, STUCK = "passed", "nobody came", "backed out", "still under the arm"
UNSEEN = "not seen"
"""Where no loop lies under the arm, nothing tells what became of an opening."""
BEYOND_WITHIN = 5.0
"""Seconds from under the arm to the loop past it; whoever takes longer has gone back."""


def begin(rules: LaneRules, lane: Lane, stay: str, reason: Body, now: float) -> tuple[Lane, list[Action]]:
    """Open for this stay, once its reason is durable (law 3)."""
    rising_until = now + rules.arm_within if lane.arm_closed else None
    up = lane.arm_left_up or lane.arm_closed is False
    phase = Passing(stay, now + rules.pass_within, bool(lane.occupied), rising_until=rising_until, up=up)
    return replace(lane, phase=phase, arm_left_up=False), [Do(OpenBarrier(rules.barrier), after=reason)]


def raise_held(rules: LaneRules, lane: Lane) -> list[Do]:
    """An arm that is to stay up is told so at once, and whenever its board comes back."""
    return [Do(OpenBarrier(rules.barrier))] if lane.held and rules.barrier else []


def held(lane: Lane, *, was: bool) -> Lane:
    """Whether this arm is to stay up has changed: it rises from where it is, or comes down at rest."""
    if lane.held:
        return replace(lane, phase=Idle()) if isinstance(lane.phase, Closing) else lane
    return replace(lane, arm_left_up=lane.arm_left_up or was)


def raised_by_hand(rules: LaneRules, lane: Lane, now: float) -> Lane:
    """The arm goes up past us, for whoever stands here."""
    match lane.phase:
        case Idle() | Closing():
            passing = Passing("", now + rules.pass_within, seen=bool(lane.occupied), up=True)
            return replace(lane, phase=passing, arm_left_up=False)
        case Passing():
            return lane
        case Waiting() as waiting:  # whoever raised it may mean this vehicle: it comes down when that is over
            return replace(lane, phase=replace(waiting, raised=True), arm_left_up=True)
        case _:
            return replace(lane, arm_left_up=True)


def loop(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """The presence input has changed; `lane.occupied` is what it is now."""
    lane = replace(lane, arm_stuck=False)  # it is tried again behind whoever drives under it
    match lane.phase:
        case Passing() as passing if lane.occupied:
            return replace(lane, phase=replace(passing, seen=True, clear_at=None)), []
        case Passing(seen=True) as passing if lane.occupied is False:
            expected = "beyond" in rules.inputs and not passing.beyond
            clear_at = now + (BEYOND_WITHIN if expected else rules.clear_after)
            return replace(lane, phase=replace(passing, clear_at=clear_at)), []
        case Passing() as passing:
            return replace(lane, phase=replace(passing, clear_at=None)), []
        case Closing(up=True) if lane.occupied and not lane.arm_closed:
            return _followed(rules, lane, now)
        case Closing():
            return lane, []
        case Waiting(lowered_until=until) if lane.occupied and until and now < until and not lane.arm_closed:
            alarm = Record(Alarm("a vehicle followed under the arm", rules.name))
            return lane, [Do(OpenBarrier(rules.barrier)), alarm]
        case Waiting(lowered_until=until) as waiting if lane.occupied is False and until:
            return replace(lane, phase=replace(waiting, lowered_until=None)), []  # it is tried once more
        case _ if lane.occupied and lane.arm_closed and not lane.held:
            return lane, [Record(Alarm("a vehicle is under the closed arm", rules.name))]
        case _:
            return lane, []


def _followed(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """Rising waits for no record; the driver of the board does the same by itself."""
    passing = Passing("", now + rules.pass_within, seen=True, up=True)
    alarm = Record(Alarm("a vehicle followed under the arm", rules.name))
    return replace(lane, phase=passing), [Do(OpenBarrier(rules.barrier)), alarm]


def beyond(rules: LaneRules, lane: Lane, now: float, *, was: bool | None) -> tuple[Lane, list[Action]]:
    """The loop past the arm has changed: a vehicle has got through, and a second one was not let through."""
    match lane.phase:
        case Passing(beyond=True) if lane.beyond and was is False:
            return lane, [Record(Alarm("a vehicle followed under the arm", lane.phase.stay))]
        case Passing(clear_at=clear_at) as passing if lane.beyond:
            soon = None if clear_at is None else now + rules.clear_after
            return replace(lane, phase=replace(passing, beyond=True, clear_at=soon)), []
        case _:
            return lane, []


def at_rest(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """An arm that was left up comes down when nothing is under way and the loop is known to be free."""
    if not lane.arm_left_up or lane.arm_stuck or lane.occupied is not False or lane.held:
        return lane, []
    match lane.phase:
        case Idle():
            return _close(rules, lane, now)
        case Waiting(raised=False, lowered_until=None) as waiting:  # whoever stands before it has not paid
            return replace(lane, phase=replace(waiting, lowered_until=now + rules.arm_within)), _lower(rules)
        case _:
            return lane, []


def arm(lane: Lane) -> tuple[Lane, list[Action]]:
    """The arm's own switch has changed; `lane.arm_closed` is what it says now."""
    match lane.phase:
        case Closing() if lane.arm_closed:
            return replace(lane, phase=Idle()), [Record(ArmDown())]
        case Passing() as passing if lane.arm_closed is False:
            return replace(lane, phase=replace(passing, rising_until=None)), []
        case Passing() | Closing():
            return lane, []
        case _ if lane.arm_closed and lane.arm_left_up:
            return replace(lane, arm_left_up=False, arm_stuck=False), [Record(ArmDown())]
        case _:
            return lane, []


def refused(rules: LaneRules, lane: Lane, event: CloseRefused, now: float) -> tuple[Lane, list[Action]]:
    """The driver saw something under the arm and did not close: wait for the loop once more."""
    if isinstance(lane.phase, Waiting) and lane.phase.lowered_until:
        return lane, [Record(Alarm("close refused", event.reason))]
    if not isinstance(lane.phase, Closing):
        return lane, []
    passing = Passing("", now + rules.pass_within, seen=True, up=lane.phase.up)
    return replace(lane, phase=passing), [Record(Alarm("close refused", event.reason))]


def close_now(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """A person wants the arm down; the caller has made sure that the loop is known to be free (law 6)."""
    ended = _ended(lane.phase.stay, _what_happened(rules, lane.phase)) if isinstance(lane.phase, Passing) else []
    lane, actions = _close(rules, lane, now)
    return lane, [*ended, *actions]


def due(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    """A time has come."""
    match lane.phase:
        case Passing(rising_until=rising) as passing if rising is not None and now >= rising:
            alarm = Record(Alarm("the arm did not open", rules.name))
            return replace(lane, phase=replace(passing, rising_until=None)), [alarm] if lane.arm_closed else []
        case Passing() as passing if now >= _over_at(lane, passing):
            return _end(rules, lane, passing, now)
        case Closing(until=until, again=False) as closing if now >= until and _told_once_more(rules, lane):
            once_more = replace(closing, until=now + rules.arm_within, again=True)
            return replace(lane, phase=once_more), [Do(CloseBarrier(rules.barrier))]
        case Closing(until=until) if now >= until:
            stuck = lane.arm_closed is False
            end = Alarm("arm did not close", "") if stuck else ArmDown()
            return replace(lane, phase=Idle(), arm_left_up=stuck, arm_stuck=stuck), [Record(end)]
        case _:
            return lane, []


def _told_once_more(rules: LaneRules, lane: Lane) -> bool:
    """An arm whose switch says that it did not come down: the pulse may have been lost."""
    return rules.lowers and lane.arm_closed is False and lane.occupied is False


def deadline(lane: Lane) -> float | None:
    """When `due` wants to be asked."""
    match lane.phase:
        case Passing(rising_until=rising) as passing:
            over_at = _over_at(lane, passing)
            return over_at if rising is None else min(over_at, rising)
        case Closing(until=until):
            return until
        case _:
            return None


def _over_at(lane: Lane, passing: Passing) -> float:
    """When the car is long enough off the loop, or nobody is waited for any more."""
    return passing.until if passing.clear_at is None or lane.occupied is not False else passing.clear_at


def _end(rules: LaneRules, lane: Lane, passing: Passing, now: float) -> tuple[Lane, list[Action]]:
    if "presence" not in rules.inputs:
        return replace(lane, phase=Idle()), [*_ended(passing.stay, UNSEEN), Record(ArmDown())]
    if lane.occupied is not False:
        return replace(lane, phase=Idle(), arm_left_up=passing.up), _ended(passing.stay, STUCK)
    outcome = _what_happened(rules, passing)
    ended = _ended(passing.stay, outcome)
    if outcome != PASSED:
        lane = replace(lane, gone=("", 0.0))  # it may stand here still
    if lane.held:
        return replace(lane, phase=Idle()), ended
    lane, actions = _close(rules, lane, now)
    return lane, [*ended, *actions]


def _what_happened(rules: LaneRules, passing: Passing) -> str:
    """The loop past the arm, where there is one, tells whoever passed from whoever went back."""
    if not passing.seen:
        return NOBODY
    return PASSED if passing.beyond or "beyond" not in rules.inputs else BACK


def _ended(stay: str, outcome: str) -> list[Action]:
    """The record of it; an arm that was left up comes down for no stay."""
    return [Record(PassageEnded(stay, outcome))] if stay else []


def _close(rules: LaneRules, lane: Lane, now: float) -> tuple[Lane, list[Action]]:
    up = not isinstance(lane.phase, Passing) or lane.phase.up
    return replace(lane, phase=Closing(now + rules.arm_within, up), arm_left_up=False), _lower(rules)


def _lower(rules: LaneRules) -> list[Action]:
    return [Do(CloseBarrier(rules.barrier))] if rules.lowers else []
