"""What a stay costs, line by line, under one tariff. Pure: the same question always gets the same quote.

The words: a stay is cut into **cycles** (24 hours from entry, calendar days, or one for all of it), and in each of
them caps hold. A **part** is a stretch without interruption in one period of the day; in each part the steps begin
anew. A night is one part wherever a cycle ends in it; only a period of the whole day begins anew with each cycle.
Time in no period is free.

How the notices are read here:

- Fractions of a second never count: entry and exit are cut to whole seconds, or to minutes as the notice says.
- Free time belongs to the whole stay, unless given to each cycle; where it is lost, all is charged from entry.
- Time off is taken from the front of the charged time, and what is left is charged as if the part had begun there.
- A unit that has begun is charged whole, also where its step, part or cycle ends before it.
- Lines say what the stay costs before discounts: total = lines - caps - discounts.
"""

from collections.abc import Callable, Iterator
from dataclasses import field, replace
from datetime import date

from gateway.tariff.parts import Days, Part, cross, day_of, seconds_of, without
from gateway.tariff.quote import CapCut, Context, DiscountTaken, Earlier, Line, Parked, Quote, QuoteError
from gateway.tariff.rules import DAY, WHOLE, Cap, Discount, Free, Period, PriceClass, Step, Tariff
from protocols.immutable import dataclass

FREE = "免费 / free"
EXEMPT = "免收 / exempt"
FULL = "整周期 / full cycle"

_MINUTE = 60
_YEARS = (2, 9998)
"""A day more or less is still a date."""

NOTHING_ELSE = Context()

Stretch = tuple[int, int]
"""From when to when, in seconds of China's clock; or from which to which cycle, both included."""


def quote(tariff: Tariff, parked: Parked, context: Context = NOTHING_ELSE) -> Quote:
    """Price a stay; raise `QuoteError` for times without offset, an exit before the entry, or an unknown class."""
    tariff, entry, exit_ = _in_force(tariff, parked)
    priced = _price(tariff, _unpaid(tariff, entry, exit_, context), context)
    newest, row = priced.newest
    return Quote(
        tariff_id=newest.id,
        version=newest.version,
        content_hash=newest.content_hash,
        price_class=row.name,
        entry=parked.entry,
        exit=parked.exit,
        lines=tuple(priced.bill.lines),
        caps=tuple(priced.bill.caps),
        discounts=priced.taken,
        total=priced.total,
        paid=sum(paid.fen for paid in context.paid),
        free=priced.free,
    )


def _in_force(tariff: Tariff, parked: Parked) -> tuple[Tariff, int, int]:
    """The version that prices the stay, at least its end, and the stay by that version's clock."""
    entry, exit_ = parked.entry, parked.exit
    if entry.utcoffset() is None or exit_.utcoffset() is None:
        raise QuoteError(
            f"入场 {entry}、出场 {exit_} 必须带时区，如 +08:00 / both times need a UTC offset, such as +08:00"
        )
    if not (_YEARS[0] <= entry.year and exit_.year <= _YEARS[1]):
        raise QuoteError(
            f"年份须在 {_YEARS[0]} 与 {_YEARS[1]} 之间 / years must lie between {_YEARS[0]} and {_YEARS[1]}"
        )
    begin, end = seconds_of(entry), seconds_of(exit_)
    if end < begin:
        raise QuoteError(
            f"出场 {exit_} 早于入场 {entry}，请更正其一 / the exit lies before the entry; correct one of them"
        )
    newest, _ = _versions(tariff, begin, end)[-1]
    up = _MINUTE - 1 if newest.clock == "inward" else 0
    begin, end = _by_clock(newest, begin + up), _by_clock(newest, end)
    return newest, begin, max(begin, end)


def _by_clock(tariff: Tariff, seconds: int) -> int:
    return seconds if tariff.clock == "seconds" else seconds // _MINUTE * _MINUTE


def _unpaid(tariff: Tariff, entry: int, exit_: int, context: Context) -> list[Stretch]:
    """The stretches of time to be paid: a vehicle that paid all may take its time to leave."""
    stretches: list[Stretch] = []
    rule = tariff.prepaid
    fen = 0
    for paid in sorted(context.paid, key=lambda paid: paid.at) if rule else ():
        fen += paid.fen
        at = min(exit_, max(entry, _by_clock(tariff, seconds_of(paid.at))))
        if rule and fen >= _price(tariff, [*stretches, (entry, at)], context).total:
            if exit_ <= at + rule.leave:
                return [*stretches, (entry, at)]
            if rule.anew:
                stretches.append((entry, at))
                entry = at
    return [*stretches, (entry, exit_)]


@dataclass(slots=True)
class _Bill:
    """What the prices alone come to."""

    lines: list[Line] = field(default_factory=list)
    caps: list[CapCut] = field(default_factory=list)
    total: int = 0

    def charge(self, rule: str, period: str, units: int, unit_fen: int, cycles: Stretch) -> int:
        """Add one line for each of these cycles; give what it is for one."""
        many = units * (cycles[1] - cycles[0] + 1)
        self.lines.append(Line(rule, period, many, unit_fen, many * unit_fen, *cycles))
        return units * unit_fen

    def cut(self, period: str, fen: int, cap: int | None, had: int, cycles: Stretch) -> int:
        """Hold a sum to what is left of its cap after `had`, in each of these cycles; give what is left of it."""
        if cap is None or fen <= max(0, cap - had):
            return fen
        left = max(0, cap - had)
        self.caps.append(CapCut(period, cap, (fen - left) * (cycles[1] - cycles[0] + 1), *cycles))
        return left


@dataclass(frozen=True, slots=True)
class _Priced:
    newest: tuple[Tariff, PriceClass]
    bill: _Bill
    taken: tuple[DiscountTaken, ...]
    total: int
    free: bool


def _price(tariff: Tariff, stretches: list[Stretch], context: Context) -> _Priced:
    entry, paid_at = stretches[0]
    day = day_of(entry)
    first = _pieces(tariff, stretches[0], context, day)
    after = [piece for stretch in stretches[1:] for piece in _pieces(tariff, stretch, context, day)]
    row, newest = first[0].row, [*first, *after][-1]
    given = None if row.free is None or _denied(tariff, row.free, entry, context) else row.free
    free = given is not None and _within(given, paid_at - entry)
    each_cycle = given if given and given.each_cycle else None
    deducted = given.time if given and not given.lost and not given.each_cycle else 0

    def bill(off: int) -> _Bill:
        new = _Bill()
        left = deducted + off
        if free:
            new.charge(FREE, "", 1, 0, (1, 1))
        for piece in () if free else first:
            left = piece.charge(new, left, each_cycle)
        left = min(left, off)  # what follows a payment is a new stay, without free time
        for piece in after:
            left = piece.charge(new, left, None)
        return new

    whole = bill(0)
    pool = _applicable(newest.tariff, entry, context)
    total, taken = _discounted(newest.tariff, whole.total, pool, lambda off: bill(off).total)
    return _Priced((newest.tariff, newest.row), whole, taken, total, free and not after)


def _pieces(tariff: Tariff, stretch: Stretch, context: Context, day: date) -> "list[_Piece]":
    """This stretch by the versions that price it, for the row that fits on this day."""
    return [
        _Piece(version, _row(version, context, day), begin, end, stretch, context)
        for version, (begin, end) in _versions(tariff, *stretch)
    ]


def _versions(tariff: Tariff, begin: int, end: int) -> list[tuple[Tariff, Stretch]]:
    """Which version prices which stretch."""
    before = tariff.replaces
    if before is None or begin >= before.until:
        return [(tariff, (begin, end))]
    if end <= before.until or before.stays == "entry":
        return _versions(before.tariff, begin, end)
    if before.stays == "exit":
        return [(tariff, (begin, end))]
    return [*_versions(before.tariff, begin, before.until), (tariff, (before.until, end))]


def _row(tariff: Tariff, context: Context, day: date) -> PriceClass:
    named = context.vehicle_class
    if isinstance(named, str):
        for row in tariff.classes:
            if row.name == named:
                return row
        known = ", ".join(row.name for row in tariff.classes)
        raise QuoteError(f"没有车型 {named!r}，有: {known} / no such class; there are: {known}")
    permits = _permits(context, day)
    for row in tariff.classes:
        if (
            (not row.permits or row.permits & permits)
            and (not row.plate_colors or context.plate_color in row.plate_colors)
            and (not row.vehicle_classes or named in row.vehicle_classes)
            and (row.permits or row.plate_colors or row.vehicle_classes)
        ):
            return row
    return next(row for row in tariff.classes if row.default)


def _permits(context: Context, day: date) -> set[str]:
    """The kinds of the vehicle's permits that are valid on this day."""
    return {permit.kind for permit in context.permits if permit.valid_on(day)}


def _recent(tariff: Tariff, context: Context, entry: int, *, per_day: bool) -> Iterator[Earlier]:
    """The vehicle's earlier stays that began on the same day, or within 24 hours."""
    for earlier in context.earlier:
        began = _by_clock(tariff, seconds_of(earlier.entry))
        if began <= entry and (began // DAY == entry // DAY if per_day else entry - began < DAY):
            yield earlier


def _denied(tariff: Tariff, free: Free, entry: int, context: Context) -> bool:
    if not context.earlier:
        return False
    left = [_by_clock(tariff, seconds_of(earlier.exit)) for earlier in context.earlier]
    if free.again is not None and any(0 <= entry - at < free.again for at in left):
        return True
    recent = _recent(tariff, context, entry, per_day=free.per_day)
    return free.uses is not None and free.uses <= sum(earlier.free for earlier in recent)


def _within(free: Free, seconds: int) -> bool:
    return seconds < free.time if free.strict else seconds <= free.time


@dataclass(frozen=True, slots=True)
class _Carried:
    """What goes from one cycle into the next: time still off, what is used up of the cap, a part that goes on."""

    off: int
    used: int
    part: Part | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a stay under one version, and how its cycles are charged."""

    tariff: Tariff
    row: PriceClass
    begin: int
    end: int
    stay: Stretch
    context: Context

    def charge(self, bill: _Bill, off: int, free: Free | None) -> int:
        """Add all cycles to the bill, but for the first `off` charged seconds; give what is left of those.

        `free`: what each cycle has for itself.
        """
        if self.row.exempt:
            bill.charge(EXEMPT, "", 1, 0, (1, 1))
            return off
        before = bill.total
        alike_from = self._alike_from() if self.end - self.begin >= 2 * DAY else None
        carried, touched = _Carried(off, self._paid_before()), 0
        begin, index = self.begin, 1
        while begin < self.end:
            end = self._cycle_end(begin)
            count = 1
            if carried.off or carried.used:
                touched = index
            # Whole cycles that are all alike are charged at once, so that a year costs no more work than a day.
            elif alike_from is not None and index >= touched + alike_from and end - begin == DAY:
                # A short end of the stay may join the part before it: its last cycle may be unlike the others.
                count = max(1, (self.end - begin - (self.tariff.crossed.rule == "short_after")) // DAY)
            carried = self._cycle(bill, (begin, end), (index, index + count - 1), free, carried)
            if carried.part:
                start, stop, period = carried.part
                later = (count - 1) * DAY
                carried = _Carried(carried.off, carried.used, (start + later, stop + later, period))
            begin, index = end + (count - 1) * DAY, index + count
        if uplift := self.row.uplift:
            sum_ = bill.total - before
            fen = max(0, uplift.rounding.part(sum_, WHOLE + uplift.hundredths) - sum_)
            bill.lines.append(Line(uplift.name, "", 1, fen, fen, 1, max(1, index - 1)))
            bill.total += fen
        return carried.off

    def _alike_from(self) -> int | None:
        """From which cycle on they are all alike, counted from the last that had time off; None for never."""
        if not self._alike():
            return None
        first = max([len(cap.fen) for cap in self.row.caps], default=1)
        if not any(map(self._runs_on, self.row.periods)):
            return first
        # The first cycle begins where the vehicle entered, the next ones in the middle of a part, which may have
        # begun at the entry if that was no whole day before; and where units run on from part to part, no cycle
        # need be like another.
        settled = 3 if self.tariff.cycle == "day" else 2
        return None if self.tariff.crossed.rule == "unit" else max(settled, first)

    def _runs_on(self, period: Period) -> bool:
        """Whether a part in this period goes on where a cycle ends in it."""
        return period.end - period.begin != DAY and self.tariff.crossed.rule != "once"

    def _alike(self) -> bool:
        own = self.tariff.calendar.free or (self.tariff.permits and self.context.permits)
        return self.row.same_every_day and not own

    def _paid_before(self) -> int:
        """What the vehicle's earlier stays have paid of the first cycle's cap."""
        if not self.tariff.shared_cap or self.begin > self.stay[0]:
            return 0
        recent = _recent(self.tariff, self.context, self.begin, per_day=self.tariff.cycle == "day")
        return sum(earlier.fen for earlier in recent)

    def _cycle_end(self, begin: int) -> int:
        match self.tariff.cycle:
            case "24h":
                return min(self.end, begin + DAY)
            case "day":
                return min(self.end, (begin // DAY + 1) * DAY)
            case _:
                return self.end

    def _cycle(
        self, bill: _Bill, cycle: Stretch, cycles: Stretch, free: Free | None, carried: _Carried
    ) -> _Carried:
        begin, end = cycle
        if free and _within(free, end - begin):
            bill.charge(FREE, "", 1, 0, cycles)
            return _Carried(carried.off, 0)
        charged, left = without(self._parts(begin, end), carried.off)
        if free and not free.lost:
            charged, _ = without(charged, free.time)
        own = self._gone_on(charged, begin, carried.part)
        charged = cross(self.tariff.crossed, own, end - begin, first=begin == self.begin, last=end == self.end)
        lines, caps, fen = len(bill.lines), len(bill.caps), 0
        for part in charged:
            fen += self._part(bill, part, begin, cycles)
        # A unit that has run on into another period ends with the cycle.
        going_on = charged[-1] if charged and charged[-1][1] == end and charged[-1][0] >= own[-1][0] else None
        if self.row.full is not None and end - begin == DAY and fen > self.row.full:
            del bill.lines[lines:], bill.caps[caps:]
            fen, going_on = bill.charge(FULL, "", 1, self.row.full, cycles), None
        fen = bill.cut("", fen, self._cap(begin, cycles[0]), carried.used, cycles)
        bill.total += fen * (cycles[1] - cycles[0] + 1)
        return _Carried(left, 0, going_on)

    def _gone_on(self, charged: list[Part], begin: int, before: Part | None) -> list[Part]:
        """Let a part that a cycle's edge cuts begin where it did, if it is one that runs on."""
        if (
            before
            and charged
            and charged[0][0] == begin
            and charged[0][2] is before[2]
            and self._runs_on(before[2])
        ):
            return [(before[0], *charged[0][1:]), *charged[1:]]
        return charged

    def _parts(self, begin: int, end: int) -> list[Part]:
        (period, *others) = self.row.periods
        if self._alike() and not others and period.end - period.begin == DAY:
            return [(begin, end, period)]
        days = Days(self.row.periods, self.tariff.calendar, self.tariff.permits, self.context.permits)
        return days.parts(begin, end)

    def _part(self, bill: _Bill, part: Part, since: int, cycles: Stretch) -> int:
        """Charge what a part costs from the beginning of its cycle on, in each of these cycles."""
        begin, end, period = part
        before = since - begin
        fen = had = 0
        for step in period.steps:
            if end - begin <= step.begin:
                break
            units = self._units(step, end - begin)
            if before > step.begin:
                old = self._units(step, before)
                units -= old
                had += old * step.fen
            if units:
                fen += bill.charge(step.name, period.name, units, step.fen, cycles)
        return bill.cut(period.name, fen, period.cap, had, cycles)

    def _units(self, step: Step, length: int) -> int:
        """How many units of a step a part of this length counts."""
        if step.unit is None:
            return 1
        inside = (length if step.end is None or length < step.end else step.end) - step.begin
        units, rest = divmod(inside, step.unit)
        return units + (rest >= self.tariff.counts_from)

    def _cap(self, begin: int, index: int) -> int | None:
        length = self.stay[1] - self.stay[0]
        for cap in self.row.caps:
            if (
                (cap.up_to is None or length <= cap.up_to)
                and (cap.under is None or length < cap.under)
                and (self.row.same_every_day or self._holds(cap, begin))
            ):
                return cap.fen[min(index, len(cap.fen)) - 1]
        return None

    def _holds(self, cap: Cap, begin: int) -> bool:
        day = day_of(begin)
        return cap.when.holds(day, self.tariff.calendar.kind(day))


def _applicable(tariff: Tariff, entry: int, context: Context) -> list[Discount]:
    """The discounts that this vehicle may have, with the time that they are worth to it."""
    if not tariff.discounts and not context.coupons:
        return []
    permits = _permits(context, day_of(entry))
    charged = sum({order.order: order.seconds for order in context.charged}.values())
    found: list[Discount] = []
    for discount in tariff.discounts:
        before = list(_recent(tariff, context, entry, per_day=discount.per_day))
        if not _fits(discount, context, permits, charged, len(before)):
            continue
        time = min(discount.time, charged) if discount.charging else discount.time
        if unit := discount.budget:
            lengths = (max(0, seconds_of(stay.exit) - seconds_of(stay.entry)) for stay in before)
            time -= sum(-(-length // unit) * unit for length in lengths)
        found.append(replace(discount, time=max(0, time)))
    return [*found, *context.coupons]


def _fits(discount: Discount, context: Context, permits: set[str], charged: int, before: int) -> bool:
    """Whether it is for this vehicle, which charged for so many seconds and had so many stays before."""
    return (
        (not discount.plate_colors or context.plate_color in discount.plate_colors)
        and (not discount.permits or not discount.permits.isdisjoint(permits))
        and (not discount.channel or discount.channel == context.channel)
        and (not discount.charging or bool(charged))
        and (discount.first is None or before < discount.first)
    )


def _discounted(
    tariff: Tariff, fen: int, pool: list[Discount], with_off: Callable[[int], int]
) -> tuple[int, tuple[DiscountTaken, ...]]:
    """Take all discounts off, or the best one and those on top of it; `with_off` prices the stay with time off."""
    if not pool:
        return fen, ()
    each = [pool]
    if not tariff.stacked:
        on_top = [discount for discount in pool if discount.on_top]
        each = [[one, *on_top] for one in pool if not one.on_top] or [on_top]
    return min((_take_off(tariff, fen, some, with_off) for some in each), key=lambda left: left[0])


def _take_off(
    tariff: Tariff, fen: int, discounts: list[Discount], with_off: Callable[[int], int]
) -> tuple[int, tuple[DiscountTaken, ...]]:
    """Time first, then percent and money in the notice's order, then what takes all; never below nothing."""
    taken = [0] * len(discounts)

    def left(number: int, new: int) -> int:
        kept = min(fen, max(0, new))
        taken[number] += fen - kept
        return kept

    off = 0
    for number, discount in enumerate(discounts):
        if discount.time:
            off += discount.time
            fen = left(number, with_off(off))
    for kind in tariff.order:
        for number, discount in enumerate(discounts):
            if kind == "percent" and discount.hundredths:
                fen = left(number, tariff.rounding.part(fen, WHOLE - discount.hundredths))
            if kind == "money" and discount.fen:
                fen = left(number, fen - discount.fen)
    for number, discount in enumerate(discounts):
        if discount.whole:
            fen = left(number, 0)
    worth = zip(discounts, taken, strict=True)
    return fen, tuple(DiscountTaken(one.name, took, one.time) for one, took in worth if took)
