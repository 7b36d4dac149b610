"""Expand: what sort of body an organisation is, its former names, and the periods of its other codes."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The other codes that are known so far hold without beginning or end."""
    op.add_column("organ", sa.Column("kind", sa.String(length=16), nullable=True))
    op.add_column("organ", sa.Column("version", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "organ_name",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("valid_until", sa.String(length=10), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_organ_name_organ_id")),
        sa.PrimaryKeyConstraint("organ_id", "valid_until", name=op.f("pk_organ_name")),
    )
    _organ_alias()


def _organ_alias() -> None:
    op.execute("CREATE TEMPORARY TABLE organ_alias_before AS SELECT alias, organ_id FROM organ_alias")
    op.drop_table("organ_alias")
    op.create_table(
        "organ_alias",
        sa.Column("alias", sa.String(length=128), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("valid_from", sa.String(length=10), nullable=False),
        sa.Column("valid_until", sa.String(length=10), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_organ_alias_organ_id")),
        sa.PrimaryKeyConstraint("alias", "valid_from", name=op.f("pk_organ_alias")),
    )
    op.create_index(op.f("ix_organ_alias_organ_id"), "organ_alias", ["organ_id"], unique=False)
    op.execute("INSERT INTO organ_alias SELECT alias, organ_id, '', '' FROM organ_alias_before")
    op.execute("DROP TABLE organ_alias_before")
