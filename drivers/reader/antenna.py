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
    """Runs one session. `order` may be called at any time from the event loop, also from within `emit`."""

    session: ReaderSession
    emit: Callable[[DeviceEvent], None]
    clock: Callable[[], Instant]
    transport: Transport = field(init=False)
    _inbox: deque[ReaderInput] = field(default_factory=deque)
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

    def feed(self, what: Connected | Disconnected | bytes) -> None:
        """What the transport says."""
        self._take(what)

    def order(self, order: ReaderOrder) -> None:
        """What the lane says."""
        self._take(order)

    def _take(self, what: ReaderInput) -> None:
        """One input after the other, each with all that follows from it, whoever calls from within."""
        self._inbox.append(what)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                for output in self.session.on(self._inbox.popleft(), self.clock()):
                    self._carry_out(output)
        finally:
            self._busy = False
        self._set_timer()

    def _carry_out(self, output: ReaderOutput) -> None:
        match output:
            case Send(data):
                self.transport.write(data)
            case Emit(event):
                if isinstance(event, ReaderUp):
                    self.transport.well()
                self.emit(event)
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
        self._timer = loop.call_later(wait, self._take, Tick())
