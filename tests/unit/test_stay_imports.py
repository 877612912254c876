"""Cars that were inside before: what a line must hold, and that every mistake names its line."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.entries import StayImported
from gateway.ledger.imports import StayImportError, parse

GOOD: dict[str, object] = {
    "plate": "测A12345",
    "color": 0,
    "vehicle_class": 1,
    "entered": "2026-11-21T08:00:00+08:00",
}


def line(**changes: object) -> str:
    return json.dumps(GOOD | changes, ensure_ascii=False)


def mistake(*lines: str) -> str:
    with pytest.raises(StayImportError) as caught:
        list(parse(lines))
    return str(caught.value)


def test_each_line_is_a_stay_and_blank_lines_are_none() -> None:
    lines = [line(), "", "  ", line(plate="测B00001", color=1)]
    assert list(parse(lines)) == [
        StayImported("import-1", "测A12345", 0, 1, "2026-11-21T08:00:00+08:00"),
        StayImported("import-4", "测B00001", 1, 1, "2026-11-21T08:00:00+08:00"),
    ]
    assert list(parse([])) == []


def test_the_same_plate_in_another_colour_is_another_car() -> None:
    assert len(list(parse([line(), line(color=1)]))) == 2
    assert "line 3: 测A12345 重复 / stands twice" in mistake(line(), line(color=1), line())


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("{", "不是 JSON / not JSON: Expecting property name"),
        ("[]", "must hold exactly plate, color, vehicle_class, entered"),
        ("null", "must hold exactly"),
        (line(note="x"), "must hold exactly"),
        ('{"plate": "测A12345"}', "must hold exactly"),
        (line(plate=5), "plate 须为带引号的文字 / must be a text in quotes"),
        (line(color="0"), "color 须为整数 / must be a whole number"),
        (line(color=True), "color 须为整数 / must be a whole number"),
        (line(vehicle_class=1.5), "vehicle_class 须为整数 / must be a whole number"),
        (line(entered=None), "entered 须为带引号的文字 / must be a text in quotes"),
        (line(plate=""), "plate is no plate number"),
        (line(plate=" "), "plate is no plate number"),
        (line(plate="测A\n1"), "plate is no plate number"),
        ('{"plate": "\\ud800", "color": 0, "vehicle_class": 1, "entered": "x"}', "plate is no plate number"),
        (line(color=-1), "must be 0 to 255"),
        (line(vehicle_class=256), "must be 0 to 255"),
        (line(entered="2026-11-21T08:00:00"), "entered needs an offset, such as +08:00"),
        (line(entered="0001-01-01T00:00:00+08:00"), "entered 早于 2000 年，请改为入场时间 / lies before 2000"),
        (line(entered="yesterday"), "entered 不是时间，须如 2026-11-21T08:00:00+08:00 / is no time"),
        ("[" * 100_000, "不是 JSON / not JSON: maximum recursion"),
        ("1" * 10_000, "不是 JSON / not JSON: Exceeds the limit"),
    ],
)
def test_every_mistake_names_its_line(bad: str, words: str) -> None:
    said = mistake(line(plate="测Z99999"), bad)
    assert said.startswith("第 2 行 / line 2: ")
    assert words in said


@given(st.lists(st.one_of(st.text(), st.sampled_from([line(), "{}", "[[", '"\\ud800"']))))
def test_any_text_is_stays_or_one_sentence(lines: list[str]) -> None:
    with suppress(StayImportError):
        assert all(isinstance(stay, StayImported) for stay in parse(lines))
