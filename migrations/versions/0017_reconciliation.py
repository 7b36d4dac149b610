"""Expand: days compared with partners, and what was exchanged with one on one day."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the indexes."""
    op.create_table(
        "reconciliation",
        sa.Column("partner_id", sa.String(length=64), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("ours_up", sa.Integer(), nullable=True),
        sa.Column("theirs_up", sa.Integer(), nullable=True),
        sa.Column("ours_down", sa.Integer(), nullable=True),
        sa.Column("theirs_down", sa.Integer(), nullable=True),
        sa.Column("differing", sa.Integer(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("partner_id", "day", name=op.f("pk_reconciliation")),
    )
    op.create_index("ix_package_source", "package", ["source_system", "received_at"], unique=False)
    for kind in ("handed_over", "acknowledged"):
        where = sa.text(f"kind = '{kind}'")
        op.create_index(f"ix_leaf_{kind}", "leaf", ["at"], sqlite_where=where, postgresql_where=where)
