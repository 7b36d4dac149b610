"""Through another axis: pushed, polled, retried, asked after; nothing lost, nothing doubled."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.edxml.model import DocumentPackage, ReplacementInfo, ResponseFor
from axis.errors import PeerRefused, PeerUnreachable
from axis.exchange.inbox import Inbox, InboxPolicy
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.exchange.service import Exchange
from axis.exchange.values import Acknowledgement, Source
from axis.ids import SystemId
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.terms import Origin
from tests.exchange.harness import ORGANS, UPLINK, Node, Plan, a_document, a_status, an_act, make_node

CITY = "haiphong"


class Line:
    """The way from the city to the national node: a Peer over the other node's exchange, that can be cut."""

    def __init__(self, national: Node) -> None:
        self.national = national
        self.before_send: list[Exception] = []  # raised instead of sending
        self.after_send: list[BaseException] = []  # raised after the partner has it: the answer is lost
        self.before_confirm: list[Exception] = []
        self.sent: list[str] = []
        self.broken: set[str] = set()

    polls = True
    tells_receivers = True

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        if self.before_send:
            raise self.before_send.pop(0)
        if outgoing.package_id in self.broken:
            raise RuntimeError("a bug")
        raw = b"".join([chunk async for chunk in content()])
        accepted = await self.national.send(CITY, raw)
        self.sent.append(outgoing.package_id)
        if self.after_send:
            raise self.after_send.pop(0)
        return Sent(ref=accepted.package_id)

    async def poll(self) -> tuple[Incoming, ...]:
        items = await self.national.exchange.pending(CITY, 200)
        return tuple(Incoming(ref=item.package_id, kind=item.kind) for item in items)

    @asynccontextmanager
    async def fetch(self, item: Incoming) -> AsyncIterator[AsyncIterator[bytes]]:
        content = await self.national.exchange.open_package(CITY, item.ref)
        yield content.chunks()
        await self.national.exchange.record_hand_over(CITY, item.ref)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        if self.before_confirm:
            raise self.before_confirm.pop(0)
        word = Acknowledgement.DONE if ok else Acknowledgement.FAIL
        await self.national.exchange.acknowledge(CITY, item.ref, word)

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        rows = await self.national.exchange.sent(CITY, ref)
        return tuple(
            ReceiverState(organ_code=row.receiver_organ, acknowledged=row.state == "acknowledged") for row in rows
        )

    async def health(self) -> None: ...

    async def close(self) -> None: ...


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> Node:
    (tmp_path / "city").mkdir()
    return await make_node(store, tmp_path / "city")


@pytest.fixture
async def national(other_store: Store, tmp_path: Path) -> Node:
    """A ministry beside the city, on a node that differs by configuration only."""
    (tmp_path / "national").mkdir()
    ministries = (OrganRow(code="G22", name="Văn phòng Chính phủ"), OrganRow(code="G17", name="Bộ Xây dựng"))
    city = Plan(
        organs=ORGANS + ministries,
        systems={CITY: ("H24",), "vpcp": ("G22",), "bxd": ("G17",)},  # the city speaks for its whole tree up there
        prefixes=(),
        uplinks=(),
    )
    return await make_node(other_store, tmp_path / "national", city)


@pytest.fixture
def line(national: Node) -> Line:
    return Line(national)


@pytest.fixture
def outbox(city: Node, line: Line) -> Outbox:
    quick = Backoff(delays_s=(30,), give_up_s=3600, jitter=0)
    partners = Partners(city.directory, [Partner(partner_id=UPLINK, adapter="line")], lambda _: line)
    return Outbox(
        city.context,
        partners,
        OutboxPolicy(
            sending=SendingPolicy(backoff=quick, ask=Backoff(delays_s=(10,), jitter=0)),
            circuit=CircuitPolicy(failures=500),
        ),
    )


@pytest.fixture
def inbox(city: Node, line: Line) -> Inbox:
    return Inbox(
        city.context, city.exchange, line, Source(system_id=SystemId(UPLINK), origin=Origin.UPLINK), InboxPolicy()
    )


async def test_a_document_goes_up_and_its_statuses_come_down(
    city: Node, national: Node, outbox: Outbox, inbox: Inbox
) -> None:
    package = a_document("G22", "G17")
    accepted = await city.send("dms-yte", package)
    assert await outbox.work()
    assert await city.states(accepted) == {"G22": "handed_over", "G17": "handed_over"}
    assert await city.statuses(accepted) == {"G22": None, "G17": None}
    assert len(await national.take("vpcp")) == 1
    for code in ("01", "03", "04", "05", "06"):
        await national.send("vpcp", a_status(package, code, "G22"))
    assert await inbox.poll() == 5
    assert await city.statuses(accepted) == {"G22": "06", "G17": None}
    assert len(await city.take("dms-yte")) == 5
    assert await national.listed(CITY) == []


async def test_the_partner_is_asked_until_each_receiver_has_it(city: Node, national: Node, outbox: Outbox) -> None:
    accepted = await city.send("dms-yte", a_document("G22", "G17"))
    await outbox.work()
    await national.take("vpcp")
    city.clock.advance(seconds=11)
    await outbox.work()
    assert await city.states(accepted) == {"G22": "acknowledged", "G17": "handed_over"}
    await national.take("bxd")
    city.clock.advance(seconds=11)
    await outbox.work()
    assert await city.states(accepted) == {"G22": "acknowledged", "G17": "acknowledged"}
    assert await city.count("queue") == 0


async def test_a_document_comes_down_and_its_statuses_go_up(
    city: Node, national: Node, outbox: Outbox, inbox: Inbox
) -> None:
    package = a_document("H24.15", "H24.88", sender="G22")
    accepted = await national.send("vpcp", package)
    assert await inbox.poll() == 1
    assert await inbox.poll() == 0
    for system, organ in (("dms-xd", "H24.15"), ("dms-phuong", "H24.88")):
        assert len(await city.take(system)) == 1
        for code in ("01", "03"):
            await city.send(system, a_status(package, code, organ))
    while await outbox.work():
        pass
    assert await national.statuses(accepted) == {"H24.15": "03", "H24.88": "03"}
    assert len(await national.take("vpcp")) == 4


async def test_an_unreachable_partner_is_tried_again_with_back_off(
    city: Node, national: Node, outbox: Outbox, line: Line
) -> None:
    accepted = await city.send("dms-yte", a_document("G22"))
    line.before_send = [PeerUnreachable("no route to host"), PeerUnreachable("502 <html>")]
    await outbox.work()
    assert await city.states(accepted) == {"G22": "retrying"}
    assert not await outbox.work()
    for _ in range(2):
        city.clock.advance(seconds=31)
        await outbox.work()
    assert await city.states(accepted) == {"G22": "handed_over"}
    assert len(await national.listed("vpcp")) == 1


async def test_a_lost_answer_leads_to_a_repeat_and_to_no_second_document(
    city: Node, national: Node, outbox: Outbox, line: Line
) -> None:
    accepted = await city.send("dms-yte", a_document("G22"))
    line.after_send = [PeerUnreachable("connection reset")]
    await outbox.work()
    city.clock.advance(seconds=31)
    await outbox.work()
    assert line.sent == [accepted.package_id] * 2
    assert await national.count("document") == 1
    assert await city.states(accepted) == {"G22": "handed_over"}


async def test_a_final_refusal_is_dead_with_its_reason_and_a_passing_one_is_tried_again(
    city: Node, outbox: Outbox, line: Line
) -> None:
    final = await city.send("dms-yte", a_document("G22", number="1"))
    line.before_send = [PeerRefused("receiver unknown", peer_code="18")]
    await outbox.work()
    assert await city.states(final) == {"G22": "dead"}
    assert await city.count("queue") == 0
    passing = await city.send("dms-yte", a_document("G22", number="2"))
    line.before_send = [PeerRefused("system error", peer_code="20", retry="later")]
    await outbox.work()
    assert await city.states(passing) == {"G22": "retrying"}


async def test_it_is_given_up_after_the_configured_time_and_somebody_is_told(
    city: Node, outbox: Outbox, line: Line
) -> None:
    accepted = await city.send("dms-yte", a_document("G22"))
    line.before_send = [PeerUnreachable("down")] * 300
    for _ in range(200):
        await outbox.work()
        city.clock.advance(seconds=31)
    assert await city.states(accepted) == {"G22": "dead"}
    assert await city.audit_kinds() == ["consignment_dead"]
    line.before_send = []
    await city.send("dms-yte", a_document("G22"))
    await outbox.work()
    assert await city.states(accepted) == {"G22": "handed_over"}


async def test_one_bad_row_does_not_stop_the_others(city: Node, outbox: Outbox, line: Line) -> None:
    bad = await city.send("dms-yte", a_document("G22", number="1"))
    good = await city.send("dms-yte", a_document("G22", number="2"))
    line.broken = {bad.package_id}
    await outbox.work()
    assert await city.states(bad) == {"G22": "retrying"}
    assert await city.states(good) == {"G22": "handed_over"}


async def test_a_status_never_overtakes_its_document(city: Node, national: Node, outbox: Outbox, line: Line) -> None:
    package = a_document("G22", "H24.15")
    await city.send("dms-yte", package)
    line.before_send = [PeerUnreachable("down")]
    await outbox.work()
    await city.send("dms-yte", a_status(package, "13", "H24.11", to="G22"))
    assert not await outbox.work()
    city.clock.advance(seconds=31)
    await outbox.work()
    await outbox.work()
    kinds = [item.kind for item in await national.exchange.pending("vpcp", 10)]
    assert kinds == ["document", "status"]


@pytest.mark.parametrize("first", [True, False])
async def test_an_act_overtakes_none_of_the_documents_that_it_names(
    city: Node, outbox: Outbox, line: Line, *, first: bool
) -> None:
    documents = [a_document("G22", "G17", number=str(number)) for number in (1, 2)]
    sent = [await city.send("dms-yte", document) for document in documents]
    late = sent[0 if first else 1].package_id
    line.broken = {late}
    while await outbox.work():
        pass
    names = tuple(ResponseFor(document_id=document.header.document_id) for document in documents)
    recall = an_act(a_document("G22", number="9", response_for=names, document_id="thu hồi hai văn bản"), "1")
    accepted = await city.send("dms-yte", recall)
    assert await city.effects(accepted) == ["applied", "applied"]
    assert not await outbox.work()  # the other one still has to get what was not pushed
    line.broken = set()
    city.clock.advance(seconds=31)
    while await outbox.work():
        pass
    assert line.sent.index(late) < line.sent.index(accepted.package_id)


async def test_a_replacement_does_not_overtake_the_document_whose_place_it_takes(
    city: Node, outbox: Outbox, line: Line
) -> None:
    old = await city.send("dms-yte", a_document("G22", "G17", number="1"))
    line.broken = {old.package_id}
    await outbox.work()
    takes = ReplacementInfo(document_id="H24.11,2026/11/24,1/SYT-VP", organ_ids=("G22",))
    new = await city.send("dms-yte", an_act(a_document("G22", number="2"), "3", replacements=(takes,)))
    assert not await outbox.work()
    line.broken = set()
    city.clock.advance(seconds=31)
    while await outbox.work():
        pass
    assert line.sent == [old.package_id, new.package_id]


async def test_a_crash_between_claim_and_record_is_taken_up_after_the_lease(
    city: Node, national: Node, outbox: Outbox, line: Line
) -> None:
    accepted = await city.send("dms-yte", a_document("G22"))
    line.after_send = [asyncio.CancelledError()]  # nothing of it gets another turn, as when the process is killed
    with pytest.raises(asyncio.CancelledError):
        await outbox.work()
    assert await city.states(accepted) == {"G22": "queued"}
    assert not await outbox.work()
    city.clock.advance(seconds=121)
    await outbox.work()
    assert await city.states(accepted) == {"G22": "handed_over"}
    assert await national.count("document") == 1


async def test_a_crash_between_accept_and_confirm_leads_to_one_document(
    city: Node, national: Node, inbox: Inbox, line: Line
) -> None:
    await national.send("vpcp", a_document("H24.15", sender="G22"))
    line.before_confirm = [PeerUnreachable("cut")]
    with pytest.raises(PeerUnreachable):
        await inbox.poll()
    assert await city.count("document") == 1
    assert await inbox.poll() == 1
    assert await city.count("document") == 1
    assert await national.listed(CITY) == []


async def test_a_package_that_cannot_be_accepted_is_answered_fail_and_the_next_one_comes(
    city: Node, national: Node, inbox: Inbox
) -> None:
    secret = a_document("H24.15", sender="G22", number="1", subject="(MẬT) không được gửi")
    raw_ok = a_document("H24.15", sender="G22", number="2")
    await _force(national, secret)
    await national.send("vpcp", raw_ok)
    assert await inbox.poll() == 1
    assert await city.count("document") == 1
    query = "SELECT state FROM consignment ORDER BY consignment_id"
    states = await national.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
    assert list(states) == ["retrying", "acknowledged"]


async def _force(national: Node, package: DocumentPackage) -> None:
    """Let a package past the national node's own check, as another vendor's axis would."""
    lax = replace(national.context, policy=replace(national.context.policy, secret_phrases=()))
    kept, national.exchange = national.exchange, Exchange(lax, national.judges, check_intake=lambda: None)
    await national.send("vpcp", package)
    national.exchange = kept


async def test_a_city_document_for_the_city_and_a_ministry_comes_back_as_an_echo_and_is_acknowledged(
    city: Node, national: Node, outbox: Outbox, inbox: Inbox
) -> None:
    accepted = await city.send("dms-yte", a_document("G22", "H24.15"))
    await outbox.work()
    assert await inbox.poll() == 1
    assert await city.count("document") == 1
    assert await city.states(accepted) == {"G22": "handed_over", "H24.15": "queued"}
    assert await national.listed(CITY) == []
