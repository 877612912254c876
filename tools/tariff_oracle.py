"""What a stay costs once more, counted tick by tick by a meter: an independent reading of a price notice.

The tariff engine is checked against it (tests/property/test_tariff_properties.py). It reads the notice's document
itself and shares nothing with the engine but the values a question is made of and the kinds of days. It is slow on
purpose: no arithmetic stands in for time that passes. A tick is a minute, or a second where a time needs it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from gateway.tariff.calendar import Calendar, Kind, calendar
from gateway.tariff.quote import Context, Earlier, Parked

Table = Mapping[str, Any]
"""A table of a notice's document, as TOML gives it."""

Stretch = tuple[datetime, datetime]
"""From when to when, on China's clock, without offset."""

CHINA = timezone(timedelta(hours=8))
COLORS = ("blue", "yellow", "black", "white", "green-gradient", "yellow-green", "green", "blue-white")

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)
_CLOCKS = [f"{minute // 60:02}:{minute % 60:02}" for minute in range(24 * 60)]
_ROUND = {"half_up": ROUND_HALF_UP, "up": ROUND_UP, "down": ROUND_DOWN}


@dataclass(frozen=True)
class Version:
    """A notice's document, and the version that it replaces."""

    document: Table
    before: "Version | None" = None

    @property
    def since(self) -> datetime:
        """From when it holds."""
        return china(self.document["replaces"]["from"])


@dataclass(frozen=True)
class Question:
    """A stay to be priced; `coupons` are tables of discounts (the context's own are not read)."""

    version: Version
    parked: Parked
    context: Context
    coupons: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What it costs in fen: before discounts, each discount that took something, and what is left."""

    row: str
    before: int
    taken: tuple[tuple[str, int], ...]
    total: int
    free: bool


@dataclass(frozen=True)
class Step:
    """A step of a part, in seconds and fen."""

    until: int | None
    unit: int | None
    fen: int


@dataclass(frozen=True, eq=False)
class Period:
    """A period of the day, by its table."""

    table: Table
    steps: tuple[Step, ...]
    cap: int | None

    @property
    def all_day(self) -> bool:
        """Whether it has no end, but where a cycle ends."""
        return (self.table.get("from", "00:00"), self.table.get("to", "24:00")) == ("00:00", "24:00")


@dataclass(frozen=True)
class Row:
    """One row of the notice with all that it has from the row it is like."""

    name: str
    exempt: bool
    free: Table | None
    periods: tuple[Period, ...]
    caps: tuple[tuple[Table, tuple[int, ...]], ...]
    full: int | None
    uplift: tuple[Decimal, Table] | None


def china(at: datetime) -> datetime:
    """A moment on China's clock, without its fraction of a second."""
    return at.astimezone(CHINA).replace(tzinfo=None, microsecond=0)


def seconds(length: str) -> int:
    """A length as a notice writes it."""
    words = {"d": 86_400, "h": 3_600, "min": 60}
    return sum(int(number) * words[unit] for number, unit in re.findall(r"(\d+)(d|h|min)", length))


def fen(yuan: Decimal | int) -> int:
    """A sum of a notice."""
    return int(yuan * 100)


def rounded(sum_: Decimal, rule: Table) -> int:
    """A sum in whole fen, jiao or yuan."""
    unit = {"fen": 1, "jiao": 10, "yuan": 100}[rule.get("to", "fen")]
    return int((sum_ / unit).quantize(Decimal(1), _ROUND[rule.get("how", "half_up")])) * unit


def answer(question: Question) -> Answer:
    """Price the stay."""
    begin, end = china(question.parked.entry), china(question.parked.exit)
    newest, _ = _versions(question.version, begin, max(begin, end))[-1]
    question = replace(question, version=newest)
    entry, exit_ = _on_the_clock(question)
    return _Stay(question, _to_be_paid(question, entry, exit_)).answer()


def _on_the_clock(question: Question) -> Stretch:
    entry, exit_ = china(question.parked.entry), china(question.parked.exit)
    match question.version.document.get("clock", "seconds"):
        case "minutes":
            entry, exit_ = entry.replace(second=0), exit_.replace(second=0)
        case "inward":
            while entry.second:
                entry += _SECOND
            exit_ = exit_.replace(second=0)
    return entry, max(entry, exit_)


def _to_be_paid(question: Question, entry: datetime, exit_: datetime) -> list[Stretch]:
    """The stay without what a paid vehicle took to leave; in more than one stretch if it began anew."""
    rule = question.version.document.get("prepaid")
    before: list[Stretch] = []
    given = 0
    if not rule:
        return [(entry, exit_)]
    for paid in sorted(question.context.paid, key=lambda paid: paid.at):
        given += paid.fen
        at = china(paid.at)
        if question.version.document.get("clock", "seconds") != "seconds":
            at = at.replace(second=0)
        at = sorted((entry, at, exit_))[1]
        if given < _Stay(question, [*before, (entry, at)]).answer().total:
            continue
        if exit_ - at <= timedelta(seconds=seconds(rule["leave"])):
            return [*before, (entry, at)]
        if rule["later"] == "anew":
            before.append((entry, at))
            entry = at
    return [*before, (entry, exit_)]


def _versions(version: Version, begin: datetime, end: datetime) -> list[tuple[Version, Stretch]]:
    """Which version holds for which stretch."""
    if version.before is None or begin >= version.since:
        return [(version, (begin, end))]
    if end <= version.since:
        return _versions(version.before, begin, end)
    match version.document["replaces"]["stays"]:
        case "entry":
            return _versions(version.before, begin, end)
        case "exit":
            return [(version, (begin, end))]
        case _:
            return [*_versions(version.before, begin, version.since), (version, (version.since, end))]


def row_for(document: Table, context: Context, day: date) -> Row:
    """The row that is most particular to this vehicle: by permit, by colour, by class, or the default."""
    held = {permit.kind for permit in context.permits if permit.valid_on(day)}
    rows: list[Table] = document["classes"]
    if isinstance(context.vehicle_class, str):
        return priced(document, next(row for row in rows if row["name"] == context.vehicle_class))
    found = [row for row in rows if _fits(row, context, held)]
    for keys in (
        ("permits", "plate_colors", "vehicle_classes"),
        ("permits", "plate_colors"),
        ("permits", "vehicle_classes"),
        ("permits",),
        ("plate_colors", "vehicle_classes"),
        ("plate_colors",),
        ("vehicle_classes",),
    ):
        for row in found:
            if all(row.get(key) for key in keys):
                return priced(document, row)
    return priced(document, next(row for row in rows if row.get("default")))


def _fits(row: Table, context: Context, held: set[str]) -> bool:
    wanted = [
        not row.get("permits") or any(kind in held for kind in row["permits"]),
        not row.get("plate_colors") or _has_color(row, context),
        not row.get("vehicle_classes") or context.vehicle_class in row["vehicle_classes"],
    ]
    return all(wanted)


def _has_color(table: Table, context: Context) -> bool:
    return context.plate_color is not None and COLORS[context.plate_color] in table["plate_colors"]


def priced(document: Table, row: Table) -> Row:
    """The row's prices in fen, from its own table or from the row it is like."""
    rounding = row.get("rounding", document.get("rounding", {}))
    base = _like(document, row, rounding) if "like" in row else None
    caps = tuple((cap, tuple(map(fen, _listed(cap["yuan"])))) for cap in row.get("caps", []))
    full = fen(row["full_yuan"]) if "full_yuan" in row else base.full if base else None
    uplift = (Decimal(row["uplift_percent"]), rounding) if "uplift_percent" in row else None
    return Row(
        name=row["name"],
        exempt=row.get("exempt", False),
        free=row.get("free", base.free if base else document.get("free")),
        periods=base.periods if base else tuple(map(_period, row.get("periods") or [row])),
        caps=caps or (base.caps if base else ()),
        full=full,
        uplift=uplift or (base.uplift if base else None),
    )


def _like(document: Table, row: Table, rounding: Table) -> Row:
    """The row that another is like, at the other's prices."""
    base = priced(document, next(other for other in document["classes"] if other["name"] == row["like"]))

    def times(sum_: int) -> int:
        return rounded(sum_ * Decimal(row.get("times", 1)), rounding)

    def step(old: Step) -> Step:
        return replace(old, fen=times(old.fen) + fen(row.get("plus_yuan", 0)))

    def period(old: Period) -> Period:
        return Period(old.table, tuple(map(step, old.steps)), None if old.cap is None else times(old.cap))

    return replace(
        base,
        periods=tuple(map(period, base.periods)),
        caps=tuple((table, tuple(map(times, sums))) for table, sums in base.caps),
        full=None if base.full is None else times(base.full),
    )


def _period(table: Table) -> Period:
    """A period, or the whole day of a row without any: such a row has steps, but no times, days or cap in it."""
    steps = tuple(
        Step(
            seconds(step["until"]) if "until" in step else None,
            seconds(step["unit"]) if "unit" in step else None,
            fen(step["yuan"]),
        )
        for step in table.get("steps", [])
    )
    return Period(table, steps, fen(table["cap_yuan"]) if "cap_yuan" in table else None)


def _listed(yuan: Decimal | int | list[Decimal | int]) -> list[Decimal | int]:
    return yuan if isinstance(yuan, list) else [yuan]


def in_season(seasons: Sequence[str], day: date) -> bool:
    """Whether one of these seasons holds on the day; none at all holds always."""
    for season in seasons:
        first, _, last = season.partition("..")
        at = day.isoformat()[-len(first) :]
        last = last or first
        if (first <= at <= last) if first <= last else (at >= first or at <= last):
            return True
    return not seasons


def _clock_covers(table: Table, clock: str) -> bool:
    begin, end = table.get("from", "00:00"), table.get("to", "24:00")
    return bool(begin <= clock < end if begin < end else clock >= begin or clock < end)


class Meter:
    """Stands in one part; starts a unit when it ticks outside a running one."""

    def __init__(self, period: Period, counts_from: float) -> None:
        """`counts_from`: from how many seconds on a unit that is not over counts."""
        self.period = period
        self.fen = 0
        self.ran = 0
        self.crossed = False
        self._counts_from = counts_from
        self._step: Step | None = None
        self._unit = 0
        self._counted = False

    def tick(self, length: int) -> None:
        """Let so many seconds pass."""
        step = next(step for step in self.period.steps if step.until is None or self.ran < step.until)
        if step is not self._step or self._unit == step.unit:
            self._step, self._unit, self._counted = step, 0, False
        self.ran += length
        self._unit += length
        enough = step.unit is None or self._unit == step.unit or self._unit >= self._counts_from
        if enough and not self._counted:
            self.fen += step.fen
            self._counted = True

    @property
    def in_unit(self) -> bool:
        """Whether a unit runs that is not over; a step without unit has none."""
        return self._step is not None and self._step.unit is not None and self._unit < self._step.unit

    @property
    def in_first_unit(self) -> bool:
        """Whether the unit that runs is the part's first."""
        return self.in_unit and self.ran < (self.period.steps[0].unit or 0)

    @property
    def held_to_its_cap(self) -> int:
        """What the part costs."""
        return self.fen if self.period.cap is None else min(self.fen, self.period.cap)


Ticks = list[Period | None]
"""For each tick the period in which it is charged, or None."""


class _Piece:
    """A stretch of a stay under one version."""

    def __init__(self, version: Version, row: Row, stretch: Stretch, stay: Stretch, question: Question) -> None:
        self.document = version.document
        self.row = row
        self.begin, self._end = stretch
        self._entry, self._length = stay[0], stay[1] - stay[0]
        self._context = question.context
        self._tick = _tick_of(question)
        dates = self.document.get("calendar", {})
        self._calendar = _calendar(
            tuple(dates.get("holidays", ())), tuple(dates.get("working", ())), tuple(dates.get("free", ()))
        )
        self._cycles = [(begin, end, self._walk(begin, end)) for begin, end in self._cut_into_cycles()]
        self._going_on: Meter | None = None

    def charge(self, off: int, each: Table | None) -> tuple[int, int]:
        """What it costs with so many seconds of charged time off, and how many of those are left."""
        if self.row.exempt:
            return 0, off
        sum_ = 0
        self._going_on = None
        for number, (begin, end, ticks) in enumerate(self._cycles):
            if each and within(each, end - begin):
                self._going_on = None
                continue
            cost, off = self._cycle((begin, end), ticks, off, each, first=number == 0)
            caps = self._cap(begin.date())
            if caps is not None:
                cap = caps[number] if number < len(caps) else caps[-1]
                cost = min(cost, max(0, cap - self._paid_before()) if number == 0 else cap)
            sum_ += cost
        if self.row.uplift:
            percent, rounding = self.row.uplift
            sum_ = max(sum_, rounded(sum_ * (100 + percent) / 100, rounding))
        return sum_, off

    def _cut_into_cycles(self) -> Iterator[Stretch]:
        begin = self.begin
        while begin < self._end:
            match self.document["cycle"]:
                case "24h":
                    end = begin + _DAY
                case "day":
                    end = datetime.combine(begin.date() + _DAY, time())
                case _:
                    end = self._end
            end = min(end, self._end)
            yield begin, end
            begin = end

    def _walk(self, begin: datetime, end: datetime) -> Ticks:
        ticks: Ticks = []
        at, day, periods, passes = begin, None, [], []
        tick = timedelta(seconds=self._tick)
        while at < end:
            if at.date() != day:
                day = at.date()
                periods, passes = self._periods(day), self._passes(day)
            clock = _CLOCKS[at.hour * 60 + at.minute]
            period = next((one for one in periods if _clock_covers(one.table, clock)), None)
            charged = period and period.steps and not any(_clock_covers(one, clock) for one in passes)
            ticks.append(period if charged else None)
            at += tick
        return ticks

    def _periods(self, day: date) -> list[Period]:
        if day in self._calendar.free:
            return []
        return [period for period in self.row.periods if self._holds(period.table, day)]

    def _passes(self, day: date) -> list[Table]:
        held = {permit.kind for permit in self._context.permits if permit.valid_on(day)}
        return [rule for rule in self.document.get("permits", []) if rule["kind"] in held]

    def _holds(self, table: Table, day: date) -> bool:
        kind: Kind = self._calendar.kind(day)
        return (not table.get("days") or kind in table["days"]) and in_season(table.get("season", []), day)

    def _cycle(self, cycle: Stretch, ticks: Ticks, off: int, each: Table | None, *, first: bool) -> tuple[int, int]:
        begin, end = cycle
        ticks, left = self._without(ticks, off)
        if each and each.get("exceeded") == "deducted":
            ticks, _ = self._without(ticks, seconds(each["time"]))
        cost = self._meter(self._crossed(ticks, end - begin, last=end == self._end), first=first)
        if self.row.full is not None and end - begin == _DAY and cost > self.row.full:
            self._going_on = None
            cost = self.row.full
        return cost, left

    def _without(self, ticks: Ticks, off: int) -> tuple[Ticks, int]:
        """Make the first charged time free."""
        if not off:
            return ticks, 0
        kept: Ticks = []
        for period in ticks:
            taken = period is not None and off > 0
            kept.append(None if taken else period)
            off -= self._tick if taken else 0
        return kept, off

    def _crossed(self, ticks: Ticks, length: timedelta, *, last: bool) -> Ticks:
        """What the rules for two periods make of it that look at whole parts."""
        rule = self.document.get("boundary", {"rule": "cut"})
        charged = [number for number, period in enumerate(ticks) if period]
        if rule["rule"] == "once" and charged:
            named = [period for period in ticks if period and period.table.get("name") == rule["period"]]
            several = len({id(period) for period in ticks if period}) > 1
            if several and named and length <= timedelta(seconds=seconds(rule["within"])):
                return [named[0] for period in ticks if period]
        if rule["rule"] == "short_after" and charged and last:
            return self._short_end_joined(ticks, charged[-1], seconds(rule["under"]))
        return ticks

    def _short_end_joined(self, ticks: Ticks, last: int, short: int) -> Ticks:
        begin = last
        while begin > 0 and ticks[begin - 1] is ticks[last]:
            begin -= 1
        before = ticks[begin - 1] if begin else None
        if before and (last + 1 - begin) * self._tick < short:
            return [*ticks[:begin], *[before] * (last + 1 - begin), *ticks[last + 1 :]]
        return ticks

    def _meter(self, ticks: Ticks, *, first: bool) -> int:
        """What these ticks cost; a meter that still runs at their end may go on in the next cycle."""
        rule = self.document.get("boundary", {"rule": "cut"})["rule"]
        counts_from = _counts_from(self.document.get("count", "started"))
        done: list[Meter] = []
        meter = self._going_on
        if meter and (not ticks or ticks[0] is not meter.period or meter.period.all_day or rule == "once"):
            meter = None
        had = meter.held_to_its_cap if meter else 0
        for period in ticks:
            if meter and period:
                meter.crossed = meter.crossed or meter.period is not period
            if meter and (
                period is None or (meter.crossed and not _runs_on(rule, meter, first=first and not done))
            ):
                done.append(meter)
                meter = None
            if period:
                meter = meter or Meter(period, counts_from)
                meter.tick(self._tick)
        self._going_on = None if meter and meter.crossed else meter
        if meter:
            done.append(meter)
        return sum(one.held_to_its_cap for one in done) - had

    def _cap(self, day: date) -> tuple[int, ...] | None:
        for table, sums in self.row.caps:
            short = "up_to" not in table or self._length <= timedelta(seconds=seconds(table["up_to"]))
            under = "under" not in table or self._length < timedelta(seconds=seconds(table["under"]))
            if short and under and self._holds(table, day):
                return sums
        return None

    def _paid_before(self) -> int:
        if not self.document.get("shared_cap") or self.begin > self._entry:
            return 0
        per = "day" if self.document["cycle"] == "day" else "24h"
        return sum(stay.fen for stay in recent(self._context, self.begin, per))


def _runs_on(rule: str, meter: Meter, *, first: bool) -> bool:
    """Whether the unit that runs takes its time from the next period too."""
    return (rule == "unit" and meter.in_unit) or (rule == "short_before" and first and meter.in_first_unit)


def _counts_from(count: str) -> float:
    return {"started": 0.0, "completed": float("inf")}.get(count) or float(seconds(count))


_calendars: dict[tuple[tuple[date, ...], ...], Calendar] = {}


def _calendar(*named: tuple[date, ...]) -> Calendar:
    if named not in _calendars:
        _calendars[named] = calendar(*map(frozenset, named))
    return _calendars[named]


def _tick_of(question: Question) -> int:
    entry, exit_ = _on_the_clock(question)
    moments = [entry, exit_, *(china(paid.at) for paid in question.context.paid)]
    lengths = [order.seconds for order in question.context.charged]
    return 60 if not any(at.second for at in moments) and not any(one % 60 for one in lengths) else 1


def within(free: Table, length: timedelta) -> bool:
    """Whether so long a stay lies in its free time."""
    limit = timedelta(seconds=seconds(free["time"]))
    return length < limit if free.get("boundary") == "strict" else length <= limit


def recent(context: Context, entry: datetime, per: str) -> list[Earlier]:
    """The vehicle's stays before, on the same day or in the 24 hours before."""
    found = []
    for stay in context.earlier:
        began = china(stay.entry)
        near = began.date() == entry.date() if per == "day" else entry - began < _DAY
        if began <= entry and near:
            found.append(stay)
    return found


def denied(free: Table, entry: datetime, context: Context) -> bool:
    """Whether this vehicle has had its free time."""
    if "again_after" in free:
        for stay in context.earlier:
            if timedelta() <= entry - china(stay.exit) < timedelta(seconds=seconds(free["again_after"])):
                return True
    had = [stay for stay in recent(context, entry, free.get("per", "24h")) if stay.free]
    return "uses" in free and len(had) >= free["uses"]


class _Stay:
    """A stay in its stretches, priced as one."""

    def __init__(self, question: Question, stretches: list[Stretch]) -> None:
        self._question = question
        self._entry, self._anew_from = stretches[0]
        self._length = self._anew_from - self._entry  # what follows a payment is a stay of its own
        self._pieces = [
            _Piece(version, row_for(version.document, question.context, self._entry.date()), part, stay, question)
            for stay in stretches
            for version, part in _versions(question.version, *stay)
        ]
        rows = [piece.row for piece in self._pieces]
        self._newest, self._row = self._pieces[-1].document, rows[-1]
        self._ends_free = len(stretches) == 1
        free = rows[0].free
        self._free = None if free is None or denied(free, self._entry, question.context) else free
        self._costs: dict[int, int] = {}

    def answer(self) -> Answer:
        """Price it."""
        before = self._cost(0)
        total, taken = self._discounted(before)
        inside = self._ends_free and self._free is not None and within(self._free, self._length)
        return Answer(self._row.name, before, taken, total, inside)

    def _cost(self, off: int) -> int:
        """What it costs with so much charged time off."""
        if off not in self._costs:
            self._costs[off] = self._charge(off)
        return self._costs[off]

    def _charge(self, off: int) -> int:
        free = bool(self._free and within(self._free, self._length))
        each = self._free if self._free and self._free.get("each") == "cycle" else None
        left = off
        if self._free and not each and self._free.get("exceeded") == "deducted":
            left += seconds(self._free["time"])
        sum_ = 0
        for piece in self._pieces:
            anew = piece.begin >= self._anew_from
            if anew:  # what follows a payment is a new stay without free time
                left = min(left, off)
            elif free:
                continue
            cost, left = piece.charge(left, None if anew else each)
            sum_ += cost
        return sum_

    def _discounted(self, before: int) -> tuple[int, tuple[tuple[str, int], ...]]:
        mine = [(table, 0) for table in self._newest.get("discounts", []) if self._may_have(table)]
        pool = [(table, self._time(table)) for table, _ in mine]
        pool += [(table, seconds(table["time"]) if "time" in table else 0) for table in self._question.coupons]
        if self._newest.get("stacking", "best") == "best":
            on_top = [one for one in pool if one[0].get("on_top")]
            single = [[one, *on_top] for one in pool if not one[0].get("on_top")]
            sums = [self._take(some, before)[0] for some in single]
            pool = single[sums.index(min(sums))] if single else on_top
        return self._take(pool, before)

    def _may_have(self, table: Table) -> bool:
        context = self._question.context
        held = {permit.kind for permit in context.permits if permit.valid_on(self._entry.date())}
        before = recent(context, self._entry, table.get("per", "day"))
        wanted = [
            not table.get("plate_colors") or _has_color(table, context),
            not table.get("permits") or any(kind in held for kind in table["permits"]),
            not table.get("channel") or context.channel == table["channel"],
            "first" not in table or len(before) < table["first"],
            not table.get("charging") or any(order.seconds for order in context.charged),
        ]
        return all(wanted)

    def _time(self, table: Table) -> int:
        """How much time the discount is worth to this vehicle."""
        time_off = seconds(table.get("time", ""))
        if table.get("charging"):
            orders = {order.order: order.seconds for order in self._question.context.charged}
            time_off = min(time_off, sum(orders.values()))
        if "budget" in table:
            for stay in recent(self._question.context, self._entry, table.get("per", "day")):
                at = china(stay.entry)
                while at < china(stay.exit):
                    at += timedelta(seconds=seconds(table["budget"]))
                    time_off -= seconds(table["budget"])
        return max(0, time_off)

    def _take(self, chosen: list[tuple[Table, int]], sum_: int) -> tuple[int, tuple[tuple[str, int], ...]]:
        """Time, then percent and money in the notice's order, then all; a sum never rises, nor falls below 0."""
        taken = [0] * len(chosen)

        def take(number: int, new: int) -> None:
            nonlocal sum_
            kept = min(sum_, max(0, new))
            taken[number] += sum_ - kept
            sum_ = kept

        off = 0
        for number, (_, time_off) in enumerate(chosen):
            off += time_off
            take(number, self._cost(off) if time_off else sum_)
        for kind in self._newest.get("order", ["percent", "money"]):
            reduce = self._reducers()[kind]
            for number, (table, _) in enumerate(chosen):
                take(number, reduce(table, sum_))
        for number, (table, _) in enumerate(chosen):
            take(number, 0 if table.get("whole") else sum_)
        return sum_, tuple((table["name"], took) for (table, _), took in zip(chosen, taken, strict=True) if took)

    def _reducers(self) -> dict[str, Callable[[Table, int], int]]:
        rounding = self._newest.get("rounding", {})

        def percent(table: Table, sum_: int) -> int:
            part = sum_ * (100 - Decimal(table["percent"])) / 100 if "percent" in table else None
            return sum_ if part is None else rounded(part, rounding)

        def money(table: Table, sum_: int) -> int:
            return sum_ - fen(table.get("yuan", 0))

        return {"percent": percent, "money": money}
