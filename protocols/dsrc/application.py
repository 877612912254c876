"""GB/T 20851.3: what one T-APDU holds, a field table for each kind, and the data by which the table is chosen.

A T-APDU stands behind a fragmentation header of one byte, and its first nibble says what it is. The numbers are not
those of ISO 15628 (gbt20851 0 item 1 [2+, calc]). Those of GET and SET were found in no source: such PDUs, like all
that no table describes, are `UnknownPdu`. Tables: gbt20851 2.
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from protocols.codec import (
    U8,
    U32,
    Before,
    Entries,
    Fits,
    Hex,
    Nested,
    Raw,
    Record,
    Rest,
    Sized,
    Stated,
    Type,
    When,
    record,
    wire,
)
from protocols.errors import MessageError
from protocols.immutable import dataclass

# --- wire types that only air frames need --------------------------------------------------------------------


class Mark(Type):
    """One byte that must be one of `values`: the tag of a container."""

    size = 1

    def __init__(self, *values: int) -> None:
        self.values = values

    def read(self, data: bytes, at: int, _before: Before, _fits: Fits) -> tuple[int, int]:
        """The byte. Raises MessageError for any other."""
        if at >= len(data):
            raise MessageError(f"{self._allowed()} expected, no byte is left", at)
        if data[at] not in self.values:
            raise MessageError(f"{self._allowed()} expected, not {data[at]:02x}", at)
        return data[at], at + 1

    def write(self, value: int) -> bytes:
        """Its byte."""
        if value not in self.values:
            raise ValueError(f"it must be {self._allowed()}")
        return bytes((value,))

    @property
    def idle(self) -> int:
        """The usual one."""
        return self.values[0]

    def _allowed(self) -> str:
        return " or ".join(f"{value:02x}" for value in self.values)


class RestBut(Rest):
    """All that is left but the last `tail` bytes, and but those that the bits of earlier fields announce.

    Each of `announced` is a field, a mask, and how many bytes stand there if one of its bits is set.
    """

    def __init__(self, tail: int, *announced: tuple[str, int, int]) -> None:
        super().__init__(tail)
        self.announced = announced

    def read(self, data: bytes, at: int, before: Before, _fits: Fits) -> tuple[bytes, int]:
        """The bytes."""
        tail = self.tail + sum(size for field, mask, size in self.announced if before[field] & mask)
        end = len(data) - tail
        if end < at:
            raise MessageError(f"{tail} bytes expected, {len(data) - at} are left", at)
        return data[at:end], end


class Fitting(Rest):
    """As many bytes as make what follows end with the message: one of `likely` if it can be, else the fewest."""

    def __init__(self, *likely: int) -> None:
        super().__init__()
        self.likely = likely

    def read(self, data: bytes, at: int, _before: Before, fits: Fits) -> tuple[bytes, int]:
        """The bytes. Raises MessageError where no number of them fits."""
        left = len(data) - at
        for size in (*self.likely, *range(left + 1)):
            if size <= left and fits(at + size):
                return data[at : at + size], at + size
        raise MessageError("no length makes the containers behind it add up", at)


# --- PDUs ----------------------------------------------------------------------------------------------------


@record
class Pdu(Record):
    """A T-APDU behind its fragmentation header; `TITLE` names it in Chinese and English."""

    TITLE: ClassVar[str]

    # 1001 0001: last and only fragment, PDU number 2, one octet; 99 = PDU number 3, used for SetMMI and release
    # (2.1 [2+], the bits [inf] from CEN).
    fragment: int = wire(U8, "fragmentation header; bits 80 and 01 are always set", idle=0x91)
    head: int = wire(U8, "first nibble: which PDU; second: which optional parts stand there")

    def __init_subclass__(cls, title: str = "") -> None:
        # `@record` makes the class anew for its slots, without the title; it stays as the table states it.
        if title:
            cls.TITLE = title


@record
class Span(Record):
    """What is wanted of one file of the card."""

    offset: int = wire(U8, "first byte")
    length: int = wire(U8, "bytes")


@record
class Preread(Record):
    """Which files the tag is to send along with its VST (2.3 [2+, calc])."""

    tag: int = wire(Mark(0x29, 0x2B), "container: 29 pre-read parameters, 2B for marking in one province")
    files: int = wire(U8, "80 = 0002, 40 = 0012, 20 = 0015, 10 = 0019; low 4 reserved")
    system_info: int = wire(U8, "bytes of the system information wanted; 1A usual")
    file_0002: Span | None = wire(When("files", 0x80, Nested(Span)), "purse")
    file_0012: Span | None = wire(When("files", 0x40, Nested(Span)), "older passage file")
    file_0015: Span | None = wire(When("files", 0x20, Nested(Span)), "card issue data")
    file_0019: Span | None = wire(When("files", 0x10, Nested(Span)), "composite-transaction record")
    # One captured marking BST sets 08 and has a fifth span [cap]; that 04 to 01 do alike is [inf].
    reserved_08: Span | None = wire(When("files", 0x08, Nested(Span)), "reserved")
    reserved_04: Span | None = wire(When("files", 0x04, Nested(Span)), "reserved")
    reserved_02: Span | None = wire(When("files", 0x02, Nested(Span)), "reserved")
    reserved_01: Span | None = wire(When("files", 0x01, Nested(Span)), "reserved")


PREREAD_FILES: Mapping[str, str] = {
    "file_0002": "0002",
    "file_0012": "0012",
    "file_0015": "0015",
    "file_0019": "0019",
}
"""Which file each field of `Preread` asks for, in the order of the request."""


@record
class Parameter(Record):
    """How the antenna wants to trade."""

    # 87 both modes, composite preferred; 83, 81 common; AF composite only; D1 traditional only (2.3 [1]).
    mode: int = wire(U8, "80 = pre-read parameters follow; low 7 bits transaction mode")
    preread: Preread | None = wire(When("mode", 0x80, Nested(Preread)), "pre-read parameters")


@record
class Application(Record):
    """An application that the antenna offers."""

    application: int = wire(U8, "80 = DID, 40 = parameter; low 6 bits AID: 1 ETC, 2 marking")
    did: int | None = wire(When("application", 0x80, U8), "directory")
    parameter: Parameter | None = wire(When("application", 0x40, Nested(Parameter)), "parameter")


@record
class BST(Pdu, title="信标服务表 / BST"):
    """INITIALISATION.request, broadcast (2.3 [2+, calc])."""

    head: int = wire(U8, "C0", idle=0xC0)
    beacon_maker: str = wire(Hex(1), "BeaconID, manufacturer")
    beacon: str = wire(Hex(3), "BeaconID, individual; a tag that is done with a beacon ignores it for some 255 s")
    time: int = wire(U32, "Unix seconds, UTC; some PC software adds 8 h [1]")
    profile: int = wire(U8, "00, 01 = class A channel 1, 2; 10, 11 class B [1]")
    application_count: int = wire(U8, "mandatory applications", idle=1)
    applications: tuple[Application, ...] = wire(Entries(Application, Stated("application_count")), "")
    profile_count: int = wire(U8, "profiles in the list")
    profiles: bytes = wire(Sized("profile_count"), "")


@record
class RandomObe(Record):
    """The tag's random number."""

    tag: int = wire(Mark(0x1D), "container")
    random: str = wire(Hex(8), "rndOBE")


@record
class ResetInfo(Record):
    """What a tag tells of its last reset; inner layout unknown."""

    tag: int = wire(Mark(0x50), "container")
    info: bytes = wire(Raw(15), "")


SYSTEM_INFO_SIZES = (26, 37, 30, 32, 39, 44, 27)
"""What antennas ask for, the likelier first (2.3, "seen"); the VST itself does not say."""


@record
class VST(Pdu, title="车辆服务表 / VST"):
    """INITIALISATION.response with one application (2.4 [2+]).

    Where card data follow, the end of the system information is where 28 stands and all adds up; who knows the BST
    knows it for certain (`protocols.dsrc.exchange`).
    """

    head: int = wire(U8, "D0", idle=0xD0)
    profile: int = wire(U8, "")
    application_count: int = wire(U8, "01", idle=1)
    application: int = wire(U8, "C1 = DID, parameter, AID 1; C2 of passage cards (CPC)", idle=0xC1)
    did: int = wire(U8, "01", idle=1)
    options: int = wire(U8, "80 rndOBE, 20 card data, 10 reset info")
    system_info_tag: int = wire(Mark(0x27, 0x20), "container; 20 in old tags")
    system_info: bytes = wire(Fitting(*SYSTEM_INFO_SIZES), "file EF01, as many bytes as the BST asked for")
    random: RandomObe | None = wire(When("options", 0x80, Nested(RandomObe)), "")
    icc_tag: int | None = wire(When("options", 0x20, Mark(0x28)), "container")
    # In which order, sources conflict (2.4), so here they stay bytes.
    icc: bytes | None = wire(When("options", 0x20, RestBut(7, ("options", 0x10, 16))), "pre-read files, no lengths")
    reset: ResetInfo | None = wire(When("options", 0x10, Nested(ResetInfo)), "")
    obu_id: str = wire(Hex(4), "MAC address again")
    equipment: int = wire(U8, "high nibble class, low version")
    obu_status: int = wire(U8, "see OBU_STATUS")
    tamper: int = wire(U8, "tamper state or counter")


OBU_STATUS: Mapping[int, str] = {
    0x80: "无卡 / no card",
    0x40: "卡类型 / card type",
    0x20: "非接触卡 / contactless card",
    0x10: "逻辑加密卡 / logic card",
    0x08: "卡异常 / card error",
    0x04: "标签锁定 / OBU locked",
    0x02: "标签被拆 / OBU removed",
    0x01: "电量低 / low battery",
}
"""Bits of `VST.obu_status` (2.4 [2+]); 40 to 10 together are the card's type."""


@record
class OtherVST(Pdu, title="车辆服务表（未知格式） / VST of unknown form"):
    """A VST with several applications, or with options whose containers are in no source (40, private info)."""

    head: int = wire(U8, "D0", idle=0xD0)
    profile: int = wire(U8, "")
    application_count: int = wire(U8, "")
    containers: bytes = wire(Rest(7), "applications with their parameters")
    obu_id: str = wire(Hex(4), "MAC address again")
    equipment: int = wire(U8, "high nibble class, low version")
    obu_status: int = wire(U8, "see OBU_STATUS")
    tamper: int = wire(U8, "tamper state or counter")


@record
class EventReport(Pdu, title="事件报告（释放） / EVENT-REPORT.rq, release"):
    """The antenna lets the tag go; no answer (gbt20851 3.1 [2+])."""

    head: int = wire(U8, "60", idle=0x60)
    did: int = wire(U8, "00 or 01")
    event: int = wire(U8, "00 = release")


@record
class OtherAction(Pdu, title="其他操作请求 / ACTION.rq of unknown type"):
    """An action, or a form of one, that no table describes: types 7 and 8 of ETC 2.0 drafts, say [1]."""

    head: int = wire(U8, "0, then 8 access credentials, 4 parameter, 2 iid, 1 mode (confirm)", idle=0x05)
    did: int = wire(U8, "01 ETC, 02 marking, 00 system")
    action: int = wire(U8, "action type")
    body: bytes = wire(Rest(), "")


@record
class OtherAnswer(Pdu, title="其他操作应答 / ACTION.rs of unknown form"):
    """An answer without parameter (head 10), or with a container that no table describes."""

    head: int = wire(U8, "1, then 8 parameter", idle=0x10)
    did: int = wire(U8, "")
    body: bytes = wire(Rest(1), "")
    status: int = wire(U8, "return status, 00 = OK; always stands there [calc]")


@record
class UnknownPdu(Pdu, title="未知数据单元 / unknown T-APDU"):
    """A nibble that stands in no source (GET, SET), or options that do not (nonmandatory applications)."""

    body: bytes = wire(Rest(), "")


# --- which table ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Switch:
    """Which table describes a T-APDU: its byte `at` under `mask`, looked up in `cases`; `other` for all the rest.

    `at` counts from the fragmentation header, which is 0.
    """

    at: int
    mask: int
    cases: Mapping[int, "Switch | type[Pdu]"]
    other: "Switch | type[Pdu]"

    def choose(self, data: bytes, start: int) -> type[Pdu]:
        """The table for the T-APDU at `start`. Raises MessageError if it ends before the byte that decides."""
        at = start + self.at
        if at >= len(data):
            raise MessageError("the T-APDU ends before it says what it is", len(data))
        found = self.cases.get(data[at] & self.mask, self.other)
        return found.choose(data, start) if isinstance(found, Switch) else found

    def tables(self) -> Iterator[type[Pdu]]:
        """All tables that it can come to; some more than once."""
        for found in (*self.cases.values(), self.other):
            if isinstance(found, Switch):
                yield from found.tables()
            else:
                yield found


# One application, with DID and parameter, and none of the options whose containers are unknown.
VSTS = Switch(3, 0xFF, {1: Switch(4, 0xC0, {0xC0: Switch(6, 0x4F, {0: VST}, OtherVST)}, OtherVST)}, OtherVST)
BSTS = Switch(1, 0x08, {0: BST}, UnknownPdu)
EVENT_REPORTS = Switch(1, 0x0E, {0: EventReport}, UnknownPdu)


def is_fragment(header: int) -> bool:
    """Whether this byte can be a fragmentation header of a whole T-APDU (2.1)."""
    return header & 0x81 == 0x81


def read(switch: Switch, data: bytes, at: int) -> tuple[Pdu, int]:
    """The T-APDU at this offset, and the offset behind it. Raises MessageError."""
    if at < len(data) and not is_fragment(data[at]):
        raise MessageError(f"{data[at]:02x} is no fragmentation header: bits 80 and 01 must be set", at)
    return switch.choose(data, at).read(data, at)


def read_all(switch: Switch, data: bytes, at: int) -> tuple[tuple[Pdu, ...], bytes]:
    """The concatenated T-APDUs from this offset on, and what behind the first is none. Raises MessageError.

    A T-APDU whose table takes the rest (GetSecure.rs, say) ends the row, whatever follows.
    """
    found: list[Pdu] = []
    while at < len(data):
        try:
            pdu, at = read(switch, data, at)
        except MessageError:
            if not found:
                raise
            break
        found.append(pdu)
    return tuple(found), data[at:]


def flags(bits: Mapping[int, str], value: int) -> tuple[str, ...]:
    """The names of the bits that are set."""
    return tuple(name for bit, name in bits.items() if value & bit)
