"""The node's errors in the words of the dialect: codes in a Report, and SOAP's own faults for what is not SOAP.

Peer: codes begin with N (missing), R (out of range), M (business), T (type); beside them stand Permission,
CheckSignature, CheckPermission. Faults are as the WS-I Basic Profile wants them: SOAP's own code, a sentence, HTTP 500.
"""

from enum import StrEnum

from adapters.edoc.wire import Operation, Version, text_element, write_envelope
from axis.errors import AxisError, Busy, Code, Internal, Malformed
from axis.messages import describe, sentence

SYSTEM_ERROR = "M.System"
_MAX_DESC = 1500  # characters: a detail may repeat what the caller sent


class Fault(StrEnum):
    """SOAP 1.1's words for faults."""

    VERSION_MISMATCH = "VersionMismatch"
    MUST_UNDERSTAND = "MustUnderstand"
    CLIENT = "Client"
    SERVER = "Server"


_FAULTS_12 = {Fault.CLIENT: "Sender", Fault.SERVER: "Receiver"}


class SoapFault(Malformed):
    """What came is not SOAP as we speak it."""

    def __init__(self, fault: Fault, detail: str = "", *, at: str | None = None) -> None:
        super().__init__(Code.BAD_REQUEST, detail, at=at)
        self.fault = fault


_OPERATION = "M.{operation}"

EDOC_CODES: dict[Code, str] = {
    # Missing
    Code.EMPTY_BODY: "N.Body",
    Code.MISSING_FROM: "N.MessageHeader.From.OrganId",
    Code.MISSING_TO: "N.MessageHeader.To.OrganId",
    Code.MISSING_DOCUMENT_ID: "N.MessageHeader.DocumentId",
    Code.MISSING_RESPONSE_FOR: "N.Status.ResponseFor",
    Code.ATTACHMENT_ABSENT: "N.Manifest.Reference.Content",
    Code.ATTACHMENT_UNLISTED: "N.Manifest.Reference",
    Code.TRUNCATED_UPLOAD: "N.Body",
    # Out of range
    Code.TOO_LARGE: "R.Size",
    Code.TOO_DEEP: "R.Depth",
    Code.TOO_MANY: "R.Count",
    Code.ZIP_BOMB: "R.Manifest.Reference.Content",
    Code.BAD_STATUS_CODE: "R.Status.StatusCode",
    Code.BAD_BUSINESS_TYPE: "R.Business.BusinessDocType",
    Code.TIMESTAMP_OUTSIDE_WINDOW: "R.TimeStamp",
    # Of the wrong type
    Code.HASH_MISMATCH: "T.Body",
    Code.ENCODING_UNSUPPORTED: "T.Encoding",
    Code.XML_BROKEN: "T.Envelope",
    Code.DTD_FORBIDDEN: "T.Envelope",
    Code.WRONG_ROOT: "T.Envelope",
    Code.SCHEMA_INVALID: "T.Envelope",
    Code.FIELD_INVALID: "T.Field",
    Code.BAD_BASE64: "T.Manifest.Reference.Content",
    Code.ATTACHMENT_DUPLICATE: "T.Manifest.Reference",
    Code.BAD_REQUEST: "T.Request",
    Code.BAD_FILE: "T.File",
    # Who calls, and may they
    Code.BAD_CREDENTIALS: "CheckPermission",
    Code.UNKNOWN_SYSTEM: "CheckPermission",
    Code.HEADER_MISMATCH: "CheckPermission",
    Code.HEADER_UNSIGNED: "CheckPermission",
    Code.LINK_INVALID: "CheckPermission",
    Code.LINK_EXPIRED: "CheckPermission",
    Code.SYSTEM_DISABLED: "Permission",
    Code.FOREIGN_SENDER: "Permission",
    Code.NOT_ALLOWED: "Permission",
    Code.MISSING_SCOPE: "Permission",
    Code.SIGNATURE_MISSING: "CheckSignature",
    Code.SIGNATURE_INVALID: "CheckSignature",
    # Of the exchange
    Code.DOCUMENT_CONFLICT: "M.Exist",
    Code.UNKNOWN_SENDER: "M.OrganId",
    Code.UNKNOWN_RECEIVER: "M.OrganId",
    Code.RECEIVER_CLOSED: "M.OrganId",
    Code.NOT_FOUND: "M.DocumentId",
    Code.STATUS_UNMATCHED: "M.DocumentId",
    Code.DOCUMENT_CLOSED: _OPERATION,
    Code.FOREIGN_DOCUMENT: _OPERATION,
    Code.CODE_CHANGED: _OPERATION,
    Code.SECRET_MARKING: _OPERATION,
    Code.UNKNOWN_ACKNOWLEDGEMENT: _OPERATION,
    Code.ORGAN_EXISTS: _OPERATION,
    Code.ORGAN_IN_USE: _OPERATION,
    Code.ORGAN_CYCLE: _OPERATION,
    Code.ORGAN_LEVEL: _OPERATION,
    Code.ORGAN_ACTIVE: _OPERATION,
    Code.ORGAN_HISTORY: _OPERATION,
    Code.PARENT_CLOSED: _OPERATION,
    Code.SYSTEM_EXISTS: _OPERATION,
    Code.ACCOUNT_EXISTS: _OPERATION,
    Code.VALIDITY_OVERLAPS: _OPERATION,
    Code.UNKNOWN_UPLINK: _OPERATION,
    Code.RULE_INSIDE_TREE: _OPERATION,
    Code.PROTOCOL_DIFFERS: _OPERATION,
    Code.FORWARD_OUTSIDE: _OPERATION,
    Code.ALREADY_RECEIVER: _OPERATION,
    Code.DELIVERY_CLOSED: _OPERATION,
    Code.UNKNOWN_OPERATION: _OPERATION,
    Code.KEY_REUSED: _OPERATION,
    Code.COURIER_BROKEN: _OPERATION,
    Code.COURIER_FORGED: _OPERATION,
    Code.COURIER_FOREIGN: _OPERATION,
    Code.COURIER_EXPIRED: _OPERATION,
    Code.COURIER_CONFLICT: _OPERATION,
    Code.COURIER_UNKNOWN: _OPERATION,
    Code.NOTHING_WAITS: _OPERATION,
    Code.STATE_CHANGED: _OPERATION,
    Code.ACCOUNT_LINKED: _OPERATION,
    Code.FACTOR_SET: _OPERATION,
    Code.ORGAN_CLOSED: _OPERATION,
    Code.LAST_ADMINISTRATOR: _OPERATION,
    Code.UPLOAD_OFFSET: _OPERATION,
    Code.UPLOAD_INCOMPLETE: _OPERATION,
    Code.MIRROR_DATA: _OPERATION,
    Code.MIRROR_LIVE: _OPERATION,
    # The node's own trouble: the same call will do later
    Code.EVIDENCE_MISSING: SYSTEM_ERROR,
    Code.RATE_LIMITED: SYSTEM_ERROR,
    Code.UPLOADS_FULL: SYSTEM_ERROR,
    Code.CALL_RUNNING: SYSTEM_ERROR,
    Code.BAD_SETTINGS: SYSTEM_ERROR,
    Code.PORT_BUSY: SYSTEM_ERROR,
    Code.DISK_FULL: SYSTEM_ERROR,
    Code.OVERLOADED: SYSTEM_ERROR,
    Code.DAYS_DIFFER: SYSTEM_ERROR,
    Code.DATABASE_OLD: SYSTEM_ERROR,
    Code.MAINTENANCE: SYSTEM_ERROR,
    Code.KEY_UNAVAILABLE: SYSTEM_ERROR,
    Code.TIMESTAMP_MISSING: SYSTEM_ERROR,
    Code.PEER_REFUSED: SYSTEM_ERROR,
    Code.PEER_UNREACHABLE: SYSTEM_ERROR,
    Code.INTERNAL: SYSTEM_ERROR,
}
"""Our code → the dialect's; {operation} is the one that was called. Total (tested)."""


def edoc_code(code: Code, operation: Operation) -> str:
    """The dialect's code for one of ours."""
    return EDOC_CODES[code].format(operation=operation.value)


def error_desc(error: AxisError, request_id: str) -> str:
    """Our code, what happened and what to do in Vietnamese and English, the request id at the end."""
    text = f"{error.code}: {describe(error, 'vi')} / {sentence(error.code, 'en')}"
    return f"{text[:_MAX_DESC]} [{request_id}]"


def fault_of(error: AxisError) -> Fault:
    """The kind of SOAP fault that an error is."""
    if isinstance(error, SoapFault):
        return error.fault
    return Fault.SERVER if isinstance(error, Busy | Internal) else Fault.CLIENT


def write_fault(version: Version, error: AxisError, request_id: str) -> bytes:
    """A SOAP fault. SOAP 1.1's children of Fault stand in no namespace."""
    fault, text = fault_of(error), error_desc(error, request_id)
    reason = text_element("x", text).removeprefix("<edXML:x>").removesuffix("</edXML:x>")
    detail = f"<edXML:Error>{text_element('Code', error.code.value)}</edXML:Error>"
    if version is Version.V11:
        body = (
            f"    <SOAP-ENV:Fault><faultcode>SOAP-ENV:{fault.value}</faultcode>"
            f'<faultstring xml:lang="vi">{reason}</faultstring><detail>{detail}</detail></SOAP-ENV:Fault>\n'
        )
    else:
        word = _FAULTS_12.get(fault, fault.value)
        body = (
            f"    <SOAP-ENV:Fault><SOAP-ENV:Code><SOAP-ENV:Value>SOAP-ENV:{word}</SOAP-ENV:Value></SOAP-ENV:Code>"
            f'<SOAP-ENV:Reason><SOAP-ENV:Text xml:lang="vi">{reason}</SOAP-ENV:Text></SOAP-ENV:Reason>'
            f"<SOAP-ENV:Detail>{detail}</SOAP-ENV:Detail></SOAP-ENV:Fault>\n"
        )
    return write_envelope(version, "", body)
