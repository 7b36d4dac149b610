"""Packages in and out, as they are: edXML."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Final

import structlog
from aiohttp import hdrs, web
from pydantic import Field

from axis.errors import Code, Malformed
from axis.exchange.handover import checked_chunks
from axis.exchange.values import Accepted, Outcome, PackageContent, Source
from axis.ids import SystemId
from axis.store import queries
from axis.store.queries import PendingItem, PendingKey
from axis.store.spool import Spooled
from axis.terms import Origin, PackageKind, Scope
from axis.web.api import bodies
from axis.web.api.call import Call, Operation, Raw, Reply, read_id
from axis.web.api.models import AcceptedOut, AcknowledgeIn, Model, PendingList, PendingOut
from axis.web.api.once import once
from axis.web.api.paging import After, Limit, page_limit, read_key, write_key
from axis.web.api.uploads import complete_upload

log = structlog.get_logger(__name__)

_RECORDING_S: Final = 2.0  # how long an acknowledgement waits for its hand-over to be recorded
_KIND_OF_SCOPE: Final = {Scope.SEND: PackageKind.DOCUMENT, Scope.STATUS: PackageKind.STATUS}
_URGENCIES: Final = 9


class PendingQuery(Model):
    """What to list."""

    kind: Annotated[PackageKind | None, Field(description="Only packages of this kind.")] = None
    after: After = None
    limit: Limit = 50


class SendQuery(Model):
    """Where the package is."""

    upload: Annotated[str | None, Field(max_length=26, description="An upload of yours, in place of a body.")] = None


async def send(call: Call) -> Reply | web.Response:
    """Take a package in. Streamed; durable when answered."""
    parts, settings = call.parts, call.parts.settings
    parts.exchange.check_intake()
    kinds = frozenset(kind for scope, kind in _KIND_OF_SCOPE.items() if scope in call.caller.scopes)
    source = Source(system_id=SystemId(call.system_id), origin=Origin.LOCAL, kinds=kinds)
    limit_bytes = settings.limits.package_bytes
    if (upload_id := call.asked(SendQuery).upload) is not None:
        if call.request.body_exists:
            raise Malformed(Code.BAD_REQUEST, "a body, or an upload", at="upload")
        digest = sha256(upload_id.encode()).hexdigest()
        return await once(call, digest, partial(_accept_upload, call, source, upload_id))
    async with parts.store.spool(limit_bytes=limit_bytes) as spool:
        try:
            await bodies.receive(
                call.request,
                spool,
                limit_bytes=limit_bytes,
                idle_s=settings.server.idle_timeout_s,
                whole_s=settings.server.request_timeout_s,
            )
            bodies.check_digest(call.request, spool.sha256_hex)
        except Malformed as e:
            await parts.exchange.record_refusal(source, e)
            raise
        spooled = await spool.finish()
        return await once(call, spooled.sha256_hex, partial(_accept, call, source, spooled))


async def _accept_upload(call: Call, source: Source, upload_id: str) -> Reply:
    """Copied, so that nobody who still holds the upload can change what was accepted."""
    row = await complete_upload(call, upload_id)
    store = call.parts.store
    async with store.spool(limit_bytes=call.parts.settings.limits.package_bytes) as spool:
        async for chunk in store.uploads.chunks(upload_id, row.size_bytes):
            await spool.write(chunk)
        bodies.check_digest(call.request, spool.sha256_hex)
        return await _accept(call, source, await spool.finish())


async def _accept(call: Call, source: Source, spooled: Spooled) -> Reply:
    return accepted_reply(await call.parts.exchange.accept(source, spooled))


def accepted_reply(accepted: Accepted) -> Reply:
    """201 for what is new, 200 for the first answer again."""
    status = HTTPStatus.CREATED if accepted.outcome is Outcome.ACCEPTED else HTTPStatus.OK
    return Reply(
        status=status,
        body=AcceptedOut(
            outcome=accepted.outcome,
            kind=accepted.kind,
            package_id=accepted.package_id,
            document_uid=accepted.document_uid,
        ),
    )


async def list_pending(call: Call) -> Reply:
    """What waits for the calling system."""
    asked, now = call.asked(PendingQuery), call.parts.clock.now()
    page = _read_place(asked.after), page_limit(call, asked.limit)
    found = await call.parts.store.read(lambda c: queries.pending_page(c, call.system_id, asked.kind, now, page))
    following = None if found.next is None else write_key(str(found.next.urgency), found.next.consignment_id)
    return Reply(body=PendingList(items=tuple(map(_pending_out, found.items)), next=following))


async def fetch(call: Call) -> web.StreamResponse:
    """Stream a package out; it is handed over when its last byte is written."""
    content = await call.parts.exchange.open_package(call.system_id, read_id(call, "package_id"))
    handing_over = call.parts.handing_over
    recorded = handing_over[call.system_id, content.package_id] = asyncio.Event()
    try:
        return await _write(call, content)
    finally:
        recorded.set()
        if handing_over.get((call.system_id, content.package_id)) is recorded:
            del handing_over[call.system_id, content.package_id]


async def _write(call: Call, content: PackageContent) -> web.StreamResponse:
    async with aclosing(checked_chunks(content)) as pieces:
        response = await _written(call.request, content, pieces)
    try:
        await call.parts.exchange.record_hand_over(call.system_id, content.package_id)
    except Exception:
        log.exception("hand_over_unrecorded", package_id=content.package_id)  # it can be acknowledged all the same
    return response


async def _written(request: web.Request, content: PackageContent, pieces: AsyncGenerator[bytes]) -> web.StreamResponse:
    piece = await anext(pieces, b"")  # what is lost from the store fails here, while there can be an answer
    headers = {
        hdrs.CONTENT_TYPE: Raw.PACKAGE.value,
        bodies.DIGEST_HEADER: bodies.digest_header(content.sha256_hex),
        "X-Axis-Kind": content.kind.value,
    }
    response = web.StreamResponse(headers=headers)
    response.content_length = content.size_bytes
    await response.prepare(request)
    try:
        await response.write(piece)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        log.info("hand_over_broken_off", package_id=content.package_id)
        raise
    except Exception as e:
        log.exception("hand_over_failed", package_id=content.package_id)
        # Half a package is out: the caller must see a broken connection, which aiohttp makes of this.
        raise ConnectionResetError("the stored package could not be read to its end") from e
    return response


async def acknowledge(call: Call) -> Reply | web.Response:
    """The calling system says how it fares with a package."""
    package_id, said = read_id(call, "package_id"), call.given(AcknowledgeIn)
    recorded = call.parts.handing_over.get((call.system_id, package_id))
    if recorded is not None:  # who has the last byte says so at once: the hand-over should be on record before that
        with suppress(TimeoutError):
            async with asyncio.timeout(_RECORDING_S):
                await recorded.wait()

    async def work() -> Reply:
        await call.parts.exchange.acknowledge(call.system_id, package_id, said.state)
        return Reply(status=HTTPStatus.NO_CONTENT)

    return await once(call, sha256(said.state.encode()).hexdigest(), work)


def _read_place(after: str | None) -> PendingKey | None:
    if after is None:
        return None
    urgency, consignment_id = read_key(after, 2)
    if not urgency.isascii() or not urgency.isdigit() or int(urgency) > _URGENCIES:
        raise Malformed(Code.BAD_REQUEST, "not a `next` of ours", at="after")
    return PendingKey(urgency=int(urgency), consignment_id=consignment_id)


def _pending_out(item: PendingItem) -> PendingOut:
    return PendingOut(
        package_id=item.package_id,
        kind=item.kind,
        urgency=item.urgency,
        from_organ=item.from_organ,
        receivers=item.receivers,
        document_id=item.document_id,
        code=item.code,
        subject=item.subject,
        size_bytes=item.size_bytes,
        received_at=item.received_at,
        state=item.state,
    )


OPERATIONS: Final = (
    Operation(
        name="sendPackage",
        method="POST",
        path="/packages",
        handler=send,
        vi="Gửi một gói tin edXML (văn bản cần quyền send, trạng thái cần quyền status). Có thể kèm Content-Digest.",
        en="Hand in an edXML package (documents need send, statuses need status). Content-Digest is checked.",
        scopes=(Scope.SEND, Scope.STATUS),
        query=SendQuery,
        body=Raw.PACKAGE,
        replies={201: AcceptedOut, 200: AcceptedOut},
        idempotent=True,
    ),
    Operation(
        name="listPending",
        method="GET",
        path="/packages/pending",
        handler=list_pending,
        vi="Các gói tin đang chờ hệ thống của bạn lấy, theo độ khẩn và thời gian.",
        en="Packages that wait for your system, by urgency and age.",
        scopes=(Scope.RECEIVE,),
        query=PendingQuery,
        replies={200: PendingList},
    ),
    Operation(
        name="getPackage",
        method="GET",
        path="/packages/{package_id}",
        handler=fetch,
        vi="Tải một gói tin: đúng từng byte như bên gửi đã gửi.",
        en="Download a package: byte for byte what the sender sent.",
        scopes=(Scope.RECEIVE,),
        replies={200: Raw.PACKAGE},
    ),
    Operation(
        name="acknowledgePackage",
        method="POST",
        path="/packages/{package_id}/acknowledge",
        handler=acknowledge,
        vi="Báo đã nhận được gói tin (hoặc chưa nhận được).",
        en="Say how your system fares with a package.",
        scopes=(Scope.RECEIVE,),
        body=AcknowledgeIn,
        replies={204: None},
        idempotent=True,
    ),
)
