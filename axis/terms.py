"""Words that several rooms share, each spelt once.

The same words stand in the database, the log, the API and on the screens (docs/lifecycle.md).
"""

from enum import IntEnum, StrEnum


class PackageKind(StrEnum):
    """What a package carries."""

    DOCUMENT = "document"  # a document, or an act on one (recall, update, replace)
    STATUS = "status"  # one processing status of one receiver


class BusinessType(IntEnum):
    """BussinessDocType: what a document package does.

    Norm: QCVN 102:2016/BTTTT.   Peer: absent in real packages, which means NEW.
    """

    NEW = 0  # văn bản mới
    RECALL = 1  # thu hồi
    UPDATE = 2  # cập nhật
    REPLACE = 3  # thay thế

    @property
    def makes_document(self) -> bool:
        """New and replacing packages are documents with statuses of their own; the others only act on one."""
        return self in (BusinessType.NEW, BusinessType.REPLACE)


class StatusCode(StrEnum):
    """Processing status of a document at one receiver. Norm: QCVN 102:2016/BTTTT."""

    ARRIVED = "01"  # đã đến: the receiver's software has it, no clerk has handled it
    REFUSED = "02"  # từ chối tiếp nhận, with a reason
    ACCEPTED = "03"  # đã tiếp nhận, vào sổ
    ASSIGNED = "04"  # lãnh đạo phân công xử lý
    IN_PROGRESS = "05"  # đang xử lý
    COMPLETED = "06"  # hoàn thành
    RECALL_REQUESTED = "13"  # the sender asks to take the document back
    AGREED = "15"  # the receiver agrees to an update or recall
    DECLINED = "16"  # the receiver declines it


class TransportState(StrEnum):
    """How far a consignment has come. Never mistaken for a processing status.

    Norm: NĐ 64/2007/NĐ-CP Art. 36–37: sent once it is in a system outside the originator's control, received once it
    is in the designated one.
    """

    QUEUED = "queued"  # waits for the receiver's system to fetch it, or for us to push it
    HANDED_OVER = "handed_over"  # the last byte was written to the receiving system
    ACKNOWLEDGED = "acknowledged"  # the receiving system said that it has it
    RETRYING = "retrying"  # a hand-over failed; it is tried again
    DEAD = "dead"  # given up after the configured time; a person or a repeat can open it again
    CANCELLED = "cancelled"  # withdrawn; nothing will be handed over for this receiver


PENDING = (TransportState.QUEUED, TransportState.HANDED_OVER, TransportState.RETRYING)
"""Transport states in which a receiving system still sees the consignment in its list."""


class DocumentState(StrEnum):
    """What the sender has done with its document as a whole; worked out from its deliveries (axis.status.acts).

    Norm: NĐ 30/2020/NĐ-CP Annex VI: on a recall the outgoing document is frozen with its metadata.
    """

    OPEN = "open"  # in force for at least one receiver
    RECALLED = "recalled"  # for none any more, and taken back from at least one
    REPLACED = "replaced"  # for none any more: another document has taken its place
    WITHDRAWN = "withdrawn"  # an update has removed every receiver


class DeliveryState(StrEnum):
    """What the sender has done with its document at one receiver; the processing status is the receiver's word."""

    OPEN = "open"  # in force
    RECALLED = "recalled"  # taken back; the receiver has not answered
    RECALL_AGREED = "recall_agreed"  # taken back, and the receiver agrees (15)
    RECALL_DECLINED = "recall_declined"  # the receiver keeps it (16): its statuses count again
    REMOVED = "removed"  # an update took the receiver off the list
    REPLACED = "replaced"  # another document has taken its place for this receiver

    @property
    def is_frozen(self) -> bool:
        """Whether a processing status no longer changes anything."""
        return self not in (DeliveryState.OPEN, DeliveryState.RECALL_DECLINED)


class ActKind(StrEnum):
    """What a sender does to an earlier document of its own."""

    RECALL = "recall"  # thu hồi (BussinessDocType 1)
    UPDATE = "update"  # cập nhật (2)
    REPLACE = "replace"  # thay thế (3)
    RECALL_REQUEST = "recall_request"  # yêu cầu lấy lại (status 13): asks one receiver


class ActEffect(StrEnum):
    """What an act did to one of the documents that it names."""

    APPLIED = "applied"  # it changed the document, or what a receiver has of it
    NOTHING = "nothing"  # the document is known, and there was nothing left to change
    UNKNOWN = "unknown"  # nobody here knows the document (yet)
    FOREIGN = "foreign"  # only another sender has a document of this name: never touched


class Answer(StrEnum):
    """How an act that asks for an answer ended at one receiver."""

    AGREED = "agreed"  # 15
    DECLINED = "declined"  # 16
    WITHDRAWN = "withdrawn"  # its package was cancelled before the hand-over: nobody was asked


class Place(StrEnum):
    """Where a receiver is reached from this node."""

    LOCAL = "local"  # by a system connected here
    UPLINK = "uplink"  # through another axis
    ELSEWHERE = "elsewhere"  # addressed, but served by another axis that has its own copy: recorded only


class Origin(StrEnum):
    """How a package came into the node."""

    LOCAL = "local"  # handed in by a connected system
    UPLINK = "uplink"  # fetched from another axis
    NODE = "node"  # composed here for an organisation that the node acts for


class DeadlineKind(StrEnum):
    """What a receiver owes by a time limit."""

    RECEIPT = "receipt"  # a first word about the document: 01, or anything else
    ACCEPTANCE = "acceptance"  # that it is registered (03 or further), or refused (02)
    COMPLETION = "completion"  # that it is done (06), where the document has a DueDate


class DeadlineStage(StrEnum):
    """How far a deadline has come. It exists only while something is owed."""

    WAITING = "waiting"  # there is time left
    NEAR = "near"  # there is little time left, and both sides were reminded
    OVERDUE = "overdue"  # the time is over, and both sides were told


class Side(StrEnum):
    """Which side of a delivery an organisation is on."""

    SENT = "sent"
    RECEIVED = "received"


class EventKind(StrEnum):
    """What a connected system is told of, besides the packages that wait for it (`system_event`, REST events)."""

    PACKAGE_PENDING = "package_pending"  # a package waits for the system
    STATUS_CHANGED = "status_changed"  # a receiver of its document has another processing status
    DOCUMENT_RECALLED = "document_recalled"  # a document that it has was taken back, or is asked back
    DOCUMENT_UPDATED = "document_updated"  # a document that it has says something else now, or goes to others
    DOCUMENT_REPLACED = "document_replaced"  # a document that it has was replaced by another one
    DOCUMENT_FORWARDED = "document_forwarded"  # a receiver of its document has passed it on to another organisation
    DOCUMENT_RETURNED = "document_returned"  # a receiver gave its document back as misaddressed
    ACT_ANSWERED = "act_answered"  # a receiver agreed to its recall, update or request, or declined it
    DELIVERY_DELAYED = "delivery_delayed"  # its package has not reached a receiver yet; it is still tried
    DELIVERY_DEAD = "delivery_dead"  # its package did not reach a receiver; it is tried no more
    DELIVERY_EXPIRED = "delivery_expired"  # a receiver's system did not fetch its package for very long
    DELIVERY_OVERDUE = "delivery_overdue"  # a receiver has not answered in time
    DEADLINE_NEAR = "deadline_near"  # a time limit ends soon
    PARTNER_DOWN = "partner_down"  # a partner of the node cannot be reached
    PARTNER_UP = "partner_up"  # it can be reached again
    WEBHOOK_DISABLED = "webhook_disabled"  # its webhook was not taken for days, or is gone: it is told no more there
    RECONCILIATION_DIFFERS = "reconciliation_differs"  # the node and the system do not agree about a day


class Scope(StrEnum):
    """What a token of the REST API may be used for."""

    SEND = "send"  # hand in documents, and acts on them
    STATUS = "status"  # hand in statuses
    RECEIVE = "receive"  # list what waits, fetch it, acknowledge it
    READ = "read"  # look up documents and deliveries
    EVENTS = "events"  # read the feed of events
    ORGANS = "organs"  # look up organisations and routes
    RECONCILE = "reconcile"  # compare what was exchanged
    WEBHOOKS = "webhooks"  # subscribe to events


class Urgency(IntEnum):
    """OtherInfo/Priority. Norm: QCVN 102:2016/BTTTT."""

    NORMAL = 0  # thường
    URGENT = 1  # khẩn
    VERY_URGENT = 2  # thượng khẩn
    EXPRESS = 3  # hỏa tốc
    EXPRESS_TIMED = 4  # hỏa tốc hẹn giờ


class Role(StrEnum):
    """What an account may do in the console."""

    CLERK = "clerk"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class ViewKind(StrEnum):
    """How somebody looked at a document in the console, or what was taken along."""

    PAGE = "page"  # its page
    SIGNATURES = "signatures"  # its signatures, as an auditor reads them
    FILE = "file"  # one of its files
    PACKAGE = "package"  # a package as it came
    BUNDLE = "bundle"  # all of it with its evidence, to be kept elsewhere
    PRINT = "print"  # its delivery report
    EXPORT = "export"  # a list of documents
    LOG = "log"  # who has looked at it


SECRET_PHRASES = ("tuyệt mật", "tối mật", "mật")
"""Levels of state secrets; a document that bears one is refused.

Norm: Luật BVBMNN 117/2025 (second-hand: configurable).
"""

SECRET_EXCEPTIONS = (
    *("mật độ", "mật ong", "mật khẩu", "mật mã", "mật thiết", "mật mía", "mật gấu", "mật hoa", "mật tông", "mật danh"),
    *("bảo mật", "bí mật", "cơ mật", "thân mật", "chi mật", "cẩn mật", "giải mật", "không mật", "hạ mật"),
)
"""Words that hold a phrase and are no marking."""

RETURN_PHRASES = ("trả lại", "gửi nhầm", "chuyển nhầm")
"""How a refusal (02) begins that gives a misaddressed document back. The first one is what the node writes itself.

Norm: NĐ 30/2020/NĐ-CP Art. 21(2).
"""
