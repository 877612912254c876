"""What a lane is, knows and may do: rules, state, facts, actions. Durations in seconds, money in fen."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from drivers.ports import DeviceOrder, Show
from gateway.ledger.entries import Body
from gateway.ledger.stays import Intent, Stay
from gateway.tariff.quote import Quote

PRESENCE = 10.0
"""Seconds for which a tag may be out of sight and still be the same presence, where it is read again soon."""


@dataclass(frozen=True, slots=True)
class LaneRules:
    """One lane as configured.

    `ceiling` is the largest single debit (law 11). `unresolved` is what becomes of a car whose debit has no known
    outcome: `hold` for the operator, or `owe` and let go. `presence` is how long a tag may be out of sight and
    still be the same presence, within which a balance is evidence. `again` is how long after a stay was opened or
    closed here the barrier opens once more for a car that did not get through. `lowers` is False where the
    barrier closes by itself and takes no order to. With `commissioning` it reads and shows all, debits and
    opens nothing.
    """

    name: str
    role: Literal["entry", "exit"]
    reader: str
    barrier: str
    ceiling: int = 50_000
    unresolved: Literal["hold", "owe"] = "hold"
    quiet: float = 20.0
    presence: float = PRESENCE
    outcome_within: float = 20.0
    pass_within: float = 60.0
    clear_after: float = 0.5
    arm_within: float = 15.0
    again: float = 600.0
    lowers: bool = True
    commissioning: bool = False


# --- phases ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing under way."""


@dataclass(frozen=True, slots=True)
class Debiting:
    """An intent is recorded or about to be; its outcome is awaited until `until`."""

    intent: str
    stay: Stay
    quote: Quote
    obu_id: str
    card: str
    fen: int
    balance_before: int
    until: float


@dataclass(frozen=True, slots=True)
class Doubting:
    """The outcome of a debit is not known; the same tag in the same presence decides, or policy at `until`."""

    debit: Debiting
    until: float


@dataclass(frozen=True, slots=True)
class Passing:
    """The barrier was told to open. `clear_at`: the car is off the loop since then less `clear_after`."""

    stay: str
    until: float
    seen: bool = False
    clear_at: float | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """The barrier was told to close; the arm is awaited until `until`."""

    stay: str
    until: float


Phase = Idle | Debiting | Doubting | Passing | Closing


@dataclass(frozen=True, slots=True)
class Lane:
    """The state of one lane. Inputs are None while unknown, and unknown counts as occupied (law 6).

    `arm_left_up`: the arm stayed up after its passage, because the loop under it did not clear. `debited_at` is the
    time that entered the newest debit's TAC. `paused`: no debit is begun (law 11).
    """

    phase: Phase = Idle()
    occupied: bool | None = None
    arm_closed: bool | None = None
    arm_left_up: bool = False
    debited_at: datetime | None = None
    paused: bool = False

    @property
    def stay(self) -> str | None:
        """The stay that a debit is under way for."""
        match self.phase:
            case Debiting(stay=stay) | Doubting(debit=Debiting(stay=stay)):
                return stay.id
            case _:
                return None


# --- facts and actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What goes with an event, gathered for the lane.

    `fresh` is an id that nobody has used. `quote` prices the open stay now. `doubt` is an intent of this stay
    without an outcome; `intent` the one that a reader's event names. `ledger_fault` says why nothing can be made
    durable, `stay_busy` that another lane is debiting this very stay.
    """

    fresh: str
    stay: Stay | None = None
    left: Stay | None = None
    quote: Quote | None = None
    doubt: Intent | None = None
    intent: Intent | None = None
    ledger_fault: str | None = None
    stay_busy: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """Write this to the ledger."""

    body: Body


@dataclass(frozen=True, slots=True)
class Do:
    """Order this; `after` is the body whose entry must be durable first, None for at once."""

    order: DeviceOrder | Show
    after: Body | None = None


Action = Record | Do
