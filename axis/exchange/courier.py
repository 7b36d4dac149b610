"""Packages by courier: what waits for a system goes into one file that is carried there, and its answer comes back.

Packing is a hand-over like any other: the packages stay in the system's list until it says that it has them, be it by
the courier's answer or, when the line returns first, by fetching them as always. Taking an answer is an intake like any
other: each package of it goes through the same door as if the system had sent it, under its own rights. So a file that
is taken twice, or late, or after the line has returned, changes nothing.

A file is durable before anything is recorded of it. The number of a file is given out before; one that was never
finished leaves a gap, and the next file names the last that was.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO

import structlog

from axis.courier.bundle import Bundle, read_header, write_bundle
from axis.courier.keys import Identity, KeyFile, Named, PrivateKeys
from axis.courier.model import MOST_ITEMS, Direction, Item, Manifest
from axis.errors import AxisError, Busy, Code, Malformed, NotAllowed, NotFound
from axis.evidence.leaf import LeafKind, Value, make_leaf
from axis.exchange.context import Context
from axis.exchange.service import Exchange
from axis.exchange.values import Acknowledgement, Outcome, PackageContent, Source
from axis.ids import SystemId
from axis.keys import NodeKey
from axis.store import queries
from axis.store.hot import Hot, Stale
from axis.store.queries import PendingItem
from axis.store.records import CourierBundle, CourierParty
from axis.terms import Origin

log = structlog.get_logger(__name__)

_ACTOR = "courier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """A file that was made."""

    sequence: int
    packages: int
    size_bytes: int
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenItem:
    """What became of one package of an answer."""

    number: int  # its place in the file, from 1 on
    code: str  # as the agency names it
    outcome: str  # accepted | repeated | refused
    package_id: str  # "" when refused
    error: AxisError | None = None  # why it was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What became of an answer."""

    system_id: str
    sequence: int  # of the file that it answers
    taken_before: bool  # this very file was taken before; nothing new came of it
    items: tuple[TakenItem, ...]
    acknowledged: tuple[str, ...]  # packages that the agency has
    unknown: tuple[str, ...]  # packages that it says it has, and that are not for it (any more)

    def count(self, outcome: str) -> int:
        """How many packages had this outcome."""
        return sum(item.outcome == outcome for item in self.items)


def node_keys(key: NodeKey) -> PrivateKeys:
    """The node's own pair: always the same, out of the node's key."""
    return PrivateKeys(key.derive("courier encryption"), key.derive("courier signing"))


class Courier:
    """Makes and takes files. keys: the node's."""

    def __init__(self, context: Context, exchange: Exchange, keys: PrivateKeys, node: Named) -> None:
        self._context = context
        self._exchange = exchange
        self._keys = keys
        self._node = node

    async def enrol(self, system_id: str, actor: str) -> KeyFile:
        """Make keys for a system: in place of those that it had, which are good for nothing from then on.

        Raises NotFound. What is returned holds the private keys, which are kept nowhere else.
        """
        keys = PrivateKeys.generate()
        identity, at = keys.identity, self._context.clock.now()
        public = (identity.encryption, identity.signing)
        await self._context.store.write(lambda c: queries.set_courier_keys(c, system_id, public, at, actor))
        directory = self._context.directory.current
        organs = tuple(
            Named(code=organ.organ_id, name=organ.name)
            for organ in directory.organs()
            if directory.serves(system_id, organ.organ_id)
        )
        return KeyFile(
            system_id=system_id, organs=organs, keys=keys, node=self._node, node_identity=self._keys.identity
        )

    async def pack(self, system_id: str, out: Path, good_for: timedelta) -> Packed:
        """Put what waits for a system into a file, durable when this returns. An existing file is never overwritten.

        Raises NotFound(COURIER_UNKNOWN) for a system without keys, NotFound(NOTHING_WAITS), Malformed(BAD_FILE),
        Busy.
        """
        self._exchange.check_open()
        party = await self._party(system_id)
        pending = await self._exchange.pending(system_id, MOST_ITEMS)
        if not pending:
            raise NotFound(Code.NOTHING_WAITS, system_id)
        sequence = await self._context.store.write(lambda c: queries.next_courier_sequence(c, system_id))
        previous = await self._context.store.read(lambda c: queries.last_packed(c, system_id))
        contents = [await self._exchange.open_package(system_id, item.package_id) for item in pending]
        now = self._context.clock.now().replace(microsecond=0)
        manifest = Manifest(
            direction=Direction.OUT,
            system_id=system_id,
            sequence=sequence,
            previous=previous,
            created_at=now,
            expires_at=now + good_for,
            items=tuple(map(self._item, pending, contents)),
        )
        digest = await self._write(manifest, contents, _identity(party), out)
        for item in pending:
            await self._exchange.record_hand_over(system_id, item.package_id, f"courier:{sequence}")
        await self._record_packed(manifest, digest)
        size_bytes = (await asyncio.to_thread(out.stat)).st_size
        log.info("courier_packed", system=system_id, sequence=sequence, packages=len(pending), size_bytes=size_bytes)
        return Packed(sequence=sequence, packages=len(pending), size_bytes=size_bytes, expires_at=manifest.expires_at)

    async def take(self, source: Path) -> Taken:
        """Take an agency's answer. The same file again changes nothing.

        Raises Malformed and NotAllowed as `courier.bundle`, NotAllowed(COURIER_EXPIRED), Busy when the node takes
        nothing in now; then the file is to be taken again. A single package that is refused stops nothing.
        """
        self._exchange.check_intake()
        with await asyncio.to_thread(source.open, "rb") as file:
            party = await self._sender(file)
            identity = _identity(party)
            manifest, digest = await asyncio.to_thread(self._look_through, file, identity)
            self._check(manifest, party)
            before = await self._context.store.read(lambda c: queries.courier_bundle(c, digest))
            items = await self._take_items(file, identity, manifest)
        acknowledged, unknown = await self._acknowledge(manifest)
        taken = Taken(
            system_id=manifest.system_id,
            sequence=manifest.sequence,
            taken_before=before is not None,
            items=items,
            acknowledged=acknowledged,
            unknown=unknown,
        )
        await self._record_taken(manifest, digest, taken)
        return taken

    # ── packing ────────────────────────────────────────────────────────────────────────────────────────────────

    async def _party(self, system_id: str) -> CourierParty:
        party = await self._context.store.read(lambda c: queries.courier_party(c, system_id))
        if party is None:
            raise NotFound(Code.COURIER_UNKNOWN, system_id)
        return party

    def _item(self, pending: PendingItem, content: PackageContent) -> Item:
        organ = self._context.directory.current.registry.find(pending.from_organ)
        return Item(
            package_id=pending.package_id,
            kind=pending.kind,
            size_bytes=content.size_bytes,
            sha256=content.sha256_hex,
            receivers=pending.receivers,
            sender=organ.name if organ else pending.from_organ,
            code=pending.code or pending.document_id,
            subject=pending.subject or "",
            urgency=pending.urgency,
        )

    async def _write(
        self, manifest: Manifest, contents: Sequence[PackageContent], receiver: Identity, out: Path
    ) -> str:
        loop = asyncio.get_running_loop()
        pieces = (_pieces(loop, content.chunks()) for content in contents)
        write = partial(write_bundle, manifest, pieces, self._keys, receiver)
        fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
        try:
            digest = await asyncio.to_thread(_write_durably, fresh, write)
            await asyncio.to_thread(_give_name, fresh, out)
        finally:
            with suppress(FileNotFoundError):
                await asyncio.to_thread(fresh.unlink)
        return digest

    async def _record_packed(self, manifest: Manifest, digest: str) -> None:
        at = self._context.clock.now()
        fields: dict[str, Value] = {
            "system": manifest.system_id,
            "sequence": manifest.sequence,
            "manifest_sha256": digest,
            "packages": [item.package_id for item in manifest.items],
        }
        leaf = make_leaf(LeafKind.COURIER_PACKED, at, fields)
        await self._context.store.submit(Hot(inserts=(_row(manifest, digest, at), leaf)))

    # ── taking ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _sender(self, file: BinaryIO) -> CourierParty:
        """By whose keys the file says it was made: a system that has them now."""
        header = await asyncio.to_thread(read_header, file)
        parties = await self._context.store.read(queries.courier_parties)
        party = next((one for one in parties if _identity(one).key_id == header.sender), None)
        if party is None:
            raise NotAllowed(Code.COURIER_FOREIGN, "no system has the keys that it was made with")
        return party

    def _look_through(self, file: BinaryIO, sender: Identity) -> tuple[Manifest, str]:
        """Read the whole file once: what is broken anywhere is refused before anything of it is taken."""
        file.seek(0)
        bundle = Bundle(file, self._keys, sender)
        for _, pieces in bundle.packages():
            for _ in pieces:
                pass
        return bundle.manifest, bundle.manifest_sha256

    def _check(self, manifest: Manifest, sender: CourierParty) -> None:
        """Whose keys made the file decides for whom it speaks, not what it says."""
        if manifest.direction is not Direction.REPLY or manifest.system_id != sender.system_id:
            raise NotAllowed(Code.COURIER_FOREIGN, f"not an answer of {sender.system_id}")
        if self._context.clock.now() >= manifest.expires_at:
            raise NotAllowed(Code.COURIER_EXPIRED, f"since {manifest.expires_at.isoformat()}")

    async def _take_items(self, file: BinaryIO, sender: Identity, manifest: Manifest) -> tuple[TakenItem, ...]:
        source = Source(system_id=SystemId(manifest.system_id), origin=Origin.LOCAL)
        file.seek(0)
        packages = (await asyncio.to_thread(Bundle, file, self._keys, sender)).packages()
        taken: list[TakenItem] = []
        while (found := await asyncio.to_thread(next, packages, None)) is not None:
            item, pieces = found
            taken.append(await self._take_item(source, len(taken) + 1, item, pieces))
        return tuple(taken)

    async def _take_item(self, source: Source, number: int, item: Item, pieces: Iterator[bytes]) -> TakenItem:
        try:
            async with self._context.store.spool(limit_bytes=self._context.policy.limits.package_bytes) as spool:
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    await spool.write(piece)
                accepted = await self._exchange.accept(source, await spool.finish())
        except Busy:
            raise  # the file is taken again later
        except AxisError as e:
            log.warning("courier_item_refused", system=source.system_id, number=number, code=e.code)
            return TakenItem(number=number, code=item.code, outcome="refused", package_id="", error=e)
        outcome = "accepted" if accepted.outcome is Outcome.ACCEPTED else "repeated"
        return TakenItem(number=number, code=item.code, outcome=outcome, package_id=accepted.package_id)

    async def _acknowledge(self, manifest: Manifest) -> tuple[tuple[str, ...], tuple[str, ...]]:
        known, unknown = [], []
        for package_id in dict.fromkeys(manifest.acknowledged):
            try:
                await self._exchange.acknowledge(manifest.system_id, package_id, Acknowledgement.DONE)
                known.append(package_id)
            except NotFound:
                unknown.append(package_id)
        return tuple(known), tuple(unknown)

    async def _record_taken(self, manifest: Manifest, digest: str, taken: Taken) -> None:
        at = self._context.clock.now()
        fields: dict[str, Value] = {
            "system": manifest.system_id,
            "sequence": manifest.sequence,
            "manifest_sha256": digest,
            "accepted": [item.package_id for item in taken.items if item.outcome == "accepted"],
            "repeated": [item.package_id for item in taken.items if item.outcome == "repeated"],
            "refused": taken.count("refused"),
            "acknowledged": list(taken.acknowledged),
        }
        leaf = make_leaf(LeafKind.COURIER_TAKEN, at, fields)
        with suppress(Stale):  # it was taken before, by whomever: the first record stands
            await self._context.store.submit(Hot(inserts=(_row(manifest, digest, at), leaf)))


def _identity(party: CourierParty) -> Identity:
    return Identity(encryption=party.encryption_key, signing=party.signing_key)


def _row(manifest: Manifest, digest: str, at: datetime) -> CourierBundle:
    return CourierBundle(
        manifest_sha256=digest,
        system_id=manifest.system_id,
        direction=manifest.direction,
        sequence=manifest.sequence,
        packages=len(manifest.items),
        created_at=manifest.created_at,
        expires_at=manifest.expires_at,
        recorded_at=at,
    )


def _pieces(loop: asyncio.AbstractEventLoop, chunks: AsyncIterator[bytes]) -> Iterator[bytes]:
    """What comes on the event loop, for a thread."""

    async def following() -> bytes:
        return await anext(chunks, b"")

    while piece := asyncio.run_coroutine_threadsafe(following(), loop).result():
        yield piece


def _write_durably(path: Path, write: "partial[str]") -> str:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        digest = write(file)
        file.flush()
        os.fsync(file.fileno())
    return digest


def _give_name(fresh: Path, out: Path) -> None:
    """Give a finished file its name. Raises Malformed(BAD_FILE) when another file has it."""
    if out.exists():
        raise Malformed(Code.BAD_FILE, "there is a file of this name already", at=str(out))
    fresh.rename(out)
    folder = os.open(out.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with suppress(OSError):  # file systems of sticks that know no such thing
            os.fsync(folder)
    finally:
        os.close(folder)
