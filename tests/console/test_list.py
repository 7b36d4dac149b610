"""The list of documents."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from axis.store import schema
from axis.store.configuration import lock
from axis.store.scopes import Scope
from axis.store.search import organ_names
from axis.store.store import Store
from axis.store.views import Direction, ListKey, ListQuery, list_documents
from axis.terms import Origin, Place, Role, TransportState
from axis.web.console.asked import Names, understand
from tests.console.archive import Archive, Clock, To, file
from tests.console.conftest import Client, LogIn

T = TransportState


async def subjects(store: Store, *, text: str = "", **query: Any) -> list[str | None]:
    names = Names.of(await store.read(organ_names))
    query["wanted"] = understand(text, names).wanted
    given = ListQuery(scope=query.pop("scope", Scope.ALL), **query)
    found = await store.read(lambda conn: list_documents(conn, given))
    return [line.document.subject for line in found.lines]


async def page_of(client: Client, path: str = "/documents") -> str:
    answer = await client.get(path, headers={"Accept": "text/html"})
    assert answer.status == 200, await answer.text()
    return unescape(re.sub(r"\s+", " ", await answer.text()))


def words_of(page: str) -> str:
    """What a reader sees, without the markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("language", ["vi", "en"])
async def test_the_parts_that_lead_to_pages_have_names_of_their_own(
    operator: Client, archive: Archive, language: str
) -> None:
    """WCAG 2.2, 2.4.1: whoever goes by landmarks tells the head from the list's pages."""
    for number in range(6):  # one more than fits
        await archive.document(subject=str(number))
    answer = await operator.get("/documents", headers={"Accept": "text/html", "Accept-Language": language})
    names = re.findall(r'<nav [^>]*aria-label="([^"]+)"', await answer.text())
    assert len(names) >= 2
    assert len(set(names)) == len(names)


async def test_paging_by_key_shows_every_document_once_in_both_directions(
    store: Store, archive: Archive, clock: Clock
) -> None:
    for number in range(11):
        if number % 3 == 0:  # the others arrive in the same microsecond as the one before
            clock.later(seconds=1)
        await archive.document(subject=str(number))
    seen, key = [], None
    while True:
        query = ListQuery(scope=Scope.ALL, older_than=key, rows=4)
        found = await store.read(lambda conn, query=query: list_documents(conn, query))
        seen += [line.document for line in found.lines]
        key = ListKey(received_at=seen[-1].received_at, document_uid=seen[-1].document_uid)
        if not found.has_older:
            break
    assert len({document.document_uid for document in seen}) == len(seen) == 11
    assert [d.received_at for d in seen] == sorted((d.received_at for d in seen), reverse=True)
    back = ListQuery(
        scope=Scope.ALL,
        newer_than=ListKey(received_at=seen[8].received_at, document_uid=seen[8].document_uid),
        rows=4,
    )
    found = await store.read(lambda conn: list_documents(conn, back))
    assert [line.document for line in found.lines] == seen[4:8]
    assert found.has_newer
    assert found.has_older


async def test_a_page_stays_the_same_while_new_documents_arrive(
    operator: Client, archive: Archive, clock: Clock
) -> None:
    for number in range(8):
        clock.later(seconds=1)
        await archive.document(subject=f"văn bản số {number}")
    first = await page_of(operator)
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older
    before = await page_of(operator, older[1])
    clock.later(seconds=1)
    await archive.document(subject="vừa mới đến")
    after = await page_of(operator, older[1])
    assert "văn bản số 2" in before
    assert "văn bản số 3" not in before
    assert re.findall(r"văn bản số \d", before) == re.findall(r"văn bản số \d", after)
    newer = re.search(r'href="([^"]+)" rel="prev"', after)
    assert newer
    assert "văn bản số 3" in await page_of(operator, newer[1])
    assert "vừa mới đến" in await page_of(operator)


async def test_sent_and_received_are_told_apart_and_a_document_inside_the_city_is_both(
    store: Store, archive: Archive
) -> None:
    await archive.document([To("G05", place=Place.UPLINK)], subject="up")
    await archive.document(
        [To("H24.2"), To("H30", place=Place.ELSEWHERE)], subject="down", origin=Origin.UPLINK, source_system="national"
    )
    await archive.document([To("H24.2")], subject="inside")
    assert set(await subjects(store)) == {"up", "down", "inside"}
    assert set(await subjects(store, direction=Direction.SENT)) == {"up", "inside"}
    assert set(await subjects(store, direction=Direction.RECEIVED)) == {"down", "inside"}


@pytest.mark.parametrize(
    "text",
    [
        "1234/UBND-VP",
        "1234",
        "ubnd-vp",
        "Phòng cháy",
        "phòng CHÁY",
        "PHÒNG",
        "chữa phòng",  # every word, in any order
        "pho\u0300ng cha\u0301y",  # NFD
        "Sở Xây dựng",
        "H24.77",
        "sở y tế",
        "H24.2",
        "Bệnh viện",
        "H24.1,2025/11/27,99",
        "50%_",
    ],
)
async def test_the_search_finds_code_subject_parties_and_id(store: Store, archive: Archive, text: str) -> None:
    await archive.organ("H24.77", "Sở Xây dựng")
    await archive.organ("H24.2", "Sở Y tế")
    await archive.document([To("H24.3", name="Trường học")], subject="khác", code="8/KH", document_id="x")
    await archive.document(
        [To("H24.2", name="Bệnh viện Đa khoa")],
        subject="Phòng cháy, chữa cháy 50%_",
        code="1234/UBND-VP",
        from_organ="H24.77",
        sender_name=None,
        document_id="H24.1,2025/11/27,99/KH",
    )
    assert await subjects(store, text=text) == ["Phòng cháy, chữa cháy 50%_"]


async def test_a_subject_in_nfd_is_found_by_what_people_type(store: Store, archive: Archive) -> None:
    await archive.document(subject="Ke\u0302\u0301 hoa\u0323ch")
    assert len(await subjects(store, text="kế hoạch")) == 1


@pytest.mark.parametrize("text", ["%", "_", "\\", "' OR 1=1 --", "zzz", "phòng zzz"])
async def test_the_search_takes_signs_as_they_are(store: Store, archive: Archive, text: str) -> None:
    await archive.document(subject="Phòng cháy", code="1", document_id="1", from_organ="H24.1")
    assert await subjects(store, text=text) == []


async def test_a_document_is_found_by_our_own_id(store: Store, archive: Archive) -> None:
    await archive.document(subject="khác")
    document = await archive.document(subject="này")
    assert await subjects(store, text=document.document_uid.lower()) == ["này"]


async def test_who_may_see_nothing_sees_nothing(log_in: LogIn, archive: Archive, store: Store) -> None:
    document = await archive.document([To("H24.2")], subject="kín", files=[file("a.pdf")])
    clerk = await log_in(Role.CLERK)
    page = await page_of(clerk)
    assert "kín" not in page
    assert "Tài khoản chưa được gắn với cơ quan nào" in page
    base = f"/documents/{document.document_uid}"
    for path in (base, f"{base}/packages/{document.package_id}", f"{base}/packages/{document.package_id}/files/0"):
        assert (await clerk.get(path)).status == 404
    assert await subjects(store, scope=Scope.NOTHING) == []


async def test_a_clerk_sees_what_the_own_organisation_and_those_below_it_sent_or_received(
    log_in: LogIn, archive: Archive, store: Store
) -> None:
    for code, above in (("H24.1", None), ("H24.1.5", "H24.1"), ("H24.2", None)):
        await archive.organ(code, f"Đơn vị {code}", parent_id=above)
    mine = {
        "gửi đi": await archive.document([To("H24.2")], subject="gửi đi", from_organ="H24.1.5", files=[file("a.pdf")]),
        "nhận về": await archive.document([To("H24.2"), To("H24.1")], subject="nhận về", from_organ="H24.2"),
    }
    other = await archive.document([To("H24.2")], subject="của nơi khác", from_organ="H24.2", files=[file("b.pdf")])
    clerk = await log_in(Role.CLERK, organs=["H24.1"])
    page = await page_of(clerk)
    assert all(subject in page for subject in mine)
    assert "của nơi khác" not in page
    assert "chưa được gắn" not in page
    for document in mine.values():
        assert (await clerk.get(f"/documents/{document.document_uid}")).status == 200
    sent = mine["gửi đi"]
    base, foreign = f"/documents/{sent.document_uid}", f"/documents/{other.document_uid}"
    assert (await clerk.get(f"{base}/packages/{sent.package_id}")).status == 200
    paths = (foreign, f"{foreign}/packages/{other.package_id}", f"{foreign}/packages/{other.package_id}/files/0")
    for path in (*paths, f"{base}/packages/{other.package_id}"):  # the last one names a foreign package under its own
        assert (await clerk.get(path)).status == 404
    both = Scope(organs=frozenset({"H24.1.5", "H24.2"}))
    assert set(await subjects(store, scope=both)) == {*mine, "của nơi khác"}
    assert await subjects(store, scope=Scope(organs=frozenset({"H24.1.5"}))) == ["gửi đi"]


async def test_whom_a_clerk_acts_for_follows_the_tree_and_what_was_given(
    log_in: LogIn, archive: Archive, store: Store
) -> None:
    await archive.organ("H24.1", "Sở")
    await archive.organ("H24.1.5", "Chi cục")
    await archive.document([To("H24.1.5")], subject="của chi cục", from_organ="H24.9")
    clerk = await log_in(Role.CLERK, organs=["H24.1"])
    assert "của chi cục" not in await page_of(clerk)

    def move(conn: Any) -> None:
        lock(conn)
        conn.execute(schema.organ.update().where(schema.organ.c.organ_id == "H24.1.5").values(parent_id="H24.1"))

    await store.write(move)
    assert "của chi cục" in await page_of(clerk)
    await store.write(lambda conn: conn.execute(schema.account_organ.delete()).rowcount)
    assert "chưa được gắn với cơ quan nào" in await page_of(clerk)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR, Role.ADMINISTRATOR])
async def test_who_oversees_the_node_sees_every_document(log_in: LogIn, archive: Archive, role: Role) -> None:
    document = await archive.document(subject="của mọi người")
    client = await log_in(role)
    assert "của mọi người" in await page_of(client)
    assert (await client.get(f"/documents/{document.document_uid}")).status == 200


async def test_a_row_says_what_and_who_and_how_far(operator: Client, archive: Archive, clock: Clock) -> None:
    await archive.organ("H24.1", "Sở Nội vụ tên chính thức")
    await archive.organ("H24.2", "Sở Y tế")
    await archive.document(
        [To("H24.2", T.ACKNOWLEDGED, statuses=("01", "03", "04"))],
        code="77/SNV",
        subject="Báo cáo",
        urgency=3,
        files=[file("a.pdf"), file("b.pdf")],
    )
    clock.later(minutes=3)
    page = await page_of(operator)
    words = words_of(page)
    for expected in ("Hỏa tốc", "77/SNV", "Báo cáo", "Sở Nội vụ tên chính thức", "Sở Y tế", "2 tệp", "Đã phân công"):
        assert expected in words
    assert "12:00 hôm nay" in words
    assert 'title="27/11/2025 12:00:00"' in page
    assert re.findall(r'class="step (\w+)', page) == ["past", "past", "now", "ahead", "ahead"]


async def test_a_row_says_that_the_document_was_recalled(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2")], subject="một")
    await archive.document([To("H24.2")], subject="hai")
    await archive.act(document, "recall", {"H24.2": None})
    await archive.act(document, "recall", {"H24.2": "agreed"})
    page = await page_of(operator)
    assert words_of(page).count("Thu hồi") == 1
    row = page.split(f'id="d-{document.document_uid}"')[1].split("</li>")[0]
    assert "Thu hồi" in row


async def test_many_receivers_are_counted(operator: Client, archive: Archive) -> None:
    codes = [("01",), ("01", "03"), ("03", "04", "06"), ("01", "02"), (), ()]
    receivers = [To(f"H24.{n}", T.ACKNOWLEDGED, statuses=codes[n % 6], name=f"Xã {n}") for n in range(12)]
    receivers += [To("H24.90", T.DEAD), To("H24.91", T.RETRYING, more={"failures": 2})]
    receivers += [To(f"H3{n}", place=Place.ELSEWHERE, name=f"Tỉnh {n}") for n in range(5)]
    await archive.document(receivers)
    page = await page_of(operator)
    words = words_of(page)
    assert "4/14 đã tiếp nhận" in words
    assert "Từ chối tiếp nhận 2" in words
    assert "Không chuyển được 1" in words
    assert "Đang thử lại 1" in words
    assert "và 11 nơi khác" in words
    assert "Tỉnh" not in words
    widths = re.findall(r'<rect class="tone-(\w+)" x="(\d+)" width="(\d+)"', page)
    assert widths == [("green", "0", "2"), ("teal", "2", "2"), ("blue", "4", "2"), ("red", "6", "2")]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (To("H24.2", T.QUEUED), "Chờ chuyển"),
        (To("H24.2", T.HANDED_OVER), "Đã chuyển, chờ xác nhận"),
        (To("H24.2", T.ACKNOWLEDGED), "Bên nhận đã lấy, chờ trạng thái"),
        (To("H24.2", T.DEAD), "Không chuyển được"),
        (To("H24.2", T.CANCELLED), "Đã hủy chuyển"),
        (To("G05", T.HANDED_OVER, Place.UPLINK), "Đã chuyển lên trục quốc gia, chờ xác nhận"),
        (To("H30", None, Place.ELSEWHERE), "Trục khác chuyển"),
    ],
)
async def test_before_there_is_a_status_the_transport_is_told_and_never_called_arrived(
    operator: Client, archive: Archive, to: To, words: str
) -> None:
    await archive.document([to])
    page = words_of((await page_of(operator)).split('id="documents"')[1])
    assert words in page
    assert "Đã đến" not in page


async def test_a_retry_says_which_and_when_next(operator: Client, archive: Archive, clock: Clock) -> None:
    soon = clock.now() + timedelta(minutes=7)
    await archive.document([To("H24.2", T.RETRYING, more={"failures": 3, "visible_at": soon})])
    assert "Đang thử lại (lần 3, tiếp theo 12:07 hôm nay)" in words_of(await page_of(operator))


async def test_a_push_tells_its_next_try_from_the_queue(operator: Client, archive: Archive, clock: Clock) -> None:
    document = await archive.document([To("G05", T.RETRYING, Place.UPLINK, more={"failures": 1})])
    await archive.queue(document.package_id, clock.now() + timedelta(days=1))
    assert "Đang thử lại (lần 1, tiếp theo 28/11/2025 12:00)" in words_of(await page_of(operator))


async def test_an_act_on_its_way_does_not_change_how_the_document_stands(
    operator: Client, archive: Archive, clock: Clock
) -> None:
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED)])
    delivery = await archive.delivery_of(document, "H24.2")
    clock.later(seconds=5)
    await archive.act(document, "recall", {"H24.2": None}, delivery_id=delivery.delivery_id)
    words = words_of(await page_of(operator))
    assert "Bên nhận đã lấy, chờ trạng thái" in words
    assert "Chờ chuyển" not in words


async def test_an_empty_list_says_why_and_what_to_do(operator: Client) -> None:
    assert "Chưa có văn bản nào" in words_of(await page_of(operator))
    assert "Chưa có văn bản nào theo chiều này" in words_of(await page_of(operator, "/documents?direction=sent"))
    page = await page_of(operator, "/documents?direction=sent&q=<b>x</b>")
    assert "Không có văn bản nào khớp với “<b>x</b>”" in page
    assert 'href="/documents?direction=sent"' in page
    end = await page_of(operator, "/documents?older=1-01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert "Đã hết danh sách" in end


@pytest.mark.parametrize("key", ["x", "1", "1-2", "99999999999999999999-01ARZ3NDEKTSV4RRFFQ69G5FAV", "-1-" + "0" * 26])
async def test_an_address_that_names_no_place_in_the_list_is_refused(operator: Client, key: str) -> None:
    answer = await operator.get("/documents", params={"older": key}, headers={"Accept": "text/html"})
    assert answer.status == 400
    assert "bad_request" in await answer.text()


@pytest.mark.parametrize(
    "query", ["q=%00%01", "q=%ed%a0%80", "q=%ff%fe", "direction=%00", "q=" + "x" * 5000, "q=" + "a+" * 900]
)
async def test_an_odd_search_is_harmless(operator: Client, archive: Archive, query: str) -> None:
    await archive.document()
    answer = await operator.session.get(str(operator.make_url("/documents")) + "?" + query)
    assert answer.status == 200


async def test_the_pages_own_script_is_told_when_nothing_has_changed(operator: Client, archive: Archive) -> None:
    await archive.document(subject="một")
    first = await operator.get("/documents")
    tag = first.headers["ETag"]
    same = await operator.get("/documents", headers={"If-None-Match": tag})
    assert (same.status, await same.read()) == (304, b"")
    await archive.document(subject="hai")
    changed = await operator.get("/documents", headers={"If-None-Match": tag})
    assert changed.status == 200
    assert "hai" in await changed.text()
