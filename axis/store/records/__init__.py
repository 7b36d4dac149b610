"""Rows as frozen values: one class per table, one field per column, in the columns' order (tested).

Of organisations the records are `Organ`, `Alias` and `FormerName` of `axis.organ.model`, the pure room.

The other rooms build and read these; SQL stays in this room.
"""

from axis.store.records.accounts import (
    Account,
    AccountOrgan,
    LoginStep,
    RecoveryCode,
    SavedSearch,
    Session,
    SsoLogin,
    Viewing,
)
from axis.store.records.configuration import (
    ApiAnswer,
    ApiToken,
    Credential,
    RegistrySync,
    RouteRule,
    Service,
    System,
    Upload,
    Webhook,
    holds,
)
from axis.store.records.documents import (
    Act,
    ActReceiver,
    ActTarget,
    Attachment,
    Blob,
    Consignment,
    Delivery,
    Document,
    DocumentChange,
    Original,
    Package,
    StatusEvent,
)
from axis.store.records.drafts import Draft, DraftFile, ReceiverList
from axis.store.records.trust import (
    CertificateRow,
    CheckDue,
    Finding,
    NeedRow,
    Revocation,
    SignaturePolicy,
    Signed,
    Signer,
    TimeProof,
    Verdict,
    VerdictEvidence,
)
from axis.store.records.work import (
    Audit,
    BounceRow,
    BulkAct,
    CourierBundle,
    CourierParty,
    Deadline,
    Downtime,
    Hold,
    JobRow,
    Leaf,
    MailNotice,
    Maintenance,
    PartnerFailure,
    PartnerMinute,
    PartnerState,
    QueueRow,
    Reconciliation,
    StoredContent,
    SystemEvent,
    Touch,
)

Row = (
    Blob
    | Document
    | Package
    | Attachment
    | Original
    | Delivery
    | Consignment
    | Act
    | ActTarget
    | ActReceiver
    | DocumentChange
    | StatusEvent
    | Verdict
    | VerdictEvidence
    | Finding
    | Signer
    | Signed
    | CheckDue
    | NeedRow
    | CertificateRow
    | QueueRow
    | Touch
    | Audit
    | SystemEvent
    | CourierBundle
    | BounceRow
    | Viewing
    | Leaf
)
"""What a hot write may insert."""

__all__ = [
    "Account",
    "AccountOrgan",
    "Act",
    "ActReceiver",
    "ActTarget",
    "ApiAnswer",
    "ApiToken",
    "Attachment",
    "Audit",
    "Blob",
    "BounceRow",
    "BulkAct",
    "CertificateRow",
    "CheckDue",
    "Consignment",
    "CourierBundle",
    "CourierParty",
    "Credential",
    "Deadline",
    "Delivery",
    "Document",
    "DocumentChange",
    "Downtime",
    "Draft",
    "DraftFile",
    "Finding",
    "Hold",
    "JobRow",
    "Leaf",
    "LoginStep",
    "MailNotice",
    "Maintenance",
    "NeedRow",
    "Original",
    "Package",
    "PartnerFailure",
    "PartnerMinute",
    "PartnerState",
    "QueueRow",
    "ReceiverList",
    "Reconciliation",
    "RecoveryCode",
    "RegistrySync",
    "Revocation",
    "RouteRule",
    "Row",
    "SavedSearch",
    "Service",
    "Session",
    "SignaturePolicy",
    "Signed",
    "Signer",
    "SsoLogin",
    "StatusEvent",
    "StoredContent",
    "System",
    "SystemEvent",
    "TimeProof",
    "Touch",
    "Upload",
    "Verdict",
    "VerdictEvidence",
    "Viewing",
    "Webhook",
    "holds",
]
