"""What a price notice says, and how it is read from a TOML document.

Money is integer fen, lengths are whole minutes. Free minutes, a first period, then started units, a cap for
each 24 hours from entry, by vehicle class: domain 3.2 items 1 to 5 and 8. A tariff that says more is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeGuard

MINUTES_PER_DAY = 1440

_FREE_MINUTES = range(525_600 + 1)
# The ladder starts anew every 24 hours, so a step beyond them would never be reached as it is written.
_STEP_MINUTES = range(1, MINUTES_PER_DAY + 1)
_FEN = range(100_000_000 + 1)
# One byte in the vehicle file of the tag: rsu-protocol 8.4.
_VEHICLE_CLASSES = range(256)
_TEXT_LENGTH = 80

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Ladder:
    """The price of up to 24 hours: the first period, then each started unit, never above `cap_fen`."""

    first_minutes: int
    first_fen: int
    unit_minutes: int
    unit_fen: int
    cap_fen: int | None


@dataclass(frozen=True, slots=True)
class PriceClass:
    """One row of the notice; the codes in `vehicle_classes` are those of rsu-protocol 8.4."""

    name: str
    vehicle_classes: tuple[int, ...]
    ladder: Ladder
    default: bool = False


@dataclass(frozen=True, slots=True)
class Tariff:
    """A whole price notice; `content_hash` tells its exact content (SHA-256, hex, of the canonical JSON)."""

    id: str
    version: str
    name: str
    free_minutes: int
    classes: tuple[PriceClass, ...]
    content_hash: str

    def price_class(self, vehicle_class: int) -> PriceClass:
        """Return the class that lists this vehicle class, else the default one."""
        listed = (row for row in self.classes if vehicle_class in row.vehicle_classes)
        default = (row for row in self.classes if row.default)
        return next(listed, None) or next(default)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a tariff: the key path in its TOML, and what is allowed there (zh / en)."""

    path: KeyPath
    message: str


class TariffError(ValueError):
    """A document that is no tariff; `problems` holds every mistake in it."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        places = "; ".join(f"{'.'.join(map(str, problem.path))}: {problem.message}" for problem in problems)
        super().__init__(f"the tariff cannot be used: {places}")
        self.problems = problems


class _Table:
    """One TOML table being read: a mistake is noted and a stand-in returned, so that all come out."""

    def __init__(self, content: Mapping[str, object], path: KeyPath, problems: list[Problem]) -> None:
        self._content = content
        self._path = path
        self._problems = problems
        self._known: list[str] = []

    def refuse(self, key: str, zh: str, en: str) -> None:
        message = f"{zh} / {en}" if key in self._content else f"缺少此项，{zh} / is missing, {en}"
        self._problems.append(Problem((*self._path, key), message))

    def refuse_unknown(self) -> None:
        allowed = ", ".join(self._known)
        for key in self._content:
            if key not in self._known:
                self.refuse(key, f"未知项，只允许 {allowed}", f"unknown key, allowed are {allowed}")

    def text(self, key: str) -> str:
        value = self._take(key)
        if isinstance(value, str) and value.strip() and value.isprintable() and len(value) <= _TEXT_LENGTH:
            return value
        self.refuse(
            key,
            f"必须是一行文字，最多 {_TEXT_LENGTH} 字",
            f"must be one line of text, at most {_TEXT_LENGTH} characters",
        )
        return ""

    def whole(self, key: str, allowed: range) -> int:
        value = self._take(key)
        if _is_whole(value, allowed):
            return value
        self.refuse(
            key,
            f"必须是 {allowed[0]} 到 {allowed[-1]} 的整数",
            f"must be a whole number from {allowed[0]} to {allowed[-1]}",
        )
        return allowed[0]

    def whole_or_none(self, key: str, allowed: range) -> int | None:
        if key in self._content:
            return self.whole(key, allowed)
        self._known.append(key)
        return None

    def wholes(self, key: str, allowed: range, at_least: int) -> tuple[int, ...]:
        value = self._take(key, [])
        if isinstance(value, list) and len(value) >= at_least and all(_is_whole(item, allowed) for item in value):
            return tuple(value)
        self.refuse(
            key,
            f"必须是整数列表，至少 {at_least} 个，每个 {allowed[0]} 到 {allowed[-1]}",
            f"must list at least {at_least} whole numbers, each from {allowed[0]} to {allowed[-1]}",
        )
        return ()

    def flag(self, key: str) -> bool:
        value = self._take(key, default=False)
        if not isinstance(value, bool):
            self.refuse(key, "必须是 true 或 false", "must be true or false")
        return value is True

    def tables(self, key: str) -> list["_Table"]:
        value = self._take(key)
        if not isinstance(value, list) or not value:
            self.refuse(key, f"至少要有一个 [[{key}]] 表", f"must be one [[{key}]] table or more")
            return []
        places = [((*self._path, key, number), row) for number, row in enumerate(value)]
        self._problems += [
            Problem(place, f"必须是 [[{key}]] 表 / must be a [[{key}]] table")
            for place, row in places
            if not isinstance(row, dict)
        ]
        return [_Table(row, place, self._problems) for place, row in places if isinstance(row, dict)]

    def _take(self, key: str, default: object = None) -> object:
        self._known.append(key)
        return self._content.get(key, default)


def parse(document: Mapping[str, object]) -> Tariff:
    """Read a tariff from a parsed TOML document; raise `TariffError` with every mistake in it."""
    problems: list[Problem] = []
    notice = _Table(document, (), problems)
    identity, version, name = notice.text("id"), notice.text("version"), notice.text("name")
    free_minutes = notice.whole("free_minutes", _FREE_MINUTES)
    rows = notice.tables("classes")
    notice.refuse_unknown()
    classes = tuple(_price_class(row) for row in rows)
    _refuse_repeats(rows, classes)
    _refuse_other_than_one_default(notice, rows, classes)
    if problems:
        raise TariffError(tuple(problems))
    return Tariff(identity, version, name, free_minutes, classes, _content_hash(document))


def _price_class(row: _Table) -> PriceClass:
    name, default = row.text("name"), row.flag("default")
    # Only the default class may list none: it also prices what nobody lists.
    vehicle_classes = row.wholes("vehicle_classes", _VEHICLE_CLASSES, at_least=0 if default else 1)
    first_minutes, first_fen = row.whole("first_minutes", _STEP_MINUTES), row.whole("first_fen", _FEN)
    unit_minutes, unit_fen = row.whole("unit_minutes", _STEP_MINUTES), row.whole("unit_fen", _FEN)
    # A cap below the first price is most likely yuan written for fen.
    cap_fen = row.whole_or_none("cap_fen", _FEN[first_fen:])
    row.refuse_unknown()
    ladder = Ladder(first_minutes, first_fen, unit_minutes, unit_fen, cap_fen)
    return PriceClass(name, vehicle_classes, ladder, default)


def _refuse_repeats(rows: list[_Table], classes: tuple[PriceClass, ...]) -> None:
    names: set[str] = set()
    listed: set[int] = set()
    for row, price_class in zip(rows, classes, strict=True):
        # A name that could not be read stands as "" and repeats nothing.
        if price_class.name and price_class.name in names:
            row.refuse("name", "与前面的收费类别重名", "is the name of an earlier class")
        names.add(price_class.name)
        for code in price_class.vehicle_classes:
            if code in listed:
                row.refuse("vehicle_classes", f"车型 {code} 已列过一次", f"vehicle class {code} is already listed")
            listed.add(code)


def _refuse_other_than_one_default(notice: _Table, rows: list[_Table], classes: tuple[PriceClass, ...]) -> None:
    defaults = [row for row, price_class in zip(rows, classes, strict=True) if price_class.default]
    if rows and not defaults:
        notice.refuse("classes", "必须有一个类别写 default = true", "one class must say default = true")
    for row in defaults[1:]:
        row.refuse("default", "只能有一个类别写 default = true", "only one class may say default = true")


def _is_whole(value: object, allowed: range) -> TypeGuard[int]:
    # Python counts True as 1; a price notice does not.
    return type(value) is int and value in allowed


def _content_hash(document: Mapping[str, object]) -> str:
    # Text, whole numbers and flags only, keys in ASCII: this is the form of RFC 8785 as well.
    canonical = json.dumps(dict(document), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
