"""Expand: what packages were made from, and what an organisation was told, by age."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table and the index."""
    op.create_table(
        "original",
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("form", sa.String(length=32), nullable=False),
        sa.Column("converted_by", sa.String(length=64), nullable=False),
        sa.Column("source_system", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_original_package_id")),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_original_sha256_hex")),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_original")),
    )
    op.create_index(op.f("ix_original_sha256_hex"), "original", ["sha256_hex"])
    op.create_index("ix_status_event_to_organ", "status_event", ["to_organ", "event_id"])
