"""What air frames carry: files of tag and card, card commands and their answers.

A card's answer, a VST's card data and an enciphered file say what they are only to who knows the request.
`Exchange` remembers that much of a conversation; without the request, plausible bytes are read, all others stay.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product, zip_longest
from typing import TypeVar

from protocols.codec import Record
from protocols.dsrc import link
from protocols.dsrc.application import BST, PREREAD_FILES, VST, Pdu, Preread, RandomObe
from protocols.dsrc.equipment import (
    ANSWERS,
    ICC,
    Apdu,
    GetSecureAnswer,
    GetSecureRequest,
    TransferAnswer,
    TransferRequest,
    cipher_text,
    read_secured,
)
from protocols.dsrc.link import AirFrame
from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu.apdu import CARD_FORMS, FORMS, Answer, Command, Form, decode_answer, decode_command
from protocols.obu.files import (
    VEHICLE_SIZE,
    File0002,
    File0012,
    File0015,
    File0015Long,
    File0019,
    SystemInfo26,
    SystemInfo27,
    VehicleFile,
    VehicleFile59,
)
from protocols.obu.keys import SM4, TDES, Cipher, is_authentic, issuer_factor, unseal
from protocols.obu.values import CREDIT, STORED_VALUE

LIMIT = 64
"""Tags remembered at a time; an antenna talks to one, a long capture sees many."""

SYSTEM_INFO, VEHICLE = "EF01", "DF01/EF01"

FILES: Mapping[str, tuple[type[Record], ...]] = {
    SYSTEM_INFO: (SystemInfo27, SystemInfo26),
    "0002": (File0002,),
    "0012": (File0012,),
    "0015": (File0015Long, File0015),
    "0019": (File0019,),
}
"""The tables of a file read from its first byte on, the longest first: as long as the bytes allow."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the T-APDU number `pdu` of a frame, counted from 0, carries in its field `place`.

    `name` is the file, or the command's short name. `value` stays bytes where no table fits or two could; `rest` is
    what of it the table leaves; `note` says, Chinese and English, what there is to say of that.
    """

    pdu: int
    place: str
    name: str
    value: Record | Command | Answer | bytes
    rest: bytes = b""
    note: str = ""


# --- pre-read card data --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a file: how many bytes, from which on."""

    file: str
    offset: int
    length: int


# The request's order, and the one that a maker's comment states; sources conflict (gbt20851 2.4).
_ORDERS = (("0002", "0012", "0015", "0019"), ("0015", "0012", "0019", "0002"))
_USUAL = (("0002", (0, 4)), ("0012", (0, 40)), ("0015", (0, 43, 50)), ("0019", (0, 43)))
"""Whole files, for a VST whose BST was not seen; 0 = not asked for."""
_PLAUSIBLE: Mapping[str, Callable[[bytes], bool]] = {
    "0015": lambda data: len(data) <= 8 or data[8] in (STORED_VALUE, CREDIT),
    "0019": lambda data: data[:1] in (b"", b"\xaa"),
}
"""What a file looks like from its first byte on, where it looks like anything (4.1, 4.2); few bytes may be it."""

_Reading = tuple[tuple[_Part, bytes], ...]


def _asked(preread: Preread) -> tuple[_Part, ...]:
    spans = ((file, getattr(preread, field)) for field, file in PREREAD_FILES.items())
    return tuple(_Part(file, span.offset, span.length) for file, span in spans if span)


def _usual() -> Iterator[tuple[_Part, ...]]:
    """All sets of whole files that hold one which can be recognised."""
    for lengths in product(*(sizes for _, sizes in _USUAL)):
        parts = tuple(_Part(file, 0, size) for (file, _), size in zip(_USUAL, lengths, strict=True) if size)
        if any(part.file in _PLAUSIBLE for part in parts):
            yield parts


def _readings(parts: Sequence[_Part], data: bytes) -> set[_Reading]:
    """The bytes as these parts in either order, if that many there are."""
    if sum(part.length for part in parts) != len(data):
        return set()
    found = set()
    for order in _ORDERS:
        at, reading = 0, []
        for part in sorted(parts, key=lambda part: order.index(part.file)):
            reading.append((part, data[at : at + part.length]))
            at += part.length
        found.add(tuple(reading))
    return found


def _is_plausible(reading: _Reading) -> bool:
    begun = [(part.file, data) for part, data in reading if part.offset == 0]
    return all(_PLAUSIBLE[file](data) for file, data in begun if file in _PLAUSIBLE)


def _card_files(preread: Preread | None, icc: bytes) -> _Reading | None:
    """What was pre-read; None if no reading, or more than one, is plausible."""
    found = (
        _readings(_asked(preread), icc)
        if preread
        else set[_Reading]().union(*(_readings(p, icc) for p in _usual()))
    )
    if preread is None or len(found) > 1:
        found = {reading for reading in found if _is_plausible(reading)}
    return found.pop() if len(found) == 1 else None


def _file(pdu: int, place: str, part: _Part, data: bytes) -> Content:
    tables = FILES[part.file] if part.offset == 0 else ()
    for table in tables:
        if (table.size() or 0) <= len(data):
            value, end = table.read(data, 0)
            return Content(pdu, place, part.file, value, data[end:])
    note = f"自第 {part.offset} 字节起 {len(data)} 字节 / {len(data)} bytes from byte {part.offset} on"
    return Content(pdu, place, part.file, data, note=note)


def _cut_as_asked(vst: VST, preread: Preread | None) -> VST:
    """System information and card data, cut where the BST says, if 28 stands there; else as the table did."""
    if preread is None or vst.icc is None or vst.icc_tag is None:
        return vst
    random = vst.random.encode() if vst.random else b""
    joined = vst.system_info + random + bytes((vst.icc_tag,)) + vst.icc
    end = preread.system_info
    behind = end + len(random)
    if joined[behind : behind + 1] != bytes((vst.icc_tag,)):
        return vst
    try:
        own = RandomObe.decode(joined[end:behind]) if random else None
    except MessageError:
        return vst
    return replace(vst, system_info=joined[:end], random=own, icc=joined[behind + 1 :])


# --- the conversation ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request and the card commands in it."""

    pdu: Pdu
    commands: tuple[Command | bytes, ...]


V = TypeVar("V")


class Exchange:
    """Both directions of the air, frame by frame. `masters` are master keys of the vehicle file, by cipher."""

    def __init__(self, masters: Mapping[Cipher, bytes] | None = None) -> None:
        self._masters = masters or {}
        self._preread: Preread | None = None
        self._asked: dict[str, tuple[int, tuple[_Asked, ...]]] = {}
        self._systems: dict[str, SystemInfo26] = {}

    def on(self, frame: AirFrame) -> tuple[Content, ...]:
        """What this frame, cut as `exact` does, carries; never raises."""
        return tuple(self._answer(self.exact(frame)) if frame.uplink else self._request(frame))

    def exact(self, frame: AirFrame) -> AirFrame:
        """The same bytes, but the lengths that a frame itself does not tell are those of its request."""
        for number, pdu, request in self._paired(frame):
            before, behind = frame.pdus[:number], frame.pdus[number + 1 :]
            match pdu:
                case VST():
                    frame = replace(frame, pdus=(*before, _cut_as_asked(pdu, self._preread), *behind))
                case GetSecureAnswer() if request and isinstance(request.pdu, GetSecureRequest):
                    sent = b"".join(each.encode() for each in (pdu, *behind)) + frame.remainder
                    pdus, remainder = read_secured(sent, request.pdu.length, _cipher(request.pdu).block)
                    return replace(frame, pdus=(*before, *pdus), remainder=remainder)
        return frame

    def _request(self, frame: AirFrame) -> Iterator[Content]:
        asked = []
        for number, pdu in enumerate(frame.pdus):
            if isinstance(pdu, BST):
                found = (each.parameter.preread for each in pdu.applications if each.parameter)
                self._preread = next(found, None)
            last = number == len(frame.pdus) - 1
            contents = tuple(_commands(number, pdu, frame.remainder if last else b""))
            commands = (each.value for each in contents)
            asked.append(_Asked(pdu, tuple(each for each in commands if isinstance(each, Command | bytes))))
            yield from contents
        if frame.head.llc is not None and frame.head.address != link.BROADCAST:
            _remember(self._asked, frame.head.address, (frame.head.llc, tuple(asked)))

    def _paired(self, frame: AirFrame) -> Iterator[tuple[int, Pdu, _Asked | None]]:
        """Each T-APDU of an answer, counted from 0, with its request."""
        response = frame.head.llc
        command, asked = self._asked.get(frame.head.address, (link.UI, ()))
        heard = frame.uplink and response is not None and link.answers(command, response)
        waiting = list(asked) if heard else []
        for number, pdu in enumerate(frame.pdus):
            request = next((each for each in waiting if ANSWERS.get(type(each.pdu)) is type(pdu)), None)
            if request:
                waiting.remove(request)
            yield number, pdu, request

    def _answer(self, frame: AirFrame) -> Iterator[Content]:
        address = frame.head.address
        for number, pdu, request in self._paired(frame):
            match pdu:
                case VST():
                    yield from self._vst(address, number, pdu)
                case TransferAnswer():
                    yield from _answers(number, pdu, request.commands if request else ())
                case GetSecureAnswer() if request and isinstance(request.pdu, GetSecureRequest):
                    yield from self._vehicle(address, number, request.pdu, pdu)

    def _vst(self, address: str, number: int, vst: VST) -> Iterator[Content]:
        info, icc = vst.system_info, vst.icc
        content = _file(number, "system_info", _Part(SYSTEM_INFO, 0, len(info)), info)
        if isinstance(content.value, SystemInfo26):
            _remember(self._systems, address, content.value)
        yield content
        if icc is None:
            return
        reading = _card_files(self._preread, icc)
        if reading is None:
            note = "无法确定是哪些文件 / which files these are, cannot be told"
            yield Content(number, "icc", "", icc, note=note)
            return
        for part, data in reading:
            yield _file(number, "icc", part, data)

    def _vehicle(
        self, address: str, number: int, request: GetSecureRequest, answer: GetSecureAnswer
    ) -> Iterator[Content]:
        cipher = _cipher(request)
        master, system = self._masters.get(cipher), self._systems.get(address)
        if master is None or system is None:
            return
        key = cipher.diversify(master, issuer_factor(system.issuer), bytes.fromhex(system.contract))
        try:
            secured = unseal(cipher, key, cipher_text(answer, request.length, cipher.block))
        except MessageError as error:
            note = f"解密失败，密钥或长度不符 / not deciphered, key or length do not fit: {error.reason}"
            yield Content(number, "cipher", VEHICLE, answer.cipher, note=note)
            return
        note = _AUTHENTIC[is_authentic(cipher, key, secured, bytes.fromhex(request.random))]
        yield Content(number, "cipher", VEHICLE, _vehicle_file(request, secured.file), note=note)


def _cipher(request: GetSecureRequest) -> Cipher:
    return SM4 if request.key_authentication & 0x40 else TDES  # 3.1: key ids 00/00, or 40/40 and 40/43


_AUTHENTIC = {
    True: "鉴别码正确 / authenticator right",
    False: "鉴别码错误 / authenticator wrong",
    None: "鉴别码未校验 / authenticator not checked",
}


def _vehicle_file(request: GetSecureRequest, file: bytes) -> Record | bytes:
    if (request.file, request.offset) == (1, 0):
        if len(file) == VEHICLE_SIZE:
            return VehicleFile.choose(file[VehicleFile.at]).decode(file)
        if len(file) == VehicleFile59.size():
            return VehicleFile59.decode(file)
    return file


def _commands(number: int, pdu: Pdu, remainder: bytes) -> Iterator[Content]:
    """The card commands of a request, and those behind the number that its count states."""
    if not isinstance(pdu, TransferRequest):
        return
    beyond = _more(remainder)
    note = "在所报数量之外 / beyond the stated count"
    for place, apdu in enumerate((*pdu.apdus, *beyond)):
        forms = CARD_FORMS if pdu.channel == ICC else FORMS
        yield _command(number, f"apdus[{place}]", apdu.data, forms, note if place >= len(pdu.apdus) else "")


def _more(remainder: bytes) -> tuple[Apdu, ...]:
    found, at = [], 0
    try:
        while at < len(remainder):
            apdu, at = Apdu.read(remainder, at)
            found.append(apdu)
    except MessageError:
        return ()
    return tuple(found)


def _command(number: int, place: str, data: bytes, forms: Sequence[Form], note: str) -> Content:
    try:
        command = decode_command(data, forms)
    except MessageError as error:
        return Content(number, place, "", data, note=f"不是卡命令 / no card command: {error.reason}")
    return Content(number, place, command.name, command, note=note)


def _answers(number: int, pdu: TransferAnswer, commands: Sequence[Command | bytes]) -> Iterator[Content]:
    """Each answer by its command; one without stays bytes. A card may stop at the first command that fails."""
    for place, (apdu, command) in enumerate(zip_longest(pdu.apdus, commands[: len(pdu.apdus)])):
        if isinstance(command, Command) and len(apdu.data) >= 2:
            answer = decode_answer(command, apdu.data)
            yield Content(number, f"apdus[{place}]", command.name, answer)
        else:
            note = "没有对应的命令 / its command was not seen"
            yield Content(number, f"apdus[{place}]", "", apdu.data, note=note)


def _remember(found: dict[str, V], address: str, value: V) -> None:
    """The newest of at most LIMIT tags."""
    found.pop(address, None)
    found[address] = value
    if len(found) > LIMIT:
        del found[next(iter(found))]
