"""What is tagged there is sent: composed of its metadata and files, then tagged anew with how it went.

The package follows from the document alone: read again, it is the same. A document whose only file is a package
(`.edxml`) is sent as that package, byte for byte. What cannot be sent gets another tag and a comment that says why; it
is not tried again until somebody tags it again.

Norm: QCVN 102:2016/BTTTT, for what the fields are called.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from adapters.filing.place import safe_name
from adapters.filing.wishes import MOST_FILES, DocumentWish, header_of, read_wish, write_document
from adapters.mayan import PeerOptions
from adapters.mayan.arriving import Room
from adapters.mayan.finding import key_of
from adapters.mayan.names import SENT, read_urgency
from adapters.mayan.paper import Papers, listed
from adapters.mayan.server import Mayan, Missing
from adapters.mayan.setup import Setup
from adapters.mayan.wire import File, Filed, Value, read_document, read_file
from axis.edxml.dates import read_date
from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.errors import AxisError, Code, Malformed, PeerRefused
from axis.messages import describe
from axis.pieces import file_pieces
from axis.text import one_line

log = structlog.get_logger(__name__)

_PACKAGE: Final = ".edxml"
_LABEL: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """A document that was read."""

    document: Filed
    values: Mapping[str, Value]
    said: Mapping[str, str]  # what it is to be known by once it is sent


class Sending:
    """Takes what is tagged."""

    def __init__(self, mayan: Mayan, setup: Setup, options: PeerOptions, room: Room) -> None:
        self._mayan = mayan
        self._setup = setup
        self._papers = Papers(mayan, setup)
        self._options = options
        self._room = room
        self._read: dict[int, _Read] = {}

    async def tagged(self) -> list[int]:
        """The documents that wait to be sent, at most a batch."""
        tag = (await self._setup.layout()).tags[self._options.tag_send]
        path = f"tags/{tag}/documents/"
        return [read_document(row).ref async for row in self._mayan.each(path, self._options.batch)]

    @asynccontextmanager
    async def fetch(self, ref: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """A document as a package. Raises Malformed when it cannot be one."""
        self._read.pop(ref, None)
        try:
            document = await self._papers.document(ref)
            values = await self._papers.values(ref)
            await self._check_type(document)
            path = f"documents/{ref}/files/"
            files = [read_file(row) async for row in self._mayan.each(path, MOST_FILES + 1)]
        except (Missing, PeerRefused) as e:  # the list of what is tagged was given: this is about the one document
            raise Malformed(Code.BAD_FILE, e.detail, at=f"document {ref}") from e
        if len(files) > MOST_FILES:
            raise Malformed(Code.TOO_MANY, f"more than {MOST_FILES} files", at="files")
        async with self._room.folder() as folder:
            paths = [await self._download(ref, file, folder / f"{n}") for n, file in enumerate(files)]
            out = folder / "package"
            said = await asyncio.to_thread(self._compose, document, values, list(zip(files, paths, strict=True)), out)
            self._read[ref] = _Read(document=document, values=values, said=said)
            async with aclosing(file_pieces(out)) as pieces:
                yield pieces

    async def confirm(self, ref: int) -> None:
        """It is durable in the node: what it is known by first, the tag that had it sent last."""
        read_before = self._read.pop(ref, None)
        if read_before is None:
            return  # it is met again, and is a repeat then
        await self._papers.say(read_before.document, read_before.said, read_before.values)
        await self._papers.tag(ref, self._options.tag_sent)
        await self._papers.untag(ref, self._options.tag_failed, self._options.tag_send)

    async def put_aside(self, ref: int, error: AxisError) -> None:
        """It cannot be sent, and its comments say why."""
        self._read.pop(ref, None)
        text = f"{describe(error, 'vi')}\n\n{describe(error, 'en')}\n"
        again = f"Sửa xong thì gắn lại nhãn {self._options.tag_send}. / Once it is put right, tag it again."
        mark = f"[axis {hashlib.sha256(text.encode()).hexdigest()[:16]}]"
        try:
            await self._papers.comment(ref, mark, f"Không gửi được / Cannot be sent ({error.code})\n\n{text}{again}")
            await self._papers.tag(ref, self._options.tag_failed)
            await self._papers.untag(ref, self._options.tag_send)
        except (Missing, PeerRefused) as e:  # it is gone, or we may not: the others must not wait for it
            log.warning("mayan_not_marked", ref=ref, code=error.code, error=e.detail)
            self._setup.forget()

    async def _check_type(self, document: Filed) -> None:
        """Whether its type can keep what the node must find again, before anything is sent."""
        allowed = await self._setup.names_of(document.type_ref)
        needed = {self._setup.names[field] for field in ("key", "document_id", "receivers", "status")}
        if lacking := sorted(needed - allowed):
            words = f"document type “{document.type_label}” has not the metadata {', '.join(lacking)}"
            raise Malformed(Code.BAD_FILE, words, at=f"document {document.ref}")

    async def _download(self, ref: int, file: File, path: Path) -> Path:
        most = self._room.limits.attachment_bytes
        digest, size_bytes = hashlib.sha256(), 0
        try:
            async with self._mayan.download(ref, file.ref) as pieces:
                with path.open("wb") as out:
                    async for piece in pieces:
                        size_bytes += len(piece)
                        if size_bytes > most:
                            raise Malformed(Code.TOO_LARGE, f"more than {most} bytes", at=one_line(file.name, _LABEL))
                        digest.update(piece)
                        await asyncio.to_thread(out.write, piece)
        except (Missing, PeerRefused) as e:
            raise Malformed(Code.ATTACHMENT_ABSENT, e.detail, at=one_line(file.name, _LABEL)) from e
        if file.sha256_hex and digest.hexdigest() != file.sha256_hex:
            raise Malformed(Code.HASH_MISMATCH, "it is not as Mayan took it in", at=one_line(file.name, _LABEL))
        return path

    def _compose(
        self, document: Filed, values: Mapping[str, Value], files: Sequence[tuple[File, Path]], out: Path
    ) -> dict[str, str]:
        """Write the package; what the document is to be known by. Raises Malformed."""
        limits = self._room.limits
        if len(files) == 1 and files[0][0].name.lower().endswith(_PACKAGE):
            files[0][1].rename(out)
            package = read(out, limits=limits)
            document_id = package.header.document_id if isinstance(package, DocumentPackage) else ""
            return {"key": key_of(document_id), "document_id": document_id} if document_id else {}
        wish = self._wish(document, values, [file for file, _ in files])
        write_document(wish, [path for _, path in files], out, limits)
        document_id = header_of(wish).document_id
        return {"key": key_of(document_id), "document_id": document_id, "sender": wish.sender.organ_id}

    def _wish(self, document: Filed, values: Mapping[str, Value], files: Sequence[File]) -> DocumentWish:
        """What its metadata say. Raises Malformed(BAD_FILE, at the field)."""
        said = {field: value.text.strip() for field, value in values.items() if field in SENT and value.text.strip()}
        number, _, notation = said.get("code", "").partition("/")
        if not (sender := said.get("sender") or self._options.organ_id):
            raise Malformed(Code.MISSING_FROM, at=self._setup.names["sender"])
        if not (receivers := listed(said.get("receivers", ""))):
            raise Malformed(Code.MISSING_TO, at=self._setup.names["receivers"])
        wished: dict[str, Any] = {
            "kind": "document",
            "sender": {"organ_id": sender},
            "receivers": [{"organ_id": code} for code in receivers],
            "document_id": said.get("document_id"),
            "number": number or None,
            "notation": notation or None,
            "promulgation_date": self._day("date", said),
            "due_date": self._day("due_date", said),
            "type_name": said.get("type_name"),
            "subject": said.get("subject") or document.label,
            "signer": {"full_name": said.get("signer"), "position": said.get("signer_position")},
            "urgency": self._urgency(said),
            "act": _act(said),
            "files": [
                {"file": f"{n:03}.{safe_name(file.name)}", "name": file.name or safe_name("")}
                for n, file in enumerate(files)
            ],
        }
        if not wished["act"]:
            wished["reason"] = said.get("reason")
        wish = read_wish(json.dumps(wished).encode())
        assert isinstance(wish, DocumentWish)  # noqa: S101 - by its kind
        return wish

    def _day(self, field: str, said: Mapping[str, str]) -> str | None:
        if field not in said:
            return None
        if (day := read_date(said[field])) is None:
            raise Malformed(Code.BAD_FILE, f"no date: {one_line(said[field], _LABEL)}", at=self._setup.names[field])
        return day.isoformat()

    def _urgency(self, said: Mapping[str, str]) -> int:
        if "urgency" not in said:
            return 0
        if (found := read_urgency(said["urgency"])) is None:
            words = f"no urgency: {one_line(said['urgency'], _LABEL)}"
            raise Malformed(Code.BAD_FILE, words, at=self._setup.names["urgency"])
        return found


def _act(said: Mapping[str, str]) -> dict[str, Any] | None:
    if "act" not in said:
        return None
    about = [one.strip() for one in said.get("act_documents", "").split(";") if one.strip()]
    return {
        "kind": said["act"],
        "documents": [{"document_id": one} for one in about],
        "reason": said.get("reason", ""),
    }
