"""The mailbox into which bounces come: what is new there is read, and put away once it has been dealt with.

IMAPClient speaks the protocol, in threads. A mail stays where it is until what it says is durable here; then it moves
to the folder of those that are done. What is no bounce stays, flagged, for people to see. Bodies are read up to a
bound: a report tells all it has to at its beginning, whatever it returns after that.

Norm: RFC 3501 (IMAP4rev1), RFC 6851 (MOVE, used where there is one).
"""

import asyncio
import imaplib
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from imapclient import IMAPClient, SocketTimeout  # type: ignore[import-untyped]  # ships no types
from imapclient.exceptions import IMAPClientError, LoginError  # type: ignore[import-untyped]  # as above

from axis.errors import PeerRefused, PeerUnreachable
from axis.text import one_line

T = TypeVar("T")
_PART_BYTES = 256 * 1024
_AT_ONCE = 20
_WORDS_CHARACTERS = 300
_FLAGGED: Final = b"\\Flagged"
_FAULTS: Final = (IMAPClientError, imaplib.IMAP4.error, OSError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """A mailbox, and who we are there."""

    host: str
    port: int
    security: str  # tls · starttls · none
    user: str
    password: str
    folder: str = "INBOX"
    done_folder: str = "Axis"
    ca_file: Path | None = None
    verify: bool = True
    timeout_s: float = 60.0

    def tls_context(self) -> ssl.SSLContext:
        """How the server's certificate is judged."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One mail in the mailbox, as far as it is read."""

    uid: int
    raw: bytes


class Mailbox:
    """One visit. An async context manager: entering it logs in. Raises PeerRefused and PeerUnreachable throughout."""

    def __init__(self, account: ImapAccount) -> None:
        self._account = account
        self._client: IMAPClient | None = None
        self._left = False  # nobody waits any more for the visit to begin

    async def __aenter__(self) -> Self:
        try:
            await self._in_thread(self._open)
        except asyncio.CancelledError:
            if self._client is not None:  # it may have been opened at that very moment, and nobody will leave it
                _drop(self._client)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._in_thread(self._close)

    async def new(self) -> tuple[Received, ...]:
        """What nobody has dealt with yet: the oldest, as many as fit into memory."""
        return await self._in_thread(self._new)

    async def put_away(self, done: Sequence[int], left: Sequence[int]) -> None:
        """Move those that are done, flag those that are left for people."""
        await self._in_thread(lambda: self._put_away(done, left))

    async def _in_thread(self, step: Callable[[], T]) -> T:
        """One step of the visit. Called off, the line is cut and the step's end awaited: never two at once."""
        task = asyncio.ensure_future(asyncio.to_thread(_guarded, step))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._left = True
            task.add_done_callback(_seen)
            if self._client is not None:  # else it is being reached still: the thread drops what it then has
                _cut(self._client)
                await asyncio.wait({task})
            raise

    # Below: in threads, one at a time.

    @property
    def _open_client(self) -> IMAPClient:
        assert self._client is not None  # noqa: S101 - entered
        return self._client

    def _open(self) -> None:
        account = self._account
        context = None if account.security == "none" else account.tls_context()
        client = IMAPClient(
            account.host,
            port=account.port,
            ssl=account.security == "tls",
            ssl_context=context,
            timeout=SocketTimeout(connect=account.timeout_s, read=account.timeout_s),
        )
        self._client = client
        try:
            self._check_wanted()
            if account.security == "starttls":
                client.starttls(context)
            client.login(account.user, account.password)
            client.select_folder(account.folder)
        except BaseException:
            _drop(client)
            raise

    def _check_wanted(self) -> None:
        if self._left:
            raise PeerUnreachable("the visit was called off")

    def _close(self) -> None:
        if self._client is None:
            return
        try:
            if not self._left:
                self._client.logout()
        except _FAULTS:
            pass
        finally:
            _drop(self._client)

    def _new(self) -> tuple[Received, ...]:
        uids = sorted(self._open_client.search(["UNFLAGGED", "UNDELETED"]))[:_AT_ONCE]
        if not uids:
            return ()
        part = f"BODY.PEEK[]<0.{_PART_BYTES}>"
        answers = self._open_client.fetch(uids, [part])
        return tuple(
            Received(uid=uid, raw=raw[:_PART_BYTES])
            for uid in uids
            if isinstance(raw := answers.get(uid, {}).get(b"BODY[]<0>"), bytes)
        )

    def _put_away(self, done: Sequence[int], left: Sequence[int]) -> None:
        client = self._open_client
        if left:
            client.add_flags(left, [_FLAGGED], silent=True)
        if not done:
            return
        folder = self._account.done_folder
        if not client.folder_exists(folder):
            client.create_folder(folder)
        if client.has_capability("MOVE"):
            client.move(done, folder)
        else:
            client.copy(done, folder)
            client.delete_messages(done, silent=True)
            client.expunge()


def _drop(client: IMAPClient) -> None:
    """End a connection that may be broken or ended already."""
    with suppress(*_FAULTS):
        client.shutdown()


def _cut(client: IMAPClient) -> None:
    """Make a thread that waits for the server's words find the line broken. Closing is for that thread."""
    with suppress(*_FAULTS):
        client.socket().shutdown(socket.SHUT_RDWR)


def _seen(task: asyncio.Future[T]) -> None:
    """What became of a step that nobody waits for: no news for anybody."""
    if not task.cancelled():
        task.exception()


def _guarded(function: Callable[[], T]) -> T:
    """Run what talks to the server, with its errors as those of the port to a partner."""
    try:
        return function()
    except LoginError as e:
        raise PeerRefused(f"the mailbox refused the log-in: {_words(e)}", retry="later") from e
    except ssl.SSLCertVerificationError as e:
        raise PeerUnreachable(f"the server's certificate is not trusted: {e.verify_message}") from e
    except _FAULTS as e:
        raise PeerUnreachable(_words(e)) from e


def _words(error: Exception) -> str:
    return one_line(str(error) or type(error).__name__, _WORDS_CHARACTERS)
