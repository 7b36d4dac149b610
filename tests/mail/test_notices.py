"""Notices: what stands in a mailbox's feed of events is told by mail, once."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from adapters.mail.notices import Notices
from adapters.mail.office import office_of
from axis.exchange.context import EventAbout
from axis.keys import NodeKey
from axis.store.hot import Hot
from axis.terms import EventKind
from tests.exchange.harness import a_document
from tests.mail.test_deliveries import CODE, WARD, World, world

FIELDS: dict[str, Any] = {
    "owed": "acceptance",
    "due_at": "2026-11-25T05:00:00+00:00",
    "from": "H24.11",
    "to": CODE,
    "document_id": "H24.11,2026/11/24,101/SYT-VP",
    "code": "101/SYT-VP",
    "urgency": 3,
}


@pytest.fixture(autouse=True)
def no_loop_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node's own loop sleeps: the tests take its steps."""
    monkeypatch.setattr("adapters.mail.notices._LOOK_S", 3600.0)


def notices_of(here: World) -> Notices:
    settings = here.node.settings
    office = office_of(settings, NodeKey.load(settings.store.key_file), here.node.store.temporary)
    return Notices(here.node.exchange._context, office)


async def tell(here: World, kind: EventKind, system_id: str = WARD, **fields: Any) -> str:
    context = here.node.exchange._context
    event = context.event(system_id, kind, EventAbout(organ_id=CODE), FIELDS | fields)
    await here.node.store.submit(Hot(inserts=(event,)))
    return event.event_id


async def test_a_deadline_that_is_near_is_told_once(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        event_id = await tell(here, EventKind.DEADLINE_NEAR)
        notices = notices_of(here)
        assert await notices.work() == 1
        assert await notices.work() == 0
        assert await notices_of(here).work() == 0  # after a restart too
        (message,) = await here.mails(1)
    assert message["Subject"] == "[Sắp đến hạn] Văn bản 101/SYT-VP"
    assert message["Message-ID"] == f"<notice-{event_id.lower()}@truc.invalid>"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        for word in ("Sở Y tế (H24.11)", "Tiếp nhận (03)", "12:00 ngày 25/11/2026", "Hỏa tốc"):
            assert word in body.get_content()


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (EventKind.DELIVERY_OVERDUE, "Quá hạn"),
        (EventKind.DELIVERY_DELAYED, "Chậm chuyển"),
        (EventKind.DELIVERY_DEAD, "Không chuyển được"),
        (EventKind.DELIVERY_EXPIRED, "Hết hạn chờ nhận"),
    ],
)
async def test_what_else_is_told(tmp_path: Path, kind: EventKind, word: str) -> None:
    async with world(tmp_path / "node") as here:
        await tell(here, kind, error="5.1.1 <b>no</b> such user")
        assert await notices_of(here).work() == 1
        (message,) = await here.mails(1)
    assert message["Subject"].startswith(f"[{word}]")
    html = message.get_body(("html",))
    assert html is not None
    assert "<b>no</b>" not in html.get_content()


async def test_what_comes_by_itself_or_is_for_others_is_not_told(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        await tell(here, EventKind.STATUS_CHANGED)
        await tell(here, EventKind.DEADLINE_NEAR, system_id="dms-xd")
        assert await notices_of(here).work() == 0
    assert not here.office.mails


async def test_what_cannot_be_sent_now_is_sent_later_in_order(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        await tell(here, EventKind.DEADLINE_NEAR, code="1/A")
        await tell(here, EventKind.DELIVERY_OVERDUE, code="2/B")
        here.office.say["RCPT"] = ["450 4.2.0 later"]
        notices = notices_of(here)
        assert await notices.work() == 0
        assert await notices.work() == 2
    assert ["1/A" in here.office.read(0)["Subject"], "2/B" in here.office.read(1)["Subject"]] == [True, True]


async def test_an_address_that_is_refused_stops_nothing(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        await tell(here, EventKind.DEADLINE_NEAR, code="1/A")
        await tell(here, EventKind.DEADLINE_NEAR, code="2/B")
        here.office.say["RCPT"] = ["550 5.1.1 no such user"]
        assert await notices_of(here).work() == 1
        assert await notices_of(here).work() == 0
    assert "2/B" in here.office.read()["Subject"]


async def test_a_running_node_tells_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.mail.notices._LOOK_S", 0.1)
    async with world(tmp_path / "node") as here:
        await here.send(a_document(CODE))
        await here.mails(1)
        await tell(here, EventKind.DELIVERY_OVERDUE)
        messages = await here.mails(2)
        await asyncio.sleep(0.5)
        assert len(here.office.mails) == 2
    assert messages[1]["Subject"].startswith("[Quá hạn]")
