"""A clerk whose agency has no software writes a document at the console, and sends it."""

import re
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import FormData

from axis.edxml.model import DocumentPackage
from axis.edxml.model import Limits as PackageLimits
from axis.edxml.reader import read
from axis.exchange.composing import Composer
from axis.store import drafts as stored
from axis.store.drafts import DraftView
from axis.store.store import Store
from axis.terms import Role
from axis.web.console.language import speak
from tests.console.office import COMMUNE, CSRF, HTML, OFFICE, STATION, Desktop, Office, fields_of, open_office
from tests.trust import pki

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
LETTER = {
    "number": "12",
    "notation": "UBND-VP",
    "promulgation_date": "2026-11-24",
    "type_name": "Công văn",
    "subject": "V/v phòng, chống bão số 9",
    "urgency": "1",
    "due_date": "2026-12-01",
    "signer_name": "Nguyễn Văn A",
    "signer_position": "Chủ tịch",
}


@pytest.fixture
async def office(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    made = await open_office(store, tmp_path, Composer(pki.signer("agency")))
    yield made
    await made.close()


class Draft:
    """A draft in one clerk's browser."""

    def __init__(self, desktop: Desktop, path: str) -> None:
        self.desktop = desktop
        self.path = path

    async def post(self, *files: tuple[str, bytes], **texts: Any) -> tuple[int, str]:
        """Send the form as the page has it now, changed; where it leads, or the page."""
        return await self.send({**await self.fields(), **texts}, *files)

    async def fields(self) -> dict[str, str]:
        """What a browser sends with every form of the page: hidden fields, and the tick that is set."""
        page = await self.desktop.page(self.path)
        ticked = {"sign": "1"} if 'name="sign" value="1" checked' in page else {}
        return {**fields_of(page, self.path), **ticked}

    async def send(self, texts: dict[str, Any], *files: tuple[str, bytes]) -> tuple[int, str]:
        """Send these fields, and nothing else."""
        form = FormData(default_to_multipart=True)
        for name, value in texts.items():
            for one in value if isinstance(value, list) else [value]:
                form.add_field(name, one)
        for name, content in files:
            form.add_field("files", BytesIO(content), filename=name, content_type="application/octet-stream")
        answer = await self.desktop.client.post(self.path, data=form, headers=HTML, allow_redirects=False)
        return answer.status, answer.headers.get("Location") or await answer.text()


async def begin(desktop: Desktop) -> Draft:
    """A new draft."""
    status, path = await desktop.post("/compose")
    assert status == 303, path
    return Draft(desktop, path)


async def view_of(office: Office, draft: Draft) -> DraftView:
    """What is stored of it."""
    account, draft_id = draft.desktop.account.account_id, draft.path.rpartition("/")[2]
    return await office.node.store.read(lambda c: stored.find_draft(c, account, draft_id))


async def packages(office: Office) -> list[DocumentPackage]:
    """What Sở Y tế fetches."""
    found = [read(raw, limits=PackageLimits()) for raw in await office.node.take("dms-yte")]
    return [one for one in found if isinstance(one, DocumentPackage)]


async def test_a_document_is_written_in_steps_and_sent_once(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    assert (await draft.post(find="1", q="so y te"))[1].startswith(f"{draft.path}?q=so+y+te#")
    assert "Sở Y tế" in await clerk.page(f"{draft.path}?q=so+y+te")
    assert (await draft.post(sender=COMMUNE, add="1", pick=["H24.11", "H24.15"], **LETTER))[0] == 303
    assert (await draft.post(("cong-van.pdf", PDF), ("phu-luc.txt", "danh sách".encode()), upload="1"))[0] == 303
    page = await clerk.page(draft.path)
    assert "Không thấy chữ ký số trong cong-van.pdf" in page or "Không đọc được cong-van.pdf" in page
    assert "Trục sẽ ký gói tin khi gửi" in page
    sending = {**await draft.fields(), "send": "1"}
    status, to = await draft.send(sending)
    assert (status, re.fullmatch(r"/documents/\w{26}\?told=sent#desk", to) is not None) == (303, True), to
    again = await draft.send(sending)
    assert again == (303, to.replace("told=sent", "told=sent_before")), "the second click leads to the same document"
    (package,) = await packages(office)
    header = package.header
    assert (header.sender.organ_id, header.code.text, header.subject) == (COMMUNE, "12/UBND-VP", LETTER["subject"])
    assert header.document_id == f"{COMMUNE},2026/11/24,12/UBND-VP"
    assert (header.due_date, header.other.priority, header.signer.full_name) == ("2026/12/01", "1", "Nguyễn Văn A")
    assert [file.name for file in package.attachments] == ["cong-van.pdf", "phu-luc.txt"]
    assert package.attachments[0].content == PDF
    assert "Đã gửi văn bản" in await clerk.page(to.partition("#")[0])
    assert (await view_of(office, draft)).files == (), "what was sent is in the package"


async def test_nothing_is_sent_that_lacks_something_and_the_draft_stays(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    for texts in ({}, {"subject": "Chưa có nơi nhận"}, {"one": "H24.11", "subject": ""}):
        status, page = await draft.post(sender=COMMUNE, send="1", **texts)
        assert status == 422
        assert "Chưa gửi được" in page
    status, page = await draft.post(send="1", subject="x", due_date="31/02/2026", page_amount="hai")
    assert status == 422
    assert "Không phải ngày tháng" in page
    assert "Phải là một số" in page
    assert page.count('aria-invalid="true"') == 2
    assert (await view_of(office, draft)).texts["due_date"] == "31/02/2026"
    assert await office.node.count("document") == 0


async def test_a_refusal_of_the_intake_is_said_and_the_draft_stays(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    status, page = await draft.post(("a.pdf", PDF), sender=COMMUNE, one=["H24.11"], send="1", **LETTER)
    assert status == 303, page
    other = await begin(clerk)
    status, page = await other.post(("b.pdf", PDF + b"%"), sender=COMMUNE, one=["H24.11"], **LETTER)
    assert "Số này đã dùng cho" in await clerk.page(other.path)
    status, page = await other.post(send="1")
    assert status == 422
    assert 'role="alert"' in page
    assert (await view_of(office, other)).texts["number"] == "12"
    assert (await other.post(send="1", number="13"))[0] == 303
    assert await office.node.count("document") == 2


async def test_receivers_come_from_tree_groups_codes_and_kept_lists(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    assert f'name="at" value="{COMMUNE}"' in await clerk.page(f"{draft.path}?at=H24")
    status, to = await draft.post(at=COMMUNE)
    assert (status, to) == (303, f"{draft.path}?at={COMMUNE}#receivers")
    assert "Trạm Y tế xã Đông Hải" in await clerk.page(to.partition("#")[0])
    await draft.post(group=f"below:{COMMUNE}")
    assert (await view_of(office, draft)).receivers == (STATION, OFFICE)
    await draft.post(type="1", code="H24.30")  # closed: a successor
    await draft.post(type="1", code="H24.40")  # closed, nobody succeeds it
    await draft.post(type="1", code="H24.1234")
    await draft.post(type="1", code="G22.99.5")  # outside the city
    page = await clerk.page(draft.path)
    assert "UBND quận Ngô Quyền đã ngừng hoạt động: văn bản sẽ đến UBND phường Gia Viên" in page
    assert "UBND huyện cũ đã ngừng hoạt động và không có nơi tiếp nhận" in page
    assert "Không biết mã H24.1234" in page
    assert "qua trục khác" in page
    assert (await draft.post(keep="1", list_name=" "))[0] == 422
    await draft.post(keep="1", list_name="Các đơn vị của xã")
    await draft.post(clear="1")
    assert (await view_of(office, draft)).receivers == ()
    (kept,) = await office.node.store.read(lambda c: stored.receiver_lists(c, clerk.account.account_id))
    await draft.post(use=kept.list_id)
    assert len((await view_of(office, draft)).receivers) == 6
    await draft.post(drop="H24.1234")
    assert "H24.1234" not in (await view_of(office, draft)).receivers
    other = await office.clerk(COMMUNE)
    theirs = await begin(other)
    await theirs.post(use=kept.list_id, forget=kept.list_id)
    assert (await view_of(office, theirs)).receivers == (), "a list is its account's alone"
    await draft.post(forget=kept.list_id)
    assert not await office.node.store.read(lambda c: stored.receiver_lists(c, clerk.account.account_id))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("that.pdf", b"MZ\x90\x00 not a pdf", "tên là PDF nhưng nội dung không phải PDF"),
        ("rong.pdf", b"", "tệp rỗng"),
        ("lon.bin", b"x" * 70_000, "tệp lớn quá"),
    ],
    ids=["not a pdf", "empty", "too large"],
)
async def test_a_bad_file_is_named_and_nothing_else_is_lost(
    office: Office, name: str, content: bytes, words: str
) -> None:
    office.limits = PackageLimits(attachment_bytes=60_000)
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    status, page = await draft.post((name, content), ("tot.pdf", PDF), upload="1", subject="Giữ lại")
    assert status == 422
    assert f"{name}: {words}" in page
    view = await view_of(office, draft)
    assert ([file.name for file in view.files], view.texts["subject"]) == (["tot.pdf"], "Giữ lại")


async def test_hostile_names_are_harmless_and_shown_inert(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    names = ("../../etc/passwd", "<script>alert(1)</script>.pdf", "con.txt", "gpj.\u202eexe", "a" * 900 + ".pdf")
    await draft.post(*((name, PDF + name.encode()) for name in names), upload="1")
    files = (await view_of(office, draft)).files
    assert len(files) == len(names)
    assert not any("/" in file.name or "<" in file.name or "\u202e" in file.name for file in files)
    page = await clerk.page(draft.path)
    assert "<script>alert" not in page
    for file in files:
        answer = await clerk.client.get(f"{draft.path}/files/{file.file_id}", headers=HTML)
        assert answer.status == 200
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert (await answer.read()).startswith(PDF)


async def test_texts_that_are_scripts_are_inert_on_the_page(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    evil = '"><script>alert(1)</script>{{ 7*7 }}'
    await draft.post(subject=evil, number=evil, type="1", code=evil, keep="1", list_name=evil)
    page = await clerk.page(f"{draft.path}?q=%3Cscript%3Ealert(2)")
    assert "<script>alert" not in page
    assert "{{ 7*7 }}" in page


async def test_two_browsers_do_not_write_over_each_other(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    other = Draft(await office.browser(clerk.account), draft.path)
    stale = fields_of(await other.desktop.page(draft.path), draft.path)
    assert (await draft.post(subject="Bản thứ nhất"))[0] == 303
    status, page = await other.send({**stale, "subject": "Bản thứ hai", "save": "1"})
    assert status == 409
    assert "đã được lưu từ một trình duyệt khác" in page
    assert "Bản thứ hai" in page, "what was typed is still there"
    assert (await view_of(office, draft)).texts["subject"] == "Bản thứ nhất"
    fields = fields_of(page, draft.path)
    assert (await other.send({**fields, "subject": "Bản thứ hai", "save": "1"}))[0] == 303
    assert (await view_of(office, draft)).texts["subject"] == "Bản thứ hai"
    assert (await other.send({**fields, "subject": "Bản thứ hai", "save": "1"}))[0] == 303, (
        "the same again is no conflict"
    )


async def test_a_session_that_ends_leads_back_to_the_draft(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    await draft.post(subject="Đang viết")
    fields = fields_of(await clerk.page(draft.path), draft.path)
    clerk.client.session.cookie_jar.clear()
    status, to = await draft.send({**fields, "subject": "Viết tiếp"})
    assert (status, to) == (303, f"/login?next={draft.path}")
    assert (await view_of(office, draft)).texts["subject"] == "Đang viết"
    later = await office.browser(clerk.account)
    assert "Đang viết" in await later.page(draft.path)


async def test_a_draft_is_its_accounts_alone_and_forged_forms_do_nothing(office: Office) -> None:
    clerk, colleague = await office.clerk(COMMUNE), await office.clerk(COMMUNE)
    draft = await begin(clerk)
    await draft.post(("a.pdf", PDF), subject="Riêng")
    (file,) = (await view_of(office, draft)).files
    await colleague.page(draft.path, status=404)
    await colleague.page(f"{draft.path}/files/{file.file_id}", status=404)
    theirs = Draft(colleague, draft.path)
    assert (await theirs.send({"csrf": CSRF, "version": "1", "subject": "x"}))[0] == 404
    assert (await colleague.post(f"{draft.path}/discard"))[0] == 404
    assert "Riêng" not in await colleague.page("/compose")
    await clerk.page(f"/compose/{'0' * 26}", status=404)
    assert (await draft.send({"csrf": "forged", "version": "2", "subject": "x"}))[0] == 403
    assert (await clerk.post("/compose", csrf="forged"))[0] == 403
    assert (await clerk.post(f"{draft.path}/discard", csrf="forged"))[0] == 403
    auditor = await office.clerk(roles=(Role.AUDITOR,))
    await auditor.page("/compose", status=404)
    await auditor.page(draft.path, status=404)
    assert (await view_of(office, draft)).texts["subject"] == "Riêng"
    assert (await clerk.post(f"{draft.path}/discard"))[1] == "/compose"
    await clerk.page(draft.path, status=404)


async def test_nobody_sends_for_others(office: Office) -> None:
    clerk = await office.clerk("H24.11")  # has software of its own
    assert "có phần mềm kết nối" in await clerk.page("/compose")
    draft = await begin(clerk)
    await draft.post(sender="H24.11", one="H24.15", **LETTER)
    assert (await view_of(office, draft)).draft.sender == ""
    assert (await draft.post(sender=COMMUNE, send="1"))[0] == 422
    assert await office.node.count("document") == 0


async def test_an_empty_draft_is_used_again(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    first, second = await begin(clerk), await begin(clerk)
    assert first.path == second.path
    await first.post(subject="x")
    assert (await begin(clerk)).path != first.path
    assert "x</a>" in (await clerk.page("/compose")).replace("\n", "")


async def test_a_form_of_another_kind_is_not_read(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    answer = await clerk.client.post(draft.path, data={"csrf": CSRF, "subject": "x"}, headers=HTML)
    assert answer.status == 415
    office.limits = PackageLimits(package_bytes=100_000)
    small = await office.browser(clerk.account)
    status, _ = await Draft(small, draft.path).post(("a.bin", b"x" * 2_000_000), upload="1")
    assert status == 413


async def test_the_page_speaks_english(office: Office) -> None:
    clerk = await office.clerk(COMMUNE)
    draft = await begin(clerk)
    answer = await clerk.client.get(draft.path, headers={**HTML, "Cookie": "lang=en", "Accept-Language": "en"})
    text = await answer.text()
    assert "Check and send" in text
    speak("vi")
