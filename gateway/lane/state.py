"""What a lane is, knows and may do: rules, state, facts, actions. Durations in seconds, money in fen."""

from datetime import datetime
from typing import Literal

from drivers.ports import DeviceOrder, Show, TagRead
from gateway.lane.sight import NOTHING_SEEN, Sight
from gateway.ledger.entries import Body, Moment
from gateway.ledger.lists import Vehicle
from gateway.ledger.stays import Intent, Stay
from gateway.tariff.quote import Quote
from protocols.immutable import dataclass

PRESENCE = 10.0
"""Seconds for which a tag may be out of sight and still be the same presence, where it is read again soon."""


@dataclass(frozen=True, slots=True)
class LaneRules:
    """One lane as configured.

    A lane without `barrier` is free flow: nobody can be held there. `camera` reads plates for it. `inputs` are
    wired to its board: `approach` lies before the arm, `presence` under it, `beyond` past it, `outside` and
    `inside` on the two sides of a lane for both directions. `interlock` names the lane whose arm must be down
    before this one is raised.

    `ceiling` is the largest single debit (law 11). `unresolved` is what becomes of a car whose debit has no known
    outcome: `hold` for the operator, or `owe` and let go. `presence` is how long a tag may be out of sight and
    still be the same presence, within which a balance is evidence. `again` is how long after a stay was opened or
    closed here the barrier opens once more for a car that did not get through. `lowers` is False where the
    barrier closes by itself and takes no order to. With `commissioning` it reads and shows all, debits and
    opens nothing.

    `identify` is how long a tag that was read waits for loop and camera, inside the antenna's trade window;
    `tag_late` how long a plate that was read `plate_reads` times waits for a tag; `wait` how long a vehicle may
    stand until it pays or a person decides. A stay older than `stale` is not billed without a person, nor one whose
    times are not trusted (law 10), unless `untrusted` is the price in fen for these; by tag it is paid in no case.
    """

    name: str
    role: Literal["entry", "exit", "both"]
    reader: str
    barrier: str
    camera: str = ""
    inputs: frozenset[str] = frozenset({"presence"})
    interlock: str = ""
    ceiling: int = 50_000
    unresolved: Literal["hold", "owe"] = "hold"
    quiet: float = 20.0
    presence: float = PRESENCE
    outcome_within: float = 20.0
    pass_within: float = 60.0
    clear_after: float = 0.5
    arm_within: float = 15.0
    again: float = 600.0
    identify: float = 0.5
    plate_reads: int = 2
    tag_late: float = 3.0
    wait: float = 300.0
    stale: float = 30 * 86400.0
    untrusted: int | None = None
    lowers: bool = True
    commissioning: bool = False

    @property
    def devices(self) -> tuple[str, ...]:
        """What stands in it, by name."""
        return tuple(device for device in (self.reader, self.barrier, self.camera) if device)

    @property
    def loops(self) -> frozenset[str]:
        """The inputs that tell of a vehicle before the arm."""
        return self.inputs & ({"outside", "inside"} if self.role == "both" else {"approach"})


# --- phases ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing under way."""


@dataclass(frozen=True, slots=True)
class Identifying:
    """A tag was read, and the loop or the camera has still to say that it is the vehicle's that stands here."""

    read: TagRead
    until: float


@dataclass(frozen=True, slots=True)
class Debiting:
    """An intent was recorded at `begun`, monotonic, or is about to be; its outcome is awaited until `until`."""

    intent: str
    stay: Stay
    quote: Quote
    obu_id: str
    card: str
    fen: int
    balance_before: int
    begun: float
    until: float


@dataclass(frozen=True, slots=True)
class Doubting:
    """The outcome of a debit is not known; the same tag in the same presence decides, or policy at `until`."""

    debit: Debiting
    until: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """A vehicle was not let through by its tag: a payment, a person or another tag decides, or it backs out.

    `quote` is what it was asked for, None where no price can be named; `vehicle` None where nothing names it; `why`
    is the code of the refusal, empty where it was only asked for money. At `left_at` it has backed out.
    `raised`: the arm was, past us, and is left alone; until `lowered_until` one that was up comes down.
    """

    vehicle: Vehicle | None
    stay: Stay | None
    quote: Quote | None
    why: str
    until: float
    left_at: float | None = None
    raised: bool = False
    lowered_until: float | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """The barrier was told to open. `clear_at`: the car is off the loop since then less `clear_after`.

    `beyond`: it was seen past the arm. At `rising_until` the arm must have left its closed position. `up`: the
    order has left; until then its reason is not durable.
    """

    stay: str
    until: float
    seen: bool = False
    clear_at: float | None = None
    beyond: bool = False
    rising_until: float | None = None
    up: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """The barrier was told to close; `until` is when the arm must be down. `up`: it was; `again`: told twice."""

    until: float
    up: bool = True
    again: bool = False


Phase = Idle | Identifying | Debiting | Doubting | Waiting | Passing | Closing


@dataclass(frozen=True, slots=True)
class Lane:
    """The state of one lane. Inputs are None while unknown, and unknown counts as occupied (law 6).

    `arm_left_up`: the arm stayed up after its passage, because the loop under it did not clear, or it was
    `arm_stuck` when told to come down. `fires` are the boards that tell of one, `kept_open`: a person wants the
    arm up. `debited_at` is the time that entered the newest debit's TAC. `paused`: no debit is begun (law 11).
    `sight` is what the camera has read of the vehicle at hand, `unknown_at` when somebody is to be called for a
    vehicle that nothing identifies, `called` that this was done. `direction` is which way a vehicle has come, in a
    lane for both. `gone` is the plate that was let through last, and when: the camera may go on reading it.
    """

    phase: Phase = Idle()
    occupied: bool | None = None
    loops: tuple[tuple[str, bool | None], ...] = ()
    beyond: bool | None = None
    arm_closed: bool | None = None
    arm_left_up: bool = False
    arm_stuck: bool = False
    fires: frozenset[str] = frozenset()
    kept_open: bool = False
    debited_at: datetime | None = None
    paused: bool = False
    sight: Sight = NOTHING_SEEN
    unknown_at: float | None = None
    called: bool = False
    direction: Literal["entry", "exit"] | None = None
    gone: tuple[str, float] = ("", 0.0)

    @property
    def stay(self) -> str | None:
        """The stay that a debit is under way for."""
        match self.phase:
            case Debiting(stay=stay) | Doubting(debit=Debiting(stay=stay)):
                return stay.id
            case _:
                return None

    @property
    def approached(self) -> bool:
        """Whether a vehicle may stand before the arm: true where no loop tells, or one does not answer."""
        return not self.loops or any(on is not False for _, on in self.loops)

    @property
    def engaged(self) -> bool:
        """Whether its arm is up or about to be: the other arm of an interlock must stay down."""
        busy = isinstance(self.phase, Debiting | Doubting | Passing | Closing)
        return busy or self.arm_left_up or self.held or self.arm_closed is False

    @property
    def held(self) -> bool:
        """Whether the arm is to stay up."""
        return self.kept_open or bool(self.fires)


# --- facts and actions -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What goes with an event, gathered for the lane.

    `fresh` is an id that nobody has used. `stay` is the open stay of the vehicle at hand, `left` the one it closed
    last; `quote` prices the open stay now, as paid by tag where there is one, `asked` as paid otherwise. `doubt` is
    an intent of this stay without an outcome; `intent` the one that a reader's event names. `listed`: its card is
    on the status list. `ledger_fault` says why nothing can be made durable, `busy` that another lane is debiting
    this very stay, or that an interlocked arm is up. `by_hand` is how often the arm was opened by hand today.
    """

    fresh: str
    stay: Stay | None = None
    left: Stay | None = None
    quote: Quote | None = None
    asked: Quote | None = None
    doubt: Intent | None = None
    intent: Intent | None = None
    listed: bool = False
    ledger_fault: str | None = None
    busy: bool = False
    by_hand: int = 0


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may look at besides its event."""

    rules: LaneRules
    lane: Lane
    facts: Facts
    now: Moment


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
Step = tuple[Lane, list[Action]]
