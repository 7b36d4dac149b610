"""The page of a document: where it is, whose turn it is, whether it is genuine; preview, report, download."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Download, Page, expect
from sqlalchemy import Connection

from axis.messages import Language
from axis.store import accounts
from axis.store.accounts import Rights
from axis.store.records import Account, Document
from axis.terms import Place, Role, TransportState
from axis.trust.model import Overall
from tests.browser.conftest import CLOCK, Look, Site, Visit, Watched
from tests.console.archive import To
from tests.console.judging import record
from tests.console.test_signatures import SIGNATURE, paper, parcel
from tests.packages import document_bytes
from tests.trust import papers

SENDER, RECEIVER = "H24.11", "H24.15"
WORDS = {
    "vi": {
        "report": "Báo cáo gửi nhận (in)",
        "print": "In",
        "preview": "Xem trước",
        "package": "Tải gói tin gốc",
        "route": "Đường đi của văn bản",
        "queued": "Đến lượt hệ thống của bên nhận: đến lấy gói tin.",
        "handed_over": "Đến lượt bên nhận: xác nhận đã lấy gói tin.",
        "retrying": "Đến lượt trục: đã thử 3 lần, thử lại ",
        "dead": "Đến lượt người vận hành trục, hoặc bên gửi gửi lại: trục không tự thử nữa.",
        "acknowledged": "Đến lượt văn thư bên nhận: tiếp nhận hoặc từ chối.",
        "unreachable": "Không kết nối được với hệ thống phía nhận.",
        "failing": "đang lỗi",
        "no_pdf": "nội dung không phải PDF: chỉ để tải về",
        "valid": "Chữ ký hợp lệ",
        "next": "Tiếp theo",
        "accepted": "749/1.000 đã tiếp nhận",
        "undeliverable": "Không chuyển được",
        "handed": "Đã chuyển cho hệ thống của bên nhận, chờ xác nhận",
    },
    "en": {
        "report": "Delivery report (print)",
        "print": "Print",
        "preview": "Preview",
        "package": "Download the original package",
        "route": "The document's route",
        "queued": "The turn of the receiver's system: to fetch the package.",
        "handed_over": "The receiver's turn: to confirm that it has fetched the package.",
        "retrying": "The axis's turn: tried 3 times, next try ",
        "dead": "The operators' turn, or the sender's to send it again: the axis does not try any more by itself.",
        "acknowledged": "The receiving clerk's turn: to accept or refuse.",
        "unreachable": "The partner cannot be reached.",
        "failing": "failing",
        "no_pdf": "its content is none: for download only",
        "valid": "Signature valid",
        "next": "Next",
        "accepted": "749/1,000 accepted",
        "undeliverable": "Undeliverable",
        "handed": "Handed over to the receiver's system, awaiting confirmation",
    },
}
VIEWER = "chrome-extension://"
FILES = {
    "Công văn 77-SYT.pdf": papers.paper("77/SYT"),
    "Phụ lục.pdf": b"<script>document.title='owned'</script>",
    "Biểu số liệu.docx": b"PK\x03\x04 not a real one",
}
WHERE = {  # the stops of the way: sender, this axis, what is between, receiver
    "queued": ["past", "past", "ahead"],
    "handed_over": ["past", "past", "now", "ahead"],
    "retrying": ["past", "past", "failed", "ahead"],
    "dead": ["past", "past", "failed", "ahead"],
    "acknowledged": ["past", "past", "now"],
}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the pages show, and who looks at them."""

    url: str
    sender: Account
    receiver: Account
    ways: Mapping[str, Document]  # by how far each has come
    letter: Document
    many: Document


async def a_clerk(site: Site, organ: str, name: str) -> Account:
    account = await site.account(Role.CLERK)

    def give(conn: Connection) -> None:
        accounts.grant(conn, account.username, Rights(organs=frozenset({organ})), CLOCK.now(), "test")
        accounts.set_full_name(conn, account.username, name, CLOCK.now(), "test")

    await site.store.write(give)
    return replace(account, full_name=name)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(site: Site) -> Scene:
    """A document in every state of the way, one with files, one with a thousand receivers."""
    archive = site.archive
    archive.clock.at = CLOCK.now() - timedelta(hours=5)
    soon = CLOCK.now() + timedelta(minutes=9)
    error = {"failures": 3, "last_error": "peer_unreachable: connection refused", "visible_at": soon}
    up = Place.UPLINK
    ways = {
        "queued": To(RECEIVER, TransportState.QUEUED, name="Sở Xây dựng"),
        "handed_over": To("G05", TransportState.HANDED_OVER, up, name="Bộ Xây dựng"),
        "retrying": To("G05", TransportState.RETRYING, up, name="Bộ Xây dựng", more=error),
        "dead": To("G05", TransportState.DEAD, up, name="Bộ Xây dựng", more=error),
        "acknowledged": To(RECEIVER, TransportState.ACKNOWLEDGED, name="Sở Xây dựng"),
    }
    written = {"from_organ": SENDER, "sender_name": "Sở Y tế", "type_name": "Công văn"}
    documents = {
        name: await archive.document([to], subject="V/v phối hợp kiểm tra các bệnh viện", **written)
        for name, to in ways.items()
    }
    due = {"completion_due_at": CLOCK.now() + timedelta(days=9)}
    read = To(RECEIVER, TransportState.ACKNOWLEDGED, statuses=("01", "03", "04"), name="Sở Xây dựng", delivery=due)
    letter = await archive.real(
        document_bytes(files=FILES),
        to=[read],
        subject="V/v thẩm định hồ sơ xây dựng Trung tâm Y tế thành phố, giai đoạn 2026–2030",
        code="77/SYT-KHTC",
        urgency=2,
        promulgation_date="2026-11-20",
        **written,
    )
    verdict = paper(SIGNATURE, overall=Overall.VALID, name="Công văn 77-SYT.pdf")
    await record(archive, letter, parcel(verdict, overall=Overall.VALID))
    await archive.forward_statuses(letter, TransportState.ACKNOWLEDGED)
    reached = [("03",), ("01",), ("03", "04", "05", "06"), ("03", "05")]
    receivers = [
        To(f"H24.{n:04d}", TransportState.ACKNOWLEDGED, statuses=reached[n % 4], name=f"Trường Tiểu học số {n}")
        for n in range(999)
    ]
    receivers.append(To(RECEIVER, TransportState.DEAD, name="Sở Xây dựng", more=error))
    many = await archive.document(receivers, subject="Hướng dẫn công tác y tế trường học", **written)
    return Scene(
        url=site.url,
        sender=await a_clerk(site, SENDER, "Nguyễn Thị Hoa"),
        receiver=await a_clerk(site, RECEIVER, "Lê Văn Minh"),
        ways=documents,
        letter=letter,
        many=many,
    )


@pytest.mark.parametrize("state", list(WHERE))
async def test_the_way_says_where_it_is_and_whose_turn_it_is(
    scene: Scene, visit: Visit, look: Look, language: Language, state: str
) -> None:
    say, page = WORDS[language], await visit(account=scene.sender)
    await page.goto(f"{scene.url}/documents/{scene.ways[state].document_uid}")
    turn = page.locator("#head .turn")
    assert say[state] in await turn.inner_text()
    assert await _is_on_the_first_screen(page, "#head .turn")
    assert await _is_on_the_first_screen(page, '#head a[href="#signatures"] .pill')  # whether it is genuine
    stops = page.get_by_role("list", name=say["route"]).locator("li")
    assert [(await stop.get_attribute("class") or "").split()[1] for stop in await stops.all()] == WHERE[state]
    receivers = await page.inner_text("#receivers")
    failing = state in ("retrying", "dead")
    assert (say["unreachable"] in receivers) == failing
    assert (say["failing"] in receivers) == failing
    assert "peer_unreachable: connection refused" in receivers or not failing
    await look(page, f"document-{state}")


async def test_each_receiver_has_its_timeline(
    site: Site, scene: Scene, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(account=scene.receiver)
    await page.goto(f"{site.url}/documents/{scene.letter.document_uid}")
    await expect(page.locator("#head .marks").first).to_contain_text(say["valid"])
    timeline = await page.inner_text("#receivers .timeline")
    assert say["handed"] in timeline
    assert timeline.count("Trần Thị Bình, Văn phòng") == 3  # 01, 03 and 04 with who and when
    exact = await page.locator("#receivers .timeline time").first.get_attribute("title")
    assert exact is not None
    assert exact.count(":") == 2  # with the seconds
    await look(page, "document")


async def test_a_thousand_receivers_stay_a_page_and_a_choice(
    site: Site, scene: Scene, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(account=scene.sender)
    answer = await page.goto(f"{site.url}/documents/{scene.many.document_uid}")
    assert answer is not None
    assert len(await answer.body()) < 500_000
    assert say["accepted"] in await page.inner_text("#head")
    assert await page.locator("details.receiver").count() == 30
    first = await page.locator("details.receiver").first.get_attribute("id")
    await page.locator("details.receiver > summary").nth(3).click()
    await page.locator("details.receiver[open] .timeline").wait_for(timeout=5000)
    await look(page, "document-many")
    await page.get_by_role("link", name=say["next"]).click()
    await page.wait_for_url("**after=*")
    assert await page.locator("details.receiver").first.get_attribute("id") != first
    await page.locator("#head").get_by_role("link", name=say["undeliverable"]).click()
    await page.wait_for_url("**only=dead#receivers")
    assert await page.locator("details.receiver").count() == 1
    await page.go_back()
    await page.wait_for_url("**after=*")


async def test_a_pdf_is_seen_in_the_page_within_a_sandbox_and_what_is_none_only_downloads(
    site: Site, scene: Scene, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(account=scene.receiver)
    await page.goto(f"{site.url}/documents/{scene.letter.document_uid}")
    first, second, third = await page.locator("#files li").all()
    assert say["no_pdf"] in await second.inner_text()
    for other in (second, third):
        assert await other.locator("iframe").count() == 0
        assert await other.locator("a[download]").count() == 1
    await first.get_by_text(say["preview"]).click()
    if not any(frame.url.startswith(VIEWER) for frame in page.frames):
        await page.wait_for_event("framenavigated", lambda frame: frame.url.startswith(VIEWER))
    shown = await page.request.get(site.url + (await first.locator("iframe").get_attribute("src") or ""))
    assert shown.headers["content-security-policy"].startswith("sandbox; default-src 'none'; ")
    await page.wait_for_timeout(500)  # for the picture only
    await look(page, "document-preview")
    assert "owned" not in await page.title()


async def test_what_is_downloaded_is_what_was_sent(site: Site, scene: Scene, visit: Visit, language: Language) -> None:
    page = await visit(account=scene.receiver, script=False)
    await page.goto(f"{site.url}/documents/{scene.letter.document_uid}")
    for place, (name, content) in enumerate(FILES.items()):
        async with page.expect_download() as started:
            await page.locator("#files li a[download]").nth(place).click()
        download = await started.value
        assert download.suggested_filename == name
        assert (await _bytes_of(download)) == content
    async with page.expect_download() as started:
        await page.get_by_role("link", name=WORDS[language]["package"]).click()
    assert (await _bytes_of(await started.value)) == document_bytes(files=FILES)


async def test_the_delivery_report_tells_each_step_and_is_printed(
    site: Site, scene: Scene, visit: Visit, look: Look, language: Language
) -> None:
    say, page = WORDS[language], await visit(account=scene.sender)
    await page.goto(f"{site.url}/documents/{scene.letter.document_uid}")
    await page.get_by_role("link", name=say["report"]).click()
    await page.wait_for_url("**/report")
    table = await page.inner_text("table")
    assert say["handed"] in table
    assert table.count("Trần Thị Bình, Văn phòng") == 3
    assert say["valid"] in await page.inner_text(".facts")
    await look(page, "report")
    printed: list[bool] = []
    await page.expose_function("noted", lambda: printed.append(True))
    await page.evaluate("window.print = () => noted()")
    await page.get_by_role("button", name=say["print"]).click()
    assert printed
    await page.emulate_media(media="print")
    assert not await page.locator("header.top").is_visible()
    assert not await page.get_by_role("button", name=say["print"]).is_visible()
    assert await page.locator("table").is_visible()
    await page.emulate_media(media="screen")
    await page.goto(f"{site.url}/documents/{scene.many.document_uid}/report")
    assert await page.locator("tbody tr").count() == 1_000  # a line each


async def test_another_s_document_is_not_there(site: Site, scene: Scene, visit: Visit, watched: Watched) -> None:
    watched.expected.append("404")
    page = await visit(account=scene.receiver)
    answer = await page.goto(f"{site.url}/documents/{scene.ways['dead'].document_uid}")
    assert answer is not None
    assert answer.status == 404


async def _is_on_the_first_screen(page: Page, place: str) -> bool:
    box = await page.locator(place).first.bounding_box()
    return box is not None and box["y"] + box["height"] <= 800


async def _bytes_of(download: Download) -> bytes:
    return await asyncio.to_thread(Path(await download.path()).read_bytes)
