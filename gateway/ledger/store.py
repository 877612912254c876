"""The ledger's file: SQLite, append-only, hash-chained, held by one process at a time.

A synchronous object: the product runs it in its own thread (`writer.py`), a simulation calls it inline. Why each
pragma: WAL so that readers never hold up the writer; synchronous=FULL because in NORMAL a committed row may
vanish on power loss, and these rows are money. A commit per group gives back what FULL costs.
"""

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from gateway.ledger.entries import GENESIS, Draft, Entry, chained, digest, draft_of
from protocols.immutable import dataclass

SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE entries (
  number INTEGER PRIMARY KEY, kind TEXT NOT NULL, text TEXT NOT NULL, hash TEXT NOT NULL
) STRICT;
CREATE TABLE chains (first INTEGER PRIMARY KEY, id TEXT NOT NULL, place TEXT NOT NULL) STRICT;
CREATE TABLE cursors (uplink TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT;
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER entries_last BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""

Connect = Callable[[Path], sqlite3.Connection]


class LedgerError(Exception):
    """The ledger's file cannot be used; the text says why and what to do."""


class LedgerHeldError(LedgerError):
    """Another process holds the ledger."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found; `problems` as (number, what)."""

    entries: int
    head: str
    chains: tuple[str, ...]
    problems: tuple[tuple[int, str], ...]


def connect(path: Path) -> sqlite3.Connection:
    """A connection as the ledger wants it: explicit transactions, any thread (the writer is the only one)."""
    return sqlite3.connect(path, isolation_level=None, timeout=0.1, check_same_thread=False)


def place_of(path: Path) -> str:
    """Where a file lives: a copy of it, or a restored one, lives elsewhere and so gets a chain of its own."""
    machine = ""
    with suppress(OSError):
        machine = Path("/etc/machine-id").read_text().strip()
    return f"{machine}:{path.stat().st_ino}"


class Store:
    """The ledger of one gateway. Raises LedgerHeldError if another process has it, LedgerError if it is unfit."""

    def __init__(self, path: Path, *, connect: Connect = connect, chain: str | None = None) -> None:
        try:
            with ExitStack() as undo:
                self._lock = _hold(path.resolve())
                undo.callback(os.close, self._lock)
                self._db = connect(path)
                undo.callback(self._db.close)
                self._open(path, chain or secrets.token_hex(8))
                undo.pop_all()
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: {error}; check the disk, or restore the file from a backup") from error

    def _open(self, path: Path, fresh: str) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._migrate()
        self._attempt: list[Entry] = []
        self._number, self._hash = self._head()
        self.chain = self._begin_chain(place_of(path), fresh)
        self._advance(self._number, self._hash)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()
        os.close(self._lock)

    def append(self, drafts: Sequence[Draft]) -> list[Entry]:
        """Write these in one transaction; durable when it returns. Raises sqlite3.Error.

        After an error the same drafts are to be given again: a commit whose answer alone was lost is found then,
        and not written twice.
        """
        if self._db.in_transaction:  # its rollback failed too
            self._db.execute("ROLLBACK")
        if self._attempt and self._landed():
            made, self._attempt = self._attempt, []
            return made
        self._attempt = made = list(self._chain(drafts))
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?)", [(e.number, e.kind, e.text, e.hash) for e in made]
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        self._attempt = []
        self._advance(made[-1].number, made[-1].hash)
        return made

    def entries(self, after: int = 0, limit: int = -1) -> list[Entry]:
        """Entries with numbers above `after`, in order."""
        return list(_fetch(self._db, after, limit))

    def drafts(self) -> Iterator[Draft]:
        """All entries as drafts, for what is derived from them."""
        return map(draft_of, _fetch(self._db, 0, -1))

    @property
    def last(self) -> int:
        """The number of the newest entry, 0 before the first."""
        return self._number

    def cursor(self, uplink: str) -> int:
        """The number up to which this uplink's platform has confirmed."""
        row = self._db.execute("SELECT number FROM cursors WHERE uplink = ?", (uplink,)).fetchone()
        return int(row[0]) if row else 0

    def move_cursor(self, uplink: str, number: int) -> None:
        """Remember a confirmation; a cursor never goes back."""
        self._db.execute(
            "INSERT INTO cursors VALUES (?, ?)"
            " ON CONFLICT (uplink) DO UPDATE SET number = max(number, excluded.number)",
            (uplink, number),
        )

    def _chain(self, drafts: Sequence[Draft]) -> Iterator[Entry]:
        number, previous = self._number, self._hash
        for draft in drafts:
            number += 1
            entry = chained(draft, self.chain, number, previous)
            previous = entry.hash
            yield entry

    def _landed(self) -> bool:
        """Whether the attempt whose answer was an error is in the file after all."""
        number, head = self._head()
        if head != self._attempt[-1].hash:
            return False
        self._advance(number, head)
        return True

    def _advance(self, number: int, head: str) -> None:
        """The newest entry, remembered beside the file too, as the witness against an older copy of it."""
        self._number, self._hash = number, head
        with suppress(OSError):  # the entry is durable all the same
            os.pwrite(self._lock, f"{number:020} {head}".encode(), 0)

    def _witnessed(self) -> bool:
        """Whether the file holds what was last seen in it: a restored one, or one without its WAL, does not."""
        number, _, head = os.pread(self._lock, 128, 0).decode(errors="replace").partition(" ")
        if not number.isdecimal():
            return False
        row = self._db.execute("SELECT hash FROM entries WHERE number = ?", (int(number),)).fetchone()
        return head == (row[0] if row else GENESIS)

    def _head(self) -> tuple[int, str]:
        row = self._db.execute("SELECT number, hash FROM entries ORDER BY number DESC LIMIT 1").fetchone()
        return (int(row[0]), str(row[1])) if row else (0, GENESIS)

    def _migrate(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise LedgerError(f"the ledger is of a newer program (schema {version}); install that program")
        if version == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")

    def _begin_chain(self, place: str, fresh: str) -> str:
        row = self._db.execute("SELECT id, place FROM chains ORDER BY first DESC LIMIT 1").fetchone()
        if row and row[1] == place and self._witnessed():
            return str(row[0])
        self._db.execute("INSERT OR REPLACE INTO chains VALUES (?, ?, ?)", (self._number + 1, fresh, place))
        return fresh


@contextmanager
def _beside(path: Path) -> Iterator[sqlite3.Connection]:
    """Read a file that somebody else may hold."""
    if not path.is_file():
        raise LedgerError(f"{path}: no such file / 没有这个文件")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            yield db
    except sqlite3.Error as error:
        raise LedgerError(f"{path}: {error}") from error


def verify(path: Path) -> Verdict:
    """Walk the whole file and recompute every hash; works beside a running daemon. Raises LedgerError."""
    with _beside(path) as db:
        chains = dict(db.execute("SELECT first, id FROM chains ORDER BY first").fetchall())
        return _walk(chains, db.execute(f"{_SELECT} ORDER BY number"))


def read(path: Path, after: int = 0, limit: int = -1) -> list[Entry]:
    """Entries of a file that somebody else may hold. Raises LedgerError."""
    with _beside(path) as db:
        return list(_fetch(db, after, limit))


_SELECT = "SELECT number, kind, text, hash FROM entries"


def _fetch(db: sqlite3.Connection, after: int, limit: int) -> Iterator[Entry]:
    rows = db.execute(f"{_SELECT} WHERE number > ? ORDER BY number LIMIT ?", (after, limit))
    with closing(rows):  # a half-read answer would keep this connection at an old state of the file
        for number, kind, text, hash_ in rows:
            try:
                chain = json.loads(text)["chain"]
            except (ValueError, LookupError, TypeError) as error:
                raise LedgerError(
                    f"entry {number} is damaged; run etclane ledger verify / 第 {number} 条已损坏"
                ) from error
            yield Entry(chain, number, kind, text, hash_)


def _walk(chains: dict[int, str], rows: Iterable[tuple[int, str, str, str]]) -> Verdict:
    problems: list[tuple[int, str]] = []
    number, previous, chain = 0, GENESIS, ""
    for found, kind, text, hash_ in rows:
        number += 1
        if found != number:
            problems.append((number, f"missing up to {found - 1}"))
            number = found
        chain = chains.get(number, chain)
        right = {"number": number, "kind": kind, "previous": previous, "chain": chain}
        problems += [(number, what) for what in _faults(text, hash_, right)]
        previous = hash_
    return Verdict(number, previous, tuple(chains.values()), tuple(problems))


def _faults(text: str, hash_: str, right: Mapping[str, object]) -> Iterator[str]:
    if digest(text) != hash_:
        yield "its hash is not that of its text"
        return
    try:
        fields = dict(json.loads(text))
    except (ValueError, TypeError):
        yield "its text is no JSON object"
        return
    for name, value in right.items():
        if fields.get(name) != value:
            yield f"its {name} is {fields.get(name)}, not {value}"


def _hold(path: Path) -> int:
    """Take the lock beside the file; it goes with the process, however that ends."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"{path}: {error}; check that its folder can be written / 检查目录权限") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise LedgerHeldError(
            f"{path} is held by another process; stop the other etclane first / 账本正被另一进程占用"
        ) from error
    return lock
