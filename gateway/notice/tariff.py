"""A notice becomes a tariff: its tables compiled to the engine's rules. Pure: a document in, a `Tariff` out."""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256

from pydantic import ValidationError

from gateway.findings import told
from gateway.notice.mistakes import Problem, TariffError, cross_problems
from gateway.notice.tables import BoundaryTable, ClassTable, NoticeFile, PeriodTable, StepTable
from gateway.notice.values import spoken
from gateway.tariff import rules
from gateway.tariff.calendar import calendar
from gateway.tariff.parts import seconds_of
from gateway.tariff.rules import DAY, Tariff


def parse(document: Mapping[str, object], replaced: Tariff | None = None) -> Tariff:
    """Read a tariff from a parsed document and the version it replaces; raise `TariffError` with all mistakes."""
    problems: list[Problem] = []
    notice = None
    try:
        notice = NoticeFile.model_validate(document)
    except ValidationError as error:
        problems += [Problem(*found) for found in told(error, NoticeFile)]
    problems += cross_problems(document)
    if notice is None or problems:
        raise TariffError(tuple(dict.fromkeys(problems)))
    older = replaced.replaces if replaced else None
    if notice.replaces and older and seconds_of(notice.replaces.since) <= older.until:
        message = "须晚于被替代版本自己的起始时间 / must be later than when the older version itself began"
        raise TariffError((Problem(("replaces", "from"), message),))
    return _tariff(notice, document, replaced)


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
    """As a driver says it: `前2小时每30分钟`, `2小时至4小时`, `2小时后每1小时`, `每1小时`, `每次`."""
    each = f"每{spoken(table.unit)}" if table.unit else ""
    if table.until:
        return f"{spoken(begin)}至{spoken(table.until)}{each}" if begin else f"前{spoken(table.until)}{each}"
    return f"{spoken(begin)}后{each}" if begin else each or "每次"


def _content_hash(document: Mapping[str, object], days: Mapping[str, str], replaced: Tariff | None) -> str:
    content = [document, days, replaced.content_hash if replaced else ""]
    canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(canonical.encode()).hexdigest()
