"""A clerk's first page, inbox and outbox, kept searches, exports."""

import csv
import io
import re
from datetime import timedelta

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from axis.store import accounts, schema
from axis.store.store import Store
from axis.terms import Role, TransportState
from axis.web.console import exports
from tests.console.archive import NOON, Archive, Clock, To
from tests.console.conftest import Client, LogIn
from tests.store.test_boxes import owe

HTML = {"Accept": "text/html"}


@pytest.fixture
async def clerk(log_in: LogIn, archive: Archive, store: Store) -> Client:
    """A browser of a clerk of the department of health and whoever stands below it."""
    await archive.organ("H24.2", "Sở Y tế")
    await archive.organ("H24.2.1", "Chi cục Dân số", parent_id="H24.2")
    await archive.organ("H24.9", "Sở Xây dựng")
    client = await log_in(Role.CLERK)
    account = schema.account.c
    await store.write(
        lambda conn: accounts.grant(
            conn,
            conn.execute(select(account.username).order_by(account.account_id.desc())).scalars().first() or "",
            accounts.Rights(organs=frozenset({"H24.2"})),
            archive.clock.now(),
            "test",
        )
    )
    return client


async def text_of(client: Client, path: str) -> str:
    answer = await client.get(path, headers=HTML)
    assert answer.status == 200, path
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await answer.text()))


async def test_the_inbox_shows_what_came_to_ours_and_nothing_else(clerk: Client, archive: Archive) -> None:
    await archive.document([To("H24.2", statuses=("03",)), To("H24.9")], subject="cho ta")
    await archive.document([To("H24.2.1")], subject="cho cấp dưới")
    await archive.document([To("H24.9")], subject="cho nơi khác")
    page = await text_of(clerk, "/inbox")
    assert "cho ta" in page
    assert "cho cấp dưới" in page
    assert "cho nơi khác" not in page
    assert "Cần tiếp nhận 1" in page
    assert "cho ta" not in await text_of(clerk, "/inbox?status=todo")
    assert "cho ta" in await text_of(clerk, "/inbox?status=03")


async def test_the_outbox_shows_how_far_the_receivers_have_come(clerk: Client, archive: Archive) -> None:
    to = [To("H24.9", statuses=("03",)), To("H24.5", TransportState.ACKNOWLEDGED)]
    await archive.document(to, subject="ta gửi", from_organ="H24.2")
    await archive.document([To("H24.2")], subject="họ gửi")
    page = await text_of(clerk, "/outbox")
    assert "ta gửi" in page
    assert "1/2 đã tiếp nhận" in page
    assert "họ gửi" not in page


async def test_a_sender_sees_by_when_receivers_owe_and_who_is_late(clerk: Client, archive: Archive) -> None:
    await archive.organ("H24.5", "Sở Tư pháp")
    late = await archive.document([To("H24.9"), To("H24.5")], subject="trễ hạn", from_organ="H24.2")
    in_time = await archive.document([To("H24.9")], subject="còn hạn", from_organ="H24.2")
    await owe(archive, late, "H24.9", NOON - timedelta(hours=2))
    await owe(archive, late, "H24.5", NOON + timedelta(days=8))
    await owe(archive, in_time, "H24.9", NOON + timedelta(days=8))
    page = await text_of(clerk, "/outbox")
    assert "quá hạn 2 giờ làm việc" in page
    assert "còn 6 ngày làm việc" in page
    assert "Quá hạn 1" in page
    page = await text_of(clerk, "/outbox?status=overdue")
    assert "trễ hạn" in page
    assert "còn hạn" not in page
    first = await text_of(clerk, "/")
    assert "Đi: nơi nhận quá hạn" in first
    rows = list(csv.reader(io.StringIO(await (await clerk.get("/outbox/export.csv?status=overdue")).text())))
    assert [(row[3], row[7]) for row in rows[1:]] == [("trễ hạn", "27/11/2025 10:00")]


async def test_the_first_page_says_what_has_to_be_done(clerk: Client, archive: Archive) -> None:
    await archive.document([To("H24.2")], subject="chờ tiếp nhận")
    await archive.document([To("H24.9", statuses=("02",))], subject="bị trả", from_organ="H24.2")
    recalled = await archive.document([To("H24.2", statuses=("03",))], subject="bị đòi")
    await archive.act(recalled, "recall", {"H24.2": None})
    page = await text_of(clerk, "/")
    for words in ("chờ tiếp nhận", "bị trả", "bị đòi", "Đi: bị từ chối", "Đến: bên gửi lấy lại, chờ trả lời"):
        assert words in page
    assert "Đến: quá hạn" not in page


async def test_who_has_no_organisation_is_told_what_to_do(log_in: LogIn) -> None:
    client = await log_in(Role.CLERK)
    for path in ("/", "/inbox", "/outbox"):
        assert "Tài khoản chưa được gắn với cơ quan nào" in await text_of(client, path)


@pytest.mark.parametrize("path", ["/inbox", "/outbox", "/inbox/export.csv", "/outbox/export.xlsx"])
async def test_boxes_are_there_for_clerks_only(operator: Client, path: str) -> None:
    assert (await operator.get(path, headers=HTML)).status == 404


async def test_what_was_understood_is_shown_and_can_be_taken_out(clerk: Client, archive: Archive) -> None:
    await archive.document([To("H24.2")], subject="Báo cáo", from_organ="H24.9")
    page = await (await clerk.get("/inbox?q=bao+so+xay+dung&status=todo", headers=HTML)).text()
    assert "<b>Sở Xây dựng (H24.9)</b>" in page
    assert 'href="/inbox?q=so+xay+dung&amp;status=todo"' in page
    assert 'href="/inbox?q=bao+so+xay+dung"' in page
    assert "Báo cáo" in page


@pytest.mark.parametrize("query", ["older=x", "newer=1-2", "older=%00"])
async def test_a_place_that_is_none_is_refused(clerk: Client, query: str) -> None:
    assert (await clerk.get(f"/inbox?{query}", headers=HTML)).status == 400


async def test_a_status_or_order_that_nobody_knows_is_left_out(clerk: Client, archive: Archive) -> None:
    await archive.document([To("H24.2")], subject="có mặt")
    assert "có mặt" in await text_of(clerk, "/inbox?status=nope&sort=nope")


async def keep(client: Client, name: str, path: str, csrf: str = "csrf-of-the-session") -> int:
    form = {"csrf": csrf, "name": name, "path": path}
    return (await client.post("/searches", data=form, allow_redirects=False, headers=HTML)).status


async def test_a_search_is_kept_shown_and_forgotten(clerk: Client, log_in: LogIn) -> None:
    assert await keep(clerk, "Việc gấp", "/inbox?status=overdue") == 303
    page = await (await clerk.get("/inbox", headers=HTML)).text()
    assert 'href="/inbox?status=overdue">Việc gấp</a>' in page
    found = re.search(r'action="(/searches/\w+/forget)"', page)
    assert found
    other = await log_in(Role.CLERK)
    form = {"csrf": "csrf-of-the-session", "path": "/inbox"}
    await other.post(found[1], data=form, allow_redirects=False)
    assert "Việc gấp" in await text_of(clerk, "/inbox")
    await clerk.post(found[1], data=form, allow_redirects=False)
    assert "Việc gấp" not in await text_of(clerk, "/inbox")


async def test_a_search_that_is_none_is_not_kept(clerk: Client) -> None:
    assert await keep(clerk, "", "/inbox?status=todo") == 400
    assert await keep(clerk, "x", "//evil.invalid/inbox?a=b") == 400
    assert await keep(clerk, "x", "/documents?q=1") == 400
    assert await keep(clerk, "x", "/inbox?q=" + "y" * 700) == 400
    assert await keep(clerk, "x", "/inbox?status=todo", csrf="forged") == 403
    for number in range(30):
        assert await keep(clerk, f"n{number}", "/inbox?status=todo") == 303
    assert await keep(clerk, "one more", "/inbox?status=todo") == 400
    assert await keep(clerk, "n1", "/outbox?status=02") == 303  # of the same name: replaced


async def test_an_export_holds_the_whole_list_and_is_recorded(
    clerk: Client, archive: Archive, clock: Clock, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_PAGE_ROWS", 2)
    for number in range(5):
        clock.later(minutes=1)
        await archive.document([To("H24.2")], subject=f"=SUM({number})", code=f"{number}/X")
    answer = await clerk.get("/inbox/export.csv?sort=oldest")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="inbox-')
    rows = list(csv.reader(io.StringIO((await answer.read()).decode("utf-8-sig"))))
    assert [row[1] for row in rows[1:]] == ["0/X", "1/X", "2/X", "3/X", "4/X"]
    assert rows[1][3] == "'=SUM(0)"
    book = load_workbook(io.BytesIO(await (await clerk.get("/inbox/export.xlsx?q=3/X")).read()))
    assert [row[1].value for row in book.active.iter_rows()] == ["Số, ký hiệu", "3/X"]
    viewing = schema.viewing.c
    details = await store.read(lambda conn: conn.execute(select(viewing.kind, viewing.detail)).all())
    assert ("export", "/inbox?q=3%2FX") in [tuple(row) for row in details]


async def test_too_many_exports_at_once_are_told_to_come_back(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "AT_ONCE", 0)
    answer = await clerk.get("/inbox/export.csv", headers=HTML)
    assert answer.status == 503
    assert "Retry-After" in answer.headers


async def test_times_of_the_inbox_are_when_it_came_to_us(clerk: Client, archive: Archive, clock: Clock) -> None:
    sent = clock.now() - timedelta(days=3)
    await archive.document([To("H24.2")], received_at=sent, subject="chuyển tiếp")
    assert "12:00 hôm nay" in await text_of(clerk, "/inbox")
