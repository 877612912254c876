"""What kind of day a date is: working day, weekend, holiday. Pure; the holidays come from the `holidays` library.

Readings: a day off that the State Council arranges around a holiday is a holiday, and so is a weekend that adjoins
one, as its notices say (连休); a weekend day that is made up for is a working day. Of a year not yet announced the
library knows the holidays themselves, but not the days moved around them: a notice's `[calendar]` adds those.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import cache
from types import MappingProxyType
from typing import Literal

import holidays

from protocols.immutable import dataclass

Kind = Literal["working", "weekend", "holiday"]

_YEARS = range(2015, 2051)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days that are not what their weekday says, and those on which the lot charges nothing."""

    known: Mapping[date, Kind]
    free: frozenset[date] = frozenset()

    def kind(self, day: date) -> Kind:
        """What kind of day it is; by its weekday if nothing else is known."""
        return self.known.get(day) or _by_weekday(day)

    def spelled(self) -> dict[str, str]:
        """The whole calendar as text, for a hash that tells two of them apart."""
        return {day.isoformat(): kind for day, kind in self.known.items()}


def calendar(closed: frozenset[date], working: frozenset[date], free: frozenset[date]) -> Calendar:
    """The national calendar; the days that a lot names itself take precedence: `closed` are holidays there."""
    known = {**_national(), **_all(closed, "holiday"), **_all(working, "working")}
    return Calendar(MappingProxyType(known), free)


@cache
def _national() -> Mapping[date, Kind]:
    book = holidays.country_holidays("CN", years=_YEARS)
    made_up: set[date] = book.weekend_workdays
    known = _all(made_up, "working") | _all(book, "holiday")
    for day in book:
        for step in (_DAY, -_DAY):
            beside = day + step
            while beside.weekday() > 4 and beside not in known:
                known[beside] = "holiday"
                beside += step
    return MappingProxyType(dict(sorted(known.items())))


def _all(days: Iterable[date], kind: Kind) -> dict[date, Kind]:
    return dict.fromkeys(days, kind)


def _by_weekday(day: date) -> Kind:
    return "weekend" if day.weekday() > 4 else "working"
