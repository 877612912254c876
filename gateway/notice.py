"""A price notice in TOML, and how it becomes a tariff. Pure: a document in, a `Tariff` or all its mistakes out.

Prices stand in yuan as in the notice (2.5, 3.75) and are exact: parse the document with `Decimal` for floats.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from hashlib import sha256
from itertools import product
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from gateway.findings import told
from gateway.tariff import rules
from gateway.tariff.calendar import Kind, calendar
from gateway.tariff.parts import seconds_of, spans_of
from gateway.tariff.rules import DAY, Dates, Tariff, When
from gateway.toml_positions import KeyPath

COLORS = ("blue", "yellow", "black", "white", "green-gradient", "yellow-green", "green", "blue-white")
"""Plate colours by their code from 0 (rsu-protocol 8.4)."""

_YUAN_LIMIT = 1_000_000
_LONGEST = 366 * DAY
_LENGTH = re.compile(r"(?=.)(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,6})min)?")
_CLOCK = re.compile(r"(\d\d):(\d\d)")
_SEASON = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)(?:\.\.(?:(\d{4})-)?(\d\d)-(\d\d))?")
_MANY = 64
_EMPTY = "起止时刻相同，时段为空 / from and to are the same: the period is empty"
_LEAP_YEAR = 2028
_NEVER = 2 * _LONGEST
"""No rest of a unit is that long: only completed units count."""


def _exact(value: object, places: int, highest: int) -> Decimal | None:
    """A number of at most so many decimals, from 0 to `highest`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and exponent >= -places and 0 <= number <= highest else None


def _yuan(value: object) -> int:
    number = _exact(value, 2, _YUAN_LIMIT)
    if number is None:
        raise ValueError(
            f"须为 0 到 {_YUAN_LIMIT} 元，最多两位小数，不加引号 / must be 0 to {_YUAN_LIMIT} yuan with at most "
            "two decimals, without quotes"
        )
    return int(number * 100)


def _yuan_or_list(value: object) -> tuple[int, ...]:
    if isinstance(value, list) and not 0 < len(value) <= _MANY:
        raise ValueError(f"须有 1 到 {_MANY} 个金额 / must have 1 to {_MANY} sums")
    return tuple(map(_yuan, value if isinstance(value, list) else [value]))


def _percent(value: object) -> int:
    number = _exact(value, 2, 100)
    if not number:
        raise ValueError(
            "须大于 0，至多 100，最多两位小数 / must be above 0, at most 100, with at most two decimals"
        )
    return int(number * 100)


def _times(value: object) -> Decimal:
    number = _exact(value, 4, 100)
    if not number:
        raise ValueError(
            "须大于 0，至多 100，最多四位小数 / must be above 0, at most 100, with at most four decimals"
        )
    return number


def _length(value: object) -> int:
    if isinstance(value, str) and (match := _LENGTH.fullmatch(value)):
        days, hours, minutes = (int(part or 0) for part in match.groups())
        seconds = days * DAY + hours * 3600 + minutes * 60
        if 0 < seconds <= _LONGEST:
            return seconds
    raise ValueError('须为时长，如 "30min"、"2h"、"1h30min"，至多 366d / must be a length such as "30min", "2h"')


def _within_a_day(value: object) -> int:
    seconds = _length(value)
    if seconds > DAY:
        raise ValueError("不得长于 24h / must not be longer than 24h")
    return seconds


def _clock(value: object) -> int:
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        seconds = int(match[1]) * 3600 + int(match[2]) * 60
        if int(match[2]) < 60 and seconds <= DAY:
            return seconds
    raise ValueError('须为 "00:00" 到 "24:00" 的时刻 / must be a time of day from "00:00" to "24:00"')


def _count(value: object) -> int:
    if value == "started":
        return 1
    if value == "completed":
        return _NEVER
    try:
        return _length(value)
    except ValueError:
        raise ValueError(
            '须为 "started"、"completed" 或零头起计的时长，如 "30min" / must be "started", "completed", or from '
            'how much of a unit on it counts, such as "30min"'
        ) from None


def _season(value: object) -> Dates:
    if isinstance(value, str) and (match := _SEASON.fullmatch(value)):
        numbers = [int(part or 0) for part in match.groups()]
        first, last = (numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5])
        if not last[1]:
            last = first
        real = all(_is_date(*end) for end in (first, last)) and bool(first[0]) == bool(last[0])
        if real and not (first[0] and first > last):
            return Dates(first, last)
    raise ValueError(
        '须为日期或起止日期，如 "10-01"、"03-01..11-30"、"2027-02-05..2027-02-12" / must be a date or two, as shown'
    )


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        date(year or _LEAP_YEAR, month, day)  # 02-29 may stand in a season
    except ValueError:
        return False
    return True


def _color(value: object) -> int:
    if isinstance(value, str) and value in COLORS:
        return COLORS.index(value)
    raise ValueError(f"须为 {'、'.join(COLORS)} 之一 / must be one of {', '.join(COLORS)}")


def _one_line(value: object) -> object:
    if isinstance(value, str) and not (value.strip() and value.isprintable()):
        raise ValueError("必须是一行文字 / must be one line of text")
    return value


Text = Annotated[str, Field(min_length=1, max_length=80), BeforeValidator(_one_line)]
Yuan = Annotated[int, BeforeValidator(_yuan)]
Percent = Annotated[int, BeforeValidator(_percent)]
Length = Annotated[int, BeforeValidator(_length)]
TimeOfDay = Annotated[int, BeforeValidator(_clock)]
Season = Annotated[Dates, BeforeValidator(_season)]
Color = Annotated[int, BeforeValidator(_color)]
Code = Annotated[int, Field(ge=0, le=255, description="车型代码 / rsu-protocol 8.4")]
Few = Field(max_length=_MANY)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class StepTable(_Table):
    """`{ until = "1h", unit = "30min", yuan = 2.5 }`: up to where in the part, each what, how much."""

    until: Length | None = None
    unit: Length | None = None
    yuan: Yuan
    name: Text | None = None


class _OnDays(_Table):
    days: Annotated[list[Kind], Field(max_length=3)] = []
    season: Annotated[list[Season], Few] = []

    def when(self) -> When:
        """On which days it holds."""
        return When(frozenset(self.days), tuple(self.season))


class PeriodTable(_OnDays):
    """`[[classes.periods]]`: a stretch of the day with its own steps, or free."""

    name: Text
    begin: Annotated[TimeOfDay, Field(alias="from")] = 0
    end: Annotated[TimeOfDay, Field(alias="to")] = DAY
    steps: Annotated[list[StepTable], Few] = []
    cap_yuan: Yuan | None = None
    free: bool = False

    @model_validator(mode="after")
    def _steps_or_free(self) -> "PeriodTable":
        if self.begin == self.end:
            raise ValueError(_EMPTY)
        if self.free == bool(self.steps):
            raise ValueError("须写 steps 或 free = true，二者取一 / must have either steps or free = true")
        return self


class CapTable(_OnDays):
    """`[[classes.caps]]`: the most that a cycle costs; a list gives the first, second, … cycle its own."""

    yuan: Annotated[tuple[int, ...], BeforeValidator(_yuan_or_list)]
    up_to: Length | None = None
    under: Length | None = None


class FreeTable(_Table):
    """`[free]`: time that costs nothing."""

    time: Length
    boundary: Literal["inclusive", "strict"] = "inclusive"
    exceeded: Literal["lost", "deducted"] = "lost"
    each: Literal["stay", "cycle"] = "stay"
    again_after: Annotated[int | None, BeforeValidator(_within_a_day)] = None
    uses: Annotated[int, Field(ge=1, le=100)] | None = None
    per: Literal["day", "24h"] = "24h"

    def rule(self) -> rules.Free:
        """As the engine wants it."""
        return rules.Free(
            self.time,
            strict=self.boundary == "strict",
            lost=self.exceeded == "lost",
            each_cycle=self.each == "cycle",
            again=self.again_after,
            uses=self.uses,
            per_day=self.per == "day",
        )


class RoundingTable(_Table):
    """`rounding = { to = "yuan", how = "half_up" }`."""

    to: Literal["fen", "jiao", "yuan"] = "fen"
    how: Literal["half_up", "up", "down"] = "half_up"

    def rule(self) -> rules.Rounding:
        """As the engine wants it."""
        return rules.Rounding({"fen": 1, "jiao": 10, "yuan": 100}[self.to], self.how)


class ClassTable(_Table):
    """`[[classes]]`: one row of the notice."""

    name: Text
    default: bool = False
    vehicle_classes: Annotated[list[Code], Field(max_length=256)] = []
    plate_colors: Annotated[list[Color], Few] = []
    permits: Annotated[list[Text], Few] = []
    exempt: bool = False
    like: Text | None = None
    times: Annotated[Decimal | None, BeforeValidator(_times)] = None
    plus_yuan: Yuan | None = None
    rounding: RoundingTable | None = None
    free: FreeTable | None = None
    steps: Annotated[list[StepTable], Few] = []
    periods: Annotated[list[PeriodTable], Few] = []
    caps: Annotated[list[CapTable], Few] = []
    full_yuan: Yuan | None = None
    uplift_percent: Percent | None = None


class PermitTable(_Table):
    """`[[permits]]`: a permit that makes time free on the days it is valid, from one time of day to another."""

    kind: Text
    name: Text
    begin: Annotated[TimeOfDay, Field(alias="from")] = 0
    end: Annotated[TimeOfDay, Field(alias="to")] = DAY

    @model_validator(mode="after")
    def _some_time(self) -> "PermitTable":
        if self.begin == self.end:
            raise ValueError(_EMPTY)
        return self


class DiscountTable(_Table):
    """`[[discounts]]`: what is taken off, and from whom."""

    name: Text
    plate_colors: Annotated[list[Color], Few] = []
    permits: Annotated[list[Text], Few] = []
    channel: Literal["etc", ""] = ""
    time: Length | None = None
    charging: bool = False
    percent: Percent | None = None
    yuan: Yuan | None = None
    whole: bool = False
    first: Annotated[int, Field(ge=1, le=100)] | None = None
    per: Literal["day", "24h"] = "day"
    budget: Length | None = None
    on_top: bool = False

    @model_validator(mode="after")
    def _takes_something(self) -> "DiscountTable":
        if not (self.time or self.percent or self.yuan or self.whole):
            raise ValueError(
                "须写 time、percent、yuan 或 whole = true / must have time, percent, yuan or whole = true"
            )
        if self.on_top and (self.time or self.whole):
            raise ValueError("on_top 只能与 percent、yuan 同用 / on_top goes with percent and yuan only")
        if (self.charging or self.budget) and not self.time:
            raise ValueError("charging、budget 须与 time 同用 / charging and budget go with time")
        if self.budget and self.first is None:
            raise ValueError("budget 须与 first 同用 / budget goes with first")
        return self

    def rule(self) -> rules.Discount:
        """As the engine wants it."""
        return rules.Discount(
            self.name,
            frozenset(self.plate_colors),
            frozenset(self.permits),
            self.channel,
            self.time or 0,
            self.charging,
            self.percent or 0,
            self.yuan or 0,
            self.whole,
            self.first,
            self.per == "day",
            self.budget,
            self.on_top,
        )


class BoundaryTable(_Table):
    """`[boundary]`: what becomes of a stay that crosses from one period into the next."""

    rule: Literal["cut", "unit", "short_before", "short_after", "once"]
    under: Length | None = None
    within: Length | None = None
    period: Text | None = None

    @model_validator(mode="after")
    def _what_it_needs(self) -> "BoundaryTable":
        needs = {"short_after": {"under"}, "once": {"within", "period"}}.get(self.rule, set())
        has = {key for key in ("under", "within", "period") if getattr(self, key) is not None}
        if needs != has:
            said = ", ".join(sorted(needs)) or "-"
            raise ValueError(f"{self.rule} 须且只须写: {said} / {self.rule} needs these and no others: {said}")
        return self


class PrepaidTable(_Table):
    """`[prepaid]`: how long one may take to leave after paying, and what is due later."""

    leave: Length
    later: Literal["difference", "anew"]


class CalendarTable(_Table):
    """`[calendar]`: days that the national calendar does not know (yet), and the lot's own free days."""

    holidays: Annotated[list[date], Field(max_length=1000)] = []
    working: Annotated[list[date], Field(max_length=1000)] = []
    free: Annotated[list[date], Field(max_length=1000)] = []


class ReplacesTable(_Table):
    """`[replaces]`: the version before, from when this one holds, and who prices a stay over that moment."""

    file: Text
    since: Annotated[AwareDatetime, Field(alias="from")]
    stays: Literal["entry", "exit", "split"]


class NoticeFile(_Table):
    """The whole file."""

    id: Text
    version: Text
    name: Text
    cycle: Literal["24h", "day", "stay"]
    clock: Literal["seconds", "minutes", "inward"] = "seconds"
    count: Annotated[int, BeforeValidator(_count)] = 1
    free: FreeTable | None = None
    boundary: BoundaryTable = BoundaryTable(rule="cut")
    classes: Annotated[list[ClassTable], Field(min_length=1, max_length=_MANY)]
    permits: Annotated[list[PermitTable], Few] = []
    discounts: Annotated[list[DiscountTable], Few] = []
    stacking: Literal["best", "stacked"] = "best"
    order: Annotated[list[Literal["percent", "money"]], Field(min_length=2, max_length=2)] = ["percent", "money"]
    rounding: RoundingTable = RoundingTable()
    shared_cap: bool = False
    prepaid: PrepaidTable | None = None
    calendar: CalendarTable = CalendarTable()
    replaces: ReplacesTable | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a tariff: the key path in its TOML, and what is allowed there (zh / en)."""

    path: KeyPath
    message: str


class TariffError(ValueError):
    """A document that is no tariff; `problems` holds every mistake in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        places = "; ".join(f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in problems)
        super().__init__(f"the tariff cannot be used: {places}")
        self.problems = problems


def parse(document: Mapping[str, object], replaced: Tariff | None = None) -> Tariff:
    """Read a tariff from a parsed document and the version it replaces; raise `TariffError` with all mistakes."""
    problems: list[Problem] = []
    notice = None
    try:
        notice = NoticeFile.model_validate(document)
    except ValidationError as error:
        problems += [Problem(*found) for found in told(error, NoticeFile)]
    problems += _cross_problems(document)
    if notice is None or problems:
        raise TariffError(tuple(dict.fromkeys(problems)))
    older = replaced.replaces if replaced else None
    if notice.replaces and older and seconds_of(notice.replaces.since) <= older.until:
        message = "须晚于被替代版本自己的起始时间 / must be later than when the older version itself began"
        raise TariffError((Problem(("replaces", "from"), message),))
    return _tariff(notice, document, replaced)


def _cross_problems(document: Mapping[str, object]) -> Iterator[Problem]:
    """What no table shows by itself; read from the document, so that a mistake in one hides none in another."""
    given = document.get("classes")
    rows = (
        [(number, row) for number, row in enumerate(given[:_MANY]) if isinstance(row, dict)]
        if isinstance(given, list)
        else []
    )
    yield from _default_problems(rows)
    yield from _name_problems(rows)
    yield from _code_problems(rows)
    for number, row in rows:
        yield from _row_problems(("classes", number), row)
        yield from _period_problems(number, row)
    yield from _boundary_problems(document, rows)
    yield from _calendar_problems(document)
    yield from _contradictions(document, rows)
    order = document.get("order")
    if isinstance(order, list) and len(order) == 2 and order[0] == order[1]:
        yield Problem(("order",), "percent 与 money 各写一次 / must name percent and money once each")


Rows = list[tuple[int, dict[str, object]]]


def _contradictions(document: Mapping[str, object], rows: Rows) -> Iterator[Problem]:
    if document.get("cycle") == "stay":
        for number, row in rows:
            if "full_yuan" in row:
                message = "cycle 为 stay 时没有整周期 / with cycle = stay there is no full cycle"
                yield Problem(("classes", number, "full_yuan"), message)
    prepaid = document.get("prepaid")
    if document.get("shared_cap") is True and isinstance(prepaid, dict) and prepaid.get("later") == "anew":
        message = "与 shared_cap 矛盾：新的停车另有封顶 / contradicts shared_cap: a new stay has a cap of its own"
        yield Problem(("prepaid", "later"), message)


def _default_problems(rows: Rows) -> Iterator[Problem]:
    defaults = [number for number, row in rows if row.get("default") is True]
    if rows and not defaults:
        yield Problem(("classes",), "必须有一个类别写 default = true / one class must say default = true")
    for number in defaults[1:]:
        yield Problem(
            ("classes", number, "default"),
            "只能有一个类别写 default = true / only one class may say default = true",
        )


def _name_problems(rows: Rows) -> Iterator[Problem]:
    seen: dict[str, bool] = {}
    for number, row in rows:
        name, like = row.get("name"), row.get("like")
        if isinstance(like, str) and not seen.get(like, False):
            known = ", ".join(name for name, priced in seen.items() if priced) or "-"
            yield Problem(
                ("classes", number, "like"),
                f"前面没有这个收费类别，有: {known} / no class above has this name; there are: {known}",
            )
        if isinstance(name, str):
            if name in seen:
                yield Problem(("classes", number, "name"), "与前面的收费类别重名 / is the name of an earlier class")
            seen[name] = row.get("exempt") is not True


def _code_problems(rows: Rows) -> Iterator[Problem]:
    listed: set[int] = set()
    for number, row in rows:
        codes = row.get("vehicle_classes")
        if not isinstance(codes, list) or row.get("plate_colors") or row.get("permits"):
            continue
        for code in codes:
            if isinstance(code, int) and code in listed:
                message = f"车型 {code} 已列过一次 / vehicle class {code} is already listed"
                yield Problem(("classes", number, "vehicle_classes"), message)
        listed |= {code for code in codes if isinstance(code, int)}


def _row_problems(where: KeyPath, row: dict[str, object]) -> Iterator[Problem]:
    """What a row must say: at what price, and for whom."""
    like, exempt = row.get("like") is not None, row.get("exempt", False) is not False
    if sum((bool(row.get("steps")), bool(row.get("periods")), like, exempt)) != 1:
        yield Problem(
            where,
            "须写 steps、[[classes.periods]]、like、exempt = true 四者之一 / must have one of steps, "
            "[[classes.periods]], like or exempt = true",
        )
    if ("times" in row or "plus_yuan" in row) and not like:
        yield Problem(where, "times、plus_yuan 须与 like 同用 / times and plus_yuan go with like")
    if not any(row.get(key) for key in ("default", "vehicle_classes", "plate_colors", "permits")):
        yield Problem(
            where,
            "须写 vehicle_classes、plate_colors、permits 或 default = true / must say for whom it is: "
            "vehicle_classes, plate_colors, permits or default = true",
        )
    yield from _step_problems((*where, "steps"), row.get("steps"))
    periods = row.get("periods")
    for place, period in enumerate(periods[:_MANY] if isinstance(periods, list) else []):
        if isinstance(period, dict):
            yield from _step_problems((*where, "periods", place, "steps"), period.get("steps"))


def _step_problems(where: KeyPath, given: object) -> Iterator[Problem]:
    """Each step ends beyond the one before, in whole units; the last does not end."""
    steps = given[:_MANY] if isinstance(given, list) else []
    begin: int | None = 0
    for number, step in enumerate(steps):
        table = step if isinstance(step, dict) else {}
        until, unit = _seconds(table.get("until")), _seconds(table.get("unit"))
        at = (*where, number)
        if "until" not in table:
            if number < len(steps) - 1:
                yield Problem(at, "只有最后一步可不写 until / only the last step may have no until")
        elif number == len(steps) - 1:
            yield Problem(
                (*at, "until"),
                "最后一步不得写 until，否则之后没有价格 / the last step must have no until: time beyond has no "
                "price",
            )
        elif until is not None and begin is not None:
            if until <= begin:
                yield Problem((*at, "until"), "until 须晚于前一步 / until must lie beyond the step before")
            elif unit is not None and (until - begin) % unit:
                yield Problem((*at, "unit"), "时长不是 unit 的整数倍 / is not a whole number of units long")
        begin = until


def _seconds(value: object) -> int | None:
    """A length, None for anything else."""
    try:
        return _length(value)
    except ValueError:
        return None


def _period_problems(number: int, row: dict[str, object]) -> Iterator[Problem]:
    given = row.get("periods")
    periods: list[tuple[int, PeriodTable]] = []
    for place, table in enumerate(given[:_MANY] if isinstance(given, list) else []):
        try:
            periods.append((place, PeriodTable.model_validate(table)))
        except ValidationError:
            continue  # told already
    for at, (place, period) in enumerate(periods):
        for _, earlier in periods[:at]:
            if period.name == earlier.name and period.steps != earlier.steps:
                message = "与前面的时段重名而价格不同 / has the name of an earlier period and other prices"
                yield Problem(("classes", number, "periods", place, "name"), message)
            if _overlap(period, earlier):
                message = f"与时段 {earlier.name!r} 重叠 / overlaps {earlier.name!r}: two prices at one moment"
                yield Problem(("classes", number, "periods", place), message)


def _overlap(one: PeriodTable, other: PeriodTable) -> bool:
    if one.days and other.days and not set(one.days) & set(other.days):
        return False
    if not any(
        a < d and c < b for a, b in spans_of(one.begin, one.end) for c, d in spans_of(other.begin, other.end)
    ):
        return False
    pairs = product(dict.fromkeys(one.season), dict.fromkeys(other.season))
    return not one.season or not other.season or any(_meet(*pair) for pair in pairs)


def _meet(one: Dates, other: Dates) -> bool:
    """Whether two stretches of days share one: then the first day of one of them lies in the other."""
    if one.first[0] and other.first[0]:
        return one.first <= other.last and other.first <= one.last
    days = (*_first_days(one, other), *_first_days(other, one))
    return any(one.holds(day) and other.holds(day) for day in days)


def _first_days(dates: Dates, other: Dates) -> Iterator[date]:
    """When it begins; if it does so every year, then in two years that matter to the other."""
    own, month, day = dates.first
    year = own or other.first[0] or _LEAP_YEAR
    for at in {year} if own else {year, min(year + 1, 9999)}:
        yield date(at, month, day) if _is_date(at, month, day) else date(at, 3, 1)


def _boundary_problems(document: Mapping[str, object], rows: Rows) -> Iterator[Problem]:
    boundary = document.get("boundary")
    wanted = boundary.get("period") if isinstance(boundary, dict) else None
    tables = [row.get("periods") for _, row in rows]
    names = {
        name
        for table in tables
        if isinstance(table, list)
        for period in table
        if isinstance(period, dict) and isinstance(name := period.get("name"), str)
    }
    if isinstance(wanted, str) and wanted not in names:
        known = ", ".join(sorted(names)) or "-"
        yield Problem(("boundary", "period"), f"没有这个时段，有: {known} / no such period; there are: {known}")


def _calendar_problems(document: Mapping[str, object]) -> Iterator[Problem]:
    table = document.get("calendar")
    closed, working = (
        _dates(table.get(key) if isinstance(table, dict) else None) for key in ("holidays", "working")
    )
    for day in working:
        if day in closed:
            message = f"{day} 又是假日又是工作日 / {day} is both a holiday and a working day"
            yield Problem(("calendar", "working"), message)


def _dates(given: object) -> dict[date, None]:
    return dict.fromkeys(day for day in (given if isinstance(given, list) else []) if isinstance(day, date))


def _tariff(notice: NoticeFile, document: Mapping[str, object], replaced: Tariff | None) -> Tariff:
    own = calendar(
        frozenset(notice.calendar.holidays), frozenset(notice.calendar.working), frozenset(notice.calendar.free)
    )
    rows: dict[str, rules.PriceClass] = {}
    for table in notice.classes:
        rows[table.name] = _row(table, notice, rows)
    dated = any(
        when.days
        for row in rows.values()
        for when in (*(period.when for period in row.periods), *(cap.when for cap in row.caps))
    )
    since = notice.replaces
    return Tariff(
        id=notice.id,
        version=notice.version,
        name=notice.name,
        cycle=notice.cycle,
        clock=notice.clock,
        counts_from=notice.count,
        crossed=_crossed(notice.boundary),
        # Of the rows that fit a vehicle the most particular counts: by permit, by colour, by class, the default.
        classes=tuple(
            sorted(
                rows.values(),
                key=lambda row: (not row.permits, not row.plate_colors, not row.vehicle_classes),
            )
        ),
        permits=tuple(rules.PermitRule(row.kind, row.name, row.begin, row.end) for row in notice.permits),
        discounts=tuple(row.rule() for row in notice.discounts),
        stacked=notice.stacking == "stacked",
        order=tuple(notice.order),
        rounding=notice.rounding.rule(),
        shared_cap=notice.shared_cap,
        prepaid=rules.Prepaid(notice.prepaid.leave, notice.prepaid.later == "anew") if notice.prepaid else None,
        calendar=own,
        replaces=rules.Replaced(replaced, seconds_of(since.since), since.stays) if since and replaced else None,
        content_hash=_content_hash(document, own.spelled() if dated else {}, replaced),
    )


def _crossed(table: BoundaryTable) -> rules.Crossed:
    return rules.Crossed(table.rule, table.under or table.within or 0, table.period or "")


def _row(table: ClassTable, notice: NoticeFile, rows: Mapping[str, rules.PriceClass]) -> rules.PriceClass:
    base = rows.get(table.like or "")
    rounding = (table.rounding or notice.rounding).rule()

    def times(fen: int) -> int:
        return rounding.part(fen, int((table.times or 1) * rules.WHOLE))

    def step(old: rules.Step) -> rules.Step:
        return replace(old, fen=times(old.fen) + (table.plus_yuan or 0))

    def cap(old: int | None) -> int | None:
        return None if old is None else times(old)

    if base:
        periods = tuple(
            replace(period, cap=cap(period.cap), steps=tuple(map(step, period.steps))) for period in base.periods
        )
    elif table.periods:
        periods = tuple(map(_period, table.periods))
    else:
        periods = (rules.Period("", 0, DAY, _steps(table.steps)),)
    caps = tuple(rules.Cap(row.yuan, row.up_to, row.under, row.when()) for row in table.caps)
    inherited = tuple(replace(row, fen=tuple(map(times, row.fen))) for row in base.caps) if base else ()
    free = table.free or notice.free
    uplift = base.uplift if base else None
    if table.uplift_percent:
        name = f"上浮 / uplift {Decimal(table.uplift_percent) / 100:f}%"
        uplift = rules.Uplift(name, table.uplift_percent, rounding)
    return rules.PriceClass(
        name=table.name,
        vehicle_classes=frozenset(table.vehicle_classes),
        plate_colors=frozenset(table.plate_colors),
        permits=frozenset(table.permits),
        default=table.default,
        exempt=table.exempt,
        free=table.free.rule() if table.free else base.free if base else free.rule() if free else None,
        periods=periods,
        caps=caps or inherited,
        full=table.full_yuan if table.full_yuan is not None else cap(base.full) if base else None,
        uplift=uplift,
    )


def _period(table: PeriodTable) -> rules.Period:
    return rules.Period(table.name, table.begin, table.end, _steps(table.steps), table.cap_yuan, table.when())


def _steps(tables: list[StepTable]) -> tuple[rules.Step, ...]:
    begins = [0, *(table.until or 0 for table in tables)]
    return tuple(
        rules.Step(table.name or _step_name(begin, table), begin, table.until, table.unit, table.yuan)
        for begin, table in zip(begins, tables, strict=False)
    )


def _step_name(begin: int, table: StepTable) -> str:
    """`0-2h /30min`: from where to where in the part, per what; the same in both languages."""
    if table.until is None and table.unit is None and not begin:
        return "每次 / per visit"
    reach = f"{length(begin)}-{length(table.until)}" if table.until else f">{length(begin)}" if begin else ""
    each = f"/{length(table.unit)}" if table.unit else ""
    return f"{reach} {each}".strip()


def length(seconds: int) -> str:
    """A length as a notice writes it: `2h`, `90min`, `1h30min`; 0 is `0`."""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}min' if minutes else ''}" or "0"


def _content_hash(document: Mapping[str, object], days: Mapping[str, str], replaced: Tariff | None) -> str:
    content = [document, days, replaced.content_hash if replaced else ""]
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(canonical.encode()).hexdigest()
