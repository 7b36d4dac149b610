"""Expand: what waits for a system is listed and counted by kind from an index, and no act before what it is about."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, fill them in, and make the index that uses them."""
    op.add_column("consignment", sa.Column("kind", sa.String(length=8), server_default="document", nullable=False))
    op.add_column("consignment", sa.Column("behind", sa.String(length=26), nullable=True))
    op.execute(
        "UPDATE consignment SET kind = 'status' WHERE package_id IN"
        " (SELECT package_id FROM package WHERE kind = 'status')"
    )
    op.execute(
        "UPDATE consignment SET behind = delivery_id"
        " WHERE state IN ('queued', 'handed_over', 'retrying') AND delivery_id IS NOT NULL"
        " AND package_id IN (SELECT package_id FROM package WHERE business_type IN (1, 2))"
    )
    op.drop_index("ix_consignment_pending", table_name="consignment")
    waiting = sa.text("place = 'local' AND state IN ('queued', 'handed_over', 'retrying')")
    op.create_index(
        "ix_consignment_pending",
        "consignment",
        [
            "receiver_organ",
            "kind",
            sa.literal_column("urgency DESC"),
            "consignment_id",
            "fetched",
            "visible_at",
            "behind",
            "package_id",
            "place",
            "state",
        ],
        unique=False,
        sqlite_where=waiting,
        postgresql_where=waiting,
    )
