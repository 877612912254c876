"""The pages of field tables: made from the tables, and as they are committed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli.dissector import dissector
from protocols.rsu.dialect import load, names
from tools.tables import DIRECTORY, FILTERS, pages

PAGES = pages()


def test_the_committed_pages_are_those_that_the_tables_make() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.glob("*.md")}
    stale = sorted(name for name in PAGES.keys() | committed.keys() if committed.get(name) != PAGES.get(name))
    assert stale == [], "run `make docs`"


def test_without_a_checkout_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    for name in ("__init__.py", "tables.py"):
        shutil.copy(DIRECTORY.parent.parent / "tools" / name, tmp_path / "tools")
    command = [sys.executable, "-B", "-m", "tools.tables"]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=30)
    assert (done.returncode, done.stderr) == (1, "请在源码目录运行 / run it in a checkout\n")
    assert [path.name for path in tmp_path.iterdir()] == ["tools"]


@pytest.mark.parametrize("name", names())
def test_every_message_and_field_is_on_its_dialects_page(name: str) -> None:
    page = PAGES[f"{name}.md"]
    for table in load(name).tables:
        assert f'### <a id="{table.__name__.lower()}"></a>{table.COMMAND:02X} {table.TITLE}\n' in page
        for field in table.FIELDS:
            assert f"| {field.name} |" in page


def test_the_filters_named_are_those_of_the_script() -> None:
    text = dissector()
    assert [name for name in FILTERS if f'"etclane.{name}"' not in text and f'warning("{name}"' not in text] == []


def test_offsets_add_up() -> None:
    b4 = re.search(r'<a id="b4"></a>.*?(?=###)', PAGES["wanji.md"], re.DOTALL)
    assert b4 is not None
    rows = re.findall(r"^\| (\d+) \| (\d+) \|", b4[0], re.MULTILINE)
    ends = [int(offset) + int(length) for offset, length in rows]
    assert [int(offset) for offset, _ in rows] == [0, *ends[:-1]]
    assert ends[-1] == 183


def test_what_varies_is_named_in_the_offsets_behind_it() -> None:
    assert "| 3 | n × 9 | psams |" in PAGES["wanji.md"]
    assert "| 3 + psams | 1 | algorithm |" in PAGES["wanji.md"]


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name: str) -> None:
    page = PAGES[name]
    anchors = re.findall(r'<a id="([^"]+)">', page)
    assert len(anchors) == len(set(anchors))
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert link[1:] in anchors if link.startswith("#") else link in PAGES


@pytest.mark.parametrize("name", PAGES)
def test_every_row_has_as_many_cells_as_its_heading(name: str) -> None:
    cells = 0
    for line in PAGES[name].splitlines():
        if not line.startswith("|"):
            cells = 0
            continue
        found = len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line)))
        cells = cells or found
        assert found == cells, line
