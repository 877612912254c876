"""Virtual time: a heap of what is to come, processes that wait for something, and a wall clock that may step."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from math import inf

from protocols.china import CHINA

BEGAN = datetime(2026, 12, 1, tzinfo=CHINA)

Do = Callable[[], None]


@dataclass(slots=True)
class Signal:
    """What processes wait at until something may have changed."""

    _waiting: list[Do] = field(default_factory=list)

    def tell(self) -> None:
        """Let everybody who waits look again."""
        waiting, self._waiting = self._waiting, []
        for look in waiting:
            look()

    def on(self, look: Do) -> None:
        """Call once, at the next `tell`."""
        self._waiting.append(look)


@dataclass(frozen=True, slots=True)
class Until:
    """A process waits until `holds`, looking whenever `signal` tells; resumed with False after `within` seconds."""

    holds: Callable[[], bool]
    signal: Signal
    within: float = inf


Process = Generator[float | Until, bool, None]
"""Yields the seconds that it sleeps, or what it waits for."""
Part = Generator[float | Until, bool, bool]
"""A part of a process, which tells whether it came to a good end."""


@dataclass(slots=True)
class Clock:
    """All that is to happen, in order. `now` is true time in seconds; `offset` what the wall clock is wrong by."""

    now: float = 0.0
    offset: float = 0.0
    _agenda: list[tuple[float, int, Do]] = field(default_factory=list)
    _count: int = 0

    @property
    def wall(self) -> datetime:
        """What the machine's wall clock shows."""
        return BEGAN + timedelta(seconds=self.now + self.offset)

    def at(self, time: float, do: Do) -> None:
        """Do this at that time, or at once if it is past."""
        self._count += 1
        heappush(self._agenda, (max(time, self.now), self._count, do))

    def after(self, seconds: float, do: Do) -> None:
        """Do this later."""
        self.at(self.now + seconds, do)

    def begin(self, process: Process) -> None:
        """Let a process run from now on."""
        _Run(self, process).resume(came=True)

    def next(self, end: float) -> Do | None:
        """What comes next, with the time moved on to it; None if nothing comes before `end`."""
        if not self._agenda or self._agenda[0][0] > end:
            self.now = end
            return None
        self.now, _, do = heappop(self._agenda)
        return do


@dataclass(slots=True)
class _Run:
    """A process under way; `_turn` tells a wake-up that is over from one that counts."""

    clock: Clock
    process: Process
    _turn: int = 0

    def resume(self, *, came: bool) -> None:
        self._turn += 1
        try:
            wish = self.process.send(came) if self._turn > 1 else next(self.process)
        except StopIteration:
            return
        if isinstance(wish, Until):
            self._wait(wish, self._turn)
        else:
            self.clock.after(wish, self._waker(self._turn, came=True))

    def _waker(self, turn: int, *, came: bool) -> Do:
        def wake() -> None:
            if turn == self._turn:
                self.resume(came=came)

        return wake

    def _wait(self, wish: Until, turn: int) -> None:
        def look() -> None:
            if turn != self._turn:
                return
            if wish.holds():
                self.clock.after(0.0, self._waker(turn, came=True))
            else:
                wish.signal.on(look)

        look()
        if wish.within < inf:
            self.clock.after(wish.within, self._waker(turn, came=False))


@dataclass(slots=True)
class Timer:
    """One thing that is due at a time that may be moved."""

    clock: Clock
    do: Do
    _at: float = inf
    _wakes_at: float = inf

    def set(self, time: float | None) -> None:
        """Due then; None is never."""
        self._at = inf if time is None else time
        if self._at < self._wakes_at:
            self._wakes_at = self._at
            self.clock.at(self._at, self._wake)

    def _wake(self) -> None:
        """A wake-up that was set for an earlier time than is wanted now only looks when to come again."""
        if self.clock.now < self._wakes_at:
            return
        self._wakes_at = inf
        if self._at <= self.clock.now:
            self._at = inf
            self.do()
        else:
            self.set(self._at)
