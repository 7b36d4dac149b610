"""An adapter of somebody else: a distribution of its own, made by hand, that the node finds by its entry point."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.about import About
from adapters.base import PeerParts, read_options
from adapters.checking import tls_context
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.errors import PeerRefused, PeerUnreachable


class PeerOptions(BaseModel):
    """Its options."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="Where it is.")
    ca_file: str = Field(default="", description="Its own authority.")
    wait_s: float = Field(default=2.5, description="How long it may take.")
    password: SecretStr = Field(min_length=4, description="What it lets us in by.")


about = About(
    vi="Dành cho thử nghiệm.", en="For tests.", options=PeerOptions, login_codes=frozenset({"401"}),
    clock_codes=frozenset({"419"}),
)  # fmt: skip


class SomebodysPeer:
    """Answers by HTTP status."""

    polls = False
    tells_receivers = False

    def __init__(self, options: PeerOptions) -> None:
        self.options = options
        self.closed = False

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:  # noqa: ARG002 - the port
        raise PeerUnreachable(outgoing.package_id)

    async def poll(self) -> tuple[Incoming, ...]:
        return ()

    def fetch(self, item: Incoming) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise PeerUnreachable(item.ref)

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """Nothing waits there."""

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:  # noqa: ARG002 - the port
        return ()

    async def health(self) -> None:
        tls = tls_context(self.options.ca_file) if self.options.url.startswith("https") else True
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(self.options.url, ssl=tls, timeout=aiohttp.ClientTimeout(total=5)) as answer,
            ):
                if answer.status >= 400:
                    raise PeerRefused(f"HTTP {answer.status}", peer_code=str(answer.status))
        except aiohttp.ClientError as e:
            raise PeerUnreachable(type(e).__name__) from e

    async def close(self) -> None:
        self.closed = True


def peer(partner: Partner, parts: PeerParts) -> SomebodysPeer:
    assert parts.clock is not None
    return SomebodysPeer(read_options(partner, PeerOptions))


def distribution(folder: Path, name: str, points: dict[str, str]) -> Path:
    """An installed distribution: with `folder` in sys.path its adapters are there."""
    info = folder / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = "\n".join(f"{point} = {module}" for point, module in points.items())
    (info / "entry_points.txt").write_text(f"[axis.adapters]\n{lines}\n")
    return folder


@contextmanager
def installed(folder: Path, *, first: bool = True) -> Iterator[None]:
    """Meanwhile the folder is searched, before the others or after."""
    sys.path.insert(0 if first else len(sys.path), str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
