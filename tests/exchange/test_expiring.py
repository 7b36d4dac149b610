"""What nobody fetches is given up after long, and its sender told, once."""

from datetime import timedelta
from pathlib import Path

import pytest

from axis.exchange.expiring import Expiring
from axis.exchange.values import Acknowledgement
from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.letters import Intervention, intervene
from axis.store import holds, systems
from axis.store.queries import LettersAsked, letters
from axis.store.records import Hold
from axis.store.systems import Pushing
from axis.terms import TransportState
from tests.exchange.harness import Node, a_document

PATIENCE = timedelta(days=10)
SYSTEM = "dms-xd"


async def expire(node: Node) -> None:
    await Expiring(node.context, PATIENCE).run()


async def told(node: Node) -> list[tuple[str, str]]:
    query = (
        "SELECT system_id, kind FROM system_event WHERE kind IN ('delivery_expired', 'delivery_dead') ORDER BY event_id"
    )
    return [(row[0], row[1]) for row in await node.store.read(lambda c: c.exec_driver_sql(query).all())]


async def test_what_is_not_fetched_for_long_is_dead_and_its_sender_is_told_once(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15", "H24.77", "H24.88"))
    await node.take("dms-phuong")
    node.clock.advance(days=9)
    fresh = await node.send("dms-yte", a_document("H24.15", number="2"))
    await expire(node)
    assert await told(node) == []
    node.clock.advance(days=1)
    for _ in range(2):
        await expire(node)
    assert await node.states(sent) == {"H24.15": "dead", "H24.77": "dead", "H24.88": "acknowledged"}
    assert await told(node) == [("dms-yte", "delivery_expired")]
    assert await node.listed(SYSTEM) == [fresh.package_id]
    assert "consignment_expired" in await node.audit_kinds()


async def test_whoever_opens_it_again_has_decided_that_it_waits(node: Node, tmp_path: Path) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    node.clock.advance(days=11)
    await expire(node)
    access = Access(settings=None, store=node.store, key=NodeKey.load(tmp_path / "node.key"))  # type: ignore[arg-type]
    found = await node.store.read(lambda c: letters(c, LettersAsked(), node.clock.now(), 10))
    again = Intervention(becomes=TransportState.QUEUED, reason="bên nhận đã sửa", actor="ông A")
    await intervene(access, found, again, node.clock.now())
    node.clock.advance(days=11)
    await expire(node)
    assert await node.states(sent) == {"H24.15": "queued"}
    assert len(await told(node)) == 1


async def test_what_was_fetched_does_not_expire(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    await node.exchange.record_hand_over(SYSTEM, sent.package_id)
    node.clock.advance(days=11)
    await expire(node)
    assert await node.states(sent) == {"H24.15": "handed_over"}


@pytest.mark.parametrize(("waited", "state"), [(3, "queued"), (8, "dead")])
async def test_the_time_that_it_was_held_does_not_count(node: Node, waited: int, state: str) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    node.clock.advance(days=2)
    begun, ends = node.clock.now(), node.clock.now() + timedelta(days=20)
    hold = Hold(
        hold_id="h",
        sender=None,
        receiver="H24.15",
        partner_id=None,
        starts_at=begun,
        ends_at=ends,
        reason="x",
        actor="x",
    )
    await node.store.write(lambda c: holds.add_hold(c, hold))
    node.clock.advance(days=19)
    await expire(node)
    assert await node.states(sent) == {"H24.15": "queued"}  # held back now
    node.clock.advance(days=1 + waited)
    await expire(node)
    assert await node.states(sent) == {"H24.15": state}


async def test_what_a_receiver_answers_fail_to_until_it_is_dead_is_told_to_its_sender(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    for _ in range(node.context.policy.failures_until_dead):
        assert await told(node) == []
        await node.exchange.acknowledge(SYSTEM, sent.package_id, Acknowledgement.FAIL)
    assert await node.states(sent) == {"H24.15": "dead"}
    assert await told(node) == [("dms-yte", "delivery_dead")]


async def test_what_waited_long_before_it_was_fetched_is_given_its_tries(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    node.clock.advance(days=5)  # longer than the time after which tries end
    await node.exchange.record_hand_over(SYSTEM, sent.package_id)
    await node.exchange.acknowledge(SYSTEM, sent.package_id, Acknowledgement.FAIL)
    assert await node.states(sent) == {"H24.15": "retrying"}


async def test_what_is_pushed_is_given_up_by_its_tries_and_not_here(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    pushing = Pushing(adapter="post", options="{}", secrets_encrypted=None)
    at = node.clock.now()
    await node.store.write(lambda c: systems.set_pushing(c, SYSTEM, pushing, at, "test"))
    node.clock.advance(days=11)
    await expire(node)
    assert await node.states(sent) == {"H24.15": "queued"}


async def test_what_is_held_back_now_does_not_expire_however_long_it_had_waited(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.15"))
    node.clock.advance(days=11)
    begun = node.clock.now()
    hold = Hold(
        hold_id="h",
        sender=None,
        receiver="H24.15",
        partner_id=None,
        starts_at=begun,
        ends_at=None,
        reason="x",
        actor="x",
    )
    await node.store.write(lambda c: holds.add_hold(c, hold))
    await expire(node)
    assert await node.states(sent) == {"H24.15": "queued"}
