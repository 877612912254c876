"""Where the keys of a TOML text stand: the parser gives no positions, so this small scan does.

It reads only texts that the parser has accepted, so it knows where a value ends and no more than that. Source of
the grammar: toml.io, version 1.0; what 1.1 adds (inline tables over several lines, two escapes) is read too.
"""

import re
from collections.abc import Mapping
from itertools import count

KeyPath = tuple[str | int, ...]

# The multi-line forms stand first: they begin like an empty string, and up to two quotes may touch their end.
BASIC = r'"""(?:\\.|[^\\])*?""""{0,2}|"(?:\\.|[^"\\])*"'
LITERAL = r"'''.*?''''{0,2}|'[^']*'"
STRING = f"{BASIC}|{LITERAL}"
BLANK = re.compile(r"(?:[\s,]|#[^\n]*)*")  # a comma tells nothing that the brackets do not
KEY = re.compile(rf"{STRING}|[\w-]+", re.DOTALL)
SCALAR = re.compile(rf"{STRING}|[^\s,\]}}#][^,\]}}#\n]*", re.DOTALL)  # a date and its time may have a blank between
ESCAPE = re.compile(r"\\(?:x(.{2})|u(.{4})|U(.{8})|(.))", re.DOTALL)
CONTROLS = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", "e": "\x1b"}


def positions(text: str) -> dict[KeyPath, int]:
    """Give each key, table and array element of a valid TOML text its line, counted from 1.

    A table that is only implied (`a` in `[a.b]`) stands where it is first implied. A text that the parser
    would not accept gives ValueError or an answer without meaning.
    """
    scan = _Scan(text)
    table: KeyPath = ()
    while not scan.ended():
        if scan.sees("["):
            table = scan.header()
        else:
            scan.pair(table)
    return scan.found


def line_of(known: Mapping[KeyPath, int], path: KeyPath) -> int:
    """Give the line of a path, or of its nearest ancestor that has one; 1 if none has."""
    return next((known[path[:end]] for end in range(len(path), 0, -1) if path[:end] in known), 1)


class _Scan:
    """A place in the text, moved over its keys and values, and what was found on the way."""

    def __init__(self, text: str) -> None:
        self.found: dict[KeyPath, int] = {}
        self._text, self._at, self._line = text, 0, 1
        self._tables_in: dict[KeyPath, int] = {}  # how many [[tables]] each array has so far

    def ended(self) -> bool:
        self._take(BLANK)
        return self._at == len(self._text)

    def sees(self, mark: str) -> bool:
        self._take(BLANK)
        seen = self._text.startswith(mark, self._at)
        self._at += len(mark) if seen else 0
        return seen

    def header(self) -> KeyPath:
        is_array, line = self.sees("["), self._line
        parts = self._key()
        path: KeyPath = ()
        for depth, part in enumerate(parts, start=1):
            path = (*path, part)
            if is_array and depth == len(parts):
                self._tables_in[path] = self._tables_in.get(path, 0) + 1
            self.found.setdefault(path, line)
            if path in self._tables_in:
                path = (*path, self._tables_in[path] - 1)
        self.found[path] = line
        self._expect("]]" if is_array else "]")
        return path

    def pair(self, table: KeyPath) -> None:
        line = self._line
        path = table
        for part in self._key():
            path = (*path, part)
            self.found.setdefault(path, line)
        self._expect("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self.sees("["):
            for index in count():
                if self.sees("]"):
                    break
                self.found[*path, index] = self._line
                self._value((*path, index))
        elif self.sees("{"):
            while not self.sees("}"):
                self.pair(path)
        else:
            self._take(SCALAR)

    def _key(self) -> list[str]:
        self._take(BLANK)
        parts = [_unquoted(self._take(KEY))]
        while self.sees("."):
            self._take(BLANK)
            parts.append(_unquoted(self._take(KEY)))
        return parts

    def _expect(self, mark: str) -> None:
        if not self.sees(mark):
            raise self._not_toml()

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise self._not_toml()
        self._at = match.end()
        self._line += match[0].count("\n")
        return match[0]

    def _not_toml(self) -> ValueError:
        return ValueError(f"line {self._line} is not TOML; ask for positions only after the text has been parsed")


def _unquoted(key: str) -> str:
    if key[0] == '"':
        return ESCAPE.sub(_character, key[1:-1])
    return key.strip("'")


def _character(escape: re.Match[str]) -> str:
    code = escape[1] or escape[2] or escape[3]
    return chr(int(code, 16)) if code else CONTROLS.get(escape[4], escape[4])
