"""The runner, with a ledger that is durable at once and with one that takes its time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from drivers.ports import (
    AuthorisePsam,
    BarrierUp,
    CloseBarrier,
    Debit,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    ReaderDown,
    Release,
    Show,
    TagRead,
)
from drivers.security.box import BoxDebitWanted
from drivers.security.module import Remote
from gateway.facts import SiteRules
from gateway.lane.state import LaneRules
from gateway.ledger.entries import (
    ArmDown,
    Body,
    Booted,
    BoxDebitEnded,
    BoxDebitIntended,
    ClockStepped,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    DeviceChanged,
    Draft,
    Entry,
    EtcSwitched,
    LaneHeld,
    Moment,
    NotDebited,
    PassageEnded,
    PaymentMade,
    RefundDue,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Intent, Stay, Stays
from gateway.orders import HoldOpen, LetThrough, Pay, Resolve, SwitchEtc
from gateway.runner import Runner
from protocols.china import CHINA
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle
from tools.world import TARIFF

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
START = Instant(AT, 1000.0)
LANES = (LaneRules("in1", "entry", "rsu1", "gate1"), LaneRules("out1", "exit", "rsu2", "gate2"))
RULES = SiteRules({lane.name: lane for lane in LANES}, TARIFF)
BOOTED = Booted("1.0", "digest", "tariff")

WIDE = date(2000, 1, 1), date(2099, 12, 31)
TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", CREDIT, 16, *WIDE, "测A12345", 10_000, bytes(43))
ENTERING = TagRead("rsu1", 1, TAG, Vehicle("测A12345", 1, 1), CARD)
LEAVING = replace(ENTERING, device="rsu2")


def inside() -> Stays:
    """The car has been inside for two hours: 1500 fen."""
    return Stays(open={("测A12345", 1): Stay("s1", "测A12345", 1, 1, AT - timedelta(hours=2), passed=True)})


Done = Callable[[list[Entry]], None]


def after(seconds: float, step: float = 0.0) -> Instant:
    return Instant(AT + timedelta(seconds=seconds + step), START.mono + seconds)


@dataclass
class Desk:
    """A runner and what it did, in order. `wrote` makes the oldest groups durable; inline, each at once."""

    inline: bool = True
    floor: datetime = AT
    stays: Stays = field(default_factory=Stays)
    did: list[Draft | DeviceOrder | Show] = field(default_factory=list)
    waiting: list[Done] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.runner = Runner(RULES, self.stays, "boot", self.submit, self.did.append, self.floor)

    def submit(self, drafts: Sequence[Draft], done: Done) -> None:
        self.did += drafts
        self.waiting.append(done)
        if self.inline:
            self.wrote()

    def wrote(self, groups: int = 1) -> None:
        for done in self.waiting[:groups]:
            done([])
        del self.waiting[:groups]

    def news(self) -> list[object]:
        """Bodies and orders since the last look, in their order."""
        did, self.did[:] = list(self.did), []
        return [step.body if isinstance(step, Draft) else step for step in did]

    def kinds(self) -> list[str]:
        return [type(step).__name__ for step in self.news()]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def slow() -> Desk:
    return Desk(inline=False)


# --- what waits and what does not --------------------------------------------------------------------------


def test_a_car_in_and_out(desk: Desk) -> None:
    desk.runner.on(ENTERING, START)
    opened = StayOpened("boot-1", "测A12345", 1, 1, TAG.obu_id, CARD.number)
    assert desk.news() == [
        Release("rsu1", TAG.obu_id, 20.0),
        opened,
        OpenBarrier("gate1"),
        Show("in1", "欢迎光临 测A12345", "Welcome 测A12345"),
    ]
    desk.runner.on(LEAVING, after(1800))
    intended, debit = desk.news()
    assert isinstance(intended, DebitIntended)
    assert (intended.intent, intended.stay, intended.fen) == ("boot-2", "boot-1", 500)
    assert debit == Debit("rsu2", 1, "boot-2", TAG.obu_id, 500, AT + timedelta(minutes=30), AT)
    proof = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, debit.at, 9500)
    desk.runner.on(DebitDone("rsu2", "boot-2", proof), after(1801))
    assert desk.kinds() == ["Release", "DebitSettled", "StayClosed", "OpenBarrier", "Show"]
    assert desk.stays.open == {}
    assert desk.stays.intents["boot-2"].state == "settled"


def test_records_carry_their_moment_and_their_lane(desk: Desk) -> None:
    desk.runner.on(ENTERING, after(5))
    (draft,) = (step for step in desk.did if isinstance(step, Draft))
    assert (draft.lane, draft.at.wall, draft.at.mono) == ("in1", AT + timedelta(seconds=5), 1005.0)
    assert (draft.at.boot, draft.at.trusted) == ("boot", True)


def test_what_waits_for_nothing_goes_at_once_and_the_rest_when_it_is_durable(slow: Desk) -> None:
    slow.runner.on(ENTERING, START)
    assert slow.kinds() == ["Release", "StayOpened"]
    slow.wrote()
    assert slow.kinds() == ["OpenBarrier", "Show"]


def test_a_debit_waits_for_its_own_group_and_no_other() -> None:
    slow = Desk(inline=False, stays=inside())
    slow.runner.on(replace(ENTERING, vehicle=Vehicle("测B00001", 1, 1), card=replace(CARD, plate="")), START)
    slow.runner.on(LEAVING, after(1))
    assert slow.kinds() == ["Release", "StayOpened", "DebitIntended"]
    slow.wrote()
    assert slow.kinds() == ["OpenBarrier", "Show"]
    slow.wrote()
    assert slow.kinds() == ["Debit"]


def test_nothing_is_sent_whose_group_never_becomes_durable() -> None:
    slow = Desk(inline=False, stays=inside())
    slow.runner.on(replace(ENTERING, vehicle=Vehicle("测B00001", 1, 1), card=replace(CARD, plate="")), START)
    slow.runner.on(LEAVING, START)
    for second in (20, 30, 60, 330):  # no outcome, no evidence, nobody came, nobody decided
        slow.runner.due(after(second))
    assert slow.runner.deadline is None
    orders = [type(step) for step in slow.news() if isinstance(step, DeviceOrder)]
    # Only what harms nobody: both tags are let go, the second with words when its debit was given up.
    assert orders == [Release, Show, Release]


def test_an_arm_is_not_raised_after_its_passage_has_ended(slow: Desk) -> None:
    slow.runner.on(InputChanged("gate1", "presence", on=False), START)
    slow.runner.on(ENTERING, START)
    slow.runner.due(after(60))
    slow.news()
    slow.wrote(2)
    assert slow.kinds() == ["Show"]
    slow.runner.due(after(75))
    slow.runner.on(replace(ENTERING, trade=2), after(80))
    slow.wrote(3)
    assert slow.kinds() == ["ArmDown", "Release", "LetThroughAgain", "OpenBarrier", "Show"]


def test_the_cores_do_not_wait_for_the_disk(slow: Desk) -> None:
    """A tag that comes again before its stay is durable finds that stay."""
    slow.runner.on(ENTERING, START)
    assert slow.stays.of("测A12345", 1) is not None
    slow.runner.on(LEAVING, after(0.5))
    closed = slow.news()[-1]
    assert isinstance(closed, StayClosed)
    assert closed.stay == "boot-1"


def test_while_the_ledger_cannot_write_nobody_is_let_through(desk: Desk) -> None:
    desk.runner.ledger_fault = "disk full"
    assert desk.runner.ledger_fault == "disk full"
    desk.runner.on(ENTERING, START)
    assert desk.kinds() == ["Show", "Release"]
    desk.runner.ledger_fault = None
    desk.runner.on(ENTERING, after(20))
    assert "OpenBarrier" in desk.kinds()


def test_an_event_without_consequence_writes_nothing(desk: Desk) -> None:
    desk.runner.on(InputChanged("gate1", "presence", on=True), START)
    desk.runner.on(ReaderDown("rsu9", "of no lane"), START)
    assert desk.news() == []


def test_orders_of_one_decision_are_one_group(slow: Desk) -> None:
    slow.runner.on(ENTERING, START)
    slow.runner.on(replace(ENTERING, device="rsu1", trade=2), after(700))
    assert len(slow.waiting) == 1  # the second was sent back: a passage is under way


# --- the arm, and a run that ends -------------------------------------------------------------------------


def desk_of(*bodies: Body, lane: str = "in1") -> Desk:
    """A run that has written just this."""
    at = Moment(AT, 1000.0, "before", trusted=True)
    return Desk(did=[Draft(at, lane, body) for body in bodies])


def left_by(desk: Desk, begin: Stays | None = None) -> Desk:
    """The next run, by what this one and those before it have written, `begin` having been before them."""
    written, stays = [step for step in desk.did if isinstance(step, Draft)], begin or Stays()
    for draft in written:
        stays.apply(draft)
    following = Desk(stays=stays, did=[*written])
    following.runner.start(BOOTED, after(120))
    return following


def test_a_run_that_is_killed_before_the_arm_is_down_leaves_it_to_the_next_and_the_next(desk: Desk) -> None:
    closes, free = CloseBarrier("gate1"), InputChanged("gate1", "presence", on=False)
    desk.runner.on(ENTERING, START)
    desk.runner.on(free, START)
    desk.runner.due(after(60))
    for _ in range(3):  # each time the passage has ended on record, and the order to close reaches nobody
        assert closes in desk.did
        desk = left_by(desk)
        desk.runner.on(free, after(121))
    desk.runner.on(InputChanged("gate1", "closed", on=True), after(122))
    assert desk.news()[-2:] == [closes, ArmDown()]


def test_an_arm_that_is_down_is_left_alone_by_the_next_run(desk: Desk) -> None:
    desk.runner.on(ENTERING, START)
    desk.runner.on(InputChanged("gate1", "presence", on=False), START)
    desk.runner.due(after(60))
    desk.runner.on(InputChanged("gate1", "closed", on=True), after(61))
    following = left_by(desk)
    following.news()
    following.runner.on(InputChanged("gate1", "presence", on=False), after(121))
    assert following.news() == []


# --- ids ---------------------------------------------------------------------------------------------------


def test_ids_begin_with_the_boot_and_never_come_twice(desk: Desk) -> None:
    for n in range(5):
        vehicle = Vehicle(f"测A0000{n}", 1, 1)
        desk.runner.on(replace(ENTERING, vehicle=vehicle, card=replace(CARD, plate="")), after(100 * n))
        desk.runner.due(after(100 * n + 60))
        desk.runner.due(after(100 * n + 90))
    ids = [body.stay for body in desk.news() if isinstance(body, StayOpened)]
    assert len(set(ids)) == 5
    assert all(stay.startswith("boot-") for stay in ids)


# --- time --------------------------------------------------------------------------------------------------


def test_the_deadline_is_the_nearest_of_all_lanes(desk: Desk) -> None:
    assert desk.runner.deadline is None
    desk.runner.on(ENTERING, START)
    assert desk.runner.deadline == 1060.0
    desk.runner.on(InputChanged("gate1", "presence", on=False), START)
    desk.news()
    desk.runner.due(after(60))
    assert desk.news() == [CloseBarrier("gate1"), PassageEnded("boot-1", "nobody came")]
    assert desk.runner.deadline == 1075.0


@pytest.mark.parametrize("step", [1800.0, -1800.0])
def test_a_step_of_the_clock_is_recorded_before_anything_is_decided_and_moves_the_stays(step: float) -> None:
    desk = Desk(floor=AT - timedelta(days=1))
    desk.runner.on(ENTERING, START)
    desk.news()
    # Two hours have passed, whatever the clock says: 500 for the first, 1000 for the second.
    desk.runner.on(LEAVING, after(7200, step))
    stepped, intended, _ = desk.news()
    assert stepped == ClockStepped(step)
    assert isinstance(intended, DebitIntended)
    assert intended.fen == 1500
    desk.runner.on(ReaderDown("rsu1", ""), after(7300, step))
    assert desk.kinds() == ["DeviceChanged"]  # it stepped once


@pytest.mark.parametrize(("step", "recorded"), [(1.9, False), (-1.9, False), (2.0, True), (-2.0, True)])
def test_what_is_slewed_is_no_step(desk: Desk, step: float, *, recorded: bool) -> None:
    desk.runner.on(ReaderDown("rsu1", ""), START)
    desk.runner.on(ReaderDown("rsu1", ""), after(10, step))
    assert (ClockStepped(step) in desk.news()) == recorded


def test_a_step_is_noticed_when_only_a_deadline_has_come(desk: Desk) -> None:
    desk.runner.on(ENTERING, START)
    desk.news()
    desk.runner.due(after(60, 3600))
    assert desk.kinds() == ["ClockStepped", "PassageEnded"]


@pytest.mark.parametrize(("wall", "trusted"), [(AT, True), (AT - timedelta(seconds=1), False)])
def test_a_clock_before_the_newest_entry_is_not_trusted(desk: Desk, wall: datetime, *, trusted: bool) -> None:
    desk.runner.start(BOOTED, Instant(wall, 0.0))
    (draft,) = desk.did
    assert isinstance(draft, Draft)
    assert draft.at.trusted == trusted


def test_a_clock_that_is_not_trusted_debits_nobody_until_it_is_right() -> None:
    desk = Desk(stays=inside())
    wrong = Instant(datetime(1970, 1, 1, tzinfo=CHINA), 10.0)
    desk.runner.start(BOOTED, wrong)
    desk.runner.on(LEAVING, replace(wrong, mono=11.0, wall=wrong.wall + timedelta(seconds=1)))
    refused = desk.news()[-1]
    assert isinstance(refused, Refused)
    assert refused.why == "clock not trusted"
    desk.runner.on(LEAVING, Instant(AT, 40.0))
    stepped, intended, _ = desk.news()
    assert isinstance(stepped, ClockStepped)
    assert isinstance(intended, DebitIntended)
    assert intended.fen == 1500


# --- a start -----------------------------------------------------------------------------------------------


def test_what_was_open_is_unresolved_from_the_start(desk: Desk) -> None:
    for number, state in enumerate(("open", "unresolved", "settled", "not made")):
        desk.stays.intents[f"i{number}"] = Intent(f"i{number}", "s1", "card", 500, 10_000, state=state)
    desk.runner.start(BOOTED, START)
    assert desk.news() == [BOOTED, DebitUnresolved("i0", "the gateway stopped before the outcome")]
    assert desk.stays.begun() == ()
    assert desk.runner.deadline is None


# --- the outcome of a debit --------------------------------------------------------------------------------


def debiting(desk: Desk) -> str:
    """A car at the exit, its order sent; the intent."""
    desk.runner.on(ENTERING, START)
    desk.runner.on(LEAVING, after(1800))
    debit = desk.news()[-1]
    assert isinstance(debit, Debit)
    return debit.intent


def test_a_debit_in_doubt_is_settled_by_the_balance(desk: Desk) -> None:
    intent = debiting(desk)
    desk.runner.on(DebitUnknown("rsu2", intent, "no result"), after(1802))
    assert desk.news() == [DebitUnresolved(intent, "no result")]
    desk.runner.on(replace(LEAVING, trade=2, card=replace(CARD, balance=9500)), after(1804))
    settled = desk.news()[1]
    assert settled == DebitSettled(intent, "balance", None, 9500)


def test_a_debit_that_was_not_made_is_tried_anew_under_a_new_intent(desk: Desk) -> None:
    intent = debiting(desk)
    desk.runner.on(DebitNotSent("rsu2", intent, "too late"), after(1801))
    assert desk.news() == [NotDebited(intent, "too late")]
    desk.runner.on(replace(LEAVING, trade=2), after(1803))
    debit = desk.news()[-1]
    assert isinstance(debit, Debit)
    assert debit.intent != intent


def test_a_reader_that_comes_back_is_recorded_in_its_lane(desk: Desk) -> None:
    desk.runner.on(ReaderDown("rsu2", "silent"), START)
    (draft,) = desk.did
    assert isinstance(draft, Draft)
    assert (draft.lane, draft.body) == ("out1", DeviceChanged("rsu2", up=False, detail="silent"))


# --- platforms and boxes -----------------------------------------------------------------------------------


def test_a_start_ends_the_purchases_that_boxes_left_open(desk: Desk) -> None:
    left = BoxDebitEnded("box1", "i1", "unresolved", "the gateway stopped before the outcome")
    desk.runner.start(BOOTED, START, [left])
    assert desk.news() == [BOOTED, left]


def test_an_order_of_a_platform_is_carried_out(desk: Desk) -> None:
    desk.runner = Runner(
        replace(RULES, security={"rsu1": Remote()}), desk.stays, "boot", desk.submit, desk.did.append, AT
    )
    order = AuthorisePsam("rsu1", "b1" * 8, "c1" * 8)
    desk.runner.obey(order, START)
    assert desk.news() == [order]
    desk.runner.obey(replace(order, device="rsu9"), START)
    assert desk.kinds() == ["Alarm"]


def test_a_pause_outlives_the_run_and_its_end_too() -> None:
    off, on = SwitchEtc("out1", False, "city", "why"), SwitchEtc("out1", True, "city", "mended")  # noqa: FBT003  as in the order
    desk = Desk(stays=inside())
    desk.runner.obey(off, START)
    written = [step for step in desk.did if isinstance(step, Draft)]
    assert [(draft.lane, draft.body) for draft in written] == [
        ("out1", EtcSwitched(on=False, actor="city", reason="why"))
    ]
    following = left_by(desk, inside())
    following.did.clear()
    following.runner.on(LEAVING, after(121))
    assert following.kinds() == ["Release", "Refused", "PaymentAsked", "Show"]
    following.runner.obey(on, after(150))
    last = left_by(following, inside())
    last.did.clear()
    last.runner.on(LEAVING, after(151))
    assert last.kinds() == ["DebitIntended", "Debit"]


def test_a_hold_outlives_the_run_and_its_end_too(desk: Desk) -> None:
    desk.runner.obey(HoldOpen("in1", True, "duty", "a wedding"), START)  # noqa: FBT003  as in the order
    assert desk.kinds() == ["LaneHeld", "OpenBarrier"]
    desk.runner.obey(HoldOpen("in1", True, "duty", "a wedding"), START)  # noqa: FBT003  as above
    assert desk.news() == []
    following = left_by(desk_of(LaneHeld(on=True, actor="duty", reason="a wedding")))
    following.did.clear()
    following.runner.on(BarrierUp("gate1"), after(121))
    following.runner.on(InputChanged("gate1", "presence", on=False), after(121))
    assert following.news() == [OpenBarrier("gate1"), DeviceChanged("gate1", up=True, detail="")]
    following.runner.obey(HoldOpen("in1", False, "duty", "over"), after(122))  # noqa: FBT003  as above
    assert following.kinds() == ["CloseBarrier", "LaneHeld"]


# --- money from elsewhere ----------------------------------------------------------------------------------

POOR = replace(LEAVING, card=replace(CARD, kind=STORED_VALUE, balance=0))
PAY = Pay("p1", "s1", 1500, "wechat")
PAID = PaymentMade("p1", "s1", 1500, "wechat")


def test_a_payment_lets_out_who_waits_for_it() -> None:
    desk = Desk(stays=inside())
    desk.runner.on(POOR, START)
    assert desk.kinds() == ["Release", "Refused", "PaymentAsked", "Show"]
    desk.runner.obey(PAY, after(30))
    paid, closed, opening, _ = desk.news()
    assert paid == PAID
    assert isinstance(closed, StayClosed)
    assert (closed.reason, closed.due, closed.paid) == ("paid", 1500, 1500)
    assert opening == OpenBarrier("gate2")
    desk.runner.obey(PAY, after(31))
    assert desk.news() == []


def test_a_barrier_waits_for_the_record_of_a_payment_and_of_what_it_ends() -> None:
    slow = Desk(inline=False, stays=inside())
    slow.runner.on(POOR, START)
    slow.runner.obey(PAY, after(30))
    slow.news()
    slow.wrote(2)  # the refusal, and the payment
    assert "OpenBarrier" not in slow.kinds()
    slow.wrote()
    assert slow.kinds() == ["OpenBarrier", "Show"]


def test_what_is_paid_during_a_debit_comes_back_in_the_group_that_settles_it() -> None:
    slow = Desk(inline=False, stays=inside())
    slow.runner.on(LEAVING, START)
    slow.runner.obey(PAY, START)
    slow.wrote(2)
    (debit,) = (step for step in slow.did if isinstance(step, Debit))
    slow.news()
    proof = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, debit.at, 8500)
    slow.runner.on(DebitDone("rsu2", debit.intent, proof), after(1))
    assert len(slow.waiting) == 1  # one group: no kill comes between the excess and its refund
    _, settled, closed, refund = slow.news()
    assert isinstance(settled, DebitSettled)
    assert isinstance(closed, StayClosed)
    assert refund == RefundDue("s1-refund-1", "s1", 1500, "paid more than the stay cost")
    assert slow.stays.refunds == {"s1-refund-1": refund}


def test_a_payment_for_a_stay_that_has_ended_comes_back_in_its_own_group() -> None:
    slow = Desk(inline=False, stays=inside())
    slow.runner.obey(PAY, START)
    slow.runner.on(LEAVING, START)
    slow.news()
    groups = len(slow.waiting)
    slow.runner.obey(replace(PAY, payment="p2", fen=300), after(2))
    assert slow.kinds() == ["PaymentMade", "RefundDue"]
    assert len(slow.waiting) == groups + 1


def test_a_debit_found_of_the_run_before_is_settled_and_what_is_too_much_comes_back() -> None:
    """It was killed before the outcome, and the driver has paid otherwise since."""
    desk = Desk(stays=inside())
    desk.runner.on(LEAVING, START)
    (debit,) = (step for step in desk.did if isinstance(step, Debit))
    following = left_by(desk, inside())
    following.runner.obey(replace(PAY, fen=2500), after(121))  # the third hour has begun
    following.runner.on(LEAVING, after(122))
    assert following.kinds()[-2:] == ["OpenBarrier", "Show"]
    proof = DebitProof("01370004727f", 35, 63, "570bf7dc", 9, 0, debit.at, 8500)
    following.runner.on(DebitFound("rsu2", "652bc7a4", proof), after(123))
    assert following.kinds() == ["Alarm"]
    following.runner.on(DebitFound("rsu2", TAG.obu_id, proof), after(123))
    settled, refund = following.news()
    assert isinstance(settled, DebitSettled)
    assert (settled.intent, settled.evidence) == (debit.intent, "result")
    assert refund == RefundDue("s1-refund-1", "s1", 1500, f"debit {debit.intent} came on top")
    following.runner.on(DebitFound("rsu2", TAG.obu_id, proof), after(124))
    assert following.news() == []


def test_who_waits_in_doubt_leaves_when_a_person_has_seen_the_debit() -> None:
    desk = Desk(stays=inside())
    desk.runner.on(LEAVING, START)
    (debit,) = (step for step in desk.did if isinstance(step, Debit))
    following = left_by(desk, inside())
    following.runner.on(LEAVING, Instant(AT, 1121.0))  # no doubt is settled by the balance of another presence
    following.news()
    following.runner.obey(Resolve(debit.intent, True, "duty", "on the card"), Instant(AT, 1122.0))  # noqa: FBT003  as above
    assert following.kinds() == ["DebitSettled", "StayClosed", "OpenBarrier", "Show"]


def test_the_next_lane_of_an_interlock_goes_on_when_the_first_arm_is_down() -> None:
    """Of two that wait with their money paid, one arm is up at a time."""
    locked = {"out1": replace(LANES[1], interlock="in1"), "in1": LANES[0]}
    desk = Desk(stays=inside())
    desk.runner = Runner(replace(RULES, lanes=locked), desk.stays, "boot", desk.submit, desk.did.append, AT)
    desk.runner.on(POOR, START)
    desk.runner.obey(LetThrough("in1", "duty", "why"), START)
    desk.runner.on(InputChanged("gate1", "presence", on=False), START)
    desk.news()
    desk.runner.obey(PAY, after(1))
    assert desk.news() == [PAID]
    desk.runner.due(after(60))
    assert desk.kinds() == ["CloseBarrier"]
    desk.runner.on(InputChanged("gate1", "closed", on=True), after(63))
    assert desk.kinds() == ["ArmDown", "StayClosed", "OpenBarrier", "Show"]


def test_a_time_that_comes_for_one_lane_is_news_for_another_that_waits() -> None:
    """The arm of the first is taken to be down when its time is over, where no switch tells."""
    locked = {"out1": replace(LANES[1], interlock="in1"), "in1": LANES[0]}
    desk = Desk(stays=inside())
    desk.runner = Runner(replace(RULES, lanes=locked), desk.stays, "boot", desk.submit, desk.did.append, AT)
    desk.runner.on(POOR, START)
    desk.runner.obey(LetThrough("in1", "duty", "why"), START)
    desk.runner.on(InputChanged("gate1", "presence", on=False), START)
    desk.runner.obey(PAY, after(1))
    desk.runner.due(after(60))
    desk.news()
    desk.runner.due(after(75))
    assert desk.kinds() == ["ArmDown", "StayClosed", "OpenBarrier", "Show"]


def test_what_a_box_waits_for_follows_its_record(slow: Desk) -> None:
    released: list[str] = []
    wanted = BoxDebitWanted("box1", "i1", "5a000001", "9901000000000001", 7, 500, AT, "990100000001")
    slow.runner.box(wanted, START, lambda: released.append("mac1"))
    assert slow.news() == [
        BoxDebitIntended("box1", "i1", "5a000001", "9901000000000001", 7, 500, AT.isoformat(), "990100000001")
    ]
    assert released == []
    slow.wrote()
    assert released == ["mac1"]
