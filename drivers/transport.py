"""A byte stream over serial or TCP that comes back by itself, with a tap for the recorder."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import serialx

from drivers.address import serial_of
from drivers.backoff import Backoff
from drivers.link import Connected, Disconnected
from drivers.ports import Instant

FIRST, CEILING = 0.5, 30.0
"""Seconds between attempts: a lane waits for its antenna, and a dead switch is not to be hammered for years."""
CONNECT_WITHIN = 5.0
DEFAULT_BAUD = 115_200
"""rsu-protocol 2.1 [2+]."""

Tap = Callable[[Instant, bool, bytes], None]
"""Sees every byte before anybody acts on it: (when, outbound, data)."""


@dataclass(slots=True)
class Transport:
    """One port. `feed` gets Connected, bytes and Disconnected, in that order, again and again.

    `feed` and `tap` get the same instant for the same bytes: so a capture, replayed, decides as the lane did.
    """

    address: str
    feed: Callable[[Connected | Disconnected | bytes, Instant], None]
    tap: Tap
    clock: Callable[[], Instant]
    rng: Random
    _writer: asyncio.StreamWriter | None = None
    _dropped: str | None = None
    _backoff: Backoff | None = None

    async def run(self) -> None:
        """Keep the port open until cancelled."""
        self._backoff = Backoff(FIRST, CEILING, self.rng)
        while True:
            reason = await self._serve()
            self.feed(Disconnected(reason), self.clock())
            await asyncio.sleep(self._backoff.next())

    def write(self, data: bytes, now: Instant) -> None:
        """Send these bytes; without a connection they are lost, as on any wire."""
        if self._writer is not None and not self._writer.is_closing():
            self.tap(now, True, data)  # noqa: FBT003  the tap's own order
            self._writer.write(data)

    def drop(self, reason: str) -> None:
        """Give this connection up; another follows."""
        if self._writer is not None:
            self._dropped = reason
            self._writer.transport.abort()

    def well(self) -> None:
        """The device has answered: after the next fault, begin with the shortest wait."""
        if self._backoff is not None:
            self._backoff.reset()

    async def _serve(self) -> str:
        """One connection from its opening to its end; gives the reason of the end."""
        self._dropped = None
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                reader, writer = await self._open()
        except TimeoutError:
            return f"no connection within {CONNECT_WITHIN:g} s"
        except (OSError, serialx.SerialException) as error:
            return str(error) or type(error).__name__
        self._writer = writer
        try:
            self.feed(Connected(), self.clock())
            return await self._read(reader)
        finally:
            self._writer = None
            await _close(writer)

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        serial = serial_of(self.address)
        url, baud = serial or (self.address, None)
        return await serialx.open_serial_connection(url=url, baudrate=baud or DEFAULT_BAUD)

    async def _read(self, reader: asyncio.StreamReader) -> str:
        try:
            while data := await reader.read(4096):
                now = self.clock()
                self.tap(now, False, data)  # noqa: FBT003  the tap's own order
                self.feed(data, now)
        except (OSError, serialx.SerialException) as error:
            return self._dropped or str(error) or type(error).__name__
        return self._dropped or "closed by the other side"


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError, serialx.SerialException, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()  # a port that has vanished raises once more here
