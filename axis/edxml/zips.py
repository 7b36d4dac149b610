"""ZIPs that a sending client makes around a file: unpacked within bounds, to measure and to offer the file inside.

The entries' names and times are random, so that two copies of one file differ; what counts are the entries' bytes.
Nothing is written to disk, no entry's name is used, a ZIP inside a ZIP is just a file.

Peer: vendor client, seen in its packages (ContentType application/zip under the file's own name).
"""

import hashlib
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

from axis.edxml.content import Source
from axis.edxml.media import ZIP, Sniffer
from axis.edxml.model import Attachment, Limits
from axis.errors import Code, Malformed

_CHUNK_BYTES = 64 << 10
_RATIO_FROM_BYTES = 1 << 20  # small files may shrink as much as they like
_DIRECTORY_BYTES = 256 << 10  # zipfile reads a ZIP's directory at once, however long it claims to be
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others cannot be unpacked within bounds
_ENCRYPTED = 0x1


class Unusable(Exception):
    """Not a ZIP that can be unpacked: no error, the caller takes the file as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unzipped:
    """What a ZIP holds."""

    digests: tuple[str, ...]  # SHA-256 of each entry, sorted
    media_type: str  # of the one entry; of the ZIP when there are several

    @property
    def identity_digest(self) -> str:
        """A digest that is the same for all ZIPs of the same files."""
        return hashlib.sha256("\n".join((ZIP, *self.digests)).encode()).hexdigest()


class Unzipper:
    """Unpacks the ZIPs of one package; they share its bounds."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.left_bytes = limits.unzipped_bytes

    def measure(self, source: Source, *, at: str) -> Unzipped:
        """Unpack a ZIP and keep only digests.

        at: the attachment's element path.
        Raises Malformed(ZIP_BOMB); Unusable when it is broken, empty, encrypted or packed in an unusual way.
        """
        with _opened(source) as window, _archive(window) as archive:
            entries = self._entries(archive, at)
            allowance = _Allowance(self, packed_bytes=window.size_bytes, at=at)
            digests = []
            sniffer = Sniffer()
            for entry in entries:
                sha256 = hashlib.sha256()
                for chunk in _chunks(archive, entry, allowance):
                    sha256.update(chunk)
                    sniffer.feed(chunk)
                digests.append(sha256.hexdigest())
        return Unzipped(digests=tuple(sorted(digests)), media_type=sniffer.media_type() if len(entries) == 1 else ZIP)

    def open_inner(self, source: Source, *, at: str) -> Iterator[bytes]:
        """Stream the one file inside a ZIP.

        Raises, also while it streams: Malformed(ZIP_BOMB), and Unusable as `measure` or when there are several files.
        """
        with _opened(source) as window, _archive(window) as archive:
            entries = self._entries(archive, at)
            if len(entries) != 1:
                raise Unusable(f"{len(entries)} files")
            yield from _chunks(archive, entries[0], _Allowance(self, packed_bytes=window.size_bytes, at=at))

    def _entries(self, archive: zipfile.ZipFile, at: str) -> list[zipfile.ZipInfo]:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(archive.infolist()) > self.limits.zip_entries:
            _bomb(f"more than {self.limits.zip_entries} entries", at)
        if not entries:
            raise Unusable("no files")
        if any(entry.compress_type not in _METHODS or entry.flag_bits & _ENCRYPTED for entry in entries):
            raise Unusable("encrypted, or packed by a method that is not read")
        return entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file as its author had it."""

    path: Path
    name: str
    media_type: str


def as_it_was(file: Attachment, content: Path, limits: Limits) -> Opened:
    """The file before the sender's software packed it; a ZIP of several files stays one, and says so in its name.

    content: the decoded file; what was inside it goes to a file beside it. Raises Malformed(ZIP_BOMB).
    """
    if not file.zipped_by_client:
        return Opened(path=content, name=file.name, media_type=file.media_type)
    inner = content.with_suffix(".inner")
    try:
        with inner.open("wb") as out:
            for chunk in Unzipper(limits).open_inner(content, at="AttachmentEncoded/Attachment"):
                out.write(chunk)
    except Unusable:
        return Opened(path=content, name=f"{file.name}.zip", media_type=ZIP)
    return Opened(path=inner, name=file.name, media_type=file.media_type)


class _Allowance:
    """What one ZIP may still unpack to."""

    def __init__(self, unzipper: Unzipper, *, packed_bytes: int, at: str) -> None:
        self._unzipper = unzipper
        self._at = at
        self._ratio_bytes = max(_RATIO_FROM_BYTES, packed_bytes * unzipper.limits.unzip_ratio)

    def take(self, size_bytes: int) -> None:
        """So many bytes came out. Raises Malformed(ZIP_BOMB)."""
        self._unzipper.left_bytes -= size_bytes
        if self._unzipper.left_bytes < 0:
            _bomb(f"unpacks to more than {self._unzipper.limits.unzipped_bytes} bytes", self._at)
        self._ratio_bytes -= size_bytes
        if self._ratio_bytes < 0:
            _bomb(f"unpacks to more than {self._unzipper.limits.unzip_ratio} times its size", self._at)


def _chunks(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, allowance: _Allowance) -> Iterator[bytes]:
    with archive.open(entry) as file:
        while chunk := file.read(_CHUNK_BYTES):
            allowance.take(len(chunk))
            yield chunk


def _bomb(detail: str, at: str) -> NoReturn:
    raise Malformed(Code.ZIP_BOMB, detail, at=at)


@contextmanager
def _opened(source: Source) -> Iterator["_Window"]:
    if isinstance(source, bytes):
        yield _Window(io.BytesIO(source), 0, len(source))
    elif isinstance(source, Path):
        with source.open("rb") as file:
            yield _Window(file, 0, file.seek(0, io.SEEK_END))
    else:
        yield _Window(source.file, source.start, source.size_bytes)


@contextmanager
def _archive(window: "_Window") -> Iterator[zipfile.ZipFile]:
    """The archive in a file; whatever zipfile stumbles over makes it Unusable."""
    try:
        with zipfile.ZipFile(window) as archive:
            yield archive
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        zlib.error,
        struct.error,
        EOFError,
        NotImplementedError,
        ValueError,
        OverflowError,
    ) as e:
        raise Unusable(str(e)) from e


class _Window(io.RawIOBase):
    """Part of a file, of which no more than a directory's worth can be read at once."""

    def __init__(self, file: IO[bytes], start: int, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._file = file
        self._start = start
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size_bytes}[whence]
        if base + offset < 0:
            raise zipfile.BadZipFile("an offset before the file")
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.size_bytes - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if wanted > _DIRECTORY_BYTES:
            raise zipfile.BadZipFile("a directory of unlikely length")
        self._file.seek(self._start + self._position)
        found = self._file.read(wanted)
        self._position += len(found)
        return found
