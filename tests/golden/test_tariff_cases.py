"""The shipped tariffs against the sums that their sources state, or that follow from the rule text.

Every row of tariffs.tsv names its source. No derived sum there contradicts its rule text; where the sources
contradict each other (the cap of T04, 70 or 96), the shipped file is the reading with 70 and says so.
"""

import csv
import tomllib
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from gateway.tariff.engine import quote
from gateway.tariff.rules import Tariff, parse

HERE = Path(__file__).parent
CHINA = timezone(timedelta(hours=8))
VEHICLE_CLASS = {"small": 1, "large": 3}
ENTRY = datetime(2024, 6, 5, 9, tzinfo=CHINA)


def shipped() -> dict[str, Tariff]:
    files = (HERE.parents[1] / "config" / "tariffs").glob("*.toml")
    tariffs = [parse(tomllib.loads(file.read_text(encoding="utf-8"))) for file in files]
    return {tariff.id.partition("-")[0]: tariff for tariff in tariffs}


def cases() -> list[dict[str, str]]:
    with (HERE / "tariffs.tsv").open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))


def fen(yuan: str) -> int:
    whole, _, cents = yuan.partition(".")
    return int(whole) * 100 + int(cents.ljust(2, "0"))


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["id"])
def test_fee_of_the_case(row: dict[str, str]) -> None:
    tariff = shipped()[row["id"].partition("-")[0]]
    entry, exit_ = (
        datetime.fromisoformat(row[key]).replace(tzinfo=CHINA) for key in ("example_entry", "example_exit")
    )
    yuan = {row["expected_fee_yuan_source"], row["derived_fee_yuan"]} - {""}
    assert {fen(sum_) for sum_ in yuan} == {quote(tariff, VEHICLE_CLASS[row["vehicle_class"]], entry, exit_).total}


@pytest.mark.parametrize(
    ("tariff", "hours", "yuan"),
    [
        # T06, rule column: "large 10 first, 5/h, cap 60"
        ("T06", 0.5, 0),
        ("T06", 1, 10),
        ("T06", 3.25, 25),
        ("T06", 11, 60),
        ("T06", 12, 60),
        ("T06", 25, 70),
        # T04, rule column: "Large: 8 then 6 per half hour", no cap stated
        ("T04", 1, 8),
        ("T04", 2.25, 26),
        ("T04", 24, 284),
        # T09, from the page named as its source: 8 up to 1 hour, 2 per half hour, at most 60 in 24 hours
        ("T09", 1, 8),
        ("T09", 2.25, 14),
        ("T09", 24, 60),
        ("T09", 24.5, 68),
    ],
)
def test_fee_of_a_large_vehicle(tariff: str, hours: float, yuan: int) -> None:
    stay = timedelta(hours=hours)
    assert quote(shipped()[tariff], VEHICLE_CLASS["large"], ENTRY, ENTRY + stay).total == yuan * 100


def test_every_shipped_tariff_has_cases_and_every_case_a_tariff() -> None:
    assert set(shipped()) == {row["id"].partition("-")[0] for row in cases()}
