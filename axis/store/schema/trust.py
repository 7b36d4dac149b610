"""Who signed, and what that rests on."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text, text

from axis.store.schema.base import UtcMicros, metadata

verdict = Table(
    "verdict",
    metadata,
    Column("verdict_id", String(26), primary_key=True),
    Column("package_id", String(26), ForeignKey("package.package_id"), nullable=False),
    Column("at", UtcMicros, nullable=False),  # when it was found; the moment judged for stands inside
    Column("cause", String(8), nullable=False),  # intake | files | evidence | manual
    Column("overall", String(24), nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON of axis.trust.model.Verdict, exactly what was hashed
    Column("sha256_hex", String(64), nullable=False),
    Index("ix_verdict_package", "package_id", "verdict_id"),
    Index("ix_verdict_overall", "overall", "verdict_id"),
)

verdict_evidence = Table(
    "verdict_evidence",
    metadata,
    Column("verdict_id", String(26), ForeignKey("verdict.verdict_id"), primary_key=True),
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),
    Column("kind", String(16), nullable=False),  # crl | ocsp | timestamp | certificate
)

# What keeps a document's signatures from being plainly valid: of its own package, by one verdict until another.
finding = Table(
    "finding",
    metadata,
    Column("document_uid", String(26), ForeignKey("document.document_uid"), primary_key=True),
    Column("reason", String(32), primary_key=True),  # trust.findings
    Column("verdict_id", String(26), ForeignKey("verdict.verdict_id"), primary_key=True),
    Column("received_at", UtcMicros, nullable=False),  # of the document
    Column("found_at", UtcMicros, nullable=False),
    Column("gone_at", UtcMicros),  # when a later verdict came; NULL: it is found now
    *(
        Index(name, *columns, sqlite_where=text("gone_at IS NULL"), postgresql_where=text("gone_at IS NULL"))
        for name, columns in (
            ("ix_finding_reason", ("reason", "document_uid")),
            ("ix_finding_received", ("received_at", "reason")),
        )
    ),
)

# Whom signatures name, whatever these are worth: each certificate once, and each name that came without one.
signer = Table(
    "signer",
    metadata,
    Column("signer_id", String(64), primary_key=True),  # the certificate's SHA-256; else of what is said of the signer
    Column("name", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("organ_code", Text, nullable=False),
    Column("kind", String(16), nullable=False),  # trust.model.SignerKind
    Column("folded", Text, nullable=False),  # what it is searched by (axis.text.search_form)
    Column("first_seen_at", UtcMicros, nullable=False, index=True),
)

signed = Table(
    "signed",
    metadata,
    Column("signer_id", String(64), ForeignKey("signer.signer_id"), primary_key=True),
    Column("document_uid", String(26), ForeignKey("document.document_uid"), primary_key=True),
)

check_due = Table(
    "check_due",
    metadata,
    Column("package_id", String(26), ForeignKey("package.package_id"), primary_key=True),
    Column("cause", String(8), nullable=False),  # files: not looked at yet · evidence: something was missing
    Column("due_at", UtcMicros, nullable=False),
    Column("queued_at", UtcMicros, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcMicros),
    Column("fence", BigInteger, nullable=False),
    Index("ix_check_due_due_at", "due_at"),
)

need = Table(
    "need",
    metadata,
    Column("need_id", String(64), primary_key=True),  # SHA-256 of kind, url and certificate
    Column("kind", String(8), nullable=False),  # crl | ocsp | issuer | tsa
    Column("url", Text, nullable=False),
    Column("certificate_sha256", String(64), nullable=False),  # that it is about; of a TSA: the package's own digest
    Column("issuer_sha256", String(64), nullable=False),
    Column("first_at", UtcMicros, nullable=False),
    Column("due_at", UtcMicros, nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("lease_until", UtcMicros),
    Column("last_error", Text),
)

revocation = Table(
    "revocation",
    metadata,
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),
    Column("kind", String(8), nullable=False),  # crl | ocsp | issuer (a certificate that was missing)
    Column("url", Text, nullable=False),
    Column("certificate_sha256", String(64), nullable=False),  # of an OCSP answer
    Column("issuer_sha256", String(64), nullable=False),
    Column("this_update", UtcMicros),
    Column("next_update", UtcMicros),
    Column("fetched_at", UtcMicros, nullable=False),
    Column("superseded_at", UtcMicros),  # a newer one from the same place came; kept for the verdicts that rest on it
    Index("ix_revocation_current", "kind", "certificate_sha256"),
)

certificate = Table(
    "certificate",
    metadata,
    Column("sha256_hex", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),  # DER
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial_hex", String(64), nullable=False),
    Column("organ_code", String(128), nullable=False),  # "" when its subject maps to none
    Column("kind", String(16), nullable=False),  # person | agency | timestamp | unknown
    Column("not_before", UtcMicros, nullable=False),
    Column("not_after", UtcMicros, nullable=False, index=True),
    Column("first_seen_at", UtcMicros, nullable=False),
)

# An authority's word that these bytes were there by then. No package is changed, so its timestamp stands beside it.
time_proof = Table(
    "time_proof",
    metadata,
    Column("sha256_hex", String(64), ForeignKey("blob.sha256_hex"), primary_key=True),  # what was stamped
    Column("token_sha256", String(64), ForeignKey("blob.sha256_hex"), nullable=False, index=True),
    Column("authority", Text, nullable=False),
    Column("proven_at", UtcMicros, nullable=False),
    Column("fetched_at", UtcMicros, nullable=False),
)

signature_policy = Table(
    "signature_policy",
    metadata,
    Column("organ_id", String(128), primary_key=True),  # a sender, or "*" for every other
    Column("envelope", String(8), nullable=False),  # off | report | warn | require
    Column("files", String(8), nullable=False),
    Column("fail_closed", Boolean, nullable=False),
    Column("issuers", Text),  # SHA-256 of the authorities that count, joined by a space; "": all; NULL: as further up
)
