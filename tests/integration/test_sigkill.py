"""Killing the daemon at any moment: the simulated cards, in their own process, are the truth (laws 1, 2 and 4)."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gateway.ledger import store
from gateway.ledger.entries import draft_of
from gateway.ledger.stays import Intent, Stays
from protocols.rsu.messages import CHINA
from tools.cards import make_tag

ETCLANE = Path(sys.executable).with_name("etclane")
T = TypeVar("T")
MakeSite = Callable[[Path, list[dict[str, str]]], Path]
TRADE = 0.15  # s from C6 to B5
LANES = (("out1", "wanji"), ("out2", "soulin"))


def plate(number: int) -> str:
    return f"测K{number:05}"


class Yard:
    """A lot of two exits in a process of its own, and the daemon that is killed and started again."""

    def __init__(self, folder: Path, cars: int, make_site: MakeSite) -> None:
        self.folder = folder
        self.make_site = make_site
        self.truth_file = folder / "truth.jsonl"
        self.ledger = folder / "state" / "ledger.db"
        self.cars = cars
        self.kills_in_trade = 0
        self._daemon: subprocess.Popen[bytes] | None = None
        self._log = (folder / "daemon.log").open("wb")

    @contextmanager
    def lot(self) -> Iterator[subprocess.Popen[bytes]]:
        scenario = {
            "lanes": [
                {"name": "out1", "role": "exit", "dialect": "wanji", "antenna": "tcp:0", "barrier": "tcp:0"},
                {
                    "name": "out2",
                    "role": "exit",
                    "dialect": "soulin",
                    "antenna": f"serial:{self.folder}/rsu2",
                    "barrier": "tcp:0",
                },
            ],
            "cars": [
                {"lane": LANES[n % 2][0], "plate": plate(n), "balance": 100_000, "patience": 120}
                for n in range(self.cars)
            ],
            "pace": {"loop": 0.1, "trade": TRADE, "search_again": 0.2, "travel": 0.1},
        }
        path = self.folder / "scenario.json"
        path.write_text(json.dumps(scenario))
        words = [sys.executable, "-m", "tools.lot", str(path), "--truth", str(self.truth_file)]
        lot = subprocess.Popen(words)
        try:
            yield lot
        finally:
            self.kill()
            lot.terminate()
            lot.wait(20)
            self._log.close()

    def truth(self) -> list[dict[str, Any]]:
        if not self.truth_file.exists():
            return []
        lines = self.truth_file.read_text().split("\n")
        return [json.loads(line) for line in lines[:-1]]

    def seen(self) -> int:
        """How many C6 the antennas have seen."""
        return sum(event["event"] == "frame" for event in self.truth())

    def configure(self) -> Path:
        ready = wait_for(lambda: next((e for e in self.truth() if e["event"] == "ready"), None), 30)
        assert ready is not None, "the lot never came up"
        lanes = [
            {"role": "exit", "dialect": dialect, **lane}
            for lane, (_, dialect) in zip(ready["lanes"], LANES, strict=True)
        ]
        site = self.make_site(self.folder, lanes)
        entered = datetime.now(CHINA) - timedelta(minutes=100)
        stays = [
            {
                "plate": plate(n),
                "color": make_tag(n, plate(n), 1, 0).vehicle.color,
                "vehicle_class": 1,
                "entered": (entered - timedelta(hours=n % 7)).isoformat(),
            }
            for n in range(self.cars)
        ]
        inside = self.folder / "inside.jsonl"
        inside.write_text("\n".join(json.dumps(stay) for stay in stays))
        subprocess.run([ETCLANE, "ledger", "import", inside, "-c", site], check=True, stdout=subprocess.DEVNULL)
        return site

    def start(self, site: Path) -> None:
        self._daemon = subprocess.Popen([ETCLANE, "run", "-c", site], stderr=self._log)

    def kill(self) -> None:
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def stop(self) -> None:
        assert self._daemon is not None
        assert self._daemon.poll() is None, "the daemon ended by itself"
        self._daemon.send_signal(signal.SIGTERM)
        assert self._daemon.wait(20) == 0
        self._daemon = None

    def cpus(self) -> set[int]:
        """Those that a thread of the daemon may use."""
        assert self._daemon is not None
        threads = Path(f"/proc/{self._daemon.pid}/task").iterdir()
        return {cpu for thread in threads for cpu in os.sched_getaffinity(int(thread.name))}

    def stays(self) -> Stays:
        stays = Stays()
        for entry in store.read(self.ledger):
            stays.apply(draft_of(entry))
        return stays

    def kill_in_trade(self, chance: random.Random) -> None:
        """Between an antenna's sight of C6 and the outcome on disk: told afterwards by the ledger that is left."""
        before = self.seen()
        seen = wait_for(lambda: self.seen() > before, 30)
        assert seen, "no antenna saw a C6 within 30 s"
        time.sleep(chance.uniform(0, TRADE * 0.8))
        self.kill()
        self.kills_in_trade += any(intent.state == "open" for intent in self.stays().intents.values())

    def kill_anywhere(self, chance: random.Random) -> None:
        time.sleep(chance.uniform(0.3, 2.5))
        self.kill()


def wait_for(what: Callable[[], T], seconds: float) -> T | None:
    """Other processes: nothing here could be awaited."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.005)
    return None


def check_books(yard: Yard) -> None:
    """Every purchase of every card stands in the ledger; none stands twice for a stay."""
    bought = [event for event in yard.truth() if event["event"] == "purchase"]
    stays = yard.stays()
    settled_or_open = [i for i in stays.intents.values() if i.state in ("settled", "unresolved")]
    assert not [i for i in stays.intents.values() if i.state == "open"]

    twice = [plate for plate, count in Counter(event["plate"] for event in bought).items() if count > 1]
    assert not twice, f"debited twice: {twice}"
    unmatched = list(settled_or_open)
    for event in bought:
        intent = next((i for i in unmatched if (i.card, i.fen) == (event["card"], event["fen"])), None)
        assert intent is not None, f"a purchase that the ledger does not know: {event}"
        unmatched.remove(intent)
    phantom = [intent for intent in unmatched if intent.state == "settled"]
    assert not phantom, f"settled, but no card was debited: {phantom}"
    assert store.verify(yard.ledger).problems == ()


def play(folder: Path, kills: int, seed: int, make_site: MakeSite) -> tuple[Yard, list[Intent]]:
    chance = random.Random(seed)
    yard = Yard(folder, 3 * kills + 6, make_site)  # two lanes go on between two kills
    with yard.lot() as lot:
        site = yard.configure()
        for number in range(kills):
            yard.start(site)
            if number % 3 < 2:
                yard.kill_in_trade(chance)
            else:
                yard.kill_anywhere(chance)
        yard.start(site)
        lot.wait(300)
        assert len(yard.cpus()) == 1
        yard.stop()
        assert lot.returncode == 0
        check_books(yard)
        return yard, list(yard.stays().intents.values())


def test_a_few_kills(tmp_path: Path, make_site: MakeSite) -> None:
    yard, intents = play(tmp_path, kills=6, seed=20261121, make_site=make_site)
    assert yard.kills_in_trade >= 2
    assert {intent.state for intent in intents} >= {"settled", "unresolved"}
    passed = [event for event in yard.truth() if event["event"] == "passage" and event["outcome"] == "passed"]
    assert len(passed) == yard.cars


@pytest.mark.proof
def test_fifty_kills(tmp_path: Path, make_site: MakeSite) -> None:
    seed = int(os.environ.get("SEED", "1"))
    yard, intents = play(tmp_path, kills=50, seed=seed, make_site=make_site)
    assert yard.kills_in_trade >= 25, f"only {yard.kills_in_trade} of 50 kills hit a trade (SEED={seed})"

    assert {intent.state for intent in intents} <= {"settled", "unresolved", "not made"}
