"""The node speaks for organisations without software of their own: composed, signed, taken in once."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from axis.edxml.model import Party, ResponseFor, StaffInfo, StatusPackage
from axis.edxml.reader import read
from axis.errors import AxisError, Code, Malformed, NotAllowed, NotFound
from axis.exchange.checks import Checks, ChecksPolicy
from axis.exchange.composing import AskBackWish, Composer, ReportWish, StatusWish, acts_for
from axis.exchange.judges import Judges
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Outcome
from axis.ids import DocumentUid
from axis.keys import NodeKey
from axis.store import queries, systems
from axis.store.records import SignaturePolicy, System
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import Origin, StatusCode
from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from axis.trust.policy import Policy as Rules
from tests.exchange.harness import ORGANS, Node, Plan, a_document, a_status, make_node
from tests.trust import pki

STAFF = StaffInfo(department="Văn thư", staff="Lê Văn C")
INBOX = (
    OrganRow(code="H24.90", name="UBND xã dùng hộp văn bản", parent="H24", old_codes=("000.00.90.H24",)),
    OrganRow(code="H24.90.1", name="Trạm Y tế xã", parent="H24.90"),
)
SIGNER = pki.signer("agency")


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Node:
    """A city where one commune and what is below it read at the console; the node signs with a key of its own."""
    named = tuple(replace(row, name=pki.AGENCY_NAME) if row.code == "H24.11" else row for row in ORGANS)
    made = await make_node(store, tmp_path, Plan(organs=named + INBOX))
    system = System(
        system_id="inbox", name="inbox", front="console", enabled=True, may_register=False, created_at=made.clock.now()
    )
    key = NodeKey.load(tmp_path / "node.key")
    new = NewSystem(system=system, secret_encrypted=key.encrypt("unused"), serves=("H24.90",))
    await store.write(lambda c: systems.add_system(c, new, made.clock.now(), "test"))
    await made.directory.refresh()
    made.exchange = Exchange(made.context, made.judges, lambda: None, Composer(SIGNER))
    return made


def a_report(node: Node, of: Accepted, receiver: str, code: str, **more: object) -> ReportWish:
    """What a clerk says of a document at a receiver, now."""
    assert of.document_uid is not None
    wish = ReportWish(
        document_uid=of.document_uid, receiver_organ=receiver, code=StatusCode(code), actor="clerk", at=node.clock.now()
    )
    return replace(wish, **more)  # type: ignore[arg-type]


def an_ask(node: Node, of: Accepted, receiver: str, **more: object) -> AskBackWish:
    """A sender's clerk wants a document back."""
    assert of.document_uid is not None
    wish = AskBackWish(
        document_uid=of.document_uid, receiver_organ=receiver, reason="gửi nhầm", actor="clerk", at=node.clock.now()
    )
    return replace(wish, **more)  # type: ignore[arg-type]


async def taken(node: Node, system_id: str) -> StatusPackage:
    """The one status in a system's list."""
    (raw,) = await node.take(system_id)
    package = read(raw)
    assert isinstance(package, StatusPackage)
    return package


# ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_console_inbox_reports_and_the_sender_gets_it_like_any_status(node: Node) -> None:
    document = a_document("H24.90")
    sent = await node.send("dms-yte", document)
    at = node.clock.now()
    wish = a_report(node, sent, "H24.90", "02", reason="không thuộc thẩm quyền", staff=STAFF, at=at)
    said = await node.exchange.report(wish)
    assert said.outcome is Outcome.ACCEPTED
    assert await node.statuses(sent) == {"H24.90": "02"}
    header = (await taken(node, "dms-yte")).header
    assert header.sender == Party(organ_id="H24.90", organ_name="UBND xã dùng hộp văn bản")
    assert header.response_for == ResponseFor(
        organ_id="H24.11",
        code="101/SYT-VP",
        document_id=document.header.document_id,
        promulgation_date="2026/11/24",
    )
    assert (header.status_code, header.description, header.staff) == ("02", "không thuộc thẩm quyền", STAFF)
    assert header.timestamp == "2026/11/24 09:00:00"  # the wish's moment, in Vietnam


async def test_what_the_node_said_is_marked_and_the_trail_names_who_wished_it(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    said = await node.exchange.report(a_report(node, sent, "H24.90", "03", actor="van-thu-xa"))
    package = await node.store.read(lambda c: queries.package(c, said.package_id))
    assert package is not None
    assert (package.origin, package.source_system) == (Origin.NODE, "node")
    query = "SELECT actor, fields FROM audit WHERE kind = 'status_composed'"
    ((actor, fields),) = await node.store.read(lambda c: c.exec_driver_sql(query).all())
    assert actor == "van-thu-xa"
    assert json.loads(fields) == {
        "package_id": said.package_id,
        "organ": "H24.90",
        "status_code": "03",
        "document_uid": sent.document_uid,
    }


async def test_five_statuses_in_turn_for_one_that_nobody_serves(store: Store, tmp_path: Path) -> None:
    organs = (
        OrganRow(code="H24", name="UBND thành phố"),
        OrganRow(code="H24.11", name="Sở Y tế", parent="H24"),
        OrganRow(code="H24.77", name="UBND xã chưa kết nối", parent="H24"),
    )
    node = await make_node(store, tmp_path, Plan(organs=organs, systems={"dms-yte": ("H24.11",)}))
    sent = await node.send("dms-yte", a_document("H24.77"))
    for code in ("01", "03", "04", "05", "06"):
        await node.exchange.report(a_report(node, sent, "H24.77", code))
        assert await node.statuses(sent) == {"H24.77": code}
    assert len(await node.listed("dms-yte")) == 5


async def test_a_report_on_a_document_from_another_axis_goes_up(node: Node) -> None:
    document = a_document("H24.90", sender="G09.1", number="7")
    sent = await node.come_down(document)
    said = await node.exchange.report(a_report(node, sent, "H24.90", "03"))
    assert await node.states(said) == {"G09.1": "queued"}
    assert await node.count("queue") == 1


async def test_the_sender_hears_the_code_that_it_wrote(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("000.00.90.H24"))
    await node.exchange.report(a_report(node, sent, "H24.90", "03"))
    assert (await taken(node, "dms-yte")).header.sender.organ_id == "000.00.90.H24"
    assert await node.statuses(sent) == {"H24.90": "03"}


async def test_a_sender_at_the_console_asks_for_a_document_back(node: Node) -> None:
    document = a_document("H24.15", sender="H24.90")
    sent = await node.send("inbox", document)
    asked = await node.exchange.ask_back(an_ask(node, sent, "H24.15", staff=STAFF))
    acts = await node.store.read(lambda c: queries.acts_on(c, str(sent.document_uid)))
    assert [(act.kind, act.reason, act.from_organ) for act in acts] == [("recall_request", "gửi nhầm", "H24.90")]
    _, status = (read(raw) for raw in await node.take("dms-xd"))
    assert isinstance(status, StatusPackage)
    assert (status.header.sender.organ_id, status.header.response_for.organ_id) == ("H24.90", "H24.15")
    assert (status.header.status_code, status.header.description) == ("13", "gửi nhầm")
    await node.send("dms-xd", a_status(document, "15", "H24.15"))
    (receiver,) = await node.store.read(lambda c: queries.act_receivers(c, acts[0].act_id))
    assert receiver.answer == "agreed"
    assert (await node.exchange.ask_back(an_ask(node, sent, "H24.15"))).package_id != asked.package_id


# ── once ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_same_report_again_has_no_second_effect(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    wish = a_report(node, sent, "H24.90", "03", reason="đã vào sổ", staff=STAFF)
    first = await node.exchange.report(wish)
    for again in (wish, replace(wish, at=node.clock.now() + timedelta(hours=1))):
        answer = await node.exchange.report(again)
        assert (answer.outcome, answer.package_id) == (Outcome.REPEATED, first.package_id)
        assert answer.document_uid == sent.document_uid
    assert await node.listed("dms-yte") == [first.package_id]
    assert await node.count("status_event") == 1


async def test_one_report_by_many_at_once_is_one_package_though_each_signature_differs(node: Node) -> None:
    node.exchange = Exchange(node.context, node.judges, lambda: None, Composer(pki.signer("person")))  # ECDSA: random
    sent = await node.send("dms-yte", a_document("H24.90"))
    await node.exchange.report(a_report(node, sent, "H24.90", "06"))  # what follows changes nothing that is guarded
    wish = a_report(node, sent, "H24.90", "03", reason="đã vào sổ")
    answers = await asyncio.gather(*(node.exchange.report(wish) for _ in range(8)))
    assert len({answer.package_id for answer in answers}) == 1
    assert [answer.outcome for answer in answers].count(Outcome.ACCEPTED) == 1
    assert await node.count("status_event") == 2
    assert await node.count("audit WHERE kind = 'status_composed'") == 2


async def test_a_late_repeat_of_an_earlier_report_is_found_by_its_wish(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    wish = a_report(node, sent, "H24.90", "03")
    first = await node.exchange.report(wish)
    await node.exchange.report(a_report(node, sent, "H24.90", "06"))
    again = await node.exchange.report(wish)
    assert (again.outcome, again.package_id) == (Outcome.REPEATED, first.package_id)


async def test_the_same_words_after_others_are_a_new_report(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    for code, reason in (("02", "nhầm"), ("03", ""), ("02", "nhầm")):
        node.clock.advance(minutes=1)
        answer = await node.exchange.report(a_report(node, sent, "H24.90", code, reason=reason))
        assert answer.outcome is Outcome.ACCEPTED
    assert await node.count("status_event") == 3


async def test_the_same_wish_is_the_same_bytes() -> None:
    wish = StatusWish(
        sender=Party(organ_id="H24.90"),
        response_for=ResponseFor(organ_id="H24.11", document_id="x"),
        code=StatusCode.ACCEPTED,
        at=pki.NOW,
    )
    composer = Composer(SIGNER)
    first, again = [await composer.compose_status(wish) for _ in range(2)]
    assert first == again
    assert first != await composer.compose_status(replace(wish, at=pki.NOW + timedelta(seconds=1)))


# ── signed ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_the_node_composes_is_signed_and_holds(node: Node) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    await node.exchange.report(a_report(node, sent, "H24.90", "03"))
    (raw,) = await node.take("dms-yte")
    verdict = verify_envelope(raw, pki.judge(pki.HARD, pki.crls()), replace(pki.AT, senders=frozenset()))
    assert verdict.overall is Overall.VALID
    assert verdict.signatures[0].signatory is not None
    assert verdict.signatures[0].signatory.name == pki.AGENCY_NAME


async def test_a_policy_that_requires_signatures_does_not_silence_the_node(node: Node) -> None:
    row = SignaturePolicy(organ_id="H24.90", envelope="require", files="require", fail_closed=True)
    await node.store.write(lambda c: queries.set_signature_policy(c, row))
    await node.directory.refresh()
    await node.judges.refresh()
    node.exchange = Exchange(node.context, node.judges, lambda: None, Composer())
    sent = await node.send("dms-yte", a_document("H24.90"))
    said = await node.exchange.report(a_report(node, sent, "H24.90", "03"))
    (verdict,) = await node.store.read(lambda c: queries.verdicts(c, said.package_id))
    assert verdict.overall == "unsigned"


async def test_the_nodes_key_signs_for_whom_it_speaks_with_a_reservation(node: Node, tmp_path: Path) -> None:
    (tmp_path / "trust").mkdir()
    for label in ("root", "interm"):
        (tmp_path / "trust" / f"{label}.cer").write_bytes(pki.certificate(label).der)
        (tmp_path / "trust" / f"{label}.crl").write_bytes(pki.crl(label))
    node.judges = Judges(node.store, node.directory, tmp_path / "trust", Rules(), node_code="H24.11")
    await node.judges.refresh()
    node.exchange = Exchange(node.context, node.judges, lambda: None, Composer(SIGNER))
    sent = await node.send("dms-yte", a_document("H24.90"))
    said = await node.exchange.report(a_report(node, sent, "H24.90", "03"))
    await node.store.write(lambda c: queries.recheck(c, said.package_id, node.clock.now()))
    assert await Checks(node.context, node.judges, ChecksPolicy()).work()
    for verdict in await node.store.read(lambda c: queries.verdicts(c, said.package_id)):
        assert verdict.overall == "valid-with-warnings"
        assert "superior_signed" in verdict.content


# ── refused ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_node_speaks_for_nobody_who_has_software_of_its_own(node: Node) -> None:
    served = a_document("H24.15", "G09.1")
    sent = await node.send("dms-yte", served)
    before = await node.count("package")
    for receiver in ("H24.15", "G09.1"):
        with pytest.raises(NotAllowed) as refused:
            await node.exchange.report(a_report(node, sent, receiver, "03"))
        assert refused.value.code is Code.NOT_ALLOWED
    with pytest.raises(NotAllowed):
        await node.exchange.ask_back(an_ask(node, sent, "H24.15"))
    from_above = await node.come_down(a_document("H24.15", sender="H24.90", number="8", document_id="down"))
    assert from_above.outcome is Outcome.ECHO
    assert await node.count("package") == before
    assert await node.count("status_event") == 0


async def test_the_node_does_not_speak_for_organisations_of_another_axis(store: Store, tmp_path: Path) -> None:
    organs = (*ORGANS, OrganRow(code="G09.1", name="Bộ"))
    node = await make_node(store, tmp_path, Plan(organs=organs))
    sent = await node.come_down(a_document("H24.15", sender="G09.1", number="7"))
    assert acts_for(node.directory.current, "G09.1")
    with pytest.raises(NotAllowed):
        await node.exchange.ask_back(an_ask(node, sent, "H24.15"))
    away = await node.send("dms-yte", a_document("G09.1"))
    with pytest.raises(NotAllowed):
        await node.exchange.report(a_report(node, away, "G09.1", "03"))


@pytest.mark.parametrize(
    ("more", "refusal", "code"),
    [
        ({"code": StatusCode.RECALL_REQUESTED, "reason": "x"}, Malformed, Code.BAD_STATUS_CODE),
        ({"code": StatusCode.REFUSED, "reason": "  "}, Malformed, Code.FIELD_INVALID),
        ({"reason": "\x08"}, Malformed, Code.FIELD_INVALID),
        ({"reason": "x" * 4_001}, Malformed, Code.FIELD_INVALID),
        ({"staff": StaffInfo(staff="\x00")}, Malformed, Code.FIELD_INVALID),
        ({"receiver_organ": "H24.88"}, NotFound, Code.NOT_FOUND),
        ({"document_uid": DocumentUid("01JDXXXXXXXXXXXXXXXXXXXXXX")}, NotFound, Code.NOT_FOUND),
    ],
    ids=["the sender's code", "no reason", "not XML", "too long", "staff not XML", "not addressed", "no document"],
)
async def test_a_bad_wish_is_refused_and_leaves_nothing(
    node: Node, more: dict[str, object], refusal: type[AxisError], code: Code
) -> None:
    sent = await node.send("dms-yte", a_document("H24.90"))
    with pytest.raises(refusal) as refused:
        await node.exchange.report(replace(a_report(node, sent, "H24.90", "03"), **more))  # type: ignore[arg-type]
    assert refused.value.code is code
    assert await node.count("package") == 1
    assert await node.statuses(sent) == {"H24.90": None}


async def test_a_request_without_its_reason_is_refused(node: Node) -> None:
    sent = await node.send("inbox", a_document("H24.15", sender="H24.90"))
    with pytest.raises(Malformed):
        await node.exchange.ask_back(an_ask(node, sent, "H24.15", reason=""))


async def test_for_whom_the_node_speaks(node: Node) -> None:
    directory = node.directory.current
    spoken_for = {organ.organ_id for organ in directory.organs() if acts_for(directory, organ.organ_id)}
    assert spoken_for == {"H24", "H24.77", "H24.90", "H24.90.1"}  # no system, or the console; never the closed ones
    assert not acts_for(directory, "G09.1")
