"""Years of a lot in minutes: `python -m tools.soak --seeds 100`, or one world again: `--seed 17 --days 7`."""

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor

from tools.soak.options import RATES, Options
from tools.soak.report import line, problem, shortfall, summary
from tools.soak.world import Outcome, play


def told() -> tuple[list[Options], int, bool]:
    """What the command line asks for: the worlds, how many processes, and whether to name bad ends."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--seed", type=int, help="one world alone / 只跑一个世界")
    which.add_argument("--seeds", type=int, default=3, help="how many worlds / 世界个数")
    parser.add_argument("--first", type=int, default=1, help="the first of them / 第一个种子")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--hours", type=float, default=24.0, help="of a day / 每天小时数")
    parser.add_argument("--passages", type=int, default=300, help="a day / 每天通行次数")
    parser.add_argument("--faults", type=float, default=1.0, help="how many times as often as usual / 故障倍数")
    parser.add_argument("--often", action="append", default=[], choices=RATES, help="a trouble ten times as often")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--failed", action="store_true", help="name the healthy passages that ended badly")
    said = parser.parse_args()
    seeds = [said.seed] if said.seed is not None else range(said.first, said.first + said.seeds)
    often = frozenset(said.often)
    worlds = [Options(seed, said.days, said.hours, said.passages // 2, said.faults, often) for seed in seeds]
    return worlds, said.processes, said.failed


def _tell(outcome: Outcome, *, failed: bool) -> None:
    print(line(outcome), flush=True)
    if failed:
        print("\n".join(outcome.tally.failed))
    if what := problem(outcome):
        print(f"BROKEN {what}", flush=True)


def main() -> int:
    """Play all worlds; 1 if a law was broken in one of them, or if too few healthy passages ended well."""
    worlds, processes, failed = told()
    outcomes = []
    if len(worlds) == 1:
        outcomes.append(play(worlds[0]))
        _tell(outcomes[0], failed=failed)
    else:
        with ProcessPoolExecutor(processes) as pool:
            for outcome in pool.map(play, worlds):
                _tell(outcome, failed=failed)
                outcomes.append(outcome)
    print(summary(outcomes))
    short = shortfall(outcomes)
    if short:
        print(f"BROKEN {short}")
    return int(short is not None or any(problem(outcome) for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
