"""A city whose building department has a DMS that only reads and writes files; the place is any of ours."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.base import PeerParts
from adapters.filing.options import FilingOptions
from adapters.filing.peer import FilingPeer
from adapters.filing.place import Entry, Place, Spot
from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.partner import Partner
from axis.exchange.inbox import Inbox, InboxPolicy
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.exchange.values import Source
from axis.ids import SystemId
from axis.store import systems
from axis.store.systems import Pushing
from axis.terms import Origin
from tests.exchange.harness import Node

DMS = "dms-xd"  # serves H24.15
ORGAN = "H24.15"
MakePlace = Callable[[], Place]


class Fails(Exception):
    """The process dies here."""


@dataclass
class Faulty:
    """A place that fails at the n-th call, before or after doing it, as a process that is killed there."""

    place: Place
    fail_at: int = 0  # 0: never
    after: bool = False
    calls: int = 0
    log: list[str] = field(default_factory=list)

    async def _call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls += 1
        self.log.append(name)
        if self.calls == self.fail_at and not self.after:
            raise Fails(name)
        result = await work()
        if self.calls == self.fail_at:
            raise Fails(name)
        return result

    async def entries(self, folder: str) -> tuple[Entry, ...]:
        return await self._call(f"entries {folder}", lambda: self.place.entries(folder))

    async def stat(self, spot: Spot) -> Entry | None:
        return await self._call("stat", lambda: self.place.stat(spot))

    @asynccontextmanager
    async def read(self, spot: Spot, *, start: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        self.calls += 1
        self.log.append("read")
        if self.calls == self.fail_at:
            raise Fails("read")
        async with self.place.read(spot, start=start) as pieces:
            yield pieces

    async def put(self, spot: Spot, content: AsyncIterator[bytes], size_bytes: int) -> None:
        await self._call(f"put {spot.folder}", lambda: self.place.put(spot, content, size_bytes))

    async def move(self, spot: Spot, to: Spot) -> bool:
        return await self._call(f"move {spot.folder} {to.folder}", lambda: self.place.move(spot, to))

    async def remove(self, spot: Spot) -> bool:
        if self.fail_at and self.calls >= self.fail_at:
            raise Fails("remove")  # a dead process clears nothing away
        return await self._call("remove", lambda: self.place.remove(spot))

    async def make(self, folder: str) -> None:
        await self._call("make", lambda: self.place.make(folder))

    async def close(self) -> None:
        await self.place.close()


@dataclass
class Dms:
    """The DMS's side: plain files."""

    root: Path

    def names(self, folder: str = "to-dms") -> list[str]:
        path = self.root / folder
        return sorted(entry.name for entry in path.iterdir()) if path.exists() else []

    def told(self) -> list[dict[str, Any]]:
        """What the JSON files say, oldest package first."""
        return [json.loads(self.read(name)) for name in self.names() if name.endswith(".json")]

    def read(self, name: str, folder: str = "to-dms") -> bytes:
        return (self.root / folder / name).read_bytes()

    def drop(self, name: str, content: bytes | dict[str, object]) -> Path:
        """Write a file for the node."""
        folder = self.root / "from-dms"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, ensure_ascii=False).encode())
        return path

    def take(self) -> None:
        """Take everything away, the JSON files last."""
        for name in sorted(self.names(), key=lambda one: one.endswith(".json")):
            (self.root / "to-dms" / name).unlink()

    def errors(self) -> list[str]:
        """What the notes of errors say."""
        return [self.read(name, "errors").decode() for name in self.names("errors") if name.endswith(".error.txt")]

    def status(self, told: Mapping[str, Any], status: str, **more: object) -> dict[str, object]:
        """A status on what a JSON file told."""
        return {"kind": "status", "document": told["reply"], "organ_id": ORGAN, "status": status, **more}


class FilingCity:
    """A node and its loops, and the DMS."""

    def __init__(self, node: Node, root: Path, make_place: MakePlace, options: FilingOptions) -> None:
        self.node = node
        self.dms = Dms(root)
        self.make_place = make_place
        self.options = options
        self.start()

    def start(self, place: Place | None = None) -> None:
        """The node's process begins (again): nothing in memory."""
        self.place = place or self.make_place()
        self.peer = FilingPeer(self.place, self.options, PeerParts(clock=self.node.clock))
        self.partners = Partners(self.node.directory, [], self._make)
        policy = OutboxPolicy(
            sending=SendingPolicy(backoff=Backoff(delays_s=(30,), give_up_s=3600, jitter=0)),
            circuit=CircuitPolicy(failures=50),
            lease_s=1.0,
        )
        self.outbox = Outbox(self.node.context, self.partners, policy)
        source = Source(system_id=SystemId(DMS), origin=Origin.LOCAL)
        self.inbox = Inbox(self.node.context, self.node.exchange, self.peer, source, InboxPolicy())

    def _make(self, _: Partner) -> FilingPeer:
        return self.peer

    async def connect(self) -> None:
        """From now on the DMS is pushed to."""
        pushing = Pushing(adapter="folder", options="{}", secrets_encrypted=None)
        at = self.node.clock.now()
        await self.node.store.write(lambda c: systems.set_pushing(c, DMS, pushing, at, "test"))
        await self.node.directory.refresh()

    async def push(self) -> None:
        """Rounds until nothing is due."""
        while await self.outbox.work():
            pass

    async def later(self, **delta: float) -> None:
        """Let time pass, and push what is due then."""
        self.node.clock.advance(**delta)
        await self.push()

    async def collect(self, *, rounds: int = 2) -> int:
        """Look as often as it takes for what lies there to count as complete."""
        taken = 0
        for _ in range(rounds):
            taken += await self.inbox.poll()
            self.node.clock.advance(seconds=self.options.settle_s + 1)
        return taken + await self.inbox.poll()

    async def documents(self) -> int:
        """How many documents the node has."""
        return await self.node.count("document")


def by_hand(folder: Path, name: str, target: str) -> None:
    """A link, in the DMS's folder."""
    folder.mkdir(exist_ok=True)
    (folder / name).symlink_to(target)


def seen(root: Path, *, unfinished: bool = False) -> list[str]:
    """What a DMS sees of what is for it: names of unfinished writes are passed over, unless asked for."""
    return [entry.name for entry in (root / "to-dms").iterdir() if unfinished or not entry.name.startswith(".")]


MakeServer = Callable[[Path], AbstractAsyncContextManager[MakePlace]]
