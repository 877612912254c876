"""What the ledger must say at once when it says something: refunds that become due, gaps in PSAM serials. Pure.

They are written in the same transaction as what they follow from, so that no kill comes between (laws 4, 5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from gateway.ledger.entries import (
    Alarm,
    Body,
    DebitCorrected,
    DebitSettled,
    Draft,
    PaymentMade,
    RefundDue,
    StayClosed,
)
from gateway.ledger.stays import Stays, serial_of


def audited(stays: Stays, drafts: Sequence[Draft]) -> list[Draft]:
    """Take these entries into what is known; give them back with what follows from each."""
    written: list[Draft] = []

    def take(draft: Draft) -> None:
        written.append(draft)
        stays.apply(draft)

    for draft in drafts:
        alarms = list(_serial_alarms(stays, draft.body))
        take(draft)
        for alarm in alarms:
            take(replace(draft, body=alarm))
        if refund := _refund(stays, draft.body):
            take(replace(draft, body=refund))
    return written


def _refund(stays: Stays, body: Body) -> RefundDue | None:
    """What is to be paid back of the stay that this entry is about (law 5)."""
    match body:
        case StayClosed(stay_id) | PaymentMade(stay=stay_id):
            why = "paid more than the stay cost"
        case DebitSettled(intent) | DebitCorrected(intent):
            why, stay_id = f"debit {intent} came on top", stays.intents[intent].stay
        case _:
            return None
    stay = stays.find(stay_id)
    if stay is None or not stay.excess:
        return None
    return RefundDue(f"{stay_id}-refund-{len(stay.refunds) + 1}", stay_id, stay.excess, why)


def _serial_alarms(stays: Stays, body: Body) -> Iterator[Alarm]:
    """A PSAM counts its purchases: a number that is missing may be a debit that nobody recorded (law 4).

    One that was settled by the balance or by a person has its number too, which nobody told.
    """
    if not isinstance(body, DebitSettled | DebitCorrected) or (used := serial_of(body.proof)) is None:
        return
    terminal, serial = used
    last = stays.serials.get(terminal, serial)
    missing = serial - last - 1
    known = stays.without_proof(stays.intents[body.intent].lane) if missing > 0 else 0
    if missing > known:
        doubts = [i.id for i in stays.intents.values() if i.state == "unresolved" and i.id != body.intent]
        gap = f"{terminal}: {last} then {serial}, {missing} missing, {known} of them settled without proof"
        yield Alarm("gap in PSAM serials", f"{gap}; debits without outcome: {' '.join(doubts) or 'none'}")
