"""The ledger's writer on virtual time: groups what waits, tries again, and tells when it is durable."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from gateway.ledger.entries import Draft, Entry
from gateway.ledger.store import Store
from gateway.ledger.writer import RETRY_CEILING, RETRY_FIRST
from tools.soak.clock import Clock

Done = Callable[[list[Entry]], None]


class _Process(Protocol):
    """What the writer knows of the process that it is a thread of."""

    clock: Clock
    rng: Random
    dead: bool

    def point(self, name: str) -> None:
        """A place where it may die."""
        ...

    def grown(self) -> None:
        """The file has more in it now, for good."""
        ...


def _nobody(_: object) -> None:
    """Before runner and uplink are there."""


@dataclass(slots=True)
class Writer:
    """As `gateway.ledger.writer.Writer`; its thread is the disk's seeded delay."""

    process: _Process
    store: Store
    appended: Callable[[int], None] = _nobody
    on_fault: Callable[[str | None], None] = _nobody
    group: list[tuple[Sequence[Draft], Done]] = field(default_factory=list)
    _queue: list[tuple[Sequence[Draft], Done]] = field(default_factory=list)
    _pause: float = RETRY_FIRST
    _told: bool = False

    def submit(self, drafts: Sequence[Draft], done: Done) -> None:
        """Queue these; `done` follows when they are durable."""
        self._queue.append((drafts, done))
        if not self.group and len(self._queue) == 1:
            self.process.clock.after(self._delay(), self._take)

    @property
    def drafts(self) -> list[Draft]:
        """What is being written."""
        return [draft for drafts, _ in self.group for draft in drafts]

    def _delay(self) -> float:
        rng = self.process.rng
        return rng.uniform(0.05, 0.4) if rng.random() < 0.02 else rng.uniform(0.002, 0.015)

    def _take(self) -> None:
        if self.process.dead:
            return
        self.group, self._queue = self._queue, []
        self.process.point("writing")
        self._write()

    def _write(self) -> None:
        if self.process.dead:
            return
        try:
            entries = self.store.append(self.drafts)
        except sqlite3.Error as error:
            self._refused(error)
            return
        group, self.group = self.group, []
        self.process.point("written")
        self.process.grown()
        self._pause = RETRY_FIRST
        if self._told:
            self._told = False
            self.on_fault(None)
        self._tell(group, entries)

    def _refused(self, error: sqlite3.Error) -> None:
        if not self._told and self._pause >= RETRY_CEILING / 4:
            self._told = True
            self.on_fault(str(error))
        self.process.clock.after(self._pause, self._write)
        self._pause = min(2 * self._pause, RETRY_CEILING)

    def _tell(self, group: list[tuple[Sequence[Draft], Done]], entries: list[Entry]) -> None:
        if self._queue:
            self.process.clock.after(self._delay(), self._take)
        last = entries[-1].number
        for drafts, done in group:
            mine, entries = entries[: len(drafts)], entries[len(drafts) :]
            self.process.clock.after(0.0, lambda done=done, mine=mine: self._durable(done, mine))  # type: ignore[misc]  # mypy and defaults of a lambda
        self.process.clock.after(0.0, lambda: self._appended(last))

    def _durable(self, done: Done, entries: list[Entry]) -> None:
        if not self.process.dead:
            done(entries)

    def _appended(self, last: int) -> None:
        if not self.process.dead:
            self.appended(last)
