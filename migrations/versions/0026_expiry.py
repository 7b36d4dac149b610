"""Expand: what nobody fetched is told as expired, once."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("consignment", sa.Column("expired_at", sa.BigInteger(), nullable=True))
