"""Every message of a Genvict box goes to bytes and back; any bytes are a message or one clear error."""

from datetime import datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.link import Connected, Disconnected, Send, Tick
from drivers.ports import Instant
from drivers.security.box import BoxInput, BoxSession, Recorded
from drivers.security.module import Software
from protocols.codec import Fixed, Nested, Number, Record, Rest, Sized, Type
from protocols.errors import MessageError
from protocols.obu.psam import PsamKeys, SoftwarePsam
from protocols.rsu.box import TABLES, decode
from protocols.rsu.framing import F3, Frame
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import CHINA

SIZES = {
    "E1": 176,
    "E2": 265,
    "E3": 37,
    "E4": 5,
    "E5": 2,
    "E7": 77,
    "F0": 1,
    "F1": 2,
    "F2": 2,
    "F4": 18,
    "F5": 1,
    "F7": 10,
}
"""The reference's lengths, added up with the command byte; E0, E6 and F6 end as long as they say."""


def values(layout: Type) -> st.SearchStrategy[Any]:
    match layout:
        case Number(size=size):
            return st.integers(0, 256**size - 1)
        case Fixed(size=size):
            octets = st.binary(min_size=size, max_size=size)
            return octets.map(layout.convert) if layout.convert else octets
        case Nested():
            return records(layout.inner)
        case Rest():
            return st.binary(max_size=100)
        case _:
            raise TypeError(layout)


def records(table: type[Record]) -> st.SearchStrategy[Any]:
    sizes = {field.type.length: field.name for field in table.FIELDS if isinstance(field.type, Sized)}

    def made(fields: dict[str, Any]) -> Record:
        return table(**{**fields, **{size: len(fields[sized]) for size, sized in sizes.items()}})

    return st.fixed_dictionaries({field.name: values(field.type) for field in table.FIELDS}).map(made)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
@given(data=st.data())
def test_a_message_goes_through_a_frame_and_back(table: type[Message], data: st.DataObject) -> None:
    message = data.draw(records(table))
    (frame,) = F3.framer().feed(F3.encode(0, to_data(message)))
    assert isinstance(frame, Frame)
    assert decode(frame.data) == message


@given(st.binary(max_size=300) | st.builds(bytes.__add__, st.sampled_from([b"\xe6", b"\xf6"]), st.binary()))
def test_any_bytes_are_a_message_or_one_error(data: bytes) -> None:
    try:
        message = decode(data)
    except MessageError as error:
        assert 0 <= error.offset <= len(data)  # noqa: PT017  hypothesis draws both
    else:
        assert to_data(message) == data


KEYS = PsamKeys(bytes(16), bytes(16), bytes(16))
ASKED = st.one_of(*(records(table).map(to_data) for table in TABLES[:8]))


@given(st.lists(ASKED.map(lambda data: F3.encode(0, data)) | st.binary(max_size=60), max_size=6))
def test_a_session_lives_through_whatever_a_box_says(said: list[bytes]) -> None:
    psam = SoftwarePsam(KEYS, "990100000001", "99" * 10, 1, random=Random(1).randbytes)
    session = BoxSession("box1", Software(psam), "b0b0b0b0", 50_000)
    now = Instant(datetime(2026, 11, 21, tzinfo=CHINA), 0.0)
    inputs: list[BoxInput] = [Connected(), *said, Recorded("b0b0b0b0-1"), Tick(), Disconnected("gone")]
    for what in inputs:
        for output in session.on(what, now):
            if isinstance(output, Send):
                (answer,) = F3.framer().feed(output.data)
                assert answer.raw[4] in range(0xF0, 0xF8)


def test_lengths_are_the_reference_s() -> None:
    sizes = {table.__name__: table.size() for table in TABLES}
    assert {name: size + 1 for name, size in sizes.items() if size is not None} == SIZES
    assert len({table.COMMAND for table in TABLES}) == len(TABLES)
