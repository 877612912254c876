"""The ledger's file: numbers without gaps, a chain of its own for every file, and failures at every single step."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.entries import GENESIS, Alarm, Draft, Entry, Moment, canonical
from gateway.ledger.store import LedgerError, LedgerHeldError, Store, connect, read, verify

AT = Moment(datetime(2026, 11, 21, 8, 0, tzinfo=UTC), 12.5, "boot", trusted=True)


def drafts(*details: str) -> list[Draft]:
    return [Draft(AT, "exit-1", Alarm("test", detail)) for detail in details]


def details(entries: list[Entry]) -> list[Any]:
    return [json.loads(entry.text)["body"]["detail"] for entry in entries]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def filled(path: Path, many: int = 3) -> str:
    with closing(Store(path)) as store:
        store.append(drafts(*map(str, range(1, many + 1))))
        return store.chain


HOLD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from gateway.ledger.entries import Alarm, Draft, Moment
from gateway.ledger.store import Store
AT = Moment(datetime(2026, 11, 21, tzinfo=UTC), 1.0, "boot", True)
store = Store(Path(sys.argv[1]))
{work}
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def held_elsewhere(path: Path, work: str = "") -> Iterator[None]:
    """A process that holds the ledger, has done `work`, and is killed in the end."""
    command = [sys.executable, "-c", HOLD.format(work=work), str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield
        holder.kill()


def run_until_killed(path: Path, work: str) -> None:
    with held_elsewhere(path, work):
        pass


# --- appending and reading ------------------------------------------------------------------------------


def test_numbers_have_no_gap_and_every_entry_holds_the_hash_of_the_one_before(path: Path) -> None:
    with closing(Store(path)) as store:
        first = store.append(drafts("a", "b"))
        second = store.append(drafts("车牌京A12345"))
        assert [e.number for e in first + second] == [1, 2, 3]
        assert store.last == 3
        assert store.entries() == first + second
        assert store.entries(after=1, limit=1) == first[1:]
    previous = GENESIS
    for entry in first + second:
        assert entry.fields["previous"] == previous
        assert entry.hash == hashlib.sha256(entry.text.encode()).hexdigest()
        assert entry.fields["chain"] == entry.chain == store.chain
        previous = entry.hash
    found = verify(path)
    assert (found.entries, found.head, found.chains, found.problems) == (3, previous, (store.chain,), ())


def test_drafts_come_back_as_they_were_given(path: Path) -> None:
    with closing(Store(path)) as store:
        store.append(drafts("a", "b"))
        assert list(store.drafts()) == drafts("a", "b")


def test_the_file_goes_on_where_it_ended(path: Path) -> None:
    chain = filled(path)
    with closing(Store(path)) as store:
        assert (store.chain, store.last) == (chain, 3)
        assert [e.number for e in store.append(drafts("more"))] == [4]
    assert verify(path).problems == ()


def test_verify_and_read_work_beside_a_store_that_is_open(path: Path) -> None:
    with closing(Store(path)) as store:
        store.append(drafts("a", "b"))
        assert verify(path).entries == 2
        assert read(path, after=1) == store.entries(after=1)


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(LedgerError, match=r"ledger\.db"):
        verify(path)
    assert not path.exists()


# --- chain ids ------------------------------------------------------------------------------------------


def restored_in_place(path: Path) -> Path:
    """An old backup written over the file, as `cp backup ledger.db` does: the inode stays."""
    backup = path.with_name("backup.db")
    shutil.copy(path, backup)
    with closing(Store(path)) as store:
        store.append(drafts("after the backup"))
    with path.open("r+b") as file:
        file.truncate()
        file.write(backup.read_bytes())
    return path


def without_its_wal(path: Path) -> Path:
    """A process is killed, and somebody tidies up what it left beside the file."""
    run_until_killed(path, 'store.append([Draft(AT, "", Alarm("test", "in the WAL"))])')
    path.with_name("ledger.db-wal").unlink()
    return path


def without_its_lock_file(path: Path) -> Path:
    path.with_name("ledger.db.lock").unlink()
    return path


def copied(path: Path, name: str = "copy.db") -> Path:
    return Path(shutil.copy(path, path.with_name(name)))


def copied_over(path: Path) -> Path:
    fresh = copied(path)
    fresh.replace(path)
    return path


def copied_with_its_folder(path: Path) -> Path:
    return Path(shutil.copytree(path.parent, path.parent.with_name("clone"))) / path.name


@pytest.mark.parametrize(
    "how",
    [copied, copied_over, copied_with_its_folder, restored_in_place, without_its_wal, without_its_lock_file],
)
def test_a_copied_or_restored_file_begins_a_chain_of_its_own(path: Path, how: Callable[[Path], Path]) -> None:
    chain = filled(path)
    other = how(path)
    with closing(Store(other)) as store:
        assert store.chain != chain
        mine = store.append(drafts("mine"))
        assert (mine[0].number, mine[0].chain) == (4, store.chain)
        assert {e.chain for e in store.entries(limit=3)} == {chain}
    found = verify(other)
    assert (found.problems, found.chains) == ((), (chain, store.chain))


def test_a_copy_that_wrote_nothing_leaves_no_empty_chain(path: Path) -> None:
    filled(path)
    other = copied(path)
    with closing(Store(other)):
        pass
    other = copied(other, "copy of the copy.db")
    with closing(Store(other)) as store:
        store.append(drafts("x"))
        assert verify(other).chains[1:] == (store.chain,)


def test_a_process_that_was_killed_goes_on_in_its_chain(path: Path) -> None:
    chain = filled(path)
    run_until_killed(path, 'store.append([Draft(AT, "", Alarm("test", "durable"))])')
    with closing(Store(path)) as store:
        assert (store.chain, details(store.entries(after=3))) == (chain, ["durable"])


# --- one process at a time ------------------------------------------------------------------------------


def test_a_second_process_is_refused_until_the_first_is_gone(path: Path) -> None:
    with held_elsewhere(path), pytest.raises(LedgerHeldError, match="another process"):
        Store(path)
    filled(path)


def test_a_link_to_the_file_is_the_same_file(path: Path, tmp_path: Path) -> None:
    alias = tmp_path / "elsewhere" / "alias.db"
    alias.parent.mkdir()
    with closing(Store(path)):
        alias.symlink_to(path)
        with pytest.raises(LedgerHeldError):
            Store(alias)


# --- files that are unfit -------------------------------------------------------------------------------


def test_a_file_of_a_newer_program_is_refused_and_let_go_of(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    for _ in range(2):
        with pytest.raises(LedgerError, match="schema 99") as refused:
            Store(path)
        assert not isinstance(refused.value, LedgerHeldError)


def test_a_file_that_is_no_database_is_refused_and_let_go_of(path: Path) -> None:
    path.write_bytes(b"not a database, " * 1000)
    for _ in range(2):
        with pytest.raises(LedgerError, match="backup") as refused:
            Store(path)
        assert not isinstance(refused.value, LedgerHeldError)
    with pytest.raises(LedgerError):
        verify(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LedgerError, match="file"):
        Store(tmp_path / "file" / "ledger.db")


# --- append-only ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("statement", ["UPDATE entries SET kind = 'x'", "DELETE FROM entries WHERE number = 2"])
def test_the_file_itself_refuses_to_change_entries(path: Path, statement: str) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        db.execute(statement)


def tamper(path: Path, *statements: str) -> None:
    """What somebody with the file in hand can do: the triggers are gone first."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER entries_stay")
        db.execute("DROP TRIGGER entries_last")
        for statement in statements:
            db.execute(statement)


def rehashed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"UPDATE entries SET text = '{text}', hash = '{digest}' WHERE number = 3"  # noqa: S608  that is the attack


def forged(path: Path, **changes: object) -> str:
    return rehashed(canonical({**json.loads(read(path)[2].text), **changes}))


TAMPERING: dict[str, Callable[[Path], str]] = {
    "a text": lambda _: "UPDATE entries SET text = replace(text, '\"3\"', '\"4\"') WHERE number = 3",
    "a hash": lambda _: "UPDATE entries SET hash = 'x' || substr(hash, 2) WHERE number = 3",
    "a kind": lambda _: "UPDATE entries SET kind = 'debit.settled' WHERE number = 3",
    "a text with its hash": lambda path: forged(path, body={"what": "test", "detail": "forged"}),
    "a number": lambda path: forged(path, number=4),
    "a chain": lambda path: forged(path, chain="another"),
    "a missing row": lambda _: "DELETE FROM entries WHERE number = 3",
    "missing first rows": lambda _: "DELETE FROM entries WHERE number < 4",
    "two rows exchanged": lambda _: (
        "UPDATE entries SET text = (SELECT text FROM entries AS e WHERE e.number = 7 - entries.number),"
        " hash = (SELECT hash FROM entries AS e WHERE e.number = 7 - entries.number) WHERE number IN (3, 4)"
    ),
    "no JSON": lambda _: rehashed("gone"),
    "another JSON": lambda _: rehashed("[1]"),
    "a JSON without the fields": lambda _: rehashed("{}"),
    "a forgotten chain": lambda _: "DELETE FROM chains",
}


@pytest.mark.parametrize("what", TAMPERING)
def test_verify_finds(path: Path, what: str) -> None:
    filled(path, 6)
    tamper(path, TAMPERING[what](path))
    problems = verify(path).problems
    assert problems
    if what not in {"missing first rows", "a forgotten chain"}:
        assert {number for number, _ in problems} <= {3, 4}


def test_a_damaged_entry_is_named_where_it_is_read(path: Path) -> None:
    filled(path)
    tamper(path, rehashed("gone"))
    with pytest.raises(LedgerError, match="entry 3"):
        read(path)


def test_a_repaired_entry_is_found_by_a_store_that_met_the_damage(path: Path) -> None:
    filled(path, 6)
    right = read(path)
    tamper(path, rehashed("gone"))
    with closing(Store(path)) as store, closing(connect(path)) as db:
        with pytest.raises(LedgerError, match="entry 3") as kept:
            store.entries()
        assert kept.traceback  # holds all that was on the stack, as an error that is being reported does
        db.execute("UPDATE entries SET text = ?, hash = ? WHERE number = 3", (right[2].text, right[2].hash))
        assert store.entries() == right


# --- cursors --------------------------------------------------------------------------------------------


def test_a_cursor_is_each_platforms_own_and_never_goes_back(path: Path) -> None:
    with closing(Store(path)) as store:
        assert store.cursor("city") == 0
        store.move_cursor("city", 7)
        store.move_cursor("city", 3)
        store.move_cursor("police", 2)
        assert (store.cursor("city"), store.cursor("police")) == (7, 2)
    with closing(Store(path)) as store:
        assert store.cursor("city") == 7


# --- failures at every step -----------------------------------------------------------------------------


class Faulty(sqlite3.Connection):
    """Fails `times` statements from the `nth` on; if `late`, they are carried out and only their answer is lost."""

    nth = 0
    times = 0
    late = False
    _done = 0

    def arm(self, nth: int, times: int, *, late: bool) -> None:
        self._done, self.nth, self.times, self.late = 0, nth, times, late

    def _carry_out(self, statement: Callable[..., sqlite3.Cursor], *arguments: object) -> sqlite3.Cursor:
        self._done += 1
        fails = self.nth <= self._done < self.nth + self.times
        if fails and not self.late:
            raise sqlite3.OperationalError("disk I/O error")
        cursor = statement(*arguments)
        if fails:
            raise sqlite3.OperationalError("disk I/O error")
        return cursor

    def execute(self, *arguments: object) -> sqlite3.Cursor:
        return self._carry_out(super().execute, *arguments)

    def executemany(self, *arguments: object) -> sqlite3.Cursor:
        return self._carry_out(super().executemany, *arguments)

    def executescript(self, *arguments: object) -> sqlite3.Cursor:
        return self._carry_out(super().executescript, *arguments)


def faulty(path: Path) -> Faulty:
    return sqlite3.connect(path, isolation_level=None, factory=Faulty)


def armed(store: Store) -> Faulty:
    assert isinstance(store._db, Faulty)
    return store._db


def until_it_works(work: Callable[[], object], error: type[Exception]) -> int:
    """How often it failed before it worked."""
    for failures in range(20):
        try:
            work()
        except error:
            continue
        return failures
    raise AssertionError("it never works")


def every_failure_point(attempt: Callable[[int], int]) -> int:
    """Attempt with a failure at statement 1, 2, 3 ... until one meets none; how many that took."""
    return next(nth for nth in count(1) if attempt(nth) == 0)


@pytest.mark.parametrize("late", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_whatever_statement_fails_an_append_lands_once(tmp_path: Path, times: int, *, late: bool) -> None:
    def attempt(nth: int) -> int:
        path = tmp_path / f"{nth}.db"
        filled(path)
        with closing(Store(path, connect=faulty)) as store:
            armed(store).arm(nth, times, late=late)
            failures = until_it_works(lambda: store.append(drafts("a", "b")), sqlite3.Error)
            assert store.last == 5
            armed(store).times = 0
            assert details(store.append(drafts("c"))) == ["c"]
            assert read(path) == store.entries()
        assert details(read(path)) == ["1", "2", "3", "a", "b", "c"]
        assert verify(path).problems == ()
        return failures

    assert every_failure_point(attempt) > 3  # BEGIN, INSERT, COMMIT


def test_nothing_counts_as_written_before_it_is(path: Path) -> None:
    """After a failed commit and a failed rollback this connection alone still sees the rows."""
    with closing(Store(path, connect=faulty)) as store:
        for _ in range(3):
            armed(store).arm(3, 2, late=False)
            with pytest.raises(sqlite3.OperationalError):
                store.append(drafts("a"))
            assert verify(path).entries == 0
        armed(store).times = 0
        store.append(drafts("a"))
        assert details(read(path)) == ["a"]


@pytest.mark.parametrize("late", [False, True], ids=["refused", "answer lost"])
def test_whatever_statement_fails_a_file_can_be_opened_after_all(tmp_path: Path, *, late: bool) -> None:
    def attempt(nth: int) -> int:
        path = tmp_path / f"{nth}.db"
        connections: list[Faulty] = []

        def connecting(path: Path) -> Faulty:
            connections.append(faulty(path))
            connections[-1].arm(nth, int(len(connections) == 1), late=late)
            return connections[-1]

        opened: list[Store] = []
        failures = until_it_works(lambda: opened.append(Store(path, connect=connecting)), LedgerError)
        with closing(opened[0]) as store:
            armed(store).times = 0
            store.append(drafts("a"))
        found = verify(path)
        assert (found.entries, found.problems, len(found.chains)) == (1, (), 1)
        return failures

    assert every_failure_point(attempt) > 3


def test_a_connection_waits_a_moment_for_another_writer(path: Path) -> None:
    filled(path)
    with closing(connect(path)) as db:
        assert db.execute("PRAGMA busy_timeout").fetchone()[0] > 0
