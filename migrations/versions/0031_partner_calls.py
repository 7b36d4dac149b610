"""Expand: how calls of partners went, per minute, and the last that failed."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "partner_minute",
        sa.Column("partner_id", sa.String(64), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("total_ms", sa.BigInteger(), nullable=False),
        sa.Column("most_ms", sa.BigInteger(), nullable=False),
        sa.Column("success_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", "minute", name=op.f("pk_partner_minute")),
    )
    op.create_index("ix_partner_minute_minute", "partner_minute", ["minute"])
    op.create_table(
        "partner_failure",
        sa.Column("failure_id", sa.String(26), nullable=False),
        sa.Column("partner_id", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(4), nullable=False),
        sa.Column("package_id", sa.String(26), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("failure_id", name=op.f("pk_partner_failure")),
    )
    op.create_index("ix_partner_failure_partner", "partner_failure", ["partner_id", "failure_id"])
    condition = sa.text("kind IN ('partner_down', 'partner_up', 'partner_paused', 'partner_resumed')")
    op.create_index("ix_audit_partner", "audit", ["at"], sqlite_where=condition, postgresql_where=condition)
