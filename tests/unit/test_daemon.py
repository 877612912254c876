"""What the daemon learns from its ledger before it starts."""

from datetime import datetime, timedelta
from pathlib import Path

from gateway.daemon import BUILT, begin
from gateway.ledger.entries import Booted, BoxDebitEnded, BoxDebitIntended, BoxTraded, Draft, Moment
from gateway.ledger.store import Store
from protocols.rsu.messages import CHINA

TODAY = datetime(2027, 3, 1, 12, tzinfo=CHINA)


def booted(wall: datetime, *, trusted: bool = True) -> Draft:
    return Draft(Moment(wall, 1.0, "boot", trusted), "", Booted("1", "config", "tariff"))


def floor_after(path: Path, *drafts: Draft) -> datetime:
    store = Store(path / "ledger.db")
    try:
        if drafts:
            store.append(drafts)
        return begin(store)[1]
    finally:
        store.close()


def test_an_empty_ledger_trusts_what_is_later_than_the_program(tmp_path: Path) -> None:
    assert floor_after(tmp_path) == BUILT


def test_a_clock_before_the_newest_entry_is_not_trusted(tmp_path: Path) -> None:
    assert floor_after(tmp_path, booted(TODAY - timedelta(days=1)), booted(TODAY)) == TODAY


def test_a_dead_battery_does_not_lower_the_floor_below_the_program(tmp_path: Path) -> None:
    assert floor_after(tmp_path, booted(TODAY), booted(datetime(1970, 1, 1, tzinfo=CHINA), trusted=False)) == BUILT


def test_one_run_in_the_future_does_not_poison_every_later_one(tmp_path: Path) -> None:
    future, back = booted(TODAY.replace(year=2036)), booted(TODAY, trusted=False)
    assert floor_after(tmp_path, future, back) == TODAY


def record(intent: str, number: int, device: str = "box1") -> BoxTraded:
    proof = {"terminal": "9901", "terminal_serial": number, "card_serial": 1, "tac": "c0ffee00", "at": ""}
    return BoxTraded(device, intent, 0, "5a", "990199", "", 0, 1, 500, 1500, 1000, "", proof)


def test_purchases_of_boxes_without_an_outcome_are_left_unresolved(tmp_path: Path) -> None:
    at = Moment(TODAY, 1.0, "boot", trusted=True)

    def intended(intent: str) -> Draft:
        return Draft(at, "", BoxDebitIntended("box1", intent, "5a", "99", 1, 500, "", "9901"))

    ended = Draft(at, "", BoxDebitEnded("box1", "i2", "not made", "why"))
    traded = Draft(at, "", record("i3", 0))
    store = Store(tmp_path / "ledger.db")
    store.append([intended("i1"), intended("i2"), intended("i3"), ended, traded])
    left = begin(store)[2].left()
    store.close()
    assert left == (BoxDebitEnded("box1", "i1", "unresolved", "the gateway stopped before the outcome"),)
