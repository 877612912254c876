"""Cutting the antenna's byte stream into frames, and making frames: families F1, F2 and F3.

Source: rsu-protocol 1 (checksums), 2 (F1), 5 (F2), 9 (F3). A framer takes bytes as they come and gives frames and
noise in the order of the stream; it never raises, and never holds more than `LIMIT` bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial, reduce
from operator import xor
from typing import Protocol

from protocols.crc import crc_x25
from protocols.errors import FrameError
from protocols.immutable import dataclass

LIMIT = 2048
"""Bytes that a framer holds at most. The largest message known is B7 of F2 with some 512 bytes; twice its
worst escaped form still fits."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame whose checksum is right. `data` starts with the command byte; empty = the empty answer of F1.

    `raw` is the frame as it stood in the stream, `offset` where: bytes from the start of the stream.
    """

    sequence: int
    data: bytes
    raw: bytes
    offset: int


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes that are no frame, and why; `offset` as in `Frame`."""

    raw: bytes
    reason: str
    offset: int


class BadChecksum(Noise):
    """A frame but for its checksum."""

    __slots__ = ()


class Framer(Protocol):
    """Cuts a stream. `resync` gives up an unfinished frame, for a caller whose clock says it will not come."""

    def feed(self, data: bytes) -> list[Frame | Noise]:
        """Take the next bytes; give what they complete."""
        ...

    def resync(self) -> list[Frame | Noise]:
        """Treat an unfinished frame as noise and give what is found inside it."""
        ...

    @property
    def held(self) -> int:
        """Bytes held back because their frame is not complete; at most LIMIT."""
        ...


@dataclass(frozen=True, slots=True)
class Framing:
    """One family: how frames are made and cut, and which sequence byte goes with what.

    `reply` makes the sequence of an answer from that of the frame answered and our counter of frames,
    `start` that of a frame of our own; `report` that of the antenna's n-th frame.
    """

    family: str
    encode: Callable[[int, bytes], bytes]
    framer: Callable[[], Framer]
    reply: Callable[[int, int], int]
    start: Callable[[int], int]
    report: Callable[[int], int]


# --- F1: FF FF | RSCTL | DATA | BCC | FF, FF and FE escaped between -----------------------------------------

_MARK = 0xFF
_ESCAPES = {b"\x00": b"\xfe", b"\x01": b"\xff"}


def bcc(data: bytes) -> int:
    """XOR of all bytes, RSCTL to the last of DATA. rsu-protocol 1.1 [cap, 2+]."""
    return reduce(xor, data, 0)


def _escape(data: bytes) -> bytes:
    return data.replace(b"\xfe", b"\xfe\x00").replace(b"\xff", b"\xfe\x01")


def _unescape(data: bytes) -> bytes:
    """Raises FrameError for an FE that is followed by neither 00 nor 01 (rsu-protocol 2.2 [inf])."""
    first, *rest = data.split(b"\xfe")
    parts = [first]
    offset = len(first)
    for part in rest:
        if part[:1] not in _ESCAPES:
            raise FrameError("FE must be followed by 00 or 01", offset)
        parts += (_ESCAPES[part[:1]], part[1:])
        offset += 1 + len(part)
    return b"".join(parts)


def f1_encode(sequence: int, data: bytes) -> bytes:
    """One F1 frame; empty `data` makes the empty answer."""
    body = bytes((sequence, *data))
    return b"\xff\xff" + _escape(body + bytes((bcc(body),))) + b"\xff"


class F1Framer:
    """F1 holds no FF between its marks, so the stream is cut at FF; any run of FF may start a frame [inf]."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._offset = 0  # of the byte after what is held
        self._given = 0  # where the last frame or noise ended
        self._astray = (
            True  # no FF yet since the stream began or a frame was given up: this is no frame's beginning
        )

    @property
    def held(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame | Noise]:
        """Take the next bytes; give the frames and the noise that they complete."""
        found: list[Frame | Noise] = []
        for byte in data:
            if byte == _MARK:
                if self._held:
                    found.append(self._noise("no start mark FF") if self._astray else self._cut())
                self._offset += 1
                self._astray = False
                continue
            self._held.append(byte)
            self._offset += 1
            if len(self._held) == LIMIT:
                found.append(self._noise(f"no end mark within {LIMIT} bytes"))
                self._astray = True
        return found

    def resync(self) -> list[Frame | Noise]:
        """Give up the unfinished frame: the next FF starts afresh."""
        if not self._held:
            return []
        self._astray = True
        return [self._noise("unfinished frame")]

    def _cut(self) -> Frame | Noise:
        try:
            body = _unescape(bytes(self._held))
        except FrameError as error:
            return self._noise(str(error))
        if len(body) < 2:
            return self._noise("shorter than RSCTL and BCC")
        if bcc(body[:-1]) != body[-1]:
            return self._noise(f"BCC is {body[-1]:02x}, the bytes give {bcc(body[:-1]):02x}", BadChecksum)
        begin = self._offset - len(self._held)
        start = max(self._given, begin - 2)  # some send one FF (2.2 [1]), and an end mark is not a start mark too
        frame = Frame(body[0], body[1:-1], b"\xff" * (begin - start) + self._held + b"\xff", start)
        self._given = self._offset + 1
        self._held.clear()
        return frame

    def _noise(self, reason: str, kind: type[Noise] = Noise) -> Noise:
        noise = kind(bytes(self._held), reason, self._offset - len(self._held))
        self._given = self._offset
        self._held.clear()
        return noise


def _f1_encode_single(sequence: int, data: bytes) -> bytes:
    return f1_encode(sequence, data)[1:]


def _swap_nibbles(sequence: int) -> int:
    return sequence >> 4 | (sequence & 0x0F) << 4


F1 = Framing(
    family="F1",
    encode=f1_encode,
    framer=F1Framer,
    reply=lambda received, _count: _swap_nibbles(received),  # rsu-protocol 2.3 [2+]
    start=lambda count: 0x80 | count % 8,  # 8X of the PC's choice, 2.3
    report=lambda count: (count % 8) << 4 | 8,  # X8, 2.3; antennas use a constant per frame type instead
)


F1_SINGLE = replace(F1, encode=_f1_encode_single)
"""F1 with a single FF before RSCTL (rsu-protocol 2.2 [1: JS]); its frames are heard either way."""


# --- F2: FF FF | VER | SEQ | LEN 4 | DATA | CRC 2, and F3: FF FF | LEN 2 | DATA | CRC 2 ----------------------


def f2_encode(sequence: int, data: bytes) -> bytes:
    """One F2 frame."""
    body = bytes((0, sequence)) + len(data).to_bytes(4, "big") + data
    return b"\xff\xff" + body + crc_x25(body).to_bytes(2, "big")


def f3_encode(_sequence: int, data: bytes) -> bytes:
    """One F3 frame; the family has no sequence."""
    body = len(data).to_bytes(2, "big") + data
    return b"\xff\xff" + body + crc_x25(body).to_bytes(2, "big")


class LengthFramer:
    """No end mark and no escape: cut by LEN, trusted by CRC, and searched anew one byte on where it lies.

    `start` is what every frame begins with, `length` where LEN stands; DATA follows it. `sequence` is the place of
    SEQ, None where there is none.
    """

    def __init__(self, start: bytes, length: slice, sequence: int | None) -> None:
        self._start = start
        self._length = length
        self._header: int = length.stop
        self._sequence = sequence
        self._held = bytearray()
        self._offset = 0

    @property
    def held(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Frame | Noise]:
        """Take the next bytes; give the frames and the noise that they complete."""
        found: list[Frame | Noise] = []
        for start in range(0, len(data), LIMIT // 2):
            self._held += data[start : start + LIMIT // 2]
            found += self._scan()
        return found

    def resync(self) -> list[Frame | Noise]:
        """Give up the unfinished frame: what follows its first byte is searched for another."""
        if not self._held:
            return []
        noise = self._give_up("unfinished frame")
        return [noise, *self._scan()]

    def _scan(self) -> Iterator[Frame | Noise]:
        while self._held:
            start = self._find_start(0)
            if start:
                yield self._drop(start, f"no start {self._start.hex(' ').upper()}")
                continue
            if len(self._held) < self._header:
                return
            length = int.from_bytes(self._held[self._length], "big")
            end = self._header + length + 2
            if end > LIMIT // 2:
                yield self._give_up(f"LEN {length} is over {LIMIT // 2 - self._header - 2}")
                continue
            if len(self._held) < end:
                return
            yield self._cut(end)

    def _find_start(self, begin: int) -> int:
        """The first place from `begin` on where a frame starts or, at the end of what is held, still may."""
        at = self._held.find(self._start, begin)
        if at >= 0:
            return at
        begun = (n for n in range(len(self._start) - 1, 0, -1) if self._held.endswith(self._start[:n]))
        return max(begin, len(self._held) - next(begun, 0))

    def _cut(self, end: int) -> Frame | Noise:
        raw = bytes(self._held[:end])
        stated, right = int.from_bytes(raw[-2:], "big"), crc_x25(raw[2:-2])
        if stated != right:
            return self._give_up(f"CRC is {stated:04x}, the bytes give {right:04x}", BadChecksum)
        sequence = 0 if self._sequence is None else raw[self._sequence]
        frame = Frame(sequence, raw[self._header : -2], raw, self._offset)
        self._advance(end)
        return frame

    def _give_up(self, reason: str, kind: type[Noise] = Noise) -> Noise:
        """No frame starts here: all up to where another may is noise."""
        return self._drop(self._find_start(1), reason, kind)

    def _drop(self, count: int, reason: str, kind: type[Noise] = Noise) -> Noise:
        noise = kind(bytes(self._held[:count]), reason, self._offset)
        self._advance(count)
        return noise

    def _advance(self, count: int) -> None:
        del self._held[:count]
        self._offset += count


F2Framer = partial(LengthFramer, start=b"\xff\xff\x00", length=slice(4, 8), sequence=3)
F3Framer = partial(LengthFramer, start=b"\xff\xff", length=slice(2, 4), sequence=None)

F2 = Framing(
    family="F2",
    encode=f2_encode,
    framer=F2Framer,
    # Whether an answer must carry the swapped SEQ is not stated; own counters work (rsu-protocol 5 [inf]).
    reply=lambda _received, count: (count % 9 + 1) << 4,
    start=lambda count: (count % 9 + 1) << 4,
    report=lambda count: count % 9 + 1,
)

F3 = Framing(
    family="F3",
    encode=f3_encode,
    framer=F3Framer,
    reply=lambda _received, _count: 0,
    start=lambda _count: 0,
    report=lambda _count: 0,
)
