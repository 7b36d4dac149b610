"""How much content there is: counted in parts by a job, and kept, so that a page never counts it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from axis.store import schema
from axis.store.records import StoredContent
from axis.store.rows import Query, values_of

DATABASE: Final = "database"
FILES: Final = "files"

_b, _t = schema.blob.c, schema.storage.c
_kept = Query(StoredContent, order=(_t.place,))
_in_file = _b.content.is_(None)
_part = (
    select(_in_file, func.count(), func.sum(_b.size_bytes))
    .where(_b.sha256_hex >= bindparam("first"), _b.sha256_hex < bindparam("beyond"))
    .group_by(_in_file)
)
_DIGITS = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of all content, by digest."""

    first: str
    beyond: str


def parts() -> Iterator[Part]:
    """All content in 256 parts."""
    marks = [one + other for one in _DIGITS for other in _DIGITS]
    yield from (Part(first=first, beyond=beyond) for first, beyond in zip(marks, [*marks[1:], "g"], strict=True))


def count_part(conn: Connection, part: Part) -> dict[str, tuple[int, int]]:
    """How many blobs of a part lie where, and their bytes."""
    rows = conn.execute(_part, {"first": part.first, "beyond": part.beyond})
    return {FILES if in_file else DATABASE: (count, int(size)) for in_file, count, size in rows}


def keep_content(conn: Connection, content: Sequence[StoredContent]) -> None:
    """Keep what was counted, in place of what was before. A write unit."""
    conn.execute(delete(schema.storage))
    conn.execute(insert(schema.storage), [values_of(one) for one in content])


def stored_content(conn: Connection) -> Mapping[str, StoredContent]:
    """What was counted last, by place; empty when nothing was yet."""
    return {one.place: one for one in _kept.all(conn)}


def totalled(counted: Sequence[Mapping[str, tuple[int, int]]], at: datetime) -> tuple[StoredContent, ...]:
    """The parts together."""
    return tuple(
        StoredContent(
            place=place,
            blobs=sum(part.get(place, (0, 0))[0] for part in counted),
            size_bytes=sum(part.get(place, (0, 0))[1] for part in counted),
            counted_at=at,
        )
        for place in (DATABASE, FILES)
    )
