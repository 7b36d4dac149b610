"""The page of one document."""

import re
from datetime import timedelta

import pytest

from axis.store.document_view import SHOWN_EVENTS, ReceiverPage, read_document
from axis.store.scopes import Scope
from axis.store.store import Store
from axis.terms import ActEffect, DeliveryState, DocumentState, Origin, Place, Role, TransportState
from tests.console.archive import Archive, Clock, To, file
from tests.console.conftest import Client, LogIn
from tests.console.test_list import page_of, words_of

T = TransportState
EVIL = "<script>alert('x')</script>\"onmouseover=\"x"


def path_of(document_uid: str) -> str:
    return f"/documents/{document_uid}"


async def test_the_head_tells_what_and_from_whom_and_by_when(operator: Client, archive: Archive) -> None:
    document = await archive.document(
        [To("H24.2", T.ACKNOWLEDGED, statuses=("01", "03"))],
        code="77/SNV",
        subject="Báo cáo quý",
        sender_name="Sở Nội vụ",
        urgency=4,
        type_name="Công văn",
        promulgation_date="2025-11-26",
        due_date="2025-12-05",
        flags="same_code header_differs",
    )
    page = await page_of(operator, path_of(document.document_uid))
    words = words_of(page)
    for expected in (
        "Hỏa tốc hẹn giờ",
        "77/SNV Báo cáo quý",
        "Sở Nội vụ H24.1",
        "Công văn",
        "26/11/2025",
        "05/12/2025",
        "12:00 hôm nay",
        "Trùng số, ký hiệu và ngày",
        "Bên gửi đã gửi lại",
    ):
        assert expected in words
    assert "<title>77/SNV Báo cáo quý · Thành phố Hải Bình</title>" in page


async def test_a_date_that_is_none_is_shown_as_it_came(operator: Client, archive: Archive) -> None:
    document = await archive.document(promulgation_date="2014/02/30", due_date="sớm")
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "2014/02/30" in words
    assert "sớm" in words


async def test_the_timeline_tells_every_hop_and_status_in_order(
    operator: Client, archive: Archive, clock: Clock
) -> None:
    await archive.organ("H24.2", "Sở Y tế")
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED, statuses=("01", "03", "02"))])
    delivery = await archive.delivery_of(document, "H24.2")
    clock.later(minutes=20)
    await archive.status(
        document,
        delivery.delivery_id,
        "03",
        effect="flagged",
        description="Tiếp nhận lại",
        staff="Lê Văn An",
        department=None,
        reported_at=None,
    )
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    timeline = words[words.index("Trục nhận văn bản từ hệ thống của bên gửi") :]
    expected = (
        "Trục nhận văn bản từ hệ thống của bên gửi",
        "Đã chuyển cho hệ thống của bên nhận, chờ xác nhận",
        "Hệ thống của bên nhận xác nhận đã lấy gói tin",
        "Đã đến",
        "Từ chối tiếp nhận",
        "Đã tiếp nhận",
        "Đã tiếp nhận Lê Văn An Tiếp nhận lại Trái với trạng thái trước đó",
    )
    places, start = [], 0
    for text in expected:
        start = timeline.index(text, start)
        places.append(start)
        start += 1
    assert places == sorted(places)
    assert "Trần Thị Bình, Văn phòng" in timeline
    assert "Giờ ghi trong trạng thái: 2025/11/27 11:58:00" in timeline


async def test_a_status_tells_how_it_travelled_back(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED, statuses=("01",))])
    page = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Chuyển về bên gửi" not in page
    await archive.forward_statuses(document, T.ACKNOWLEDGED)
    page = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Chuyển về bên gửi: hệ thống của bên gửi đã lấy" in page


async def test_what_went_up_is_never_called_arrived(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("G05", T.HANDED_OVER, Place.UPLINK, name="Bộ Nội vụ")])
    words = words_of((await page_of(operator, path_of(document.document_uid))).split('id="receivers"')[1])
    assert "Đã chuyển lên trục quốc gia, chờ xác nhận" in words
    assert "Đã đến" not in words
    assert "bên nhận xác nhận" not in words


async def test_a_package_that_does_not_get_through_says_why(operator: Client, archive: Archive, clock: Clock) -> None:
    more = {"failures": 2, "last_error": "hết thời gian chờ", "visible_at": clock.now() + timedelta(minutes=9)}
    document = await archive.document([To("G05", T.RETRYING, Place.UPLINK, more=more)])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Hiện tại Đang thử lại (lần 2, tiếp theo 12:09 hôm nay) hết thời gian chờ" in words


async def test_a_document_for_a_closed_organisation_says_who_takes_its_place(
    operator: Client, archive: Archive
) -> None:
    await archive.organ("H24.12", "UBND huyện Tân Lập")
    await archive.organ("H24.99", "UBND huyện Đông Hà", status="closed", successor_id="H24.12")
    document = await archive.document([To("H24.12", addressed_as="H24.99")])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Nhận thay UBND huyện Đông Hà (H24.99), cơ quan đã ngừng hoạt động" in words


async def test_an_old_code_of_a_closed_organisation_says_so_too(operator: Client, archive: Archive) -> None:
    await archive.organ("H24.12", "UBND huyện Tân Lập")
    await archive.organ("H24.99", "UBND huyện Đông Hà", status="closed", successor_id="H24.12")
    document = await archive.document([To("H24.12", addressed_as="000.00.99.H24")])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Nhận thay UBND huyện Đông Hà (000.00.99.H24), cơ quan đã ngừng hoạt động" in words


async def test_a_renamed_organisation_is_shown_as_it_was_called_then(
    log_in: LogIn, archive: Archive, clock: Clock
) -> None:
    await archive.organ("H24.1", "Sở Nội vụ và Lao động")
    await archive.organ("H24.2", "Phường Đông Hà")
    await archive.former_name("H24.1", "Sở Nội vụ", "2025-11-28")
    await archive.former_name("H24.2", "Thị trấn Đông Hà", "2020-01-01")
    await archive.former_name("H24.2", "Xã Đông Hà", "2025-11-28")
    before = await archive.document([To("H24.2")], sender_name=None)
    clock.later(hours=12)  # midnight
    after = await archive.document([To("H24.2")], sender_name=None)
    operator = await log_in(Role.OPERATOR)  # sessions do not last that long
    words = words_of(await page_of(operator, path_of(before.document_uid)))
    assert "Sở Nội vụ H24.1" in words
    assert "Nơi gửi nay là Sở Nội vụ và Lao động" in words
    assert "Xã Đông Hà H24.2 Nay là Phường Đông Hà" in words
    words = words_of(await page_of(operator, path_of(after.document_uid)))
    assert "Sở Nội vụ và Lao động H24.1" in words
    assert "Phường Đông Hà H24.2" in words
    assert "ay là" not in words
    listed = words_of(await page_of(operator, "/documents"))
    for name in ("Sở Nội vụ", "Sở Nội vụ và Lao động", "Xã Đông Hà", "Phường Đông Hà"):
        assert re.search(rf"{name} (?!và)", listed), name
    found = words_of(await page_of(operator, "/documents?q=xa+dong+ha"))
    assert "Xã Đông Hà" in found


async def test_an_old_code_is_no_succession(operator: Client, archive: Archive) -> None:
    await archive.organ("H24.12", "UBND huyện Tân Lập")
    await archive.alias("000.00.12.H24", "H24.12")
    document = await archive.document([To("H24.12", addressed_as="000.00.12.H24")])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Văn bản ghi nơi nhận là 000.00.12.H24" in words
    assert "Nhận thay" not in words


async def test_a_delivery_to_another_than_the_named_one_calls_nobody_closed_who_is_not(
    operator: Client, archive: Archive
) -> None:
    await archive.organ("H24.99", "UBND huyện Đông Hà")
    document = await archive.document([To("H24.12", addressed_as="H24.99")])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Văn bản ghi nơi nhận là H24.99" in words
    assert "ngừng hoạt động" not in words


async def test_acts_show_their_answers_reason_and_files(operator: Client, archive: Archive, clock: Clock) -> None:
    await archive.organ("H24.2", "Sở Y tế")
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED), To("H24.3"), To("H24.4")])
    clock.later(minutes=5)
    answers = {"H24.2": "agreed", "H24.3": "declined", "H24.4": None}
    await archive.act(document, "recall", answers, reason="Sai thể thức")
    clock.later(minutes=5)
    await archive.act(document, "update", {"H24.2": None}, files=[file("đính chính.pdf")])
    page = await page_of(operator, path_of(document.document_uid))
    acts = words_of(page.split('id="acts"')[1].split('id="files-title"')[0])
    head = words_of(page.split('id="head"')[1].split("</h1>")[0])
    assert "Cập nhật 1 chưa trả lời" in head
    assert "Thu hồi 1 đồng ý, 1 không đồng ý, 1 chưa trả lời" in head
    assert acts.index("Cập nhật") < acts.index("Thu hồi", acts.index("Cập nhật"))
    for expected in ("1 đồng ý, 1 không đồng ý, 1 chưa trả lời", "Sai thể thức", "đính chính.pdf", "Sở Y tế"):
        assert expected in acts
    assert page.count("Tải gói tin gốc") == 3


async def test_an_update_shows_what_it_changed_before_and_after(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED)])
    changes = (
        ("subject", "Kế hoạch quý 3", "Kế hoạch quý 4"),
        ("due_date", None, "2025/12/05"),
        ("priority", "0", "3"),
        ("content", "Nội dung cũ", None),
    )
    await archive.act(document, "update", {"H24.2": None}, changes=changes)
    page = await page_of(operator, path_of(document.document_uid))
    shown = words_of(page.split('class="changes"')[1].split("</table>")[0])
    assert "Thông tin Trước Sau" in shown
    assert "Trích yếu Kế hoạch quý 3 Kế hoạch quý 4" in shown
    assert "Hạn xử lý không có 05/12/2025" in shown
    assert "Độ khẩn Thường Hỏa tốc" in shown
    assert "Nội dung Nội dung cũ bỏ" in shown


async def test_an_act_that_changed_nothing_says_so(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED)])
    await archive.act(document, "recall", {"H24.2": None})
    assert "Không thay đổi gì thêm" not in await page_of(operator, path_of(document.document_uid))
    await archive.act(document, "recall", {"H24.2": None}, effect=ActEffect.NOTHING)
    assert "Không thay đổi gì thêm" in await page_of(operator, path_of(document.document_uid))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("recalled", "Đã thu hồi, chờ trả lời"),
        ("recall_declined", "Đã thu hồi, không đồng ý"),
        ("removed", "Đã rút nơi nhận"),
        ("replaced", "Đã được thay thế"),
    ],
)
async def test_a_receiver_shows_what_the_sender_has_done_since(
    operator: Client, archive: Archive, clock: Clock, state: str, words: str
) -> None:
    changed = {"state": DeliveryState(state), "state_at": clock.now() + timedelta(minutes=9)}
    to = [To("H24.2", T.ACKNOWLEDGED, statuses=("03",), delivery=changed), To("H24.3")]
    document = await archive.document(to)
    page = await page_of(operator, path_of(document.document_uid))
    first, second = (words_of(part) for part in page.split('<details class="receiver"')[1:3])
    assert f"Đã tiếp nhận {words}" in first
    assert f"12:09 hôm nay {words}" in first  # in its timeline
    assert words not in second


async def test_a_document_that_is_in_force_for_nobody_says_so(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H24.2")], state=DocumentState.RECALLED)
    page = await page_of(operator, path_of(document.document_uid))
    assert "Đã thu hồi" in words_of(page.split('id="head"')[1].split("</h1>")[0])


async def test_a_returned_document_says_why(operator: Client, archive: Archive, clock: Clock) -> None:
    returned = {"returned_at": clock.now(), "return_reason": "Gửi nhầm nơi nhận, đề nghị gửi Sở Y tế."}
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED, statuses=("02",), delivery=returned)])
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Đã trả lại: Gửi nhầm nơi nhận, đề nghị gửi Sở Y tế" in words


async def test_an_error_of_the_way_is_told_in_plain_words(operator: Client, archive: Archive, clock: Clock) -> None:
    error = "peer_unreachable: no route to host"
    more = {"failures": 2, "last_error": error, "visible_at": clock.now() + timedelta(minutes=9)}
    document = await archive.document([To("G05", T.RETRYING, Place.UPLINK, more=more)])
    stuck = {"state": T.DEAD, "failures": 5, "last_error": "the receiving system answered fail"}
    await archive.act(document, "recall", {"G05": None}, stuck=stuck)
    page = await page_of(operator, path_of(document.document_uid))
    receivers = words_of(page.split('id="receivers"')[1].split('id="acts"')[0])
    assert "Đang thử lại (lần 2, tiếp theo 12:09 hôm nay) Không kết nối được với hệ thống phía nhận" in receivers
    assert f"Chi tiết kỹ thuật: {error}" in receivers
    acts = words_of(page.split('id="acts"')[1].split('id="files-title"')[0])
    assert "Hệ thống của bên nhận báo lỗi khi xử lý gói tin." in acts
    assert "Không chuyển được" in acts


async def test_what_got_through_after_all_names_no_error(operator: Client, archive: Archive) -> None:
    more = {"failures": 2, "last_error": "peer_unreachable: no route to host"}
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED, more=more)])
    assert "no route" not in await page_of(operator, path_of(document.document_uid))


async def test_a_replacement_is_linked_both_ways(operator: Client, archive: Archive) -> None:
    old = await archive.document([To("H24.2")], code="1/KH")
    new = await archive.document([To("H24.2")], code="2/KH", business_type=3)
    await archive.act(old, "replace", {"H24.2": None}, package_id=new.package_id)
    page = await page_of(operator, path_of(old.document_uid))
    assert "Được thay bằng" in page
    assert f'href="/documents/{new.document_uid}"' in page
    page = await page_of(operator, path_of(new.document_uid))
    assert "Thay thế văn bản" in page
    assert f'href="/documents/{old.document_uid}"' in page


async def test_a_replacement_waits_for_no_answer(operator: Client, archive: Archive) -> None:
    old = await archive.document([To("H24.2")])
    await archive.act(old, "replace", {"H24.2": None})
    assert "Chưa trả lời" not in await page_of(operator, path_of(old.document_uid))
    await archive.act(old, "update", {"H24.2": None})
    assert "1 chưa trả lời" in await page_of(operator, path_of(old.document_uid))


async def test_editions_of_one_document_are_linked(operator: Client, archive: Archive) -> None:
    first = await archive.document(document_key="k", code="1/KH")
    second = await archive.document(document_key="k", code="1/KH", edition=2, same_code_no=1, code_key="k2")
    await archive.document(document_key="k", from_organ="H24.9", code="3/KH")
    page = await page_of(operator, path_of(first.document_uid))
    assert "Bản thay thế" in page
    assert page.count('href="/documents/') >= 1
    assert "3/KH" not in page
    assert "Bản trước" in await page_of(operator, path_of(second.document_uid))


async def test_files_and_identifiers_are_shown_with_their_digests(operator: Client, archive: Archive) -> None:
    word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    attached = file("Công văn 77.docx", media_type=word, size_bytes=3_456_789, zipped_by_client=True)
    document = await archive.document(
        files=[attached], findings=[{"code": "missing_business", "at": "Bussiness", "message": "It is absent."}]
    )
    page = await page_of(operator, path_of(document.document_uid))
    words = words_of(page)
    assert "Công văn 77.docx" in words
    assert "3,3\u00a0MB" in await (await operator.get(path_of(document.document_uid))).text()
    assert f'title="{attached.sha256_hex}"' in page
    assert attached.sha256_hex[:12] + "…" in words
    for code in (document.document_id, document.document_uid, document.package_id, document.from_organ):
        assert f"data-copy>{code}</code>" in page
    assert "1 lưu ý khi đọc gói tin" in words
    assert "It is absent." in words


async def test_a_thousand_receivers_come_a_page_at_a_time(operator: Client, archive: Archive, store: Store) -> None:
    receivers = [To(f"H24.{n:04d}", T.ACKNOWLEDGED, statuses=("01",) if n % 2 else ()) for n in range(1_000)]
    receivers += [To("H30", place=Place.ELSEWHERE)]
    document = await archive.document(receivers)
    page = await page_of(operator, path_of(document.document_uid))
    assert page.count('<details class="receiver"') == 5
    assert "0/1.000 đã tiếp nhận" in page
    following = re.search(r'href="([^"]+)" rel="next"', page)
    assert following
    assert "H24.0005" in await page_of(operator, following[1])
    seen, after = [], None
    while True:
        wanted = ReceiverPage(after=after, only="waiting", rows=300)
        detail = await store.read(
            lambda conn, wanted=wanted: read_document(conn, Scope.ALL, document.document_uid, wanted)
        )
        assert detail
        seen += [one.delivery.receiver_organ for one in detail.receivers]
        after = seen[-1]
        if not detail.has_more_receivers:
            break
    assert seen == [f"H24.{n:04d}" for n in range(0, 1_000, 2)]


@pytest.mark.parametrize(
    ("only", "expected"), [("03", {"B"}), ("waiting", {"A"}), ("elsewhere", {"C"}), ("06", set()), (None, {"A", "B"})]
)
async def test_receivers_can_be_chosen_by_where_they_stand(
    operator: Client, archive: Archive, only: str | None, expected: set[str]
) -> None:
    receivers = [To("A"), To("B", T.ACKNOWLEDGED, statuses=("03",)), To("C", place=Place.ELSEWHERE)]
    document = await archive.document(receivers)
    query = f"?only={only}" if only else ""
    page = await page_of(operator, path_of(document.document_uid) + query)
    shown = set(re.findall(r'<b>(\w)</b> <span class="meta">\w</span>', page))
    assert shown == expected
    assert ("Không có nơi nhận nào ở trạng thái này" in page) == (not expected)


async def test_receivers_that_it_does_not_get_to_are_a_choice(operator: Client, archive: Archive, clock: Clock) -> None:
    heard = [To("H24.5", T.DEAD, statuses=("01",)), To("H24.6", T.ACKNOWLEDGED), To("H24.7")]
    document = await archive.document([To("H24.2", T.DEAD), To("H24.3", T.RETRYING), To("H24.4", T.DEAD), *heard])
    again = await archive.delivery_of(document, "H24.6")
    clock.later(seconds=1)
    await archive.act(document, "update", {"H24.6": None}, delivery_id=again.delivery_id, stuck={"state": T.DEAD})
    page = await page_of(operator, path_of(document.document_uid))
    href = f"{path_of(document.document_uid)}?only=dead"
    head = page.split('id="head"')[1].split('id="receivers"')[0]
    assert "Không chuyển được 2" in words_of(head)
    assert f'href="{href}#receivers"' in head
    for state, expected in (("dead", ["H24.2", "H24.4"]), ("retrying", ["H24.3"])):
        page = await page_of(operator, f"{path_of(document.document_uid)}?only={state}")
        receivers = page.split('id="receivers"')[1].split('id="acts"')[0]
        assert re.findall(r'<b>(H24.\d)</b> <span class="meta">', receivers) == expected


async def test_a_document_that_only_other_axes_carry_shows_its_receivers(operator: Client, archive: Archive) -> None:
    document = await archive.document([To("H30", place=Place.ELSEWHERE, name="Tỉnh Hà Nam")], origin=Origin.UPLINK)
    words = words_of(await page_of(operator, path_of(document.document_uid)))
    assert "Tỉnh Hà Nam" in words
    assert "Trục khác chuyển" in words


async def test_a_receiver_that_never_stops_talking_does_not_swell_the_page(
    operator: Client, archive: Archive, clock: Clock
) -> None:
    document = await archive.document([To("H24.2", T.ACKNOWLEDGED)])
    delivery = await archive.delivery_of(document, "H24.2")
    for number in range(SHOWN_EVENTS + 7):
        clock.later(seconds=1)
        await archive.status(document, delivery.delivery_id, "01", description=f"lần thứ {number}.")
    page = await page_of(operator, path_of(document.document_uid))
    assert "Có thêm 7 trạng thái cũ hơn" in page
    assert "lần thứ 6." not in page
    assert "lần thứ 7." in page


@pytest.mark.parametrize(
    "path",
    [
        "/documents/01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "/documents/x",
        "/documents/../etc/passwd",
        "/documents/01ARZ3NDEKTSV4RRFFQ69G5FA%00",
        "/documents/" + "0" * 27,
        "/documents/",
        "/static/nothing.css",
        "/static/..%2f..%2frender.py",
    ],
)
async def test_what_is_not_there_is_a_page_that_says_so(operator: Client, path: str) -> None:
    answer = await operator.get(path, headers={"Accept": "text/html"})
    page = await answer.text()
    assert answer.status == 404
    assert "Không tìm thấy" in page
    assert answer.headers["X-Request-Id"] in page


@pytest.mark.parametrize("query", ["only=07", "only=<script>", "only=" + "x" * 500])
async def test_a_choice_that_does_not_exist_is_refused(operator: Client, archive: Archive, query: str) -> None:
    document = await archive.document()
    answer = await operator.get(f"{path_of(document.document_uid)}?{query}")
    assert answer.status == 400


async def test_script_in_every_text_of_a_package_stays_text(operator: Client, archive: Archive, clock: Clock) -> None:
    await archive.organ("H24.2", EVIL)
    returned = {"returned_at": clock.now(), "return_reason": EVIL}
    document = await archive.document(
        [
            To("H24.2", T.ACKNOWLEDGED, name=EVIL, addressed_as=EVIL, statuses=("01",), delivery=returned),
            To(EVIL, T.DEAD, name=EVIL, more={"last_error": EVIL}),
            To("H30", place=Place.ELSEWHERE, name=EVIL),
        ],
        files=[file(EVIL, media_type=EVIL)],
        findings=[{"code": EVIL, "at": EVIL, "message": EVIL}],
        from_organ=EVIL,
        document_id=EVIL,
        code=EVIL,
        subject=EVIL,
        sender_name=EVIL,
        type_name=EVIL,
        due_date=EVIL,
        promulgation_date=EVIL,
        source_system=EVIL,
        flags=EVIL,
    )
    delivery = await archive.delivery_of(document, "H24.2")
    texts = {"description": EVIL, "staff": EVIL, "department": EVIL, "reported_at": EVIL, "effect": "flagged"}
    await archive.status(document, delivery.delivery_id, "03", **texts)
    clock.later(seconds=1)
    await archive.act(document, "recall", {"H24.2": None, EVIL: "agreed"}, reason=EVIL, files=[file(EVIL)])
    texts_changed = (("subject", EVIL, EVIL), ("priority", EVIL, EVIL), ("due_date", EVIL, EVIL))
    stuck = {"state": T.DEAD, "last_error": f"peer_unreachable: {EVIL}"}
    await archive.act(document, "update", {"H24.2": None}, changes=texts_changed, stuck=stuck)
    for path in (
        "/documents",
        f"/documents?q={EVIL}",
        path_of(document.document_uid),
        path_of(document.document_uid) + "?only=elsewhere",
    ):
        answer = await operator.get(path, headers={"Accept": "text/html"})
        page = await answer.text()
        assert answer.status == 200
        assert "&lt;script&gt;" in page
        assert len(re.findall(r"<script", page)) == len(re.findall(r'<script src="/static/', page)) == 1
        assert not re.search(r"<[^>]*\son\w+=", page)
        assert not re.search(r"<[^>]*\sstyle=", page)
        assert "<style" not in page


async def test_signs_that_turn_a_line_around_are_made_visible(operator: Client, archive: Archive) -> None:
    document = await archive.document(
        files=[file("cong-van-\u202efdp.exe")], subject="a\u2066b\u200fc\x00d".replace("\x00", "\x01")
    )
    for path in ("/documents", path_of(document.document_uid)):
        page = await (await operator.get(path)).text()
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u200e\u200f\x01]", page)
        assert "a\ufffdb\ufffdc\ufffdd" in page
    assert "cong-van-\ufffdfdp.exe" in page
