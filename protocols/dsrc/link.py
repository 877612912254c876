"""GB/T 20851.2: an air frame from its address to its FCS, and back byte for byte.

`7E | MAC address 4 | MAC control 1 | LLC control 1 [| status 1] | T-APDUs | FCS 2 | 7E` (gbt20851 1.2 [2+]). Bit
stuffing, and the order of bits on air, are undone by transceiver chips and not here. Captures come without flags
and without FCS, so both are optional.
"""

from protocols.codec import U8, Before, Fits, Hex, Record, When, record, wire
from protocols.crc import crc_reflected
from protocols.dsrc import application, equipment
from protocols.dsrc.application import Pdu
from protocols.errors import FrameError, MessageError, ProtocolError
from protocols.immutable import dataclass

FLAG = 0x7E
BROADCAST = "ffffffff"
UPLINK, LPDU, RESPONSE = 0x80, 0x40, 0x20
"""Bits of the MAC control byte (1.3 [2+]); 10 is set in the BST alone [1], the low 4 are 0 in every capture."""

# --- FCS -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fcs:
    """A variant of the FCS: reflected 1021h from `preset`, complemented, low byte first, over address to LSDU.

    No public capture holds an FCS (1.5): polynomial and presets are [2+], all else [inf]. A third preset, 6363,
    which one analyser labels ITU-V.41, may be Guangdong's [inf]; it is not tried.
    """

    name: str
    preset: int

    def of(self, data: bytes) -> bytes:
        """The 2 bytes that go behind `data`."""
        return (crc_reflected(data, self.preset) ^ 0xFFFF).to_bytes(2, "little")

    def ends(self, data: bytes) -> bool:
        """Whether the last 2 bytes are right for those before them; of nothing but zeros no FCS proves anything."""
        return any(data[:-2]) and self.of(data[:-2]) == data[-2:]


NATIONAL = Fcs("national", 0xFFFF)
"""CRC-16/X-25."""
BEIJING = Fcs("Beijing", 0x0000)
"""Beijing and, says one maker, older parking; that it is complemented too is assumed [inf]."""
VARIANTS = (NATIONAL, BEIJING)


# --- LLC -----------------------------------------------------------------------------------------------------

UI = 0x03
"""LLC control of what is not acknowledged: BST, VST, event report (1.4 [2+])."""
ACN, SEQUENCE = 0x77, 0x80
"""LLC control of acknowledged commands and their responses; bit 80 is the sequence bit.

It toggles with each new command; the same bit again asks for the last answer again (1.4 [2+], the latter [inf]).
"""


def is_acknowledged(llc: int) -> bool:
    """Whether this is an ACn command or response."""
    return llc & ~SEQUENCE == ACN


def answers(command: int, response: int) -> bool:
    """Whether a response with this LLC control is one to that command: the sequence bit inverted (1.4 [2+])."""
    return is_acknowledged(command) and response == command ^ SEQUENCE


# --- the frame -----------------------------------------------------------------------------------------------


class WhenAll(When):
    """A field that stands there only if `field`, earlier in the record, has all the bits of `mask`; else None."""

    def read(self, data: bytes, at: int, before: Before, fits: Fits) -> tuple[object, int]:
        """The value or None."""
        if before[self.field] & self.mask != self.mask:
            return None, at
        return self.inner.read(data, at, before, fits)


@record
class Head(Record):
    """What stands before the T-APDUs (1.2 to 1.4 [2+])."""

    address: str = wire(Hex(4), "MAC address of the tag, first byte its maker; ffffffff = broadcast")
    control: int = wire(U8, "MAC control: 80 uplink, 40 LPDU follows, 20 response, 10 broadcast")
    llc: int | None = wire(WhenAll("control", LPDU, U8), "LLC control: 03 UI, 77 and F7 acknowledged")
    status: int | None = wire(WhenAll("control", LPDU | RESPONSE, U8), "LLC status of a response, 00 = OK")


@dataclass(frozen=True, slots=True)
class AirFrame:
    """An air frame. `remainder` is what behind the T-APDUs no table describes, `fcs` the variant that was right.

    `fcs` is None where there is none, or none that is right: then its bytes are the remainder.
    """

    head: Head
    pdus: tuple[Pdu, ...]
    remainder: bytes = b""
    fcs: Fcs | None = None
    flags: bool = False

    @property
    def uplink(self) -> bool:
        """Whether the tag sends it."""
        return bool(self.head.control & UPLINK)

    def encode(self) -> bytes:
        """Its bytes. Raises MessageError if a value does not fit its field."""
        body = self.head.encode() + b"".join(pdu.encode() for pdu in self.pdus) + self.remainder
        if self.fcs:
            body += self.fcs.of(body)
        return bytes((FLAG,)) + body + bytes((FLAG,)) if self.flags else body


def decode(data: bytes, variants: tuple[Fcs, ...] = VARIANTS) -> AirFrame:
    """The air frame that `data` is, with or without flags, with or without an FCS of one of these variants.

    What is there, the bytes decide: an FCS that is right counts as one (by chance in 1 of 32768 frames without).
    Raises FrameError for what is no frame, MessageError for a first T-APDU that its table does not describe;
    offsets count from the start of `data`.
    """
    flagged = len(data) > 1 and data[0] == data[-1] == FLAG
    cuts = ((True, data[1:-1]), (False, data)) if flagged else ((False, data),)
    for flags, body in cuts:
        for fcs in variants:
            if fcs.ends(body):
                return _frame(body[:-2], fcs, flags=flags)
    return _flagged(data) if flagged else _frame(data, None, flags=False)


def _flagged(data: bytes) -> AirFrame:
    """Between 7E and 7E and without FCS: flags, unless only as address and last byte do they make sense."""
    try:
        bare = _frame(data, None, flags=False)
    except ProtocolError:
        return _frame(data[1:-1], None, flags=True)
    try:
        inner = _frame(data[1:-1], None, flags=True)
    except ProtocolError:
        if bare.pdus:
            return bare
        raise
    return bare if bare.pdus and not inner.pdus else inner


def _frame(body: bytes, fcs: Fcs | None, *, flags: bool) -> AirFrame:
    try:
        head, at = Head.read(body, 0)
    except MessageError as error:
        raise FrameError(f"no air frame: {error.reason}", error.offset + flags) from error
    if not head.control & LPDU:
        return AirFrame(head, (), body[at:], fcs, flags)
    try:
        pdus, remainder = application.read_all(equipment.T_APDU, body, at)
    except MessageError as error:
        raise MessageError(error.reason, error.offset + flags) from error
    return AirFrame(head, pdus, remainder, fcs, flags)
