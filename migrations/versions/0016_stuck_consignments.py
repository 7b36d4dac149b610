"""Expand: consignments that failed are found without looking through all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    failed = sa.text("state IN ('dead', 'retrying')")
    op.create_index(
        "ix_consignment_failed",
        "consignment",
        ["state", "consignment_id"],
        unique=False,
        sqlite_where=failed,
        postgresql_where=failed,
    )
