"""`etclane decode --dialect dsrc`: what air frames of GB/T 20851 say, as plain data that JSON can carry."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from gateway.cli import reasons
from gateway.cli.decode import HexError, bad_line
from protocols.codec import Record, plain
from protocols.dsrc import link
from protocols.dsrc.application import OBU_STATUS, VST, OtherVST, Pdu, flags
from protocols.dsrc.equipment import CHANNELS, GetSecureAnswer, TransferAnswer, TransferRequest
from protocols.dsrc.exchange import Content, Exchange
from protocols.dsrc.link import AirFrame
from protocols.errors import FrameError, ProtocolError
from protocols.obu.apdu import Answer, Command
from protocols.obu.keys import TDES

_FCS = {link.NATIONAL: "ok", link.BEIJING: "ok (Beijing)", None: "none or wrong"}


def decode(data: bytes, exchange: Exchange | None = None) -> Iterator[dict[str, Any]]:
    """One dict per frame, in their order; those with "error" are not sound.

    Frames between flags are told apart where their FCS is right, and what no FCS ends reaches to the next that one
    does; bytes without flags, or without FCS, are one frame. "fcs" is "ok", "ok (Beijing)" or "none or wrong": one
    that no variant makes right cannot be told from none. Give the same `exchange` with every piece of a
    conversation, and answers find their requests.
    """
    exchange = exchange or Exchange()
    for offset, raw, stray in _cut(data):
        place = {"offset": offset, "family": "air", "dialect": "dsrc"}
        try:
            frame = exchange.exact(_read(raw, stray=stray))
        except ProtocolError as error:
            yield place | {"error": reasons.of(error), "raw": raw.hex()}
        else:
            yield place | _frame(frame, exchange.on(frame))


def decode_pieces(pieces: Iterable[bytes | HexError]) -> Iterator[dict[str, Any]]:
    """As `decode`, of the pieces of one conversation; a line that is no hex is an error by its number."""
    exchange = Exchange()
    for piece in pieces:
        if isinstance(piece, HexError):
            yield bad_line(piece)
        else:
            yield from decode(piece, exchange)


def _read(raw: bytes, *, stray: bool) -> AirFrame:
    """The frame; almost any 5 bytes are one without T-APDUs, so that in front of another frame they are noise."""
    frame = link.decode(raw)
    if stray and not frame.pdus:
        raise FrameError("no air frame: noise before a frame")
    return frame


LONGEST = 1024
"""Bytes within which a frame's closing flag is looked for; the longest frames seen have some 120."""
ATTEMPTS = 1024
"""Flags behind noise that are tried as the beginning of a frame, before the rest is given up as one."""
_NO_FLAG = re.compile(rb"[^\x7e]")
_FLAGS = re.compile(rb"\x7e*")
# The controls and LLC bytes of frames with T-APDUs (gbt20851 1.3, 1.4): a right FCS alone may be chance.
_OPENING = re.compile(rb"\x7e(?=.{4}[\x40\x50\xc0\xe0][\x03\x77\xf7])", re.DOTALL)


def _cut(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Frames between flags as far as an FCS proves their ends, and what else there is; idle flags are no frame.

    Each with its offset, and whether it is what stands, without a right FCS, before a frame. Transceivers take the
    stuffed bits away, so 7E may stand inside a frame, and only the FCS tells.
    """
    start = 0
    while _NO_FLAG.search(data, start):
        opening, end = _next(data, start)
        if end:
            yield opening, data[opening:end], False
        else:
            end = _resume(data, start)
            opening, closing = _between_flags(data, start, end)
            yield opening, data[opening:closing], end < len(data)
        start = end


def _next(data: bytes, start: int) -> tuple[int, int]:
    """Where the next frame begins and ends; ends at 0 if no FCS is right.

    A flag may close a frame and open the next; several may stand idle.
    """
    flags = _FLAGS.match(data, start)
    last_flag = max(start, flags.end() - 1) if flags else start
    for opening in (last_flag, start, start - 1):
        if end := _end(data, opening):
            return opening, end
    return start, 0


def _resume(data: bytes, start: int) -> int:
    """Where the first flag stands behind which a frame is proved; else the end."""
    flags = islice(_OPENING.finditer(data, start + 1), ATTEMPTS)
    return next((flag.start() for flag in flags if _end(data, flag.start())), len(data))


def _between_flags(data: bytes, start: int, end: int) -> tuple[int, int]:
    """With the flags that it shares with its neighbours, if one stands on both sides."""
    opening = start if data[start] == link.FLAG or start == 0 else start - 1
    closing = end if data[end - 1] == link.FLAG else end + 1
    if data[opening] == link.FLAG and data[closing - 1 : closing] == bytes((link.FLAG,)):
        return opening, closing
    return start, end


def _end(data: bytes, opening: int) -> int:
    """Where the frame that opens here ends, behind its flag; 0 if no flag behind it follows a right FCS."""
    if opening < 0 or data[opening] != link.FLAG:
        return 0
    at = opening + 1
    while (at := data.find(link.FLAG, at, opening + LONGEST)) >= 0:
        if any(fcs.ends(data[opening + 1 : at]) for fcs in link.VARIANTS):
            return at + 1
        at += 1
    return 0


def _frame(frame: AirFrame, contents: tuple[Content, ...]) -> dict[str, Any]:
    titles = [pdu.TITLE for pdu in frame.pdus] or ["无数据单元 / no T-APDU"]
    shown = {
        "direction": "OBU->RSU" if frame.uplink else "RSU->OBU",
        "title": " + ".join(titles),
        **plain(frame.head),
        "fcs": _FCS[frame.fcs],
        "flags": frame.flags,
        "pdus": [_pdu(pdu, frame.head.address) for pdu in frame.pdus],
        "files": [_content(content) for content in contents],
    }
    return shown | _doubts(frame)


def _pdu(pdu: Pdu, address: str) -> dict[str, Any]:
    said = {"title": pdu.TITLE, "fields": plain(pdu)}
    match pdu:
        case VST() | OtherVST() if pdu.obu_id != address:
            # It stands at the end, so bytes behind it shift it; 2.4: the MAC address again.
            said["note"] = "MAC 不一致，末尾可能是 FCS / MAC differs: an FCS may stand at the end"
        case GetSecureAnswer() if len(pdu.cipher) % TDES.block:
            said["note"] = "密文不是整块，末尾可能是 FCS / cipher of no whole blocks: an FCS may stand at the end"
        case VST() | OtherVST():
            said["obu_status"] = list(flags(OBU_STATUS, pdu.obu_status))
        case TransferRequest() | TransferAnswer() if pdu.channel in CHANNELS:
            said["channel"] = CHANNELS[pdu.channel]
    return said


def _doubts(frame: AirFrame) -> dict[str, str]:
    """What is behind the T-APDUs, where a wrong FCS may hide, and what makes it doubtful that it is a frame."""
    said = {"remainder": frame.remainder.hex()} if frame.remainder else {}
    notes = []
    if frame.fcs is None and (frame.flags or len(frame.remainder) == 2):
        notes.append("末尾两字节可能是错误的 FCS / the last two bytes may be an FCS that is wrong")
    elif frame.remainder:
        notes.append("数据单元之后的字节，原样保留 / bytes behind the T-APDUs, kept")
    # 1.3: zero in every capture, but for the private-window allocation 08 of Wuhan.
    if frame.head.control & 0x0F and frame.head.control != 0x08:
        notes.append("MAC 控制字低 4 位应为 0，可能不是帧 / low 4 bits of MAC control are set: perhaps no frame")
    if frame.fcs is None and not frame.flags and frame.head.address.startswith(f"{link.FLAG:02x}"):
        notes.append("首字节 7E 可能是帧标志 / the first byte 7E may be a flag")
    return said | ({"note": "; ".join(notes)} if notes else {})


def _content(content: Content) -> dict[str, Any]:
    said: dict[str, Any] = {"pdu": content.pdu, "place": content.place, "name": content.name}
    match content.value:
        case Command() as command:
            said |= {"title": command.title, "header": command.header.hex(), "le": command.le}
            said["fields"] = plain(command.fields)
        case Answer() as answer:
            said |= {"sw": f"{answer.sw:04x}", "text": answer.text, "fields": plain(answer.fields)}
        case Record() as record:
            said["fields"] = plain(record)
        case raw:
            said["raw"] = raw.hex()
    if content.rest:
        said["rest"] = content.rest.hex()
    return said | ({"note": content.note} if content.note else {})
