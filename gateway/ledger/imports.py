"""Cars that were inside before the ledger began: JSON lines to open stays.

One object per line: {"plate": "测A12345", "color": 0, "vehicle_class": 1, "entered": "2026-11-21T08:00:00+08:00"}.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from gateway.ledger.entries import StayImported

FIELDS = {"plate": str, "color": int, "vehicle_class": int, "entered": str}
CODES = range(256)
"""Colour and vehicle class are one byte each in the tag (rsu-protocol 8.4)."""


class StayImportError(ValueError):
    """A line that is no open stay; the text names the line and what is allowed."""


def parse(lines: Iterable[str]) -> Iterator[StayImported]:
    """The stays that these lines state, in their order. Raises StayImportError."""
    seen: set[tuple[str, int]] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            stay = _stay(json.loads(line), number)
        except (ValueError, RecursionError) as error:
            raise StayImportError(f"第 {number} 行 / line {number}: {error}") from error
        if (stay.plate, stay.color) in seen:
            raise StayImportError(f"第 {number} 行 / line {number}: {stay.plate} 重复 / stands twice")
        seen.add((stay.plate, stay.color))
        yield stay


def _stay(said: object, number: int) -> StayImported:
    if not isinstance(said, dict) or set(said) != set(FIELDS):
        raise ValueError(f"须有且仅有 / must hold exactly {', '.join(FIELDS)}")
    for name, kind in FIELDS.items():
        if type(said[name]) is not kind:
            raise ValueError(f"{name} 类型不对，须为 {kind.__name__} / {name} must be {kind.__name__}")
    if not said["plate"].strip() or not said["plate"].isprintable():
        raise ValueError("plate 不是车牌 / plate is no plate number")
    if said["color"] not in CODES or said["vehicle_class"] not in CODES:
        raise ValueError("color 和 vehicle_class 须为 0 到 255 / color and vehicle_class must be 0 to 255")
    if datetime.fromisoformat(said["entered"]).utcoffset() is None:
        raise ValueError("entered 须带时区，如 +08:00 / entered needs an offset, such as +08:00")
    return StayImported(f"import-{number}", said["plate"], said["color"], said["vehicle_class"], said["entered"])
