"""The thin shell of a box: we listen, it connects; a clock, and `BoxSession` between them."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import cast

from drivers.address import tcp_of
from drivers.backoff import Backoff
from drivers.link import Connected, Disconnected, Send, Tick
from drivers.ports import Instant, PsamDone, PsamWanted
from drivers.security.box import BoxDown, BoxEvent, BoxInput, BoxOutput, BoxSession

FIRST, CEILING = 1.0, 60.0
"""Seconds between tries to listen, while another program has the port."""


@dataclass(slots=True)
class BoxServer:
    """Runs one session. `take` may be called at any time from the event loop, also from within `emit`.

    One connection at a time: a new one replaces the old, which may be dead without our knowing.
    """

    session: BoxSession
    listen: str
    emit: Callable[[BoxEvent | PsamWanted | PsamDone, Instant], None]
    clock: Callable[[], Instant]
    port: int = 0
    line: "_Line | None" = None
    _inbox: deque[BoxInput] = field(default_factory=deque)
    _busy: bool = False
    _timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await self._open()
        self.port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.Event().wait()
        finally:
            self._busy = True  # nothing is taken any more
            server.close()
            if self.line:
                self.line.transport.abort()
            if self._timer:
                self._timer.cancel()

    async def _open(self) -> asyncio.Server:
        """Our port, tried again while another program has it."""
        backoff, told = Backoff(FIRST, CEILING, Random()), ""
        host, port = cast("tuple[str, int]", tcp_of(self.listen))
        while True:
            try:
                return await asyncio.get_running_loop().create_server(lambda: _Line(self), host, port)
            except OSError as error:
                if str(error) != told:
                    told = str(error)
                    self.emit(BoxDown(self.session.device, f"{self.listen}: {error}"), self.clock())
            await asyncio.sleep(backoff.next())

    def connected(self, line: "_Line") -> None:
        """A box has come."""
        if self.line:
            self.line.transport.abort()
            self.take(Disconnected("another connection"))
        self.line = line
        self.take(Connected())

    def lost(self, line: "_Line", reason: str) -> None:
        """A connection has ended; that of an earlier one is no news."""
        if self.line is line:
            self.line = None
            self.take(Disconnected(reason))

    def take(self, what: BoxInput) -> None:
        """One input after the other, each with all that follows from it, whoever calls from within."""
        self._inbox.append(what)
        if self._busy:
            return
        self._busy = True
        try:
            while self._inbox:
                now = self.clock()
                for output in self.session.on(self._inbox.popleft(), now):
                    self._carry_out(output, now)
        finally:
            self._busy = False
        self._set_timer()

    def _carry_out(self, output: BoxOutput, now: Instant) -> None:
        if not isinstance(output, Send):
            self.emit(output.event, now)
        elif self.line:
            self.line.transport.write(output.data)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
        deadline, self._timer = self.session.deadline, None
        if deadline is not None:
            wait = max(0.0, deadline - self.clock().mono)
            self._timer = asyncio.get_running_loop().call_later(wait, self.take, Tick())


class _Line(asyncio.Protocol):
    """One connection of a box."""

    transport: asyncio.Transport

    def __init__(self, server: BoxServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._server.connected(self)

    def data_received(self, data: bytes) -> None:
        if self._server.line is self:
            self._server.take(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.lost(self, str(exc) if exc else "closed by the box")
