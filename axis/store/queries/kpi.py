"""Figures: what they are made from, the roll-ups by day and month, and the marks of days that have to be made anew."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    delete,
    distinct,
    func,
    insert,
    literal_column,
    select,
    union,
)
from sqlalchemy.dialects import postgresql, sqlite

from axis.kpi.figures import COUNTS, TIMES, Cell, Counts, Figures, Spans, Times, bounds, day_of_number
from axis.kpi.histogram import Histogram
from axis.kpi.received import SIGNED, UNSIGNED, Fact
from axis.store import schema
from axis.terms import DeliveryState, Origin, Place, Side, StatusCode

_kpi, _dirty, _issued = schema.kpi.c, schema.kpi_dirty.c, schema.issued.c
_document, _delivery = schema.document.c, schema.delivery.c
_event, _consignment = schema.status_event.c, schema.consignment.c

_PROGRESS = ("01", "02", "03", "04", "05", "06")
_ONLINE = ("04", "05", "06")
_DAY_MICROS, _OFFSET_MICROS = 86_400_000_000, 7 * 3_600_000_000
_AT_ONCE = 200  # organisations in one statement
_said = and_(
    _event.delivery_id == _delivery.delivery_id,
    _event.status_code.in_(_PROGRESS),
    _event.effect.in_(("applied", "unchanged", "flagged")),
)
_key = and_(
    _kpi.span == bindparam("of_span"), _kpi.organ_id == bindparam("of_organ"), _kpi.side == bindparam("of_side")
)
_facts = (
    select(
        _delivery.delivery_id,
        _delivery.created_at,
        _document.origin,
        _document.verdict,
        _delivery.status_code,
        _delivery.receipt_due_at,
        _delivery.acceptance_due_at,
        _delivery.completion_due_at,
        _delivery.state,
        _event.status_code,
        func.min(_event.received_at, type_=schema.UtcMicros()),
    )
    .join(schema.document, _document.document_uid == _delivery.document_uid)
    .outerjoin(schema.status_event, _said)
    .where(
        _delivery.receiver_organ == bindparam("organ"),
        _delivery.place == Place.LOCAL.value,
        _delivery.created_at >= bindparam("start"),
        _delivery.created_at < bindparam("end"),
    )
    .group_by(_delivery.delivery_id, _document.document_uid, _event.status_code)
    .order_by(_delivery.delivery_id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DirtyCell:
    """A day that has to be made anew."""

    cell: Cell
    version: int  # raised by every mark: one that comes while the day is made anew is not lost


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What can only be told of the present."""

    overdue: Mapping[str, int]  # by receiver: owed and over
    not_fetched: Mapping[str, int]  # by receiver: waits for its system
    failed: Mapping[str, int]  # by sender: given up towards another axis


# ── Marks ──────────────────────────────────────────────────────────────────────────────────────────────────────


def mark_dirty(conn: Connection, cells: Iterable[Cell]) -> None:
    """Have days made anew. Part of a write unit."""
    rows = [{"span": c.span, "organ_id": c.organ_id, "side": c.side.value, "version": 1} for c in sorted(set(cells))]
    if rows:
        dialect: Any = sqlite if conn.dialect.name == "sqlite" else postgresql
        marked = dialect.insert(schema.kpi_dirty).on_conflict_do_update(
            index_elements=["span", "organ_id", "side"], set_={"version": _dirty.version + 1}
        )
        conn.execute(marked, rows)


def dirty_cells(conn: Connection, limit: int | None) -> tuple[DirtyCell, ...]:
    """Days that have to be made anew, by day."""
    rows = conn.execute(
        select(_dirty.span, _dirty.organ_id, _dirty.side, _dirty.version)
        .order_by(_dirty.span, _dirty.organ_id, _dirty.side)
        .limit(limit)
    )
    return tuple(DirtyCell(cell=_cell(*row[:3]), version=row[3]) for row in rows)


def forget_dirty(conn: Connection, cells: Sequence[DirtyCell]) -> None:
    """Remove marks, unless they were made again meanwhile. Part of a write unit."""
    same = and_(
        _dirty.span == bindparam("of_span"),
        _dirty.organ_id == bindparam("of_organ"),
        _dirty.side == bindparam("of_side"),
        _dirty.version == bindparam("of_version"),
    )
    rows = [{**_cell_key(one.cell), "of_version": one.version} for one in cells]
    if rows:
        conn.execute(delete(schema.kpi_dirty).where(same), rows)


# ── What figures are made from ─────────────────────────────────────────────────────────────────────────────────


def received_facts(conn: Connection, organ_id: str, day: date) -> Iterator[Fact]:
    """What is known of each delivery to an organisation on one day."""
    start, end = bounds(day)
    rows = conn.execute(_facts, {"organ": organ_id, "start": start, "end": end})
    known: Any = None
    said: dict[StatusCode, datetime] = {}
    for row in rows:
        if known is not None and row[0] != known[0]:
            yield _fact(known, said)
            said = {}
        known = row
        if row[9] is not None:
            said[StatusCode(row[9])] = row[10]
    if known is not None:
        yield _fact(known, said)


def _fact(row: Any, said: Mapping[StatusCode, datetime]) -> Fact:  # noqa: ANN401 - a row of `_facts`
    return Fact(
        came_at=row[1],
        origin=Origin(row[2]),
        verdict=row[3],
        status=None if row[4] is None else StatusCode(row[4]),
        withdrawn=DeliveryState(row[8]).is_frozen,
        receipt_due_at=row[5],
        acceptance_due_at=row[6],
        completion_due_at=row[7],
        said=said,
    )


def sent_counts(conn: Connection, organ_ids: Sequence[str], day: date) -> dict[str, Counts]:
    """What organisations sent on one day, and what became of it; nothing for those that sent nothing."""
    start, end = bounds(day)
    found: dict[str, dict[str, int]] = {}
    for first in range(0, len(organ_ids), _AT_ONCE):
        of_day = and_(
            _document.received_at >= start,
            _document.received_at < end,
            _document.from_organ.in_(organ_ids[first : first + _AT_ONCE]),
            _document.origin != Origin.UPLINK.value,
        )
        for organ_id, name, count in (*_documents(conn, of_day), *_deliveries(conn, of_day), *_said_of(conn, of_day)):
            counts = found.setdefault(organ_id, {})
            counts[name] = counts.get(name, 0) + count
    return {organ_id: Counts(**counts) for organ_id, counts in found.items()}


def _documents(conn: Connection, of_day: Any) -> Iterator[tuple[str, str, int]]:  # noqa: ANN401 - a condition
    timely = case(
        (_document.sent_due_at.is_(None), ""),
        (_document.received_at > _document.sent_due_at, "sent_late"),
        else_="sent_on_time",
    )
    grouped = (_document.from_organ, _document.verdict, timely)
    rows = conn.execute(select(*grouped, func.count()).where(of_day).group_by(*grouped))
    for organ_id, verdict, timeliness, count in rows:
        yield organ_id, "documents", count
        if timeliness:
            yield organ_id, timeliness, count
        if verdict is not None and (name := SIGNED.get(verdict, verdict)) in (*SIGNED.values(), UNSIGNED):
            yield organ_id, name, count


def _deliveries(conn: Connection, of_day: Any) -> Iterator[tuple[str, str, int]]:  # noqa: ANN401 - a condition
    grouped = (_document.from_organ, _delivery.place, _delivery.status_code, _delivery.state)
    rows = conn.execute(
        select(*grouped, func.count())
        .join(schema.delivery, _delivery.document_uid == _document.document_uid)
        .where(of_day)
        .group_by(*grouped)
    )
    for organ_id, place, status, state, count in rows:
        yield organ_id, "deliveries", count
        yield organ_id, "inside" if place == Place.LOCAL else "outside", count
        if status == StatusCode.REFUSED:
            yield organ_id, "refused", count
        if DeliveryState(state).is_frozen:
            yield organ_id, "withdrawn", count


def _said_of(conn: Connection, of_day: Any) -> Iterator[tuple[str, str, int]]:  # noqa: ANN401 - a condition
    each = (
        select(_document.from_organ, _delivery.delivery_id, _event.status_code)
        .join(schema.delivery, _delivery.document_uid == _document.document_uid)
        .join(schema.status_event, _said)
        .where(of_day)
        .distinct()
        .subquery()
    )
    by_code = select(each.c.from_organ, each.c.status_code, func.count()).group_by(
        each.c.from_organ, each.c.status_code
    )
    for organ_id, code, count in conn.execute(by_code):
        yield organ_id, f"said_{code}", count
    online = func.count(distinct(case((each.c.status_code.in_(_ONLINE), each.c.delivery_id))))
    by_organ = select(each.c.from_organ, func.count(distinct(each.c.delivery_id)), online).group_by(each.c.from_organ)
    for organ_id, answered, processed in conn.execute(by_organ):
        yield organ_id, "answered", answered
        if processed:
            yield organ_id, "online", processed


def every_cell(conn: Connection) -> tuple[Cell, ...]:
    """Every day of every organisation on which anything was sent or received. Reads everything."""
    sent = _day_number("document.received_at")
    came = _day_number("delivery.created_at")
    senders = select(sent, _document.from_organ, literal_column("'sent'")).where(
        _document.origin != Origin.UPLINK.value
    )
    receivers = select(came, _delivery.receiver_organ, literal_column("'received'")).where(
        _delivery.place == Place.LOCAL.value
    )
    rows = conn.execute(union(senders, receivers))
    return tuple(sorted(_cell(day_of_number(row[0]).isoformat(), row[1], row[2]) for row in rows))


def _day_number(column: str) -> Any:  # noqa: ANN401 - an expression
    """The Vietnamese day of a moment, as a number: both databases divide whole numbers to whole numbers."""
    return literal_column(f"({column} + {_OFFSET_MICROS}) / {_DAY_MICROS}", Integer())


# ── Roll-ups ───────────────────────────────────────────────────────────────────────────────────────────────────


def write_figures(conn: Connection, figures: Mapping[Cell, Figures]) -> None:
    """Put figures in place of what they were; a cell without any goes. Part of a write unit."""
    if not figures:
        return
    conn.execute(delete(schema.kpi).where(_key), [_cell_key(cell) for cell in figures])
    rows = [_row(cell, one) for cell, one in figures.items() if one != Figures()]
    if rows:
        conn.execute(insert(schema.kpi), rows)


def days_of_months(conn: Connection, months: Iterable[Cell]) -> dict[Cell, Figures]:
    """The days that make up months."""
    found: dict[Cell, Figures] = {}
    statement = _select_figures().where(
        _kpi.organ_id == bindparam("organ"),
        _kpi.side == bindparam("side"),
        _kpi.span.in_(bindparam("of", expanding=True)),
    )
    for month in months:
        days = [f"{month.span}-{day:02}" for day in range(1, 32)]
        parameters = {"organ": month.organ_id, "side": month.side.value, "of": days}
        found.update(_read_figures(row) for row in conn.execute(statement, parameters))
    return found


def figures_of(conn: Connection, cells: Iterable[Cell]) -> dict[Cell, Figures]:
    """Stored figures of cells, where there are any."""
    statement = _select_figures().where(_key)
    return dict(_read_figures(row) for cell in cells for row in conn.execute(statement, _cell_key(cell)))


def stored_cells(conn: Connection) -> tuple[Cell, ...]:
    """Every cell that has stored figures."""
    return tuple(sorted(_cell(*row) for row in conn.execute(select(_kpi.span, _kpi.organ_id, _kpi.side))))


def totals(conn: Connection, spans: Spans) -> dict[tuple[str, Side], Figures]:
    """The figures of every organisation over a period."""
    counts = counts_by_organ(conn, spans)
    added, taken_blobs = _blobs(conn, spans.added), _blobs(conn, spans.taken)
    nothing: tuple[list[bytes], ...] = tuple([] for _ in TIMES)
    return {
        (organ_id, side): Figures(
            counts=one,
            times=Times(
                **{
                    name: Histogram.summed(more, less)
                    for name, more, less in zip(
                        TIMES, added.get(organ_id, nothing), taken_blobs.get(organ_id, nothing), strict=True
                    )
                }
            )
            if side is Side.RECEIVED
            else Times(),
        )
        for (organ_id, side), one in counts.items()
    }


def counts_by_organ(conn: Connection, spans: Spans) -> dict[tuple[str, Side], Counts]:
    """The plain numbers of every organisation over a period."""
    counts = _sums(conn, spans.added)
    for key, taken in _sums(conn, spans.taken).items():
        counts[key] = counts.get(key, Counts()) - taken
    return counts


def is_unsettled(conn: Connection, first: date, last: date) -> bool:
    """Whether figures of a period are to be made anew, or may be: something has changed that nobody has followed up."""
    due = _dirty.span.between(first.isoformat(), last.isoformat())
    marked = conn.execute(select(_dirty.span).where(due).limit(1)).first()
    return marked is not None or conn.execute(select(schema.touched.c.touch_id).limit(1)).first() is not None


def traffic(conn: Connection, spans: Sequence[str]) -> dict[str, int]:
    """How many documents were sent in each of some spans, by everybody together."""
    sums = select(_kpi.span, func.sum(_kpi.documents)).where(_kpi.span.in_(spans), _kpi.side == Side.SENT.value)
    return {span: int(count) for span, count in conn.execute(sums.group_by(_kpi.span))}


def _sums(conn: Connection, spans: Sequence[str]) -> dict[tuple[str, Side], Counts]:
    if not spans:
        return {}
    sums = select(_kpi.organ_id, _kpi.side, *(func.sum(_kpi[name]) for name in COUNTS)).where(_kpi.span.in_(spans))
    return {
        (organ_id, Side(side)): Counts(**{name: int(value) for name, value in zip(COUNTS, values, strict=True)})
        for organ_id, side, *values in conn.execute(sums.group_by(_kpi.organ_id, _kpi.side))
    }


def _blobs(conn: Connection, spans: Sequence[str]) -> dict[str, tuple[list[bytes], ...]]:
    """The histograms of what organisations received, as they are written, by kind."""
    found: dict[str, tuple[list[bytes], ...]] = {}
    if not spans:
        return found
    received = and_(_kpi.span.in_(spans), _kpi.side == Side.RECEIVED.value)
    for organ_id, *blobs in conn.execute(select(_kpi.organ_id, *(_kpi[name] for name in TIMES)).where(received)):
        lists = found.setdefault(organ_id, tuple([] for _ in TIMES))
        for written, blob in zip(lists, blobs, strict=True):
            if blob:
                written.append(blob)
    return found


def present(conn: Connection, first: date, last: date) -> Now:
    """What waits, has failed or is overdue now of what came for receivers within a period."""
    start, end = bounds(first)[0], bounds(last)[1]
    deadline = schema.deadline.c
    overdue = (
        select(deadline.receiver_organ, func.count(distinct(deadline.delivery_id)))
        .where(deadline.stage == literal_column("'overdue'"), deadline.came_at >= start, deadline.came_at < end)
        .group_by(deadline.receiver_organ)
    )
    came = and_(_delivery.created_at >= start, _delivery.created_at < end)
    # The words in the text, so that the partial indexes serve.
    waiting: Any = literal_column(
        "consignment.place = 'local' AND consignment.state IN ('queued', 'handed_over', 'retrying')"
    )
    not_fetched = (
        select(_consignment.receiver_organ, func.count())
        .join(schema.delivery, _delivery.delivery_id == _consignment.delivery_id)
        .where(waiting, _consignment.state != "handed_over", came)
        .group_by(_consignment.receiver_organ)
    )
    failed = (
        select(_document.from_organ, func.count())
        .join(schema.delivery, _delivery.delivery_id == _consignment.delivery_id)
        .join(schema.document, _document.document_uid == _delivery.document_uid)
        .where(literal_column("consignment.state = 'dead'"), _consignment.place == Place.UPLINK.value, came)
        .group_by(_document.from_organ)
    )
    return Now(overdue=_counted(conn, overdue), not_fetched=_counted(conn, not_fetched), failed=_counted(conn, failed))


# ── Documents issued, on paper or not ──────────────────────────────────────────────────────────────────────────


def set_issued(conn: Connection, issued: Mapping[tuple[str, str], int]) -> None:
    """How many documents organisations issued in a month, in place of what was said before. A write unit."""
    rows = [{"organ_id": organ, "month": month, "documents": count} for (organ, month), count in issued.items()]
    if rows:
        dialect: Any = sqlite if conn.dialect.name == "sqlite" else postgresql
        said = dialect.insert(schema.issued)
        conn.execute(
            said.on_conflict_do_update(
                index_elements=["organ_id", "month"], set_={"documents": said.excluded.documents}
            ),
            rows,
        )


def issued_of(conn: Connection, months: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many documents were issued, by organisation and month."""
    rows = conn.execute(select(_issued.organ_id, _issued.month, _issued.documents).where(_issued.month.in_(months)))
    return {(row[0], row[1]): row[2] for row in rows}


def issued_between(conn: Connection, first: str, last: str, *, organ_id: str | None) -> list[tuple[str, str, int]]:
    """Organisation, month and how many documents, from the first month to the last, of one organisation or of all."""
    found = select(_issued.organ_id, _issued.month, _issued.documents).where(_issued.month.between(first, last))
    if organ_id is not None:
        found = found.where(_issued.organ_id == organ_id)
    return [(row[0], row[1], row[2]) for row in conn.execute(found.order_by(_issued.organ_id, _issued.month))]


def sent_in_months(conn: Connection, months: Sequence[str]) -> dict[tuple[str, str], int]:
    """How many documents were sent through the node, by organisation and month."""
    rows = conn.execute(
        select(_kpi.organ_id, _kpi.span, _kpi.documents).where(_kpi.span.in_(months), _kpi.side == Side.SENT.value)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _counted(conn: Connection, statement: Any) -> dict[str, int]:  # noqa: ANN401 - a select
    return {row[0]: row[1] for row in conn.execute(statement)}


def _select_figures() -> Any:  # noqa: ANN401 - a select
    return select(
        _kpi.span, _kpi.organ_id, _kpi.side, *(_kpi[name] for name in COUNTS), *(_kpi[name] for name in TIMES)
    )


def _read_figures(row: Any) -> tuple[Cell, Figures]:  # noqa: ANN401 - a row of `_select_figures`
    values, blobs = row[3 : 3 + len(COUNTS)], row[3 + len(COUNTS) :]
    figures = Figures(
        counts=Counts(**dict(zip(COUNTS, values, strict=True))),
        times=Times(**{n: Histogram.from_bytes(b or b"") for n, b in zip(TIMES, blobs, strict=True)}),
    )
    return _cell(*row[:3]), figures


def _row(cell: Cell, figures: Figures) -> dict[str, Any]:
    return {
        "span": cell.span,
        "organ_id": cell.organ_id,
        "side": cell.side.value,
        **{name: getattr(figures.counts, name) for name in COUNTS},
        **{name: getattr(figures.times, name).to_bytes() or None for name in TIMES},
    }


def _cell(span: str, organ_id: str, side: str) -> Cell:
    return Cell(span=span, organ_id=organ_id, side=Side(side))


def _cell_key(cell: Cell) -> dict[str, str]:
    return {"of_span": cell.span, "of_organ": cell.organ_id, "of_side": cell.side.value}
