"""What a partner's software runs on, real and in a process of its own, so that its memory is nobody else's.

It says how it is reached, and ends with its pipe.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiohttp import web

from benchmarks.children import child

HOST = "127.0.0.1"
_MOST_BYTES = 200 << 20  # of one mail or call

Reached = dict[str, Any]


@contextmanager
def server(kind: str, folder: Path) -> Iterator[Reached]:
    """A server, and how it is reached."""
    with child(_serve, kind, folder) as one:
        yield one.answer()


@asynccontextmanager
async def _folder(root: Path) -> AsyncIterator[Reached]:
    yield {"options": {"path": str(root)}}


@asynccontextmanager
async def _sftp(root: Path) -> AsyncIterator[Reached]:
    from tests.filing.places import PASSWORD, USER, sftp_server  # noqa: PLC0415 - each server loads its own libraries

    async with sftp_server(root) as sftp:
        key = sftp.host_key.get_fingerprint()
        options = {"host": HOST, "port": sftp.port, "path": "/", "user": USER, "host_key": key, "timeout_s": 300}
        yield {"options": options, "secrets": {"password": PASSWORD}}


@asynccontextmanager
async def _webdav(root: Path) -> AsyncIterator[Reached]:
    from tests.filing.places import PASSWORD, USER, webdav_server  # noqa: PLC0415

    async with webdav_server(root) as webdav:
        options = {"url": webdav.url, "user": USER, "plain_http": True, "timeout_s": 300}
        yield {"options": options, "secrets": {"password": PASSWORD}}


@asynccontextmanager
async def _smtp(_: Path) -> AsyncIterator[Reached]:
    from tests.mail.servers import post_office  # noqa: PLC0415

    async with post_office(data_size_limit=_MOST_BYTES) as (_office, port):
        yield {"port": port}


@asynccontextmanager
async def _imap(root: Path) -> AsyncIterator[Reached]:
    from tests.mail.dovecot import PASSWORD, USER, dovecot  # noqa: PLC0415

    async with dovecot(root) as mailbox:
        yield {"port": mailbox.port, "user": USER, "password": PASSWORD, "maildir": str(mailbox.mail)}


@asynccontextmanager
async def _webhook(_: Path) -> AsyncIterator[Reached]:
    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    app = web.Application(client_max_size=_MOST_BYTES)
    app.router.add_post("/axis", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, 0).start()
    try:
        yield {"options": {"url": f"http://{HOST}:{runner.addresses[0][1]}/axis", "package": "body"}}
    finally:
        await runner.cleanup()


_SERVERS: dict[str, Callable[[Path], AbstractAsyncContextManager[Reached]]] = {
    "folder": _folder,
    "sftp": _sftp,
    "webdav": _webdav,
    "smtp": _smtp,
    "imap": _imap,
    "webhook": _webhook,
}


def _serve(pipe: Connection, kind: str, root: Path) -> None:
    async def serve() -> None:
        async with _SERVERS[kind](root) as reached:
            pipe.send(reached)
            with suppress(EOFError):
                await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())
