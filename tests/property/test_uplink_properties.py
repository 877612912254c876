"""Whatever the network does: nothing lost, nothing out of order, never more than a window under way."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.ledger.entries import Entry
from gateway.uplink.formats.cloudevents import AckError, parse_ack
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

ACK_TIMEOUT = 10.0


@dataclass
class World:
    """A ledger, a wire that is lost with its connection, a platform, and acks that find their way some time."""

    window: int
    confirm: Literal["ack", "broker"]
    ledger: list[Entry] = field(default_factory=list)
    platform: list[int] = field(default_factory=list)
    wire: deque[Entry] = field(default_factory=deque)
    acks: deque[Event] = field(default_factory=deque)
    loads: deque[Loaded] = field(default_factory=deque)
    sent: list[int] = field(default_factory=list)
    stored: int = 0
    now: float = 0.0
    online: bool = False

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """The gateway is killed: what it knew is gone, the ledger and its cursor stay."""
        self.cut()
        self.loads.clear()
        self.sync = Sync(
            self.stored, len(self.ledger), window=self.window, confirm=self.confirm, ack_timeout=ACK_TIMEOUT
        )

    def cut(self) -> None:
        self.online = False
        self.wire.clear()
        if self.confirm == "broker":
            self.acks.clear()

    def append(self, count: int) -> None:
        for _ in range(count):
            number = len(self.ledger) + 1
            self.ledger.append(Entry(f"c{number // 7}", number, "alarm", "{}", ""))
        self.feed(Appended(len(self.ledger)))

    def connect(self) -> None:
        self.online = True
        self.sent = []
        self.feed(Connected())

    def feed(self, event: Event) -> None:
        for action in self.sync.on(event, self.now):
            self.carry_out(action)

    def carry_out(self, action: Action) -> None:
        match action:
            case Load(after, limit):
                assert 0 < limit <= self.window
                self.loads.append(Loaded(after, self.ledger[after : after + limit]))
            case Publish(entry):
                assert self.online
                assert entry.number == (self.sent[-1] if self.sent else self.sync.cursor) + 1
                self.sent.append(entry.number)
                self.wire.append(entry)
            case MoveCursor(number):
                assert self.stored < number <= len(self.platform)
                self.stored = number
            case Reconnect():
                assert self.online
                self.cut()

    def deliver(self) -> None:
        """One message arrives; the platform, or the broker, says so."""
        entry = self.wire.popleft()
        if entry.number == len(self.platform) + 1:
            self.platform.append(entry.number)
        assert entry.number <= len(self.platform), "a gap at the platform"
        acked = self.confirm == "ack"
        self.acks.append(Acked(entry.chain, entry.number) if acked else Published(entry.number))


class Outages(RuleBasedStateMachine):
    world: World

    @initialize(window=st.integers(1, 5), confirm=st.sampled_from(["ack", "broker"]))
    def begin(self, window: int, confirm: Literal["ack", "broker"]) -> None:
        self.world = World(window, confirm)

    @rule(count=st.integers(1, 8))
    def append(self, count: int) -> None:
        self.world.append(count)

    @precondition(lambda self: not self.world.online)
    @rule()
    def connect(self) -> None:
        self.world.connect()

    @precondition(lambda self: self.world.online)
    @rule()
    def disconnect(self) -> None:
        self.world.cut()
        self.world.feed(Disconnected())

    @rule()
    def killed(self) -> None:
        self.world.restart()

    @precondition(lambda self: self.world.loads)
    @rule()
    def load(self) -> None:
        self.world.feed(self.world.loads.popleft())

    @precondition(lambda self: self.world.wire)
    @rule()
    def deliver(self) -> None:
        self.world.deliver()

    @precondition(lambda self: self.world.acks)
    @rule(late=st.booleans(), twice=st.booleans())
    def ack(self, late: bool, twice: bool) -> None:  # noqa: FBT001  hypothesis draws them
        ack = self.world.acks.pop() if late else self.world.acks.popleft()
        self.world.feed(ack)
        if twice:
            self.world.feed(ack)

    @precondition(lambda self: self.world.acks)
    @rule()
    def ack_lost(self) -> None:
        self.world.acks.popleft()

    @rule(number=st.integers(-2, 60), chain=st.sampled_from(["c", "x", ""]))
    def forged_ack(self, number: int, chain: str) -> None:
        self.world.feed(Acked(chain, number))

    @rule(seconds=st.floats(0, 12))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds
        self.world.feed(Tick())

    @invariant()
    def never_more_than_a_window_under_way(self) -> None:
        assert len(self.world.sync._under_way) <= self.world.window

    @invariant()
    def the_cursor_is_what_was_told(self) -> None:
        assert self.world.sync.cursor == self.world.stored <= len(self.world.platform)

    def teardown(self) -> None:
        """On a network that works again, everything arrives and is confirmed."""
        world = self.world
        for _ in range(20 * (len(world.ledger) + 20)):
            if not world.online:
                world.connect()
            elif world.loads:
                world.feed(world.loads.popleft())
            elif world.wire:
                world.deliver()
            elif world.acks:
                world.feed(world.acks.popleft())
            elif world.sync.deadline is not None:
                world.now = world.sync.deadline
                world.feed(Tick())
        assert world.stored == len(world.ledger) == len(world.platform)


TestOutages = Outages.TestCase


@given(st.binary(max_size=2000))
def test_any_bytes_are_an_ack_or_refused(payload: bytes) -> None:
    try:
        ack = parse_ack(payload)
    except AckError:
        return
    assert ack.number >= 1


@given(
    st.dictionaries(
        st.sampled_from(["gateway", "chain", "number", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
            max_leaves=5,
        ),
    )
)
def test_any_json_is_an_ack_or_refused(fields: dict[str, object]) -> None:
    import json

    payload = json.dumps(fields).encode()
    try:
        ack = parse_ack(payload)
    except AckError:
        return
    assert (ack.gateway, ack.chain, ack.number) == (fields["gateway"], fields["chain"], fields["number"])
