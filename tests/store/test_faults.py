"""What a database error means to callers, by real errors where they can be had."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from axis.errors import Busy, Code, Internal
from axis.store import engine
from axis.store.engine import StoreOptions
from axis.store.faults import Fault, error_for, fault_of
from axis.store.hot import Hot, Stale
from axis.store.store import Store
from tests.databases import Database, Postgres
from tests.store import made
from tests.store.together import together


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("no")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Stale(), Fault.STALE),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_UNIQUE), Fault.STALE),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY), Fault.STALE),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT_CHECK), Fault.BROKEN),
        (sqlite_error(sqlite3.SQLITE_BUSY), Fault.LOCKED),
        (sqlite_error(sqlite3.SQLITE_FULL), Fault.FULL),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), Fault.BROKEN),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), Fault.BROKEN),
        (errors.UniqueViolation(), Fault.STALE),
        (errors.ForeignKeyViolation(), Fault.AGAIN),
        (errors.DeadlockDetected(), Fault.AGAIN),
        (errors.SerializationFailure(), Fault.AGAIN),
        (errors.LockNotAvailable(), Fault.LOCKED),
        (errors.DiskFull(), Fault.FULL),
        (errors.AdminShutdown(), Fault.LOST),
        (errors.CannotConnectNow(), Fault.LOST),
        (errors.ConnectionFailure(), Fault.LOST),
        (errors.ReadOnlySqlTransaction(), Fault.LOST),
        (errors.CheckViolation(), Fault.BROKEN),
        (errors.QueryCanceled(), Fault.BROKEN),
        (psycopg.OperationalError("server closed the connection unexpectedly"), Fault.LOST),
        (psycopg.DataError("a text cannot hold that"), Fault.BROKEN),
        (ValueError("ours"), Fault.BROKEN),
    ],
    ids=lambda value: value.value if isinstance(value, Fault) else type(value).__name__,
)
def test_each_error_has_its_meaning_bare_or_wrapped_by_sqlalchemy(error: Exception, fault: Fault) -> None:
    assert fault_of(error) is fault
    assert fault_of(OperationalError("SELECT", {}, error)) is fault


def test_callers_are_told_to_come_later_only_when_that_helps() -> None:
    told = {fault: error_for(fault) for fault in Fault if fault is not Fault.STALE}
    assert {fault for fault, error in told.items() if isinstance(error, Busy)} == {
        Fault.LOST,
        Fault.LOCKED,
        Fault.FULL,
    }
    assert isinstance(told[Fault.BROKEN], Internal)
    assert isinstance(told[Fault.AGAIN], Internal)  # after several tries


async def test_a_full_disk_is_told_to_every_waiting_caller_and_nothing_is_half_there(tmp_path: Path) -> None:
    store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=tmp_path))
    await store.submit(made.accepted("H24.15").hot)
    limit = "PRAGMA max_page_count = {}"
    pages = await store.read(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one())
    await store.write(lambda c: c.exec_driver_sql(limit.format(pages + 4)).scalar())
    large = [made.accepted("H24.15", content=bytes([number]) * 30_000) for number in range(3)]
    results = await together(store, *(store.submit(new.hot) for new in large))
    assert [(type(result), result.code) for result in results] == [(Busy, Code.DISK_FULL)] * 3
    count = text("SELECT (SELECT count(*) FROM blob), (SELECT count(*) FROM package), (SELECT count(*) FROM leaf)")
    assert await store.read(lambda c: tuple(c.execute(count).one())) == (1, 1, 1)
    await store.write(lambda c: c.exec_driver_sql(limit.format(1_000_000)).scalar())
    await store.submit(large[0].hot)
    assert await store.read(lambda c: tuple(c.execute(count).one())) == (2, 2, 2)
    await store.close()


async def test_a_database_that_another_process_holds_is_busy_not_broken(
    database: Database, store_options: StoreOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_MS", 200)
    store = Store.open(store_options)
    if database.kind == "sqlite":
        other = sqlite3.connect(store_options.data_dir / "axis.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        held = psycopg.connect(database.url)
        held.execute("LOCK TABLE leaf")
    with pytest.raises(Busy) as refused:
        await store.submit(made.accepted("H24.15").hot)
    assert refused.value.code is Code.OVERLOADED
    assert await store.version() == 1  # reads go on
    if database.kind == "sqlite":
        other.execute("ROLLBACK")
        other.close()
    else:
        held.rollback()
        held.close()
    await store.submit(made.accepted("H24.15").hot)
    await store.close()


async def test_a_function_that_reads_before_it_writes_is_not_overtaken_by_another_process(tmp_path: Path) -> None:
    store = Store.open(StoreOptions(url="sqlite:///axis.db", data_dir=tmp_path))
    other = sqlite3.connect(tmp_path / "axis.db", timeout=0, isolation_level=None, check_same_thread=False)

    def raise_version(c: Connection) -> int:
        read: int = c.execute(text("SELECT version FROM config_version")).scalar_one()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE config_version SET version = version + 1")
        c.execute(text("UPDATE config_version SET version = :v"), {"v": read + 1})
        return read

    assert await store.write(raise_version) == 1
    assert await store.version() == 2
    other.close()
    await store.close()


async def test_a_server_that_is_away_is_busy_and_may_come_back(postgres_database: Database, postgres: Postgres) -> None:
    store = Store.open(StoreOptions(url=postgres_database.url, data_dir=postgres_database.data_dir))
    name = postgres_database.url.split("/")[3].split("?")[0]
    await store.version()
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    cut_connections(postgres_database.url.replace(name, "postgres"), name)
    new = made.accepted("H24.15")
    with pytest.raises(Busy):
        await store.submit(new.hot)
    with pytest.raises(Busy):
        await store.version()
    postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await store.submit(new.hot)
    assert await store.version() == 1
    await store.close()


async def test_a_constraint_of_a_state_is_our_own_mistake(store: Store) -> None:
    new = made.accepted("H24.15")
    wrong = made.consignment(new.package.package_id, "H24.88", uplink_id="national")  # place is local
    with pytest.raises(Internal):
        await store.submit(Hot(inserts=(*new.hot.inserts, wrong)))


def cut_connections(url: str, name: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
