"""Whoever is not let through by its tag waits: for a payment, a person or another tag, and never without an end."""

from dataclasses import replace

import pytest

from drivers.ports import CloseBarrier, Debit, InputChanged, OpenBarrier, PlateSeen, Show, TagRead
from gateway.lane import checks, core
from gateway.lane.arrival import FOLLOWER_AGAIN
from gateway.lane.checks import Refusal
from gateway.lane.core import Reconsider
from gateway.lane.loops import BACKED_OUT
from gateway.lane.state import Closing, Debiting, Do, Facts, Idle, LaneRules, Passing, Record, Waiting
from gateway.ledger.entries import (
    Alarm,
    ArmDown,
    DebitIntended,
    PassageAbandoned,
    PassageEnded,
    PaymentAsked,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.lists import UNKNOWN_CLASS, UNKNOWN_COLOR
from tools.crossing import (
    AT_NO_COST,
    BOOKED,
    CARD,
    ENTRY,
    EXIT,
    FACTS,
    FREE_FLOW,
    GOODBYE,
    NOW,
    OTHER,
    OWED,
    PAID_BEFORE,
    PLATE,
    QUOTE,
    READ,
    READY,
    STAY,
    TAG,
    UNRESOLVED,
    UNSURE,
    after_paying,
    asking,
    bodies,
    later,
    orders,
    passing,
    priced,
    refusal,
    released,
    shown,
    take,
    waiting,
)

EMPTY = replace(READ, card=replace(CARD, balance=0))
LISTED = replace(FACTS, listed=True)
WITH_LOOP = replace(EXIT, inputs=frozenset({"presence", "approach"}))
ON_LOOP, OFF_LOOP, NO_LOOP = (InputChanged("gate2", "approach", on=on) for on in (True, False, None))

WITH_CAMERA, SEEN = replace(EXIT, camera="cam2"), PlateSeen("cam2", PLATE, 1)

WAITS = replace(READY, phase=waiting(checks.BALANCE, STAY, QUOTE))
ON_THE_LOOP = replace(WAITS, loops=(("approach", True),))


# --- refused -----------------------------------------------------------------------------------------------


def test_a_refused_vehicle_at_an_exit_is_asked_for_the_money() -> None:
    lane, actions = take(EXIT, READY, FACTS, EMPTY)
    assert actions == refusal(EXIT, checks.BALANCE, "1500 fen", QUOTE)
    assert lane == WAITS
    assert core.deadline(lane) == 1300.0


def test_it_is_asked_what_it_costs_without_a_tag() -> None:
    """A rebate for paying by tag is not given to whoever pays otherwise."""
    dearer = replace(QUOTE, total=1600)
    lane, actions = take(EXIT, READY, replace(FACTS, asked=dearer), EMPTY)
    assert bodies(actions)[1] == PaymentAsked("s1", PLATE, 1600, dearer.to_json())
    assert lane.phase == waiting(checks.BALANCE, STAY, dearer)


def test_it_is_asked_for_what_is_not_yet_paid() -> None:
    partly = priced(1400)
    facts = replace(FACTS, stay=after_paying(1400), quote=partly, asked=partly)
    assert take(EXIT, READY, facts, EMPTY)[1] == refusal(EXIT, checks.BALANCE, "100 fen", partly)


def test_a_listed_card_is_refused_at_either_end() -> None:
    lane, actions = take(EXIT, READY, LISTED, READ)
    assert actions == refusal(EXIT, checks.LISTED, asked=QUOTE)
    assert lane.phase == waiting(checks.LISTED, STAY, QUOTE)
    lane, actions = take(ENTRY, READY, Facts("b-1", listed=True), READ)
    assert actions == refusal(ENTRY, checks.LISTED)
    assert lane.phase == waiting(checks.LISTED)


def test_a_stay_that_is_too_old_is_for_a_person_and_no_price_is_named() -> None:
    """Its exit was probably never seen: nobody is billed for months without a person (domain 4.4 item 2)."""
    for rules, old in ((replace(EXIT, stale=7199.0), True), (replace(EXIT, stale=7200.0), False)):
        lane, actions = take(rules, READY, FACTS, READ)
        if old:
            assert actions == refusal(EXIT, checks.STALE)
            assert lane.phase == waiting(checks.STALE, STAY)
        else:
            assert isinstance(lane.phase, Debiting)


@pytest.mark.parametrize("facts", [AT_NO_COST, PAID_BEFORE], ids=["free", "paid before"])
def test_whatever_is_wrong_with_a_tag_that_need_not_pay_lets_it_out(facts: Facts) -> None:
    for given, read in ((replace(facts, listed=True), READ), (facts, replace(READ, tag=replace(TAG, locked=True)))):
        lane, actions = take(EXIT, READY, given, read)
        assert [type(body) for body in bodies(actions)] == [StayClosed]
        assert isinstance(lane.phase, Passing)


def test_a_nameless_tag_lets_nobody_out_for_nothing() -> None:
    """A removed tag may lie in any vehicle."""
    lane, actions = take(EXIT, READY, AT_NO_COST, replace(READ, tag=replace(TAG, removed=True)))
    assert [type(body) for body in bodies(actions)] == [Refused]
    assert isinstance(lane.phase, Waiting)


def test_in_free_flow_a_refused_vehicle_drives_on_and_owes() -> None:
    """Nobody can be held there."""
    lane, actions = take(FREE_FLOW, READY, FACTS, EMPTY)
    assert lane.phase == Idle()
    refused = Refused(checks.BALANCE.code, PLATE, TAG.obu_id, CARD.number, "1500 fen")
    assert bodies(actions) == [refused, OWED, PassageEnded("s1", "passed")]
    words = Show(FREE_FLOW.name, checks.BALANCE.zh, checks.BALANCE.en)  # and no staff to call
    assert orders(actions) == [released(FREE_FLOW).order, words]


def test_in_free_flow_without_a_price_nothing_is_owed() -> None:
    for facts, now in ((Facts("b-1"), NOW), (FACTS, UNSURE)):
        lane, actions = take(FREE_FLOW, READY, facts, READ, now)
        assert [type(body) for body in bodies(actions)] == [Refused]
        assert lane.phase == Idle()


def test_in_a_fire_nobody_is_held_or_asked_for_money() -> None:
    burning = replace(READY, fires=frozenset({"gate1"}))
    for rules in (ENTRY, EXIT):
        lane, actions = take(rules, burning, FACTS, READ)
        assert (lane, actions) == (burning, refusal(rules, checks.FIRE_ALARM))


# --- the same said once ------------------------------------------------------------------------------------


def test_the_same_refusal_is_recorded_once_and_its_time_runs_on() -> None:
    lane, actions = take(EXIT, WAITS, FACTS, EMPTY, later(30))
    assert lane == WAITS
    assert actions == [shown(EXIT, checks.BALANCE), released(EXIT)]


@pytest.mark.parametrize(
    ("read", "facts", "why"),
    [
        (EMPTY, LISTED, checks.LISTED),
        (replace(EMPTY, tag=replace(TAG, locked=True)), FACTS, checks.LOCKED),
    ],
    ids=["listed", "locked"],
)
def test_another_reason_is_recorded_anew(read: TagRead, facts: Facts, why: Refusal) -> None:
    lane, actions = take(EXIT, WAITS, facts, read)
    assert actions == refusal(EXIT, why, asked=QUOTE)
    assert lane.phase == waiting(why, STAY, QUOTE)


def test_a_nameless_tag_that_is_read_again_is_recorded_once() -> None:
    removed = replace(READ, tag=replace(TAG, removed=True))
    lane, _ = take(ENTRY, READY, Facts("b-1"), removed)
    assert take(ENTRY, lane, Facts("b-1"), removed, later(30)) == (
        lane,
        [shown(ENTRY, checks.REMOVED), released(ENTRY)],
    )


# --- payment -----------------------------------------------------------------------------------------------


def paid(fen: int) -> Facts:
    return replace(FACTS, stay=after_paying(fen), quote=priced(fen), asked=priced(fen))


@pytest.mark.parametrize("fen", [1500, 1600])
def test_a_payment_that_covers_the_price_opens(fen: int) -> None:
    lane, actions = take(EXIT, WAITS, paid(fen), Reconsider())
    assert bodies(actions) == [replace(BOOKED, paid=fen)]
    assert orders(actions)[0] == OpenBarrier("gate2")
    assert isinstance(lane.phase, Passing)


def test_the_driver_who_has_paid_reads_what_was_paid() -> None:
    assert orders(take(EXIT, WAITS, paid(1500), Reconsider())[1]) == [OpenBarrier("gate2"), GOODBYE]


def test_what_was_asked_holds_while_the_driver_pays() -> None:
    """An hour that begins while the driver stands at the machine is not charged."""
    dearer = replace(QUOTE, total=2500)
    facts = replace(paid(1500), quote=dearer, asked=dearer)
    assert bodies(take(EXIT, WAITS, facts, Reconsider(), later(200))[1]) == [BOOKED]


def test_a_payment_that_does_not_cover_it_opens_nothing() -> None:
    assert take(EXIT, WAITS, paid(1499), Reconsider()) == (WAITS, [])


@pytest.mark.parametrize("stay", [None, replace(STAY, id="s2")], ids=["left", "came again"])
def test_whoever_has_left_elsewhere_is_not_waited_for(stay: object) -> None:
    facts = replace(FACTS, stay=stay or None)
    lane, actions = take(EXIT, WAITS, facts, Reconsider())
    assert (lane, actions) == (READY, [Record(PassageAbandoned("left elsewhere", "s1", PLATE))])


@pytest.mark.parametrize(
    "phase",
    [waiting(checks.CLOCK, STAY), waiting(checks.NO_STAY), Idle(), Passing("s1", 1060.0)],
    ids=["no price", "no stay", "idle", "passing"],
)
def test_news_of_money_opens_only_for_whom_a_price_was_named(phase: Waiting | Idle | Passing) -> None:
    lane = replace(READY, phase=phase)
    assert take(EXIT, lane, paid(1500), Reconsider()) == (lane, [])


# --- another tag -------------------------------------------------------------------------------------------


def test_a_tag_that_can_pay_ends_the_wait() -> None:
    lane, actions = take(EXIT, WAITS, FACTS, READ)
    assert sum(isinstance(order, Debit) for order in orders(actions)) == 1
    assert isinstance(lane.phase, Debiting)


def test_a_card_put_in_lets_the_vehicle_in() -> None:
    lane, actions = take(ENTRY, READY, Facts("b-1"), replace(READ, tag=replace(TAG, has_card=False)))
    assert lane.phase == waiting(checks.NO_CARD)
    lane, actions = take(ENTRY, lane, Facts("b-2"), READ)
    assert bodies(actions) == [StayOpened("b-2", PLATE, 1, 1, TAG.obu_id, CARD.number)]


def test_a_tag_that_comes_while_its_stay_is_dealt_with_elsewhere_leaves_the_wait_as_it_is() -> None:
    assert take(EXIT, WAITS, replace(FACTS, busy=True), READ) == (WAITS, [released(EXIT, 1.0)])
    facts = replace(FACTS, ledger_fault="disk full")
    assert take(EXIT, WAITS, facts, READ) == (WAITS, [shown(EXIT, checks.LEDGER), released(EXIT)])


def test_a_followers_tag_leaves_the_wait_as_it_is_where_a_loop_tells_that_the_first_still_stands() -> None:
    """Or the follower would pay, and the first drive out."""
    for facts in (Facts("b-1"), FACTS):
        assert take(WITH_LOOP, ON_THE_LOOP, facts, OTHER) == (
            ON_THE_LOOP,
            [released(EXIT, FOLLOWER_AGAIN, OTHER.tag.obu_id)],
        )


def test_nor_does_a_followers_tag_that_the_camera_contradicts_where_no_loop_tells() -> None:
    """The first would pay, and nobody open for it."""
    lane = replace(WAITS, phase=waiting(None, STAY, QUOTE))
    for _ in range(2):
        lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN)
    assert take(WITH_CAMERA, lane, Facts("b-2"), OTHER) == (
        lane,
        [released(EXIT, FOLLOWER_AGAIN, OTHER.tag.obu_id)],
    )
    assert orders(take(WITH_CAMERA, lane, paid(1500), Reconsider())[1])[0] == OpenBarrier("gate2")


@pytest.mark.parametrize(("color", "debits"), [(UNKNOWN_COLOR, 1), (1, 1), (4, 0)])
def test_a_late_tag_pays_for_its_vehicle_and_a_colour_that_nobody_read_is_any(color: int, debits: int) -> None:
    lane = replace(ON_THE_LOOP, phase=replace(waiting(None, STAY, QUOTE), vehicle=(PLATE, color)))
    _, actions = take(WITH_LOOP, lane, replace(FACTS, stay=replace(STAY, color=color)), READ, later(4))
    assert sum(isinstance(order, Debit) for order in orders(actions)) == debits


def test_where_no_loop_tells_whoever_waited_is_taken_to_have_made_way() -> None:
    lane, actions = take(EXIT, WAITS, Facts("b-1"), OTHER)
    assert bodies(actions)[0] == PassageAbandoned("another came", "s1", PLATE)
    assert isinstance(bodies(actions)[1], Refused)
    assert isinstance(lane.phase, Waiting)
    assert lane.phase.vehicle == ("测A54321", 1)


def test_whoever_waits_nameless_may_have_any_tag() -> None:
    """One tag of a vehicle was removed, and another one in it is good."""
    nameless = replace(ON_THE_LOOP, phase=Waiting(None, None, None, checks.REMOVED.code, 1300.0))
    lane, actions = take(WITH_LOOP, nameless, FACTS, READ)
    assert isinstance(lane.phase, Debiting)
    assert [type(body) for body in bodies(actions)] == [DebitIntended]


def test_its_own_tag_waits_until_the_loop_is_on_again() -> None:
    off = replace(ON_THE_LOOP, loops=(("approach", False),))
    assert take(WITH_LOOP, off, FACTS, READ) == (off, [released(EXIT, FOLLOWER_AGAIN)])


def test_the_camera_is_not_waited_for_again_by_whoever_waits() -> None:
    lane, _ = take(WITH_CAMERA, WAITS, FACTS, READ)
    assert isinstance(lane.phase, Debiting)


# --- by plate while waiting --------------------------------------------------------------------------------


def test_a_vehicle_whose_tag_names_nobody_is_asked_by_its_plate() -> None:
    lane, _ = take(WITH_CAMERA, READY, FACTS, replace(READ, vehicle=None))
    for _ in range(2):
        lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN)
    assert core.deadline(lane) == 1003.0
    lane, actions = take(WITH_CAMERA, lane, FACTS, None, later(3))
    assert actions == asking()
    assert lane.phase == replace(waiting(None, STAY, QUOTE), until=1303.0)


def test_a_vehicle_that_is_known_is_not_asked_again_by_its_plate() -> None:
    lane = WAITS
    for _ in range(2):
        lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN)
    assert core.deadline(lane) == 1300.0


def test_a_plate_that_becomes_sure_after_its_tag_was_refused_lets_it_in() -> None:
    """The usual order: tag first, then the camera. Without any tag it would be in."""
    rules = replace(ENTRY, camera="cam1")
    lane, _ = take(rules, READY, Facts("b-1"), SEEN)
    lane, _ = take(rules, lane, Facts("b-1"), replace(READ, tag=replace(TAG, locked=True)))
    assert isinstance(lane.phase, Waiting)
    lane, _ = take(rules, lane, Facts("b-1"), SEEN)
    assert core.deadline(lane) == 1003.0
    _, actions = take(rules, lane, Facts("b-1"), None, later(3))
    assert bodies(actions) == [StayOpened("b-1", PLATE, 1, UNKNOWN_CLASS, "", "")]
    assert orders(actions)[0] == OpenBarrier("gate1")


# --- an outcome that comes while its vehicle waits ---------------------------------------------------------


def test_whoever_was_held_for_a_debit_in_doubt_is_asked_when_it_was_not_made() -> None:
    """For what was to be debited: a driver does not pay for the time of our doubt."""
    held = replace(READY, phase=waiting(checks.IN_DOUBT, STAY, QUOTE))
    dearer = replace(QUOTE, total=2500)
    lane, actions = take(EXIT, held, replace(FACTS, quote=dearer, asked=dearer), Reconsider())
    assert actions == asking(QUOTE)
    assert lane.phase == waiting(None, STAY, QUOTE)
    assert take(EXIT, held, replace(FACTS, doubt=UNRESOLVED), Reconsider()) == (held, [])


def test_whoever_was_held_for_a_debit_in_doubt_is_let_out_when_it_was_made() -> None:
    held = replace(READY, phase=waiting(checks.IN_DOUBT, STAY, QUOTE))
    lane, actions = take(EXIT, held, paid(1500), Reconsider())
    assert bodies(actions) == [BOOKED]
    assert isinstance(lane.phase, Passing)


def test_a_payment_does_not_raise_the_arm_while_the_other_of_an_interlock_is_up() -> None:
    assert take(EXIT, WAITS, replace(paid(1500), busy=True), Reconsider()) == (WAITS, [])


# --- backing out, and the end ------------------------------------------------------------------------------


def test_whoever_backs_out_is_recorded_after_a_moment() -> None:
    lane, actions = take(WITH_LOOP, ON_THE_LOOP, FACTS, OFF_LOOP)
    assert (actions, core.deadline(lane)) == ([], 1000 + BACKED_OUT)
    assert take(WITH_LOOP, lane, FACTS, None, later(2.9)) == (lane, [])
    lane, actions = take(WITH_LOOP, lane, FACTS, None, later(3))
    assert actions == [Record(PassageAbandoned("backed out", "s1", PLATE))]
    assert lane.phase == Idle()


@pytest.mark.parametrize("back", [ON_LOOP, NO_LOOP], ids=["on", "unknown"])
def test_a_loop_that_loses_a_high_axle_for_a_moment_ends_nothing(back: InputChanged) -> None:
    lane, _ = take(WITH_LOOP, ON_THE_LOOP, FACTS, OFF_LOOP)
    lane, _ = take(WITH_LOOP, lane, FACTS, back, later(2))
    assert core.deadline(lane) == 1300.0


def test_a_wait_ends_at_its_time_though_the_vehicle_has_just_moved() -> None:
    lane, _ = take(WITH_LOOP, ON_THE_LOOP, FACTS, OFF_LOOP, later(299))
    assert core.deadline(lane) == 1300.0
    assert bodies(take(WITH_LOOP, lane, FACTS, None, later(300))[1]) == [
        PassageAbandoned("nobody decided", "s1", PLATE)
    ]


def test_a_wait_without_a_loop_ends_at_its_time() -> None:
    assert take(EXIT, WAITS, FACTS, None, later(299.9)) == (WAITS, [])
    lane, actions = take(EXIT, WAITS, FACTS, None, later(300))
    assert (lane, actions) == (READY, [Record(PassageAbandoned("nobody decided", "s1", PLATE))])


def test_a_wait_for_nobody_in_particular_is_recorded_too() -> None:
    lane = replace(READY, phase=replace(waiting(checks.UNREADABLE), vehicle=None))
    assert bodies(take(EXIT, lane, FACTS, None, later(300))[1]) == [PassageAbandoned("nobody decided", "", "")]


@pytest.mark.parametrize("rules", [ENTRY, EXIT], ids=lambda rules: rules.role)
def test_refusal_after_refusal_comes_to_an_end_in_silence(rules: LaneRules) -> None:
    lane, now = take(rules, READY, FACTS, replace(READ, tag=replace(TAG, locked=True)))[0], later(0)
    while (due := core.deadline(lane)) is not None:
        now = replace(now, mono=due)
        lane, _ = take(rules, lane, FACTS, None, now)
    assert lane == READY
    assert now.mono == 1300.0


def test_what_was_asked_for_asks_for_no_debit() -> None:
    """By plate in a lane whose stay is free by now: the record of the end names what it cost."""
    closed = StayClosed("s1", "paid", 1500, 1500, QUOTE.to_json())
    lane = replace(READY, phase=waiting(None, STAY, QUOTE))
    _, actions = take(EXIT, lane, paid(1500), Reconsider())
    assert bodies(actions) == [closed]
    assert not any(isinstance(order, Debit) for order in orders(actions))


# --- the arm in front of whoever waits ---------------------------------------------------------------------

UP = replace(WAITS, occupied=True, arm_closed=False, arm_left_up=True)
FREE_LOOP, ARM_DOWN, ARM_UP = (
    InputChanged("gate2", "presence", on=False),
    InputChanged("gate2", "closed", on=True),
    InputChanged("gate2", "closed", on=False),
)


def test_an_arm_that_was_left_up_comes_down_before_whoever_has_not_paid() -> None:
    lane, actions = take(EXIT, UP, FACTS, FREE_LOOP)
    assert actions == [Do(CloseBarrier("gate2"))]
    assert (lane.stay, type(lane.phase)) == (None, Waiting)
    assert take(EXIT, lane, FACTS, EMPTY, later(30))[1] == [shown(EXIT, checks.BALANCE), released(EXIT)]
    lane, actions = take(EXIT, lane, FACTS, ARM_DOWN)
    assert actions == [Record(ArmDown())]
    assert not lane.arm_left_up


def test_it_rises_for_whoever_comes_under_it_and_comes_down_again() -> None:
    """GB/T 24973."""
    lane, _ = take(EXIT, UP, FACTS, FREE_LOOP)
    lane, actions = take(EXIT, lane, FACTS, replace(FREE_LOOP, on=True))
    followed = Record(Alarm("a vehicle followed under the arm", "out1"))
    assert actions == [Do(OpenBarrier("gate2")), followed]
    assert take(EXIT, lane, FACTS, FREE_LOOP)[1] == [Do(CloseBarrier("gate2"))]


@pytest.mark.parametrize("occupied", [True, None])
def test_it_stays_up_while_the_loop_is_not_known_to_be_free(occupied: bool | None) -> None:  # noqa: FBT001  a case
    _, actions = take(EXIT, replace(UP, occupied=occupied), FACTS, EMPTY)
    assert Do(CloseBarrier("gate2")) not in actions


FORCED = Alarm("the arm left its place without an order", "out1")


def test_an_arm_that_is_lifted_before_whoever_waits_is_told_and_its_wait_goes_on() -> None:
    """A bounce of the switch, a remote or the driver: who still stands there may pay as before."""
    lane, actions = take(EXIT, WAITS, FACTS, ARM_UP)
    assert actions == [Record(FORCED)]
    raised = replace(waiting(checks.BALANCE, STAY, QUOTE), raised=True)
    assert lane == replace(WAITS, phase=raised, arm_closed=False, arm_left_up=True)
    lane, actions = take(EXIT, lane, paid(1500), Reconsider())
    assert bodies(actions) == [BOOKED]
    assert lane.phase == replace(passing(), rising_until=None, up=True)


def test_it_comes_down_when_whoever_waited_has_gone() -> None:
    lane, _ = take(WITH_LOOP, ON_THE_LOOP, FACTS, ARM_UP)
    lane, _ = take(WITH_LOOP, lane, FACTS, OFF_LOOP)
    lane, actions = take(WITH_LOOP, lane, FACTS, None, later(3))
    assert actions == [Record(PassageAbandoned("backed out", "s1", PLATE)), Do(CloseBarrier("gate2"))]
    assert isinstance(lane.phase, Closing)


def test_a_driver_who_goes_under_the_closed_arm_is_told() -> None:
    _, actions = take(EXIT, WAITS, FACTS, InputChanged("gate2", "presence", on=True))
    assert actions == [Record(Alarm("a vehicle is under the closed arm", "out1"))]
