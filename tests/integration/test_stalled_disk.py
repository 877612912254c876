"""A disk that refuses for two seconds while a car waits: the antenna is kept, no purchase leaves late (law 1)."""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx

from gateway import config
from gateway.daemon import Daemon
from gateway.ledger import store
from gateway.ledger.entries import Draft, Moment, StayImported, draft_of
from gateway.ledger.stays import Stays
from protocols.rsu.messages import CHINA
from tools.cards import make_tag, plate_number
from tools.lot import Lot, Scenario

PLATE = "测S00001"
STALL = 2.0


def scenario(folder: Path, dialect: str) -> Scenario:
    antenna = f"serial:{folder}/rsu" if dialect == "soulin" else "tcp:0"
    lane = {"name": "out1", "role": "exit", "dialect": dialect, "antenna": antenna, "barrier": "tcp:0"}
    return Scenario.model_validate(
        {
            "lanes": [lane],
            "cars": [{"lane": "out1", "plate": PLATE, "balance": 50_000, "at": 2.0, "patience": 20}],
            "pace": {"loop": 0.1, "trade": 0.1, "search_again": 0.2, "travel": 0.1},
        }
    )


def bring_inside(site: config.Config) -> None:
    """One car that has been here for 100 minutes."""
    book = store.Store(site.ledger)
    now = datetime.now(CHINA)
    color = make_tag(plate_number(PLATE), PLATE, 1, 0).vehicle.color
    stay = StayImported("inside", PLATE, color, 1, (now - timedelta(minutes=100)).isoformat())
    book.append([Draft(Moment(now, 0.0, "import", trusted=True), "", stay)])
    book.close()


@pytest.mark.parametrize("dialect", ["soulin", "wanji"])
async def test_a_stall_of_two_seconds(
    tmp_path: Path, dialect: str, make_site: Callable[[Path, list[dict[str, str]]], Path]
) -> None:
    truth: list[dict[str, Any]] = []
    lot = Lot(scenario(tmp_path, dialect), lambda event: truth.append(dict(event)))
    await lot.start()
    (ports,) = truth[0]["lanes"]
    site = config.load(make_site(tmp_path, [{"role": "exit", "dialect": dialect, **ports}]))
    await asyncio.to_thread(bring_inside, site)
    daemon = await asyncio.to_thread(lambda: Daemon(site, store.Store(site.ledger)))

    with blockbuster_ctx(["gateway", "drivers", "protocols"]):
        serving = asyncio.create_task(daemon.run())
        playing = asyncio.create_task(lot.run())
        await asyncio.sleep(1.5)
        refusing = await asyncio.to_thread(refuse, site.ledger)
        await asyncio.sleep(0.5 + STALL)
        sold_meanwhile = [event for event in truth if event["event"] == "purchase"]
        await asyncio.to_thread(refusing.close)
        await asyncio.wait([playing, serving], timeout=20, return_when=asyncio.FIRST_COMPLETED)
        assert playing.done(), serving
        daemon.stop.set()
        await serving
    antenna = lot.lanes["out1"].antenna.antenna
    await lot.stop()

    assert sold_meanwhile == [], "a purchase left before its intent was durable"
    stays = Stays()
    for entry in store.read(site.ledger):
        stays.apply(draft_of(entry))
    first, *others = stays.intents.values()
    assert first.state == "not made"
    assert [intent.state for intent in others][-1] == "settled"
    assert sum(intent.state == "settled" for intent in others) == 1
    assert [event["fen"] for event in truth if event["event"] == "purchase"] == [others[-1].fen]
    assert antenna.ignored_purchases == 0
    assert len(antenna.answer_times) == antenna.wanted_answers
    assert max(antenna.answer_times) < 0.12


def refuse(ledger: Path) -> sqlite3.Connection:
    """Another connection takes the write lock, and keeps it until it is closed."""
    db = sqlite3.connect(ledger, isolation_level=None, check_same_thread=False)
    db.execute("BEGIN EXCLUSIVE")
    return db
