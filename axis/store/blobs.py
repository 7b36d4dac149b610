"""The bytes of packages: small ones in a table, larger ones as files named by their digest.

A file is complete and durable before it has its name, and has its name before a row refers to it; so a crash leaves
at worst a file that nothing refers to, which a sweep removes after a day of grace.
"""

import asyncio
import errno
import os
import re
import secrets
import shutil
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection, delete, exists, select

from axis.errors import Code, Internal, NotFound
from axis.store.faults import file_error
from axis.store.records import Blob
from axis.store.schema import blob, draft_file, original, package, revocation, time_proof, verdict_evidence
from axis.store.spool import Spooled

CHUNK_BYTES = 256 * 1024
_SWEEP_ROWS = 200  # in one transaction
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")

log = structlog.get_logger(__name__)
T = TypeVar("T")


class Database(Protocol):
    """What is needed of the store."""

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query."""
        ...

    async def write(self, unit: Callable[[Connection], T]) -> T:
        """Run and commit a unit of work."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep removed."""

    files: int
    rows: int


class Blobs:
    """Keeps and gives the bytes of packages.

    directory: for the files; temporary: on the same file system. executor: the threads that do the files' work.
    """

    def __init__(
        self, database: Database, directory: Path, temporary: Path, *, executor: Executor, inline_bytes: int
    ) -> None:
        self._database = database
        self._directory = directory
        self._temporary = temporary
        self._executor = executor
        self._inline_bytes = inline_bytes

    async def record(self, spooled: Spooled, at: datetime) -> Blob:
        """The row for these bytes; what is too large for a row is a durable file when this returns.

        Raises Busy(DISK_FULL).
        """
        content: bytes | None = None
        if spooled.size_bytes <= self._inline_bytes:
            content = spooled.content if isinstance(spooled.content, bytes) else await self._thread(spooled.read_bytes)
        else:
            await self.keep(spooled)
        return Blob(sha256_hex=spooled.sha256_hex, size_bytes=spooled.size_bytes, content=content, created_at=at)

    async def keep(self, spooled: Spooled) -> None:
        """Make the bytes a durable file. The same content twice is one file. Raises Busy(DISK_FULL)."""
        await self._thread(self._keep, spooled)

    def path(self, sha256_hex: str) -> Path:
        """Where the file of this digest lies, if it is one. Raises NotFound for what is no digest."""
        if not _DIGEST.match(sha256_hex):
            raise NotFound(Code.NOT_FOUND, "not a digest")
        return self._directory / sha256_hex[:2] / sha256_hex[2:4] / sha256_hex

    async def read_bytes(self, sha256_hex: str) -> bytes:
        """All bytes at once: for small packages. Raises NotFound."""
        return b"".join([chunk async for chunk in self.chunks(sha256_hex)])

    async def chunks(self, sha256_hex: str, size: int = CHUNK_BYTES) -> AsyncGenerator[bytes]:
        """The bytes, `size` at a time. Raises NotFound before the first."""
        row = await self._database.read(lambda connection: _content(connection, sha256_hex))
        if row is None:
            raise NotFound(Code.NOT_FOUND, "no such package content")
        content, _ = row
        if content is not None:
            for start in range(0, len(content), size):
                yield content[start : start + size]
            return
        file = _File(await self._thread(self._open, sha256_hex), self._executor)
        try:
            while chunk := await file.read(size):
                yield chunk
        finally:
            file.close()

    async def sweep(self, older_than: datetime) -> Swept:
        """Remove rows and files that nothing refers to and that are older than `older_than`.

        May run beside uploads of the same content, in this process or another.
        """
        rows = 0
        while removed := await self._database.write(lambda connection: _sweep_rows(connection, older_than)):
            rows += removed
        files = 0
        names = await self._thread(self._old_files, older_than)
        for start in range(0, len(names), _SWEEP_ROWS):
            some = names[start : start + _SWEEP_ROWS]
            unknown = await self._unknown(some)
            for name in unknown:
                files += await self._sweep_file(name, older_than)
            await self._thread(self._put_all_back, set(some).difference(unknown))
        if rows or files:
            log.info("blobs_swept", rows=rows, files=files)
        return Swept(files=files, rows=rows)

    async def _unknown(self, names: Sequence[str]) -> list[str]:
        known = await self._database.read(lambda connection: _known(connection, names))
        return [name for name in names if name not in known]

    async def _sweep_file(self, name: str, older_than: datetime) -> bool:
        """Move the file aside, look again, and remove it or put it back.

        An upload of the same content either touches the file while it is in its place (then it is young when we look
        again, and goes back) or does not find it and makes its own.
        """
        path = self.path(name)
        aside = _aside(path)
        with suppress(FileNotFoundError):  # moved aside by a sweep that was cut off, perhaps
            await self._thread(path.rename, aside)
        unknown = bool(await self._unknown([name]))
        if unknown and await self._thread(_older, aside, older_than):
            await self._thread(aside.unlink)
            return True
        await self._thread(self._put_back, aside, path)
        return False

    async def _thread(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        except FileNotFoundError:
            raise
        except OSError as e:
            log.exception("blob_file_failed")
            raise file_error(e) from e

    # Below: in threads.

    def _keep(self, spooled: Spooled) -> None:
        target = self.path(spooled.sha256_hex)
        try:
            os.utime(target)  # young again, so that no sweep takes it
            known = target.stat().st_size == spooled.size_bytes
        except FileNotFoundError:
            known = False
        if not known:
            self._make(spooled, target)
        # Even when another upload made it: that one may not have come this far.
        _sync_directory(target.parent)

    def _make(self, spooled: Spooled, target: Path) -> None:
        fresh = self._temporary / f"blob-{spooled.sha256_hex}-{secrets.token_hex(4)}"
        try:
            if isinstance(spooled.content, bytes):
                fresh.write_bytes(spooled.content)
            else:
                _link_or_copy(spooled.content, fresh)  # the spool's own name goes with the spool
            with fresh.open("rb") as file:
                os.fsync(file.fileno())
            self._make_directories(target.parent)
            fresh.replace(target)
        finally:
            fresh.unlink(missing_ok=True)

    def _make_directories(self, directory: Path) -> None:
        missing = [d for d in (directory, directory.parent) if not d.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        for made in reversed(missing):
            _sync_directory(made.parent)

    def _open(self, sha256_hex: str) -> int:
        path = self.path(sha256_hex)
        # A sweep may be moving it aside and back just now.
        for place in (path, _aside(path), path):
            with suppress(FileNotFoundError):
                return os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        log.error("blob_file_missing", sha256_hex=sha256_hex)
        raise Internal("a package's file is missing")

    def _old_files(self, older_than: datetime) -> list[str]:
        """Digests of files that may be removed. What a sweep left aside counts as the file itself."""
        return [
            path.stem
            for path in self._directory.glob("[0-9a-f][0-9a-f]/[0-9a-f][0-9a-f]/*")
            if _DIGEST.match(path.stem) and _older(path, older_than)
        ]

    def _put_all_back(self, names: Iterable[str]) -> None:
        """Of files that rows refer to, those that a sweep left aside that was cut off."""
        for path in map(self.path, names):
            if _aside(path).exists():
                self._put_back(_aside(path), path)

    def _put_back(self, aside: Path, path: Path) -> None:
        with suppress(FileNotFoundError):  # there was none
            os.utime(aside)  # young: if an upload made its own meanwhile, this one takes its place
            aside.replace(path)
        _sync_directory(path.parent)


def _aside(path: Path) -> Path:
    """Where a sweep puts a file while it looks again; beside it, so that no restart can lose it."""
    return path.with_suffix(".aside")


class _File:
    """A file that is read in threads, and never closed under a thread that still reads it."""

    def __init__(self, handle: int, executor: Executor) -> None:
        self._handle = handle
        self._executor = executor
        self._work: asyncio.Future[bytes] | None = None

    async def read(self, size: int) -> bytes:
        """The next bytes; none at the end."""
        self._work = asyncio.get_running_loop().run_in_executor(self._executor, os.read, self._handle, size)
        return await asyncio.shield(self._work)

    def close(self) -> None:
        """Let go of the file, at the latest when the thread is done with it."""
        if self._work is None or self._work.done():
            os.close(self._handle)
        else:
            self._work.add_done_callback(lambda _: os.close(self._handle))


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as e:
        if e.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copyfile(source, target)  # a file system without links


def _older(path: Path, than: datetime) -> bool:
    try:
        return path.stat().st_mtime < than.timestamp()
    except FileNotFoundError:
        return False


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _content(connection: Connection, sha256_hex: str) -> tuple[bytes | None, int] | None:
    row = connection.execute(select(blob.c.content, blob.c.size_bytes).where(blob.c.sha256_hex == sha256_hex)).first()
    return None if row is None else (row.content, row.size_bytes)


def _known(connection: Connection, names: Sequence[str]) -> frozenset[str]:
    return frozenset(connection.scalars(select(blob.c.sha256_hex).where(blob.c.sha256_hex.in_(names))))


def _sweep_rows(connection: Connection, older_than: datetime) -> int:
    """Remove some rows that nothing refers to."""
    users = (
        package.c.sha256_hex,
        original.c.sha256_hex,
        draft_file.c.sha256_hex,
        verdict_evidence.c.sha256_hex,
        revocation.c.sha256_hex,
        time_proof.c.token_sha256,
    )
    unused = select(blob.c.sha256_hex).where(
        blob.c.created_at < older_than, *(~exists().where(user == blob.c.sha256_hex) for user in users)
    )
    names = connection.scalars(unused.limit(_SWEEP_ROWS)).all()
    if not names:
        return 0
    # Asked again in the statement itself: on PostgreSQL another node may have begun to use one.
    connection.execute(delete(blob).where(blob.c.sha256_hex.in_(names), blob.c.sha256_hex.in_(unused)))
    return len(names)
