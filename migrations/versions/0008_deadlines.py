"""Expand: time limits, marks of what was touched, work that runs on one node at a time.

Deliveries made before owe nothing by a time limit: whether they were late is not known.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, make the tables."""
    op.execute("ALTER TABLE document ADD COLUMN sent_due_at BIGINT")
    for column in ("receipt_due_at", "acceptance_due_at", "completion_due_at"):
        op.execute(f"ALTER TABLE delivery ADD COLUMN {column} BIGINT")
    _deadline()
    op.create_table(
        "touched",
        sa.Column("touch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("delivery_id", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("touch_id", name=op.f("pk_touched")),
    )
    op.create_table(
        "job",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job")),
    )


def _deadline() -> None:
    op.create_table(
        "deadline",
        sa.Column("delivery_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=False),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("receiver_organ", sa.String(length=128), nullable=False),
        sa.Column("came_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(length=8), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.delivery_id"], name=op.f("fk_deadline_delivery_id")),
        sa.PrimaryKeyConstraint("delivery_id", "kind", name=op.f("pk_deadline")),
    )
    op.create_index("ix_deadline_next_at", "deadline", ["next_at"], unique=False)
    op.create_index("ix_deadline_due_at", "deadline", ["due_at"], unique=False)
    op.create_index(
        "ix_deadline_overdue",
        "deadline",
        ["receiver_organ", "came_at"],
        unique=False,
        sqlite_where=sa.text("stage = 'overdue'"),
        postgresql_where=sa.text("stage = 'overdue'"),
    )
