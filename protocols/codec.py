"""From one field table to a typed record: the only module that knows construct.

A wire layout is written once, as a class whose attributes are its fields in wire order:

    @record
    class Entry(Record):
        channel: int = wire(U8, "PSAM slot")

The class becomes a frozen, slotted dataclass; `decode` and `encode` take it to bytes and back, losslessly: a
text or number that no calendar or code page knows survives both ways, judging it is left to who reads it.
"""

import dataclasses
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

import construct

from protocols.errors import MessageError

U8 = construct.Int8ub
U16 = construct.Int16ub
U24 = construct.Int24ub
U32 = construct.Int32ub
Rest = construct.GreedyBytes


def Raw(size: int) -> Any:
    """`size` bytes as they are."""
    return construct.Bytes(size)


class _Hex(construct.Adapter):  # type: ignore[misc]  # construct is untyped
    """Bytes as lower-case hex digits; BCD numbers and dates read as written, wrong digits included."""

    def _decode(self, obj: bytes, context: object, path: str) -> str:
        return obj.hex()

    def _encode(self, obj: str, context: object, path: str) -> bytes:
        return bytes.fromhex(obj)


def Hex(size: int) -> Any:
    """`size` bytes as 2 x `size` hex digits: identifiers, terminal numbers, BCD."""
    return _Hex(construct.Bytes(size))


class _Gbk(construct.Adapter):  # type: ignore[misc]  # construct is untyped
    """GBK text padded with 00; bytes outside GBK survive as surrogates, so that nothing is lost."""

    def _decode(self, obj: bytes, context: object, path: str) -> str:
        return obj.rstrip(b"\0").decode("gbk", "surrogateescape")

    def _encode(self, obj: str, context: object, path: str) -> bytes:
        return obj.encode("gbk", "surrogateescape").ljust(self.sizeof(), b"\0")


def Gbk(size: int) -> Any:
    """A text of at most `size` bytes GBK, padded with 00: plates, names."""
    return _Gbk(construct.Bytes(size))


def wire(layout: Any, note: str) -> Any:
    """Declare one field: its wire type and what the table says of it."""
    return dataclasses.field(metadata={"wire": layout, "note": note})


class Record:
    """A layout of fixed field order; subclasses are declared with `@record` and `wire`."""

    __slots__ = ()
    LAYOUT: ClassVar[Any]

    def encode(self) -> bytes:
        """Its bytes. Raises MessageError if a value does not fit its field."""
        try:
            return bytes(self.LAYOUT.build(_shallow(self)))
        except (construct.ConstructError, ValueError) as error:
            raise MessageError(f"{type(self).__name__} cannot be encoded: {_first_line(error)}") from error

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The record that `data` is, all of it. Raises MessageError where it is too short or too long."""
        stream = BytesIO(data)
        try:
            values = cls.LAYOUT.parse_stream(stream)
        except (construct.ConstructError, ValueError) as error:
            raise MessageError(f"{cls.__name__}: {_first_line(error)}", stream.tell()) from error
        except MessageError as error:
            raise MessageError(f"{cls.__name__}: {error.reason}", stream.tell() + error.offset) from error
        if stream.tell() != len(data):
            raise MessageError(f"{cls.__name__} ends after {stream.tell()} bytes, not {len(data)}", stream.tell())
        return _build(cls, values)

    @classmethod
    def size(cls) -> int | None:
        """Its length in bytes, None where it varies."""
        try:
            return int(cls.LAYOUT.sizeof())
        except construct.SizeofError:
            return None


R = TypeVar("R", bound=Record)


@dataclass_transform(frozen_default=True, field_specifiers=(wire,))
def record(cls: type[R]) -> type[R]:
    """Turn a field table into a frozen dataclass with its wire layout."""
    made = dataclasses.dataclass(frozen=True, slots=True)(cls)
    made.LAYOUT = construct.Struct(*(f.name / f.metadata["wire"] for f in dataclasses.fields(made)))  # type: ignore[arg-type]  # a Record is a dataclass once decorated
    return made


class _Nested(construct.Adapter):  # type: ignore[misc]  # construct is untyped
    def __init__(self, inner: type[Record]) -> None:
        super().__init__(inner.LAYOUT)
        self.inner = inner

    def _decode(self, obj: Mapping[str, Any], context: object, path: str) -> Record:
        return _build(self.inner, obj)

    def _encode(self, obj: Record, context: object, path: str) -> dict[str, Any]:
        return _shallow(obj)


def Nested(inner: type[Record]) -> Any:
    """A record inside a record."""
    return _Nested(inner)


class _Choice(construct.Adapter):  # type: ignore[misc]  # construct is untyped
    def __init__(self, size: int, choose: Callable[[bytes], type[Record]]) -> None:
        super().__init__(construct.Bytes(size))
        self.choose = choose

    def _decode(self, obj: bytes, context: object, path: str) -> Record:
        return self.choose(obj).decode(obj)

    def _encode(self, obj: Record, context: object, path: str) -> bytes:
        return obj.encode()


def Choice(size: int, choose: Callable[[bytes], type[Record]]) -> Any:
    """`size` bytes whose own content says which record they are."""
    return _Choice(size, choose)


class _Entries(construct.Construct):  # type: ignore[misc]  # construct is untyped
    def __init__(self, inner: type[Record], count: Callable[[Mapping[str, Any], bytes], int]) -> None:
        super().__init__()
        self.inner = inner
        self.count = count

    def _parse(self, stream: BytesIO, context: Mapping[str, Any], path: str) -> tuple[Record, ...]:
        size = self.inner.size() or 0
        start = stream.tell()
        ahead = stream.read()
        stream.seek(start)  # where an error is
        number = self.count(context, ahead)
        if number < 0 or number * size > len(ahead):
            raise construct.StreamError(f"{len(ahead)} bytes left do not hold {path.rpartition(' ')[2]}")
        stream.seek(start + number * size)
        return tuple(self.inner.decode(ahead[i * size : (i + 1) * size]) for i in range(number))

    def _build(self, obj: tuple[Record, ...], stream: BytesIO, context: object, path: str) -> object:
        stream.write(b"".join(entry.encode() for entry in obj))
        return obj


def Entries(inner: type[Record], count: Callable[[Mapping[str, Any], bytes], int]) -> Any:
    """As many `inner` records as `count(fields before, bytes ahead)` says; antennas' own counts may lie."""
    return _Entries(inner, count)


def plain(value: object) -> Any:
    """A record as JSON types: bytes in hex, text that is no GBK marked with its bytes, tables nested."""
    match value:
        case Record():
            return {name: plain(field) for name, field in _shallow(value).items()}
        case bytes():
            return value.hex()
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        case tuple():
            return [plain(entry) for entry in value]
        case _:
            return value


def _shallow(value: Record) -> dict[str, Any]:
    return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}  # type: ignore[arg-type]  # a Record is a dataclass once decorated


def _build(cls: type[R], values: Mapping[str, Any]) -> R:
    return cls(**{f.name: values[f.name] for f in dataclasses.fields(cls)})  # type: ignore[arg-type]  # a Record is a dataclass once decorated


def _first_line(error: Exception) -> str:
    """What construct says, without the path that it puts on a line of its own."""
    return next((line for line in str(error).splitlines() if not line.startswith("Error in path")), "")
