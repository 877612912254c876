"""Events, orders and words as plain JSON types: for the log, and for the lines of a replay."""

from dataclasses import fields, is_dataclass
from datetime import date, datetime


def plain(value: object) -> object:
    """Dataclasses as objects that name their class under `what`; bytes in hex, times in ISO 8601."""
    match value:
        case str() | int() | None:  # most of what there is
            return value
        case bytes():
            return value.hex()
        case datetime() | date():
            return value.isoformat()
        case tuple() | list():
            return [plain(part) for part in value]
        case dict():
            return {key: plain(part) for key, part in value.items()}
        case _ if is_dataclass(value):
            said = {part.name: plain(getattr(value, part.name)) for part in fields(value)}
            return {"what": type(value).__name__, **said}
        case _:
            return value
