"""`etclane decode --dialect dsrc`: what air frames of GB/T 20851 say, as plain data that JSON can carry."""

from collections.abc import Iterator
from typing import Any

from protocols.codec import Record, plain
from protocols.dsrc import link
from protocols.dsrc.application import OBU_STATUS, VST, OtherVST, Pdu, flags
from protocols.dsrc.equipment import CHANNELS, TransferAnswer, TransferRequest
from protocols.dsrc.exchange import Content, Exchange
from protocols.dsrc.link import AirFrame
from protocols.errors import ProtocolError
from protocols.obu.apdu import Answer, Command

_FCS = {link.NATIONAL: "ok", link.BEIJING: "ok (Beijing)", None: "none"}


def decode(data: bytes, exchange: Exchange | None = None) -> Iterator[dict[str, Any]]:
    """One dict per frame, in their order; those with "error" are not sound.

    Frames between flags are told apart where their FCS is right; bytes without flags, or without FCS, are one
    frame. "fcs" is "ok", "ok (Beijing)" or "none": one that no variant makes right is taken for absent. Give the
    same `exchange` with every piece of a conversation, and answers find their requests.
    """
    exchange = exchange or Exchange()
    for offset, raw in _cut(data):
        place = {"offset": offset, "family": "air", "dialect": "dsrc"}
        try:
            frame = link.decode(raw)
        except ProtocolError as error:
            yield place | {"error": str(error), "raw": raw.hex()}
        else:
            yield place | _frame(frame, exchange.on(frame))


LONGEST = 1024
"""Bytes within which a frame's closing flag is looked for; the longest frames seen have some 120."""


def _cut(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Frames between flags as far as an FCS proves their ends, then the rest as one; idle flags are no frame.

    Transceivers take the stuffed bits away, so 7E may stand inside a frame, and only the FCS tells.
    """
    start = 0
    while data[start:].strip(bytes((link.FLAG,))):
        start, end = _next(data, start)
        yield start, data[start:end]
        start = end


def _next(data: bytes, start: int) -> tuple[int, int]:
    """Where the next frame begins and ends. A flag may close a frame and open the next; several may stand idle."""
    last_flag = start
    while data[last_flag : last_flag + 2] == bytes((link.FLAG, link.FLAG)):
        last_flag += 1
    for opening in (last_flag, start, start - 1):
        if end := _end(data, opening):
            return opening, end
    return start, len(data)


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
        "pdus": [_pdu(pdu) for pdu in frame.pdus],
        "files": [_content(content) for content in contents],
    }
    return shown | _doubts(frame)


def _pdu(pdu: Pdu) -> dict[str, Any]:
    said = {"title": pdu.TITLE, "fields": plain(pdu)}
    match pdu:
        case VST() | OtherVST():
            said["obu_status"] = list(flags(OBU_STATUS, pdu.obu_status))
        case TransferRequest() | TransferAnswer() if pdu.channel in CHANNELS:
            said["channel"] = CHANNELS[pdu.channel]
    return said


def _doubts(frame: AirFrame) -> dict[str, str]:
    """What is behind the T-APDUs, and where a wrong FCS may hide."""
    remainder = {"remainder": frame.remainder.hex()} if frame.remainder else {}
    if frame.fcs is None and (frame.flags or len(frame.remainder) == 2):
        return remainder | {"note": "末尾两字节可能是错误的 FCS / the last two bytes may be an FCS that is wrong"}
    return remainder and remainder | {"note": "数据单元之后的字节，原样保留 / bytes behind the T-APDUs, kept"}


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
