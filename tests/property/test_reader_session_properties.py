"""What the reader session promises whatever comes, in whatever order, over whatever wire.

The second half plays it against the simulated antenna, whose cards are the truth about every debit.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from math import inf
from operator import itemgetter
from random import Random
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    Debit,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    Instant,
    ReaderOrder,
    Release,
    TagRead,
    TagUnreadable,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import LATE_RESULT, ReaderInput, ReaderSession
from protocols.errors import MessageError
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.dialect import Dialect, Holding, load, names
from protocols.rsu.framing import Frame
from protocols.rsu.messages import (
    CHINA,
    Contents,
    Failed,
    Heartbeat,
    Purchase,
    Report,
    Result,
    Status,
    TagSeen,
)
from tools.cards import SimulatedTag, make_tag
from tools.rsu import FAULTS, SOUND, Antenna, Faults

BEGAN = 1000.0
WALL = datetime(2026, 3, 1, 8, 30, 5, 250_000, tzinfo=CHINA)
DIALECTS = pytest.mark.parametrize("name", names())
NO_TAC = "0" * 8
OUTCOMES = ([DebitDone], [DebitUnknown], [DebitUnknown, DebitDone], [DebitNotSent])


def instant(now: float) -> Instant:
    return Instant(WALL + timedelta(seconds=now - BEGAN), now)


def second(now: float) -> datetime:
    return instant(now).wall.replace(microsecond=0)


def session_of(dialect: Dialect) -> ReaderSession:
    options = ReaderOptions(name="east", dialect=dialect.name, port="tcp://127.0.0.1:9527", clock_minutes=1)
    return ReaderSession("east", dialect, options, entry=False)


def words_in(dialect: Dialect, frame: bytes) -> tuple[object, ...]:
    (found,) = dialect.framing.framer().feed(frame)
    assert isinstance(found, Frame)
    return dialect.hear(dialect.decode(found.data)) if found.data else ()


# --- anything in any order ---------------------------------------------------------------------------------------

ANSWER_WITHIN = 0.12 + 1e-6  # s: F2 then repeats its frame (rsu-protocol 5); and what floats round
TICKS_AN_HOUR = 2000  # the busiest lane has an antenna that never answers: C0 every 2 s

OBUS = ("5a000001", "5a000002", "5a000003")
TAGS = tuple(
    Tag(obu, "b2e2cad499010001", "9901000000000001", date(2024, 1, 1), date(2049, 12, 31), has_card=obu != OBUS[2])
    for obu in OBUS
)
VEHICLE = Vehicle("测A00001", 0, 1)
CARD = Card(
    number="99010000000000000001",
    issuer=TAGS[0].issuer,
    kind=STORED_VALUE,
    version=0x40,
    starts=None,
    expires=None,
    plate=VEHICLE.plate,
    balance=10_000,
    station=bytes(43),
)


class Harness:
    """Feeds a session, serves its deadlines on time, and watches what must hold after every input.

    The n-th order takes n fen, so that its purchase is known on the wire.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.session = session_of(dialect)
        self.now = BEGAN
        self.connected = False
        self.dropped = False
        self.sends = 0
        self.ticks = 0
        self.owed_since: float | None = None  # when a frame about a tag came that is not answered yet
        self.trades = [0]
        self.debits: list[Debit] = []
        self.bought: Counter[int] = Counter()
        self.outcomes: dict[str, list[type]] = {}
        self.proofs_heard: set[str] = set()  # by their TACs
        self.proofs_told: Counter[str] = Counter()

    def take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, instant(self.now)):
            match output:
                case Send(data):
                    self.sent(data)
                case Emit(event):
                    self.told(event)
                case Drop():
                    self.dropped = True
        assert self.owed_since is None or self.now - self.owed_since <= ANSWER_WITHIN

    def sent(self, data: bytes) -> None:
        assert self.connected
        self.sends += 1
        self.owed_since = None
        self.bought.update(word.fen for word in words_in(self.dialect, data) if isinstance(word, Purchase))

    def told(self, event: DeviceEvent) -> None:
        if isinstance(event, TagRead):
            assert event.trade > max(self.trades)
            self.trades.append(event.trade)
        if isinstance(event, DebitDone | DebitUnknown | DebitNotSent):
            self.outcomes[event.intent].append(type(event))
        if isinstance(event, DebitDone | DebitFound) and event.proof.tac != NO_TAC:
            self.proofs_told[event.proof.tac] += 1
        if isinstance(event, DebitUnknown):  # an answer to C8 that is no outcome: for a person
            self.proofs_told.update(re.findall("C8 found TAC ([0-9a-f]{8})", event.reason))

    def tick(self) -> None:
        self.ticks += 1
        self.take(Tick())
        deadline = self.session.deadline
        assert deadline is not None
        assert deadline > self.now
        if self.dropped:
            self.cut_the_line()
            self.cut_the_line()

    # --- the steps ------------------------------------------------------------------------------------------

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (deadline := self.session.deadline) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.tick()
        self.now = end

    def cut_the_line(self) -> None:
        """And mend it the next time."""
        self.connected, self.owed_since, self.dropped = not self.connected, None, False
        self.take(Connected() if self.connected else Disconnected("unplugged"))

    def hear(self, word: Report, cut: int) -> None:
        try:
            data = self.dialect.encode(word)
        except MessageError:
            return  # not every dialect has every word
        self.listen(self.dialect.framing.encode(self.dialect.sequences.get(data[0], 0x08), data), cut, word)

    def listen(self, data: bytes, cut: int, word: Report | None = None) -> None:
        if not self.connected:
            return
        whole, before = not self.session._framer.held, self.sends  # not swallowed by what came before
        self.take(data[: cut % (len(data) + 1)])
        self.take(data[cut % (len(data) + 1) :])
        held = self.dialect.holding is not Holding.NONE  # F3 has no word for "wait"
        wants = held and whole and isinstance(word, TagSeen | Contents | Failed)
        if wants and self.sends == before and self.owed_since is None:
            self.owed_since = self.now

    def contents(self, stage: int, obu: str, cut: int) -> None:
        """What comes after B2, or all of a tag where nothing comes before."""
        if not self.dialect.stages:
            self.hear(Contents(obu, VEHICLE, CARD, next(tag for tag in TAGS if tag.obu_id == obu)), cut)
            return
        brings = self.dialect.stages[stage % len(self.dialect.stages)]
        self.hear(Contents(obu, VEHICLE if "vehicle" in brings else None, CARD if "card" in brings else None), cut)

    def read(self, tag: Tag, cut: int) -> None:
        self.hear(TagSeen(tag), cut)
        for stage in range(len(self.dialect.stages) or 1):
            self.contents(stage, tag.obu_id, cut)

    def status(self, fault: int, cut: int) -> None:
        self.hear(Status(fault, ("990100000001",), authorised=True, maker=0, version="2001"), cut)

    def order(self, back: int) -> None:
        """A debit for the last reading or one before."""
        number = len(self.debits) + 1
        trade = self.trades[-1 - back] if back < len(self.trades) else 0
        debit = Debit("east", trade, f"i-{number}", OBUS[number % 2], number, second(self.now))
        self.debits.append(debit)
        self.outcomes[debit.intent] = []
        self.take(debit)

    def result(self, back: int, cut: int) -> None:
        """B5 of the last order or one before, whatever became of that."""
        if back < len(self.debits):
            debit = self.debits[-1 - back]
            self.hear(Result(debit.obu_id, "990100000001", 1, 1, "0a1b2c3d", 9, 0, debit.at, 1), cut)

    def proof(self, whose: int, serial: int, tac: str, *, failed: bool) -> None:
        """A B5 of the last order, one before, or one of an earlier run; `tac` tells TACs of one purchase apart."""
        # No run debits in a second that one before it has used: the lane sees to that.
        obu, at = OBUS[whose % 2], second(BEGAN) - timedelta(seconds=1 + whose)
        if whose < len(self.debits):
            obu, at = self.debits[-1 - whose].obu_id, self.debits[-1 - whose].at
        unique = f"{crc32(f'{obu} {at} {serial} {tac}'.encode()):08x}" if tac else NO_TAC
        result = Result(obu, "990100000001", serial, serial, unique, 9, 0, at, 1)
        code = max(self.dialect.doubtful, default=1)
        self.hear(Failed(obu, 0xB5, code, result) if failed else result, 0)
        if self.connected and tac and not failed:
            self.proofs_heard.add(unique)

    def buy(self, tag: Tag, cut: int) -> None:
        self.read(tag, cut)
        self.order(0)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens to a harness."""

    name: str
    arguments: tuple[object, ...]
    named: Mapping[str, object] = field(default_factory=dict)

    def __call__(self, harness: Harness) -> None:
        getattr(harness, self.name)(*self.arguments, **self.named)


CUTS = st.just(0) | st.integers(0, 300)
BACK = st.integers(0, 2)
SECONDS = st.sampled_from([0.0, 0.001, 0.05, 0.08, 0.1, 0.12, 0.5, 1.0, 2.0, 3.0, 12.0, 36.0, 65.0])


def steps(name: str, *arguments: st.SearchStrategy[object]) -> st.SearchStrategy[Step]:
    return st.builds(Step, st.just(name), st.tuples(*arguments))


WORDS = st.one_of(
    st.builds(TagSeen, st.sampled_from(TAGS)),
    st.builds(Failed, st.sampled_from(OBUS), st.sampled_from([0xB2, 0xB3, 0xB4, 0xB5]), st.integers(1, 0x7F)),
    st.builds(Heartbeat, st.sampled_from([0, 2])),
)
ANYTHING = st.one_of(
    steps("wait", SECONDS),
    steps("hear", WORDS, CUTS),
    steps("contents", st.integers(0, 1), st.sampled_from(OBUS), CUTS),
    steps("read", st.sampled_from(TAGS), CUTS),
    steps("buy", st.sampled_from(TAGS), CUTS),
    steps("order", BACK),
    steps("result", BACK, CUTS),
    steps("status", st.sampled_from([0, 0, 3]), CUTS),
    steps("take", st.builds(Release, st.just("east"), st.sampled_from(OBUS), st.sampled_from([0.0, 1.0, 10.0]))),
    steps("listen", st.binary(max_size=40), CUTS),
    steps("cut_the_line"),
)


def played(name: str, script: list[Step]) -> Harness:
    harness = Harness(load(name))
    harness.cut_the_line()
    for step in script:
        step(harness)
    if not harness.connected:
        harness.cut_the_line()
    return harness


@DIALECTS
@given(script=st.lists(ANYTHING, max_size=40))
@settings(max_examples=settings().max_examples // 2)
def test_whatever_comes_every_debit_ends_once(name: str, script: list[Step]) -> None:
    harness = played(name, script)
    harness.wait(70)
    for debit in harness.debits:
        outcome = harness.outcomes[debit.intent]
        assert outcome in OUTCOMES
        assert harness.bought[debit.fen] == (outcome != [DebitNotSent])


@DIALECTS
@given(script=st.lists(ANYTHING, max_size=40))
@settings(max_examples=settings().max_examples // 20)
def test_whatever_came_no_session_spins(name: str, script: list[Step]) -> None:
    harness = played(name, script)
    harness.ticks = 0
    harness.wait(3600)
    assert harness.ticks < TICKS_AN_HOUR


WHOLE = st.just(0)
PROOFS = st.one_of(
    steps("wait", st.sampled_from([0.0, 0.01, 0.12, 1.0, 3.0])),
    steps("read", st.sampled_from(TAGS[:2]), WHOLE),
    steps("buy", st.sampled_from(TAGS[:2]), WHOLE),
    steps("status", st.just(0), WHOLE),
    steps("cut_the_line"),
    *[
        st.builds(
            Step,
            st.just("proof"),
            st.tuples(st.integers(0, 4), st.integers(1, 2), st.sampled_from(["", "a", "b"])),
            st.fixed_dictionaries({"failed": st.just(failed)}),
        )
        for failed in (False, False, True)
    ],
)
"""Nothing is torn, and all of it is over before what was told is forgotten: at most 3 s each."""


@DIALECTS
@given(script=st.lists(PROOFS, max_size=int(LATE_RESULT / 3) - 1))
@settings(max_examples=settings().max_examples // 4)
def test_whatever_comes_every_proof_is_told_once(name: str, script: list[Step]) -> None:
    harness = played(name, script)
    assert harness.proofs_told == Counter(dict.fromkeys(harness.proofs_heard, 1))


# --- over bad wires ----------------------------------------------------------------------------------------------


class Wire:
    """One way of a line: what becomes of a chunk, as (seconds that it takes, bytes). Nothing overtakes anything."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        yield 0.0, chunk


class ByteByByte(Wire):
    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        for byte in chunk:
            yield 1 / 11_520, bytes((byte,))


class Losing(Wire):
    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        if self.rng.random() >= 0.1:
            yield 0.0, chunk


class Flipping(Wire):
    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        flipped = bytearray(chunk)
        if self.rng.random() < 0.1:
            flipped[self.rng.randrange(len(chunk))] ^= 1 << self.rng.randrange(8)
        yield 0.0, bytes(flipped)


class Doubling(Wire):
    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        yield 0.0, chunk
        if self.rng.random() < 0.1:
            yield 0.0, chunk


class Delaying(Wire):
    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        yield self.rng.choice([0.0, 0.01, 0.05, 0.2]), chunk


class Cutting(Wire):
    """Loses the end of a chunk."""

    def carry(self, chunk: bytes) -> Iterator[tuple[float, bytes]]:
        whole = self.rng.random() >= 0.1
        yield 0.0, chunk if whole else chunk[: self.rng.randrange(len(chunk))]


WIRES = [Wire, ByteByByte, Losing, Flipping, Doubling, Delaying, Cutting]


@dataclass(slots=True)
class Car:
    """A tag, and what the lane believes of it. `balance` is what its card must show to be charged again."""

    tag: SimulatedTag
    balance: int
    paid: bool = False
    doubtful: bool = False


@dataclass(slots=True)
class Line:
    """One way of the line between antenna and session."""

    wire: Wire
    deliver: Callable[[bytes], None]
    busy_until: float = 0.0


@dataclass(slots=True)
class World:
    """A lane with its antenna on one virtual clock. Order n takes n fen."""

    dialect: Dialect
    kind: type[Wire]
    rng: Random
    now: float = BEGAN
    cars: dict[str, Car] = field(default_factory=dict)
    outcomes: dict[int, list[type]] = field(default_factory=dict)
    session: ReaderSession = field(init=False)
    antenna: Antenna = field(init=False)
    inward: Line = field(init=False)
    outward: Line = field(init=False)
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: Iterator[int] = field(default_factory=count)
    _online: int = 0

    def __post_init__(self) -> None:
        self.session = session_of(self.dialect)
        self.antenna = Antenna(self.dialect, trade_time=0.15, search_again=0.5)
        self.inward = Line(self.kind(self.rng), self.take)
        self.outward = Line(
            self.kind(self.rng), lambda data: self.put(self.inward, self.antenna.on_bytes(data, self.now))
        )

    # --- time and bytes -------------------------------------------------------------------------------------

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        heappush(self._agenda, (self.now + seconds, next(self._number), do))

    def put(self, line: Line, chunks: list[bytes]) -> None:
        for chunk in chunks:
            for takes, piece in line.wire.carry(chunk):
                line.busy_until = max(line.busy_until, self.now) + takes
                link = self._online

                def arrive(piece: bytes = piece, link: int = link) -> None:
                    if piece and link == self._online:
                        line.deliver(piece)

                self.after(line.busy_until - self.now, arrive)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(200_000):
            at, do = self.next_event()
            if at >= end:
                self.now = end
                return
            self.now = max(self.now, at)
            do()
        raise AssertionError("time does not move on")

    def next_event(self) -> tuple[float, Callable[[], None]]:
        wanted = [
            (self.session.deadline, lambda: self.take(Tick())),
            (self.antenna.deadline, lambda: self.put(self.inward, self.antenna.tick(self.now))),
            (self._agenda[0][0] if self._agenda else None, self._do_next),
        ]
        return min(
            ((at, do) for at, do in wanted if at is not None), key=itemgetter(0), default=(inf, lambda: None)
        )

    def _do_next(self) -> None:
        _, _, do = heappop(self._agenda)
        do()

    # --- the lane -------------------------------------------------------------------------------------------

    def connect(self) -> None:
        self._online += 1
        self.take(Connected())
        self.put(self.inward, self.antenna.on_connect())

    def disconnect(self, reason: str) -> None:
        self._online += 1
        self.take(Disconnected(reason))
        self.after(0.5, self.connect)

    def take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, instant(self.now)):
            match output:
                case Send(data):
                    self.put(self.outward, [data])
                case Emit(event):
                    self.told(event)
                case Drop(reason):
                    self.after(0, lambda reason=reason: self.disconnect(reason))

    def told(self, event: DeviceEvent) -> None:
        match event:
            case TagRead():
                self.seen(event)
            case TagUnreadable(obu_id=obu):
                self.say(Release("east", obu, 1.0))
            case DebitDone(intent=intent) | DebitUnknown(intent=intent) | DebitNotSent(intent=intent):
                number, obu = intent.split()
                self.outcomes[int(number)].append(type(event))
                car = self.cars[obu]
                car.doubtful = car.doubtful or isinstance(event, DebitUnknown)
                if isinstance(event, DebitDone):
                    self.paid(car)

    def seen(self, read: TagRead) -> None:
        """Charge whoever has not paid; in doubt the balance tells."""
        car = self.cars[read.tag.obu_id]
        if read.card and car.doubtful and read.card.balance != car.balance:
            self.paid(car)
        elif car.paid or read.card is None:
            self.say(Release("east", read.tag.obu_id, 5.0))
        else:
            car.doubtful = False
            number = len(self.outcomes) + 1
            self.outcomes[number] = []
            intent = f"{number} {read.tag.obu_id}"
            order = Debit("east", read.trade, intent, read.tag.obu_id, number, second(self.now))
            self.say(order, self.rng.choice([0.0, 0.02, 0.15, 0.6, 1.2]))

    def paid(self, car: Car) -> None:
        car.paid = True
        self.say(Release("east", car.tag.tag.obu_id, 5.0))

    def say(self, order: ReaderOrder, later: float = 0.0) -> None:
        self.after(later, lambda: self.take(order))

    def drive_in(self, n: int, faults: Faults) -> Car:
        tag = make_tag(n, f"测A{n:05}", 1, 100_000)
        car = self.cars[tag.tag.obu_id] = Car(tag, tag.balance)
        self.antenna.enter(tag, faults)
        return car


def play(dialect: Dialect, kind: type[Wire], rng: Random, faults: list[Faults]) -> World:
    """Cars one after the other, each with a fault or none, and time for all to end."""
    world = World(dialect, kind, rng)
    world.connect()
    world.run(8)
    for n, fault in enumerate(faults, 1):
        car = world.drive_in(n, fault)
        world.run(rng.uniform(2, 15) + 2 * dialect.reread)
        world.antenna.leave(car.tag)
        if rng.random() < 0.2:
            world.disconnect("unplugged")
    world.run(70)
    return world


@DIALECTS
@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (3, 4, 5))])
def test_the_cards_know_of_every_debit_that_was_told(name: str, kind: type[Wire], seed: int) -> None:
    assert debits_told(name, kind, seed)  # somebody got through


@pytest.mark.proof
@DIALECTS
@pytest.mark.parametrize("kind", WIRES)
def test_the_cards_know_of_every_debit_that_was_told_in_many_worlds(name: str, kind: type[Wire]) -> None:
    """In a few of them chance lets nobody through, so that is asked of all together."""
    told = [debits_told(name, kind, seed) for seed in range(6, 30)]
    assert any(told)


def debits_told(name: str, kind: type[Wire], seed: int) -> set[int]:
    """Which debits were told as done: the cards know all of them, and beside them only such as are told unknown."""
    rng = Random(f"{kind.__name__} {seed}")
    world = play(load(name), kind, rng, rng.choices([SOUND, SOUND, *FAULTS.values()], k=12))
    bought = Counter(purchase.fen for car in world.cars.values() for purchase in car.tag.purchases)
    assert all(outcome in OUTCOMES for outcome in world.outcomes.values())
    assert all(times == 1 for times in bought.values())
    done = {number for number, outcome in world.outcomes.items() if DebitDone in outcome}
    unknown = {number for number, outcome in world.outcomes.items() if outcome == [DebitUnknown]}
    assert done <= bought.keys() <= done | unknown
    for car in world.cars.values():
        assert len(car.tag.purchases) <= 1
        assert not (car.paid and not car.tag.purchases)
    return done


@DIALECTS
@pytest.mark.parametrize("kind", [Wire, ByteByByte, Doubling])
def test_over_a_line_that_loses_nothing_everybody_pays_at_once(name: str, kind: type[Wire]) -> None:
    world = World(load(name), kind, Random(1))
    world.connect()
    for n in range(1, 11):
        car = world.drive_in(n, SOUND)
        world.run(5 + 3 * world.dialect.reread)
        assert car.paid
        assert [purchase.fen for purchase in car.tag.purchases] == [max(world.outcomes)]
        world.antenna.leave(car.tag)
    assert [outcome for outcome in world.outcomes.values() if outcome != [DebitNotSent]] == [[DebitDone]] * 10
    assert world.antenna.ignored_purchases <= (10 if kind is Doubling else 0)
    if world.dialect.holding is not Holding.NONE:
        assert max(world.antenna.answer_times) < 0.12


@DIALECTS
def test_a_purchase_whose_result_is_lost_is_settled_by_the_next_reading(name: str) -> None:
    world = World(load(name), Wire, Random(1))
    world.connect()
    car = world.drive_in(1, FAULTS["lose-result"])
    world.run(10 + world.dialect.reread)
    assert car.paid
    assert len(car.tag.purchases) == 1
    assert [DebitUnknown] in world.outcomes.values()
    assert [DebitDone] not in world.outcomes.values()
