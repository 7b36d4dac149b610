"""What the fields of a package mean, and what is odd about them.

Only what makes a package unusable is refused (a business type or a status code that nobody defined); the rest is noted.

Norm: QCVN 102:2016/BTTTT.   Peer: real packages omit Bussiness, write status codes as `1`, and carry impossible dates.
"""

from collections.abc import Iterable, Iterator, Sequence

from axis.edxml.dates import read_date, read_timestamp
from axis.edxml.fields import MESSAGE
from axis.edxml.findings import Odd, finding, shown
from axis.edxml.model import Attachment, DocumentHeader, Finding, ResponseFor, StatusHeader
from axis.errors import Code, Malformed
from axis.terms import BusinessType, StatusCode, Urgency
from axis.text import comparison_form

_BUSINESS = "edXMLHeader/TraceHeaderList/Bussiness"


def status_code(raw: str) -> StatusCode:
    """The status code, written with one digit or two. Raises Malformed(BAD_STATUS_CODE)."""
    text = raw.strip()
    try:
        return StatusCode(text.rjust(2, "0"))
    except ValueError as e:
        raise Malformed(Code.BAD_STATUS_CODE, shown(text), at=f"{MESSAGE}/StatusCode") from e


def business_type(header: DocumentHeader) -> BusinessType:
    """What the package does; NEW when it does not say. Raises Malformed(BAD_BUSINESS_TYPE)."""
    raw = header.business.business_doc_type if header.business else None
    text = (raw or "").strip() or "0"
    if text.lstrip("0") in ("", "1", "2", "3") and text.isascii():
        return BusinessType(int(text))
    raise Malformed(Code.BAD_BUSINESS_TYPE, shown(text), at=f"{_BUSINESS}/BussinessDocType")


def urgency(header: DocumentHeader) -> Urgency:
    """How urgent it is; NORMAL when the field is absent or unknown."""
    text = (header.other.priority or "").strip()
    return Urgency(int(text)) if text in _URGENCIES else Urgency.NORMAL


_URGENCIES = frozenset(str(int(urgency)) for urgency in Urgency)


def check_document(header: DocumentHeader, attachments: Sequence[Attachment]) -> tuple[Finding, ...]:
    """What is odd about a document's fields. Raises Malformed(BAD_BUSINESS_TYPE)."""
    return (
        *_check_parties(header),
        *_check_presence(header),
        *_check_business(header),
        *_check_values(header),
        *_check_dates(header),
        *_check_response_fors(header.response_for),
        *(() if attachments else (finding(Odd.NO_ATTACHMENTS, "edXMLBody/edXMLManifest"),)),
    )


def check_status(header: StatusHeader) -> tuple[Finding, ...]:
    """What is odd about a status's fields. Raises Malformed(BAD_STATUS_CODE)."""
    code = status_code(header.status_code)
    found = []
    if header.status_code != code:
        found.append(finding(Odd.SHORT_STATUS_CODE, f"{MESSAGE}/StatusCode"))
    if not header.sender.organ_name:
        found.append(finding(Odd.MISSING_ORGAN_NAME, f"{MESSAGE}/From/OrganName"))
    if code is StatusCode.REFUSED and not header.description:
        found.append(finding(Odd.MISSING_REASON, f"{MESSAGE}/Description"))
    found += _check_date(header.response_for.promulgation_date, f"{MESSAGE}/ResponseFor/PromulgationDate")
    if header.timestamp and read_timestamp(header.timestamp) is None:
        found.append(finding(Odd.DATE_UNREADABLE, f"{MESSAGE}/Timestamp"))
    return tuple(found)


def _check_parties(header: DocumentHeader) -> Iterator[Finding]:
    if not header.sender.organ_name:
        yield finding(Odd.MISSING_ORGAN_NAME, f"{MESSAGE}/From/OrganName")
    sender = comparison_form(header.sender.organ_id)
    seen = set()
    for position, party in enumerate(header.receivers, 1):
        at = f"{MESSAGE}/To[{position}]"
        form = comparison_form(party.organ_id)
        if not party.organ_name:
            yield finding(Odd.MISSING_ORGAN_NAME, f"{at}/OrganName")
        if form == sender:
            yield finding(Odd.SENDER_IS_RECEIVER, at)
        if form in seen:
            yield finding(Odd.RECEIVER_TWICE, at)
        seen.add(form)


def _check_presence(header: DocumentHeader) -> Iterator[Finding]:
    if not header.code.text:
        yield finding(Odd.MISSING_CODE, f"{MESSAGE}/Code")
    if not header.subject:
        yield finding(Odd.MISSING_SUBJECT, f"{MESSAGE}/Subject")
    if not header.document_type.type_detail:
        yield finding(Odd.MISSING_TYPE_DETAIL, f"{MESSAGE}/DocumentType/TypeDetail")


def _check_business(header: DocumentHeader) -> Iterator[Finding]:
    kind = business_type(header)
    business = header.business
    if business is None:
        yield finding(Odd.MISSING_BUSINESS, _BUSINESS)
        return
    if not business.business_doc_type:
        yield finding(Odd.MISSING_BUSINESS_TYPE, f"{_BUSINESS}/BussinessDocType")
    if kind is BusinessType.RECALL and not any(r.document_id for r in header.response_for):
        yield finding(Odd.MISSING_TARGET, f"{MESSAGE}/ResponseFor")
    if kind is BusinessType.UPDATE and business.document_info is None:
        yield finding(Odd.MISSING_CHANGES, f"{_BUSINESS}/BussinessDocumentInfo")
    if kind is BusinessType.REPLACE and not business.replacements:
        yield finding(Odd.MISSING_REPLACEMENTS, f"{_BUSINESS}/ReplacementInfoList")


def _check_values(header: DocumentHeader) -> Iterator[Finding]:
    business = header.business
    for value, allowed, at in (
        (header.document_type.type, ("1", "2"), f"{MESSAGE}/DocumentType/Type"),
        (header.other.priority, tuple(_URGENCIES), f"{MESSAGE}/OtherInfo/Priority"),
        (header.steering_type, ("0", "1", "2"), f"{MESSAGE}/SteeringType"),
        (business.paper if business else None, ("0", "1"), f"{_BUSINESS}/Paper"),
    ):
        if value and value not in allowed:
            yield finding(Odd.VALUE_UNKNOWN, at)


def _check_dates(header: DocumentHeader) -> Iterator[Finding]:
    yield from _check_date(header.promulgation.promulgation_date, f"{MESSAGE}/PromulgationInfo/PromulgationDate")
    yield from _check_date(header.due_date, f"{MESSAGE}/DueDate")
    for position, trace in enumerate(header.traces, 1):
        at = f"edXMLHeader/TraceHeaderList/TraceHeader[{position}]"
        if trace.organ_id in (None, "", "null"):
            yield finding(Odd.TRACE_WITHOUT_ORGAN, at)
        if trace.timestamp and read_timestamp(trace.timestamp) is None:
            yield finding(Odd.DATE_UNREADABLE, f"{at}/Timestamp")


def _check_response_fors(response_fors: Iterable[ResponseFor]) -> Iterator[Finding]:
    for position, response_for in enumerate(response_fors, 1):
        at = f"{MESSAGE}/ResponseFor[{position}]"
        if response_for.is_empty:
            yield finding(Odd.EMPTY_RESPONSE_FOR, at)
        yield from _check_date(response_for.promulgation_date, f"{at}/PromulgationDate")


def _check_date(text: str | None, at: str) -> list[Finding]:
    return [finding(Odd.DATE_UNREADABLE, at)] if text and read_date(text) is None else []
