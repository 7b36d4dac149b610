"""What a partner's software runs on, real and in a process of its own, so that its memory is nobody else's.

`python -m benchmarks.servers KIND FOLDER` says how it is reached, as a line of JSON, and ends with its standard input.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

HOST = "127.0.0.1"
_MOST_BYTES = 200 << 20  # of one mail or call

Reached = dict[str, Any]


@contextmanager
def server(kind: str, folder: Path) -> Iterator[Reached]:
    """A server, and how it is reached."""
    command = [sys.executable, "-m", "benchmarks.servers", kind, str(folder)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


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


async def _serve(kind: str, root: Path) -> None:
    async with _SERVERS[kind](root) as reached:
        print(json.dumps(reached), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Path(sys.argv[2])))
