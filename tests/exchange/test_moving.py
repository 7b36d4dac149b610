"""An organisation goes over to another system: what is pending goes along, and who was at work may finish."""

import asyncio
from datetime import timedelta

import pytest

from axis.errors import AxisError, Code, NotFound
from axis.exchange.values import Acknowledgement
from axis.store import queries, services, systems
from axis.store.routes import catch_up
from axis.store.services import Move
from axis.store.store import Store
from tests.exchange.harness import Node, a_document, a_status
from tests.store import made

OLD, NEW, ORGAN = "dms-xd", "dms-phuong", "H24.15"
PENDING = 1_000


async def move(node: Node, *, parallel: timedelta | None = None) -> None:
    now = node.clock.now()
    wish = Move(organ_id=ORGAN, system_id=NEW, at=now, parallel_until=now + parallel if parallel else None)
    await node.store.write(lambda c: services.move(c, wish, now, "test"))
    await node.directory.refresh()


async def listed(node: Node, system_id: str) -> list[str]:
    return [item.package_id for item in await node.exchange.pending(system_id, PENDING + 10)]


async def hand_over(node: Node, system_id: str, package_id: str) -> None:
    content = await node.exchange.open_package(system_id, package_id)
    assert [chunk async for chunk in content.chunks()]
    await node.exchange.record_hand_over(system_id, package_id)


async def done(node: Node, system_id: str, package_id: str) -> None:
    await node.exchange.acknowledge(system_id, package_id, Acknowledgement.DONE)


async def not_found(node: Node, system_id: str, package_id: str) -> None:
    """The system gets neither the bytes, nor may it say anything of them."""
    for call in (node.exchange.open_package, node.exchange.record_hand_over):
        with pytest.raises(NotFound):
            await call(system_id, package_id)
    for word in Acknowledgement:
        with pytest.raises(NotFound):
            await node.exchange.acknowledge(system_id, package_id, word)


async def test_a_thousand_pending_packages_go_along_at_once(node: Node, store: Store) -> None:
    packages = [made.accepted(ORGAN) for _ in range(PENDING)]
    await asyncio.gather(*(store.submit(package.hot) for package in packages))
    ids = [package.package.package_id for package in packages]
    fetched, finished = ids[:5], ids[5:7]
    for package_id in (*fetched, *finished):
        await hand_over(node, OLD, package_id)
    for package_id in finished:
        await done(node, OLD, package_id)
    assert set(await listed(node, OLD)) == set(ids) - set(finished)

    await move(node, parallel=timedelta(days=30))

    assert await listed(node, OLD) == []
    assert set(await listed(node, NEW)) == set(ids) - set(finished)
    untouched = ids[7]
    await not_found(node, OLD, untouched)  # it was never handed that
    await hand_over(node, OLD, fetched[0])  # may fetch again what it was handed
    await done(node, OLD, fetched[0])
    await done(node, OLD, finished[0])  # a repeated word has no second effect
    assert fetched[0] not in await listed(node, NEW)
    await hand_over(node, NEW, fetched[1])  # both have it: whoever says so first
    await done(node, OLD, fetched[1])
    await done(node, NEW, fetched[1])
    await hand_over(node, NEW, untouched)
    await not_found(node, OLD, untouched)
    assert len(await listed(node, NEW)) == PENDING - 4

    node.clock.advance(days=31)
    await not_found(node, OLD, fetched[2])  # to the moment, whether or not anybody has worked the routes out anew
    await done(node, NEW, fetched[2])


async def test_without_a_time_beside_each_other_the_former_system_is_out_at_once(node: Node) -> None:
    sent = await node.send("dms-yte", a_document(ORGAN))
    await hand_over(node, OLD, sent.package_id)
    await move(node)
    await not_found(node, OLD, sent.package_id)
    assert await listed(node, NEW) == [sent.package_id]
    await hand_over(node, NEW, sent.package_id)
    await done(node, NEW, sent.package_id)
    assert await node.states(sent) == {ORGAN: "acknowledged"}


async def test_both_systems_may_send_and_what_comes_in_goes_to_the_new_one(node: Node) -> None:
    await move(node, parallel=timedelta(days=30))
    for number, system_id in enumerate((OLD, NEW)):
        await node.send(system_id, a_document("H24.11", sender=ORGAN, number=str(number)))
    document = a_document(ORGAN)
    sent = await node.send("dms-yte", document)
    assert (await listed(node, OLD), await listed(node, NEW)) == ([], [sent.package_id])
    await node.send(OLD, a_status(document, "03", ORGAN))
    assert await node.statuses(sent) == {ORGAN: "03"}


async def test_once_its_time_is_over_the_former_system_may_not_send(node: Node) -> None:
    await move(node, parallel=timedelta(days=30))
    until = node.directory.current.next_change
    assert until is not None
    await node.store.write(lambda c: catch_up(c, until))
    await node.directory.refresh()
    with pytest.raises(AxisError) as refused:
        await node.send(OLD, a_document("H24.11", sender=ORGAN))
    assert refused.value.code is Code.FOREIGN_SENDER


async def test_what_waits_for_a_disabled_system_waits_and_is_seen(node: Node) -> None:
    await node.store.write(lambda c: systems.set_enabled(c, OLD, node.clock.now(), "test", enabled=False))
    await node.directory.refresh()
    sent = await node.send("dms-yte", a_document(ORGAN))
    assert await node.states(sent) == {ORGAN: "queued"}
    await move(node)
    assert await listed(node, NEW) == [sent.package_id]


async def test_what_was_handed_over_names_the_first_system(node: Node) -> None:
    sent = await node.send("dms-yte", a_document(ORGAN))
    await hand_over(node, OLD, sent.package_id)
    await move(node, parallel=timedelta(days=1))
    await hand_over(node, NEW, sent.package_id)
    (consignment,) = await node.store.read(lambda c: queries.consignments(c, sent.package_id))
    assert (consignment.handed_to, consignment.fetched) == (OLD, 2)
