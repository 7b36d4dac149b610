"""Who looks at a document is on record, and who may read that record."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from axis.errors import Busy, Code
from axis.ops.upkeep import Upkeep
from axis.store import schema
from axis.store.hot import Hot
from axis.store.records import Document
from axis.store.store import Store
from axis.store.viewings import ViewingQuery, list_viewings
from axis.terms import Role, ViewKind
from tests.console.archive import NOON, Archive, Clock, To, file
from tests.console.conftest import AddAccount, Client, LogIn
from tests.console.test_list import page_of, words_of
from tests.store.plans import analyze, plans_of

LIVE = {"X-Live": "1"}


@pytest.fixture
async def document(archive: Archive) -> Document:
    return await archive.document([To("H24.2")], subject="Kế hoạch", code="12/KH", files=[file("phụ lục.pdf")])


async def seen(store: Store, **wanted: Any) -> list[tuple[str, str | None]]:
    """What was looked at, oldest first: kind and document."""
    found = await store.read(lambda conn: list_viewings(conn, ViewingQuery(**wanted)))
    return [(line.viewing.kind.value, line.viewing.document_uid) for line in reversed(found.lines)]


async def test_each_look_at_a_document_is_recorded_with_who_when_and_from_where(
    operator: Client, document: Document, store: Store, clock: Clock
) -> None:
    for _ in range(2):
        await page_of(operator, f"/documents/{document.document_uid}")
    await operator.get("/")  # the list is no look at any document
    found = (await store.read(lambda conn: list_viewings(conn, ViewingQuery()))).lines
    assert len(found) == 2
    line = found[0]
    assert (line.viewing.kind, line.viewing.document_uid) == (ViewKind.PAGE, document.document_uid)
    assert (line.viewing.at, line.viewing.address) == (clock.now(), "127.0.0.1")
    assert line.username.startswith("u")
    assert (line.code, line.subject) == ("12/KH", "Kế hoạch")


async def test_a_page_that_refreshes_itself_is_no_further_look(
    operator: Client, document: Document, store: Store
) -> None:
    path = f"/documents/{document.document_uid}"
    await operator.get(path)
    for _ in range(3):
        await operator.get(path, headers=LIVE)
    assert await seen(store) == [("page", document.document_uid)]


async def test_nobody_looks_unseen_by_saying_that_the_page_refreshes_itself(
    operator: Client, log_in: LogIn, document: Document, store: Store
) -> None:
    path = f"/documents/{document.document_uid}"
    assert (await operator.get(path, headers=LIVE)).status == 200  # never opened in this session
    assert len(await seen(store)) == 1
    other = await log_in(Role.AUDITOR)
    await other.get(path, headers=LIVE)  # nor in this one
    assert len(await seen(store)) == 2


async def test_what_is_taken_along_is_recorded_before_it_is_given(
    operator: Client, archive: Archive, store: Store
) -> None:
    content = b"<edXML/>"
    document = await archive.document([To("H24.2")], content=content)
    path = f"/documents/{document.document_uid}/packages/{document.package_id}"
    await operator.head(path)
    assert await seen(store) == []
    answer = await operator.get(path)
    assert await answer.read() == content
    await operator.get(path, headers=LIVE)  # no script refreshes a download: this is another one
    assert await seen(store) == [("package", document.document_uid)] * 2
    row = await store.read(lambda conn: conn.execute(select(schema.viewing)).first())
    assert row is not None
    assert row.package_id == document.package_id


async def test_a_report_that_is_printed_is_recorded(operator: Client, document: Document, store: Store) -> None:
    assert (await operator.get(f"/documents/{document.document_uid}/report")).status == 200
    viewing = schema.viewing.c
    rows = await store.read(lambda conn: conn.execute(select(viewing.kind, viewing.document_uid)).all())
    assert [tuple(row) for row in rows] == [("print", document.document_uid)]


async def test_what_cannot_be_recorded_is_not_given(
    operator: Client, archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await archive.document([To("H24.2")], content=b"<edXML/>", subject="kín")

    async def refuse(_hot: Hot) -> None:
        raise Busy(Code.DISK_FULL, retry_after_s=5)

    monkeypatch.setattr(store, "submit", refuse)
    base = f"/documents/{document.document_uid}"
    for path in (base, f"{base}/packages/{document.package_id}"):
        answer = await operator.get(path, headers={"Accept": "text/html"})
        assert answer.status == 503
        assert "kín" not in await answer.text()


async def test_a_document_that_somebody_may_not_see_leaves_no_trace(
    log_in: LogIn, archive: Archive, store: Store
) -> None:
    document = await archive.document([To("H24.2")])
    clerk = await log_in(Role.CLERK)
    assert (await clerk.get(f"/documents/{document.document_uid}")).status == 404
    assert await seen(store) == []


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
async def test_auditors_and_administrators_see_who_has_looked(
    log_in: LogIn, operator: Client, document: Document, store: Store, role: Role
) -> None:
    path = f"/documents/{document.document_uid}"
    await operator.get(path)
    watcher = await log_in(role)
    assert f"{path}/views" in await page_of(watcher, path)
    page = words_of(await page_of(watcher, f"{path}/views"))
    assert "Xem trang văn bản" in page
    assert "127.0.0.1" in page
    assert ("log", document.document_uid) in await seen(store)  # that the record was read is on record, too


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.CLERK])
async def test_for_others_there_is_no_such_page(log_in: LogIn, archive: Archive, role: Role) -> None:
    await archive.organ("H24.2", "Sở")
    document = await archive.document([To("H24.2")])
    client = await log_in(role, organs=["H24.2"])
    path = f"/documents/{document.document_uid}"
    assert "/views" not in await page_of(client, path)
    assert (await client.get(f"{path}/views")).status == 404


async def test_the_record_is_paged_and_its_key_is_checked(log_in: LogIn, document: Document, clock: Clock) -> None:
    auditor = await log_in(Role.AUDITOR)
    path = f"/documents/{document.document_uid}"
    for _ in range(7):
        clock.later(minutes=1)
        await auditor.get(path)
    first = await page_of(auditor, f"{path}/views")  # five rows fit
    assert first.count("Xem trang văn bản") == 5
    older = first.split("views?older=")[1].split('"')[0]
    assert (await page_of(auditor, f"{path}/views?older={older}")).count("Xem trang văn bản") == 2
    assert (await auditor.get(f"{path}/views?older=%27%20or%201")).status == 400


async def test_views_are_found_by_account_kind_and_period(
    log_in: LogIn, document: Document, store: Store, clock: Clock
) -> None:
    first, second = await log_in(Role.AUDITOR), await log_in(Role.OPERATOR)
    uid = document.document_uid
    begun = clock.now()
    await first.get(f"/documents/{uid}")
    clock.later(hours=1)
    await second.get(f"/documents/{uid}")
    await first.get(f"/documents/{uid}/views")
    name = (await store.read(lambda conn: list_viewings(conn, ViewingQuery()))).lines[-1].username
    assert [kind for kind, _ in await seen(store, username=name)] == ["page", "log"]
    assert [kind for kind, _ in await seen(store, kinds=(ViewKind.LOG,))] == ["log"]
    assert len(await seen(store, since=begun + timedelta(minutes=1))) == 2
    assert len(await seen(store, until=begun + timedelta(minutes=1))) == 1
    assert await seen(store, username="nobody") == []


async def test_views_are_kept_as_long_as_the_settings_say(
    operator: Client, document: Document, store: Store, clock: Clock
) -> None:
    await operator.get(f"/documents/{document.document_uid}")
    clock.later(days=364)
    await Upkeep(store, clock, views_kept_days=365).work()
    assert len(await seen(store)) == 1
    clock.later(days=2)
    await Upkeep(store, clock).work()  # for ever
    assert len(await seen(store)) == 1
    await Upkeep(store, clock, views_kept_days=365).work()
    assert await seen(store) == []


@pytest.mark.parametrize(
    "wanted",
    [{"document_uid": "d7"}, {"username": "u"}, {"since": NOON, "until": NOON + timedelta(days=1)}, {}],
    ids=["document", "account", "period", "all"],
)
async def test_views_are_read_by_an_index_however_many_there_are(
    store: Store, add_account: AddAccount, wanted: dict[str, Any]
) -> None:
    account = await add_account("u")
    rows = [
        {
            "viewing_id": f"{number:026}",
            "at": NOON,
            "account_id": account.account_id,
            "kind": "page",
            "document_uid": f"d{number % 500}",
            "address": "",
            "detail": "",
        }
        for number in range(3_000)
    ]
    await store.write(lambda conn: conn.execute(schema.viewing.insert(), rows).rowcount)
    await analyze(store)
    (plan,) = await plans_of(store, lambda conn: list_viewings(conn, ViewingQuery(**wanted, rows=20)))
    assert "SCAN viewing\n" not in f"{plan}\n"
    assert "Seq Scan on viewing" not in plan, plan
