"""Expand: what is known of signatures: verdicts, evidence, certificates, policies, work."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _certificate()
    _need()
    _signature_policy()
    _revocation()
    _check_due()
    _verdict()
    _verdict_evidence()


def _certificate() -> None:
    op.create_table(
        "certificate",
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_hex", sa.String(length=64), nullable=False),
        sa.Column("organ_code", sa.String(length=128), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("not_after", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256_hex", name=op.f("pk_certificate")),
    )
    op.create_index(op.f("ix_certificate_not_after"), "certificate", ["not_after"], unique=False)


def _need() -> None:
    op.create_table(
        "need",
        sa.Column("need_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("certificate_sha256", sa.String(length=64), nullable=False),
        sa.Column("issuer_sha256", sa.String(length=64), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("need_id", name=op.f("pk_need")),
    )
    op.create_index(op.f("ix_need_due_at"), "need", ["due_at"], unique=False)


def _signature_policy() -> None:
    op.create_table(
        "signature_policy",
        sa.Column("organ_id", sa.String(length=128), nullable=False),
        sa.Column("envelope", sa.String(length=8), nullable=False),
        sa.Column("files", sa.String(length=8), nullable=False),
        sa.Column("fail_closed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organ_id", name=op.f("pk_signature_policy")),
    )


def _revocation() -> None:
    op.create_table(
        "revocation",
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("certificate_sha256", sa.String(length=64), nullable=False),
        sa.Column("issuer_sha256", sa.String(length=64), nullable=False),
        sa.Column("this_update", sa.BigInteger(), nullable=True),
        sa.Column("next_update", sa.BigInteger(), nullable=True),
        sa.Column("fetched_at", sa.BigInteger(), nullable=False),
        sa.Column("superseded_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_revocation_sha256_hex")),
        sa.PrimaryKeyConstraint("sha256_hex", name=op.f("pk_revocation")),
    )
    op.create_index("ix_revocation_current", "revocation", ["kind", "certificate_sha256"], unique=False)


def _check_due() -> None:
    op.create_table(
        "check_due",
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("cause", sa.String(length=8), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_check_due_package_id")),
        sa.PrimaryKeyConstraint("package_id", name=op.f("pk_check_due")),
    )
    op.create_index("ix_check_due_due_at", "check_due", ["due_at"], unique=False)


def _verdict() -> None:
    op.create_table(
        "verdict",
        sa.Column("verdict_id", sa.String(length=26), nullable=False),
        sa.Column("package_id", sa.String(length=26), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=8), nullable=False),
        sa.Column("overall", sa.String(length=24), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["package_id"], ["package.package_id"], name=op.f("fk_verdict_package_id")),
        sa.PrimaryKeyConstraint("verdict_id", name=op.f("pk_verdict")),
    )
    op.create_index("ix_verdict_overall", "verdict", ["overall", "verdict_id"], unique=False)
    op.create_index("ix_verdict_package", "verdict", ["package_id", "verdict_id"], unique=False)


def _verdict_evidence() -> None:
    op.create_table(
        "verdict_evidence",
        sa.Column("verdict_id", sa.String(length=26), nullable=False),
        sa.Column("sha256_hex", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(["sha256_hex"], ["blob.sha256_hex"], name=op.f("fk_verdict_evidence_sha256_hex")),
        sa.ForeignKeyConstraint(["verdict_id"], ["verdict.verdict_id"], name=op.f("fk_verdict_evidence_verdict_id")),
        sa.PrimaryKeyConstraint("verdict_id", "sha256_hex", name=op.f("pk_verdict_evidence")),
    )
