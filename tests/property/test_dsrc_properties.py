"""Every table of an air frame goes to bytes and back, with values made from the tables; any bytes are survived."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import airframes
from protocols.codec import Entries, Hex, Nested, Number, Raw, Record, Rest, Sized, Stated, Type, When, plain
from protocols.dsrc import equipment, link
from protocols.dsrc.application import (
    BST,
    VST,
    EventReport,
    Fitting,
    Mark,
    OtherAction,
    OtherAnswer,
    OtherVST,
    Pdu,
    UnknownPdu,
    is_fragment,
)
from protocols.dsrc.equipment import T_APDU
from protocols.dsrc.exchange import Exchange
from protocols.dsrc.link import AirFrame, Head, WhenAll
from protocols.errors import FrameError, MessageError
from protocols.obu.keys import CIPHERS

TABLES = sorted(set(T_APDU.tables()), key=lambda table: table.__name__)
EVERY_TABLE = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)

ACTIONS = {**equipment.ACTIONS, **equipment.ACTIONS_WITHOUT_PARAMETER}
FIELDS: Mapping[type[Pdu], Mapping[str, st.SearchStrategy[int]]] = {
    **{
        table: {"head": st.sampled_from([4, 5, 12, 13]), "action": st.just(kind)} for kind, table in ACTIONS.items()
    },
    **{table: {"head": st.integers(0x18, 0x1F)} for table in equipment.CONTAINERS.values()},
    equipment.GetRandRequest: {"head": st.sampled_from([0, 1, 8, 9]), "action": st.just(2)},
    BST: {"head": st.integers(0xC0, 0xC7)},
    VST: {
        "head": st.integers(0xD0, 0xDF),
        "application_count": st.just(1),
        "application": st.integers(0xC0, 0xFF),
        "options": st.sampled_from([0x00, 0x10, 0x20, 0x30, 0x80, 0x90, 0xA0, 0xB0]),
    },
    OtherVST: {"head": st.integers(0xD0, 0xDF), "application_count": st.sampled_from([0, 2, 255])},
    EventReport: {"head": st.integers(0x60, 0x61)},
    OtherAction: {"head": st.integers(0x00, 0x0F), "action": st.integers(5, 255)},
    OtherAnswer: {"head": st.integers(0x10, 0x17)},
    UnknownPdu: {"head": st.sampled_from([*range(0x20, 0x60), *range(0x70, 0xC0), 0xC8, 0x62, 0xE0, 0xFF])},
}
"""What a field must hold for its table to be the one that is chosen."""

HEADERS = st.sampled_from([header for header in range(256) if is_fragment(header)])
INFO = st.binary(min_size=26, max_size=26)  # which a VST is sure of without its BST


@st.composite
def records(draw: st.DrawFn, table: type[Any]) -> Any:  # noqa: ANN401  any record
    values: dict[str, Any] = {}
    counts = counting(table)
    chosen = FIELDS.get(table, {})
    for field in table.FIELDS:
        if field.name == "fragment":
            strategy: st.SearchStrategy[Any] = HEADERS
        elif field.name in chosen:
            strategy = chosen[field.name]
        elif field.name in counts:
            strategy = st.integers(0, 4)
        else:
            strategy = held(field.type, values)
        values[field.name] = draw(strategy)
    return table(**values)


def counting(table: type[Record]) -> set[str]:
    """The fields that say how long or how many another is."""
    kinds = [field.type for field in table.FIELDS]
    lengths = {kind.length for kind in kinds if isinstance(kind, Sized)}
    return lengths | {
        kind.count.field for kind in kinds if isinstance(kind, Entries) and isinstance(kind.count, Stated)
    }


def held(kind: Type, before: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """What a field of this wire type can hold, behind these."""
    match kind:
        case When():
            bits = before[kind.field] & kind.mask
            stands = bits == kind.mask if isinstance(kind, WhenAll) else bits
            return held(kind.inner, before) if stands else st.none()
        case Entries(count=Stated(field)):
            return st.lists(records(kind.inner), min_size=before[field], max_size=before[field]).map(tuple)
        case Sized():
            return octets(before[kind.length])
        case _:
            return free(kind)


def free(kind: Type) -> st.SearchStrategy[Any]:
    """The same where no other field has a say."""
    match kind:
        case Mark():
            return st.sampled_from(kind.values)
        case Nested():
            return records(kind.inner)
        case Fitting():
            return INFO
        case Rest():
            return st.binary(max_size=60)
        case Hex(size=int(size)):
            return octets(size).map(bytes.hex)
        case Raw(size=int(size)):
            return octets(size)
        case Number(size=int(size)):
            return st.integers(0, 256**size - 1)
    raise AssertionError(kind)


def octets(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)


@EVERY_TABLE
@given(data=st.data())
def test_pdu_goes_to_bytes_and_back_by_its_own_table(table: type[Pdu], data: st.DataObject) -> None:
    pdu = data.draw(records(table))
    raw = pdu.encode()
    assert T_APDU.choose(raw, 0) is table
    assert table.decode(raw) == pdu


@given(data=st.data())
def test_frame_goes_to_bytes_and_back(data: st.DataObject) -> None:
    table = data.draw(st.sampled_from(TABLES))
    control = data.draw(st.sampled_from([0x40, 0x50, 0xC0, 0xE0]))
    head = replace(data.draw(records(Head)), control=control, llc=0x77, status=0 if control == 0xE0 else None)
    fcs, flags = data.draw(st.sampled_from(link.VARIANTS)), data.draw(st.booleans())
    frame = AirFrame(head, (data.draw(records(table)),), b"", fcs, flags)
    assert link.decode(frame.encode()) == frame


@given(data=st.data())
def test_head_goes_to_bytes_and_back(data: st.DataObject) -> None:
    head = data.draw(records(Head))
    assert Head.decode(head.encode()) == head


@EVERY_TABLE
@given(data=st.data())
def test_every_pdu_can_be_shown(table: type[Pdu], data: st.DataObject) -> None:
    raw = AirFrame(Head("0a11fe22", 0x40, 0x77, None), (data.draw(records(table)),), b"", link.NATIONAL).encode()
    [shown] = airframes.decode(raw)
    assert json.loads(json.dumps(shown)) == shown
    assert [pdu["title"] for pdu in shown["pdus"]] == [table.TITLE]
    assert shown["fcs"] == "ok"


# --- hostile bytes -------------------------------------------------------------------------------------------


def captured() -> list[bytes]:
    golden = Path(__file__).parent.parent / "golden"
    with (golden / "dsrc-frames.tsv").open(encoding="utf-8", newline="") as table:
        found = [row["hex"] for row in csv.DictReader(table, delimiter="\t") if row["layer"].startswith("DSRC")]
    with (golden / "antenna-transcripts.tsv").open(encoding="utf-8", newline="") as table:
        found += [row["hex"] for row in csv.DictReader(table, delimiter="\t") if row["link"] == "air"]
    return sorted({bytes.fromhex(each) for each in found})


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A captured frame with some bytes changed, cut or added; or any bytes behind a sound head."""
    data = bytearray(draw(st.sampled_from(captured())))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        data[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=2))
        if not data:
            return b""
    if draw(st.booleans()):
        data[8:] = draw(st.binary(max_size=80))
    return bytes(data) if draw(st.booleans()) else b"\x7e" + bytes(data) + b"\x7e"


HOSTILE = st.one_of(st.binary(max_size=120), damaged())


@given(raw=HOSTILE)
def test_bytes_are_refused_or_come_back_as_they_were(raw: bytes) -> None:
    try:
        outcome: AirFrame | FrameError | MessageError = link.decode(raw)
    except (FrameError, MessageError) as error:
        outcome = error
    if isinstance(outcome, AirFrame):
        assert outcome.encode() == raw
        assert all(plain(pdu) for pdu in outcome.pdus)
    else:
        assert 0 <= outcome.offset <= len(raw)


@given(raws=st.lists(HOSTILE, max_size=6))
def test_conversation_of_damaged_frames_is_read_without_error(raws: list[bytes]) -> None:
    exchange = Exchange(dict.fromkeys(CIPHERS, bytes(16)))
    for raw in raws:
        for shown in airframes.decode(raw, exchange):
            assert json.loads(json.dumps(shown)) == shown


@given(raws=st.lists(HOSTILE, max_size=6))
def test_lengths_of_the_request_leave_the_bytes_as_they_are(raws: list[bytes]) -> None:
    exchange = Exchange()
    for raw in raws:
        try:
            frame = link.decode(raw)
        except (FrameError, MessageError):
            continue
        exact = exchange.exact(frame)
        assert exact.encode() == raw
        assert exchange.exact(exact) == exact
        exchange.on(frame)


@given(
    raws=st.lists(st.sampled_from(captured()), min_size=1, max_size=4),
    before=st.binary(max_size=40),
    after=st.binary(max_size=40),
)
def test_frames_between_noise_are_found(raws: list[bytes], before: bytes, after: bytes) -> None:
    sound = b"".join(b"\x7e" + raw + link.NATIONAL.of(raw) + b"\x7e" for raw in raws)
    found = [item["address"] for item in airframes.decode(before + sound + after) if item.get("fcs") == "ok"]
    assert found == [raw[:4].hex() for raw in raws]


@given(
    raws=st.lists(st.sampled_from(captured()), min_size=1, max_size=4),
    fcs=st.sampled_from(link.VARIANTS),
    shared=st.booleans(),
)
def test_flagged_frames_in_a_row_are_all_found(raws: list[bytes], fcs: link.Fcs, shared: bool) -> None:  # noqa: FBT001  drawn
    bodies = [raw + fcs.of(raw) for raw in raws]
    between = b"\x7e" if shared else b"\x7e\x7e"
    stream = b"\x7e" + between.join(bodies) + b"\x7e"
    found = list(airframes.decode(stream))
    assert [item["address"] for item in found] == [raw[:4].hex() for raw in raws]
    assert not any("error" in item for item in found)
    assert [stream[item["offset"] + 1 :][: len(body)] for item, body in zip(found, bodies, strict=True)] == bodies
