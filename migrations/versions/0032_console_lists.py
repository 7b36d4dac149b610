"""Expand: documents are found by folded words, deliveries by their sender and status; saved searches."""

import sqlalchemy as sa
from alembic import op

from axis.text import search_form

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_AT_ONCE = 2_000
_TABLE_OF_WORDS = (
    "CREATE VIRTUAL TABLE document_words USING fts5("
    "folded, document_uid UNINDEXED, tokenize = 'unicode61 remove_diacritics 0', prefix = '2 3')"
)
_NEW_WORDS = (
    "CREATE TRIGGER document_words_new AFTER INSERT ON document BEGIN "
    "INSERT INTO document_words (folded, document_uid) VALUES (new.folded, new.document_uid); END"
)
_CHANGED_WORDS = (
    "CREATE TRIGGER document_words_changed AFTER UPDATE OF folded ON document WHEN old.folded <> new.folded BEGIN "
    "INSERT INTO document_words (folded, document_uid) VALUES (new.folded, new.document_uid); END"
)
_ELSEWHERE = sa.text("place <> 'elsewhere'")
_OPEN = sa.text("answer IS NULL")


def upgrade() -> None:
    """Make the columns, fill them, then make the indexes."""
    op.add_column("document", sa.Column("folded", sa.Text(), nullable=False, server_default=""))
    op.add_column("delivery", sa.Column("from_organ", sa.String(length=128), nullable=False, server_default=""))
    _fold()
    op.execute(
        "UPDATE delivery SET from_organ ="
        " (SELECT d.from_organ FROM document d WHERE d.document_uid = delivery.document_uid)"
    )
    op.create_index("ix_delivery_inbox", "delivery", ["receiver_organ", "status_code", "created_at", "delivery_id"])
    op.create_index(
        "ix_delivery_outbox",
        "delivery",
        ["from_organ", "status_code", "document_uid"],
        sqlite_where=_ELSEWHERE,
        postgresql_where=_ELSEWHERE,
    )
    op.create_index(
        "ix_act_receiver_open",
        "act_receiver",
        ["receiver_organ", "act_id"],
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_deadline_receiver", "deadline", ["receiver_organ", "due_at"])
    op.create_table(
        "saved_search",
        sa.Column("saved_id", sa.String(length=26), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_saved_search_account_id")),
        sa.PrimaryKeyConstraint("saved_id", name=op.f("pk_saved_search")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_saved_search_account_id_name")),
    )
    op.create_index(op.f("ix_saved_search_account_id"), "saved_search", ["account_id"])
    _index_words()


def _index_words() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE INDEX ix_document_words ON document USING gin (to_tsvector('simple'::regconfig, folded))")
        return
    op.execute(_TABLE_OF_WORDS)
    op.execute("INSERT INTO document_words (folded, document_uid) SELECT folded, document_uid FROM document")
    op.execute(_NEW_WORDS)
    op.execute(_CHANGED_WORDS)


def _fold() -> None:
    """Fold the texts of the documents that there are, some at a time."""
    bind = op.get_bind()
    some = sa.text(
        "SELECT document_uid, code, subject, sender_name, document_id FROM document"
        " WHERE document_uid > :after ORDER BY document_uid LIMIT :some"
    )
    change = sa.text("UPDATE document SET folded = :folded WHERE document_uid = :uid")
    after = ""
    while rows := bind.execute(some, {"after": after, "some": _AT_ONCE}).all():
        bind.execute(change, [{"uid": uid, "folded": search_form(*texts)} for uid, *texts in rows])
        after = rows[-1][0]
