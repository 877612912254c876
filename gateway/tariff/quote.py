"""What is asked of a tariff, and what it answers. Money in fen, times aware."""

from datetime import date, datetime

from gateway.tariff.rules import Discount
from protocols.immutable import dataclass


def yuan(fen: int) -> str:
    """Fen as yuan with two places; money stays an integer up to here."""
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02}"


class QuoteError(ValueError):
    """Times between which no stay can lie, or a vehicle that the tariff cannot know."""


@dataclass(frozen=True, slots=True)
class Parked:
    """From when to when; aware datetimes of any offset."""

    entry: datetime
    exit: datetime


@dataclass(frozen=True, slots=True)
class Permit:
    """A permit that the vehicle holds, valid from the first to the last day, both included; None: no end."""

    kind: str
    first: date | None = None
    last: date | None = None

    def valid_on(self, day: date) -> bool:
        """Whether it is valid on this day."""
        return (self.first is None or self.first <= day) and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A stay of the same vehicle before this one; `fen` is what it paid, `free`: it had its free time."""

    entry: datetime
    exit: datetime
    fen: int = 0
    free: bool = False


@dataclass(frozen=True, slots=True)
class Charged:
    """A charging order in the lot; the same order told twice counts once."""

    order: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Paid:
    """Fen paid for this stay, and when."""

    at: datetime
    fen: int


@dataclass(frozen=True, slots=True)
class Context:
    """What else a price may depend on. `vehicle_class`: its code (rsu-protocol 8.4), or the name of a row.

    `coupons` are discounts that the vehicle brings; `channel` is how it pays (`etc` for the tag).
    """

    vehicle_class: int | str = 1
    plate_color: int | None = None
    permits: tuple[Permit, ...] = ()
    coupons: tuple[Discount, ...] = ()
    earlier: tuple[Earlier, ...] = ()
    charged: tuple[Charged, ...] = ()
    paid: tuple[Paid, ...] = ()
    channel: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One sum: `fen` is `units` times `unit_fen`, by this rule in this period of the day.

    It counts for the cycles `from_cycle` to `to_cycle` of the stay together, the first being 1, all alike.
    """

    rule: str
    period: str
    units: int
    unit_fen: int
    fen: int
    from_cycle: int
    to_cycle: int

    def to_json(self) -> dict[str, object]:
        """The same in plain JSON types. Not by `asdict`, here and below: a purchase waits for this."""
        return {
            "rule": self.rule,
            "period": self.period,
            "units": self.units,
            "unit_fen": self.unit_fen,
            "fen": self.fen,
            "from_cycle": self.from_cycle,
            "to_cycle": self.to_cycle,
        }


@dataclass(frozen=True, slots=True)
class CapCut:
    """What a cap took off, in fen: `cap_fen` for each of these cycles, or each part in `period` if it names one."""

    period: str
    cap_fen: int
    fen: int
    from_cycle: int
    to_cycle: int

    def to_json(self) -> dict[str, object]:
        """The same in plain JSON types."""
        return {
            "period": self.period,
            "cap_fen": self.cap_fen,
            "fen": self.fen,
            "from_cycle": self.from_cycle,
            "to_cycle": self.to_cycle,
        }


@dataclass(frozen=True, slots=True)
class DiscountTaken:
    """What a discount took off, in fen; `time` is what it is worth in seconds, if it takes time off."""

    name: str
    fen: int
    time: int = 0

    def to_json(self) -> dict[str, object]:
        """The same in plain JSON types."""
        return {"name": self.name, "fen": self.fen, "time": self.time}


@dataclass(frozen=True, slots=True)
class Quote:
    """What a stay costs in fen and why: total = lines - caps - discounts; `due` is what is not yet paid.

    `free`: the stay lay within its free time. `content_hash` tells tariff and calendar exactly.
    """

    tariff_id: str
    version: str
    content_hash: str
    price_class: str
    entry: datetime
    exit: datetime
    lines: tuple[Line, ...]
    caps: tuple[CapCut, ...]
    discounts: tuple[DiscountTaken, ...]
    total: int
    paid: int
    free: bool

    @property
    def due(self) -> int:
        """What is left to pay."""
        return max(0, self.total - self.paid)

    def to_json(self) -> dict[str, object]:
        """Return the quote in plain JSON types, money in fen, times in ISO 8601 with their offset."""
        return {
            "tariff": {"id": self.tariff_id, "version": self.version, "hash": self.content_hash},
            "class": self.price_class,
            "entry": self.entry.isoformat(),
            "exit": self.exit.isoformat(),
            "lines": [line.to_json() for line in self.lines],
            "caps": [cut.to_json() for cut in self.caps],
            "discounts": [taken.to_json() for taken in self.discounts],
            "total": self.total,
            "paid": self.paid,
            "due": self.due,
            "free": self.free,
        }
