"""What a package was made from is kept once; what an organisation was told can be read again: on both databases."""

import hashlib
import json
from datetime import timedelta

from axis.edxml.findings import Odd, finding
from axis.edxml.writer import to_bytes
from axis.exchange.originals import Received
from axis.exchange.receipts import ReceiptWish
from axis.ids import SystemId
from axis.store import queries
from axis.store.spool import Spooled
from tests.exchange.harness import Node, a_document, a_status

YTE, XD = SystemId("dms-yte"), SystemId("dms-xd")


def received(content: bytes) -> Received:
    """A request."""
    spooled = Spooled(content=content, sha256_hex=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    return Received(
        spooled=spooled,
        form="edXML 1.0, SendDocument",
        converted_by="test",
        system_id=YTE,
        findings=(finding(Odd.NOT_CARRIED, "ErrorList"),),
    )


async def test_an_original_is_kept_once_beside_its_package(node: Node) -> None:
    raw = to_bytes(a_document("H24.15"))
    digest = hashlib.sha256(raw).hexdigest()
    await node.exchange.keep_original(received(b"first"), "H24.11", digest)
    assert await node.count("original") == 0, "there is no such package yet"
    accepted = await node.send(YTE, raw)
    for content in (b"first", b"second"):
        await node.exchange.keep_original(received(content), "000.00.11.H24", digest)
    kept = await node.store.read(lambda c: queries.original(c, accepted.package_id))
    assert kept is not None
    assert await node.store.blobs.read_bytes(kept.sha256_hex) == b"first"
    assert (kept.form, kept.converted_by, kept.source_system) == ("edXML 1.0, SendDocument", "test", YTE)
    assert [one["code"] for one in json.loads(kept.findings)] == ["not_carried"]
    assert await node.store.read(lambda c: queries.original(c, "no such package")) is None
    assert (await node.audit_kinds()).count("package_converted") == 1


async def test_a_receipt_says_01_and_what_was_told_is_read_again(node: Node) -> None:
    document = a_document("H24.15")
    accepted = await node.send(YTE, document)
    begun = node.clock.now()
    wish = ReceiptWish(system_id=XD, package_id=accepted.package_id)
    for _ in range(2):
        await node.exchange.confirm_arrival(wish)
    assert await node.states(accepted) == {"H24.15": "acknowledged"}
    assert await node.statuses(accepted) == {"H24.15": "01"}
    node.clock.advance(minutes=1)
    between = node.clock.now()
    await node.send(XD, a_status(document, "03", "H24.15"))
    assert len(await node.exchange.told_since(YTE, begun, 10)) == 2
    assert len(await node.exchange.told_since(YTE, begun, 1)) == 1
    assert len(await node.exchange.told_since(YTE, between, 10)) == 1
    assert await node.exchange.told_since(XD, begun, 10) == ()
    assert await node.exchange.document_id_of(XD, accepted.package_id) == document.header.document_id
    assert await node.exchange.document_id_of(SystemId("dms-phuong"), accepted.package_id) is None


async def test_only_what_was_handed_over_is_taken_as_read(node: Node) -> None:
    document = a_document("H24.15")
    await node.send(YTE, document)
    status = await node.send(XD, a_status(document, "03", "H24.15"))
    later = node.clock.now() + timedelta(days=9)
    await node.exchange.acknowledge_read(YTE, later, later)
    assert await node.states(status) == {"H24.11": "queued"}
    await node.exchange.record_hand_over(YTE, status.package_id)
    await node.exchange.acknowledge_read(YTE, None, node.clock.now() - timedelta(days=1))
    assert await node.states(status) == {"H24.11": "handed_over"}
    await node.exchange.acknowledge_read(YTE, later, later)
    assert await node.states(status) == {"H24.11": "acknowledged"}
