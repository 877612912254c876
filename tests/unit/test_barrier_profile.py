from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from drivers.barrier.profile import BarrierProfile, Problem, ProfileError, parse

SAMPLES = Path(__file__).parents[2] / "config" / "barriers"

GOOD = {
    "poll": 0.1,
    "active_low": ["presence"],
    "coils": {"open": 0, "close": 1, "pulse": 0.5},
    "inputs": {"presence": 4, "opened": 6, "fire": 5},
}


def changed(path: str, value: object) -> dict[str, Any]:
    """GOOD with the value at a dotted path set, or deleted if it is None."""
    document: dict[str, Any] = deepcopy(GOOD)
    *tables, key = path.split(".")
    table = document
    for name in tables:
        table = table[name]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return document


def problems(document: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(ProfileError) as caught:
        parse(document)
    return caught.value.problems


def test_a_document_becomes_a_profile() -> None:
    assert parse(GOOD) == BarrierProfile(
        open_coil=0,
        close_coil=1,
        pulse=0.5,
        inputs={"presence": 4, "opened": 6, "fire": 5},
        active_low=frozenset({"presence"}),
        poll=0.1,
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_sample_is_sound(path: Path) -> None:
    profile = parse(tomli.loads(path.read_text(encoding="utf-8")))
    assert "presence" in profile.inputs


def test_the_waveshare_sample_stays_on_the_board() -> None:
    profile = parse(tomli.loads((SAMPLES / "waveshare-relay-d8.toml").read_text(encoding="utf-8")))
    assert {profile.open_coil, profile.close_coil, *profile.inputs.values()} <= set(range(8))


def test_one_read_covers_all_inputs() -> None:
    assert parse(GOOD).window == (4, 3)
    assert parse(changed("inputs.presence", 0)).window == (0, 7)


def test_a_board_of_relays_alone_has_nothing_to_read() -> None:
    document = changed("coils.close", None) | {"inputs": {}, "active_low": []}
    profile = parse(document)
    assert profile.window == (0, 0)
    assert profile.values([]) == {}


def test_bits_become_names_and_active_low_is_turned_round() -> None:
    profile = parse(GOOD)
    assert profile.values([False, True, False]) == {"presence": True, "opened": False, "fire": True}
    assert profile.values([True, False, True]) == {"presence": False, "opened": True, "fire": False}


def test_a_barrier_that_closes_by_itself_needs_no_presence() -> None:
    document = changed("coils.close", None) | {"inputs": {"opened": 6}, "active_low": []}
    assert parse(document).close_coil is None


def test_no_close_coil_without_presence() -> None:
    document = changed("inputs.presence", None) | {"active_low": []}
    assert [problem.path for problem in problems(document)] == ["inputs.presence"]


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("poll", None, "poll"),
        ("poll", 0.01, "poll"),
        ("poll", 2, "poll"),
        ("poll", True, "poll"),
        ("poll", "0.1", "poll"),
        ("poll", float("nan"), "poll"),
        ("coils", None, "coils"),
        ("coils", 3, "coils"),
        ("coils.open", None, "coils.open"),
        ("coils.open", -1, "coils.open"),
        ("coils.open", 0x10000, "coils.open"),
        ("coils.open", True, "coils.open"),
        ("coils.open", 1.0, "coils.open"),
        ("coils.close", 0, "coils.close"),
        ("coils.close", "1", "coils.close"),
        ("coils.pulse", None, "coils.pulse"),
        ("coils.pulse", 0.05, "coils.pulse"),
        ("coils.pulse", 60, "coils.pulse"),
        ("coils.stop", 2, "coils.stop"),
        ("inputs", [1], "inputs"),
        ("inputs.opened", 4, "inputs"),
        ("inputs.opened", 3000, "inputs"),
        ("inputs.opened", "6", "inputs.opened"),
        ("inputs.Opened", 7, "inputs.Opened"),
        ("active_low", "presence", "active_low"),
        ("active_low", ["presense"], "active_low"),
        ("active_low", [["presence"]], "active_low"),
        ("polls", 0.1, "polls"),
    ],
)
def test_a_mistake_is_named_by_its_place(path: str, value: object, where: str) -> None:
    assert where in [problem.path for problem in problems(changed(path, value))]


@pytest.mark.parametrize(("path", "value"), [("poll", 0.05), ("poll", 1), ("coils.pulse", 5.0)])
def test_the_limits_themselves_are_allowed(path: str, value: object) -> None:
    parse(changed(path, value))


def test_all_mistakes_come_at_once_in_both_languages() -> None:
    found = problems({"poll": 0, "coils": {"open": -1, "close": 1}, "inputs": {"presence": "x"}, "baud": 9600})
    assert {problem.path for problem in found} == {
        "baud",
        "coils.open",
        "coils.pulse",
        "inputs.presence",
        "poll",
    }
    for problem in found:
        chinese, english = problem.message.split(" / ")
        assert english.isascii()
        assert not chinese.isascii()


def test_the_error_reads_as_one_sentence_for_each_mistake() -> None:
    with pytest.raises(
        ProfileError, match=r"^nonsense: 未知的键.* is not known .*; poll: .* must be 0\.05 to 1\.0 s"
    ):
        parse(changed("poll", 7) | {"nonsense": 1})


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "poll": JSON_LIKE,
            "active_low": JSON_LIKE,
            "coils": JSON_LIKE | st.dictionaries(st.sampled_from(["open", "close", "pulse"]), JSON_LIKE),
            "inputs": JSON_LIKE | st.dictionaries(st.sampled_from(["presence", "fire"]), JSON_LIKE),
        },
    )
)
def test_any_document_gives_a_profile_or_its_problems(document: dict[str, Any]) -> None:
    try:
        profile = parse(document)
    except ProfileError as error:
        assert error.problems  # noqa: PT017  a profile is as good an outcome
    else:
        assert profile.close_coil is None or "presence" in profile.inputs
