"""Every error of the node has a word in the dialect, and SOAP's own faults are well formed."""

import pytest
from lxml import etree

from adapters.edoc.errors import EDOC_CODES, Fault, SoapFault, edoc_code, error_desc, write_fault
from adapters.edoc.replies import LATER, write_refusal
from adapters.edoc.wire import Operation, Version
from axis.errors import AxisError, Busy, Code, Internal, Malformed, Rejected
from tests.edoc.city import Answer

WORDS = ("Permission", "CheckSignature", "CheckPermission")


def test_the_table_is_total() -> None:
    assert set(EDOC_CODES) == set(Code)
    assert all(word in WORDS or word[:2] in ("N.", "R.", "M.", "T.") for word in EDOC_CODES.values())


@pytest.mark.parametrize("code", Code)
def test_a_refusal_names_code_sentences_and_request(code: Code) -> None:
    error = Rejected(code, "chi tiết <b>\x00", at="To/OrganId")
    answer = Answer(200, {}, write_refusal(Version.V11, Operation.SEND_DOCUMENT, error, "01REQUEST"))
    assert answer.code == edoc_code(code, Operation.SEND_DOCUMENT)
    assert "{" not in answer.code
    [words] = answer.texts("Report/ErrorList/Error/Description")
    assert words.startswith(f"{code}: ")
    assert words.endswith("[01REQUEST]")
    assert "chi tiết <b> " in words


def test_what_is_about_the_operation_names_it() -> None:
    assert edoc_code(Code.DOCUMENT_CLOSED, Operation.SEND_DOCUMENT) == "M.SendDocument"
    assert edoc_code(Code.DOCUMENT_CLOSED, Operation.UPDATE_TRACES) == "M.UpdateTraces"


def test_only_trouble_and_credentials_invite_a_retry() -> None:
    assert {edoc_code(code, Operation.GET_TRACES) for code in (Code.DISK_FULL, Code.OVERLOADED, Code.INTERNAL)} <= LATER
    for code in (Code.XML_BROKEN, Code.DOCUMENT_CONFLICT, Code.UNKNOWN_RECEIVER, Code.NOT_FOUND):
        assert edoc_code(code, Operation.SEND_DOCUMENT) not in LATER


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Malformed(Code.XML_BROKEN, "line 1"), ("Client", "Sender")),
        (Busy(Code.OVERLOADED), ("Server", "Receiver")),
        (Internal("secret insides"), ("Server", "Receiver")),
        (SoapFault(Fault.VERSION_MISMATCH), ("VersionMismatch", "VersionMismatch")),
        (SoapFault(Fault.MUST_UNDERSTAND, "{urn:x}Y"), ("MustUnderstand", "MustUnderstand")),
    ],
)
def test_a_fault_is_what_soap_says_it_is(version: Version, error: AxisError, words: tuple[str, str]) -> None:
    raw = write_fault(version, error, "01REQUEST")
    assert Answer(500, {}, raw).fault == (words[version is Version.V12], error.code.value)
    root = etree.fromstring(raw)
    children = [etree.QName(node).localname for node in root[0][0]]
    expected = ["faultcode", "faultstring", "detail"] if version is Version.V11 else ["Code", "Reason", "Detail"]
    assert children == expected


def test_a_description_is_bounded_and_keeps_the_request_id() -> None:
    text = error_desc(AxisError(Code.UNKNOWN_RECEIVER, "H24.1, " * 10_000), "01REQUEST")
    assert len(text) < 2_000
    assert text.endswith("[01REQUEST]")
