"""The disk under the ledger: full for a while, answers that are lost, and what a power cut leaves of a file."""

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

Kept = tuple[bytes, bytes, bytes]
"""Database, write-ahead log and lock file, byte by byte."""


@dataclass(slots=True)
class Disk:
    """Where the ledger `path` lies. While `full` nothing is written; `unanswered` commits are made and denied."""

    path: Path
    full: bool = False
    unanswered: int = 0
    _connection: sqlite3.Connection | None = None

    def connect(self, path: Path) -> sqlite3.Connection:
        """A connection to a file on this disk."""
        made = sqlite3.connect(path, isolation_level=None, timeout=0.1, factory=_Connection)
        made.disk = self
        self._connection = made
        return made

    def only_log(self) -> None:
        """From now on commits go to the write-ahead log alone: what is copied out of it was flushed before."""
        if self._connection:
            self._connection.execute("PRAGMA wal_autocheckpoint=0")

    def kept(self) -> Kept:
        """All that is in the files now."""
        return _bytes(self.path), _bytes(self._wal), _bytes(self._lock)

    def restore(self, kept: Kept) -> None:
        """The files as they were, in the same places: the same inodes."""
        for path, content in zip((self.path, self._wal, self._lock), kept, strict=True):
            with path.open("r+b" if path.exists() else "wb") as file:
                file.truncate(0)
                file.write(content)
        with suppress(FileNotFoundError):
            self.path.with_name(f"{self.path.name}-shm").unlink()

    def power_cut(self, before: Kept, after: Kept, rng: Random) -> Kept:
        """What is left of a commit that was under way: some of its bytes, the last of them maybe wrong.

        All that was there before it was flushed, and stays.
        """
        old, new = before[1].ljust(len(after[1]), b"\0"), after[1]
        first = next((at for at, (was, now) in enumerate(zip(old, new, strict=True)) if was != now), len(new))
        if first == len(new):
            return before
        cut = rng.randrange(first, len(new)) + 1
        torn = bytearray(new[:cut] + before[1][cut:])
        if rng.random() < 0.5:
            torn[rng.randrange(max(first, cut - 512), cut)] ^= rng.randrange(1, 256)
        return before[0], bytes(torn), before[2]

    @property
    def _wal(self) -> Path:
        return self.path.with_name(f"{self.path.name}-wal")

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")


class _Connection(sqlite3.Connection):
    """SQLite's own, but for what its disk does."""

    disk: Disk

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401  sqlite's own arguments
        """Refuses to write while the disk is full; denies a commit that was made."""
        if self.disk.full and not sql.startswith(("SELECT", "ROLLBACK", "PRAGMA")):
            raise sqlite3.OperationalError("database or disk is full")
        cursor = super().execute(sql, *args)
        if sql == "COMMIT" and self.disk.unanswered:
            self.disk.unanswered -= 1
            raise sqlite3.OperationalError("disk I/O error")
        return cursor


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
