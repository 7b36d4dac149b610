"""Packages on disk: their files go to files of our naming, or are only measured; a refusal leaves nothing behind."""

import errno
from pathlib import Path
from typing import Any

import pytest

from axis.edxml import content as content_module
from axis.edxml.content import Shelf, Slice
from axis.edxml.media import Sniffer
from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.errors import Busy, Code, Malformed
from tests.packages import PDF, document_bytes


def read_document(raw: bytes | Path, **options: Any) -> DocumentPackage:
    package = read(raw, **options)
    assert isinstance(package, DocumentPackage)
    return package


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


def on_disk(tmp_path: Path, raw: bytes) -> Path:
    path = tmp_path / "package.edxml"
    path.write_bytes(raw)
    return path


def test_the_files_of_a_package_on_disk_go_to_files_of_our_naming(tmp_path: Path, spool: Path) -> None:
    content = bytes(range(256)) * 1000
    path = on_disk(tmp_path, document_bytes(files={"../../etc/passwd": content, "/abs": b"2"}))
    package = read_document(path, spool_dir=spool)
    first, second = (attachment.content for attachment in package.attachments)
    assert isinstance(first, Path)
    assert isinstance(second, Path)
    assert {first, second} == set(spool.iterdir())
    assert first.read_bytes() == content
    assert second.read_bytes() == b"2"
    assert first.stat().st_mode & 0o077 == 0
    assert package.attachments[0].name == "../../etc/passwd"


def test_a_package_on_disk_says_the_same_as_in_memory(tmp_path: Path) -> None:
    raw = document_bytes(files={"a.pdf": PDF, "b": b"x" * 100_000})
    measured = read_document(on_disk(tmp_path, raw))
    in_memory = read_document(raw)
    assert [a.content for a in measured.attachments] == [None, None]
    assert measured.header == in_memory.header
    assert [(a.size_bytes, a.sha256_hex, a.media_type, a.identity_digest) for a in measured.attachments] == [
        (a.size_bytes, a.sha256_hex, a.media_type, a.identity_digest) for a in in_memory.attachments
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["package.edxml"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<ContentId>cid:1<", "<ContentId>cid:x<"),
        ("<edXML:DocumentId>", "<edXML:DocumentId/><edXML:DocumentId>"),
        ("</AttachmentEncoded>", "<x></AttachmentEncoded>"),
        ("Mg==", "Mg="),
    ],
)
def test_a_refused_package_leaves_no_file_behind(tmp_path: Path, spool: Path, old: str, new: str) -> None:
    raw = document_bytes(files={"a": b"x" * 100_000, "b": b"2"})
    assert old.encode() in raw
    raw = raw.replace(old.encode(), new.encode())
    with pytest.raises(Malformed):
        read(on_disk(tmp_path, raw), spool_dir=spool)
    assert list(spool.iterdir()) == []


def test_a_full_disk_is_busy_and_leaves_no_file_behind(
    tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: object, _chunk: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(content_module._InFile, "write", full)
    with pytest.raises(Busy) as busy:
        read(on_disk(tmp_path, document_bytes()), spool_dir=spool)
    assert busy.value.code is Code.DISK_FULL
    assert list(spool.iterdir()) == []


def test_an_unreadable_package_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.edxml")


def test_files_that_are_no_clients_zips_take_no_room_on_disk(tmp_path: Path) -> None:
    shelf = Shelf(in_memory=False, spool_dir=None, scratch_dir=tmp_path)
    for content in (b"%PDF-1.7", b"PK\x03\x04" + bytes(26) + b"word/document.xml", b"PK"):
        keeper, sniffer = shelf.keeper(), Sniffer()
        keeper.write(content)
        sniffer.feed(content)
        assert keeper.finish(sniffer) is None
    keeper, sniffer = shelf.keeper(), Sniffer()
    keeper.write(b"PK\x03\x04 a ZIP")
    sniffer.feed(b"PK\x03\x04 a ZIP")
    kept = keeper.finish(sniffer)
    assert isinstance(kept, Slice)
    assert (kept.start, kept.size_bytes) == (0, 10)
    shelf.close(refused=False)
