"""Verdicts as the exchange records them: with what they are searched by."""

import hashlib
from typing import Any

from axis.exchange.checking import noted_rows
from axis.ids import new_id
from axis.store.hot import DocumentJudged, FindingsGone, Hot
from axis.store.records import CertificateRow, Document
from axis.store.records import Verdict as VerdictRow
from axis.trust.model import Signatory, SignerKind, Verdict
from tests.console.archive import Archive


async def record(archive: Archive, document: Document, verdict: Verdict, cause: str = "files") -> str:
    """A verdict on a document's package, the latest from now on; its id."""
    content, at = verdict.to_json(), archive.clock.at
    row = VerdictRow(
        verdict_id=new_id(at),
        package_id=document.package_id,
        at=at,
        cause=cause,
        overall=verdict.overall,
        content=content.decode(),
        sha256_hex=hashlib.sha256(content).hexdigest(),
    )
    uid = document.document_uid
    await archive.store.submit(
        Hot(
            inserts=(row, *noted_rows(verdict, [row], uid, document.received_at)),
            changes=(
                DocumentJudged(document_uid=uid, verdict=verdict.overall),
                FindingsGone(document_uid=uid, verdict_id=row.verdict_id, at=at),
            ),
        )
    )
    return row.verdict_id


def signatory(name: str, digest: str, **more: Any) -> Signatory:
    """A person with a certificate."""
    return Signatory(name=name, kind=SignerKind.PERSON, certificate_sha256=digest * 64, **more)


async def certificate(archive: Archive, digest: str, **more: Any) -> None:
    """The certificate that a digest stands for."""
    at = archive.clock.at
    row = CertificateRow(
        sha256_hex=digest * 64,
        content=b"der",
        subject=more.pop("subject", "CN=An"),
        issuer=more.pop("issuer", "CN=CA chuyên dùng"),
        serial_hex=more.pop("serial_hex", "0abc"),
        organ_code="",
        kind="unknown",
        not_before=at,
        not_after=at,
        first_seen_at=at,
    )
    await archive.store.submit(Hot(inserts=(row,)))
