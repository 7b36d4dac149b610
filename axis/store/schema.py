"""The tables. Invariants stand here as constraints; alembic's head equals this (tested).

Time is a whole number of microseconds since 1970 in UTC (`UtcMicros`), the same on SQLite and PostgreSQL, so that
the hot path can hand rows to the driver as they are. Structured leftovers are JSON text.

What changes and what does not: package, attachment, audit and leaf rows are only ever inserted, status_event rows too
(but an orphan is given its document, once); document, delivery, consignment, act_target and act_receiver carry a
state; queue rows come and go.
"""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

from axis.kpi.figures import COUNTS, TIMES

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (at - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC moment of a column value."""
    return EPOCH + value * MICROSECOND


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime, stored as BIGINT microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - interface
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """From the database."""
        return None if value is None else from_micros(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite counts only INTEGER PRIMARY KEY by itself.
_Serial = BigInteger().with_variant(Integer(), "sqlite")

# ── Configuration: who exists, who is connected ────────────────────────────────────────────────────────────────

config_version = Table(
    "config_version",
    metadata,
    Column("id", Integer, primary_key=True),  # one row, 1
    Column("version", BigInteger, nullable=False),  # raised in the transaction of every change of configuration
    Column("routes_at", UtcMicros),  # the moment for which `route` was worked out; NULL: never
)

organ = Table(
    "organ",
    metadata,
    Column("organ_id", String(128), primary_key=True),  # canonical code
    Column("name", Text, nullable=False),
    Column("parent_id", String(128), ForeignKey("organ.organ_id"), index=True),
    Column("level", Integer),  # 1 … 4 as the registry says; never computed from dots
    Column("email", Text),
    Column("status", String(8), nullable=False),  # active | closed
    Column("successor_id", String(128), ForeignKey("organ.organ_id")),  # of a closed one: who takes its documents
    Column("created_at", UtcMicros, nullable=False),
    Column("closed_at", UtcMicros),
    Column("kind", String(16)),  # a word of organ.model.OrganKind
    Column("version", BigInteger, nullable=False, server_default="0"),  # of the configuration, at the last change
    CheckConstraint("status IN ('active', 'closed')", name="status"),
    CheckConstraint("successor_id IS NULL OR status = 'closed'", name="successor"),
)

organ_alias = Table(
    "organ_alias",
    metadata,
    Column("alias", String(128), primary_key=True),  # another code that means this organisation
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), nullable=False, index=True),
    Column("valid_from", String(10), primary_key=True),  # first day, ISO; empty: since ever
    Column("valid_until", String(10), nullable=False),  # the day that ends it; empty: nothing is known of an end
)

# How far we have followed the registry of another axis, for each depth of following.
registry_sync = Table(
    "registry_sync",
    metadata,
    Column("uplink_id", String(64), primary_key=True),
    Column("level", Integer, primary_key=True, autoincrement=False),  # down to which level; 0: all
    Column("version", BigInteger, nullable=False),  # of its registry, as of then
    Column("synced_at", UtcMicros, nullable=False),
)

# Names that organisations bore until a day; the present one stands in `organ`.
organ_name = Table(
    "organ_name",
    metadata,
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), primary_key=True),
    Column("name", Text, nullable=False),
    Column("valid_from", String(10), nullable=False),  # as in organ_alias
    Column("valid_until", String(10), primary_key=True),
    Column("source", Text, nullable=False),  # who told of the change
)

system = Table(
    "system",
    metadata,
    Column("system_id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("front", String(16), nullable=False),  # vxp
    Column("enabled", Boolean, nullable=False),
    Column("may_register", Boolean, nullable=False),  # registerAgency, deleteAgency below what it serves
    Column("created_at", UtcMicros, nullable=False),
    Column("adapter", String(16)),  # with which we push to it; NULL: it fetches its packages itself
    Column("options", Text, nullable=False, server_default="{}"),  # of the adapter, JSON
    Column("secrets_encrypted", LargeBinary),  # of the adapter: a JSON object, with the node's key
)

credential = Table(
    "credential",
    metadata,
    Column("credential_id", String(26), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("secret_encrypted", LargeBinary, nullable=False),  # with the node's key: HMAC needs the secret itself
    Column("created_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros),  # set when rotated: the old one may live on for a while
)

api_token = Table(
    "api_token",
    metadata,
    Column("token_id", String(26), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("token_sha256", String(64), nullable=False, unique=True),  # 256 random bits need no slow hash
    Column("scopes", Text, nullable=False),  # words of terms.Scope, joined by a space
    Column("created_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros),
    Column("last_used_at", UtcMicros),  # to the minute
    Column("revoked_at", UtcMicros),
)

# The answers to calls that bore an Idempotency-Key, for a day.
api_answer = Table(
    "api_answer",
    metadata,
    Column("system_id", String(64), ForeignKey("system.system_id"), primary_key=True),
    Column("idempotency_key", String(255), primary_key=True),
    Column("request_sha256", String(64), nullable=False),  # of method, path and body: another call is not answered
    Column("status", Integer),  # NULL: under way
    Column("body", Text),
    Column("created_at", UtcMicros, nullable=False, index=True),
)

# Which system serves which organisation, and when. Of several at one time the one with the lowest priority takes what
# comes in; the others may go on sending, and finish what they were handed. What has ended stays, for the record.
system_organ = Table(
    "system_organ",
    metadata,
    Column("service_id", String(26), primary_key=True),
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), nullable=False),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("priority", Integer, nullable=False),  # 0 the primary system, 1 and more: others beside it
    Column("valid_from", UtcMicros, nullable=False),
    Column("valid_until", UtcMicros),  # the first moment at which it does not hold any more; NULL: no end is set
    UniqueConstraint("organ_id", "priority", "valid_from"),
    CheckConstraint("valid_until > valid_from", name="validity"),
)

# The system that acts for each organisation: its own, else its nearest ancestor's. Worked out anew in the
# transaction of every change of configuration, and when a service begins or ends, so that lists can be answered by
# one join.
route = Table(
    "route",
    metadata,
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("via_organ", String(128), nullable=False),  # whose service it is: the organisation's own, or an ancestor's
)

# Which codes outside our tree another axis is for, before what the settings say of uplinks.
route_rule = Table(
    "route_rule",
    metadata,
    Column("rule_id", String(26), primary_key=True),
    Column("prefix", String(128), nullable=False),  # in canonical form; *: every code that no other rule claims
    Column("uplink_id", String(64), nullable=False),
    Column("valid_from", UtcMicros, nullable=False),
    Column("valid_until", UtcMicros),  # the first moment at which it does not hold any more; NULL: no end is set
    Column("note", Text),
    UniqueConstraint("prefix", "valid_from"),
    CheckConstraint("valid_until > valid_from", name="validity"),
)

account = Table(
    "account",
    metadata,
    Column("account_id", String(26), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),  # argon2id
    Column("roles", Text, nullable=False),  # words of terms.Role, joined by a space
    Column("enabled", Boolean, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong passwords since the last right one
    Column("locked_until", UtcMicros),
    Column("created_at", UtcMicros, nullable=False),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", String(64), primary_key=True),  # the cookie's value is not stored
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros, nullable=False),
)

# ── What came in ───────────────────────────────────────────────────────────────────────────────────────────────

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
    CheckConstraint("state IN ('open', 'recalled', 'replaced', 'withdrawn')", name="state"),
    UniqueConstraint("from_organ", "document_key", "edition"),
    UniqueConstraint("from_organ", "code_key", "promulgation_date", "same_code_no"),
    Index("ix_document_received_at", "received_at"),
    Index("ix_document_document_key", "document_key"),
    Index("ix_document_from_organ", "from_organ", "document_uid"),  # what an organisation sent, newest first
)

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
    CheckConstraint(
        "state IN ('open', 'recalled', 'recall_agreed', 'recall_declined', 'removed', 'replaced')", name="state"
    ),
    UniqueConstraint("document_uid", "receiver_organ"),
    Index("ix_delivery_receiver_organ", "receiver_organ", "created_at"),
    Index("ix_delivery_receiver_document", "receiver_organ", "document_uid"),  # what it received, newest first
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
    UniqueConstraint("package_id", "receiver_organ"),
    CheckConstraint("(place = 'uplink') = (uplink_id IS NOT NULL)", name="uplink"),
    CheckConstraint(
        "state IN ('queued', 'handed_over', 'acknowledged', 'retrying', 'dead', 'cancelled')", name="state"
    ),
    Index(
        "ix_consignment_pending",  # in the order of the lists; fetched and visible_at spare a look at the row
        "receiver_organ",
        text("urgency DESC"),
        "consignment_id",
        "fetched",
        "visible_at",
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
    Index("ix_status_event_document", "document_uid", "event_id"),
    Index("ix_status_event_delivery_id", "delivery_id"),
    Index(
        "ix_status_event_orphan",
        "to_organ",
        sqlite_where=text("effect = 'orphan'"),
        postgresql_where=text("effect = 'orphan'"),
    ),
)

# ── Trust: who signed, and what that rests on ──────────────────────────────────────────────────────────────────

verdict = Table(
    "verdict",
    metadata,
    Column("verdict_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False),
    Column("at", UtcMicros, nullable=False),  # when it was found; the moment judged for stands inside
    Column("cause", String(8), nullable=False),  # intake | files | evidence | manual
    Column("overall", String(24), nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON of axis.trust.model.Verdict, exactly what was hashed
    Column("sha256_hex", String(64), nullable=False),
    Index("ix_verdict_package", "package_id", "verdict_id"),
    Index("ix_verdict_overall", "overall", "verdict_id"),
)

verdict_evidence = Table(
    "verdict_evidence",
    metadata,
    Column("verdict_id", String(26), ForeignKey("verdict.verdict_id"), primary_key=True),
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),
    Column("kind", String(16), nullable=False),  # crl | ocsp | timestamp | certificate
)

check_due = Table(
    "check_due",
    metadata,
    Column("package_id", String(26), ForeignKey("package.package_id"), primary_key=True),
    Column("cause", String(8), nullable=False),  # files: not looked at yet · evidence: something was missing
    Column("due_at", UtcMicros, nullable=False),
    Column("queued_at", UtcMicros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcMicros),
    Column("fence", BigInteger, nullable=False),
    Index("ix_check_due_due_at", "due_at"),
)

need = Table(
    "need",
    metadata,
    Column("need_id", String(64), primary_key=True),  # SHA-256 of kind, url and certificate
    Column("kind", String(8), nullable=False),  # crl | ocsp | issuer | tsa
    Column("url", Text, nullable=False),
    Column("certificate_sha256", String(64), nullable=False),  # that it is about; of a TSA: the package's own digest
    Column("issuer_sha256", String(64), nullable=False),
    Column("first_at", UtcMicros, nullable=False),
    Column("due_at", UtcMicros, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcMicros),
    Column("last_error", Text),
)

revocation = Table(
    "revocation",
    metadata,
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),
    Column("kind", String(8), nullable=False),  # crl | ocsp | issuer (a certificate that was missing)
    Column("url", Text, nullable=False),
    Column("certificate_sha256", String(64), nullable=False),  # of an OCSP answer
    Column("issuer_sha256", String(64), nullable=False),
    Column("this_update", UtcMicros),
    Column("next_update", UtcMicros),
    Column("fetched_at", UtcMicros, nullable=False),
    Column("superseded_at", UtcMicros),  # a newer one from the same place came; kept for the verdicts that rest on it
    Index("ix_revocation_current", "kind", "certificate_sha256"),
)

certificate = Table(
    "certificate",
    metadata,
    Column("sha256_hex", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # DER
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial_hex", String(64), nullable=False),
    Column("organ_code", String(128), nullable=False),  # "" when its subject maps to none
    Column("kind", String(16), nullable=False),  # person | agency | timestamp | unknown
    Column("not_before", UtcMicros, nullable=False),
    Column("not_after", UtcMicros, nullable=False, index=True),
    Column("first_seen_at", UtcMicros, nullable=False),
)

# An authority's word that these bytes were there by then. No package is changed, so its timestamp stands beside it.
time_proof = Table(
    "time_proof",
    metadata,
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),  # what was stamped
    Column("token_sha256", String(64), ForeignKey("blob.sha256_hex"), nullable=False, index=True),
    Column("authority", Text, nullable=False),
    Column("proven_at", UtcMicros, nullable=False),
    Column("fetched_at", UtcMicros, nullable=False),
)

signature_policy = Table(
    "signature_policy",
    metadata,
    Column("organ_id", String(128), primary_key=True),  # a sender, or "*" for every other
    Column("envelope", String(8), nullable=False),  # off | report | warn | require
    Column("files", String(8), nullable=False),
    Column("fail_closed", Boolean, nullable=False),
    Column("issuers", Text),  # SHA-256 of the authorities that count, joined by a space; "": all; NULL: as further up
)

# ── Work and record ────────────────────────────────────────────────────────────────────────────────────────────

queue = Table(
    "queue",
    metadata,
    Column("queue_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False),
    Column("partner_id", String(64), nullable=False),  # an uplink, or a system that we push to
    Column("task", String(4), nullable=False),  # send: push the package · ask: has the partner's receiver got it
    Column("peer_ref", Text),  # the partner's id for it, once sent
    Column("urgency", Integer, nullable=False),
    Column("document_uid", String(26)),  # what the package carries or acts on; NULL: nothing that is known here
    Column("lane", String(128), nullable=False),  # of a status: who says it; "": a document or an act on one
    Column("queued_at", UtcMicros, nullable=False),
    Column("due_at", UtcMicros, nullable=False),  # while somebody is at it: when the lease ends
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcMicros),
    Column("fence", BigInteger, nullable=False),  # raised by each claim; only the last claimer may record
    Column("delayed_at", UtcMicros),  # when the sender was told that it is delayed
    UniqueConstraint("package_id", "partner_id"),
    Index("ix_queue_order", "partner_id", "task", "urgency", "due_at", "queue_id"),
    Index("ix_queue_due", "partner_id", "due_at"),
    Index("ix_queue_lane", "partner_id", "document_uid", "lane", "queue_id"),
    Index("ix_queue_late", "task", "delayed_at", "queued_at"),
)

# What is told of a partner, once: whoever changes the word here says so. Nothing is decided by it.
partner = Table(
    "partner",
    metadata,
    Column("partner_id", String(64), primary_key=True),
    Column("state", String(4), nullable=False),  # up | down
    Column("since", UtcMicros, nullable=False),
    Column("last_error", Text),
)

downtime = Table(
    "downtime",
    metadata,
    Column("downtime_id", String(26), primary_key=True),
    Column("partner_id", String(64), nullable=False),
    Column("starts_at", UtcMicros, nullable=False),
    Column("ends_at", UtcMicros, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    CheckConstraint("ends_at > starts_at", name="window"),
)

# What is owed by a time limit, while it is owed: worked out from deliveries (ops.following), looked at when next_at
# comes (ops.reminding).
deadline = Table(
    "deadline",
    metadata,
    Column("delivery_id", String(26), ForeignKey("delivery.delivery_id"), primary_key=True),
    Column("kind", String(10), primary_key=True),  # terms.DeadlineKind
    Column("document_uid", String(26), nullable=False),
    Column("from_organ", String(128), nullable=False),
    Column("receiver_organ", String(128), nullable=False),
    Column("came_at", UtcMicros, nullable=False),
    Column("due_at", UtcMicros, nullable=False),
    Column("stage", String(8), nullable=False),  # terms.DeadlineStage
    Column("next_at", UtcMicros),  # when to remind or to tell; NULL: told
    Index("ix_deadline_next_at", "next_at"),
    Index("ix_deadline_due_at", "due_at"),
    Index(
        "ix_deadline_overdue",
        "receiver_organ",
        "came_at",
        sqlite_where=text("stage = 'overdue'"),
        postgresql_where=text("stage = 'overdue'"),
    ),
)

# Documents and deliveries that something has happened to: marks left in the same transaction, taken by ops.following.
touched = Table(
    "touched",
    metadata,
    Column("touch_id", _Serial, primary_key=True, autoincrement=True),
    Column("document_uid", String(26)),  # the document and all its deliveries, or
    Column("delivery_id", String(26)),  # one delivery
)

# Figures by organisation and side of deliveries: of a day, and of a month, the sum of its days (axis.kpi.figures).
kpi = Table(
    "kpi",
    metadata,
    Column("span", String(10), primary_key=True),  # 2026-11-24, or 2026-11
    Column("organ_id", String(128), primary_key=True),
    Column("side", String(8), primary_key=True),  # terms.Side
    *(Column(name, Integer, nullable=False) for name in COUNTS),
    *(Column(name, LargeBinary) for name in TIMES),  # axis.kpi.histogram; NULL: none
    Index("ix_kpi_organ_id", "organ_id", "side", "span"),
)

# Days whose figures have to be made anew.
kpi_dirty = Table(
    "kpi_dirty",
    metadata,
    Column("span", String(10), primary_key=True),
    Column("organ_id", String(128), primary_key=True),
    Column("side", String(8), primary_key=True),
    Column("version", Integer, nullable=False),  # raised by every mark
)

# How many documents an organisation issued, on paper or not: entered by people.
issued = Table(
    "issued",
    metadata,
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), primary_key=True),
    Column("month", String(7), primary_key=True),  # 2026-11
    Column("documents", Integer, nullable=False),
    CheckConstraint("documents >= 0", name="documents"),
)

# Work that runs on one node at a time: who has it, and when it ran last.
job = Table(
    "job",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("slot", BigInteger, nullable=False),  # the latest period that was begun
    Column("fence", BigInteger, nullable=False),  # raised by each claim; only the last claimer may record
    Column("lease_until", UtcMicros),  # NULL: nobody is at it
    Column("started_at", UtcMicros),
    Column("ended_at", UtcMicros),
    Column("error", Text),  # why the last run failed
)

# What comparing a day with a partner has come to; the latest time counts.
reconciliation = Table(
    "reconciliation",
    metadata,
    Column("partner_id", String(64), primary_key=True),
    Column("day", String(10), primary_key=True),  # in Vietnam, ISO
    Column("at", UtcMicros, nullable=False),
    Column("state", String(8), nullable=False),  # agreed | differs | partly | failed
    Column("ours_up", Integer),  # items on our list, and on theirs; NULL: not known
    Column("theirs_up", Integer),
    Column("ours_down", Integer),
    Column("theirs_down", Integer),
    Column("differing", Integer, nullable=False),
    Column("findings", Text, nullable=False),  # JSON, the first of them
    Column("error", Text),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", String(26), primary_key=True),
    Column("at", UtcMicros, nullable=False),
    Column("kind", String(32), nullable=False),  # package_refused, echo_acknowledged, organ_closed, …
    Column("actor", String(128), nullable=False),  # system, account or "node"
    Column("fields", Text, nullable=False),  # JSON, no content of documents
    Index("ix_audit_at", "at"),
)

# What the systems are told. A feed is read by `place`, which the first reading gives: ids are made before their
# transaction, so that one which commits later may be the smaller, and a reader who goes by ids would miss it.
system_event = Table(
    "system_event",
    metadata,
    Column("event_id", String(26), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False),
    Column("kind", String(32), nullable=False),  # words of terms.EventKind
    Column("at", UtcMicros, nullable=False),
    Column("document_uid", String(26)),
    Column("package_id", String(26)),
    Column("organ_id", String(128)),  # whom it is about
    Column("fields", Text, nullable=False),  # JSON, no content of documents
    Column("place", BigInteger),  # in the system's feed, rising; NULL until the feed is read
    UniqueConstraint("system_id", "place"),
    Index("ix_system_event_at", "at"),
)

# Couriers: with whose keys files for a system are made, and which files there were.
courier_party = Table(
    "courier_party",
    metadata,
    Column("system_id", String(64), ForeignKey("system.system_id"), primary_key=True),
    Column("encryption_key", LargeBinary, nullable=False),  # X25519, public
    Column("signing_key", LargeBinary, nullable=False),  # Ed25519, public
    Column("last_sequence", Integer, nullable=False),  # given out; a file may not have come of it
    Column("created_at", UtcMicros, nullable=False),
)

courier_bundle = Table(
    "courier_bundle",
    metadata,
    Column("manifest_sha256", String(64), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False),
    Column("direction", String(8), nullable=False),  # out | reply
    Column("sequence", Integer, nullable=False),  # of out: its number; of reply: of the file that it answers
    Column("packages", Integer, nullable=False),
    Column("created_at", UtcMicros, nullable=False),  # as its maker says
    Column("expires_at", UtcMicros, nullable=False),
    Column("recorded_at", UtcMicros, nullable=False),  # packed, or taken for the first time
    Index("ix_courier_bundle_system", "system_id", "direction", "sequence"),
)

# What mail servers sent back, each once: a report that is read again finds itself here.
bounce = Table(
    "bounce",
    metadata,
    Column("sha256_hex", String(64), primary_key=True),  # of the report, as far as it is read
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False, index=True),
    Column("organ_id", String(128), nullable=False),
    Column("at", UtcMicros, nullable=False),
    Column("fate", String(8), nullable=False),  # failed | gave_up | delayed
    Column("words", Text, nullable=False),  # of the mail server
)

# How far a mailbox has been told what stands in its system's feed of events.
mail_notice = Table(
    "mail_notice",
    metadata,
    Column("system_id", String(64), ForeignKey("system.system_id"), primary_key=True),
    Column("place", BigInteger, nullable=False),  # of the last event that a mail was sent of
)

leaf = Table(
    "leaf",
    metadata,
    Column("leaf_id", _Serial, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("at", UtcMicros, nullable=False),
    Column("data", LargeBinary, nullable=False),  # canonical JSON, exactly what was hashed
    Column("leaf_hash", LargeBinary, nullable=False),  # SHA-256 of 0x00 and data (RFC 6962)
    Column("seq", BigInteger, unique=True),  # position in the log; NULL until the sequencer numbers it
    *(
        Index(f"ix_leaf_{kind}", "at", sqlite_where=text(f"kind = '{kind}'"), postgresql_where=text(f"kind = '{kind}'"))
        for kind in ("handed_over", "acknowledged")  # what was handed to somebody on one day
    ),
)
