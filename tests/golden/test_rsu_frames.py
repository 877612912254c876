"""Captured and constructed antenna frames against their own bytes, and those of F1 and F2 against their notes.

Every row of rsu-frames.tsv names its source; each value below stands in its row's notes or in its bytes.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pytest

from protocols.codec import plain
from protocols.errors import MessageError
from protocols.obu.files import StationOld
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.dialect import Dialect, Message, load, to_data
from protocols.rsu.framing import Frame
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    GoOn,
    Heartbeat,
    HeartbeatSeen,
    Init,
    Order,
    Purchase,
    Report,
    Result,
    Status,
    Stop,
    TagSeen,
    unix_local,
    unix_utc,
)

DIALECTS = {"F1": load("soulin"), "F2": load("wanji"), "F3": load("genvict")}


@dataclass(frozen=True)
class Row:
    family: str
    direction: str
    type: str
    hex: str
    source: str
    checksum_ok: str
    notes: str

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[self.family]

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.hex)


def rows() -> list[Row]:
    with (Path(__file__).parent / "rsu-frames.tsv").open(encoding="utf-8", newline="") as table:
        return [Row(**row) for row in csv.DictReader(table, delimiter="\t")]


COMPLETE = [row for row in rows() if row.checksum_ok == "yes"]
FRAGMENTS = [row for row in rows() if row.checksum_ok != "yes" and row.family in DIALECTS]
"""Not those of F4, which no dialect speaks: its one whole sample has a checksum that nothing gives (1.3)."""


def named(found: list[Row]) -> list[object]:
    return [pytest.param(row, id=f"{row.family}-{row.type}-{n}") for n, row in enumerate(found)]


def frame_in(row: Row) -> Frame:
    found = row.dialect.framing.framer().feed(row.raw)
    assert len(found) == 1
    assert isinstance(found[0], Frame)
    return found[0]


def first(family: str, kind: str) -> Row:
    return next(row for row in COMPLETE if (row.family, row.type) == (family, kind))


def message_of(family: str, kind: str) -> Message:
    row = first(family, kind)
    return row.dialect.decode(frame_in(row).data)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=CHINA)  # type: ignore[misc,arg-type]  # year to second


def test_the_table_is_whole() -> None:
    assert (len(COMPLETE), len(FRAGMENTS)) == (45, 8)


# --- bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", named(COMPLETE))
def test_frame_is_cut_and_made_byte_for_byte(row: Row) -> None:
    frame = frame_in(row)
    assert frame.raw == row.raw
    assert frame.offset == 0
    assert row.dialect.framing.encode(frame.sequence, frame.data) == row.raw


@pytest.mark.parametrize("row", named([row for row in COMPLETE if row.type != "empty ack"]))
def test_message_is_read_and_made_byte_for_byte(row: Row) -> None:
    data = frame_in(row).data
    message = row.dialect.decode(data)
    assert to_data(message) == data
    assert row.dialect.direction(message) == row.direction
    assert f"{message.COMMAND:02X}" == row.type[:2]


def test_empty_answer_has_no_data() -> None:
    assert frame_in(first("F1", "empty ack")).data == b""


@pytest.mark.parametrize("row", named(FRAGMENTS))
def test_fragment_is_never_a_frame(row: Row) -> None:
    framer = row.dialect.framing.framer()
    given = bytes.fromhex(row.hex[: len(row.hex) // 2 * 2])  # one fragment ends in half a byte
    found = framer.feed(given)
    while framer.held:
        found += framer.resync()
    assert found
    assert not any(isinstance(item, Frame) for item in found)
    assert given.lstrip(b"\xff") == b"".join(item.raw for item in found).lstrip(b"\xff")  # F1's marks are no noise


def test_fragment_of_data_only_is_a_message() -> None:
    fragment = next(row for row in FRAGMENTS if row.type == "C1 (DATA only)")
    message = fragment.dialect.decode(fragment.raw)
    assert plain(message) == {"obu_id": "3ece2f41", "factor": "bdadcbd5bdadcbd5"}


def test_irregular_heartbeat_of_one_source_is_refused() -> None:
    fragment = next(row for row in FRAGMENTS if row.type == "B1 (DATA only)")
    with pytest.raises(MessageError, match="add up with neither"):
        fragment.dialect.decode(fragment.raw)


# --- sequence bytes, as the notes say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "kind", "sequence"),
    [
        ("F1", "B0", 0x08),
        ("F1", "B2", 0x18),
        ("F1", "B3", 0x58),
        ("F1", "B4", 0x38),
        ("F1", "B5", 0x48),
        ("F1", "C6", 0x86),
        ("F1", "4C", 0x87),
        ("F1", "C2", 0x1D),
        ("F1", "B2 heartbeat", 0x88),
        ("F1", "empty ack", 0x81),
        ("F2", "B0", 0x05),
        ("F2", "B1", 0x01),
        ("F2", "B2", 0x02),
        ("F2", "B4 (masked)", 0x07),
        ("F2", "B5", 0x09),
        ("F2", "C4", 0x10),
    ],
)
def test_sequence(family: str, kind: str, sequence: int) -> None:
    assert frame_in(first(family, kind)).sequence == sequence


def test_antennas_own_sequences_are_the_captured_ones() -> None:
    soulin = DIALECTS["F1"].sequences
    assert {kind: soulin[int(kind, 16)] for kind in ("B0", "B2", "B3", "B4", "B5")} == {
        kind: frame_in(first("F1", kind)).sequence for kind in ("B0", "B2", "B3", "B4", "B5")
    }


# --- every field of every captured frame ---------------------------------------------------------------------

PLATE = "测A12345"

FIELDS: Mapping[tuple[str, str], Mapping[str, object]] = {
    ("F1", "B0"): {
        "status": 0,
        "psam_count": 1,
        "terminal_1": "000000000000",
        "terminal_2": "373737373737",
        "algorithm": 0,
        "maker": 0x0D,
        "rsu_id": "010001",
        "version": "0001",
        "reserved": "0000000000",
    },
    ("F1", "B2"): {
        "obu_id": "6a81353e",
        "error": 0,
        "issuer": "cdf2bcafcdf2bcaf",
        "serial": "1234567887654321",
        "issued": "20200803",
        "expires": "20250802",
        "equipment": 0x10,
        "obu_status": 0x2200,
    },
    ("F1", "B3"): {
        "obu_id": "6a81353e",
        "error": 0,
        "plate": PLATE,
        "color": 0,
        "vehicle_class": 1,
        "user_type": 0,
    },
    ("F1", "B4"): {
        "obu_id": "6a81353e",
        "error": 0,
        "card_type": 0,
        "physical_type": 0,
        "trade_type": 0x10,
        "balance": 99_99,
        "physical_id": "00000000",
        "card": {
            "issuer": "cdf2bcafcdf2bcaf",
            "card_type": 0x16,
            "version": 1,
            "net": "1101",
            "card_id": "1234567887654321",
            "starts": "20200803",
            "expires": "20250802",
            "plate": PLATE,
            "user_type": 0,
            "color_class": "0000",
        },
        "station": "aa290000010001025f46a239000211223344556677889901020388b2e24131323334350000000000000000",
    },
    ("F1", "B5"): {
        "obu_id": "6a81353e",
        "error": 0,
        "write_time": 0x5F479774,
        "terminal": "373737373737",
        "trade_time": "20200827112228",
        "trade_type": 9,
        "tac": "613c67b6",
        "card_serial": 0x0012,
        "terminal_serial": 0x00000011,
        "balance": 99_99,
    },
    ("F1", "C6"): {
        "obu_id": "6a81353e",
        "factor": "cdf2bcafcdf2bcaf",
        "reserved": "00000000",
        "fen": 0,
        "time": "20200826175558",
        "station": "00010001025f46a22e000211223344556677889901020388b2e24131323334350000000000000000",
    },
    ("F1", "4C"): {"control": 0},
    ("F1", "C2"): {"obu_id": "00000000"},
    ("F1", "B2 heartbeat"): {"obu_id": "00000000", "error": 0x80},
    ("F1", "C0"): {
        "unix_time": 0x5F493BF2,
        "time": "20200828171632",
        "lane_mode": 3,
        "wait": 2,
        "tx_power": 10,
        "channel": 0,
        "trans_mode": 2,
    },
    ("F1", "C1"): {"obu_id": "6a81353e", "factor": "cdf2bcafcdf2bcaf"},
    ("F2", "B0"): {
        "status": 0,
        "psam_count": 0,
        "psams": [{"channel": 3, "version": 1, "unauthorised": 1, "terminal": "01370004727f"}],
        "algorithm": 0,
        "maker": 8,
        "rsu_id": "000829",
        "version": "2009",
        "work_status": 0,
        "flag_id": "000000",
        "reserved": "00000000",
    },
    ("F2", "B1"): {
        "controller_1": 0,
        "controller_2": 0x11,
        "controller_link": 1,
        "psam_count_1": 0,
        "psams_1": [{"channel": 3, "fault": 0, "unauthorised": 1}],
        "psam_count_2": 0,
        "psams_2": [],
        "antenna_count": 1,
        "working_count": 0,
        "antennas": [{"number": 1, "fault": 0, "channel": 0, "power": 2}],
    },
    ("F2", "B2"): {
        "obu_id": "652bc7a3",
        "error": 0,
        "antenna": 1,
        "device_type": 1,
        "issuer": "c9bdb6ab37010001",
        "contract_type": 1,
        "contract_version": 0,
        "serial": "3701012023109155",
        "issued": "20201124",
        "expires": "20301124",
        "equipment": 0x10,
        "obu_status": 0x2001,
    },
    ("F2", "B4 (masked)"): {
        "obu_id": "652bc7a3",
        "error": 0,
        "trade_type": 0x10,
        "vehicle": {
            "plate": PLATE,
            "color": 0,
            "vehicle_class": 1,
            "user_type": 0,
            "length": "0043",
            "width": "17",
            "height": "14",
            "wheels": 4,
            "axles": 2,
            "wheel_base": "0026",
            "seats": 5,
            "feature": "00" * 16,
            "engine": "00" * 16,
            "reserved": "00" * 20,
        },
        "balance": 0xFA0A1E33,
        "card": {
            "issuer": "c9bdb6ab37010001",
            "card_type": 0x17,
            "version": 0x10,
            "net": "3701",
            "card_id": "0000000000000001",
            "starts": "20201124",
            "expires": "20301124",
            "plate": PLATE,
            "user_type": 0,
            "color_class": "0001",
        },
        "card_rest": "00000000000000",
        "station": "aa2900c3b5d1269fc842345b0e5e089628000e54e0cdf2bcafcdf2bcaf1601110100000000000000072020",
    },
    ("F2", "B5"): {
        "obu_id": "652bc7a3",
        "error": 0,
        "terminal": "01370004727f",
        "trade_time": "20210104171356",
        "trade_type": 9,
        "algorithm": 0,
        "key_version": 1,
        "tac": "570bf7dc",
        "card_serial": 0x003F,
        "terminal_serial": 0x00000023,
        "balance": 0xFA0A1E33 - 100,
    },
    ("F2", "C4"): {"control": 1},
    ("F2", "C0 (gantry/parking)"): {
        "unix_time": 0x5FF2DC64,
        "time": "20210104171300",
        "lane_mode": 0x12,
        "bst_interval": 10,
        "tx_power": 10,
        "channel": 1,
        "trans_mode": 1,
        "flag_id": "371102",
        "reserved": "0000",
    },
    ("F2", "C1"): {"obu_id": "652bc7a3", "factor": "c9bdb6ab37010001"},
    ("F2", "C2"): {"obu_id": "652bc7a3", "stop_type": 1, "unix_time": 0x5FF2DC64},
    ("F2", "C6 (V3.1, 67)"): {
        "obu_id": "652bc7a3",
        "factor": "c9bdb6ab37010001",
        "fen": 100,
        "time": "20210104171356",
        "station": "aa2900" + "00" * 40,
    },
}


@pytest.mark.parametrize(("family", "kind"), FIELDS)
def test_fields(family: str, kind: str) -> None:
    assert plain(message_of(family, kind)) == FIELDS[family, kind]


def test_every_captured_row_is_in_the_table() -> None:
    captured = {(row.family, row.type) for row in COMPLETE if not row.source.startswith("constructed")}
    captured = {(family, kind) for family, kind in captured if family != "F3"}  # those: test_genvict_frames.py
    assert captured <= FIELDS.keys()


@pytest.mark.parametrize(("kind", "head", "entered"), [("B4", "", 0x5F46A239), ("C6", "aa2900", 0x5F46A22E)])
def test_old_0019_of_soulin(kind: str, head: str, entered: int) -> None:
    station = bytes.fromhex(head + str(FIELDS["F1", kind]["station"]))
    assert plain(StationOld.decode(station)) == {
        "tag": 0xAA,
        "length": 0x29,
        "lock": 0,
        "entry_net": "0001",
        "entry_station": "0001",
        "entry_lane": 2,
        "entry_time": entered,
        "vehicle_class": 0,
        "status": 2,
        "flag_stations": "112233445566778899",
        "operator": "010203",
        "shift": 0x88,
        "plate": PLATE,
        "reserved": "00000000",
    }


def test_unix_times_of_the_wire() -> None:
    # soulin writes the wall clock of China as if it were UTC, Wanji true UTC
    assert unix_local(at(2020, 8, 27, 11, 22, 28)) == 0x5F479774
    assert unix_local(at(2020, 8, 26, 17, 56, 9)) == 0x5F46A239
    assert unix_utc(at(2020, 2, 11, 13, 27, 39)) == 0x5E423B4B


# --- what the frames say -------------------------------------------------------------------------------------

WORDS: Mapping[tuple[str, str], Order | Report] = {
    ("F1", "B0"): Status(0, ("373737373737",), None, 0x0D, "0001"),
    ("F1", "B2"): TagSeen(
        Tag(
            "6a81353e",
            "cdf2bcafcdf2bcaf",
            "1234567887654321",
            date(2020, 8, 3),
            date(2025, 8, 2),
            removed=True,
        )
    ),
    ("F1", "B3"): Contents("6a81353e", Vehicle(PLATE, 0, 1), None),
    ("F1", "B4"): Contents(
        "6a81353e",
        None,
        Card(
            number="11011234567887654321",
            issuer="cdf2bcafcdf2bcaf",
            kind=STORED_VALUE,
            version=1,
            starts=date(2020, 8, 3),
            expires=date(2025, 8, 2),
            plate=PLATE,
            balance=99_99,
            station=bytes.fromhex(str(FIELDS["F1", "B4"]["station"])),
        ),
    ),
    ("F1", "B5"): Result(
        obu_id="6a81353e",
        terminal="373737373737",
        terminal_serial=0x11,
        card_serial=0x12,
        tac="613c67b6",
        trade_type=9,
        algorithm=None,
        at=at(2020, 8, 27, 11, 22, 28),
        balance=99_99,
    ),
    ("F1", "C6"): Purchase(
        "6a81353e",
        "cdf2bcafcdf2bcaf",
        0,
        at(2020, 8, 26, 17, 55, 58),
        bytes.fromhex("aa2900" + str(FIELDS["F1", "C6"]["station"])),
    ),
    ("F1", "4C"): Antenna(on=False),
    ("F1", "C4"): Antenna(on=True),
    ("F1", "C2"): Stop("00000000", None),
    ("F1", "B2 heartbeat"): Heartbeat(0),
    ("F1", "C0"): Init(at(2020, 8, 28, 17, 16, 32), entry=True, tx_power=10, channel=1),
    ("F1", "C1"): GoOn("6a81353e", "cdf2bcafcdf2bcaf"),
    ("F1", "C2 (BCC=ff)"): Stop("6a813563", None),
    ("F1", "C2 (BCC=fe)"): Stop("6a813562", None),
    ("F2", "B0"): Status(0, ("01370004727f",), authorised=False, maker=8, version="2009", slots=(3,)),
    ("F2", "B1"): Heartbeat(0),
    ("F2", "B2"): TagSeen(
        Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", date(2020, 11, 24), date(2030, 11, 24))
    ),
    ("F2", "B4 (masked)"): Contents(
        "652bc7a3",
        Vehicle(PLATE, 0, 1),
        Card(
            number="37010000000000000001",
            issuer="c9bdb6ab37010001",
            kind=CREDIT,
            version=0x10,
            starts=date(2020, 11, 24),
            expires=date(2030, 11, 24),
            plate=PLATE,
            balance=0xFA0A1E33,
            station=bytes.fromhex(str(FIELDS["F2", "B4 (masked)"]["station"])),
        ),
    ),
    ("F2", "B5"): Result(
        obu_id="652bc7a3",
        terminal="01370004727f",
        terminal_serial=0x23,
        card_serial=0x3F,
        tac="570bf7dc",
        trade_type=9,
        algorithm=0,
        at=at(2021, 1, 4, 17, 13, 56),
        balance=0xFA0A1DCF,
    ),
    ("F2", "B2 heartbeat"): Heartbeat(0),
    ("F2", "C0 (gantry/parking)"): Init(at(2021, 1, 4, 17, 13), entry=True, tx_power=10, channel=1),
    ("F2", "C0 (correct CRC)"): Init(at(2020, 2, 11, 13, 27, 39), entry=False, tx_power=15, channel=1),
    ("F2", "C1"): GoOn("652bc7a3", "c9bdb6ab37010001"),
    ("F2", "C2"): Stop("652bc7a3", at(2021, 1, 4, 17, 14, 12)),
    ("F2", "C2 short"): Stop("652bc7a3", None),
    ("F2", "C4"): Antenna(on=True),
    ("F2", "C4 off"): Antenna(on=False),
    ("F2", "CF"): HeartbeatSeen(),
    ("F2", "C6 (V3.1, 67)"): Purchase(
        "652bc7a3",
        "c9bdb6ab37010001",
        100,
        at(2021, 1, 4, 17, 13, 56),
        bytes.fromhex("aa2900" + "00" * 40),
    ),
}

SAID_OTHERWISE = {
    ("F1", "C0"): "its two clocks are two seconds apart",
    ("F1", "B0"): "our antenna puts its terminal first",
    ("F1", "4C"): "soulin says C4",
    ("F1", "C2"): "soulin says StopType",
    ("F2", "B0"): "a device's own number, PSAM slot and wrong PSAMNum",
    ("F2", "B1"): "a device's own PSAM slot and wrong PSAMNum",
    ("F2", "B2 heartbeat"): "V3.x says B1",
    ("F2", "B4 (masked)"): "dimensions and seats have no word",
    ("F2", "C0 (gantry/parking)"): "FlagID has no word",
    ("F2", "C0 (correct CRC)"): "a gantry's LaneMode and FlagID",
}


@pytest.mark.parametrize(("family", "kind"), WORDS)
def test_what_a_frame_says(family: str, kind: str) -> None:
    assert DIALECTS[family].hear(message_of(family, kind)) == (WORDS[family, kind],)


@pytest.mark.parametrize(
    ("family", "kind"), [key for key in WORDS if key not in SAID_OTHERWISE and key != ("F2", "C2 short")]
)
def test_what_is_said_is_the_frame(family: str, kind: str) -> None:
    assert DIALECTS[family].encode(WORDS[family, kind]) == frame_in(first(family, kind)).data


@pytest.mark.parametrize(("family", "kind"), SAID_OTHERWISE)
def test_what_is_said_otherwise_is_heard_alike(family: str, kind: str) -> None:
    dialect, word = DIALECTS[family], WORDS[family, kind]
    data = dialect.encode(word)
    assert data != frame_in(first(family, kind)).data
    assert dialect.hear(dialect.decode(data)) == (word,)


def test_wanji_says_no_stop_without_a_time() -> None:
    with pytest.raises(MessageError, match="unix_time cannot be None"):
        DIALECTS["F2"].encode(WORDS["F2", "C2 short"])
