"""Documents that a receiver passes on, or gives back."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from axis.edxml.model import BusinessDocumentInfo, DocumentPackage, Receiver
from axis.errors import AxisError, Code, NotFound
from axis.exchange.forwarding import Forwarded, ForwardWish, ReturnWish, says_return
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Outcome
from axis.ids import DocumentUid, SystemId
from axis.store import queries, schema
from axis.store.document_view import ReceiverPage, ReceiverView, read_document
from axis.store.registry import OrganRow
from axis.store.scopes import Scope
from axis.store.store import Store
from axis.terms import RETURN_PHRASES, DeliveryState, EventKind
from tests.exchange.harness import ORGANS, SYSTEMS, Node, Plan, a_document, a_status, an_act, make_node

BY, UNIT, LOWER = "H24.11", "H24.11.3", "H24.11.3.1"
PLAN = Plan(
    organs=(
        *ORGANS,
        OrganRow(code=LOWER, name="Trạm", parent=UNIT),
        OrganRow(code="H24.11.9", name="Trung tâm cũ", parent=BY, status="closed"),
    ),
    systems={**SYSTEMS, "dms-dvtt": (UNIT,)},
)


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city in which a department's unit has a system of its own."""
    return await make_node(store, tmp_path, PLAN)


async def forward(node: Node, of: Accepted, to: str = UNIT, by: str = BY, **more: Any) -> Forwarded:
    assert of.document_uid is not None
    wish = ForwardWish(
        document_uid=of.document_uid, by_organ=by, to_organ=to, reason="thuộc thẩm quyền", actor="van-thu", **more
    )
    return await node.exchange.forward(wish)


async def send(node: Node, *to: str, **more: Any) -> tuple[DocumentPackage, Accepted]:
    document = a_document(*(to or (BY,)), sender="H24.15", **more)
    return document, await node.send("dms-xd", document)


async def refused(node: Node, of: Accepted, **more: Any) -> Code:
    """Why a forward is refused; nothing may have been written."""
    tables = ("delivery", "consignment", "leaf", "audit", "queue", "system_event")
    before = [await node.count(table) for table in tables]
    with pytest.raises(AxisError) as raised:
        await forward(node, of, **more)
    assert [await node.count(table) for table in tables] == before
    return raised.value.code


async def told(node: Node, kind: EventKind) -> list[tuple[str, dict[str, str]]]:
    e = schema.system_event.c
    rows = await node.store.read(lambda c: c.execute(select(e.system_id, e.fields).where(e.kind == kind.value)).all())
    return [(system_id, json.loads(fields)) for system_id, fields in rows]


async def receivers(node: Node, of: Accepted) -> dict[str, ReceiverView]:
    assert of.document_uid is not None
    uid = of.document_uid
    found = await node.store.read(lambda c: read_document(c, Scope.ALL, uid, ReceiverPage()))
    assert found is not None
    return {view.delivery.receiver_organ: view for view in found.receivers}


# ── forwarding ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_unit_gets_the_very_bytes_and_the_sender_sees_it(node: Node) -> None:
    _, sent = await send(node)
    (first,) = await node.take("dms-yte")
    done = await forward(node, sent)
    assert (done.to_organ, done.changed) == (UNIT, True)
    assert await node.take("dms-dvtt") == [first]
    delivery = (await node.deliveries(sent))[UNIT]
    assert delivery.forwarded_from == (await node.deliveries(sent))[BY].delivery_id
    rows = {row.receiver_organ: row.forwarded_by for row in await node.exchange.sent("dms-xd", sent.package_id)}
    assert rows == {BY: None, UNIT: BY}
    views = await receivers(node, sent)
    assert (views[BY].forwarded_to, views[UNIT].forwarded_by) == ((UNIT,), BY)
    assert [(system, fields["to"]) for system, fields in await told(node, EventKind.DOCUMENT_FORWARDED)] == [
        ("dms-xd", UNIT)
    ]
    assert "document_forwarded" in await node.audit_kinds()


async def test_the_units_statuses_are_its_own_and_go_to_the_sender(node: Node) -> None:
    document, sent = await send(node)
    await node.send("dms-yte", a_status(document, "03", BY))
    await forward(node, sent)
    await node.send("dms-dvtt", a_status(document, "06", UNIT))
    assert await node.statuses(sent) == {BY: "03", UNIT: "06"}
    assert len(await node.listed("dms-xd")) == 2


async def test_a_repeated_forward_has_no_second_effect_however_many_come_at_once(node: Node) -> None:
    _, sent = await send(node)
    answers = await asyncio.gather(*(forward(node, sent) for _ in range(5)))
    assert sorted(answer.changed for answer in answers) == [False] * 4 + [True]
    assert len({answer.delivery_id for answer in answers}) == 1
    counts = [await node.count(table) for table in ("delivery", "consignment")]
    assert not (await forward(node, sent)).changed
    assert [await node.count(table) for table in ("delivery", "consignment")] == counts == [2, 2]


async def test_the_unit_may_pass_it_on_in_its_turn(node: Node) -> None:
    _, sent = await send(node)
    await forward(node, sent)
    await forward(node, sent, to=LOWER, by=UNIT)
    views = await receivers(node, sent)
    assert [views[organ].forwarded_by for organ in (BY, UNIT, LOWER)] == [None, BY, UNIT]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"to": "H24.88"}, Code.FORWARD_OUTSIDE),
        ({"to": "H24"}, Code.FORWARD_OUTSIDE),  # upwards
        ({"to": BY}, Code.ALREADY_RECEIVER),
        ({"to": "H24.15"}, Code.FORWARD_OUTSIDE),  # the sender
        ({"to": "H24.99"}, Code.UNKNOWN_RECEIVER),
        ({"to": "G17.1"}, Code.UNKNOWN_RECEIVER),
        ({"to": "H24.11.9"}, Code.RECEIVER_CLOSED),
        ({"by": "H24.88"}, Code.NOT_FOUND),  # has no delivery of it
        ({"system_id": SystemId("dms-phuong")}, Code.NOT_FOUND),  # does not serve the receiver
    ],
)
async def test_a_forward_that_cannot_be_is_refused_and_leaves_nothing(
    node: Node, more: dict[str, Any], code: Code
) -> None:
    _, sent = await send(node)
    assert await refused(node, sent, **more) is code


async def test_a_reason_is_needed_and_a_document_has_to_be_known(node: Node) -> None:
    _, sent = await send(node)
    assert sent.document_uid is not None
    for reason, code in (("  ", Code.FIELD_INVALID), ("x" * 3000, Code.FIELD_INVALID), ("a\x00b", Code.FIELD_INVALID)):
        wish = ForwardWish(document_uid=sent.document_uid, by_organ=BY, to_organ=UNIT, reason=reason, actor="x")
        with pytest.raises(AxisError) as raised:
            await node.exchange.forward(wish)
        assert raised.value.code is code
    with pytest.raises(NotFound):
        await node.exchange.forward(replace(wish, document_uid=DocumentUid("nothing"), reason="x"))


async def test_the_receivers_own_system_may_forward(node: Node) -> None:
    _, sent = await send(node)
    assert (await forward(node, sent, system_id=SystemId("dms-yte"))).changed


async def test_by_setting_anybody_of_ours_may_get_it_but_not_the_sender(node: Node) -> None:
    node.context = replace(node.context, policy=replace(node.context.policy, forward_anywhere=True))
    node.exchange = Exchange(node.context, node.judges, check_intake=lambda: None)
    _, sent = await send(node)
    assert await refused(node, sent, to="H24.15") is Code.FORWARD_OUTSIDE
    assert (await forward(node, sent, to="H24.88")).changed


async def test_who_was_addressed_too_is_a_receiver_already(node: Node) -> None:
    _, sent = await send(node, BY, UNIT)
    assert await refused(node, sent) is Code.ALREADY_RECEIVER


async def test_what_was_refused_or_returned_is_not_passed_on_until_it_is_taken_after_all(node: Node) -> None:
    document, sent = await send(node)
    for description in ("không rõ", "Trả lại: gửi nhầm"):
        await node.send("dms-yte", a_status(document, "02", BY, description=description))
        assert await refused(node, sent) is Code.DELIVERY_CLOSED
    await node.send("dms-yte", a_status(document, "03", BY))
    assert (await forward(node, sent)).changed


async def test_what_was_recalled_is_not_passed_on(node: Node) -> None:
    document, sent = await send(node)
    await node.take("dms-yte")
    await node.send("dms-xd", an_act(document, "1"))
    assert await refused(node, sent) is Code.DELIVERY_CLOSED


async def test_a_recall_follows_the_document_to_whom_it_was_passed_on(node: Node) -> None:
    document, sent = await send(node)
    await node.take("dms-yte")
    await forward(node, sent)
    await forward(node, sent, to=LOWER, by=UNIT)
    recall = an_act(document, "1")
    recalled = await node.send("dms-xd", recall)
    states = {organ: row.state for organ, row in (await node.deliveries(sent)).items()}
    assert states == dict.fromkeys((BY, UNIT, LOWER), DeliveryState.RECALLED)
    # The unit had not fetched it: what waited is withdrawn, and the recall's own package is what it gets.
    assert await node.listed("dms-dvtt") == [recalled.package_id]
    assert (await node.document(sent)).state.value == "recalled"
    await node.send("dms-dvtt", a_status(document, "15", UNIT))
    assert (await node.deliveries(sent))[UNIT].state is DeliveryState.RECALL_AGREED
    repeated = await node.send("dms-xd", recall)
    assert repeated.outcome is Outcome.REPEATED
    assert await node.count("act_receiver") == 3


async def test_an_update_follows_too_and_one_that_came_before_is_passed_on(node: Node) -> None:
    document, sent = await send(node)
    earlier = an_act(document, "2")
    earlier = replace(earlier, header=replace(earlier.header, subject="Sửa lần một"))
    await node.send("dms-xd", earlier)
    await forward(node, sent)
    assert len(await node.take("dms-dvtt")) == 2  # the document, then its update
    await node.send("dms-dvtt", a_status(document, "15", UNIT))
    assert sent.document_uid is not None
    uid = sent.document_uid
    (act,) = await node.store.read(lambda c: queries.acts_on(c, uid))
    answers = await node.store.read(lambda c: queries.act_receivers(c, act.act_id))
    assert {one.receiver_organ: one.answer for one in answers} == {BY: None, UNIT: "agreed"}
    later = replace(earlier, header=replace(earlier.header, subject="Sửa lần hai"))
    await node.send("dms-xd", later)
    assert len(await node.take("dms-dvtt")) == 1
    assert (await node.send("dms-xd", earlier)).outcome is Outcome.REPEATED
    assert await node.listed("dms-dvtt") == []


async def test_who_is_taken_off_the_list_takes_along_those_below(node: Node) -> None:
    document, sent = await send(node, BY, "H24.88")
    await forward(node, sent)
    info = BusinessDocumentInfo(
        document_info="0", document_receiver="1", receivers=(Receiver(organ_id=BY, receiver_type="1"),)
    )
    await node.send("dms-xd", an_act(document, "2", document_info=info))
    states = {organ: row.state.value for organ, row in (await node.deliveries(sent)).items()}
    assert states == {BY: "removed", UNIT: "removed", "H24.88": "open"}


async def test_a_forward_and_a_recall_at_once_leave_no_delivery_open(node: Node) -> None:
    for number in range(6):
        document, sent = await send(node, number=str(number))
        calls = [forward(node, sent), node.send("dms-xd", an_act(document, "1"))]
        await asyncio.gather(*(calls if number % 2 else reversed(calls)), return_exceptions=True)
        states = {row.state for row in (await node.deliveries(sent)).values()}
        assert states == {DeliveryState.RECALLED}


async def test_what_came_from_another_axis_is_passed_on_and_answered_there(node: Node) -> None:
    document = a_document(BY, sender="G17.1")
    sent = await node.come_down(document)
    await forward(node, sent)
    accepted = await node.send("dms-dvtt", a_status(document, "03", UNIT))
    assert (await node.states(accepted)) == {"G17.1": "queued"}
    assert await node.statuses(sent) == {BY: None, UNIT: "03"}
    assert await told(node, EventKind.DOCUMENT_FORWARDED) == []  # the sender is not one of ours


async def test_what_another_axis_carries_cannot_be_passed_on_from_here(node: Node) -> None:
    document = a_document("G17.1", sender=BY)
    sent = await node.send("dms-yte", document)
    assert await refused(node, sent, by="G17.1") is Code.NOT_ALLOWED


# ── returning ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "is_return"),
    [
        ("Trả lại: không thuộc thẩm quyền", True),
        ("  TRẢ LẠI văn bản", True),
        ("gửi nhầm đơn vị", True),
        ("Tra\u0309 la\u0323i", True),  # decomposed
        ("Không trả lại", False),
        ("", False),
        ("trả", False),
    ],
)
def test_a_reason_that_begins_with_a_phrase_returns_the_document(text: str, is_return: bool) -> None:
    assert says_return(RETURN_PHRASES, text) is is_return


async def test_a_refusal_that_says_so_returns_the_document_once(node: Node) -> None:
    document, sent = await send(node)
    reason = "Trả lại: không thuộc thẩm quyền"
    await node.send("dms-yte", a_status(document, "02", BY, description=reason))
    delivery = (await node.deliveries(sent))[BY]
    assert (delivery.status_code, delivery.return_reason) == ("02", reason)
    assert delivery.returned_at == delivery.status_at
    assert [(system, fields["reason"]) for system, fields in await told(node, EventKind.DOCUMENT_RETURNED)] == [
        ("dms-xd", reason)
    ]
    again = a_status(document, "02", BY, description=reason, timestamp="2026/11/24 10:00:00")
    await node.send("dms-yte", again)
    assert (await node.deliveries(sent))[BY].returned_at == delivery.returned_at
    assert (await node.audit_kinds()).count("document_returned") == 1


async def test_another_refusal_returns_nothing(node: Node) -> None:
    document, sent = await send(node)
    await node.send("dms-yte", a_status(document, "02", BY, description="thiếu chữ ký"))
    assert (await node.deliveries(sent))[BY].returned_at is None


async def test_what_is_taken_after_all_is_returned_no_more(node: Node) -> None:
    document, sent = await send(node)
    await node.send("dms-yte", a_status(document, "02", BY, description="trả lại"))
    await node.send("dms-yte", a_status(document, "03", BY))
    delivery = (await node.deliveries(sent))[BY]
    assert (delivery.status_code, delivery.returned_at, delivery.return_reason) == ("03", None, None)


async def test_a_refusal_of_what_was_recalled_is_no_return(node: Node) -> None:
    document, sent = await send(node)
    await node.take("dms-yte")
    await node.send("dms-xd", an_act(document, "1"))
    await node.send("dms-yte", a_status(document, "02", BY, description="trả lại"))
    assert (await node.deliveries(sent))[BY].returned_at is None


def give_back(node: Node, of: Accepted, by: str, reason: str = "gửi không đúng nơi nhận") -> ReturnWish:
    assert of.document_uid is not None
    return ReturnWish(document_uid=of.document_uid, by_organ=by, reason=reason, actor="van-thu", at=node.clock.now())


async def test_the_node_returns_for_a_receiver_that_it_speaks_for(node: Node) -> None:
    _, sent = await send(node, "H24.77")  # nobody serves it
    first = await node.exchange.send_back(give_back(node, sent, "H24.77"))
    again = await node.exchange.send_back(give_back(node, sent, "H24.77"))
    assert (first.outcome, again.outcome) == (Outcome.ACCEPTED, Outcome.REPEATED)
    delivery = (await node.deliveries(sent))["H24.77"]
    assert (delivery.status_code, delivery.return_reason) == ("02", "Trả lại: gửi không đúng nơi nhận")
    assert delivery.returned_at is not None
    assert await node.listed("dms-xd") == [first.package_id]
    assert "document_returned" in await node.audit_kinds()


async def test_the_node_returns_for_nobody_who_speaks_for_himself_and_nothing_that_was_taken_back(node: Node) -> None:
    document, sent = await send(node, BY, "H24.77")
    with pytest.raises(AxisError) as raised:
        await node.exchange.send_back(give_back(node, sent, BY))
    assert raised.value.code is Code.NOT_ALLOWED
    with pytest.raises(AxisError) as raised:
        await node.exchange.send_back(give_back(node, sent, "H24.77", reason=" "))
    assert raised.value.code is Code.FIELD_INVALID
    await node.send("dms-xd", an_act(document, "1"))
    with pytest.raises(AxisError) as raised:
        await node.exchange.send_back(give_back(node, sent, "H24.77"))
    assert raised.value.code is Code.DELIVERY_CLOSED
    assert await node.statuses(sent) == {BY: None, "H24.77": None}


async def test_leaves_prove_a_forward_and_a_return(node: Node) -> None:
    document, sent = await send(node)
    await forward(node, sent)
    await node.send("dms-dvtt", a_status(document, "02", UNIT, description="trả lại"))
    kinds = await node.store.read(lambda c: c.scalars(select(schema.leaf.c.kind)).all())
    assert (kinds.count("document_forwarded"), kinds.count("document_returned")) == (1, 1)
    (delivery,) = [d for d in (await node.deliveries(sent)).values() if d.receiver_organ == UNIT]
    assert delivery.returned_at is not None
    consignments = await node.store.read(lambda c: queries.consignments(c, sent.package_id))
    assert sorted(c.receiver_organ for c in consignments) == [BY, UNIT]
