"""What a WebDAV server lists, as entries: bounded, no DTD, no entity; an address elsewhere is not looked at.

Norm: none of ours; RFC 4918 section 9.1 (PROPFIND) and 13 (multistatus).
"""

import posixpath
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import unquote, urlsplit

from lxml import etree

from adapters.checking import Fault, Trouble
from adapters.filing.place import MOST_ENTRIES, Entry, EntryKind

PROPFIND: Final = (
    b'<?xml version="1.0" encoding="utf-8"?>'
    b'<D:propfind xmlns:D="DAV:"><D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/></D:prop>'
    b"</D:propfind>"
)
_DAV: Final = "{DAV:}"
_MOST_DEPTH: Final = 64
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


class ListingReader:
    """Reads a multistatus as it comes."""

    def __init__(self, base_path: str) -> None:
        """base_path: of what was asked after, percent-decoded."""
        self._base = base_path.rstrip("/")
        self._parser = etree.XMLPullParser(
            events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
        )
        self._depth = 0
        self._begun = False
        self.entries: list[Entry] = []
        self.itself: Entry | None = None  # what was asked after

    def feed(self, piece: bytes) -> None:
        """The next bytes. Raises Trouble for what is no such listing."""
        try:
            self._parser.feed(piece)
            for event, element in self._parser.read_events():
                assert isinstance(element, etree._Element)  # noqa: S101, SLF001 - of the events that are asked for
                self._see(event, element)
        except etree.XMLSyntaxError as e:
            raise Trouble(Fault.OTHER, "the server's listing is not XML") from e

    def close(self) -> None:
        """The listing has ended. Raises Trouble when it is cut off."""
        try:
            root = self._parser.close()
        except etree.XMLSyntaxError as e:
            raise Trouble(Fault.CONNECTION_LOST, "the server's listing is cut off, or not XML") from e
        if root.tag != f"{_DAV}multistatus":
            raise Trouble(Fault.OTHER, "the server does not speak WebDAV here")

    def _see(self, event: str, element: etree._Element) -> None:
        if event == "start":
            self._depth += 1
            if not self._begun:
                self._begun = True
                if element.getroottree().docinfo.internalDTD is not None:
                    raise Trouble(Fault.OTHER, "the server's listing declares a DTD")
            if self._depth > _MOST_DEPTH:
                raise Trouble(Fault.OTHER, "the server's listing is nested too deeply")
            return
        self._depth -= 1
        if element.tag != f"{_DAV}response":
            return
        self._take(element)
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]  # type: ignore[union-attr]  # what has a sibling has a parent

    def _take(self, response: etree._Element) -> None:
        path = unquote(urlsplit((response.findtext(f"{_DAV}href") or "").strip()).path).rstrip("/")
        entry = _entry(posixpath.basename(path), response)
        if entry is None:
            return
        if path == self._base:
            self.itself = entry
        elif posixpath.dirname(path) == self._base and len(self.entries) < MOST_ENTRIES:
            self.entries.append(entry)


def _entry(name: str, response: etree._Element) -> Entry | None:
    """None: the server says that it is not there."""
    for found in _good(response):
        length = (found.findtext(f"{_DAV}getcontentlength") or "").strip()
        is_folder = found.find(f"{_DAV}resourcetype/{_DAV}collection") is not None
        return Entry(
            name=name,
            kind=EntryKind.FOLDER if is_folder else EntryKind.FILE,
            size_bytes=int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0,  # noqa: PLR2004
            modified_at=_moment(found.findtext(f"{_DAV}getlastmodified") or ""),
        )
    return None


def _good(response: etree._Element) -> Iterator[etree._Element]:
    """The properties that the server has."""
    for status in response.findall(f"{_DAV}propstat"):
        prop = status.find(f"{_DAV}prop")
        if prop is not None and " 200" in (status.findtext(f"{_DAV}status") or ""):
            yield prop


def _moment(text: str) -> datetime:
    try:
        found = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, OverflowError):
        return _NEVER
    return found if found.tzinfo else found.replace(tzinfo=UTC)
