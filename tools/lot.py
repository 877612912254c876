"""The world outside the daemon in one process: lanes with an antenna and a barrier, and cars that come and go.

    python -m tools.lot SCENARIO.json --truth FILE

The scenario is a JSON document as `Scenario` describes it. The truth has one JSON object a line, each written at
once: what really happened, to be held against what the gateway says.
"""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from typing import Annotated, Final, Self

import tomli
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from drivers.barrier.profile import parse  # the wiring of a board: data that its simulation needs too
from protocols.rsu.dialect import load, names
from protocols.rsu.framing import Frame
from tools.barrier import TRAVEL, WIRING, SimulatedBarrier
from tools.cards import DEFECTS, Bought, SimulatedTag, make_tag, plate_number, purchase_truth, truth
from tools.rsu import FAULTS, SOUND, Antenna, SerialAntenna, TcpAntenna, serve_serial, serve_tcp

LOOK: Final = 0.01  # s between two looks of a driver at the arm
PURCHASE: Final = b"\xc6"
PLATE_SIZE: Final = 12  # bytes of GBK in the files of tag and card (rsu-protocol 8.3)

Tell = Callable[[Mapping[str, object]], None]


# --- the scenario ------------------------------------------------------------------------------------------------


def _one_of(allowed: tuple[str, ...], name: str) -> str:
    if name not in allowed:
        raise ValueError(f"{name!r} is none of {', '.join(allowed)}")
    return name


def _plate(text: str) -> str:
    if len(text.encode("gbk")) > PLATE_SIZE:
        raise ValueError(f"{text!r} is over {PLATE_SIZE} bytes in GBK")
    return text


Device = Annotated[str, Field(pattern=r"^(tcp:\d{1,5}|serial:/.+)$")]
"""`tcp:PORT` on the loopback, 0 for any, or `serial:/PATH`, a pseudo-terminal with that name."""
DialectName = Annotated[str, AfterValidator(partial(_one_of, names()))]
Plate = Annotated[str, AfterValidator(_plate)]
FaultName = Annotated[str, AfterValidator(partial(_one_of, (*DEFECTS, *FAULTS)))]


class Part(BaseModel):
    """A part of a scenario."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LanePlan(Part):
    """One lane. `role` is for the scenario's readers."""

    name: str
    role: str
    dialect: DialectName
    antenna: Device
    barrier: Device


class Car(Part):
    """One passage that a car attempts.

    `at` is seconds after the start, None as soon as the lane is free; `patience` how many seconds the driver waits
    for the arm. `balance`, in fen, counts at the first passage of a plate; from then on its card remembers.
    """

    lane: str
    plate: Plate
    vehicle_class: int = Field(1, alias="class", ge=0, le=0xFF)
    balance: int = Field(10_000, ge=0, le=0xFFFF_FFFF)
    at: float | None = None
    fault: FaultName | None = None
    patience: float = 30.0


class Pace(Part):
    """How many seconds things take: over the loop, a purchase, until a tag is searched again, the arm."""

    loop: float = 0.4
    trade: float = 0.15
    search_again: float = 0.5
    travel: float = TRAVEL


class Scenario(Part):
    """All that will be played; cars of one lane, and passages of one plate, come in the order of the list."""

    lanes: tuple[LanePlan, ...]
    cars: tuple[Car, ...]
    pace: Pace = Pace()

    @model_validator(mode="after")
    def _lanes_exist(self) -> Self:
        known = tuple(lane.name for lane in self.lanes)
        for car in self.cars:
            _one_of(known, car.lane)
        return self


# --- the lot -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane with its devices running."""

    plan: LanePlan
    antenna: TcpAntenna | SerialAntenna
    barrier: SimulatedBarrier

    def free(self) -> bool:
        """Whether the next car may come: the gateway is at work here, and the arm is down."""
        return self.antenna.antenna.radiating and self.barrier.arm == "closed"


@dataclass(frozen=True, slots=True)
class Turn:
    """A car's passage, after the one before of the same plate."""

    car: Car
    after: asyncio.Event | None
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Lot:
    """Plays a scenario once: `start`, `run`, `stop`. `tell` gets every event of the truth as it happens.

    The gateway may be gone at any time and come back; cars only wait, and drivers lose patience.
    """

    def __init__(self, scenario: Scenario, tell: Tell) -> None:
        self.scenario = scenario
        self.lanes: dict[str, Lane] = {}
        self.tags: dict[str, SimulatedTag] = {}
        self._tell = tell
        self._board = parse(tomli.loads(WIRING.read_text(encoding="utf-8")))
        self._devices = AsyncExitStack()

    async def start(self) -> None:
        """All devices on. Raises OSError if a port is taken."""
        async with self._devices:
            for number, plan in enumerate(self.scenario.lanes, 1):
                self.lanes[plan.name] = await self._build(plan, number)
            self._devices = self._devices.pop_all()
        ports = [
            {"name": lane.plan.name, "antenna": _antenna_port(lane), "barrier": lane.barrier.port}
            for lane in self.lanes.values()
        ]
        self._tell({"event": "ready", "lanes": ports})

    async def run(self) -> None:
        """Until the last car is done and its lane free."""
        began = asyncio.get_running_loop().time()
        last: dict[str, asyncio.Event] = {}
        turns: dict[str, list[Turn]] = {name: [] for name in self.lanes}
        for car in self.scenario.cars:
            turn = Turn(car, last.get(car.plate))
            last[car.plate] = turn.done
            turns[car.lane].append(turn)
        async with asyncio.TaskGroup() as lanes:
            for name, lane in self.lanes.items():
                lanes.create_task(self._play(lane, turns[name], began))

    async def stop(self) -> None:
        """All devices off, and the last line of the truth."""
        await self._devices.aclose()
        antennas = [lane.antenna.antenna for lane in self.lanes.values()]
        self._tell(
            {
                "event": "end",
                "taken": sum(bought.fen for tag in self.tags.values() for bought in tag.purchases),
                "cards": [truth(tag) for tag in self.tags.values()],
                "closed_on_car": sum(lane.barrier.closed_on_car for lane in self.lanes.values()),
                "ignored_purchases": sum(antenna.ignored_purchases for antenna in antennas),
                "slowest_answer": max(
                    (time for antenna in antennas for time in antenna.answer_times), default=None
                ),
            }
        )

    async def _build(self, plan: LanePlan, number: int) -> Lane:
        pace = self.scenario.pace
        antenna = Antenna(
            load(plan.dialect),
            terminal=f"9901{number:08d}",
            trade_time=pace.trade,
            search_again=pace.search_again,
            sold=partial(self._sold, plan.name),
            trace=partial(self._trace, plan.name),
        )
        kind, _, where = plan.antenna.partition(":")
        serial = kind == "serial"
        served = await (serve_serial(antenna, Path(where)) if serial else serve_tcp(antenna, int(where)))
        self._devices.push_async_callback(served.close)
        kind, _, where = plan.barrier.partition(":")
        board = {"serial": Path(where)} if kind == "serial" else {"tcp": int(where)}
        barrier = SimulatedBarrier(self._board, **board, travel=pace.travel)
        await barrier.start()
        self._devices.push_async_callback(barrier.stop)
        return Lane(plan, served, barrier)

    async def _play(self, lane: Lane, turns: list[Turn], began: float) -> None:
        for turn in turns:
            if turn.car.at is not None:
                await asyncio.sleep(began + turn.car.at - asyncio.get_running_loop().time())
            if turn.after:
                await turn.after.wait()
            await _until(lane.free)
            await self._pass(lane, turn.car)
            turn.done.set()
            await _until(lambda: lane.barrier.arm == "closed")

    async def _pass(self, lane: Lane, car: Car) -> None:
        """One car: in front of the arm, then under it and away, or back out."""
        clock = asyncio.get_running_loop().time
        came = clock()
        tag = self._tag(car)
        lane.antenna.enter(tag, FAULTS.get(car.fault or "", SOUND))
        opened = await _until(lambda: lane.barrier.arm == "open", car.patience)
        if opened:
            lane.barrier.car_on_loop(on=True)
            await asyncio.sleep(self.scenario.pace.loop)
        lane.antenna.leave(tag)
        lane.barrier.car_on_loop(on=False)
        outcome = "passed" if opened else "turned back"
        event = {"event": "passage", "lane": lane.plan.name, "plate": car.plate, "outcome": outcome}
        self._tell({**event, "seconds": round(clock() - came, 3)})

    def _tag(self, car: Car) -> SimulatedTag:
        """The car's own tag, always the same; what is wrong with it may differ from passage to passage."""
        made = make_tag(plate_number(car.plate), car.plate, car.vehicle_class, car.balance)
        tag = self.tags.setdefault(car.plate, made)
        tag.tag = DEFECTS[car.fault](made.tag) if car.fault and car.fault in DEFECTS else made.tag
        return tag

    def _sold(self, lane: str, tag: SimulatedTag, bought: Bought) -> None:
        whose = {"plate": tag.vehicle.plate, "card": tag.card.number, "lane": lane}
        self._tell({"event": "purchase", **whose, **purchase_truth(bought)})

    def _trace(self, lane: str, direction: str, frame: Frame) -> None:
        if direction == "<" and frame.data.startswith(PURCHASE):
            self._tell({"event": "frame", "lane": lane, "command": "C6"})


def _antenna_port(lane: Lane) -> str:
    """As a reader's configuration would name it."""
    if isinstance(lane.antenna, TcpAntenna):
        return f"tcp://127.0.0.1:{lane.antenna.port}"
    return f"serial://{lane.plan.antenna.removeprefix('serial:')}?baud=115200"


async def _until(holds: Callable[[], bool], patience: float = inf) -> bool:
    """Wait until it holds, looking as a driver looks; False if the patience, in seconds, ran out first."""
    clock = asyncio.get_running_loop().time
    end = clock() + patience
    while not holds():
        if clock() >= end:
            return False
        await asyncio.sleep(LOOK)
    return True


# --- from the shell ----------------------------------------------------------------------------------------------

EXAMPLE: Final = """{
  "lanes": [
    {"name": "in", "role": "entry", "dialect": "wanji", "antenna": "tcp:9527", "barrier": "tcp:5020"}
  ],
  "cars": [
    {"lane": "in", "plate": "测A00001", "class": 1, "balance": 10000, "at": null, "fault": null, "patience": 30}
  ]
}"""


async def _play(scenario: Scenario, tell: Tell, *, keep: bool) -> None:
    lot = Lot(scenario, tell)
    await lot.start()
    try:
        await lot.run()
        if keep:
            await asyncio.Event().wait()
    finally:
        await lot.stop()


async def _until_told(play: Coroutine[None, None, None]) -> None:
    """To the end of the play, or to SIGINT or SIGTERM."""
    playing = asyncio.create_task(play)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    with suppress(asyncio.CancelledError):
        await playing


def main() -> None:
    """Play one scenario; 0 when the last car is done or somebody ended it, 2 if the scenario is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.lot", description="A simulated lot.")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"faults: {', '.join((*DEFECTS, *FAULTS))}\n\na scenario:\n{EXAMPLE}"
    parser.add_argument("scenario", type=Path, metavar="SCENARIO.json")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--keep", action="store_true", help="stay when the last car is done")
    options = parser.parse_args()
    try:
        scenario = Scenario.model_validate_json(options.scenario.read_bytes())
    except (OSError, ValidationError) as error:
        parser.error(f"{options.scenario}: {error}")
    with ExitStack() as open_files:
        truth_file = sys.stdout
        if options.truth:
            truth_file = open_files.enter_context(options.truth.open("w", encoding="utf-8"))

        def tell(event: Mapping[str, object]) -> None:
            print(json.dumps(event, ensure_ascii=False), file=truth_file, flush=True)

        asyncio.run(_until_told(_play(scenario, tell, keep=options.keep)))


if __name__ == "__main__":
    main()
