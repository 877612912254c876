"""A barrier board on Modbus, TCP or RTU: a thin shell that gives `BarrierSession` a line and a clock.

RTU answers carry no transaction number: a late one would be taken for the answer to the next question. So after any
fault the line is closed, kept quiet, and opened anew.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import InitVar, dataclass, field
from random import Random
from typing import Final

from pymodbus import ModbusException
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.client.base import ModbusBaseClient
from pymodbus.pdu import ModbusPDU

from drivers.address import serial_of, tcp_of, unopened
from drivers.backoff import Backoff
from drivers.barrier.session import BarrierSession, Input, InputsRead, ReadInputs, WriteCoil
from drivers.link import Connected, Disconnected, Emit, Tick
from drivers.ports import BarrierOrder, DeviceEvent

TIMEOUT: Final = 0.3  # s for an answer; at 9600 baud one takes 20 ms
QUIET: Final = 0.5  # s between closing a line and opening it again: longer than an answer is late
RECONNECT_CEILING: Final = 30.0  # s at most between two attempts; an order hastens the next

BAUD: Final = 9600  # of a serial port that names none: what relay boards are delivered with

READ_COILS, READ_INPUTS, WRITE_COIL = 1, 2, 5  # Modbus function codes


class PortError(ValueError):
    """A port that is neither `tcp://host:port` nor `serial:///dev/...?baud=9600`."""


class BoardError(Exception):
    """The board did not answer, or not rightly; the line must be opened anew."""


def client_for(port: str) -> ModbusBaseClient:
    """A client, not yet connected, that neither repeats nor reconnects by itself. Raises `PortError`."""
    if tcp := tcp_of(port):
        host, number = tcp
        return AsyncModbusTcpClient(host, port=number, timeout=TIMEOUT, retries=0, reconnect_delay=0)
    if serial := serial_of(port):
        path, baud = serial
        return AsyncModbusSerialClient(path, baudrate=baud or BAUD, timeout=TIMEOUT, retries=0, reconnect_delay=0)
    raise PortError(
        f"端口写法不对 / {port!r} is no barrier port: write tcp://host:502 or serial:///dev/ttyS0?baud=9600"
    )


@dataclass(slots=True)
class ModbusBarrier:
    """The line to one board: does what the session asks, one thing after the other.

    `port` is `tcp://host:port` or `serial:///dev/...?baud=9600`, `clock` gives monotonic seconds, `rng` jitters the
    attempts to reconnect.
    """

    session: BarrierSession
    port: str
    device_id: int
    orders: asyncio.Queue[BarrierOrder]
    emit: Callable[[DeviceEvent], None]
    clock: Callable[[], float]
    rng: InitVar[Random]
    _backoff: Backoff = field(init=False)
    _work: deque[ReadInputs | WriteCoil] = field(init=False, default_factory=deque)

    def __post_init__(self, rng: Random) -> None:
        """Begin with the shortest wait."""
        self._backoff = Backoff(QUIET, RECONNECT_CEILING, rng)

    async def run(self) -> None:
        """Serve the board until cancelled; comes back by itself from every fault. Raises `PortError` at once."""
        try:
            while True:
                await self._serve()
                await self._pause()
        finally:
            await self._release()

    async def _serve(self) -> None:
        """One connection, from opening the line to the first fault on it."""
        client = client_for(self.port)
        try:
            await self._connect(client)
            self._tell(Connected())
            while True:
                while self._work:
                    await self._carry_out(client, self._work.popleft())
                self._tell(await self._order_or_tick(self.session.deadline))
        except BoardError as fault:
            self._work.clear()
            self._tell(Disconnected(str(fault)))
        finally:
            client.close()

    async def _pause(self) -> None:
        """Wait before the next attempt, taking orders; an order shortens it to what the line needs."""
        now = self.clock()
        quiet, wake = now + QUIET, now + self._backoff.next()
        while self.clock() < wake:
            event = await self._order_or_tick(wake)
            if not isinstance(event, Tick):
                self._tell(event)
                wake = quiet

    async def _release(self) -> None:
        """The driver stops: no coil stays on. A board that does not answer now is left to the next start."""
        writes = self.session.release()
        if not writes:
            return
        await asyncio.sleep(QUIET)
        client = client_for(self.port)
        try:
            with suppress(BoardError):
                await self._connect(client)
                for write in writes:
                    await self._write(client, write)
        finally:
            client.close()

    def _tell(self, event: Input) -> None:
        for output in self.session.on(event, self.clock()):
            if isinstance(output, Emit):
                self.emit(output.event)
            else:
                self._work.append(output)

    async def _order_or_tick(self, deadline: float | None) -> Input:
        """An order that is there comes first: opening must not wait for polling on a slow line."""
        _still_wanted()
        wait = None if deadline is None else deadline - self.clock()
        try:
            async with asyncio.timeout(wait):
                return await self.orders.get()
        except TimeoutError:
            return Tick()

    async def _connect(self, client: ModbusBaseClient) -> None:
        try:
            connected = await client.connect()
        except (ValueError, OverflowError):  # a baud rate or port number that the system does not know
            connected = False
        if not connected:
            raise BoardError(unopened(self.port, "请检查接线和电源", "check cable and power"))

    async def _carry_out(self, client: ModbusBaseClient, work: ReadInputs | WriteCoil) -> None:
        if isinstance(work, WriteCoil):
            await self._write(client, work)
            return
        values = await self._read(client)
        self._backoff.reset()
        self._tell(InputsRead(values))

    async def _read(self, client: ModbusBaseClient) -> dict[str, bool]:
        profile = self.session.profile
        first, count = profile.window
        if not count:  # a board of relays alone: reading one back shows that it lives
            await self._read_coil(client, profile.open_coil)
            return {}
        bits = await self._bits(
            READ_INPUTS,
            count,
            lambda: client.read_discrete_inputs(first, count=count, device_id=self.device_id),
        )
        return profile.values(bits)

    async def _read_coil(self, client: ModbusBaseClient, address: int) -> bool:
        bits = await self._bits(
            READ_COILS, 1, lambda: client.read_coils(address, count=1, device_id=self.device_id)
        )
        return bits[0]

    async def _write(self, client: ModbusBaseClient, write: WriteCoil) -> None:
        """Switch and read back: an echo alone does not show that the relay obeys."""
        echo = await self._bits(
            WRITE_COIL,
            1,
            lambda: client.write_coil(write.address, write.on, device_id=self.device_id),
        )
        if echo[0] != write.on or await self._read_coil(client, write.address) != write.on:
            told = "on" if write.on else "off"
            raise BoardError(
                f"线圈 {write.address} 不听命令，请检查继电器是否为普通模式 / "
                f"coil {write.address} was told {told} and does not obey; is the relay in normal mode?"
            )

    async def _bits(self, function: int, count: int, ask: Callable[[], Awaitable[ModbusPDU]]) -> list[bool]:
        """Ask one question and give the bits of its answer; anything else is a `BoardError`."""
        try:
            answer = await ask()
        except ModbusException as error:
            raise BoardError(
                f"设备无应答，请检查接线、电源和地址 / device {self.device_id} on {self.port} does not answer; "
                "check wiring, power and address"
            ) from error
        if answer.isError():
            raise BoardError(
                f"设备拒绝功能码 {function}，请检查地址配置 / device {self.device_id} refuses function {function} "
                f"with exception {answer.exception_code}; check the addresses in its profile"
            )
        if answer.function_code != function or len(answer.bits) < count:
            raise BoardError(f"应答与请求不符 / device {self.device_id} answers something else than asked")
        return list(answer.bits)


def _still_wanted() -> None:
    """`asyncio.wait_for` of Python 3.11, inside pymodbus, may swallow a cancellation: it is not lost here."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
