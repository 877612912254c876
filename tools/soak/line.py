"""The wire between an antenna and the gateway: what is lost, late, repeated, torn or corrupted on it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tools.soak.clock import Clock

LATENCY: Final = 0.003
GAP: Final = 0.02
"""Seconds between the two halves of a torn frame."""
KINDS: Final = ("lost", "late", "repeated", "torn", "corrupted")
ORDINARY: Final = 0.002
"""The share of frames that a sound line loses."""
LATE: Final = 0.02, 2.5
"""Seconds by which a frame is late, or comes once more."""
BAD: Final = 0.15
"""The share of frames that something happens to while the line is bad."""

Heard = Callable[[bytes, bool], None]
"""Takes bytes as they arrive, and whether they are whole frames as they were said."""


@dataclass(slots=True)
class Line:
    """One direction or both; bytes never overtake each other. `bad` while there is an episode of faults."""

    clock: Clock
    rng: Random
    count: Callable[[str], None]
    bad: bool = False
    connection: int = 0
    _free_at: dict[str, float] = field(default_factory=dict)

    def carry(self, chunk: bytes, way: str, heard: Heard, *, surely: bool = False) -> None:
        """Bring what was said to the other end, or what is left of it; `surely` a sound line loses nothing."""
        draw = self.rng.random()
        if surely and not self.bad:
            self._bring(chunk, LATENCY, way, heard, whole=True)
        elif self.bad and draw < BAD:
            kind = self.rng.choice(KINDS)
            self.count(f"frame {kind}")
            self._spoil(kind, chunk, way, heard)
        elif draw > 1 - ORDINARY:
            self.count("frame lost on a sound line")
        else:
            self._bring(chunk, LATENCY, way, heard, whole=True)

    def cut(self) -> None:
        """What is on its way arrives nowhere."""
        self.connection += 1
        self._free_at.clear()

    def _spoil(self, kind: str, chunk: bytes, way: str, heard: Heard) -> None:
        match kind:
            case "late":
                self._bring(chunk, self.rng.uniform(*LATE), way, heard, whole=True)
            case "repeated":
                self._bring(chunk, LATENCY, way, heard, whole=True)
                self._bring(chunk, self.rng.uniform(*LATE), way, heard, whole=True)
            case "torn":
                cut = self.rng.randrange(len(chunk))
                self._bring(chunk[:cut], LATENCY, way, heard, whole=False)
                if self.rng.random() < 0.5:
                    self._bring(chunk[cut:], GAP, way, heard, whole=False)
            case "corrupted":
                at = self.rng.randrange(len(chunk))
                broken = chunk[:at] + bytes([chunk[at] ^ self.rng.randrange(1, 256)]) + chunk[at + 1 :]
                self._bring(broken, LATENCY, way, heard, whole=False)

    def _bring(self, chunk: bytes, within: float, way: str, heard: Heard, *, whole: bool) -> None:
        if not chunk:
            return
        at = self._free_at[way] = max(self._free_at.get(way, 0.0), self.clock.now + within)
        connection = self.connection

        def arrive() -> None:
            if connection == self.connection:
                heard(chunk, whole)

        self.clock.at(at, arrive)
