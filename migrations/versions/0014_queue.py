"""Expand: the queue keeps the order of a document's packages by itself; partners' states and planned downtime."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; the few rows of the queue move to a new one."""
    op.execute(
        "CREATE TEMPORARY TABLE queue_before AS SELECT q.*, p.document_uid, p.kind, p.from_organ"
        " FROM queue q JOIN package p ON p.package_id = q.package_id"
    )
    op.drop_table("queue")
    _queue()
    op.execute(
        "INSERT INTO queue SELECT queue_id, package_id, partner_id, task, peer_ref, urgency, document_uid,"
        " CASE kind WHEN 'status' THEN from_organ ELSE '' END, queued_at, due_at, attempts, lease_until, fence, NULL"
        " FROM queue_before"
    )
    op.execute("DROP TABLE queue_before")
    op.create_table(
        "partner",
        sa.Column("partner_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=4), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", name=op.f("pk_partner")),
    )
    op.create_table(
        "downtime",
        sa.Column("downtime_id", sa.String(length=26), nullable=False),
        sa.Column("partner_id", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_downtime_window")),
        sa.PrimaryKeyConstraint("downtime_id", name=op.f("pk_downtime")),
    )
    op.create_index(op.f("ix_downtime_ends_at"), "downtime", ["ends_at"], unique=False)


def _queue() -> None:
    op.create_table(
        "queue",
        sa.Column("queue_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("partner_id", sa.String(length=64), nullable=False),
        sa.Column("task", sa.String(length=4), nullable=False),
        sa.Column("peer_ref", sa.Text(), nullable=True),
        sa.Column("urgency", sa.Integer(), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("lane", sa.String(length=128), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("delayed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_queue_package_id")),
        sa.PrimaryKeyConstraint("queue_id", name=op.f("pk_queue")),
        sa.UniqueConstraint("package_id", "partner_id", name=op.f("uq_queue_package_id_partner_id")),
    )
    op.create_index("ix_queue_order", "queue", ["partner_id", "task", "urgency", "due_at", "queue_id"], unique=False)
    op.create_index("ix_queue_due", "queue", ["partner_id", "due_at"], unique=False)
    op.create_index("ix_queue_lane", "queue", ["partner_id", "document_uid", "lane", "queue_id"], unique=False)
    op.create_index("ix_queue_late", "queue", ["task", "delayed_at", "queued_at"], unique=False)
