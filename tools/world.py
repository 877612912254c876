"""One lane with a simulated antenna, cars and barrier on a virtual clock; session, lane and runner are real."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import inf
from operator import itemgetter
from typing import Literal, TypeVar

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    AuthorisePsam,
    CloseBarrier,
    Debit,
    DeviceEvent,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    PsamWanted,
    Release,
    Show,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import ReaderInput, ReaderSession
from gateway.facts import SiteRules
from gateway.lane.state import PRESENCE, LaneRules
from gateway.ledger.entries import (
    Body,
    Booted,
    Draft,
    Entry,
    Moment,
    StayImported,
)
from gateway.ledger.stays import Stays
from gateway.notice.tariff import parse
from gateway.runner import Runner
from protocols.china import CHINA
from protocols.rsu.dialect import Dialect
from protocols.rsu.message import Message
from protocols.rsu.messages import Heartbeat
from tools.cards import SimulatedTag
from tools.rsu import SOUND, Antenna, Faults

BEGAN = datetime(2026, 11, 21, 12, tzinfo=CHINA)
START = 1000.0
TARIFF = parse(
    {
        "id": "t",
        "version": "1",
        "name": "made up",
        "cycle": "24h",
        "free": {"time": "15min"},
        "classes": [
            {
                "name": "all",
                "default": True,
                "steps": [{"until": "1h", "yuan": 5}, {"unit": "1h", "yuan": 10}],
            }
        ],
    }
)
"""15 minutes free, else 5 yuan for the first hour and 10 for each one begun after it."""
MAC = "0123456789abcdef"


class Stuck(AssertionError):  # noqa: N818  a verdict
    """The world does not come to rest."""


T = TypeVar("T")
Wire = Callable[[bytes], Sequence[bytes]]
"""What becomes of one chunk on its way: the chunks that arrive."""


def straight(chunk: bytes) -> Sequence[bytes]:
    """As it was said."""
    return (chunk,)


@dataclass(slots=True)
class World:
    """One lane with its antenna on a virtual clock; `run` lets time pass."""

    dialect: Dialect
    role: Literal["entry", "exit"] = "exit"
    security: Literal["rsu", "remote"] = "rsu"
    antenna: Antenna = field(init=False)
    mac: str | None = None
    inward: Wire = straight
    durable_after: float = 0.01
    now: float = START
    events: list[DeviceEvent] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    orders: list[DeviceOrder | Show] = field(default_factory=list)
    heard: set[type[Message]] = field(default_factory=set)
    session: ReaderSession = field(init=False)
    runner: Runner = field(init=False)
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=count)
    _link: int = 0

    def __post_init__(self) -> None:
        self.antenna = Antenna(self.dialect, trade_time=0.15, search_again=0.5, mac=self.mac)
        self._boot(Stays(), "b")

    def _boot(self, stays: Stays, boot: str) -> None:
        options = ReaderOptions.model_validate(
            {"name": "rsu", "dialect": self.dialect.name, "port": "tcp://127.0.0.1:1", "security": self.security}
        )
        self.session = ReaderSession("rsu", self.dialect, options, entry=self.role == "entry")
        lane = LaneRules("lane", self.role, "rsu", "gate", presence=PRESENCE + self.dialect.reread)
        rules = SiteRules({"lane": lane}, TARIFF)
        self.runner = Runner(rules, stays, boot, self._submit, self._ordered, BEGAN - timedelta(days=1))
        self.runner.start(Booted("0", "", ""), self._instant())
        for name, on in (("presence", False), ("closed", True)):
            self.runner.on(InputChanged("gate", name, on), self._instant())

    # --- time ---------------------------------------------------------------------------------------------------

    def _instant(self) -> Instant:
        return Instant(BEGAN + timedelta(seconds=self.now - START), self.now)

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Do this later."""
        heappush(self._agenda, (self.now + seconds, next(self._number), do))

    def run(self, seconds: float) -> None:
        """Let time pass, and all that is due in it."""
        end = self.now + seconds
        for _ in range(100_000):
            at, do = self._next()
            if at > end:
                self.now = end
                return
            self.now = max(self.now, at)
            do()
        raise Stuck("time does not move on")

    def _next(self) -> tuple[float, Callable[[], None]]:
        wanted = (
            (self.session.deadline, lambda: self._take(Tick())),
            (self.antenna.deadline, lambda: self._carry(self.antenna.tick(self.now))),
            (self.runner.deadline, lambda: self.runner.due(self._instant())),
            (self._agenda[0][0] if self._agenda else None, self._do_next),
        )
        return min(((at, do) for at, do in wanted if at is not None), key=itemgetter(0), default=(inf, _nothing))

    def _do_next(self) -> None:
        heappop(self._agenda)[2]()

    # --- the antenna's wire -------------------------------------------------------------------------------------

    def connect(self) -> None:
        """The line is there."""
        self._link += 1
        self._take(Connected())
        self._carry(self.antenna.on_connect())

    def disconnect(self, *, again: float = 0.5) -> None:
        """The line is cut, and mended after a while."""
        self._link += 1
        self._take(Disconnected("unplugged"))
        self.after(again, self.connect)

    def kill(self, *, again: float = 1.0) -> None:
        """The gateway is killed; a new run knows what was submitted, and finds the line after a while."""
        self._link += 1
        self._agenda.clear()
        self._boot(self.runner.stays, f"{self.runner.boot}b")
        self.after(again, self.connect)

    def _carry(self, chunks: Sequence[bytes]) -> None:
        for said in chunks:
            self._note(said)
        for number, chunk in enumerate(chunk for said in chunks for chunk in self.inward(said)):
            self.after(number * 0.002, lambda chunk=chunk, link=self._link: self._arrive(chunk, link))  # type: ignore[misc]  # mypy and defaults of a lambda

    def _arrive(self, chunk: bytes, link: int) -> None:
        if link == self._link:
            self._take(chunk)

    def _note(self, chunk: bytes) -> None:
        """Which of the antenna's messages this rests on, heartbeats apart."""
        for found in self.dialect.framing.framer().feed(chunk):
            data = getattr(found, "data", b"")
            message = self.dialect.decode(data) if data else None
            if message and not any(isinstance(word, Heartbeat) for word in self.dialect.hear(message)):
                self.heard.add(type(message))

    def say(self, *chunks: bytes) -> None:
        """Put bytes on the wire, past the antenna."""
        self._carry(chunks)

    # --- session, runner, barrier -------------------------------------------------------------------------------

    def _take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, self._instant()):
            match output:
                case Send(data):
                    self.after(0.001, lambda data=data: self._carry(self.antenna.on_bytes(data, self.now)))  # type: ignore[misc]  # as above
                case Emit(event):
                    self.tell(event)
                case Drop():
                    self.after(0, self.disconnect)

    def tell(self, event: DeviceEvent) -> None:
        """An event of a device, for the runner; the platform answers what a PSAM asks after a second."""
        self.events.append(event)
        self.runner.on(event, self._instant())
        if isinstance(event, PsamWanted):
            order = AuthorisePsam("rsu", event.random, MAC)
            self.after(1.0, lambda: self._take(order))

    def _submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        self.bodies += [draft.body for draft in drafts]
        self.after(self.durable_after, lambda: done([]))

    def _ordered(self, order: DeviceOrder | Show) -> None:
        self.orders.append(order)
        match order:
            case Debit() | Release() | AuthorisePsam():
                self.after(0.0, lambda: self._take(order))
            case OpenBarrier():
                for seconds, name, on in (
                    (0.5, "closed", False),
                    (1.5, "presence", True),
                    (4.0, "presence", False),
                ):
                    self.after(seconds, lambda name=name, on=on: self.tell(InputChanged("gate", name, on)))  # type: ignore[misc]  # as above
            case CloseBarrier():
                self.after(1.0, lambda: self.tell(InputChanged("gate", "closed", on=True)))
            case Show():
                pass

    # --- cars ---------------------------------------------------------------------------------------------------

    def inside(self, tag: SimulatedTag, minutes: int = 110) -> SimulatedTag:
        """The car has been inside for this long."""
        vehicle, entered = tag.vehicle, self._instant().wall - timedelta(minutes=minutes)
        number = f"s{tag.tag.obu_id}"
        stay = StayImported(number, vehicle.plate, vehicle.color, vehicle.vehicle_class, entered.isoformat())
        self.runner.stays.apply(Draft(Moment(entered, 0.0, "", trusted=True), "", stay))
        return tag

    def drive(self, tag: SimulatedTag, faults: Faults = SOUND) -> None:
        """Start if need be, and let the tag be in the zone: with a fault, until it has long been read again."""
        if not self._link:
            self.connect()
            self.run(3)
        self.antenna.enter(tag, faults)
        self.run(12 if faults is SOUND else 12 + self.dialect.reread)
        self.antenna.leave(tag)
        self.run(3)

    # --- what came of it ----------------------------------------------------------------------------------------

    def found(self, kind: type[T]) -> list[T]:
        """All entries or events of this kind."""
        return [each for each in (*self.bodies, *self.events) if isinstance(each, kind)]

    @property
    def opened(self) -> int:
        """How often the barrier was told to open."""
        return sum(isinstance(order, OpenBarrier) for order in self.orders)


def _nothing() -> None:
    """Time goes on."""
