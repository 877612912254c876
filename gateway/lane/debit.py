"""A debit from its intent to its outcome: nothing guessed, nothing retried blindly (laws 1, 2). Pure."""

from dataclasses import asdict, replace
from datetime import datetime, timedelta

from drivers.ports import Debit, DebitDone, DebitFound, DebitNotSent, DebitProof, DebitUnknown, TagRead
from gateway.lane.answers import close_stay, closed, release
from gateway.lane.state import Action, Debiting, Do, Doubting, Idle, Lane, Record, Situation, Step
from gateway.ledger.entries import (
    Alarm,
    DebitCorrected,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    NotDebited,
)
from gateway.ledger.stays import NO_TAC, Intent, Stay
from gateway.orders import Resolve
from gateway.tariff.quote import Quote
from protocols.obu.values import Card

SECOND = timedelta(seconds=1)
STILL_COMING = 4.0
"""Seconds for which a purchase may still be on its way to the card: until then an old balance proves nothing.

The order leaves inside the antenna's trade window, some 1 s, and a result takes up to 3 s.
"""

Outcome = DebitDone | DebitFound | DebitUnknown | DebitNotSent


def begin(s: Situation, read: TagRead, card: Card, stay: Stay, quote: Quote) -> Step:
    """State the intent; the order leaves when that is durable."""
    second = s.now.wall - timedelta(microseconds=s.now.wall.microsecond)  # `replace` takes four times as long
    at = _second_of_its_own(second, s.lane.debited_at)
    obu_id, fen, before = read.tag.obu_id, quote.due, card.balance
    intent = s.facts.fresh
    intended = DebitIntended(
        intent, stay.id, obu_id, card.number, fen, before, at=at.isoformat(), quote=quote.to_json()
    )
    until = s.now.mono + s.rules.outcome_within
    debiting = Debiting(intent, stay, quote, obu_id, card.number, fen, before, s.now.mono, until)
    order = Debit(s.rules.reader, read.trade, intent, obu_id, fen, at, stay.entered)
    lane = replace(s.lane, phase=debiting, debited_at=at)
    return lane, [Record(intended), Do(order, after=intended)]


def _second_of_its_own(at: datetime, last: datetime | None) -> datetime:
    """No two debits of a lane in one second: it is all that tells the antenna's answers to them apart."""
    return last + SECOND if last and timedelta() <= last - at < 5 * SECOND else at


def outcome(s: Situation, event: Outcome) -> Step:
    """What the reader says of a debit; `facts.intent` is the one it speaks of."""
    intent = s.facts.intent
    if intent is None or intent.state in ("settled", "not made"):
        return s.lane, _afterwards(s, event)
    debit = under_way(s.lane, intent.id)
    match event:
        case DebitDone(proof=proof) | DebitFound(proof=proof):
            settled = DebitSettled(intent.id, "result", _json(proof), proof.balance)
            return _settled(s, debit, settled, intent.balance_after)
        case DebitNotSent():
            lane = replace(s.lane, phase=Idle()) if debit else s.lane
            return lane, [Record(NotDebited(event.intent, event.reason))]
        case _:
            return _unknown(s, debit, intent, event.reason)


def no_outcome(s: Situation, debit: Debiting) -> Step:
    """The reader has said nothing in time."""
    doubting = Doubting(debit, s.now.mono + s.rules.presence)
    return replace(s.lane, phase=doubting), [Record(DebitUnresolved(debit.intent, "no outcome from the reader"))]


def _unknown(s: Situation, debit: Debiting | None, intent: Intent, reason: str) -> Step:
    lane = replace(s.lane, phase=Doubting(debit, s.now.mono + s.rules.presence)) if debit else s.lane
    return lane, [Record(DebitUnresolved(intent.id, reason))] if intent.state == "open" else []


def _settled(s: Situation, debit: Debiting | None, settled: DebitSettled, expected: int) -> Step:
    """The money was taken; if this lane still deals with it, the stay ends and the barrier opens."""
    actions: list[Action] = [Record(settled)]
    if settled.balance_after not in (None, expected):
        detail = f"{settled.intent}: balance {settled.balance_after}, expected {expected}"
        actions.append(Record(Alarm("balance does not add up", detail)))
    if debit is None:
        return s.lane, actions
    if s.facts.stay is None:
        return replace(s.lane, phase=Idle()), [*actions, *release(s, debit.obu_id)]
    # What was paid meanwhile by other channels is in the stay as it is now, and comes back as a refund (law 5).
    stay = s.facts.stay
    lane, ending = close_stay(s, debit.obu_id, stay, closed(stay, debit.quote, stay.paid + debit.fen))
    return lane, [*actions, *ending]


def evidence(debit: Debiting, read: TagRead) -> bool | None:
    """Whether the debit was made, by the balance of the same card in the same presence; None: it does not tell."""
    balance = read.card.balance if read.card and read.card.number == debit.card else None
    if balance == (debit.balance_before - debit.fen) % 2**32:  # credit cards count down in 32 bits
        return True
    return False if balance == debit.balance_before else None


def settled_by_balance(s: Situation, debit: Debiting) -> Step:
    """The card holds what it must hold after this debit."""
    after = (debit.balance_before - debit.fen) % 2**32
    return _settled(s, debit, DebitSettled(debit.intent, "balance", None, after), after)


def resolved(s: Situation, order: Resolve) -> Step:
    """A person has found out what became of it (law 2: one correction)."""
    intent = s.facts.intent
    if intent is None:
        return s.lane, []
    debit = under_way(s.lane, intent.id)
    by = f"{order.actor}: {order.reason}"
    if order.made:
        proof = {"actor": order.actor, "reason": order.reason}
        return _settled(s, debit, DebitSettled(intent.id, "person", proof, None), intent.balance_after)
    lane = replace(s.lane, phase=Idle()) if debit else s.lane
    return lane, [Record(NotDebited(intent.id, by))]


def _afterwards(s: Situation, event: Outcome) -> list[Action]:
    """News of an intent that has its outcome, or that nobody knows: to be kept if it is about money."""
    match event, s.facts.intent:
        case ((DebitDone(proof=proof) | DebitFound(proof=proof)), Intent(proven=True) as known) if (
            proof.tac not in (known.tac, NO_TAC)
        ):
            return [Record(Alarm("another purchase in the second of a debit", _told(known.id, proof)))]
        case _, Intent(proven=True):
            return []
        case ((DebitDone(proof=proof) | DebitFound(proof=proof)), Intent(id=intent, state="settled")):
            return [Record(Alarm("proof of a settled debit came late", _told(intent, proof)))]
        case ((DebitDone(proof=proof) | DebitFound(proof=proof)), Intent(id=intent)):
            return [Record(DebitCorrected(intent, _json(proof), proof.balance))]
        case DebitDone(intent=stranger, proof=proof), None:
            return [Record(Alarm("debit reported that is not on record", _told(stranger, proof)))]
        case DebitFound(obu_id=obu_id, proof=proof), None:
            return [Record(Alarm("debit reported that is not on record", _told(f"tag {obu_id}", proof)))]
        case _:
            return []


def _told(whose: str, proof: DebitProof) -> str:
    serials = f"{proof.terminal} {proof.terminal_serial}, card serial {proof.card_serial}"
    return f"{whose}: {proof.at.isoformat()}, TAC {proof.tac}, terminal {serials}, balance {proof.balance}"


def _json(proof: DebitProof) -> dict[str, object]:
    return {**asdict(proof), "at": proof.at.isoformat()}


def under_way(lane: Lane, intent: str) -> Debiting | None:
    """The debit with this intent, if this lane is still dealing with it."""
    match lane.phase:
        case (Debiting() as debit) | Doubting(debit=debit) if debit.intent == intent:
            return debit
        case _:
            return None
