"""Packages to measure with: of any size, each a document of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pybase64

from axis.edxml.writer import to_bytes
from tests.exchange.harness import a_document, a_file

_MARK = "0123456789012345678901234567890123456789"  # stands where the number comes; no base64 text holds it by chance
_PIECE = 3 << 18  # of a file, before base64; a multiple of three
_AROUND_BYTES = 2_000  # of a package, besides its file


def template(size_bytes: int, *to: str, sender: str = "H24.11") -> tuple[bytes, ...]:
    """A package of about this size, cut where its number stands."""
    content = b"%PDF-1.7" + os.urandom(max(1, (size_bytes - _AROUND_BYTES) * 3 // 4))
    package = to_bytes(a_document(*(to or ("H24.15",)), sender=sender, number=_MARK, files=(a_file(content),)))
    return tuple(package.split(_MARK.encode()))


def numbered(parts: tuple[bytes, ...], number: int) -> bytes:
    """The package of a template with its number."""
    return f"{number:040}".encode().join(parts)


def write_large(path: Path, size_bytes: int, number: int) -> int:
    """Write a package of about this size to a file, in flat memory. Returns its size."""
    small = to_bytes(a_document("H24.15", number=f"{number:040}", files=(a_file(b"%%MARK%%"),)))
    before, after = small.split(pybase64.b64encode(b"%%MARK%%"))
    with path.open("wb") as file:
        file.write(before)
        for text in _texts(size_bytes - len(small)):
            file.write(text)
        file.write(after)
        return file.tell()


def _texts(size_bytes: int) -> Iterator[bytes]:
    """Base64 text of about this size, of bytes that do not repeat."""
    left = size_bytes // 4 * 3
    first = b"%PDF-1.7 "  # nine bytes, so that groups of three stay whole
    while left > 0:
        piece = first + os.urandom(max(0, min(left, _PIECE) // 3 * 3 - len(first)))
        yield pybase64.b64encode(piece)
        left -= _PIECE
        first = b""
