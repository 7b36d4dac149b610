from typing import Any

import pytest

from axis.edxml.findings import Odd
from axis.edxml.model import Business, BusinessDocumentInfo, OtherInfo, ReplacementInfo, ResponseFor, TraceHeader
from axis.edxml.rules import business_type, check_document, check_status, status_code, urgency
from axis.errors import Code, Malformed
from axis.terms import BusinessType, StatusCode, Urgency
from tests.packages import document, status


def found(**fields: Any) -> list[tuple[str, str]]:
    package = document(**fields)
    return [(finding.code, finding.at) for finding in check_document(package.header, package.attachments)]


@pytest.mark.parametrize(("raw", "code"), [("1", "01"), ("01", "01"), (" 6 ", "06"), ("13", "13"), ("16", "16")])
def test_a_status_code_is_read_with_one_digit_or_two(raw: str, code: str) -> None:
    assert status_code(raw) is StatusCode(code)


@pytest.mark.parametrize("raw", ["", "0", "7", "001", "x", "1.0"])
def test_an_unknown_status_code_is_refused(raw: str) -> None:
    with pytest.raises(Malformed) as refused:
        status_code(raw)
    assert refused.value.code is Code.BAD_STATUS_CODE


@pytest.mark.parametrize(
    ("raw", "kind"), [(None, 0), ("", 0), (" ", 0), ("0", 0), ("00", 0), ("1", 1), ("02", 2), (" 3 ", 3)]
)
def test_a_business_type_that_is_absent_means_new(raw: str | None, kind: int) -> None:
    header = document(business=Business(business_doc_type=raw)).header
    assert business_type(header) is BusinessType(kind)


def test_a_document_without_bussiness_is_new() -> None:
    assert business_type(document(business=None).header) is BusinessType.NEW


@pytest.mark.parametrize("raw", ["4", "x", "-1", "٣"])
def test_an_unknown_business_type_is_refused(raw: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_document(document(business=Business(business_doc_type=raw)).header, ())
    assert refused.value.code is Code.BAD_BUSINESS_TYPE


@pytest.mark.parametrize(("raw", "level"), [("0", 0), ("1", 1), (" 4 ", 4), (None, 0), ("", 0), ("5", 0), ("khẩn", 0)])
def test_urgency_is_normal_unless_it_is_known(raw: str | None, level: int) -> None:
    assert urgency(document(other=OtherInfo(priority=raw)).header) is Urgency(level)


def test_an_ordinary_document_has_nothing_odd() -> None:
    assert found() == []


def test_acts_that_do_not_say_enough_are_noted() -> None:
    business = "edXMLHeader/TraceHeaderList/Bussiness"
    assert found(business_type=1) == [(Odd.MISSING_TARGET, "edXMLHeader/MessageHeader/ResponseFor")]
    assert found(business_type=1, response_for=(ResponseFor(document_id="x"),)) == []
    assert found(business_type=2) == [(Odd.MISSING_CHANGES, f"{business}/BussinessDocumentInfo")]
    update = Business(business_doc_type="2", document_info=BusinessDocumentInfo())
    assert found(business=update) == []
    assert found(business_type=3) == [(Odd.MISSING_REPLACEMENTS, f"{business}/ReplacementInfoList")]
    replacement = Business(business_doc_type="3", replacements=(ReplacementInfo(document_id="x"),))
    assert found(business=replacement) == []
    assert found(business=Business()) == [(Odd.MISSING_BUSINESS_TYPE, f"{business}/BussinessDocType")]


def test_values_that_the_norm_does_not_know_are_noted() -> None:
    message = "edXMLHeader/MessageHeader"
    odd = found(
        other=OtherInfo(priority="9"),
        steering_type="3",
        business=Business(business_doc_type="0", paper="2"),
    )
    assert odd == [
        (Odd.VALUE_UNKNOWN, f"{message}/OtherInfo/Priority"),
        (Odd.VALUE_UNKNOWN, f"{message}/SteeringType"),
        (Odd.VALUE_UNKNOWN, "edXMLHeader/TraceHeaderList/Bussiness/Paper"),
    ]


def test_dates_that_cannot_be_are_noted_where_they_stand() -> None:
    assert found(
        traces=(TraceHeader(organ_id="H24", timestamp="yesterday"),),
        response_for=(ResponseFor(document_id="x", promulgation_date="2014/02/30"),),
    ) == [
        (Odd.DATE_UNREADABLE, "edXMLHeader/TraceHeaderList/TraceHeader[1]/Timestamp"),
        (Odd.DATE_UNREADABLE, "edXMLHeader/MessageHeader/ResponseFor[1]/PromulgationDate"),
    ]


def test_the_dates_of_a_status_are_looked_at_too() -> None:
    header = status(timestamp="25:00", promulgation_date="x").header
    assert [(finding.code, finding.at) for finding in check_status(header)] == [
        (Odd.DATE_UNREADABLE, "edXMLHeader/MessageHeader/ResponseFor/PromulgationDate"),
        (Odd.DATE_UNREADABLE, "edXMLHeader/MessageHeader/Timestamp"),
    ]
    assert check_status(status().header) == ()
