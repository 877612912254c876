import struct
import tracemalloc
from contextlib import suppress

import pytest

from protocols.errors import CaptureError
from protocols.pcapng import Capture, Interface, Packet, Writer, read

RSU = Interface("lane1.reader", "antenna, 10.0.0.2:9527")
ARM = Interface("lane1.barrier", "道闸 /dev/ttyS1")
ASKED = Packet(RSU.name, 1_700_000_000_123_456_789, outbound=True, data=b"\xff\xff\x00")
ANSWERED = Packet(RSU.name, 1_700_000_000_123_456_790, outbound=False, data=b"\x01\x02\x03\x04")

# Set down by hand from the block figures of the draft, not taken from our writer.
HEADER = bytes.fromhex("0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000")
PORT_X = bytes.fromhex(
    "01000000 30000000 9300 0000 00000000 0200 0100 78000000 0300 0200 79790000 0900 0100 09000000 0000 0000"
    "30000000"
)
PACKET_X = bytes.fromhex(
    "06000000 30000000 00000000 01000000 02000000 03000000 03000000 aabbcc00 0200 0400 02000000 0000 000030000000"
)


def block(order: str, kind: int, body: bytes) -> bytes:
    size = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str, minor: int = 0, length: int = -1) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, minor, length))


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def port(order: str, *options: bytes) -> bytes:
    return block(order, 1, struct.pack(order + "HHI", 147, 0, 0) + b"".join(options))


def packet(order: str, number: int, stamp: int, data: bytes, *options: bytes) -> bytes:
    head = struct.pack(order + "IIIII", number, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(order, 6, head + data + bytes(-len(data) % 4) + b"".join(options))


def written() -> bytes:
    writer = Writer()
    blocks = [writer.header(), writer.interface(RSU), writer.packet(ASKED), writer.interface(ARM)]
    return b"".join([*blocks, writer.packet(ANSWERED)])


def test_the_writer_lays_the_blocks_out_as_the_draft_draws_them() -> None:
    writer = Writer()
    assert writer.header() == HEADER
    assert writer.interface(Interface("x", "yy")) == PORT_X
    assert writer.packet(Packet("x", 0x1_0000_0002, outbound=True, data=b"\xaa\xbb\xcc")) == PACKET_X


def test_what_is_written_is_read() -> None:
    assert read(written()) == Capture((RSU, ARM), (ASKED, ANSWERED), None)


def test_a_port_is_declared_once_and_before_its_packets() -> None:
    writer = Writer()
    writer.header()
    with pytest.raises(ValueError, match=r"'lane1\.reader' is not declared"):
        writer.packet(ASKED)
    writer.interface(RSU)
    with pytest.raises(ValueError, match=r"'lane1\.reader' is already declared"):
        writer.interface(RSU)
    writer.header()
    with pytest.raises(ValueError, match=r"'lane1\.reader' is not declared"):
        writer.packet(ASKED)


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(order: str) -> None:
    data = (
        section(order)
        + port(order, option(order, 2, b"rsu"), option(order, 9, b"\x09"))
        + packet(order, 0, 0x0000_0001_0000_0002, b"abcde", option(order, 2, struct.pack(order + "I", 1)))
        + packet(order, 0, 3, b"", option(order, 2, struct.pack(order + "I", 0xFFFF_FFFE)))
    )
    packets = (
        Packet("rsu", 0x1_0000_0002, outbound=False, data=b"abcde"),
        Packet("rsu", 3, outbound=True, data=b""),
    )
    assert read(data) == Capture((Interface("rsu", ""),), packets, None)


def test_interface_numbers_restart_with_each_section_whatever_its_byte_order() -> None:
    data = (
        section("<", length=0)  # a Section Length that lies harms nothing
        + port("<", option("<", 2, b"rsu"))
        + packet("<", 0, 1, b"a")
        + section(">", minor=2)
        + port(">", option(">", 2, b"arm"))
        + port(">", option(">", 2, b"rsu"))
        + packet(">", 0, 2, b"b")
        + packet(">", 1, 3, b"c")
    )
    capture = read(data)
    assert capture.interfaces == (Interface("rsu", ""), Interface("arm", ""))
    assert [(p.interface, p.data) for p in capture.packets] == [("rsu", b"a"), ("arm", b"b"), ("rsu", b"c")]


@pytest.mark.parametrize(
    ("options", "stamp", "time_ns"),
    [
        ([], 1_700_000_000_123_456, 1_700_000_000_123_456_000),
        ([option("<", 9, b"\x00")], 1_700_000_000, 1_700_000_000_000_000_000),
        ([option("<", 9, b"\x0c")], 1_999, 1),
        ([option("<", 9, b"\x8a")], 1024 + 512, 1_500_000_000),
        ([option("<", 9, b"\xff")], 2**64 - 1, 0),
        ([option("<", 14, struct.pack("<q", -3))], 5_000_000, 2_000_000_000),
    ],
    ids=["microseconds by default", "seconds", "picoseconds", "1/1024 s", "2^-127 s", "if_tsoffset"],
)
def test_time_is_read_in_the_resolution_of_the_interface(options: list[bytes], stamp: int, time_ns: int) -> None:
    (read_packet,) = read(section("<") + port("<", *options) + packet("<", 0, stamp, b"x")).packets
    assert read_packet.time_ns == time_ns


def test_unknown_blocks_and_options_are_skipped() -> None:
    comment, custom = option("<", 1, b"remark"), option("<", 2988, b"\x00\x00\x00\x00etc")
    data = (
        section("<")
        + block("<", 0x0BAD, b"anything")
        + port("<", comment, option("<", 2, b"rsu"), custom)
        + block("<", 5, bytes(12))
        + packet("<", 0, 7, b"x", comment, custom)
        + block("<", 0x80000001, b"")
    )
    assert read(data) == Capture((Interface("rsu", ""),), (Packet("rsu", 7000, outbound=False, data=b"x"),), None)


def test_options_end_at_opt_endofopt() -> None:
    data = section("<") + port("<", option("<", 2, b"rsu"), option("<", 0, b""), option("<", 2, b"not me"))
    assert read(data).interfaces == (Interface("rsu", ""),)


def test_names_are_repaired_cut_at_a_zero_byte_or_made_from_the_number() -> None:
    data = section("<") + port("<") + port("<", option("<", 2, b"r\xffu\x00junk"), option("<", 3, b""))
    assert read(data + packet("<", 0, 0, b"x")).interfaces == (Interface("0", ""), Interface("r�u", ""))


def test_recording_that_was_cut_off_is_read_up_to_the_cut() -> None:
    whole = written()
    last = len(whole) - len(PACKET_X)
    assert read(whole[:-1]) == Capture((RSU, ARM), (ASKED,), last)
    assert read(whole[: last + 3]) == Capture((RSU, ARM), (ASKED,), last)
    assert read(whole[:last]) == Capture((RSU, ARM), (ASKED,), None)
    assert read(whole[:last] + struct.pack("<II", 6, 8)) == Capture((RSU, ARM), (ASKED,), last)
    assert read(b"") == Capture((), (), None)
    assert read(b"\n\r") == Capture((), (), 0)


def test_zeros_that_a_power_cut_left_at_the_end_count_as_cut_off() -> None:
    whole = written()
    last = len(whole) - len(PACKET_X)
    for kept in range(last, len(whole) - 4, 4):  # what the disk keeps ends on a page, so on a whole word
        assert read(whole[:kept] + bytes(4096 - kept)) == Capture((RSU, ARM), (ASKED,), last)
    with pytest.raises(CaptureError) as caught:
        read(whole[:last] + bytes(64) + whole[last:])
    assert caught.value.offset == last


INTACT = section("<") + port("<")


@pytest.mark.parametrize(
    ("data", "offset", "reason"),
    [
        (b"\xd4\xc3\xb2\xa1" + bytes(20), 0, "not a pcapng file"),
        (port("<"), 0, "not a pcapng file"),
        (b"\n\r\r\n\x1c\x00\x00\x00\x4d\x3c\x2b\x1b" + bytes(16), 0, "Byte-Order Magic 4d3c2b1b"),
        (block("<", 0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), 0, r"version 2\.0 is unknown"),
        (section("<", minor=1), 0, r"version 1\.1 is unknown"),
        (block("<", 0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D)), 0, "16 bytes are announced"),
        (INTACT + struct.pack("<III", 5, 8, 8), 48, "Block Total Length 8"),
        (INTACT + struct.pack("<IIII", 5, 0, 0, 5), 48, "Block Total Length 0"),
        (INTACT + struct.pack("<IIHIH", 5, 14, 0, 14, 0), 48, "Block Total Length 14"),
        (INTACT + struct.pack("<IIII", 5, 16, 0, 12), 48, "not repeated at the end"),
        (INTACT + block("<", 1, bytes(4)), 48, "8 bytes are announced where the block has only 4"),
        (INTACT + port("<", option("<", 9, b"")), 48, "an option whose length is fixed has 0 bytes"),
        (INTACT + port("<", option("<", 9, b"\x09\x00")), 48, "an option whose length is fixed has 2 bytes"),
        (INTACT + port("<", struct.pack("<HH", 2, 5) + b"name"), 48, "5 bytes are announced .* only 4"),
        (INTACT + packet("<", 1, 0, b"x"), 48, "of interface 1, the section has declared 1"),
        (INTACT + section("<") + packet("<", 0, 0, b"x"), 76, "of interface 0, the section has declared 0"),
        (INTACT + packet("<", 0, 0, b"x", option("<", 2, b"\x01")), 48, "fixed has 1 bytes"),
    ],
)
def test_what_is_broken_is_named_with_its_place(data: bytes, offset: int, reason: str) -> None:
    with pytest.raises(CaptureError, match=rf"^(不是 pcapng|抓包损坏，).* / .*{reason}") as caught:
        read(data)
    assert caught.value.offset == offset
    # That something is wrong at the very first byte says nothing.
    assert str(caught.value).endswith(f" (第 {offset} 字节 / at byte {offset})") is (offset > 0)


def test_a_classic_capture_is_to_be_saved_anew() -> None:
    with pytest.raises(CaptureError) as caught:
        read(b"\xd4\xc3\xb2\xa1" + bytes(20))
    assert str(caught.value) == (
        "不是 pcapng，请在 Wireshark 中另存为 pcapng / not a pcapng file; save it as pcapng in Wireshark"
    )


@pytest.mark.parametrize(
    "data",
    [
        INTACT + struct.pack("<II", 6, 0xFFFF_FFFC) + bytes(40),
        INTACT + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 0xFFFF_FFF0, 0xFFFF_FFF0)),
        INTACT + block("<", 1, bytes(8) + struct.pack("<HH", 2, 0xFFFF)),
    ],
    ids=["block", "packet", "option"],
)
def test_a_length_larger_than_the_data_is_not_allocated(data: bytes) -> None:
    tracemalloc.start()
    with suppress(CaptureError):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 1024
