"""Rules by which codes outside our tree go to one uplink or another, with their time of validity.

They stand before the prefixes of the settings. What has been in force stays on record.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, or_, update

from axis.errors import Code, Malformed, NotFound, WrongState
from axis.store import schema
from axis.store.configuration import lock, record
from axis.store.records import RouteRule
from axis.store.routes import compute_routes
from axis.store.rows import Query, values_of
from axis.store.schema import UtcMicros

_t = schema.route_rule.c
_rules = Query(RouteRule, order=(_t.prefix, _t.valid_from))
_rule = Query(RouteRule, _t.rule_id == bindparam("rule_id"))
_of_prefix = Query(
    RouteRule,
    _t.prefix == bindparam("prefix"),
    or_(_t.valid_until.is_(None), _t.valid_until > bindparam("at", type_=UtcMicros())),
    order=(_t.valid_from,),
)


def list_rules(conn: Connection) -> tuple[RouteRule, ...]:
    """All rules, by prefix and time; those that have ended and those that are to come too."""
    return _rules.all(conn)


def add_rule(conn: Connection, rule: RouteRule, now: datetime, actor: str) -> RouteRule:
    """Set a rule; the same again changes nothing. Returns the one in place. A write unit.

    The router has checked that it leads somewhere (`delivery.router`). Raises WrongState(VALIDITY_OVERLAPS) when
    the prefix has another rule in that time, Malformed(BAD_REQUEST) for an end before the beginning.
    """
    lock(conn)
    if rule.valid_until is not None and rule.valid_until <= rule.valid_from:
        raise Malformed(Code.BAD_REQUEST, "ends before it begins", at="until")
    for other in _of_prefix.all(conn, prefix=rule.prefix, at=rule.valid_from):
        if rule.valid_until is not None and other.valid_from >= rule.valid_until:
            continue
        if _covers(other, rule):
            return other
        detail = f"{other.prefix} leads to {other.uplink_id} from {other.valid_from:%Y-%m-%d %H:%M}Z ({other.rule_id})"
        raise WrongState(Code.VALIDITY_OVERLAPS, detail, at="prefix")
    conn.execute(insert(schema.route_rule).values(values_of(rule)))
    compute_routes(conn, now, ())
    fields = {
        "rule": rule.rule_id,
        "prefix": rule.prefix,
        "uplink": rule.uplink_id,
        "from": rule.valid_from.isoformat(),
        "until": rule.valid_until.isoformat() if rule.valid_until else None,
    }
    record(conn, now, actor, "route_rule_added", fields)
    return rule


def end_rule(conn: Connection, rule_id: str, at: datetime, now: datetime, actor: str) -> RouteRule:
    """A rule holds no more from `at` on. Ended earlier, nothing changes. A write unit. Raises NotFound."""
    lock(conn)
    rule = _rule.one(conn, rule_id=rule_id)
    if rule is None:
        raise NotFound(Code.NOT_FOUND, rule_id)
    if rule.valid_until is not None and rule.valid_until <= at:
        return rule
    one = _t.rule_id == rule_id
    if rule.valid_from >= at:
        conn.execute(delete(schema.route_rule).where(one))  # it never held
    else:
        conn.execute(update(schema.route_rule).where(one).values(valid_until=at))
    compute_routes(conn, now, ())
    record(conn, now, actor, "route_rule_ended", {"rule": rule_id, "prefix": rule.prefix, "at": at.isoformat()})
    return replace(rule, valid_until=at)


def _covers(other: RouteRule, rule: RouteRule) -> bool:
    """Whether what a rule says holds already."""
    same = (other.uplink_id, other.valid_until) == (rule.uplink_id, rule.valid_until)
    return same and other.valid_from <= rule.valid_from
