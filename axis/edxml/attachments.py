"""The files of a package: what the manifest lists matched with what AttachmentEncoded holds.

A ContentId that is listed twice, listed and absent, or present and not listed refuses the package: which file a
receiver would get is then anybody's guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from axis.edxml.content import Content, Measure
from axis.edxml.findings import Findings, Odd, shown
from axis.edxml.media import PDF, ZIP
from axis.edxml.model import Attachment, Limits
from axis.edxml.zips import Unusable, Unzipped, Unzipper
from axis.errors import Code, Malformed

MANIFEST = "edXMLBody/edXMLManifest"
_CHUNK_BYTES = 64 << 10
_SURE_TYPES = frozenset({ZIP, PDF, "image/png", "image/jpeg", "image/gif"})  # the bytes confirm these or contradict


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a package says of a file: a Reference of the manifest, or an Attachment without its content."""

    content_id: str
    name: str | None = None
    description: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An Attachment of AttachmentEncoded."""

    at: str  # its element path
    declared: Declared
    content: Content


def attach(declared: Declared, content: bytes | Path, *, limits: Limits | None = None) -> Attachment:
    """Make an attachment of a file, for a package that is to be written.

    Raises Malformed(ZIP_BOMB) for a ZIP that the reader would refuse.
    """
    measure = Measure()
    if isinstance(content, bytes):
        measure.feed(content)
    else:
        with content.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                measure.feed(chunk)
    held = Held(at="AttachmentEncoded/Attachment", declared=declared, content=measure.content(content))
    return _attachment(held, declared, Unzipper(limits or Limits()), Findings())


def match(
    listed: Sequence[Declared], held: Sequence[Held], *, limits: Limits, findings: Findings
) -> tuple[Attachment, ...]:
    """The attachments in the manifest's order.

    Raises Malformed: ATTACHMENT_DUPLICATE, ATTACHMENT_ABSENT, ATTACHMENT_UNLISTED, ZIP_BOMB.
    """
    by_id: dict[str, Held] = {}
    for one in held:
        key = _key(one.declared.content_id)
        if key in by_id:
            raise _refused(Code.ATTACHMENT_DUPLICATE, one.declared, one.at)
        by_id[key] = one
    unzipper = Unzipper(limits)
    attachments = []
    seen: set[str] = set()
    for position, reference in enumerate(listed, 1):
        at = f"{MANIFEST}/Reference[{position}]"
        key = _key(reference.content_id)
        if key in seen:
            raise _refused(Code.ATTACHMENT_DUPLICATE, reference, at)
        seen.add(key)
        if key not in by_id:
            raise _refused(Code.ATTACHMENT_ABSENT, reference, at)
        attachments.append(_attachment(by_id.pop(key), reference, unzipper, findings))
    for left in by_id.values():
        raise _refused(Code.ATTACHMENT_UNLISTED, left.declared, left.at)
    return tuple(attachments)


def _key(content_id: str) -> str:
    """Some senders write `cid:` in one of the two places only."""
    return content_id.removeprefix("cid:")


def _refused(code: Code, declared: Declared, at: str) -> Malformed:
    return Malformed(code, shown(declared.content_id), at=f"{at}/ContentId")


def _attachment(held: Held, reference: Declared, unzipper: Unzipper, findings: Findings) -> Attachment:
    """One file; where manifest and file differ, the manifest's words count."""
    content = held.content
    name = reference.name or held.declared.name or ""
    content_type = reference.content_type or held.declared.content_type
    description = reference.description or held.declared.description
    _note_oddities(held, reference, findings)
    unzipped = _unzip(held, name, content_type, unzipper, findings)
    return Attachment(
        content_id=reference.content_id,
        name=name,
        description=description,
        content_type=content_type,
        media_type=unzipped.media_type if unzipped else content.media_type,
        size_bytes=content.size_bytes,
        sha256_hex=content.sha256_hex,
        identity_digest=unzipped.identity_digest if unzipped else content.sha256_hex,
        zipped_by_client=unzipped is not None,
        content=content.kept if isinstance(content.kept, bytes | Path) else None,
    )


def _note_oddities(held: Held, reference: Declared, findings: Findings) -> None:
    own = held.declared
    if not (reference.name or own.name):
        findings.add(Odd.MISSING_NAME, held.at)
    if own.name and reference.name and own.name != reference.name:
        findings.add(Odd.DECLARATIONS_DIFFER, f"{held.at}/AttachmentName")
    if own.content_type and reference.content_type and own.content_type != reference.content_type:
        findings.add(Odd.DECLARATIONS_DIFFER, f"{held.at}/ContentType")
    if held.content.size_bytes == 0:
        findings.add(Odd.EMPTY_FILE, held.at)


def _unzip(held: Held, name: str, content_type: str | None, unzipper: Unzipper, findings: Findings) -> Unzipped | None:
    """What is inside, if the sending client made this ZIP: labelled application/zip under another name.

    Office documents are ZIPs too; one of those is a file, however it is labelled.
    """
    labelled = (content_type or "").partition(";")[0].strip().lower()
    sniffed = held.content.media_type
    if labelled in _SURE_TYPES and sniffed != labelled and held.content.size_bytes:
        findings.add(Odd.CONTENT_TYPE_WRONG, f"{held.at}/ContentType")
    if labelled != ZIP or sniffed != ZIP or name.lower().endswith(".zip") or held.content.kept is None:
        return None
    try:
        return unzipper.measure(held.content.kept, at=held.at)
    except Unusable:
        findings.add(Odd.ZIP_BROKEN, held.at)
        return None
