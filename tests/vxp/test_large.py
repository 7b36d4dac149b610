"""A large package in and out: memory stays flat on both sides, base64 in JSON included."""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace

import psutil
import pytest

from adapters.vxp.wire import Operation
from axis.delivery.peer import Incoming, Outgoing
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import PackageId
from axis.store.spool import Spooled
from axis.terms import PackageKind
from tests.exchange.harness import Node
from tests.vxp.city import YTE, City, client_of, front_of, serving
from tests.vxp.standin import AnyBytes

SIZE = 200 << 20
BLOCK = os.urandom(256 << 10)
GROWTH_BYTES = 48 << 20  # for both ends together, in one process; one copy of the package would be four times as much


class OnlyMeasured(AnyBytes):
    """Takes a body without reading it into memory."""

    taken: list[Spooled]

    async def accept(self, _: Source, spooled: Spooled) -> Accepted:
        """Note what came."""
        self.taken = [spooled]
        return Accepted(
            outcome=Outcome.ACCEPTED, kind=PackageKind.DOCUMENT, package_id=PackageId("P"), document_uid=None
        )


async def content() -> AsyncIterator[bytes]:
    """The package."""
    for _ in range(SIZE // len(BLOCK)):
        yield BLOCK


@pytest.fixture(scope="module")
def digest() -> str:
    sha256 = hashlib.sha256()
    for _ in range(SIZE // len(BLOCK)):
        sha256.update(BLOCK)
    return sha256.hexdigest()


class Memory:
    """How far this process has grown since it was made."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.growth_bytes = 0

    def look(self) -> None:
        self.growth_bytes = max(self.growth_bytes, self._process.memory_info().rss - self._before)


@pytest.mark.parametrize("operation", [Operation.GET_EDOC, Operation.DOWNLOAD_EDOC])
async def test_a_large_package_is_fetched_in_flat_memory(node: Node, digest: str, operation: Operation) -> None:
    standin = AnyBytes(node.directory)
    standin.add("P", content, SIZE, digest)
    async with serving(front_of(standin.as_exchange(), node)) as endpoint:
        client = client_of(endpoint, node, YTE, fetch_by=operation)
        await client.update_status("P", "processing")
        memory, sha256, size_bytes = Memory(), hashlib.sha256(), 0
        async with client.fetch(Incoming(ref="P", kind=PackageKind.DOCUMENT)) as chunks:
            async for chunk in chunks:
                sha256.update(chunk)
                size_bytes += len(chunk)
                memory.look()
        await client.close()
    assert (size_bytes, sha256.hexdigest()) == (SIZE, digest)
    assert memory.growth_bytes < GROWTH_BYTES


async def test_a_large_package_is_sent_in_flat_memory(node: Node, digest: str) -> None:
    standin = OnlyMeasured(node.directory)
    async with serving(front_of(standin.as_exchange(), node, package_bytes=SIZE)) as endpoint:
        city = City(node, endpoint, node.store.blobs._directory.parent)
        client = client_of(endpoint, node, YTE)
        await client.update_status("P", "processing")
        memory = Memory()

        async def watched() -> AsyncIterator[bytes]:
            async for block in content():
                memory.look()
                yield block

        outgoing = Outgoing(
            package_id="P",
            kind=PackageKind.DOCUMENT,
            size_bytes=SIZE,
            sha256_hex=digest,
            from_organ="H24.11",
            request_id="01R",
        )
        assert (await client.send(outgoing, watched)).ref == "P"
        memory.look()
        await client.close()
    (taken,) = standin.taken
    assert replace(taken, content=b"") == Spooled(content=b"", sha256_hex=digest, size_bytes=SIZE)
    assert city.temporary_files() == []
    assert memory.growth_bytes < GROWTH_BYTES
