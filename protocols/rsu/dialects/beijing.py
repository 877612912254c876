"""Beijing lanes and the parking programs that took over their protocol: F1 framing, serial 115200 8N1 or TCP.

Source: rsu-protocol 2 to 4 as BJFW, KT and LIPKU have it; offsets in its tables count RSCTL as 0, so DATA starts at
1. B0, B2, B3 and B5 are as long as soulin's; C3, C6 and C7 carry 36 bytes of the 0019, B4 39 of its 43. The answers
to B2 differ (LIPKU says C2 also to heartbeats); we do as DOC-1 says.

What the reference leaves open: which "Unix" time a given antenna wants, see `unix` below; what 36 bytes of a
station mean where the card has a 43-byte 0019: we send its bytes 3 to 38 [inf: 8.2]. A B4 with all 43, as soulin
sends it, is heard too, and its last 4 bytes are shown only.
"""

from collections.abc import Mapping
from typing import Any

from protocols.codec import U8, U16, U32, Hex, Raw, record, wire
from protocols.obu.files import STATION_SIZE
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.dialects.soulin import C0
from protocols.rsu.framing import F1
from protocols.rsu.message import Message
from protocols.rsu.messages import Antenna, Contents, GoOn, Purchase, Status, unix_local
from protocols.rsu.tables import B2, B3, B5, C1, C2, OBU_ID, SHORT, B2Long, B2Typed, B4Head, StatusTable, Switch4C
from protocols.rsu.translate import NO_OBU

OLD_STATION_SIZE = 39
"""Bytes of the 0019 that B4 carries (rsu-protocol 4: BJFW [1], LIPKU [1])."""

# --- antenna to PC -----------------------------------------------------------------------------------------


@record
class B0(StatusTable, command=0xB0, title="设备状态 / device status", means=Status):
    """Device status, with a maker code of two bytes [2+: BJFW, LIPKU]."""

    status: int = wire(U8, "00 normal, else fault")
    psam_count: int = wire(U8, "")
    terminal_1: str = wire(Hex(6), "terminal number of PSAM 1 (national)")
    terminal_2: str = wire(Hex(6), "terminal number of PSAM 2 (local card)")
    algorithm: int = wire(U8, "00 default")
    maker: int = wire(U16, "maker code, rsu-protocol 4.1")
    rsu_id: str = wire(Hex(2), "", idle="0001")
    version: str = wire(Hex(2), "")
    reserved: str = wire(Hex(5), "")


@record
class B1(Message, command=0xB1, title="线圈状态 / coil state"):
    """The lane's coil has changed [1: BJFW]."""

    coil: int = wire(U8, "coil state")
    changes: int = wire(U8, "change counter")


@record
class B4(B4Head, command=0xB4, title="卡片信息 / card info", means=Contents):
    """Card, with 39 bytes of 0019 [1 each: BJFW, LIPKU]."""

    station: bytes = wire(Raw(OLD_STATION_SIZE), "0019 without its last 4 bytes")

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The first 39 bytes of the record."""
        return {**values, "station": values["station"][:OLD_STATION_SIZE]}


@record
class B4Whole(B4Head, command=0xB4, title="卡片信息（完整 0019） / card info, whole 0019", means=Contents):
    """Card, with a 43-byte 0019: soulin's form [cap]; the length tells."""

    file_0019: bytes = wire(Raw(STATION_SIZE), "0019")

    @property
    def station(self) -> bytes:
        """As much of it as the other form has; C6 carries less."""
        return self.file_0019[:OLD_STATION_SIZE]


# --- PC to antenna -----------------------------------------------------------------------------------------


@record
class C3(Message, command=0xC3, title="写入口信息 / write entry"):
    """Write the entry without a purchase [2+: BJFW, LIPKU, KT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "card's first-level factor, usually that of the OBU")
    trans_serial: str = wire(Hex(4), "returned in B5")
    time: str = wire(Hex(7), "PurchaseTime, BCD7")
    station: bytes = wire(Raw(36), "0012, or 0019 data part")


@record
class C6(Message, command=0xC6, title="扣费 / purchase", means=Purchase):
    """Debit, with 36 bytes of 0019 [2+: BJFW, LIPKU, KT]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "card's first-level factor, as in C3")
    trans_serial: str = wire(Hex(4), "")
    fen: int = wire(U32, "amount in fen; 0 allowed")
    time: str = wire(Hex(7), "BCD7, enters the TAC")
    station: bytes = wire(Raw(36), "0012, or bytes 3-38 of 0019 [inf]")

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The 36 bytes behind AA 29 00."""
        return {**values, "station": values["station"][:36]}


@record
class C7(Message, command=0xC7, title="异常处理 / exception handling"):
    """Write the station without a purchase [1: BJFW]."""

    obu_id: str = wire(Hex(4), OBU_ID)
    factor: str = wire(Hex(8), "card's first-level factor")
    trans_serial: str = wire(Hex(4), "")
    time: str = wire(Hex(7), "PurchaseTime, BCD7")
    station: bytes = wire(Raw(36), "0012, or 0019 data part")


DIALECT = Dialect(
    name="beijing",
    framing=F1,
    from_antenna=(B0, B1, B2, B2Typed, B2Long, B3, B4, B4Whole, B5, *SHORT),
    from_pc=(C0, C1, C2, C3, Switch4C, C6, C7),  # LIPKU's 4C: 1 far antenna, 2 near antenna [1]
    unix=unix_local,  # KT, as captured from soulin [cap]; LIPKU writes true UTC [1]: B5's WrFileTime shows which
    station_from=3,
    # Some models search after C1 with OBUID 0, others after 4C (11.1 [2+]); that both take the other too is [inf].
    starting=(GoOn(NO_OBU, "0" * 16), Antenna(on=True)),
    stages=(frozenset({"vehicle"}), frozenset({"card"})),
    trade_window=1.0,  # LEIZI drops the tag after some 1.1 s without an order [1]
    silence=70.0,  # heartbeats come at least once a minute [DOC-1]; TRUCK gives up after 70 s [1]
    heartbeat_answer=None,  # DOC-1; LIPKU's C2 to each B2 is tolerated (2.4 [2+])
    holding=Holding.EMPTY,  # DOC-1
)
