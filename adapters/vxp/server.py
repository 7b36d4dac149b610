"""The VXP front: what connected systems call on us.

Who calls is proven before a byte of a body is read. Bodies are streamed into a spool and packages out of the store, so
that memory does not grow with them. One catch point turns every error into an answer of the dialect; nothing here
decides about documents: that is the exchange's.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import structlog
from aiohttp import hdrs, http_exceptions, web

from adapters.vxp import rows
from adapters.vxp.auth import Caller, authenticate
from adapters.vxp.edoc_json import answer_bytes, write_answer
from adapters.vxp.replies import Row, write_fail, write_list, write_ok
from adapters.vxp.wire import (
    CRLF,
    Operation,
    drops_crlf,
    read_acknowledgement,
    read_item_id,
    read_kind,
)
from axis.clock import Clock
from axis.errors import AxisError, Busy, Code, Internal, Malformed, Rejected
from axis.exchange.handover import checked_chunks
from axis.exchange.service import Exchange
from axis.exchange.values import PackageContent, Source
from axis.ops.logs import current_request_id
from axis.store.spool import Spool, Spooled
from axis.terms import Origin, PackageKind

log = structlog.get_logger(__name__)

_JSON: Mapping[str, str] = {hdrs.CONTENT_TYPE: "application/json"}
_BYTES: Mapping[str, str] = {hdrs.CONTENT_TYPE: "application/octet-stream"}
_MAX_JSON_BYTES = 64 << 10  # of the body of registerAgency
_RECORDING_S = 2.0  # how long an acknowledgement waits for its hand-over to be recorded
_LOGGED = 80  # characters of what a caller sent

Answer = Awaitable[web.StreamResponse]


class MakeSpool(Protocol):
    """Where a body goes while it comes in."""

    def __call__(self, *, limit_bytes: int) -> Spool:
        """A fresh spool."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VxpOptions:
    """What an operator can choose of this front."""

    timestamp_window: timedelta
    pending_items: int  # most items in a list
    package_bytes: int  # largest package
    body_idle_s: float = 60.0  # a body that stays silent for so long counts as broken off
    body_s: float = 600.0  # and one that takes so long altogether


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """One call: the request, and who makes it."""

    request: web.Request
    caller: Caller

    @property
    def system_id(self) -> str:
        return self.caller.system_id

    def get(self, name: str) -> str | None:
        return self.caller.call.get(name)

    def need(self, name: str) -> str:
        return self.caller.call.need(name)


class VxpFront:
    """Answers the operations of VXP."""

    def __init__(self, exchange: Exchange, make_spool: MakeSpool, clock: Clock, options: VxpOptions) -> None:
        self._exchange = exchange
        self._make_spool = make_spool
        self._clock = clock
        self._options = options
        self._handing_over: dict[tuple[str, str], asyncio.Event] = {}  # (system, package) → set when it is recorded
        self._operations: Mapping[str, Callable[[_Call], Answer]] = {
            Operation.SEND_EDOC: self._send_edoc,
            Operation.RECEIVED_LIST: self._received_list,
            Operation.SENT_LIST: self._sent_list,
            Operation.GET_EDOC: self._get_edoc,
            Operation.DOWNLOAD_EDOC: self._download_edoc,
            Operation.UPDATE_STATUS: self._update_status,
            Operation.COUNT_EDOC: self._count_documents,
            Operation.COUNT_STATUS: self._count_statuses,
            Operation.AGENCIES: self._agencies,
            Operation.AGENCIES_QD20: self._agencies_qd20,
            Operation.UNITS: self._units,
            Operation.REGISTER_AGENCY: self._register_agency,
            Operation.DELETE_AGENCY: self._delete_agency,
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call. The catch point: whatever goes wrong becomes an answer without a trace of our insides.

        An error must not outlive its clause: its trace holds this frame, so that with it in a variable everything that
        the call had in hand, whole packages included, would lie about until the next full garbage collection.
        """
        try:
            return await self._answer(request)
        except ConnectionError:
            raise  # the caller is gone: nobody is left to be told
        except AxisError as e:
            if isinstance(e, Internal):
                log.exception("call_failed", operation=_operation(request))
            return _refuse(request, e)
        except Exception:
            log.exception("call_failed", operation=_operation(request))
            return _refuse(request, Internal())

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        answer = self._operations.get(request.match_info["operation"])
        if answer is None:
            raise Rejected(Code.UNKNOWN_OPERATION, _operation(request))
        caller = authenticate(
            request.raw_headers,
            self._exchange.directory.current,
            self._clock.now(),
            self._options.timestamp_window,
        )
        structlog.contextvars.bind_contextvars(system_id=caller.system_id)
        if request.method not in _METHODS.get(request.match_info["operation"], _READ_METHODS):
            raise Malformed(Code.BAD_REQUEST, f"method {request.method[:_LOGGED]}")
        return await answer(_Call(request=request, caller=caller))

    # ── Packages in ────────────────────────────────────────────────────────────────────────────────────────────

    async def _send_edoc(self, call: _Call) -> web.StreamResponse:
        self._exchange.check_intake()
        source = Source(system_id=call.caller.system_id, origin=Origin.LOCAL)
        async with self._make_spool(limit_bytes=self._options.package_bytes + len(CRLF)) as spool:
            try:
                declared, hint = call.get("hash-file"), call.get("messagetype")
                await self._receive(call.request, spool)
                spooled = await self._finish(spool, declared)
            except Malformed as e:
                await self._exchange.record_refusal(source, e)
                raise
            accepted = await self._exchange.accept(source, spooled)
        if hint is not None and _read_hint(hint) is not accepted.kind:
            log.warning("messagetype_differs", said=hint[:_LOGGED], kind=accepted.kind, package_id=accepted.package_id)
        return _ok(write_ok(accepted.package_id))

    async def _receive(self, request: web.Request, spool: Spool) -> None:
        """Stream the body into the spool. Raises Malformed (TOO_LARGE, TRUNCATED_UPLOAD, BAD_REQUEST)."""
        declared = request.content_length
        if declared is not None and declared > self._options.package_bytes + len(CRLF):
            raise Malformed(Code.TOO_LARGE, f"more than {self._options.package_bytes} bytes")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            # Unpacked bytes are not the bytes that were hashed, and may be a thousand times as many.
            raise Malformed(Code.BAD_REQUEST, "a body is sent as it is", at=hdrs.CONTENT_ENCODING)
        try:
            async with asyncio.timeout(self._options.body_s):
                while chunk := await self._next_chunk(request):
                    await spool.write(chunk)
        except TimeoutError as e:
            raise Malformed(Code.TRUNCATED_UPLOAD, f"not complete within {self._options.body_s:g} s") from e

    async def _next_chunk(self, request: web.Request) -> bytes:
        """The next bytes of a body, none at its end. Raises Malformed(TRUNCATED_UPLOAD)."""
        try:
            async with asyncio.timeout(self._options.body_idle_s):
                return await request.content.readany()
        except (ConnectionError, TimeoutError, web.RequestPayloadError, http_exceptions.HttpProcessingError) as e:
            raise Malformed(Code.TRUNCATED_UPLOAD) from e

    async def _finish(self, spool: Spool, declared: str | None) -> Spooled:
        """The package is the file: decide about the CRLF at the body's end. Raises Malformed."""
        if spool.size_bytes == 0:
            raise Malformed(Code.EMPTY_BODY)
        drop = drops_crlf(declared, body_hex=spool.sha256_hex, without_crlf_hex=spool.sha256_hex_without_crlf)
        size_bytes = spool.size_bytes - len(CRLF) * drop
        if size_bytes > self._options.package_bytes:
            raise Malformed(Code.TOO_LARGE, f"more than {self._options.package_bytes} bytes")
        return await spool.finish(drop_crlf=drop)

    # ── Packages out ───────────────────────────────────────────────────────────────────────────────────────────

    async def _received_list(self, call: _Call) -> web.StreamResponse:
        word = call.get("messagetype")
        kind = None if word is None else read_kind(word)
        items = await self._exchange.pending(call.system_id, self._options.pending_items, kind)
        return await _list(rows.received_row(item, call.system_id) for item in items)

    async def _get_edoc(self, call: _Call) -> web.StreamResponse:
        content, doc_id = await self._open(call), call.need("docId")
        pieces = write_answer(doc_id, checked_chunks(content))
        return await self._hand_over(call, content, _Stream(answer_bytes(doc_id, content.size_bytes), pieces, _JSON))

    async def _download_edoc(self, call: _Call) -> web.StreamResponse:
        content = await self._open(call)
        return await self._hand_over(call, content, _Stream(content.size_bytes, checked_chunks(content), _BYTES))

    async def _open(self, call: _Call) -> PackageContent:
        return await self._exchange.open_package(call.system_id, read_item_id(call.need("docId"), call.system_id))

    async def _hand_over(self, call: _Call, content: PackageContent, stream: "_Stream") -> web.StreamResponse:
        """Write a package to the caller, and record that only when its last byte is out."""
        recorded = self._handing_over[call.system_id, content.package_id] = asyncio.Event()
        try:
            return await self._write(call, content, stream)
        finally:
            recorded.set()
            if self._handing_over.get((call.system_id, content.package_id)) is recorded:
                del self._handing_over[call.system_id, content.package_id]

    async def _write(self, call: _Call, content: PackageContent, stream: "_Stream") -> web.StreamResponse:
        async with aclosing(stream.pieces) as pieces:
            piece = await anext(pieces, b"")  # what is lost from the store fails here, while there can be an answer
            response = web.StreamResponse(headers=stream.headers)
            response.content_length = stream.size_bytes
            await response.prepare(call.request)
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
        try:
            await self._exchange.record_hand_over(call.system_id, content.package_id)
        except Exception:
            # The caller has the package, and can acknowledge it all the same.
            log.exception("hand_over_unrecorded", package_id=content.package_id)
        return response

    async def _update_status(self, call: _Call) -> web.StreamResponse:
        doc_id, word = call.need("docId"), read_acknowledgement(call.need("status"))
        package_id = read_item_id(doc_id, call.system_id)
        await self._let_record(call.system_id, package_id)
        await self._exchange.acknowledge(call.system_id, package_id, word)
        return _ok(write_ok(doc_id))

    async def _let_record(self, system_id: str, package_id: str) -> None:
        """A client that has the last byte acknowledges at once: the hand-over should be on record before that."""
        recorded = self._handing_over.get((system_id, package_id))
        if recorded is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RECORDING_S):
                    await recorded.wait()

    async def _count_documents(self, call: _Call) -> web.StreamResponse:
        return await self._count(call, PackageKind.DOCUMENT)

    async def _count_statuses(self, call: _Call) -> web.StreamResponse:
        return await self._count(call, PackageKind.STATUS)

    async def _count(self, call: _Call, kind: PackageKind) -> web.StreamResponse:
        return _ok(write_ok(count=await self._exchange.count_pending(call.system_id, kind)))

    async def _sent_list(self, call: _Call) -> web.StreamResponse:
        package_id = call.need("docId")
        sent = await self._exchange.sent(call.system_id, package_id)
        directory = self._exchange.directory.current
        return await _list(rows.sent_row(row, directory) for row in sent)

    # ── Organisations ──────────────────────────────────────────────────────────────────────────────────────────

    async def _agencies(self, _: _Call) -> web.StreamResponse:
        return await _list(rows.agency_rows(self._exchange.directory.current))

    async def _agencies_qd20(self, call: _Call) -> web.StreamResponse:
        level = rows.read_level(call.get("level"))
        return await _list(rows.agency_qd20_rows(self._exchange.directory.current, level))

    async def _units(self, call: _Call) -> web.StreamResponse:
        since = rows.read_since(call.get("unitVersion"))
        return await _list(rows.unit_rows(self._exchange.directory.current, since))

    async def _register_agency(self, call: _Call) -> web.StreamResponse:
        row = rows.read_registration(await self._receive_json(call.request))
        await self._exchange.register_organ(call.system_id, row)
        return _ok(write_ok())

    async def _delete_agency(self, call: _Call) -> web.StreamResponse:
        await self._exchange.close_organ(call.system_id, call.need("AgencyCode"))
        return _ok(write_ok())

    async def _receive_json(self, request: web.Request) -> object:
        raw = bytearray()
        while chunk := await self._next_chunk(request):
            raw += chunk
            if len(raw) > _MAX_JSON_BYTES:
                raise Malformed(Code.TOO_LARGE, f"more than {_MAX_JSON_BYTES} bytes of JSON")
        if not raw:
            raise Malformed(Code.EMPTY_BODY)
        try:
            return json.loads(raw)
        except (ValueError, RecursionError) as e:
            raise Malformed(Code.BAD_REQUEST, "the body is not JSON") from e


def routes_of(front: VxpFront) -> list[web.RouteDef]:
    """The front's addresses. Any method comes in, so that a refusal is in the dialect."""
    return [web.route("*", "/vxp/{operation}", front.handle)]


_READ_METHODS = frozenset({hdrs.METH_GET, hdrs.METH_POST})  # Peer: clients differ in which one reads
_WRITE_METHODS = frozenset({hdrs.METH_POST})
_METHODS: Mapping[str, frozenset[str]] = {
    Operation.SEND_EDOC: _WRITE_METHODS,
    Operation.UPDATE_STATUS: _WRITE_METHODS,
    Operation.REGISTER_AGENCY: _WRITE_METHODS,
    Operation.DELETE_AGENCY: _WRITE_METHODS,
}


@dataclass(frozen=True, slots=True)
class _Stream:
    """A package in the form in which it goes out."""

    size_bytes: int
    pieces: AsyncGenerator[bytes]
    headers: Mapping[str, str]


def _read_hint(word: str) -> PackageKind | None:
    """The kind that sendEdoc's messagetype names, if it names one."""
    try:
        return read_kind(word)
    except Malformed:
        return None


def _operation(request: web.Request) -> str:
    return request.match_info["operation"][:_LOGGED]


def _ok(body: bytes) -> web.Response:
    return web.Response(body=body, headers=_JSON)


async def _list(listed: Iterable[Row]) -> web.Response:
    """A list; others run between its pieces."""
    body = bytearray()
    for piece in write_list(listed):
        body += piece
        await asyncio.sleep(0)
    return _ok(bytes(body))


def _refuse(request: web.Request, error: AxisError) -> web.Response:
    operation, detail = _operation(request), error.detail[:_LOGGED]
    log.warning("call_refused", operation=operation, code=error.code, at=error.at, detail=detail)
    body = write_fail(error, current_request_id() or "-")
    if isinstance(error, Busy):
        return web.Response(status=503, body=body, headers={**_JSON, hdrs.RETRY_AFTER: str(error.retry_after_s)})
    return web.Response(status=404 if error.code is Code.UNKNOWN_OPERATION else 200, body=body, headers=_JSON)
