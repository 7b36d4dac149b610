"""Reads edXML packages: one pass, header and files, flat memory.

The same path serves a package in memory and one of a gigabyte on disk: a skeleton of the XML without the files' base64
text becomes the header, the files are decoded as they pass. What real packages get wrong is accepted and noted; what
makes a package ambiguous or unusable is refused, naming the element.

Not judged here: whether an organisation exists, what a signature is worth, what is a repeat.

Norm: QCVN 102:2016/BTTTT.   Peer: vendor packages; what others get wrong stands in `findings`.
"""

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from axis.edxml.attachments import match
from axis.edxml.content import Decoder, Shelf
from axis.edxml.fields import Fields
from axis.edxml.findings import NOTES, Findings, Odd
from axis.edxml.model import DocumentPackage, Finding, Limits, Package, StatusPackage
from axis.edxml.prolog import find_beginning
from axis.edxml.rules import check_document, check_status
from axis.edxml.schema import explain_schema
from axis.edxml.skeleton import CHUNK_BYTES, Skeleton, parse, parse_whole
from axis.errors import Busy, Code, Malformed

Mode = Literal["strict", "tolerant"]
DEFAULT_LIMITS = Limits()


def read(
    source: bytes | Path, *, limits: Limits = DEFAULT_LIMITS, mode: Mode = "tolerant", spool_dir: Path | None = None
) -> Package:
    """Read one package.

    source: its exact bytes, or the file that holds them.
    mode: `strict` also refuses what the schema forbids and what tolerant mode only notes.
    spool_dir: where the decoded files of a package on disk go, under names of our own; they are the caller's to remove.
    Without it they are only measured. The files of a package in memory stay in memory.
    Raises Malformed(code, at), and then leaves no file behind: never an lxml error. Raises Busy(DISK_FULL).
    Norm: QCVN 102:2016/BTTTT.   Peer: vendor client 2.0.1, seen on the wire.
    """
    in_memory = isinstance(source, bytes)
    shelf = Shelf(in_memory=in_memory, spool_dir=spool_dir, scratch_dir=_scratch_dir(source))
    accepted = False
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            package = _read(file, limits, mode, shelf)
        accepted = True
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Busy(Code.DISK_FULL) from e
        raise
    finally:
        shelf.close(refused=not accepted)
    return package


def _scratch_dir(source: bytes | Path) -> Path | None:
    """Where ZIPs are put while they are unpacked: beside the package, where there is room for it."""
    if isinstance(source, bytes) or not os.access(source.parent, os.W_OK):
        return None
    return source.parent


def _read(file: IO[bytes], limits: Limits, mode: Mode, shelf: Shelf) -> Package:
    size_bytes = file.seek(0, io.SEEK_END)
    if size_bytes > limits.package_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {limits.package_bytes} bytes")
    file.seek(0)
    head = file.read(limits.leading_junk_bytes + CHUNK_BYTES)
    beginning = find_beginning(head, limits.leading_junk_bytes)
    findings = Findings()
    if beginning.has_junk:
        findings.add(Odd.LEADING_JUNK, "")

    def decoder(at: str) -> Decoder:
        return Decoder(at=at, keeper=shelf.keeper(), most_bytes=limits.attachment_bytes)

    xml, skeleton = head[beginning.offset :], None
    if len(head) == size_bytes and len(xml) <= CHUNK_BYTES:
        skeleton = parse_whole(xml, limits=limits, findings=findings, decoder=decoder)
    if skeleton is None:
        chunks = _chunks(xml, file)
        skeleton = parse(chunks, limits=limits, findings=findings, decoder=decoder, line=beginning.lines)
    package = _package(skeleton, limits, findings)
    if mode == "strict":
        _refuse_strictly(skeleton, package)
    return package


def _chunks(head: bytes, file: IO[bytes]) -> Iterator[bytes]:
    yield head
    while chunk := file.read(CHUNK_BYTES):
        yield chunk


def _package(skeleton: Skeleton, limits: Limits, findings: Findings) -> Package:
    fields = Fields(skeleton.root, findings)
    if fields.is_status:
        return _status(fields, findings, has_signature=skeleton.has_signature)
    header = fields.document_header(limits)
    attachments = match(fields.listed(), fields.held(), limits=limits, findings=findings)
    findings.extend(check_document(header, attachments))
    return DocumentPackage(
        header=header, attachments=attachments, findings=findings.all(), has_signature=skeleton.has_signature
    )


def _status(fields: Fields, findings: Findings, *, has_signature: bool) -> StatusPackage:
    header = fields.status_header()
    if fields.listed() or fields.held():
        raise Malformed(Code.ATTACHMENT_UNLISTED, "a status carries no files", at="AttachmentEncoded")
    findings.extend(check_status(header))
    return StatusPackage(header=header, findings=findings.all(), has_signature=has_signature)


def _refuse_strictly(skeleton: Skeleton, package: Package) -> None:
    """Raise for the first thing that is not as the norm has it."""
    odd = [found for found in package.findings if found.code not in NOTES]
    overflowed = any(found.code == Odd.MORE for found in package.findings)  # the schema's own list would have no end
    schema_findings = () if overflowed else explain_schema(skeleton.root, package.kind)
    if schema_findings:
        raise _refusal(Code.SCHEMA_INVALID, schema_findings[0], len(schema_findings))
    if odd:
        raise _refusal(Code.FIELD_INVALID, odd[0], len(odd))


def _refusal(code: Code, first: Finding, count: int) -> Malformed:
    more = f" (and {count - 1} more)" if count > 1 else ""
    return Malformed(code, first.message + more, at=first.at)
