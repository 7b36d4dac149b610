"""A document is filed in Mayan and its workflow reports; what is tagged there is sent. On double or real one."""

import pytest

from axis.delivery.peer import Outgoing, Recipient
from axis.edxml.model import Business, DocumentPackage, StatusPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.store import queries
from tests.exchange.harness import a_document, a_file, a_status, an_act
from tests.mayan.city import ORGAN, SAID, SENDER, MayanCity
from tests.mayan.clerk import REFUSED, STATES

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"


async def statuses(city: MayanCity) -> list[tuple[str, str, str]]:
    """What the sender's software gets: code, who, reason."""
    taken = [read(raw) for raw in await city.node.take(SENDER)]
    heads = [one.header for one in taken if isinstance(one, StatusPackage)]
    return [(one.status_code, (one.staff.staff or "") if one.staff else "", one.description or "") for one in heads]


@pytest.mark.timeout(600)
async def test_a_document_arrives_once_with_all_that_it_says_and_its_workflow_reports(city: MayanCity) -> None:
    files = (a_file(PDF), a_file(b"\x89PNG....", "../../sơ đồ.png"), a_file(b"", "rỗng.txt"))
    sent = a_document(ORGAN, "H24.88", files=files)
    accepted = await city.arrives(sent)
    assert await city.node.states(accepted) == {ORGAN: "acknowledged", "H24.88": "queued"}
    (document,) = await city.filed()
    ref = document["id"]
    assert document["label"] == "101/SYT-VP V/v tăng cường phòng, chống dịch"
    assert await city.clerk.files(ref) == {
        "cong-van.pdf": PDF,
        "_.._sơ đồ.png": b"\x89PNG....",
        f"{accepted.package_id}.edxml": to_bytes(sent),
    }
    said = await city.clerk.metadata(ref)
    assert said | {"key": ""} == {
        "package": accepted.package_id,
        "key": "",
        "document_id": "H24.11,2026/11/24,101/SYT-VP",
        "code": "101/SYT-VP",
        "subject": "V/v tăng cường phòng, chống dịch",
        "sender": "H24.11",
        "sender_name": "Sở Y tế",
        "receivers": ORGAN,
        "date": "2026-11-24",
        "urgency": "thường",
    }
    assert await city.clerk.tags(ref) == {city.options.tag_open}
    (note,) = await city.clerk.comments(ref)
    assert "rỗng.txt" in note
    cabinet = await city.clerk.each("cabinets/")
    (inner,) = (row for row in cabinet if row["full_path"] == city.options.cabinet)
    assert [row["id"] for row in await city.clerk.each(f"cabinets/{inner['id']}/documents/")] == [ref]

    assert await city.inbox.poll() == 1
    for state in STATES[1:]:
        await city.clerk.move(ref, state, f"bước {state}")
        assert await city.inbox.poll() == 1
        assert await city.inbox.poll() == 0
    told = await statuses(city)
    assert [code for code, _, _ in told] == ["01", "03", "04", "05", "06"]
    assert [reason for _, _, reason in told[1:]] == [f"bước {state}" for state in STATES[1:]]
    assert {staff for _, staff, _ in told[1:]} == {"admin"}
    assert (await city.node.statuses(accepted))[ORGAN] == "06"
    assert await city.clerk.tags(ref) == set()


@pytest.mark.timeout(600)
async def test_several_steps_at_once_are_told_in_their_order_after_a_restart_too(city: MayanCity) -> None:
    accepted = await city.arrives(a_document(ORGAN))
    (document,) = await city.filed()
    for state in STATES[1:3]:
        await city.clerk.move(document["id"], state)
    assert await city.inbox.poll() == 3
    await city.restart()
    assert await city.inbox.poll() == 0
    for state in STATES[3:]:
        await city.clerk.move(document["id"], state)
    await city.restart()
    assert await city.inbox.poll() == 2
    assert [code for code, _, _ in await statuses(city)] == ["01", "03", "04", "05", "06"]
    assert (await city.node.statuses(accepted))[ORGAN] == "06"


@pytest.mark.timeout(600)
async def test_a_refusal_has_a_reason_though_nobody_wrote_one(city: MayanCity) -> None:
    accepted = await city.arrives(a_document(ORGAN))
    (document,) = await city.filed()
    await city.clerk.move(document["id"], REFUSED)
    await city.inbox.poll()
    assert [(code, reason) for code, _, reason in await statuses(city)] == [("01", ""), ("02", f"→ {REFUSED}")]
    assert (await city.node.statuses(accepted))[ORGAN] == "02"


@pytest.mark.timeout(600)
async def test_a_repeat_of_the_push_makes_no_second_document(city: MayanCity) -> None:
    sent = a_document(ORGAN)
    accepted = await city.arrives(sent)
    outgoing = await _outgoing(city, accepted.package_id)
    for _ in range(2):
        await city.restart()
        await city.peer.send(outgoing, lambda: city.node.store.blobs.chunks(outgoing.sha256_hex))
    (document,) = await city.filed()
    assert await city.clerk.count_files(document["id"]) == 2
    assert sum(call.startswith("POST") and call.endswith("/files/") for call in city.line.calls) == 2


async def _outgoing(city: MayanCity, package_id: str) -> Outgoing:
    """What the outbox makes of it."""
    package = await city.node.store.read(lambda c: queries.package(c, package_id))
    assert package is not None
    return Outgoing(
        package_id=package_id,
        kind=package.kind,
        size_bytes=package.size_bytes,
        sha256_hex=package.sha256_hex,
        from_organ="H24.11",
        from_name="Sở Y tế",
        request_id="r",
        receivers=(Recipient(organ_id=ORGAN, name=None, email=None, addressed_as=ORGAN),),
        document_id="H24.11,2026/11/24,101/SYT-VP",
    )


@pytest.mark.timeout(600)
async def test_a_tagged_document_goes_out_and_statuses_come_back_to_it(city: MayanCity) -> None:
    files = {"công văn.pdf": PDF, "phụ lục.pdf": PDF + b"%2"}
    ref = await city.clerk.write(city.options.outgoing_type, "Dự thảo", SAID, files)
    assert await city.inbox.poll() == 0
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 1
    assert await city.inbox.poll() == 0
    assert await city.clerk.tags(ref) == {city.options.tag_sent}
    (raw,) = await city.node.take(SENDER)
    package = read(raw)
    assert isinstance(package, DocumentPackage)
    header = package.header
    assert header.document_id == "H24.15,2026/11/24,15/SXD-VP"
    assert (header.code.text, header.subject) == ("15/SXD-VP", SAID["subject"])
    assert (header.due_date, header.other.priority if header.other else "") == ("2026/12/24", "1")
    assert (header.signer.full_name, header.signer.position) == ("Nguyễn Văn A", "Giám đốc")
    assert {one.name: one.content for one in package.attachments} == files
    assert (await city.clerk.metadata(ref))["document_id"] == header.document_id

    for code in ("01", "03", "06"):
        await city.node.send(SENDER, a_status(package, code, "H24.11", description=f"lời {code}"))
    await city.push()
    await city.later(minutes=5)
    assert (await city.clerk.metadata(ref))["status"] == "H24.11=06"
    said = await city.clerk.comments(ref)
    assert len(said) == 3
    assert sum("hoàn thành" in one and "lời 06" in one for one in said) == 1
    assert city.options.tag_sent in await city.clerk.tags(ref)
    assert city.options.status_tags.removeprefix("06=") in await city.clerk.tags(ref)


@pytest.mark.timeout(600)
async def test_what_cannot_be_sent_is_marked_with_the_reason_and_goes_once_it_is_put_right(city: MayanCity) -> None:
    said = SAID | {"receivers": "H24.99999", "code": "16/SXD-VP"}
    ref = await city.clerk.write(city.options.outgoing_type, "Sai nơi nhận", said, {"a.pdf": PDF})
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 0
    assert await city.clerk.tags(ref) == {city.options.tag_failed}
    (why,) = await city.clerk.comments(ref)
    assert "unknown_receiver" in why
    assert "H24.99999" in why
    assert await city.node.count("package") == 0
    assert await city.inbox.poll() == 0
    assert len(await city.clerk.comments(ref)) == 1
    await city.clerk.set(ref, "receivers", "H24.11")
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 1
    assert await city.clerk.tags(ref) == {city.options.tag_sent}
    assert len(await city.node.take(SENDER)) == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"date": "31/02/2026"}, "bad_file"),
        ({"urgency": "gấp lắm"}, "bad_file"),
        ({"receivers": " ; "}, "missing_to"),
        ({"date": ""}, "missing_document_id"),
    ],
)
async def test_metadata_that_mean_nothing_are_told(city: MayanCity, changed: dict[str, str], code: str) -> None:
    said = {name: text for name, text in (SAID | changed).items() if text}
    ref = await city.clerk.write(city.options.outgoing_type, "Sai", said, {"a.pdf": PDF})
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 0
    assert await city.clerk.tags(ref) == {city.options.tag_failed}
    (why,) = await city.clerk.comments(ref)
    assert f"({code})" in why


@pytest.mark.timeout(600)
async def test_a_package_of_their_own_goes_out_byte_for_byte(city: MayanCity) -> None:
    package = a_document("H24.11", sender=ORGAN, number="77")
    raw = to_bytes(package)
    ref = await city.clerk.write(city.options.outgoing_type, "Gói đã ký", {}, {"goi.edxml": raw})
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 1
    assert await city.node.take(SENDER) == [raw]
    assert (await city.clerk.metadata(ref))["document_id"] == package.header.document_id


@pytest.mark.timeout(600)
async def test_a_recall_is_filed_and_told_to_the_document_that_it_is_about(city: MayanCity) -> None:
    sent = a_document(ORGAN)
    await city.arrives(sent)
    (first,) = await city.filed()
    await city.arrives(an_act(sent, "1", ORGAN))
    first_again, recall = await city.filed()
    assert first_again["id"] == first["id"]
    assert recall["label"].startswith("[Thu hồi] 101/SYT-VP")
    said = await city.clerk.metadata(recall["id"])
    assert (said["act"], said["reason"]) == ("recall", "có sai sót")


@pytest.mark.timeout(600)
async def test_a_recall_from_there_takes_back_what_was_sent(city: MayanCity) -> None:
    ref = await city.clerk.write(city.options.outgoing_type, "Văn bản", SAID, {"a.pdf": PDF})
    await city.clerk.tag(ref, city.options.tag_send)
    await city.inbox.poll()
    assert len(await city.node.take(SENDER)) == 1
    document_id = (await city.clerk.metadata(ref))["document_id"]
    said = {"receivers": "H24.11", "act": "recall", "act_documents": document_id, "reason": "gửi nhầm"}
    recall = await city.clerk.write(city.options.outgoing_type, "Thu hồi", said, {})
    await city.clerk.tag(recall, city.options.tag_send)
    assert await city.inbox.poll() == 1, await city.clerk.comments(recall)
    (raw,) = await city.node.take(SENDER)
    package = read(raw)
    assert isinstance(package, DocumentPackage)
    assert package.header.business is not None
    assert isinstance(package.header.business, Business)
    assert (package.header.business.business_doc_type, package.header.business.business_doc_reason) == ("1", "gửi nhầm")
