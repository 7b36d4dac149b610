"""Two nodes compare a day over real HTTP: what was lost on either side shows, and comes back; nothing cries wolf."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import text

from adapters.vxp.calls import Call
from adapters.vxp.client import VxpClient
from adapters.vxp.wire import Operation
from axis.delivery.ledger import Direction, What
from axis.delivery.partner import Partner
from axis.edxml.model import DocumentPackage
from axis.errors import NotFound, PeerRefused, PeerUnreachable, WrongState
from axis.exchange.inbox import Inbox, InboxPolicy
from axis.exchange.ledger import Side
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.parcel import push_row
from axis.exchange.partners import Partners
from axis.exchange.reconciling import Compared, ReconcilePolicy, Reconciling
from axis.exchange.values import Acknowledgement, Source
from axis.ids import SystemId
from axis.ops.reconciling import Nightly
from axis.store import queries
from axis.store.queries import Push
from axis.store.registry import OrganRow
from axis.store.store import Store
from axis.terms import Origin, Urgency
from tests.exchange.harness import ORGANS, UPLINK, Node, Plan, a_document, a_file, a_status, an_act, make_node
from tests.vxp.city import client_of, front_of, serving

CITY, MINISTRY = "haiphong", "dms-bo"
DAY = date(2026, 11, 24)
OF_PACKAGE = "document_uid IN (SELECT document_uid FROM document WHERE package_id = :p)"
NATIONAL_PLAN = Plan(
    organs=(
        OrganRow(code="H24", name="UBND thành phố"),
        *(organ for organ in ORGANS if organ.code in ("H24.11", "H24.15", "H24.88")),
        OrganRow(code="A44", name="Bộ Y tế"),
        OrganRow(code="A45", name="Bộ Xây dựng"),
    ),
    systems={CITY: ("H24",), MINISTRY: ("A44", "A45")},
    prefixes=(),
    uplinks=(),
)


@dataclass
class Pair:
    """A city and the national axis above it."""

    city: Node
    national: Node
    peer: VxpClient
    reconciling: Reconciling
    outbox: Outbox
    inbox: Inbox

    async def exchange(self) -> None:
        """Let everything travel that can."""
        while await self.outbox.work():
            pass
        await self.inbox.poll()

    async def compare(self, *, again: bool = False, day: date = DAY) -> Compared:
        return await self.reconciling.compare(UPLINK, day, again=again)

    async def send_up(self, number: str = "1", *to: str) -> DocumentPackage:
        document = a_document(*(to or ("A44",)), number=number)
        await self.city.send("dms-yte", document)
        await self.exchange()
        return document

    async def send_down(self, number: str = "1", *to: str) -> DocumentPackage:
        document = a_document(*(to or ("H24.15",)), sender="A44", number=number)
        await self.national.send(MINISTRY, document)
        await self.exchange()
        return document


@asynccontextmanager
async def paired(city: Node, national: Node, endpoint: str) -> AsyncIterator[Pair]:
    peer = client_of(endpoint, national, CITY)
    partner = Partner(partner_id=UPLINK, adapter="vxp", options={}, secrets={})
    partners = Partners(city.directory, [partner], lambda _: peer)
    await partners.refresh()
    policy = ReconcilePolicy(asks_per_minute=1_000_000)
    yield Pair(
        city=city,
        national=national,
        peer=peer,
        reconciling=Reconciling(city.context, partners, policy),
        outbox=Outbox(city.context, partners, OutboxPolicy()),
        inbox=Inbox(
            city.context, city.exchange, peer, Source(system_id=SystemId(UPLINK), origin=Origin.UPLINK), InboxPolicy()
        ),
    )
    await peer.close()


@pytest.fixture
async def pair(store: Store, other_store: Store, tmp_path: Path) -> AsyncIterator[Pair]:
    folders = [tmp_path / name for name in ("city", "national")]
    for folder in folders:
        folder.mkdir()
    city = await make_node(store, folders[0])
    national = await make_node(other_store, folders[1], NATIONAL_PLAN)
    async with serving(front_of(national.exchange, national)) as endpoint, paired(city, national, endpoint) as pair:
        yield pair


async def lose(node: Node, package_id: str) -> None:
    """Take a package out of a database by hand, as a bad restore would."""
    about = [
        "DELETE FROM check_due WHERE package_id = :p",
        "DELETE FROM verdict_evidence WHERE verdict_id IN (SELECT verdict_id FROM verdict WHERE package_id = :p)",
        "DELETE FROM finding WHERE verdict_id IN (SELECT verdict_id FROM verdict WHERE package_id = :p)",
        "DELETE FROM verdict WHERE package_id = :p",
        "DELETE FROM status_event WHERE package_id = :p",
        "DELETE FROM queue WHERE package_id = :p",
        "DELETE FROM consignment WHERE package_id = :p",
        "DELETE FROM attachment WHERE package_id = :p",
        f"DELETE FROM deadline WHERE {OF_PACKAGE}",
        f"DELETE FROM delivery WHERE {OF_PACKAGE}",
        "DELETE FROM package WHERE package_id = :p",
        "DELETE FROM document WHERE package_id = :p",
    ]
    for statement in about:
        await node.store.write(lambda c, s=statement: c.execute(text(s), {"p": package_id}).rowcount)  # type: ignore[misc]


async def package_id_of(node: Node, document: DocumentPackage) -> str:
    asked = {"d": document.header.document_id}
    query = text("SELECT package_id FROM package WHERE document_id = :d AND kind = 'document' ORDER BY package_id")
    found = await node.store.read(lambda c: c.execute(query, asked).scalars().first())
    assert found is not None
    return str(found)


async def holds(node: Node, document: DocumentPackage) -> bool:
    query = text("SELECT count(*) FROM package WHERE document_id = :d AND kind = 'document'")
    return bool(await node.store.read(lambda c: c.execute(query, {"d": document.header.document_id}).scalar_one()))


def kinds(compared: Compared) -> list[tuple[What, Direction]]:
    return [(difference.what, difference.item.direction) for difference in compared.differences]


async def test_a_day_of_documents_statuses_and_acts_agrees_by_its_digests_alone(pair: Pair) -> None:
    document = await pair.send_up("1", "A44", "H24.88", "A45")
    await pair.city.send("dms-yte", an_act(document, "1", "A44", "A45"))
    answer = await pair.send_down("2", "H24.15", "H24.88", "A45")
    await pair.city.send("dms-xd", a_status(answer, "01", "H24.15"))
    await pair.national.send(MINISTRY, a_status(document, "03", "A44"))
    await pair.exchange()
    compared = await pair.compare()
    assert compared.theirs == compared.ours
    assert {digest.direction: digest.count for digest in compared.ours} == {Direction.UP: 3, Direction.DOWN: 2}
    assert (compared.state, compared.differences) == ("agreed", ())


async def test_an_empty_day_agrees(pair: Pair) -> None:
    assert (await pair.compare()).state == "agreed"


async def test_what_the_national_axis_lost_is_found_and_sent_again(pair: Pair) -> None:
    kept, lost = await pair.send_up("1"), await pair.send_up("2", "A44", "A45")
    await lose(pair.national, await package_id_of(pair.national, lost))
    compared = await pair.compare()
    assert kinds(compared) == [(What.MISSING_THERE, Direction.UP)]
    assert compared.differences[0].item.document_id == lost.header.document_id
    assert not await holds(pair.national, lost)  # comparing changes nothing

    again = await pair.compare(again=True)
    assert again.sent_again == 1
    await pair.exchange()
    assert await holds(pair.national, lost)
    assert (await pair.compare()).differences == ()
    listed = await pair.national.exchange.pending(MINISTRY, 10)
    assert sorted(item.document_id for item in listed) == sorted((kept.header.document_id, lost.header.document_id))


async def test_what_the_city_lost_is_found_and_fetched_again(pair: Pair) -> None:
    await pair.send_down("1")
    lost = await pair.send_down("2", "H24.15", "H24.88")
    await lose(pair.city, await package_id_of(pair.city, lost))
    compared = await pair.compare(again=True)
    assert kinds(compared) == [(What.MISSING_HERE, Direction.DOWN)]
    assert (compared.sent_again, compared.asked_again) == (0, 1)
    await pair.exchange()
    assert await holds(pair.city, lost)
    assert (await pair.compare()).differences == ()
    assert [item.document_id for item in await pair.city.exchange.pending("dms-phuong", 10)] == [
        lost.header.document_id
    ]


async def test_sending_again_what_is_there_has_no_second_effect(pair: Pair) -> None:
    document = await pair.send_up("1")
    package_id = await package_id_of(pair.national, document)
    await pair.national.exchange.acknowledge(MINISTRY, package_id, Acknowledgement.DONE)
    ours = await package_id_of(pair.city, document)
    before = {table: await pair.national.count(table) for table in ("package", "document", "delivery", "consignment")}
    at = pair.city.clock.now()
    push = push_row(
        pair.city.context,
        Push(
            package_id=ours,
            partner_id=UPLINK,
            urgency=Urgency.NORMAL,
            document_uid=None,
            lane="",
            queued_at=at,
        ),
    )
    await pair.city.store.write(lambda c: queries.push_again(c, push, at))
    await pair.exchange()
    after = {table: await pair.national.count(table) for table in before}
    assert after == before
    assert await pair.national.exchange.pending(MINISTRY, 10) == ()
    assert (await pair.compare()).state == "agreed"


async def test_what_was_sent_before_midnight_and_received_after_it_is_no_loss(pair: Pair) -> None:
    pair.city.clock.at = datetime(2026, 11, 24, 16, 59, 59, tzinfo=UTC)  # 23:59:59 in Vietnam
    pair.national.clock.at = datetime(2026, 11, 24, 17, 0, 1, tzinfo=UTC)
    await pair.send_up("1", "A44", "A45")
    await pair.send_down("2")
    for day, up_here, up_there in ((DAY, 1, 0), (date(2026, 11, 25), 0, 1)):
        compared = await pair.compare(day=day)
        assert compared.ours != compared.theirs
        assert next(one.count for one in compared.ours if one.direction is Direction.UP) == up_here
        assert next(one.count for one in compared.theirs or () if one.direction is Direction.UP) == up_there
        assert (compared.state, compared.differences) == ("agreed", ())


async def test_a_repeat_with_other_bytes_is_known_and_no_loss(pair: Pair) -> None:
    document = a_document("A44", number="1")
    rebuilt = replace(document, header=replace(document.header, content="cùng văn bản, tệp lập lại"))
    await pair.national.send(CITY, rebuilt)  # it came there first by another way, in other bytes
    await pair.city.send("dms-yte", document)
    await pair.exchange()
    compared = await pair.compare()
    assert compared.ours != compared.theirs
    assert compared.differences == ()


async def test_a_document_that_came_by_another_system_first_is_no_loss(pair: Pair) -> None:
    document = await pair.send_up("1")
    package_id = await package_id_of(pair.national, document)
    moved = text("UPDATE package SET source_system = 'elsewhere' WHERE package_id = :p")
    await pair.national.store.write(lambda c: c.execute(moved, {"p": package_id}).rowcount)
    compared = await pair.compare()
    assert compared.ours != compared.theirs
    assert compared.differences == ()


async def test_what_came_back_as_an_echo_is_on_no_list(pair: Pair) -> None:
    await pair.send_up("1", "A44", "H24.88")  # the city's own receiver gets it here, and from there as an echo
    echoed = await pair.city.count("audit WHERE kind = 'echo_acknowledged'")
    assert echoed == 1
    compared = await pair.compare()
    assert (compared.theirs, compared.state) == (compared.ours, "agreed")


async def test_a_receiver_that_was_lost_is_named(pair: Pair) -> None:
    document = await pair.send_up("1", "A44", "A45")
    package_id = await package_id_of(pair.national, document)
    for statement in (
        "DELETE FROM consignment WHERE package_id = :p AND receiver_organ = 'A45'",
        f"DELETE FROM deadline WHERE receiver_organ = 'A45' AND {OF_PACKAGE}",
        f"DELETE FROM delivery WHERE receiver_organ = 'A45' AND {OF_PACKAGE}",
    ):
        await pair.national.store.write(
            lambda c, s=statement: c.execute(text(s), {"p": package_id}).rowcount  # type: ignore[misc]
        )
    compared = await pair.compare(again=True)
    assert kinds(compared) == [(What.RECEIVERS_THERE, Direction.UP)]
    assert compared.differences[0].receivers == ("A45",)
    await pair.exchange()
    assert (await pair.compare()).differences == ()
    listed = await pair.national.exchange.pending(MINISTRY, 10)
    assert {receiver for item in listed for receiver in item.receivers} == {"A44", "A45"}


async def test_what_the_partner_has_and_we_gave_up_on_is_told_and_settled(pair: Pair) -> None:
    document = await pair.send_up("1")
    ours = await package_id_of(pair.city, document)
    for statement in (
        "DELETE FROM leaf WHERE kind = 'handed_over'",
        "UPDATE consignment SET state = 'dead', handed_over_at = NULL WHERE package_id = :p",
        "DELETE FROM queue WHERE package_id = :p",
    ):
        await pair.city.store.write(
            lambda c, s=statement: c.execute(text(s), {"p": ours} if ":p" in s else {}).rowcount  # type: ignore[misc]
        )
    compared = await pair.compare(again=True)
    assert kinds(compared) == [(What.STATE_DIFFERS, Direction.UP)]
    assert compared.sent_again == 1
    await pair.exchange()
    assert (await pair.compare()).state == "agreed"


async def test_what_was_found_is_recorded_told_once_and_shown_by_health(pair: Pair) -> None:
    lost = await pair.send_up("1")
    await lose(pair.national, await package_id_of(pair.national, lost))
    pair.city.clock.advance(days=1)
    nightly = Nightly(pair.city.store, pair.city.clock, pair.reconciling, days=2)
    await nightly.run()
    await nightly.run()
    assert (await pair.city.audit_kinds()).count("reconciliation_differs") == 1
    events = await pair.city.count("system_event WHERE kind = 'reconciliation_differs' AND system_id = 'dms-yte'")
    assert events == 1
    with pytest.raises(WrongState) as differs:
        await nightly.check()
    assert "national 2026-11-24: 1" in differs.value.detail
    await pair.compare(again=True)
    await pair.exchange()
    await nightly.run()
    await nightly.check()
    row = await pair.city.store.read(lambda c: queries.reconciliation(c, UPLINK, "2026-11-24"))
    assert row is not None
    assert (row.state, row.differing, row.findings) == ("agreed", 0, "[]")


async def test_a_failed_comparison_hides_nothing_and_is_tried_again(pair: Pair) -> None:
    lost = await pair.send_up("1")
    await lose(pair.national, await package_id_of(pair.national, lost))
    assert (await pair.compare()).state == "differs"
    await pair.peer.close()
    pair.peer._options = client_of("http://127.0.0.1:9/vxp", pair.national, CITY)._options
    pair.peer._calls._options = pair.peer._options
    nightly = Nightly(pair.city.store, pair.city.clock, pair.reconciling, days=1)
    with pytest.raises(PeerUnreachable):
        await nightly.run()  # of the day before
    with pytest.raises(PeerUnreachable):
        await pair.compare()
    row = await pair.city.store.read(lambda c: queries.reconciliation(c, UPLINK, "2026-11-24"))
    assert row is not None
    assert row.state == "differs"
    yesterday = await pair.city.store.read(lambda c: queries.reconciliation(c, UPLINK, "2026-11-23"))
    assert yesterday is not None
    assert yesterday.state == "failed"


async def test_a_system_learns_nothing_of_what_it_has_no_part_in(pair: Pair) -> None:
    await pair.send_up("1")
    mine = await pair.reconciling._ledger.items(Side(partner_id=UPLINK, we_call=True), DAY, Direction.UP)
    (item,) = mine.values()
    stranger = client_of(pair.peer._options.endpoint, pair.national, MINISTRY)
    (found,) = await stranger.find_items((item,))
    assert found.known == "same"  # a receiver of it
    await stranger.close()
    foreign = a_document("H24.15", sender="H24.11", number="77", files=(a_file(b"%PDF x"),))
    await pair.national.send(CITY, foreign)
    all_here = await pair.national.exchange.day_page(CITY, DAY, Direction.UP, None)
    secret = next(one for one in all_here.items if one.document_id == foreign.header.document_id)
    stranger = client_of(pair.peer._options.endpoint, pair.national, MINISTRY)
    (found,) = await stranger.find_items((secret,))
    assert (found.known, found.ref) == ("no", "")
    await stranger.close()


async def test_only_uplinks_are_compared_with(pair: Pair) -> None:
    for partner in ("dms-yte", "nobody"):
        with pytest.raises(NotFound):
            await pair.reconciling.compare(partner, DAY)


@pytest.mark.parametrize(
    ("headers", "operation"),
    [
        ({"day": "24/11/2026"}, "getExchangeDigest"),
        ({}, "getExchangeDigest"),
        ({"day": "2026-11-24", "direction": "sideways"}, "getExchangeItems"),
        ({"day": "2026-11-24", "direction": "up", "after": "../x"}, "getExchangeItems"),
    ],
)
async def test_questions_that_are_none_are_refused(pair: Pair, headers: dict[str, str], operation: str) -> None:
    with pytest.raises(PeerRefused):
        await pair.peer._calls.reply(Call(operation=Operation(operation), headers=headers))


@pytest.mark.parametrize("body", [b"{}", b"[1]", b'[{"direction": "up"}]', b"[" + b"{}," * 300 + b"{}]", b"x"])
async def test_bodies_that_are_none_are_refused(pair: Pair, body: bytes) -> None:
    with pytest.raises(PeerRefused):
        await pair.peer._calls.reply(Call(operation=Operation.FIND_ITEMS, body=body))


# ── A partner that speaks the dialect as it was ────────────────────────────────────────────────────────────────


@pytest.fixture
async def older(store: Store, other_store: Store, tmp_path: Path) -> AsyncIterator[Pair]:
    """The national axis without our extension: unknown operations are refused as others refuse them."""
    folders = [tmp_path / name for name in ("city", "national")]
    for folder in folders:
        folder.mkdir()
    city = await make_node(store, folders[0])
    national = await make_node(other_store, folders[1], NATIONAL_PLAN)
    front = front_of(national.exchange, national)

    async def as_it_was(request: web.Request) -> web.StreamResponse:
        if "Exchange" in request.match_info["operation"]:
            return web.json_response({"status": "FAIL", "ErrorCode": "20", "ErrorDesc": "unknown", "DocId": ""})
        return await front.handle(request)

    app = web.Application()
    app.add_routes([web.route("*", "/vxp/{operation}", as_it_was)])
    async with serving(app) as endpoint, paired(city, national, endpoint) as pair:
        yield pair


async def test_an_older_partner_is_asked_for_what_it_never_confirmed(older: Pair) -> None:
    kept, lost = await older.send_up("1"), await older.send_up("2")
    assert kept
    compared = await older.compare()
    assert (compared.state, compared.theirs, compared.differences) == ("partly", None, ())
    await lose(older.national, await package_id_of(older.national, lost))
    compared = await older.compare(again=True)
    assert kinds(compared) == [(What.MISSING_THERE, Direction.UP)]
    assert compared.sent_again == 1
    await older.exchange()
    assert await holds(older.national, lost)
    assert (await older.compare()).differences == ()
