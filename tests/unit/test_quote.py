"""Money as people read it."""

import pytest

from gateway.tariff.quote import yuan


@pytest.mark.parametrize(
    ("fen", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (99, "0.99"),
        (100, "1.00"),
        (1234, "12.34"),
        (2**53 + 1, "90071992547409.93"),  # more than a float can hold
        (-7000, "-70.00"),
        (-5, "-0.05"),
    ],
)
def test_yuan(fen: int, shown: str) -> None:
    assert yuan(fen) == shown
