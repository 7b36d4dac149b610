"""What the DMS is told beside a package: one JSON file, the last to appear, with all that is needed to file it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.filing.place import safe_name
from axis.delivery.peer import Outgoing, Recipient
from axis.edxml.dates import read_date
from axis.edxml.model import DocumentPackage, Limits, Package, StatusPackage
from axis.edxml.rules import status_code
from axis.edxml.zips import as_it_was
from axis.terms import StatusCode

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """A file of the document as it lies beside its package."""

    file: str  # its name there
    name: str  # as the sender called it
    media_type: str
    path: Path  # here
    size_bytes: int


def laid_files(package: Package, stem: str, limits: Limits) -> tuple[Laid, ...]:
    """The files of a package that was read with a spool folder, under names of ours that keep theirs."""
    if not isinstance(package, DocumentPackage):
        return ()
    laid = []
    for number, attachment in enumerate(package.attachments, start=1):
        assert isinstance(attachment.content, Path)  # noqa: S101 - read with a spool_dir
        inner = as_it_was(attachment, attachment.content, limits)
        laid.append(
            Laid(
                file=f"{stem}.{number:02}.{safe_name(inner.name)}",
                name=inner.name,
                media_type=inner.media_type,
                path=inner.path,
                size_bytes=inner.path.stat().st_size,
            )
        )
    return tuple(laid)


def sidecar(
    outgoing: Outgoing, package: Package, receivers: Sequence[Recipient], words: Mapping[StatusCode, str]
) -> dict[str, Any]:
    """What the JSON file says, but for names of files. words: the DMS's own for statuses."""
    told: dict[str, Any] = {
        "axis": VERSION,
        "kind": outgoing.kind.value,
        "package_id": outgoing.package_id,
        "size_bytes": outgoing.size_bytes,
        "sha256": outgoing.sha256_hex,
        "sender": {"organ_id": outgoing.from_organ, "name": outgoing.from_name},
        "receivers": [
            {"organ_id": one.organ_id, "name": one.name, "addressed_as": one.addressed_as} for one in receivers
        ],
    }
    told |= _status(package, words) if isinstance(package, StatusPackage) else _document(outgoing, package)
    return told


def _document(outgoing: Outgoing, package: DocumentPackage) -> dict[str, Any]:
    header = package.header
    business = header.business
    return {
        "document_id": header.document_id,
        "code": header.code.text or None,
        "promulgation_date": _day(header.promulgation.promulgation_date),
        "subject": header.subject,
        "type_name": header.document_type.type_name,
        "urgency": int(outgoing.urgency),
        "due_date": _day(header.due_date),
        "signer": {"full_name": header.signer.full_name, "position": header.signer.position},
        "business_type": (business.business_doc_type if business else None) or "0",
        "reason": business.business_doc_reason if business else None,
        "response_for": [
            _about(one.organ_id, one.document_id, one.code, one.promulgation_date)
            for one in header.response_for
            if not one.is_empty
        ],
        "reply": _about(
            header.sender.organ_id, header.document_id, header.code.text, header.promulgation.promulgation_date
        ),
    }


def _status(package: StatusPackage, words: Mapping[StatusCode, str]) -> dict[str, Any]:
    header, about = package.header, package.header.response_for
    code = status_code(header.status_code)
    staff = header.staff
    return {
        "document": _about(about.organ_id, about.document_id, about.code, about.promulgation_date),
        "status_code": code.value,
        "status": words.get(code, code.value),
        "reason": header.description,
        "at": header.timestamp,
        "staff": {"staff": staff.staff, "department": staff.department} if staff else None,
    }


def _about(organ_id: str | None, document_id: str | None, code: str | None, day: str | None) -> dict[str, Any]:
    """A document that something is about, in the form in which a status names it."""
    return {"organ_id": organ_id, "document_id": document_id, "code": code or None, "promulgation_date": _day(day)}


def _day(text: str | None) -> str | None:
    """ISO 8601, as everything that is JSON here; None for what is no date."""
    day = read_date(text) if text else None
    return day.isoformat() if day else None


def write_json(value: object) -> bytes:
    """UTF-8, for programs and for people who open it."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode("utf-8", "backslashreplace") + b"\n"
