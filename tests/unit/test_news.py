"""What devices and boxes tell that is no lane's business, as entries."""

from dataclasses import asdict
from datetime import date, datetime

import pytest

from drivers.ports import BarrierDown, BarrierUp, DeviceEvent, InputChanged, ReaderDown, ReaderUp
from drivers.security import box
from gateway import news
from gateway.ledger.entries import (
    GENESIS,
    Alarm,
    Body,
    BoxDebitEnded,
    BoxDebitIntended,
    BoxTraded,
    DeviceChanged,
    Draft,
    Moment,
    canonical,
    chained,
    draft_of,
)
from protocols.china import CHINA
from protocols.obu.values import CREDIT, Card, Vehicle

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)
WIDE = date(2000, 1, 1), date(2099, 12, 31)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", CREDIT, 16, *WIDE, "测A12345", 10_000, bytes(43))

# --- devices -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "detail", "up"),
    [
        (
            ReaderUp("rsu1", ("0102", "0304"), authorised=None, version="20", fault=0),
            "version 20, PSAM 0102 0304 not said, fault 00",
            True,
        ),
        (
            ReaderUp("rsu1", ("0102",), authorised=True, version="20", fault=0),
            "version 20, PSAM 0102 authorised, fault 00",
            True,
        ),
        (
            ReaderUp("rsu1", ("0102",), authorised=False, version="20", fault=10),
            "version 20, PSAM 0102 not authorised, fault 0A",
            False,
        ),
        (ReaderDown("rsu1", "silent"), "silent", False),
        (BarrierDown("gate1", "no answer"), "no answer", False),
        (BarrierUp("gate1"), "", True),
    ],
)
def test_a_device_that_comes_or_goes_is_recorded(event: DeviceEvent, detail: str, *, up: bool) -> None:
    changed = DeviceChanged(event.device, up=up, detail=detail)
    assert news.of_device(event) == [changed]


def test_what_a_device_tells_of_a_vehicle_is_the_lanes_business() -> None:
    assert news.of_device(InputChanged("gate1", "presence", on=True)) == []


# --- boxes -------------------------------------------------------------------------------------------------

TRADED = box.BoxTraded(
    device="box1",
    ticket="t",
    intent="i1",
    result=0,
    obu_id="5a000001",
    vehicle=Vehicle("测A12345", 1, 1),
    card=CARD,
    fen=500,
    balance_after=9500,
    at=AT,
    entered=None,
    terminal="990100000001",
    terminal_serial=7,
    card_serial=8,
    card_random="01020304",
    tac="c0ffee00",
    algorithm=4,
    psam="99" * 10,
)
PROVEN = {
    "terminal": "990100000001",
    "terminal_serial": 7,
    "card_serial": 8,
    "card_random": "01020304",
    "tac": "c0ffee00",
    "algorithm": 4,
    "psam": "99" * 10,
    "at": AT.isoformat(),
}


BOOKED = BoxTraded(
    device="box1",
    intent="i1",
    result=0,
    obu_id="5a000001",
    card=CARD.number,
    plate="测A12345",
    color=1,
    vehicle_class=1,
    fen=500,
    balance_before=10_000,
    balance_after=9500,
    entered="",
    proof=PROVEN,
)


@pytest.mark.parametrize(
    ("event", "body"),
    [
        (box.BoxUp("box1", "V1", 0), DeviceChanged("box1", up=True, detail="version V1, fault 00")),
        (box.BoxUp("box1", "V1", 2), DeviceChanged("box1", up=False, detail="version V1, fault 02")),
        (box.BoxDown("box1", "closed"), DeviceChanged("box1", up=False, detail="closed")),
        (
            box.BoxDebitWanted("box1", "i1", "5a000001", "99", 8, 500, None, "990100000001"),
            BoxDebitIntended("box1", "i1", "5a000001", "99", 8, 500, "", "990100000001"),
        ),
        (box.BoxDebitEnded("box1", "i1", "not made", "why"), BoxDebitEnded("box1", "i1", "not made", "why")),
        (box.BoxRefused("box1", "E6", "why"), Alarm("a box got no answer", "box1: E6: why")),
        (TRADED, BOOKED),
        (
            box.BoxTradeDoubted("box1", "t", "why", TRADED),
            Alarm("a trade record of a box is no outcome", f"box1: why: {canonical(asdict(BOOKED))}"),
        ),
    ],
)
def test_what_a_box_tells_is_recorded_for_the_site(event: box.BoxEvent, body: Body) -> None:
    assert news.of_box(event) == body
    draft = Draft(NOW, "", body)
    assert draft_of(chained(draft, "c1", 1, GENESIS)) == draft
