"""Simulated tags with their cards: the only place where simulated money is.

All data are made up and look it: plates 测A00001, net 9901, issuer 测试, a 0019 of zeros.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from hashlib import sha256
from zlib import crc32

from protocols.obu.files import STATION_SIZE
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.messages import time_bcd

ISSUER = "测试".encode("gbk").hex() + "99010001"
ISSUED, EXPIRES = date(2024, 1, 1), date(2049, 12, 31)

DEFECTS: Mapping[str, Callable[[Tag], Tag]] = {
    "removed": lambda tag: replace(tag, removed=True),
    "expired": lambda tag: replace(tag, expires=date(2020, 1, 1)),
    "nocard": lambda tag: replace(tag, has_card=False),
    "low-battery": lambda tag: replace(tag, low_battery=True),
}
"""What may be wrong with a tag itself, by the name that scenarios and shells use."""


class CardRefused(Exception):  # noqa: N818  a card's answer to a purchase, not a mistake in a program
    """The card does not make this purchase; nothing was taken."""


@dataclass(frozen=True, slots=True)
class Bought:
    """One purchase as the card made it. `balance` is the card's after it; all money in fen."""

    fen: int
    at: datetime
    terminal: str
    terminal_serial: int
    card_serial: int
    tac: str
    balance: int


@dataclass(slots=True)
class SimulatedTag:
    """A tag on its windscreen with the card inside; `card` is as the next reading will find it."""

    tag: Tag
    vehicle: Vehicle
    card: Card
    card_serial: int = 0
    purchases: list[Bought] = field(default_factory=list)

    @property
    def balance(self) -> int:
        """Fen on the card; a credit card's counter."""
        return self.card.balance

    def purchase(self, fen: int, at: datetime, terminal: str, terminal_serial: int) -> str:
        """Take `fen` at once and wholly; the TAC in 8 hex digits. Raises CardRefused if the money is not there."""
        if self.card.kind == STORED_VALUE and fen > self.balance:
            raise CardRefused(f"{fen} fen asked of {self.balance} on card {self.card.number}")
        # A credit card's balance is an unsigned counter that goes down from a high value (rsu-protocol 7 [cap]).
        balance = (self.balance - fen) % 2**32
        self.card_serial += 1
        tac = stand_in_tac(self.card.number, self.card_serial, fen, time_bcd(at), terminal, terminal_serial)
        self.card = replace(self.card, balance=balance)
        self.purchases.append(Bought(fen, at, terminal, terminal_serial, self.card_serial, tac, balance))
        return tac


def stand_in_tac(*fields: str | int) -> str:
    """NOT a real TAC: a stand-in that depends on the same fields. No key is used, and none is known here.

    A real one is a MAC under a key of the card that only its issuer can derive.
    """
    return sha256(" ".join(map(str, fields)).encode()).digest()[:4].hex()


def plate_number(plate: str) -> int:
    """A number below 2**24 that is this plate's own, so that it is the same tag in every process."""
    return crc32(plate.encode()) & 0xFFFFFF


def make_tag(
    n: int, plate: str, vehicle_class: int, balance: int, kind: int = STORED_VALUE, **flags: bool
) -> SimulatedTag:
    """The n-th made-up tag, n below 2**24, with `balance` fen on its card; `flags` are those of `Tag`."""
    return SimulatedTag(
        tag=Tag(f"5a{n:06x}", ISSUER, f"9901{n:012d}", ISSUED, EXPIRES, **flags),
        vehicle=Vehicle(plate, color=0 if vehicle_class == 1 else 1, vehicle_class=vehicle_class),
        card=Card(
            number=f"9901{n:016d}",
            issuer=ISSUER,
            kind=kind,
            version=0x40,
            starts=ISSUED,
            expires=EXPIRES,
            plate=plate,
            balance=balance,
            station=bytes(STATION_SIZE),
        ),
    )


def truth(simulated: SimulatedTag) -> dict[str, object]:
    """What is really on a card, as JSON types."""
    return {
        "plate": simulated.vehicle.plate,
        "obu": simulated.tag.obu_id,
        "card": simulated.card.number,
        "balance": simulated.balance,
        "card_serial": simulated.card_serial,
        "purchases": [purchase_truth(bought) for bought in simulated.purchases],
    }


def purchase_truth(bought: Bought) -> dict[str, object]:
    """One purchase, as JSON types."""
    return {
        "fen": bought.fen,
        "tac": bought.tac,
        "terminal": bought.terminal,
        "terminal_serial": bought.terminal_serial,
        "card_serial": bought.card_serial,
        "at": bought.at.isoformat(),
        "balance": bought.balance,
    }
