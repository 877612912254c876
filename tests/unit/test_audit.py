"""What the ledger must say at once: refunds that become due, and gaps in PSAM serials."""

from dataclasses import replace
from datetime import datetime

import pytest

from gateway.audit import audited
from gateway.ledger.entries import (
    Alarm,
    Body,
    Booted,
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
from gateway.ledger.stays import Stays
from protocols.china import CHINA

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
OPENED = StayOpened("s1", "测A12345", 1, 1, "652bc7a3", "card")
INTENDED = DebitIntended("i1", "s1", "652bc7a3", "card", 500, 10_000, AT.isoformat(), None)
UNRESOLVED = DebitUnresolved("i1", "no result")
NOT_MADE = NotDebited("i1", "too late")
TOO_MUCH = "paid more than the stay cost"
ON_TOP = "debit i1 came on top"


def paid(fen: int, payment: str = "p1") -> PaymentMade:
    return PaymentMade(payment, "s1", fen, "wechat")


def closed(due: int, paid: int = 0, reason: str = "paid") -> StayClosed:
    return StayClosed("s1", reason, due, paid, None)


def settled(intent: str = "i1", proof: object = None) -> DebitSettled:
    return DebitSettled(intent, "result" if proof else "balance", proof, 9500)


def written(*bodies: Body, stays: Stays | None = None) -> list[Body]:
    """What one group says, of which these bodies are the beginning."""
    return [draft.body for draft in audited(stays or Stays(), [Draft(NOW, "out1", body) for body in bodies])]


def refunds(*bodies: Body, stays: Stays | None = None) -> list[tuple[int, str]]:
    return [(body.fen, body.why) for body in written(*bodies, stays=stays) if isinstance(body, RefundDue)]


# --- refunds -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bodies", "due"),
    [
        # a payment while a debit is under way: both are taken, and the stay ends with both
        ([paid(500), INTENDED, settled(), closed(500)], [(500, TOO_MUCH)]),
        ([INTENDED, paid(500), settled(), closed(500)], [(500, TOO_MUCH)]),
        ([INTENDED, paid(500), NotDebited("i1", ""), closed(500)], []),
        # after its end
        ([closed(500, reason="owed"), paid(500)], []),
        ([closed(500, reason="owed"), paid(800)], [(300, TOO_MUCH)]),
        ([closed(500, reason="owed"), paid(800), paid(100, "p2")], [(300, TOO_MUCH), (100, TOO_MUCH)]),
        ([closed(500, reason="owed"), paid(400), paid(200, "p2")], [(100, TOO_MUCH)]),
        ([closed(0, reason="free"), paid(500)], [(500, TOO_MUCH)]),
        # a debit whose outcome comes late
        ([INTENDED, UNRESOLVED, closed(500, reason="owed"), settled()], []),
        ([INTENDED, UNRESOLVED, closed(500, reason="owed"), NotDebited("i1", ""), paid(500)], []),
        ([INTENDED, UNRESOLVED, closed(500, reason="owed"), paid(500), settled()], [(500, ON_TOP)]),
        ([INTENDED, UNRESOLVED, paid(500), closed(500), settled()], [(500, ON_TOP)]),
        ([INTENDED, UNRESOLVED, closed(200, reason="let go"), settled()], [(300, ON_TOP)]),
        # a debit that was recorded as not made
        (
            [INTENDED, NotDebited("i1", ""), paid(500), closed(500), DebitCorrected("i1", None, None)],
            [(500, ON_TOP)],
        ),
        # while the stay lasts, it may still cost as much
        ([paid(900)], []),
        ([paid(900), INTENDED, settled()], []),
        # paid out once, and not due again
        ([closed(500, reason="owed"), paid(800), RefundMade("s1-refund-1", "", "")], [(300, TOO_MUCH)]),
    ],
)
def test_what_is_paid_too_much_is_due_as_refund_in_the_same_group(
    bodies: list[Body], due: list[tuple[int, str]]
) -> None:
    assert refunds(OPENED, *bodies) == due


def test_a_refund_follows_the_very_entry_that_makes_it_due() -> None:
    refund = RefundDue("s1-refund-1", "s1", 500, TOO_MUCH)
    bodies = [OPENED, paid(500), INTENDED, settled(), closed(500), Booted("1", "c", "t")]
    assert written(*bodies) == [*bodies[:5], refund, bodies[5]]


def test_refunds_of_one_stay_have_names_of_their_own() -> None:
    stays = Stays()
    written(OPENED, closed(500, reason="owed"), paid(600), stays=stays)
    written(paid(100, "p2"), stays=stays)
    assert list(stays.refunds) == ["s1-refund-1", "s1-refund-2"]
    written(RefundMade("s1-refund-2", "cashier", "cash"), paid(1, "p3"), stays=stays)
    assert list(stays.refunds) == ["s1-refund-1", "s1-refund-3"]


def test_what_follows_stands_in_the_lane_and_at_the_time_of_what_it_follows_from() -> None:
    late = Draft(replace(NOW, mono=2000.0), "", paid(300))
    stays = Stays()
    written(OPENED, closed(0, reason="free"), stays=stays)
    first, refund = audited(stays, [late])
    assert first == late
    assert (refund.at, refund.lane) == (late.at, late.lane)


def test_money_of_a_stay_that_nobody_remembers_is_no_refund_of_another() -> None:
    assert refunds(OPENED, closed(0, reason="free"), PaymentMade("p1", "s9", 300, "cash")) == []


def test_what_was_written_gives_the_same_state_again() -> None:
    stays = Stays()
    group = [OPENED, paid(500), INTENDED, settled(), closed(500), paid(1, "p2")]
    drafts = audited(stays, [Draft(NOW, "out1", body) for body in group])
    again = Stays()
    for draft in drafts:
        again.apply(draft)
    assert again == stays


# --- serials -----------------------------------------------------------------------------------------------


def proof(serial: int, terminal: str = "01370004727f") -> dict[str, object]:
    return {"terminal": terminal, "terminal_serial": serial, "tac": "570bf7dc"}


def debits(*proofs: object, stays: Stays | None = None) -> list[Alarm]:
    """The alarms about debits with these proofs, one after the other."""
    stays = stays or Stays()
    written(OPENED, stays=stays)
    found: list[Alarm] = []
    for number, told in enumerate(proofs, 10):
        intent = f"i{number}"
        group = written(replace(INTENDED, intent=intent), settled(intent, told), stays=stays)
        found += [body for body in group if isinstance(body, Alarm)]
    return found


@pytest.mark.parametrize(
    "proofs",
    [
        [proof(7)],  # the first that is seen of a PSAM
        [proof(7), proof(8), proof(9)],
        [proof(7), proof(8), proof(7)],  # told late
        [proof(7), proof(1, "01370004728a"), proof(8), proof(2, "01370004728a")],
        [proof(7), None, proof(9)],  # settled by the balance
        [proof(7), {"actor": "duty", "reason": "why"}, None, proof(10)],
        [proof(7), None, proof(8)],  # a person was wrong
        [None, proof(7)],
    ],
)
def test_serials_without_a_gap_say_nothing(proofs: list[object]) -> None:
    assert debits(*proofs) == []


def test_a_gap_in_the_serials_of_a_psam_is_told_once_with_what_may_have_filled_it() -> None:
    gap = "gap in PSAM serials"
    none = "01370004727f: 7 then 10, 2 missing, 0 of them settled without proof; debits without outcome: none"
    assert debits(proof(7), proof(10), proof(11)) == [Alarm(gap, none)]
    stays = Stays()
    written(OPENED, replace(INTENDED, intent="lost"), DebitUnresolved("lost", ""), INTENDED, stays=stays)
    said = debits(proof(7), proof(9), stays=stays)
    lost = "01370004727f: 7 then 9, 1 missing, 0 of them settled without proof; debits without outcome: lost"
    assert said == [Alarm(gap, lost)]


def test_debits_without_proof_explain_as_many_numbers_of_their_own_lane_since_the_last_proof() -> None:
    (alarm,) = debits(proof(7), None, proof(10))
    assert alarm.detail.startswith("01370004727f: 7 then 10, 2 missing, 1 of them settled without proof; ")
    assert len(debits(proof(7), None, proof(8), proof(10))) == 1  # the one before the last proof had its turn
    stays = Stays()
    debits(proof(7), stays=stays)
    other = replace(INTENDED, intent="elsewhere")
    audited(stays, [Draft(NOW, "out2", body) for body in (other, settled("elsewhere"))])
    not_made = written(replace(INTENDED, intent="none"), NotDebited("none", ""), stays=stays)
    assert not any(isinstance(body, Alarm) for body in not_made)
    said = written(INTENDED, settled(proof=proof(9)), stays=stays)
    assert [body.what for body in said if isinstance(body, Alarm)] == ["gap in PSAM serials"]


def test_the_debit_that_is_settled_is_not_one_without_outcome() -> None:
    stays = Stays()
    debits(proof(7), stays=stays)
    (_, _, told, alarm) = written(INTENDED, UNRESOLVED, settled(proof=proof(9)), stays=stays)
    assert isinstance(told, DebitSettled)
    assert isinstance(alarm, Alarm)
    assert alarm.detail.endswith("debits without outcome: none")


def test_a_gap_is_told_of_a_debit_that_was_recorded_as_not_made_too() -> None:
    stays = Stays()
    debits(proof(7), stays=stays)
    corrected = DebitCorrected("i1", proof(9), 9500)
    said = written(INTENDED, NotDebited("i1", ""), corrected, stays=stays)
    assert [body.what for body in said if isinstance(body, Alarm)] == ["gap in PSAM serials"]
