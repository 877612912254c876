"""Yunnan lanes: F1 framing, serial 115200 8N1, seconds counted from 2000.

Source: rsu-protocol 2 to 4 as YN has it, a lane program; offsets in its tables count RSCTL as 0, so DATA starts
at 1. C1 has no factor and C2 no StopType; each heartbeat is answered with C2. B5 is as long as Beijing's, in
another order.

What the reference leaves open: how this antenna is switched off (C4 writes a file here, 4C is not stated), the
fields of C5, what stands in B6 before its 83 bytes, and what answers C8 and C9; those are shown, never sent.
"""

from protocols.codec import U8, U16, U32, Hex, Nested, Raw, Rest, record, wire
from protocols.obu.files import STATION_SIZE, File0015
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F1
from protocols.rsu.message import Message
from protocols.rsu.messages import Contents, GoOn, Init, Result, Status, Stop, unix_2000
from protocols.rsu.tables import (
    B2,
    ERROR,
    OBU_ID,
    SHORT,
    B2Long,
    B2Typed,
    B3Extended,
    B7Records,
    C1Bare,
    C2Bare,
    C3Station40,
    C6Station40,
    C7Records,
    StatusTable,
)
from protocols.rsu.translate import NO_OBU

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status: two terminals, no PSAMNum [1]."""

    status: int = wire(U8, "00 normal, else fault")
    terminal_1: str = wire(Hex(6), "terminal number of PSAM 1")
    terminal_2: str = wire(Hex(6), "terminal number of PSAM 2")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="010001")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B4(Message, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card, with the flag-station record [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    balance: int = wire(U32, "fen")
    card_type: int = wire(U8, "")
    card: File0015 = wire(Nested(File0015), "0015")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    flag_stations: str = wire(Hex(9), "0009, flag stations")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    trade_time: str = wire(Hex(7), "BCD7")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    card_serial: int = wire(U16, "card offline serial")
    trade_type: int = wire(U8, "")
    balance: int = wire(U32, "fen, after the trade")
    tac: str = wire(Hex(4), "transaction authentication code")
    write_time: int = wire(U32, "seconds of writing, from 2000")


@record
class B6(Message, command=0xB6, title="自由区文件 / free-area file"):
    """The answer to C5 [1]."""

    before: bytes = wire(Rest(tail=83), "OBUID and ErrorCode, if they stand here; not stated")
    area: str = wire(Hex(83), "000A, free area")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [1; up to PLLChannelID 2+]."""

    unix_time: int = wire(U32, "seconds from 2000-01-01")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    wait: int = wire(U8, "least time before the same tag is read again; unit not stated consistently", idle=2)
    tx_power: int = wire(U8, "power step 0-31")
    channel: int = wire(U8, "0 = channel 1, 1 = channel 2")
    flag_stations: int = wire(U8, "1 = handle flag-station info")


@record
class C4(Message, command=0xC4, title="写标识站信息 / write flag stations"):
    """Write the flag-station record; no antenna switch here [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    flag_stations: str = wire(Hex(9), "0009")


@record
class C5(Message, command=0xC5, title="读自由区文件 / read free-area file"):
    """Ask for B6 [1]."""

    content: bytes = wire(Rest(), "its fields are not stated")


@record
class C8(Message, command=0xC8, title="取 TAC / fetch TAC"):
    """Ask for the TAC of a purchase, same antenna; what answers is not stated [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    card_serial: int = wire(U16, "CardPaySerial")


@record
class C9(Message, command=0xC9, title="取 TAC（双天线） / fetch TAC, two antennas"):
    """The same where another antenna made the purchase; what answers is not stated [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    card_serial: int = wire(U16, "CardPaySerial")


DIALECT = Dialect(
    name="yunnan",
    framing=F1,
    from_antenna=(B0, B2Long, B2, B2Typed, B3Extended, B4, B5, B6, B7Records, *SHORT),
    from_pc=(C0, C1Bare, C2Bare, C3Station40, C4, C5, C6Station40, C7Records, C8, C9),
    unix=unix_2000,  # [1]
    station_from=3,
    starting=(GoOn(NO_OBU, "0" * 16),),  # 11.1 [2+]
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=90.0,  # YN's own watchdog (2.4 [1])
    heartbeat_answer=Stop(NO_OBU, None),  # 2.4 [1]
    holding=Holding.EMPTY,  # DOC-1
)
