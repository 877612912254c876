"""The ledger as it lies in its file: raw rows by SQL, followed as they come, and what plainly stands in them."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ENDS: Final = {"debit.settled": "settled", "debit.not_made": "not made"}

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its text as it stands, and what the text says."""

    number: int
    text: str
    hash: str
    said: dict[str, Any]

    @property
    def kind(self) -> str:
        """The kind of entry."""
        return str(self.said["kind"])

    @property
    def lane(self) -> str:
        """The lane that it is of, or ""."""
        return str(self.said["lane"])

    @property
    def body(self) -> Body:
        """What happened."""
        body: Body = self.said["body"]
        return body


@dataclass(slots=True)
class Intent:
    """A debit as the rows tell it. `ends`: what it was said to have ended as, in order."""

    id: str
    number: int
    lane: str
    stay: str
    obu_id: str
    card: str
    fen: int
    at: str
    due: int
    ends: list[str] = field(default_factory=list)
    unresolved: bool = False

    @property
    def state(self) -> str:
        """Open, unresolved, settled or not made."""
        return self.ends[-1] if self.ends else "unresolved" if self.unresolved else "open"


@dataclass(slots=True)
class Rows:
    """Reads a file that a gateway may hold; `follow` gives what is new in it."""

    path: Path
    last: int = 0
    hash: str = "0" * 64
    intents: dict[str, Intent] = field(default_factory=dict)
    by_purchase: dict[tuple[str, str], Intent] = field(default_factory=dict)
    """By OBU and the time in the TAC."""
    begun: dict[str, str] = field(default_factory=dict)
    """Intents without any word on their outcome, and their lanes."""
    _db: sqlite3.Connection | None = None

    def follow(self) -> Iterator[Row]:
        """The rows that have come since the last time."""
        if self._db is None:
            self._db = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True)
        found = self._db.execute(
            "SELECT number, text, hash FROM entries WHERE number > ? ORDER BY number", (self.last,)
        )
        for number, text, digest in found.fetchall():
            row = Row(number, text, digest, json.loads(text))
            yield row
            self._note(row)
            self.last, self.hash = number, digest

    def hash_of(self, number: int) -> str:
        """The hash in that row; "" if there is none."""
        with sqlite3.connect(f"file:{self.path}?mode=ro", uri=True) as db:
            row = db.execute("SELECT hash FROM entries WHERE number = ?", (number,)).fetchone()
        db.close()
        return str(row[0]) if row else ""

    def close(self) -> None:
        """Let go of the file."""
        if self._db:
            self._db.close()
            self._db = None

    def _note(self, row: Row) -> None:
        body = row.body
        if row.kind.startswith("debit."):
            self.begun.pop(body["intent"], None)
        match row.kind:
            case "debit.intended":
                intent = Intent(
                    body["intent"],
                    row.number,
                    row.lane,
                    body["stay"],
                    body["obu_id"],
                    body["card"],
                    body["fen"],
                    body["at"],
                    body["quote"]["total"],
                )
                self.intents[intent.id] = intent
                self.begun[intent.id] = row.lane
                self.by_purchase[intent.obu_id, intent.at] = intent
            case "debit.unresolved":
                self.intents[body["intent"]].unresolved = True
            case "debit.settled" | "debit.not_made":
                self.intents[body["intent"]].ends.append(ENDS[row.kind])
            case "debit.corrected":
                self.intents[body["intent"]].ends.append("settled")
            case _:
                pass
