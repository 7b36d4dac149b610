"""What makes two packages the same: keys for comparison, and digests of what counts.

A client that repeats a package often rebuilds it: new trace times, new cids, another ZIP around the same file, another
clerk. None of that counts. The texts themselves are stored and shown as they came.

The norm is silent on this; the rule stands in docs/protocols/business.md.
"""

import hashlib
import json

from axis.edxml.model import Business, DocumentHeader, DocumentPackage, ResponseFor
from axis.edxml.rules import business_type
from axis.terms import BusinessType
from axis.text import comparison_form


def document_key(document_id: str) -> str:
    """The form in which DocumentIds are compared; the id itself is opaque."""
    return comparison_form(document_id)


def code_key(code: str) -> str:
    """The form in which number and notation (`Code.text`, ResponseFor/Code) are compared."""
    return comparison_form(code)


def package_identity(sender_organ: str, package: DocumentPackage) -> str:
    """Hex SHA-256 of what counts: equal for two packages that say and carry the same.

    The header's other texts count in an update only: to change them is what it is for.
    sender_organ: From's canonical code, after aliases.
    Raises Malformed(BAD_BUSINESS_TYPE), which `read` has raised before.
    """
    header = package.header
    business = business_type(header)
    texts = {"texts": header_digest(header)} if business is BusinessType.UPDATE else {}
    return _digest(
        {
            **texts,
            "sender": sender_organ,
            "document": document_key(header.document_id),
            "code": code_key(header.code.text),
            "type": int(business),
            "business": _business(header.business or Business()),
            "response_for": sorted(_response_for(one) for one in header.response_for if not one.is_empty),
            "files": sorted(attachment.identity_digest for attachment in package.attachments),
        }
    )


def header_digest(header: DocumentHeader) -> str:
    """Hex SHA-256 of the header's other texts: where it differs, a repeat says something else than the first package.

    Sender and receivers, traces and staff do not count, and nothing that `package_identity` covers.
    """
    other = header.other
    return _digest(
        {
            "promulgation": _all(header.promulgation.place, header.promulgation.promulgation_date),
            "type": _all(header.document_type.type, header.document_type.type_detail, header.document_type.type_name),
            "subject": _plain(header.subject),
            "content": _plain(header.content),
            "signer": _all(header.signer.competence, header.signer.position, header.signer.full_name),
            "due": _plain(header.due_date),
            "other": _all(
                other.priority,
                other.sphere_of_promulgation,
                other.typer_notation,
                other.promulgation_amount,
                other.page_amount,
                other.direction,
                other.reply_fors,
                other.reference_codes,
            ),
            "appendixes": _all(*other.appendixes),
            "tasks": _all(*header.tasks),
            "steering": _all(header.steering_type, header.application_type),
            "places": _all(*header.to_places),
        }
    )


def _business(business: Business) -> dict[str, object]:
    """Bussiness without StaffInfo."""
    info = business.document_info
    return {
        "document": _plain(business.document_id),
        "reason": _plain(business.business_doc_reason),
        "paper": _plain(business.paper),
        "changes": _all(info.document_info, info.document_receiver) if info else [],
        "receivers": [_all(r.organ_id, r.receiver_type) for r in info.receivers] if info else [],
        "replaces": [[_plain(r.document_id), *_all(*r.organ_ids)] for r in business.replacements],
    }


def _response_for(one: ResponseFor) -> list[str]:
    return _all(one.organ_id, one.code, one.document_id, one.promulgation_date)


def _all(*texts: str | None) -> list[str]:
    return [_plain(text) for text in texts]


def _plain(text: str | None) -> str:
    """The comparison form with white space made single; absent is like empty."""
    return " ".join(comparison_form(text).split()) if text else ""


def _digest(value: dict[str, object]) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
