"""Uploads that can be resumed: what is known of them in the database, their bytes as files of our own names.

A file is durable as far as the offset says before the offset says so; what lies behind it is overwritten. Uploads are
their system's only, expire, and are swept. They are never part of a package: whoever uses one copies it.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import structlog
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from axis.errors import Code, NotFound, Rejected
from axis.store.faults import file_error
from axis.store.records import Upload
from axis.store.rows import Query, values_of
from axis.store.schema import upload as table

CHUNK_BYTES = 256 << 10
_ID_CHARACTERS = 26

log = structlog.get_logger(__name__)
T = TypeVar("T")

_t = table.c
_mine = Query(Upload, _t.system_id == bindparam("of_system"), _t.upload_id == bindparam("of_upload"))


def add_upload(conn: Connection, row: Upload, most: int, most_bytes: int) -> None:
    """Begin an upload. Raises Rejected(UPLOADS_FULL) when the system has too many, or too large ones, already."""
    held = select(func.count(), func.coalesce(func.sum(_t.size_bytes), 0)).where(_t.system_id == row.system_id)
    count, size_bytes = conn.execute(held).one()
    if count >= most or int(size_bytes) + row.size_bytes > most_bytes:
        raise Rejected(Code.UPLOADS_FULL, f"{count} uploads of {size_bytes} bytes; at most {most} of {most_bytes}")
    conn.execute(insert(table).values(values_of(row)))


def find_upload(conn: Connection, system_id: str, upload_id: str, now: datetime) -> Upload:
    """An upload of a system. Raises NotFound; another system's, and one that has expired, is none."""
    found = _mine.one(conn, of_system=system_id, of_upload=upload_id)
    if found is None or found.expires_at <= now:
        raise NotFound(Code.NOT_FOUND, upload_id[:64])
    return found


def move_offset(conn: Connection, before: Upload, offset_bytes: int, expires_at: datetime) -> bool:
    """So many bytes are durable now. False when the upload is not any more as it was read."""
    same = (_t.upload_id == before.upload_id, _t.offset_bytes == before.offset_bytes)
    moved = update(table).where(*same).values(offset_bytes=offset_bytes, expires_at=expires_at)
    return bool(conn.execute(moved).rowcount)


def drop_upload(conn: Connection, system_id: str, upload_id: str) -> None:
    """Forget an upload; again, nothing happens."""
    conn.execute(delete(table).where(_t.system_id == system_id, _t.upload_id == upload_id))


def forget_uploads(conn: Connection, before: datetime, limit: int) -> int:
    """Remove uploads that expired before, at most `limit`. Returns how many there were. Their files are swept."""
    old = select(_t.upload_id).where(_t.expires_at < before).limit(limit)
    gone = conn.scalars(old).all()
    if gone:
        conn.execute(delete(table).where(_t.upload_id.in_(gone)))
    return len(gone)


def known_uploads(conn: Connection, upload_ids: Iterable[str]) -> frozenset[str]:
    """Those of the uploads that there are."""
    return frozenset(conn.scalars(select(_t.upload_id).where(_t.upload_id.in_(tuple(upload_ids)))))


class UploadFiles:
    """The files. executor: the threads that do their work."""

    def __init__(self, directory: Path, executor: Executor) -> None:
        self._directory = directory
        self._executor = executor

    def path(self, upload_id: str) -> Path:
        """Where an upload's bytes lie. Raises NotFound for what cannot be one of our ids."""
        if len(upload_id) != _ID_CHARACTERS or not upload_id.isascii() or not upload_id.isalnum():
            raise NotFound(Code.NOT_FOUND, "not an upload")
        return self._directory / upload_id

    async def write(self, upload_id: str, offset_bytes: int, content: bytes) -> None:
        """Write at an offset; durable when this returns. Raises Busy(DISK_FULL)."""
        await self._thread(_write_at, self.path(upload_id), offset_bytes, content)

    async def chunks(self, upload_id: str, size_bytes: int) -> AsyncIterator[bytes]:
        """The first bytes of an upload. Raises NotFound when they are not there."""
        path, at = self.path(upload_id), 0
        while at < size_bytes:
            chunk = await self._thread(_read_at, path, at, min(CHUNK_BYTES, size_bytes - at))
            if not chunk:
                raise NotFound(Code.NOT_FOUND, "the upload's bytes are gone")
            at += len(chunk)
            yield chunk

    async def remove(self, upload_id: str) -> None:
        """Remove the file, if there is one."""
        await self._thread(_remove, self.path(upload_id))

    async def names(self) -> tuple[str, ...]:
        """The ids of all files."""
        return await self._thread(_names, self._directory)

    async def _thread(self, function: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, function, *arguments)
        except OSError as e:
            log.exception("upload_file_failed")
            raise file_error(e) from e


def _write_at(path: Path, offset_bytes: int, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            written = os.pwrite(handle, view, offset_bytes)
            offset_bytes, view = offset_bytes + written, view[written:]
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_at(path: Path, offset_bytes: int, size_bytes: int) -> bytes:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(handle, size_bytes, offset_bytes)
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        path.unlink()


def _names(directory: Path) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in directory.iterdir() if len(path.name) == _ID_CHARACTERS))
