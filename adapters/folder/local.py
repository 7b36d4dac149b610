"""Files of this machine as a place. Every call goes to a thread: a share may be slow.

Paths are never put together: each folder is opened below the root, each file below its folder, and neither by a link.
"""

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import ParamSpec, TypeVar

from adapters.checking import Fault, Trouble
from adapters.filing.place import MOST_ENTRIES, Entry, EntryKind, Gone, Spot
from axis.pieces import PIECE_BYTES

P = ParamSpec("P")
T = TypeVar("T")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # O_NONBLOCK: a pipe must not hold the thread
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = {errno.ENOENT, errno.ENOTDIR}


class LocalPlace:
    """One folder of this machine."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        """What lies in a folder."""
        return await _run(self._entries, folder)

    async def stat(self, spot: Spot) -> Entry | None:
        """What lies at a spot."""
        return await _run(self._stat, spot)

    async def move(self, spot: Spot, to: Spot) -> bool:
        """Rename, and have both folders on the disk."""
        return await _run(self._move, spot, to)

    async def remove(self, spot: Spot) -> bool:
        """Remove a file."""
        return await _run(self._remove, spot)

    async def make(self, folder: str) -> None:
        """Make a folder in the root."""
        await _run(self._make, folder)

    async def close(self) -> None:
        """Nothing is held."""

    @asynccontextmanager
    async def read(self, spot: Spot, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file's bytes."""
        handle = await _handle(self._open, spot, start)
        try:
            yield _pieces(handle)
        finally:
            os.close(handle)

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:  # noqa: ARG002 - the port
        """Write a new file; on the disk when this returns."""
        handle = await _handle(self._create, spot)
        try:
            async for piece in content:
                await _run(_write_all, handle, piece)
            await _run(os.fsync, handle)
        finally:
            os.close(handle)

    # ── in threads ─────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _folder(self, name: str | None = None) -> Iterator[int]:
        root = os.open(self._root, _FOLDER)
        try:
            if name is None:
                yield root
                return
            folder = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=root)
            try:
                yield folder
            finally:
                os.close(folder)
        finally:
            os.close(root)

    def _entries(self, name: str) -> tuple[Entry, ...]:
        with self._folder(name) as folder, os.scandir(folder) as found:
            return tuple(entry for one in islice(found, MOST_ENTRIES) if (entry := _looked_at(one)) is not None)

    def _stat(self, spot: Spot) -> Entry | None:
        with self._folder(spot.folder) as folder:
            try:
                return _entry(spot.name, os.stat(spot.name, dir_fd=folder, follow_symlinks=False))
            except FileNotFoundError:
                return None

    def _open(self, spot: Spot, start: int) -> int:
        with self._folder(spot.folder) as folder:
            try:
                handle = os.open(spot.name, _READ, dir_fd=folder)
            except OSError as e:
                if e.errno in {errno.ENOENT, errno.ELOOP, errno.ENXIO}:
                    raise Gone(spot.name) from e
                raise
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise Gone(spot.name)
        os.lseek(handle, start, os.SEEK_SET)
        return handle

    def _create(self, spot: Spot) -> int:
        with self._folder(spot.folder) as folder:
            return os.open(spot.name, _CREATE, 0o666, dir_fd=folder)  # the umask decides who may read it

    def _move(self, spot: Spot, to: Spot) -> bool:
        with self._folder(spot.folder) as source, self._folder(to.folder) as target:
            try:
                os.rename(spot.name, to.name, src_dir_fd=source, dst_dir_fd=target)
            except FileNotFoundError:
                return False
            os.fsync(target)
            os.fsync(source)
        return True

    def _remove(self, spot: Spot) -> bool:
        with self._folder(spot.folder) as folder:
            try:
                os.unlink(spot.name, dir_fd=folder)
            except FileNotFoundError:
                return False
            os.fsync(folder)
        return True

    def _make(self, name: str) -> None:
        with self._folder() as root:
            try:
                os.mkdir(name, dir_fd=root)
            except FileExistsError:
                pass
            else:
                os.fsync(root)
        with self._folder(name):
            pass  # it is a folder, and no link to one


def _looked_at(one: "os.DirEntry[str]") -> Entry | None:
    try:
        return _entry(one.name, one.stat(follow_symlinks=False))
    except FileNotFoundError:
        return None  # gone since the listing began


def _entry(name: str, found: os.stat_result) -> Entry:
    kind = EntryKind.OTHER
    if stat.S_ISREG(found.st_mode):
        kind = EntryKind.FILE
    elif stat.S_ISDIR(found.st_mode):
        kind = EntryKind.FOLDER
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    return Entry(name=name, kind=kind, size_bytes=found.st_size, modified_at=modified_at)


async def _pieces(handle: int) -> AsyncIterator[bytes]:
    while piece := await _run(os.read, handle, PIECE_BYTES):
        yield piece


def _write_all(handle: int, piece: bytes) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]


async def _run(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """In a thread, to its end: what it holds is let go of before a cancelled caller goes on."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
    except OSError as e:
        raise _trouble(e) from e


async def _handle(work: Callable[P, int], *arguments: P.args, **named: P.kwargs) -> int:
    """The same for what opens a file, which is closed when nobody waits for it any more."""
    task = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and task.exception() is None:
            os.close(task.result())
        raise
    except OSError as e:
        raise _trouble(e) from e


def _trouble(error: OSError) -> Trouble:
    words = error.strerror or type(error).__name__
    if error.errno in _ABSENT or error.errno == errno.ELOOP:
        return Trouble(Fault.FOLDER_MISSING, words)
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Trouble(Fault.NO_SPACE, words)
    if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return Trouble(Fault.NOT_WRITABLE, words)
    return Trouble(Fault.OTHER, words)
