"""A mail as values, and the bytes of it: made piece by piece, so that a large one is never held.

What strangers wrote stands in it (subjects, names of files). Header values are made one line first and folded by
`headers`, which refuses what would begin another header; every body is base64, so that no line of it can be taken for
anything else. The same letter gives the same bytes.

Norm: RFC 5322, RFC 2045 to 2047, RFC 2231, RFC 3834 (Auto-Submitted).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

import pybase64

from adapters.mail.headers import header, mailbox_value, parameter, text_value
from axis.clock import to_local
from axis.errors import Code, Malformed
from axis.text import ascii_name, file_name, one_line

_LINE_BYTES = 57  # make a base64 line of 76 characters
_PIECE_BYTES = _LINE_BYTES * 4096
_LINE_CHARACTERS = 76
_SUBJECT_CHARACTERS = 240
_NAME_CHARACTERS = 120
_ADDRESS_CHARACTERS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,100}")
_SHORT_CHARACTERS = 60
_ANY_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that goes along. Its content lies on disk and is read when it is its turn."""

    name: str  # as the sender had it
    media_type: str
    path: Path
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who sends or gets a mail."""

    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail."""

    message_id: str  # without the angle brackets; the same on every try
    at: datetime
    sender: Person
    to: Person
    subject: str
    text: str
    html: str
    more: Sequence[tuple[str, str]] = ()  # further headers, ASCII
    enclosures: tuple[Enclosure, ...] = field(default=())

    def head(self) -> bytes:
        """The headers and the readable part."""
        lines = [
            header("From", mailbox_value(one_line(self.sender.name, _NAME_CHARACTERS), self.sender.address)),
            header("To", mailbox_value(one_line(self.to.name, _NAME_CHARACTERS), self.to.address)),
            header("Subject", text_value(one_line(self.subject, _SUBJECT_CHARACTERS))),
            header("Date", format_datetime(to_local(self.at))),
            header("Message-ID", f"<{self.message_id}>"),
            header("Auto-Submitted", "auto-generated"),
            header("X-Auto-Response-Suppress", "All"),
            *(header(name, value) for name, value in self.more),
            header("MIME-Version", "1.0"),
            header("Content-Type", f'multipart/mixed; boundary="{self._boundary("m")}"'),
        ]
        return b"".join(lines) + b"\r\n" + self._opening("m") + self._readable()

    def _readable(self) -> bytes:
        """The text twice: plain, and as a page."""
        return b"".join(
            (
                header("Content-Type", f'multipart/alternative; boundary="{self._boundary("a")}"'),
                b"\r\n",
                self._opening("a"),
                _text_part("plain", self.text),
                self._opening("a"),
                _text_part("html", self.html),
                self._closing("a"),
            )
        )

    def _boundary(self, kind: str) -> str:
        """A line that no body can hold: base64 has no underscore."""
        return f"=_{kind}_" + re.sub(r"[^A-Za-z0-9]", "", self.message_id)[:48]

    def _opening(self, kind: str) -> bytes:
        return f"--{self._boundary(kind)}\r\n".encode()

    def _closing(self, kind: str) -> bytes:
        return f"--{self._boundary(kind)}--\r\n".encode()

    def chunks(self) -> Iterator[bytes]:
        """The whole mail, lines ending in CRLF, a piece at a time. Reads files: for a thread."""
        yield self.head()
        for enclosure in self.enclosures:
            yield self._opening("m") + _enclosure_head(enclosure)
            with enclosure.path.open("rb") as file:
                while piece := file.read(_PIECE_BYTES):
                    yield _encoded(piece)
        yield self._closing("m")

    @property
    def size_bytes(self) -> int:
        """How long it will be, to the byte."""
        fixed = len(self.head()) + len(self._closing("m"))
        opening = len(self._opening("m"))
        return fixed + sum(
            opening + len(_enclosure_head(one)) + encoded_bytes(one.size_bytes) for one in self.enclosures
        )


def encoded_bytes(size_bytes: int) -> int:
    """How long a file is in a mail."""
    characters = (size_bytes + 2) // 3 * 4
    return characters + 2 * ((characters + _LINE_CHARACTERS - 1) // _LINE_CHARACTERS)


def check_address(text: str, at: str) -> str:
    """A mail address in the plain form that every server takes. Raises Malformed(BAD_ADDRESS)."""
    address = text.strip()
    local, _, domain = address.partition("@")
    if (
        len(address) > _ADDRESS_CHARACTERS
        or not _ADDRESS.fullmatch(address)
        or ".." in address
        or "."
        in (
            local[:1],
            local[-1:],
        )
    ):
        raise Malformed(Code.BAD_REQUEST, one_line(address, _NAME_CHARACTERS), at=at)
    return f"{local}@{domain.lower()}"


def _encoded(content: bytes) -> bytes:
    return pybase64.encodebytes(content).replace(b"\n", b"\r\n")


def _text_part(subtype: str, text: str) -> bytes:
    kind = header("Content-Type", f'text/{subtype}; charset="utf-8"')
    lines = "\r\n".join(text.splitlines()) + "\r\n"
    return kind + header("Content-Transfer-Encoding", "base64") + b"\r\n" + _encoded(lines.encode())


def _enclosure_head(enclosure: Enclosure) -> bytes:
    """The name in full, as RFC 2231 has it, and once more in short ASCII for programs that know only that."""
    name = file_name(enclosure.name)
    media_type = enclosure.media_type if _MEDIA_TYPE.fullmatch(enclosure.media_type) else _ANY_BYTES
    return b"".join(
        (
            header("Content-Type", f'{media_type};\r\n name="{_short(ascii_name(name))}"'),
            header("Content-Disposition", "attachment;\r\n " + parameter("filename", name)),
            header("Content-Transfer-Encoding", "base64"),
            b"\r\n",
        )
    )


def _short(name: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return name if len(name) <= _SHORT_CHARACTERS else (stem or name)[: _SHORT_CHARACTERS // 2] + dot + ending[:10]
