"""Entries as messages, acks as what they must be, and the receiver that checks both."""

import hashlib
import json
import re
from datetime import UTC, date, datetime

import pytest

from drivers.ports import AuthorisePsam
from gateway.ledger.entries import (
    GENESIS,
    Alarm,
    AuthorisationWanted,
    Body,
    DebitIntended,
    DebitSettled,
    Draft,
    Entry,
    Moment,
    canonical,
    chained,
)
from gateway.orders import (
    CloseArm,
    GrantPermit,
    HoldOpen,
    LetThrough,
    ListCard,
    Order,
    Pay,
    Refunded,
    Resolve,
    SwitchEtc,
    WithdrawPermit,
)
from gateway.uplink.formats.cloudevents import (
    ORDER_PREFIX,
    Ack,
    AckError,
    OrderError,
    message,
    parse_ack,
    parse_order,
    status,
)
from protocols.obu.psam import PsamKeys, authorisation
from tools.platform import Books, authorise, line_of

AT = Moment(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 12.5, "boot", trusted=True)


def entry(number: int, body: Body, chain: str = "c1") -> Entry:
    return chained(Draft(AT, "exit-1", body), chain, number, GENESIS)


ALARM = entry(7, Alarm("barrier", "道闸无响应"))

# --- messages -------------------------------------------------------------------------------------------


def test_an_entry_is_a_cloudevent_on_the_one_topic_of_its_gateway() -> None:
    topic, payload = message("lot-1", ALARM)
    assert topic == "etclane/lot-1/entries"
    event = json.loads(payload)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": "lot-1/c1/7",
        "source": "/etclane/lot-1",
        "type": "city.etclane.alarm",
        "time": "2026-11-21T08:00:00+00:00",
        "datacontenttype": "application/json",
    }
    assert data == {"entry": ALARM.fields, "hash": ALARM.hash}
    assert "道闸无响应".encode() in payload


def test_the_receiver_can_recompute_the_hash() -> None:
    data = json.loads(message("lot-1", ALARM)[1])["data"]
    text = json.dumps(data["entry"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == data["hash"]


def test_a_plate_that_is_no_text_can_be_sent() -> None:
    odd = entry(1, Alarm("plate", "\udcff\udc80"))
    payload = message("lot-1", odd)[1]
    assert json.loads(payload)["data"]["entry"]["body"]["detail"] == "\udcff\udc80"


def test_the_status_is_retained_json_of_its_own_topic() -> None:
    assert status("lot-1", "offline") == ("etclane/lot-1/status", b'{"gateway":"lot-1","state":"offline"}')


# --- acks -----------------------------------------------------------------------------------------------


def ack(**fields: object) -> bytes:
    return json.dumps({"gateway": "lot-1", "chain": "c1", "number": 7, **fields}).encode()


def test_an_ack_is_read() -> None:
    assert parse_ack(ack()) == Ack(gateway="lot-1", chain="c1", number=7)
    assert parse_ack(ack(received_at="2026-11-21", more={"x": 1})).number == 7
    assert parse_ack(ack(number=2**63 - 1)).number == 2**63 - 1


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"7",
        b"null",
        b"[]",
        b"{}",
        b'{"gateway":"lot-1","chain":"c1"}',
        b'{"gateway":"lot-1","chain":"c1","number":7',
        b"\xff\xfe",
        b"[" * 1000,
        b'{"number":' + b"9" * 900 + b"}",
        ack(number="7"),
        ack(number=7.0),
        ack(number=True),
        ack(number=None),
        ack(number=0),
        ack(number=-1),
        ack(number=2**63),
        ack(number=1e400),
        ack(chain=""),
        ack(chain=1),
        ack(chain="x" * 129),
        ack(gateway=["lot-1"]),
        ack(chain="\ud800"),
        ack(padding="x" * 1024),
    ],
)
def test_anything_else_is_refused_in_one_sentence(payload: bytes) -> None:
    with pytest.raises(AckError, match="an ack") as refused:
        parse_ack(payload)
    assert "\n" not in str(refused.value)


# --- the platform's books -------------------------------------------------------------------------------


def settled(books: Books, *bodies: Body) -> int:
    for number, body in enumerate(bodies, 1):
        assert books.take(message("lot-1", entry(number, body))[1])
    return books.counts.settled_fen


INTENDED = DebitIntended("i1", "s1", "OBU", "card", 1500, 9000, "2026-11-21T08:00:00+00:00", None)
SETTLED = DebitSettled("i1", "result", None, 7500)


def test_the_platform_adds_up_what_was_settled_once() -> None:
    books = Books()
    assert settled(books, INTENDED, SETTLED) == 1500
    books.take(message("lot-1", entry(2, SETTLED))[1])
    assert (books.counts.settled_fen, books.counts.repeats, books.counts.unique) == (1500, 1, 2)


def test_an_intent_alone_is_no_money() -> None:
    assert settled(Books(), INTENDED) == 0


def test_the_platform_tells_repeats_gaps_order_and_difference() -> None:
    books = Books()
    for number in (1, 2, 2, 5, 4):
        books.take(message("lot-1", entry(number, Alarm("a", "b")))[1])
    books.take(message("lot-1", entry(1, Alarm("a", "another")))[1])
    books.take(message("lot-1", entry(1, Alarm("a", "b"), chain="c2"))[1])
    counts = books.counts
    assert (counts.received, counts.unique, counts.repeats, counts.different_repeats) == (7, 5, 2, 1)
    assert (counts.gaps, counts.out_of_order, counts.unreadable) == (2, 1, 0)


def forged(**changes: object) -> bytes:
    return canonical({**json.loads(message("lot-1", ALARM)[1]), **changes}).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        forged(id="lot-1/c1/8"),
        forged(id="lot-1"),
        forged(data={"entry": ALARM.fields, "hash": "0" * 64}),
        forged(data={"entry": {**ALARM.fields, "lane": "exit-2"}, "hash": ALARM.hash}),
        forged(data=None),
    ],
)
def test_the_platform_takes_nothing_that_is_no_entry(payload: bytes) -> None:
    books = Books()
    assert books.take(payload) is None
    assert (books.counts.unreadable, books.counts.unique) == (1, 0)


def test_an_entry_is_given_once_and_told_in_a_line() -> None:
    books = Books()
    payload = message("lot-1", entry(1, INTENDED))[1]
    first, again = books.take(payload), books.take(payload)
    assert first is not None
    assert again is not None
    key, new = first
    assert new is not None
    line = line_of(key, new)
    assert "debit.intended" in line
    assert "15.00 元" in line
    assert again == (key, None)


# --- orders ---------------------------------------------------------------------------------------------

ORDER = {
    "specversion": "1.0",
    "id": "p/1",
    "source": "/platform",
    "type": "city.etclane.order.authorise_psam",
    "data": {"device": "rsu1", "random": "B1B2B3B4B5B6B7B8", "mac": "c1c2c3c4c5c6c7c8"},
}


def ordered(**changes: object) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


def test_an_order_is_a_cloudevent() -> None:
    order = AuthorisePsam("rsu1", "b1b2b3b4b5b6b7b8", "c1c2c3c4c5c6c7c8")
    assert parse_order(ordered()) == order
    assert parse_order(ordered(time="2026-11-21T08:00:00Z", subject="x", data={**DATA, "note": "更多"})) == order


DATA = {"device": "rsu1", "random": "b1b2b3b4b5b6b7b8", "mac": "c1c2c3c4c5c6c7c8"}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"", "message"),
        (b"\xff" * 20, "message"),
        (b"[" * 4000, "message"),
        (b"null", "message"),
        (ordered(data=None), "data"),
        (ordered(type="city.etclane.order.open_barrier"), "type"),
        (ordered(specversion="2.0"), "specversion"),
        (ordered(data={**DATA, "mac": "c1c2"}), "data.mac"),
        (ordered(data={**DATA, "random": "b1b2b3b4b5b6b7bx"}), "data.random"),
        (ordered(data={**DATA, "device": "x" * 129}), "data.device"),
        (ordered(data={**DATA, "device": 7}), "data.device"),
        (ordered(data={**DATA, "note": "x" * 4096}), "at most 4096 bytes"),
    ],
)
def test_what_orders_nothing_is_named(payload: bytes, words: str) -> None:
    with pytest.raises(OrderError, match=re.escape(words)):
        parse_order(payload)


WHO, WHY = "值班 7", "重复扣费 / double debits"
BY = {"actor": WHO, "reason": WHY}
LANE: dict[str, object] = {"lane": "out1", **BY}
CARD = "37010000000000000001"
PERMIT = {"permit": "m1", "plate": "测A12345", "color": 1, "kind": "month", "actor": "office"}
LATER = datetime(2026, 11, 21, 8, 5, tzinfo=UTC)
ORDERS: list[tuple[str, dict[str, object], Order]] = [
    ("etc.switch", {**LANE, "on": False}, SwitchEtc("out1", False, WHO, WHY)),  # noqa: FBT003  as in the order
    ("lane.hold", {**LANE, "on": True}, HoldOpen("out1", True, WHO, WHY)),  # noqa: FBT003  as above
    ("lane.close", LANE, CloseArm("out1", WHO, WHY)),
    (
        "lane.open",
        {**LANE, "until": "2026-11-21T16:05:00+08:00"},
        LetThrough("out1", WHO, WHY, plate="", color=None, until=LATER),
    ),
    (
        "lane.open",
        {**LANE, "until": "2026-11-21T08:05:00Z", "plate": "测A12345", "color": 4},
        LetThrough("out1", WHO, WHY, plate="测A12345", color=4, until=LATER),
    ),
    (
        "payment",
        {"payment": "p1", "stay": "b-1", "fen": 1500, "channel": "wechat"},
        Pay("p1", "b-1", 1500, "wechat"),
    ),
    ("debit.resolve", {"intent": "b-2", "made": True, **BY}, Resolve("b-2", True, WHO, WHY)),  # noqa: FBT003  as above
    ("refund.made", {"refund": "b-1-refund-1", **BY}, Refunded("b-1-refund-1", WHO, WHY)),
    ("card.list", {"card": CARD, "on": True, **BY}, ListCard(CARD, True, WHO, WHY)),  # noqa: FBT003  as above
    ("permit.grant", PERMIT, GrantPermit("m1", "测A12345", 1, "month", None, None, "office")),
    (
        "permit.grant",
        {**PERMIT, "first": "2026-11-01", "last": "2026-11-30"},
        GrantPermit("m1", "测A12345", 1, "month", date(2026, 11, 1), date(2026, 11, 30), "office"),
    ),
    ("permit.withdraw", {"permit": "m1", **BY}, WithdrawPermit("m1", WHO, WHY)),
]


@pytest.mark.parametrize(("kind", "data", "order"), ORDERS)
def test_every_order_has_its_type_and_its_data(kind: str, data: dict[str, object], order: Order) -> None:
    assert parse_order(ordered(type=ORDER_PREFIX + kind, data=data)) == order
    assert parse_order(ordered(type=ORDER_PREFIX + kind, data={**data, "note": 1})) == order


@pytest.mark.parametrize(("kind", "data", "order"), ORDERS)
def test_an_order_without_one_of_its_data_is_none(kind: str, data: dict[str, object], order: Order) -> None:
    optional = {"plate", "color"} if isinstance(order, LetThrough) else {"first", "last"}
    for key in data.keys() - optional:
        left = {name: value for name, value in data.items() if name != key}
        with pytest.raises(OrderError, match=rf"data\.{key}: Field required"):
            parse_order(ordered(type=ORDER_PREFIX + kind, data=left))


@pytest.mark.parametrize("kind", ["", "etc.pause", "etc.switch.x", "city.etclane.order.etc.switch", "open_barrier"])
def test_a_type_that_is_no_order_is_told_with_those_that_are(kind: str) -> None:
    with pytest.raises(OrderError, match=re.escape("authorise_psam, etc.switch, lane.hold")):
        parse_order(ordered(type=ORDER_PREFIX + kind))


def test_an_order_bears_its_prefix() -> None:
    with pytest.raises(OrderError, match="an order is of type"):
        parse_order(ordered(type="authorise_psam", data=DATA))


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("etc.switch", {"lane": ""}, "lane"),
        ("etc.switch", {"lane": None}, "lane"),
        ("etc.switch", {"actor": "x" * 129}, "actor"),
        ("etc.switch", {"reason": ""}, "reason"),
        ("etc.switch", {"reason": "x" * 257}, "reason"),
        ("etc.switch", {"on": 1}, "on"),
        ("etc.switch", {"on": "true"}, "on"),
        ("lane.open", {"color": 256}, "color"),
        ("lane.open", {"plate": "测" * 17}, "plate"),
        ("lane.open", {"until": "2026-11-21T08:05:00"}, "until"),
        ("payment", {"fen": 0}, "fen"),
        ("payment", {"fen": -1500}, "fen"),
        ("payment", {"fen": 15.0}, "fen"),
        ("payment", {"fen": "1500"}, "fen"),
        ("payment", {"fen": 10_000_001}, "fen"),
        ("payment", {"payment": ""}, "payment"),
        ("payment", {"stay": 7}, "stay"),
        ("debit.resolve", {"made": None}, "made"),
        ("card.list", {"card": CARD[1:]}, "card"),
        ("card.list", {"card": "x" * 20}, "card"),
        ("permit.grant", {"plate": ""}, "plate"),
        ("permit.grant", {"color": -1}, "color"),
        ("permit.grant", {"first": "2026-11-31"}, "first"),
        ("permit.grant", {"last": "tomorrow"}, "last"),
    ],
)
def test_what_stands_in_an_order_must_be_what_it_is(kind: str, changes: dict[str, object], words: str) -> None:
    good = next(data for type_, data, _ in ORDERS if type_ == kind)
    with pytest.raises(OrderError, match=rf"data\.{words}: "):
        parse_order(ordered(type=ORDER_PREFIX + kind, data={**good, **changes}))


def test_what_was_sent_does_not_fill_the_record() -> None:
    with pytest.raises(OrderError) as caught:
        parse_order(ordered(type="x" * 3000))
    assert len(str(caught.value)) < 512


def test_the_platform_answers_what_is_wanted_so_that_the_psam_takes_it() -> None:
    keys = PsamKeys(bytes(16), bytes(16), bytes(range(16)))
    wanted = entry(9, AuthorisationWanted("rsu1", "01", "02", 1, 0, "00" * 8, "b1b2b3b4b5b6b7b8"))
    taken = Books().take(message("lot-1", wanted)[1])
    assert taken is not None
    key, new = taken
    assert new is not None
    mac = authorisation(keys, bytes.fromhex("b1b2b3b4b5b6b7b8")).hex()
    assert parse_order(authorise(keys, key, new["body"])) == AuthorisePsam("rsu1", "b1b2b3b4b5b6b7b8", mac)
