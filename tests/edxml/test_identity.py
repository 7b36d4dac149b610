"""Which packages are the same: what counts and what does not."""

import io
import unicodedata
import zipfile
from dataclasses import replace
from typing import Any

import pytest

from axis.edxml.identity import code_key, document_key, header_digest, package_identity
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Party,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    TraceHeader,
)
from tests.packages import PDF, attachment, document

BUSINESS = Business(
    document_id="b",
    business_doc_type="2",
    business_doc_reason="cập nhật",
    paper="0",
    document_info=BusinessDocumentInfo(
        document_info="1", document_receiver="1", receivers=(Receiver(organ_id="H24.2", receiver_type="0"),)
    ),
    replacements=(ReplacementInfo(document_id="x", organ_ids=("H24.2",)),),
    staff=StaffInfo(staff="Trần Thị B"),
)


def identity(**fields: Any) -> str:
    fields.setdefault("business", BUSINESS)
    return package_identity("H24.1", document(**fields))


FIRST = identity()

SAME: list[dict[str, Any]] = [
    {"traces": (TraceHeader(organ_id="H24.1", timestamp="2026/11/24 09:00:00"),)},
    {"sender": Party(organ_id="000.00.01.H24", organ_name="another name")},
    {"receivers": ["H24.2", "H24.3"]},
    {"response_for": (ResponseFor(), ResponseFor(code=" "))[:1]},
    {"document_id": "  H24.1,2026/11/24,15/SNV-VP "},
    {"business": replace(BUSINESS, staff=StaffInfo(staff="Another clerk", email="x"))},
    {"business": replace(BUSINESS, business_doc_reason="  cập \n nhật ")},
    {"business": replace(BUSINESS, business_doc_reason=unicodedata.normalize("NFD", "cập nhật"))},
    {"business": replace(BUSINESS, business_doc_type="02")},
]
OTHER: list[dict[str, Any]] = [
    {"subject": "another subject"},  # BUSINESS is an update
    {"due_date": "2027/01/01"},
    {"document_id": "another"},
    {"code": Code(code_number="16", code_notation="SNV-VP")},
    {"business": replace(BUSINESS, business_doc_type="1")},
    {"business": None},
    {"business": replace(BUSINESS, document_id="c")},
    {"business": replace(BUSINESS, paper="1")},
    {"business": replace(BUSINESS, business_doc_reason="another")},
    {"business": replace(BUSINESS, document_info=None)},
    {"business": replace(BUSINESS, document_info=BusinessDocumentInfo(document_info="1", document_receiver="1"))},
    {"business": replace(BUSINESS, replacements=())},
    {"business": replace(BUSINESS, replacements=(ReplacementInfo(document_id="x", organ_ids=("H24.3",)),))},
    {"response_for": (ResponseFor(document_id="y"),)},
    {"files": {"van-ban.pdf": PDF + b"."}},
    {"files": {"van-ban.pdf": PDF, "more": b""}},
    {"files": {}},
]


@pytest.mark.parametrize("fields", SAME, ids=lambda fields: next(iter(fields)))
def test_a_package_made_again_by_its_client_is_the_same(fields: dict[str, Any]) -> None:
    assert identity(**fields) == FIRST


@pytest.mark.parametrize("fields", OTHER, ids=lambda fields: next(iter(fields)))
def test_a_package_that_says_or_carries_something_else_is_another(fields: dict[str, Any]) -> None:
    assert identity(**fields) != FIRST


@pytest.mark.parametrize("kind", ["0", "1", "3"])
def test_other_texts_of_the_header_make_another_update_and_nothing_else(kind: str) -> None:
    business = replace(BUSINESS, business_doc_type=kind)
    first = identity(business=business)
    assert identity(business=business, subject="another subject", due_date="2027/01/01") == first


def test_another_sender_is_another_package() -> None:
    assert package_identity("H24.9", document(business=BUSINESS)) != FIRST


def test_cids_names_and_the_order_of_files_do_not_count() -> None:
    header = document().header
    first = DocumentPackage(header=header, attachments=(attachment("a", b"1", 1), attachment("b", b"2", 2)))
    again = DocumentPackage(header=header, attachments=(attachment("x", b"2", 7), attachment("y", b"1", 8)))
    assert package_identity("H24.1", first) == package_identity("H24.1", again)


def test_another_zip_around_the_same_file_is_the_same() -> None:
    def zipped(name: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, PDF)
        return file.getvalue()

    header = document().header
    one, two, plain = (
        package_identity("H24.1", DocumentPackage(header=header, attachments=(attachment(*arguments),)))
        for arguments in (
            ("a.pdf", zipped("x"), 1, "application/zip"),
            ("a.pdf", zipped("y"), 1, "application/zip"),
            ("a.zip", zipped("x"), 1, "application/zip"),
        )
    )
    assert one == two != plain


def test_the_order_of_response_fors_does_not_count() -> None:
    first, second = ResponseFor(document_id="1"), ResponseFor(document_id="2", organ_id="H24")
    assert identity(response_for=(first, second)) == identity(response_for=(second, ResponseFor(), first))


def test_both_letters_that_look_like_d_are_one() -> None:
    assert document_key(" 15/Q\u00d0-UBND ") == document_key("15/Q\u0110-UBND") == "15/Q\u0110-UBND"
    assert code_key(unicodedata.normalize("NFD", "15/QĐ-TTĐT ắ")) == "15/QĐ-TTĐT ắ"


HEADER = document().header


@pytest.mark.parametrize(
    "fields",
    [
        {"subject": "another"},
        {"content": "another"},
        {"due_date": "2027/01/01"},
        {"promulgation": PromulgationInfo(place="x")},
        {"document_type": DocumentType(type="1")},
        {"signer": SignerInfo(full_name="x")},
        {"other": OtherInfo(priority="1", page_amount="2")},
        {"other": replace(HEADER.other, appendixes=("x",))},
        {"other": replace(HEADER.other, reply_fors="x")},
        {"tasks": ("x",)},
        {"steering_type": "1"},
        {"application_type": "x"},
        {"to_places": ("x",)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_another_text_in_the_header_is_noticed(fields: dict[str, Any]) -> None:
    assert header_digest(replace(HEADER, **fields)) != header_digest(HEADER)


@pytest.mark.parametrize(
    "fields",
    [
        {"receivers": (Party(organ_id="H24.7"),)},
        {"sender": Party(organ_id="H24.1", telephone="x")},
        {"traces": ()},
        {"business": None},
        {"subject": "  " + (HEADER.subject or "").replace(" ", "  ")},
        {"to_places": ()},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_does_not_belong_to_the_text_is_not_noticed(fields: dict[str, Any]) -> None:
    assert header_digest(replace(HEADER, **fields)) == header_digest(HEADER)
