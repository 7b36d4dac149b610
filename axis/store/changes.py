"""What has happened since a moment, and to whom it matters: read from the evidence, which is told of everything.

It wakes pages, nothing more. Where leaves of two processes overtake each other one may be missed; pages look again by
themselves before long.
"""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from axis.store import schema as s

MOST = 500
"""Leaves that are looked at in one go; when there are more, everything counts as changed."""

_leaf, _package = s.leaf.c, s.package.c
_PARTIES = ("from", "to", "receivers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed up to a place in the evidence."""

    position: int
    everything: bool = False
    documents: frozenset[str] = frozenset()
    organs: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.everything or bool(self.documents or self.organs)

    def concern(self, organs: frozenset[str] | None, document_uid: str | None) -> bool:
        """Whether they matter to a page: of one document, else of some organisations, else (None) of everybody."""
        if self.everything:
            return True
        if document_uid is not None:
            return document_uid in self.documents
        return bool(self) if organs is None else bool(self.organs & organs)


def position(conn: Connection) -> int:
    """The place of the newest leaf."""
    return conn.execute(select(func.max(_leaf.leaf_id))).scalar() or 0


def changes_since(conn: Connection, place: int) -> Changes:
    """What has changed since a place."""
    query = select(_leaf.leaf_id, _leaf.data).where(_leaf.leaf_id > place).order_by(_leaf.leaf_id).limit(MOST + 1)
    rows = conn.execute(query).all()
    if not rows:
        return Changes(position=place)
    if len(rows) > MOST:
        return Changes(position=position(conn), everything=True)
    fields: list[dict[str, Any]] = [json.loads(data)["fields"] for _leaf_id, data in rows]
    documents = {str(one["document_uid"]) for one in fields if one.get("document_uid")}
    organs = {organ for one in fields for party in _PARTIES for organ in _listed(one.get(party))}
    packages = {str(one["package_id"]) for one in fields if one.get("package_id")}
    carried = select(_package.document_uid, _package.from_organ).where(_package.package_id.in_(packages))
    for document_uid, from_organ in conn.execute(carried):
        documents |= {document_uid} - {None}
        organs.add(from_organ)
    return Changes(position=rows[-1][0], documents=frozenset(documents), organs=frozenset(organs))


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
