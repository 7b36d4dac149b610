"""Calls on addresses that strangers chose: certificates name them, webhooks subscribe with them.

http and https only, no redirects, and, unless the operator allows it, no private networks: names are resolved to public
addresses only, and the address that is connected to is looked at once more, whatever led to it. Answers are bounded in
time and size, and are not unpacked.
"""

import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from aiohttp import hdrs
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from axis.delivery.recording import note_body, note_reply, note_request

_CHUNK_BYTES: Final = 16 << 10
_PIECE_BYTES: Final = 256 << 10  # of a body; one that is shorter goes as it is
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")  # what lies beside it leads to no stranger, or to an IPv4 network
_IPV4_BITS: Final = 0xFFFFFFFF


class Forbidden(Exception):
    """The address may not be called."""


def is_public(host: str) -> bool:
    """Whether an address lies on the public internet; a name is no address."""
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & _IPV4_BITS)
        if inner is None:
            return address in _UNICAST and address.is_global
        address = inner  # what looks like another network leads to this one
    return address.is_global and not address.is_multicast


def check_url(text: str, *, private_addresses: bool) -> URL:
    """The address as it will be called. Raises Forbidden for one that may not be."""
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as e:
        raise Forbidden("not an address") from e
    if url.scheme not in ("http", "https") or not host or port is None:
        raise Forbidden("only http and https addresses are called")
    # yarl has made the host what will be connected to: other digits, dots and forms are one address by now.
    if not private_addresses and _is_address(host) and not is_public(host):
        raise Forbidden("a private address")
    return url


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only, so that a name cannot lead into private networks."""

    def __init__(self, *, private_addresses: bool) -> None:
        self._private = private_addresses
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> list[ResolveResult]:  # noqa: ANN401
        """The usable addresses of a host. Raises OSError when there is none."""
        found = await self._inner.resolve(host, port, family)
        usable = [row for row in found if self._private or is_public(row["host"])]
        if not usable:
            raise OSError(f"{host} has no public address")
        return usable

    async def close(self) -> None:
        """Nothing to let go of."""
        await self._inner.close()


def connector(*, private_addresses: bool) -> aiohttp.TCPConnector:
    """What connects to allowed addresses only."""

    def make_socket(address: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, protocol, _, where = address
        if not private_addresses and not is_public(str(where[0])):
            raise OSError("a private address")
        return socket.socket(family=family, type=kind, proto=protocol)

    resolver = PublicResolver(private_addresses=private_addresses)
    return aiohttp.TCPConnector(resolver=resolver, socket_factory=make_socket)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallBounds:
    """What a call may cost, and where it may go."""

    timeout_s: float = 15.0
    answer_bytes: int = 64 << 10
    private_addresses: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an address answered."""

    status: int
    retry_after_s: int | None  # what it asked for
    body: bytes


FAILURES = (Forbidden, aiohttp.ClientError, OSError, TimeoutError, ValueError)
"""What keeps a call from being answered; anything else is a mistake of ours."""


class Outward:
    """Posts to strangers' addresses."""

    def __init__(self, bounds: CallBounds) -> None:
        self._bounds = bounds
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes | bytearray, headers: dict[str, str]) -> Answered:
        """Post once. Raises what FAILURES lists."""
        address = check_url(url, private_addresses=self._bounds.private_addresses)
        session = self._open()
        data: bytes | bytearray | AsyncIterator[bytes] = body
        if len(body) > _PIECE_BYTES:  # whole, it would be copied into the connection's buffer
            data, headers = _pieces(body), {**headers, hdrs.CONTENT_LENGTH: str(len(body))}
        note_request("POST", url, headers.items())
        async with session.post(address, data=data, headers=headers, allow_redirects=False) as response:
            note_reply(response.status, response.headers.items())
            got = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                got += chunk[: self._bounds.answer_bytes - len(got)]
                if len(got) >= self._bounds.answer_bytes:
                    response.close()  # what it said first is enough
                    break
            note_body(bytes(got))
            return Answered(status=response.status, retry_after_s=_retry_after(response), body=bytes(got))

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(private_addresses=self._bounds.private_addresses),
                timeout=aiohttp.ClientTimeout(total=self._bounds.timeout_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
        return self._session


async def _pieces(body: bytes | bytearray) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield bytes(body[start : start + _PIECE_BYTES])


def failure_words(error: BaseException) -> str:
    """A failure in a few words; they may be shown to who chose the address."""
    text = "no answer in time" if isinstance(error, TimeoutError) else str(error)
    return f"{type(error).__name__}: {text}"[:300]


def _retry_after(response: aiohttp.ClientResponse) -> int | None:
    text = response.headers.get("Retry-After", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None  # noqa: PLR2004 - under 4 months


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    return True
