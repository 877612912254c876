"""What a lane may look at: whose stay, at what price, which debit, which card, and what other lanes do."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import tomli

from drivers.ports import (
    BarrierUp,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    InputChanged,
    PlateSeen,
    TagRead,
)
from gateway.facts import SMALL_CAR, SiteRules, gather
from gateway.lane.core import Event, Reconsider
from gateway.lane.sight import Sight
from gateway.lane.state import (
    Closing,
    Debiting,
    Doubting,
    Facts,
    Identifying,
    Idle,
    Lane,
    LaneRules,
    Passing,
    Phase,
    Waiting,
)
from gateway.ledger.entries import (
    Body,
    CardListed,
    DebitIntended,
    Draft,
    Moment,
    NotDebited,
    OpenedByHand,
    PaymentMade,
    PermitGranted,
    StayClosed,
    StayOpened,
)
from gateway.ledger.lists import UNKNOWN_CLASS, UNKNOWN_COLOR
from gateway.ledger.stays import Stay, Stays
from gateway.notice.tariff import parse
from gateway.orders import LetThrough, Resolve, SwitchEtc
from gateway.tariff.engine import quote
from gateway.tariff.parts import seconds_of
from gateway.tariff.quote import Parked, Permit, Quote
from gateway.tariff.rules import Replaced
from protocols.china import CHINA
from protocols.obu.values import CREDIT, Card, Tag, Vehicle
from tools.world import TARIFF

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
LANES = (
    LaneRules("in1", "entry", "rsu1", "gate1"),
    LaneRules("out1", "exit", "rsu2", "gate2", camera="cam2"),
    LaneRules("out2", "exit", "rsu3", "gate3"),
)
RULES = SiteRules({lane.name: lane for lane in LANES}, TARIFF)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", CREDIT, 16, *WIDE, "测A12345", 10_000, bytes(43))
READ = TagRead("rsu2", 1, TAG, Vehicle("测A12345", 1, 1), CARD)
QUOTE = quote(TARIFF, Parked(AT - timedelta(hours=2), AT))
OPENED = StayOpened("s1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
INTENDED = DebitIntended("b-1", "s1", TAG.obu_id, CARD.number, 1500, 10_000, AT.isoformat(), None)
PROOF = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, AT, 8500)


def told(*bodies: Body, hours: float = 2, begin: Stays | None = None, lane: str = "in1") -> Stays:
    """What the ledger says, so many hours ago."""
    stays = begin or Stays()
    for body in bodies:
        stays.apply(Draft(replace(NOW, wall=AT - timedelta(hours=hours)), lane, body))
    return stays


def idle() -> dict[str, Lane]:
    return {name: Lane() for name in RULES.lanes}


def facts_of(
    stays: Stays,
    event: Event,
    lane: Lane | None = None,
    *,
    rules: SiteRules = RULES,
    now: Moment = NOW,
    **others: Lane,
) -> Facts:
    """What goes with this event in the lane out1."""
    lanes = {**idle(), "out1": lane or Lane(), **others}
    return gather(rules, stays, lanes, "out1", event, now=now)


def waiting(stay: Stay | None = None, asked: Quote | None = None) -> Lane:
    """A vehicle waits before the arm."""
    vehicle = (stay.plate, stay.color) if stay else None
    return Lane(phase=Waiting(vehicle, stay, asked, "", 2000.0))


def debiting(stay: Stay) -> Debiting:
    return Debiting("b-1", stay, QUOTE, TAG.obu_id, CARD.number, 1500, 10_000, 1000.0, 2000.0)


def the(stays: Stays, stay: str = "s1") -> Stay:
    """The stay with this id, which must be there."""
    found = stays.find(stay)
    assert found is not None
    return found


# --- whose event -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "lane"),
    [("rsu1", "in1"), ("gate1", "in1"), ("cam2", "out1"), ("rsu3", "out2"), ("rsu9", None), ("", None)],
)
def test_a_device_belongs_to_a_lane_or_to_none(device: str, lane: str | None) -> None:
    """An empty name is the barrier that free flow has not, and the camera that no lane must have."""
    assert RULES.lane_of(device) == lane


# --- a debit -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        DebitDone("rsu2", "b-1", PROOF),
        DebitUnknown("rsu2", "b-1", ""),
        DebitNotSent("rsu2", "b-1", ""),
        DebitFound("rsu2", TAG.obu_id, PROOF),
        Resolve("b-1", True, "duty", "seen on the card"),  # noqa: FBT003  as it stands in the order
    ],
)
def test_facts_of_an_outcome_are_its_intent_and_its_stay_while_that_is_open(event: Event) -> None:
    stays = told(OPENED, INTENDED)
    intent = stays.intents["b-1"]
    assert facts_of(stays, event) == Facts("", intent=intent, stay=the(stays))
    told(StayClosed("s1", "owed", 1500, 0, None), begin=stays)
    assert facts_of(stays, event) == Facts("", intent=intent)
    assert facts_of(Stays(intents={"b-1": intent}), event) == Facts("", intent=intent)
    assert facts_of(Stays(), event) == Facts("")


def test_what_an_antenna_finds_of_an_earlier_run_is_matched_by_tag_and_second() -> None:
    stays = told(OPENED, INTENDED, NotDebited("b-1", "too late"))
    assert facts_of(stays, DebitFound("rsu2", TAG.obu_id, PROOF)).intent == stays.intents["b-1"]
    for other in (
        DebitFound("rsu2", "652bc7a4", PROOF),
        DebitFound("rsu2", TAG.obu_id, replace(PROOF, at=AT + timedelta(seconds=1))),
    ):
        assert facts_of(stays, other).intent is None


# --- a vehicle ---------------------------------------------------------------------------------------------


def test_facts_of_a_tag_are_its_stay_its_price_and_its_doubt() -> None:
    stays = told(OPENED)
    assert facts_of(stays, READ) == Facts("", stay=the(stays), quote=QUOTE, asked=QUOTE)
    told(INTENDED, begin=stays)
    assert facts_of(stays, READ).doubt == stays.intents["b-1"]


@pytest.mark.parametrize(
    ("event", "phase"),
    [
        (READ, Idle()),
        (InputChanged("gate2", "approach", on=True), Identifying(READ, 2000.0)),
        (None, Identifying(READ, 2000.0)),
        (Reconsider(), waiting(Stay("s1", "测A12345", 1, 1, AT)).phase),
        (None, debiting(Stay("s1", "测A12345", 1, 1, AT))),
        (BarrierUp("gate2"), Doubting(debiting(Stay("s1", "测A12345", 1, 1, AT)), 2000.0)),
        (LetThrough("out1", "duty", "why", "测A12345", 1), Idle()),
        (LetThrough("out1", "duty", "why"), waiting(Stay("s1", "测A12345", 1, 1, AT)).phase),
    ],
)
def test_the_vehicle_at_hand_has_its_stay(event: Event, phase: Phase) -> None:
    stays = told(OPENED)
    assert facts_of(stays, event, Lane(phase=phase)).stay == the(stays)


@pytest.mark.parametrize(("color", "found"), [(1, True), (None, True), (0, False)])
def test_a_plate_that_the_camera_has_read_often_enough_has_its_stay(color: int | None, *, found: bool) -> None:
    stays = told(OPENED)
    reads = (("测A12345", color, 999.0), ("测A12345", color, 999.5))
    seen = PlateSeen("cam2", "测A12345", color)
    assert (facts_of(stays, seen, Lane(sight=Sight(reads))).stay is not None) == found
    assert facts_of(stays, seen, Lane(sight=Sight(reads[:1]))) == Facts("")


@pytest.mark.parametrize(
    "event",
    [
        None,
        InputChanged("gate2", "presence", on=True),
        replace(READ, vehicle=None),
        SwitchEtc("out1", False, "city", "why"),  # noqa: FBT003  as it stands in the order
        LetThrough("out1", "duty", "why"),
    ],
)
def test_facts_of_anything_else_are_none(event: Event) -> None:
    assert facts_of(told(OPENED), event) == Facts("")


def test_facts_of_a_vehicle_that_has_left_are_the_stay_that_it_closed() -> None:
    stays = told(OPENED, StayClosed("s1", "paid", 500, 500, None))
    assert facts_of(stays, READ) == Facts("", left=the(stays))


def test_the_same_plate_in_another_colour_is_another_vehicle() -> None:
    assert facts_of(told(OPENED), replace(READ, vehicle=Vehicle("测A12345", 0, 1))).stay is None


# --- the price ---------------------------------------------------------------------------------------------


def test_what_was_paid_elsewhere_is_off_the_price() -> None:
    stays = told(OPENED)
    told(PaymentMade("p1", "s1", 1100, "wechat"), begin=stays, hours=0.1)
    price = facts_of(stays, READ).quote
    assert price is not None
    assert (price.total, price.paid, price.due) == (1500, 1100, 400)


def test_a_clock_that_went_back_makes_no_stay_negative() -> None:
    price = facts_of(told(OPENED), READ, now=replace(NOW, wall=AT - timedelta(days=9))).quote
    assert price is not None
    assert (price.total, price.exit) == (0, price.entry)


COLOURED = """
id = "t"
version = "1"
name = "made up"
cycle = "24h"
shared_cap = true
[[classes]]
name = "other"
default = true
steps = [{ yuan = 40 }]
[[classes]]
name = "yellow bus"
vehicle_classes = [3]
plate_colors = ["yellow"]
steps = [{ yuan = 20 }]
caps = [{ yuan = 15 }]
[[discounts]]
name = "etc"
channel = "etc"
percent = 50
[[permits]]
kind = "month"
name = "month card"
"""


def coloured(vehicle: Vehicle, *bodies: Body, event: Event = None, lane: Lane | None = None) -> Facts:
    """Inside for two hours."""
    stays = told(*bodies)
    told(StayOpened("s1", vehicle.plate, vehicle.color, vehicle.vehicle_class, "", ""), begin=stays)
    rules = replace(RULES, tariff=parse(tomli.loads(COLOURED)))
    return facts_of(stays, event or replace(READ, vehicle=vehicle), lane, rules=rules)


BUS = Vehicle("测A12345", 1, 3)


@pytest.mark.parametrize(
    ("vehicle", "before", "due"),
    [
        (BUS, 0, 750),  # the row of its colour and class, capped, halved for the tag
        (BUS, 600, 450),  # the cap is shared with the stay before
        (Vehicle("测A12345", 0, 3), 0, 2000),
        (Vehicle("测A12345", 1, 1), 0, 2000),
    ],
)
def test_the_price_of_a_tag_knows_its_class_colour_channel_and_stays_before(
    vehicle: Vehicle, before: int, due: int
) -> None:
    visit = StayOpened("s0", vehicle.plate, vehicle.color, vehicle.vehicle_class, TAG.obu_id, CARD.number)
    price = coloured(vehicle, visit, StayClosed("s0", "paid", before, before, {"free": False})).quote
    assert price is not None
    assert price.total == due


def test_who_does_not_pay_by_tag_is_asked_the_price_of_those_who_do_not() -> None:
    by_tag = coloured(BUS)
    assert by_tag.quote
    assert by_tag.asked
    assert (by_tag.quote.total, by_tag.asked.total) == (750, 1500)
    for facts in (
        coloured(BUS, event=replace(READ, vehicle=BUS, card=None)),
        coloured(BUS, event=LetThrough("out1", "duty", "why", BUS.plate, BUS.color)),
        coloured(BUS, event=Reconsider(), lane=waiting(Stay("s1", BUS.plate, BUS.color, 3, AT))),
    ):
        assert facts.quote == facts.asked == by_tag.asked


def test_where_no_price_depends_on_the_channel_it_is_asked_for_once() -> None:
    facts = facts_of(told(OPENED), READ)
    assert facts.quote is facts.asked is not None


@pytest.mark.parametrize(("hours", "due"), [(2, 750), (0.5, 1500)])
def test_a_tag_that_came_in_before_the_notice_changed_has_the_price_of_tags_of_then(hours: float, due: int) -> None:
    then = parse(tomli.loads(COLOURED))
    since = Replaced(then, seconds_of(AT - timedelta(hours=1)), "entry")
    rules = replace(RULES, tariff=replace(then, discounts=(), replaces=since))
    bus = StayOpened("s1", BUS.plate, BUS.color, BUS.vehicle_class, "", "")
    facts = facts_of(told(bus, hours=hours), replace(READ, vehicle=BUS), rules=rules)
    assert facts.quote
    assert facts.asked
    assert (facts.quote.total, facts.asked.total) == (due, 1500)


def test_a_tag_that_waits_to_be_identified_still_pays_the_price_of_tags() -> None:
    facts = coloured(BUS, lane=Lane(phase=Identifying(replace(READ, vehicle=BUS), 2000.0)))
    assert facts.quote
    assert facts.quote.total == 750


@pytest.mark.parametrize(("last", "due"), [("", 0), ("2026-11-21", 0), ("2026-11-20", 750)])
def test_a_permit_is_in_the_price_while_it_is_valid(last: str, due: int) -> None:
    facts = coloured(BUS, PermitGranted("m1", BUS.plate, BUS.color, "month", "2026-11-01", last, "office"))
    assert facts.quote
    assert facts.quote.total == due
    assert facts.asked
    assert facts.asked.total == 2 * due


def test_a_permit_of_another_vehicle_is_not() -> None:
    facts = coloured(BUS, PermitGranted("m1", BUS.plate, 0, "month", "", "", "office"))
    assert facts.quote
    assert facts.quote.total == 750
    stays = told(PermitGranted("m1", BUS.plate, 0, "month", "", "", "office"))
    assert stays.lists.permits((BUS.plate, 0)) == (Permit("month"),)


# --- cards that must not be debited ------------------------------------------------------------------------


def test_a_card_on_the_status_list_is_known_also_of_a_vehicle_that_is_not_inside() -> None:
    stays = told(CardListed(CARD.number, True, "city", "lost"))  # noqa: FBT003  as it stands in the entry
    other = replace(CARD, number="37010000000000000002")
    assert facts_of(stays, READ).listed
    assert facts_of(stays, None, Lane(phase=Identifying(READ, 2000.0))).listed
    assert not facts_of(stays, replace(READ, card=other)).listed
    assert not facts_of(stays, replace(READ, card=None)).listed
    told(OPENED, begin=stays)
    assert facts_of(stays, READ).listed
    told(CardListed(CARD.number, False, "city", "found"), begin=stays)  # noqa: FBT003  as above
    assert not facts_of(stays, READ).listed


# --- other lanes -------------------------------------------------------------------------------------------


def test_a_stay_that_another_lane_debits_is_busy() -> None:
    stays = told(OPENED)
    stay = the(stays)
    for phase in (debiting(stay), Doubting(debiting(stay), 2000.0)):
        assert facts_of(stays, READ, out2=Lane(phase=phase)).busy
        assert not facts_of(stays, READ, Lane(phase=phase)).busy  # its own
    assert not facts_of(stays, READ, out2=Lane(phase=debiting(replace(stay, id="s2")))).busy
    assert not facts_of(stays, READ, out2=waiting(stay)).busy


def interlocked(first: str = "", second: str = "") -> SiteRules:
    """out1 and out2, each waiting for the lane given."""
    lanes = {**RULES.lanes, "out1": replace(LANES[1], interlock=first), "out2": replace(LANES[2], interlock=second)}
    return replace(RULES, lanes=lanes)


STAY = Stay("s9", "测B00001", 1, 1, AT)


@pytest.mark.parametrize(
    ("lane", "busy"),
    [
        (Lane(phase=Passing("s9", 2000.0)), True),
        (Lane(phase=Closing(2000.0)), True),
        (Lane(phase=debiting(STAY)), True),
        (Lane(phase=Doubting(debiting(STAY), 2000.0)), True),
        (Lane(arm_left_up=True), True),
        (Lane(kept_open=True), True),
        (Lane(fires=frozenset({"gate1"})), True),
        (waiting(STAY), False),
        (Lane(phase=Identifying(READ, 2000.0)), False),
        (Lane(), False),
    ],
)
@pytest.mark.parametrize("rules", [interlocked(first="out2"), interlocked(second="out1")])
def test_while_the_other_arm_of_an_interlock_is_up_this_lane_is_busy(
    rules: SiteRules, lane: Lane, *, busy: bool
) -> None:
    """Whichever of the two names the other, and whatever has happened here."""
    for event in (READ, None, InputChanged("gate2", "presence", on=True), DebitFound("rsu2", "652bc7a3", PROOF)):
        assert facts_of(told(OPENED, INTENDED), event, rules=rules, out2=lane).busy == busy
    assert not facts_of(told(OPENED), READ, out2=lane).busy
    assert not facts_of(told(OPENED), READ, rules=rules, in1=lane).busy


def test_a_lane_is_not_busy_because_of_itself() -> None:
    up = Lane(phase=Passing("s9", 2000.0))
    assert not facts_of(Stays(), None, up, rules=interlocked(first="out2")).busy


def test_hands_at_the_button_of_this_lane_today() -> None:
    stays = told(OpenedByHand(4), lane="out1")
    assert facts_of(stays, None).by_hand == 4
    assert facts_of(stays, None, now=replace(NOW, wall=AT + timedelta(days=1))).by_hand == 0
    assert gather(RULES, stays, idle(), "out2", None, now=NOW).by_hand == 0


@pytest.mark.parametrize(("color", "due"), [(UNKNOWN_COLOR, 750), (0, 2000)])
def test_a_tag_tells_the_colour_and_class_that_nobody_read(color: int, due: int) -> None:
    """It was let in by its plate: its price and its permits are those of its tag, but for what was read then."""
    stays = told(StayOpened("s1", BUS.plate, color, UNKNOWN_CLASS, "", ""))
    rules = replace(RULES, tariff=parse(tomli.loads(COLOURED)))
    seen = replace(READ, vehicle=replace(BUS, color=1 if color == UNKNOWN_COLOR else color))
    price = facts_of(stays, seen, rules=rules).quote
    assert price
    assert price.total == due
    told(PermitGranted("m1", BUS.plate, 1, "month", "2026-11-01", "", "office"), begin=stays)
    price = facts_of(stays, seen, rules=rules).quote
    assert price
    assert price.total == (0 if color == UNKNOWN_COLOR else due)


def test_a_vehicle_whose_class_nobody_read_is_a_small_car() -> None:
    stays = told(StayOpened("s1", BUS.plate, BUS.color, UNKNOWN_CLASS, "", ""))
    facts = facts_of(stays, LetThrough("out1", "duty", "why", BUS.plate, BUS.color))
    assert facts.stay
    assert facts.stay.vehicle_class == SMALL_CAR
