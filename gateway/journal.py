"""The lines that tell of events and orders: written a moment later, so that no car waits for them."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from structlog.typing import FilteringBoundLogger

from gateway.plain import plain

LATER = 0.02
"""Seconds from the first line to when it is written with all that follow: most decisions are over by then."""


def stamp(at: datetime) -> str:
    """Local time with its zone; structlog's own stamp of local time names none."""
    return at.astimezone().isoformat(timespec="milliseconds")


@dataclass(slots=True)
class Journal:
    """Takes lines in the event loop, in their order, each with the time when it was taken.

    Written at once, a line would hold up what it tells of, or the ledger's thread, which Python lets run only when
    the loop rests.
    """

    log: FilteringBoundLogger
    _lines: deque[tuple[datetime, str, str, object]] = field(default_factory=deque)

    def note(self, line: str, name: str, what: object) -> None:
        """Take a line, with what it tells of under this name."""
        if not self._lines:
            asyncio.get_running_loop().call_later(LATER, self.write)
        self._lines.append((datetime.now(), line, name, what))  # noqa: DTZ005  `stamp` adds the zone, later

    def write(self) -> None:
        """Write what has been taken; to be called at the end too, when no time may come any more."""
        while self._lines:
            at, line, name, what = self._lines.popleft()
            self.log.info(line, timestamp=stamp(at), **{name: plain(what)})
