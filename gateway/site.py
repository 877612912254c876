"""The site: whose event it is, and what concerns more than one lane. Pure, as the lanes are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime

from drivers.ports import (
    AuthorisePsam,
    BarrierDown,
    BarrierUp,
    DebitDone,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    OpenBarrier,
    PsamDone,
    PsamWanted,
    ReaderDown,
    ReaderUp,
    TagRead,
)
from drivers.security import box
from drivers.security.box import BoxEvent
from drivers.security.module import AuthoriseAsked, Authorised, InRsu, Refused, SecurityModule
from gateway.lane import core
from gateway.lane.core import Situation
from gateway.lane.state import Action, Do, Facts, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import (
    Alarm,
    AuthorisationEnded,
    AuthorisationWanted,
    Body,
    BoxDebitEnded,
    BoxDebitIntended,
    BoxTraded,
    DebitUnresolved,
    DeviceChanged,
    EtcPaused,
    EtcResumed,
    Moment,
    PassageEnded,
    canonical,
)
from gateway.ledger.stays import Stays
from gateway.orders import NotUnderstood, Order, PauseEtc, ResumeEtc
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Parked
from gateway.tariff.rules import Tariff

STRANGE_AGAIN = 3600.0
"""Seconds for which an order that cannot be obeyed is not told of again: a platform may order every second."""
STRANGE_KEPT = 64
"""Such orders that are remembered, by device, lane or mistake; while there are so many, no other is told of."""

Actions = list[tuple[str, Action]]
"""What is to be done, each with the name of the lane that it is for; an empty name is the site itself."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The site as configured: its lanes by name, its tariff, and who has the keys for which device."""

    lanes: Mapping[str, LaneRules]
    tariff: Tariff
    security: Mapping[str, SecurityModule] = field(default_factory=dict)

    def lane_of(self, device: str) -> str | None:
        """The lane that this reader or barrier stands in."""
        return next((lane.name for lane in self.lanes.values() if device in (lane.reader, lane.barrier)), None)


@dataclass(slots=True)
class Site:
    """All lanes of one site and their state."""

    rules: SiteRules
    lanes: dict[str, Lane] = field(init=False)
    _strange: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.lanes = {name: Lane() for name in self.rules.lanes}

    def boot(self, stays: Stays) -> Actions:
        """What the last run left behind: debits whose outcome it did not live to see (law 2), arms it left up."""
        actions: Actions = [
            ("", Record(DebitUnresolved(intent.id, "the gateway stopped before the outcome")))
            for intent in stays.begun()
        ]
        self.lanes = {
            name: Lane(arm_left_up=name in stays.raised, paused=name in stays.paused) for name in self.lanes
        }
        return actions + [
            (name, Record(PassageEnded(stay, "the gateway stopped")))
            for name, stay in stays.passing.items()
            if name in self.lanes
        ]

    def on(self, event: DeviceEvent, facts: Facts, now: Moment) -> Actions:
        """Take one event of a device. An event of a device that no lane has is dropped, but for security."""
        name = self.rules.lane_of(event.device)
        known: Actions = [(name or "", action) for action in self._security(event)]
        if name is None:
            return known
        known += [(name, Record(body)) for body in _device_news(event)]
        return known + self._step(name, event, facts, now)

    def box(self, event: BoxEvent) -> Actions:
        """Take one event of a box; it makes its trades by itself, so it belongs to no lane."""
        return [("", Record(_box_news(event)))]

    def obey(self, order: Order, now: Moment) -> Actions:
        """Take one order of a platform; one that cannot be obeyed is told, since nobody else would hear of it."""
        match order:
            case AuthorisePsam(device, random):
                if device in self.rules.security:  # whether it comes in time, the device's session knows
                    return [(self.rules.lane_of(device) or "", Do(order))]
                alarm = Alarm("order for a device that is not here", f"{device}: authorise_psam for {random}")
                return self._unless_told(device, alarm, now)
            case PauseEtc(lane, actor, reason):
                return self._switch(lane, EtcPaused(actor, reason), now)
            case ResumeEtc(lane, actor, reason):
                return self._switch(lane, EtcResumed(actor, reason), now)
            case NotUnderstood(why):
                return self._unless_told(why, Alarm("order not understood", why), now)

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
        """Whether an order that has waited is to go: an arm raised after its passage has ended would stay up.

        Nor is it raised for the passage that follows, whose own reason may still be waiting (law 3).
        """
        if not isinstance(action.order, OpenBarrier):
            return True
        phase = self.lanes[name].phase
        return isinstance(phase, Passing) and phase.stay == getattr(action.after, "stay", None)

    def _switch(self, name: str, switched: EtcPaused | EtcResumed, now: Moment) -> Actions:
        """Pause or resume ETC in a lane (law 11). What it is already is not recorded once more."""
        if name not in self.lanes:
            detail = f"{name}: {switched.KIND} by {switched.actor}: {switched.reason}"
            return self._unless_told(f"lane {name}", Alarm("order for a lane that is not here", detail), now)
        paused = isinstance(switched, EtcPaused)
        if self.lanes[name].paused == paused:
            return []
        self.lanes[name] = replace(self.lanes[name], paused=paused)
        return [(name, Record(switched))]

    def _unless_told(self, strange: str, alarm: Alarm, now: Moment) -> Actions:
        """Tell of an order that nobody can obey, once in a while: each entry costs the disk a flush."""
        self._strange = {name: told for name, told in self._strange.items() if now.mono - told < STRANGE_AGAIN}
        if strange in self._strange or len(self._strange) == STRANGE_KEPT:
            return []
        self._strange[strange] = now.mono
        return [("", Record(alarm))]

    def _security(self, event: DeviceEvent) -> list[Action]:
        """A PSAM wants a MAC: the platforms hear of it, and who has the keys here answers at once."""
        match event:
            case PsamWanted(device, terminal, number, version, key_type, area, random):
                module = self.rules.security.get(device, InRsu())
                answer = module.ask(AuthoriseAsked(terminal, number, version, key_type, area, random))
                wanted = Record(AuthorisationWanted(**asdict(event)))
                match answer:
                    case Authorised(mac):
                        return [wanted, Do(AuthorisePsam(device, random, mac))]
                    case Refused(reason):
                        return [wanted, Record(AuthorisationEnded(device, good=False, detail=reason))]
                    case _:
                        return [wanted]
            case PsamDone(device, good, detail):
                return [Record(AuthorisationEnded(device, good, detail))]
            case _:
                return []

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
            earlier = tuple(before for _, before in stay.earlier)
            context = Context(stay.vehicle_class, stay.color, earlier=earlier, channel="etc")
            price = quote(rules.tariff, Parked(stay.entered, end), context)
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


def _box_news(event: BoxEvent) -> Body:
    match event:
        case box.BoxUp(device, version, fault):
            return DeviceChanged(device, not fault, f"version {version}, fault {fault:02X}")
        case box.BoxDown(device, reason):
            return DeviceChanged(device, up=False, detail=reason)
        case box.BoxDebitWanted():
            return BoxDebitIntended(**{**asdict(event), "at": _iso(event.at)})
        case box.BoxDebitEnded():
            return BoxDebitEnded(**asdict(event))
        case box.BoxRefused(device, question, reason):
            return Alarm("a box got no answer", f"{device}: {question}: {reason}")
        case box.BoxTraded():
            return _box_trade(event)
        case box.BoxTradeDoubted(device, _, reason, record):
            detail = f"{device}: {reason}: {canonical(asdict(_box_trade(record)))}"
            return Alarm("a trade record of a box is no outcome", detail)


def _box_trade(event: box.BoxTraded) -> BoxTraded:
    return BoxTraded(
        device=event.device,
        intent=event.intent,
        result=event.result,
        obu_id=event.obu_id,
        card=event.card.number,
        plate=event.vehicle.plate,
        color=event.vehicle.color,
        vehicle_class=event.vehicle.vehicle_class,
        fen=event.fen,
        balance_before=event.card.balance,
        balance_after=event.balance_after,
        entered=_iso(event.entered),
        proof={
            "terminal": event.terminal,
            "terminal_serial": event.terminal_serial,
            "card_serial": event.card_serial,
            "card_random": event.card_random,
            "tac": event.tac,
            "algorithm": event.algorithm,
            "psam": event.psam,
            "at": _iso(event.at),
        },
    )


def _iso(at: datetime | None) -> str:
    """ISO 8601, "" for digits that are no time."""
    return at.isoformat() if at else ""
