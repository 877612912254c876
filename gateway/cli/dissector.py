"""`etclane dissector`: a Wireshark dissector in Lua for every dialect that is installed here."""

from collections.abc import Sequence
from importlib.resources import files

from protocols import lua
from protocols.rsu import dialect
from protocols.rsu.dialect import Dialect

_RUNTIME = files("gateway.cli") / "dissector.lua"
_HEAD = (
    "-- Made by `etclane dissector` from the message tables of its dialects; make it anew instead of editing it."
)


def dissector() -> str:
    """The script for all dialects: for `tshark -X lua_script:`, or for Wireshark's folder of plugins."""
    return script([dialect.load(name) for name in dialect.names()])


def script(dialects: Sequence[Dialect]) -> str:
    """The script for these dialects and for air frames: their tables, then what reads them."""
    return "\n".join([_HEAD, "", lua.tables(dialects), _RUNTIME.read_text(encoding="utf-8")])
