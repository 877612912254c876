"""The store in its own thread: the event loop never waits for the disk, and one commit serves all that queued."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

from gateway.ledger.entries import Draft, Entry
from gateway.ledger.store import Store
from protocols.immutable import dataclass

T = TypeVar("T")
RETRY_FIRST, RETRY_CEILING = 0.02, 1.0
"""Seconds between tries while the disk refuses: short, because a lock often lasts milliseconds."""


@dataclass(frozen=True, slots=True)
class _Append:
    drafts: Sequence[Draft]
    done: Callable[[list[Entry]], None]


@dataclass(frozen=True, slots=True)
class _Call:
    run: Callable[[], None]


class Writer:
    """Appends in order, in groups, trying again for as long as the disk refuses; `fault` says so meanwhile.

    `done` is called in the event loop when its entries are durable. `on_fault` is called in the event loop with
    the error's text when the disk begins to refuse, and with None when it writes again.
    """

    def __init__(self, store: Store, on_fault: Callable[[str | None], None]) -> None:
        self._store = store
        self._on_fault = on_fault
        self._queue: SimpleQueue[_Append | _Call | None] = SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closing = threading.Event()
        self._gave_up = False
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._thread.start()

    def submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        """Queue these; `done` follows when they are durable."""
        self._queue.put(_Append(drafts, done))

    async def call(self, work: Callable[[Store], T]) -> T:
        """Do something with the store in its thread, after all that was queued before."""
        result: Future[T] = Future()

        def run() -> None:
            if not result.set_running_or_notify_cancel():
                return  # the caller has given up
            try:
                result.set_result(work(self._store))
            except Exception as error:  # noqa: BLE001  carried to the caller, whatever it is
                result.set_exception(error)

        self._queue.put(_Call(run))
        return await asyncio.wrap_future(result)

    async def close(self) -> None:
        """Write what is queued, if the disk takes it now, and let go of the file."""
        self._closing.set()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)
        self._store.close()

    def _run(self) -> None:
        while True:
            work = [self._queue.get()]
            while not self._queue.empty():
                work.append(self._queue.get())
            if not self._carry_out(work):
                return

    def _carry_out(self, work: list[_Append | _Call | None]) -> bool:
        """Group what stands together; False when the end was among it."""
        group: list[_Append] = []
        for item in work:
            if isinstance(item, _Append):
                group.append(item)
                continue
            self._commit(group)
            group = []
            if item is None:
                return False
            item.run()
        self._commit(group)
        return True

    def _commit(self, group: list[_Append]) -> None:
        drafts = [draft for append in group for draft in append.drafts]
        entries = self._persist(drafts) if drafts else []
        if entries is None:
            return
        for append in group:
            mine, entries = entries[: len(append.drafts)], entries[len(append.drafts) :]
            self._loop.call_soon_threadsafe(append.done, mine)

    def _persist(self, drafts: Sequence[Draft]) -> list[Entry] | None:
        """The entries, durable; None if the end comes while the disk refuses, and for all that stands behind."""
        pause = RETRY_FIRST
        told = False
        while not self._gave_up:
            try:
                entries = self._store.append(drafts)
            except Exception as error:  # noqa: BLE001  a draft that cannot be written is told too, not a dead thread
                self._gave_up = self._closing.is_set()
                if not told and pause >= RETRY_CEILING / 4:
                    told = True
                    self._loop.call_soon_threadsafe(self._on_fault, f"{type(error).__name__}: {error}")
                self._closing.wait(pause)
                pause = min(pause * 2, RETRY_CEILING)
                continue
            if told:
                self._loop.call_soon_threadsafe(self._on_fault, None)
            return entries
        return None
