"""What a world is made of: how long, how busy, and how much goes wrong in it."""

from dataclasses import dataclass
from typing import Final

RATES: Final = {
    "kill": 1.4,
    "reboot": 2.0,
    "cut": 2.0,
    "bad line": 4.0,
    "board away": 3.0,
    "loop stuck": 1.5,
    "arm stuck": 1.0,
    "clock step": 2.0,
    "disk full": 0.6,
    "commit unanswered": 0.6,
    "broker away": 0.6,
    "platform away": 0.6,
    "pause": 1.0,
    "hold": 0.7,
    "fire": 0.15,
    "camera away": 1.0,
}
"""How often each trouble of the site begins, per day of the whole lot."""

MANNERS: Final = {"backs out": 0.02, "tailgates": 0.02, "dawdles": 0.01, "stalls": 0.01}
"""The share of drivers who do not simply wait and drive."""

TAGS: Final = {
    "none": 0.03,
    "expired": 0.01,
    "removed": 0.01,
    "nocard": 0.01,
    "low-battery": 0.02,
    "poor": 0.02,
    "credit": 0.3,
}
"""The share of vehicles whose tag or card is so."""

MISREAD: Final = 0.04
"""The share of a camera's reads that are wrong, each in its own way, and as many are missing."""

PAYS_BY_PHONE: Final = 0.02
"""The share of drivers who pay by phone at an exit without being asked, while the tag pays too."""

TAG_FAULTS: Final = 0.04
"""The share of passages in which the air or the antenna plays a trick on this very tag."""


@dataclass(frozen=True, slots=True)
class Options:
    """One world. A day has `hours`; `per_day` is how many cars come in a day, and each goes through two lanes.

    `faults` multiplies how often things go wrong; `often` names kinds of trouble that come ten times as often.
    """

    seed: int
    days: int = 7
    hours: float = 24.0
    per_day: int = 150
    faults: float = 1.0
    often: frozenset[str] = frozenset()

    @property
    def ceiling(self) -> int:
        """Fen of the largest single debit: what 14 hours cost, or as many in proportion of a shorter day."""
        return round(self.hours * 600)

    @property
    def day(self) -> float:
        """Seconds of a day."""
        return self.hours * 3600

    def command(self) -> str:
        """What plays this world once more."""
        told = [f"--seed {self.seed} --days {self.days} --hours {self.hours:g} --passages {2 * self.per_day}"]
        told += [f"--faults {self.faults:g}"] if self.faults != 1 else []
        told += [f"--often '{kind}'" for kind in sorted(self.often)]
        return f"python -m tools.soak {' '.join(told)}"


def dense(seed: int, *often: str, faults: float = 6.0, cars: int = 150, hours: float = 6.0) -> Options:
    """A day that is short, busy and full of trouble: for tests."""
    return Options(seed, days=1, hours=hours, per_day=cars, faults=faults, often=frozenset(often))
