"""Comparing days with the calling system: our lists, in the words of `axis.delivery.ledger`."""

from datetime import date
from typing import Annotated, Final

from pydantic import Field

from axis.delivery.ledger import DayDigest, Direction, Found, Item, Known
from axis.errors import Code, Malformed
from axis.terms import PackageKind, Scope
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import Model, Next
from axis.web.api.paging import After

_MOST_ITEMS: Final = 50
_MOST_RECEIVERS: Final = 5_000

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Text = Annotated[str, Field(max_length=1_000)]


class DigestOut(Model):
    """A day's list in short."""

    direction: Direction = Field(description="up: from you to this node; down: from this node to you.")
    count: int
    sha256: str = Field(
        description="SHA-256 of the sorted SHA-256 digests of the items' lines; see docs/connect/rest.md."
    )


class DayOut(Model):
    """What this node believes was exchanged with you on a day."""

    day: date
    lists: tuple[DigestOut, ...]


class ItemOut(Model):
    """One package in one direction."""

    direction: Direction
    sha256: str
    kind: PackageKind
    business_type: int | None
    from_code: str
    document_id: str
    receivers: tuple[str, ...] = Field(description="Of a document: codes in the package. On two pages: both together.")
    package_id: str


class ItemList(Model):
    """A page of a day's list. A page may be empty and still have a next one."""

    items: tuple[ItemOut, ...]
    next: Next


class ItemsQuery(Model):
    """Which list."""

    direction: Direction
    after: After = None


class AskedItem(Model):
    """An item that you ask about."""

    direction: Direction
    sha256: Sha256
    kind: PackageKind
    business_type: Annotated[int | None, Field(ge=0, le=3, description="Of a document package.")] = None
    from_code: Text
    document_id: Text
    receivers: Annotated[tuple[Text, ...], Field(max_length=_MOST_RECEIVERS)] = ()


class FindIn(Model):
    """Items that you ask about."""

    items: Annotated[tuple[AskedItem, ...], Field(max_length=_MOST_ITEMS)]


class FoundOut(Model):
    """What this node knows of one item."""

    sha256: str
    known: Known = Field(description="same: these bytes; other: as a repeat of the same document; no: not at all.")
    missing: tuple[str, ...] = Field(description="Of your receivers, those for whom the document is not known here.")
    package_id: str | None


class FoundList(Model):
    """The answers, in the order of the questions."""

    items: tuple[FoundOut, ...]


async def show_day(call: Call) -> Reply:
    """A day's lists in short."""
    day = _day(call)
    digests = await call.parts.exchange.day_digests(call.system_id, day)
    return Reply(body=DayOut(day=day, lists=tuple(map(_digest_out, digests))))


async def list_items(call: Call) -> Reply:
    """A page of a day's list."""
    asked = call.asked(ItemsQuery)
    page = await call.parts.exchange.day_page(call.system_id, _day(call), asked.direction, asked.after)
    return Reply(body=ItemList(items=tuple(map(_item_out, page.items)), next=page.next))


async def find_items(call: Call) -> Reply:
    """What is known of single items, whatever the day."""
    items = tuple(_item(one) for one in call.given(FindIn).items)
    found = await call.parts.exchange.find_items(call.system_id, items)
    return Reply(body=FoundList(items=tuple(map(_found_out, found))))


def _day(call: Call) -> date:
    try:
        return date.fromisoformat(call.path("day"))
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, "a day, as in 2026-11-24", at="day") from e


def _digest_out(digest: DayDigest) -> DigestOut:
    return DigestOut(direction=digest.direction, count=digest.count, sha256=digest.sha256_hex)


def _item_out(item: Item) -> ItemOut:
    return ItemOut(
        direction=item.direction,
        sha256=item.sha256_hex,
        kind=item.kind,
        business_type=item.business_type,
        from_code=item.from_code,
        document_id=item.document_id,
        receivers=item.receivers,
        package_id=item.ref,
    )


def _item(asked: AskedItem) -> Item:
    if (asked.kind is PackageKind.DOCUMENT) != (asked.business_type is not None):
        raise Malformed(Code.BAD_REQUEST, "given of documents, and only of them", at="business_type")
    if any("\0" in text for text in (asked.from_code, asked.document_id)):
        raise Malformed(Code.BAD_REQUEST, "characters that no database keeps", at="items")
    return Item(
        direction=asked.direction,
        sha256_hex=asked.sha256,
        kind=asked.kind,
        business_type=asked.business_type,
        from_code=asked.from_code,
        document_id=asked.document_id,
        receivers=asked.receivers,
    )


def _found_out(found: Found) -> FoundOut:
    return FoundOut(sha256=found.sha256_hex, known=found.known, missing=found.missing, package_id=found.ref or None)


OPERATIONS: Final = (
    Operation(
        name="getExchangeDay",
        method="GET",
        path="/reconciliation/{day}",
        handler=show_day,
        vi="Đối soát: số lượng và mã kiểm của các gói tin đã trao đổi trong ngày, theo từng chiều.",
        en="Reconciliation: counts and digests of what was exchanged on a day, each way.",
        scopes=(Scope.RECONCILE,),
        replies={200: DayOut},
    ),
    Operation(
        name="listExchangeItems",
        method="GET",
        path="/reconciliation/{day}/items",
        handler=list_items,
        vi="Đối soát: danh sách gói tin đã trao đổi trong ngày.",
        en="Reconciliation: the list of what was exchanged on a day.",
        scopes=(Scope.RECONCILE,),
        query=ItemsQuery,
        replies={200: ItemList},
    ),
    Operation(
        name="findExchangeItems",
        method="POST",
        path="/reconciliation/find",
        handler=find_items,
        vi="Đối soát: trục biết gì về từng gói tin, bất kể ngày nào.",
        en="Reconciliation: what the node knows of single packages, whatever the day.",
        scopes=(Scope.RECONCILE,),
        body=FindIn,
        asks=True,
        replies={200: FoundList},
    ),
)
