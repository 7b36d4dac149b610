"""Who exists and who is connected."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    select,
)

from axis.store.schema.base import UtcMicros, metadata

config_version = Table(
    "config_version",
    metadata,
    Column("id", Integer, primary_key=True),  # one row, 1
    Column("version", BigInteger, nullable=False),  # raised in the transaction of every change of configuration
    Column("routes_at", UtcMicros),  # the moment for which `route` was worked out; NULL: never
    Column("route_set", Integer, nullable=False, server_default="1"),  # the set of routes that holds
    Column("route_set_begun", Integer, nullable=False, server_default="1"),  # the latest that somebody began to make
    Column("route_set_until", UtcMicros),  # until then nobody else begins another; NULL: nobody is at it
    Column("routes_due", Boolean, nullable=False, server_default=false()),  # all have to be worked out anew
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

# Files that come in pieces (tus): so many bytes of each are durable in the uploads folder.
upload = Table(
    "upload",
    metadata,
    Column("upload_id", String(26), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("metadata", Text, nullable=False),  # as the client wrote it
    Column("name", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("offset_bytes", BigInteger, nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros, nullable=False, index=True),
    CheckConstraint("offset_bytes BETWEEN 0 AND size_bytes", name="offset_within"),
)

# Where systems are told of their events, and how far each has been.
webhook = Table(
    "webhook",
    metadata,
    Column("webhook_id", String(26), primary_key=True),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False, index=True),
    Column("url", Text, nullable=False),
    Column("kinds", Text, nullable=False),  # words of terms.EventKind, joined by a space; "": all
    Column("name", Text, nullable=False),
    Column("secret_encrypted", LargeBinary, nullable=False),
    Column("old_secret_encrypted", LargeBinary),  # signs along until old_until
    Column("old_until", UtcMicros),
    Column("enabled", Boolean, nullable=False),
    Column("place", BigInteger, nullable=False),  # of the last event that was taken
    Column("attempts", Integer, nullable=False),  # of the next one
    Column("failing_since", UtcMicros),
    Column("due_at", UtcMicros, nullable=False, index=True),
    Column("last_status", Integer),
    Column("last_words", Text, nullable=False),
    Column("last_at", UtcMicros),
    Column("created_at", UtcMicros, nullable=False),
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

# The system that acts for each organisation: its own, else its nearest ancestor's. Worked out anew with every change of
# configuration, and when a service begins or ends, so that lists can be answered by one join. Of the sets one holds;
# another is there only while many routes are being changed (`store.route_sets`).
route_row = Table(
    "route",
    metadata,
    Column("route_set", Integer),
    Column("organ_id", String(128), ForeignKey("organ.organ_id")),
    Column("system_id", String(64), ForeignKey("system.system_id"), nullable=False),
    Column("via_organ", String(128), nullable=False),  # whose service it is: the organisation's own, or an ancestor's
    PrimaryKeyConstraint("organ_id", "route_set"),
    Index("ix_route_system_id", "system_id", "route_set"),
)

# The routes that hold: what every query asks.
route = (
    select(route_row.c.organ_id, route_row.c.system_id, route_row.c.via_organ)
    .where(route_row.c.route_set == select(config_version.c.route_set).scalar_subquery())
    .subquery("route")
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
