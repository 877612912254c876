"""What a stay costs, line by line, under one tariff. Pure: the same question always gets the same quote.

How the notices are read here (domain 3.2 items 1, 2, 4 and 5):

- The length of a stay is whole seconds; a second that has only begun is not counted.
- Free minutes are inclusive, and lost when exceeded: then the whole stay is charged from entry.
- Every 24 hours from entry are a period of their own: in each the ladder starts anew and the cap holds.
  Free minutes belong to the stay, not to the period.
- A unit that has started is charged whole, also where its period ends before it.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from gateway.tariff.rules import MINUTES_PER_DAY, Ladder, Tariff

Rule = Literal["free", "first", "unit", "cap"]

_PERIOD_SECONDS = MINUTES_PER_DAY * 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class QuoteError(ValueError):
    """Times between which no stay can lie."""


@dataclass(frozen=True, slots=True)
class Line:
    """One sum of a quote: `fen` is `units` times `unit_fen`; what a cap takes off is negative.

    It counts for the 24-hour periods `from_period` to `to_period` of the stay, the first being 1, all alike.
    """

    rule: Rule
    units: int
    unit_fen: int
    fen: int
    from_period: int
    to_period: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a stay costs in fen and why; `total` is the sum of its lines."""

    tariff_id: str
    version: str
    content_hash: str
    price_class: str
    entry: datetime
    exit: datetime
    lines: tuple[Line, ...]
    total: int

    def to_json(self) -> dict[str, object]:
        """Return the quote in plain JSON types, times in ISO 8601 with their offset."""
        return asdict(self) | {
            "entry": self.entry.isoformat(),
            "exit": self.exit.isoformat(),
            "lines": [asdict(line) for line in self.lines],
        }


def quote(tariff: Tariff, vehicle_class: int, entry: datetime, exit_: datetime) -> Quote:
    """Price a stay; raise `QuoteError` for times without offset or an exit before the entry."""
    price_class = tariff.price_class(vehicle_class)
    lines = _lines(tariff.free_minutes, price_class.ladder, _stay_seconds(entry, exit_))
    return Quote(
        tariff_id=tariff.id,
        version=tariff.version,
        content_hash=tariff.content_hash,
        price_class=price_class.name,
        entry=entry,
        exit=exit_,
        lines=lines,
        total=sum(line.fen for line in lines),
    )


def _stay_seconds(entry: datetime, exit_: datetime) -> int:
    if entry.utcoffset() is None or exit_.utcoffset() is None:
        raise QuoteError(
            f"入场 {entry}、出场 {exit_} 必须带时区，如 +08:00 / both times need a UTC offset, such as +08:00"
        )
    # Each against UTC: Python subtracts two times of one zone by their clock faces, whatever their offsets.
    stay = (exit_ - _EPOCH) - (entry - _EPOCH)
    if stay < timedelta(0):
        raise QuoteError(
            f"出场 {exit_} 早于入场 {entry}，请更正其一 / the exit lies before the entry; correct one of them"
        )
    return stay // timedelta(seconds=1)


def _lines(free_minutes: int, ladder: Ladder, seconds: int) -> tuple[Line, ...]:
    whole, rest = divmod(seconds, _PERIOD_SECONDS)
    begun = whole + (rest > 0)
    if seconds <= free_minutes * 60:
        return (Line("free", 1, 0, 0, 1, max(begun, 1)),)
    return (
        *(_period_lines(ladder, _PERIOD_SECONDS, 1, whole) if whole else ()),
        *(_period_lines(ladder, rest, begun, begun) if rest else ()),
    )


def _period_lines(ladder: Ladder, seconds: int, from_period: int, to_period: int) -> tuple[Line, ...]:
    """Price the periods named, `seconds` long each: alike, so a year costs no more work than a day."""
    beyond_first = max(0, seconds - ladder.first_minutes * 60)
    units = -(-beyond_first // (ladder.unit_minutes * 60))
    uncapped = ladder.first_fen + units * ladder.unit_fen
    over = 0 if ladder.cap_fen is None else max(0, uncapped - ladder.cap_fen)
    steps: tuple[tuple[Rule, int, int], ...] = (
        ("first", 1, ladder.first_fen),
        ("unit", units, ladder.unit_fen),
        ("cap", 1 if over else 0, -over),
    )
    periods = to_period - from_period + 1
    return tuple(
        Line(rule, count * periods, unit_fen, count * periods * unit_fen, from_period, to_period)
        for rule, count, unit_fen in steps
        if count
    )
