"""Lane antennas with the content of 2019 inside the old frames: F1 framing, long forms, EF04.

Source: rsu-protocol 2 to 4 as LEIZI has it, the firmware of such an antenna; recorded whole trades of it are in
tests/golden/antenna-transcripts.tsv. Offsets in the tables count RSCTL as 0, so DATA starts at 1. We never ask for
EF04: EF04_Opt and TradeMode are 0, and B4 then ends after ReadEf04Status, as recorded. Where B2 should have the
card's number, the recorded ones have the first 10 bytes of the card's plate.

CD and CF authorise the PSAM (CF is no answer to a heartbeat here). What the reference leaves open: the forms of B8,
BA, D8 and D9, and what a C8 that asks for IP and port looks like; they are shown as they come.
"""

from protocols.codec import U8, U16, U32, Hex, Nested, Raw, Rest, Sized, record, wire
from protocols.obu.files import STATION_SIZE, File0015, GoodsFile, PassengerFile, VehicleFile
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F1
from protocols.rsu.message import Message
from protocols.rsu.messages import (
    Contents,
    FetchTac,
    GoOn,
    Init,
    PsamAnswered,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Result,
    Status,
    unix_utc,
)
from protocols.rsu.tables import B2, BD, C2, OBU_ID, SHORT, B2Long, B2Typed, C1Bare, StatusTable, Switch4C
from protocols.rsu.translate import NO_OBU

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status, 22 bytes [1; recorded]."""

    status: int = wire(U8, "00 ok, 01 PSAM reset failed, 03 PSAM read failed")
    psam_channel: int = wire(U8, "slot of the PSAM; the firmware uses 1 whatever CD and CF name", idle=1)
    psam_version: int = wire(U8, "", idle=1)
    unauthorised: int = wire(U8, "01 for a PSAM that wants authorisation, also once it has it; else 00")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="010001")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B3(Message, command=0xB3, title="车辆信息 / vehicle info", means=Contents):
    """Vehicle file of 79 bytes, zeros with an error [1; recorded]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "04 no DSRC answer, 06 decryption failed, 2E PSAM not authorised")
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")


@record
class B4(Message, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card, where C0 did not ask for EF04 [recorded]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "08 no DSRC answer, 09 reading 0019 failed, 20 EF04 no data, 21 EF04 read failed")
    card_status: int = wire(U8, "ReadIccStatus: 0 ok, 1 failed")
    balance: int = wire(U32, "fen")
    card: File0015 = wire(Nested(File0015), "0015")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    ef04_status: int = wire(U8, "ReadEf04Status: 0 ok, 1 failed or not asked for", idle=1)


@record
class B4Ef04(B4, command=0xB4, title="卡片信息（含 EF04） / card info with EF04", means=Contents):
    """Card and the part of EF04 that C0 asked for [1]."""

    ef04_offset: int = wire(U16, "as in C0")
    ef04_length: int = wire(U16, "as in C0")
    ef04: bytes = wire(Sized("ef04_length"), "that part of EF04")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made; also the answer to C8, whose CardBalance is none [1; recorded]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(
        U8, "10-13 purchase init and MAC1, 16-19 purchase and MAC2, 22-23 EF04 write, 35-36 TAC; rsu-protocol 4"
    )
    trade_time: str = wire(Hex(7), "BCD7, equals PurchaseTime of C6")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    card_serial: int = wire(U16, "card offline serial")
    trade_type: int = wire(U8, "09 composite")
    balance: int = wire(U32, "fen, after the trade")
    tac: str = wire(Hex(4), "transaction authentication code")
    write_time: int = wire(U32, "Unix seconds of writing")
    algorithm: int = wire(U8, "KeyType: 0 3DES, 4 SM4")
    ef04_status: int = wire(U8, "EF04WriteStatus: 0 ok, 1 failed")


@record
class B8(Message, command=0xB8, title="IP 和端口 / IP and port"):
    """The answer to C8 as a question for the address [1]."""

    address: bytes = wire(Rest(), "IP and port; their form is not stated")


@record
class B9(Message, command=0xB9, title="分省金额 / amounts by province"):
    """The answer to C9 [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "08 no DSRC answer, 23 EF04 write failed")
    ef04: bytes = wire(Rest(), "as much of EF04 as C9 asked for")


@record
class BA(Message, command=0xBA, title="多义路径文件信息 / multi-path file info"):
    """A code that is reserved, its fields are not stated [1]."""

    content: bytes = wire(Rest(), "")


@record
class BF(Message, command=0xBF, title="PSAM 授权结果 / PSAM authorisation, its result", means=PsamAnswered):
    """The answer to CF [1]."""

    fault: int = wire(U8, "00 ok")
    sw: str = wire(Hex(2), "of the PSAM, 9000 = good; old bytes where fault is not 00")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [1; recorded]."""

    unix_time: int = wire(U32, "true UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    bst_interval: int = wire(U8, "ms", idle=10)
    tx_power: int = wire(U8, "power step; above 15 counts as 15")
    channel: int = wire(U8, "0 = channel 1, 1 = channel 2")
    ef04_option: int = wire(U8, "EF04_Opt: 1 = read EF04 too")
    ef04_offset: int = wire(U16, "")
    ef04_length: int = wire(U16, "")


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit [1; recorded]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    trade_mode: int = wire(U8, "0 purchase only, 1 EF04 only; 2 entry: EF04 first, 3 exit: purchase first")
    fen: int = wire(U32, "amount in fen")
    station: bytes = wire(Raw(40), "0019 without AA 29 00")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    ef04_offset: int = wire(U16, "")
    ef04_length: int = wire(U16, "up to 98")
    ef04: bytes = wire(Sized("ef04_length"), "what to write")


@record
class C8(Message, command=0xC8, title="重取 TAC / fetch TAC again", means=FetchTac):
    """Ask for the proof of the last purchase; answered with a B5 [1; recorded]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    mode: int = wire(U8, "OptMode: 0 TAC only, 1 TAC and EF04")
    ef04_offset: int = wire(U16, "")
    ef04_length: int = wire(U16, "")
    ef04: bytes = wire(Sized("ef04_length"), "what to write")


@record
class C8Address(Message, command=0xC8, title="查询 IP 和端口 / ask for IP and port"):
    """The same code with another meaning, answered with B8; no field is stated [1]."""


@record
class C9(Message, command=0xC9, title="读分省金额 / read amounts by province"):
    """Ask for B9 [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    ef04_offset: int = wire(U16, "")
    ef04_length: int = wire(U16, "")


@record
class AB(Message, command=0xAB, title="信标号固定或可变 / BeaconID fixed or variable"):
    """How the antenna makes its BeaconID [1]."""

    rsu_id: int = wire(U8, "fixed or variable; which value is which, the reference does not say")


@record
class CD(Message, command=0xCD, title="PSAM 授权开始 / PSAM authorisation, begin", means=PsamInit):
    """Ask for BD [1]."""

    slot: int = wire(U8, "PsamChannel")


@record
class CF(Message, command=0xCF, title="PSAM 授权 / PSAM authorisation", means=PsamAuthorise):
    """The platform's MAC, answered with BF [1]."""

    slot: int = wire(U8, "PsamChannel")
    mac: str = wire(Hex(8), "")


@record
class D1(Message, command=0xD1, title="发送 BST / send a BST"):
    """Send a BST now; a test [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "")


@record
class D2(Message, command=0xD2, title="发送事件报告 / send an event report"):
    """Release the tag; no field [1]."""


@record
class D8(Message, command=0xD8, title="设置工作参数 / set working parameters"):
    """Its fields are not stated [1]."""

    parameters: bytes = wire(Rest(), "")


@record
class D9(Message, command=0xD9, title="读工作参数 / read working parameters"):
    """Its fields are not stated [1]."""

    parameters: bytes = wire(Rest(), "")


DIALECT = Dialect(
    name="bcc2019",
    framing=F1,
    from_antenna=(B0, B2Long, B2, B2Typed, B3, B4, B4Ef04, B5, B8, B9, BA, BD, BF, *SHORT),
    from_pc=(C0, C1Bare, C2, Switch4C, C6, C8, C8Address, C9, AB, CD, CF, D1, D2, D8, D9),
    unix=unix_utc,  # the C0 that the firmware starts with says the same moment in UTC and in BCD [1: LEIZI]
    station_from=3,
    starting=(GoOn(NO_OBU, "0" * 16),),  # without it the firmware does not radiate (2.4 [2+])
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=70.0,  # heartbeats come at least once a minute [DOC-1]; TRUCK gives up after 70 s [1]
    heartbeat_answer=None,  # DOC-1
    holding=Holding.EMPTY,  # DOC-1; this firmware drops a frame so short, and waits its 1.1 s all the same [1]
    # The firmware's own (2.3 [1]); besides, a heartbeat has 88, and the B5 that answers C8 has 68 [recorded].
    sequences={0xB0: 0x08, 0xB2: 0x18, 0xB3: 0x28, 0xB4: 0x48, 0xB5: 0x58, 0xB9: 0x68, 0xBD: 0x78, 0xBF: 0x88},
    codes={  # rsu-protocol 4 [1: LEIZI]
        (0xB0, 0x01): "PSAM reset failed",
        (0xB0, 0x03): "PSAM reading failed",
        (0xB3, 0x04): "no DSRC answer",
        (0xB3, 0x06): "decryption failed",
        (0xB3, 0x2E): "PSAM not authorised",
        (0xB4, 0x08): "no DSRC answer",
        (0xB4, 0x09): "reading 0019 failed",
        (0xB4, 0x20): "EF04: no data",
        (0xB4, 0x21): "EF04: reading failed",
        (0xB5, 0x10): "purchase init: no data",
        (0xB5, 0x11): "purchase init: bad SW",
        (0xB5, 0x13): "MAC1",
        (0xB5, 0x16): "purchase: no data",
        (0xB5, 0x17): "purchase: bad SW",
        (0xB5, 0x19): "MAC2",
        (0xB5, 0x22): "EF04: no data on writing",
        (0xB5, 0x23): "EF04: writing failed",
        (0xB5, 0x35): "TAC again: no data",
        (0xB5, 0x36): "TAC again: failed",
        (0xBD, 0x01): "random failed",
        (0xBD, 0x02): "area code failed",
    },
    # The card was told to pay, and what it said was lost or did not verify; the other codes come before that.
    doubtful=frozenset({0x16, 0x19}),
    recorded=frozenset({0xB0, 0xB2, 0xB3, 0xB4, 0xB5}),
)
