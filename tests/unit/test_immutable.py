"""Who holds that values stay as they were made."""

from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import walk_packages

from mypy import api

import drivers
import gateway
import protocols
from protocols.codec import Record
from protocols.immutable import dataclass

SNIPPET = """
from dataclasses import replace
from protocols.immutable import dataclass

@dataclass(frozen=True, slots=True)
class Sum:
    fen: int

held = Sum(1)
held.fen = 2
replace(held, yuan=1)
"""


@dataclass(frozen=True, slots=True)
class Sum:
    fen: int


def test_mypy_refuses_to_change_a_value() -> None:
    said, _, verdict = api.run(
        ["--config-file=", "--cache-dir=/dev/null", "--strict", "--no-error-summary", "-c", SNIPPET]
    )
    assert verdict == 1
    changed, replaced = said.splitlines()
    assert 'Property "fen" defined in "Sum" is read-only' in changed
    assert 'Unexpected keyword argument "yuan"' in replaced


def test_equal_values_are_one_key() -> None:
    assert {Sum(1): "one"}[Sum(1)] == "one"
    assert Sum(1) != Sum(2)
    assert not hasattr(Sum(1), "__dict__")


def test_no_value_of_the_product_is_frozen_while_it_runs() -> None:
    names = [
        found.name
        for floor in (protocols, drivers, gateway)
        for found in walk_packages(floor.__path__, f"{floor.__name__}.")
    ]
    classes = {each for name in names for each in vars(import_module(name)).values() if isinstance(each, type)}
    ours = {each for each in classes if is_dataclass(each) and each.__module__ in names}
    assert len(ours) > 200
    assert [each for each in ours if each.__dataclass_params__.frozen and not issubclass(each, Record)] == []
