"""What a test node's cases are judged from is read whole, on both databases."""

from pathlib import Path

from axis.store import queries
from axis.store.store import Store
from axis.terms import ActEffect
from tests.exchange.harness import a_document, a_file, a_status, an_act, make_node


async def test_all_that_was_exchanged_since_a_moment_is_found(store: Store, tmp_path: Path) -> None:
    node = await make_node(store, tmp_path)
    await node.send("dms-yte", a_document("H24.15", number="1"))
    node.clock.advance(minutes=1)
    since = node.clock.now()
    letter = a_document("H24.15", number="2", files=(a_file(),))
    accepted = await node.send("dms-yte", letter)
    status = await node.send("dms-xd", a_status(letter, "01", "H24.15"))
    act = await node.send("dms-yte", an_act(letter, "2"))
    found = await store.read(lambda conn: queries.traffic(conn, since))
    assert [one.package_id for one in found.packages] == [accepted.package_id, status.package_id, act.package_id]
    assert [one.document_id for one in found.documents] == [letter.header.document_id]
    assert [one.receiver_organ for one in found.deliveries] == ["H24.15"]
    assert {one.package_id for one in found.consignments} == {one.package_id for one in found.packages}
    assert [(one.from_organ, one.status_code) for one in found.events] == [("H24.15", "01")]
    assert [one.package_id for one in found.files] == [accepted.package_id, act.package_id]
    [target], [answer] = found.targets, found.answers
    assert [one.act_id for one in found.acts] == [target.act_id] == [answer.act_id]
    assert (target.effect, answer.receiver_organ) == (ActEffect.NOTHING, "H24.15")  # it changes no text
    assert found.refusals == ()
    whole = await store.read(lambda conn: queries.traffic(conn, since.replace(year=2020)))
    assert len(whole.documents) == 2
