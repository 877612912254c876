"""The proof of a purchase asked for once more, and PSAMs that a platform authorises."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

import pytest

from drivers.link import Connected, Disconnected, Emit, Send, Tick
from drivers.ports import (
    AuthorisePsam,
    Debit,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitUnknown,
    DeviceEvent,
    Instant,
    PsamDone,
    PsamWanted,
    TagRead,
)
from drivers.reader.options import ReaderOptions
from drivers.reader.session import AUTHORISE_AGAIN, RESULT_WITHIN, ReaderInput, ReaderSession
from protocols.obu.values import CREDIT, Card, Tag, Vehicle
from protocols.rsu import messages
from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import (
    CHINA,
    Contents,
    Failed,
    FetchTac,
    GoOn,
    Heartbeat,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Report,
    Result,
    Status,
    Stop,
    TacFetched,
    TagSeen,
    Word,
)

AT = datetime(2026, 3, 1, 8, 30, 7, tzinfo=CHINA)
DAYS = date(2024, 1, 1), date(2049, 12, 31)
TAG = Tag("5a000001", "b2e2cad499010001", "9901000000000001", *DAYS)
CAR = Vehicle("测A00001", 0, 1)
CARD = Card("99010000000000000001", TAG.issuer, CREDIT, 0x40, *DAYS, CAR.plate, 10_000, bytes(43))
TERMINAL = "990100000001"
NONE = "0" * 8
TAC = "0a1b2c3d"
MADE = Result(TAG.obu_id, TERMINAL, 7, 0x3F, TAC, 9, 0, AT, 9_500)
MAC = "0123456789abcdef"


@dataclass
class Bench:
    """One session of a dialect; `hear` says a word in the antenna's bytes."""

    name: str
    security: str = "rsu"
    now: float = 100.0
    events: list[DeviceEvent] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dialect = load(self.name)
        options = {"name": "r", "dialect": self.name, "port": "tcp://127.0.0.1:1", "security": self.security}
        self.session = ReaderSession("r", self.dialect, ReaderOptions.model_validate(options), entry=False)
        self.take(Connected())

    def take(self, what: ReaderInput) -> None:
        for output in self.session.on(what, Instant(AT + timedelta(seconds=self.now - 100), self.now)):
            if isinstance(output, Send):
                self.frames.append(output.data)
            elif isinstance(output, Emit):
                self.events.append(output.event)

    def hear(self, *words: Report) -> None:
        for word in words:
            self.now += 0.01
            self.take(self.dialect.framing.encode(8, self.dialect.encode(word)))

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.session.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.take(Tick())
        self.now = end

    def words(self) -> list[Word]:
        """What the session has said since the last look."""
        said, self.frames = self.frames, []
        found = [item for data in said for item in self.dialect.framing.framer().feed(data)]
        return [
            word
            for frame in found
            if isinstance(frame, Frame) and frame.data
            for word in self.dialect.hear(self.dialect.decode(frame.data))
        ]

    def buy(self) -> None:
        """C6 has left for 500 fen."""
        self.hear(Status(0, (TERMINAL,), None, 0, "2001"))
        if self.dialect.stages:
            self.hear(TagSeen(TAG))
        for brings in self.dialect.stages:
            vehicle = CAR if "vehicle" in brings else None
            self.hear(Contents(TAG.obu_id, vehicle, CARD if "card" in brings else None))
        if not self.dialect.stages:
            self.hear(Contents(TAG.obu_id, CAR, CARD, TAG))
        read = next(event for event in self.events if isinstance(event, TagRead))
        self.take(Debit("r", read.trade, "i1", TAG.obu_id, 500, AT))
        self.words()

    def outcome(self) -> DebitDone | DebitUnknown:
        (event,) = [event for event in self.events if isinstance(event, DebitDone | DebitUnknown)]
        return event


def proof_of(bench: Bench) -> tuple[str, str, int, int, int | None]:
    done = bench.outcome()
    assert isinstance(done, DebitDone)
    proof = done.proof
    return proof.tac, proof.terminal, proof.terminal_serial, proof.card_serial, proof.balance


# --- C8 with the serial of the card, answered by B8: gantries and Wanji --------------------------------------


def test_an_error_with_the_cards_serial_is_followed_by_c8() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 8, replace(MADE, tac=NONE)))
    assert bench.words() == [FetchTac(TAG.obu_id, 0x3F)]
    bench.hear(TacFetched(TAG.obu_id, TAC, 9_500))
    assert [type(word) for word in bench.words()] == [GoOn]
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, 9_500)


@pytest.mark.parametrize("balance", [10_000, 9_000])
def test_a_tac_is_no_proof_if_the_balance_is_another(balance: int) -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 8, replace(MADE, tac=NONE)), TacFetched(TAG.obu_id, TAC, balance))
    assert bench.outcome() == DebitUnknown("r", "i1", f"C8 found a TAC, but the balance is {balance}")
    assert [type(word) for word in bench.words()] == [FetchTac, Stop]


@pytest.mark.parametrize(
    "failed",
    [
        Failed(TAG.obu_id, 0xB5, 1),
        Failed(TAG.obu_id, 0xB5, 1, replace(MADE, card_serial=0)),
        Failed(TAG.obu_id, 0xB5, 1, replace(MADE, at=AT - timedelta(seconds=1))),  # of a purchase before
    ],
)
def test_without_the_serial_of_this_purchase_there_is_nothing_to_ask_for(failed: Failed) -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(failed)
    assert isinstance(bench.outcome(), DebitUnknown)
    assert [type(word) for word in bench.words()] == [Stop]


def test_a_good_b5_after_one_with_an_error_needs_no_c8() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 1, MADE), MADE)
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, None)  # a balance behind C8 may be an old one
    assert [type(word) for word in bench.words()] == [FetchTac, GoOn]


def test_c8_without_an_answer_leaves_the_purchase_unknown() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 8, replace(MADE, tac=NONE)))
    bench.wait(RESULT_WITHIN)
    assert isinstance(bench.outcome(), DebitUnknown)


def test_a_b5_said_again_does_not_lose_the_proof() -> None:
    bench = Bench("wanji")
    bench.buy()
    failed = Failed(TAG.obu_id, 0xB5, 8, replace(MADE, tac=NONE))
    bench.hear(failed, failed)  # F2 repeats what it thinks unanswered, and gets the same answer
    assert bench.words() == [FetchTac(TAG.obu_id, 0x3F)] * 2
    bench.hear(TacFetched(TAG.obu_id, TAC, 9_500))
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, 9_500)


def test_a_good_result_without_tac_is_settled_with_the_one_that_c8_brings() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(replace(MADE, tac=NONE))
    assert bench.words() == [FetchTac(TAG.obu_id, 0x3F)]
    bench.hear(TacFetched(TAG.obu_id, TAC, 9_500))
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, 9_500)


@pytest.mark.parametrize("end", ["silence", "error", "link"])
def test_a_good_result_whose_tac_cannot_be_had_is_settled_all_the_same(end: str) -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(replace(MADE, tac=NONE))
    if end == "silence":
        bench.wait(RESULT_WITHIN)
    elif end == "error":
        bench.hear(Failed(TAG.obu_id, 0xB8, 3))
    else:
        bench.take(Disconnected("unplugged"))
    assert proof_of(bench) == (NONE, TERMINAL, 7, 0x3F, 9_500)


def test_a_good_b5_said_again_does_not_lose_the_proof() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(replace(MADE, tac=NONE), replace(MADE, tac=NONE), TacFetched(TAG.obu_id, TAC, 9_500))
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, 9_500)


def test_a_proof_that_comes_after_a_settlement_without_one_is_told() -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.hear(replace(MADE, tac=NONE), MADE, MADE)
    told = [event for event in bench.events if isinstance(event, DebitDone)]
    assert [event.proof.tac for event in told] == [NONE, TAC]


def test_a_b5_of_other_serials_is_not_taken_for_one_said_again() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(MADE, MADE, replace(MADE, terminal_serial=8, card_serial=0x40))
    assert len([event for event in bench.events if isinstance(event, DebitDone)]) == 1
    found = [event.proof for event in bench.events if isinstance(event, DebitFound)]
    assert [(proof.terminal_serial, proof.card_serial) for proof in found] == [(8, 0x40)]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (MADE, replace(MADE, tac="99999999")),  # which one is right, the lane's record must leave open
        (replace(MADE, tac=NONE), replace(MADE, terminal_serial=8, card_serial=0x40)),
    ],
)
def test_only_the_tac_that_a_result_had_not_is_added_to_it(first: Result, other: Result) -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.hear(first, other, other)
    told = [event for event in bench.events if isinstance(event, DebitDone | DebitFound)]
    assert [(type(event), event.proof.tac) for event in told] == [(DebitDone, first.tac), (DebitFound, other.tac)]


def test_no_second_purchase_of_a_tag_leaves_in_the_same_second() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(TagSeen(TAG), Contents(TAG.obu_id, CAR, CARD))
    read = [event for event in bench.events if isinstance(event, TagRead)][-1]
    bench.words()
    bench.take(Debit("r", read.trade, "i2", TAG.obu_id, 500, AT))
    assert bench.words() == []
    assert [event.intent for event in bench.events if isinstance(event, DebitNotSent)] == ["i2"]
    bench.take(Debit("r", read.trade, "i3", TAG.obu_id, 500, AT + timedelta(seconds=1)))
    assert [type(word) for word in bench.words()] == [Purchase]


def test_a_tac_that_nobody_asked_for_is_let_be() -> None:
    bench = Bench("wanji")
    bench.buy()
    bench.hear(TacFetched(TAG.obu_id, TAC, 9_500))
    assert [type(word) for word in bench.words()] == [GoOn]
    assert not [event for event in bench.events if isinstance(event, DebitDone | DebitUnknown)]


# --- C8 without a serial, answered by a B5: bcc2019 ----------------------------------------------------------


LOST = Failed(TAG.obu_id, 0xB5, 0x16, replace(MADE, tac=NONE, balance=0))


def test_the_answer_to_c8_in_a_b5_has_no_balance_to_trust() -> None:
    bench = Bench("bcc2019")
    bench.buy()
    bench.hear(LOST)
    assert bench.words() == [FetchTac(TAG.obu_id, 0)]  # its C8 names no serial
    bench.hear(replace(MADE, balance=0))
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, None)
    assert [type(word) for word in bench.words()] == [GoOn]


def test_a_second_error_ends_it() -> None:
    bench = Bench("bcc2019")
    bench.buy()
    bench.hear(LOST, Failed(TAG.obu_id, 0xB5, 0x36))
    assert isinstance(bench.outcome(), DebitUnknown)
    assert [type(word) for word in bench.words()] == [FetchTac, Stop]


@pytest.mark.parametrize("other", [{"card_serial": 0x3E}, {"terminal_serial": 6}, {"tac": NONE}])
def test_the_tac_of_another_purchase_is_no_proof(other: dict[str, object]) -> None:
    bench = Bench("bcc2019")
    bench.buy()
    answer = replace(MADE, **other)  # type: ignore[arg-type]
    bench.hear(LOST, answer, answer)
    found = "no TAC" if "tac" in other else f"TAC {TAC}, which is none"
    assert bench.outcome() == DebitUnknown("r", "i1", f"C8 found {found} of this purchase")
    assert not [event for event in bench.events if isinstance(event, DebitFound)]


def test_the_tac_of_another_purchase_is_told_beside_a_result_that_had_none() -> None:
    bench = Bench("bcc2019")
    bench.buy()
    bench.hear(replace(MADE, tac=NONE), *[replace(MADE, card_serial=0x3E)] * 2)
    assert proof_of(bench) == (NONE, TERMINAL, 7, 0x3F, 9_500)
    (found,) = [event for event in bench.events if isinstance(event, DebitFound)]
    assert (found.proof.tac, found.proof.card_serial) == (TAC, 0x3E)


@pytest.mark.parametrize("code", [0x10, 0x11, 0x13, 0x17])
def test_an_error_before_the_card_was_told_to_pay_is_not_asked_about(code: int) -> None:
    bench = Bench("bcc2019")
    bench.buy()
    bench.hear(replace(LOST, code=code))
    assert isinstance(bench.outcome(), DebitUnknown)
    assert [type(word) for word in bench.words()] == [Stop]


def test_an_answer_about_another_second_is_no_proof() -> None:
    bench = Bench("bcc2019")
    bench.buy()
    bench.hear(LOST, replace(MADE, at=AT - timedelta(seconds=60)))
    bench.wait(RESULT_WITHIN)
    assert isinstance(bench.outcome(), DebitUnknown)


# --- a tag in one frame: Genvict -----------------------------------------------------------------------------


def test_the_same_frame_while_buying_is_no_new_reading() -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.hear(Contents(TAG.obu_id, CAR, CARD, TAG))
    assert len([event for event in bench.events if isinstance(event, TagRead)]) == 1
    assert bench.words() == []
    bench.hear(MADE)
    assert proof_of(bench) == (TAC, TERMINAL, 7, 0x3F, 9_500)


def test_a_tag_in_doubt_is_not_told_to_be_ignored_and_is_read_again_after_an_error() -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 1))
    assert isinstance(bench.outcome(), DebitUnknown)
    assert bench.words() == []
    bench.hear(Contents(TAG.obu_id, CAR, CARD, TAG))
    assert [event.trade for event in bench.events if isinstance(event, TagRead)] == [1, 2]


@pytest.mark.parametrize(("balance", "seconds", "readings"), [(10_000, 0, 1), (10_000, 20, 2), (9_500, 0, 2)])
def test_the_frame_that_was_bought_on_is_no_evidence_when_it_is_said_again(
    balance: int, seconds: float, readings: int
) -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.wait(RESULT_WITHIN)
    assert isinstance(bench.outcome(), DebitUnknown)
    bench.wait(seconds)  # this antenna reads a tag again after 20 s; what comes sooner, and alike, may be a repeat
    bench.hear(Contents(TAG.obu_id, CAR, replace(CARD, balance=balance), TAG))
    assert len([event for event in bench.events if isinstance(event, TagRead)]) == readings
    assert bench.words() == []


def test_a_good_result_after_an_error_is_told_late() -> None:
    bench = Bench("genvict")
    bench.buy()
    bench.hear(Failed(TAG.obu_id, 0xB5, 1), MADE)
    assert [type(event) for event in bench.events if isinstance(event, DebitDone | DebitUnknown)] == [
        DebitUnknown,
        DebitDone,
    ]


# --- PSAMs ---------------------------------------------------------------------------------------------------

ASKS = PsamAsks(0, 1, TERMINAL, "0" * 20, 1, 0, "0" * 16, "1122334455667788")
UNAUTHORISED = Status(0, (TERMINAL,), authorised=False, maker=0, version="2001", slots=(1,))
AUTHORISING = ["wanji", "gantry-v3", "bcc2019", "genvict"]


def asks(name: str) -> PsamAsks:
    """BD has an area code of 4 bytes, BA one of 8."""
    return replace(ASKS, area="0" * 8) if name == "bcc2019" else ASKS


def asking(name: str, security: str = "remote") -> Bench:
    bench = Bench(name, security)
    bench.words()
    bench.hear(UNAUTHORISED)
    return bench


@pytest.mark.parametrize("name", AUTHORISING)
def test_an_unauthorised_psam_is_authorised_before_the_search(name: str) -> None:
    bench = asking(name)
    assert bench.words() == [PsamInit(1)]
    bench.hear(asks(name))
    (wanted,) = [event for event in bench.events if isinstance(event, PsamWanted)]
    assert (wanted.terminal, wanted.random) == (TERMINAL, "1122334455667788")
    assert bench.words() == []
    bench.take(AuthorisePsam("r", wanted.random, MAC))
    assert bench.words() == [PsamAuthorise(1, MAC)]
    bench.hear(PsamAnswered(0, "9000"))
    assert [event for event in bench.events if isinstance(event, PsamDone)] == [
        PsamDone("r", good=True, detail="9000")
    ]
    assert bench.words() == list(bench.dialect.starting)


def test_old_orders_do_not_keep_it_from_being_asked_anew() -> None:
    bench = asking("wanji")
    bench.hear(ASKS)
    bench.words()
    began = bench.now
    while Init not in map(type, bench.words()):
        bench.hear(Heartbeat(0))
        bench.wait(20)
        bench.take(AuthorisePsam("r", "f" * 16, MAC))
    assert bench.now - began < AUTHORISE_AGAIN + 25


def test_what_is_said_again_is_not_asked_or_passed_on_again() -> None:
    bench = asking("wanji")
    bench.hear(ASKS, ASKS)
    assert len([event for event in bench.events if isinstance(event, PsamWanted)]) == 1
    bench.words()
    for _ in range(3):
        bench.take(AuthorisePsam("r", ASKS.random, MAC))
    assert bench.words() == [PsamAuthorise(1, MAC)]
    assert not [event for event in bench.events if isinstance(event, PsamDone)]


def test_one_psam_after_the_other_and_no_answer_for_another() -> None:
    bench = asking("wanji")
    bench.hear(replace(UNAUTHORISED, terminals=(TERMINAL, TERMINAL), slots=(1, 2)))
    bench.words()
    bench.hear(ASKS)
    bench.take(AuthorisePsam("r", ASKS.random, MAC))
    bench.hear(PsamAnswered(0, "9000"))
    assert [type(word) for word in bench.words()] == [PsamAuthorise, PsamInit]
    bench.hear(ASKS)  # of the first, said again
    assert len([event for event in bench.events if isinstance(event, PsamWanted)]) == 1
    bench.hear(replace(ASKS, slot=2, random="2" * 16))
    bench.take(AuthorisePsam("r", "2" * 16, MAC))
    bench.hear(PsamAnswered(0, "9000"))
    assert bench.words() == [PsamAuthorise(2, MAC), *bench.dialect.starting]


def test_an_antenna_that_does_not_say_what_it_needs_is_told_of() -> None:
    bench = asking("wanji")
    while Init not in map(type, bench.words()):
        bench.hear(Heartbeat(0))
        bench.wait(20)
    bench.hear(UNAUTHORISED)
    assert [event.good for event in bench.events if isinstance(event, PsamDone)] == [False]


def test_an_order_waits_for_the_end_of_a_trade() -> None:
    bench = asking("wanji")
    bench.hear(ASKS, TagSeen(TAG), Contents(TAG.obu_id, CAR, CARD))
    read = next(event for event in bench.events if isinstance(event, TagRead))
    bench.take(Debit("r", read.trade, "i1", TAG.obu_id, 500, AT))
    bench.words()
    bench.take(AuthorisePsam("r", ASKS.random, MAC))
    assert bench.words() == []
    bench.hear(MADE)
    assert [type(word) for word in bench.words()] == [GoOn, PsamAuthorise]


def test_a_platform_that_does_not_answer_is_asked_anew() -> None:
    bench = asking("wanji")
    bench.hear(ASKS)
    bench.words()
    began = bench.now
    while Init not in map(type, bench.words()):
        bench.hear(Heartbeat(0))
        bench.wait(1)
    assert AUTHORISE_AGAIN - 2 < bench.now - began < AUTHORISE_AGAIN + 2
    bench.hear(UNAUTHORISED, replace(ASKS, random="f" * 16))
    assert [event.random for event in bench.events if isinstance(event, PsamWanted)] == [ASKS.random, "f" * 16]
    bench.take(AuthorisePsam("r", ASKS.random, MAC))  # the answer to what was asked first
    assert [event.good for event in bench.events if isinstance(event, PsamDone)] == [False]


@pytest.mark.parametrize("name", AUTHORISING)
def test_a_refused_mac_starts_nothing(name: str) -> None:
    bench = asking(name)
    bench.hear(asks(name))
    bench.take(AuthorisePsam("r", ASKS.random, MAC))
    bench.words()
    bench.hear(PsamAnswered(1, "6982"))
    assert [event.good for event in bench.events if isinstance(event, PsamDone)] == [False]
    assert bench.words() == []


def test_a_mac_for_another_random_is_not_passed_on() -> None:
    bench = asking("wanji")
    bench.hear(ASKS)
    bench.words()
    bench.take(AuthorisePsam("r", "ffffffffffffffff", MAC))
    assert bench.words() == []
    assert [event.good for event in bench.events if isinstance(event, PsamDone)] == [False]


@pytest.mark.parametrize("name", AUTHORISING)
def test_left_to_the_antenna_it_is_shown_and_not_obeyed(name: str) -> None:
    bench = asking(name, "rsu")
    assert bench.words() == list(bench.dialect.starting)


def test_once_authorised_it_is_not_asked_for_again_on_this_line() -> None:
    bench = asking("wanji")
    bench.hear(ASKS)
    bench.take(AuthorisePsam("r", ASKS.random, MAC))
    bench.hear(PsamAnswered(0, "9000"))
    bench.words()
    while Init not in map(type, bench.words()):  # C0 with the time, once an hour
        bench.hear(Heartbeat(0))
        bench.wait(30)
    bench.hear(UNAUTHORISED)
    assert bench.words() == [messages.Antenna(on=True)]
