"""What a new run of a box learns from the ledger: its purchases without a trade record, and its trade records."""

from datetime import datetime

from drivers.security.box import KEPT, Past, Terms, TradeKey
from gateway.ledger.box_intents import BoxIntents
from gateway.ledger.entries import Alarm, Body, BoxDebitEnded, BoxDebitIntended, BoxTraded, Draft, Moment
from protocols.rsu.messages import CHINA

AT = datetime(2026, 11, 21, 12, 0, 5, tzinfo=CHINA)
TERMINAL, CARD_ID = "990100000001", "9901000000000001"


def intents(*bodies: Body) -> BoxIntents:
    made = BoxIntents()
    for body in bodies:
        made.apply(Draft(Moment(AT, 1.0, "boot", trusted=True), "", body))
    return made


def intended(intent: str, device: str = "box1") -> BoxDebitIntended:
    return BoxDebitIntended(device, intent, "5a000001", CARD_ID, 7, 500, AT.isoformat(), TERMINAL)


def ended(intent: str, outcome: str) -> BoxDebitEnded:
    return BoxDebitEnded("box1", intent, outcome, "why")


def traded(intent: str, serial: int = 1, device: str = "box1", *, at: datetime | None = AT) -> BoxTraded:
    said = at.isoformat() if at else ""
    proof = {"terminal": TERMINAL, "terminal_serial": serial, "card_serial": 7, "tac": "c0ffee00", "at": said}
    return BoxTraded(device, intent, 0, "5a000001", "9901" + CARD_ID, "", 0, 1, 500, 1500, 1000, "", proof)


TERMS = Terms(TERMINAL, CARD_ID, 7, 500, AT)
KEY = TradeKey(TERMS, 1, "c0ffee00", 0)


def test_a_purchase_is_undecided_until_its_trade_record() -> None:
    begun = intended("i1"), intended("i2"), ended("i2", "unresolved"), intended("i3"), ended("i3", "not made")
    assert intents(*begun).past("box1").undecided == {"i1": TERMS, "i2": TERMS}
    assert intents(*begun, traded("i1"), traded("i2", 2)).past("box1").undecided == {}


def test_only_what_is_not_recorded_as_unresolved_is_to_be_recorded_after_a_start() -> None:
    left = intents(intended("i1"), intended("i2"), ended("i2", "unresolved"), Alarm("a", "b")).left()
    assert [body.intent for body in left] == ["i1"]
    assert intents(intended("i1"), *left).left() == ()


def test_trade_records_are_known_by_what_clearing_asks_for() -> None:
    assert intents(traded("i1")).past("box1").trades == {KEY: "i1"}
    assert intents(traded("i1"), traded("")).past("box1").trades == {KEY: "i1"}
    (key,) = intents(traded("", at=None)).past("box1").trades
    assert key.terms.at is None


def test_a_box_knows_of_its_own_only() -> None:
    known = intents(intended("i1", "box2"), traded("i2", device="box2"))
    assert known.past("box1") == Past()
    assert known.past("box2") == Past({"i1": TERMS}, {KEY: "i2"})


def test_the_newest_trade_records_are_kept() -> None:
    serials = [
        key.terminal_serial for key in intents(*(traded("", n) for n in range(KEPT + 9))).past("box1").trades
    ]
    assert serials == list(range(9, KEPT + 9))
