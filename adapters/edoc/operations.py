"""What the eight operations do: each reads its request, asks the exchange, and writes the answer.

Nothing here decides about documents. The package of record is the edXML that is composed of the request; the request
is kept beside it without its token. Traces can be read again: what a caller has read before the moment that it names,
it has.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog
from aiohttp import hdrs, web

from adapters.edoc.multipart import Multipart, make_multipart, with_safe_ids
from adapters.edoc.opened import Converted, Opened, compose_document, compose_status
from adapters.edoc.originals import CONVERTER, blanked
from adapters.edoc.replies import document_ids, organization, write_reply
from adapters.edoc.soap import text_of
from adapters.edoc.wire import Operation, text_element, write_envelope
from axis.clock import Clock
from axis.edxml.dates import read_timestamp
from axis.edxml.model import DocumentPackage, Limits, StatusPackage
from axis.edxml.reader import read
from axis.edxml.skeleton import Node
from axis.edxml.v1 import FORM, write_document, write_manifest, write_status
from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotFound
from axis.exchange.originals import Received
from axis.exchange.receipts import ReceiptWish
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, PackageContent, Source
from axis.ids import SystemId
from axis.store.spool import Spool, Spooled
from axis.terms import Origin, PackageKind

log = structlog.get_logger(__name__)

_INLINE_BYTES = 64 << 10  # what is larger is converted in a thread
_RECORDING_S = 2.0  # how long a confirmation waits for its hand-over to be recorded
_REREAD = timedelta(hours=24)  # a trace that was read longer ago is taken as had by whoever reads on
_TRACES = "traces"  # in the place of a package's id
_ROWS_AT_ONCE = 50
_MAX_ID = 512
_ID_CHARACTERS = 26  # of our own ids

Answer = Awaitable[web.StreamResponse]


class MakeSpool(Protocol):
    """Where bytes go while they pass."""

    def __call__(self, *, limit_bytes: int) -> Spool:
        """A fresh spool."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call: what came, and who makes it."""

    request: web.Request
    operation: Operation
    system_id: SystemId
    token: str
    opened: Opened
    folder: Path  # for its files

    @property
    def body(self) -> Node | None:
        """What is asked."""
        return self.opened.envelope.body[0] if self.opened.envelope.body else None

    @property
    def source(self) -> Source:
        """Who hands in what it carries."""
        return Source(system_id=self.system_id, origin=Origin.LOCAL)

    def ok(self, payload: str = "") -> web.Response:
        """An answer that says yes."""
        return self.response(write_reply(self.opened.envelope.version, self.operation, payload))

    def response(self, body: bytes) -> web.Response:
        """An answer of one envelope."""
        media_type = self.opened.envelope.version.media_type
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: f"{media_type}; charset=utf-8"})


class Operations:
    """Answers calls whose caller is proven."""

    def __init__(
        self, exchange: Exchange, make_spool: MakeSpool, clock: Clock, limits: Limits, pending_items: int
    ) -> None:
        self._exchange = exchange
        self._make_spool = make_spool
        self._clock = clock
        self._limits = limits
        self._pending_items = pending_items
        self._handing_over: dict[tuple[str, str], asyncio.Event] = {}  # (system, package) → set when it is recorded
        self._answers: Mapping[Operation, Callable[[Asked], Answer]] = {
            Operation.SEND_DOCUMENT: self._send_document,
            Operation.PENDING_IDS: self._pending_ids,
            Operation.GET_DOCUMENT: self._get_document,
            Operation.CONFIRM: self._confirm,
            Operation.UPDATE_TRACES: self._update_traces,
            Operation.GET_TRACES: self._get_traces,
            Operation.ORGANIZATIONS: self._organizations,
            Operation.CHECK_PERMISSION: self._check_permission,
        }

    async def answer(self, asked: Asked) -> web.StreamResponse:
        """Answer one call. Raises AxisError."""
        return await self._answers[asked.operation](asked)

    # ── In ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _send_document(self, asked: Asked) -> web.StreamResponse:
        accepted = await self._take(asked, partial(compose_document, asked.opened, self._limits, asked.folder))
        return asked.ok(text_element("DocumentId", accepted.package_id))

    async def _update_traces(self, asked: Asked) -> web.StreamResponse:
        status = await self._with_known_id(asked)
        await self._take(asked, partial(compose_status, asked.opened, asked.folder, status))
        return asked.ok()

    async def _take(self, asked: Asked, compose: Callable[[], Converted]) -> Accepted:
        """Compose the package, take it in, and keep the request that it was made of."""
        self._exchange.check_intake()
        content, source = asked.opened.content, asked.source
        large = not isinstance(content, bytes) or len(content) > _INLINE_BYTES
        try:
            converted = await asyncio.to_thread(compose) if large else compose()
        except Busy:
            raise
        except AxisError as e:
            await self._exchange.record_refusal(source, e)
            raise
        accepted = await self._exchange.accept(source, converted.spooled)
        blank = partial(blanked, content, asked.opened.envelope_start, asked.token)
        kept = await asyncio.to_thread(blank) if large else blank()
        received = Received(
            spooled=kept,
            form=f"{FORM}, {asked.operation.value}",
            converted_by=CONVERTER,
            system_id=asked.system_id,
            findings=converted.findings,
        )
        await self._exchange.keep_original(received, converted.from_code, converted.spooled.sha256_hex)
        return accepted

    async def _with_known_id(self, asked: Asked) -> Node:
        """The Status; where it names a document by the id of our list, by the document's own.

        Peer: clients keep the id by which they fetched a document, and answer with that.
        """
        status = asked.body
        if status is None:
            raise Malformed(Code.EMPTY_BODY, at="Status")
        for response_for in (node for node in status.children if node.name == "ResponseFor"):
            for named in (node for node in response_for.children if node.name == "DocumentId"):
                if _is_ours(named.text):
                    known = await self._exchange.document_id_of(asked.system_id, named.text)
                    named.parts = [known] if known else named.parts
        return status

    # ── Out ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _pending_ids(self, asked: Asked) -> web.StreamResponse:
        items = await self._exchange.pending(asked.system_id, self._pending_items, PackageKind.DOCUMENT)
        return asked.ok(document_ids(item.package_id for item in items))

    async def _get_document(self, asked: Asked) -> web.StreamResponse:
        content = await self._exchange.open_package(asked.system_id, _document_id(asked))
        if content.kind is not PackageKind.DOCUMENT:
            raise NotFound(Code.NOT_FOUND, content.package_id)
        recorded = self._handing_over[asked.system_id, content.package_id] = asyncio.Event()
        try:
            return await self._hand_over(asked, content)
        finally:
            recorded.set()
            if self._handing_over.get((asked.system_id, content.package_id)) is recorded:
                del self._handing_over[asked.system_id, content.package_id]

    async def _hand_over(self, asked: Asked, content: PackageContent) -> web.StreamResponse:
        async with self._copied(content) as spooled:
            version = asked.opened.envelope.version

            def convert() -> Multipart:
                package = read(spooled.content, limits=self._limits, spool_dir=asked.folder)
                if not isinstance(package, DocumentPackage):
                    raise Internal("a status is stored as a document")
                files = with_safe_ids(package.attachments)
                envelope = write_envelope(version, write_document(package.header), write_manifest(files))
                return make_multipart(version, envelope, files)

            large = spooled.size_bytes > _INLINE_BYTES
            multipart = await asyncio.to_thread(convert) if large else convert()
            response = await _written(asked.request, multipart, content.package_id, large=large)
        await self._note_hand_over(asked.system_id, content.package_id)
        return response

    @asynccontextmanager
    async def _copied(self, content: PackageContent) -> AsyncIterator[Spooled]:
        """The stored package where it can be read at any place. Raises Internal when it is damaged."""
        async with self._make_spool(limit_bytes=content.size_bytes) as spool:
            async for chunk in content.chunks():
                await spool.write(chunk)
            spooled = await spool.finish()
            if spooled.sha256_hex != content.sha256_hex:
                raise Internal(f"package {content.package_id} is damaged in the store")
            yield spooled

    async def _confirm(self, asked: Asked) -> web.StreamResponse:
        package_id = _document_id(asked)
        await self._let_record(asked.system_id, package_id)
        await self._exchange.confirm_arrival(ReceiptWish(system_id=asked.system_id, package_id=package_id))
        return asked.ok()

    async def _let_record(self, system_id: str, name: str) -> None:
        """Who has the last byte says so at once: the hand-over should be on record before that."""
        recorded = self._handing_over.get((system_id, name))
        if recorded is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_RECORDING_S):
                    await recorded.wait()

    # ── Traces ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _get_traces(self, asked: Asked) -> web.StreamResponse:
        since = _since(asked)
        await self._let_record(asked.system_id, _TRACES)
        await self._exchange.acknowledge_read(asked.system_id, since, self._clock.now() - _REREAD)
        waiting = await self._exchange.pending(asked.system_id, self._pending_items, PackageKind.STATUS)
        ids = [item.package_id for item in waiting]
        if since is not None:
            again = await self._exchange.told_since(asked.system_id, since, self._pending_items)
            ids = list(dict.fromkeys([*ids, *again]))
        statuses = [(package_id, text) for package_id in ids if (text := await self._status(asked, package_id))]
        response = asked.ok(f"<edXML:Traces>\n{''.join(text for _, text in statuses)}</edXML:Traces>")
        recorded = self._handing_over[asked.system_id, _TRACES] = asyncio.Event()
        try:
            await response.prepare(asked.request)
            await response.write_eof()
            for item in waiting:
                await self._note_hand_over(asked.system_id, item.package_id)
        finally:
            recorded.set()
            if self._handing_over.get((asked.system_id, _TRACES)) is recorded:
                del self._handing_over[asked.system_id, _TRACES]
        return response

    async def _note_hand_over(self, system_id: str, package_id: str) -> None:
        try:
            await self._exchange.record_hand_over(system_id, package_id)
        except Exception:
            log.exception("hand_over_unrecorded", package_id=package_id)  # it can be confirmed, or is listed again

    async def _status(self, asked: Asked, package_id: str) -> str | None:
        """A status as 1.0 has it; None when it has gone from the caller's list meanwhile."""
        try:
            content = await self._exchange.open_package(asked.system_id, package_id)
        except NotFound:
            return None
        raw = b"".join([chunk async for chunk in content.chunks()])
        package = read(raw, limits=self._limits)
        return write_status(package.header) if isinstance(package, StatusPackage) else None

    # ── Organisations, rights ──────────────────────────────────────────────────────────────────────────────────

    async def _organizations(self, asked: Asked) -> web.StreamResponse:
        registry = self._exchange.directory.current.registry
        rows = []
        for number, organ in enumerate(registry):
            if not organ.is_closed:
                above = registry.find(organ.parent_id) if organ.parent_id else None
                rows.append(organization(organ, above.organ_id if above else ""))
            if number % _ROWS_AT_ONCE == 0:
                await asyncio.sleep(0)  # others run between the rows of a national registry
        return asked.ok(f"<edXML:Organizations>{''.join(rows)}</edXML:Organizations>")

    async def _check_permission(self, asked: Asked) -> web.StreamResponse:
        return asked.ok()


async def _written(request: web.Request, multipart: Multipart, package_id: str, *, large: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: multipart.content_type})
    response.content_length = multipart.size_bytes
    await response.prepare(request)
    pieces = multipart.pieces()
    try:
        while piece := await asyncio.to_thread(next, pieces, b"") if large else next(pieces, b""):
            await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        log.info("hand_over_broken_off", package_id=package_id)
        raise
    except Exception as e:
        log.exception("hand_over_failed", package_id=package_id)
        # Half a document is out: the caller must see a broken connection, which aiohttp makes of this.
        raise ConnectionResetError("the stored package could not be read to its end") from e
    return response


def _document_id(asked: Asked) -> str:
    """DocumentId of the request. Raises Malformed(MISSING_DOCUMENT_ID)."""
    text = text_of(asked.body, "DocumentId")
    if not text:
        raise Malformed(Code.MISSING_DOCUMENT_ID, at="DocumentId")
    if not _is_ours(text):
        raise NotFound(Code.NOT_FOUND, text[:_MAX_ID])
    return text


def _is_ours(text: str) -> bool:
    return len(text) == _ID_CHARACTERS and text.isascii() and text.isalnum()


def _since(asked: Asked) -> datetime | None:
    """TimeStamp of the request. Raises Malformed(FIELD_INVALID)."""
    text = text_of(asked.body, "TimeStamp") or text_of(asked.body, "Timestamp")
    if not text:
        return None
    moment = read_timestamp(text)
    if moment is None:
        raise Malformed(Code.FIELD_INVALID, "not yyyy/MM/dd HH:mm:ss", at="TimeStamp")
    return moment
