"""A file inside a package: decoded from its base64 text piece by piece, measured, and kept or not.

Nothing here holds a whole file in memory unless the caller asked for bytes. Files on disk get names of our own; the
attachment's name never touches a path.
"""

import binascii
import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import pybase64

from axis.edxml.media import Sniffer
from axis.errors import Code, Malformed

_DECODE_BYTES = 48 << 10  # base64 text is gathered until it is worth a call
_BLANK = b" \t\r\n"
_SCRATCH_IN_MEMORY = 1 << 20
_ZIP_MAGIC = b"PK\x03\x04"


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Part of an open file."""

    file: IO[bytes]
    start: int
    size_bytes: int


Source = bytes | Path | Slice


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A decoded file."""

    size_bytes: int
    sha256_hex: str
    media_type: str  # by its bytes
    kept: Source | None  # None: only measured


class Measure:
    """Size, digest and media type of bytes that pass."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self.sniffer = Sniffer()
        self._sha256 = hashlib.sha256()

    def feed(self, chunk: bytes) -> None:
        """The next bytes."""
        self.size_bytes += len(chunk)
        self.sniffer.feed(chunk)
        self._sha256.update(chunk)

    def content(self, kept: Source | None) -> Content:
        """What was measured."""
        return Content(
            size_bytes=self.size_bytes,
            sha256_hex=self._sha256.hexdigest(),
            media_type=self.sniffer.media_type(),
            kept=kept,
        )


class Keeper(Protocol):
    """Where a decoded file goes."""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        ...

    def finish(self, sniffer: Sniffer) -> Source | None:
        """The file is complete."""
        ...


class Shelf:
    """The decoded files of one package: makes their keepers, and clears away when the package is refused."""

    def __init__(self, *, in_memory: bool, spool_dir: Path | None, scratch_dir: Path | None) -> None:
        """in_memory: keep as bytes; else in files of spool_dir; else not at all, ZIPs excepted while they are read."""
        self._in_memory = in_memory
        self._spool_dir = spool_dir
        self._scratch_dir = str(scratch_dir) if scratch_dir else None
        self._in_files: list[_InFile] = []
        self._scratch: IO[bytes] | None = None

    def keeper(self) -> Keeper:
        """A place for one more file, after the one before is finished."""
        if self._in_memory:
            return _InMemory()
        if self._spool_dir is None:
            if self._scratch is None:
                self._scratch = tempfile.SpooledTemporaryFile(_SCRATCH_IN_MEMORY, dir=self._scratch_dir)  # noqa: SIM115
            return _InScratch(self._scratch)
        keeper = _InFile(self._spool_dir)
        self._in_files.append(keeper)
        return keeper

    def close(self, *, refused: bool) -> None:
        """Nothing is read any more. refused: remove the files too."""
        if self._scratch:
            self._scratch.close()
        for keeper in self._in_files:
            keeper.close(refused=refused)


class _InMemory:
    def __init__(self) -> None:
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> None:
        self._chunks.append(chunk)

    def finish(self, _sniffer: Sniffer) -> bytes:
        return b"".join(self._chunks)


class _InFile:
    def __init__(self, spool_dir: Path) -> None:
        handle, name = tempfile.mkstemp(prefix="edxml-", dir=spool_dir)  # mode 0600
        self._file = os.fdopen(handle, "wb")
        self._path = Path(name)

    def write(self, chunk: bytes) -> None:
        self._file.write(chunk)

    def finish(self, _sniffer: Sniffer) -> Path:
        self._file.close()
        return self._path

    def close(self, *, refused: bool) -> None:
        self._file.close()
        if refused:
            self._path.unlink(missing_ok=True)


class _InScratch:
    """Only measured. What begins like a ZIP goes to the package's one nameless file, so that it can be unpacked."""

    def __init__(self, scratch: IO[bytes]) -> None:
        self._scratch = scratch
        self._start = scratch.tell()
        self._head = b""
        self._is_zip: bool | None = None

    def write(self, chunk: bytes) -> None:
        if self._is_zip is None:
            self._head += chunk
            if len(self._head) < len(_ZIP_MAGIC):
                return
            chunk, self._head = self._head, b""
            self._is_zip = chunk.startswith(_ZIP_MAGIC)
        if self._is_zip:
            self._scratch.write(chunk)

    def finish(self, sniffer: Sniffer) -> Slice | None:
        if self._is_zip and sniffer.is_plain_zip:
            return Slice(file=self._scratch, start=self._start, size_bytes=self._scratch.tell() - self._start)
        self._scratch.seek(self._start)
        return None


class Decoder:
    """Turns the base64 text of one file into its bytes."""

    def __init__(self, *, at: str, keeper: Keeper, most_bytes: int) -> None:
        """at: its element path. most_bytes: how large the file may be."""
        self._at = at
        self._keeper = keeper
        self._most_bytes = most_bytes
        self._measure = Measure()
        self._texts: list[str] = []
        self._gathered = 0
        self._carry = b""  # up to three characters that do not make a group yet
        self._padded = False

    def feed(self, text: str) -> None:
        """The next piece of text, of any length. Raises Malformed: BAD_BASE64, TOO_LARGE."""
        self._texts.append(text)
        self._gathered += len(text)
        if self._gathered >= _DECODE_BYTES:
            self._decode()

    def finish(self) -> Content:
        """The text is complete."""
        self._decode()
        if self._carry:
            raise Malformed(Code.BAD_BASE64, "the text ends in the middle of a group", at=self._at)
        return self._measure.content(self._keeper.finish(self._measure.sniffer))

    def _decode(self) -> None:
        try:
            raw = "".join(self._texts).encode("ascii")
        except UnicodeEncodeError as e:
            raise Malformed(Code.BAD_BASE64, "characters that are not base64", at=self._at) from e
        self._texts.clear()
        self._gathered = 0
        raw = self._carry + raw.translate(None, _BLANK)
        whole = len(raw) - len(raw) % 4
        self._carry = raw[whole:]
        if raw and self._padded:
            raise Malformed(Code.BAD_BASE64, "text follows the padding", at=self._at)
        if not whole:
            return
        try:
            chunk = pybase64.b64decode(raw[:whole], validate=True)
        except binascii.Error as e:
            raise Malformed(Code.BAD_BASE64, "characters that are not base64", at=self._at) from e
        self._padded = raw.endswith(b"=", 0, whole)
        if self._measure.size_bytes + len(chunk) > self._most_bytes:
            raise Malformed(Code.TOO_LARGE, f"a file of more than {self._most_bytes} bytes", at=self._at)
        self._measure.feed(chunk)
        self._keeper.write(chunk)
