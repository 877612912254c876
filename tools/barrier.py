"""A barrier to try things on: a real Modbus server that behaves as a Waveshare board wired to an arm and a loop.

    python -m tools.barrier --tcp 5020
    python -m tools.barrier --serial /tmp/gate

prints the port to give to the driver, and takes commands on standard input (`help` lists them).
"""

import argparse
import asyncio
import os
import signal
import threading
import time
import tty
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import tomli
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.barrier.modbus import READ_COILS, READ_INPUTS
from drivers.barrier.profile import CLOSED, OPENED, PRESENCE, BarrierProfile, parse
from tools.shipped import CONFIG

WIRING: Final = CONFIG / "barriers" / "waveshare-relay-d8.toml"
TRAVEL: Final = 0.6  # s from closed to open; a fast arm (class F of GB/T 24973 is below 1.4 s) keeps tests short
POINTS: Final = 8  # relays, and as many inputs
DEVICE_ID: Final = 1

ArmState = Literal["closed", "opening", "open", "closing"]
Board = ModbusTcpServer | ModbusSerialServer


class Arm:
    """An arm that moves at even speed, worked out when looked at: 0.0 is closed, 1.0 is open."""

    def __init__(self, travel: float) -> None:
        self._travel = travel
        self._position = 0.0
        self._towards = 0.0
        self._since = 0.0
        self._stuck = False

    def move(self, towards: float, now: float) -> None:
        """Start moving to 0.0 or 1.0."""
        self._position, self._since, self._towards = self.position(now), now, towards

    def stick(self, now: float, *, stuck: bool) -> None:
        """Hold the arm where it is, or let it go on."""
        self._position, self._since, self._stuck = self.position(now), now, stuck

    def position(self, now: float) -> float:
        """Where the arm is."""
        way = 0.0 if self._stuck else (now - self._since) / self._travel
        if self._towards > self._position:
            return min(self._towards, self._position + way)
        return max(self._towards, self._position - way)

    def state(self, now: float) -> ArmState:
        """What the arm does."""
        if self.position(now) == self._towards:
            return "open" if self._towards else "closed"
        return "opening" if self._towards else "closing"


@dataclass(slots=True)
class Faults:
    """What is wrong with the board; times are monotonic seconds."""

    deaf_until: float = 0.0  # takes nothing and answers nothing
    late_once: float = 0.0  # s: the next reading of the inputs is answered so much later; deaf meanwhile
    linkage: bool = False  # as delivered: a relay follows the input of its number, though a write is echoed
    wrong_echo: bool = False  # a write is done, and answered with its opposite


class SimulatedBarrier:
    """A board on TCP (`port` 0: chosen by the system) or on a pty that is found under the name `serial`.

    `closed_on_car` counts how often the arm came down on an occupied loop, `told_on_car` how often it was told to.
    """

    def __init__(
        self,
        profile: BarrierProfile,
        *,
        tcp: int = 0,
        serial: Path | None = None,
        travel: float = TRAVEL,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.profile = profile
        self.faults = Faults()
        self.events: list[tuple[float, str]] = []
        self.relays: set[int] = set()  # those that are on
        self.closed_on_car = 0
        self.told_on_car = 0
        self._tcp = tcp
        self._serial = serial
        self._clock = clock
        self._arm = Arm(travel)
        self._seen: ArmState = "closed"
        self._inputs = dict.fromkeys(profile.inputs, False)
        self._wire: _Wire | None = None
        self._server: Board | None = None

    # --- the program's side ---------------------------------------------------------------------------------

    @property
    def port(self) -> str:
        """The port as the driver wants it named."""
        return f"serial://{self._serial}?baud=9600" if self._serial else f"tcp://127.0.0.1:{self._tcp}"

    async def start(self) -> None:
        """Power on; the relays are off. A board that was stopped comes back on the same port."""
        if self._serial:
            self._wire = _Wire(self._serial)
            self._server = ModbusSerialServer(
                self._device(), port=self._wire.board, baudrate=9600, trace_packet=self._transmit
            )
        else:
            self._server = ModbusTcpServer(
                self._device(), address=("127.0.0.1", self._tcp), trace_packet=self._transmit
            )
        await self._server.serve_forever(background=True)
        if isinstance(self._server.transport, asyncio.Server):
            self._tcp = self._server.transport.sockets[0].getsockname()[1]
        self._note("board on")

    async def stop(self) -> None:
        """Power off: connections break, the relays drop; the arm goes on to where it was going."""
        if self._server:
            self._server.close()
            self._server = None
        if self._wire:
            self._wire.close()
            self._wire = None
        self.relays.clear()
        await asyncio.sleep(0)  # lets the transports finish closing
        self._note("board off")

    def car_on_loop(self, on: bool) -> None:  # noqa: FBT001  a switch, named by the method
        """Put a car on the loop under the arm, or take it away."""
        self.switch(PRESENCE, on)

    def switch(self, name: str, on: bool) -> None:  # noqa: FBT001  a switch, named by its input
        """Switch any other input that the profile names."""
        self._look()
        self._inputs[name] = on
        self._note(f"{name} {'on' if on else 'off'}")

    def stick(self, *, stuck: bool) -> None:
        """Jam the arm where it is, or free it."""
        self._look()
        self._arm.stick(self._clock(), stuck=stuck)
        self._note("arm stuck" if stuck else "arm free")

    def deaf_for(self, seconds: float) -> None:
        """From now on neither hear nor answer, for so long (0: hear again)."""
        self.faults.deaf_until = self._clock() + seconds
        self._note(f"deaf for {seconds:g} s")

    @property
    def arm(self) -> ArmState:
        """What the arm does now."""
        self._look()
        return self._seen

    @property
    def inputs(self) -> Mapping[str, bool]:
        """What the inputs say now, by name."""
        arm = self.arm
        return self._inputs | {
            name: arm == state
            for name, state in ((OPENED, "open"), (CLOSED, "closed"))
            if name in self.profile.inputs
        }

    # --- the wire's side ------------------------------------------------------------------------------------

    def _device(self) -> SimDevice:
        """Coils and inputs on separate bit addresses; `_on_request` sees every request before it is answered."""
        off = [False] * POINTS
        nothing = [SimData(0, datatype=DataType.REGISTERS)]
        blocks = (
            [SimData(0, values=list(off), datatype=DataType.BITS)],
            [SimData(0, values=list(off), datatype=DataType.BITS)],
            nothing,
            list(nothing),
        )
        return SimDevice(DEVICE_ID, simdata=blocks, action=self._on_request)

    async def _on_request(
        self,
        function: int,
        _start: int,
        address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Pymodbus's hook: `registers[0]` holds the eight points as bits, `values` what is to be written."""
        if self._deaf():
            return ExcCodes.DEVICE_BUSY  # never leaves the board, see `_transmit`
        if address >= POINTS:
            return ExcCodes.ILLEGAL_ADDRESS
        if values is not None:
            self._on_write(address, values)
        elif function == READ_COILS:
            registers[0] = sum(1 << relay for relay in self.relays)
        elif function == READ_INPUTS:
            await self._on_read(registers)
        elif self.faults.wrong_echo:
            registers[0] ^= 1 << address
        return None

    def _on_write(self, address: int, values: list[int] | list[bool]) -> None:
        for relay, told in enumerate(values, start=address):
            on = self._points() >> relay & 1 if self.faults.linkage else told
            if not on:
                self.relays.discard(relay)
            elif relay not in self.relays:
                self.relays.add(relay)
                self._on_relay(relay)

    def _on_relay(self, relay: int) -> None:
        """A relay has closed its contact; the controller of the arm acts on that, not on its opening."""
        self._look()
        now = self._clock()
        if relay == self.profile.open_coil:
            self._note("told to open")
            self._arm.move(1.0, now)
        elif relay == self.profile.close_coil:
            self._note("told to close")
            self.told_on_car += self._inputs.get(PRESENCE, False)
            self._arm.move(0.0, now)
        self._look()

    async def _on_read(self, registers: list[int]) -> None:
        points = self._points()
        delay, self.faults.late_once = self.faults.late_once, 0.0
        if delay:
            self.deaf_for(delay)
            await asyncio.sleep(delay)
        registers[0] = points

    def _points(self) -> int:
        """The inputs as the board's contacts have them, input 1 in bit 0."""
        return sum(
            (on != (name in self.profile.active_low)) << self.profile.inputs[name]
            for name, on in self.inputs.items()
        )

    def _deaf(self) -> bool:
        return self._clock() < self.faults.deaf_until

    def _transmit(self, sending: bool, packet: bytes) -> bytes:  # noqa: FBT001  pymodbus's hook
        return b"" if sending and self._deaf() else packet

    def _look(self) -> None:
        """Note what the arm has done since the last look."""
        state = self._arm.state(self._clock())
        if state == self._seen:
            return
        self._seen = state
        self._note(f"arm {state}")
        self.closed_on_car += state == "closed" and self._inputs.get(PRESENCE, False)

    def _note(self, text: str) -> None:
        self.events.append((self._clock(), text))


class _Wire:
    """A serial cable: two ptys, what goes into one end comes out of the other. `link` names the driver's end."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._masters: list[int] = []
        self._slaves: list[int] = []
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)  # kept open, or the master is hung up while nobody has the port open
        one, other = self._masters
        self._loop.add_reader(one, self._carry, one, other)
        self._loop.add_reader(other, self._carry, other, one)
        self.board = os.ttyname(self._slaves[0])
        if link.is_symlink():  # left by a program that was killed; a file is not ours to remove
            link.unlink()
        link.symlink_to(os.ttyname(self._slaves[1]))

    def close(self) -> None:
        """Pull the cable out."""
        self._link.unlink(missing_ok=True)
        for master in self._masters:
            self._loop.remove_reader(master)
        for end in (*self._masters, *self._slaves):
            os.close(end)

    @staticmethod
    def _carry(source: int, sink: int) -> None:
        with suppress(BlockingIOError):  # a full line loses bytes, as cables do
            os.write(sink, os.read(source, 1024))


# --- alone ------------------------------------------------------------------------------------------------------


def obey(barrier: SimulatedBarrier, line: str) -> str:
    """Carry out one command line and give the answer to print."""
    match line.split():
        case ["car", ("on" | "off") as state]:
            barrier.car_on_loop(state == "on")
        case ["stuck"]:
            barrier.stick(stuck=True)
        case ["free"]:
            barrier.stick(stuck=False)
        case ["deaf", seconds] if seconds.isdecimal():
            barrier.deaf_for(float(seconds))
        case ["status"] | []:
            pass
        case _:
            return "car on | car off | stuck | free | deaf SECONDS | status"
    inputs = " ".join(f"{name}={'on' if on else 'off'}" for name, on in barrier.inputs.items())
    return f"arm={barrier.arm} {inputs} closed_on_car={barrier.closed_on_car}"


async def serve(barrier: SimulatedBarrier) -> None:
    """Run the barrier, obeying standard input, until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)

    def answer(line: str) -> None:
        print(obey(barrier, line), flush=True)

    def listen() -> None:
        # A reader of its own: Python's shutdown would trip over `sys.stdin` while this thread waits in it.
        with os.fdopen(0, closefd=False) as commands:
            for line in commands:
                loop.call_soon_threadsafe(answer, line)

    await barrier.start()
    print(barrier.port, flush=True)
    # A thread, since standard input may be a file; a daemon, since it never ends before its input does.
    threading.Thread(target=listen, daemon=True).start()
    await stopped.wait()
    await barrier.stop()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.barrier",
        description="模拟道闸 (Modbus) / a simulated barrier on Modbus",
        formatter_class=argparse.RawTextHelpFormatter,  # any other breaks the path at its hyphens
    )
    port = parser.add_mutually_exclusive_group(required=True)
    port.add_argument("--tcp", type=int, metavar="PORT", help="0 为由系统选择 / 0: chosen by the system")
    port.add_argument("--serial", type=Path, metavar="PATH", help="虚拟串口的名称 / name for the pty")
    parser.add_argument("--profile", type=Path, default=WIRING, help="接线 / wiring (default: %(default)s)")
    arguments = parser.parse_args()
    profile = parse(tomli.loads(arguments.profile.read_text(encoding="utf-8")))
    asyncio.run(serve(SimulatedBarrier(profile, tcp=arguments.tcp or 0, serial=arguments.serial)))


if __name__ == "__main__":
    main()
