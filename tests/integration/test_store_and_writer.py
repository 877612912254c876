"""The ledger's writer thread on a real file: order, groups, and a disk that refuses for a while."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from gateway.ledger.entries import Alarm, Draft, Entry, Moment, draft_of
from gateway.ledger.store import Connect, Store, connect, read, verify
from gateway.ledger.writer import Writer

AT = Moment(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 12.5, "boot", trusted=True)
SOON = 20.0
"""Seconds within which everything here is over, even on a busy machine."""


def draft(detail: str) -> Draft:
    return Draft(AT, "exit-1", Alarm("test", detail))


def details(entries: Sequence[Entry]) -> list[str]:
    bodies = [draft_of(entry).body for entry in entries]
    return [body.detail for body in bodies if isinstance(body, Alarm)]


class Ledger:
    """A writer on a file, with what it said."""

    def __init__(self, path: Path, connect: Connect = connect) -> None:
        self.path = path
        self.faults: asyncio.Queue[str | None] = asyncio.Queue()
        self.done: list[list[str]] = []
        self.threads: set[int] = set()
        self.store = Store(path, connect=connect)
        self.writer = Writer(self.store, self.faults.put_nowait)

    def submit(self, *drafts: str) -> None:
        self.writer.submit([draft(each) for each in drafts], self._durable)

    def _durable(self, entries: list[Entry]) -> None:
        self.threads.add(threading.get_ident())
        self.done.append(details(entries))

    async def last(self) -> int:
        return await self.writer.call(lambda store: store.last)


@asynccontextmanager
async def ledger(path: Path, connect: Connect = connect) -> AsyncIterator[Ledger]:
    async with asyncio.timeout(SOON):
        ledger = Ledger(path, connect)
        try:
            yield ledger
        finally:
            await ledger.writer.close()
    assert verify(path).problems == ()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


async def test_entries_are_durable_in_order_and_each_is_told_its_own_in_the_loop(path: Path) -> None:
    async with ledger(path) as it:
        for number in range(200):
            it.submit(*[f"{number}.{part}" for part in range(number % 3 + 1)])
        assert await it.last() == sum(number % 3 + 1 for number in range(200))
        wanted = [[f"{number}.{part}" for part in range(number % 3 + 1)] for number in range(200)]
        assert it.done == wanted
        assert it.threads == {threading.get_ident()}
        assert details(read(path)) == [detail for group in wanted for detail in group]


class Counting(sqlite3.Connection):
    commits = 0

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        self.commits += arguments[0] == "COMMIT"
        return super().execute(*arguments)


async def test_what_queues_up_is_written_in_one_commit(path: Path) -> None:
    made: list[Counting] = []

    def counting(path: Path) -> Counting:
        made.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Counting))
        return made[0]

    async with ledger(path, counting) as it:
        busy = threading.Event()
        waiting = asyncio.ensure_future(it.writer.call(lambda _: busy.wait(SOON)))
        await asyncio.sleep(0)
        for number in range(100):
            it.submit(str(number))
        busy.set()
        assert await waiting
        assert await it.last() == 100
        assert made[0].commits == 1


async def test_a_submission_of_nothing_is_done_in_its_turn(path: Path) -> None:
    async with ledger(path) as it:
        it.submit()
        it.submit("a")
        it.submit()
        assert await it.last() == 1
        assert it.done == [[], ["a"], []]


async def test_a_locked_file_delays_without_holding_up_the_loop(path: Path) -> None:
    async with ledger(path) as it:
        with closing(connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            it.submit("a", "b")
            it.submit("c")
            fault = await it.faults.get()
            assert fault is not None
            assert "locked" in fault
            assert it.done == []
            other.execute("COMMIT")
        assert await it.faults.get() is None
        assert await it.last() == 3
        assert it.done == [["a", "b"], ["c"]]
    assert details(read(path)) == ["a", "b", "c"]


async def test_a_short_refusal_is_nobodys_business(path: Path) -> None:
    async with ledger(path) as it:
        with closing(connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            it.submit("a")
            await asyncio.sleep(0)
            other.execute("COMMIT")
        assert await it.last() == 1
        assert it.faults.empty()


class Moody(sqlite3.Connection):
    """Refuses a third of its statements, half of these after carrying them out."""

    rng = Random(7)
    armed = False

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        mood = self.rng.randrange(6) if self.armed else 6
        if mood == 0:
            raise sqlite3.OperationalError("disk I/O error")
        cursor = super().execute(*arguments)
        if mood == 1:
            raise sqlite3.OperationalError("disk I/O error")
        assert isinstance(cursor, sqlite3.Cursor)
        return cursor


async def test_a_moody_disk_neither_loses_nor_doubles(path: Path) -> None:
    made: list[Moody] = []

    def moody(path: Path) -> Moody:
        made.append(sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=Moody))
        return made[0]

    async with ledger(path, moody) as it:
        made[0].armed = True
        for number in range(30):
            it.submit(str(number))
            if number % 5 == 0:
                await asyncio.sleep(0.001)
        assert await it.last() == 30
        made[0].armed = False
    assert details(read(path)) == [str(number) for number in range(30)]


# --- calls ----------------------------------------------------------------------------------------------


async def test_a_call_sees_all_that_was_queued_before_it(path: Path) -> None:
    async with ledger(path) as it:
        it.submit("a")
        it.submit("b")
        assert details(await it.writer.call(lambda store: store.entries())) == ["a", "b"]


async def test_what_a_call_raises_reaches_its_caller_alone(path: Path) -> None:
    async with ledger(path) as it:
        with pytest.raises(ZeroDivisionError):
            await it.writer.call(lambda store: store.last // 0)
        it.submit("a")
        assert await it.last() == 1


async def test_a_caller_that_gave_up_does_no_harm(path: Path) -> None:
    """An uplink whose connection breaks while it loads is cancelled in the middle of a call."""
    async with ledger(path) as it:
        busy = threading.Event()
        blocking = asyncio.ensure_future(it.writer.call(lambda _: busy.wait(SOON)))
        abandoned = asyncio.ensure_future(it.writer.call(lambda store: store.last))
        await asyncio.sleep(0)
        abandoned.cancel()
        blocking.cancel()
        await asyncio.gather(abandoned, blocking, return_exceptions=True)
        busy.set()
        it.submit("a")
        assert await it.last() == 1


# --- the end --------------------------------------------------------------------------------------------


async def test_closing_writes_what_is_queued_and_lets_go_of_the_file(path: Path) -> None:
    async with ledger(path) as it:
        for number in range(50):
            it.submit(str(number))
    assert len(read(path)) == 50
    with closing(Store(path)) as again:
        assert again.chain == it.store.chain


async def test_closing_does_not_wait_for_a_disk_that_refuses(path: Path) -> None:
    with closing(connect(path)) as other:
        async with ledger(path) as it:
            it.submit("kept")
            assert await it.last() == 1
            other.execute("BEGIN EXCLUSIVE")
            it.submit("lost")
            assert await it.faults.get() is not None
            it.submit("lost too")
            later = asyncio.ensure_future(it.last())
            await asyncio.sleep(0)
        assert await later == 1
        other.execute("COMMIT")
    assert details(read(path)) == ["kept"]


async def test_words_that_are_no_unicode_are_kept_as_they_are(path: Path) -> None:
    """A plate that is no GBK comes with its bytes as lone surrogates."""
    async with ledger(path) as it:
        it.submit("plate \udcff\udc80")
        assert await it.last() == 1
        assert it.done == [["plate \udcff\udc80"]]


async def test_a_draft_that_cannot_be_written_is_a_fault_that_is_told(path: Path) -> None:
    async with ledger(path) as it:
        it.writer.submit([Draft(AT, "", Alarm("test", object()))], lambda _: None)
        fault = await it.faults.get()
        assert fault is not None
        assert "object" in fault
