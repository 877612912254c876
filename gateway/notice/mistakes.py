"""The mistakes in a notice, all at once: what they are told as, and those that no table shows by itself."""

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import product

from pydantic import ValidationError

from gateway.notice.tables import PeriodTable
from gateway.notice.values import LEAP_YEAR, MANY, is_date, seconds
from gateway.tariff.parts import spans_of
from gateway.tariff.rules import Dates
from gateway.toml_positions import KeyPath
from protocols.immutable import dataclass

Rows = list[tuple[int, dict[str, object]]]
"""The `[[classes]]` that are tables, with their numbers from 0."""


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


def cross_problems(document: Mapping[str, object]) -> Iterator[Problem]:
    """What no table shows by itself; read from the document, so that a mistake in one hides none in another."""
    given = document.get("classes")
    rows: Rows = (
        [(number, row) for number, row in enumerate(given[:MANY]) if isinstance(row, dict)]
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
    for place, period in enumerate(periods[:MANY] if isinstance(periods, list) else []):
        if isinstance(period, dict):
            yield from _step_problems((*where, "periods", place, "steps"), period.get("steps"))


def _step_problems(where: KeyPath, given: object) -> Iterator[Problem]:
    """Each step ends beyond the one before, in whole units; the last does not end."""
    steps = given[:MANY] if isinstance(given, list) else []
    begin: int | None = 0
    for number, step in enumerate(steps):
        table = step if isinstance(step, dict) else {}
        until, unit = seconds(table.get("until")), seconds(table.get("unit"))
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


def _period_problems(number: int, row: dict[str, object]) -> Iterator[Problem]:
    given = row.get("periods")
    periods: list[tuple[int, PeriodTable]] = []
    for place, table in enumerate(given[:MANY] if isinstance(given, list) else []):
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
    year = own or other.first[0] or LEAP_YEAR
    for at in {year} if own else {year, min(year + 1, 9999)}:
        yield date(at, month, day) if is_date(at, month, day) else date(at, 3, 1)


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
