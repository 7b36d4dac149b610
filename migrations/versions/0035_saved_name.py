"""Expand: the name of a kept search has a length, so that it always fits into its index."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change the column's type; what people enter is shorter (console)."""
    with op.batch_alter_table("saved_search") as table:
        table.alter_column("name", type_=sa.String(100), existing_type=sa.Text(), existing_nullable=False)
