"""The thin shell of an antenna: a port, a clock, and `ReaderSession` between them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import DeviceEvent, Instant, ReaderOrder, ReaderUp
from drivers.reader.session import ReaderInput, ReaderOutput, ReaderSession
from drivers.transport import Transport


@dataclass(slots=True)
class Antenna:
    """Runs one session. `order` may be called at any time from the event loop, also from within `emit`.

    An event goes up with the instant of what it follows from.
    """

    session: ReaderSession
    emit: Callable[[DeviceEvent, Instant], None]
    clock: Callable[[], Instant]
    transport: Transport = field(init=False)
    _inbox: deque[tuple[ReaderInput, Instant]] = field(default_factory=deque)
    _busy: bool = False
    _timer: asyncio.TimerHandle | None = None

    async def run(self, transport: Transport) -> None:
        """Serve until cancelled."""
        self.transport = transport
        try:
            await transport.run()
        finally:
            self._busy = True  # nothing is taken any more
            if self._timer:
                self._timer.cancel()

    def feed(self, what: Connected | Disconnected | bytes, now: Instant) -> None:
        """What the transport says."""
        self._take(what, now)

    def order(self, order: ReaderOrder) -> None:
        """What the lane says."""
        self._take(order, self.clock())

    def _take(self, what: ReaderInput, now: Instant) -> None:
        """One input after the other, each with all that follows from it, whoever calls from within."""
        self._inbox.append((what, now))
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                following, at = self._inbox.popleft()
                for output in self.session.on(following, at):
                    self._carry_out(output, at)
        finally:
            self._busy = False
        self._set_timer()

    def _carry_out(self, output: ReaderOutput, now: Instant) -> None:
        match output:
            case Send(data):
                self.transport.write(data, now)
            case Emit(event):
                if isinstance(event, ReaderUp):
                    self.transport.well()
                self.emit(event, now)
            case Drop(reason):
                self.transport.drop(reason)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        deadline = self.session.deadline
        if deadline is None:
            self._timer = None
            return
        loop = asyncio.get_running_loop()
        wait = max(0.0, deadline - self.clock().mono)
        self._timer = loop.call_later(wait, self._on_timer)

    def _on_timer(self) -> None:
        self._take(Tick(), self.clock())
