"""Every error that the node can give, as one tree.

    AxisError
    ├─ Malformed        the bytes are not what the format allows
    ├─ Rejected         understood, and refused
    │  ├─ Unauthenticated   who calls is not proven
    │  ├─ NotAllowed        proven, but not for this
    │  ├─ UnknownOrgan      a code that leads nowhere
    │  ├─ NotFound          no such thing, or not yours
    │  └─ WrongState        it would contradict what is recorded
    ├─ Busy             cannot now; the same call will do later
    ├─ PeerRefused      a partner answered no
    ├─ PeerUnreachable  a partner gave no usable answer
    └─ Internal         our fault

A `Code` is a stable word that partners may program against; its sentences for people, in Vietnamese
and English, stand in `axis.messages`. `detail` is technical and safe to show: never a secret, never a
person's name. Each face (protocol, API, console, CLI) catches AxisError once and maps it by a table.
"""

from enum import StrEnum
from typing import Literal

Origin = Literal["caller", "peer", "node"]
Retry = Literal["never", "later"]


class Code(StrEnum):
    """The stable word of an error."""

    # Bytes and form
    EMPTY_BODY = "empty_body"
    TRUNCATED_UPLOAD = "truncated_upload"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY = "too_many"
    HASH_MISMATCH = "hash_mismatch"
    ENCODING_UNSUPPORTED = "encoding_unsupported"
    XML_BROKEN = "xml_broken"
    DTD_FORBIDDEN = "dtd_forbidden"
    WRONG_ROOT = "wrong_root"
    SCHEMA_INVALID = "schema_invalid"
    FIELD_INVALID = "field_invalid"
    MISSING_FROM = "missing_from"
    MISSING_TO = "missing_to"
    MISSING_DOCUMENT_ID = "missing_document_id"
    MISSING_RESPONSE_FOR = "missing_response_for"
    BAD_STATUS_CODE = "bad_status_code"
    BAD_BUSINESS_TYPE = "bad_business_type"
    BAD_BASE64 = "bad_base64"
    ATTACHMENT_ABSENT = "attachment_absent"
    ATTACHMENT_UNLISTED = "attachment_unlisted"
    ATTACHMENT_DUPLICATE = "attachment_duplicate"
    ZIP_BOMB = "zip_bomb"

    # Who calls, and may they
    BAD_CREDENTIALS = "bad_credentials"
    TIMESTAMP_OUTSIDE_WINDOW = "timestamp_outside_window"
    HEADER_MISMATCH = "header_mismatch"
    HEADER_UNSIGNED = "header_unsigned"
    UNKNOWN_SYSTEM = "unknown_system"
    SYSTEM_DISABLED = "system_disabled"
    FOREIGN_SENDER = "foreign_sender"
    NOT_ALLOWED = "not_allowed"
    LINK_INVALID = "link_invalid"
    LINK_EXPIRED = "link_expired"
    MISSING_SCOPE = "missing_scope"

    # Organisations, documents, statuses
    UNKNOWN_SENDER = "unknown_sender"
    UNKNOWN_RECEIVER = "unknown_receiver"
    RECEIVER_CLOSED = "receiver_closed"
    DOCUMENT_CONFLICT = "document_conflict"
    DOCUMENT_CLOSED = "document_closed"
    FOREIGN_DOCUMENT = "foreign_document"
    CODE_CHANGED = "code_changed"
    SECRET_MARKING = "secret_marking"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_INVALID = "signature_invalid"
    EVIDENCE_MISSING = "evidence_missing"
    STATUS_UNMATCHED = "status_unmatched"
    UNKNOWN_ACKNOWLEDGEMENT = "unknown_acknowledgement"
    NOT_FOUND = "not_found"
    ORGAN_EXISTS = "organ_exists"
    ORGAN_IN_USE = "organ_in_use"
    ORGAN_CYCLE = "organ_cycle"
    ORGAN_LEVEL = "organ_level"
    ORGAN_ACTIVE = "organ_active"
    ORGAN_HISTORY = "organ_history"
    PARENT_CLOSED = "parent_closed"
    SYSTEM_EXISTS = "system_exists"
    ORGAN_CLOSED = "organ_closed"
    ACCOUNT_EXISTS = "account_exists"
    LAST_ADMINISTRATOR = "last_administrator"
    ACCOUNT_LINKED = "account_linked"
    FACTOR_SET = "factor_set"

    # Routes
    VALIDITY_OVERLAPS = "validity_overlaps"
    UNKNOWN_UPLINK = "unknown_uplink"
    RULE_INSIDE_TREE = "rule_inside_tree"
    PROTOCOL_DIFFERS = "protocol_differs"
    FORWARD_OUTSIDE = "forward_outside"
    ALREADY_RECEIVER = "already_receiver"
    DELIVERY_CLOSED = "delivery_closed"

    # The call itself
    UNKNOWN_OPERATION = "unknown_operation"
    BAD_REQUEST = "bad_request"
    RATE_LIMITED = "rate_limited"
    KEY_REUSED = "key_reused"
    CALL_RUNNING = "call_running"
    UPLOAD_OFFSET = "upload_offset"
    UPLOAD_INCOMPLETE = "upload_incomplete"
    UPLOADS_FULL = "uploads_full"
    BAD_SETTINGS = "bad_settings"
    BAD_FILE = "bad_file"
    PORT_BUSY = "port_busy"

    # What a courier carries
    COURIER_BROKEN = "courier_broken"
    COURIER_FORGED = "courier_forged"
    COURIER_FOREIGN = "courier_foreign"
    COURIER_EXPIRED = "courier_expired"
    COURIER_CONFLICT = "courier_conflict"
    COURIER_UNKNOWN = "courier_unknown"
    NOTHING_WAITS = "nothing_waits"

    # The node and its partners
    DISK_FULL = "disk_full"
    OVERLOADED = "overloaded"
    DAYS_DIFFER = "days_differ"
    DATABASE_OLD = "database_old"
    MAINTENANCE = "maintenance"
    STATE_CHANGED = "state_changed"
    MIRROR_DATA = "mirror_data"
    MIRROR_LIVE = "mirror_live"
    KEY_UNAVAILABLE = "key_unavailable"
    TIMESTAMP_MISSING = "timestamp_missing"
    PEER_REFUSED = "peer_refused"
    PEER_UNREACHABLE = "peer_unreachable"
    INTERNAL = "internal"


class AxisError(Exception):
    """An error with a code that stays.

    code: the stable word. detail: technical, safe to show, may be empty. at: the element path, header or
    column that is wrong. origin: whose fault. retry: whether the same call can succeed later.
    """

    origin: Origin = "caller"
    retry: Retry = "never"

    def __init__(self, code: Code, detail: str = "", *, at: str | None = None) -> None:
        super().__init__(code, detail, at)
        self.code = code
        self.detail = detail
        self.at = at

    def __str__(self) -> str:
        where = f" at {self.at}" if self.at else ""
        why = f": {self.detail}" if self.detail else ""
        return f"{self.code}{where}{why}"


class Malformed(AxisError):
    """The bytes are not what the format allows."""


class Rejected(AxisError):
    """Understood, and refused."""


class Unauthenticated(Rejected):
    """Who calls is not proven."""


class NotAllowed(Rejected):
    """Who calls is proven, but may not do this."""


class UnknownOrgan(Rejected):
    """An organisation code that leads nowhere."""


class NotFound(Rejected):
    """No such thing, or not yours: the two are never told apart."""


class WrongState(Rejected):
    """It would contradict what is recorded."""


class Busy(AxisError):
    """Not now. retry_after_s: seconds after which the caller should try again."""

    origin: Origin = "node"
    retry: Retry = "later"

    def __init__(self, code: Code, detail: str = "", *, retry_after_s: int = 30) -> None:
        super().__init__(code, detail)
        self.retry_after_s = retry_after_s


class PeerRefused(AxisError):
    """A partner understood and said no; peer_code is its own word for why.

    retry: "later" when the reason can pass by itself or be put right there (its database is down, our credentials
    are not yet known), "never" when it is about this package. retry_after_s: it asks not to be called sooner.
    """

    origin: Origin = "peer"

    def __init__(
        self, detail: str = "", *, peer_code: str = "", retry: Retry = "never", retry_after_s: float | None = None
    ) -> None:
        super().__init__(Code.PEER_REFUSED, detail)
        self.peer_code = peer_code
        self.retry = retry
        self.retry_after_s = retry_after_s


class PeerUnreachable(AxisError):
    """A partner gave no usable answer: no connection, a timeout, or not its protocol.

    retry_after_s: it asks not to be called sooner.
    """

    origin: Origin = "peer"
    retry: Retry = "later"

    def __init__(self, detail: str = "", *, retry_after_s: float | None = None) -> None:
        super().__init__(Code.PEER_UNREACHABLE, detail)
        self.retry_after_s = retry_after_s


class Internal(AxisError):
    """Our fault; the log holds the trace under the request's id."""

    origin: Origin = "node"

    def __init__(self, detail: str = "") -> None:
        super().__init__(Code.INTERNAL, detail)
