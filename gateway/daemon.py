"""Start, run, stop: the event loop around the runner, the devices and the uplinks. Decides nothing."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from random import Random
from typing import Any

import structlog

from drivers.barrier.modbus import ModbusBarrier
from drivers.barrier.session import BarrierSession
from drivers.ports import (
    AuthorisePsam,
    BarrierOrder,
    CloseBarrier,
    DeviceEvent,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    PsamDone,
    PsamWanted,
    Show,
)
from drivers.reader.antenna import Antenna
from drivers.reader.session import ReaderSession
from drivers.security.box import BoxDebitWanted, BoxEvent, BoxSession, BoxTraded, BoxTradeDoubted, Recorded
from drivers.security.server import BoxServer
from drivers.transport import Transport
from gateway.config import Config
from gateway.journal import Journal
from gateway.ledger.box_intents import BoxIntents
from gateway.ledger.entries import Booted, Entry
from gateway.ledger.stays import Stays
from gateway.ledger.store import Store
from gateway.ledger.writer import Writer
from gateway.orders import Order
from gateway.recorder import Recorder
from gateway.runner import Runner
from gateway.uplink.mqtt import Uplink, UplinkStatus
from protocols.china import CHINA
from protocols.pcapng import Interface
from protocols.rsu import dialect

log = structlog.get_logger()

VERSION = version("etclane")
BUILT = datetime(2026, 11, 1, tzinfo=CHINA)
"""A clock that says earlier than this is not trusted: lane PCs with an empty battery start in the past."""


Parts = list[Coroutine[Any, Any, None]]


def clock() -> Instant:
    """Now, in China's civil time."""
    return Instant(datetime.now(CHINA), time.monotonic())


def stay_on_one_cpu() -> None:
    """Keep this thread, and those that it starts, on one of the CPUs that they may use.

    Python runs one of them at a time, whatever the CPUs; and to wake a thread on another one that has gone idle
    takes longer than most of what a decision does there and back.
    """
    cpus = sorted(os.sched_getaffinity(0))
    with suppress(OSError):  # forbidden here: then wherever the system likes
        os.sched_setaffinity(0, {cpus[os.getpid() % len(cpus)]})


def begin(store: Store) -> tuple[Stays, datetime, BoxIntents]:
    """What the ledger says so far, and a wall time that is past: the newest entry's.

    Not the highest ever: one run with a clock in the future would make every later one untrusted for good.
    """
    stays, newest, boxes = Stays(), BUILT, BoxIntents()
    for draft in store.drafts():
        stays.apply(draft)
        boxes.apply(draft)
        newest = draft.at.wall
    return stays, max(BUILT, newest), boxes


@dataclass(slots=True)
class Daemon:
    """One gateway at work, from `run` until `stop` is set."""

    config: Config
    store: Store
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _stays: Stays = field(init=False)
    _floor: datetime = field(init=False)
    _box_intents: BoxIntents = field(init=False)
    _sessions: list[ReaderSession] = field(init=False)
    _runner: Runner = field(init=False)
    _antennas: dict[str, Antenna] = field(default_factory=dict)
    _barriers: dict[str, asyncio.Queue[BarrierOrder]] = field(default_factory=dict)
    _boxes: dict[str, BoxServer] = field(default_factory=dict)
    _appended: list[Callable[[int], None]] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None
    _recorder: Recorder | None = None
    _said: dict[str, str] = field(default_factory=dict)
    _journal: Journal = field(default_factory=lambda: Journal(log))

    def __post_init__(self) -> None:
        # Before the loop runs: this reads the whole ledger, and modules.
        self._stays, self._floor, self._box_intents = begin(self.store)
        self._sessions = [
            ReaderSession(reader.name, dialect.load(reader.dialect), reader, entry=self._is_entry(reader.name))
            for reader in self.config.options.reader
        ]

    async def run(self) -> None:
        """Serve until `stop` is set, or a part of the daemon fails, which ends it as a whole."""
        writer = Writer(self.store, self._on_fault)
        self._runner = Runner(
            rules=self.config.rules,
            stays=self._stays,
            boot=secrets.token_hex(4),
            submit=lambda drafts, done: writer.submit(drafts, lambda entries: self._durable(entries, done)),
            send=self._send,
            floor=self._floor,
        )
        tariff = self.config.rules.tariff
        booted = Booted(VERSION, self.config.digest, f"{tariff.id} {tariff.content_hash}")
        self._runner.start(booted, clock(), self._box_intents.left())
        if self.config.options.recorder:
            antennas = [Interface(session.device, session.dialect.name) for session in self._sessions]
            barriers = [Interface(name, "inputs of a barrier") for name in self.config.profiles]
            self._recorder = Recorder(self.config.options.recorder, [*antennas, *barriers])
        log.info("started", site=self.config.options.site.id, chain=self.store.chain, stays=len(self._stays.open))
        if names := [lane.name for lane in self.config.rules.lanes.values() if lane.commissioning]:
            log.warning("车道调试中，不扣费不开闸 / lanes in commissioning debit and open nothing", lanes=names)
        if paused := sorted(self._stays.lanes.paused & self.config.rules.lanes.keys()):
            log.warning("ETC 已暂停 / ETC is paused", lanes=paused)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in self._parts(writer)]
                await self.stop.wait()
                for task in tasks:
                    task.cancel()
        finally:
            if self._timer:
                self._timer.cancel()
            if self._recorder:
                await asyncio.to_thread(self._recorder.close)
            await writer.close()
            self._journal.write()
            log.info("stopped")

    def _parts(self, writer: Writer) -> Parts:
        return [
            *self._start_antennas(),
            *self._start_barriers(),
            *self._start_boxes(),
            *self._start_uplinks(writer),
        ]

    def _is_entry(self, reader: str) -> bool:
        lane = self.config.rules.lane_of(reader)
        return lane is not None and self.config.rules.lanes[lane].role == "entry"

    def _start_antennas(self) -> Parts:
        parts: Parts = []
        for session in self._sessions:
            antenna = Antenna(session, self._on_event, clock)
            self._antennas[session.device] = antenna
            tap = self._recorder.tap(session.device) if self._recorder else _untapped
            parts.append(antenna.run(Transport(session.options.port, antenna.feed, tap, clock, Random())))
        return parts

    def _start_barriers(self) -> Parts:
        parts: Parts = []
        for barrier in self.config.options.barrier:
            session = BarrierSession(barrier.name, self.config.profiles[barrier.name])
            orders: asyncio.Queue[BarrierOrder] = asyncio.Queue()
            self._barriers[barrier.name] = orders
            shell = ModbusBarrier(
                session, barrier.port, barrier.unit, orders, self._on_barrier, time.monotonic, Random()
            )
            parts.append(shell.run())
        return parts

    def _start_boxes(self) -> Parts:
        for box in self.config.options.box:
            session = BoxSession(
                box.name,
                self.config.rules.security[box.name],
                secrets.token_hex(4),
                ceiling=box.ceiling_fen,
                past=self._box_intents.past(box.name),
            )
            self._boxes[box.name] = BoxServer(session, box.listen, self._on_box, clock)
        return [server.run() for server in self._boxes.values()]

    def _start_uplinks(self, writer: Writer) -> Parts:
        parts: Parts = []
        for options in self.config.options.uplink:
            uplink = Uplink(
                options, self.config.options.site.id, writer, self._on_uplink, Random(), obey=self._obey
            )
            self._appended.append(uplink.appended)
            parts.append(uplink.run())
        return parts

    # --- between runner and devices ------------------------------------------------------------------------

    def _on_barrier(self, event: DeviceEvent) -> None:
        now = clock()
        if self._recorder and isinstance(event, InputChanged):
            self._recorder.input(event, now)
        self._on_event(event, now)

    def _on_box(self, event: BoxEvent | PsamWanted | PsamDone, now: Instant) -> None:
        """What waits for its record hears of it when that is durable."""
        if isinstance(event, PsamWanted | PsamDone):
            self._on_event(event, now)
            return
        self._journal.note("box", "heard", event)
        match event:
            case BoxDebitWanted(intent=ticket) | BoxTraded(ticket=ticket) | BoxTradeDoubted(ticket=ticket):
                self._runner.box(event, now, lambda: self._boxes[event.device].take(Recorded(ticket)))
            case _:
                self._runner.box(event, now, lambda: None)

    def _on_event(self, event: DeviceEvent, now: Instant) -> None:
        self._journal.note("event", "heard", event)
        self._runner.on(event, now)
        self._set_timer()

    def _obey(self, order: Order) -> None:
        self._journal.note("platform", "ordered", order)
        self._runner.obey(order, clock())

    def _on_due(self) -> None:
        self._runner.due(clock())
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        deadline = self._runner.deadline
        self._timer = None
        if deadline is not None:
            wait = max(0.0, deadline - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(wait, self._on_due)

    def _send(self, order: DeviceOrder | Show) -> None:
        self._journal.note("order", "ordered", order)
        match order:
            case Show():
                pass  # there is no display driver yet: the words stand in the log
            case OpenBarrier() | CloseBarrier():
                self._barriers[order.device].put_nowait(order)
            case AuthorisePsam() if order.device in self._boxes:
                self._boxes[order.device].take(order)
            case _:
                self._antennas[order.device].order(order)

    def _durable(self, entries: list[Entry], done: Callable[[list[Entry]], None]) -> None:
        done(entries)
        for tell in self._appended:
            tell(entries[-1].number)

    def _on_uplink(self, status: UplinkStatus) -> None:
        """One line per change of state; how far the platform has confirmed changes all the time."""
        said = "connected" if status.connected else status.reason
        if self._said.get(status.name) != said:
            self._said[status.name] = said
            log.info("uplink", name=status.name, state=said, confirmed=status.confirmed)

    def _on_fault(self, fault: str | None) -> None:
        log.error("ledger cannot write / 账本无法写入", error=fault) if fault else log.info("ledger writes again")
        self._runner.ledger_fault = fault


def _untapped(_now: Instant, _outbound: bool, _data: bytes) -> None:  # noqa: FBT001  the tap's own signature
    """Nothing records this port."""


def serve(config: Config) -> None:
    """Run a site until SIGTERM or SIGINT. Raises LedgerError if its ledger cannot be used."""
    stay_on_one_cpu()
    daemon = Daemon(config, Store(config.ledger))

    async def until_told() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, daemon.stop.set)
        await daemon.run()

    asyncio.run(until_told())
