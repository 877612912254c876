"""A vehicle has come: who it is, by tag and plate, and whether it may enter or leave. Pure.

The tag names the vehicle and pays for it. The loop says that it stands here, the camera that the tag is its own;
a tag that either of them contradicts is not debited (domain 6.3). Without one that fits the plate alone counts.
"""

from dataclasses import replace

from drivers.ports import PlateSeen, Show, TagRead, TagUnreadable
from gateway.lane import checks, debit, sight
from gateway.lane.answers import (
    AGAIN_SOON,
    NO_TAG,
    Shown,
    abandon,
    ask,
    close_stay,
    closed,
    goodbye,
    nobody,
    open_for,
    owed,
    priced,
    recent,
    refuse,
    release,
    role,
    show,
    timed,
    to_ask,
)
from gateway.lane.checks import Refusal
from gateway.lane.state import (
    Action,
    Debiting,
    Doubting,
    Identifying,
    Idle,
    Lane,
    Record,
    Situation,
    Step,
    Waiting,
)
from gateway.ledger.entries import Alarm, Body, LetThroughAgain, Refused, StayClosed, StayOpened
from gateway.ledger.lists import UNKNOWN_CLASS, UNKNOWN_COLOR, Vehicle
from gateway.ledger.stays import Stay
from gateway.orders import LetThrough
from gateway.tariff.quote import Quote
from protocols.obu import values as obu
from protocols.obu.values import Card

UNKNOWN_AFTER = 10.0
"""Seconds after which somebody is called for a vehicle that neither tag nor plate identifies."""
FOLLOWER_AGAIN = 5.0
"""Seconds of quiet for a tag that is not of the vehicle before the arm: its own may be the next."""


def tag(s: Situation, read: TagRead) -> Step:
    """A tag was read whole, in a lane that deals with nothing else."""
    if s.rules.role == "both" and read.vehicle and _just_gone(s, read.vehicle.plate):
        return s.lane, release(s, read.tag.obu_id)  # it is on the loop of the other way
    if isinstance(s.lane.phase, Waiting):
        return _tag_while_waiting(s, s.lane.phase, read)
    if _identified(s, read) is None:
        return replace(s.lane, phase=Identifying(read, s.now.mono + s.rules.identify)), []
    return _decided(s, read)


def _tag_while_waiting(s: Situation, waiting: Waiting, read: TagRead) -> Step:
    """Its own tag may pay now. Another is the next vehicle's, unless no loop tells that the first still stands."""
    other = not (waiting.vehicle is None or read.vehicle is None or _same(waiting.vehicle, read.vehicle))
    if not _identified(s, read) or (other and s.rules.loops):
        return s.lane, release(s, read.tag.obu_id, FOLLOWER_AGAIN)
    if not other:
        return _decided(s, read)
    lane, ended = abandon(s, waiting, "another came")
    after, actions = _decided(replace(s, lane=replace(lane, sight=s.lane.sight)), read)
    return after, [*ended, *actions]


def _same(known: Vehicle, seen: obu.Vehicle) -> bool:
    """Whether this may be the same vehicle: a colour that nobody has read contradicts none."""
    return known[0] == seen.plate and known[1] in (UNKNOWN_COLOR, seen.color)


def _vehicle(read: TagRead) -> Vehicle | None:
    return (read.vehicle.plate, read.vehicle.color) if read.vehicle else None


def more_known(s: Situation, read: TagRead) -> Step:
    """A tag waits to be identified, and loop or camera has said something; or the time for it is over."""
    in_time = isinstance(s.lane.phase, Identifying) and s.now.mono < s.lane.phase.until
    if in_time and _identified(s, read) is None:
        return s.lane, []
    return _decided(nobody(s), read)


def _identified(s: Situation, read: TagRead) -> bool | None:
    """Whether the tag is that of the vehicle that stands here; None while that may still turn out."""
    if not s.lane.approached or role(s) is None:
        return None
    if not s.rules.camera or read.vehicle is None:
        return True
    agrees = sight.agrees(s.lane.sight, read.vehicle)
    if agrees is None and isinstance(s.lane.phase, Waiting):
        return s.lane.phase.why != checks.NOT_ITS_TAG.code or None  # the camera has had its time
    if agrees is False and sight.sure(s.lane.sight, s.rules.plate_reads):
        return False
    return agrees or None


def _decided(s: Situation, read: TagRead) -> Step:
    obu_id = read.tag.obu_id
    if not s.lane.approached or role(s) is None:
        return s.lane, release(s, obu_id, AGAIN_SOON)  # its vehicle stands in another lane, or is still to come
    if s.facts.ledger_fault:
        return s.lane, [show(s, checks.LEDGER), *release(s, obu_id)]
    if s.facts.busy:
        return s.lane, release(s, obu_id, AGAIN_SOON)
    if s.rules.camera and read.vehicle and sight.agrees(s.lane.sight, read.vehicle) is False:
        return _not_its_tag(s, read)
    vehicle, card = read.vehicle, read.card
    if s.lane.fires:
        return refuse(s, checks.FIRE_ALARM, _vehicle(read), Shown.of(read))
    today = s.now.wall.date() if s.now.trusted else None
    refusal = checks.unfit(read, today) or (checks.LISTED if s.facts.listed else None)
    if refusal or vehicle is None or card is None:
        return _no_good(s, read, refusal or checks.UNREADABLE)
    who = vehicle.plate, vehicle.color
    if role(s) == "entry":
        return enter(s, who, vehicle.vehicle_class, obu_id, card.number)
    return leave(s, who, read, card)


def _no_good(s: Situation, read: TagRead, refusal: Refusal) -> Step:
    """A tag that is not to be dealt with; it may still tell whose it is."""
    named = None if refusal in checks.NAMELESS else _vehicle(read)
    if named and role(s) == "exit" and (price := to_ask(s)) and not price.due:
        return leave(s, named, read)  # whatever is wrong with it, it need not pay
    seen = sight.sure(s.lane.sight, s.rules.plate_reads)
    if named and seen and seen[0] == named[0] and role(s) == "entry":
        return _let_in_by_plate(s, read, refusal, named)
    return refuse(s, refusal, named, Shown.of(read))


def _let_in_by_plate(s: Situation, read: TagRead, refusal: Refusal, vehicle: Vehicle) -> Step:
    """A tag that is no good keeps nobody out whose plate was read well: without any tag it would be let in."""
    tag = Shown.of(read)
    refused = Refused(refusal.code, vehicle[0], tag.obu_id, tag.card, "")
    lane, actions = enter(s, vehicle, read.vehicle.vehicle_class if read.vehicle else UNKNOWN_CLASS)
    return lane, [Record(refused), *release(s, read.tag.obu_id), *actions]


def _not_its_tag(s: Situation, read: TagRead) -> Step:
    """A tag of another vehicle than the one that the camera sees: it is told, and the plate decides."""
    plates = " ".join(dict.fromkeys(plate for plate, _, _ in s.lane.sight.reads))
    tag = Shown.of(read)
    refused = Refused(checks.NOT_ITS_TAG.code, tag.plate, tag.obu_id, tag.card, plates)
    told: list[Action] = [Record(refused), *release(s, read.tag.obu_id, FOLLOWER_AGAIN)]
    if sight.sure(s.lane.sight, s.rules.plate_reads):
        return s.lane, told
    waiting = Waiting(None, None, None, checks.NOT_ITS_TAG.code, s.now.mono + s.rules.wait)
    return replace(s.lane, phase=waiting), [*told, show(s, checks.NOT_ITS_TAG)]


def unreadable(s: Situation, event: TagUnreadable) -> Step:
    """A tag that cannot be read to the end; mostly it is read soon after."""
    if not isinstance(s.lane.phase, Idle) or s.facts.ledger_fault:
        return s.lane, []
    refused = Refused(checks.UNREADABLE.code, "", event.obu_id, "", f"{event.stage} {event.code:02X}")
    return s.lane, [Record(refused), show(s, checks.UNREADABLE), *release(s, event.obu_id, AGAIN_SOON)]


def plate_seen(s: Situation, event: PlateSeen) -> Step:
    """The camera has read a plate. It counts while a vehicle may stand before the arm."""
    if _just_gone(s, event.plate) or not s.lane.approached:
        return s.lane, []
    return replace(s.lane, sight=sight.seen(s.lane.sight, event, s.now.mono)), []


def _just_gone(s: Situation, plate: str) -> bool:
    """Whether this is the vehicle that was let through last, and is still to be seen."""
    gone, at = s.lane.gone
    return plate == gone and s.now.mono - at < s.rules.pass_within + sight.FADES


def by_plate(s: Situation) -> Step:
    """No tag has come for a plate that was read well."""
    found = sight.sure(s.lane.sight, s.rules.plate_reads)
    if s.facts.ledger_fault or s.facts.busy:
        soon = replace(s.lane.sight, alone_at=s.now.mono + FOLLOWER_AGAIN)
        return replace(s.lane, sight=soon), [show(s, checks.LEDGER if s.facts.ledger_fault else checks.BUSY)]
    if found is None:
        return replace(s.lane, sight=replace(s.lane.sight, alone_at=None)), []
    s = replace(s, lane=replace(s.lane, sight=replace(s.lane.sight, alone_at=None, dealt=True)))
    vehicle = _with_color(s, *found)
    if s.lane.fires:
        return refuse(s, checks.FIRE_ALARM, vehicle)
    return enter(s, vehicle, UNKNOWN_CLASS) if role(s) == "entry" else leave(s, vehicle)


def _with_color(s: Situation, plate: str, color: int | None) -> Vehicle:
    """The colour as read, or as the open stay has it."""
    known = s.facts.stay.color if s.facts.stay else UNKNOWN_COLOR
    return plate, known if color is None else color


def whom(s: Situation, event: LetThrough) -> Vehicle | None:
    """The vehicle at hand, with a colour."""
    found = at_hand(s.lane, event, s.rules.plate_reads)
    return _with_color(s, *found) if found else None


def at_hand(lane: Lane, event: object, plate_reads: int) -> tuple[str, int | None] | None:
    """The vehicle that a decision upon this event is about: plate, and colour where that is known."""
    match event, lane.phase:
        case TagRead(tag=tag), Doubting(debit=Debiting(stay=stay, obu_id=obu_id)) if tag.obu_id == obu_id:
            return stay.plate, stay.color
        case (TagRead(vehicle=vehicle), _) | (_, Identifying(read=TagRead(vehicle=vehicle))):
            return (vehicle.plate, vehicle.color) if vehicle else None
        case LetThrough(plate=plate, color=color), _ if plate:
            return plate, color
        case _, Waiting(vehicle=named) if named:
            return named
        case _, Debiting(stay=stay) | Doubting(debit=Debiting(stay=stay)):
            return stay.plate, stay.color
        case _:
            return sight.sure(lane.sight, plate_reads)


def nobody_knows(s: Situation) -> Step:
    """A vehicle stands on the loop, and neither tag nor plate has told whose it is."""
    if s.facts.ledger_fault:
        return replace(s.lane, unknown_at=s.now.mono + UNKNOWN_AFTER), [show(s, checks.LEDGER)]
    calling = Alarm("a vehicle waits that nothing identifies", s.rules.name)
    lane, actions = refuse(s, checks.UNIDENTIFIED, None)
    return replace(lane, unknown_at=None, called=True), [*actions, Record(calling)]


def enter(s: Situation, vehicle: Vehicle, vehicle_class: int, obu_id: str = "", card: str = "") -> Step:
    """Let in, and begin the stay; once more for a vehicle that did not get through."""
    stay, plate = s.facts.stay, vehicle[0]
    welcome = Show(s.rules.name, f"欢迎光临 {plate}", f"Welcome {plate}")
    if stay and stay.lane == s.rules.name and not stay.passed and recent(s, stay.entered):
        return open_for(s, obu_id, stay.id, plate, [LetThroughAgain(stay.id)], words=welcome)
    opened = StayOpened(s.facts.fresh, plate, vehicle[1], vehicle_class, obu_id, card)
    return open_for(s, obu_id, opened.stay, plate, [*superseded(s), opened], words=welcome)


def superseded(s: Situation) -> list[Body]:
    """Its last exit was never seen: that stay ends unbilled and in the open, lest this visit pays for it."""
    if not (stay := s.facts.stay):
        return []
    due = max(stay.paid, s.facts.doubt.total if s.facts.doubt else 0)
    return [StayClosed(stay.id, "superseded", due, stay.paid, None)]


def leave(s: Situation, vehicle: Vehicle, read: TagRead | None = None, card: Card | None = None) -> Step:
    """Let out if nothing is due, by the tag if it can pay, and else ask for the money."""
    obu_id = read.tag.obu_id if read else ""
    stay, quote, left = s.facts.stay, s.facts.quote, s.facts.left
    tag = Shown.of(read) if read else NO_TAG
    if stay is None or quote is None:
        here = left and left.left_by == s.rules.name and not left.passed and left.closed and recent(s, left.closed)
        if left and here:
            return open_for(s, obu_id, left.id, left.plate, [LetThroughAgain(left.id)], words=goodbye(s, 0))
        return refuse(s, checks.NO_STAY, vehicle, tag)
    if not priced(s):
        price = to_ask(s)
        if price and not price.due:
            return close_stay(s, obu_id, stay, closed(stay, price, stay.paid))
        return refuse(s, checks.STALE if timed(s) else checks.CLOCK, vehicle, tag)
    if not quote.due:
        return close_stay(s, obu_id, stay, closed(stay, quote, stay.paid))
    if s.facts.doubt:
        return in_doubt(s, obu_id, s.facts.doubt.id, quote)
    if read is None or card is None:
        return _ask_by_plate(s, vehicle, stay, quote)
    if refusal := _why_no_debit(s, card, quote.due):
        return refuse(s, replace(refusal, detail=f"{quote.due} fen"), vehicle, tag)
    return debit.begin(s, read, card, stay, quote)


def _why_no_debit(s: Situation, card: Card, fen: int) -> Refusal | None:
    return checks.PAUSED if s.lane.paused else checks.undebitable(card, fen, s.rules.ceiling)


def _ask_by_plate(s: Situation, vehicle: Vehicle, stay: Stay, quote: Quote) -> Step:
    if not s.rules.barrier:
        return close_stay(s, "", stay, owed(stay, quote))
    waiting = Waiting(vehicle, stay, quote, "", s.now.mono + s.rules.wait)
    return replace(s.lane, phase=waiting), ask(s, stay, quote)


def in_doubt(s: Situation, obu_id: str, intent: str, quote: Quote) -> Step:
    """A debit of this stay has no known outcome: let go and owe, or hold for a person (law 2)."""
    stay = s.facts.stay
    if stay and s.rules.unresolved == "owe":
        return close_stay(s, obu_id, stay, owed(stay, quote))
    known = (stay.plate, stay.color) if stay else None
    at_its_price = replace(s, facts=replace(s.facts, asked=quote))
    return refuse(at_its_price, replace(checks.IN_DOUBT, detail=intent), known, Shown(obu_id))
