"""Expand: timestamps over what the node signs; which authorities count for a sender."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, add the column."""
    op.create_table(
        "time_proof",
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("authority", sa.Text(), nullable=False),
        sa.Column("proven_at", sa.BigInteger(), nullable=False),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_time_proof_sha256_hex")),
        sa.ForeignKeyConstraint(["token_sha256"], ["blob.sha256_hex"], name=op.f("fk_time_proof_token_sha256")),
        sa.PrimaryKeyConstraint("sha256_hex", name=op.f("pk_time_proof")),
    )
    op.create_index(op.f("ix_time_proof_token_sha256"), "time_proof", ["token_sha256"], unique=False)
    op.add_column("signature_policy", sa.Column("issuers", sa.Text(), nullable=True))
