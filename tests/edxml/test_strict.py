"""Strict mode: the schema first, then what tolerant mode only notes."""

from typing import Any

import pytest
from lxml import etree

from axis.edxml.reader import read
from axis.errors import Code, Malformed
from axis.resources import resource
from tests.packages import document_bytes, status_bytes

MESSAGE = "edXMLHeader/MessageHeader"


def refusal(raw: bytes) -> tuple[Code, str | None, str]:
    assert read(raw)  # tolerant mode takes it
    with pytest.raises(Malformed) as refused:
        read(raw, mode="strict")
    return refused.value.code, refused.value.at, refused.value.detail


def edited(raw: bytes, old: str, new: str) -> bytes:
    assert old in raw.decode()
    return raw.decode().replace(old, new).encode()


@pytest.mark.parametrize("name", ["edxml-document.xsd", "edxml-status.xsd"])
def test_the_schemas_are_valid(name: str) -> None:
    assert etree.XMLSchema(etree.parse(resource(f"schemas/{name}")))


@pytest.mark.parametrize("raw", [document_bytes(), document_bytes(files={}), status_bytes()])
def test_what_we_write_is_strict(raw: bytes) -> None:
    assert read(raw, mode="strict") == read(raw)


@pytest.mark.parametrize(
    ("raw", "at", "says"),
    [
        (document_bytes(business=None), "edXMLHeader/TraceHeaderList", "Bussiness"),
        (document_bytes(due_date="2026-12-01"), f"{MESSAGE}/DueDate", "2026-12-01"),
        (document_bytes(steering_type="7"), f"{MESSAGE}/SteeringType", "7"),
        (document_bytes(subject=None), f"{MESSAGE}/Content", "Subject"),
        (edited(document_bytes(), "<edXML:Subject>", "<edXML:Odd/><edXML:Subject>"), f"{MESSAGE}/Odd", "Odd"),
        (edited(document_bytes(), "<edXML:Subject>", '<edXML:Subject a="1">'), f"{MESSAGE}/Subject", "'a'"),
        (edited(document_bytes(), "<edXML:To>", "<edXML:To>text"), f"{MESSAGE}/To", "To"),
        (status_bytes(status_code="1"), f"{MESSAGE}/StatusCode", "'1'"),
        (status_bytes(timestamp="2026/11/24"), f"{MESSAGE}/Timestamp", "2026/11/24"),
    ],
)
def test_what_the_schema_forbids_is_refused_naming_the_element(raw: bytes, at: str, says: str) -> None:
    code, where, detail = refusal(raw)
    assert code is Code.SCHEMA_INVALID
    assert where == at
    assert says in detail
    assert "http://" not in detail


def test_elements_are_counted_in_the_path() -> None:
    raw = document_bytes(receivers=["H24.2", "H24.3"])
    second = edited(raw, "<edXML:OrganId>H24.3</edXML:OrganId>", "<edXML:OrganId>H24.3</edXML:OrganId><edXML:X/>")
    assert refusal(second)[1] == f"{MESSAGE}/To[2]/X"


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        (b"\n" + document_bytes(), ""),
        (document_bytes(due_date="2026/02/30"), f"{MESSAGE}/DueDate"),
        (edited(document_bytes(), "Bussiness", "Business"), "edXMLHeader/TraceHeaderList/Business"),
    ],
)
def test_what_tolerant_mode_notes_is_refused(raw: bytes, at: str) -> None:
    assert refusal(raw)[:2] == (Code.FIELD_INVALID, at)


@pytest.mark.parametrize(
    "fields", [{"receivers": ["H24.1"]}, {"receivers": ["H24.2", "H24.2"]}, {"files": {}}, {"business_type": 1}]
)
def test_what_no_norm_forbids_is_accepted(fields: dict[str, Any]) -> None:
    package = read(document_bytes(**fields), mode="strict")
    assert package.findings


def test_a_package_that_is_wrong_all_over_is_refused_without_a_list_of_everything() -> None:
    raw = edited(document_bytes(), "<edXML:Subject>", "<edXML:Odd/>" * 1000 + "<edXML:Subject>")
    code, at, detail = refusal(raw)
    assert (code, at) == (Code.FIELD_INVALID, f"{MESSAGE}/Odd")
    assert "99 more" in detail


def test_signatures_are_not_judged() -> None:
    for namespace in ("http://www.mic.gov.vn/TBT/QCVN_102_2016", "http://www.w3.org/2000/09/xmldsig#"):
        signature = f'<Signature xmlns="{namespace}" Id="x"><Odd>1</Odd></Signature></edXML:edXMLHeader>'
        assert read(edited(document_bytes(), "</edXML:edXMLHeader>", signature), mode="strict").has_signature
