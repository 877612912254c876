"""What framers promise for every stream, and what one flipped bit can and cannot do.

The CRC-16 of F2 and F3 sees every single flipped bit outside LEN. A flipped LEN moves the CRC to where chance alone
decides, 1 in 65536: that is shown on every bit of every golden frame, not claimed for all frames.

F1's BCC is the XOR of the bytes between the marks, escaped or not (rsu-protocol 1.1), so it too sees every flipped
bit there, inside an escape pair as well. It fails in one case only: a flip that makes an FF cuts the frame in two,
and one part, never both, may be a frame by itself.
"""

import csv
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.rsu.framing import F1, F1_SINGLE, F2, F3, LIMIT, F1Framer, Frame, Framer, Framing, Noise, bcc

ALL = pytest.mark.parametrize("framing", [F1, F1_SINGLE, F2, F3], ids=["F1", "F1 with one mark", "F2", "F3"])

# Bytes that framings care about come more often than others.
TELLING = st.sampled_from([b"\xff", b"\xff\xff", b"\xff\xff\x00", b"\xfe", b"\xfe\x00", b"\xfe\x01", b"\x00"])
DATA = st.lists(TELLING | st.binary(max_size=20), max_size=8).map(b"".join)
SEQUENCES = st.integers(0, 255)


def sent(framing: Framing, sequence: int) -> int:
    """The sequence that a frame of this family can carry: F3 has none."""
    return 0 if framing is F3 else sequence


def golden(framing: Framing) -> list[bytes]:
    path = Path(__file__).parents[1] / "golden" / "rsu-frames.tsv"
    with path.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t")
        return [bytes.fromhex(r["hex"]) for r in rows if (r["family"], r["checksum_ok"]) == (framing.family, "yes")]


def pieces_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(places)]


def cut(framing: Framing, *pieces: bytes) -> list[Frame | Noise]:
    """All that is found in a stream that ends."""
    framer = framing.framer()
    found = [item for piece in pieces for item in feed(framer, piece)]
    while framer.held:
        found += framer.resync()
    return found


def feed(framer: Framer, piece: bytes) -> list[Frame | Noise]:
    found = framer.feed(piece)
    assert framer.held <= LIMIT
    return found


def frames(found: list[Frame | Noise]) -> list[Frame]:
    return [item for item in found if isinstance(item, Frame)]


def meanings(found: list[Frame | Noise]) -> list[tuple[int, bytes]]:
    return [(frame.sequence, frame.data) for frame in frames(found)]


def noise(found: list[Frame | Noise]) -> list[tuple[int, int]]:
    """Place and value of every byte of noise, however it was given."""
    return [(item.offset + n, byte) for item in found if isinstance(item, Noise) for n, byte in enumerate(item.raw)]


def flip(raw: bytes, bit: int) -> bytes:
    flipped = bytearray(raw)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


@st.composite
def streams(draw: st.DrawFn, framing: Framing) -> bytes:
    """Frames whole and broken off, and anything between."""
    frame = st.builds(framing.encode, SEQUENCES, DATA)
    broken = st.builds(lambda raw, at: raw[: at % len(raw)], frame, st.integers(0, 1000))
    return b"".join(draw(st.lists(frame | broken | DATA, max_size=8)))


CUTS = st.lists(st.integers(0, 1 << 16), max_size=8)


@ALL
@given(st.lists(st.tuples(SEQUENCES, DATA), max_size=6), CUTS)
def test_frames_are_found_however_they_are_split(
    framing: Framing, said: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    said = [(sent(framing, sequence), data) for sequence, data in said]
    raws = [framing.encode(sequence, data) for sequence, data in said]
    found = cut(framing, *pieces_of(b"".join(raws), cuts))
    assert meanings(found) == said
    assert [item.raw for item in found] == raws


@ALL
@given(st.data(), CUTS)
def test_any_stream_is_cut_alike_however_it_is_split(
    framing: Framing, data: st.DataObject, cuts: list[int]
) -> None:
    stream = data.draw(streams(framing))
    whole, split = cut(framing, stream), cut(framing, *pieces_of(stream, cuts))
    assert frames(whole) == frames(split)
    assert noise(whole) == noise(split)


@ALL
@given(st.data(), CUTS)
def test_every_byte_is_given_once_and_in_its_place(framing: Framing, data: st.DataObject, cuts: list[int]) -> None:
    stream = data.draw(streams(framing))
    place = 0
    left_out = b""
    for item in cut(framing, *pieces_of(stream, cuts)):
        assert item.offset >= place
        assert item.raw == stream[item.offset : item.offset + len(item.raw)]
        left_out += stream[place : item.offset]
        place = item.offset + len(item.raw)
    left_out += stream[place:]
    if framing.family == "F1":
        assert left_out.strip(b"\xff") == b""  # spare marks are neither frame nor noise
    else:
        assert left_out == b""


@ALL
@given(st.data(), st.integers(0, 1000), SEQUENCES, DATA)
def test_frame_is_found_after_any_stream_given_up(
    framing: Framing, data: st.DataObject, at: int, sequence: int, content: bytes
) -> None:
    stream = data.draw(streams(framing))
    framer = framing.framer()
    feed(framer, stream[: at % (len(stream) + 1)])
    while framer.held:
        framer.resync()
    assert meanings(framer.feed(framing.encode(sequence, content))) == [(sent(framing, sequence), content)]


@given(SEQUENCES, DATA)
def test_f1_has_no_mark_inside(sequence: int, data: bytes) -> None:
    raw = F1.encode(sequence, data)
    assert raw.count(b"\xff") == 3
    assert bcc(raw[2:-1]) == 0


# --- one flipped bit -----------------------------------------------------------------------------------------

LEN = {"F2": range(4, 8), "F3": range(2, 4)}
"""The bytes of LEN."""

SHORT = st.lists(TELLING | st.binary(max_size=8), max_size=4).map(b"".join)
EVERY_BIT = settings(max_examples=settings().max_examples * 2 // 5)


@pytest.mark.parametrize("framing", [F2, F3], ids=["F2", "F3"])
@EVERY_BIT
@given(SEQUENCES, SHORT)
def test_a_flipped_bit_outside_len_is_never_a_frame(framing: Framing, sequence: int, data: bytes) -> None:
    raw = framing.encode(sequence, data)
    for bit in range(len(raw) * 8):
        if bit // 8 not in LEN[framing.family]:
            assert frames(cut(framing, flip(raw, bit))) == []


@EVERY_BIT
@given(SEQUENCES, SHORT)
def test_f1_flipped_bit_that_makes_no_mark_is_never_another_frame(sequence: int, data: bytes) -> None:
    raw = F1.encode(sequence, data)
    for bit in range(len(raw) * 8):
        flipped = flip(raw, bit)
        found = meanings(cut(F1, flipped))
        if bit // 8 == 0:
            assert found == [(sequence, data)]  # one start mark is enough
        elif flipped[bit // 8] == 0xFF:
            assert len(found) <= 1  # a part of the frame
        else:
            assert found == []


def test_f1_flip_that_makes_a_mark_can_leave_a_frame() -> None:
    raw = F1.encode(0x81, bytes.fromhex("817f"))
    flipped = raw.replace(b"\x7f", b"\xff")
    assert meanings(F1Framer().feed(flipped)) == [(0x81, b"")]


@ALL
def test_flipped_bit_of_a_golden_frame_costs_that_frame_only(framing: Framing) -> None:
    raws = golden(framing)
    other = raws[0]
    expected = meanings(cut(framing, other, other))
    for raw in raws:
        for bit in range(len(raw) * 8):
            found = meanings(cut(framing, other, flip(raw, bit), other))
            if found != expected:
                assert framing.family == "F1"
                assert bit // 8 == 0
                assert found == meanings(cut(framing, other, raw, other))
