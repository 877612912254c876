"""What goes to a platform, when, and how far it has confirmed: a pure state machine, times in monotonic seconds.

An entry is confirmed by the platform's word alone (law 9); until then it is sent again on every new connection,
always from behind the cursor and in order. Texts stay in the ledger: here is only what is under way.
"""

from collections.abc import Sequence
from typing import Literal

from gateway.ledger.entries import Entry
from protocols.immutable import dataclass

# --- events ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """A new connection takes messages."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The connection is gone; what became of the messages under way is unknown."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The ledger's newest entry is `last`."""

    last: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the ledger holds after `after`: the answer to `Load`."""

    after: int
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Published:
    """The broker took this entry (PUBACK)."""

    number: int


@dataclass(frozen=True, slots=True)
class Acked:
    """The platform has this entry."""

    chain: str
    number: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = Connected | Disconnected | Appended | Loaded | Published | Acked | Tick

# --- actions --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """Fetch up to `limit` entries after `after` from the ledger."""

    after: int
    limit: int


@dataclass(frozen=True, slots=True)
class Publish:
    """Send this entry."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class MoveCursor:
    """All up to `number` is confirmed: remember it."""

    number: int


@dataclass(frozen=True, slots=True)
class Reconnect:
    """This connection delivers nothing: drop it and open another."""

    reason: str


Action = Load | Publish | MoveCursor | Reconnect


@dataclass(slots=True)
class _UnderWay:
    chain: str
    at: float
    confirmed: bool


class Sync:
    """One platform's view of the ledger: confirmed up to `cursor`, written up to `last`."""

    def __init__(
        self, cursor: int, last: int, *, window: int, confirm: Literal["ack", "broker"], ack_timeout: float
    ) -> None:
        self.cursor = cursor
        self.last = last
        self._window = window
        self._confirm_by = confirm
        self._ack_timeout = ack_timeout
        self._connected = False
        self._loading = False
        self._sent = cursor  # the highest number published on this connection
        self._under_way: dict[int, _UnderWay] = {}  # by number, ascending; kept when the connection goes

    @property
    def deadline(self) -> float | None:
        """When `Tick` is wanted: the oldest entry of this connection has then waited long enough."""
        oldest = next(iter(self._under_way), None)
        if not self._connected or oldest is None or oldest > self._sent:
            return None
        return self._under_way[oldest].at + self._ack_timeout

    def on(self, event: Event, now: float) -> list[Action]:
        """What follows from `event`."""
        actions: list[Action] = []
        match event:
            case Connected():
                self._connected, self._loading, self._sent = True, False, self.cursor
            case Disconnected():
                self._connected = False
            case Appended(last):
                self.last = max(self.last, last)
            case Loaded(after, entries):
                actions += self._publish(after, entries, now)
            case Published(number) if self._confirm_by == "broker":
                actions += self._confirm(number)
            case Acked(chain, number) if self._confirm_by == "ack" and self._sent_as(number) == chain:
                actions += self._confirm(number)
            case Tick() if self.deadline is not None and now >= self.deadline:
                self._connected = False
                return [self._overdue()]
        return [*actions, *self._load()]

    @property
    def _room(self) -> int:
        """How many more may be sent on this connection."""
        return self._window - sum(number <= self._sent for number in self._under_way)

    def _load(self) -> list[Action]:
        if not self._connected or self._loading or not self._room or self._sent >= self.last:
            return []
        self._loading = True
        return [Load(self._sent, self._room)]

    def _publish(self, after: int, entries: Sequence[Entry], now: float) -> list[Action]:
        """Send what was loaded, unless it answers a question of an earlier connection."""
        self._loading = False
        if not self._connected or after != self._sent:
            return []
        if not entries:
            self.last = self._sent  # the ledger knows best: wait for what it appends
        fitting = entries[: self._room]
        for entry in fitting:
            before = self._under_way.get(entry.number)
            self._under_way[entry.number] = _UnderWay(entry.chain, now, before is not None and before.confirmed)
            self._sent = entry.number
        return [Publish(entry) for entry in fitting]

    def _sent_as(self, number: int) -> str | None:
        under_way = self._under_way.get(number)
        return under_way.chain if under_way else None

    def _confirm(self, number: int) -> list[Action]:
        """The cursor moves over what is confirmed without a hole; a later entry waits for the earlier ones."""
        if number not in self._under_way:
            return []
        self._under_way[number].confirmed = True
        before = self.cursor
        while (oldest := next(iter(self._under_way), None)) is not None and self._under_way[oldest].confirmed:
            del self._under_way[oldest]
            self.cursor = oldest
        self._sent = max(self._sent, self.cursor)
        return [MoveCursor(self.cursor)] if self.cursor > before else []

    def _overdue(self) -> Reconnect:
        zh, en = ("平台", "the platform") if self._confirm_by == "ack" else ("服务器", "the broker")
        oldest, wait = next(iter(self._under_way)), f"{self._ack_timeout:g}"
        return Reconnect(
            f"{zh} {wait} 秒内没有确认第 {oldest} 条 / {en} has not confirmed entry {oldest} within {wait} s"
        )
