"""The antenna of CONTRIBUTING.md is taken into service with its one file, and goes through the whole suite."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from protocols.rsu import dialect, dialects
from protocols.rsu.dialect import Dialect, DialectError
from tools import conformance

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def example() -> str:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dedent(code)


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialect]:
    """The page's example in a folder beside our dialects, as if it had been saved there."""
    (tmp_path / "acme.py").write_text(example(), encoding="utf-8")
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    yield dialect.load("acme")
    sys.modules.pop("protocols.rsu.dialects.acme", None)


def test_it_is_found_by_its_file(acme: Dialect) -> None:
    assert acme.name == "acme"
    assert "acme" in dialect.names()


def test_it_goes_through_every_situation(acme: Dialect) -> None:
    marks = [conformance.cell(acme, play) for _, _, play in conformance.SITUATIONS]
    assert set(marks) == {conformance.TABLE, conformance.ABSENT}
    assert marks.count(conformance.ABSENT) <= 5


MISTAKES = [
    ('U8, "00 normal', 'U9, "00 normal', "acme.py:16: name 'U9' is not defined"),
    ("trade_window=1.0", "trade_windw=1.0", "trade_windw"),
    ("DIALECT = ", "DIALEKT = ", "DIALECT"),
    ("from_pc=(C0, C1Bare,", "from_pc=(C0 C1Bare,", "acme.py:59"),
    ('name="acme"', 'name="acmee"', "it calls itself 'acmee'"),
    ('frozenset({"vehicle"})', 'frozenset({"vehicl"})', "stages: no vehicl; there are card, vehicle"),
    ("balance: int", "money: int", "B4 缺字段 / has no field balance, which Contents needs"),
    ("    fen: int", "    amount: int", "C6 缺字段 / has no field fen, which Purchase needs"),
    ("means=Purchase", "means=None", "no whole message means Purchase"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), MISTAKES)
def test_a_mistake_is_named_with_its_place(
    right: str, wrong: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = example()
    assert right in code
    (tmp_path / "acme.py").write_text(code.replace(right, wrong), encoding="utf-8")
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    sys.modules.pop("protocols.rsu.dialects.acme", None)
    try:
        with pytest.raises(DialectError) as caught:
            dialect.load("acme")
    finally:
        sys.modules.pop("protocols.rsu.dialects.acme", None)
    assert said in str(caught.value)
    assert "协议 acme" in str(caught.value)


def test_a_quirk_that_the_tables_cannot_show_is_found_by_the_suite(acme: Dialect) -> None:
    with pytest.raises(conformance.Wrong):  # C6 without the first byte of its station
        conformance.cell(replace(acme, station_from=4), conformance.leaving)
