"""The eDoc SOAP front: what connected systems call on us. Also their description, at `?wsdl`.

Bodies stream into a spool, documents out of the store; memory grows with neither. One catch point turns every error
into the dialect: a SOAP fault for what is not SOAP and for our own trouble, a Report for everything else. What
the operations do stands in `operations`.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog
from aiohttp import hdrs, web

from adapters.edoc.auth import authenticate
from adapters.edoc.errors import Fault, SoapFault, fault_of, write_fault
from adapters.edoc.opened import Opened, open_request
from adapters.edoc.operations import Asked, Operations
from adapters.edoc.receiving import SMALL_BYTES, ReceiveOptions, Receiver
from adapters.edoc.replies import write_refusal
from adapters.edoc.soap import Credentials, credentials_in, header_credentials
from adapters.edoc.wire import BODY_ELEMENTS, MediaType, Operation, Version, read_action, read_media_type
from adapters.edoc.wsdl import write_wsdl
from axis.clock import Clock
from axis.edxml.model import Limits
from axis.errors import AxisError, Busy, Code, Internal, Malformed, Rejected
from axis.exchange.service import Exchange
from axis.exchange.values import Source
from axis.ids import SystemId
from axis.ops.logs import current_request_id
from axis.store.spool import Spool, Spooled
from axis.terms import Origin

log = structlog.get_logger(__name__)

_LOGGED = 80  # characters of what a caller sent
_INLINE_BYTES = 64 << 10  # what is larger is taken apart in a thread
_ENVELOPE_BYTES = 1 << 20  # of a request, besides the package in it
_SENDING = (Operation.SEND_DOCUMENT, Operation.UPDATE_TRACES)


class MakeSpool(Protocol):
    """Where a body goes while it comes in."""

    def __call__(self, *, limit_bytes: int) -> Spool:
        """A fresh spool."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EdocOptions:
    """What an operator can choose of this front."""

    pending_items: int  # most items in a list
    limits: Limits
    temporary: Path  # for what need not outlive a call
    body_idle_s: float = 60.0  # a body that stays silent for so long counts as broken off
    body_s: float = 600.0  # and one that takes so long altogether


@dataclass(slots=True, kw_only=True)
class _Talk:
    """How far a call has come: what its answer has to look like."""

    version: Version = Version.V11
    operation: Operation | None = None
    understood: bool = False  # it is SOAP, and asks for an operation: from now on refusals are Reports
    caller: SystemId | None = None


class EdocFront:
    """Answers the operations."""

    def __init__(self, exchange: Exchange, make_spool: MakeSpool, clock: Clock, options: EdocOptions) -> None:
        self._exchange = exchange
        self._make_spool = make_spool
        self._clock = clock
        self._options = options
        self._operations = Operations(exchange, make_spool, clock, options.limits, options.pending_items)

    async def describe(self, request: web.Request) -> web.StreamResponse:
        """The WSDL. Anything else that is asked by GET is refused in the dialect."""
        if "wsdl" in {name.lower() for name in request.query}:
            address = str(request.url.with_query(None).with_fragment(None))
            return web.Response(body=write_wsdl(address), headers={hdrs.CONTENT_TYPE: "text/xml; charset=utf-8"})
        return await self.handle(request)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call. The catch point: whatever goes wrong becomes an answer without a trace of our insides."""
        talk = _Talk()
        try:
            return await self._answer(request, talk)
        except ConnectionError:
            raise  # the caller is gone: nobody is left to be told
        except AxisError as e:
            if isinstance(e, Internal):
                log.exception("call_failed", operation=talk.operation)
            return _refuse(talk, e)
        except Exception:
            log.exception("call_failed", operation=talk.operation)
            return _refuse(talk, Internal())

    async def _answer(self, request: web.Request, talk: _Talk) -> web.StreamResponse:
        if request.method != hdrs.METH_POST:
            raise SoapFault(Fault.CLIENT, f"method {request.method[:_LOGGED]}")
        media_type = read_media_type(request.headers.get(hdrs.CONTENT_TYPE, ""))
        if media_type.name == "application/soap+xml" or "soap+xml" in media_type.get("type") + media_type.get(
            "start-info"
        ):
            talk.version = Version.V12
        action = read_action(request.headers.get("SOAPAction"), media_type)
        talk.operation = None if action is None else _operation(action)
        if talk.operation in _SENDING:
            self._exchange.check_intake()
        limit_bytes = self._options.limits.package_bytes + _ENVELOPE_BYTES
        async with self._make_spool(limit_bytes=limit_bytes) as spool, self._folder() as folder:
            spooled = await self._receive(request, media_type, spool, talk)
            async with self._open(spooled, media_type, folder) as opened:
                talk.version = opened.envelope.version
                talk.operation = _agreed(opened, talk.operation)
                talk.understood = True
                credentials = _credentials(opened, talk.operation)
                talk.caller = authenticate(credentials, self._exchange.directory.current, self._clock.now())
                structlog.contextvars.bind_contextvars(system_id=talk.caller)
                if spooled.size_bytes > SMALL_BYTES and talk.operation is not Operation.SEND_DOCUMENT:
                    raise Malformed(Code.TOO_LARGE, f"more than {SMALL_BYTES} bytes without a document")
                asked = Asked(
                    request=request,
                    operation=talk.operation,
                    system_id=talk.caller,
                    token=credentials.token if credentials else "",
                    opened=opened,
                    folder=folder,
                )
                return await self._operations.answer(asked)

    async def _receive(self, request: web.Request, media_type: MediaType, spool: Spool, talk: _Talk) -> Spooled:
        def prove(credentials: Credentials | None) -> None:
            talk.caller = authenticate(credentials, self._exchange.directory.current, self._clock.now())

        options = ReceiveOptions(
            request_bytes=self._options.limits.package_bytes + _ENVELOPE_BYTES,
            body_idle_s=self._options.body_idle_s,
            body_s=self._options.body_s,
            limits=self._options.limits,
        )
        try:
            await Receiver(request=request, media_type=media_type, options=options, prove=prove).receive(spool)
        except Malformed as e:
            if talk.caller is not None:
                await self._exchange.record_refusal(Source(system_id=talk.caller, origin=Origin.LOCAL), e)
            raise
        return await spool.finish()

    @asynccontextmanager
    async def _open(self, spooled: Spooled, media_type: MediaType, folder: Path) -> AsyncIterator[Opened]:
        arguments = (spooled.content, media_type, self._options.limits, folder)
        if spooled.size_bytes <= _INLINE_BYTES:
            opened = open_request(*arguments)
        else:
            opened = await asyncio.to_thread(open_request, *arguments)
        try:
            yield opened
        finally:
            opened.close()

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        """For a call's files: a name now, a folder when it is needed."""
        folder = Path(tempfile.mkdtemp(prefix="edoc-", dir=self._options.temporary))
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))


def routes_of(front: EdocFront) -> list[web.RouteDef]:
    """The front's address. Any method comes in, so that a refusal is in the dialect."""
    return [web.get("/edoc", front.describe, allow_head=False), web.route("*", "/edoc", front.handle)]


def _operation(action: str) -> Operation:
    try:
        return Operation(action)
    except ValueError as e:
        raise Rejected(Code.UNKNOWN_OPERATION, action[:_LOGGED], at="SOAPAction") from e


def _agreed(opened: Opened, operation: Operation | None) -> Operation:
    """The operation, which SOAPAction and what is in the envelope have to agree about."""
    named = [node.name for node in opened.envelope.body]
    if not named and opened.envelope.block("CheckPermission") is not None:
        named = ["CheckPermission"]
    said = BODY_ELEMENTS.get(named[0]) if named else None
    if said is None and operation is Operation.CHECK_PERMISSION and not named:
        return operation  # by the header's credentials alone
    if said is None:
        raise Rejected(Code.UNKNOWN_OPERATION, (named[0] if named else "an empty Body")[:_LOGGED], at="Body")
    if len(named) > 1:
        raise SoapFault(Fault.CLIENT, "more than one element in the Body", at="Body")
    if operation is not None and operation is not said:
        raise SoapFault(Fault.CLIENT, f"SOAPAction says {operation}, the Body {said}", at="SOAPAction")
    return said


def _credentials(opened: Opened, operation: Operation) -> Credentials | None:
    header = header_credentials(opened.envelope.header)
    if operation in _SENDING:
        return header
    body = opened.envelope.body
    return (credentials_in(body[0]) if body else None) or header


def _refuse(talk: _Talk, error: AxisError) -> web.Response:
    detail = error.detail[:_LOGGED]
    log.warning("call_refused", operation=talk.operation, code=error.code, at=error.at, detail=detail)
    request_id = current_request_id() or "-"
    headers = {hdrs.CONTENT_TYPE: f"{talk.version.media_type}; charset=utf-8"}
    fails = isinstance(error, Busy | Internal | SoapFault)
    if talk.understood and talk.operation is not None and not fails:
        return web.Response(body=write_refusal(talk.version, talk.operation, error, request_id), headers=headers)
    body = write_fault(talk.version, error, request_id)
    if isinstance(error, Busy):
        return web.Response(status=503, body=body, headers={**headers, hdrs.RETRY_AFTER: str(error.retry_after_s)})
    sender = talk.version is Version.V12 and fault_of(error) is Fault.CLIENT
    return web.Response(status=400 if sender else 500, body=body, headers=headers)
