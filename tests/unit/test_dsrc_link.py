import pytest

from protocols.dsrc import link
from protocols.dsrc.application import EventReport, UnknownPdu
from protocols.dsrc.equipment import SetMmiAnswer, SetMmiRequest, TransferRequest
from protocols.dsrc.link import BEIJING, NATIONAL, AirFrame, Head
from protocols.errors import FrameError, MessageError

MMI = bytes.fromhex("08000001 40 77 99 05 01 04 1a 00")
RELEASE = bytes.fromhex("08000001 40 03 99 60 01 00")
FLAG = b"\x7e"


# --- FCS -----------------------------------------------------------------------------------------------------


def test_national_fcs_is_x25_low_byte_first() -> None:
    # The catalogue's check value of CRC-16/X-25 is 906E.
    assert NATIONAL.of(b"123456789") == bytes.fromhex("6e90")


def test_beijing_fcs_starts_from_zero() -> None:
    # CRC-16/KERMIT, whose check value is 2189, complemented.
    assert BEIJING.of(b"123456789") == (0x2189 ^ 0xFFFF).to_bytes(2, "little")


@pytest.mark.parametrize("fcs", [None, NATIONAL, BEIJING])
@pytest.mark.parametrize("flags", [False, True])
def test_frame_with_or_without_flags_and_fcs(fcs: link.Fcs | None, flags: bool) -> None:  # noqa: FBT001  a parameter of the test
    sent = MMI + (fcs.of(MMI) if fcs else b"")
    sent = FLAG + sent + FLAG if flags else sent
    frame = link.decode(sent)
    assert (frame.fcs, frame.flags, frame.remainder) == (fcs, flags, b"")
    assert frame.pdus == (SetMmiRequest(0x99, 5, 1, 4, None, 0x1A, 0),)
    assert frame.encode() == sent


def test_only_declared_variants_count() -> None:
    sent = MMI + BEIJING.of(MMI)
    frame = link.decode(sent, (NATIONAL,))
    assert (frame.fcs, frame.remainder) == (None, BEIJING.of(MMI))
    assert frame.encode() == sent


def test_wrong_fcs_is_kept() -> None:
    sent = FLAG + MMI + b"\x12\x34" + FLAG
    frame = link.decode(sent)
    assert (frame.fcs, frame.flags, frame.remainder) == (None, True, b"\x12\x34")
    assert frame.encode() == sent


def test_address_and_last_byte_may_look_like_flags() -> None:
    bare = FLAG + MMI[1:-1] + FLAG
    frame = link.decode(bare)
    assert (frame.flags, frame.head.address) == (False, "7e000001")
    assert frame.encode() == bare


def test_flags_are_flags_where_both_make_sense() -> None:
    # From the first flag on, this is an address, its control byte 40, LLC 40, and an unknown PDU behind F7.
    sent = FLAG + bytes.fromhex("08000040 40 f7 91 05 01 04 1a 00") + FLAG
    assert link.decode(sent[:-1] + b"\0").pdus == (UnknownPdu(0xF7, 0x91, bytes.fromhex("0501041a0000")),)
    frame = link.decode(sent)
    assert (frame.flags, frame.head.address) == (True, "08000040")
    assert frame.encode() == sent


def test_fcs_may_end_in_a_flag() -> None:
    bare = next(
        body + NATIONAL.of(body)
        for number in range(1 << 16)
        if NATIONAL.of(body := FLAG + number.to_bytes(3, "big") + MMI[4:])[1] == link.FLAG
    )
    frame = link.decode(bare)
    assert (frame.flags, frame.fcs) == (False, NATIONAL)
    assert frame.encode() == bare


# --- MAC and LLC control ------------------------------------------------------------------------------------


def test_request_has_no_llc_status_and_a_response_has() -> None:
    assert link.decode(MMI).head == Head("08000001", 0x40, 0x77, None)
    answer = link.decode(bytes.fromhex("08000001 e0 f7 00 91 18 01 1b 00"))
    assert answer.head == Head("08000001", 0xE0, 0xF7, 0)
    assert answer.uplink
    assert answer.pdus == (SetMmiAnswer(0x91, 0x18, 1, 0x1B, 0),)


def test_response_without_lpdu_is_an_address_and_a_control_byte() -> None:
    frame = link.decode(bytes.fromhex("08000001 a0"))
    assert frame == AirFrame(Head("08000001", 0xA0, None, None), ())
    assert frame.uplink


def test_what_follows_without_lpdu_is_kept() -> None:
    raw = bytes.fromhex("08000001 08 05")  # the private-window allocation of Wuhan (gbt20851 1.3 [1])
    frame = link.decode(raw)
    assert (frame.pdus, frame.remainder, frame.encode()) == ((), b"\x05", raw)


def test_acknowledgement_without_a_pdu() -> None:
    frame = link.decode(bytes.fromhex("08000001 e0 77 00"))
    assert (frame.pdus, frame.head.status) == ((), 0)


def test_sequence_bit_is_inverted_in_the_response() -> None:
    assert link.answers(0x77, 0xF7)
    assert link.answers(0xF7, 0x77)
    assert not link.answers(0x77, 0x77)
    assert not link.answers(0xF7, 0xF7)


def test_unacknowledged_commands_have_no_response() -> None:
    assert not link.is_acknowledged(link.UI)
    assert not link.answers(link.UI, link.UI ^ 0x80)


# --- several T-APDUs -----------------------------------------------------------------------------------------


def test_concatenated_pdus_each_behind_its_header() -> None:
    raw = RELEASE[:6] + bytes.fromhex("91 05 01 04 1a 01 99 60 01 00")
    frame = link.decode(raw)
    assert [type(pdu) for pdu in frame.pdus] == [SetMmiRequest, EventReport]
    assert frame.encode() == raw


@pytest.mark.parametrize(
    "behind", ["05 805c000204", "91 05 01 04 1a", "91"], ids=["no header", "cut off", "header alone"]
)
def test_bytes_behind_the_first_pdu_are_never_dropped(behind: str) -> None:
    raw = bytes.fromhex("08000001 40 77 91 05 01 03 18 01 01 05 00b095002b" + behind)
    frame = link.decode(raw)
    [pdu] = frame.pdus
    assert isinstance(pdu, TransferRequest)
    assert frame.remainder == bytes.fromhex(behind)
    assert frame.encode() == raw


def test_unknown_nibble_is_carried_raw() -> None:
    raw = bytes.fromhex("08000001 40 77 91 25 01 02 03")
    frame = link.decode(raw)
    assert frame.pdus == (UnknownPdu(0x91, 0x25, b"\x01\x02\x03"),)
    assert frame.encode() == raw


# --- errors --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["", "08", "08000001", "0800000140"], ids=len)
def test_short_frame_says_so(raw: str) -> None:
    with pytest.raises(FrameError, match="no air frame"):
        link.decode(bytes.fromhex(raw))


def test_short_frame_between_flags_says_where_it_ends() -> None:
    with pytest.raises(FrameError, match="no air frame") as caught:
        link.decode(FLAG + b"\x08" + FLAG)
    assert caught.value.offset == 2


@pytest.mark.parametrize(("flags", "offset"), [(b"", 6), (FLAG, 7)], ids=["bare", "flags"])
def test_error_names_the_byte_of_what_was_given(flags: bytes, offset: int) -> None:
    with pytest.raises(MessageError, match="15 is no fragmentation header") as caught:
        link.decode(flags + bytes.fromhex("08000001 40 77 15 05") + flags)
    assert caught.value.offset == offset


def test_cut_off_pdu_says_where_it_ends() -> None:
    with pytest.raises(MessageError, match="EventReport") as caught:
        link.decode(bytes.fromhex("08000001 40 03 91 60 01"))
    assert caught.value.offset == 9


def test_value_that_does_not_fit_is_refused() -> None:
    frame = AirFrame(Head("0800000", 0x40, 0x77, None), ())
    with pytest.raises(MessageError, match=r"Head\.address"):
        frame.encode()
