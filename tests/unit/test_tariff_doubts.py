"""What is doubtful in a tariff, each kind beside a near twin without it. All prices here are made up."""

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import tomli

from gateway.config import load_tariff
from gateway.notice.tariff import parse
from gateway.tariff.doubts import _DAYS_PRICED, Doubt, _Asked, _fall_between, doubts
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Parked, Quote
from gateway.tariff.rules import Tariff

SAMPLES = sorted((Path(__file__).parents[2] / "config" / "tariffs").glob("*.toml"))

HOURLY = 'steps = [{ unit = "1h", yuan = 5 }]'
HALF_HOURS = 'steps = [{ unit = "30min", yuan = 2 }]'

FULL_DAY = "the notice has a price for a whole day that is below 24 single hours, and no maximum for less"
# What the notices that are kept as samples really say, and this module doubts.
EXPECTED = {
    ("kaifeng-station", "falls"): FULL_DAY,
    ("qianshan-jicuimen", "falls"): FULL_DAY,
    ("qingdao-hospital", "falls"): "less than 30 minutes by night cost as much as by day, from then on as by night",
    ("shenzhen-nev-streets", "gap"): "the sample leaves the free night out",
    ("zhongshan-north-road", "gap"): "the sample leaves the free night out",
}


def notice(*tables: str, head: str = "", cycle: str = "24h", replaced: Tariff | None = None) -> Tariff:
    text = "\n".join((f'id = "t"\nversion = "2"\nname = "made up"\ncycle = "{cycle}"\n{head}', *tables))
    return parse(tomli.loads(text, parse_float=Decimal), replaced)


def row(prices: str, name: str = "all", whom: str = "default = true") -> str:
    return f'[[classes]]\nname = "{name}"\n{whom}\n{prices}'


def period(hours: str, more: str, name: str = "") -> str:
    begin, _, end = hours.partition("-")
    return f'[[classes.periods]]\nname = "{name or hours}"\nfrom = "{begin}"\nto = "{end}"\n{more}'


def the_only(tariff: Tariff) -> Doubt:
    (doubt,) = doubts(tariff)
    return doubt


def kinds(tariff: Tariff) -> list[str]:
    return [doubt.kind for doubt in doubts(tariff)]


def length(shown: Quote) -> timedelta:
    return shown.exit - shown.entry


def assert_falls(doubt: Doubt) -> None:
    shorter, longer = doubt.example
    assert doubt.kind == "falls"
    assert shorter.entry == longer.entry
    assert shorter.exit < longer.exit
    assert shorter.total > longer.total


# --- gap --------------------------------------------------------------------------------------------------


def test_hours_that_no_period_covers_are_a_gap_and_free_ones_are_none() -> None:
    day = row(period("08:00-20:00", HOURLY))
    doubt = the_only(notice(day))
    assert (doubt.kind, doubt.row) == ("gap", "all")
    assert "每天（如 2026-01-01）20:00-08:00 没有时段" in doubt.message
    assert "20:00-08:00 on every day" in doubt.message
    (shown,) = doubt.example
    assert (shown.total, shown.lines) == (0, ())
    assert length(shown) == timedelta(hours=8)
    assert kinds(notice(day, period("20:00-08:00", "free = true"))) == []


def test_a_gap_of_one_minute_is_found() -> None:
    doubt = the_only(notice(row(period("08:00-20:00", HOURLY)), period("20:01-08:00", HALF_HOURS)))
    assert "20:00-20:01" in doubt.message
    assert length(doubt.example[0]) == timedelta(minutes=1)


def test_a_gap_on_one_kind_of_day_names_it() -> None:
    week = row(period("00:00-24:00", f'days = ["working", "weekend"]\n{HOURLY}'))
    doubt = the_only(notice(week))
    assert "节假日（如 2026-01-01）00:00-24:00" in doubt.message
    assert "on holidays (such as 2026-01-01)" in doubt.message
    assert "工作日" not in doubt.message
    assert doubt.example[0].total == 0
    assert kinds(notice(week, period("00:00-24:00", 'days = ["holiday"]\nfree = true', name="holiday"))) == []


def test_days_and_seasons_leave_a_gap_only_together() -> None:
    summer = period("00:00-24:00", f'season = ["05-01..09-30"]\n{HOURLY}', name="summer")
    winter = f'season = ["10-01..04-30"]\n{HALF_HOURS}'
    weekdays = period("00:00-24:00", f'days = ["working"]\n{winter}', name="winter")
    doubt = the_only(notice(row(summer), weekdays))
    assert "周末、节假日（如 2026-01-01）" in doubt.message
    rest = period("00:00-24:00", f'days = ["weekend", "holiday"]\n{winter}', name="rest")
    assert kinds(notice(row(summer), weekdays, rest)) == []


def test_the_leap_day_may_be_the_gap() -> None:
    summer = period("00:00-24:00", f'season = ["03-01..10-31"]\n{HOURLY}', name="summer")
    until = [period("00:00-24:00", f'season = ["11-01..02-{day}"]\n{HOURLY}', name="winter") for day in (28, 29)]
    assert "2028-02-29" in the_only(notice(row(summer), until[0])).message
    assert kinds(notice(row(summer), until[1])) == []


def test_each_gap_of_a_row_is_told_once() -> None:
    head = "[calendar]\nfree = [2026-02-17]\n"
    tables = (
        period("00:00-22:00", f'days = ["working"]\n{HOURLY}', name="working"),
        period("00:00-23:00", f'days = ["weekend", "holiday"]\n{HOURLY}', name="rest"),
    )
    told = [doubt.message for doubt in doubts(notice(row(""), *tables, head=head))]
    assert len(told) == 2
    assert [("22:00-24:00" in message, "23:00-24:00" in message) for message in told] == [
        (False, True),
        (True, False),
    ]


def test_a_day_on_which_the_lot_is_free_is_no_gap() -> None:
    tables = (period("00:00-24:00", f'season = ["02-18..02-16"]\n{HOURLY}', name="year"),)
    assert kinds(notice(row(""), *tables)) == ["gap"]
    assert kinds(notice(row(""), *tables, head="[calendar]\nfree = [2026-02-17, 2028-02-17]\n")) == []


# --- cap and dear -----------------------------------------------------------------------------------------


def test_a_cap_below_the_first_price() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\ncaps = [{{ yuan = 4.5 }}]")))
    assert (doubt.kind, doubt.row) == ("cap", "all")
    assert "封顶 4.5 元低于一个单位的价格 5 元" in doubt.message
    (shown,) = doubt.example
    assert shown.lines[0].unit_fen == 500
    assert shown.total == 450
    assert kinds(notice(row(f"{HOURLY}\ncaps = [{{ yuan = 5 }}]"))) == []


def test_a_cap_of_a_period_below_its_price() -> None:
    night = period("20:00-08:00", "steps = [{ yuan = 10 }]\ncap_yuan = 9")
    day = period("08:00-20:00", HOURLY)
    doubt = the_only(notice(row(""), day, night))
    assert doubt.kind == "cap"
    assert [(cut.period, cut.cap_fen) for cut in doubt.example[0].caps] == [("20:00-08:00", 900)]
    assert kinds(notice(row(""), day, night.replace("cap_yuan = 9", "cap_yuan = 10"))) == []


def test_a_cap_of_the_second_cycle_below_the_price() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\ncaps = [{{ yuan = [50, 3] }}]")))
    assert doubt.kind == "cap"
    (shown,) = doubt.example
    assert length(shown) > timedelta(days=1)
    assert shown.total == 5300
    assert kinds(notice(row(f"{HOURLY}\ncaps = [{{ yuan = [50, 5] }}]"))) == []


def test_a_cap_of_a_late_cycle_is_looked_at() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\ncaps = [{{ yuan = [50, 50, 50, 50, 3] }}]")))
    assert doubt.example[0].total == 20_300


def test_a_cap_of_nothing_is_meant() -> None:
    assert kinds(notice(row(f"{HOURLY}\ncaps = [{{ yuan = [50, 0] }}]"))) == []
    doubt = the_only(notice(row(f"{HOURLY}\ncaps = [{{ yuan = [0, 3] }}]")))
    assert "封顶 3 元" in doubt.message
    assert doubt.example[0].total == 300


def test_a_cap_of_a_period_says_nothing_of_prices_in_others() -> None:
    night = period("20:00-08:00", 'steps = [{ unit = "1h", yuan = 1 }]\ncap_yuan = 4')
    assert kinds(notice(row(""), period("08:00-20:00", HOURLY), night)) == []


def test_prices_above_a_hundred_yuan_may_be_fen() -> None:
    prices = 'steps = [{{ until = "1h", yuan = {} }}, {{ unit = "1h", yuan = 5 }}]'
    doubt = the_only(notice(row(prices.format("100.01"))))
    assert (doubt.kind, doubt.row) == ("dear", "all")
    assert "一个单位 100.01 元，像是以分计" in doubt.message
    assert doubt.example[0].total == 10_001
    assert kinds(notice(row(prices.format("100")))) == []


@pytest.mark.parametrize("sums", ["caps = [{{ yuan = [50, {}] }}]", "full_yuan = {}"])
def test_caps_and_full_prices_above_a_thousand_yuan_may_be_fen(sums: str) -> None:
    hourly = 'steps = [{ unit = "1h", yuan = 50 }]'
    doubt = next(iter(doubts(notice(row(f"{hourly}\n{sums.format('1000.01')}")))))
    assert (doubt.kind, doubt.row) == ("dear", "all")
    assert "1000.01 元，像是以分计" in doubt.message
    assert "looks like fen" in doubt.message
    assert len(doubt.example) == 1
    assert "dear" not in kinds(notice(row(f"{hourly}\n{sums.format('1000')}")))


def test_a_cap_of_a_period_above_a_thousand_yuan_may_be_fen() -> None:
    night = period("20:00-08:00", f"{HOURLY}\ncap_yuan = 1000.01")
    day = period("08:00-20:00", HOURLY)
    doubt = the_only(notice(row(""), day, night))
    assert (doubt.kind, doubt.row) == ("dear", "all")
    assert kinds(notice(row(""), day, night.replace("1000.01", "1000"))) == []


def test_a_tariff_wholly_in_fen_is_doubted() -> None:
    fen = 'steps = [{ unit = "1h", yuan = 500 }]\ncaps = [{ yuan = 5000 }]'
    assert kinds(notice(row(fen))) == ["dear", "dear"]
    assert kinds(notice(row(fen.replace("00 ", " ")))) == []


def test_a_discount_of_less_than_one_percent_may_be_a_fraction() -> None:
    tables = '[[discounts]]\nname = "etc"\nchannel = "etc"\npercent = 5\n[[discounts]]\nname = "half"\npercent = {}'
    doubt = the_only(notice(row(HOURLY), tables.format("0.5")))
    assert (doubt.kind, doubt.row, doubt.example) == ("percent", "", ())
    assert doubt.message == (
        "第 2 个优惠: 0.5 是百分之 0.5；一半写 50 / discount 2: 0.5 is 0.5 percent; write 50 for half"
    )
    assert kinds(notice(row(HOURLY), tables.format("1"))) == []


def test_an_uplift_of_less_than_one_percent_may_be_a_fraction() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\nuplift_percent = 0.25")))
    assert (doubt.kind, doubt.row) == ("percent", "all")
    assert doubt.message.startswith("上浮: 0.25 是百分之 0.25；")
    assert kinds(notice(row(f"{HOURLY}\nuplift_percent = 1"))) == []


def test_a_dear_price_beyond_the_free_time_is_still_shown() -> None:
    head = 'free = { time = "2h" }'
    doubt = the_only(notice(row('steps = [{ unit = "1h", yuan = 2000 }]'), head=head))
    assert doubt.example[0].total == 600_000


# --- falls ------------------------------------------------------------------------------------------------


def test_a_full_day_below_its_hours_falls_at_24_hours() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\nfull_yuan = 100")))
    assert_falls(doubt)
    assert [length(one) for one in doubt.example] == [timedelta(days=1, seconds=-1), timedelta(days=1)]
    assert [one.total for one in doubt.example] == [12_000, 10_000]
    assert "停 23h59min59s 收 120 元，停 24h 反而收 100 元" in doubt.message
    assert "a stay of 23h59min59s costs 120 yuan and one of 24h only 100" in doubt.message
    assert kinds(notice(row(f"{HOURLY}\nfull_yuan = 120"))) == []


def test_between_two_lengths_the_very_fall_is_found() -> None:
    """Over a rise and a level stretch, which both end before it."""
    tariff = notice(row(f"{HOURLY}\ncaps = [{{ yuan = 110 }}]\nfull_yuan = 80"))
    asked = _Asked(tariff, tariff.classes[0], date(2026, 1, 1), 0)
    for shorter in range(17, 24):
        for longer in (timedelta(days=1), timedelta(days=1, minutes=59)):
            found = _fall_between(asked, 0, shorter * 3600, int(longer.total_seconds()))
            assert (asked.quote(0, found - 1).total, asked.quote(0, found).total) == (11_000, 8_000)


def test_a_full_calendar_day_falls_at_midnight() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\nfull_yuan = 100"), cycle="day"))
    assert_falls(doubt)
    longer = doubt.example[1].exit
    assert (longer.hour, longer.minute, longer.second) == (0, 0, 0)


def test_the_clock_of_minutes_falls_by_a_minute() -> None:
    doubt = the_only(notice(row(f"{HOURLY}\nfull_yuan = 100"), head='clock = "minutes"'))
    assert [length(one) for one in doubt.example] == [timedelta(hours=23, minutes=59), timedelta(days=1)]


@pytest.mark.parametrize(
    ("first", "others", "at"),
    [
        ('under = "3h"', 12, timedelta(hours=3)),
        ('up_to = "3h"', 12, timedelta(hours=3, seconds=1)),
        ('up_to = "7d"', 14, timedelta(days=7, seconds=1)),
    ],
)
def test_a_cap_for_short_stays_above_that_of_long_ones(first: str, others: int, at: timedelta) -> None:
    caps = f"caps = [{{ yuan = 15, {first} }}, {{ yuan = OTHERS }}]"
    doubt = the_only(notice(row(f"{HOURLY}\n{caps.replace('OTHERS', str(others))}")))
    assert_falls(doubt)
    assert length(doubt.example[1]) == at
    assert kinds(notice(row(f"{HOURLY}\n{caps.replace('OTHERS', '15')}"))) == []


def test_a_short_end_that_joins_the_dear_day() -> None:
    tables = (row(""), period("07:00-21:00", 'steps = [{ unit = "30min", yuan = 2 }]'))
    night = period("21:00-07:00", 'steps = [{ unit = "30min", yuan = 1 }]')
    doubt = the_only(notice(*tables, night, head='boundary = { rule = "short_after", under = "45min" }'))
    assert_falls(doubt)
    assert length(doubt.example[1]) < timedelta(hours=2)
    assert kinds(notice(*tables, night, head='boundary = { rule = "cut" }')) == []


def test_time_off_moves_where_the_charged_time_begins() -> None:
    """Charged from 05:01 a night unit of 2 hours ends at 07:01; the 15 minutes that join it begin a second one."""
    night = period("19:00-07:00", 'steps = [{ unit = "2h", yuan = 5 }]')
    tables = (row(""), night, period("07:00-19:00", 'steps = [{ unit = "15min", yuan = 1 }]'))
    joins = 'boundary = { rule = "short_after", under = "15min" }'
    doubt = the_only(notice(*tables, head=f'free = {{ time = "30min", exceeded = "deducted" }}\n{joins}'))
    assert_falls(doubt)


def test_a_single_period_matters_by_when_one_comes() -> None:
    """From 09:00 a full day has 12 night hours; who comes in the middle of one begins 13."""
    tables = [notice(row(f"full_yuan = {full}"), period("20:00-08:00", HOURLY)) for full in (60, 65)]
    assert [kinds(table) for table in tables] == [["gap", "falls"], ["gap"]]


def test_one_price_for_all_within_some_hours() -> None:
    tables = (row(""), period("08:00-20:00", HOURLY), period("20:00-08:00", "steps = [{ yuan = 6 }]", name="night"))
    doubt = the_only(notice(*tables, head='boundary = { rule = "once", within = "10h", period = "night" }'))
    assert_falls(doubt)
    assert doubt.example[1].lines[0].period == "night"
    assert kinds(notice(*tables)) == []


def test_a_fall_on_the_way_from_a_working_day_into_a_holiday_only() -> None:
    """The night of a holiday takes what is within 10 hours; that of the other days stands for itself."""
    tables = (
        row(""),
        period("08:00-20:00", HOURLY),
        period("20:00-24:00", "steps = [{ yuan = 6 }]", name="evening"),
        period("00:00-08:00", 'days = ["working", "weekend"]\nsteps = [{ yuan = 6 }]', name="night"),
        period("00:00-08:00", 'days = ["holiday"]\nsteps = [{ yuan = 7 }]', name="feast"),
    )
    doubt = the_only(notice(*tables, head='boundary = { rule = "once", within = "10h", period = "feast" }'))
    assert_falls(doubt)
    assert doubt.example[1].exit - timedelta(seconds=1) >= datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=8)))
    assert doubt.example[1].lines[0].period == "feast"


def test_the_shortest_fall_is_told_once_for_a_row() -> None:
    caps = 'caps = [{ yuan = 15, under = "3h" }, { yuan = 12, under = "8h" }, { yuan = 11 }]'
    doubt = the_only(notice(row(f"{HOURLY}\n{caps}\nfull_yuan = 9")))
    assert length(doubt.example[1]) == timedelta(hours=3)


ROWS = tuple(
    row(
        f'steps = [{{ until = "1h", yuan = {5 + code} }}, {{ unit = "30min", yuan = 2 }}]\ncaps = [{{ yuan = 50 }}]'
    )
    .replace("default = true", "default = true" if not code else f"vehicle_classes = [{code}]")
    .replace('"all"', f'"row {code}"')
    for code in range(12)
)


@pytest.mark.parametrize("hidden", [0, 5, 11])
def test_a_falling_row_is_found_among_many(hidden: int) -> None:
    assert kinds(notice(*ROWS, head='free = { time = "15min" }')) == []
    falling = ROWS[hidden].replace("yuan = 50", "yuan = 50, under = '24h' }, { yuan = 49")
    doubt = the_only(notice(*ROWS[:hidden], falling, *ROWS[hidden + 1 :], head='free = { time = "15min" }'))
    assert_falls(doubt)
    assert doubt.row == f"row {hidden}"
    assert {one.price_class for one in doubt.example} == {f"row {hidden}"}


@pytest.mark.parametrize(("exceeded", "count"), [("lost", "started"), ("deducted", "20min")])
@pytest.mark.parametrize("rule", ["cut", "unit", "short_before"])
@pytest.mark.parametrize("cycle", ["24h", "day", "stay"])
def test_an_ordinary_notice_of_day_and_night_is_not_doubted(
    cycle: str, rule: str, exceeded: str, count: str
) -> None:
    head = (
        f'count = "{count}"\nfree = {{ time = "15min", exceeded = "{exceeded}" }}\nboundary = {{ rule = "{rule}" }}'
    )
    day = period("08:00-20:00", 'steps = [{ until = "1h", yuan = 5 }, { unit = "30min", yuan = 2 }]\ncap_yuan = 30')
    night = period("20:00-08:00", 'steps = [{ unit = "1h", yuan = 1 }]')
    assert kinds(notice(row("caps = [{ yuan = 40 }]"), day, night, head=head, cycle=cycle)) == []


# --- unreachable ------------------------------------------------------------------------------------------


def test_a_row_whose_vehicles_all_go_elsewhere() -> None:
    staff = row(HALF_HOURS, "staff", 'permits = ["staff"]')
    others = row(HALF_HOURS, "class 1 of staff", 'vehicle_classes = [1]\npermits = ["staff", "guest"]')
    twin = row(HALF_HOURS, "again", 'permits = ["staff"]\nplate_colors = ["blue"]')
    assert kinds(notice(row(HOURLY), staff, twin)) == []
    doubt = the_only(notice(row(HOURLY), staff, row(HALF_HOURS, "late", 'permits = ["staff"]')))
    assert (doubt.kind, doubt.row) == ("unreachable", "late")
    assert "staff" in doubt.message
    assert doubt.example[0].price_class == "staff"
    assert kinds(notice(row(HOURLY), staff, others)) == []


def test_several_rows_may_take_all_of_one() -> None:
    blue = row(HALF_HOURS, "blue", 'plate_colors = ["blue"]\nvehicle_classes = [1]')
    more = row(HALF_HOURS, "more", 'plate_colors = ["blue"]\nvehicle_classes = [2]')
    late = row(HALF_HOURS, "late", 'plate_colors = ["blue"]\nvehicle_classes = [1, 2]')
    doubt = the_only(notice(row(HOURLY), blue, more, late))
    assert (doubt.row, doubt.example[0].price_class) == ("late", "blue")
    assert "blue、more" in doubt.message
    assert kinds(notice(row(HOURLY), blue, more, late.replace("[1, 2]", "[1, 2, 3]"))) == []


def test_the_default_prices_at_least_what_nobody_lists() -> None:
    default = row(HOURLY, whom='default = true\nplate_colors = ["blue"]')
    assert kinds(notice(row(HALF_HOURS, "blue", 'plate_colors = ["blue"]'), default)) == []


def test_an_exempt_row_may_be_unreachable_and_nothing_else() -> None:
    free = row("exempt = true", "first", 'permits = ["army"]')
    assert kinds(notice(row(HOURLY), free)) == []
    doubt = the_only(notice(row(HOURLY), free, row("exempt = true", "second", 'permits = ["army"]')))
    assert (doubt.kind, doubt.row) == ("unreachable", "second")


STEP = 'steps = [{{ until = "{}", yuan = 5 }}, {{ unit = "1h", yuan = 3 }}]'


@pytest.mark.parametrize(
    ("cycle", "hours", "reached", "never"),
    [
        ("24h", "00:00-24:00", "23h", "24h"),
        ("day", "00:00-24:00", "23h", "24h"),
        ("24h", "20:00-08:00", "11h", "12h"),
        ("day", "20:00-08:00", "11h", "12h"),
        ("stay", "20:00-08:00", "11h", "12h"),
    ],
)
def test_a_step_that_begins_where_its_part_has_ended(cycle: str, hours: str, reached: str, never: str) -> None:
    end, begin = hours.split("-")
    rest = () if hours == "00:00-24:00" else (period(f"{begin}-{end}", "free = true"),)
    doubt = the_only(notice(row(""), period(hours, STEP.format(never)), *rest, cycle=cycle))
    assert (doubt.kind, doubt.row) == ("unreachable", "all")
    assert f"第 2 步从 {never} 起" in doubt.message
    assert {line.unit_fen for line in doubt.example[0].lines} == {500}
    assert kinds(notice(row(""), period(hours, STEP.format(reached)), *rest, cycle=cycle)) == []


def test_a_stay_as_one_cycle_reaches_every_step() -> None:
    assert kinds(notice(row(STEP.format("48h")), cycle="stay")) == []


def test_what_runs_over_the_edge_of_a_period_may_reach_a_step() -> None:
    tables = (row(""), period("20:00-08:00", STEP.format("12h")), period("08:00-20:00", HOURLY))
    assert kinds(notice(*tables)) == ["unreachable"]
    assert "unreachable" not in kinds(notice(*tables, head='boundary = { rule = "short_after", under = "30min" }'))


@pytest.mark.parametrize(
    ("caps", "never"),
    [
        ('{ yuan = 50 }, { yuan = 60, up_to = "12h" }', 'yuan = 60, up_to = "12h"'),
        ('{ yuan = 50, up_to = "12h" }, { yuan = 60, up_to = "4h" }, { yuan = 70 }', "yuan = 60"),
        ('{ yuan = 50, under = "4h" }, { yuan = 60, up_to = "4h" }, { yuan = 70 }', ""),
        ('{ yuan = 50, up_to = "4h" }, { yuan = 60, under = "4h" }, { yuan = 70 }', "yuan = 60"),
        ('{ yuan = 50, days = ["working"] }, { yuan = 60 }', ""),
        (
            '{ yuan = 50, days = ["working"] }, { yuan = 50, days = ["weekend", "holiday"] }, { yuan = 60 }',
            "yuan = 60",
        ),
        ('{ yuan = 50, season = ["05-01..09-30"] }, { yuan = 60, season = ["06-01"] }, { yuan = 70 }', "yuan = 60"),
        ('{ yuan = 50, season = ["05-01..09-30"] }, { yuan = 60, season = ["10-01"] }, { yuan = 70 }', ""),
        ('{ yuan = [50, 60], up_to = "24h" }, { yuan = 70 }', "60"),
        ('{ yuan = [50, 60], up_to = "25h" }, { yuan = 110 }', ""),
    ],
)
def test_a_cap_behind_others(caps: str, never: str) -> None:
    found = [doubt for doubt in doubts(notice(row(f"{HOURLY}\ncaps = [{caps}]"))) if doubt.kind != "falls"]
    assert [doubt.kind for doubt in found] == ["unreachable"] * bool(never)
    for doubt in found:
        assert 6000 not in {cut.cap_fen for cut in doubt.example[0].caps}


def test_a_second_sum_without_a_second_cycle() -> None:
    caps = row(f"{HOURLY}\ncaps = [{{ yuan = [50, 60] }}]")
    doubt = the_only(notice(caps, cycle="stay"))
    assert doubt.kind == "unreachable"
    assert "2 个金额" in doubt.message
    assert doubt.example[0].total == 5000
    assert kinds(notice(caps, cycle="24h")) == []
    assert kinds(notice(caps.replace("60] }", '60], up_to = "24h" }, { yuan = 110 }'), cycle="day")) == []


# --- all of them ------------------------------------------------------------------------------------------


EVERY_KIND = (
    row(f"{HOURLY}\ncaps = [{{ yuan = 4 }}, {{ yuan = 50 }}]\nfull_yuan = 1"),
    row("", "dear", "vehicle_classes = [2]"),
    period("08:00-20:00", 'steps = [{ unit = "1h", yuan = 1500 }]'),
)


def test_every_word_is_told_in_chinese_and_english_with_a_quote_of_that_row() -> None:
    found = list(doubts(notice(*EVERY_KIND)))
    assert {doubt.kind for doubt in found} == {"gap", "cap", "dear", "falls", "unreachable"}
    for doubt in found:
        chinese, _, english = doubt.message.partition(" / ")
        assert not chinese.isascii()
        assert english.isascii()
        assert {one.price_class for one in doubt.example} == {doubt.row}


def test_every_example_can_be_asked_for_again() -> None:
    """Under a version that replaces another too: no example begins under the one before."""
    before = notice(row(HALF_HOURS))
    head = 'replaces = { file = "before.toml", from = 2026-03-04T12:00:00+08:00, stays = "entry" }'
    tariff = notice(*EVERY_KIND, head=head, replaced=before)
    examples = [(doubt.row, one) for doubt in doubts(tariff) for one in doubt.example]
    assert len(examples) == 6
    for name, one in examples:
        assert quote(tariff, Parked(one.entry, one.exit), Context(name)) == one


def test_the_same_tariff_has_the_same_doubts() -> None:
    tariff = notice(*EVERY_KIND)
    assert list(doubts(tariff)) == list(doubts(tariff))


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_dates_at_the_ends_of_time_are_no_matter(year: str) -> None:
    season = f'season = ["{year}-01-01..{year}-12-31"]'
    tariff = notice(
        row(f"{HOURLY}\ncaps = [{{ yuan = 20, {season} }}, {{ yuan = 50 }}]"),
        head=f"calendar = {{ free = [{year}-12-31] }}",
    )
    assert kinds(tariff) == []
    head = f'replaces = {{ file = "before.toml", from = {year}-12-31T12:00:00+08:00, stays = "split" }}'
    assert kinds(notice(row(HOURLY), head=head, replaced=tariff)) == []


def test_many_rows_of_many_periods_take_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes the time is the days that are priced, and those are bounded."""
    priced = 0

    def counted(tariff: Tariff, parked: Parked, *context: Context) -> Quote:
        nonlocal priced
        priced += (parked.exit - parked.entry).days + 1
        return quote(tariff, parked, *context)

    monkeypatch.setattr("gateway.tariff.doubts.quote", counted)
    hours = [f"{hour:02}:00-{hour + 2:02}:00" for hour in range(0, 24, 2)]
    days = ('days = ["working"]', 'days = ["weekend"]\nseason = ["05-01..09-30"]')
    periods = [
        period(span, f"{when}\n{HOURLY}", f"{span} {number}") for span in hours for number, when in enumerate(days)
    ]
    tables = [row("caps = [{ yuan = 30, up_to = '31d' }, { yuan = 40 }]"), *periods]
    tables += [row('like = "all"', f"like {code}", f"vehicle_classes = [{code}]") for code in range(20)]
    tariff = notice(*tables)
    list(doubts(tariff))
    assert 1000 < priced < 3 * (_DAYS_PRICED + 31 * len(tariff.classes))


# --- the notices that are kept as samples -------------------------------------------------------------------


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.stem)
def test_a_sample_is_doubted_only_where_its_notice_really_says_so(file: Path) -> None:
    found = {(file.stem, kind) for kind in kinds(load_tariff(file))}
    assert found == {key for key in EXPECTED if key[0] == file.stem}


def test_the_samples_that_are_doubted_are_there() -> None:
    assert {stem for stem, _ in EXPECTED} <= {file.stem for file in SAMPLES}


def test_a_sample_made_dear_and_capped_below_its_price_is_doubted() -> None:
    """Three mistakes of a hand in a right file: fen for yuan, a cap a hundred times less, a gap."""
    tariff = load_tariff(next(file for file in SAMPLES if file.stem == "chengdu-airport"))
    small = tariff.classes[0]
    (whole,) = small.periods
    wrong = {
        "cap": replace(small, caps=(replace(small.caps[0], fen=(70,)),)),
        "dear": replace(
            small, periods=(replace(whole, steps=(replace(whole.steps[0], fen=400_000), whole.steps[1])),)
        ),
        "gap": replace(small, periods=(replace(whole, end=whole.end - 60),)),
    }
    for kind, row_ in wrong.items():
        assert kind in kinds(replace(tariff, classes=(row_, *tariff.classes[1:])))
