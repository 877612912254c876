"""One world: a lot of four lanes, its people, its troubles, the gateway's process in it, and the laws over all."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Final

from drivers.ports import DeviceOrder, PlateSeen, Show
from gateway.facts import SiteRules
from gateway.lane.state import PRESENCE, LaneRules
from protocols.rsu.dialect import load
from protocols.rsu.messages import Result
from tools.cards import Bought, SimulatedTag
from tools.soak.clock import Clock, Process, Until
from tools.soak.disk import Disk
from tools.soak.gateway import PROFILE, Killed, Run
from tools.soak.lane_devices import Gate, Radio, rote
from tools.soak.laws import Broken, Laws
from tools.soak.line import Line
from tools.soak.money import Money
from tools.soak.office import Office
from tools.soak.options import Options
from tools.soak.passage import Spot, Surroundings, Tally
from tools.soak.people import People
from tools.soak.platform import Platform, Uplink
from tools.soak.rows import Rows
from tools.soak.trouble import Trouble
from tools.world import TARIFF

WAIT: Final = 150.0
"""Seconds for which a vehicle may stand before it pays or a person decides."""
ROLES: Final = {"in1": "entry", "in2": "entry", "out1": "exit", "out2": "exit"}
DIALECTS: Final = ("soulin", "wanji", "jiangsu", "beijing", "yunnan", "genvict", "gantry-v3", "bcc2019", "lane-v2")
SHM: Final = Path("/dev/shm")  # noqa: S108  a file system in memory, where there is one: folders below it are made safely
STEPS: Final = 50_000_000
DRAIN: Final = 3600.0
"""Seconds of quiet in the end, within which a platform that is there has everything."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one world. `broken` is the law that did not hold, and where; None if all held."""

    options: Options
    tally: Tally
    faults: Counter[str]
    virtual: float
    real: float
    entries: int
    head: str
    intents: int
    unresolved: int
    priced: int
    kills: int
    broken: Broken | None
    at: float


@dataclass(slots=True)
class World:
    """Made of its options alone: the same ones give the same world, byte by byte."""

    options: Options
    path: Path
    clock: Clock = field(default_factory=Clock)
    faults: Counter[str] = field(default_factory=Counter)
    troubled_until: float = 0.0
    spots: dict[str, Spot] = field(default_factory=dict)
    rules: SiteRules = field(init=False)
    laws: Laws = field(init=False)
    money: Money = field(init=False)
    platform: Platform = field(init=False)
    office: Office = field(init=False)
    people: People = field(init=False)
    disk: Disk = field(init=False)
    run: Run | None = None
    kills: int = 0
    _epoch: float = -1000.0

    def __post_init__(self) -> None:
        self.disk = Disk(self.path)
        rng = self._rng("lanes")
        lanes = {}
        for name, role in ROLES.items():
            self.spots[name] = self._spot(name, role, rng)
            reread = self.spots[name].radio.dialect.reread
            lanes[name] = LaneRules(
                name,
                role,  # type: ignore[arg-type]  # a word of ROLES
                f"{name}-reader",
                f"{name}-gate",
                camera=f"{name}-camera" if self.spots[name].camera else "",
                inputs=frozenset(PROFILE.inputs),
                ceiling=self.options.ceiling,
                unresolved=rng.choice(("hold", "owe")),
                presence=PRESENCE + reread,
                wait=WAIT,
            )
        self.rules = SiteRules(lanes, TARIFF)
        gates = {name: spot.gate for name, spot in self.spots.items()}
        rows = Rows(self.path)
        self.money = Money(self.clock, TARIFF, rows)
        self.laws = Laws(self.clock, self.rules, rows, gates, self.money.note)
        self.platform = Platform(self.clock, self._rng("platform"), self._wrong, self._booked)
        self.office = Office(self.clock, self._rng("office"), self.platform, self.laws.cleared, self.count)
        around = Surroundings(
            self.clock,
            self._rng("people"),
            self.laws,
            self.options.ceiling,
            self.options.faults,
            well=lambda began: self.troubled_until < began,
            trusted=lambda: self.clock.now + self.clock.offset >= self.laws.floor,
            offline=lambda: self.platform.away or self.platform.broker_away,
            count=self.count,
            office=self.office,
            see=self._see,
            came=self.money.came,
        )
        self.people = People(self.options, around, self.spots)

    def play(self) -> Outcome:
        """From the first morning to the last night, or to the first broken law."""
        began, broken = perf_counter(), None
        try:
            self._play()
        except Broken as law:
            broken = law
        finally:
            if self.run:
                self.run.end()
                self.run.store.close()
            self.laws.rows.close()
        rows = self.laws.rows
        intents = rows.intents.values()
        return Outcome(
            self.options,
            self.people.surroundings.tally,
            self.faults,
            self.clock.now,
            perf_counter() - began,
            rows.last,
            rows.hash,
            len(intents),
            sum(intent.state == "unresolved" for intent in intents),
            self.money.priced,
            self.kills,
            broken,
            self.clock.now,
        )

    def _play(self) -> None:
        self._start()
        self.people.begin()
        Trouble(self, self._rng("trouble")).begin()
        for spot in self.spots.values():
            self.clock.begin(self._watch_rest(spot))
        end = self.options.days * self.options.day
        self._until(end)
        self._mend()
        self._until(end + DRAIN)
        self.laws.written()
        self.laws.at_the_end(self.platform.books)
        self.money.at_the_end(self.office.paid)
        tally = self.people.surroundings.tally
        self.laws.offline(tally.offline_healthy, tally.offline_well)

    def _until(self, end: float) -> None:
        for _ in range(STEPS):
            do = self.clock.next(end)
            if do is None:
                return
            try:
                do()
            except Killed:
                self._die()
        raise AssertionError("time does not move on")

    def _mend(self) -> None:
        """The last night is quiet: whoever was away comes back."""
        self.disk.full = False
        if self.platform.broker_away:
            self.platform.find_broker()
        self.platform.come_back()

    def _rng(self, of: str) -> Random:
        return Random(f"{self.options.seed} {of}")

    def _spot(self, name: str, role: str, rng: Random) -> Spot:
        line = Line(self.clock, self._rng(f"line {name}"), self.count)
        radio = Radio(name, rote(load(rng.choice(DIALECTS))), self.clock, self._rng(f"radio {name}"), self, line)
        return Spot(name, role, Gate(name, self.clock, self), radio, camera=rng.random() < 0.6)

    def _watch_rest(self, spot: Spot) -> Process:
        """Law 7: look at a lane when it has been left alone for long enough."""
        quiet = self.rules.lanes[spot.name]
        silence = (
            quiet.outcome_within + quiet.presence + quiet.wait + quiet.pass_within + 2 * quiet.arm_within + 5.0
        )
        while True:
            yield Until(lambda: not spot.queue, spot.moved)
            since = self.clock.now
            yield silence
            alone = not spot.queue and max(spot.left_at, self.laws.stirred[spot.name]) <= since
            sound = max(spot.troubled_until, self.troubled_until) < since
            if alone and sound and self.run:
                self.laws.at_rest(spot.name)

    # --- what devices, platform and gateway tell ------------------------------------------------------------

    def count(self, kind: str) -> None:
        """One more of these went wrong."""
        self.faults[kind] += 1

    def sold(self, lane: str, tag: SimulatedTag, bought: Bought) -> None:
        """A card has paid."""
        self.laws.sold(lane, tag, bought)

    def told(self, lane: str, result: Result) -> None:
        """The gateway's end of the line has a result."""
        self.laws.told(lane, result)

    def came_down(self, lane: str, under_since: float) -> None:
        """The arm was turned round by its own protection."""
        self.count("arm turned round by its own protection")
        self.laws.came_down(lane, under_since)

    def written(self) -> None:
        """The ledger's file has grown."""
        self.laws.written()

    def opened(self, boot: str, epoch: float) -> None:
        """A new run has opened the ledger's file."""
        self.laws.started(boot, epoch)

    def ordered(self, order: DeviceOrder | Show) -> None:
        """A lane orders."""
        self.laws.ordered(order)

    def read(self, lane: str, inputs: dict[str, bool] | None) -> None:
        """The gateway reads a board."""
        self.laws.read(lane, inputs)

    def coil(self, lane: str, *, opens: bool) -> None:
        """A coil is switched on."""
        self.laws.coil(lane, opens=opens)

    def _booked(self, entry: dict[str, Any]) -> None:
        self.office.booked(entry)

    def _see(self, lane: str, plate: str) -> None:
        """The camera's word goes straight to the runner."""
        if self.run:
            run, seen = self.run, PlateSeen(self.rules.lanes[lane].camera, plate, None)
            self.clock.after(0.0, lambda: run.event(seen, run.now()))

    def _wrong(self, what: str) -> None:
        raise Broken(9, what)

    # --- the process ----------------------------------------------------------------------------------------

    def kill(self) -> None:
        """The process dies now."""
        if self.run:
            raise Killed

    def doom(self, point: str) -> None:
        """The process dies when it comes by this point."""
        if self.run:
            self.run.doom = point

    def cut(self, lane: str) -> None:
        """The antenna's port is gone for a moment."""
        if self.run:
            self.run.readers[self.rules.lanes[lane].reader].cut("unplugged")

    def fill_disk(self, *, full: bool) -> None:
        """Nothing can be written, or can again."""
        self.disk.full = full

    def deny_commit(self) -> None:
        """The next commit is made, and reported as failed."""
        self.disk.unanswered += 1

    def step_clock(self, seconds: float) -> None:
        """The wall clock jumps."""
        self.clock.offset += seconds
        self.troubled_until = max(self.troubled_until, self.clock.now + 30.0)

    def _start(self) -> None:
        rng = self._rng(f"run {self.kills}")
        run = Run(self.clock, rng, self, self.rules, self.disk, f"{self.kills:08x}", self._epoch)
        run.begin(
            [spot.radio for spot in self.spots.values()],
            [spot.gate for spot in self.spots.values()],
        )
        self.platform.uplink = Uplink(self.clock, rng, run.store, self.platform, run.obey)
        run.writer.appended = self.platform.uplink.appended
        self.run = run

    def _die(self) -> None:
        """Killed, or without power: what was being written is there, or not, or in part."""
        run, self.run = self.run, None
        if run is None:
            return
        run.end()
        if self.platform.uplink:
            self.platform.uplink.dead = True
            self.platform.uplink = None
        self.laws.stopped()
        self.laws.rows.close()
        rng = self._rng(f"death {self.kills}")
        self.kills += 1
        power = rng.random() < 0.4
        self._leave_file(run, rng, power=power)
        down = rng.uniform(2.0, 60.0)
        if power:
            self.count("power cut")
            self._epoch = self.clock.now + down / 2
        self.troubled_until = max(self.troubled_until, self.clock.now + down + 160.0)
        self.clock.after(down, self._start)

    def _leave_file(self, run: Run, rng: Random, *, power: bool) -> None:
        drafts, db = run.writer.drafts, run.store
        before = self.disk.kept() if power else None
        landed = drafts and not self.disk.full and rng.random() < 0.7
        if landed:
            try:
                self.disk.only_log()
                db.append(drafts)
                self.count("commit under way at a kill")
            except sqlite3.Error:
                pass
        after = self.disk.kept() if power else None
        db.close()
        if before and after:
            self.disk.restore(self.disk.power_cut(before, after, rng) if landed else after)


def play(options: Options) -> Outcome:
    """Play one world, in memory where there is a file system for that."""
    with TemporaryDirectory(prefix="etclane-soak-", dir=SHM if SHM.is_dir() else None) as folder:
        return World(options, Path(folder) / "ledger.db").play()
