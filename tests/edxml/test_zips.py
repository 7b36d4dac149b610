"""ZIPs that clients make around their files."""

import hashlib
import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest

from axis.edxml.findings import Odd
from axis.edxml.model import Attachment, DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.edxml.zips import Unusable, Unzipper
from axis.errors import Code, Malformed
from tests.packages import PDF, attachment, document

DOC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "WordDocument".encode("utf-16-le")
AT = "AttachmentEncoded/Attachment[1]"


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED, year: int = 2020) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), content, compress_type=method)
    return file.getvalue()


def streamed(name: str, content: bytes) -> bytes:
    """A ZIP written to a stream, sizes after the content: as the vendor's client makes them."""

    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.content = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.content += bytes(data)
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    assert archive.infolist()[0].flag_bits & 0x08
    return pipe.content


def package(content: bytes, *, name: str = "cong-van.doc", content_type: str | None = "application/zip") -> bytes:
    made = document()
    file = attachment(name, b"", content_type=content_type)
    object.__setattr__(file, "content", content)
    return to_bytes(DocumentPackage(header=made.header, attachments=(file,)))


def read_file(content: bytes, **options: Any) -> Attachment:
    return read_package(content, **options).attachments[0]


def read_package(content: bytes, *, limits: Limits | None = None, **options: Any) -> DocumentPackage:
    read_again = read(package(content, **options), limits=limits or Limits())
    assert isinstance(read_again, DocumentPackage)
    return read_again


def test_names_and_times_in_a_clients_zip_do_not_count() -> None:
    first = read_file(zipped(("8f3a.doc", DOC)))
    second = read_file(zipped(("77aa.doc", DOC), year=2024))
    third = read_file(zipped(("77aa.doc", DOC), method=zipfile.ZIP_STORED))
    fourth = read_file(streamed("0000", DOC))
    assert len({file.sha256_hex for file in (first, second, third, fourth)}) == 4
    assert len({file.identity_digest for file in (first, second, third, fourth)}) == 1
    assert first.zipped_by_client
    assert first.media_type == "application/msword"
    assert first.content == zipped(("8f3a.doc", DOC))


def test_another_file_in_the_zip_counts() -> None:
    assert read_file(zipped(("a", DOC))).identity_digest != read_file(zipped(("a", DOC + b"."))).identity_digest


def test_several_entries_count_in_any_order() -> None:
    first = read_file(zipped(("a", b"1"), ("b", b"2"), ("dir/", b"")))
    second = read_file(zipped(("x", b"2"), ("y", b"1")))
    assert first.identity_digest == second.identity_digest
    assert first.media_type == "application/zip"
    assert first.identity_digest != read_file(zipped(("a", b"1"), ("b", b"1"))).identity_digest
    assert first.identity_digest != read_file(zipped(("a", b"12"))).identity_digest


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("tep.zip", "application/zip"), ("TEP.ZIP", "application/zip"), ("a.doc", "application/pdf"), ("a.doc", None)],
)
def test_a_zip_that_the_client_did_not_make_counts_as_it_is(name: str, content_type: str | None) -> None:
    content = zipped(("a.doc", DOC))
    file = read_file(content, name=name, content_type=content_type)
    assert not file.zipped_by_client
    assert file.identity_digest == file.sha256_hex == hashlib.sha256(content).hexdigest()
    assert file.media_type == "application/zip"


@pytest.mark.parametrize("label", ["application/zip", "Application/ZIP; charset=binary", " application/zip "])
def test_the_label_is_read_as_people_write_it(label: str) -> None:
    assert read_file(zipped(("a", DOC)), content_type=label).zipped_by_client


def test_an_office_document_labelled_as_zip_is_a_file() -> None:
    content = zipped(("[Content_Types].xml", b"<x/>"), ("word/document.xml", b"<x/>"))
    file = read_file(content, name="a.docx")
    assert not file.zipped_by_client
    assert file.identity_digest == file.sha256_hex
    assert file.media_type.endswith("wordprocessingml.document")


def encrypted() -> bytes:
    raw = bytearray(zipped(("a", DOC)))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


def with_wrong_checksum() -> bytes:
    raw = bytearray(zipped(("a", DOC), method=zipfile.ZIP_STORED))
    raw[40] ^= 1
    return bytes(raw)


def with_directory_of(size: int) -> bytes:
    raw = bytearray(zipped(("a", DOC)))
    end = raw.index(b"PK\x05\x06")
    raw[end + 12 : end + 16] = struct.pack("<I", size)
    return bytes(raw)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(1000),
        zipped(("a", DOC))[:-30],
        zipped(("a", DOC))[:60] + zipped(("a", DOC))[70:],
        zipped(),
        zipped(("only/", b"")),
        zipped(("a", DOC), method=zipfile.ZIP_BZIP2),
        zipped(("a", DOC), method=zipfile.ZIP_LZMA),
        encrypted(),
        with_wrong_checksum(),
        with_directory_of(0xFFFFFFFF),
        with_directory_of(0),
    ],
    ids=[
        *("magic only", "zeros", "truncated", "hole", "empty", "folder only", "bzip2", "lzma"),
        *("encrypted", "checksum", "directory", "no directory"),
    ],
)
def test_a_zip_that_cannot_be_unpacked_is_a_plain_file(content: bytes) -> None:
    opened = read_package(content)
    assert [(finding.code, finding.at) for finding in opened.findings] == [(Odd.ZIP_BROKEN, AT)]
    file = opened.attachments[0]
    assert not file.zipped_by_client
    assert file.identity_digest == file.sha256_hex
    assert file.content == content


def bomb(content: bytes, limits: Limits | None = None) -> str | None:
    with pytest.raises(Malformed) as refused:
        read(package(content), limits=limits or Limits())
    assert refused.value.code is Code.ZIP_BOMB
    return refused.value.at


def test_a_zip_that_unpacks_to_too_much_is_refused() -> None:
    assert bomb(zipped(("a", bytes(20_000_000)))) == AT
    assert bomb(zipped(*((str(i), b"") for i in range(101)))) == AT
    assert bomb(zipped(*((f"{i}/", b"") for i in range(101)))) == AT
    text = b"word " * 1000
    assert bomb(zipped(("a", text)), Limits(unzipped_bytes=4999)) == AT
    assert bomb(zipped(("a", text), ("b", text)), Limits(unzipped_bytes=9999)) == AT
    assert read_file(zipped(("a", text)), limits=Limits(unzipped_bytes=5000)).zipped_by_client


def test_the_bounds_hold_for_all_zips_of_a_package_together() -> None:
    made = document()
    content = zipped(("a", b"word " * 1000))
    files = tuple(attachment(f"{i}.doc", content, i, "application/zip") for i in range(2))
    raw = to_bytes(DocumentPackage(header=made.header, attachments=files))
    assert read(raw, limits=Limits(unzipped_bytes=10_000))
    with pytest.raises(Malformed) as refused:
        read(raw, limits=Limits(unzipped_bytes=9_999))
    assert (refused.value.code, refused.value.at) == (Code.ZIP_BOMB, "AttachmentEncoded/Attachment[2]")


def test_a_small_file_may_shrink_as_much_as_it_likes() -> None:
    assert read_file(zipped(("a", bytes(1 << 20)))).zipped_by_client


def test_an_unusual_zip_under_another_label_is_not_unpacked() -> None:
    assert read_file(zipped(("a", bytes(20_000_000))), name="a.zip").size_bytes < 30_000


def test_a_zip_inside_a_zip_is_just_a_file() -> None:
    inner = zipped(("a", bytes(50_000_000)))
    file = read_file(zipped(("inner", inner)))
    assert file.zipped_by_client
    assert file.media_type == "application/zip"


def test_a_package_on_disk_has_its_zips_measured_too(tmp_path: Path) -> None:
    contents = [zipped((f"{i}", DOC + bytes([i]))) for i in range(3)]
    files = [attachment(f"{i}.doc", content, i, "application/zip") for i, content in enumerate(contents)]
    files.insert(1, attachment("a.docx", zipped(("word/x", DOC)), 8, "application/zip"))
    files.insert(2, attachment("b.pdf", PDF, 9))
    raw = to_bytes(DocumentPackage(header=document().header, attachments=tuple(files)))
    (tmp_path / "package").write_bytes(raw)
    measured, in_memory = read(tmp_path / "package"), read(raw)
    assert isinstance(measured, DocumentPackage)
    assert isinstance(in_memory, DocumentPackage)
    assert [a.identity_digest for a in measured.attachments] == [a.identity_digest for a in in_memory.attachments]
    assert [a.zipped_by_client for a in measured.attachments] == [True, False, False, True, True]
    assert measured.findings == in_memory.findings


def test_the_inner_file_is_streamed_for_download(tmp_path: Path) -> None:
    content = zipped(("random-name", DOC * 500))
    (tmp_path / "zip").write_bytes(content)
    for source in (content, tmp_path / "zip"):
        chunks = list(Unzipper(Limits()).open_inner(source, at="x"))
        assert b"".join(chunks) == DOC * 500
        assert len(chunks) > 1


def test_the_inner_file_is_one_or_none() -> None:
    for content in (zipped(("a", b"1"), ("b", b"2")), zipped(), b"no zip", encrypted()):
        with pytest.raises(Unusable):
            list(Unzipper(Limits()).open_inner(content, at="x"))


def test_the_inner_file_ends_where_a_bomb_begins() -> None:
    with pytest.raises(Malformed) as refused:
        list(Unzipper(Limits()).open_inner(zipped(("a", bytes(20_000_000))), at="x"))
    assert refused.value.code is Code.ZIP_BOMB
