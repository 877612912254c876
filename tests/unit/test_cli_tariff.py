"""`etclane fee` and `etclane tariff`, as a technician meets them. The tariffs in here are made up."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gateway.cli import curve, receipt
from gateway.cli.curve import Plateau
from gateway.cli.main import app
from gateway.config import load_tariff
from gateway.tariff.engine import quote
from gateway.tariff.quote import CapCut, Context, DiscountTaken, Line, Parked, Quote
from gateway.tariff.rules import DAY
from protocols.rsu.messages import CHINA

LANZHOU = Path(__file__).parents[2] / "config" / "tariffs" / "lanzhou-airport.toml"
SVG = "{http://www.w3.org/2000/svg}"

RICH = """
id = "made-up"
version = "3"
name = "中心停车场"
cycle = "24h"
free = { time = "15min", boundary = "strict", uses = 1 }
stacking = "stacked"
prepaid = { leave = "15min", later = "difference" }
[[classes]]
name = "小型车"
default = true
caps = [{ yuan = 30 }]
[[classes.periods]]
name = "白天"
from = "08:00"
to = "20:00"
steps = [{ until = "2h", unit = "30min", yuan = 2.5 }, { unit = "1h", yuan = 3 }]
[[classes.periods]]
name = "夜间"
from = "20:00"
to = "08:00"
steps = [{ unit = "2h", yuan = 1.5 }]
cap_yuan = 6
[[classes]]
name = "大型车"
vehicle_classes = [2, 3, 4]
like = "小型车"
times = 2
[[classes]]
name = "月租车"
permits = ["月租"]
exempt = true
[[discounts]]
name = "充电"
time = "2h"
charging = true
[[discounts]]
name = "新能源半价"
plate_colors = ["green-gradient"]
percent = 50
[[discounts]]
name = "ETC九五折"
channel = "etc"
percent = 5
"""

WEEKDAYS = """
id = "w"
version = "1"
name = "平假不同"
cycle = "24h"
[[classes]]
name = "各类车"
default = true
caps = [{ yuan = 20 }]
[[classes.periods]]
name = "平日"
days = ["working"]
steps = [{ unit = "1h", yuan = 1 }]
[[classes.periods]]
name = "假日"
days = ["weekend", "holiday"]
steps = [{ unit = "1h", yuan = 2 }]
"""


def etclane(*words: object) -> Result:
    # As wide as it takes: how a sentence is broken into lines is not what is tested here.
    return CliRunner().invoke(app, [str(word) for word in words], env={"TERMINAL_WIDTH": "400", "COLUMNS": "400"})


def good(*words: object) -> str:
    result = etclane(*words)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def bad(code: int, *words: object) -> str:
    """What stands on stderr when a command fails as it should, with this exit code."""
    result = etclane(*words)
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result.stderr


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    return written(tmp_path, RICH)


def written(folder: Path, text: str, name: str = "tariff.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# --- fee: receipts -----------------------------------------------------------------------------------------

HOURS = ("--entry", "2026-11-21T08:00", "--exit", "2026-11-21T10:01")


def test_a_receipt() -> None:
    assert good("fee", LANZHOU, *HOURS).splitlines()[:-1] == [
        "兰州中川国际机场停车场",
        "费率 / tariff  T06-lanzhou-zhongchuan (2022-03-23)",
        "类别 / class   小型车",
        "入场 / entry   2026-11-21 08:00:00",
        "出场 / exit    2026-11-21 10:01:00",
        "时长 / stay    2h1min",
        "---------------------------------",
        "前1小时         1 x 5.00 =   5.00",
        "1小时后每1小时  2 x 5.00 =  10.00",
        "---------------------------------",
        "合计 / total                15.00  元 / yuan",
    ]


def test_a_receipt_ends_with_the_tariffs_hash() -> None:
    last = good("fee", LANZHOU, *HOURS).splitlines()[-1]
    assert last == f"校验 / hash    {load_tariff(LANZHOU).content_hash[:12]}"


def test_a_receipt_tells_periods_caps_discounts_payments_and_cycles(rich: Path) -> None:
    stay = ("--entry", "2026-03-04T09:00", "--exit", "2026-03-07T10:00:30")
    said = good("fee", rich, *stay, "--coupon", "1yuan", "--paid", "2026-03-04T10:00=5").splitlines()
    assert said[5:-1] == [
        "时长 / stay    3d 1h30s",
        "------------------------------------------",
        "白天 前2小时每30分钟    4 x 2.50 =   10.00  第1周期 / cycle 1",
        "白天 2小时后每1小时     9 x 3.00 =   27.00  第1周期 / cycle 1",
        "夜间 每2小时            6 x 1.50 =    9.00  第1周期 / cycle 1",
        "白天 前2小时每30分钟    2 x 2.50 =    5.00  第1周期 / cycle 1",
        "白天 前2小时每30分钟    4 x 2.50 =   10.00  第2-3周期 / cycles 2-3",
        "白天 2小时后每1小时    20 x 3.00 =   60.00  第2-3周期 / cycles 2-3",
        "夜间 每2小时           12 x 1.50 =   18.00  第2-3周期 / cycles 2-3",
        "白天 前2小时每30分钟    4 x 2.50 =   10.00  第2-3周期 / cycles 2-3",
        "白天 前2小时每30分钟    2 x 2.50 =    5.00  第4周期 / cycle 4",
        "白天 2小时后每1小时     1 x 3.00 =    3.00  第4周期 / cycle 4",
        "封顶 / cap 6.00 夜间                 -9.00  第1-3周期 / cycles 1-3",
        "封顶 / cap 30.00                    -50.00  第1-3周期 / cycles 1-3",
        "优惠 / discount 1yuan                -1.00",
        "------------------------------------------",
        "合计 / total                         97.00  元 / yuan",
        "已付 / paid                          -5.00  元 / yuan",
        "应付 / due                           92.00  元 / yuan",
    ]


def test_a_free_stay_has_a_receipt_too(rich: Path) -> None:
    said = good("fee", rich, "--entry", "2026-03-04T09:00", "--exit", "2026-03-04T09:14").splitlines()
    assert said[5:-1] == [
        "时长 / stay    14min",
        "------------------------------",
        "免费 / free   1 x 0.00 =  0.00",
        "------------------------------",
        "合计 / total              0.00  元 / yuan",
    ]


def test_a_receipt_of_a_year_with_weekends_stays_short_and_adds_up(tmp_path: Path) -> None:
    file = written(tmp_path, WEEKDAYS)
    stay = ("--entry", "2026-01-05T09:00", "--exit", "2027-01-05T10:00")
    lines = good("fee", file, *stay).splitlines()
    price = json.loads(good("fee", file, *stay, "--json"))
    assert len(price["lines"]) > 300
    sums = [line for line in lines if " x " in line]
    assert lines[7] == "同类合并 / alike lines gathered"
    assert len(sums) == 7
    assert sum(fen_in(line.split(" = ")[1].split()[0]) for line in sums) == sum(x["fen"] for x in price["lines"])
    assert sums[-1] == "平日 每1小时         1 x 1.00 =      1.00  第366周期 / cycle 366"
    assert sums[0].endswith("第1-365周期中197个 / 197 of cycles 1-365")


def fen_in(yuan: str) -> int:
    return int(yuan.replace(".", ""))


AT = datetime(2026, 3, 4, 9, tzinfo=CHINA)


def line(first: int, last: int, units: int, rule: str = "r") -> Line:
    return Line(rule, "", units, 100, units * 100, first, last)


def rows_of(*lines: Line, caps: tuple[CapCut, ...] = (), taken: tuple[DiscountTaken, ...] = ()) -> list[str]:
    """What a receipt says between its rules."""
    price = Quote("t", "1", "0" * 64, "c", AT, AT, lines, caps, taken, 100, 0, free=False)
    text = receipt.receipt(price, "n").splitlines()
    first, last = (number for number, row in enumerate(text) if set(row) == {"-"})
    return text[first + 1 : last]


@pytest.mark.parametrize(
    ("cycles", "said"),
    [
        ([(1, 1), (2, 2), (4, 4)], "第1-2、4周期 / cycles 1-2, 4"),
        ([(4, 4), (1, 2), (3, 3)], "第1-4周期 / cycles 1-4"),
        ([(2, 2), (2, 2)], "第2周期 / cycle 2"),
        ([(1, 1), (3, 3), (5, 5)], "第1、3、5周期 / cycles 1, 3, 5"),
        ([(1, 1), (3, 4), (6, 6), (8, 9)], "第1-9周期中6个 / 6 of cycles 1-9"),
    ],
)
def test_what_a_cap_took_off_in_several_cycles_is_gathered(cycles: list[tuple[int, int]], said: str) -> None:
    cuts = tuple(CapCut("", 500, 100, first, last) for first, last in cycles)
    *_, row = rows_of(line(1, 9, 9), caps=cuts)
    assert row.endswith(f"  {said}")
    assert f" -{len(cycles)}.00 " in row


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([line(1, 3, 9), line(4, 4, 2)], ["9 1-3", "2 4"]),  # other units
        ([line(1, 1, 3), line(2, 2, 3), line(3, 3, 3)], ["9 1-3"]),
        ([line(1, 1, 3), line(3, 3, 3)], ["3 1", "3 3"]),  # the second cost nothing
        ([line(1, 1, 3), line(2, 2, 5), line(3, 3, 3)], ["3 1", "5 2", "3 3"]),
        ([line(1, 1, 3), line(1, 1, 5, "s"), line(2, 2, 3), line(2, 2, 5, "s")], ["6 1-2", "10 1-2"]),
        ([line(1, 1, 3), line(1, 1, 5, "s"), line(2, 2, 5, "s"), line(2, 2, 3)], ["3 1", "5 1", "5 2", "3 2"]),
        ([line(1, 2, 6), line(1, 2, 10, "s"), line(3, 3, 3)], ["6 1-2", "10 1-2", "3 3"]),
    ],
)
def test_lines_keep_the_order_of_the_stay_and_alike_cycles_on_end_are_one(
    lines: list[Line], said: list[str]
) -> None:
    rows = [row.split() for row in rows_of(*lines)]
    assert [f"{row[1]} {row[-1]}" for row in rows] == said


def test_of_more_lines_than_fit_a_screen_alike_ones_are_gathered() -> None:
    lines = [line(number, number, 1 + number % 2) for number in range(1, 26)]
    assert len(rows_of(*lines[:24])) == 24
    note, odd, even = rows_of(*lines)
    assert note == "同类合并 / alike lines gathered"
    assert [row.split()[1] for row in (odd, even)] == ["26", "12"]


def test_a_discount_in_time_says_how_much() -> None:
    half_hour, five_yuan = rows_of(line(1, 1, 9), taken=(DiscountTaken("充电", 1, 5400), DiscountTaken("券", 2)))[
        1:
    ]
    assert half_hour.startswith("优惠 / discount 充电 减免1小时30分钟 / 1h30min off ")
    assert five_yuan.split() == ["优惠", "/", "discount", "券", "-0.02"]


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("停车", 4), ("A（停）", 7), ("", 0)])
def test_chinese_is_twice_as_wide(text: str, columns: int) -> None:
    assert receipt.width(text) == columns
    assert receipt.width(receipt.padded(text, 9)) == 9


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0"), (1, "1s"), (60, "1min"), (3661, "1h1min1s"), (7200, "2h"), (90000, "25h")]
)
def test_a_length_in_words(seconds: int, said: str) -> None:
    assert receipt.span(seconds) == said


def test_a_receipt_is_in_chinas_time() -> None:
    utc = ("--entry", "2026-11-21T00:00:00+00:00", "--exit", "2026-11-21 10:01:00")
    assert good("fee", LANZHOU, *utc) == good("fee", LANZHOU, *HOURS)


# --- fee: for programs ---------------------------------------------------------------------------------------


def test_fee_for_programs() -> None:
    said = json.loads(good("fee", LANZHOU, *HOURS, "--json"))
    assert set(said) == {
        *("tariff", "class", "entry", "exit", "lines", "caps", "discounts", "total", "paid", "due", "free")
    }
    assert said["total"] == sum(line["fen"] for line in said["lines"]) == 1500
    assert isinstance(said["total"], int)
    assert (said["caps"], said["discounts"], said["due"]) == ([], [], 1500)
    assert set(said["lines"][0]) == {"rule", "period", "units", "unit_fen", "fen", "from_cycle", "to_cycle"}
    assert said["tariff"]["id"] == "T06-lanzhou-zhongchuan"
    assert (said["entry"], said["exit"]) == ("2026-11-21T08:00:00+08:00", "2026-11-21T10:01:00+08:00")


# --- fee: its options, right and wrong -----------------------------------------------------------------------

MORNING = ("--entry", "2026-03-04T09:00", "--exit", "2026-03-04T12:14")  # 16 yuan


@pytest.mark.parametrize(
    ("words", "fen"),
    [
        ([], 1600),
        (["--class", "3"], 3200),
        (["--class", "大型车"], 3200),
        (["--class", "9"], 1600),
        (["--plate-color", "green-gradient"], 800),
        (["--plate-color", "blue"], 1600),
        (["--permit", "月租"], 0),
        (["--permit", "月租:2026-03-01..2026-03-31"], 0),
        (["--permit", "月租:2026-03-04.."], 0),
        (["--permit", "月租:..2026-03-03"], 1600),
        (["--permit", "月租:..2026-03-03", "--permit", "月租:2026-03-04..2026-03-04"], 0),
        (["--coupon", "30min"], 1300),
        (["--coupon", "1h15min"], 1000),
        (["--coupon", "5yuan"], 1100),
        (["--coupon", "5元"], 1100),
        (["--coupon", "30分钟"], 1300),
        (["--coupon", "1小时15分钟"], 1000),
        (["--coupon", "全免"], 0),
        (["--plate-color", "渐变绿"], 800),
        (["--plate-color", "蓝"], 1600),
        (["--permit", "月租:2026-3-4.."], 0),
        (["--charged", "45分钟"], 1300),
        (["--entry", "2026-3-4 9:00", "--exit", "2026-3-4 12:14"], 1600),
        (["--entry", "2026-3-4T9:00+08:00"], 1600),
        (["--paid", "2026-3-4 12:00=13元"], 1300),
        (["--coupon", "2.5yuan"], 1350),
        (["--coupon", "12.5%"], 1400),
        (["--coupon", "all"], 0),
        (["--coupon", "5yuan", "--coupon", "50%"], 300),
        (["--charged", "45min"], 1300),
        (["--charged", "9h"], 750),
        (["--channel", "etc"], 1520),
        (["--paid", "2026-03-04T12:00=13"], 1300),  # paid in full, and gone within the time to leave
        (["--paid", "2026-03-04T12:00=12.99"], 1600),
    ],
)
def test_fee_with_an_option(rich: Path, words: list[str], fen: int) -> None:
    assert json.loads(good("fee", rich, *MORNING, *words, "--json"))["total"] == fen


def test_what_was_paid_is_not_due(rich: Path) -> None:
    words = ("--paid", "2026-03-04T10:00=5", "--paid", "2026-03-04T11:00:00+08:00=0.55")
    said = json.loads(good("fee", rich, *MORNING, *words, "--json"))
    assert (said["total"], said["paid"], said["due"]) == (1600, 555, 1045)


@pytest.mark.parametrize(
    ("before", "fen"),
    [
        ("2026-03-04T08:00..2026-03-04T08:30=5", 0),
        ("2026-03-04T08:00..2026-03-04T08:10=0,free", 250),
        ("2026-03-01T08:00..2026-03-01T08:10=0,free", 0),
    ],
)
def test_fee_after_an_earlier_stay(rich: Path, before: str, fen: int) -> None:
    stay = ("--entry", "2026-03-04T09:00", "--exit", "2026-03-04T09:14")
    assert json.loads(good("fee", rich, *stay, "--earlier", before, "--json"))["total"] == fen


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2026-13-01T00:00", "2026-11-21T25:00", "", "1970-01-01", "9999-12-31"],
)
@pytest.mark.parametrize("option", ["--entry", "--exit"])
def test_fee_of_a_time_that_is_none(option: str, value: str) -> None:
    said = bad(2, "fee", LANZHOU, *HOURS, option, value)
    assert f"'{option}'" in said
    assert "须为 1971 至 2199 年的时间" in said
    assert "such as 2026-11-21T08:00" in said


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--class", "256", "须为 0 至 255 的车型代码"),
        ("--class", "9" * 5000, "须为 0 至 255 的车型代码"),
        (
            "--plate-color",
            "red",
            "'red': 须为 蓝、黄、黑、白、渐变绿、黄绿、绿、蓝白 之一 / must be one of blue, yellow",
        ),
        ("--permit", "月租:2026-13-01..", "如 月租:2026-11-01..2026-11-30"),
        ("--permit", "月租:2026-03-31..2026-03-01", "如 月租:2026-11-01..2026-11-30"),
        ("--permit", ":2026-03-01..", "如 月租:2026-11-01..2026-11-30"),
        ("--coupon", "5", "须为 30分钟、5元、10%"),
        ("--coupon", "0yuan", "such as 30min, 5yuan, 10%, or all"),
        ("--coupon", "-1yuan", "such as 30min, 5yuan, 10%, or all"),
        ("--coupon", "101%", "such as 30min, 5yuan, 10%, or all"),
        ("--coupon", "NaNyuan", "such as 30min, 5yuan, 10%, or all"),
        ("--charged", "45", "须为时长"),
        ("--charged", "0min", "须为时长"),
        ("--earlier", "2026-03-04T08:00=5", "入场..出场=元"),
        ("--earlier", "2026-03-04T08:00..2026-03-04T08:30", "入场..出场=元"),
        ("--earlier", "2026-03-04T08:00..2026-03-04T08:30=5,paid", "入场..出场=元"),
        ("--earlier", "2026-03-04T08:00..soon=5", "'soon': 须为 1971 至 2199 年的时间"),
        ("--earlier", "2026-03-04T08:30..2026-03-04T08:00=5", "出场早于入场 / the exit lies before the entry"),
        ("--paid", "2026-03-04T10:00", "如 2026-11-21T09:00=5"),
        ("--paid", "2026-03-04T10:00=5.001", "如 2026-11-21T09:00=5"),
        ("--paid", "10:00=5", "'10:00': 须为 1971 至 2199 年的时间"),
        ("--channel", "cash", "没有 'cash'，可用 / no such word; there are: 'etc'"),
        ("--paid", "2026-03-04T08:59=5", "付款时间须在入场与出场之间 / one pays between entry and exit"),
        ("--paid", "2026-03-04T12:15=5", "付款时间须在入场与出场之间 / one pays between entry and exit"),
        (
            "--earlier",
            "2026-03-04T08:00..2026-03-04T09:01=5",
            "此前的停车须在本次入场前结束 / an earlier stay must end",
        ),
        (
            "--earlier",
            "2026-03-04T13:00..2026-03-04T14:00=5",
            "此前的停车须在本次入场前结束 / an earlier stay must end",
        ),
    ],
)
def test_fee_with_an_option_that_is_wrong(rich: Path, option: str, value: str, allowed: str) -> None:
    said = bad(2, "fee", rich, *MORNING, option, value)
    assert option in said
    assert allowed in said


def test_fee_of_a_row_or_a_permit_that_the_tariff_does_not_have(rich: Path) -> None:
    rows = "月租车, 大型车, 小型车"
    assert bad(1, "fee", rich, *MORNING, "--class", "中型车") == (
        f"etclane: 没有车型 '中型车'，有: {rows} / no such class; there are: {rows}\n"
    )
    assert bad(1, "fee", rich, *MORNING, "--permit", "月組") == (
        "etclane: 没有证件 '月組'，有: 月租 / no such permit in this tariff; there are: 月租\n"
    )


def test_a_permit_where_the_tariff_knows_none() -> None:
    for words in (("fee", LANZHOU, *HOURS), ("tariff", "table", LANZHOU)):
        assert bad(1, *words, "--permit", "月租") == (
            "etclane: 没有证件 '月租'，本费率没有证件 / no such permit: this tariff knows none\n"
        )


def test_what_ends_or_is_paid_at_the_moment_of_entry_or_exit_is_possible(rich: Path) -> None:
    words = ("--earlier", "2026-03-04T08:00..2026-03-04T09:00=5", "--paid", "2026-03-04T09:00=1")
    assert json.loads(good("fee", rich, *MORNING, *words, "--paid", "2026-03-04T12:14=1", "--json"))["paid"] == 200


def test_a_coupon_for_everything_is_called_so(rich: Path) -> None:
    for word in ("all", "全免"):
        assert "优惠 / discount 全免券 " in good("fee", rich, *MORNING, "--coupon", word)


def test_a_permit_of_the_version_before_is_known_and_the_receipt_names_who_priced_it(tmp_path: Path) -> None:
    written(tmp_path, RICH, "old.toml")
    replaces = '[replaces]\nfile = "old.toml"\nfrom = 2026-03-05T00:00:00+08:00\nstays = "entry"\n'
    new = written(tmp_path, WEEKDAYS + replaces, "new.toml")
    said = good("fee", new, *MORNING, "--permit", "月租").splitlines()
    assert said[:3] == ["中心停车场", "费率 / tariff  made-up (3)", "类别 / class   月租车"]
    later = ("--entry", "2026-03-05T09:00", "--exit", "2026-03-05T09:30")
    assert good("fee", new, *later).splitlines()[:2] == ["平假不同", "费率 / tariff  w (1)"]


def test_fee_of_an_exit_before_the_entry() -> None:
    said = bad(1, "fee", LANZHOU, "--entry", "2026-11-21T11:00", "--exit", "2026-11-21T10:00")
    assert "早于入场" in said
    assert "the exit lies before the entry" in said


def test_fee_of_a_tariff_with_mistakes(tmp_path: Path) -> None:
    broken = written(tmp_path, 'id = "t"\nfree_minutes = -1\n')
    said = bad(1, "fee", broken, *HOURS)
    assert f"{broken}:2: free_minutes: " in said
    assert "缺少此项" in said
    assert "无法读取" in bad(1, "fee", tmp_path / "none.toml", *HOURS)


# --- tariff check --------------------------------------------------------------------------------------------

GAP = """
id = "g"
version = "1"
name = "只写了白天"
cycle = "24h"
[[classes]]
name = "各类车"
default = true
[[classes.periods]]
name = "白天"
from = "08:00"
to = "20:00"
steps = [{ unit = "1h", yuan = 2 }]
"""

HOSTILE = """id = ""
version = 3
name = "x"
cycle = "weekly"
free = { time = "soon" }
surprise = 1
[[classes]]
name = "a"
default = true
steps = [{ until = "1h", unit = "25min", yuan = 5 }, { unit = "1h", yuan = "5" }]
[[classes]]
name = "a"
vehicle_classes = [256]
like = "b"
"""


def test_check_of_a_good_tariff() -> None:
    hash_ = load_tariff(LANZHOU).content_hash[:12]
    assert good("tariff", "check", LANZHOU) == (
        f"{LANZHOU}: 费率正确 / good: T06-lanzhou-zhongchuan (2022-03-23), 小型车、大型车, {hash_}\n"
    )


def test_check_tells_doubts_with_a_stay_each(tmp_path: Path) -> None:
    file = written(tmp_path, GAP)
    first, doubt, stay = good("tariff", "check", file).splitlines()
    assert first.startswith(f"{file}: 1 处存疑 / doubts: g (1), 各类车, ")
    assert doubt.startswith("  各类车: ")
    assert "20:00-08:00" in doubt
    begin, end, yuan = stay.split()[0:2], stay.split()[3:5], stay.split()[5]
    entry, exit_ = (datetime.fromisoformat(" ".join(at)).replace(tzinfo=CHINA) for at in (begin, end))
    assert (begin[1], end[1]) == ("00:00:00", "08:00:00")
    assert quote(load_tariff(file), Parked(entry, exit_)).total == fen_in(yuan) == 0


def test_check_tells_all_mistakes_of_all_files_with_their_lines(tmp_path: Path) -> None:
    hostile, torn = written(tmp_path, HOSTILE, "hostile.toml"), written(tmp_path, "id = \n", "torn.toml")
    result = etclane("tariff", "check", hostile, LANZHOU, torn)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert result.stdout.startswith(f"{LANZHOU}: 费率正确 / good: ")
    *lines, last = result.stderr.splitlines()
    places = {line.removeprefix(f"{hostile}:").split(": ")[0] for line in lines if line.startswith(str(hostile))}
    assert places >= {"1", "2", "4", "5", "6", "10", "12", "13", "14"}
    assert any(line.startswith(f"{torn}:1: TOML 语法错误") for line in lines)
    assert last == f"etclane: {len(lines)} 处配置错误 / mistakes in the configuration"


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"[" * 5000, b"classes = 1", b"[[classes]]\nperiods = 3", b"x = 1e999999999"]
)
def test_check_of_what_is_no_tariff_ends_in_sentences(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tariff.toml"
    file.write_bytes(content)
    said = bad(1, "tariff", "check", file)
    assert all(line.startswith(f"{file}:") for line in said.splitlines()[:-1])
    assert said.splitlines()[-1].startswith("etclane: ")


def test_check_for_programs(tmp_path: Path) -> None:
    gap, hostile = written(tmp_path, GAP, "gap.toml"), written(tmp_path, HOSTILE, "hostile.toml")
    result = etclane("tariff", "check", "--json", gap, hostile)
    assert (result.exit_code, result.stderr) == (1, "")
    doubted, wrong = map(json.loads, result.stdout.splitlines())
    assert (doubted["file"], doubted["good"], doubted["classes"]) == (str(gap), True, ["各类车"])
    assert doubted["tariff"]["hash"] == load_tariff(gap).content_hash
    ((doubt),) = doubted["doubts"]
    assert (doubt["kind"], doubt["class"], doubt["example"][0]["total"]) == ("gap", "各类车", 0)
    assert (wrong["file"], wrong["good"]) == (str(hostile), False)
    assert {mistake["line"] for mistake in wrong["mistakes"]} >= {1, 2, 4, 5, 6, 10, 12, 13, 14}
    assert set(wrong["mistakes"][0]) == {"file", "line", "place", "message"}
    good("tariff", "check", "--json", gap)


# --- tariff table --------------------------------------------------------------------------------------------


def test_a_table() -> None:
    assert good("tariff", "table", LANZHOU, "--until", "26h").splitlines()[2:] == [
        "入场 / entry 2026-03-04 09:00 周三 / Wednesday",
        "时长 / stay        小型车  大型车  元 / yuan",
        "> 0      <= 30min    0.00    0.00",
        "> 30min  <= 1h       5.00   10.00",
        "> 1h     <= 2h      10.00   15.00",
        "> 2h     <= 3h      15.00   20.00",
        "> 3h     <= 4h      20.00   25.00",
        "> 4h     <= 5h      25.00   30.00",
        "> 5h     <= 6h      30.00   35.00",
        "> 6h     <= 7h      35.00   40.00",
        "> 7h     <= 8h      40.00   45.00",
        "> 8h     <= 9h      45.00   50.00",
        "> 9h     <= 10h     50.00   55.00",
        "> 10h    <= 24h     50.00   60.00",
        "> 24h    <= 25h     55.00   70.00",
        "> 25h    <= 26h     60.00   75.00",
    ]


def test_a_table_of_one_class_from_another_entry(rich: Path) -> None:
    words = ("--class", "3", "--plate-color", "green-gradient", "--entry", "2026-03-07T19:30", "--until", "3h")
    assert good("tariff", "table", rich, *words).splitlines()[2:] == [
        "入场 / entry 2026-03-07 19:30 周六 / Saturday",
        "时长 / stay            大型车  元 / yuan",
        "> 0        < 15min       0.00",
        ">= 15min   <= 30min      2.50",
        "> 30min    <= 2h30min    4.00",
        "> 2h30min  <= 3h         5.50",
    ]


def test_a_table_of_a_vehicle_with_a_permit(rich: Path) -> None:
    words = ("--class", "1", "--until", "3h", "--permit")
    assert good("tariff", "table", rich, *words, "月租").splitlines()[3:] == [
        "时长 / stay  月租车  元 / yuan",
        "> 0  <= 3h    0.00",
    ]
    assert "小型车" in good("tariff", "table", rich, *words, "月租:..2026-03-03").splitlines()[3]
    assert "没有证件 '月組'，有: 月租" in bad(1, "tariff", "table", rich, *words, "月組")


def steps(*words: object) -> dict[str, list[Plateau]]:
    said = json.loads(good("tariff", "table", *words, "--json"))
    return {
        row["class"]: [Plateau(step["from"], step["to"], step["fen"]) for step in row["steps"]]
        for row in said["classes"]
    }


def fee_of(file: Path, entry: datetime, row: str) -> Callable[[int], int]:
    found = load_tariff(file)
    return lambda seconds: quote(found, Parked(entry, entry + timedelta(seconds=seconds)), Context(row)).total


WEDNESDAY = datetime(2026, 3, 4, 9, tzinfo=CHINA)


@pytest.mark.parametrize("entry", [WEDNESDAY, WEDNESDAY + timedelta(hours=9, minutes=40, seconds=30)])
@pytest.mark.parametrize("text", [RICH, WEEKDAYS, GAP, f'clock = "minutes"{RICH}', f'clock = "inward"{RICH}'])
def test_every_step_of_a_table_is_exact_to_the_second(tmp_path: Path, text: str, entry: datetime) -> None:
    file = written(tmp_path, text)
    for row, curve_ in steps(file, "--entry", entry.isoformat(), "--until", "15h").items():
        fee = fee_of(file, entry, row)
        assert (curve_[0].begin, curve_[-1].end) == (1, 15 * 3600)
        for one in curve_:
            assert fee(one.begin) == fee((one.begin + one.end) // 2) == fee(one.end) == one.fen
        for one, following in pairwise(curve_):
            assert following.begin == one.end + 1
            assert following.fen != one.fen


@given(st.lists(st.integers(2, 4 * 3600), unique=True, max_size=40), st.integers(1, 4))
def test_plateaus_are_found_wherever_the_fee_rises(rises: list[int], hours: int) -> None:
    until = hours * 3600
    found = curve.plateaus(lambda seconds: sum(at <= seconds for at in rises), until)
    assert [one.begin for one in found] == [1, *sorted(at for at in rises if at <= until)]
    assert [one.fen for one in found] == list(range(len(found)))
    assert found[-1].end == until


def test_a_fee_that_falls_is_a_step_too() -> None:
    found = curve.plateaus(lambda seconds: 500 if 1800 <= seconds < 3600 else 300, 7200)
    assert found == [Plateau(1, 1799, 300), Plateau(1800, 3599, 500), Plateau(3600, 7200, 300)]
    assert [one.limits for one in found] == [("> 0", "< 30min"), (">= 30min", "< 1h"), (">= 1h", "<= 2h")]


def test_a_fee_that_holds_for_less_than_a_minute_is_a_step_too() -> None:
    found = curve.plateaus(lambda seconds: 500 if 3600 < seconds < 3660 else 300, 7200)
    assert found == [Plateau(1, 3600, 300), Plateau(3601, 3659, 500), Plateau(3660, 7200, 300)]


def test_a_table_for_programs() -> None:
    said = json.loads(good("tariff", "table", LANZHOU, "--json", "--class", "小型车", "--until", "2h"))
    assert set(said) == {"tariff", "entry", "classes"}
    assert said["entry"] == "2026-03-04T09:00:00+08:00"
    assert said["tariff"]["hash"] == load_tariff(LANZHOU).content_hash
    assert said["classes"] == [
        {
            "class": "小型车",
            "steps": [
                {"from": 1, "to": 1800, "fen": 0},
                {"from": 1801, "to": 3600, "fen": 500},
                {"from": 3601, "to": 7200, "fen": 1000},
            ],
        }
    ]


def test_a_table_begins_when_its_version_holds(tmp_path: Path) -> None:
    written(tmp_path, RICH, "old.toml")
    replaces = '[replaces]\nfile = "old.toml"\nfrom = 2027-06-01T00:00:00+08:00\nstays = "exit"\n'
    new = written(tmp_path, WEEKDAYS + replaces, "new.toml")
    assert good("tariff", "table", new).splitlines()[2] == "入场 / entry 2027-06-02 09:00 周三 / Wednesday"
    assert "没有车型 '各类车'" in bad(1, "tariff", "table", new, "--entry", "2026-03-04T09:00")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--until", "8d", "至多 7d / may be 7d at most"),
        ("--until", "soon", "须为时长"),
        ("--plot", LANZHOU, "须以 .svg 结尾 / must end in .svg"),
        ("--entry", "noon", "须为 1971 至 2199 年的时间"),
        ("--class", "256", "须为 0 至 255 的车型代码"),
        ("--plate-color", "red", "must be one of blue, yellow, black"),
        ("--permit", "月租:noon..", "如 月租:2026-11-01..2026-11-30"),
    ],
)
def test_a_table_with_an_option_that_is_wrong(option: str, value: object, said: str) -> None:
    told = bad(2, "tariff", "table", LANZHOU, option, value)
    assert option in told
    assert said in told


def test_a_table_of_a_row_that_is_none_and_a_picture_in_a_folder_that_is_none(tmp_path: Path) -> None:
    assert "没有车型 '中型车'" in bad(1, "tariff", "table", LANZHOU, "--class", "中型车")
    assert "没有这个文件" in bad(1, "tariff", "table", LANZHOU, "--plot", tmp_path / "none" / "x.svg")


# --- tariff table --plot -------------------------------------------------------------------------------------


def drawn(file: Path, *words: object) -> ET.Element:
    picture = file.with_suffix(".svg")
    good("tariff", "table", file, "--plot", picture, *words)
    return ET.fromstring(picture.read_text(encoding="utf-8"))  # noqa: S314 - our own file


def test_a_picture_shows_what_the_stays_cost(rich: Path) -> None:
    root = drawn(rich)
    marks = [(text.text or "", text.attrib) for text in root.iter(f"{SVG}text")]
    hours = {float(text): float(at["x"]) for text, at in marks if at["text-anchor"] == "middle"}
    on_the_left = [(text, at) for text, at in marks if at["text-anchor"] == "end" and text[:1].isdigit()]
    yuan = {float(text): float(at["y"]) - 4.5 for text, at in on_the_left}
    a_second = (hours[48] - hours[0]) / 2 / DAY
    a_fen = (yuan[max(yuan)] - yuan[0]) / max(yuan) / 100
    rows = root.findall(f"{SVG}g[@class='row']")
    assert [row.findtext(f"{SVG}title") for row in rows] == ["月租车", "大型车", "小型车"]
    for row in rows:
        fee = fee_of(rich, WEDNESDAY, row.findtext(f"{SVG}title") or "")
        lines = [line.attrib for line in row.findall(f"{SVG}line[@class='plateau']")]
        for line in lines:
            left, right = ((float(line[x]) - hours[0]) / a_second for x in ("x1", "x2"))
            assert line["y1"] == line["y2"]
            assert fee(round((left + right) / 2)) == pytest.approx((float(line["y1"]) - yuan[0]) / a_fen, abs=3)
        assert lines[0]["x1"] == f"{hours[0]:g}"
        assert lines[-1]["x2"] == f"{hours[48]:g}"
        assert all(a["x2"] == b["x1"] for a, b in pairwise(lines))


def test_a_table_is_the_same_with_its_picture(rich: Path) -> None:
    words = ("tariff", "table", rich, "--until", "2h")
    assert good(*words, "--plot", rich.with_suffix(".svg")) == good(*words)
    assert good(*words, "--plot", rich.with_suffix(".svg"), "--json") == good(*words, "--json")


def test_a_picture_tells_each_plateau_to_whoever_points_at_it() -> None:
    curves = {"小型车": [Plateau(1, 1800, 0), Plateau(1801, 3600, 250)]}
    root = ET.fromstring(curve.svg("t", "s", curves))  # noqa: S314 - our own text
    said = [title.text for title in root.iterfind(f".//{SVG}line/{SVG}title")]
    assert said == ["小型车 > 0 <= 30min: 0.00 元 / yuan", "小型车 > 30min <= 1h: 2.50 元 / yuan"]


@pytest.mark.parametrize(("count", "told"), [(1, 1), (10, 30), (48, 100), (100, 100), (500, 0)])
def test_no_fee_in_a_picture_covers_another(count: int, told: int) -> None:
    curves = {
        f"{each}": [Plateau(at * 1800 + 1, (at + 1) * 1800, at % 48 * each) for at in range(count)]
        for each in (100, 125, 300, 301)
    }
    root = ET.fromstring(curve.svg("t", "s", curves))  # noqa: S314 - our own text
    labels = [text for text in root.iter(f"{SVG}text") if text.get("font-weight") == "bold"][1:]
    places = [(float(text.attrib["x"]), float(text.attrib["y"]), 7.2 * len(text.text or "")) for text in labels]
    assert len(places) >= told
    for at, (x, y, wide) in enumerate(places):
        assert all(x + wide <= x2 or x2 + wide2 <= x or abs(y - y2) >= 12 for x2, y2, wide2 in places[:at])
        assert 72 <= x <= x + wide <= 1000


def test_a_picture_has_title_legend_axes_and_a_white_ground(rich: Path) -> None:
    root = drawn(rich, "--until", "2h")
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts[0] == "中心停车场 3"
    assert texts[-3:] == ["月租车", "大型车", "小型车"]
    assert {"元 / yuan", "停车时长（小时）/ stay in hours"} <= set(texts)
    ground = root.find(f"{SVG}rect")
    assert ground is not None
    assert ground.attrib == {"width": "100%", "height": "100%", "fill": "white"}
    colours = [line.get("stroke") for line in root.iterfind(f"{SVG}line[@class='legend']")]
    assert colours == [row.get("stroke") for row in root.iterfind(f"{SVG}g[@class='row']")]
    assert len(set(colours)) == 3


def test_any_name_and_any_fee_can_be_drawn() -> None:
    rows = [f"<b>&\"'{number}{'停' * 70}" for number in range(64)]
    fees = [0, 1, 99, 10**8, 64 * 10**8]
    curves = {name: [Plateau(1, 3600, fees[at % 5]), Plateau(3601, 7200, at)] for at, name in enumerate(rows)}
    root = ET.fromstring(curve.svg("停" * 80, "", curves))  # noqa: S314 - our own text
    texts = {text.text: text.attrib for text in root.iter(f"{SVG}text")}
    assert set(rows) < set(texts)
    lowest = max(float(texts[name]["y"]) for name in rows)
    assert lowest < float(root.attrib["viewBox"].split()[3])
    title = texts["停" * 80]
    assert float(title["x"]) + 80 * float(title["font-size"]) <= 1000
