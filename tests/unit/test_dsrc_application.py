from dataclasses import replace

import pytest

from protocols.codec import U8, Record, Rest, record, wire
from protocols.dsrc import application
from protocols.dsrc.application import (
    BST,
    OBU_STATUS,
    VST,
    Application,
    EventReport,
    Fitting,
    Mark,
    OtherAnswer,
    OtherVST,
    Parameter,
    Preread,
    RandomObe,
    RestBut,
    Span,
    Switch,
    UnknownPdu,
    flags,
)
from protocols.dsrc.equipment import T_APDU
from protocols.errors import MessageError

INFO = bytes(range(0x40, 0x5A))  # 26 bytes, none of them a tag
ICC = bytes(43)
CONFIG = "0a11fe22 30 2001"


def vst(options: int, containers: str, info: bytes = INFO) -> bytes:
    return bytes.fromhex(f"91 d0 00 01 c1 01 {options:02x} 27") + info + bytes.fromhex(containers + CONFIG)


# --- wire types ----------------------------------------------------------------------------------------------


@record
class Tagged(Record):
    tag: int = wire(Mark(0x27, 0x20), "")


@record
class Announced(Record):
    options: int = wire(U8, "")
    body: bytes = wire(RestBut(1, ("options", 0x10, 2)), "")
    more: bytes = wire(Rest(), "")


@record
class Guessed(Record):
    body: bytes = wire(Fitting(3), "")
    tag: int = wire(Mark(0x28), "")
    last: int = wire(U8, "")


@record
class Doubtful(Record):
    body: bytes = wire(Fitting(3), "")
    tag: int = wire(Mark(0x28), "")
    more: bytes = wire(Rest(), "")


def test_mark_takes_its_values_alone() -> None:
    assert Tagged.decode(b"\x20") == Tagged(0x20)
    assert Tagged.fill({}) == Tagged(0x27)
    with pytest.raises(MessageError, match="27 or 20 expected, not 28") as caught:
        Tagged.read(b"\0\x28", 1)
    assert caught.value.offset == 1
    with pytest.raises(MessageError, match="27 or 20 expected, no byte is left"):
        Tagged.decode(b"")
    with pytest.raises(MessageError, match="must be 27 or 20"):
        Tagged(0x28).encode()


def test_rest_leaves_what_earlier_bits_announce() -> None:
    assert Announced.decode(b"\0abcd") == Announced(0, b"abc", b"d")
    assert Announced.decode(b"\x10abcd") == Announced(0x10, b"a", b"bcd")
    with pytest.raises(MessageError, match="3 bytes expected"):
        Announced.decode(b"\x10ab")


def test_fitting_takes_a_likely_length_if_it_can_be() -> None:
    assert Guessed.decode(b"abc\x28\0") == Guessed(b"abc", 0x28, 0)
    assert Guessed.decode(b"a\x28\0") == Guessed(b"a", 0x28, 0)
    with pytest.raises(MessageError, match="no length"):
        Guessed.decode(b"abcd")


def test_fitting_takes_the_fewest_bytes_only_if_no_likely_length_fits() -> None:
    assert Doubtful.decode(b"\x28\x28\x28\x28\x28\0") == Doubtful(b"\x28" * 3, 0x28, b"\x28\0")
    assert Doubtful.decode(b"\x28\x28\0") == Doubtful(b"", 0x28, b"\x28\0")


# --- BST -----------------------------------------------------------------------------------------------------


def test_bst() -> None:
    raw = bytes.fromhex("91 c0 08 000000 66c15202 00 01 41 87 29 a0 1a 0004 002b 00")
    preread = Preread(0x29, 0xA0, 0x1A, Span(0, 4), None, Span(0, 43), None, None, None, None, None)
    found = BST.decode(raw)
    assert found == BST(
        *(0x91, 0xC0, "08", "000000", 0x66C15202, 0, 1),
        *((Application(0x41, None, Parameter(0x87, preread)),), 0, b""),
    )
    assert found.encode() == raw


def test_bst_of_several_applications_some_without_parameter() -> None:
    raw = bytes.fromhex("91 c0 08 000000 66c15202 00 03 41 07 82 05 01 01 02")
    found = BST.decode(raw)
    assert found.applications == (
        Application(0x41, None, Parameter(7, None)),
        Application(0x82, 5, None),
        Application(0x01, None, None),
    )
    assert found.profiles == b"\x02"
    assert found.encode() == raw


def test_spans_stand_in_the_order_of_their_bits() -> None:
    raw = bytes.fromhex("29 f8 1e 0007 002b 0007 0101 0000")
    found = Preread.decode(raw)
    spans = (found.file_0002, found.file_0012, found.file_0015, found.file_0019, found.reserved_08)
    assert spans == (Span(0, 7), Span(0, 43), Span(0, 7), Span(1, 1), Span(0, 0))
    assert found.encode() == raw


def test_nonmandatory_applications_are_no_bst_we_know() -> None:
    assert T_APDU.choose(bytes.fromhex("91 c8 08"), 0) is UnknownPdu


# --- VST -----------------------------------------------------------------------------------------------------


def test_vst_without_containers() -> None:
    found = VST.decode(vst(0, ""))
    assert (found.system_info, found.random, found.icc, found.reset) == (INFO, None, None, None)
    assert (found.obu_id, found.equipment, found.obu_status, found.tamper) == ("0a11fe22", 0x30, 0x20, 1)


def test_vst_with_all_containers() -> None:
    raw = vst(0xB0, "1d 0102030405060708 28" + ICC.hex() + "50" + "0f" * 15)
    found = VST.decode(raw)
    assert found.random == RandomObe(0x1D, "0102030405060708")
    assert (found.system_info, found.icc) == (INFO, ICC)
    assert found.reset
    assert found.reset.info == b"\x0f" * 15
    assert found.encode() == raw


@pytest.mark.parametrize("size", [26, 27, 30, 32, 37, 39, 44, 40])
def test_system_information_ends_where_the_card_data_begin(size: int) -> None:
    info = bytes(range(0x40, 0x40 + size))
    assert VST.decode(vst(0x20, "28" + ICC.hex(), info)).system_info == info


@pytest.mark.parametrize("size", [0, 5, 26, 60])
def test_without_card_data_system_information_is_all_there_is(size: int) -> None:
    info = bytes(size)
    assert VST.decode(vst(0x80, "1d" + "00" * 8, info)).system_info == info


@pytest.mark.parametrize(
    "raw",
    [vst(0x60, "28" + ICC.hex()), vst(0x21, "28"), bytes.fromhex("91 d0 00 02 c1 01 00" + CONFIG)],
    ids=["private info", "reserved option", "two applications"],
)
def test_vst_of_unknown_form_keeps_its_containers_raw(raw: bytes) -> None:
    assert T_APDU.choose(raw, 0) is OtherVST
    found = OtherVST.decode(raw)
    assert (found.obu_id, found.obu_status) == ("0a11fe22", 0x20)
    assert found.encode() == raw


def test_vst_that_does_not_add_up_says_so() -> None:
    with pytest.raises(MessageError, match=r"VST\.system_info: no length"):
        VST.decode(vst(0x20, "29" + bytes(43).hex()))


def test_obu_status_in_words() -> None:
    assert flags(OBU_STATUS, 0xA0) == ("无卡 / no card", "非接触卡 / contactless card")
    assert flags(OBU_STATUS, 0x03) == ("标签被拆 / OBU removed", "电量低 / low battery")


# --- choosing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", [0x91, 0x99, 0x81, 0xFF])
def test_headers_of_whole_pdus(header: int) -> None:
    raw = bytes((header,)) + bytes.fromhex("600100")
    assert application.read(T_APDU, raw, 0) == (EventReport(header, 0x60, 1, 0), 4)


@pytest.mark.parametrize("header", [0x90, 0x11, 0x00])
def test_other_headers_are_refused(header: int) -> None:
    with pytest.raises(MessageError, match="no fragmentation header"):
        application.read(T_APDU, bytes((header,)) + bytes.fromhex("600100"), 0)


@pytest.mark.parametrize(
    ("raw", "table"),
    [
        ("91 60 01 00", EventReport),
        ("91 64 01 00", UnknownPdu),  # an event with a parameter: seen nowhere
        ("91 10 01 02", OtherAnswer),
        ("91 20 01", UnknownPdu),
        ("91 80 01", UnknownPdu),  # BST in ISO 15628, which this is not
        ("91 f0 01", UnknownPdu),
    ],
)
def test_table_by_first_nibble(raw: str, table: type) -> None:
    assert T_APDU.choose(bytes.fromhex(raw), 0) is table


def test_cut_off_before_the_byte_that_decides() -> None:
    with pytest.raises(MessageError, match="before it says what it is") as caught:
        T_APDU.choose(bytes.fromhex("00 91 05 01"), 1)
    assert caught.value.offset == 4


def test_tables_of_a_switch_come_with_those_of_its_branches() -> None:
    switch = Switch(0, 0xFF, {1: Switch(1, 0xFF, {2: BST}, VST)}, UnknownPdu)
    assert list(switch.tables()) == [BST, VST, UnknownPdu]


def test_every_pdu_has_a_title_in_both_languages() -> None:
    assert all(" / " in table.TITLE for table in T_APDU.tables())


def test_first_pdu_must_be_sound_and_later_ones_need_not() -> None:
    release = bytes.fromhex("91600100")
    with pytest.raises(MessageError):
        application.read_all(T_APDU, b"\0" + release, 0)
    found = EventReport.decode(release)
    assert application.read_all(T_APDU, release + release + b"\0\1", 0) == ((found, found), b"\0\1")
    assert application.read_all(T_APDU, b"", 0) == ((), b"")
    assert replace(found, fragment=0x99).encode() == bytes.fromhex("99600100")
