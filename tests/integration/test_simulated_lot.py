"""The lot over real TCP, pseudo-terminals and Modbus, with a tiny lane PC that trades whatever comes."""

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import tty
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import ValidationError
from pymodbus.client import AsyncModbusTcpClient

from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.messages import CHINA, Contents, GoOn, Init, Order, Purchase, Report, Result, TagSeen
from tools.barrier import WIRING
from tools.cards import make_tag
from tools.lot import EXAMPLE, Lot, Scenario
from tools.rsu import STALE, Antenna, SerialAntenna, serve_serial, serve_tcp

NOW = datetime(2026, 3, 1, 8, 30, 5, tzinfo=CHINA)
PLATE = "测A00001"
PACE = {"loop": 0.05, "trade": 0.02, "search_again": 0.05, "travel": 0.1}
OPEN, CLOSE, PRESENCE = 0, 1, 0  # two coils and an input of the board

Event = Mapping[str, object]


def lane(name: str, dialect: str, antenna: str) -> dict[str, str]:
    return {"name": name, "role": name, "dialect": dialect, "antenna": antenna, "barrier": "tcp:0"}


def car(lane: str, plate: str = PLATE, **more: object) -> dict[str, object]:
    return {"lane": lane, "plate": plate, "class": 1, "balance": 10_000, "at": None, "fault": None, **more}


def scenario(*lanes: dict[str, str], cars: list[dict[str, object]]) -> dict[str, object]:
    return {"lanes": list(lanes), "cars": cars, "pace": PACE}


@asynccontextmanager
async def line(port: str, hear: Callable[[bytes], None]) -> AsyncIterator[Callable[[bytes], object]]:
    """The wire to an antenna: what is heard goes to `hear`, what is given writes."""
    if port.startswith("tcp://"):
        host, _, number = port.removeprefix("tcp://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(number))

        async def listen() -> None:
            while data := await reader.read(4096):
                hear(data)

        listening = asyncio.create_task(listen())
        try:
            yield writer.write
        finally:
            listening.cancel()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
        return
    path = port.removeprefix("serial://").partition("?")[0]
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, lambda: hear(os.read(fd, 4096)))
    try:
        tty.setraw(fd)
        yield lambda data: os.write(fd, data)
    finally:
        loop.remove_reader(fd)
        os.close(fd)


class Pc:
    """A lane PC that answers by itself; `pays` is what it takes, None to read only. Dies when told to."""

    def __init__(self, dialect: str, pays: int | None) -> None:
        self.dialect = load(dialect)
        self.pays = pays
        self.paid = asyncio.Event()
        self.heard: list[Report] = []
        self.write: Callable[[bytes], object] = lambda _: None
        self._more = asyncio.Event()
        self._framer = self.dialect.framing.framer()
        self._tag: TagSeen | None = None

    def say(self, word: Order) -> None:
        self.write(self.dialect.framing.encode(self.dialect.framing.start(1), self.dialect.encode(word)))

    def begin(self) -> None:
        for word in (Init(NOW, entry=True, tx_power=10, channel=1), *self.dialect.starting):
            self.say(word)

    def hear(self, data: bytes) -> None:
        for item in self._framer.feed(data):
            if isinstance(item, Frame):
                for word in self.dialect.hear(self.dialect.decode(item.data)):
                    self.heard.append(word)
                    self.react(word)
        self._more.set()

    async def until_heard(self, words: int) -> None:
        while len(self.heard) < words:
            self._more.clear()
            await self._more.wait()

    def react(self, word: Report) -> None:
        match word:
            case TagSeen(tag):
                self._tag = word
                self.say(GoOn(tag.obu_id, tag.issuer))
            case Contents(obu_id, _, None) if self._tag:
                self.say(GoOn(obu_id, self._tag.tag.issuer))
            case Contents(obu_id, _, card) if self._tag and card and self.pays is not None:
                self.say(Purchase(obu_id, self._tag.tag.issuer, self.pays, NOW, card.station))
            case Result(obu_id) if self._tag:
                self.say(GoOn(obu_id, self._tag.tag.issuer))
                self.paid.set()
            case _:
                pass


async def gateway(ports: Mapping[str, str], dialect: str, pays: int | None = 500) -> None:
    """Trade, open, wait until the car has passed, close; for ever."""
    pc = Pc(dialect, pays)
    host, _, number = ports["barrier"].removeprefix("tcp://").partition(":")
    board = AsyncModbusTcpClient(host, port=int(number))
    async with line(ports["antenna"], pc.hear) as pc.write:
        try:
            assert await board.connect()
            pc.begin()
            while True:
                await pc.paid.wait()
                pc.paid.clear()
                await pulse(board, OPEN)
                await until_input(board, PRESENCE, wanted=True)
                await until_input(board, PRESENCE, wanted=False)
                await pulse(board, CLOSE)
        finally:
            board.close()


async def pulse(board: AsyncModbusTcpClient, coil: int) -> None:
    await board.write_coil(coil, True, device_id=1)  # noqa: FBT003  pymodbus's signature
    await board.write_coil(coil, False, device_id=1)  # noqa: FBT003  likewise


async def until_input(board: AsyncModbusTcpClient, number: int, *, wanted: bool) -> None:
    while (await board.read_discrete_inputs(number, count=1, device_id=1)).bits[0] != wanted:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a board tells only who asks


class Played:
    """A lot with the truth that it tells, and gateways to be killed."""

    def __init__(self, document: dict[str, object]) -> None:
        self.truth: list[Event] = []
        self.lot = Lot(Scenario.model_validate(document), self.tell)
        self.gateways: list[asyncio.Task[None]] = []
        self._told = asyncio.Event()

    def tell(self, event: Event) -> None:
        self.truth.append(json.loads(json.dumps(event)))
        self._told.set()

    async def told(self, kind: str) -> Event:
        """The first event of its kind, waited for."""
        while not (found := self.of(kind)):
            self._told.clear()
            await self._told.wait()
        return found[0]

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.truth if event["event"] == kind]

    def start_gateway(self, number: int, dialect: str, pays: int | None = 500) -> asyncio.Task[None]:
        (ready,) = self.of("ready")
        task = asyncio.create_task(gateway(ready["lanes"][number], dialect, pays))
        self.gateways.append(task)
        return task


@asynccontextmanager
async def played(document: dict[str, object]) -> AsyncIterator[Played]:
    play = Played(document)
    await play.lot.start()
    try:
        async with asyncio.timeout(8):
            yield play
    finally:
        for task in play.gateways:
            await kill(task)
        await play.lot.stop()
        await asyncio.sleep(0)


async def kill(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def antenna_of(kind: str, tmp_path: Path) -> str:
    return "tcp:0" if kind == "tcp" else f"serial:{tmp_path}/rsu0"


@pytest.mark.parametrize(("kind", "dialect"), [("tcp", "wanji"), ("serial", "soulin"), ("serial", "wanji")])
async def test_a_car_trades_and_passes(kind: str, dialect: str, tmp_path: Path) -> None:
    document = scenario(lane("in", dialect, antenna_of(kind, tmp_path)), cars=[car("in")])
    async with played(document) as play:
        play.start_gateway(0, dialect)
        await play.lot.run()
    assert [event["event"] for event in play.truth] == ["ready", "frame", "purchase", "passage", "end"]
    _, frame, purchase, passage, end = play.truth
    assert frame == {"event": "frame", "lane": "in", "command": "C6"}
    expected = {"plate": PLATE, "lane": "in", "fen": 500, "terminal_serial": 1, "card_serial": 1}
    assert purchase.items() >= {**expected, "at": NOW.isoformat(), "balance": 9_500}.items()
    assert (passage["plate"], passage["outcome"]) == (PLATE, "passed")
    assert (end["taken"], end["closed_on_car"], end["ignored_purchases"]) == (500, 0, 0)
    (card,) = end["cards"]
    assert (card["card"], card["balance"]) == (purchase["card"], 9_500)
    assert card["purchases"][0]["tac"] == purchase["tac"]


async def test_a_car_keeps_its_card_from_lane_to_lane(tmp_path: Path) -> None:
    lanes = lane("in", "wanji", "tcp:0"), lane("out", "soulin", f"serial:{tmp_path}/rsu1")
    cars = [car("in", at=0.0), car("out"), car("out", "测A00002", balance=700)]
    async with played(scenario(*lanes, cars=cars)) as play:
        play.start_gateway(0, "wanji", pays=0)
        play.start_gateway(1, "soulin", pays=300)
        await play.lot.run()
    purchases = [(p["plate"], p["lane"], p["fen"], p["card_serial"], p["balance"]) for p in play.of("purchase")]
    assert purchases == [
        (PLATE, "in", 0, 1, 10_000),
        (PLATE, "out", 300, 2, 9_700),
        ("测A00002", "out", 300, 1, 400),
    ]
    assert [p["terminal"] for p in play.of("purchase")] == ["990100000001", "990100000002", "990100000002"]
    (end,) = play.of("end")
    assert end["taken"] == 600


async def test_a_driver_without_patience_turns_back_and_the_next_comes() -> None:
    document = scenario(
        lane("in", "wanji", "tcp:0"),
        cars=[car("in", patience=0.2), car("in", "测A00002", fault="removed", patience=0.2)],
    )
    async with played(document) as play:
        play.start_gateway(0, "wanji", pays=None)
        await play.lot.run()
    assert [(p["plate"], p["outcome"]) for p in play.of("passage")] == [
        (PLATE, "turned back"),
        ("测A00002", "turned back"),
    ]
    assert play.of("purchase") == []


@pytest.mark.parametrize(("fault", "removed"), [("removed", True), (None, False)])
async def test_a_cars_fault_is_that_passages_only(fault: str | None, removed: bool) -> None:  # noqa: FBT001
    play = Played(scenario(lane("in", "wanji", "tcp:0"), cars=[car("in", fault="expired"), car("in", fault=fault)]))
    first, second = play.lot.scenario.cars
    assert play.lot._tag(first).tag.expires < NOW.date()
    tag = play.lot._tag(second)
    assert tag is play.lot._tag(first)
    assert play.lot._tag(second).tag.expires > NOW.date()
    assert play.lot._tag(second).tag.removed is removed


@pytest.mark.parametrize(("kind", "dialect"), [("tcp", "wanji"), ("serial", "soulin")])
async def test_the_lot_outlives_a_gateway(kind: str, dialect: str, tmp_path: Path) -> None:
    document = scenario(lane("in", dialect, antenna_of(kind, tmp_path)), cars=[car("in", fault="lose-result")])
    async with played(document) as play:
        running = asyncio.create_task(play.lot.run())
        first = play.start_gateway(0, dialect)
        await play.told("purchase")
        await kill(first)
        play.start_gateway(0, dialect, pays=0)
        await running
    assert [(p["fen"], p["card_serial"]) for p in play.of("purchase")] == [(500, 1), (0, 2)]
    assert play.of("passage")[0]["outcome"] == "passed"


async def test_a_new_client_replaces_the_old() -> None:
    served = await serve_tcp(Antenna(load("wanji"), unasked=True))
    first, second = (Pc("wanji", None) for _ in range(2))
    port = f"tcp://127.0.0.1:{served.port}"
    try:
        async with line(port, first.hear), line(port, second.hear) as second.write, asyncio.timeout(5):
            await first.until_heard(1)
            second.begin()
            await second.until_heard(3)
            assert len(first.heard) == 1
    finally:
        await served.close()
        await asyncio.sleep(0)


def has_arrived(served: SerialAntenna, count: int) -> None:
    """The kernel carries bytes from one end of a pseudo-terminal to the other in its own time."""
    for _ in range(1_000_000):
        if struct.unpack("i", fcntl.ioctl(served._slave, termios.FIONREAD, bytes(4)))[0] >= count:
            return
    raise AssertionError(f"{count} bytes never arrived")


async def test_a_serial_line_keeps_nothing_for_who_comes_late(tmp_path: Path) -> None:
    link = tmp_path / "rsu0"
    served = await serve_serial(Antenna(load("soulin")), link)
    pc = Pc("soulin", None)
    try:
        async with line(f"serial://{link}", pc.hear) as pc.write, asyncio.timeout(5):
            pc.begin()
            await pc.until_heard(1)
        served.write(b"stale")
        served.write(b"too")
        has_arrived(served, len(b"staletoo"))
        served._listened_at -= STALE
        served.write(b"fresh")
        reading = os.open(link, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        assert os.read(reading, 100) == b"fresh"
        os.close(reading)
    finally:
        await served.close()
    assert not link.is_symlink()


async def test_a_serial_antenna_takes_no_file_of_others(tmp_path: Path) -> None:
    mine, theirs = tmp_path / "rsu0", tmp_path / "diary"
    theirs.write_text("dear diary")
    with pytest.raises(FileExistsError):
        await serve_serial(Antenna(load("soulin")), theirs)
    assert theirs.read_text() == "dear diary"
    mine.symlink_to("/dev/pts/left-by-a-killed-one")
    served = await serve_serial(Antenna(load("soulin")), mine)
    served.enter(make_tag(1, PLATE, 1, 0))
    await served.close()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"fault": "burnt"}, "'burnt' is none of removed, expired"),
        ({"lane": "up"}, "'up' is none of in"),
        ({"plate": "测A0000000000"}, "over 12 bytes"),
        ({"colour": "red"}, "Extra inputs are not permitted"),
    ],
)
def test_a_wrong_scenario_is_told_why(wrong: dict[str, object], says: str) -> None:
    document = scenario(lane("in", "wanji", "tcp:0"), cars=[{**car("in"), **wrong}])
    with pytest.raises(ValidationError, match=says):
        Scenario.model_validate(document)


def test_the_example_of_the_help_can_be_played() -> None:
    (car,) = Scenario.model_validate_json(EXAMPLE).cars
    assert (car.plate, car.vehicle_class, car.at) == (PLATE, 1, None)


def test_the_lot_from_the_shell_ends_when_told(tmp_path: Path) -> None:
    plan, truth, link = tmp_path / "scenario.json", tmp_path / "truth.jsonl", tmp_path / "rsu0"
    plan.write_text(json.dumps(scenario(lane("in", "soulin", f"serial:{link}"), cars=[car("in")])))
    command = [sys.executable, "-m", "tools.lot", str(plan)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as lot:
        assert lot.stdout
        ready = json.loads(lot.stdout.readline())
        assert ready["lanes"][0]["antenna"] == f"serial://{link}?baud=115200"
        lot.send_signal(signal.SIGTERM)
        end = json.loads(lot.stdout.read())
    assert (lot.returncode, end["event"], end["taken"], end["cards"]) == (0, "end", 0, [])
    assert not link.is_symlink()

    plan.write_text(json.dumps(scenario(lane("in", "soulin", "tcp:0"), cars=[])))
    subprocess.run([*command, "--truth", str(truth)], check=True, timeout=10)
    assert [json.loads(text)["event"] for text in truth.read_text().splitlines()] == ["ready", "end"]


def test_an_antenna_from_the_shell_takes_commands() -> None:
    command = [sys.executable, "-m", "tools.rsu", "--dialect", "wanji", "--tcp", "0", "--trace"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    with subprocess.Popen(command, **pipes) as antenna:
        assert antenna.stdin
        assert antenna.stdout
        assert antenna.stdout.readline().startswith("wanji antenna on tcp ")
        antenna.stdin.write(f"enter {PLATE} 1 5000\n")
        antenna.stdin.flush()
        assert antenna.stdout.readline() == f"{PLATE} is in the zone with 5000 fen\n"
        antenna.send_signal(signal.SIGTERM)
        assert antenna.stdout.read() == ""
    assert antenna.returncode == 0


def test_an_antenna_from_the_shell_prints_frames_as_they_are_on_the_wire() -> None:
    wanji = load("wanji")
    init = wanji.framing.encode(0, wanji.encode(Init(NOW, entry=False, tx_power=10, channel=1)))
    command = [sys.executable, "-m", "tools.rsu", "--dialect", "wanji", "--tcp", "0", "--trace"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as antenna:
        assert antenna.stdout
        port = int(antenna.stdout.readline().split()[-1])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
            line.sendall(init)
            answer = line.recv(4096)
            printed = [antenna.stdout.readline() for _ in range(2)]
        antenna.send_signal(signal.SIGTERM)
    assert printed == [f"< {init.hex()}\n", f"> {answer.hex()}\n"]
    assert antenna.returncode == 0


def antenna_fails(*options: str) -> tuple[int, str]:
    """Exit code and last line of stderr of an antenna that does not start."""
    command = [sys.executable, "-m", "tools.rsu", "--dialect", "wanji", *options]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", timeout=30)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr.splitlines()[-1]


def test_an_antenna_that_cannot_be_put_on_its_wire_says_where_and_why(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, said = antenna_fails("--tcp", str(port))
    remedy = f"无法监听 TCP 端口 {port}，请换一个 / cannot listen on TCP port {port}; choose another"
    assert (code, said) == (1, f"{remedy}: Address already in use")
    link = tmp_path / "absent" / "rsu"
    remedy = f"无法建立虚拟串口 {link}，请换一个 / no pseudo-terminal can be named {link}; choose another"
    assert antenna_fails("--serial", str(link)) == (1, f"{remedy}: No such file or directory")


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--tcp", "99999", "须为 0 到 65535 / must be 0 to 65535"),
        ("--tcp", "-1", "须为 0 到 65535 / must be 0 to 65535"),
        ("--terminal", "99", "须为 12 位十六进制数字 / must be 12 hex digits"),
        ("--mac", "x" * 16, "须为 16 位十六进制数字 / must be 16 hex digits"),
    ],
)
def test_an_option_of_the_antenna_that_cannot_be_is_refused(option: str, value: str, said: str) -> None:
    ends = f"argument {option}: {said} (现为 / is {value!r})"
    code, last = antenna_fails(*([] if option == "--tcp" else ["--tcp", "0"]), f"{option}={value}")
    assert (code, last.partition("error: ")[2]) == (2, ends)


def test_the_help_of_the_devices_is_in_chinese_and_keeps_paths_whole() -> None:
    def said(tool: str) -> str:
        command = [sys.executable, "-m", f"tools.{tool}", "--help"]
        narrow = {**os.environ, "COLUMNS": "80"}
        return subprocess.run(command, capture_output=True, encoding="utf-8", env=narrow, check=True).stdout

    assert "在标准输入键入命令，每行一条 / once it runs, type commands on standard input" in said("rsu")
    assert f"(default: {WIRING})" in said("barrier")
