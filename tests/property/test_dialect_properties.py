"""Every table of every dialect goes to bytes and back, and back again; all values are made from the tables."""

import dataclasses
import json
from typing import Any

import construct
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocols import codec
from protocols.codec import Gbk, Record, plain, record, wire
from protocols.obu.values import Card, Vehicle
from protocols.rsu.dialect import Dialect, Message, load, names, to_data
from protocols.rsu.dialects import wanji
from protocols.rsu.messages import Contents, GoOn, Order, Purchase, Report, Resend, Stop

WITHOUT_DEADLINE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

DIALECTS = [load(name) for name in names()]
TABLES = [(dialect, table) for dialect in DIALECTS for table in (*dialect.from_antenna, *dialect.from_pc)]
EVERY_TABLE = pytest.mark.parametrize(
    ("dialect", "table"), TABLES, ids=[f"{dialect.name}-{table.__name__}" for dialect, table in TABLES]
)


def values(layout: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  construct is untyped
    """What a field of this wire type can hold."""
    match layout:
        case codec._Hex():
            return octets(layout).map(bytes.hex)
        case codec._Gbk():
            return octets(layout).map(lambda data: data.rstrip(b"\0").decode("gbk", "surrogateescape"))
        case codec._Nested():
            return records(layout.inner)
        case codec._Choice():
            return octets(layout).map(lambda data: layout.choose(data).decode(data))
        case codec._Entries():
            return st.lists(records(layout.inner), max_size=4).map(tuple)
        case construct.Bytes():
            return octets(layout)
        case _:
            return st.integers(0, 256 ** layout.sizeof() - 1)


def octets(layout: Any) -> st.SearchStrategy[bytes]:  # noqa: ANN401  construct is untyped
    size = layout.sizeof()
    return st.binary(min_size=size, max_size=size)


def records(table: type[Record]) -> st.SearchStrategy[Any]:
    fields = {field.name: values(field.metadata["wire"]) for field in dataclasses.fields(table)}  # type: ignore[arg-type]  # a Record is a dataclass once decorated
    return st.builds(table, **fields).map(counted)


def counted(made: Record) -> Record:
    """A B1 that counts right or, as the captured Wanji, has one antenna and counts no PSAM; no other is certain."""
    match made:
        case wanji.B1(psams_1=first, psams_2=second) if first and made.psam_count_1 % 2:
            counts = {"psam_count_1": len(first), "psam_count_2": len(second), "antenna_count": len(made.antennas)}
            return dataclasses.replace(made, **counts)  # type: ignore[arg-type]  # the counts are numbers
        case wanji.B1():
            one = (wanji.AntennaState(1, 0, 0, made.working_count),)
            return dataclasses.replace(
                made, psam_count_1=0, psam_count_2=0, psams_2=(), antenna_count=1, antennas=one
            )
        case _:
            return made


@EVERY_TABLE
@WITHOUT_DEADLINE
@given(data=st.data())
def test_message_goes_to_bytes_and_back(dialect: Dialect, table: type[Message], data: st.DataObject) -> None:
    message = data.draw(records(table))
    assert dialect.decode(to_data(message)) == message


@pytest.mark.parametrize(
    ("dialect", "table"),
    [pair for pair in TABLES if pair[1].size() is not None],
    ids=lambda value: getattr(value, "name", getattr(value, "__name__", None)),
)
@WITHOUT_DEADLINE
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


@EVERY_TABLE
@WITHOUT_DEADLINE
@given(data=st.data())
def test_every_message_can_be_shown(dialect: Dialect, table: type[Message], data: st.DataObject) -> None:
    message = data.draw(records(table))
    shown = plain(message)
    assert json.loads(json.dumps(shown)) == shown
    assert shown.keys() == {field.name for field in dataclasses.fields(message)}
    assert dialect.direction(message) == ("RSU->PC" if table in dialect.from_antenna else "PC->RSU")


@EVERY_TABLE
@WITHOUT_DEADLINE
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


def has_no_form(dialect: Dialect, word: Order | Report) -> bool:
    """What is heard but not said: a C2 without its time in Wanji, a plate colour that 0015 has no room for."""
    match word:
        case Stop(at=None) | Resend(at=None):
            return dialect.name == "wanji"
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


@WITHOUT_DEADLINE
@given(st.binary(min_size=12, max_size=12))
def test_gbk_survives_all_bytes(data: bytes) -> None:
    assert Plate.decode(data).encode() == data


@WITHOUT_DEADLINE
@given(st.text(st.characters(codec="gbk", exclude_characters="\0"), max_size=6))
def test_gbk_keeps_text(text: str) -> None:
    assert Plate.decode(Plate(text).encode()).text == text
