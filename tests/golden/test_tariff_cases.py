"""The sample tariffs against the sums that their sources state, or that follow from the rule text.

Every row of tariffs.tsv names its source. No derived sum there contradicts its rule text; where the sources
contradict each other (the cap of T04, 70 or 96), there is a sample for either reading, and the cases are for 70.
"""

import csv
import re
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from gateway.config import load_tariff
from gateway.tariff.engine import quote
from gateway.tariff.quote import Context, Earlier, Parked, Permit
from gateway.tariff.rules import Tariff

HERE = Path(__file__).parent
FILES = sorted((HERE.parents[1] / "config" / "tariffs").glob("*.toml"))
CHINA = timezone(timedelta(hours=8))
BLUE, YELLOW, GREEN = 0, 1, 4

SMALL = Context(vehicle_class=1)
LARGE = Context(vehicle_class=3)
VEHICLES = {
    "small": SMALL,
    "large": LARGE,
    "mid/large": LARGE,
    "three-wheel": Context(vehicle_class="三轮车"),
    "small (blue)": Context(vehicle_class=1, plate_color=BLUE),
    "large (yellow)": Context(vehicle_class=3, plate_color=YELLOW),
    "type 4 (meaning not stated)": Context(vehicle_class=4),
}
"""The words of the column vehicle_class."""

SAMPLES = {
    "T02": "T02-shanghai-p1",
    "T02-12": "T02-shanghai-p4",
    "T04": "T04-chengdu-shuangliu",
    "T10": "T10-changsha-huanghua",
    "T10-06": "T10-changsha-huanghua-overnight",
    "T10-07": "T10-changsha-huanghua-overnight",
    "T10-08": "T10-changsha-huanghua-overnight",
    "T12": "T12-hangzhou-xiaoshan-ground",
    "T12-05": "T12-hangzhou-xiaoshan-remote",
    "T12-06": "T12-hangzhou-xiaoshan-remote",
    "T12-07": "T12-hangzhou-xiaoshan-remote",
    "T13": "T13-beijing-class-1",
}
"""Which sample a case is about, where its number has several: by case, or for all other cases of the number."""


@cache
def samples() -> dict[str, Tariff]:
    return {tariff.id: tariff for tariff in map(load_tariff, FILES)}


def cases() -> list[dict[str, str]]:
    with (HERE / "tariffs.tsv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def number(id_: str) -> str:
    return id_.partition("-")[0]


def notice(sample: str) -> str:
    """`T21` of `T21-qianshan-jicuimen`, `T30-01` of `T30-01-changsha-nev`: each city of T30 has its own."""
    match = re.match(r"(T\d\d(?:-\d\d)?)-\D", sample)
    return match[1] if match else ""


def samples_of(case: str) -> list[Tariff]:
    """Those that bear the number of the case's notice, or the case's own."""
    return [tariff for id_, tariff in samples().items() if notice(id_) in (case, number(case))]


def sample_of(case: str) -> Tariff:
    if named := SAMPLES.get(case) or SAMPLES.get(number(case)):
        return samples()[named]
    (tariff,) = samples_of(case)
    return tariff


def sums(row: dict[str, str]) -> set[int]:
    yuan = {row["expected_fee_yuan_source"], row["derived_fee_yuan"]} - {""}
    return {int(Decimal(sum_) * 100) for sum_ in yuan}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


@pytest.mark.parametrize("row", [row for row in cases() if sums(row)], ids=lambda row: row["id"])
def test_fee_of_the_case(row: dict[str, str]) -> None:
    parked = Parked(at(row["example_entry"]), at(row["example_exit"]))
    answer = quote(sample_of(row["id"]), parked, VEHICLES[row["vehicle_class"]])
    assert {answer.total} == sums(row)


# --- rows of the notices that the table has no case for -----------------------------------------------------

ENTRY = at("2024-06-05 09:00")
H, DAY = 60, 24 * 60
MOTORCYCLE = Context(vehicle_class=1, permits=(Permit("摩托车"),))
TRICYCLE = Context(vehicle_class=1, permits=(Permit("三轮车"),))
VIP = Context(vehicle_class=1, permits=(Permit("贵宾"),))
TRUCK = Context(vehicle_class=13)
OUTPATIENT = Context(vehicle_class=1, plate_color=BLUE, permits=(Permit("门诊患者"),))
NEV = Context(vehicle_class=1, plate_color=GREEN)
NEV_PATIENT = Context(vehicle_class=1, plate_color=GREEN, permits=(Permit("门诊患者"),))


@pytest.mark.parametrize(
    ("sample", "vehicle", "minutes", "yuan"),
    [
        # "Large vehicles x2" of 10, 10, 5, …, and of the caps
        ("T02-shanghai-p1", LARGE, 20, 0),
        ("T02-shanghai-p1", LARGE, 21, 20),
        ("T02-shanghai-p1", LARGE, DAY, 120),  # 2 x 60
        ("T02-shanghai-p1", LARGE, 26 * H, 200),  # 2 x (80 + 10 + 10)
        ("T02-shanghai-p1", LARGE, 2 * DAY, 440),  # 2 x (110 + 110)
        # the rule says: "5/h, cap 40 per 24 h (8 h)"
        ("T02-shanghai-p4", SMALL, 1, 5),
        ("T02-shanghai-p4", SMALL, 7 * H, 35),
        ("T02-shanghai-p4", SMALL, 25 * H, 45),  # 40 + 5
        # "Large: 8 then 6 per half hour", no cap stated
        ("T04-chengdu-shuangliu", LARGE, 30, 0),
        ("T04-chengdu-shuangliu", LARGE, 1 * H, 8),
        ("T04-chengdu-shuangliu", LARGE, 135, 26),  # 8 + 3 x 6
        ("T04-chengdu-shuangliu", LARGE, DAY, 284),  # 8 + 46 x 6
        ("T04-chengdu-shuangliu", SMALL, DAY + 1, 74),  # 70 + 4
        # the other cap: 96, all that 4 + 46 x 2 comes to
        ("T04-chengdu-shuangliu-96", SMALL, 30, 0),
        ("T04-chengdu-shuangliu-96", SMALL, 31, 4),
        ("T04-chengdu-shuangliu-96", SMALL, 17 * H + 30, 70),  # 4 + 33 x 2, as in the table
        ("T04-chengdu-shuangliu-96", SMALL, 20 * H, 80),  # 4 + 38 x 2: the other reading stays at 70
        ("T04-chengdu-shuangliu-96", SMALL, DAY, 96),
        ("T04-chengdu-shuangliu-96", SMALL, DAY + 1, 100),  # 96 + 4
        ("T04-chengdu-shuangliu-96", LARGE, DAY, 284),
        # "large 10 first, 5/h, cap 60"
        ("T06-lanzhou-zhongchuan", LARGE, 30, 0),
        ("T06-lanzhou-zhongchuan", LARGE, 1 * H, 10),
        ("T06-lanzhou-zhongchuan", LARGE, 195, 25),  # 10 + 3 x 5
        ("T06-lanzhou-zhongchuan", LARGE, 11 * H, 60),  # 10 + 10 x 5, just the cap
        ("T06-lanzhou-zhongchuan", LARGE, 12 * H, 60),
        ("T06-lanzhou-zhongchuan", LARGE, 25 * H, 70),  # 60 + 10
        # "large 5+2/h cap 30", "motorcycle 1+0.5/h cap 5"; "after 24 h starts again"
        ("T07-zhangye-ganzhou", LARGE, 14, 0),
        ("T07-zhangye-ganzhou", LARGE, 15, 5),
        ("T07-zhangye-ganzhou", LARGE, 2 * H, 7),  # 5 + 2
        ("T07-zhangye-ganzhou", LARGE, DAY, 30),  # 5 + 23 x 2 = 51
        ("T07-zhangye-ganzhou", LARGE, 25 * H, 35),  # 30 + 5
        ("T07-zhangye-ganzhou", MOTORCYCLE, 14, 0),
        ("T07-zhangye-ganzhou", MOTORCYCLE, 61, 1.5),  # 1 + 0.5
        ("T07-zhangye-ganzhou", Context(vehicle_class="摩托车"), 61, 1.5),  # the row chosen by hand
        ("T07-zhangye-ganzhou", MOTORCYCLE, DAY, 5),  # 1 + 23 x 0.5 = 12.5
        # from the page named as its source: 8 up to 1 hour, 2 per half hour, at most 60 in 24 hours
        ("T09-chongqing-jiangbei-t2", LARGE, 1 * H, 8),
        ("T09-chongqing-jiangbei-t2", LARGE, 135, 14),  # 8 + 3 x 2
        ("T09-chongqing-jiangbei-t2", LARGE, DAY, 60),
        ("T09-chongqing-jiangbei-t2", LARGE, DAY + 30, 68),  # 60 + 8
        # the rule says "Large: 14, +3, cap 50", no free minutes in the car park
        ("T10-changsha-huanghua", LARGE, 1, 14),
        ("T10-changsha-huanghua", LARGE, 10 * H, 50),  # 14 + 18 x 3 = 68
        ("T10-changsha-huanghua", LARGE, 25 * H, 64),  # 50 + 14
        # "Drop-off lane free 6 min small / 12 min large"; beyond that the price of the car park
        ("T10-changsha-huanghua-drop-off", SMALL, 6, 0),
        ("T10-changsha-huanghua-drop-off", SMALL, 7, 8),
        ("T10-changsha-huanghua-drop-off", SMALL, 61, 10),  # 8 + 2
        ("T10-changsha-huanghua-drop-off", SMALL, 91, 12),  # 8 + 2 x 2
        ("T10-changsha-huanghua-drop-off", SMALL, 25 * H, 48),  # 40 + 8
        ("T10-changsha-huanghua-drop-off", LARGE, 12, 0),
        ("T10-changsha-huanghua-drop-off", LARGE, 13, 14),
        ("T10-changsha-huanghua-drop-off", LARGE, 61, 17),  # 14 + 3
        ("T10-changsha-huanghua-drop-off", LARGE, 91, 20),  # 14 + 2 x 3
        ("T10-changsha-huanghua-drop-off", LARGE, 25 * H, 64),  # 50 + 14
        # "30 for the first 24 h, then 15 per started 12 h": 72 hours are 30 + 4 x 15, no second first day
        ("T10-changsha-huanghua-overnight", SMALL, 1, 30),
        ("T10-changsha-huanghua-overnight", SMALL, 36 * H, 45),
        ("T10-changsha-huanghua-overnight", SMALL, 36 * H + 1, 60),
        ("T10-changsha-huanghua-overnight", SMALL, 3 * DAY, 90),
        # "cap 15 (mid/large 20)": 5 + 22 x 1 = 27 in 24 hours
        ("T11-zunyi-maotai", LARGE, 30, 0),
        ("T11-zunyi-maotai", LARGE, 2 * H, 5),
        ("T11-zunyi-maotai", LARGE, 16 * H, 19),  # 5 + 14: above the cap of small ones
        ("T11-zunyi-maotai", LARGE, DAY, 20),
        # the rule says: "VIP: 40 min free, cap 120. Freight trucks: 30 min free, 5/h, cap 100"
        ("T12-hangzhou-xiaoshan-ground", VIP, 40, 0),
        ("T12-hangzhou-xiaoshan-ground", VIP, 41, 10),
        ("T12-hangzhou-xiaoshan-ground", VIP, 11 * H, 110),
        ("T12-hangzhou-xiaoshan-ground", VIP, DAY, 120),
        ("T12-hangzhou-xiaoshan-ground", TRUCK, 30, 0),
        ("T12-hangzhou-xiaoshan-ground", TRUCK, 31, 5),
        ("T12-hangzhou-xiaoshan-ground", TRUCK, 19 * H, 95),
        ("T12-hangzhou-xiaoshan-ground", TRUCK, DAY, 100),  # 24 x 5 = 120
        ("T12-hangzhou-xiaoshan-ground", SMALL, 25 * H, 90),  # "80 per day": 80 + 10
        # the rule says: "Short-stay: cap 100. Underground: no grace, cap 120"
        ("T12-hangzhou-xiaoshan-short-stay", SMALL, 15, 0),
        ("T12-hangzhou-xiaoshan-short-stay", SMALL, 16, 10),
        ("T12-hangzhou-xiaoshan-short-stay", SMALL, 9 * H, 90),  # in the long-stay one 80
        ("T12-hangzhou-xiaoshan-short-stay", SMALL, DAY, 100),
        ("T12-hangzhou-xiaoshan-short-stay", SMALL, 25 * H, 110),  # 100 + 10
        ("T12-hangzhou-xiaoshan-underground", SMALL, 1, 10),
        ("T12-hangzhou-xiaoshan-underground", SMALL, 11 * H, 110),
        ("T12-hangzhou-xiaoshan-underground", SMALL, DAY, 120),
        ("T12-hangzhou-xiaoshan-underground", SMALL, 25 * H, 130),  # 120 + 10
        # 80 minutes are 5 full units of 15: four in the first hour, one after it; "Large x2"
        ("T13-beijing-class-1", LARGE, 80, 27.5),  # 2 x (4 x 2.5 + 3.75)
        ("T13-beijing-class-2", SMALL, 80, 8.25),  # 4 x 1.5 + 2.25
        ("T13-beijing-class-2", LARGE, 80, 16.5),
        ("T13-beijing-class-3", SMALL, 80, 2.75),  # 4 x 0.5 + 0.75
        ("T13-beijing-class-3", LARGE, 80, 5.5),
        ("T13-beijing-class-3", LARGE, 14, 0),  # no full unit
        # "Outpatient: 4 h free", then the price from the 5th hour on: 10
        ("T15-xiangyang-south", OUTPATIENT, 4 * H, 0),
        ("T15-xiangyang-south", OUTPATIENT, 4 * H + 1, 10),
        ("T15-xiangyang-south", OUTPATIENT, 6 * H, 20),
        ("T15-xiangyang-south", OUTPATIENT, 12 * H, 60),  # 8 x 10 = 80
        # the rule says: "NEV patient: 4 h free and hours 5-6 half price"
        ("T15-xiangyang-south", NEV_PATIENT, 4 * H, 0),
        ("T15-xiangyang-south", NEV_PATIENT, 5 * H, 5),
        ("T15-xiangyang-south", NEV_PATIENT, 6 * H, 10),
        ("T15-xiangyang-south", NEV_PATIENT, 6 * H + 1, 20),
        ("T15-xiangyang-south", NEV_PATIENT, DAY, 60),
        ("T15-xiangyang-south", NEV, 5 * H, 30),  # no patient: 4 x 5 + 10
        ("T15-xiangyang-south", SMALL, 25 * H, 65),  # "cap 60 per 24 h, restarts": 60 + 5
        # "NEV: 2 h free and next 2 h half price": half of the 5 up to 4 hours, then 1 an hour, cap 20
        ("T16-xiangyang-north", NEV, 2 * H, 0),
        ("T16-xiangyang-north", NEV, 2 * H + 1, 2.5),
        ("T16-xiangyang-north", NEV, 4 * H, 2.5),
        ("T16-xiangyang-north", NEV, 4 * H + 1, 3.5),
        ("T16-xiangyang-north", NEV, DAY, 20),  # 2.5 + 20 x 1
        ("T17-hangzhou-east-ground", SMALL, 25 * H, 35),  # 30 + 5
        ("T18-hangzhou-east-underground", SMALL, 6 * H, 30),
        ("T18-hangzhou-east-underground", SMALL, 25 * H, 65),  # 60 + 5
        # the rule says: "Large: 5, then 10/h, caps 60/70/80"
        ("T19-province-airport", LARGE, 30, 5),
        ("T19-province-airport", LARGE, 31, 15),
        ("T19-province-airport", LARGE, DAY, 60),
        ("T19-province-airport", LARGE, 2 * DAY, 130),  # 60 + 70
        ("T19-province-airport", LARGE, 3 * DAY, 210),  # + 80
        ("T19-province-airport", LARGE, 4 * DAY, 290),  # + 80: "every later 24 h"
        # "large x2", "tricycle half", both of 48 x 1 = 48 with a cap of 30
        ("T20-province-rail", LARGE, DAY, 60),
        ("T20-province-rail", TRICYCLE, 61, 1.5),
        ("T20-province-rail", TRICYCLE, DAY, 15),
    ],
)
def test_fee_of_a_row_without_case(sample: str, vehicle: Context, minutes: int, yuan: float) -> None:
    parked = Parked(ENTRY, ENTRY + timedelta(minutes=minutes))
    assert quote(samples()[sample], parked, vehicle).total == yuan * 100


@pytest.mark.parametrize(
    ("sample", "vehicle", "entry", "exit_", "yuan"),
    [
        # June is low, July peak: the first 24 hours at most 30, then 5 x 10
        ("T12-hangzhou-xiaoshan-remote", SMALL, "2024-06-30 09:00", "2024-07-01 14:00", 80),
        # the last low and first peak days of a year that has no 29 February
        ("T12-hangzhou-xiaoshan-remote", SMALL, "2025-02-28 09:00", "2025-03-01 14:00", 80),  # 50 + 30
        # 20 minutes by day are a whole unit and more: cut at 19:00; 25 minutes of the night are none
        ("T13-beijing-class-1", SMALL, "2024-06-05 18:40", "2024-06-05 19:25", 2.5),
        # 30 minutes of the night are less than its unit of 2 h: that unit runs until 08:30 at 1 yuan, if completed
        ("T13-beijing-class-1", SMALL, "2024-06-05 06:30", "2024-06-05 08:29", 0),
        ("T13-beijing-class-1", SMALL, "2024-06-05 06:30", "2024-06-05 08:30", 1),
        ("T13-beijing-class-1", SMALL, "2024-06-05 06:30", "2024-06-05 09:00", 6),  # and 2 x 2.5 by day
        ("T13-beijing-class-2", SMALL, "2024-06-05 06:30", "2024-06-05 09:00", 4),  # 1 + 2 x 1.5
        ("T13-beijing-class-3", SMALL, "2024-06-05 06:30", "2024-06-05 09:00", 2),  # 1 + 2 x 0.5
        # an hour by day, 6 units of the night, and an hour of the next day, which is its first: 10 + 6 + 10
        ("T13-beijing-class-1", SMALL, "2024-06-05 18:00", "2024-06-06 08:00", 26),
        # 38 units by day, 6 of the night, 14 of the next day, and no new first hour 24 hours from entry:
        # (4 x 2.5 + 34 x 3.75) + 6 + (4 x 2.5 + 10 x 3.75), and so on
        ("T13-beijing-class-1", SMALL, "2024-06-05 09:30", "2024-06-06 10:30", 191),
        ("T13-beijing-class-2", SMALL, "2024-06-05 09:30", "2024-06-06 10:30", 117),
        ("T13-beijing-class-3", SMALL, "2024-06-05 09:30", "2024-06-06 10:30", 43),
        # over 19:00: one half hour by day, 1 yuan, and two started hours of the night, 0.5 each
        ("T21-qianshan-jicuimen", SMALL, "2024-06-05 18:30", "2024-06-05 20:30", 2),
        ("T21-qianshan-jicuimen", LARGE, "2024-06-05 18:30", "2024-06-05 20:30", 3.5),  # 1.5 + 2 x 1
        # a full 24 hours and a half hour by day
        ("T21-qianshan-jicuimen", SMALL, "2024-06-05 09:00", "2024-06-06 09:30", 21),
        # 23 hours are no full day: 10 h and 1 h by day are 22 half hours, 12 hours of the night 6: above the 20
        ("T21-qianshan-jicuimen", SMALL, "2024-06-05 09:00", "2024-06-06 08:00", 28),
    ],
)
def test_fee_of_a_stay_over_a_boundary(sample: str, vehicle: Context, entry: str, exit_: str, yuan: float) -> None:
    assert quote(samples()[sample], Parked(at(entry), at(exit_)), vehicle).total == yuan * 100


@pytest.mark.parametrize(
    ("class_", "stayed", "minutes_out", "yuan"),
    [
        # "a second entry within 2 h has no free minutes": the first hour's price
        (1, 5, 30, 8),
        (1, 5, 119, 8),
        (3, 10, 30, 14),
        (1, 5, 120, 0),  # 2 hours are over
        (3, 10, 120, 0),
    ],
)
def test_a_second_drop_off_within_two_hours_is_not_free(
    class_: int, stayed: int, minutes_out: int, yuan: int
) -> None:
    length, away = timedelta(minutes=stayed), timedelta(minutes=minutes_out)
    before = Earlier(ENTRY - away - length, ENTRY - away, free=True)
    context = Context(vehicle_class=class_, earlier=(before,))
    lane = samples()["T10-changsha-huanghua-drop-off"]
    assert quote(lane, Parked(ENTRY, ENTRY + length), context).total == yuan * 100


# --- the samples themselves ----------------------------------------------------------------------------------


NOT_IN_THE_TABLE = {"T01", "T03", "T05", "T08", "T14", "T22", "T29"}
"""Notices of the same catalogue that the table holds no case of."""


@pytest.mark.parametrize("id_", [row["id"] for row in cases()])
def test_every_case_has_a_sample(id_: str) -> None:
    assert samples_of(id_)


@pytest.mark.parametrize("id_", sorted(samples()))
def test_every_sample_bears_the_number_of_a_notice(id_: str) -> None:
    numbers = {row["id"] for row in cases()} | {number(row["id"]) for row in cases()}
    assert notice(id_) in numbers | NOT_IN_THE_TABLE


def test_no_two_samples_share_an_id() -> None:
    assert len(samples()) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_sample_loads_and_names_its_source(file: Path) -> None:
    assert load_tariff(file).classes
    assert any(line.startswith("# Source: ") for line in file.read_text(encoding="utf-8").splitlines())
