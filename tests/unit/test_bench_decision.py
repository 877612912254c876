"""The short form of the decisions in `make bench`: each one measured is a debit made; no time is asserted."""

import json
import os
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from gateway.ledger.entries import DebitIntended, DebitSettled, PassageEnded, StayClosed, StayImported
from gateway.ledger.store import read, verify
from tools import bench_decision as bench
from tools.bench_decision import CORE, REST, STEPS, Measured, Spent

MILLISECOND = 1e-3


def measured(
    *commits: float,
    bare: float = MILLISECOND,
    core: float = 0.1 * MILLISECOND,
    alone: float = 0.1 * MILLISECOND,
) -> Measured:
    """Decisions that take 0.1 ms in each step but core and commit."""
    rest = dict.fromkeys(STEPS, 0.1 * MILLISECOND)
    decisions: list[Spent] = [rest | {"core": core, "commit": commit} for commit in commits]
    return Measured(decisions, [bare] * len(commits), [alone])


def test_every_car_is_debited_once_and_its_decision_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count()
    monkeypatch.setattr(bench, "perf_counter", lambda: float(next(looks)))
    monkeypatch.setattr(bench, "BLOCK", 2)
    before = os.sched_getaffinity(0)
    found = bench.measure(tmp_path, leaving=3, staying=2)
    kinds = Counter(entry.kind for entry in read(tmp_path / "ledger.db"))
    assert not verify(tmp_path / "ledger.db").problems
    assert kinds[StayImported.KIND] == 5
    for kind in (DebitIntended, DebitSettled, StayClosed, PassageEnded):
        assert kinds[kind.KIND] == 3
    # Each look at the clock ends one step: a hand-over goes there and back.
    steps = {"decode": 1, "core": 1, "hand-over": 2, "entry": 1, "commit": 1, "write": 1}
    assert steps.keys() == set(STEPS)
    assert found.decisions == [steps] * 3
    assert found.bare == [1] * 3
    assert found.alone == [1] * 3
    assert os.sched_getaffinity(0) == before
    lines = [json.loads(line) for line in (tmp_path / "log").read_text(encoding="utf-8").splitlines()]
    for what in ("TagRead", "Debit", "DebitDone"):
        assert sum(what == line.get("heard", line.get("ordered"))["what"] for line in lines) == 3


def test_the_core_alone_decides_a_debit_of_every_car_once() -> None:
    tags, inside = bench.bring_inside(5)
    desk = bench.Desk(inside)
    for trade, tag in enumerate(tags):
        assert desk.decide(trade, tag) > 0
    drafts = [draft.body for draft in desk.written if isinstance(draft.body, DebitIntended)]
    assert [body.card for body in drafts] == [tag.card.number for tag in tags]
    assert [order.intent for order in desk.debits] == [body.intent for body in drafts]


def test_the_bare_commits_hold_the_rows_of_the_intents(tmp_path: Path) -> None:
    bench.measure(tmp_path, leaving=2, staying=0)
    intents = [entry for entry in read(tmp_path / "ledger.db") if entry.kind == DebitIntended.KIND]
    with bench.closing(bench.connect(tmp_path / "bare.db")) as db:
        rows = db.execute("SELECT kind, text, hash FROM entries ORDER BY number").fetchall()
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert rows == [(entry.kind, entry.text, entry.hash) for entry in intents]


def test_a_frame_said_again_does_not_shorten_the_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 63.0])
    monkeypatch.setattr(bench, "perf_counter", lambda: next(times))
    watch = bench.Stopwatch()
    watch.lap("commit")  # of an entry that no car waits for
    watch.bytes_come()  # 0: B2
    watch.bytes_come()  # 1: B4
    watch.begin()  # 3
    watch.lap("core")  # 7
    watch.bytes_come()  # B4 again, and no look at the clock
    watch.lap("commit")  # 15
    watch.lap("core")  # 31
    watch.end()  # 63
    watch.end()  # of no decision
    assert watch.decisions == [dict.fromkeys(STEPS, 0.0) | {"decode": 2, "core": 4 + 16, "commit": 8, "write": 32}]


def test_the_summary_adds_up() -> None:
    found = bench.summary(measured(*(n * MILLISECOND for n in range(1, 101)), bare=2 * MILLISECOND))
    assert tuple(found) == (*STEPS, "decision", "all but commit", "bare commit", "core alone")
    assert found["commit"] == pytest.approx((50.5 * MILLISECOND, 99 * MILLISECOND))
    assert found["decision"] == pytest.approx((51.0 * MILLISECOND, 99.5 * MILLISECOND))
    assert found["all but commit"] == pytest.approx((0.5 * MILLISECOND, 0.5 * MILLISECOND))
    assert found["bare commit"] == (2 * MILLISECOND, 2 * MILLISECOND)
    assert found["core alone"] == (0.1 * MILLISECOND, 0.1 * MILLISECOND)


@pytest.mark.parametrize(
    ("decisions", "held"),
    [
        (measured(MILLISECOND), [True, True, True]),
        (measured(4.4 * MILLISECOND), [True, True, True]),
        (measured(4.6 * MILLISECOND), [False, True, True]),
        (measured(4.6 * MILLISECOND, bare=1.1 * MILLISECOND), [True, True, True]),
        (measured(MILLISECOND, core=0.59 * MILLISECOND), [True, True, True]),
        (measured(MILLISECOND, core=0.61 * MILLISECOND), [True, False, True]),
        (measured(MILLISECOND, alone=0.19 * MILLISECOND), [True, True, True]),
        (measured(MILLISECOND, alone=0.21 * MILLISECOND), [True, True, False]),
        (measured(MILLISECOND, MILLISECOND, 99 * MILLISECOND), [True, True, True]),
    ],
)
def test_five_commits_one_millisecond_and_a_fifth_of_it_for_the_core(decisions: Measured, held: list[bool]) -> None:
    assert (REST, CORE) == (MILLISECOND, 0.2 * MILLISECOND)
    assert [holds for holds, _ in bench.judge(bench.summary(decisions))] == held


def test_the_table_is_in_microseconds_and_commits(capsys: pytest.CaptureFixture[str]) -> None:
    bench.show(bench.summary(measured(MILLISECOND, 3 * MILLISECOND, bare=2 * MILLISECOND)))
    lines = {line[:24].strip(): line[24:].split() for line in capsys.readouterr().out.splitlines()}
    assert lines["commit"] == ["2000.0", "3000.0", "1.00", "1.50"]
    assert lines["bare commit"] == ["2000.0", "2000.0", "1.00", "1.00"]
