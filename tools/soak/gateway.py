"""The gateway's process: the real store, runner, sessions and sync, on virtual time, until it is killed.

Whatever the process holds lives in a `Run`; a kill severs every port of it and throws it away.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Final, Protocol

from drivers.backoff import Backoff
from drivers.barrier.profile import BarrierProfile
from drivers.barrier.session import BarrierSession, Input, InputsRead, ReadInputs, WriteCoil
from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    BarrierOrder,
    CloseBarrier,
    Debit,
    DeviceEvent,
    DeviceOrder,
    Instant,
    OpenBarrier,
    ReaderOrder,
    ReaderUp,
    Show,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import ReaderInput, ReaderSession
from gateway.daemon import begin
from gateway.facts import SiteRules
from gateway.ledger.entries import Booted, Draft
from gateway.ledger.store import Store
from gateway.orders import Order
from gateway.runner import Runner
from tools.soak.clock import BEGAN, Clock, Timer
from tools.soak.disk import Disk
from tools.soak.lane_devices import Gate, Radio
from tools.soak.writer import Done, Writer

TOLERANCE: Final = 1e-6
"""Seconds that a timer is late, so that rounding never makes it early."""
TURNED_AWAY: Final = 0.3
"""Seconds until a board that does not answer is given up."""
CHAIN: Final = "5eed"

PROFILE: Final = BarrierProfile(
    open_coil=0,
    close_coil=1,
    pulse=0.5,
    inputs={
        name: at
        for at, name in enumerate(("presence", "approach", "beyond", "opened", "closed", "handset", "fire"))
    },
    active_low=frozenset(),
    poll=0.25,
)


class Killed(BaseException):
    """The process ends here and now."""


class Watch(Protocol):
    """Who looks at the gateway from outside: what is in its file, what it orders, what it does to its boards."""

    def written(self) -> None:
        """The file has grown."""
        ...

    def opened(self, boot: str, epoch: float) -> None:
        """A new run has opened the file, and has not written yet."""
        ...

    def ordered(self, order: DeviceOrder | Show) -> None:
        """A lane gives an order."""
        ...

    def read(self, lane: str, inputs: dict[str, bool] | None) -> None:
        """The gateway learns what its board's inputs are; None while it cannot."""
        ...

    def coil(self, lane: str, *, opens: bool) -> None:
        """A coil is switched on."""
        ...


@dataclass(slots=True)
class ReaderShell:
    """A session between its antenna's line and the runner."""

    run: "Run"
    radio: Radio
    session: ReaderSession
    _backoff: Backoff = field(init=False)
    _timer: Timer = field(init=False)
    _inbox: deque[ReaderInput] = field(default_factory=deque)
    _busy: bool = False

    def __post_init__(self) -> None:
        self._timer = Timer(self.run.clock, lambda: self.take(Tick()))
        self._backoff = Backoff(0.5, 30.0, self.run.rng)

    def connect(self) -> None:
        """Open the port; a serial one opens whether anybody is there or not."""
        if self.run.dead:
            return
        self.radio.line.cut()
        self.radio.heard = self.take
        self.take(Connected())
        self.radio.connect()

    def cut(self, reason: str) -> None:
        """The port is gone; it is opened anew after a while."""
        if self.run.dead or self.radio.heard is None:
            return
        self.radio.heard = None
        self.radio.line.cut()
        self.take(Disconnected(reason))
        self.run.clock.after(self._backoff.next(), self.connect)

    def take(self, what: ReaderInput) -> None:
        """One input after the other, each with all that follows from it, whoever calls from within."""
        if self.run.dead:
            return
        self._inbox.append(what)
        if self._busy:
            return
        self._busy = True
        while self._inbox:
            following, now = self._inbox.popleft(), self.run.now()
            for output in self.session.on(following, now):
                self._carry_out(output, now)
        self._busy = False
        self._timer.set(self.run.true_time(self.session.deadline))

    def _carry_out(self, output: Send | Emit | Drop, now: Instant) -> None:
        match output:
            case Send(data):
                if self.radio.heard is not None:
                    self.radio.hear(data)
            case Emit(event):
                if isinstance(event, ReaderUp):
                    self._backoff.reset()
                self.run.event(event, now)
            case Drop(reason):
                self.run.clock.after(0.0, lambda: self.cut(reason))


@dataclass(slots=True)
class BarrierShell:
    """A session between its board and the runner. It polls when something has changed, or a coil is on."""

    run: "Run"
    gate: Gate
    session: BarrierSession
    _backoff: Backoff = field(init=False)
    _timer: Timer = field(init=False)
    _orders: deque[Input] = field(default_factory=deque)
    _work: deque[ReadInputs | WriteCoil] = field(default_factory=deque)
    _busy: bool = False
    _up: bool = False
    _polling: bool = False
    _on: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._timer = Timer(self.run.clock, lambda: self.take(Tick()))
        self._backoff = Backoff(0.5, 30.0, self.run.rng)

    def connect(self) -> None:
        """Open the line; a board that is away is tried again later."""
        if self.run.dead:
            return
        if self.gate.away:
            self.run.clock.after(self._backoff.next(), self.connect)
            return
        self._up = True
        self.take(Connected())
        self.gate.changed.on(self._look_soon)

    def take(self, what: Input) -> None:
        """Orders and ticks in turn, each when the work before it is done."""
        if self.run.dead:
            return
        self._orders.append(what)
        if self._busy:
            return
        self._busy = True
        while self._work or self._orders:
            if self._work:
                self._carry_out(self._work.popleft())
            else:
                self._tell(self._orders.popleft())
        self._busy = False
        self._timer.set(self.run.true_time(self.session.deadline) if self._on and self._up else None)

    def _tell(self, what: Input) -> None:
        now = self.run.now()
        for output in self.session.on(what, now.mono):
            if isinstance(output, Emit):
                self.run.event(output.event, now)
            else:
                self._work.append(output)

    def _carry_out(self, work: ReadInputs | WriteCoil) -> None:
        if self.gate.away:
            self._lose()
        elif isinstance(work, ReadInputs):
            self._backoff.reset()
            inputs = self.gate.inputs()
            self.run.watch.read(self.gate.name, inputs)
            self._tell(InputsRead(inputs))
        else:
            self._switch(work)

    def _switch(self, write: WriteCoil) -> None:
        if not write.on:
            self._on.discard(write.address)
            return
        self._on.add(write.address)
        opens = write.address == PROFILE.open_coil
        self.run.watch.coil(self.gate.name, opens=opens)
        (self.gate.arm.open if opens else self.gate.arm.close)()
        self.run.point("coil")

    def _lose(self) -> None:
        self._work.clear()
        self._on.clear()
        self._up = False
        self.run.watch.read(self.gate.name, None)
        self._tell(Disconnected("no answer"))
        self.run.clock.after(TURNED_AWAY + self._backoff.next(), self.connect)

    def _look_soon(self) -> None:
        """Something has changed: the next poll will see it."""
        if self.run.dead or not self._up:
            return
        due = self.run.true_time(self.session.deadline) or 0.0
        self.run.clock.at(max(due, self.run.clock.now + self.run.rng.uniform(0.01, PROFILE.poll)), self._look)

    def _look(self) -> None:
        if self.run.dead or not self._up:
            return
        self.gate.changed.on(self._look_soon)
        self.take(Tick())


@dataclass(slots=True)
class Run:
    """One process from its start to its death; `epoch` is the true time at which its machine was switched on."""

    clock: Clock
    rng: Random
    watch: Watch
    rules: SiteRules
    disk: Disk
    name: str
    epoch: float
    doom: str | None = None
    dead: bool = False
    readers: dict[str, ReaderShell] = field(default_factory=dict)
    barriers: dict[str, BarrierShell] = field(default_factory=dict)
    store: Store = field(init=False)
    writer: Writer = field(init=False)
    runner: Runner = field(init=False)
    _timer: Timer = field(init=False)

    def begin(self, radios: Sequence[Radio], gates: Sequence[Gate]) -> None:
        """As the daemon does: the ledger first, then the runner, then the devices."""
        self.store = Store(self.disk.path, connect=self.disk.connect, chain=CHAIN)
        self.watch.opened(self.name, self.epoch)
        stays, floor, _ = begin(self.store)
        self.writer = Writer(self, self.store)
        self.runner = Runner(
            self.rules, stays, self.name, self._submit, self._send, max(floor, BEGAN - timedelta(1))
        )
        self.writer.on_fault = self._on_fault
        self._timer = Timer(self.clock, self._due)
        self.runner.start(Booted("soak", "", self.rules.tariff.id), self.now())
        for radio in radios:
            rules = self.rules.lanes[radio.name]
            options = ReaderOptions.model_validate(
                {"name": rules.reader, "dialect": radio.dialect.name, "port": "tcp://127.0.0.1:1"}
            )
            session = ReaderSession(rules.reader, radio.dialect, options, entry=rules.role == "entry")
            self.readers[rules.reader] = ReaderShell(self, radio, session)
        for gate in gates:
            name = self.rules.lanes[gate.name].barrier
            self.barriers[name] = BarrierShell(self, gate, BarrierSession(name, PROFILE))
        for connect in (*(s.connect for s in self.readers.values()), *(s.connect for s in self.barriers.values())):
            self.clock.after(self.rng.uniform(0.01, 0.2), connect)

    def end(self) -> None:
        """Dead: every port is severed, nothing that was on its way is taken."""
        self.dead = True
        for shell in self.readers.values():
            shell.radio.heard = None
            shell.radio.line.cut()

    def now(self) -> Instant:
        """What this process takes for the time."""
        return Instant(self.clock.wall, self.clock.now - self.epoch)

    def true_time(self, mono: float | None) -> float | None:
        """When a time of this process really comes."""
        return None if mono is None else mono + self.epoch + TOLERANCE

    def point(self, name: str) -> None:
        """A place where a process may die. Raises Killed where this one is to."""
        if self.doom == name:
            self.doom = None
            raise Killed

    def grown(self) -> None:
        """The ledger's file has grown."""
        self.watch.written()

    def event(self, event: DeviceEvent, now: Instant) -> None:
        """A device's event, for the runner."""
        if self.dead:
            return
        self.runner.on(event, now)
        self._set_timer()

    def obey(self, order: Order) -> None:
        """A platform's order, for the runner."""
        self.runner.obey(order, self.now())
        self._set_timer()

    def _submit(self, drafts: Sequence[Draft], done: Done) -> None:
        self.writer.submit(drafts, done)
        self.point("submitted")

    def _send(self, order: DeviceOrder | Show) -> None:
        self.watch.ordered(order)
        if isinstance(order, Debit):
            self.point("debit ordered")
        match order:
            case Show():
                pass
            case OpenBarrier() | CloseBarrier():
                self._to_barrier(order)
            case _:
                self._to_reader(order)
        if isinstance(order, Debit):
            self.point("debit sent")

    def _to_barrier(self, order: BarrierOrder) -> None:
        self.clock.after(0.0, lambda: self.barriers[order.device].take(order))

    def _to_reader(self, order: ReaderOrder) -> None:
        self.readers[order.device].take(order)

    def _due(self) -> None:
        if not self.dead:
            self.runner.due(self.now())
            self._set_timer()

    def _set_timer(self) -> None:
        self._timer.set(self.true_time(self.runner.deadline))

    def _on_fault(self, fault: str | None) -> None:
        self.runner.ledger_fault = fault
