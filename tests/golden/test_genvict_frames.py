"""Captured and constructed frames of a Genvict parking antenna (F3), against their own bytes and their notes.

Every row of rsu-frames.tsv names its source; "fragments" lack their CRC, which they get here.
"""

import csv
from datetime import date, datetime
from pathlib import Path

import pytest

from protocols.obu.files import SystemInfo26
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.dialect import load, to_data
from protocols.rsu.dialects import genvict
from protocols.rsu.framing import Frame
from protocols.rsu.message import Message
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    Failed,
    GoOn,
    Heartbeat,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Result,
    Status,
    Stop,
    Word,
)

GENVICT = load("genvict")
Row = dict[str, str]
OBU = "02f7d593"
STATION = bytes.fromhex("aa2900" + "a1a2a3a4a5a6a7a8" * 5)


def rows() -> list[Row]:
    with (Path(__file__).parent / "rsu-frames.tsv").open(encoding="utf-8", newline="") as table:
        return [row for row in csv.DictReader(table, delimiter="\t") if row["family"] == "F3"]


COMPLETE = [row for row in rows() if row["checksum_ok"] == "yes"]
FRAGMENTS = [row for row in rows() if row["checksum_ok"] != "yes"]


def named(found: list[Row]) -> list[object]:
    return [pytest.param(bytes.fromhex(row["hex"]), id=f"{row['type']}-{n}") for n, row in enumerate(found)]


def frame_in(raw: bytes) -> Frame:
    (frame,) = GENVICT.framing.framer().feed(raw)
    assert isinstance(frame, Frame)
    return frame


def message_of(kind: str, found: list[Row] = COMPLETE) -> Message:
    raw = next(bytes.fromhex(row["hex"]) for row in found if row["type"] == kind)
    return GENVICT.decode(raw[4 : 4 + int.from_bytes(raw[2:4], "big")])


def heard(kind: str, found: list[Row] = COMPLETE) -> Word:
    (word,) = GENVICT.hear(message_of(kind, found))
    return word


def test_the_table_is_whole() -> None:
    assert (len(COMPLETE), len(FRAGMENTS)) == (11, 4)


@pytest.mark.parametrize("raw", named(COMPLETE))
def test_a_frame_is_cut_read_and_made_byte_for_byte(raw: bytes) -> None:
    frame = frame_in(raw)
    assert (frame.raw, frame.sequence) == (raw, 0)
    message = GENVICT.decode(frame.data)
    assert GENVICT.framing.encode(0, to_data(message)) == raw
    assert len(GENVICT.hear(message)) == 1


@pytest.mark.parametrize("fragment", named(FRAGMENTS))
def test_a_fragment_with_its_crc_is_a_frame(fragment: bytes) -> None:
    message = GENVICT.decode(fragment[4:])
    raw = GENVICT.framing.encode(0, to_data(message))
    assert raw[:-2] == fragment
    assert frame_in(raw).data == fragment[4:]


# --- what the antenna says -----------------------------------------------------------------------------------


def test_status() -> None:
    assert heard("B0") == Status(0, terminals=(), authorised=True, maker=2, version="1000")


def test_a_psam_that_wants_authorisation() -> None:
    said = GENVICT.decode(bytes.fromhex("b00002fbc3d610000001110601"))
    assert GENVICT.hear(said) == (Status(0, (), authorised=False, maker=2, version="1000", slots=(1,)),)


@pytest.mark.parametrize(("status", "fault"), [("00", 0), ("01", 1), ("02", 2)])
def test_a_heartbeat_tells_of_faults(status: str, fault: int) -> None:
    assert GENVICT.hear(GENVICT.decode(bytes.fromhex(f"b2{status}0100"))) == (Heartbeat(fault),)


def test_one_frame_brings_tag_vehicle_and_card() -> None:
    assert heard("B4") == Contents(
        obu_id=OBU,
        vehicle=Vehicle("", 0, 0),
        card=Card(
            number="00000000000000000427",
            issuer="bdf0d2e7bdf0d2e7",
            kind=STORED_VALUE,
            version=0x10,
            starts=date(2019, 10, 24),
            expires=date(2024, 10, 24),
            plate="粤A11111",
            balance=0x0D8F8E,
            station=STATION,
        ),
        tag=Tag(OBU, "b9e3b6ab44010001", "86030002200479e1", None, None, removed=True),
    )


def with_byte(message: Message, offset: int, value: int) -> Contents:
    data = bytearray(to_data(message))
    data[offset] = value
    (word,) = GENVICT.hear(GENVICT.decode(bytes(data)))
    assert isinstance(word, Contents)
    return word


@pytest.mark.parametrize(("value", "listed"), [(0, False), (1, True), (2, False)])
def test_black_is_listed_and_white_is_not(value: int, *, listed: bool) -> None:
    card = with_byte(message_of("B4"), 210, value).card
    assert card is not None
    assert card.listed is listed


def test_a_tag_without_a_card_and_one_in_its_place() -> None:
    no_card, in_place = with_byte(message_of("B4"), 6, 0).tag, with_byte(message_of("B4"), 7, 0).tag
    assert no_card is not None
    assert in_place is not None
    assert (no_card.has_card, no_card.removed) == (False, True)
    assert (in_place.has_card, in_place.removed) == (True, False)


def test_cipher_text_in_place_of_the_vehicle_survives() -> None:
    """WorkMode 45h: 96 bytes, the surplus in Reserved."""
    data = bytearray(to_data(message_of("B4")))
    cipher = bytes((n * 37 + 200) % 256 for n in range(96))
    data[34:113], data[211:228] = cipher[:79], cipher[79:]
    assert to_data(GENVICT.decode(bytes(data))) == data


def test_a_whole_trade_as_said_by_another_antenna() -> None:
    word = heard("B4")
    assert isinstance(word, Contents)
    assert word.card is not None
    assert GENVICT.hear(GENVICT.say(word)) == (word,)
    untold = Contents(word.obu_id, word.vehicle, word.card)
    (again,) = GENVICT.hear(GENVICT.say(untold))
    assert isinstance(again, Contents)
    assert again.tag == Tag(OBU, "0" * 16, "0" * 16, None, None)


def test_result() -> None:
    at = datetime(2020, 10, 20, 16, 47, 41, tzinfo=CHINA)
    assert heard("B5", FRAGMENTS) == Result(
        obu_id=OBU,
        terminal="000000000509",
        terminal_serial=0x6D,
        card_serial=0x6D,
        tac="08240379",
        trade_type=9,
        algorithm=0,
        at=at,
        balance=0x0D8F8D,
    )


def test_a_failed_trade_tells_what_its_frame_says_besides() -> None:
    data = bytearray(to_data(message_of("B5", FRAGMENTS)))
    data[6] = 1
    word = heard("B5", FRAGMENTS)
    assert isinstance(word, Result)
    assert GENVICT.hear(GENVICT.decode(bytes(data))) == (Failed(OBU, 0xB5, 1, word),)


def test_a_failure_without_more_is_a_frame_of_full_length() -> None:
    said = Failed(OBU, 0xB5, 2)
    assert len(GENVICT.encode(said)) == 71
    assert GENVICT.hear(GENVICT.say(said)) == (said,)


# --- what the PC says ----------------------------------------------------------------------------------------


def test_init_is_in_true_utc() -> None:
    at = datetime(2020, 10, 20, 17, 13, 36, tzinfo=CHINA)
    assert heard("C0") == Init(at, entry=False, tx_power=10, channel=1)
    assert GENVICT.say(Init(at, entry=True, tx_power=10, channel=2)) == genvict.C0(0x5F8EAA40, 10, 1, 0)


def test_orders() -> None:
    assert [heard(kind) for kind in ("C1", "C2", "CA")] == [GoOn(OBU, "0" * 16), Stop(OBU, None), PsamInit(1)]
    on, off = (row for row in COMPLETE if row["type"] == "C4")
    said = [GENVICT.hear(GENVICT.decode(bytes.fromhex(row["hex"])[4:-2])) for row in (on, off)]
    assert said == [(Antenna(on=True),), (Antenna(on=False),)]


def test_purchase_names_the_time_of_entry() -> None:
    at, entered = datetime(2020, 10, 20, 17, 5, 56, tzinfo=CHINA), datetime(2020, 10, 20, 17, 0, tzinfo=CHINA)
    order = Purchase(OBU, "0" * 16, 3, at, STATION, entered)
    assert heard("C6") == order
    assert GENVICT.say(order) == message_of("C6")


# --- authorisation -------------------------------------------------------------------------------------------

ASKS = PsamAsks(0, 1, "010203040506", "00112233445566778899", 3, 2, "a1a2a3a4a5a6a7a8", "b1b2b3b4b5b6b7b8")


def test_authorisation_is_said_as_the_tables_have_it() -> None:
    asked = "ba00" + ASKS.terminal + ASKS.number + "02" + "03" + ASKS.area + ASKS.random
    assert GENVICT.encode(ASKS).hex() == asked
    assert GENVICT.hear(GENVICT.decode(bytes.fromhex(asked))) == (ASKS,)
    assert GENVICT.encode(PsamAuthorise(1, "c1c2c3c4c5c6c7c8")).hex() == "cbc1c2c3c4c5c6c7c8"
    assert GENVICT.hear(GENVICT.decode(bytes.fromhex("bb009000"))) == (PsamAnswered(0, "9000"),)
    assert GENVICT.authorises_psams


@pytest.mark.parametrize(("error", "fault", "needless"), [(0, 0, False), (1, 0, True), (2, 2, False)])
def test_no_authorisation_needed_is_no_fault(error: int, fault: int, *, needless: bool) -> None:
    data = b"\xba" + bytes((error,)) + bytes(34)
    (word,) = GENVICT.hear(GENVICT.decode(data))
    assert isinstance(word, PsamAsks)
    assert (word.fault, word.needless) == (fault, needless)
    assert GENVICT.encode(word) == data


def test_sizes_are_those_of_the_reference() -> None:
    sizes = {table.__name__: table.size() for table in GENVICT.tables}
    assert {name: size + 1 for name, size in sizes.items() if size is not None} == {
        "B0": 13,
        "B2": 4,
        "B4": 274,
        "B5": 71,
        "BA": 36,
        "BB": 4,
        "C0": 8,
        "C1": 5,
        "C2": 5,
        "C4": 2,
        "C6": 66,
        "CA": 1,
        "CB": 9,
    }
    assert SystemInfo26.size() == 26
