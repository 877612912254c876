"""The lane: one event, the facts that go with it, and the time in; the new state and the actions out. Pure.

Entry: tag read, checks, stay recorded, barrier. Exit: tag read, checks, stay found, quote, intent recorded, debit,
outcome recorded, barrier. Whatever cannot go on ends in a recorded refusal and words for the driver.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from drivers.ports import (
    BarrierDown,
    CloseRefused,
    Debit,
    DebitDone,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    InputChanged,
    Release,
    Show,
    TagRead,
    TagUnreadable,
)
from gateway.lane import checks, commissioning, passage
from gateway.lane.checks import Refusal
from gateway.lane.state import Action, Debiting, Do, Doubting, Facts, Idle, Lane, LaneRules, Record
from gateway.ledger.entries import (
    Alarm,
    Body,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    LetThroughAgain,
    Moment,
    NotDebited,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Intent, Stay
from gateway.tariff.quote import Quote
from protocols.obu.values import Card, Tag, Vehicle

AGAIN_SOON = 1.0
"""Seconds of quiet for a tag that has come too early: a follower, or one that another lane is dealing with."""

SECOND = timedelta(seconds=1)

Step = tuple[Lane, list[Action]]
Outcome = DebitDone | DebitUnknown | DebitNotSent


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a decision may look at besides its event."""

    rules: LaneRules
    lane: Lane
    facts: Facts
    now: Moment


def on(s: Situation, event: DeviceEvent | None) -> Step:
    """Take one event of this lane's devices, or None when `deadline` has come."""
    lane, actions = _take(s, event)
    if s.rules.commissioning and isinstance(event, TagRead | TagUnreadable):
        lane, actions = s.lane, commissioning.instead(s.rules, event, actions)
    lane, lowering = passage.at_rest(s.rules, lane, s.now.mono)
    return lane, [*actions, *lowering]


def _take(s: Situation, event: DeviceEvent | None) -> Step:
    match event:
        case TagRead():
            return _tag(s, event)
        case TagUnreadable():
            return _unreadable(s, event)
        case DebitDone() | DebitUnknown() | DebitNotSent():
            return _outcome(s, event)
        case InputChanged(name="presence", on=occupied):
            return passage.loop(s.rules, replace(s.lane, occupied=occupied), s.now.mono)
        case InputChanged(name="closed", on=closed):
            lane = replace(s.lane, arm_closed=closed)
            return passage.arm_down(lane) if closed else (lane, [])
        case BarrierDown():
            return replace(s.lane, occupied=None, arm_closed=None), []
        case CloseRefused():
            return passage.refused(s.rules, s.lane, event, s.now.mono)
        case None:
            return _due(s)
        case _:
            return s.lane, []


def deadline(lane: Lane) -> float | None:
    """When the lane wants to be asked again, monotonic; None if nothing is under way (law 7)."""
    match lane.phase:
        case Debiting(until=until) | Doubting(until=until):
            return until
        case _:
            return passage.deadline(lane)


# --- a tag -------------------------------------------------------------------------------------------------


def _tag(s: Situation, read: TagRead) -> Step:
    match s.lane.phase:
        case Debiting(obu_id=obu) if obu == read.tag.obu_id:
            return s.lane, []  # its own order is on the way; the session ends this reading by itself
        case Doubting(debit=debit) if debit.obu_id == read.tag.obu_id:
            return _evidence(s, debit, read)
        case Idle():
            return _arrival(s, read)
        case _:
            return s.lane, [_release(s, read.tag.obu_id, AGAIN_SOON)]


def _arrival(s: Situation, read: TagRead) -> Step:
    if s.facts.ledger_fault:
        return s.lane, [_show(s, checks.LEDGER), _release(s, read.tag.obu_id)]
    today = s.now.wall.date() if s.now.trusted else None
    refusal, vehicle, card = checks.unfit(read, today), read.vehicle, read.card
    if refusal or vehicle is None or card is None:
        return _refuse(s, read, refusal or checks.UNREADABLE)
    if s.facts.stay_busy:
        return s.lane, [_release(s, read.tag.obu_id, AGAIN_SOON)]
    return _enter(s, read.tag, vehicle, card) if s.rules.role == "entry" else _leave(s, read, card)


def _enter(s: Situation, tag: Tag, vehicle: Vehicle, card: Card) -> Step:
    stay = s.facts.stay
    welcome = Show(s.rules.name, f"欢迎光临 {vehicle.plate}", f"Welcome {vehicle.plate}")
    if stay and stay.lane == s.rules.name and not stay.passed and _recent(s, stay.entered):
        return _open(s, tag.obu_id, stay.id, LetThroughAgain(stay.id), welcome)
    opened = StayOpened(
        stay=s.facts.fresh,
        plate=vehicle.plate,
        color=vehicle.color,
        vehicle_class=vehicle.vehicle_class,
        obu_id=tag.obu_id,
        card=card.number,
    )
    lane, actions = _open(s, tag.obu_id, opened.stay, opened, welcome)
    # Its last exit was never seen: end that stay unbilled and in the open, lest this visit pays for it.
    stale = [Record(StayClosed(stay.id, "superseded", 0, stay.paid, None))] if stay else []
    return lane, [*stale, *actions]


def _leave(s: Situation, read: TagRead, card: Card) -> Step:
    stay, quote, left = s.facts.stay, s.facts.quote, s.facts.left
    if stay is None or quote is None:
        if left and not left.passed and left.closed and _recent(s, left.closed):
            return _open(s, read.tag.obu_id, left.id, LetThroughAgain(left.id), _goodbye(s, 0))
        return _refuse(s, read, checks.NO_STAY)
    if not (s.now.trusted and stay.trusted):
        return _refuse(s, read, checks.CLOCK)  # a quote between such times means nothing, not even "free" (law 10)
    if s.facts.doubt:
        return _by_policy(s, read.tag.obu_id, stay, quote, s.facts.doubt.id)
    if quote.total <= stay.paid:
        return _close_stay(s, read.tag.obu_id, _closed(stay, quote, stay.paid))
    return _debit(s, read, card, stay, quote)


def _debit(s: Situation, read: TagRead, card: Card, stay: Stay, quote: Quote) -> Step:
    fen, intent = quote.total - stay.paid, s.facts.fresh
    paused = checks.PAUSED if s.lane.paused else None
    if refusal := paused or checks.undebitable(card, fen, s.rules.ceiling):
        return _refuse(s, read, replace(refusal, detail=f"{fen} fen"))
    at = _second_of_its_own(s.now.wall.replace(microsecond=0), s.lane.debited_at)
    intended = DebitIntended(
        intent=intent,
        stay=stay.id,
        obu_id=read.tag.obu_id,
        card=card.number,
        fen=fen,
        balance_before=card.balance,
        at=at.isoformat(),
        quote=quote.to_json(),
    )
    until = s.now.mono + s.rules.outcome_within
    debiting = Debiting(intent, stay, quote, read.tag.obu_id, card.number, fen, card.balance, until)
    order = Debit(s.rules.reader, read.trade, intent, read.tag.obu_id, fen, at, stay.entered)
    return replace(s.lane, phase=debiting, debited_at=at), [Record(intended), Do(order, after=intended)]


def _second_of_its_own(at: datetime, last: datetime | None) -> datetime:
    """No two debits of a lane in one second: it is all that tells the antenna's answers to them apart."""
    return last + SECOND if last and timedelta() <= last - at < 5 * SECOND else at


# --- the outcome of a debit --------------------------------------------------------------------------------


def _outcome(s: Situation, event: Outcome) -> Step:
    intent, debit = s.facts.intent, _under_way(s.lane, event.intent)
    if intent is None or intent.state in ("settled", "not made"):
        return s.lane, _contradiction(s, event)
    match event:
        case DebitDone():
            proof = {**asdict(event.proof), "at": event.proof.at.isoformat()}
            settled = DebitSettled(event.intent, "result", proof, event.proof.balance)
            return _settled(s, debit, settled, (intent.balance_before - intent.fen) % 2**32)
        case DebitNotSent():
            lane = replace(s.lane, phase=Idle()) if debit else s.lane
            return lane, [Record(NotDebited(event.intent, event.reason))]
        case DebitUnknown():
            lane = replace(s.lane, phase=Doubting(debit, s.now.mono + s.rules.presence)) if debit else s.lane
            return lane, [Record(DebitUnresolved(event.intent, event.reason))] if intent.state == "open" else []


def _settled(s: Situation, debit: Debiting | None, settled: DebitSettled, expected: int) -> Step:
    """The money was taken; if this lane still deals with it, the stay ends and the barrier opens."""
    actions: list[Action] = [Record(settled)]
    if settled.balance_after not in (None, expected):
        detail = f"{settled.intent}: balance {settled.balance_after}, expected {expected}"
        actions.append(Record(Alarm("balance does not add up", detail)))
    if debit is None:
        return s.lane, actions
    paid = debit.stay.paid + debit.fen
    lane, ending = _close_stay(s, debit.obu_id, _closed(debit.stay, debit.quote, paid))
    return lane, [*actions, *ending]


def _evidence(s: Situation, debit: Debiting, read: TagRead) -> Step:
    """The same tag in the same presence: its balance tells what became of the debit (law 2)."""
    balance = read.card.balance if read.card and read.card.number == debit.card else None
    after = (debit.balance_before - debit.fen) % 2**32  # credit cards count down in 32 bits
    if balance == after:
        return _settled(s, debit, DebitSettled(debit.intent, "balance", None, after), after)
    if balance == debit.balance_before:
        other = s.facts.doubt if s.facts.doubt and s.facts.doubt.id != debit.intent else None
        afresh = replace(s, lane=replace(s.lane, phase=Idle()), facts=replace(s.facts, doubt=other))
        lane, actions = _arrival(afresh, read)
        return lane, [Record(NotDebited(debit.intent, "the balance is what it was")), *actions]
    return _by_policy(s, debit.obu_id, debit.stay, debit.quote, debit.intent)


def _by_policy(s: Situation, obu_id: str, stay: Stay, quote: Quote, intent: str) -> Step:
    """A debit of this stay has no known outcome: let go and owe, or hold for the operator."""
    if s.rules.unresolved == "owe":
        return _close_stay(s, obu_id, StayClosed(stay.id, "owed", quote.total, stay.paid, quote.to_json()))
    refused = Refused(checks.IN_DOUBT.code, stay.plate, obu_id, "", intent)
    return replace(s.lane, phase=Idle()), [Record(refused), _show(s, checks.IN_DOUBT), _release(s, obu_id)]


def _contradiction(s: Situation, event: Outcome) -> list[Action]:
    """News of an intent that has its outcome, or that nobody knows: to be looked at if it is about money."""
    match event, s.facts.intent:
        case DebitDone(), Intent(proven=True):
            return []
        case DebitDone(), Intent(state="settled"):
            what = "proof of a settled debit came late"
        case DebitDone(), _:
            what = "debit reported against its record"
        case _:
            return []
    serials = f"{event.proof.terminal} {event.proof.terminal_serial}, card serial {event.proof.card_serial}"
    return [Record(Alarm(what, f"{event.intent}: TAC {event.proof.tac}, terminal {serials}"))]


def _under_way(lane: Lane, intent: str) -> Debiting | None:
    match lane.phase:
        case (Debiting() as debit) | Doubting(debit=debit) if debit.intent == intent:
            return debit
        case _:
            return None


# --- time --------------------------------------------------------------------------------------------------


def _due(s: Situation) -> Step:
    match s.lane.phase:
        case Debiting(until=until) as debit if s.now.mono >= until:
            doubting = Doubting(debit, s.now.mono + s.rules.presence)
            unresolved = DebitUnresolved(debit.intent, "no outcome from the reader")
            return replace(s.lane, phase=doubting), [Record(unresolved)]
        case Doubting(debit=debit, until=until) if s.now.mono >= until:
            return _by_policy(s, debit.obu_id, debit.stay, debit.quote, debit.intent)
        case _:
            return passage.due(s.rules, s.lane, s.now.mono)


# --- endings -----------------------------------------------------------------------------------------------


def _unreadable(s: Situation, event: TagUnreadable) -> Step:
    refused = Refused(checks.UNREADABLE.code, "", event.obu_id, "", f"{event.stage} {event.code:02X}")
    if not isinstance(s.lane.phase, Idle) or s.facts.ledger_fault:
        return s.lane, []
    return s.lane, [Record(refused), _show(s, checks.UNREADABLE), _release(s, event.obu_id, AGAIN_SOON)]


def _refuse(s: Situation, read: TagRead, refusal: Refusal) -> Step:
    body = Refused(
        why=refusal.code,
        plate=read.vehicle.plate if read.vehicle else "",
        obu_id=read.tag.obu_id,
        card=read.card.number if read.card else "",
        detail=refusal.detail,
    )
    return s.lane, [Record(body), _show(s, refusal), _release(s, read.tag.obu_id)]


def _close_stay(s: Situation, obu_id: str, closed: StayClosed) -> Step:
    return _open(s, obu_id, closed.stay, closed, _goodbye(s, closed.paid))


def _open(s: Situation, obu_id: str, stay: str, reason: Body, show: Show) -> Step:
    """Record the reason, let go of the tag, and open when the reason is durable (law 3)."""
    lane, opening = passage.begin(s.rules, s.lane, stay, reason, s.now.mono)
    return lane, [Record(reason), _release(s, obu_id), *opening, Do(show, after=reason)]


def _closed(stay: Stay, quote: Quote, paid: int) -> StayClosed:
    return StayClosed(stay.id, "paid" if paid else "free", quote.total, paid, quote.to_json())


def _goodbye(s: Situation, fen: int) -> Show:
    yuan = f"{fen // 100}.{fen % 100:02}"
    return Show(s.rules.name, f"一路平安 ¥{yuan}", f"Goodbye, {yuan} yuan")


def _show(s: Situation, refusal: Refusal) -> Do:
    return Do(Show(s.rules.name, refusal.zh, refusal.en))


def _release(s: Situation, obu_id: str, quiet: float | None = None) -> Do:
    return Do(Release(s.rules.reader, obu_id, s.rules.quiet if quiet is None else quiet))


def _recent(s: Situation, at: datetime) -> bool:
    return abs((s.now.wall - at).total_seconds()) <= s.rules.again
