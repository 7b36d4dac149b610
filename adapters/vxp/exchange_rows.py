"""Our extension of the dialect, for comparing days: not the vendor's, but under the same signed headers.

| operation | asked with | answer |
|---|---|---|
| `getExchangeDigest` | `day` (ISO, Vietnam) | data[] of direction, count, sha256 |
| `getExchangeItems` | `day`, `direction`, `after`? | data[] of items, `next` |
| `findExchangeItems` | POST, JSON list of items | data[] of sha256, known, missing, open, docId |

An item: docId (the lister's id), direction, sha256, messageType, businessType, from, documentId, to[]. What comes in is
read strictly: a text that is none of ours is refused, or not an answer.
"""

import re
from datetime import date

from adapters.vxp.replies import ReplyRow
from adapters.vxp.wire import MESSAGE_TYPES
from axis.delivery.ledger import DayDigest, Direction, Found, Item, Known
from axis.errors import Code, Malformed, PeerUnreachable
from axis.terms import BusinessType, PackageKind

MAX_FIND_BYTES = 1 << 20  # of a question
MAX_PAGE_BYTES = 32 << 20  # of a page: each of a thousand items may have many receivers
_MAX_ITEMS = 200  # in one question
_MAX_TEXT = 1_000
_MAX_RECEIVERS = 5_000
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KINDS = {word: kind for kind, word in MESSAGE_TYPES.items()}

Values = dict[str, object]


def read_day(text: str) -> date:
    """A day. Raises Malformed."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Malformed(Code.BAD_REQUEST, "a day, as in 2026-11-24", at="day") from None


def read_direction(text: str) -> Direction:
    """A direction. Raises Malformed."""
    try:
        return Direction(text)
    except ValueError:
        raise Malformed(Code.BAD_REQUEST, "up or down", at="direction") from None


def digest_row(digest: DayDigest) -> dict[str, str | int | bool]:
    """A day's list in short."""
    return {"direction": digest.direction.value, "count": digest.count, "sha256": digest.sha256_hex}


def item_row(item: Item) -> Values:
    """An item of a list, or of a question."""
    return {
        "docId": item.ref,
        "direction": item.direction.value,
        "sha256": item.sha256_hex,
        "messageType": MESSAGE_TYPES[item.kind],
        "businessType": "" if item.business_type is None else str(item.business_type),
        "from": item.from_code,
        "documentId": item.document_id,
        "to": list(item.receivers),
    }


def found_row(found: Found) -> Values:
    """The answer about one item."""
    return {
        "sha256": found.sha256_hex,
        "known": found.known.value,
        "missing": list(found.missing),
        "open": found.open,
        "docId": found.ref,
    }


def read_items(value: object) -> tuple[Item, ...]:
    """The items of a question. Raises Malformed."""
    if not isinstance(value, list) or len(value) > _MAX_ITEMS or not all(isinstance(row, dict) for row in value):
        raise Malformed(Code.BAD_REQUEST, f"a list of at most {_MAX_ITEMS} items")
    try:
        return tuple(read_item(row := ReplyRow(one), read_direction(row.text("direction"))) for one in value)
    except PeerUnreachable as e:
        raise Malformed(Code.BAD_REQUEST, e.detail) from e


def read_digest(row: ReplyRow) -> DayDigest:
    """A day's list in short. Raises PeerUnreachable for what is none."""
    count, sha256_hex = row.text("count"), row.text("sha256")
    if not (count.isascii() and count.isdigit()) or not _SHA256.fullmatch(sha256_hex):
        raise PeerUnreachable("a digest that is none")
    return DayDigest(direction=_direction(row), count=int(count), sha256_hex=sha256_hex)


def read_item(row: ReplyRow, direction: Direction) -> Item:
    """An item. Raises PeerUnreachable for what is none."""
    kind, sha256_hex, business = _KINDS.get(row.text("messageType")), row.text("sha256"), row.text("businessType")
    receivers = row.texts("to")
    if kind is None or not _SHA256.fullmatch(sha256_hex) or _direction(row) is not direction:
        raise PeerUnreachable("an item that is none")
    if (business or kind is PackageKind.DOCUMENT) and business not in {str(one.value) for one in BusinessType}:
        raise PeerUnreachable("an item without a business type")
    texts = (row.text("from"), row.text("documentId"), row.text("docId"), *receivers)
    if any(len(text) > _MAX_TEXT or "\0" in text for text in texts) or len(receivers) > _MAX_RECEIVERS:
        raise PeerUnreachable("an item that is too large")
    return Item(
        direction=direction,
        sha256_hex=sha256_hex,
        kind=kind,
        business_type=int(business) if business else None,
        from_code=row.text("from"),
        document_id=row.text("documentId"),
        receivers=tuple(receivers),
        ref=row.text("docId"),
    )


def read_found(row: ReplyRow) -> Found:
    """The answer about one item. Raises PeerUnreachable for what is none."""
    try:
        known = Known(row.text("known"))
    except ValueError:
        raise PeerUnreachable("an answer about an item that is none") from None
    return Found(
        sha256_hex=row.text("sha256"),
        known=known,
        missing=row.texts("missing"),
        open=row.truth("open"),
        ref=row.text("docId"),
    )


def _direction(row: ReplyRow) -> Direction:
    try:
        return Direction(row.text("direction"))
    except ValueError:
        raise PeerUnreachable("a direction that is none") from None
