"""What becomes of a debit: its outcome, evidence where there is none, and what a person finds out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from drivers.ports import Debit, DebitFound, OpenBarrier, TagRead
from gateway.lane import checks, core
from gateway.lane.state import Closing, Debiting, Do, Doubting, Idle, Passing, Phase, Record
from gateway.ledger.entries import (
    Alarm,
    DebitCorrected,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    NotDebited,
    Refused,
)
from gateway.ledger.stays import Intent
from gateway.orders import Resolve
from protocols.obu.values import CREDIT
from tools.crossing import (
    AT,
    BOOKED,
    CARD,
    DEBITING,
    DONE,
    DOUBTING,
    EXIT,
    FACTS,
    GOODBYE,
    GOODBYE_FREE,
    INTENT,
    NOT_SENT,
    OTHER,
    OWE,
    OWED,
    PLATE,
    PROOF,
    QUOTE,
    READ,
    READY,
    SETTLED,
    STAY,
    TAG,
    UNKNOWN,
    UNRESOLVED,
    after_paying,
    bodies,
    later,
    opening,
    passing,
    refusal,
    released,
    shown,
    take,
    waiting,
)

BUSY = replace(READY, phase=DEBITING)
IN_DOUBT = replace(READY, phase=DOUBTING)
KNOWN = replace(FACTS, fresh="b-2", intent=INTENT)
"""The reader speaks of the debit that is under way."""
UNDECIDED = replace(KNOWN, intent=UNRESOLVED)
FOUND = DebitFound("rsu2", TAG.obu_id, PROOF)
NOT_MADE = Record(NotDebited("b-1", "the balance is what it was"))


# --- the outcome -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", [DONE, FOUND], ids=["told", "found"])
@pytest.mark.parametrize(
    ("phase", "state"), [(DEBITING, "open"), (DOUBTING, "unresolved"), (DEBITING, "unresolved")]
)
def test_a_debit_that_was_made_ends_the_stay(phase: Debiting | Doubting, state: str, event: core.Event) -> None:
    facts = replace(KNOWN, intent=replace(INTENT, state=state))
    lane, actions = take(EXIT, replace(READY, phase=phase), facts, event)
    assert actions == [Record(SETTLED), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.phase == passing()


def test_what_was_paid_meanwhile_elsewhere_is_counted_too() -> None:
    """The stay cost 1500, and 2100 were paid: what is too much becomes a refund in the same group (law 5)."""
    _, actions = take(EXIT, BUSY, replace(KNOWN, stay=after_paying(600)), DONE)
    assert bodies(actions) == [SETTLED, replace(BOOKED, paid=2100)]


def test_a_debit_for_a_stay_that_has_ended_meanwhile_opens_nothing_and_lets_go_of_the_tag() -> None:
    """What was taken comes back as a refund (law 5)."""
    assert take(EXIT, BUSY, replace(KNOWN, stay=None), DONE) == (READY, [Record(SETTLED), released(EXIT)])


@pytest.mark.parametrize(("balance", "alarms"), [(8400, 1), (8500, 0), (None, 0)])
def test_a_balance_that_does_not_add_up_is_told(balance: int | None, alarms: int) -> None:
    done = replace(DONE, proof=replace(PROOF, balance=balance))
    _, actions = take(EXIT, BUSY, KNOWN, done)
    alarm = Alarm("balance does not add up", "b-1: balance 8400, expected 8500")
    assert bodies(actions)[1:-1] == [alarm] * alarms
    assert Do(OpenBarrier("gate2"), BOOKED) in actions


@pytest.mark.parametrize(("phase", "state"), [(DEBITING, "open"), (DOUBTING, "unresolved")])
def test_a_debit_that_never_left_was_not_made(phase: Debiting | Doubting, state: str) -> None:
    facts = replace(KNOWN, intent=replace(INTENT, state=state))
    lane, actions = take(EXIT, replace(READY, phase=phase), facts, NOT_SENT)
    assert (lane, actions) == (READY, [Record(NotDebited("b-1", "too late"))])


def test_a_debit_without_known_outcome_waits_for_evidence() -> None:
    lane, actions = take(EXIT, BUSY, KNOWN, UNKNOWN)
    assert actions == [Record(DebitUnresolved("b-1", "no result"))]
    assert lane.phase == DOUBTING
    # Said once more, it is no news.
    assert take(EXIT, lane, UNDECIDED, UNKNOWN) == (lane, [])


def test_a_reader_that_says_nothing_leaves_a_doubt() -> None:
    assert core.deadline(BUSY) == 1020.0
    assert take(EXIT, BUSY, FACTS, None, later(19.9)) == (BUSY, [])
    lane, actions = take(EXIT, BUSY, FACTS, None, later(20))
    assert actions == [Record(DebitUnresolved("b-1", "no outcome from the reader"))]
    assert lane.phase == Doubting(DEBITING, 1030.0)
    assert core.deadline(lane) == 1030.0


@pytest.mark.parametrize("phase", [Idle(), Passing("s2", 1060.0), replace(DEBITING, intent="b-9")])
@pytest.mark.parametrize("state", ["open", "unresolved"])
@pytest.mark.parametrize("event", [DONE, FOUND], ids=["told", "found"])
def test_an_outcome_that_comes_late_is_recorded_and_opens_nothing(
    phase: Phase, state: str, event: core.Event
) -> None:
    lane, facts = replace(READY, phase=phase), replace(KNOWN, intent=replace(INTENT, state=state))
    assert take(EXIT, lane, facts, event) == (lane, [Record(SETTLED)])
    assert take(EXIT, lane, facts, NOT_SENT) == (lane, [Record(NotDebited("b-1", "too late"))])
    unresolved = [Record(DebitUnresolved("b-1", "no result"))] if state == "open" else []
    assert take(EXIT, lane, facts, UNKNOWN) == (lane, unresolved)


# --- against the record ------------------------------------------------------------------------------------

PURCHASE = "2026-11-21T12:00:00+08:00, TAC 570bf7dc, terminal 01370004727f 35, card serial 63, balance 8500"
MADE_AFTER_ALL = DebitCorrected("b-1", SETTLED.proof, 8500)
PROVEN = replace(INTENT, state="settled", proven=True, tac=PROOF.tac)


@pytest.mark.parametrize("event", [DONE, FOUND], ids=["told", "found"])
@pytest.mark.parametrize(
    ("intent", "record"),
    [
        (replace(INTENT, state="not made"), MADE_AFTER_ALL),
        (replace(INTENT, state="settled"), Alarm("proof of a settled debit came late", f"b-1: {PURCHASE}")),
        (replace(PROVEN, tac="00112233"), Alarm("another purchase in the second of a debit", f"b-1: {PURCHASE}")),
        (PROVEN, None),
    ],
    ids=["not made", "settled", "proven otherwise", "proven"],
)
def test_a_proof_of_a_debit_that_had_its_outcome(
    intent: Intent, record: Alarm | DebitCorrected | None, event: core.Event
) -> None:
    """Not made, and made after all: one correction, which counts as paid (law 2). The same proof again is none."""
    assert take(EXIT, READY, replace(KNOWN, intent=intent), event) == (READY, [Record(record)] if record else [])


@pytest.mark.parametrize(("event", "whose"), [(DONE, "b-1"), (FOUND, "tag 652bc7a3")], ids=["told", "found"])
def test_a_debit_that_nobody_knows_is_for_a_person(event: core.Event, whose: str) -> None:
    alarm = Alarm("debit reported that is not on record", f"{whose}: {PURCHASE}")
    assert take(EXIT, READY, replace(FACTS, intent=None), event) == (READY, [Record(alarm)])


@pytest.mark.parametrize("state", ["", "not made", "settled"])
@pytest.mark.parametrize("event", [UNKNOWN, NOT_SENT], ids=["unknown", "not sent"])
def test_doubt_about_what_is_decided_changes_nothing(state: str, event: core.Event) -> None:
    facts = replace(KNOWN, intent=replace(INTENT, state=state) if state else None)
    assert take(EXIT, READY, facts, event) == (READY, [])


def test_a_correction_while_another_debit_is_under_way_leaves_that_alone() -> None:
    lane = replace(READY, phase=replace(DEBITING, intent="b-2"))
    facts = replace(KNOWN, intent=replace(INTENT, state="not made"))
    assert take(EXIT, lane, facts, FOUND) == (lane, [Record(MADE_AFTER_ALL)])


# --- the second that enters the TAC ------------------------------------------------------------------------


@pytest.mark.parametrize(("last", "at"), [(None, 0), (-1, 0), (0, 1), (2, 3), (5, 0), (60, 0)])
def test_no_two_debits_of_a_lane_have_the_same_second(last: int | None, at: int) -> None:
    now = AT.replace(microsecond=0)
    before = None if last is None else now + timedelta(seconds=last)  # a clock that was set back is followed
    lane, actions = take(EXIT, replace(READY, debited_at=before), FACTS, READ)
    (order,) = [action.order for action in actions if isinstance(action, Do) and isinstance(action.order, Debit)]
    assert order.at == lane.debited_at == now + timedelta(seconds=at)


# --- evidence, and policy where there is none --------------------------------------------------------------

DOUBT = replace(FACTS, fresh="b-2", doubt=UNRESOLVED)
HELD = [
    Record(Refused("earlier debit unresolved", PLATE, TAG.obu_id, "", "b-1")),
    shown(EXIT, checks.IN_DOUBT),
    released(EXIT),  # and nobody is asked for money that may have been taken
]
STANDS = replace(READY, phase=waiting(checks.IN_DOUBT, STAY, QUOTE))


def again(balance: int, number: str = CARD.number) -> TagRead:
    return replace(READ, trade=9, card=replace(CARD, balance=balance, number=number))


def test_a_balance_less_the_amount_settles() -> None:
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, again(8500))
    assert actions == [Record(DebitSettled("b-1", "balance", None, 8500)), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.phase == passing()


def test_a_credit_card_that_counts_down_below_nothing_settles() -> None:
    debiting = replace(DEBITING, balance_before=1000)
    read = replace(again(2**32 - 500), card=replace(CARD, kind=CREDIT, balance=2**32 - 500))
    _, actions = take(EXIT, replace(READY, phase=Doubting(debiting, 1010.0)), DOUBT, read)
    assert bodies(actions)[0] == DebitSettled("b-1", "balance", None, 2**32 - 500)


def test_a_balance_that_is_what_it_was_tells_that_nothing_was_taken_and_it_is_tried_anew() -> None:
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, again(10_000), later(4))
    at = AT.replace(second=4, microsecond=0)
    anew = DebitIntended("b-2", "s1", TAG.obu_id, CARD.number, 1500, 10_000, at.isoformat(), QUOTE.to_json())
    order = Debit("rsu2", 9, "b-2", TAG.obu_id, 1500, at, STAY.entered)
    assert actions == [NOT_MADE, Record(anew), Do(order, after=anew)]
    assert lane.phase == replace(DEBITING, intent="b-2", begun=1004.0, until=1024.0)


def test_an_old_balance_proves_nothing_while_the_purchase_may_still_be_on_its_way() -> None:
    """The card may be read between the order and its result: whoever debits anew then takes the money twice."""
    early = later(3.9)
    assert take(EXIT, IN_DOUBT, DOUBT, again(10_000), early) == (IN_DOUBT, [released(EXIT, 1.0)])
    assert take(EXIT, IN_DOUBT, DOUBT, again(8500), early)[1][0] == Record(
        DebitSettled("b-1", "balance", None, 8500)
    )


def test_what_was_not_taken_may_still_be_refused() -> None:
    expired = replace(again(10_000), tag=replace(TAG, expires=AT.date() - timedelta(days=1)))
    lane, actions = take(EXIT, IN_DOUBT, DOUBT, expired, later(4))
    assert actions == [NOT_MADE, *refusal(EXIT, checks.TAG_EXPIRED, asked=QUOTE)]
    assert lane.phase == replace(waiting(checks.TAG_EXPIRED, STAY, QUOTE), until=1304.0)


def test_another_doubt_is_not_settled_along_with_this_one() -> None:
    older = replace(UNRESOLVED, id="b-0")
    _, actions = take(EXIT, IN_DOUBT, replace(DOUBT, doubt=older), again(10_000), later(4))
    held = Refused("earlier debit unresolved", PLATE, TAG.obu_id, "", "b-0")
    assert actions[:2] == [NOT_MADE, Record(held)]


NO_EVIDENCE = [again(9_000), again(8500, number="0" * 20), again(10_000, number="0" * 20), replace(READ, card=None)]


@pytest.mark.parametrize("read", NO_EVIDENCE)
def test_any_other_balance_or_card_is_no_evidence(read: TagRead) -> None:
    assert take(EXIT, IN_DOUBT, DOUBT, read) == (STANDS, HELD)
    lane, actions = take(OWE, IN_DOUBT, DOUBT, read)
    assert actions == opening(OWE, OWED, GOODBYE_FREE)
    assert lane.phase == passing()


def test_a_driver_does_not_pay_for_the_time_of_our_doubt() -> None:
    """What was to be debited is owed, not what the stay costs by now."""
    dearer = replace(QUOTE, total=2500)
    facts = replace(FACTS, quote=dearer, asked=dearer)
    assert take(OWE, IN_DOUBT, facts, None, later(10))[1][0] == Record(OWED)
    assert take(OWE, IN_DOUBT, facts, again(9_000))[1][0] == Record(OWED)


def test_without_evidence_policy_decides() -> None:
    assert core.deadline(IN_DOUBT) == 1010.0
    assert take(EXIT, IN_DOUBT, FACTS, None, later(9.9)) == (IN_DOUBT, [])
    lane, actions = take(EXIT, IN_DOUBT, FACTS, None, later(10))
    assert actions == HELD
    assert lane.phase == replace(waiting(checks.IN_DOUBT, STAY, QUOTE), until=1310.0)
    lane, actions = take(OWE, IN_DOUBT, FACTS, None, later(10))
    assert actions == opening(OWE, OWED, GOODBYE_FREE)
    assert lane.phase == replace(passing(), until=1070.0, rising_until=1025.0)


def test_a_stay_in_doubt_is_not_debited_again() -> None:
    """After the presence has ended, or the gateway was started anew, a balance is no evidence."""
    for balance in (8500, 10_000):
        assert take(EXIT, READY, DOUBT, again(balance)) == (STANDS, HELD)
        assert take(OWE, READY, DOUBT, again(balance))[1][0] == Record(OWED)


def test_a_doubt_about_a_stay_that_has_ended_meanwhile_holds_whoever_stands_there() -> None:
    """Its money is accounted for with the stay that ended; the driver is for a person."""
    for rules in (EXIT, OWE):
        lane, actions = take(rules, IN_DOUBT, replace(FACTS, stay=None, quote=None, asked=None), None, later(10))
        assert bodies(actions) == [Refused("earlier debit unresolved", "", TAG.obu_id, "", "b-1")]
        assert lane.phase == replace(waiting(checks.IN_DOUBT), vehicle=None, until=1310.0)


# --- tags beside a debit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [DEBITING, DOUBTING, Passing("s1", 1060.0), Closing(1015.0)])
def test_a_follower_is_sent_back_for_a_moment(phase: Phase) -> None:
    lane = replace(READY, phase=phase)
    assert take(EXIT, lane, FACTS, OTHER) == (lane, [released(EXIT, 1.0, "00000001")])


def test_a_tag_that_is_being_debited_is_left_to_its_order() -> None:
    assert take(EXIT, BUSY, FACTS, READ) == (BUSY, [])


def test_the_stay_of_a_lane_is_that_of_its_debit() -> None:
    assert BUSY.stay == "s1"
    assert IN_DOUBT.stay == "s1"
    assert READY.stay is None
    assert replace(READY, phase=Passing("s1", 1060.0)).stay is None


# --- a person has found out --------------------------------------------------------------------------------

MADE = Resolve("b-1", made=True, actor="li", reason="bank statement")
NOT = replace(MADE, made=False)
BY_PERSON = DebitSettled("b-1", "person", {"actor": "li", "reason": "bank statement"}, None)


def test_a_person_who_knows_it_was_made_lets_the_vehicle_out_that_stands_there() -> None:
    lane, actions = take(EXIT, IN_DOUBT, UNDECIDED, MADE)
    assert actions == [Record(BY_PERSON), *opening(EXIT, BOOKED, GOODBYE)]
    assert lane.phase == passing()


def test_a_person_who_knows_it_was_not_made_leaves_the_stay_to_be_paid() -> None:
    assert take(EXIT, IN_DOUBT, UNDECIDED, NOT) == (READY, [Record(NotDebited("b-1", "li: bank statement"))])


@pytest.mark.parametrize(
    ("order", "record"), [(MADE, BY_PERSON), (NOT, NotDebited("b-1", "li: bank statement"))], ids=["made", "not"]
)
def test_a_debit_that_no_lane_deals_with_is_resolved_without_an_opening(
    order: Resolve, record: DebitSettled | NotDebited
) -> None:
    assert take(EXIT, READY, UNDECIDED, order) == (READY, [Record(record)])


def test_a_doubt_that_nobody_knows_is_resolved_by_nobody() -> None:
    """The site tells whoever says so."""
    for order in (MADE, NOT):
        assert take(EXIT, BUSY, replace(KNOWN, intent=None), order) == (BUSY, [])
