"""What looks doubtful in a valid tariff, each with a stay that shows it. Pure.

A doubt is no mistake: a notice may say just that. The kinds, one word each:

- `gap`: a time of some day that no period covers, so that it is free though nobody wrote `free = true`.
- `cap`: a price above the cap that holds beside it, so that nobody ever pays this price.
- `dear`: a price above 100 yuan for a unit, or a cap or a full price above 1000 yuan, which may be fen.
- `percent`: a discount or an uplift of less than 1 percent, which may be a fraction.
- `falls`: a stay that costs less than a shorter one from the same entry.
- `unreachable`: a row that no vehicle gets, a step that no stay reaches, a cap that never applies.

`cap`, `dear` and `falls` are searched for, not proven absent: among stays that begin near the edges of the periods,
on all kinds of days that follow each other, and end near an edge of the first two cycles (or of all that a cap
lists), or near a length that a cap names, up to 31 days. The bound: each of these three searches prices
`_DAYS_PRICED` started days, shared by the rows, and at most one entry more for each row; about half a second.
The vehicles asked for have no permits, coupons or earlier stays, and enter after the version before has ended.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice, pairwise, product
from math import inf
from random import Random

from gateway.tariff.calendar import Kind
from gateway.tariff.engine import quote
from gateway.tariff.parts import day_of, seconds_of, spans_of
from gateway.tariff.quote import Context, Parked, Permit, Quote
from gateway.tariff.rules import DAY, Cap, Period, PriceClass, Tariff, When
from protocols.china import CHINA
from protocols.immutable import dataclass

_ONE_DAY = timedelta(days=1)
_MINUTE = 60
_MORNING = 9 * 3600

# Of 2026 the State Council has announced all holidays and moved days: each kind of day meets each other in it.
_YEAR = date(2026, 1, 1)
_LAST = date(2050, 1, 1)  # later holidays are not known
_LEAP_DAY = date(2028, 2, 29)
_AHEAD = 2
_LONGEST = 31 * DAY
_DAYS_PRICED = 20_000
_VEHICLES = 2_000
_DEAR = 10_000
_DEAR_CAP = 100_000
_PERCENT = 100
"""In hundredths."""

_KINDS: dict[Kind, tuple[str, str]] = {
    "working": ("工作日", "working days"),
    "weekend": ("周末", "weekends"),
    "holiday": ("节假日", "holidays"),
}

Span = tuple[int, int]
Differs = tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is doubtful in the price class `row` (empty: the whole tariff), in words (zh / en), and a quote of it.

    Of `falls` two quotes: the shorter stay and the longer. Of `percent` none: the number itself is doubtful.
    """

    kind: str
    row: str
    message: str
    example: tuple[Quote, ...]


def doubts(tariff: Tariff) -> Iterator[Doubt]:
    """Find what is doubtful, row by row."""
    alone = replace(tariff, replaces=None)
    first = _first_day(tariff)
    charged = [row for row in tariff.classes if not row.exempt]
    for row in tariff.classes:
        yield from _row_never(alone, row, first)
        if row in charged:
            asked = _Asked(alone, row, first, _DAYS_PRICED // len(charged))
            yield from _gaps(asked)
            yield from _steps_never(asked)
            yield from _caps_never(asked)
            yield from _prices_above_cap(asked)
            yield from _dear_prices(asked)
            yield from _dear_caps(asked)
            yield from _falls(asked)
            if row.uplift:
                yield from _fraction(row.name, "上浮", "uplift", row.uplift.hundredths)
    for number, one in enumerate(tariff.discounts, 1):
        yield from _fraction("", f"第 {number} 个优惠", f"discount {number}", one.hundredths)


def _first_day(tariff: Tariff) -> date:
    """The first whole day from which this version alone prices what enters, of those looked at."""
    if tariff.replaces is None:
        return _YEAR
    return max(_YEAR, day_of(min(tariff.replaces.until + DAY - 1, seconds_of(_midnight(_LAST)))))


@dataclass(frozen=True, slots=True)
class _Asked:
    """One row under question, from which day on, and how many days of stays may be priced in a search."""

    tariff: Tariff
    row: PriceClass
    first: date
    budget: int

    def quote(self, begin: int, length: int) -> Quote:
        """Price a stay from a moment of China's clock."""
        return _quote(self.tariff, Context(self.row.name), begin, length)

    @property
    def tick(self) -> int:
        """The shortest time that this tariff's clock knows."""
        return 1 if self.tariff.clock == "seconds" else _MINUTE

    def differs(self, day: date) -> Differs:
        """What of this row holds on a day: two days with the same answer have the same prices."""
        kind = self.tariff.calendar.kind(day)
        return (day in self.tariff.calendar.free, *(when.holds(day, kind) for when in self._whens()))

    def days(self) -> list[date]:
        """A year of days, and those around every date that the notice names, in order."""
        near = {self.first + timedelta(days=day) for day in range(366)}
        for named in (day for day in self._named() if self.first <= day <= _LAST):
            near |= {named - _ONE_DAY, named, named + _ONE_DAY}
        return sorted(day for day in near if day >= self.first)

    def _named(self) -> Iterator[date]:
        yield _LEAP_DAY
        yield from self.tariff.calendar.free
        for dates in (dates for when in self._whens() for dates in when.season if dates.first[0]):
            yield from (date(*dates.first), date(*dates.last))

    def _whens(self) -> Iterator[When]:
        yield from (period.when for period in self.row.periods)
        yield from (cap.when for cap in self.row.caps)

    def stays(self) -> Iterator[tuple[int, list[int]]]:
        """Entries, and the lengths of the stays to look at from each; as many as the budget allows."""
        spent = 0
        for begin in self._entries():
            lengths = self._lengths(begin)
            spent += sum(length // DAY + 1 for length in lengths)
            yield begin, lengths
            if spent > self.budget:
                return

    def _entries(self) -> list[int]:
        """About every edge of the day, on each two days that follow each other in their own way."""
        days = [seconds_of(_midnight(day)) for day in self._pairs_of_days()]
        edges = self._edges()
        plain = [day + edge for day in days for edge in sorted(edges) or [_MORNING]]
        before = {0, self.tariff.crossed.seconds, *self._inside()}
        before |= {length + off for length in before for off in self._time_off()}
        near = {
            (edge - length + nudge) % DAY for edge, length, nudge in product(edges, before, (-_MINUTE, 0, _MINUTE))
        }
        near |= {(one + other) // (2 * _MINUTE) * _MINUTE for one, other in pairwise(sorted({*edges, DAY}))}
        others = [day + at for day, at in product(days, sorted(near - edges))]
        Random(0).shuffle(others)  # so that what the budget allows is of all days and all edges
        return plain + others

    def _pairs_of_days(self) -> list[date]:
        found: dict[tuple[Differs, Differs], date] = {}
        for day in self.days():
            found.setdefault((self.differs(day), self.differs(day + _ONE_DAY)), day)
        return list(found.values())

    def _edges(self) -> set[int]:
        """The seconds of the day at which the price may change; none if it matters not when one comes."""
        if len(self.row.periods) == 1 and self.row.same_every_day and not self.tariff.calendar.free:
            (only,) = self.row.periods
            if (only.begin, only.end) == (0, DAY):
                return {0} if self.tariff.cycle == "day" else set()
        return {0} | {edge % DAY for period in self.row.periods for edge in (period.begin, period.end)}

    def _inside(self) -> set[int]:
        """How long after a part's begin its price changes: where a step begins, and at its first unit.

        In a part the price only grows; that it may fall is for the edges of parts, cycles and stays.
        """
        found: set[int] = set()
        for step in (step for period in self.row.periods for step in period.steps):
            found |= {step.begin, step.begin + (step.unit or 0), step.begin + min(self.tariff.counts_from, DAY)}
        return found

    def _lengths(self, begin: int) -> list[int]:
        """Lengths of stays from this entry at which the price may change, and those one tick to each side."""
        midnight = begin % DAY if self.tariff.cycle == "day" else 0
        cycles = {0} | {number * DAY - midnight for number in range(1, self._cycles() + 1)}
        cycles |= {start + off for start in cycles for off in self._time_off()}
        edges = {(edge - begin) % DAY + number * DAY for edge in self._edges() for number in range(_AHEAD)}
        turns = cycles | edges | {start + self.tariff.crossed.seconds for start in cycles | edges}
        turns |= {length for cap in self.row.caps for length in (cap.up_to, cap.under) if length}
        turns |= {self.row.free.time} if self.row.free else set()
        found = {start + inside for start, inside in product(cycles, self._inside())}
        found |= {turn + nudge for turn, nudge in product(turns, (-self.tick, 0, self.tick))}
        return sorted(length for length in found if 0 < length <= _LONGEST)

    def _time_off(self) -> Iterator[int]:
        """By how much the charged time may begin later."""
        if self.row.free and not self.row.free.lost:
            yield self.row.free.time
        for one in self.tariff.discounts:
            if not (one.permits or one.plate_colors or one.channel):
                yield one.time

    def _cycles(self) -> int:
        return max([_AHEAD, *(len(cap.fen) for cap in self.row.caps)])

    def shown(self, wanted: Callable[[Quote], bool]) -> Quote | None:
        """The first quote found that has it."""
        return next(
            (
                found
                for begin, lengths in self.stays()
                for length in lengths
                if wanted(found := self.quote(begin, length))
            ),
            None,
        )


def _quote(tariff: Tariff, context: Context, begin: int, length: int) -> Quote:
    entry = _midnight(day_of(begin)) + timedelta(seconds=begin % DAY)
    return quote(tariff, Parked(entry, entry + timedelta(seconds=length)), context)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), CHINA)


# --- rows -------------------------------------------------------------------------------------------------


def _row_never(tariff: Tariff, row: PriceClass, first: date) -> Iterator[Doubt]:
    vehicles = list(islice(_vehicles(row), _VEHICLES))
    if row.default or len(vehicles) == _VEHICLES:  # the default also prices what no row lists
        return
    begin = seconds_of(_midnight(first)) + _MORNING
    taken = [_quote(tariff, vehicle, begin, 3600) for vehicle in vehicles]
    if row.name not in {one.price_class for one in taken}:
        others = "、".join(dict.fromkeys(one.price_class for one in taken))
        yield Doubt(
            "unreachable",
            row.name,
            f"所列车辆都归更具体或更靠前的类别: {others}，此类别无车可用；请删去或改写对象 / "
            f"all vehicles that this row lists get a more particular or earlier one "
            f"({others}): drop it or change for whom it is",
            (taken[0],),
        )


def _vehicles(row: PriceClass) -> Iterator[Context]:
    """The vehicles that a row lists, each with no more than the row asks for."""
    permits: list[tuple[Permit, ...]] = [(Permit(kind),) for kind in sorted(row.permits)] or [()]
    colors: list[int | None] = [*sorted(row.plate_colors)] or [None]
    codes = sorted(row.vehicle_classes) or range(256)
    for has, color, code in product(permits, colors, codes):
        yield Context(code, color, has)


# --- periods ----------------------------------------------------------------------------------------------


def _gaps(asked: _Asked) -> Iterator[Doubt]:
    """For each gap the days that have it; a day that the lot's own calendar makes free has none."""
    found: dict[tuple[Span, ...], list[date]] = {}
    for day in asked.days():
        if day not in asked.tariff.calendar.free and (gaps := _uncovered(asked, day)):
            found.setdefault(gaps, []).append(day)
    for gaps, days in found.items():
        begin, end = max(gaps, key=lambda gap: gap[1] - gap[0])
        hours = ", ".join(f"{_clock(first)}-{_clock(last)}" for first, last in _over_midnight(gaps))
        zh, en = _kinds_of(asked, days)
        yield Doubt(
            "gap",
            asked.row.name,
            f"{zh}（如 {days[0]}）{hours} 没有时段，不收费；请补上时段，本来免费的写 free = true / "
            f"{hours} on {en} (such as {days[0]}) lies in no period and costs nothing: add a period, "
            "with free = true if that is meant",
            (asked.quote(seconds_of(_midnight(days[0])) + begin, end - begin),),
        )


def _kinds_of(asked: _Asked, days: list[date]) -> tuple[str, str]:
    if len(days) == len([day for day in asked.days() if day not in asked.tariff.calendar.free]):
        return "每天", "every day"
    kinds = {asked.tariff.calendar.kind(day) for day in days}
    words = [words for kind, words in _KINDS.items() if kind in kinds]
    return "、".join(zh for zh, _ in words), ", ".join(en for _, en in words)


def _uncovered(asked: _Asked, day: date) -> tuple[Span, ...]:
    kind = asked.tariff.calendar.kind(day)
    covered = sorted(
        span
        for period in asked.row.periods
        if period.when.holds(day, kind)
        for span in spans_of(period.begin, period.end)
    )
    bounds = [(0, 0), *covered, (DAY, DAY)]
    return tuple((end, begin) for (_, end), (begin, _) in pairwise(bounds) if end < begin)


def _over_midnight(gaps: tuple[Span, ...]) -> tuple[Span, ...]:
    """Two gaps that touch at midnight, as one."""
    (first, *between, last) = gaps if len(gaps) > 1 else (*gaps, (0, 0))
    return ((last[0], first[1]), *between) if first[0] == 0 and last[1] == DAY else gaps


# --- steps and caps that never apply ------------------------------------------------------------------------


def _steps_never(asked: _Asked) -> Iterator[Doubt]:
    for period in asked.row.periods:
        longest = _longest_part(asked.tariff, period)
        for number, step in enumerate(period.steps, 1):
            if step.begin >= longest:
                where = f"{period.name} " if period.name else ""
                yield Doubt(
                    "unreachable",
                    asked.row.name,
                    f"{where}第 {number} 步从 {_length(step.begin)} 起，而一段最长 {_length(longest)}，用不到；"
                    f"请删去或改 until / {where}step {number} begins at {_length(step.begin)}, but no part is "
                    f"longer than {_length(longest)}: drop it or change until",
                    (_whole_part(asked, period, int(longest)),),
                )


def _longest_part(tariff: Tariff, period: Period) -> float:
    """How long a part of this period can be, in seconds; a period of the whole day runs on over midnight."""
    lengths = [end - begin for begin, end in spans_of(period.begin, period.end)]
    own: float = max(lengths) if tariff.cycle == "day" and tariff.crossed.rule == "once" else sum(lengths)
    if sum(lengths) == DAY:
        own = inf
    crossed = tariff.crossed
    match crossed.rule:
        case "unit" | "short_before":
            own += max((step.unit or 0 for step in period.steps), default=0)
        case "short_after":
            own += crossed.seconds
        case "once" if crossed.period == period.name:
            own = max(own, crossed.seconds)
    return own if tariff.cycle == "stay" else min(own, DAY)


def _whole_part(asked: _Asked, period: Period, length: int) -> Quote:
    calendar = asked.tariff.calendar
    days = asked.days()
    day = next((day for day in days if period.when.holds(day, calendar.kind(day))), days[0])
    return asked.quote(seconds_of(_midnight(day)) + period.begin, length)


def _caps_never(asked: _Asked) -> Iterator[Doubt]:
    calendar = asked.tariff.calendar
    days = {asked.differs(day): day for day in reversed(asked.days())}.values()
    for number, cap in enumerate(asked.row.caps, 1):
        on = [day for day in days if cap.when.holds(day, calendar.kind(day))]
        if not on:
            continue  # such a day may come in another year
        before = [
            [one for one in asked.row.caps[: number - 1] if one.when.holds(day, calendar.kind(day))] for day in on
        ]
        if all(max(map(_limit, caps), default=0) >= _limit(cap) for caps in before):
            yield _cap_never(
                asked, cap, on[0], f"第 {number} 个封顶前面的已涵盖", f"cap {number} lies behind others"
            )
        elif len(cap.fen) > (cycles := _most_cycles(asked.tariff, cap)):
            zh = f"第 {number} 个封顶写了 {len(cap.fen)} 个金额，而这样的停车至多 {cycles:g} 个周期"
            en = f"cap {number} has {len(cap.fen)} sums, but such stays have at most {cycles:g} cycles"
            yield _cap_never(asked, cap, on[0], zh, en)


def _limit(cap: Cap) -> float:
    """The longest stay that a cap is for, in seconds."""
    return min(inf if cap.up_to is None else cap.up_to, inf if cap.under is None else cap.under - 1)


def _most_cycles(tariff: Tariff, cap: Cap) -> float:
    if tariff.cycle == "stay":
        return 1
    limit = _limit(cap)
    return limit if limit == inf else -(-limit // DAY) + (tariff.cycle == "day")


def _cap_never(asked: _Asked, cap: Cap, day: date, zh: str, en: str) -> Doubt:
    length = int(min(_limit(cap), _AHEAD * DAY))
    return Doubt(
        "unreachable",
        asked.row.name,
        f"{zh}，用不到；请改次序、条件或删去 / {en} and never applies: change its place or conditions, or drop it",
        (asked.quote(seconds_of(_midnight(day)), length),),
    )


# --- prices -----------------------------------------------------------------------------------------------


def _prices_above_cap(asked: _Asked) -> Iterator[Doubt]:
    """A cap of nothing is no doubt: somebody wrote that this is free."""
    row = asked.row
    sums = [*(fen for cap in row.caps for fen in cap.fen), *(period.cap for period in row.periods if period.cap)]
    prices = _prices(row)
    if not any(0 < fen < price for fen in sums for price in prices.values()):
        return
    if found := asked.shown(lambda shown: bool(_above_cap(prices, shown))):
        fen, cap = _above_cap(prices, found)[0]
        yield Doubt(
            "cap",
            row.name,
            f"封顶 {_yuan(cap)} 元低于一个单位的价格 {_yuan(fen)} 元，此价格收不到；请核对两者 / "
            f"the cap of {_yuan(cap)} yuan is below the price of one unit, {_yuan(fen)} yuan, "
            "which nobody ever pays: check both",
            (found,),
        )


Prices = dict[tuple[str, str], int]


def _prices(row: PriceClass) -> Prices:
    """The price of a unit by the names of period and step."""
    return {(period.name, step.name): step.fen for period in row.periods for step in period.steps}


def _above_cap(prices: Prices, shown: Quote) -> list[tuple[int, int]]:
    """Prices and the caps below them, in the same cycle of a quote."""
    return [
        (line.unit_fen, cut.cap_fen)
        for cut, line in product(shown.caps, shown.lines)
        if 0 < cut.cap_fen < line.unit_fen
        and (line.period, line.rule) in prices
        and cut.period in ("", line.period)
        and cut.from_cycle <= line.to_cycle
        and line.from_cycle <= cut.to_cycle
    ]


def _dear_prices(asked: _Asked) -> Iterator[Doubt]:
    dear = {names: fen for names, fen in _prices(asked.row).items() if fen > _DEAR}
    if not dear:
        return
    found = asked.shown(lambda shown: any((line.period, line.rule) in dear for line in shown.lines))
    if found:
        fen = next(dear[names] for line in found.lines if (names := (line.period, line.rule)) in dear)
        yield Doubt(
            "dear",
            asked.row.name,
            f"一个单位 {_yuan(fen)} 元，像是以分计；价格须以元计 / one unit costs {_yuan(fen)} yuan, which looks "
            "like fen: prices are in yuan",
            (found,),
        )


def _dear_caps(asked: _Asked) -> Iterator[Doubt]:
    """Shown by what a whole day costs, which need not reach the cap."""
    row = asked.row
    caps = [*(fen for cap in row.caps for fen in cap.fen), *(period.cap or 0 for period in row.periods)]
    if (fen := max([*caps, row.full or 0])) > _DEAR_CAP:
        yield Doubt(
            "dear",
            row.name,
            f"封顶或整个周期 {_yuan(fen)} 元，像是以分计；价格须以元计 / a cap or full price of {_yuan(fen)} yuan "
            "looks like fen: prices are in yuan",
            (asked.quote(seconds_of(_midnight(asked.first)), DAY),),
        )


def _fraction(row: str, zh: str, en: str, hundredths: int) -> Iterator[Doubt]:
    if 0 < hundredths < _PERCENT:
        percent = f"{Decimal(hundredths) / _PERCENT:f}"
        yield Doubt(
            "percent",
            row,
            f"{zh}: {percent} 是百分之 {percent}；一半写 50 / "
            f"{en}: {percent} is {percent} percent; write 50 for half",
            (),
        )


def _falls(asked: _Asked) -> Iterator[Doubt]:
    """The shortest stay found; between two lengths looked at, the closest two are found by halving."""
    least: tuple[int, int] | None = None  # how long, and from when
    for begin, lengths in asked.stays():
        shorter = total = 0
        for longer in lengths:
            if least and longer >= least[0]:
                break
            before, total = total, asked.quote(begin, longer).total
            if total < before:
                least = (_fall_between(asked, begin, shorter, longer), begin)
                break
            shorter = longer
    if least:
        length, begin = least
        yield _fall(asked, asked.quote(begin, length - asked.tick), asked.quote(begin, length))


def _fall_between(asked: _Asked, begin: int, shorter: int, longer: int) -> int:
    """A length at which the price falls, by one tick, between these two."""
    high = asked.quote(begin, shorter).total
    while longer - shorter > asked.tick:
        middle = (shorter + longer) // 2 // asked.tick * asked.tick
        total = asked.quote(begin, middle).total
        if total < high:
            longer = middle
        else:
            shorter, high = middle, total
    return longer


def _fall(asked: _Asked, shorter: Quote, longer: Quote) -> Doubt:
    before, after = (int((one.exit - one.entry).total_seconds()) for one in (shorter, longer))
    entry, much, less = f"{shorter.entry:%Y-%m-%d %H:%M}", _yuan(shorter.total), _yuan(longer.total)
    return Doubt(
        "falls",
        asked.row.name,
        f"{entry} 入场，停 {_length(before)} 收 {much} 元，停 {_length(after)} 反而收 {less} 元；"
        f"除非公示如此，请核对封顶、full_yuan、[boundary] / "
        f"from {entry} a stay of {_length(before)} costs {much} yuan and one of {_length(after)} only {less}: "
        "unless the notice says so, check caps, full_yuan and [boundary]",
        (shorter, longer),
    )


# --- words ------------------------------------------------------------------------------------------------


def _yuan(fen: int) -> str:
    return f"{Decimal(fen) / 100:f}"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}"


def _length(seconds: float) -> str:
    """A length as a notice writes it, with the seconds that it does not know: `24h1s`."""
    hours, rest = divmod(int(seconds), 3600)
    parts = ((hours, "h"), (rest // 60, "min"), (rest % 60, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number) or "0"
