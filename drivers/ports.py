"""The vocabulary between a lane and its devices: one event or order each, the same for every maker.

Events go up, orders go down. `device` is the name of the device in the site's configuration. Money is in fen,
times are aware datetimes, durations and monotonic times are seconds.
"""

from datetime import datetime

from protocols.immutable import dataclass
from protocols.obu.values import Card, Tag, Vehicle


@dataclass(frozen=True, slots=True)
class Instant:
    """A moment: `wall` for records and antennas, `mono` (seconds, never steps) for every decision on order."""

    wall: datetime
    mono: float


# --- events of a reader ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReaderUp:
    """The antenna answered its initialisation. `authorised` is what it says of its PSAM: shown, not obeyed."""

    device: str
    terminals: tuple[str, ...]
    authorised: bool | None
    version: str
    fault: int


@dataclass(frozen=True, slots=True)
class ReaderDown:
    """The antenna is not to be reached, or has fallen silent."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class TagRead:
    """A tag was read as far as it lets itself be read; it waits for `Debit` or `Release`.

    `trade` numbers the readings: an order for one reading is never carried out on another.
    """

    device: str
    trade: int
    tag: Tag
    vehicle: Vehicle | None
    card: Card | None


@dataclass(frozen=True, slots=True)
class TagUnreadable:
    """A tag answered but could not be read to the end; `stage` names the frame, `code` is the antenna's own."""

    device: str
    obu_id: str
    stage: str
    code: int


@dataclass(frozen=True, slots=True)
class DebitProof:
    """What the antenna reports of a purchase: the fields that clearing asks for.

    `at` is the time that entered the TAC; `balance` is the card's after the purchase, in fen, unsigned; None where
    the antenna could not read it, or does not tell. `algorithm` 0 is 3DES, 4 SM4, None not said.
    """

    terminal: str
    terminal_serial: int
    card_serial: int
    tac: str
    trade_type: int
    algorithm: int | None
    at: datetime
    balance: int | None


@dataclass(frozen=True, slots=True)
class DebitDone:
    """The purchase of this intent was made and proven."""

    device: str
    intent: str
    proof: DebitProof


@dataclass(frozen=True, slots=True)
class DebitUnknown:
    """The purchase order left, and what became of it is not known."""

    device: str
    intent: str
    reason: str


@dataclass(frozen=True, slots=True)
class DebitNotSent:
    """The purchase order never left for the antenna, and never will."""

    device: str
    intent: str
    reason: str


@dataclass(frozen=True, slots=True)
class DebitFound:
    """A purchase was made that this run did not ask for: an earlier one may have.

    `obu_id` and `proof.at`, the second that entered the TAC, tell whose outcome it is.
    """

    device: str
    obu_id: str
    proof: DebitProof


@dataclass(frozen=True, slots=True)
class PsamWanted:
    """A PSAM must be authorised before the antenna can trade: what the platform needs for that.

    `number` is the PSAM's in 20 digits, `area` and `random` are hex; `random` names this very request.
    """

    device: str
    terminal: str
    number: str
    version: int
    key_type: int | None
    area: str
    random: str


@dataclass(frozen=True, slots=True)
class PsamDone:
    """How the authorisation of a PSAM ended; `detail` is what it answered."""

    device: str
    good: bool
    detail: str


# --- events of a camera ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlateSeen:
    """One read of a plate. `color` by its code in a tag (rsu-protocol 8.4), None where the camera does not tell."""

    device: str
    plate: str
    color: int | None


# --- events of a barrier --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BarrierUp:
    """The barrier's board answers; its inputs follow as `InputChanged`."""

    device: str


@dataclass(frozen=True, slots=True)
class BarrierDown:
    """The barrier's board does not answer; all its inputs are unknown from now on."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class InputChanged:
    """An input named in the device profile has changed; `on` is None while it is unknown."""

    device: str
    name: str
    on: bool | None


@dataclass(frozen=True, slots=True)
class CloseRefused:
    """The driver read presence once more before the coil and did not close."""

    device: str
    reason: str


# --- orders ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Debit:
    """Take `fen` from the card in tag `obu_id`, on this very reading of it or never. `at` enters the TAC.

    `entered` is when the stay began, for antennas that want it. `station` is the 0019 record to be written with it;
    None writes back what was read, so that a motorway record survives (gbt20851 4.2).
    """

    device: str
    trade: int
    intent: str
    obu_id: str
    fen: int
    at: datetime
    entered: datetime | None = None
    station: bytes | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """Let go of a tag; for `quiet` seconds it is not read again."""

    device: str
    obu_id: str
    quiet: float


@dataclass(frozen=True, slots=True)
class AuthorisePsam:
    """The platform's answer to `PsamWanted` with this `random`: a MAC of 16 hex digits."""

    device: str
    random: str
    mac: str


@dataclass(frozen=True, slots=True)
class OpenBarrier:
    """Raise the arm."""

    device: str


@dataclass(frozen=True, slots=True)
class CloseBarrier:
    """Lower the arm, unless the driver's own look at presence says otherwise."""

    device: str


@dataclass(frozen=True, slots=True)
class Show:
    """Words for the driver of the vehicle, in Chinese and English."""

    device: str
    zh: str
    en: str


ReaderEvent = (
    ReaderUp
    | ReaderDown
    | TagRead
    | TagUnreadable
    | DebitDone
    | DebitUnknown
    | DebitNotSent
    | DebitFound
    | PsamWanted
    | PsamDone
)
BarrierEvent = BarrierUp | BarrierDown | InputChanged | CloseRefused
DeviceEvent = ReaderEvent | PlateSeen | BarrierEvent
ReaderOrder = Debit | Release | AuthorisePsam
BarrierOrder = OpenBarrier | CloseBarrier
DeviceOrder = ReaderOrder | BarrierOrder | Show
