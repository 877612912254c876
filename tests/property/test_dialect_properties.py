"""Every table of every dialect goes to bytes and back, and back again; all values are made from the tables."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from protocols.codec import (
    Entries,
    Fixed,
    Gbk,
    Nested,
    Number,
    Record,
    Rest,
    Sized,
    Stated,
    Type,
    When,
    plain,
    record,
    wire,
)
from protocols.obu.values import Card, Vehicle
from protocols.rsu.dialect import Dialect, load, names
from protocols.rsu.dialects import gantry_v3
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import Contents, GoOn, Heartbeat, PsamInit, Purchase, Resend, Status, Stop, Word

A_FEW = settings(max_examples=settings().max_examples // 6)
"""Of each of some two hundred tables."""

DIALECTS = [load(name) for name in names()]
PAIRS = [(dialect, table) for dialect in DIALECTS for table in dialect.tables]
TABLES = list({table: (dialect, table) for dialect, table in reversed(PAIRS)}.values())
"""Each table once, with one of the dialects that have it."""
OF_ONE_SIZE = [pair for pair in TABLES if pair[1].size() is not None]


def names_of(pairs: list[tuple[Dialect, type[Message]]]) -> list[str]:
    return [f"{dialect.name}-{table.__name__}" for dialect, table in pairs]


EVERY_PAIR = pytest.mark.parametrize(("dialect", "table"), PAIRS, ids=names_of(PAIRS))
EVERY_TABLE = pytest.mark.parametrize(("dialect", "table"), TABLES, ids=names_of(TABLES))


def values(layout: Type) -> st.SearchStrategy[Any]:
    """What a field of this wire type can hold."""
    match layout:
        case Number(size=size, signed=signed):
            least = -(256**size) // 2 if signed else 0
            return st.integers(least, least + 256**size - 1)
        case Fixed(size=size):
            octets = st.binary(min_size=size, max_size=size)
            return octets.map(layout.convert) if layout.convert else octets
        case Nested():
            return records(layout.inner)
        case Entries():
            return st.lists(records(layout.inner), max_size=4).map(tuple)
        case When():
            return values(layout.inner)
        case Rest():
            return st.binary(max_size=20)
        case _:
            raise TypeError(f"no values of {layout} are known")


def records(table: type[Record]) -> st.SearchStrategy[Any]:
    return st.builds(table, **{field.name: values(field.type) for field in table.FIELDS}).map(consistent)


def consistent(made: Record) -> Record:
    """Its counts, lengths and bits say what stands there."""
    told: dict[str, Any] = {}
    for field in made.FIELDS:
        match field.type:
            case Entries(count=Stated(number)) | Sized(length=number):
                told[number] = len(getattr(made, field.name))
            case When(field=flags, mask=mask) if not getattr(made, flags) & mask:
                told[field.name] = None
    return counted(dataclasses.replace(made, **told))


def counted(made: Record) -> Record:
    """A B1 that counts right or, as the captured Wanji, has one antenna and counts no PSAM; no other is certain."""
    match made:
        case gantry_v3.B1(psams_1=first) if first and made.psam_count_1 % 2:
            return dataclasses.replace(made, psam_count_1=len(first))
        case gantry_v3.B1():
            one = (gantry_v3.AntennaState(1, 0, 0, made.working_count),)
            return dataclasses.replace(
                made, psam_count_1=0, psam_count_2=0, psams_2=(), antenna_count=1, antennas=one
            )
        case _:
            return made


@EVERY_TABLE
@A_FEW
@given(data=st.data())
def test_message_goes_to_bytes_and_back(dialect: Dialect, table: type[Message], data: st.DataObject) -> None:
    message = data.draw(records(table))
    raw = to_data(message)
    if table.size() is None:  # a table of this very length goes before one of any length
        sizes = {each.size() for each in dialect.tables if each.COMMAND == table.COMMAND}
        assume(len(raw) - 1 not in sizes)
    assert dialect.decode(raw) == message


@EVERY_PAIR
def test_a_dialect_knows_each_of_its_tables_by_its_bytes(dialect: Dialect, table: type[Message]) -> None:
    assert type(dialect.decode(to_data(table.fill({})))) is table
    assert dialect.direction(table.fill({})) == ("RSU->PC" if table in dialect.from_antenna else "PC->RSU")


@pytest.mark.parametrize(("dialect", "table"), OF_ONE_SIZE, ids=names_of(OF_ONE_SIZE))
@A_FEW
@given(data=st.data())
def test_bytes_of_the_right_length_go_to_a_message_and_back(
    dialect: Dialect, table: type[Message], data: st.DataObject
) -> None:
    size = table.size()
    assert size is not None
    raw = bytes((table.COMMAND,)) + data.draw(st.binary(min_size=size, max_size=size))
    message = dialect.decode(raw)
    assert type(message) is table
    assert to_data(message) == raw


@pytest.mark.parametrize("table", [table for _, table in TABLES], ids=names_of(TABLES))
@A_FEW
@given(data=st.data())
def test_every_message_can_be_shown(table: type[Message], data: st.DataObject) -> None:
    message = data.draw(records(table))
    shown = plain(message)
    assert json.loads(json.dumps(shown)) == shown
    assert shown.keys() == {field.name for field in table.FIELDS}


@EVERY_PAIR
@A_FEW
@given(data=st.data())
def test_what_is_heard_and_said_again_is_heard_alike(
    dialect: Dialect, table: type[Message], data: st.DataObject
) -> None:
    for word in dialect.hear(data.draw(records(table))):
        if has_no_form(dialect, word):
            continue
        again = dialect.hear(dialect.decode(dialect.encode(word)))
        match word, again:
            case GoOn() | Purchase(), (GoOn() | Purchase() as said,):  # a factor says less than an issuer
                assert said == dataclasses.replace(word, issuer=said.issuer)
            case _:
                assert again == (word,)


def has_no_form(dialect: Dialect, word: Word) -> bool:
    """What is heard but not said: a C2 without its time where the dialect's own has one; which of several PSAMs
    are authorised; a slot beyond the 16 bits of a CA; a plate colour that 0015 has no room for; a fault 80h, which
    as the ErrorCode of a B2 says heartbeat and no more."""
    match word:
        case Heartbeat(fault=0x80):
            return True
        case Stop(at=None) | Resend(at=None):
            stop = next(table for table in dialect.from_pc if table.MEANS is Stop)
            return "unix_time" in {field.name for field in stop.FIELDS}
        case Status(terminals=terminals, slots=slots):
            return 0 < len(slots) < len(terminals)
        case PsamInit(slot=slot):
            return slot > 16
        case Contents(vehicle=Vehicle(color=color), card=Card()):
            return color > 0xFF
        case _:
            return False


# --- GBK -----------------------------------------------------------------------------------------------------


@record
class Pair(Record):
    text: str = wire(Gbk(2), "")


@record
class Plate(Record):
    text: str = wire(Gbk(12), "")


def test_gbk_survives_every_pair_of_bytes() -> None:
    for pair in range(1 << 16):
        data = pair.to_bytes(2, "big")
        assert Pair.decode(data).encode() == data


@given(st.binary(min_size=12, max_size=12))
def test_gbk_survives_all_bytes(data: bytes) -> None:
    assert Plate.decode(data).encode() == data


@given(st.text(st.characters(codec="gbk", exclude_characters="\0"), max_size=6))
def test_gbk_keeps_text(text: str) -> None:
    assert Plate.decode(Plate(text).encode()).text == text
