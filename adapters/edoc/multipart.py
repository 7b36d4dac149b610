"""Multipart bodies on their way out: the envelope, then each file as base64 lines, streamed, its length known before.

Content-IDs and types come from strangers' packages: what cannot stand in a header is replaced by a word of ours.
"""

import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pybase64

from adapters.edoc.wire import Version
from axis.edxml.model import Attachment
from axis.errors import Internal

_LINE_BYTES = 57  # become one line of 76 characters
_BLOCK_BYTES = _LINE_BYTES * 4096
_SAFE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
_SAFE_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,100}/[A-Za-z0-9!#$&^_.+-]{1,100}")
_UNKNOWN_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Multipart:
    """A body: what stands in front of each file's text, the file, and the end."""

    boundary: str
    version: Version
    root: bytes
    heads: tuple[bytes, ...]
    files: tuple[Attachment, ...]

    @property
    def content_type(self) -> str:
        """The body's type. Peer: `start` is written with the brackets of the Content-ID."""
        kind = self.version.media_type
        return f'multipart/related; type="{kind}"; start="<Start>"; boundary="{self.boundary}"'

    @property
    def end(self) -> bytes:
        """What closes the body."""
        return f"\r\n--{self.boundary}--\r\n".encode()

    @property
    def size_bytes(self) -> int:
        """Of the whole body."""
        texts = sum(encoded_bytes(file.size_bytes) for file in self.files)
        return len(self.root) + sum(map(len, self.heads)) + texts + len(self.end)

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece; reads files, so that it belongs into a thread where they are large."""
        yield self.root
        for head, file in zip(self.heads, self.files, strict=True):
            yield head
            yield from _encoded(file)
        yield self.end


def make_multipart(version: Version, envelope: bytes, files: Sequence[Attachment]) -> Multipart:
    """A body of an envelope and its files, which `with_safe_ids` has been asked about."""
    boundary = f"axis-{secrets.token_hex(16)}"
    start = (
        f"--{boundary}\r\nContent-Type: {version.media_type}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\nContent-ID: <Start>\r\n\r\n"
    )
    heads = tuple(
        f"\r\n--{boundary}\r\nContent-Type: {_safe_type(file.content_type)}\r\nContent-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{file.content_id.removeprefix('cid:')}>\r\n\r\n".encode()
        for file in files
    )
    return Multipart(
        boundary=boundary, version=version, root=start.encode() + envelope, heads=heads, files=tuple(files)
    )


def with_safe_ids(files: Sequence[Attachment]) -> tuple[Attachment, ...]:
    """The files under Content-IDs that can stand in a header, once each."""
    made, taken = [], {"Start"}
    for position, file in enumerate(files, 1):
        content_id = file.content_id.removeprefix("cid:")
        if content_id in taken or _SAFE_ID.fullmatch(content_id) is None:
            content_id = f"file-{position}@axis"
        taken.add(content_id)
        made.append(replace(file, content_id=f"cid:{content_id}"))
    return tuple(made)


def encoded_bytes(size_bytes: int) -> int:
    """How long a file's base64 text is, line ends included."""
    lines = -(-size_bytes // _LINE_BYTES)
    return -(-size_bytes // 3) * 4 + lines * 2


def _encoded(file: Attachment) -> Iterator[bytes]:
    if file.content is None:
        raise Internal("a file that was only measured cannot be sent")
    if isinstance(file.content, bytes):
        for place in range(0, len(file.content), _BLOCK_BYTES):
            yield _lines(file.content[place : place + _BLOCK_BYTES])
        return
    with file.content.open("rb") as opened:
        while chunk := opened.read(_BLOCK_BYTES):
            yield _lines(chunk)


def _lines(chunk: bytes) -> bytes:
    return pybase64.encodebytes(chunk).replace(b"\n", b"\r\n")


def _safe_type(text: str | None) -> str:
    return text if text and _SAFE_TYPE.fullmatch(text) else _UNKNOWN_TYPE
