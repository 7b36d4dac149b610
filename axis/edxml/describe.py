"""A package as plain JSON values, for people and scripts that look at one file (`axis inspect`)."""

from axis.edxml.model import Attachment, DocumentPackage, Finding, Package
from axis.edxml.rules import business_type, status_code


def describe(package: Package) -> dict[str, object]:
    """The package's header, files and oddities under the keys that `axis inspect --json` promises.

    A status is addressed to ResponseFor/OrganId, and its document_id and code are those of ResponseFor.
    Raises Malformed(BAD_BUSINESS_TYPE or BAD_STATUS_CODE), which `read` has raised before.
    """
    header = package.header
    common: dict[str, object] = {
        "kind": str(package.kind),
        "from": header.sender.organ_id,
        "problems": [_problem(found) for found in package.findings],
    }
    if isinstance(package, DocumentPackage):
        return common | {
            "to": [party.organ_id for party in package.header.receivers],
            "document_id": package.header.document_id,
            "code": package.header.code.text,
            "subject": package.header.subject,
            "business": business_type(package.header).name.lower(),
            "status_code": None,
            "attachments": [_attachment(attachment) for attachment in package.attachments],
        }
    response_for = package.header.response_for
    return common | {
        "to": [response_for.organ_id],
        "document_id": response_for.document_id,
        "code": response_for.code,
        "subject": None,
        "business": None,
        "status_code": str(status_code(package.header.status_code)),
        "attachments": [],
    }


def _attachment(attachment: Attachment) -> dict[str, object]:
    return {
        "name": attachment.name,
        "size_bytes": attachment.size_bytes,
        "media_type": attachment.media_type,
        "sha256": attachment.sha256_hex,
    }


def _problem(found: Finding) -> dict[str, object]:
    return {"code": str(found.code), "at": found.at, "message": found.message}
