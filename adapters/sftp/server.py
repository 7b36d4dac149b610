"""A folder on an SFTP server as a place: one connection, made when it is needed and made anew once it is lost.

No key is trusted but those that are pinned; no configuration, agent or known_hosts of this machine has a say. Links
are not followed where the protocol can tell them; what stands behind the folder is the server's to guard.
"""

import asyncio
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, cast

import asyncssh
from asyncssh.constants import FILEXFER_TYPE_DIRECTORY, FILEXFER_TYPE_REGULAR

from adapters.checking import Fault, Trouble, fault_of
from adapters.filing.place import MOST_ENTRIES, Entry, EntryKind, Gone, Spot
from axis.errors import Code, Malformed
from axis.pieces import PIECE_BYTES
from axis.text import one_line

_CONNECT_S = 20.0
_KEEPALIVE_S = 30.0
_WORDS = 200
_ABSENT: Final = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_FAULTS: Final[tuple[tuple[type[Exception], Fault], ...]] = (
    (asyncssh.HostKeyNotVerifiable, Fault.HOST_KEY_DIFFERS),
    (asyncssh.PermissionDenied, Fault.LOGIN_REFUSED),
    (asyncssh.SFTPNoSuchFile, Fault.FOLDER_MISSING),
    (asyncssh.SFTPNoSuchPath, Fault.FOLDER_MISSING),
    (asyncssh.SFTPPermissionDenied, Fault.NOT_WRITABLE),
    (asyncssh.SFTPWriteProtect, Fault.NOT_WRITABLE),
    (asyncssh.SFTPNoSpaceOnFilesystem, Fault.NO_SPACE),
    (asyncssh.SFTPQuotaExceeded, Fault.NO_SPACE),
    (asyncssh.SFTPNoConnection, Fault.CONNECTION_LOST),
    (asyncssh.SFTPConnectionLost, Fault.CONNECTION_LOST),
    (asyncssh.DisconnectError, Fault.CONNECTION_LOST),
    (asyncssh.ChannelOpenError, Fault.CONNECTION_LOST),
)
_FAILURES: Final = (asyncssh.Error, OSError, TimeoutError)
_RSA: Final = ("rsa-sha2-512", "rsa-sha2-256")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where, as whom, and which server that is."""

    host: str
    port: int
    user: str
    path: str
    host_keys: tuple[str, ...]  # fingerprints
    password: str | None = field(default=None, repr=False)
    client_key: asyncssh.SSHKey | None = field(default=None, repr=False)
    timeout_s: float = 60.0


def read_host_keys(text: str) -> tuple[str, ...]:
    """The fingerprints of pinned keys. Raises Malformed(BAD_SETTINGS)."""
    pins = []
    for part in filter(None, (one.strip() for one in text.split(","))):
        if part.startswith("SHA256:"):
            pins.append(part.split()[0])
            continue
        try:
            pins.append(asyncssh.import_public_key(part).get_fingerprint())
        except asyncssh.KeyImportError as e:
            raise Malformed(Code.BAD_SETTINGS, "not a public key of SSH", at="option host_key") from e
    return tuple(pins)


def read_client_key(text: str) -> asyncssh.SSHKey:
    """The account's key. Raises Malformed(BAD_SETTINGS), never with what it is."""
    try:
        return asyncssh.import_private_key(text.strip() + "\n")
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as e:
        detail = "not a private key of SSH, or one with a passphrase"
        raise Malformed(Code.BAD_SETTINGS, detail, at="secret private_key") from e


class _Pinned(asyncssh.SSHClient):
    """Trusts the pinned keys, and keeps which one was shown."""

    def __init__(self, pins: tuple[str, ...]) -> None:
        self._pins = pins
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Whether the key is one that is pinned."""
        self.shown = key.get_fingerprint()
        return self.shown in self._pins


class SftpPlace:
    """One folder on a server."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: asyncssh.SSHClientConnection | None = None
        self._client: asyncssh.SFTPClient | None = None
        self._turn = asyncio.Lock()

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        """What lies in a folder."""
        found: list[Entry] = []
        async with self._session() as sftp, asyncio.timeout(self._server.timeout_s):
            async for one in sftp.scandir(self._path(folder)):
                name = one.filename if isinstance(one.filename, str) else one.filename.decode("utf-8", "replace")
                if name in {".", ".."}:
                    continue
                found.append(_entry(name, one.attrs))
                if len(found) >= MOST_ENTRIES:
                    break
        return tuple(found)

    async def stat(self, spot: Spot) -> Entry | None:
        """What lies at a spot."""
        async with self._session() as sftp:
            return await self._look(sftp, spot)

    @asynccontextmanager
    async def read(self, spot: Spot, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """A file's bytes."""
        async with self._session() as sftp:
            entry = await self._look(sftp, spot)
            if entry is None or entry.kind is not EntryKind.FILE:
                raise Gone(spot.name)
            try:
                async with asyncio.timeout(self._server.timeout_s):
                    file = await sftp.open(self._path(spot.folder, spot.name), "rb")
            except _ABSENT as e:
                raise Gone(spot.name) from e
        try:
            yield self._pieces(file, start)
        finally:
            with suppress(*_FAILURES):
                await file.close()

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:  # noqa: ARG002 - the port
        """Write a new file."""
        async with self._session() as sftp, asyncio.timeout(self._server.timeout_s):
            file = await sftp.open(self._path(spot.folder, spot.name), "xb")
        try:
            place = 0
            async for piece in content:
                async with self._session(), asyncio.timeout(self._server.timeout_s):
                    place += await file.write(piece, place)
            async with self._session(), asyncio.timeout(self._server.timeout_s):
                with suppress(asyncssh.SFTPOpUnsupported):  # then closing is all that can be asked for
                    await file.fsync()
        finally:
            async with self._session():
                await file.close()

    async def move(self, spot: Spot, to: Spot) -> bool:
        """Rename in one step, over what lies there."""
        source, target = self._path(spot.folder, spot.name), self._path(to.folder, to.name)
        async with self._session() as sftp, asyncio.timeout(self._server.timeout_s):
            try:
                try:
                    await sftp.posix_rename(source, target)
                except asyncssh.SFTPOpUnsupported:  # what lies there is an earlier try of the same, and ours
                    await self._rename_over(sftp, source, target)
            except _ABSENT:
                if await self._look(sftp, spot) is None:
                    return False
                raise
        return True

    async def remove(self, spot: Spot) -> bool:
        """Remove a file."""
        async with self._session() as sftp, asyncio.timeout(self._server.timeout_s):
            try:
                await sftp.remove(self._path(spot.folder, spot.name))
            except _ABSENT:
                return False
        return True

    async def make(self, folder: str) -> None:
        """Make a folder in the root, which must be there."""
        path = self._path(folder)
        async with self._session() as sftp, asyncio.timeout(self._server.timeout_s):
            try:
                attrs = await sftp.lstat(path)
            except _ABSENT:
                await sftp.stat(self._server.path)
                with suppress(asyncssh.SFTPFailure, asyncssh.SFTPFileAlreadyExists):  # another node was faster
                    await sftp.mkdir(path)
                attrs = await sftp.lstat(path)
        if _kind(attrs) is not EntryKind.FOLDER:
            raise Trouble(Fault.FOLDER_MISSING, f"{folder} is no folder, or a link to one")

    async def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection, self._client = self._connection, None, None
        if connection is not None:
            connection.close()
            with suppress(*_FAILURES):
                await connection.wait_closed()

    # ── the connection ─────────────────────────────────────────────────────────────────────────────────────────

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[asyncssh.SFTPClient]:
        """The client; a failure of the line makes the next call connect anew."""
        try:
            yield await self._connected()
        except _FAILURES as e:
            fault = next((fault for kind, fault in _FAULTS if isinstance(e, kind)), None) or fault_of(e)
            if fault in {Fault.CONNECTION_LOST, Fault.NO_ANSWER}:
                await self.close()
            raise Trouble(fault, one_line(str(e) or type(e).__name__, _WORDS)) from e

    async def _connected(self) -> asyncssh.SFTPClient:
        async with self._turn:
            if self._client is not None and self._connection is not None and not self._connection.is_closed():
                return self._client
            await self.close()
            pinned = _Pinned(self._server.host_keys)
            try:
                async with asyncio.timeout(_CONNECT_S):
                    self._connection = await self._connect(pinned)
                    self._client = await self._connection.start_sftp_client(
                        path_encoding="utf-8", path_errors="surrogateescape"
                    )
            except asyncssh.HostKeyNotVerifiable as e:
                raise Trouble(Fault.HOST_KEY_DIFFERS, f"the server shows the key {pinned.shown}") from e
            return self._client

    async def _connect(self, pinned: _Pinned) -> asyncssh.SSHClientConnection:
        server = self._server
        return await asyncssh.connect(
            server.host,
            server.port,
            username=server.user,
            password=server.password,
            client_keys=[server.client_key] if server.client_key else None,
            known_hosts=([], [], []),
            client_factory=lambda: pinned,
            config=None,
            agent_path=None,
            keepalive_interval=_KEEPALIVE_S,
        )

    async def _look(self, sftp: asyncssh.SFTPClient, spot: Spot) -> Entry | None:
        try:
            async with asyncio.timeout(self._server.timeout_s):
                return _entry(spot.name, await sftp.lstat(self._path(spot.folder, spot.name)))
        except _ABSENT:
            return None

    async def _pieces(self, file: asyncssh.SFTPClientFile, start: int) -> AsyncIterator[bytes]:
        place = start
        while True:
            async with self._session(), asyncio.timeout(self._server.timeout_s):
                piece = await file.read(PIECE_BYTES, place)
            if not piece:
                return
            yield cast("bytes", piece)  # opened in binary mode
            place += len(piece)

    @staticmethod
    async def _rename_over(sftp: asyncssh.SFTPClient, source: str, target: str) -> None:
        await sftp.lstat(source)
        with suppress(*_ABSENT):
            await sftp.remove(target)
        await sftp.rename(source, target)

    def _path(self, folder: str, name: str | None = None) -> str:
        path = f"{self._server.path.rstrip('/')}/{folder}"
        return path if name is None else f"{path}/{name}"


def _entry(name: str, attrs: asyncssh.SFTPAttrs) -> Entry:
    return Entry(
        name=name,
        kind=_kind(attrs),
        size_bytes=attrs.size or 0,
        modified_at=datetime.fromtimestamp(attrs.mtime or 0, UTC),
    )


def _kind(attrs: asyncssh.SFTPAttrs) -> EntryKind:
    mode = attrs.permissions
    if attrs.type == FILEXFER_TYPE_DIRECTORY or (mode is not None and stat.S_ISDIR(mode)):
        return EntryKind.FOLDER
    if attrs.type == FILEXFER_TYPE_REGULAR or (mode is not None and stat.S_ISREG(mode)):
        return EntryKind.FILE
    return EntryKind.OTHER
