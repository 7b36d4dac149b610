"""Expand: what is held back, and by which rule."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the column that says what a push waits for."""
    op.create_table(
        "hold",
        sa.Column("hold_id", sa.String(length=26), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=True),
        sa.Column("receiver", sa.String(length=128), nullable=True),
        sa.Column("partner_id", sa.String(length=64), nullable=True),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=128), nullable=False),
        sa.CheckConstraint(
            "sender IS NOT NULL OR receiver IS NOT NULL OR partner_id IS NOT NULL", name=op.f("ck_hold_of_something")
        ),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_hold")),
    )
    op.add_column("queue", sa.Column("held_by", sa.String(length=26), nullable=True))
