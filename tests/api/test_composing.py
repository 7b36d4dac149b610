"""Documents and acts as JSON and files: the node makes the package, and everything else is as with a package."""

import json
import unicodedata
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pytest
from aiohttp import FormData

from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.store import queries
from tests.api.city import PACKAGE_BYTES, PHUONG, XD, YTE, Answer, ApiCity

PDF = b"%PDF-1.7 \xc3\xa1 body"
FULL: dict[str, Any] = {
    "sender": {"organ_id": "H24.11"},
    "receivers": [{"organ_id": "H24.15"}, {"organ_id": "H24.88", "name": "Phường Gia Viên"}],
    "number": "15",
    "notation": "SYT-VP",
    "promulgation_place": "Hải Phòng",
    "promulgation_date": "2026-11-24",
    "type": "2",
    "type_detail": "0",
    "type_name": "Công văn",
    "subject": "V/v phòng, chống dịch <b>&",
    "content": "Trích yếu",
    "signer": {"competence": "KT.", "position": "Phó Giám đốc", "full_name": "Nguyễn Văn Mẫu"},
    "urgency": 3,
    "due_date": "2026-12-01",
    "sphere_of_promulgation": "Nội bộ ngành",
    "typer_notation": "NVM",
    "promulgation_amount": 5,
    "page_amount": 2,
    "direction": "đi",
    "appendices": ["Phụ lục 1", "Phụ lục 2"],
    "reply_fors": "r",
    "reference_codes": "c",
    "response_for": [
        {"organ_id": "H24.15", "code": "1/SXD", "document_id": "H24.15,1", "promulgation_date": "2026-11-02"}
    ],
    "tasks": ["T1"],
    "steering_type": "1",
    "application_type": "a",
    "to_places": ["Như trên"],
    "traces": [{"organ_id": "H24.11.3", "at": "2026-11-24T08:00:00+07:00"}],
    "paper": True,
    "reason": "mới",
    "staff": {"department": "Văn thư", "staff": "Trần Thị Mẫu"},
}
SMALL: dict[str, Any] = {key: FULL[key] for key in ("sender", "number", "notation", "promulgation_date", "subject")} | {
    "receivers": [{"organ_id": "H24.15"}]
}


def a_form(document: dict[str, Any], *files: tuple[str, str, bytes]) -> FormData:
    """files: field, file name, content."""
    form = FormData(quote_fields=False)
    form.add_field("document", json.dumps(document), content_type="application/json")
    for field, name, content in files:
        form.add_field(field, BytesIO(content), filename=name)
    return form


async def compose(city: ApiCity, document: dict[str, Any], *files: tuple[str, str, bytes], **more: Any) -> Answer:
    return await city.call("POST", "/documents", by=more.pop("by", YTE), data=a_form(document, *files), **more)


async def fetched(city: ApiCity, sent: Answer, by: str = XD) -> DocumentPackage:
    got = await city.call("GET", f"/packages/{sent.json['package_id']}", by=by)
    package = read(got.body)
    assert isinstance(package, DocumentPackage)
    return package


async def test_a_vendor_sends_json_and_files_and_the_receiver_gets_a_package_that_says_all_of_it(city: ApiCity) -> None:
    name = unicodedata.normalize("NFD", "Công văn 15.pdf")  # decomposed, as some systems write it
    sent = await compose(city, FULL, ("a", name, PDF), ("b", "../../x.txt", b"phu luc"))
    assert (sent.status, sent.json["outcome"]) == (201, "accepted"), sent.json
    assert sent.json["document_id"] == "H24.11,2026/11/24,15/SYT-VP"
    assert sent.json["signed"] is False
    assert [(one["receiver_organ"], one["place"], one["state"]) for one in sent.json["receivers"]] == [
        ("H24.15", "local", "queued"),
        ("H24.88", "local", "queued"),
    ]
    package = await fetched(city, sent)
    header = package.header
    assert (header.sender.organ_name, header.receivers[1].organ_name) == ("Sở Y tế", "Phường Gia Viên")
    assert (header.code.text, header.promulgation.promulgation_date, header.due_date) == (
        "15/SYT-VP",
        "2026/11/24",
        "2026/12/01",
    )
    assert header.subject == FULL["subject"]
    assert (header.signer.full_name, header.other.priority, header.other.appendixes) == (
        "Nguyễn Văn Mẫu",
        "3",
        ("Phụ lục 1", "Phụ lục 2"),
    )
    assert header.response_for[0].document_id == "H24.15,1"
    assert (header.steering_type, header.tasks, header.to_places) == ("1", ("T1",), ("Như trên",))
    assert [trace.organ_id for trace in header.traces] == ["H24.11.3", "H24.11"]
    assert header.business is not None
    assert (header.business.business_doc_type, header.business.paper) == ("0", "1")
    assert header.business.staff is not None
    assert header.business.staff.staff == "Trần Thị Mẫu"
    assert [(file.name, file.media_type, file.content) for file in package.attachments] == [
        ("Công văn 15.pdf", "application/pdf", PDF),
        ("_.._x.txt", "text/plain", b"phu luc"),
    ]


async def test_the_same_again_with_or_without_a_key_is_the_first_document(city: ApiCity) -> None:
    key = {"Idempotency-Key": "lan-1"}
    first = await compose(city, SMALL, ("a", "a.pdf", PDF), headers=key)
    kept = await compose(city, SMALL, ("a", "a.pdf", PDF), headers=key)
    assert (first.status, kept.status, kept.headers["Idempotency-Replayed"]) == (201, 201, "true")
    assert kept.json == first.json
    again = await compose(city, SMALL, ("a", "a.pdf", PDF))
    assert (again.status, again.json["outcome"]) == (200, "repeated")
    assert again.json["document_uid"] == first.json["document_uid"]
    assert await city.node.count("document") == 1
    other = await compose(city, SMALL, ("a", "a.pdf", PDF + b"!"), headers=key)
    assert (other.status, other.json["code"]) == (422, "key_reused")


async def test_a_document_without_a_number_is_named_by_its_key(city: ApiCity) -> None:
    nameless = {key: SMALL[key] for key in ("sender", "receivers", "subject")}
    refused = await compose(city, nameless)
    assert (refused.status, refused.json["code"]) == (400, "missing_document_id")
    first = await compose(city, nameless, headers={"Idempotency-Key": "thu-moi"})
    assert first.status == 201
    await city.node.store.write(lambda c: c.exec_driver_sql("DELETE FROM api_answer"))
    again = await compose(city, nameless, headers={"Idempotency-Key": "thu-moi"})
    assert (again.status, again.json["document_uid"]) == (200, first.json["document_uid"])
    assert "package_refused" in await city.node.audit_kinds()


async def test_json_alone_is_a_document_without_files(city: ApiCity) -> None:
    sent = await city.call("POST", "/documents", by=YTE, json=SMALL)
    assert sent.status == 201
    assert (await fetched(city, sent)).attachments == ()


async def test_files_are_taken_in_the_order_and_under_the_names_that_the_json_gives(city: ApiCity) -> None:
    listed = [{"part": "two", "name": "Hai.pdf", "description": "bản chính"}, {"part": "one"}]
    sent = await compose(city, SMALL | {"files": listed}, ("one", "mot.txt", b"1"), ("two", "x.bin", PDF))
    files = (await fetched(city, sent)).attachments
    assert [(file.name, file.description, file.content) for file in files] == [
        ("Hai.pdf", "bản chính", PDF),
        ("mot.txt", None, b"1"),
    ]


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        ([{"part": "other"}], "attachment_absent"),
        ([], "attachment_unlisted"),
        ([{"part": "one"}, {"part": "one"}], "attachment_absent"),
    ],
)
async def test_files_and_json_must_say_the_same(city: ApiCity, listed: list[object], code: str) -> None:
    refused = await compose(city, SMALL | {"files": listed}, ("one", "mot.txt", b"1"))
    assert (refused.status, refused.json["code"]) == (400, code)
    assert await city.node.count("document") == 0


async def test_what_a_package_would_be_refused_for_json_is_refused_for_too(city: ApiCity) -> None:
    for change, status, code in (
        ({"sender": {"organ_id": "H24.15"}}, 403, "foreign_sender"),
        ({"sender": {"organ_id": "H24.999"}}, 422, "unknown_sender"),
        ({"receivers": [{"organ_id": "H24.999"}]}, 422, "unknown_receiver"),
        ({"receivers": [{"organ_id": "H24.40"}]}, 422, "receiver_closed"),
        ({"subject": "MẬT: việc riêng"}, 422, "secret_marking"),
        ({"subject": "dấu \x07"}, 400, "field_invalid"),
        ({"document_id": "x" * 513}, 400, "bad_request"),
        ({"sign": True}, 403, "not_allowed"),
    ):
        refused = await compose(city, SMALL | change)
        assert (refused.status, refused.json["code"]) == (status, code), change
    assert await city.node.count("document") == 0
    sent = await compose(city, SMALL)
    conflict = await compose(city, SMALL, ("a", "a.pdf", PDF))
    assert (sent.status, conflict.status, conflict.json["code"]) == (201, 409, "document_conflict")


@pytest.mark.parametrize(
    ("change", "at"),
    [
        ({"receivers": []}, "receivers"),
        ({"receivers": "H24.15"}, "receivers"),
        ({"sender": {"organ_id": ""}}, "sender.organ_id"),
        ({"promulgation_date": 5}, "promulgation_date"),
        ({"promulgation_date": "2026-02-30"}, "promulgation_date"),
        ({"urgency": 7}, "urgency"),
        ({"unknown": 1}, "unknown"),
        ({"subject": "x" * 10_001}, "subject"),
        ({"traces": [{"organ_id": "a", "at": "2026-11-24T08:00:00"}]}, "traces.0.at"),
        ({"act": {"kind": "recall", "documents": [], "reason": "sai"}}, "act.documents"),
        ({"act": {"kind": "recall", "documents": [{"document_id": "a"}], "reason": "s", "added": ["b"]}}, "act"),
    ],
)
async def test_a_wrong_field_is_named(city: ApiCity, change: dict[str, Any], at: str) -> None:
    refused = await compose(city, SMALL | change)
    assert (refused.status, refused.json["code"], refused.json["at"]) == (400, "bad_request", at)


def raw_form(*parts: bytes, end: bytes = b"--B--\r\n") -> dict[str, Any]:
    body = b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + end
    return {"data": body, "headers": {"Content-Type": "multipart/form-data; boundary=B"}}


DOCUMENT = b'Content-Disposition: form-data; name="document"\r\n\r\n' + json.dumps(SMALL).encode()
FILE = b'Content-Disposition: form-data; name="a"; filename="a"\r\n'


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        (raw_form(DOCUMENT, end=b""), 400, "truncated_upload"),
        (raw_form(DOCUMENT, FILE + b"\r\nabc", end=b""), 400, "truncated_upload"),
        (raw_form(FILE + b"\r\nabc"), 400, "bad_request"),
        (raw_form(DOCUMENT, DOCUMENT), 400, "bad_request"),
        (raw_form(DOCUMENT, b"\r\nno headers"), 400, "bad_request"),
        (raw_form(DOCUMENT, FILE + b"Content-Transfer-Encoding: base64\r\n\r\nYWJj"), 400, "bad_request"),
        (raw_form(DOCUMENT, FILE + b"Content-Type: multipart/mixed; boundary=C\r\n\r\n--C--"), 400, "bad_request"),
        (raw_form(DOCUMENT, b"X" * 20_000 + b": 1\r\n\r\nabc"), 400, "bad_request"),
        (
            raw_form(b'Content-Disposition: form-data; name="document"\r\n\r\n{' + b" " * 300_000 + b"}"),
            413,
            "too_large",
        ),
        ({"data": b"--B--", "headers": {"Content-Type": "multipart/form-data"}}, 400, "bad_request"),
        (
            raw_form(DOCUMENT, FILE + b"\r\n" + b"x" * PACKAGE_BYTES, FILE + b"\r\n" + b"x" * PACKAGE_BYTES),
            413,
            "too_large",
        ),
        (raw_form(*(FILE + b"\r\n" for _ in range(501)), end=b""), 400, "too_many"),  # before the form has ended
        (raw_form(end=b"nothing"), 400, "truncated_upload"),
    ],
)
async def test_a_broken_form_is_refused_and_leaves_nothing(
    city: ApiCity, form: dict[str, Any], status: int, code: str
) -> None:
    refused = await city.call("POST", "/documents", by=YTE, **form)
    assert (refused.status, refused.json["code"]) == (status, code), refused.json
    assert await city.node.count("document") == 0
    assert await city.node.count("package") == 0
    assert list(city.node.store.temporary.iterdir()) == []


async def test_a_form_of_unknown_length_is_bounded_as_a_whole(city: ApiCity) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for name in ("a", "b", "c"):
            yield f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'.encode()
            for _ in range(PACKAGE_BYTES >> 20):
                yield bytes(1 << 20)
            yield b"\r\n"
        yield b"--B\r\n" + DOCUMENT + b"\r\n--B--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    refused = await city.call("POST", "/documents", by=YTE, data=parts(), headers=headers)
    assert (refused.status, refused.json["code"]) == (413, "too_large")
    assert refused.json["reason"] == f"more than {PACKAGE_BYTES + (1 << 20)} bytes"  # while it came in


async def test_large_files_are_streamed_through_and_nothing_is_left(city: ApiCity) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 8_000
    sent = await compose(city, SMALL, ("a", "a.pdf", content))
    assert sent.status == 201
    assert (await fetched(city, sent)).attachments[0].content == content
    assert list(city.node.store.temporary.iterdir()) == []


async def test_a_document_is_updated_recalled_and_replaced_as_json(city: ApiCity) -> None:
    sent = await compose(city, SMALL, ("a", "a.pdf", PDF))
    about = {"document_id": sent.json["document_id"]}
    update = SMALL | {
        "subject": "V/v khác",
        "act": {"kind": "update", "documents": [about], "reason": "sai trích yếu", "added": ["H24.88"]},
    }
    updated = await compose(city, update)
    assert updated.status == 201, updated.json
    assert updated.json["document_uid"] == sent.json["document_uid"]
    assert {one["receiver_organ"] for one in updated.json["receivers"]} == {"H24.15", "H24.88"}
    assert (await compose(city, update)).status == 200
    detail = (await city.call("GET", f"/documents/{sent.json['document_uid']}", by=YTE)).json
    assert detail["document"]["subject"] in ("V/v khác", SMALL["subject"])
    assert len(detail["deliveries"]["items"]) == 2

    second = await compose(city, SMALL | {"number": "16"})
    replacing = SMALL | {
        "number": "17",
        "act": {"kind": "replace", "documents": [{"document_id": second.json["document_id"]}], "reason": "thay"},
    }
    replaced = await compose(city, replacing, ("a", "b.pdf", PDF))
    assert replaced.status == 201
    assert replaced.json["document_uid"] != second.json["document_uid"]
    document = await city.call("GET", f"/documents/{second.json['document_uid']}", by=YTE)
    assert [act["kind"] for act in document.json["acts"]] == ["replace"]

    recalling = SMALL | {
        "receivers": [{"organ_id": "H24.15"}, {"organ_id": "H24.88"}],
        "act": {"kind": "recall", "documents": [about], "reason": "ban hành nhầm"},
    }
    recalled = await compose(city, recalling)
    assert recalled.status == 201
    package = await fetched(city, recalled)
    assert {one.organ_id for one in package.header.response_for} == {"H24.15", "H24.88"}
    states = [row.state.value for row in await deliveries_of(city, sent)]
    assert states == ["recalled", "recalled"]
    foreign = await compose(city, recalling | {"sender": {"organ_id": "H24.88"}}, by=PHUONG)
    assert (foreign.status, foreign.json["code"]) == (403, "foreign_document")


async def deliveries_of(city: ApiCity, sent: Answer) -> list[Any]:
    uid = sent.json["document_uid"]
    return list(await city.node.store.read(lambda c: queries.deliveries(c, uid)))
