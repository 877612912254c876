"""Soulin parking antennas: F1 framing, serial 115200 8N1 or TCP 60001.

Source: rsu-protocol 2 to 4, mostly captured by CRAZY-S; offsets in its tables count RSCTL as 0, so DATA starts
at 1. The forms of C2 and of the antenna switch that other programs send to F1 antennas are read, not sent; so
are the frames of antennas in truck lanes [1: TRUCK, a proxy; lengths and places from its code], which mean nothing
to a parking lane.
"""

from protocols.codec import U8, U32, Hex, Nested, Raw, record, wire
from protocols.obu.files import STATION_SIZE, File0015
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F1
from protocols.rsu.message import Message
from protocols.rsu.messages import Antenna, Contents, Init, Purchase, Status, unix_local
from protocols.rsu.tables import (
    B2,
    B3,
    B5,
    C1,
    C2,
    C4,
    D0,
    ERROR,
    OBU_ID,
    SHORT,
    B2Long,
    B2Typed,
    B4Head,
    C1Bare,
    C2Bare,
    StatusTable,
    Switch4C,
)

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status [cap]."""

    status: int = wire(U8, "00 normal, else fault")
    psam_count: int = wire(U8, "")
    terminal_1: str = wire(Hex(6), "terminal number of PSAM 1 (national)")
    terminal_2: str = wire(Hex(6), "terminal number of PSAM 2")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="010001")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B4(B4Head, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card, with a 43-byte 0019 [cap]."""

    station: bytes = wire(Raw(STATION_SIZE), "0019")


@record
class TruckD1(Message, command=0xD1, title="预读（标签） / pre-read, tag"):
    """A tag under the first antenna of a truck lane [1: TRUCK]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    info: str = wire(Hex(27), "not named; the proxy passes it on in its own B2")


@record
class TruckD2(Message, command=0xD2, title="预读（卡片） / pre-read, card"):
    """Its card [1: TRUCK]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(3), "bytes 43-45 of 0015")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    marks: str = wire(Hex(24), "0009")
    balance: int = wire(U32, "fen")


@record
class TruckE4(Message, command=0xE4, title="交易（卡片） / trade, card"):
    """The card under the second antenna [1: TRUCK]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(3), "bytes 43-45 of 0015")


@record
class TruckB9(Message, command=0xB9, title="货车车道队列 / queue of a truck lane"):
    """What the proxy tells the lane PC of its queue [1: TRUCK]."""

    status: int = wire(U8, "execution status")
    queued: int = wire(U8, "N1, tags pre-read")
    pre_read: str = wire(Hex(1), "list of pre-read states")
    trades: str = wire(Hex(1), "list of trade states")


TRUCK = (D0, TruckD1, TruckD2, TruckE4, TruckB9)


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [2+ up to PLLChannelID, cap fragment]; wait and mode as CRAZY-S sends them."""

    unix_time: int = wire(U32, "local wall clock as if UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    wait: int = wire(U8, "least time before the same tag is read again; unit not stated consistently", idle=2)
    tx_power: int = wire(U8, "power step 0-31")
    channel: int = wire(U8, "0 = channel 1, 1 = channel 2")
    trans_mode: int = wire(U8, "2 credit traditional + stored-value composite", idle=2)


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit, with 40 bytes of 0019 [cap]."""

    obu_id: str = wire(Hex(4), "")
    factor: str = wire(Hex(8), "card's first-level factor")
    reserved: str = wire(Hex(4), "0")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(40), "0019 without AA 29 00")


DIALECT = Dialect(
    name="soulin",
    framing=F1,
    from_antenna=(B0, B2, B2Typed, B2Long, B3, B4, B5, *SHORT, *TRUCK),
    from_pc=(C0, C1, C1Bare, C2, C2Bare, C4, Switch4C, C6),
    unix=unix_local,  # [cap]: three captured values
    station_from=3,
    starting=(Antenna(on=True),),  # CRAZY-S opens the antenna and never sends C1 with OBUID 0 [2+ with LIPKU]
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=70.0,  # heartbeats come at least once a minute [DOC-1]; TRUCK gives up after 70 s [1]
    heartbeat_answer=None,  # DOC-1
    holding=Holding.EMPTY,
    sequences={0xB0: 0x08, 0xB2: 0x18, 0xB3: 0x58, 0xB4: 0x38, 0xB5: 0x48},  # [cap]
)
