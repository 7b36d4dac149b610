"""One door to all verifiers: the kind of a file is told by its first bytes, whatever it is called.

`verify_file` and `verify_bytes` are what the command line, jobs and the API call; `combine` joins the verdicts on a
package's envelope and files.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from axis.trust.envelope import verify_envelope
from axis.trust.model import CheckName, FileKind, Need, Overall, Verdict
from axis.trust.occasion import Found, Occasion, conclude
from axis.trust.ooxml import verify_ooxml
from axis.trust.paths import Judge
from axis.trust.pdf import verify_pdf
from axis.trust.reasons import Reason, check
from axis.trust.xmltree import JUNK_BYTES

_HEAD_BYTES = 4096
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")


def verify_file(path: Path, judge: Judge, occasion: Occasion) -> Verdict:
    """Judge a file's signatures, whatever kind it is.

    A verdict of kind UNREADABLE means that the file could not be understood. Raises OSError when it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    return _verify(path, head, judge, occasion if occasion.name else replace(occasion, name=path.name))


def verify_bytes(content: bytes, judge: Judge, occasion: Occasion) -> Verdict:
    """The same for bytes in memory."""
    return _verify(content, content[:_HEAD_BYTES], judge, occasion)


def combine(envelope: Verdict, files: Sequence[Verdict]) -> Verdict:
    """The verdict on a package: the envelope's, with the files' as parts. The worst of them gives the word.

    Unsigned files in a validly signed envelope are no fault, but are a reservation: they are "for information". A kind
    of file whose signatures nobody here can read counts like an unsigned one; its own verdict says "not checked".
    """
    words = {envelope.overall}
    words |= {Overall.UNSIGNED if file.kind is FileKind.OTHER else file.overall for file in files}
    for worst in (Overall.INVALID, Overall.INDETERMINATE):
        if worst in words:
            return replace(envelope, overall=worst, parts=tuple(files), needs=_needs(envelope, files))
    alike = words in ({Overall.UNSIGNED}, {Overall.VALID})
    overall = envelope.overall if alike else Overall.VALID_WITH_WARNINGS
    return replace(envelope, overall=overall, parts=tuple(files), needs=_needs(envelope, files))


def _needs(envelope: Verdict, files: Sequence[Verdict]) -> tuple[Need, ...]:
    return tuple(dict.fromkeys([*envelope.needs, *(need for file in files for need in file.needs)]))


def _verify(source: bytes | Path, head: bytes, judge: Judge, occasion: Occasion) -> Verdict:
    kind = kind_of(head)
    if kind is FileKind.PDF:
        return verify_pdf(source, judge, occasion)
    if kind is FileKind.OOXML:
        return verify_ooxml(source, judge, occasion)
    if kind is FileKind.XML:
        return verify_envelope(source, judge, occasion)
    return _not_checked(source, head, judge, occasion)


def kind_of(head: bytes) -> FileKind:
    """PDF, OOXML (any ZIP: what is in it shows later), XML or OTHER, by a file's first bytes."""
    if b"%PDF-" in head[:1024]:
        return FileKind.PDF
    if head.startswith(b"PK\x03\x04"):
        return FileKind.OOXML
    plain = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if plain.startswith(b"<") or b"<?xml" in head[: JUNK_BYTES + 5]:
        return FileKind.XML
    return FileKind.OTHER


def _not_checked(source: bytes | Path, head: bytes, judge: Judge, occasion: Occasion) -> Verdict:
    """A kind of file whose signatures, if it has any, we cannot read."""
    if isinstance(source, bytes):
        sha256 = hashlib.sha256(source).hexdigest()
    else:
        with source.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    what = "OLE document (.doc, .xls)" if head.startswith(_OLE) else "unknown kind of file"
    reason = check(CheckName.FORM, occasion.name or "file", Reason.NOT_CHECKED, what)
    return conclude(Found(kind=FileKind.OTHER, sha256=sha256, checks=(reason,)), judge, occasion)
