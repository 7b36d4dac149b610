"""Expand: drafts of documents with their files, and lists of receivers, of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "draft",
        sa.Column("draft_id", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("texts", sa.Text(), nullable=False),
        sa.Column("receivers", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("sent_uid", sa.String(length=26), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_draft_account_id")),
        sa.PrimaryKeyConstraint("draft_id", name=op.f("pk_draft")),
    )
    op.create_index("ix_draft_account_id", "draft", ["account_id", "updated_at"])
    op.create_index("ix_draft_updated_at", "draft", ["updated_at"])
    op.create_table(
        "draft_file",
        sa.Column("file_id", sa.String(length=26), nullable=False),
        sa.Column("draft_id", sa.String(length=26), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("media_type", sa.String(length=255), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("signatures", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["draft.draft_id"], name=op.f("fk_draft_file_draft_id")),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_draft_file_sha256_hex")),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_draft_file")),
    )
    op.create_index(op.f("ix_draft_file_draft_id"), "draft_file", ["draft_id"])
    op.create_index(op.f("ix_draft_file_sha256_hex"), "draft_file", ["sha256_hex"])
    op.create_table(
        "receiver_list",
        sa.Column("list_id", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("receivers", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_receiver_list_account_id")),
        sa.PrimaryKeyConstraint("list_id", name=op.f("pk_receiver_list")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_receiver_list_account_id_name")),
    )
