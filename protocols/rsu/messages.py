"""What antenna and lane PC say to each other, in words that every dialect shares.

A dialect translates both ways: `hear` from its messages to these words, `say` from these words to its messages.
The lane PC says the first group and hears the second; a simulated antenna does the reverse. Money in fen.
"""

from datetime import datetime

from protocols.china import CHINA
from protocols.immutable import dataclass
from protocols.obu.values import Card, Tag, Vehicle

# --- the lane PC says --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Init:
    """C0: begin, with the time, what the lane is for, and the radio: power step 0-31, channel 1 or 2."""

    at: datetime
    entry: bool
    tx_power: int
    channel: int


@dataclass(frozen=True, slots=True)
class Antenna:
    """Radiate, or be silent."""

    on: bool


@dataclass(frozen=True, slots=True)
class GoOn:
    """C1: continue with this tag; with an OBUID of zeros, start searching."""

    obu_id: str
    issuer: str


@dataclass(frozen=True, slots=True)
class Stop:
    """C2: leave this tag and search again. `at` is None where the dialect's C2 carries no time."""

    obu_id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Resend:
    """C2 with StopType 2: send the current frame again. `at` as in `Stop`."""

    obu_id: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Purchase:
    """C6: debit the card. `station` is the 0019 record to be written, `entered` where the dialect wants it."""

    obu_id: str
    issuer: str
    fen: int
    at: datetime
    station: bytes
    entered: datetime | None = None


@dataclass(frozen=True, slots=True)
class FetchTac:
    """C8: the proof of a purchase once more. `card_serial` 0 where the dialect does not ask for it."""

    obu_id: str
    card_serial: int


@dataclass(frozen=True, slots=True)
class HeartbeatSeen:
    """The answer to a heartbeat, where the dialect has one."""


@dataclass(frozen=True, slots=True)
class PsamInit:
    """CA or CD: say what the authorisation of the PSAM in this slot needs."""

    slot: int


@dataclass(frozen=True, slots=True)
class PsamAuthorise:
    """CB or CF: the platform's MAC for the PSAM in this slot, 16 hex digits."""

    slot: int
    mac: str


# --- the antenna says --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """B0. `fault` 0 is normal; `authorised` None where the dialect does not tell; `slots`: PSAMs that are not."""

    fault: int
    terminals: tuple[str, ...]
    authorised: bool | None
    maker: int
    version: str
    slots: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The antenna is alive; `fault` 0 is normal."""

    fault: int


@dataclass(frozen=True, slots=True)
class TagSeen:
    """B2: a tag answered."""

    tag: Tag


@dataclass(frozen=True, slots=True)
class Contents:
    """B3 or B4: what the tag holds, as far as this frame goes. `tag` where this frame is the first about it."""

    obu_id: str
    vehicle: Vehicle | None
    card: Card | None
    tag: Tag | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """B5: the purchase was made. None and "" stand for what the wire does not tell."""

    obu_id: str
    terminal: str
    terminal_serial: int
    card_serial: int
    tac: str
    trade_type: int
    algorithm: int | None
    at: datetime | None
    balance: int | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A frame about this tag with an ErrorCode other than 00; the rest of it means nothing by itself.

    `rest` is what a B5 of full length says besides: its card serial may find the TAC of the purchase.
    """

    obu_id: str
    command: int
    code: int
    rest: Result | None = None


@dataclass(frozen=True, slots=True)
class TacFetched:
    """B8: the proof of a purchase, and the card's balance by then."""

    obu_id: str
    tac: str
    balance: int


@dataclass(frozen=True, slots=True)
class PsamAsks:
    """BA or BD: what a platform needs to authorise this PSAM. `fault` 0 is good; `needless` if nothing is wanted.

    `terminal` is "" where the dialect does not name it. `number` has 20 digits, `area` and `random` 16 hex digits
    (`area` 8 in BD).
    """

    fault: int
    slot: int
    terminal: str
    number: str
    version: int
    key_type: int | None
    area: str
    random: str
    needless: bool = False


@dataclass(frozen=True, slots=True)
class PsamAnswered:
    """BB or BF: what the PSAM said to the MAC; "9000" is good."""

    fault: int
    sw: str


Order = Init | Antenna | GoOn | Stop | Resend | Purchase | FetchTac | HeartbeatSeen | PsamInit | PsamAuthorise
Report = Status | Heartbeat | TagSeen | Contents | Result | Failed | TacFetched | PsamAsks | PsamAnswered
Word = Order | Report


# --- what several dialects share -----------------------------------------------------------------------------


def bcd_time(digits: str) -> datetime | None:
    """The China time that 14 BCD digits name, None where no calendar has it."""
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=CHINA)
    except ValueError:
        return None


def time_bcd(at: datetime | None) -> str:
    """The reverse; zeros for no time."""
    if at is None:
        return "0" * 14
    at = at.astimezone(CHINA)
    return f"{at.year:04}{at.month:02}{at.day:02}{at.hour:02}{at.minute:02}{at.second:02}"


def unix_utc(at: datetime) -> int:
    """Unix seconds in 32 bits."""
    return int(at.timestamp()) & 0xFFFFFFFF


def unix_local(at: datetime) -> int:
    """China's wall clock counted as if it were UTC: soulin, Beijing (rsu-protocol 3, time note [cap])."""
    return int(at.timestamp() + 8 * 3600) & 0xFFFFFFFF


def unix_2000(at: datetime) -> int:
    """Seconds since 2000-01-01: Yunnan (rsu-protocol 3, time note [1]); that midnight is China's is [inf]."""
    return int((at - datetime(2000, 1, 1, tzinfo=CHINA)).total_seconds()) & 0xFFFFFFFF


def tag_flags(status: int) -> dict[str, bool]:
    """OBUStatus, 16 bits, as the flags of `Tag` (rsu-protocol 4.2 [2+])."""
    return {
        "has_card": not status & 0x8000,
        "card_error": bool(status & 0x0800),
        "locked": bool(status & 0x0400),
        "removed": bool(status & 0x0200),
        "low_battery": bool(status & 0x0100),
    }


def status_of(tag: Tag) -> int:
    """The reverse, as captured tags show it: contactless, and ESAM byte 27 says mounted or removed."""
    return (
        0x2000
        | (not tag.has_card) << 15
        | tag.card_error << 11
        | tag.locked << 10
        | tag.removed << 9
        | tag.low_battery << 8
        | (not tag.removed)
    )
