"""What may be ordered of this gateway from outside: by a platform, and whoever else comes later.

`actor` is who orders, `reason` is why; both stand in the ledger.
"""

from datetime import date, datetime

from drivers.ports import AuthorisePsam
from protocols.immutable import dataclass


@dataclass(frozen=True, slots=True)
class SwitchEtc:
    """Take no money by tag in this lane until it is switched on again (law 11)."""

    lane: str
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Raise this lane's arm and leave it up until `on` is False."""

    lane: str
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseArm:
    """Lower this lane's arm now, if the loop under it is known to be free; a hold ends."""

    lane: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class LetThrough:
    """Open for the vehicle that stands in this lane; `plate` if the actor read it, and its colour.

    After `until` another one may stand there: a broker keeps an order for as long as the gateway is away.
    """

    lane: str
    actor: str
    reason: str
    plate: str = ""
    color: int | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pay:
    """Money was taken for this stay elsewhere: `channel` says how. The same `payment` told twice counts once."""

    payment: str
    stay: str
    fen: int
    channel: str


@dataclass(frozen=True, slots=True)
class Resolve:
    """A person has found out what became of a debit without outcome: whether it was made."""

    intent: str
    made: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refunded:
    """A refund that was due has been paid out."""

    refund: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class ListCard:
    """This card must not be debited (the issuers' status list), or may be again."""

    card: str
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """This vehicle holds a permit from the first to the last day, both included; None: no end."""

    permit: str
    plate: str
    color: int
    kind: str
    first: date | None
    last: date | None
    actor: str


@dataclass(frozen=True, slots=True)
class WithdrawPermit:
    """This permit ends now."""

    permit: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Somebody ordered something, and what is not to be made out; `why` in our words."""

    why: str


LaneOrder = SwitchEtc | HoldOpen | CloseArm | LetThrough
Order = (
    AuthorisePsam | LaneOrder | Pay | Resolve | Refunded | ListCard | GrantPermit | WithdrawPermit | NotUnderstood
)
