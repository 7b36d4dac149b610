"""Opens databases: the one place that knows how SQLite and PostgreSQL have to be set up.

Durability is not a setting here: SQLite syncs at every commit (WAL, synchronous=FULL), PostgreSQL waits for its
log whatever the server's default says. Every wait for a lock and every statement has an end.
"""

import sqlite3
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import psycopg
from psycopg import IsolationLevel
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from axis.errors import Code, Malformed

_BUSY_MS = 10_000  # wait for another process's write (SQLite), for a lock (PostgreSQL)
_SQLITE_PRAGMAS = (
    "PRAGMA foreign_keys=ON",
    "PRAGMA synchronous=FULL",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-16000",
    "PRAGMA journal_size_limit=67108864",  # a log that grew during a long read is cut again
)
_POSTGRES_CONNECT = {
    "connect_timeout": 5,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # a server that vanished is noticed, not waited for
}
_POSTGRES_SETTINGS = """
    SELECT set_config('lock_timeout', %s, false),
           set_config('statement_timeout', %s, false),
           set_config('idle_in_transaction_session_timeout', '60000', false),
           set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)
"""


class Use(Enum):
    """What a connection is for."""

    READ = "read"  # sees one snapshot for each use, can change nothing
    WRITE = "write"  # the writer's, and the migrations'


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """Where the data lies, and how much of what."""

    url: str  # sqlite:///FILE (relative to data_dir) or postgresql://…
    data_dir: Path  # files of large packages, and temporary files
    inline_blob_bytes: int = 65_536  # up to this size a package lies in the database
    group_size: int = 64  # units of work in one transaction at most
    readers: int = 4  # reading connections, and threads
    waiting_units: int = 4_096  # more than these wait for the writer: callers are told to come later

    @property
    def database(self) -> URL:
        """The database for SQLAlchemy. Raises Malformed(BAD_SETTINGS) for anything but the two kinds."""
        try:
            url = make_url(self.url)
        except ArgumentError as e:
            raise Malformed(Code.BAD_SETTINGS, "not a database URL", at="url") from e
        kind = url.get_backend_name()
        if kind == "sqlite" and url.database and url.database != ":memory:":
            return url.set(drivername="sqlite", database=str(self.data_dir / url.database))
        if kind in ("postgresql", "postgres"):
            return url.set(drivername="postgresql+psycopg")
        raise Malformed(Code.BAD_SETTINGS, "sqlite:///FILE or postgresql://… is needed", at="url")


def open_engine(options: StoreOptions, use: Use) -> Engine:
    """An engine for one use. Connections are made when first needed."""
    url = options.database
    size = options.readers if use is Use.READ else 1
    make = _sqlite_engine if url.get_backend_name() == "sqlite" else _postgres_engine
    return make(url, use, size)


def _sqlite_engine(url: URL, use: Use, size: int) -> Engine:
    engine = create_engine(
        url,
        pool_size=size,
        max_overflow=0,
        connect_args={
            "timeout": _BUSY_MS / 1000,
            "isolation_level": None,  # BEGIN and COMMIT are ours
            "check_same_thread": False,  # the pool hands a connection to one thread at a time
            "cached_statements": 256,
        },
    )
    # IMMEDIATE: a transaction that reads first and writes then could not go on once another process wrote.
    begin = "BEGIN" if use is Use.READ else "BEGIN IMMEDIATE"

    own = "PRAGMA query_only=ON" if use is Use.READ else "PRAGMA journal_mode=WAL"

    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        try:
            for pragma in (*_SQLITE_PRAGMAS, own):
                connection.execute(pragma)
        except sqlite3.Error:
            connection.close()  # SQLAlchemy does not know it yet
            raise

    def begin_transaction(connection: Connection) -> None:
        # On the driver itself: SQLAlchemy's execution would cost more than a small query.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101 - for the type checker
        driver.execute(begin)

    event.listen(engine, "connect", set_up)
    event.listen(engine, "begin", begin_transaction)
    return engine


def _postgres_engine(url: URL, use: Use, size: int) -> Engine:
    engine = create_engine(url, pool_size=size, max_overflow=0, connect_args=_POSTGRES_CONNECT)
    statement_ms = 30_000 if use is Use.READ else 120_000

    def set_up(connection: psycopg.Connection[Any], _record: object) -> None:
        try:
            connection.execute(_POSTGRES_SETTINGS, (str(_BUSY_MS), str(statement_ms)))
            connection.commit()
        except psycopg.Error:
            connection.close()  # SQLAlchemy does not know it yet
            raise
        if use is Use.READ:
            connection.read_only = True
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
        else:
            connection.isolation_level = IsolationLevel.READ_COMMITTED

    event.listen(engine, "connect", set_up)
    return engine
