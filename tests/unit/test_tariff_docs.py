"""docs/tariffs.md is true: its notices are read, its sums are what the engine says, its tables are the notice's."""

import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import tomli
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.config import load_tariff
from gateway.notice.tables import NoticeFile
from gateway.notice.tariff import parse
from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from gateway.tariff.rules import Tariff
from protocols.rsu.messages import CHINA

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tariffs.md").read_text(encoding="utf-8")
TOML = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
STAY = r"(\d{4}-\d\d-\d\d \d\d:\d\d) \| (\d{4}-\d\d-\d\d \d\d:\d\d) \| (\d+\.\d\d) \|"

PREAMBLE = {
    "id": "docs",
    "version": "1",
    "name": "docs",
    "cycle": "24h",
    "classes": [{"name": "all", "default": True, "steps": [{"unit": "1h", "yuan": 5}]}],
}
"""What completes a block that shows a part of a notice; what the block itself says goes first."""


def notice(block: str) -> dict[str, object]:
    return PREAMBLE | tomli.loads(block, parse_float=Decimal)


def yuan(tariff: Tariff, entry: str, exit_: str) -> str:
    begin, end = (datetime.fromisoformat(text).replace(tzinfo=CHINA) for text in (entry, exit_))
    return f"{Decimal(quote(tariff, Parked(begin, end)).total) / 100:.2f}"


def blocks() -> list[str]:
    return TOML.findall(PAGE)


def stays() -> list[tuple[int, str, str, str]]:
    """Each stay of a table, with the number of the block that it follows."""
    return [
        (number, *stay)
        for number, text in enumerate(TOML.split(PAGE)[2::2])
        for stay in re.findall(rf"^\| {STAY}", text, re.MULTILINE)
    ]


def shipped() -> list[tuple[str, str, str, str]]:
    """Each stay under a notice of config/tariffs, with the file that its row links to."""
    files = dict(re.findall(r"^\[([^]]+)\]: \.\./(config/tariffs/\S+)$", PAGE, re.MULTILINE))
    rows = re.findall(rf"^\| \[([^]]+)\] \|[^|]*\| {STAY}", PAGE, re.MULTILINE)
    return [(files[name], *stay) for name, *stay in rows]


def boundaries() -> list[tuple[str, str]]:
    return re.findall(r"^\| `(\{ rule = [^`]+\})` \|[^|]*\| (\d+\.\d\d) \|", PAGE, re.MULTILINE)


def tables(model: type[BaseModel], key: str) -> dict[str, type[BaseModel]]:
    """Every table of a notice by the key that it stands under."""
    found = {key: model}
    for name, field in model.model_fields.items():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                found |= tables(part, field.alias or name)
    return found


def parts(kind: object) -> Iterator[object]:
    yield kind
    for part in get_args(kind) if get_origin(kind) is not Literal else ():
        yield from parts(part)


def section(key: str) -> dict[str, str]:
    """The rows of the page's table of that name, by key."""
    (text,) = re.findall(rf"^### `{key}` (.*?)(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    return dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE))


def words(field: FieldInfo) -> set[str]:
    """What a row must say of a key: the words that it may be, whether it must stand there, its plain default."""
    said = {
        f'"{word}"'
        for part in parts(field.annotation)
        if get_origin(part) is Literal
        for word in get_args(part)
        if word
    }
    if field.is_required():
        said.add("必填 required")
    elif isinstance(field.default, bool):
        said.add(str(field.default).lower())
    elif field.default == []:
        said.add("[]")
    return said


@pytest.mark.parametrize("number", range(len(blocks())))
def test_every_block_is_a_notice(number: int) -> None:
    parse(notice(blocks()[number]))


def test_there_are_blocks_stays_boundaries_and_shipped_notices_to_check() -> None:
    assert len(blocks()) >= 8
    assert len(stays()) >= 6
    assert len(boundaries()) == 5
    assert len(shipped()) >= 3


@pytest.mark.parametrize(("number", "entry", "exit_", "sum_"), stays())
def test_a_stay_costs_what_the_page_says(number: int, entry: str, exit_: str, sum_: str) -> None:
    assert yuan(parse(notice(blocks()[number])), entry, exit_) == sum_


@pytest.mark.parametrize(("rule", "sum_"), boundaries())
def test_each_boundary_rule_gives_the_sum_of_the_page(rule: str, sum_: str) -> None:
    (block,) = [block for block in blocks() if 'boundary = { rule = "cut" }' in block]
    tariff = parse(notice(block) | tomli.loads(f"boundary = {rule}"))
    assert yuan(tariff, "2026-12-07 20:40", "2026-12-08 07:10") == sum_


def test_the_five_boundary_rules_give_five_sums() -> None:
    assert len({sum_ for _, sum_ in boundaries()}) == 5


@pytest.mark.parametrize(("file", "entry", "exit_", "sum_"), shipped())
def test_a_shipped_notice_gives_the_sum_of_the_page(file: str, entry: str, exit_: str, sum_: str) -> None:
    assert yuan(load_tariff(ROOT / file), entry, exit_) == sum_


def test_a_word_stands_in_the_shipped_notice_that_the_page_names_for_it() -> None:
    named = re.findall(r"`(\w+)` \[([^]]+)\][;.]", PAGE)
    missing = [
        (word, name)
        for word, name in named
        if word not in (ROOT / "config" / "tariffs" / f"{name}.toml").read_text("utf-8")
    ]
    assert len(named) >= 10
    assert not missing


@pytest.mark.parametrize(("key", "model"), tables(NoticeFile, "notice").items())
def test_the_page_names_every_key_of_every_table_and_no_other(key: str, model: type[BaseModel]) -> None:
    assert set(section(key)) == {field.alias or name for name, field in model.model_fields.items()}


@pytest.mark.parametrize(("key", "model"), tables(NoticeFile, "notice").items())
def test_the_page_says_what_a_key_may_be(key: str, model: type[BaseModel]) -> None:
    rows = section(key)
    missing = {
        (field.alias or name, word)
        for name, field in model.model_fields.items()
        for word in words(field)
        if word not in rows[field.alias or name]
    }
    assert not missing


def test_the_readme_shows_the_guides_first_notice() -> None:
    (block,) = [block for block in TOML.findall((ROOT / "README.md").read_text("utf-8")) if "[[classes]]" in block]
    assert tomli.loads(block) == tomli.loads(blocks()[0])


def test_the_readmes_receipt_is_what_the_command_prints() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    ((words, printed),) = re.findall(r"^\$ etclane (fee [^\n]*)\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    file, *others = words.split()[1:]
    result = CliRunner().invoke(app, ["fee", str(ROOT / file), *others])
    assert (result.exit_code, result.output) == (0, printed)


def test_no_line_of_the_page_is_wider_than_120() -> None:
    assert [line for line in PAGE.splitlines() if len(line) > 120] == []
