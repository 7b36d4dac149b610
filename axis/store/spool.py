"""Takes in a body of unknown length, and knows its digest when it ends.

Small bodies stay in memory; a larger one goes to a temporary file a block at a time, and a thread hashes and writes
the block, so that the event loop is never held. The last two bytes are kept back, since one protocol appends a CRLF
that may or may not belong to the package: the file that is kept never has to be copied or cut.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog

from axis.errors import Code, Malformed
from axis.store.faults import file_error

MEMORY_BYTES = 1 << 20
_CRLF = b"\r\n"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """The bytes of a package, until the spool's context is left."""

    content: bytes | Path  # in memory, or a temporary file
    sha256_hex: str
    size_bytes: int

    def read_bytes(self) -> bytes:
        """All of it; only for packages that are small or read in a thread."""
        return self.content if isinstance(self.content, bytes) else self.content.read_bytes()


class Spool:
    """Where one body goes. An async context manager: leaving it removes the temporary file.

    directory: for the temporary file. limit_bytes: more is refused. executor: the threads that do the file's work.
    memory_bytes: what may wait in memory; also the size of the blocks that are written.
    """

    def __init__(
        self, directory: Path, *, limit_bytes: int, executor: Executor | None = None, memory_bytes: int = MEMORY_BYTES
    ) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._executor = executor
        self._memory_bytes = max(memory_bytes, len(_CRLF))
        self._waiting = bytearray()  # not yet hashed and written; holds at least the last two bytes
        self._hash = hashlib.sha256()
        self._digests: dict[int, str] = {}  # by size: of the bytes so far, or so far without the last ones
        self._spilled_bytes = 0
        self._path: Path | None = None
        self._file: FileIO | None = None
        self._work: asyncio.Future[None] | None = None  # the thread's, while it writes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.discard()

    @property
    def size_bytes(self) -> int:
        """Bytes so far."""
        return self._spilled_bytes + len(self._waiting)

    @property
    def sha256_hex(self) -> str:
        """Digest of all bytes so far."""
        return self._digest(len(self._waiting))

    @property
    def sha256_hex_without_crlf(self) -> str | None:
        """Digest without the CRLF at the end; None when there is none."""
        return self._digest(len(self._waiting) - len(_CRLF)) if self._waiting.endswith(_CRLF) else None

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises Malformed(TOO_LARGE), Busy(DISK_FULL)."""
        if self.size_bytes + len(chunk) > self._limit_bytes:
            raise Malformed(Code.TOO_LARGE, f"more than {self._limit_bytes} bytes")
        self._waiting += chunk
        self._digests.clear()
        if len(self._waiting) > self._memory_bytes + len(_CRLF):
            await self._spill(len(self._waiting) - len(_CRLF))

    async def finish(self, *, drop_crlf: bool = False) -> Spooled:
        """No more bytes come. drop_crlf: the CRLF at the end does not belong to the package."""
        if drop_crlf and not self._waiting.endswith(_CRLF):
            raise ValueError("there is no CRLF to drop")
        if drop_crlf:
            del self._waiting[-len(_CRLF) :]
        size_bytes, sha256_hex = self.size_bytes, self.sha256_hex
        if self._spilled_bytes == 0:
            content = bytes(self._waiting)
            self._waiting.clear()
            return Spooled(content=content, sha256_hex=sha256_hex, size_bytes=size_bytes)
        await self._spill(len(self._waiting))
        await self._in_thread(self._close_file)
        assert self._path is not None  # noqa: S101 - _spill made it
        return Spooled(content=self._path, sha256_hex=sha256_hex, size_bytes=size_bytes)

    async def discard(self) -> None:
        """Forget everything, and remove the temporary file."""
        self._waiting.clear()
        if self._work is not None and not self._work.done():
            # The task was cancelled while the thread writes: only when it is done can the file go.
            try:
                with suppress(Exception):
                    await asyncio.shield(self._work)
            except asyncio.CancelledError:
                self._work.add_done_callback(lambda _: self._remove_file())
                raise
        if self._path is not None:
            await self._in_thread(self._remove_file)
            self._path = None

    def _digest(self, waiting_bytes: int) -> str:
        size_bytes = self._spilled_bytes + waiting_bytes
        if size_bytes not in self._digests:
            digest = self._hash.copy()
            digest.update(memoryview(self._waiting)[:waiting_bytes])
            self._digests[size_bytes] = digest.hexdigest()
        return self._digests[size_bytes]

    async def _spill(self, size_bytes: int) -> None:
        block = bytes(memoryview(self._waiting)[:size_bytes])
        del self._waiting[:size_bytes]
        self._spilled_bytes += size_bytes
        await self._in_thread(self._write_block, block)

    async def _in_thread(self, function: Callable[..., None], *arguments: bytes) -> None:
        loop = asyncio.get_running_loop()
        self._work = loop.run_in_executor(self._executor, function, *arguments)
        try:
            # Shielded: a cancelled task must not hide that the thread still uses the file.
            await asyncio.shield(self._work)
        except OSError as e:
            log.exception("spool_failed")
            raise file_error(e) from e

    def _write_block(self, block: bytes) -> None:
        if self._file is None:
            handle, name = tempfile.mkstemp(prefix="spool-", dir=self._directory)
            self._path = Path(name)
            self._file = FileIO(handle, "wb")
        self._hash.update(block)
        view = memoryview(block)
        while view:
            view = view[self._file.write(view) :]

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _remove_file(self) -> None:
        self._close_file()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
