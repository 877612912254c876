"""Whose event it is, what goes with it, and what concerns two lanes at once."""

from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

import pytest
import tomli

from drivers.ports import (
    AuthorisePsam,
    BarrierDown,
    BarrierUp,
    CloseBarrier,
    DebitDone,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    DeviceEvent,
    InputChanged,
    OpenBarrier,
    PsamDone,
    PsamWanted,
    ReaderDown,
    ReaderUp,
    Release,
    Show,
    TagRead,
)
from drivers.security import box
from drivers.security.module import Answer, Authorised, InRsu, Question, Refused, Remote, SecurityModule
from gateway.lane.state import Debiting, Do, Facts, Idle, Lane, LaneRules, Passing, Record
from gateway.ledger.entries import (
    GENESIS,
    Alarm,
    AuthorisationEnded,
    AuthorisationWanted,
    Body,
    BoxDebitEnded,
    BoxDebitIntended,
    BoxTraded,
    DebitUnresolved,
    DeviceChanged,
    Draft,
    EtcPaused,
    EtcResumed,
    LetThroughAgain,
    Moment,
    PassageEnded,
    StayClosed,
    StayOpened,
    canonical,
    chained,
    draft_of,
)
from gateway.ledger.stays import Intent, Stay, Stays
from gateway.notice.tariff import parse
from gateway.orders import NotUnderstood, PauseEtc, ResumeEtc
from gateway.site import STRANGE_KEPT, Site, SiteRules, gather
from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from protocols.obu.values import CREDIT, Card, Tag, Vehicle
from protocols.rsu.messages import CHINA
from tools.world import TARIFF

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
LANES = (
    LaneRules("in1", "entry", "rsu1", "gate1"),
    LaneRules("out1", "exit", "rsu2", "gate2"),
    LaneRules("out2", "exit", "rsu3", "gate3"),
)
RULES = SiteRules({lane.name: lane for lane in LANES}, TARIFF)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", CREDIT, 16, *WIDE, "测A12345", 10_000, bytes(43))
STAY = Stay("s1", "测A12345", 1, 1, AT - timedelta(hours=2), lane="in1", passed=True)
QUOTE = quote(TARIFF, Parked(STAY.entered, AT))
FACTS = Facts("b-1", STAY, None, QUOTE)
INTENT = Intent("b-1", "s1", CARD.number, 1500, 10_000)
PROOF = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, AT, 8500)


def read(device: str) -> TagRead:
    return TagRead(device, 1, TAG, Vehicle("测A12345", 1, 1), CARD)


# --- whose event -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "lane"), [("rsu1", "in1"), ("gate1", "in1"), ("rsu3", "out2"), ("gate3", "out2"), ("rsu9", None)]
)
def test_a_device_belongs_to_a_lane_or_to_none(device: str, lane: str | None) -> None:
    assert RULES.lane_of(device) == lane


def test_an_event_reaches_its_own_lane_only() -> None:
    site = Site(RULES)
    assert site.on(InputChanged("gate2", "presence", on=True), Facts("b-1"), NOW) == []
    assert site.lanes == {"in1": Lane(), "out1": Lane(occupied=True), "out2": Lane()}


def test_an_event_of_a_device_that_no_lane_has_is_dropped() -> None:
    site = Site(RULES)
    assert site.on(ReaderDown("rsu9", "silent"), Facts("b-1"), NOW) == []
    assert site.on(read("rsu9"), FACTS, NOW) == []
    assert site.deadline is None


@pytest.mark.parametrize(
    ("event", "detail", "up"),
    [
        (
            ReaderUp("rsu1", ("0102", "0304"), authorised=None, version="20", fault=0),
            "version 20, PSAM 0102 0304 not said, fault 00",
            True,
        ),
        (
            ReaderUp("rsu1", ("0102",), authorised=True, version="20", fault=0),
            "version 20, PSAM 0102 authorised, fault 00",
            True,
        ),
        (
            ReaderUp("rsu1", ("0102",), authorised=False, version="20", fault=10),
            "version 20, PSAM 0102 not authorised, fault 0A",
            False,
        ),
        (ReaderDown("rsu1", "silent"), "silent", False),
        (BarrierDown("gate1", "no answer"), "no answer", False),
        (BarrierUp("gate1"), "", True),
    ],
)
def test_a_device_that_comes_or_goes_is_recorded(event: DeviceEvent, detail: str, *, up: bool) -> None:
    changed = DeviceChanged(event.device, up=up, detail=detail)
    assert Site(RULES).on(event, Facts("b-1"), NOW) == [("in1", Record(changed))]


def test_what_the_last_run_left_open_is_unresolved() -> None:
    left = {"b-1": INTENT, "b-2": replace(INTENT, id="b-2", state="settled"), "b-3": replace(INTENT, id="b-3")}
    reason = "the gateway stopped before the outcome"
    assert Site(RULES).boot(Stays(intents=left)) == [
        ("", Record(DebitUnresolved("b-1", reason))),
        ("", Record(DebitUnresolved("b-3", reason))),
    ]


def test_an_arm_that_the_last_run_left_up_comes_down() -> None:
    site = Site(RULES)
    actions = site.boot(Stays(passing={"in1": "s1", "removed": "s2"}, raised={"in1", "removed"}))
    assert actions == [("in1", Record(PassageEnded("s1", "the gateway stopped")))]
    assert site.on(InputChanged("gate1", "presence", on=True), Facts("b-1"), NOW) == []
    assert site.on(InputChanged("gate1", "presence", on=False), Facts("b-1"), NOW) == [
        ("in1", Do(CloseBarrier("gate1")))
    ]
    assert site.on(InputChanged("gate2", "presence", on=False), Facts("b-1"), NOW) == []


def test_an_arm_whose_passage_has_ended_and_that_was_not_seen_down_comes_down() -> None:
    """The last run was killed between the end of a passage and the arm being down."""
    site = Site(RULES)
    assert site.boot(Stays(raised={"in1", "removed"})) == []
    assert site.on(InputChanged("gate1", "presence", on=False), Facts("b-1"), NOW) == [
        ("in1", Do(CloseBarrier("gate1")))
    ]
    assert set(site.lanes) == {"in1", "out1", "out2"}


# --- two lanes ---------------------------------------------------------------------------------------------


def test_one_tag_before_two_antennas_is_debited_once() -> None:
    site = Site(RULES)
    site.on(read("rsu2"), FACTS, NOW)
    assert isinstance(site.lanes["out1"].phase, Debiting)
    back = [("out2", Do(Release("rsu3", "652bc7a3", 1.0)))]
    assert site.on(read("rsu3"), replace(FACTS, fresh="b-2"), NOW) == back
    # Nor is it taken for a new arrival while its exit is under way.
    assert site.on(read("rsu1"), replace(FACTS, fresh="b-3"), NOW) == [
        ("in1", Do(Release("rsu1", "652bc7a3", 1.0)))
    ]
    assert {name for name, lane in site.lanes.items() if lane.phase != Idle()} == {"out1"}


def test_other_stays_go_on_meanwhile() -> None:
    site = Site(RULES)
    site.on(read("rsu2"), FACTS, NOW)
    other = Facts("b-2", replace(STAY, id="s2"), None, QUOTE)
    assert len(site.on(read("rsu3"), other, NOW)) == 2
    assert site.lanes["out2"].stay == "s2"


# --- time --------------------------------------------------------------------------------------------------


def test_every_lane_that_is_due_is_asked_and_no_other() -> None:
    site = Site(RULES)
    site.on(read("rsu2"), FACTS, NOW)
    site.on(read("rsu3"), Facts("b-2", replace(STAY, id="s2"), None, QUOTE), replace(NOW, mono=1005.0))
    site.on(read("rsu1"), Facts("b-3"), replace(NOW, mono=1005.0))
    assert site.deadline == 1020.0
    assert site.due(Facts("b-4"), replace(NOW, mono=1019.9)) == []
    actions = site.due(Facts("b-4"), replace(NOW, mono=1025.0))
    reason = "no outcome from the reader"
    assert actions == [
        ("out1", Record(DebitUnresolved("b-1", reason))),
        ("out2", Record(DebitUnresolved("b-2", reason))),
    ]
    assert site.deadline == 1035.0
    site.due(Facts("b-5"), replace(NOW, mono=1035.0))
    assert site.deadline == 1065.0  # the passage at the entry


def test_an_opening_is_wanted_only_while_its_passage_lasts() -> None:
    site = Site(RULES)
    reason = LetThroughAgain("b-1")
    opening, words = Do(OpenBarrier("gate1"), reason), Do(Show("in1", "", ""), reason)
    assert not site.still_wanted("in1", opening)
    assert site.still_wanted("in1", words)
    site.on(read("rsu1"), Facts("b-1"), NOW)
    assert isinstance(site.lanes["in1"].phase, Passing)
    assert site.still_wanted("in1", opening)
    assert not site.still_wanted("in1", replace(opening, after=LetThroughAgain("s1")))  # a passage before this one


# --- facts -------------------------------------------------------------------------------------------------


def facts_of(stays: Stays, event: DeviceEvent | None, now: Moment = NOW) -> Facts:
    return gather(RULES, stays, event, now, fresh="b-1", ledger_fault="disk full")


def with_stay() -> Stays:
    stays = Stays()
    entered = replace(NOW, wall=AT - timedelta(hours=2))
    stays.apply(Draft(entered, "in1", StayOpened("s1", "测A12345", 1, 1, "652bc7a3", CARD.number)))
    return stays


def test_facts_of_an_outcome_are_its_intent() -> None:
    stays = Stays(intents={"b-1": INTENT})
    for event in (
        DebitDone("rsu2", "b-1", PROOF),
        DebitUnknown("rsu2", "b-1", ""),
        DebitNotSent("rsu2", "b-1", ""),
    ):
        assert facts_of(stays, event) == Facts("b-1", intent=INTENT, ledger_fault="disk full")
        assert facts_of(Stays(), event) == Facts("b-1", ledger_fault="disk full")


def test_facts_of_a_tag_are_its_stay_its_price_and_its_doubt() -> None:
    stays = with_stay()
    stay = stays.of("测A12345", 1)
    assert facts_of(stays, read("rsu2")) == Facts("b-1", stay, None, QUOTE, ledger_fault="disk full")
    stays.intents["b-1"] = INTENT
    assert facts_of(stays, read("rsu2")).doubt == INTENT


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
"""


@pytest.mark.parametrize(
    ("vehicle", "before", "due"),
    [
        (Vehicle("测A12345", 1, 3), 0, 750),  # the row of its colour and class, capped, halved for the tag
        (Vehicle("测A12345", 1, 3), 600, 450),  # the cap is shared with the stay before
        (Vehicle("测A12345", 0, 3), 0, 2000),
        (Vehicle("测A12345", 1, 1), 0, 2000),
    ],
)
def test_the_price_of_a_tag_knows_its_class_colour_channel_and_stays_before(
    vehicle: Vehicle, before: int, due: int
) -> None:
    stays = Stays()
    key = vehicle.plate, vehicle.color
    for hours, body in (
        (5, StayOpened("s0", *key, vehicle.vehicle_class, TAG.obu_id, CARD.number)),
        (4, StayClosed("s0", "paid", before, before, {"free": False})),
        (2, StayOpened("s1", *key, vehicle.vehicle_class, TAG.obu_id, CARD.number)),
    ):
        stays.apply(Draft(replace(NOW, wall=AT - timedelta(hours=hours)), "in1", body))
    rules = replace(RULES, tariff=parse(tomli.loads(COLOURED)))
    read_now = replace(read("rsu2"), vehicle=vehicle)
    price = gather(rules, stays, read_now, NOW, fresh="b-1", ledger_fault=None).quote
    assert price is not None
    assert price.total == due


def test_facts_of_a_tag_that_has_left_are_the_stay_that_it_closed() -> None:
    left = replace(STAY, closed=AT)
    assert facts_of(Stays(closed={("测A12345", 1): left}), read("rsu2")) == Facts(
        "b-1", left=left, ledger_fault="disk full"
    )


def test_the_same_plate_in_another_colour_is_another_vehicle() -> None:
    blue = replace(read("rsu2"), vehicle=Vehicle("测A12345", 0, 1))
    assert facts_of(with_stay(), blue).stay is None


def test_a_clock_that_went_back_makes_no_stay_negative() -> None:
    price = facts_of(with_stay(), read("rsu2"), replace(NOW, wall=AT - timedelta(days=9))).quote
    assert price is not None
    assert (price.total, price.exit) == (0, price.entry)


@pytest.mark.parametrize(
    "event", [None, InputChanged("gate2", "presence", on=True), replace(read("rsu2"), vehicle=None)]
)
def test_facts_of_anything_else_are_none(event: DeviceEvent | None) -> None:
    assert facts_of(with_stay(), event) == Facts("b-1", ledger_fault="disk full")


# --- who has the keys --------------------------------------------------------------------------------------

RANDOM = "b1b2b3b4b5b6b7b8"
WANTED = PsamWanted("rsu1", "013200000042", "32010000000000000042", 1, 0, "00" * 8, RANDOM)
ASKED = AuthorisationWanted("rsu1", "013200000042", "32010000000000000042", 1, 0, "00" * 8, RANDOM)


class Answering:
    """Has the keys."""

    def ask(self, question: Question) -> Answer:
        return Authorised(getattr(question, "random", "").replace("b", "c"))


def secured(module: SecurityModule, device: str = "rsu1") -> Site:
    return Site(replace(RULES, security={device: module}))


def test_who_has_the_keys_answers_at_once_and_the_platforms_hear_of_it() -> None:
    assert secured(Answering()).on(WANTED, Facts("b-1"), NOW) == [
        ("in1", Record(ASKED)),
        ("in1", Do(AuthorisePsam("rsu1", RANDOM, "c1c2c3c4c5c6c7c8"))),
    ]


def test_a_platform_that_has_the_keys_hears_of_it_and_answers_later() -> None:
    assert secured(Remote()).on(WANTED, Facts("b-1"), NOW) == [("in1", Record(ASKED))]


@pytest.mark.parametrize("site", [secured(InRsu()), Site(RULES)])
def test_a_refusal_is_recorded(site: Site) -> None:
    asked, (lane, ended) = site.on(WANTED, Facts("b-1"), NOW)
    assert asked == ("in1", Record(ASKED))
    assert lane == "in1"
    refused = InRsu().ask(ASKED)  # type: ignore[arg-type]  # whatever is asked
    assert isinstance(refused, Refused)
    assert ended == Record(AuthorisationEnded("rsu1", good=False, detail=refused.reason))


@pytest.mark.parametrize("good", [True, False])
def test_how_an_authorisation_ended_is_recorded(*, good: bool) -> None:
    done = PsamDone("rsu1", good, "9000")
    assert Site(RULES).on(done, Facts("b-1"), NOW) == [("in1", Record(AuthorisationEnded("rsu1", good, "9000")))]


def test_a_device_without_a_lane_is_authorised_for_the_site() -> None:
    wanted = replace(WANTED, device="box1")
    (first, second) = secured(Answering(), "box1").on(wanted, Facts("b-1"), NOW)
    assert first == ("", Record(replace(ASKED, device="box1")))
    assert second == ("", Do(AuthorisePsam("box1", RANDOM, "c1c2c3c4c5c6c7c8")))


def test_an_order_of_a_platform_goes_to_its_device() -> None:
    order = AuthorisePsam("rsu1", RANDOM, "00" * 8)
    assert secured(Remote()).obey(order, NOW) == [("in1", Do(order))]


def test_an_order_for_a_device_that_is_not_here_is_recorded() -> None:
    order = AuthorisePsam("rsu9", RANDOM, "00" * 8)
    detail = f"rsu9: authorise_psam for {RANDOM}"
    assert secured(Remote()).obey(order, NOW) == [
        ("", Record(Alarm("order for a device that is not here", detail)))
    ]


def test_such_orders_are_recorded_once_an_hour_for_each_device_and_for_so_many_devices() -> None:
    site = secured(Remote())

    def told(device: str, after: float) -> bool:
        return site.obey(AuthorisePsam(device, RANDOM, "00" * 8), replace(NOW, mono=1000.0 + after)) != []

    assert [told("rsu9", after) for after in (0, 1, 3599, 3600, 3601, 7199)] == [
        True,
        *[False] * 2,
        True,
        *[False] * 2,
    ]
    assert sum(told(f"rsu{number}", 7199) for number in range(100, 400)) == STRANGE_KEPT - 1
    assert len(site._strange) == STRANGE_KEPT
    assert told("rsu999", 7199 + 3600)


PAUSE, RESUME = PauseEtc("out1", "duty officer", "a trial"), ResumeEtc("out1", "city", "mended")


def test_etc_is_paused_and_resumed_in_one_lane() -> None:
    site = Site(RULES)
    assert site.obey(PAUSE, NOW) == [("out1", Record(EtcPaused("duty officer", "a trial")))]
    assert [name for name, lane in site.lanes.items() if lane.paused] == ["out1"]
    (lane, refused), *_ = site.on(read("rsu2"), FACTS, NOW)
    assert lane == "out1"
    assert isinstance(refused, Record)
    assert getattr(refused.body, "why", "") == "etc paused"
    site.on(read("rsu3"), FACTS, NOW)
    assert isinstance(site.lanes["out2"].phase, Debiting)
    assert site.obey(RESUME, NOW) == [("out1", Record(EtcResumed("city", "mended")))]
    assert site.lanes["out1"] == Lane()


def test_what_a_lane_is_already_is_not_recorded_again() -> None:
    site = Site(RULES)
    assert site.obey(RESUME, NOW) == []
    site.obey(PAUSE, NOW)
    assert site.obey(replace(PAUSE, actor="another"), NOW) == []
    assert site.lanes["out1"].paused


def test_a_pause_does_not_touch_a_debit_under_way() -> None:
    site = Site(RULES)
    site.on(read("rsu2"), FACTS, NOW)
    before = site.lanes["out1"]
    site.obey(PAUSE, NOW)
    assert site.lanes["out1"] == replace(before, paused=True)
    assert site.deadline == 1020.0


def test_a_start_finds_its_lanes_paused() -> None:
    site = Site(RULES)
    assert site.boot(Stays(paused={"out1", "removed"})) == []
    assert [name for name, lane in site.lanes.items() if lane.paused] == ["out1"]
    assert set(site.lanes) == {"in1", "out1", "out2"}


@pytest.mark.parametrize(
    ("order", "alarm"),
    [
        (
            replace(PAUSE, lane="out9"),
            Alarm("order for a lane that is not here", "out9: etc.paused by duty officer: a trial"),
        ),
        (
            replace(RESUME, lane=""),
            Alarm("order for a lane that is not here", ": etc.resumed by city: mended"),
        ),
        (NotUnderstood("data.lane: Field required"), Alarm("order not understood", "data.lane: Field required")),
    ],
)
def test_an_order_that_cannot_be_obeyed_is_told_once_an_hour(
    order: PauseEtc | ResumeEtc | NotUnderstood, alarm: Alarm
) -> None:
    site = Site(RULES)
    assert site.obey(order, NOW) == [("", Record(alarm))]
    assert site.obey(order, replace(NOW, mono=4599.9)) == []
    assert site.obey(order, replace(NOW, mono=4600.0)) == [("", Record(alarm))]
    assert not any(lane.paused for lane in site.lanes.values())


# --- boxes -------------------------------------------------------------------------------------------------

TRADED = box.BoxTraded(
    device="box1",
    ticket="t",
    intent="i1",
    result=0,
    obu_id="5a000001",
    vehicle=Vehicle("测A12345", 1, 1),
    card=CARD,
    fen=500,
    balance_after=9500,
    at=AT,
    entered=None,
    terminal="990100000001",
    terminal_serial=7,
    card_serial=8,
    card_random="01020304",
    tac="c0ffee00",
    algorithm=4,
    psam="99" * 10,
)
PROVEN = {
    "terminal": "990100000001",
    "terminal_serial": 7,
    "card_serial": 8,
    "card_random": "01020304",
    "tac": "c0ffee00",
    "algorithm": 4,
    "psam": "99" * 10,
    "at": AT.isoformat(),
}


BOOKED = BoxTraded(
    device="box1",
    intent="i1",
    result=0,
    obu_id="5a000001",
    card=CARD.number,
    plate="测A12345",
    color=1,
    vehicle_class=1,
    fen=500,
    balance_before=10_000,
    balance_after=9500,
    entered="",
    proof=PROVEN,
)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (box.BoxUp("box1", "V1", 0), DeviceChanged("box1", up=True, detail="version V1, fault 00")),
        (box.BoxUp("box1", "V1", 2), DeviceChanged("box1", up=False, detail="version V1, fault 02")),
        (box.BoxDown("box1", "closed"), DeviceChanged("box1", up=False, detail="closed")),
        (
            box.BoxDebitWanted("box1", "i1", "5a000001", "99", 8, 500, None, "990100000001"),
            BoxDebitIntended("box1", "i1", "5a000001", "99", 8, 500, "", "990100000001"),
        ),
        (box.BoxDebitEnded("box1", "i1", "not made", "why"), BoxDebitEnded("box1", "i1", "not made", "why")),
        (box.BoxRefused("box1", "E6", "why"), Alarm("a box got no answer", "box1: E6: why")),
        (TRADED, BOOKED),
        (
            box.BoxTradeDoubted("box1", "t", "why", TRADED),
            Alarm("a trade record of a box is no outcome", f"box1: why: {canonical(asdict(BOOKED))}"),
        ),
    ],
)
def test_what_a_box_tells_is_recorded_for_the_site(event: box.BoxEvent, body: Body) -> None:
    assert Site(RULES).box(event) == [("", Record(body))]
    draft = Draft(NOW, "", body)
    assert draft_of(chained(draft, "c1", 1, GENESIS)) == draft
