"""The one writer of a process: a thread with one connection that commits what waits, a group at a time.

A commit costs a sync of the disk, and PostgreSQL a round trip for each statement; both are shared by all units of work
that arrived while the commit before was under way. What a caller sees is as if its unit had a transaction of its
own: it all happened, durably, when the answer comes, or nothing of it did.

One bad unit never fails another: when a group fails, its units run again, each in its own transaction.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any

import psycopg
import structlog
from sqlalchemy import Connection, Engine, RootTransaction
from sqlalchemy.exc import DBAPIError

from axis.errors import AxisError, Busy, Code, Internal
from axis.store.faults import Fault, error_for, fault_of
from axis.store.hot import Stale
from axis.store.hotsql import Prepared, hot_sql

_PAUSES_S = (0.05, 0.1, 0.2)  # before another try
_WORTH_ANOTHER_TRY = (Fault.AGAIN, Fault.LOST)
_ALL_ALIKE = (Fault.LOST, Fault.LOCKED, Fault.FULL)  # faults of the database, not of one unit among others

log = structlog.get_logger(__name__)

Function = Callable[[Connection], Any]


@dataclass(frozen=True, slots=True)
class _Unit:
    work: Prepared | Function
    future: asyncio.Future[Any]
    context: Context  # the caller's, so that log lines bear its correlation id


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


class _CommitUnknown(Exception):
    """The connection broke while COMMIT was under way: it may have happened."""


class Writer:
    """Commits units of work in groups."""

    def __init__(self, engine: Engine, *, group_size: int, waiting_units: int) -> None:
        self.commits = 0  # transactions that were committed
        self.units = 0  # units of work that were answered
        self.sql = hot_sql(engine.dialect.name)
        self._engine = engine
        self._group_size = group_size
        self._waiting_units = waiting_units
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._closing = False
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def put(self, work: Prepared | Function) -> asyncio.Future[Any]:
        """Hand in a unit; the future is done after its commit. Raises Busy when closed or when too many wait."""
        if self._closing:
            raise Busy(Code.OVERLOADED, "the store is closing")
        if self._queue.qsize() >= self._waiting_units:
            raise Busy(Code.OVERLOADED, "too many writes are waiting", retry_after_s=5)
        future = asyncio.get_running_loop().create_future()
        self._queue.put(_Unit(work, future, copy_context()))
        return future

    def close(self) -> None:
        """Commit what waits, then stop. Blocks; call it from a thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        self._thread.join()

    # Everything below runs in the writer's thread.

    def _run(self) -> None:
        while (unit := self._queue.get()) is not None:
            group, stop = self._take(unit)
            try:
                outcomes = self._settle(group)
            except Exception:
                log.exception("store_group_failed", units=len(group))
                outcomes = [_Outcome(error=Internal("the writer failed; the log tells why"))] * len(group)
            self.units += len(group)
            _answer(group, outcomes)
            if stop:
                break
        self._drop_connection()

    def _take(self, first: _Unit) -> tuple[list[_Unit], bool]:
        """The group: the first unit and whatever waits behind it. True when the writer is to stop after it."""
        group = [first]
        while len(group) < self._group_size:
            try:
                unit = self._queue.get_nowait()
            except queue.Empty:
                break
            if unit is None:
                return group, True
            group.append(unit)
        return group, False

    def _settle(self, group: Sequence[_Unit]) -> list[_Outcome]:
        """Commit the group together, tried again where that can help, else each unit by itself."""
        for pause_s in (*_PAUSES_S, None):
            try:
                return self._transaction(group)
            except _CommitUnknown:
                return self._settle_unknown(group)
            except Exception as e:  # noqa: BLE001 - sorted here; each unit's caller is told
                error, fault = e, fault_of(e)
            if fault in (Fault.LOST, Fault.BROKEN):
                self._drop_connection()
            if len(group) > 1 and fault not in _ALL_ALIKE:
                log.debug("store_group_split", units=len(group), fault=fault.value)
                return [outcome for unit in group for outcome in self._settle([unit])]
            if pause_s is None or fault not in _WORTH_ANOTHER_TRY:
                break
            time.sleep(pause_s)
        if fault in _ALL_ALIKE:
            log.error("store_unavailable", fault=fault.value, units=len(group), exc_info=error)
            return [_Outcome(error=error_for(fault)) for _ in group]
        return [_failed(unit, error, fault) for unit in group]

    def _settle_unknown(self, group: Sequence[_Unit]) -> list[_Outcome]:
        """The connection broke at COMMIT, which may have happened or not.

        Hot writes run again: what they insert and change is guarded, so if it happened they become Stale, and their use
        case finds its own work done. A function has no such guard, and never runs twice: its caller has to look.
        """
        again = iter(self._settle([unit for unit in group if not callable(unit.work)]))
        unknown = _Outcome(error=Busy(Code.OVERLOADED, "the database was lost at the commit; look before repeating"))
        return [unknown if callable(unit.work) else next(again) for unit in group]

    def _transaction(self, group: Sequence[_Unit]) -> list[_Outcome]:
        """All units in one transaction; returns when it is durable."""
        if not group:
            return []
        connection = self._connected()
        with connection.begin() as transaction:
            hot = [unit.work for unit in group if not callable(unit.work)]
            if hot:
                with closing(_driver(connection).cursor()) as cursor:
                    self.sql.run(cursor, hot)
            outcomes = [
                self._call(connection, unit.work, unit.context) if callable(unit.work) else _Outcome() for unit in group
            ]
            self._commit(connection, transaction)
        self.commits += 1
        return outcomes

    def _call(self, connection: Connection, function: Function, context: Context) -> _Outcome:
        """Run a function in a SAVEPOINT. Raises when the whole transaction is in doubt."""
        try:
            with connection.begin_nested():
                return _Outcome(value=context.run(function, connection))
        except (AxisError, Stale) as e:
            return _Outcome(error=e)
        except (DBAPIError, sqlite3.Error, psycopg.Error) as e:
            # After some errors the database has ended the transaction, savepoints and all: not after this one.
            if fault_of(e) is not Fault.STALE:
                raise
            return _Outcome(error=Stale())
        except Exception:  # noqa: BLE001 - logged; one unit's mistake must not stop the others
            context.run(log.exception, "store_unit_failed")
            return _Outcome(error=Internal("a write failed; the log tells why"))

    def _commit(self, connection: Connection, transaction: RootTransaction) -> None:
        driver = _driver(connection)
        # sqlite3's commit() says nothing when there is no transaction any more.
        if isinstance(driver, sqlite3.Connection) and not driver.in_transaction:
            raise Internal("the database ended the transaction by itself")
        try:
            transaction.commit()
        except Exception as e:
            self._drop_connection()
            if fault_of(e) is Fault.LOST:
                raise _CommitUnknown from e
            raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _drop_connection(self) -> None:
        """Close the connection for good; whatever transaction it was in ends undone."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # it is being thrown away
                connection.invalidate()
            with suppress(Exception):
                connection.close()


def _driver(connection: Connection) -> Any:  # noqa: ANN401 - sqlite3.Connection or psycopg.Connection
    return connection.connection.driver_connection


def _failed(unit: _Unit, error: Exception, fault: Fault) -> _Outcome:
    if isinstance(error, AxisError):
        return _Outcome(error=error)
    if fault is Fault.STALE:
        return _Outcome(error=Stale())
    unit.context.run(log.error, "store_unit_failed", fault=fault.value, exc_info=error)
    return _Outcome(error=error_for(fault))


def _answer(group: Sequence[_Unit], outcomes: Sequence[_Outcome]) -> None:
    """Give every caller its outcome, waking each event loop once."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = {}
    for unit, outcome in zip(group, outcomes, strict=True):
        by_loop.setdefault(unit.future.get_loop(), []).append((unit.future, outcome))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:  # the loop is closed: nobody waits any more, the writes stand
            log.warning("store_caller_gone", units=len(answers))


def _resolve(answers: Sequence[tuple[asyncio.Future[Any], _Outcome]]) -> None:
    for future, outcome in answers:
        if future.done():  # its task was cancelled; the write happened or failed all the same
            continue
        if outcome.error is None:
            future.set_result(outcome.value)
        else:
            future.set_exception(outcome.error)
