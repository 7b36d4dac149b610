"""Files side by side: packages laid out and taken over each place. `python -m benchmarks.filing [--quick]`.

The node's half runs in this process, the servers in another, so that memory is the node's half's alone. What is taken
is only read here, not accepted: the figures are the dialect's own cost, durable on the disk at each step.
"""

import argparse
import asyncio
import multiprocessing
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from adapters.base import PeerParts
from adapters.filing.options import FilingOptions
from adapters.filing.peer import FilingPeer
from adapters.filing.place import Place, file_pieces
from adapters.folder.local import LocalPlace
from adapters.sftp.server import Server as SftpAt
from adapters.sftp.server import SftpPlace
from adapters.webdav.server import Server as WebdavAt
from adapters.webdav.server import WebdavPlace
from axis.clock import SystemClock
from axis.delivery.peer import Outgoing, Recipient
from axis.ids import new_id
from axis.terms import PackageKind
from benchmarks.packages import numbered, template
from tests.filing.places import sftp_server, webdav_server

PLACES = ("folder", "sftp", "webdav")


def main() -> None:
    """Measure each place with each size, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.filing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a smoke test: few and small packages")
    sizes = ((20_000, 20), (2_000_000, 1)) if parser.parse_args().quick else ((20_000, 300), (50_000_000, 2))
    table = Table(title="Filing: packages/s and growth of memory")
    for heading in ("place", "MB", "packages", "laid out/s", "taken/s", "growth MB"):
        table.add_column(heading, justify="right")
    for kind in PLACES:
        for size_bytes, count in sizes:
            with tempfile.TemporaryDirectory(prefix="axis-bench-") as folder, _server(kind, Path(folder)) as place:
                figures = asyncio.run(_measure(place, Path(folder), size_bytes, count))
            table.add_row(kind, f"{size_bytes / 1e6:g}", str(count), *(f"{one:.1f}" for one in figures))
    Console().print(table)


async def _measure(place: Place, root: Path, size_bytes: int, count: int) -> tuple[float, float, float]:
    peer = FilingPeer(place, FilingOptions(settle_s=0, batch=5000), PeerParts(clock=SystemClock()))
    parts = template(size_bytes)
    await peer.health()
    written = [(root / "from-dms" / f"{number}.edxml", numbered(parts, number)) for number in range(count)]
    sizes = [(path, path.write_bytes(package)) for path, package in written]
    del parts, written
    with _growth() as growth:
        begun = time.perf_counter()
        for path, size in sizes:
            await _lay_out(peer, path, size)
        out_s, begun = time.perf_counter() - begun, time.perf_counter()
        taken = 0
        while taken < count:
            for item in await peer.poll():
                async with peer.fetch(item) as pieces:
                    async for _ in pieces:
                        pass
                await peer.confirm(item, ok=True)
                taken += 1
        in_s = time.perf_counter() - begun
    await peer.close()
    return count / out_s, count / in_s, growth[0]


async def _lay_out(peer: FilingPeer, package: Path, size_bytes: int) -> None:
    receiver = Recipient(organ_id="H24.15", name=None, email=None, addressed_as="H24.15")
    outgoing = Outgoing(
        package_id=new_id(SystemClock().now()),
        kind=PackageKind.DOCUMENT,
        size_bytes=size_bytes,
        sha256_hex="0" * 64,
        from_organ="H24.11",
        request_id="bench",
        receivers=(receiver,),
    )
    await peer.send(outgoing, lambda: file_pieces(package))


@contextmanager
def _server(kind: str, root: Path) -> Iterator[Place]:
    """The place; its server runs in a process of its own."""
    if kind == "folder":
        yield LocalPlace(root)
        return
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(kind, root, theirs), daemon=True)
    process.start()
    try:
        yield SftpPlace(SftpAt(**ours.recv())) if kind == "sftp" else WebdavPlace(WebdavAt(**ours.recv()))
    finally:
        process.terminate()
        process.join()


def _serve(kind: str, root: Path, told: Connection) -> None:
    async def run() -> None:
        if kind == "sftp":
            async with sftp_server(root) as sftp:
                at = sftp.at(timeout_s=300.0)
                names = ("host", "port", "user", "path", "host_keys", "password", "timeout_s")
                told.send({name: getattr(at, name) for name in names})
                await asyncio.sleep(3600)
        async with webdav_server(root) as webdav:
            served = webdav.at(timeout_s=300.0)
            told.send({name: getattr(served, name) for name in ("url", "user", "password", "timeout_s")})
            await asyncio.sleep(3600)

    asyncio.run(run())


@contextmanager
def _growth() -> Iterator[list[float]]:
    """How much more memory this process held at its peak, in MB."""
    mine, over, found = psutil.Process(os.getpid()), threading.Event(), [0.0]
    before = most = mine.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not over.wait(0.02):
            most = max(most, mine.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
        found[0] = (most - before) / 2**20


if __name__ == "__main__":
    main()
