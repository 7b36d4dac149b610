"""Takes stored packages apart for those who download one file: a few at a time, in folders that go afterwards.

The file is read again out of the package, and is what it was when the package came in, or nothing goes out.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from axis.edxml.model import Attachment as Decoded
from axis.edxml.model import DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.zips import Opened, as_it_was
from axis.errors import Busy, Code, Internal
from axis.store.records import Attachment
from axis.store.store import Store

_AT_ONCE = 2  # packages that are taken apart at a time
_WAITING = 16
_RETRY_AFTER_S = 10


class Unpacking:
    """Gives files of stored packages.

    scratch: a folder for decoded files, on a disk that can hold a package.
    """

    def __init__(self, store: Store, limits: Limits, scratch: Path) -> None:
        self._store = store
        self._limits = limits
        self._scratch = scratch
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    @asynccontextmanager
    async def file(self, sha256_hex: str, row: Attachment) -> AsyncIterator[Opened]:
        """One file of the package with this digest, as its author had it, as long as the context lasts.

        Raises Busy(OVERLOADED) when too many want one, Internal when the package gives another file than it did.
        """
        async with self._room() as folder:
            file = await self._unpack(sha256_hex, row.position, folder)
            if file.sha256_hex != row.sha256_hex or not isinstance(file.content, Path):
                raise Internal("a stored package gives another file than when it came in")
            yield await asyncio.to_thread(as_it_was, file, file.content, self._limits)

    @asynccontextmanager
    async def files(self, sha256_hex: str, rows: Sequence[Attachment]) -> AsyncIterator[tuple[Opened, ...]]:
        """Every file of the package, in the rows' order; as `file`."""
        async with self._room() as folder:
            package = await self._read(sha256_hex, folder)
            opened = []
            for row in rows:
                file = _at(package, row.position)
                if file.sha256_hex != row.sha256_hex or not isinstance(file.content, Path):
                    raise Internal("a stored package gives another file than when it came in")
                opened.append(await asyncio.to_thread(as_it_was, file, file.content, self._limits))
            yield tuple(opened)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[Path]:
        """A folder to take a package apart in. Raises Busy(OVERLOADED) when too many want one."""
        if self._waiting >= _WAITING:
            raise Busy(Code.OVERLOADED, "too many downloads at once", retry_after_s=_RETRY_AFTER_S)
        self._waiting += 1
        try:
            async with self._turn:
                folder = TemporaryDirectory(prefix="download-", dir=self._scratch)
                try:
                    yield Path(folder.name)
                finally:
                    # In a thread, for large files go slowly; shielded, for a node that stops still cleans up.
                    await asyncio.shield(asyncio.to_thread(folder.cleanup))
        finally:
            self._waiting -= 1

    async def _unpack(self, sha256_hex: str, position: int, folder: Path) -> Decoded:
        return _at(await self._read(sha256_hex, folder), position)

    async def _read(self, sha256_hex: str, folder: Path) -> object:
        """Read the package again, from bytes that are copied out of the store a block at a time."""
        source = folder / "package"
        # Opened here: a thread's handle would be lost when the wait for it is cancelled.
        with source.open("wb") as copy:
            async for chunk in self._store.blobs.chunks(sha256_hex):
                await asyncio.to_thread(copy.write, chunk)
        return await asyncio.to_thread(read, source, limits=self._limits, spool_dir=folder)


def _at(package: object, position: int) -> Decoded:
    """A file of a package that was read."""
    if not isinstance(package, DocumentPackage) or position >= len(package.attachments):
        raise Internal("a stored package has fewer files than when it came in")
    return package.attachments[position]
