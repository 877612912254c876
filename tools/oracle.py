"""Our field tables once more, as construct declarations: an independent reader and writer of the same bytes.

The codec is checked against it (tests/property/test_codec_oracle.py) and measured against it (tools/bench.py).
construct is no part of the runtime; it comes with the test extra.
"""

from collections.abc import Mapping
from typing import Any

import construct  # type: ignore[import-untyped]  # it ships no types

from protocols.codec import (
    Choice,
    Entries,
    Filling,
    Fixed,
    Gbk,
    Hex,
    Nested,
    Number,
    Raw,
    Record,
    Rest,
    Sized,
    Stated,
    Type,
    When,
)

_NUMBERS = {
    (1, False): construct.Int8ub,
    (2, False): construct.Int16ub,
    (3, False): construct.Int24ub,
    (4, False): construct.Int32ub,
    (4, True): construct.Int32sb,
}


def declare(table: type[Record]) -> Any:
    """The table as a construct Struct. Raises TypeError for a field that construct has no words for."""
    return construct.Struct(*(field.name / _declare(field.type) for field in table.FIELDS))


def values(value: object) -> Any:
    """A record as construct has it: mappings, lists and bare values."""
    match value:
        case Record():
            return {field.name: values(getattr(value, field.name)) for field in value.FIELDS}
        case Mapping():  # what construct itself has read, with its stream in it
            return {name: values(each) for name, each in value.items() if name != "_io"}
        case tuple() | list():
            return [values(each) for each in value]
        case _:
            return value


def _declare(layout: Type) -> Any:
    return _fixed(layout) if isinstance(layout, Fixed) else _varying(layout)


def _fixed(layout: Fixed) -> Any:
    match layout:
        case Number(size=size, signed=signed) if (size, signed) in _NUMBERS:
            return _NUMBERS[size, signed]
        case Raw():
            return construct.Bytes(layout.size)
        case Hex():
            return construct.ExprAdapter(
                construct.Bytes(layout.size), lambda data, _: data.hex(), lambda text, _: bytes.fromhex(text)
            )
        case Gbk():
            return construct.ExprAdapter(
                construct.Bytes(layout.size),
                lambda data, _: str(data.rstrip(b"\0"), "gbk", "surrogateescape"),
                lambda text, _: bytes(text, "gbk", "surrogateescape").ljust(layout.size, b"\0"),
            )
        case Choice():
            return _choice(layout)
        case _:
            raise TypeError(f"construct has no words for {layout!r}")


def _varying(layout: Type) -> Any:
    match layout:
        case Nested():
            return declare(layout.inner)
        case When():
            return construct.If(lambda this: this[layout.field] & layout.mask, _declare(layout.inner))
        case Sized():
            return construct.Bytes(lambda this: this[layout.length])
        case Rest():
            # A writer has nothing ahead of it that it could count.
            ahead = construct.Bytes(lambda this: _left(this) - layout.tail)
            return construct.IfThenElse(_parsing, ahead, construct.GreedyBytes)
        case Entries(count=Stated(field)):
            return construct.Array(lambda this: this[field], declare(layout.inner))
        case Entries(count=Filling(tail)):
            entry = declare(layout.inner)
            ahead = construct.Array(lambda this: _whole(_left(this) - tail, entry.sizeof()), entry)
            return construct.IfThenElse(_parsing, ahead, construct.GreedyRange(entry))
        case _:
            raise TypeError(f"construct has no words for {layout!r}")


def _choice(choice: Choice) -> Any:
    layouts = {least: declare(layout) for least, layout in choice.layouts}
    read = construct.Switch(lambda this: max(least for least in layouts if least <= this.key[-1]), layouts)
    write = construct.Select(*layouts.values())  # the one whose names the values have
    return construct.FocusedSeq(
        "file",
        "key" / construct.Peek(construct.Bytes(choice.at + 1)),
        "file" / construct.IfThenElse(_parsing, read, write),
    )


def _parsing(this: Any) -> bool:
    return bool(this._parsing)  # noqa: SLF001  construct's own name for it


def _left(this: Any) -> int:
    stream = this._io  # noqa: SLF001  construct's own name for it
    return len(stream.getvalue()) - int(stream.tell())


def _whole(length: int, size: int) -> int:
    number, over = divmod(length, size)
    if over or number < 0:
        raise construct.RangeError(f"{length} bytes are no whole number of {size}")
    return number
