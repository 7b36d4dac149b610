"""The node's errors in the words of VXP.

Peer: second-hand table of ErrorCodes. The vendor client reads replies as US-ASCII and shows ErrorDesc to people, so
that our own code, both sentences and the request id stand there, escaped.
"""

from axis.errors import AxisError, Code
from axis.messages import describe, sentence

OK_CODE = "0"
SYSTEM_ERROR = "20"

RETRYABLE = frozenset({SYSTEM_ERROR})
"""ErrorCodes after which the same call can succeed later; all others are answers for good."""

_MAX_DESC = 1500  # characters: a detail may repeat what the caller sent

VXP_CODES: dict[Code, str] = {
    # 10: the file is unreadable
    Code.EMPTY_BODY: "10",
    Code.TRUNCATED_UPLOAD: "10",
    Code.HASH_MISMATCH: "10",
    Code.BAD_FILE: "10",
    # 15: wrong credentials
    Code.BAD_CREDENTIALS: "15",
    Code.TIMESTAMP_OUTSIDE_WINDOW: "15",
    Code.HEADER_MISMATCH: "15",
    Code.HEADER_UNSIGNED: "15",
    Code.UNKNOWN_SYSTEM: "15",
    Code.SYSTEM_DISABLED: "15",
    Code.NOT_ALLOWED: "15",
    Code.MISSING_SCOPE: "15",
    # 18: the receiver is unknown; also an item that is not, or no longer, the caller's
    Code.UNKNOWN_RECEIVER: "18",
    Code.NOT_FOUND: "18",
    # 19: the sender is not registered, here or for this system
    Code.UNKNOWN_SENDER: "19",
    Code.FOREIGN_SENDER: "19",
    # 20: system error: the only code after which a retry makes sense
    Code.DISK_FULL: SYSTEM_ERROR,
    Code.OVERLOADED: SYSTEM_ERROR,
    Code.RATE_LIMITED: SYSTEM_ERROR,
    Code.UPLOADS_FULL: SYSTEM_ERROR,
    Code.CALL_RUNNING: SYSTEM_ERROR,
    Code.DAYS_DIFFER: SYSTEM_ERROR,
    Code.DATABASE_OLD: SYSTEM_ERROR,
    Code.MAINTENANCE: SYSTEM_ERROR,
    Code.KEY_UNAVAILABLE: SYSTEM_ERROR,
    Code.TIMESTAMP_MISSING: SYSTEM_ERROR,
    Code.BAD_SETTINGS: SYSTEM_ERROR,
    Code.PORT_BUSY: SYSTEM_ERROR,
    Code.PORT_BUSY: SYSTEM_ERROR,
    Code.PEER_REFUSED: SYSTEM_ERROR,
    Code.PEER_UNREACHABLE: SYSTEM_ERROR,
    Code.INTERNAL: SYSTEM_ERROR,
    # 21: understood, and not processed
    Code.TOO_LARGE: "21",
    Code.TOO_DEEP: "21",
    Code.TOO_MANY: "21",
    Code.ZIP_BOMB: "21",
    Code.DOCUMENT_CONFLICT: "21",
    Code.DOCUMENT_CLOSED: "21",
    Code.FOREIGN_DOCUMENT: "21",
    Code.CODE_CHANGED: "21",
    Code.SECRET_MARKING: "21",
    Code.SIGNATURE_MISSING: "21",
    Code.SIGNATURE_INVALID: "21",
    Code.EVIDENCE_MISSING: SYSTEM_ERROR,
    Code.STATUS_UNMATCHED: "21",
    Code.UNKNOWN_ACKNOWLEDGEMENT: "21",
    Code.ORGAN_EXISTS: "21",
    Code.ORGAN_IN_USE: "21",
    Code.ORGAN_CYCLE: "21",
    Code.ORGAN_LEVEL: "21",
    Code.ORGAN_ACTIVE: "21",
    Code.ORGAN_HISTORY: "21",
    Code.PARENT_CLOSED: "21",
    Code.SYSTEM_EXISTS: "21",
    Code.ACCOUNT_EXISTS: "21",
    Code.COURIER_BROKEN: "21",
    Code.COURIER_FORGED: "21",
    Code.COURIER_FOREIGN: "21",
    Code.COURIER_EXPIRED: "21",
    Code.COURIER_CONFLICT: "21",
    Code.COURIER_UNKNOWN: "21",
    Code.NOTHING_WAITS: "21",
    Code.STATE_CHANGED: "21",
    Code.ACCOUNT_LINKED: "21",
    Code.FACTOR_SET: "21",
    Code.ORGAN_CLOSED: "21",
    Code.LAST_ADMINISTRATOR: "21",
    Code.UPLOAD_OFFSET: "21",
    Code.UPLOAD_INCOMPLETE: "21",
    Code.MIRROR_DATA: "21",
    Code.MIRROR_LIVE: "21",
    Code.LINK_INVALID: "21",
    Code.LINK_EXPIRED: "21",
    Code.KEY_REUSED: "21",
    Code.VALIDITY_OVERLAPS: "21",
    Code.UNKNOWN_UPLINK: "21",
    Code.RULE_INSIDE_TREE: "21",
    Code.PROTOCOL_DIFFERS: "21",
    Code.FORWARD_OUTSIDE: "21",
    Code.ALREADY_RECEIVER: "21",
    Code.DELIVERY_CLOSED: "21",
    Code.UNKNOWN_OPERATION: "21",
    Code.BAD_REQUEST: "21",
    Code.KEY_REUSED: "21",
    # 22: bad edXML
    Code.ENCODING_UNSUPPORTED: "22",
    Code.XML_BROKEN: "22",
    Code.DTD_FORBIDDEN: "22",
    Code.WRONG_ROOT: "22",
    Code.SCHEMA_INVALID: "22",
    Code.FIELD_INVALID: "22",
    Code.MISSING_FROM: "22",
    Code.MISSING_TO: "22",
    Code.MISSING_DOCUMENT_ID: "22",
    Code.MISSING_RESPONSE_FOR: "22",
    Code.BAD_STATUS_CODE: "22",
    Code.BAD_BUSINESS_TYPE: "22",
    Code.BAD_BASE64: "22",
    Code.ATTACHMENT_ABSENT: "22",
    Code.ATTACHMENT_UNLISTED: "22",
    Code.ATTACHMENT_DUPLICATE: "22",
    # 23: the receiver is locked
    Code.RECEIVER_CLOSED: "23",
}
"""Our code → ErrorCode. Total (tested)."""


def vxp_code(code: Code) -> str:
    """The ErrorCode of one of our codes."""
    return VXP_CODES[code]


def error_desc(error: AxisError, request_id: str) -> str:
    """ErrorDesc: our code, what happened and what to do in Vietnamese and English, the request id at the end."""
    text = f"{error.code}: {describe(error, 'vi')} / {sentence(error.code, 'en')}"
    return f"{text[:_MAX_DESC]} [{request_id}]"
