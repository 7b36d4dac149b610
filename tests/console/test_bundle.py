"""The dossier: everything that is kept of a document, as one ZIP."""

import csv
import hashlib
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from axis.edxml.model import Limits
from axis.errors import Busy
from axis.ops.dossier import Dossiers
from axis.store import schema as s
from axis.store.dossier_view import read_dossier
from axis.store.hot import Hot
from axis.store.records import Blob, VerdictEvidence
from axis.store.scopes import Scope
from axis.terms import Role, TransportState, ViewKind
from axis.trust.model import Overall
from tests.console.archive import NOON, Archive, Clock, To
from tests.console.conftest import Client, LogIn
from tests.console.judging import record
from tests.console.test_downloads import PDF, left_in
from tests.console.test_signatures import EVIL, SIGNATURE, paper, parcel
from tests.packages import document_bytes


@pytest.fixture
async def auditor(log_in: LogIn) -> Client:
    return await log_in(Role.AUDITOR)


def package_bytes(*names: str) -> bytes:
    return document_bytes(files={name: PDF + name.encode() for name in names})


async def unpacked(client: Client, uid: str) -> dict[str, bytes]:
    answer = await client.get(f"/documents/{uid}/dossier.zip")
    assert answer.status == 200, await answer.text()
    assert answer.content_type == "application/zip"
    with zipfile.ZipFile(io.BytesIO(await answer.read())) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


async def evidence(archive: Archive, verdict_id: str, kind: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    blob = Blob(sha256_hex=digest, size_bytes=len(content), content=content, created_at=NOON)
    row = VerdictEvidence(verdict_id=verdict_id, sha256_hex=digest, kind=kind)
    await archive.store.submit(Hot(inserts=(blob, row)))
    return digest


async def test_the_dossier_holds_everything_and_its_digests(auditor: Client, archive: Archive) -> None:
    content = package_bytes("Công văn.pdf", "Phụ lục.pdf")
    stored = await archive.real(content, to=[To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03"))])
    first = await record(archive, stored, parcel(overall=Overall.UNSIGNED), cause="intake")
    archive.clock.later(minutes=1)
    verdict = parcel(paper(SIGNATURE))
    await record(archive, stored, verdict)
    crl = await evidence(archive, first, "crl", b"a list")
    der = await evidence(archive, first, "certificate", b"a certificate")
    found = await unpacked(auditor, stored.document_uid)
    assert found[f"packages/{stored.package_id}.edxml"] == content
    files = {name: body for name, body in found.items() if name.startswith("files/")}
    assert sorted(name.rpartition("/")[2] for name in files) == ["01-Công văn.pdf", "02-Phụ lục.pdf"]
    assert all(body.startswith(PDF) for body in files.values())
    verdicts = sorted(name for name in found if name.startswith("verdicts/") and name.endswith(".json"))
    assert [name[9:24] for name in verdicts] == ["20251127-120000", "20251127-120100"]
    assert found[verdicts[1]] == verdict.to_json()
    readable = found[verdicts[1].replace("json", "txt")].decode()
    for said in ("Nguyễn Văn An", "Chữ ký hợp lệ", "Signature valid", "mã băm khớp", "its digest matches", "0abc"):
        assert said in readable, said
    assert found[f"revocation/{crl}.crl"] == b"a list"
    assert found[f"certificates/{der}.pem"].startswith(b"-----BEGIN CERTIFICATE-----")
    events = [json.loads(line) for line in found["events.jsonl"].decode().splitlines()]
    assert [event["kind"] for event in events][:1] == ["accepted"]
    assert {"handed_over", "acknowledged", "status", "verdict"} <= {event["kind"] for event in events}
    rows = list(csv.DictReader(io.StringIO(found["events.csv"].decode("utf-8-sig"))))
    assert [row["kind"] for row in rows] == [event["kind"] for event in events]
    assert json.loads(found["document.json"])["document_uid"] == stored.document_uid
    manifest = dict(line.split("  ", 1)[::-1] for line in found.pop("MANIFEST.sha256").decode().splitlines())
    assert manifest == {name: hashlib.sha256(body).hexdigest() for name, body in found.items()}


async def test_a_timestamp_over_the_package_is_in_it(auditor: Client, archive: Archive) -> None:
    stored = await archive.real(package_bytes("a.pdf"))
    digest = hashlib.sha256(package_bytes("a.pdf")).hexdigest()
    token = hashlib.sha256(b"token").hexdigest()
    blob = Blob(sha256_hex=token, size_bytes=5, content=b"token", created_at=NOON)
    await archive.store.submit(Hot(inserts=(blob,)))
    row = {"sha256_hex": digest, "token_sha256": token, "authority": "TSA", "proven_at": NOON, "fetched_at": NOON}
    await archive.store.write(lambda c: c.execute(s.time_proof.insert().values(row)).rowcount)
    assert (await unpacked(auditor, stored.document_uid))[f"timestamps/package-{digest}.tsr"] == b"token"


@pytest.mark.parametrize("name", ["../../etc/passwd", "C:\\Windows\\a.pdf", "a\u202egpj.exe", "con", "/abs", "x" * 300])
async def test_names_never_become_paths(auditor: Client, archive: Archive, name: str) -> None:
    stored = await archive.real(package_bytes(name))
    files = [one for one in await unpacked(auditor, stored.document_uid) if one.startswith("files/")]
    assert len(files) == 1
    assert files[0].count("/") == 2
    assert ".." not in files[0].split("/")
    assert "\\" not in files[0]
    assert "\u202e" not in files[0]


async def test_formulas_and_scripts_stay_texts(auditor: Client, archive: Archive) -> None:
    stored = await archive.real(package_bytes("a.pdf"), to=[To("H24.2")])
    delivery = await archive.delivery_of(stored, "H24.2")
    await archive.status(stored, delivery.delivery_id, "03", description="=1+1", staff="\u202eABC")
    who = replace(SIGNATURE.signatory, name=f"{EVIL}\u202e")  # type: ignore[type-var]
    await record(archive, stored, parcel(paper(replace(SIGNATURE, signatory=who))))
    found = await unpacked(auditor, stored.document_uid)
    assert "'=1+1" in found["events.csv"].decode()
    text = next(body for name, body in found.items() if name.endswith(".txt") and name.startswith("verdicts/")).decode()
    assert "\u202e" not in text
    assert EVIL in text


async def test_each_dossier_is_recorded_before_it_is_given(auditor: Client, archive: Archive) -> None:
    stored = await archive.real(package_bytes("a.pdf"))
    await unpacked(auditor, stored.document_uid)
    head = await auditor.head(f"/documents/{stored.document_uid}/dossier.zip")
    assert head.status == 200
    views = await archive.store.read(lambda c: [(row.kind, row.document_uid) for row in c.execute(s.viewing.select())])
    assert views == [(ViewKind.BUNDLE, stored.document_uid)] * 2


async def test_dossiers_are_not_there_for_clerks(log_in: LogIn, archive: Archive, auditor: Client) -> None:
    stored = await archive.real(package_bytes("a.pdf"))
    clerk = await log_in(Role.CLERK)
    assert (await clerk.get(f"/documents/{stored.document_uid}/dossier.zip")).status == 404
    assert (await auditor.get("/documents/01ARZ3NDEKTSV4RRFFQ69G5FAV/dossier.zip")).status == 404
    history = f"/documents/{stored.document_uid}/history"
    assert "dossier.zip" in await (await auditor.get(history)).text()


async def test_few_are_made_at_once_and_nothing_is_left(archive: Archive, scratch: Path, clock: Clock) -> None:
    stored = await archive.real(package_bytes("a.pdf"))
    dossier = await archive.store.read(lambda c: read_dossier(c, Scope.ALL, stored.document_uid))
    assert dossier is not None
    dossiers = Dossiers(archive.store, Limits(), scratch)
    begun = [dossiers.chunks(dossier, clock.now()) for _each in range(3)]
    for one in begun[:2]:
        await anext(one)
    with pytest.raises(Busy):
        await anext(begun[2])
    for one in begun[:2]:  # whoever goes away leaves nothing behind
        await one.aclose()  # type: ignore[attr-defined]
    last = dossiers.chunks(dossier, clock.now())
    assert [chunk async for chunk in last]
    assert not left_in(scratch)


async def test_a_large_package_is_never_held_whole(archive: Archive, scratch: Path, clock: Clock) -> None:
    content = document_bytes(files={"a.bin": bytes(24 << 20)})
    stored = await archive.real(content)
    dossier = await archive.store.read(lambda c: read_dossier(c, Scope.ALL, stored.document_uid))
    assert dossier is not None
    largest, size = 0, 0
    async for chunk in Dossiers(archive.store, Limits(), scratch).chunks(dossier, clock.now()):
        largest, size = max(largest, len(chunk)), size + len(chunk)
    assert size > len(content) + (24 << 20)
    assert largest < 1 << 20
