"""What came in: documents, packages, acts, deliveries, statuses."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from axis.store.schema.base import UtcMicros, metadata

blob = Table(
    "blob",
    metadata,
    Column("sha256_hex", String(64), primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("content", LargeBinary),  # NULL: a content-addressed file, durable before this row
    Column("created_at", UtcMicros, nullable=False),
)

document = Table(
    "document",
    metadata,
    Column("document_uid", String(26), primary_key=True),
    Column("from_organ", String(128), nullable=False),  # canonical; a foreign code in its comparison form
    Column("document_key", String(512), nullable=False),  # DocumentId in its comparison form; bounded, since indexed
    Column("edition", Integer, nullable=False),  # 1, and one more for each replacement under the same DocumentId
    Column("document_id", Text, nullable=False),  # as it came
    Column("identity", String(64), nullable=False),  # what makes another package a repeat of this one
    Column("header_digest", String(64), nullable=False),
    Column("package_id", String(26), nullable=False),  # the first package; the answer to every repeat
    Column("business_type", Integer, nullable=False),
    Column("code_key", String(256)),  # number/notation in its comparison form
    Column("code", Text),
    Column("promulgation_date", String(64)),  # ISO date where readable, else as it came
    Column("same_code_no", Integer, nullable=False),  # 0, or how many other documents already bear this number and date
    Column("subject", Text),
    Column("type_name", Text),
    Column("sender_name", Text),
    Column("urgency", Integer, nullable=False),
    Column("due_date", Text),
    Column("origin", String(8), nullable=False),
    Column("source_system", String(64), nullable=False),  # a system or an uplink
    Column("received_at", UtcMicros, nullable=False),
    Column("flags", Text, nullable=False),  # words joined by a space
    Column("verdict", String(24)),  # overall word of the latest verdict on its package; NULL: not looked at
    Column("sent_due_at", UtcMicros),  # by when it had to be sent (received_at tells when it was); NULL: cannot be said
    Column("state", String(10), nullable=False, server_default="open"),  # terms.DocumentState, of all its deliveries
    Column("version", Integer, nullable=False, server_default="0"),  # raised by every act and every further receiver
    Column("particulars", Text),  # the header's texts as they are now, JSON; the package keeps what came
    Column("folded", Text, nullable=False, server_default=""),  # text.search_form of what people look it up by
    CheckConstraint("state IN ('open', 'recalled', 'replaced', 'withdrawn')", name="state"),
    UniqueConstraint("from_organ", "document_key", "edition"),
    UniqueConstraint("from_organ", "code_key", "promulgation_date", "same_code_no"),
    Index("ix_document_received_at", "received_at"),
    Index("ix_document_document_key", "document_key"),
    Index("ix_document_from_organ", "from_organ", "document_uid"),  # what an organisation sent, newest first
    Index("ix_document_verdict", "verdict", "document_uid"),
    Index("ix_document_words", text("to_tsvector('simple'::regconfig, folded)"), postgresql_using="gin").ddl_if(
        dialect="postgresql"
    ),
)

_TABLE_OF_WORDS = (
    "CREATE VIRTUAL TABLE document_words USING fts5("
    "folded, document_uid UNINDEXED, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3')"
)
_NEW_WORDS = (
    "CREATE TRIGGER document_words_new AFTER INSERT ON document BEGIN "
    "INSERT INTO document_words (folded, document_uid) VALUES (new.folded, new.document_uid); END"
)
_CHANGED_WORDS = (
    "CREATE TRIGGER document_words_changed AFTER UPDATE OF folded ON document WHEN old.folded <> new.folded BEGIN "
    "INSERT INTO document_words (folded, document_uid) VALUES (new.folded, new.document_uid); END"
)
WORDS_OF_SQLITE = (_TABLE_OF_WORDS, _NEW_WORDS, _CHANGED_WORDS)
"""What PostgreSQL's index of words is on SQLite: an FTS5 table, kept by triggers.

It only narrows a search down, `document.folded` decides: so words that were there before an update may stay.
"""

for _statement in WORDS_OF_SQLITE:
    event.listen(document, "after_create", DDL(_statement).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]

package = Table(
    "package",
    metadata,
    Column("package_id", String(26), primary_key=True),
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), nullable=False, index=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),  # document | status
    Column("business_type", Integer),  # of a document package
    Column("document_uid", String(26), ForeignKey("document.document_uid"), index=True),  # what it carries or acts on
    Column("from_organ", String(128), nullable=False),
    Column("from_raw", Text, nullable=False),
    Column("document_id", Text, nullable=False),  # as it came; of a status: ResponseFor's
    Column("code", Text),
    Column("subject", Text),
    Column("urgency", Integer, nullable=False),
    Column("origin", String(8), nullable=False),
    Column("source_system", String(64), nullable=False),
    Column("received_at", UtcMicros, nullable=False),
    Column("findings", Text, nullable=False),  # JSON list of {code, at, message}
    UniqueConstraint("from_organ", "sha256_hex"),
    Index("ix_package_source", "source_system", "received_at"),  # what somebody handed in on one day
)

attachment = Table(
    "attachment",
    metadata,
    Column("package_id", String(26), ForeignKey("package.package_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("media_type", String(128), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256_hex", String(64), nullable=False),
    Column("zipped_by_client", Boolean, nullable=False),
)

original = Table(
    "original",
    metadata,
    Column("package_id", String(26), ForeignKey("package.package_id"), primary_key=True),
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), nullable=False, index=True),  # secrets blanked
    Column("size_bytes", BigInteger, nullable=False),
    Column("form", String(32), nullable=False),  # the format that it came in
    Column("converted_by", String(64), nullable=False),
    Column("source_system", String(64), nullable=False),
    Column("received_at", UtcMicros, nullable=False),
    Column("findings", Text, nullable=False),  # of the conversion; JSON list of {code, at, message}
)

act = Table(
    "act",
    metadata,
    Column("act_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False, unique=True),
    Column("identity", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),  # terms.ActKind
    Column("from_organ", String(128), nullable=False),
    Column("reason", Text),
    Column("received_at", UtcMicros, nullable=False),
)

act_target = Table(
    "act_target",
    metadata,
    Column("act_id", String(26), ForeignKey("act.act_id"), primary_key=True),
    Column("position", Integer, primary_key=True),  # among the documents that the package names
    Column("document_key", String(512), nullable=False),  # DocumentId in its comparison form
    Column("document_uid", String(26), ForeignKey("document.document_uid")),  # NULL: not known when the act came
    Column("effect", String(8), nullable=False),  # terms.ActEffect
    Index("ix_act_target_document_uid", "document_uid"),
    Index(
        "ix_act_target_unknown",
        "document_key",
        sqlite_where=text("document_uid IS NULL"),
        postgresql_where=text("document_uid IS NULL"),
    ),
)

# Whom the act concerns, for each document that it names.
act_receiver = Table(
    "act_receiver",
    metadata,
    Column("act_id", String(26), ForeignKey("act.act_id"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("receiver_organ", String(128), primary_key=True),
    Column("answer", String(9)),  # terms.Answer; NULL: open
    Column("answered_at", UtcMicros),
    Column("package_id", String(26), ForeignKey("package.package_id"), index=True),  # that brings the act to it
    Index(
        "ix_act_receiver_open",
        "receiver_organ",
        "act_id",
        sqlite_where=text("answer IS NULL"),
        postgresql_where=text("answer IS NULL"),
    ),
)

# What an update changed in the header.
document_change = Table(
    "document_change",
    metadata,
    Column("act_id", String(26), ForeignKey("act.act_id"), primary_key=True),
    Column("field", String(32), primary_key=True),
    Column("before", Text),
    Column("after", Text),
)

delivery = Table(
    "delivery",
    metadata,
    Column("delivery_id", String(26), primary_key=True),
    Column("document_uid", String(26), ForeignKey("document.document_uid"), nullable=False),
    Column("receiver_organ", String(128), nullable=False),
    Column("addressed_as", Text, nullable=False),  # the code in the package, when the receiver succeeds a closed one
    Column("receiver_name", Text),
    Column("place", String(9), nullable=False),
    Column("status_code", String(2)),  # NULL until the receiver says something
    Column("status_at", UtcMicros),
    Column("version", Integer, nullable=False),  # raised by every change: two writers never overwrite each other
    Column("created_at", UtcMicros, nullable=False),
    Column("receipt_due_at", UtcMicros),  # by when the receiver has to say a first word; NULL: never
    Column("acceptance_due_at", UtcMicros),  # … that it is registered or refused
    Column("completion_due_at", UtcMicros),  # … that it is done
    Column("state", String(16), nullable=False, server_default="open"),  # terms.DeliveryState: what the sender did
    Column("state_at", UtcMicros),
    Column("act_id", String(26), ForeignKey("act.act_id")),  # the act that made the state what it is
    Column("forwarded_from", String(26)),  # the delivery whose receiver passed the document on; rows are never removed
    Column("returned_at", UtcMicros),  # given back as misaddressed: by a status 02 that says so
    Column("return_reason", Text),
    Column("from_organ", String(128), nullable=False, server_default=""),  # the document's
    CheckConstraint(
        "state IN ('open', 'recalled', 'recall_agreed', 'recall_declined', 'removed', 'replaced')", name="state"
    ),
    UniqueConstraint("document_uid", "receiver_organ"),
    Index("ix_delivery_receiver_organ", "receiver_organ", "created_at"),
    Index("ix_delivery_receiver_document", "receiver_organ", "document_uid"),  # what it received, newest first
    Index("ix_delivery_inbox", "receiver_organ", "status_code", "created_at", "delivery_id"),
    Index(
        "ix_delivery_outbox",
        "from_organ",
        "status_code",
        "document_uid",
        sqlite_where=text("place <> 'elsewhere'"),
        postgresql_where=text("place <> 'elsewhere'"),
    ),
)

consignment = Table(
    "consignment",
    metadata,
    Column("consignment_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False),
    Column("receiver_organ", String(128), nullable=False),
    Column("delivery_id", String(26), ForeignKey("delivery.delivery_id"), index=True),  # NULL: an act or a status
    Column("place", String(9), nullable=False),
    Column("uplink_id", String(64)),  # when place is uplink
    Column("state", String(12), nullable=False),
    Column("urgency", Integer, nullable=False),
    Column("queued_at", UtcMicros, nullable=False),
    Column("handed_over_at", UtcMicros),
    Column("acknowledged_at", UtcMicros),
    Column("fetched", Integer, nullable=False),  # times the bytes were handed out
    Column("failures", Integer, nullable=False),  # times the receiver said `fail`, or a push failed
    Column("visible_at", UtcMicros),  # listed again only from then on
    Column("last_error", Text),
    Column("handed_to", String(64)),  # the system that fetched it first: it may finish, though another is the primary
    Column("kind", String(8), nullable=False, server_default="document"),  # of the package
    Column("behind", String(26)),  # of an act or a request: the delivery that it is about, and must not overtake
    Column("expired_at", UtcMicros),  # when it was given up because nobody had fetched it, and its sender told
    UniqueConstraint("package_id", "receiver_organ"),
    CheckConstraint("(place = 'uplink') = (uplink_id IS NOT NULL)", name="uplink"),
    CheckConstraint(
        "state IN ('queued', 'handed_over', 'acknowledged', 'retrying', 'dead', 'cancelled')", name="state"
    ),
    Index(
        "ix_consignment_pending",  # in the order of the lists; the last ones spare a look at the row
        "receiver_organ",
        "kind",
        text("urgency DESC"),
        "consignment_id",
        "fetched",
        "visible_at",
        "behind",
        "package_id",
        "place",
        "state",
        sqlite_where=text("place = 'local' AND state IN ('queued', 'handed_over', 'retrying')"),
        postgresql_where=text("place = 'local' AND state IN ('queued', 'handed_over', 'retrying')"),
    ),
    Index(
        "ix_consignment_failed",
        "state",
        "consignment_id",
        sqlite_where=text("state IN ('dead', 'retrying')"),
        postgresql_where=text("state IN ('dead', 'retrying')"),
    ),
    Index(
        "ix_consignment_dead",
        "delivery_id",
        sqlite_where=text("state = 'dead'"),
        postgresql_where=text("state = 'dead'"),
    ),
)

status_event = Table(
    "status_event",
    metadata,
    Column("event_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False, unique=True),
    Column("document_uid", String(26), ForeignKey("document.document_uid")),  # NULL: an orphan
    Column("delivery_id", String(26), ForeignKey("delivery.delivery_id")),
    Column("act_id", String(26), ForeignKey("act.act_id")),  # 13, 15, 16: the act it opens or answers
    Column("from_organ", String(128), nullable=False),
    Column("to_organ", String(128), nullable=False),
    Column("status_code", String(2), nullable=False),
    Column("raw_code", Text, nullable=False),
    Column("description", Text),
    Column("department", Text),
    Column("staff", Text),
    Column("reported_at", Text),  # their Timestamp, as it came
    Column("received_at", UtcMicros, nullable=False),
    Column("effect", String(16), nullable=False),  # status.order.Effect
    Column("match_document_key", Text),  # what an orphan is matched by when its document comes
    Column("match_code_key", Text),
    Column("match_date", Text),
    Index("ix_status_event_to_organ", "to_organ", "event_id"),  # what an organisation was told, by age
    Index("ix_status_event_document", "document_uid", "event_id"),
    Index("ix_status_event_delivery_id", "delivery_id"),
    Index(
        "ix_status_event_orphan",
        "to_organ",
        sqlite_where=text("effect = 'orphan'"),
        postgresql_where=text("effect = 'orphan'"),
    ),
)
