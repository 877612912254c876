"""A message of an antenna or its PC: a field table behind a command byte."""

from collections.abc import Mapping
from typing import Any, ClassVar

from protocols.codec import Record
from protocols.rsu.messages import Word


class Message(Record):
    """A record behind a command byte; `means` is the word that it says, None for what we only show.

    Fields that a word speaks of have the same name in every dialect (`protocols.rsu.translate`).
    """

    __slots__ = ()
    COMMAND: ClassVar[int]
    TITLE: ClassVar[str]
    MEANS: ClassVar[type[Word] | None]

    def __init_subclass__(
        cls, command: int | None = None, title: str = "", means: type[Word] | None = None
    ) -> None:
        # `@record` makes the class anew for its slots, without these three; they stay as the table states them.
        if command is not None:
            cls.COMMAND, cls.TITLE, cls.MEANS = command, title, means

    @classmethod
    def spell(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """The values of its own fields, where they are not simply those of the word by the same names."""
        return values


def to_data(message: Message) -> bytes:
    """The command byte and the record."""
    return bytes((message.COMMAND,)) + message.encode()
