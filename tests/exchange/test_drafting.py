"""The node puts documents into packages, and signs them where that is allowed."""

from dataclasses import replace
from pathlib import Path

import pytest

from axis.edxml.model import Code as Number
from axis.edxml.model import DocumentHeader, Party, PromulgationInfo
from axis.errors import AxisError, Code
from axis.exchange import drafting
from axis.exchange.composing import Composer
from axis.exchange.drafting import DocumentWish, WishedFile
from axis.exchange.service import Exchange
from axis.exchange.values import Outcome
from axis.ids import SystemId
from axis.store.store import Store
from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from tests.exchange.harness import ORGANS, Node, Plan, make_node
from tests.trust import pki

HEADER = DocumentHeader(
    sender=Party(organ_id="H24.11"),
    receivers=(Party(organ_id="H24.15"),),
    document_id="",
    code=Number(code_number="7", code_notation="SYT"),
    promulgation=PromulgationInfo(promulgation_date="2026/11/24"),
    subject="V/v họp",
)
FILE = WishedFile(name="a.pdf", content=b"%PDF-1.7 a")


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    named = tuple(replace(row, name=pki.AGENCY_NAME) if row.code == "H24.11" else row for row in ORGANS)
    return await make_node(store, tmp_path, Plan(organs=named))


def with_key(node: Node, *, allowed: bool, tsa_url: str | None = None) -> None:
    context = replace(node.context, policy=replace(node.context.policy, sign_for_systems=allowed))
    node.exchange = Exchange(context, node.judges, lambda: None, Composer(pki.signer("agency"), tsa_url))


def a_wish(node: Node, **changed: object) -> DocumentWish:
    wish = DocumentWish(
        header=HEADER, files=(FILE,), system_id=SystemId("dms-yte"), actor="dms-yte", at=node.clock.now()
    )
    return replace(wish, **changed)  # type: ignore[arg-type]


async def test_the_node_signs_for_a_system_where_the_setting_allows_it(node: Node) -> None:
    with_key(node, allowed=True, tsa_url="http://tsa.invalid/")
    sent = await node.exchange.send(a_wish(node))
    assert (sent.accepted.outcome, sent.signed) == (Outcome.ACCEPTED, True)
    (raw,) = await node.take("dms-xd")
    found = verify_envelope(raw, node.judges.current, node.judges.occasion("H24.11", node.clock.now(), ours=True))
    assert found.overall is not Overall.UNSIGNED
    assert b"SignatureValue" in raw
    assert await node.count("need WHERE kind = 'tsa'") == 1
    again = await node.exchange.send(a_wish(node))
    assert (again.accepted.outcome, again.signed) == (Outcome.REPEATED, None)
    assert again.accepted.document_uid == sent.accepted.document_uid
    assert await node.count("need WHERE kind = 'tsa'") == 1
    assert (await node.audit_kinds()).count("document_composed") == 1


async def test_without_the_setting_nothing_is_signed_and_asking_for_it_is_refused(node: Node) -> None:
    with_key(node, allowed=False)
    assert (await node.exchange.send(a_wish(node))).signed is False
    assert b"SignatureValue" not in (await node.take("dms-xd"))[0]
    with pytest.raises(AxisError) as refused:
        await node.exchange.send(a_wish(node, signed=True))
    assert refused.value.code is Code.NOT_ALLOWED
    assert (await node.audit_kinds())[-1] == "package_refused"


async def test_a_system_may_leave_it_unsigned(node: Node) -> None:
    with_key(node, allowed=True)
    assert (await node.exchange.send(a_wish(node, signed=False))).signed is False


async def test_nothing_is_signed_for_a_sender_that_the_system_does_not_serve(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(node, allowed=True)

    def sign(*_: object) -> bytes:
        raise AssertionError("signed")

    monkeypatch.setattr("axis.exchange.composing.sign_envelope", sign)
    for sign_it, code in ((None, Code.FOREIGN_SENDER), (True, Code.NOT_ALLOWED)):
        with pytest.raises(AxisError) as refused:
            await node.exchange.send(
                a_wish(node, header=replace(HEADER, sender=Party(organ_id="H24.15")), signed=sign_it)
            )
        assert refused.value.code is code
    assert await node.count("package") == 0


async def test_a_package_that_is_too_large_to_sign_is_sent_unsigned_or_refused(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_key(node, allowed=True)
    monkeypatch.setattr(drafting, "SIGNED_BYTES", 5)
    with pytest.raises(AxisError) as refused:
        await node.exchange.send(a_wish(node, signed=True))
    assert refused.value.code is Code.TOO_LARGE
    assert (await node.exchange.send(a_wish(node))).signed is False


async def test_the_node_sends_for_organisations_that_it_speaks_for_and_no_others(node: Node) -> None:
    sent = await node.exchange.send(
        a_wish(node, system_id=None, header=replace(HEADER, sender=Party(organ_id="H24.77")))
    )
    assert (await node.document(sent.accepted)).origin == "node"
    with pytest.raises(AxisError) as refused:
        await node.exchange.send(a_wish(node, system_id=None))
    assert refused.value.code is Code.NOT_ALLOWED


async def test_a_zip_under_another_name_is_not_taken_for_one_that_a_client_made(node: Node) -> None:
    empty_zip = b"PK\x05\x06" + bytes(18)
    await node.exchange.send(a_wish(node, files=(WishedFile(name="ho-so.dat", content=empty_zip),)))
    raw = (await node.take("dms-xd"))[0].decode()
    assert "<ContentType>application/octet-stream</ContentType>" in raw
