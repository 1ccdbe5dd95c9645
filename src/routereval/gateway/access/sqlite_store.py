"""Keys, limits and spending in one SQLite file, for the workers of one machine.

The file is in WAL mode with ``synchronous=NORMAL``: a commit is in the system's hands at once, so
that killing the process loses nothing, and no request waits for the disk. What waits for it, the
checkpoint, happens on the connection that a thread writes reports with.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from routereval.errors import DataError
from routereval.gateway.access.accounts import (
    Account,
    SpendReport,
    StoreError,
    name_taken,
    not_revocable,
)
from routereval.gateway.access.keys import Key
from routereval.gateway.access.limits import DailyBudget, RequestBucket

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    name TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, models TEXT, per_minute INTEGER,
    budget INTEGER, created REAL NOT NULL, revoked REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
    name TEXT PRIMARY KEY, level REAL NOT NULL, stamp REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spending (
    name TEXT, day INTEGER, spent INTEGER NOT NULL, PRIMARY KEY (name, day)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS held (
    name TEXT, day INTEGER, worker TEXT, amount INTEGER NOT NULL, seen REAL NOT NULL,
    PRIMARY KEY (name, day, worker)
) WITHOUT ROWID;
"""
_MARK = 0x72657631  # "rev1": the application_id of our files
_COLUMNS = "name, digest, models, per_minute, budget, created, revoked"
_PATIENCE_S = 2.0


class SqliteStore:
    """A `Store` and `KeyAdmin` in a file.

    Args:
        path: the file.
        create: make it if there is none, readable for its owner only.

    Raises:
        DataError: if there is no such file, or it is of another kind.
    """

    def __init__(self, path: str | Path, *, create: bool = False) -> None:
        self._path = Path(path)
        if create and not self._path.exists():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(0o600)
        if not self._path.is_file():
            raise DataError(f"{path} holds no keys; make one with: routereval keys add {path} NAME")
        try:
            self._quick = self._connect(checkpoints=False)
            self._behind = self._connect(checkpoints=True)
        except (sqlite3.Error, StoreError) as error:
            raise DataError(f"{path} is no file of keys: {error}") from None

    def _connect(self, *, checkpoints: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
        )
        try:
            self._prepare(connection, checkpoints)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection, checkpoints: bool) -> None:
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and connection.execute("PRAGMA application_id").fetchone()[0] != _MARK:
            raise DataError(f"{self._path} is a database of something else; choose another file")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        if not checkpoints:
            connection.execute("PRAGMA wal_autocheckpoint=0")
        if not tables:
            with _transaction(connection):
                for statement in _SCHEMA.split(";\n"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id={_MARK}")

    async def find(self, digest: bytes) -> Key | None:
        """See `Store`."""
        with _reached():
            row = self._quick.execute(
                f"SELECT {_COLUMNS} FROM keys WHERE digest = ?",  # noqa: S608 - our own names
                (digest,),
            ).fetchone()
        return None if row is None else _key(row)

    async def take_requests(
        self, name: str, per_minute: int, wanted: int, now: float
    ) -> tuple[int, float]:
        """See `Store`."""
        with _transaction(self._quick) as db:
            row = db.execute("SELECT level, stamp FROM buckets WHERE name = ?", (name,)).fetchone()
            bucket = RequestBucket(*row) if row else RequestBucket(float(per_minute), now)
            given, bucket = bucket.taken(per_minute, wanted, now)
            db.execute("REPLACE INTO buckets VALUES (?, ?, ?)", (name, *bucket))
        return given, bucket.wait(per_minute)

    async def take_money(
        self, account: Account, worker: str, budget: int, least: int, wanted: int, now: float
    ) -> int:
        """See `Store`."""
        with _transaction(self._quick) as db, _ledger(db, account) as ledger:
            return ledger.take(worker, budget, least, wanted, now)

    async def write(self, worker: str, reports: Mapping[Account, SpendReport], now: float) -> None:
        """See `Store`."""
        await asyncio.to_thread(self._write, worker, dict(reports), now)

    def _write(self, worker: str, reports: Mapping[Account, SpendReport], now: float) -> None:
        with _transaction(self._behind) as db:
            for account, report in reports.items():
                with _ledger(db, account) as ledger:
                    ledger.write(worker, report.spent, report.back, now)

    async def add(self, key: Key) -> None:
        """See `KeyAdmin`."""
        models = None if key.models is None else json.dumps(sorted(key.models))
        values = (key.name, key.digest, models, key.per_minute, key.budget, key.created, None)
        with _transaction(self._quick) as db:
            if db.execute("SELECT 1 FROM keys WHERE name = ?", (key.name,)).fetchone():
                raise name_taken(key.name)
            db.execute(f"INSERT INTO keys ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", values)  # noqa: S608

    async def revoke(self, name: str, now: float) -> None:
        """See `KeyAdmin`."""
        with _transaction(self._quick) as db:
            done = db.execute(
                "UPDATE keys SET revoked = ? WHERE name = ? AND revoked IS NULL", (now, name)
            )
        if not done.rowcount:
            raise not_revocable(name)

    async def listed(self, day: int) -> list[tuple[Key, int]]:
        """See `KeyAdmin`."""
        with _transaction(self._quick) as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM keys ORDER BY name").fetchall()  # noqa: S608
            today = db.execute("SELECT name, spent FROM spending WHERE day = ?", (day,)).fetchall()
        spent = dict(today)
        return [(_key(row), spent.get(row[0], 0)) for row in rows]

    async def close(self) -> None:
        """See `Store`."""
        self._behind.close()
        self._quick.close()


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All or nothing; no other process writes meanwhile."""
    with _reached():
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _reached() -> Iterator[None]:
    """Turns SQLite's errors into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"SQLite: {error}") from None


@contextmanager
def _ledger(db: sqlite3.Connection, account: Account) -> Iterator[DailyBudget]:
    """The ledger of an account, which is written back afterwards."""
    row = db.execute("SELECT spent FROM spending WHERE name = ? AND day = ?", account).fetchone()
    held = db.execute("SELECT worker, amount, seen FROM held WHERE name = ? AND day = ?", account)
    before = {worker: (amount, seen) for worker, amount, seen in held.fetchall()}
    ledger = DailyBudget(row[0] if row else 0, dict(before))
    yield ledger
    if row is None or row[0] != ledger.spent:
        db.execute("REPLACE INTO spending VALUES (?, ?, ?)", (*account, ledger.spent))
    for worker, state in ledger.held.items():
        if state != before.get(worker):
            db.execute("REPLACE INTO held VALUES (?, ?, ?, ?, ?)", (*account, worker, *state))
    for worker in before.keys() - ledger.held.keys():  # ties: rows are deleted in any order
        db.execute("DELETE FROM held WHERE name = ? AND day = ? AND worker = ?", (*account, worker))


def _key(row: tuple[str, bytes, str | None, int | None, int | None, float, float | None]) -> Key:
    name, digest, models, per_minute, budget, created, revoked = row
    allowed = None if models is None else frozenset(json.loads(models))
    return Key(name, bytes(digest), allowed, per_minute, budget, created, revoked)
