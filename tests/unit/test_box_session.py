"""A Genvict box and the keys: what it asks, what it gets, and what must be on disk before."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

import pytest

from drivers.link import Connected, Disconnected, Send, Tick
from drivers.ports import AuthorisePsam, Instant, PsamDone, PsamWanted
from drivers.security.box import (
    AUTHORISE_WITHIN,
    RECORD_WITHIN,
    TRADE_WITHIN,
    BoxDebitEnded,
    BoxDebitWanted,
    BoxDown,
    BoxInput,
    BoxRefused,
    BoxSession,
    BoxTraded,
    BoxTradeDoubted,
    BoxUp,
    Past,
    Recorded,
    Tell,
    Terms,
    TradeKey,
)
from drivers.security.module import DecryptAsked, Decrypted, Question, Remote, SecurityModule, Software
from protocols.obu.files import File0015, SystemInfo26, VehicleFile, vehicle_file
from protocols.obu.keys import TDES, SecureFile, Trade, issuer_factor, seal
from protocols.obu.psam import PsamKeys, SoftwarePsam
from protocols.obu.values import Vehicle
from protocols.rsu.box import E0, E1, E2, E3, E4, E5, E6, E7, F0, F1, F2, F4, F5, F6, F7, decode
from protocols.rsu.framing import F3, Frame
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import CHINA

KEYS = PsamKeys(bytes(range(0x10, 0x20)), bytes(range(0x20, 0x30)), bytes(range(0x40, 0x50)))
TERMINAL = "990100000001"
OBU = "5a000001"
SYSTEM = SystemInfo26("b2e2cad499010001", 1, 0x10, "9901000000000001", "20240101", "20491231")
CAR = vehicle_file(Vehicle("测A00001", 0, 1))
AT = datetime(2026, 11, 21, 12, 0, 5, tzinfo=CHINA)
CARD_ID = "9901000000000001"
CEILING = 20_000
BAD_F6, BAD_F7 = F6.fill({"status": 1}), F7.fill({"status": 1})


@dataclass
class Desk:
    """A box and its session on a clock of our own."""

    session: BoxSession
    now: float = 100.0
    told: list[object] = field(default_factory=list)

    def take(self, what: BoxInput) -> list[Message]:
        """What is said to it; what is told beside goes to `told`."""
        said: list[Message] = []
        for output in self.session.on(what, Instant(AT + timedelta(seconds=self.now), self.now)):
            match output:
                case Send(data):
                    (frame,) = F3.framer().feed(data)
                    assert isinstance(frame, Frame)
                    said.append(decode(frame.data))
                case Tell(event):
                    self.told.append(event)
        return said

    def ask(self, message: Message) -> list[Message]:
        return self.take(F3.encode(0, to_data(message)))

    def wait(self) -> list[Message]:
        """Until its deadline."""
        assert self.session.deadline is not None
        self.now = self.session.deadline
        return self.take(Tick())

    def news(self) -> list[object]:
        told, self.told = self.told, []
        return told


def desk(module: SecurityModule, past: Past | None = None) -> Desk:
    made = Desk(BoxSession("box1", module, "b0b0b0b0", CEILING, past or Past()))
    assert made.take(Connected()) == []
    assert made.news() == [BoxUp("box1", "", 0)]
    return made


def software() -> Software:
    return Software(SoftwarePsam(KEYS, TERMINAL, "99" * 10, 0x101, random=Random(1).randbytes))


@pytest.fixture
def box() -> Desk:
    return desk(software())


def sealed() -> E6:
    key = TDES.diversify(KEYS.vehicle, issuer_factor(SYSTEM.issuer), bytes.fromhex(SYSTEM.contract))
    cipher = seal(TDES, key, SecureFile(bytes(8), VehicleFile.write(CAR)))
    return E6(OBU, SYSTEM, bytes(28), TDES.code, len(cipher), cipher)


def purchase(box: Desk) -> E7:
    """The E7 that follows our F6."""
    (opened,) = box.ask(sealed())
    assert isinstance(opened, F6)
    return E7(
        issuer=SYSTEM.issuer,
        card_id=CARD_ID,
        card_random=b"\1\2\3\4",
        card_serial=0x6F,
        fen=500,
        trade_time="20261121120005",
        mode=9,
        key_type=TDES.code,
        slot=opened.slot,
        terminal=opened.terminal,
        check_mac2=0,
        serial=opened.serial,
    )


def traded(**fields: object) -> E2:
    given = {"obu_id": OBU, "terminal": TERMINAL, "terminal_serial": 0x101, "fen": 500, "balance": 1500}
    more = {"balance_after": 1000, "trade_time": "20261121120005", "tac": "c0ffee00", "vehicle": CAR}
    card = {"card_serial": 0x6F, "card": File0015.fill({"net": "9901", "card_id": CARD_ID})}
    return E2.fill({**given, **more, **card, **fields})


def intent_of(box: Desk) -> str:
    (wanted,) = (event for event in box.news() if isinstance(event, BoxDebitWanted))
    return wanted.intent


# --- status, lists, authorisation ----------------------------------------------------------------------------


def test_a_status_is_answered_and_told_when_it_is_another(box: Desk) -> None:
    for _ in range(2):
        assert box.ask(E0(0, 1, 0, b"V1.2\0")) == [F0()]
    assert box.news() == [BoxUp("box1", "V1.2", 0)]
    assert box.ask(E0(0, 1, 2, b"V1.2")) == [F0()]
    assert box.news() == [BoxUp("box1", "V1.2", 2)]


def test_the_list_status_is_the_answerer_s() -> None:
    class Listing:
        def ask(self, question: Question) -> Decrypted:
            assert isinstance(question, DecryptAsked)
            return Decrypted(VehicleFile.write(CAR), 1, TERMINAL)

    box = desk(Listing())
    assert box.ask(E1.fill({"obu_id": OBU})) == [F1(0)]
    (opened,) = box.ask(sealed())
    assert isinstance(opened, F6)
    assert opened.listed == 1
    assert box.ask(E1.fill({"obu_id": OBU})) == [F1(1)]
    assert box.ask(E1.fill({"obu_id": "5a000002"})) == [F1(0)]


WANTED = E3(1, 1, TERMINAL, "99" * 10, 2, 3, "a1" * 8, "b1" * 8)


def test_an_authorisation_is_asked_for_and_its_mac_handed_on(box: Desk) -> None:
    assert box.ask(WANTED) == []
    assert box.news() == [PsamWanted("box1", TERMINAL, "99" * 10, 3, 2, "a1" * 8, "b1" * 8)]
    assert box.take(AuthorisePsam("box1", "b1" * 8, "c1" * 8)) == [F4(0, "b1" * 8, "c1" * 8)]
    assert box.ask(E4(0, 1, "9000")) == [F5()]
    assert box.news() == [PsamDone("box1", good=True, detail="00 SW 9000")]
    assert box.session.deadline is None


@pytest.mark.parametrize("answer", [E4(0, 1, "9302"), E4(1, 1, "9000"), E5(1)])
def test_a_bad_result_is_told(box: Desk, answer: Message) -> None:
    assert box.ask(answer) == [F5()]
    (done,) = box.news()
    assert isinstance(done, PsamDone)
    assert not done.good


def test_a_good_result_may_be_short(box: Desk) -> None:
    assert box.ask(E5(0)) == [F5()]
    assert box.news() == [PsamDone("box1", good=True, detail="00")]


OVER = PsamDone("box1", good=False, detail="the request is over")


def test_a_mac_for_another_request_goes_nowhere(box: Desk) -> None:
    box.ask(WANTED)
    box.news()
    assert box.take(AuthorisePsam("box1", "b2" * 8, "c1" * 8)) == []
    assert box.news() == [OVER]
    box.take(AuthorisePsam("box1", "b1" * 8, "c1" * 8))
    assert box.take(AuthorisePsam("box1", "b1" * 8, "c1" * 8)) == []
    assert box.news() == [OVER]


def test_a_platform_that_says_nothing_is_not_waited_for(box: Desk) -> None:
    box.ask(WANTED)
    assert box.session.deadline == 100 + AUTHORISE_WITHIN
    assert box.wait() == [F4(1, "b1" * 8, "00" * 8)]
    assert box.news()[1:] == [PsamDone("box1", good=False, detail="no answer within 30 s")]
    assert box.take(AuthorisePsam("box1", "b1" * 8, "c1" * 8)) == []


# --- vehicle file --------------------------------------------------------------------------------------------


def test_a_vehicle_file_is_opened(box: Desk) -> None:
    (opened,) = box.ask(sealed())
    assert opened == F6(0, 0, "0000", TERMINAL, f"b0b0b0b0{1:024d}".encode().hex(), 79, VehicleFile.write(CAR))


@pytest.mark.parametrize(
    ("module", "reason"),
    [(Remote(), "a platform cannot answer in time for a tag"), (software(), "no cipher has the key type 07")],
)
def test_what_cannot_be_opened_gets_a_status_that_is_not_good(module: SecurityModule, reason: str) -> None:
    box = desk(module)
    assert box.ask(replace(sealed(), key_type=7)) == [BAD_F6]
    assert box.news() == [BoxRefused("box1", "E6", reason)]


# --- purchase ------------------------------------------------------------------------------------------------


def test_mac1_leaves_when_its_intent_is_on_disk(box: Desk) -> None:
    asked = purchase(box)
    assert box.ask(asked) == []
    intent = f"b0b0b0b0{1:024d}"
    assert box.news() == [BoxDebitWanted("box1", intent, OBU, CARD_ID, 0x6F, 500, AT, TERMINAL)]
    assert box.take(Recorded("another")) == []
    trade = Trade(
        card_random=asked.card_random,
        card_serial=0x6F,
        terminal=TERMINAL,
        terminal_serial=0x101,
        amount=500,
        kind=9,
        at=asked.trade_time,
    )
    key = TDES.diversify(KEYS.purchase, issuer_factor(SYSTEM.issuer), bytes.fromhex(CARD_ID))
    assert box.take(Recorded(intent)) == [F7(0, TDES.mac1(TDES.session_key(key, trade), trade), 0x101)]


def test_the_same_question_gets_the_same_mac1_and_no_second_intent(box: Desk) -> None:
    asked = purchase(box)
    assert box.ask(asked) == box.ask(asked) == []
    answer = box.take(Recorded(intent_of(box)))
    assert isinstance(answer[0], F7)
    assert box.ask(asked) == answer
    assert box.take(Recorded(f"b0b0b0b0{1:024d}")) == []
    assert box.news() == []


@pytest.mark.parametrize("change", [{"fen": 501}, {"serial": "00" * 32}, {"serial": "ff" * 32}])
def test_a_purchase_that_is_of_no_f6_or_another_one_is_refused(box: Desk, change: dict[str, object]) -> None:
    asked = purchase(box)
    box.ask(asked)
    box.take(Recorded(intent_of(box)))
    assert box.ask(replace(asked, **change)) == [BAD_F7]  # type: ignore[arg-type]
    (refused,) = box.news()
    assert isinstance(refused, BoxRefused)


def test_a_record_that_comes_too_late_lets_no_mac1_leave(box: Desk) -> None:
    asked = purchase(box)
    box.ask(asked)
    intent = intent_of(box)
    assert box.session.deadline == 100 + RECORD_WITHIN
    assert box.wait() == [BAD_F7]
    assert box.news() == [BoxDebitEnded("box1", intent, "not made", "no record in time")]
    assert box.take(Recorded(intent)) == []
    assert box.ask(asked) == [BAD_F7]
    assert box.news() == []


def test_no_mac1_leaves_after_its_time_though_the_tick_be_late(box: Desk) -> None:
    box.ask(purchase(box))
    intent = intent_of(box)
    box.now += RECORD_WITHIN
    assert box.take(Recorded(intent)) == [BAD_F7]
    assert box.news() == [BoxDebitEnded("box1", intent, "not made", "no record in time")]
    assert box.session.deadline is None


def test_a_purchase_above_the_ceiling_is_refused_and_told(box: Desk) -> None:
    asked = purchase(box)
    assert box.ask(replace(asked, fen=CEILING + 1)) == [BAD_F7]
    (refused,) = box.news()
    assert isinstance(refused, BoxRefused)
    assert "20001 分超过上限 ceiling_fen 20000" in refused.reason
    assert box.ask(replace(asked, fen=CEILING)) == []
    assert intent_of(box)


def test_a_mac1_that_is_refused_ends_its_intent(box: Desk) -> None:
    asked = replace(purchase(box), terminal="990100000002")
    box.ask(asked)
    intent = intent_of(box)
    assert box.take(Recorded(intent)) == [BAD_F7]
    reason = f"the terminal here is {TERMINAL}, not 990100000002"
    assert box.news() == [BoxDebitEnded("box1", intent, "not made", reason)]


def test_a_purchase_without_its_record_is_unresolved(box: Desk) -> None:
    box.ask(purchase(box))
    intent = intent_of(box)
    box.take(Recorded(intent))
    assert box.session.deadline == 100 + TRADE_WITHIN
    assert box.wait() == []
    assert box.news() == [BoxDebitEnded("box1", intent, "unresolved", "no record in time")]
    box.ask(traded())
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == intent


@pytest.mark.parametrize(("recorded", "outcome"), [(False, "not made"), (True, "unresolved")])
def test_a_lost_link_ends_what_was_under_way(box: Desk, *, recorded: bool, outcome: str) -> None:
    box.ask(purchase(box))
    intent = intent_of(box)
    if recorded:
        box.take(Recorded(intent))
    assert box.take(Disconnected("closed")) == []
    ended, down = box.news()
    assert ended == BoxDebitEnded("box1", intent, outcome, "link lost: closed")
    assert down == BoxDown("box1", "closed")
    assert box.session.deadline is None
    assert box.take(Recorded(intent)) == []


# --- trade records -------------------------------------------------------------------------------------------


def test_a_trade_record_is_confirmed_when_it_is_on_disk(box: Desk) -> None:
    box.ask(purchase(box))
    intent = intent_of(box)
    box.take(Recorded(intent))
    assert box.ask(traded()) == []
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert (event.intent, event.result, event.fen, event.card.balance, event.balance_after) == (
        *(intent, 0, 500),
        *(1500, 1000),
    )
    assert (event.vehicle, event.at, event.entered) == (Vehicle("测A00001", 0, 1), AT, None)
    assert box.session.deadline == 100 + RECORD_WITHIN
    assert box.take(Recorded(event.ticket)) == [F2(0)]
    assert box.session.deadline is None


def test_a_record_said_again_is_one_trade(box: Desk) -> None:
    assert box.ask(traded()) == box.ask(traded()) == []
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == ""
    assert box.take(Recorded(event.ticket)) == [F2(0)]
    assert box.ask(traded()) == [F2(0)]
    assert box.news() == []


def test_a_record_that_is_not_on_disk_in_time_is_not_confirmed(box: Desk) -> None:
    box.ask(traded())
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert box.wait() == [F2(1)]
    assert box.take(Recorded(event.ticket)) == []
    assert box.ask(traded()) == [F2(0)]


def test_a_record_said_again_before_it_is_on_disk_is_waited_for_anew(box: Desk) -> None:
    box.ask(traded())
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    box.wait()
    assert box.ask(traded()) == []
    assert box.take(Recorded(event.ticket)) == [F2(0)]


def test_the_record_of_another_terminal_s_purchase_is_not_ours(box: Desk) -> None:
    box.ask(purchase(box))
    box.take(Recorded(intent_of(box)))
    for other in (traded(terminal="990100000002"), traded(terminal_serial=0x102)):
        box.ask(other)
        (event,) = box.news()
        assert isinstance(event, BoxTraded)
        assert event.intent == ""


def test_a_purchase_that_was_refused_has_no_record(box: Desk) -> None:
    box.ask(replace(purchase(box), terminal="990100000002"))
    box.take(Recorded(intent_of(box)))
    box.news()
    box.ask(traded(terminal="990100000002", terminal_serial=0))
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == ""


def bought(box: Desk) -> str:
    """A purchase whose MAC1 has left; its intent."""
    box.ask(purchase(box))
    intent = intent_of(box)
    box.take(Recorded(intent))
    return intent


OTHER_CARD = File0015.fill({"net": "9901", "card_id": "9901000000000002"})


@pytest.mark.parametrize(
    "change", [{"fen": 999_999}, {"card_serial": 0x70}, {"trade_time": "20261121120006"}, {"card": OTHER_CARD}]
)
def test_a_record_of_what_was_not_asked_is_no_outcome(box: Desk, change: dict[str, object]) -> None:
    intent = bought(box)
    assert box.ask(traded(**change)) == []
    (doubted,) = box.news()
    assert isinstance(doubted, BoxTradeDoubted)
    assert intent in doubted.reason
    assert (doubted.record.intent, doubted.record.tac) == ("", "c0ffee00")
    assert box.take(Recorded(doubted.ticket)) == [F2(0)]
    assert box.ask(traded(**change)) == [F2(0)]
    assert box.news() == []
    box.ask(traded())  # what it waits for may still come
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == intent


def test_a_purchase_has_one_outcome_and_another_record_is_doubted(box: Desk) -> None:
    intent = bought(box)
    box.ask(traded(result=1))
    box.ask(traded(result=0))
    box.ask(traded(result=0, reserved=1))
    box.ask(traded(result=1, card_serial=0x70))
    first, *others = box.news()
    assert isinstance(first, BoxTraded)
    assert (first.intent, first.result) == (intent, 1)
    assert len(others) == 2
    assert all(isinstance(other, BoxTradeDoubted) and intent in other.reason for other in others)
    assert box.session.deadline == 100 + RECORD_WITHIN  # of the records: the purchase is over


# --- after a restart -----------------------------------------------------------------------------------------

TERMS = Terms(TERMINAL, CARD_ID, 0x6F, 500, AT)
KEY = TradeKey(TERMS, 0x101, "c0ffee00", 0)


def test_a_record_that_an_earlier_run_recorded_is_confirmed_and_not_told_again() -> None:
    box = desk(software(), Past(trades={KEY: "a0a0a0a01"}))
    assert box.ask(traded()) == [F2(0)]
    assert box.news() == []


def test_a_record_of_an_earlier_run_s_purchase_is_its_outcome_once() -> None:
    box = desk(software(), Past({"a0a0a0a01": TERMS}))
    assert box.ask(traded(result=1)) == box.ask(traded(result=0)) == []
    first, second = box.news()
    assert isinstance(first, BoxTraded)
    assert first.intent == "a0a0a0a01"
    assert isinstance(second, BoxTradeDoubted)
    assert "a0a0a0a01" in second.reason


@pytest.mark.parametrize(
    ("past", "change"),
    [(Past({"a0a0a0a01": TERMS}), {"fen": 501}), (Past(trades={KEY: "a0a0a0a01"}), {"tac": "c0ffee01"})],
)
def test_a_record_that_contradicts_an_earlier_run_is_doubted(past: Past, change: dict[str, object]) -> None:
    box = desk(software(), past)
    box.ask(traded(**change))
    (doubted,) = box.news()
    assert isinstance(doubted, BoxTradeDoubted)
    assert "a0a0a0a01" in doubted.reason


@pytest.mark.parametrize(
    "change",
    [
        {"terminal": "990100000002"},
        {"card": OTHER_CARD},
        {"card_serial": 0x70},
        {"trade_time": "20261121120006"},
    ],
)
def test_a_record_that_names_no_purchase_of_an_earlier_run_is_not_ours(change: dict[str, object]) -> None:
    box = desk(software(), Past({"a0a0a0a01": TERMS}))
    box.ask(traded(**change))
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == ""


def test_records_of_trades_that_are_not_ours_doubt_nothing() -> None:
    old = replace(KEY, terms=replace(TERMS, card_serial=0x6E))
    box = desk(software(), Past(trades={old: "a0a0a0a01", replace(KEY, tac="00c0ffee"): ""}))
    box.ask(traded())
    (event,) = box.news()
    assert isinstance(event, BoxTraded)
    assert event.intent == ""


def test_a_terminal_that_counts_from_one_again_takes_no_old_record_for_a_new_purchase() -> None:
    old = replace(TERMS, card_serial=0x6E)
    box = desk(software(), Past({"a0a0a0a01": old}, {replace(KEY, terms=old, tac="00c0ffee"): "a0a0a0a00"}))
    intent = bought(box)
    assert box.ask(traded(card_serial=0x6E, tac="00c0ffee")) == [F2(0)]
    box.ask(traded(card_serial=0x6E))
    box.ask(traded())
    first, second = box.news()
    assert isinstance(first, BoxTraded)
    assert isinstance(second, BoxTraded)
    assert (first.intent, second.intent) == ("a0a0a0a01", intent)


# --- bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xe9", b"\xe5", b"\xe5\0\0", b"\xf1\0"])
def test_what_no_table_fits_is_not_answered(box: Desk, data: bytes) -> None:
    assert box.take(F3.encode(0, data)) == []
    assert box.news() == []


def test_frames_may_come_in_pieces_and_in_a_row(box: Desk) -> None:
    frame = F3.encode(0, to_data(E5(0)))
    assert box.take(frame[:4]) == []
    assert box.take(frame[4:] + frame) == [F5(), F5()]


def test_half_a_frame_of_the_last_connection_counts_for_nothing(box: Desk) -> None:
    frame = F3.encode(0, to_data(E5(0)))
    box.take(F3.encode(0, to_data(traded()))[:20])
    box.take(Disconnected("closed"))
    box.take(Connected())
    assert box.take(frame) == [F5()]
