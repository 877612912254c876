"""`etclane decode`: what captured bytes say, frame by frame, as plain data that JSON can carry."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple

from gateway.cli import reasons
from protocols.codec import Record, plain
from protocols.errors import MessageError
from protocols.obu.files import STATION_SIZE, Station2019, StationOld
from protocols.rsu.dialect import Dialect, load, names
from protocols.rsu.framing import BadChecksum, Frame, Framer, Noise
from protocols.rsu.message import Message

STATION_TAG = 0xAA
"""First byte of a 0019 that was ever written (rsu-protocol 8.2)."""

_GROUP = re.compile(r"[^\s:,-]+")
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")


class Texts(NamedTuple):
    """What the texts are that hex is read from, as `HexError` counts them."""

    chinese: str
    english: str


ARGUMENTS, LINES = Texts("段", "text"), Texts("行", "line")


class HexError(ValueError):
    """Text that is no hex; says in which of the texts and at which character, both counted from 1."""

    def __init__(self, reason: tuple[str, str], texts: Texts, text: int, character: int) -> None:
        chinese, english = reason
        super().__init__(
            f"第 {text} {texts.chinese}第 {character} 个字符：{chinese} / "
            f"{texts.english} {text}, character {character}: {english}"
        )
        self.text = text
        self.character = character


def parse_hex(texts: Iterable[str]) -> bytes:
    """The bytes that arguments name, in order; spaces, colons, commas, hyphens and 0x before digits are skipped.

    Raises HexError for any other character, and for an odd digit between two separators.
    """
    return b"".join(_bytes(text, number, ARGUMENTS) for number, text in enumerate(texts, 1))


def parse_lines(lines: Iterable[str]) -> Iterator[bytes | HexError]:
    """As `parse_hex`, each line by itself: one that is no hex hides no other. Lines without any are left out."""
    for number, line in enumerate(lines, 1):
        try:
            data = _bytes(line, number, LINES)
        except HexError as error:
            yield error
        else:
            if data:
                yield data


def _bytes(text: str, number: int, texts: Texts) -> bytes:
    return b"".join(_group(group, texts, number) for group in _GROUP.finditer(text))


def _group(found: re.Match[str], texts: Texts, number: int) -> bytes:
    group, character = found[0], found.start() + 1
    prefix = 2 if group[:2] in ("0x", "0X") else 0
    digits = group[prefix:]
    bad = _NO_DIGIT.search(digits)
    if bad:
        what = repr(bad[0])
        reason = (
            f"{what} 不是十六进制，请写 0-9、a-f，字节间可用空格、冒号、逗号、- 或 0x",
            f"{what} is not allowed; write 0-9, a-f, and between bytes spaces, colons, commas, - or 0x",
        )
        raise HexError(reason, texts, number, character + prefix + bad.start())
    if len(digits) % 2:
        what = repr(digits[-1])
        reason = (f"{what} 只有半个字节", f"the digit {what} is half a byte")
        raise HexError(reason, texts, number, character + len(group) - 1)
    return bytes.fromhex(digits)


# --- frames --------------------------------------------------------------------------------------------------


def decode_pieces(dialect: Dialect, pieces: Iterable[bytes | HexError]) -> Iterator[dict[str, object]]:
    """As `decode`; a line that is no hex is an error by its number, and no frame goes on behind it."""
    offset = 0
    for bad, run in groupby(pieces, lambda piece: isinstance(piece, HexError)):
        if bad:
            yield from (bad_line(piece) for piece in run if isinstance(piece, HexError))
        else:
            data = b"".join(piece for piece in run if isinstance(piece, bytes))
            yield from decode(dialect, data, offset)
            offset += len(data)


def decode(dialect: Dialect, data: bytes, offset: int = 0) -> Iterator[dict[str, object]]:
    """One dict per frame or run of noise, in the order of the stream; those with "error" are not sound.

    `offset` is where in the stream `data` begins.
    """
    found = list(_joined(_cut(dialect.framing.framer(), data)))
    hint = None if any(isinstance(item, Frame) for item in found) else looks_like(data, dialect.framing.family)
    for item in found:
        if isinstance(item, Frame):
            yield _frame(dialect, item, offset)
        else:
            yield _noise(dialect, item, offset, hint)
            hint = None  # once is enough


def looks_like(data: bytes, spoken: str) -> str | None:
    """The family other than `spoken` of which `data` holds most frames that a dialect knows; None without any."""
    counts = {family: _known(dialects, data) for family, dialects in _families().items() if family != spoken}
    best = max(counts, key=counts.__getitem__, default=None)
    return best if best and counts[best] else None


def _known(dialects: Sequence[Dialect], data: bytes) -> int:
    """A checksum of one byte is soon right by chance, so only frames with a message of some dialect count."""
    found = _cut(dialects[0].framing.framer(), data)
    return sum(any(_knows(dialect, item.data) for dialect in dialects) for item in found if isinstance(item, Frame))


def _knows(dialect: Dialect, data: bytes) -> bool:
    try:
        dialect.decode(data)
    except MessageError:
        return False
    return True


@cache
def _families() -> Mapping[str, Sequence[Dialect]]:
    found: dict[str, list[Dialect]] = {}
    for name in names():
        dialect = load(name)
        found.setdefault(dialect.framing.family, []).append(dialect)
    return found


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


def _frame(dialect: Dialect, frame: Frame, offset: int) -> dict[str, object]:
    place = {"offset": offset + frame.offset, "family": dialect.framing.family, "dialect": dialect.name}
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
        return place | link | {"error": reasons.of(error), "raw": frame.raw.hex()}
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


def bad_line(error: HexError) -> dict[str, object]:
    """What is said of a line that is no hex."""
    return {"line": error.text, "error": str(error)}


def _noise(dialect: Dialect, run: list[Noise], offset: int, hint: str | None) -> dict[str, object]:
    first, family = run[0], dialect.framing.family
    checksum = {"checksum": "bad"} if isinstance(first, BadChecksum) else {}
    chinese, english = reasons.in_chinese(first.reason), first.reason
    if hint:
        chinese += f"；像是 {hint} 帧，{dialect.name} 用 {family}"
        english += f"; looks like {hint}, {dialect.name} speaks {family}"
    raw = b"".join(noise.raw for noise in run)
    return {
        "offset": offset + first.offset,
        "family": family,
        "error": f"{chinese} / {english}",
        "raw": raw.hex(),
        **checksum,
    }
