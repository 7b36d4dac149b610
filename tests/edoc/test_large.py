"""A large document in and out: memory stays flat on both sides, base64 in MIME parts included."""

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from adapters.edoc.calls import EdocClientOptions
from adapters.edoc.client import EdocClient
from axis.delivery.peer import Incoming, Outgoing
from axis.edxml.model import Limits
from axis.edxml.writer import write
from axis.terms import PackageKind
from tests.edoc.city import ORGAN, XD, YTE, serving, token_of
from tests.exchange.harness import Node, a_document, a_file

BLOCK = os.urandom(1 << 20)
LIMITS = Limits(package_bytes=400 << 20)
MOST_BYTES = 32 << 20  # for both ends together, in one process: a third of the package


class Memory:
    """How far this process has grown since it was made."""

    def __init__(self) -> None:
        gc.collect()
        self._process = psutil.Process()
        self._before = self._process.memory_info().rss
        self.growth_bytes = 0

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            self.growth_bytes = max(self.growth_bytes, self._process.memory_info().rss - self._before)
            await asyncio.sleep(0.02)


def a_package(folder: Path, blocks: int, number: str) -> tuple[Path, str]:
    """A package of one file of random bytes: where it lies, and its digest."""
    content, path = folder / "tep.bin", folder / "package.edxml"
    with content.open("wb") as file:
        for _ in range(blocks):
            file.write(BLOCK)
    with path.open("wb") as out:
        write(a_document("H24.15", number=number, files=(replace(a_file(), content=content),)), out)
    content.unlink()
    with path.open("rb") as file:
        return path, hashlib.file_digest(file, "sha256").hexdigest()


async def send_and_fetch(node: Node, tmp_path: Path, blocks: int, number: str = "101") -> tuple[int, int]:
    """Sizes of what went, and growth of memory, both ends together."""
    path, digest = await asyncio.to_thread(a_package, tmp_path, blocks, number)
    size_bytes = (await asyncio.to_thread(path.stat)).st_size

    async def pieces() -> AsyncIterator[bytes]:
        with path.open("rb") as file:
            while chunk := await asyncio.to_thread(file.read, 1 << 18):
                yield chunk

    def client(url: str, system_id: str) -> EdocClient:
        options = EdocClientOptions(
            endpoint=f"{url}/edoc",
            organ_id=ORGAN[system_id],
            token=token_of(system_id),
            scratch=tmp_path,
            limits=LIMITS,
            timeout_s=300.0,
        )
        return EdocClient(options, None, node.clock)

    outgoing = Outgoing(
        package_id="P",
        kind=PackageKind.DOCUMENT,
        size_bytes=size_bytes,
        sha256_hex=digest,
        from_organ="H24.11",
        request_id="r",
    )
    async with serving(node, tmp_path / "data", limits=LIMITS, body_idle_s=300.0) as city:
        yte, xd = client(city.url, YTE), client(city.url, XD)
        await xd.health()
        memory = Memory()
        watching = asyncio.create_task(memory.watch())
        ref = (await yte.send(outgoing, pieces)).ref
        got = hashlib.sha256()
        async with xd.fetch(Incoming(ref=ref, kind=PackageKind.DOCUMENT)) as stream:
            async for piece in stream:
                got.update(piece)
        watching.cancel()
        assert got.hexdigest() == digest
        assert city.temporary_files() == []
        for one in (yte, xd):
            await one.close()
    return size_bytes, memory.growth_bytes


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_a_document_of_100_mb_takes_little_memory(node: Node, tmp_path: Path) -> None:
    await send_and_fetch(node, tmp_path, 3)
    size_bytes, growth_bytes = await send_and_fetch(node, tmp_path, 76, "102")
    assert size_bytes > 100 << 20
    assert growth_bytes < MOST_BYTES
    print(size_bytes, growth_bytes)  # noqa: T201 - a figure for whoever runs it
