"""The history of a document, and how it stood at a moment."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from axis.store import schema as s
from axis.store.record_view import EventKey, RecordQuery, read_events
from axis.terms import Role, TransportState, ViewKind
from axis.trust.model import Overall
from tests.console.archive import Archive, Clock, To
from tests.console.conftest import Client, LogIn
from tests.console.judging import record
from tests.console.test_list import page_of, words_of
from tests.console.test_signatures import EVIL, parcel

ENGLISH = {"Accept": "text/html", "Cookie": "lang=en"}


@pytest.fixture
async def auditor(log_in: LogIn) -> Client:
    return await log_in(Role.AUDITOR)


async def history_of(client: Client, uid: str, query: str = "") -> str:
    return await page_of(client, f"/documents/{uid}/history{query}")


async def test_every_event_is_told_in_order(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    await archive.organ("H24.2", "UBND phường Minh Khai")
    receiver = To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03"), more={"handed_to": "dms-2"})
    document = await archive.document([receiver])
    await record(archive, document, parcel(overall=Overall.UNSIGNED), cause="intake")
    clock.later(minutes=20)
    await archive.act(document, "recall", {"H24.2": "agreed"}, reason="Sai số")
    clock.later(minutes=20)
    auditor = await log_in(Role.AUDITOR)
    seen, path = "", f"/documents/{document.document_uid}/history"
    pages = 0
    while path:
        page = await page_of(auditor, path)
        seen += words_of(page.split('id="events"')[1])
        following = re.search(r'href="([^"]+)" rel="next"', page)
        path, pages = (following[1] if following else ""), pages + 1
    assert pages > 1
    places = [
        seen.index(word)
        for word in (
            "Trục nhận văn bản",
            "Đã chuyển văn bản",
            "Bên nhận xác nhận đã lấy văn bản",
            "Đã đến",
            "Đã tiếp nhận",
            "Thu hồi",
            "Đồng ý",
        )
    ]
    assert places == sorted(places)
    for said in ("Trần Thị Bình · Văn phòng", "bên kia ghi 2025/11/27 11:58:00", "Sai số", "dms-2", "Chưa ký số"):
        assert said in seen, said
    english = words_of(await (await auditor.get(f"/documents/{document.document_uid}/history", headers=ENGLISH)).text())
    assert "Document received by the axis" in english


async def test_no_event_is_shown_twice_or_left_out(archive: Archive) -> None:
    to = [To(f"H24.{n}", TransportState.ACKNOWLEDGED, statuses=("01", "03")) for n in range(20)]
    document = await archive.document(to)
    await archive.act(document, "update", {"H24.1": None, "H24.2": "agreed"})
    everything = await archive.store.read(
        lambda c: read_events(c, RecordQuery(document_uid=document.document_uid, rows=1_000))
    )
    keys = [event.key for event in everything.events]
    assert len(keys) == len(set(keys)) == 1 + 20 * 3 + 40 + 1 + 1 + 2
    found: list[str] = []
    query = RecordQuery(document_uid=document.document_uid, rows=7)
    more = True
    while more:
        page = await archive.store.read(lambda c, query=query: read_events(c, query))  # type: ignore[misc]
        found += [event.key for event in page.events]
        last, more = page.events[-1], page.more
        query = replace(query, after=EventKey(at=last.at, key=last.key))
    assert found == keys


async def test_no_event_is_read_that_came_after_the_moment(archive: Archive, clock: Clock) -> None:
    document = await archive.document([To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03", "06"))])
    query = RecordQuery(document_uid=document.document_uid, rows=100)
    every = (await archive.store.read(lambda c: read_events(c, query))).events
    for moment in sorted({event.at for event in every}):
        then = replace(query, as_of=moment)
        found = (await archive.store.read(lambda c, then=then: read_events(c, then))).events  # type: ignore[misc]
        assert found == tuple(event for event in every if event.at <= moment)
    assert clock.now() < every[-1].at


async def test_what_came_later_does_not_show(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    start = clock.at
    receiver = To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03", "06"))
    half_past = start + timedelta(minutes=30)
    late = To("H24.3", delivery={"created_at": half_past}, more={"queued_at": half_past})
    document = await archive.document([receiver, late])  # statuses come at 12:01, 12:03, 12:06
    clock.later(minutes=10)
    await archive.act(document, "recall", {"H24.2": None})
    clock.later(minutes=50)
    auditor = await log_in(Role.AUDITOR)

    async def then(moment: str) -> str:
        page = await history_of(auditor, document.document_uid, f"?as_of=2025-11-27T{moment}")
        return words_of(page.split('id="main"')[1])

    four = await then("12:04")
    assert "Trạng thái tại 27/11/2025 12:04:00" in four
    assert "Đã tiếp nhận" in four
    assert "Hoàn thành" not in four
    assert "Thu hồi" not in four
    assert "H24.3" not in four
    assert "Đã tiếp nhận" not in await then("12:02")
    eleven = await then("12:11")
    assert "Hoàn thành" in eleven
    assert "Đã thu hồi, chờ trả lời" in eleven
    assert "H24.3" in await then("12:45")
    assert "chưa có nơi nhận" not in four
    gone = await auditor.get(f"/documents/{document.document_uid}/history?as_of=2025-11-27T11:00")
    assert gone.status == 404


@pytest.mark.parametrize(
    ("moment", "word"),
    [
        ("12:00:00", "Chờ chuyển"),
        ("12:00:02", "Đã chuyển, chờ xác nhận"),
        ("12:00:03", "Bên nhận đã lấy, chờ trạng thái"),
    ],
)
async def test_a_hand_over_is_known_from_its_second(
    log_in: LogIn, archive: Archive, clock: Clock, moment: str, word: str
) -> None:
    document = await archive.document([To("H24.2", TransportState.ACKNOWLEDGED)])
    clock.later(hours=1)
    page = await history_of(await log_in(Role.AUDITOR), document.document_uid, f"?as_of=2025-11-27T{moment}")
    assert word in words_of(page.split('id="events"')[0])


async def test_what_cannot_be_known_is_said(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    document = await archive.document([To("H24.2", TransportState.DEAD), To("H24.3"), To("H24.4")])
    clock.later(hours=1)
    page = await history_of(await log_in(Role.AUDITOR), document.document_uid, "?as_of=2025-11-27T12:30")
    assert words_of(page).count("không rõ trước hay sau lúc đó") == 1


async def test_hostile_texts_are_inert(auditor: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2", statuses=("01",))], subject=EVIL, source_system="dms")
    delivery = await archive.delivery_of(document, "H24.2")
    more = {"description": EVIL + "\u202e", "staff": EVIL, "department": EVIL, "reported_at": EVIL}
    await archive.status(document, delivery.delivery_id, "03", **more)
    await archive.act(document, "recall", {"H24.2": None}, reason=EVIL)
    found = ""
    for query in ("", "?after=0~x"):
        answer = await auditor.get(
            f"/documents/{document.document_uid}/history{query}", headers={"Accept": "text/html"}
        )
        found += (await answer.text()).split('id="main"')[1]
    assert "<script" not in found
    assert "&lt;script&gt;" in found
    assert "\u202e" not in found


@pytest.mark.parametrize("after", ["x", "1", "~a", f"{'9' * 17}~a", "1~" + "a" * 300])
async def test_a_place_that_is_none_is_said(auditor: Client, archive: Archive, after: str) -> None:
    document = await archive.document()
    assert (await auditor.get(f"/documents/{document.document_uid}/history?after={after}")).status == 400


async def test_who_may_not_see_the_document_sees_no_history_and_looks_are_recorded(
    log_in: LogIn, auditor: Client, archive: Archive
) -> None:
    document = await archive.document()
    clerk = await log_in(Role.CLERK)
    assert (await clerk.get(f"/documents/{document.document_uid}/history")).status == 404
    assert 'href="/documents/' + document.document_uid + '/views"' in await history_of(auditor, document.document_uid)
    await auditor.get(f"/documents/{document.document_uid}/signatures")
    kinds = await archive.store.read(lambda c: [row.kind for row in c.execute(s.viewing.select())])
    assert sorted(kinds) == [ViewKind.PAGE, ViewKind.SIGNATURES]
