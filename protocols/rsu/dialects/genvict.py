"""Genvict (金溢) parking antennas, "P20": F3 framing, TCP 21003, the antenna is the server.

Source: rsu-protocol 9, most frames captured by CRAZY-J; gbt20851 4.7 has the same tables [2+]. Offsets count the
command byte as 0. One B4 brings tag, vehicle and card; the flow is CA BA C0 B0 C4 | B2.. | B4 C6 B5 C1.

What the reference leaves open: an answer that keeps a tag waiting (none is known), how long the antenna waits for
C6, how often it says B2, which frames it repeats, and a short form of a frame with an error. The program says CA
before C0; we say it after B0, which tells whether it is needed. PsamAuth and Switch of B2 are shown, not obeyed.
"""

from collections.abc import Mapping
from typing import Any

from protocols.codec import U8, U16, U32, Hex, Nested, Raw, record, wire
from protocols.obu.files import (
    STATION_SIZE,
    File0015,
    GoodsFile,
    PassengerFile,
    SystemInfo26,
    VehicleFile,
    date_bcd,
)
from protocols.obu.files import bcd_date as day
from protocols.obu.values import Tag
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import F3
from protocols.rsu.message import Message
from protocols.rsu.messages import (
    Antenna,
    Contents,
    GoOn,
    Heartbeat,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Result,
    Status,
    Stop,
    unix_utc,
)
from protocols.rsu.tables import C4, OBU_ID, StatusTable

ONE_PIECE, TWO_PIECE = 1, 2
"""OBUType; the gantry interface has them the other way round (gbt20851 4.7 [2+])."""
INSERTED = 1
REMOVED = 1
BLACK = 1
"""BlackList: 0 normal, 1 black, 2 white (rsu-protocol 9 [cap for 0])."""
NEEDLESS = 1
"""Err of BA: no authorisation needed (rsu-protocol 9 [1])."""

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status [cap]; which terminal its PSAM has, BA and B5 tell."""

    status: int = wire(U8, "00 ok, 02 PSAM init failed or no PSAM")
    maker: int = wire(U8, "02 in the capture", idle=2)
    rsu_id: str = wire(Hex(3), "", idle="000001")
    version: str = wire(Hex(2), "software")
    hardware: str = wire(Hex(2), "hardware version", idle="0001")
    interface: str = wire(Hex(2), "protocol version", idle="1106")
    unauthorised: int = wire(U8, "1 = the PSAM needs authorisation")


@record
class B2(Message, command=0xB2, title="心跳 / heartbeat", means=Heartbeat):
    """Heartbeat [cap]: no tag is in it, unlike every other B2."""

    status: int = wire(U8, "0 ok, 1 RF init failed, 2 PSAM")
    switch: int = wire(U8, "0 antenna off, 1 on", idle=1)
    unauthorised: int = wire(U8, "1 = the PSAM needs authorisation")

    @property
    def fault(self) -> int:
        """What it reports, 0 if all is well."""
        return self.status


@record
class B4(Message, command=0xB4, title="标签和卡片 / OBU and card", means=Contents):
    """Tag, vehicle and card in one frame [cap].

    In WorkMode 45h, which we never ask for, the vehicle's bytes are cipher text, 88 of a two-piece OBU and 96 of a
    one-piece, whose surplus stands at the beginning of `reserved` [1]; the frame itself does not say so.
    """

    obu_id: str = wire(Hex(4), OBU_ID)
    obu_type: int = wire(U8, "1 one-piece, 2 two-piece", idle=TWO_PIECE)
    has_card: int = wire(U8, "01 card inserted")
    obu_status: int = wire(U8, "01 illegally removed")
    system: SystemInfo26 = wire(Nested(SystemInfo26), "system information")
    vehicle: PassengerFile | GoodsFile = wire(VehicleFile, "vehicle file")
    card: File0015 = wire(Nested(File0015), "0015")
    card_rest: str = wire(Hex(7), "bytes 43-49 of 0015; 0")
    balance: int = wire(U32, "fen")
    station: bytes = wire(Raw(STATION_SIZE), "0019")
    black_list: int = wire(U8, "0 normal, 1 black, 2 white")
    reserved: bytes = wire(Raw(63), "AA in the capture")

    @property
    def tag(self) -> Tag:
        """The tag; its status has no bits for a card error, a lock or a battery."""
        return Tag(
            obu_id=self.obu_id,
            issuer=self.system.issuer,
            contract=self.system.contract,
            issued=day(self.system.issued),
            expires=day(self.system.expires),
            has_card=self.has_card == INSERTED,
            removed=self.obu_status == REMOVED,
        )

    @property
    def listed(self) -> bool:
        """Whether the antenna has the card on its black list; white is no such list."""
        return self.black_list == BLACK

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """A tag that the word does not describe is a sound one with its card, and nothing known of it."""
        tag: Tag | None = values["tag"]
        known = (
            {
                "issuer": tag.issuer,
                "contract": tag.contract,
                "issued": date_bcd(tag.issued),
                "expires": date_bcd(tag.expires),
            }
            if tag
            else {}
        )
        return {
            **values,
            "has_card": INSERTED if tag is None or tag.has_card else 0,
            "obu_status": REMOVED if tag and tag.removed else 0,
            "system": SystemInfo26.fill(known),
            "black_list": BLACK if values["listed"] else 0,
        }


@record
class B5(Message, command=0xB5, title="交易结果 / transaction result", means=Result):
    """The purchase was made, or was not [cap]. After error 01 another B4 or B5 may come [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    obu_type: int = wire(U8, "1 one-piece, 2 two-piece; 0 in the captured frame")
    error: int = wire(U8, "00 ok, 01 timeout, 02 no card, 03 data abnormal, 04 OBU error, 05 card error")
    balance: int = wire(U32, "fen, after the trade")
    trade_time: str = wire(Hex(7), "BCD7")
    algorithm: int = wire(U8, "KeyType: 0 3DES, 4 SM4")
    terminal_serial: int = wire(U32, "PSAM transaction serial")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    card_serial: int = wire(U16, "ETCTradeNo")
    tac: str = wire(Hex(4), "transaction authentication code")
    card_random: str = wire(Hex(4), "")
    reserved: str = wire(Hex(32), "")


@record
class BA(Message, command=0xBA, title="请求 PSAM 授权 / PSAM authorisation wanted", means=PsamAsks):
    """What a platform needs to authorise the PSAM: the answer to CA [1]."""

    outcome: int = wire(U8, "0 ok, 1 no authorisation needed")
    terminal: str = wire(Hex(6), "PSAM terminal number")
    number: str = wire(Hex(10), "PSAM serial")
    key_type: int = wire(U8, "")
    psam_version: int = wire(U8, "")
    area: str = wire(Hex(8), "")
    random: str = wire(Hex(8), "")

    @property
    def needless(self) -> bool:
        """Whether nothing is wanted."""
        return self.outcome == NEEDLESS

    @property
    def fault(self) -> int:
        """What went wrong, 0 for nothing."""
        return 0 if self.needless else self.outcome

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """One byte says both."""
        return {**values, "outcome": NEEDLESS if values["needless"] else values["fault"]}


@record
class BB(Message, command=0xBB, title="PSAM 授权结果 / PSAM authorisation result", means=PsamAnswered):
    """What the PSAM said to the MAC: the answer to CB [1]."""

    fault: int = wire(U8, "0 ok")
    sw: str = wire(Hex(2), "status word")


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C0(Message, command=0xC0, title="初始化 / initialise", means=Init):
    """Begin [1]; whether the lane is for entry or exit it does not say."""

    unix_time: int = wire(U32, "true UTC")
    tx_power: int = wire(U8, "0-31")
    channel: int = wire(U8, "0 / 1")
    work_mode: int = wire(U8, "00 normal (same OBU at most every 20 s), 54h continuous test, 45h no decryption")


@record
class C1(Message, command=0xC1, title="交易完成 / trade finished", means=GoOn):
    """The result has come; the antenna goes on to the next tag [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)


@record
class C2(Message, command=0xC2, title="忽略此标签 / ignore this OBU", means=Stop):
    """Leave a tag [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit [1]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    fen: int = wire(U32, "amount in fen")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(STATION_SIZE), "0019; may be all 0")
    entry_time: str = wire(Hex(7), "BCD7")


@record
class CA(Message, command=0xCA, title="PSAM 授权开始 / PSAM authorisation, begin", means=PsamInit):
    """Say what the authorisation needs; no fields [1]."""


@record
class CB(Message, command=0xCB, title="PSAM 授权 / PSAM authorisation", means=PsamAuthorise):
    """The platform's MAC [1]."""

    mac: str = wire(Hex(8), "authorisation MAC")


DIALECT = Dialect(
    name="genvict",
    framing=F3,
    from_antenna=(B0, B2, B4, B5, BA, BB),
    from_pc=(C0, C1, C2, C4, C6, CA, CB),
    unix=unix_utc,  # [1]
    starting=(Antenna(on=True),),
    stages=(),
    trade_window=1.0,  # not stated; LEIZI's F1 value [1], [inf]
    silence=300.0,  # how often B2 comes is not stated; the parking program restarts a silent antenna after that [1]
    heartbeat_answer=None,
    reread=20.0,  # in normal work mode [1]
    codes={  # rsu-protocol 9 [1]
        (0xB0, 0x02): "PSAM init failed or no PSAM",
        (0xB2, 0x01): "RF init failed",
        (0xB2, 0x02): "PSAM",
        (0xB5, 0x01): "communication timeout",
        (0xB5, 0x02): "no card",
        (0xB5, 0x03): "data abnormal",
        (0xB5, 0x04): "OBU error",
        (0xB5, 0x05): "card error",
    },
    holding=Holding.NONE,
)
