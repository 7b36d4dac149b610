"""Uploads that can be resumed, by the tus protocol 1.0: large files come in pieces, over bad lines and restarts.

Extensions: creation, creation-with-upload, termination, expiration, checksum (sha256). A document (`POST /documents`)
or a package (`POST /packages?upload=…`) then names its uploads. Offsets stand in the database, bytes in files; what an
offset says is durable. An upload is its system's only.

Form: https://tus.io/protocols/resumable-upload, version 1.0.0.
"""

import asyncio
import base64
import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final

from aiohttp import hdrs, web

from axis.errors import Code, Malformed, WrongState
from axis.ids import new_id
from axis.store import uploads as stored
from axis.store.records import Upload
from axis.terms import Scope
from axis.web.api.bodies import BROKEN_OFF, check_encoding
from axis.web.api.call import PREFIX, Call, Operation, Reply, read_id
from axis.web.api.problems import answer

VERSION: Final = "1.0.0"
_RESUMABLE: Final = "Tus-Resumable"
_OFFSET: Final = "Upload-Offset"
_LENGTH: Final = "Upload-Length"
_METADATA: Final = "Upload-Metadata"
_CHECKSUM: Final = "Upload-Checksum"
_EXPIRES: Final = "Upload-Expires"
_PIECE_TYPE: Final = "application/offset+octet-stream"
_CHECKSUM_MISMATCH: Final = 460  # tus has a status of its own
_COMMIT_BYTES: Final = 4 << 20  # in memory at most; then they are written, and counted
_METADATA_CHARACTERS: Final = 4_000
_MOST_DIGITS: Final = 15
_EXTENSIONS: Final = "creation,creation-with-upload,termination,expiration,checksum"


async def describe(call: Call) -> Reply:
    """What this node does of tus."""
    headers = {
        "Tus-Version": VERSION,
        "Tus-Extension": _EXTENSIONS,
        "Tus-Max-Size": str(call.parts.settings.limits.package_bytes),
        "Tus-Checksum-Algorithm": "sha256",
    }
    return Reply(status=HTTPStatus.NO_CONTENT, headers=headers)


async def create(call: Call) -> Reply | web.Response:
    """Begin an upload, with its first bytes when they come along."""
    if (refused := _refuse_version(call)) is not None:
        return refused
    call.parts.exchange.check_intake()
    rules, now = call.parts.settings.api, call.parts.clock.now()
    if "Upload-Defer-Length" in call.request.headers:
        raise Malformed(Code.BAD_REQUEST, "the length must be known", at="Upload-Defer-Length")
    size_bytes = _number(call, _LENGTH)
    limit_bytes = call.parts.settings.limits.package_bytes
    if size_bytes > limit_bytes:
        raise Malformed(Code.TOO_LARGE, f"more than {limit_bytes} bytes", at=_LENGTH)
    said = call.request.headers.get(_METADATA, "")
    row = Upload(
        upload_id=new_id(now),
        system_id=call.system_id,
        metadata=said,
        name=_read_metadata(said).get("filename", "")[:1_000],
        size_bytes=size_bytes,
        offset_bytes=0,
        created_at=now,
        expires_at=_expiry(call, now),
    )
    await call.parts.store.write(lambda c: stored.add_upload(c, row, rules.uploads, rules.upload_bytes))
    headers = {hdrs.LOCATION: f"{PREFIX}/uploads/{row.upload_id}", _EXPIRES: _http_date(row.expires_at)}
    if call.request.content_type == _PIECE_TYPE:
        async with call.parts.writing.turn(row.upload_id) as wanted:
            row = await _receive(call, row, wanted)
        headers[_OFFSET] = str(row.offset_bytes)
    return Reply(status=HTTPStatus.CREATED, headers=headers)


async def show(call: Call) -> Reply | web.Response:
    """How far an upload has come. Ends a piece that is still coming in: its line may have broken."""
    if (refused := _refuse_version(call)) is not None:
        return refused
    upload_id = read_id(call, "upload_id")
    async with call.parts.writing.turn(upload_id):
        row = await _find(call, upload_id)
    headers = {
        _OFFSET: str(row.offset_bytes),
        _LENGTH: str(row.size_bytes),
        _EXPIRES: _http_date(row.expires_at),
        hdrs.CACHE_CONTROL: "no-store",
    }
    if row.metadata:
        headers[_METADATA] = row.metadata
    return Reply(status=HTTPStatus.OK, headers=headers)


async def add(call: Call) -> Reply | web.Response:
    """The next piece of an upload."""
    if (refused := _refuse_version(call)) is not None:
        return refused
    if call.request.content_type != _PIECE_TYPE:
        wrong = Malformed(Code.BAD_REQUEST, f"must be {_PIECE_TYPE}", at=hdrs.CONTENT_TYPE)
        return answer(call.request, wrong, status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    call.parts.exchange.check_intake()
    upload_id, offset_bytes = read_id(call, "upload_id"), _number(call, _OFFSET)
    async with call.parts.writing.turn(upload_id) as wanted:
        row = await _find(call, upload_id)
        if row.offset_bytes != offset_bytes:
            raise WrongState(Code.UPLOAD_OFFSET, f"it stands at {row.offset_bytes}", at=_OFFSET)
        try:
            row = await _receive(call, row, wanted)
        except Malformed as e:
            if e.code is not Code.HASH_MISMATCH:
                raise
            return answer(call.request, e, status=_CHECKSUM_MISMATCH)
    headers = {_OFFSET: str(row.offset_bytes), _EXPIRES: _http_date(row.expires_at)}
    return Reply(status=HTTPStatus.NO_CONTENT, headers=headers)


async def end(call: Call) -> Reply | web.Response:
    """Give an upload up, or away when it has been used."""
    if (refused := _refuse_version(call)) is not None:
        return refused
    upload_id = read_id(call, "upload_id")
    async with call.parts.writing.turn(upload_id):
        await _find(call, upload_id)
        await call.parts.store.write(lambda c: stored.drop_upload(c, call.system_id, upload_id))
        await call.parts.store.uploads.remove(upload_id)
    return Reply(status=HTTPStatus.NO_CONTENT)


async def complete_upload(call: Call, upload_id: str) -> Upload:
    """An upload of the calling system that is there whole. Raises NotFound, WrongState(UPLOAD_INCOMPLETE)."""
    call.parts.store.uploads.path(upload_id)  # refuses what cannot be an id
    row = await _find(call, upload_id)
    if row.offset_bytes != row.size_bytes:
        raise WrongState(Code.UPLOAD_INCOMPLETE, f"{row.offset_bytes} of {row.size_bytes} bytes", at=upload_id)
    return row


async def _find(call: Call, upload_id: str) -> Upload:
    now = call.parts.clock.now()
    return await call.parts.store.read(lambda c: stored.find_upload(c, call.system_id, upload_id, now))


async def _receive(call: Call, row: Upload, wanted: asyncio.Event) -> Upload:
    """Take in what comes, and count what is durable; what came before the line broke counts, too.

    With a checksum all of the piece counts, or nothing. Raises Malformed(TRUNCATED_UPLOAD, TOO_LARGE, HASH_MISMATCH).
    """
    check_encoding(call.request)
    expected = _read_checksum(call.request.headers.get(_CHECKSUM))
    digest, waiting, at = hashlib.sha256(), bytearray(), row.offset_bytes
    broken: Exception | None = None
    while True:
        try:
            chunk = await _next_piece(call, wanted)
        except BROKEN_OFF as e:
            chunk, broken = b"", e
        digest.update(chunk)
        waiting += chunk
        if at + len(waiting) > row.size_bytes:
            raise Malformed(Code.TOO_LARGE, f"more than the {row.size_bytes} bytes that were announced")
        if len(waiting) >= _COMMIT_BYTES or (not chunk and waiting):
            await call.parts.store.uploads.write(row.upload_id, at, bytes(waiting))
            at += len(waiting)
            waiting.clear()
            if expected is None:
                row = await _count(call, row, at)
        if not chunk:
            break
    if broken is not None:
        raise Malformed(Code.TRUNCATED_UPLOAD, "go on from the offset that HEAD tells") from broken
    if expected is not None:
        if digest.digest() != expected:
            raise Malformed(Code.HASH_MISMATCH, at=_CHECKSUM)
        row = await _count(call, row, at)
    return row


async def _next_piece(call: Call, wanted: asyncio.Event) -> bytes:
    """The next bytes; ConnectionResetError when somebody else wants to go on with the upload."""
    reading = asyncio.ensure_future(call.request.content.readany())
    waiting = asyncio.ensure_future(wanted.wait())
    try:
        async with asyncio.timeout(call.parts.settings.server.idle_timeout_s):
            await asyncio.wait({reading, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done():
            return reading.result()
        raise ConnectionResetError("another request goes on with this upload")
    finally:
        waiting.cancel()
        reading.cancel()


async def _count(call: Call, row: Upload, offset_bytes: int) -> Upload:
    expires_at = _expiry(call, call.parts.clock.now())
    if not await call.parts.store.write(lambda c: stored.move_offset(c, row, offset_bytes, expires_at)):
        raise WrongState(Code.UPLOAD_OFFSET, "another request went on with it", at=_OFFSET)
    return await _find(call, row.upload_id)


def _expiry(call: Call, now: datetime) -> datetime:
    return now + timedelta(hours=call.parts.settings.api.upload_hours)


def _refuse_version(call: Call) -> web.Response | None:
    if call.request.headers.get(_RESUMABLE) == VERSION:
        return None
    refused = answer(
        call.request,
        Malformed(Code.BAD_REQUEST, f"must be {VERSION}", at=_RESUMABLE),
        status=HTTPStatus.PRECONDITION_FAILED,
    )
    refused.headers["Tus-Version"] = VERSION
    return refused


def _number(call: Call, name: str) -> int:
    text = call.request.headers.get(name, "")
    if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
        raise Malformed(Code.BAD_REQUEST, "a number of bytes", at=name)
    return int(text)


def _read_metadata(text: str) -> dict[str, str]:
    """Keys and values. Raises Malformed(BAD_REQUEST)."""
    found: dict[str, str] = {}
    if len(text) > _METADATA_CHARACTERS:
        raise Malformed(Code.BAD_REQUEST, f"more than {_METADATA_CHARACTERS} characters", at=_METADATA)
    for pair in filter(None, (one.strip() for one in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode().replace("\0", "")
        except (binascii.Error, ValueError) as e:
            raise Malformed(Code.BAD_REQUEST, "values are UTF-8 in base64", at=_METADATA) from e
    return found


def _read_checksum(text: str | None) -> bytes | None:
    if text is None:
        return None
    algorithm, _, value = text.partition(" ")
    try:
        digest = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if algorithm.lower() != "sha256" or len(digest) != hashlib.sha256().digest_size:
        raise Malformed(Code.BAD_REQUEST, "sha256 and its base64", at=_CHECKSUM)
    return digest


def _http_date(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


_HEADERS: Final = {_RESUMABLE: VERSION}
_SAID: Final = {_RESUMABLE: f"The protocol's version: {VERSION}."}
_PIECE: Final = {
    _CHECKSUM: "sha256 and the base64 of the piece's digest: it counts whole, or not at all.",
}

OPERATIONS: Final = (
    Operation(
        name="describeUploads",
        method="OPTIONS",
        path="/uploads",
        handler=describe,
        vi="Trục hỗ trợ những gì của giao thức tus.",
        en="What the node supports of the tus protocol.",
        headers=_HEADERS,
        replies={204: None},
    ),
    Operation(
        name="createUpload",
        method="POST",
        path="/uploads",
        handler=create,
        vi="Bắt đầu tải lên một tệp lớn, có thể nối tiếp khi đứt đường truyền (tus 1.0).",
        en="Begin the upload of a large file, which can be resumed (tus 1.0).",
        scopes=(Scope.SEND,),
        takes={
            **_SAID,
            _LENGTH: "Size of the whole file in bytes.",
            _METADATA: "Keys and base64 values; filename is the file's name.",
            **_PIECE,
        },
        headers=_HEADERS,
        replies={201: None},
    ),
    Operation(
        name="getUpload",
        method="HEAD",
        path="/uploads/{upload_id}",
        handler=show,
        vi="Một tệp đang tải lên đã đến đâu (Upload-Offset).",
        en="How far an upload has come (Upload-Offset).",
        scopes=(Scope.SEND,),
        takes=_SAID,
        headers=_HEADERS,
        replies={200: None},
    ),
    Operation(
        name="continueUpload",
        method="PATCH",
        path="/uploads/{upload_id}",
        handler=add,
        vi="Tải lên phần tiếp theo (application/offset+octet-stream).",
        en="The next piece of an upload (application/offset+octet-stream).",
        scopes=(Scope.SEND,),
        takes={**_SAID, _OFFSET: "Where the piece begins: as HEAD told.", **_PIECE},
        headers=_HEADERS,
        replies={204: None},
    ),
    Operation(
        name="deleteUpload",
        method="DELETE",
        path="/uploads/{upload_id}",
        handler=end,
        vi="Bỏ một tệp đã hoặc đang tải lên.",
        en="Give an upload up.",
        scopes=(Scope.SEND,),
        takes=_SAID,
        headers=_HEADERS,
        replies={204: None},
    ),
)
