"""Whose event it is, what people and platforms order, and what concerns two lanes at once."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from drivers.ports import (
    AuthorisePsam,
    BarrierUp,
    CloseBarrier,
    DebitDone,
    DebitProof,
    DebitUnknown,
    InputChanged,
    OpenBarrier,
    PsamDone,
    PsamWanted,
    ReaderDown,
    Release,
    Show,
    TagRead,
)
from drivers.security import box
from drivers.security.module import Answer, Authorised, InRsu, Question, Refused, Remote, SecurityModule
from gateway.facts import SiteRules
from gateway.lane.state import Debiting, Do, Doubting, Idle, Lane, LaneRules, Passing, Record, Waiting
from gateway.ledger.entries import (
    Alarm,
    AuthorisationEnded,
    AuthorisationWanted,
    Body,
    CardListed,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    DeviceChanged,
    Draft,
    EtcSwitched,
    FireAlarm,
    LaneHeld,
    LaneOpened,
    LetThroughAgain,
    Moment,
    NotDebited,
    PassageAbandoned,
    PassageEnded,
    PaymentMade,
    PermitGranted,
    PermitWithdrawn,
    RefundDue,
    RefundMade,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Stays
from gateway.orders import (
    CloseArm,
    GrantPermit,
    HoldOpen,
    LetThrough,
    ListCard,
    NotUnderstood,
    Order,
    Pay,
    Refunded,
    Resolve,
    SwitchEtc,
    WithdrawPermit,
)
from gateway.site import STRANGE_KEPT, Actions, Site
from protocols.china import CHINA
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle
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
OPENED = StayOpened("s1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
INTENDED = DebitIntended("i1", "s1", TAG.obu_id, CARD.number, 1500, 10_000, AT.isoformat(), None)
PROOF = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, AT, 8500)
POOR = replace(CARD, kind=STORED_VALUE, balance=0)


def read(device: str, plate: str = "测A12345", card: Card = CARD) -> TagRead:
    return TagRead(device, 1, TAG, Vehicle(plate, 1, 1), replace(card, plate=plate))


def after(seconds: float) -> Moment:
    return replace(NOW, wall=AT + timedelta(seconds=seconds), mono=1000.0 + seconds)


def told(*bodies: Body, lane: str = "", hours: float = 0.0, begin: Stays | None = None) -> Stays:
    """What the ledger says, so many hours ago."""
    stays = begin or Stays()
    for body in bodies:
        stays.apply(Draft(replace(NOW, wall=AT - timedelta(hours=hours), boot="before"), lane, body))
    return stays


def inside(*plates: str) -> Stays:
    """These vehicles have been inside for two hours, 1500 fen; the first is s1."""
    bodies = (replace(OPENED, stay=f"s{n}", plate=plate) for n, plate in enumerate(plates or ["测A12345"], 1))
    return told(*bodies, hours=2)


@dataclass
class Desk:
    """A site whose decisions are in its ledger at once, as the runner does it."""

    stays: Stays = field(default_factory=Stays)
    rules: SiteRules = RULES

    def __post_init__(self) -> None:
        self.site = Site(self.rules, self.stays, "b")

    def on(self, event: object, now: Moment = NOW) -> Actions:
        """One event of a device."""
        return self._kept(self.site.on(event, now), now)  # type: ignore[arg-type]  # any event

    def obey(self, order: Order, now: Moment = NOW) -> Actions:
        return self._kept(self.site.obey(order, now), now)

    def due(self, now: Moment) -> Actions:
        return [action for lane in self.site.late(now) for action in self._kept(self.site.due(lane, now), now)]

    def told_who_waits(self, now: Moment = NOW) -> Actions:
        ready = self.site.ready()
        return [action for lane in ready for action in self._kept(self.site.reconsider(lane, now), now)]

    def _kept(self, actions: Actions, now: Moment) -> Actions:
        for lane, action in actions:
            if isinstance(action, Record):
                self.stays.apply(Draft(now, lane, action.body))
        return actions


def bodies(actions: Actions) -> list[Body]:
    return [action.body for _, action in actions if isinstance(action, Record)]


def kinds(actions: Actions) -> list[str]:
    return [body.KIND for body in bodies(actions)]


def orders(actions: Actions) -> list[object]:
    return [action.order for _, action in actions if isinstance(action, Do)]


# --- whose event -------------------------------------------------------------------------------------------


def test_an_event_reaches_its_own_lane_only() -> None:
    site = Site(RULES)
    assert site.on(InputChanged("gate2", "presence", on=True), NOW) == []
    assert site.lanes == {"in1": Lane(), "out1": Lane(occupied=True), "out2": Lane()}


def test_an_event_of_a_device_that_no_lane_has_is_dropped() -> None:
    site = Site(RULES, inside())
    assert site.on(ReaderDown("rsu9", "silent"), NOW) == []
    assert site.on(read("rsu9"), NOW) == []
    assert site.deadline is None


def test_a_device_that_comes_or_goes_is_recorded_in_its_lane() -> None:
    assert Site(RULES).on(BarrierUp("gate1"), NOW) == [("in1", Record(DeviceChanged("gate1", up=True, detail="")))]
    changed = DeviceChanged("rsu3", up=False, detail="silent")
    assert Site(RULES).on(ReaderDown("rsu3", "silent"), NOW) == [("out2", Record(changed))]


def test_what_a_box_tells_is_recorded_for_the_site() -> None:
    assert Site(RULES).box(box.BoxDown("box1", "closed")) == [
        ("", Record(DeviceChanged("box1", up=False, detail="closed")))
    ]


def test_every_decision_has_an_id_of_its_own() -> None:
    desk = Desk()
    opened = [bodies(desk.on(read(f"rsu{n}", f"测B0000{n}")))[0] for n in (1,)]
    desk.due(after(100))
    desk.due(after(200))
    opened += [bodies(desk.on(read("rsu1", "测B00002"), after(300)))[0]]
    ids = [body.stay for body in opened if isinstance(body, StayOpened)]
    assert len(set(ids)) == 2
    assert all(stay.startswith("b-") for stay in ids)


# --- what the last run left --------------------------------------------------------------------------------


def test_what_the_last_run_left_open_is_unresolved() -> None:
    other, third = replace(INTENDED, intent="i2"), replace(INTENDED, intent="i3")
    stays = told(OPENED, INTENDED, other, DebitSettled("i2", "balance", None, 8500), third)
    reason = "the gateway stopped before the outcome"
    assert Site(RULES, stays).left_over() == [
        ("", Record(DebitUnresolved("i1", reason))),
        ("", Record(DebitUnresolved("i3", reason))),
    ]


def test_an_arm_that_the_last_run_left_up_comes_down() -> None:
    stays = told(OPENED, lane="in1")
    told(replace(OPENED, stay="s2", plate="测B00001"), lane="removed", begin=stays)
    desk = Desk(stays)
    assert desk.site.left_over() == [("in1", Record(PassageEnded("s1", "the gateway stopped")))]
    assert desk.on(InputChanged("gate1", "presence", on=True)) == []
    assert desk.on(InputChanged("gate1", "presence", on=False)) == [("in1", Do(CloseBarrier("gate1")))]
    assert desk.on(InputChanged("gate2", "presence", on=False)) == []


def test_an_arm_whose_passage_has_ended_and_that_was_not_seen_down_comes_down() -> None:
    """The last run was killed between the end of a passage and the arm being down."""
    stays = told(OPENED, PassageEnded("s1", "passed"), lane="in1")
    told(replace(OPENED, stay="s2"), PassageEnded("s2", "passed"), lane="removed", begin=stays)
    desk = Desk(stays)
    assert desk.site.left_over() == []
    assert desk.on(InputChanged("gate1", "presence", on=False)) == [("in1", Do(CloseBarrier("gate1")))]
    assert set(desk.site.lanes) == {"in1", "out1", "out2"}


def test_a_start_finds_its_lanes_paused_and_held() -> None:
    off = EtcSwitched(on=False, actor="city", reason="why")
    held = LaneHeld(on=True, actor="duty", reason="a wedding")
    stays = told(off, lane="out1")
    told(off, held, lane="removed", begin=stays)
    told(held, lane="in1", begin=stays)
    desk = Desk(stays)
    assert [name for name, lane in desk.site.lanes.items() if lane.paused] == ["out1"]
    assert [name for name, lane in desk.site.lanes.items() if lane.held] == ["in1"]
    assert set(desk.site.lanes) == {"in1", "out1", "out2"}
    assert OpenBarrier("gate1") in orders(desk.on(BarrierUp("gate1")))
    assert orders(desk.on(InputChanged("gate1", "presence", on=False))) == []
    assert orders(desk.on(BarrierUp("gate2"))) == []


def test_a_start_knows_the_loops_of_its_lanes_and_nothing_of_what_is_on_them() -> None:
    wired = replace(LANES[1], role="both", inputs=frozenset({"presence", "outside", "inside"}))
    site = Site(replace(RULES, lanes={"out1": wired}))
    assert site.lanes["out1"] == Lane(loops=(("inside", None), ("outside", None)))


# --- two lanes ---------------------------------------------------------------------------------------------


def test_one_tag_before_two_antennas_is_debited_once() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2"))
    assert isinstance(desk.site.lanes["out1"].phase, Debiting)
    assert desk.on(read("rsu3")) == [("out2", Do(Release("rsu3", "652bc7a3", 1.0)))]
    # Nor is it taken for a new arrival while its exit is under way.
    assert desk.on(read("rsu1")) == [("in1", Do(Release("rsu1", "652bc7a3", 1.0)))]
    assert {name for name, lane in desk.site.lanes.items() if lane.phase != Idle()} == {"out1"}


def test_other_stays_go_on_meanwhile() -> None:
    desk = Desk(inside("测A12345", "测B00001"))
    desk.on(read("rsu2"))
    assert len(desk.on(read("rsu3", "测B00001"))) == 2
    assert desk.site.lanes["out2"].stay == "s2"


def pair(other: str) -> SiteRules:
    """The two exits, the first of which waits for another lane's arm."""
    return replace(RULES, lanes={**RULES.lanes, "out1": replace(LANES[1], interlock=other)})


def test_the_arms_of_an_interlock_are_not_up_together() -> None:
    for first, second, back in (("rsu2", "rsu3", "out2"), ("rsu3", "rsu2", "out1")):
        desk = Desk(inside("测A12345", "测B00001"), pair("out2"))
        desk.on(read(first))
        assert desk.on(read(second, "测B00001")) == [(back, Do(Release(second, "652bc7a3", 1.0)))]
    desk = Desk(inside("测A12345", "测B00001"), pair("in1"))
    desk.on(read("rsu2"))
    assert isinstance(desk.site.lanes["out1"].phase, Debiting)
    desk.on(read("rsu3", "测B00001"))
    assert isinstance(desk.site.lanes["out2"].phase, Debiting)


def test_a_payment_does_not_raise_an_arm_while_the_other_of_the_interlock_is_up() -> None:
    """It is raised when that one is down."""
    desk = Desk(inside("测A12345", "测B00001"), pair("out2"))
    desk.on(read("rsu2", card=POOR))
    desk.obey(LetThrough("out2", "duty", "why"))
    assert isinstance(desk.site.lanes["out2"].phase, Passing)
    desk.obey(Pay("p1", "s1", 1500, "wechat"))
    assert desk.told_who_waits() == []
    desk.on(InputChanged("gate3", "presence", on=False))
    desk.due(after(60))
    assert desk.told_who_waits(after(60)) == []  # it is coming down
    desk.on(InputChanged("gate3", "closed", on=True), after(65))
    assert "stay.closed" in kinds(desk.told_who_waits(after(65)))


def test_a_fire_raises_every_arm_whichever_board_tells() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2"))
    raised = desk.on(InputChanged("gate1", "fire", on=True))
    assert orders(raised) == [OpenBarrier("gate1"), OpenBarrier("gate2"), OpenBarrier("gate3")]
    assert [lane for lane, action in raised if isinstance(action, Record)] == ["in1", "out1", "out2"]
    assert bodies(raised) == [FireAlarm(on=True, device="gate1")] * 3
    for _, action in raised:
        assert not isinstance(action, Do) or action.after is None  # it waits for no record
    assert all(lane.held for lane in desk.site.lanes.values())


def test_a_fire_is_over_when_no_board_tells_of_it() -> None:
    desk = Desk()
    desk.on(InputChanged("gate1", "fire", on=True))
    assert bodies(desk.on(InputChanged("gate2", "fire", on=True))) == [FireAlarm(on=True, device="gate2")] * 3
    assert bodies(desk.on(InputChanged("gate3", "fire", on=False))) == []
    assert desk.on(InputChanged("gate1", "fire", on=None)) == []
    desk.on(InputChanged("gate2", "fire", on=False))
    assert all(lane.held for lane in desk.site.lanes.values())
    over = desk.on(InputChanged("gate1", "fire", on=False))
    assert bodies(over) == [FireAlarm(on=False, device="gate1")] * 3
    assert not any(lane.held for lane in desk.site.lanes.values())


# --- time --------------------------------------------------------------------------------------------------


def test_every_lane_that_is_due_is_asked_and_no_other() -> None:
    desk = Desk(inside("测A12345", "测B00001"))
    desk.on(read("rsu2"))
    desk.on(read("rsu3", "测B00001"), after(5))
    desk.on(read("rsu1", "测C00001"), after(5))
    assert desk.site.deadline == 1020.0
    assert desk.site.late(after(19.9)) == []
    assert desk.site.late(after(20)) == ["out1"]
    reason = "no outcome from the reader"
    assert desk.due(after(25)) == [
        ("out1", Record(DebitUnresolved("b-1", reason))),
        ("out2", Record(DebitUnresolved("b-2", reason))),
    ]
    assert desk.site.deadline == 1035.0
    desk.due(after(35))
    assert desk.site.deadline == 1065.0  # the passage at the entry


def test_an_opening_is_wanted_only_while_its_passage_lasts() -> None:
    desk = Desk()
    reason = LetThroughAgain("b-1")
    opening, words = Do(OpenBarrier("gate1"), reason), Do(Show("in1", "", ""), reason)
    assert not desk.site.released("in1", opening)
    assert desk.site.released("in1", words)
    desk.on(read("rsu1"))
    phase = desk.site.lanes["in1"].phase
    assert isinstance(phase, Passing)
    assert not phase.up
    assert desk.site.released("in1", opening)
    assert desk.site.lanes["in1"].phase == replace(phase, up=True)


def test_an_arm_is_not_raised_for_a_passage_before_this_one() -> None:
    desk = Desk()
    desk.on(read("rsu1"))
    before = desk.site.lanes["in1"]
    assert not desk.site.released("in1", Do(OpenBarrier("gate1"), LetThroughAgain("s1")))
    assert not desk.site.released("in1", Do(OpenBarrier("gate1"), DebitUnresolved("b-1", "")))
    assert desk.site.lanes["in1"] == before


def test_an_arm_that_a_person_holds_is_raised_while_that_is_so() -> None:
    desk = Desk()
    (_, _), (_, raising) = desk.obey(HoldOpen("in1", True, "duty", "why"))  # noqa: FBT003  as it stands in the order
    assert isinstance(raising, Do)
    assert desk.site.released("in1", raising)
    desk.obey(HoldOpen("in1", False, "duty", "over"))  # noqa: FBT003  as above
    assert not desk.site.released("in1", raising)


def test_an_arm_is_lowered_only_if_nobody_has_come_under_it_while_the_order_was_written() -> None:
    desk = Desk()
    desk.on(InputChanged("gate1", "presence", on=False))
    (_, _), (_, lowering) = desk.obey(CloseArm("in1", "duty", "why"))
    assert isinstance(lowering, Do)
    assert desk.site.released("in1", lowering)
    desk.on(InputChanged("gate1", "presence", on=True))
    assert not desk.site.released("in1", lowering)
    desk.on(InputChanged("gate1", "presence", on=False))
    desk.on(InputChanged("gate2", "fire", on=True))
    assert not desk.site.released("in1", lowering)


# --- payments ----------------------------------------------------------------------------------------------

PAY = Pay("p1", "s1", 1500, "wechat")
PAID = PaymentMade("p1", "s1", 1500, "wechat")


def test_a_payment_told_twice_counts_once() -> None:
    desk = Desk(inside())
    assert desk.obey(PAY) == [("", Record(PAID))]
    assert desk.obey(PAY) == []
    assert desk.obey(replace(PAY, payment="p2")) == [("", Record(replace(PAID, payment="p2")))]


def test_a_payment_for_a_stay_that_has_ended_is_recorded() -> None:
    stays = inside()
    told(StayClosed("s1", "owed", 1500, 0, None), lane="out1", begin=stays)
    assert Desk(stays).obey(PAY) == [("", Record(PAID))]


def test_a_payment_for_a_stay_that_nobody_knows_is_told() -> None:
    desk = Desk(inside())
    alarm = Alarm("payment for a stay that is not known", "p1: 1500 fen by wechat for s9")
    assert desk.obey(replace(PAY, stay="s9")) == [("", Record(alarm))]


def test_who_waits_is_let_out_when_all_is_paid() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2", card=POOR))
    assert isinstance(desk.site.lanes["out1"].phase, Waiting)
    assert desk.site.ready() == []
    desk.obey(replace(PAY, fen=1499))
    assert desk.site.ready() == []
    desk.obey(replace(PAY, payment="p2", fen=1))
    assert desk.site.ready() == ["out1"]
    actions = desk.told_who_waits()
    assert [lane for lane, _ in actions] == ["out1"] * len(actions)
    (closed,) = bodies(actions)
    assert isinstance(closed, StayClosed)
    assert (closed.reason, closed.due, closed.paid) == ("paid", 1500, 1500)
    assert ("out1", Do(OpenBarrier("gate2"), after=closed)) in actions
    assert desk.site.ready() == []


def test_who_waits_for_nothing_that_a_ledger_knows_is_left_alone() -> None:
    desk = Desk()
    desk.on(read("rsu2"))  # it has no entry record
    assert isinstance(desk.site.lanes["out1"].phase, Waiting)
    assert desk.site.ready() == []


def test_who_waits_in_two_lanes_leaves_through_one() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2", card=POOR))
    desk.on(read("rsu3", card=POOR))
    desk.obey(PAY)
    assert desk.site.ready() == ["out1", "out2"]
    assert "stay.closed" in kinds(desk._kept(desk.site.reconsider("out1", NOW), NOW))
    assert desk.site.ready() == ["out2"]
    assert bodies(desk.told_who_waits()) == [PassageAbandoned("left elsewhere", "s1", "测A12345")]
    assert desk.site.ready() == []


def test_who_was_let_go_unpaid_through_another_lane_does_not_wait_in_this_one() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2", card=POOR))
    desk.obey(LetThrough("out2", "duty", "why", "测A12345", 1))
    assert desk.site.ready() == ["out1"]
    assert kinds(desk.told_who_waits()) == ["passage.abandoned"]


def test_who_waits_in_doubt_hears_of_the_outcome_also_from_its_antenna() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2"))
    desk.on(DebitUnknown("rsu2", "b-1", "no result"))
    desk.due(after(60))
    assert isinstance(desk.site.lanes["out1"].phase, Waiting)
    assert desk.site.ready() == []
    desk.on(DebitDone("rsu2", "b-1", PROOF), after(61))
    assert desk.site.ready() == ["out1"]
    assert "stay.closed" in kinds(desk.told_who_waits(after(61)))


def test_a_payment_during_a_debit_is_kept_and_the_stay_ends_with_both() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2"))
    desk.obey(PAY)
    settled, closed = bodies(desk.on(DebitDone("rsu2", "b-1", PROOF)))
    assert isinstance(settled, DebitSettled)
    assert isinstance(closed, StayClosed)
    assert (closed.due, closed.paid) == (1500, 3000)


# --- refunds, lists and permits ----------------------------------------------------------------------------


def test_a_refund_that_is_due_is_paid_out_once() -> None:
    desk = Desk(told(OPENED, RefundDue("r1", "s1", 300, "why")))
    order = Refunded("r1", "cashier", "cash")
    assert desk.obey(order) == [("", Record(RefundMade("r1", "cashier", "cash")))]
    again = desk.obey(order)
    assert "refund.made" not in kinds(again)


def test_a_refund_that_nobody_owes_is_told() -> None:
    alarm = Alarm("refund that is not due", "r9 by cashier")
    assert Desk().obey(Refunded("r9", "cashier", "cash")) == [("", Record(alarm))]


def test_a_card_is_listed_once() -> None:
    desk = Desk()
    on = ListCard(CARD.number, True, "city", "lost")  # noqa: FBT003  as it stands in the order
    off = replace(on, on=False)
    assert desk.obey(off) == []
    assert desk.obey(on) == [("", Record(CardListed(CARD.number, on=True, actor="city", reason="lost")))]
    assert desk.obey(on) == []
    assert kinds(desk.obey(off)) == ["card.listed"]
    assert desk.stays.lists.cards == set()


def test_a_listed_card_is_not_debited() -> None:
    desk = Desk(inside())
    desk.obey(ListCard(CARD.number, True, "city", "lost"))  # noqa: FBT003  as it stands in the order
    actions = desk.on(read("rsu2"))
    assert "debit.intended" not in kinds(actions)
    assert getattr(bodies(actions)[0], "why", "") == "card listed"
    assert isinstance(desk.site.lanes["out1"].phase, Waiting)


def test_a_permit_is_granted_and_withdrawn() -> None:
    desk = Desk()
    grant = GrantPermit("m1", "测A12345", 1, "month", date(2026, 11, 1), None, "office")
    granted = PermitGranted("m1", "测A12345", 1, "month", "2026-11-01", "", "office")
    assert desk.obey(grant) == [("", Record(granted))]
    ends = replace(grant, permit="m2", first=None, last=date(2026, 11, 30))
    last = replace(granted, permit="m2", first="", last="2026-11-30")
    assert desk.obey(ends) == [("", Record(last))]
    assert len(desk.stays.lists.permits(("测A12345", 1))) == 2
    withdraw = WithdrawPermit("m1", "office", "moved")
    assert desk.obey(withdraw) == [("", Record(PermitWithdrawn("m1", "office", "moved")))]
    assert len(desk.stays.lists.permits(("测A12345", 1))) == 1


# --- a person says what became of a debit ------------------------------------------------------------------

MADE = Resolve("b-1", True, "duty", "seen on the card")  # noqa: FBT003  as it stands in the order


def doubting() -> Desk:
    """A debit without outcome at out2: not the first lane."""
    desk = Desk(inside())
    desk.on(read("rsu3"), after(1))
    desk.on(DebitUnknown("rsu3", "b-1", "no result"), after(2))
    assert isinstance(desk.site.lanes["out2"].phase, Doubting)
    return desk


def test_a_person_ends_the_doubt_of_the_lane_that_still_deals_with_it() -> None:
    made = doubting().obey(MADE, after(3))
    assert {lane for lane, _ in made} == {"out2"}
    assert kinds(made) == ["debit.settled", "stay.closed"]
    assert OpenBarrier("gate3") in orders(made)
    desk = doubting()
    assert desk.obey(replace(MADE, made=False), after(3)) == [
        ("out2", Record(NotDebited("b-1", "duty: seen on the card")))
    ]
    assert desk.site.lanes["out2"].phase == Idle()


def test_a_person_ends_the_doubt_of_one_who_waits_in_it() -> None:
    desk = doubting()
    desk.due(after(60))
    settled = DebitSettled("b-1", "person", {"actor": "duty", "reason": "seen on the card"}, None)
    assert desk.obey(MADE, after(61)) == [("out2", Record(settled))]
    assert kinds(desk.told_who_waits(after(61))) == ["stay.closed"]


def test_who_waits_in_doubt_is_asked_for_money_when_no_debit_was_made() -> None:
    desk = doubting()
    waits = desk.due(after(60))
    assert "payment.asked" not in kinds(waits)
    desk.obey(replace(MADE, made=False), after(61))
    assert kinds(desk.told_who_waits(after(61))) == ["payment.asked"]
    assert desk.site.ready() == []


def test_a_person_ends_the_doubt_of_one_who_has_left() -> None:
    stays = told(OPENED, INTENDED, DebitUnresolved("i1", ""), hours=2)
    desk = Desk(stays)
    settled = DebitSettled("i1", "person", {"actor": "duty", "reason": "seen on the card"}, None)
    assert desk.obey(replace(MADE, intent="i1")) == [("", Record(settled))]
    assert all(lane == Lane() for lane in desk.site.lanes.values())


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize(
    ("intent", "outcome", "state"),
    [
        ("i1", [], "open"),
        ("i1", [DebitSettled("i1", "balance", None, 8500)], "settled"),
        ("i1", [NotDebited("i1", "too late")], "not made"),
        ("i9", [], "not known"),
    ],
    ids=["open", "settled", "not made", "not known"],
)
def test_there_is_nothing_to_resolve_of_a_debit_that_is_not_in_doubt(
    intent: str, outcome: list[Body], state: str, *, made: bool
) -> None:
    """One correction per doubt: whoever resolves it twice, or too early, is told (law 2)."""
    desk = Desk(told(OPENED, INTENDED, *outcome))
    alarm = Alarm("nothing to resolve", f"{intent} is {state}: duty")
    assert desk.obey(replace(MADE, intent=intent, made=made)) == [("", Record(alarm))]


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
    assert secured(Answering()).on(WANTED, NOW) == [
        ("in1", Record(ASKED)),
        ("in1", Do(AuthorisePsam("rsu1", RANDOM, "c1c2c3c4c5c6c7c8"))),
    ]


def test_a_platform_that_has_the_keys_hears_of_it_and_answers_later() -> None:
    assert secured(Remote()).on(WANTED, NOW) == [("in1", Record(ASKED))]


@pytest.mark.parametrize("site", [secured(InRsu()), Site(RULES)])
def test_a_refusal_is_recorded(site: Site) -> None:
    asked, (lane, ended) = site.on(WANTED, NOW)
    assert asked == ("in1", Record(ASKED))
    assert lane == "in1"
    refused = InRsu().ask(ASKED)  # type: ignore[arg-type]  # whatever is asked
    assert isinstance(refused, Refused)
    assert ended == Record(AuthorisationEnded("rsu1", good=False, detail=refused.reason))


@pytest.mark.parametrize("good", [True, False])
def test_how_an_authorisation_ended_is_recorded(*, good: bool) -> None:
    done = PsamDone("rsu1", good, "9000")
    assert Site(RULES).on(done, NOW) == [("in1", Record(AuthorisationEnded("rsu1", good, "9000")))]


def test_a_device_without_a_lane_is_authorised_for_the_site() -> None:
    wanted = replace(WANTED, device="box1")
    (first, second) = secured(Answering(), "box1").on(wanted, NOW)
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


# --- orders for a lane ------------------------------------------------------------------------------------

OFF = SwitchEtc("out1", False, "duty officer", "a trial")  # noqa: FBT003  as it stands in the order
ON = SwitchEtc("out1", True, "city", "mended")  # noqa: FBT003  as above


def test_etc_is_switched_off_and_on_in_one_lane() -> None:
    desk = Desk(inside("测A12345", "测B00001"))
    off = EtcSwitched(on=False, actor="duty officer", reason="a trial")
    assert desk.obey(OFF) == [("out1", Record(off))]
    assert [name for name, lane in desk.site.lanes.items() if lane.paused] == ["out1"]
    (lane, refused), *_ = desk.on(read("rsu2"))
    assert lane == "out1"
    assert isinstance(refused, Record)
    assert getattr(refused.body, "why", "") == "etc paused"
    desk.on(read("rsu3", "测B00001"))
    assert isinstance(desk.site.lanes["out2"].phase, Debiting)
    assert desk.obey(ON) == [("out1", Record(EtcSwitched(on=True, actor="city", reason="mended")))]
    assert not desk.site.lanes["out1"].paused


def test_what_a_lane_is_already_is_not_recorded_again() -> None:
    desk = Desk()
    assert desk.obey(ON) == []
    desk.obey(OFF)
    assert desk.obey(replace(OFF, actor="another")) == []
    assert desk.site.lanes["out1"].paused


def test_a_pause_does_not_touch_a_debit_under_way() -> None:
    desk = Desk(inside())
    desk.on(read("rsu2"))
    before = desk.site.lanes["out1"]
    desk.obey(OFF)
    assert desk.site.lanes["out1"] == replace(before, paused=True)
    assert desk.site.deadline == 1020.0


def test_orders_of_people_reach_their_lane() -> None:
    desk = Desk()
    opened = desk.obey(LetThrough("out1", "duty", "why"))
    assert ("out1", Record(LaneOpened("duty", "why", "", ""))) in opened
    assert kinds(desk.obey(HoldOpen("out2", True, "duty", "why"))) == ["lane.held"]  # noqa: FBT003  as above
    assert kinds(desk.obey(CloseArm("in1", "duty", "why"))) == ["alarm"]  # the loop is not known to be free


@pytest.mark.parametrize(
    ("order", "alarm"),
    [
        (
            replace(OFF, lane="out9"),
            Alarm("order for a lane that is not here", "out9: SwitchEtc by duty officer: a trial"),
        ),
        (
            LetThrough("", "city", "mended"),
            Alarm("order for a lane that is not here", ": LetThrough by city: mended"),
        ),
        (
            CloseArm("out9", "city", "x"),
            Alarm("order for a lane that is not here", "out9: CloseArm by city: x"),
        ),
        (
            HoldOpen("out9", True, "city", "x"),  # noqa: FBT003  as it stands in the order
            Alarm("order for a lane that is not here", "out9: HoldOpen by city: x"),
        ),
        (NotUnderstood("data.lane: Field required"), Alarm("order not understood", "data.lane: Field required")),
    ],
)
def test_an_order_that_cannot_be_obeyed_is_told_once_an_hour(order: Order, alarm: Alarm) -> None:
    site = Site(RULES)
    assert site.obey(order, NOW) == [("", Record(alarm))]
    assert site.obey(order, replace(NOW, mono=4599.9)) == []
    assert site.obey(order, replace(NOW, mono=4600.0)) == [("", Record(alarm))]
    assert all(lane == Lane() for lane in site.lanes.values())


# --- a start in a fire, and orders that come twice ----------------------------------------------------------


def test_a_start_in_a_fire_lowers_no_arm_and_raises_them_again() -> None:
    """In the order in which a board tells its inputs."""
    desk = Desk(told(FireAlarm(on=True, device="gate1"), lane="in1"))
    assert OpenBarrier("gate1") in orders(desk.on(BarrierUp("gate1")))
    assert CloseBarrier("gate1") not in orders(desk.on(InputChanged("gate1", "presence", on=False)))
    assert bodies(desk.on(InputChanged("gate1", "fire", on=True))) == [FireAlarm(on=True, device="gate1")] * 2
    assert all(lane.held for lane in desk.site.lanes.values())
    assert CloseBarrier("gate1") in orders(desk.on(InputChanged("gate1", "fire", on=False)))


@pytest.mark.parametrize("end", [[FireAlarm(on=False, device="gate1")], []])
def test_a_start_after_a_fire_holds_no_arm(end: list[Body]) -> None:
    """Nor after one that a board told which is no longer here: nobody would hear of its end."""
    board = "gate1" if end else "gate9"
    desk = Desk(told(FireAlarm(on=True, device=board), *end, lane="in1"))
    assert not any(lane.held for lane in desk.site.lanes.values())


@pytest.mark.parametrize("change", [{"fen": 900}, {"stay": "s2"}])
def test_a_payment_told_again_with_other_terms_is_told(change: dict[str, Any]) -> None:
    desk = Desk(inside("测A12345", "测B00001"))
    desk.obey(PAY)
    assert kinds(desk.obey(replace(PAY, **change))) == ["alarm"]


@pytest.mark.parametrize(
    "order",
    [
        Refunded("r1", "cashier", "cash"),
        GrantPermit("m1", "测A12345", 1, "month", None, None, "office"),
        WithdrawPermit("m9", "office", "never granted"),
    ],
)
def test_an_order_that_comes_twice_is_carried_out_once(order: Order) -> None:
    """A platform repeats what it has no answer to."""
    desk = Desk(told(OPENED, RefundDue("r1", "s1", 300, "why")))
    desk.obey(order)
    assert desk.obey(order) == []


def test_that_there_is_nothing_to_resolve_is_told_once_in_a_while() -> None:
    desk = Desk()
    desk.obey(MADE)
    assert desk.obey(MADE) == []
