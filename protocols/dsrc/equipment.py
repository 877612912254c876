"""GB/T 20851.4: the actions between antenna and tag, a field table for each, and how they are told apart.

A request names its action by a type, an answer by the tag of its container. Tables: gbt20851 3.1,
[2+] unless marked.
"""

from collections.abc import Mapping

from protocols.codec import U8, U16, Entries, Hex, Record, Rest, Sized, Stated, When, record, wire
from protocols.dsrc.application import (
    BST,
    BSTS,
    EVENT_REPORTS,
    VST,
    VSTS,
    Mark,
    OtherAction,
    OtherAnswer,
    Pdu,
    Switch,
    UnknownPdu,
    read_all,
)
from protocols.errors import MessageError

_REQUEST = "05; 0D with access credentials"
_ANSWER = "18 = ACTION.response with parameter"
_DID = "01 ETC, 02 marking, 03 Wuhan, 00 system"
_STATUS = "return status, 00 = OK"


@record
class Request(Pdu):
    """What every ACTION.request begins with."""

    head: int = wire(U8, _REQUEST, idle=0x05)
    did: int = wire(U8, _DID, idle=1)
    action: int = wire(U8, "action type")
    # No length byte before them: sources with 0D all have 8 bytes (3.1).
    credentials: str | None = wire(When("head", 0x08, Hex(8)), "access credentials")


@record
class Answer(Pdu):
    """What every ACTION.response begins with."""

    head: int = wire(U8, _ANSWER, idle=0x18)
    did: int = wire(U8, _DID, idle=1)


@record
class GetSecureRequest(Request, title="读加密文件 / GetSecure.rq"):
    """The antenna asks for the vehicle file, enciphered [2+, calc]."""

    action: int = wire(U8, "00")
    tag: int = wire(Mark(0x14), "container")
    flags: int = wire(U8, "80 = key for encryption follows", idle=0x80)
    file: int = wire(U8, "FID, 01 vehicle file", idle=1)
    offset: int = wire(U16, "")
    length: int = wire(U8, "bytes wanted of the clear file; 10, 15, 20, 3B, 4F seen")
    random: str = wire(Hex(8), "RndRSU")
    key_authentication: int = wire(U8, "00 for 3DES, 40 for SM4")
    key_encryption: int | None = wire(When("flags", 0x80, U8), "00 for 3DES, 40 or 43 for SM4")


@record
class GetSecureAnswer(Answer, title="读加密文件应答 / GetSecure.rs"):
    """The vehicle file, enciphered; how long the cipher is, follows from the request alone.

    Here the cipher is all but the last 9 bytes. Some old tags omit the authenticator [1]: the last 8 bytes of their
    cipher then stand as `authenticator`, and `cipher_text` puts them back, for whoever knows the request.
    """

    tag: int = wire(Mark(0x15), "container")
    file: int = wire(U8, "FID", idle=1)
    cipher: bytes = wire(Rest(9), "enciphered file, no length byte")
    authenticator: str = wire(Hex(8), "zero or dummy in many tags: the real one is inside the cipher")
    status: int = wire(U8, _STATUS)


def cipher_size(length: int, block: int) -> int:
    """Bytes of the cipher of a file of `length` bytes under a cipher of this block size.

    It holds a length byte, an authenticator of one block and the file, filled up to whole blocks (3.1, 3.2: in 3DES
    59 -> 72, 79 -> 88 [2+]; in SM4 79 -> 96 [1: W]).
    """
    return -(-(1 + block + length) // block) * block


def cipher_text(answer: GetSecureAnswer, length: int, block: int) -> bytes:
    """The cipher of a file of `length` bytes under a cipher of this block size.

    What is sent beyond that is no part of it; antennas give their PSAM just so much [cap]. Raises MessageError if
    the answer holds less.
    """
    size = cipher_size(length, block)
    sent = answer.cipher + bytes.fromhex(answer.authenticator)
    if len(sent) < size:
        raise MessageError(f"a file of {length} bytes needs {size} bytes of cipher, {len(sent)} came")
    return sent[:size]


@record
class SetSecureRequest(Request, title="写加密文件 / SetSecure.rq"):
    """Known from one source, in Wuhan only (DID 03) [1]."""

    action: int = wire(U8, "01", idle=1)
    tag: int = wire(Mark(0x16), "container")
    flags: int = wire(U8, "00")
    file: int = wire(U8, "FID, 02", idle=2)
    offset: int = wire(U16, "")
    length: int = wire(U8, "bytes of data, 14h")
    data: bytes = wire(Sized("length"), "")
    random: str = wire(Hex(8), "RndRSU")
    key: int = wire(U8, "key id")
    antenna: int = wire(U8, "antenna id")
    obu_action: int = wire(U8, "what the tag does")


@record
class SetSecureAnswer(Answer, title="写加密文件应答 / SetSecure.rs"):
    """Its content was not found; the tag 17 is [inf]."""

    tag: int = wire(Mark(0x17), "container")
    body: bytes = wire(Rest(1), "")
    status: int = wire(U8, _STATUS)


@record
class GetRandRequest(Request, title="取随机数 / GetRand.rq"):
    """Has no container [1: old tags]."""

    head: int = wire(U8, "01; 09 with access credentials [inf]", idle=0x01)
    action: int = wire(U8, "02", idle=2)


@record
class GetRandAnswer(Answer, title="取随机数应答 / GetRand.rs"):
    """The tag's random number [1: old tags]."""

    tag: int = wire(Mark(0x1D), "container")
    random: str = wire(Hex(8), "rndOBE")
    status: int = wire(U8, _STATUS)


@record
class Apdu(Record):
    """A card command, or a card's answer with its status word."""

    length: int = wire(U8, "bytes")
    data: bytes = wire(Sized("length"), "command, or answer and SW")


ICC = 0x01
CHANNELS: Mapping[int, str] = {0x00: "CPC", ICC: "用户卡 / ICC", 0x02: "ESAM"}
"""Where a TransferChannel's commands go; 5 and 6 exist too."""


@record
class TransferRequest(Request, title="透明通道 / TransferChannel.rq"):
    """Commands to the card or to the tag's own chip, at most 5 in practice [2+, calc]."""

    action: int = wire(U8, "03", idle=3)
    tag: int = wire(Mark(0x18), "container")
    channel: int = wire(U8, "01 card, 02 ESAM, 00 CPC", idle=1)
    count: int = wire(U8, "commands; one captured frame says 01 and holds 2")
    apdus: tuple[Apdu, ...] = wire(Entries(Apdu, Stated("count")), "commands")


@record
class TransferAnswer(Answer, title="透明通道应答 / TransferChannel.rs"):
    """The answers, in order [2+, calc]."""

    tag: int = wire(Mark(0x19), "container")
    channel: int = wire(U8, "01 card, 02 ESAM, 00 CPC", idle=1)
    count: int = wire(U8, "answers")
    apdus: tuple[Apdu, ...] = wire(Entries(Apdu, Stated("count")), "answers")
    status: int = wire(U8, _STATUS)


@record
class SetMmiRequest(Request, title="人机界面 / SetMMI.rq"):
    """What the tag shows or sounds to the driver."""

    action: int = wire(U8, "04", idle=4)
    tag: int = wire(Mark(0x1A), "container")
    mmi: int = wire(U8, "0 OK, 1 not OK, 2 contact operator (one source: reserved)")


@record
class SetMmiAnswer(Answer, title="人机界面应答 / SetMMI.rs"):
    """The tag has shown it."""

    tag: int = wire(Mark(0x1B), "container")
    status: int = wire(U8, _STATUS)


# --- which table ---------------------------------------------------------------------------------------------

ACTIONS: Mapping[int, type[Pdu]] = {
    0: GetSecureRequest,
    1: SetSecureRequest,
    3: TransferRequest,
    4: SetMmiRequest,
}
"""The table of an ACTION.request with parameter, by action type."""

ACTIONS_WITHOUT_PARAMETER: Mapping[int, type[Pdu]] = {2: GetRandRequest}
"""The same for those without."""

CONTAINERS: Mapping[int, type[Pdu]] = {
    0x15: GetSecureAnswer,
    0x17: SetSecureAnswer,
    0x19: TransferAnswer,
    0x1B: SetMmiAnswer,
    0x1D: GetRandAnswer,
}
"""The table of an ACTION.response, by the tag of its container."""

# The iid (2) was seen in no frame.
_REQUESTS = Switch(
    1,
    0x06,
    {4: Switch(3, 0xFF, ACTIONS, OtherAction), 0: Switch(3, 0xFF, ACTIONS_WITHOUT_PARAMETER, OtherAction)},
    OtherAction,
)
_ANSWERS = Switch(1, 0x08, {8: Switch(3, 0xFF, CONTAINERS, OtherAnswer)}, OtherAnswer)

T_APDU = Switch(
    1,
    0xF0,
    {0x00: _REQUESTS, 0x10: _ANSWERS, 0x60: EVENT_REPORTS, 0xC0: BSTS, 0xD0: VSTS},
    UnknownPdu,
)
"""The table of any T-APDU (gbt20851 2.2 [2+])."""

_AUTHENTICATOR = 8
"""Bytes of the one that stands outside the cipher."""


def read_secured(data: bytes, length: int, block: int) -> tuple[tuple[Pdu, ...], bytes]:
    """A GetSecure answer whose request is known, what T-APDUs follow it, and what behind them is none.

    `data` begins at its fragmentation header; `length` is what was asked for, `block` the cipher's. Behind the
    cipher the authenticator stands or is left out [1]: the way that leaves no remainder, else the usual one. Where
    less came than that, all of it is the answer. Raises MessageError if it is no answer.
    """
    usual = len(GetSecureAnswer.fill({}).encode()) + cipher_size(length, block)
    ends = (usual, usual - _AUTHENTICATOR)
    ways = [_split(data, end) for end in ends if end <= len(data)]
    return next((way for way in ways if not way[1]), ways[0] if ways else _split(data, len(data)))


def _split(data: bytes, end: int) -> tuple[tuple[Pdu, ...], bytes]:
    answer = GetSecureAnswer.decode(data[:end])
    try:
        pdus, remainder = read_all(T_APDU, data, end)
    except MessageError:
        return (answer,), data[end:]
    return (answer, *pdus), remainder


ANSWERS: Mapping[type[Pdu], type[Pdu]] = {
    BST: VST,
    GetSecureRequest: GetSecureAnswer,
    SetSecureRequest: SetSecureAnswer,
    GetRandRequest: GetRandAnswer,
    TransferRequest: TransferAnswer,
    SetMmiRequest: SetMmiAnswer,
}
"""What answers what. SetMMI's answer is often not waited for, and EVENT-REPORT has none."""
