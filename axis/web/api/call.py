"""One call of an operation, and what an operation is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel

from axis.clock import Clock
from axis.errors import Code, Internal, NotFound, Unauthenticated
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.ops.webhooks import Teller
from axis.settings import Settings
from axis.store.store import Store
from axis.terms import Scope
from axis.web.api.models import Model
from axis.web.api.tokens import Caller

PREFIX = "/api/v1"
_ID_CHARACTERS = 26
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
ModelT = TypeVar("ModelT", bound=BaseModel)


class Writing:
    """Who writes to which upload now, in this process: one at a time, and a later one ends the earlier one's wait.

    A line that broke may look open here for a minute; the client that comes back must not wait for it.
    """

    def __init__(self) -> None:
        self._writers: dict[str, tuple[asyncio.Event, asyncio.Event]] = {}

    @asynccontextmanager
    async def turn(self, upload_id: str) -> AsyncIterator[asyncio.Event]:
        """The only turn at an upload. Gives what is set when another one wants it."""
        while (running := self._writers.get(upload_id)) is not None:
            running[0].set()
            await running[1].wait()
        wanted, ended = asyncio.Event(), asyncio.Event()
        self._writers[upload_id] = wanted, ended
        try:
            yield wanted
        finally:
            del self._writers[upload_id]
            ended.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiParts:
    """What the API is built from."""

    exchange: Exchange
    store: Store
    clock: Clock
    settings: Settings
    key: NodeKey
    teller: Teller  # of webhooks
    writing: Writing = field(default_factory=Writing)  # to uploads
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
    takes: Mapping[str, str] = field(default_factory=dict)  # other headers, and what they say
    headers: Mapping[str, str] = field(default_factory=dict)  # of every answer
    asks: bool = False  # a POST that changes nothing

    @property
    def changes(self) -> bool:
        """Whether it is refused while the node only reads."""
        return self.method not in _READING and not self.asks


def read_id(call: Call, name: str) -> str:
    """An identifier of ours in the path. Raises NotFound for what cannot be one."""
    text = call.path(name)
    if len(text) != _ID_CHARACTERS or not text.isascii() or not text.isalnum():
        raise NotFound(Code.NOT_FOUND, text[:64])
    return text


def _is(value: BaseModel | None, kind: type[ModelT]) -> ModelT:
    if not isinstance(value, kind):
        raise Internal(f"the table of operations does not say {kind.__name__}")
    return value
