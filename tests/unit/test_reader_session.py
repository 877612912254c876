"""The reader session, with its antenna played in the dialect's words on a virtual clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    Debit,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    Instant,
    ReaderDown,
    ReaderEvent,
    ReaderUp,
    Release,
    TagRead,
    TagUnreadable,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import (
    ANSWER_WITHIN,
    INIT_AGAIN,
    INIT_TRIES,
    LATE_RESULT,
    LOOPS,
    READ_WITHIN,
    RESULT_WITHIN,
    START_AGAIN,
    TOLD_KEPT,
    TORN_AFTER,
    ReaderInput,
    ReaderSession,
)
from protocols.obu.values import STORED_VALUE, Card, Tag, Vehicle
from protocols.rsu.dialect import Dialect, Holding, load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    Failed,
    GoOn,
    Heartbeat,
    HeartbeatSeen,
    Init,
    Order,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TagSeen,
    Word,
)

BEGAN = 1000.0
WALL = datetime(2026, 3, 1, 8, 30, 5, 250_000, tzinfo=CHINA)
AT = WALL.replace(microsecond=0)
REPEAT = 0.12  # s after which F2 says an unanswered frame again (rsu-protocol 5)
SOON = 0.001

OBU, OTHER = "5a000001", "5a000002"
ISSUER = "b2e2cad499010001"
PLATE = "测A00001"
TAG = Tag(OBU, ISSUER, "9901000000000001", date(2024, 1, 1), date(2049, 12, 31))
NEIGHBOUR = replace(TAG, obu_id=OTHER)
VEHICLE = Vehicle(PLATE, 0, 1)
STATION = bytes.fromhex("aa2900") + bytes(range(40))
CARD = Card(
    number="99010000000000000001",
    issuer=ISSUER,
    kind=STORED_VALUE,
    version=0x40,
    starts=date(2024, 1, 1),
    expires=date(2049, 12, 31),
    plate=PLATE,
    balance=10_000,
    station=STATION,
)
RESULT = Result(OBU, "990100000001", 7, 3, "0a1b2c3d", 9, 0, AT, 9_500)
PROOF = DebitProof("990100000001", 7, 3, "0a1b2c3d", 9, 0, AT, 9_500)

EMPTY = None
"""The empty answer of F1, among words."""


class Bench:
    """A session and its antenna on one wire; `now` moves only by `wait`, and every tick is served on time."""

    def __init__(self, dialect: Dialect, **options: object) -> None:
        self.dialect = dialect
        self.options = ReaderOptions(name="east", dialect=dialect.name, port="tcp://127.0.0.1:9527", **options)
        self.session = ReaderSession("east", dialect, self.options, entry=True)
        self.now = BEGAN
        self.frames: list[tuple[float, Frame]] = []
        self.told: list[tuple[float, ReaderEvent]] = []
        self.drops: list[tuple[float, str]] = []
        self._said = self._read = self._noted = 0
        self.proof = replace(PROOF, algorithm=0 if dialect.name == "wanji" else None)  # soulin's B5 does not tell

    # --- the antenna's side ---------------------------------------------------------------------------------

    def frame(self, word: Report) -> bytes:
        self._said += 1
        data = self.dialect.encode(word)
        sequence = self.dialect.sequences.get(data[0], self.dialect.framing.report(self._said))
        return self.dialect.framing.encode(sequence, data)

    def hear(self, *words: Report) -> None:
        for word in words:
            self.take(self.frame(word))

    def words(self) -> list[Order | None]:
        """What the session has said since the last look."""
        new = [frame.data for _, frame in self.frames[self._read :]]
        self._read = len(self.frames)
        return [word for data in new for word in (self._words(data) if data else (EMPTY,))]

    def _words(self, data: bytes) -> tuple[Order | Report, ...]:
        return self.dialect.hear(self.dialect.decode(data))

    # --- the lane's side ------------------------------------------------------------------------------------

    def events(self) -> list[ReaderEvent]:
        """What it has told since the last look."""
        new = [event for _, event in self.told[self._noted :]]
        self._noted = len(self.told)
        return new

    def take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, self.instant):
            match output:
                case Send(data):
                    (frame,) = self.dialect.framing.framer().feed(data)
                    assert isinstance(frame, Frame)
                    self.frames.append((self.now, frame))
                case Emit(event):
                    self.told.append((self.now, event))
                case Drop(reason):
                    self.drops.append((self.now, reason))

    @property
    def instant(self) -> Instant:
        return Instant(WALL + timedelta(seconds=self.now - BEGAN), self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(10_000):
            deadline = self.session.deadline
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.take(Tick())
        else:
            raise AssertionError("the session's deadline does not move on")
        self.now = end

    # --- common beginnings ----------------------------------------------------------------------------------

    @property
    def status(self) -> Status:
        return Status(0, ("990100000001",), None if self.dialect.name == "soulin" else False, 0, "2001")

    @property
    def up(self) -> ReaderUp:
        return ReaderUp("east", ("990100000001",), self.status.authorised, "2001", 0)

    def start(self) -> None:
        self.take(Connected())
        self.hear(self.status)
        self.wait(INIT_AGAIN)
        self.forget()

    def forget(self) -> None:
        self.words()
        self.events()

    def stages(self, obu_id: str = OBU, card: Card = CARD) -> list[Contents]:
        """The frames that follow B2."""
        return [
            Contents(obu_id, VEHICLE if "vehicle" in brings else None, card if "card" in brings else None)
            for brings in self.dialect.stages
        ]

    def read(self, tag: Tag = TAG) -> TagRead:
        """As far as the offer: the session waits for an order."""
        self.hear(TagSeen(tag), *self.stages(tag.obu_id))
        self.words()
        *_, read = self.events()
        assert isinstance(read, TagRead)
        return read

    def order(self, read: TagRead, intent: str = "i-1", at: datetime = AT) -> Debit:
        return Debit("east", read.trade, intent, read.tag.obu_id, 500, at)

    def buy(self) -> Debit:
        """C6 has left."""
        debit = self.order(self.read())
        self.take(debit)
        assert kinds(self.words()) == [Purchase]
        return debit

    def result(self, debit: Debit) -> Result:
        return replace(RESULT, at=debit.at)

    def holding(self) -> list[Order | None]:
        """The answer that keeps the tag waiting, in this dialect."""
        if self.dialect.holding is Holding.EMPTY:
            return [EMPTY]
        return [Resend(OBU, self.instant.wall.replace(microsecond=0))]


def kinds(things: list[object]) -> list[type]:
    return [type(thing) for thing in things]


@pytest.fixture(params=["soulin", "wanji"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return load(request.param)


@pytest.fixture
def bench(dialect: Dialect) -> Bench:
    """An antenna that is up and idle."""
    bench = Bench(dialect)
    bench.start()
    return bench


@pytest.fixture
def soulin() -> Bench:
    bench = Bench(load("soulin"))
    bench.start()
    return bench


@pytest.fixture
def wanji() -> Bench:
    bench = Bench(load("wanji"))
    bench.start()
    return bench


# --- the start ---------------------------------------------------------------------------------------------------


def test_nothing_is_wanted_without_a_connection(dialect: Dialect) -> None:
    bench = Bench(dialect)
    assert bench.session.deadline is None
    bench.take(Tick())
    assert (bench.frames, bench.told, bench.drops) == ([], [], [])


def test_c0_b0_and_the_starting_words(dialect: Dialect) -> None:
    bench = Bench(dialect, tx_power=7, channel=2)
    bench.take(Connected())
    assert bench.words() == [Init(AT, True, 7, 2)]  # noqa: FBT003  the word's own order
    bench.hear(bench.status)
    assert bench.words() == list(dialect.starting) == [Antenna(on=True)]
    assert bench.events() == [bench.up]
    bench.wait(20)
    assert (bench.words(), bench.events()) == ([], [])


def test_f1_begins_with_8x_and_answers_with_the_sequence_swapped(soulin: Bench) -> None:
    soulin.take(Connected())
    soulin.hear(soulin.status)
    debit = soulin.order(soulin.read())
    soulin.wait(ANSWER_WITHIN)
    soulin.take(debit)
    soulin.hear(soulin.result(debit))
    sequences = [frame.sequence for _, frame in soulin.frames[-7:]]
    assert sequences[0] >> 4 == 8
    # C4 to B0, C1 to B2, C1 to B3, the empty answer and C6 to B4, C1 to B5, whose sequences are constants
    assert sequences[1:] == [0x80, 0x81, 0x85, 0x83, 0x83, 0x84]


def test_f1_holds_with_the_sequence_of_the_frame_that_came_last(soulin: Bench) -> None:
    soulin.read()
    soulin.hear(TagSeen(NEIGHBOUR))
    soulin.wait(ANSWER_WITHIN)
    assert soulin.frames[-1][1].sequence == 0x81


def test_f2_numbers_its_frames_from_1_to_9(wanji: Bench) -> None:
    for _ in range(12):
        wanji.hear(Heartbeat(0))
    numbers = [frame.sequence for _, frame in wanji.frames]
    assert set(numbers) == {number << 4 for number in range(1, 10)}
    assert all(after == before % 0x90 + 0x10 for before, after in pairwise(numbers))


def test_c0_is_repeated_and_then_the_link_given_up(dialect: Dialect) -> None:
    bench = Bench(dialect)
    bench.take(Connected())
    bench.wait(INIT_TRIES * INIT_AGAIN + 1)
    assert kinds(bench.words()) == [Init] * INIT_TRIES
    assert [at - BEGAN for at, _ in bench.frames] == [0, INIT_AGAIN, 2 * INIT_AGAIN]
    assert bench.drops == [(BEGAN + INIT_TRIES * INIT_AGAIN, "C0 三次无应答 / no answer to C0, 3 times")]
    assert bench.events() == []
    bench.take(Disconnected("C0 三次无应答 / no answer to C0, 3 times"))
    assert bench.events() == [ReaderDown("east", "C0 三次无应答 / no answer to C0, 3 times")]
    bench.take(Connected())
    bench.wait(INIT_AGAIN)
    assert kinds(bench.words()) == [Init, Init]


def test_a_b0_at_power_up_is_answered_with_c0(soulin: Bench) -> None:
    before = len(soulin.frames)
    soulin.take(soulin.dialect.framing.encode(0x98, soulin.dialect.encode(soulin.status)))
    assert [(frame.sequence, frame.data[0]) for _, frame in soulin.frames[before:]] == [(0x89, 0xC0)]


def test_a_fault_in_b0_is_told_once_and_c0_said_again(dialect: Dialect) -> None:
    bench = Bench(dialect)
    bench.take(Connected())
    faulty = replace(bench.status, fault=2)
    answer = [EMPTY] if dialect.holding is Holding.EMPTY else []  # F1 wants every frame answered
    assert kinds(bench.words()) == [Init]
    for _ in range(5):
        bench.hear(faulty)
        bench.wait(INIT_AGAIN)
        assert kinds(bench.words()) == kinds([*answer, Init(WALL, entry=True, tx_power=0, channel=1)])
    assert bench.events() == [replace(bench.up, fault=2)]
    assert bench.drops == []
    bench.hear(bench.status)
    bench.wait(INIT_AGAIN)
    assert kinds(bench.words()) == [Antenna]
    assert bench.events() == [bench.up]


def test_a_fault_that_a_second_b0_brings_is_told_and_c0_said_again(bench: Bench) -> None:
    bench.take(Disconnected("unplugged"))
    bench.take(Connected())
    bench.hear(bench.status, replace(bench.status, fault=2))
    assert bench.events()[-1] == replace(bench.up, fault=2)
    bench.words()
    bench.wait(INIT_AGAIN)
    assert kinds(bench.words()) == [Init]


def test_a_b0_said_twice_is_answered_twice_and_starts_nothing_anew(bench: Bench) -> None:
    bench.take(Disconnected("unplugged"))
    bench.take(Connected())
    bench.hear(bench.status)
    bench.wait(REPEAT)
    bench.hear(bench.status)
    assert kinds(bench.words()) == [Init, Antenna, Antenna]
    assert bench.events() == [ReaderDown("east", "unplugged"), bench.up]


def test_an_antenna_that_started_anew_is_initialised_again(bench: Bench) -> None:
    bench.hear(bench.status)
    assert kinds(bench.words()) == [Init]
    bench.hear(bench.status)
    assert kinds(bench.words()) == [Antenna]
    assert bench.events() == []


def test_a_restart_makes_a_purchase_under_way_unknown(bench: Bench) -> None:
    debit = bench.buy()
    bench.hear(bench.status)
    assert bench.events() == [DebitUnknown("east", debit.intent, "antenna restarted")]
    assert kinds(bench.words()) == [Init]


def test_a_restart_ends_a_reading_too(bench: Bench) -> None:
    read = bench.read()
    bench.hear(bench.status)
    bench.take(bench.order(read))
    assert kinds(bench.events()) == [DebitNotSent]
    assert kinds(bench.words()) == [Init]


# --- idling ------------------------------------------------------------------------------------------------------


def beat(bench: Bench, seconds: float) -> None:
    """Time with heartbeats."""
    for _ in range(int(seconds / 10)):
        bench.wait(10)
        bench.hear(Heartbeat(0))


def said(bench: Bench) -> list[Word]:
    return [word for word in bench.words() if not isinstance(word, HeartbeatSeen)]


def test_what_starts_the_search_is_said_once_more_behind_every_good_b0(dialect: Dialect) -> None:
    bench = Bench(dialect, clock_minutes=5)
    bench.start()
    for _ in range(2):
        beat(bench, START_AGAIN - 10)
        assert said(bench) == []
        beat(bench, 240)
        assert kinds(said(bench)) == [Antenna]
        bench.wait(9)
        assert kinds(said(bench)) == [Init]
        bench.hear(bench.status)
        bench.wait(INIT_AGAIN)
        assert kinds(said(bench)) == [Antenna]


def test_a_trade_is_not_disturbed_by_what_starts_the_search(dialect: Dialect) -> None:
    bench = Bench(dialect)
    bench.start()
    beat(bench, START_AGAIN - 10)
    bench.wait(7.9)
    bench.hear(TagSeen(TAG))
    bench.wait(0.5)
    assert Antenna not in kinds(said(bench))


def test_the_clock_is_set_again_when_idle(dialect: Dialect) -> None:
    bench = Bench(dialect, clock_minutes=5)
    bench.start()
    for _ in range(3):
        beat(bench, 290)
        bench.wait(9)
        words = [word for word in said(bench) if not isinstance(word, Antenna)]
        assert kinds(words) == [Init]
        assert words[0].at == bench.instant.wall.replace(microsecond=0) - timedelta(seconds=1)
        bench.hear(bench.status)
        bench.wait(INIT_AGAIN)
        assert kinds(bench.words()) == [Antenna]
    assert bench.events() == []


def test_an_antenna_that_does_not_answer_to_the_clock_is_dropped(dialect: Dialect) -> None:
    bench = Bench(dialect, clock_minutes=1)
    bench.start()
    for _ in range(20):
        bench.wait(4)
        bench.hear(Heartbeat(0))
    assert kinds([word for word in bench.words() if not isinstance(word, HeartbeatSeen)]) == [Init] * INIT_TRIES
    assert [reason for _, reason in bench.drops] == ["C0 三次无应答 / no answer to C0, 3 times"]


def test_the_clock_is_not_set_into_a_trade(dialect: Dialect) -> None:
    bench = Bench(dialect, clock_minutes=1)
    bench.start()
    beat(bench, 50)
    bench.wait(7.9)
    bench.forget()
    debit = bench.buy()
    bench.wait(0.5)
    assert bench.words() == []
    bench.hear(bench.result(debit))
    bench.wait(0)
    assert kinds(bench.words()) == [GoOn, Init]


def test_c0_is_not_repeated_into_a_trade(bench: Bench) -> None:
    bench.take(Disconnected("unplugged"))
    bench.take(Connected())
    bench.wait(INIT_AGAIN - 0.1)
    bench.forget()
    bench.hear(TagSeen(TAG))
    bench.wait(1)
    assert kinds(bench.words()) == [GoOn]
    bench.wait(READ_WITHIN)
    assert kinds(bench.words()) == [Stop, Init]


def test_heartbeats_are_answered_where_the_dialect_says_so(soulin: Bench, wanji: Bench) -> None:
    soulin.hear(Heartbeat(0))
    assert soulin.words() == []
    wanji.hear(Heartbeat(0))
    assert wanji.words() == [HeartbeatSeen()]


def test_a_fault_in_a_heartbeat_is_told_when_it_changes(bench: Bench) -> None:
    for fault in (0, 2, 2, 0):
        bench.hear(Heartbeat(fault))
    assert bench.events() == [replace(bench.up, fault=2), bench.up]


def test_a_heartbeat_before_b0_tells_nothing(dialect: Dialect) -> None:
    bench = Bench(dialect)
    bench.take(Connected())
    bench.hear(Heartbeat(2))
    assert bench.events() == []


def test_silence_is_given_up_and_told_when_the_link_is_gone(bench: Bench) -> None:
    silence = bench.dialect.silence
    bench.hear(Heartbeat(0))
    heard = bench.now
    bench.wait(silence - SOON)
    assert bench.drops == []
    bench.wait(2 * SOON)
    assert bench.drops == [(heard + silence, f"{silence:g} s 无数据 / silent for {silence:g} s")]
    bench.take(Disconnected("as asked"))
    assert bench.events() == [ReaderDown("east", "as asked")]
    assert bench.session.deadline is None


def test_noise_is_no_sign_of_life(bench: Bench) -> None:
    for _ in range(100):
        bench.wait(1)
        bench.take(b"\x55\xaa\xff")
    assert bench.drops
    assert set(kinds(bench.words())) <= {Init, Antenna}


def test_down_is_told_once_also_of_an_antenna_never_reached(dialect: Dialect) -> None:
    bench = Bench(dialect)
    for _ in range(3):
        bench.take(Disconnected("refused"))
    assert bench.events() == [ReaderDown("east", "refused")]
    bench.take(Connected())
    bench.hear(bench.status)
    bench.take(Disconnected("unplugged"))
    assert bench.events() == [bench.up, ReaderDown("east", "unplugged")]


# --- reading -----------------------------------------------------------------------------------------------------


def test_a_tag_is_read_to_its_card(bench: Bench) -> None:
    bench.hear(TagSeen(TAG))
    (went_on,) = bench.words()
    assert isinstance(went_on, GoOn)
    assert went_on.issuer == (ISSUER if bench.dialect.name == "wanji" else ISSUER[:8] * 2)
    *before, last = bench.stages()
    for contents in before:
        assert bench.events() == []
        bench.hear(contents)
        assert bench.words() == [went_on]
    bench.hear(last)
    assert bench.events() == [TagRead("east", 1, TAG, VEHICLE, CARD)]
    assert bench.words() == []


@pytest.mark.parametrize("flags", [{"has_card": False}, {"locked": True}, {"card_error": True}])
def test_a_tag_with_no_card_to_read_is_told_at_once(bench: Bench, flags: dict[str, bool]) -> None:
    tag = replace(TAG, **flags)
    bench.hear(TagSeen(tag))
    assert bench.events() == [TagRead("east", 1, tag, None, None)]
    bench.wait(ANSWER_WITHIN)
    assert bench.words() == bench.holding()
    bench.hear(TagSeen(tag))  # as asked, where the holding answer asks for it
    bench.wait(ANSWER_WITHIN)
    assert bench.words() == bench.holding()
    assert bench.events() == []
    bench.take(bench.order(TagRead("east", 1, tag, None, None)))
    assert kinds(bench.events()) == [DebitNotSent]
    bench.take(Release("east", OBU, 5))
    assert kinds(bench.words()) == [Stop]


def test_removed_and_low_battery_are_the_lanes_business(bench: Bench) -> None:
    tag = replace(TAG, removed=True, low_battery=True)
    assert bench.read(tag).tag == tag


def test_every_reading_has_its_own_number(bench: Bench) -> None:
    first = bench.read()
    second = bench.read()
    bench.wait(2)
    third = bench.read(NEIGHBOUR)
    assert [first.trade, second.trade, third.trade] == [1, 2, 3]


@pytest.mark.parametrize("command", [0xB2, 0xB3, 0xB4])
def test_an_error_while_reading_is_told_and_the_tag_let_go(bench: Bench, command: int) -> None:
    if command != 0xB2:
        bench.hear(TagSeen(TAG))
        bench.words()
    bench.hear(Failed(OBU, command, 0x11))
    assert bench.events() == [TagUnreadable("east", OBU, f"{command:02X}", 0x11)]
    assert kinds(bench.words()) == [Stop]
    bench.hear(*bench.stages())
    assert set(kinds(bench.words())) == {Stop}
    assert bench.events() == []


def test_an_error_after_the_reading_ends_it(bench: Bench) -> None:
    read = bench.read()
    bench.hear(Failed(OBU, 0xB4, 1))
    bench.take(bench.order(read))
    assert kinds(bench.events()) == [TagUnreadable, DebitNotSent]
    assert kinds(bench.words()) == [Stop]


def test_an_error_of_a_quiet_tag_is_not_told(bench: Bench) -> None:
    bench.take(Release("east", OBU, 1))
    bench.hear(Failed(OBU, 0xB2, 1))
    assert (kinds(bench.words()), bench.events()) == ([Stop], [])


def test_a_tag_lost_while_reading_is_told_and_let_go(bench: Bench) -> None:
    bench.hear(TagSeen(TAG))
    bench.words()
    bench.wait(READ_WITHIN)
    assert bench.events() == [TagUnreadable("east", OBU, "lost while reading", 0)]
    assert kinds(bench.words()) == [Stop]
    bench.wait(10)
    assert bench.words() == []


def test_b2_again_and_again_ends(bench: Bench) -> None:
    for _ in range(LOOPS + 1):
        bench.hear(TagSeen(TAG))
        bench.wait(0.5)
    assert kinds(bench.words()) == [GoOn] * (LOOPS + 1)
    bench.hear(TagSeen(TAG))
    assert kinds(bench.words()) == [Stop]
    assert bench.events() == [TagUnreadable("east", OBU, "B2 again and again", 0)]
    bench.read()


def test_another_tag_while_reading_takes_its_place(bench: Bench) -> None:
    bench.hear(TagSeen(TAG))
    assert bench.read(NEIGHBOUR).tag == NEIGHBOUR
    bench.wait(READ_WITHIN)
    assert bench.events() == []


def test_contents_of_another_tag_while_reading_are_not_taken(bench: Bench) -> None:
    bench.hear(TagSeen(TAG), *bench.stages(OTHER))
    assert kinds(bench.words())[:2] == [GoOn, Stop]
    assert bench.events() == []


def test_contents_out_of_the_blue_are_let_go(bench: Bench) -> None:
    bench.hear(*bench.stages())
    assert set(kinds(bench.words())) == {Stop}
    assert bench.events() == []


# --- holding answers ---------------------------------------------------------------------------------------------


def test_a_tag_that_waits_is_held_before_the_antenna_repeats_itself(bench: Bench) -> None:
    bench.read()
    bench.wait(ANSWER_WITHIN)
    assert bench.words() == bench.holding()
    bench.wait(0.5)
    assert bench.words() == []  # one answer for one frame


def test_every_repeated_frame_is_held_on_time(bench: Bench) -> None:
    bench.read()
    *_, last = bench.stages()
    waiting_since: list[float] = [bench.now]
    for pause in (0.07, 0.05, 0.12, 0.01, 0.01, 0.1):
        bench.wait(pause)
        bench.hear(last)
        waiting_since.append(bench.now)
    bench.wait(REPEAT)
    held = [at for at, _ in bench.frames if at > waiting_since[0]]
    for since in waiting_since:
        assert any(since <= at <= since + REPEAT for at in held)
    assert bench.events() == []
    assert set(map(type, bench.words())) == set(map(type, bench.holding()))


@pytest.mark.parametrize("buying", [False, True])
def test_a_frame_of_another_tag_is_held_and_harms_nothing(bench: Bench, buying: bool) -> None:  # noqa: FBT001
    read = bench.read()
    if buying:
        bench.take(bench.order(read))
        bench.words()
    for intruder in (TagSeen(NEIGHBOUR), *bench.stages(OTHER), Failed(OTHER, 0xB2, 1)):
        bench.hear(intruder)
        bench.wait(ANSWER_WITHIN)
        assert kinds(bench.words()) == kinds(bench.holding())  # a Stop would end the trade, whatever its OBUID
    assert bench.events() == []
    if not buying:
        bench.take(bench.order(read))
        assert kinds(bench.words()) == [Purchase]
    bench.hear(bench.result(bench.order(read)))
    assert kinds(bench.events()) == [DebitDone]


def test_without_holding_nothing_is_said_while_deciding(dialect: Dialect) -> None:
    bench = Bench(dialect, holding=False)
    bench.start()
    read = bench.read()
    *_, last = bench.stages()
    bench.wait(0.3)
    bench.hear(last, TagSeen(NEIGHBOUR))
    bench.wait(0.3)
    assert bench.words() == []
    bench.take(bench.order(read))
    bench.hear(last)
    bench.wait(0.3)
    assert kinds(bench.words()) == [Purchase]


def test_a_sound_frame_that_nobody_understands_is_answered_in_f1(soulin: Bench, wanji: Bench) -> None:
    for bench, answers in ((soulin, [EMPTY]), (wanji, [])):
        bench.take(bench.dialect.framing.encode(0x38, b"\xbe\x01"))
        assert bench.words() == answers
    assert soulin.frames[-1][1].sequence == 0x83
    silent = Bench(soulin.dialect, holding=False)
    silent.start()
    silent.take(soulin.dialect.framing.encode(0x38, b"\xbe\x01"))
    assert silent.words() == []


def test_an_empty_frame_and_our_own_words_ask_for_nothing(bench: Bench) -> None:
    bench.take(bench.dialect.framing.encode(0x18, b""))
    bench.take(bench.dialect.framing.encode(0x18, bench.dialect.encode(Antenna(on=True))))
    bench.wait(1)
    assert (bench.words(), bench.events()) == ([], [])


# --- debits ------------------------------------------------------------------------------------------------------


def test_a_debit_is_one_purchase_with_all_its_fields(bench: Bench) -> None:
    read = bench.read()
    bench.wait(0.05)
    bench.take(Debit("east", read.trade, "i-1", OBU, 500, AT))
    issuer = ISSUER if bench.dialect.name == "wanji" else ISSUER[:8] * 2
    assert bench.words() == [Purchase(OBU, issuer, 500, AT, STATION)]
    bench.wait(REPEAT)
    assert bench.words() == []  # the purchase was the answer


def test_a_purchase_leaves_once_whatever_the_antenna_repeats(bench: Bench) -> None:
    debit = bench.buy()
    *_, last = bench.stages()
    for _ in range(4):
        bench.wait(REPEAT)
        bench.hear(last)
        assert bench.words() == []
        bench.wait(ANSWER_WITHIN)
        assert kinds(bench.words()) == kinds(bench.holding())
    assert bench.events() == []
    bench.hear(bench.result(debit))
    assert kinds(bench.events()) == [DebitDone]


def test_a_debit_for_another_reading_does_not_leave(bench: Bench) -> None:
    old = bench.read()
    bench.wait(0.3)
    new = bench.read()
    bench.words()
    bench.take(bench.order(old, "i-1"))
    assert bench.events() == [DebitNotSent("east", "i-1", "this reading of the tag is over")]
    assert bench.words() == []
    bench.take(bench.order(new, "i-2"))
    assert kinds(bench.words()) == [Purchase]
    bench.take(bench.order(new, "i-3"))
    assert bench.events() == [DebitNotSent("east", "i-3", "this reading of the tag is over")]
    assert bench.words() == []


def test_a_debit_before_the_card_is_read_does_not_leave(soulin: Bench) -> None:
    soulin.hear(TagSeen(TAG))
    soulin.words()
    soulin.take(Debit("east", 1, "i-1", OBU, 500, AT))
    assert kinds(soulin.events()) == [DebitNotSent]
    assert soulin.words() == []


@pytest.mark.parametrize("ticked", [False, True])
def test_a_debit_after_the_trade_window_does_not_leave(bench: Bench, ticked: bool) -> None:  # noqa: FBT001
    read = bench.read()
    if ticked:
        bench.wait(bench.dialect.trade_window)
        assert kinds(bench.words())[-1] is Stop
    else:
        bench.now += bench.dialect.trade_window
    bench.take(bench.order(read))
    (not_sent,) = bench.events()
    assert isinstance(not_sent, DebitNotSent)
    assert ("window" in not_sent.reason) is not ticked
    assert bench.words() == []


def test_the_window_is_open_to_its_end_and_ends_with_stop(bench: Bench) -> None:
    read = bench.read()
    bench.wait(bench.dialect.trade_window - SOON)
    bench.words()
    bench.take(bench.order(read))
    assert kinds(bench.words()) == [Purchase]
    bench.hear(bench.result(bench.order(read)))
    bench.forget()
    bench.read(NEIGHBOUR)
    bench.wait(bench.dialect.trade_window)
    assert bench.words()[-1].obu_id == OTHER
    assert bench.events() == []


def test_a_debit_without_a_link_does_not_leave(bench: Bench) -> None:
    read = bench.read()
    bench.take(Disconnected("unplugged"))
    bench.take(bench.order(read))
    assert kinds(bench.events()) == [ReaderDown, DebitNotSent]
    assert bench.words() == []


def test_a_result_is_proof_and_is_acknowledged(bench: Bench) -> None:
    debit = bench.buy()
    bench.wait(0.7)
    bench.hear(RESULT)
    assert bench.events() == [DebitDone("east", debit.intent, bench.proof)]
    (seen,) = bench.words()
    assert isinstance(seen, GoOn)
    assert (seen.obu_id, seen.issuer[:8]) == (OBU, ISSUER[:8])
    bench.wait(10)
    assert (bench.words(), bench.events()) == ([], [])


def test_parts_of_a_second_do_not_reach_the_wire_and_do_not_matter(bench: Bench) -> None:
    debit = bench.order(bench.read(), at=WALL)
    bench.take(debit)
    bench.hear(RESULT)
    assert bench.events() == [DebitDone("east", debit.intent, replace(bench.proof, at=WALL))]


def test_a_result_said_again_is_acknowledged_alike_and_told_once(bench: Bench) -> None:
    bench.buy()
    bench.hear(RESULT)
    first = bench.words()
    bench.forget()
    for _ in range(3):
        bench.wait(REPEAT)
        bench.hear(RESULT)
        assert bench.words() == first
    assert bench.events() == []


def end_by_time(bench: Bench) -> str:
    bench.wait(RESULT_WITHIN)
    assert kinds(bench.words()) == [Stop]
    return "no result within 3 s"


def end_by_error(bench: Bench) -> str:
    bench.hear(Failed(OBU, 0xB5, 0x08))
    assert kinds(bench.words()) == [Stop]
    return f"the antenna reports B5 error 08 {bench.dialect.codes.get((0xB5, 0x08), '')}".rstrip()


def end_by_new_reading(bench: Bench) -> str:
    bench.hear(TagSeen(TAG))
    assert kinds(bench.words()) == [GoOn]
    return "the tag was found anew before the result"


def end_by_restart(bench: Bench) -> str:
    bench.hear(bench.status)
    assert kinds(bench.words()) == [Init]
    return "antenna restarted"


ENDS = [end_by_time, end_by_error, end_by_new_reading, end_by_restart]


@pytest.mark.parametrize("end", ENDS)
def test_a_purchase_without_a_result_is_unknown(bench: Bench, end: Callable[[Bench], str]) -> None:
    debit = bench.buy()
    reason = end(bench)
    assert bench.events() == [DebitUnknown("east", debit.intent, reason)]


@pytest.mark.parametrize("end", ENDS)
def test_a_late_result_is_told_once(bench: Bench, end: Callable[[Bench], str]) -> None:
    debit = bench.buy()
    end(bench)
    bench.forget()
    bench.wait(0.5)
    bench.words()
    bench.hear(RESULT)
    assert bench.events() == [DebitDone("east", debit.intent, bench.proof)]
    (seen,) = bench.words()
    assert seen.issuer[:8] == ISSUER[:8]
    bench.hear(RESULT)
    assert bench.events() == []
    assert bench.words() == [seen]


def test_a_lost_link_makes_a_purchase_unknown_before_it_is_told(bench: Bench) -> None:
    debit = bench.buy()
    bench.take(Disconnected("unplugged"))
    assert bench.events() == [
        DebitUnknown("east", debit.intent, "link lost: unplugged"),
        ReaderDown("east", "unplugged"),
    ]
    bench.take(Connected())
    bench.hear(bench.status, RESULT)
    assert bench.events() == [bench.up, DebitDone("east", debit.intent, bench.proof)]


def test_a_result_long_after_is_found(bench: Bench) -> None:
    bench.buy()
    bench.wait(RESULT_WITHIN)
    bench.forget()
    for _ in range(int(LATE_RESULT / 10)):
        bench.wait(10)
        bench.hear(Heartbeat(0))
    bench.words()
    bench.hear(RESULT)
    assert bench.events() == [DebitFound("east", OBU, bench.proof)]
    assert kinds(bench.words()) == [GoOn]


EARLIER = replace(RESULT, at=AT - timedelta(seconds=1))


@pytest.mark.parametrize("stray", [replace(RESULT, obu_id=OTHER), EARLIER])
def test_a_result_that_nobody_asked_for_is_found(bench: Bench, stray: Result) -> None:
    found = DebitFound("east", stray.obu_id, replace(bench.proof, at=stray.at or AT))
    bench.hear(stray)
    assert bench.events() == [found]
    assert [(word.obu_id, int(word.issuer, 16)) for word in bench.words()] == [(stray.obu_id, 0)]
    debit = bench.buy()  # and it is no result of this purchase either
    bench.hear(stray)
    assert bench.events() == []  # told once
    assert kinds(bench.words()) == [GoOn]  # answered each time: the antenna goes on
    bench.hear(bench.result(debit))
    assert kinds(bench.events()) == [DebitDone]


def test_a_result_without_a_time_is_nobodys_but_its_tac_is_told(bench: Bench) -> None:
    debit = bench.buy()
    bench.hear(*[replace(RESULT, at=None)] * 2)
    assert bench.events() == [TagUnreadable("east", OBU, f"B5 without a time, TAC {RESULT.tac}", 0)]
    assert kinds(bench.words()) == [GoOn] * 2
    bench.hear(bench.result(debit))
    assert kinds(bench.events()) == [DebitDone]


def while_idle(bench: Bench) -> None:
    pass


def while_reading(bench: Bench) -> None:
    bench.hear(TagSeen(TAG))


def while_deciding(bench: Bench) -> None:
    bench.read()


def while_buying(bench: Bench) -> None:
    bench.buy()


def while_in_doubt(bench: Bench) -> None:
    bench.buy()
    bench.wait(RESULT_WITHIN)


@pytest.mark.parametrize(
    "phase",
    [while_idle, while_reading, while_deciding, while_buying, while_in_doubt],
    ids=lambda phase: phase.__name__,
)
@pytest.mark.parametrize("obu", [OBU, OTHER])
def test_a_purchase_of_an_earlier_run_is_found_in_any_phase(
    bench: Bench, phase: Callable[[Bench], None], obu: str
) -> None:
    phase(bench)
    bench.forget()
    bench.hear(replace(EARLIER, obu_id=obu))
    (found,) = bench.events()
    assert found == DebitFound("east", obu, replace(bench.proof, at=EARLIER.at or AT))
    assert kinds(bench.words()) == [GoOn]


def test_the_next_run_finds_what_the_antenna_has_to_say_before_b0_and_after_it(bench: Bench) -> None:
    """The daemon was killed after C6."""
    bench.buy()
    for before in (True, False):
        after_the_kill = Bench(bench.dialect)
        after_the_kill.now = bench.now + 1
        after_the_kill.take(Connected())
        after_the_kill.hear(*((RESULT, bench.status) if before else (bench.status, RESULT)))
        events = after_the_kill.events()
        assert sorted(kinds(events), key=str) == [DebitFound, ReaderUp]
        assert DebitFound("east", OBU, bench.proof) in events
        assert GoOn in kinds(after_the_kill.words())


def test_what_was_found_is_told_anew_when_it_brings_more(bench: Bench) -> None:
    bare = replace(EARLIER, tac="00000000")
    other = replace(EARLIER, card_serial=4, terminal_serial=8)
    for each in (bare, bare, EARLIER, bare, EARLIER, other, other):
        bench.hear(each)
    assert [(event.proof.tac, event.proof.card_serial) for event in bench.events()] == [
        ("00000000", 3),
        (RESULT.tac, 3),
        (RESULT.tac, 4),
    ]


def test_a_result_that_says_less_than_was_told_is_not_told(bench: Bench) -> None:
    bench.hear(EARLIER, replace(EARLIER, tac="00000000"))
    assert kinds(bench.events()) == [DebitFound]


def test_what_was_told_is_remembered_for_a_while(bench: Bench) -> None:
    bench.hear(EARLIER)
    beat(bench, LATE_RESULT - 10)
    bench.wait(9.9)
    bench.hear(EARLIER)
    assert kinds(bench.events()) == [DebitFound]
    bench.wait(0.1)
    bench.hear(EARLIER)
    assert kinds(bench.events()) == [DebitFound]


def test_a_result_told_is_not_told_again_though_its_tag_has_paid_since(bench: Bench) -> None:
    first = bench.buy()
    bench.hear(bench.result(first))
    second = bench.order(bench.read(), "i-2", AT + timedelta(seconds=4))
    bench.take(second)
    bench.hear(replace(bench.result(second), card_serial=4, terminal_serial=8))
    bench.forget()
    bench.hear(bench.result(first))
    assert bench.events() == []
    assert kinds(bench.words()) == [GoOn]


def test_the_late_result_of_the_purchase_before_is_not_taken_for_this_one(bench: Bench) -> None:
    first = bench.buy()
    bench.wait(RESULT_WITHIN)
    bench.forget()
    second = bench.order(bench.read(), "i-2", AT + timedelta(seconds=4))
    bench.take(second)
    bench.hear(bench.result(first))
    bench.hear(bench.result(second))
    assert [(type(event), event.intent) for event in bench.events()] == [(DebitDone, "i-1"), (DebitDone, "i-2")]


def test_a_late_result_is_known_though_another_tag_has_paid_since(bench: Bench) -> None:
    debit = bench.buy()
    bench.wait(RESULT_WITHIN)
    other = bench.order(bench.read(NEIGHBOUR), "i-2", AT + timedelta(seconds=4))
    bench.take(other)
    bench.hear(replace(bench.result(other), obu_id=OTHER))
    bench.forget()
    bench.hear(bench.result(debit))
    assert bench.events() == [DebitDone("east", debit.intent, bench.proof)]


def test_what_is_remembered_of_purchases_stays_small(bench: Bench) -> None:
    for number in range(200):
        tag = replace(TAG, obu_id=f"5b{number:06x}")
        read = bench.read(tag)
        debit = bench.order(read, f"i-{number}")
        bench.take(debit)
        bench.hear(replace(bench.result(debit), obu_id=tag.obu_id))
        bench.take(Release("east", tag.obu_id, 10))
        bench.wait(10)
        bench.hear(*[replace(RESULT, terminal_serial=100 * number + each) for each in range(20)])  # strangers
    assert len(bench.session._late) <= LATE_RESULT / 10 + 1
    assert len(bench.session._told) == TOLD_KEPT
    assert len(bench.session._quiet) <= 2


# --- release -----------------------------------------------------------------------------------------------------


def test_release_lets_go_and_keeps_quiet_for_a_while(bench: Bench) -> None:
    bench.read()
    bench.take(Release("east", OBU, 5))
    assert kinds(bench.words()) == [Stop]
    bench.wait(4.9)
    bench.hear(TagSeen(TAG))
    assert kinds(bench.words()) == [Stop]
    assert bench.events() == []
    bench.wait(0.1)
    bench.read()


def test_release_without_quiet_lets_it_be_read_at_once(bench: Bench) -> None:
    first = bench.read()
    bench.take(Release("east", OBU, 0))
    assert kinds(bench.words()) == [Stop]
    assert bench.read().trade != first.trade


def test_release_of_another_tag_touches_nothing(bench: Bench) -> None:
    read = bench.read()
    bench.take(Release("east", OTHER, 5))
    assert bench.words() == []
    bench.take(bench.order(read))
    assert kinds(bench.words()) == [Purchase]


def test_a_quiet_tag_does_not_take_the_place_of_one_being_read(bench: Bench) -> None:
    bench.take(Release("east", OTHER, 5))
    bench.hear(TagSeen(TAG), TagSeen(NEIGHBOUR))
    assert [(type(word), word.obu_id) for word in bench.words()] == [(GoOn, OBU), (Stop, OTHER)]
    bench.hear(*bench.stages())
    assert [event.tag.obu_id for event in bench.events()] == [OBU]


def test_release_during_a_purchase_waits_for_its_result(bench: Bench) -> None:
    debit = bench.buy()
    bench.take(Release("east", OBU, 5))
    assert bench.words() == []
    bench.hear(bench.result(debit))
    assert kinds(bench.events()) == [DebitDone]
    bench.words()
    bench.hear(TagSeen(TAG))
    assert kinds(bench.words()) == [Stop]


def test_evidence_is_read_though_the_tag_is_quiet(bench: Bench) -> None:
    bench.buy()
    bench.take(Release("east", OBU, 5))
    bench.hear(TagSeen(TAG), *bench.stages())
    assert kinds(bench.events()) == [DebitUnknown, TagRead]


# --- torn and mixed bytes ----------------------------------------------------------------------------------------


def test_frames_may_come_byte_by_byte_and_with_noise_between(bench: Bench) -> None:
    wire = b"\x00\x42".join(bench.frame(word) for word in (TagSeen(TAG), *bench.stages()))
    for byte in wire:
        bench.take(bytes((byte,)))
    assert bench.events() == [TagRead("east", 1, TAG, VEHICLE, CARD)]


def test_a_torn_frame_is_given_up_and_the_next_one_understood(bench: Bench) -> None:
    torn = bench.frame(TagSeen(NEIGHBOUR))
    bench.take(torn[: len(torn) // 2])
    assert bench.session.deadline == bench.now + TORN_AFTER
    bench.wait(TORN_AFTER)
    assert bench.session._framer.held == 0
    bench.hear(TagSeen(TAG))
    assert [word.obu_id for word in bench.words()] == [OBU]


def test_a_frame_swallowed_by_a_torn_one_is_found_when_that_is_given_up(wanji: Bench) -> None:
    wanji.take(bytes.fromhex("ffff000100000080"))  # says that 130 more bytes follow
    wanji.hear(TagSeen(TAG))
    assert wanji.words() == []
    wanji.wait(TORN_AFTER)
    assert [word.obu_id for word in wanji.words()] == [OBU]


def test_half_a_frame_does_not_outlive_its_connection(bench: Bench) -> None:
    frame = bench.frame(TagSeen(TAG))
    bench.take(frame[:10])
    bench.take(Disconnected("unplugged"))
    bench.take(Connected())
    bench.take(frame[10:])
    assert kinds(bench.words()) == [Init]
