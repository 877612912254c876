"""What tests of whole sites share."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tools.shipped import CONFIG

# Time is no mark in a test: the workers share two cores. At home every run tries new examples; CI judges a change,
# not the dice, so it tries the same ones every time.
settings.register_profile(
    "etclane", deadline=None, derandomize="CI" in os.environ, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("proof", settings.get_profile("etclane"), max_examples=500)
settings.load_profile("etclane")

MakeSite = Callable[[Path, Sequence[Mapping[str, str]]], Path]


@pytest.fixture
def make_site() -> MakeSite:
    """Writes `site.toml`: one lane for each {name, role, dialect, antenna, barrier}, its ledger in `state`."""

    def make(folder: Path, lanes: Sequence[Mapping[str, str]]) -> Path:
        text = f"""
            [site]
            id = "yard"
            state = "{folder}/state"
            tariff = "{CONFIG}/tariffs/lanzhou-airport.toml"
        """
        for lane in lanes:
            text += f"""
            [[lane]]
            name = "{lane["name"]}"
            role = "{lane["role"]}"
            reader = "{lane["name"]}-rsu"
            barrier = "{lane["name"]}-gate"
            unresolved = "owe"
            [[reader]]
            name = "{lane["name"]}-rsu"
            dialect = "{lane["dialect"]}"
            port = "{lane["antenna"]}"
            [[barrier]]
            name = "{lane["name"]}-gate"
            profile = "{CONFIG}/barriers/waveshare-relay-d8.toml"
            port = "{lane["barrier"]}"
            """
        site = folder / "site.toml"
        site.write_text(text)
        return site

    return make
