"""Paid once (law 5): whatever comes in whatever order, payments less refunds never exceed what is due."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import audited
from gateway.ledger.entries import (
    Body,
    DebitCorrected,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    Moment,
    NotDebited,
    PaymentMade,
    RefundDue,
    RefundMade,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import KEPT_CLOSED, Stays
from protocols.china import CHINA

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
STAYS = st.sampled_from(["s1", "s2", "s3"])
PLATES = {"s1": "测A12345", "s2": "测B00001", "s3": "测A12345"}
"""The first and the third are of one vehicle."""
FEN = st.integers(0, 3000)
INTENTS = st.sampled_from([f"i{n}" for n in range(4)])
ENDS = st.sampled_from(["paid", "owed", "let go", "superseded"])


def _intended(intent: str, stay: str, fen: int) -> DebitIntended:
    return DebitIntended(intent, stay, "652bc7a3", "card", fen, 9000, AT.isoformat(), None)


STEPS = st.lists(
    st.one_of(
        st.builds(lambda stay: StayOpened(stay, PLATES[stay], 1, 1, "652bc7a3", "card"), STAYS),
        st.builds(PaymentMade, st.uuids().map(str), STAYS, FEN, st.just("wechat")),
        st.builds(
            lambda i, stay, fen: DebitIntended(i, stay, "o", "c", fen, 9000, AT.isoformat(), None),
            INTENTS,
            STAYS,
            FEN,
        ),
        st.builds(lambda i: DebitSettled(i, "balance", None, None), INTENTS),
        st.builds(lambda i: DebitUnresolved(i, "no result"), INTENTS),
        st.builds(lambda i: NotDebited(i, "too late"), INTENTS),
        st.builds(lambda i: DebitCorrected(i, None, None), INTENTS),
        st.builds(lambda stay, why, due: StayClosed(stay, why, due, 0, None), STAYS, ENDS, FEN),
        st.builds(RefundMade, st.sampled_from([f"s1-refund-{n}" for n in (1, 2)]), st.just("a"), st.just("b")),
    ),
    max_size=30,
)


def possible(stays: Stays, said: set[str]) -> Callable[[Body], bool]:
    """What may be written next: each stay begins once, each debit once, and has one outcome (law 2)."""

    def so(body: Body) -> bool:
        match body:
            case StayOpened(stay):
                return stay not in said and all(held.plate != PLATES[stay] for held in stays.open.values())
            case StayClosed(stay):
                found = stays.find(stay)
                return found is not None and found.closed is None
            case PaymentMade(_, stay):
                return stays.find(stay) is not None
            case DebitIntended(intent, stay):
                found = stays.find(stay)
                return intent not in said and found is not None and found.closed is None
            case DebitSettled(intent) | NotDebited(intent):
                return intent in stays.intents and stays.intents[intent].state in ("open", "unresolved")
            case DebitUnresolved(intent):
                return intent in stays.intents and stays.intents[intent].state == "open"
            case DebitCorrected(intent):
                return intent in stays.intents and stays.intents[intent].state == "not made"
            case _:
                return True

    return so


def books(drafts: list[Draft]) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    """By stay, from the entries alone: what was taken, what is to go back, and what an ended stay cost."""
    taken: dict[str, int] = {}
    back: dict[str, int] = {}
    due: dict[str, int] = {}
    intents: dict[str, tuple[str, int]] = {}
    for draft in drafts:
        match draft.body:
            case DebitIntended(intent, stay, fen=fen):
                intents[intent] = stay, fen
            case DebitSettled(intent) | DebitCorrected(intent):
                stay, fen = intents[intent]
                taken[stay] = taken.get(stay, 0) + fen
            case PaymentMade(_, stay, fen):
                taken[stay] = taken.get(stay, 0) + fen
            case RefundDue(_, stay, fen):
                back[stay] = back.get(stay, 0) + fen
            case StayClosed(stay, _, fen):
                due[stay] = fen
            case _:
                pass
    return taken, back, due


@given(STEPS, st.integers(1, 4), st.sampled_from([1, KEPT_CLOSED]))
def test_payments_less_refunds_never_exceed_what_is_due_and_the_ledger_gives_the_same_state(
    steps: list[Body], size: int, kept: int
) -> None:
    """After each group; also nothing is paid back that was not paid too much, however soon stays are forgotten."""
    with pytest.MonkeyPatch.context() as bound:
        bound.setattr("gateway.ledger.stays.KEPT_CLOSED", kept)
        _law_5_holds(steps, size)


def _law_5_holds(steps: list[Body], size: int) -> None:
    stays, drafts, said = Stays(), list[Draft](), set[str]()
    group: list[Draft] = []
    for number, body in enumerate(steps):
        if group and len(group) == size:
            drafts += audited(stays, group)
            group = []
            _paid_once(drafts)
        shadow = Stays()
        for draft in [*drafts, *group]:
            shadow.apply(draft)
        if not possible(shadow, said)(body):
            continue
        said.add(getattr(body, "intent", "") or getattr(body, "stay", ""))
        at = Moment(AT + timedelta(seconds=number), 1000.0 + number, "boot", trusted=True)
        group.append(Draft(at, "out1", body))
    drafts += audited(stays, group)
    _paid_once(drafts)
    first, second = Stays(), Stays()
    for again in (first, second):
        for draft in drafts:
            again.apply(draft)
    assert first == second == stays
    assert all(not stay.excess for stay in stays.closed.values())


def _paid_once(drafts: list[Draft]) -> None:
    taken, back, due = books(drafts)
    assert all(stay in due for stay in back), "paid back before its end"
    for stay, cost in due.items():
        assert taken.get(stay, 0) - back.get(stay, 0) == min(taken.get(stay, 0), cost)
