"""A clerk whose organisation has no software answers at the document's page."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.exchange.values import Accepted
from axis.store.store import Store
from axis.terms import Role
from tests.console.office import COMMUNE, HTML, OFFICE, STATION, Desktop, Office, fields_of, open_office
from tests.exchange.harness import a_document, an_act


@pytest.fixture
async def office(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    made = await open_office(store, tmp_path)
    yield made
    await made.close()


async def received(office: Office, *to: str) -> tuple[Accepted, str]:
    """A document for some organisations, and its page."""
    sent = await office.node.send("dms-yte", a_document(*(to or (COMMUNE,))))
    return sent, f"/documents/{sent.document_uid}"


async def form(desktop: Desktop, path: str, page: str = "answer") -> dict[str, str]:
    """The form of the document's page, as it is now."""
    return fields_of(await desktop.page(path), f"{path}/{page}")


async def test_opening_it_says_that_it_has_come_and_the_buttons_take_it_through(office: Office) -> None:
    sent, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    page = await clerk.page(path)
    assert await office.node.statuses(sent) == {COMMUNE: "01"}
    assert "UBND xã Đông Hải" in page
    for code in ("03", "04", "05", "06"):
        status, to = await clerk.post(f"{path}/answer", **await form(clerk, path), code=code, reason="")
        assert (status, to) == (303, f"{path}?told=said#desk")
        assert "Đã ghi nhận" in await clerk.page(to.partition("#")[0])
        assert await office.node.statuses(sent) == {COMMUNE: code}
    page = await clerk.page(path)
    assert re.findall(r'<button name="code" value="(\d\d)"', page) == ["02"]
    assert "Lê Văn C" in page


async def test_a_refusal_without_a_reason_keeps_everything_and_says_so(office: Office) -> None:
    sent, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    fields = await form(clerk, path)
    status, page = await clerk.post(f"{path}/answer", **fields, code="02", reason="   ")
    assert status == 422
    assert "Hãy nêu lý do" in page
    assert 'aria-invalid="true"' in page
    status, page = await clerk.post(f"{path}/answer", **fields, code="02", reason="x" * 3_000)
    assert status == 422
    assert "x" * 3_000 in page
    assert await office.node.statuses(sent) == {COMMUNE: "01"}
    again = fields_of(page, f"{path}/answer")
    assert (await clerk.post(f"{path}/answer", **again, code="02", reason="Không thuộc thẩm quyền"))[0] == 303
    assert await office.node.statuses(sent) == {COMMUNE: "02"}


async def test_two_clerks_one_answers_first(office: Office) -> None:
    sent, path = await received(office)
    one, other = await office.clerk(COMMUNE), await office.clerk(COMMUNE, name="Trần Thị D")
    mine = await form(one, path)
    assert (await other.post(f"{path}/answer", **await form(other, path), code="03", reason=""))[0] == 303
    assert await one.post(f"{path}/answer", **mine, code="02", reason="Nhầm") == (303, f"{path}?told=overtaken#desk")
    assert "người khác đã cập nhật" in await one.page(f"{path}?told=overtaken")
    assert await office.node.statuses(sent) == {COMMUNE: "03"}


async def test_a_double_click_is_one_word(office: Office) -> None:
    _, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    fields = await form(clerk, path)
    assert (await clerk.post(f"{path}/answer", **fields, code="03", reason=""))[1].endswith("told=said#desk")
    assert (await clerk.post(f"{path}/answer", **fields, code="03", reason=""))[1].endswith("told=before#desk")
    assert len(await office.node.listed("dms-yte")) == 2, "01 and 03"


async def test_forged_forms_and_guessed_documents(office: Office) -> None:
    sent, path = await received(office, COMMUNE, "H24.15")
    clerk, stranger = await office.clerk(COMMUNE), await office.clerk("H24.77")
    fields = await form(clerk, path)
    assert (await clerk.post(f"{path}/answer", **{**fields, "csrf": "forged"}, code="03"))[0] == 403
    answer = await clerk.client.post(
        f"{path}/answer", data=fields | {"code": "03"}, headers=HTML | {"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status == 403
    for way in ("answer", "forward", "return"):
        await stranger.page(f"{path}/{way}?organ={COMMUNE}", status=404)
        assert (await stranger.post(f"{path}/{way}", organ=COMMUNE, code="03", reason="x", to=STATION))[0] == 404
        await clerk.page(f"{path}/{way}?organ=H24.15", status=404)  # it has software of its own
        await clerk.page(f"/documents/{'0' * 26}/{way}?organ={COMMUNE}", status=404)
    auditor = await office.clerk(COMMUNE, roles=(Role.AUDITOR,))
    assert "/answer" not in await auditor.page(path)
    await auditor.page(f"{path}/answer?organ={COMMUNE}", status=404)
    assert await office.node.statuses(sent) == {COMMUNE: "01", "H24.15": None}


@pytest.mark.parametrize("code", ["13", "99", "", "00"])
async def test_what_is_no_answer_of_a_receiver_is_not_taken(office: Office, code: str) -> None:
    _, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    assert (await clerk.post(f"{path}/answer", **await form(clerk, path), code=code))[0] == 400


async def test_a_recall_is_answered_with_words(office: Office) -> None:
    document = a_document(COMMUNE)
    sent = await office.node.send("dms-yte", document)
    path = f"/documents/{sent.document_uid}"
    clerk = await office.clerk(COMMUNE)
    await clerk.page(path)
    await office.node.send("dms-yte", an_act(document, "1"))
    page = await clerk.page(path)
    assert "có sai sót" in page
    assert re.findall(r'<button name="code" value="(\d\d)"', page) == ["15", "16"]
    fields = fields_of(page, f"{path}/answer")
    assert (await clerk.post(f"{path}/answer", **fields, code="15", reason="Đã hủy"))[0] == 303
    assert await office.node.closed(sent) == {COMMUNE: "recall_agreed"}


async def test_it_is_passed_on_to_who_was_searched_for_without_accents(office: Office) -> None:
    sent, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    await clerk.page(path)
    page = await clerk.page(f"{path}/forward?organ={COMMUNE}")
    assert page.count('name="to"') == 2
    fields = fields_of(page, f"{path}/forward")
    status, page = await clerk.post(f"{path}/forward", **fields, find="1", q="PHONG kinh te", reason="Giữ lại")
    assert (status, page.count('name="to"'), "Giữ lại" in page) == (200, 1, True)
    assert (await clerk.post(f"{path}/forward", **fields, reason="x"))[0] == 422
    assert (await clerk.post(f"{path}/forward", **fields, to=OFFICE))[0] == 422
    status, page = await clerk.post(f"{path}/forward", **fields, to="H24.15", reason="x")
    assert status == 422, "not below it"
    assert (await clerk.post(f"{path}/forward", **fields, to=OFFICE, reason="x"))[1].endswith("told=forwarded#desk")
    assert (await clerk.post(f"{path}/forward", **fields, to=OFFICE, reason="x"))[1].endswith("forwarded_before#desk")
    assert set(await office.node.statuses(sent)) == {COMMUNE, OFFICE}


async def test_it_is_given_back(office: Office) -> None:
    sent, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    await clerk.page(path)
    fields = fields_of(await clerk.page(f"{path}/return?organ={COMMUNE}"), f"{path}/return")
    assert (await clerk.post(f"{path}/return", **fields, reason=""))[0] == 422
    assert (await clerk.post(f"{path}/return", **fields, reason="Của phường"))[1].endswith("told=returned#desk")
    delivery = (await office.node.deliveries(sent))[COMMUNE]
    assert (delivery.status_code, delivery.return_reason) == ("02", "Trả lại: Của phường")


async def test_what_refreshes_itself_or_is_fetched_ahead_opens_nothing(office: Office) -> None:
    sent, path = await received(office)
    clerk = await office.clerk(COMMUNE)
    for header in ({"X-Live": "1"}, {"Sec-Purpose": "prefetch"}, {"Purpose": "prefetch"}):
        assert (await clerk.client.get(path, headers=HTML | header)).status == 200
    assert (await clerk.client.head(path, headers=HTML)).status == 200
    assert await office.node.statuses(sent) == {COMMUNE: None}
    operator = await office.clerk(roles=(Role.OPERATOR,))
    await operator.page(path)
    assert await office.node.statuses(sent) == {COMMUNE: None}, "who only watches has not received it"


async def test_scripts_in_reasons_are_inert(office: Office) -> None:
    _, path = await received(office)
    clerk = await office.clerk(COMMUNE, name="<script>alert(1)</script>")
    evil = "<script>alert(2)</script>"
    fields = await form(clerk, path)
    status, page = await clerk.post(f"{path}/answer", **fields, code="02", reason=evil * 200)
    assert status == 422
    assert "<script>alert" not in page
    assert (await clerk.post(f"{path}/answer", **fields, code="03", reason=evil))[0] == 303
    assert "<script>alert" not in await clerk.page(path)
