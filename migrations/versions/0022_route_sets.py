"""Contract: routes are kept in sets, of which one holds, so that many change at one moment.

Stop every process of the version before: it knows no sets.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_ROUTES = "SELECT organ_id, system_id, via_organ FROM route"


def upgrade() -> None:
    """Make the tables anew; the routes that there are become set 1."""
    rows = [{"route_set": 1, **row._mapping} for row in op.get_bind().execute(sa.text(_ROUTES))]  # noqa: SLF001 - public by its documentation
    op.drop_table("route")
    table = op.create_table(
        "route",
        sa.Column("route_set", sa.Integer(), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("system_id", sa.String(length=64), nullable=False),
        sa.Column("via_organ", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_route_organ_id")),
        sa.ForeignKeyConstraint(["system_id"], ["system.system_id"], name=op.f("fk_route_system_id")),
        sa.PrimaryKeyConstraint("organ_id", "route_set", name=op.f("pk_route")),
    )
    op.create_index("ix_route_system_id", "route", ["system_id", "route_set"], unique=False)
    if rows:
        op.bulk_insert(table, rows)
    for column in (
        sa.Column("route_set", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("route_set_begun", sa.Integer(), nullable=False, server_default="1"),
        sa.Column("route_set_until", sa.BigInteger(), nullable=True),
        sa.Column("routes_due", sa.Boolean(), nullable=False, server_default=sa.false()),
    ):
        op.add_column("config_version", column)
