"""The operating log: one constant event word and fields a line, on standard error. It is not the evidence.

Never bodies, secrets or names of persons: a processor takes out what bears a secret's name and writes bytes as their
length only; traces carry no local variables. Libraries that use the standard library's logging (aiohttp, alembic)
come out in the same form.

A request's id is bound once where the request enters and then stands on every line of its task; what calls a
partner sends `current_request_id()` along.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC
from functools import lru_cache
from typing import Literal, TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from axis.clock import Clock
from axis.ids import new_id

SECRET_WORDS = frozenset({"secret", "secrets", "password", "passwords", "token", "tokens", "authorization", "cookie"})
DROPPED = "…"
_REQUEST_ID = "request_id"


def configure_logs(form: Literal["json", "console"], level: str, *, stream: TextIO | None = None) -> None:
    """Set up the log of this process; a second call replaces the first.

    form: json for machines, console for people. level: debug, info, warning or error.
    stream: standard error when left out.
    """
    out = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.StackInfoRenderer(),
        drop_secrets,
    ]
    rendered = _rendering(form, colours=out.isatty())
    structlog.configure(
        processors=[*shared, *rendered],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(out),
        # A cached logger would keep the stream and level of the first call.
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendered],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)


def new_request_id(clock: Clock) -> str:
    """The id under which one request stands in the log and in its answer."""
    return new_id(clock.now().astimezone(UTC))


def bind_request(request_id: str) -> None:
    """Put the id on every further line of this task, in place of whatever an earlier request left there."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=request_id)


def current_request_id() -> str:
    """The id bound in this task; "" outside a request."""
    return str(structlog.contextvars.get_contextvars().get(_REQUEST_ID, ""))


def drop_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Blank every value, however deep, whose name holds a secret's word, and write bytes as their length only."""
    return {key: _safe(key, value) for key, value in event.items()}


@lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    """Whether a name has a secret's word in it. The same few names come on every line."""
    return not SECRET_WORDS.isdisjoint(re.split(r"[^a-z]+", key.lower()))


def _safe(key: object, value: object) -> object:
    if _is_secret(str(key)):
        return DROPPED
    if isinstance(value, Mapping):
        return {inner: _safe(inner, one) for inner, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe("", one) for one in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    return value


def _rendering(form: Literal["json", "console"], *, colours: bool) -> list[Processor]:
    """The last processors: an exception becomes a structure or a plain trace, the event becomes text."""
    if form == "console":
        plain = structlog.dev.plain_traceback
        return [structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain, timestamp_key="at")]
    # Local variables hold bodies and secrets: never in a trace.
    trace = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(trace),
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str),
    ]


@contextmanager
def silenced() -> Iterator[None]:
    """Nothing is logged meanwhile but what is critical: for what only plays at being a node."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
