"""One call of an operation, and what an operation is."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from axis.clock import Clock
from axis.errors import Code, Internal, Unauthenticated
from axis.exchange.service import Exchange
from axis.settings import Settings
from axis.store.store import Store
from axis.terms import Scope
from axis.web.api.models import Model
from axis.web.api.tokens import Caller

PREFIX = "/api/v1"
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is built from."""

    exchange: Exchange
    store: Store
    clock: Clock
    settings: Settings
    handing_over: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)  # set when it is recorded
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set when the node stops

    async def stop_waiting(self, _: web.Application) -> None:
        """The node stops: whoever waits for events is answered now."""
        self.stopping.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A JSON answer."""

    status: int = 200
    body: Model | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call whose caller, scope and parameters are checked."""

    request: web.Request
    parts: ApiParts
    operation: "Operation"
    known_caller: Caller | None = None  # None: the operation is for everybody
    query: BaseModel | None = None
    body: BaseModel | None = None

    @property
    def caller(self) -> Caller:
        """Who calls."""
        if self.known_caller is None:
            raise Unauthenticated(Code.BAD_CREDENTIALS)
        return self.known_caller

    @property
    def system_id(self) -> str:
        """The system that calls."""
        return self.caller.system_id

    def path(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]

    def asked(self, kind: type[ModelT]) -> ModelT:
        """The parameters of the query."""
        return _is(self.query, kind)

    def given(self, kind: type[ModelT]) -> ModelT:
        """The body."""
        return _is(self.body, kind)


class Raw(StrEnum):
    """A body that is not JSON."""

    PACKAGE = "application/xml"


Handler = Callable[[Call], Awaitable[Reply | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One line of the table: it makes the route, the check of the caller, the description and the docs."""

    name: str  # operationId
    method: str
    path: str  # below PREFIX; {parts} in braces
    handler: Handler
    vi: str  # what it does, for people
    en: str
    scopes: tuple[Scope, ...] = ()  # one of them is enough; none: for everybody, no token needed
    query: type[BaseModel] | None = None
    body: type[BaseModel] | Raw | None = None
    form: type[BaseModel] | None = None  # JSON that files may come with; the handler reads it
    replies: Mapping[int, type[BaseModel] | Raw | None]  # the good ones
    idempotent: bool = False  # takes an Idempotency-Key


def _is(value: BaseModel | None, kind: type[ModelT]) -> ModelT:
    if not isinstance(value, kind):
        raise Internal(f"the table of operations does not say {kind.__name__}")
    return value
