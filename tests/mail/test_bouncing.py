"""Reports of mail servers end or repeat deliveries: read from a real IMAP server by a real node."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.mail.bouncing import Bouncing
from adapters.mail.links import Links
from adapters.mail.mailbox import Mailbox
from adapters.mail.office import imap_account
from axis.exchange.mailbox import DELAYED, FAILED, GAVE_UP, Mailboxes, Report
from axis.exchange.values import Acknowledgement
from axis.ids import PackageId
from axis.keys import NodeKey
from axis.serve import start_node
from axis.store import queries
from axis.store.store import Store
from axis.terms import TransportState
from tests.exchange.harness import Node as Harness
from tests.exchange.harness import Plan, a_document, make_node
from tests.mail.dovecot import PASSWORD, USER, Dovecot, dovecot, needs_dovecot
from tests.mail.reports import a_report, a_whole_return, an_absence
from tests.mail.servers import HOST
from tests.mail.test_deliveries import CODE, WARD, World, world


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Dovecot]:
    async with dovecot(tmp_path) as running:
        yield running


@pytest.fixture
async def here(tmp_path: Path, server: Dovecot, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setenv("AXIS_SECRET_IMAP", PASSWORD)
    imap = {
        "imap_host": HOST,
        "imap_port": server.port,
        "imap_security": "none",
        "imap_user": USER,
        "imap_poll_s": 0.3,
    }
    async with world(tmp_path / "node", imap) as one:
        yield one


async def handed_over(here: World) -> tuple[str, str]:
    """A document that the mail server has taken, and the mark of its mail."""
    package_id = await here.send(a_document(CODE))
    (message,) = await here.mails(1)
    await here.state(package_id, until="handed_over")
    return package_id, str(message["X-Axis-Mark"])


async def put_away(server: Dovecot, count: int) -> None:
    """All of it: the server moves by copying, so that for a moment a mail lies in both folders."""
    async with asyncio.timeout(40):
        while len(server.names("Axis")) < count or server.names():  # noqa: ASYNC110 - another process's files
            await asyncio.sleep(0.05)


@needs_dovecot
@pytest.mark.parametrize("make", [a_report, a_whole_return])
async def test_a_bounce_makes_the_delivery_fail_with_its_reason(here: World, server: Dovecot, make: object) -> None:
    package_id, mark = await handed_over(here)
    server.deliver(make(mark), "1.report")  # type: ignore[operator]
    await here.state(package_id, until="dead")
    assert ("no such user" in await here.error(package_id)) == (make is a_report)
    await put_away(server, 1)
    assert len(server.names("Axis")) == 1
    query = "SELECT kind FROM system_event WHERE system_id = 'dms-yte'"
    assert "delivery_dead" in await here.node.store.read(lambda c: list(c.exec_driver_sql(query).scalars()))


@needs_dovecot
async def test_a_forged_bounce_changes_nothing_and_is_left_for_people(here: World, server: Dovecot) -> None:
    package_id, mark = await handed_over(here)
    forged = mark[:-4] + ("aaaa" if not mark.endswith("aaaa") else "bbbb")
    server.deliver(a_report(forged), "1.forged")
    server.deliver(an_absence(mark), "2.absence")
    server.deliver(b"From: x@y.invalid\r\nSubject: quang cao\r\n\r\nmua ngay\r\n", "3.advertisement")
    async with asyncio.timeout(40):
        while not all("F" in name.partition(":2,")[2] for name in server.names()):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.05)
    assert len(server.names()) == 3
    await here.state(package_id, until="handed_over")


@needs_dovecot
async def test_a_node_that_stops_between_taking_a_bounce_and_moving_it_moves_it_at_its_next_start(
    here: World, server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    package_id, mark = await handed_over(here)
    at_the_door = asyncio.Event()

    async def stopped(*_: object) -> None:
        at_the_door.set()
        await asyncio.sleep(3600)

    with monkeypatch.context() as patched:
        patched.setattr(Mailbox, "put_away", stopped)
        server.deliver(a_report(mark), "1.report")
        await here.state(package_id, until="dead")
        async with asyncio.timeout(40):
            await at_the_door.wait()
        await here.node.stop()
    assert len(server.names()) == 1
    node = await start_node(here.node.settings)
    try:
        await put_away(server, 1)
        assert await node.store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM bounce").scalar()) == 1
    finally:
        await node.stop()


@needs_dovecot
async def test_a_mailbox_that_cannot_be_reached_stops_no_delivery(here: World) -> None:
    bouncing = Bouncing(
        imap_account(here.node.settings.mail.model_copy(update={"imap_port": 1})),
        Links(NodeKey.load(here.node.settings.store.key_file)),
        Mailboxes(here.node.exchange._context, here.node.exchange),
        0.05,
    )
    task = asyncio.create_task(bouncing.run())
    await handed_over(here)
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# ── What a report does, on both databases ──────────────────────────────────────────────────────────────────────


@pytest.fixture
async def node(store: Store, tmp_path: Path) -> Harness:
    return await make_node(store, tmp_path, Plan(systems={"dms-yte": ("H24.11",), WARD: (CODE,)}))


async def in_state(node: Harness, state: TransportState = TransportState.HANDED_OVER) -> str:
    accepted = await node.send("dms-yte", a_document(CODE))
    if state is not TransportState.QUEUED:
        await node.exchange.record_hand_over(WARD, accepted.package_id)
    return accepted.package_id


def a_fate(package_id: str, fate: str, number: int = 1) -> Report:
    return Report(
        sha256_hex=f"{number:064x}",
        package_id=PackageId(package_id),
        organ_id=CODE,
        fate=fate,
        words="5.1.1 smtp; no such user",
    )


async def consignment_state(node: Harness, package_id: str) -> str:
    (row,) = await node.store.read(lambda c: queries.consignments(c, package_id))
    return row.state.value


async def test_a_failure_is_final(node: Harness) -> None:
    package_id = await in_state(node)
    assert await Mailboxes(node.context, node.exchange).take_report(a_fate(package_id, FAILED))
    assert await consignment_state(node, package_id) == "dead"
    assert "consignment_dead" in await node.audit_kinds()


async def test_a_server_that_gave_up_is_asked_again_later(node: Harness) -> None:
    package_id = await in_state(node)
    before = node.clock.at
    assert await Mailboxes(node.context, node.exchange).take_report(a_fate(package_id, GAVE_UP))
    assert await consignment_state(node, package_id) == "retrying"
    query = "SELECT due_at FROM queue WHERE task = 'send'"
    (due_at,) = await node.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
    assert due_at > before.timestamp() * 1_000_000


async def test_a_server_that_gave_up_after_days_ends_it(node: Harness) -> None:
    package_id = await in_state(node)
    node.clock.advance(days=5)
    await Mailboxes(node.context, node.exchange).take_report(a_fate(package_id, GAVE_UP))
    assert await consignment_state(node, package_id) == "dead"


async def test_a_delay_changes_nothing_and_is_told(node: Harness) -> None:
    package_id = await in_state(node)
    assert await Mailboxes(node.context, node.exchange).take_report(a_fate(package_id, DELAYED))
    assert await consignment_state(node, package_id) == "handed_over"
    assert await node.count("bounce") == 1
    query = "SELECT kind FROM system_event"
    assert await node.store.read(lambda c: list(c.exec_driver_sql(query).scalars())) == ["delivery_delayed"]


@pytest.mark.parametrize("fate", [FAILED, GAVE_UP, DELAYED])
async def test_the_same_report_twice_is_one(node: Harness, fate: str) -> None:
    package_id = await in_state(node)
    mailboxes = Mailboxes(node.context, node.exchange)
    news = await asyncio.gather(*(mailboxes.take_report(a_fate(package_id, fate)) for _ in range(5)))
    assert sum(news) == 1
    state = await consignment_state(node, package_id)
    if state == "retrying":
        await node.exchange.record_hand_over(WARD, package_id)
    again = await consignment_state(node, package_id)
    assert not await mailboxes.take_report(a_fate(package_id, fate))  # also after it was sent again
    assert await consignment_state(node, package_id) == again
    assert await node.count("bounce") == 1


async def test_a_late_report_does_not_undo_what_a_clerk_confirmed(node: Harness) -> None:
    package_id = await in_state(node)
    await node.exchange.acknowledge(WARD, package_id, Acknowledgement.DONE)
    assert await Mailboxes(node.context, node.exchange).take_report(a_fate(package_id, FAILED))
    assert await consignment_state(node, package_id) == "acknowledged"


async def test_a_report_about_what_never_was_is_no_news(node: Harness) -> None:
    assert not await Mailboxes(node.context, node.exchange).take_report(a_fate("01" * 13, FAILED))
    assert await node.count("bounce") == 0
