"""What our ends of HTTP dialects share: the body of an answer as it comes, and what its breaking off is called."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Final

import aiohttp

from axis.delivery.recording import REPLY_CHARACTERS, note_body, note_reply
from axis.errors import PeerUnreachable

_READ_BYTES: Final = 256 << 10
_REFUSAL_S: Final = 2.0  # for the beginning of an answer that is only looked at
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


def reason_of(error: Exception) -> str:
    """What went wrong, without addresses: details are shown to people outside."""
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
