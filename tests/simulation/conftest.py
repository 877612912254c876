"""Lots to tell stories with, and a second telling with a fault put back into the product."""

from collections.abc import Callable, Iterator
from inspect import Parameter, signature
from itertools import count
from pathlib import Path

import pytest

from gateway.lane.state import LaneRules
from gateway.tariff.rules import Tariff
from tests.simulation.story import ENTRY, EXIT, Lot, OpenLot, Story
from tools.world import TARIFF


@pytest.fixture
def open_lot(tmp_path: Path) -> Iterator[OpenLot]:
    """Opens lots, each with its own ledger; an entry and an exit unless told otherwise."""
    lots: list[Lot] = []
    names = count(1)

    def make(*lanes: LaneRules, tariff: Tariff = TARIFF) -> Lot:
        lots.append(Lot(tmp_path / f"ledger{next(names)}.db", lanes or (ENTRY, EXIT), tariff))
        return lots[-1]

    yield make
    for lot in lots:
        lot.store.close()


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[Story], None]:
    """Tells a story with whatever fixtures it wants."""

    def again(story: Story) -> None:
        wanted = [name for name, told in signature(story).parameters.items() if told.default is Parameter.empty]
        story(**{name: request.getfixturevalue(name) for name in wanted})

    return again
