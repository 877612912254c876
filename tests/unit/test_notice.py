"""A price notice as TOML: what it becomes, and every mistake in it at once, each with its line."""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path
from time import process_time

import pytest
import tomli

from gateway.config import ConfigError, Problem, load_tariff
from gateway.notice.mistakes import TariffError
from gateway.notice.tariff import parse
from gateway.notice.values import COLORS
from gateway.tariff.rules import Crossed, Dates, Prepaid, Rounding, Step, Tariff

HEAD = 'id = "t"\nversion = "1"\nname = "made up"\ncycle = "24h"\n'
ROW = '[[classes]]\nname = "all"\ndefault = true\nsteps = [{ unit = "1h", yuan = 1 }]\n'
PERIODS = '[[classes]]\nname = "all"\ndefault = true\n'


def problems(text: str, folder: Path) -> list[Problem]:
    path = folder / "tariff.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_tariff(path)
    assert {problem.file for problem in caught.value.problems} == {path}
    return list(caught.value.problems)


def read(text: str, replaced: Tariff | None = None) -> Tariff:
    return parse(tomli.loads(text, parse_float=Decimal), replaced)


# --- what a notice becomes ---------------------------------------------------------------------------------


def test_what_a_notice_need_not_say() -> None:
    tariff = read(HEAD + ROW)
    assert (tariff.clock, tariff.counts_from, tariff.crossed) == ("seconds", 1, Crossed("cut"))
    assert (tariff.stacked, tariff.order, tariff.rounding) == (False, ("percent", "money"), Rounding(1, "half_up"))
    assert (tariff.shared_cap, tariff.prepaid, tariff.replaces) == (False, None, None)
    (row,) = tariff.classes
    assert (row.free, row.caps, row.full, row.uplift, row.exempt) == (None, (), None, None, False)
    (period,) = row.periods
    assert (period.begin, period.end, period.steps) == (0, 86_400, (Step("每1小时", 0, None, 3600, 100),))


@pytest.mark.parametrize(
    ("yuan", "fen"),
    [("0", 0), ("0.5", 50), ("2.50", 250), ("3.75", 375), ("1e2", 10_000), ("1_000_000", 100_000_000)],
)
def test_prices_are_exact(yuan: str, fen: int) -> None:
    assert read(HEAD + ROW.replace("yuan = 1", f"yuan = {yuan}")).classes[0].periods[0].steps[0].fen == fen


@pytest.mark.parametrize(
    ("length", "seconds"),
    [("1min", 60), ("90min", 5400), ("1h30min", 5400), ("2d", 172_800), ("1d2h3min", 93_780), ("366d", 31_622_400)],
)
def test_lengths(length: str, seconds: int) -> None:
    assert read(f'{HEAD}[prepaid]\nleave = "{length}"\nlater = "anew"\n{ROW}').prepaid == Prepaid(
        seconds, anew=True
    )


@pytest.mark.parametrize(("count", "seconds"), [("started", 1), ("30min", 1800), ("completed", 2 * 366 * 86_400)])
def test_from_when_on_units_count(count: str, seconds: int) -> None:
    assert read(f'{HEAD}count = "{count}"\n{ROW}').counts_from == seconds


@pytest.mark.parametrize(
    ("season", "dates"),
    [
        ("10-01", Dates((0, 10, 1), (0, 10, 1))),
        ("02-29", Dates((0, 2, 29), (0, 2, 29))),
        ("11-15..03-15", Dates((0, 11, 15), (0, 3, 15))),
        ("2028-02-29", Dates((2028, 2, 29), (2028, 2, 29))),
        ("2027-02-05..2027-02-12", Dates((2027, 2, 5), (2027, 2, 12))),
    ],
)
def test_seasons(season: str, dates: Dates) -> None:
    text = f'{HEAD}{ROW}caps = [{{ yuan = 1, season = ["{season}"] }}]\n'
    assert read(text).classes[0].caps[0].when.season == (dates,)


def test_plate_colours_by_their_code() -> None:
    text = f"{HEAD}{ROW}plate_colors = {list(COLORS)}\n".replace("'", '"')
    assert read(text).classes[0].plate_colors == frozenset(range(8))


@pytest.mark.parametrize(
    ("steps", "names"),
    [
        (
            '[{ until = "90min", unit = "30min", yuan = 1 }, { yuan = 2 }]',
            ["前1小时30分钟每30分钟", "1小时30分钟后"],
        ),
        (
            '[{ until = "1h", yuan = 1 }, { until = "2h", yuan = 1 }, { yuan = 1 }]',
            ["前1小时", "1小时至2小时", "2小时后"],
        ),
        ('[{ name = "夜", yuan = 1 }]', ["夜"]),
        ("[{ yuan = 1 }]", ["每次"]),
    ],
)
def test_steps_without_a_name_are_named_by_their_reach(steps: str, names: list[str]) -> None:
    text = HEAD + ROW.replace('[{ unit = "1h", yuan = 1 }]', steps)
    assert [step.name for step in read(text).classes[0].periods[0].steps] == names


# --- mistakes ----------------------------------------------------------------------------------------------

# What stands behind `#!` are the keys that are wrong on this line, in their places as told.
HOSTILE = r"""
id = 7 #! id
version = "\u001b[2J" #! version
cycle = "12h" #! cycle
clock = 3 #! clock
count = "half" #! count
stacking = ["best"] #! stacking
order = ["percent", "percent"] #! order
shared_cap = "no" #! shared_cap
surprise = {} #! surprise
[rounding]
to = "euro" #! rounding.to
how = true #! rounding.how
by = 1 #! rounding.by
[free]
time = 15 #! free.time
boundary = "Strict" #! free.boundary
exceeded = 0 #! free.exceeded
each = "day" #! free.each
again_after = "25h" #! free.again_after
uses = 0 #! free.uses
per = "48h" #! free.per
minutes = 3 #! free.minutes
[boundary]
rule = "join" #! boundary.rule
period = "Nacht" #! boundary.period
under = "30" #! boundary.under
for = 1 #! boundary.for
[prepaid]
leave = "-5min" #! prepaid.leave
later = "later" #! prepaid.later
grace = 1 #! prepaid.grace
[calendar]
holidays = [
  2027-02-06,
  "2027-02-07", #! calendar.holidays.2
  2027-02-06T00:00:00, #! calendar.holidays.3
]
working = [2027-02-06] #! calendar.working
free = 2027-01-01 #! calendar.free
closed = [] #! calendar.closed
[replaces]
file = 1 #! replaces.file
from = 2024-08-01T00:00:00 #! replaces.from
stays = "both" #! replaces.stays
since = 1 #! replaces.since

[[classes]]
name = "small"
default = true
vehicle_classes = [
  1,
  256, #! classes.1.vehicle_classes.2
  -1, #! classes.1.vehicle_classes.3
  true, #! classes.1.vehicle_classes.4
  1.5, #! classes.1.vehicle_classes.5
  "1", #! classes.1.vehicle_classes.6
  11,
]
steps = [
  { until = "1h", yuan = -1 }, #! classes.1.steps.1.yuan
  { until = "30min", yuan = true }, #! classes.1.steps.2.yuan classes.1.steps.2.until
  { unit = "0min", yuan = "5" }, #! classes.1.steps.3.yuan classes.1.steps.3.unit classes.1.steps.3
  { until = "1h", unit = "367d", yuan = nan }, #! classes.1.steps.4.yuan classes.1.steps.4.unit
  { until = "2h", unit = "25min", yuan = inf }, #! classes.1.steps.5.yuan classes.1.steps.5.unit
  { until = "3h", yuan = 1e999, price = 1 }, #! classes.1.steps.6.yuan classes.1.steps.6.price
  { until = "4h", yuan = 2.505 }, #! classes.1.steps.7.yuan
  { until = "5h", yuan = 1000000.01 }, #! classes.1.steps.8.yuan
  7, #! classes.1.steps.9 classes.1.steps.9
  { until = "6h" }, #! classes.1.steps.10.yuan classes.1.steps.10.until
]
caps = [
  { yuan = [] }, #! classes.1.caps.1.yuan
  { yuan = [1, -1] }, #! classes.1.caps.2.yuan
  { yuan = 1, days = ["sunday"] }, #! classes.1.caps.3.days.1
  { yuan = 1, season = ["02-30"] }, #! classes.1.caps.4.season.1
  { yuan = 1, season = ["2027-02-29"] }, #! classes.1.caps.5.season.1
  { yuan = 1, season = ["13-01", 5] }, #! classes.1.caps.6.season.1 classes.1.caps.6.season.2
  { yuan = 1, season = ["2027-03-01..2027-02-01"] }, #! classes.1.caps.7.season.1
  { yuan = 1, season = ["2027-01-01..03-01"] }, #! classes.1.caps.8.season.1
  { yuan = 0.001, up_to = 5, under = "x" }, #! classes.1.caps.9.yuan classes.1.caps.9.up_to classes.1.caps.9.under
  {}, #! classes.1.caps.10.yuan
]
full_yuan = "a" #! classes.1.full_yuan
uplift_percent = 0 #! classes.1.uplift_percent
tax = 1 #! classes.1.tax

[[classes]] #! classes.2
name = "small" #! classes.2.name
vehicle_classes = [11]
plate_colors = ["pink", 4] #! classes.2.plate_colors.1 classes.2.plate_colors.2
permits = [5, ""] #! classes.2.permits.1 classes.2.permits.2
like = "huge" #! classes.2.like
times = 0 #! classes.2.times
plus_yuan = -1 #! classes.2.plus_yuan
exempt = 1 #! classes.2.exempt
default = 1 #! classes.2.default
free = "1h" #! classes.2.free
rounding = 5 #! classes.2.rounding

[[classes]]
name = "periods"
vehicle_classes = [11] #! classes.3.vehicle_classes
[[classes.periods]] #! classes.3.periods.1
name = "day"
from = "08:00"
to = "08:00"
steps = [{ yuan = 1 }]
[[classes.periods]]
name = "a"
from = "7:00" #! classes.3.periods.2.from
to = "24:01" #! classes.3.periods.2.to
steps = [{ yuan = 1 }]
[[classes.periods]]
name = "b"
from = "08:00"
to = "20:00"
days = ["working"]
steps = [{ until = "1h", yuan = 1 }] #! classes.3.periods.3.steps.1.until
[[classes.periods]] #! classes.3.periods.4
name = "c"
from = "19:00"
to = "08:00"
days = ["working", "weekend"]
steps = [{ yuan = 1 }]
[[classes.periods]] #! classes.3.periods.5
name = "c" #! classes.3.periods.5.name
from = "02:00"
to = "03:00"
steps = [{ yuan = 2 }]
[[classes.periods]] #! classes.3.periods.6
name = "d"
free = true
steps = [{ yuan = 1 }]
[[classes.periods]] #! classes.3.periods.7.name
from = 7 #! classes.3.periods.7.from
free = "yes" #! classes.3.periods.7.free
cap_yuan = -3 #! classes.3.periods.7.cap_yuan
days = "weekend" #! classes.3.periods.7.days
season = "10-01" #! classes.3.periods.7.season
hours = 3 #! classes.3.periods.7.hours

[[classes]] #! classes.4 classes.4 classes.4 classes.4.name
times = 2

[[classes]] #! classes.5
name = "second default"
default = true #! classes.5.default
like = "periods"
periods = 3 #! classes.5.periods

[[permits]]
kind = "" #! permits.1.kind
name = "two\nlines" #! permits.1.name
[[permits]] #! permits.2
kind = "k"
name = "n"
from = "09:00"
to = "09:00"
[[permits]] #! permits.3.kind permits.3.name
days = 3 #! permits.3.days

[[discounts]] #! discounts.1
name = "nothing"
[[discounts]] #! discounts.2
name = "time on top"
time = "1h"
on_top = true
[[discounts]] #! discounts.3
name = "budget of nothing"
percent = 5
budget = "1h"
[[discounts]] #! discounts.4
name = "budget for ever"
time = "1h"
budget = "1h"
[[discounts]]
name = "x"
percent = 101 #! discounts.5.percent
channel = "app" #! discounts.5.channel
first = 101 #! discounts.5.first
per = "week" #! discounts.5.per
yuan = -1 #! discounts.5.yuan
charging = "x" #! discounts.5.charging
whole = 1 #! discounts.5.whole
on_top = 1 #! discounts.5.on_top
plate_colors = "green" #! discounts.5.plate_colors
foo = 2 #! discounts.5.foo
[[discounts]]
name = "y"
percent = 33.333 #! discounts.6.percent
"""


def test_a_hostile_notice_gets_every_mistake_at_once_each_with_its_line(tmp_path: Path) -> None:
    expected = [
        (line, place)
        for line, text in enumerate(HOSTILE.split("\n"), 1)
        for place in text.partition("#!")[2].split()
    ]
    found = [(problem.line, problem.place) for problem in problems(HOSTILE, tmp_path)]
    assert sorted(found) == sorted([(1, "name"), *expected])
    assert [line for line, _ in found] == sorted(line for line, _ in found)


def test_every_mistake_is_told_in_chinese_and_in_english(tmp_path: Path) -> None:
    for problem in problems(HOSTILE, tmp_path):
        chinese, _, english = problem.message.partition(" / ")
        assert re.search(r"[\u4e00-\u9fff]", chinese), problem
        assert re.search(r"[A-Za-z]{2}", english), problem
        assert not re.search(r"[\u4e00-\u9fff]", english.partition(" (现为")[0]), problem
        assert len(str(problem)) - len(str(problem.file)) < 600, problem


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("yuan = 1", "yuan = -1", "8: classes.1.steps.1.yuan: 须为 0 到 1000000 元，最多两位小数"),
        ("yuan = 1", "yuan = 2.505", "(现为 / is 2.505)"),
        ("yuan = 1", "yuan = nan", "(现为 / is NaN)"),
        ("yuan = 1", "yuan = 1e999", "(现为 / is 1E+999)"),
        ('unit = "1h"', 'unit = "1 h"', '须为时长，如 "30min"'),
        ('unit = "1h"', "unit = 60", '须为时长，如 "30min"'),
        ("default = true", "default = 1", "须为 true 或 false"),
        ("default = true", "", "5: classes: 必须有一个类别写 default = true"),
        ("default = true", 'permits = ["p"]\nlike = "all"', "classes.1.like: 前面没有这个收费类别，有: -"),
        ("default = true", "defualt = true", "classes.1.defualt: 没有这个选项，可用: name, default,"),
        ("[[classes]]", "[classes]", "classes: 须为列表 [ ] 或 [[classes]]"),
        ("[[classes]]", "classes = []\n[[prices]]", "classes: 至少要有一个"),
        ('name = "all"', f'name = "{"长" * 81}"', "最多 80 个字符"),
    ],
)
def test_what_a_mistake_is_told_as(old: str, new: str, said: str, tmp_path: Path) -> None:
    text = HEAD + ROW.replace(old, new)
    assert any(said in str(problem) for problem in problems(text, tmp_path))


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        ('rule = "cut"', False),
        ('rule = "cut"\nunder = "1h"', True),
        ('rule = "unit"\nperiod = "day"', True),
        ('rule = "short_before"\nwithin = "1h"', True),
        ('rule = "short_after"', True),
        ('rule = "short_after"\nunder = "1h"', False),
        ('rule = "short_after"\nunder = "1h"\nwithin = "1h"', True),
        ('rule = "once"\nwithin = "12h"', True),
        ('rule = "once"\nperiod = "day"', True),
        ('rule = "once"\nwithin = "12h"\nperiod = "day"', False),
    ],
)
def test_what_a_boundary_rule_needs_and_no_more(rule: str, tmp_path: Path, *, wrong: bool) -> None:
    periods = '[[classes.periods]]\nname = "day"\nsteps = [{ yuan = 1 }]\n'
    text = f"{HEAD}[boundary]\n{rule}\n{PERIODS}{periods}"
    if wrong:
        (problem,) = problems(text, tmp_path)
        assert (problem.line, problem.place) == (5, "boundary")
        assert "needs these and no others" in problem.message
    else:
        assert read(text).crossed.rule in rule


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        ('from = "08:00"\nto = "20:00"', 'from = "20:00"\nto = "08:00"', False),
        ('from = "08:00"\nto = "20:01"', 'from = "20:00"\nto = "08:00"', True),
        ('from = "08:00"\nto = "20:00"', 'from = "20:00"\nto = "08:01"', True),
        ('days = ["working"]', 'days = ["weekend", "holiday"]', False),
        ('days = ["working"]', 'days = ["weekend", "working"]', True),
        ('days = ["working"]', "", True),
        ('season = ["03-01..11-30"]', 'season = ["12-01..02-29"]', False),
        ('season = ["03-01..12-01"]', 'season = ["12-01..02-29"]', True),
        ('season = ["02-29..06-30"]', 'season = ["12-01..02-29"]', True),
        ('season = ["2027-02-05..2027-02-12"]', 'season = ["2028-02-05..2028-02-12"]', False),
        ('season = ["2027-02-05..2027-02-12"]', 'season = ["2027-02-12"]', True),
        ('season = ["2027-02-05..2027-02-12"]', 'season = ["02-13..12-31"]', False),
        ('season = ["2027-02-05..2027-02-12"]', 'season = ["02-12..12-31"]', True),
        ('season = ["2027-12-05..2028-02-12"]', 'season = ["01-10..01-20"]', True),
        ('season = ["2027-12-05..2028-02-12"]', 'season = ["02-13..12-04"]', False),
        ('season = ["2027-01-01..2027-12-31"]', 'season = ["02-29"]', False),
        ('season = ["2028-01-01..2028-12-31"]', 'season = ["02-29"]', True),
        ('season = ["9999-12-01..9999-12-31"]', 'season = ["01-01"]', False),
    ],
)
def test_two_prices_at_one_moment(one: str, other: str, tmp_path: Path, *, overlap: bool) -> None:
    for first, second in ((one, other), (other, one)):
        text = (
            HEAD
            + PERIODS
            + "".join(
                f'[[classes.periods]]\nname = "{name}"\n{when}\nsteps = [{{ yuan = 1 }}]\n'
                for name, when in (("a", first), ("b", second))
            )
        )
        if overlap:
            (problem,) = problems(text, tmp_path)
            assert problem.place == "classes.1.periods.2"
            assert text.split("\n")[problem.line - 1] == "[[classes.periods]]"
            assert "overlaps 'a'" in problem.message
        else:
            assert len(read(text).classes[0].periods) == 2


def test_a_syntax_error_is_the_one_mistake_told(tmp_path: Path) -> None:
    (problem,) = problems(HOSTILE.replace("cycle = ", "cycle "), tmp_path)
    assert (problem.line, problem.place) == (4, "")
    assert problem.message.startswith("TOML 语法错误")


def test_a_key_that_stands_twice_is_a_syntax_error(tmp_path: Path) -> None:
    (problem,) = problems(HEAD + HEAD + ROW, tmp_path)
    assert (problem.line, problem.place) == (5, "")


def test_the_error_of_a_document_names_every_place() -> None:
    with pytest.raises(
        TariffError, match=r"^the tariff cannot be used: id: .*; cycle: .*; classes\.0\.name: "
    ) as caught:
        read(HEAD.replace('"t"', "7").replace("24h", "1h") + ROW.replace('"all"', "7"))
    assert isinstance(caught.value, ValueError)


# --- too much ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[" * 10_000 + "]" * 10_000, "{ a = " * 10_000 + "1" + "}" * 10_000])
def test_brackets_nested_too_deeply_are_one_clear_mistake(text: str, tmp_path: Path) -> None:
    (problem,) = problems(f"{HEAD}free = {text}\n{ROW}", tmp_path)
    assert problem.message == "括号嵌套太深 / brackets are nested too deeply"


@pytest.mark.parametrize("depth", [50, 100])
def test_brackets_nested_deeply_are_a_mistake_as_any_other(depth: int, tmp_path: Path) -> None:
    row = ROW.replace("yuan = 1", f"yuan = {'[' * depth}{']' * depth}")
    (problem,) = problems(HEAD + row, tmp_path)
    assert problem.place == "classes.1.steps.1.yuan"


def test_very_many_tables_are_refused_for_their_number(tmp_path: Path) -> None:
    """A file that is as large as one may be takes as many times as long as it is larger; what is quadratic, 256."""

    def judged(part: int) -> tuple[float, list[Problem]]:
        rows = HEAD + ROW * (2_000 // part)
        text = rows + '[[discounts]]\nname = "d"\n' * (((1 << 20) // part - len(rows.encode())) // 25)
        began = process_time()
        found = problems(text, tmp_path)
        return process_time() - began, found

    short = min(judged(16)[0] for _ in range(3))
    long, found = judged(1)
    assert long < 16 * 4 * short
    assert {"classes", "discounts"} <= {problem.place for problem in found if "64 at most" in problem.message}
    assert len(found) < 500


def test_thousands_of_days_and_codes_are_refused_for_their_number(tmp_path: Path) -> None:
    days = "2027-01-01," * 20_000
    text = f"{HEAD}{ROW}vehicle_classes = [{'1,' * 20_000}]\n[calendar]\nholidays = [{days}]\nworking = [{days}]\n"
    places = {problem.place for problem in problems(text, tmp_path) if "at most" in problem.message}
    assert places == {"classes.1.vehicle_classes", "calendar.holidays", "calendar.working"}


def test_thousands_of_dates_are_compared_without_an_overlap() -> None:
    def years(period: int) -> list[str]:
        return [f"{2000 + number}-{1 + period // 28:02}-{1 + period % 28:02}" for number in range(64)]

    periods = "".join(
        f'[[classes.periods]]\nname = "{number}"\nseason = {years(number)}\nsteps = [{{ yuan = 1 }}]\n'
        for number in range(32)
    )
    assert len(read(HEAD + PERIODS + periods.replace("'", '"')).classes[0].periods) == 32


def test_a_value_of_any_size_is_told_in_one_short_line(tmp_path: Path) -> None:
    for value in (f'"{"x" * 100_000}"', f"0x{'f' * 10_000}", f"1.{'1' * 100_000}", f'"{"9" * 100_000}h"'):
        row = ROW.replace('"1h"', value).replace("yuan = 1", f"yuan = {value}").replace('"all"', value)
        for problem in problems(HEAD + row, tmp_path):
            assert len(problem.message) < 400


# --- the hash ----------------------------------------------------------------------------------------------

RICH = """
free = { time = "15min" }
[prepaid]
leave = "15min"
later = "anew"
[calendar]
free = [2027-01-01]
[[discounts]]
name = "d"
percent = 2.5
"""


def test_the_hash_tells_any_content_from_any_other() -> None:
    text = HEAD + RICH + ROW
    changes = [
        ("", ""),
        ('"made up"', '"made  up"'),
        ('version = "1"', 'version = "2"'),
        ("yuan = 1 ", "yuan = 1.01 "),
        ('"1h"', '"60min"'),
        ("percent = 2.5", "percent = 2.51"),
        ("2027-01-01", "2027-01-02"),
        ('later = "anew"', 'later = "difference"'),
        ('name = "d"', 'name = "e"'),
    ]
    hashes = []
    for old, new in changes:
        assert old in text
        hashes.append(read(text.replace(old, new)).content_hash if old else read(text).content_hash)
    assert len(set(hashes)) == len(changes)
    assert all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes)


def test_the_hash_ignores_the_order_of_keys_remarks_and_spaces() -> None:
    turned = (
        '# 备注\ncycle="24h"\nname = "made up"\nversion = "1"\nid = "t"\n'
        '[[classes]]\nsteps = [{ yuan = 1, unit = "1h" }]\ndefault = true\nname = "all" # 备注\n'
    )
    assert read(turned).content_hash == read(HEAD + ROW).content_hash


def test_the_hash_tells_the_order_of_rows() -> None:
    other = ROW.replace('"all"', '"other"').replace("default = true", "vehicle_classes = [2]")
    assert read(HEAD + ROW + other).content_hash != read(HEAD + other + ROW).content_hash


@pytest.mark.parametrize(
    ("prices", "counts"),
    [
        ("", False),
        ('caps = [{ yuan = 1, season = ["10-01"] }]', False),
        ('caps = [{ yuan = 1, days = ["holiday"] }]', True),
    ],
)
def test_the_national_calendar_counts_where_prices_ask_for_kinds_of_days(
    prices: str, monkeypatch: pytest.MonkeyPatch, *, counts: bool
) -> None:
    text = f"{HEAD}{ROW}{prices}\n"
    before = read(text).content_hash
    announced = {date(2027, 2, 5): "holiday"}
    monkeypatch.setattr("gateway.tariff.calendar._national", lambda: announced)
    assert (read(text).content_hash != before) == counts


def test_the_kinds_of_days_of_a_period_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f'{HEAD}{PERIODS}[[classes.periods]]\nname = "a"\ndays = ["weekend"]\nsteps = [{{ yuan = 1 }}]\n'
    before = read(text).content_hash
    monkeypatch.setattr("gateway.tariff.calendar._national", dict)
    assert read(text).content_hash != before


def test_the_hash_tells_the_version_that_was_replaced() -> None:
    table = '[replaces]\nfile = "old.toml"\nfrom = 2024-08-01T00:00:00+08:00\nstays = "split"\n'
    old, older = read(HEAD + ROW), read(HEAD.replace('"1"', '"0"') + ROW)
    hashes = {read(HEAD + ROW + table, replaced).content_hash for replaced in (old, older)}
    assert len(hashes | {old.content_hash, older.content_hash}) == 4
