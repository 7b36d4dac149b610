"""What every request goes through, whatever answers it: an id, a log line, one catch point, safe headers.

Fronts catch their own errors and speak their own dialect; what passes them, and what the console and the health pages
raise, becomes a page or JSON here. A stack goes to the log, under the id that the caller gets.

The caps on the header section are aiohttp's (128 headers; how long each may be is set where the server is started); the
cap on a body that is read whole is `client_max_size`, set where the application is built. Streams are bounded by those
who read them.
"""

import asyncio
import ipaddress
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from axis.clock import Clock
from axis.errors import (
    AxisError,
    Busy,
    Code,
    Internal,
    Malformed,
    NotAllowed,
    NotFound,
    PeerRefused,
    PeerUnreachable,
    Rejected,
    Unauthenticated,
    UnknownOrgan,
    WrongState,
)
from axis.messages import SENTENCES
from axis.ops.logs import bind_request, new_request_id

log = structlog.get_logger(__name__)

REQUEST_ID: Final = web.RequestKey("request_id", str)
REQUEST_ID_HEADER: Final = "X-Request-Id"
_STARTED: Final = web.RequestKey("started", bool)  # the answer's first byte is out: no other answer can follow
ADDRESS: Final = web.RequestKey("address", str)
_ADDRESS_CHARACTERS = 64
_NETWORK_BITS = 64
_HOPS = 10  # of an X-Forwarded-For that are looked at
_ID_FORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
_PATH_CHARACTERS = 200  # of a path in the log
_CLIENT_GONE = 499  # in the log only: the caller hung up before the answer was out

CONTENT_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SAFE_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS = "max-age=31536000"

STATUS_OF: Final[dict[type[AxisError], int]] = {
    Malformed: 400,
    Rejected: 422,
    Unauthenticated: 401,
    NotAllowed: 403,
    UnknownOrgan: 422,
    NotFound: 404,
    WrongState: 409,
    Busy: 503,
    PeerRefused: 502,
    PeerUnreachable: 502,
    Internal: 500,
}
"""The HTTP status of each class of the error tree; total (tested)."""

_STATUS_OF_CODE: Final = {Code.TOO_LARGE: 413, Code.RATE_LIMITED: 429, Code.CALL_RUNNING: 409}
"""The codes that have a status of their own, whatever their class."""

_CODE_OF_STATUS: Final = {
    401: Code.BAD_CREDENTIALS,
    403: Code.NOT_ALLOWED,
    404: Code.NOT_FOUND,
    405: Code.UNKNOWN_OPERATION,
    413: Code.TOO_LARGE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorNotice:
    """What a caller is told about an error."""

    status: int
    code: Code
    detail: str = ""  # technical, safe to show
    at: str | None = None
    request_id: str
    retry_after_s: int | None = None


_json = partial(json.dumps, ensure_ascii=False)

ErrorPage = Callable[[web.Request, ErrorNotice], web.Response]


def status_of(error: AxisError) -> int:
    """The HTTP status of an error."""
    if error.code in _STATUS_OF_CODE:
        return _STATUS_OF_CODE[error.code]
    return next(STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF)


def identify(clock: Clock) -> Middleware:
    """Give each request its id, and every log line under it that id.

    The caller's own id is taken when it is one plain word, for it goes into logs and pages as it is.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = given if given is not None and _ID_FORM.fullmatch(given) else new_request_id(clock)
        request[REQUEST_ID] = request_id
        bind_request(request_id)
        return await handler(request)

    return middleware


def locate(trusted: Sequence[str]) -> Middleware:
    """Find out whence each request comes: by what trusted proxies say, else by the connection itself.

    X-Forwarded-For is read from its end, as far as those who wrote it are trusted.
    """
    networks = tuple(map(ipaddress.ip_network, trusted))

    def is_trusted(address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        return any(parsed in network for network in networks)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        address = request.remote or ""
        said = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        for hop in reversed(said[-_HOPS:]):
            if not is_trusted(address) or not _is_address(hop.strip()):
                break
            address = hop.strip()
        request[ADDRESS] = address[:_ADDRESS_CHARACTERS]
        return await handler(request)

    return middleware


def address_of(request: web.Request) -> str:
    """Whence a request comes; "" where nobody knows."""
    return request.get(ADDRESS) or (request.remote or "")[:_ADDRESS_CHARACTERS]


def network_of(request: web.Request) -> str:
    """Whom to count a stranger's tries by: the address, of IPv6 the network that one customer gets."""
    text = address_of(request)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Address(int(address) >> _NETWORK_BITS << _NETWORK_BITS))
    return str(address)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@web.middleware
async def log_access(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write one line per request. The query stays out: it may hold what people searched for."""
    clock = asyncio.get_running_loop().time
    begun = clock()
    status, sent = _CLIENT_GONE, 0
    try:
        response = await handler(request)
        status, sent = response.status, response.body_length
        if isinstance(response, web.Response) and not response.prepared:
            sent = response.content_length or 0
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise  # the caller is there and must see a broken connection, which aiohttp makes of this
        return web.Response(status=_CLIENT_GONE)  # to nobody: a caller who hangs up is no accident with a stack
    else:
        return response
    finally:
        level = log.debug if request.path.startswith("/health/") and status < _CLIENT_GONE else log.info
        level(
            "http_request",
            method=request.method,
            path=_shown_path(request),
            status=status,
            sent_bytes=sent,
            duration_ms=round((clock() - begun) * 1000, 1),
            remote=address_of(request),
        )


def _shown_path(request: web.Request) -> str:
    """The path as the log has it: without a token, which is as good as a password, where the path holds one."""
    resource = request.match_info.route.resource
    if resource is not None and "{token}" in resource.canonical:
        return resource.canonical
    return request.path[:_PATH_CHARACTERS]


def catch_errors(page: ErrorPage) -> Middleware:
    """The catch point of the web: AxisError, HTTP errors and accidents become an answer in the caller's form.

    page: makes the page for people; everyone else gets JSON.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < 400 or request.get(_STARTED, False):  # noqa: PLR2004 - a redirect is no error
                raise
            notice = _notice_of_http(request, error)
        except AxisError as error:
            if isinstance(error, Internal):
                log.exception("request_failed")
            if request.get(_STARTED, False):
                raise
            notice = _notice_of_axis(request, error)
        except ConnectionError:
            raise  # the caller hung up: nobody is left to be told
        except Exception:
            log.exception("request_failed")
            if request.get(_STARTED, False):
                raise  # half an answer is out: aiohttp closes the connection, so that the caller sees it is incomplete
            notice = _notice_of_axis(request, Internal())
        return _answer(request, notice, page)

    return middleware


def limit_time(longest_s: float) -> Middleware:
    """End what takes longer, bodies in and out included: who sends or reads a byte a minute holds nothing for ever."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            async with asyncio.timeout(longest_s) as limit:
                return await handler(request)
        except TimeoutError as error:
            if not limit.expired():
                raise
            log.warning("request_took_too_long", longest_s=longest_s)
            if not request.get(_STARTED, False):
                raise Malformed(Code.TRUNCATED_UPLOAD, f"not complete within {longest_s:g} s") from error
            if request.transport is not None:
                request.transport.abort()  # half an answer is out: the caller must not take it for a whole one
            raise ConnectionResetError("the caller took too long to read the answer") from error

    return middleware


async def mark_started(request: web.Request, response: web.StreamResponse) -> None:
    """Signal on_response_prepare: from now on there is no other answer. Echoes the id; hides the server's make."""
    request[_STARTED] = True
    response.headers[hdrs.SERVER] = "axis"
    if REQUEST_ID in request:
        response.headers[REQUEST_ID_HEADER] = request[REQUEST_ID]


def safe_headers(*, tls: bool) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """Signal on_response_prepare: headers that keep a browser from doing more than it should.

    A handler that needs another value sets it itself. tls: also say that only HTTPS is spoken here.
    """
    headers = _SAFE_HEADERS | ({hdrs.STRICT_TRANSPORT_SECURITY: _HSTS} if tls else {})

    async def add(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)

    return add


def _notice_of_http(request: web.Request, error: web.HTTPException) -> ErrorNotice:
    code = _CODE_OF_STATUS.get(error.status, Code.BAD_REQUEST if error.status < 500 else Code.INTERNAL)  # noqa: PLR2004
    return ErrorNotice(status=error.status, code=code, request_id=request[REQUEST_ID])


def _notice_of_axis(request: web.Request, error: AxisError) -> ErrorNotice:
    return ErrorNotice(
        status=status_of(error),
        code=error.code,
        detail=error.detail,
        at=error.at,
        request_id=request[REQUEST_ID],
        retry_after_s=error.retry_after_s if isinstance(error, Busy) else None,
    )


def _answer(request: web.Request, notice: ErrorNotice, page: ErrorPage) -> web.Response:
    """A page for browsers, JSON for programs."""
    if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        response = page(request, notice)
    else:
        said = SENTENCES[notice.code]
        response = web.json_response(
            {
                "error": notice.code,
                "message": f"{said.what_vi} {said.action_vi}",
                "message_en": f"{said.what_en} {said.action_en}",
                "detail": notice.detail,
                "at": notice.at,
                "request_id": notice.request_id,
            },
            status=notice.status,
            dumps=_json,
        )
    if notice.retry_after_s is not None:
        response.headers[hdrs.RETRY_AFTER] = str(notice.retry_after_s)
    return response
