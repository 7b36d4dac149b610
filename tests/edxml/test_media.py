import io
import struct
import zipfile

import pytest

from axis.edxml.media import Sniffer, media_type


def ole(*streams: str, directory_sector: int = 1, sector_bytes: int = 512) -> bytes:
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    header[30:32] = struct.pack("<H", sector_bytes.bit_length() - 1)
    header[48:52] = struct.pack("<I", directory_sector)
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    body = bytes((directory_sector + 1) * sector_bytes - 512) + directory
    return bytes(header) + body + bytes(100_000)


def zipped(*names: str, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name in names:
            archive.writestr(name, b"<x/>" * 10)
    return file.getvalue()


def open_document(kind: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("mimetype", f"application/vnd.oasis.opendocument.{kind}")
        archive.writestr("content.xml", b"<x/>")
    return file.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument"
FILES: list[tuple[bytes, str]] = [
    (b"%PDF-1.7\n", "application/pdf"),
    (b"\r\njunk\r\n%PDF-1.4\n", "application/pdf"),
    (zipped("a.txt"), "application/zip"),
    (b"PK\x05\x06" + bytes(18), "application/zip"),
    (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
    (zipped("docProps/core.xml", "xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet"),
    (zipped("_rels/.rels", "ppt/presentation.xml"), f"{OFFICE}.presentationml.presentation"),
    (zipped("my-word/document.xml", "a/word/x"), "application/zip"),
    (zipped("docProps/thumbnail.jpeg", method=zipfile.ZIP_STORED), "application/zip"),
    (open_document("text"), "application/vnd.oasis.opendocument.text"),
    (open_document("spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet"),
    (ole("WordDocument"), "application/msword"),
    (ole("WordDocument", directory_sector=150), "application/msword"),
    (ole("1Table", "WordDocument", directory_sector=20, sector_bytes=4096), "application/msword"),
    (ole("Workbook", directory_sector=80), "application/vnd.ms-excel"),
    (ole("Book"), "application/vnd.ms-excel"),
    (ole("PowerPoint Document"), "application/vnd.ms-powerpoint"),
    (ole("Something"), "application/x-ole-storage"),
    (b"\x89PNG\r\n\x1a\n" + bytes(10), "image/png"),
    (b"\xff\xd8\xff\xe0" + bytes(10), "image/jpeg"),
    (b"GIF89a" + bytes(10), "image/gif"),
    (b"GIF87a" + bytes(10), "image/gif"),
    (b"II*\x00" + bytes(10), "image/tiff"),
    (b"MM\x00*" + bytes(10), "image/tiff"),
    (b'<?xml version="1.0"?><a/>', "application/xml"),
    (b'\xef\xbb\xbf\n<?xml version="1.0"?><a/>', "application/xml"),
    (b"<!DOCTYPE html><html>", "text/html"),
    (b"<!-- x -->\n<HTML lang='vi'>", "text/html"),
    (b"{\\rtf1\\ansi", "application/rtf"),
    (b"7z\xbc\xaf\x27\x1c" + bytes(10), "application/x-7z-compressed"),
    (b"Rar!\x1a\x07\x00", "application/vnd.rar"),
    (b"\x1f\x8b\x08" + bytes(10), "application/gzip"),
    ("Kính gửi: các sở, ban, ngành\r\n".encode(), "text/plain"),
    ("Kính gửi".encode("utf-16"), "text/plain"),
    (("ạ" * 5000).encode(), "text/plain"),
    (b"x" + ("ạ" * 5000).encode(), "text/plain"),
    (b"Kinh g\xe1\xbb", "application/octet-stream"),
    (b"caf\xe9 au lait", "application/octet-stream"),
    (b"text\x00with a NUL", "application/octet-stream"),
    (bytes(range(256)), "application/octet-stream"),
    (b"", "application/octet-stream"),
]


@pytest.mark.parametrize(("content", "expected"), FILES)
def test_a_file_is_known_by_its_bytes(content: bytes, expected: str) -> None:
    assert media_type(content) == expected


@pytest.mark.parametrize("chunk", [5, 511, 4096])
def test_it_is_known_in_whatever_pieces_it_passes(chunk: int) -> None:
    for content, expected in FILES:
        sniffer = Sniffer()
        for start in range(0, len(content), chunk):
            sniffer.feed(content[start : start + chunk])
        assert sniffer.media_type() == expected


def test_an_office_document_is_known_by_its_directory_at_the_end() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("docProps/thumbnail.jpeg", bytes(50_000))
        archive.writestr("word/document.xml", bytes(50_000))
    assert media_type(file.getvalue()) == f"{OFFICE}.wordprocessingml.document"


def test_broken_headers_are_no_trouble() -> None:
    magic = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    assert media_type(magic + b"\xff" * 600) == "application/x-ole-storage"
    assert media_type(magic) == "application/x-ole-storage"
    assert media_type(b"PK\x03\x04") == "application/zip"
