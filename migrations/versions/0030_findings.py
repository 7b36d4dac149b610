"""Expand: what verdicts found amiss of documents, and whom their signatures name, as rows that can be searched.

Both are made anew of the latest verdict on each document's package, as far as verdicts are kept.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op

from axis.text import search_form

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_AT_ONCE = 200
_NAME_CHARACTERS = 1_000
_FOUND_NOW = sa.text("gone_at IS NULL")


def upgrade() -> None:
    """Make the tables and the indexes, and fill them."""
    op.create_index("ix_document_verdict", "document", ["verdict", "document_uid"])
    op.create_table(
        "finding",
        sa.Column("document_uid", sa.String(length=26), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("verdict_id", sa.String(length=26), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("gone_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_finding_document_uid")),
        sa.ForeignKeyConstraint(["verdict_id"], ["verdict.verdict_id"], name=op.f("fk_finding_verdict_id")),
        sa.PrimaryKeyConstraint("document_uid", "reason", "verdict_id", name=op.f("pk_finding")),
    )
    for name, columns in (
        ("ix_finding_reason", ["reason", "document_uid"]),
        ("ix_finding_received", ["received_at", "reason"]),
    ):
        op.create_index(name, "finding", columns, sqlite_where=_FOUND_NOW, postgresql_where=_FOUND_NOW)
    op.create_table(
        "signer",
        sa.Column("signer_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=False),
        sa.Column("organ_code", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("signer_id", name=op.f("pk_signer")),
    )
    op.create_index(op.f("ix_signer_first_seen_at"), "signer", ["first_seen_at"])
    op.create_table(
        "signed",
        sa.Column("signer_id", sa.String(length=64), nullable=False),
        sa.Column("document_uid", sa.String(length=26), nullable=False),
        sa.ForeignKeyConstraint(["document_uid"], ["document.document_uid"], name=op.f("fk_signed_document_uid")),
        sa.ForeignKeyConstraint(["signer_id"], ["signer.signer_id"], name=op.f("fk_signed_signer_id")),
        sa.PrimaryKeyConstraint("signer_id", "document_uid", name=op.f("pk_signed")),
    )
    _fill()


_LATEST = sa.text(
    "SELECT d.document_uid, d.received_at, v.verdict_id, v.at, v.overall, v.content FROM document d"
    " JOIN verdict v ON v.verdict_id = (SELECT max(w.verdict_id) FROM verdict w WHERE w.package_id = d.package_id)"
    " WHERE d.document_uid > :after ORDER BY d.document_uid LIMIT :limit"
)
_FINDING = sa.text("INSERT INTO finding VALUES (:document_uid, :reason, :verdict_id, :received_at, :found_at, NULL)")
_SIGNER = sa.text(
    "INSERT INTO signer VALUES (:signer_id, :name, :organisation, :organ_code, :kind, :folded, :at)"
    " ON CONFLICT DO NOTHING"
)
_SIGNED = sa.text("INSERT INTO signed VALUES (:signer_id, :document_uid) ON CONFLICT DO NOTHING")


def _fill() -> None:
    """From the latest verdict of every document, some at a time."""
    conn, after = op.get_bind(), ""
    while rows := conn.execute(_LATEST, {"after": after, "limit": _AT_ONCE}).all():
        after = rows[-1].document_uid
        findings, signers = [], []
        for row in rows:
            verdict = json.loads(row.content)
            findings += [
                {
                    "document_uid": row.document_uid,
                    "reason": reason[:32],
                    "verdict_id": row.verdict_id,
                    "received_at": row.received_at,
                    "found_at": row.at,
                }
                for reason in _reasons(verdict, row.overall)
            ]
            signers += [_signer(who) | {"document_uid": row.document_uid, "at": row.at} for who in _people(verdict)]
        if findings:
            conn.execute(_FINDING, findings)
        if signers:
            conn.execute(_SIGNER, signers)
            conn.execute(_SIGNED, signers)


def _reasons(verdict: dict, overall: str) -> list[str]:
    if overall == "valid":
        return []
    parts = [verdict, *verdict.get("parts", [])]
    checks = [check for part in parts for check in part.get("checks", [])]
    checks += [check for part in parts for one in part.get("signatures", []) for check in one.get("checks", [])]
    weighty = ("warning", "unknown", "failed")
    reasons = {check["reason"] for check in checks if check.get("reason") and check.get("outcome") in weighty}
    return sorted(reasons | ({overall} if overall == "unsigned" or not reasons else set()))


def _people(verdict: dict) -> list[dict]:
    signatures = [one for part in (verdict, *verdict.get("parts", [])) for one in part.get("signatures", [])]
    people = [one["signatory"] for one in signatures if "signatory" in one]
    return [who for who in people if who.get("kind") != "timestamp"]


def _signer(who: dict) -> dict:
    name, organisation, code = (who.get(key, "") for key in ("name", "organisation", "organ_code"))
    said = f"{name}\n{organisation}\n{code}"
    return {
        "signer_id": who.get("certificate_sha256") or hashlib.sha256(said.encode()).hexdigest(),
        "name": name[:_NAME_CHARACTERS],
        "organisation": organisation[:_NAME_CHARACTERS],
        "organ_code": code[:_NAME_CHARACTERS],
        "kind": who.get("kind", "unknown"),
        "folded": search_form(said)[:_NAME_CHARACTERS],
    }
