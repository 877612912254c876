"""Every dialect through every situation; each cell must be the one that docs/conformance.md shows."""

from pathlib import Path

import pytest

from protocols.rsu.dialect import load, names
from tools import conformance
from tools.conformance import Situation

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def documented() -> dict[tuple[str, str], str]:
    """The marks of the page by situation and dialect."""
    table, _ = PAGE.read_text(encoding="utf-8").split(conformance.EVIDENCE)
    rows = [line.strip("|").split("|") for line in table.splitlines() if "|" in line]
    cells = [[cell.strip() for cell in row] for row in rows]
    return {(row[0], name): mark for row in cells[2:] for name, mark in zip(cells[0][1:], row[1:], strict=True)}


SHOWN = documented()


@pytest.mark.parametrize("name", names())
@pytest.mark.parametrize(
    ("title", "play"),
    [pytest.param(f"{zh} / {en}", play, id=en) for zh, en, play in conformance.SITUATIONS],
)
def test_a_cell(name: str, title: str, play: Situation) -> None:
    assert conformance.cell(load(name), play) == SHOWN[title, name]


def test_the_evidence_of_each_dialect_is_what_its_tables_say() -> None:
    _, shown = PAGE.read_text(encoding="utf-8").split(conformance.EVIDENCE)
    assert shown.splitlines() == [conformance.evidence(load(name)) for name in names()]
    found = {
        name: [cell.strip() for cell in row.split("|")[2:-1]]
        for name, row in zip(names(), shown.splitlines(), strict=True)
    }
    assert [name for name in names() if found[name][1] != conformance.NO_EVIDENCE] == [
        name for name in names() if load(name).fetches_tac
    ]
    assert found["wanji"][1].startswith("卡序号 / card serial [2+")
    assert found["bcc2019"][1:4] == [
        "无，即末笔 / nothing: its last one [1; recorded]",
        "B5: TAC, 时间 / second [1; recorded]",
        "16 19",
    ]
    assert [name for name in names() if found[name][4] != conformance.NO_EVIDENCE] == ["jiangsu", "yunnan"]


def test_the_page_has_no_other_cells() -> None:
    titles = {f"{zh} / {en}" for zh, en, _ in conformance.SITUATIONS}
    assert set(SHOWN) == {(title, name) for title in titles for name in names()}
    assert conformance.page([]).splitlines()[:12] == PAGE.read_text(encoding="utf-8").splitlines()[:12]
