"""The tables that the dissector is made of: every field of every dialect, by names that Wireshark takes."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.cli.dissector import dissector, script
from protocols import lua
from protocols.codec import (
    U8,
    U16,
    Choice,
    Entries,
    Gbk,
    Hex,
    Nested,
    Raw,
    Record,
    Type,
    When,
    record,
    wire,
)
from protocols.dsrc import equipment
from protocols.rsu.dialect import load, names
from protocols.rsu.message import Message

LEGAL = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
WANJI = load("wanji")


def inner(kind: Type) -> tuple[type[Record], ...]:
    match kind:
        case Nested() | Entries():
            return (kind.inner,)
        case Choice():
            return tuple(layout for _, layout in kind.layouts)
        case When():
            return inner(kind.inner)
        case _:
            return ()


def paths(table: type[Record], path: str) -> Iterator[str]:
    for field in table.FIELDS:
        below = inner(field.type)
        if not below:
            yield f"{path}.{field.name}"
        for each in below:
            yield from paths(each, f"{path}.{field.name}")


@pytest.mark.parametrize("name", names())
def test_every_field_of_every_message_has_a_name(name: str) -> None:
    dialect = load(name)
    given = {each.name for each in lua.filters(dialect)}
    wanted = {path for table in dialect.tables for path in paths(table, f"etclane.{name}.{table.COMMAND:02x}")}
    assert wanted <= given
    assert {re.sub("_(uint|int|string|bytes)$", "", extra) for extra in given - wanted} <= wanted


def test_every_field_of_every_air_frame_has_a_name() -> None:
    given = {each.name for each in lua.air_filters()}
    assert {path for table in equipment.T_APDU.tables() for path in paths(table, lua.pdu_path(table))} <= given
    assert {"etclane.dsrc.address", "etclane.dsrc.vst.system_info", "etclane.apdu.debit.answer.tac"} <= given


def test_names_are_legal_and_given_once() -> None:
    text = lua.tables([load(name) for name in names()])
    given = re.findall(r'name = "(etclane\.[^"]*)",\s+kind = "', text)
    assert len(given) > 1000
    assert len(given) == len(set(given))
    assert [name for name in given if not LEGAL.fullmatch(name)] == []
    used = set(re.findall(r'name = "(etclane\.[^"]*)"', text))
    assert used == set(given)


def test_what_people_look_for_goes_by_one_name_in_every_dialect() -> None:
    for name in names():
        text = lua.tables([load(name)])
        dialect = text[text.index(" dialects = ") : text.index(" air = ")]
        aliases = set(re.findall(r'alias = "([^"]+)"', dialect))
        assert {f"etclane.{each}" for each in ("obu_id", "plate", "amount", "balance", "tac")} <= aliases, name


def test_the_card_number_is_net_and_card_id() -> None:
    lines = re.findall(r'\{[^{}]*key = [^{}]*name = "etclane\.wanji\.b4\.card\.net"[^{}]*\}', lua.tables([WANJI]))
    assert lines
    assert all('alias = "etclane.card"' in line and "span = 10" in line for line in lines)


def test_a_0019_gives_no_plate_of_its_own_since_one_layout_is_wrong() -> None:
    text = lua.tables([])
    assert "alias" not in text[text.index(" stations = ") : text.index(" dialects = ")]


# --- one command, two tables ---------------------------------------------------------------------------------


@record
class Short(Message, command=0xEE, title="short"):
    """One byte."""

    value: int = wire(U8, "")
    same: str = wire(Hex(1), "of both")


@record
class Long(Message, command=0xEE, title="long"):
    """Four."""

    value: str = wire(Hex(2), "")
    same: str = wire(Gbk(1), "")
    wide: int = wire(U8, "")


@record
class Wide(Message, command=0xEE, title="wide"):
    """Five."""

    wide: int = wire(U16, "")
    rest: bytes = wire(Raw(3), 'a "quoted" \\ note')


DISAGREEING = replace(WANJI, from_antenna=(Short, Long, Wide), from_pc=())


def test_tables_that_disagree_about_a_kind_share_no_name() -> None:
    kinds = {each.name.rpartition(".")[2]: each.kind for each in lua.filters(DISAGREEING)}
    assert kinds == {
        "value": "uint8",
        "value_string": "string",
        "same": "string",
        "wide": "uint16",
        "rest": "bytes",
    }


def test_notes_are_kept_and_quoted() -> None:
    assert next(each for each in lua.filters(DISAGREEING) if each.label == "same").note == "of both"
    assert json.dumps('a "quoted" \\ note') in lua.tables([DISAGREEING])


def test_a_table_of_one_length_is_tried_before_one_of_any() -> None:
    @record
    class Any(Message, command=0xEE, title="any"):
        """As long as it is."""

        count: int = wire(U8, "")
        values: tuple[Short, ...] = wire(Entries(Short, lua.Stated("count")), "")

    text = lua.tables([replace(WANJI, from_antenna=(Any, Short), from_pc=())])
    assert text.index('title = "short"') < text.index('title = "any"')


def test_a_type_that_the_dissector_does_not_know_is_said() -> None:
    class Strange(Type):
        size = 1
        read = write = U8.read  # type: ignore[assignment]  # never called

    @record
    class Bad(Message, command=0xEE, title="bad"):
        """Has a strange field."""

        strange: int = wire(Strange(), "", idle=0)

    with pytest.raises(TypeError, match="strange: the dissector has no Strange"):
        lua.filters(replace(WANJI, from_antenna=(Bad,), from_pc=()))


# --- the whole script ----------------------------------------------------------------------------------------


def test_the_script_holds_tables_and_runtime_and_is_the_same_every_time() -> None:
    text = dissector()
    assert text == dissector()
    assert text.index("local TABLES = {") < text.index('Proto("etclane"')
    for name in names():
        assert f'name = "{name}"' in text
    assert len(script([WANJI])) < len(text)
