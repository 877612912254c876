"""What follows from the ledger: stays and what was paid for them, debits and their outcomes. Pure."""

from dataclasses import field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from gateway.ledger.entries import (
    Body,
    ClockStepped,
    DebitCorrected,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    Moment,
    NotDebited,
    PassageEnded,
    PaymentMade,
    RefundDue,
    RefundMade,
    StayClosed,
    StayImported,
    StayOpened,
)
from gateway.ledger.lanes import Lanes
from gateway.ledger.lists import UNKNOWN_COLOR, Lists, Vehicle
from gateway.tariff.quote import Earlier, Paid
from protocols.china import civil
from protocols.immutable import dataclass

Ended = tuple[str, Earlier]
"""A stay that has ended, and the run whose clock saw it end."""
Payment = tuple[str, Paid]
"""A payment, and the run whose clock saw it."""

NO_TAC = "00000000"
"""A purchase that was reported without its proof."""
A_DAY = timedelta(days=1)
_OPEN_FIRST = ("open", "unresolved", "settled", "not made")
KEPT_CLOSED = 4096
"""Stays just closed that are remembered: for a car that did not get out, and for a late payment."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A vehicle inside, or one that has just left.

    `boot` is the run whose clock its newest time was taken from, empty for a time that a person stated: a step of
    the clock moves the times of that run only. Those of earlier runs were not taken from the clock that stepped,
    which may have started anywhere. `earlier`: the vehicle's stays that ended within a day before this one, and
    `payments` what was paid for this one, each with the run whose clock it was taken from. Of one that has ended,
    `reason` and `due` say how, `left_by` through which lane, and `refunds` what of `payments` is to go back.
    """

    id: str
    plate: str
    color: int
    vehicle_class: int
    entered: datetime
    trusted: bool = True
    lane: str = ""
    payments: tuple[Payment, ...] = ()
    closed: datetime | None = None
    passed: bool = False
    boot: str = ""
    earlier: tuple[Ended, ...] = ()
    reason: str = ""
    due: int = 0
    left_by: str = ""
    refunds: tuple[int, ...] = ()

    @property
    def paid(self) -> int:
        """Fen paid for it, refunds not counted."""
        return sum(paid.fen for _, paid in self.payments)

    @property
    def excess(self) -> int:
        """Fen that were paid above what it cost, and are not yet due as refunds; nothing while it is open."""
        return max(0, self.paid - sum(self.refunds) - self.due) if self.closed else 0


@dataclass(frozen=True, slots=True)
class Intent:
    """A debit that was begun. `state`: `open`, `unresolved`, `settled`, `not made`; `proven`: with its TAC."""

    id: str
    stay: str
    card: str
    fen: int
    balance_before: int
    obu_id: str = ""
    at: str = ""
    total: int = 0
    lane: str = ""
    state: str = "open"
    proven: bool = False
    tac: str = ""

    @property
    def balance_after(self) -> int:
        """What the card holds once it is made; credit cards count down in 32 bits."""
        return (self.balance_before - self.fen) % 2**32


@dataclass(slots=True)
class Stays:
    """The state that the entries so far add up to: open stays by vehicle, ended ones by id.

    The ended stand in the order in which they are looked at to be forgotten: that of their end, but for those
    whose money was still open then.
    """

    open: dict[Vehicle, Stay] = field(default_factory=dict)
    closed: dict[str, Stay] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    lanes: Lanes = field(default_factory=Lanes)
    lists: Lists = field(default_factory=Lists)
    payments: dict[str, PaymentMade] = field(default_factory=dict)
    """By id, each payment that is remembered: told again it is the same."""
    refunds: dict[str, RefundDue] = field(default_factory=dict)
    """Refunds that are due and not paid out."""
    refunded: set[str] = field(default_factory=set)
    """Refunds that were paid out, of the stays that are remembered."""
    serials: dict[str, int] = field(default_factory=dict)
    """By terminal, the newest serial of its PSAM that a proof has shown."""
    ended: dict[Vehicle, tuple[Ended, ...]] = field(default_factory=dict)
    """Each vehicle's stays that ended within a day: a notice may count them, or share a cap between them."""
    _inside: dict[str, Vehicle] = field(init=False, repr=False, compare=False)
    """By id, whose stay it is, of all that are open: entries name the id alone."""
    _left: dict[Vehicle, str] = field(init=False, repr=False, compare=False)
    """Each vehicle's newest stay among those that have ended; whoever left last stands last."""
    _debits: dict[str, list[str]] = field(init=False, repr=False, compare=False)
    """By stay, the ids of its intents: there are few of one, and thousands in all."""
    _paid_by: dict[str, list[str]] = field(init=False, repr=False, compare=False)
    """By stay, the ids of its payments."""
    _paid_back: dict[str, list[str]] = field(init=False, repr=False, compare=False)
    """By stay, those of its refunds that were paid out."""

    def __post_init__(self) -> None:
        self._inside = {stay.id: key for key, stay in self.open.items()}
        self._left = {(stay.plate, stay.color): stay.id for stay in self.closed.values()}
        self._debits, self._paid_by, self._paid_back = {}, {}, {}
        for intent in self.intents.values():
            self._debits.setdefault(intent.stay, []).append(intent.id)
        for payment in self.payments.values():
            self._paid_by.setdefault(payment.stay, []).append(payment.payment)

    def of(self, plate: str, color: int) -> Stay | None:
        """The open stay of this vehicle; one whose colour nobody has read may be its own."""
        return self.open.get((plate, color)) or self.open.get((plate, UNKNOWN_COLOR))

    def left(self, plate: str, color: int) -> Stay | None:
        """The stay that this vehicle last closed, while remembered."""
        ended = self._left.get((plate, color)) or self._left.get((plate, UNKNOWN_COLOR))
        return self.closed[ended] if ended else None

    def find(self, stay_id: str) -> Stay | None:
        """This stay, open or ended, while remembered."""
        key = self._inside.get(stay_id)
        return self.open[key] if key else self.closed.get(stay_id)

    def of_plate(self, plate: str) -> Stay | None:
        """The open stay of the one vehicle with this plate; None if there are several, in different colours."""
        found = [stay for (held, _), stay in self.open.items() if held == plate]
        return found[0] if len(found) == 1 else None

    def left_of_plate(self, plate: str) -> Stay | None:
        """The stay that a vehicle with this plate closed last, in whatever colour."""
        ended = next((stay for (held, _), stay in reversed(self._left.items()) if held == plate), None)
        return self.closed[ended] if ended else None

    def intent_of(self, obu_id: str, at: datetime) -> Intent | None:
        """The debit of this tag with this second in its TAC, whatever became of it.

        Of two in one second, over a restart, the one whose outcome is open, then the one that was made.
        """
        asked = [i for i in self.intents.values() if i.obu_id == obu_id and datetime.fromisoformat(i.at) == at]
        return min(asked, key=lambda intent: _OPEN_FIRST.index(intent.state), default=None)

    def undecided(self, stay: str) -> Intent | None:
        """The intent of this stay whose outcome is not known."""
        for intent in self._debits.get(stay, ()):
            if self.intents[intent].state in ("open", "unresolved"):
                return self.intents[intent]
        return None

    def without_proof(self, lane: str) -> int:
        """How many debits of this lane were made, by balance or a person's word, since the newest with a proof."""
        newest_first = (intent for intent in reversed(self.intents.values()) if intent.lane == lane)
        since = takewhile(lambda intent: not intent.tac, newest_first)
        return sum(intent.state == "settled" for intent in since)

    def begun(self) -> tuple[Intent, ...]:
        """Intents without any outcome: after a start, what the last run left behind."""
        return tuple(i for i in self.intents.values() if i.state == "open")

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        at, body = draft.at, draft.body
        self.lanes.apply(draft)
        self.lists.apply(draft)
        match body:
            case StayOpened():
                self._opened(replace(_stay(body, at.wall), trusted=at.trusted, lane=draft.lane, boot=at.boot))
            case StayImported():
                self._opened(_stay(body, civil(body.entered)))
            case StayClosed():
                self._closed(body, at, draft.lane)
            case PassageEnded(stay, "passed"):
                self._change(stay, passed=True)
            case ClockStepped(seconds):
                self._shift(at.boot, timedelta(seconds=seconds))
            case PaymentMade() | RefundDue() | RefundMade():
                self._money(body, at)
            case _:
                self._debit(body, at, draft.lane)

    def _money(self, body: PaymentMade | RefundDue | RefundMade, at: Moment) -> None:
        match body:
            case PaymentMade(payment, stay, fen):
                self.payments[payment] = body
                self._paid_by.setdefault(stay, []).append(payment)
                self._paid(stay, fen, at)
            case RefundDue(refund, stay, fen):
                self.refunds[refund] = body
                before = self.find(stay)
                self._change(stay, refunds=(*before.refunds, fen) if before else ())
            case _:
                due = self.refunds.pop(body.refund, None)
                if due and self.find(due.stay):
                    self.refunded.add(body.refund)
                    self._paid_back.setdefault(due.stay, []).append(body.refund)

    def _debit(self, body: Body, at: Moment, lane: str) -> None:
        match body:
            case DebitIntended(intent, stay, obu_id, card, fen, before):
                total = _total_of(body.quote, fen)
                self.intents[intent] = Intent(intent, stay, card, fen, before, obu_id, body.at, total, lane)
                self._debits.setdefault(stay, []).append(intent)
            case DebitSettled(intent, proof=proof) | DebitCorrected(intent, proof=proof):
                self._outcome(intent, "settled", _tac_of(proof))
                self._note_serial(proof)
                self._paid(self.intents[intent].stay, self.intents[intent].fen, at)
            case NotDebited(intent):
                self._outcome(intent, "not made")
            case DebitUnresolved(intent):
                self._outcome(intent, "unresolved")
            case _:
                pass

    def _outcome(self, intent: str, state: str, tac: str = "") -> None:
        proven = tac not in ("", NO_TAC)
        self.intents[intent] = replace(self.intents[intent], state=state, proven=proven, tac=tac)

    def _note_serial(self, proof: object) -> None:
        if used := serial_of(proof):
            terminal, serial = used
            self.serials[terminal] = max(serial, self.serials.get(terminal, serial))

    def _paid(self, stay_id: str, fen: int, at: Moment) -> None:
        if stay := self.find(stay_id):
            self._change(stay_id, payments=(*stay.payments, (at.boot, Paid(at.wall, fen))))

    def _change(self, stay_id: str, **fields: Any) -> None:  # noqa: ANN401  of a Stay, which mypy knows
        """This stay with other fields, wherever it stands."""
        if key := self._inside.get(stay_id):
            self.open[key] = replace(self.open[key], **fields)
        elif stay_id in self.closed:
            self.closed[stay_id] = replace(self.closed[stay_id], **fields)

    def _shift(self, boot: str, step: timedelta) -> None:
        self.open = {key: _shifted(stay, boot, step) for key, stay in self.open.items()}
        self.closed = {key: _shifted(stay, boot, step) for key, stay in self.closed.items()}
        self.ended = {key: _moved(ended, boot, step) for key, ended in self.ended.items()}

    def _opened(self, stay: Stay) -> None:
        key = stay.plate, stay.color
        if stay.trusted:
            self._forget_ended(stay.entered)
        if key in self.open:
            del self._inside[self.open[key].id]
        self.open[key] = replace(stay, earlier=self._ended(key, stay.entered))
        self._inside[stay.id] = key

    def _ended(self, key: Vehicle, now: datetime) -> tuple[Ended, ...]:
        return tuple((run, stay) for run, stay in self.ended.get(key, ()) if now - stay.exit < A_DAY)

    def _forget_ended(self, now: datetime) -> None:
        """Drop the vehicles that left a day ago and more: whoever left last stands last."""
        while self.ended:
            key = next(iter(self.ended))
            if self._ended(key, now):
                return
            del self.ended[key]

    def _closed(self, body: StayClosed, at: Moment, lane: str) -> None:
        key = self._inside.pop(body.stay, None)
        if key is None:
            return
        stay = self.open.pop(key)
        free = isinstance(body.quote, dict) and body.quote.get("free") is True
        # Of a stay whose exit nobody saw, no length is known; what is owed counts as asked for.
        left = stay.entered if body.reason == "superseded" else at.wall
        fen = body.due if body.reason == "owed" else min(body.paid, body.due)
        ended = Earlier(stay.entered, left, fen, free)
        before = self._ended(key, at.wall)
        self.ended.pop(key, None)
        self.ended[key] = (*before, (at.boot, ended))
        # It passed on its way in; the way out is still to come.
        self.closed[stay.id] = replace(
            stay, closed=at.wall, boot=at.boot, reason=body.reason, due=body.due, left_by=lane, passed=False
        )
        self._left.pop(key, None)
        self._left[key] = stay.id
        # Two for the one that came: those whose money was open and has come since must not add up.
        for _ in range(min(2, len(self.closed) - KEPT_CLOSED)):
            self._forget(self.closed.pop(next(iter(self.closed))))

    def _forget(self, gone: Stay) -> None:
        """Drop a stay long closed with its intents and payments, unless its money is not yet all accounted for."""
        if self.undecided(gone.id) or gone.excess or (gone.reason == "owed" and gone.paid < gone.due):
            self.closed[gone.id] = gone  # looked at again when all others have had their turn
            return
        key = gone.plate, gone.color
        if self._left.get(key) == gone.id:
            del self._left[key]
        for intent in self._debits.pop(gone.id, ()):
            del self.intents[intent]
        for payment in self._paid_by.pop(gone.id, ()):
            del self.payments[payment]
        self.refunded.difference_update(self._paid_back.pop(gone.id, ()))


def _total_of(quote: object, fen: int) -> int:
    """What the stay cost when this was intended."""
    match quote:
        case {"total": int(total)}:
            return total
        case _:
            return fen


def serial_of(proof: object) -> tuple[str, int] | None:
    """Terminal and PSAM serial of a purchase, None for what is no antenna's proof."""
    match proof:
        case {"terminal": str(terminal), "terminal_serial": int(serial)} if terminal:
            return terminal, serial
        case _:
            return None


def _tac_of(proof: object) -> str:
    """The TAC of an antenna's proof, empty for what is none."""
    match proof:
        case {"tac": str(tac)}:
            return tac
        case _:
            return ""


def _shifted(stay: Stay, boot: str, step: timedelta) -> Stay:
    """The same stay after a step of the clock that this run's times were taken from."""
    own = step if stay.boot == boot else timedelta()
    return replace(
        stay,
        entered=stay.entered + own,
        closed=stay.closed + own if stay.closed else None,
        earlier=_moved(stay.earlier, boot, step),
        payments=tuple(
            (run, replace(paid, at=paid.at + step) if run == boot else paid) for run, paid in stay.payments
        ),
    )


def _moved(ended: tuple[Ended, ...], boot: str, step: timedelta) -> tuple[Ended, ...]:
    return tuple(
        (run, replace(stay, entry=stay.entry + step, exit=stay.exit + step) if run == boot else stay)
        for run, stay in ended
    )


def _stay(body: StayOpened | StayImported, entered: datetime) -> Stay:
    return Stay(body.stay, body.plate, body.color, body.vehicle_class, entered)
