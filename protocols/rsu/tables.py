"""Message tables that several dialects share."""

from collections.abc import Mapping

from protocols.codec import U8, Hex, record, wire
from protocols.obu.files import bcd_date
from protocols.obu.values import Tag
from protocols.rsu.dialect import Message
from protocols.rsu.messages import Result, bcd_time, tag_flags

SEARCH_AGAIN, RESEND = 1, 2
"""StopType of C2 (rsu-protocol 3 and 6 [2+])."""


class TagTable(Message):
    """What the B2 of every dialect says of a tag."""

    __slots__ = ()
    obu_id: str
    issuer: str
    serial: str
    issued: str
    expires: str
    obu_status: int

    def tag(self) -> Tag:
        """The tag that it describes."""
        return Tag(
            obu_id=self.obu_id,
            issuer=self.issuer,
            contract=self.serial,
            issued=bcd_date(self.issued),
            expires=bcd_date(self.expires),
            **tag_flags(self.obu_status),
        )


class ResultTable(Message):
    """What the B5 of every dialect says of a purchase."""

    __slots__ = ()
    obu_id: str
    terminal: str
    trade_time: str
    trade_type: int
    tac: str
    card_serial: int
    terminal_serial: int
    balance: int

    def result(self, algorithm: int) -> Result:
        """The purchase that it reports."""
        return Result(
            obu_id=self.obu_id,
            terminal=self.terminal,
            terminal_serial=self.terminal_serial,
            card_serial=self.card_serial,
            tac=self.tac,
            trade_type=self.trade_type,
            algorithm=algorithm,
            at=bcd_time(self.trade_time),
            balance=self.balance,
        )


class Short(Message):
    """A frame about a tag that ends after its ErrorCode; the tables ask to accept it (rsu-protocol 4, 7)."""

    __slots__ = ()
    obu_id: str
    error: int


@record
class B2Short(Short, command=0xB2, title="OBU info, error or heartbeat"):
    """A heartbeat, or an error about a tag [2+]."""

    obu_id: str = wire(Hex(4), "OBU MAC address; 0 where no OBU is meant")
    error: int = wire(U8, "80 = heartbeat")


@record
class B3Short(Short, command=0xB3, title="vehicle info, error"):
    """An error about a tag's vehicle file."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "")


@record
class B4Short(Short, command=0xB4, title="card info, error"):
    """An error about a tag's card."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "")


@record
class B5Short(Short, command=0xB5, title="transaction result, error"):
    """An error in a trade."""

    obu_id: str = wire(Hex(4), "OBU MAC address")
    error: int = wire(U8, "")


SHORT: Mapping[int, type[B2Short | B3Short | B4Short | B5Short]] = {
    0xB2: B2Short,
    0xB3: B3Short,
    0xB4: B4Short,
    0xB5: B5Short,
}


@record
class C1(Message, command=0xC1, title="continue"):
    """Go on with a tag, or start searching [2+]."""

    obu_id: str = wire(Hex(4), "0 where no tag is meant")
    factor: str = wire(Hex(8), "first-level diversification factor; 0 when OBUID is 0")


@record
class C2(Message, command=0xC2, title="stop"):
    """Leave a tag [2+]; without a time, as in F1 and lane V2.x."""

    obu_id: str = wire(Hex(4), "0 where no tag is meant")
    stop_type: int = wire(U8, "1 search again, 2 resend the current frame")


@record
class C4(Message, command=0xC4, title="antenna switch"):
    """Antenna on or off [CRAZY-S; F2 2+, cap]."""

    control: int = wire(U8, "00 off, 01 on")
