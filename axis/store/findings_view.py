"""The pages of findings: what verdicts found amiss, how often and when, and who signed what.

As in `views`: one read per page, lists paged by key, counts bounded by a period. For those who see every document.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, func, or_, select, type_coerce

from axis.ids import first_id
from axis.store import schema as s
from axis.store.organs import names_then
from axis.store.records import CertificateRow, Document, Signer
from axis.store.rows import columns_of, record_reader
from axis.store.schema import MICROSECOND, to_micros
from axis.text import search_form
from axis.trust.model import Overall

NOT_PLAINLY_VALID = tuple(word.value for word in Overall if word is not Overall.VALID)
SHOWN_SIGNERS = 50
COUNTED = 1_000  # documents of one signer are counted so far
_SEARCH_WORDS = 8
_HEX = re.compile(r"[0-9a-f]{4,64}")

_DOCUMENT, _read_document = columns_of(Document), record_reader(Document)
_SIGNER, _read_signer = columns_of(Signer), record_reader(Signer)
_CERTIFICATE, _read_certificate = columns_of(CertificateRow), record_reader(CertificateRow)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsQuery:
    """One page of documents, newest first. words: of their verdicts; empty: any, also none."""

    words: tuple[str, ...] = NOT_PLAINLY_VALID
    reason: str | None = None
    signer_id: str | None = None
    since: datetime | None = None  # received since; None: ever
    before: str | None = None  # document_uid of the last one seen
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingLine:
    """A document and what was found of it."""

    document: Document
    sender_name: str | None  # as registered here when it came
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsPage:
    """A page of them."""

    lines: tuple[FindingLine, ...]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """A period, cut into equal parts."""

    since: datetime
    width: timedelta
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingCounts:
    """How many documents of a period have what, by the verdict that counts now."""

    by_reason: Mapping[str, tuple[int, ...]]  # for each part of the period
    by_word: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerLine:
    """Whom signatures name, with the certificate as far as it is kept."""

    signer: Signer
    certificate: CertificateRow | None
    documents: int  # at most COUNTED + 1


def findings_page(conn: Connection, query: FindingsQuery) -> FindingsPage:
    """One page of documents with findings."""
    if query.reason is None and query.signer_id is None and len(query.words) > 1:
        # One index range for each word, rather than a sort of all of them.
        found = [row for word in query.words for row in conn.execute(_documents(query, (word,)))]
        found = sorted(found, key=lambda row: row.document_uid, reverse=True)[: query.rows + 1]
    else:
        found = list(conn.execute(_documents(query, query.words)))
    shown = found[: query.rows]
    documents = [_read_document(row[: len(_DOCUMENT)]) for row in shown]
    reasons = _reasons(conn, [document.document_uid for document in documents])
    names = names_then(
        conn, [(one.from_organ, one.received_at, row.organ_name) for one, row in zip(documents, shown, strict=True)]
    )
    return FindingsPage(
        lines=tuple(
            FindingLine(document=document, sender_name=name, reasons=reasons.get(document.document_uid, ()))
            for document, name in zip(documents, names, strict=True)
        ),
        more=len(found) > query.rows,
    )


def _documents(query: FindingsQuery, words: Sequence[str]) -> Select[Any]:
    d, f, g = s.document.c, s.finding.c, s.signed.c
    statement = (
        select(*_DOCUMENT, s.organ.c.name.label("organ_name"))
        .select_from(s.document)
        .outerjoin(s.organ, s.organ.c.organ_id == d.from_organ)
    )
    uid: ColumnElement[Any] = d.document_uid
    if query.signer_id is not None:
        statement = statement.join(s.signed, g.document_uid == d.document_uid).where(g.signer_id == query.signer_id)
        uid = g.document_uid
    if query.reason is not None:
        statement = statement.join(s.finding, f.document_uid == d.document_uid)
        statement = statement.where(f.reason == query.reason, f.gone_at.is_(None))
        uid = f.document_uid if query.signer_id is None else uid
    if words:
        statement = statement.where(d.verdict == words[0] if len(words) == 1 else d.verdict.in_(words))
    if query.since is not None:
        statement = statement.where(uid >= first_id(query.since))
    if query.before is not None:
        statement = statement.where(uid < query.before)
    return statement.order_by(uid.desc()).limit(query.rows + 1)


def _reasons(conn: Connection, uids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    f = s.finding.c
    rows = conn.execute(
        select(f.document_uid, f.reason)
        .where(f.document_uid.in_(uids), f.gone_at.is_(None))
        .order_by(f.document_uid, f.reason)
    )
    found: dict[str, list[str]] = {}
    for uid, reason in rows:
        found.setdefault(uid, []).append(reason)
    return {uid: tuple(reasons) for uid, reasons in found.items()}


def finding_counts(conn: Connection, buckets: Buckets) -> FindingCounts:
    """What was found of the documents that came in a period."""
    d, f = s.document.c, s.finding.c
    passed = type_coerce(f.received_at, BigInteger) - to_micros(buckets.since)
    bucket = (passed // (buckets.width // MICROSECOND)).label("bucket")
    rows = conn.execute(
        select(f.reason, bucket, func.count())
        .where(f.gone_at.is_(None), f.received_at >= buckets.since)
        .group_by(f.reason, bucket)
    )
    by_reason: dict[str, list[int]] = {}
    for reason, place, count in rows:
        if 0 <= place < buckets.number:
            by_reason.setdefault(reason, [0] * buckets.number)[place] = count
    words = conn.execute(
        select(d.verdict, func.count())
        .where(d.verdict.in_([word.value for word in Overall]), d.document_uid >= first_id(buckets.since))
        .group_by(d.verdict)
    )
    return FindingCounts(
        by_reason={reason: tuple(each) for reason, each in by_reason.items()}, by_word=dict(words.all())
    )


def find_signers(conn: Connection, text: str) -> tuple[tuple[SignerLine, ...], bool]:
    """Signers whose name, organisation, certificate or its issuer holds every word; and whether there are more.

    A number in hexadecimal is looked for as the beginning of a certificate's serial number or SHA-256.
    """
    g, c = s.signer.c, s.certificate.c
    words = search_form(text).split()[:_SEARCH_WORDS]
    digits = re.sub(r"[\s:]", "", text.lower())
    conditions = [and_(*(_named(word, text) for word in words))] if words else []
    if _HEX.fullmatch(digits):
        conditions += [c.serial_hex.startswith(digits.lstrip("0") or "0"), g.signer_id.startswith(digits)]
    if not conditions:
        return (), False
    rows = conn.execute(
        select(*_SIGNER, *_CERTIFICATE)
        .select_from(s.signer)
        .outerjoin(s.certificate, c.sha256_hex == g.signer_id)
        .where(or_(*conditions))
        .order_by(g.name, g.signer_id)
        .limit(SHOWN_SIGNERS + 1)
    ).all()
    return tuple(_line(conn, row) for row in rows[:SHOWN_SIGNERS]), len(rows) > SHOWN_SIGNERS


def _named(word: str, text: str) -> ColumnElement[bool]:
    """Whether a signer is called so, or its certificate or issuer, as typed."""
    g, c = s.signer.c, s.certificate.c
    typed = [one for one in text.split() if search_form(one).split() == [word]][:1]
    return or_(
        g.folded.contains(f" {word}", autoescape=True),
        *(column.icontains(one, autoescape=True) for one in typed for column in (c.subject, c.issuer)),
    )


def find_signer(conn: Connection, signer_id: str) -> SignerLine | None:
    """A signer by its id."""
    g, c = s.signer.c, s.certificate.c
    row = conn.execute(
        select(*_SIGNER, *_CERTIFICATE)
        .select_from(s.signer)
        .outerjoin(s.certificate, c.sha256_hex == g.signer_id)
        .where(g.signer_id == signer_id)
    ).one_or_none()
    return None if row is None else _line(conn, row)


def _line(conn: Connection, row: Sequence[Any]) -> SignerLine:
    signer, certificate = _read_signer(row[: len(_SIGNER)]), row[len(_SIGNER) :]
    g = s.signed.c
    some = select(g.document_uid).where(g.signer_id == signer.signer_id).limit(COUNTED + 1).subquery()
    return SignerLine(
        signer=signer,
        certificate=None if certificate[0] is None else _read_certificate(certificate),
        documents=conn.scalar(select(func.count()).select_from(some)) or 0,
    )
