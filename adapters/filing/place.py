"""The port to a place where files lie, and what is asked of every place: names, and writing that is seen whole or not.

A place is a handful of folders, one beside the other; nothing below them is looked at. A name is one part of a path,
whoever chose it: neither our names nor those that a listing gives ever lead elsewhere. Links are not followed.
"""

import asyncio
import secrets
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from adapters.checking import Fault, Trouble
from axis.text import file_name

MOST_ENTRIES = 100_000
"""A listing ends there; what lies beyond comes once the others are gone."""

TAKEN, ERRORS, WORK, SENT = "taken", "errors", "axis-work", "axis-sent"
_TEMPORARY: Final = ".axis-"
_UNFINISHED: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".download", ".swp", "~")
_NAME_BYTES = 255


class EntryKind(StrEnum):
    """What lies there."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"  # a link, a device, a pipe: never opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One name of a folder."""

    name: str
    kind: EntryKind
    size_bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a file lies."""

    folder: str
    name: str

    def __post_init__(self) -> None:
        if not (is_name(self.folder) and is_name(self.name)):
            raise Trouble(Fault.OTHER, f"not the name of a file: {self.name[:100]!r}")


class Gone(Exception):
    """The file is not there any more."""


class Place(Protocol):
    """A place. Every method raises Trouble, and nothing else but what it says."""

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        """What lies in a folder, at most MOST_ENTRIES, in no order."""
        ...

    async def stat(self, spot: Spot) -> Entry | None:
        """What lies at a spot; None: nothing."""
        ...

    def read(self, spot: Spot, *, start: int = 0) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A file's bytes from `start` on. Raises Gone on entering when there is no plain file."""
        ...

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:
        """Write a new file, durable when this returns; a failure may leave a part. Raises what `content` raises too."""
        ...

    async def move(self, spot: Spot, to: Spot) -> bool:
        """Rename in one step, over whatever lies at `to`; durable. False: there is nothing at `spot`."""
        ...

    async def remove(self, spot: Spot) -> bool:
        """Remove a file. False: there is none."""
        ...

    async def make(self, folder: str) -> None:
        """Make a folder unless there is one. The place itself is never made: a share that is not mounted is missing."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


def is_name(text: str) -> bool:
    """Whether a text is one part of a path, and harmless in any place."""
    return (
        bool(text)
        and text not in {".", ".."}
        and not set(text) & {"/", "\\", "\0"}
        and text.isprintable()
        and len(text.encode("utf-8", "surrogatepass")) <= _NAME_BYTES
    )


def is_finished_name(name: str) -> bool:
    """Whether a name is one under which programs leave what they have finished writing."""
    return not name.startswith((".", "~")) and not name.lower().endswith(_UNFINISHED)


def same_name(text: str) -> str:
    """A name as it is compared: systems decompose letters (NFD) or do not."""
    return unicodedata.normalize("NFC", text)


def safe_name(name: str) -> str:
    """Somebody's name as a part of ours."""
    return file_name(name.encode("utf-8", "replace").decode())


async def listing(place: Place, folder: str) -> list[Entry]:
    """What lies in a folder under usable names, the oldest first. A name that is none is not touched."""
    return await asyncio.to_thread(_usable, await place.entries(folder))


def _usable(found: Iterable[Entry]) -> list[Entry]:
    return sorted((one for one in found if is_name(one.name)), key=lambda one: (one.modified_at, one.name))


async def write(place: Place, spot: Spot, content: AsyncGenerator[bytes], size_bytes: int) -> None:
    """Write a file so that others see all of it or nothing: under another name first, then renamed in one step.

    content is closed here, also where the line breaks in its middle: what it reads from would stay open else.
    """
    temporary = Spot(spot.folder, f"{_TEMPORARY}{secrets.token_hex(8)}.tmp")
    try:
        async with aclosing(content):
            await place.put(temporary, content, size_bytes)
        await _finish(place, temporary, spot, size_bytes)
    except BaseException:
        with suppress(Trouble, asyncio.CancelledError):
            await asyncio.shield(place.remove(temporary))
        raise


async def _finish(place: Place, temporary: Spot, spot: Spot, size_bytes: int) -> None:
    """Rename what was written, once all of it is there."""
    there = await place.stat(temporary)
    if there is None or there.size_bytes != size_bytes:
        size = "nothing" if there is None else f"{there.size_bytes} bytes"
        raise Trouble(Fault.CONNECTION_LOST, f"of {size_bytes} bytes {size} arrived")
    if not await place.move(temporary, spot):
        raise Trouble(Fault.NOT_WRITABLE, "what was written is gone before it could be renamed")


async def write_bytes(place: Place, spot: Spot, content: bytes) -> None:
    """The same, of a small file."""
    await write(place, spot, once(content), len(content))


async def read_bytes(place: Place, spot: Spot, most: int, *, start: int = 0) -> bytes:
    """A small file, or the first bytes of a larger one. Raises Gone."""
    found = bytearray()
    async with place.read(spot, start=start) as pieces:
        async for piece in pieces:
            found += piece
            if len(found) >= most:
                break
    return bytes(found[:most])


async def once(content: bytes) -> AsyncGenerator[bytes]:
    """Bytes as a stream."""
    yield content


def is_left_over(entry: Entry) -> bool:
    """Whether a file is what a write of ours left behind when it was cut off."""
    return entry.name.startswith(_TEMPORARY)
