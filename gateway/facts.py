"""The facts that go with an event of a lane, from what the ledger says and what the other lanes do. Pure."""

from collections.abc import Mapping
from dataclasses import field, replace
from functools import partial

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
from protocols.immutable import dataclass
from protocols.obu.values import Vehicle

SMALL_CAR = 1
"""What a vehicle of unknown class is priced as (rsu-protocol 8.4)."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The site as configured: its lanes by name, its tariff, and who has the keys for which device.

    `interlocked` names, by lane, those whose arms must be down before its own is raised.
    """

    lanes: Mapping[str, LaneRules]
    tariff: Tariff
    security: Mapping[str, SecurityModule] = field(default_factory=dict)
    interlocked: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _lane_of: Mapping[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Found once: every event asks for its lane and for the arms beside it.
        pairs = [(lane.name, lane.interlock) for lane in self.lanes.values()]
        beside = {name: {b if a == name else a for a, b in pairs if name in (a, b)} for name in self.lanes}
        here = {name: frozenset(others & self.lanes.keys()) for name, others in beside.items()}
        object.__setattr__(self, "interlocked", here)
        lane_of = {device: name for name, lane in self.lanes.items() for device in lane.devices}
        object.__setattr__(self, "_lane_of", lane_of)

    def lane_of(self, device: str) -> str | None:
        """The lane that this reader, barrier or camera stands in."""
        return self._lane_of.get(device)


def gather(
    rules: SiteRules,
    stays: Stays,
    lanes: Mapping[str, Lane],
    name: str,
    event: Event,
    *,
    now: Moment,
    fresh: str = "",
    ledger_fault: str | None = None,
) -> Facts:
    """What this lane may look at upon this event; `fresh` and `ledger_fault` are what its run says."""
    lane, interlocked = lanes[name], rules.interlocked[name]
    busy = bool(interlocked) and any(lanes[other].engaged for other in interlocked)
    by_hand = stays.lanes.by_hand(name, now.wall.date())
    facts = partial(Facts, fresh, ledger_fault=ledger_fault, by_hand=by_hand)
    if intent := intent_named(stays, event):
        stay = stays.find(intent.stay)
        return facts(intent=intent, stay=stay if stay and not stay.closed else None, busy=busy)
    vehicle = arrival.at_hand(lane, event, rules.lanes[name].plate_reads)
    if vehicle is None:
        return facts(busy=busy)
    plate, color = vehicle
    stay = stays.of_plate(plate) if color is None else stays.of(plate, color)
    left = stays.left_of_plate(plate) if color is None else stays.left(plate, color)
    read = _tag(lane, event)
    card = read.card.number if read and read.card else ""
    listed = card in stays.lists.cards
    if stay is None:
        return facts(left=left, listed=listed, busy=busy)
    stay = _as_told(stay, read.vehicle if read else None)
    asked = price(rules.tariff, stays, stay, now, "")
    by_tag = rules.tariff.by_channel and card
    return facts(
        left=left,
        listed=listed,
        stay=stay,
        quote=price(rules.tariff, stays, stay, now, "etc") if by_tag else asked,
        asked=asked,
        doubt=stays.undecided(stay.id),
        busy=busy or any(other.stay == stay.id for key, other in lanes.items() if key != name),
    )


def _as_told(stay: Stay, seen: Vehicle | None) -> Stay:
    """The stay with the colour and class that its tag tells, where nobody has read them."""
    color = seen.color if seen and stay.color == UNKNOWN_COLOR else stay.color
    vehicle_class = stay.vehicle_class or (seen.vehicle_class if seen else SMALL_CAR)
    if (color, vehicle_class) == (stay.color, stay.vehicle_class):
        return stay
    return replace(stay, color=color, vehicle_class=vehicle_class)


def price(tariff: Tariff, stays: Stays, stay: Stay, now: Moment, channel: str) -> Quote:
    """What this stay costs if it ends now, paid by this channel (`etc` for the tag)."""
    # A clock that went back must not make a stay negative; law 10 keeps such a stay from being debited.
    end = max(now.wall, stay.entered)
    context = Context(
        stay.vehicle_class,
        stay.color,
        permits=stays.lists.permits((stay.plate, stay.color)),
        earlier=tuple([before for _, before in stay.earlier]),
        paid=tuple([paid for _, paid in stay.payments]),
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
