"""Expand: systems that we push to; the queue holds pushes to them too, so its rows name a partner."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; rename the queue's."""
    op.add_column("system", sa.Column("adapter", sa.String(length=16), nullable=True))
    op.add_column("system", sa.Column("options", sa.Text(), server_default="{}", nullable=False))
    op.add_column("system", sa.Column("secrets_encrypted", sa.LargeBinary(), nullable=True))
    _queue()


def _queue() -> None:
    """A new table for the few rows: the column's name stands in those of constraints, which SQLite cannot rename."""
    op.execute("CREATE TEMPORARY TABLE queue_before AS SELECT * FROM queue")
    op.drop_table("queue")
    op.create_table(
        "queue",
        sa.Column("queue_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("partner_id", sa.String(length=64), nullable=False),
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
        sa.UniqueConstraint("package_id", "partner_id", name=op.f("uq_queue_package_id_partner_id")),
    )
    op.execute("INSERT INTO queue SELECT * FROM queue_before")
    op.execute("DROP TABLE queue_before")
    op.create_index(
        "ix_queue_order",
        "queue",
        ["partner_id", "task", sa.literal_column("urgency DESC"), "queue_id", "due_at", "lease_until"],
        unique=False,
    )
    op.create_index("ix_queue_due", "queue", ["partner_id", "task", "due_at", "lease_until"], unique=False)
