"""Expand: how much content there is, as a job has counted it."""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; nothing has been counted yet."""
    op.create_table(
        "storage",
        sa.Column("place", sa.String(8), nullable=False),
        sa.Column("blobs", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("counted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("place", name=op.f("pk_storage")),
    )
