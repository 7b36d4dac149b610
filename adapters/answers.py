"""What our ends of HTTP dialects share: the body of an answer as it comes, and what its breaking off is called."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from aiohttp import hdrs

from axis.delivery.recording import REPLY_CHARACTERS, note_body, note_reply
from axis.errors import PeerUnreachable

_READ_BYTES: Final = 256 << 10
_REFUSAL_S: Final = 2.0  # for the beginning of an answer that is only looked at
_WAIT_DIGITS: Final = 8  # under four months
FAILURES: Final = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What a call that did not come through raises."""


class OddStatus(PeerUnreachable):
    """A status of HTTP that is no answer of the dialect."""

    def __init__(self, status: int, detail: str, retry_after_s: float | None) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.status = status


async def chunks(response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
    """The body of a response as it comes. Raises PeerUnreachable when it breaks off."""
    stream = response.content.iter_chunked(_READ_BYTES)
    while True:
        try:
            chunk = await anext(stream, b"")
        except FAILURES as e:
            raise PeerUnreachable(reason_of(e)) from e
        if not chunk:
            return
        note_body(chunk)
        yield chunk


async def keep_refusal(response: aiohttp.ClientResponse) -> None:
    """An answer that is none of the dialect's: operators want to see how it begins."""
    note_reply(response.status, response.headers.items())
    with suppress(*FAILURES):
        async with asyncio.timeout(_REFUSAL_S):
            note_body(await response.content.read(REPLY_CHARACTERS))


def date_of(response: aiohttp.ClientResponse, header: str = hdrs.DATE) -> datetime | None:
    """A moment that a header names; None: none that can be read."""
    try:
        moment = parsedate_to_datetime(response.headers.get(header, ""))
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo is not None else None


def refusal_of_http(response: aiohttp.ClientResponse) -> PeerUnreachable:
    """A status that is no answer of the dialect, and how long the partner asks to be left alone, if it does."""
    wait_s = _wait_s(response)
    asked = "" if wait_s is None else f", retry after {wait_s:g} s"
    return OddStatus(response.status, f"HTTP {response.status}{asked}", wait_s)


def _wait_s(response: aiohttp.ClientResponse) -> float | None:
    """Retry-After, as seconds or as a moment of the partner's own clock."""
    text = response.headers.get(hdrs.RETRY_AFTER, "")
    if text.isascii() and text.isdigit() and len(text) < _WAIT_DIGITS:
        return float(text)
    until, now = date_of(response, hdrs.RETRY_AFTER), date_of(response)
    return None if until is None or now is None else max((until - now) / timedelta(seconds=1), 0.0)


def reason_of(error: Exception) -> str:
    """What went wrong, without addresses: details are shown to people outside."""
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
