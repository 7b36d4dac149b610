"""Expand: whom accounts act for, second steps of a log-in, single sign-on, who has looked at what. Sessions end."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns and the tables; sessions are made anew, since nobody knows of those that run from where."""
    _accounts()
    op.drop_table("session")
    op.create_table(
        "session",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("session_id", sa.String(length=26), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.Text(), nullable=False),
        sa.Column("way", sa.String(length=8), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_session")),
        sa.UniqueConstraint("session_id", name=op.f("uq_session_session_id")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"])
    _log_ins()
    op.create_table(
        "viewing",
        sa.Column("viewing_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=True),
        sa.Column("package_id", sa.String(length=26), nullable=True),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_viewing_account_id")),
        sa.PrimaryKeyConstraint("viewing_id", name=op.f("pk_viewing")),
    )
    op.create_index("ix_viewing_document_uid", "viewing", ["document_uid", "viewing_id"])
    op.create_index("ix_viewing_account_id", "viewing", ["account_id", "viewing_id"])


def _accounts() -> None:
    columns = (
        sa.Column("full_name", sa.Text(), nullable=False, server_default=""),
        sa.Column("password_once", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("password_until", sa.BigInteger(), nullable=True),
        sa.Column("last_login_at", sa.BigInteger(), nullable=True),
        sa.Column("totp_encrypted", sa.LargeBinary(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=True),
        sa.Column("totp_failures", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("totp_locked_until", sa.BigInteger(), nullable=True),
        sa.Column("sso_issuer", sa.String(length=255), nullable=True),
        sa.Column("sso_subject", sa.String(length=255), nullable=True),
    )
    for column in columns:
        op.add_column("account", column)
    op.create_index("ix_account_sso", "account", ["sso_issuer", "sso_subject"], unique=True)
    op.create_table(
        "account_organ",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_account_organ_account_id")),
        sa.ForeignKeyConstraint(["organ_id"], ["organ.organ_id"], name=op.f("fk_account_organ_organ_id")),
        sa.PrimaryKeyConstraint("account_id", "organ_id", name=op.f("pk_account_organ")),
    )
    op.create_index(op.f("ix_account_organ_organ_id"), "account_organ", ["organ_id"])


def _log_ins() -> None:
    op.create_table(
        "recovery_code",
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_recovery_code_account_id")),
        sa.PrimaryKeyConstraint("account_id", "code_mac", name=op.f("pk_recovery_code")),
    )
    op.create_table(
        "login_step",
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=26), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.account_id"], name=op.f("fk_login_step_account_id")),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_login_step")),
    )
    op.create_index(op.f("ix_login_step_account_id"), "login_step", ["account_id"])
    op.create_index(op.f("ix_login_step_expires_at"), "login_step", ["expires_at"])
    op.create_table(
        "sso_login",
        sa.Column("state_sha256", sa.String(length=64), nullable=False),
        sa.Column("browser_sha256", sa.String(length=64), nullable=False),
        sa.Column("nonce", sa.String(length=64), nullable=False),
        sa.Column("verifier", sa.String(length=128), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_sha256", name=op.f("pk_sso_login")),
    )
    op.create_index(op.f("ix_sso_login_expires_at"), "sso_login", ["expires_at"])
