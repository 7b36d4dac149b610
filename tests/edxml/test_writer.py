"""Written packages look as the vendor's do: prefixes, order, escapes."""

import base64
import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from axis.edxml.model import Party
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes, write
from axis.errors import Code, Internal, Malformed
from tests.packages import big_document, document, document_bytes, status, status_bytes

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


def tags(raw: bytes) -> list[str]:
    """The start tags as they are written, prefix and namespace declarations included."""
    text = re.sub(rb"<!--.*?-->|<Signature>.*?</Signature>", b"", raw, flags=re.DOTALL).decode()
    return re.findall(r"<([A-Za-z][^>]*?)/?>", text)


@pytest.mark.parametrize("name", ["edoc_new", "edoc_update", "edoc_revocation", "edoc_replacement", "status"])
def test_a_sample_is_written_with_the_same_tags_in_the_same_order(name: str) -> None:
    raw = (SAMPLES / f"vnpt_{name}.edxml").read_bytes()
    assert tags(to_bytes(read(raw))) == tags(raw)


def test_the_root_is_unprefixed_and_the_envelope_prefixed() -> None:
    raw = document_bytes().decode()
    namespace = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
    assert raw.startswith(f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{namespace}">\n')
    assert f'<edXML:edXMLEnvelope xmlns:edXML="{namespace}">' in raw
    envelope = raw[raw.index("<edXML:edXMLEnvelope") : raw.index("</edXML:edXMLEnvelope>")]
    assert all(tag.lstrip("/").startswith("edXML:") for tag in re.findall(r"<([^>]+)>", envelope))
    files = raw[raw.index("<AttachmentEncoded>") :]
    assert f'<edXML:ContentTransferEncoded xmlns:edXML="{namespace}">' in files
    assert set(re.findall(r"<([A-Za-z]+)>", files)) == {
        "AttachmentEncoded",
        "Attachment",
        "ContentId",
        "AttachmentName",
    }


def test_every_written_element_is_in_the_norms_namespace() -> None:
    for raw in (document_bytes(), status_bytes()):
        assert {etree.QName(e).namespace for e in etree.fromstring(raw).iter()} == {
            "http://www.mic.gov.vn/TBT/QCVN_102_2016"
        }


def test_fields_that_are_absent_are_not_written() -> None:
    raw = document_bytes(due_date=None, content="", traces=(), business=None)
    assert b"DueDate" not in raw
    assert b"<edXML:Content></edXML:Content>" in raw
    assert b"Bussiness" not in raw


def test_markup_in_a_text_is_escaped() -> None:
    text = "a < b & c > d ]]> \"q\" 'r' <!-- <DocumentId>x</DocumentId> \r\n\t"
    package = read(document_bytes(subject=text))
    assert package == replace(document(subject=text.strip()))


@pytest.mark.parametrize("character", ["\0", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_that_xml_cannot_carry_is_refused(character: str) -> None:
    out = io.BytesIO()
    with pytest.raises(Malformed) as refused:
        write(document(subject=f"a{character}b"), out)
    assert (refused.value.code, refused.value.at) == (Code.FIELD_INVALID, "MessageHeader/Subject")
    assert out.getvalue() == b""
    with pytest.raises(Malformed):
        to_bytes(status(sender=Party(organ_id=f"H{character}")))
    with pytest.raises(Malformed):
        to_bytes(document(files={f"a{character}": b""}))


def test_a_file_that_was_only_measured_cannot_be_written() -> None:
    package = document()
    measured = replace(package, attachments=tuple(replace(a, content=None) for a in package.attachments))
    with pytest.raises(Internal):
        to_bytes(measured)


def test_files_stream_from_disk(tmp_path: Path) -> None:
    content = os.urandom(200_001)
    (tmp_path / "file").write_bytes(content)
    raw = document_bytes(files={"a.bin": tmp_path / "file"})
    assert raw == document_bytes(files={"a.bin": content})
    assert base64.b64encode(content) in raw


def test_a_big_document_is_made_near_the_size_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "big.edxml"
    big_document(path, 3_000_000, document_id="big")
    assert 2_900_000 < path.stat().st_size < 3_100_000
    package = read(path)
    assert describe_size(package) == 2_250_000
    assert [entry.name for entry in tmp_path.iterdir()] == ["big.edxml"]


def describe_size(package: object) -> int:
    return sum(attachment.size_bytes for attachment in getattr(package, "attachments", ()))
