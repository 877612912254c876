"""The lines that tell of events and orders: in their order, with their time, and not while anybody waits."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from drivers.ports import CloseBarrier, OpenBarrier
from gateway import journal
from gateway.journal import Journal, stamp

OPENED = {"what": "OpenBarrier", "device": "gate1"}


def kept(written: asyncio.Event | None = None) -> tuple[Journal, list[dict[str, Any]]]:
    """A journal, and the lines that it has written; the event tells of each."""
    lines: list[dict[str, Any]] = []

    def keep(_logger: object, _level: str, line: Any) -> Any:  # noqa: ANN401  as structlog has it
        lines.append(dict(line))
        if written:
            written.set()
        raise structlog.DropEvent

    return Journal(structlog.wrap_logger(None, [keep])), lines


def run(work: Callable[[], None]) -> None:
    """Do this in an event loop."""

    async def once() -> None:
        work()

    asyncio.run(once())


def test_a_line_is_written_after_what_it_tells_of() -> None:
    written = asyncio.Event()
    told, lines = kept(written)

    async def passage() -> None:
        told.note("event", "heard", OpenBarrier("gate1"))
        told.note("order", "ordered", CloseBarrier("gate1"))
        assert not lines
        async with asyncio.timeout(60):
            await written.wait()

    asyncio.run(passage())
    assert [line["event"] for line in lines] == ["event", "order"]
    assert (lines[0]["heard"], lines[1]["ordered"]["what"]) == (OPENED, "CloseBarrier")


def test_lines_come_again_after_some_were_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "LATER", 0.0)
    written = asyncio.Event()
    told, lines = kept(written)

    async def two() -> None:
        for count in (1, 2):
            told.note("event", "heard", count)
            async with asyncio.timeout(60):
                await written.wait()
            written.clear()

    asyncio.run(two())
    assert [line["heard"] for line in lines] == [1, 2]


def test_at_the_end_what_was_taken_is_written_once() -> None:
    told, lines = kept()

    def end() -> None:
        told.note("event", "heard", OpenBarrier("gate1"))
        told.write()
        told.write()

    run(end)
    assert [line["heard"] for line in lines] == [OPENED]


def test_a_line_has_the_time_when_it_was_taken() -> None:
    told, lines = kept()
    between: list[datetime] = []

    def two() -> None:
        told.note("event", "heard", 1)
        between.append(datetime.now().astimezone())
        told.write()

    before = datetime.now().astimezone()
    run(two)
    at = datetime.fromisoformat(lines[0]["timestamp"])
    assert before - timedelta(milliseconds=1) <= at <= between[0]
    assert at.utcoffset() is not None


def test_a_stamp_names_its_zone() -> None:
    at = datetime(2026, 11, 21, 4, 0, 0, 123_456, tzinfo=UTC)
    assert datetime.fromisoformat(stamp(at)) == at.replace(microsecond=123_000)
    assert stamp(at) == stamp(at.astimezone())
