"""The facts that go with an event of a lane, from what the ledger says and what the other lanes do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drivers.ports import DebitDone, DebitFound, DebitNotSent, DebitUnknown, TagRead
from drivers.security.module import SecurityModule
from gateway.lane import arrival
from gateway.lane.core import Event
from gateway.lane.state import Facts, Identifying, Lane, LaneRules
from gateway.ledger.entries import Moment
from gateway.ledger.lists import UNKNOWN_COLOR
from gateway.ledger.stays import Intent, Stay, Stays
from gateway.orders import Resolve
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Parked, Quote
from gateway.tariff.rules import Tariff
from protocols.obu.values import Vehicle

SMALL_CAR = 1
"""What a vehicle of unknown class is priced as (rsu-protocol 8.4)."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The site as configured: its lanes by name, its tariff, and who has the keys for which device."""

    lanes: Mapping[str, LaneRules]
    tariff: Tariff
    security: Mapping[str, SecurityModule] = field(default_factory=dict)

    def lane_of(self, device: str) -> str | None:
        """The lane that this reader, barrier or camera stands in."""
        return next((name for name, lane in self.lanes.items() if device in lane.devices), None)


def gather(
    rules: SiteRules, stays: Stays, lanes: Mapping[str, Lane], name: str, event: Event, *, now: Moment
) -> Facts:
    """What this lane may look at upon this event; `fresh` and `ledger_fault` are its run's to add."""
    lane = lanes[name]
    facts = Facts("", by_hand=stays.lanes.by_hand(name, now.wall.date()), busy=_interlocked(rules, lanes, name))
    if intent := intent_named(stays, event):
        stay = stays.find(intent.stay)
        return replace(facts, intent=intent, stay=stay if stay and not stay.closed else None)
    vehicle = arrival.at_hand(lane, event, rules.lanes[name].plate_reads)
    if vehicle is None:
        return facts
    plate, color = vehicle
    stay = stays.of_plate(plate) if color is None else stays.of(plate, color)
    left = stays.left_of_plate(plate) if color is None else stays.left(plate, color)
    read = _tag(lane, event)
    card = read.card.number if read and read.card else ""
    listed = card in stays.lists.cards
    if stay is None:
        return replace(facts, left=left, listed=listed)
    stay = _as_told(stay, read.vehicle if read else None)
    asked = price(rules.tariff, stays, stay, now, "")
    by_tag = rules.tariff.by_channel and card
    return replace(
        facts,
        left=left,
        listed=listed,
        stay=stay,
        quote=price(rules.tariff, stays, stay, now, "etc") if by_tag else asked,
        asked=asked,
        doubt=stays.undecided(stay.id),
        busy=facts.busy or any(other.stay == stay.id for key, other in lanes.items() if key != name),
    )


def _as_told(stay: Stay, seen: Vehicle | None) -> Stay:
    """The stay with the colour and class that its tag tells, where nobody has read them."""
    color = seen.color if seen and stay.color == UNKNOWN_COLOR else stay.color
    told = seen.vehicle_class if seen else SMALL_CAR
    return replace(stay, color=color, vehicle_class=stay.vehicle_class or told)


def price(tariff: Tariff, stays: Stays, stay: Stay, now: Moment, channel: str) -> Quote:
    """What this stay costs if it ends now, paid by this channel (`etc` for the tag)."""
    # A clock that went back must not make a stay negative; law 10 keeps such a stay from being debited.
    end = max(now.wall, stay.entered)
    context = Context(
        stay.vehicle_class,
        stay.color,
        permits=stays.lists.permits((stay.plate, stay.color)),
        earlier=tuple(before for _, before in stay.earlier),
        paid=tuple(paid for _, paid in stay.payments),
        channel=channel,
    )
    return quote(tariff, Parked(stay.entered, end), context)


def intent_named(stays: Stays, event: Event) -> Intent | None:
    """The debit that this event is about, if it is about one that is on record."""
    match event:
        case DebitDone(intent=intent) | DebitUnknown(intent=intent) | DebitNotSent(intent=intent):
            return stays.intents.get(intent)
        case Resolve(intent=intent):
            return stays.intents.get(intent)
        case DebitFound(obu_id=obu_id, proof=proof):
            return stays.intent_of(obu_id, proof.at)
        case _:
            return None


def _tag(lane: Lane, event: Event) -> TagRead | None:
    """The tag that is to pay, if there is one."""
    match event, lane.phase:
        case (TagRead() as read, _) | (_, Identifying(read=read)):
            return read
        case _:
            return None


def _interlocked(rules: SiteRules, lanes: Mapping[str, Lane], name: str) -> bool:
    """Whether the other arm of an interlock is up, or about to be."""
    pairs = {(lane.name, lane.interlock) for lane in rules.lanes.values() if lane.interlock}
    return any(lanes[other].engaged for other in lanes if (name, other) in pairs or (other, name) in pairs)
