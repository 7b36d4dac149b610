"""The packages of a document and their files, as values ready to be shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from axis.store.document_view import PackageView
from axis.store.records import Attachment
from axis.web.console import words
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment, size
from axis.web.console.words import Look

_SHORT_DIGEST = 12
_PREVIEW_BYTES = 50 * 1024 * 1024
_PDF = "application/pdf"
_NO_PDF: Final = N_("Mang tên PDF nhưng nội dung không phải PDF: chỉ để tải về. Hãy thận trọng, và hỏi lại bên gửi.")
_OFFICE = "application/vnd.openxmlformats-officedocument"
_KINDS: Final = {
    _PDF: "PDF",
    "application/zip": "ZIP",
    "application/msword": "Word (doc)",
    "application/vnd.ms-excel": "Excel (xls)",
    "application/vnd.ms-powerpoint": "PowerPoint (ppt)",
    f"{_OFFICE}.wordprocessingml.document": "Word",
    f"{_OFFICE}.spreadsheetml.sheet": "Excel",
    f"{_OFFICE}.presentationml.presentation": "PowerPoint",
    "image/gif": N_("Ảnh GIF"),
    "image/jpeg": N_("Ảnh JPEG"),
    "image/png": N_("Ảnh PNG"),
    "image/tiff": N_("Ảnh TIFF"),
    "application/gzip": "GZIP",
    "application/rtf": "RTF",
    "application/vnd.ms-outlook": N_("Thư Outlook"),
    "application/vnd.rar": "RAR",
    "application/xml": "XML",
    "text/html": "HTML",
    "text/plain": N_("Văn bản thuần"),
    "application/octet-stream": N_("Tệp nhị phân"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """A SHA-256, short to look at and whole to compare."""

    short: str
    hex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file to download."""

    name: str
    size: str
    media_type: str
    kind: str  # the media type in a word, where there is one
    digest: Digest
    href: str
    zipped: bool  # the sender's software had packed it
    preview_href: str  # "" where it is only to be downloaded
    remark: str  # what to beware of before it is opened
    verdict: Look | None  # of its own signatures; none: not looked at


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something odd that the reader found in a package."""

    code: str
    at: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A package that carries the document or acts on it."""

    word: str
    package_id: str
    received: Moment
    size: str
    digest: Digest
    href: str
    files: tuple[File, ...]
    remarks: tuple[Remark, ...]


def carrier(
    document_uid: str, view: PackageView, now: datetime, verdicts: Mapping[int, Look] = MappingProxyType({})
) -> Carrier:
    """A package as the page of a document offers it. verdicts: what was found of the files, by their place."""
    package = view.package
    href = f"/documents/{document_uid}/packages/{package.package_id}"
    return Carrier(
        word=words.business(package.business_type),
        package_id=package.package_id,
        received=moment(package.received_at, now),
        size=size(package.size_bytes),
        digest=_digest(package.sha256_hex),
        href=href,
        files=tuple(_file(href, file, verdicts.get(file.position)) for file in view.files),
        remarks=_remarks(package.findings),
    )


def _file(base: str, file: Attachment, verdict: Look | None) -> File:
    return File(
        name=file.name,
        size=size(file.size_bytes),
        media_type=file.media_type,
        kind=kind_word(file.media_type),
        digest=_digest(file.sha256_hex),
        href=f"{base}/files/{file.position}",
        zipped=file.zipped_by_client,
        preview_href=f"{base}/files/{file.position}/preview" if _shown(file) else "",
        remark=_(_NO_PDF) if _pretends(file) else "",
        verdict=verdict,
    )


def kind_word(media_type: str) -> str:
    """A media type as people call it, where there is a word."""
    return _(_KINDS[media_type]) if media_type in _KINDS else media_type


def _shown(file: Attachment) -> bool:
    """Whether a preview is offered: of what is a PDF by its bytes, and not so large as to make browsers groan."""
    return file.media_type == _PDF and file.size_bytes <= _PREVIEW_BYTES


def _pretends(file: Attachment) -> bool:
    """Whether a file is called a PDF, and is none by its bytes."""
    return file.media_type != _PDF and file.name.lower().endswith(".pdf")


def _digest(sha256_hex: str) -> Digest:
    return Digest(short=sha256_hex[:_SHORT_DIGEST], hex=sha256_hex)


def _remarks(findings: str) -> tuple[Remark, ...]:
    """The findings as they are stored: a JSON list of {code, at, message}."""
    return tuple(
        Remark(code=finding["code"], at=finding["at"], message=finding["message"]) for finding in json.loads(findings)
    )
