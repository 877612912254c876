"""`dataclass` as Python has it, but that a frozen one stays as it was made is held by mypy, not while it runs.

Where Python itself freezes a class, each field of a new value is set by `object.__setattr__`, which searches for it
by its name. That takes six times as long, and some two hundred fields are made while a car waits for one decision:
a fifth of all that its core does (`make bench`).
"""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool = False, **options: bool) -> Callable[[type], type]:
        """A dataclass with these options; a frozen one can be hashed, as Python has it."""
        return dataclasses.dataclass(unsafe_hash=frozen, **options)
