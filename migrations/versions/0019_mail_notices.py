"""Expand: how far mailboxes have been told."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "mail_notice",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_mail_notice_system_id")),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_mail_notice")),
    )
