"""What people do: orders with a name and a reason, the handset and the button, the fire alarm. Pure."""

from dataclasses import replace

from drivers.ports import OpenBarrier, Show
from gateway.lane import arrival, passage
from gateway.lane.answers import abandon, goodbye, open_for, priced, role
from gateway.lane.state import (
    Closing,
    Debiting,
    Do,
    Doubting,
    Identifying,
    Passing,
    Record,
    Situation,
    Step,
    Waiting,
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
    StayClosed,
    StayOpened,
)
from gateway.ledger.lists import UNKNOWN_CLASS, Vehicle
from gateway.orders import CloseArm, HoldOpen, LaneOrder, LetThrough, SwitchEtc


def ordered(s: Situation, order: LaneOrder) -> Step:
    """Take one order for this lane. What cannot be done is told, since nobody else would hear of it."""
    match order:
        case SwitchEtc(on=on):
            if s.lane.paused is not on:
                return s.lane, []
            return replace(s.lane, paused=not on), [Record(EtcSwitched(on, order.actor, order.reason))]
        case HoldOpen(on=on):
            return _hold(s, order) if on is not s.lane.kept_open else (s.lane, [])
        case CloseArm():
            return _close(s, order)
        case _:
            return _let_through(s, order)


def pressed(s: Situation) -> Step:
    """Somebody has raised the arm with the handset or a button."""
    lane, left = abandon(s, s.lane.phase, "opened by hand") if isinstance(s.lane.phase, Waiting) else (s.lane, [])
    opened = Record(OpenedByHand(s.facts.by_hand + 1))
    return passage.raised_by_hand(s.rules, lane, s.now.mono), [*left, opened]


def drives_under_it(s: Situation, waiting: Waiting) -> Step:
    """The arm was raised past us, and whoever waited before it takes the way."""
    lane, left = abandon(s, waiting, "opened by hand")
    return passage.raised_by_hand(s.rules, replace(lane, arm_left_up=False), s.now.mono), left


def arm_moved(s: Situation, *, was: bool | None) -> Step:
    """The arm's own switch has changed. One that rises without an order was raised past us, or forced."""
    by_itself = s.lane.arm_closed is False and not (s.lane.held or s.lane.arm_left_up)
    if not by_itself or isinstance(s.lane.phase, Passing | Closing):
        return passage.arm(s.lane)
    if not was:  # it was up before it could tell
        return replace(s.lane, arm_left_up=True), []
    lane = passage.raised_by_hand(s.rules, s.lane, s.now.mono)
    return lane, [Record(Alarm("the arm left its place without an order", s.rules.name))]


def fire(s: Situation, device: str, *, on: bool) -> Step:
    """The alarm raises every arm at once, before its record; when it is over they come down on a free loop."""
    fires = s.lane.fires | {device} if on else s.lane.fires - {device}
    if fires == s.lane.fires:
        return s.lane, []
    lane = passage.held(replace(s.lane, fires=fires), was=s.lane.held)
    return lane, [*passage.raise_held(s.rules, lane), Record(FireAlarm(on, device))]


def _hold(s: Situation, order: HoldOpen) -> Step:
    if order.on and s.facts.busy:
        return _not_now(s, order, "the lane, or the other barrier of its interlock, is busy")
    held = LaneHeld(order.on, order.actor, order.reason)
    lane = passage.held(replace(s.lane, kept_open=order.on), was=s.lane.held)
    raising = [replace(action, after=held) for action in passage.raise_held(s.rules, lane)] if order.on else []
    return lane, [Record(held), *raising]


def _close(s: Situation, order: CloseArm) -> Step:
    """Never on a car, whoever orders it (law 6)."""
    if s.lane.occupied is not False or s.lane.fires:
        why = "there is a fire alarm" if s.lane.fires else "the loop under the arm is not known to be free"
        return _not_now(s, order, why)
    if isinstance(s.lane.phase, Debiting | Doubting | Identifying):
        return _not_now(s, order, "a vehicle is being dealt with")
    closed = LaneClosed(order.actor, order.reason)
    if isinstance(s.lane.phase, Waiting):  # it comes down before whoever waits
        waiting = replace(s.lane.phase, raised=False, lowered_until=None)
        return replace(s.lane, phase=waiting, kept_open=False, arm_left_up=True), [Record(closed)]
    lane, actions = passage.close_now(s.rules, replace(s.lane, kept_open=False), s.now.mono)
    return lane, [Record(closed), *(replace(a, after=closed) if isinstance(a, Do) else a for a in actions)]


def _let_through(s: Situation, order: LetThrough) -> Step:
    """A person lets the vehicle pass that stands here, known or not; an open stay ends with it."""
    if order.until and s.now.trusted and s.now.wall > order.until:
        return _not_now(s, order, "its time is over")
    if isinstance(s.lane.phase, Passing):
        opened = LaneOpened(order.actor, order.reason, s.lane.phase.stay, "")
        return s.lane, [Record(opened), Do(OpenBarrier(s.rules.barrier), after=opened)]
    if s.facts.busy or isinstance(s.lane.phase, Debiting | Identifying) or not s.rules.barrier:
        return _not_now(s, order, "a vehicle is being dealt with, or the arm must not be raised")
    vehicle = arrival.whom(s, order)
    plate = vehicle[0] if vehicle else ""
    bodies, stay = _stay_of(s, vehicle)
    opened = LaneOpened(order.actor, order.reason, stay, plate)
    words = goodbye(s, 0) if role(s) == "exit" else Show(s.rules.name, f"欢迎光临 {plate}", f"Welcome {plate}")
    return open_for(s, "", stay, plate, [*bodies, opened], words=words)


def _stay_of(s: Situation, vehicle: Vehicle | None) -> tuple[list[Body], str]:
    """What becomes of the vehicle's stay, and its id: it begins at an entry, and ends at an exit."""
    stay, quote = s.facts.stay, s.facts.quote
    if vehicle is None:
        return [], ""
    way = role(s)
    if way == "entry":
        opened = StayOpened(s.facts.fresh, vehicle[0], vehicle[1], UNKNOWN_CLASS, "", "")
        return [*arrival.superseded(s), opened], opened.stay
    if way is None or stay is None:
        return [], ""
    quote = quote if priced(s) else None
    due = quote.total if quote else stay.paid
    return [StayClosed(stay.id, "let go", due, stay.paid, quote.to_json() if quote else None)], stay.id


def _not_now(s: Situation, order: LaneOrder, why: str) -> Step:
    name = type(order).__name__
    return s.lane, [Record(Alarm("order not carried out", f"{name} by {order.actor} ({order.reason}): {why}"))]
