"""Files that a page hands out to people: the name that their browser is told, and the bytes, a piece at a time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from urllib.parse import quote

from aiohttp import hdrs, web

from axis.text import ascii_name, file_name


def disposition(name: str) -> str:
    """Content-Disposition for a name that a stranger chose.

    Norm: RFC 6266, RFC 8187.
    """
    harmless = file_name(name)
    return f"attachment; filename=\"{ascii_name(harmless)}\"; filename*=UTF-8''{quote(harmless, safe='')}"


async def hand_out(
    request: web.Request, response: web.StreamResponse, pieces: AsyncGenerator[bytes]
) -> web.StreamResponse:
    """Answer with these bytes, or with the head alone where only that was asked for.

    What the pieces are read from is closed, though the caller hangs up.
    """
    async with aclosing(pieces) as chunks:
        await response.prepare(request)
        if request.method != hdrs.METH_HEAD:
            async for chunk in chunks:
                await response.write(chunk)
        await response.write_eof()
    return response
