"""Signatures at intake and after: what is found, what is refused, what is looked at again."""

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from axis.edxml.model import DocumentPackage
from axis.edxml.writer import to_bytes
from axis.errors import Busy, Code, Rejected
from axis.exchange.checks import Checks, ChecksPolicy
from axis.exchange.values import Accepted
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import Blob, Revocation, SignaturePolicy, Verdict
from axis.store.store import Store
from axis.trust.sealing import sign_envelope
from tests.exchange.harness import ORGANS, Node, Plan, a_document, a_file, a_status, make_node
from tests.trust import papers, pki
from tests.trust.papers import paper, signed_twice


@pytest.fixture
async def trusting(store: Store, tmp_path: Path) -> Node:
    """A node that trusts the tests' authorities, but has no revocation data yet."""
    folder = tmp_path / "trust"
    folder.mkdir()
    for label in ("root", "root2", "interm", "interm2"):
        (folder / f"{label}.cer").write_bytes(pki.certificate(label).der)
    named = tuple(replace(row, name=pki.AGENCY_NAME) if row.code == "H24.11" else row for row in ORGANS)
    return await make_node(store, tmp_path, Plan(organs=named))


@pytest.fixture
async def node(trusting: Node, tmp_path: Path) -> Node:
    """The same with the authorities' current CRLs."""
    for label in ("root", "root2", "interm", "interm2"):
        (tmp_path / "trust" / f"{label}.crl").write_bytes(pki.crl(label))
    await trusting.judges.refresh()
    return trusting


def signed(package: DocumentPackage, label: str = "agency") -> bytes:
    """The package with its envelope signed."""
    return sign_envelope(to_bytes(package), pki.signer(label))


async def policy(node: Node, envelope: str, files: str = "off", *, organ: str = "H24.11", closed: bool = False) -> None:
    """Set a sender's policy."""
    row = SignaturePolicy(organ_id=organ, envelope=envelope, files=files, fail_closed=closed)
    await node.store.write(lambda c: queries.set_signature_policy(c, row))
    await node.directory.refresh()
    await node.judges.refresh()


async def verdicts(node: Node, accepted: Accepted) -> tuple[Verdict, ...]:
    """All verdicts on an answer's package."""
    return await node.store.read(lambda c: queries.verdicts(c, accepted.package_id))


def checks(node: Node) -> Checks:
    """The loop that looks again."""
    return Checks(node.context, node.judges, ChecksPolicy())


async def test_a_signed_package_is_valid_and_the_record_holds_what_that_rests_on(node: Node) -> None:
    await policy(node, "report")
    accepted = await node.send("dms-yte", signed(a_document("H24.15")))
    (verdict,) = await verdicts(node, accepted)
    assert (verdict.overall, verdict.cause) == ("valid", "intake")
    assert (await node.document(accepted)).verdict == "valid"
    evidence = await node.store.read(lambda c: queries.verdict_evidence(c, verdict.verdict_id))
    kinds = sorted(item.kind for item in evidence)
    assert kinds == ["certificate", "certificate", "certificate", "crl", "crl"]
    for item in evidence:
        assert await node.store.blobs.read_bytes(item.sha256_hex)
    known = await node.store.read(queries.certificates)
    assert pki.certificate("agency").sha256 in {row.sha256_hex for row in known}
    leaf = "SELECT count(*) FROM leaf WHERE kind = 'verdict_recorded'"
    assert await node.store.read(lambda c: c.exec_driver_sql(leaf).scalar_one()) == 1


async def test_an_unsigned_package_is_taken_and_called_so(node: Node) -> None:
    accepted = await node.send("dms-yte", a_document("H24.15"))
    assert (await node.document(accepted)).verdict == "unsigned"


async def test_nothing_is_looked_at_where_the_policy_says_off(node: Node) -> None:
    await policy(node, "off")
    accepted = await node.send("dms-yte", signed(a_document("H24.15")))
    assert await verdicts(node, accepted) == ()
    assert (await node.document(accepted)).verdict is None
    assert await node.count("check_due") == 0


async def test_what_must_be_signed_and_is_not_is_refused_and_leaves_nothing(node: Node) -> None:
    await policy(node, "require")
    with pytest.raises(Rejected) as refused:
        await node.send("dms-yte", a_document("H24.15"))
    assert refused.value.code is Code.SIGNATURE_MISSING
    tampered = signed(a_document("H24.15")).replace("phòng, chống".encode(), "phòng  chống".encode())
    with pytest.raises(Rejected) as invalid:
        await node.send("dms-yte", tampered)
    assert invalid.value.code is Code.SIGNATURE_INVALID
    for table in ("package", "blob", "verdict", "check_due", "certificate"):
        assert await node.count(table) == 0
    assert await node.send("dms-yte", signed(a_document("H24.15")))


@pytest.mark.parametrize("label", ["revoked", "expired", "future", "unchained", "weak"])
async def test_a_bad_certificate_is_refused_where_signatures_are_required(node: Node, label: str) -> None:
    await policy(node, "require")
    with pytest.raises(Rejected) as refused:
        await node.send("dms-yte", signed(a_document("H24.15"), label))
    assert refused.value.code is Code.SIGNATURE_INVALID
    assert await node.count("package") == 0


async def test_a_certificate_of_another_organisation_is_a_finding(node: Node) -> None:
    await policy(node, "report")
    accepted = await node.send("dms-yte", signed(a_document("H24.15"), "other"))
    (verdict,) = await verdicts(node, accepted)
    assert verdict.overall != "valid"
    assert '"name":"organisation"' in verdict.content


async def test_missing_revocation_data_is_accepted_asked_for_and_checked_again(trusting: Node) -> None:
    node = trusting
    await policy(node, "require")
    accepted = await node.send("dms-yte", signed(a_document("H24.15")))
    assert (await node.document(accepted)).verdict == "indeterminate"
    assert await node.count("need") > 0
    assert await node.count("check_due") == 1
    for label in ("root", "interm"):
        await fetched(node, pki.crl(label), f"http://crl/{label}")
    await node.judges.refresh()
    node.clock.advance(seconds=2)
    assert await checks(node).work()
    found = await verdicts(node, accepted)
    assert [row.overall for row in found] == ["indeterminate", "valid"]
    assert (await node.document(accepted)).verdict == "valid"
    assert await node.count("check_due") == 0


async def fetched(node: Node, content: bytes, url: str) -> None:
    """As the fetching job keeps what it got."""
    digest, now = hashlib.sha256(content).hexdigest(), node.clock.now()
    await node.store.submit(
        Hot(inserts=(Blob(sha256_hex=digest, size_bytes=len(content), content=content, created_at=now),))
    )
    row = Revocation(
        sha256_hex=digest,
        kind="crl",
        url=url,
        certificate_sha256="",
        issuer_sha256="",
        this_update=None,
        next_update=None,
        fetched_at=now,
    )
    await node.store.write(lambda c: queries.keep_revocation(c, row, "none"))


async def test_while_evidence_is_missing_nothing_new_is_recorded_and_it_stays_owed(trusting: Node) -> None:
    node = trusting
    await policy(node, "report")
    accepted = await node.send("dms-yte", signed(a_document("H24.15")))
    for _ in range(3):
        node.clock.advance(hours=7)
        assert await checks(node).work()
    assert len(await verdicts(node, accepted)) == 1
    assert await node.store.read(queries.owed_checks) == {"evidence": 1}


async def test_fail_closed_makes_the_sender_wait_for_evidence(trusting: Node) -> None:
    node = trusting
    await policy(node, "require", closed=True)
    with pytest.raises(Busy) as busy:
        await node.send("dms-yte", signed(a_document("H24.15")))
    assert busy.value.code is Code.EVIDENCE_MISSING
    assert await node.count("package") == 0
    assert await node.count("need") > 0


async def test_files_are_judged_after_acceptance(node: Node) -> None:
    await policy(node, "report", "report")
    package = replace(a_document("H24.15"), attachments=(a_file(await asyncio.to_thread(signed_twice)),))
    accepted = await node.send("dms-yte", signed(package))
    assert len(await verdicts(node, accepted)) == 1
    node.clock.advance(seconds=1)
    assert await checks(node).work()
    latest = (await verdicts(node, accepted))[-1]
    assert (latest.cause, latest.overall) == ("files", "valid")
    assert '"parts"' in latest.content


async def test_files_that_must_be_signed_are_judged_at_intake(node: Node) -> None:
    await policy(node, "off", "require")
    unsigned = replace(a_document("H24.15"), attachments=(a_file(paper()),))
    with pytest.raises(Rejected) as refused:
        await node.send("dms-yte", unsigned)
    assert refused.value.code is Code.SIGNATURE_MISSING
    assert refused.value.at == "cong-van.pdf"
    accepted = await node.send(
        "dms-yte", replace(unsigned, attachments=(a_file(await asyncio.to_thread(signed_twice)),))
    )
    (verdict,) = await verdicts(node, accepted)
    assert verdict.overall == "valid-with-warnings"
    assert await node.count("check_due") == 0


async def test_a_separate_appendix_needs_the_agencys_signature_only(node: Node) -> None:
    await policy(node, "report", "report")
    both = await asyncio.to_thread(signed_twice)
    agency = await asyncio.to_thread(papers.signed, "agency")
    person = await asyncio.to_thread(papers.signed, "person")

    async def said_of(*files: tuple[str, bytes]) -> list[tuple[str, set[str]]]:
        """Each file's word, and what is missing of it."""
        number = str(await node.count("package") + 1)
        attached = tuple(a_file(content, name) for name, content in files)
        accepted = await node.send("dms-yte", signed(a_document("H24.15", number=number, files=attached)))
        node.clock.advance(seconds=1)
        assert await checks(node).work()
        parts = json.loads((await verdicts(node, accepted))[-1].content)["parts"]
        reasons = [{check.get("reason", "") for check in part.get("checks", [])} for part in parts]
        return [
            (part["overall"], found & {"person_missing", "agency_missing"})
            for part, found in zip(parts, reasons, strict=True)
        ]

    assert await said_of(("cong-van.pdf", both), ("phu-luc-1.pdf", agency), ("phu-luc-2.pdf", agency)) == [
        ("valid", set()),
        ("valid", set()),
        ("valid", set()),
    ]
    assert await said_of(("cong-van.pdf", agency), ("phu-luc-1.pdf", person)) == [
        ("valid-with-warnings", {"person_missing"}),
        ("valid-with-warnings", {"agency_missing"}),
    ]


async def test_a_policy_holds_for_those_below_and_the_star_for_all_others(node: Node) -> None:
    await policy(node, "require", organ="H24")
    with pytest.raises(Rejected):
        await node.send("dms-yte", a_document("H24.15", sender="H24.11.3"))
    await policy(node, "off", organ="H24.11.3")
    assert await node.send("dms-yte", a_document("H24.15", sender="H24.11.3"))
    await policy(node, "require", organ="*")
    with pytest.raises(Rejected):
        await node.come_down(a_document("H24.15", sender="G22"))


async def test_which_authorities_count_is_the_nearest_policys_word(node: Node) -> None:
    g1, g2 = (pki.certificate(label).sha256 for label in ("interm", "interm2"))

    async def signed_by(label: str) -> str:
        number = str(await node.count("package") + 1)
        accepted = await node.send("dms-yte", signed(a_document("H24.15", number=number), label))
        (verdict,) = await verdicts(node, accepted)
        return "refused" if "issuer_refused" in verdict.content else verdict.overall

    async def issuers(organ: str, value: str | None) -> None:
        row = SignaturePolicy(organ_id=organ, envelope="report", files="off", fail_closed=False, issuers=value)
        await node.store.write(lambda c: queries.set_signature_policy(c, row))
        await node.directory.refresh()
        await node.judges.refresh()

    await issuers("*", g2)  # for everybody
    assert [await signed_by(label) for label in ("agency", "agency2")] == ["refused", "valid"]
    await issuers("H24.11", None)  # a policy that says nothing of it leaves it as it is further up
    assert [await signed_by(label) for label in ("agency", "agency2")] == ["refused", "valid"]
    await issuers("H24", f"{g1}")  # nearer than everybody's
    assert [await signed_by(label) for label in ("agency", "agency2")] == ["valid", "refused"]
    await issuers("H24.11", "")  # any that is trusted
    assert [await signed_by(label) for label in ("agency", "agency2")] == ["valid", "valid"]


async def test_the_rules_of_a_verdict_tell_which_authorities_counted(node: Node) -> None:
    judge = node.judges.current
    some = frozenset({pki.certificate("interm").sha256})
    assert judge.fingerprint_with(frozenset()) == judge.policy_fingerprint != judge.fingerprint_with(some)


async def test_a_status_is_judged_too(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    answer = await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert [row.overall for row in await verdicts(node, answer)] == ["unsigned"]


async def test_somebody_can_have_it_looked_at_again(node: Node) -> None:
    accepted = await node.send("dms-yte", replace(a_document("H24.15"), attachments=()))
    at = node.clock.now()
    for cause, found in (("evidence", 1), ("manual", 2)):  # nothing new is found: only who asks gets another verdict
        await node.store.write(lambda c, cause=cause: queries.recheck(c, accepted.package_id, at, cause=cause))
        node.clock.advance(seconds=1)
        assert await checks(node).work()
        assert await node.count("check_due") == 0
        assert len(await verdicts(node, accepted)) == found
    first, second = await verdicts(node, accepted)
    assert (first.content, second.cause) == (second.content, "manual")
