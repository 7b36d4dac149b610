"""The map of the way to one receiver, previews, the delivery report."""

import re
from datetime import timedelta

import pytest

from axis.terms import Origin, Place, TransportState
from axis.text import search_form
from tests.console.archive import NOON, Archive, To, file
from tests.console.conftest import Client
from tests.packages import document_bytes

HTML = {"Accept": "text/html"}
T = TransportState


async def text_of(client: Client, path: str) -> str:
    answer = await client.get(path, headers=HTML)
    assert answer.status == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", await answer.text()))


@pytest.mark.parametrize(
    ("to", "said"),
    [
        (To("H24.2"), "Đến lượt hệ thống của bên nhận: đến lấy gói tin."),
        (To("H24.2", T.HANDED_OVER), "Đến lượt bên nhận: xác nhận đã lấy gói tin."),
        (To("H24.2", T.ACKNOWLEDGED), "Đến lượt văn thư bên nhận: tiếp nhận hoặc từ chối."),
        (To("H24.2", statuses=("01",)), "Đến lượt văn thư bên nhận: tiếp nhận hoặc từ chối."),
        (To("H24.2", statuses=("01", "02")), "Đến lượt bên gửi: văn bản bị từ chối."),
        (To("H24.2", statuses=("01", "03")), "Đến lượt bên nhận: xử lý văn bản."),
        (To("H24.2", statuses=("01", "06")), "Đã xong."),
        (To("G05", T.QUEUED, Place.UPLINK), "Đến lượt trục: chuyển lên trục quốc gia."),
        (
            To("H24.2", T.RETRYING, more={"failures": 2, "visible_at": NOON + timedelta(minutes=5)}),
            "Đến lượt trục: đã thử 2 lần, thử lại 12:05 hôm nay.",
        ),
        (
            To("H24.2", T.DEAD, more={"failures": 9, "last_error": "peer_unreachable: no route"}),
            "Đến lượt người vận hành trục, hoặc bên gửi gửi lại: trục không tự thử nữa.",
        ),
        (To("K1", None, Place.ELSEWHERE), "trục này không có thông tin"),
    ],
    ids=range(11),
)
async def test_the_map_says_whose_turn_it_is(operator: Client, archive: Archive, to: To, said: str) -> None:
    document = await archive.document([to])
    only = "?only=elsewhere" if to.place is Place.ELSEWHERE else ""
    page = await text_of(operator, f"/documents/{document.document_uid}{only}")
    assert said in page
    assert page.count("Đến lượt") <= 1


async def test_the_map_has_a_stop_for_each_system_on_the_way(operator: Client, archive: Archive) -> None:
    document = await archive.document(
        [To("G05", T.HANDED_OVER, Place.UPLINK)], origin=Origin.UPLINK, source_system="truc-khac"
    )
    page = await (await operator.get(f"/documents/{document.document_uid}", headers=HTML)).text()
    stops = re.findall(r'class="stop (\w+)".*?<b>([^<]+)</b>', page, re.DOTALL)
    assert stops == [
        ("past", "Hệ thống của bên gửi"),
        ("past", "Trục liên thông khác"),
        ("past", "Trục này"),
        ("now", "Trục quốc gia"),
        ("ahead", "Hệ thống của bên nhận"),
    ]


async def test_the_time_that_is_left_is_shown_while_something_is_owed(operator: Client, archive: Archive) -> None:
    due = {"acceptance_due_at": NOON + timedelta(days=4), "completion_due_at": NOON + timedelta(days=30)}
    owing = await archive.document([To("H24.2", statuses=("01",), delivery=due)])
    accepted = await archive.document([To("H24.2", statuses=("03",), delivery={**due, "completion_due_at": None})])
    assert "còn 2 ngày làm việc" in await text_of(operator, f"/documents/{owing.document_uid}")
    assert "ngày làm việc" not in await text_of(operator, f"/documents/{accepted.document_uid}")


PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


@pytest.mark.parametrize(("content", "status"), [(PDF, 200), (b"<script>alert(1)</script>", 415)], ids=["pdf", "none"])
async def test_a_pdf_is_shown_in_the_page_and_what_is_none_is_for_download_only(
    operator: Client, archive: Archive, content: bytes, status: int
) -> None:
    document = await archive.real(document_bytes(files={"van-ban.pdf": content}))
    page = await operator.get(f"/documents/{document.document_uid}", headers=HTML)
    assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
    text = await page.text()
    path = f"/documents/{document.document_uid}/packages/{document.package_id}/files/0"
    assert f'<a href="{path}" download>' in text
    assert (f'<iframe src="{path}/preview"' in text) == (status == 200)
    assert ("nội dung không phải PDF: chỉ để tải về" in text) == (status == 415)
    answer = await operator.get(f"{path}/preview", headers=HTML)
    assert answer.status == status
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'; ")
    assert policy.endswith("frame-ancestors 'self'")
    assert "script" not in policy
    body = await answer.read()
    if status == 200:
        assert (answer.content_type, body) == ("application/pdf", PDF)
    else:
        assert b"alert" not in body
        assert "nội dung không phải PDF" in body.decode()


async def test_only_what_may_be_a_pdf_offers_a_preview(operator: Client, archive: Archive) -> None:
    huge = file("to.pdf", size_bytes=1 << 30)
    document = await archive.document(files=[file("a.docx", media_type="application/zip"), huge])
    assert "<iframe" not in await (await operator.get(f"/documents/{document.document_uid}", headers=HTML)).text()


async def test_the_report_names_every_receiver_with_exact_times(operator: Client, archive: Archive) -> None:
    to = [To(f"H24.{number}", T.ACKNOWLEDGED, statuses=("01", "03"), name=f"Phường {number}") for number in range(60)]
    document = await archive.document(to)
    page = await text_of(operator, f"/documents/{document.document_uid}/report")
    assert "60/60 đã tiếp nhận" in page
    assert all(f"Phường {number} " in page for number in range(60))
    assert "27/11/2025 12:00:00" in page
    assert "Trần Thị Bình" in page  # who said the last thing
    assert "Trục nhận văn bản" not in page  # with so many, not how each came there
    few = await archive.document([To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01", "03"))])
    page = await text_of(operator, f"/documents/{few.document_uid}/report")
    assert "27/11/2025 12:00:03: Hệ thống của bên nhận xác nhận đã lấy gói tin" in page
    assert "27/11/2025 12:03:00: Đã tiếp nhận, Trần Thị Bình, Văn phòng" in page
    other = document.document_uid[:-1] + ("1" if document.document_uid.endswith("0") else "0")
    assert (await operator.get(f"/documents/{other}/report", headers=HTML)).status == 404


async def test_documents_are_found_by_their_receivers_names(archive: Archive) -> None:
    document = await archive.document([To("H24.2", name="Bệnh viện Đa khoa")])
    assert search_form("bệnh viện") in document.folded
