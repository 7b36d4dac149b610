"""The queue and the partners as of a moment; the journal of views and deeds; the auditor's first page."""

import csv
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from axis.store import configuration
from axis.store import schema as s
from axis.store.past_view import past_queue
from axis.store.records import Downtime, Hold
from axis.store.rows import values_of
from axis.terms import Place, Role, TransportState, ViewKind
from axis.trust.model import CheckName, Overall
from axis.trust.reasons import Reason, check
from tests.console.archive import NOON, Archive, Clock, To
from tests.console.conftest import Client, LogIn
from tests.console.judging import record
from tests.console.test_list import page_of, words_of
from tests.console.test_signatures import EVIL, SIGNATURE, paper, parcel


@pytest.fixture
async def auditor(log_in: LogIn) -> Client:
    return await log_in(Role.AUDITOR)


async def a_queue(archive: Archive) -> None:
    """Five for the national axis: handed over, waiting, given up, expired, and one that comes in an hour."""
    up = {"place": Place.UPLINK}
    hour = timedelta(hours=1)
    to = [
        To(
            "G1",
            TransportState.ACKNOWLEDGED,
            **up,
            more={"handed_over_at": NOON + hour, "acknowledged_at": NOON + hour},
        ),
        To("G2", TransportState.QUEUED, **up),
        To("G3", TransportState.DEAD, **up),
        To("G4", TransportState.DEAD, **up, more={"expired_at": NOON + hour}),
        To("G5", TransportState.QUEUED, **up, more={"queued_at": NOON + hour}),
    ]
    await archive.document(to)


async def test_what_waited_then_is_counted(archive: Archive) -> None:
    await a_queue(archive)
    for minutes, waiting, handed in ((-1, None, None), (30, 3, 0), (60, 2, 1)):
        found = await archive.store.read(lambda c, at=NOON + timedelta(minutes=minutes): past_queue(c, at))  # type: ignore[misc]
        if waiting is None:
            assert not found.partners
            continue
        (one,) = found.partners
        assert (one.partner_id, one.waiting, one.unclear, one.handed_over) == ("quoc-gia", waiting, 1, handed)
        assert one.oldest == NOON


async def test_a_partner_is_told_as_it_was(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    fields = {"partner": "quoc-gia", "error": EVIL}
    for minutes, kind in ((0, "partner_down"), (30, "partner_up")):
        at = NOON + timedelta(minutes=minutes)
        await archive.store.write(lambda c, at=at, kind=kind: configuration.record(c, at, "node", kind, fields))  # type: ignore[misc]
    hours = {"starts_at": NOON + timedelta(hours=1), "ends_at": NOON + timedelta(hours=2)}
    rest = Downtime(downtime_id="1" * 26, partner_id="quoc-gia", reason="Bảo trì", actor="cli", **hours)
    hold = Hold(hold_id="2" * 26, sender="H24.1", receiver=None, partner_id=None, reason=EVIL, actor="cli", **hours)
    await archive.store.write(lambda c: c.execute(s.downtime.insert().values(values_of(rest))).rowcount)
    await archive.store.write(lambda c: c.execute(s.hold.insert().values(values_of(hold))).rowcount)
    clock.later(hours=3)
    auditor = await log_in(Role.AUDITOR)

    async def then(moment: str) -> str:
        return words_of(await page_of(auditor, f"/past?as_of=2025-11-27T{moment}"))

    assert "Không liên lạc được" in await then("12:10")
    later = await then("12:40")
    assert "Liên lạc được" in later
    assert "Không liên lạc được" not in later
    resting = await then("13:10")
    assert "Tạm ngừng theo kế hoạch" in resting
    assert "gửi từ H24.1" in resting
    assert "gửi từ H24.1" not in await then("14:10")
    raw = await (await auditor.get("/past?as_of=2025-11-27T13:10", headers={"Accept": "text/html"})).text()
    assert "<script" not in raw.split('id="main"')[1]


async def test_what_waited_for_one_partner_is_listed_by_key(log_in: LogIn, archive: Archive, clock: Clock) -> None:
    for _each in range(4):
        await a_queue(archive)
    clock.later(hours=2)
    auditor = await log_in(Role.AUDITOR)
    page = await page_of(auditor, "/past?as_of=2025-11-27T12:30&partner=quoc-gia")
    assert page.count("/history") == 5
    assert "không rõ lúc nào" in words_of(page)
    following = (
        page.split('href="')[-1] if 'rel="next"' not in page else page.split('rel="next"')[0].split('href="')[-1]
    )
    page = await page_of(auditor, following.split('"')[0])
    assert page.count("/history") == 5
    assert "Không có gì chờ chuyển cho đối tác này" in words_of(
        await page_of(auditor, "/past?as_of=2025-11-27T12:30&partner=-")
    )


async def test_the_past_is_not_there_for_clerks(log_in: LogIn, auditor: Client) -> None:
    clerk = await log_in(Role.CLERK)
    for path in ("/past", "/views", "/journal", "/views.csv"):
        assert (await clerk.get(path)).status == 404
    assert (await (await log_in(Role.OPERATOR)).get("/views")).status == 404
    for query in ("as_of=x", "after=1", "after=01ARZ3NDEKTSV4RRFFQ69G5FA'"):
        assert (await auditor.get(f"/past?{query}")).status == 400


async def test_views_are_searched_and_exported(log_in: LogIn, archive: Archive, auditor: Client) -> None:
    document, other = await archive.document(subject="=1+1"), await archive.document()
    operator = await log_in(Role.OPERATOR)
    await operator.get(f"/documents/{document.document_uid}")
    await auditor.get(f"/documents/{other.document_uid}/signatures")
    words = words_of(await page_of(auditor, "/views"))
    assert "Xem trang văn bản" in words
    assert "Xem chữ ký số" in words
    only = (await page_of(auditor, f"/views?document={document.document_uid}")).split("<tbody>")[1]
    assert "Xem trang văn bản" in only
    assert "Xem chữ ký số" not in only
    name = await archive.store.read(
        lambda c: c.execute(s.account.select().where(s.account.c.roles == "operator")).first().username  # type: ignore[union-attr]
    )
    assert "Xem chữ ký số" not in (await page_of(auditor, f"/views?account={name}")).split("<tbody>")[1]
    assert "Xem trang văn bản" not in (await page_of(auditor, "/views?kind=signatures")).split("<tbody>")[1]
    assert "Không có dòng nào" in words_of(await page_of(auditor, "/views?from=2025-11-01&to=2025-11-02"))
    answer = await auditor.get("/views.csv")
    rows = list(csv.DictReader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    assert {row["kind"] for row in rows} >= {ViewKind.PAGE, ViewKind.SIGNATURES, ViewKind.LOG, ViewKind.EXPORT}
    assert len(rows) == 8  # two looks, five at the journal, and this


async def test_the_audit_trail_is_searched(auditor: Client, archive: Archive) -> None:
    fields = {"organ_id": "H24.7", "name": EVIL, "number": 3}
    await archive.store.write(lambda c: configuration.record(c, NOON, "lan", "organ_closed", fields))
    for query, there in (
        ("", True),
        ("?account=lan", True),
        ("?account=nobody", False),
        ("?kind=organ_closed&q=H24.7", True),
        ("?q=H24.8", False),
        ("?q=%25", False),
    ):
        page = await (await auditor.get(f"/journal{query}", headers={"Accept": "text/html"})).text()
        assert ("organ_closed</td>" in page) == there, query
        assert "<script" not in page.split('id="main"')[1]


@pytest.mark.parametrize(
    "query", ["from=x", "to=1999-01-01", "from=2025-11-02&to=2025-11-01", "document=1", "kind=%27", "older=1"]
)
async def test_a_choice_that_is_none_is_said(auditor: Client, query: str) -> None:
    assert (await auditor.get(f"/views?{query}")).status == 400
    assert (await auditor.get(f"/journal?{query}")).status == 400


async def test_the_first_page_tells_what_deserves_a_look(auditor: Client, archive: Archive) -> None:
    assert "Không có gì cần xem" in words_of(await page_of(auditor, "/"))
    changed = check(CheckName.CHANGES, "S", Reason.CHANGED_AFTER_SIGNING, what="x", what_en="x")
    broken = paper(replace(SIGNATURE, checks=(changed,)), overall=Overall.INVALID)
    for _each in range(2):
        await record(archive, await archive.document(), parcel(broken, overall=Overall.INVALID))
    page = await page_of(auditor, "/")
    assert "2 Không hợp lệ: Tệp bị thay đổi sau khi ký (2)" in words_of(page)
    assert 'href="/findings?verdict=invalid"' in page
