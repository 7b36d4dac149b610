"""What was said in one call of a partner: for operators, kept of the calls that failed.

Whoever pushes begins a recording; the ends of HTTP dialects note into it, wherever they stand. Never a request's body,
which is the package; of an answer only the beginning. What proves who we are is blanked.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

REQUEST_CHARACTERS: Final = 4_000
REPLY_CHARACTERS: Final = 4_000
_BLANK: Final = "•••"
_SECRET = re.compile(r"auth|token|secret|signature|hash|hmac|key|cookie|password|credential", re.IGNORECASE)
_USER = re.compile(r"//[^/@?#]*@")
_SECRET_TEXT = re.compile(r"(?i)((?:token|secret|password|authorization|signature)\"?\s*[:=>]\s*\"?)([^\s\"<&,;}]{4,})")


@dataclass(slots=True)
class Recording:
    """One call, the latest where there were several."""

    request: str = ""
    _reply: list[str] = field(default_factory=list)
    _room: int = REPLY_CHARACTERS

    @property
    def reply(self) -> str:
        """The answer's head and the beginning of its body; "": none came."""
        return _SECRET_TEXT.sub(rf"\1{_BLANK}", "".join(self._reply))

    def begin(self, request: str) -> None:
        """A call begins; what was noted of one before it goes."""
        self.request = request[:REQUEST_CHARACTERS]
        self._reply, self._room = [], REPLY_CHARACTERS

    def add(self, text: str) -> None:
        """More of the answer; what is too much is dropped."""
        if self._room > 0:
            self._reply.append(text[: self._room])
            self._room -= len(text)


_current: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recording() -> Iterator[Recording]:
    """Record the calls that are made meanwhile."""
    made = Recording()
    token = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(token)


def note_request(method: str, url: str, headers: Iterable[tuple[str, str]]) -> None:
    """A call begins. Its address loses user and query, where secrets may stand."""
    made = _current.get()
    if made is not None:
        address = _USER.sub("//", url).partition("?")[0]
        made.begin("\n".join([f"{method} {address}", *_lines(headers)]))


def note_reply(status: int, headers: Iterable[tuple[str, str]]) -> None:
    """The answer's head has come."""
    made = _current.get()
    if made is not None:
        made.add("\n".join([f"HTTP {status}", *_lines(headers), "", ""]))


def note_body(chunk: bytes) -> None:
    """More of the answer's body has come."""
    made = _current.get()
    if made is not None and made._room > 0:  # noqa: SLF001 - most of a long answer is not decoded
        made.add(chunk[: made._room].decode("utf-8", "replace"))  # noqa: SLF001


def _lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{name}: {_BLANK if _SECRET.search(name) else value[:300]}" for name, value in headers]
