"""The gantry interface 《ETC门架系统PC-RSU接口》 V3.1 to V3.5: F2 framing, TCP, the antenna is the server.

Source: rsu-protocol 5 to 7, captured by CRAZY-W from a Wanji parking antenna, and CGT; offsets in its tables count
the command byte as 0. There is no B3: the vehicle file is inside B4. Versions are told apart by their lengths.

All versions are heard. Which one is said, the configuration decides: the dialect `gantry-v3` says the forms of
V3.4, B4 of 274 bytes and C6 of 159; a gantry of V3.1, B4 of 183 and C6 of 67, is configured as `wanji`.

Messages of lane V2.x that share a code are read, not sent. Open: the 15 bytes more in C6 of V3.5, what B4 and B5 of
a CPC card hold, C7 of 138 bytes, the fields of the test frames FA to FC and EA to EC.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from protocols.codec import (
    U8,
    U16,
    U32,
    Entries,
    Filling,
    Hex,
    Likely,
    Nested,
    Raw,
    Record,
    Rest,
    Stated,
    record,
    wire,
)
from protocols.obu.files import STATION_SIZE, File0015, GoodsFile, PassengerFile, VehicleFile
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F2
from protocols.rsu.message import Message
from protocols.rsu.messages import (
    Antenna,
    Contents,
    FetchTac,
    Heartbeat,
    HeartbeatSeen,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Result,
    Status,
    Stop,
    TagSeen,
    tag_flags,
    unix_utc,
)
from protocols.rsu.tables import B8, C1, C2, C4, ERROR, OBU_ID, SHORT, B8Short, StatusTable
from protocols.rsu.translate import whole

EF04_SIZE = 91
"""Bytes 315 to 405 of the tag's EF04: fees of a journey, which parking leaves alone (rsu-protocol 8.3)."""
CPC = 3
"""DeviceType of a motorway pass card (rsu-protocol 7 [2+])."""
PURCHASE_ONLY = 2
"""TradeType of C6: EF04 is not written (rsu-protocol 6 [1: CGT])."""
CARD_WITHOUT_EF04 = 0x13
"""ErrorCode of a B4 whose card was read, EF04 not (rsu-protocol 7.1 [1: CGT])."""
EXTERNAL_AUTHENTICATE = "0082004108"
"""Head of the APDU that gives a PSAM its 8-byte MAC (gbt20851 4.3 [2+])."""

CODES: Mapping[tuple[int, int], str] = MappingProxyType(
    {
        (0xB0, 0x01): "PSAM reset failed",
        (0xB0, 0x02): "antenna head not connected",
        (0xB0, 0x03): "controller initialisation failed",
        (0xB4, 0x01): "no DSRC data",
        (0xB4, 0x02): "uplink decoding failed",
        (0xB4, 0x03): "antenna head error",
        (0xB4, 0x05): "decryption by the PSAM failed",
        (0xB4, 0x06): "checksum after decryption wrong",
        (0xB4, 0x07): "one-piece OBU's vehicle not read (V3.5)",
        (0xB4, 0x08): "EF02 not read",
        (0xB4, 0x09): "no random",
        (0xB4, 0x0A): "EF07 or entry-exit file failed",
        (0xB4, 0x0B): "CPC EF02 failed",
        (0xB4, 0x0C): "CPC EF04 failed",
        (0xB4, 0x0D): "external authentication: PSAM calculation failed",
        (0xB4, 0x0E): "external authentication: refused by the card",
        (0xB4, 0x11): "no card data, EF04 ok",
        (0xB4, 0x12): "no card data, EF04 failed",
        (0xB4, 0x13): "card ok, EF04 failed",
        (0xB4, 0x14): "card failed, EF04 failed",
        (0xB4, 0x15): "card failed, EF04 ok",
        (0xB4, 0xFF): "test frame",
        (0xB5, 0x01): "no DSRC data, outcome unknown",
        (0xB5, 0x02): "uplink decoding failed",
        (0xB5, 0x06): "MAC1 failed",
        (0xB5, 0x07): "MAC2 failed",
        (0xB5, 0x08): "TAC calculation failed",
        (0xB5, 0x09): "external authentication failed",
        (0xB5, 0x0A): "record not updated",
        (0xB5, 0x10): "EF04 not written (EF04 only)",
        (0xB5, 0x11): "purchase failed (purchase only)",
        (0xB5, 0x12): "EF04 ok, purchase failed",
        (0xB5, 0x13): "EF04 failed, purchase failed",
        (0xB5, 0x14): "EF04 failed, purchase ok",
        (0xB5, 0xFF): "test frame",
        **{(0xB5, code): "CPC card" for code in range(0x0B, 0x10)},
        (0xB7, 0x01): "no DSRC data",
        (0xB7, 0x02): "uplink decoding failed",
        (0xB7, 0x03): "reading failed",
        (0xB7, 0x04): "update failed",
        (0xB7, 0x05): "external authentication by the PSAM failed",
        (0xB8, 0x01): "no DSRC data",
        (0xB8, 0x02): "uplink decoding failed",
        (0xB8, 0x03): "EF04 ok, TAC failed",
        (0xB8, 0x04): "EF04 failed or absent, TAC failed",
        (0xB8, 0x05): "EF04 failed, TAC ok",
        (0xBA, 0x01): "initialisation failed",
        (0xBB, 0x01): "online authorisation failed",
    }
)
"""What a command's code says that is not 00 (rsu-protocol 7, 7.1 [1: CGT, partly CRAZY-W])."""


def flags_of(device_type: int, obu_status: int) -> dict[str, bool]:
    """The flags of a tag; a CPC card is one that has no card of its own to be debited.

    Said so in B2, it is let go before anything of it is read. Of its status only bit 7 of byte 0 is known, which
    there means a low battery (rsu-protocol 4.2 [1: CGT]).
    """
    if device_type == CPC:
        return tag_flags(0x8000) | {"low_battery": bool(obu_status & 0x8000)}
    return tag_flags(obu_status)


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


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status, 18 + 9n bytes [cap, 2+]."""

    status: int = wire(U8, "00 ok, 01 PSAM reset, 02 antenna head, 03 controller init")
    psam_count: int = wire(U8, "as sent; may lie")
    psams: tuple[Psam, ...] = wire(Entries(Psam, Filling(15)), "PSAMInfo")
    algorithm: int = wire(U8, "00")
    maker: int = wire(U8, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(3), "", idle="000001")
    version: str = wire(Hex(2), "2000h or more")
    work_status: int = wire(U8, "00")
    flag_id: str = wire(Hex(3), "gantry or station number")
    reserved: str = wire(Hex(4), "first two bytes = interface version")

    @property
    def terminals(self) -> tuple[str, ...]:
        """The terminal numbers of its PSAMs."""
        return tuple(psam.terminal for psam in self.psams)

    @property
    def authorised(self) -> bool | None:
        """Whether all its PSAMs are, None if there is none."""
        return not any(psam.unauthorised for psam in self.psams) if self.psams else None

    @property
    def slots(self) -> tuple[int, ...]:
        """Where the PSAMs are that are not."""
        return tuple(psam.channel for psam in self.psams if psam.unauthorised)

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those that are not authorised in the slots that the word names, the others where there is room."""
        named, terminals = values["slots"], values["terminals"]
        slots = (*named, *(slot for slot in range(1, 256) if slot not in named))
        psams = (
            Psam(slot, 1, values["unauthorised"] if n < len(named) else 0, terminal)
            for n, (slot, terminal) in enumerate(zip(slots, terminals, strict=False))
        )
        return {**values, "psams": tuple(psams)}


@record
class B1(Message, command=0xB1, title="心跳 / heartbeat", means=Heartbeat):
    """Heartbeat, 8 + 3n + 3m + 4h bytes [cap, 2+]."""

    controller_1: int = wire(U8, "00 master normal, 01 master fault")
    controller_2: int = wire(U8, "controller 2: 02/03 (CGT), 10h/11h (HZYW)", idle=0x11)
    controller_link: int = wire(U8, "", idle=1)
    psam_count_1: int = wire(U8, "as sent; may lie")
    psams_1: tuple[PsamState, ...] = wire(Entries(PsamState, Likely("psam_count_1", 7)), "")
    psam_count_2: int = wire(U8, "")
    psams_2: tuple[PsamState, ...] = wire(Entries(PsamState, Stated("psam_count_2")), "")
    antenna_count: int = wire(U8, "", idle=1)
    working_count: int = wire(U8, "0 in captures")
    antennas: tuple[AntennaState, ...] = wire(
        Entries(AntennaState, Stated("antenna_count")), "", idle=(AntennaState(1, 0, 0, 2),)
    )

    @property
    def fault(self) -> int:
        """The worst of what it reports, 0 if all is well."""
        psams = max((psam.fault for psam in (*self.psams_1, *self.psams_2)), default=0)
        return max(self.controller_1, psams, *(antenna.fault for antenna in self.antennas), 0)

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One master controller that is as well as the word says."""
        return {"controller_1": values["status"]}


@record
class B2(Message, command=0xB2, title="电子标签信息 / OBU info", means=TagSeen):
    """A tag answered [cap, 2+]."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "00 = the rest follows")
    antenna: int = wire(U8, "", idle=1)
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
class B4(Message, command=0xB4, title="用户信息 / user info", means=Contents):
    """Vehicle and card, V3.1 [cap, 2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    trade_type: int = wire(U8, "10h composite", idle=0x10)
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    balance: int = wire(U32, "fen, unsigned; credit cards count down from a high value")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    station: bytes = wire(Raw(STATION_SIZE), "0019, zeros when absent")


@record
class B4Ef04(Message, command=0xB4, title="用户信息（含 EF04） / user info with EF04", means=Contents):
    """Vehicle and card, V3.4 and V3.5 [1: CGT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    status: int = wire(U8, ERROR + "; 13h: card ok, EF04 failed")
    trade_type: int = wire(U8, "10h composite", idle=0x10)
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    balance: int = wire(U32, "fen, unsigned; credit cards count down from a high value")
    ef04: bytes = wire(Raw(EF04_SIZE), "EF04 bytes 315-405")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    station: bytes = wire(Raw(STATION_SIZE), "0019, zeros when absent")

    @property
    def error(self) -> int:
        """Why there is no card, 0 if there is one: nothing is wanted of EF04 (that all else is there is [inf])."""
        return 0 if self.status == CARD_WITHOUT_EF04 else self.status


# What a CPC card's B4 and B5 hold is not known, and it holds nothing that could be debited. They are shown, and say
# nothing: B2 has already said that there is no card, so that nobody asks for them; an error in them is heard.


@record
class B4Cpc(Message, command=0xB4, title="CPC 卡信息 / CPC card info", means=Contents):
    """A CPC card, 64 bytes; content not known [1: CGT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    unknown: bytes = wire(Raw(58), "content not known")


@record
class B4CpcLong(Message, command=0xB4, title="CPC 卡信息（长） / CPC card info, long form", means=Contents):
    """A CPC card, 161 bytes; content not known [1: CGT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    unknown: bytes = wire(Raw(155), "content not known")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made, V3.x [cap, 2+]."""

    obu_id: str = wire(Hex(4), "")
    error: int = wire(U8, "00 = the rest follows; codes in `CODES`")
    terminal: str = wire(Hex(6), "PSAM terminal number, equals B0")
    trade_time: str = wire(Hex(7), "BCD7")
    trade_type: int = wire(U8, "09 composite; one-piece OBU 80h/81h")
    algorithm: int = wire(U8, "00 3DES, 04 SM4")
    key_version: int = wire(U8, "", idle=1)
    tac: str = wire(Hex(4), "transaction authentication code")
    card_serial: int = wire(U16, "card offline serial")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    balance: int = wire(U32, "fen, unsigned, after the trade")


@record
class B5Cpc(Message, command=0xB5, title="CPC 卡结果 / CPC card result", means=Result):
    """What became of a CPC card, 20 bytes; content not known [1: CGT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    unknown: bytes = wire(Raw(14), "content not known")


@record
class B7(Message, command=0xB7, title="CPC 卡通行记录 / pass record of a CPC card"):
    """The answer to C7 [1: CGT]."""

    error: int = wire(U8, "codes in `CODES`")
    count: int = wire(U8, "n, as sent; at most 84")
    last_gantry: str = wire(Hex(3), "")
    entries: bytes = wire(Rest(), "n x 6 bytes, content not known")


@record
class PsamNeeds(Record):
    """One PSAM in BA."""

    channel: int = wire(U8, "")
    terminal: str = wire(Hex(6), "terminal number")
    number: str = wire(Hex(10), "PSAM serial number")
    version: int = wire(U8, "")
    key_type: int = wire(U8, "")
    area: str = wire(Hex(8), "")
    random: str = wire(Hex(8), "")


@record
class BA(Message, command=0xBA, title="PSAM 授权所需 / PSAM authorisation, what it needs", means=PsamAsks):
    """The answer to CA [1: CGT]. One PSAM is asked at a time; of several the first is heard."""

    error: int = wire(U8, "00 ok, 01 initialisation failed")
    time: str = wire(Hex(7), "BCD7")
    count: int = wire(U8, "as sent; the length tells")
    psams: tuple[PsamNeeds, ...] = wire(Entries(PsamNeeds, Filling(0)), "")

    @property
    def fault(self) -> int:
        """Its ErrorCode; an answer about no PSAM is one that failed."""
        return self.error or int(not self.psams)

    @property
    def _first(self) -> PsamNeeds:
        return self.psams[0] if self.psams else PsamNeeds.fill({})

    @property
    def slot(self) -> int:
        """Its channel."""
        return self._first.channel

    @property
    def terminal(self) -> str:
        """Its terminal number."""
        return self._first.terminal

    @property
    def number(self) -> str:
        """Its serial number."""
        return self._first.number

    @property
    def psam_version(self) -> int:
        """Its version."""
        return self._first.version

    @property
    def key_type(self) -> int:
        """Its key type."""
        return self._first.key_type

    @property
    def area(self) -> str:
        """Its area code."""
        return self._first.area

    @property
    def random(self) -> str:
        """Its random."""
        return self._first.random

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One PSAM."""
        needs = PsamNeeds.fill({**values, "channel": values["slot"]})
        return {"error": values["fault"], "count": 1, "psams": (needs,)}


@record
class PsamOutcome(Record):
    """One PSAM in BB."""

    channel: int = wire(U8, "")
    status: int = wire(U8, "")
    sw: str = wire(Hex(2), "status word, 9000 = ok")


@record
class BB(Message, command=0xBB, title="PSAM 授权结果 / PSAM authorisation result", means=PsamAnswered):
    """The answer to CB [1: CGT]."""

    fault: int = wire(U8, "00 ok, 01 online authorisation failed")
    count: int = wire(U8, "as sent; the length tells")
    psams: tuple[PsamOutcome, ...] = wire(Entries(PsamOutcome, Filling(0)), "")

    @property
    def sw(self) -> str:
        """What the PSAM said, "" if none did."""
        return self.psams[0].sw if self.psams else ""

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One PSAM, in the first slot: the word names none."""
        psams = (PsamOutcome(1, 0, values["sw"]),) if values["sw"] else ()
        return {"fault": values["fault"], "count": len(psams), "psams": psams}


@record
class EA(Message, command=0xEA, title="测试：正在发射 / test: transmitting"):
    """The answer to FA; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


@record
class EB(Message, command=0xEB, title="测试：正在接收 / test: receiving"):
    """The answer to FB; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


@record
class EC(Message, command=0xEC, title="测试：信标号 / test: BeaconID"):
    """The answer to FC; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin, V3.x [2+]."""

    unix_time: int = wire(U32, "true UTC")
    time: str = wire(Hex(7), "BCD7 local")
    lane_mode: int = wire(U8, "11h gantry, 12h entry, 13h exit")
    bst_interval: int = wire(U8, "ms, default 10", idle=10)
    tx_power: int = wire(U8, "0-1Fh")
    channel: int = wire(U8, "01 / 02")
    trans_mode: int = wire(U8, "01 composite", idle=1)
    flag_id: str = wire(Hex(3), "gantry or station number")
    reserved: str = wire(Hex(2), "")


@record
class C2Timed(Message, command=0xC2, title="停止交易 / stop", means=Stop):
    """Leave a tag, V3.x [2+]."""

    obu_id: str = wire(Hex(4), "")
    stop_type: int = wire(U8, "01 search again, 02 resend the current frame, 03 freeze this OBU")
    unix_time: int = wire(U32, "true UTC")


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit, V3.1 short form [2+]."""

    obu_id: str = wire(Hex(4), "")
    factor: str = wire(Hex(8), "issuer identifier, unchanged")
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "whole 0019")


@record
class C6Ef04(Message, command=0xC6, title="扣费（含 EF04） / purchase with EF04", means=Purchase):
    """Debit, V3.4 [1: CGT]. We write no EF04: TradeType says so, and its place is zeros [inf]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "issuer identifier, unchanged")
    trade_type: int = wire(U8, "00 EF04 + purchase, 01 EF04 only, 02 purchase only", idle=PURCHASE_ONLY)
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "whole 0019")
    ef04: bytes = wire(Raw(EF04_SIZE), "EF04 bytes 315-405")


@record
class C6Ef04Patch(C6Ef04):
    """Debit, 164 bytes [1: CGT]."""

    ef04_2: bytes = wire(Raw(5), "EF04Info2: offset 1, data 4")


@record
class C6V35(C6Ef04):
    """Debit, V3.5, 174 bytes [1: CGT]."""

    unknown: bytes = wire(Raw(15), "meaning not known")


@record
class C7(Message, command=0xC7, title="清除 CPC 卡通行记录 / clear the pass record of a CPC card"):
    """Clear, or read and clear [1: CGT]."""

    obu_id: str = wire(Hex(4), "MAC address of the CPC card")
    factor: str = wire(Hex(8), "diversification factor")
    update_type: int = wire(U8, "01 clear, 02 read then clear")


@record
class C7Mtc(Message, command=0xC7, title="人工车道 C7 / C7 of a manual lane"):
    """The form of 138 bytes; content not known [1: CGT]."""

    unknown: bytes = wire(Raw(137), "content not known")


@record
class C8(Message, command=0xC8, title="取 TAC / fetch the TAC", means=FetchTac):
    """The proof of a purchase once more [2+: CGT, CRAZY-W].

    Which serial is meant is not beyond doubt (gbt20851 4.3).
    """

    obu_id: str = wire(Hex(4), OBU_ID)
    card_serial: int = wire(U16, "EpSerial, card offline serial of the purchase")


@record
class C8Ef04(Message, command=0xC8, title="取 TAC 并写 EF04 / fetch the TAC and write EF04", means=FetchTac):
    """The same with EF04 [1: CGT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    card_serial: int = wire(U16, "EpSerial, card offline serial of the purchase")
    ef04_command: int = wire(U8, "EF04CmdType, 00 or 01")
    ef04: bytes = wire(Raw(EF04_SIZE), "EF04Info")
    ef04_2: bytes = wire(Raw(5), "EF04Info2")


class CaTable(Message, command=0xCA, title="PSAM 授权开始 / PSAM authorisation, begin", means=PsamInit):
    """A CA whose mask has a bit for each PSAM. That bit 0 is channel 1 is nowhere stated [inf]."""

    __slots__ = ()
    mask: int

    @property
    def slot(self) -> int:
        """The lowest channel that it asks, 0 for none."""
        return (self.mask & -self.mask).bit_length()


@record
class CA(CaTable):
    """Say what the authorisation of these PSAMs needs [1: CGT]."""

    mask: int = wire(U16, "a bit for each PSAM; bit 0 = channel 1 [inf]")

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One bit; a channel that the mask has no bit for is asked along with all others."""
        mask = 1 << values["slot"] >> 1
        return {"mask": min(mask, 0xFFFF)}


@record
class CaLong(CaTable):
    """The same with a longer mask [1: CGT]."""

    mask: int = wire(U32, "a bit for each PSAM; bit 0 = channel 1 [inf]")


@record
class PsamCommand(Record):
    """One PSAM in CB: its 13 bytes of APDU are this head and the MAC (gbt20851 4.3 [2+])."""

    channel: int = wire(U8, "")
    status: int = wire(U8, "")
    head: str = wire(Hex(5), "of the APDU", idle=EXTERNAL_AUTHENTICATE)
    mac: str = wire(Hex(8), "the platform's")


@record
class CB(Message, command=0xCB, title="PSAM 授权 / PSAM authorisation", means=PsamAuthorise):
    """The platform's MAC [1: CGT]."""

    count: int = wire(U8, "as sent; the length tells")
    psams: tuple[PsamCommand, ...] = wire(Entries(PsamCommand, Filling(0)), "")

    @property
    def _first(self) -> PsamCommand:
        return self.psams[0] if self.psams else PsamCommand.fill({})

    @property
    def slot(self) -> int:
        """The channel of the PSAM."""
        return self._first.channel

    @property
    def mac(self) -> str:
        """The MAC for it."""
        return self._first.mac

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One PSAM."""
        return {"count": 1, "psams": (PsamCommand.fill({"channel": values["slot"], "mac": values["mac"]}),)}


@record
class CF(Message, command=0xCF, title="心跳应答 / heartbeat seen", means=HeartbeatSeen):
    """The answer to B1 [1: CGT]; PSAM authorisation in other dialects, where CF means something else."""

    status: int = wire(U8, "00")


@record
class FA(Message, command=0xFA, title="测试：发射 / test: transmit"):
    """A test; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


@record
class FB(Message, command=0xFB, title="测试：接收 / test: receive"):
    """A test; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


@record
class FC(Message, command=0xFC, title="测试：信标号 / test: BeaconID"):
    """A test; fields not known [1: CGT]."""

    unknown: bytes = wire(Rest(), "fields not known")


USER_INFO: tuple[type[Message], ...] = (B4Ef04, B4, B4Cpc, B4CpcLong)
PURCHASE: tuple[type[Message], ...] = (C6Ef04, C6, C6Ef04Patch, C6V35)
"""All versions of the two messages that grew; the first is said."""

DIALECT = Dialect(
    name="gantry-v3",
    framing=F2,
    from_antenna=(B0, B1, B2, *USER_INFO, B5, B5Cpc, B7, B8, B8Short, *SHORT, BA, BB, EA, EB, EC),
    from_pc=(C0, C1, C2Timed, C2, C4, *PURCHASE, C7, C7Mtc, C8, C8Ef04, CA, CaLong, CB, CF, FA, FB, FC),
    unix=unix_utc,  # [cap]
    lane_modes=(0x12, 0x13),  # province entry and exit (CGT); Wanji parking: entry and exit
    channel_1=1,
    factor=whole,  # HZYW-B and CRAZY-W; CGT's one sample has 4 bytes twice, whatever its issuer was [2+]
    starting=(Antenna(on=True),),
    stages=(frozenset({"vehicle", "card"}),),
    trade_window=1.0,  # not stated for F2; LEIZI's F1 value [1], [inf]
    silence=35.0,  # heartbeats come every 10 s [2+]; three may be lost
    heartbeat_answer=HeartbeatSeen(),  # CF 00 [1: CGT]
    # No holding answer is proven for F2. C2 with StopType 2 asks for the current frame again [1: CGT], which keeps
    # the tag in its trade; that this is safe while deciding is [inf], so a reader's `holding` option can refuse it.
    holding=Holding.RESEND,
    codes=CODES,
    # 01 "outcome unknown: try C8", 14 "EF04 failed, purchase ok" (7.1 [1]); that 02, 07, 08 come so late is [inf].
    doubtful=frozenset({0x01, 0x02, 0x07, 0x08, 0x14}),
)
