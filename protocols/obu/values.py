"""What a tag and its card say, free of any maker's wire form. Money in fen, dates as calendar days."""

from datetime import date

from protocols.immutable import dataclass

STORED_VALUE = 0x16
"""Card type of a stored-value card (储值卡): the balance is money. rsu-protocol 8.1 [cap]."""
CREDIT = 0x17
"""Card type of a credit card (记账卡): the balance is an unsigned counter, never a limit. gbt20851 0 item 8."""


@dataclass(frozen=True, slots=True)
class Tag:
    """An OBU as its system information shows it (电子标签).

    `obu_id` is the MAC address in 8 hex digits. `issuer` is the issuer identifier in 16 hex digits, `contract`
    the serial number in 16 digits. A date that the wire holds but no calendar knows is None, and so never valid.
    The flags are the OBUStatus bits of rsu-protocol 4.2.
    """

    obu_id: str
    issuer: str
    contract: str
    issued: date | None
    expires: date | None
    has_card: bool = True
    card_error: bool = False
    locked: bool = False
    removed: bool = False
    low_battery: bool = False


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle as its tag describes it; `color` and `vehicle_class` are the codes of rsu-protocol 8.4."""

    plate: str
    color: int
    vehicle_class: int
    user_type: int = 0


@dataclass(frozen=True, slots=True)
class Card:
    """A user card: what 0015 and 0002 say, and its 0019 record as it stands.

    `number` is net and card id in 20 digits; `balance` is in fen, unsigned, as read; `station` is the whole
    0019 record, 43 bytes, or 39 as some antennas give it. `listed`: the antenna itself says that the card is on the
    issuers' status list.
    """

    number: str
    issuer: str
    kind: int
    version: int
    starts: date | None
    expires: date | None
    plate: str
    balance: int
    station: bytes
    listed: bool = False
