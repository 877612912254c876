from random import Random

from hypothesis import given
from hypothesis import strategies as st

from drivers.backoff import Backoff


def test_waits_double_from_the_floor_to_the_ceiling() -> None:
    backoff = Backoff(0.5, 30.0, Random(1))
    for low, high in [(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16), (15, 30), (15, 30)]:
        assert low <= backoff.next() <= high


def test_an_answer_brings_back_the_shortest_wait() -> None:
    backoff = Backoff(0.5, 30.0, Random(1))
    for _ in range(8):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 1.0


def test_two_lanes_do_not_act_in_step() -> None:
    one, other = Backoff(0.5, 30.0, Random(1)), Backoff(0.5, 30.0, Random(2))
    assert [one.next() for _ in range(5)] != [other.next() for _ in range(5)]


@given(
    seed=st.integers(0, 2**32),
    first=st.floats(0.01, 5),
    ratio=st.floats(1, 1000),
    attempts=st.integers(1, 50),
)
def test_no_wait_is_outside_floor_and_ceiling(seed: int, first: float, ratio: float, attempts: int) -> None:
    backoff = Backoff(first, first * ratio, Random(seed))
    for _ in range(attempts):
        assert first <= backoff.next() <= first * ratio
