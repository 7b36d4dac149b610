"""What a database error means, whichever driver raised it."""

import errno
import sqlite3
from enum import Enum

import psycopg
from sqlalchemy.exc import DBAPIError

from axis.errors import AxisError, Busy, Code, Internal
from axis.store.hot import Stale


class Fault(Enum):
    """What to do about an error in a transaction."""

    STALE = "stale"  # the world moved: the use case decides anew
    AGAIN = "again"  # another transaction was in the way: the same may do now
    LOST = "lost"  # the connection is gone
    LOCKED = "locked"  # another process holds the database for too long
    FULL = "full"  # no room on the disk
    BROKEN = "broken"  # anything else: our fault, or the disk's


_SQLITE = {
    sqlite3.SQLITE_CONSTRAINT_UNIQUE: Fault.STALE,
    sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY: Fault.STALE,
    sqlite3.SQLITE_CONSTRAINT_ROWID: Fault.STALE,
    sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY: Fault.AGAIN,
    sqlite3.SQLITE_BUSY: Fault.LOCKED,
    sqlite3.SQLITE_BUSY_SNAPSHOT: Fault.AGAIN,
    sqlite3.SQLITE_LOCKED: Fault.LOCKED,
    sqlite3.SQLITE_FULL: Fault.FULL,
}
# A foreign key fails rightly when a sweep took an old blob's row between our finding it there and our
# referring to it: run again, the row is inserted.
_POSTGRES = {
    "23505": Fault.STALE,  # unique_violation
    "23503": Fault.AGAIN,  # foreign_key_violation
    "40001": Fault.AGAIN,  # serialization_failure
    "40P01": Fault.AGAIN,  # deadlock_detected
    "55P03": Fault.LOCKED,  # lock_not_available
    "53100": Fault.FULL,  # disk_full
    "53300": Fault.LOST,  # too_many_connections
    "57P01": Fault.LOST,  # admin_shutdown
    "57P02": Fault.LOST,  # crash_shutdown
    "57P03": Fault.LOST,  # cannot_connect_now
    "57P05": Fault.LOST,  # idle_session_timeout
    "25P03": Fault.LOST,  # idle_in_transaction_session_timeout
    "25006": Fault.LOST,  # read_only_sql_transaction: we still hold a server that is now a standby
}


def fault_of(error: BaseException) -> Fault:
    """The kind of an error that came out of a transaction."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    if isinstance(cause, Stale):
        return Fault.STALE
    if isinstance(cause, sqlite3.Error):
        return _SQLITE.get(getattr(cause, "sqlite_errorcode", 0), Fault.BROKEN)
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate
        if state is not None:
            return Fault.LOST if state.startswith("08") else _POSTGRES.get(state, Fault.BROKEN)
        # Without a state the server did not answer: the line is cut.
        return Fault.LOST if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) else Fault.BROKEN
    return Fault.BROKEN


def error_for(fault: Fault) -> AxisError:
    """What the caller of a failed read or write is told (of a STALE write: Stale, which is no error)."""
    match fault:
        case Fault.FULL:
            return Busy(Code.DISK_FULL, "the database has no room left")
        case Fault.LOST:
            return Busy(Code.OVERLOADED, "the database cannot be reached")
        case Fault.LOCKED:
            return Busy(Code.OVERLOADED, "another process holds the database")
        case _:
            return Internal("the database refused; the log tells why")


def file_error(error: OSError) -> AxisError:
    """What the caller is told when a file could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Busy(Code.DISK_FULL, "the data directory has no room left")
    return Internal("a file could not be written; the log tells why")
