"""The documents and deliveries behind a figure: the rows are what was counted, one by one.

The same conditions as those by which the figures are made (`axis.kpi.received`, `queries.kpi`), said of rows; a test
holds both together for every figure. Ids sort by time, so a page is walked by them; that something was written within
a day of its id is all that is asked of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, literal, select

from axis.ids import first_id
from axis.kpi.figures import bounds
from axis.kpi.received import SIGNED, UNSIGNED
from axis.store import schema as s
from axis.store.boxes import BoxLine, BoxPage, Key, box_lines
from axis.terms import DeliveryState, Origin, Place, Side, StatusCode

_d, _v, _e, _o = s.document.c, s.delivery.c, s.status_event.c, s.organ.c
_PROGRESS: Final = ("01", "02", "03", "04", "05", "06")
_REGISTERED: Final = ("02", "03", "04", "05", "06")
_ONLINE: Final = ("04", "05", "06")
_NEAR = timedelta(days=1)
_FROZEN: Final = tuple(state.value for state in DeliveryState if state.is_frozen)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedQuery:
    """One page of what a figure counts."""

    side: Side
    name: str  # of the figure: a key of `of_side(side)`
    first: date
    last: date
    organ_id: str | None = None
    level: int | None = None  # of the organisation; 0: its level is not known
    place: Key | None = None  # go on from there …
    backwards: bool = False  # … towards the beginning
    rows: int = 50


def _said(*codes: str) -> ColumnElement[bool]:
    """The receiver has said one of these, whatever it said later."""
    return exists().where(
        _e.delivery_id == _v.delivery_id, _e.status_code.in_(codes), _e.effect.in_(("applied", "unchanged", "flagged"))
    )


def _first(*codes: str) -> Any:  # noqa: ANN401 - a scalar subquery
    """When it first said one of these."""
    return (
        select(func.min(_e.received_at))
        .where(
            _e.delivery_id == _v.delivery_id,
            _e.status_code.in_(codes),
            _e.effect.in_(("applied", "unchanged", "flagged")),
        )
        .scalar_subquery()
    )


def _kept(name: str, due: Any, codes: Sequence[str]) -> dict[str, ColumnElement[bool]]:  # noqa: ANN401 - a column
    """On time, late, and both: of what is known."""
    first = _first(*codes)
    return {
        name: and_(due.is_not(None), _said(*codes)),
        f"{name}_on_time": first <= due,
        f"{name}_late": first > due,
    }


def _verdicts() -> dict[str, ColumnElement[bool]]:
    names = {name: [word for word, one in SIGNED.items() if one == name] for name in SIGNED.values()}
    return {name: _d.verdict.in_(words) for name, words in (names | {UNSIGNED: [UNSIGNED]}).items()}


_RECEIVED: Final[Mapping[str, ColumnElement[bool] | None]] = MappingProxyType(
    {
        "deliveries": None,
        "inside": _d.origin != Origin.UPLINK.value,
        "outside": _d.origin == Origin.UPLINK.value,
        "withdrawn": _v.state.in_(_FROZEN),
        "answered": _said(*_PROGRESS),
        "refused": _v.status_code == StatusCode.REFUSED.value,
        **{f"said_{code}": _said(code) for code in _PROGRESS},
        "online": _said(*_ONLINE),
        **_verdicts(),
        **_kept("receipt", _v.receipt_due_at, _PROGRESS),
        **_kept("acceptance", _v.acceptance_due_at, _REGISTERED),
        **_kept("completion", _v.completion_due_at, ("06",)),
    }
)
_SENT: Final[Mapping[str, ColumnElement[bool] | None]] = MappingProxyType(
    {
        "documents": None,
        "sent": _d.sent_due_at.is_not(None),
        "sent_on_time": _d.received_at <= _d.sent_due_at,
        "sent_late": _d.received_at > _d.sent_due_at,
        **_verdicts(),
    }
)


def of_side(side: Side) -> Mapping[str, ColumnElement[bool] | None]:
    """The figures that can be listed, with what is asked of a row; None: nothing."""
    return _RECEIVED if side is Side.RECEIVED else _SENT


def read_counted(conn: Connection, query: CountedQuery) -> BoxPage:
    """One page, the newest first: deliveries of what was received, documents of what was sent."""
    found = conn.execute(_statement(query)).all()
    more, found = len(found) > query.rows, found[: query.rows]
    lines: tuple[BoxLine, ...] = box_lines(conn, found[::-1] if query.backwards else found)
    return BoxPage(
        lines=lines,
        has_before=more if query.backwards else query.place is not None,
        has_after=query.backwards or more,
    )


def _statement(query: CountedQuery) -> Select[Any]:
    statement, key, at, party = _deliveries() if query.side is Side.RECEIVED else _documents()
    start, end = bounds(query.first)[0], bounds(query.last)[1]
    statement = statement.where(
        at >= start, at < end, key >= first_id(start - _NEAR), key < first_id(end + _NEAR), *_parties(query, party)
    )
    if (condition := of_side(query.side)[query.name]) is not None:
        statement = statement.where(condition)
    if query.place is not None:
        statement = statement.where(key > query.place.id if query.backwards else key < query.place.id)
    return statement.order_by(key if query.backwards else key.desc()).limit(query.rows + 1)


def _deliveries() -> tuple[Select[Any], Any, Any, Any]:
    statement = (
        select(_v.delivery_id, _v.document_uid, literal(None).label("at"), _v.delivery_id.label("id"))
        .join(s.document, _d.document_uid == _v.document_uid)
        .where(_v.place == Place.LOCAL.value)
    )
    return statement, _v.delivery_id, _v.created_at, _v.receiver_organ


def _documents() -> tuple[Select[Any], Any, Any, Any]:
    statement = select(
        literal(None).label("delivery_id"), _d.document_uid, literal(None).label("at"), _d.document_uid.label("id")
    ).where(_d.origin != Origin.UPLINK.value)
    return statement, _d.document_uid, _d.received_at, _d.from_organ


def _parties(query: CountedQuery, party: Any) -> Sequence[ColumnElement[bool]]:  # noqa: ANN401 - a column
    found: list[ColumnElement[bool]] = []
    if query.organ_id is not None:
        found.append(party == query.organ_id)
    if query.level is not None:
        level = _o.level == query.level if query.level else _o.level.is_(None)
        found.append(party.in_(select(_o.organ_id).where(level)))
    return found
