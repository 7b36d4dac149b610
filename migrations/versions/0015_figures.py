"""Expand: figures by day and month, how many documents were issued; indexes that they are made by.

Every day so far is marked, so that a running node makes its figures.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_COUNTS = (
    *("documents", "deliveries", "inside", "outside", "withdrawn", "answered", "refused"),
    *("said_01", "said_02", "said_03", "said_04", "said_05", "said_06", "online"),
    *("signed_valid", "signed_invalid", "unsigned", "sent_on_time", "sent_late"),
    *("receipt_on_time", "receipt_late", "acceptance_on_time", "acceptance_late"),
    *("completion_on_time", "completion_late"),
)
_TIMES = ("to_03", "to_06", "to_03_worked", "to_06_worked")


def upgrade() -> None:
    """Make the tables and indexes, mark the days."""
    op.create_table(
        "kpi",
        sa.Column("span", sa.String(length=10), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in _COUNTS),
        *(sa.Column(name, sa.LargeBinary(), nullable=True) for name in _TIMES),
        sa.PrimaryKeyConstraint("span", "organ_id", "side", name=op.f("pk_kpi")),
    )
    op.create_index("ix_kpi_organ_id", "kpi", ["organ_id", "side", "span"], unique=False)
    op.create_table(
        "kpi_dirty",
        sa.Column("span", sa.String(length=10), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("span", "organ_id", "side", name=op.f("pk_kpi_dirty")),
    )
    op.create_table(
        "issued",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("documents", sa.Integer(), nullable=False),
        sa.CheckConstraint("documents >= 0", name=op.f("ck_issued_documents")),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_issued_organ_id")),
        sa.PrimaryKeyConstraint("organ_id", "month", name=op.f("pk_issued")),
    )
    op.create_index("ix_status_event_delivery_id", "status_event", ["delivery_id"], unique=False)
    op.create_index(
        "ix_consignment_dead",
        "consignment",
        ["delivery_id"],
        unique=False,
        sqlite_where=sa.text("state = 'dead'"),
        postgresql_where=sa.text("state = 'dead'"),
    )
    _mark()


def _mark() -> None:
    def day(column: str) -> str:
        """The Vietnamese day of a moment."""
        seconds = f"{column} / 1000000 + 25200"
        if op.get_bind().dialect.name == "sqlite":
            return f"strftime('%Y-%m-%d', {seconds}, 'unixepoch')"
        return f"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')"

    for side, table, column, organ, condition in (
        ("sent", "document", "received_at", "from_organ", "origin <> 'uplink'"),
        ("received", "delivery", "created_at", "receiver_organ", "place = 'local'"),
    ):
        days = f"SELECT DISTINCT {day(column)}, {organ}, '{side}', 1 FROM {table} WHERE {condition}"  # noqa: S608
        op.execute(f"INSERT INTO kpi_dirty (span, organ_id, side, version) {days}")
