"""A sender's clerk recalls, asks back, updates and replaces a document, and sees before what it does to whom."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from axis.exchange.values import Accepted
from axis.store.store import Store
from tests.console.office import COMMUNE, STATION, Desktop, Office, fields_of, open_office
from tests.console.test_composing import Draft, view_of
from tests.exchange.harness import a_document, an_act

A, B, C = "H24.11", "H24.15", "H24.88"


@pytest.fixture
async def office(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    made = await open_office(store, tmp_path)
    yield made
    await made.close()


async def sent(office: Office, *to: str) -> tuple[Accepted, str]:
    """A document that the commune has sent, and its page; the first receiver has fetched it."""
    accepted = await office.node.send("inbox", a_document(*(to or (A, B)), sender=COMMUNE))
    await office.node.take("dms-yte")
    return accepted, f"/documents/{accepted.document_uid}"


async def the_form(clerk: Desktop, path: str) -> dict[str, str]:
    """The fields of the page's form."""
    return fields_of(await clerk.page(path), path)


async def test_a_recall_is_shown_confirmed_and_done_once(office: Office) -> None:
    accepted, path = await sent(office)
    clerk = await office.clerk(COMMUNE)
    assert f'href="{path}/recall"' in await clerk.page(path)
    recall = f"{path}/recall"
    page = await clerk.page(recall)
    assert "văn bản hết hiệu lực ở đây và nơi nhận trả lời" in page, "who has fetched it"
    assert "Chưa lấy văn bản: gói tin được rút lại" in page, "who has not"
    fields = fields_of(page, recall)
    assert (await clerk.post(recall, **fields, everybody="1", reason=" "))[0] == 422
    assert (await clerk.post(recall, **fields, reason="Sai số"))[0] == 422, "nobody is chosen"
    status, page = await clerk.post(recall, **fields, everybody="1", pick=A, reason="Sai số")
    assert status == 422
    assert "hãy bỏ một trong hai" in page, "never more than was meant"
    status, page = await clerk.post(recall, **fields, everybody="1", reason="Sai số")
    assert status == 200
    assert "Điều sẽ xảy ra tại 2 nơi nhận" in page
    assert await office.node.closed(accepted) == {A: "open", B: "open"}, "it was only looked at"
    confirming = {**fields_of(page, recall), "confirm": "1"}
    assert (await clerk.post(recall, **confirming))[1] == f"{path}?told=acted#desk"
    assert await office.node.closed(accepted) == {A: "recalled", B: "recalled"}
    assert (await clerk.post(recall, **confirming))[1] == f"{path}?told=acted_before#desk"
    assert await office.node.count("act") == 1
    page = await clerk.page(path)
    assert f'href="{path}/recall"' not in page
    assert "Sai số" in page


async def test_a_recall_of_some_leaves_the_others(office: Office) -> None:
    accepted, path = await sent(office)
    clerk = await office.clerk(COMMUNE)
    fields = await the_form(clerk, f"{path}/recall")
    _, page = await clerk.post(f"{path}/recall", **fields, pick=B, reason="Gửi thừa")
    await clerk.post(f"{path}/recall", **fields_of(page, f"{path}/recall"), confirm="1")
    assert await office.node.closed(accepted) == {A: "open", B: "recalled"}


async def test_what_changed_meanwhile_is_looked_at_again(office: Office) -> None:
    document = a_document(A, B, sender=COMMUNE)
    accepted = await office.node.send("inbox", document)
    path = f"/documents/{accepted.document_uid}"
    clerk = await office.clerk(COMMUNE)
    fields = await the_form(clerk, f"{path}/recall")
    _, page = await clerk.post(f"{path}/recall", **fields, everybody="1", reason="Sai số")
    await office.node.send("inbox", an_act(document, "1", A))
    status, again = await clerk.post(f"{path}/recall", **fields_of(page, f"{path}/recall"), confirm="1")
    assert status == 409
    assert "đã thay đổi trong lúc bạn xem" in again
    assert await office.node.closed(accepted) == {A: "recalled", B: "open"}


async def test_one_receiver_is_asked_for_it(office: Office) -> None:
    accepted, path = await sent(office)
    clerk = await office.clerk(COMMUNE)
    fields = await the_form(clerk, f"{path}/ask-back")
    assert (await clerk.post(f"{path}/ask-back", **fields, pick=A, reason=""))[0] == 422
    assert (await clerk.post(f"{path}/ask-back", **fields, pick="H24.77", reason="x"))[0] == 422
    assert (await clerk.post(f"{path}/ask-back", **fields, pick=A, reason="Gửi nhầm"))[1].endswith("told=asked#desk")
    assert (await clerk.post(f"{path}/ask-back", **fields, pick=A, reason="Gửi nhầm"))[1].endswith("acted_before#desk")
    assert await office.node.count("act") == 1
    assert await office.node.closed(accepted) == {A: "open", B: "open"}


async def test_an_update_shows_and_changes_texts_and_receivers(office: Office) -> None:
    accepted, path = await sent(office)
    clerk = await office.clerk(COMMUNE)
    status, to = await clerk.post(f"{path}/revise", update="1")
    assert status == 303
    draft = Draft(clerk, to)
    page = await clerk.page(to)
    assert "Nhận bản cập nhật và trả lời" in page
    assert 'name="number" type="text" value="101"' in page
    await draft.post(drop=B, one=C)
    page = await clerk.page(to)
    assert "Bị rút khỏi danh sách trước khi lấy văn bản" in page
    assert "Nơi nhận mới: nhận bản cập nhật" in page
    assert (await draft.post(send="1", subject="V/v đã sửa"))[0] == 422, "an update needs its reason"
    status, to = await draft.post(send="1", reason="Sửa trích yếu")
    assert (status, to) == (303, f"{path}?told=sent#desk")
    assert await office.node.closed(accepted) == {A: "open", B: "removed", C: "open"}
    assert (await office.node.document(accepted)).subject == "V/v đã sửa"


async def test_a_replacement_takes_the_old_ones_place(office: Office) -> None:
    accepted, path = await sent(office)
    clerk = await office.clerk(COMMUNE)
    draft = Draft(clerk, (await clerk.post(f"{path}/revise", replace="1"))[1])
    view = await view_of(office, draft)
    assert (view.receivers, "number" in view.texts) == ((A, B), False)
    await draft.post(drop=B)
    page = await clerk.page(draft.path)
    assert "Văn bản cũ hết hiệu lực; nhận và xử lý văn bản mới" in page
    assert "Không nhận văn bản mới: văn bản cũ vẫn còn hiệu lực" in page
    number = {"number": "102", "notation": "UBND", "promulgation_date": "2026-11-25"}
    status, to = await draft.post(send="1", reason="Thay văn bản có sai sót", **number)
    assert status == 303, to
    assert path not in to, "it is a document of its own"
    assert await office.node.closed(accepted) == {A: "replaced", B: "open"}


async def test_only_the_senders_clerk_may(office: Office) -> None:
    accepted, path = await sent(office, A, STATION)
    receiver, stranger = await office.clerk(STATION), await office.clerk("H24.77")
    for one in (receiver, stranger):
        for way in ("recall", "ask-back"):
            await one.page(f"{path}/{way}", status=404)
            assert (await one.post(f"{path}/{way}", everybody="1", pick=A, reason="x", confirm="1"))[0] == 404
        assert (await one.post(f"{path}/revise", update="1"))[0] == 404
    clerk = await office.clerk(COMMUNE)
    for way in ("recall", "ask-back", "revise"):
        assert (await clerk.post(f"{path}/{way}", csrf="forged", reason="x", pick=A))[0] == 403
    assert await office.node.count("act") == 0
    theirs = await office.node.send("dms-yte", a_document(B))
    await clerk.page(f"/documents/{theirs.document_uid}/recall", status=404)
    assert set((await office.node.closed(accepted)).values()) == {"open"}
