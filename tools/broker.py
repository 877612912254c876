"""A real mosquitto of our own on a port of its own, that can be killed and started again."""

import asyncio
import getpass
import os
import shutil
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tools.proxy import keep_port

START = 10.0
"""Seconds within which a broker listens, even on a busy machine."""
LOOK = 0.02


class BrokerError(Exception):
    """There is no broker; the text says why."""


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of a TLS listener: the authority that signs our clients, and the listener's own."""

    ca: Path
    cert: Path
    key: Path


class Broker:
    """mosquitto with its files in `directory`; `async with` starts and stops it. Raises BrokerError.

    With `certificates` it listens on `tls_port` too, for clients with a certificate. `lines` go into the
    configuration as they are. Both ports stay the same, and ours, over every restart.
    """

    host = "127.0.0.1"

    def __init__(
        self, directory: Path, *, certificates: Certificates | None = None, lines: Sequence[str] = ()
    ) -> None:
        self._program = _mosquitto()
        self._directory = directory
        self._kept = keep_port((self.host, 0))
        self._kept_tls = keep_port((self.host, 0))
        self.port: int = self._kept.getsockname()[1]
        self.tls_port: int = self._kept_tls.getsockname()[1]
        self._config = self._write(certificates, lines)
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self._kept.close()
        self._kept_tls.close()

    async def start(self) -> None:
        """Start it, and come back when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            self._program, "-c", str(self._config), stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            async with asyncio.timeout(START):
                while not await self._listens():  # noqa: ASYNC110  mosquitto tells nobody when it listens
                    await asyncio.sleep(LOOK)
        except TimeoutError as error:
            await self.kill()
            raise BrokerError(f"mosquitto does not listen within {START:g} s: {self._log()}") from error

    async def stop(self) -> None:
        """End it in order: sessions are saved."""
        await self._end("terminate")

    async def kill(self) -> None:
        """End it as a power cut does."""
        await self._end("kill")

    async def _end(self, how: str) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate() if how == "terminate" else process.kill()
        await process.wait()

    async def _listens(self) -> bool:
        if self._process is None or self._process.returncode is not None:
            raise BrokerError(f"mosquitto ended at once: {self._log()}")
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        writer.close()
        await writer.wait_closed()
        return True

    def _log(self) -> str:
        log = self._directory / "mosquitto.log"
        return log.read_text() if log.exists() else "it wrote no log"

    def _write(self, certificates: Certificates | None, lines: Sequence[str]) -> Path:
        self._directory.mkdir(parents=True, exist_ok=True)
        config = [
            f"user {getpass.getuser()}",  # as root it would become another user, who may not write here
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {self._directory}/",
            "autosave_interval 1",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            f"log_dest file {self._directory}/mosquitto.log",
            *lines,
            f"listener {self.port} {self.host}",
        ]
        if certificates:
            config += [
                f"listener {self.tls_port} {self.host}",
                f"cafile {certificates.ca}",
                f"certfile {certificates.cert}",
                f"keyfile {certificates.key}",
                "require_certificate true",
            ]
        path = self._directory / "mosquitto.conf"
        path.write_text("\n".join(config) + "\n")
        return path


def _mosquitto() -> str:
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if program is None:
        raise BrokerError("mosquitto is missing / 缺少 mosquitto: apt-get install mosquitto")
    return program
