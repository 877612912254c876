"""No bytes, however hostile, bring out anything but a ProtocolError, nor make a framer hold more than its limit.

Half of the inputs are golden frames, mutated and given a right checksum again, so that they pass the framers; the
other half is anything. A failure names seed, number and bytes of its input.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from protocols.codec import plain
from protocols.crc import crc_x25
from protocols.errors import ProtocolError
from protocols.rsu.dialect import Dialect, load, names
from protocols.rsu.framing import LIMIT, Frame, Framer

DIALECTS = [load(name) for name in names()]
FAMILIES = {
    each.framing.family: [other for other in DIALECTS if other.framing.family == each.framing.family]
    for each in DIALECTS
}
TELLING = (b"\xff", b"\xff\xff", b"\xff\xff\x00", b"\xfe", b"\xfe\x00", b"\xfe\x01", b"\x00" * 6, b"\xff" * 6)
MOST = 300
"""Bytes of random data; the longest golden frame has some 190."""


def golden_frames() -> list[tuple[Dialect, Frame]]:
    path = Path(__file__).parents[1] / "golden" / "rsu-frames.tsv"
    with path.open(encoding="utf-8", newline="") as table:
        rows = [row for row in csv.DictReader(table, delimiter="\t") if row["checksum_ok"] == "yes"]
    found: list[tuple[Dialect, Frame]] = []
    for row in rows:
        dialects = FAMILIES[row["family"]]
        cut = dialects[0].framing.framer().feed(bytes.fromhex(row["hex"]))
        found += [(dialect, frame) for frame in cut for dialect in dialects if isinstance(frame, Frame)]
    return found


GOLDEN = golden_frames()


# --- golden frames, mutated ----------------------------------------------------------------------------------


def flip_bit(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] ^= 1 << random.randrange(8)


def set_byte(random: Random, data: bytearray) -> None:
    data[random.randrange(len(data))] = random.choice((0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF))


def truncate(random: Random, data: bytearray) -> None:
    del data[random.randrange(len(data)) :]


def cut_out(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    del data[at : at + random.randrange(12)]


def insert(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data) + 1)
    data[at:at] = random.choice((random.randbytes(random.randrange(12)), random.choice(TELLING)))


def repeat(random: Random, data: bytearray) -> None:
    at = random.randrange(len(data))
    data[at:at] = data[at : at + random.randrange(60)]


MUTATIONS: tuple[Callable[[Random, bytearray], None], ...] = (flip_bit, set_byte, truncate, cut_out, insert, repeat)


def mutated(random: Random) -> tuple[bytes, bytes]:
    """A stream and the DATA in it: a golden frame gone wrong, with a checksum that is right for what it became."""
    dialect, frame = random.choice(GOLDEN)
    data = bytearray(frame.data)
    for _ in range(random.randrange(1, 4)):
        if data:
            random.choice(MUTATIONS)(random, data)
    if dialect.framing.family == "F2" and random.random() < 0.2:
        return with_lying_len(random, frame.sequence, bytes(data)), bytes(data)
    return dialect.framing.encode(random.choice((frame.sequence, random.randrange(256))), bytes(data)), bytes(data)


def with_lying_len(random: Random, sequence: int, data: bytes) -> bytes:
    lie = random.choice((len(data) + random.randrange(-3, 4), random.randrange(1 << 16), random.getrandbits(32)))
    body = bytes((0, sequence)) + max(0, lie).to_bytes(4, "big") + data
    return b"\xff\xff" + body + crc_x25(body).to_bytes(2, "big")


# --- anything ------------------------------------------------------------------------------------------------


def scraps(random: Random) -> bytes:
    """Random bytes, telling bytes and broken golden frames, in a row."""
    parts = []
    for _ in range(random.randrange(6)):
        raw = random.choice(GOLDEN)[1].raw
        parts.append(
            random.choice(
                (random.randbytes(random.randrange(40)), random.choice(TELLING), raw[: random.randrange(len(raw))])
            )
        )
    return b"".join(parts)


def anything(random: Random) -> tuple[bytes, bytes]:
    """A stream and DATA: a known command with random content, or scraps without any order."""
    dialect = random.choice(DIALECTS)
    table = random.choice((*dialect.from_antenna, *dialect.from_pc))
    size = table.size()
    if size is None or random.random() < 0.2:
        size = random.randrange(MOST)
    data = bytes((table.COMMAND,)) + random.choice((random.randbytes, bytes))(size)
    if random.random() < 0.5:
        return dialect.framing.encode(random.randrange(256), data), data
    return scraps(random), data


# --- what takes them -----------------------------------------------------------------------------------------


def take(framer: Framer, random: Random, stream: bytes) -> list[bytes]:
    """DATA of the frames found in a stream fed in two pieces; whatever is left is given up half of the time."""
    found = []
    at = random.randrange(len(stream) + 1)
    for piece in (stream[:at], stream[at:]):
        found += framer.feed(piece)
        assert framer.held <= LIMIT
    while framer.held and random.random() < 0.9:
        found += framer.resync()
        assert framer.held <= LIMIT
    return [item.data for item in found if isinstance(item, Frame)]


def understand(dialect: Dialect, data: bytes) -> int:
    """1 if these bytes are a message, 0 if they are refused as they should be."""
    try:
        message = dialect.decode(data)
    except ProtocolError:
        return 0
    assert isinstance(dialect.hear(message), tuple)
    plain(message)
    return 1


def attack(seed: int, inputs: int) -> None:
    random = Random(seed)
    framers = {family: dialects[0].framing.framer() for family, dialects in FAMILIES.items()}
    understood = 0
    for number in range(inputs):
        stream, data = mutated(random) if number % 2 else anything(random)
        try:
            for family, dialects in FAMILIES.items():
                for found in (data, *take(framers[family], random, stream)):
                    understood += understand(random.choice(dialects), found)
        except Exception as error:
            raise AssertionError(f"seed {seed}, input {number}: {stream.hex()} {data.hex()}") from error
    assert understood > inputs // 2  # hostile, yet not so wild that no message table was ever reached


@pytest.mark.parametrize("seed", [1, 2])
def test_hostile_bytes(seed: int) -> None:
    attack(seed, 10_000)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(100, 110))
def test_a_million_hostile_inputs(seed: int) -> None:
    attack(seed, 100_000)
