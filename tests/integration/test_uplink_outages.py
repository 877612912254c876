"""The uplink against a real broker, a link that fails in every manner, and a gateway that is killed.

After each outage: no entry lost, none doubled once repeats are told by (gateway, chain, number), the order kept,
every repeat the same bytes. `make test` runs the outages short, `make proof` for 30 s with the timeouts of a lot.
"""

import asyncio
import json
import signal
import socket
import sqlite3
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, cast

import aiomqtt
import pytest
from blockbuster import blockbuster_ctx
from structlog.testing import capture_logs

from gateway.ledger.entries import Alarm, DebitIntended, DebitSettled, Draft, Moment
from gateway.ledger.store import Store, connect, read, verify
from gateway.ledger.writer import Writer
from gateway.uplink import mqtt
from gateway.uplink.formats.cloudevents import ACK, ORDERS
from gateway.uplink.mqtt import QUIET, Link, Uplink, UplinkStatus
from gateway.uplink.options import UplinkOptions
from tools.broker import Broker, Certificates
from tools.platform import Platform
from tools.proxy import Proxy

GATEWAY = "lot-1"
AT = Moment(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 12.5, "boot", trusted=True)
SOON = 30.0
"""Seconds within which anything short is over, even on a busy machine."""


def drafts(number: int) -> list[Draft]:
    """What a lane writes: mostly events, now and then a debit of 5 yuan."""
    if number % 5:
        return [Draft(AT, "exit-1", Alarm("test", f"{number}"))]
    intent = f"intent-{number}"
    return [
        Draft(AT, "exit-1", DebitIntended(intent, "stay", "OBU", "card", 500, 9000, "", None)),
        Draft(AT, "exit-1", DebitSettled(intent, "result", None, 8500)),
    ]


class Watch:
    """What the uplink reported, and a way to wait for it."""

    def __init__(self) -> None:
        self.all: list[UplinkStatus] = []
        self._news = asyncio.Event()

    def __call__(self, status: UplinkStatus) -> None:
        self.all.append(status)
        self._news.set()

    async def until(self, fits: Callable[[UplinkStatus], bool], *, after: int = 0) -> UplinkStatus:
        """The first report that fits, of those from the `after`th on."""
        for place in count(after):
            while place == len(self.all):
                self._news.clear()
                await self._news.wait()
            if fits(self.all[place]):
                return self.all[place]
        raise AssertionError


def up(status: UplinkStatus) -> bool:
    return status.connected


def down(status: UplinkStatus) -> bool:
    return not status.connected


@dataclass
class Lot:
    """A gateway's uplink with its ledger, in this process."""

    path: Path
    writer: Writer
    uplink: Uplink
    watch: Watch
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def append(self, many: int = 1) -> None:
        for _ in range(many):
            self.writer.submit(drafts(next(self._numbers)), lambda made: self.uplink.appended(made[-1].number))

    async def feed(self, rate: float) -> None:
        """Traffic, for as long as this runs."""
        while True:
            self.append()
            await asyncio.sleep(1 / rate)

    async def confirmed(self) -> int:
        """Wait until all that is written has been confirmed; how many entries that are."""
        last = await self.writer.call(lambda store: store.last)
        await self.watch.until(lambda status: status.confirmed == last)
        assert await self.writer.call(lambda store: store.cursor("city")) == last
        return last


@asynccontextmanager
async def running(*work: Any) -> AsyncIterator[None]:  # noqa: ANN401  coroutines of any kind
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(ended, asyncio.CancelledError), ended


SHORT: dict[str, Any] = {"ack_timeout": 2.0, "publish_timeout": 1.0}


@asynccontextmanager
async def lot(folder: Path, port: int, **options: Any) -> AsyncIterator[Lot]:  # noqa: ANN401  as in TOML
    path = folder / "ledger.db"
    writer = Writer(Store(path), lambda _: None)
    watch = Watch()
    chosen = UplinkOptions.model_validate({"name": "city", "host": "127.0.0.1", "port": port, **SHORT, **options})
    uplink = Uplink(chosen, GATEWAY, writer, watch, Random(1))
    try:
        async with running(uplink.run()):
            yield Lot(path, writer, uplink, watch)
    finally:
        await writer.close()
    assert verify(path).problems == ()


@dataclass
class Road:
    """Broker, platform, and the link between gateway and broker."""

    folder: Path
    broker: Broker
    proxy: Proxy
    platform: Platform


@pytest.fixture
async def road(tmp_path: Path) -> AsyncIterator[Road]:
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker(tmp_path / "broker"))
        proxy = await stack.enter_async_context(Proxy((broker.host, broker.port)))
        platform = Platform(broker.port, GATEWAY)
        await stack.enter_async_context(running(platform.run()))
        yield Road(tmp_path, broker, proxy, platform)


async def all_arrived(platform: Platform, path: Path) -> None:
    """Point by point: nothing lost, nothing doubled, order kept, repeats identical, money exact."""
    entries = read(path)
    await platform.until(lambda counts: counts.unique >= len(entries))
    counts = platform.counts
    assert counts.unique == len(entries)
    assert counts.received == counts.unique + counts.repeats
    assert (counts.gaps, counts.out_of_order, counts.different_repeats, counts.unreadable) == (0, 0, 0, 0)
    assert counts.settled_fen == 500 * sum(entry.kind == "debit.settled" for entry in entries)


# --- outages --------------------------------------------------------------------------------------------


async def broker_killed(road: Road, lot: Lot, seconds: float) -> None:
    await road.broker.kill()
    await lot.watch.until(down)
    await asyncio.sleep(seconds)
    await road.broker.start()


async def link_reset(road: Road, lot: Lot, seconds: float) -> None:
    await road.proxy.reset()
    await lot.watch.until(down)
    await asyncio.sleep(seconds)
    await road.proxy.up()


async def link_silent_then_reset(road: Road, lot: Lot, seconds: float) -> None:
    """A cable is pulled, and its connection found dead when it is plugged in again."""
    road.proxy.silent()
    await asyncio.sleep(seconds)
    assert any(map(down, lot.watch.all)), "the dead link was not noticed"
    assert road.proxy.connections > 1, "the dead link was not given up"
    await road.proxy.reset()
    await road.proxy.up()


async def link_silent_then_resumed(road: Road, _lot: Lot, seconds: float) -> None:
    """A radio link that stalls: what it swallowed comes out in the end, beside the repeats."""
    road.proxy.silent()
    await asyncio.sleep(seconds)
    await road.proxy.up()


Outage = Callable[[Road, Lot, float], Any]
OUTAGES = [broker_killed, link_reset, link_silent_then_reset, link_silent_then_resumed]


async def survives(road: Road, outage: Outage, seconds: float, **options: Any) -> None:  # noqa: ANN401  as in TOML
    async with lot(road.folder, road.proxy.port, **options) as it:
        async with running(it.feed(rate=50)):
            await road.platform.until(lambda counts: counts.unique > 20)
            await outage(road, it, seconds)
            before = road.platform.counts.unique
            await road.platform.until(lambda counts: counts.unique > before + 20)
        written = await it.confirmed()
        assert written > 50 * seconds / 2, "hardly anything was written meanwhile"
        await all_arrived(road.platform, it.path)


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_loses_nothing(road: Road, outage: Outage) -> None:
    async with asyncio.timeout(2 * SOON):
        await survives(road, outage, 3.0)


@pytest.mark.proof
@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_of_half_a_minute_loses_nothing(road: Road, outage: Outage) -> None:
    async with asyncio.timeout(180):
        await survives(road, outage, 30.0, ack_timeout=15.0, publish_timeout=5.0)


async def test_one_outage_after_the_other(road: Road) -> None:
    async with asyncio.timeout(2 * SOON), lot(road.folder, road.proxy.port) as it:
        async with running(it.feed(rate=100)):
            for outage in (link_reset, broker_killed, link_silent_then_resumed):
                before = road.platform.counts.unique
                await road.platform.until(lambda counts, before=before: counts.unique > before + 10)
                await outage(road, it, 0.5)
        await it.confirmed()
        await all_arrived(road.platform, it.path)


async def test_a_dead_link_is_noticed_and_dropped_within_the_publish_timeout(road: Road) -> None:
    async with asyncio.timeout(SOON), lot(road.folder, road.proxy.port, ack_timeout=60.0) as it:
        it.append()
        await it.confirmed()
        road.proxy.silent()
        loop = asyncio.get_running_loop()
        begun, reports = loop.time(), len(it.watch.all)
        it.append()
        await it.watch.until(down, after=reports)
        assert 0.9 < loop.time() - begun < 3.0
        await road.proxy.up()
        await it.confirmed()


async def test_with_the_brokers_word_alone_nothing_is_lost_on_the_link(road: Road) -> None:
    road.platform.ack = False
    async with asyncio.timeout(2 * SOON):
        await survives(road, link_reset, 1.0, confirm="broker")


async def test_nothing_waits_on_the_loop(road: Road) -> None:
    async with asyncio.timeout(2 * SOON), lot(road.folder, road.proxy.port) as it:
        with blockbuster_ctx():
            it.append(100)
            await it.confirmed()
            await link_reset(road, it, 0.2)
            it.append(100)
            await it.confirmed()


# --- the platform's word --------------------------------------------------------------------------------


async def test_without_the_platforms_word_everything_is_sent_again_until_it_comes(road: Road) -> None:
    road.platform.ack = False
    async with asyncio.timeout(2 * SOON), lot(road.folder, road.proxy.port, ack_timeout=0.5) as it:
        it.append(40)
        await road.platform.until(lambda counts: counts.repeats >= 20)
        assert road.platform.counts.unique == 20, "more than the window was sent"
        assert await it.writer.call(lambda store: store.cursor("city")) == 0
        told = await it.watch.until(down)
        assert "entry 1 " in told.reason
        road.platform.ack = True
        await it.confirmed()
        await all_arrived(road.platform, it.path)


def client(port: int, **options: Any) -> Link:  # noqa: ANN401  as aiomqtt takes them
    return Link("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, logger=QUIET, **options)


async def test_hostile_acks_are_left_out(road: Road) -> None:
    road.platform.ack = False
    async with asyncio.timeout(SOON), lot(road.folder, road.broker.port, ack_timeout=5.0) as it:
        it.append(3)
        await road.platform.until(lambda counts: counts.unique == 3)
        chain = read(it.path)[0].chain
        async with client(road.broker.port) as hostile:
            for payload in (
                b"",
                b"\xff" * 5000,
                b"[" * 900,
                f'{{"gateway":"{GATEWAY}","chain":"{chain}","number":99}}',
                f'{{"gateway":"another","chain":"{chain}","number":1}}',
                f'{{"gateway":"{GATEWAY}","chain":"another","number":1}}',
                f'{{"gateway":"{GATEWAY}","chain":"{chain}","number":2}}',
            ):
                await hostile.publish(f"etclane/{GATEWAY}/ack", payload, qos=1)
            await hostile.publish(
                f"etclane/{GATEWAY}/ack", f'{{"gateway":"{GATEWAY}","chain":"{chain}","number":1}}', qos=1
            )
        await it.watch.until(lambda status: status.confirmed == 2)
        assert {status.confirmed for status in it.watch.all} == {0, 2}


# --- the ledger -----------------------------------------------------------------------------------------


async def test_a_locked_ledger_delays_the_cursor_and_no_more(road: Road) -> None:
    """A confirmation that could not be stored is no confirmation: what it was for is sent again."""
    road.platform.ack = False
    async with asyncio.timeout(SOON), lot(road.folder, road.broker.port, ack_timeout=20.0) as it:
        it.append(4)
        await road.platform.until(lambda counts: counts.unique == 4)
        chain = read(it.path)[0].chain
        with closing(connect(it.path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            async with client(road.broker.port) as acks:
                for number in (4, 3, 2, 1):  # one move of the cursor
                    ack = {"gateway": GATEWAY, "chain": chain, "number": number}
                    await acks.publish(f"etclane/{GATEWAY}/ack", json.dumps(ack), qos=1)
            told = await it.watch.until(down)
            assert "locked" in told.reason
            other.execute("COMMIT")
        road.platform.ack = True
        assert await it.confirmed() == 4
        assert road.platform.counts.repeats
        await all_arrived(road.platform, it.path)


async def test_a_damaged_entry_is_named_and_the_uplink_lives_on(road: Road) -> None:
    with closing(Store(road.folder / "ledger.db")) as store:
        store.append([draft for number in (1, 2, 3) for draft in drafts(number)])
    with closing(sqlite3.connect(road.folder / "ledger.db", isolation_level=None)) as db:
        (text,) = db.execute("SELECT text FROM entries WHERE number = 2").fetchone()
        (trigger,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'entries_stay'").fetchone()
        db.execute("DROP TRIGGER entries_stay")
        db.execute("UPDATE entries SET text = 'gone' WHERE number = 2")
        async with asyncio.timeout(SOON), lot(road.folder, road.broker.port) as it:
            told = await it.watch.until(down)
            assert "entry 2" in told.reason
            assert "verify" in told.reason
            db.execute("UPDATE entries SET text = ? WHERE number = 2", (text,))
            db.execute(trigger)
            await it.confirmed()


# --- the broker -----------------------------------------------------------------------------------------


async def test_the_last_will_speaks_in_every_manner_of_ending(road: Road) -> None:
    async with asyncio.timeout(SOON), client(road.broker.port) as observer:
        await observer.subscribe(f"etclane/{GATEWAY}/status", qos=1)
        told = aiter(observer.messages)
        async with lot(road.folder, road.proxy.port) as it:
            assert (await anext(told)).payload == b'{"gateway":"lot-1","state":"online"}'
            await link_reset(road, it, 0)
            assert (await anext(told)).payload == b'{"gateway":"lot-1","state":"offline"}'
            assert (await anext(told)).payload == b'{"gateway":"lot-1","state":"online"}'
        assert (await anext(told)).payload == b'{"gateway":"lot-1","state":"offline"}'


async def kicked_three_times(road: Road) -> list[float]:
    """How long we stayed away each time that another client of our id took our place."""
    loop = asyncio.get_running_loop()
    pauses: list[float] = []
    async with asyncio.timeout(SOON), lot(road.folder, road.proxy.port) as it:
        await it.watch.until(up)
        for _ in range(3):
            reports = len(it.watch.all)
            async with client(road.broker.port, identifier=f"etclane-{GATEWAY}-city"):
                assert "client_id" in (await it.watch.until(down, after=reports)).reason
                kicked = loop.time()
                await it.watch.until(up, after=reports)
                pauses.append(loop.time() - kicked)
        it.append()
        await it.confirmed()
    return pauses


async def test_another_client_of_our_id_is_hinted_at_and_not_fought_over_and_over(road: Road) -> None:
    """Each kick follows a good connection; the pauses grow all the same."""
    pauses = await kicked_three_times(road)
    assert pauses[0] < 2 < pauses[2]


async def test_after_a_steady_connection_the_pauses_are_short_again(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "STEADY", 0.0)
    assert max(await kicked_three_times(road)) < 2


@pytest.fixture
def passwords(tmp_path: Path) -> Path:
    path = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", path, "lane", "right"], check=True, capture_output=True)
    return path


@pytest.fixture
async def guarded(tmp_path: Path, passwords: Path) -> AsyncIterator[Broker]:
    """A broker that wants a password, and lets nobody publish entries."""
    (tmp_path / "access").write_text(
        f"user lane\ntopic read etclane/{GATEWAY}/ack\ntopic etclane/{GATEWAY}/status\n"
    )
    lines = ["allow_anonymous false", f"password_file {passwords}", f"acl_file {tmp_path}/access"]
    async with Broker(tmp_path / "broker", lines=lines) as broker:
        yield broker


async def test_a_login_that_is_refused_is_named_and_not_insisted_on(tmp_path: Path, guarded: Broker) -> None:
    (tmp_path / "password").write_text("wrong\n")
    login = {"username": "lane", "password_file": str(tmp_path / "password")}
    async with (
        asyncio.timeout(SOON),
        Proxy((guarded.host, guarded.port)) as proxy,
        lot(tmp_path, proxy.port, **login) as it,
    ):
        told = await it.watch.until(down)
        assert "password_file" in told.reason
        await asyncio.sleep(3)  # the ordinary pause is half a second
        assert proxy.connections == 1


@pytest.mark.parametrize("confirm", ["ack", "broker"])
async def test_a_message_that_the_broker_refuses_is_not_delivered(
    tmp_path: Path, guarded: Broker, confirm: str
) -> None:
    (tmp_path / "password").write_text("right\n")
    login = {"username": "lane", "password_file": str(tmp_path / "password")}
    async with asyncio.timeout(SOON), lot(tmp_path, guarded.port, confirm=confirm, **login) as it:
        await it.watch.until(up)
        it.append()
        told = await it.watch.until(down)
        assert "access rules" in told.reason
        assert await it.writer.call(lambda store: store.cursor("city")) == 0


class Refusing(asyncio.Protocol):
    """A broker of a few lines: it takes everything, and grants every subscription but `topic` (MQTT 5, 3.9.3)."""

    def __init__(self, topic: str) -> None:
        self.topic = topic.encode()
        self.buffer = b""
        self.asked: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while packet := self.packet():
            kind, body = packet
            name = body[2 : 2 + int.from_bytes(body[:2], "big")]
            match kind >> 4:
                case 1:  # CONNECT
                    self.transport.write(b"\x20\3\0\0\0")
                case 3:  # PUBLISH
                    self.transport.write(b"\x40\2" + body[2 + len(name) :][:2])
                case 8:  # SUBSCRIBE
                    self.asked.append(body[5:-1])
                    self.transport.write(b"\x90\4" + body[:2] + (b"\0\x87" if self.topic in body else b"\0\1"))

    def packet(self) -> tuple[int, bytes] | None:
        """The next whole packet: its first byte, and what follows the length of up to two bytes."""
        head = 2 + (len(self.buffer) > 1 and self.buffer[1] > 127)
        if len(self.buffer) < head:
            return None
        size = self.buffer[1] & 127 | (self.buffer[2] << 7 if head > 2 else 0)
        if len(self.buffer) < head + size:
            return None
        found = self.buffer[0], self.buffer[head : head + size]
        self.buffer = self.buffer[head + size :]
        return found


@asynccontextmanager
async def refused(folder: Path, topic: str, confirm: str) -> AsyncIterator[tuple[Lot, Refusing]]:
    """An uplink that takes orders, at a broker that refuses this topic."""
    broker = Refusing(topic.format(GATEWAY))
    server = await asyncio.get_running_loop().create_server(lambda: broker, "127.0.0.1", 0)
    chosen = {"name": "city", "host": "127.0.0.1", "port": server.sockets[0].getsockname()[1], "confirm": confirm}
    options = UplinkOptions.model_validate({**chosen, **SHORT})
    writer, watch = Writer(Store(folder / "ledger.db"), lambda _: None), Watch()
    uplink = Uplink(options, GATEWAY, writer, watch, Random(1), obey=lambda _: None)
    try:
        async with asyncio.timeout(SOON), running(uplink.run()):
            yield Lot(folder / "ledger.db", writer, uplink, watch), broker
    finally:
        broker.transport.abort()
        server.close()
        await writer.close()


async def test_a_broker_that_grants_no_orders_gets_the_ledger_all_the_same(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with refused(tmp_path, ORDERS, "broker") as (it, broker):
            it.append()
            assert await it.confirmed()
            assert broker.asked == [broker.topic]
    assert all(status.connected for status in it.watch.all)
    (warned,) = (line for line in logs if line["log_level"] == "warning")
    assert str(warned["event"]).startswith("服务器不允许订阅平台指令")
    assert warned["topic"] == ORDERS.format(GATEWAY)


async def test_a_broker_that_grants_no_acks_is_named_and_left(tmp_path: Path) -> None:
    async with refused(tmp_path, ACK, "ack") as (it, _):
        told = await it.watch.until(down)
        assert "access rules" in told.reason


async def test_nagles_algorithm_is_off(road: Road) -> None:
    options = UplinkOptions.model_validate({"name": "city", "host": "127.0.0.1", "port": road.broker.port})
    async with mqtt._link(options, GATEWAY, None, None) as link:
        assert link._client.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_nothing_is_left_of_a_link_that_is_cut_off_while_it_writes(road: Road) -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
    options = UplinkOptions.model_validate({"name": "city", "host": "127.0.0.1", "port": road.broker.port})
    async with mqtt._link(options, GATEWAY, None, None) as link:
        sending = asyncio.ensure_future(link.send("topic", b"x" * 100))
        await asyncio.sleep(0)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await asyncio.sleep(0)
    assert complaints == []


async def test_an_uplink_can_be_stopped_while_it_connects(road: Road) -> None:
    road.proxy.silent()
    async with asyncio.timeout(SOON), lot(road.folder, road.proxy.port, publish_timeout=1.0):
        while road.proxy.connections == 0:  # noqa: ASYNC110  the proxy tells nobody
            await asyncio.sleep(0.01)


# --- TLS ------------------------------------------------------------------------------------------------


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def issue(folder: Path, name: str, *extra: str) -> None:
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-x509", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem", *extra)  # fmt: skip


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a broker's certificate for 127.0.0.1, a gateway's, and an authority that nobody knows."""
    folder = tmp_path_factory.mktemp("certificates")
    issue(folder, "ca")
    issue(folder, "stranger")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=critical,CA:FALSE")
    issue(folder, "broker", *signed, "-addext", "subjectAltName=IP:127.0.0.1")
    issue(folder, "gateway", *signed)
    return folder


@pytest.fixture
async def encrypted(tmp_path: Path, certificates: Path) -> AsyncIterator[Broker]:
    own = Certificates(certificates / "ca.pem", certificates / "broker.pem", certificates / "broker.key")
    async with Broker(tmp_path / "broker", certificates=own) as broker:
        yield broker


def tls(folder: Path, ca: str = "ca") -> dict[str, str]:
    return {
        "ca_file": str(folder / f"{ca}.pem"),
        "cert_file": str(folder / "gateway.pem"),
        "key_file": str(folder / "gateway.key"),
    }


async def test_tls_with_certificates_on_both_sides(tmp_path: Path, encrypted: Broker, certificates: Path) -> None:
    platform = Platform(encrypted.port, GATEWAY)
    async with (
        asyncio.timeout(SOON),
        Proxy((encrypted.host, encrypted.tls_port)) as proxy,
        running(platform.run()),
        lot(tmp_path, proxy.port, tls=tls(certificates)) as it,
    ):
        it.append(50)
        await it.confirmed()
        reports = len(it.watch.all)
        await proxy.reset()
        await it.watch.until(down, after=reports)
        await proxy.up()
        it.append(50)
        await it.confirmed()
        await all_arrived(platform, it.path)


async def test_a_broker_that_we_do_not_trust_gets_nothing(
    tmp_path: Path, encrypted: Broker, certificates: Path
) -> None:
    trust_another = tls(certificates, ca="stranger")
    async with asyncio.timeout(SOON), lot(tmp_path, encrypted.tls_port, tls=trust_another) as it:
        told = await it.watch.until(down)
        assert "CERTIFICATE_VERIFY_FAILED" in told.reason
        assert not any(map(up, it.watch.all))


async def test_an_uplink_that_is_stopped_while_it_shakes_hands_leaves_no_connection(
    tmp_path: Path, certificates: Path
) -> None:
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    server = await asyncio.start_server(lambda *both: accepted.put_nowait(both), "127.0.0.1", 0)
    async with asyncio.timeout(SOON), server:
        port = server.sockets[0].getsockname()[1]
        async with lot(tmp_path, port, tls=tls(certificates), publish_timeout=2.0):
            reader, writer = await accepted.get()
            assert await reader.read(2) == b"\x16\x03"
        async with asyncio.timeout(1.0):
            await reader.read()
        writer.close()


async def test_where_tls_is_asked_for_nothing_is_ever_sent_in_plain(tmp_path: Path, certificates: Path) -> None:
    """A server that answers no handshake: every attempt, the later ones too, begins with a TLS ClientHello."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.put_nowait(await reader.read(3))
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with asyncio.timeout(SOON), server:
        port = server.sockets[0].getsockname()[1]
        async with lot(tmp_path, port, tls=tls(certificates)) as it:
            it.append()
            for _ in range(3):
                assert (await heard.get())[:2] == b"\x16\x03"


async def test_a_missing_certificate_file_is_named(tmp_path: Path) -> None:
    async with asyncio.timeout(SOON), lot(tmp_path, 1, tls={"ca_file": "/nowhere/ca.pem"}) as it:
        told = await it.watch.until(down)
        assert "No such file" in told.reason


# --- the tools as commands ------------------------------------------------------------------------------


async def tool(*arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, stdin=PIPE, stdout=PIPE)


async def test_proxy_and_platform_as_commands(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    async with asyncio.timeout(SOON), Broker(tmp_path / "broker") as broker:
        proxy = await tool("tools.proxy", "127.0.0.1:0", f"127.0.0.1:{broker.port}")
        platform = await tool(
            "tools.platform", "--port", str(broker.port), "--gateway", GATEWAY, "--report", str(report)
        )
        assert proxy.stdin
        assert proxy.stdout
        assert platform.stdout
        address = (await proxy.stdout.readline()).split()[0].decode()
        async with lot(tmp_path, int(address.rpartition(":")[2])) as it:
            it.append(4)
            await it.confirmed()
            proxy.stdin.write(b"reset\n")
            await it.watch.until(down)
            it.append()
            proxy.stdin.write(b"up\n")
            assert await it.confirmed() == 6
        lines = [(await platform.stdout.readline()).split() for _ in range(6)]
        assert [(line[0], line[2]) for line in lines[4:]] == [(b"5", b"debit.intended"), (b"6", b"debit.settled")]
        platform.terminate()
        proxy.stdin.write(b"quit\n")
        await asyncio.gather(platform.communicate(), proxy.communicate())
        assert (platform.returncode, proxy.returncode) == (0, 0)
    counts = json.loads(report.read_text())
    assert (counts["unique"], counts["settled_fen"], counts["gaps"]) == (6, 500, 0)


# --- a gateway that is killed ---------------------------------------------------------------------------


class Gateway:
    """A gateway as a process of its own, appending `rate` entries a second; see the end of this file."""

    def __init__(self, folder: Path, port: int) -> None:
        self.path = folder / "ledger.db"
        self._port = port
        self._process: Process | None = None

    async def start(self) -> None:
        """Come back when its first entry is durable."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, __file__, str(self.path), str(self._port), stdout=PIPE
        )
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line == b"durable\n":
                return
        raise AssertionError("the gateway ended")

    async def kill(self) -> None:
        """As a power cut does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.communicate()


async def boot_offline(folder: Path, seconds: float) -> None:
    """A power cut took the network too: the gateway starts, is killed, starts again; then the broker returns."""
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(Broker(folder / "broker"))
        await broker.kill()
        gateway = Gateway(folder, broker.port)
        for _ in range(2):
            await gateway.start()
            await asyncio.sleep(seconds / 2)
            await gateway.kill()
        offline = len(read(gateway.path))
        assert offline > 50 * seconds / 2
        await gateway.start()
        await broker.start()
        platform = Platform(broker.port, GATEWAY)
        await stack.enter_async_context(running(platform.run()))
        await platform.until(lambda counts: counts.unique > offline)
        await gateway.kill()
        async with lot(folder, broker.port) as it:
            await it.confirmed()
            await all_arrived(platform, it.path)
            assert len(verify(it.path).chains) == 1


async def test_a_gateway_that_boots_without_network_and_is_killed_loses_nothing(tmp_path: Path) -> None:
    async with asyncio.timeout(2 * SOON):
        await boot_offline(tmp_path, 2.0)


@pytest.mark.proof
async def test_a_gateway_that_boots_without_network_for_half_a_minute_loses_nothing(tmp_path: Path) -> None:
    async with asyncio.timeout(180):
        await boot_offline(tmp_path, 30.0)


async def test_a_gateway_killed_while_it_sends_loses_nothing(road: Road) -> None:
    gateway = Gateway(road.folder, road.proxy.port)
    async with asyncio.timeout(2 * SOON):
        for _ in range(4):
            before = road.platform.counts.unique
            await gateway.start()
            await road.platform.until(lambda counts, before=before: counts.unique > before + 5)
            await gateway.kill()
        async with lot(road.folder, road.proxy.port) as it:
            await it.confirmed()
            await all_arrived(road.platform, it.path)


async def run_gateway(path: Path, port: int) -> None:
    """The process of `Gateway`: 50 entries a second, and the uplink with the options of the tests."""
    writer = Writer(Store(path), lambda _: None)
    options = UplinkOptions.model_validate({"name": "city", "host": "127.0.0.1", "port": port, **SHORT})
    uplink = Uplink(options, GATEWAY, writer, lambda _: None, Random())
    first = asyncio.Event()

    def durable(number: int) -> None:
        uplink.appended(number)
        first.set()

    async def feed() -> None:
        for number in count(1):
            writer.submit(drafts(number), lambda made: durable(made[-1].number))
            await asyncio.sleep(1 / 50)

    async with running(uplink.run(), feed()):
        await first.wait()
        print("durable", flush=True)  # noqa: T201  to the test
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(run_gateway(Path(sys.argv[1]), int(sys.argv[2])))
