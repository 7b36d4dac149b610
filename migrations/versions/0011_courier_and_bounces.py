"""Expand: files that are carried by hand, and what mail servers sent back."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "courier_party",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("encryption_key", sa.LargeBinary(), nullable=False),
        sa.Column("signing_key", sa.LargeBinary(), nullable=False),
        sa.Column("last_sequence", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_courier_party_system_id")),
        sa.PrimaryKeyConstraint("system_id", name=op.f("pk_courier_party")),
    )
    op.create_table(
        "courier_bundle",
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("packages", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_courier_bundle_system_id")),
        sa.PrimaryKeyConstraint("manifest_sha256", name=op.f("pk_courier_bundle")),
    )
    op.create_index("ix_courier_bundle_system", "courier_bundle", ["system_id", "direction", "sequence"], unique=False)
    op.create_table(
        "bounce",
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("fate", sa.String(length=8), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_bounce_package_id")),
        sa.PrimaryKeyConstraint("sha256_hex", name=op.f("pk_bounce")),
    )
    op.create_index(op.f("ix_bounce_package_id"), "bounce", ["package_id"], unique=False)
