"""The lane: one event, the facts that go with it, and the time in; the new state and the actions out. Pure.

Entry: tag read, checks, stay recorded, barrier. Exit: tag read, checks, stay found, quote, intent recorded, debit,
outcome recorded, barrier. Whatever cannot go on ends in a recorded refusal, words for the driver, and a wait for a
payment or a person that has an end.
"""

from dataclasses import replace

from drivers.ports import (
    BarrierDown,
    BarrierEvent,
    BarrierUp,
    CloseRefused,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    InputChanged,
    PlateSeen,
    TagRead,
    TagUnreadable,
)
from gateway.lane import arrival, commissioning, debit, hand, loops, passage
from gateway.lane.answers import AGAIN_SOON, abandon, ask, close_stay, closed, nobody, release
from gateway.lane.checks import IN_DOUBT
from gateway.lane.sight import faded
from gateway.lane.state import Debiting, Doubting, Identifying, Idle, Lane, Record, Situation, Step, Waiting
from gateway.ledger.entries import NotDebited
from gateway.orders import CloseArm, HoldOpen, LaneOrder, LetThrough, Resolve, SwitchEtc
from protocols.immutable import dataclass


@dataclass(frozen=True, slots=True)
class Reconsider:
    """Money has come for a stay, or a person has spoken: whoever waits looks at the facts again."""


Event = DeviceEvent | LaneOrder | Resolve | Reconsider | None


def on(s: Situation, event: Event) -> Step:
    """Take one event of this lane's devices, an order from outside, or None when `deadline` has come."""
    standing = any(on for _, on in s.lane.loops)  # and still the same vehicle
    if not standing and (sight := faded(s.lane.sight, s.now.mono)) is not s.lane.sight:
        s = replace(s, lane=replace(s.lane, sight=sight))
    lane, actions = _take(s, event)
    if s.rules.commissioning:
        lane, actions = commissioning.instead(s, event, lane, actions)
    lane, lowering = passage.at_rest(s.rules, lane, s.now.mono)
    return loops.watched(s.rules, lane, s.now.mono), [*actions, *lowering]


def _take(s: Situation, event: Event) -> Step:
    match event:
        case TagRead():
            return _tag(s, event)
        case PlateSeen():
            return _looked_again(s, arrival.plate_seen(s, event))
        case TagUnreadable():
            return arrival.unreadable(s, event)
        case DebitDone() | DebitFound() | DebitUnknown() | DebitNotSent():
            return debit.outcome(s, event)
        case InputChanged() | BarrierUp() | BarrierDown() | CloseRefused():
            return _board(s, event)
        case SwitchEtc() | HoldOpen() | CloseArm() | LetThrough() | Resolve() | Reconsider():
            return _told(s, event)
        case None:
            return _due(s)
        case _:
            return s.lane, []


def _board(s: Situation, event: BarrierEvent) -> Step:
    match event:
        case InputChanged():
            return _looked_again(s, loops.changed(s, event))
        case BarrierUp():
            return s.lane, [*passage.raise_held(s.rules, s.lane)]
        case BarrierDown():
            return loops.lost(s.lane), []
        case _:
            return passage.refused(s.rules, s.lane, event, s.now.mono)


def _told(s: Situation, order: LaneOrder | Resolve | Reconsider) -> Step:
    match order:
        case Resolve():
            return debit.resolved(s, order)
        case Reconsider():
            return _reconsidered(s)
        case _:
            return hand.ordered(s, order)


def deadline(lane: Lane) -> float | None:
    """When the lane wants to be asked again, monotonic; None if nothing is under way (law 7)."""
    match lane.phase:
        case Waiting(until=until, left_at=left_at):
            return min(at for at in (until, left_at, lane.sight.alone_at) if at is not None)
        case Identifying(until=until) | Debiting(until=until) | Doubting(until=until):
            return until
        case Idle():
            times = [at for at in (lane.sight.alone_at, lane.unknown_at) if at is not None]
            return min(times, default=None)
        case _:
            return passage.deadline(lane)


# --- a tag -------------------------------------------------------------------------------------------------


def _tag(s: Situation, read: TagRead) -> Step:
    match s.lane.phase:
        case Debiting(obu_id=obu) if obu == read.tag.obu_id:
            return s.lane, []  # its own order is on the way; the session ends this reading by itself
        case Doubting(debit=doubted) if doubted.obu_id == read.tag.obu_id:
            return _seen_again(s, doubted, read)
        case Idle() | Waiting():
            return arrival.tag(s, read)
        case _:
            return s.lane, release(s, read.tag.obu_id, AGAIN_SOON)


def _seen_again(s: Situation, doubted: Debiting, read: TagRead) -> Step:
    """The same tag in the same presence: its balance tells what became of the debit (law 2)."""
    made = debit.evidence(doubted, read)
    if made is None:
        return arrival.in_doubt(nobody(s), read.tag.obu_id, doubted.intent, doubted.quote)
    if made:
        return debit.settled_by_balance(s, doubted)
    if s.now.mono < doubted.begun + debit.STILL_COMING:
        return s.lane, release(s, read.tag.obu_id, AGAIN_SOON)
    other = s.facts.doubt if s.facts.doubt and s.facts.doubt.id != doubted.intent else None
    lane, actions = arrival.tag(replace(nobody(s), facts=replace(s.facts, doubt=other)), read)
    return lane, [Record(NotDebited(doubted.intent, "the balance is what it was")), *actions]


def _looked_again(s: Situation, step: Step) -> Step:
    """Loop or camera has told something: perhaps what a tag was waiting for."""
    lane, actions = step
    if not isinstance(lane.phase, Identifying):
        return step
    after, more = arrival.more_known(replace(s, lane=lane), lane.phase.read)
    return after, [*actions, *more]


def _reconsidered(s: Situation) -> Step:
    """The vehicle that waits is let out if its stay is paid now."""
    match s.lane.phase:
        case Waiting(stay=stay, quote=quote) as waiting if stay and quote:
            now = s.facts.stay
            if now is None or now.id != stay.id:  # it has left through another lane
                return abandon(s, waiting, "left elsewhere")
            if now.paid >= quote.total and not s.facts.busy:
                return close_stay(s, "", now, closed(now, quote, now.paid))
            if waiting.why == IN_DOUBT.code and s.facts.doubt is None:  # it was not made
                return replace(s.lane, phase=replace(waiting, why="")), ask(s, now, quote)
    return s.lane, []


# --- time --------------------------------------------------------------------------------------------------


def _due(s: Situation) -> Step:
    match s.lane.phase:
        case Identifying(read=read, until=until) if s.now.mono >= until:
            return arrival.more_known(s, read)
        case Debiting(until=until) as doubted if s.now.mono >= until:
            return debit.no_outcome(s, doubted)
        case Doubting(debit=doubted, until=until) if s.now.mono >= until:
            return arrival.in_doubt(nobody(s), doubted.obu_id, doubted.intent, doubted.quote)
        case Waiting(left_at=left_at) as waiting if left_at is not None and s.now.mono >= left_at:
            return abandon(s, waiting, "backed out")
        case Waiting(until=until) as waiting if s.now.mono >= until:
            lane, ended = abandon(s, waiting, "nobody decided")
            return replace(lane, called=True), ended
        case Waiting() | Idle():
            return _watched_due(s)
        case _:
            return passage.due(s.rules, s.lane, s.now.mono)


def _watched_due(s: Situation) -> Step:
    if (at := s.lane.sight.alone_at) is not None and s.now.mono >= at:
        return arrival.by_plate(s)
    if s.lane.unknown_at is not None and s.now.mono >= s.lane.unknown_at:
        return arrival.nobody_knows(s)
    return s.lane, []
