"""Whole trades of a real antenna firmware, its side fed to reader session and lane: we answer as recorded.

Source: github leizi163163/test, firmware run on a host against a simulated tag, card and PSAM; the PC's side was
played by hand after the rules of rsu-protocol 2 and 3. All values are made up.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drivers.link import Connected, Emit, Send
from drivers.ports import Debit, DebitDone, DeviceEvent, DeviceOrder, Instant, OpenBarrier, Release, Show, TagRead
from drivers.reader.options import ReaderOptions
from drivers.reader.session import ReaderInput, ReaderSession
from gateway.lane.state import LaneRules
from gateway.ledger.entries import (
    Body,
    Booted,
    DebitIntended,
    DebitSettled,
    Draft,
    Entry,
    Moment,
    Refused,
    StayClosed,
    StayImported,
)
from gateway.ledger.stays import Stays
from gateway.runner import Runner
from gateway.site import SiteRules
from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import CHINA, Purchase
from tools.world import TARIFF

DIALECT = load("bcc2019")
AT = datetime(2024, 11, 26, 20, 30, 5, tzinfo=CHINA)
"""The second that the recorded C6 carry."""
OURS = {0xC1, 0xC2, 0xC6, 0xC8}
RULES = SiteRules({"out": LaneRules("out", "exit", "rsu", "gate")}, TARIFF)
PLATE, BLUE = "苏B12345", 0


def transcripts() -> dict[str, list[tuple[str, bytes]]]:
    """The PC link of each scenario: who spoke, and the frame."""
    with Path(__file__).with_name("antenna-transcripts.tsv").open(encoding="utf-8") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["link"] == "rsu-pc"]
    found: dict[str, list[tuple[str, bytes]]] = {}
    for row in rows:
        found.setdefault(row["scenario"], []).append((row["direction"], bytes.fromhex(row["hex"])))
    return found


TRANSCRIPTS = transcripts()
Orders = Callable[[TagRead], Sequence[DeviceOrder]]


def recorded(scenario: str) -> list[bytes]:
    """What the PC said, but for C0: that carries an arbitrary clock and the radio's own values."""
    return [frame for who, frame in TRANSCRIPTS[scenario] if who == "PC->RSU" and frame[3] in OURS]


@dataclass
class Lane:
    """A session and a lane that hear one side of a transcript; `inside` minutes is how long the car has been in.

    With `orders` those are given instead of the lane's own.
    """

    inside: int = 0
    orders: Orders | None = None
    said: list[bytes] = field(default_factory=list)
    events: list[DeviceEvent] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)
    ordered: list[DeviceOrder | Show] = field(default_factory=list)
    now: float = 0.0

    def __post_init__(self) -> None:
        options = ReaderOptions(name="rsu", dialect=DIALECT.name, port="serial:///dev/ttyS0")
        self.session = ReaderSession("rsu", DIALECT, options, entry=False)
        stays = Stays()
        if self.inside:
            entered = AT - timedelta(minutes=self.inside)
            stay = StayImported("s1", PLATE, BLUE, 1, entered.isoformat())
            stays.apply(Draft(Moment(entered, 0.0, "", trusted=True), "", stay))
        self.runner = Runner(RULES, stays, "b", self._submit, self._order, AT - timedelta(days=1))
        self.runner.start(Booted("0", "", ""), self._instant())

    def _instant(self) -> Instant:
        return Instant(AT + timedelta(seconds=self.now), self.now)

    def _submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        self.bodies += [draft.body for draft in drafts]
        done([])

    def _order(self, order: DeviceOrder | Show) -> None:
        self.ordered.append(order)
        if isinstance(order, Debit | Release):
            self._take(order)

    def _take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, self._instant()):
            match output:
                case Send(data):
                    self.said.append(data)
                case Emit(TagRead() as read) if self.orders:
                    for order in self.orders(read):
                        self._order(order)
                case Emit(event):
                    self.events.append(event)
                    self.runner.on(event, self._instant())

    def play(self, scenario: str) -> "Lane":
        self._take(Connected())
        for who, frame in TRANSCRIPTS[scenario]:
            if who == "RSU->PC":
                self.now += 0.01
                self._take(frame)
        return self

    def spoke(self) -> list[bytes]:
        return [frame for frame in self.said if frame[3] in OURS]

    def of(self, kind: type) -> list[Body]:
        return [body for body in self.bodies if isinstance(body, kind)]


def scripted(scenario: str) -> Orders:
    """The purchase that the recorded PC made, for the tag that is read."""
    c6 = next(frame for frame in recorded(scenario) if frame[3] == 0xC6)
    (frame,) = DIALECT.framing.framer().feed(c6)
    assert isinstance(frame, Frame)
    (word,) = DIALECT.hear(DIALECT.decode(frame.data))
    assert isinstance(word, Purchase)

    def orders(read: TagRead) -> Sequence[DeviceOrder]:
        return [Debit("rsu", read.trade, "i1", read.tag.obu_id, word.fen, word.at, station=word.station)]

    return orders


def test_every_scenario_has_its_test() -> None:
    refused, bought = {"no-card", "tag-removed", "vehicle-read-no-answer", "psam-not-authorised"}, set(BOUGHT)
    assert set(TRANSCRIPTS) == refused | bought | {"exit-zero-fee", "entry-write-0019"}


BOUGHT = {
    "exit-normal": (30, 500, "72181894", 0x101, 0x6F, 0xD8D9A),
    "low-battery": (110, 1500, "e5c16df6", 0x105, 0x6F, 0xD89B2),
    "debit-answer-lost-then-C8": (30, 500, "3bb17ba3", 0x106, 0x6F, None),
}


@pytest.mark.parametrize("scenario", BOUGHT)
def test_the_lane_debits_as_recorded(scenario: str) -> None:
    minutes, fen, tac, terminal_serial, card_serial, balance = BOUGHT[scenario]
    lane = Lane(inside=minutes).play(scenario)
    assert lane.spoke() == recorded(scenario)
    assert [body.fen for body in lane.of(DebitIntended) if isinstance(body, DebitIntended)] == [fen]
    (settled,) = lane.of(DebitSettled)
    assert isinstance(settled, DebitSettled)
    assert (settled.evidence, settled.balance_after) == ("result", balance)
    assert isinstance(settled.proof, dict)
    assert settled.proof == {
        "terminal": "013200000042",
        "terminal_serial": terminal_serial,
        "card_serial": card_serial,
        "tac": tac,
        "trade_type": 9,
        "algorithm": 0,
        "at": AT.isoformat(),
        "balance": balance,
    }
    assert [body.reason for body in lane.of(StayClosed) if isinstance(body, StayClosed)] == ["paid"]
    assert any(isinstance(order, OpenBarrier) for order in lane.ordered)


@pytest.mark.parametrize(("scenario", "tac"), [("exit-zero-fee", "82990ded"), ("entry-write-0019", "9489b518")])
def test_a_purchase_of_nothing_as_recorded(scenario: str, tac: str) -> None:
    """The lane itself would not ask for nothing, and writes no 0019 of its own: orders as recorded."""
    lane = Lane(orders=scripted(scenario)).play(scenario)
    assert lane.spoke() == recorded(scenario)
    (done,) = [event for event in lane.events if isinstance(event, DebitDone)]
    assert (done.proof.tac, done.proof.balance) == (tac, 0xD8F8E)


@pytest.mark.parametrize(
    ("scenario", "why", "detail"),
    [
        ("no-card", "no card", ""),
        ("tag-removed", "tag removed", ""),
        ("vehicle-read-no-answer", "unreadable", "B3 04"),
        ("psam-not-authorised", "unreadable", "B3 2E"),
    ],
)
def test_the_lane_refuses_as_recorded(scenario: str, why: str, detail: str) -> None:
    lane = Lane(inside=30).play(scenario)
    # The antenna finds a refused tag anew in no-card and tag-removed; the recording ends before the PC's answer.
    assert lane.spoke()[: len(recorded(scenario))] == recorded(scenario)
    refusals = [(body.why, body.detail) for body in lane.of(Refused) if isinstance(body, Refused)]
    assert refusals == [(why, detail)]
    assert not lane.of(DebitIntended)
    assert not any(isinstance(order, OpenBarrier) for order in lane.ordered)
