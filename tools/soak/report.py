"""What a soak tells: each broken world with the command that plays it again, and the sums of all of them."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from tools.soak.laws import ODD_ONES
from tools.soak.world import Outcome

WELL: Final = 0.99
"""The share of healthy passages that must end well; refusing everybody is no way out."""


def problem(outcome: Outcome) -> str | None:
    """What is wrong with this world, in a line with the command that plays it again; None if nothing is."""
    tally = outcome.tally
    if outcome.broken:
        at = timedelta(seconds=round(outcome.at, 3))
        return f"{outcome.broken} (at {at}, {outcome.at:.3f} s): {outcome.options.command()}"
    if not tally.healthy:
        return f"no passage was healthy: {outcome.options.command()}"
    if tally.healthy - tally.well > max(ODD_ONES, (1 - WELL) * tally.healthy):
        return f"only {tally.well} of {tally.healthy} healthy passages ended well: {outcome.options.command()}"
    return None


def shortfall(outcomes: Sequence[Outcome]) -> str | None:
    """What is wrong with all worlds together, where each of them may have a few odd ones; None if nothing is."""
    healthy = sum(outcome.tally.healthy for outcome in outcomes)
    well = sum(outcome.tally.well for outcome in outcomes)
    if well < WELL * healthy:
        return f"over all worlds only {well} of {healthy} healthy passages ended well"
    return None


def line(outcome: Outcome) -> str:
    """One world in a line."""
    tally = outcome.tally
    return (
        f"seed {outcome.options.seed}: {tally.passages} passages, {tally.well}/{tally.healthy} healthy ones well, "
        f"{outcome.entries} entries, {outcome.intents} debits, {outcome.unresolved} unresolved, "
        f"{outcome.kills} kills, {outcome.real:.1f} s"
    )


def summary(outcomes: Sequence[Outcome]) -> str:
    """All worlds together."""
    faults: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for outcome in outcomes:
        faults.update(outcome.faults)
        ends.update(outcome.tally.outcomes)
    healthy = sum(outcome.tally.healthy for outcome in outcomes)
    well = sum(outcome.tally.well for outcome in outcomes)
    virtual, real = (sum(each) for each in zip(*((o.virtual, o.real) for o in outcomes), strict=True))
    told = [
        f"{sum(outcome.tally.passages for outcome in outcomes)} passages in {len(outcomes)} worlds:",
        *(f"  {name:<40} {number:>8}" for name, number in sorted(ends.items())),
        "faults:",
        *(f"  {name:<40} {number:>8}" for name, number in sorted(faults.items())),
        f"healthy passages that ended well: {well} of {healthy}"
        + (f", {100 * well / healthy:.2f} %" if healthy else ""),
        f"prices as true times want them {sum(o.priced for o in outcomes)}",
        f"debits {sum(o.intents for o in outcomes)}, rightly unresolved {sum(o.unresolved for o in outcomes)}",
        f"virtual time {timedelta(seconds=round(virtual))}, {virtual / real:,.0f} times as fast as the clock",
    ]
    return "\n".join(told)
