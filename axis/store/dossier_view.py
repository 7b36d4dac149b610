"""What a document's dossier is made of: its packages, files, verdicts, and whatever these rest on."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from axis.store import schema as s
from axis.store.document_view import PackageView, find_sent, packages_of
from axis.store.records import CertificateRow, Document, Original, TimeProof
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.scopes import Scope

_ORIGINAL, _read_original = columns_of(Original), record_reader(Original)
_CERTIFICATE, _read_certificate = columns_of(CertificateRow), record_reader(CertificateRow)
_PROOF, _read_proof = columns_of(TimeProof), record_reader(TimeProof)
_MOST = 5_000  # verdicts, and pieces of evidence, of one document


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictName:
    """A verdict, without what it says."""

    verdict_id: str
    at: datetime
    cause: str
    overall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """Everything that is kept of a document, but for the bytes."""

    document: Document
    sender_name: str | None
    packages: tuple[PackageView, ...]  # the document's own first, then those of acts on it
    originals: tuple[Original, ...]  # what packages were made from
    verdicts: tuple[VerdictName, ...]  # oldest first
    evidence: tuple[tuple[str, str], ...]  # SHA-256 and kind of what they rest on
    proofs: tuple[TimeProof, ...]  # timestamps over packages


def read_dossier(conn: Connection, scope: Scope, document_uid: str) -> Dossier | None:
    """What a document's dossier is made of; None when there is no such document in scope."""
    sent = find_sent(conn, scope, document_uid)
    if sent is None:
        return None
    document = sent.document
    packages = packages_of(conn, document)
    ids = [view.package.package_id for view in packages]
    digests = [view.package.sha256_hex for view in packages]
    v, g, o, p = s.verdict.c, s.verdict_evidence.c, s.original.c, s.time_proof.c
    names = conn.execute(
        select(v.verdict_id, v.at, v.cause, v.overall)
        .where(v.package_id == document.package_id)
        .order_by(v.verdict_id)
        .limit(_MOST)
    )
    evidence = conn.execute(
        select(g.sha256_hex, g.kind)
        .join_from(s.verdict_evidence, s.verdict, v.verdict_id == g.verdict_id)
        .where(v.package_id == document.package_id)
        .distinct()
        .order_by(g.kind, g.sha256_hex)
        .limit(_MOST)
    )
    originals = conn.execute(select(*_ORIGINAL).where(o.package_id.in_(ids)).order_by(o.package_id))
    proofs = conn.execute(select(*_PROOF).where(p.sha256_hex.in_(digests)).order_by(p.sha256_hex))
    return Dossier(
        document=document,
        sender_name=sent.sender_name,
        packages=packages,
        originals=read_all(_read_original, originals.all()),
        verdicts=tuple(
            VerdictName(verdict_id=row.verdict_id, at=row.at, cause=row.cause, overall=row.overall) for row in names
        ),
        evidence=tuple((sha256_hex, kind) for sha256_hex, kind in evidence),
        proofs=read_all(_read_proof, proofs.all()),
    )


def verdict_content(conn: Connection, verdict_id: str) -> str:
    """What a verdict says, exactly as it was hashed; "" for none."""
    v = s.verdict.c
    return conn.scalar(select(v.content).where(v.verdict_id == verdict_id)) or ""


def certificate_of(conn: Connection, sha256_hex: str) -> CertificateRow | None:
    """A certificate that is kept."""
    row = conn.execute(select(*_CERTIFICATE).where(s.certificate.c.sha256_hex == sha256_hex)).one_or_none()
    return None if row is None else _read_certificate(row)
