"""Who has come: the loop says that somebody stands here, the camera whose tag it is, else the plate counts."""

from dataclasses import replace

import pytest

from drivers.ports import Debit, InputChanged, OpenBarrier, PlateSeen, TagRead
from gateway.lane import arrival, checks, core
from gateway.lane.arrival import FOLLOWER_AGAIN, UNKNOWN_AFTER
from gateway.lane.sight import FADES
from gateway.lane.state import (
    Action,
    Closing,
    Debiting,
    Facts,
    Identifying,
    Idle,
    Lane,
    LaneRules,
    Passing,
    Phase,
    Record,
    Waiting,
)
from gateway.ledger.entries import (
    Alarm,
    LetThroughAgain,
    Moment,
    PassageAbandoned,
    PassageEnded,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.lists import UNKNOWN_CLASS, UNKNOWN_COLOR
from gateway.orders import LetThrough
from protocols.obu.values import Vehicle
from tools.crossing import (
    AT_NO_COST,
    CARD,
    DEBITING,
    DOUBTING,
    ENTRY,
    EXIT,
    FACTS,
    FREE,
    FREE_FLOW,
    GOODBYE_FREE,
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
    WELCOME,
    asking,
    bodies,
    later,
    orders,
    released,
    shown,
    take,
    waiting,
)

LOOP = frozenset({"presence", "approach"})
ON_LOOP, OFF_LOOP = (InputChanged("gate2", "approach", on=on) for on in (True, False))
WITH_LOOP = replace(EXIT, inputs=LOOP)
NOBODY_HERE = replace(READY, loops=(("approach", False),))
SOMEBODY_HERE = replace(READY, loops=(("approach", True),))

WITH_CAMERA = replace(EXIT, camera="cam2")
IN_WITH_CAMERA = replace(ENTRY, camera="cam1")
SEEN, OTHER_SEEN = PlateSeen("cam2", PLATE, 1), PlateSeen("cam2", "测A54321", 1)


def follow(rules: LaneRules, lane: Lane, facts: Facts, *steps: core.Event | float) -> tuple[Lane, list[Action]]:
    """Take these events one after the other; a number is the second at which the lane is asked. All it did."""
    done: list[Action] = []
    now: Moment = NOW
    for step in steps:
        if isinstance(step, float):
            now = later(step)
            lane, actions = take(rules, lane, facts, None, now)
        else:
            lane, actions = take(rules, lane, facts, step, now)
        done += actions
    return lane, done


def debits(actions: list[Action]) -> int:
    return sum(isinstance(order, Debit) for order in orders(actions))


# --- the loop before the arm -------------------------------------------------------------------------------


def test_a_tag_is_dealt_with_when_its_vehicle_stands_on_the_loop() -> None:
    assert debits(follow(WITH_LOOP, SOMEBODY_HERE, FACTS, READ)[1]) == 1


def test_a_tag_waits_for_its_vehicle_to_reach_the_loop() -> None:
    lane, actions = follow(WITH_LOOP, NOBODY_HERE, FACTS, READ)
    assert actions == []
    assert lane.phase == Identifying(READ, 1000.5)
    assert core.deadline(lane) == 1000.5
    assert follow(WITH_LOOP, lane, FACTS, 0.4) == (lane, [])
    assert debits(follow(WITH_LOOP, lane, FACTS, ON_LOOP)[1]) == 1


def test_a_tag_whose_vehicle_does_not_come_is_let_go_of_and_not_debited() -> None:
    """It is read from afar, or stands in the lane beside."""
    lane, actions = follow(WITH_LOOP, NOBODY_HERE, FACTS, READ, 0.5)
    assert (lane, actions) == (NOBODY_HERE, [released(EXIT, 1.0)])


def test_a_loop_that_does_not_answer_keeps_nobody_out() -> None:
    assert debits(follow(WITH_LOOP, replace(READY, loops=(("approach", None),)), FACTS, READ)[1]) == 1


def test_a_second_tag_is_sent_back_while_one_is_being_identified() -> None:
    lane, actions = follow(WITH_LOOP, NOBODY_HERE, FACTS, READ, OTHER)
    assert lane.phase == Identifying(READ, 1000.5)
    assert actions == [released(EXIT, 1.0, OTHER.tag.obu_id)]


def test_a_ledger_that_cannot_write_any_more_ends_the_identification() -> None:
    """Neither stay nor intent would become durable, and the lane would wait for nothing."""
    for rules in (WITH_LOOP, replace(ENTRY, inputs=LOOP)):
        lane, _ = follow(rules, NOBODY_HERE, FACTS, READ)
        lane, actions = take(rules, lane, replace(FACTS, ledger_fault="disk full"), ON_LOOP)
        assert actions == [shown(rules, checks.LEDGER), released(rules)]
        assert lane.phase == Idle()


def test_a_stay_that_another_lane_begins_to_debit_meanwhile_waits() -> None:
    lane, _ = follow(WITH_LOOP, NOBODY_HERE, FACTS, READ)
    lane, actions = take(WITH_LOOP, lane, replace(FACTS, busy=True), ON_LOOP)
    assert actions == [released(EXIT, 1.0)]
    assert lane.phase == Idle()


# --- the camera --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plate", [SEEN, replace(SEEN, color=None)], ids=["colour", "no colour"])
def test_a_tag_whose_plate_was_read_is_dealt_with_at_once(plate: PlateSeen) -> None:
    assert debits(follow(WITH_CAMERA, READY, FACTS, plate, READ)[1]) == 1


def test_a_tag_waits_for_the_camera() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, READ)
    assert (lane.phase, actions) == (Identifying(READ, 1000.5), [])
    assert debits(follow(WITH_CAMERA, lane, FACTS, SEEN)[1]) == 1


def test_without_a_read_in_time_the_tag_alone_counts() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, READ, 0.5)
    assert debits(actions) == 1
    assert isinstance(lane.phase, Debiting)


def test_one_wrong_read_may_still_be_followed_by_the_right_one() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, replace(SEEN, plate="测A12346"), READ)
    assert (lane.phase, actions) == (Identifying(READ, 1000.5), [])
    assert debits(follow(WITH_CAMERA, lane, FACTS, SEEN)[1]) == 1


def not_its_tag(read: TagRead, plates: str) -> list[Action]:
    assert read.vehicle
    assert read.card
    refused = Refused(checks.NOT_ITS_TAG.code, read.vehicle.plate, read.tag.obu_id, read.card.number, plates)
    return [Record(refused), released(EXIT, FOLLOWER_AGAIN, read.tag.obu_id)]


@pytest.mark.parametrize("wrong", [OTHER_SEEN, replace(SEEN, color=4)], ids=["plate", "colour"])
def test_a_tag_that_the_camera_contradicts_is_not_debited(wrong: PlateSeen) -> None:
    """The same plate in another colour is another vehicle (domain 6.3)."""
    lane, actions = follow(WITH_CAMERA, READY, FACTS, wrong, READ, 0.5)
    assert actions == [*not_its_tag(READ, wrong.plate), shown(EXIT, checks.NOT_ITS_TAG)]
    assert lane.phase == Waiting(None, None, None, checks.NOT_ITS_TAG.code, 1300.5)


def test_a_followers_tag_is_sent_back_at_once_where_the_plate_before_the_arm_is_sure() -> None:
    """The plate of who stands here decides then; the follower is read again when it is its turn."""
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, OTHER)
    assert actions == not_its_tag(OTHER, PLATE)
    assert lane.phase == Idle()
    assert core.deadline(lane) == 1003.0


def test_of_two_tags_in_the_zone_the_one_that_fits_is_debited() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, OTHER, READ)
    assert isinstance(lane.phase, Debiting)
    assert lane.phase.obu_id == TAG.obu_id
    assert debits(actions) == 1


def test_a_tag_that_the_camera_contradicted_is_not_debited_because_the_read_has_faded() -> None:
    """One read of another plate, and the tag is read again and again: the vehicle has not left the loop."""
    rules = replace(WITH_CAMERA, inputs=LOOP)
    lane, _ = follow(rules, SOMEBODY_HERE, FACTS, OTHER_SEEN, READ, 0.5)
    assert isinstance(lane.phase, Waiting)
    waits = lane
    lane, actions = take(rules, lane, FACTS, READ, later(FADES + 5))
    assert (lane, actions) == (waits, [released(EXIT, FOLLOWER_AGAIN)])
    no_loop, _ = follow(WITH_CAMERA, READY, FACTS, OTHER_SEEN, READ, 0.5)
    assert debits(take(WITH_CAMERA, no_loop, FACTS, READ, later(FADES + 5))[1]) == 0


def test_all_that_the_camera_read_is_in_the_record_of_a_tag_that_does_not_fit() -> None:
    misread = replace(OTHER_SEEN, plate="测A54322")
    _, actions = follow(WITH_CAMERA, READY, FACTS, OTHER_SEEN, misread, OTHER_SEEN, READ)
    assert bodies(actions)[0] == Refused(
        checks.NOT_ITS_TAG.code, PLATE, TAG.obu_id, CARD.number, "测A54321 测A54322"
    )


def test_a_tag_that_names_no_vehicle_does_not_wait_for_the_camera() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, replace(READ, vehicle=None))
    assert bodies(actions) == [Refused("unreadable", "", TAG.obu_id, CARD.number, "")]
    assert lane.phase == Waiting(None, None, None, "unreadable", 1300.0)


def test_a_plate_counts_only_while_somebody_may_stand_here() -> None:
    rules = replace(WITH_CAMERA, inputs=LOOP)
    lane, _ = follow(rules, NOBODY_HERE, FACTS, SEEN, SEEN)
    assert lane == NOBODY_HERE
    lane, _ = follow(rules, SOMEBODY_HERE, FACTS, SEEN, SEEN, OFF_LOOP)
    assert lane == NOBODY_HERE  # whoever was read has gone again


# --- by plate ----------------------------------------------------------------------------------------------


def test_a_plate_seen_twice_waits_for_a_tag_and_then_counts() -> None:
    """An entry by plate: the stay has no tag and no card, and nobody has told the class."""
    lane, actions = follow(IN_WITH_CAMERA, READY, Facts("b-1"), SEEN)
    assert core.deadline(lane) is None
    lane, actions = follow(IN_WITH_CAMERA, lane, Facts("b-1"), SEEN)
    assert (actions, core.deadline(lane)) == ([], 1003.0)
    assert follow(IN_WITH_CAMERA, lane, Facts("b-1"), 2.9) == (lane, [])
    lane, actions = follow(IN_WITH_CAMERA, lane, Facts("b-1"), 3.0)
    assert bodies(actions) == [StayOpened("b-1", PLATE, 1, UNKNOWN_CLASS, "", "")]
    assert orders(actions) == [OpenBarrier("gate1"), WELCOME]
    assert isinstance(lane.phase, Passing)


def test_a_tag_that_comes_in_time_is_dealt_with_by_tag() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, READ)
    assert debits(actions) == 1
    assert core.deadline(lane) == 1020.0


def test_a_tag_that_comes_late_still_pays() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, 3.0)
    assert actions == asking()
    lane, actions = follow(WITH_CAMERA, lane, FACTS, READ)
    assert debits(actions) == 1


def test_at_an_exit_the_driver_is_asked_for_what_is_due() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, 3.0)
    assert actions == asking()
    assert lane.phase == replace(waiting(None, STAY, QUOTE), until=1303.0)


@pytest.mark.parametrize(
    ("facts", "closed"),
    [
        (AT_NO_COST, StayClosed("s1", "free", 0, 0, FREE.to_json())),
        (
            PAID_BEFORE,
            StayClosed("s1", "paid", 1500, 1500, PAID_BEFORE.quote.to_json() if PAID_BEFORE.quote else None),
        ),
    ],
    ids=["free", "paid before"],
)
def test_at_an_exit_nothing_due_opens(facts: Facts, closed: StayClosed) -> None:
    _, actions = follow(WITH_CAMERA, READY, facts, SEEN, SEEN, 3.0)
    assert bodies(actions) == [closed]
    assert orders(actions)[0] == OpenBarrier("gate2")


def test_a_plate_without_entry_record_is_refused() -> None:
    lane, actions = follow(WITH_CAMERA, READY, Facts("b-1"), SEEN, SEEN, 3.0)
    assert bodies(actions) == [Refused(checks.NO_STAY.code, PLATE, "", "", "")]
    assert lane.phase == replace(waiting(checks.NO_STAY), until=1303.0)


def test_in_free_flow_a_plate_leaves_owing() -> None:
    lane, actions = follow(replace(FREE_FLOW, camera="cam2"), Lane(), FACTS, SEEN, SEEN, 3.0)
    assert bodies(actions) == [OWED, PassageEnded("s1", "passed")]
    assert orders(actions) == [GOODBYE_FREE]
    assert lane.phase == Idle()


def test_a_car_that_came_in_by_plate_and_did_not_get_through_is_let_through_again() -> None:
    facts = Facts("b-2", replace(STAY, entered=NOW.wall, passed=False), quote=FREE)
    _, actions = follow(IN_WITH_CAMERA, READY, facts, SEEN, SEEN, 3.0)
    assert bodies(actions) == [LetThroughAgain("s1")]


@pytest.mark.parametrize(
    ("color", "stay", "held"),
    [(4, None, 4), (None, STAY, 1), (None, None, UNKNOWN_COLOR)],
    ids=["as read", "as at the entry", "not known"],
)
def test_the_colour_of_a_plate(color: int | None, stay: object, held: int) -> None:
    seen = replace(SEEN, color=color)
    facts = Facts("b-2", STAY if stay else None)
    _, actions = follow(IN_WITH_CAMERA, READY, facts, seen, seen, 3.0)
    opened = bodies(actions)[-1]
    assert isinstance(opened, StayOpened)
    assert opened.color == held


def test_a_plate_is_told_of_a_ledger_that_cannot_write_and_nothing_is_recorded() -> None:
    facts = replace(FACTS, ledger_fault="disk full")
    lane, actions = follow(WITH_CAMERA, READY, facts, SEEN, SEEN, 3.0)
    assert actions == [shown(EXIT, checks.LEDGER)]
    assert core.deadline(lane) == 1003 + FOLLOWER_AGAIN
    assert follow(WITH_CAMERA, lane, FACTS, 8.0)[1] == asking()  # it is well again


def test_a_plate_whose_stay_another_lane_deals_with_is_tried_again_soon() -> None:
    lane, actions = follow(WITH_CAMERA, READY, replace(FACTS, busy=True), SEEN, SEEN, 3.0)
    assert actions == [shown(EXIT, checks.BUSY)]
    assert core.deadline(lane) == 1003 + FOLLOWER_AGAIN
    assert follow(WITH_CAMERA, lane, FACTS, 8.0)[1] == asking()


def test_whoever_was_let_through_is_not_read_again_while_it_drives_off() -> None:
    """Or it would enter twice, and the arm open for nobody."""
    lane, _ = follow(IN_WITH_CAMERA, READY, Facts("b-1"), SEEN, READ)
    passing_by = lane
    lane, _ = follow(IN_WITH_CAMERA, lane, Facts("b-2"), SEEN, SEEN)
    assert lane == passing_by
    lane, _ = follow(IN_WITH_CAMERA, lane, Facts("b-2"), OTHER_SEEN)
    assert lane.sight.reads == ((OTHER_SEEN.plate, 1, 1000.0),)  # the next one is


def test_a_tag_that_is_no_good_keeps_nobody_out_whose_plate_was_read_well() -> None:
    """Without any tag it would be let in."""
    expired = replace(READ, tag=replace(TAG, locked=True), vehicle=Vehicle(PLATE, 1, 3))
    lane, actions = follow(IN_WITH_CAMERA, READY, Facts("b-1"), SEEN, SEEN, expired)
    refused = Refused(checks.LOCKED.code, PLATE, TAG.obu_id, CARD.number, "")
    assert bodies(actions) == [refused, StayOpened("b-1", PLATE, 1, 3, "", "")]
    assert orders(actions) == [released(ENTRY).order, OpenBarrier("gate1"), WELCOME]
    assert isinstance(lane.phase, Passing)


def test_nor_is_its_plate_alone_enough_at_an_exit_or_in_a_fire() -> None:
    locked = replace(READ, tag=replace(TAG, locked=True))
    _, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, SEEN, locked)
    assert OpenBarrier("gate2") not in orders(actions)
    burning = replace(READY, fires=frozenset({"gate1"}))
    _, actions = follow(IN_WITH_CAMERA, burning, Facts("b-1"), SEEN, SEEN, locked)
    assert [type(body) for body in bodies(actions)] == [Refused]


def test_whoever_comes_back_later_is_read_anew() -> None:
    lane = replace(READY, gone=(PLATE, 1000.0 - ENTRY.pass_within - FADES))
    assert follow(IN_WITH_CAMERA, lane, Facts("b-2"), SEEN)[0].sight.reads == ((PLATE, 1, 1000.0),)


def test_a_read_that_is_long_past_does_not_contradict_a_tag() -> None:
    lane, _ = follow(WITH_CAMERA, READY, FACTS, OTHER_SEEN)
    lane, _ = take(WITH_CAMERA, lane, FACTS, READ, later(FADES))
    assert isinstance(lane.phase, Identifying)
    assert debits(take(WITH_CAMERA, lane, FACTS, None, later(FADES + 0.5))[1]) == 1


def test_a_plate_whose_first_read_has_faded_before_its_time_is_not_sure_any_more() -> None:
    lane, _ = take(WITH_CAMERA, READY, FACTS, SEEN)
    lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN, later(FADES - 2))
    assert core.deadline(lane) == 1000 + FADES + 1
    assert take(WITH_CAMERA, lane, FACTS, None, later(FADES + 1))[1] == []


def test_reads_far_apart_do_not_count_as_dealt_with() -> None:
    lane, _ = take(WITH_CAMERA, READY, FACTS, SEEN)
    lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN, later(FADES - 2))
    lane, _ = take(WITH_CAMERA, lane, FACTS, None, later(FADES + 1))
    lane, _ = take(WITH_CAMERA, lane, FACTS, SEEN, later(FADES + 3))
    assert core.deadline(lane) == 1000 + FADES + 6  # read twice again


def test_a_plate_does_not_fade_while_its_vehicle_stands_on_the_loop() -> None:
    """The other arm of the interlock is up for long, and the camera reads on arrival only."""
    rules, busy = replace(WITH_CAMERA, inputs=LOOP), replace(FACTS, busy=True)
    lane, _ = follow(rules, SOMEBODY_HERE, busy, SEEN, SEEN, *(3.0 + 5 * n for n in range(8)))
    assert take(rules, lane, FACTS, None, later(FADES + 13))[1] == asking()


def test_reads_that_differ_identify_nobody() -> None:
    lane, actions = follow(WITH_CAMERA, READY, FACTS, SEEN, OTHER_SEEN)
    assert actions == []
    assert core.deadline(lane) is None


# --- nobody knows ------------------------------------------------------------------------------------------

CALL = Alarm("a vehicle waits that nothing identifies", "out1")


def test_somebody_is_called_once_for_a_vehicle_that_nothing_identifies() -> None:
    lane, actions = follow(WITH_LOOP, NOBODY_HERE, Facts("b-1"), ON_LOOP)
    assert (actions, core.deadline(lane)) == ([], 1000 + UNKNOWN_AFTER)
    lane, actions = follow(WITH_LOOP, lane, Facts("b-1"), 10.0)
    assert actions == [
        Record(Refused(checks.UNIDENTIFIED.code, "", "", "", "")),
        shown(EXIT, checks.UNIDENTIFIED),
        Record(CALL),
    ]
    assert lane.phase == Waiting(None, None, None, checks.UNIDENTIFIED.code, 1310.0)
    lane, actions = follow(WITH_LOOP, lane, Facts("b-1"), 310.0)
    assert bodies(actions) == [PassageAbandoned("nobody decided", "", "")]
    assert core.deadline(lane) is None  # it still stands there, and was told of


def test_while_the_ledger_cannot_write_nobody_is_called_and_nothing_recorded() -> None:
    facts = Facts("b-1", ledger_fault="disk full")
    lane, actions = follow(WITH_LOOP, NOBODY_HERE, facts, ON_LOOP, 10.0)
    assert actions == [shown(EXIT, checks.LEDGER)]
    assert core.deadline(lane) == 1010 + UNKNOWN_AFTER
    assert bodies(follow(WITH_LOOP, lane, Facts("b-1"), 20.0)[1])[-1] == CALL


def test_the_next_vehicle_is_called_for_anew() -> None:
    lane, _ = follow(WITH_LOOP, NOBODY_HERE, Facts("b-1"), ON_LOOP, 10.0, OFF_LOOP, 13.0)
    assert lane == NOBODY_HERE
    assert bodies(follow(WITH_LOOP, lane, Facts("b-1"), ON_LOOP, 23.0)[1])[-1] == CALL


def test_nobody_is_called_for_a_vehicle_that_drives_on() -> None:
    lane, _ = follow(WITH_LOOP, NOBODY_HERE, Facts("b-1"), ON_LOOP, OFF_LOOP)
    assert core.deadline(lane) is None


def test_nobody_is_called_where_no_loop_tells_that_somebody_stands_there() -> None:
    for quiet in (READY, replace(READY, loops=(("approach", None),))):
        lane, _ = follow(WITH_LOOP, quiet, Facts("b-1"), InputChanged("gate2", "presence", on=False))
        assert core.deadline(lane) is None


def test_a_plate_that_is_known_needs_nobody() -> None:
    rules = replace(WITH_CAMERA, inputs=LOOP)
    lane, _ = follow(rules, NOBODY_HERE, FACTS, ON_LOOP, SEEN, SEEN)
    assert core.deadline(lane) == 1003.0


# --- both ways ---------------------------------------------------------------------------------------------

BOTH = replace(EXIT, name="gate", role="both", inputs=frozenset({"presence", "outside", "inside"}), camera="cam2")
FROM_OUTSIDE, FROM_INSIDE = (InputChanged("gate2", side, on=True) for side in ("outside", "inside"))
FREE_LANE = replace(READY, loops=(("inside", False), ("outside", False)))
BY_TAG = replace(BOTH, camera="")


def test_whoever_comes_from_outside_enters_and_from_inside_leaves() -> None:
    _, actions = follow(BY_TAG, FREE_LANE, Facts("b-1"), FROM_OUTSIDE, READ)
    assert isinstance(bodies(actions)[0], StayOpened)
    _, actions = follow(BY_TAG, FREE_LANE, FACTS, FROM_INSIDE, READ)
    assert debits(actions) == 1


def test_so_does_whoever_is_known_by_its_plate() -> None:
    _, actions = follow(BOTH, FREE_LANE, Facts("b-1"), FROM_OUTSIDE, SEEN, SEEN, 3.0)
    assert isinstance(bodies(actions)[0], StayOpened)
    lane, actions = follow(BOTH, FREE_LANE, FACTS, FROM_INSIDE, SEEN, SEEN, 3.0)
    assert isinstance(lane.phase, Waiting)
    assert lane.phase.quote == QUOTE


def test_whose_tag_is_read_before_its_loop_learns_its_way_from_the_loop() -> None:
    """The usual order of events."""
    _, actions = follow(BY_TAG, FREE_LANE, FACTS, READ, FROM_INSIDE)
    assert debits(actions) == 1
    _, actions = follow(BY_TAG, FREE_LANE, Facts("b-1"), READ, FROM_OUTSIDE)
    assert isinstance(bodies(actions)[0], StayOpened)


def test_nobody_goes_the_way_of_one_that_has_backed_out() -> None:
    """One waits to leave and backs out; the next comes from outside, its tag read first: it is no exit."""
    lane = replace(FREE_LANE, phase=waiting(checks.BALANCE, STAY, QUOTE), direction="exit")
    lane = replace(lane, loops=(("inside", True), ("outside", False)))
    lane, _ = follow(BY_TAG, lane, FACTS, replace(FROM_INSIDE, on=False), 3.0)
    assert lane.phase == Idle()
    lane, _ = take(BY_TAG, lane, FACTS, READ, later(10))
    _, actions = take(BY_TAG, lane, FACTS, FROM_OUTSIDE, later(10.2))
    assert isinstance(bodies(actions)[-1], StayOpened)
    assert debits(actions) == 0


def test_nor_of_one_that_was_given_up_while_the_next_came_from_the_other_side() -> None:
    lane = replace(FREE_LANE, phase=waiting(checks.BALANCE, STAY, QUOTE), direction="exit")
    lane = replace(lane, loops=(("inside", True), ("outside", False)))
    lane, _ = follow(BY_TAG, lane, FACTS, FROM_OUTSIDE, replace(FROM_INSIDE, on=False), 300.0)
    _, actions = take(BY_TAG, lane, FACTS, READ, later(301))
    assert isinstance(bodies(actions)[-1], StayOpened)


def test_who_has_just_come_in_and_stands_on_the_inner_loop_does_not_leave_again() -> None:
    """Its stay would end free of charge, and the arm open behind it."""
    lane = replace(FREE_LANE, phase=Closing(1015.0), direction="entry", gone=(PLATE, 990.0))
    lane = replace(lane, loops=(("inside", True), ("outside", True)))
    lane, _ = follow(BY_TAG, lane, FACTS, replace(FROM_OUTSIDE, on=False), InputChanged("gate2", "closed", on=True))
    fresh = Facts("b-2", replace(STAY, entered=NOW.wall, lane="gate", passed=True), quote=FREE, asked=FREE)
    assert take(BY_TAG, lane, fresh, READ, later(25)) == (lane, [released(BY_TAG)])


def test_of_two_loops_that_are_occupied_neither_tells_the_way() -> None:
    """One may be the last of a vehicle that has just passed, or one in each direction stands there."""
    lane, _ = follow(BY_TAG, FREE_LANE, FACTS, FROM_OUTSIDE, FROM_INSIDE)
    assert lane.direction is None
    assert follow(BY_TAG, lane, FACTS, replace(FROM_OUTSIDE, on=False))[0].direction == "exit"
    assert follow(BY_TAG, lane, FACTS, replace(FROM_INSIDE, on=False))[0].direction == "entry"


@pytest.mark.parametrize("phase", [Passing("s1", 1060.0), Closing(1015.0)], ids=["passing", "closing"])
def test_whoever_comes_the_other_way_behind_a_passage_is_not_taken_for_its_direction(phase: Phase) -> None:
    """Or it would leave through an entry: its stay superseded, unbilled."""
    lane = replace(FREE_LANE, phase=phase, direction="entry", loops=(("inside", False), ("outside", True)))
    lane, _ = follow(BY_TAG, lane, FACTS, replace(FROM_OUTSIDE, on=False), FROM_INSIDE)
    assert lane.direction == "exit"


@pytest.mark.parametrize("phase", [DEBITING, DOUBTING, waiting(None, STAY, QUOTE)], ids=lambda p: type(p).__name__)
def test_whoever_is_being_dealt_with_keeps_its_way(phase: Phase) -> None:
    lane = replace(FREE_LANE, phase=phase, direction="exit", loops=(("inside", True), ("outside", False)))
    lane, _ = follow(BY_TAG, lane, FACTS, FROM_OUTSIDE, replace(FROM_INSIDE, on=False))
    assert lane.direction == "exit"


def test_after_its_passage_nobodys_way_is_known() -> None:
    lane = replace(
        FREE_LANE, phase=Closing(1015.0), direction="entry", loops=(("inside", True), ("outside", False))
    )
    lane, _ = follow(BY_TAG, lane, FACTS, replace(FROM_INSIDE, on=False))
    assert lane.direction is None


def test_nobody_is_dealt_with_whose_way_is_not_known() -> None:
    """After a start the loops are unknown: neither a debit nor a stay may be guessed."""
    unknown = replace(FREE_LANE, loops=(("inside", None), ("outside", None)))
    lane, actions = follow(BY_TAG, unknown, FACTS, READ, 0.5)
    assert (lane, actions) == (unknown, [released(EXIT, 1.0)])
    lane, actions = follow(BOTH, unknown, FACTS, SEEN, SEEN, 3.0)
    assert actions == []
    assert core.deadline(lane) is None


# --- which vehicle the facts are gathered for --------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "lane", "vehicle"),
    [
        (READ, READY, (PLATE, 1)),
        (replace(READ, vehicle=None), READY, None),
        (None, replace(READY, phase=Identifying(READ, 0)), (PLATE, 1)),
        (None, replace(READY, phase=waiting(None, STAY, QUOTE)), (PLATE, 1)),
        (LetThrough("out1", "li", "why", "测A00001", 4), replace(READY, phase=waiting(None)), ("测A00001", 4)),
        (LetThrough("out1", "li", "why"), replace(READY, phase=waiting(None)), (PLATE, 1)),
        (None, replace(READY, phase=DEBITING), (PLATE, 1)),
        (None, replace(READY, phase=DOUBTING), (PLATE, 1)),
        (replace(READ, vehicle=None), replace(READY, phase=DOUBTING), (PLATE, 1)),
        (OTHER, replace(READY, phase=DOUBTING), ("测A54321", 1)),
        (None, READY, None),
    ],
    ids=[
        "tag",
        "nameless tag",
        "identifying",
        "waiting",
        "named",
        "unnamed",
        "debiting",
        "doubting",
        "tag in doubt",
        "other tag in doubt",
        "nobody",
    ],
)
def test_the_vehicle_at_hand(event: object, lane: Lane, vehicle: tuple[str, int] | None) -> None:
    assert arrival.at_hand(lane, event, 2) == vehicle


def test_the_vehicle_at_hand_of_an_idle_lane_is_the_one_that_the_camera_is_sure_of() -> None:
    lane, _ = follow(WITH_CAMERA, READY, FACTS, SEEN)
    assert arrival.at_hand(lane, None, 2) is None
    lane, _ = follow(WITH_CAMERA, lane, FACTS, replace(SEEN, color=None))
    assert arrival.at_hand(lane, None, 2) == (PLATE, 1)
