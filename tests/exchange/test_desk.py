"""Clerks whose organisation has no software read and answer at the console, and nothing they do twice counts twice."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from axis.edxml.model import StaffInfo
from axis.errors import Busy, Code, Malformed, NotAllowed, NotFound, WrongState
from axis.exchange.composing import AskBackWish
from axis.exchange.desk import AtHand, Clerk, Desk, Told, Word
from axis.exchange.forwarding import ForwardWish, ReturnWish
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Outcome
from axis.keys import NodeKey
from axis.store import queries, systems
from axis.store.records import System
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import StatusCode
from tests.exchange.harness import ORGANS, Node, Plan, a_document, an_act, make_node

INBOX = (
    OrganRow(code="H24.90", name="UBND xã dùng hộp văn bản", parent="H24"),
    OrganRow(code="H24.90.1", name="Trạm Y tế xã", parent="H24.90"),
    OrganRow(code="H24.90.2", name="Trạm Y tế cũ", parent="H24.90", status="closed"),
    OrganRow(code="H24.90.3", name="Phòng Kinh tế", parent="H24.90"),
)
COMMUNE, STATION, OFFICE, UNSERVED = "H24.90", "H24.90.1", "H24.90.3", "H24.77"


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city where one commune, and what is below it, reads at the console; another one has nothing at all."""
    made = await make_node(store, tmp_path, Plan(organs=ORGANS + INBOX))
    system = System(
        system_id="inbox", name="inbox", front="console", enabled=True, may_register=False, created_at=made.clock.now()
    )
    key = NodeKey.load(tmp_path / "node.key")
    new = NewSystem(system=system, secret_encrypted=key.encrypt("unused"), serves=(COMMUNE,))
    await store.write(lambda c: systems.add_system(c, new, made.clock.now(), "test"))
    await made.directory.refresh()
    return made


@pytest.fixture
def desk(node: Node) -> Desk:
    return Desk(node.context, node.exchange)


def a_clerk(*organs: str, name: str = "Lê Văn C") -> Clerk:
    """A clerk of some organisations."""
    organs = organs or (COMMUNE, STATION)
    return Clerk(actor=name, staff=StaffInfo(department="Văn thư", staff=name), organs=frozenset(organs))


async def the(desk: Desk, sent: Accepted, organ: str = COMMUNE) -> AtHand:
    """How a document stands at an organisation."""
    assert sent.document_uid is not None
    return (await desk.at_hand(a_clerk(organ), sent.document_uid, organ))[1]


async def a_word(node: Node, desk: Desk, sent: Accepted, code: str, reason: str = "") -> Word:
    """What a clerk says who looks at the document now."""
    assert sent.document_uid is not None
    seen = (await the(desk, sent)).seen
    at = node.clock.now()
    return Word(document_uid=sent.document_uid, organ=COMMUNE, code=StatusCode(code), reason=reason, at=at, seen=seen)


async def test_a_clerk_takes_a_document_through_all_its_steps(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    assert set((await the(desk, sent)).sayable) == {"01", "02", "03", "04", "05", "06"}
    for code in ("03", "04", "05", "06"):
        assert await desk.say(a_clerk(), await a_word(node, desk, sent, code)) is Told.SAID
        assert await node.statuses(sent) == {COMMUNE: code}
    assert set((await the(desk, sent)).sayable) == {"02"}, "only what contradicts all before is left"
    assert len(await node.listed("dms-yte")) == 4
    assert (await the(desk, sent)).last.staff == "Lê Văn C"  # type: ignore[union-attr]


async def test_a_double_click_is_one_word(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    word = await a_word(node, desk, sent, "03")
    told = await asyncio.gather(*(desk.say(a_clerk(), word) for _ in range(3)))
    assert sorted(told) == [Told.BEFORE, Told.BEFORE, Told.SAID]
    assert await desk.say(a_clerk(), word) is Told.BEFORE
    assert len(await node.listed("dms-yte")) == 1


async def test_what_somebody_else_said_meanwhile_is_not_covered_up(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    mine = await a_word(node, desk, sent, "02", "Không thuộc thẩm quyền")
    assert await desk.say(a_clerk(name="Trần Thị D"), await a_word(node, desk, sent, "03")) is Told.SAID
    assert await desk.say(a_clerk(), mine) is Told.OVERTAKEN
    assert await node.statuses(sent) == {COMMUNE: "03"}
    assert await desk.say(a_clerk(), await a_word(node, desk, sent, "02", "Nhầm")) is Told.SAID


async def test_a_refusal_needs_its_reason(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    with pytest.raises(Malformed):
        await desk.say(a_clerk(), await a_word(node, desk, sent, "02", "  "))
    assert await node.statuses(sent) == {COMMUNE: None}


async def test_what_the_state_machine_does_not_allow_is_not_said(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    await desk.say(a_clerk(), await a_word(node, desk, sent, "05"))
    for code in ("03", "05", "13", "15"):
        assert await desk.say(a_clerk(), await a_word(node, desk, sent, code)) is Told.NOT_NOW, code
    assert len(await node.listed("dms-yte")) == 1


@pytest.mark.parametrize(("code", "state"), [("15", "recall_agreed"), ("16", "recall_declined")])
async def test_a_recall_is_answered(node: Node, desk: Desk, code: str, state: str) -> None:
    document = a_document(COMMUNE)
    sent = await node.send("dms-yte", document)
    assert (await the(desk, sent)).asks is None
    await node.send("dms-yte", an_act(document, "1"))
    at_hand = await the(desk, sent)
    assert at_hand.asks is not None
    assert not at_hand.sayable, "what was recalled is frozen"
    assert not at_hand.may_pass_on
    assert await desk.say(a_clerk(), await a_word(node, desk, sent, code, "Đã hủy")) is Told.SAID
    assert await node.closed(sent) == {COMMUNE: state}
    assert (await the(desk, sent)).asks is None
    assert await desk.say(a_clerk(), await a_word(node, desk, sent, code)) is Told.NOT_NOW


async def test_who_opens_it_first_has_it_arrive_once(node: Node, desk: Desk) -> None:
    document = a_document(COMMUNE, STATION)
    sent = await node.send("dms-yte", document)
    uid = sent.document_uid
    assert uid is not None
    assert await node.states(sent) == {COMMUNE: "queued", STATION: "queued"}
    await asyncio.gather(*(desk.take_in(a_clerk(COMMUNE), uid) for _ in range(3)))
    assert await node.states(sent) == {COMMUNE: "acknowledged", STATION: "acknowledged"}, "one inbox has both"
    assert await node.statuses(sent) == {COMMUNE: "01", STATION: None}, "nobody of the station has seen it"
    assert len(await node.listed("dms-yte")) == 1
    await desk.say(a_clerk(), await a_word(node, desk, sent, "03"))
    await desk.take_in(a_clerk(COMMUNE), uid)
    assert await node.statuses(sent) == {COMMUNE: "03", STATION: None}
    assert len(await node.listed("dms-yte")) == 2


async def test_what_nobody_serves_waits_for_a_system_even_when_it_was_read(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(UNSERVED))
    await desk.take_in(a_clerk(UNSERVED), sent.document_uid or "")
    assert await node.statuses(sent) == {UNSERVED: "01"}
    assert await node.states(sent) == {UNSERVED: "queued"}


async def test_answers_wait_for_the_senders_clerk_until_it_looks(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    await desk.say(a_clerk(), await a_word(node, desk, sent, "03"))
    mine = await node.send("inbox", a_document("H24.15", sender=COMMUNE, number="7"))
    await node.take("dms-xd")
    assert mine.document_uid is not None
    status = await node.store.read(lambda c: queries.untaken(c, mine.document_uid or "", [COMMUNE], 9))
    assert not status
    await desk.take_in(a_clerk(), mine.document_uid)
    assert await node.statuses(mine) == {"H24.15": None}, "who sends does not receive"


async def test_a_disk_that_is_full_keeps_nobody_from_reading(node: Node) -> None:
    def full() -> None:
        raise Busy(Code.DISK_FULL)

    sent = await node.send("dms-yte", a_document(COMMUNE))
    desk = Desk(node.context, Exchange(node.context, node.judges, full))
    await desk.take_in(a_clerk(), sent.document_uid or "")
    assert await node.statuses(sent) == {COMMUNE: None}


async def test_an_organisation_of_others_is_not_there(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE, "H24.15"))
    uid = sent.document_uid or ""
    word = await a_word(node, desk, sent, "03")
    for clerk in (a_clerk("H24.15"), a_clerk(UNSERVED)):
        with pytest.raises(NotFound):
            await desk.say(clerk, word)
    with pytest.raises(NotFound):
        await desk.say(a_clerk("H24.15"), replace(word, organ="H24.15"))  # it has software: that one speaks
    wish = ForwardWish(document_uid=sent.document_uid, by_organ=COMMUNE, to_organ=STATION, reason="x", actor="c")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await desk.forward(a_clerk("H24.15"), wish)
    assert await desk.look(a_clerk(), "0" * 26) is None
    found = await desk.look(a_clerk("H24.15", COMMUNE), uid)
    assert found is not None
    assert [one.delivery.receiver_organ for one in found.received] == [COMMUNE]
    assert not found.sends
    assert await node.statuses(sent) == {COMMUNE: None, "H24.15": None}


async def test_a_document_is_passed_on_below_and_given_back(node: Node, desk: Desk) -> None:
    sent = await node.send("dms-yte", a_document(COMMUNE))
    assert sent.document_uid is not None
    assert [one.organ_id for one in desk.below(COMMUNE)] == [STATION, OFFICE], "the closed one takes nothing"
    wish = ForwardWish(
        document_uid=sent.document_uid, by_organ=COMMUNE, to_organ=STATION, reason="Để thực hiện", actor="c"
    )
    assert (await desk.forward(a_clerk(), wish)).changed
    assert not (await desk.forward(a_clerk(), wish)).changed
    with pytest.raises(NotAllowed):
        await desk.forward(a_clerk(), replace(wish, to_organ="H24.15"))
    back = ReturnWish(
        document_uid=sent.document_uid, by_organ=COMMUNE, reason="Gửi sai nơi", actor="c", at=node.clock.now()
    )
    assert await desk.send_back(a_clerk(), back) is Outcome.ACCEPTED
    assert await desk.send_back(a_clerk(), back) is Outcome.REPEATED
    assert not (await the(desk, sent)).may_pass_on
    with pytest.raises(WrongState):
        await desk.forward(a_clerk(), replace(wish, to_organ=OFFICE))


async def test_only_the_senders_clerk_asks_back(node: Node, desk: Desk) -> None:
    sent = await node.send("inbox", a_document("H24.15", sender=COMMUNE))
    assert sent.document_uid is not None
    wish = AskBackWish(
        document_uid=sent.document_uid, receiver_organ="H24.15", reason="gửi nhầm", actor="c", at=node.clock.now()
    )
    with pytest.raises(NotFound):
        await desk.ask_back(a_clerk(UNSERVED), wish)
    assert await desk.ask_back(a_clerk(), wish) is Outcome.ACCEPTED
    assert await desk.ask_back(a_clerk(), wish) is Outcome.REPEATED
