"""A Genvict box over real TCP: the daemon opens vehicle files, makes MAC1 and books what the box traded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Self, cast

import pytest

from drivers.ports import Instant, PsamDone, PsamWanted
from drivers.security import server
from drivers.security.box import BoxDown, BoxEvent, BoxSession, BoxUp
from drivers.security.module import InRsu
from drivers.security.server import BoxServer
from gateway import config
from gateway.daemon import Daemon
from gateway.ledger import store
from protocols.obu.files import File0015, SystemInfo26, VehicleFile, vehicle_file
from protocols.obu.keys import TDES, SecureFile, issuer_factor, seal
from protocols.obu.psam import PsamKeys, authorisation
from protocols.obu.values import Vehicle
from protocols.rsu.box import E2, E3, E4, E5, E6, E7, F2, F4, F5, F6, F7, decode
from protocols.rsu.framing import F3, Frame
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import CHINA

KEYS = PsamKeys(bytes(range(0x10, 0x20)), bytes(range(0x20, 0x30)), bytes(range(0x40, 0x50)))
SYSTEM = SystemInfo26("b2e2cad499010001", 1, 0x10, "9901000000000001", "20240101", "20491231")
CAR = vehicle_file(Vehicle("测A00001", 0, 1))
SOON = 20.0

MakeSite = Callable[[Path, list[dict[str, str]]], Path]
MORE = f"""
[[box]]
name = "box1"
listen = "tcp://127.0.0.1:21004"
security = "software"
ceiling_fen = 500
[software_keys]
vehicle = "{KEYS.vehicle.hex()}"
purchase = "{KEYS.purchase.hex()}"
authorisation = "{KEYS.authorisation.hex()}"
"""


class Box:
    """The maker's end."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.framer = F3.framer()
        self.found: list[Message] = []

    @classmethod
    async def connect(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, message: Message) -> Message:
        self.writer.write(F3.encode(0, to_data(message)))
        async with asyncio.timeout(SOON):
            while not self.found:
                for frame in self.framer.feed(await self.reader.read(4096)):
                    assert isinstance(frame, Frame)
                    self.found.append(decode(frame.data))
        return self.found.pop(0)

    async def close(self) -> None:
        self.writer.transport.abort()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def daemon_with_a_box(make_site: MakeSite, folder: Path) -> AsyncIterator[tuple[Path, int]]:
    dead = "tcp://127.0.0.1:1"
    path = make_site(
        folder, [{"name": "in1", "role": "entry", "dialect": "soulin", "antenna": dead, "barrier": dead}]
    )
    path.write_text(path.read_text().replace('id = "yard"', 'id = "yard"\nproduction = false') + MORE)
    site = config.load(path)
    anywhere = site.options.box[0].model_copy(update={"listen": "tcp://127.0.0.1:0"})
    site = replace(site, options=site.options.model_copy(update={"box": (anywhere,)}))
    daemon = Daemon(site, store.Store(site.ledger))
    task = asyncio.create_task(daemon.run())
    try:
        async with asyncio.timeout(SOON):
            while not daemon._boxes or not daemon._boxes["box1"].port:  # noqa: ASYNC110
                await asyncio.sleep(0.01)  # a server tells nobody when it listens
        yield site.ledger, daemon._boxes["box1"].port
    finally:
        daemon.stop.set()
        await task


def bodies(path: Path) -> list[tuple[str, dict[str, object]]]:
    return [(entry.kind, cast("dict[str, object]", entry.fields["body"])) for entry in store.read(path)]


async def test_a_box_trades_with_our_keys_and_every_step_is_booked(make_site: MakeSite, tmp_path: Path) -> None:
    key = TDES.diversify(KEYS.vehicle, issuer_factor(SYSTEM.issuer), bytes.fromhex(SYSTEM.contract))
    cipher = seal(TDES, key, SecureFile(bytes(8), VehicleFile.write(CAR)))
    async with daemon_with_a_box(make_site, tmp_path) as (ledger, port):
        box = await Box.connect(port)
        asked = E3(0, 1, "990100000001", "99" * 10, 0, 1, "99" * 8, "b1" * 8)
        mac = authorisation(KEYS, b"\xb1" * 8).hex()
        assert await box.ask(asked) == F4(0, "b1" * 8, mac)
        assert await box.ask(E4(0, 1, "9000")) == F5()
        opened = await box.ask(E6("5a000001", SYSTEM, bytes(28), 0, len(cipher), cipher))
        assert isinstance(opened, F6)
        assert (opened.status, opened.vehicle) == (0, VehicleFile.write(CAR))
        known = {"terminal": opened.terminal, "serial": opened.serial, "trade_time": "20261121120005"}
        purchase = E7.fill({"issuer": SYSTEM.issuer, "card_id": "9901000000000001", "fen": 500, **known})
        assert await box.ask(replace(purchase, fen=501)) == F7.fill({"status": 1})
        made = await box.ask(purchase)
        intended = [body for kind, body in bodies(ledger) if kind == "box.debit.intended"]
        assert len(intended) == 1, "MAC1 left before its intent was on disk"
        assert isinstance(made, F7)
        assert made.status == 0
        card = File0015.fill({"net": "9901", "card_id": "9901000000000001"})
        paid = {"fen": 500, "terminal_serial": made.terminal_serial, "card": card}
        record = E2.fill({"obu_id": "5a000001", "vehicle": CAR, **paid, **known})
        assert await box.ask(record) == F2(0)
        (trade,) = (body for kind, body in bodies(ledger) if kind == "box.traded")
        assert (trade["intent"], trade["plate"], trade["fen"]) == (intended[0]["intent"], "测A00001", 500)
        await box.close()
    async with daemon_with_a_box(make_site, tmp_path) as (_, port):
        box = await Box.connect(port)
        assert await box.ask(record) == F2(0), "an earlier run has recorded it"
        assert await box.ask(replace(record, result=1)) == F2(0)
        await box.close()
    above, doubted = (str(body["detail"]) for kind, body in bodies(ledger) if kind == "alarm")
    assert "ceiling_fen 500" in above
    assert str(intended[0]["intent"]) in doubted
    kinds = [kind for kind, _ in bodies(ledger) if kind.startswith(("authorisation", "box"))]
    assert kinds == ["authorisation.wanted", "authorisation.ended", "box.debit.intended", "box.traded"]


# --- the shell -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(
    listen: str,
) -> AsyncIterator[tuple[BoxServer, list[BoxEvent | PsamWanted | PsamDone], asyncio.Event]]:
    told: list[BoxEvent | PsamWanted | PsamDone] = []
    news = asyncio.Event()

    def emit(event: BoxEvent | PsamWanted | PsamDone, _now: Instant) -> None:
        told.append(event)
        news.set()

    def clock() -> Instant:
        return Instant(datetime.now(CHINA), asyncio.get_running_loop().time())

    box = BoxServer(BoxSession("box1", InRsu(), "b0b0b0b0", 50_000), listen, emit, clock)
    task = asyncio.create_task(box.run())
    try:
        async with asyncio.timeout(SOON):
            yield box, told, news
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until_listening(box: BoxServer) -> int:
    while not box.port:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a server tells nobody when it listens
    return box.port


async def test_a_new_connection_replaces_the_old() -> None:
    async with served("tcp://127.0.0.1:0") as (server_, told, _):
        port = await until_listening(server_)
        first = await Box.connect(port)
        assert await first.ask(E5(0)) == F5()
        second = await Box.connect(port)
        assert await second.ask(E5(0)) == F5()
        with suppress(ConnectionError):
            assert await first.reader.read(1) == b"", "the old connection still stands"
        kinds = [type(event) for event in told]
        assert kinds == [BoxUp, PsamDone, BoxDown, BoxUp, PsamDone]
        await second.close()
        await first.close()


async def test_a_port_that_another_has_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST", 0.01)
    other = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = other.sockets[0].getsockname()[1]
    async with served(f"tcp://127.0.0.1:{port}") as (server_, told, news):
        await news.wait()
        (down,) = told
        assert isinstance(down, BoxDown)
        assert f"tcp://127.0.0.1:{port}" in down.reason
        other.close()
        assert await until_listening(server_) == port
