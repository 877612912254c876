"""Message tables that several dialects share. Offsets and labels: rsu-protocol 3, 4, 6 and 7."""

from collections.abc import Mapping
from typing import Any, ClassVar

from protocols.codec import S32, U8, U16, U32, Entries, Gbk, Hex, Nested, Raw, Stated, record, wire
from protocols.obu.files import File0015, File0018, VehicleFile59
from protocols.rsu.message import Message
from protocols.rsu.messages import Antenna, Contents, GoOn, PsamAsks, Purchase, Result, Stop, TacFetched, TagSeen

OBU_ID = "OBU MAC address; 0 where no tag is meant"
ERROR = "00 = the rest follows"
EF04_FAILED = 5
"""ErrorCode of a B8 whose TAC is good all the same (rsu-protocol 7.1 [1: CGT])."""


class StatusTable(Message):
    """A B0, and what it says of the PSAMs in whichever form."""

    __slots__ = ()

    @property
    def terminals(self) -> tuple[str, ...]:
        """The terminal numbers of its PSAMs, those that are there."""
        found = (getattr(self, name, "") for name in ("terminal", "terminal_1", "terminal_2"))
        return tuple(number for number in found if number.strip("0"))

    @property
    def authorised(self) -> bool | None:
        """Whether its PSAM is authorised, None where it does not tell."""
        unauthorised = getattr(self, "unauthorised", None)
        return None if unauthorised is None else not unauthorised


# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B2(Message, command=0xB2, title="电子标签信息 / OBU info", means=TagSeen):
    """A tag answered: Beijing, soulin, LIPKU [cap, 2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    issuer: str = wire(Hex(8), "issuer identifier; first 4 bytes GBK province or maker")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    equipment: int = wire(U8, "device type and version; high nibble 1 = with card in captures", idle=0x10)
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")


@record
class B2Typed(Message, command=0xB2, title="电子标签信息 / OBU info", means=TagSeen):
    """A tag answered, two bytes longer: DOC-1 [1], which bytes they are [inf]; lane V2.x [1: HZYW-B]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    issuer: str = wire(Hex(8), "issuer identifier")
    contract_type: int = wire(U8, "", idle=1)
    contract_version: int = wire(U8, "")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    equipment: int = wire(U8, "device type and version", idle=0x10)
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")


@record
class B2Long(Message, command=0xB2, title="电子标签信息（长） / OBU info, long form", means=TagSeen):
    """A tag answered, with the number of its card: LEIZI, YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    issuer: str = wire(Hex(8), "issuer identifier")
    contract_type: int = wire(U8, "", idle=1)
    contract_version: int = wire(U8, "")
    serial: str = wire(Hex(8), "contract serial number, BCD")
    issued: str = wire(Hex(4), "YYYYMMDD BCD")
    expires: str = wire(Hex(4), "YYYYMMDD BCD")
    card_number: str = wire(Hex(10), "net 2 + card 8 of the card inside, BCD")
    equipment: int = wire(U8, "device type and version", idle=0x10)
    obu_status: int = wire(U16, "bits of rsu-protocol 4.2")


@record
class B2Short(
    Message, command=0xB2, title="电子标签信息（出错或心跳） / OBU info, error or heartbeat", means=TagSeen
):
    """A heartbeat, or an error about a tag [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "80 = heartbeat")


@record
class B3(Message, command=0xB3, title="车辆信息 / vehicle info", means=Contents):
    """Vehicle: DOC-1, Beijing, soulin, LIPKU [cap, 2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    plate: str = wire(Gbk(12), "GBK")
    color: int = wire(U16, "plate colour")
    vehicle_class: int = wire(U8, "1-4 passenger, 11-16 goods, 21-26 special")
    user_type: int = wire(U8, "00 in all captures")


@record
class B3Short(Message, command=0xB3, title="车辆信息（出错） / vehicle info, error", means=Contents):
    """An error about a tag's vehicle file; the tables ask to accept it."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "")


@record
class B4Short(Message, command=0xB4, title="卡片信息（出错） / card info, error", means=Contents):
    """An error about a tag's card; the tables ask to accept it."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "")


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made: Beijing, soulin, LIPKU [cap, 2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    write_time: int = wire(U32, "Unix seconds of writing, in the convention of C0")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    trade_time: str = wire(Hex(7), "BCD7, equals PurchaseTime of C6")
    trade_type: int = wire(U8, "09 composite, 06 stored-value traditional, 16h credit traditional")
    tac: str = wire(Hex(4), "transaction authentication code")
    card_serial: int = wire(U16, "card offline serial; 0 if no purchase")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    balance: int = wire(U32, "fen, after the trade; FFFFFFFF if it could not be read (BJFW)")

    UNREAD: ClassVar[int] = 0xFFFFFFFF

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A balance that could not be read has its own number."""
        return {**values, "balance": cls.UNREAD if values["balance"] is None else values["balance"]}


@record
class B5Short(Message, command=0xB5, title="交易结果（出错） / transaction result, error", means=Result):
    """An error in a trade; the tables ask to accept it."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "")


SHORT: tuple[type[Message], ...] = (B2Short, B3Short, B4Short, B5Short)
"""A frame about a tag that ends after its ErrorCode (rsu-protocol 4, 7)."""


@record
class B3Extended(Message, command=0xB3, title="车辆信息（扩展） / vehicle info, extended", means=Contents):
    """Vehicle file of 59 bytes: YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    vehicle: VehicleFile59 = wire(Nested(VehicleFile59), "vehicle file in its older length")

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The older file, zeros where nothing is known."""
        return {**values, "vehicle": VehicleFile59.fill(values)}


@record
class B4Head(Message):
    """What B4 of soulin [cap], BJFW and LIPKU [2+] says before the 0019, whose length differs."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    card_type: int = wire(U8, "00 national, 01 local")
    physical_type: int = wire(U8, "00 CPU, 01 M1 S50, 02 Mifare Pro, 03 Ultralight, 05 M1 S70")
    trade_type: int = wire(U8, "00 traditional, 10h composite", idle=0x10)
    balance: int = wire(U32, "fen")
    physical_id: str = wire(Hex(4), "0 for CPU")
    card: File0015 = wire(Nested(File0015), "0015")


@record
class B7Records(Message, command=0xB7, title="消费记录 / purchase records"):
    """The card's last purchases, the answer to C7: YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, ERROR)
    count: int = wire(U8, "Num")
    records: tuple[File0018, ...] = wire(Entries(File0018, Stated("count")), "23 bytes each, as 0018 has them")


@record
class BD(Message, command=0xBD, title="PSAM 授权所需 / PSAM authorisation, what it needs", means=PsamAsks):
    """The answer to CD: LEIZI, HZYW-B [2+]. The slot is not named, the area has 4 bytes."""

    fault: int = wire(U8, "00 ok, 01 random failed, 02 area code failed")
    number: str = wire(Hex(10), "PSAM number")
    psam_version: int = wire(U8, "")
    area: str = wire(Hex(4), "area code")
    random: str = wire(Hex(8), "")


@record
class D0(Message, command=0xD0, title="标签定位 / position of a tag"):
    """Where a tag is: TRUCK, lane V2.x [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    frame_type: int = wire(U8, "SendFrameType; reserved in lane V2.x")
    state: int = wire(U8, "00 located")
    x: int = wire(S32, "cm")
    y: int = wire(S32, "cm")


@record
class B8(Message, command=0xB8, title="TAC 信息 / TAC info", means=TacFetched):
    """The answer to C8: V3.x [1: CGT], lane V2.x [1: FJ]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    status: int = wire(U8, "00 ok, 05 EF04 failed but TAC ok; otherwise no TAC, codes in rsu-protocol 7.1")
    tac: str = wire(Hex(4), "transaction authentication code")
    mac: str = wire(Hex(4), "")
    balance: int = wire(U32, "fen, unsigned")

    @property
    def error(self) -> int:
        """Why there is no TAC, 0 if there is one: nothing is wanted of EF04."""
        return 0 if self.status == EF04_FAILED else self.status


@record
class B8Short(Message, command=0xB8, title="TAC 信息（出错） / TAC info, error", means=TacFetched):
    """There is no TAC; the tables ask to accept a frame that ends here."""

    obu_id: str = wire(Hex(4), OBU_ID)
    error: int = wire(U8, "")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C1(Message, command=0xC1, title="继续交易 / continue", means=GoOn):
    """Go on with a tag, or start searching [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "first-level diversification factor; 0 when OBUID is 0")


@record
class C1Bare(Message, command=0xC1, title="继续交易 / continue", means=GoOn):
    """Go on with a tag, without a factor: LEIZI, YN, JS, TRUCK [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)


@record
class C2(Message, command=0xC2, title="停止交易 / stop", means=Stop):
    """Leave a tag [2+]; without a time, as in F1 and lane V2.x."""

    obu_id: str = wire(Hex(4), OBU_ID)
    stop_type: int = wire(U8, "1 search again, 2 resend the current frame")


@record
class C2Bare(Message, command=0xC2, title="停止交易（无类型） / stop, without StopType", means=Stop):
    """Leave a tag, as YN and TRUCK say it [2+; constant cap]."""

    obu_id: str = wire(Hex(4), OBU_ID)


@record
class C4(Message, command=0xC4, title="天线开关 / antenna switch", means=Antenna):
    """Antenna on or off [CRAZY-S; F2 2+, cap]. In YN and truck systems C4 writes a file."""

    control: int = wire(U8, "00 off, 01 on")


@record
class Switch4C(Message, command=0x4C, title="天线开关（旧命令字） / antenna switch, DOC-1 code", means=Antenna):
    """Antenna on or off: LEIZI, LIPKU, TRUCK [2+; constant cap]."""

    control: int = wire(U8, "00 off, 01 on")


@record
class C3Station40(Message, command=0xC3, title="写入口信息 / write entry"):
    """Write the entry without a purchase: YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    station: bytes = wire(Raw(40), "0019 without AA 29 00")
    time: str = wire(Hex(7), "PurchaseTime, BCD7")


@record
class C6Station40(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit, with 40 bytes of 0019 and no factor: YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    fen: int = wire(U32, "amount in fen")
    station: bytes = wire(Raw(40), "0019 without AA 29 00")
    time: str = wire(Hex(7), "BCD7, enters the TAC")


@record
class C7Records(Message, command=0xC7, title="读消费记录 / read purchase records"):
    """Ask for B7: YN, JS [2+]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    count: int = wire(U8, "Num, how many")
