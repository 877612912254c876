"""What the camera has read: what is a plate, when it is sure, when it is a tag's own."""

from functools import reduce

import pytest

from drivers.ports import PlateSeen
from gateway.lane import sight
from gateway.lane.sight import FADES, KEPT, NOTHING_SEEN, Sight
from protocols.obu.values import Vehicle

PLATE, MISREAD, FOLLOWER = "京A12345", "京A12346", "沪B99999"
BLUE, GREEN = 0, 4
CAR = Vehicle(PLATE, BLUE, 1)


def seen(*reads: tuple[str, int | None, float]) -> Sight:
    """The camera has read these: plate, colour, time."""
    return reduce(lambda s, read: sight.seen(s, PlateSeen("cam1", read[0], read[1]), read[2]), reads, NOTHING_SEEN)


@pytest.mark.parametrize(
    "plate",
    [
        "京A12345",
        "粤BD12345",
        "京A1234学",
        "粤Z1234港",
        "测A00000",
        "使014578",
        "WJ京1234X",
        "VA12345",
        "京X1234应急",
    ],
)
def test_ordinary_military_and_embassy_plates_are_plates(plate: str) -> None:
    assert sight.sure(seen((plate, BLUE, 0)), 1) == (plate, BLUE)


@pytest.mark.parametrize(
    "plate",
    ["", "无车牌", "_无_", "A1234", "京A12345678", "京a12345", "123456", "无法识别车牌", "京A12345 ", "京A-1234"],
)
def test_what_is_no_plate_is_not_seen(plate: str) -> None:
    assert seen((plate, BLUE, 0)) == NOTHING_SEEN


def test_a_plate_is_sure_when_enough_reads_agree() -> None:
    assert sight.sure(NOTHING_SEEN, 1) is None
    assert sight.sure(seen((PLATE, BLUE, 0)), 2) is None
    assert sight.sure(seen((PLATE, BLUE, 0), (MISREAD, BLUE, 1)), 2) is None
    assert sight.sure(seen((PLATE, BLUE, 0), (MISREAD, BLUE, 1), (PLATE, BLUE, 2)), 2) == (PLATE, BLUE)


@pytest.mark.parametrize(
    ("colors", "color"), [((None, None), None), ((None, GREEN), GREEN), ((BLUE, GREEN, GREEN), GREEN), ((0, 0), 0)]
)
def test_the_colour_of_a_plate_is_that_of_most_reads_that_tell_it(
    colors: tuple[int | None, ...], color: int | None
) -> None:
    assert sight.sure(seen(*((PLATE, c, 0.0) for c in colors)), 2) == (PLATE, color)


def test_only_so_many_reads_are_remembered() -> None:
    many = seen(*((PLATE, BLUE, n) for n in range(KEPT)), (FOLLOWER, BLUE, KEPT))
    assert len(many.reads) == KEPT
    assert many.reads[-1] == (FOLLOWER, BLUE, KEPT)


def test_reads_fade_one_by_one() -> None:
    two = seen((PLATE, BLUE, 0), (FOLLOWER, BLUE, 10))
    assert sight.faded(two, FADES - 1) == two
    assert sight.faded(two, FADES).reads == ((FOLLOWER, BLUE, 10),)
    assert sight.faded(two, FADES + 10) == NOTHING_SEEN


def test_a_vehicle_that_was_dealt_with_is_so_until_all_its_reads_have_faded() -> None:
    dealt = Sight(((PLATE, BLUE, 0.0), (PLATE, BLUE, 1.0)), dealt=True)
    assert sight.faded(dealt, FADES).dealt
    assert not sight.faded(dealt, FADES + 1).dealt


def test_a_tag_agrees_with_any_read_of_its_plate() -> None:
    assert sight.agrees(seen((MISREAD, BLUE, 0), (PLATE, BLUE, 1)), CAR) is True
    assert sight.agrees(seen((PLATE, None, 0)), CAR) is True
    assert sight.agrees(seen((MISREAD, BLUE, 0)), CAR) is False
    assert sight.agrees(NOTHING_SEEN, CAR) is None


def test_the_same_plate_in_another_colour_is_another_vehicle() -> None:
    assert sight.agrees(seen((PLATE, GREEN, 0)), CAR) is False
