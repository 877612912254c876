"""What a dialect is: framing, tables, two translations and a few named rules. No code per maker elsewhere."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import ClassVar

from protocols.codec import Record
from protocols.errors import MessageError
from protocols.rsu import dialects
from protocols.rsu.framing import Framing
from protocols.rsu.messages import Order, Report, Resend


class Message(Record):
    """A record behind a command byte."""

    __slots__ = ()
    COMMAND: ClassVar[int]
    TITLE: ClassVar[str]

    def __init_subclass__(cls, command: int | None = None, title: str = "") -> None:
        # `@record` makes the class anew for its slots, without these two; they stay as the table states them.
        if command is not None:
            cls.COMMAND, cls.TITLE = command, title


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one maker's antenna speaks.

    `from_antenna` and `from_pc` are the message tables of each direction; where a command has several lengths,
    each is a table of its own. `trade_window` is how long, in seconds after the last frame about a tag, the antenna
    still takes an order for it; `silence` how long a healthy antenna may say nothing. `starting` are the words
    after a good B0, `stages` what the frames after B2 bring one by one. `answers_heartbeat` says whether a
    heartbeat gets `HeartbeatSeen`. `holding` is the word that keeps a tag waiting: None is the empty answer of F1.
    `sequences` is the RSCTL that the antenna uses per command, where it is constant: for whoever must sound like
    the original.
    """

    name: str
    framing: Framing
    from_antenna: tuple[type[Message], ...]
    from_pc: tuple[type[Message], ...]
    hear: Callable[[Message], tuple[Report | Order, ...]]
    say: Callable[[Order | Report], Message]
    starting: tuple[Order, ...]
    stages: tuple[frozenset[str], ...]
    trade_window: float
    silence: float
    answers_heartbeat: bool
    holding: type[Resend] | None
    sequences: Mapping[int, int] = field(default_factory=dict)

    def decode(self, data: bytes) -> Message:
        """The message in a frame's DATA. Raises MessageError if no table of this dialect fits."""
        if not data:
            raise MessageError("no command byte")
        tables = [t for t in (*self.from_antenna, *self.from_pc) if data[0] == t.COMMAND]
        if not tables:
            raise MessageError(f"{self.name} has no command {data[0]:02X}")
        fitting = [t for t in tables if t.size() in (None, len(data) - 1)]
        if not fitting:
            sizes = ", ".join(str(size + 1) for t in tables if (size := t.size()) is not None)
            raise MessageError(f"{data[0]:02X} has {sizes} bytes in {self.name}, not {len(data)}")
        try:
            return fitting[0].decode(data[1:])
        except MessageError as error:
            raise MessageError(error.reason, error.offset + 1) from error

    def encode(self, word: Order | Report) -> bytes:
        """A frame's DATA for this word. Raises MessageError if a value does not fit its field."""
        return to_data(self.say(word))

    def direction(self, message: Message) -> str:
        """Who says such a message."""
        return "RSU->PC" if isinstance(message, self.from_antenna) else "PC->RSU"


def to_data(message: Message) -> bytes:
    """The command byte and the record."""
    return bytes((message.COMMAND,)) + message.encode()


def names() -> tuple[str, ...]:
    """All dialects there are: one module each beside this one, and the entry points `etclane.dialects`."""
    ours = (module.name.replace("_", "-") for module in iter_modules(dialects.__path__))
    return tuple(sorted({*ours, *(point.name for point in entry_points(group="etclane.dialects"))}))


def load(name: str) -> Dialect:
    """The dialect of this name. Raises KeyError if there is none."""
    for point in entry_points(group="etclane.dialects", name=name):
        return _checked(point.load())
    if name not in names():
        raise KeyError(name)
    return _checked(import_module(f"{dialects.__name__}.{name.replace('-', '_')}").DIALECT)


def _checked(found: object) -> Dialect:
    if not isinstance(found, Dialect):
        raise TypeError(f"{found!r} is not a Dialect")
    return found
