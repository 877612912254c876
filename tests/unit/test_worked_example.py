"""The antenna of CONTRIBUTING.md is taken into service with its one file, and goes through the whole suite."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from protocols.rsu import dialect, dialects
from protocols.rsu.dialect import Dialect
from tools import conformance

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialect]:
    """The page's example in a folder beside our dialects, as if it had been saved there."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "acme.py").write_text(dedent(code), encoding="utf-8")
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


def test_a_mistake_in_its_tables_is_found(acme: Dialect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acme.from_pc[-1], "MEANS", None)  # nobody knows how to say "purchase" any more
    with pytest.raises(conformance.Wrong):
        conformance.cell(acme, conformance.leaving)
