"""The short form of `make bench`: all ways give the same values; no time is asserted."""

import csv
import sys
from pathlib import Path

import pytest

from protocols.crc import crc_x25
from protocols.rsu.framing import F2Framer, Frame
from tools import bench

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
    assert [holds for holds, _ in bench.judge(best)] == held


def test_without_construct_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "construct", None)
    monkeypatch.delitem(sys.modules, "tools.oracle", raising=False)
    assert bench.main() == 1
    assert capsys.readouterr().err == ("bench: construct is missing; run `make bench`, or install etclane[test]\n")
