"""An antenna whose PSAM is not authorised: BA, ledger, a real broker, the platform, CB, BB; then it trades.

The far end is a Genvict antenna of a few lines, with a software PSAM's rule for the MAC.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from aiomqtt import ProtocolVersion

from gateway import config
from gateway.daemon import Daemon
from gateway.ledger import store
from gateway.ledger.entries import Draft, Moment, StayImported
from gateway.uplink.formats.cloudevents import ORDER_PREFIX, ORDERS, STATUS
from gateway.uplink.mqtt import QUIET, Link
from protocols.obu.psam import PsamKeys, authorisation
from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    Init,
    Order,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Report,
    Result,
    Status,
)
from tools.broker import Broker
from tools.cards import make_tag
from tools.platform import Platform

KEYS = PsamKeys(bytes(16), bytes(16), bytes(range(0x40, 0x50)))
TERMINAL, NUMBER = "990100000001", "99" * 10
TAG = make_tag(1, "测A00001", 1, 50_000)
CHALLENGE = bytes(range(8))
SOON = 20.0

MakeSite = Callable[[Path, list[dict[str, str]]], Path]
Body = dict[str, object]


class FarEnd(asyncio.Protocol):
    """A Genvict antenna with one tag in its zone, whose PSAM wants a MAC."""

    def __init__(self) -> None:
        self.dialect = load("genvict")
        self.framer = self.dialect.framing.framer()
        self.heard: list[Order] = []
        self.authorised = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for frame in self.framer.feed(data):
            assert isinstance(frame, Frame)
            for word in self.dialect.hear(self.dialect.decode(frame.data)):
                self.heard.append(cast("Order", word))
                for said in self.answer(word):
                    self.transport.write(self.dialect.framing.encode(0, self.dialect.encode(said)))

    def answer(self, word: Order | Report) -> Iterator[Report]:
        match word:
            case Init():
                yield Status(0, (), self.authorised, 2, "1000")
            case PsamInit():
                yield PsamAsks(0, 1, TERMINAL, NUMBER, 1, 0, "99" * 8, CHALLENGE.hex())
            case PsamAuthorise(mac=mac):
                self.authorised = bytes.fromhex(mac) == authorisation(KEYS, CHALLENGE)
                yield PsamAnswered(0, "9000" if self.authorised else "9302")
            case Antenna(on=True) if self.authorised:
                yield Contents(TAG.tag.obu_id, TAG.vehicle, TAG.card, TAG.tag)
            case Purchase():
                yield Result(word.obu_id, TERMINAL, 7, 1, "c0ffee00", 9, 0, word.at, TAG.balance - word.fen)
            case _:
                pass


@dataclass
class Site:
    daemon: Daemon
    antenna: FarEnd
    path: Path

    async def until(self, kind: str, **fields: object) -> Body:
        """The first entry of this kind with these fields, waited for; its body."""
        async with asyncio.timeout(SOON):
            while not (found := [body for body in self.of(kind) if body.items() >= fields.items()]):  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # a ledger tells only who looks
            return found[0]

    async def until_there_are(self, number: int, kind: str) -> None:
        """So many entries of this kind, waited for."""
        async with asyncio.timeout(SOON):
            while len(self.of(kind)) < number:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # as above

    def of(self, kind: str) -> list[Body]:
        """The bodies of this kind so far."""
        return [cast("Body", entry.fields["body"]) for entry in store.read(self.path) if entry.kind == kind]


@asynccontextmanager
async def running(make_site: MakeSite, folder: Path, security: str, more: str) -> AsyncIterator[Site]:
    antenna = FarEnd()
    server = await asyncio.get_running_loop().create_server(lambda: antenna, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lane = {"name": "out1", "role": "exit", "dialect": "genvict", "barrier": "tcp://127.0.0.1:1"}
    path = make_site(folder, [{**lane, "antenna": f"tcp://127.0.0.1:{port}"}])
    path.write_text(
        path.read_text()
        .replace('dialect = "genvict"', f'dialect = "genvict"\nsecurity = "{security}"')
        .replace('id = "yard"', 'id = "yard"\nproduction = false')
        + more
    )
    site = config.load(path)
    ledger = store.Store(site.ledger)
    now = datetime.now(CHINA)
    vehicle, entered = TAG.vehicle, (now - timedelta(hours=3)).isoformat()
    inside = StayImported("s1", vehicle.plate, vehicle.color, vehicle.vehicle_class, entered)
    ledger.append([Draft(Moment(now, 0.0, "import", trusted=True), "", inside)])
    daemon = Daemon(site, ledger)
    task = asyncio.create_task(daemon.run())
    try:
        yield Site(daemon, antenna, site.ledger)
    finally:
        daemon.stop.set()
        await task
        server.close()
        antenna.transport.abort()


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    async with Broker(tmp_path / "broker") as broker:
        yield broker


def uplink(broker: Broker) -> str:
    return f'\n[[uplink]]\nname = "city"\nhost = "127.0.0.1"\nport = {broker.port}\n'


async def traded(site: Site) -> None:
    """The whole way after the authorisation, in its order, and every record in its place."""
    wanted = {"device": "out1-rsu", "terminal": TERMINAL, "number": NUMBER, "random": CHALLENGE.hex()}
    assert (await site.until("authorisation.wanted")).items() >= wanted.items()
    await site.until("authorisation.ended", device="out1-rsu", good=True, detail="9000")
    intended = await site.until("debit.intended")
    settled = await site.until("debit.settled")
    assert intended["card"] == TAG.card.number
    assert settled["balance_after"] == TAG.balance - cast("int", intended["fen"])
    heard = [type(word).__name__ for word in site.antenna.heard]
    assert heard[:5] == ["Init", "PsamInit", "PsamAuthorise", "Antenna", "Purchase"]


async def test_a_platform_authorises_the_antenna_and_then_it_trades(
    make_site: MakeSite, tmp_path: Path, broker: Broker
) -> None:
    platform = Platform(broker.port, "yard", keys=KEYS)
    receiving = asyncio.create_task(platform.run())
    async with running(make_site, tmp_path, "remote", uplink(broker)) as site:
        await traded(site)
        async with asyncio.timeout(SOON):
            await platform.until(lambda counts: counts.settled_fen > 0)
    receiving.cancel()
    with suppress(asyncio.CancelledError):
        await receiving


def order(device: str = "out1-rsu", random: bytes = CHALLENGE) -> bytes:
    data = {"device": device, "random": random.hex(), "mac": authorisation(KEYS, random).hex()}
    head = {"specversion": "1.0", "id": "1", "source": "/p", "type": f"{ORDER_PREFIX}authorise_psam"}
    return json.dumps({**head, "data": data}).encode()


async def online(link: Link) -> None:
    """The gateway has asked for its orders, and says so."""
    await link.ask_for(STATUS.format("yard"))
    async for message in link.messages:
        if json.loads(bytes(message.payload))["state"] == "online":
            return


async def test_orders_that_are_wrong_stale_or_for_nobody_do_no_harm(
    make_site: MakeSite, tmp_path: Path, broker: Broker
) -> None:
    topic = ORDERS.format("yard")
    city = uplink(broker) + 'confirm = "broker"\n'
    link = Link(broker.host, broker.port, identifier="p", protocol=ProtocolVersion.V5, timeout=5, logger=QUIET)
    async with asyncio.timeout(2 * SOON), link:
        await link.send(topic, order(), retain=True)
        async with running(make_site, tmp_path, "remote", city) as site:
            await site.until("authorisation.wanted")
            await online(link)
            for payload in (b"", b"\xff{", b"[]" * 5000, order()[:-1]):
                await link.send(topic, payload)
            await link.send(topic, order(random=b"\xff" * 8))
            await link.send(topic, order("gate9"))
            await site.until("alarm", what="order for a device that is not here")
            await site.until("authorisation.ended", good=False, detail="the request is over")
            assert not any(isinstance(word, PsamAuthorise) for word in site.antenna.heard)
            await link.send(topic, order())
            await traded(site)


def switch(*, on: bool, **data: str) -> bytes:
    head = {"specversion": "1.0", "id": "2", "source": "/p", "type": f"{ORDER_PREFIX}etc.switch"}
    return json.dumps({**head, "data": {"on": on, "actor": "city", "reason": "why", **data}}).encode()


async def test_a_platform_pauses_a_lane_over_a_restart_and_resumes_it(
    make_site: MakeSite, tmp_path: Path, broker: Broker
) -> None:
    topic = ORDERS.format("yard")
    city = uplink(broker) + 'confirm = "broker"\n'
    link = Link(broker.host, broker.port, identifier="p", protocol=ProtocolVersion.V5, timeout=5, logger=QUIET)
    async with asyncio.timeout(3 * SOON), link:
        for run in (1, 2, 3):
            async with running(make_site, tmp_path, "remote", city) as site:
                await site.until_there_are(run, "authorisation.wanted")
                await online(link)
                if run == 1:
                    await link.send(topic, switch(on=False))
                    await link.send(topic, switch(on=False, lane="out7"))
                    await link.send(topic, switch(on=False, lane="out1"))
                    await site.until("alarm", what="order not understood")
                    await site.until("alarm", what="order for a lane that is not here")
                    await site.until("etc.switched", on=False, actor="city", reason="why")
                await link.send(topic, order())
                if run == 3:
                    await traded(site)
                    break
                await site.until_there_are(run, "passage.refused")
                assert {body["why"] for body in site.of("passage.refused")} == {"etc paused"}
                assert not any(isinstance(word, Purchase) for word in site.antenna.heard)
                if run == 2:
                    await link.send(topic, switch(on=True, lane="out1"))
                    await site.until("etc.switched", on=True)


async def test_test_keys_in_software_authorise_at_once(make_site: MakeSite, tmp_path: Path) -> None:
    keys = f'vehicle = "{"00" * 16}"\npurchase = "{"00" * 16}"\nauthorisation = "{KEYS.authorisation.hex()}"\n'
    async with running(make_site, tmp_path, "software", f"\n[software_keys]\n{keys}") as site:
        await traded(site)
