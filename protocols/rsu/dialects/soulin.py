"""Soulin parking antennas: F1 framing, serial 115200 8N1 or TCP 60001.

Source: rsu-protocol 2 to 4, mostly captured by CRAZY-S; offsets in its tables count RSCTL as 0, so DATA starts
at 1. The forms of C2 and of the antenna switch that other programs send to F1 antennas are read, not sent.
"""

from protocols.codec import U8, U16, U32, Gbk, Hex, Nested, Raw, record, wire
from protocols.errors import MessageError
from protocols.obu.files import STATION_SIZE, File0015, card_of, date_bcd, file_of
from protocols.obu.values import Vehicle
from protocols.rsu.dialect import Dialect, Message
from protocols.rsu.framing import F1
from protocols.rsu.messages import (
    Antenna,
    Contents,
    Failed,
    GoOn,
    Heartbeat,
    Init,
    Order,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TagSeen,
    bcd_time,
    status_of,
    time_bcd,
    unix_local,
)
from protocols.rsu.tables import C1, C2, C4, RESEND, SEARCH_AGAIN, SHORT, B2Short, ResultTable, Short, TagTable

NO_OBU = "00000000"
HEARTBEAT_OBUS = (NO_OBU, "ffffffff")
"""Zeros with ErrorCode 80 (DOC-1 and four more [2+]); all F from soulin [1: CRAZY-S code, no captured bytes]."""
HEARTBEAT_CODE = 0x80
STATION_HEAD = bytes.fromhex("aa2900")
"""What a 43-byte 0019 has before the 40 bytes that go into C6 (rsu-protocol 8.2 [cap])."""


# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(Message, command=0xB0, title="device status"):
    """Device status [cap]."""

    status: int = wire(U8, "00 normal, else fault")
    psam_count: int = wire(U8, "")
    terminal_1: str = wire(Hex(6), "terminal number of PSAM 1")
    terminal_2: str = wire(Hex(6), "terminal number of PSAM 2")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B2(TagTable, command=0xB2, title="OBU info"):
    """A tag answered [cap, 2+]."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "00 = the rest follows")
    issuer: str = wire(Hex(8), "first 4 bytes GBK province or maker")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    equipment: int = wire(U8, "device type and version")
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")


@record
class B3(Message, command=0xB3, title="vehicle info"):
    """Vehicle [cap, 2+]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows")
    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U16, "plate colour")
    vehicle_class: int = wire(U8, "")
    user_type: int = wire(U8, "")


@record
class B4(Message, command=0xB4, title="card info"):
    """Card, with a 43-byte 0019 [cap]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows")
    card_type: int = wire(U8, "00 national, 01 local")
    physical_type: int = wire(U8, "00 CPU, 01 M1 S50, 02 Mifare Pro, 03 Ultralight, 05 M1 S70")
    trade_type: int = wire(U8, "00 traditional, 10h composite")
    balance: int = wire(U32, "fen")
    physical_id: str = wire(Hex(4), "0 for CPU")
    card: File0015 = wire(Nested(File0015), "0015")
    station: bytes = wire(Raw(STATION_SIZE), "0019")


@record
class B5(ResultTable, command=0xB5, title="transaction result"):
    """The purchase was made [cap, 2+]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows")
    write_time: int = wire(U32, "Unix seconds of writing, local wall clock as if UTC")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    trade_time: str = wire(Hex(7), "BCD7, equals PurchaseTime of C6")
    trade_type: int = wire(U8, "09 composite, 06 stored-value traditional, 16h credit traditional")
    tac: str = wire(Hex(4), "transaction authentication code")
    card_serial: int = wire(U16, "card offline serial")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    balance: int = wire(U32, "fen, after the trade; FFFFFFFF if it could not be read")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="initialise"):
    """Begin [2+ to LaneMode.., cap fragment]."""

    unix_time: int = wire(U32, "local wall clock as if UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "3 entry, 4 exit")
    wait: int = wire(U8, "least time before the same tag is read again; unit not stated consistently")
    tx_power: int = wire(U8, "power step 0-31")
    channel: int = wire(U8, "0 = channel 1, 1 = channel 2")
    trans_mode: int = wire(U8, "2 credit traditional + stored-value composite")


@record
class C2Bare(Message, command=0xC2, title="stop, without StopType"):
    """Leave a tag, as YN and TRUCK say it [2+]."""

    obu_id: str = wire(Hex(4), "")


@record
class Switch4C(Message, command=0x4C, title="antenna switch, DOC-1 code"):
    """Antenna on or off [2+; constant cap]."""

    control: int = wire(U8, "00 off, 01 on")


@record
class C6(Message, command=0xC6, title="purchase"):
    """Debit, with 40 bytes of 0019 [cap]."""

    obu_id: str = wire(Hex(4), "")
    factor: str = wire(Hex(8), "card's first-level factor")
    reserved: str = wire(Hex(4), "0")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE - len(STATION_HEAD)), "0019 without AA 29 00")


# --- the two translations ----------------------------------------------------------------------------------

WAIT, TRANS_MODE = 2, 2
"""C0 as CRAZY-S sends it [cap fragment]."""


def hear(message: Message) -> tuple[Report | Order, ...]:
    """What a message says."""
    match message:
        case B2() | B2Short() if message.obu_id in HEARTBEAT_OBUS:
            return (Heartbeat(0 if message.error in (0, HEARTBEAT_CODE) else message.error),)
        case B2() | B3() | B4() | B5() | Short() if message.error:
            return (Failed(message.obu_id, message.COMMAND, message.error),)
        case B0():
            terminals = tuple(t for t in (message.terminal_1, message.terminal_2) if int(t, 16))
            return (Status(message.status, terminals, None, message.maker, message.version),)
        case B2():
            return (TagSeen(message.tag()),)
        case B3():
            vehicle = Vehicle(message.plate, message.color, message.vehicle_class, message.user_type)
            return (Contents(message.obu_id, vehicle, None),)
        case B4():
            return (Contents(message.obu_id, None, card_of(message.card, message.balance, message.station)),)
        case B5():
            return (message.result(0),)
        case _:
            return _hear_pc(message)


def _hear_pc(message: Message) -> tuple[Order, ...]:
    match message:
        case C0():
            at = bcd_time(message.time)
            entry = message.lane_mode == 3
            return (Init(at, entry, message.tx_power, message.channel + 1),) if at else ()
        case C1():
            return (GoOn(message.obu_id, message.factor),)
        case C2(stop_type=2):
            return (Resend(message.obu_id, None),)
        case C2() | C2Bare():
            return (Stop(message.obu_id, None),)
        case C4() | Switch4C():
            return (Antenna(message.control == 1),)
        case C6():
            at = bcd_time(message.time)
            station = STATION_HEAD + message.station
            return (Purchase(message.obu_id, message.factor, message.fen, at, station),) if at else ()
        case _:
            return ()


def say(word: Order | Report) -> Message:
    """The message that says so. Raises MessageError where the dialect has none."""
    match word:
        case Init():
            return C0(
                unix_time=unix_local(word.at),
                time=time_bcd(word.at),
                lane_mode=3 if word.entry else 4,
                wait=WAIT,
                tx_power=word.tx_power,
                channel=word.channel - 1,
                trans_mode=TRANS_MODE,
            )
        case Antenna():
            return C4(int(word.on))
        case GoOn():
            return C1(word.obu_id, _factor(word.issuer) if word.obu_id != NO_OBU else "0" * 16)
        case Stop():
            return C2(word.obu_id, SEARCH_AGAIN)
        case Resend():
            return C2(word.obu_id, RESEND)
        case Purchase():
            return C6(
                obu_id=word.obu_id,
                factor=_factor(word.issuer),
                reserved=NO_OBU,
                fen=word.fen,
                time=time_bcd(word.at),
                station=word.station[len(STATION_HEAD) :],
            )
        case _:
            return _say_antenna(word)


def _say_antenna(word: Order | Report) -> Message:
    match word:
        case Status():
            first, second = (*word.terminals, "0" * 12, "0" * 12)[:2]
            count = len(word.terminals)
            return B0(word.fault, count, first, second, 0, word.maker, "010001", word.version, "0" * 10)
        case Heartbeat():
            return B2Short(NO_OBU, word.fault or HEARTBEAT_CODE)
        case TagSeen(tag):
            days = date_bcd(tag.issued), date_bcd(tag.expires)
            return B2(tag.obu_id, 0, tag.issuer, tag.contract, *days, 0x10, status_of(tag))
        case Contents(obu_id, Vehicle() as vehicle, None):
            v = vehicle
            return B3(obu_id, 0, v.plate, v.color, v.vehicle_class, v.user_type)
        case Contents(obu_id, _, card) if card:
            return B4(obu_id, 0, 0, 0, 0x10, card.balance, NO_OBU, file_of(card, word.vehicle), card.station)
        case Result():
            return B5(
                obu_id=word.obu_id,
                error=0,
                write_time=unix_local(word.at) if word.at else 0,
                terminal=word.terminal,
                trade_time=time_bcd(word.at),
                trade_type=word.trade_type,
                tac=word.tac,
                card_serial=word.card_serial,
                terminal_serial=word.terminal_serial,
                balance=word.balance,
            )
        case Failed(obu_id, command, code) if command in SHORT:
            return SHORT[command](obu_id, code)
        case _:
            raise MessageError(f"soulin has no word for {type(word).__name__}")


def _factor(issuer: str) -> str:
    """First-level diversification factor: the issuer's first 4 bytes twice (KT, LIPKU, soulin sample [2+])."""
    return issuer[:8] * 2


DIALECT = Dialect(
    name="soulin",
    framing=F1,
    from_antenna=(B0, B2, B3, B4, B5, *SHORT.values()),
    from_pc=(C0, C1, C2, C2Bare, C4, Switch4C, C6),
    hear=hear,
    say=say,
    starting=(Antenna(on=True),),  # CRAZY-S opens the antenna and never sends C1 with OBUID 0 [2+ with LIPKU]
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=70.0,  # heartbeats come at least once a minute [DOC-1]; TRUCK gives up after 70 s [1]
    answers_heartbeat=False,  # DOC-1
    holding=None,  # the empty answer
    sequences={0xB0: 0x08, 0xB2: 0x18, 0xB3: 0x58, 0xB4: 0x38, 0xB5: 0x48},  # [cap]
)
