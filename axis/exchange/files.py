"""The signatures of a package's files. Synchronous, and slow for large ones: for threads."""

import tempfile
from dataclasses import replace
from pathlib import Path

from axis.edxml.model import Attachment, DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.zips import Unzipper
from axis.trust.model import FileKind, Verdict
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.verify import kind_of, verify_bytes, verify_file

_HEAD_BYTES = 4096


def verify_files(
    source: bytes | Path, judge: Judge, occasion: Occasion, limits: Limits, scratch: Path
) -> tuple[Verdict, ...]:
    """A verdict for each file of a package, in the package's order.

    scratch: a folder that can hold the decoded files for as long as this takes.
    """
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        package = read(source, limits=limits, spool_dir=Path(folder))
        if not isinstance(package, DocumentPackage):
            return ()
        return tuple(
            # The first file is the document; what comes after it are its separate appendices.
            _verify(
                _content(file, Path(folder), limits), judge, replace(occasion, name=file.name, appendix=position > 0)
            )
            for position, file in enumerate(package.attachments)
        )


def _verify(content: bytes | Path, judge: Judge, occasion: Occasion) -> Verdict:
    if isinstance(content, bytes):
        verdict, head = verify_bytes(content, judge, occasion), content[:_HEAD_BYTES]
    else:
        verdict = verify_file(content, judge, occasion)
        with content.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    if verdict.kind is FileKind.UNREADABLE and kind_of(head) is FileKind.XML:
        # HTML, or what older Office versions write: it only looks like XML. Not checked, and no broken signature.
        return replace(verdict, kind=FileKind.OTHER)
    return verdict


def _content(file: Attachment, folder: Path, limits: Limits) -> bytes | Path:
    """The file as its author made it: out of the ZIP that the sending client put it in."""
    content = file.content
    if content is None:
        raise ValueError("the package was read without its files")
    if not file.zipped_by_client:
        return content
    inner = folder / f"inner-{file.sha256_hex}"
    with inner.open("wb") as out:
        out.writelines(Unzipper(limits).open_inner(content, at=file.name))
    return inner
