"""A document's dossier: everything that is kept of it as one ZIP, made while it is sent.

Nothing is held whole but one verdict or one piece of evidence at a time: packages are copied as they lie in the store,
unchanged and uncompressed, files are unpacked to disk. What strangers named is made a harmless name behind a number.
`MANIFEST.sha256`, at the end, is what `sha256sum -c` reads.
"""

import asyncio
import hashlib
import json
import ssl
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from axis.clock import to_local
from axis.edxml.model import Limits
from axis.errors import Busy, Code, NotFound
from axis.ops.dossier_text import README, verdict_text
from axis.ops.sheets import csv_bytes, csv_rows
from axis.ops.unpacking import Unpacking
from axis.pieces import file_pieces
from axis.store.dossier_view import Dossier, verdict_content
from axis.store.record_view import EventKey, EventPage, RecordEvent, RecordQuery, read_events
from axis.store.store import Store
from axis.text import file_name

_AT_ONCE = 2
_RETRY_AFTER_S = 20
_PAGE_ROWS = 500
_LARGE_BYTES = 1 << 31  # a member that may be larger needs sizes of 64 bits
_FOLDERS: Final[Mapping[str, tuple[str, str]]] = {
    "certificate": ("certificates", "pem"),
    "crl": ("revocation", "crl"),
    "ocsp": ("revocation", "ocsp"),
    "timestamp": ("timestamps", "tsr"),
}
_EVENT_NAMES = ("at", "kind", "organ_id", "organ_name", "code", "text", "who", "said_at", "package_id")

Chunks = AsyncGenerator[bytes]


@dataclass(slots=True)
class _Sink:
    """Where the ZIP is written to: what was written since it was last asked. It cannot go back."""

    parts: list[bytes]

    def write(self, data: bytes, /) -> int:
        """Take it."""
        self.parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        """What has come."""
        taken, self.parts = b"".join(self.parts), []
        return taken


class Dossiers:
    """Makes dossiers, a few at a time.

    scratch: a folder for decoded files, on a disk that can hold a package.
    """

    def __init__(self, store: Store, limits: Limits, scratch: Path) -> None:
        self._store = store
        self._unpacking = Unpacking(store, limits, scratch)
        self._running = 0

    async def chunks(self, dossier: Dossier, at: datetime) -> Chunks:
        """The ZIP, piece by piece. Raises Busy(OVERLOADED), before the first, while too many are made."""
        if self._running >= _AT_ONCE:
            raise Busy(Code.OVERLOADED, "too many dossiers at once", retry_after_s=_RETRY_AFTER_S)
        self._running += 1
        try:
            writer = _Writer(self._store, self._unpacking, dossier, at)
            async with aclosing(writer.write()) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            self._running -= 1


class _Writer:
    """One dossier while it is made."""

    def __init__(self, store: Store, unpacking: Unpacking, dossier: Dossier, at: datetime) -> None:
        self._store = store
        self._unpacking = unpacking
        self._dossier = dossier
        self._at = at
        self._sink = _Sink([])
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_STORED)  # type: ignore[call-overload] # it asks for less
        self._manifest: list[str] = []

    async def write(self) -> Chunks:
        """Every member, the manifest at the end."""
        for members in (
            self._about(),
            self._packages(),
            self._files(),
            self._verdicts(),
            self._evidence(),
            self._proofs(),
            self._events(),
        ):
            async with aclosing(members) as pieces:
                async for piece in pieces:
                    yield piece
        async for piece in self._text("MANIFEST.sha256", "".join(self._manifest)):
            yield piece
        self._zip.close()
        yield self._sink.take()

    async def _member(self, name: str, content: AsyncIterator[bytes], size_bytes: int = 0) -> Chunks:
        """One member, as its content comes."""
        info = zipfile.ZipInfo(name, date_time=to_local(self._at).timetuple()[:6])
        info.external_attr = 0o644 << 16
        digest = hashlib.sha256()
        with self._zip.open(info, "w", force_zip64=size_bytes >= _LARGE_BYTES) as member:
            async for piece in content:
                digest.update(piece)
                member.write(piece)
                yield self._sink.take()
        self._manifest.append(f"{digest.hexdigest()}  {name}\n")
        yield self._sink.take()

    async def _text(self, name: str, text: str) -> Chunks:
        async for piece in self._member(name, _once(text.encode())):
            yield piece

    async def _about(self) -> Chunks:
        document = self._dossier.document
        about = {
            **{name: value for name, value in asdict(document).items() if name != "particulars"},
            "particulars": json.loads(document.particulars) if document.particulars else None,
            "sender_registered_as": self._dossier.sender_name,
            "made_at": self._at,
            "packages": [asdict(view.package) for view in self._dossier.packages],
            "files": [asdict(file) for view in self._dossier.packages for file in view.files],
        }
        async for piece in self._text("README.txt", README):
            yield piece
        async for piece in self._text("document.json", _json(about)):
            yield piece

    async def _packages(self) -> Chunks:
        for view in self._dossier.packages:
            package = view.package
            bytes_of = self._store.blobs.chunks(package.sha256_hex)
            async for piece in self._member(f"packages/{package.package_id}.edxml", bytes_of, package.size_bytes):
                yield piece
        for original in self._dossier.originals:
            name = f"packages/{original.package_id}.{file_name(original.form)}.original"
            async for piece in self._member(name, self._store.blobs.chunks(original.sha256_hex), original.size_bytes):
                yield piece

    async def _files(self) -> Chunks:
        for view in self._dossier.packages:
            if not view.files:
                continue
            async with self._unpacking.files(view.package.sha256_hex, view.files) as opened:
                for row, file in zip(view.files, opened, strict=True):
                    name = f"files/{view.package.package_id}/{row.position + 1:02}-{file_name(file.name)}"
                    size = file.path.stat().st_size
                    async for piece in self._member(name, file_pieces(file.path), size):
                        yield piece

    async def _verdicts(self) -> Chunks:
        for one in self._dossier.verdicts:
            content = await self._store.read(partial(verdict_content, verdict_id=one.verdict_id))
            name = f"verdicts/{to_local(one.at):%Y%m%d-%H%M%S}-{one.verdict_id}"
            readable = await asyncio.to_thread(verdict_text, one, content)
            for suffix, text in (("json", content), ("txt", readable)):
                async for piece in self._text(f"{name}.{suffix}", text):
                    yield piece

    async def _evidence(self) -> Chunks:
        for sha256_hex, kind in self._dossier.evidence:
            folder, suffix = _FOLDERS.get(kind, ("evidence", "bin"))
            content = await self._bytes(sha256_hex)
            if content is None:
                continue
            if suffix == "pem":
                content = ssl.DER_cert_to_PEM_cert(content).encode()
            async for piece in self._member(f"{folder}/{sha256_hex}.{suffix}", _once(content)):
                yield piece

    async def _proofs(self) -> Chunks:
        for proof in self._dossier.proofs:
            content = await self._bytes(proof.token_sha256)
            if content is not None:
                async for piece in self._member(f"timestamps/package-{proof.sha256_hex}.tsr", _once(content)):
                    yield piece

    async def _bytes(self, sha256_hex: str) -> bytes | None:
        try:
            return await self._store.blobs.read_bytes(sha256_hex)
        except NotFound:  # swept, or never kept
            return None

    async def _events(self) -> Chunks:
        async for piece in self._member("events.jsonl", self._event_lines(_event_json)):
            yield piece
        async for piece in self._member("events.csv", self._event_lines(_event_csv, csv_bytes(_EVENT_NAMES, ()))):
            yield piece

    async def _event_lines(self, say: "_Say", head: bytes = b"") -> Chunks:
        """Every event as a line, a page at a time."""
        yield head
        query = RecordQuery(document_uid=self._dossier.document.document_uid, rows=_PAGE_ROWS)
        more = True
        while more:
            page: EventPage = await self._store.read(partial(read_events, query=query))
            yield await asyncio.to_thread(_lines, say, page)
            more = page.more
            if page.events:
                query = replace(query, after=EventKey(at=page.events[-1].at, key=page.events[-1].key))


_Say = Callable[[RecordEvent], bytes]


def _lines(say: _Say, page: EventPage) -> bytes:
    return b"".join(map(say, page.events))


def _event_json(event: RecordEvent) -> bytes:
    return (json.dumps(_said(event), ensure_ascii=False) + "\n").encode()


def _event_csv(event: RecordEvent) -> bytes:
    return csv_rows(([_said(event)[name] for name in _EVENT_NAMES],))


def _said(event: RecordEvent) -> dict[str, str]:
    values = {name: getattr(event, name) for name in _EVENT_NAMES if name != "at"}
    return {"at": to_local(event.at).isoformat(), **{name: str(value or "") for name, value in values.items()}}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, default=_plain) + "\n"


def _plain(value: object) -> str:
    return to_local(value).isoformat() if isinstance(value, datetime) else str(value)


async def _once(content: bytes) -> Chunks:
    yield content
