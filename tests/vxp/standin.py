"""An exchange that takes any bytes and gives them out: for what the real one would refuse or take too long over."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

from axis.delivery.directory import CurrentDirectory
from axis.errors import Code, NotFound
from axis.exchange.service import Exchange
from axis.exchange.values import Accepted, Acknowledgement, Outcome, PackageContent, Source
from axis.ids import PackageId
from axis.store.spool import Spooled
from axis.terms import PackageKind

Chunks = Callable[[], AsyncIterator[bytes]]


class AnyBytes:
    """Keeps bodies in memory, and packages that a test makes up."""

    def __init__(self, directory: CurrentDirectory) -> None:
        self.directory = directory
        self.packages: dict[str, PackageContent] = {}
        self.handed_over: list[str] = []
        self.acknowledged: list[tuple[str, Acknowledgement]] = []

    def as_exchange(self) -> Exchange:
        """What the front takes it for."""
        return cast("Exchange", self)

    def check_intake(self) -> None:
        """Always open."""

    def add(self, package_id: str, chunks: Chunks, size_bytes: int, sha256_hex: str) -> None:
        """A package to be fetched."""
        self.packages[package_id] = PackageContent(
            package_id=PackageId(package_id),
            kind=PackageKind.DOCUMENT,
            size_bytes=size_bytes,
            sha256_hex=sha256_hex,
            chunks=chunks,
        )

    async def accept(self, _: Source, spooled: Spooled) -> Accepted:
        """Keep a body, whatever it is."""
        content = spooled.content.read_bytes() if isinstance(spooled.content, Path) else spooled.content
        assert hashlib.sha256(content).hexdigest() == spooled.sha256_hex
        package_id = f"P{len(self.packages)}"

        async def chunks() -> AsyncIterator[bytes]:
            for start in range(0, len(content), 1000):
                yield content[start : start + 1000]

        self.add(package_id, chunks, spooled.size_bytes, spooled.sha256_hex)
        return Accepted(
            outcome=Outcome.ACCEPTED, kind=PackageKind.DOCUMENT, package_id=PackageId(package_id), document_uid=None
        )

    async def open_package(self, _: str, package_id: str) -> PackageContent:
        """A package for anybody."""
        if package_id not in self.packages:
            raise NotFound(Code.NOT_FOUND, package_id)
        return self.packages[package_id]

    async def record_hand_over(self, _: str, package_id: str) -> None:
        """Note it."""
        self.handed_over.append(package_id)

    async def acknowledge(self, _: str, package_id: str, word: Acknowledgement) -> None:
        """Note it."""
        self.acknowledged.append((package_id, word))
