"""The dialects' field tables as Lua data for the Wireshark dissector: each field with the name it is filtered by.

Pure data to text. What reads this data is `gateway/cli/dissector.lua`; the meaning of each type of field is that of
`protocols/codec.py`.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import zip_longest

from protocols.codec import (
    Choice,
    Entries,
    Field,
    Filling,
    Gbk,
    Hex,
    Likely,
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
from protocols.dsrc import equipment
from protocols.dsrc.application import Fitting, Mark, Pdu, RestBut, Switch
from protocols.dsrc.link import VARIANTS, Head, WhenAll
from protocols.immutable import dataclass
from protocols.obu import apdu
from protocols.obu.files import STATION_SIZE, Station2019, StationOld
from protocols.rsu.dialect import Dialect
from protocols.rsu.message import Message

ALIASES: Mapping[str, str] = {
    "obu_id": "etclane.obu_id",
    "plate": "etclane.plate",
    "fen": "etclane.amount",
    "amount": "etclane.amount",
    "balance": "etclane.balance",
    "tac": "etclane.tac",
}
"""Fields that people look for, by one name in every dialect. Money in fen."""
CARD_NUMBER = ("net", "card_id")
"""Two fields side by side that make the 20 digits of `etclane.card` (rsu-protocol 8.1)."""
STATIONS: Mapping[str, type[Record]] = {"since_2019": Station2019, "older": StationOld}
"""Both layouts of a 0019: which one a card has, its bytes do not tell (rsu-protocol 8.2)."""
STATION = "etclane.station"
"""What their fields are filtered by; as one layout is always wrong, none of them has a name of `ALIASES`."""
STATION_HEAD = 3
"""Bytes AA 29 00 that some messages leave out of a 0019."""
AIR = "dsrc"
"""Air frames (GB/T 20851) go by this name, as if they were one more dialect."""
APDUS: Mapping[str, str] = {
    f"etclane.{AIR}.transfer_request.apdus.data": "command",
    f"etclane.{AIR}.transfer_answer.apdus.data": "answer",
}
"""Fields that hold a card command, or the answer to one."""

Lua = int | str | bool | None | Sequence["Lua"] | Mapping[str, "Lua"]


@dataclass(frozen=True, slots=True)
class Filter:
    """One name that can be filtered by. `kind` is uint8 to uint64, int8 to int64, string or bytes."""

    name: str
    kind: str
    label: str
    note: str


@dataclass(slots=True)
class _Names:
    """The names given so far."""

    filters: dict[str, Filter] = field(default_factory=dict)

    def give(self, path: str, label: str, kind: str, note: str) -> str:
        """The field's name; where tables of one command disagree about its kind, the later name says the kind."""
        name = f"{path}.{label}"
        known = self.filters.get(name)
        if known and _family(known.kind) != _family(kind):
            name = f"{name}_{_family(kind)}"
            known = self.filters.get(name)
        if known:
            kind = max(known.kind, kind, key=lambda each: (len(each), each))  # the widest number holds all
            note = known.note or note
        self.filters[name] = Filter(name, kind, label, note)
        return name


def tables(dialects: Sequence[Dialect]) -> str:
    """Lua text that sets the local TABLES. Raises TypeError for a type of field that it does not know."""
    names = _Names()
    content: dict[str, Lua] = {
        "stations": _stations(names),
        "dialects": [_dialect(dialect, names) for dialect in dialects],
        "air": _air(names),
    }
    content["fields"] = [
        {"name": each.name, "kind": each.kind, "label": each.label, "note": each.note or None}
        for each in names.filters.values()
    ]
    return f"local TABLES = {_lua(content)}\n"


def filters(dialect: Dialect) -> tuple[Filter, ...]:
    """The names that this dialect's fields are filtered by."""
    names = _Names()
    _dialect(dialect, names)
    return tuple(names.filters.values())


def air_filters() -> tuple[Filter, ...]:
    """The names that the fields of air frames are filtered by."""
    names = _Names()
    _air(names)
    return tuple(names.filters.values())


def _stations(names: _Names) -> Lua:
    return [
        {"label": label, "fields": _fields(layout, f"{STATION}.{label}", names)}
        for label, layout in STATIONS.items()
    ]


def _dialect(dialect: Dialect, names: _Names) -> Lua:
    # A table of one length comes before those of any, as `Dialect.decode` chooses.
    found = sorted(dialect.tables, key=lambda table: table.size() is None)
    messages: list[Lua] = [_message(dialect, table, names) for table in found]
    return {"name": dialect.name, "family": dialect.framing.family, "messages": messages}


def _message(dialect: Dialect, table: type[Message], names: _Names) -> Lua:
    path = f"etclane.{dialect.name}.{table.COMMAND:02x}"
    meanings: list[Lua] = [
        {"code": code, "text": text} for (command, code), text in dialect.codes.items() if command == table.COMMAND
    ]
    fields = _fields(table, path, names)
    coded = "error" if any(each["key"] == "error" for each in fields) else "status"
    return {
        "command": table.COMMAND,
        "title": table.TITLE,
        "from_antenna": table in dialect.from_antenna,
        "size": table.size(),
        "fields": [{**each, "meanings": meanings or None} if each["key"] == coded else each for each in fields],
    }


def _air(names: _Names) -> Lua:
    pdus = {table.__name__: table for table in equipment.T_APDU.tables()}
    return {
        "name": AIR,
        "head": _fields(Head, f"etclane.{AIR}", names),
        "variants": [{"name": each.name, "preset": each.preset} for each in VARIANTS],
        "switch": _switch(equipment.T_APDU),
        "pdus": {name: _pdu(table, names) for name, table in pdus.items()},
        "forms": [_form(form, names) for form in apdu.FORMS],
        "card_channel": equipment.ICC,
        "status_words": [{"pattern": pattern, "text": text} for pattern, text in apdu.STATUS_WORDS.items()],
    }


def _switch(found: "Switch | type[Pdu]") -> Lua:
    if not isinstance(found, Switch):
        return {"table": found.__name__}
    cases: list[Lua] = [{"key": key, "to": _switch(to)} for key, to in found.cases.items()]
    return {"at": found.at, "mask": found.mask, "cases": cases, "other": _switch(found.other)}


def pdu_path(table: type[Pdu]) -> str:
    """What the fields of this T-APDU are filtered by."""
    return f"etclane.{AIR}." + re.sub(r"(?<=[a-z])(?=[A-Z])", "_", table.__name__).lower()


def _pdu(table: type[Pdu], names: _Names) -> Lua:
    return {"title": table.TITLE, "fields": _fields(table, pdu_path(table), names)}


def _form(form: apdu.Form, names: _Names) -> Lua:
    path = f"etclane.apdu.{form.name}"
    answers: list[Lua] = [_sized_table(each, f"{path}.answer", names) for each in form.answers]
    return {
        "header": form.header,
        "title": form.title,
        "psam": form in apdu.PSAM_FORMS or None,
        "data": _sized_table(form.data, path, names) if form.data else None,
        "answers": answers,
    }


def _sized_table(table: type[Record], path: str, names: _Names) -> Lua:
    return {"size": table.size(), "fields": _fields(table, path, names)}


def _fields(table: type[Record], path: str, names: _Names) -> list[dict[str, Lua]]:
    return [
        {**_type(each.type, each, path, names), **_card_number(each, follower)}
        for each, follower in zip_longest(table.FIELDS, table.FIELDS[1:])
    ]


def is_station(each: Field) -> bool:
    """Whether this field is a 0019, whole or without its first bytes."""
    sizes = (STATION_SIZE, STATION_SIZE - STATION_HEAD)
    return each.name == "station" and isinstance(each.type, Raw) and each.type.size in sizes


def _card_number(each: Field, follower: Field | None) -> dict[str, Lua]:
    if follower and (each.name, follower.name) == CARD_NUMBER and each.type.size and follower.type.size:
        return {"alias": "etclane.card", "span": each.type.size + follower.type.size}
    return {}


def _type(kind: Type, each: Field, path: str, names: _Names) -> dict[str, Lua]:
    key, below = each.name, f"{path}.{each.name}"
    match kind:
        case Nested():
            return {"type": "record", "key": key, "fields": _fields(kind.inner, below, names)}
        case Choice():
            layouts: list[Lua] = [
                {"least": least, "label": layout.__name__, "fields": _fields(layout, below, names)}
                for least, layout in kind.layouts
            ]
            return {"type": "choice", "key": key, "size": kind.size, "at": kind.at, "layouts": layouts}
        case When():
            bits: dict[str, Lua] = {"field": kind.field, "mask": kind.mask, "all": isinstance(kind, WhenAll)}
            return {"type": "when", "key": key, **bits, "inner": _type(kind.inner, each, path, names)}
        case Entries():
            fields = _fields(kind.inner, below, names)
            return {
                "type": "entries",
                "key": key,
                "size": kind.inner.size(),
                "fields": fields,
                **_count(kind.count),
            }
        case Rest():
            name = names.give(path, key, "bytes", each.note)
            return {**_rest(kind), "key": key, "name": name, "apdu": APDUS.get(name)}
        case Number() | Hex() | Gbk() | Raw() | Mark():
            return _scalar(kind, each, path, names)
        case _:
            raise TypeError(f"{below}: the dissector has no {type(kind).__name__}")


def _scalar(kind: Number | Hex | Gbk | Raw | Mark, each: Field, path: str, names: _Names) -> dict[str, Lua]:
    values: list[Lua] | None = None
    match kind:
        case Number():
            bits = 8 * kind.size if kind.size <= 4 else 64
            what, shown = "number", f"{'int' if kind.signed else 'uint'}{bits}"
        case Mark():
            what, shown, values = "number", "uint8", list(kind.values)
        case Hex():
            what, shown = "hex", "string"
        case Gbk():
            what, shown = "gbk", "string"
        case Raw():
            what, shown = "station" if is_station(each) else "bytes", "bytes"
    found: dict[str, Lua] = {"type": what, "key": each.name, "size": kind.size, "values": values}
    if what == "station":
        found["left_out"] = STATION_SIZE - kind.size
    elif not path.startswith(STATION):
        found["alias"] = ALIASES.get(each.name)
    return {**found, "name": names.give(path, each.name, shown, each.note)}


def _rest(kind: Rest) -> dict[str, Lua]:
    match kind:
        case Sized():
            return {"type": "sized", "length": kind.length}
        case Fitting():
            return {"type": "fitting", "likely": list(kind.likely)}
        case RestBut():
            announced: list[Lua] = [{"field": f, "mask": mask, "size": size} for f, mask, size in kind.announced]
            return {"type": "rest", "tail": kind.tail, "announced": announced}
        case _:
            return {"type": "rest", "tail": kind.tail}


def _count(count: Stated | Filling | Likely) -> dict[str, Lua]:
    match count:
        case Stated(stated):
            return {"stated": stated}
        case Filling(tail):
            return {"tail": tail}
        case Likely(stated, tail):
            return {"stated": stated, "tail": tail}


def _family(kind: str) -> str:
    return kind.rstrip("0123456789")


def _lua(value: Lua, depth: int = 0) -> str:
    """A value as Lua writes it; what is None is left out."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return json.dumps(value, ensure_ascii=False)  # quotes and backslashes are Lua's too
        case Mapping():
            return _braces(
                (f"{key} = {_lua(part, depth + 1)}" for key, part in value.items() if part is not None), depth
            )
        case Sequence():
            return _braces((_lua(part, depth + 1) for part in value), depth)
        case _:
            raise TypeError(f"Lua has no {value!r}")


def _braces(parts: Iterator[str], depth: int) -> str:
    """On one line where it fits there."""
    found = list(parts)
    line = f"{{ {', '.join(found)} }}" if found else "{}"
    if len(line) + depth < 116 and "\n" not in line:
        return line
    indent = " " * (depth + 1)
    return "{\n" + "".join(f"{indent}{part},\n" for part in found) + " " * depth + "}"
