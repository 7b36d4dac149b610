"""What clerks write at the console: drafts with their files, and lists of receivers."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from axis.store.schema.base import UtcMicros, metadata

# A document that is being written. It is its account's alone; once sent it says where to.
draft = Table(
    "draft",
    metadata,
    Column("draft_id", String(26), primary_key=True),
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False),
    Column("sender", String(128), nullable=False),  # organisation in whose name it goes; empty: not chosen yet
    Column("texts", Text, nullable=False),  # JSON object: what was typed, by field
    Column("receivers", Text, nullable=False),  # JSON list of codes, in the order in which they were chosen
    Column("act", Text, nullable=False),  # JSON object: what it does to which document; empty: a new document
    Column("version", Integer, nullable=False),  # raised by each change of the texts
    Column("created_at", UtcMicros, nullable=False),
    Column("updated_at", UtcMicros, nullable=False),
    Column("sent_at", UtcMicros),
    Column("sent_uid", String(26)),  # the document that it has become
    Index("ix_draft_account_id", "account_id", "updated_at"),
    Index("ix_draft_updated_at", "updated_at"),
)

draft_file = Table(
    "draft_file",
    metadata,
    Column("file_id", String(26), primary_key=True),  # sorts by the moment of its upload: the order in the package
    Column("draft_id", String(26), ForeignKey("draft.draft_id"), nullable=False, index=True),
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), nullable=False, index=True),
    Column("name", Text, nullable=False),  # harmless already
    Column("media_type", String(255), nullable=False),  # as its bytes say
    Column("size_bytes", BigInteger, nullable=False),
    Column("signatures", Text, nullable=False),  # JSON object: what was found of them at the upload
)

# Receivers that an account uses again and again.
receiver_list = Table(
    "receiver_list",
    metadata,
    Column("list_id", String(26), primary_key=True),
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False),
    Column("name", String(100), nullable=False),
    Column("receivers", Text, nullable=False),  # JSON list of codes
    Column("updated_at", UtcMicros, nullable=False),
    UniqueConstraint("account_id", "name"),
)
