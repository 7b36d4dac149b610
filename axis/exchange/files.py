"""The signatures of a package's files. Synchronous, and slow for large ones: for threads."""

import tempfile
from dataclasses import replace
from pathlib import Path

from axis.edxml.model import Attachment, DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.zips import Unzipper
from axis.trust.model import Verdict
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.verify import verify_bytes, verify_file


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
        return verify_bytes(content, judge, occasion)
    return verify_file(content, judge, occasion)


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
