"""Every error of the node has an ErrorCode, and a description that an ASCII reader can show."""

import json

import pytest

from adapters.vxp.errors import RETRYABLE, VXP_CODES, error_desc
from adapters.vxp.replies import write_fail
from axis.errors import AxisError, Busy, Code, Internal, Rejected

TABLE = {"10", "15", "18", "19", "20", "21", "22", "23"}


def test_the_table_is_total() -> None:
    assert set(VXP_CODES) == set(Code)
    assert set(VXP_CODES.values()) == TABLE


def test_only_a_system_error_invites_a_retry() -> None:
    assert {"20"} == RETRYABLE
    for error in (Busy(Code.DISK_FULL), Busy(Code.OVERLOADED), Internal()):
        assert VXP_CODES[error.code] in RETRYABLE
    for code in (Code.XML_BROKEN, Code.UNKNOWN_OPERATION, Code.BAD_REQUEST, Code.DOCUMENT_CONFLICT):
        assert VXP_CODES[code] not in RETRYABLE


@pytest.mark.parametrize("code", Code)
def test_a_refusal_is_ascii_and_names_code_sentences_and_request(code: Code) -> None:
    raw = write_fail(Rejected(code, "chi tiết", at="To/OrganId"), "01REQUEST")
    assert raw.isascii()
    reply = json.loads(raw)
    assert list(reply) == ["status", "ErrorCode", "ErrorDesc", "DocId"]
    assert reply["status"] == "FAIL"
    assert reply["ErrorCode"] == VXP_CODES[code]
    assert reply["DocId"] == ""
    assert reply["ErrorDesc"].startswith(f"{code}: ")
    assert reply["ErrorDesc"].endswith("[01REQUEST]")
    assert "chi tiết" in reply["ErrorDesc"]


def test_a_description_is_bounded_and_keeps_the_request_id() -> None:
    text = error_desc(AxisError(Code.UNKNOWN_RECEIVER, "H24.1, " * 10_000), "01REQUEST")
    assert len(text) < 2_000
    assert text.endswith("[01REQUEST]")
