"""The sync of one platform, event by event, and what its options allow."""

from typing import Literal

import aiomqtt
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from gateway.ledger.entries import Entry
from gateway.uplink.mqtt import REFUSALS, REMEDIES, _why
from gateway.uplink.options import UplinkOptions
from gateway.uplink.sync import (
    Acked,
    Action,
    Appended,
    Connected,
    Disconnected,
    Load,
    Loaded,
    MoveCursor,
    Publish,
    Published,
    Reconnect,
    Sync,
    Tick,
)

CHAIN = "c1"


def entry(number: int, chain: str = CHAIN) -> Entry:
    return Entry(chain, number, "alarm", "{}", "")


def entries(first: int, last: int) -> list[Entry]:
    return [entry(number) for number in range(first, last + 1)]


def make(
    cursor: int = 0,
    last: int = 0,
    *,
    window: int = 3,
    confirm: Literal["ack", "broker"] = "ack",
    timeout: float = 15,
) -> Sync:
    return Sync(cursor, last, window=window, confirm=confirm, ack_timeout=timeout)


def connected(cursor: int, last: int, now: float = 0.0) -> Sync:
    """A sync that has published all there is, up to its window of three."""
    sync = make(cursor, last)
    (load,) = sync.on(Connected(), now)
    assert isinstance(load, Load)
    sync.on(Loaded(load.after, entries(load.after + 1, min(last, load.after + load.limit))), now)
    return sync


def published(actions: list[Action]) -> list[int]:
    return [action.entry.number for action in actions if isinstance(action, Publish)]


# --- publishing -----------------------------------------------------------------------------------------


def test_nothing_is_loaded_without_a_connection() -> None:
    sync = make(0, 5)
    assert sync.on(Appended(6), 0) == []
    assert sync.on(Tick(), 0) == []


def test_nothing_is_loaded_where_nothing_is_new() -> None:
    assert make(5, 5).on(Connected(), 0) == []


def test_a_connection_publishes_from_behind_the_cursor_up_to_the_window() -> None:
    sync = make(4, 20)
    assert sync.on(Connected(), 0) == [Load(4, 3)]
    assert sync.on(Loaded(4, entries(5, 7)), 0) == [Publish(entry(5)), Publish(entry(6)), Publish(entry(7))]
    assert sync.on(Appended(21), 0) == []


def test_one_load_at_a_time() -> None:
    sync = make(0, 1)
    sync.on(Connected(), 0)
    assert sync.on(Appended(2), 0) == []
    assert sync.on(Loaded(0, entries(1, 1)), 0) == [Publish(entry(1)), Load(1, 2)]


def test_new_entries_follow_those_under_way() -> None:
    sync = connected(0, 1)
    assert sync.on(Appended(2), 1) == [Load(1, 2)]
    assert published(sync.on(Loaded(1, entries(2, 2)), 1)) == [2]


def test_an_ack_makes_room() -> None:
    sync = connected(0, 9)
    assert sync.on(Acked(CHAIN, 1), 1) == [MoveCursor(1), Load(3, 1)]


def test_an_older_newest_entry_is_ignored() -> None:
    sync = connected(0, 2)
    assert sync.on(Appended(1), 0) == []
    assert sync.last == 2


def test_more_than_was_asked_for_does_not_fill_the_memory() -> None:
    sync = make(0, 9)
    sync.on(Connected(), 0)
    assert published(sync.on(Loaded(0, entries(1, 9)), 0)) == [1, 2, 3]


def test_a_ledger_that_has_nothing_is_asked_again_when_it_grows() -> None:
    sync = make(0, 5)
    sync.on(Connected(), 0)
    assert sync.on(Loaded(0, []), 0) == []
    assert sync.on(Tick(), 1) == []
    assert sync.on(Appended(6), 2) == [Load(0, 3)]


def test_an_answer_to_an_earlier_connection_is_left_alone() -> None:
    sync = connected(0, 5)
    sync.on(Acked(CHAIN, 1), 0)  # asks for what comes after 3
    sync.on(Disconnected(), 1)
    assert sync.on(Connected(), 2) == [Load(1, 3)]
    assert published(sync.on(Loaded(3, entries(4, 4)), 2)) == []
    assert published(sync.on(Loaded(1, entries(2, 4)), 2)) == [2, 3, 4]


def test_an_answer_after_the_connection_is_gone_publishes_nothing() -> None:
    sync = make(0, 1)
    sync.on(Connected(), 0)
    sync.on(Disconnected(), 0)
    assert sync.on(Loaded(0, entries(1, 1)), 0) == []


# --- confirming -----------------------------------------------------------------------------------------


def test_the_cursor_moves_over_what_is_confirmed_without_a_hole() -> None:
    sync = connected(0, 3)
    assert sync.on(Acked(CHAIN, 2), 1) == []
    assert sync.on(Acked(CHAIN, 3), 1) == []
    assert sync.on(Acked(CHAIN, 1), 1) == [MoveCursor(3)]
    assert sync.cursor == 3


@pytest.mark.parametrize(
    "ack", [Acked("another", 1), Acked(CHAIN, 4), Acked(CHAIN, 99), Acked(CHAIN, 0), Acked(CHAIN, -1)]
)
def test_an_ack_of_what_was_not_sent_is_ignored(ack: Acked) -> None:
    sync = connected(0, 9)
    assert sync.on(ack, 1) == []
    assert sync.cursor == 0


def test_an_ack_before_anything_was_sent_is_ignored() -> None:
    sync = make(0, 3)
    assert sync.on(Acked(CHAIN, 1), 0) == []
    sync.on(Connected(), 0)
    assert sync.on(Acked(CHAIN, 1), 0) == []


def test_a_second_ack_changes_nothing() -> None:
    sync = connected(0, 3)
    sync.on(Acked(CHAIN, 1), 1)
    assert sync.on(Acked(CHAIN, 1), 1) == []
    assert sync.on(Acked(CHAIN, 3), 1) == []
    assert sync.on(Acked(CHAIN, 3), 1) == []


def test_a_new_chain_is_followed_and_its_entries_confirmed_by_its_own_id() -> None:
    sync = make(0, 2)
    sync.on(Connected(), 0)
    sync.on(Loaded(0, [entry(1), entry(2, "c2")]), 0)
    assert sync.on(Acked(CHAIN, 1), 0) == [MoveCursor(1)]
    assert sync.on(Acked(CHAIN, 2), 0) == []
    assert sync.on(Acked("c2", 2), 0) == [MoveCursor(2)]


def test_the_brokers_word_does_not_confirm_where_the_platforms_is_asked_for() -> None:
    sync = connected(0, 3)
    assert sync.on(Published(1), 1) == []
    assert sync.cursor == 0


def test_the_brokers_word_confirms_where_it_is_asked_for() -> None:
    sync = make(0, 2, confirm="broker")
    sync.on(Connected(), 0)
    sync.on(Loaded(0, entries(1, 2)), 0)
    assert sync.on(Acked(CHAIN, 1), 1) == []
    assert sync.on(Published(2), 1) == []
    assert sync.on(Published(1), 1) == [MoveCursor(2)]
    assert sync.on(Published(7), 1) == []


# --- connections that break -----------------------------------------------------------------------------


def test_everything_after_the_cursor_is_published_again_in_order() -> None:
    sync = connected(0, 9)
    sync.on(Acked(CHAIN, 2), 1)
    sync.on(Disconnected(), 2)
    assert sync.on(Connected(), 3) == [Load(0, 3)]
    assert published(sync.on(Loaded(0, entries(1, 3)), 3)) == [1, 2, 3]
    assert sync.on(Acked(CHAIN, 1), 4)[0] == MoveCursor(2)  # the ack of 2 was not forgotten


def test_an_ack_that_comes_after_the_break_counts() -> None:
    sync = connected(0, 9)
    sync.on(Disconnected(), 1)
    assert sync.on(Acked(CHAIN, 1), 1) == [MoveCursor(1)]
    assert sync.on(Connected(), 2) == [Load(1, 3)]
    assert sync.on(Acked(CHAIN, 2), 3) == [MoveCursor(2)]  # while the ledger is still reading
    assert sync.on(Loaded(1, entries(2, 4)), 3) == [Load(2, 3)]
    assert published(sync.on(Loaded(2, entries(3, 5)), 3)) == [3, 4, 5]


def test_the_oldest_entry_sets_the_deadline() -> None:
    sync = make(0, 1)
    assert sync.deadline is None
    sync.on(Connected(), 10)
    assert sync.deadline is None
    sync.on(Loaded(0, entries(1, 1)), 11)
    assert sync.deadline == 26
    sync.on(Appended(2), 20)
    sync.on(Loaded(1, entries(2, 2)), 20)
    assert sync.deadline == 26
    sync.on(Acked(CHAIN, 1), 21)
    assert sync.deadline == 35
    sync.on(Acked(CHAIN, 2), 22)
    assert sync.deadline is None


def test_silence_ends_the_connection_once_and_the_next_one_begins_anew() -> None:
    sync = connected(0, 5, now=100)
    assert sync.on(Tick(), 114.9) == []
    (reconnect,) = sync.on(Tick(), 115)
    assert isinstance(reconnect, Reconnect)
    assert "entry 1 " in reconnect.reason
    assert "平台" in reconnect.reason
    assert sync.deadline is None
    assert sync.on(Tick(), 200) == []
    assert sync.on(Connected(), 200) == [Load(0, 3)]
    assert sync.deadline is None  # nothing has been sent on this connection yet
    sync.on(Loaded(0, entries(1, 3)), 201)
    assert sync.deadline == 216


def test_the_reason_names_whose_word_is_missing() -> None:
    sync = make(0, 1, confirm="broker", timeout=0.5)
    sync.on(Connected(), 0)
    sync.on(Loaded(0, entries(1, 1)), 0)
    (reconnect,) = sync.on(Tick(), 1)
    assert isinstance(reconnect, Reconnect)
    assert "the broker" in reconnect.reason
    assert "0.5 s" in reconnect.reason


# --- what ended a connection ----------------------------------------------------------------------------


def ended(code: int, packet: int) -> BaseExceptionGroup[Exception]:
    why = aiomqtt.MqttError("Disconnected during message iteration")
    why.__cause__ = aiomqtt.MqttCodeError(ReasonCode(packet, identifier=code))
    return ExceptionGroup("", [ExceptionGroup("", [why])])


@pytest.mark.parametrize(
    ("code", "packet", "remedy", "refused"),
    [
        (0x8E, PacketTypes.DISCONNECT, "same client_id", False),
        (0x93, PacketTypes.DISCONNECT, "window", False),
        (0x97, PacketTypes.PUBACK, "quota", False),
        (0x87, PacketTypes.SUBACK, "access rules", True),
        (0x86, PacketTypes.CONNACK, "password_file", True),
        (0x84, PacketTypes.CONNACK, "MQTT 5", True),
    ],
)
def test_a_brokers_reason_comes_with_a_remedy(code: int, packet: int, remedy: str, *, refused: bool) -> None:
    failure = _why(ended(code, packet))
    assert remedy in failure.reason
    assert failure.refused is refused


def test_every_remedy_is_given_in_both_languages() -> None:
    assert all(" / " in remedy for remedy in REMEDIES.values())
    assert REMEDIES.keys() >= REFUSALS


# --- options --------------------------------------------------------------------------------------------


def test_the_defaults() -> None:
    options = UplinkOptions.model_validate({"name": "city", "host": "mqtt.example.org"})
    assert (options.broker_port, options.confirm, options.window) == (1883, "ack", 20)
    assert (options.keepalive, options.ack_timeout, options.publish_timeout) == (15, 15, 5)


def test_the_port_follows_tls_unless_it_is_set() -> None:
    assert UplinkOptions.model_validate({"name": "c", "host": "h", "tls": {}}).broker_port == 8883
    assert UplinkOptions.model_validate({"name": "c", "host": "h", "tls": {}, "port": 1}).broker_port == 1


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "::1", "mqtt.example.org.", "a-b_c"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert UplinkOptions.model_validate({"name": "c", "host": host}).host == host


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"host": ""}, "host"),
        ({"host": "a..b"}, "host"),
        ({"host": "mqtt://h"}, "host"),
        ({"host": "a" * 64}, "host"),
        ({"name": "a b"}, "name"),
        ({"name": "a/b"}, "name"),
        ({"port": 0}, "port"),
        ({"confirm": "hope"}, "confirm"),
        ({"window": 0}, "window"),
        ({"ack_timeout": 0}, "ack_timeout"),
        ({"publish_timeout": -1}, "publish_timeout"),
        ({"keepalive": 1}, "keepalive"),
        ({"password": "secret"}, "password"),
        ({"tls": {"cert_file": "a.pem"}}, "key_file"),
        ({"tls": {"insecure": True}}, "insecure"),
    ],
)
def test_a_wrong_option_is_named(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        UplinkOptions.model_validate({"name": "c", "host": "h", **wrong})


def test_every_option_says_in_both_languages_what_it_is() -> None:
    for name, field in UplinkOptions.model_fields.items():
        assert field.description, name
        assert " / " in field.description, name
