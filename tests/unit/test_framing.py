import pytest

from protocols.crc import crc_x25
from protocols.rsu.framing import (
    F1,
    F2,
    LIMIT,
    BadChecksum,
    F1Framer,
    F2Framer,
    Frame,
    Framer,
    Framing,
    Noise,
    bcc,
    f1_encode,
    f2_encode,
)

# A soulin B3 and a Wanji B5, both captured (tests/golden/rsu-frames.tsv).
B3 = bytes.fromhex("ffff58b36a81353e00b2e241313233343500000000000001002aff")
B5 = bytes.fromhex("ffff000900000024b5652bc7a30001370004727f20210104171356090001570bf7dc003f00000023fa0a1dcfb5bc")

F2_MOST = LIMIT // 2 - 10  # start 2, VER 1, SEQ 1, LEN 4, CRC 2


def cut(framer: Framer, *pieces: bytes) -> list[Frame | Noise]:
    return [item for piece in pieces for item in framer.feed(piece)]


def to_end(framer: Framer, stream: bytes) -> list[Frame | Noise]:
    found = framer.feed(stream)
    while framer.held:
        found += framer.resync()
    return found


def frames(found: list[Frame | Noise]) -> list[Frame]:
    return [item for item in found if isinstance(item, Frame)]


def noises(found: list[Frame | Noise]) -> list[Noise]:
    return [item for item in found if isinstance(item, Noise)]


# --- checksums -----------------------------------------------------------------------------------------------


def test_crc_check_value() -> None:
    assert crc_x25(b"123456789") == 0x906E


def test_crc_of_nothing() -> None:
    assert crc_x25(b"") == 0


@pytest.mark.parametrize(("data", "value"), [("", 0), ("81", 0x81), ("874c00", 0xCB), ("1dc200000000", 0xDF)])
def test_bcc(data: str, value: int) -> None:
    assert bcc(bytes.fromhex(data)) == value


# --- both families -------------------------------------------------------------------------------------------

CAPTURED = pytest.mark.parametrize(("framing", "raw"), [(F1, B3), (F2, B5)], ids=["F1", "F2"])
BOTH = pytest.mark.parametrize("framing", [F1, F2], ids=["F1", "F2"])


@CAPTURED
def test_split_at_every_byte(framing: Framing, raw: bytes) -> None:
    [whole] = framing.framer().feed(raw)
    for at in range(len(raw) + 1):
        assert cut(framing.framer(), raw[:at], raw[at:]) == [whole]
    assert cut(framing.framer(), *(bytes([byte]) for byte in raw)) == [whole]


@CAPTURED
def test_nothing_is_given_before_the_last_byte(framing: Framing, raw: bytes) -> None:
    framer = framing.framer()
    assert framer.feed(raw[:-1]) == []
    assert 0 < framer.held < len(raw)
    assert len(framer.feed(raw[-1:])) == 1
    assert framer.held == 0


@CAPTURED
def test_joined_frames_have_their_offsets(framing: Framing, raw: bytes) -> None:
    found = framing.framer().feed(raw * 3)
    assert [(item.raw, item.offset) for item in frames(found)] == [(raw, n * len(raw)) for n in range(3)]
    assert noises(found) == []


@BOTH
def test_empty_data_is_a_frame(framing: Framing) -> None:
    [frame] = framing.framer().feed(framing.encode(0x81, b""))
    assert isinstance(frame, Frame)
    assert (frame.sequence, frame.data) == (0x81, b"")


@BOTH
def test_every_sequence_and_every_byte_survives(framing: Framing) -> None:
    data = bytes(range(256))
    for sequence in range(256):
        [frame] = framing.framer().feed(framing.encode(sequence, data))
        assert isinstance(frame, Frame)
        assert (frame.sequence, frame.data) == (sequence, data)


@CAPTURED
def test_resync_of_nothing_is_nothing(framing: Framing, raw: bytes) -> None:
    framer = framing.framer()
    assert framer.resync() == []
    framer.feed(raw)
    assert framer.resync() == []


@CAPTURED
def test_unfinished_frame_is_held_and_given_up(framing: Framing, raw: bytes) -> None:
    framer = framing.framer()
    assert framer.feed(raw[:-1]) == []
    found = to_end(framer, b"")
    assert {item.reason for item in noises(found)} == {"unfinished frame"}
    assert raw[:-1].endswith(b"".join(item.raw for item in found))
    assert framer.held == 0


@CAPTURED
def test_frame_after_one_given_up(framing: Framing, raw: bytes) -> None:
    framer = framing.framer()
    framer.feed(raw[:9])
    while framer.held:
        framer.resync()
    [frame] = frames(framer.feed(raw))
    assert (frame.raw, frame.offset) == (raw, 9)


@CAPTURED
def test_noise_before_and_between(framing: Framing, raw: bytes) -> None:
    noise = b"\x00\x01no frame\xfe"
    stream = noise + raw + noise + raw
    found = framing.framer().feed(stream)
    assert [frame.offset for frame in frames(found)] == [len(noise), 2 * len(noise) + len(raw)]
    assert b"".join(item.raw for item in noises(found)) == noise * 2
    for item in found:
        assert stream[item.offset : item.offset + len(item.raw)] == item.raw


@BOTH
def test_held_is_bounded(framing: Framing) -> None:
    for filler in (b"\x00", b"\xff", b"\xff\xff\x00", b"\xff\xff\x00\x01\x00\x00\x03\xf6"):
        framer = framing.framer()
        for _ in range(3 * LIMIT // len(filler)):
            framer.feed(filler)
            assert framer.held <= LIMIT
        framer.feed(filler * LIMIT)
        assert framer.held <= LIMIT


# --- F1 ------------------------------------------------------------------------------------------------------


def test_f1_escapes_data() -> None:
    raw = f1_encode(0x08, bytes.fromhex("b2ffffffffff00fe01"))
    assert raw.hex() == "ffff08b2" + "fe01" * 5 + "00" + "fe00" + "01" + "ba" + "ff"
    [frame] = F1Framer().feed(raw)
    assert isinstance(frame, Frame)
    assert frame.data == bytes.fromhex("b2ffffffffff00fe01")


@pytest.mark.parametrize(("obu_id", "tail"), [("6a813563", "fe01ff"), ("6a813562", "fe00ff")])
def test_f1_escapes_bcc(obu_id: str, tail: str) -> None:
    data = bytes.fromhex(f"c2{obu_id}01")
    raw = f1_encode(0x81, data)
    assert raw.hex().endswith(tail)
    [frame] = F1Framer().feed(raw)
    assert isinstance(frame, Frame)
    assert frame.data == data


@pytest.mark.parametrize("sequence", [0xFE, 0xFF])
def test_f1_escapes_sequence(sequence: int) -> None:
    [frame] = F1Framer().feed(f1_encode(sequence, b"\xb2"))
    assert isinstance(frame, Frame)
    assert frame.sequence == sequence


@pytest.mark.parametrize("marks", [1, 2, 3, 7, 5000])
def test_f1_run_of_marks_starts_a_frame(marks: int) -> None:
    stream = b"\xff" * marks + B3[2:]
    [frame] = F1Framer().feed(stream)
    assert isinstance(frame, Frame)
    assert frame.data == B3[3:-2]
    assert frame.raw == stream[frame.offset :]
    assert len(frame.raw) - len(B3[2:]) == min(marks, 2)


def test_f1_one_mark_between_two_frames() -> None:
    body = B3[2:-1]
    found = F1Framer().feed(b"\xff\xff" + body + b"\xff" + body + b"\xff")
    assert [(item.offset, item.raw) for item in frames(found)] == [(0, B3), (len(B3), body + b"\xff")]


def test_f1_bytes_before_the_first_mark_are_no_frame() -> None:
    assert F1Framer().feed(b"\x81\x81\xff") == [Noise(b"\x81\x81", "no start mark FF", 0)]


@pytest.mark.parametrize(
    ("hexes", "at"), [("08b2fe02", 2), ("08b2fefe", 2), ("08b2fe", 2), ("fe02", 0), ("08fe00b2fe0101fe02", 7)]
)
def test_f1_wrong_escape(hexes: str, at: int) -> None:
    body = bytes.fromhex(hexes)
    found = F1Framer().feed(b"\xff\xff" + body + b"\xff" + B3)
    assert found[0] == Noise(body, f"FE must be followed by 00 or 01 (at byte {at})", 2)
    assert [frame.raw for frame in frames(found)] == [B3]


def test_f1_wrong_bcc() -> None:
    [noise] = F1Framer().feed(bytes.fromhex("ffff80c40146ff"))
    assert noise == BadChecksum(bytes.fromhex("80c40146"), "BCC is 46, the bytes give 45", 2)
    assert type(noise) is BadChecksum


@pytest.mark.parametrize("body", ["00", "81", "fe00"])
def test_f1_too_short(body: str) -> None:
    raw = bytes.fromhex(body)
    assert F1Framer().feed(b"\xff\xff" + raw + b"\xff") == [Noise(raw, "shorter than RSCTL and BCC", 2)]


def test_f1_overlong_frame_is_noise_to_its_end() -> None:
    body = bytes(LIMIT + 10)
    found = F1Framer().feed(b"\xff\xff" + body + b"\xff" + B3)
    assert [(item.offset, len(item.raw)) for item in noises(found)] == [(2, LIMIT), (2 + LIMIT, 10)]
    assert noises(found)[0].reason == f"no end mark within {LIMIT} bytes"
    [frame] = frames(found)
    assert (frame.raw, frame.offset) == (B3, 3 + len(body))


def test_f1_frame_after_one_that_ends_at_the_limit() -> None:
    found = F1Framer().feed(b"\xff\xff" + bytes(LIMIT) + b"\xff" + B3)
    assert [frame.raw for frame in frames(found)] == [B3]


def test_f1_rest_of_a_frame_given_up_is_no_frame() -> None:
    # The rest is a whole frame by its BCC: only the start mark tells that it is none.
    framer = F1Framer()
    framer.feed(b"\xff\xff\x08\xb2\x00")
    assert framer.resync() == [Noise(b"\x08\xb2\x00", "unfinished frame", 2)]
    found = framer.feed(b"\x81\x81\xff" + B3)
    assert found[0] == Noise(b"\x81\x81", "no start mark FF", 5)
    assert [(frame.raw, frame.offset) for frame in frames(found)] == [(B3, 8)]


def test_f1_longest_frame() -> None:
    data = bytes(LIMIT - 3)
    [frame] = F1Framer().feed(f1_encode(0x08, data))
    assert isinstance(frame, Frame)
    assert frame.data == data


# --- F2 ------------------------------------------------------------------------------------------------------


def test_f2_run_of_ff_before_the_start() -> None:
    found = F2Framer().feed(b"\xff" * 5 + B5)
    assert found == [Noise(b"\xff" * 5, "no start FF FF 00", 0), Frame(9, B5[8:-2], B5, 5)]


def test_f2_has_no_escape() -> None:
    data = bytes.fromhex("b2fffffe00fe01ffff00")
    assert data in f2_encode(1, data)


def test_f2_wrong_crc_is_one_noise() -> None:
    found = F2Framer().feed(B5[:-1] + b"\xbd")
    assert found == [BadChecksum(B5[:-1] + b"\xbd", "CRC is b5bd, the bytes give b5bc", 0)]


def test_f2_frame_after_a_wrong_crc() -> None:
    found = F2Framer().feed(B5[:-1] + b"\xbd" + B5)
    assert [frame.offset for frame in frames(found)] == [len(B5)]


def test_f2_len_too_large() -> None:
    broken = B5[:4] + b"\x00\x00\x03\xf7" + B5[8:]
    found = F2Framer().feed(broken + B5)
    assert found == [
        Noise(broken, f"LEN {F2_MOST + 1} is over {F2_MOST}", 0),
        Frame(9, B5[8:-2], B5, len(broken)),
    ]


@pytest.mark.parametrize("length", [F2_MOST + 1, 1 << 16, 1 << 24, (1 << 32) - 1])
def test_f2_len_too_large_is_seen_at_once(length: int) -> None:
    head = b"\xff\xff\x00\x01" + length.to_bytes(4, "big")
    framer = F2Framer()
    assert framer.feed(head[:-1]) == []
    [noise, *_] = noises(framer.feed(head[-1:]))
    assert noise.reason == f"LEN {length} is over {F2_MOST}"


def test_f2_longest_frame() -> None:
    data = bytes(F2_MOST)
    [frame] = F2Framer().feed(f2_encode(1, data))
    assert isinstance(frame, Frame)
    assert frame.data == data


def test_f2_wrong_len_swallows_what_resync_gives_back() -> None:
    framer = F2Framer()
    broken = B5[:4] + b"\x00\x00\x01\x24" + B5[8:]
    assert framer.feed(broken + B5 + B5) == []
    assert framer.held == 3 * len(B5)
    found = framer.resync()
    assert found == [
        Noise(broken, "unfinished frame", 0),
        Frame(9, B5[8:-2], B5, len(B5)),
        Frame(9, B5[8:-2], B5, 2 * len(B5)),
    ]
    assert framer.held == 0


def test_f2_wrong_len_is_found_by_the_frames_that_fill_it() -> None:
    broken = B5[:4] + b"\x00\x00\x00\x40" + B5[8:]
    found = F2Framer().feed(broken + B5 + B5)
    assert isinstance(found[0], BadChecksum)
    assert [frame.offset for frame in frames(found)] == [len(B5), 2 * len(B5)]


def test_f2_wrong_len_too_small_leaves_a_tail() -> None:
    broken = B5[:4] + b"\x00\x00\x00\x20" + B5[8:]
    found = F2Framer().feed(broken + B5)
    assert b"".join(item.raw for item in noises(found)) == broken
    assert [frame.offset for frame in frames(found)] == [len(B5)]


def test_f2_other_version_is_noise() -> None:
    assert frames(F2Framer().feed(B5[:2] + b"\x01" + B5[3:])) == []


def test_f2_start_split_from_its_noise() -> None:
    found = cut(F2Framer(), b"\x12\xff", b"\xff", B5[2:])
    assert found == [Noise(b"\x12", "no start FF FF 00", 0), Frame(9, B5[8:-2], B5, 1)]


# --- sequences -----------------------------------------------------------------------------------------------


def test_f1_answer_swaps_nibbles() -> None:
    assert [F1.reply(received, 5) for received in (0x18, 0x98, 0x08, 0x58)] == [0x81, 0x89, 0x80, 0x85]


def test_f1_own_sequences() -> None:
    assert [F1.start(n) for n in range(9)] == [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x80]
    assert [F1.report(n) for n in range(9)] == [0x08, 0x18, 0x28, 0x38, 0x48, 0x58, 0x68, 0x78, 0x08]


def test_f2_sequences_run_from_1_to_9() -> None:
    assert [F2.report(n) for n in range(10)] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]
    assert [F2.start(n) for n in range(10)] == [n << 4 for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)]
    assert [F2.reply(7, n) for n in range(10)] == [F2.start(n) for n in range(10)]
