"""The media type of a file by its first bytes, whatever its name and its sender say.

The table holds what travels with official documents. A type here is a guess to show and to choose an icon by, never a
promise that the file is whole or harmless.
"""

import re

OCTETS = "application/octet-stream"
ZIP = "application/zip"
PDF = "application/pdf"
_OLE = "application/x-ole-storage"

_HEAD_BYTES = 8 << 10
_TAIL_BYTES = 8 << 10
_OLE_HEADER_BYTES = 512
_OLE_DIRECTORY_BYTES = 4 << 10  # thirty-two entries; the document's stream is among the first
_LOCAL_HEADER_BYTES = 30  # of a ZIP entry, before its name
_PDF_WITHIN = 1024  # readers accept that much in front of %PDF-

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", PDF),
    (b"PK\x03\x04", ZIP),
    (b"PK\x05\x06", ZIP),  # an empty archive
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"{\\rtf", "application/rtf"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x1f\x8b", "application/gzip"),
)
_OOXML: tuple[tuple[bytes, str], ...] = (
    (b"word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    (b"xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    (b"ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
_OPEN_DOCUMENT = re.compile(rb"mimetype(application/vnd\.oasis\.opendocument\.[a-z-]{1,40}?)PK")
_OLE_STREAMS: tuple[tuple[bytes, str], ...] = (
    ("WordDocument".encode("utf-16-le"), "application/msword"),
    ("Workbook".encode("utf-16-le"), "application/vnd.ms-excel"),
    ("Book\0".encode("utf-16-le"), "application/vnd.ms-excel"),
    ("PowerPoint Document".encode("utf-16-le"), "application/vnd.ms-powerpoint"),
    ("__substg1.0_".encode("utf-16-le"), "application/vnd.ms-outlook"),
)
_BEFORE_NAME = re.compile(rb"PK(?:\x03\x04.{26}|\x01\x02.{42})", re.DOTALL)  # in a local header, in the directory
_HTML = re.compile(rb"(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")


class Sniffer:
    """Watches a file pass, and tells its media type at the end; keeps some kilobytes of it at most."""

    def __init__(self) -> None:
        self._seen = 0
        self._head = b""
        self._tail = b""
        self._directory = b""

    def feed(self, chunk: bytes) -> None:
        """Watch the next bytes."""
        before = self._seen
        self._seen += len(chunk)
        if len(self._head) < _HEAD_BYTES:
            self._head += chunk[: _HEAD_BYTES - len(self._head)]
        self._tail = chunk[-_TAIL_BYTES:] if len(chunk) >= _TAIL_BYTES else (self._tail + chunk)[-_TAIL_BYTES:]
        if self._head.startswith(b"\xd0\xcf\x11\xe0") and len(self._head) >= _OLE_HEADER_BYTES:
            self._watch_for_directory(chunk, before)

    def _watch_for_directory(self, chunk: bytes, before: int) -> None:
        """Keep the sectors of an OLE file in which its streams are named."""
        sector_bytes = 1 << min(int.from_bytes(self._head[30:32], "little"), 12)
        sector = int.from_bytes(self._head[48:52], "little")
        start = (sector + 1) * sector_bytes + len(self._directory)
        missing = _OLE_DIRECTORY_BYTES - len(self._directory)
        if missing and before <= start < self._seen:
            self._directory += chunk[start - before : start - before + missing]

    @property
    def is_plain_zip(self) -> bool:
        """Whether it has so far the form of a ZIP that is no office document."""
        return _by_magic(self._head) == ZIP and _in_zip(self._head, b"") == ZIP

    def media_type(self) -> str:
        """The media type; `application/octet-stream` when nothing fits."""
        found = _by_magic(self._head)
        if found == ZIP:
            return _in_zip(self._head, self._tail)
        if found == _OLE:
            places = self._directory + self._head + self._tail
            return next((media for name, media in _OLE_STREAMS if name in places), _OLE)
        if found is None and b"%PDF-" in self._head[:_PDF_WITHIN]:
            return PDF
        return found or _as_text(self._head, whole=self._seen <= _HEAD_BYTES)


def media_type(content: bytes) -> str:
    """The media type of a file that is at hand."""
    sniffer = Sniffer()
    sniffer.feed(content)
    return sniffer.media_type()


def _by_magic(head: bytes) -> str | None:
    return next((media for magic, media in _MAGIC if head.startswith(magic)), None)


def _in_zip(head: bytes, tail: bytes) -> str:
    """Office documents are ZIPs; the names in their first and last kilobytes tell them from others."""
    stored = _OPEN_DOCUMENT.match(head, _LOCAL_HEADER_BYTES)
    if stored:
        return stored[1].decode("ascii")
    places = head + tail
    starts = [match.end() for match in _BEFORE_NAME.finditer(places)]
    for name, media in _OOXML:
        if any(places.startswith(name, start) for start in starts):
            return media
    return ZIP


def _as_text(head: bytes, *, whole: bool) -> str:
    """Text of some kind, or unknown bytes."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "text/plain"
    text = head.removeprefix(b"\xef\xbb\xbf")
    if not text or _CONTROL.search(text):
        return OCTETS
    try:
        text.decode()
    except UnicodeDecodeError as e:
        if whole or e.start < len(text) - 4:  # else only the last letter is cut
            return OCTETS
    start = text.lstrip()
    if start.startswith(b"<?xml"):
        return "application/xml"
    return "text/html" if _HTML.match(start) else "text/plain"
