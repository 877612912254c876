"""The laws of a lane under whatever may happen: seeded streams of events into the runner, with faults.

The laws are checked from outside: by what was written, what was durable when, and what was ordered. The readers of
this world are honest: a purchase is made or not when its order comes, and what is said of it later, if anything, is
true. In the wild worlds they also say what nobody should. A broken law names its seed: `World(seed).run()` is the
same world again.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from heapq import heapify, heappop, heappush
from itertools import count
from random import Random

import pytest

from drivers.ports import (
    BarrierDown,
    CloseBarrier,
    CloseRefused,
    Debit,
    DebitDone,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    DeviceEvent,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    TagRead,
    TagUnreadable,
)
from gateway.facts import SiteRules
from gateway.lane.state import Doubting, Idle, LaneRules, Passing
from gateway.ledger.entries import (
    Alarm,
    Booted,
    DebitIntended,
    DebitSettled,
    DebitUnresolved,
    Draft,
    Entry,
    EtcSwitched,
    LetThroughAgain,
    NotDebited,
    PassageEnded,
    StayClosed,
    StayOpened,
)
from gateway.ledger.stays import Stays
from gateway.notice.tariff import parse
from gateway.orders import SwitchEtc
from gateway.runner import Runner
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.messages import CHINA

BEGIN = datetime(2026, 11, 21, 8, tzinfo=CHINA)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
TARIFF = parse(
    {
        "id": "t",
        "version": "1",
        "name": "test",
        "cycle": "24h",
        "free": {"time": "1min"},
        "classes": [
            {
                "name": "all",
                "default": True,
                "steps": [{"until": "5min", "yuan": 5}, {"unit": "5min", "yuan": 3}],
                "caps": [{"yuan": 50}],
            }
        ],
    }
)
CEILING = 2000
LANES = (
    LaneRules("in1", "entry", "rsu1", "gate1"),
    LaneRules("out1", "exit", "rsu2", "gate2", ceiling=CEILING),
    LaneRules("out2", "exit", "rsu3", "gate3", ceiling=CEILING, unresolved="owe"),
)
RULES = SiteRules({lane.name: lane for lane in LANES}, TARIFF)
WINDOW = 1.0
"""Seconds for which a reader carries out an order for a reading."""
SILENCE = 300.0 + 20.0 + 10.0 + 60.0 + 15.0
"""Seconds within which every lane must come to rest: outcome, presence, passage, arm."""

Reason = StayOpened | StayClosed | LetThroughAgain
Done = Callable[[list[Entry]], None]


@dataclass
class Car:
    plate: str
    obu_id: str
    card: Card

    def read(self, device: str, trade: int) -> TagRead:
        tag = Tag(self.obu_id, self.card.issuer, "0", *WIDE)
        return TagRead(device, trade, tag, Vehicle(self.plate, 1, 1), self.card)


def car(n: int) -> Car:
    kind = STORED_VALUE if n % 2 else CREDIT
    card = Card(f"{n:020}", "c9bdb6ab37010001", kind, 16, *WIDE, "", 40_000, bytes(43))
    return Car(f"测A0000{n}", f"{n:08x}", card)


class Laws:
    """Watches what is written, what becomes durable, what the lanes are told, and what they order."""

    def __init__(self, seed: int) -> None:
        self.place = f"seed {seed}"
        self.durable: list[Draft] = []
        self.presence: dict[str, bool | None] = {}
        self.made: dict[str, bool] = {}  # by intent, whether its purchase was really made
        self.raised: set[str] = set()  # barriers last told to open, or not closed when told to
        self.up: set[str] = set()  # barriers told to open and not seen closed since
        self.untold: set[str] = set()  # barriers whose switch has not told since the start
        self._debited: set[str] = set()
        self._reasons: Counter[str] = Counter()

    def hold(self, condition: object, law: str) -> None:
        if not condition:
            raise AssertionError(f"{self.place}: {law}")

    def on_durable(self, drafts: Sequence[Draft]) -> None:
        self.durable += drafts
        for draft in drafts:
            if isinstance(draft.body, Reason):
                self._reasons[draft.lane] += 1

    def on_event(self, event: DeviceEvent) -> None:
        match event:
            case InputChanged(device, "presence", on):
                self.presence[device] = on
            case InputChanged(device, "closed", on):
                self.untold.discard(device)
                if on:
                    self.up.discard(device)
                    self.raised.discard(device)
            case BarrierDown(device):
                self.presence[device] = None

    def on_order(self, order: DeviceOrder) -> None:
        lane = RULES.lane_of(order.device)
        match order:
            case Debit(intent=intent):
                stated = [
                    d.body for d in self.durable if isinstance(d.body, DebitIntended) and d.body.intent == intent
                ]
                self.hold(len(stated) == 1, f"debit {intent} ordered before its intent was durable")
                self.hold(
                    stated[0].fen == order.fen <= CEILING, f"debit {intent} takes another amount than intended"
                )
                self.hold(intent not in self._debited, f"debit {intent} ordered twice")
                self._debited.add(intent)
            case OpenBarrier():
                # An arm that comes down on somebody rises at once: that opening waits for no record (law 3).
                # After a start nobody knows where an arm is whose switch has not told yet: it may be coming down.
                falling = order.device in self.up | self.untold and order.device not in self.raised
                if not (falling and self.presence.get(order.device)):
                    self.hold(lane and self._reasons[lane], f"{order.device} opened without a durable reason")
                    self._reasons[str(lane)] -= 1
                self.raised.add(order.device)
                self.up.add(order.device)
            case CloseBarrier():
                self.raised.discard(order.device)
                self.hold(
                    self.presence.get(order.device) is False, f"{order.device} closed on a loop not known free"
                )

    def on_written(self, drafts: Sequence[Draft]) -> None:
        for draft in drafts:
            match draft.body:
                case Alarm("close refused"):  # a driver may refuse for an arm that never rose
                    self.raised |= {RULES.lanes[draft.lane].barrier} & self.up

    def on_restart(self) -> None:
        """An order to close may be lost with its run: a new one sees to every arm that was not seen down."""
        self._reasons.clear()
        self.raised = set(self.up)
        self.untold = {lane.barrier for lane in LANES}

    def at_the_end(self, written: Sequence[Draft], *, honest: bool) -> None:
        """`written` is all that will ever be in the ledger."""
        said: dict[str, list[str]] = {}
        closed = Counter(draft.body.stay for draft in written if isinstance(draft.body, StayClosed))
        self._check_pauses(written)
        for draft in written:
            match draft.body:
                case DebitIntended(intent):
                    self.hold(intent not in said, f"intent {intent} stands twice")
                    said[intent] = []
                case DebitUnresolved(intent) | DebitSettled(intent) | NotDebited(intent):
                    said[intent].append(type(draft.body).__name__)
        for intent, outcomes in said.items():
            self._check_outcomes(intent, outcomes, honest=honest)
        self.hold(max(closed.values(), default=0) <= 1, "a stay ended twice")
        self._check_payments([draft.body for draft in written])

    def _check_pauses(self, written: Sequence[Draft]) -> None:
        """A lane that is paused begins no debit, in whichever run (law 11)."""
        paused: set[str] = set()
        for draft in written:
            match draft.body:
                case EtcSwitched(on=False):
                    self.hold(draft.lane not in paused, f"{draft.lane} was paused twice")
                    paused.add(draft.lane)
                case EtcSwitched(on=True):
                    self.hold(draft.lane in paused, f"{draft.lane} was resumed and not paused")
                    paused.remove(draft.lane)
                case DebitIntended(intent):
                    self.hold(draft.lane not in paused, f"intent {intent} in a lane that is paused")

    def _check_outcomes(self, intent: str, outcomes: list[str], *, honest: bool) -> None:
        doubted = outcomes[:1] == ["DebitUnresolved"]
        terminal = outcomes[1:] if doubted else outcomes
        self.hold(len(terminal) <= 1, f"intent {intent} has outcomes {outcomes}")
        self.hold("DebitUnresolved" not in terminal, f"intent {intent} has outcomes {outcomes}")
        self.hold(outcomes, f"intent {intent} ends without a word")
        if honest and terminal:
            made = self.made.get(intent, False)
            self.hold(made == (terminal == ["DebitSettled"]), f"intent {intent} is {terminal}, and made: {made}")

    def _check_payments(self, bodies: Sequence[object]) -> None:
        """No stay is paid above the highest price it was ever quoted."""
        intents = {body.intent: body for body in bodies if isinstance(body, DebitIntended)}
        paid, due = Counter[str](), Counter[str]()
        for body in bodies:
            match body:
                case DebitIntended(stay=stay, quote=dict(price)):
                    due[stay] = max(due[stay], int(price["total"]))
                case DebitSettled(intent):
                    paid[intents[intent].stay] += intents[intent].fen
        for stay, fen in paid.items():
            self.hold(fen <= due[stay], f"stay {stay} paid {fen} of {due[stay]} fen")


class World:
    """Three lanes and a few cars; a ledger, readers, barriers and a daemon that may all fail."""

    def __init__(self, seed: int, *, wild: bool = False) -> None:
        self.rng = Random(seed)
        self.wild = wild
        self.laws = Laws(seed)
        self.cars = [car(n) for n in range(1, 5)]
        self.mono = 0.0
        self.offset = 0.0  # of the wall clock
        self.pending: deque[tuple[Sequence[Draft], Done]] = deque()
        self.slow = False
        self.silent = False
        self.readers: dict[str, str] = {}  # by intent
        self.said: list[DeviceEvent] = []
        self.trades: dict[str, tuple[int, Car, float]] = {}  # by reader: number, car, and until when
        self.last: dict[str, Car] = {}
        self.agenda: list[tuple[float, int, DeviceEvent]] = []
        self.numbers = count(1)
        self.boots = 0
        self.start()

    # --- the machine under test ----------------------------------------------------------------------------

    def now(self) -> Instant:
        return Instant(BEGIN + timedelta(seconds=self.mono + self.offset), self.mono)

    def start(self) -> None:
        self.boots += 1
        stays = Stays()
        for draft in self.laws.durable:
            stays.apply(draft)
        self.laws.on_restart()
        walls = [draft.at.wall for draft in self.laws.durable if draft.at.trusted]
        floor = max(walls, default=BEGIN)
        self.runner = Runner(RULES, stays, f"b{self.boots}", self.submit, self.send, floor)
        self.runner.start(Booted("1", "", ""), self.now())
        for lane in LANES:  # a board tells its inputs as soon as it is there
            self.plan(0.1, InputChanged(lane.barrier, "closed", on=lane.barrier not in self.laws.up))

    def submit(self, drafts: Sequence[Draft], done: Done) -> None:
        self.laws.on_written(drafts)
        self.pending.append((drafts, done))
        for draft in drafts:
            if isinstance(draft.body, DebitIntended):
                self.readers[draft.body.intent] = RULES.lanes[draft.lane].reader
        if not self.slow:
            self.write(len(self.pending))

    def write(self, groups: int) -> None:
        for _ in range(groups):
            if not self.pending:  # what the first set off may have written the others
                return
            drafts, done = self.pending.popleft()
            self.laws.on_durable(drafts)
            done([])

    def hear(self, event: DeviceEvent) -> None:
        self.laws.on_event(event)
        self.runner.on(event, self.now())

    # --- the world around it -------------------------------------------------------------------------------

    def send(self, order: DeviceOrder) -> None:
        self.laws.on_order(order)
        match order:
            case Debit():
                self.purchase(order)
            case CloseBarrier(device) if self.rng.random() < 0.2:
                self.plan(0.1, CloseRefused(device, "a car"))
            case CloseBarrier(device):
                self.plan(2.0, InputChanged(device, "closed", on=True))
            case OpenBarrier(device):
                down = InputChanged(device, "closed", on=True)
                self.agenda = [planned for planned in self.agenda if planned[2] != down]
                heapify(self.agenda)
                self.plan(1.0, InputChanged(device, "closed", on=False))

    def plan(self, within: float, event: DeviceEvent) -> None:
        if not self.silent:
            heappush(self.agenda, (self.mono + within, next(self.numbers), event))

    def purchase(self, order: Debit) -> None:
        number, buyer, until = self.trades.get(order.device, (0, self.cars[0], 0.0))
        if number != order.trade or self.mono > until:
            not_sent = DebitNotSent(order.device, order.intent, "this reading is over")
            # As the readers do, it is said at once: in the middle of what the runner is doing.
            self.hear(not_sent)
            return
        self.trades.pop(order.device)
        made = self.laws.made[order.intent] = self.rng.random() < 0.6
        if made:
            buyer.card = replace(buyer.card, balance=buyer.card.balance - order.fen)
        proof = DebitProof("01370004727f", 1, 1, "570bf7dc", 9, 0, order.at, buyer.card.balance)
        unknown = DebitUnknown(order.device, order.intent, "no result")
        said = self.rng.choice(("result", "unknown", "late", "nothing"))
        if said in ("unknown", "late"):
            self.plan(3.0, unknown)
        if made and said in ("result", "late"):
            done = DebitDone(order.device, order.intent, proof)
            self.plan(0.3 if said == "result" else self.rng.uniform(3, 60), done)
            self.said.append(done)
        elif said == "result":
            self.plan(3.0, unknown)

    # --- what may happen -----------------------------------------------------------------------------------

    def run(self, steps: int = 250) -> None:
        often = {self.arrive: 20, self.come_again: 12, self.drive: 20, self.wait: 20, self.catch_up: 8}
        seldom = {
            self.loop: 4,
            self.disk: 2,
            self.fault: 1,
            self.mend: 4,
            self.board: 1,
            self.clock: 1,
            self.repeat: 2,
            self.pause: 1,
        }
        rarely = {self.unreadable: 1, self.crash: 1, self.nonsense: 8 if self.wild else 0}
        happenings = often | seldom | rarely
        for step, happens in enumerate(self.rng.choices([*happenings], [*happenings.values()], k=steps)):
            self.laws.place = f"{self.laws.place.partition(',')[0]}, step {step}"
            happens()
        self.silence()

    def arrive(self) -> None:
        """Some car comes to a lane, mostly to one that makes sense."""
        comer = self.rng.choice(self.cars)
        inside = self.runner.stays.of(comer.plate, 1) is not None
        out = self.rng.random() < (0.9 if inside else 0.1)
        self.show(comer, self.rng.choice(("rsu2", "rsu3")) if out else "rsu1")

    def come_again(self) -> None:
        """The antenna finds the tag anew, perhaps after its card was recharged."""
        lanes = self.runner.site.lanes
        in_doubt = [reader for reader in self.last if isinstance(lanes[RULES.lane_of(reader)].phase, Doubting)]
        if self.last:
            reader = self.rng.choice(in_doubt or [*self.last])
            comer = self.last[reader]
            if self.rng.random() < 0.2:
                comer.card = replace(comer.card, balance=comer.card.balance + 7)
            self.show(comer, reader)

    def show(self, comer: Car, device: str) -> None:
        number = next(self.numbers)
        self.trades[device] = (number, comer, self.mono + WINDOW)
        self.last[device] = comer
        self.hear(comer.read(device, number))

    def drive(self) -> None:
        """Whoever stands before an open arm drives on."""
        for name, lane in self.runner.site.lanes.items():
            if isinstance(lane.phase, Passing):
                barrier = RULES.lanes[name].barrier
                self.plan(1.0, InputChanged(barrier, "presence", on=True))
                self.plan(2.5, InputChanged(barrier, "presence", on=False))

    def loop(self) -> None:
        device = self.rng.choice(LANES).barrier
        self.hear(InputChanged(device, "presence", self.rng.choice((True, False, False, None))))

    def wait(self) -> None:
        self.advance(self.rng.choice((0.05, 0.5, 2.0, 4.0, 4.0, 10.0, 30.0, 200.0)))

    def catch_up(self) -> None:
        self.write(self.rng.randint(1, 3))

    def disk(self) -> None:
        self.slow = self.rng.random() < 0.5
        if not self.slow:
            self.write(len(self.pending))

    def fault(self) -> None:
        self.runner.ledger_fault = "disk full"

    def mend(self) -> None:
        self.runner.ledger_fault = None

    def board(self) -> None:
        self.hear(BarrierDown(self.rng.choice(LANES).barrier, "no answer"))

    def clock(self) -> None:
        self.offset += self.rng.choice((1.0, 3.0, 3.0, 600.0, -5.0))

    def repeat(self) -> None:
        if self.said:
            self.hear(self.rng.choice(self.said))

    def pause(self) -> None:
        """A platform pauses a lane, or, more often, lets one go on."""
        lane, on = self.rng.choice(LANES).name, self.rng.choice((False, True, True))
        self.runner.obey(SwitchEtc(lane, on, "city", "why"), self.now())

    def unreadable(self) -> None:
        self.hear(TagUnreadable(self.rng.choice(LANES).reader, self.rng.choice(self.cars).obu_id, "B4", 1))

    def crash(self) -> None:
        """The daemon is killed: what was not durable never was, and the drivers forget all they knew."""
        self.pending.clear()
        self.agenda.clear()
        self.said.clear()
        self.trades.clear()
        self.mono += 5.0
        self.start()

    def nonsense(self) -> None:
        intent = self.rng.choice([*self.runner.stays.intents, "nobody's"])
        device = self.readers.get(intent, "rsu2")
        proof = DebitProof("0" * 12, 1, 1, "00000000", 9, 0, BEGIN, self.rng.randrange(50_000))
        seen = self.rng.choice(self.cars).read(device, next(self.numbers))
        stranger = replace(seen.tag, obu_id=self.rng.choice(self.cars).obu_id, removed=self.rng.random() < 0.1)
        self.hear(
            self.rng.choice(
                (
                    DebitDone(device, intent, proof),
                    DebitUnknown(device, intent, "?"),
                    DebitNotSent(device, intent, "?"),
                    CloseRefused(self.rng.choice(LANES).barrier, "?"),
                    replace(seen, tag=stranger, card=None),
                    replace(seen, tag=stranger, vehicle=None),
                    replace(seen, tag=stranger),
                )
            )
        )

    def advance(self, seconds: float) -> None:
        end = self.mono + seconds
        while True:
            due = min(end, self.agenda[0][0] if self.agenda else end, self.deadline(end))
            self.mono = max(self.mono, due)
            if self.agenda and self.agenda[0][0] <= self.mono:
                self.hear(heappop(self.agenda)[2])
            elif self.deadline(end) <= self.mono < end:
                before = dict(self.runner.site.lanes)
                self.runner.due(self.now())
                self.laws.hold(self.runner.site.lanes != before, "a deadline that does not move on")
            else:
                return

    def deadline(self, otherwise: float) -> float:
        due = self.runner.deadline
        return otherwise if due is None else due

    def silence(self) -> None:
        """Nothing more comes, not even what was on its way; the disk takes what it was given."""
        self.silent = True
        self.agenda.clear()
        self.trades.clear()
        self.slow = False
        self.write(len(self.pending))
        self.advance(SILENCE + 0.1)
        self.laws.place = f"{self.laws.place.partition(',')[0]}, at the end"
        for name, lane in self.runner.site.lanes.items():
            self.laws.hold(lane.phase == Idle(), f"{name} is still {lane.phase} after {SILENCE:g} s of silence")
            arm_up = RULES.lanes[name].barrier in self.laws.raised and lane.occupied is False
            self.laws.hold(not arm_up, f"{name} left its arm up over a free loop")
        self.laws.hold(self.runner.stays.lanes.passing == {}, "a passage has no end on record")
        self.laws.at_the_end(self.laws.durable, honest=not self.wild)


@pytest.mark.parametrize("wild", [False, True], ids=["honest", "wild"])
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_the_laws_hold(first: int, *, wild: bool) -> None:
    for seed in range(first, first + 20):
        World(seed, wild=wild).run()


@pytest.mark.proof
@pytest.mark.parametrize("wild", [False, True], ids=["honest", "wild"])
@pytest.mark.parametrize("first", range(1000, 6000, 250))
def test_the_laws_hold_in_thousands_of_worlds(first: int, *, wild: bool) -> None:
    for seed in range(first, first + 250):
        World(seed, wild=wild).run()


def test_these_worlds_are_worth_watching() -> None:
    """Every kind of entry and order that the laws speak of comes up in them, and often."""
    seen: Counter[str] = Counter()
    for seed in range(60):
        world = World(seed)
        world.run()
        seen.update(type(draft.body).__name__ for draft in world.laws.durable)
        seen.update(f"made {made}" for made in world.laws.made.values())
        seen.update(f"{draft.body.reason}" for draft in world.laws.durable if isinstance(draft.body, StayClosed))
        seen.update(draft.body.evidence for draft in world.laws.durable if isinstance(draft.body, DebitSettled))
        seen.update(draft.body.outcome for draft in world.laws.durable if isinstance(draft.body, PassageEnded))
    kinds = (DebitIntended, DebitSettled, DebitUnresolved, NotDebited, LetThroughAgain, Alarm, Booted)
    reasons = ("paid", "free", "owed", "superseded", "result", "balance", "passed", "nobody came")
    words = ("still under the arm", "made True", "made False")
    assert {
        name: seen[name] for name in (*(kind.__name__ for kind in kinds), *reasons, *words) if seen[name] < 5
    } == {}


def test_a_world_comes_again_from_its_seed() -> None:
    runs = []
    for _ in range(2):
        world = World(7, wild=True)
        world.run()
        runs.append(world.laws.durable)
    assert runs[0] == runs[1]
    assert len(runs[0]) > 20
