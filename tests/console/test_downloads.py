"""Downloads of packages and their files."""

import asyncio
import hashlib
import re
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote

import pytest

from axis.edxml.writer import to_bytes
from axis.ops import unpacking
from axis.ops.handing_out import disposition
from axis.store.records import Document
from axis.terms import TransportState
from axis.web.console import downloads
from axis.web.console.downloads import SAFE_TYPES
from tests.console.archive import Archive, To, file
from tests.console.conftest import Client
from tests.packages import attachment, document, document_bytes

PDF = b"%PDF-1.7\n" + b"noi dung " * 50
HTML_PAGE = b"<!doctype html><script>alert(1)</script>"


def zipped(entries: dict[str, bytes]) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return packed.getvalue()


Cleaned = Callable[[int], Awaitable[None]]


@pytest.fixture
def cleaned(monkeypatch: pytest.MonkeyPatch) -> Cleaned:
    """Waits until so many downloads have removed their folders: they do it after the answer's last byte."""
    removed: asyncio.Queue[str] = asyncio.Queue()

    class Watched(TemporaryDirectory[str]):
        def __init__(self, **more: Any) -> None:
            super().__init__(**more)
            self.loop = asyncio.get_running_loop()

        def cleanup(self) -> None:
            super().cleanup()
            self.loop.call_soon_threadsafe(removed.put_nowait, self.name)

    monkeypatch.setattr(unpacking, "TemporaryDirectory", Watched)

    async def wait(times: int) -> None:
        async with asyncio.timeout(30):
            for _ in range(times):
                await removed.get()

    return wait


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def package_path(stored: Document) -> str:
    return f"/documents/{stored.document_uid}/packages/{stored.package_id}"


async def test_a_package_comes_out_as_it_went_in(operator: Client, archive: Archive) -> None:
    content = b"\n \r\n" + document_bytes(files={"a.pdf": PDF}) + b"\r\n\r\n"
    stored = await archive.real(content)
    answer = await operator.get(package_path(stored))
    assert await answer.read() == content
    assert answer.headers["Content-Length"] == str(len(content))
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert f'attachment; filename="{stored.package_id}.edxml"' in answer.headers["Content-Disposition"]
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("size", [100, 300_000])  # in the database, and as a file
async def test_each_file_comes_out_decoded(
    operator: Client, archive: Archive, scratch: Path, cleaned: Cleaned, size: int
) -> None:
    files = {"Công văn 77.pdf": PDF, "phụ lục.bin": bytes(range(256)) * (size // 256 + 1), "trống.txt": b""}
    stored = await archive.real(document_bytes(files=files))
    for position, (name, content) in enumerate(files.items()):
        answer = await operator.get(f"{package_path(stored)}/files/{position}")
        assert answer.status == 200, await answer.text()
        assert await answer.read() == content
        assert answer.headers["Content-Length"] == str(len(content))
        encoded = re.search(r"filename\*=UTF-8''(\S+)", answer.headers["Content-Disposition"])
        assert encoded
        assert unquote(encoded[1]) == name
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    await cleaned(len(files))
    assert left_in(scratch) == []


@pytest.mark.parametrize(
    ("entries", "name", "media_type"),
    [
        ({"x7f3.pdf": PDF}, "Cong van.pdf", "application/pdf"),
        ({"x7f3.html": HTML_PAGE}, "Cong van.pdf", "application/octet-stream"),
        ({"1": PDF, "2": PDF}, "Cong van.pdf.zip", "application/zip"),
    ],
)
async def test_a_file_that_the_senders_software_packed_comes_out_unpacked(
    operator: Client, archive: Archive, entries: dict[str, bytes], name: str, media_type: str
) -> None:
    packed = zipped(entries)
    package = document(files={})
    attached = attachment("Công văn.pdf", packed, content_type="application/zip")
    stored = await archive.real(to_bytes(replace(package, attachments=(attached,))))
    answer = await operator.get(f"{package_path(stored)}/files/0")
    assert await answer.read() == (packed if len(entries) > 1 else next(iter(entries.values())))
    assert answer.headers["Content-Type"] == media_type
    assert f'filename="{name}"' in answer.headers["Content-Disposition"]
    page = await (await operator.get(f"/documents/{stored.document_uid}")).text()
    assert hashlib.sha256(packed).hexdigest() in page
    assert "đã nén khi gửi" in page


@pytest.mark.parametrize(
    ("name", "content", "sent_as"),
    [
        ("a.pdf", PDF, "application/pdf"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 20, "image/png"),
        ("a.zip", zipped({"x": b"y"}), "application/zip"),
        ("trang.html", HTML_PAGE, "application/octet-stream"),
        ("a.pdf", HTML_PAGE, "application/octet-stream"),
        ("a.svg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "application/octet-stream"),
        ("a.txt", "văn bản".encode(), "application/octet-stream"),
    ],
)
async def test_a_browser_is_never_given_a_page_to_run(
    operator: Client, archive: Archive, name: str, content: bytes, sent_as: str
) -> None:
    stored = await archive.real(document_bytes(files={name: content}))
    answer = await operator.get(f"{package_path(stored)}/files/0")
    assert answer.headers["Content-Type"] == sent_as
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_no_safe_type_is_one_that_browsers_run() -> None:
    assert not any("html" in one or "svg" in one or "script" in one or one.endswith("/xml") for one in SAFE_TYPES)


@pytest.mark.parametrize(
    ("name", "ascii_name", "full_name"),
    [
        ("Công văn số 77.pdf", "Cong van so 77.pdf", "Công văn số 77.pdf"),
        ("Đề án.docx", "De an.docx", "Đề án.docx"),
        ("../../etc/passwd", "_.._etc_passwd", "_.._etc_passwd"),
        ("..\\..\\boot.ini", "_.._boot.ini", "_.._boot.ini"),
        ('a"; filename="evil.exe', "a_; filename=_evil.exe", "a_; filename=_evil.exe"),
        ("a\r\nSet-Cookie: x=1", "a_Set-Cookie_ x1", "a_Set-Cookie_ x=1"),
        ("cong-van-\u202efdp.exe", "cong-van-_fdp.exe", "cong-van-_fdp.exe"),
        ("", "tep-dinh-kem", "tep-dinh-kem"),
        ("...", "tep-dinh-kem", "tep-dinh-kem"),
        ("文件.pdf", "pdf", "文件.pdf"),
        ("x" * 400 + ".pdf", "x" * 146 + ".pdf", "x" * 146 + ".pdf"),
        ("\ud800.pdf", "_.pdf", "_.pdf"),
    ],
)
def test_a_name_goes_out_in_a_form_that_headers_and_disks_can_bear(name: str, ascii_name: str, full_name: str) -> None:
    given = disposition(name)
    found = re.fullmatch(r"attachment; filename=\"([^\"]*)\"; filename\*=UTF-8''([A-Za-z0-9.%_~-]+)", given)
    assert found, given
    assert given.isascii()
    assert "\n" not in given
    assert unquote(found[2]) == full_name
    assert found[1].replace("; filename=", "; filename=") == ascii_name.replace("=", "").replace(";", "")


async def test_a_file_or_package_of_another_document_is_not_there(operator: Client, archive: Archive) -> None:
    mine = await archive.real(document_bytes(files={"a.pdf": PDF}))
    other = await archive.real(document_bytes(files={"b.pdf": PDF + b"2"}, subject="khác"))
    base = f"/documents/{mine.document_uid}/packages"
    for path in (
        f"{base}/{other.package_id}",
        f"{base}/{other.package_id}/files/0",
        f"{base}/{mine.package_id}/files/1",
        f"{base}/{mine.package_id}/files/99999",
        f"{base}/{mine.package_id}/files/-1",
        f"{base}/01ARZ3NDEKTSV4RRFFQ69G5FAV",
    ):
        answer = await operator.get(path)
        assert answer.status == 404, path


async def test_a_status_package_is_not_offered(operator: Client, archive: Archive) -> None:
    stored = await archive.document([To("H24.2", TransportState.ACKNOWLEDGED, statuses=("01",))])
    delivery = await archive.delivery_of(stored, "H24.2")
    package_id = await archive.status_package_of(delivery.delivery_id)
    answer = await operator.get(f"/documents/{stored.document_uid}/packages/{package_id}")
    assert answer.status == 404


async def test_the_package_of_an_act_is_offered_by_the_document_it_is_about(operator: Client, archive: Archive) -> None:
    stored = await archive.document([To("H24.2")])
    await archive.act(stored, "recall", {"H24.2": None})
    page = await (await operator.get(f"/documents/{stored.document_uid}")).text()
    for href in re.findall(r'href="(/documents/[^"]+/packages/\w+)"', page):
        assert (await operator.get(href)).status == 200


async def test_a_stored_package_that_gives_another_file_is_an_error_and_no_download(
    operator: Client, archive: Archive, scratch: Path, cleaned: Cleaned
) -> None:
    stored = await archive.real(document_bytes(files={"a.pdf": PDF}), files=[file("a.pdf"), file("b.pdf")])
    for position in (0, 1):
        answer = await operator.get(f"{package_path(stored)}/files/{position}")
        assert answer.status == 500
        assert PDF not in await answer.read()
    await cleaned(2)
    assert left_in(scratch) == []


async def test_a_head_request_tells_the_size_only(operator: Client, archive: Archive) -> None:
    stored = await archive.real(document_bytes(files={"a.pdf": PDF}))
    answer = await operator.head(f"{package_path(stored)}/files/0")
    assert answer.headers["Content-Length"] == str(len(PDF))
    assert await answer.read() == b""


async def test_a_caller_who_hangs_up_leaves_no_file_behind(
    operator: Client, archive: Archive, scratch: Path, cleaned: Cleaned, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await archive.real(document_bytes(files={"a.bin": b"\x00" * 5_000_000}))
    begun, gate, done = asyncio.Event(), asyncio.Event(), asyncio.Event()
    real = downloads.file_pieces

    async def held(content: Path):  # noqa: ANN202
        try:
            async for chunk in real(content):
                begun.set()
                yield chunk
                await gate.wait()
        finally:
            done.set()

    monkeypatch.setattr(downloads, "file_pieces", held)
    answer = await operator.get(f"{package_path(stored)}/files/0")
    await begun.wait()
    assert len(left_in(scratch)) == 1
    answer.close()
    gate.set()
    await done.wait()
    await cleaned(1)
    assert left_in(scratch) == []


async def test_only_a_few_packages_are_taken_apart_at_a_time(
    operator: Client, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = await archive.real(document_bytes(files={"a.pdf": PDF}))
    inside, most, gate = 0, 0, asyncio.Event()
    real = unpacking.Unpacking._unpack

    async def counted(*args: object):  # noqa: ANN202
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await gate.wait()
        inside -= 1
        return await real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(unpacking.Unpacking, "_unpack", counted)
    asking = [asyncio.create_task(operator.get(f"{package_path(stored)}/files/0")) for _ in range(20)]
    for _, refused in zip(range(4), asyncio.as_completed(asking), strict=False):
        assert (await refused).status == 503
    gate.set()
    statuses = [(await task).status for task in asking]
    assert statuses.count(200) == 16
    assert statuses.count(503) == 4
    assert most == 2
