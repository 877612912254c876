"""Jiangsu lanes: F1 framing with a single FF before RSCTL, serial 115200 8N1.

Source: rsu-protocol 2 to 4 as JS has it, a lane program; offsets in its tables count RSCTL as 0, so DATA starts
at 1. C1 has no factor; C0 ends before TransMode; B5 names no terminal: B0 does.

What the reference leaves open: which "Unix" time C0 and B5 hold, see `unix` below, and how this antenna is switched
off. JS ignores a B2 of another tag during a trade (11.3 [2+]), as the reader's session does.
"""

from protocols.codec import U8, U16, U32, Hex, Nested, Raw, record, wire
from protocols.obu.files import STATION_SIZE, File0015
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F1_SINGLE
from protocols.rsu.message import Message
from protocols.rsu.messages import Contents, GoOn, Init, Result, Status, unix_utc
from protocols.rsu.tables import (
    B2,
    C2,
    ERROR,
    OBU_ID,
    SHORT,
    B2Long,
    B2Typed,
    B3Extended,
    B7Records,
    C1Bare,
    C3Station40,
    C6Station40,
    C7Records,
    StatusTable,
)
from protocols.rsu.translate import NO_OBU

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status: one terminal, no PSAMNum [1]."""

    status: int = wire(U8, "00 normal, else fault")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="010001")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B4(Message, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    balance: int = wire(U32, "fen")
    card: File0015 = wire(Nested(File0015), "0015")
    station: bytes = wire(Raw(STATION_SIZE), "0019")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made: Yunnan's order without the terminal [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    trade_time: str = wire(Hex(7), "BCD7")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    card_serial: int = wire(U16, "card offline serial")
    trade_type: int = wire(U8, "")
    balance: int = wire(U32, "fen, after the trade")
    tac: str = wire(Hex(4), "transaction authentication code")
    write_time: int = wire(U32, "Unix seconds of writing, in the convention of C0")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin; the form of Beijing up to PLLChannelID [2+]."""

    unix_time: int = wire(U32, "Unix seconds")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    wait: int = wire(U8, "least time before the same tag is read again; unit not stated consistently", idle=2)
    tx_power: int = wire(U8, "power step 0-31")
    channel: int = wire(U8, "0 = channel 1, 1 = channel 2")


DIALECT = Dialect(
    name="jiangsu",
    framing=F1_SINGLE,
    from_antenna=(B0, B2Long, B2, B2Typed, B3Extended, B4, B5, B7Records, *SHORT),
    from_pc=(C0, C1Bare, C2, C3Station40, C6Station40, C7Records),
    unix=unix_utc,  # not stated; the air is in UTC, and so is the other firmware with these forms [inf]
    station_from=3,
    starting=(GoOn(NO_OBU, "0" * 16),),  # 11.1 [2+]
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=70.0,  # heartbeats come at least once a minute [DOC-1]; TRUCK gives up after 70 s [1]
    heartbeat_answer=None,  # DOC-1
    holding=Holding.EMPTY,  # DOC-1
)
