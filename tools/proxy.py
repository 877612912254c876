"""A TCP proxy that fails on command: the link between a gateway and its broker, for outages.

python -m tools.proxy 127.0.0.1:1884 127.0.0.1:1883      then one of: up, reset, silent, counts, quit
"""

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import Self

Address = tuple[str, int]
CHUNK = 65536


def keep_port(address: Address) -> socket.socket:
    """Bind without listening: the port refuses connections, and stays ours over every restart of a listener.

    Port 0 lets the system choose. On Linux a listener with SO_REUSEADDR may share the port with this socket.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(address)
    return kept


class Proxy:
    """Forwards connections from `port` to `target`; `async with` begins `up` and ends in `reset`."""

    def __init__(self, target: Address, listen: Address = ("127.0.0.1", 0)) -> None:
        self._target = target
        self._kept = keep_port(listen)
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._links: set[asyncio.Task[None]] = set()
        self.host, self.port = self._kept.getsockname()
        self.connections = 0
        self.bytes_up = 0
        self.bytes_down = 0

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.reset()
        self._kept.close()

    async def up(self) -> None:
        """Accept and forward; what a silent link held back flows on."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._accept, self.host, self.port)

    def silent(self) -> None:
        """A cable pulled: connections stay and are accepted, nothing is forwarded, nothing refused."""
        self._flowing.clear()

    async def reset(self) -> None:
        """Reset every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for link in self._links:
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        link = asyncio.create_task(self._link(reader, writer))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _link(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        sides = [near_out]
        try:
            await self._flowing.wait()
            far_in, far_out = await asyncio.open_connection(*self._target)
            sides.append(far_out)
            await self._forward(near_in, near_out, far_in, far_out)
        except (OSError, asyncio.CancelledError):
            for side in sides:
                _reset(side)
        else:
            for side in sides:
                side.close()

    async def _forward(
        self,
        near_in: asyncio.StreamReader,
        near_out: asyncio.StreamWriter,
        far_in: asyncio.StreamReader,
        far_out: asyncio.StreamWriter,
    ) -> None:
        """Both ways, until one of them ends. Raises OSError if it was reset."""
        ways = [asyncio.create_task(self._up(near_in, far_out)), asyncio.create_task(self._down(far_in, near_out))]
        try:
            ended, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        for way in ended:
            way.result()

    async def _up(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            await self._flowing.wait()
            self.bytes_up += len(data)
            sink.write(data)
            await sink.drain()

    async def _down(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(CHUNK):
            await self._flowing.wait()
            self.bytes_down += len(data)
            sink.write(data)
            await sink.drain()


def _reset(side: asyncio.StreamWriter) -> None:
    connection: socket.socket = side.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    side.transport.abort()


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host or "127.0.0.1", int(port)


async def _main(listen: str, target: str) -> None:
    async with Proxy(_address(target), _address(listen)) as proxy:
        print(f"{proxy.host}:{proxy.port} -> {target}; up, reset, silent, counts, quit", flush=True)
        while (command := (await asyncio.to_thread(sys.stdin.readline)).strip()) != "quit":
            match command:
                case "up":
                    await proxy.up()
                case "reset":
                    await proxy.reset()
                case "silent":
                    proxy.silent()
                case "counts":
                    print(
                        f"{proxy.connections} connections, {proxy.bytes_up} up, {proxy.bytes_down} down", flush=True
                    )
                case _:
                    print("up, reset, silent, counts or quit", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(_main(*sys.argv[1:]))
