"""What the pages of organisations and systems show beside the configuration: traffic, tokens, secrets' periods."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, or_, select

from axis.store import schema as s
from axis.store.records import ApiToken, Credential, System
from axis.store.rows import Query
from axis.store.schema import UtcMicros

_y, _t, _m, _v = s.system.c, s.api_token.c, s.partner_minute.c, s.system_organ.c
_MOST_ROWS, _SHOWN = 501, 50
_page = Query(System, _y.system_id > bindparam("after"), order=(_y.system_id,), limit=_MOST_ROWS)
_one = Query(System, _y.system_id == bindparam("system_id"))
_tokens = Query(ApiToken, _t.system_id == bindparam("system_id"), order=(_t.token_id.desc(),), limit=_SHOWN)
_credentials = Query(
    Credential,
    s.credential.c.system_id == bindparam("system_id"),
    order=(s.credential.c.credential_id.desc(),),
    limit=_SHOWN,
)
_sent = (
    select(s.document.c.received_at)
    .where(s.document.c.from_organ == bindparam("organ_id"))
    .order_by(s.document.c.document_uid.desc())
    .limit(1)
)
_received = (
    select(s.delivery.c.created_at)
    .where(s.delivery.c.receiver_organ == bindparam("organ_id"))
    .order_by(s.delivery.c.created_at.desc())
    .limit(1)
)
_AT = bindparam("at", type_=UtcMicros())
_served = (
    select(_v.system_id, func.count())
    .where(_v.system_id.in_(bindparam("ids", expanding=True)))
    .where(_v.valid_from <= _AT, or_(_v.valid_until.is_(None), _v.valid_until > _AT))
    .group_by(_v.system_id)
)
_good = (_t.revoked_at.is_(None), or_(_t.expires_at.is_(None), _t.expires_at > _AT))
_tokens_of = (
    select(_t.system_id, func.count())
    .where(_t.system_id.in_(bindparam("ids", expanding=True)), *_good)
    .group_by(_t.system_id)
)
_used = (
    select(_t.system_id, func.max(_t.last_used_at))
    .where(_t.system_id.in_(bindparam("ids", expanding=True)))
    .group_by(_t.system_id)
)
_called = (
    select(_m.success_at)
    .where(_m.partner_id == bindparam("partner_id"), _m.success_at.is_not(None))
    .order_by(_m.minute.desc())
    .limit(1)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastTraffic:
    """When an organisation last sent, and was last sent, a document."""

    sent: datetime | None
    received: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemLine:
    """A system with what is counted of it."""

    system: System
    serves: int  # organisations, now
    tokens: int  # of the REST API that are good
    called_at: datetime | None  # we called it, and it answered; within what is kept of calls
    used_at: datetime | None  # it used one of its tokens

    @property
    def contact_at(self) -> datetime | None:
        """When either side last heard of the other, as far as it is on record."""
        return max((at for at in (self.called_at, self.used_at) if at is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSeen:
    """All about one system."""

    line: SystemLine
    tokens: tuple[ApiToken, ...]  # newest first
    credentials: tuple[Credential, ...]  # newest first


def last_traffic(conn: Connection, organ_id: str) -> LastTraffic:
    """When it last sent, and was last sent, a document."""
    given = {"organ_id": organ_id}
    return LastTraffic(sent=conn.scalar(_sent, given), received=conn.scalar(_received, given))


def systems_page(conn: Connection, after: str, rows: int, at: datetime) -> tuple[SystemLine, ...]:
    """Systems by id, those behind `after`; at most 501."""
    return _lines(conn, _page.all(conn, after=after)[:rows], at)


def system_seen(conn: Connection, system_id: str, at: datetime) -> SystemSeen | None:
    """One system, with its newest tokens and secrets."""
    found = _one.one(conn, system_id=system_id)
    if found is None:
        return None
    return SystemSeen(
        line=_lines(conn, (found,), at)[0],
        tokens=_tokens.all(conn, system_id=system_id),
        credentials=_credentials.all(conn, system_id=system_id),
    )


def _lines(conn: Connection, systems: tuple[System, ...], at: datetime) -> tuple[SystemLine, ...]:
    ids: dict[str, Any] = {"ids": [one.system_id for one in systems]}
    served, tokens, used = (
        {row[0]: row[1] for row in conn.execute(query, given)}
        for query, given in ((_served, ids | {"at": at}), (_tokens_of, ids | {"at": at}), (_used, ids))
    )
    return tuple(
        SystemLine(
            system=one,
            serves=served.get(one.system_id, 0),
            tokens=tokens.get(one.system_id, 0),
            called_at=conn.scalar(_called, {"partner_id": one.system_id}),
            used_at=used.get(one.system_id),
        )
        for one in systems
    )
