"""The site: whose event it is, and what concerns more than one lane. Pure, as the lanes are."""

from dataclasses import asdict, dataclass, field, replace

from drivers.ports import (
    AuthorisePsam,
    CloseBarrier,
    DeviceEvent,
    InputChanged,
    OpenBarrier,
    PsamDone,
    PsamWanted,
)
from drivers.security.box import BoxEvent
from drivers.security.module import AuthoriseAsked, Authorised, InRsu, Refused
from gateway import news
from gateway.facts import SiteRules, gather, intent_named
from gateway.lane import core, debit
from gateway.lane.checks import IN_DOUBT
from gateway.lane.core import Event, Reconsider
from gateway.lane.state import Action, Do, Lane, Passing, Record, Situation, Waiting
from gateway.ledger.entries import (
    Alarm,
    AuthorisationEnded,
    AuthorisationWanted,
    CardListed,
    DebitUnresolved,
    LaneHeld,
    Moment,
    PassageEnded,
    PaymentMade,
    PermitGranted,
    PermitWithdrawn,
    RefundMade,
)
from gateway.ledger.stays import Stay, Stays
from gateway.orders import (
    CloseArm,
    GrantPermit,
    HoldOpen,
    LetThrough,
    ListCard,
    Order,
    Pay,
    Refunded,
    Resolve,
    SwitchEtc,
    WithdrawPermit,
)
from gateway.tariff.quote import Permit

STRANGE_AGAIN = 3600.0
"""Seconds for which an order that cannot be obeyed is not told of again: a platform may order every second."""
STRANGE_KEPT = 64
"""Such orders that are remembered, by device, lane or mistake; while there are so many, no other is told of."""

Actions = list[tuple[str, Action]]
"""What is to be done, each with the name of the lane that it is for; an empty name is the site itself."""


@dataclass(slots=True)
class Site:
    """All lanes of one site and their state.

    `stays` is what the ledger says, kept up by whoever writes it. `boot` names this run and begins every id.
    `ledger_fault` is set from outside while nothing can be made durable.
    """

    rules: SiteRules
    stays: Stays = field(default_factory=Stays)
    boot: str = ""
    ledger_fault: str | None = None
    lanes: dict[str, Lane] = field(init=False)
    _strange: dict[str, float] = field(default_factory=dict)
    _ids: int = 0

    def __post_init__(self) -> None:
        self.lanes = {name: self._lane_at_start(name) for name in self.rules.lanes}

    def _lane_at_start(self, name: str) -> Lane:
        left, loops = self.stays.lanes, sorted(self.rules.lanes[name].loops)
        return Lane(
            loops=tuple((loop, None) for loop in loops),
            arm_left_up=name in left.raised,
            kept_open=name in left.held,
            paused=name in left.paused,
            debited_at=left.debited_at.get(name),
            # Of a board that is not here any more nobody would hear that its fire is over.
            fires=frozenset(board for board in left.fires.get(name, ()) if self.rules.lane_of(board)),
        )

    def left_over(self) -> Actions:
        """What the last run left behind: debits whose outcome it did not live to see (law 2), passages."""
        doubts: Actions = [
            ("", Record(DebitUnresolved(intent.id, "the gateway stopped before the outcome")))
            for intent in self.stays.begun()
        ]
        return doubts + [
            (name, Record(PassageEnded(stay, "the gateway stopped")))
            for name, stay in self.stays.lanes.passing.items()
            if name in self.lanes
        ]

    def on(self, event: DeviceEvent, now: Moment) -> Actions:
        """Take one event of a device. An event of a device that no lane has is dropped, but for security."""
        name = self._lane_with_the_debit(event) or self.rules.lane_of(event.device)
        known: Actions = [(name or "", action) for action in self._security(event)]
        if name is None:
            return known
        if isinstance(event, InputChanged) and event.name == "fire":
            return [action for lane in self.lanes for action in self._step(lane, event, now)]
        known += [(name, Record(body)) for body in news.of_device(event)]
        return known + self._step(name, event, now)

    def _lane_with_the_debit(self, event: DeviceEvent) -> str | None:
        """The lane that awaits the outcome which this event tells, whoever's reader tells it."""
        intent = intent_named(self.stays, event)
        if intent is None:
            return None
        return next((name for name, lane in self.lanes.items() if debit.under_way(lane, intent.id)), None)

    def box(self, event: BoxEvent) -> Actions:
        """Take one event of a box; it makes its trades by itself, so it belongs to no lane."""
        return [("", Record(news.of_box(event)))]

    def obey(self, order: Order, now: Moment) -> Actions:
        """Take one order from outside; one that cannot be obeyed is told, since nobody else would hear of it."""
        match order:
            case AuthorisePsam(device, random):
                if device in self.rules.security:  # whether it comes in time, the device's session knows
                    return [(self.rules.lane_of(device) or "", Do(order))]
                alarm = Alarm("order for a device that is not here", f"{device}: authorise_psam for {random}")
                return self._unless_told(device, alarm, now)
            case SwitchEtc() | HoldOpen() | CloseArm() | LetThrough():
                if order.lane in self.lanes:
                    return self._step(order.lane, order, now)
                detail = f"{order.lane}: {type(order).__name__} by {order.actor}: {order.reason}"
                alarm = Alarm("order for a lane that is not here", detail)
                return self._unless_told(f"lane {order.lane}", alarm, now)
            case Pay():
                return self._paid(order, now)
            case Resolve():
                return self._resolved(order, now)
            case Refunded() | ListCard() | GrantPermit() | WithdrawPermit():
                return self._noted(order, now)
            case _:
                return self._unless_told(order.why, Alarm("order not understood", order.why), now)

    def ready(self) -> list[str]:
        """Lanes where a vehicle waits for what has come: its money, or the outcome of a debit."""
        waiting = ((name, lane.phase) for name, lane in self.lanes.items() if isinstance(lane.phase, Waiting))
        return [name for name, phase in waiting if phase.stay and self._has_news(phase, phase.stay)]

    def _has_news(self, waiting: Waiting, stay: Stay) -> bool:
        now = self.stays.find(stay.id)
        if now is None or now.closed:
            return True
        paid = waiting.quote is not None and now.paid >= waiting.quote.total
        return paid or (waiting.why == IN_DOUBT.code and self.stays.undecided(stay.id) is None)

    def reconsider(self, name: str, now: Moment) -> Actions:
        """Something may have changed for whoever waits in this lane."""
        return self._step(name, Reconsider(), now)

    def late(self, now: Moment) -> list[str]:
        """Lanes that want to be asked: one after the other, since what one decides is news to the next."""
        times = ((name, core.deadline(lane)) for name, lane in self.lanes.items())
        return [name for name, at in times if at is not None and at <= now.mono]

    def due(self, name: str, now: Moment) -> Actions:
        """A time has come for this lane."""
        return self._step(name, None, now)

    @property
    def deadline(self) -> float | None:
        """When `due` wants to be called, monotonic."""
        times = [at for lane in self.lanes.values() if (at := core.deadline(lane)) is not None]
        return min(times, default=None)

    def released(self, name: str, action: Do) -> bool:
        """What this order has waited for is durable: whether it is to go.

        An arm raised after its passage has ended would stay up; nor is it raised for the passage that follows,
        whose own reason may still be waiting (law 3).
        """
        lane = self.lanes[name] if name else None
        match action.order, lane:
            case OpenBarrier(), Lane() if isinstance(action.after, LaneHeld):
                return lane.held
            case OpenBarrier(), Lane(phase=Passing(stay=stay) as passing):
                if wanted := stay == getattr(action.after, "stay", None):
                    self.lanes[name] = replace(self.lanes[name], phase=replace(passing, up=True))
                return wanted
            case OpenBarrier(), _:
                return False
            case CloseBarrier(), Lane(occupied=occupied, held=held):
                return occupied is False and not held  # it was, when it was ordered (law 6)
            case _:
                return True

    def _paid(self, order: Pay, now: Moment) -> Actions:
        """Money came by another channel. What is too much becomes a refund when the stay ends, or at once."""
        detail = f"{order.payment}: {order.fen} fen by {order.channel} for {order.stay}"
        if told := self.stays.payments.get(order.payment):
            same = (told.stay, told.fen, told.channel) == (order.stay, order.fen, order.channel)
            other = Alarm("payment told again with other terms", detail)
            return [] if same else self._unless_told(f"again {order.payment}", other, now)
        if self.stays.find(order.stay) is None:
            return self._unless_told(order.payment, Alarm("payment for a stay that is not known", detail), now)
        return [("", Record(PaymentMade(order.payment, order.stay, order.fen, order.channel)))]

    def _resolved(self, order: Resolve, now: Moment) -> Actions:
        intent = self.stays.intents.get(order.intent)
        if intent is None or intent.state != "unresolved":
            detail = f"{order.intent} is {intent.state if intent else 'not known'}: {order.actor}"
            return self._unless_told(order.intent, Alarm("nothing to resolve", detail), now)
        # A lane that is not configured any more has nothing under way: any other may say what is to be written.
        name = intent.lane if intent.lane in self.lanes else next(iter(self.lanes))
        return [(intent.lane, action) for _, action in self._step(name, order, now)]

    def _noted(self, order: Refunded | ListCard | GrantPermit | WithdrawPermit, now: Moment) -> Actions:
        match order:
            case Refunded(refund, actor, reason):
                if refund in self.stays.refunded:
                    return []
                if refund in self.stays.refunds:
                    return [("", Record(RefundMade(refund, actor, reason)))]
                return self._unless_told(refund, Alarm("refund that is not due", f"{refund} by {actor}"), now)
            case ListCard(card, on, actor, reason):
                known = (card in self.stays.lists.cards) is on
                return [] if known else [("", Record(CardListed(card, on, actor, reason)))]
            case GrantPermit(permit, plate, color, kind, first, last, actor):
                if self.stays.lists.has(permit, (plate, color), Permit(kind, first, last)):
                    return []
                begins, ends = first.isoformat() if first else "", last.isoformat() if last else ""
                return [("", Record(PermitGranted(permit, plate, color, kind, begins, ends, actor)))]
            case _:
                if not self.stays.lists.is_granted(order.permit):
                    return []
                return [("", Record(PermitWithdrawn(order.permit, order.actor, order.reason)))]

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

    def _step(self, name: str, event: Event, now: Moment) -> Actions:
        lane = self.lanes[name]
        self._ids += 1
        fresh, fault = f"{self.boot}-{self._ids}", self.ledger_fault
        facts = gather(self.rules, self.stays, self.lanes, name, event, now=now, fresh=fresh, ledger_fault=fault)
        self.lanes[name], actions = core.on(Situation(self.rules.lanes[name], lane, facts, now), event)
        return [(name, action) for action in actions]
