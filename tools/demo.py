"""The demo lot: a real gateway between simulated devices, a real broker and a small platform.

    etclane demo [--keep]

All that is outside the gateway runs in processes of its own: the lot (antennas over a pseudo-terminal and TCP,
barriers over Modbus TCP, cars with cards), mosquitto, and the platform. In the end the money is counted three
times, each time from its own source: what the cards lost, what the ledger holds, what the platform received.
"""

import argparse
import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.ledger import store
from gateway.ledger.entries import Entry, draft_of
from gateway.ledger.stays import Stays
from gateway.tariff.quote import yuan
from protocols.china import CHINA
from tools.broker import Broker, BrokerError
from tools.cards import make_tag
from tools.shipped import CONFIG

ETCLANE = Path(sys.executable).with_name("etclane")
OUTAGE_AFTER, OUTAGE_SECONDS = 6, 5.0
"""The broker is killed after so many passages, for so long."""
DRAIN_WITHIN = 60.0
"""Seconds for the platform to confirm the rest when the last car has gone."""
WANTED_PASSAGES, WANTED_AMOUNTS = 20, 6
PICTURE_WIDTH, PICTURE_LINES = 112, 44

ENTER, LEAVE = "in1", "out1"
ARRIVALS: tuple[dict[str, object], ...] = (
    {"plate": "测A00001"},
    {"plate": "测A00002", "fault": "removed", "patience": 3},
    {"plate": "测A00003"},
    {"plate": "测A00004", "class": 2},
    {"plate": "测A00005"},
    {"plate": "测A00006"},
    {"plate": "测A00007"},
    {"plate": "测A00008"},
    {"plate": "测A00009"},
)
INSIDE: tuple[tuple[str, int, int, str | None], ...] = (
    ("测A00101", 20, 1, None),
    ("测A00102", 45, 1, None),
    ("测A00103", 100, 1, None),
    ("测A00104", 200, 1, "lose-result"),
    ("测A00105", 290, 1, None),
    ("测A00106", 50, 2, None),
    ("测A00107", 130, 2, None),
    ("测A00108", 26 * 60, 1, None),
    ("测A00109", 700, 1, None),
    ("测A00110", 480, 1, None),
    ("测A00111", 3 * 1440 + 90, 2, None),
)
"""Cars inside before the first start: plate, minutes since they came, class, and what goes wrong."""
RETURNING = ("测A00001", "测A00003")
"""Cars that come in by the first lane and leave within the free minutes."""


CARS = len(ARRIVALS) + len(INSIDE) + len(RETURNING)


class DemoError(Exception):
    """The demo cannot be played; the text says why."""


@dataclass(slots=True)
class Demo:
    """One run; `folder` holds everything that the processes write."""

    folder: Path
    console: Console
    keep: bool
    passages: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    outages: int = 0
    taken: int = 0
    closed_on_car: int | None = None
    entries: list[Entry] = field(default_factory=list)
    received: dict[str, int] = field(default_factory=dict)

    async def run(self) -> bool:
        """Play the lot; True if everything adds up."""
        python = sys.executable
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(Broker(self.folder / "broker"))
            lot = await stack.enter_async_context(_process(python, "-m", "tools.lot", *self._lot()))
            site = self._site(await self._ready(lot), broker.port)
            await _finish(ETCLANE, "ledger", "import", self._inside(), "-c", site)
            receiver = (
                "-m",
                "tools.platform",
                "--port",
                broker.port,
                "--gateway",
                "demo",
                "--report",
                self._report,
            )
            platform = await stack.enter_async_context(_process(python, *receiver))
            gateway = await stack.enter_async_context(_process(ETCLANE, "run", "-c", site))
            self.console.print(f"[dim]账本、日志 / ledger and log: {self.folder}[/]")
            watching = [
                asyncio.create_task(self._show_gateway(gateway)),
                asyncio.create_task(self._show_platform(platform)),
            ]
            playing = asyncio.create_task(self._play(lot, broker))
            try:
                await asyncio.wait([playing, *watching], return_when=asyncio.FIRST_COMPLETED)
                if not playing.done():
                    raise DemoError(f"the gateway or the platform ended early; see {self.folder}")
                return playing.result()
            finally:
                for task in (playing, *watching):
                    task.cancel()
                await asyncio.gather(playing, *watching, return_exceptions=True)

    async def _play(self, lot: Process, broker: Broker) -> bool:
        await self._watch_cars(lot, broker)
        await self._drained()
        good = self._summary()
        if self.keep:
            self.console.print("[bold]车场继续运行，Ctrl-C 结束 / the lot goes on; Ctrl-C ends it[/]")
            await asyncio.Event().wait()
        return good

    # --- what the processes are given ----------------------------------------------------------------------

    @property
    def _report(self) -> Path:
        return self.folder / "platform.json"

    @property
    def _ledger(self) -> Path:
        return self.folder / "demo" / "state" / "ledger.db"

    def _lot(self) -> list[object]:
        return [self._scenario(), *(["--keep"] if self.keep else [])]

    def _scenario(self) -> Path:
        lanes = [
            {
                "name": ENTER,
                "role": "entry",
                "dialect": "soulin",
                "antenna": f"serial:{self.folder}/rsu1",
                "barrier": "tcp:0",
            },
            {"name": LEAVE, "role": "exit", "dialect": "wanji", "antenna": "tcp:0", "barrier": "tcp:0"},
        ]
        cars = [{"lane": ENTER, **car} for car in ARRIVALS]
        cars += [
            {"lane": LEAVE, "plate": plate, "class": class_, "fault": fault, "balance": 50_000}
            for plate, _, class_, fault in INSIDE
        ]
        cars += [{"lane": LEAVE, "plate": plate} for plate in RETURNING]
        path = self.folder / "scenario.json"
        path.write_text(json.dumps({"lanes": lanes, "cars": cars}, ensure_ascii=False))
        return path

    def _inside(self) -> Path:
        now = datetime.now(CHINA)
        stays = [
            {
                "plate": plate,
                "color": make_tag(0, plate, class_, 0).vehicle.color,
                "vehicle_class": class_,
                "entered": (now - timedelta(minutes=ago)).isoformat(),
            }
            for plate, ago, class_, _ in INSIDE
        ]
        path = self.folder / "inside.jsonl"
        path.write_text("\n".join(json.dumps(stay, ensure_ascii=False) for stay in stays))
        return path

    def _site(self, ports: list[dict[str, str]], broker: int) -> Path:
        """The sample site as it is shipped, on the ports that this run got."""
        text = (CONFIG / "demo" / "site.toml").read_text(encoding="utf-8")
        enter, leave = ports
        for sample, real in (
            ("serial:///tmp/etclane-demo-rsu1?baud=115200", enter["antenna"]),
            ("tcp://127.0.0.1:9527", leave["antenna"]),
            ("tcp://127.0.0.1:5021", enter["barrier"]),
            ("tcp://127.0.0.1:5022", leave["barrier"]),
            ("port = 1883", f"port = {broker}"),
            ('"../', f'"{CONFIG}/'),
        ):
            if sample not in text:
                raise DemoError(f"config/demo/site.toml no longer holds {sample}")
            text = text.replace(sample, real)
        path = self.folder / "demo" / "site.toml"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return path

    # --- watching ------------------------------------------------------------------------------------------

    async def _ready(self, lot: Process) -> list[dict[str, str]]:
        async for line in _lines(lot):
            match _json(line):
                case {"event": "ready", "lanes": list(lanes)}:
                    return lanes
            self.console.print(line.decode(), style="red")
        raise DemoError("the simulated lot ended at once")

    async def _watch_cars(self, lot: Process, broker: Broker) -> None:
        async with asyncio.TaskGroup() as outages:
            async for line in _lines(lot):
                match _json(line):
                    case {"event": "end", "closed_on_car": int(count)}:
                        self.closed_on_car = count
                    case {"event": "purchase", "fen": int(fen)}:
                        self.taken += fen
                    case dict() as event if event["event"] == "passage":
                        self._passage(event)
                        if self.passages.total() == OUTAGE_AFTER and not self.outages:
                            self.outages += 1
                            outages.create_task(self._outage(broker))
                        if self.keep and self.passages.total() + self.refused == CARS:
                            return

    def _passage(self, event: dict[str, Any]) -> None:
        passed = event["outcome"] == "passed"
        if passed:
            self.passages[event["lane"]] += 1
        else:
            self.refused += 1
        words = "通过 passed" if passed else "掉头 turned back"
        self._tell("车辆 car", event["lane"], f"{event['plate']} {words}, {event['seconds']} s")

    async def _outage(self, broker: Broker) -> None:
        self._tell("断网 outage", "", "[red]消息服务器被终止 / the broker is killed[/]")
        await broker.kill()
        await asyncio.sleep(OUTAGE_SECONDS)
        await broker.start()
        self._tell("断网 outage", "", "[green]消息服务器恢复 / the broker is back[/]")

    async def _show_gateway(self, gateway: Process) -> None:
        with (self.folder / "gateway.log").open("wb") as log:
            async for line in _lines(gateway):
                log.write(line)
                log.flush()
                match _json(line):
                    case {"heard": dict(said)} | {"ordered": dict(said)}:
                        self._show_said(said)
                    case None:
                        self._tell("网关 gateway", "", f"[red]{line.decode().strip()}[/]")

    def _show_said(self, said: dict[str, Any]) -> None:
        match said:
            case {"what": "TagRead", "device": device, "vehicle": {"plate": plate}, "card": {"balance": balance}}:
                self._tell("标签 tag", device, f"{plate}, 余额 balance {yuan(balance)}")
            case {"what": "Debit", "device": device, "fen": fen}:
                self._tell("扣费 debit", device, f"{yuan(fen)} 元 yuan")
            case {"what": "DebitDone", "device": device, "proof": {"tac": tac, "terminal": terminal}}:
                self._tell("成功 done", device, f"TAC {tac}, PSAM {terminal}")
            case {"what": "DebitUnknown", "device": device, "reason": reason}:
                self._tell("待定 unknown", device, f"[yellow]{reason}[/]")
            case {"what": "OpenBarrier", "device": device}:
                self._tell("抬杆 open", device, "")
            case {"what": "Show", "device": device, "zh": zh, "en": en}:
                self._tell("显示 show", device, f"{zh} / {en}")

    async def _show_platform(self, platform: Process) -> None:
        async for line in _lines(platform):
            self._tell("平台 platform", "", f"[dim]{line.decode().strip()}[/]")

    def _tell(self, what: str, where: str, words: str) -> None:
        self.console.print(
            f"{datetime.now(CHINA):%H:%M:%S} {what:<12} {where:<6} {words}", highlight=False, soft_wrap=True
        )

    async def _drained(self) -> None:
        """Wait until the platform has all that the ledger holds, and keep what both said at that moment."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WITHIN):
                while True:
                    self.received, self.entries = self._received(), store.read(self._ledger)
                    if self.received["unique"] == len(self.entries):
                        return
                    await asyncio.sleep(0.2)

    def _received(self) -> dict[str, int]:
        try:
            return dict(json.loads(self._report.read_text()))
        except (OSError, ValueError):
            return {"unique": 0, "settled_fen": 0, "repeats": 0}

    # --- the end -------------------------------------------------------------------------------------------

    def _summary(self) -> bool:
        stays, entries, received = Stays(), self.entries, self.received
        for entry in entries:
            stays.apply(draft_of(entry))
        settled = [intent.fen for intent in stays.intents.values() if intent.state == "settled"]
        lost = sum(1 for entry in entries if entry.kind == "debit.unresolved")
        lanes = ", ".join(f"{lane} {count}" for lane, count in sorted(self.passages.items()))
        amounts = " ".join(map(yuan, sorted(set(settled))))
        verdict = store.verify(self._ledger)
        counts = f"{len(entries)} / {received['unique']}, 重发 repeats {received['repeats']}"
        total = self.passages.total()
        on_car = "-" if self.closed_on_car is None else self.closed_on_car  # the lot says so when it ends
        checks = (
            ("过车 passages", f"{total} ({lanes})", total >= WANTED_PASSAGES),
            ("不同金额 different amounts", amounts, len(set(settled) - {0}) >= WANTED_AMOUNTS),
            ("拒绝的标签 refused tags", self.refused, self.refused >= 1),
            ("丢失的 B5 lost results", lost, lost >= 1),
            ("断网 outages", self.outages, self.outages >= 1),
            ("卡片扣款 taken from the cards", yuan(self.taken), self.taken > 0),
            ("账本已结 settled in the ledger", yuan(sum(settled)), sum(settled) == self.taken),
            (
                "平台收到 received and confirmed",
                yuan(received["settled_fen"]),
                received["settled_fen"] == self.taken,
            ),
            ("流水/平台 entries/platform", counts, len(entries) == received["unique"]),
            ("账本核对 ledger verify", verdict.entries, not verdict.problems),
            ("压车落杆 arm lowered on a car", on_car, self.closed_on_car == 0 or self.keep),
        )
        table = Table(title="演示结果 / what the demo showed", show_header=False, box=box.SIMPLE)
        for name, value, good in checks:
            table.add_row(name, str(value), "[green]✓[/]" if good else "[red]✗[/]")
        self.console.print(table)
        return all(good for _, _, good in checks)


@asynccontextmanager
async def _process(*words: object) -> AsyncIterator[Process]:
    """A process of the demo, ended with it; what it prints is ours to show."""
    process = await asyncio.create_subprocess_exec(*map(str, words), stdout=PIPE, stderr=STDOUT, limit=1 << 20)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.communicate()


async def _finish(*words: object) -> None:
    process = await asyncio.create_subprocess_exec(*map(str, words))
    if await process.wait():
        raise DemoError(f"{' '.join(map(str, words))} failed")


async def _lines(process: Process) -> AsyncIterator[bytes]:
    while process.stdout and (line := await process.stdout.readline()):
        yield line


def _json(line: bytes) -> Any:  # noqa: ANN401  whatever JSON holds
    """What a line says, None if it is no JSON."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def main() -> int:
    """Play the demo; 0 if everything adds up."""
    parser = argparse.ArgumentParser(prog="etclane demo", description="演示车场 / the demo lot")
    parser.add_argument("--keep", action="store_true", help="最后一辆车之后继续运行 / keep running")
    parser.add_argument("--picture", type=Path, help="终端画面存为 SVG / save what was shown as SVG")
    options = parser.parse_args()
    console = Console(record=options.picture is not None, width=PICTURE_WIDTH if options.picture else None)
    with TemporaryDirectory(prefix="etclane-demo-") as folder:
        try:
            good = asyncio.run(_until_told(Demo(Path(folder), console, options.keep)))
        except (BrokerError, DemoError) as error:
            console.print(f"etclane: {error}", style="red")
            return 1
        except asyncio.CancelledError:
            return 0 if options.keep else 130
    if options.picture:
        _picture(console, options.picture)
    return 0 if good else 1


def _picture(console: Console, path: Path) -> None:
    """What the end of the demo looks like."""
    last = console.export_text(styles=True).splitlines()[-PICTURE_LINES:]
    picture = Console(record=True, width=PICTURE_WIDTH, file=StringIO())
    picture.print(Text.from_ansi("\n".join(last)))
    picture.save_svg(str(path), title="make demo")


async def _until_told(demo: Demo) -> bool:
    """To the end of the demo, or to SIGINT or SIGTERM; either way its processes end with it."""
    playing = asyncio.create_task(demo.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, playing.cancel)
    return await playing


if __name__ == "__main__":
    sys.exit(main())
