"""What a lane says and does at the end of a decision: opens, refuses, asks for money. Pure."""

from dataclasses import replace
from datetime import datetime

from drivers.ports import Release, Show, TagRead
from gateway.lane import passage
from gateway.lane.checks import CLOCK, IN_DOUBT, Refusal
from gateway.lane.sight import NOTHING_SEEN
from gateway.lane.state import Action, Do, Idle, Record, Situation, Step, Waiting
from gateway.ledger.entries import Body, PassageAbandoned, PassageEnded, PaymentAsked, Refused, StayClosed
from gateway.ledger.lists import Vehicle
from gateway.ledger.stays import Stay
from gateway.tariff.quote import Line, Quote, yuan
from protocols.immutable import dataclass

AGAIN_SOON = 1.0
"""Seconds of quiet for a tag that has come too early: a follower, or one that another lane is dealing with."""


def show(s: Situation, refusal: Refusal) -> Do:
    """The words of a refusal, on the lane's display."""
    return Do(Show(s.rules.name, f"{refusal.zh}，{refusal.do_zh}", f"{refusal.en}: {refusal.do_en}"))


def goodbye(s: Situation, fen: int) -> Show:
    """What a driver reads on leaving."""
    return Show(s.rules.name, f"一路平安 ¥{yuan(fen)}", f"Goodbye, {yuan(fen)} yuan")


def release(s: Situation, obu_id: str, quiet: float | None = None) -> list[Action]:
    """Let go of the tag, where there is one."""
    return [Do(Release(s.rules.reader, obu_id, s.rules.quiet if quiet is None else quiet))] if obu_id else []


def open_for(s: Situation, obu_id: str, stay: str, plate: str, reasons: list[Body], *, words: Show) -> Step:
    """Record the reasons, let go of the tag, and open when the last is durable (law 3)."""
    records: list[Action] = [Record(body) for body in reasons]
    seen_off = replace(s.lane, sight=NOTHING_SEEN, gone=(plate, s.now.mono))
    said = [*records, *release(s, obu_id)]
    if not s.rules.barrier:
        gone: list[Action] = [Record(PassageEnded(stay, passage.PASSED))] if stay else []
        return replace(seen_off, phase=Idle()), [*said, *gone, Do(words, after=reasons[-1])]
    lane, opening = passage.begin(s.rules, seen_off, stay, reasons[-1], s.now.mono)
    return lane, [*said, *opening, Do(words, after=reasons[-1])]


def close_stay(s: Situation, obu_id: str, stay: Stay, closed: StayClosed) -> Step:
    """The stay ends, and the vehicle may leave."""
    return open_for(s, obu_id, stay.id, stay.plate, [closed], words=goodbye(s, closed.paid))


def closed(stay: Stay, quote: Quote, paid: int) -> StayClosed:
    """How a stay ends for which this has been paid, of what it cost."""
    return StayClosed(stay.id, "paid" if paid else "free", quote.total, paid, quote.to_json())


def owed(stay: Stay, quote: Quote) -> StayClosed:
    """How a stay ends whose vehicle was let go unpaid."""
    return StayClosed(stay.id, "owed", quote.total, stay.paid, quote.to_json())


@dataclass(frozen=True, slots=True)
class Shown:
    """What a tag says of itself, for the record; all empty where there is no tag."""

    obu_id: str = ""
    card: str = ""
    plate: str = ""

    @classmethod
    def of(cls, read: TagRead) -> "Shown":
        """Of this reading, as far as it could be read."""
        card, vehicle = read.card, read.vehicle
        return cls(read.tag.obu_id, card.number if card else "", vehicle.plate if vehicle else "")


NO_TAG = Shown()


def refuse(s: Situation, refusal: Refusal, vehicle: Vehicle | None, tag: Shown = NO_TAG) -> Step:
    """Record and show why not. At an exit the vehicle then waits, and is asked for money if a price is known."""
    letting_go = release(s, tag.obu_id)
    match s.lane.phase:
        case Waiting(vehicle=known, why=refusal.code) if known == vehicle:
            return s.lane, [show(s, refusal), *letting_go]  # said once, and its time runs on
    plate = vehicle[0] if vehicle else tag.plate
    refused = Refused(refusal.code, plate, tag.obu_id, tag.card, refusal.detail)
    leaving = role(s) == "exit" and vehicle is not None
    stay = s.facts.stay if leaving else None
    quote = to_ask(s) if leaving else None
    if s.lane.fires:
        return s.lane, [Record(refused), show(s, refusal), *letting_go]
    if not s.rules.barrier:
        bodies: list[Body] = [refused, owed(stay, quote)] if stay and quote else [refused]
        words = Show(s.rules.name, refusal.zh, refusal.en)
        return open_for(s, tag.obu_id, stay.id if stay and quote else "", plate, bodies, words=words)
    lane = replace(s.lane, phase=Waiting(vehicle, stay, quote, refusal.code, s.now.mono + s.rules.wait))
    # Who may have paid already is not asked again by us: a person looks at it first.
    if stay is None or quote is None or not quote.due or refusal.code == IN_DOUBT.code:
        return lane, [Record(refused), show(s, refusal), *letting_go]
    return lane, [Record(refused), *letting_go, *ask(s, stay, quote, instead=refusal)]


def ask(s: Situation, stay: Stay, quote: Quote, instead: Refusal | None = None) -> list[Action]:
    """Say what is to be paid otherwise than by tag, and why if it was refused; the record tells who takes money."""
    fen = max(0, quote.total - stay.paid)
    price, asked = yuan(fen), PaymentAsked(stay.id, stay.plate, fen, quote.to_json())
    zh, en = (instead.zh, instead.en) if instead else (stay.plate, stay.plate)
    words = Show(s.rules.name, f"{zh}，请缴费 ¥{price}", f"{en}: please pay {price} yuan")
    return [Record(asked), Do(words, after=asked)]


def timed(s: Situation) -> bool:
    """Whether the length of the stay is known: both its times are trusted (law 10)."""
    return bool(s.facts.stay and s.facts.stay.trusted and s.now.trusted)


def priced(s: Situation) -> bool:
    """Whether a price means anything: known times, and a stay that is not too old to be believed."""
    return bool(s.facts.stay and timed(s) and not stale(s, s.facts.stay))


def to_ask(s: Situation) -> Quote | None:
    """What is asked otherwise than by tag; where a time is not trusted, the lane's fixed price, if it has one."""
    quote, fen = s.facts.asked, s.rules.untrusted
    if quote is None or priced(s):
        return quote
    if timed(s) or fen is None or s.facts.doubt:  # who may have paid already is left to a person
        return None
    line = Line(CLOCK.code, "", 1, fen, fen, 1, 1)
    return replace(quote, lines=(line,), caps=(), discounts=(), total=fen, free=False)


def stale(s: Situation, stay: Stay) -> bool:
    """Whether its exit was probably never seen: nobody is billed for that without a person (domain 4.4 item 2)."""
    return (s.now.wall - stay.entered).total_seconds() > s.rules.stale


def abandon(s: Situation, waiting: Waiting, why: str) -> Step:
    """Nothing came of it: the record says so, and the lane is free for the next (law 7)."""
    stay, vehicle = waiting.stay, waiting.vehicle
    ended = PassageAbandoned(why, stay.id if stay else "", vehicle[0] if vehicle else "")
    return replace(s.lane, phase=Idle(), sight=NOTHING_SEEN), [Record(ended)]


def role(s: Situation) -> str | None:
    """Entry or exit; in a lane for both the way the vehicle has come, None while that is not known."""
    return s.lane.direction if s.rules.role == "both" else s.rules.role


def recent(s: Situation, at: datetime) -> bool:
    """Whether a vehicle that was let through then may still stand here."""
    return abs((s.now.wall - at).total_seconds()) <= s.rules.again


def nobody(s: Situation) -> Situation:
    """The same lane with nothing under way."""
    return replace(s, lane=replace(s.lane, phase=Idle()))
