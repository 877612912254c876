"""What a price notice says, ready to be applied. Pure data: seconds, fen, hundredths of a percent.

`gateway.notice` makes it from TOML and says there what each word means; `gateway.tariff.engine` applies it.
"""

from dataclasses import field
from datetime import date
from typing import Literal

from gateway.tariff.calendar import Calendar, Kind
from protocols.immutable import dataclass

DAY = 86_400
WHOLE = 10_000
"""All of a sum, in hundredths of a percent."""

Cycle = Literal["24h", "day", "stay"]
Clock = Literal["seconds", "minutes", "inward"]
Boundary = Literal["cut", "unit", "short_before", "short_after", "once"]
Crossing = Literal["entry", "exit", "split"]
Off = Literal["percent", "money"]


@dataclass(frozen=True, slots=True)
class Dates:
    """A stretch of days, both ends included: (year, month, day), year 0 for every year (it may pass New Year)."""

    first: tuple[int, int, int]
    last: tuple[int, int, int]

    def holds(self, day: date) -> bool:
        """Whether the day lies in it."""
        at = (day.year if self.first[0] else 0, day.month, day.day)
        if self.first <= self.last:
            return self.first <= at <= self.last
        return at >= self.first or at <= self.last


@dataclass(frozen=True, slots=True)
class When:
    """On which days something holds; empty means any."""

    days: frozenset[Kind] = frozenset()
    season: tuple[Dates, ...] = ()

    def holds(self, day: date, kind: Kind) -> bool:
        """Whether it holds on a day of this kind."""
        return (not self.days or kind in self.days) and (
            not self.season or any(dates.holds(day) for dates in self.season)
        )


ALWAYS = When()


@dataclass(frozen=True, slots=True)
class Step:
    """From `begin` to `end` (None: open) into a part: `fen` for each unit, or for all of it if it has no unit."""

    name: str
    begin: int
    end: int | None
    unit: int | None
    fen: int


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the day, from `begin` to before `end` in seconds of the day, over midnight if it ends first.

    No steps: free. `cap`: the most that one part in it costs.
    """

    name: str
    begin: int
    end: int
    steps: tuple[Step, ...]
    cap: int | None = None
    when: When = ALWAYS


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a cycle costs: `fen` by its number (the last for all later ones).

    Only for stays of at most `up_to`, or shorter than `under`, and cycles that begin on such a day.
    """

    fen: tuple[int, ...]
    up_to: int | None = None
    under: int | None = None
    when: When = ALWAYS


@dataclass(frozen=True, slots=True)
class Free:
    """Time that costs nothing; a longer stay pays from entry (`lost`) or from its end.

    Denied to a vehicle that left less than `again` ago, or had it `uses` times already (on this day, or in 24 h).
    """

    time: int
    strict: bool = False
    lost: bool = True
    each_cycle: bool = False
    again: int | None = None
    uses: int | None = None
    per_day: bool = False


@dataclass(frozen=True, slots=True)
class Rounding:
    """To whole multiples of `fen`, as the notice says."""

    fen: int = 1
    how: Literal["half_up", "up", "down"] = "half_up"

    def part(self, fen: int, hundredths: int) -> int:
        """So much of a sum, rounded."""
        add = {"half_up": self.fen * WHOLE // 2, "up": self.fen * WHOLE - 1, "down": 0}[self.how]
        return (fen * hundredths + add) // (self.fen * WHOLE) * self.fen


@dataclass(frozen=True, slots=True)
class Uplift:
    """A supplement on the whole sum."""

    name: str
    hundredths: int
    rounding: Rounding


@dataclass(frozen=True, slots=True)
class PriceClass:
    """One row of the notice: for whom, and at what prices. Of the vehicle, all that a row names must fit."""

    name: str
    vehicle_classes: frozenset[int]
    plate_colors: frozenset[int]
    permits: frozenset[str]
    default: bool
    exempt: bool
    free: Free | None
    periods: tuple[Period, ...]
    caps: tuple[Cap, ...]
    full: int | None
    uplift: Uplift | None
    same_every_day: bool = field(init=False)
    """Whether no price of it depends on the date; found once, not for each stay."""

    def __post_init__(self) -> None:
        days = (*(period.when for period in self.periods), *(cap.when for cap in self.caps))
        same = all(when == ALWAYS for when in days)
        object.__setattr__(self, "same_every_day", same)


@dataclass(frozen=True, slots=True)
class PermitRule:
    """A permit that makes time free: from `begin` to `end` of each day that it is valid on."""

    kind: str
    name: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Discount:
    """What it takes off, from whom it fits: time, percent (in hundredths), money, or everything.

    `charging`: only as much time as the vehicle charged. `first`: only for so many stays of a day, or of 24 hours.
    `budget`: the time is one for those stays, each of which used up its own length in whole units of `budget`.
    `on_top`: besides the best one.
    """

    name: str
    plate_colors: frozenset[int] = frozenset()
    permits: frozenset[str] = frozenset()
    channel: str = ""
    time: int = 0
    charging: bool = False
    hundredths: int = 0
    fen: int = 0
    whole: bool = False
    first: int | None = None
    per_day: bool = True
    budget: int | None = None
    on_top: bool = False


@dataclass(frozen=True, slots=True)
class Crossed:
    """What a stay may cross from one period of the day to the next, and what happens then.

    `seconds`: how short a part is short, or how long a stay is charged once; `period`: at the price of which.
    """

    rule: Boundary = "cut"
    seconds: int = 0
    period: str = ""


@dataclass(frozen=True, slots=True)
class Prepaid:
    """How long a paid vehicle may take to leave, and whether what comes later is a new stay."""

    leave: int
    anew: bool


@dataclass(frozen=True, slots=True)
class Replaced:
    """The version before, until when (seconds of China's clock), and who prices a stay over that moment."""

    tariff: "Tariff"
    until: int
    stays: Crossing


@dataclass(frozen=True, slots=True)
class Tariff:
    """A whole price notice; `content_hash` tells its exact content (SHA-256, hex), with the calendar it uses.

    `counts_from`: a unit that has begun is counted from so many seconds on (1: at once).
    """

    id: str
    version: str
    name: str
    cycle: Cycle
    clock: Clock
    counts_from: int
    crossed: Crossed
    classes: tuple[PriceClass, ...]
    permits: tuple[PermitRule, ...]
    discounts: tuple[Discount, ...]
    stacked: bool
    order: tuple[Off, ...]
    rounding: Rounding
    shared_cap: bool
    prepaid: Prepaid | None
    calendar: Calendar
    replaces: Replaced | None
    content_hash: str
    by_channel: bool = field(init=False)
    """Whether a price of it depends on how it is paid."""

    def __post_init__(self) -> None:
        before = self.replaces is not None and self.replaces.tariff.by_channel
        object.__setattr__(self, "by_channel", before or any(one.channel for one in self.discounts))
