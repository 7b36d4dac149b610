"""edXML 1.0 and QCVN 102 say the same: what one carries the other gives back, in a real request."""

import io
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from adapters.edoc.mime import read_boundary, read_parts
from adapters.edoc.multipart import encoded_bytes, make_multipart, with_safe_ids
from adapters.edoc.opened import compose_document, compose_status, open_request
from adapters.edoc.wire import Version, read_media_type, write_envelope
from axis.edxml.attachments import Declared, attach
from axis.edxml.model import DocumentHeader, DocumentPackage, Limits, Package, StatusPackage
from axis.edxml.reader import read
from axis.edxml.v1 import read_document, write_document, write_manifest, write_status
from axis.errors import Code, Malformed
from tests.edxml.test_round_trip import DOCUMENT, STATUS

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "samples").glob("vnpt_*.edxml"))
SAMPLES = [path for path in SAMPLES if path.stem != "vnpt_edoc"]  # which is broken XML
LIMITS = Limits()
XML = read_media_type("text/xml")


def through_soap(package: Package, version: Version = Version.V11, *, on_disk: bool = False) -> Package:
    """The package, once there and back."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if isinstance(package, StatusPackage):
            raw, kind = write_envelope(version, "", write_status(package.header)), XML
        else:
            files = with_safe_ids(package.attachments)
            envelope = write_envelope(version, write_document(package.header), write_manifest(files))
            multipart = make_multipart(version, envelope, files)
            raw, kind = b"".join(multipart.pieces()), read_media_type(multipart.content_type)
            assert len(raw) == multipart.size_bytes
        content: bytes | Path = raw
        if on_disk:
            content = folder / "request"
            content.write_bytes(raw)
        opened = open_request(content, kind, LIMITS, folder)
        if isinstance(package, StatusPackage):
            converted = compose_status(opened, folder, opened.envelope.body[0])
        else:
            converted = compose_document(opened, LIMITS, folder)
        opened.close()
        assert converted.findings == () or isinstance(package, DocumentPackage)
        return read(converted.spooled.read_bytes())


@settings(max_examples=60)
@given(package=DOCUMENT)
def test_a_document_comes_back_as_it_was(package: DocumentPackage) -> None:
    again = through_soap(package)
    assert isinstance(again, DocumentPackage)
    assert again.header == package.header
    assert len(again.attachments) == len(package.attachments)
    for ours, theirs in zip(again.attachments, package.attachments, strict=True):
        assert (ours.name, ours.content) == (theirs.name, theirs.content)
        assert (ours.description or None) == (theirs.description or None)  # an empty one says nothing
        if theirs.content_type:
            assert ours.content_type == theirs.content_type


@given(package=STATUS)
def test_a_status_comes_back_as_it_was(package: StatusPackage) -> None:
    assert through_soap(package, Version.V12).header == package.header


@settings(max_examples=40)
@given(package=DOCUMENT)
def test_blocks_that_are_read_are_written_alike(package: DocumentPackage) -> None:
    written = write_document(package.header)
    with TemporaryDirectory() as name:
        envelope = write_envelope(Version.V11, written, write_manifest(()))
        opened = open_request(envelope, XML, LIMITS, Path(name))
        said = read_document(opened.envelope.header, opened.envelope.body[0], LIMITS)
    assert write_document(said.header) == written


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("on_disk", [False, True])
def test_the_vendors_packages_come_back_as_they_were(sample: Path, *, on_disk: bool) -> None:
    package = read(sample.read_bytes())
    again = through_soap(package, on_disk=on_disk)
    assert again.header == package.header
    if isinstance(package, DocumentPackage):
        assert isinstance(again, DocumentPackage)
        assert [(f.name, f.sha256_hex, f.zipped_by_client) for f in again.attachments] == [
            (f.name, f.sha256_hex, f.zipped_by_client) for f in package.attachments
        ]


def test_the_older_spelling_is_on_the_wire() -> None:
    package = read(next(path for path in SAMPLES if path.stem == "vnpt_edoc_update").read_bytes())
    assert isinstance(package.header, DocumentHeader)
    written = write_document(package.header)
    assert "<edXML:BusinessDocumentInfo>" in written
    assert "Bussiness" not in written


def test_a_status_where_a_document_is_due_is_refused() -> None:
    status = read(next(path for path in SAMPLES if path.stem == "vnpt_status").read_bytes())
    assert isinstance(status, StatusPackage)
    block = write_status(status.header).replace("edXML:Status>", "edXML:MessageHeader>")
    with TemporaryDirectory() as name:
        opened = open_request(write_envelope(Version.V11, block, write_manifest(())), XML, LIMITS, Path(name))
        with pytest.raises(Malformed) as caught:
            compose_document(opened, LIMITS, Path(name))
    assert caught.value.code is Code.WRONG_ROOT


def test_strange_content_ids_and_types_cannot_write_headers() -> None:
    wanted = ("cid:a\r\nX-Evil: 1", "cid:same", "cid:same", "cid:Start", "cid:đ", "cid:ok@b")
    declared = [Declared(content_id=one, name="x", content_type="text/plain\r\nX-Evil: 1") for one in wanted]
    files = with_safe_ids([replace(attach(one, b"content"), content_id=one.content_id) for one in declared])
    names = [file.content_id for file in files]
    assert names == ["cid:file-1@axis", "cid:same", "cid:file-3@axis", "cid:file-4@axis", "cid:file-5@axis", "cid:ok@b"]
    raw = b"".join(make_multipart(Version.V11, b"<a/>", files).pieces())
    assert b"X-Evil" not in raw
    kind = read_media_type(make_multipart(Version.V11, b"<a/>", files).content_type)
    assert read_boundary(kind) not in raw


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 57 * 4096 - 1, 57 * 4096, 57 * 4096 + 1, 500_001])
def test_the_length_of_a_body_is_known_before(size: int) -> None:
    file = attach(Declared(content_id="cid:1", name="x"), b"\x07" * size)
    multipart = make_multipart(Version.V11, b"<a/>", [file])
    raw = b"".join(multipart.pieces())
    assert len(raw) == multipart.size_bytes
    parts = read_parts(io.BytesIO(raw), read_boundary(read_media_type(multipart.content_type)), 10)
    assert parts[1].size_bytes == encoded_bytes(size)
