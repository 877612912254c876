"""What goes wrong with a site as a whole and with its lanes: each kind comes by chance, and goes again."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from tools.soak.clock import Clock, Process
from tools.soak.options import RATES, Options
from tools.soak.passage import Spot
from tools.soak.platform import Platform

DOOMS: Final = ("submitted", "writing", "written", "debit ordered", "debit sent", "coil", "")
"""Where a process dies: at one of its points, or ("") between two happenings."""
DOOM_WITHIN: Final = 1200.0
"""Seconds after which a process that has not come by its point dies where it is."""


class Site(Protocol):
    """What trouble needs to know of a world."""

    options: Options
    clock: Clock
    spots: dict[str, Spot]
    platform: Platform
    troubled_until: float

    def count(self, kind: str) -> None:
        """One more of these."""
        ...

    def kill(self) -> None:
        """The process dies now."""
        ...

    def doom(self, point: str) -> None:
        """The process dies when it comes by this point."""
        ...

    def cut(self, lane: str) -> None:
        """The antenna's port is gone for a moment."""
        ...

    def fill_disk(self, *, full: bool) -> None:
        """Nothing can be written, or can again."""
        ...

    def deny_commit(self) -> None:
        """The next commit is made, and reported as failed."""
        ...

    def step_clock(self, seconds: float) -> None:
        """The wall clock jumps."""
        ...


@dataclass(slots=True)
class Trouble:
    """All kinds of it, for one world."""

    site: Site
    rng: Random

    def begin(self) -> None:
        """From now on, until the world stops."""
        kinds: dict[str, Callable[[], Process]] = {
            "kill": self._kill,
            "reboot": self._reboot,
            "cut": self._cut,
            "bad line": self._bad_line,
            "board away": self._board_away,
            "loop stuck": self._loop_stuck,
            "arm stuck": self._arm_stuck,
            "clock step": self._clock_step,
            "disk full": self._disk_full,
            "commit unanswered": self._commit_unanswered,
            "broker away": self._broker_away,
            "platform away": self._platform_away,
            "pause": self._pause,
            "hold": self._hold,
            "fire": self._fire,
            "camera away": self._camera_away,
        }
        for kind, happens in kinds.items():
            self.site.clock.begin(self._again_and_again(kind, happens))

    def _again_and_again(self, kind: str, happens: Callable[[], Process]) -> Process:
        options = self.site.options
        mean = options.day / (RATES[kind] * options.faults * (10 if kind in options.often else 1))
        end = options.days * options.day
        while True:
            yield self.rng.expovariate(1 / mean)
            if self.site.clock.now >= end:
                return
            self.site.count(kind)
            yield from happens()

    def _spot(self) -> Spot:
        return self.rng.choice(list(self.site.spots.values()))

    def _lasting(self, low: float, high: float) -> float:
        """Seconds; trouble does not outlast a short day."""
        return min(self.rng.uniform(low, high), self.site.options.day / 20)

    def _for_the_lane(self, spot: Spot, seconds: float) -> None:
        spot.trouble(self.site.clock.now + seconds)

    # --- the process ----------------------------------------------------------------------------------------

    def _kill(self) -> Process:
        point = self.rng.choice(DOOMS)
        if not point:
            self.site.kill()
            return
        self.site.count(f"kill: {point}")
        self.site.doom(point)
        yield DOOM_WITHIN

    def _disk_full(self) -> Process:
        seconds = self._lasting(1, 300)
        self.site.troubled_until = max(self.site.troubled_until, self.site.clock.now + seconds + 60)
        self.site.fill_disk(full=True)
        yield seconds
        self.site.fill_disk(full=False)

    def _commit_unanswered(self) -> Process:
        self.site.deny_commit()
        yield 0.0

    def _clock_step(self) -> Process:
        self.site.step_clock(
            self.rng.choice((-1, 1)) * self.rng.choice((2.5, 10.0, 120.0, 900.0)) * self.rng.uniform(1, 2)
        )
        yield 0.0

    # --- the network ----------------------------------------------------------------------------------------

    def _broker_away(self) -> Process:
        self.site.platform.lose_broker(forgets=self.rng.random() < 0.5)
        yield min(self.rng.expovariate(1 / 3) * 3600, 2 * 86400.0)
        self.site.platform.find_broker()

    def _platform_away(self) -> Process:
        self.site.platform.away = True
        yield min(self.rng.expovariate(1 / 3) * 3600, 2 * 86400.0)
        self.site.platform.come_back()

    def _pause(self) -> Process:
        spot = self._spot()
        yield from self._switched(spot, "etc.switch", on=False)

    def _hold(self) -> Process:
        yield from self._switched(self._spot(), "lane.hold", on=True)

    def _switched(self, spot: Spot, order: str, *, on: bool) -> Process:
        """Something is switched by order of the platform, and back after a while."""
        who: dict[str, object] = {"lane": spot.name, "actor": "city", "reason": "soak"}
        spot.switched += 1
        self.site.platform.order(order, {**who, "on": on})
        yield self._lasting(60, 1200)
        self.site.platform.order(order, {**who, "on": not on})
        spot.switched -= 1
        self._for_the_lane(spot, 0)

    def _fire(self) -> Process:
        seconds = self.rng.uniform(20, 300)
        for spot in self.site.spots.values():
            self._for_the_lane(spot, seconds)
        spot = self._spot()
        spot.gate.burn(on=True)
        yield seconds
        spot.gate.burn(on=False)

    # --- a lane ---------------------------------------------------------------------------------------------

    def _reboot(self) -> Process:
        spot, seconds = self._spot(), self.rng.uniform(2, 20)
        self._for_the_lane(spot, seconds + spot.radio.dialect.silence + 40)
        spot.radio.reboot(seconds)
        yield seconds

    def _cut(self) -> Process:
        spot = self._spot()
        self._for_the_lane(spot, 40)
        self.site.cut(spot.name)
        yield 0.0

    def _bad_line(self) -> Process:
        spot, seconds = self._spot(), self._lasting(120, 1200)
        self._for_the_lane(spot, seconds + 60)
        spot.radio.line.bad = True
        yield seconds
        spot.radio.line.bad = False

    def _board_away(self) -> Process:
        spot, seconds = self._spot(), self._lasting(0.5, 120)
        self._for_the_lane(spot, seconds + 40)
        spot.gate.away = True
        spot.gate.changed.tell()
        yield seconds
        spot.gate.away = False

    def _loop_stuck(self) -> Process:
        spot, seconds = self._spot(), self._lasting(60, 1200)
        self._for_the_lane(spot, seconds)
        loop = self.rng.choice(("presence", "presence", "approach", "beyond"))
        spot.gate.stuck[loop] = True
        spot.gate.changed.tell()
        yield seconds
        spot.gate.stuck.pop(loop, None)
        spot.gate.changed.tell()

    def _camera_away(self) -> Process:
        spot, seconds = self._spot(), self._lasting(60, 1200)
        self._for_the_lane(spot, seconds)
        spot.camera_away = True
        yield seconds
        spot.camera_away = False

    def _arm_stuck(self) -> Process:
        spot, seconds = self._spot(), self._lasting(30, 600)
        self._for_the_lane(spot, seconds)
        spot.gate.arm.stuck = True
        yield seconds
        spot.gate.arm.stuck = False
        spot.gate.arm.resume()
