"""A byte stream over serial or TCP that comes back by itself, with a tap for the recorder."""

import asyncio
import errno
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final

import serialx

from drivers.address import serial_of, unopened
from drivers.backoff import Backoff
from drivers.link import Connected, Disconnected
from drivers.ports import Instant

FIRST, CEILING = 0.5, 30.0
"""Seconds between attempts: a lane waits for its antenna, and a dead switch is not to be hammered for years."""
CONNECT_WITHIN = 5.0
DEFAULT_BAUD = 115_200
"""rsu-protocol 2.1 [2+]."""

REASONS: Final[Mapping[int | None, tuple[str, str]]] = {
    errno.ECONNREFUSED: ("连接被拒绝", "connection refused"),
    errno.ECONNRESET: ("连接被对方复位", "connection reset by peer"),
    errno.ETIMEDOUT: ("连接超时", "connection timed out"),
    errno.EHOSTUNREACH: ("主机不可达", "no route to host"),
    errno.ENETUNREACH: ("网络不可达", "network is unreachable"),
    errno.ENOENT: ("没有此串口", "no such port"),
    errno.ENXIO: ("没有此设备", "no such device"),
    errno.EACCES: ("没有权限", "permission denied"),
    errno.EBUSY: ("串口被占用", "port is in use"),
    errno.EIO: ("读写错误，请检查接线", "input/output error; check the cable"),
    errno.EISDIR: ("不是串口", "is a directory"),
    errno.ENOTTY: ("不是串口", "not a serial port"),
    socket.EAI_NONAME: ("找不到主机", "host name not known"),
    socket.EAI_AGAIN: ("域名服务器无应答", "no name server answers"),
}
"""What the system says of a port, by its error number; those of the resolver are negative."""

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
            late = f"{CONNECT_WITHIN:g} s"
            return unopened(self.address, f"{late} 内未连上", f"no connection within {late}")
        except (OSError, serialx.SerialException) as error:
            return unopened(self.address, *_why(error))
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
            zh, en = _why(error)
            return self._dropped or f"连接中断：{zh} / connection broken: {en}"
        return self._dropped or "对方已断开 / closed by the other side"


def _why(error: Exception) -> tuple[str, str]:
    """What has happened, in Chinese and English; what we have no words for, in the system's."""
    number = error.errno if isinstance(error, OSError) else None
    if number in REASONS:
        return REASONS[number]
    said = os.strerror(number) if number and number > 0 else str(error) or type(error).__name__
    return said, said


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError, serialx.SerialException, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()  # a port that has vanished raises once more here
