"""The routes that were set, a page at a time: whose system serves whom, which codes go to which axis, and who said so.

Who set something stands in the audit trail. An id bears the millisecond in which it was made, so that the line is found
by its own key, however long the trail is; what was set for another moment than its own has no such line.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, literal, or_, select, tuple_
from ulid import ULID

from axis.ids import first_id
from axis.store import schema as s
from axis.store.records import Audit, RouteRule, Service
from axis.store.rows import columns_of, read_all, record_reader

_AUDIT, _read_audit = columns_of(Audit), record_reader(Audit)
_RULE, _read_rule = columns_of(RouteRule), record_reader(RouteRule)
_SERVICE, _read_service = columns_of(Service), record_reader(Service)
_r, _s, _a = s.route_rule.c, s.system_organ.c, s.audit.c
_KINDS: Final = ("organ_moved", "route_rule_added", "system_added", "system_serves")
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place in a list: the last row that was shown."""

    code: str  # its organisation, or its prefix
    row_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesAsked:
    """Which routes are asked for: those in force at a moment, and those that are to come."""

    at: datetime
    text: str = ""  # a system, an axis, or how the code begins
    after: Place | None = None
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class SetBy:
    """Who set a route, and when."""

    actor: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLine:
    """An organisation with a system of its own."""

    service: Service
    organ_name: str
    set_by: SetBy | None  # None: nobody knows any more


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """Codes that go to another axis."""

    rule: RouteRule
    set_by: SetBy | None


class _Columns(NamedTuple):
    """What a list of routes goes by."""

    code: ColumnElement[str]  # an organisation's, or a prefix
    row_id: ColumnElement[str]
    leads_to: ColumnElement[str]  # a system, or an axis
    until: ColumnElement[datetime | None]


class _Told(NamedTuple):
    """A line of the audit trail."""

    set_by: SetBy
    kind: str
    fields: Mapping[str, Any]


_OF_SERVICES: Final = _Columns(_s.organ_id, _s.service_id, _s.system_id, _s.valid_until)
_OF_RULES: Final = _Columns(_r.prefix, _r.rule_id, _r.uplink_id, _r.valid_until)


def service_lines(conn: Connection, asked: RoutesAsked) -> tuple[tuple[ServiceLine, ...], bool]:
    """The services that are asked for, by organisation; and whether there are more."""
    statement = select(*_SERVICE, s.organ.c.name).join(s.organ, s.organ.c.organ_id == _s.organ_id)
    found = conn.execute(_page(statement, asked, _OF_SERVICES)).all()
    services = [(_read_service(row[:-1]), str(row[-1])) for row in found[: asked.rows]]
    told = _told(conn, [service.service_id for service, _name in services])
    lines = [
        ServiceLine(
            service=service,
            organ_name=name,
            set_by=next((one.set_by for one in told if _tells_of_service(one, service)), None),
        )
        for service, name in services
    ]
    return tuple(lines), len(found) > asked.rows


def rule_lines(conn: Connection, asked: RoutesAsked) -> tuple[tuple[RuleLine, ...], bool]:
    """The rules of the database that are asked for, by prefix; and whether there are more."""
    found = conn.execute(_page(select(*_RULE), asked, _OF_RULES)).all()
    rules = read_all(_read_rule, found[: asked.rows])
    told = {one.fields.get("rule"): one.set_by for one in _told(conn, [rule.rule_id for rule in rules])}
    return tuple(RuleLine(rule=rule, set_by=told.get(rule.rule_id)) for rule in rules), len(found) > asked.rows


def _page(statement: Select[Any], asked: RoutesAsked, by: _Columns) -> Select[Any]:
    statement = statement.where(or_(by.until.is_(None), by.until > asked.at))
    if asked.text:
        statement = statement.where(or_(by.leads_to == asked.text, by.code.startswith(asked.text, autoescape=True)))
    if asked.after is not None:
        last = tuple_(literal(asked.after.code), literal(asked.after.row_id))
        statement = statement.where(tuple_(by.code, by.row_id) > last)
    return statement.order_by(by.code, by.row_id).limit(asked.rows + 1)


def _told(conn: Connection, ids: Iterable[str]) -> tuple[_Told, ...]:
    """What was written of routes in the milliseconds in which these ids were made."""
    moments = sorted({ULID.from_str(one).datetime for one in ids})
    if not moments:
        return ()
    spans = [and_(_a.audit_id >= first_id(moment), _a.audit_id < first_id(moment + _MILLISECOND)) for moment in moments]
    rows = conn.execute(select(*_AUDIT).where(or_(*spans), _a.kind.in_(_KINDS)).order_by(_a.audit_id))
    return tuple(
        _Told(SetBy(actor=line.actor, at=line.at), line.kind, json.loads(line.fields))
        for line in read_all(_read_audit, rows)
    )


def _tells_of_service(told: _Told, service: Service) -> bool:
    """Whether a line tells how a service began. The system before it goes on beside the new one for a time."""
    fields, begins = told.fields, service.valid_from
    if told.kind == "organ_moved":
        systems = (fields["to"], fields["from"])
        return (
            fields["organ"] == service.organ_id and service.system_id in systems and fields["at"] == begins.isoformat()
        )
    serves = fields.get("serves") or ()
    return fields.get("system") == service.system_id and service.organ_id in serves and told.set_by.at == begins
