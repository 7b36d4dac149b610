"""Expand: which package brings an act to each receiver: a repeat's further receivers get the repeat's own."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; so far it was the act's first package."""
    op.execute(
        "ALTER TABLE act_receiver ADD COLUMN package_id VARCHAR(26)"
        " CONSTRAINT fk_act_receiver_package_id REFERENCES package (package_id)"
    )
    op.execute(
        "UPDATE act_receiver SET package_id = (SELECT act.package_id FROM act WHERE act.act_id = act_receiver.act_id)"
    )
    op.create_index("ix_act_receiver_package_id", "act_receiver", ["package_id"], unique=False)
