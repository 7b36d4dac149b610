"""A request taken apart: its envelope, its parts, and the package that it becomes.

Everything here is synchronous, and works on bytes or on a file that the caller keeps; files of the document are decoded
into a folder that the caller removes. Names and Content-IDs never touch a path.

Norm: QCVN 102:2016/BTTTT, for what is composed.   Peer: SOAP with attachments and MTOM as clients write them.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import unquote

from adapters.edoc.errors import Fault, SoapFault
from adapters.edoc.mime import Part, read_boundary, read_parts, root_of, slices
from adapters.edoc.soap import Envelope, include_of, is_credentials, one_of, read_envelope
from adapters.edoc.wire import MULTIPART, XML_TYPES, MediaType, bare_id
from axis.edxml.attachments import Declared, Held, match
from axis.edxml.content import Content, Decoder, Keeper, Measure, Shelf
from axis.edxml.findings import Findings
from axis.edxml.model import DocumentPackage, Finding, Limits, Package, StatusPackage
from axis.edxml.prolog import find_beginning
from axis.edxml.skeleton import CHUNK_BYTES, Node
from axis.edxml.v1 import CONTENT, read_document, read_status, reference_href
from axis.edxml.writer import write
from axis.errors import Code, Malformed
from axis.store.spool import Spooled

_LEADING_BYTES = 1024  # of junk in front of an envelope
_AS_IT_IS = ("binary", "8bit", "7bit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A request."""

    content: bytes | Path
    envelope: Envelope
    envelope_start: int  # in the content
    parts: tuple[Part, ...]  # besides the envelope's
    shelf: Shelf

    def close(self) -> None:
        """Nothing is read any more."""
        self.shelf.close(refused=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """A package of QCVN 102 made of a request, and what had no place in it."""

    spooled: Spooled
    from_code: str  # its sender, as it says
    findings: tuple[Finding, ...]


def open_request(content: bytes | Path, media_type: MediaType, limits: Limits, folder: Path) -> Opened:
    """Take a request apart. Raises Malformed; SoapFault for what is not SOAP."""
    shelf = Shelf(in_memory=isinstance(content, bytes), spool_dir=folder, scratch_dir=folder)

    def decoder(at: str) -> Decoder:
        return Decoder(at=at, keeper=shelf.keeper(), most_bytes=limits.attachment_bytes)

    with _reading(content) as file:
        parts: tuple[Part, ...] = ()
        if media_type.name == MULTIPART:
            every = read_parts(file, read_boundary(media_type), limits.attachments + 1)
            root = root_of(every, media_type.get("start"))
            _check_root(root)
            start, size_bytes = root.start, root.size_bytes
            parts = tuple(part for part in every if part is not root)
        elif media_type.name in XML_TYPES:
            start, size_bytes = 0, file.seek(0, io.SEEK_END)
        else:
            raise SoapFault(Fault.CLIENT, f"{media_type.name[:80]} is not spoken", at="Content-Type")
        envelope = read_envelope(_xml(file, start, size_bytes), limits, decoder)
    return Opened(content=content, envelope=envelope, envelope_start=start, parts=parts, shelf=shelf)


def compose_document(opened: Opened, limits: Limits, folder: Path) -> Converted:
    """The document that a SendDocument, or an answer of GetDocument, carries. Raises Malformed."""
    manifest = one_of(opened.envelope.body, "Manifest", "Body")
    blocks = [node for node in opened.envelope.header if not is_credentials(node)]
    said = read_document(blocks, manifest, limits)
    findings = Findings()
    attachments = match(said.references, tuple(_held(opened, manifest, limits)), limits=limits, findings=findings)
    package = DocumentPackage(header=said.header, attachments=attachments)
    return Converted(
        spooled=_written(package, opened, folder),
        from_code=said.header.sender.organ_id,
        findings=(*said.findings, *findings.all()),
    )


def compose_status(opened: Opened, folder: Path, status: Node) -> Converted:
    """The status that an UpdateTraces carries. Raises Malformed."""
    said = read_status(status)
    package = StatusPackage(header=said.header)
    written = _written(package, opened, folder)
    return Converted(spooled=written, from_code=said.header.sender.organ_id, findings=said.findings)


@contextmanager
def _reading(content: bytes | Path) -> Iterator[IO[bytes]]:
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        yield file


def _check_root(root: Part) -> None:
    if root.encoding not in _AS_IT_IS:
        raise Malformed(Code.BAD_REQUEST, "an envelope is sent as it is", at="Content-Transfer-Encoding")
    if root.media_type.name not in (*XML_TYPES, "text/plain"):
        raise SoapFault(Fault.CLIENT, "the root part is no XML", at="Content-Type")


def _xml(file: IO[bytes], start: int, size_bytes: int) -> Iterator[bytes]:
    """The envelope from its beginning, CHUNK_BYTES at a time."""
    head = b"".join(slices(file, start, min(size_bytes, _LEADING_BYTES + CHUNK_BYTES)))
    beginning = find_beginning(head, _LEADING_BYTES)
    begun = head[beginning.offset :]
    yield from (begun[place : place + CHUNK_BYTES] for place in range(0, len(begun), CHUNK_BYTES))
    yield from slices(file, start + len(head), size_bytes - len(head), CHUNK_BYTES)


def _held(opened: Opened, manifest: Node | None, limits: Limits) -> Iterator[Held]:
    """The files, whether they stand in the envelope or in parts of their own, under their references' ids."""
    ids = {part.content_id for part in opened.parts}
    wanted: dict[str, str] = {}  # a part's Content-ID → its reference's link, where the two are not written alike
    references = manifest.children if manifest else ()
    for position, reference in enumerate(references, 1):
        if reference.name != "Reference":
            continue
        href = reference_href(reference, position)
        inline = one_of(reference.children, CONTENT, f"Manifest/Reference[{position}]")
        included = include_of(reference) or (None if inline is None else include_of(inline))
        if included is not None:
            wanted[_matching(bare_id(included), ids)] = href
        elif inline is not None and inline.content is not None:
            at = f"Manifest/Reference[{position}]/{CONTENT}"
            yield Held(at=at, declared=Declared(content_id=href), content=inline.content)
        else:
            wanted.setdefault(_matching(bare_id(href), ids), href)
    with _reading(opened.content) as file:
        for part in opened.parts:
            kind = part.media_type.name if "content-type" in part.headers else None
            declared = Declared(content_id=wanted.get(part.content_id, part.content_id), content_type=kind)
            yield Held(at=part.at, declared=declared, content=_decoded(file, part, opened.shelf.keeper(), limits))


def _matching(content_id: str, ids: Iterable[str]) -> str:
    """A link as a part writes it: links have some characters escaped."""
    return content_id if content_id in ids else unquote(content_id)


def _decoded(file: IO[bytes], part: Part, keeper: Keeper, limits: Limits) -> Content:
    if "content-encoding" in part.headers:
        raise Malformed(Code.BAD_REQUEST, "a file is sent as it is, or as base64", at=part.at)
    if part.encoding == "base64":
        decoder = Decoder(at=part.at, keeper=keeper, most_bytes=limits.attachment_bytes)
        for chunk in slices(file, part.start, part.size_bytes):
            decoder.feed(chunk.decode("latin-1"))
        return decoder.finish()
    if part.encoding not in _AS_IT_IS:
        raise Malformed(Code.BAD_REQUEST, "a file is sent as it is, or as base64", at=part.at)
    if part.size_bytes > limits.attachment_bytes:
        raise Malformed(Code.TOO_LARGE, f"a file of more than {limits.attachment_bytes} bytes", at=part.at)
    measure = Measure()
    for chunk in slices(file, part.start, part.size_bytes):
        measure.feed(chunk)
        keeper.write(chunk)
    return measure.content(keeper.finish(measure.sniffer))


def _written(package: Package, opened: Opened, folder: Path) -> Spooled:
    """The package in memory, or in a file where the request was one."""
    if isinstance(opened.content, bytes):
        raw = io.BytesIO()
        write(package, raw)
        value = raw.getvalue()
        return Spooled(content=value, sha256_hex=hashlib.sha256(value).hexdigest(), size_bytes=len(value))
    path = folder / "package"
    with path.open("wb") as file:
        out = _Hashing(file)
        write(package, out)  # type: ignore[arg-type] # the writer only writes
    return Spooled(content=path, sha256_hex=out.digest.hexdigest(), size_bytes=out.size_bytes)


class _Hashing:
    """A file that is hashed while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self.digest = hashlib.sha256()
        self.size_bytes = 0
        self._file = file

    def write(self, chunk: bytes) -> int:
        """Take the next bytes."""
        self.digest.update(chunk)
        self.size_bytes += len(chunk)
        return self._file.write(chunk)
