"""One call: headers, repeats, and what answers mean.

A call that found no usable answer, or was told to come later, is made again with growing waits, under the same
Idempotency-Key; what the node refused for good is not.
"""

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ValidationError

from axis import __version__
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
    WrongState,
)

PREFIX: Final = "/api/v1"
_KEY: Final = "Idempotency-Key"
_ANSWER_BYTES: Final = 64 << 20  # of JSON
_LATER: Final = frozenset({429, 502, 503, 504})
_CLASSES: Final[Mapping[int, type[AxisError]]] = {
    400: Malformed,
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    405: Rejected,
    409: WrongState,
    412: Malformed,
    413: Malformed,
    415: Malformed,
    422: Rejected,
    460: Malformed,
}
_CODE_OF_HEAD: Final[Mapping[int, Code]] = {
    400: Code.BAD_REQUEST,
    401: Code.BAD_CREDENTIALS,
    403: Code.NOT_ALLOWED,
    404: Code.NOT_FOUND,
    412: Code.BAD_REQUEST,
}
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError)

ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Which node, in whose name, and how patiently."""

    url: str  # the node's address, without /api/v1
    token: str = field(repr=False)
    timeout_s: float = 600.0  # of one try, its body included
    connect_s: float = 10.0
    tries: int = 5
    first_wait_s: float = 0.5  # doubled with each further try
    most_wait_s: float = 60.0  # also where the node asks for more


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call. body: makes the body anew on each try."""

    method: str
    path: str  # below PREFIX, quoted
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    json: Any = None
    body: Callable[[], Any] | None = None


class Transport:
    """Calls one node."""

    def __init__(self, options: ClientOptions) -> None:
        self._options = options
        self._session: aiohttp.ClientSession | None = None

    async def json(self, request: Request, kind: type[ModelT], key: str | None = None) -> ModelT:
        """The answer as a value. Raises AxisError."""
        async with self.answer(request, key) as response:
            raw = await _read(response)
        try:
            return kind.model_validate_json(raw)
        except ValidationError as e:
            raise PeerUnreachable("an answer that is not the API's") from e

    async def nothing(self, request: Request, key: str | None = None) -> Mapping[str, str]:
        """A call without an answer's body; its headers. Raises AxisError."""
        async with self.answer(request, key) as response:
            return dict(response.headers)

    @asynccontextmanager
    async def answer(self, request: Request, key: str | None = None) -> AsyncIterator[aiohttp.ClientResponse]:
        """The first usable answer; repeats the call where that can help. Raises AxisError."""
        headers = dict(request.headers)
        if request.method == "POST":
            headers[_KEY] = key or secrets.token_urlsafe(18)
        attempt = 1
        while True:
            try:
                response = await self._send(request, headers)
            except PeerUnreachable:
                if attempt >= self._options.tries:
                    raise
                await self._wait(attempt, None)
            else:
                async with response:
                    if response.status < 300:  # noqa: PLR2004 - good answers
                        yield response
                        return
                    error = await _error(response)
                    if attempt >= self._options.tries or not _passes(response, error):
                        raise error
                await self._wait(attempt, error)
            attempt += 1

    async def once(self, request: Request) -> aiohttp.ClientResponse:
        """One try, whatever comes of it; the caller closes it. Raises PeerUnreachable."""
        return await self._send(request, dict(request.headers))

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, request: Request, headers: dict[str, str]) -> aiohttp.ClientResponse:
        session = self._open()
        url = self._options.url.rstrip("/") + PREFIX + request.path
        body: dict[str, Any] = {}
        if request.json is not None:
            body["data"] = json.dumps(request.json, ensure_ascii=False).encode()
            headers = {"Content-Type": "application/json", **headers}
        elif request.body is not None:
            body["data"] = request.body()
        try:
            return await session.request(
                request.method, url, params=request.query, headers=headers, allow_redirects=False, **body
            )
        except _FAILURES as e:
            raise PeerUnreachable(f"{type(e).__name__}: {e}"[:300]) from e

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            options = self._options
            self._session = aiohttp.ClientSession(
                headers={"Authorization": f"Bearer {options.token}", "User-Agent": f"axis-client/{__version__}"},
                timeout=aiohttp.ClientTimeout(total=options.timeout_s, sock_connect=options.connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _wait(self, attempt: int, error: AxisError | None) -> None:
        options = self._options
        wait_s = options.first_wait_s * 2 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        if isinstance(error, Busy):
            wait_s = max(wait_s, error.retry_after_s)
        await asyncio.sleep(min(wait_s, options.most_wait_s))


def part(text: str) -> str:
    """A text as one part of a path."""
    return quote(text, safe="")


async def error_of(response: aiohttp.ClientResponse) -> AxisError:
    """What a bad answer means."""
    return await _error(response)


def _passes(response: aiohttp.ClientResponse, error: AxisError) -> bool:
    """Whether the same call may succeed later."""
    return response.status in _LATER or error.code in (Code.CALL_RUNNING, Code.TRUNCATED_UPLOAD)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    raw = bytearray()
    try:
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > _ANSWER_BYTES:
                raise PeerUnreachable(f"an answer of more than {_ANSWER_BYTES} bytes")
    except _FAILURES as e:
        raise PeerUnreachable(f"{type(e).__name__}: {e}"[:300]) from e
    return bytes(raw)


async def _error(response: aiohttp.ClientResponse) -> AxisError:
    """A problem document as the error that the node raised; anything else by its status."""
    status, problem = response.status, await _problem(response)
    word, detail = str(problem.get("code", "")), str(problem.get("reason") or problem.get("title_en") or "")
    at = str(problem["at"]) if problem.get("at") else None
    code = Code(word) if word in Code.__members__.values() else None
    if response.method == "HEAD" and "problem" in response.headers.get("Content-Type", ""):
        code = _CODE_OF_HEAD.get(status)  # its answers have no body
    if status in _LATER:
        text = response.headers.get("Retry-After", "")
        after_s = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1  # noqa: PLR2004 - a day
        return Busy(code or Code.OVERLOADED, detail or f"HTTP {status}", retry_after_s=after_s)
    if code is None:
        if word:  # a newer node's word
            return PeerRefused(detail or f"HTTP {status}", peer_code=word)
        return PeerUnreachable(f"HTTP {status}, and no problem document: not a node's API?")
    if status >= 500:  # noqa: PLR2004 - their fault
        return Internal(f"the node: {detail}")
    return _CLASSES.get(status, Rejected)(code, detail, at=at)


async def _problem(response: aiohttp.ClientResponse) -> dict[str, Any]:
    if "json" not in response.headers.get("Content-Type", ""):
        return {}
    try:
        found = json.loads(await _read(response))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
