"""From one field table to a typed record: parser, builder, and what docs and dissector are made from.

A wire layout is written once, as a class whose attributes are its fields in wire order:

    @record
    class Entry(Record):
        channel: int = wire(U8, "PSAM slot")

The class becomes a frozen, slotted dataclass; `decode` and `encode` take it to bytes and back, losslessly: a
text or number that no calendar or code page knows survives both ways, judging it is left to who reads it. `FIELDS`
holds the table itself. Fields of fixed size that stand side by side are read by one `struct`.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, groupby
from struct import Struct, unpack_from
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from protocols.errors import MessageError
from protocols.immutable import dataclass

Before = Mapping[str, Any]
"""The fields of the same record that were read before this one."""
Fits = Callable[[int], bool]
"""Whether the fields that follow would end exactly at the end of the bytes, if they began at this offset."""


class Type(ABC):
    """How a field stands on the wire. `size` is its length in bytes, None where it varies.

    Where the length is fixed, `code` says it to struct, and `convert` makes the value of what struct gives.
    """

    size: int | None = None
    code: str | None = None
    convert: Callable[[Any], Any] | None = None

    @abstractmethod
    def read(self, data: bytes, at: int, before: Before, fits: Fits) -> tuple[Any, int]:
        """The value at this offset, and the offset behind it. Raises MessageError."""

    @abstractmethod
    def write(self, value: Any) -> bytes:
        """Its bytes. Raises MessageError, ValueError, OverflowError, TypeError or AttributeError if it has none."""

    @property
    def idle(self) -> Any:
        """What stands there when there is nothing to say."""
        return None


class Fixed(Type):
    """A type of fixed size that takes whatever bytes stand there."""

    size: int
    code: str

    def __init__(self, size: int, code: str | None = None, convert: Callable[[Any], Any] | None = None) -> None:
        self.size = size
        self.code = code or f"{size}s"
        self.convert = convert

    def read(self, data: bytes, at: int, _before: Before, _fits: Fits) -> tuple[Any, int]:
        """The value; `Record` itself reads runs of these at once."""
        if at + self.size > len(data):
            raise _cut_off(self.size, data, at)
        (value,) = unpack_from(">" + self.code, data, at)
        return (self.convert(value) if self.convert else value), at + self.size

    @property
    def idle(self) -> Any:
        """What zeros say."""
        return self.read(bytes(self.size), 0, {}, bool)[0]


class Number(Fixed):
    """An unsigned number, big-endian, or a signed one in two's complement."""

    def __init__(self, size: int, *, signed: bool = False) -> None:
        self.signed = signed
        code = {1: "B", 2: "H", 4: "I"}.get(size)
        if code is None:
            super().__init__(size, convert=partial(int.from_bytes, signed=True) if signed else int.from_bytes)
        else:
            super().__init__(size, code.lower() if signed else code)

    def write(self, value: int) -> bytes:
        """Its bytes."""
        return value.to_bytes(self.size, "big", signed=self.signed)


U8, U16, U24, U32 = (Number(size) for size in (1, 2, 3, 4))
S32 = Number(4, signed=True)


class Raw(Fixed):
    """`size` bytes as they are."""

    def __init__(self, size: int) -> None:
        super().__init__(size)

    def write(self, value: bytes) -> bytes:
        """Its bytes."""
        return _sized(_octets(value), self.size)


class Hex(Fixed):
    """`size` bytes as 2 x `size` lower-case hex digits: identifiers, BCD as written, wrong digits included."""

    def __init__(self, size: int) -> None:
        super().__init__(size, convert=bytes.hex)

    def write(self, value: str) -> bytes:
        """Its bytes."""
        return _sized(bytes.fromhex(value), self.size)


def _gbk(data: bytes) -> str:
    return data.rstrip(b"\0").decode("gbk", "surrogateescape")


class Gbk(Fixed):
    """At most `size` bytes GBK, padded with 00: plates, names. What is no GBK survives as surrogates."""

    def __init__(self, size: int) -> None:
        super().__init__(size, convert=_gbk)

    def write(self, value: str) -> bytes:
        """Its bytes."""
        return _sized(value.encode("gbk", "surrogateescape").ljust(self.size, b"\0"), self.size)


class Nested(Type):
    """A record inside a record."""

    def __init__(self, inner: "type[Record]") -> None:
        self.inner = inner
        self.size = inner.size()
        if inner.RUN is not None:  # what may refuse its bytes is read where it stands, for the error's offset
            self.code, self.convert = f"{self.size}s", inner.decode

    def read(self, data: bytes, at: int, _before: Before, _fits: Fits) -> "tuple[Record, int]":
        """The record."""
        return self.inner.read(data, at)

    def write(self, value: "Record") -> bytes:
        """Its bytes."""
        return _encoded(value, self.inner)

    @property
    def idle(self) -> "Record":
        """The record with nothing to say."""
        return self.inner.fill({})


class Choice(Fixed):
    """`size` bytes whose own byte at `at` says which record they are: the last one whose least value it reaches.

    Every value has a layout (the first begins at 0), and every layout has `size` bytes that it takes whatever they
    are; else ValueError.
    """

    def __init__(self, size: int, at: int, layouts: "Sequence[tuple[int, type[Record]]]") -> None:
        super().__init__(size, convert=self._decode)
        self.at = at
        self.layouts = tuple(layouts)
        wrong = [layout.__name__ for _, layout in layouts if layout.size() != size or layout.RUN is None]
        if wrong or layouts[0][0] != 0 or not 0 <= at < size:
            raise ValueError(f"a choice of {size} bytes by its byte {at}: {wrong or 'it has no such byte or no 0'}")

    def choose(self, key: int) -> "type[Record]":
        """The layout for this value of the deciding byte."""
        return next(layout for least, layout in reversed(self.layouts) if key >= least)

    def _decode(self, data: bytes) -> "Record":
        return self.choose(data[self.at]).decode(data)

    def write(self, value: "Record") -> bytes:
        """Its bytes; a record whose own byte says that it is another one has none."""
        data = _encoded(value, *(layout for _, layout in self.layouts))
        if type(value) is not self.choose(data[self.at]):
            raise ValueError(f"its byte {self.at} says {self.choose(data[self.at]).__name__}")
        return data


class Rest(Type):
    """All that is left but the last `tail` bytes, as they are."""

    def __init__(self, tail: int = 0) -> None:
        self.tail = tail

    def read(self, data: bytes, at: int, _before: Before, _fits: Fits) -> tuple[bytes, int]:
        """The bytes."""
        end = len(data) - self.tail
        if end < at:
            raise MessageError(f"{self.tail} bytes must follow, {len(data) - at} are left", at)
        return data[at:end], end

    def write(self, value: bytes) -> bytes:
        """Its bytes."""
        return _octets(value)

    @property
    def idle(self) -> bytes:
        """Nothing."""
        return b""


class Sized(Rest):
    """As many bytes as the field `length`, earlier in the record, says."""

    def __init__(self, length: str) -> None:
        super().__init__()
        self.length = length

    def read(self, data: bytes, at: int, before: Before, _fits: Fits) -> tuple[bytes, int]:
        """The bytes."""
        end = at + int(before[self.length])
        if not at <= end <= len(data):
            raise MessageError(f"{self.length} says {before[self.length]} bytes, {len(data) - at} are left", at)
        return data[at:end], end


class When(Type):
    """A field that stands there only if `field`, earlier in the record, has a bit of `mask`; else None."""

    def __init__(self, field: str, mask: int, inner: Type) -> None:
        self.field = field
        self.mask = mask
        self.inner = inner

    def read(self, data: bytes, at: int, before: Before, fits: Fits) -> tuple[Any, int]:
        """The value or None."""
        return self.inner.read(data, at, before, fits) if before[self.field] & self.mask else (None, at)

    def write(self, value: Any) -> bytes:
        """Its bytes, none for None."""
        return b"" if value is None else self.inner.write(value)


@dataclass(frozen=True, slots=True)
class Stated:
    """As many as this field, earlier in the record, says."""

    field: str

    def number(self, before: Before, _at: int, _end: int, _size: int, _fits: Fits) -> int:
        """How many."""
        return int(before[self.field])


@dataclass(frozen=True, slots=True)
class Filling:
    """As many as fit before the last `tail` bytes of the message, whatever a count says: antennas' own may lie."""

    tail: int

    def number(self, _before: Before, at: int, end: int, size: int, _fits: Fits) -> int:
        """How many. Raises MessageError if that is no whole number."""
        number, over = divmod(end - at - self.tail, size)
        if over or number < 0:
            raise MessageError(f"{end - at} bytes are not {self.tail} + {size}n", at)
        return number


@dataclass(frozen=True, slots=True)
class Likely:
    """As `field` says or as fit before `tail` bytes, whichever makes the message add up; a zero is tried last."""

    field: str
    tail: int

    def number(self, before: Before, at: int, end: int, size: int, fits: Fits) -> int:
        """How many. Raises MessageError if the message adds up with neither."""
        stated, filling = int(before[self.field]), (end - at - self.tail) // size
        for number in (stated, filling) if stated else (filling, stated):
            if number >= 0 and fits(at + number * size):
                return number
        raise MessageError(f"{end - at} bytes add up with neither {stated} nor {filling} of {size}", at)


class Entries(Type):
    """Records of one kind in a row; where their length tells their number, it must be fixed (else ValueError)."""

    def __init__(self, inner: "type[Record]", count: Stated | Filling | Likely) -> None:
        if not inner.size() and not isinstance(count, Stated):
            raise ValueError(f"{inner.__name__} has no fixed size that would tell how many there are")
        self.inner = inner
        self.count = count

    def read(self, data: bytes, at: int, before: Before, fits: Fits) -> "tuple[tuple[Record, ...], int]":
        """The records."""
        size = self.inner.size() or 0
        number = self.count.number(before, at, len(data), size, fits)
        if number < 0 or at + number * size > len(data):
            raise MessageError(f"{number} of {size} bytes expected, {len(data) - at} bytes are left", at)
        found = []
        for _ in range(number):
            entry, at = self.inner.read(data, at)
            found.append(entry)
        return tuple(found), at

    def write(self, value: "Sequence[Record]") -> bytes:
        """Their bytes."""
        return b"".join(_encoded(entry, self.inner) for entry in value)

    @property
    def idle(self) -> "tuple[Record, ...]":
        """None of them."""
        return ()


def _cut_off(size: int, data: bytes, at: int) -> MessageError:
    """The error names the first byte that is not there."""
    return MessageError(f"ends after {len(data) - at} of {size} bytes", len(data))


def _octets(value: bytes) -> bytes:
    return bytes(memoryview(value))  # bytes(3) would be three zeros


def _encoded(value: "Record", *kinds: "type[Record]") -> bytes:
    if type(value) not in kinds:  # a table that extends another is longer
        raise TypeError(f"a {' or '.join(kind.__name__ for kind in kinds)} is expected")
    return value.encode()


def _sized(data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise ValueError(f"{size} bytes expected, not {len(data)}")
    return data


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a field table. `idle` is what stands there when a word has nothing to say of it."""

    name: str
    type: Type
    note: str
    idle: Any


def wire(layout: Type, note: str, idle: object = None) -> Any:
    """Declare one field: its wire type, what the table says of it, and what we send with nothing to say."""
    return dataclasses.field(metadata={"wire": layout, "note": note, "idle": idle})


class Record:
    """A layout of fixed field order; subclasses are declared with `@record` and `wire`."""

    __slots__ = ()
    FIELDS: ClassVar[tuple[Field, ...]] = ()
    NAMES: ClassVar[frozenset[str]] = frozenset()
    RUN: ClassVar["Run | None"] = None
    """All fields at once, None where some of them vary or may refuse their bytes."""
    _STEPS: ClassVar[tuple["Run | Field", ...]] = ()
    _SIZE: ClassVar[int | None] = None

    def encode(self) -> bytes:
        """Its bytes. Raises MessageError if a value does not fit its field; the offset is where that stands."""
        data = bytearray()
        for field in self.FIELDS:
            value = getattr(self, field.name)
            try:
                data += field.type.write(value)
            except MessageError as error:
                raise MessageError(_named(type(self), field, error.reason), len(data) + error.offset) from error
            except (ValueError, OverflowError, TypeError, AttributeError) as error:
                # The last two: None, say, where the table wants a number.
                raise MessageError(
                    f"{type(self).__name__}.{field.name} cannot be {value!r}: {error}", len(data)
                ) from error
        return bytes(data)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The record that `data` is, all of it. Raises MessageError where it is too short or too long."""
        found, end = cls.read(data, 0)
        if end != len(data):
            raise MessageError(f"{cls.__name__} ends after {end} bytes, not {len(data)}", end)
        return found

    @classmethod
    def read(cls, data: bytes, at: int) -> tuple[Self, int]:
        """The record at this offset, and the offset behind it. Raises MessageError where it is too short."""
        if cls.RUN is not None:
            return cls(*cls.RUN.read(data, at)), at + cls.RUN.size
        values: dict[str, Any] = {}
        end = cls._read_from(0, data, at, values)
        return cls(**values), end

    @classmethod
    def _read_from(cls, first: int, data: bytes, at: int, values: dict[str, Any]) -> int:
        """Put the fields from this step on into `values`; give the offset behind them."""
        for number, step in enumerate(cls._STEPS[first:], first + 1):
            if isinstance(step, Run):
                values.update(zip(step.names, step.read(data, at), strict=True))
                at += step.size
                continue
            try:
                values[step.name], at = step.type.read(data, at, values, partial(cls._fits, number, data, values))
            except MessageError as error:
                raise MessageError(_named(cls, step, error.reason), error.offset) from error
        return at

    @classmethod
    def _fits(cls, first: int, data: bytes, before: Before, at: int) -> bool:
        try:
            return cls._read_from(first, data, at, dict(before)) == len(data)
        except MessageError:
            return False

    @classmethod
    def size(cls) -> int | None:
        """Its length in bytes, None where it varies."""
        return cls._SIZE

    @classmethod
    def fill(cls, values: Mapping[str, Any]) -> Self:
        """The record with these values, and with its idle ones for all other fields."""
        return cls(**{field.name: values.get(field.name, field.idle) for field in cls.FIELDS})


class Run:
    """Fields of fixed size side by side, read at once."""

    def __init__(self, owner: str, fields: Sequence[Field]) -> None:
        self._owner = owner
        self._ends = tuple(zip(accumulate(field.type.size or 0 for field in fields), fields, strict=True))
        self._struct = Struct(">" + "".join(field.type.code or "" for field in fields))
        self._converts = [(place, field.type.convert) for place, field in enumerate(fields) if field.type.convert]
        self.names = [field.name for field in fields]
        self.size = self._struct.size

    def read(self, data: bytes, at: int) -> list[Any]:
        """Their values. Raises MessageError for the first field that is not all there."""
        if at + self.size > len(data):
            raise self._cut_off(data, at)
        values = list(self._struct.unpack_from(data, at))
        for place, convert in self._converts:
            values[place] = convert(values[place])
        return values

    def _cut_off(self, data: bytes, at: int) -> MessageError:
        end, field = next((end, field) for end, field in self._ends if at + end > len(data))
        size = field.type.size or 0
        return MessageError(
            f"{self._owner}.{field.name}: {_cut_off(size, data, at + end - size).reason}", len(data)
        )


R = TypeVar("R", bound=Record)


@dataclass_transform(frozen_default=True, field_specifiers=(wire,))
def record(cls: type[R]) -> type[R]:
    """Turn a field table into a frozen dataclass with its wire layout."""
    made = dataclasses.dataclass(frozen=True, slots=True)(cls)
    made.FIELDS = tuple(_field(each) for each in dataclasses.fields(made))  # type: ignore[arg-type]  # a Record is a dataclass once decorated
    made.NAMES = frozenset(field.name for field in made.FIELDS)
    sizes = [field.type.size for field in made.FIELDS]
    made._SIZE = None if None in sizes else sum(size for size in sizes if size)  # noqa: SLF001  the class is being made here
    steps = tuple(_steps(made.__name__, made.FIELDS))
    made._STEPS = steps  # noqa: SLF001  likewise
    made.RUN = steps[0] if len(steps) == 1 and isinstance(steps[0], Run) else None
    return made


def _field(declared: "dataclasses.Field[Any]") -> Field:
    layout, note, idle = (declared.metadata[key] for key in ("wire", "note", "idle"))
    return Field(declared.name, layout, note, layout.idle if idle is None else idle)


def _steps(owner: str, fields: Sequence[Field]) -> Iterator[Run | Field]:
    for fixed, group in groupby(fields, lambda field: field.type.code is not None):
        if fixed:
            yield Run(owner, tuple(group))
        else:
            yield from group


def _named(owner: "type[Record]", field: Field, reason: str) -> str:
    return f"{owner.__name__}.{field.name}: {reason}"


def plain(value: object) -> Any:
    """A record as JSON types: bytes in hex, text that is no GBK marked with its bytes, tables nested."""
    match value:
        case Record():
            return {field.name: plain(getattr(value, field.name)) for field in value.FIELDS}
        case bytes():
            return value.hex()
        case str():
            return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
        case tuple():
            return [plain(entry) for entry in value]
        case _:
            return value
