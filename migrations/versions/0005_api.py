"""Expand: tokens and answers of the REST API, and what an organisation sent and received, newest first."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the indexes."""
    op.create_table(
        "api_token",
        sa.Column("token_id", sa.String(length=26), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_api_token_system_id")),
        sa.PrimaryKeyConstraint("token_id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_api_token_token_sha256")),
    )
    op.create_index(op.f("ix_api_token_system_id"), "api_token", ["system_id"], unique=False)
    op.create_table(
        "api_answer",
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_api_answer_system_id")),
        sa.PrimaryKeyConstraint("system_id", "idempotency_key", name=op.f("pk_api_answer")),
    )
    op.create_index(op.f("ix_api_answer_created_at"), "api_answer", ["created_at"], unique=False)
    op.create_index("ix_document_from_organ", "document", ["from_organ", "document_uid"], unique=False)
    op.create_index("ix_delivery_receiver_document", "delivery", ["receiver_organ", "document_uid"], unique=False)
