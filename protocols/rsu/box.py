"""What a Genvict box asks of us, E0 to E7, and our answers, F0 to F7: F3 framing, the box connects to us.

Source: rsu-protocol 9.1 [1: EBOX]; no frame of it was ever captured. Lengths are the reference's, and fields follow
in its order. What the reference leaves open: the value of a status that is not good, what slot and serial hold, the
bits of OBU status, and whether `amount` of E1 is a balance or a fee.
"""

from protocols.codec import U8, U16, U32, Hex, Nested, Raw, Rest, Sized, record, wire
from protocols.errors import MessageError
from protocols.obu.files import (
    STATION_SIZE,
    VEHICLE_SIZE,
    File0015,
    GoodsFile,
    PassengerFile,
    SystemInfo26,
    VehicleFile,
)
from protocols.rsu.message import Message

GOOD = 0
BAD = 1
"""Status of an answer that is none: that it is not 0 is sure, which value boxes want is not stated [inf]."""
SERIAL_SIZE = 32


# --- the box asks --------------------------------------------------------------------------------------------


@record
class E0(Message, command=0xE0, title="云盒状态 / box status"):
    """How the box is."""

    status: int = wire(U8, "")
    switch: int = wire(U8, "antenna switch")
    psam_status: int = wire(U8, "")
    version: bytes = wire(Rest(), "software version, to the end")


@record
class E1(Message, command=0xE1, title="标签已识别 / tag identified"):
    """A tag and its card; whether they are on a status list is asked."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    card_number: str = wire(Hex(10), "net and card id, BCD")
    system: SystemInfo26 = wire(Nested(SystemInfo26), "system information")
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015")
    obu_status: str = wire(Hex(2), "")
    amount: int = wire(U32, "")


@record
class E2(Message, command=0xE2, title="交易记录 / trade record"):
    """What became of a purchase."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    obu_type: int = wire(U8, "")
    has_card: int = wire(U8, "")
    obu_status: int = wire(U8, "")
    system: SystemInfo26 = wire(Nested(SystemInfo26), "system information")
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015")
    balance: int = wire(U32, "fen")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    reserved: int = wire(U8, "")
    result: int = wire(U8, "codes not stated; 00 ok in B5 of the same maker [inf]")
    balance_after: int = wire(U32, "fen")
    trade_time: str = wire(Hex(7), "BCD7")
    key_type: int = wire(U8, "")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    card_serial: int = wire(U16, "")
    tac: str = wire(Hex(4), "transaction authentication code")
    psam: str = wire(Hex(10), "PSAM number")
    card_random: str = wire(Hex(4), "")
    fen: int = wire(U32, "amount")
    entry_time: str = wire(Hex(7), "BCD7")


@record
class E3(Message, command=0xE3, title="请求 PSAM 授权 / PSAM authorisation wanted"):
    """What a platform needs to authorise the box's PSAM."""

    status: int = wire(U8, "")
    psam_count: int = wire(U8, "")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    number: str = wire(Hex(10), "PSAM number")
    key_type: int = wire(U8, "")
    psam_version: int = wire(U8, "")
    area: str = wire(Hex(8), "")
    random: str = wire(Hex(8), "")


@record
class E4(Message, command=0xE4, title="PSAM 授权结果 / PSAM authorisation result"):
    """What the PSAM said to the MAC."""

    status: int = wire(U8, "")
    psam_count: int = wire(U8, "")
    sw: str = wire(Hex(2), "status word")


@record
class E5(Message, command=0xE5, title="PSAM 授权结果（短） / PSAM authorisation result, short"):
    """The same without a status word."""

    status: int = wire(U8, "")


@record
class E6(Message, command=0xE6, title="请求解密 / decryption wanted"):
    """A tag's vehicle file as the tag sealed it."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    system: SystemInfo26 = wire(Nested(SystemInfo26), "system information")
    card: bytes = wire(Raw(28), "first bytes of 0015")
    key_type: int = wire(U8, "0 3DES, 4 SM4 as in B5 [inf]")
    cipher_size: int = wire(U8, "")
    cipher: bytes = wire(Sized("cipher_size"), "88 bytes; that SM4 has 96 here too is [inf]")


@record
class E7(Message, command=0xE7, title="请求 MAC1 / MAC1 wanted"):
    """The terminal's proof of a purchase."""

    issuer: str = wire(Hex(8), "issuer identifier")
    card_id: str = wire(Hex(8), "card number without its net")
    card_random: bytes = wire(Raw(4), "")
    card_serial: int = wire(U16, "")
    fen: int = wire(U32, "amount")
    trade_time: str = wire(Hex(7), "BCD7")
    mode: int = wire(U8, "09", idle=9)
    key_type: int = wire(U8, "0 3DES, 4 SM4 as in B5 [inf]")
    slot: str = wire(Hex(2), "of F6")
    terminal: str = wire(Hex(6), "of F6")
    check_mac2: int = wire(U8, "check-MAC2 flag; where MAC2 would come, is not stated")
    serial: str = wire(Hex(SERIAL_SIZE), "of F6")


# --- our answers ---------------------------------------------------------------------------------------------


@record
class F0(Message, command=0xF0, title="状态已收到 / status seen"):
    """The answer to E0."""


@record
class F1(Message, command=0xF1, title="名单状态 / list status"):
    """The answer to E1."""

    listed: int = wire(U8, "0 normal, 1 black, as in B4 [inf]")


@record
class F2(Message, command=0xF2, title="交易已记录 / trade recorded"):
    """The answer to E2."""

    status: int = wire(U8, "0 good")


@record
class F4(Message, command=0xF4, title="PSAM 授权 / PSAM authorisation"):
    """The answer to E3."""

    status: int = wire(U8, "0 good")
    random: str = wire(Hex(8), "of E3")
    mac: str = wire(Hex(8), "authorisation MAC")


@record
class F5(Message, command=0xF5, title="结果已收到 / result seen"):
    """The answer to E4 and E5."""


@record
class F6(Message, command=0xF6, title="车辆信息明文 / vehicle file in clear"):
    """The answer to E6."""

    status: int = wire(U8, "0 good")
    listed: int = wire(U8, "0 normal, 1 black, as in B4 [inf]")
    slot: str = wire(Hex(2), "given back in E7")
    terminal: str = wire(Hex(6), "PSAM terminal number of MAC1")
    serial: str = wire(Hex(SERIAL_SIZE), "given back in E7")
    vehicle_size: int = wire(U8, "", idle=VEHICLE_SIZE)
    vehicle: bytes = wire(Sized("vehicle_size"), "79 bytes", idle=bytes(VEHICLE_SIZE))


@record
class F7(Message, command=0xF7, title="MAC1"):
    """The answer to E7."""

    status: int = wire(U8, "0 good")
    mac1: bytes = wire(Raw(4), "")
    terminal_serial: int = wire(U32, "PSAM transaction serial")


TABLES: tuple[type[Message], ...] = (E0, E1, E2, E3, E4, E5, E6, E7, F0, F1, F2, F4, F5, F6, F7)


def decode(data: bytes) -> Message:
    """The message in a frame's DATA. Raises MessageError if it is none of these."""
    table = next((table for table in TABLES if data[:1] == bytes((table.COMMAND,))), None)
    if table is None:
        raise MessageError(f"a box has no command {data[:1].hex().upper() or '(none)'}")
    try:
        return table.decode(data[1:])
    except MessageError as error:
        raise MessageError(error.reason, error.offset + 1) from error
