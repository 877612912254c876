"""The platform, the broker before it, and the gateway's uplink to them: real sync, real messages, no network."""

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final

from gateway.ledger.entries import Entry, canonical
from gateway.ledger.store import LedgerError, Store
from gateway.orders import Order
from gateway.uplink.formats import cloudevents
from gateway.uplink.sync import (
    Acked,
    Action,
    Appended,
    Connected,
    Disconnected,
    Event,
    Load,
    Loaded,
    MoveCursor,
    Publish,
    Published,
    Reconnect,
    Sync,
    Tick,
)
from tools.soak.clock import Clock, Timer

GATEWAY: Final = "soak"
UPLINK: Final = "city"
WINDOW: Final = 20
ACK_TIMEOUT: Final = 120.0
AGAIN: Final = 60.0
"""Seconds at most until a lost connection is tried again."""
REPEATED: Final = 0.01
"""The share of messages and of acks that come twice."""


@dataclass(slots=True)
class Books:
    """What the platform has: each entry once, by chain and number, as the bytes of its message were."""

    have: dict[tuple[str, int], bytes] = field(default_factory=dict)
    texts: dict[int, str] = field(default_factory=dict)
    newest: int = 0
    received: int = 0

    def take(self, payload: bytes) -> tuple[str, int, dict[str, Any] | None]:
        """Book a message: chain, number, and the entry if it is new. Raises ValueError if it is wrong."""
        self.received += 1
        event = json.loads(payload)
        gateway, chain, number_ = event["id"].split("/")
        key, seen = (chain, int(number_)), sha256(payload).digest()
        if key in self.have:
            if self.have[key] != seen:
                raise ValueError(f"entry {key[1]} came again with other bytes")
            return *key, None
        if gateway != GATEWAY or key[1] != self.newest + 1:
            raise ValueError(f"entry {key[1]} of {gateway} came behind {self.newest}")
        self.have[key], self.newest = seen, key[1]
        entry: dict[str, Any] = event["data"]["entry"]
        self.texts[key[1]] = canonical(entry)
        return *key, entry


@dataclass(slots=True)
class Platform:
    """A broker with a platform behind it. While `broker_away` nobody connects; while `away` nobody acknowledges.

    A broker that comes back has forgotten what it held, if it `forgets`.
    """

    clock: Clock
    rng: Random
    wrong: Callable[[str], None]
    booked: Callable[[dict[str, Any]], None]
    """Hears of each entry that the platform has not had before."""
    books: Books = field(default_factory=Books)
    broker_away: bool = False
    away: bool = False
    uplink: "Uplink | None" = None
    _held: deque[bytes] = field(default_factory=deque)
    _orders: deque[bytes] = field(default_factory=deque)
    _taking: bool = False

    def publish(self, payload: bytes) -> None:
        """The broker has a message, and sometimes delivers it twice."""
        self._held.append(payload)
        if self.rng.random() < REPEATED:
            self._held.append(payload)
        self._take_soon()

    def order(self, kind: str, data: Mapping[str, object]) -> None:
        """The platform's people order something; the broker keeps it for the gateway."""
        number = f"{self.rng.getrandbits(32):08x}"
        event = {
            "specversion": "1.0",
            "id": number,
            "source": "/city",
            "type": f"city.etclane.order.{kind}",
            "data": data,
        }
        self._orders.append(canonical(event).encode())
        self._deliver_orders()

    def lose_broker(self, *, forgets: bool) -> None:
        """The broker goes away, with all connections."""
        self.broker_away = True
        if forgets:
            self._held.clear()
        if self.uplink:
            self.uplink.lose()

    def find_broker(self) -> None:
        """It is back."""
        self.broker_away = False
        self._take_soon()

    def come_back(self) -> None:
        """The platform works again, on all that the broker has kept for it."""
        self.away = False
        self._take_soon()

    def connected(self) -> None:
        """The gateway's uplink is there."""
        self.clock.after(0.05, self._deliver_orders)

    def _deliver_orders(self) -> None:
        while self._orders and self.uplink and self.uplink.connected and not self.broker_away:
            self.uplink.order(self._orders.popleft())

    def _take_soon(self) -> None:
        if not self._taking and self._held and not self.away and not self.broker_away:
            self._taking = True
            self.clock.after(self.rng.uniform(0.02, 0.3), self._take)

    def _take(self) -> None:
        self._taking = False
        if self.away or self.broker_away:
            return
        acks = []
        while self._held:
            try:
                chain, number, entry = self.books.take(self._held.popleft())
            except ValueError as error:
                self.wrong(str(error))
                return
            if entry:
                self.booked(entry)
            ack = canonical({"gateway": GATEWAY, "chain": chain, "number": number}).encode()
            acks += [ack] * (1 + (self.rng.random() < REPEATED))
        if self.uplink:
            self.uplink.acks(acks)


@dataclass(slots=True)
class Uplink:
    """As `gateway.uplink.mqtt.Uplink`, for one process: connects, syncs and comes back after every failure."""

    clock: Clock
    rng: Random
    store: Store
    platform: Platform
    obey: Callable[[Order], None]
    dead: bool = False
    connected: bool = False
    _sync: Sync | None = None
    _timer: Timer = field(init=False)

    def __post_init__(self) -> None:
        self._timer = Timer(self.clock, lambda: self._on(Tick()))
        self.clock.after(self.rng.uniform(0.1, 2.0), self._connect)

    def appended(self, last: int) -> None:
        """The ledger's newest durable entry is `last`."""
        if self._sync:
            self._on(Appended(last))

    def lose(self) -> None:
        """The connection is gone; the next is tried after a while."""
        if not self.connected:
            return
        self.connected = False
        self._on(Disconnected())
        self.clock.after(self.rng.uniform(1.0, AGAIN), self._connect)

    def acks(self, payloads: Iterable[bytes]) -> None:
        """The platform's word on entries."""
        if self.connected and not self.dead:
            parsed = [cloudevents.parse_ack(payload) for payload in payloads]
            self._on(*(Acked(ack.chain, ack.number) for ack in parsed))

    def order(self, payload: bytes) -> None:
        """The platform orders something."""
        if not self.dead:
            self.obey(cloudevents.parse_order(payload))

    def _connect(self) -> None:
        if self.dead:
            return
        if self.platform.broker_away:
            self.clock.after(self.rng.uniform(AGAIN / 2, AGAIN), self._connect)
            return
        if self._sync is None:
            cursor, last = self.store.cursor(UPLINK), self.store.last
            self._sync = Sync(cursor, last, window=WINDOW, confirm="ack", ack_timeout=ACK_TIMEOUT)
        self.connected = True
        self._on(Connected())
        self.platform.connected()

    def _on(self, *events: Event) -> None:
        """Feed the sync; of the moves of the cursor the last one serves all."""
        if self._sync is None or self.dead:
            return
        now = self.clock.now
        actions = [action for event in events for action in self._sync.on(event, now)]
        moves = [action for action in actions if isinstance(action, MoveCursor)]
        try:
            for action in actions:
                if not isinstance(action, MoveCursor) or action is moves[-1]:
                    self._carry_out(action)
        except (sqlite3.Error, LedgerError):
            self._sync = None  # what was not stored is asked anew
            self.lose()
            return
        self._timer.set(self._sync.deadline if self._sync else None)

    def _carry_out(self, action: Action) -> None:
        match action:
            case Load(after, limit):
                entries = self.store.entries(after, limit)
                self.clock.after(0.01, lambda: self._on(Loaded(after, entries)))
            case Publish(entry):
                self._publish(entry)
            case MoveCursor(number):
                self.store.move_cursor(UPLINK, number)
            case Reconnect():
                self.clock.after(0.0, self.lose)

    def _publish(self, entry: Entry) -> None:
        _, payload = cloudevents.message(GATEWAY, entry)
        self.clock.after(0.03, lambda: self._arrive(payload, entry.number))

    def _arrive(self, payload: bytes, number: int) -> None:
        """A message under way when the broker goes is lost; one whose sender dies may still arrive."""
        if self.platform.broker_away:
            return
        self.platform.publish(payload)
        if self.connected:
            self._on(Published(number))
