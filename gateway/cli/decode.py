"""`etclane decode`: what captured bytes say, frame by frame, as plain data that JSON can carry."""

import re
from collections.abc import Iterable, Iterator

from protocols.codec import Record, plain
from protocols.errors import MessageError
from protocols.obu.files import STATION_SIZE, Station2019, StationOld
from protocols.rsu.dialect import Dialect
from protocols.rsu.framing import BadChecksum, Frame, Framer, Noise
from protocols.rsu.message import Message

STATION_TAG = 0xAA
"""First byte of a 0019 that was ever written (rsu-protocol 8.2)."""

_GROUP = re.compile(r"[^\s:]+")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")


class HexError(ValueError):
    """Text that is no hex; says in which of the texts and at which character, both counted from 1."""

    def __init__(self, reason: str, text: int, character: int) -> None:
        super().__init__(f"text {text}, character {character}: {reason}")
        self.text = text
        self.character = character


def parse_hex(texts: Iterable[str]) -> bytes:
    """The bytes that arguments or lines of hex name, in order; spaces, colons and 0x before digits are skipped.

    Raises HexError for any other character, and for an odd digit between two separators.
    """
    return b"".join(piece for number, text in enumerate(texts, 1) for piece in _groups(text, number))


def parse_lines(texts: Iterable[str]) -> list[bytes]:
    """As `parse_hex`, but the bytes of each text by themselves; a text without any is left out."""
    pieces = [b"".join(_groups(text, number)) for number, text in enumerate(texts, 1)]
    return [piece for piece in pieces if piece]


def _groups(text: str, number: int) -> Iterator[bytes]:
    return (_group(group[0], number, group.start() + 1) for group in _GROUP.finditer(text))


def _group(group: str, text: int, character: int) -> bytes:
    prefix = 2 if group[:2] in ("0x", "0X") else 0
    digits = group[prefix:]
    bad = _NO_DIGIT.search(digits)
    if bad:
        reason = f"{bad[0]!r} is not allowed; write 0-9, a-f, and between bytes spaces, colons or 0x"
        raise HexError(reason, text, character + prefix + bad.start())
    if len(digits) % 2:
        raise HexError(f"the digit {digits[-1]!r} is half a byte", text, character + len(group) - 1)
    return bytes.fromhex(digits)


def decode(dialect: Dialect, data: bytes) -> Iterator[dict[str, object]]:
    """One dict per frame or run of noise, in the order of the stream; those with "error" are not sound."""
    for item in _joined(_cut(dialect.framing.framer(), data)):
        yield _frame(dialect, item) if isinstance(item, Frame) else _noise(dialect, item)


def _cut(framer: Framer, data: bytes) -> Iterator[Frame | Noise]:
    """All frames and noise of a stream that ends here."""
    yield from framer.feed(data)
    while framer.held:
        yield from framer.resync()


def _joined(found: Iterable[Frame | Noise]) -> Iterator[Frame | list[Noise]]:
    """Each frame by itself, sound or not, and other noise in runs that go on for the same reason."""
    run: list[Noise] = []
    for item in found:
        if run and not _goes_on(run[-1], item):
            yield run
            run = []
        if isinstance(item, Frame):
            yield item
        else:
            run.append(item)
    if run:
        yield run


def _goes_on(before: Noise, item: Frame | Noise) -> bool:
    return (
        isinstance(item, Noise)
        and not isinstance(item, BadChecksum)
        and item.reason == before.reason
        and item.offset == before.offset + len(before.raw)
    )


def _frame(dialect: Dialect, frame: Frame) -> dict[str, object]:
    place = {"offset": frame.offset, "family": dialect.framing.family, "dialect": dialect.name}
    link = {"sequence": frame.sequence, "checksum": "ok"}
    if not frame.data:  # only the PC has to answer every frame (rsu-protocol 2.4)
        return (
            place
            | {"direction": "PC->RSU", "command": "", "title": "空应答 / empty answer"}
            | link
            | {"fields": {}}
        )
    try:
        message = dialect.decode(frame.data)
    except MessageError as error:
        return place | link | {"error": str(error), "raw": frame.raw.hex()}
    what = {
        "direction": dialect.direction(message),
        "command": f"{message.COMMAND:02X}",
        "title": message.TITLE,
    }
    return place | what | link | {"fields": plain(message)} | _meaning(dialect, message) | _station(message)


def _meaning(dialect: Dialect, message: Message) -> dict[str, object]:
    """What its ErrorCode means, where a source says so."""
    code = getattr(message, "status", getattr(message, "error", 0))  # B0 and B8 of gantries call it so
    meaning = dialect.codes.get((message.COMMAND, code))
    return {"error_code": meaning} if meaning else {}


def _station(message: Message) -> dict[str, object]:
    """The 0019 under both of its layouts: which one a card has, its bytes do not tell."""
    station = getattr(message, "station", b"")
    if len(station) != STATION_SIZE or station[0] != STATION_TAG:
        return {}
    layouts: dict[str, type[Record]] = {"since_2019": Station2019, "older": StationOld}
    return {"station_0019": {name: plain(layout.decode(station)) for name, layout in layouts.items()}}


def _noise(dialect: Dialect, run: list[Noise]) -> dict[str, object]:
    first = run[0]
    checksum = {"checksum": "bad"} if isinstance(first, BadChecksum) else {}
    raw = b"".join(noise.raw for noise in run)
    return {
        "offset": first.offset,
        "family": dialect.framing.family,
        "error": first.reason,
        "raw": raw.hex(),
        **checksum,
    }
