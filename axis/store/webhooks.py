"""Subscriptions of systems to their events: where they are told, how far they have been, how it went.

`due_at` is when a subscription is looked at next, and while somebody tells it, until when that one has it: whoever
writes names the value that it saw, so that one that was overtaken writes nothing.
"""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from axis.errors import Code, NotFound, Rejected
from axis.ids import new_id
from axis.store import schema as s
from axis.store.configuration import record
from axis.store.queries import events
from axis.store.records import SystemEvent, Webhook
from axis.store.rows import Query, columns_of, record_reader, values_of
from axis.terms import EventKind

_w, _e = s.webhook.c, s.system_event.c
_columns, _read = columns_of(Webhook), record_reader(Webhook)
_one = Query(Webhook, _w.system_id == bindparam("of_system"), _w.webhook_id == bindparam("of_webhook"))
_of_system = Query(Webhook, _w.system_id == bindparam("of_system"), order=(_w.webhook_id,))


def add_webhook(conn: Connection, row: Webhook, most: int, actor: str) -> Webhook:
    """Subscribe, from now on. Raises Rejected(TOO_MANY)."""
    count = conn.scalar(select(func.count()).where(_w.system_id == row.system_id)) or 0
    if count >= most:
        raise Rejected(Code.TOO_MANY, f"at most {most} webhooks")
    conn.execute(insert(s.webhook).values(values_of(row)))
    record(conn, row.created_at, actor, "webhook_added", _fields(row))
    return row


def last_place(conn: Connection, system_id: str, now: datetime, limit: int) -> int | None:
    """The end of a system's feed; None while events are still without a place: look again. A write unit."""
    if events.has_unplaced_events(conn, system_id):
        events.place_events(conn, system_id, now, limit)
        return None
    return conn.scalar(select(func.max(_e.place)).where(_e.system_id == system_id)) or 0


def list_webhooks(conn: Connection, system_id: str) -> tuple[Webhook, ...]:
    """A system's subscriptions."""
    return _of_system.all(conn, of_system=system_id)


def find_webhook(conn: Connection, system_id: str, webhook_id: str) -> Webhook:
    """One of a system's subscriptions. Raises NotFound."""
    found = _one.one(conn, of_system=system_id, of_webhook=webhook_id)
    if found is None:
        raise NotFound(Code.NOT_FOUND, webhook_id[:64])
    return found


def drop_webhook(conn: Connection, row: Webhook, at: datetime, actor: str) -> None:
    """End a subscription; again, nothing happens."""
    if conn.execute(delete(s.webhook).where(_w.webhook_id == row.webhook_id)).rowcount:
        record(conn, at, actor, "webhook_removed", _fields(row))


def rotate(conn: Connection, row: Webhook, secret_encrypted: bytes, old_until: datetime, at: datetime) -> None:
    """Another secret; the one before signs along until then."""
    values = {
        "secret_encrypted": secret_encrypted,
        "old_secret_encrypted": row.secret_encrypted,
        "old_until": old_until,
    }
    conn.execute(update(s.webhook).where(_w.webhook_id == row.webhook_id).values(values))
    record(conn, at, row.system_id, "webhook_rotated", _fields(row))


def enable(conn: Connection, row: Webhook, at: datetime) -> None:
    """Tell it again, from where it was left."""
    values = {"enabled": True, "attempts": 0, "failing_since": None, "due_at": at}
    if conn.execute(update(s.webhook).where(_w.webhook_id == row.webhook_id, ~_w.enabled).values(values)).rowcount:
        record(conn, at, row.system_id, "webhook_enabled", _fields(row))


def due_webhooks(conn: Connection, now: datetime, limit: int) -> tuple[Webhook, ...]:
    """Enabled subscriptions of enabled systems that are due and have something to be told."""
    waiting = (
        select(_e.event_id)
        .where(_e.system_id == _w.system_id, or_(_e.place.is_(None), _e.place > _w.place))
        .correlate(s.webhook)
        .exists()
    )
    due = (
        select(*_columns)
        .join_from(s.webhook, s.system, s.system.c.system_id == _w.system_id)
        .where(_w.enabled, s.system.c.enabled, _w.due_at <= now, waiting)
        .order_by(_w.due_at)
        .limit(limit)
    )
    return tuple(_read(row) for row in conn.execute(due))


def count_disabled(conn: Connection) -> dict[str, int]:
    """How many subscriptions are told no more since their address failed, by system; for operators."""
    rows = conn.execute(select(_w.system_id, func.count()).where(~_w.enabled).group_by(_w.system_id))
    return {row[0]: row[1] for row in rows}


def advance(conn: Connection, row: Webhook, **values: Any) -> Webhook | None:  # noqa: ANN401 - columns
    """Change a subscription that is still as it was read; None when it is not. Returns it as it is now."""
    same = (_w.webhook_id == row.webhook_id, _w.due_at == row.due_at, _w.enabled)
    if not conn.execute(update(s.webhook).where(*same).values(values)).rowcount:
        return None
    return _one.one(conn, of_system=row.system_id, of_webhook=row.webhook_id)


def disable(conn: Connection, row: Webhook, words: str, at: datetime, **values: Any) -> None:  # noqa: ANN401 - columns
    """Tell it no more, and say so to its system and to the operator."""
    if advance(conn, row, enabled=False, last_words=words, **values) is None:
        return
    record(conn, at, "node", "webhook_disabled", {**_fields(row), "words": words})
    text = json.dumps({"webhook_id": row.webhook_id})
    event = SystemEvent(
        event_id=new_id(at),
        system_id=row.system_id,
        kind=EventKind.WEBHOOK_DISABLED,
        at=at,
        document_uid=None,
        package_id=None,
        organ_id=None,
        fields=text,
    )
    events.record_events(conn, [event])


def _fields(row: Webhook) -> dict[str, str]:
    return {"webhook": row.webhook_id, "system": row.system_id, "url": row.url}
