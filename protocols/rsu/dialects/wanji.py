"""Wanji parking antennas: the gantry interface in its V3.1 form, TCP 9527.

Source: rsu-protocol 5 to 7 [cap: CRAZY-W]. Its B0 and B1 say PSAMNum 00 with one PSAM in them. A gantry of V3.1 is
configured as `wanji` too: this dialect hears all versions and says V3.1, B4 of 183 bytes and C6 of 67; V3.4 is said
by `gantry-v3`.
"""

from collections.abc import Iterable
from dataclasses import replace

from protocols.rsu.dialects.gantry_v3 import B4, C6
from protocols.rsu.dialects.gantry_v3 import DIALECT as GANTRY
from protocols.rsu.message import Message

Tables = tuple[type[Message], ...]


def _said_first(table: type[Message], tables: Iterable[type[Message]]) -> Tables:
    """The first table of a meaning is the one that is said."""
    return (table, *(each for each in tables if each is not table))


DIALECT = replace(
    GANTRY,
    name="wanji",
    from_antenna=_said_first(B4, GANTRY.from_antenna),
    from_pc=_said_first(C6, GANTRY.from_pc),
)
