"""The short form of `make bench`: all ways and both units give the same values; no time is asserted."""

import csv
import sys
from datetime import datetime
from pathlib import Path

import pytest

from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked, Quote
from protocols.crc import crc_x25
from protocols.rsu.framing import F2Framer, Frame
from protocols.rsu.messages import CHINA
from tools import bench
from tools.shipped import CONFIG

EVERY_WAY = pytest.mark.parametrize("way", bench.WAYS)


def test_the_frame_is_the_golden_one() -> None:
    path = Path(__file__).parents[1] / "golden" / "rsu-frames.tsv"
    with path.open(encoding="utf-8", newline="") as table:
        [golden] = [row["hex"] for row in csv.DictReader(table, delimiter="\t") if row["type"] == "B4 (masked)"]
    assert golden == bench.FRAME.hex()
    [frame] = F2Framer().feed(bench.FRAME)
    assert isinstance(frame, Frame)


def test_ours_says_what_stands_in_the_frame() -> None:
    said = bench.said("ours", bench.ours()(bench.FRAME))
    assert len(said) == 46
    assert said[:4] == ["652bc7a3", 0, 0x10, "测A12345"]
    assert said[14:18] == ["00" * 16, "00" * 16, "00" * 20, 0xFA0A1E33]
    assert said[25] == "测A12345"
    assert said[29:32] == [0xAA, 0x29, 0]
    assert said[-1] == 0x00072020


@EVERY_WAY
def test_every_way_says_the_same(way: str) -> None:
    assert bench.said(way, bench.WAYS[way]()(bench.FRAME)) == bench.said("ours", bench.ours()(bench.FRAME))


@EVERY_WAY
def test_every_way_says_the_same_of_other_values(way: str) -> None:
    body = bytearray(bench.FRAME[2:-2])
    for place in (7, 16, 30, 45, 86, 95, 110, 127, 140, 150, 165, 175, 186):  # no lead byte of GBK, not the class
        body[place] ^= 1
    frame = b"\xff\xff" + body + crc_x25(bytes(body)).to_bytes(2)
    said = bench.said(way, bench.WAYS[way]()(frame))
    assert said == bench.said("ours", bench.ours()(frame))
    assert said != bench.said(way, bench.WAYS[way]()(bench.FRAME))


@EVERY_WAY
@pytest.mark.parametrize("place", [9, 20, 40, 120, 191, 192])
def test_every_way_checks_the_crc(way: str, place: int) -> None:
    broken = bytearray(bench.FRAME)
    broken[place] ^= 1
    with pytest.raises(ValueError, match="CRC"):
        bench.WAYS[way]()(bytes(broken))


@pytest.mark.parametrize(
    ("times", "held"),
    [
        ((1.0, 1.1, 3.1, 0.06), [True, True, True]),
        ((1.0, 1.0, 3.1, 0.06), [False, True, True]),
        ((1.0, 1.1, 2.9, 0.06), [True, False, True]),
        ((1.0, 1.1, 3.1, 0.04), [True, True, False]),
    ],
)
def test_faster_than_slices_thrice_as_fast_as_construct_and_near_a_struct(
    times: tuple[float, ...], held: list[bool]
) -> None:
    best = dict(zip(("ours", "hex slices", "construct", "one struct"), times, strict=True))
    assert best.keys() == bench.WAYS.keys()
    assert [holds for holds, _ in bench.judge(best, bench.DEMANDS)] == held


def test_a_year_costs_365_caps_and_the_unit_changes_no_sum() -> None:
    found = {name: run() for name, run in bench.pricings().items()}
    sums = {name: value.total for name, value in found.items() if isinstance(value, Quote)}
    assert sums["cap, 1 hour"] == 500
    assert sums["cap, 365 days"] == 365 * 5000
    assert sums["calendar, 10 days"] == sums["by the hour, 10 days"] > 0
    assert sums["calendar, 365 days"] > sums["calendar, 10 days"]


def test_the_calendar_notice_tells_days_off_from_working_days() -> None:
    tariff = bench.calendar_notice(bench.BY_HOURS)
    morning = [datetime(2026, 1, day, 8, tzinfo=CHINA) for day in (1, 3, 5)]  # New Year, adjoining Saturday, Monday
    assert [quote(tariff, Parked(at, at + bench.HOUR)).total for at in morning] == [120, 120, 300]


def test_every_shipped_notice_is_in_the_typical_quotes() -> None:
    ids = {tariff.id for tariff, _ in bench.typical()}
    assert len(ids) == len(list((CONFIG / "tariffs").glob("*.toml"))) >= 3


@pytest.mark.parametrize(
    ("times", "held"),
    [
        ((4.9, 1.0, 5.9, 0.1, 0.06, 9.9, 1.0), [True, True, True, True]),
        ((5.0, 1.0, 5.9, 0.1, 0.06, 9.9, 1.0), [False, True, True, True]),
        ((4.9, 1.0, 6.1, 0.1, 0.06, 9.9, 1.0), [True, False, True, True]),
        ((4.9, 1.0, 5.9, 0.1, 0.04, 9.9, 1.0), [True, True, False, True]),
        ((4.9, 1.0, 5.9, 0.1, 0.06, 10.0, 1.0), [True, True, True, False]),
    ],
)
def test_a_year_costs_no_more_than_five_stays_and_days_no_more_than_days(
    times: tuple[float, ...], held: list[bool]
) -> None:
    names = (
        "cap, 365 days",
        "cap, 1 hour",
        "calendar, 365 days",
        "calendar, 10 days",
        "by the hour, 10 days",
        "typical",
        "json.dumps",
    )
    assert set(names) == bench.pricings().keys()
    best = dict(zip(names, times, strict=True))
    assert [holds for holds, _ in bench.judge(best, bench.QUOTE_DEMANDS)] == held


@pytest.mark.parametrize(("seconds", "holds"), [(49e-6, True), (51e-6, False)])
def test_twenty_thousand_quotes_a_second(seconds: float, holds: bool) -> None:  # noqa: FBT001  what is expected
    assert bench.judge_rate(seconds)[0] is holds


def test_without_construct_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "construct", None)
    monkeypatch.delitem(sys.modules, "tools.oracle", raising=False)
    assert bench.main() == 1
    assert capsys.readouterr().err == ("bench: construct is missing; run `make bench`, or install etclane[test]\n")
