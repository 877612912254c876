"""Random price notices, stays and vehicles from a seed; every notice is valid, and all its prices are made up.

Numbers are small and few, so that the rules meet often: grace, units, periods and caps end at the same minutes.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random
from typing import Any

from gateway.notice.tables import DiscountTable
from gateway.notice.tariff import parse
from gateway.tariff.quote import Charged, Context, Earlier, Paid, Parked, Permit
from gateway.tariff.rules import Tariff
from tools.tariff_oracle import CHINA, COLORS, Question, Version, answer, seconds

Document = dict[str, Any]

_DATES = (date(2024, 2, 28), date(2024, 6, 5), date(2024, 9, 27), date(2024, 12, 30), date(2025, 1, 26))
"""Around a leap day, an ordinary week, a holiday with days made up for, New Year, the Spring Festival."""

_SEASONS = (["03-01..09-30"], ["10-01..02-29"], ["12-31..01-02", "09-28"], ["2024-10-01..2024-10-07"])
_KINDS = ("working", "weekend", "holiday")
_PERMITS = ("resident", "staff")
_ROWS = ("A", "B", "C", "D")


@dataclass(frozen=True)
class Case:
    """A question with the tariff it is about, and the seed and number that make it again."""

    seed: int
    number: int
    question: Question
    tariff: Tariff

    def context(self) -> Context:
        """The vehicle as the engine wants it."""
        coupons = tuple(DiscountTable.model_validate(table).rule() for table in self.question.coupons)
        return replace(self.question.context, coupons=coupons)

    def __str__(self) -> str:
        version: Version | None = self.question.version
        told = [f"seed {self.seed}, case {self.number}", f"{self.question.parked}", f"{self.context()}"]
        while version:
            told += ["--- notice", toml(version.document)]
            version = version.before
        return "\n".join(told)


def compiled(version: Version) -> Tariff:
    """The tariff that a version's document says."""
    return parse(version.document, compiled(version.before) if version.before else None)


def toml(document: Mapping[str, Any]) -> str:
    """A document as a notice would write it, one line for each of its keys."""
    return "\n".join(f"{key} = {_value(value)}" for key, value in document.items())


def _value(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return "{ " + ", ".join(f"{key} = {_value(inner)}" for key, inner in value.items()) + " }"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
        case date():
            return value.isoformat()
        case _:
            return str(value)


def cases(seed: int, count: int) -> Iterator[Case]:
    """So many cases; one notice is asked several times."""
    random = Random(seed)
    for number in range(count):
        if number % 5 == 0:
            version = _version(random)
            tariff = compiled(version)
        yield Case(seed, number, _question(random, version), tariff)


def _often(random: Random, share: float) -> bool:
    return random.random() < share


def _length(random: Random, *minutes: int) -> str:
    many = random.choice(minutes)
    hours, rest = divmod(many, 60)
    return f"{f'{hours}h' if hours else ''}{f'{rest}min' if rest else ''}"


def _yuan(random: Random, highest: int) -> Decimal | int:
    whole = random.randint(0, highest)
    return whole if _often(random, 0.6) else Decimal(whole) + random.choice((Decimal("0.5"), Decimal("0.25")))


def _some(random: Random, share: float, table: dict[str, Callable[[], Any]]) -> Document:
    """Each of these keys with this probability."""
    return {key: make() for key, make in table.items() if _often(random, share)}


def _version(random: Random) -> Version:
    newest = _notice(random)
    if not _often(random, 0.15):
        return Version(newest)
    older = _notice(random)
    # Both count seconds or neither does: a long stay counted second by second takes the oracle too long.
    older["clock"] = "seconds"
    if newest.get("clock", "seconds") != "seconds":
        older["clock"] = random.choice(("minutes", "inward"))
    for row, name in zip(older["classes"], _ROWS, strict=False):
        row["name"] = name
    since = datetime.combine(random.choice(_DATES), datetime.min.time(), CHINA)
    newest["replaces"] = {
        "file": "older.toml",
        "from": since + timedelta(minutes=random.choice((0, 0, 90, 18 * 60))),
        "stays": random.choice(("entry", "exit", "split")),
    }
    return Version(newest, Version(older))


def _notice(random: Random) -> Document:
    rows = [_row(random, name, number) for number, name in enumerate(_ROWS[: random.randint(1, 4)])]
    for number in range(1, len(rows)):
        if _often(random, 0.4):
            rows[number] = _derived(random, rows[number], rows[:number])
    document: Document = {
        "id": "P00-random",
        "version": "1",
        "name": "made up",
        "cycle": random.choice(("24h", "24h", "day", "day", "stay")),
        "classes": rows,
    }
    document |= _some(random, 0.5, {"free": lambda: _free(random)})
    document |= _some(random, 0.3, {"count": lambda: random.choice(("started", "completed", "15min", "7min"))})
    document |= _some(random, 0.3, {"clock": lambda: random.choice(("seconds", "minutes", "inward"))})
    document |= _some(random, 0.25, {"permits": lambda: _permits(random), "calendar": lambda: _calendar(random)})
    document |= _some(random, 0.4, {"discounts": lambda: _discounts(random), "rounding": lambda: _rounding(random)})
    document |= _some(random, 0.5, {"stacking": lambda: random.choice(("best", "stacked", "stacked"))})
    document |= _some(random, 0.3, {"order": lambda: random.sample(["percent", "money"], 2)})
    document |= _some(random, 0.2, {"shared_cap": lambda: True, "prepaid": lambda: _prepaid(random)})
    if boundary := _boundary(random, rows):
        document["boundary"] = boundary
    return _without_contradictions(document)


def _without_contradictions(document: Document) -> Document:
    """Leave out what the notice may not say together."""
    if document["cycle"] == "stay":
        for row in document["classes"]:
            row.pop("full_yuan", None)
    if document.get("prepaid", {}).get("later") == "anew":
        document.pop("shared_cap", None)
    return document


def _row(random: Random, name: str, number: int) -> Document:
    row: Document = {"name": name} | _for_whom(random, number)
    if number and _often(random, 0.1):
        return row | {"exempt": True}
    if _often(random, 0.55):
        row["periods"] = _periods(random)
    else:
        row["steps"] = _steps(random)
    return row | _sums(random)


def _for_whom(random: Random, number: int) -> Document:
    """Row 0 is the default; each of the others has a vehicle class of its own, a colour, a permit, or several."""
    given: Document = {"default": True} if not number else {}
    given |= _some(
        random,
        0.4,
        {
            "plate_colors": lambda: random.sample(COLORS[:3], random.randint(1, 2)),
            "permits": lambda: [random.choice(_PERMITS)],
        },
    )
    if not given or _often(random, 0.4):
        given["vehicle_classes"] = [number + 1]
    return given


def _sums(random: Random) -> Document:
    return _some(
        random,
        0.25,
        {
            "free": lambda: _free(random),
            "full_yuan": lambda: _yuan(random, 40),
            "uplift_percent": lambda: random.choice((10, 50, Decimal("12.5"))),
            "rounding": lambda: _rounding(random),
        },
    ) | _some(random, 0.55, {"caps": lambda: _caps(random)})


def _derived(random: Random, row: Document, before: list[Document]) -> Document:
    names = [other["name"] for other in before if "exempt" not in other]
    kept = {key: value for key, value in row.items() if key not in ("steps", "periods", "exempt")}
    if _often(random, 0.6):
        kept.pop("caps", None)
    times = {"times": lambda: random.choice((2, Decimal("1.5"), Decimal("0.3333")))}
    plus = {"plus_yuan": lambda: _yuan(random, 3)}
    return kept | {"like": random.choice(names)} | _some(random, 0.6, times) | _some(random, 0.4, plus)


def _steps(random: Random) -> list[Document]:
    steps: list[Document] = []
    until = 0
    for _ in range(random.choice((0, 0, 1, 1, 2))):
        unit, many = random.choice((15, 30, 60)), random.randint(1, 4)
        until += unit * many
        steps.append({"until": f"{until}min", "yuan": _yuan(random, 8)})
        if _often(random, 0.6):
            steps[-1]["unit"] = f"{unit}min"
    last: Document = {"yuan": _yuan(random, 8)}
    if _often(random, 0.8):
        last["unit"] = _length(random, 7, 15, 30, 60, 120, 480, 24 * 60)
    return [*steps, last]


def _periods(random: Random) -> list[Document]:
    """The day's clock cut at some half hours; what lies between two cuts is a period, twice one, free, or none."""
    cuts = sorted(random.sample(range(48), random.randint(2, 4)))
    if _often(random, 0.2):
        cuts = [0, *cuts[1:]]
    names = iter("abcdefgh")
    periods: list[Document] = []
    for begin, end in zip(cuts, [*cuts[1:], cuts[0]], strict=True):
        span = {"from": _clock(begin), "to": _clock(end) if end else "24:00"}
        periods += _in_span(random, span, names)
    if not any("steps" in period for period in periods):
        periods[0].pop("free", None)
        periods[0]["steps"] = _steps(random)
    return periods


def _clock(half_hours: int) -> str:
    return f"{half_hours // 2:02}:{'30' if half_hours % 2 else '00'}"


def _in_span(random: Random, span: Document, names: Iterator[str]) -> list[Document]:
    first, second = _period(random, span, next(names)), _period(random, span, next(names))
    match random.choice(("one", "one", "one", "one", "days", "season", "working only")):
        case "days":
            return [first | {"days": ["working"]}, second | {"days": ["weekend", "holiday"]}]
        case "season":
            return [first | {"season": _SEASONS[0]}, second | {"season": _SEASONS[1]}]
        case "working only":
            return [first | {"days": ["working"]}]
        case _:
            return [first]


def _period(random: Random, span: Document, name: str) -> Document:
    period: Document = {"name": name} | span
    if _often(random, 0.15):
        return period | {"free": True}
    return period | {"steps": _steps(random)} | _some(random, 0.3, {"cap_yuan": lambda: _yuan(random, 20)})


def _caps(random: Random) -> list[Document]:
    caps = [_cap(random) for _ in range(random.choice((0, 0, 1, 2)))]
    every = [_yuan(random, 40) for _ in range(random.randint(1, 3))]
    return [*caps, {"yuan": every if len(every) > 1 else every[0]}] if _often(random, 0.8) or not caps else caps


def _cap(random: Random) -> Document:
    only: list[Document] = [
        {"up_to": _length(random, 120, 480, 24 * 60, 36 * 60)},
        {"under": _length(random, 120, 480, 24 * 60, 36 * 60)},
        {"days": random.sample(_KINDS, random.randint(1, 2))},
        {"season": random.choice(_SEASONS)},
    ]
    cap: Document = {"yuan": [_yuan(random, 30)] if _often(random, 0.5) else _yuan(random, 30)}
    for condition in random.sample(only, random.choice((1, 1, 2))):
        cap |= condition
    return cap


def _free(random: Random) -> Document:
    free: Document = {"time": _length(random, 5, 15, 30, 60, 90, 150)}
    return (
        free
        | _some(random, 0.3, {"boundary": lambda: "strict", "each": lambda: "cycle"})
        | _some(random, 0.4, {"exceeded": lambda: "deducted"})
        | _some(random, 0.2, {"again_after": lambda: _length(random, 15, 60), "uses": lambda: random.randint(1, 2)})
        | _some(random, 0.4, {"per": lambda: random.choice(("day", "24h"))})
    )


def _rounding(random: Random) -> Document:
    return {"to": random.choice(("fen", "jiao", "yuan")), "how": random.choice(("half_up", "up", "down"))}


def _permits(random: Random) -> list[Document]:
    kinds = random.sample(_PERMITS, random.randint(1, 2))
    return [{"kind": kind, "name": f"for {kind}"} | _hours(random) for kind in kinds]


def _hours(random: Random) -> Document:
    begin, end = random.sample(range(48), 2)
    hours = _some(random, 0.7, {"from": lambda: _clock(begin), "to": lambda: _clock(end)})
    empty = hours.get("from", "00:00") == hours.get("to", "24:00")
    return {"to": "12:00"} if empty else hours


def _calendar(random: Random) -> Document:
    days = [day + timedelta(days=number) for day in _DATES for number in range(5)]
    holidays, working, free = (random.sample(days, 5) for _ in range(3))
    table = {"holidays": holidays, "working": [day for day in working if day not in holidays], "free": free}
    return {key: table[key] for key in random.sample(sorted(table), random.randint(1, 3))}


def _discounts(random: Random) -> list[Document]:
    return [_discount(random, f"discount {number}") for number in range(random.randint(1, 4))]


def _discount(random: Random, name: str) -> Document:
    discount = _coupon(random, name)
    discount |= _some(
        random,
        0.2,
        {
            "plate_colors": lambda: random.sample(COLORS[:3], 2),
            "permits": lambda: [random.choice(_PERMITS)],
            "channel": lambda: "etc",
            "first": lambda: random.randint(1, 3),
            "per": lambda: random.choice(("day", "24h")),
        },
    )
    if "time" in discount:
        discount |= _some(random, 0.2, {"charging": lambda: True})
        if _often(random, 0.3):
            discount |= {"first": random.randint(2, 4), "budget": _length(random, 15, 60)}
    return discount


def _coupon(random: Random, name: str) -> Document:
    kind = random.choice(("time", "time", "percent", "yuan", "several", "whole"))
    taken: Document = {
        "time": _length(random, 30, 60, 120, 300),
        "percent": random.choice((10, 30, 50, 100, Decimal("33.33"))),
        "yuan": _yuan(random, 10),
        "whole": True,
    }
    taken["yuan"] = taken["yuan"] or 1
    keys = random.sample(("time", "percent", "yuan"), 2) if kind == "several" else [kind]
    discount: Document = {"name": name} | {key: taken[key] for key in keys}
    if not {"time", "whole"} & discount.keys():
        discount |= _some(random, 0.3, {"on_top": lambda: True})
    return discount


def _prepaid(random: Random) -> Document:
    return {"leave": _length(random, 5, 15, 30), "later": random.choice(("difference", "anew"))}


def _boundary(random: Random, rows: list[Document]) -> Document | None:
    names = [period["name"] for row in rows for period in row.get("periods", [])]
    if not names or _often(random, 0.3):
        return None
    match random.choice(("unit", "unit", "short_before", "short_after", "once", "once")):
        case "short_after":
            return {"rule": "short_after", "under": _length(random, 30, 60, 180)}
        case "once":
            within = _length(random, 120, 480, 14 * 60)
            return {"rule": "once", "within": within, "period": random.choice(names)}
        case rule:
            return {"rule": rule}


def _question(random: Random, version: Version) -> Question:
    parked = _parked(random, version)
    bare = Question(version, parked, _context(random, version, parked), _coupons(random))
    if "prepaid" not in version.document or _often(random, 0.3):
        return bare
    return replace(bare, context=replace(bare.context, paid=_paid(random, bare)))


def _coupons(random: Random) -> tuple[Document, ...]:
    return tuple(_coupon(random, f"coupon {number}") for number in range(random.choice((0, 0, 0, 0, 1, 2))))


def _parked(random: Random, version: Version) -> Parked:
    entry, length = _entry(random, version), timedelta(minutes=_stay_minutes(random, version))
    if version.before and _often(random, 0.7):
        entry, length = _over_the_change(random, version.document["replaces"]["from"], length)
    elif "boundary" in version.document and _often(random, 0.4):
        entry, length = _at_the_boundary(random, version, entry, length)
    rounds = version.document.get("clock", "seconds") != "seconds"
    if rounds:
        entry += timedelta(seconds=random.choice((0, 0, 1, 30, 59)))
        length += timedelta(seconds=random.choice((0, 0, 1, 30, 59)))
    elif _often(random, 0.05):
        entry += timedelta(seconds=random.randint(0, 59))
        length = timedelta(seconds=random.randint(0, 4000))
    exit_ = entry + length
    if _often(random, 0.2):
        entry, exit_ = (at.replace(microsecond=random.choice((0, 1, 999_999))) for at in (entry, exit_))
    return Parked(_elsewhere(random, entry), _elsewhere(random, max(entry, exit_)))


def _entry(random: Random, version: Version) -> datetime:
    day = random.choice(_DATES) + timedelta(days=random.randint(0, 6))
    return datetime.combine(day, datetime.min.time(), CHINA) + timedelta(minutes=_minute_of_day(random, version))


def _over_the_change(random: Random, since: datetime, length: timedelta) -> tuple[datetime, timedelta]:
    """A stay that begins or ends beside the change of versions, or begins before and ends after it."""
    beside = timedelta(minutes=random.choice((-1, 0, 0, 0, 1)))
    match random.choice(("begins", "ends", "over", "over", "over")):
        case "begins":
            return since + beside, length
        case "ends":
            return since + beside - length, length
        case _:
            before = timedelta(minutes=random.choice((30, 90, random.randint(1, 2000))))
            return since - before, before + length


def _at_the_boundary(
    random: Random, version: Version, entry: datetime, length: timedelta
) -> tuple[datetime, timedelta]:
    """A stay as long as the rule allows, or one whose last part is, or a minute more or less."""
    rule: Document = version.document["boundary"]
    beside = timedelta(minutes=random.choice((-1, 0, 0, 1)))
    if "within" in rule:
        return entry, timedelta(seconds=seconds(rule["within"])) + beside
    if "under" in rule:
        before = timedelta(minutes=random.choice((30, 61, random.randint(1, 600))))
        hours, minutes = random.choice(_begins(version)).split(":")
        begin = entry.replace(hour=int(hours), minute=int(minutes))
        return begin - before, before + timedelta(seconds=seconds(rule["under"])) + beside
    return entry, length


def _begins(version: Version) -> list[str]:
    """At what time of the day the periods begin."""
    return [period.get("from", "00:00") for row in version.document["classes"] for period in row.get("periods", [])]


def _elsewhere(random: Random, at: datetime) -> datetime:
    if _often(random, 0.8):
        return at
    return at.astimezone(timezone(timedelta(minutes=random.choice((-570, 0, 345)))))


def _minute_of_day(random: Random, version: Version) -> int:
    """Any minute, or one beside the begin of a period."""
    clocks = _begins(version)
    if not clocks or _often(random, 0.4):
        return random.choice((0, random.randrange(24 * 60), 30 * random.randrange(48)))
    hours, minutes = random.choice(clocks).split(":")
    near = int(hours) * 60 + int(minutes) + random.choice((0, 1, -1, -15, -30, -45, -61))
    return near % (24 * 60)


def _stay_minutes(random: Random, version: Version) -> int:
    """Mostly some hours, at most ten days; often at a limit of the notice or a minute beside it."""
    beside = random.choice((-1, 0, 0, 1))
    match random.choices(("limit", "hours", "days", "long"), (35, 45, 17, 3))[0]:
        case "limit":
            grace = [version.document["free"]["time"]] * 3 if "free" in version.document else []
            limits = [seconds(text) // 60 for text in (*grace, *_lengths(version.document))]
            whole_days = random.choice((0, 0, 0, 1, 2)) * 24 * 60
            return max(0, random.choice([*limits, 0]) * random.choice((1, 1, 1, 2)) + whole_days + beside)
        case "hours":
            return int(math.exp(random.uniform(0, math.log(20 * 60))))
        case "days":
            return random.choice((1, 2)) * 24 * 60 + random.choice((beside, random.randint(-300, 600)))
        case _:
            return random.randint(0, 10 * 24 * 60)


def _lengths(value: object) -> Iterator[str]:
    """All lengths in the document that are no longer than two days."""
    inner = value.items() if isinstance(value, dict) else ()
    for key, one in inner:
        if key in ("time", "unit", "until", "under", "up_to", "within", "leave"):
            yield one
        yield from _lengths(one)
    if isinstance(value, list):
        for one in value:
            yield from _lengths(one)


def _context(random: Random, version: Version, parked: Parked) -> Context:
    names = {row["name"] for row in version.document["classes"]}
    if version.before:
        names &= {row["name"] for row in version.before.document["classes"]}
    by_name = _often(random, 0.1)
    return Context(
        vehicle_class=random.choice(sorted(names)) if by_name else random.randint(1, 5),
        plate_color=random.choice((None, 0, 1, 2)),
        permits=tuple(_permit(random, kind, parked) for kind in _PERMITS if _often(random, 0.4)),
        earlier=tuple(_earlier(random, parked) for _ in range(random.choice((0, 0, 1, 2, 3)))),
        charged=tuple(
            Charged(random.choice("xy"), random.choice((30, 45, 90)) * 60)
            for _ in range(random.choice((0, 0, 1, 2)))
        ),
        channel=random.choice(("", "etc")),
    )


def _permit(random: Random, kind: str, parked: Parked) -> Permit:
    day = parked.entry.astimezone(CHINA).date()
    first = day + timedelta(days=random.randint(-2, 1)) if _often(random, 0.4) else None
    last = day + timedelta(days=random.randint(0, 2)) if _often(random, 0.4) else None
    return Permit(kind, first, last)


def _earlier(random: Random, parked: Parked) -> Earlier:
    ago = random.choice((15, 16, 60, 61, random.randint(0, 600), random.randint(0, 1600)))
    length = timedelta(minutes=random.choice((15, 31, 60, 180, 1439)))
    exit_ = parked.entry.replace(second=0, microsecond=0) - timedelta(minutes=ago)
    if _often(random, 0.2):
        exit_ += timedelta(minutes=ago - 24 * 60) + length  # it began 24 hours ago
    entry = exit_ - length
    return Earlier(entry, exit_, random.randint(0, 30) * 50, free=_often(random, 0.6))


def _paid(random: Random, bare: Question) -> tuple[Paid, ...]:
    """One or two payments, mostly in full, and mostly so near the exit that the time to leave counts."""
    leave = seconds(bare.version.document["prepaid"]["leave"]) // 60
    entry = bare.parked.entry.astimezone(CHINA).replace(second=0, microsecond=0)
    stay = int((bare.parked.exit - entry) / timedelta(minutes=1))
    before = random.choice((leave, leave + 1, leave + 2, random.randint(0, stay)))
    at = entry + timedelta(minutes=max(0, stay - before))
    if bare.version.document.get("clock", "seconds") != "seconds":
        at += timedelta(seconds=random.choice((0, 0, 1, 59)))
    moment = max(bare.parked.entry, min(at, bare.parked.exit))
    due = answer(replace(bare, parked=Parked(bare.parked.entry, moment))).total
    full = Paid(at, max(0, due + random.choice((0, 0, 0, 0, -1, 100))))
    if _often(random, 0.6):
        return (full,)
    half = Paid(at - timedelta(minutes=random.randint(0, 60)), full.fen // 2)
    return random.choice(((full, half), (half, replace(full, fen=full.fen - half.fen)), (full, full)))
