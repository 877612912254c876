"""What kind of day a date is. Sources: the State Council's yearly notices of the holiday arrangements."""

from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from gateway.tariff.calendar import Calendar, Kind, calendar

NATIONAL = calendar(frozenset(), frozenset(), frozenset())


def days(first: str, last: str = "") -> list[date]:
    begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    return [begin + timedelta(days=number) for number in range((end - begin).days + 1)]


def kinds(of: Calendar, which: Iterable[date]) -> set[Kind]:
    return {of.kind(day) for day in which}


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2019-10-01", "2019-10-07"),
        ("2020-01-24", "2020-02-02"),  # prolonged against the epidemic
        ("2020-10-01", "2020-10-08"),  # National Day and Mid-Autumn on one day
        ("2021-02-11", "2021-02-17"),
        ("2021-05-01", "2021-05-05"),
        ("2022-01-31", "2022-02-06"),
        ("2023-01-21", "2023-01-27"),
        ("2023-09-29", "2023-10-06"),
        ("2024-02-10", "2024-02-17"),
        ("2024-04-04", "2024-04-06"),
        ("2024-06-08", "2024-06-10"),  # the Saturday and Sunday adjoin the festival
        ("2024-09-15", "2024-09-17"),
        ("2024-10-01", "2024-10-07"),
        ("2025-01-01", "2025-01-01"),
        ("2025-01-28", "2025-02-04"),
        ("2025-10-01", "2025-10-08"),
        ("2026-01-01", "2026-01-03"),
        ("2026-02-15", "2026-02-23"),
        ("2026-10-01", "2026-10-07"),
    ],
)
def test_holidays_as_announced(first: str, last: str) -> None:
    assert kinds(NATIONAL, days(first, last)) == {"holiday"}


@pytest.mark.parametrize(
    "day",
    [
        "2019-09-29",
        "2019-10-12",
        "2020-01-19",
        "2020-09-27",
        "2021-02-07",
        "2021-02-20",
        "2022-01-29",
        "2022-01-30",
        "2023-01-28",
        "2023-10-07",
        "2023-10-08",
        "2024-02-04",
        "2024-02-18",
        "2024-09-14",
        "2024-09-29",
        "2024-10-12",
        "2025-01-26",
        "2025-02-08",
        "2025-09-28",
        "2025-10-11",
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-09-20",
        "2026-10-10",
    ],
)
def test_weekend_days_that_are_made_up_for(day: str) -> None:
    (moved,) = days(day)
    assert moved.weekday() > 4
    assert NATIONAL.kind(moved) == "working"


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2024-06-07", "working"),  # the Friday before a festival
        ("2024-06-11", "working"),
        ("2024-06-15", "weekend"),
        ("2024-10-13", "weekend"),  # the day after one that was made up for
        ("2025-09-30", "working"),
        ("2025-10-09", "working"),
        ("2025-10-12", "weekend"),
        ("2026-02-24", "working"),
        ("2026-03-01", "weekend"),  # the day after one that was made up for
        ("2026-11-21", "weekend"),
    ],
)
def test_days_beside_holidays_are_what_their_weekday_says(day: str, kind: Kind) -> None:
    assert kinds(NATIONAL, days(day)) == {kind}


def test_every_announced_year_has_as_many_days_of_each_kind_as_it_has_days() -> None:
    for year in range(2019, 2027):
        of_year = [NATIONAL.kind(day) for day in days(f"{year}-01-01", f"{year}-12-31")]
        # 11 statutory days and the weekends beside them, 13 from 2025; about 250 working days in every year.
        assert 248 <= of_year.count("working") <= 252
        assert 25 <= of_year.count("holiday") <= 37


@pytest.mark.parametrize(
    "day",
    [
        "2030-01-01",
        "2030-02-03",  # Spring Festival
        "2030-04-05",
        "2030-05-01",
        "2030-06-05",  # Dragon Boat
        "2030-09-12",  # Mid-Autumn
        "2030-10-01",
        "2030-10-03",
        "2049-10-01",
    ],
)
def test_a_year_not_yet_announced_has_its_statutory_days(day: str) -> None:
    assert kinds(NATIONAL, days(day)) == {"holiday"}


def test_a_weekend_beside_a_statutory_day_is_a_holiday_though_nobody_announced_it() -> None:
    assert date(2027, 1, 1).weekday() == 4
    assert kinds(NATIONAL, days("2027-01-01", "2027-01-03")) == {"holiday"}
    assert NATIONAL.kind(date(2027, 1, 4)) == "working"
    assert NATIONAL.kind(date(2027, 1, 9)) == "weekend"


def test_a_date_beyond_all_knowledge_is_what_its_weekday_says() -> None:
    assert NATIONAL.kind(date(2190, 10, 1)) == "working"  # a Friday
    assert NATIONAL.kind(date(1970, 1, 3)) == "weekend"


def test_what_a_lot_says_of_a_day_wins() -> None:
    festival, moved, plain = date(2025, 10, 2), date(2025, 10, 11), date(2025, 10, 15)
    own = calendar(frozenset({moved, plain}), frozenset({festival}), frozenset())
    assert [own.kind(day) for day in (festival, moved, plain)] == ["working", "holiday", "holiday"]
    assert [NATIONAL.kind(day) for day in (festival, moved, plain)] == ["holiday", "working", "working"]
    assert own.kind(date(2025, 10, 3)) == "holiday"


def test_free_days_are_no_kind_of_day() -> None:
    free = date(2025, 10, 15)
    own = calendar(frozenset(), frozenset(), frozenset({free}))
    assert own.free == {free}
    assert own.kind(free) == "working"
    assert NATIONAL.free == frozenset()


def test_a_calendar_is_spelled_alike_whatever_the_order_of_its_days() -> None:
    one, other = date(2027, 10, 20), date(2027, 10, 21)
    first = calendar(frozenset((one, other)), frozenset(), frozenset()).spelled()
    assert first == calendar(frozenset((other, one)), frozenset(), frozenset()).spelled()
    assert first != NATIONAL.spelled()
    assert first["2027-10-20"] == "holiday"
    assert NATIONAL.spelled()["2026-02-14"] == "working"
