import json
import random
import re
from collections.abc import Iterator
from typing import TypeAlias

import tomli
from hypothesis import given
from hypothesis import strategies as st

from gateway.toml_positions import KeyPath, positions

Value: TypeAlias = "str | int | list[Value] | Table"
Table: TypeAlias = "dict[str, Value]"

TEXT = st.text(st.sampled_from("ab-\"'\\\n\t#[]{}=,. 车") | st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES: st.SearchStrategy[Value] = st.recursive(
    TEXT | st.integers() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXT, inner, max_size=3)
        | st.lists(st.dictionaries(TEXT, inner, max_size=2), max_size=3)
    ),
    max_leaves=12,
)
TABLES: st.SearchStrategy[Table] = st.dictionaries(TEXT, VALUES, max_size=4)


class Typist:
    """Renders a table to TOML in a style left to chance, and notes the line of each key it writes."""

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.text = chance, ""
        self.lines: dict[KeyPath, int] = {}

    def table(self, path: KeyPath, table: Table) -> None:
        # The keys of a table stand before the tables in it: TOML knows no way back.
        headed = {key: tables for key, value in table.items() if self.heads() and (tables := self.tables(value))}
        for keys, value in self.pairs({key: value for key, value in table.items() if key not in headed}):
            self.gap()
            self.pair(path, keys, value)
            self.text += "\n"
        for key, tables in headed.items():
            for index, inner in tables:
                self.gap()
                here = (*path, key)
                self.note(here)
                here = here if index is None else (*here, index)
                self.lines[here] = self.line()
                name = ".".join(self.key(part) for part in here if isinstance(part, str))
                self.text += f"[{name}]\n" if index is None else f"[[{name}]]\n"
                self.table(here, inner)

    def heads(self) -> bool:
        return self.chance.random() < 0.7

    def tables(self, value: Value) -> list[tuple[int | None, Table]]:
        if isinstance(value, dict):
            return [(None, value)]
        tables = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
        return list(enumerate(tables)) if isinstance(value, list) and len(tables) == len(value) else []

    def pairs(self, table: Table) -> Iterator[tuple[list[str], Value]]:
        for key, value in table.items():
            if isinstance(value, dict) and value and self.chance.random() < 0.5:
                yield from (([key, *keys], inner) for keys, inner in self.pairs(value))
            else:
                yield [key], value

    def pair(self, path: KeyPath, keys: list[str], value: Value) -> None:
        for end in range(len(keys)):
            self.note((*path, *keys[: end + 1]))
        self.text += self.chance.choice([".", " . "]).join(self.key(key) for key in keys)
        self.text += self.chance.choice(["=", " =\t"])
        self.value((*path, *keys), value)

    def value(self, path: KeyPath, value: Value) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for number, (keys, inner) in enumerate(self.pairs(value)):
                self.text += ", " if number else " "
                self.pair(path, keys, inner)
            self.text += "}"
        elif isinstance(value, list):
            self.text += "["
            for index, item in enumerate(value):
                self.gap()
                self.note((*path, index))
                self.value((*path, index), item)
                self.text += " ,"
            self.gap()
            self.text += "]"
        else:
            self.text += self.string(value) if isinstance(value, str) else json.dumps(value)

    def string(self, value: str) -> str:
        lines = '"""\n' + "\n".join(basic(line)[1:-1] for line in value.split("\n")) + '"""'
        raw = [f"'''\n{value}'''"] if is_literal(value.replace("\n", "")) else []
        return self.chance.choice([basic(value), lines, *raw])

    def key(self, key: str) -> str:
        bare = [key] if re.fullmatch(r"[A-Za-z0-9_-]+", key) else []
        literal = [f"'{key}'"] if is_literal(key) else []
        return self.chance.choice([basic(key), *literal, *bare])

    def gap(self) -> None:
        """Blank lines and remarks, where the end of a line is allowed."""
        self.text += self.chance.choice(["", "\n", "# [a] b = '''\n", "\n \t\n"])

    def line(self) -> int:
        return self.text.count("\n") + 1

    def note(self, path: KeyPath) -> None:
        self.lines.setdefault(path, self.line())


def basic(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def is_literal(value: str) -> bool:
    return "'" not in value and not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)


def paths(path: KeyPath, value: object) -> Iterator[KeyPath]:
    """Every key path of what the parser gives."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths((*path, key), item)


@given(TABLES, st.randoms(use_true_random=False))
def test_every_key_is_found_on_the_line_where_it_was_written(table: Table, chance: random.Random) -> None:
    typist = Typist(chance)
    typist.table((), table)
    found = positions(typist.text)
    assert found == typist.lines
    parsed = tomli.loads(typist.text)
    assert parsed == table
    assert set(found) == set(paths((), parsed))
