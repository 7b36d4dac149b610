"""The API as one thing: the routes of the table, each call checked the same way, and one catch point."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog
from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError

from axis.errors import AxisError, Code, Internal, Malformed, NotFound, Rejected
from axis.web.api import openapi
from axis.web.api.bodies import read_json, refusal_of
from axis.web.api.call import PREFIX, ApiParts, Call, Operation, Raw, Reply
from axis.web.api.docs import Docs
from axis.web.api.problems import answer
from axis.web.api.table import OPERATIONS
from axis.web.api.tokens import Tokens, check_scope

log = structlog.get_logger(__name__)

_ALLOW: Final = 405
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def api_routes(parts: ApiParts) -> Sequence[web.AbstractRouteDef]:
    """Every route of the API, the description and the docs page included."""
    tokens = Tokens(parts.store, parts.clock, parts.exchange.directory, parts.settings.api)
    name = parts.settings.node.name or parts.settings.node.code
    description = openapi.describe(OPERATIONS, f"Axis {name}: REST API v1")
    docs = Docs(OPERATIONS, description)
    text = json.dumps(description, ensure_ascii=False)

    async def described(_: web.Request) -> web.StreamResponse:
        return web.Response(text=text, content_type="application/json")

    return (
        *(web.route(one.method, PREFIX + one.path, _handler(parts, tokens, one)) for one in OPERATIONS),
        web.route("GET", f"{PREFIX}/openapi.json", described),
        web.route("GET", f"{PREFIX}/docs", docs.page),
        web.route("GET", f"{PREFIX}/docs.css", docs.css),
        web.route("*", "/api/{anything:.*}", _unknown),
    )


def _handler(parts: ApiParts, tokens: Tokens, operation: Operation) -> _Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        """Answer one call. The catch point of the API."""
        try:
            return await _answer(parts, tokens, operation, request)
        except (ConnectionError, web.HTTPException):
            raise  # the caller is gone, or the middlewares know better
        except AxisError as e:
            if isinstance(e, Internal):
                log.exception("call_failed", operation=operation.name)
            return _refuse(request, operation, e)
        except Exception:
            log.exception("call_failed", operation=operation.name)
            return _refuse(request, operation, Internal())

    return handle


async def _answer(parts: ApiParts, tokens: Tokens, operation: Operation, request: web.Request) -> web.StreamResponse:
    caller = None
    if operation.scopes:
        caller = await tokens.authenticate(request)
        check_scope(caller, operation.scopes)
    if operation.changes:
        parts.exchange.check_open()
    body = None
    if operation.body is not None and not isinstance(operation.body, Raw):
        body, _ = await read_json(request, operation.body, parts.settings.server.idle_timeout_s)
    call = Call(
        request=request,
        parts=parts,
        operation=operation,
        known_caller=caller,
        query=_query(request, operation.query),
        body=body,
    )
    reply = await operation.handler(call)
    answered = _written(reply) if isinstance(reply, Reply) else reply
    if operation.headers:
        answered.headers.update(operation.headers)
    return answered


def _query(request: web.Request, kind: type[BaseModel] | None) -> BaseModel | None:
    """The query's parameters. Raises Malformed for what the operation does not know."""
    if kind is None:
        return None
    for name, value in request.query.items():
        if "\0" in value:  # PostgreSQL has no place for it in a text
            raise Malformed(Code.BAD_REQUEST, "holds a NUL character", at=name[:64])
    try:
        return kind.model_validate(dict(request.query))
    except ValidationError as e:
        raise refusal_of(e) from e


def _written(reply: Reply) -> web.Response:
    if reply.body is None:
        return web.Response(status=reply.status, headers=reply.headers)
    return web.Response(
        text=reply.body.model_dump_json(),
        status=reply.status,
        content_type="application/json",
        headers=reply.headers,
    )


def _refuse(request: web.Request, operation: Operation, error: AxisError) -> web.StreamResponse:
    if not isinstance(error, Internal):
        log.warning("call_refused", operation=operation.name, code=error.code, at=error.at)
    refused = answer(request, error)
    refused.headers.update(operation.headers)
    return refused


_PATTERNS: Final = tuple((one.method, re.compile(re.sub(r"{\w+}", "[^/]+", PREFIX + one.path))) for one in OPERATIONS)


async def _unknown(request: web.Request) -> web.StreamResponse:
    """What the table does not hold: another method of a path, or no path of ours."""
    allowed = sorted({method for method, pattern in _PATTERNS if pattern.fullmatch(request.path)})
    if not allowed:
        return answer(request, NotFound(Code.UNKNOWN_OPERATION, request.path[:200]))
    response = answer(request, Rejected(Code.UNKNOWN_OPERATION, f"not {request.method[:20]}"), status=_ALLOW)
    response.headers[hdrs.ALLOW] = ", ".join(allowed)
    return response
