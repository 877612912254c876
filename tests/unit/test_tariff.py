"""What a stay costs: one small notice for each rule, its sums worked out by hand. All prices are made up."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal

import pytest
import tomli

from gateway.notice.tariff import parse
from gateway.tariff.engine import EXEMPT, FREE, FULL, quote
from gateway.tariff.quote import (
    CapCut,
    Charged,
    Context,
    DiscountTaken,
    Earlier,
    Line,
    Paid,
    Parked,
    Permit,
    Quote,
    QuoteError,
)
from gateway.tariff.rules import Discount, Rounding, Tariff

CHINA = timezone(timedelta(hours=8))
MONDAY = datetime(2024, 6, 3, tzinfo=CHINA)
"""Day 1 of all stays here: a working day, as are the four after it; day 8 is the Dragon Boat Festival."""
SECOND = timedelta(seconds=1)

HOURLY = 'steps = [{ unit = "1h", yuan = 1 }]'
HALF_HOURS = 'steps = [{ unit = "30min", yuan = 1 }]'
LADDER = 'steps = [{ until = "1h", yuan = 5 }, { unit = "30min", yuan = 2 }]'
VISIT = "steps = [{ yuan = 10 }]"


def notice(head: str, *tables: str, replaced: Tariff | None = None) -> Tariff:
    """A notice; without a cycle of its own it begins anew every 24 hours."""
    cycle = "" if "cycle = " in head else 'cycle = "24h"\n'
    text = "\n".join((f'id = "t"\nversion = "1"\nname = "made up"\n{cycle}{head}', *tables))
    return parse(tomli.loads(text, parse_float=Decimal), replaced)


def row(prices: str, name: str = "all", whom: str = "default = true") -> str:
    return f'[[classes]]\nname = "{name}"\n{whom}\n{prices}'


def period(name: str, hours: str, more: str) -> str:
    begin, _, end = hours.partition("-")
    return f'[[classes.periods]]\nname = "{name}"\nfrom = "{begin}"\nto = "{end}"\n{more}'


def at(text: str) -> datetime:
    """`9:00` of day 1, `3 9:00` of day 3; seconds may follow."""
    day, _, clock = text.rpartition(" ")
    hours, minutes, *seconds = map(int, clock.split(":"))
    length = timedelta(days=int(day or 1) - 1, hours=hours, minutes=minutes, seconds=sum(seconds))
    return MONDAY + length


def stay(tariff: Tariff, entry: str, exit_: str, context: Context | None = None) -> Quote:
    answer = quote(tariff, Parked(at(entry), at(exit_)), context or Context())
    assert all(line.fen == line.units * line.unit_fen for line in answer.lines)
    lines, caps, discounts = (
        sum(one.fen for one in rows) for rows in (answer.lines, answer.caps, answer.discounts)
    )
    assert answer.total == lines - caps - discounts
    return answer


def yuan(tariff: Tariff, entry: str, exit_: str, context: Context | None = None) -> float:
    return stay(tariff, entry, exit_, context).total / 100


def told(answer: Quote) -> list[str]:
    """The lines, each as `rule, period: units x fen, cycles`."""
    return [
        f"{line.rule}, {line.period}: {line.units} x {line.unit_fen}, {line.from_cycle}-{line.to_cycle}"
        for line in answer.lines
    ]


# --- free time ---------------------------------------------------------------------------------------------


def test_free_time_includes_its_last_second_and_a_longer_stay_pays_from_entry() -> None:
    tariff = notice('free = { time = "30min" }', row(HALF_HOURS))
    for exit_ in ("9:00", "9:00:01", "9:30"):
        answer = stay(tariff, "9:00", exit_)
        assert (told(answer), answer.total, answer.free) == ([f"{FREE}, : 1 x 0, 1-1"], 0, True)
    answer = stay(tariff, "9:00", "9:30:01")
    assert (told(answer), answer.free) == (["每30分钟, : 2 x 100, 1-1"], False)


def test_strict_free_time_ends_before_its_last_second() -> None:
    tariff = notice('free = { time = "30min", boundary = "strict" }', row(HALF_HOURS))
    assert yuan(tariff, "9:00", "9:29:59") == 0
    assert yuan(tariff, "9:00", "9:30") == 1


def test_free_time_that_is_deducted_is_not_lost() -> None:
    tariff = notice('free = { time = "30min", exceeded = "deducted" }', row(HALF_HOURS))
    assert stay(tariff, "9:00", "9:30").free
    assert yuan(tariff, "9:00", "10:00") == 1
    assert yuan(tariff, "9:00", "10:00:01") == 2
    assert not stay(tariff, "9:00", "10:00").free


def test_steps_begin_where_the_deducted_time_ends() -> None:
    tariff = notice('free = { time = "30min", exceeded = "deducted" }', row(LADDER))
    assert yuan(tariff, "9:00", "10:30") == 5
    assert yuan(tariff, "9:00", "10:30:01") == 7


def test_free_time_may_last_days() -> None:
    tariff = notice('free = { time = "2d" }', row(VISIT))
    assert yuan(tariff, "9:00", "3 9:00") == 0
    assert yuan(tariff, "9:00", "3 9:00:01") == 30


def test_free_time_in_each_cycle() -> None:
    tariff = notice('free = { time = "30min", each = "cycle" }', row(HALF_HOURS))
    answer = stay(tariff, "9:00", "2 9:30")
    assert told(answer) == ["每30分钟, : 48 x 100, 1-1", f"{FREE}, : 1 x 0, 2-2"]
    assert told(stay(tariff, "9:00", "2 9:30:01"))[1] == "每30分钟, : 2 x 100, 2-2"


def test_free_time_deducted_in_each_cycle() -> None:
    tariff = notice('free = { time = "30min", each = "cycle", exceeded = "deducted" }', row(HALF_HOURS))
    assert yuan(tariff, "9:00", "2 9:00") == 47
    assert yuan(tariff, "9:00", "3 10:00") == 47 * 2 + 1


def test_free_time_belongs_to_the_first_cycle_alone_where_it_is_deducted_from_the_stay() -> None:
    tariff = notice('free = { time = "30min", exceeded = "deducted" }', row(HALF_HOURS))
    assert yuan(tariff, "9:00", "3 9:00") == 47 + 48


def test_a_row_may_have_free_time_of_its_own() -> None:
    own = row(f'free = {{ time = "1h" }}\n{HOURLY}', "own", "vehicle_classes = [2]")
    tariff = notice('free = { time = "15min" }', row(HOURLY), own)
    assert yuan(tariff, "9:00", "10:00") == 1
    assert yuan(tariff, "9:00", "10:00", Context(2)) == 0


@pytest.mark.parametrize(("left", "due"), [("7:00", 0), ("7:00:01", 1), ("9:00", 1)])
def test_no_free_time_for_one_who_comes_again_too_soon(left: str, due: int) -> None:
    tariff = notice('free = { time = "15min", again_after = "2h" }', row(HOURLY))
    assert yuan(tariff, "9:00", "9:10", Context(earlier=(Earlier(at("6:00"), at(left)),))) == due


@pytest.mark.parametrize(
    ("per", "began", "due"),
    [
        ("24h", ("2 9:00", "2 9:30"), 1),
        ("24h", ("1 10:00:01", "2 9:30"), 1),
        ("24h", ("1 10:00", "2 9:30"), 0),  # a whole day ago
        ("24h", ("2 9:00",), 0),
        ("day", ("2 0:00", "2 9:30"), 1),
        ("day", ("1 23:59:59", "2 9:30"), 0),
    ],
)
def test_free_time_only_so_often(per: str, began: tuple[str, ...], due: int) -> None:
    tariff = notice(f'free = {{ time = "15min", uses = 2, per = "{per}" }}', row(HOURLY))
    earlier = tuple(Earlier(at(begin), at("2 9:59"), free=True) for begin in began)
    assert yuan(tariff, "2 10:00", "2 10:10", Context(earlier=earlier)) == due


def test_stays_that_were_paid_used_no_free_time() -> None:
    tariff = notice('free = { time = "15min", uses = 1 }', row(HOURLY))
    paid = Earlier(at("7:00"), at("8:00"), 100)
    assert yuan(tariff, "9:00", "9:10", Context(earlier=(paid,))) == 0


# --- steps and units ---------------------------------------------------------------------------------------


def test_a_first_hour_and_half_hours_after_it() -> None:
    tariff = notice("", row(LADDER))
    assert told(stay(tariff, "9:00", "10:00")) == ["前1小时, : 1 x 500, 1-1"]
    assert told(stay(tariff, "9:00", "10:00:01")) == ["前1小时, : 1 x 500, 1-1", "1小时后每30分钟, : 1 x 200, 1-1"]
    assert told(stay(tariff, "9:00", "10:30")) == ["前1小时, : 1 x 500, 1-1", "1小时后每30分钟, : 1 x 200, 1-1"]
    assert yuan(tariff, "9:00", "10:30:01") == 9


def test_a_step_may_have_units_and_a_name_of_its_own() -> None:
    steps = '[{ name = "头", until = "2h", unit = "1h", yuan = 10 }, { name = "后", unit = "1h", yuan = 2.5 }]'
    tariff = notice("", row(f"steps = {steps}"))
    assert told(stay(tariff, "9:00", "11:00")) == ["头, : 2 x 1000, 1-1"]
    assert told(stay(tariff, "9:00", "11:00:01")) == ["头, : 2 x 1000, 1-1", "后, : 1 x 250, 1-1"]


def test_a_price_per_visit() -> None:
    tariff = notice("", row(VISIT))
    assert told(stay(tariff, "9:00", "9:00:01")) == ["每次, : 1 x 1000, 1-1"]
    assert yuan(tariff, "9:00", "2 9:00") == 10
    assert yuan(tariff, "9:00", "2 9:00:01") == 20


def test_a_stay_without_length_costs_nothing() -> None:
    answer = stay(notice("", row(VISIT)), "9:00", "9:00")
    assert (answer.lines, answer.total, answer.free) == ((), 0, False)


@pytest.mark.parametrize(
    ("count", "exit_", "units"),
    [
        ("started", "10:00:01", 2),
        ("completed", "10:59:59", 1),
        ("completed", "11:00", 2),
        ("30min", "10:29:59", 1),
        ("30min", "10:30", 2),
    ],
)
def test_from_when_on_a_unit_counts(count: str, exit_: str, units: int) -> None:
    tariff = notice(f'count = "{count}"', row(HOURLY))
    assert told(stay(tariff, "9:00", exit_)) == [f"每1小时, : {units} x 100, 1-1"]


def test_no_line_for_no_unit() -> None:
    assert stay(notice('count = "completed"', row(HOURLY)), "9:00", "9:59:59").lines == ()


def test_a_step_without_unit_is_charged_once_begun_whatever_counts() -> None:
    assert yuan(notice('count = "completed"', row(LADDER)), "9:00", "10:29:59") == 5


def test_a_unit_that_outlasts_its_cycle_is_charged_whole() -> None:
    tariff = notice("", row('steps = [{ unit = "5h", yuan = 1 }]'))
    assert yuan(tariff, "0:00", "2 0:00") == 5
    assert yuan(tariff, "0:00", "2 0:00:01") == 6


# --- clocks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "entry", "exit_", "seconds"),
    [
        ("seconds", "9:00:30", "10:00:29", 3599),
        ("minutes", "9:00:30", "10:00:29", 3600),
        ("inward", "9:00:30", "10:00:29", 3540),
        ("inward", "9:00:00", "10:00:00", 3600),
        ("inward", "9:00:10", "9:00:50", 0),  # inward, the exit would lie before the entry
        ("minutes", "9:00:10", "9:00:50", 0),
    ],
)
def test_which_seconds_count(clock: str, entry: str, exit_: str, seconds: int) -> None:
    free = f'clock = "{clock}"\nfree = {{ time = "%dmin", boundary = "strict" }}'
    minutes, rest = divmod(seconds, 60)
    assert yuan(notice(free % (minutes + 1), row(VISIT)), entry, exit_) == 0
    if minutes and not rest:
        assert yuan(notice(free % minutes, row(VISIT)), entry, exit_) == 10


def test_a_fraction_of_a_second_never_counts() -> None:
    tariff = notice('free = { time = "30min" }', row(HALF_HOURS))
    late = timedelta(milliseconds=999)
    assert quote(tariff, Parked(at("9:00"), at("9:30") + late)).total == 0
    assert quote(tariff, Parked(at("9:00") + late, at("9:30:01"))).total == 200


# --- cycles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cycle", "lines"),
    [
        ("24h", ["前3小时, : 1 x 0, 1-1", "3小时后每4小时, : 6 x 150, 1-1", "前3小时, : 1 x 0, 2-2"]),  # 24 h, 1 h
        (
            "day",
            [
                "前3小时, : 1 x 0, 1-1",
                "3小时后每4小时, : 3 x 150, 1-1",
                "前3小时, : 1 x 0, 2-2",
                "3小时后每4小时, : 2 x 150, 2-2",
            ],
        ),
        ("stay", ["前3小时, : 1 x 0, 1-1", "3小时后每4小时, : 6 x 150, 1-1"]),
    ],
)
def test_what_begins_a_cycle(cycle: str, lines: list[str]) -> None:
    steps = 'steps = [{ until = "3h", yuan = 0 }, { unit = "4h", yuan = 1.5 }]'
    assert told(stay(notice(f'cycle = "{cycle}"', row(steps)), "9:00", "2 10:00")) == lines


def test_whole_cycles_stand_in_one_line_each_rule() -> None:
    tariff = notice("", row(f"{LADDER}\ncaps = [{{ yuan = 50 }}]"))
    answer = stay(tariff, "9:00", "4 9:00:01")
    # 5 + 46 x 2 = 97 a day, 47 too many
    assert told(answer) == [
        "前1小时, : 3 x 500, 1-3",
        "1小时后每30分钟, : 138 x 200, 1-3",
        "前1小时, : 1 x 500, 4-4",
    ]
    assert answer.caps == (CapCut("", 5000, 3 * 4700, 1, 3),)
    assert answer.total == 3 * 5000 + 500


ALL_YEAR = 'season = ["01-01..12-31"]'
DAY_AND_NIGHT = (
    period("day", "07:00-19:00", 'steps = [{ unit = "15min", yuan = 0.5 }]\n%s'),
    period("night", "19:00-07:00", 'steps = [{ unit = "2h", yuan = 1 }]\ncap_yuan = 4\n%s'),
)


@pytest.mark.parametrize("days", [0, 1, 2, 3, 9])
@pytest.mark.parametrize(
    ("head", "prices"),
    [
        ("", "caps = [{ yuan = [20, 15, 10] }]"),
        ('cycle = "day"', "caps = [{ yuan = 20 }]"),
        ('cycle = "day"\nfree = { time = "2h", each = "cycle" }', "full_yuan = 18"),
        ('free = { time = "2h", exceeded = "deducted" }', 'caps = [{ yuan = 5, up_to = "2d" }, { yuan = 9 }]'),
        ('boundary = { rule = "unit" }', "uplift_percent = 30"),
        ('cycle = "day"\nboundary = { rule = "short_after", under = "3h" }', ""),
        ('cycle = "day"\nshared_cap = true', "caps = [{ yuan = [20, 15] }]"),
    ],
)
def test_whole_cycles_at_once_are_the_same_as_one_by_one(head: str, prices: str, days: int) -> None:
    """A season makes prices depend on the date, even one of all year: then every cycle is charged by itself."""
    at_once = notice(head, row(prices), *(table % "" for table in DAY_AND_NIGHT))
    one_by_one = notice(head, row(prices), *(table % ALL_YEAR for table in DAY_AND_NIGHT))
    context = Context(earlier=(Earlier(at("0:30"), at("1:00"), 300),))
    for exit_ in ("2:00", "18:59:59", "21:10"):
        answers = [stay(one, "1:30", f"{days + 1} {exit_}", context) for one in (at_once, one_by_one)]
        few, many = answers
        assert few.total == many.total
        assert sum(line.fen for line in few.lines) == sum(line.fen for line in many.lines)
        assert sum(cut.fen for cut in few.caps) == sum(cut.fen for cut in many.caps)
        assert len(few.lines) <= len(many.lines)


def test_millennia_are_priced_in_a_few_lines() -> None:
    tariff = notice("", row(LADDER))
    forever = Parked(datetime(2, 1, 1, tzinfo=CHINA), datetime(9998, 12, 31, tzinfo=CHINA))
    answer = quote(tariff, forever)
    assert answer.total == (forever.exit - forever.entry).days * (500 + 46 * 200)
    assert len(answer.lines) <= 4


@pytest.mark.parametrize(
    "parked",
    [
        Parked(datetime.min.replace(tzinfo=CHINA), datetime(2024, 6, 5, tzinfo=CHINA)),
        Parked(datetime(2024, 6, 5, tzinfo=CHINA), datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_a_time_at_the_end_of_all_dates_is_refused(parked: Parked) -> None:
    with pytest.raises(QuoteError, match="年份须在"):
        quote(notice("", row(LADDER)), parked)


# --- caps --------------------------------------------------------------------------------------------------


def test_a_cap_is_told_only_where_it_takes_something_off() -> None:
    tariff = notice("", row(f"{HOURLY}\ncaps = [{{ yuan = 5 }}]"))
    assert stay(tariff, "9:00", "14:00").caps == ()
    answer = stay(tariff, "9:00", "14:00:01")
    assert (answer.caps, answer.total) == ((CapCut("", 500, 100, 1, 1),), 500)


def test_a_cap_for_each_number_of_the_cycle_and_the_last_for_all_later() -> None:
    tariff = notice("", row(f"{HOURLY}\ncaps = [{{ yuan = [20, 15, 10] }}]"))
    answer = stay(tariff, "0:00", "6 0:00")
    assert answer.total == 100 * (20 + 15 + 10 * 3)
    assert answer.caps == (
        CapCut("", 2000, 400, 1, 1),
        CapCut("", 1500, 900, 2, 2),
        CapCut("", 1000, 1400 * 3, 3, 5),
    )


def test_caps_by_the_length_of_the_whole_stay() -> None:
    caps = 'caps = [{ yuan = 6, up_to = "24h" }, { yuan = 8, under = "48h" }, { yuan = 11 }]'
    tariff = notice("", row(f"{HOURLY}\n{caps}"))
    assert yuan(tariff, "0:00", "2 0:00") == 6
    assert yuan(tariff, "0:00", "2 0:00:01") == 8 + 1
    assert yuan(tariff, "0:00", "2 23:59:59") == 8 + 8
    assert yuan(tariff, "0:00", "3 0:00") == 11 + 11


def test_caps_by_season_and_kind_of_the_day_on_which_the_cycle_begins() -> None:
    caps = 'caps = [{ yuan = 3, days = ["weekend", "holiday"] }, { yuan = 5, season = ["06-04..06-05"] }]'
    tariff = notice('cycle = "day"', row(f"{HOURLY}\n{caps}"))
    # Monday to Sunday: no cap, 5, 5, no cap, no cap, 3 (the Saturday and Sunday adjoin a holiday), 3
    assert yuan(tariff, "0:00", "8 0:00") == 24 + 5 + 5 + 24 + 24 + 3 + 3


def test_a_whole_cycle_at_a_fixed_price() -> None:
    tariff = notice("", row(f"{HOURLY}\nfull_yuan = 10\ncaps = [{{ yuan = 15 }}]"))
    assert yuan(tariff, "9:00", "2 8:59:59") == 15
    answer = stay(tariff, "9:00", "4 10:00")
    assert told(answer) == [f"{FULL}, : 3 x 1000, 1-3", "每1小时, : 1 x 100, 4-4"]


def test_a_cap_holds_for_the_fixed_price_too() -> None:
    tariff = notice("", row(f"{HOURLY}\nfull_yuan = 10\ncaps = [{{ yuan = 8 }}]"))
    assert yuan(tariff, "9:00", "3 9:00") == 16


def test_a_full_calendar_day() -> None:
    tariff = notice('cycle = "day"', row(f"{HOURLY}\nfull_yuan = 10"))
    assert yuan(tariff, "23:00", "3 1:00") == 1 + 10 + 1


def test_a_cap_shared_between_stays() -> None:
    tariff = notice("shared_cap = true", row(f"{HOURLY}\ncaps = [{{ yuan = 10 }}]"))
    for began, due in (("1 9:00:01", 3), ("1 9:00", 5)):  # within 24 hours, and not
        context = Context(earlier=(Earlier(at(began), at("1 16:00"), 700),))
        assert yuan(tariff, "2 9:00", "2 14:00", context) == due
    context = Context(
        earlier=(Earlier(at("1 10:00"), at("1 12:00"), 700), Earlier(at("1 13:00"), at("1 15:00"), 900))
    )
    answer = stay(tariff, "2 9:00", "4 9:00", context)
    assert answer.caps == (CapCut("", 1000, 2400, 1, 1), CapCut("", 1000, 1400, 2, 2))


def test_a_cap_shared_within_a_calendar_day() -> None:
    tariff = notice('cycle = "day"\nshared_cap = true', row(f"{HOURLY}\ncaps = [{{ yuan = 10 }}]"))
    for began, due in (("2 0:00", 3), ("1 23:59:59", 5)):
        context = Context(earlier=(Earlier(at(began), at("2 7:00"), 700),))
        assert yuan(tariff, "2 9:00", "2 14:00", context) == due


# --- periods of the day ------------------------------------------------------------------------------------

TWO = (
    row(""),
    period("day", "08:00-20:00", 'steps = [{ unit = "2h", yuan = 10 }]'),
    period("night", "20:00-08:00", 'steps = [{ unit = "1h", yuan = 1 }]'),
)


def test_a_stay_is_cut_where_the_period_changes() -> None:
    answer = stay(notice("", *TWO), "19:30", "20:00:01")
    assert told(answer) == ["每2小时, day: 1 x 1000, 1-1", "每1小时, night: 1 x 100, 1-1"]
    assert told(stay(notice("", *TWO), "19:30", "20:00")) == ["每2小时, day: 1 x 1000, 1-1"]


@pytest.mark.parametrize("cycle", ["24h", "day", "stay"])
def test_a_night_is_one_part_over_midnight_wherever_a_cycle_ends(cycle: str) -> None:
    night = period("night", "20:00-08:00", 'steps = [{ unit = "3h", yuan = 1 }]')
    tariff = notice(f'cycle = "{cycle}"', row(""), night)
    assert yuan(tariff, "20:00", "2 1:30") == 2
    assert yuan(tariff, "22:00", "3 1:00") == 4 + 2  # 24 hours end at 22:00 in the second night


def test_a_day_and_a_night_keep_their_caps_wherever_24_hours_end() -> None:
    """A day at most 40, a night 5 a visit, 24 hours at most 60: a day, a night and a day are 85."""
    day = period(
        "day", "07:00-21:00", 'steps = [{ until = "1h", yuan = 5 }, { unit = "30min", yuan = 2 }]\ncap_yuan = 40'
    )
    night = period("night", "21:00-07:00", "steps = [{ yuan = 5 }]")
    tariff = notice("", row("caps = [{ yuan = 60 }]"), day, night)
    answer = stay(tariff, "9:00", "2 21:00")
    assert answer.total == 8500
    assert told(answer) == [
        "前1小时, day: 1 x 500, 1-1",
        "1小时后每30分钟, day: 22 x 200, 1-1",
        "每次, night: 1 x 500, 1-1",
        "前1小时, day: 1 x 500, 1-1",
        "1小时后每30分钟, day: 2 x 200, 1-1",
        "1小时后每30分钟, day: 24 x 200, 2-2",
    ]
    assert yuan(tariff, "22:00", "3 0:00") == 5 + 40 + 5  # two nights, not three
    assert yuan(tariff, "9:00", "4 9:00") == 40 + 5 + (40 + 5) * 2 + 9


def test_a_night_that_began_at_the_entry_is_shorter_than_those_after_it() -> None:
    """Calendar days: the second begins 6 minutes into a night, the later ones a whole hour."""
    night = period("night", "23:00-03:00", 'steps = [{ until = "1h", yuan = 1 }, { unit = "1h", yuan = 10 }]')
    tariff = notice('cycle = "day"', row(""), night)
    assert yuan(tariff, "23:54", "2 12:00") == 1 + 30  # 3 h 6 min
    assert yuan(tariff, "23:54", "5 12:00") == (1 + 30) * 4


def test_a_period_of_the_whole_day_begins_anew_with_each_cycle() -> None:
    prices = "steps = [{ yuan = 10 }]"
    assert yuan(notice("", row(prices)), "9:00", "2 10:00") == 20
    on_days = f'{prices}\ndays = ["working"]'
    assert yuan(notice("", row(""), period("work", "00:00-24:00", on_days)), "9:00", "2 10:00") == 20


def test_steps_begin_anew_in_each_part() -> None:
    first = 'steps = [{ until = "1h", yuan = 5 }, { unit = "1h", yuan = 1 }]'
    tariff = notice("", row(""), period("am", "06:00-12:00", first), period("pm", "12:00-18:00", first))
    assert yuan(tariff, "10:00", "14:00") == (5 + 1) + (5 + 1)


def test_time_in_no_period_or_in_a_free_one_costs_nothing() -> None:
    day = period("day", "08:00-20:00", HOURLY)
    for tables in ((day,), (day, period("night", "20:00-08:00", "free = true"))):
        tariff = notice("", row(""), *tables)
        assert yuan(tariff, "6:00", "22:00") == 12
        assert stay(tariff, "20:00", "2 8:00").lines == ()


def test_a_cap_of_a_period_holds_for_each_part() -> None:
    night = period("night", "20:00-08:00", f"{HOURLY}\ncap_yuan = 4")
    tariff = notice('cycle = "stay"', row("caps = [{ yuan = 9 }]"), night)
    answer = stay(tariff, "20:00", "3 8:00")
    assert answer.caps == (CapCut("night", 400, 800, 1, 1), CapCut("night", 400, 800, 1, 1))
    assert yuan(tariff, "20:00", "4 8:00") == 9


def test_prices_of_working_days_weekends_and_holidays() -> None:
    periods = [
        period(kind, "00:00-24:00", f'days = ["{kind}"]\nsteps = [{{ unit = "1h", yuan = {price} }}]')
        for kind, price in (("working", 1), ("weekend", 2), ("holiday", 3))
    ]
    tariff = notice('cycle = "stay"', row(""), *periods)
    assert told(stay(tariff, "5 23:00", "6 1:00")) == [
        "每1小时, working: 1 x 100, 1-1",
        "每1小时, holiday: 1 x 300, 1-1",
    ]
    assert told(stay(tariff, "12 23:00", "13 1:00")) == [
        "每1小时, working: 1 x 100, 1-1",
        "每1小时, weekend: 1 x 200, 1-1",
    ]


def test_a_season_that_passes_new_year() -> None:
    tariff = notice("", row(""), period("winter", "00:00-24:00", f'season = ["12-30..01-02"]\n{VISIT}'))
    for month, day, due in ((12, 29, 0), (12, 30, 1000), (1, 2, 1000), (1, 3, 0)):
        entry = datetime(2025, month, day, 9, tzinfo=CHINA)
        assert quote(tariff, Parked(entry, entry + SECOND)).total == due


def test_a_season_of_one_year_only() -> None:
    tariff = notice("", row(""), period("fair", "00:00-24:00", f'season = ["2024-06-04..2024-06-05"]\n{VISIT}'))
    assert [yuan(tariff, f"{day} 9:00", f"{day} 9:30") for day in (1, 2, 3, 4)] == [0, 10, 10, 0]
    assert yuan(tariff, "367 9:00", "367 9:30") == 0  # 4 June 2025


def test_free_days_of_the_lot() -> None:
    tariff = notice('cycle = "day"', row(VISIT), "[calendar]\nfree = [2024-06-04]")
    assert told(stay(tariff, "9:00", "3 9:00")) == [
        "每次, : 1 x 1000, 1-1",
        "每次, : 1 x 1000, 3-3",
    ]


@pytest.mark.parametrize(
    ("rule", "due"),
    [
        # 19:30-20:00 day 10, 20:00-08:00 night 12, 08:00-10:20 day 20
        ('rule = "cut"', 10 + 12 + 20),
        # 19:30-21:30 day 10, 21:30-08:30 night 11, 08:30-10:20 day 10
        ('rule = "unit"', 10 + 11 + 10),
        # 19:30-21:30 day 10, 21:30-08:00 night 11, 08:00-10:20 day 20
        ('rule = "short_before"', 10 + 11 + 20),
        # 19:30-20:00 day 10, 20:00-10:20 night 15
        ('rule = "short_after", under = "3h"', 10 + 15),
        # 19:30-10:20 day 8 x 10
        ('rule = "once", within = "24h", period = "day"', 80),
    ],
)
def test_each_boundary_rule_gives_the_same_stay_another_sum(rule: str, due: int) -> None:
    assert yuan(notice(f"boundary = {{ {rule} }}", *TWO), "19:30", "2 10:20") == due


@pytest.mark.parametrize(("entry", "due"), [("18:00", 10 + 3), ("18:00:01", 10 + 2)])
def test_a_part_of_a_whole_unit_is_not_short(entry: str, due: int) -> None:
    tariff = notice('boundary = { rule = "short_before" }', *TWO)
    exit_ = {"18:00": "22:00:01", "18:00:01": "22:00:00"}[entry]
    assert yuan(tariff, entry, exit_) == due


def test_only_the_first_part_runs_on_however_short_a_later_one_is() -> None:
    noon = period("noon", "12:00-13:00", 'steps = [{ unit = "2h", yuan = 10 }]')
    tables = (row(""), period("am", "06:00-12:00", HOURLY), noon, period("pm", "13:00-18:00", HOURLY))
    tariff = notice('boundary = { rule = "short_before" }', *tables)
    assert yuan(tariff, "9:00", "14:00") == 3 + 10 + 1
    assert yuan(tariff, "11:30", "14:00") == 1 + 10 + 1  # until 12:30, then half an hour, then an hour
    assert yuan(tariff, "12:30", "14:00") == 10


def test_the_first_part_runs_on_no_further_than_the_stay() -> None:
    tariff = notice('boundary = { rule = "short_before" }', *TWO)
    assert told(stay(tariff, "19:30", "21:30")) == ["每2小时, day: 1 x 1000, 1-1"]
    assert yuan(tariff, "19:30", "21:30:01") == 11


def test_a_unit_that_ends_with_its_period_crosses_nothing() -> None:
    tariff = notice('boundary = { rule = "unit" }', *TWO)
    assert yuan(tariff, "18:00", "20:30") == 10 + 1
    assert yuan(tariff, "18:00:01", "20:00:02") == 10 + 1  # the second unit begins 1 s after 20:00


@pytest.mark.parametrize(("exit_", "due"), [("2 8:29:59", 13), ("2 8:30", 12 + 10)])
def test_a_last_part_joins_the_one_before_if_it_is_shorter(exit_: str, due: int) -> None:
    tariff = notice('boundary = { rule = "short_after", under = "30min" }', *TWO)
    assert yuan(tariff, "20:00", exit_) == due


@pytest.mark.parametrize(("exit_", "due"), [("23:00", 20), ("23:00:01", 10 + 4)])
def test_a_stay_is_charged_once_up_to_its_limit(exit_: str, due: int) -> None:
    tariff = notice('boundary = { rule = "once", within = "4h", period = "day" }', *TWO)
    assert yuan(tariff, "19:00", exit_) == due
    assert yuan(tariff, "20:00", "23:00") == 3  # over one period only


def test_parts_that_do_not_touch_are_not_joined() -> None:
    gap = (
        row(""),
        period("am", "06:00-12:00", 'steps = [{ unit = "4h", yuan = 3 }]'),
        period("pm", "13:00-18:00", HOURLY),
    )
    for rule in ('rule = "unit"', 'rule = "short_before"', 'rule = "short_after", under = "2h"'):
        assert yuan(notice(f"boundary = {{ {rule} }}", *gap), "11:00", "14:00") == 3 + 1


# --- whose row ---------------------------------------------------------------------------------------------

ROWS = (
    row(VISIT),
    row("steps = [{ yuan = 20 }]", "large", "vehicle_classes = [2, 3]"),
    row("steps = [{ yuan = 5 }]", "green", 'plate_colors = ["green-gradient", "yellow-green"]'),
    row("steps = [{ yuan = 7 }]", "green bus", 'plate_colors = ["yellow-green"]\nvehicle_classes = [3]'),
    row("steps = [{ yuan = 1 }]", "resident", 'permits = ["resident"]'),
    row("exempt = true", "on duty", 'plate_colors = ["white"]'),
)
RESIDENT = (Permit("resident"),)


@pytest.mark.parametrize(
    ("context", "name"),
    [
        (Context(), "all"),
        (Context(99), "all"),
        (Context(2), "large"),
        (Context(3, plate_color=0), "large"),
        (Context(1, plate_color=4), "green"),
        (Context(2, plate_color=4), "green"),
        (Context(3, plate_color=5), "green bus"),
        (Context(3, plate_color=5, permits=RESIDENT), "resident"),
        (Context(2, permits=(Permit("staff"),)), "large"),
        (Context(2, plate_color=3), "on duty"),
        (Context("green bus"), "green bus"),
        (Context("all", plate_color=3, permits=RESIDENT), "all"),
    ],
)
def test_the_most_particular_row_that_fits_counts(context: Context, name: str) -> None:
    for rows in (ROWS, ROWS[::-1]):
        assert stay(notice("", *rows), "9:00", "10:00", context).price_class == name


def test_a_row_for_a_permit_counts_while_it_is_valid_at_entry() -> None:
    permit = Permit("resident", date(2024, 6, 4), date(2024, 6, 5))
    tariff = notice("", *ROWS)
    names = [stay(tariff, f"{day} 23:00", f"{day + 1} 1:00", Context(permits=(permit,))) for day in (1, 2, 3, 4)]
    assert [answer.price_class for answer in names] == ["all", "resident", "resident", "all"]


def test_an_exempt_vehicle_pays_nothing() -> None:
    answer = stay(notice("", *ROWS), "9:00", "9 9:00", Context(plate_color=3))
    assert (told(answer), answer.total) == ([f"{EXEMPT}, : 1 x 0, 1-1"], 0)


def test_a_row_that_nobody_has_is_refused_and_the_others_named() -> None:
    with pytest.raises(QuoteError, match=r"没有车型 'bike'.* / no such class; there are: .*green bus.*all"):
        stay(notice("", *ROWS), "9:00", "10:00", Context("bike"))


def test_a_row_like_another() -> None:
    tariff = notice(
        'free = { time = "15min" }',
        row(f"{LADDER}\ncaps = [{{ yuan = 50.5 }}]\nfull_yuan = 45"),
        row('like = "all"\ntimes = 2', "double", "vehicle_classes = [2]"),
        row('like = "double"\nplus_yuan = 1', "plus", "vehicle_classes = [3]"),
        row('like = "all"\ntimes = 0.5\ncaps = [{ yuan = 9 }]\nfull_yuan = 8', "half", "vehicle_classes = [4]"),
    )
    sums = {
        code: [yuan(tariff, "9:00", exit_, Context(code)) for exit_ in ("9:15", "10:30", "2 8:59", "2 9:00")]
        for code in (1, 2, 3, 4)
    }
    assert sums == {
        1: [0, 5 + 2, 50.5, 45],
        2: [0, 10 + 4, 101, 90],
        3: [0, 11 + 5, 101, 90],
        4: [0, 2.5 + 1, 9, 8],
    }


def test_the_prices_of_a_row_like_another_are_rounded() -> None:
    rows = (
        row('steps = [{ unit = "1h", yuan = 2.5 }]'),
        row('like = "all"\ntimes = 0.5', "half", "vehicle_classes = [2]"),
    )
    for how, due in (("half_up", 1.3), ("up", 1.3), ("down", 1.2)):
        tariff = notice(f'rounding = {{ to = "jiao", how = "{how}" }}', *rows)
        assert yuan(tariff, "9:00", "11:00", Context(2)) == 2 * due


@pytest.mark.parametrize(("how", "extra"), [("half_up", 700), ("up", 800), ("down", 700)])
def test_an_uplift_is_a_line_of_its_own_on_the_sum_after_its_caps(how: str, extra: int) -> None:
    prices = f'{HOURLY}\ncaps = [{{ yuan = 12 }}]\nuplift_percent = 30\nrounding = {{ to = "yuan", how = "{how}" }}'
    answer = stay(notice("", row(prices)), "9:00", "3 9:00")
    assert told(answer) == ["每1小时, : 48 x 100, 1-2", f"上浮 / uplift 30%, : 1 x {extra}, 1-2"]
    assert answer.total == 2400 + extra  # 31.2


@pytest.mark.parametrize(
    ("to", "how", "fen", "due"),
    [
        (1, "half_up", 149, 75),
        (1, "down", 149, 74),
        (1, "up", 149, 75),
        (10, "half_up", 109, 50),  # 54.5
        (10, "half_up", 110, 60),
        (10, "up", 101, 60),
        (10, "up", 100, 50),
        (10, "down", 119, 50),
        (10, "down", 120, 60),
        (100, "half_up", 299, 100),
        (100, "half_up", 300, 200),
        (100, "up", 201, 200),
        (100, "up", 200, 100),
        (100, "down", 399, 100),
        (100, "down", 400, 200),
    ],
)
def test_half_of_a_sum_is_rounded_as_the_notice_says(to: int, how: str, fen: int, due: int) -> None:
    words = {"half_up": Rounding(to, "half_up"), "up": Rounding(to, "up"), "down": Rounding(to, "down")}
    assert words[how].part(fen, 5000) == due


# --- permits that make time free ---------------------------------------------------------------------------

MONTH = '[[permits]]\nkind = "month"\nname = "月卡"'
DAYTIME = f'{MONTH}\nfrom = "08:00"\nto = "20:00"'


def test_a_permit_is_valid_on_its_first_and_its_last_day() -> None:
    tariff = notice('cycle = "day"', row(VISIT), MONTH)
    permit = Permit("month", date(2024, 6, 4), date(2024, 6, 5))
    answer = stay(tariff, "0:00", "5 0:00", Context(permits=(permit,)))
    assert [(line.from_cycle, line.to_cycle) for line in answer.lines] == [(1, 1), (4, 4)]


@pytest.mark.parametrize(
    ("permit", "due"),
    [
        (Permit("month"), 0),
        (Permit("month", first=date(2024, 6, 4)), 10),
        (Permit("month", last=date(2024, 6, 2)), 10),
        (Permit("staff"), 10),
    ],
)
def test_a_permit_without_an_end_and_one_of_another_kind(permit: Permit, due: int) -> None:
    assert yuan(notice("", row(VISIT), MONTH), "9:00", "10:00", Context(permits=(permit,))) == due


def test_a_permit_for_the_daytime_leaves_the_night_to_be_paid() -> None:
    tariff = notice("", row(HOURLY), DAYTIME)
    card = Context(permits=(Permit("month"),))
    assert yuan(tariff, "6:00", "22:00", card) == 2 + 2
    assert yuan(tariff, "8:00", "20:00", card) == 0
    assert yuan(tariff, "7:59:59", "20:00:01", card) == 1 + 1
    assert yuan(tariff, "6:00", "22:00") == 16


def test_a_permit_over_midnight() -> None:
    tariff = notice("", row(HOURLY), f'{MONTH}\nfrom = "20:00"\nto = "08:00"')
    assert yuan(tariff, "18:00", "2 10:00", Context(permits=(Permit("month"),))) == 2 + 2


# --- discounts ---------------------------------------------------------------------------------------------


def discount(name: str, more: str) -> str:
    return f'[[discounts]]\nname = "{name}"\n{more}'


@pytest.mark.parametrize(
    ("what", "due"),
    [
        ('time = "1h"', 3),
        ('time = "90min"', 3),  # what is left is charged as if it began there: 2.5 h, 3 units
        ('time = "9h"', 0),
        ("percent = 5", 3.8),
        ("percent = 100", 0),
        ("yuan = 1.5", 2.5),
        ("yuan = 9", 0),
        ("whole = true", 0),
    ],
)
def test_what_a_discount_takes_off_is_told(what: str, due: float) -> None:
    answer = stay(notice("", row(HOURLY), discount("减", what)), "9:00", "13:00")
    assert told(answer) == ["每1小时, : 4 x 100, 1-1"]
    assert answer.total == round(due * 100)
    assert [(taken.name, taken.fen) for taken in answer.discounts] == [("减", 400 - answer.total)]


def test_a_discount_that_takes_nothing_is_not_told() -> None:
    tariff = notice('free = { time = "15min" }', row(HOURLY), discount("减", "percent = 5"))
    assert stay(tariff, "9:00", "9:15").discounts == ()


def test_time_off_is_taken_from_the_charged_time_and_before_the_cap() -> None:
    window = period("day", "08:00-20:00", HOURLY)
    tariff = notice("", row("caps = [{ yuan = 5 }]"), window, discount("减", 'time = "2h"'))
    assert yuan(tariff, "6:00", "11:00") == 1
    assert yuan(tariff, "6:00", "14:00") == 4
    assert yuan(tariff, "6:00", "15:00") == 5


def test_time_off_reaches_into_the_next_cycle() -> None:
    tariff = notice("", row(f"{HOURLY}\nfull_yuan = 23.5"), discount("减", 'time = "25h"'))
    assert yuan(tariff, "9:00", "2 11:00") == 1
    assert yuan(tariff, "9:00", "4 9:00") == 23 + 23.5


def test_time_off_never_makes_a_stay_dearer() -> None:
    """Without an hour, a day at a fixed price would be charged by the hour."""
    answer = stay(notice("", row(f"{HOURLY}\nfull_yuan = 10"), discount("减", 'time = "1h"')), "9:00", "2 9:00")
    assert (answer.total, answer.discounts) == (1000, ())


def test_time_off_makes_a_whole_cycle_less_than_whole() -> None:
    tariff = notice("", row(f"{HOURLY}\nfull_yuan = 23.5"), discount("减", 'time = "1h"'))
    assert yuan(tariff, "9:00", "2 9:00") == 23


def test_time_off_adds_to_free_time_that_is_deducted() -> None:
    free = 'free = { time = "1h", exceeded = "deducted" }'
    answer = stay(notice(free, row(HOURLY), discount("减", 'time = "1h"')), "9:00", "13:00")
    assert (answer.total, answer.discounts) == (200, (DiscountTaken("减", 100, 3600),))


@pytest.mark.parametrize(
    ("whom", "context", "fits"),
    [
        ('plate_colors = ["green-gradient"]', Context(plate_color=4), True),
        ('plate_colors = ["green-gradient"]', Context(plate_color=0), False),
        ('plate_colors = ["green-gradient"]', Context(), False),
        ('channel = "etc"', Context(channel="etc"), True),
        ('channel = "etc"', Context(), False),
        ('permits = ["staff"]', Context(permits=(Permit("staff"),)), True),
        ('permits = ["staff"]', Context(permits=(Permit("staff", last=date(2024, 6, 3)),)), True),
        ('permits = ["staff"]', Context(permits=(Permit("staff", last=date(2024, 6, 2)),)), False),
    ],
)
def test_whom_a_discount_is_for(whom: str, context: Context, *, fits: bool) -> None:
    tariff = notice("", row(VISIT), discount("减", f"percent = 50\n{whom}"))
    assert yuan(tariff, "9:00", "10:00", context) == (5 if fits else 10)


THREE = (discount("time", 'time = "3h"'), discount("percent", "percent = 30"), discount("money", "yuan = 2.5"))


@pytest.mark.parametrize(
    ("exit_", "name", "due"),
    [("13:00", "time", 1), ("21:00", "percent", 8.4)],
)
def test_the_best_discount_alone_counts(exit_: str, name: str, due: float) -> None:
    for tables in (THREE, THREE[::-1]):
        answer = stay(notice("", row(HOURLY), *tables), "9:00", exit_)
        assert ([taken.name for taken in answer.discounts], answer.total) == ([name], round(due * 100))


def test_of_two_discounts_that_are_equally_good_the_first_is_taken() -> None:
    for tables, one in ((THREE, DiscountTaken("time", 200, 10_800)), (THREE[::-1], DiscountTaken("money", 200))):
        (taken,) = stay(notice("", row(HOURLY), *tables), "9:00", "11:00").discounts
        assert taken == one


def test_what_is_on_top_comes_besides_the_best() -> None:
    tables = (*THREE, discount("etc", 'percent = 5\non_top = true\nchannel = "etc"'))
    tariff = notice("", row(HOURLY), *tables)
    answer = stay(tariff, "9:00", "13:00", Context(channel="etc"))
    assert answer.discounts == (DiscountTaken("time", 300, 10_800), DiscountTaken("etc", 5))
    only = notice("", row(HOURLY), tables[-1])
    assert stay(only, "9:00", "13:00", Context(channel="etc")).discounts == (DiscountTaken("etc", 20),)


@pytest.mark.parametrize(
    ("order", "taken"),
    [
        ('["percent", "money"]', (("time", 300), ("percent", 210), ("money", 250))),  # 10 - 3 = 7, x 0.7, - 2.5
        ('["money", "percent"]', (("time", 300), ("percent", 135), ("money", 250))),  # 7 - 2.5 = 4.5, x 0.7
    ],
)
def test_stacked_discounts_in_the_order_of_the_notice(order: str, taken: tuple[tuple[str, int], ...]) -> None:
    tariff = notice(f'stacking = "stacked"\norder = {order}', row(HOURLY), *THREE)
    answer = stay(tariff, "9:00", "19:00")
    assert tuple((one.name, one.fen) for one in answer.discounts) == taken
    assert answer.total == 1000 - sum(fen for _, fen in taken)


def test_one_that_takes_all_comes_last_and_takes_what_is_left() -> None:
    head = 'stacking = "stacked"'
    tariff = notice(head, row(HOURLY), discount("all", "whole = true"), discount("part", "percent = 40"))
    assert stay(tariff, "9:00", "19:00").discounts == (DiscountTaken("all", 600), DiscountTaken("part", 400))


def test_a_discount_tells_the_time_that_it_took_off() -> None:
    charging = notice("", row(HOURLY), discount("充电", 'time = "2h"\ncharging = true'))
    for charged, time in ((4500, 4500), (9000, 7200)):
        answer = stay(charging, "9:00", "14:00", Context(charged=(Charged("", charged),)))
        assert [taken.time for taken in answer.discounts] == [time]
    answer = stay(notice("", row(HOURLY), discount("减", "percent = 50")), "9:00", "14:00")
    assert [taken.time for taken in answer.discounts] == [0]


@pytest.mark.parametrize(("how", "due"), [("half_up", 10), ("up", 10), ("down", 9)])
def test_what_is_left_after_percent_is_rounded(how: str, due: int) -> None:
    tariff = notice(f'rounding = {{ to = "yuan", how = "{how}" }}', row(VISIT), discount("减", "percent = 5"))
    assert yuan(tariff, "9:00", "10:00") == due  # 9.5


def test_coupons_count_as_discounts_of_the_notice_do() -> None:
    coupons = (Discount("mall", time=7200), Discount("food", fen=300))
    context = Context(coupons=coupons)
    assert stay(notice("", row(HOURLY)), "9:00", "14:00", context).discounts == (DiscountTaken("food", 300),)
    assert yuan(notice('stacking = "stacked"', row(HOURLY)), "9:00", "19:00", context) == 8 - 3
    tariff = notice("", row(HOURLY), discount("减", "percent = 80"))
    assert stay(tariff, "9:00", "14:00", context).discounts == (DiscountTaken("减", 400),)


@pytest.mark.parametrize(
    ("per", "began", "due"),
    [
        ("day", "2 0:00", 3),
        ("day", "1 23:59:59", 1),
        ("24h", "1 10:00:01", 3),
        ("24h", "1 10:00", 1),
    ],
)
def test_a_discount_for_the_first_stays_of_a_day(per: str, began: str, due: int) -> None:
    tariff = notice("", row(HOURLY), discount("绿", f'time = "2h"\nfirst = 1\nper = "{per}"'))
    context = Context(earlier=(Earlier(at(began), at("2 9:00")),))
    assert yuan(tariff, "2 10:00", "2 13:00", context) == due


@pytest.mark.parametrize(
    ("lengths", "due"),
    [
        ((), 1),  # 3 h, 2 h off
        ((60,), 2),
        ((59,), 2),  # a unit of the budget that has begun is used up
        ((61,), 3),
        ((10, 10), 3),  # the third stay
    ],
)
def test_a_budget_is_used_up_by_the_stays_before(lengths: tuple[int, ...], due: int) -> None:
    tariff = notice("", row(HOURLY), discount("绿", 'time = "2h"\nfirst = 2\nbudget = "1h"'))
    earlier = tuple(Earlier(at("8:00"), at("8:00") + timedelta(minutes=length)) for length in lengths)
    assert yuan(tariff, "10:00", "13:00", Context(earlier=earlier)) == due


@pytest.mark.parametrize(
    ("orders", "due"),
    [
        ((), 5),
        ((Charged("o1", 3600),), 4),
        ((Charged("o1", 3600), Charged("o1", 3600)), 4),
        ((Charged("o1", 3600), Charged("o2", 1800)), 4),  # 1.5 h off, 3.5 h left
        ((Charged("o1", 3600), Charged("o2", 3600)), 3),
        ((Charged("o1", 9 * 3600),), 3),  # 2 h at most
    ],
)
def test_time_off_for_charging_counts_each_order_once(orders: tuple[Charged, ...], due: int) -> None:
    tariff = notice("", row(HOURLY), discount("充", 'time = "2h"\ncharging = true'))
    assert yuan(tariff, "9:00", "14:00", Context(charged=orders)) == due


# --- paid before leaving -----------------------------------------------------------------------------------

DIFFERENCE = '[prepaid]\nleave = "15min"\nlater = "difference"'
ANEW = '[prepaid]\nleave = "15min"\nlater = "anew"'


def paid(*sums: tuple[str, int]) -> Context:
    return Context(paid=tuple(Paid(at(when), fen) for when, fen in sums))


@pytest.mark.parametrize("later", [DIFFERENCE, ANEW])
def test_who_has_paid_may_take_a_while_to_leave(later: str) -> None:
    tariff = notice("", row(HOURLY), later)
    answer = stay(tariff, "9:00", "10:10", paid(("9:55", 100)))
    assert (answer.total, answer.paid, answer.due) == (100, 100, 0)
    assert yuan(tariff, "9:00", "10:10") == 2


@pytest.mark.parametrize(("later", "due"), [(DIFFERENCE, 0), (ANEW, 100)])
def test_what_is_due_from_one_who_left_too_late(later: str, due: int) -> None:
    tariff = notice("", row(HOURLY), later)
    assert stay(tariff, "9:00", "9:45", paid(("9:30", 100))).due == 0
    assert stay(tariff, "9:00", "9:45:01", paid(("9:30", 100))).due == due


@pytest.mark.parametrize("later", [DIFFERENCE, ANEW])
def test_who_has_not_paid_all_pays_for_all_the_time(later: str) -> None:
    answer = stay(notice("", row(HOURLY), later), "9:00", "10:05", paid(("9:55", 99)))
    assert (answer.total, answer.due) == (200, 101)


def test_several_payments_add_up_whatever_their_order() -> None:
    tariff = notice("", row(HOURLY), DIFFERENCE)
    context = paid(("9:58", 50), ("9:50", 50))
    assert stay(tariff, "9:00", "10:13", context).due == 0
    assert stay(tariff, "9:00", "10:13:01", context).due == 100


@pytest.mark.parametrize(("later", "total"), [(DIFFERENCE, 200), (ANEW, 300)])
def test_who_paid_the_rest_too_may_take_a_while_again(later: str, total: int) -> None:
    tariff = notice("", row(HOURLY), later)
    context = paid(("9:30", 100), ("10:59", total - 100))
    answer = stay(tariff, "9:00", "11:14", context)
    assert (answer.total, answer.due) == (total, 0)


@pytest.mark.parametrize("each", ["stay", "cycle"])
def test_what_follows_a_payment_has_no_free_time_again(each: str) -> None:
    tariff = notice(f'free = {{ time = "30min", each = "{each}" }}', row(HOURLY), ANEW)
    assert yuan(tariff, "9:00", "10:20", paid(("10:00", 100))) == 2


def test_a_payment_is_nothing_special_where_the_notice_says_nothing_of_it() -> None:
    answer = stay(notice("", row(HOURLY)), "9:00", "10:05", paid(("9:55", 100)))
    assert (answer.total, answer.due) == (200, 100)


def test_what_was_paid_too_much_is_not_due_back() -> None:
    assert stay(notice("", row(HOURLY)), "9:00", "9:30", paid(("9:20", 500))).due == 0


# --- a new version -----------------------------------------------------------------------------------------


def changed(stays: str) -> Tariff:
    old = notice("", row(HOURLY, "old"))
    table = f'[replaces]\nfile = "old.toml"\nfrom = 2024-06-04T00:00:00+08:00\nstays = "{stays}"'
    return notice("", row('steps = [{ unit = "1h", yuan = 3 }]', "new"), table, replaced=old)


@pytest.mark.parametrize(
    ("stays", "due", "name"),
    [("entry", 2 + 2, "old"), ("exit", 3 * 4, "new"), ("split", 2 + 3 * 2, "new")],
)
def test_who_prices_a_stay_over_the_change(stays: str, due: int, name: str) -> None:
    answer = stay(changed(stays), "22:00", "2 2:00")
    assert (answer.total, answer.price_class) == (due * 100, name)


@pytest.mark.parametrize("stays", ["entry", "exit", "split"])
def test_stays_that_touch_the_change_are_not_over_it(stays: str) -> None:
    assert yuan(changed(stays), "22:00", "2 0:00") == 2
    assert yuan(changed(stays), "2 0:00", "2 2:00") == 6
    assert yuan(changed(stays), "1 23:59:59", "2 0:00:01") == {"entry": 1, "exit": 3, "split": 4}[stays]


def test_a_quote_names_the_version_that_made_it() -> None:
    tariff = changed("entry")
    assert tariff.replaces is not None
    assert stay(tariff, "22:00", "2 2:00").content_hash == tariff.replaces.tariff.content_hash
    assert stay(tariff, "2 0:00", "2 2:00").content_hash == tariff.content_hash


def test_versions_replace_each_other_in_a_row() -> None:
    table = '[replaces]\nfile = "x.toml"\nfrom = 2024-06-05T00:00:00+08:00\nstays = "split"'
    tariff = notice("", row('steps = [{ unit = "1h", yuan = 7 }]'), table, replaced=changed("split"))
    assert yuan(tariff, "23:00", "3 1:00") == 1 + 24 * 3 + 7


# --- the quote itself --------------------------------------------------------------------------------------


def test_a_quote_says_under_what_it_was_made() -> None:
    tariff = notice("", row(LADDER))
    answer = stay(tariff, "9:00", "10:00")
    assert (answer.tariff_id, answer.version, answer.content_hash) == ("t", "1", tariff.content_hash)
    assert (answer.entry, answer.exit, answer.price_class) == (at("9:00"), at("10:00"), "all")


def test_a_quote_in_json() -> None:
    tariff = notice("", row(f"{LADDER}\ncaps = [{{ yuan = 6 }}]"), discount("减", "yuan = 1"))
    answer = stay(tariff, "9:00", "10:30", paid(("9:10", 200)))
    line = {"period": "", "units": 1, "from_cycle": 1, "to_cycle": 1}
    assert json.loads(json.dumps(answer.to_json())) == {
        "tariff": {"id": "t", "version": "1", "hash": tariff.content_hash},
        "class": "all",
        "entry": "2024-06-03T09:00:00+08:00",
        "exit": "2024-06-03T10:30:00+08:00",
        "lines": [
            line | {"rule": "前1小时", "unit_fen": 500, "fen": 500},
            line | {"rule": "1小时后每30分钟", "unit_fen": 200, "fen": 200},
        ],
        "caps": [{"period": "", "cap_fen": 600, "fen": 100, "from_cycle": 1, "to_cycle": 1}],
        "discounts": [{"name": "减", "fen": 100, "time": 0}],
        "total": 500,
        "paid": 200,
        "due": 300,
        "free": False,
    }


def test_a_line_is_what_it_says() -> None:
    answer = stay(notice("", row(HOURLY)), "9:00", "3 9:00")
    assert answer.lines == (Line("每1小时", "", 48, 100, 4800, 1, 2),)


# --- times -------------------------------------------------------------------------------------------------


def naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)


def as_it_is(moment: datetime) -> datetime:
    return moment


@pytest.mark.parametrize(("entry", "exit_"), [(naive, as_it_is), (as_it_is, naive), (naive, naive)])
def test_naive_times_are_refused(
    entry: Callable[[datetime], datetime], exit_: Callable[[datetime], datetime]
) -> None:
    with pytest.raises(QuoteError, match="both times need a UTC offset"):
        quote(notice("", row(HOURLY)), Parked(entry(at("9:00")), exit_(at("10:00"))))


def test_an_exit_before_the_entry_is_refused() -> None:
    with pytest.raises(QuoteError, match="the exit lies before the entry") as caught:
        stay(notice("", row(HOURLY)), "9:00:01", "9:00")
    assert isinstance(caught.value, ValueError)


def test_offsets_count_and_clock_faces_do_not() -> None:
    exit_ = at("9:15").astimezone(timezone(timedelta(hours=-5)))
    assert quote(notice('free = { time = "15min" }', row(HOURLY)), Parked(at("9:00"), exit_)).total == 0


def test_a_day_is_one_of_chinas_clock() -> None:
    tariff = notice('cycle = "day"', row(VISIT))
    utc = [at(moment).astimezone(UTC) for moment in ("7:00", "9:00", "23:59", "2 0:01")]
    assert quote(tariff, Parked(utc[0], utc[1])).total == 1000  # over midnight of UTC
    assert quote(tariff, Parked(utc[2], utc[3])).total == 2000


class SummerTimeEndsAtNoon(tzinfo):
    """+09:00 until noon of 15 September 1991, then +08:00 (as in China's last summer of daylight saving)."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta:
        before = moment is not None and moment.replace(tzinfo=None) < datetime(1991, 9, 15, 12)  # noqa: DTZ001
        return timedelta(hours=9 if before else 8)

    def dst(self, moment: datetime | None, /) -> timedelta:
        return self.utcoffset(moment) - timedelta(hours=8)

    def tzname(self, moment: datetime | None, /) -> str:
        return f"{self.utcoffset(moment)}"


def test_the_hour_that_a_zone_repeats_is_charged() -> None:
    zone = SummerTimeEndsAtNoon()
    entry = datetime(1991, 9, 15, 11, 30, tzinfo=zone)
    exit_ = datetime(1991, 9, 15, 12, 30, tzinfo=zone)
    assert quote(notice("", row(HOURLY)), Parked(entry, exit_)).total == 200


# --- what free time, payments and earlier stays do to each other ----------------------------------------------


def test_a_full_cycle_never_costs_more_than_what_was_charged_of_it() -> None:
    text = "[calendar]\nfree = [2024-06-04]\n"
    tariff = notice(text, row(f"{HOURLY}\nfull_yuan = 20"))
    assert stay(tariff, "9:00", "2 9:00").total == 1500
    assert stay(tariff, "2 0:00", "2 24:00").total == 0


def test_free_time_that_was_not_used_up_before_a_payment_is_gone() -> None:
    text = 'free = { time = "1h", exceeded = "deducted" }\nprepaid = { leave = "15min", later = "anew" }\n'
    tariff = notice(text, row(HOURLY))
    assert stay(tariff, "9:00", "11:00", Context(paid=(Paid(at("9:30"), 0),))).total == 200


def test_time_that_goes_backwards_adds_nothing_to_a_budget() -> None:
    text = '[[discounts]]\nname = "nev"\ntime = "2h"\nfirst = 2\nbudget = "1h"\n'
    before = Earlier(at("8:00"), at("6:00"))
    assert stay(notice(text, row(HOURLY)), "10:00", "16:00", Context(earlier=(before,))).total == 400
