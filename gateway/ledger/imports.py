"""Cars that were inside before the ledger began: JSON lines to open stays.

One object per line, as in `EXAMPLE`.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from gateway.ledger.entries import StayImported

EXAMPLE = '{"plate": "测A12345", "color": 0, "vehicle_class": 1, "entered": "2026-11-21T08:00:00+08:00"}'
"""Such a line."""

FIELDS = {"plate": str, "color": int, "vehicle_class": int, "entered": str}
EARLIEST = 2000
"""No car is inside since then; other programs write year 1 for no time at all."""
KINDS = {str: "带引号的文字 / must be a text in quotes", int: "整数 / must be a whole number"}
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
            stay = _stay(_json(line), number)
        except ValueError as error:
            raise StayImportError(f"第 {number} 行 / line {number}: {error}") from error
        if (stay.plate, stay.color) in seen:
            raise StayImportError(f"第 {number} 行 / line {number}: {stay.plate} 重复 / stands twice")
        seen.add((stay.plate, stay.color))
        yield stay


def _json(line: str) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"不是 JSON / not JSON: {error}") from error


def _stay(said: object, number: int) -> StayImported:
    if not isinstance(said, dict) or set(said) != set(FIELDS):
        raise ValueError(f"须有且仅有 / must hold exactly {', '.join(FIELDS)}")
    for name, kind in FIELDS.items():
        if type(said[name]) is not kind:
            raise ValueError(f"{name} 须为{KINDS[kind]}")
    if not said["plate"].strip() or not said["plate"].isprintable():
        raise ValueError("plate 不是车牌 / plate is no plate number")
    if said["color"] not in CODES or said["vehicle_class"] not in CODES:
        raise ValueError("color 和 vehicle_class 须为 0 到 255 / color and vehicle_class must be 0 to 255")
    entered = _time(said["entered"])
    if entered.utcoffset() is None:
        raise ValueError("entered 须带时区，如 +08:00 / entered needs an offset, such as +08:00")
    if entered.year < EARLIEST:
        raise ValueError(
            f"entered 早于 {EARLIEST} 年，请改为入场时间 / lies before {EARLIEST}: write when it entered"
        )
    return StayImported(f"import-{number}", said["plate"], said["color"], said["vehicle_class"], said["entered"])


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(
            "entered 不是时间，须如 2026-11-21T08:00:00+08:00 / is no time; write as in 2026-11-21T08:00:00+08:00"
        ) from error
