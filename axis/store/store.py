"""The door of this room: one Store per process.

Reads run on a few connections in threads, each on one snapshot; writes go to the one writer. Nothing here waits on the
event loop for a disk or a server.
"""

import asyncio
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import copy_context
from pathlib import Path
from typing import TypeVar

import psycopg
import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from axis.errors import AxisError
from axis.store import configuration
from axis.store.blobs import Blobs
from axis.store.engine import StoreOptions, Use, open_engine
from axis.store.faults import Fault, error_for, fault_of
from axis.store.hot import Hot
from axis.store.migrate import check_engine, migrate_engine
from axis.store.spool import MEMORY_BYTES, Spool
from axis.store.uploads import UploadFiles
from axis.store.writer import Writer

_FILE_THREADS = 4
_TEMPORARY = "tmp"
_ROWS_ON_LOOP = 500  # of a hot write, converted on the event loop: some 5 ms
_DATABASE_ERRORS = (DBAPIError, sqlite3.Error, psycopg.Error)

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Store:
    """Reads, writes and bytes. Made by `open`, ended by `close`."""

    def __init__(self, options: StoreOptions, folders: "_Folders") -> None:
        """For `open` only: the folders and the database stand ready."""
        self._options = options
        self._folders = folders
        self._write_engine = open_engine(options, Use.WRITE)
        self._read_engine = open_engine(options, Use.READ)
        self._readers = ThreadPoolExecutor(options.readers, thread_name_prefix="store-reader")
        self._idle: deque[Connection] = deque()  # reading connections that nobody uses now
        self._files = ThreadPoolExecutor(_FILE_THREADS, thread_name_prefix="store-file")
        self._writer = Writer(self._write_engine, group_size=options.group_size, waiting_units=options.waiting_units)
        self.uploads = UploadFiles(folders.uploads, self._files)
        self.blobs = Blobs(
            self, folders.blobs, folders.temporary, executor=self._files, inline_bytes=options.inline_blob_bytes
        )

    @classmethod
    def open(cls, options: StoreOptions) -> "Store":
        """Open the database; a new one gets its tables, temporary files of processes that died go.

        Blocks: it is for the start of a process. Raises Busy(DATABASE_OLD) when `axis migrate` is needed.
        """
        with _exclusive(options.data_dir):
            folders = _Folders(options.data_dir)
            engine = open_engine(options, Use.WRITE)
            try:
                migrate_engine(engine, only_new=True)
                check_engine(engine)
            except DBAPIError as e:
                folders.close()
                log.exception("store_open_failed")
                raise _told(e) from e
            except BaseException:
                folders.close()
                raise
            finally:
                engine.dispose()
        return cls(options, folders)

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a reading connection, on one snapshot. It can change nothing."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, copy_context().run, self._read, query)

    async def submit(self, hot: Hot) -> None:
        """Write rows and changes; durable when this returns. Raises Stale, Busy, Malformed(FIELD_INVALID).

        Cancelling the caller does not undo it: the write happens or not as if the caller still waited.
        """
        prepare = self._writer.sql.prepare
        if len(hot.inserts) + len(hot.changes) > _ROWS_ON_LOOP:
            prepared = await asyncio.get_running_loop().run_in_executor(self._files, prepare, hot)
        else:
            prepared = prepare(hot)
        await self._writer.put(prepared)

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run a function on the writer's connection; durable when this returns. What it raises undoes it.

        Raises Stale when a row is there already. Everybody's writes wait meanwhile: at most 50 ms, no network.
        """
        result: T = await self._writer.put(unit)
        return result

    async def version(self) -> int:
        """The configuration's version: raised by every change of it."""
        return await self.read(configuration.version)

    def spool(self, *, limit_bytes: int, memory_bytes: int = MEMORY_BYTES) -> Spool:
        """Where an incoming body goes: an async context manager. memory_bytes: more goes to a file."""
        return Spool(self._folders.temporary, limit_bytes=limit_bytes, executor=self._files, memory_bytes=memory_bytes)

    @property
    def temporary(self) -> Path:
        """This process's folder for what need not outlive it."""
        return self._folders.temporary

    @property
    def commits(self) -> int:
        """Transactions committed so far."""
        return self._writer.commits

    async def close(self) -> None:
        """Commit what waits, and let go of everything. Writes after this are refused."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._writer.close()
        self._readers.shutdown()
        self._files.shutdown()
        for connection in self._idle:
            connection.close()
        self._write_engine.dispose()
        self._read_engine.dispose()
        self._folders.close()

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            try:
                return self._read_once(query)
            except _DATABASE_ERRORS as e:
                if fault_of(e) not in (Fault.LOST, Fault.AGAIN):
                    raise
                self._forget_connections()
                return self._read_once(query)  # nothing has changed by the first try
        except _DATABASE_ERRORS as e:
            log.exception("store_read_failed")
            raise _told(e) from e

    def _read_once(self, query: Callable[[Connection], T]) -> T:
        """Read on a connection that is kept for the next one: the pool's own bookkeeping costs as much as a query."""
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._read_engine.connect()
        try:
            with connection.begin():
                result = query(connection)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        return result

    def _forget_connections(self) -> None:
        """After one was lost, the others of the same server are not to be trusted."""
        while self._idle:
            with suppress(IndexError):
                self._idle.pop().invalidate()


class _Folders:
    """This process's places in the data directory."""

    def __init__(self, data_dir: Path) -> None:
        """Call under `_exclusive`: what processes left that are no more is removed."""
        all_temporary = data_dir / _TEMPORARY
        self.blobs = data_dir / "blobs"
        self.uploads = data_dir / "uploads"
        for folder in (self.blobs, self.uploads):
            folder.mkdir(mode=0o700, exist_ok=True)
        for left in all_temporary.iterdir():
            if left.is_dir() and not _is_held(left):
                shutil.rmtree(left, ignore_errors=True)
        self.temporary = Path(tempfile.mkdtemp(prefix="run-", dir=all_temporary))
        self._handle = _hold(self.temporary)

    def close(self) -> None:
        """Remove the temporary folder."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        os.close(self._handle)


@contextmanager
def _exclusive(data_dir: Path) -> Iterator[None]:
    """Only one process at a time opens a data directory, so that one makes the tables and the others find them."""
    folder = data_dir / _TEMPORARY
    for made in (data_dir, folder):
        made.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _hold(folder: Path) -> int:
    """Lock a folder for as long as this process lives: the kernel lets go of it when the process ends, however."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _is_held(folder: Path) -> bool:
    try:
        os.close(_hold(folder))
    except BlockingIOError:
        return True
    return False


def _told(error: Exception) -> AxisError:
    fault = fault_of(error)
    return error_for(Fault.BROKEN if fault is Fault.STALE else fault)
