"""What a decision costs: from the last byte of B4 to the first byte of C6, the durable intent included.

Everything in between is the product's own, wired as `gateway.daemon` wires it: the antenna's shell and session,
the runner with its cores, the ledger in its thread, the journal. In place of the ports stand a simulated
antenna and a barrier that obeys at once. Times are taken from outside, at the seams between the parts. `make bench`
prints them beside one bare SQLite commit of the same row, the least that a durable intent can cost.

The core is measured twice. In place it runs once a car, with the decoder, the disk, the loop and another thread
between: that counts in the decision and in all but its commit. Alone it is called for one car after the other, with
nothing between: that is what its own work costs, and what the demand on the pure core alone is about. It is called
in blocks all through the run: a machine's speed may change from second to second, and both are to see the same one.
"""

import asyncio
import math
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, TextIO

import structlog

from drivers.link import Connected, Disconnected
from drivers.ports import (
    CloseBarrier,
    Debit,
    DebitNotSent,
    DeviceEvent,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    ReaderUp,
    Show,
    TagRead,
)
from drivers.reader.antenna import Antenna
from drivers.reader.options import ReaderOptions
from drivers.reader.session import ReaderSession
from drivers.transport import Transport
from gateway.config import load_tariff
from gateway.daemon import BUILT, begin, clock, stay_on_one_cpu
from gateway.facts import SiteRules
from gateway.journal import Journal
from gateway.lane.state import LaneRules
from gateway.ledger.entries import Booted, DebitIntended, Draft, Entry, Moment, StayImported
from gateway.ledger.stays import Stays
from gateway.ledger.store import Store, connect
from gateway.ledger.writer import Writer
from gateway.runner import Runner
from protocols.rsu.dialect import load
from tools import rsu
from tools.cards import SimulatedTag, make_tag
from tools.shipped import CONFIG

CARS = 400
"""That leave, one after the other."""
BLOCK = 40
"""Of them the core decides alone, before they leave."""
STAYING = 300
"""That are inside all the time."""
GIVE_UP = 20.0
"""Seconds that a car may take to get out."""

COMMAND, C6 = 8, 0xC6
"""In an F2 frame FF FF, VER, SEQ and LEN stand before the command."""

STEPS = ("decode", "core", "hand-over", "entry", "commit", "write")
"""What a decision consists of.

`decode`: framer, dialect, session, up to TagRead. `core`: facts, quote, site, lane, and the drafts into the stays.
`hand-over`: to the ledger's thread and back. `entry`: JSON and hash. `commit`: from BEGIN to COMMIT. `write`: the
session, up to the bytes of C6. The log's lines come later (`gateway.journal`): they are no part of it.
"""

Spent = dict[str, float]
"""Seconds by step."""


@dataclass(slots=True)
class Stopwatch:
    """Books the time of one decision, step by step; the steps follow each other, whatever thread they are in."""

    decisions: list[Spent] = field(default_factory=list)
    _spent: Spent | None = None
    _last: float = 0.0

    def bytes_come(self) -> None:
        """A frame is handed over: the decision's last one, or one said again meanwhile, which changes nothing."""
        if self._spent is None:
            self._last = perf_counter()

    def begin(self) -> None:
        """The frame was B4: the tag is read."""
        self._spent = dict.fromkeys(STEPS, 0.0)
        self.lap("decode")

    def lap(self, step: str) -> None:
        """What has passed since the last lap belongs to this step; between decisions to none."""
        if self._spent is not None:
            now = perf_counter()
            self._spent[step] += now - self._last
            self._last = now

    def end(self) -> None:
        """C6 is there."""
        self.lap("write")
        if self._spent is not None:
            self.decisions.append(self._spent)
        self._spent = None


# --- the seams -------------------------------------------------------------------------------------------------


class WatchedConnection(sqlite3.Connection):
    """Tells the watch when a commit begins and ends."""

    watch: Stopwatch

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:  # noqa: ANN401  as sqlite3 has it
        """As ever."""
        if sql == "BEGIN IMMEDIATE":
            self.watch.lap("entry")
        cursor = super().execute(sql, parameters)
        if sql == "COMMIT":
            self.watch.lap("commit")
        return cursor


class WatchedStore(Store):
    """Tells the watch when the drafts have come to the ledger's thread."""

    def __init__(self, path: Path, watch: Stopwatch) -> None:
        self._watch = watch
        super().__init__(path, connect=self._connect)

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """As ever."""
        self._watch.lap("hand-over")
        return super().append(drafts)

    def _connect(self, path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=WatchedConnection)
        db.watch = self._watch
        return db


class FarEnd(rsu.ServedAntenna):
    """The simulated antenna; `tell` takes what it says."""

    def __init__(self, simulated: rsu.Antenna, tell: Callable[[bytes], None]) -> None:
        self._tell = tell
        super().__init__(simulated)

    def hear(self, data: bytes) -> None:
        """What the gateway says, to be answered when the loop is free."""
        self._incoming.put_nowait(data)

    def write(self, chunk: bytes) -> None:
        """To the gateway, when the simulator's own work is done: that is nobody's decision."""
        asyncio.get_running_loop().call_soon(self._tell, chunk)


class Line(Transport):
    """A port with a simulated antenna at its other end."""

    def __init__(self, feed: Callable[[Connected | Disconnected | bytes, Instant], None], watch: Stopwatch) -> None:
        super().__init__("", feed, lambda *_: None, clock, Random(0))
        self._watch = watch
        simulated = rsu.Antenna(load("wanji"), trade_time=0.0, search_again=math.inf)
        self.far_end = FarEnd(simulated, self._arrived)

    async def run(self) -> None:
        """Connected, until cancelled."""
        self.feed(Connected(), clock())
        try:
            await self.far_end.running
        finally:
            await self.far_end.close()

    def write(self, data: bytes, now: Instant) -> None:  # noqa: ARG002  the transport's own signature
        """To the antenna."""
        if data[COMMAND] == C6:
            self._watch.end()
        self.far_end.hear(data)

    def _arrived(self, chunk: bytes) -> None:
        self._watch.bytes_come()
        self.feed(chunk, clock())


# --- the lane --------------------------------------------------------------------------------------------------


def bring_inside(cars: int) -> tuple[list[SimulatedTag], list[Draft]]:
    """So many cars that have been inside for an hour to two days, none twice the same, and what says so."""
    now = clock().wall
    tags = [make_tag(n, f"测A{n:05}", 1, 100_000) for n in range(cars)]
    at = Moment(now, 0.0, "import", trusted=True)
    return tags, [Draft(at, "", _inside(n, tag, now)) for n, tag in enumerate(tags)]


def _inside(n: int, tag: SimulatedTag, now: datetime) -> StayImported:
    vehicle, entered = tag.vehicle, now - timedelta(hours=1 + n % 48)
    return StayImported(f"s{n}", vehicle.plate, vehicle.color, vehicle.vehicle_class, entered.isoformat())


def _site() -> SiteRules:
    """One exit lane, and a notice as it is shipped."""
    tariff = load_tariff(CONFIG / "tariffs" / "lanzhou-airport.toml")
    return SiteRules({"out": LaneRules("out", "exit", "rsu", "gate", clear_after=0.0)}, tariff)


class Exit:
    """One exit lane at work, wired as in `gateway.daemon`. `intent` is the newest entry of a decision."""

    intent: Entry

    def __init__(self, store: Store, watch: Stopwatch, journal: TextIO) -> None:
        self._watch = watch
        render = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        log = structlog.wrap_logger(structlog.PrintLogger(journal), [structlog.processors.add_log_level, render])
        self._journal = Journal(log)
        self._up = asyncio.Event()
        self._gone = asyncio.Event()
        stays, floor, _ = begin(store)
        self.writer = Writer(store, self._on_fault)
        self._runner = Runner(_site(), stays, "bench", self._submit, self._send, floor)
        options = ReaderOptions(name="rsu", dialect="wanji", port="tcp://127.0.0.1:1")
        session = ReaderSession("rsu", load(options.dialect), options, entry=False)
        self._antenna = Antenna(session, self._on_event, clock)
        self._line = Line(self._antenna.feed, watch)

    async def run(self) -> None:
        """Serve until cancelled."""
        self._runner.start(Booted("bench", "", ""), clock())
        self._inputs(("presence", False), ("closed", True))
        await self._antenna.run(self._line)

    async def ready(self) -> None:
        """The antenna is up, and what the start had to record is written: it is no part of a decision.

        Raises TimeoutError.
        """
        async with asyncio.timeout(GIVE_UP):
            await self._up.wait()
            await self.writer.call(lambda _: None)

    async def let_out(self, tag: SimulatedTag) -> None:
        """One car pays and goes, and the arm comes down. Raises TimeoutError."""
        self._gone.clear()
        self._line.far_end.enter(tag)
        async with asyncio.timeout(GIVE_UP):
            await self._gone.wait()
        self._line.far_end.leave(tag)
        self._journal.write()  # there is time for it until the next car comes

    def _on_event(self, event: DeviceEvent, now: Instant) -> None:
        if isinstance(event, TagRead):
            self._watch.begin()
        self._journal.note("event", "heard", event)
        self._runner.on(event, now)
        if isinstance(event, ReaderUp):
            self._up.set()

    def _submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        self._watch.lap("core")
        self.writer.submit(drafts, lambda entries: self._durable(entries, done))

    def _durable(self, entries: list[Entry], done: Callable[[list[Entry]], None]) -> None:
        self._watch.lap("hand-over")
        done(entries)
        if entries[0].kind == DebitIntended.KIND:
            self.intent = entries[0]

    def _send(self, order: DeviceOrder | Show) -> None:
        self._journal.note("order", "ordered", order)
        match order:
            case Show():
                pass
            case OpenBarrier():
                asyncio.get_running_loop().call_soon(self._pass_through)
            case CloseBarrier():
                asyncio.get_running_loop().call_soon(self._come_down)
            case _:
                self._antenna.order(order)

    def _pass_through(self) -> None:
        self._inputs(("closed", False), ("presence", True), ("presence", False))
        self._runner.due(clock())

    def _come_down(self) -> None:
        self._inputs(("closed", True))
        self._gone.set()

    def _inputs(self, *changes: tuple[str, bool]) -> None:
        for name, on in changes:
            self._on_event(InputChanged("gate", name, on), clock())

    def _on_fault(self, fault: str | None) -> None:
        self._runner.ledger_fault = fault


class Desk:
    """The core alone, in the same lane: no antenna, no ledger, no loop."""

    def __init__(self, inside: Sequence[Draft]) -> None:
        stays = Stays()
        for draft in inside:
            stays.apply(draft)
        self.written: list[Draft] = []
        self.debits: list[Debit] = []
        self._decided = 0.0
        self._runner = Runner(_site(), stays, "bench", self._submit, self._send, BUILT)

    def decide(self, trade: int, tag: SimulatedTag) -> float:
        """Seconds from a tag that was read to the intent; its debit is then not made, and the lane free."""
        read, now = TagRead("rsu", trade, tag.tag, tag.vehicle, tag.card), clock()
        began = perf_counter()
        self._runner.on(read, now)
        spent = self._decided - began
        self._runner.on(DebitNotSent("rsu", self.debits[-1].intent, ""), now)
        return spent

    def _submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        if isinstance(drafts[0].body, DebitIntended):
            self._decided = perf_counter()
        self.written += drafts
        done([])

    def _send(self, order: DeviceOrder | Show) -> None:
        if isinstance(order, Debit):
            self.debits.append(order)


# --- measured --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measured:
    """What each decision spent by step, each bare commit as a whole, and each core alone, in seconds."""

    decisions: Sequence[Spent]
    bare: Sequence[float]
    alone: Sequence[float]


def measure(folder: Path, leaving: int = CARS, staying: int = STAYING) -> Measured:
    """Let so many cars out, with a ledger in this folder; behind each of them one bare commit on the same disk.

    Block by block, the core decides of the same cars alone before.
    """
    tags, inside = bring_inside(leaving + staying)
    with _on_one_cpu():
        watch = Stopwatch()
        store = WatchedStore(folder / "ledger.db", watch)
        store.append(inside)
        with (folder / "log").open("w", encoding="utf-8") as journal, closing(_bare(folder / "bare.db")) as db:
            started = partial(Exit, store, watch, journal)
            bare, alone = asyncio.run(_let_out(tags[:leaving], Desk(inside), started, db))
    return Measured(watch.decisions, bare, alone)


@contextmanager
def _on_one_cpu() -> Iterator[None]:
    """As the daemon runs; afterwards as before."""
    before = os.sched_getaffinity(0)
    stay_on_one_cpu()
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


async def _let_out(
    tags: Sequence[SimulatedTag],
    desk: Desk,
    started: Callable[[], Exit],
    db: sqlite3.Connection,
) -> tuple[list[float], list[float]]:
    lane, bare, alone = started(), [], []
    try:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(lane.run())
            await lane.ready()
            for number, tag in enumerate(tags):
                if number % BLOCK == 0:
                    alone += [desk.decide(trade, each) for trade, each in enumerate(tags[number : number + BLOCK])]
                await lane.let_out(tag)
                # In the ledger's own thread and behind all that it has to write, so that both find the same disk.
                bare.append(await lane.writer.call(lambda _: _commit(db, lane.intent)))
            running.cancel()
    finally:
        await lane.writer.close()
    return bare, alone


def _bare(path: Path) -> sqlite3.Connection:
    """As safe as the ledger, and nothing else."""
    db = connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, kind TEXT, text TEXT, hash TEXT)")
    return db


def _commit(db: sqlite3.Connection, entry: Entry) -> float:
    began = perf_counter()
    db.execute("BEGIN IMMEDIATE")
    db.execute("INSERT INTO entries VALUES (NULL, ?, ?, ?)", (entry.kind, entry.text, entry.hash))
    db.execute("COMMIT")
    return perf_counter() - began


# --- what it says ----------------------------------------------------------------------------------------------

COMMITS, REST, CORE = 5.0, 1e-3, 200e-6
"""The most that a decision may take in bare commits; all of it but its commit, and the core alone, in seconds."""


def summary(measured: Measured) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile in seconds: of each step, of their sums, of a bare commit, of the core alone."""
    decisions = measured.decisions
    columns = {step: [spent[step] for spent in decisions] for step in STEPS}
    columns["decision"] = [sum(spent.values()) for spent in decisions]
    columns["all but commit"] = [sum(spent.values()) - spent["commit"] for spent in decisions]
    columns["bare commit"] = list(measured.bare)
    columns["core alone"] = list(measured.alone)
    return {name: (median(times), _p99(times)) for name, times in columns.items()}


def _p99(times: Sequence[float]) -> float:
    return sorted(times)[math.ceil(0.99 * len(times)) - 1]


def judge(found: Mapping[str, tuple[float, float]]) -> Iterator[tuple[bool, str]]:
    """Each demand: whether its median holds, and its text."""
    medians = {name: middle for name, (middle, _) in found.items()}
    ratio = medians["decision"] / medians["bare commit"]
    yield ratio <= COMMITS, f"decision / bare commit = {ratio:.2f}, must be at most {COMMITS:.2f}"
    for name, limit in (("all but commit", REST), ("core alone", CORE)):
        text = f"{name} = {medians[name] * 1e6:.0f} us, must be at most {limit * 1e6:.0f}"
        yield medians[name] <= limit, text


def show(found: Mapping[str, tuple[float, float]]) -> None:
    """One line each: median and 99th percentile, in microseconds and in bare commits."""
    one, _ = found["bare commit"]
    print(f"{'':24}{'median us':>10}{'p99 us':>10}{'x bare commit':>16}{'p99':>8}")
    for name, (middle, worst) in found.items():
        print(f"{name:24}{middle * 1e6:10.1f}{worst * 1e6:10.1f}{middle / one:16.2f}{worst / one:8.2f}")
    print()


def race_decisions() -> list[tuple[bool, str]]:
    """Measure on the disk of the current folder, print the times, give the verdicts."""
    print(f"decisions, from the last byte of B4 to the first of C6: {CARS} cars leave, {STAYING} stay\n")
    # Not in /tmp, which is in memory on many machines: there a commit costs nothing.
    with TemporaryDirectory(prefix=".bench-", dir=".") as folder:
        found = summary(measure(Path(folder)))
    show(found)
    return list(judge(found))
