"""Expand: what connected systems are told, as a feed for each."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "system_event",
        sa.Column("event_id", sa.String(length=26), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("package_id", sa.String(length=26), nullable=True),
        sa.Column("organ_id", sa.String(length=128), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_system_event_system_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_system_event")),
        sa.UniqueConstraint("system_id", "place", name=op.f("uq_system_event_system_id_place")),
    )
    op.create_index("ix_system_event_at", "system_event", ["at"], unique=False)
