"""What follows from the ledger: open and just closed stays, intents without an outcome, paused lanes. Pure."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from gateway.ledger.entries import (
    ArmDown,
    Body,
    ClockStepped,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    EtcPaused,
    EtcResumed,
    LetThroughAgain,
    Moment,
    NotDebited,
    PassageEnded,
    StayClosed,
    StayImported,
    StayOpened,
)
from gateway.tariff.quote import Earlier

Vehicle = tuple[str, int]
"""Plate and colour: the same plate in another colour is another vehicle (domain 6.3)."""
Ended = tuple[str, Earlier]
"""A stay that has ended, and the run whose clock saw it end."""

NO_TAC = "00000000"
"""A purchase that was reported without its proof."""
A_DAY = timedelta(days=1)
KEPT_CLOSED = 256
"""Stays just closed that are remembered, so that a car that did not get out can be let out."""


@dataclass(frozen=True, slots=True)
class Stay:
    """A vehicle inside, or one that has just left.

    `boot` is the run whose clock its newest time was taken from, empty for a time that a person stated: a step of
    the clock moves the times of that run only. Those of earlier runs were not taken from the clock that stepped,
    which may have started anywhere. `earlier`: the vehicle's stays that ended within a day before this one.
    """

    id: str
    plate: str
    color: int
    vehicle_class: int
    entered: datetime
    trusted: bool = True
    lane: str = ""
    paid: int = 0
    closed: datetime | None = None
    passed: bool = False
    boot: str = ""
    earlier: tuple[Ended, ...] = ()


@dataclass(frozen=True, slots=True)
class Intent:
    """A debit that was begun. `state`: `open`, `unresolved`, `settled`, `not made`; `proven`: with its TAC."""

    id: str
    stay: str
    card: str
    fen: int
    balance_before: int
    state: str = "open"
    proven: bool = False


@dataclass(slots=True)
class Stays:
    """The state that the entries so far add up to."""

    open: dict[Vehicle, Stay] = field(default_factory=dict)
    closed: dict[Vehicle, Stay] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    passing: dict[str, str] = field(default_factory=dict)
    """By lane, the stay that the barrier was opened for and whose passage has not ended."""
    raised: set[str] = field(default_factory=set)
    """Lanes whose arm may still be up: an order to close that is lost with its run stands nowhere."""
    paused: set[str] = field(default_factory=set)
    """Lanes that debit no tags until they are resumed: a restart resumes none."""
    ended: dict[Vehicle, tuple[Ended, ...]] = field(default_factory=dict)
    """Each vehicle's stays that ended within a day: a notice may count them, or share a cap between them."""
    vehicles: dict[str, Vehicle] = field(init=False, repr=False, compare=False)
    """By id, whose stay it is, of all that are open or closed: entries name the id alone."""

    def __post_init__(self) -> None:
        self.vehicles = {stay.id: key for stays in (self.open, self.closed) for key, stay in stays.items()}

    def of(self, plate: str, color: int) -> Stay | None:
        """The open stay of this vehicle."""
        return self.open.get((plate, color))

    def left(self, plate: str, color: int) -> Stay | None:
        """The stay that this vehicle last closed, while remembered."""
        return self.closed.get((plate, color))

    def undecided(self, stay: str) -> Intent | None:
        """The intent of this stay whose outcome is not known."""
        return next(
            (i for i in self.intents.values() if i.stay == stay and i.state in ("open", "unresolved")), None
        )

    def begun(self) -> tuple[Intent, ...]:
        """Intents without any outcome: after a start, what the last run left behind."""
        return tuple(i for i in self.intents.values() if i.state == "open")

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        at, body = draft.at, draft.body
        self._lane(draft.lane, body)
        match body:
            case StayOpened():
                self._opened(replace(_stay(body, at.wall), trusted=at.trusted, lane=draft.lane, boot=at.boot))
            case StayImported():
                self._opened(_stay(body, datetime.fromisoformat(body.entered)))
            case StayClosed():
                self._closed(body, at)
            case PassageEnded(stay, "passed"):
                self._passed(stay)
            case ClockStepped(seconds):
                self._shift(at.boot, timedelta(seconds=seconds))
            case _:
                self._debit(body)

    def _lane(self, lane: str, body: Body) -> None:
        match body:
            case StayOpened(stay) | StayClosed(stay) | LetThroughAgain(stay) if lane:
                self.passing[lane] = stay
                self.raised.add(lane)
            case PassageEnded():
                self.passing.pop(lane, None)
            case ArmDown():
                self.raised.discard(lane)
            case EtcPaused():
                self.paused.add(lane)
            case EtcResumed():
                self.paused.discard(lane)
            case _:
                pass

    def _debit(self, body: Body) -> None:
        match body:
            case DebitIntended():
                self.intents[body.intent] = Intent(body.intent, body.stay, body.card, body.fen, body.balance_before)
            case DebitSettled(intent, proof=proof):
                self._outcome(intent, "settled", proven=isinstance(proof, dict) and proof.get("tac") != NO_TAC)
                self._paid(self.intents[intent])
            case NotDebited(intent):
                self._outcome(intent, "not made")
            case DebitUnresolved(intent):
                self._outcome(intent, "unresolved")
            case _:
                pass

    def _outcome(self, intent: str, state: str, *, proven: bool = False) -> None:
        self.intents[intent] = replace(self.intents[intent], state=state, proven=proven)

    def _paid(self, intent: Intent) -> None:
        for stays in (self.open, self.closed):
            if key := self._key(stays, intent.stay):
                stays[key] = replace(stays[key], paid=stays[key].paid + intent.fen)

    def _shift(self, boot: str, step: timedelta) -> None:
        for stays in (self.open, self.closed):
            for key, stay in stays.items():
                own = step if stay.boot == boot else timedelta()
                stays[key] = replace(
                    stay,
                    entered=stay.entered + own,
                    closed=stay.closed + own if stay.closed else None,
                    earlier=_moved(stay.earlier, boot, step),
                )
        self.ended = {key: _moved(ended, boot, step) for key, ended in self.ended.items()}

    def _opened(self, stay: Stay) -> None:
        key = stay.plate, stay.color
        if stay.trusted:
            self._forget_ended(stay.entered)
        self.open[key] = replace(stay, earlier=self._ended(key, stay.entered))
        self.vehicles[stay.id] = key

    def _ended(self, key: Vehicle, now: datetime) -> tuple[Ended, ...]:
        return tuple((run, stay) for run, stay in self.ended.get(key, ()) if now - stay.exit < A_DAY)

    def _forget_ended(self, now: datetime) -> None:
        """Drop the vehicles that left a day ago and more: whoever left last stands last."""
        while self.ended:
            key = next(iter(self.ended))
            if self._ended(key, now):
                return
            del self.ended[key]

    def _closed(self, body: StayClosed, at: Moment) -> None:
        key = self._key(self.open, body.stay)
        if key is None:
            return
        free = isinstance(body.quote, dict) and body.quote.get("free") is True
        # Of a stay whose exit nobody saw, no length is known; what is owed counts as asked for.
        left = self.open[key].entered if body.reason == "superseded" else at.wall
        fen = body.due if body.reason == "owed" else body.paid
        ended = Earlier(self.open[key].entered, left, fen, free)
        before = self._ended(key, at.wall)
        self.ended.pop(key, None)
        self.ended[key] = (*before, (at.boot, ended))
        if key in self.closed:
            self._forget(self.closed.pop(key))
        # It passed on its way in; the way out is still to come.
        self.closed[key] = replace(self.open.pop(key), closed=at.wall, boot=at.boot, passed=False)
        if len(self.closed) > KEPT_CLOSED:
            self._forget(self.closed.pop(next(iter(self.closed))))

    def _forget(self, gone: Stay) -> None:
        """Drop a stay long closed and its decided intents; undecided ones stay until they end."""
        self.vehicles.pop(gone.id, None)
        for intent in [intent for intent in self.intents.values() if intent.stay == gone.id]:
            if intent.state not in ("open", "unresolved"):
                del self.intents[intent.id]

    def _passed(self, stay_id: str) -> None:
        for stays in (self.open, self.closed):
            if key := self._key(stays, stay_id):
                stays[key] = replace(stays[key], passed=True)

    def _key(self, stays: dict[Vehicle, Stay], stay_id: str) -> Vehicle | None:
        """The vehicle whose stay this is, if it stands among these."""
        key = self.vehicles.get(stay_id)
        return key if key and key in stays and stays[key].id == stay_id else None


def _moved(ended: tuple[Ended, ...], boot: str, step: timedelta) -> tuple[Ended, ...]:
    return tuple(
        (run, replace(stay, entry=stay.entry + step, exit=stay.exit + step) if run == boot else stay)
        for run, stay in ended
    )


def _stay(body: StayOpened | StayImported, entered: datetime) -> Stay:
    return Stay(body.stay, body.plate, body.color, body.vehicle_class, entered)
