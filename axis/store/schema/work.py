"""What is to be done, what was counted, and the record."""

from sqlalchemy import (
    BigInteger,
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
    text,
)

from axis.kpi.figures import COUNTS, TIMES
from axis.store.schema.base import Serial, UtcMicros, metadata

OF_PARTNERS = "kind IN ('partner_down', 'partner_up', 'partner_paused', 'partner_resumed')"

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
    Column("held_by", String(26)),  # of a push that is held back: the rule that it waits for
    UniqueConstraint("package_id", "partner_id"),
    Index("ix_queue_order", "partner_id", "task", "urgency", "due_at", "queue_id"),
    Index("ix_queue_due", "partner_id", "due_at"),
    Index("ix_queue_lane", "document_uid", "lane"),
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

# How calls of a partner went, by the minute; each process adds what it has counted. Kept for two days.
partner_minute = Table(
    "partner_minute",
    metadata,
    Column("partner_id", String(64), primary_key=True),
    Column("minute", UtcMicros, primary_key=True),  # its beginning
    Column("calls", Integer, nullable=False),
    Column("failures", Integer, nullable=False),  # of them
    Column("total_ms", BigInteger, nullable=False),
    Column("most_ms", BigInteger, nullable=False),
    Column("success_at", UtcMicros),  # the last call that came through
    Index("ix_partner_minute_minute", "minute"),
)

# The last calls of each partner that failed, for operators: secrets blanked, bounded.
partner_failure = Table(
    "partner_failure",
    metadata,
    Column("failure_id", String(26), primary_key=True),
    Column("partner_id", String(64), nullable=False),
    Column("at", UtcMicros, nullable=False),
    Column("task", String(4), nullable=False),  # of queue
    Column("package_id", String(26), nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    Column("words", Text, nullable=False),
    Column("request", Text, nullable=False),  # its line and headers; "": not known
    Column("reply", Text, nullable=False),  # head and the beginning of the body; "": none came
    Index("ix_partner_failure_partner", "partner_id", "failure_id"),
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

# What is held back, by what these have in common; NULL: whatever it is. Those that have ended stay.
hold = Table(
    "hold",
    metadata,
    Column("hold_id", String(26), primary_key=True),
    Column("sender", String(128)),
    Column("receiver", String(128)),
    Column("partner_id", String(64)),  # an uplink, or the system that acts for the receiver
    Column("starts_at", UtcMicros, nullable=False),
    Column("ends_at", UtcMicros),  # NULL: until somebody ends it
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    CheckConstraint("sender IS NOT NULL OR receiver IS NOT NULL OR partner_id IS NOT NULL", name="of_something"),
)

# What an operator has done to many consignments, chosen one by one or by what they have in common: done by
# ops.bulk in portions, from place on.
bulk_act = Table(
    "bulk_act",
    metadata,
    Column("bulk_id", String(26), primary_key=True),
    Column("at", UtcMicros, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("act", String(8), nullable=False),  # retry | reroute | cancel
    Column("target", String(64)),  # of a reroute
    Column("reason", Text, nullable=False),
    Column("asked", Text, nullable=False),  # JSON: which (ops.bulk.Selection)
    Column("total", Integer, nullable=False),  # as counted when it was begun
    Column("changed", Integer, nullable=False),
    Column("missed", Integer, nullable=False),  # in another state by then
    Column("place", String(26), nullable=False),  # the last consignment that was looked at; "": none
    Column("ended_at", UtcMicros),
    Column("error", Text),  # why it stopped before its end
    Index(
        "ix_bulk_act_open", "bulk_id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
    ),
)

# The node is under maintenance while there is this one row: it reads, and writes nothing of the exchange.
maintenance = Table(
    "maintenance",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1
    Column("since", UtcMicros, nullable=False),
    Column("until", UtcMicros),  # when it is expected to end, for whoever waits; NULL: nobody said. It ends nothing
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    CheckConstraint("id = 1", name="one"),
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
    Index("ix_deadline_receiver", "receiver_organ", "due_at"),
    Index("ix_deadline_sender", "from_organ", "due_at"),
    Index("ix_deadline_document", "document_uid", "due_at"),
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
    Column("touch_id", Serial, primary_key=True, autoincrement=True),
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

# How much content there was when ops.storage last counted it: nobody counts it while somebody waits.
storage = Table(
    "storage",
    metadata,
    Column("place", String(8), primary_key=True),  # database | files
    Column("blobs", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("counted_at", UtcMicros, nullable=False),
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
    Index("ix_audit_partner", "at", sqlite_where=text(OF_PARTNERS), postgresql_where=text(OF_PARTNERS)),
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
    Column("leaf_id", Serial, primary_key=True, autoincrement=True),
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
