"""Finds a document there again: one that a former try made, and one that a status is about.

What a former try made is sought among the documents that are newer than the package, the newest first, by the first
line of their description, which was there from their first moment: Mayan's search may lag behind by minutes, and a
document that it does not show yet would be filed twice. What has been looked through is remembered while it lasts.
"""

import asyncio
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from ulid import ULID

from adapters.checking import Fault, Trouble
from adapters.mayan.server import Mayan, Missing
from adapters.mayan.setup import Setup
from adapters.mayan.wire import Filed, read_document, read_value, row_of

_CLOCKS: Final = timedelta(hours=1)  # by which ours may be before theirs
_LATE: Final = timedelta(minutes=10)  # calls that end after we gave them up
_MOST: Final = 50_000  # documents that are looked through
_MOST_KNOWN: Final = 100_000
_MOST_FOUND: Final = 20
_PORTION: Final = 25
_MARK: Final = re.compile(r"\[axis (?P<package>[0-9A-Z]{26})\](?:\s|\Z)")
_KEY_BYTES: Final = 10


def mark_of(package_id: str) -> str:
    """By what the document that was made of a package is known, and what was said about a package."""
    return f"[axis {package_id}]"


def key_of(document_id: str) -> str:
    """A DocumentId as one word, which every search finds."""
    return f"AX{hashlib.sha256(document_id.strip().encode('utf-8', 'replace')).hexdigest()[: 2 * _KEY_BYTES].upper()}"


class Finder:
    """Finds documents."""

    def __init__(self, mayan: Mayan, setup: Setup) -> None:
        self._mayan = mayan
        self._setup = setup
        self._known: dict[str, int] = {}
        self._since: datetime | None = None  # everything made since then is known,
        self._until: datetime | None = None  # as of then
        self._looking = asyncio.Lock()

    async def made_of(self, package_id: str) -> Filed | None:
        """The document that was made of a package."""
        async with self._looking:
            await self._look(ULID.from_str(package_id).datetime.astimezone(UTC) - _CLOCKS)
        ref = self._known.get(package_id)
        if ref is None:
            return None
        try:
            return read_document(await self._mayan.get(f"documents/{ref}/"))
        except Missing:
            self._known.pop(package_id, None)  # somebody has removed it, or the right to see it
            return None

    def note(self, package_id: str, ref: int) -> None:
        """A document has just been made of a package."""
        self._known[package_id] = ref

    async def known_as(self, document_id: str) -> tuple[int, ...]:
        """The documents with that DocumentId, by Mayan's search."""
        key, name = key_of(document_id), self._setup.names["key"]
        path = "search/metadata.documentmetadatasearchresult/"
        found = []
        async for row in self._mayan.each(path, _MOST_FOUND, value=key):
            value = read_value(row)
            if (value.name, value.text) == (name, key):
                found.append(read_document(row_of(row.get("document"))).ref)
        return tuple(dict.fromkeys(found))

    async def _look(self, since: datetime) -> None:
        """Look through what is newer than `since`, as far as it is not known."""
        if self._since is not None and self._until is not None and self._since <= since:
            stop = max(since, self._until - _LATE)
        else:
            stop, self._since = since, None
        if len(self._known) > _MOST_KNOWN:
            self._known.clear()
            stop, self._since = since, None
        newest: datetime | None = None
        seen = 0
        async for row in self._mayan.each("documents/", _MOST, portion=_PORTION, _ordering="-datetime_created"):
            document = read_document(row)
            newest = newest or document.created_at
            seen += 1
            if document.created_at < stop:
                break
            if (match := _MARK.match(document.description)) is not None:
                self._known[match["package"]] = document.ref
        else:
            if seen >= _MOST:
                raise Trouble(Fault.OTHER, f"more than {_MOST} documents were made there since the package came")
        self._since = since if self._since is None else min(self._since, since)
        self._until = max(newest or since, self._until or since)
