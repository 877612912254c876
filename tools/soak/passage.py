"""One passage of one car through one lane: what its driver does, what the guard does, and whether it was healthy.

A passage is healthy if the world made nothing wrong with it: a good tag and a card that can pay, a driver who waits
and drives, nothing wrong with the air, the line, the board, the loops or the arm of this lane since a good while
before, no kill, no stepped clock, no full disk, ETC not paused, and, at an exit, an entry that was sound itself.
Broker and platform may be away for as long as they like, and a frame that a sound line loses is part of health.
It ends well if the arm was opened for it, within the driver's patience, by a reason on record for this very stay.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tools.cards import SimulatedTag
from tools.rsu import FAULTS, SOUND
from tools.soak.clock import Clock, Part, Process, Signal, Until
from tools.soak.lane_devices import Gate, Radio
from tools.soak.laws import Laws
from tools.soak.office import Office
from tools.soak.options import MANNERS, MISREAD, PAYS_BY_PHONE, TAG_FAULTS

GIVES_UP: Final = 25.0, 45.0
"""Seconds for which a driver waits before calling for help or backing out."""
ECHO: Final = 100.0
"""Seconds after something went wrong in a lane for which the next cars may still feel it."""
DESK: Final = 0.6
"""The share of drivers who are let out by an order from the desk, if that comes in time, and not by the guard."""


@dataclass(slots=True)
class Spot:
    """A lane as drivers see it: they queue, and one at a time stands before the arm."""

    name: str
    role: str
    gate: Gate
    radio: Radio
    queue: deque[object] = field(default_factory=deque)
    camera: bool = False
    moved: Signal = field(default_factory=Signal)
    troubled_until: float = 0.0
    switched: int = 0
    camera_away: bool = False
    left_at: float = 0.0

    def trouble(self, until: float) -> None:
        """Something is wrong here until then, and maybe its traces after it."""
        self.troubled_until = max(self.troubled_until, until + ECHO)


@dataclass(slots=True)
class Car:
    """A vehicle with its tag, inside since a true time or not.

    `known`: its entry was recorded as it was made. `turned_away`: its last try to pass came to nothing.
    """

    tag: SimulatedTag
    defect: str | None = None
    inside_since: float | None = None
    known: bool = False
    on_the_way: bool = False
    turned_away: bool = False

    @property
    def plate(self) -> str:
        """On its bumper."""
        return self.tag.vehicle.plate


@dataclass(slots=True)
class Tally:
    """What became of the passages."""

    passages: int = 0
    healthy: int = 0
    well: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    offline_healthy: int = 0
    offline_well: int = 0


def price(seconds: float) -> int:
    """Fen by the made-up notice: 15 minutes free, 5 yuan for the first hour, 10 for each one begun after it."""
    if seconds <= 15 * 60:
        return 0
    return 500 + 1000 * max(0, -(-int(seconds - 3600) // 3600))


@dataclass(slots=True)
class Surroundings:
    """What a passage takes place in.

    `well`: nothing has been wrong with the site as a whole since then. `trusted`: its clock may be. `offline`:
    there is no network.
    """

    clock: Clock
    rng: Random
    laws: Laws
    ceiling: int
    faults: float
    well: Callable[[float], bool]
    trusted: Callable[[], bool]
    offline: Callable[[], bool]
    count: Callable[[str], None]
    office: Office
    see: Callable[[str, str], None]
    """A lane's camera reads a plate."""
    came: Callable[[str, str], None]
    """The vehicle with this plate stands before a lane's arm."""
    tally: Tally = field(default_factory=Tally)


@dataclass(slots=True)
class Passage:
    """From the car's first wheel on the approach to its last one off the lane."""

    around: Surroundings
    car: Car
    spot: Spot
    manner: str = ""
    fault: str = ""
    _pulses: int = 0
    _row: int = 0
    _began: float = 0.0
    _offline: bool = False
    _healthy: bool = False
    _gone: bool = False
    _trusted: bool = False

    def drive(self) -> Part:
        """All of it; gives whether the car came through."""
        self._arrive()
        gate, rng = self.spot.gate, self.around.rng
        if self.manner == "tailgates" and gate.arm.state in ("up", "falling"):
            self.around.count("tailgater")
            self._came_near()
            yield from self._under()
            return self._end("tailgated", through=True)
        gate.drive("approach", on=True)
        self.around.clock.begin(self._look())
        if self.spot.role == "exit" and rng.random() < PAYS_BY_PHONE:
            self._pay_unasked()
        yield rng.uniform(0.05, 0.5)
        self._came_near()
        opened = yield from self._opened()
        if opened and self.manner != "backs out":
            yield from self._under()
            return self._end("passed", through=True)
        return (yield from self._stuck(opened=opened))

    def _arrive(self) -> None:
        around, car = self.around, self.car
        scale = min(around.faults, 3.0)
        names = [*MANNERS, ""]
        shares = [share * scale for share in MANNERS.values()]
        [self.manner] = around.rng.choices(names, [*shares, 1 - sum(shares)])
        if around.rng.random() < TAG_FAULTS * scale:
            self.fault = around.rng.choice(sorted(FAULTS))
        around.came(self.spot.name, car.plate)
        self._began, self._row = around.clock.now, around.laws.rows.last
        self._trusted = around.trusted()
        self._pulses, self._offline = self.spot.gate.arm.pulses, around.offline()
        laws = around.laws
        switched = self.spot.switched or self.spot.name in laws.paused | laws.held | laws.alarmed
        ordinary = not self.manner and not self.fault and car.defect is None and not car.turned_away
        self._healthy = ordinary and not switched and self._trusted
        if self.spot.role == "exit":
            due = price(around.clock.now - (car.inside_since or 0.0)) + 1000
            self._healthy &= car.known and due <= min(around.ceiling, car.tag.balance)

    def _look(self) -> Process:
        """The camera reads the plate a few times: rightly, wrongly, or not at all."""
        if not self.spot.camera:
            return
        rng, plate = self.around.rng, self.car.plate
        yield rng.uniform(0.05, 0.3)
        for _ in range(4):
            draw = rng.random()
            if draw < MISREAD:
                self.around.count("plate misread")
                self._healthy = False
            elif draw < 2 * MISREAD:
                self.around.count("plate not read")
            if not self.spot.camera_away and not MISREAD <= draw < 2 * MISREAD:
                self.around.see(
                    self.spot.name, plate if draw >= MISREAD else f"{plate[:3]}{rng.randrange(10000):04}"
                )
            yield rng.uniform(0.1, 0.5)
            if self._gone:
                return

    def _pay_unasked(self) -> None:
        """By phone on the way to the gate, as the platform has it: while the tag pays, too."""
        stay, since = self.around.laws.stays.get(self.car.plate), self.car.inside_since
        fen = price(self.around.clock.now - since) if since is not None else 0
        if stay and fen:
            self._healthy = False
            self.around.clock.after(self.around.rng.uniform(0.0, 1.5), lambda: self.around.office.pay(stay, fen))

    def _came_near(self) -> None:
        """Into the antenna's zone, where there is a tag."""
        if self.car.defect == "none":
            return
        if self.fault:
            self.around.count(f"tag: {self.fault}")
        self.spot.radio.enter(self.car.tag, FAULTS.get(self.fault, SOUND))

    def _opened(self) -> Part:
        """Wait for the arm, and go on waiting while it comes down before this car has started."""
        arm, rng, clock = self.spot.gate.arm, self.around.rng, self.around.clock
        patience = rng.uniform(0.05, 6.0) if self.manner == "backs out" else rng.uniform(*GIVES_UP)
        until = clock.now + patience
        if self.manner == "dawdles":
            yield Until(lambda: arm.up and arm.pulses > self._pulses, arm.signal, patience)
            yield rng.uniform(20, 90)
            until = clock.now + patience
        while clock.now < until:
            came = yield Until(lambda: arm.up and arm.pulses > self._pulses, arm.signal, until - clock.now)
            if not came:
                return arm.up
            yield rng.uniform(0.4, 1.5)
            if arm.up:
                return True
        return False

    def _under(self) -> Process:
        """Under the arm and away."""
        gate, rng = self.spot.gate, self.around.rng
        gate.drive("presence", on=True)
        self._gone = True
        yield 0.4
        self.spot.radio.leave(self.car.tag)
        if gate.on("approach"):
            gate.drive("approach", on=False)
        yield rng.uniform(30, 130) if self.manner == "stalls" else 0.3
        gate.drive("beyond", on=True)
        yield rng.uniform(0.5, 1.5)
        gate.drive("presence", on=False)
        self.around.clock.after(rng.uniform(0.4, 1.0), lambda: gate.drive("beyond", on=False))

    def _back_out(self) -> None:
        self._gone = True
        self.spot.radio.leave(self.car.tag)
        self.spot.gate.drive("approach", on=False)

    def _stuck(self, *, opened: bool) -> Part:
        """Back out, or wait for the guard with his handset."""
        rng, gate = self.around.rng, self.spot.gate
        entry = self.spot.role == "entry"
        if self.manner == "backs out" or (entry and rng.random() < 0.7) or gate.arm.stuck:
            self._back_out()
            return self._end("backed out" if not opened else "backed out of an open gate", through=False)
        if rng.random() < DESK:
            self.around.office.let_through(self.spot.name, self.car.plate)
        opens = Until(lambda: gate.arm.up and gate.arm.pulses > self._pulses, gate.arm.signal, rng.uniform(10, 70))
        if (yield opens):
            yield rng.uniform(0.4, 1.5)
            yield from self._under()
            return self._end("let out by desk or payment", through=True)
        if not gate.arm.up:
            gate.press(on=True)
            gate.arm.by_hand(up=True)
            yield 1.5
            gate.press(on=False)
        if not gate.arm.up:
            self._back_out()
            return self._end("backed out", through=False)
        yield from self._under()
        yield rng.uniform(2, 5)
        if not gate.on("presence"):
            gate.arm.by_hand(up=False)
        return self._end("by hand", through=True)

    def _end(self, outcome: str, *, through: bool) -> bool:
        around, tally, car = self.around, self.around.tally, self.car
        sound = self.spot.troubled_until < self._began and around.well(self._began) and around.trusted()
        sound &= around.laws.ordered_at[self.spot.name] + ECHO < self._began
        self._healthy &= sound
        well = outcome == "passed" and self._on_record()
        tally.passages += 1
        tally.outcomes[f"{self.spot.role}: {outcome}"] += 1
        if self._healthy:
            tally.healthy += 1
            tally.well += well
            tally.offline_healthy += self._offline
            tally.offline_well += self._offline and well
            if not well:
                tally.failed.append(f"{self.spot.name} {car.plate} at {self._began:.1f} s: {outcome}")
        if not (self._healthy and well):
            self.spot.trouble(around.clock.now)
        if self.spot.role == "entry":
            car.known = well and self._trusted and around.trusted() and not car.turned_away
        car.turned_away = not through
        return through

    def _on_record(self) -> bool:
        """Whether the newest reason of this lane is of this passage and of this car's stay."""
        laws = self.around.laws
        row = laws.reasons.get(self.spot.name)
        stay = laws.stays.get(self.car.plate)
        return row is not None and row.number > self._row and row.body["stay"] == stay
