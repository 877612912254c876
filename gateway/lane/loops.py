"""What the inputs of the board tell: loops before, under and past the arm, its switches, the handset. Pure.

Loops are those of domain 5.5; an input that is not known counts as occupied (law 6).
"""

from dataclasses import replace
from typing import Literal

from drivers.ports import InputChanged
from gateway.lane import hand, passage
from gateway.lane.arrival import UNKNOWN_AFTER
from gateway.lane.sight import NOTHING_SEEN, sure
from gateway.lane.state import Closing, Identifying, Idle, Lane, LaneRules, Passing, Situation, Step, Waiting

BACKED_OUT = 3.0
"""Seconds off the loop after which a vehicle that waited has gone; a loop may lose a high axle for a moment."""

_WAYS: dict[str, Literal["entry", "exit"]] = {"outside": "entry", "inside": "exit"}


def changed(s: Situation, event: InputChanged) -> Step:
    """One input has changed."""
    now = s.now.mono
    match event:
        case InputChanged(name="presence", on=on):
            return _presence(replace(s, lane=replace(s.lane, occupied=on)))
        case InputChanged(name="beyond", on=on):
            return passage.beyond(s.rules, replace(s.lane, beyond=on), now, was=s.lane.beyond)
        case InputChanged(name="closed", on=on):
            return hand.arm_moved(replace(s, lane=replace(s.lane, arm_closed=on)), was=s.lane.arm_closed)
        case InputChanged(name="handset", on=True):
            return hand.pressed(s)
        case InputChanged(name="fire", on=bool(on), device=device):
            return hand.fire(s, device, on=on)
        case InputChanged(name=name, on=on) if name in s.rules.loops:
            return _approach(s, name, on=on), []
        case _:
            return s.lane, []


def _presence(s: Situation) -> Step:
    match s.lane.phase:
        case Waiting(raised=True) as waiting if s.lane.occupied:
            return hand.drives_under_it(s, waiting)
        case _:
            return passage.loop(s.rules, s.lane, s.now.mono)


def lost(lane: Lane) -> Lane:
    """The board does not answer: all its inputs are unknown."""
    loops = tuple((name, None) for name, _ in lane.loops)
    return replace(lane, occupied=None, arm_closed=None, beyond=None, loops=loops)


def watched(rules: LaneRules, lane: Lane, now: float) -> Lane:
    """The same lane with its eye on who stands before the arm, while nothing else is under way."""
    idle = isinstance(lane.phase, Idle)
    if idle and (direction := _way(lane.loops)) != lane.direction:
        lane = replace(lane, direction=direction)
    nameless = isinstance(lane.phase, Waiting) and lane.phase.stay is None
    told = rules.role != "both" or lane.direction is not None
    known = told and not lane.sight.dealt and sure(lane.sight, rules.plate_reads) is not None
    alone_at = lane.sight.alone_at or now + rules.tag_late if known and (idle or nameless) else None
    here = any(on for _, on in lane.loops)
    call = idle and here and not (known or lane.called or lane.sight.dealt)
    gone = idle and not lane.approached
    seen = lane.sight if alone_at == lane.sight.alone_at else replace(lane.sight, alone_at=alone_at)
    sight = NOTHING_SEEN if gone else seen
    unknown_at = (lane.unknown_at or now + UNKNOWN_AFTER) if call else None
    called = lane.called and here
    if (sight, unknown_at, called) == (lane.sight, lane.unknown_at, lane.called):
        return lane
    return replace(lane, sight=sight, unknown_at=unknown_at, called=called)


def _approach(s: Situation, name: str, *, on: bool | None) -> Lane:
    """A loop before the arm: which way a vehicle has come, and when one that waits has gone."""
    loops = tuple((loop, on if loop == name else was) for loop, was in s.lane.loops)
    lane = replace(s.lane, loops=loops)
    if not lane.approached:
        lane = replace(lane, sight=NOTHING_SEEN)
    match lane.phase:
        case Waiting() as waiting:
            left_at = None if lane.approached else s.now.mono + BACKED_OUT
            return replace(lane, phase=replace(waiting, left_at=left_at))
        case Idle() | Identifying() | Passing() | Closing():
            return replace(lane, direction=_way(loops))
        case _:
            return lane


def _way(loops: tuple[tuple[str, bool | None], ...]) -> Literal["entry", "exit"] | None:
    """Which way the vehicle has come that stands on the one loop that is occupied.

    Of two that are, one may be the last of a vehicle that has just passed: it will soon be off.
    """
    occupied = [name for name, on in loops if on is not False]
    return _WAYS.get(occupied[0]) if len(occupied) == 1 else None
