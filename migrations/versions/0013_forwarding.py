"""Expand: who was handed a package first; deliveries that were forwarded or returned."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("consignment", sa.Column("handed_to", sa.String(length=64), nullable=True))
    op.add_column("delivery", sa.Column("forwarded_from", sa.String(length=26), nullable=True))
    op.add_column("delivery", sa.Column("returned_at", sa.BigInteger(), nullable=True))
    op.add_column("delivery", sa.Column("return_reason", sa.Text(), nullable=True))
