"""What the entries add up to: open stays, stays just closed, intents, and what was paid."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.ledger.entries import (
    Alarm,
    Body,
    Booted,
    ClockStepped,
    DebitCorrected,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    Moment,
    NotDebited,
    PassageEnded,
    PaymentMade,
    RefundDue,
    RefundMade,
    StayClosed,
    StayImported,
    StayOpened,
)
from gateway.ledger.stays import KEPT_CLOSED, Intent, Stay, Stays, serial_of
from gateway.tariff.quote import Earlier, Paid
from protocols.china import CHINA

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
HOUR = timedelta(hours=1)
PLATE = "测A12345"


def stays(*bodies: Body, lane: str = "in1", at: Moment = NOW, begin: Stays | None = None) -> Stays:
    found = begin or Stays()
    for body in bodies:
        found.apply(Draft(at, lane, body))
    return found


def opened(stay: str = "s1", plate: str = PLATE, color: int = 1) -> StayOpened:
    return StayOpened(stay, plate, color, 1, "652bc7a3", "card")


def closed(stay: str = "s1", reason: str = "paid") -> StayClosed:
    return StayClosed(stay, reason, 500, 500, None)


def intended(intent: str = "i1", stay: str = "s1") -> DebitIntended:
    return DebitIntended(intent, stay, "652bc7a3", "card", 500, 10_000, AT.isoformat(), None)


def settled(intent: str = "i1", proof: object = None) -> DebitSettled:
    return DebitSettled(intent, "result" if proof else "balance", proof, 9500)


def test_a_stay_begins() -> None:
    found = stays(opened())
    stay = Stay("s1", PLATE, 1, 1, AT, trusted=True, lane="in1", boot="boot")
    assert found.of(PLATE, 1) == stay
    assert found.of(PLATE, 0) is None
    assert found.left(PLATE, 1) is None


def test_a_stay_that_begins_on_a_doubtful_clock_says_so() -> None:
    stay = stays(opened(), at=replace(NOW, trusted=False)).of(PLATE, 1)
    assert stay is not None
    assert not stay.trusted


def test_a_car_that_was_inside_before() -> None:
    entered = "2026-11-20T08:00:00+08:00"
    stay = stays(StayImported("s1", PLATE, 1, 1, entered), lane="", at=replace(NOW, trusted=False)).of(PLATE, 1)
    assert stay == Stay("s1", PLATE, 1, 1, datetime.fromisoformat(entered), trusted=True, lane="", boot="")


def test_a_stay_ends() -> None:
    found = stays(opened(), PassageEnded("s1", "passed"), closed())
    assert found.of(PLATE, 1) is None
    left = found.left(PLATE, 1)
    assert left is not None
    assert (left.id, left.closed) == ("s1", AT)


def test_the_end_of_a_stay_nobody_knows_changes_nothing() -> None:
    assert stays(opened(), closed("s2")).open == stays(opened()).open
    assert stays(closed("s2")).closed == {}


@pytest.mark.parametrize(
    ("outcome", "passed"), [("passed", True), ("nobody came", False), ("still under the arm", False)]
)
def test_a_passage_in_and_a_passage_out_are_two(outcome: str, *, passed: bool) -> None:
    inside = stays(opened(), PassageEnded("s1", outcome)).of(PLATE, 1)
    assert inside is not None
    assert inside.passed == passed
    found = stays(opened(), PassageEnded("s1", "passed"), closed())
    left = found.left(PLATE, 1)
    assert left is not None
    assert not left.passed  # it passed on its way in
    left = stays(PassageEnded("s1", outcome), begin=found).left(PLATE, 1)
    assert left is not None
    assert left.passed == passed


def test_a_vehicle_that_comes_again() -> None:
    found = stays(opened("s1"), closed("s1", "superseded"), opened("s2"))
    inside, left = found.of(PLATE, 1), found.left(PLATE, 1)
    assert inside is not None
    assert left is not None
    assert (inside.id, left.id) == ("s2", "s1")


def by_id(found: Stays) -> dict[str, Stay]:
    """All stays that are open or remembered."""
    return {stay.id: stay for known in (found.open, found.closed) for stay in known.values()}


@pytest.mark.parametrize("named", ["s1", "s2", "s3", "s4", "s5", "s0", "nobody's"])
@pytest.mark.parametrize("built", ["entry by entry", "at once"])
def test_an_entry_changes_the_stay_that_it_names_and_no_other(named: str, built: str) -> None:
    """Also of a vehicle that came again: one of its stays is open, and two are remembered."""
    found = stays(opened("s0"), closed("s0"), opened("s1"), closed("s1"), opened("s2"))
    stays(opened("s3", color=0), opened("s4", "测B1"), closed("s4", "owed"), begin=found)
    stays(StayImported("s5", "测C1", 1, 1, AT.isoformat()), lane="", begin=found)
    if built == "at once":
        found = Stays(open=dict(found.open), closed=dict(found.closed))
    before = by_id(found)
    assert sorted(before) == ["s0", "s1", "s2", "s3", "s4", "s5"]

    stays(PassageEnded(named, "passed"), intended("i1", named), settled("i1"), begin=found)
    money = (("boot", Paid(AT, 500)),)
    now = {
        id_: replace(stay, passed=True, payments=money) if id_ == named else stay for id_, stay in before.items()
    }
    assert by_id(found) == now

    inside, left = ({stay.id for stay in known.values()} for known in (found.open, found.closed))
    stays(closed(named), begin=found)
    assert {stay.id for stay in found.open.values()} == inside - {named}
    assert {stay.id for stay in found.closed.values()} == left | (inside & {named})


# --- debits ------------------------------------------------------------------------------------------------

INTENT = Intent("i1", "s1", "card", 500, 10_000, "652bc7a3", AT.isoformat(), total=500, lane="in1")


@pytest.mark.parametrize(
    ("outcomes", "state", "proven", "paid"),
    [
        ([], "open", False, 0),
        ([DebitUnresolved("i1", "")], "unresolved", False, 0),
        ([NotDebited("i1", "")], "not made", False, 0),
        ([settled()], "settled", False, 500),
        ([settled(proof={"tac": "570bf7dc"})], "settled", True, 500),
        ([DebitUnresolved("i1", ""), settled()], "settled", False, 500),
        ([DebitUnresolved("i1", ""), NotDebited("i1", "")], "not made", False, 0),
    ],
)
def test_an_intent_and_its_outcome(outcomes: list[Body], state: str, paid: int, *, proven: bool) -> None:
    found = stays(opened(), intended(), *outcomes)
    tac = "570bf7dc" if proven else ""
    assert found.intents == {"i1": replace(INTENT, state=state, proven=proven, tac=tac)}
    decided = state in ("settled", "not made")
    assert found.undecided("s1") == (None if decided else found.intents["i1"])
    assert found.begun() == ((INTENT,) if state == "open" else ())
    stay = found.of(PLATE, 1)
    assert stay is not None
    assert stay.paid == paid


def test_an_intent_of_another_stay_is_no_doubt_of_this_one() -> None:
    found = stays(opened("s1"), opened("s2", "测B1"), intended("i1", "s2"))
    assert found.undecided("s1") is None
    stays(settled(), begin=found)
    assert [stay.paid for stay in found.open.values()] == [0, 500]


@pytest.mark.parametrize("built", ["entry by entry", "at once"])
def test_of_several_debits_of_a_stay_the_first_without_an_outcome_is_its_doubt(built: str) -> None:
    """Also where others stand between them, and of a state that was not built from entries."""
    between = (opened("s2", "测B1"), intended("i2", "s2"))
    found = stays(opened(), intended("i1"), *between, NotDebited("i1", ""), intended("i3"), intended("i4"))
    if built == "at once":
        found = Stays(open=dict(found.open), intents=dict(found.intents))
    for doubt, outcome in (("i3", settled("i3")), ("i4", NotDebited("i4", ""))):
        assert found.undecided("s1") == found.intents[doubt]
        stays(DebitUnresolved(doubt, ""), begin=found)
        assert found.undecided("s1") == found.intents[doubt]
        stays(outcome, begin=found)
    assert found.undecided("s1") is None
    assert found.undecided("s2") == found.intents["i2"]


def test_a_debit_that_is_settled_after_the_stay_ended_is_paid_on_it() -> None:
    found = stays(opened(), intended(), DebitUnresolved("i1", ""), closed(reason="owed"), settled())
    left = found.left(PLATE, 1)
    assert left is not None
    assert left.paid == 500


# --- the clock ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [1, -1, 24 * 365 * 56])
def test_a_step_of_the_clock_leaves_durations_as_they_are(hours: int) -> None:
    found = stays(opened("s1"), opened("s2", "测B1"), closed("s2"), ClockStepped(hours * 3600.0))
    inside, left = found.of(PLATE, 1), found.left("测B1", 1)
    assert inside is not None
    assert left is not None
    assert inside.entered == AT + hours * HOUR
    assert left.closed == AT + hours * HOUR


def test_a_step_does_not_move_what_another_clock_said() -> None:
    """A PC with an empty battery boots in 1970 and steps to today: the cars inside came in at the time recorded."""
    before = stays(opened("s1"), opened("s2", "测B1"), closed("s2"))
    stays(StayImported("s3", "测C1", 1, 1, AT.isoformat()), lane="", begin=before)
    seventies = Moment(datetime(1970, 1, 1, 0, 5, tzinfo=CHINA), 10.0, "next", trusted=False)
    stays(opened("s4", "测D1"), at=seventies, begin=before)
    step = AT + HOUR - seventies.wall
    found = stays(ClockStepped(step.total_seconds()), at=replace(NOW, wall=AT + HOUR, boot="next"), begin=before)
    assert {stay.id: stay.entered for stay in found.open.values()} == {"s1": AT, "s3": AT, "s4": AT + HOUR}
    left = found.left("测B1", 1)
    assert left is not None
    assert left.closed == AT


def test_the_end_of_a_stay_is_on_the_clock_of_its_own_run() -> None:
    found = stays(opened())
    stays(closed(), at=replace(NOW, boot="next"), begin=found)
    for boot, moved in (("boot", timedelta(0)), ("next", HOUR)):
        left = stays(ClockStepped(3600.0), at=replace(NOW, boot=boot), begin=found).left(PLATE, 1)
        assert left is not None
        assert left.closed == AT + moved


# --- stays that ended before -------------------------------------------------------------------------------


def visit(
    found: Stays,
    begin: float,
    hours: float,
    *,
    plate: str = PLATE,
    color: int = 1,
    paid: int = 0,
    free: bool = False,
) -> Earlier:
    """One stay, so many hours from `AT` on."""
    entered, left = AT + begin * HOUR, AT + (begin + hours) * HOUR
    name = f"{plate} {color} {begin}"
    stays(opened(name, plate, color), begin=found, at=replace(NOW, wall=entered))
    ended = StayClosed(name, "free" if free else "paid", paid, paid, {"total": paid, "free": free})
    stays(ended, begin=found, at=replace(NOW, wall=left))
    return Earlier(entered, left, paid, free)


def earlier(found: Stays, hours: float, plate: str = PLATE, color: int = 1) -> tuple[Earlier, ...]:
    """What a stay carries that begins so many hours after `AT`."""
    stay = stays(opened("now", plate, color), begin=found, at=replace(NOW, wall=AT + hours * HOUR)).of(plate, color)
    assert stay is not None
    return tuple(before for _, before in stay.earlier)


def test_a_stay_carries_what_the_vehicle_paid_before_and_whether_it_was_free() -> None:
    found = Stays()
    expected = (visit(found, 0, 1, paid=500), visit(found, 2, 0.2, free=True), visit(found, 3, 2, paid=700))
    assert earlier(found, 6) == expected


def test_what_counts_as_paid_is_what_the_ledger_says_of_the_end() -> None:
    found = stays(opened(), StayClosed("s1", "paid", 900, 400, {"free": False}))
    assert [(stay.fen, stay.free) for stay in earlier(found, 1)] == [(400, False)]
    for quote in (None, "free", {"free": "yes"}, {}):
        found = stays(opened(), StayClosed("s1", "paid", 900, 400, quote))
        assert [(stay.fen, stay.free) for stay in earlier(found, 1)] == [(400, False)]


def test_stays_of_other_vehicles_are_not_carried() -> None:
    found = Stays()
    visit(found, 0, 1, plate="测B1")
    visit(found, 0, 1, color=0)
    assert earlier(found, 2) == ()


@pytest.mark.parametrize(("hours", "carried"), [(24.99, 1), (25, 0), (48, 0)])
def test_a_stay_that_ended_a_day_ago_is_not_carried(hours: float, carried: int) -> None:
    found = Stays()
    visit(found, 0, 1)
    assert len(earlier(found, hours)) == carried


def test_of_several_stays_only_those_of_the_last_day_are_carried() -> None:
    """Also while another vehicle left in between, so that its stays stand before this one's."""
    found = Stays()
    visit(found, 0, 1)
    visit(found, 2, 1, plate="测B1")
    recent = visit(found, 20, 1)
    assert earlier(found, 25.5) == (recent,)


def test_a_stay_keeps_what_it_carries_however_long_it_lasts() -> None:
    found = Stays()
    before = visit(found, 0, 1, paid=500)
    stays(opened("long"), begin=found, at=replace(NOW, wall=AT + 2 * HOUR))
    visit(found, 24 * 30, 1, plate="测B1")
    stay = found.of(PLATE, 1)
    assert stay is not None
    assert stay.earlier == ((NOW.boot, before),)


def test_a_long_stay_counts_from_its_end() -> None:
    found = Stays()
    long = visit(found, 0, 24 * 30, paid=9900)
    assert earlier(found, 24 * 30 + 1) == (long,)


def test_a_car_that_was_inside_before_the_gateway_carries_stays_too() -> None:
    found = Stays()
    before = visit(found, 0, 1)
    entered = (AT + 2 * HOUR).isoformat()
    stay = stays(StayImported("s9", PLATE, 1, 1, entered), begin=found).of(PLATE, 1)
    assert stay is not None
    assert stay.earlier == ((NOW.boot, before),)


def test_a_step_of_the_clock_moves_the_stays_before_with_the_stay() -> None:
    """Else a vehicle that came again after five minutes would have left years ago, or not yet."""
    found = Stays()
    visit(found, 0, 1)
    stays(opened("s2"), begin=found, at=replace(NOW, wall=AT + 2 * HOUR))
    stay = stays(ClockStepped(-3600.0 * 3), begin=found).of(PLATE, 1)
    assert stay is not None
    ((_, before),) = stay.earlier
    assert stay.entered - before.exit == HOUR


def test_a_step_of_the_clock_leaves_what_another_run_saw_end() -> None:
    """Its clock did not step: the time between that end and this beginning was measured as it was."""
    found = Stays()
    before = visit(found, 0, 1)
    again = replace(NOW, wall=AT + 2 * HOUR, boot="the next run")
    stays(opened("s2"), begin=found, at=again)
    stays(ClockStepped(3600.0), begin=found, at=again)
    stay = found.of(PLATE, 1)
    assert stay is not None
    assert (stay.entered, stay.earlier) == (AT + 3 * HOUR, ((NOW.boot, before),))


def test_a_clock_that_is_not_trusted_forgets_nobody() -> None:
    found = Stays()
    visit(found, 0, 1)
    ahead = replace(NOW, wall=AT + 9999 * HOUR, trusted=False)
    stays(opened("s2", "测B1"), begin=found, at=ahead)
    assert len(earlier(found, 2)) == 1


def test_of_a_stay_whose_exit_nobody_saw_no_length_is_known() -> None:
    found = stays(opened("s1"))
    stays(StayClosed("s1", "superseded", 0, 0, None), begin=found, at=replace(NOW, wall=AT + 5 * HOUR))
    assert earlier(found, 5) == (Earlier(AT, AT),)


def test_what_is_owed_counts_of_a_shared_cap_as_if_it_were_paid() -> None:
    found = stays(opened("s1"), StayClosed("s1", "owed", 2000, 0, {"free": False}))
    assert [stay.fen for stay in earlier(found, 1)] == [2000]


def test_a_step_of_the_clock_moves_the_stays_that_have_ended() -> None:
    found = Stays()
    visit(found, 0, 1)
    stays(ClockStepped(3600.0 * 72), begin=found)
    assert len(earlier(found, 74)) == 1


def test_vehicles_that_do_not_come_again_are_forgotten() -> None:
    found = Stays()
    for number in range(100):
        visit(found, number, 0.5, plate=f"测B{number:05}")
    assert len(found.ended) <= 26


def test_a_vehicle_that_comes_all_the_time_is_remembered_for_a_day_only() -> None:
    """Between others that come once: never is it the one that left longest ago."""
    found = Stays()
    for number in range(200):
        visit(found, number, 0.25)
        visit(found, number + 0.5, 0.25, plate=f"测B{number:05}")
    assert len(found.ended[PLATE, 1]) <= 26


# --- what is forgotten -------------------------------------------------------------------------------------


def test_closed_stays_are_remembered_up_to_a_number() -> None:
    found = Stays()
    for n in range(KEPT_CLOSED + 10):
        plate = f"测A{n:05}"
        stays(opened(f"s{n}", plate), intended(f"i{n}", f"s{n}"), settled(f"i{n}"), closed(f"s{n}"), begin=found)
    assert len(found.closed) == len(found.intents) == KEPT_CLOSED
    assert found.left("测A00009", 1) is None
    assert found.left("测A00010", 1) is not None
    assert "i9" not in found.intents


def test_a_vehicle_that_comes_all_day_is_remembered_with_each_of_its_visits() -> None:
    """Money for the visit before may come late: its platform was away."""
    found = Stays()
    for n in range(10):
        stays(opened(f"s{n}"), intended(f"i{n}", f"s{n}"), settled(f"i{n}"), closed(f"s{n}"), begin=found)
    assert list(found.intents) == [f"i{n}" for n in range(10)]
    assert list(found.closed) == [f"s{n}" for n in range(10)]
    assert found.left(PLATE, 1) == found.left_of_plate(PLATE) == known(found, "s9")


def test_what_is_not_decided_is_never_forgotten() -> None:
    found = Stays()
    for n in range(3):
        stays(opened(f"s{n}"), intended(f"i{n}", f"s{n}"), closed(f"s{n}", "owed"), begin=found)
    assert [intent.id for intent in found.begun()] == ["i0", "i1", "i2"]
    stays(NotDebited("i0", ""), begin=found)
    assert found.intents["i0"].state == "not made"


def test_other_entries_change_nothing() -> None:
    found = stays(opened())
    assert stays(Booted("1", "c", "t"), Alarm("a", "b"), begin=stays(opened())) == found


# --- money from elsewhere ----------------------------------------------------------------------------------


def paid(payment: str = "p1", stay: str = "s1", fen: int = 300) -> PaymentMade:
    return PaymentMade(payment, stay, fen, "wechat")


def known(found: Stays, stay: str = "s1") -> Stay:
    """The stay with this id, which must be remembered."""
    there = found.find(stay)
    assert there is not None
    return there


def test_a_payment_is_of_its_stay_at_its_time() -> None:
    found = stays(opened(), opened("s2", "测B1"), paid("p1"), begin=Stays())
    stays(paid("p2", fen=200), at=replace(NOW, wall=AT + HOUR, boot="next"), begin=found)
    assert known(found).payments == (("boot", Paid(AT, 300)), ("next", Paid(AT + HOUR, 200)))
    assert (known(found).paid, known(found, "s2").paid) == (500, 0)
    assert found.payments == {"p1": paid("p1"), "p2": paid("p2", fen=200)}


def test_a_step_of_the_clock_moves_the_payments_that_its_run_saw() -> None:
    found = stays(opened(), paid("p1"))
    stays(paid("p2"), ClockStepped(3600.0), at=replace(NOW, boot="next"), begin=found)
    assert [payment.at for _, payment in known(found).payments] == [AT, AT + HOUR]


def test_money_for_a_stay_that_nobody_knows_changes_none() -> None:
    found = stays(opened(), paid(stay="s9"), RefundDue("r1", "s9", 300, "why"))
    assert known(found) == known(stays(opened()))
    assert list(found.refunds) == ["r1"]


@pytest.mark.parametrize(
    ("bodies", "excess"),
    [
        ([paid(fen=900)], 0),  # it is open: it may still cost as much
        ([paid(fen=900), closed()], 400),
        ([paid(fen=500), closed()], 0),
        ([closed(reason="owed"), paid(fen=200)], 0),
        ([closed(reason="owed"), paid(fen=501)], 1),
        ([paid(fen=900), closed(), RefundDue("r1", "s1", 150, "")], 250),
        ([paid(fen=900), closed(), RefundDue("r1", "s1", 400, "")], 0),
        ([paid(fen=900), closed(), RefundDue("r1", "s1", 400, ""), RefundMade("r1", "", "")], 0),
    ],
)
def test_what_is_paid_above_what_a_stay_cost_is_its_excess_until_it_is_due_as_refund(
    bodies: list[Body], excess: int
) -> None:
    assert known(stays(opened(), *bodies)).excess == excess


def test_a_refund_is_due_until_it_is_paid_out() -> None:
    due = RefundDue("r1", "s1", 400, "why")
    found = stays(opened(), paid(fen=900), closed(), due)
    assert (found.refunds, known(found).refunds) == ({"r1": due}, (400,))
    stays(RefundMade("r1", "cashier", "cash"), RefundMade("r2", "cashier", "of nothing"), begin=found)
    assert (found.refunds, found.refunded, known(found).refunds) == ({}, {"r1"}, (400,))


def test_the_end_of_a_stay_says_how_what_it_cost_and_where() -> None:
    left = known(stays(opened(), closed(reason="let go"), lane="out1"))
    assert (left.reason, left.due, left.left_by, left.lane) == ("let go", 500, "out1", "out1")
    twice = stays(opened(), closed(), StayClosed("s1", "owed", 9900, 0, None))
    assert (known(twice).reason, known(twice).due) == ("paid", 500)


def test_a_debit_recorded_as_not_made_that_was_made_counts_as_paid() -> None:
    found = stays(opened(), intended(), NotDebited("i1", "too late"))
    assert known(found).paid == 0
    stays(DebitCorrected("i1", {"tac": "570bf7dc"}, 9500), begin=found)
    assert (found.intents["i1"].state, found.intents["i1"].proven, known(found).paid) == ("settled", True, 500)


# --- what is found, and by what ----------------------------------------------------------------------------


def test_a_plate_alone_finds_the_one_vehicle_that_has_it() -> None:
    found = stays(opened(color=4), opened("s2", "测B1"))
    assert found.of_plate(PLATE) == found.of(PLATE, 4)
    assert found.of_plate("测C1") is None
    stays(opened("s3", color=0), begin=found)
    assert found.of_plate(PLATE) is None


def test_a_debit_is_found_by_its_tag_and_the_second_in_its_tac() -> None:
    later = replace(intended("i2"), at=(AT + timedelta(seconds=1)).isoformat())
    found = stays(opened(), intended("i1"), NotDebited("i1", ""), later, replace(intended("i3"), obu_id="5a000001"))
    assert found.intent_of("652bc7a3", AT) == found.intents["i1"]
    assert found.intent_of("652bc7a3", (AT + timedelta(seconds=1)).astimezone(UTC)) == found.intents["i2"]
    assert found.intent_of("5a000001", AT) == found.intents["i3"]
    assert found.intent_of("5a000001", AT + timedelta(seconds=1)) is None
    assert found.intent_of("652bc7a4", AT) is None


def test_of_two_debits_in_one_second_the_one_without_outcome_is_found() -> None:
    """One lane could not send its order; another lane debits the tag in the same second."""
    found = stays(opened(), intended("i1"), NotDebited("i1", "too late"), intended("i2"))
    assert found.intent_of("652bc7a3", AT) == found.intents["i2"]


@pytest.mark.parametrize(("quote", "total"), [(None, 500), ({"total": 800}, 800), ({"total": "800"}, 500)])
def test_a_debit_knows_what_the_stay_cost_by_its_quote(quote: object, total: int) -> None:
    assert stays(opened(), replace(intended(), quote=quote)).intents["i1"].total == total


def test_a_credit_card_counts_down_in_32_bits() -> None:
    assert replace(INTENT, balance_before=100).balance_after == 2**32 - 400
    assert INTENT.balance_after == 9500


def test_the_newest_serial_of_each_terminal_is_known() -> None:
    def proof(terminal: object, serial: object) -> object:
        return {"terminal": terminal, "terminal_serial": serial, "tac": "570bf7dc"}

    found = stays(opened(), *(intended(f"i{n}") for n in range(6)))
    told: list[object] = [proof("a", 7), proof("b", 1), proof("a", 9), proof("a", 8), {"tac": "00000001"}, None]
    stays(*(settled(f"i{n}", said) for n, said in enumerate(told)), begin=found)
    assert found.serials == {"a": 9, "b": 1}


@pytest.mark.parametrize(
    ("proof", "serial"),
    [
        ({"terminal": "a", "terminal_serial": 7, "tac": "x"}, ("a", 7)),
        ({"terminal": "a"}, None),
        ({"terminal": "a", "terminal_serial": "7"}, None),
        ({"actor": "x", "reason": "y"}, None),
        (None, None),
    ],
)
def test_only_the_proof_of_an_antenna_has_a_serial(proof: object, serial: tuple[str, int] | None) -> None:
    assert serial_of(proof) == serial


# --- what is kept ------------------------------------------------------------------------------------------


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two stays that have ended are remembered."""
    monkeypatch.setattr("gateway.ledger.stays.KEPT_CLOSED", 2)


def others(found: Stays, *, times: int = 3) -> Stays:
    """Other vehicles come and go, so that it is the turn of the stay before to be forgotten."""
    for n in range(times):
        stays(opened(f"n{n}", f"测N{n:05}"), closed(f"n{n}"), begin=found)
    return found


@pytest.mark.usefixtures("few")
def test_a_stay_is_kept_while_a_debit_of_it_has_no_outcome() -> None:
    found = others(stays(opened(), intended(), DebitUnresolved("i1", ""), closed(reason="superseded")))
    assert (known(found).reason, known(found).paid) == ("superseded", 0)
    stays(settled(), begin=found)
    assert (known(found).paid, known(found, "n2").paid) == (500, 0)


@pytest.mark.usefixtures("few")
def test_a_stay_is_kept_while_it_is_owed() -> None:
    found = others(stays(opened(), closed(reason="owed"), paid(fen=499)))
    stays(paid("p2", fen=2), begin=found)
    others(found)  # what is too much is not yet due as a refund
    stays(RefundDue("r1", "s1", 1, ""), PassageEnded("s1", "passed"), begin=found)
    assert (known(found).paid, known(found).excess, known(found).refunds) == (501, 0, (1,))


@pytest.mark.usefixtures("few")
def test_a_stay_that_was_kept_is_forgotten_when_its_money_has_come() -> None:
    found = others(stays(opened(), intended(), DebitUnresolved("i1", ""), closed(reason="owed")))
    stays(settled(), begin=found)
    others(found)
    assert (found.find("s1"), found.intents) == (None, {})


@pytest.mark.usefixtures("few")
def test_stays_that_were_kept_do_not_add_up_when_their_money_has_come() -> None:
    found = Stays()
    for n in range(10):
        stays(opened(f"s{n}", f"测S{n:05}"), closed(f"s{n}", "owed"), begin=found)
    others(found, times=20)
    for n in range(10):
        stays(paid(f"p{n}", f"s{n}", 500), begin=found)
    others(found, times=20)
    assert list(found.closed) == ["n18", "n19"]
    assert (found.payments, found.left("测S00000", 1)) == ({}, None)


@pytest.mark.usefixtures("few")
def test_the_newest_visit_is_the_one_that_is_found_whatever_is_kept_of_those_before() -> None:
    """Also when it is forgotten before them."""
    found = stays(opened(), closed(reason="owed"), opened("s2"), closed("s2"), opened("n", "测N1"), closed("n"))
    stays(opened("m", "测M1"), closed("m"), begin=found)
    assert list(found.closed) == ["s1", "m"]
    assert (found.left(PLATE, 1), found.left_of_plate(PLATE)) == (None, None)
    stays(paid(fen=500), begin=found)
    others(found)
    assert found.find("s1") is None
    found = stays(opened(), closed(reason="owed"), opened("n", "测N1"), closed("n"), opened("s2"), closed("s2"))
    assert list(found.closed) == ["n", "s2", "s1"]
    assert found.left(PLATE, 1) == found.left_of_plate(PLATE) == known(found, "s2")


def test_a_plate_alone_finds_the_vehicle_with_it_that_left_last() -> None:
    found = stays(
        opened(color=4), closed(), opened("s2", color=0), closed("s2"), opened("s3", "测B1"), closed("s3")
    )
    assert found.left_of_plate(PLATE) == known(found, "s2")
    stays(opened("s4", color=4), closed("s4"), begin=found)
    assert found.left_of_plate(PLATE) == known(found, "s4")
    assert found.left_of_plate("测C1") is None


@pytest.mark.parametrize(
    "bodies",
    [
        [paid(fen=500), closed()],
        [closed(reason="owed"), paid(fen=500)],
        [intended(), settled(), closed()],
        [intended(), NotDebited("i1", ""), paid(fen=500), closed()],
        [closed(reason="let go")],
        [paid(fen=600), closed(), RefundDue("r1", "s1", 100, ""), RefundMade("r1", "", "")],
    ],
)
@pytest.mark.parametrize("built", ["entry by entry", "at once"])
@pytest.mark.usefixtures("few")
def test_a_stay_whose_money_is_all_there_is_forgotten_with_all_that_belongs_to_it(
    bodies: list[Body], built: str
) -> None:
    found = stays(opened(), *bodies)
    if built == "at once":
        found = Stays(closed=dict(found.closed), intents=dict(found.intents), payments=dict(found.payments))
    others(found)
    assert (found.find("s1"), found.left(PLATE, 1), found.intents, found.payments) == (None, None, {}, {})
    assert (found.refunds, found.refunded) == ({}, set())


@pytest.mark.usefixtures("few")
def test_a_refund_that_is_paid_out_after_all_else_is_forgotten_is_forgotten_too() -> None:
    found = others(stays(opened(), paid(fen=600), closed(), RefundDue("r1", "s1", 100, "")))
    assert (found.find("s1"), list(found.refunds)) == (None, ["r1"])
    stays(RefundMade("r1", "", ""), begin=found)
    assert (found.refunds, found.refunded) == ({}, set())


@pytest.mark.usefixtures("few")
def test_debits_of_other_stays_are_not_forgotten_with_one() -> None:
    other = stays(opened("s2", "测B1"), intended("i2", "s2"), DebitUnresolved("i2", ""))
    own = (opened(), intended(), NotDebited("i1", ""), intended("i3"), settled("i3"), closed())
    found = others(stays(*own, begin=other))
    assert list(found.intents) == ["i2"]
    assert found.undecided("s2") == found.intents["i2"]


@pytest.mark.usefixtures("few")
def test_payments_of_other_stays_are_not_forgotten_with_one() -> None:
    found = stays(opened("s2", "测B1"), paid("p2", "s2"), opened(), paid("p1", fen=500), closed())
    assert others(found).payments == {"p2": paid("p2", "s2")}


def test_entries_applied_from_scratch_give_the_same_state() -> None:
    told = [opened(), paid(), intended(), DebitUnresolved("i1", ""), closed(reason="owed"), opened("s2"), settled()]
    assert stays(*told) == stays(*told)


def test_what_was_paid_too_much_does_not_count_of_a_shared_cap() -> None:
    found = stays(opened(), StayClosed("s1", "paid", 500, 900, {"free": False}))
    assert [stay.fen for stay in earlier(found, 1)] == [500]
