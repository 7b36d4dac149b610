"""Expand: older rows of a document are found by the document alone."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index anew, the document first."""
    op.drop_index("ix_queue_lane", table_name="queue")
    op.create_index("ix_queue_lane", "queue", ["document_uid", "lane"])
