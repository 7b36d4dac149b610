"""What real packages get wrong and is accepted, and what is refused, with the element path."""

import base64
from pathlib import Path
from typing import Any

import pytest

from axis.edxml.findings import NOTES, SENTENCES, Odd
from axis.edxml.model import DocumentPackage, Limits, Package, StatusPackage
from axis.edxml.reader import read
from axis.errors import Code, Malformed
from axis.terms import PackageKind
from tests.packages import PDF, document_bytes, status_bytes

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
MESSAGE = "edXMLHeader/MessageHeader"


def edited(raw: bytes, *changes: tuple[str, str]) -> bytes:
    """The package with texts replaced, each of which must be there."""
    text = raw.decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


def without(raw: bytes, start: str, end: str) -> bytes:
    """The package without everything from `start` to the next `end`."""
    text = raw.decode()
    first = text.index(start)
    return (text[:first] + text[text.index(end, first) + len(end) :]).encode()


def read_document(raw: bytes | Path, **options: Any) -> DocumentPackage:
    package = read(raw, **options)
    assert isinstance(package, DocumentPackage)
    return package


def read_status(raw: bytes) -> StatusPackage:
    package = read(raw)
    assert isinstance(package, StatusPackage)
    return package


def found(package: Package) -> list[tuple[str, str]]:
    return [(finding.code, finding.at) for finding in package.findings]


def refusal(raw: bytes | Path, **options: Any) -> tuple[Code, str | None]:
    with pytest.raises(Malformed) as refused:
        read(raw, **options)
    return refused.value.code, refused.value.at


# What is accepted


@pytest.mark.parametrize(
    "prefix",
    [
        b"\r\n",
        b"   \n",
        b"null",
        b"\x00\x01junk",
        b"HTTP/1.1 200 OK\r\nX: <y>\r\n\r\n",
        b"\r\n\xef\xbb\xbf",
        b"j" * 1024,
    ],
)
def test_junk_before_the_declaration_is_skipped_and_noted(prefix: bytes) -> None:
    package = read(prefix + document_bytes())
    assert found(package) == [(Odd.LEADING_JUNK, "")]
    assert package.header == read(document_bytes()).header


@pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("suffix", [b"\r\n", b"\r\n\r\n  \n", b""])
def test_a_byte_order_mark_and_line_ends_after_the_root_are_nothing_odd(prefix: bytes, suffix: bytes) -> None:
    assert read(prefix + document_bytes() + suffix) == read(document_bytes())


def test_a_package_without_a_declaration_is_utf_8() -> None:
    raw = without(document_bytes(), "<?xml", "?>\n")
    assert read(raw) == read(document_bytes())
    assert found(read(b" \n" + raw)) == [(Odd.LEADING_JUNK, "")]


@pytest.mark.parametrize("name", ["UTF-8", "utf-8", "Utf8", "UTF8"])
def test_all_names_of_utf_8_are_known(name: str) -> None:
    assert read(edited(document_bytes(), ("UTF-8", name))) == read(document_bytes())


def test_elements_in_another_order_are_read_and_noted() -> None:
    subject = "          <edXML:Subject>x</edXML:Subject>\n"
    raw = document_bytes(subject="x").decode().replace("  <edXML:Subject>x</edXML:Subject>\n", "")
    raw = raw.replace("<edXML:From>", f"{subject}<edXML:From>", 1)
    package = read_document(raw.encode())
    assert package.header.subject == "x"
    assert found(package) == [(Odd.ELEMENT_ORDER, f"{MESSAGE}/From")]


def test_the_older_spelling_of_bussiness_is_read_and_noted() -> None:
    raw = edited(document_bytes(business_type=1), ("Bussiness", "Business"))
    package = read_document(raw)
    assert package.header.business is not None
    assert package.header.business.business_doc_type == "1"
    assert [code for code, _ in found(package)] == [Odd.OLD_SPELLING, Odd.OLD_SPELLING, Odd.MISSING_TARGET]


def test_children_without_prefix_are_read() -> None:
    raw = edited(document_bytes(), ("<edXML:", "<"), ("</edXML:", "</"))
    assert read(raw) == read(document_bytes())


def test_attachment_encoded_with_prefix_is_read() -> None:
    raw = document_bytes().decode()
    for name in ("AttachmentEncoded", "Attachment", "ContentId", "AttachmentName"):
        raw = raw.replace(f"<{name}>", f"<edXML:{name}>").replace(f"</{name}>", f"</edXML:{name}>")
    raw = raw.replace("<edXML xmlns=", f'<edXML xmlns:edXML="{NS}" xmlns=')
    assert read(raw.encode()) == read(document_bytes())


def test_elements_in_no_namespace_are_read_and_noted_once() -> None:
    raw = edited(document_bytes(), ("<edXML xmlns=", "<p:edXML xmlns:p="), ("</edXML>", "</p:edXML>"))
    package = read_document(raw)
    assert package.header == read_document(document_bytes()).header
    assert package.attachments == read_document(document_bytes()).attachments
    assert found(package) == [(Odd.NO_NAMESPACE, "/AttachmentEncoded")]


def test_a_missing_bussiness_means_a_new_document() -> None:
    package = read_document(document_bytes(business=None))
    assert package.header.business is None
    assert found(package) == [(Odd.MISSING_BUSINESS, "edXMLHeader/TraceHeaderList/Bussiness")]


def test_a_missing_trace_header_list_is_accepted() -> None:
    raw = without(document_bytes(), "<edXML:TraceHeaderList>", "</edXML:TraceHeaderList>")
    assert read_document(raw).header.traces == ()


@pytest.mark.parametrize(
    "fields", ["", "<edXML:OrganId/><edXML:Code></edXML:Code><edXML:DocumentId> </edXML:DocumentId>"]
)
def test_an_empty_response_for_is_accepted(fields: str) -> None:
    element = f"<edXML:ResponseFor>{fields}</edXML:ResponseFor><edXML:SteeringType>"
    package = read_document(edited(document_bytes(), ("<edXML:SteeringType>", element)))
    assert [one.is_empty for one in package.header.response_for] == [True]
    assert found(package) == [(Odd.EMPTY_RESPONSE_FOR, f"{MESSAGE}/ResponseFor[1]")]


def test_missing_names_and_details_are_accepted() -> None:
    raw = without(document_bytes(), "<edXML:OrganName>", "</edXML:OrganName>")
    raw = without(raw, "<edXML:TypeDetail>", "</edXML:TypeDetail>")
    raw = without(raw, "<edXML:Subject>", "</edXML:Subject>")
    raw = without(raw, "<edXML:Code>", "</edXML:Code>")
    package = read_document(raw)
    assert package.header.sender.organ_name is None
    assert found(package) == [
        (Odd.MISSING_ORGAN_NAME, f"{MESSAGE}/From/OrganName"),
        (Odd.MISSING_CODE, f"{MESSAGE}/Code"),
        (Odd.MISSING_SUBJECT, f"{MESSAGE}/Subject"),
        (Odd.MISSING_TYPE_DETAIL, f"{MESSAGE}/DocumentType/TypeDetail"),
    ]


@pytest.mark.parametrize("organ", ["<edXML:OrganId>null</edXML:OrganId>", "<edXML:OrganId/>", ""])
def test_a_trace_without_an_organisation_is_accepted(organ: str) -> None:
    raw = without(document_bytes(), "<edXML:TraceHeader>", "</edXML:OrganId>")
    package = read_document(
        edited(raw, ("<edXML:TraceHeaderList>", f"<edXML:TraceHeaderList><edXML:TraceHeader>{organ}"))
    )
    assert len(package.header.traces) == 1
    assert package.header.traces[0].timestamp == "2026/11/24 08:00:00"
    assert found(package) == [(Odd.TRACE_WITHOUT_ORGAN, "edXMLHeader/TraceHeaderList/TraceHeader[1]")]


def test_from_equal_to_to_and_a_receiver_listed_twice_are_noted() -> None:
    package = read(document_bytes(sender="H24.1", receivers=["H24.2", "H24.1", "H24.2"]))
    assert found(package) == [(Odd.SENDER_IS_RECEIVER, f"{MESSAGE}/To[2]"), (Odd.RECEIVER_TWICE, f"{MESSAGE}/To[3]")]


def test_a_code_of_any_shape_is_taken() -> None:
    package = read_document(document_bytes(sender="sở nội vụ", receivers=["h24 . x"], document_id="9fbfbad2-f1f8"))
    assert package.header.sender.organ_id == "sở nội vụ"
    assert package.header.document_id == "9fbfbad2-f1f8"
    assert found(package) == []


def test_an_impossible_date_is_kept_and_noted() -> None:
    package = read_document(document_bytes(due_date="2014/02/30"))
    assert package.header.due_date == "2014/02/30"
    assert found(package) == [(Odd.DATE_UNREADABLE, f"{MESSAGE}/DueDate")]


def test_an_unknown_element_is_ignored_and_noted() -> None:
    extra = '<edXML:Colour>red</edXML:Colour><x:Y xmlns:x="u">1</x:Y><edXML:Subject>'
    package = read_document(edited(document_bytes(), ("<edXML:Subject>", extra)))
    assert package.header == read_document(document_bytes()).header
    assert found(package) == [(Odd.UNKNOWN_ELEMENT, f"{MESSAGE}/Colour"), (Odd.UNKNOWN_ELEMENT, f"{MESSAGE}/{{u}}Y")]


@pytest.mark.parametrize("namespace", [NS, "http://www.w3.org/2000/09/xmldsig#"])
def test_a_signature_is_noticed_and_not_read(namespace: str) -> None:
    inside = f'<DocumentId>x</DocumentId><a xmlns="{NS}"><Business/></a><b xmlns=""/><!-- x -->'
    signature = f'<Signature xmlns="{namespace}">{inside}</Signature>'
    package = read_document(edited(document_bytes(), ("</edXML:edXMLHeader>", signature + "</edXML:edXMLHeader>")))
    assert package.has_signature
    assert found(package) == []
    assert not read(document_bytes()).has_signature


def test_a_signature_elsewhere_is_no_signature_of_the_package() -> None:
    package = read(edited(document_bytes(), ("<ContentId>", "<Signature/><ContentId>")))
    assert not package.has_signature
    assert found(package) == [(Odd.UNKNOWN_ELEMENT, "AttachmentEncoded/Attachment[1]/Signature")]


def test_encoded_content_elsewhere_is_no_file() -> None:
    extra = "<edXML:ContentTransferEncoded>not base64!</edXML:ContentTransferEncoded><edXML:Subject>"
    package = read_document(edited(document_bytes(), ("<edXML:Subject>", extra)))
    assert found(package) == [(Odd.UNKNOWN_ELEMENT, f"{MESSAGE}/ContentTransferEncoded")]


def test_reply_fors_of_any_inner_form_are_read_as_text() -> None:
    reply = (
        "<edXML:ReplyFors><edXML:ReplyFor>1/A</edXML:ReplyFor><edXML:ReplyFor>2/B</edXML:ReplyFor></edXML:ReplyFors>"
    )
    package = read_document(edited(document_bytes(), ("</edXML:OtherInfo>", reply + "</edXML:OtherInfo>")))
    assert package.header.other.reply_fors == "1/A; 2/B"


def test_a_status_in_an_element_of_its_own_is_read() -> None:
    package = read_status(edited(status_bytes(), ("edXML:MessageHeader>", "edXML:Status>")))
    assert package.header == read_status(status_bytes()).header
    assert found(package) == [(Odd.STATUS_ELEMENT, "edXMLHeader/Status")]


def test_a_status_code_of_one_digit_is_kept_and_noted() -> None:
    package = read_status(status_bytes(status_code="3"))
    assert package.header.status_code == "3"
    assert found(package) == [(Odd.SHORT_STATUS_CODE, f"{MESSAGE}/StatusCode")]


def test_a_refusal_without_reason_is_noted() -> None:
    assert found(read(status_bytes(status_code="02", description=None))) == [
        (Odd.MISSING_REASON, f"{MESSAGE}/Description")
    ]
    assert found(read(status_bytes(status_code="02"))) == []


def test_a_cid_written_in_one_place_only_still_matches() -> None:
    package = read_document(edited(document_bytes(), ("<edXML:ContentId>cid:0<", "<edXML:ContentId>0<")))
    assert [attachment.content_id for attachment in package.attachments] == ["0"]


def test_the_manifests_words_count_where_the_two_places_differ() -> None:
    raw = edited(
        document_bytes(files={"a.pdf": PDF}),
        ("<AttachmentName>a.pdf<", "<AttachmentName>b.exe<"),
        ("<edXML:AttachmentName>", "<edXML:ContentType>application/pdf</edXML:ContentType><edXML:AttachmentName>"),
        ("<AttachmentName>", "<ContentType>text/plain</ContentType><AttachmentName>"),
    )
    package = read_document(raw)
    assert (package.attachments[0].name, package.attachments[0].content_type) == ("a.pdf", "application/pdf")
    at = "AttachmentEncoded/Attachment[1]"
    assert found(package) == [
        (Odd.DECLARATIONS_DIFFER, f"{at}/AttachmentName"),
        (Odd.DECLARATIONS_DIFFER, f"{at}/ContentType"),
    ]


def test_the_name_may_stand_beside_the_file_only() -> None:
    raw = without(document_bytes(), "<edXML:AttachmentName>", "</edXML:AttachmentName>")
    assert read_document(raw).attachments[0].name == "van-ban.pdf"
    package = read_document(without(raw, "<AttachmentName>", "</AttachmentName>"))
    assert package.attachments[0].name == ""
    assert found(package) == [(Odd.MISSING_NAME, "AttachmentEncoded/Attachment[1]")]


def test_a_type_that_the_bytes_contradict_is_noted() -> None:
    declared = "<edXML:ContentType>application/pdf</edXML:ContentType><edXML:AttachmentName>"
    raw = edited(document_bytes(files={"a.pdf": b"PK\x03\x04 zip"}), ("<edXML:AttachmentName>", declared))
    package = read_document(raw)
    assert package.attachments[0].media_type == "application/zip"
    assert found(package) == [(Odd.CONTENT_TYPE_WRONG, "AttachmentEncoded/Attachment[1]/ContentType")]


def test_files_come_in_the_manifests_order() -> None:
    raw = document_bytes(files={"a": b"first", "b": b"second"})
    head, body = raw.split(b"<AttachmentEncoded>")
    first, second, rest = body.split(b"</Attachment>")
    package = read_document(head + b"<AttachmentEncoded>" + second + b"</Attachment>" + first + b"</Attachment>" + rest)
    assert [(a.name, a.content) for a in package.attachments] == [("a", b"first"), ("b", b"second")]


def test_files_may_stand_before_the_envelope() -> None:
    raw = document_bytes(files={"a": b"first"}).decode()
    start, end = raw.index("  <AttachmentEncoded>"), raw.index("</edXML>")
    block = raw[start:end]
    moved = raw.replace(block, "").replace("  <edXML:edXMLEnvelope", f"{block}  <edXML:edXMLEnvelope", 1)
    assert read(moved.encode()) == read(raw.encode())


def test_a_document_without_files_is_noted() -> None:
    assert found(read(document_bytes(files={}))) == [(Odd.NO_ATTACHMENTS, "edXMLBody/edXMLManifest")]


def test_an_empty_file_is_noted() -> None:
    package = read_document(document_bytes(files={"a.txt": b""}))
    assert package.attachments[0].size_bytes == 0
    assert found(package) == [(Odd.EMPTY_FILE, "AttachmentEncoded/Attachment[1]")]


@pytest.mark.parametrize("line", [1, 4, 64, 76, 77])
@pytest.mark.parametrize("end", ["\n", "\r\n", " \t "])
def test_base64_in_lines_of_any_length_is_decoded(line: int, end: str) -> None:
    content = bytes(range(256)) * 3
    text = base64.b64encode(content).decode()
    lines = end.join(text[i : i + line] for i in range(0, len(text), line))
    package = read_document(edited(document_bytes(files={"a": content}), (text, end + lines + end)))
    assert package.attachments[0].content == content


def test_base64_split_by_comments_cdata_and_references_is_whole() -> None:
    text = base64.b64encode(b"a whole file").decode()
    broken = f"{text[:3]}<!-- x -->{text[3:6]}<![CDATA[{text[6:9]}]]><?pi?>&#{ord(text[9])};{text[10:]}"
    package = read_document(edited(document_bytes(files={"a": b"a whole file"}), (text, broken)))
    assert package.attachments[0].content == b"a whole file"


def test_a_value_split_by_comments_cdata_and_instructions_is_read_whole() -> None:
    raw = edited(
        document_bytes(document_id="ABCDEF", sender="H24.1", receivers=["H24.2"]),
        (">ABCDEF<", ">A<!-- x -->B<![CDATA[C]]>D<?pi x?>&#69;F<"),
        ("<edXML:OrganId>H24.2<", "<edXML:OrganId>H24<!---->.2<"),
    )
    package = read_document(raw)
    assert package.header.document_id == "ABCDEF"
    assert package.header.receivers[0].organ_id == "H24.2"
    assert found(package) == [
        (Odd.COMMENT_IN_TEXT, f"{MESSAGE}/DocumentId"),
        (Odd.COMMENT_IN_TEXT, f"{MESSAGE}/To[1]/OrganId"),
    ]


# What is refused


def test_an_empty_body_is_refused() -> None:
    for raw in (b"", b" \r\n\t", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"):
        assert refusal(raw) == (Code.EMPTY_BODY, None)


@pytest.mark.parametrize("encoding", ["windows-1258", "UTF-16", "ISO-8859-1", "us-ascii", "utf-7", ""])
def test_another_declared_encoding_is_refused(encoding: str) -> None:
    assert refusal(edited(document_bytes(), ("UTF-8", encoding))) == (Code.ENCODING_UNSUPPORTED, "line 1")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "cp037"])
def test_bytes_in_another_encoding_are_refused(encoding: str) -> None:
    raw = edited(document_bytes(), ("UTF-8", encoding)).decode().encode(encoding, "replace")
    assert refusal(raw)[0] is Code.ENCODING_UNSUPPORTED


def test_bytes_that_are_not_utf_8_are_refused_naming_the_line() -> None:
    raw = document_bytes().replace("Hải".encode(), b"H\xe1i")
    line = raw[: raw.index(b"H\xe1i")].count(b"\n") + 1
    assert refusal(raw) == (Code.ENCODING_UNSUPPORTED, f"line {line}")


def test_broken_xml_is_refused_naming_the_files_own_line() -> None:
    raw = edited(document_bytes(), ("</edXML:Subject>", "</edXML:Sbj>"))
    line = raw[: raw.index(b"</edXML:Sbj>")].count(b"\n") + 1
    assert refusal(raw) == (Code.XML_BROKEN, f"line {line}")
    assert refusal(b"\r\n\r\njunk\n" + raw) == (Code.XML_BROKEN, f"line {line + 3}")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<edXML:Subject>", "<unknown:Subject>"),
        ("<edXML:Reference>", '<edXML:Reference xlink:href="">'),
        (
            "<edXML:Reference>",
            '<edXML:Reference edXML:a="1" e:a="2" xmlns:e="http://www.mic.gov.vn/TBT/QCVN_102_2016">',
        ),
    ],
)
def test_prefixes_that_mean_nothing_are_refused(old: str, new: str) -> None:
    raw = edited(document_bytes(), (old, new))
    if "Subject" in old:
        raw = edited(raw, ("</edXML:Subject>", "</unknown:Subject>"))
    code, at = refusal(raw)
    assert code is Code.XML_BROKEN
    assert at is not None
    assert at.startswith("line ")


@pytest.mark.parametrize(
    "raw",
    [
        b"<html><body/></html>",
        b"<edXML><edXMLEnvelope/></edXML>",
        b'<edXML xmlns="http://www.e-doc.vn/Schema/"/>',
        f'<edXMLEnvelope xmlns="{NS}"/>'.encode(),
        f'<edXML xmlns="{NS}"/>'.encode(),
        f'<edXML xmlns="{NS}"><edXMLEnvelope><edXMLHeader/></edXMLEnvelope></edXML>'.encode(),
        f'<edXML xmlns="{NS}"><edXMLEnvelope><edXMLHeader><MessageHeader><From><OrganId>H24</OrganId></From>'
        "</MessageHeader></edXMLHeader></edXMLEnvelope></edXML>".encode(),
    ],
)
def test_what_is_no_package_is_refused(raw: bytes) -> None:
    assert refusal(raw) == (Code.WRONG_ROOT, None)


def test_a_document_without_sender_receiver_or_id_is_refused() -> None:
    raw = document_bytes(receivers=["H24.2", "H24.3"])
    assert refusal(without(raw, "<edXML:From>", "</edXML:From>")) == (Code.MISSING_FROM, f"{MESSAGE}/From/OrganId")
    assert refusal(without(raw, "<edXML:OrganId>", "</edXML:OrganId>")) == (
        Code.MISSING_FROM,
        f"{MESSAGE}/From/OrganId",
    )
    assert refusal(edited(raw, (">H24.1<", "> <"))) == (Code.MISSING_FROM, f"{MESSAGE}/From/OrganId")
    assert refusal(edited(raw, ("<edXML:OrganId>H24.3<", "<edXML:OrganId> <"))) == (
        Code.MISSING_TO,
        f"{MESSAGE}/To[2]/OrganId",
    )
    no_to = without(without(raw, "<edXML:To>", "</edXML:To>"), "<edXML:To>", "</edXML:To>")
    assert refusal(no_to) == (Code.MISSING_TO, f"{MESSAGE}/To")
    assert refusal(without(raw, "<edXML:DocumentId>", "</edXML:DocumentId>")) == (
        Code.MISSING_DOCUMENT_ID,
        f"{MESSAGE}/DocumentId",
    )


def test_a_status_without_sender_or_document_is_refused() -> None:
    raw = status_bytes()
    assert refusal(without(raw, "<edXML:From>", "</edXML:From>")) == (Code.MISSING_FROM, f"{MESSAGE}/From/OrganId")
    at = f"{MESSAGE}/ResponseFor"
    assert refusal(without(raw, "<edXML:ResponseFor>", "</edXML:ResponseFor>")) == (
        Code.MISSING_RESPONSE_FOR,
        f"{at}/OrganId",
    )
    assert refusal(status_bytes(organ_id="")) == (Code.MISSING_RESPONSE_FOR, f"{at}/OrganId")
    assert refusal(status_bytes(document_id=None, code="")) == (Code.MISSING_RESPONSE_FOR, f"{at}/DocumentId")
    assert read(status_bytes(document_id=None)).kind is PackageKind.STATUS


@pytest.mark.parametrize("code", ["07", "0", "001", "1x", "-1", "", "١", "14"])
def test_a_status_code_that_nobody_defined_is_refused(code: str) -> None:
    assert refusal(status_bytes(status_code=code)) == (Code.BAD_STATUS_CODE, f"{MESSAGE}/StatusCode")


def test_a_status_without_its_code_is_refused() -> None:
    raw = without(status_bytes(), "<edXML:StatusCode>", "</edXML:StatusCode>")
    assert refusal(raw) == (Code.BAD_STATUS_CODE, f"{MESSAGE}/StatusCode")


@pytest.mark.parametrize("value", ["4", "-1", "new", "1.0", "٣", "3 3"])
def test_a_business_type_that_nobody_defined_is_refused(value: str) -> None:
    raw = edited(document_bytes(), ("<edXML:BussinessDocType>0<", f"<edXML:BussinessDocType>{value}<"))
    assert refusal(raw) == (Code.BAD_BUSINESS_TYPE, "edXMLHeader/TraceHeaderList/Bussiness/BussinessDocType")


ENCODED = base64.b64encode(PDF).decode()
ENCODED_AT = "AttachmentEncoded/Attachment[1]/ContentTransferEncoded"


@pytest.mark.parametrize(
    "text",
    [
        ENCODED[:-1],
        ENCODED[:-2],
        ENCODED + "A",
        ENCODED + ENCODED,
        "====",
        "A===",
        "${__StringFromFile(test.txt,,,)}",
        ENCODED.replace("J", "*", 1),
        ENCODED.replace("J", "ờ", 1),
        ENCODED[:4] + "-_" + ENCODED[6:],
        ENCODED[:8] + "<x/>" + ENCODED[8:],
        "QUJD" * 20_000 + "=" + "QUJD",
        "QQ==" + "QUJD" * 20_000,
        "QUJD" * 13_000 + "QQ==<!-- -->QUJD",
    ],
)
def test_broken_base64_is_refused_naming_the_file(text: str) -> None:
    raw = edited(document_bytes(files={"a.pdf": PDF}), (ENCODED, text))
    assert refusal(raw) == (Code.BAD_BASE64, ENCODED_AT)


def test_a_listed_file_that_is_absent_is_refused() -> None:
    raw = document_bytes(files={"a": b"1", "b": b"2"})
    raw = edited(raw, ("<ContentId>cid:1<", "<ContentId>cid:other<"))
    assert refusal(raw) == (Code.ATTACHMENT_ABSENT, "edXMLBody/edXMLManifest/Reference[2]/ContentId")
    no_files = without(raw, "<AttachmentEncoded>", "</AttachmentEncoded>")
    assert refusal(no_files) == (Code.ATTACHMENT_ABSENT, "edXMLBody/edXMLManifest/Reference[1]/ContentId")


def test_an_attachment_without_its_content_is_refused() -> None:
    raw = without(document_bytes(), "<edXML:ContentTransferEncoded", "</edXML:ContentTransferEncoded>")
    assert refusal(raw) == (Code.ATTACHMENT_ABSENT, ENCODED_AT)


def test_a_file_that_is_not_listed_is_refused() -> None:
    raw = without(document_bytes(files={"a": b"1", "b": b"2"}), "<edXML:Reference>", "</edXML:Reference>")
    assert refusal(raw) == (Code.ATTACHMENT_UNLISTED, "AttachmentEncoded/Attachment[1]/ContentId")


def test_two_files_of_one_content_id_are_refused() -> None:
    raw = document_bytes(files={"a": b"1", "b": b"2"})
    held = edited(raw, ("<ContentId>cid:1<", "<ContentId>cid:0<"))
    assert refusal(held) == (Code.ATTACHMENT_DUPLICATE, "AttachmentEncoded/Attachment[2]/ContentId")
    listed = edited(raw, ("<edXML:ContentId>cid:1<", "<edXML:ContentId>0<"))
    assert refusal(listed) == (Code.ATTACHMENT_DUPLICATE, "edXMLBody/edXMLManifest/Reference[2]/ContentId")


def test_a_file_without_content_id_is_refused() -> None:
    raw = without(document_bytes(), "<edXML:ContentId>", "</edXML:ContentId>")
    assert refusal(raw) == (Code.FIELD_INVALID, "edXMLBody/edXMLManifest/Reference[1]/ContentId")


def test_files_in_a_status_are_refused() -> None:
    block = document_bytes().decode()
    block = block[block.index("  <AttachmentEncoded>") : block.index("</edXML>")]
    assert refusal(edited(status_bytes(), ("</edXML>", block + "</edXML>"))) == (
        Code.ATTACHMENT_UNLISTED,
        "AttachmentEncoded",
    )


def test_an_empty_list_of_files_in_a_status_is_accepted() -> None:
    raw = edited(status_bytes(), ("</edXML>", "<AttachmentEncoded/></edXML>"))
    assert read(raw) == read(status_bytes())


def test_a_package_that_is_document_and_status_at_once_is_refused() -> None:
    code = "<edXML:StatusCode>01</edXML:StatusCode><edXML:Subject>"
    assert refusal(edited(document_bytes(), ("<edXML:Subject>", code))) == (Code.FIELD_INVALID, MESSAGE)
    both = "<edXML:Status/><edXML:MessageHeader>"
    assert refusal(edited(status_bytes(), ("<edXML:MessageHeader>", both))) == (Code.FIELD_INVALID, "edXMLHeader")


# Bounds


def test_each_bound_is_kept_exactly() -> None:
    raw = document_bytes(receivers=["H24.2", "H24.3"], files={"a": b"x" * 1000, "b": b"y" * 10})
    assert refusal(raw, limits=Limits(package_bytes=len(raw) - 1)) == (Code.TOO_LARGE, None)
    assert read(raw, limits=Limits(package_bytes=len(raw)))
    assert refusal(raw, limits=Limits(receivers=1)) == (Code.TOO_MANY, f"{MESSAGE}/To")
    assert read(raw, limits=Limits(receivers=2))
    assert refusal(raw, limits=Limits(attachments=1)) == (Code.TOO_MANY, "AttachmentEncoded")
    assert read(raw, limits=Limits(attachments=2))
    assert refusal(raw, limits=Limits(attachment_bytes=999)) == (Code.TOO_LARGE, ENCODED_AT)
    assert read(raw, limits=Limits(attachment_bytes=1000))
    elements = raw.count(b"<") - raw.count(b"</") - 1 + raw.count(b' version="1.0">')
    assert refusal(raw, limits=Limits(elements=elements - 1)) == (Code.TOO_MANY, None)
    assert read(raw, limits=Limits(elements=elements))
    assert refusal(raw, limits=Limits(depth=6)) == (Code.TOO_DEEP, None)
    assert read(raw, limits=Limits(depth=7))


def test_the_skeletons_size_counts_without_the_files() -> None:
    small = document_bytes(subject="s" * 20_000, files={"a": b""})
    large = document_bytes(subject="s" * 20_000, files={"a": b"x" * 300_000})
    assert len(large) > 400_000
    assert read(large, limits=Limits(skeleton_bytes=len(small)))
    assert refusal(large, limits=Limits(skeleton_bytes=10_000)) == (Code.TOO_LARGE, None)
    assert refusal(small, limits=Limits(skeleton_bytes=len(small) - 1)) == (Code.TOO_LARGE, None)
    in_lines = large.replace(b"eHh4" * 16, b"eHh4" * 16 + b"\r\n")
    assert in_lines.count(b"\r") > 6000
    assert read(in_lines, limits=Limits(skeleton_bytes=len(small)))


def test_more_junk_than_allowed_is_refused() -> None:
    raw = document_bytes()
    assert refusal(b"j" * 1025 + raw) == (Code.XML_BROKEN, "line 1")
    assert refusal(b" " * 1025 + raw) == (Code.XML_BROKEN, "line 1")
    assert refusal(b"j" * 11 + raw, limits=Limits(leading_junk_bytes=10)) == (Code.XML_BROKEN, "line 1")


def test_junk_that_is_markup_is_never_skipped() -> None:
    assert refusal(b"<junk/>" + document_bytes())[0] is Code.WRONG_ROOT
    assert refusal(b"<!-- junk -->" + document_bytes())[0] is Code.XML_BROKEN
    assert refusal(b"x<edXML/>" + document_bytes())[0] is Code.XML_BROKEN
    assert refusal(b"x<!DOCTYPE a>" + document_bytes()) == (Code.DTD_FORBIDDEN, "line 1")


# The table of findings


def test_every_finding_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Odd)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())
    assert set(Odd) > NOTES


def test_findings_are_bounded() -> None:
    raw = edited(document_bytes(), ("<edXML:Subject>", "<edXML:Odd/>" * 1000 + "<edXML:Subject>"))
    findings = read(raw).findings
    assert len(findings) == 101
    assert findings[-1].code == Odd.MORE
