"""The transport and the antenna's shell on real wires: loopback TCP and pseudo-terminals, nothing blocking."""

import asyncio
import os
import re
import socket
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Protocol

import pytest
from blockbuster import blockbuster_ctx

from drivers import transport
from drivers.address import tcp_of, unopened
from drivers.link import Connected, Disconnected
from drivers.ports import (
    Debit,
    DebitDone,
    DebitNotSent,
    DeviceEvent,
    Instant,
    ReaderDown,
    ReaderUp,
    Release,
    TagRead,
)
from drivers.reader.antenna import Antenna
from drivers.reader.options import ReaderOptions
from drivers.reader.session import INIT_AGAIN, ReaderSession
from drivers.transport import Transport
from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import CHINA
from tools import rsu
from tools.cards import make_tag

PATIENCE = 15.0  # s: what has not come by then does not come
HELLO, ANSWER = bytes(range(256)), b"\xff\x00\x11\x13\r\n\x03\x04"  # what a line discipline would eat


class Dice(Random):
    """Always the shortest pause, whatever it is thrown for; remembers between what."""

    def __init__(self) -> None:
        super().__init__(1)
        self.thrown: list[tuple[float, float]] = []

    def uniform(self, a: float, b: float) -> float:
        self.thrown.append((a, b))
        return 0.01


@pytest.fixture(autouse=True)
def _nothing_blocks() -> Iterator[None]:
    with blockbuster_ctx(["drivers", "serialx"]):
        yield


# --- both ends of a line -----------------------------------------------------------------------------------------


class Far(Protocol):
    """The other end of a line, which can be hung up and come back under the same address."""

    address: str
    heard: asyncio.Queue[bytes]

    async def open(self) -> None: ...
    def say(self, data: bytes) -> None: ...
    async def hang_up(self) -> None: ...


class FarTcp(asyncio.Protocol):
    """A device that listens; it has one client."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.port = 0
        self.gone = asyncio.Event()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: self, "127.0.0.1", self.port)
        self.port = self.server.sockets[0].getsockname()[1]
        self.line: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.line = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        self.heard.put_nowait(data)

    def say(self, data: bytes) -> None:
        assert self.line is not None
        self.line.write(data)

    async def hang_up(self) -> None:
        self.server.close()
        if self.line:
            self.line.close()
        await self.server.wait_closed()


class FarSerial:
    """A device at the end of a pseudo-terminal with a fixed name."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self.address = f"serial://{link}?baud=9600"

    async def open(self) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        self.link.symlink_to(os.ttyname(slave))
        self.slave = slave  # held open: a read of a master without a slave fails
        os.set_blocking(self.master, False)
        asyncio.get_running_loop().add_reader(self.master, self._readable)

    def _readable(self) -> None:
        self.heard.put_nowait(os.read(self.master, 4096))

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    async def hang_up(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        self.link.unlink()
        os.close(self.slave)
        os.close(self.master)


class Near:
    """Our end: what the transport feeds, and what its tap sees."""

    def __init__(self, address: str) -> None:
        self.fed: asyncio.Queue[Connected | Disconnected | bytes] = asyncio.Queue()
        self.tapped: list[tuple[bool, bytes]] = []
        self.dice = Dice()
        self.transport = Transport(address, self._feed, self._tap, now, self.dice)

    def _feed(self, what: Connected | Disconnected | bytes, _now: Instant) -> None:
        self.fed.put_nowait(what)

    def _tap(self, _now: Instant, outbound: bool, data: bytes) -> None:  # noqa: FBT001  the tap's own order
        self.tapped.append((outbound, data))

    async def next(self) -> Connected | Disconnected | bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.fed.get()

    async def lost(self) -> str:
        event = await self.next()
        assert isinstance(event, Disconnected)
        return event.reason

    async def connected(self) -> None:
        """However many attempts that takes."""
        while await self.next() != Connected():
            pass

    async def read(self, count: int) -> bytes:
        got = b""
        while len(got) < count:
            piece = await self.next()
            assert isinstance(piece, bytes)
            got += piece
        return got


async def heard(far: Far, count: int) -> bytes:
    got = b""
    async with asyncio.timeout(PATIENCE):
        while len(got) < count:
            got += await far.heard.get()
    return got


@asynccontextmanager
async def running(address: str) -> AsyncIterator[Near]:
    near = Near(address)
    task = asyncio.create_task(near.transport.run())
    try:
        yield near
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(params=["tcp", "serial"])
async def far(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Far]:
    far: Far = FarTcp() if request.param == "tcp" else FarSerial(tmp_path / "antenna")
    await far.open()
    yield far
    await far.hang_up()


# --- the transport -----------------------------------------------------------------------------------------------


async def test_bytes_go_both_ways_and_the_tap_sees_them_all(far: Far) -> None:
    async with running(far.address) as near:
        near.transport.write(b"nobody is there yet", now())
        assert await near.next() == Connected()
        near.transport.write(HELLO, now())
        assert await heard(far, len(HELLO)) == HELLO
        far.say(ANSWER)
        assert await near.read(len(ANSWER)) == ANSWER
        sent = b"".join(data for outbound, data in near.tapped if outbound)
        got = b"".join(data for outbound, data in near.tapped if not outbound)
        assert (sent, got) == (HELLO, ANSWER)


async def test_the_tap_sees_bytes_before_anybody_acts_on_them(far: Far) -> None:
    order: list[tuple[str, Instant]] = []
    fed: asyncio.Queue[object] = asyncio.Queue()

    def feed(what: Connected | Disconnected | bytes, at: Instant) -> None:
        order.append(("fed" if isinstance(what, bytes) else "link", at))
        fed.put_nowait(what)

    line = Transport(far.address, feed, lambda at, _outbound, _data: order.append(("tapped", at)), now, Dice())
    task = asyncio.create_task(line.run())
    async with asyncio.timeout(PATIENCE):
        await fed.get()
        far.say(b"\xff")
        await fed.get()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    (linked, _), (tapped, seen_at), (acted, acted_at) = order
    assert (linked, tapped, acted) == ("link", "tapped", "fed")
    assert seen_at is acted_at


async def test_a_device_that_goes_comes_back(far: Far) -> None:
    async with running(far.address) as near:
        assert await near.next() == Connected()
        await far.hang_up()
        assert await near.lost()
        await far.open()
        await near.connected()
        near.transport.write(HELLO, now())
        assert await heard(far, len(HELLO)) == HELLO


async def test_a_port_that_is_not_there_is_tried_again_ever_more_slowly(far: Far) -> None:
    await far.hang_up()
    async with running(far.address) as near:
        for _ in range(9):
            assert re.search("连接被拒绝|没有此串口", await near.lost())
        assert near.dice.thrown[:7] == [(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (15, 30), (15, 30)]
        await far.open()
        await near.connected()
        before = len(near.dice.thrown)
        near.transport.drop("a connection alone is no answer")
        assert await near.lost() == "a connection alone is no answer"
        assert await near.next() == Connected()
        near.transport.well()
        near.transport.drop("well")
        assert await near.lost() == "well"
        assert await near.next() == Connected()
        assert near.dice.thrown[before:] == [(15, 30), (0.5, 1)]


@pytest.mark.parametrize("what", ["file", "directory"])
async def test_a_port_that_is_no_serial_line_is_told_and_tried_again(tmp_path: Path, what: str) -> None:
    path = tmp_path / "port"
    path.write_bytes(b"") if what == "file" else path.mkdir()
    async with running(f"serial://{path}") as near:
        for _ in range(2):
            why = "不是串口 / .*: (not a serial port|is a directory)"
            assert re.fullmatch(f"无法打开 serial://{path}：{why}", await near.lost())


async def test_a_port_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
    absent = f"serial://{tmp_path}/absent"
    for address, zh, en in (
        (closed, "连接被拒绝", "connection refused"),
        (absent, "没有此串口", "no such port"),
    ):
        async with running(address) as near:
            assert await near.lost() == f"无法打开 {address}：{zh} / cannot open {address}: {en}"


async def test_a_device_that_hangs_up_is_told_in_both_languages() -> None:
    far = FarTcp()
    await far.open()
    async with running(far.address) as near:
        assert await near.next() == Connected()
        await far.hang_up()
        assert await near.lost() == "对方已断开 / closed by the other side"


async def test_drop_tells_its_reason_and_what_is_written_then_is_lost(far: Far) -> None:
    async with running(far.address) as near:
        assert await near.next() == Connected()
        near.transport.drop("silent for 35 s")
        for _ in range(5):  # whatever state the port is in while it goes
            near.transport.write(b"too late", now())
            await asyncio.sleep(0)
        assert await near.lost() == "silent for 35 s"
        assert await near.next() == Connected()
        near.transport.write(HELLO, now())
        assert await heard(far, len(HELLO)) == HELLO
        assert near.tapped == [(True, HELLO)]


async def test_drop_without_a_connection_touches_none(far: Far) -> None:
    async with running(far.address) as near:
        await asyncio.sleep(0)  # into the middle of the first attempt
        near.transport.drop("too early")
        assert await near.next() == Connected()
        await far.hang_up()
        assert await near.lost() != "too early"
        await far.open()


async def test_a_device_that_says_nothing_is_connected_all_the_same(far: Far) -> None:
    async with running(far.address) as near:
        assert await near.next() == Connected()
        assert far.heard.empty()
        far.say(b"\x42")
        assert await near.next() == b"\x42"


async def test_a_connection_that_does_not_come_about_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_WITHIN", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as deaf, ExitStack() as crowd:
        for _ in range(4):  # more than it lets in: whoever comes now gets no answer at all
            other = crowd.enter_context(socket.socket())
            other.settimeout(0)
            other.connect_ex(deaf.getsockname())
        async with running(f"tcp://127.0.0.1:{deaf.getsockname()[1]}") as near:
            said = unopened(near.transport.address, "0.1 s 内未连上", "no connection within 0.1 s")
            assert [await near.lost() for _ in range(2)] == [said] * 2


async def test_stopping_closes_the_port() -> None:
    far = FarTcp()
    await far.open()
    async with running(far.address) as near:
        assert await near.next() == Connected()
    async with asyncio.timeout(PATIENCE):
        await far.gone.wait()
    assert near.fed.empty()
    near.transport.write(b"too late", now())
    assert near.tapped == []
    await far.hang_up()


# --- the antenna's shell -----------------------------------------------------------------------------------------


class Lane:
    """What sits above an antenna: debits whatever is read, from within the very event if `at_once`."""

    def __init__(self, dialect: str, *, at_once: bool = True) -> None:
        options = ReaderOptions(name="east", dialect=dialect, port="tcp://127.0.0.1:1")
        session = ReaderSession("east", load(dialect), options, entry=False)
        self.at_once = at_once
        self.events: asyncio.Queue[DeviceEvent] = asyncio.Queue()
        self.antenna = Antenna(session, self._on_event, now)

    def _on_event(self, event: DeviceEvent, _now: Instant) -> None:
        self.events.put_nowait(event)
        if isinstance(event, TagRead) and self.at_once:
            self.antenna.order(self.debit(event))
        if isinstance(event, DebitDone):
            self.antenna.order(Release("east", event.intent, 60))

    def debit(self, read: TagRead) -> Debit:
        at = datetime.now(CHINA).replace(microsecond=0)
        return Debit("east", read.trade, read.tag.obu_id, read.tag.obu_id, 500, at)

    async def until(self, wanted: type[DeviceEvent]) -> DeviceEvent:
        async with asyncio.timeout(PATIENCE):
            while not isinstance(event := await self.events.get(), wanted):
                pass
        return event


def now() -> Instant:
    return Instant(datetime.now(CHINA), asyncio.get_running_loop().time())


@asynccontextmanager
async def serving(lane: Lane, address: str) -> AsyncIterator[None]:
    line = Transport(address, lane.antenna.feed, lambda _now, _outbound, _data: None, lane.antenna.clock, Dice())
    task = asyncio.create_task(lane.antenna.run(line))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def simulated(
    dialect: str, tmp_path: Path, port: int = 0, trace: Callable[[str, Frame], None] = lambda _way, _frame: None
) -> AsyncIterator[tuple[rsu.ServedAntenna, str]]:
    """Soulin on a serial line, Wanji on TCP, as they are in the field."""
    antenna = rsu.Antenna(load(dialect), trade_time=0.02, search_again=0.05, trace=trace)
    served: rsu.ServedAntenna
    if dialect == "soulin":
        served, address = await rsu.serve_serial(antenna, tmp_path / "rsu"), f"serial://{tmp_path / 'rsu'}"
    else:
        served = tcp = await rsu.serve_tcp(antenna, port)
        address = f"tcp://127.0.0.1:{tcp.port}"
    try:
        yield served, address
    finally:
        await served.close()


@pytest.mark.parametrize("dialect", ["soulin", "wanji"])
async def test_cars_are_debited_on_a_real_line_also_after_it_broke(dialect: str, tmp_path: Path) -> None:
    lane = Lane(dialect)
    first, second = make_tag(1, "测A00001", 1, 10_000), make_tag(2, "测A00002", 1, 10_000)
    async with AsyncExitStack() as line:
        async with simulated(dialect, tmp_path) as (served, address):
            await line.enter_async_context(serving(lane, address))
            assert (await lane.until(ReaderUp)).terminals == ("990100000001",)
            served.enter(first)
            done = await lane.until(DebitDone)
            assert (done.intent, done.proof.balance) == (first.tag.obu_id, 9_500)
        await lane.until(ReaderDown)
        _, port = tcp_of(address) or ("", 0)
        async with simulated(dialect, tmp_path, port) as (served, _):
            await lane.until(ReaderUp)
            served.enter(second)
            assert (await lane.until(DebitDone)).intent == second.tag.obu_id
    assert [len(tag.purchases) for tag in (first, second)] == [1, 1]


async def test_a_tag_is_held_by_the_shells_own_timer_while_the_lane_thinks(tmp_path: Path) -> None:
    lane, held = Lane("soulin", at_once=False), asyncio.Event()
    tag = make_tag(1, "测A00001", 1, 10_000)

    def trace(way: str, frame: Frame) -> None:
        if way == "<" and not frame.data:
            held.set()

    async with simulated("soulin", tmp_path, trace=trace) as (served, address), serving(lane, address):
        await lane.until(ReaderUp)
        served.enter(tag)
        read = await lane.until(TagRead)
        async with asyncio.timeout(PATIENCE):
            await held.wait()
        lane.antenna.order(lane.debit(read))
        assert (await lane.until(DebitDone)).proof.balance == 9_500


async def test_an_antenna_that_does_not_answer_is_dropped_and_tried_again() -> None:
    """By a clock that jumps to wherever the session waits for."""
    far, lane, mono = FarTcp(), Lane("wanji"), count(step=int(INIT_AGAIN))
    lane.antenna.clock = lambda: Instant(datetime.now(CHINA), next(mono))
    await far.open()
    async with serving(lane, far.address):
        assert (await lane.until(ReaderDown)).reason == "C0 三次无应答 / no answer to C0, 3 times"
        async with asyncio.timeout(PATIENCE):
            await far.gone.wait()
    await far.hang_up()


async def test_a_stopped_antenna_takes_no_more_orders(tmp_path: Path) -> None:
    lane, tag = Lane("wanji", at_once=False), make_tag(1, "测A00001", 1, 10_000)
    async with simulated("wanji", tmp_path) as (served, address):
        async with serving(lane, address):
            await lane.until(ReaderUp)
            served.enter(tag)
            read = await lane.until(TagRead)
        lane.antenna.order(lane.debit(read))
        lane.antenna.feed(b"late", now())
        assert lane.events.empty()
    assert tag.purchases == []


async def test_an_order_before_any_connection_is_answered_at_once() -> None:
    lane = Lane("wanji")
    read = TagRead("east", 1, make_tag(1, "测A00001", 1, 10_000).tag, None, None)
    lane.antenna.order(lane.debit(read))
    assert isinstance(lane.events.get_nowait(), DebitNotSent)
