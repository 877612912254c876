"""The antenna's rules, with a lane PC played in the dialect's words on a virtual clock."""

import asyncio
import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.obu.values import CREDIT
from protocols.rsu import messages
from protocols.rsu.dialect import Dialect, load
from protocols.rsu.framing import Frame, Noise
from protocols.rsu.messages import (
    CHINA,
    Contents,
    Failed,
    FetchTac,
    GoOn,
    Heartbeat,
    Init,
    Order,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TacFetched,
    TagSeen,
)
from tools.cards import DEFECTS, CardRefused, SimulatedTag, make_tag, plate_number, stand_in_tac, truth
from tools.rsu import FAULTS, HELP, NO_TAC, WRONG_MAC, Antenna, Faults, Shell, serve_tcp

NOW = datetime(2026, 3, 1, 8, 30, 5, tzinfo=CHINA)
PLATE = "测A00001"
NO_OBU = "00000000"


class Pc:
    """A lane PC and its antenna at the ends of one wire; `now` moves only by `wait`."""

    def __init__(self, dialect: Dialect, **options: object) -> None:
        self.dialect = dialect
        self.antenna = Antenna(dialect, trade_time=0.15, search_again=0.5, **options)
        self.now = 1000.0
        self.frames: list[tuple[float, Frame]] = []
        self.noise: list[Noise] = []
        self.chunks: list[bytes] = []
        self._framer = dialect.framing.framer()
        self._said = 0
        self._read = 0

    def say(self, word: Order) -> None:
        self.send(self.dialect.encode(word))

    def send(self, data: bytes) -> None:
        sequence = self.dialect.framing.start(self._said)
        self._said += 1
        self.take(self.antenna.on_bytes(self.dialect.framing.encode(sequence, data), self.now))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(10_000):
            deadline = self.antenna.deadline
            if deadline is None or deadline > end:
                break
            self.now = max(self.now, deadline)
            self.take(self.antenna.tick(self.now))
        else:
            raise AssertionError("the antenna's deadline does not move on")
        self.now = end

    def take(self, chunks: list[bytes]) -> None:
        self.chunks += chunks
        for chunk in chunks:
            for item in self._framer.feed(chunk):
                if isinstance(item, Frame):
                    self.frames.append((self.now, item))
                else:
                    self.noise.append(item)

    def words(self) -> list[Report]:
        """What has been heard since the last look."""
        new = [frame for _, frame in self.frames[self._read :]]
        self._read = len(self.frames)
        return [word for frame in new for word in self.dialect.hear(self.dialect.decode(frame.data))]

    def start(self) -> None:
        self.say(Init(NOW, entry=True, tx_power=10, channel=1))
        for word in self.dialect.starting:
            self.say(word)
        self.wait(0)
        self.words()

    def read(self, tag: SimulatedTag, faults: Faults = Faults()) -> None:  # noqa: B008  frozen
        """As far as the offer: the card is read and the antenna waits for an order."""
        self.antenna.enter(tag, faults)
        self.wait(0)
        for _ in self.dialect.stages:
            self.go_on(tag)

    def go_on(self, tag: SimulatedTag) -> None:
        self.say(GoOn(tag.tag.obu_id, tag.tag.issuer))

    def stop(self, tag: SimulatedTag) -> None:
        self.say(Stop(tag.tag.obu_id, NOW))

    def resend(self, tag: SimulatedTag) -> None:
        self.say(Resend(tag.tag.obu_id, NOW))

    def buy(self, tag: SimulatedTag, fen: int = 500) -> None:
        self.say(Purchase(tag.tag.obu_id, tag.tag.issuer, fen, NOW, tag.card.station))

    def fetch(self, tag: SimulatedTag, card_serial: int) -> list[Report]:
        """What C8 brings."""
        self.words()
        self.say(FetchTac(tag.tag.obu_id, card_serial))
        assert self.words() == []
        self.wait(0.16)
        return self.words()


@pytest.fixture(params=["wanji", "soulin", "lane-v2"])
def pc(request: pytest.FixtureRequest) -> Pc:
    pc = Pc(load(request.param))
    pc.start()
    return pc


@pytest.fixture
def wanji() -> Pc:
    pc = Pc(load("wanji"))
    pc.start()
    return pc


@pytest.fixture
def genvict() -> Pc:
    pc = Pc(load("genvict"))
    pc.start()
    return pc


@pytest.fixture
def soulin() -> Pc:
    pc = Pc(load("soulin"))
    pc.start()
    return pc


@pytest.fixture
def tag() -> SimulatedTag:
    return make_tag(1, PLATE, 1, 10_000)


def kinds(words: list[Report]) -> list[type]:
    return [type(word) for word in words]


# --- starting and idling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "authorised"), [("wanji", False), ("soulin", None)])
def test_an_antenna_is_silent_until_it_is_initialised(
    name: str,
    authorised: bool | None,  # noqa: FBT001  a parameter of the table
    tag: SimulatedTag,
) -> None:
    pc = Pc(load(name))
    pc.antenna.enter(tag)
    pc.say(messages.Antenna(on=True))
    pc.wait(100)
    assert pc.frames == []
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    slots = (1,) if authorised is False else ()
    assert pc.words() == [Status(0, (pc.antenna.terminal,), authorised, 0, "2001", slots)]
    pc.wait(1)
    assert pc.words() == []
    assert not pc.antenna.radiating


@pytest.mark.parametrize("name", ["wanji", "soulin"])
def test_the_search_may_also_be_started_with_an_obuid_of_zeros(name: str, tag: SimulatedTag) -> None:
    pc = Pc(load(name))
    pc.say(GoOn(NO_OBU, "0" * 16))
    assert not pc.antenna.radiating
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    pc.antenna.enter(tag)
    pc.say(GoOn(NO_OBU, "0" * 16))
    assert kinds(pc.words()) == [Status, TagSeen]


@pytest.mark.parametrize(("name", "first", "interval"), [("wanji", 0.0, 10.0), ("soulin", 5.0, 5.0)])
def test_heartbeats_come_when_idle(name: str, first: float, interval: float) -> None:
    pc = Pc(load(name))
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    pc.wait(0.2)
    began = pc.now
    pc.say(messages.Antenna(on=True))
    pc.wait(35)
    status, *heartbeats = pc.words()
    assert kinds([status]) == [Status]
    assert heartbeats == [Heartbeat(0)] * len(heartbeats)
    times = [time - began for time, _ in pc.frames[1:]]
    assert times == pytest.approx([first + n * interval for n in range(len(times))])
    assert times[-1] > 35 - interval


def test_no_heartbeat_comes_into_a_trade(soulin: Pc, tag: SimulatedTag) -> None:
    soulin.read(tag)
    for _ in range(12):
        soulin.send(b"")
        soulin.wait(1.0)
    assert Heartbeat not in kinds(soulin.words())
    soulin.stop(tag)
    assert kinds(soulin.words()) == [Heartbeat]


def test_switched_off_an_antenna_beats_but_searches_no_more(pc: Pc, tag: SimulatedTag) -> None:
    pc.antenna.enter(tag)
    pc.wait(0)
    assert kinds(pc.words()) == [TagSeen]
    pc.say(messages.Antenna(on=False))
    pc.wait(11)
    assert set(kinds(pc.words())) == {Heartbeat}
    pc.say(messages.Antenna(on=True))
    pc.wait(0)
    assert TagSeen in kinds(pc.words())


def test_power_up_b0_is_said_only_if_wanted() -> None:
    quiet, loud = Pc(load("soulin")), Pc(load("soulin"), unasked=True)
    assert quiet.antenna.on_connect() == []
    loud.take(loud.antenna.on_connect())
    ((_, frame),) = loud.frames
    assert frame.sequence == 0x98
    assert kinds(loud.words()) == [Status]


def test_frames_are_numbered_as_the_family_does(tag: SimulatedTag) -> None:
    wanji, soulin = Pc(load("wanji")), Pc(load("soulin"))
    for pc in (wanji, soulin):
        pc.start()
        pc.read(tag)
        pc.buy(tag)
        pc.wait(0.2)
    assert [frame.sequence for _, frame in wanji.frames[:5]] == [1, 2, 3, 4, 5]
    sequences = {frame.data[0]: frame.sequence for _, frame in soulin.frames}
    assert sequences == {0xB0: 0x08, 0xB2: 0x18, 0xB3: 0x58, 0xB4: 0x38, 0xB5: 0x48}


# --- a trade -----------------------------------------------------------------------------------------------------


def test_a_trade_goes_frame_by_frame(pc: Pc, tag: SimulatedTag) -> None:
    sold: list[tuple[str, int]] = []
    pc.antenna._sold = lambda tag, bought: sold.append((tag.vehicle.plate, bought.fen))
    pc.antenna.enter(tag)
    pc.wait(0)
    assert pc.words() == [TagSeen(tag.tag)]
    vehicle, card = None, None
    for brings in pc.dialect.stages:
        pc.go_on(tag)
        (contents,) = pc.words()
        assert isinstance(contents, Contents)
        assert (contents.vehicle is not None, contents.card is not None) == ("vehicle" in brings, "card" in brings)
        vehicle, card = vehicle or contents.vehicle, card or contents.card
    assert (vehicle, card) == (tag.vehicle, tag.card)

    pc.buy(tag, 500)
    assert (tag.balance, tag.card_serial, sold) == (9_500, 1, [(PLATE, 500)])
    pc.wait(0.149)
    assert pc.words() == []
    pc.wait(0.002)
    tac = stand_in_tac(tag.card.number, 1, 500, "20260301083005", pc.antenna.terminal, 1)
    algorithm = None if pc.dialect.name == "soulin" else 0  # soulin's B5 does not tell
    assert pc.words() == [Result(tag.tag.obu_id, pc.antenna.terminal, 1, 1, tac, 9, algorithm, NOW, 9_500)]
    pc.go_on(tag)
    pc.wait(60)
    assert TagSeen not in kinds(pc.words())
    pc.antenna.leave(tag)
    pc.antenna.enter(tag)
    pc.wait(0)
    assert kinds(pc.words()) == [TagSeen]


def test_terminal_serials_have_no_gap_and_cards_remember(pc: Pc, tag: SimulatedTag) -> None:
    other = make_tag(2, "测A00002", 11, 700)
    for buyer, fen in ((tag, 100), (other, 800), (other, 200), (tag, 0)):
        pc.read(buyer)
        pc.buy(buyer, fen)
        pc.wait(0.2)
        pc.go_on(buyer)
        pc.antenna.leave(buyer)
    results = [word for word in pc.words() if isinstance(word, Result)]
    assert [result.terminal_serial for result in results] == [1, 2, 3]
    assert [(bought.fen, bought.card_serial, bought.balance) for bought in tag.purchases] == [
        (100, 1, 9_900),
        (0, 2, 9_900),
    ]
    assert other.balance == 500


def test_a_card_without_the_money_refuses(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.words()
    pc.buy(tag, 10_001)
    pc.wait(0.2)
    assert pc.words() == [Failed(tag.tag.obu_id, 0xB5, 0x11)]
    assert (tag.balance, tag.purchases) == (10_000, [])
    pc.go_on(tag)
    pc.wait(0.6)
    assert TagSeen in kinds(pc.words())


def test_a_credit_card_counts_down_past_zero() -> None:
    tag = make_tag(3, PLATE, 1, 100, CREDIT)
    tag.purchase(300, NOW, "990100000001", 1)
    assert tag.balance == 2**32 - 200
    with pytest.raises(CardRefused, match="300 fen asked of 100"):
        make_tag(3, PLATE, 1, 100).purchase(300, NOW, "990100000001", 1)


@pytest.mark.parametrize("stages", [0, 9])
def test_stop_leaves_the_tag_for_half_a_second(pc: Pc, tag: SimulatedTag, stages: int) -> None:
    pc.antenna.enter(tag)
    pc.wait(0)
    for _ in pc.dialect.stages[:stages]:
        pc.go_on(tag)
    pc.words()
    pc.stop(tag)
    stopped = pc.now
    pc.wait(0.7)
    assert kinds(pc.words())[0] is TagSeen
    seen = next(time for time, _ in pc.frames if time > stopped)
    assert seen == pytest.approx(stopped + 0.5)


def test_stop_after_the_result_searches_again_too(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.buy(tag)
    pc.wait(0.2)
    pc.stop(tag)
    pc.words()
    pc.wait(0.6)
    assert kinds(pc.words())[0] is TagSeen


def test_stop_counts_whatever_its_obuid(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.say(Stop(NO_OBU, NOW))
    pc.buy(tag)
    assert (pc.antenna.ignored_purchases, tag.balance) == (1, 10_000)


def test_resend_says_the_current_frame_again(pc: Pc, tag: SimulatedTag) -> None:
    pc.antenna.enter(tag)
    pc.wait(0)
    pc.resend(tag)
    assert pc.frames[-1][1].raw == pc.frames[-2][1].raw
    for _ in pc.dialect.stages:
        pc.go_on(tag)
    for _ in range(20):  # far beyond any patience
        pc.wait(0.1)
        pc.resend(tag)
        assert pc.frames[-1][1].raw == pc.frames[-2][1].raw
    pc.buy(tag)
    assert tag.balance == 9_500


def test_the_empty_answer_keeps_a_trade_open_in_f1(soulin: Pc, tag: SimulatedTag) -> None:
    soulin.read(tag)
    soulin.words()
    for _ in range(10):
        soulin.wait(1.0)
        soulin.send(b"")
    soulin.wait(1.0)
    assert soulin.words() == []
    assert soulin.antenna.answer_times == pytest.approx([0.0, 0.0, 1.0])  # the card's frame is answered once
    soulin.buy(tag)
    assert tag.balance == 9_500


def test_the_empty_answer_means_nothing_in_f2(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.read(tag)
    wanji.words()
    wanji.send(b"")
    wanji.wait(0.13)
    assert kinds(wanji.words()) == [Contents]


def test_unanswered_f2_frames_are_said_four_times(wanji: Pc, tag: SimulatedTag) -> None:
    began = wanji.now
    wanji.antenna.enter(tag)
    wanji.wait(1.0)
    said = [(time - began, frame) for time, frame in wanji.frames if frame.data[0] == 0xB2]
    assert [time for time, _ in said] == pytest.approx([0, 0.12, 0.24, 0.36, 0.98])
    assert len({frame.raw for _, frame in said[:4]}) == 1
    assert said[4][1].sequence != said[3][1].sequence
    assert wanji.antenna.wanted_answers == 2
    assert wanji.antenna.answer_times == []


def test_a_frame_said_again_on_demand_has_all_its_repeats(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.antenna.enter(tag)
    wanji.wait(0.25)
    assert len(wanji.words()) == 3
    wanji.resend(tag)
    wanji.wait(0.37)
    assert len(wanji.words()) == 4


def test_an_answer_to_a_repeat_is_one_answer_and_a_second_go_on_is_no_order(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.antenna.enter(tag)
    wanji.wait(0.13)
    wanji.go_on(tag)
    wanji.go_on(tag)
    assert kinds(wanji.words()) == [TagSeen, TagSeen, Contents]
    assert wanji.antenna.answer_times == pytest.approx([0.13])
    wanji.buy(tag)
    assert tag.balance == 9_500


@pytest.mark.parametrize("answers", [0, 1])
def test_f1_drops_a_tag_without_order(soulin: Pc, tag: SimulatedTag, answers: int) -> None:
    soulin.read(tag)
    soulin.words()
    began = soulin.now
    for _ in range(answers):
        soulin.send(b"")
    soulin.wait(2.0)
    again = [time - began for time, frame in soulin.frames if time > began and frame.data[0] == 0xB2]
    assert again == pytest.approx([1.6])
    soulin.buy(tag)
    assert (soulin.antenna.ignored_purchases, tag.balance) == (1, 10_000)


def test_purchases_out_of_turn_are_ignored(pc: Pc, tag: SimulatedTag) -> None:
    other = make_tag(2, "测A00002", 1, 10_000)
    pc.buy(tag)  # nobody is there
    pc.antenna.enter(tag)
    pc.wait(0)
    pc.buy(tag)  # not read yet
    for _ in pc.dialect.stages:
        pc.go_on(tag)
    pc.buy(other)  # not the one in trade
    pc.buy(tag)
    pc.buy(tag)  # twice
    pc.wait(0.2)
    pc.buy(tag)  # thrice
    assert pc.antenna.ignored_purchases == 5
    assert (tag.balance, other.balance) == (9_500, 10_000)
    assert kinds(pc.words()).count(Result) == 1


def test_orders_for_another_tag_are_not_ours(pc: Pc, tag: SimulatedTag) -> None:
    other = make_tag(2, "测A00002", 1, 10_000)
    pc.antenna.enter(tag)
    pc.wait(0)
    pc.go_on(other)
    pc.resend(other)
    assert kinds(pc.words()) == [TagSeen]
    assert pc.antenna.answer_times == []


def test_two_tags_are_served_one_after_the_other(pc: Pc, tag: SimulatedTag) -> None:
    other = make_tag(2, "测A00002", 1, 10_000)
    pc.antenna.enter(other)
    pc.read(tag)  # the other came first, and these orders are not for it
    assert pc.words() == [TagSeen(other.tag)]
    pc.stop(other)
    pc.wait(0)
    assert pc.words() == [TagSeen(tag.tag)]


def test_a_tag_without_card_can_not_be_read(pc: Pc) -> None:
    tag = make_tag(4, PLATE, 1, 10_000, has_card=False)
    pc.read(tag)
    seen, *_, failed = pc.words()
    assert isinstance(seen, TagSeen)
    assert not seen.tag.has_card
    assert failed == Failed(tag.tag.obu_id, 0xB4, 0x11)
    pc.buy(tag)
    assert pc.antenna.ignored_purchases == 1
    pc.stop(tag)
    pc.wait(0.6)
    assert kinds(pc.words())[0] is TagSeen


def test_a_tag_that_leaves_is_heard_of_no_more(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.words()
    pc.antenna.leave(tag)
    pc.buy(tag)
    pc.wait(1.0)
    assert (pc.words(), tag.balance, pc.antenna.ignored_purchases) == ([], 10_000, 1)


def test_a_purchase_under_way_is_reported_though_the_tag_has_left(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.buy(tag)
    pc.antenna.leave(tag)
    pc.words()
    pc.wait(0.2)
    pc.go_on(tag)
    pc.wait(2.0)
    assert kinds(pc.words()) == [Result]


def test_a_new_beginning_reads_even_a_tag_that_has_paid(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag)
    pc.buy(tag)
    pc.wait(0.2)
    pc.go_on(tag)
    pc.words()
    pc.start()
    pc.wait(0.1)
    assert pc.frames[-1][1].data[0] == 0xB2
    pc.read(tag)
    contents = [word for word in pc.words() if isinstance(word, Contents)]
    assert contents[-1].card is not None
    assert contents[-1].card.balance == 9_500


def test_answer_times_are_measured_from_each_frame(pc: Pc, tag: SimulatedTag) -> None:
    pc.antenna.enter(tag)
    pc.wait(0.02)
    for _ in pc.dialect.stages:
        pc.go_on(tag)
        pc.wait(0.03)
    pc.buy(tag)
    pc.wait(0.15 + 0.05)
    pc.go_on(tag)
    frames = 2 + len(pc.dialect.stages)
    assert pc.antenna.wanted_answers == frames
    assert pc.antenna.answer_times == pytest.approx([0.02, *[0.03] * (frames - 2), 0.05])


# --- faults ------------------------------------------------------------------------------------------------------


def test_a_lost_result_has_cost_the_money(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag, FAULTS["lose-result"])
    pc.buy(tag)
    assert tag.balance == 9_500
    pc.words()
    pc.wait(0.15 + 0.5)
    assert kinds(pc.words()) == [TagSeen]
    for _ in pc.dialect.stages:
        pc.go_on(tag)
    read_again = pc.words()[-1]
    assert isinstance(read_again, Contents)
    assert read_again.card == tag.card
    pc.buy(tag, 0)  # only the first result is lost
    pc.wait(0.2)
    assert kinds(pc.words()) == [Result]


def test_a_late_result_comes_late(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag, Faults(late_result=2.0))
    pc.buy(tag)
    pc.words()
    pc.wait(2.1)
    assert pc.words() == []
    pc.stop(tag)  # is not heard while the antenna works
    pc.wait(0.06)
    assert kinds(pc.words()) == [Result]


@pytest.mark.parametrize(("outlives", "said"), [(True, [Status, Result]), (False, [Status])])
def test_a_result_may_outlive_a_restart_of_the_pc(
    pc: Pc,
    tag: SimulatedTag,
    outlives: bool,  # noqa: FBT001  a parameter of the table
    said: list[type],
) -> None:
    pc.read(tag, Faults(late_result=2.0, outlives_c0=outlives))
    pc.buy(tag)
    pc.words()
    pc.wait(1)
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    pc.wait(1.2)
    words = pc.words()
    assert kinds(words) == said
    assert all(word.tac == tag.purchases[0].tac for word in words if isinstance(word, Result))
    for word in pc.dialect.starting:
        pc.say(word)
    pc.go_on(tag)
    pc.wait(1.2)
    assert (TagSeen in kinds(pc.words())) is not outlives  # it has its answer and leaves the tag in peace


@pytest.mark.parametrize(
    ("fault", "code", "paid"), [("result-error", 0x11, 0), ("result-error-but-paid", 0x01, 500)]
)
def test_a_result_with_an_error_tells_nothing_of_the_money(
    pc: Pc, tag: SimulatedTag, fault: str, code: int, paid: int
) -> None:
    pc.read(tag, FAULTS[fault])
    pc.words()
    pc.buy(tag)
    pc.wait(0.16)
    assert pc.words() == [Failed(tag.tag.obu_id, 0xB5, code)]
    assert (tag.balance, pc.antenna.terminal_serial) == (10_000 - paid, int(paid > 0))
    pc.stop(tag)
    pc.wait(0.5)
    for _ in pc.dialect.stages:
        pc.go_on(tag)
    pc.buy(tag, 0)  # only the first goes wrong
    pc.wait(0.16)
    assert kinds(pc.words())[-1] is Result


@pytest.mark.parametrize("name", ["wanji", "gantry-v3", "lane-v2"])
def test_c8_brings_the_tac_that_b5_had_not(name: str, tag: SimulatedTag) -> None:
    pc = Pc(load(name))
    pc.start()
    pc.read(tag, FAULTS["no-tac"])
    pc.words()
    pc.buy(tag)
    pc.wait(0.16)
    (result,) = pc.words()
    assert isinstance(result, Result)
    assert (result.tac, result.card_serial) == (NO_TAC, 1)
    (bought,) = tag.purchases
    assert pc.fetch(tag, 1) == [TacFetched(tag.tag.obu_id, bought.tac, 9_500)]
    pc.go_on(tag)
    pc.wait(30)
    assert TagSeen not in kinds(pc.words())


def test_c8_without_b8_is_answered_with_b5(tag: SimulatedTag) -> None:
    pc = Pc(load("bcc2019"))
    pc.start()
    pc.read(tag, FAULTS["tac-failed"])
    pc.words()
    pc.buy(tag)
    pc.wait(0.16)
    (failed,) = pc.words()
    assert isinstance(failed, Failed)
    assert failed.rest
    (fetched,) = pc.fetch(tag, 0)
    assert fetched == replace(failed.rest, tac=tag.purchases[0].tac)


def test_an_error_of_the_tac_alone_tells_the_serial(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.read(tag, FAULTS["tac-failed"])
    wanji.words()
    wanji.buy(tag)
    wanji.wait(0.16)
    rest = Result(tag.tag.obu_id, wanji.antenna.terminal, 1, 1, NO_TAC, 9, 0, NOW, 9_500)
    assert wanji.words() == [Failed(tag.tag.obu_id, 0xB5, 0x08, rest)]
    assert wanji.fetch(tag, 1) == [TacFetched(tag.tag.obu_id, tag.purchases[0].tac, 9_500)]


def test_c8_about_no_purchase_or_no_tag_brings_an_error(wanji: Pc, tag: SimulatedTag) -> None:
    nothing = [Failed(tag.tag.obu_id, 0xB8, 0x04)]
    wanji.read(tag)
    assert wanji.fetch(tag, 1) == nothing  # it has bought nothing
    wanji.stop(tag)
    wanji.wait(0.5)
    wanji.read(tag)
    wanji.buy(tag)
    wanji.wait(0.16)
    assert wanji.fetch(tag, 2) == nothing
    wanji.stop(tag)
    wanji.wait(0.5)
    wanji.read(tag)
    wanji.buy(tag)
    wanji.wait(0.16)
    wanji.antenna.leave(tag)
    assert wanji.fetch(tag, 2) == nothing


def test_c8_out_of_turn_is_not_heard(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.say(FetchTac(tag.tag.obu_id, 1))
    wanji.antenna.enter(tag)
    wanji.wait(0)
    wanji.say(FetchTac(tag.tag.obu_id, 1))  # not read yet
    wanji.go_on(tag)
    wanji.say(FetchTac("5a000002", 1))  # another tag's
    wanji.buy(tag)
    assert tag.balance == 9_500
    wanji.wait(0.16)
    assert kinds(wanji.words()) == [TagSeen, Contents, Result]


def test_a_flood_comes_once(wanji: Pc, tag: SimulatedTag) -> None:
    wanji.antenna.enter(tag, Faults(flood=20))
    wanji.wait(0)
    assert wanji.words() == [TagSeen(tag.tag)] * 21
    wanji.stop(tag)
    wanji.wait(0.5)
    assert wanji.words() == [TagSeen(tag.tag)]


def test_a_tag_that_has_paid_can_be_found_again(pc: Pc, tag: SimulatedTag) -> None:
    pc.read(tag, FAULTS["again"])
    pc.buy(tag)
    pc.wait(0.16)
    pc.words()
    pc.go_on(tag)
    paid = pc.now
    pc.wait(1.1)
    assert TagSeen in kinds(pc.words())
    assert next(time for time, frame in pc.frames if time > paid and frame.data[0] == 0xB2) == pytest.approx(
        paid + 1.0
    )


def test_noise_and_tears_do_not_hide_the_frames(pc: Pc, tag: SimulatedTag) -> None:
    pc.chunks.clear()
    pc.read(tag, replace(FAULTS["noise"], torn=True))
    pc.buy(tag)
    pc.wait(0.2)
    assert kinds(pc.words()) == [TagSeen, *[Contents] * len(pc.dialect.stages), Result]
    assert pc.noise
    assert b"".join(pc.chunks).count(FAULTS["noise"].noise) == 2 + len(pc.dialect.stages)
    assert len(pc.chunks) == 2 * (2 + len(pc.dialect.stages))


def test_a_mute_antenna_is_deaf_and_dumb_once(pc: Pc, tag: SimulatedTag) -> None:
    pc.antenna.enter(tag, Faults(mute=30.0))
    pc.wait(0)
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    pc.wait(29.9)
    assert pc.words() == []
    pc.wait(0.2)
    assert TagSeen in kinds(pc.words())
    pc.stop(tag)
    pc.wait(0.6)
    assert TagSeen in kinds(pc.words())


def test_half_a_frame_does_not_hide_the_next(pc: Pc, tag: SimulatedTag) -> None:
    longer = Purchase(tag.tag.obu_id, tag.tag.issuer, 500, NOW, tag.card.station)
    whole = pc.dialect.framing.encode(0x10, pc.dialect.encode(longer))
    pc.take(pc.antenna.on_bytes(whole[:9], pc.now))
    pc.wait(0.2)
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    assert kinds(pc.words()) == [Status]


@pytest.mark.parametrize("name", ["wanji", "soulin"])
@given(noise=st.binary(max_size=200))
def test_no_bytes_upset_an_antenna(name: str, noise: bytes) -> None:
    pc = Pc(load(name))
    pc.start()
    pc.take(pc.antenna.on_bytes(noise, pc.now))
    pc.send(noise[:20])
    pc.wait(0.2)
    pc.words()
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    assert Status in kinds(pc.words())


def test_a_tag_that_no_frame_can_hold_is_refused_at_the_door(pc: Pc) -> None:
    with pytest.raises(MessageError):
        pc.antenna.enter(make_tag(5, "测A0000000001", 1, 0))


# --- its PSAM ----------------------------------------------------------------------------------------------------

MAC = "0123456789abcdef"


def test_an_antenna_may_be_authorised_from_the_start() -> None:
    pc = Pc(load("wanji"), authorised=True)
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    assert pc.words() == [Status(0, (pc.antenna.terminal,), authorised=True, maker=0, version="2001")]


@pytest.mark.parametrize("name", ["wanji", "gantry-v3"])
def test_the_right_mac_opens_the_psam(name: str, tag: SimulatedTag) -> None:
    pc = Pc(load(name), mac=MAC)
    pc.start()
    pc.say(PsamInit(1))
    (asks,) = pc.words()
    assert isinstance(asks, PsamAsks)
    assert (asks.fault, asks.slot, asks.terminal) == (0, 1, pc.antenna.terminal)
    assert [len(text) for text in (asks.number, asks.area, asks.random)] == [20, 16, 16]
    pc.say(PsamAuthorise(1, MAC))
    assert pc.words() == [PsamAnswered(0, "9000")]
    pc.say(Init(NOW, entry=True, tx_power=10, channel=1))
    assert pc.words() == [Status(0, (pc.antenna.terminal,), authorised=True, maker=0, version="2001")]
    pc.start()
    pc.read(tag)
    assert kinds(pc.words()) == [TagSeen, Contents]


def test_a_mac_is_tried_once_against_its_own_random() -> None:
    pc = Pc(load("wanji"), mac=lambda asks: asks.random[::-1])
    pc.start()
    randoms = []
    for _ in range(2):
        pc.say(PsamInit(1))
        (asks,) = pc.words()
        assert isinstance(asks, PsamAsks)
        randoms.append(asks.random)
    assert randoms[0] != randoms[1]
    refused = [PsamAnswered(1, WRONG_MAC)]
    for mac in (randoms[0][::-1], randoms[1][::-1]):  # the first spends the second
        pc.say(PsamAuthorise(1, mac))
        assert pc.words() == refused
    pc.say(PsamInit(2))
    (asks,) = pc.words()
    assert isinstance(asks, PsamAsks)
    assert asks.fault  # there is no such slot
    pc.say(PsamAuthorise(2, asks.random[::-1]))
    assert pc.words() == refused
    assert not pc.antenna.authorised


def test_an_antenna_that_wants_no_mac_takes_none(wanji: Pc) -> None:
    wanji.say(PsamInit(1))
    wanji.say(PsamAuthorise(1, MAC))
    assert kinds(wanji.words()) == [PsamAsks, PsamAnswered]
    assert not wanji.antenna.authorised


def test_a_locked_psam_reads_no_tag(tag: SimulatedTag) -> None:
    wanji, genvict = Pc(load("wanji"), mac=MAC), Pc(load("genvict"), mac=MAC)
    for pc in (wanji, genvict):
        pc.start()
        pc.read(tag)
    assert wanji.words() == [TagSeen(tag.tag), Failed(tag.tag.obu_id, 0xB4, 0x05)]
    genvict.wait(15)
    assert genvict.words() == [Heartbeat(0)]
    genvict.say(PsamInit(1))
    genvict.say(PsamAuthorise(1, MAC))
    genvict.wait(0)
    assert kinds(genvict.words()) == [PsamAsks, PsamAnswered, Contents]


# --- a tag that comes in one frame -------------------------------------------------------------------------------


def test_the_first_frame_may_bring_all(genvict: Pc, tag: SimulatedTag) -> None:
    tag.card = replace(tag.card, listed=True)
    genvict.antenna.enter(tag)
    genvict.wait(0)
    assert genvict.words() == [Contents(tag.tag.obu_id, tag.vehicle, tag.card, tag.tag)]
    genvict.buy(tag)
    genvict.wait(0.16)
    assert genvict.words() == [
        Result(tag.tag.obu_id, genvict.antenna.terminal, 1, 1, tag.purchases[0].tac, 9, 0, NOW, 9_500)
    ]
    genvict.go_on(tag)
    genvict.wait(60)
    assert set(kinds(genvict.words())) == {Heartbeat}


def test_f3_sees_one_tag_at_most_every_20_s(genvict: Pc, tag: SimulatedTag) -> None:
    other = make_tag(2, "测A00002", 1, 10_000)
    genvict.antenna.enter(tag)
    genvict.wait(0)
    genvict.stop(tag)
    genvict.antenna.leave(tag)
    genvict.wait(5)
    genvict.antenna.enter(tag)  # even if it leaves and comes back
    genvict.antenna.enter(other)
    genvict.wait(14.9)
    seen = [word.obu_id for word in genvict.words() if isinstance(word, Contents)]
    assert seen == [tag.tag.obu_id, other.tag.obu_id]
    genvict.wait(0.2)
    seen = [word.obu_id for word in genvict.words() if isinstance(word, Contents)]
    assert seen == [tag.tag.obu_id]


def test_f3_drops_a_tag_without_order_and_repeats_nothing(genvict: Pc, tag: SimulatedTag) -> None:
    genvict.antenna.enter(tag)
    genvict.wait(1.2)
    assert kinds(genvict.words()) == [Contents]
    genvict.buy(tag)
    assert (genvict.antenna.ignored_purchases, tag.balance) == (1, 10_000)


@pytest.mark.parametrize("fault", ["result-error", "result-error-but-paid"])
def test_an_error_without_a_short_form_has_a_rest_that_says_nothing(
    genvict: Pc, tag: SimulatedTag, fault: str
) -> None:
    genvict.read(tag, FAULTS[fault])
    genvict.words()
    genvict.buy(tag)
    genvict.wait(0.16)
    assert genvict.words() == [Failed(tag.tag.obu_id, 0xB5, FAULTS[fault].result_code)]


def test_a_whole_tag_without_card_does_not_pay(genvict: Pc) -> None:
    tag = make_tag(4, PLATE, 1, 10_000, has_card=False)
    genvict.read(tag)
    (contents,) = genvict.words()
    assert isinstance(contents, Contents)
    assert contents.tag == tag.tag
    genvict.buy(tag)
    genvict.wait(0.16)
    assert kinds(genvict.words()) == [Failed]
    assert tag.purchases == []


# --- cards and shell ---------------------------------------------------------------------------------------------


def test_a_tag_seen_by_its_plate_is_the_same_everywhere() -> None:
    one, same = (make_tag(plate_number(PLATE), PLATE, 1, 1) for _ in range(2))
    assert one.tag == same.tag
    assert one.tag.obu_id != make_tag(plate_number("测A00002"), "测A00002", 1, 1).tag.obu_id
    assert one.card.station == bytes(43)


def test_the_truth_of_a_card_is_plain_json(tag: SimulatedTag) -> None:
    tac = tag.purchase(250, NOW + timedelta(days=1), "990100000001", 7)
    told = json.loads(json.dumps(truth(tag)))
    assert told["balance"] == 9_750
    assert told["purchases"] == [
        {
            "fen": 250,
            "tac": tac,
            "terminal": "990100000001",
            "terminal_serial": 7,
            "card_serial": 1,
            "at": "2026-03-02T08:30:05+08:00",
            "balance": 9_750,
        }
    ]


async def test_the_shell_obeys() -> None:
    served = await serve_tcp(Antenna(load("wanji")))
    shell = Shell(served)
    try:
        assert shell.obey(f"enter {PLATE} 11 777 removed") == f"{PLATE} is in the zone with 777 fen"
        assert shell.tags[PLATE].tag == DEFECTS["removed"](make_tag(plate_number(PLATE), PLATE, 11, 0).tag)
        assert json.loads(shell.obey("cards"))[0]["balance"] == 777
        assert shell.obey(f"leave {PLATE}") == f"{PLATE} has left"
        for gone in (PLATE, "测ZZ"):
            assert (
                shell.obey(f"leave {gone}") == f"{gone} 不在感应区，请先 enter / is not in the zone; enter it first"
            )
        assert shell.obey("enter 测A00002 lose-result") == "测A00002 is in the zone with 10000 fen"
        assert shell.obey("enter 测A00003 burnt").startswith("no fault burnt")
        assert shell.obey("enter 测A00003 300").startswith("no such tag can be")
        assert "测A00003" not in shell.tags
        assert shell.obey("\n") == ""
        assert shell.obey("sing") == HELP
    finally:
        await served.close()
        await asyncio.sleep(0)
