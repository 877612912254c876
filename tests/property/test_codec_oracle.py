"""The codec against construct: the same tables, read and written by a library that shares no code with it."""

from typing import Any

import construct
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.codec import (
    S32,
    U8,
    U16,
    Entries,
    Filling,
    Hex,
    Likely,
    Nested,
    Number,
    Record,
    Rest,
    Sized,
    Stated,
    When,
    record,
    wire,
)
from protocols.errors import MessageError
from protocols.obu import files
from protocols.rsu.dialect import load, names
from tools.oracle import declare, values

A_FEW = settings(max_examples=settings().max_examples // 3)
"""Of each of some two hundred tables."""

MESSAGES = {table for name in names() for table in load(name).tables}
FILES = {
    table
    for table in vars(files).values()
    if isinstance(table, type) and issubclass(table, Record) and table is not Record
}


def by_name(tables: set[type[Record]]) -> list[type[Record]]:
    return sorted(tables, key=lambda table: (table.__module__, table.__qualname__))


def of_one_size() -> list[type[Record]]:
    return [table for table in by_name({*MESSAGES, *FILES, Signs}) if table.size() is not None]


def whole(table: type[Record]) -> Any:  # noqa: ANN401  construct is untyped
    """The declaration, and nothing behind it."""
    return construct.Struct("all" / declare(table), construct.Terminated)


def guessing(table: type[Record]) -> bool:
    """Whether a number of entries is found by trying: construct has no words for that."""
    return any(isinstance(field.type, Entries) and isinstance(field.type.count, Likely) for field in table.FIELDS)


@record
class Entry(Record):
    number: int = wire(U8, "")
    name: str = wire(Hex(2), "")


@record
class Text(Record):
    length: int = wire(U8, "")
    body: bytes = wire(Sized("length"), "")


@record
class Everything(Record):
    flags: int = wire(U8, "")
    number: int | None = wire(When("flags", 0x01, U16), "")
    entry: Entry | None = wire(When("flags", 0x82, Nested(Entry)), "")
    count: int = wire(U8, "")
    texts: tuple[Text, ...] = wire(Entries(Text, Stated("count")), "")
    balance: int = wire(S32, "")
    rest: bytes = wire(Rest(), "")


@record
class Signs(Record):
    balance: int = wire(S32, "")
    debt: int = wire(S32, "")


@record
class Tailed(Record):
    kind: int = wire(U8, "")
    content: bytes = wire(Rest(tail=3), "")
    check: str = wire(Hex(3), "")


@record
class Filled(Record):
    kind: int = wire(U8, "")
    entries: tuple[Entry, ...] = wire(Entries(Entry, Filling(2)), "")
    check: int = wire(U16, "")


VARYING = [
    *(table for table in by_name({*MESSAGES, *FILES}) if table.size() is None and not guessing(table)),
    Everything,
    Text,
    Tailed,
    Filled,
]
SMALL = st.lists(st.integers(0, 3), max_size=20).map(bytes)
"""Bytes that are more often a count or a length which the others agree with."""


def test_nearly_all_messages_are_compared() -> None:
    assert len(of_one_size()) > 40
    assert {table.__name__ for table in by_name(MESSAGES) if guessing(table)} == {"B1"}


@pytest.mark.parametrize("table", of_one_size(), ids=lambda table: f"{table.__module__}.{table.__name__}")
@A_FEW
@given(data=st.data())
def test_any_bytes_of_the_right_size_are_the_same_to_both(table: type[Record], data: st.DataObject) -> None:
    size = table.size()
    assert size is not None
    raw = data.draw(st.binary(min_size=size, max_size=size))
    declaration, ours = whole(table), table.decode(raw)
    assert values(declaration.parse(raw)["all"]) == values(ours)
    assert declaration.build({"all": values(ours)}) == ours.encode() == raw


@pytest.mark.parametrize("table", VARYING, ids=lambda table: f"{table.__module__}.{table.__name__}")
@A_FEW
@given(raw=st.binary(max_size=80) | SMALL)
def test_any_bytes_are_the_same_to_both_or_refused_by_both(table: type[Record], raw: bytes) -> None:
    declaration = whole(table)
    try:
        ours = table.decode(raw)
    except MessageError:
        with pytest.raises(construct.ConstructError):
            declaration.parse(raw)
        return
    assert values(declaration.parse(raw)["all"]) == values(ours)
    assert declaration.build({"all": values(ours)}) == ours.encode() == raw


def test_what_construct_has_no_words_for() -> None:
    @record
    class Doubtful(Record):
        count: int = wire(U8, "")
        entries: tuple[Entry, ...] = wire(Entries(Entry, Likely("count", 0)), "")

    @record
    class Odd(Record):
        number: int = wire(Number(7), "")

    for table in (Doubtful, Odd):
        with pytest.raises(TypeError, match="construct has no words"):
            declare(table)
