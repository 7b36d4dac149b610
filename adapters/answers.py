"""What our ends of HTTP dialects share: the body of an answer as it comes, and what its breaking off is called."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from aiohttp import hdrs

from adapters.checking import Fault, Trouble
from axis.delivery.recording import REPLY_CHARACTERS, note_body, note_reply
from axis.errors import PeerUnreachable

_READ_BYTES: Final = 256 << 10
_REFUSAL_S: Final = 2.0  # for the beginning of an answer that is only looked at
_WAIT_DIGITS: Final = 8  # under four months
_FAULTS: Final = {
    **dict.fromkeys((401, 403, 407), Fault.LOGIN_REFUSED),
    **dict.fromkeys((301, 302, 303, 307, 308, 404, 405, 410, 501), Fault.NOT_THE_SERVICE),
    **dict.fromkeys((429, 502, 503, 504), Fault.PARTNER_BUSY),
}
FAILURES: Final = (aiohttp.ClientError, asyncio.TimeoutError, OSError)
"""What a call that did not come through raises."""


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
    words = f"HTTP {response.status}{asked}"
    if (fault := _FAULTS.get(response.status)) is None:
        return PeerUnreachable(words, retry_after_s=wait_s)
    trouble = Trouble(fault, words)
    trouble.retry_after_s = wait_s
    return trouble


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
