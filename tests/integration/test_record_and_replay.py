"""A whole run of the real daemon is recorded, and its replay decides as the daemon did."""

import asyncio
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from drivers.ports import InputChanged, Instant
from gateway import config
from gateway.daemon import Daemon
from gateway.ledger import imports, store
from gateway.ledger.entries import Draft, Moment
from gateway.recorder import KEPT_FILES, Recorder, RecorderOptions, input_of
from gateway.replay import replay
from protocols import pcapng
from protocols.errors import CaptureError
from protocols.pcapng import Interface, Packet
from protocols.rsu.messages import CHINA
from tools.cards import make_tag, plate_number
from tools.lot import Lot, Scenario

PLATES = ("测R00001", "测R00002", "测R00003")
MONEY = ("debit.intended", "debit.settled", "debit.unresolved", "debit.not_made", "stay.closed", "passage.ended")


def scenario(folder: Path) -> Scenario:
    lanes = [
        {"name": "out1", "role": "exit", "dialect": "wanji", "antenna": "tcp:0", "barrier": "tcp:0"},
        {
            "name": "in1",
            "role": "entry",
            "dialect": "soulin",
            "antenna": f"serial:{folder}/rsu",
            "barrier": "tcp:0",
        },
    ]
    cars = [
        {"lane": "out1", "plate": PLATES[0], "balance": 50_000},
        {"lane": "out1", "plate": PLATES[1], "balance": 50_000, "fault": "lose-result"},
        {"lane": "out1", "plate": PLATES[2], "balance": 50_000},
        {"lane": "in1", "plate": "测R00004"},
        {"lane": "in1", "plate": "测R00005"},
    ]
    pace = {"loop": 0.2, "trade": 0.1, "search_again": 0.3, "travel": 0.2}
    return Scenario.model_validate({"lanes": lanes, "cars": cars, "pace": pace})


def inside() -> list[str]:
    now = datetime.now(CHINA)
    return [
        json.dumps(
            {
                "plate": plate,
                "color": make_tag(plate_number(plate), plate, 1, 0).vehicle.color,
                "vehicle_class": 1,
                "entered": (now - timedelta(hours=hours, minutes=10)).isoformat(),
            }
        )
        for hours, plate in enumerate(PLATES, 1)
    ]


def money(entries: list[dict[str, Any]]) -> list[tuple[object, ...]]:
    """What happened to whom, free of ids that name the run."""
    return [
        (
            e["kind"],
            e["lane"],
            *(e["body"].get(name) for name in ("card", "fen", "evidence", "reason", "paid", "outcome")),
        )
        for e in entries
        if e["kind"] in MONEY
    ]


async def test_what_was_recorded_replays(
    tmp_path: Path, make_site: Callable[[Path, list[dict[str, str]]], Path]
) -> None:
    truth: list[dict[str, Any]] = []
    lot = Lot(scenario(tmp_path), lambda event: truth.append(dict(event)))
    await lot.start()
    roles = ({"role": "exit", "dialect": "wanji"}, {"role": "entry", "dialect": "soulin"})
    path = make_site(tmp_path, [{**role, **ports} for role, ports in zip(roles, truth[0]["lanes"], strict=True)])
    path.write_text(path.read_text() + f'[recorder]\ndirectory = "{tmp_path}/captures"\n')
    prelude = inside()
    site = config.load(path)
    daemon = await asyncio.to_thread(start, site, prelude)
    with blockbuster_ctx(["gateway", "drivers", "protocols"]):
        serving = asyncio.create_task(daemon.run())
        async with asyncio.timeout(60):
            await lot.run()
        daemon.stop.set()
        await serving
    await lot.stop()

    (capture,) = (tmp_path / "captures").glob("*.pcapng")
    stays = list(imports.parse(prelude))
    lines = list(replay(capture.read_bytes(), site, stays))
    assert [line for line in lines if "diverged" in line or "skipped" in line] == []
    lived = [dict(entry.fields) for entry in store.read(site.ledger)]
    replayed = [line["entry"] for line in lines if "entry" in line]
    assert sorted(map(str, money(replayed))) == sorted(map(str, money(lived)))
    assert sum(event["event"] == "purchase" for event in truth) == len(PLATES)
    assert lines == list(replay(capture.read_bytes(), site, stays))


def start(site: config.Config, prelude: list[str]) -> Daemon:
    book = store.Store(site.ledger)
    at = Moment(datetime.now(CHINA), 0.0, "import", trusted=True)
    book.append([Draft(at, "", stay) for stay in imports.parse(prelude)])
    book.close()
    return Daemon(site, store.Store(site.ledger))


def instant(second: int) -> Instant:
    return Instant(datetime(2026, 11, 21, 8, tzinfo=CHINA) + timedelta(seconds=second), float(second))


def test_files_are_cut_and_the_oldest_dropped(tmp_path: Path) -> None:
    options = RecorderOptions(directory=tmp_path, megabytes=8)
    recorder = Recorder(options, [Interface("rsu1", "wanji")])
    tap = recorder.tap("rsu1")
    for second in range(12):
        tap(instant(second), False, bytes(1_000_000))  # noqa: FBT003  the tap's own order
    recorder.close()
    files = sorted(tmp_path.glob("*.pcapng"))
    assert len(files) == KEPT_FILES
    last = pcapng.read(files[-1].read_bytes()).packets[-1]
    assert last == Packet("rsu1", int(instant(11).wall.timestamp()) * 10**9, outbound=False, data=bytes(1_000_000))
    assert sum(file.stat().st_size for file in files) < 8.5e6


def test_a_disk_that_refuses_ends_the_recording_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file where the directory should be")
    recorder = Recorder(RecorderOptions(directory=tmp_path / "captures"), [Interface("rsu1", "wanji")])
    tap = recorder.tap("rsu1")
    for second in range(100):
        tap(instant(second), True, b"\xff")  # noqa: FBT003  the tap's own order
    recorder.close()
    assert recorder._queue.empty(), "what is not written piles up"


@pytest.mark.parametrize("on", [True, False, None])
def test_inputs_go_there_and_back(tmp_path: Path, on: bool | None) -> None:  # noqa: FBT001  a state of an input
    recorder = Recorder(RecorderOptions(directory=tmp_path), [Interface("gate1", "inputs of a barrier")])
    recorder.input(InputChanged("gate1", "presence", on), instant(1))
    recorder.close()
    (file,) = tmp_path.glob("*.pcapng")
    (packet,) = pcapng.read(file.read_bytes()).packets
    assert input_of(packet) == InputChanged("gate1", "presence", on)


@pytest.mark.parametrize("data", [b"", b"presence", b"presence maybe", b"\xff\xff on off"])
def test_other_bytes_are_no_input(data: bytes) -> None:
    with pytest.raises(CaptureError):
        input_of(Packet("gate1", 0, outbound=False, data=data))
