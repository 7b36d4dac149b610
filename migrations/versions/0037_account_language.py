"""Expand: the language that somebody chose for the pages stays with the account."""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has chosen yet."""
    op.add_column("account", sa.Column("language", sa.String(8), nullable=False, server_default=""))
