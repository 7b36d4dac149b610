"""Whose documents may be seen, as a condition on them.

This room decides nothing about rights, but every query for people keeps to the `Scope` that it is given.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Connection, Select, exists, false, or_, select, true

from axis.store import schema as s


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Everybody's documents, or what some organisations, and those below them, have sent or received."""

    everybody: bool = False
    organs: frozenset[str] = frozenset()  # by canonical code; whoever stands below them belongs to it

    ALL: ClassVar["Scope"]
    NOTHING: ClassVar["Scope"]


Scope.ALL = Scope(everybody=True)
Scope.NOTHING = Scope()


def below(organs: Collection[str]) -> Select[Any]:
    """The codes of some organisations and of all that stand below them, closed ones too: for a condition `in_`."""
    o = s.organ.c
    own = select(o.organ_id).where(o.organ_id.in_(sorted(organs))).cte("own_organs", recursive=True)
    # `union` leaves out what was found already, so that a circle in the tree has an end.
    own = own.union(select(o.organ_id).where(o.parent_id == own.c.organ_id))
    return select(own.c.organ_id)


def organs_below(conn: Connection, organs: Collection[str]) -> frozenset[str]:
    """The same, read."""
    return frozenset(conn.execute(below(organs)).scalars()) if organs else frozenset()


def in_scope(scope: Scope) -> ColumnElement[bool]:
    """The condition on documents (needs `document`) that a scope sets."""
    if scope.everybody:
        return true()
    if not scope.organs:
        return false()
    d, v, own = s.document.c, s.delivery.c, below(scope.organs)
    received = exists().where(v.document_uid == d.document_uid, v.receiver_organ.in_(own))
    return or_(d.from_organ.in_(own), received)


def document_in_scope(scope: Scope, document_uid: str) -> ColumnElement[bool]:
    """The condition that one document may be seen, where the query itself is not of documents."""
    return true() if scope.everybody else exists().where(s.document.c.document_uid == document_uid, in_scope(scope))
