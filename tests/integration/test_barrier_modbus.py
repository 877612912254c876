"""The Modbus driver against the simulated board: real servers, real sockets, real ptys, real time."""

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import tomli
from blockbuster import blockbuster_ctx

from drivers.backoff import Backoff
from drivers.barrier.modbus import ModbusBarrier, PortError, client_for
from drivers.barrier.profile import BarrierProfile, parse
from drivers.barrier.session import BarrierSession
from drivers.ports import (
    BarrierDown,
    BarrierEvent,
    BarrierOrder,
    BarrierUp,
    CloseBarrier,
    CloseRefused,
    InputChanged,
    OpenBarrier,
)
from tools.barrier import DEVICE_ID, SimulatedBarrier

SAMPLE = Path(__file__).parents[2] / "config" / "barriers" / "waveshare-relay-d8.toml"
PROFILE = parse(tomli.loads(SAMPLE.read_text(encoding="utf-8")))
PATIENCE = 10.0  # s: what has not come by then does not come

TO_OPEN, TO_CLOSE, UP = OpenBarrier("gate"), CloseBarrier("gate"), BarrierUp("gate")


def changed(name: str, *, on: bool | None) -> InputChanged:
    return InputChanged("gate", name, on)


class Lane:
    """What sits above a driver: gives orders and waits for events."""

    def __init__(self, port: str, profile: BarrierProfile = PROFILE) -> None:
        self.orders: asyncio.Queue[BarrierOrder] = asyncio.Queue()
        self.events: asyncio.Queue[BarrierEvent] = asyncio.Queue()
        self.driver = ModbusBarrier(
            BarrierSession("gate", profile),
            port,
            DEVICE_ID,
            self.orders,
            self.events.put_nowait,
            time.monotonic,
            Random(1),
        )

    async def until(self, wanted: BarrierEvent | type[BarrierEvent]) -> list[BarrierEvent]:
        """All events up to the wanted one, which is the last."""
        seen: list[BarrierEvent] = []
        async with asyncio.timeout(PATIENCE):
            while not seen or wanted not in (seen[-1], type(seen[-1])):
                seen.append(await self.events.get())
        return seen


@asynccontextmanager
async def driven(lane: Lane) -> AsyncIterator[Lane]:
    task = asyncio.create_task(lane.driver.run())
    try:
        yield lane
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture(params=["tcp", "rtu"])
async def board(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SimulatedBarrier]:
    board = SimulatedBarrier(PROFILE, serial=tmp_path / "gate" if request.param == "rtu" else None)
    await board.start()
    with blockbuster_ctx(["drivers", "pymodbus", "serial"]):
        yield board
    await board.stop()


async def test_open_car_passes_close(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        assert (await lane.until(UP)) == [UP]
        await lane.until(changed("closed", on=True))

        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))

        board.car_on_loop(on=True)
        await lane.until(changed("presence", on=True))
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(CloseRefused)
        assert board.arm == "open"

        board.car_on_loop(on=False)
        await lane.until(changed("presence", on=False))
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(changed("closed", on=True))
    assert board.told_on_car == 0
    assert board.closed_on_car == 0


async def test_an_arm_coming_down_is_reversed_when_a_car_comes(tmp_path: Path) -> None:
    slow = replace(PROFILE, pulse=1.0)
    board = SimulatedBarrier(slow, serial=tmp_path / "gate", travel=1.5)
    await board.start()
    async with driven(Lane(board.port, slow)) as lane:
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(changed("opened", on=False))
        board.car_on_loop(on=True)
        await lane.until(CloseRefused)
        await lane.until(changed("opened", on=True))
    assert board.closed_on_car == 0
    await board.stop()


async def test_a_deaf_board_goes_down_and_comes_back_and_the_open_order_is_not_lost(
    board: SimulatedBarrier,
) -> None:
    async with driven(Lane(board.port)) as lane:
        await lane.until(changed("closed", on=True))
        board.deaf_for(math.inf)
        await lane.until(BarrierDown)
        for name in PROFILE.inputs:
            assert await lane.until(changed(name, on=None))
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(CloseRefused)
        lane.orders.put_nowait(TO_OPEN)
        board.deaf_for(0)
        assert changed("presence", on=False) not in await lane.until(UP)
        await lane.until(changed("opened", on=True))


async def test_an_open_order_that_meets_a_board_just_gone_deaf_is_not_lost(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        await lane.until(changed("closed", on=True))
        board.deaf_for(math.inf)
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(BarrierDown)
        assert board.arm == "closed"
        board.deaf_for(0)
        await lane.until(changed("opened", on=True))


async def test_a_late_answer_is_never_taken_for_the_next_one(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))
        board.faults.late_once = 0.45
        await lane.until(BarrierDown)
        board.car_on_loop(on=True)  # the answer still under way says that nobody is there
        lane.orders.put_nowait(TO_CLOSE)
        lane.orders.put_nowait(TO_CLOSE)
        events = await lane.until(changed("presence", on=True))
        assert changed("presence", on=False) not in events
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(CloseRefused)
    assert board.told_on_car == 0


async def test_an_order_is_carried_out_on_a_line_that_polling_keeps_busy(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port, replace(PROFILE, poll=0.0))) as lane:
        await lane.until(UP)
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))


async def test_a_relay_that_does_not_obey_is_a_fault_with_its_remedy(board: SimulatedBarrier) -> None:
    board.faults.linkage = True
    async with driven(Lane(board.port)) as lane:
        await lane.until(UP)
        lane.orders.put_nowait(TO_OPEN)
        *_, down = await lane.until(BarrierDown)
        assert isinstance(down, BarrierDown)
        assert "coil 0 was told on and does not obey; is the relay in normal mode?" in down.reason
    assert board.arm == "closed"


async def test_a_wrong_echo_is_a_fault_even_if_the_relay_obeyed(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        await lane.until(UP)
        board.faults.wrong_echo = True
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(BarrierDown)


async def test_an_address_that_the_board_lacks_is_named(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port, replace(PROFILE, open_coil=40))) as lane:
        *_, down = await lane.until(BarrierDown)
        assert isinstance(down, BarrierDown)
        assert "refuses function 5 with exception 2; check the addresses" in down.reason


async def test_a_board_without_inputs_is_kept_alive_by_its_relay(board: SimulatedBarrier) -> None:
    alone = replace(PROFILE, close_coil=None, inputs={}, active_low=frozenset())
    async with driven(Lane(board.port, alone)) as lane:
        await lane.until(UP)
        lane.orders.put_nowait(TO_CLOSE)
        await lane.until(CloseRefused)
        board.deaf_for(math.inf)
        await lane.until(BarrierDown)


async def test_the_power_of_the_board_goes_and_comes(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        await lane.until(changed("closed", on=True))
        await board.stop()
        await lane.until(BarrierDown)
        await board.start()
        await lane.until(UP)
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))


async def test_a_board_that_is_switched_on_after_the_driver(tmp_path: Path) -> None:
    board = SimulatedBarrier(PROFILE, serial=tmp_path / "gate")
    async with driven(Lane(board.port)) as lane:
        *_, down = await lane.until(BarrierDown)
        assert isinstance(down, BarrierDown)
        assert "cannot open" in down.reason
        await board.start()
        await lane.until(UP)
        assert lane.events.get_nowait() == changed("presence", on=False)
    await board.stop()


async def test_a_driver_stopped_in_a_pulse_leaves_no_relay_on(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("closed", on=False))
        assert board.relays == {PROFILE.open_coil}
    assert board.relays == set()


async def test_a_driver_stopped_in_a_question_lets_it_pass_before_it_speaks_again(board: SimulatedBarrier) -> None:
    async with driven(Lane(board.port)) as lane:
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("closed", on=False))
        board.faults.late_once = 0.25
        await asyncio.sleep(0.15)  # into the middle of the next question
    assert board.relays == set()


async def test_a_relay_left_on_by_a_crash_is_switched_off_on_connecting(board: SimulatedBarrier) -> None:
    client = client_for(board.port)
    assert await client.connect()
    await client.write_coil(1, value=True, device_id=DEVICE_ID)
    client.close()
    assert board.relays == {1}
    async with driven(Lane(board.port)) as lane:
        await lane.until(UP)
        assert board.relays == set()


async def test_cancelled_at_any_point_the_driver_ends(board: SimulatedBarrier) -> None:
    for turns in range(150):
        lane = Lane(board.port)
        task = asyncio.create_task(lane.driver.run())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE)
        assert task.cancelled()


@pytest.mark.parametrize("port", ["tcp://127.0.0.1:65536", "tcp://127.0.0.1:1", "serial:///dev/null?baud=777"])
async def test_a_port_that_cannot_be_opened_is_told_and_tried_again(port: str) -> None:
    lane = Lane(port)
    async with driven(lane):
        *_, down = await lane.until(BarrierDown)
        assert isinstance(down, BarrierDown)
        assert down.reason == (f"无法打开 {port}：请检查接线和电源 / cannot open {port}: check cable and power")


@pytest.mark.parametrize(
    "port",
    ["", "tcp://", "tcp://host", "tcp://host:port", "serial://", "serial://ttyS0", "serial:///dev/ttyS0?parity=E"],
)
async def test_a_port_that_is_none_is_refused_at_once(port: str) -> None:
    with pytest.raises(PortError, match=r"write tcp://host:502 or serial:///dev/ttyS0\?baud=9600"):
        await Lane(port).driver.run()


async def test_an_order_hastens_the_next_attempt(tmp_path: Path) -> None:
    board = SimulatedBarrier(PROFILE, serial=tmp_path / "gate")
    lane = Lane(board.port)
    lane.driver._backoff = Backoff(2 * PATIENCE, 3 * PATIENCE, Random(1))
    async with driven(lane):
        await lane.until(BarrierDown)
        await board.start()
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(changed("opened", on=True))
    await board.stop()


async def test_only_an_answer_brings_back_the_shortest_wait(board: SimulatedBarrier) -> None:
    board.deaf_for(math.inf)
    lane = Lane(board.port)
    async with driven(lane):
        await lane.until(BarrierDown)
        assert lane.driver._backoff.next() > 1.0
        board.deaf_for(0)
        lane.orders.put_nowait(TO_OPEN)
        await lane.until(UP)
        assert lane.driver._backoff.next() <= 1.0


class Parrot:
    """A Modbus TCP server that has one answer for each function code, whatever the question; none: it is deaf."""

    def __init__(self, answers: dict[int, bytes]) -> None:
        self.answers = answers
        self.asked: list[list[int]] = []  # function codes, by connection

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        functions: list[int] = []
        self.asked.append(functions)
        try:
            while True:
                question = await reader.readexactly(12)  # every question of the driver has this length
                functions.append(question[7])
                if answer := self.answers.get(question[7]):
                    length = (1 + len(answer)).to_bytes(2, "big")
                    writer.write(question[:4] + length + question[6:7] + answer)
        except asyncio.IncompleteReadError:
            pass  # the driver hung up
        finally:
            writer.close()


@asynccontextmanager
async def parroted(answers: dict[int, bytes]) -> AsyncIterator[tuple[Parrot, Lane]]:
    parrot = Parrot(answers)
    server = await asyncio.start_server(parrot.serve, "127.0.0.1", 0)
    lane = Lane(f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, driven(lane):
        yield parrot, lane


COIL_IS_OFF, WRITTEN_OFF, INPUTS_OFF = b"\1\1\0", b"\5\0\0\0\0", b"\2\1\0"


@pytest.mark.parametrize(
    "answers",
    [{5: COIL_IS_OFF}, {5: WRITTEN_OFF, 1: COIL_IS_OFF, 2: b"\2\0"}],
    ids=["another function", "too short"],
)
async def test_an_answer_to_something_else_is_a_fault(answers: dict[int, bytes]) -> None:
    async with parroted(answers) as (_, lane):
        *_, down = await lane.until(BarrierDown)
        assert isinstance(down, BarrierDown)
        assert "answers something else than asked" in down.reason


async def test_what_was_to_be_done_on_a_lost_line_is_not_done_on_the_next() -> None:
    async with parroted({}) as (parrot, lane):
        await lane.until(BarrierDown)
        parrot.answers = {5: WRITTEN_OFF, 1: COIL_IS_OFF, 2: INPUTS_OFF}
        await lane.until(UP)
        assert parrot.asked[0] == [5]
        assert parrot.asked[1][:5] == [5, 1, 5, 1, 2]


# --- the simulated board itself -------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_the_simulator_counts_an_arm_that_comes_down_on_a_car() -> None:
    clock = Clock()
    board = SimulatedBarrier(PROFILE, travel=2.0, clock=clock)
    await board.start()
    client = client_for(board.port)
    assert await client.connect()

    async def pulse(coil: int) -> None:
        await client.write_coil(coil, value=True, device_id=DEVICE_ID)
        await client.write_coil(coil, value=False, device_id=DEVICE_ID)

    await pulse(0)
    clock.now += 2.0
    board.car_on_loop(on=True)
    await pulse(1)
    clock.now += 1.0
    assert (board.arm, board.told_on_car, board.closed_on_car) == ("closing", 1, 0)
    await pulse(0)
    clock.now += 0.5
    assert (board.arm, board.told_on_car, board.closed_on_car) == ("opening", 1, 0)
    clock.now += 0.5
    assert (board.arm, board.told_on_car, board.closed_on_car) == ("open", 1, 0)
    await pulse(1)
    clock.now += 2.0
    assert (board.arm, board.told_on_car, board.closed_on_car) == ("closed", 2, 1)
    assert [text for _, text in board.events][:4] == ["board on", "told to open", "arm opening", "arm open"]
    client.close()
    await board.stop()


async def test_a_stuck_arm_shows_neither_limit_switch() -> None:
    clock = Clock()
    board = SimulatedBarrier(replace(PROFILE, active_low=frozenset({"opened"})), travel=2.0, clock=clock)
    await board.start()
    client = client_for(board.port)
    assert await client.connect()
    await client.write_coil(0, value=True, device_id=DEVICE_ID)
    clock.now += 1.0
    board.stick(stuck=True)
    clock.now += 10.0
    answer = await client.read_discrete_inputs(0, count=8, device_id=DEVICE_ID)
    assert answer.bits[:3] == [False, True, False]
    board.stick(stuck=False)
    clock.now += 1.0
    answer = await client.read_discrete_inputs(0, count=8, device_id=DEVICE_ID)
    assert answer.bits[:3] == [False, False, False]
    assert board.arm == "open"
    client.close()
    await board.stop()


@asynccontextmanager
async def program(port: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The simulator as a program of its own; killed at the end without mercy."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tools.barrier", "--serial", str(port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    try:
        assert await said(process) == f"serial://{port}?baud=9600"
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def said(process: asyncio.subprocess.Process, command: str = "") -> str:
    if command:
        assert process.stdin
        process.stdin.write(f"{command}\n".encode())
    assert process.stdout
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode().strip()


async def test_a_board_killed_and_started_again(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    async with program(gate) as process, driven(Lane(f"serial://{gate}")) as lane:
        await lane.until(changed("closed", on=True))
        process.kill()
        await lane.until(BarrierDown)
        async with program(gate):
            await lane.until(UP)
            lane.orders.put_nowait(TO_OPEN)
            await lane.until(changed("opened", on=True))


async def test_the_program_obeys_its_commands(tmp_path: Path) -> None:
    async with program(tmp_path / "gate") as process:
        assert (await said(process, "status")).startswith("arm=closed presence=off opened=off closed=on")
        assert "presence=on" in await said(process, "car on")
        assert "presence=off" in await said(process, "car off")
        for command in ("stuck", "free", "deaf 3"):
            assert (await said(process, command)).startswith("arm=closed")
        assert (await said(process, "dance")).startswith("car on | car off")
        process.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
    assert not (tmp_path / "gate").is_symlink()
