"""Motorway lanes V2.x, "RSU-PC" 2b: F2 framing, TCP, the antenna is the server.

Source: rsu-protocol 5 to 7; offsets in its tables count the command byte as 0. Nothing here is captured but framing
and heartbeat [2+]: the tables are those of HZYW-B, XTX, FJ and WS [1 each], told apart by their lengths. HZYW-B is
said (B3 of 68 bytes, B4 of 133, B5 of 35, C6 of 88), and FJ where HZYW-B has no such frame (C0, C8, C9).

Open: the official error codes, which were not found; the order of FJ's B3, B4 and B5; the fields of CD and how the
MAC goes back to the PSAM, which is why this dialect authorises none; the widths that are marked [inf].
"""

from collections.abc import Mapping
from typing import Any

from protocols.codec import U8, U16, U32, Entries, Filling, Hex, Nested, Raw, Record, Rest, Sized, record, wire
from protocols.obu.files import STATION_SIZE, File0015, GoodsFile, PassengerFile, VehicleFile, VehicleFile59
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.dialects.gantry_v3 import B1, EF04_SIZE, flags_of
from protocols.rsu.framing import F2
from protocols.rsu.message import Message
from protocols.rsu.messages import Contents, FetchTac, GoOn, Init, Purchase, Result, Status, TagSeen, unix_utc
from protocols.rsu.tables import (
    B8,
    BD,
    C1,
    C2,
    C4,
    D0,
    ERROR,
    OBU_ID,
    SHORT,
    B2Typed,
    B8Short,
    StatusTable,
)
from protocols.rsu.translate import NO_OBU, whole

STATION_PADDING = 20
"""HZYW-B pads the 43 bytes of 0019 with 00 to 63 (rsu-protocol 6, 7 [1])."""

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class Psam(Record):
    """One PSAM in B0."""

    version: int = wire(U8, "")
    terminal: str = wire(Hex(6), "terminal number")


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status, 15 + 7n bytes [1: HZYW-B]; of an authorisation it says nothing."""

    status: int = wire(U8, "00 ok")
    psam_count: int = wire(U8, "as sent; the length tells")
    psams: tuple[Psam, ...] = wire(Entries(Psam, Filling(12)), "PSAMInfo")
    algorithm: int = wire(U8, "00")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="000001")
    version: str = wire(Hex(2), "2000h or more")
    work_status: int = wire(U8, "00")
    reserved: str = wire(Hex(4), "")

    @property
    def terminals(self) -> tuple[str, ...]:
        """The terminal numbers of its PSAMs."""
        return tuple(psam.terminal for psam in self.psams)

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A PSAM for each terminal."""
        return {**values, "psams": tuple(Psam(1, terminal) for terminal in values["terminals"])}


@record
class B2Fj(Message, command=0xB2, title="电子标签信息（含类型） / OBU info with OBUType", means=TagSeen):
    """A tag answered [1: FJ]; OBUType stands where its structure has it."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    device_type: int = wire(U8, "01 two-piece OBU, 02 one-piece OBU, 03 CPC card", idle=1)
    issuer: str = wire(Hex(8), "issuer identifier")
    contract_type: int = wire(U8, "", idle=1)
    contract_version: int = wire(U8, "")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    equipment: int = wire(U8, "", idle=0x10)
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")

    @property
    def flags(self) -> dict[str, bool]:
        """The flags of the tag."""
        return flags_of(self.device_type, self.obu_status)


@record
class B3Truck(Message, command=0xB3, title="车辆信息 / vehicle info", means=Contents):
    """Vehicle file of 59 bytes and 3 about a truck [1: HZYW-B]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    vehicle: VehicleFile59 = wire(Nested(VehicleFile59), "vehicle file in its older length")
    truck: str = wire(Hex(3), "truck info")

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The older file, zeros where nothing is known."""
        return {**values, "vehicle": VehicleFile59.fill(values)}


@record
class B3(Message, command=0xB3, title="车辆信息 / vehicle info", means=Contents):
    """Vehicle file of 79 bytes [1: XTX]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")


@record
class B4(Message, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card [1: HZYW-B]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    trade_type: int = wire(U8, "10h composite", idle=0x10)
    balance: int = wire(U32, "fen")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    station_padding: bytes = wire(Raw(STATION_PADDING), "0")
    ef04: bytes = wire(Raw(6), "EF04")
    file_0008: bytes = wire(Raw(3), "0008")


@record
class B4Bare(Message, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card, with the status of EF04 and none of it: the form of XTX where EF04 was not read [inf]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    trade_type: int = wire(U8, "", idle=0x10)
    balance: int = wire(U32, "fen")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    ef04_status: int = wire(U8, "")


@record
class B4Ef04(B4Bare):
    """Card with EF04 [1: XTX], of 91 bytes as FJ asks for in C0 [inf]: no other length is known."""

    ef04: bytes = wire(Raw(EF04_SIZE), "EF04Info; begins with a copy of 0019")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made [1: HZYW-B]; what the error codes mean was not found."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    terminal: str = wire(Hex(6), "PSAM terminal number")
    trade_time: str = wire(Hex(7), "BCD7")
    trade_type: int = wire(U8, "09 composite")
    tac: str = wire(Hex(4), "transaction authentication code")
    card_serial: int = wire(U16, "card offline serial")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    balance: int = wire(U32, "fen, after the trade")
    algorithm: int = wire(U8, "KeyType: 0 3DES, 4 SM4")


@record
class B9(Message, command=0xB9, title="分省 EF04 / EF04 by province"):
    """The answer to C9 [1: FJ]; widths [inf]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    read_status: int = wire(U8, "ReadStatus, 0 = good or not wanted")
    write_status: int = wire(U8, "WriteStatus, 0 = good or not wanted")
    read_length: int = wire(U16, "ReadLen")
    ef04: bytes = wire(Sized("read_length"), "EF04")


@record
class BE(Message, command=0xBE, title="信标号已设置 / BeaconID set"):
    """The answer to CE [1: FJ]."""

    status: int = wire(U8, "")
    beacon_id: str = wire(Hex(4), "")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [1: FJ]. EF04 is not asked for."""

    unix_time: int = wire(U32, "true UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    bst_interval: int = wire(U8, "ms between BST", idle=10)
    tx_power: int = wire(U8, "power step")
    channel: int = wire(U8, "0 / 1")
    trans_mode: int = wire(U8, "09 composite", idle=9)
    ef04_option: int = wire(U8, "00 leave EF04 alone, 01 read it")
    ef04_offset: int = wire(U16, "where in EF04, 314 = 013Ah")
    ef04_length: int = wire(U16, "how much of it, 91 = 005Bh")
    reserved: str = wire(Hex(3), "")


@record
class C0Ws(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [1: WS]: AuthMode before EF04Opt, and one reserved byte more."""

    unix_time: int = wire(U32, "true UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    bst_interval: int = wire(U8, "ms between BST", idle=10)
    tx_power: int = wire(U8, "power step")
    channel: int = wire(U8, "0 / 1")
    trans_mode: int = wire(U8, "09 composite", idle=9)
    auth_mode: int = wire(U8, "AuthMode")
    ef04_option: int = wire(U8, "00 leave EF04 alone, 01 read it")
    ef04_offset: int = wire(U16, "where in EF04")
    ef04_length: int = wire(U16, "how much of it")
    reserved: str = wire(Hex(4), "")


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit [1: HZYW-B]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "issuer identifier of B2, unchanged")
    write_record: int = wire(U8, "00 write 0019")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    station_padding: bytes = wire(Raw(STATION_PADDING), "0")


@record
class C6Ws(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit, nothing for EF04 [1: WS]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "")
    trade_mode: int = wire(U8, "TradeMode; meaning not stated")
    terminal: str = wire(Hex(6), "PSAMNo")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    ef04_offset: int = wire(U16, "where in EF04")
    ef04_length: int = wire(U16, "how much of it")


@record
class C6WsEf04(C6Ws):
    """Debit, with what is to be written to EF04 [1: WS]; 91 bytes as in all other sources [inf]."""

    ef04: bytes = wire(Raw(EF04_SIZE), "Info")


@record
class C8(Message, command=0xC8, title="取 TAC / fetch the TAC", means=FetchTac):
    """The proof of a purchase once more [1: FJ]; widths of OpMode, offset and length as in C0 [inf]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    card_serial: int = wire(U16, "card offline serial of the purchase")
    operation: int = wire(U8, "00 TAC only, 01 TAC, then write EF04")
    ef04_offset: int = wire(U16, "where in EF04")
    ef04_length: int = wire(U16, "how much of it")
    ef04: bytes = wire(Sized("ef04_length"), "what to write there")


@record
class C9(Message, command=0xC9, title="读写分省 EF04 / read or write EF04 by province"):
    """Amounts by province [1: FJ]; we never ask. OBUID as in FJ's structure; widths as in C0 [inf]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    read_mode: int = wire(U8, "ReadMode")
    read_offset: int = wire(U16, "")
    read_length: int = wire(U16, "")
    write_mode: int = wire(U8, "00 no update, 01 update, 02 clear")
    write_offset: int = wire(U16, "")
    write_length: int = wire(U16, "")
    ef04: bytes = wire(Rest(), "what to write there, if anything")


@record
class CD(Message, command=0xCD, title="PSAM 授权开始 / PSAM authorisation, begin"):
    """Asks for BD. Its fields are not known here; in LEIZI's F1 there is one byte, the slot."""

    unknown: bytes = wire(Rest(), "fields not known")


@record
class CE(Message, command=0xCE, title="设置信标号 / set BeaconID"):
    """How BeaconID changes [1: FJ]."""

    mode: int = wire(U8, "00 stop changing, 01 change at an interval, 02 change once")
    interval: bytes = wire(Rest(), "width not known")


DIALECT = Dialect(
    name="lane-v2",
    framing=F2,
    from_antenna=(B0, B2Typed, B2Fj, B3Truck, B3, B4, B4Bare, B4Ef04, B5, B8, B8Short, *SHORT, B1, B9, BD, BE, D0),
    from_pc=(C0, C0Ws, C1, C2, C4, C6, C6Ws, C6WsEf04, C8, C9, CD, CE),
    unix=unix_utc,  # F2 [cap for HZYW]
    lane_modes=(3, 4),  # lane programs
    channel_1=0,  # FJ [1]
    factor=whole,  # HZYW-B [2+]
    starting=(GoOn(NO_OBU, "0" * 16),),  # rsu-protocol 11.1 [2+]
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # not stated for F2; LEIZI's F1 value [1], [inf]
    silence=35.0,  # heartbeats come every 10 s [2+]; three may be lost
    heartbeat_answer=None,  # need not be answered; lanes may answer empty (rsu-protocol 5)
    # C2 with StopType 2 asks for the current frame again [2+]; that this is safe while deciding is [inf], so a
    # reader's `holding` option can refuse it.
    holding=Holding.RESEND,
)
