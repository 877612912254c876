"""What the ledger says of lanes: passages not ended, arms that may be up, pauses, holds, hands at the button."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest

from gateway.ledger.entries import (
    ArmDown,
    Body,
    Booted,
    DebitIntended,
    Draft,
    EtcSwitched,
    FireAlarm,
    LaneClosed,
    LaneHeld,
    LaneOpened,
    LetThroughAgain,
    Moment,
    OpenedByHand,
    PassageEnded,
    StayClosed,
    StayOpened,
)
from gateway.ledger.lanes import Lanes
from protocols.china import CHINA

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)


def lanes(*bodies: Body, lane: str = "in1", at: Moment = NOW, begin: Lanes | None = None) -> Lanes:
    found = begin or Lanes()
    for body in bodies:
        found.apply(Draft(at, lane, body))
    return found


def opened() -> StayOpened:
    return StayOpened("s1", "测A12345", 1, 1, "652bc7a3", "card")


def closed() -> StayClosed:
    return StayClosed("s1", "paid", 500, 500, None)


# --- passages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [opened(), closed(), LetThroughAgain("s1")])
def test_an_opening_lasts_until_its_passage_has_ended(reason: Body) -> None:
    found = lanes(reason)
    assert found.passing == {"in1": "s1"}
    lanes(PassageEnded("s1", "nobody came"), lane="out1", begin=found)
    assert found.passing == {"in1": "s1"}
    lanes(PassageEnded("s1", "nobody came"), begin=found)
    assert found.passing == {}


@pytest.mark.parametrize("reason", [opened(), closed(), LetThroughAgain("s1")])
@pytest.mark.parametrize("outcome", ["passed", "nobody came", "still under the arm", "the gateway stopped"])
def test_an_arm_is_up_until_it_is_down_however_its_passage_has_ended(reason: Body, outcome: str) -> None:
    found = lanes(reason, PassageEnded("s1", outcome))
    assert found.raised == {"in1"}
    lanes(ArmDown(), lane="out1", begin=found)
    assert found.raised == {"in1"}
    lanes(ArmDown(), begin=found)
    assert found.raised == set()


def test_a_stay_that_ends_in_no_lane_opens_nothing() -> None:
    found = lanes(closed(), lane="")
    assert (found.passing, found.raised) == ({}, set())


@pytest.mark.parametrize(
    "reason", [LaneOpened("duty", "why", "", ""), FireAlarm(on=True, device="gate1"), OpenedByHand(1)]
)
def test_an_arm_that_people_raised_is_up_until_it_is_down(reason: Body) -> None:
    found = lanes(reason)
    assert (found.raised, found.passing) == ({"in1"}, {})
    assert lanes(ArmDown(), begin=found).raised == set()


def test_the_end_of_a_fire_alarm_raises_nothing() -> None:
    assert lanes(FireAlarm(on=False, device="gate1"), Booted("1", "c", "t")) == Lanes(fires={"in1": set()})


def test_a_fire_lasts_in_a_lane_until_it_is_over_there() -> None:
    found = lanes(FireAlarm(on=True, device="gate1"))
    lanes(FireAlarm(on=True, device="gate1"), lane="out1", begin=found)
    lanes(FireAlarm(on=True, device="gate2"), begin=found)
    assert found.fires == {"in1": {"gate1", "gate2"}, "out1": {"gate1"}}
    lanes(FireAlarm(on=False, device="gate1"), begin=found)
    assert found.fires == {"in1": {"gate2"}, "out1": {"gate1"}}


def test_the_second_of_a_lanes_newest_debit_is_known() -> None:
    later = DebitIntended("i2", "s1", "652bc7a3", "card", 500, 9000, (AT + timedelta(seconds=1)).isoformat(), None)
    found = lanes(replace(later, intent="i1", at=AT.isoformat()), later)
    assert found.debited_at == {"in1": AT + timedelta(seconds=1)}


# --- switched and held -------------------------------------------------------------------------------------


def test_a_lane_is_paused_until_it_is_switched_on_again() -> None:
    off = EtcSwitched(on=False, actor="city", reason="why")
    on = replace(off, on=True)
    found = lanes(off, lane="out1")
    found = lanes(off, Booted("1", "c", "t"), lane="out2", begin=found)
    assert found.paused == {"out1", "out2"}
    lanes(on, lane="out1", begin=found)
    lanes(on, lane="in1", begin=found)
    assert found.paused == {"out2"}


@pytest.mark.parametrize("end", [LaneHeld(on=False, actor="duty", reason="over"), LaneClosed("duty", "over")])
def test_a_lane_is_held_until_that_is_over_and_its_arm_is_up_until_it_is_down(end: Body) -> None:
    found = lanes(LaneHeld(on=True, actor="duty", reason="a wedding"))
    assert (found.held, found.raised) == ({"in1"}, {"in1"})
    lanes(end, lane="out1", begin=found)
    assert found.held == {"in1"}
    lanes(end, begin=found)
    assert (found.held, "in1" in found.raised) == (set(), True)


# --- the handset -------------------------------------------------------------------------------------------


def test_hands_at_the_button_are_counted_by_lane_and_day() -> None:
    found = lanes(OpenedByHand(1), OpenedByHand(2))
    lanes(OpenedByHand(1), lane="out1", begin=found)
    today = AT.date()
    assert [found.by_hand(name, today) for name in ("in1", "out1", "in2")] == [2, 1, 0]
    assert found.by_hand("in1", today + timedelta(days=1)) == 0
    lanes(OpenedByHand(1), at=replace(NOW, wall=AT + timedelta(days=1)), begin=found)
    assert [found.by_hand("in1", date(2026, 11, day)) for day in (21, 22)] == [0, 1]
