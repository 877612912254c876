"""The short form of `make soak`: dense days of a lot, with everything going wrong that can."""

import shlex
import sys
from collections import Counter
from dataclasses import replace

import pytest

from tools.soak import __main__ as command
from tools.soak.options import RATES, Options, dense
from tools.soak.passage import Tally
from tools.soak.report import problem, shortfall, summary
from tools.soak.world import play


@pytest.mark.parametrize("first", range(1, 7, 2))
def test_the_laws_hold_on_dense_days(first: int) -> None:
    outcomes = [play(dense(seed)) for seed in range(first, first + 2)]
    assert [what for outcome in outcomes if (what := problem(outcome))] == []
    assert all(outcome.tally.healthy > 30 for outcome in outcomes), "hardly any passage was healthy"
    assert all(outcome.priced > 10 for outcome in outcomes), "hardly any price was checked"


def test_every_kind_of_trouble_comes_up() -> None:
    seen: Counter[str] = Counter()
    for seed in range(50, 54):
        seen.update(play(dense(seed, cars=30, hours=2, faults=12)).faults)
    assert [kind for kind in RATES if not seen[kind]] == []
    assert seen["power cut"]
    assert seen["commit under way at a kill"]


def test_a_world_comes_again_from_its_seed() -> None:
    small = dense(5, cars=40, hours=2)
    one, two = play(small), play(small)
    assert one.entries > 100
    assert (one.head, one.entries, one.tally, one.faults) == (two.head, two.entries, two.tally, two.faults)


def test_a_failure_names_the_command_that_plays_its_world_again(monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(17, days=2, hours=5, per_day=40, faults=3, often=frozenset({"kill", "arm stuck"}))
    monkeypatch.setattr(sys, "argv", shlex.split(options.command())[2:])
    worlds, _, _ = command.told()
    assert worlds == [options]


def test_the_report_tells_what_was_simulated() -> None:
    outcome = play(dense(2, cars=30, hours=2))
    told = summary([outcome])
    assert f"{outcome.tally.passages} passages in 1 worlds" in told
    assert "healthy passages that ended well" in told
    assert "virtual time" in told


def test_the_command_fails_where_no_passage_was_healthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody_comes = Options(3, days=1, hours=0.05, per_day=0)
    monkeypatch.setattr(sys, "argv", shlex.split(nobody_comes.command())[2:])
    assert command.main() == 1
    assert f"BROKEN no passage was healthy: {nobody_comes.command()}" in capsys.readouterr().out


def test_a_few_odd_ones_in_each_world_are_too_many_together() -> None:
    world = play(Options(3, days=1, hours=0.05, per_day=0))
    sound, odd = (replace(world, tally=Tally(passages=100, healthy=100, well=well)) for well in (100, 98))
    assert [problem(odd), shortfall([odd])] == [None, "over all worlds only 98 of 100 healthy passages ended well"]
    assert shortfall([odd, sound]) is None
