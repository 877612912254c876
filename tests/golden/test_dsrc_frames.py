"""Every row of dsrc-frames.tsv, and every air frame of antenna-transcripts.tsv, against its bytes and its notes.

dsrc-frames.tsv names a source per row. antenna-transcripts.tsv: the firmware github leizi163163/test run on a host
against a simulated tag, card and PSAM; all keys and numbers in it are made up.
"""

import csv
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import asn1tools
import pytest

from protocols.codec import plain
from protocols.dsrc import application, equipment, link
from protocols.dsrc.application import BST, VST, EventReport, Pdu
from protocols.dsrc.equipment import (
    GetSecureAnswer,
    GetSecureRequest,
    SetMmiAnswer,
    SetMmiRequest,
    TransferAnswer,
    TransferRequest,
)
from protocols.dsrc.exchange import Content, Exchange
from protocols.obu.apdu import Answer, Command, decode_answer, decode_command
from protocols.obu.files import File0015, PassengerFile, SystemInfo27
from protocols.obu.keys import TDES, SecureFile, unseal
from protocols.rsu.framing import F1, F2, F3, Frame, Framing


def rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


FRAMES = rows("dsrc-frames.tsv")
LAYERS = {
    "DSRC L2+L7 (no flags, no FCS in source)": None,
    "RSU-PC serial FFFF/BCC": F1,
    'RSU-PC TCP, parking "P20" FFFF LEN2 DATA CRC2': F3,
    "RSU-PC TCP, 2019 FFFF VER SEQ LEN4 DATA CRC2": F2,
    "ICC/PSAM/ESAM APDU": None,
}
AIR, *_, CARD = LAYERS
AIR_ROWS = [row for row in FRAMES if row["layer"] == AIR]
WIRE_ROWS = [row for row in FRAMES if LAYERS[row["layer"]]]
CARD_ROWS = [row for row in FRAMES if row["layer"] == CARD]

KINDS: dict[str, list[type[Pdu]]] = {
    "BST": [BST],
    "GetSecure.rq": [GetSecureRequest],
    "TransferChannel.rq": [TransferRequest],
    "TransferChannel.rq x2 (concatenated PDUs)": [TransferRequest, TransferRequest],
    "SetMMI.rq": [SetMmiRequest],
    "EVENT_REPORT.rq (release)": [EventReport],
}


def numbered(found: list[dict[str, str]]) -> list[object]:
    return [pytest.param(row, id=f"{number}-{row['type']}".replace(" ", "-")) for number, row in enumerate(found)]


def read(row: dict[str, str]) -> bytes:
    return bytes.fromhex(row["hex"])


def test_no_row_is_left_out() -> None:
    assert len(AIR_ROWS) + len(WIRE_ROWS) + len(CARD_ROWS) == len(FRAMES) == 49


# --- air frames ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", numbered(AIR_ROWS))
def test_air_frame_goes_to_records_and_back(row: dict[str, str]) -> None:
    frame = link.decode(read(row))
    assert [type(pdu) for pdu in frame.pdus] == KINDS[row["type"]]
    assert not frame.uplink
    assert frame.fcs is None
    assert frame.encode() == read(row)


@pytest.mark.parametrize("row", numbered(AIR_ROWS))
def test_only_the_frame_with_a_wrong_count_has_a_remainder(row: dict[str, str]) -> None:
    beyond = "05805c000204" if "APDU count byte is 01" in row["notes"] else ""
    assert link.decode(read(row)).remainder.hex() == beyond


@pytest.mark.parametrize("row", numbered(AIR_ROWS))
@pytest.mark.parametrize(("fcs", "label"), [(link.NATIONAL, "GB X-25"), (link.BEIJING, "Beijing-variant")])
def test_fcs_is_the_computed_one(row: dict[str, str], fcs: link.Fcs, label: str) -> None:
    stated = re.search(label + r"[^=]*?(?:\([^)]*\) )?LE=(.. ..)", row["notes"])
    assert stated
    frame = replace(link.decode(read(row)), fcs=fcs, flags=True)
    sent = frame.encode()
    assert sent == b"\x7e" + read(row) + bytes.fromhex(stated[1]) + b"\x7e"
    assert link.decode(sent) == frame


def test_pre_read_request_as_noted() -> None:
    [bst] = link.decode(read(AIR_ROWS[0])).pdus
    assert isinstance(bst, BST)
    assert (bst.beacon_maker, bst.beacon, bst.time) == ("01", "08fe01", 0x530F2081)
    [offered] = bst.applications
    assert offered.parameter
    assert offered.parameter.mode == 0x83
    preread = offered.parameter.preread
    assert preread
    assert preread.system_info == 0x1A
    assert preread.file_0002 == application.Span(0, 4)
    assert preread.file_0015 == application.Span(0, 43)
    assert preread.file_0012 is preread.file_0019 is None


def test_commands_inside_as_noted() -> None:
    carried = {row["notes"].split(";")[0]: names(Exchange().on(link.decode(read(row)))) for row in AIR_ROWS}
    assert carried["ICC channel, 2 APDUs: read 0019 rec1, get balance"] == ["read-0019", "balance"]
    assert carried["debit: terminal seq 00027955, 2014-02-27 19:24:50, MAC1"] == ["debit"]
    assert carried["debit + balance"] == ["debit", "balance"]  # the second beyond the stated count
    assert carried["two T-APDUs in one LPDU, each with its own 0x91"] == ["balance", "select"]
    assert carried["3 reads in one request (0015 from offset 1)"] == ["balance", "read-binary", "read-0019"]
    assert carried["ESAM EF04 read offset 0x013A length 0x5B (fee-accumulation file)"] == ["select", "read-ef04"]


def names(contents: tuple[Content, ...]) -> list[str]:
    return [content.name for content in contents]


# --- an independent oracle: the ASN.1 of the same PDUs, unaligned PER (gbt20851 2.2 [calc]) --------------------

ASN1_ACTIONS = ("GetSecure", "Transfer", "SetMmi")
ASN1 = """
Gbt DEFINITIONS AUTOMATIC TAGS ::= BEGIN
Dsrc ::= SEQUENCE { fragment INTEGER (0..255), apdu CHOICE { action Action, c1 NULL, c2 NULL, c3 NULL, c4 NULL,
  c5 NULL, event Event, c7 NULL, c8 NULL, c9 NULL, c10 NULL, c11 NULL, bst Bst, c13 NULL, c14 NULL, c15 NULL } }
Small ::= INTEGER (0..127, ...)
Byte ::= INTEGER (0..255)
Action ::= SEQUENCE { mode BOOLEAN, did Small, type Small, credentials OCTET STRING (SIZE (8)) OPTIONAL,
  parameter PARAMETER OPTIONAL, iid Small OPTIONAL }
Event ::= SEQUENCE { mode BOOLEAN, did Small, type Small, credentials OCTET STRING (SIZE (8)) OPTIONAL,
  parameter NULL OPTIONAL, iid Small OPTIONAL }
GetSecure ::= SEQUENCE { tag Byte, inner SEQUENCE { fill BIT STRING (SIZE (7)), file Byte,
  offset INTEGER (0..65535), length Byte, random OCTET STRING (SIZE (8)), authentication Byte,
  encryption Byte OPTIONAL } }
Transfer ::= SEQUENCE { tag Byte, channel Byte, apdus SEQUENCE (SIZE (0..127, ...)) OF
  OCTET STRING (SIZE (0..127, ...)) }
SetMmi ::= SEQUENCE { tag Byte, mmi Byte }
Bst ::= SEQUENCE { fill BIT STRING (SIZE (3)), maker Byte, individual INTEGER (0..16777215),
  time INTEGER (0..4294967295), profile Small, applications SEQUENCE (SIZE (0..127, ...)) OF Application,
  nonmandatory NULL OPTIONAL, profiles SEQUENCE (SIZE (0..127, ...)) OF Small }
Application ::= SEQUENCE { aid INTEGER (0..63), did Small OPTIONAL, parameter Parameter OPTIONAL }
Parameter ::= SEQUENCE { mode INTEGER (0..127), preread SEQUENCE { tag Byte, inner Preread } OPTIONAL }
Preread ::= SEQUENCE { system Byte, f0002 Span OPTIONAL, f0012 Span OPTIONAL, f0015 Span OPTIONAL,
  f0019 Span OPTIONAL, r08 Span OPTIONAL, r04 Span OPTIONAL, r02 Span OPTIONAL, r01 Span OPTIONAL }
Span ::= SEQUENCE { offset Byte, length Byte }
END
"""
ORACLES = {name: asn1tools.compile_string(ASN1.replace("PARAMETER", name), "uper") for name in ASN1_ACTIONS}


def by_asn1(row: dict[str, str], parameter: str) -> tuple[Any, Any]:
    """The first PDU of a row as we read it, and as the oracle does, whose bytes must be ours too."""
    ours = link.decode(read(row)).pdus[0]
    theirs = ORACLES[parameter].decode("Dsrc", read(row)[6:])
    assert ORACLES[parameter].encode("Dsrc", theirs) == ours.encode()
    assert ours.fragment == theirs["fragment"]
    return ours, theirs["apdu"][1]


def of_type(*kinds: str) -> list[object]:
    return numbered([row for row in AIR_ROWS if row["type"].startswith(kinds)])


@pytest.mark.parametrize("row", of_type("BST"))
def test_bst_reads_as_its_asn1_does(row: dict[str, str]) -> None:
    ours, theirs = by_asn1(row, "SetMmi")
    assert f"{ours.beacon_maker}{ours.beacon}" == f"{theirs['maker']:02x}{theirs['individual']:06x}"
    assert (ours.time, ours.profile) == (theirs["time"], theirs["profile"])
    [offered], [theirs_offered] = ours.applications, theirs["applications"]
    assert offered.application & 0x3F == theirs_offered["aid"]
    assert offered.parameter.mode & 0x7F == theirs_offered["parameter"]["mode"]
    preread, asked = offered.parameter.preread, theirs_offered["parameter"]["preread"]["inner"]
    assert preread.system_info == asked.pop("system")
    spans = {"f0002": preread.file_0002, "f0012": preread.file_0012, "f0015": preread.file_0015}
    spans |= {"f0019": preread.file_0019, "r08": preread.reserved_08}
    assert {name: plain(span) for name, span in spans.items() if span} == asked


@pytest.mark.parametrize("row", of_type("GetSecure.rq"))
def test_get_secure_reads_as_its_asn1_does(row: dict[str, str]) -> None:
    ours, theirs = by_asn1(row, "GetSecure")
    assert (ours.did, ours.action, ours.tag) == (theirs["did"], theirs["type"], theirs["parameter"]["tag"])
    inner = theirs["parameter"]["inner"]
    assert (ours.file, ours.offset, ours.length) == (inner["file"], inner["offset"], inner["length"])
    assert ours.random == inner["random"].hex()
    assert (ours.key_authentication, ours.key_encryption) == (inner["authentication"], inner["encryption"])


@pytest.mark.parametrize("row", of_type("TransferChannel.rq"))
def test_transfer_reads_as_its_asn1_does(row: dict[str, str]) -> None:
    ours, theirs = by_asn1(row, "Transfer")
    parameter = theirs["parameter"]
    assert (ours.did, ours.action, ours.tag) == (theirs["did"], theirs["type"], parameter["tag"])
    assert (ours.channel, [apdu.data for apdu in ours.apdus]) == (parameter["channel"], parameter["apdus"])


@pytest.mark.parametrize("row", of_type("SetMMI", "EVENT_REPORT"))
def test_end_of_a_trade_reads_as_its_asn1_does(row: dict[str, str]) -> None:
    ours, theirs = by_asn1(row, "SetMmi")
    assert ours.did == theirs["did"]
    assert getattr(ours, "action", getattr(ours, "event", None)) == theirs["type"]
    assert getattr(ours, "mmi", None) == theirs.get("parameter", {}).get("mmi")


# --- antenna's port ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", numbered(WIRE_ROWS))
def test_wire_row_is_one_frame_with_a_right_checksum(row: dict[str, str]) -> None:
    frame = unframed(row)
    assert (frame.raw, frame.offset) == (read(row), 0)
    assert f"{frame.data[0]:02X}" == row["type"][:2]


def unframed(row: dict[str, str]) -> Frame:
    framing = LAYERS[row["layer"]]
    assert isinstance(framing, Framing)
    [frame] = framing.framer().feed(read(row))
    assert isinstance(frame, Frame)
    return frame


def test_bst_inside_the_transparent_protocol() -> None:
    [row] = [row for row in WIRE_ROWS if row["type"] == "F1 BST"]
    _, length, *apdu = unframed(row).data
    assert length == len(apdu)
    bst, end = application.read(equipment.T_APDU, b"\x91" + bytes(apdu), 0)
    assert end == 1 + length
    assert isinstance(bst, BST)
    [offered] = bst.applications
    assert offered.parameter
    assert offered.parameter.preread
    assert offered.parameter.preread.file_0015 == application.Span(0, 43)
    assert bst.encode() == b"\x91" + bytes(apdu)


def test_psam_commands_inside_the_transparent_protocol() -> None:
    asked, answered, *_ = (row for row in WIRE_ROWS if row["type"].startswith(("F9", "E9")))
    command = decode_command(inner(asked))
    assert command.name == "psam-terminal"
    answer = decode_answer(command, inner(answered))
    assert (answer.sw, answer.encode()) == (0x9000, inner(answered))
    assert "131000000001" in str(answer.fields)


def inner(row: dict[str, str]) -> bytes:
    """What F9 and E9 carry: so many bytes as their length says, an answer's SW not counted."""
    data = unframed(row).data
    assert data[3] in (len(data) - 4, len(data) - 6)
    return data[4:]


# --- cards ---------------------------------------------------------------------------------------------------

COMMAND_OF = {
    "read 0015 (43 bytes) response": "00b095002b",
    "initialise response": "805003020b010000000000000000000000",
    "debit response": "805401000f" + "00" * 15,
}


@pytest.mark.parametrize("row", numbered([row for row in CARD_ROWS if row["direction"] == "term->card"]))
def test_command_goes_to_fields_and_back(row: dict[str, str]) -> None:
    command = decode_command(read(row))
    assert not isinstance(command.fields, bytes)
    assert command.encode() == read(row)


@pytest.mark.parametrize("row", numbered([row for row in CARD_ROWS if row["direction"] == "card->term"]))
def test_answer_goes_to_fields_and_back(row: dict[str, str]) -> None:
    answer = decode_answer(decode_command(bytes.fromhex(COMMAND_OF[row["type"]])), read(row))
    assert not isinstance(answer.fields, bytes)
    assert (answer.sw, answer.encode()) == (0x9000, read(row))


def test_clear_block_of_a_vehicle_file() -> None:
    [clear] = [read(row) for row in CARD_ROWS if row["direction"] == "ESAM clear block"]
    assert len(clear) == 72
    assert len(SecureFile.decode(TDES, clear).file) == 59


def test_made_cipher_of_a_vehicle_file() -> None:
    [cipher] = [read(row) for row in CARD_ROWS if row["direction"] == "synthetic"]
    factors = bytes.fromhex("B9E3B6ABB9E3B6AB"), bytes.fromhex("1122334455667788")
    secured = unseal(TDES, TDES.diversify(bytes(range(0x10, 0x20)), *factors), cipher)
    assert secured.authenticator.hex() == "13826ab832f340b4"
    answer = GetSecureAnswer.fill({"cipher": cipher, "authenticator": "00" * 8})
    assert equipment.cipher_text(answer, 59, TDES.block) == cipher


def test_no_card_row_is_left_out() -> None:
    assert {row["direction"] for row in CARD_ROWS} == {"term->card", "card->term", "ESAM clear block", "synthetic"}


# --- whole conversations -------------------------------------------------------------------------------------

TRANSCRIPTS = [row for row in rows("antenna-transcripts.tsv") if row["link"] == "air"]
SCENARIOS = sorted({row["scenario"] for row in TRANSCRIPTS})
VEHICLE_MASTER = bytes(range(0x10, 0x20))


def conversation(scenario: str) -> list[tuple[Pdu, tuple[Content, ...]]]:
    exchange = Exchange({TDES: VEHICLE_MASTER})
    frames = [link.decode(read(row)) for row in TRANSCRIPTS if row["scenario"] == scenario]
    return [(frame.pdus[0], exchange.on(frame)) for frame in frames]


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['scenario']}-{row['n']}") for row in TRANSCRIPTS])
def test_spoken_frame_goes_to_records_and_back(row: dict[str, str]) -> None:
    frame = link.decode(read(row))
    assert frame.uplink == (row["direction"] == "up")
    assert (len(frame.pdus), frame.remainder, frame.fcs) == (1, b"", None)
    allowed = (VST, GetSecureAnswer, TransferAnswer, SetMmiAnswer)
    asked = (BST, GetSecureRequest, TransferRequest, SetMmiRequest)
    assert isinstance(frame.pdus[0], allowed if frame.uplink else asked)
    assert frame.encode() == read(row)


def test_a_trade_is_read_to_its_tac() -> None:
    spoken = conversation("exit-normal")
    [vst] = [contents for pdu, contents in spoken if isinstance(pdu, VST)]
    [secure] = [contents for pdu, contents in spoken if isinstance(pdu, GetSecureAnswer)]
    system, issued = (content.value for content in vst)
    assert isinstance(system, SystemInfo27)
    assert (system.contract, vst[0].rest) == ("3201000000004242", b"\xff" * 10)
    assert isinstance(issued, File0015)
    assert (issued.card_id, issued.plate) == ("0123456789012345", "苏B12345")
    [vehicle] = secure
    assert isinstance(vehicle.value, PassengerFile)
    assert vehicle.value.plate == "苏B12345"
    debit = said(spoken, "debit")
    assert "tac='72181894'" in str(debit.fields)
    assert [said(spoken, "balance", nth).fields.encode().hex() for nth in (0, 1)] == ["000d8f8e", "000d8d9a"]  # type: ignore[union-attr]  # a table fits


def said(spoken: list[tuple[Pdu, tuple[Content, ...]]], name: str, nth: int = 0) -> Answer:
    found = [
        content.value
        for _, contents in spoken
        for content in contents
        if content.name == name and isinstance(content.value, Answer)
    ]
    return found[nth]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_answer_finds_its_command_and_every_file_its_table(scenario: str) -> None:
    contents = [content for _, found in conversation(scenario) for content in found]
    assert contents
    assert not [content for content in contents if isinstance(content.value, bytes)]
    assert all(
        not isinstance(content.value.fields, bytes) or not content.value.fields
        for content in contents
        if isinstance(content.value, Command | Answer)
    )


def test_tac_fetched_after_its_answer_got_lost() -> None:
    assert "tac='3bb17ba3'" in str(said(conversation("debit-answer-lost-then-C8"), "fetch-tac").fields)
