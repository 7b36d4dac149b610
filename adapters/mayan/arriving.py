"""What arrives is filed: one document with its metadata, the document's files, and the package itself; once.

The document is made first, under a line that names its package; then its files come, then metadata and cabinet, and
the last the tag by which its workflow is followed. A try that breaks off leaves a document that the next one completes.
A file counts as filed once Mayan lists it with the hash that it was sent with.

Norm: QCVN 102:2016/BTTTT, for what the fields are called.
"""

import asyncio
import hashlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain, repeat
from pathlib import Path
from typing import Any, Final

import structlog

from adapters.checking import Fault, Trouble
from adapters.filing.place import safe_name
from adapters.filing.telling import Laid, laid_files, sidecar
from adapters.mayan import PeerOptions
from adapters.mayan.finding import Finder, key_of, mark_of
from adapters.mayan.names import URGENCIES
from adapters.mayan.paper import Papers, joined, listed
from adapters.mayan.server import Mayan, Upload
from adapters.mayan.setup import Setup
from adapters.mayan.wire import File, Filed, Value, read_document, read_file, row_of
from axis.delivery.peer import Bytes, Outgoing, Sent
from axis.edxml.model import Limits
from axis.edxml.reader import read
from axis.errors import Malformed, PeerRefused
from axis.terms import Urgency
from axis.text import one_line

log = structlog.get_logger(__name__)

_LABEL: Final = 200
_DESCRIPTION: Final = 1_000
_MOST_FILES: Final = 2_000
_LOOKS_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
_ACTS: Final = {"1": "recall", "2": "update", "3": "replace"}
_TITLES: Final = {"recall": "[Thu hồi]", "update": "[Cập nhật]", "replace": "[Thay thế]"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A file that the document is to have."""

    upload: Upload
    sha256_hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A package that was taken apart."""

    told: Mapping[str, Any]
    files: tuple[_Wanted, ...]
    empty: tuple[str, ...]  # names of files without a byte: Mayan takes none


class Arriving:
    """Files packages."""

    def __init__(self, mayan: Mayan, setup: Setup, finder: Finder, options: PeerOptions, room: "Room") -> None:
        self._mayan = mayan
        self._setup = setup
        self._finder = finder
        self._papers = Papers(mayan, setup)
        self._options = options
        self._room = room

    async def file(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """File a document package; when this returns Mayan has all of it."""
        async with self._room.folder() as folder:
            source = folder / "package"
            with source.open("wb") as copy:
                async for chunk in content():
                    await asyncio.to_thread(copy.write, chunk)
            opened = await asyncio.to_thread(_open, outgoing, source, self._room.limits)
            document = await self._made(outgoing, opened)
            await self._bring_files(document.ref, opened.files)
        await self._describe(outgoing, opened, document)
        return Sent(ref=str(document.ref), acknowledged=True)

    async def _made(self, outgoing: Outgoing, opened: _Opened) -> Filed:
        layout = await self._setup.layout()
        if (found := await self._finder.made_of(outgoing.package_id)) is not None:
            return found
        subject = one_line(str(opened.told.get("subject") or ""), _DESCRIPTION)
        sender = one_line(f"{outgoing.from_name or ''} ({outgoing.from_organ})", _DESCRIPTION)
        body = {
            "document_type_id": layout.document_type.ref,
            "label": _label(opened.told),
            "description": f"{mark_of(outgoing.package_id)}\n{sender}: {subject}",
            "language": self._options.language,
        }
        document = read_document(row_of(await self._mayan.post("documents/", body)))
        self._finder.note(outgoing.package_id, document.ref)
        log.info("mayan_document_made", package_id=outgoing.package_id, ref=document.ref)
        return document

    # ── files ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _bring_files(self, document: int, wanted: Sequence[_Wanted]) -> None:
        there = await list_files(self._mayan, document)
        for one in wanted:
            if not _is_there(there, one):
                await self._bring(document, one)
        await self._remove_repeats(document, wanted)

    async def _bring(self, document: int, wanted: _Wanted) -> None:
        if not await appears(self._mayan, document, wanted.upload, self._options.upload_wait_s):
            raise Trouble(Fault.OTHER, "a file was taken, and is still not there: do Mayan's workers run?")

    async def _remove_repeats(self, document: int, wanted: Sequence[_Wanted]) -> None:
        """A file that was slow to appear may have been handed over twice."""
        allowed = Counter((one.upload.name, one.sha256_hex) for one in wanted)
        for file in await list_files(self._mayan, document):
            key = (file.name, file.sha256_hex)
            if key not in allowed:
                continue  # a clerk's
            if allowed[key] == 0:
                await self._mayan.delete(f"documents/{document}/files/{file.ref}/")
            else:
                allowed[key] = 0

    # ── what is said of it ─────────────────────────────────────────────────────────────────────────────────────

    async def _describe(self, outgoing: Outgoing, opened: _Opened, document: Filed) -> None:
        layout = await self._setup.layout()
        there = await self._papers.values(document.ref)
        receivers = joined((*_listed(there, "receivers"), *(one.organ_id for one in outgoing.receivers)))
        wanted = {"package": outgoing.package_id, **_metadata(outgoing, opened.told), "receivers": receivers}
        if "reported" in there and _listed(there, "receivers") != listed(receivers):
            wanted["reported"] = ""  # the new receivers' statuses are still to be told; the others' are repeats
        await self._papers.say(document, wanted, there)
        if layout.cabinet is not None:
            await self._mayan.post(f"cabinets/{layout.cabinet}/documents/add/", {"document": document.ref})
        if opened.empty:
            names = ", ".join(one_line(name, _LABEL) for name in opened.empty)
            text = f"Tệp rỗng (0 byte), chỉ có trong gói tin: {names}\nEmpty files, in the package only: {names}"
            await self._papers.comment(document.ref, mark_of(outgoing.package_id), text)
        await self._tell_earlier(outgoing, opened, document)
        if layout.workflow is not None:
            await self._papers.tag(document.ref, self._options.tag_open)

    async def _tell_earlier(self, outgoing: Outgoing, opened: _Opened, document: Filed) -> None:
        """An act is told to the documents that it is about, where they are here."""
        act = _act(opened.told)
        if not act:
            return
        about = {one["document_id"] for one in opened.told["response_for"] if one["document_id"]}
        about |= {outgoing.document_id} if act == "update" else set()
        text = f"{_TITLES[act]} {_label(opened.told)}: {one_line(str(opened.told.get('reason') or ''), _DESCRIPTION)}"
        for document_id in sorted(about):
            for ref in await self._finder.known_as(document_id):
                if ref != document.ref:
                    await self._papers.comment(ref, mark_of(outgoing.package_id), text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """Where packages are taken apart, and how large they may be."""

    scratch: Path
    limits: Limits

    @asynccontextmanager
    async def folder(self) -> AsyncIterator[Path]:
        """A folder for as long as it is needed."""
        folder = tempfile.TemporaryDirectory(prefix="mayan-", dir=self.scratch)
        try:
            yield Path(folder.name)
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))


def _open(outgoing: Outgoing, source: Path, limits: Limits) -> _Opened:
    """Raises PeerRefused for what cannot be taken apart."""
    try:
        package = read(source, limits=limits, spool_dir=source.parent)
        laid = laid_files(package, outgoing.package_id, limits)
        told = sidecar(outgoing, package, outgoing.receivers, {})
    except Malformed as e:
        raise PeerRefused(f"the stored package cannot be taken apart: {e}") from e
    full = [one for one in laid if one.size_bytes]
    files = [_wanted(one, "append" if number else "replace") for number, one in enumerate(full)]
    name = f"{outgoing.package_id}.edxml"
    upload = Upload(name=name, path=source, action="keep", comment="gói tin gốc / the package as it was sent")
    files.append(_Wanted(upload=upload, sha256_hex=outgoing.sha256_hex.lower()))
    return _Opened(told=told, files=tuple(files), empty=tuple(one.name for one in laid if not one.size_bytes))


def _wanted(laid: Laid, action: str) -> _Wanted:
    return _Wanted(
        upload=Upload(name=safe_name(laid.name), path=laid.path, action=action), sha256_hex=_digest(laid.path)
    )


def _is_there(files: Sequence[File], wanted: _Wanted) -> bool:
    return any((one.name, one.sha256_hex) == (wanted.upload.name, wanted.sha256_hex) for one in files)


async def list_files(mayan: Mayan, document: int) -> list[File]:
    """A document's files."""
    return [read_file(row) async for row in mayan.each(f"documents/{document}/files/", _MOST_FILES)]


async def appears(mayan: Mayan, document: int, upload: Upload, wait_s: float) -> bool:
    """Hand a file over, and wait until it is there; it may be there though the call failed. Raises what that raised."""
    wanted = _Wanted(upload=upload, sha256_hex=await asyncio.to_thread(_digest, upload.path))
    failure: Trouble | None = None
    try:
        await mayan.upload(document, upload)
    except Trouble as e:
        failure = e
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (wait_s if failure is None else 0)
    for pause_s in chain(_LOOKS_S, repeat(_LOOKS_S[-1])):
        try:
            if _is_there(await list_files(mayan, document), wanted):
                return True
        except Trouble as e:
            raise failure or e from e
        if loop.time() >= deadline:
            break
        await asyncio.sleep(pause_s)
    if failure is not None:
        raise failure
    return False


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(there: Mapping[str, Value], field: str) -> tuple[str, ...]:
    return listed(there[field].text) if field in there else ()


def _act(told: Mapping[str, Any]) -> str:
    return _ACTS.get(str(told.get("business_type")), "")


def _label(told: Mapping[str, Any]) -> str:
    title = _TITLES.get(_act(told), "")
    label = one_line(f"{title} {told.get('code') or ''} {told.get('subject') or ''}", _LABEL)
    return label or str(told["package_id"])


def _metadata(outgoing: Outgoing, told: Mapping[str, Any]) -> dict[str, str]:
    """What the document says of itself, by field; a line each."""
    signer = told["signer"]
    said = {
        "key": key_of(told["document_id"]),
        "code": told["code"],
        "subject": told["subject"],
        "sender": told["reply"]["organ_id"] or outgoing.from_organ,
        "sender_name": outgoing.from_name,
        "date": told["promulgation_date"],
        "type_name": told["type_name"],
        "urgency": URGENCIES[Urgency(told["urgency"])],
        "due_date": told["due_date"],
        "signer": signer["full_name"],
        "signer_position": signer["position"],
        "act": _act(told),
        "reason": told["reason"],
    }
    lines = {field: one_line(str(text), _DESCRIPTION) for field, text in said.items() if text}
    return {**lines, "document_id": told["document_id"]}  # as it is: statuses name it
