"""The shipped tariffs whose sources state a rule but hardly a sum: sums derived by hand from the rule text.

Each row says how its sum follows. Where a tariff says that its prices are made up, only the rule is the source's.
"""

from dataclasses import replace
from datetime import date, datetime, time, timedelta, timezone
from functools import cache
from pathlib import Path

import pytest

from gateway.config import load_tariff
from gateway.notice.values import COLORS
from gateway.tariff.engine import quote
from gateway.tariff.quote import Charged, Context, Earlier, Paid, Parked, Permit
from gateway.tariff.rules import Tariff

CHINA = timezone(timedelta(hours=8))
WEDNESDAY = date(2024, 6, 5)
SHIPPED = Path(__file__).parents[2] / "config" / "tariffs"

IDS = {
    "tianjin-airport": "T01-tianjin-binhai",
    "guangzhou-baiyun": "T03-guangzhou-baiyun",
    "shantou-station": "T05-shantou-station",
    "kaifeng-station": "T23-kaifeng-station",
    "weifang": "T24-weifang",
    "zhongshan-north-road": "T25-zhongshan-north-road",
    "fuzhou-districts": "T26-fuzhou-districts",
    "fuzhou-gushan": "T27-fuzhou-gushan",
    "hangzhou-streets": "T28-hangzhou-streets",
    "changsha-nev": "T30-01-changsha-nev",
    "chongqing-nev": "T30-02-chongqing-nev",
    "chengdu-nev": "T30-03-chengdu-nev",
    "shenzhen-nev": "T30-04-shenzhen-nev",
    "shenzhen-nev-streets": "T30-04-shenzhen-nev-streets",
    "taiyuan-nev": "T30-05-taiyuan-nev",
    "xian-nev": "T30-06-xian-nev",
    "hefei-nev": "T30-07-hefei-nev",
    "sanya-nev": "T30-08-sanya-nev",
    "qingdao-hospital": "T31-01-qingdao-hospital",
    "xiangyang-east": "T31-02-xiangyang-east",
    "charging": "T32-charging",
    "qingdao-airport": "T33-qingdao-airport",
    "csdn-small-lot": "T34-csdn-small-lot",
    "csdn-day-night": "T35-csdn-day-night",
    "lianying-test": "T36-lianying-test",
}

Row = tuple[Context, str, str, int]
"""The vehicle, entry, exit, and the sum in fen."""


def at(text: str) -> datetime:
    """`09:00` on the Wednesday, `+1 09:00` a day later, `-1 09:00` a day earlier."""
    days, _, clock = text.rpartition(" ")
    return datetime.combine(WEDNESDAY + timedelta(int(days or 0)), time.fromisoformat(clock), CHINA)


def plate(color: str, vehicle_class: int = 1) -> Context:
    return Context(vehicle_class, COLORS.index(color))


def holding(*kinds: str, vehicle: Context | None = None) -> Context:
    return replace(vehicle or SMALL, permits=tuple(map(Permit, kinds)))


def after(vehicle: Context, *stays: tuple[str, str], free: bool = False) -> Context:
    return replace(vehicle, earlier=tuple(Earlier(at(begin), at(end), free=free) for begin, end in stays))


def charged(vehicle: Context, *orders: tuple[str, int]) -> Context:
    """`orders`: number and minutes."""
    return replace(vehicle, charged=tuple(Charged(number, minutes * 60) for number, minutes in orders))


SMALL = Context()
LARGE = Context(vehicle_class=3)
NEV = plate("green-gradient")
LARGE_NEV = plate("yellow-green", 3)


@cache
def shipped(file: str) -> Tariff:
    return load_tariff(SHIPPED / f"{file}.toml")


def check(file: str, row: Row) -> None:
    vehicle, entry, exit_, fen = row
    priced = quote(shipped(file), Parked(at(entry), at(exit_)), vehicle)
    assert priced.total == fen
    assert fen == (
        sum(line.fen for line in priced.lines)
        - sum(cut.fen for cut in priced.caps)
        - sum(taken.fen for taken in priced.discounts)
    )


@pytest.mark.parametrize("file", IDS)
def test_file_holds_the_tariff_of_this_id(file: str) -> None:
    assert shipped(file).id == IDS[file]


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:15", 0),  # 15 minutes free, included
        (SMALL, "09:00", "09:16", 200),  # past them from entry: one half hour
        (SMALL, "09:00", "09:30", 200),
        (SMALL, "09:00", "09:31", 400),  # a second half hour has begun
        (SMALL, "09:00", "23:30", 5800),  # 29 half hours, below the cap
        (SMALL, "09:00", "+1 00:01", 6000),  # 31 half hours, 62 yuan, held to 60
        (SMALL, "09:00", "+1 09:00", 6000),
        (SMALL, "09:00", "+1 09:01", 6200),  # 60 and one half hour of the second 24 hours
        (SMALL, "09:00", "+2 09:00", 11000),  # 60 + 50
        (SMALL, "09:00", "+3 09:00", 16000),  # 60 + 50 + 50
        (LARGE, "09:00", "09:31", 800),  # 2 half hours at 4
        (LARGE, "09:00", "+2 09:00", 22000),  # 120 + 100
    ],
)
def test_t01_caps_the_first_day_at_60_and_later_ones_at_50(row: Row) -> None:
    check("tianjin-airport", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:15", 0),  # 15 minutes free
        (SMALL, "09:00", "09:16", 1000),  # past them from entry: one hour
        (SMALL, "09:00", "11:00", 2000),  # 2 hours at 10
        (SMALL, "09:00", "11:01", 2500),  # and one at 5
        (SMALL, "09:00", "12:00", 2500),  # the source's own sum for 3 hours
        (SMALL, "09:00", "18:00", 5500),  # 20 + 7 x 5
        (SMALL, "09:00", "18:01", 6000),  # the tenth hour has begun: 20 + 8 x 5
        (SMALL, "09:00", "19:01", 6000),  # 10 to 24 hours are 60
        (SMALL, "09:00", "+1 09:00", 6000),  # the source's own sum for 24 hours
        (SMALL, "09:00", "+1 09:01", 7000),  # and the first hour of the next 24
    ],
)
def test_t03_takes_10_for_two_hours_then_5_up_to_60(row: Row) -> None:
    check("guangzhou-baiyun", row)


MECHANICAL = holding("机械车位")


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:01", 500),  # no free time stated
        (SMALL, "09:00", "10:00", 500),
        (SMALL, "09:00", "10:01", 1000),
        (SMALL, "09:00", "11:00", 1000),  # 2 hours at 5
        (SMALL, "09:00", "11:01", 1300),  # and one at 3
        (SMALL, "09:00", "17:00", 2800),  # 10 + 6 x 3
        (SMALL, "09:00", "17:01", 2800),  # 31, held to 28
        (SMALL, "09:00", "+1 09:00", 2800),  # the source's own sum for a day
        (SMALL, "09:00", "+1 09:01", 3300),  # and the first hour of the next
        (MECHANICAL, "09:00", "10:00", 700),  # 5 + 30 % = 6.5, rounded up
        (MECHANICAL, "09:00", "11:00", 1300),  # 10 + 30 %
        (MECHANICAL, "09:00", "11:01", 1700),  # 13 + 30 % = 16.9
        (MECHANICAL, "09:00", "+1 09:00", 3600),  # 28 + 30 % = 36.4, rounded down
        (SMALL, "09:00", "12:01", 1600),  # 10 + 2 x 3
    ],
)
def test_t05_adds_30_percent_for_mechanical_spaces_in_whole_yuan(row: Row) -> None:
    check("shantou-station", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "11:00", 500),  # by day only
        (SMALL, "23:00", "+1 01:00", 1000),  # by night only, over midnight
        (SMALL, "06:59", "07:00", 500),  # 03-07 only: gone as the day begins
        (SMALL, "06:59", "07:01", 1000),  # 03-07 and the day: 5 + 5
        (SMALL, "21:59", "+1 03:01", 2000),  # day, night, 03-07: 5 + 10 + 5
        (SMALL, "09:00", "+1 08:59", 2500),  # day, night, 03-07, day again: no cap below a full day
        (SMALL, "09:00", "+1 09:00", 2000),  # a full day
        (SMALL, "09:00", "+1 09:01", 2500),  # a full day and a visit by day
        (SMALL, "09:00", "+2 09:00", 4000),  # two full days
        (LARGE, "09:00", "11:00", 500),  # one price for all
        (SMALL, "22:00", "22:01", 1000),  # the night begins
    ],
)
def test_t23_takes_each_band_once_and_20_for_each_full_24_hours(row: Row) -> None:
    check("kaifeng-station", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:20", 0),  # 20 minutes free
        (SMALL, "09:00", "09:21", 500),  # a visit by day
        (SMALL, "20:00", "+1 08:00", 300),  # a visit by night, all of it
        (SMALL, "19:00", "+1 07:00", 500),  # 12 hours over both: once, the day's price
        (SMALL, "19:00", "+1 07:01", 800),  # a minute more: 5 + 3
        (SMALL, "21:00", "+1 08:30", 500),  # from night into day, below 12 hours: the day's price too
        (SMALL, "19:00", "+1 08:01", 1300),  # day, night, day: 5 + 3 + 5
        (SMALL, "08:00", "20:01", 800),  # more than 12 hours, a minute of them by night
        (LARGE, "19:00", "+1 07:00", 1000),  # twice
        (holding("门诊患者"), "09:00", "19:00", 0),  # a patient with proof
        (SMALL, "20:00", "20:21", 300),  # a visit by night
        (SMALL, "09:00", "+1 15:00", 1300),  # 30 hours are day, night, day as well
    ],
)
def test_t24_charges_12_hours_over_day_and_night_once_at_the_day_price(row: Row) -> None:
    check("weifang", row)


BLUE, YELLOW = plate("blue"), plate("yellow", 3)


@pytest.mark.parametrize(
    "row",
    [
        (BLUE, "09:00", "09:15", 0),  # 15 minutes free
        (BLUE, "09:00", "09:16", 500),  # past them from entry: the first hour
        (BLUE, "09:00", "10:00", 500),
        (BLUE, "09:00", "10:01", 800),  # and a half hour at 3
        (BLUE, "09:00", "10:31", 1100),  # 5 + 2 x 3
        (BLUE, "09:00", "17:30", 5000),  # 5 + 15 x 3
        (BLUE, "09:00", "17:31", 5000),  # 53, held to 50
        (YELLOW, "09:00", "10:01", 1300),  # 8 + 5
        (YELLOW, "09:00", "18:00", 5000),  # 8 + 16 x 5 = 88, held to 50
        (SMALL, "09:00", "10:01", 800),  # colour not read: by class, as blue
        (LARGE, "09:00", "10:01", 1300),  # colour not read: by class, as yellow
        (plate("blue", 12), "09:00", "10:01", 800),  # the colour goes before the class
        (NEV, "09:00", "10:01", 800),  # small green as blue
        (LARGE_NEV, "09:00", "10:01", 1300),  # yellow-green as yellow
        (BLUE, "22:00", "+1 07:00", 0),  # nothing is charged from 22 to 07
        (BLUE, "21:59", "+1 07:00", 500),  # one minute of it is
        (BLUE, "21:30", "+1 07:01", 1000),  # half an hour of one day and a minute of the next: 5 + 5
        (BLUE, "06:50", "07:10", 500),  # 20 minutes in all: no free time, 10 of them charged
        (BLUE, "09:00", "+1 22:00", 10000),  # the cap of two calendar days
        (holding("12米及以上", vehicle=YELLOW), "09:00", "10:01", 1950),  # 13 and half of it
        (holding("12米及以上", vehicle=YELLOW), "09:00", "18:00", 7500),  # 12 + 16 x 7.5 = 132, held to 75
        (BLUE, "20:00", "+1 20:00", 6100),  # 5 + 2 x 3 of one day, 50 of the next
        (YELLOW, "07:00", "08:01", 1300),  # charged from 07:00
        (YELLOW, "21:00", "22:30", 800),  # to 22:00
        (YELLOW, "09:00", "10:31", 1800),  # 8 + 2 x 5
    ],
)
def test_t25_charges_by_plate_from_07_to_22_at_most_50_a_day(row: Row) -> None:
    check("zhongshan-north-road", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:30", 400),
        (SMALL, "09:00", "09:31", 800),  # a second half hour has begun
        (SMALL, "09:00", "10:01", 1200),  # 3 half hours
        (SMALL, "09:00", "17:00", 6400),  # 16 half hours
        (SMALL, "09:00", "17:01", 6500),  # 68, held to 65
        (SMALL, "09:00", "19:00", 6500),  # 80, held to 65
        (SMALL, "09:00", "+1 09:00", 6500),
        (SMALL, "09:00", "+1 09:01", 6900),  # and a half hour of the next 24 hours
    ],
)
def test_t26_takes_4_per_half_hour_at_most_65(row: Row) -> None:
    check("fuzhou-districts", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:30", 200),
        (SMALL, "09:00", "09:31", 400),
        (SMALL, "19:20", "19:50", 200),  # begun by day at 19:20: the unit is the day's to its end at 19:50
        (SMALL, "19:20", "19:51", 300),  # then one by night
        (SMALL, "19:00", "19:30", 200),  # a unit that ends with the day
        (SMALL, "19:00", "19:31", 300),
        (SMALL, "06:45", "07:45", 100),  # begun by night at 06:45: the night's to its end at 07:45
        (SMALL, "06:45", "07:46", 300),  # then one by day
        (SMALL, "20:00", "+1 07:00", 1100),  # 11 hours by night
        (plate("blue", 12), "19:20", "19:51", 600),  # medium: twice 3
        (LARGE, "19:20", "19:51", 900),  # large: three times 3
        (SMALL, "+10 09:00", "+10 09:31", 400),  # a Saturday pays as any day
        (SMALL, "+5 09:00", "+5 09:31", 600),  # 2024-06-10, Dragon Boat Festival: 2 half hours at 3
        (SMALL, "+5 19:20", "+5 19:51", 400),  # on it: 3, then one by night
        # By night 12 units to 08:10, by day 23 to 19:40, by night one: 12 + 46 + 1; nothing renews in 24 hours.
        (SMALL, "20:10", "+1 20:40", 5900),
        (SMALL, "+5 07:30", "+5 08:01", 600),  # a holiday begins at 07:30 too
    ],
)
def test_t27_bills_a_unit_over_the_boundary_where_it_began(row: Row) -> None:
    check("fuzhou-gushan", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:30", 500),
        (SMALL, "09:00", "10:00", 1000),  # 2 x 5
        (SMALL, "09:00", "10:01", 1600),  # and 6
        (SMALL, "19:30", "20:00", 500),  # gone as the night begins
        (SMALL, "19:30", "20:01", 1000),  # 5 and a visit by night
        (SMALL, "20:00", "+1 08:00", 500),  # a visit by night
        (SMALL, "20:00", "+1 08:01", 1000),  # and a half hour by day
        (SMALL, "09:00", "+1 09:00", 14500),  # 2 x 5 + 20 x 6, a night at 5, 2 x 5 of the next day
        (LARGE, "09:00", "10:01", 3200),  # twice 16
        (LARGE, "20:00", "+1 08:00", 1000),  # twice 5
        (SMALL, "09:00", "10:31", 2200),  # 2 x 5 + 2 x 6
        (SMALL, "21:00", "+1 22:00", 15200),  # a night, 2 x 5 + 22 x 6 by day, a second night
    ],
)
def test_t28_takes_5_per_half_hour_then_6_and_5_a_night(row: Row) -> None:
    check("hangzhou-streets", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "13:00", 0),  # 4 hours free, included
        (NEV, "09:00", "13:01", 1000),  # a minute more and nothing is free: 5 hours at half of 4
        (NEV, "09:00", "+1 09:00", 2000),  # 24 x 2 = 48, held to half of 40
        (LARGE_NEV, "09:00", "13:00", 0),
        (LARGE_NEV, "09:00", "13:01", 2000),  # 5 hours at half of 8
        (SMALL, "09:00", "09:01", 400),  # nothing is free to others
        (SMALL, "09:00", "13:01", 2000),  # 5 hours at 4
        (LARGE, "09:00", "13:01", 4000),  # 5 hours at 8
        (SMALL, "09:00", "+1 10:00", 4400),  # 40 and an hour of the next 24
    ],
)
def test_t30_01_new_energy_loses_its_free_hours_and_pays_half_from_entry(row: Row) -> None:
    check("changsha-nev", row)


TODAY = ("08:00", "08:30")
YESTERDAY = ("-1 23:59", "00:30")


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "11:00", 0),  # 2 hours free
        (NEV, "09:00", "11:01", 200),  # a minute beyond: one hour at half of 4
        (NEV, "09:00", "13:00", 400),  # 2 hours at half
        (NEV, "09:00", "+1 09:00", 2000),  # 22 hours beyond, held to 40, half of it
        (LARGE_NEV, "09:00", "11:01", 400),  # one hour at half of 8
        (after(NEV, TODAY), "09:00", "11:01", 1200),  # the second stay of the day: 3 hours at 4
        (after(NEV, YESTERDAY), "09:00", "11:01", 200),  # that one began the day before
        (SMALL, "09:00", "11:01", 1200),  # 3 hours at 4
        (SMALL, "09:00", "+1 10:00", 4400),  # 40 and an hour of the next 24
    ],
)
def test_t30_02_the_first_stay_of_the_day_has_2_hours_free_then_half_price(row: Row) -> None:
    check("chongqing-nev", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "11:00", 0),  # 2 hours free
        (NEV, "09:00", "11:01", 200),  # a half hour at the full price
        (LARGE_NEV, "09:00", "11:01", 400),
        (after(NEV, TODAY), "09:00", "11:01", 1000),  # the second stay of the day: 5 half hours
        (after(NEV, ("00:00", "00:10")), "09:00", "11:01", 1000),  # the day begins at 0:00
        (after(NEV, YESTERDAY), "09:00", "11:01", 200),  # that one began the day before
        (
            NEV,
            "09:00",
            "+1 11:01",
            9800,
        ),  # 26 hours and a minute, once 2 hours off: 44 half hours and 5 of the next
        (SMALL, "09:00", "11:01", 1000),
        (SMALL, "09:10", "+1 00:10", 6000),  # 30 half hours: nothing begins anew at midnight
    ],
)
def test_t30_03_the_first_stay_of_the_day_has_2_hours_free(row: Row) -> None:
    check("chengdu-nev", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "10:00", 0),  # the first hour of the day
        (NEV, "09:00", "10:01", 400),  # an hour begun beyond it
        (charged(NEV, ("A", 30)), "09:00", "10:30", 0),  # 1 hour and the half hour that it charged
        (charged(NEV, ("A", 30)), "09:00", "10:31", 400),
        (charged(NEV, ("A", 30), ("A", 30)), "09:00", "10:31", 400),  # the same order told twice
        (charged(NEV, ("A", 30), ("B", 30)), "09:00", "11:00", 0),  # two orders
        (charged(NEV, ("A", 180)), "09:00", "12:00", 0),  # 1 hour and at most 2 for charging
        (charged(NEV, ("A", 180)), "09:00", "12:01", 400),
        (after(NEV, TODAY), "09:00", "10:01", 800),  # the second stay of the day: 2 hours
        (after(NEV, YESTERDAY), "09:00", "10:00", 0),
        (LARGE_NEV, "09:00", "10:01", 800),
        (charged(SMALL, ("A", 30)), "09:00", "10:01", 800),  # not for other plates
        (after(charged(NEV, ("A", 30)), TODAY), "09:00", "10:01", 800),  # nor does charging help the second stay
        (after(charged(NEV, ("A", 30)), YESTERDAY), "09:00", "10:30", 0),
        (SMALL, "09:00", "+1 10:00", 4400),  # 40 and an hour of the next 24
    ],
)
def test_t30_04_the_first_hour_and_the_charging_time_add_up(row: Row) -> None:
    check("shenzhen-nev", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "10:00", "12:00", 0),  # the first 2 hours of the day
        (NEV, "10:00", "12:01", 200),
        (after(NEV, ("08:00", "09:00")), "10:00", "11:00", 0),  # the first stay was of 1 hour: 1 more
        (after(NEV, ("08:00", "09:00")), "10:00", "11:01", 200),
        (after(NEV, ("08:00", "08:10")), "10:00", "11:01", 200),  # nor does a shorter one leave more than 1
        (after(NEV, ("08:00", "09:01")), "10:00", "11:00", 400),  # it was longer than 1 hour: none
        (after(NEV, ("08:00", "08:10"), ("08:30", "08:40")), "10:00", "11:00", 400),  # none for a third stay
        (after(NEV, YESTERDAY), "10:00", "12:00", 0),
        (NEV, "19:00", "+1 09:00", 0),  # of these 14 hours 2 are charged, and those are free
        (SMALL, "19:30", "+1 08:00", 200),  # a half hour before 20:00
        (SMALL, "19:30", "+1 08:01", 400),  # and one after 08:00
        (LARGE_NEV, "10:00", "12:01", 400),
        (SMALL, "10:00", "10:31", 400),
        (SMALL, "09:10", "+1 09:20", 5000),  # 22 half hours of one day and 3 of the next
    ],
)
def test_t30_04_streets_give_2_hours_to_the_first_two_stays_of_the_day(row: Row) -> None:
    check("shenzhen-nev-streets", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "11:00", 0),  # 2 hours free
        (NEV, "09:00", "11:01", 200),  # the third hour at half of 4
        (NEV, "09:00", "13:00", 400),  # hours 3 and 4 at half
        (NEV, "09:00", "13:01", 800),  # the fifth at the full price
        (charged(NEV, ("A", 60)), "09:00", "12:00", 0),  # 2 hours free, 1 charging
        (charged(NEV, ("A", 60)), "09:00", "12:01", 200),
        (charged(NEV, ("A", 60), ("A", 60)), "09:00", "12:01", 200),  # the same order told twice
        (NEV, "22:00", "+1 08:00", 0),  # nights are free
        (NEV, "21:00", "+1 09:00", 0),  # an hour of each day: the 2 free hours
        (NEV, "21:00", "+1 09:01", 200),  # a minute more
        # By day 14 hours, 2 free: 2 x 2 + 10 x 4 = 44. Then 2 hours of the next day, at half price as the file says
        # (by the draft they would be full: 8).
        (NEV, "08:00", "+1 10:00", 4800),
        (LARGE_NEV, "09:00", "11:01", 400),  # half of 8
        (SMALL, "21:00", "+1 09:00", 2800),  # 4 + 10 x 2 + 4
        (charged(SMALL, ("A", 60)), "09:00", "10:00", 400),  # charging helps new energy only
        (NEV, "09:00", "14:01", 1200),  # 2 x 2 + 2 x 4
        (SMALL, "08:00", "09:01", 800),  # 2 hours by day
        (LARGE, "08:00", "09:01", 1600),
        (SMALL, "22:00", "23:01", 400),  # 2 hours by night
        (SMALL, "09:10", "+1 09:30", 8000),  # 13 hours by day, 10 by night, 2 by day: 52 + 20 + 8
    ],
)
def test_t30_05_new_energy_has_2_hours_free_2_at_half_and_free_nights(row: Row) -> None:
    check("taiyuan-nev", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "10:00", 0),  # 1 hour free
        (NEV, "09:00", "10:01", 160),  # a half hour at 80 % of 2
        (NEV, "09:00", "11:00", 320),  # 2 half hours
        (LARGE_NEV, "09:00", "10:01", 320),  # 80 % of 4
        (SMALL, "09:00", "10:00", 400),
        (SMALL, "09:00", "09:31", 400),
        (SMALL, "09:10", "+1 00:10", 6000),  # 30 half hours: nothing begins anew at midnight
    ],
)
def test_t30_06_new_energy_has_1_hour_free_and_80_percent_beyond(row: Row) -> None:
    check("xian-nev", row)


REGISTERED = holding("新能源登记", vehicle=NEV)
LAPSED = replace(NEV, permits=(Permit("新能源登记", last=WEDNESDAY - timedelta(1)),))


@pytest.mark.parametrize(
    "row",
    [
        (REGISTERED, "09:00", "14:00", 0),  # 5 hours free
        (REGISTERED, "09:00", "14:01", 400),  # an hour begun beyond them
        (after(REGISTERED, TODAY), "09:00", "14:00", 0),  # the second stay of the day
        (after(REGISTERED, TODAY, ("08:40", "08:50")), "09:00", "14:00", 2000),  # the third: 5 hours at 4
        (
            after(REGISTERED, YESTERDAY, ("-1 22:00", "-1 22:30")),
            "09:00",
            "14:00",
            0,
        ),  # those were of the day before
        (NEV, "09:00", "14:00", 2000),  # not registered
        (LAPSED, "09:00", "14:00", 2000),  # registered until the day before
        (holding("新能源登记"), "09:00", "14:00", 2000),  # registered, but another plate
        (holding("新能源登记", vehicle=LARGE_NEV), "09:00", "14:01", 800),
        (SMALL, "09:00", "10:01", 800),
        (SMALL, "09:00", "+1 10:00", 4400),  # 40 and an hour of the next 24
    ],
)
def test_t30_07_registered_new_energy_has_two_stays_a_day_of_5_hours_free(row: Row) -> None:
    check("hefei-nev", row)


@pytest.mark.parametrize(
    "row",
    [
        (NEV, "09:00", "10:00", 0),  # 1 hour free
        (NEV, "09:00", "10:01", 200),  # a half hour beyond it
        (NEV, "22:00", "+1 08:00", 0),  # nights are free
        (NEV, "21:00", "+1 08:00", 0),  # of these 11 hours 1 is by day, and that one is free
        (NEV, "20:59", "+1 08:00", 200),  # a minute more
        (LARGE_NEV, "09:00", "10:01", 400),
        (SMALL, "09:00", "10:00", 400),
        (SMALL, "21:00", "+1 08:00", 1400),  # 2 x 2 and 10 hours by night
        (LARGE, "21:00", "+1 08:00", 2800),
        (NEV, "08:00", "09:31", 400),  # 2 half hours beyond it
        (SMALL, "08:00", "08:31", 400),
        (SMALL, "22:00", "23:01", 200),
        (SMALL, "09:10", "+1 09:30", 6800),  # 26 half hours, 10 hours by night, 3 half hours: 52 + 10 + 6
    ],
)
def test_t30_08_new_energy_has_1_hour_by_day_and_the_night_free(row: Row) -> None:
    check("sanya-nev", row)


PATIENT, DISABLED = holding("门诊患者"), holding("残疾人驾驶")
ALL_AT_ONCE = holding("门诊患者", "残疾人驾驶", vehicle=NEV)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:15", 0),  # 15 minutes off
        (SMALL, "09:00", "09:16", 200),  # 1 minute left: a half hour
        (SMALL, "09:00", "09:45", 200),
        (SMALL, "09:00", "09:46", 400),  # 31 minutes left
        (PATIENT, "09:00", "11:00", 0),  # 2 hours off
        (PATIENT, "09:00", "11:01", 200),  # without 15 minutes on top of them
        (after(PATIENT, TODAY), "09:00", "11:00", 800),  # second stay of the day: 105 minutes left
        (after(PATIENT, YESTERDAY), "09:00", "11:00", 0),
        (NEV, "09:00", "11:00", 0),
        (NEV, "09:00", "11:01", 200),
        (after(NEV, ("-1 09:01", "-1 09:30")), "09:00", "11:00", 800),  # that one began 23:59 ago: 105 minutes left
        (after(NEV, ("-1 09:00", "-1 09:30")), "09:00", "11:00", 0),  # 24 hours ago
        (DISABLED, "09:00", "13:00", 0),  # 4 hours off
        (DISABLED, "09:00", "13:01", 200),
        (after(DISABLED, TODAY), "09:00", "13:00", 0),  # at every stay
        (ALL_AT_ONCE, "09:00", "13:00", 0),  # the largest of them
        (ALL_AT_ONCE, "09:00", "13:01", 200),  # and nothing but the largest
        (SMALL, "20:00", "21:29", 600),  # 29 minutes of the night go with the day: 74 left, 3 half hours at 2
        (SMALL, "20:00", "21:30", 500),  # 30 do not: 45 minutes left by day 2 x 2, 30 by night 1
        (SMALL, "06:00", "07:29", 300),  # the same from night into day: 74 left, 3 half hours at 1
        (SMALL, "06:00", "07:30", 400),  # 45 left by night 2 x 1, 30 by day 2
        (LARGE, "09:00", "09:16", 300),  # 2 + 1
        (LARGE, "22:00", "22:16", 200),  # 1 + 1
        (SMALL, "07:00", "14:45", 3000),  # 7.5 hours left: 15 x 2
        (SMALL, "07:00", "14:46", 3000),  # 32, held to 30
        (LARGE, "07:00", "14:00", 4000),  # 6:45 left: 14 x 3 = 42, held to 40
        (SMALL, "22:00", "22:46", 200),  # 31 minutes left by night: 2 x 1
        (SMALL, "07:00", "+1 07:15", 3200),  # 30 and a half hour of the next 24 hours
    ],
)
def test_t31_01_the_best_free_time_applies_and_a_short_end_joins(row: Row) -> None:
    check("qingdao-hospital", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "10:00", 0),  # 1 hour free, included
        (SMALL, "09:00", "10:01", 500),
        (SMALL, "09:00", "13:00", 500),  # up to 4 hours
        (SMALL, "09:00", "13:01", 600),  # and an hour at 1
        (SMALL, "09:00", "+1 04:00", 2000),  # 5 + 15
        (SMALL, "09:00", "+1 04:01", 2000),  # 21, held to 20
        (SMALL, "09:00", "+1 09:00", 2000),
        (SMALL, "09:00", "+1 09:01", 2500),  # and 5 of the next 24 hours
        (LARGE, "09:00", "13:01", 600),  # one price for all
        (PATIENT, "09:00", "15:00", 0),  # 6 hours free
        (PATIENT, "09:00", "15:01", 500),  # the seventh
        (PATIENT, "09:00", "16:00", 500),
        (PATIENT, "09:00", "16:01", 600),  # and an hour at 1
        (SMALL, "09:00", "14:01", 700),  # 5 + 2 x 1
        (PATIENT, "09:00", "17:01", 700),  # 5 + 2 x 1
        (PATIENT, "09:00", "+1 09:00", 2000),  # 18 hours, 5 + 17 = 22, held to 20
    ],
)
def test_t31_02_outpatients_have_6_hours_free(row: Row) -> None:
    check("xiangyang-east", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "11:00", 800),  # without charging
        (charged(SMALL, ("A", 60)), "09:00", "10:00", 0),
        (charged(SMALL, ("A", 60)), "09:00", "10:01", 400),
        (charged(SMALL, ("A", 60), ("A", 60)), "09:00", "11:00", 400),  # told twice, counted once: 1 hour left
        (charged(SMALL, ("A", 60), ("B", 60)), "09:00", "11:00", 0),  # two orders
        (charged(SMALL, ("A", 119)), "09:00", "11:00", 400),  # a minute left
        (charged(SMALL, ("A", 120)), "09:00", "11:00", 0),
        (charged(SMALL, ("A", 121)), "09:00", "11:01", 400),  # at most 120 minutes: the last one is charged
        (charged(LARGE, ("A", 60)), "09:00", "10:01", 800),
        (SMALL, "09:00", "10:01", 800),
        (SMALL, "09:00", "+1 10:00", 4400),  # 40 and an hour of the next 24
    ],
)
def test_t32_takes_off_the_charging_time_at_most_120_minutes(row: Row) -> None:
    check("charging", row)


TWO_USES = (("-1 09:01", "-1 09:10"), ("08:00", "08:10"))
THREE_USES = (*TWO_USES, ("08:20", "08:30"))
LONG_AGO = (*TWO_USES, ("-1 09:00", "-1 09:10"))


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:20", 0),  # 20 minutes free
        (SMALL, "09:00", "09:21", 500),  # past them from entry: an hour
        (after(SMALL, *TWO_USES, free=True), "09:00", "09:20", 0),  # the third use
        (after(SMALL, *THREE_USES, free=True), "09:00", "09:20", 500),  # a fourth, the first being 23:59 ago
        (after(SMALL, *LONG_AGO, free=True), "09:00", "09:20", 0),  # one of the three was 24 hours ago
        (after(SMALL, *THREE_USES), "09:00", "09:20", 0),  # those were not free
        (LARGE, "09:00", "09:21", 1000),
        (SMALL, "09:00", "10:01", 1000),
        (SMALL, "09:00", "+1 10:00", 6500),  # 60 and an hour of the next 24
    ],
)
def test_t33_gives_free_time_three_times_in_24_hours(row: Row) -> None:
    check("qingdao-airport", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "10:00", 0),  # 1 hour free
        (SMALL, "09:00", "10:01", 300),  # up to 2 hours beyond it
        (SMALL, "09:00", "12:00", 300),
        (SMALL, "09:00", "12:01", 400),  # and an hour at 1
        (SMALL, "09:00", "19:00", 1000),  # 3 + 7
        (SMALL, "09:00", "19:01", 1000),  # 11, held to 10
        (SMALL, "09:00", "+1 10:00", 1000),  # the free hour of the second 24 hours
        (SMALL, "09:00", "+1 10:01", 1300),  # both added: 10 + 3
        (holding("执行任务"), "09:00", "+1 10:01", 0),  # on duty
        (SMALL, "09:00", "13:01", 500),  # 3 + 2 x 1
    ],
)
def test_t34_adds_what_two_periods_of_24_hours_cost(row: Row) -> None:
    check("csdn-small-lot", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "08:00", "10:00", 400),
        (SMALL, "08:00", "10:01", 600),
        (SMALL, "20:00", "22:00", 400),
        (SMALL, "20:00", "22:01", 500),  # 6, held to 5 a night
        (SMALL, "20:00", "+1 08:00", 500),
        (SMALL, "20:00", "+1 08:01", 700),  # and an hour by day
        (SMALL, "19:59", "20:00", 200),
        (SMALL, "19:59", "20:01", 400),  # an hour of each
        (SMALL, "08:00", "20:00", 2400),  # the day has no cap
        (SMALL, "20:00", "+2 08:00", 3400),  # two nights and a day between: 5 + 24 + 5
        (SMALL, "21:00", "+1 23:30", 3400),  # a night, a day, a night: 5 + 24 + 5
    ],
)
def test_t35_holds_each_night_to_5(row: Row) -> None:
    check("csdn-day-night", row)


@pytest.mark.parametrize(
    "row",
    [
        (SMALL, "09:00", "09:30", 0),  # 30 minutes free
        (SMALL, "09:00", "09:31", 200),  # past them from entry, and 31 minutes count as an hour
        (SMALL, "09:00", "10:29", 200),  # a rest of 29 minutes does not count
        (SMALL, "09:00", "10:30", 400),  # one of 30 does
        (SMALL, "05:30", "06:30", 400),  # 30 minutes in each band
        (SMALL, "05:31", "06:30", 200),  # 29 minutes in the night do not count
        (SMALL, "07:00", "19:29", 2400),  # 12 hours, the rest not counted
        (SMALL, "06:00", "20:00", 2600),  # 14 hours, 28, held to the band's 26
        (SMALL, "20:00", "+1 06:00", 2000),  # 10 hours, just the band's 20
        (SMALL, "06:00", "22:00", 3000),  # 26 + 2 x 2
        (SMALL, "06:00", "23:00", 3100),  # 26 + 3 x 2 = 32, held to 31
        (SMALL, "06:00", "+1 06:00", 3100),
        (SMALL, "06:00", "+1 06:29", 3100),  # the rest does not count
        (SMALL, "06:00", "+1 06:30", 3300),  # the first hour of the next 24
        (SMALL, "20:00", "21:30", 400),  # the night begins at 20:00: 90 minutes
    ],
)
def test_t36_counts_a_rest_from_30_minutes_and_caps_bands_and_day(row: Row) -> None:
    check("lianying-test", row)


def test_t36_comes_to_the_sum_of_its_source() -> None:
    # By night 05:20-06:00, 40 minutes: 2. By day 06:00-07:10:02: 2, and a rest of 10 minutes that does not count.
    entry = datetime(2018, 8, 15, 5, 20, tzinfo=CHINA)
    stay = Parked(entry, datetime(2018, 8, 15, 7, 10, 2, tzinfo=CHINA))
    assert quote(shipped("lianying-test"), stay).total == 400


@pytest.mark.parametrize(
    ("exit_", "due"),
    [
        ("10:35", 0),  # paid 2 for 1:20, and gone within 15 minutes
        ("10:36", 200),  # a minute later the whole stay counts: 1:36 is 2 hours, 4 less the 2 paid
    ],
)
def test_t36_leaves_15_minutes_after_prepaying(exit_: str, due: int) -> None:
    paid = Context(paid=(Paid(at("10:20"), 200),))
    assert quote(shipped("lianying-test"), Parked(at("09:00"), at(exit_)), paid).due == due
