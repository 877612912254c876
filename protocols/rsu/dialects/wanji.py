"""Wanji parking antennas: F2 framing, the V3.x interface of gantries, TCP 9527 (the antenna is the server).

Source: rsu-protocol 5 to 7, captured by CRAZY-W; offsets in its tables count the command byte as 0. There is no
B3: the vehicle file is inside B4. Messages of lane V2.x that share a code are read, not sent.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from protocols.codec import U8, U16, U32, Entries, Hex, Nested, Raw, Record, record, wire
from protocols.errors import MessageError
from protocols.obu.files import (
    STATION_SIZE,
    File0015,
    GoodsFile,
    PassengerFile,
    VehicleFile,
    card_of,
    date_bcd,
    file_of,
    vehicle_file,
)
from protocols.obu.values import Card, Vehicle
from protocols.rsu.dialect import Dialect, Message
from protocols.rsu.framing import F2
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    Failed,
    GoOn,
    Heartbeat,
    HeartbeatSeen,
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
    unix_utc,
)
from protocols.rsu.tables import C1, C2, C4, RESEND, SEARCH_AGAIN, SHORT, B2Short, ResultTable, Short, TagTable

NO_OBU = "00000000"
HEARTBEAT_CODE = 0x80
ENTRY, EXIT = 0x12, 0x13
"""LaneMode of the Wanji parking configuration (rsu-protocol 6)."""


# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class Psam(Record):
    """One PSAM in B0."""

    channel: int = wire(U8, "")
    version: int = wire(U8, "")
    unauthorised: int = wire(U8, "00 authorised, 01 not")
    terminal: str = wire(Hex(6), "terminal number")


@record
class PsamState(Record):
    """One PSAM in B1."""

    channel: int = wire(U8, "")
    fault: int = wire(U8, "00 ok, 01 fault")
    unauthorised: int = wire(U8, "00 authorised, 01 not")


@record
class AntennaState(Record):
    """One antenna in B1."""

    number: int = wire(U8, "")
    fault: int = wire(U8, "00 ok, 01 communication, 02 RF, 03 other")
    channel: int = wire(U8, "00 channel 1, 01 channel 2")
    power: int = wire(U8, "")


def _psams(_before: Mapping[str, Any], ahead: bytes) -> int:
    """By length, not by PSAMNum: a captured Wanji says 00 and one entry follows (rsu-protocol 7 [cap])."""
    if len(ahead) % 9 != 15 % 9:
        raise MessageError(f"{len(ahead)} bytes are not 15 + 9n")
    return (len(ahead) - 15) // 9


def _psam_states(before: Mapping[str, Any], ahead: bytes) -> int:
    """As PSAMNum1 says if the frame then adds up, else as one antenna and no second controller leave [cap].

    A PSAMNum1 of 00 is believed last: the captured Wanji says so with one PSAM, and a PSAM in slot 1 would
    else be read as the second controller's.
    """
    stated, left = int(before["psam_count_1"]), (len(ahead) - 7) // 3
    for number in (stated, left) if stated else (left, stated):
        second = ahead[3 * number : 3 * number + 1]
        antennas = ahead[3 * number + 1 + 3 * sum(second) :][:1]
        if 3 * number + 3 * sum(second) + 4 * sum(antennas) + 3 == len(ahead):
            return number
    raise MessageError(f"{len(ahead)} bytes hold no whole number of PSAMs and antennas")


@record
class B0(Message, command=0xB0, title="device status"):
    """Device status, 18 + 9n bytes [cap, 2+]."""

    status: int = wire(U8, "00 ok, 01 PSAM reset, 02 antenna head, 03 controller init")
    psam_count: int = wire(U8, "as sent; may lie")
    psams: tuple[Psam, ...] = wire(Entries(Psam, _psams), "PSAMInfo")
    algorithm: int = wire(U8, "00")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "")
    version: str = wire(Hex(2), "2000h or more")
    work_status: int = wire(U8, "00")
    flag_id: str = wire(Hex(3), "gantry or station number")
    reserved: str = wire(Hex(4), "first two bytes = interface version")


@record
class B1(Message, command=0xB1, title="heartbeat"):
    """Heartbeat, 8 + 3n + 3m + 4h bytes [cap, 2+]."""

    controller_1: int = wire(U8, "00 master normal, 01 master fault")
    controller_2: int = wire(U8, "")
    controller_link: int = wire(U8, "")
    psam_count_1: int = wire(U8, "as sent; may lie")
    psams_1: tuple[PsamState, ...] = wire(Entries(PsamState, _psam_states), "")
    psam_count_2: int = wire(U8, "")
    psams_2: tuple[PsamState, ...] = wire(Entries(PsamState, lambda before, _: int(before["psam_count_2"])), "")
    antenna_count: int = wire(U8, "")
    working_count: int = wire(U8, "0 in captures")
    antennas: tuple[AntennaState, ...] = wire(
        Entries(AntennaState, lambda before, _: int(before["antenna_count"])), ""
    )


@record
class B2(TagTable, command=0xB2, title="OBU info"):
    """A tag answered [cap, 2+]."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "00 = the rest follows")
    antenna: int = wire(U8, "")
    device_type: int = wire(U8, "01 two-piece OBU, 02 one-piece OBU, 03 CPC card")
    issuer: str = wire(Hex(8), "issuer identifier")
    contract_type: int = wire(U8, "")
    contract_version: int = wire(U8, "")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    equipment: int = wire(U8, "")
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")


@record
class B4(Message, command=0xB4, title="user info"):
    """Vehicle and card, V3.1 [cap, 2+]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows")
    trade_type: int = wire(U8, "10h composite")
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    balance: int = wire(U32, "fen, unsigned; credit cards count down from a high value")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    station: bytes = wire(Raw(STATION_SIZE), "0019, zeros when absent")


@record
class B5(ResultTable, command=0xB5, title="transaction result"):
    """The purchase was made, V3.x [cap, 2+]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows; codes in rsu-protocol 7.1")
    terminal: str = wire(Hex(6), "PSAM terminal number, equals B0")
    trade_time: str = wire(Hex(7), "BCD7")
    trade_type: int = wire(U8, "09 composite; one-piece OBU 80h/81h")
    algorithm: int = wire(U8, "00 3DES, 04 SM4")
    key_version: int = wire(U8, "")
    tac: str = wire(Hex(4), "transaction authentication code")
    card_serial: int = wire(U16, "card offline serial")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    balance: int = wire(U32, "fen, unsigned, after the trade")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="initialise"):
    """Begin, V3.x [2+]."""

    unix_time: int = wire(U32, "true UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "11h gantry, 12h entry, 13h exit")
    bst_interval: int = wire(U8, "ms, default 10")
    tx_power: int = wire(U8, "0-1Fh")
    channel: int = wire(U8, "01 / 02")
    trans_mode: int = wire(U8, "01 composite")
    flag_id: str = wire(Hex(3), "gantry or station number")
    reserved: str = wire(Hex(2), "")


@record
class C2Timed(Message, command=0xC2, title="stop"):
    """Leave a tag, V3.x [2+]."""

    obu_id: str = wire(Hex(4), "")
    stop_type: int = wire(U8, "01 search again, 02 resend the current frame, 03 freeze this OBU")
    unix_time: int = wire(U32, "true UTC")


@record
class C6(Message, command=0xC6, title="purchase"):
    """Debit, V3.1 short form [2+]."""

    obu_id: str = wire(Hex(4), "")
    factor: str = wire(Hex(8), "issuer identifier, unchanged")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "whole 0019")


@record
class CF(Message, command=0xCF, title="heartbeat seen"):
    """The answer to B1 [1: CGT]; PSAM authorisation in other dialects, where CF means something else."""

    status: int = wire(U8, "00")


# --- the two translations ----------------------------------------------------------------------------------

BST_INTERVAL, TRANS_MODE, EQUIPMENT = 10, 1, 0x10
"""Defaults of the tables (ms, composite) and the captured tag's device byte."""


def hear(message: Message) -> tuple[Report | Order, ...]:
    """What a message says."""
    match message:
        case B2() | B2Short() if message.obu_id == NO_OBU:  # lane V2.x heartbeat [2+]; the rest may follow
            return (Heartbeat(0 if message.error == HEARTBEAT_CODE else message.error),)
        case B2() | B4() | B5() | Short() if message.error:
            return (Failed(message.obu_id, message.COMMAND, message.error),)
        case B0():
            terminals = tuple(psam.terminal for psam in message.psams)
            authorised = not any(psam.unauthorised for psam in message.psams)
            return (Status(message.status, terminals, authorised, message.maker, message.version),)
        case B1():
            parts: tuple[PsamState | AntennaState, ...] = (*message.psams_1, *message.antennas)
            return (Heartbeat(max([message.controller_1, *(part.fault for part in parts)])),)
        case B2():
            return (TagSeen(message.tag()),)
        case B4():
            v = message.vehicle
            vehicle = Vehicle(v.plate, v.color, v.vehicle_class, v.user_type)
            return (Contents(message.obu_id, vehicle, card_of(message.card, message.balance, message.station)),)
        case B5():
            return (message.result(message.algorithm),)
        case _:
            return _hear_pc(message)


def _hear_pc(message: Message) -> tuple[Order, ...]:
    match message:
        case C0():
            at = bcd_time(message.time)
            return (Init(at, message.lane_mode == ENTRY, message.tx_power, message.channel),) if at else ()
        case C1():
            return (GoOn(message.obu_id, message.factor),)
        case C2() | C2Timed():
            at = datetime.fromtimestamp(message.unix_time, CHINA) if isinstance(message, C2Timed) else None
            return ((Resend if message.stop_type == RESEND else Stop)(message.obu_id, at),)
        case C4():
            return (Antenna(message.control == 1),)
        case C6():
            at = bcd_time(message.time)
            return (Purchase(message.obu_id, message.factor, message.fen, at, message.station),) if at else ()
        case CF():
            return (HeartbeatSeen(),)
        case _:
            return ()


def say(word: Order | Report) -> Message:
    """The message that says so. Raises MessageError where the dialect has none."""
    match word:
        case Init():
            return C0(
                unix_time=unix_utc(word.at),
                time=time_bcd(word.at),
                lane_mode=ENTRY if word.entry else EXIT,
                bst_interval=BST_INTERVAL,
                tx_power=word.tx_power,
                channel=word.channel,
                trans_mode=TRANS_MODE,
                flag_id="000000",
                reserved="0000",
            )
        case Antenna():
            return C4(int(word.on))
        case GoOn():
            return C1(word.obu_id, word.issuer if word.obu_id != NO_OBU else "0" * 16)
        case Stop(at=at) if at:
            return C2Timed(word.obu_id, SEARCH_AGAIN, unix_utc(at))
        case Resend(at=at) if at:
            return C2Timed(word.obu_id, RESEND, unix_utc(at))
        case Purchase():
            return C6(word.obu_id, word.issuer, word.fen, time_bcd(word.at), word.station)
        case HeartbeatSeen():
            return CF(0)
        case _:
            return _say_antenna(word)


def _say_antenna(word: Order | Report) -> Message:
    match word:
        case Status():
            psams = tuple(Psam(n, 1, not word.authorised, t) for n, t in enumerate(word.terminals, 1))
            return B0(word.fault, len(psams), psams, 0, word.maker, "000001", word.version, 0, "000000", "0" * 8)
        case Heartbeat():
            return B1(word.fault, 0x11, 1, 0, (), 0, (), 1, 0, (AntennaState(1, 0, 0, 2),))
        case TagSeen(tag):
            days = date_bcd(tag.issued), date_bcd(tag.expires)
            return B2(tag.obu_id, 0, 1, 1, tag.issuer, 1, 0, tag.contract, *days, EQUIPMENT, status_of(tag))
        case Contents(obu_id, Vehicle() as vehicle, Card() as card):
            file = file_of(card, vehicle)
            return B4(obu_id, 0, 0x10, vehicle_file(vehicle), card.balance, file, "0" * 14, card.station)
        case Result():
            return B5(
                obu_id=word.obu_id,
                error=0,
                terminal=word.terminal,
                trade_time=time_bcd(word.at),
                trade_type=word.trade_type,
                algorithm=word.algorithm,
                key_version=1,
                tac=word.tac,
                card_serial=word.card_serial,
                terminal_serial=word.terminal_serial,
                balance=word.balance,
            )
        case Failed(obu_id, command, code) if command in SHORT:
            return SHORT[command](obu_id, code)
        case _:
            raise MessageError(f"wanji has no word for {word}")


DIALECT = Dialect(
    name="wanji",
    framing=F2,
    from_antenna=(B0, B1, B2, B4, B5, *SHORT.values()),
    from_pc=(C0, C1, C2Timed, C2, C4, C6, CF),
    hear=hear,
    say=say,
    starting=(Antenna(on=True),),
    stages=(frozenset({"vehicle", "card"}),),
    trade_window=1.0,  # not stated for F2; LEIZI's F1 value [1], [inf]
    silence=35.0,  # heartbeats come every 10 s [2+]; three may be lost
    answers_heartbeat=True,  # CF 00 in V3.x [1: CGT]
    # No holding answer is proven for F2. C2 with StopType 2 asks for the current frame again [1: CGT], which keeps
    # the tag in its trade; that this is safe while deciding is [inf], so a reader's `holding` option can refuse it.
    holding=Resend,
)
