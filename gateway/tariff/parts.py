"""How a stretch of time falls into the periods of a tariff's day, and what happens where one ends in it.

Pure; all times are seconds of China's clock, which has known no summer time since 1991: a day has 86,400 of them.
"""

from collections.abc import Iterable
from datetime import date, datetime

from gateway.tariff.calendar import Calendar
from gateway.tariff.quote import Permit
from gateway.tariff.rules import DAY, Crossed, Period, PermitRule
from protocols.china import CHINA
from protocols.immutable import dataclass

Part = tuple[int, int, Period]
"""From when to when, in which period."""

_EPOCH = datetime(1970, 1, 1, tzinfo=CHINA)
_EPOCH_DAY = _EPOCH.toordinal()


def seconds_of(at: datetime) -> int:
    """An aware moment in whole seconds of China's clock; a fraction does not count."""
    since = at - _EPOCH
    return since.days * DAY + since.seconds


def day_of(seconds: int) -> date:
    """The date of a moment."""
    return date.fromordinal(_EPOCH_DAY + seconds // DAY)


@dataclass(frozen=True, slots=True)
class Days:
    """What is charged on which day: the periods of a row, without the days and times that are free."""

    periods: tuple[Period, ...]
    calendar: Calendar
    rules: tuple[PermitRule, ...]
    permits: tuple[Permit, ...]

    def parts(self, begin: int, end: int) -> list[Part]:
        """Cut a stretch into the periods it lies in, in order; free time is left out."""
        found: list[Part] = []
        for day in range(begin // DAY, -(-end // DAY)):
            for first, last, period in self._of(day):
                start, stop = max(begin, day * DAY + first), min(end, day * DAY + last)
                if start >= stop:
                    continue
                if found and found[-1][1] == start and found[-1][2] is period:
                    found[-1] = (found[-1][0], stop, period)
                else:
                    found.append((start, stop, period))
        return found

    def _of(self, number: int) -> list[Part]:
        """The periods that are charged on one day, in seconds of that day."""
        day = date.fromordinal(_EPOCH_DAY + number)
        if day in self.calendar.free:
            return []
        kind = self.calendar.kind(day)
        spans = [
            (first, last, period)
            for period in self.periods
            if period.steps and period.when.holds(day, kind)
            for first, last in spans_of(period.begin, period.end)
        ]
        for rule in self.rules:
            if any(permit.kind == rule.kind and permit.valid_on(day) for permit in self.permits):
                for first, last in spans_of(rule.begin, rule.end):
                    spans = [rest for span in spans for rest in _outside(span, first, last)]
        return sorted(spans, key=lambda span: span[0])


def spans_of(begin: int, end: int) -> tuple[tuple[int, int], ...]:
    """A stretch of the day that may pass midnight, as seconds of one day."""
    if begin < end:
        return ((begin, end),)
    return tuple(span for span in ((0, end), (begin, DAY)) if span[0] < span[1])


def _outside(span: Part, first: int, last: int) -> Iterable[Part]:
    begin, end, period = span
    for start, stop in ((begin, min(end, first)), (max(begin, last), end)):
        if start < stop:
            yield start, stop, period


def without(parts_: list[Part], seconds: int) -> tuple[list[Part], int]:
    """Take so much time from the front; also give what could not be taken."""
    if not seconds:
        return parts_, 0
    kept: list[Part] = []
    for begin, end, period in parts_:
        taken = min(seconds, end - begin)
        seconds -= taken
        if begin + taken < end:
            kept.append((begin + taken, end, period))
    return kept, seconds


def cross(rule: Crossed, parts_: list[Part], length: int, *, first: bool, last: bool) -> list[Part]:
    """Apply what the notice says of stays over more than one period to one cycle, `length` seconds long.

    `first`, `last`: the stay begins, or ends, with this cycle.
    """
    if len(parts_) == 1 or all(period is parts_[0][2] for _, _, period in parts_):
        return parts_
    match rule.rule:
        case "unit":
            return _units_run_on(parts_, only_first=False)
        case "short_before" if first:
            return _units_run_on(parts_, only_first=True)
        case "short_after" if last:
            return _short_end_joins(parts_, rule.seconds)
        case "once" if length <= rule.seconds:
            return _charged_once(parts_, rule)
        case _:
            return parts_


def _units_run_on(parts_: list[Part], *, only_first: bool) -> list[Part]:
    """A unit that passes from one period into the next belongs to the one in which it began, up to free time."""
    kept: list[Part] = []
    reach = parts_[0][0]
    for number, (own, stop, period) in enumerate(parts_):
        begin = max(own, reach)
        if begin >= stop:
            continue
        if not only_first or (not kept and stop - begin < (period.steps[0].unit or 0)):
            reach = min(_charged_until(parts_[number:]), begin + _covered(period, stop - begin))
        kept.append((begin, max(stop, reach), period))
    return kept


def _charged_until(parts_: list[Part]) -> int:
    """Where the first free time after these parts' begin is."""
    until = parts_[0][1]
    for begin, end, _ in parts_[1:]:
        if begin != until:
            break
        until = end
    return until


def _covered(period: Period, seconds: int) -> int:
    """How far the last unit reaches that begins within so much time."""
    reach = seconds
    for step in period.steps:
        if step.begin < seconds and (step.end is None or seconds <= step.end):
            inside = seconds - step.begin
            reach = step.begin + (inside if step.unit is None else -(-inside // step.unit) * step.unit)
    return reach


def _short_end_joins(parts_: list[Part], short: int) -> list[Part]:
    *before, (begin, stop, period), (start, end, _) = parts_
    if start == stop and end - start < short:
        return [*before, (begin, end, period)]
    return parts_


def _charged_once(parts_: list[Part], rule: Crossed) -> list[Part]:
    """All charged time at one price; what is free between the parts stays free."""
    begin = parts_[0][0]
    named = [period for _, _, period in parts_ if period.name == rule.period]
    if named:
        return [(begin, begin + sum(stop - start for start, stop, _ in parts_), named[0])]
    return parts_
