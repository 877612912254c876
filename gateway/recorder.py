"""The recorder: every byte of every antenna's port, as pcapng, on a disk budget. It may fail; the lane may not.

A barrier's port is recorded as its driver understood it, one short text per changed input (`presence on`): a replay
needs to know when a car had passed, and Modbus polling would fill the disk with the same answer.

A file per start and per `megabytes`, the oldest dropped: a section never follows another in one file, and what a
power cut tore is at the end of a file that nobody appends to.
"""

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field

from drivers.ports import InputChanged, Instant
from drivers.transport import Tap
from protocols.china import CHINA
from protocols.errors import CaptureError
from protocols.pcapng import Interface, Packet, Writer

KEPT_FILES = 8
"""The budget is spread over so many files: one is lost at a time."""

log = structlog.get_logger()


class RecorderOptions(BaseModel):
    """`[recorder]`: without this table nothing is recorded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Annotated[Path, Field(description="抓包目录 / where the captures go")]
    megabytes: Annotated[int, Field(ge=8, le=100_000, description="总大小上限 / all captures together")] = 256


class Recorder:
    """Writes in a thread of its own, from the first packet to `close` or to the first refusal of the disk."""

    def __init__(self, options: RecorderOptions, ports: Sequence[Interface]) -> None:
        self._directory = options.directory
        self._limit = options.megabytes * 1_000_000 // KEPT_FILES
        self._ports = ports
        self._queue: SimpleQueue[Packet | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def tap(self, port: str) -> Tap:
        """What the transport of this port calls."""

        def record(now: Instant, outbound: bool, data: bytes) -> None:  # noqa: FBT001  the tap's own signature
            self._queue.put(Packet(port, _nanoseconds(now), outbound, data))

        return record

    def input(self, event: InputChanged, now: Instant) -> None:
        """An input of a barrier has changed."""
        text = f"{event.name} {_STATES[event.on]}"
        self._queue.put(Packet(event.device, _nanoseconds(now), outbound=False, data=text.encode()))

    def close(self) -> None:
        """Write what is queued, and end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        packets = iter(self._queue.get, None)
        try:
            packet = next(packets, None)
            while packet is not None:
                packet = self._one_file(packet, packets)
        except OSError as error:
            log.error("nothing is recorded any more / 抓包已停止", error=str(error))  # noqa: TRY400  no bug of ours
            for _ in packets:
                pass  # the ports go on talking for years: what nobody writes must not pile up

    def _one_file(self, first: Packet, rest: Iterator[Packet]) -> Packet | None:
        """Fill one file; gives the packet that begins the next, None at the end."""
        self._directory.mkdir(parents=True, exist_ok=True)
        for old in sorted(self._directory.glob("*.pcapng"))[: 1 - KEPT_FILES]:
            old.unlink()
        writer, packet = Writer(), first
        # A file's name is its beginning, so names sort by time.
        with (self._directory / f"{_stamp(first.time_ns)}.pcapng").open("wb") as file:
            file.write(writer.header() + b"".join(map(writer.interface, self._ports)))
            while file.tell() < self._limit:
                file.write(writer.packet(packet))
                if self._queue.empty():
                    file.flush()
                following = next(rest, None)
                if following is None:
                    return None
                packet = following
        return packet


def input_of(packet: Packet) -> InputChanged:
    """The reverse of `Recorder.input`. Raises CaptureError for any other bytes."""
    name, _, state = packet.data.decode("ascii", "replace").partition(" ")
    on = next((on for on, text in _STATES.items() if text == state), ...)
    if on is ...:
        raise CaptureError(f"{packet.interface}: {packet.data!r} is no input of a barrier")
    return InputChanged(packet.interface, name, on)


_STATES = {True: "on", False: "off", None: "unknown"}


def _nanoseconds(now: Instant) -> int:
    """The instant as pcapng holds it; a clock's microseconds are all there is, and all that a replay gets back."""
    return int(now.wall.timestamp()) * 1_000_000_000 + now.wall.microsecond * 1000


def _stamp(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns / 1e9, CHINA).strftime("%Y%m%dT%H%M%S.%f")
