"""Real places: a folder, and servers that give out one."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
from cheroot.ssl.builtin import BuiltinSSLAdapter
from cheroot.wsgi import Server as WsgiServer
from wsgidav.wsgidav_app import WsgiDAVApp

from adapters.folder.local import LocalPlace
from adapters.sftp.server import Server as SftpServerAt
from adapters.sftp.server import SftpPlace
from adapters.webdav.server import Server as WebdavServerAt
from adapters.webdav.server import WebdavPlace
from tests.filing.city import MakePlace, MakeServer

HOST, USER, PASSWORD = "127.0.0.1", "qlvb", "mật khẩu thử"


@asynccontextmanager
async def folder(root: Path) -> AsyncIterator[MakePlace]:
    yield lambda: LocalPlace(root)


# ── SFTP ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Sftp:
    """An SSH server of the tests, and how it misbehaves."""

    root: Path
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    client_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    port: int = 0
    cut_after: int | None = None  # bytes that are written until the line breaks
    refuse_writes: type[Exception] | None = None
    written: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    no_extensions: bool = False

    def at(self, **changed: Any) -> SftpServerAt:
        """How it is reached."""
        chosen: dict[str, Any] = {
            "host": HOST,
            "port": self.port,
            "user": USER,
            "path": "/",
            "host_keys": (self.host_key.get_fingerprint(),),
            "password": PASSWORD,
            "timeout_s": 10.0,
            **changed,
        }
        return SftpServerAt(**chosen)


class _Door(asyncssh.SSHServer):
    def __init__(self, sftp: Sftp) -> None:
        self._sftp = sftp

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._sftp.connections.append(conn)

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key == self._sftp.client_key.convert_to_public()


def _files(sftp: Sftp) -> Callable[[asyncssh.SSHServerChannel[bytes]], asyncssh.SFTPServer]:
    class Files(asyncssh.SFTPServer):
        """Files below the root, as told."""

        def __init__(self, channel: asyncssh.SSHServerChannel[bytes]) -> None:
            super().__init__(channel, chroot=str(sftp.root).encode())

        def write(self, file_obj: object, offset: int, data: bytes) -> int:
            if sftp.refuse_writes is not None:
                raise sftp.refuse_writes("no")
            sftp.written += len(data)
            if sftp.cut_after is not None and sftp.written > sftp.cut_after:
                sftp.cut_after = None
                for connection in sftp.connections:
                    connection.abort()
            return super().write(file_obj, offset, data)  # type: ignore[return-value]

        def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            if sftp.no_extensions:
                raise asyncssh.SFTPOpUnsupported("no")
            super().posix_rename(oldpath, newpath)

        def fsync(self, file_obj: object) -> None:
            if sftp.no_extensions:
                raise asyncssh.SFTPOpUnsupported("no")
            super().fsync(file_obj)

    return Files


@asynccontextmanager
async def sftp_server(root: Path) -> AsyncIterator[Sftp]:
    """asyncssh's own server."""
    sftp = Sftp(root)
    server = await asyncssh.listen(
        HOST,
        0,
        server_factory=lambda: _Door(sftp),
        server_host_keys=[sftp.host_key],
        sftp_factory=_files(sftp),
    )
    sftp.port = server.get_port()
    try:
        yield sftp
    finally:
        server.close()
        for connection in sftp.connections:
            connection.abort()
        await server.wait_closed()


@asynccontextmanager
async def sftp(root: Path) -> AsyncIterator[MakePlace]:
    async with sftp_server(root) as server:
        places: list[SftpPlace] = []

        def make() -> SftpPlace:
            places.append(SftpPlace(server.at()))
            return places[-1]

        try:
            yield make
        finally:
            for place in places:
                await place.close()


# ── WebDAV ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Webdav:
    """A WebDAV server of the tests, and how it misbehaves."""

    url: str
    cut_after: int | None = None  # bytes of a body until the line breaks
    refuse: dict[str, str] = field(default_factory=dict)  # method -> status line
    answer: bytes | None = None  # in the place of every listing
    no_ranges: bool = False

    def at(self, **changed: Any) -> WebdavServerAt:
        """How it is reached."""
        chosen: dict[str, Any] = {"url": self.url, "user": USER, "password": PASSWORD, "timeout_s": 10.0, **changed}
        return WebdavServerAt(**chosen)


@contextmanager
def _thread(server: WsgiServer) -> Any:
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()


@asynccontextmanager
async def webdav_server(root: Path, pem: Path | None = None) -> AsyncIterator[Webdav]:
    """wsgidav behind cheroot."""
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": str(root)},
            "simple_dc": {"user_mapping": {"*": {USER: {"password": PASSWORD}}}},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
            "logging": {"enable": False},
            "property_manager": None,
            "lock_storage": None,
        }
    )
    told = Webdav(url="")

    def odd(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        method = environ["REQUEST_METHOD"]
        if method in told.refuse:
            length = int(environ.get("CONTENT_LENGTH") or 0)
            while length > 0 and (piece := environ["wsgi.input"].read(min(length, 65536))):
                length -= len(piece)
            status = told.refuse[method]
            led = [("Location", "/other/")] if status.startswith("3") else []
            start(status, [("Content-Length", "0"), *led])
            return [b""]
        if method == "PROPFIND" and told.answer is not None:
            start("207 Multi-Status", [("Content-Type", "application/xml"), ("Content-Length", str(len(told.answer)))])
            return [told.answer]
        if told.no_ranges:
            environ.pop("HTTP_RANGE", None)
        if method == "PUT" and told.cut_after is not None:
            environ["wsgi.input"].read(told.cut_after)
            told.cut_after = None
            connection = environ["wsgi.input"].rfile if hasattr(environ["wsgi.input"], "rfile") else None
            assert connection is not None
            raise ConnectionError("cut")
        return app(environ, start)

    server = WsgiServer((HOST, 0), odd, numthreads=4, timeout=5)
    server.error_log = lambda *_, **__: None
    if pem is not None:
        server.ssl_adapter = BuiltinSSLAdapter(str(pem), str(pem))
    with _thread(server):
        told.url = f"{'https' if pem else 'http'}://{HOST}:{server.bind_addr[1]}"
        yield told
        await asyncio.sleep(0)


@asynccontextmanager
async def webdav(root: Path) -> AsyncIterator[MakePlace]:
    async with webdav_server(root) as server:
        places: list[WebdavPlace] = []

        def make() -> WebdavPlace:
            places.append(WebdavPlace(server.at()))
            return places[-1]

        try:
            yield make
        finally:
            for place in places:
                await place.close()


PLACES: dict[str, MakeServer] = {"folder": folder, "sftp": sftp, "webdav": webdav}
