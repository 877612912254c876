"""What a dialect is: framing, tables and a few named rules. No code per maker elsewhere."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import Enum
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from pkgutil import iter_modules
from traceback import extract_tb
from typing import TypeVar, cast

from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.rsu import dialects, translate
from protocols.rsu.framing import Framing
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import FetchTac, Order, PsamInit, Word
from protocols.rsu.translate import Rules

K = TypeVar("K")

BROUGHT = frozenset({"vehicle", "card"})
"""What a stage may bring."""


class DialectError(Exception):
    """A dialect's module that cannot be used; the text names the place and what is wrong."""


class Holding(Enum):
    """What keeps a tag waiting while the PC decides."""

    EMPTY = "the empty answer"
    RESEND = "C2 that asks for the current frame again"
    NONE = "nothing: no such answer is known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(Rules):
    """What one maker's antenna speaks.

    `from_antenna` and `from_pc` are the message tables of each direction; where a command has several lengths,
    each is a table of its own, and the first of a meaning is said. `starting` are the words after a
    good B0, `stages` what the frames after B2 bring one by one; none where the first frame about a tag brings all.
    `trade_window` is how long, in seconds after the last frame about a tag, the antenna still takes an order;
    `silence` how long a healthy antenna may say nothing. `heartbeat_answer` is what a heartbeat gets, if anything.
    `reread` is for how many seconds the antenna itself does not read the same tag again.
    `sequences` is the RSCTL that the antenna uses per command, where it is constant: for whoever must sound like
    the original. `codes` says what an ErrorCode means, by command and code, where a source does;
    `doubtful` are the codes of B5 after which the card may have paid, so that C8 is worth asking;
    `recorded` are the commands that transcripts of a real firmware confirm.
    """

    name: str
    framing: Framing
    from_antenna: tuple[type[Message], ...]
    from_pc: tuple[type[Message], ...]
    starting: tuple[Order, ...]
    stages: tuple[frozenset[str], ...]
    trade_window: float
    silence: float
    heartbeat_answer: Order | None
    holding: Holding
    reread: float = 0.0
    sequences: Mapping[int, int] = field(default_factory=dict)
    codes: Mapping[tuple[int, int], str] = field(default_factory=dict)
    doubtful: frozenset[int] = frozenset()
    recorded: frozenset[int] = frozenset()
    _by_command: Mapping[int, tuple[type[Message], ...]] = field(init=False, repr=False, compare=False)
    _by_meaning: Mapping[type[Word] | None, tuple[type[Message], ...]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        # A table of one length before one of any: what it fits is what it is.
        tables = sorted(self.tables, key=lambda table: table.size() is None)
        object.__setattr__(self, "_by_command", _grouped(tables, lambda table: table.COMMAND))
        object.__setattr__(self, "_by_meaning", _grouped(self.tables, lambda table: table.MEANS))

    @property
    def tables(self) -> tuple[type[Message], ...]:
        """All message tables, the antenna's first."""
        return (*self.from_antenna, *self.from_pc)

    def decode(self, data: bytes) -> Message:
        """The message in a frame's DATA. Raises MessageError if no table of this dialect fits."""
        if not data:
            raise MessageError("no command byte")
        tables = self._by_command.get(data[0])
        if not tables:
            raise MessageError(f"{self.name} has no command {data[0]:02X}")
        for table in tables:
            if table.size() in (None, len(data) - 1):
                try:
                    return table.decode(data[1:])
                except MessageError as error:
                    raise MessageError(error.reason, error.offset + 1) from error
        sizes = ", ".join(str(size + 1) for table in tables if (size := table.size()) is not None)
        raise MessageError(f"{data[0]:02X} has {sizes} bytes in {self.name}, not {len(data)}")

    def hear(self, message: Message) -> tuple[Word, ...]:
        """What a message says, in words that all dialects share."""
        return translate.hear(self, message)

    def say(self, word: Word) -> Message:
        """The message that says so. Raises MessageError where the dialect has none."""
        try:
            elsewhere = isinstance(word, translate.SAID_ELSEWHERE)
            tables = self.tables if elsewhere else self._by_meaning.get(type(word), ())
            return translate.say(self, tables, word)
        except MessageError as error:
            raise MessageError(f"{self.name} has {error.reason}") from error

    def encode(self, word: Word) -> bytes:
        """A frame's DATA for this word. Raises MessageError if there is no message, or a value does not fit."""
        return to_data(self.say(word))

    def direction(self, message: Message) -> str:
        """Who says such a message."""
        return "RSU->PC" if isinstance(message, self.from_antenna) else "PC->RSU"

    @property
    def fetches_tac(self) -> bool:
        """Whether the proof of a purchase can be asked for once more."""
        return any(table.MEANS is FetchTac for table in self.from_pc)

    @property
    def authorises_psams(self) -> bool:
        """Whether a platform can authorise the antenna's PSAM over this dialect."""
        return any(table.MEANS is PsamInit for table in self.from_pc)


def _grouped(
    tables: Iterable[type[Message]], key: Callable[[type[Message]], K]
) -> dict[K, tuple[type[Message], ...]]:
    """Those with the same key, in their order."""
    found: dict[K, tuple[type[Message], ...]] = {}
    for table in tables:
        found[key(table)] = (*found.get(key(table), ()), table)
    return found


def names() -> tuple[str, ...]:
    """All dialects there are: one module each beside this one, and the entry points `etclane.dialects`."""
    ours = (module.name.replace("_", "-") for module in iter_modules(dialects.__path__))
    return tuple(sorted({*ours, *(point.name for point in entry_points(group="etclane.dialects"))}))


def load(name: str) -> Dialect:
    """The dialect of this name. Raises KeyError if there is none, DialectError if its module cannot be used."""
    if name not in names():
        raise KeyError(name)
    try:
        found = _found(name)
    except Exception as error:  # a dialect may be anybody's code: whatever is wrong with it is told, with its place
        raise DialectError(f"协议 {name} 无法装入 / dialect {name} cannot be loaded: {_told(error)}") from error
    if problem := _problem(name, found):
        raise DialectError(f"协议 {name} 有误 / dialect {name} is wrong: {problem}")
    return cast("Dialect", found)


def _found(name: str) -> object:
    for point in entry_points(group="etclane.dialects", name=name):
        return point.load()
    return import_module(f"{dialects.__name__}.{name.replace('-', '_')}").DIALECT


def _told(error: Exception) -> str:
    """An error with the place where its own module made it: the newest frame that is not of the import system."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    codec = Path(__file__).parents[1]
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    place = next((frame for frame in reversed(frames) if Path(frame.filename).parent != codec), None)
    return f"{place.filename}:{place.lineno}: {error}" if place else str(error)


def _problem(name: str, found: object) -> str:
    """What is wrong with a dialect that was loaded, "" if nothing is."""
    if not isinstance(found, Dialect):
        return f"DIALECT is {found!r}, not a Dialect"
    if found.name != name:
        return f"it calls itself {found.name!r}"
    if unknown := frozenset().union(*found.stages) - BROUGHT:
        return f"stages: no {', '.join(sorted(unknown))}; there are {', '.join(sorted(BROUGHT))}"
    return translate.missing(found.tables)
