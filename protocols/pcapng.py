"""Captures of device ports as pcapng: one interface per port, each chunk with its direction and its time.

Source: draft-ietf-opsawg-pcapng; the blocks and options below go by the names they have there. We write
little-endian and nanoseconds, and read whatever the draft allows.
"""

import struct

from protocols.errors import CaptureError
from protocols.immutable import dataclass

SECTION_HEADER_BLOCK = 0x0A0D0D0A
SECTION_HEADER = b"\n\r\r\n"  # the same: a palindrome, recognised before the byte order is known
INTERFACE_DESCRIPTION_BLOCK = 1
ENHANCED_PACKET_BLOCK = 6
SMALLEST_BLOCK = 12  # Block Type, Block Total Length, and Block Total Length once more at the end

BYTE_ORDER_MAGIC = 0x1A2B3C4D
BYTE_ORDERS = {struct.pack(order + "I", BYTE_ORDER_MAGIC): order for order in "<>"}
LINKTYPE_USER0 = 147  # reserved for private use: the dissector is bound to it

OPT_ENDOFOPT = 0
IF_NAME, IF_DESCRIPTION, IF_TSRESOL, IF_TSOFFSET = 2, 3, 9, 14
EPB_FLAGS = 2
NANOSECONDS, MICROSECONDS = 9, 6  # if_tsresol: negative powers of ten; without the option it is 6
POWER_OF_TWO = 0x80  # if_tsresol: this bit makes the other seven a negative power of two
INBOUND, OUTBOUND, DIRECTION = 1, 2, 0b11  # epb_flags, bits 0-1


@dataclass(frozen=True, slots=True)
class Interface:
    """A device port: the name its packets go by, and what is said of it to people."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Packet:
    """Bytes that passed a port in one piece: PC to device if `outbound`; `time_ns` since 1970 UTC."""

    interface: str
    time_ns: int
    outbound: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """What a capture file holds, equal interfaces once; `truncated_at` is where a last block was cut off."""

    interfaces: tuple[Interface, ...]
    packets: tuple[Packet, ...]
    truncated_at: int | None


class Writer:
    """The blocks of a capture file, to be written in the order in which they are asked for.

    What the format's fields cannot hold (times beyond 64 bits, texts beyond 64 KiB) raises `struct.error`.
    """

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def header(self) -> bytes:
        """Begin a section; the interfaces of the section before, if any, are forgotten."""
        self._ids.clear()
        section_length_unknown = -1
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, section_length_unknown)
        return _framed(SECTION_HEADER_BLOCK, body)

    def interface(self, interface: Interface) -> bytes:
        """Declare a port, before its first packet; ValueError if the section has one of that name."""
        if interface.name in self._ids:
            raise ValueError(f"port {interface.name!r} is already declared in this section; declare it once")
        self._ids[interface.name] = len(self._ids)
        return _framed(
            INTERFACE_DESCRIPTION_BLOCK,
            struct.pack("<HHI", LINKTYPE_USER0, 0, 0)  # SnapLen 0: no limit
            + _option(IF_NAME, interface.name.encode())
            + _option(IF_DESCRIPTION, interface.description.encode())
            + _option(IF_TSRESOL, bytes([NANOSECONDS]))
            + _option(OPT_ENDOFOPT, b""),
        )

    def packet(self, packet: Packet) -> bytes:
        """Record bytes of a declared port; ValueError if the section does not know the port."""
        number = self._ids.get(packet.interface)
        if number is None:
            raise ValueError(f"port {packet.interface!r} is not declared in this section; declare it first")
        high, low = divmod(packet.time_ns, 1 << 32)
        size = len(packet.data)
        return _framed(
            ENHANCED_PACKET_BLOCK,
            struct.pack("<IIIII", number, high, low, size, size)
            + _padded(packet.data)
            + _option(EPB_FLAGS, struct.pack("<I", OUTBOUND if packet.outbound else INBOUND))
            + _option(OPT_ENDOFOPT, b""),
        )


def _framed(kind: int, body: bytes) -> bytes:
    size = struct.pack("<I", SMALLEST_BLOCK + len(body))
    return struct.pack("<I", kind) + size + body + size


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def read(data: bytes) -> Capture:
    """Read a whole capture file; where recording was cut off (power cut), what came before is returned.

    Packets without a direction count as inbound, an interface without a name goes by its number. Blocks other
    than the three above are skipped. Raises CaptureError with the offset of the first block that is broken.
    """
    if not data.startswith(SECTION_HEADER[: len(data)]):
        raise CaptureError(
            "不是 pcapng，请在 Wireshark 中另存为 pcapng / not a pcapng file; save it as pcapng in Wireshark"
        )
    interfaces: dict[Interface, None] = {}
    packets: list[Packet] = []
    section: list[_Port] = []
    offset, order = 0, ""
    while block := _block(data, offset, order):
        if block.kind == SECTION_HEADER_BLOCK:
            _check_version(block)
            section = []
        elif block.kind == INTERFACE_DESCRIPTION_BLOCK:
            section.append(_port(block, len(section)))
            interfaces[section[-1].interface] = None
        elif block.kind == ENHANCED_PACKET_BLOCK:
            packets.append(_packet(block, section))
        offset, order = block.end + 4, block.order
    return Capture(tuple(interfaces), tuple(packets), offset if offset < len(data) else None)


@dataclass(frozen=True, slots=True)
class _Port:
    """An interface of the section being read, and how its packets count time."""

    interface: Interface
    units_per_second: int
    offset_seconds: int


class _Block:
    """One block of a capture: its fields are taken in order, and never from beyond its `end`."""

    def __init__(self, data: bytes, order: str, kind: int, start: int, end: int) -> None:
        self.order, self.kind, self.start, self.end = order, kind, start, end
        self._data, self._at = data, start + 8

    def fields(self, layout: str) -> tuple[int, ...]:
        return struct.unpack(self.order + layout, self.take(struct.calcsize(self.order + layout)))

    def take(self, size: int) -> bytes:
        at, left = self._at, self.end - self._at
        if size > left:
            raise self.broken(
                f"需要 {size} 字节，只剩 {left} 字节",
                f"{size} bytes are announced where the block has only {left} left",
            )
        self._at += size + -size % 4
        return self._data[at : at + size]

    def options(self) -> dict[int, bytes]:
        found: dict[int, bytes] = {}
        while self._at < self.end:
            code, size = self.fields("HH")
            if code == OPT_ENDOFOPT:
                break
            found[code] = self.take(size)
        return found

    def number(self, layout: str, option: bytes | None, default: int) -> int:
        if option is None:
            return default
        if len(option) != struct.calcsize(self.order + layout):
            raise self.broken(
                f"定长选项有 {len(option)} 字节", f"an option whose length is fixed has {len(option)} bytes"
            )
        value: int = struct.unpack(self.order + layout, option)[0]
        return value

    def broken(self, chinese: str, english: str) -> CaptureError:
        return CaptureError(
            f"抓包损坏，类型 {self.kind} 的块中{chinese} / {english}, in a block of type {self.kind}", self.start
        )


def _block(data: bytes, offset: int, order: str) -> _Block | None:
    """Cut out the block at `offset`; None at the end of the data, or where they end within the block."""
    left = len(data) - offset
    if left < SMALLEST_BLOCK:
        return None
    if data.startswith(SECTION_HEADER, offset):
        magic = data[offset + 8 : offset + 12]
        if magic not in BYTE_ORDERS:
            raise CaptureError(
                f"抓包损坏，字节序标志为 {magic.hex()} / "
                f"Byte-Order Magic {magic.hex()} is neither 1a2b3c4d nor 4d3c2b1a",
                offset,
            )
        order = BYTE_ORDERS[magic]
    kind, size = struct.unpack_from(order + "II", data, offset)
    if size > left:
        return None
    end = offset + max(size, SMALLEST_BLOCK) - 4
    if size % 4 or size < SMALLEST_BLOCK or struct.unpack_from(order + "I", data, end) != (size,):
        # A power cut leaves zeros where the file had grown ahead of its bytes; only those are let pass.
        if any(memoryview(data)[end:]):
            raise CaptureError(
                f"抓包损坏，块长 {size} 不对或首尾不一 / "
                f"Block Total Length {size} is none, or is not repeated at the end",
                offset,
            )
        return None
    return _Block(data, order, kind, offset, end)


def _check_version(block: _Block) -> None:
    _magic, major, minor, _section_length = block.fields("IHHq")
    if major != 1 or minor not in {0, 2}:  # 1.2 is to be read as 1.0
        raise block.broken(
            f"版本 {major}.{minor} 未知，请另存为 1.0",
            f"pcapng version {major}.{minor} is unknown; save the capture as version 1.0",
        )


def _port(block: _Block, number: int) -> _Port:
    block.fields("HHI")
    options = block.options()
    resolution = block.number("B", options.get(IF_TSRESOL), MICROSECONDS)
    return _Port(
        Interface(_text(options.get(IF_NAME, b"%d" % number)), _text(options.get(IF_DESCRIPTION, b""))),
        1 << (resolution & ~POWER_OF_TWO) if resolution & POWER_OF_TWO else 10**resolution,
        block.number("q", options.get(IF_TSOFFSET), 0),
    )


def _packet(block: _Block, section: list[_Port]) -> Packet:
    number, high, low, captured, _original = block.fields("IIIII")
    if number >= len(section):
        raise block.broken(
            f"数据包属于接口 {number}，只声明了 {len(section)} 个",
            f"the packet is of interface {number}, the section has declared {len(section)}",
        )
    port = section[number]
    data = block.take(captured)
    flags = block.number("I", block.options().get(EPB_FLAGS), 0)
    time_ns = (high << 32 | low) * 10**9 // port.units_per_second + port.offset_seconds * 10**9
    return Packet(port.interface.name, time_ns, flags & DIRECTION == OUTBOUND, data)


def _text(value: bytes) -> str:
    # A zero byte ends a string, and a reader may repair what is not UTF-8 (sections "Options" and "Strings").
    return value.partition(b"\0")[0].decode(errors="replace")
