"""The reader's session against the simulated antenna in each F1 dialect, on one clock that only counts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest

from drivers.link import Connected, Drop, Emit, Send, Tick
from drivers.ports import (
    AuthorisePsam,
    Debit,
    DebitDone,
    DebitProof,
    DebitUnknown,
    DeviceEvent,
    Instant,
    PsamDone,
    PsamWanted,
    ReaderUp,
    Release,
    TagRead,
    TagUnreadable,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import START_AGAIN, ReaderInput, ReaderSession
from protocols.rsu.dialect import Dialect, load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import CHINA
from tools.cards import DEFECTS, SimulatedTag, make_tag
from tools.rsu import FAULTS, SOUND, TERMINAL, Antenna, Faults

BEGAN = 1000.0
WALL = datetime(2026, 3, 1, 8, 30, 5, tzinfo=CHINA)
WHOLE_0019 = bytes.fromhex("aa2900") + bytes(range(3, 43))
EVERY_DIALECT = pytest.mark.parametrize("name", ["soulin", "beijing", "bcc2019", "yunnan", "jiangsu"])
DEBIT_FEN = 400


def instant(now: float) -> Instant:
    return Instant(WALL + timedelta(seconds=now - BEGAN), now)


@dataclass(slots=True)
class Lane:
    """Session and antenna on a line that loses nothing; `decide` gives an order for a tag that was read."""

    dialect: Dialect
    decide: Callable[[TagRead], Debit | Release]
    entry: bool = False
    now: float = BEGAN
    told: list[DeviceEvent] = field(default_factory=list)
    wires: list[tuple[str, bytes]] = field(default_factory=list)
    session: ReaderSession = field(init=False)
    antenna: Antenna = field(init=False)

    def __post_init__(self) -> None:
        options = ReaderOptions(name="east", dialect=self.dialect.name, port="serial:///dev/ttyS0")
        self.session = ReaderSession("east", self.dialect, options, entry=self.entry)
        self.antenna = Antenna(self.dialect)
        self.take(Connected())

    def take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, instant(self.now)):
            match output:
                case Send(data):
                    self.wires.append((">", data))
                    self.said(self.antenna.on_bytes(data, self.now))
                case Emit(event):
                    self.told.append(event)
                    if isinstance(event, TagRead):
                        self.take(self.decide(event))
                case Drop():
                    raise AssertionError(output)

    def said(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            self.wires.append(("<", chunk))
            self.take(chunk)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            times = [time for time in (self.session.deadline, self.antenna.deadline) if time is not None]
            if min(times) >= end:
                break
            self.now = max(self.now, min(times))
            self.said(self.antenna.tick(self.now))
            self.take(Tick())
        self.now = end

    def drive_in(self, tag: SimulatedTag, faults: Faults = SOUND) -> None:
        self.antenna.enter(tag, faults)
        self.run(3)

    def commands(self) -> list[str]:
        """The command bytes in the order of the line, from the first B2 of a tag on."""
        found = []
        for direction, raw in self.wires:
            (frame,) = self.dialect.framing.framer().feed(raw)
            assert isinstance(frame, Frame)
            found.append(direction + frame.data[:1].hex())
        return found[found.index("<b2") :]

    def of(self, kind: type[DeviceEvent]) -> list[DeviceEvent]:
        return [event for event in self.told if isinstance(event, kind)]


def let_go(read: TagRead) -> Release:
    return Release("east", read.tag.obu_id, 10.0)


def charge(read: TagRead) -> Debit | Release:
    if read.card is None:
        return let_go(read)
    return Debit("east", read.trade, "i-1", read.tag.obu_id, DEBIT_FEN, WALL)


def car(balance: int = 10_000) -> SimulatedTag:
    tag = make_tag(1, "测A00001", 1, balance)
    tag.card = replace(tag.card, station=WHOLE_0019)
    return tag


@EVERY_DIALECT
def test_an_entry_reads_tag_vehicle_and_card_and_writes_nothing(name: str) -> None:
    lane, tag = Lane(load(name), let_go, entry=True), car()
    lane.drive_in(tag)
    (read,) = lane.of(TagRead)
    assert isinstance(read, TagRead)
    assert read.tag == tag.tag
    assert read.vehicle == tag.vehicle
    assert read.card
    kept = 39 if name == "beijing" else 43
    assert read.card == replace(tag.card, station=WHOLE_0019[:kept])
    stages = ["<b2", ">c1", "<b3", ">c1", "<b4", ">c2"]
    assert lane.commands()[: len(stages)] == stages
    assert tag.purchases == []
    assert lane.of(TagUnreadable) == []


@EVERY_DIALECT
def test_an_exit_debits_once_and_proves_it(name: str) -> None:
    lane, tag = Lane(load(name), charge), car()
    lane.drive_in(tag)
    (done,) = lane.of(DebitDone)
    (bought,) = tag.purchases
    algorithm = 0 if name == "bcc2019" else None  # the other B5s do not tell
    proof = DebitProof(TERMINAL, bought.terminal_serial, 1, bought.tac, 9, algorithm, WALL, 10_000 - DEBIT_FEN)
    assert done == DebitDone("east", "i-1", proof)
    assert (bought.fen, bought.at) == (DEBIT_FEN, WALL)
    stages = ["<b2", ">c1", "<b3", ">c1", "<b4", ">c6", "<b5", ">c1"]
    assert lane.commands() == stages
    assert lane.antenna.ignored_purchases == 0


@EVERY_DIALECT
def test_the_antenna_comes_up_with_its_terminal_and_radiates(name: str) -> None:
    lane = Lane(load(name), let_go)
    (up,) = lane.of(ReaderUp)
    assert isinstance(up, ReaderUp)
    assert up.terminals == (TERMINAL,)
    assert up.fault == 0
    assert lane.antenna.radiating


@EVERY_DIALECT
def test_heartbeats_keep_the_line_and_are_answered_in_yunnan_only(name: str) -> None:
    lane = Lane(load(name), let_go)
    lane.run(START_AGAIN + 5)
    lane.wires.clear()
    lane.run(120)
    beats = [raw for direction, raw in lane.wires if direction == "<"]
    answers = [raw for direction, raw in lane.wires if direction == ">"]
    assert len(beats) > 20
    assert len(answers) == (len(beats) if name == "yunnan" else 0)


@EVERY_DIALECT
def test_answers_carry_the_rsctl_of_what_they_answer_with_its_nibbles_swapped(name: str) -> None:
    lane = Lane(load(name), charge)
    lane.drive_in(car())
    heard = 0
    for direction, raw in lane.wires:
        rsctl = raw.lstrip(b"\xff")[0]
        if direction == "<":
            heard = rsctl
        elif heard:
            assert rsctl == heard >> 4 | (heard & 0x0F) << 4


@EVERY_DIALECT
def test_a_tag_without_a_card_is_read_as_far_as_it_goes(name: str) -> None:
    lane, tag = Lane(load(name), charge), car()
    tag.tag = DEFECTS["nocard"](tag.tag)
    lane.drive_in(tag)
    (read, *_) = lane.of(TagRead)
    assert isinstance(read, TagRead)
    assert (read.tag, read.card) == (tag.tag, None)
    assert tag.purchases == []


@EVERY_DIALECT
def test_a_card_without_the_money_pays_nothing_and_is_doubted(name: str) -> None:
    lane, tag = Lane(load(name), charge), car(DEBIT_FEN - 1)
    lane.antenna.enter(tag)
    while not lane.of(DebitUnknown):
        lane.run(0.5)
        assert lane.now < BEGAN + 10
    assert lane.of(DebitDone) == []
    assert tag.purchases == []


@EVERY_DIALECT
@pytest.mark.parametrize("fault", ["torn", "noise"])
def test_a_torn_or_noisy_line_changes_nothing(name: str, fault: str) -> None:
    lane, tag = Lane(load(name), charge), car()
    lane.drive_in(tag, FAULTS[fault])
    assert len(lane.of(DebitDone)) == len(tag.purchases) == 1


@pytest.mark.parametrize(
    ("name", "tail"),
    [("soulin", WHOLE_0019[3:]), ("beijing", WHOLE_0019[3:39])],
)
def test_c6_ends_with_what_it_carries_of_the_station(name: str, tail: bytes) -> None:
    lane = Lane(load(name), charge)
    lane.drive_in(car())
    (c6,) = [raw for direction, raw in lane.wires if direction == ">" and raw[3] == 0xC6]
    assert c6[:-2].endswith(tail)


@pytest.mark.parametrize("name", ["bcc2019", "yunnan", "jiangsu"])
def test_c6_carries_40_bytes_of_the_station_before_the_time(name: str) -> None:
    lane = Lane(load(name), charge)
    lane.drive_in(car())
    station = WHOLE_0019[3:] + bytes.fromhex("20260301083005")
    assert [raw for direction, raw in lane.wires if direction == ">" and station in raw]


def test_bcc2019_has_its_psam_authorised_by_cd_and_cf_before_it_searches() -> None:
    dialect = load("bcc2019")
    options = ReaderOptions(name="east", dialect="bcc2019", port="serial:///dev/ttyS0", security="remote")
    session = ReaderSession("east", dialect, options, entry=False)

    def take(what: ReaderInput) -> tuple[list[str], list[DeviceEvent]]:
        out = session.on(what, instant(BEGAN))
        frames = [dialect.framing.framer().feed(sent.data) for sent in out if isinstance(sent, Send)]
        data = [frame.data.hex() for (frame,) in frames if isinstance(frame, Frame)]
        return data, [emit.event for emit in out if isinstance(emit, Emit)]

    def hear(data: str) -> tuple[list[str], list[DeviceEvent]]:
        raw = bytes.fromhex(data)
        return take(dialect.framing.encode(dialect.sequences[raw[0]], raw))

    take(Connected())
    said, _ = hear("b0 00 01 05 01 990100000001 00 46 012001 2001 0000000000")
    assert said == ["cd01"]
    said, told = hear("bd 00 99010000000000000042 05 99010001 8877665544332211")
    wanted = PsamWanted("east", "990100000001", "99010000000000000042", 5, None, "99010001", "8877665544332211")
    assert (said, told) == ([], [wanted])
    said, _ = take(AuthorisePsam("east", "8877665544332211", "1122334455667788"))
    assert said == ["cf01" + "1122334455667788"]
    said, told = hear("bf 00 9000")
    assert said == ["c100000000"]
    assert told == [PsamDone("east", good=True, detail="9000")]
