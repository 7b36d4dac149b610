"""Our side of a comparison: what we believe we exchanged with a partner on one day, and what we know of single items.

What we handed over is told by the evidence leaves, which name the system and never change; what we received, by the
packages that are there. So a package that vanished here is seen, and one that is there but was never handed on too.
"""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from sqlalchemy import Connection

from axis.delivery.directory import Directory
from axis.delivery.ledger import DayDigest, DayList, Direction, Found, Item, Known, period_of
from axis.edxml.identity import document_key
from axis.errors import Code, Malformed
from axis.evidence.leaf import LeafKind
from axis.exchange.context import Context
from axis.store import queries
from axis.store.queries import Exchanged, HandedLeaf, LedgerPage
from axis.store.records import Document
from axis.terms import BusinessType, PackageKind, TransportState

ROWS = 1_000  # of one page
_KEY_CHARACTERS = 26
_LEAF_DIGITS = 18
_ACTS = {BusinessType.RECALL: "recall", BusinessType.UPDATE: "update"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """With whom. we_call: it is an uplink of ours; else it is a system that calls us."""

    partner_id: str
    we_call: bool

    def handed_by_us(self, direction: Direction) -> bool:
        """Whether packages in this direction went from us to the partner."""
        return (direction is Direction.UP) is self.we_call


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """A part of a day's list. A package may stand on several pages, each time with other receivers."""

    items: tuple[Item, ...]
    next: str | None  # where the following page begins


@dataclass(frozen=True, slots=True)
class _Handed:
    """A package that one leaf tells of."""

    package_id: str
    receivers: tuple[str, ...]
    at: datetime
    peer_ref: str | None


class Ledger:
    """Reads our side."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def digests(self, side: Side, day: date) -> tuple[DayDigest, ...]:
        """The day's lists in short, one for each direction."""
        found = []
        for direction in Direction:
            listed = DayList(direction)
            listed.add((await self.items(side, day, direction)).values())
            found.append(listed.digest())
        return tuple(found)

    async def items(self, side: Side, day: date, direction: Direction) -> dict[tuple[Direction, str], Item]:
        """The day's whole list in one direction, each package once with all its receivers."""
        merged: dict[tuple[Direction, str], Item] = {}
        after: str | None = None
        while True:
            page = await self.page(side, day, direction, after)
            merge(merged, page.items)
            if page.next is None:
                return merged
            after = page.next

    async def page(self, side: Side, day: date, direction: Direction, after: str | None) -> ItemPage:
        """A part of the day's list. Raises Malformed for a key that is none."""
        begins, ends = period_of(day)
        directory = self._context.directory.current
        if after and not (after.isascii() and after.isalnum() and len(after) <= _KEY_CHARACTERS):
            raise Malformed(Code.BAD_REQUEST, "not a `next` of ours", at="after")
        if side.handed_by_us(direction):
            key = int(after) if after and after.isdigit() and len(after) <= _LEAF_DIGITS else 0
            page = LedgerPage(begins=begins, ends=ends, after=key, limit=ROWS)
            leaves, packages = await self._context.store.read(lambda c: _handed(c, side, page))
            items = tuple(_items_handed(side, direction, leaves, packages))
            return ItemPage(items=items, next=str(leaves[-1].leaf_id) if len(leaves) == ROWS else None)
        page = LedgerPage(begins=begins, ends=ends, after=after, limit=ROWS)
        found = await self._context.store.read(lambda c: queries.received_from(c, side.partner_id, page))
        items = tuple(_item_received(side, direction, one, directory) for one in found)
        return ItemPage(items=items, next=found[-1].package.package_id if len(found) == ROWS else None)

    async def find(self, side: Side, items: Sequence[Item]) -> tuple[Found, ...]:
        """What we know of these items, in their order. A system is told only of what it has a part in."""
        directory = self._context.directory.current
        return await self._context.store.read(lambda c: tuple(_find(c, directory, side, items)))

    async def unacknowledged(self, side: Side, day: date) -> AsyncIterator[tuple[Item, str]]:
        """Packages that we pushed on a day and whose receivers were never confirmed, each with the partner's id."""
        after = 0
        begins, ends = period_of(day)
        waiting: dict[str, tuple[Item, str | None]] = {}
        while True:
            page = LedgerPage(begins=begins, ends=ends, after=after, limit=ROWS)
            leaves, packages = await self._context.store.read(partial(_handed, side=side, page=page))
            for handed, item in _told(side, Direction.UP, leaves, packages):
                carried = packages[handed.package_id].carried
                if any(c.uplink_id == side.partner_id and c.state is TransportState.HANDED_OVER for c in carried):
                    waiting[handed.package_id] = item, handed.peer_ref
            if len(leaves) < ROWS:
                break
            after = leaves[-1].leaf_id
        # What was pushed again, on whatever day, has another id there now.
        refs = await self._context.store.read(partial(_refs, side=side, package_ids=tuple(waiting)))
        for package_id, (item, peer_ref) in waiting.items():
            if ref := refs.get(package_id) or peer_ref:
                yield item, ref


def _refs(conn: Connection, side: Side, package_ids: Sequence[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(package_ids), ROWS):
        found |= queries.peer_refs(conn, side.partner_id, package_ids[start : start + ROWS])
    return found


def merge(into: dict[tuple[Direction, str], Item], items: Iterable[Item]) -> None:
    """Add items to a list; one that stands there already gets the receivers of both."""
    for item in items:
        known = into.get(item.key)
        if known is None:
            into[item.key] = item
        else:
            both = tuple(sorted({*known.receivers, *item.receivers}))
            into[item.key] = Item(
                direction=known.direction,
                sha256_hex=known.sha256_hex,
                kind=known.kind,
                business_type=known.business_type,
                from_code=known.from_code,
                document_id=known.document_id,
                receivers=both,
                ref=known.ref,
                at=known.at,
            )


def _handed(conn: Connection, side: Side, page: LedgerPage) -> tuple[tuple[HandedLeaf, ...], Mapping[str, Exchanged]]:
    kind = LeafKind.HANDED_OVER if side.we_call else LeafKind.ACKNOWLEDGED
    leaves = queries.handed_leaves(conn, kind.value, side.partner_id, page)
    ids = {handed.package_id for leaf in leaves if (handed := _read_leaf(leaf, side.partner_id)) is not None}
    return leaves, queries.exchanged(conn, sorted(ids))


def _read_leaf(leaf: HandedLeaf, system_id: str) -> _Handed | None:
    fields = json.loads(leaf.data)["fields"]
    if fields["system"] != system_id:
        return None
    return _Handed(fields["package_id"], tuple(fields["receivers"]), leaf.at, fields.get("peer_ref"))


def _items_handed(
    side: Side, direction: Direction, leaves: Iterable[HandedLeaf], packages: Mapping[str, Exchanged]
) -> Iterable[Item]:
    return (item for _, item in _told(side, direction, leaves, packages))


def _told(
    side: Side, direction: Direction, leaves: Iterable[HandedLeaf], packages: Mapping[str, Exchanged]
) -> Iterable[tuple[_Handed, Item]]:
    for leaf in leaves:
        handed = _read_leaf(leaf, side.partner_id)
        one = packages.get(handed.package_id) if handed else None
        if handed is None or one is None:
            continue  # another system's, or a package that is not here any more: the partner will tell of it
        if one.package.source_system == side.partner_id:
            continue  # what came from there went back as an echo
        codes = {carried.receiver_organ: carried.addressed_as for carried in one.carried}
        receivers = [codes.get(organ) or organ for organ in handed.receivers]
        yield handed, _item(direction, one, receivers, handed.at)


def _item_received(side: Side, direction: Direction, one: Exchanged, directory: Directory) -> Item:
    """What came from the partner; receivers that are its own are not ours to have received."""
    receivers = [
        carried.addressed_as or carried.receiver_organ
        for carried in one.carried
        if side.we_call or directory.route(carried.receiver_organ) != side.partner_id
    ]
    return _item(direction, one, receivers, one.package.received_at)


def _item(direction: Direction, one: Exchanged, receivers: Iterable[str], at: datetime) -> Item:
    package = one.package
    makes = package.business_type is not None and BusinessType(package.business_type).makes_document
    return Item(
        direction=direction,
        sha256_hex=package.sha256_hex,
        kind=package.kind,
        business_type=package.business_type,
        from_code=package.from_raw.strip(),
        document_id=package.document_id.strip(),
        receivers=tuple(sorted({code.strip() for code in receivers})) if makes else (),
        ref=package.package_id,
        at=at,
    )


def _find(conn: Connection, directory: Directory, side: Side, items: Sequence[Item]) -> Iterable[Found]:
    stored: dict[str, list[Exchanged]] = {}
    for one in queries.exchanged_by_bytes(conn, [item.sha256_hex for item in items]):
        if side.we_call or _concerns(directory, side.partner_id, one):
            stored.setdefault(one.package.sha256_hex, []).append(one)
    for item in items:
        same = stored.get(item.sha256_hex)
        yield _same(conn, side, item, same[0]) if same else _other(conn, directory, side, item)


def _concerns(directory: Directory, system_id: str, one: Exchanged) -> bool:
    return (
        one.package.source_system == system_id
        or directory.serves(system_id, one.package.from_organ)
        or any(directory.route(carried.receiver_organ) == system_id for carried in one.carried)
    )


def _same(conn: Connection, side: Side, item: Item, one: Exchanged) -> Found:
    package = one.package
    known = queries.addressed_codes(conn, package.document_uid) if item.receivers and package.document_uid else ()
    ours = [carried for carried in one.carried if carried.uplink_id == side.partner_id]
    return Found(
        sha256_hex=item.sha256_hex,
        known=Known.SAME,
        missing=_missing(item, known),
        open=side.we_call and bool(ours) and not any(queries.is_over(carried) for carried in ours),
        ref=package.package_id,
    )


def _other(conn: Connection, directory: Directory, side: Side, item: Item) -> Found:
    """Whether the item was taken as the repeat of something that is known: its own bytes are not kept then."""
    unknown = Found(sha256_hex=item.sha256_hex, known=Known.NO)
    if item.kind is not PackageKind.DOCUMENT or item.business_type is None:
        return unknown
    sender = directory.registry.canonical(item.from_code)
    documents = queries.documents_by_key(conn, sender, document_key(item.document_id))
    receivers = tuple(code for document in documents for code in queries.addressed_codes(conn, document.document_uid))
    if not side.we_call and not _has_part(directory, side.partner_id, sender, receivers):
        return unknown
    business_type = BusinessType(item.business_type)
    known = bool(documents) if business_type.makes_document else _has_act(conn, documents, business_type)
    if not known:
        return unknown
    missing = _missing(item, receivers) if business_type.makes_document else ()
    return Found(sha256_hex=item.sha256_hex, known=Known.OTHER, missing=missing)


def _missing(item: Item, known: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(item.receivers) - {code.strip() for code in known}))


def _has_part(directory: Directory, system_id: str, sender: str, receivers: Iterable[str]) -> bool:
    if directory.serves(system_id, sender):
        return True
    return any(directory.route(directory.registry.canonical(code)) == system_id for code in receivers)


def _has_act(conn: Connection, documents: Iterable[Document], business_type: BusinessType) -> bool:
    wanted = _ACTS[business_type]
    return any(act.kind == wanted for document in documents for act in queries.acts_on(conn, document.document_uid))
