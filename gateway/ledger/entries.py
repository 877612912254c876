"""What the ledger can say: one frozen body per kind of entry, and the form in which it is chained and sent.

Amounts are integer fen. `Moment` says when, and how far that can be believed (law 10).
"""

import hashlib
import json
import re
from dataclasses import fields
from datetime import datetime
from typing import Any, ClassVar

from protocols.china import civil
from protocols.immutable import dataclass

GENESIS = "0" * 64
"""The hash before the first entry."""

_JSON = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_NO_TEXT = re.compile("[\ud800-\udfff]")

Json = object
"""Plain JSON types; `canonical` refuses any other with a TypeError."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When: wall time (aware), monotonic seconds of this boot, the boot, and whether the wall clock is trusted."""

    wall: datetime
    mono: float
    boot: str
    trusted: bool


@dataclass(frozen=True, slots=True)
class Body:
    """What happened; subclasses are the kinds."""

    KIND: ClassVar[str]


@dataclass(frozen=True, slots=True)
class Booted(Body):
    """The daemon began, with this program, configuration and tariff."""

    KIND: ClassVar[str] = "booted"
    version: str
    config: str
    tariff: str


@dataclass(frozen=True, slots=True)
class ClockStepped(Body):
    """The wall clock moved by `seconds` against the monotonic one."""

    KIND: ClassVar[str] = "clock.stepped"
    seconds: float


@dataclass(frozen=True, slots=True)
class DeviceChanged(Body):
    """A device came or went; `detail` in the device's own words."""

    KIND: ClassVar[str] = "device.changed"
    device: str
    up: bool
    detail: str


@dataclass(frozen=True, slots=True)
class StayOpened(Body):
    """A vehicle is let in; by its plate alone where `obu_id` and `card` are empty.

    Colour 255 and class 0 were read by nobody.
    """

    KIND: ClassVar[str] = "stay.opened"
    stay: str
    plate: str
    color: int
    vehicle_class: int
    obu_id: str
    card: str


@dataclass(frozen=True, slots=True)
class StayImported(Body):
    """A vehicle was inside before this ledger began; `entered` as ISO 8601."""

    KIND: ClassVar[str] = "stay.imported"
    stay: str
    plate: str
    color: int
    vehicle_class: int
    entered: str


@dataclass(frozen=True, slots=True)
class StayClosed(Body):
    """A stay ends: `paid`, `free`, `owed` (by policy), `let go` (by a person), `superseded` (it came in again).

    `due` is what it cost, `paid` what had been paid by then.
    """

    KIND: ClassVar[str] = "stay.closed"
    stay: str
    reason: str
    due: int
    paid: int
    quote: Json


@dataclass(frozen=True, slots=True)
class LetThroughAgain(Body):
    """The barrier is opened once more for a passage already recorded and not yet made."""

    KIND: ClassVar[str] = "passage.again"
    stay: str


@dataclass(frozen=True, slots=True)
class PassageEnded(Body):
    """What became of an opening: `passed`, `nobody came`, `backed out`, `still under the arm`.

    `not seen` where no loop lies under the arm, `the gateway stopped` where that came between.
    """

    KIND: ClassVar[str] = "passage.ended"
    stay: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ArmDown(Body):
    """The arm that was raised is down again, or, where nothing tells, has had the time for it."""

    KIND: ClassVar[str] = "arm.down"


@dataclass(frozen=True, slots=True)
class Refused(Body):
    """A vehicle was not let through by its tag; `why` is a code of `gateway.lane.checks`."""

    KIND: ClassVar[str] = "passage.refused"
    why: str
    plate: str
    obu_id: str
    card: str
    detail: str


@dataclass(frozen=True, slots=True)
class PassageTried(Body):
    """What a lane in commissioning would have recorded: nobody was let through, nothing was taken (law 11).

    `would` lists those entries, each with `kind` and `body`; what they say has not happened.
    """

    KIND: ClassVar[str] = "passage.tried"
    plate: str
    obu_id: str
    card: str
    would: Json


@dataclass(frozen=True, slots=True)
class EtcSwitched(Body):
    """This lane debits no tags from now on, or does again, by order of `actor` (law 11)."""

    KIND: ClassVar[str] = "etc.switched"
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaneHeld(Body):
    """This lane's arm stays up from now on, or comes down again, by order of `actor`."""

    KIND: ClassVar[str] = "lane.held"
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class LaneOpened(Body):
    """`actor` had the barrier opened; `stay` and `plate` of the vehicle, empty where they are not known."""

    KIND: ClassVar[str] = "lane.opened"
    actor: str
    reason: str
    stay: str
    plate: str


@dataclass(frozen=True, slots=True)
class LaneClosed(Body):
    """`actor` had the arm lowered before its time."""

    KIND: ClassVar[str] = "lane.closed"
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class OpenedByHand(Body):
    """Somebody opened the barrier with its handset or button, past us, for the `today`-th time this day."""

    KIND: ClassVar[str] = "arm.by_hand"
    today: int


@dataclass(frozen=True, slots=True)
class FireAlarm(Body):
    """The fire alarm began, which opens and holds every barrier, or ended."""

    KIND: ClassVar[str] = "fire"
    on: bool
    device: str


@dataclass(frozen=True, slots=True)
class PassageAbandoned(Body):
    """A vehicle that waited is no longer waited for: `why`.

    `backed out`, `nobody decided`, `another came`, `opened by hand`, or `left elsewhere`, through another lane.
    """

    KIND: ClassVar[str] = "passage.abandoned"
    why: str
    stay: str
    plate: str


@dataclass(frozen=True, slots=True)
class PaymentAsked(Body):
    """The driver is asked for `fen` otherwise than by tag; whoever takes them says so with an order."""

    KIND: ClassVar[str] = "payment.asked"
    stay: str
    plate: str
    fen: int
    quote: Json


@dataclass(frozen=True, slots=True)
class PaymentMade(Body):
    """Money was taken elsewhere, for `stay`."""

    KIND: ClassVar[str] = "payment.made"
    payment: str
    stay: str
    fen: int
    channel: str


@dataclass(frozen=True, slots=True)
class RefundDue(Body):
    """More was paid for `stay` than was due: `fen` are to be paid back (law 5)."""

    KIND: ClassVar[str] = "refund.due"
    refund: str
    stay: str
    fen: int
    why: str


@dataclass(frozen=True, slots=True)
class RefundMade(Body):
    """A refund that was due has been paid out."""

    KIND: ClassVar[str] = "refund.made"
    refund: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class CardListed(Body):
    """This card must not be debited, or may be again."""

    KIND: ClassVar[str] = "card.listed"
    card: str
    on: bool
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class PermitGranted(Body):
    """A vehicle holds a permit from the first to the last day, ISO 8601, both included; "" for no end."""

    KIND: ClassVar[str] = "permit.granted"
    permit: str
    plate: str
    color: int
    kind: str
    first: str
    last: str
    actor: str


@dataclass(frozen=True, slots=True)
class PermitWithdrawn(Body):
    """A permit has ended before its last day."""

    KIND: ClassVar[str] = "permit.withdrawn"
    permit: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class DebitIntended(Body):
    """Money is about to be taken (law 1): what the card held before, for how much, and why."""

    KIND: ClassVar[str] = "debit.intended"
    intent: str
    stay: str
    obu_id: str
    card: str
    fen: int
    balance_before: int
    at: str
    quote: Json


@dataclass(frozen=True, slots=True)
class DebitSettled(Body):
    """The money was taken. `evidence`: `result` (the antenna's own), `balance` (same presence), or `person`.

    Only a result has its proof. `balance_after` None: the antenna told the proof later, and not the balance.
    """

    KIND: ClassVar[str] = "debit.settled"
    intent: str
    evidence: str
    proof: Json
    balance_after: int | None


@dataclass(frozen=True, slots=True)
class NotDebited(Body):
    """No money was taken, for certain."""

    KIND: ClassVar[str] = "debit.not_made"
    intent: str
    reason: str


@dataclass(frozen=True, slots=True)
class DebitCorrected(Body):
    """A debit that was recorded as not made was made after all, as this proof shows; it counts as paid (law 2)."""

    KIND: ClassVar[str] = "debit.corrected"
    intent: str
    proof: Json
    balance_after: int | None


@dataclass(frozen=True, slots=True)
class DebitUnresolved(Body):
    """Whether money was taken is not known (law 2); ended by one settled or not made."""

    KIND: ClassVar[str] = "debit.unresolved"
    intent: str
    reason: str


@dataclass(frozen=True, slots=True)
class Alarm(Body):
    """Something a person should look at."""

    KIND: ClassVar[str] = "alarm"
    what: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuthorisationWanted(Body):
    """A PSAM wants a MAC before it can trade: all that a platform needs; `random` names the request.

    Who answers sends the order `authorise_psam` (`gateway.uplink.formats.cloudevents`).
    """

    KIND: ClassVar[str] = "authorisation.wanted"
    device: str
    terminal: str
    number: str
    version: int
    key_type: int | None
    area: str
    random: str


@dataclass(frozen=True, slots=True)
class AuthorisationEnded(Body):
    """What became of an authorisation; `detail` is what the PSAM said, or why it never heard of it."""

    KIND: ClassVar[str] = "authorisation.ended"
    device: str
    good: bool
    detail: str


@dataclass(frozen=True, slots=True)
class BoxDebitIntended(Body):
    """A box is about to get MAC1 for a purchase (law 1); `card` is the card number without its net."""

    KIND: ClassVar[str] = "box.debit.intended"
    device: str
    intent: str
    obu_id: str
    card: str
    card_serial: int
    fen: int
    at: str
    terminal: str


@dataclass(frozen=True, slots=True)
class BoxDebitEnded(Body):
    """The purchase of this intent was `not made`, for certain, or is `unresolved`, until its trade record comes."""

    KIND: ClassVar[str] = "box.debit.ended"
    device: str
    intent: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class BoxTraded(Body):
    """A box's own record of a trade: the outcome of `intent`, "" for a trade whose MAC1 was not ours.

    `result` is the box's: 0 good, the others are not stated. `proof` is what clearing asks for, as in a settled
    debit, with the card's random and the PSAM's number.
    """

    KIND: ClassVar[str] = "box.traded"
    device: str
    intent: str
    result: int
    obu_id: str
    card: str
    plate: str
    color: int
    vehicle_class: int
    fen: int
    balance_before: int
    balance_after: int
    entered: str
    proof: Json


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has a number. `lane` is empty for what concerns the site."""

    at: Moment
    lane: str
    body: Body


@dataclass(frozen=True, slots=True)
class Entry:
    """A numbered, chained entry. `text` is its canonical JSON, `hash` the SHA-256 of it in hex."""

    chain: str
    number: int
    kind: str
    text: str
    hash: str

    @property
    def fields(self) -> dict[str, Json]:
        """What the text says."""
        return dict(json.loads(self.text))


def canonical(value: Json) -> str:
    """One text per value: sorted keys, no spaces, Chinese as it is, lone surrogates escaped."""
    text = _JSON.encode(value)
    try:
        text.encode()
    except UnicodeEncodeError:  # so seldom that no other text is searched for it
        return _NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text


def chained(draft: Draft, chain: str, number: int, previous: str) -> Entry:
    """The entry that a draft becomes behind the entry whose hash is `previous`."""
    text = canonical(
        {
            "chain": chain,
            "number": number,
            "previous": previous,
            "kind": draft.body.KIND,
            "lane": draft.lane,
            "wall": draft.at.wall.isoformat(),
            "mono": round(draft.at.mono, 6),
            "boot": draft.at.boot,
            "trusted": draft.at.trusted,
            # Not `asdict`, which copies all of a quote first: a purchase waits for this.
            "body": {name: getattr(draft.body, name) for name in _FIELDS[type(draft.body)]},
        }
    )
    return Entry(chain, number, draft.body.KIND, text, digest(text))


def draft_of(entry: Entry) -> Draft:
    """The draft that this entry was. Raises KeyError for a kind of a newer program."""
    fields: dict[str, Any] = json.loads(entry.text)
    at = Moment(civil(fields["wall"]), fields["mono"], fields["boot"], fields["trusted"])
    return Draft(at, fields["lane"], _KINDS[entry.kind](**fields["body"]))


_KINDS: dict[str, type[Body]] = {cls.KIND: cls for cls in Body.__subclasses__()}
_FIELDS = {cls: [field.name for field in fields(cls)] for cls in _KINDS.values()}


def digest(text: str) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
