"""Recalls and requests: what is taken back, from whom, and what they answer."""

import asyncio
from dataclasses import replace

import pytest

from axis.edxml.model import ResponseFor
from axis.errors import AxisError, Code, NotAllowed, WrongState
from axis.exchange.values import Accepted, Acknowledgement, Outcome
from axis.store import queries
from axis.terms import Origin
from tests.exchange.harness import Node, a_document, a_file, a_status, an_act


async def status_effects(node: Node) -> list[tuple[str, str]]:
    """Code and effect of every status event, in order."""
    query = "SELECT status_code, effect FROM status_event ORDER BY event_id"
    return [(row[0], row[1]) for row in await node.store.read(lambda c: c.exec_driver_sql(query).all())]


async def state_of(node: Node, accepted: Accepted) -> str:
    return (await node.document(accepted)).state.value


# ── recall ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_not_handed_over_is_cancelled_and_who_has_it_gets_the_recall_and_answers(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    recall = await node.send("dms-yte", an_act(package, "1"))
    assert await node.states(sent) == {"H24.15": "acknowledged", "H24.88": "cancelled"}
    assert await node.closed(sent) == {"H24.15": "recalled", "H24.88": "recalled"}
    assert await state_of(node, sent) == "recalled"
    # Both get the recall's own package, and nothing else any more.
    assert await node.listed("dms-xd") == await node.listed("dms-phuong") == [recall.package_id]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    await node.send("dms-phuong", a_status(package, "16", "H24.88"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed", (0, "H24.88"): "declined"}
    assert await node.closed(sent) == {"H24.15": "recall_agreed", "H24.88": "recall_declined"}
    assert await state_of(node, sent) == "recalled"


async def test_the_sender_sees_what_was_withdrawn_and_each_answer(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    recall = await node.send("dms-yte", an_act(package, "1"))
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    rows = await node.exchange.sent("dms-yte", sent.package_id)
    assert [(row.receiver_organ, row.state, row.delivery) for row in rows] == [
        ("H24.15", "acknowledged", "recall_agreed"),
        ("H24.88", "cancelled", "recalled"),
    ]
    rows = await node.exchange.sent("dms-yte", recall.package_id)
    assert {row.receiver_organ: row.answer for row in rows} == {"H24.15": "agreed", "H24.88": None}


async def test_a_recall_leaves_evidence_and_tells_the_systems_concerned(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    recall = await node.send("dms-yte", an_act(package, "1"))
    (leaf,) = await node.leaves("act_applied")
    assert (leaf["document_uid"], leaf["package_id"], leaf["effect"]) == (
        sent.document_uid,
        recall.package_id,
        "applied",
    )
    assert (leaf["receivers"], leaf["withdrawn"]) == (["H24.15", "H24.88"], ["H24.88"])
    ((kind, fields),) = await node.events("dms-phuong")
    assert (kind, fields["receivers"], fields["withdrawn"]) == ("document_recalled", ["H24.88"], ["H24.88"])
    answer = await node.send("dms-xd", a_status(package, "15", "H24.15"))
    (leaf,) = await node.leaves("act_answered")
    assert (leaf["package_id"], leaf["receiver"], leaf["answer"]) == (answer.package_id, "H24.15", "agreed")
    ((kind, fields),) = await node.events("dms-yte")
    assert (kind, fields["kind"], fields["answer"]) == ("act_answered", "recall", "agreed")


async def test_a_recall_of_some_receivers_leaves_the_others_alone(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    recall = await node.send("dms-yte", an_act(package, "1", "H24.88"))
    assert await node.states(sent) == {"H24.15": "queued", "H24.88": "cancelled"}
    assert await node.closed(sent) == {"H24.15": "open", "H24.88": "recalled"}
    assert await state_of(node, sent) == "open"
    assert await node.listed("dms-xd") == [sent.package_id]
    assert await node.listed("dms-phuong") == [recall.package_id]
    await node.send("dms-yte", replace(an_act(package, "1", "H24.15"), attachments=(a_file(b"another recall"),)))
    assert await state_of(node, sent) == "recalled"


async def test_one_recall_takes_back_several_documents_and_each_is_answered_for_itself(node: Node) -> None:
    one, two = a_document("H24.15", number="1"), a_document("H24.15", "H24.88", number="2")
    first, second = await node.send("dms-yte", one), await node.send("dms-yte", two)
    unknown = ResponseFor(organ_id="H24.11", document_id="never sent")
    named = tuple(ResponseFor(organ_id="H24.11", document_id=p.header.document_id) for p in (one, two, one))
    act = an_act(a_document("H24.15", "H24.88", number="3"), "1")
    recall = await node.send("dms-yte", replace(act, header=replace(act.header, response_for=(*named, unknown))))
    assert recall.document_uid == first.document_uid
    assert await node.effects(recall) == ["applied", "applied", "unknown"]
    assert await node.closed(first) == {"H24.15": "recalled"}
    assert await node.closed(second) == {"H24.15": "recalled", "H24.88": "recalled"}
    assert await node.listed("dms-xd") == [recall.package_id]
    await node.send("dms-xd", a_status(two, "16", "H24.15"))
    await node.send("dms-xd", a_status(one, "15", "H24.15"))
    answers = await node.answers(recall)
    assert (answers[0, "H24.15"], answers[1, "H24.15"], answers[1, "H24.88"]) == ("agreed", "declined", None)
    assert await node.closed(first) == {"H24.15": "recall_agreed"}
    # For the sender the less agreeable answer is the package's; one that is open leaves it open.
    (row, _) = await node.exchange.sent("dms-yte", recall.package_id)
    assert row.answer is None


async def test_a_status_that_crosses_a_recall_is_kept_forwarded_and_changes_nothing(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    await node.send("dms-yte", an_act(package, "1"))
    late = await node.send("dms-xd", a_status(package, "06", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "03"}
    assert await status_effects(node) == [("03", "applied"), ("06", "after_close")]
    assert late.package_id in await node.listed("dms-yte")
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "03"}


async def test_a_receiver_that_declines_keeps_the_document_and_what_it_had_reported_counts(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    await node.send("dms-yte", an_act(package, "1"))
    for code in ("05", "04", "16"):
        await node.send("dms-xd", a_status(package, code, "H24.15"))
    assert await node.closed(sent) == {"H24.15": "recall_declined"}
    assert await node.statuses(sent) == {"H24.15": "05"}
    await node.send("dms-xd", a_status(package, "06", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "06"}
    assert (await status_effects(node))[-1] == ("06", "applied")
    # For its sender it stays taken back.
    assert await state_of(node, sent) == "recalled"


async def test_what_came_before_an_older_closing_does_not_count_after_a_declined_recall(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    await node.send("dms-yte", an_act(package, "1"))
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    await node.send("dms-xd", a_status(package, "06", "H24.15"))
    again = replace(an_act(package, "1"), attachments=(a_file(b"again"),))
    await node.send("dms-yte", again)
    await node.send("dms-xd", a_status(package, "16", "H24.15", description="khác"))
    # Agreed once, it is back: a later recall of the same finds nothing to take, and its answer changes nothing.
    assert await node.closed(sent) == {"H24.15": "recall_agreed"}
    assert await node.statuses(sent) == {"H24.15": None}


async def test_a_repeated_recall_gets_the_first_answer_and_undoes_no_answer(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    recall = await node.send("dms-yte", an_act(package, "1", "H24.15"))
    await node.send("dms-xd", a_status(package, "16", "H24.15"))
    leaves = await node.count("leaf")
    again = await node.send("dms-yte", an_act(package, "1", "H24.15"))
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, recall.package_id)
    assert await node.count("leaf") == leaves
    assert await node.closed(sent) == {"H24.15": "recall_declined", "H24.88": "open"}
    # Further receivers are what the first one left undone.
    wider = await node.send("dms-yte", an_act(package, "1"))
    assert (wider.outcome, wider.package_id) == (Outcome.REPEATED, recall.package_id)
    assert await node.closed(sent) == {"H24.15": "recall_declined", "H24.88": "recalled"}
    assert await node.states(sent) == {"H24.15": "acknowledged", "H24.88": "cancelled"}
    assert len(await node.listed("dms-phuong")) == 1
    assert await node.answers(recall) == {(0, "H24.15"): "declined", (0, "H24.88"): None}
    assert await state_of(node, sent) == "recalled"


async def test_a_second_recall_is_delivered_and_changes_nothing_for_whom_the_first_one_reached(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    first = await node.send("dms-yte", an_act(package, "1"))
    second = await node.send("dms-yte", replace(an_act(package, "1"), attachments=(a_file(b"other"),)))
    assert second.outcome is Outcome.ACCEPTED
    assert await node.effects(second) == ["nothing"]
    assert await node.listed("dms-xd") == [first.package_id, second.package_id]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(first) == {(0, "H24.15"): "agreed"}
    assert await node.answers(second) == {(0, "H24.15"): None}
    await node.send("dms-xd", a_status(package, "16", "H24.15"))
    assert await node.answers(second) == {(0, "H24.15"): "declined"}
    assert await node.closed(sent) == {"H24.15": "recall_agreed"}
    third = await node.send("dms-xd", a_status(package, "15", "H24.15", description="lần nữa"))
    assert await status_effects(node) == [("15", "act"), ("16", "act"), ("15", "unchanged")]
    assert third.package_id in await node.listed("dms-yte")


async def test_a_recalled_document_is_not_opened_again_by_a_late_repeat_and_reaches_nobody_new(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    for _ in range(10):
        await node.exchange.acknowledge("dms-xd", sent.package_id, Acknowledgement.FAIL)
        node.clock.advance(hours=4)
    assert await node.states(sent) == {"H24.15": "dead"}
    await node.send("dms-yte", an_act(package, "1"))
    assert await node.states(sent) == {"H24.15": "cancelled"}
    again = await node.send("dms-yte", package)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, sent.package_id)
    assert await node.states(sent) == {"H24.15": "cancelled"}
    with pytest.raises(WrongState) as refused:
        await node.send("dms-yte", a_document("H24.15", "H24.88"))
    assert (refused.value.code, refused.value.detail) == (Code.DOCUMENT_CLOSED, "recalled: H24.88")
    assert await node.listed("dms-phuong") == []


async def test_the_bytes_that_were_under_way_when_it_was_recalled_are_handed_over_in_truth(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    content = await node.exchange.open_package("dms-xd", sent.package_id)
    recall = await node.send("dms-yte", an_act(package, "1"))
    assert await node.states(sent) == {"H24.15": "cancelled"}
    assert len(b"".join([chunk async for chunk in content.chunks()])) == content.size_bytes
    await node.exchange.record_hand_over("dms-xd", sent.package_id)
    assert await node.states(sent) == {"H24.15": "handed_over"}
    await node.exchange.acknowledge("dms-xd", sent.package_id, Acknowledgement.DONE)
    assert await node.states(sent) == {"H24.15": "acknowledged"}
    assert await node.listed("dms-xd") == [recall.package_id]


@pytest.mark.parametrize("word", [Acknowledgement.FAIL, Acknowledgement.INITIAL])
async def test_what_was_recalled_is_not_listed_again_when_the_system_wants_it_once_more(
    node: Node, word: Acknowledgement
) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.exchange.record_hand_over("dms-xd", sent.package_id)
    recall = await node.send("dms-yte", an_act(package, "1"))
    assert await node.states(sent) == {"H24.15": "handed_over"}
    await node.exchange.acknowledge("dms-xd", sent.package_id, word)
    assert await node.states(sent) == {"H24.15": "cancelled"}
    # The recall itself is tried like any other package.
    await node.exchange.record_hand_over("dms-xd", recall.package_id)
    await node.exchange.acknowledge("dms-xd", recall.package_id, word)
    node.clock.advance(minutes=5)
    assert await node.listed("dms-xd") == [recall.package_id]


async def test_a_cancelled_package_is_given_to_nobody(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.send("dms-yte", an_act(package, "1"))
    with pytest.raises(AxisError) as refused:
        await node.exchange.open_package("dms-xd", sent.package_id)
    assert refused.value.code is Code.NOT_FOUND


async def test_a_system_that_gets_the_bytes_for_another_of_its_receivers_has_them_for_both(node: Node) -> None:
    package = a_document("H24.11", "H24.11.3", sender="H24.15")
    sent = await node.send("dms-xd", package)
    await node.send("dms-xd", an_act(package, "1", "H24.11.3"))
    assert await node.states(sent) == {"H24.11": "queued", "H24.11.3": "cancelled"}
    (item, _) = await node.exchange.pending("dms-yte", 10)
    assert item.receivers == ("H24.11",)
    await node.exchange.record_hand_over("dms-yte", sent.package_id)
    assert await node.states(sent) == {"H24.11": "handed_over", "H24.11.3": "handed_over"}


async def test_an_act_on_what_another_organisation_sent_is_refused_and_does_nothing(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    strange = an_act(a_document("H24.15", sender="H24.88", document_id=package.header.document_id), "1")
    for business_type in ("1", "2"):
        act = replace(strange.header, business=replace(strange.header.business, business_doc_type=business_type))
        with pytest.raises(NotAllowed) as refused:
            await node.send("dms-phuong", replace(strange, header=act))
        assert refused.value.code is Code.FOREIGN_DOCUMENT
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.count("act") == 0
    assert await node.listed("dms-xd") == [sent.package_id]


async def test_from_another_axis_an_act_on_what_somebody_else_sent_is_only_delivered(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    strange = an_act(a_document("H24.15", sender="G22", document_id=package.header.document_id), "1")
    recall = await node.come_down(strange)
    assert await node.effects(recall) == ["foreign"]
    assert recall.document_uid is None
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.listed("dms-xd") == [sent.package_id, recall.package_id]


async def test_an_act_that_was_about_somebody_elses_document_stays_so_when_repeated(node: Node) -> None:
    name = "H24.11,2026/11/24,101/SYT-VP"
    theirs = await node.send("dms-yte", a_document("H24.15"))
    own = a_document("H24.15", sender="G22", number="7", document_id=name)
    act = await node.come_down(an_act(own, "1"))
    sent = await node.come_down(own)
    again = await node.come_down(an_act(own, "1", "H24.15", "H24.88"))
    assert again.outcome is Outcome.REPEATED
    assert await node.effects(act) == ["foreign"]
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.closed(theirs) == {"H24.15": "open"}


async def test_a_successor_recalls_what_its_predecessor_sent(node: Node) -> None:
    package = a_document("H24.15", sender="H24.88")
    sent = await node.send("dms-phuong", package)
    await node.succeed("H24.88", "H24.11")
    recall = an_act(a_document("H24.15", document_id=package.header.document_id), "1")
    assert (await node.send("dms-yte", recall)).document_uid == sent.document_uid
    assert await node.closed(sent) == {"H24.15": "recalled"}


async def test_a_recall_that_came_before_its_document_stays_a_notice_and_is_answered(node: Node) -> None:
    package = a_document("H24.15", sender="G22")
    recall = await node.come_down(an_act(package, "1"))
    assert recall.document_uid is None
    assert await node.effects(recall) == ["unknown"]
    sent = await node.come_down(package)
    # It may as well be sent anew on purpose: the receiver has the notice, and decides.
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.listed("dms-xd") == [recall.package_id, sent.package_id]
    acts = await node.store.read(lambda c: queries.acts_on(c, str(sent.document_uid)))
    assert [act.package_id for act in acts] == [recall.package_id]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed"}
    assert await node.closed(sent) == {"H24.15": "recall_agreed"}
    assert await state_of(node, sent) == "recalled"
    # It had not been fetched, and is not wanted any more.
    assert await node.states(sent) == {"H24.15": "cancelled"}


async def test_a_recall_repeated_after_its_document_came_takes_it_back(node: Node) -> None:
    package = a_document("H24.15")
    recall = await node.send("dms-yte", an_act(package, "1"))
    sent = await node.send("dms-yte", package)
    again = await node.send("dms-yte", an_act(package, "1"))
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, recall.package_id)
    assert await node.effects(recall) == ["applied"]
    assert await node.closed(sent) == {"H24.15": "recalled"}
    assert await node.states(sent) == {"H24.15": "cancelled"}


async def test_an_act_on_an_unknown_document_is_answered_all_the_same(node: Node) -> None:
    package = a_document("H24.15")
    recall = await node.send("dms-yte", an_act(package, "1"))
    answer = await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed"}
    assert await node.listed("dms-yte") == [answer.package_id]
    assert await status_effects(node) == [("15", "act")]
    with pytest.raises(WrongState) as refused:  # nothing else can be said about it
        await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert refused.value.code is Code.STATUS_UNMATCHED


async def test_who_is_addressed_by_the_recall_only_gets_it_and_answers(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    recall = await node.send("dms-yte", an_act(package, "1", "H24.15", "H24.88"))
    assert await node.listed("dms-phuong") == [recall.package_id]
    assert await node.closed(sent) == {"H24.15": "recalled"}
    await node.send("dms-phuong", a_status(package, "15", "H24.88"))
    assert await node.answers(recall) == {(0, "H24.15"): None, (0, "H24.88"): "agreed"}
    assert await node.closed(sent) == {"H24.15": "recalled"}


async def test_a_recall_named_by_its_own_id_acts_on_the_document_that_answer_for_names(node: Node) -> None:
    package = a_document("H24.15", number="1")
    sent = await node.send("dms-yte", package)
    other = await node.send("dms-yte", a_document("H24.15", number="2"))
    act = an_act(a_document("H24.15", number="2"), "1")
    meant = ResponseFor(organ_id="H24.15", document_id=package.header.document_id)
    recall = await node.send("dms-yte", replace(act, header=replace(act.header, response_for=(meant,))))
    assert recall.document_uid == sent.document_uid
    assert await node.closed(sent) == {"H24.15": "recalled"}
    assert await node.closed(other) == {"H24.15": "open"}


async def test_a_recall_whose_first_names_are_known_to_nobody_acts_on_the_next_ones(node: Node) -> None:
    for number, named in (("1", {"document_id": None}), ("2", {"document_id": "H24.11,2026/11/24,2/SYT-VP"})):
        package = a_document("H24.15", number=number)
        sent = await node.send("dms-yte", package)
        nobodys = (ResponseFor(organ_id="H24.15", document_id="nobody's"),)
        own = package.header.document_id if named["document_id"] is None else "the recall's own"
        act = an_act(replace(package, header=replace(package.header, document_id=own)), "1", **named)
        recall = await node.send("dms-yte", replace(act, header=replace(act.header, response_for=nobodys)))
        assert recall.document_uid == sent.document_uid
        assert await node.closed(sent) == {"H24.15": "recalled"}


async def test_too_many_named_documents_are_refused(node: Node) -> None:
    act = an_act(a_document("H24.15"), "1")
    named = tuple(ResponseFor(document_id=f"d{number}") for number in range(101))
    with pytest.raises(AxisError) as refused:
        await node.send("dms-yte", replace(act, header=replace(act.header, response_for=named)))
    assert refused.value.code is Code.TOO_MANY
    assert await node.count("package") == 0


async def test_recalls_and_hand_overs_at_once_end_in_one_truth(node: Node) -> None:
    for number in range(8):
        package = a_document("H24.15", "H24.88", number=str(number))
        sent = await node.send("dms-yte", package)
        await asyncio.gather(
            node.send("dms-yte", an_act(package, "1")),
            node.exchange.record_hand_over("dms-xd", sent.package_id),
            node.exchange.acknowledge("dms-phuong", sent.package_id, Acknowledgement.FAIL),
            node.send("dms-xd", a_status(package, "03", "H24.15")),
        )
        assert await node.closed(sent) == {"H24.15": "recalled", "H24.88": "recalled"}
        states = await node.states(sent)
        assert states["H24.15"] == "handed_over"
        assert states["H24.88"] == "cancelled"
        assert await state_of(node, sent) == "recalled"


async def test_a_status_in_the_moment_in_which_the_receiver_declines_is_never_lost(node: Node) -> None:
    for number in range(8):
        package = a_document("H24.15", number=str(number))
        sent = await node.send("dms-yte", package)
        await node.send("dms-yte", an_act(package, "1"))
        await asyncio.gather(
            node.send("dms-xd", a_status(package, "05", "H24.15")),
            node.send("dms-xd", a_status(package, "16", "H24.15")),
        )
        assert await node.closed(sent) == {"H24.15": "recall_declined"}
        assert await node.statuses(sent) == {"H24.15": "05"}


async def test_recalls_of_several_receivers_at_once_leave_no_document_open(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    both = (an_act(package, "1", "H24.15"), replace(an_act(package, "1", "H24.88"), attachments=(a_file(b"2"),)))
    await asyncio.gather(*(node.send("dms-yte", act) for act in both))
    assert await node.closed(sent) == {"H24.15": "recalled", "H24.88": "recalled"}
    assert await state_of(node, sent) == "recalled"


# ── a request (13) ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_request_changes_nothing_until_the_receiver_agrees(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    asked = await node.send("dms-yte", a_status(package, "13", "H24.11", to="H24.15"))
    assert await node.closed(sent) == {"H24.15": "open", "H24.88": "open"}
    ((kind, fields),) = await node.events("dms-xd")
    assert (kind, fields["asked"]) == ("document_recalled", True)
    await node.send("dms-xd", a_status(package, "06", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "06", "H24.88": None}
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(asked) == {(0, "H24.15"): "agreed"}
    assert await node.closed(sent) == {"H24.15": "recall_agreed", "H24.88": "open"}
    assert await state_of(node, sent) == "open"


async def test_a_declined_request_leaves_the_document_where_it_is(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    asked = await node.send("dms-yte", a_status(package, "13", "H24.11", to="H24.15"))
    await node.send("dms-xd", a_status(package, "16", "H24.15"))
    assert await node.answers(asked) == {(0, "H24.15"): "declined"}
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.states(sent) == {"H24.15": "queued"}
    await node.send("dms-yte", a_status(package, "13", "H24.11", to="H24.15", description="xin lấy lại lần nữa"))
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    # Agreed before it was even fetched: it is not listed any more.
    assert await node.closed(sent) == {"H24.15": "recall_agreed"}
    assert await node.states(sent) == {"H24.15": "cancelled"}
    assert await state_of(node, sent) == "recalled"


async def test_the_oldest_open_act_is_answered_first(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    asked = await node.send("dms-yte", a_status(package, "13", "H24.11", to="H24.15"))
    recall = await node.send("dms-yte", an_act(package, "1"))
    await node.send("dms-xd", a_status(package, "16", "H24.15"))
    assert await node.answers(asked) == {(0, "H24.15"): "declined"}
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed"}


# ── through another axis ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_push_that_nobody_waits_for_any_more_is_dropped_and_the_recall_is_pushed(node: Node) -> None:
    package = a_document("G22", "G17")
    sent = await node.send("dms-yte", package)
    one = await node.send("dms-yte", an_act(package, "1", "G22"))
    # The package goes up as a whole for whoever is left.
    assert await node.states(sent) == {"G22": "cancelled", "G17": "queued"}
    assert await node.count("queue") == 2
    two = await node.send("dms-yte", replace(an_act(package, "1", "G17"), attachments=(a_file(b"2"),)))
    assert await node.states(sent) == {"G22": "cancelled", "G17": "cancelled"}
    query = "SELECT package_id FROM queue ORDER BY queue_id"
    pushes = await node.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
    assert list(pushes) == [one.package_id, two.package_id]


async def test_a_recall_from_above_reaches_ours_and_is_answered_upwards(node: Node) -> None:
    package = a_document("H24.15", "G17", sender="G22")
    sent = await node.come_down(package)
    recall = await node.come_down(an_act(package, "1"))
    assert await node.closed(sent) == {"H24.15": "recalled", "G17": "recalled"}
    assert await node.states(sent) == {"H24.15": "cancelled"}
    assert await node.states(recall) == {"H24.15": "queued"}
    assert await node.count("queue") == 0
    answer = await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.states(answer) == {"G22": "queued"}
    assert await node.closed(sent) == {"H24.15": "recall_agreed", "G17": "recalled"}


async def test_our_own_recall_coming_back_is_an_echo(node: Node) -> None:
    package = a_document("G22", "H24.15")
    sent = await node.send("dms-yte", package)
    await node.send("dms-yte", an_act(package, "1", "G22"))
    echoed = await node.send("national", an_act(package, "1"), Origin.UPLINK)
    assert echoed.outcome is Outcome.ECHO
    assert await node.closed(sent) == {"G22": "recalled", "H24.15": "open"}
