"""Between the messages of any dialect and the words that all share: by the names of their fields, and a few rules.

A table says what it means (`Message.MEANS`); its fields are found by their names. What a table has no field for is
not said, and what a word does not speak of is sent as the table's idle value.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any

from protocols.china import CHINA
from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu.files import STATION_SIZE, bcd_date, card_of, date_bcd, file_of, vehicle_file, vehicle_of
from protocols.obu.values import Card, Tag, Vehicle
from protocols.rsu.message import Message
from protocols.rsu.messages import (
    Antenna,
    Contents,
    Failed,
    FetchTac,
    GoOn,
    Heartbeat,
    HeartbeatSeen,
    Init,
    PsamAnswered,
    PsamAsks,
    PsamAuthorise,
    PsamInit,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TacFetched,
    TagSeen,
    Word,
    bcd_time,
    status_of,
    tag_flags,
    time_bcd,
)

Table = Any
"""A message whose table has the fields that its meaning speaks of; the tables of all dialects share no class."""

NO_OBU = "00000000"
HEARTBEAT_OBUS = (NO_OBU, "ffffffff")
"""A B2 with one of these is a heartbeat: zeros (DOC-1 and four more [2+]), all F (CRAZY-S; gbt20851 4.7 [2+])."""
HEARTBEAT_CODE = 0x80
"""ErrorCode of a B2 that is a heartbeat (rsu-protocol 4 [2+])."""
NO_TERMINAL = "0" * 12
COMPOSITE = 9
"""TransType of a B5 whose table has none (rsu-protocol 4, 7: 09 is the composite purchase [cap])."""
SEARCH_AGAIN, RESEND = 1, 2
"""StopType of C2 (rsu-protocol 3 and 6 [2+])."""
ONLY_ERROR = frozenset({"obu_id", "error"})
"""The fields of a frame that ends after its ErrorCode."""
STATION_HEAD = bytes.fromhex("aa2900")
"""What a 0019 begins with: id, length of the rest, lock (rsu-protocol 8.2 [cap, 2+])."""


def doubled(issuer: str) -> str:
    """First-level factor: the issuer's first 4 bytes twice (KT, LIPKU [2+])."""
    return issuer[:8] * 2


def whole(issuer: str) -> str:
    """First-level factor: the issuer identifier as it is (HZYW-B, CRAZY-W [2+])."""
    return issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a dialect writes what all dialects say.

    `unix` makes its "Unix" seconds; `lane_modes` are LaneMode of entry and exit; `channel_1` is channel 1 on its
    wire; `factor` makes the diversification factor from an issuer identifier; `station_from` is where in the 0019
    record the bytes of C6 begin.
    """

    unix: Callable[[datetime], int]
    lane_modes: tuple[int, int] = (3, 4)
    channel_1: int = 0
    factor: Callable[[str], str] = doubled
    station_from: int = 0


# --- hearing -----------------------------------------------------------------------------------------------


def hear(rules: Rules, message: Message) -> tuple[Word, ...]:
    """What a message says; nothing for one that we only show, or whose time is no time."""
    error, obu_id = getattr(message, "error", 0), getattr(message, "obu_id", "")
    if message.MEANS is Heartbeat or (message.MEANS is TagSeen and obu_id in HEARTBEAT_OBUS):
        return (Heartbeat(_fault(message)),)
    if error and obu_id and message.MEANS:
        rest = _result(rules, message) if message.MEANS is Result else None
        return (Failed(obu_id, message.COMMAND, error, rest if rest and rest.at else None),)
    heard = _HEARD.get(message.MEANS) if message.MEANS else None
    word = heard(rules, message) if heard else None
    return (word,) if word else ()


def _fault(message: Table) -> int:
    """A heartbeat's: its own property, or an ErrorCode that is not just "heartbeat"."""
    if hasattr(message, "fault"):
        return int(message.fault)
    return 0 if message.error == HEARTBEAT_CODE else int(message.error)


def _status(_rules: Rules, message: Table) -> Status:
    slots = message.slots if hasattr(message, "slots") else (1,) if message.authorised is False else ()
    return Status(message.status, message.terminals, message.authorised, message.maker, message.version, slots)


def _seen(_rules: Rules, message: Table) -> TagSeen | None:
    return TagSeen(tag_of(message)) if hasattr(message, "serial") else None


def tag_of(table: Table) -> Tag:
    """The tag that a table with these fields describes."""
    return Tag(
        obu_id=table.obu_id,
        issuer=table.issuer,
        contract=table.serial,
        issued=bcd_date(table.issued),
        expires=bcd_date(table.expires),
        **(table.flags if hasattr(table, "flags") else tag_flags(table.obu_status)),
    )


def _contents(_rules: Rules, message: Table) -> Contents | None:
    if not (hasattr(message, "plate") or hasattr(message, "vehicle") or hasattr(message, "card")):
        return None
    vehicle = message.vehicle if hasattr(message, "vehicle") else message if hasattr(message, "plate") else None
    return Contents(
        obu_id=message.obu_id,
        vehicle=vehicle_of(vehicle) if vehicle else None,
        card=_card(message) if hasattr(message, "card") else None,
        tag=message.tag if hasattr(message, "tag") else None,
    )


def _card(message: Table) -> Card:
    card = card_of(message.card, message.balance, message.station[:STATION_SIZE])
    return replace(card, listed=True) if getattr(message, "listed", False) else card


def _result(_rules: Rules, message: Table) -> Result | None:
    if not hasattr(message, "tac"):
        return None
    return Result(
        obu_id=message.obu_id,
        terminal=getattr(message, "terminal", ""),
        terminal_serial=message.terminal_serial,
        card_serial=message.card_serial,
        tac=message.tac,
        trade_type=getattr(message, "trade_type", COMPOSITE),
        algorithm=getattr(message, "algorithm", None),
        at=bcd_time(message.trade_time),
        balance=None if message.balance == getattr(message, "UNREAD", None) else message.balance,
    )


def _tac(_rules: Rules, message: Table) -> TacFetched | None:
    return TacFetched(message.obu_id, message.tac, message.balance) if hasattr(message, "tac") else None


def _asks(_rules: Rules, message: Table) -> PsamAsks:
    return PsamAsks(
        fault=message.fault,
        slot=getattr(message, "slot", 1),
        terminal=getattr(message, "terminal", ""),
        number=message.number,
        version=message.psam_version,
        key_type=getattr(message, "key_type", None),
        area=message.area,
        random=message.random,
        needless=bool(getattr(message, "needless", False)),
    )


def _init(rules: Rules, message: Table) -> Init | None:
    at = bcd_time(message.time) if hasattr(message, "time") else datetime.fromtimestamp(message.unix_time, CHINA)
    entry = getattr(message, "lane_mode", None) == rules.lane_modes[0]
    return Init(at, entry, message.tx_power, message.channel - rules.channel_1 + 1) if at else None


def _stop(_rules: Rules, message: Table) -> Stop | Resend:
    at = datetime.fromtimestamp(message.unix_time, CHINA) if hasattr(message, "unix_time") else None
    return (Resend if getattr(message, "stop_type", SEARCH_AGAIN) == RESEND else Stop)(message.obu_id, at)


def _purchase(rules: Rules, message: Table) -> Purchase | None:
    at = bcd_time(message.time)
    station = (STATION_HEAD[: rules.station_from] + message.station).ljust(STATION_SIZE, b"\0")[:STATION_SIZE]
    entered = bcd_time(message.entry_time) if hasattr(message, "entry_time") else None
    issuer = getattr(message, "factor", "0" * 16)
    return Purchase(message.obu_id, issuer, message.fen, at, station, entered) if at else None


_HEARD: Mapping[type[Word], Callable[[Rules, Table], Word | None]] = {
    Status: _status,
    TagSeen: _seen,
    Contents: _contents,
    Result: _result,
    TacFetched: _tac,
    PsamAsks: _asks,
    PsamAnswered: lambda _, m: PsamAnswered(m.fault, m.sw),
    Init: _init,
    Antenna: lambda _, m: Antenna(m.control == 1),
    GoOn: lambda _, m: GoOn(m.obu_id, getattr(m, "factor", "0" * 16)),
    Stop: _stop,
    Purchase: _purchase,
    FetchTac: lambda _, m: FetchTac(m.obu_id, getattr(m, "card_serial", 0)),
    HeartbeatSeen: lambda _, _m: HeartbeatSeen(),
    PsamInit: lambda _, m: PsamInit(getattr(m, "slot", 1)),
    PsamAuthorise: lambda _, m: PsamAuthorise(getattr(m, "slot", 1), m.mac),
}


NEEDED: Mapping[type[Word], frozenset[str]] = {
    Status: frozenset({"status", "terminals", "authorised", "maker", "version"}),
    TagSeen: frozenset({"obu_id", "error", "issuer", "serial", "issued", "expires", "obu_status"}),
    Result: frozenset({"obu_id", "error", "tac", "terminal_serial", "card_serial", "trade_time", "balance"}),
    TacFetched: frozenset({"obu_id", "error", "tac", "balance"}),
    PsamAsks: frozenset({"fault", "number", "psam_version", "area", "random"}),
    PsamAnswered: frozenset({"fault", "sw"}),
    Init: frozenset({"unix_time", "tx_power", "channel"}),
    Antenna: frozenset({"control"}),
    GoOn: frozenset({"obu_id"}),
    Stop: frozenset({"obu_id"}),
    Purchase: frozenset({"obu_id", "time", "fen", "station"}),
    FetchTac: frozenset({"obu_id"}),
    PsamAuthorise: frozenset({"mac"}),
}
"""What a table must have, as a field or a property, to say this word."""
CARD = frozenset({"obu_id", "card", "balance", "station"})
MUST = (Status, Contents, Result, Init, GoOn, Stop, Purchase)
"""What no dialect can do without; a tag is seen in its own frame or with its contents."""


def missing(tables: Sequence[type[Message]]) -> str:
    """What these tables lack to be translated, "" if nothing: the first that is found, named for its maker."""
    whole: set[type[Word] | None] = set()
    for table in tables:
        lacking = _lacking(table)
        if lacking and not _is_short(table):
            said = f"{', '.join(lacking)}, which {getattr(table.MEANS, '__name__', '')} needs"
            return f"{table.__name__} 缺字段 / has no field {said}"
        if not lacking:
            whole.add(table.MEANS)
    absent = [each.__name__ for each in MUST if each not in whole]
    return f"没有完整的报文表示 / no whole message means {', '.join(absent)}" if absent else ""


def _lacking(table: type[Message]) -> list[str]:
    meaning: Any = table.MEANS
    needed = CARD if meaning is Contents and "card" in table.NAMES else NEEDED.get(meaning)
    return [each for each in sorted(needed or ()) if each not in table.NAMES and not hasattr(table, each)]


def _is_short(table: type[Message]) -> bool:
    """A frame that ends after its ErrorCode, or of whose rest nothing is known: only its error is heard."""
    meaning: Any = table.MEANS
    key = {Result: "tac", TacFetched: "tac", TagSeen: "serial"}.get(meaning)
    return key is not None and key not in table.NAMES


# --- saying ------------------------------------------------------------------------------------------------


SAID_ELSEWHERE = (Failed, Heartbeat, Resend)
"""Words that tables of another meaning say too; each other is said by a table that means it."""


def say(rules: Rules, tables: Sequence[type[Message]], word: Word) -> Message:
    """The message that says so: the first table that can. Raises MessageError where the dialect has none."""
    for says in (_sayer(word), partial(_says_at_length, word)):
        for table in tables:
            if says(table):
                return table.fill(table.spell(_values(rules, word)))
    raise MessageError(f"no word for {word}")


def _sayer(word: Word) -> Callable[[type[Message]], bool]:
    """What tells a table that says this word."""
    match word:
        case Failed(command=command, rest=None):
            return lambda table: command == table.COMMAND and table.NAMES == ONLY_ERROR
        case Failed():
            return lambda table: table.MEANS is Result and "tac" in table.NAMES
        case Heartbeat():
            return lambda table: table.MEANS is Heartbeat or (table.MEANS is TagSeen and table.NAMES == ONLY_ERROR)
        case TagSeen():
            return lambda table: table.MEANS is TagSeen and "serial" in table.NAMES
        case Contents():
            return lambda table: table.MEANS is Contents and _has_room(table.NAMES, word)
        case Resend():
            return lambda table: table.MEANS is Stop and "stop_type" in table.NAMES
        case Result() | TacFetched():
            return lambda table: table.MEANS is type(word) and "tac" in table.NAMES
        case _:
            return lambda table: table.MEANS is type(word)


def _says_at_length(word: Word, table: type[Message]) -> bool:
    """Where no frame ends after its ErrorCode (F3): the whole frame, with nothing to say behind it."""
    return isinstance(word, Failed) and word.command == table.COMMAND and "error" in table.NAMES


def _has_room(names: frozenset[str], word: Contents) -> bool:
    """A table wants all that it has fields for; a vehicle beside a card may be left out, a card may not."""
    wants_vehicle, wants_card = bool(names & {"vehicle", "plate"}), "card" in names
    has_what_it_wants = (word.vehicle is not None or not wants_vehicle) and wants_card == (word.card is not None)
    return has_what_it_wants and (wants_vehicle or wants_card)


def _values(rules: Rules, word: Word) -> dict[str, Any]:
    """What a word says, under the names that fields have in every dialect."""
    match word:
        case Init(at, entry, tx_power, channel):
            mode = rules.lane_modes[0 if entry else 1]
            times = {"unix_time": rules.unix(at), "time": time_bcd(at)}
            return {**times, "lane_mode": mode, "tx_power": tx_power, "channel": channel - 1 + rules.channel_1}
        case Antenna(on):
            return {"control": int(on)}
        case GoOn(obu_id, issuer):
            return {"obu_id": obu_id, "factor": rules.factor(issuer) if obu_id != NO_OBU else "0" * 16}
        case Stop(obu_id, at) | Resend(obu_id, at):
            stop_type = RESEND if isinstance(word, Resend) else SEARCH_AGAIN
            return {"obu_id": obu_id, "stop_type": stop_type, "unix_time": rules.unix(at) if at else None}
        case Purchase():
            return {
                "obu_id": word.obu_id,
                "factor": rules.factor(word.issuer),
                "fen": word.fen,
                "time": time_bcd(word.at),
                "station": word.station[rules.station_from :],
                "entry_time": time_bcd(word.entered),
            }
        case FetchTac(obu_id, card_serial):
            return {"obu_id": obu_id, "card_serial": card_serial}
        case PsamInit(slot):
            return {"slot": slot}
        case PsamAuthorise(slot, mac):
            return {"slot": slot, "mac": mac}
        case HeartbeatSeen():
            return {}
        case _:
            return _antenna_values(rules, word)


def _antenna_values(rules: Rules, word: Report) -> dict[str, Any]:
    match word:
        case Status():
            first, second = (*word.terminals, NO_TERMINAL, NO_TERMINAL)[:2]
            return {
                "status": word.fault,
                "psam_count": len(word.terminals),
                "terminals": word.terminals,
                "terminal": first,
                "terminal_1": first,
                "terminal_2": second,
                "unauthorised": int(word.authorised is False),
                "slots": word.slots or tuple(range(1, len(word.terminals) + 1)),
                "maker": word.maker,
                "version": word.version,
            }
        case Heartbeat(fault):
            return {"obu_id": NO_OBU, "error": fault or HEARTBEAT_CODE, "status": fault}
        case TagSeen(tag):
            return _tag_values(tag)
        case Contents():
            return {"obu_id": word.obu_id, **_vehicle_values(word.vehicle), **_card_values(word), "tag": word.tag}
        case Result():
            return _result_values(rules, word)
        case Failed(obu_id, _, code, rest):
            return {**(_result_values(rules, rest) if rest else {}), "obu_id": obu_id, "error": code}
        case TacFetched(obu_id, tac, balance):
            return {"obu_id": obu_id, "tac": tac, "balance": balance}
        case PsamAsks():
            return {**asdict(word), "psam_version": word.version}
        case PsamAnswered():
            return asdict(word)


def _tag_values(tag: Tag) -> dict[str, Any]:
    return {
        "obu_id": tag.obu_id,
        "issuer": tag.issuer,
        "serial": tag.contract,
        "issued": date_bcd(tag.issued),
        "expires": date_bcd(tag.expires),
        "obu_status": status_of(tag),
    }


def _vehicle_values(vehicle: Vehicle | None) -> dict[str, Any]:
    return {**asdict(vehicle), "vehicle": vehicle_file(vehicle)} if vehicle else {}


def _card_values(word: Contents) -> dict[str, Any]:
    card = word.card
    if card is None:
        return {}
    file = file_of(card, word.vehicle)
    return {"card": file, "balance": card.balance, "station": card.station, "listed": int(card.listed)}


def _result_values(rules: Rules, word: Result) -> dict[str, Any]:
    write_time = rules.unix(word.at) if word.at else 0
    return {**asdict(word), "trade_time": time_bcd(word.at), "write_time": write_time}
