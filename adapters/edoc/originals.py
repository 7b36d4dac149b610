"""What came as it is kept: byte for byte what came, but for the token, which is blanked where it stands.

Blanks are as long as what they cover, so that every other byte keeps its place.
"""

import hashlib
import mmap
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from axis.store.spool import Spooled

CONVERTER = "axis adapters.edoc"
"""Who makes packages of it."""

_TAG = re.compile(rb"<(/?)(?:[\w.-]+:)?Token(?=[\s>/])[^<>]*>")
_STATUS = re.compile(rb"<(/?)(?:[\w.-]+:)?Status(?=[\s/>])[^<>]*>")
_LOOKED_AT = 16 << 20  # bytes of an envelope: more than it may hold besides its files
_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 20
_SHORTEST = 6  # bytes of a token that is looked for by itself


def blanked(content: bytes | Path, envelope_start: int, token: str) -> Spooled:
    """The request without its token. A file is changed where it lies.

    envelope_start: where the envelope begins; what stands in front of it holds no token.
    """
    if isinstance(content, bytes):
        head = _blank(content[envelope_start : envelope_start + _LOOKED_AT], token)
        kept = content[:envelope_start] + head + content[envelope_start + len(head) :]
        return Spooled(content=kept, sha256_hex=hashlib.sha256(kept).hexdigest(), size_bytes=len(kept))
    with content.open("r+b") as file:
        _blank_in_place(file, envelope_start, token)
        os.fsync(file.fileno())
        file.seek(0)
        digest, size_bytes = hashlib.sha256(), 0
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
    return Spooled(content=content, sha256_hex=digest.hexdigest(), size_bytes=size_bytes)


def traces_as_received(content: bytes | Path, count: int, token: str) -> list[Spooled | None]:
    """Each Status of an answer of GetTraces as it stands there; the whole answer where they cannot be told apart.

    None: that would be too much to keep for each.
    """
    raw = content if isinstance(content, bytes) else content.read_bytes()
    found = [_whole(_blank(raw[start:end], token)) for start, end in _statuses(raw)]
    if len(found) == count:
        return list(found)
    return [_whole(_blank(raw, token)) if len(raw) <= _SMALL_BYTES else None] * count


def _whole(raw: bytes) -> Spooled:
    return Spooled(content=raw, sha256_hex=hashlib.sha256(raw).hexdigest(), size_bytes=len(raw))


def _statuses(raw: bytes) -> Iterator[tuple[int, int]]:
    """Where each Status begins and ends; in time that grows with the length, whatever stands there."""
    begun: int | None = None
    for tag in _STATUS.finditer(raw):
        if tag[0].endswith(b"/>") and begun is None:
            yield tag.span()
        elif tag[1] and begun is not None:
            yield begun, tag.end()
            begun = None
        elif not tag[1] and begun is None:
            begun = tag.start()


def _blank_in_place(file: BinaryIO, envelope_start: int, token: str) -> None:
    """The same in a file, which is not read into memory: the part that is looked at is mapped."""
    aligned = envelope_start - envelope_start % mmap.ALLOCATIONGRANULARITY
    end = min(envelope_start + _LOOKED_AT, file.seek(0, os.SEEK_END))
    with mmap.mmap(file.fileno(), end - aligned, offset=aligned) as out:
        _cover(out, envelope_start - aligned, token)


def _blank(raw: bytes, token: str) -> bytes:
    out = bytearray(raw)
    _cover(out, 0, token)
    return bytes(out)


def _cover(out: bytearray | mmap.mmap, begin: int, token: str) -> None:
    """Blank the token from a place on; no byte moves."""
    for start, end in list(_inside_tokens(out, begin)):
        out[start:end] = b"*" * (end - start)
    written = token.encode()
    if len(written) >= _SHORTEST:  # wherever else its writer put it: in a comment, say
        place = begin
        while (place := out.find(written, place)) >= 0:
            out[place : place + len(written)] = b"*" * len(written)


def _inside_tokens(raw: bytearray | mmap.mmap, begin: int) -> Iterator[tuple[int, int]]:
    """What stands between each Token's tags, however it is written there."""
    begun: int | None = None
    for tag in _TAG.finditer(raw, begin):
        if tag[1]:
            if begun is not None:
                yield begun, tag.start()
            begun = None
        elif not tag[0].endswith(b"/>") and begun is None:
            begun = tag.end()
