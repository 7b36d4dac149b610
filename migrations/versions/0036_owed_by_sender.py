"""Expand: deadlines are found by the sender and by the document, for the outbox and what it narrows to."""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes."""
    op.create_index("ix_deadline_sender", "deadline", ["from_organ", "due_at"])
    op.create_index("ix_deadline_document", "deadline", ["document_uid", "due_at"])
