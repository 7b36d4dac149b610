"""Expand: all tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make everything; the configuration begins at version 1."""
    _configuration()
    _what_came_in()
    _what_became_of_it()
    _work_and_record()


def _configuration() -> None:
    op.create_table(
        "config_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_config_version")),
    )
    op.create_table(
        "organ",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.String(length=128), nullable=True),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("successor_id", sa.String(length=128), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('active', 'closed')", name=op.f("ck_organ_status")),
        sa.CheckConstraint("successor_id IS NULL OR status = 'closed'", name=op.f("ck_organ_successor")),
        sa.ForeignKeyConstraint(["parent_id"], ["organ.organ_id"], name=op.f("fk_organ_parent_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["organ.organ_id"], name=op.f("fk_organ_successor_id")),
        sa.PrimaryKeyConstraint("organ_id", name=op.f("pk_organ")),
    )
    op.create_table(
        "organ_alias",
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_organ_alias_organ_id")),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_organ_alias")),
    )
    op.create_index(op.f("ix_organ_alias_organ_id"), "organ_alias", ["organ_id"], unique=False)
    op.create_table(
        "system",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("front", sa.String(length=16), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("may_register", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_system")),
    )
    op.create_table(
        "credential",
        sa.Column("credential_id", sa.String(length=26), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("secret_encrypted", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_credential_system_id")),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_credential")),
    )
    op.create_index(op.f("ix_credential_system_id"), "credential", ["system_id"], unique=False)
    op.create_table(
        "system_organ",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_system_organ_organ_id")),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_system_organ_system_id")),
        sa.PrimaryKeyConstraint("organ_id", name=op.f("pk_system_organ")),
    )
    op.create_index(op.f("ix_system_organ_system_id"), "system_organ", ["system_id"], unique=False)
    op.create_table(
        "route",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_route_organ_id")),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_route_system_id")),
        sa.PrimaryKeyConstraint("organ_id", name=op.f("pk_route")),
    )
    op.create_index(op.f("ix_route_system_id"), "route", ["system_id"], unique=False)
    op.create_table(
        "account",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account")),
        sa.UniqueConstraint("username", name=op.f("uq_account_username")),
    )
    op.create_table(
        "session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_session")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.execute("INSERT INTO config_version (id, version) VALUES (1, 1)")


def _what_came_in() -> None:
    op.create_table(
        "blob",
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256_hex", name=op.f("pk_blob")),
    )
    op.create_table(
        "document",
        sa.Column("document_uid", sa.String(length=26), nullable=False),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("document_key", sa.String(length=512), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("header_digest", sa.String(length=64), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("business_type", sa.Integer(), nullable=False),
        sa.Column("code_key", sa.String(length=256), nullable=True),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("promulgation_date", sa.String(length=64), nullable=True),
        sa.Column("same_code_no", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("type_name", sa.Text(), nullable=True),
        sa.Column("sender_name", sa.Text(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("due_date", sa.Text(), nullable=True),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("source_system", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.Column("verdict", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("document_uid", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "from_organ",
            "code_key",
            "promulgation_date",
            "same_code_no",
            name=op.f("uq_document_from_organ_code_key_promulgation_date_same_code_no"),
        ),
        sa.UniqueConstraint(
            "from_organ", "document_key", "edition", name=op.f("uq_document_from_organ_document_key_edition")
        ),
    )
    op.create_index("ix_document_document_key", "document", ["document_key"], unique=False)
    op.create_index("ix_document_received_at", "document", ["received_at"], unique=False)
    op.create_table(
        "package",
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("business_type", sa.Integer(), nullable=True),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("from_raw", sa.Text(), nullable=False),
        sa.Column("document_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("source_system", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_package_document_uid")),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_package_sha256_hex")),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_package")),
        sa.UniqueConstraint("from_organ", "sha256_hex", name=op.f("uq_package_from_organ_sha256_hex")),
    )
    op.create_index(op.f("ix_package_document_uid"), "package", ["document_uid"], unique=False)
    op.create_index(op.f("ix_package_sha256_hex"), "package", ["sha256_hex"], unique=False)
    op.create_table(
        "attachment",
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=128), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("zipped_by_client", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_attachment_package_id")),
        sa.PrimaryKeyConstraint("package_id", "position", name=op.f("pk_attachment")),
    )


def _what_became_of_it() -> None:
    op.create_table(
        "delivery",
        sa.Column("delivery_id", sa.String(length=26), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=False),
        sa.Column("receiver_organ", sa.String(length=128), nullable=False),
        sa.Column("addressed_as", sa.Text(), nullable=False),
        sa.Column("receiver_name", sa.Text(), nullable=True),
        sa.Column("place", sa.String(length=9), nullable=False),
        sa.Column("status_code", sa.String(length=2), nullable=True),
        sa.Column("status_at", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_delivery_document_uid")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_delivery")),
        sa.UniqueConstraint("document_uid", "receiver_organ", name=op.f("uq_delivery_document_uid_receiver_organ")),
    )
    op.create_index("ix_delivery_receiver_organ", "delivery", ["receiver_organ", "created_at"], unique=False)
    op.create_table(
        "consignment",
        sa.Column("consignment_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("receiver_organ", sa.String(length=128), nullable=False),
        sa.Column("delivery_id", sa.String(length=26), nullable=True),
        sa.Column("place", sa.String(length=9), nullable=False),
        sa.Column("uplink_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("handed_over_at", sa.BigInteger(), nullable=True),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("fetched", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("visible_at", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.CheckConstraint("(place = 'uplink') = (uplink_id IS NOT NULL)", name=op.f("ck_consignment_uplink")),
        sa.CheckConstraint(
            "state IN ('queued', 'handed_over', 'acknowledged', 'retrying', 'dead', 'cancelled')",
            name=op.f("ck_consignment_state"),
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.delivery_id"], name=op.f("fk_consignment_delivery_id")),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_consignment_package_id")),
        sa.PrimaryKeyConstraint("consignment_id", name=op.f("pk_consignment")),
        sa.UniqueConstraint("package_id", "receiver_organ", name=op.f("uq_consignment_package_id_receiver_organ")),
    )
    op.create_index(op.f("ix_consignment_delivery_id"), "consignment", ["delivery_id"], unique=False)
    op.create_index(
        "ix_consignment_pending",
        "consignment",
        ["receiver_organ", sa.literal_column("urgency DESC"), "consignment_id", "fetched", "visible_at"],
        unique=False,
        sqlite_where=sa.text("place = 'local' AND state IN ('queued', 'handed_over', 'retrying')"),
        postgresql_where=sa.text("place = 'local' AND state IN ('queued', 'handed_over', 'retrying')"),
    )
    op.create_table(
        "act",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_act_document_uid")),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_act_package_id")),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_act")),
        sa.UniqueConstraint("identity", name=op.f("uq_act_identity")),
        sa.UniqueConstraint("package_id", name=op.f("uq_act_package_id")),
    )
    op.create_index(op.f("ix_act_document_uid"), "act", ["document_uid"], unique=False)
    op.create_table(
        "act_receiver",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("receiver_organ", sa.String(length=128), nullable=False),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.act_id"], name=op.f("fk_act_receiver_act_id")),
        sa.PrimaryKeyConstraint("act_id", "receiver_organ", name=op.f("pk_act_receiver")),
    )
    op.create_table(
        "status_event",
        sa.Column("event_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("delivery_id", sa.String(length=26), nullable=True),
        sa.Column("act_id", sa.String(length=26), nullable=True),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("to_organ", sa.String(length=128), nullable=False),
        sa.Column("status_code", sa.String(length=2), nullable=False),
        sa.Column("raw_code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("department", sa.Text(), nullable=True),
        sa.Column("staff", sa.Text(), nullable=True),
        sa.Column("reported_at", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("effect", sa.String(length=16), nullable=False),
        sa.Column("match_document_key", sa.Text(), nullable=True),
        sa.Column("match_code_key", sa.Text(), nullable=True),
        sa.Column("match_date", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.act_id"], name=op.f("fk_status_event_act_id")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.delivery_id"], name=op.f("fk_status_event_delivery_id")),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_status_event_document_uid")),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_status_event_package_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_status_event")),
        sa.UniqueConstraint("package_id", name=op.f("uq_status_event_package_id")),
    )
    op.create_index("ix_status_event_document", "status_event", ["document_uid", "event_id"], unique=False)
    op.create_index(
        "ix_status_event_orphan",
        "status_event",
        ["to_organ"],
        unique=False,
        sqlite_where=sa.text("effect = 'orphan'"),
        postgresql_where=sa.text("effect = 'orphan'"),
    )


def _work_and_record() -> None:
    op.create_table(
        "queue",
        sa.Column("queue_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("uplink_id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=4), nullable=False),
        sa.Column("peer_ref", sa.Text(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_queue_package_id")),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_queue")),
        sa.UniqueConstraint("package_id", "uplink_id", name=op.f("uq_queue_package_id_uplink_id")),
    )
    op.create_index("ix_queue_due", "queue", ["uplink_id", "task", "due_at", "lease_until"], unique=False)
    op.create_index(
        "ix_queue_order",
        "queue",
        ["uplink_id", "task", sa.literal_column("urgency DESC"), "queue_id", "due_at", "lease_until"],
        unique=False,
    )
    op.create_table(
        "audit",
        sa.Column("audit_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_at", "audit", ["at"], unique=False)
    op.create_table(
        "leaf",
        sa.Column("leaf_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("leaf_id", name=op.f("pk_leaf")),
        sa.UniqueConstraint("seq", name=op.f("uq_leaf_seq")),
    )
