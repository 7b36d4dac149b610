"""Expand: what acts do: their targets, the states of documents and deliveries, what updates changed.

`act.document_uid` becomes rows of `act_target`; open answers stay open.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_DOCUMENT_STATES = "'open', 'recalled', 'replaced', 'withdrawn'"
_DELIVERY_STATES = "'open', 'recalled', 'recall_agreed', 'recall_declined', 'removed', 'replaced'"


def upgrade() -> None:
    """Make the tables, move what acts are about, add the columns."""
    if op.get_bind().dialect.name == "sqlite":
        # The table of acts is made anew under the rows that refer to it; checked again at the commit.
        op.execute("PRAGMA defer_foreign_keys = ON")
    _act_target()
    _act_receiver()
    _act()
    op.create_table(
        "document_change",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("field", sa.String(length=32), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.act_id"], name=op.f("fk_document_change_act_id")),
        sa.PrimaryKeyConstraint("act_id", "field", name=op.f("pk_document_change")),
    )
    _document()
    _delivery()


def _act_target() -> None:
    op.create_table(
        "act_target",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("document_key", sa.String(length=512), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("effect", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["act_id"], ["act.act_id"], name=op.f("fk_act_target_act_id")),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_act_target_document_uid")),
        sa.PrimaryKeyConstraint("act_id", "position", name=op.f("pk_act_target")),
    )
    op.create_index("ix_act_target_document_uid", "act_target", ["document_uid"], unique=False)
    op.create_index(
        "ix_act_target_unknown",
        "act_target",
        ["document_key"],
        unique=False,
        sqlite_where=sa.text("document_uid IS NULL"),
        postgresql_where=sa.text("document_uid IS NULL"),
    )
    # What an act without a known document named is in its package only: its own DocumentId stands for it.
    op.execute(
        "INSERT INTO act_target SELECT a.act_id, 0, substr(coalesce(d.document_key, p.document_id), 1, 512),"
        " a.document_uid, CASE WHEN a.document_uid IS NULL THEN 'unknown' ELSE 'nothing' END"
        " FROM act a JOIN package p ON p.package_id = a.package_id"
        " LEFT JOIN document d ON d.document_uid = a.document_uid"
    )


def _act_receiver() -> None:
    op.execute("CREATE TEMPORARY TABLE act_receiver_before AS SELECT * FROM act_receiver")
    op.execute("DROP TABLE act_receiver")
    op.create_table(
        "act_receiver",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("receiver_organ", sa.String(length=128), nullable=False),
        sa.Column("answer", sa.String(length=9), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["act_id"], ["act.act_id"], name=op.f("fk_act_receiver_act_id")),
        sa.PrimaryKeyConstraint("act_id", "position", "receiver_organ", name=op.f("pk_act_receiver")),
    )
    op.execute(
        "INSERT INTO act_receiver (act_id, position, receiver_organ, answer, answered_at)"
        " SELECT act_id, 0, receiver_organ, answer, answered_at FROM act_receiver_before"
    )
    op.execute("DROP TABLE act_receiver_before")


def _act() -> None:
    """What an act is about stands in act_target from now on."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE act DROP COLUMN document_uid")
        return
    op.execute(
        "CREATE TEMPORARY TABLE act_before AS"
        " SELECT act_id, package_id, identity, kind, from_organ, reason, received_at FROM act"
    )
    op.execute("DROP TABLE act")
    op.create_table(
        "act",
        sa.Column("act_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("identity", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("from_organ", sa.String(length=128), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_act_package_id")),
        sa.PrimaryKeyConstraint("act_id", name=op.f("pk_act")),
        sa.UniqueConstraint("identity", name=op.f("uq_act_identity")),
        sa.UniqueConstraint("package_id", name=op.f("uq_act_package_id")),
    )
    op.execute("INSERT INTO act SELECT * FROM act_before")
    op.execute("DROP TABLE act_before")


def _document() -> None:
    _add(
        "document",
        f"state VARCHAR(10) DEFAULT 'open' NOT NULL CONSTRAINT ck_document_state CHECK (state IN ({_DOCUMENT_STATES}))",
        "version INTEGER DEFAULT '0' NOT NULL",
        "particulars TEXT",
    )


def _delivery() -> None:
    _add(
        "delivery",
        f"state VARCHAR(16) DEFAULT 'open' NOT NULL CONSTRAINT ck_delivery_state CHECK (state IN ({_DELIVERY_STATES}))",
        "state_at BIGINT",
        "act_id VARCHAR(26) CONSTRAINT fk_delivery_act_id REFERENCES act (act_id)",
    )


def _add(table: str, *columns: str) -> None:
    """Columns with their constraints: SQLite can add these only together, and alembic writes them apart."""
    for column in columns:
        op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
