"""Updates and replacements: what a document says now, who has it, what has taken its place."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest

from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Receiver,
    ReplacementInfo,
    SignerInfo,
)
from axis.errors import Code, WrongState
from axis.exchange.context import ReceiverTypes
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Acknowledgement, Outcome
from axis.store import queries
from axis.terms import Place
from tests.exchange.harness import Node, a_document, a_file, a_status, an_act


def an_update(of: DocumentPackage, *to: str, listed: dict[str, str] | None = None, **header: object) -> DocumentPackage:
    """An update of a document; listed: receivers by ReceiverType."""
    lines = tuple(Receiver(organ_id=organ, receiver_type=kind) for organ, kind in (listed or {}).items())
    info = BusinessDocumentInfo(document_info="1", document_receiver="1", receivers=lines)
    act = an_act(of, "2", *to, document_info=info)
    return replace(act, header=replace(act.header, **header))  # type: ignore[arg-type]


def a_replacement(by: DocumentPackage, *of: tuple[DocumentPackage, tuple[str, ...]]) -> DocumentPackage:
    """A document that takes the place of others, each for the listed organisations."""
    infos = tuple(ReplacementInfo(document_id=one.header.document_id, organ_ids=organs) for one, organs in of)
    return replace(by, header=replace(by.header, business=Business(business_doc_type="3", replacements=infos)))


async def changed(node: Node, accepted: Accepted) -> dict[str, tuple[str | None, str | None]]:
    """What an update changed, before and after."""
    act = await node.store.read(lambda c: queries.act_of_package(c, accepted.package_id))
    assert act is not None
    rows = await node.store.read(lambda c: queries.document_changes(c, act.act_id))
    return {row.field: (row.before, row.after) for row in rows}


# ── update ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_changed_texts_are_kept_with_before_and_after_and_the_document_shows_the_newest(node: Node) -> None:
    package = a_document("H24.15", due_date="2026/12/01", signer=SignerInfo(full_name="Trần Văn Mẫu"))
    sent = await node.send("dms-yte", package)
    first = await node.document(sent)
    update = await node.send(
        "dms-yte",
        an_update(
            package,
            subject="Trích yếu mới",
            due_date="15/12/2026",
            other=OtherInfo(priority="2"),
            document_type=DocumentType(type_name="Kế hoạch"),
            signer=SignerInfo(full_name="Lê Thị Mẫu"),
        ),
    )
    assert await changed(node, update) == {
        "subject": ("V/v tăng cường phòng, chống dịch", "Trích yếu mới"),
        "due_date": ("2026/12/01", "15/12/2026"),
        "priority": (None, "2"),
        "type_name": (None, "Kế hoạch"),
        "signer_full_name": ("Trần Văn Mẫu", "Lê Thị Mẫu"),
    }
    now = await node.document(sent)
    assert (now.subject, now.due_date, now.urgency, now.type_name) == ("Trích yếu mới", "2026-12-15", 2, "Kế hoạch")
    assert (now.package_id, now.identity, now.code) == (first.package_id, first.identity, first.code)
    # Another one for the same reason is one of its own, when it says something else.
    third = an_update(package, subject="Lần ba", due_date="", signer=SignerInfo(full_name="Lê Thị Mẫu"))
    assert await changed(node, await node.send("dms-yte", third)) == {
        "subject": ("Trích yếu mới", "Lần ba"),
        "due_date": ("15/12/2026", None),
    }
    assert (await node.send("dms-yte", third)).outcome is Outcome.REPEATED
    assert (await node.document(sent)).due_date is None
    (leaf, _) = await node.leaves("act_applied")
    assert leaf["fields"] == ["due_date", "priority", "signer_full_name", "subject", "type_name"]


async def test_an_update_that_says_nothing_new_is_delivered_and_changes_nothing(node: Node) -> None:
    package = a_document("H24.15", subject="Trích  yếu")
    await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, subject="Trích yếu"))
    assert await node.effects(update) == ["nothing"]
    assert await changed(node, update) == {}
    assert await node.listed("dms-xd") == [update.package_id]


async def test_texts_do_not_change_when_the_update_says_so_nor_receivers(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    lines = (Receiver(organ_id="H24.88", receiver_type="0"), Receiver(organ_id="H24.15", receiver_type="1"))
    info = BusinessDocumentInfo(document_info="0", document_receiver="0", receivers=lines)
    act = an_act(package, "2", document_info=info)
    update = await node.send("dms-yte", replace(act, header=replace(act.header, subject="Khác")))
    assert await node.effects(update) == ["nothing"]
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.listed("dms-phuong") == []


async def test_receivers_are_added_and_removed_and_all_of_them_get_the_update_itself(node: Node) -> None:
    package = a_document("H24.15", "H24.11.3", sender="H24.11")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, listed={"H24.88": "0", "H24.15": "1"}))
    assert await node.closed(sent) == {"H24.15": "removed", "H24.11.3": "open", "H24.88": "open"}
    assert await node.listed("dms-xd") == await node.listed("dms-phuong") == [update.package_id]
    # The one added has the document by the update; its statuses count from now on. The one removed is out.
    await node.send("dms-phuong", a_status(package, "03", "H24.88"))
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": None, "H24.11.3": None, "H24.88": "03"}
    (_, fields) = (await node.events("dms-phuong"))[-1]
    assert fields["receivers"] == ["H24.88"]


async def test_who_is_removed_before_the_hand_over_never_gets_the_document(node: Node) -> None:
    package = a_document("H24.15", "H24.88")
    sent = await node.send("dms-yte", package)
    update = await node.send("dms-yte", an_update(package, "H24.15", listed={"H24.88": "1"}))
    assert await node.states(sent) == {"H24.15": "queued", "H24.88": "cancelled"}
    assert await node.listed("dms-phuong") == [update.package_id]
    assert (await node.document(sent)).state.value == "open"


async def test_who_was_removed_can_be_added_again(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    await node.send("dms-yte", an_update(package, listed={"H24.15": "1"}))
    assert (await node.document(sent)).state.value == "withdrawn"
    await node.send("dms-yte", an_update(package, listed={"H24.15": "0"}))
    assert await node.closed(sent) == {"H24.15": "open"}
    assert (await node.document(sent)).state.value == "open"
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "03"}


async def test_who_is_listed_as_both_is_removed_and_the_two_types_can_be_swapped(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    lines = tuple(Receiver(organ_id="H24.15", receiver_type=kind) for kind in ("1", "0"))
    info = BusinessDocumentInfo(document_info="1", document_receiver="1", receivers=lines)
    await node.send("dms-yte", an_act(package, "2", document_info=info))
    assert await node.closed(sent) == {"H24.15": "removed"}
    policy = replace(node.context.policy, receiver_types=ReceiverTypes(added="1", removed="0"))
    swapped = Exchange(replace(node.context, policy=policy), node.judges, check_intake=lambda: None)
    node.exchange = swapped
    await node.send("dms-yte", an_update(package, listed={"H24.15": "1"}))
    assert await node.closed(sent) == {"H24.15": "open"}


async def test_an_update_may_not_change_the_number(node: Node) -> None:
    package = a_document("H24.15", number="1")
    sent = await node.send("dms-yte", package)
    other = a_document("H24.15", number="2", document_id=package.header.document_id)
    with pytest.raises(WrongState) as refused:
        await node.send("dms-yte", an_update(other, listed={"H24.88": "0"}))
    assert refused.value.code is Code.CODE_CHANGED
    assert await node.closed(sent) == {"H24.15": "open"}
    assert await node.count("act") == 0
    assert await node.listed("dms-phuong") == []


async def test_an_update_names_its_document_in_business_first(node: Node) -> None:
    meant = a_document("H24.15", number="1")
    sent = await node.send("dms-yte", meant)
    own = replace(meant, header=replace(meant.header, document_id="the-update"))
    act = an_act(own, "2", document_id=meant.header.document_id)
    update = await node.send("dms-yte", replace(act, header=replace(act.header, subject="Mới")))
    assert update.document_uid == sent.document_uid
    assert (await node.document(sent)).subject == "Mới"
    # What is said about the update's own DocumentId is about its document.
    await node.send("dms-xd", a_status(own, "01", "H24.15"))
    assert await node.statuses(sent) == {"H24.15": "01"}


async def test_a_recalled_document_is_frozen_with_its_texts_and_whoever_is_added_begins_closed(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.send("dms-yte", an_act(package, "1"))
    update = await node.send("dms-yte", an_update(package, listed={"H24.88": "0"}, subject="Sau thu hồi"))
    assert await changed(node, update) == {}
    assert (await node.document(sent)).subject == package.header.subject
    assert await node.closed(sent) == {"H24.15": "recalled", "H24.88": "recalled"}
    assert (await node.document(sent)).state.value == "recalled"
    assert update.package_id in await node.listed("dms-phuong")
    said = await node.send("dms-phuong", a_status(package, "01", "H24.88"))
    assert said.package_id in await node.listed("dms-yte")


async def test_a_recall_takes_a_waiting_update_back_too_and_nobody_has_to_answer_it(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, subject="Mới"))
    recall = await node.send("dms-yte", an_act(package, "1"))
    assert await node.states(update) == {"H24.15": "cancelled"}
    assert await node.answers(update) == {(0, "H24.15"): "withdrawn"}
    assert await node.listed("dms-xd") == [recall.package_id]
    await node.send("dms-xd", a_status(package, "15", "H24.15"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed"}


async def test_what_a_repeat_of_an_update_brought_is_taken_back_with_the_rest(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, subject="Mới"))
    await node.send("dms-yte", an_update(package, "H24.15", "H24.88", subject="Mới"))
    recall = await node.send("dms-yte", an_act(package, "1", "H24.15", "H24.88"))
    assert await node.answers(update) == {(0, "H24.15"): "withdrawn", (0, "H24.88"): "withdrawn"}
    await node.send("dms-phuong", a_status(package, "15", "H24.88"))
    assert await node.answers(recall) == {(0, "H24.15"): None, (0, "H24.88"): "agreed"}


async def test_an_update_that_came_first_counts_for_whom_it_reached_once_a_repeat_for_others_applies_it(
    node: Node,
) -> None:
    package = a_document("H24.88")
    early = await node.send("dms-yte", an_update(package, "H24.15", "G22"))
    assert await node.effects(early) == ["unknown"]
    sent = await node.send("dms-yte", package)
    again = await node.send("dms-yte", an_update(package, "H24.88"))
    assert (again.outcome, await node.effects(early)) == (Outcome.REPEATED, ["applied"])
    assert await node.closed(sent) == {"G22": "open", "H24.15": "open", "H24.88": "open"}
    brought = await node.deliveries(sent)
    assert (brought["H24.15"].place, brought["G22"].place) == (Place.LOCAL, Place.UPLINK)
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    assert (await node.deliveries(sent))["H24.15"].status_code == "03"


async def test_a_repeat_of_a_document_opens_only_what_carries_it(node: Node) -> None:
    package = a_document("H24.15")
    await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, subject="Mới"))
    for _ in range(10):
        await node.exchange.acknowledge("dms-xd", update.package_id, Acknowledgement.FAIL)
        node.clock.advance(hours=4)
    assert await node.states(update) == {"H24.15": "dead"}
    await node.send("dms-yte", package)
    assert await node.states(update) == {"H24.15": "dead"}
    await node.send("dms-yte", an_update(package, subject="Mới"))
    assert await node.states(update) == {"H24.15": "queued"}


async def test_a_status_about_a_replacement_is_never_about_what_it_replaced(node: Node) -> None:
    old = a_document("H24.15", "H24.88", number="1")
    sent = await node.send("dms-yte", old)
    new = a_replacement(a_document("H24.15", number="2"), (old, ("H24.15",)))
    await node.send("dms-yte", new)
    with pytest.raises(WrongState) as refused:
        await node.send("dms-phuong", a_status(new, "03", "H24.88"))
    assert refused.value.code is Code.STATUS_UNMATCHED
    assert await node.statuses(sent) == {"H24.15": None, "H24.88": None}


async def test_an_update_is_answered_and_its_answer_moves_nothing(node: Node) -> None:
    package = a_document("H24.15")
    sent = await node.send("dms-yte", package)
    await node.take("dms-xd")
    update = await node.send("dms-yte", an_update(package, subject="Mới"))
    await node.send("dms-xd", a_status(package, "16", "H24.15"))
    assert await node.answers(update) == {(0, "H24.15"): "declined"}
    assert await node.closed(sent) == {"H24.15": "open"}


async def test_an_urgent_update_does_not_overtake_its_document(node: Node) -> None:
    package = a_document("H24.15", "G22", number="1")
    sent = await node.send("dms-yte", package)
    urgent = await node.send("dms-yte", a_document("H24.15", number="2", other=OtherInfo(priority="2")))
    update = await node.send("dms-yte", an_update(package, other=OtherInfo(priority="3")))
    assert await node.listed("dms-xd") == [sent.package_id, update.package_id, urgent.package_id]
    query = "SELECT package_id, urgency FROM queue ORDER BY queue_id"
    pushes = await node.store.read(lambda c: c.exec_driver_sql(query).all())
    assert [tuple(row) for row in pushes] == [(sent.package_id, 3), (update.package_id, 3)]


async def test_updates_at_once_leave_a_chain_of_texts_without_a_gap(node: Node) -> None:
    package = a_document("H24.15", subject="0")
    sent = await node.send("dms-yte", package)
    several = (an_update(package, subject=str(n)) for n in range(1, 7))
    answers = await asyncio.gather(*(node.send("dms-yte", update) for update in several))
    steps = dict([(await changed(node, answer))["subject"] for answer in answers])
    text: str | None = "0"
    for _ in answers:
        text = steps[text]
    assert text == (await node.document(sent)).subject
    assert len(steps) == len(answers)


async def test_a_late_repeat_of_an_update_does_not_bring_old_texts_back(node: Node) -> None:
    package = a_document("H24.15", subject="0")
    sent = await node.send("dms-yte", package)
    old = replace(an_update(package, subject="1"), attachments=(a_file(b"1"),))
    await node.send("dms-yte", old)
    await node.send("dms-yte", replace(an_update(package, subject="2"), attachments=(a_file(b"2"),)))
    wider = replace(an_update(package, "H24.15", "H24.88", subject="1"), attachments=(a_file(b"1"),))
    again = await node.send("dms-yte", wider)
    assert again.outcome is Outcome.REPEATED
    assert (await node.document(sent)).subject == "2"
    assert await node.closed(sent) == {"H24.15": "open", "H24.88": "open"}


# ── replacement ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_replacement_closes_the_old_document_for_the_listed_ones_only(node: Node) -> None:
    old = a_document("H24.15", "H24.88", number="1")
    sent = await node.send("dms-yte", old)
    await node.take("dms-xd")
    new = a_replacement(a_document("H24.15", "H24.88", number="2"), (old, ("H24.15",)))
    replaced = await node.send("dms-yte", new)
    assert await node.closed(sent) == {"H24.15": "replaced", "H24.88": "open"}
    assert (await node.document(sent)).state.value == "open"
    assert await node.statuses(replaced) == {"H24.15": None, "H24.88": None}
    assert await node.listed("dms-xd") == [replaced.package_id]
    assert await node.listed("dms-phuong") == [sent.package_id, replaced.package_id]
    ((kind, fields),) = await node.events("dms-xd")
    assert (kind, fields["receivers"]) == ("document_replaced", ["H24.15"])


async def test_an_old_document_that_was_not_handed_over_is_not_any_more(node: Node) -> None:
    old = a_document("H24.15", "H24.88", number="1")
    sent = await node.send("dms-yte", old)
    new = await node.send("dms-yte", a_replacement(a_document("H24.15", "H24.88", number="2"), (old, ())))
    assert await node.states(sent) == {"H24.15": "cancelled", "H24.88": "cancelled"}
    assert (await node.document(sent)).state.value == "replaced"
    assert await node.listed("dms-xd") == [new.package_id]


async def test_who_is_listed_and_does_not_get_the_new_document_keeps_the_old_one(node: Node) -> None:
    old = a_document("H24.15", "H24.88", number="1")
    sent = await node.send("dms-yte", old)
    await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ("H24.15", "H24.88"))))
    assert await node.closed(sent) == {"H24.15": "replaced", "H24.88": "open"}
    assert await node.listed("dms-phuong") == [sent.package_id]


async def test_one_document_replaces_several_listed_twice_is_once(node: Node) -> None:
    one, two = a_document("H24.15", "H24.88", number="1"), a_document("H24.15", number="2")
    first, second = await node.send("dms-yte", one), await node.send("dms-yte", two)
    new = a_replacement(
        a_document("H24.15", "H24.88", number="3"),
        (one, ("H24.15",)),
        (one, ("H24.15", "000.00.88.H24")),
        (two, ()),
        (a_document("H24.15", number="9"), ()),
    )
    replaced = await node.send("dms-yte", new)
    assert await node.effects(replaced) == ["applied", "applied", "unknown"]
    assert await node.closed(first) == {"H24.15": "replaced", "H24.88": "replaced"}
    assert await node.closed(second) == {"H24.15": "replaced"}


async def test_a_replacement_of_a_replacement_is_a_chain(node: Node) -> None:
    packages = [a_document("H24.15", number=str(number)) for number in range(3)]
    sent = [await node.send("dms-yte", packages[0])]
    for old, new in pairwise(packages):
        sent.append(await node.send("dms-yte", a_replacement(new, (old, ()))))
    assert [(await node.document(one)).state.value for one in sent] == ["replaced", "replaced", "open"]
    # The first one once more: it stays with its first successor.
    late = await node.send("dms-yte", a_replacement(a_document("H24.15", number="9"), (packages[0], ())))
    assert await node.effects(late) == ["nothing"]


async def test_statuses_are_about_the_latest_edition_that_was_handed_to_the_receiver(node: Node) -> None:
    package = a_document("H24.15")
    first = await node.send("dms-yte", package)
    await node.take("dms-xd")
    second = await node.send("dms-yte", a_replacement(package, (package, ("H24.15",))))
    assert (await node.document(second)).edition == 2
    await node.send("dms-xd", a_status(package, "03", "H24.15"))
    # It has not fetched the new edition yet: it speaks of the one that it has.
    assert await node.statuses(second) == {"H24.15": None}
    assert await node.closed(first) == {"H24.15": "replaced"}
    await node.take("dms-xd")
    await node.send("dms-xd", a_status(package, "01", "H24.15"))
    assert await node.statuses(second) == {"H24.15": "01"}


async def test_a_repeated_replacement_closes_the_old_one_for_further_receivers_too(node: Node) -> None:
    old = a_document("H24.15", "H24.88", number="1")
    sent = await node.send("dms-yte", old)
    replaced = await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ())))
    assert await node.closed(sent) == {"H24.15": "replaced", "H24.88": "open"}
    wider = a_replacement(a_document("H24.15", "H24.88", number="2"), (old, ()))
    again = await node.send("dms-yte", wider)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, replaced.package_id)
    assert await node.closed(sent) == {"H24.15": "replaced", "H24.88": "replaced"}
    leaves = await node.count("leaf")
    await node.send("dms-yte", wider)
    assert await node.count("leaf") == leaves


async def test_a_replacement_that_came_before_the_old_document_closes_it_when_repeated(node: Node) -> None:
    old = a_document("H24.15", number="1")
    new = a_replacement(a_document("H24.15", number="2"), (old, ()))
    replaced = await node.send("dms-yte", new)
    assert await node.effects(replaced) == ["unknown"]
    sent = await node.send("dms-yte", old)
    await node.send("dms-yte", new)
    assert await node.effects(replaced) == ["applied"]
    assert await node.closed(sent) == {"H24.15": "replaced"}


async def test_a_replacement_that_names_itself_is_not_its_own_predecessor(node: Node) -> None:
    package = a_document("H24.15", number="5")
    takes = ReplacementInfo(document_id=package.header.document_id)
    act = an_act(package, "3", replacements=(takes,))
    sent = await node.send("dms-yte", act)
    await node.send("dms-yte", an_act(package, "3", "H24.15", "H24.88", replacements=(takes,)))
    assert await node.effects(sent) == ["unknown"]
    assert await node.closed(sent) == {"H24.15": "open", "H24.88": "open"}


async def test_what_came_before_a_recall_that_is_declined_does_not_count_after_all(node: Node) -> None:
    old = a_document("H24.15", number="1")
    sent = await node.send("dms-yte", old)
    await node.take("dms-xd")
    await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ())))
    await node.send("dms-xd", a_status(old, "06", "H24.15"))  # of what is replaced: too late
    await node.send("dms-yte", an_act(old, "1"))
    await node.send("dms-xd", a_status(old, "03", "H24.15"))  # it crosses the recall
    await node.send("dms-xd", a_status(old, "16", "H24.15"))
    assert await node.closed(sent) == {"H24.15": "recall_declined"}
    assert await node.statuses(sent) == {"H24.15": "03"}


async def test_a_replaced_document_reaches_nobody_new(node: Node) -> None:
    old = a_document("H24.15", number="1")
    await node.send("dms-yte", old)
    await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ())))
    with pytest.raises(WrongState) as refused:
        await node.send("dms-yte", a_document("H24.15", "H24.88", number="1"))
    assert (refused.value.code, refused.value.detail) == (Code.DOCUMENT_CLOSED, "replaced: H24.88")


async def test_a_recalled_document_is_not_replaced_and_what_was_replaced_can_be_recalled(node: Node) -> None:
    old = a_document("H24.15", number="1")
    sent = await node.send("dms-yte", old)
    await node.send("dms-yte", an_act(old, "1"))
    new = await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ())))
    assert await node.effects(new) == ["nothing"]
    assert await node.closed(sent) == {"H24.15": "recalled"}
    assert await node.closed(new) == {"H24.15": "open"}
    other = a_document("H24.15", number="3")
    third = await node.send("dms-yte", other)
    await node.send("dms-yte", a_replacement(a_document("H24.15", number="4"), (other, ())))
    await node.send("dms-yte", an_act(other, "1"))
    assert await node.closed(third) == {"H24.15": "recalled"}


async def test_an_answer_goes_to_the_recall_and_not_to_the_older_replacement(node: Node) -> None:
    old = a_document("H24.15", number="1")
    await node.send("dms-yte", old)
    replaced = await node.send("dms-yte", a_replacement(a_document("H24.15", number="2"), (old, ())))
    recall = await node.send("dms-yte", an_act(old, "1"))
    await node.send("dms-xd", a_status(old, "15", "H24.15"))
    assert await node.answers(recall) == {(0, "H24.15"): "agreed"}
    assert await node.answers(replaced) == {(0, "H24.15"): None}
    await node.send("dms-xd", a_status(old, "16", "H24.15"))
    assert await node.answers(replaced) == {(0, "H24.15"): "declined"}


async def test_a_replacement_without_a_list_of_documents_is_a_document(node: Node) -> None:
    replaced = await node.send("dms-yte", a_replacement(a_document("H24.15")))
    assert await node.effects(replaced) == []
    assert await node.listed("dms-xd") == [replaced.package_id]


async def test_an_update_of_a_stranger_is_never_applied_from_above(node: Node) -> None:
    package = a_document("H24.15", sender="G22")
    sent = await node.come_down(package)
    update = await node.come_down(an_update(package, listed={"H24.88": "0"}, subject="Mới"))
    assert (await node.document(sent)).subject == "Mới"
    assert await node.closed(sent) == {"H24.15": "open", "H24.88": "open"}
    assert await node.states(update) == {"H24.15": "queued", "H24.88": "queued"}
    assert await node.count("queue") == 0
