"""What a camera has read of the vehicle at hand, and whether a tag belongs to it. Pure.

A plate counts as read when two reads agree: a badge or a sticker is misread, and seldom twice alike (domain 4.4
item 3). The same plate in another colour is another vehicle (domain 6.3).
"""

import re
from collections import Counter
from dataclasses import replace

from drivers.ports import PlateSeen
from protocols.immutable import dataclass
from protocols.obu.values import Vehicle

KEPT = 16
"""Reads that are remembered of one vehicle."""
FADES = 30.0
"""Seconds after which a read tells nothing of who stands here now."""

_PLATE = re.compile(r"(?=.*[0-9])(?=.*[\u4e00-\u9fffA-Z])[A-Z0-9\u4e00-\u9fff]{6,9}")
"""Of ordinary, military and embassy plates alike (GA 36 and others): six to nine digits, letters and words."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Reads of plates in their order, each with colour and time.

    A plate that was read often enough is dealt with without a tag at `alone_at`; `dealt`: it has been.
    """

    reads: tuple[tuple[str, int | None, float], ...] = ()
    alone_at: float | None = None
    dealt: bool = False


NOTHING_SEEN = Sight()


def seen(sight: Sight, event: PlateSeen, now: float) -> Sight:
    """One more read; what is no plate is none."""
    if not _PLATE.fullmatch(event.plate):
        return sight
    return replace(sight, reads=(*sight.reads, (event.plate, event.color, now))[-KEPT:])


def faded(sight: Sight, now: float) -> Sight:
    """What is still to be believed of it."""
    if not sight.reads:
        return sight
    fresh = tuple(read for read in sight.reads if now - read[2] < FADES)
    return sight if fresh == sight.reads else replace(sight, reads=fresh) if fresh else NOTHING_SEEN


def sure(sight: Sight, wanted: int) -> tuple[str, int | None] | None:
    """The plate that was read most, and its colour, if it was read as often as wanted."""
    if not sight.reads:
        return None
    [(plate, times)] = Counter(plate for plate, _, _ in sight.reads).most_common(1)
    if times < wanted:
        return None
    colors = Counter(color for read, color, _ in sight.reads if read == plate and color is not None)
    return plate, colors.most_common(1)[0][0] if colors else None


def agrees(sight: Sight, vehicle: Vehicle) -> bool | None:
    """Whether a read names this vehicle; None if there is no read at all."""
    if not sight.reads:
        return None
    return any(plate == vehicle.plate and color in (None, vehicle.color) for plate, color, _ in sight.reads)
