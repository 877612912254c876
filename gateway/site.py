"""The site: whose event it is, and what concerns more than one lane. Pure, as the lanes are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from drivers.ports import (
    BarrierDown,
    BarrierUp,
    DebitDone,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    OpenBarrier,
    ReaderDown,
    ReaderUp,
    TagRead,
)
from gateway.lane import core
from gateway.lane.core import Situation
from gateway.lane.state import Action, Do, Facts, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import DebitUnresolved, DeviceChanged, Moment, PassageEnded
from gateway.ledger.stays import Stays
from gateway.tariff.engine import quote
from gateway.tariff.rules import Tariff

Actions = list[tuple[str, Action]]
"""What is to be done, each with the name of the lane that it is for; an empty name is the site itself."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The site as configured: its lanes by name, and its tariff."""

    lanes: Mapping[str, LaneRules]
    tariff: Tariff

    def lane_of(self, device: str) -> str | None:
        """The lane that this reader or barrier stands in."""
        return next((lane.name for lane in self.lanes.values() if device in (lane.reader, lane.barrier)), None)


@dataclass(slots=True)
class Site:
    """All lanes of one site and their state."""

    rules: SiteRules
    lanes: dict[str, Lane] = field(init=False)

    def __post_init__(self) -> None:
        self.lanes = {name: Lane() for name in self.rules.lanes}

    def boot(self, stays: Stays) -> Actions:
        """What the last run left behind: debits whose outcome it did not live to see (law 2), arms it left up."""
        actions: Actions = [
            ("", Record(DebitUnresolved(intent.id, "the gateway stopped before the outcome")))
            for intent in stays.begun()
        ]
        for name, stay in stays.passing.items():
            if name in self.lanes:
                self.lanes[name] = Lane(arm_left_up=True)
                actions.append((name, Record(PassageEnded(stay, "the gateway stopped"))))
        return actions

    def on(self, event: DeviceEvent, facts: Facts, now: Moment) -> Actions:
        """Take one event of a device. An event of a device that no lane has is dropped."""
        name = self.rules.lane_of(event.device)
        if name is None:
            return []
        known: Actions = [(name, Record(body)) for body in _device_news(event)]
        return known + self._step(name, event, facts, now)

    def due(self, facts: Facts, now: Moment) -> Actions:
        """A time has come for one lane or several."""
        late = [
            name for name, lane in self.lanes.items() if (at := core.deadline(lane)) is not None and at <= now.mono
        ]
        return [action for name in late for action in self._step(name, None, facts, now)]

    @property
    def deadline(self) -> float | None:
        """When `due` wants to be called, monotonic."""
        times = [at for lane in self.lanes.values() if (at := core.deadline(lane)) is not None]
        return min(times, default=None)

    def still_wanted(self, name: str, action: Do) -> bool:
        """Whether an order that has waited is to go: an arm raised after its passage has ended would stay up."""
        return not isinstance(action.order, OpenBarrier) or isinstance(self.lanes[name].phase, Passing)

    def _step(self, name: str, event: DeviceEvent | None, facts: Facts, now: Moment) -> Actions:
        facts = replace(facts, stay_busy=self._busy_elsewhere(name, facts))
        situation = Situation(self.rules.lanes[name], self.lanes[name], facts, now)
        self.lanes[name], actions = core.on(situation, event)
        return [(name, action) for action in actions]

    def _busy_elsewhere(self, name: str, facts: Facts) -> bool:
        """Whether another lane is debiting for the very stay in question: one tag, two antennas."""
        return facts.stay is not None and any(
            lane.stay == facts.stay.id for other, lane in self.lanes.items() if other != name
        )


def gather(
    rules: SiteRules, stays: Stays, event: DeviceEvent | None, now: Moment, *, fresh: str, ledger_fault: str | None
) -> Facts:
    """The facts that go with an event, from what is known at this moment."""
    facts = Facts(fresh=fresh, ledger_fault=ledger_fault)
    match event:
        case DebitDone() | DebitUnknown() | DebitNotSent():
            return replace(facts, intent=stays.intents.get(event.intent))
        case TagRead(vehicle=vehicle) if vehicle:
            stay = stays.of(vehicle.plate, vehicle.color)
            left = stays.left(vehicle.plate, vehicle.color)
            if stay is None:
                return replace(facts, left=left)
            # A clock that went back must not make a stay negative; law 10 keeps such a stay from being debited.
            end = max(now.wall, stay.entered)
            price = quote(rules.tariff, stay.vehicle_class, stay.entered, end)
            return replace(facts, stay=stay, left=left, quote=price, doubt=stays.undecided(stay.id))
        case _:
            return facts


def _device_news(event: DeviceEvent) -> list[DeviceChanged]:
    match event:
        case ReaderUp(device, terminals, authorised, version, fault):
            said = {None: "not said", True: "authorised", False: "not authorised"}[authorised]
            detail = f"version {version}, PSAM {' '.join(terminals)} {said}, fault {fault:02X}"
            return [DeviceChanged(device, not fault, detail)]
        case ReaderDown(device, reason) | BarrierDown(device, reason):
            return [DeviceChanged(device, up=False, detail=reason)]
        case BarrierUp(device):
            return [DeviceChanged(device, up=True, detail="")]
        case _:
            return []
