"""What a system that fetches finds in its list, and in which order."""

from dataclasses import replace

import pytest

from axis.edxml.model import OtherInfo
from axis.exchange.values import Acknowledgement
from axis.store import queries
from axis.terms import PackageKind
from tests.exchange.harness import Node, a_document, a_status, an_act

SYSTEM = "dms-xd"


async def fails(node: Node, package_id: str) -> None:
    """The system says `fail`: it is listed again later."""
    await node.exchange.acknowledge(SYSTEM, package_id, Acknowledgement.FAIL)


async def counted(node: Node) -> int:
    """As many as a client is told."""
    counts = [await node.exchange.count_pending(SYSTEM, kind) for kind in PackageKind]
    return sum(counts)


async def paged(node: Node, size: int) -> list[str]:
    """Package ids page by page, as the REST API lists them."""
    found: list[str] = []
    key = None
    while True:
        page = await node.store.read(
            lambda c, key=key: queries.pending_page(c, SYSTEM, None, node.clock.now(), (key, size))
        )
        found += [item.package_id for item in page.items]
        if (key := page.next) is None:
            return found


async def test_an_act_is_not_listed_while_what_it_is_about_is_put_off(node: Node) -> None:
    document = a_document("H24.15")
    sent = await node.send("dms-yte", document)
    await fails(node, sent.package_id)
    update = await node.send("dms-yte", an_act(document, "2"))
    asked = await node.send("dms-yte", a_status(document, "13", "H24.11", to="H24.15"))
    assert await node.listed(SYSTEM) == await paged(node, 1) == []
    assert await counted(node) == 0
    node.clock.advance(hours=1)
    assert await node.listed(SYSTEM) == [sent.package_id, update.package_id, asked.package_id]
    assert await counted(node) == 3


async def test_an_urgent_act_never_stands_before_what_it_is_about(node: Node) -> None:
    document = a_document("H24.15")
    sent = await node.send("dms-yte", document)
    await node.exchange.record_hand_over(SYSTEM, sent.package_id)  # fetched, and not acknowledged yet
    others = [await node.send("dms-yte", a_document("H24.15", number=str(n))) for n in (5, 6)]
    urgent = replace(document, header=replace(document.header, other=OtherInfo(priority="3")))
    recall = await node.send("dms-yte", an_act(urgent, "1"))
    listed = await node.listed(SYSTEM)
    assert set(listed) == {sent.package_id, recall.package_id, *(other.package_id for other in others)}
    assert listed.index(sent.package_id) < listed.index(recall.package_id)
    assert listed.index(recall.package_id) == listed.index(sent.package_id) + 1


@pytest.mark.parametrize("word", [Acknowledgement.DONE, Acknowledgement.FAIL])
async def test_an_act_waits_no_longer_than_what_it_is_about(node: Node, word: Acknowledgement) -> None:
    """Taken, or given up: either way the act is all there is left to list."""
    document = a_document("H24.15")
    sent = await node.send("dms-yte", document)
    for _ in range(node.context.policy.failures_until_dead if word is Acknowledgement.FAIL else 1):
        await node.exchange.acknowledge(SYSTEM, sent.package_id, word)
        node.clock.advance(hours=5)
    update = await node.send("dms-yte", an_act(document, "2"))
    assert await node.listed(SYSTEM) == [update.package_id]
