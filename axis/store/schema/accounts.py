"""Who may log in to the console, who is logged in, and who has looked at what."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from axis.store.schema.base import UtcMicros, metadata

account = Table(
    "account",
    metadata,
    Column("account_id", String(26), primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),  # argon2id
    Column("roles", Text, nullable=False),  # words of terms.Role, joined by a space
    Column("enabled", Boolean, nullable=False),
    Column("failures", Integer, nullable=False, server_default="0"),  # wrong passwords since the last right one
    Column("locked_until", UtcMicros),
    Column("created_at", UtcMicros, nullable=False),
    Column("full_name", Text, nullable=False, server_default=""),  # of the person, as statuses name who handled them
    Column("password_once", Boolean, nullable=False, server_default=false()),  # has to be changed at the next log-in
    Column("password_until", UtcMicros),  # good until then; NULL: no end is set
    Column("last_login_at", UtcMicros),
    Column("totp_encrypted", LargeBinary),  # with the node's key; NULL: logs in by password alone
    Column("totp_step", BigInteger),  # the time step of the last code that was taken: none before it is good any more
    Column("totp_failures", Integer, nullable=False, server_default="0"),  # wrong codes since the last right one
    Column("totp_locked_until", UtcMicros),
    Column("sso_issuer", String(255)),  # the provider that knows this person, and as whom
    Column("sso_subject", String(255)),
    Column("language", String(8), nullable=False, server_default=""),  # that was chosen for the pages; "": none was
    Index("ix_account_sso", "sso_issuer", "sso_subject", unique=True),
)

# The organisations that a clerk acts for, everybody below them included.
account_organ = Table(
    "account_organ",
    metadata,
    Column("account_id", String(26), ForeignKey("account.account_id")),
    Column("organ_id", String(128), ForeignKey("organ.organ_id"), index=True),
    PrimaryKeyConstraint("account_id", "organ_id"),
)

# What opens an account in place of the code of a telephone, once each.
recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", String(26), ForeignKey("account.account_id")),
    Column("code_mac", String(64)),  # under a key of the node's: a copy of the database opens no door
    Column("used_at", UtcMicros),
    PrimaryKeyConstraint("account_id", "code_mac"),
)

session = Table(
    "session",
    metadata,
    Column("token_sha256", String(64), primary_key=True),  # the cookie's value is not stored
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("created_at", UtcMicros, nullable=False),
    Column("expires_at", UtcMicros, nullable=False),
    Column("session_id", String(26), nullable=False, unique=True),  # by which pages and commands name it
    Column("used_at", UtcMicros, nullable=False),  # to the minute
    Column("address", String(64), nullable=False),  # of the browser, when it logged in
    Column("browser", Text, nullable=False),  # what it says that it is
    Column("way", String(8), nullable=False),  # password | sso
)

# Log-ins that lack one step: the password was right, the code of the telephone is still to come.
login_step = Table(
    "login_step",
    metadata,
    Column("token_sha256", String(64), primary_key=True),
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False, index=True),
    Column("csrf_token", String(64), nullable=False),
    Column("next_path", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("expires_at", UtcMicros, nullable=False, index=True),
)

# Log-ins that have been sent to the single sign-on and are not back yet.
sso_login = Table(
    "sso_login",
    metadata,
    Column("state_sha256", String(64), primary_key=True),
    Column("browser_sha256", String(64), nullable=False),  # of the cookie: only the browser that left may come back
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("next_path", Text, nullable=False),
    Column("expires_at", UtcMicros, nullable=False, index=True),
)

# Addresses of lists that somebody wants to find again.
saved_search = Table(
    "saved_search",
    metadata,
    Column("saved_id", String(26), primary_key=True),
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("path", Text, nullable=False),  # on this node, with its query
    UniqueConstraint("account_id", "name"),
)

# Who has looked at which document, and what was taken along. Only ever inserted, and removed when old.
viewing = Table(
    "viewing",
    metadata,
    Column("viewing_id", String(26), primary_key=True),  # sorts by time: what is asked for a period goes by it
    Column("at", UtcMicros, nullable=False),
    Column("account_id", String(26), ForeignKey("account.account_id"), nullable=False),
    Column("kind", String(16), nullable=False),  # words of terms.ViewKind
    Column("document_uid", String(26)),  # NULL: of many documents, or of none
    Column("package_id", String(26)),
    Column("position", Integer),  # of the file in the package
    Column("address", String(64), nullable=False),
    Column("detail", Text, nullable=False),  # what was chosen, of an export
    Index("ix_viewing_document_uid", "document_uid", "viewing_id"),
    Index("ix_viewing_account_id", "account_id", "viewing_id"),
)
