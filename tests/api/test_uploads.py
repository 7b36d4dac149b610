"""Resumable uploads (tus 1.0): pieces, broken lines, restarts, bounds; and what is made of them."""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.ops.upkeep import Upkeep
from axis.store.store import Store
from tests.api.city import PACKAGE_BYTES, XD, YTE, Answer, ApiCity, serving, settings
from tests.exchange.harness import a_document, a_file, make_node

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = {**TUS, "Content-Type": "application/offset+octet-stream"}


def checksum(content: bytes) -> str:
    return f"sha256 {base64.b64encode(hashlib.sha256(content).digest()).decode()}"


async def begin(city: ApiCity, size: int, name: str = "tệp.pdf", by: str = YTE, **more: str) -> Answer:
    said = base64.b64encode(name.encode()).decode()
    headers = {**TUS, "Upload-Length": str(size), "Upload-Metadata": f"filename {said}", **more}
    return await city.call("POST", "/uploads", by=by, headers=headers)


async def new_upload(city: ApiCity, size: int, name: str = "tệp.pdf", by: str = YTE) -> str:
    created = await begin(city, size, name, by)
    assert created.status == 201, created.json
    assert created.headers["Tus-Resumable"] == "1.0.0"
    return created.headers["Location"].rpartition("/")[2]


async def put(
    city: ApiCity, upload: str, offset: int, content: bytes, *, by: str = YTE, headers: Mapping[str, str] | None = None
) -> Answer:
    said = {**PIECE, "Upload-Offset": str(offset), **(headers or {})}
    return await city.call("PATCH", f"/uploads/{upload}", by=by, headers=said, data=content)


async def offset_of(city: ApiCity, upload: str) -> int:
    found = await city.call("HEAD", f"/uploads/{upload}", by=YTE, headers=TUS)
    assert found.status == 200
    assert found.headers["Cache-Control"] == "no-store"
    return int(found.headers["Upload-Offset"])


async def whole(city: ApiCity, content: bytes, name: str = "tệp.pdf", by: str = YTE) -> str:
    upload = await new_upload(city, len(content), name, by)
    assert (await put(city, upload, 0, content, by=by)).status == 204
    return upload


async def test_the_node_says_what_it_does_of_tus(city: ApiCity) -> None:
    told = await city.call("OPTIONS", "/uploads")
    assert told.status == 204
    assert told.headers["Tus-Version"] == "1.0.0"
    assert set(told.headers["Tus-Extension"].split(",")) >= {"creation", "termination", "expiration", "checksum"}
    assert told.headers["Tus-Max-Size"] == str(PACKAGE_BYTES)


async def test_a_file_comes_in_pieces_and_becomes_part_of_a_document(city: ApiCity) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 4_000
    upload = await new_upload(city, len(content))
    first = await put(city, upload, 0, content[:500_000], headers={"Upload-Checksum": checksum(content[:500_000])})
    assert (first.status, first.headers["Upload-Offset"]) == (204, "500000")
    document = {
        "sender": {"organ_id": "H24.11"},
        "receivers": [{"organ_id": "H24.15"}],
        "document_id": "H24.11,1",
        "files": [{"upload": upload}],
    }
    early = await city.call("POST", "/documents", by=YTE, json=document)
    assert (early.status, early.json["code"]) == (409, "upload_incomplete")
    assert await offset_of(city, upload) == 500_000
    assert (await put(city, upload, 500_000, content[500_000:])).status == 204
    sent = await city.call("POST", "/documents", by=YTE, json=document)
    assert sent.status == 201, sent.json
    got = await city.call("GET", f"/packages/{sent.json['package_id']}", by=XD)
    (file,) = read(got.body).attachments  # type: ignore[union-attr]
    assert (file.name, file.content) == ("tệp.pdf", content)
    again = await city.call("POST", "/documents", by=YTE, json=document)
    assert (again.status, again.json["outcome"]) == (200, "repeated")
    assert (await city.call("DELETE", f"/uploads/{upload}", by=YTE, headers=TUS)).status == 204
    gone = await city.call("POST", "/documents", by=YTE, json=document)
    assert (gone.status, gone.json["code"]) == (404, "not_found")
    assert await city.node.store.uploads.names() == ()


async def test_a_package_comes_in_pieces(city: ApiCity) -> None:
    raw = to_bytes(a_document("H24.15", files=(a_file(b"%PDF-1.7 " + bytes(200_000)),)))
    upload = await whole(city, raw)
    wrong = {"Content-Digest": "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"}
    refused = await city.call("POST", f"/packages?upload={upload}", by=YTE, headers=wrong)
    assert (refused.status, refused.json["code"]) == (400, "hash_mismatch")
    sent = await city.call("POST", f"/packages?upload={upload}", by=YTE)
    assert sent.status == 201
    assert (await city.call("GET", f"/packages/{sent.json['package_id']}", by=XD)).body == raw
    both = await city.call("POST", f"/packages?upload={upload}", by=YTE, data=raw)
    assert (both.status, both.json["at"]) == (400, "upload")


async def test_what_was_accepted_does_not_change_with_the_upload(city: ApiCity) -> None:
    raw = to_bytes(a_document("H24.15", files=(a_file(b"%PDF-1.7 " + bytes(200_000)),)))
    upload = await whole(city, raw)
    sent = await city.call("POST", f"/packages?upload={upload}", by=YTE)
    await city.node.store.uploads.write(upload, 0, b"X" * 100)
    assert (await city.call("GET", f"/packages/{sent.json['package_id']}", by=XD)).body == raw


async def test_a_broken_line_keeps_what_came(city: ApiCity) -> None:
    content = bytes(range(250)) * 1_000
    upload = await new_upload(city, len(content))
    host, port = city.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = await city.token(YTE)
    head = (
        f"PATCH /api/v1/uploads/{upload} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
        f"Tus-Resumable: 1.0.0\r\nContent-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    writer.write(head.encode() + content[:100_000])
    await writer.drain()
    # The line stays open and silent: whoever asks how far it has come need not wait for it.
    at = 0
    async with asyncio.timeout(20):
        while not at:
            await asyncio.sleep(0.05)
            at = await offset_of(city, upload)
    assert at <= 100_000
    writer.close()
    assert (await put(city, upload, at, content[at:])).status == 204
    assert b"".join([chunk async for chunk in city.node.store.uploads.chunks(upload, len(content))]) == content
    assert await reader.read(0) == b""


async def test_an_upload_survives_a_restart(store: Store, tmp_path: Path) -> None:
    node = await make_node(store, tmp_path)
    async with serving(node) as city:
        upload = await new_upload(city, 10)
        await put(city, upload, 0, b"12345")
    async with serving(node) as city:
        assert await offset_of(city, upload) == 5
        assert (await put(city, upload, 5, b"67890")).status == 204
        assert b"".join([chunk async for chunk in store.uploads.chunks(upload, 10)]) == b"1234567890"


async def test_a_piece_at_a_wrong_place_or_with_a_wrong_digest_does_not_count(city: ApiCity) -> None:
    upload = await new_upload(city, 10)
    assert (await put(city, upload, 0, b"12345")).status == 204
    for offset in (0, 4, 6):
        wrong = await put(city, upload, offset, b"x")
        assert (wrong.status, wrong.json["code"]) == (409, "upload_offset")
    mismatch = await put(city, upload, 5, b"67890", headers={"Upload-Checksum": checksum(b"other")})
    assert (mismatch.status, mismatch.json["code"]) == (460, "hash_mismatch")
    assert await offset_of(city, upload) == 5
    too_much = await put(city, upload, 5, b"678901")
    assert (too_much.status, too_much.json["code"]) == (413, "too_large")
    assert await offset_of(city, upload) == 5
    assert (await put(city, upload, 5, b"67890", headers={"Upload-Checksum": checksum(b"67890")})).status == 204
    assert (await put(city, upload, 10, b"")).status == 204


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Length": "5"}, 412),
        ({**TUS, "Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412),
        (TUS, 400),
        ({**TUS, "Upload-Defer-Length": "1"}, 400),
        ({**TUS, "Upload-Length": "-1"}, 400),
        ({**TUS, "Upload-Length": "٣"}, 400),
        ({**TUS, "Upload-Length": str(PACKAGE_BYTES + 1)}, 413),
        ({**TUS, "Upload-Length": "9" * 40}, 400),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename ***"}, 400),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "a " + "QUFB" * 2_000}, 400),
    ],
)
async def test_what_is_no_upload_is_refused(city: ApiCity, headers: dict[str, str], status: int) -> None:
    refused = await city.call("POST", "/uploads", by=YTE, headers=headers)
    assert refused.status == status
    assert refused.headers["Tus-Resumable"] == "1.0.0"
    assert await city.node.count("upload") == 0


async def test_the_first_piece_may_come_with_the_creation(city: ApiCity) -> None:
    headers = {**PIECE, "Upload-Length": "5"}
    created = await city.call("POST", "/uploads", by=YTE, headers=headers, data=b"123")
    assert (created.status, created.headers["Upload-Offset"]) == (201, "3")


async def test_a_piece_of_another_type_is_refused(city: ApiCity) -> None:
    upload = await new_upload(city, 5)
    refused = await put(city, upload, 0, b"123", headers={"Content-Type": "application/octet-stream"})
    assert refused.status == 415


async def test_another_systems_upload_is_not_there(city: ApiCity) -> None:
    raw = to_bytes(a_document("H24.15"))
    upload = await whole(city, raw)
    for name in (upload, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "..%2F..%2Fnode.key", "x"):
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("HEAD", f"/uploads/{name}", {"headers": TUS}),
            ("PATCH", f"/uploads/{name}", {"headers": {**PIECE, "Upload-Offset": "0"}, "data": b"x"}),
            ("DELETE", f"/uploads/{name}", {"headers": TUS}),
            ("POST", f"/packages?upload={name}", {}),
        ]
        for method, path, more in calls:
            answered = await city.call(method, path, by=XD, **more)
            assert answered.status in (404, 400), (method, name)
    document = {
        "sender": {"organ_id": "H24.15"},
        "receivers": [{"organ_id": "H24.11"}],
        "document_id": "1",
        "files": [{"upload": upload}],
    }
    assert (await city.call("POST", "/documents", by=XD, json=document)).status == 404
    assert await offset_of(city, upload) == len(raw)


async def test_uploads_are_bounded_in_number_and_bytes(store: Store, tmp_path: Path) -> None:
    chosen = settings(uploads=2, upload_bytes=100)
    async with serving(await make_node(store, tmp_path), chosen) as city:
        await new_upload(city, 60)
        full = await begin(city, 41)
        assert (full.status, full.json["code"]) == (422, "uploads_full")
        await new_upload(city, 40)
        assert (await begin(city, 0)).status == 422
        assert (await begin(city, 60, by=XD)).status == 201  # each system has its own


async def test_an_upload_expires_and_is_swept_with_its_bytes(city: ApiCity) -> None:
    upload = await new_upload(city, 10)
    kept = await new_upload(city, 10)
    await put(city, upload, 0, b"12345")
    city.node.clock.advance(hours=23)
    await put(city, kept, 0, b"12345")
    city.node.clock.advance(hours=2)
    late = await put(city, upload, 5, b"67890")
    assert late.status == 404
    await city.node.store.uploads.write("01ARZ3NDEKTSV4RRFFQ69G5FAV", 0, b"of a crash")
    await Upkeep(city.node.store, city.node.clock).work()
    assert await city.node.store.uploads.names() == (kept,)
    assert await offset_of(city, kept) == 5
