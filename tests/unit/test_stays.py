"""What the entries add up to: open stays, stays just closed, intents, and passages not ended."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.ledger.entries import (
    Alarm,
    ArmDown,
    Body,
    Booted,
    ClockStepped,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    LetThroughAgain,
    Moment,
    NotDebited,
    PassageEnded,
    StayClosed,
    StayImported,
    StayOpened,
)
from gateway.ledger.stays import KEPT_CLOSED, Intent, Stay, Stays
from protocols.rsu.messages import CHINA

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


# --- debits ------------------------------------------------------------------------------------------------

INTENT = Intent("i1", "s1", "card", 500, 10_000)


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
    assert found.intents == {"i1": replace(INTENT, state=state, proven=proven)}
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


# --- passages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [opened(), closed(), LetThroughAgain("s1")])
def test_an_opening_lasts_until_its_passage_has_ended(reason: Body) -> None:
    found = stays(reason)
    assert found.passing == {"in1": "s1"}
    stays(PassageEnded("s1", "nobody came"), lane="out1", begin=found)
    assert found.passing == {"in1": "s1"}
    stays(PassageEnded("s1", "nobody came"), begin=found)
    assert found.passing == {}


@pytest.mark.parametrize("reason", [opened(), closed(), LetThroughAgain("s1")])
@pytest.mark.parametrize("outcome", ["passed", "nobody came", "still under the arm", "the gateway stopped"])
def test_an_arm_is_up_until_it_is_down_however_its_passage_has_ended(reason: Body, outcome: str) -> None:
    found = stays(reason, PassageEnded("s1", outcome))
    assert found.raised == {"in1"}
    stays(ArmDown(), lane="out1", begin=found)
    assert found.raised == {"in1"}
    stays(ArmDown(), begin=found)
    assert found.raised == set()


def test_a_stay_that_ends_in_no_lane_opens_nothing() -> None:
    found = stays(closed(), lane="")
    assert (found.passing, found.raised) == ({}, set())


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


def test_a_vehicle_that_comes_every_day_is_remembered_once() -> None:
    found = Stays()
    for n in range(10):
        stays(opened(f"s{n}"), intended(f"i{n}", f"s{n}"), settled(f"i{n}"), closed(f"s{n}"), begin=found)
    assert list(found.intents) == ["i9"]
    assert len(found.closed) == 1


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
