"""What stands in a lane: the arm with its board, the loops, and the antenna with the tags in its zone.

They are what they are, whether a gateway runs or not: all of it outlives a kill.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from random import Random
from typing import Final, Protocol

from protocols.errors import MessageError
from protocols.rsu.dialect import Dialect
from protocols.rsu.framing import Frame
from protocols.rsu.message import Message
from protocols.rsu.messages import Result, Word
from tools.cards import Bought, SimulatedTag
from tools.rsu import NO_TAC, RESULT_COMMAND, Antenna, Faults
from tools.soak.clock import Clock, Signal, Timer
from tools.soak.line import Line

RISES: Final = 1.0
FALLS: Final = 1.6
"""Seconds that the arm takes."""
REVERSES: Final = 0.8
"""Seconds within which a car under a falling arm must have turned it round, where board and gateway are up."""
SEARCHES_AGAIN: Final = 1.5
"""Seconds after which an antenna looks once more for a tag that it was told to leave."""
AWAKE: Final = 5.0
"""Seconds for which an antenna in whose zone something happened keeps its own time."""
SELDOM: Final = 0.95
"""The share of the gateway's patience after which an antenna in an empty lane says a heartbeat: nights are long."""


class Rote(Dialect):
    """The same dialect for a lane where the same is said all day: what was said once both ends know by heart."""

    def encode(self, word: Word) -> bytes:
        """As the dialect does."""
        said = _SAID.get((self.name, word))
        if said is None:
            if len(_SAID) >= KNOWN:
                _SAID.clear()
            said = _SAID[self.name, word] = super().encode(word)
        return said

    def decode(self, data: bytes) -> Message:
        """As the dialect does."""
        heard = _HEARD.get((self.name, data))
        if heard is None:
            if len(_HEARD) >= KNOWN:
                _HEARD.clear()
            heard = _HEARD[self.name, data] = super().decode(data)
        return heard


KNOWN: Final = 10_000
_SAID: Final[dict[tuple[str, Word], bytes]] = {}
_HEARD: Final[dict[tuple[str, bytes], Message]] = {}


def rote(known: Dialect) -> Rote:
    """This dialect, by heart."""
    return Rote(**{each.name: getattr(known, each.name) for each in fields(known) if each.init})


class Watch(Protocol):
    """Who hears of what really happens in a lane."""

    def sold(self, lane: str, tag: SimulatedTag, bought: Bought) -> None:
        """A card has paid."""
        ...

    def told(self, lane: str, result: Result) -> None:
        """The gateway's end of the line got this result, whole."""
        ...

    def came_down(self, lane: str, under_since: float) -> None:
        """The arm came down on a car that has been under it since; its own protection turned it round."""
        ...


@dataclass(slots=True)
class Arm:
    """The arm and its motor; `pulses` counts the orders to open that reached it. `stuck`: it does not move."""

    clock: Clock
    changed: Callable[[], None]
    crushed: Callable[[], None]
    occupied: Callable[[], bool]
    state: str = "down"
    stuck: bool = False
    pulses: int = 0
    signal: Signal = field(default_factory=Signal)
    _motion: int = 0

    @property
    def up(self) -> bool:
        """Whether a car can drive."""
        return self.state == "up"

    def open(self) -> None:
        """The open coil was switched on."""
        self.pulses += 1
        self.signal.tell()
        self.by_hand(up=True)

    def close(self) -> None:
        """The close coil was switched on."""
        self.by_hand(up=False)

    def by_hand(self, *, up: bool) -> None:
        """The operator's handset works on the motor directly."""
        if self.stuck or self.state == ("up" if up else "down"):
            return
        self._go("rising" if up else "falling")
        self._motion += 1
        motion = self._motion
        self.clock.after(RISES if up else FALLS, lambda: self._arrive("up" if up else "down", motion))

    def resume(self) -> None:
        """It was stuck on its way, and moves again."""
        if self.state in ("rising", "falling"):
            state, self.state = self.state, ""
            self.by_hand(up=state == "rising")

    def _go(self, state: str) -> None:
        self.state = state
        self.changed()
        self.signal.tell()

    def _arrive(self, state: str, motion: int) -> None:
        if motion != self._motion or self.stuck:
            return
        if state == "down" and self.occupied():
            self.crushed()
            self.by_hand(up=True)
        else:
            self._go(state)


@dataclass(slots=True)
class Gate:
    """Arm, loops and their board's wires. `stuck` overrides what a loop says; the board may be `away`."""

    name: str
    clock: Clock
    watch: Watch
    arm: Arm = field(init=False)
    away: bool = False
    stuck: dict[str, bool] = field(default_factory=dict)
    handset: bool = False
    fire: bool = False
    under_since: float = 0.0
    changed: Signal = field(default_factory=Signal)
    _cars: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arm = Arm(
            self.clock,
            self.changed.tell,
            crushed=lambda: self.watch.came_down(self.name, self.under_since),
            occupied=lambda: self.on("presence"),
        )

    def on(self, loop: str) -> bool:
        """Whether a car is really there."""
        return self._cars.get(loop, 0) > 0

    def drive(self, loop: str, *, on: bool) -> None:
        """A car comes onto a loop or leaves it."""
        self._cars[loop] = self._cars.get(loop, 0) + (1 if on else -1)
        if loop == "presence" and on:
            self.under_since = self.clock.now
        self.changed.tell()

    def press(self, *, on: bool) -> None:
        """The operator's button."""
        self.handset = on
        self.changed.tell()

    def burn(self, *, on: bool) -> None:
        """The fire alarm is wired to this board."""
        self.fire = on
        self.changed.tell()

    def inputs(self) -> dict[str, bool]:
        """What the board reads."""
        loops = {loop: self.stuck.get(loop, self.on(loop)) for loop in ("approach", "presence", "beyond")}
        arm = {"opened": self.arm.up, "closed": self.arm.state == "down"}
        return {**loops, **arm, "handset": self.handset, "fire": self.fire}


@dataclass(slots=True)
class Radio:
    """An antenna, the tags in its zone and its line; `heard` is the gateway's end, while there is one."""

    name: str
    dialect: Dialect
    clock: Clock
    rng: Random
    watch: Watch
    line: Line
    heard: Callable[[bytes], None] | None = None
    powered: bool = True
    antenna: Antenna = field(init=False)
    _timer: Timer = field(init=False)
    _zone: dict[str, tuple[SimulatedTag, Faults]] = field(default_factory=dict)
    _busy_at: float = 0.0
    _said_at: float = 0.0
    _results: dict[bytes, Result] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._timer = Timer(self.clock, self._tick)
        self.antenna = self._made(0)

    @property
    def searches(self) -> bool:
        """Whether the antenna looks for tags at all."""
        return self.powered and self.antenna.radiating

    def enter(self, tag: SimulatedTag, faults: Faults) -> None:
        """The tag comes into the zone."""
        self._zone[tag.tag.obu_id] = tag, faults
        self._busy_at = self.clock.now
        self.antenna.enter(tag, faults)
        self._set_timer()

    def leave(self, tag: SimulatedTag) -> None:
        """It goes out of the zone."""
        self._zone.pop(tag.tag.obu_id, None)
        self._busy_at = self.clock.now
        self.antenna.leave(tag)

    def reboot(self, seconds: float) -> None:
        """No power for so long; what it was doing is forgotten, but not the PSAM's serial."""
        self.powered = False
        self.line.cut()
        self.clock.after(seconds, self._wake_up)

    def connect(self) -> None:
        """The gateway has opened the port."""
        if self.powered:
            self._say(self.antenna.on_connect())

    def hear(self, data: bytes) -> None:
        """The gateway says this."""
        self.line.carry(data, "out", self._take, surely=not self._zone)

    def _made(self, serial: int) -> Antenna:
        antenna = Antenna(
            self.dialect,
            search_again=SEARCHES_AGAIN,
            terminal=f"9901{int.from_bytes(self.name.encode()) % 10**8:08}",
            unasked=self.rng.random() < 0.5,
            sold=lambda tag, bought: self.watch.sold(self.name, tag, bought),
            trace=self._trace,
        )
        antenna.terminal_serial = serial
        return antenna

    def _wake_up(self) -> None:
        self.antenna = self._made(self.antenna.terminal_serial)
        self.powered = True
        for tag, faults in self._zone.values():
            self.antenna.enter(tag, faults)
        self._say(self.antenna.on_connect())

    def _take(self, data: bytes, _whole: bool) -> None:  # noqa: FBT001  the line's own signature
        if self.powered:
            self._busy_at = max(self._busy_at, self.clock.now) if self._zone else self._busy_at
            self._say(self.antenna.on_bytes(data, self.clock.now))
            self._set_timer()

    def _tick(self) -> None:
        if self.powered:
            self._say(self.antenna.tick(self.clock.now))
            self._set_timer()

    def _set_timer(self) -> None:
        due = self.antenna.deadline
        if due is not None and not self._zone and self.clock.now - self._busy_at > AWAKE:
            due = max(due, self._said_at + SELDOM * self.dialect.silence)
        self._timer.set(None if due is None else due + 1e-6)

    def _say(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self._said_at = self.clock.now
            self.line.carry(chunk, "in", self._arrive, surely=not self._zone)

    def _arrive(self, chunk: bytes, whole: bool) -> None:  # noqa: FBT001  the line's own signature
        if self.heard is None:
            return
        result = self._results.pop(chunk, None) if whole else None
        if result:
            self.watch.told(self.name, result)
        self.heard(chunk)

    def _trace(self, way: str, frame: Frame) -> None:
        """Remember the frames that say what became of a purchase, so that it is known who was told."""
        if way == ">" and frame.data[:1] == bytes([RESULT_COMMAND]):
            try:
                words = self.dialect.hear(self.dialect.decode(frame.data))
            except MessageError:
                return
            for word in words:
                if isinstance(word, Result) and word.tac != NO_TAC:
                    self._results[frame.raw] = word
