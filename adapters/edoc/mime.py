"""multipart/related, read where it lies: the parts are places in a file or in bytes, nothing is copied.

Peer: known clients leave out the brackets of `start`, end lines with LF alone, write files as base64 or as they are.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import IO

from adapters.edoc.wire import MediaType, bare_id, read_media_type
from axis.errors import Code, Malformed

_CHUNK_BYTES = 256 << 10
_HEADER_BYTES = 16 << 10  # of one part
_HEADER_LINES = 32
_MAX_BOUNDARY = 200  # characters; the standard has 70
_TAIL_BYTES = 128  # of blanks behind a delimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part."""

    position: int  # 1 for the first
    headers: Mapping[str, str]  # names in lower case
    start: int  # of its content
    size_bytes: int

    @property
    def content_id(self) -> str:
        """Without brackets; "" when it has none."""
        return bare_id(self.headers.get("content-id", ""))

    @property
    def media_type(self) -> MediaType:
        """Its type, text/plain when it says none."""
        return read_media_type(self.headers.get("content-type", "text/plain"))

    @property
    def encoding(self) -> str:
        """Content-Transfer-Encoding in lower case."""
        return self.headers.get("content-transfer-encoding", "binary").strip().lower()

    @property
    def at(self) -> str:
        """Where an error is."""
        return f"MIME part {self.position}"


def read_boundary(media_type: MediaType) -> bytes:
    """The line that divides the parts. Raises Malformed(BAD_REQUEST)."""
    text = media_type.get("boundary")
    if not 0 < len(text) <= _MAX_BOUNDARY or not text.isascii() or not text.isprintable():
        raise Malformed(Code.BAD_REQUEST, "no usable boundary", at="Content-Type")
    return text.encode()


def read_parts(file: IO[bytes], boundary: bytes, most_parts: int) -> tuple[Part, ...]:
    """The parts of a whole body.

    Raises Malformed: TRUNCATED_UPLOAD without a closing delimiter, TOO_MANY, TOO_LARGE (a part's header), BAD_REQUEST.
    """
    places: list[tuple[int, int]] = []  # where a delimiter begins, its line end included; where what follows begins
    for begin, after, closes in _delimiters(file, boundary):
        places.append((begin, after))
        if closes:
            break
        if len(places) > most_parts:
            raise Malformed(Code.TOO_MANY, f"more than {most_parts} MIME parts")
    else:
        detail = "no closing delimiter" if places else "the boundary of the Content-Type never comes"
        raise Malformed(Code.TRUNCATED_UPLOAD, detail, at="MIME")
    if len(places) == 1:
        raise Malformed(Code.EMPTY_BODY, "no MIME part")
    return tuple(
        _part(file, position, after, end) for position, ((_, after), (end, _)) in enumerate(pairwise(places), 1)
    )


def first_part_start(head: bytes, boundary: bytes) -> int | None:
    """Where the first part's content begins in the first bytes of a body; None when that cannot be told yet."""
    file = io.BytesIO(head)
    found = next(_delimiters(file, boundary), None)
    if found is None:
        return None
    ends = [place for place in (head.find(b"\r\n\r\n", found[1]), head.find(b"\n\n", found[1])) if place >= 0]
    return min(ends) if ends else None


def root_of(parts: tuple[Part, ...], start: str) -> Part:
    """The part that holds the envelope: the one that `start` names, else the first.

    Raises Malformed(BAD_REQUEST) when no part, or more than one, bears that Content-ID.
    """
    if not (wanted := bare_id(start)):
        return parts[0]
    found = [part for part in parts if part.content_id == wanted]
    if len(found) != 1:
        raise Malformed(Code.BAD_REQUEST, f"{len(found)} parts with the Content-ID that start names", at="Content-Type")
    return found[0]


def slices(file: IO[bytes], start: int, size_bytes: int, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
    """The bytes of a place, piece by piece."""
    file.seek(start)
    left = size_bytes
    while left > 0 and (chunk := file.read(min(chunk_bytes, left))):
        left -= len(chunk)
        yield chunk


def _delimiters(file: IO[bytes], boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """Each delimiter: where it begins, where what follows begins, whether it closes."""
    for place in _occurrences(file, b"--" + boundary):
        file.seek(max(place - 2, 0))
        before = file.read(min(place, 2))
        if place and not before.endswith(b"\n"):
            continue
        file.seek(place + 2 + len(boundary))
        tail = file.read(_TAIL_BYTES)
        begin = place - (2 if before == b"\r\n" else 1 if place else 0)
        if tail.startswith(b"--"):
            yield begin, place + 4 + len(boundary), True
            continue
        blanks = len(tail) - len(tail.lstrip(b" \t"))
        line_end = 2 if tail.startswith(b"\r\n", blanks) else 1 if tail.startswith(b"\n", blanks) else 0
        if line_end:  # otherwise a longer word that begins like the boundary
            yield begin, place + 2 + len(boundary) + blanks + line_end, False


def _occurrences(file: IO[bytes], token: bytes) -> Iterator[int]:
    """Where the token stands; others may move the file's position meanwhile."""
    offset, carry = 0, b""
    while True:
        file.seek(offset)
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return
        window, base = carry + chunk, offset - len(carry)
        place = window.find(token)
        while place >= 0:
            yield base + place
            place = window.find(token, place + len(token))
        offset += len(chunk)
        carry = window[-(len(token) - 1) :]


def _part(file: IO[bytes], position: int, start: int, end: int) -> Part:
    file.seek(start)
    head = file.read(min(_HEADER_BYTES, max(end - start, 0)) + 4)
    if head.startswith((b"\r\n", b"\n")):
        blank = 2 if head.startswith(b"\r\n") else 1
        return Part(position=position, headers={}, start=start + blank, size_bytes=max(end - start - blank, 0))
    ends = [(place, len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if (place := head.find(mark)) >= 0]
    if not ends:
        raise Malformed(
            Code.TOO_LARGE, f"a part's header of more than {_HEADER_BYTES} bytes", at=f"MIME part {position}"
        )
    length, mark_bytes = min(ends)
    content = start + length + mark_bytes
    content = min(content, end)  # a part that is its header only
    return Part(position=position, headers=_headers(head[:length], position), start=content, size_bytes=end - content)


def _headers(raw: bytes, position: int) -> Mapping[str, str]:
    at = f"MIME part {position}"
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\n ", " ").replace("\n\t", " ")
    lines = text.split("\n")
    if len(lines) > _HEADER_LINES:
        raise Malformed(Code.TOO_MANY, f"more than {_HEADER_LINES} headers", at=at)
    headers: dict[str, str] = {}
    for line in lines:
        name, mark, value = line.partition(":")
        key = name.strip().lower()
        if not mark or not key or not (line.replace("\t", " ").isprintable()):
            raise Malformed(Code.BAD_REQUEST, "a line that is no header", at=at)
        if key in headers and key.startswith("content-"):
            raise Malformed(Code.BAD_REQUEST, "a header stands twice", at=at)
        headers[key] = value.strip()
    return headers
