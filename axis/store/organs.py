"""Organisations, their other codes and former names, between the tables and `axis.organ.plan`.

`write_changes` is a write unit's part: the caller holds the configuration's lock and leaves the audit row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, bindparam, delete, insert, update

from axis.clock import local_day
from axis.organ.model import Alias, FormerName, Organ, name_on
from axis.organ.plan import Changes, Known
from axis.store import schema
from axis.store.configuration import version
from axis.store.routes import compute_routes
from axis.store.rows import Query, values_of
from axis.store.values import among

NameT = TypeVar("NameT", str, str | None)

_organs = Query(Organ, order=(schema.organ.c.organ_id,))
_aliases = Query(Alias, order=(schema.organ_alias.c.alias, schema.organ_alias.c.valid_from))
_names = Query(FormerName, order=(schema.organ_name.c.organ_id, schema.organ_name.c.valid_until))
_names_of = Query(
    FormerName,
    among(schema.organ_name.c.organ_id, "organ_ids"),
    order=(schema.organ_name.c.valid_until,),
)


def list_organs(conn: Connection) -> tuple[Organ, ...]:
    """All organisations, closed ones too, by code."""
    return _organs.all(conn)


def list_aliases(conn: Connection) -> tuple[Alias, ...]:
    """All other codes, those of other days too."""
    return _aliases.all(conn)


def list_names(conn: Connection) -> tuple[FormerName, ...]:
    """All former names, each organisation's oldest first."""
    return _names.all(conn)


def known(conn: Connection) -> Known:
    """The registry as it is."""
    return Known(version=version(conn), organs=list_organs(conn), aliases=list_aliases(conn), names=list_names(conn))


def former_names(conn: Connection, organ_ids: Iterable[str]) -> dict[str, tuple[FormerName, ...]]:
    """Former names of some organisations, oldest first; those that never had another are left out."""
    found: dict[str, tuple[FormerName, ...]] = {}
    for name in _names_of.all(conn, organ_ids=sorted(set(organ_ids))):
        found[name.organ_id] = (*found.get(name.organ_id, ()), name)
    return found


def names_then(conn: Connection, wanted: Sequence[tuple[str, datetime, NameT]]) -> list[str | NameT]:
    """What organisations were called at a moment: of each its code, the moment, and its present name, if it has one."""
    former = former_names(conn, [organ_id for organ_id, _, _ in wanted])
    return [
        now if not now or organ_id not in former else name_on(local_day(at), now, former[organ_id])
        for organ_id, at, now in wanted
    ]


def write_changes(conn: Connection, changes: Changes, at: datetime) -> None:
    """Write what a plan came to at a moment, and the routes that follow from it."""
    if not changes:
        return
    _add(conn, changes.added)
    o, a = schema.organ.c, schema.organ_alias.c
    if changes.changed:
        names = [field.name for field in fields(Organ) if field.name != "organ_id"]
        values: dict[str, BindParameter[Any]] = {name: bindparam(f"new_{name}") for name in names}
        rows = [
            {"of": row["organ_id"]} | {f"new_{name}": row[name] for name in names}
            for row in map(values_of, changes.changed)
        ]
        conn.execute(update(schema.organ).where(o.organ_id == bindparam("of")).values(values), rows)
    if changes.aliases_gone:
        gone = [{"gone": one.alias, "began": one.valid_from} for one in changes.aliases_gone]
        conn.execute(
            delete(schema.organ_alias).where(a.alias == bindparam("gone"), a.valid_from == bindparam("began")), gone
        )
    for table, records in ((schema.organ_alias, changes.aliases), (schema.organ_name, changes.names)):
        if records:
            conn.execute(insert(table), [values_of(one) for one in records])
    touched = {*changes.moved, *(organ.organ_id for organ in changes.added)}
    if touched:
        compute_routes(conn, at, touched)


def _add(conn: Connection, added: tuple[Organ, ...]) -> None:
    if not added:
        return
    # Their links come after all of them, since they may lead to each other in any order.
    bare = [replace(organ, parent_id=None, successor_id=None) for organ in added]
    conn.execute(insert(schema.organ), [values_of(organ) for organ in bare])
    linked = update(schema.organ).where(schema.organ.c.organ_id == bindparam("of"))
    links = linked.values(parent_id=bindparam("parent"), successor_id=bindparam("successor"))
    rows = [
        {"of": organ.organ_id, "parent": organ.parent_id, "successor": organ.successor_id}
        for organ in added
        if organ.parent_id is not None or organ.successor_id is not None
    ]
    if rows:
        conn.execute(links, rows)
