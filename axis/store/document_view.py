"""The console's page of one document: its receivers, its packages and files, the acts on it, its editions.

As in `views`: one read per page, every inner list capped, no decision about rights beyond the given `Scope`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, String, and_, bindparam, exists, func, not_, select

from axis.organ.codes import to_old_form, to_present_form
from axis.store import schema as s
from axis.store.act_view import ActView, Related, acts_of, editions_of, replaced_by
from axis.store.organs import names_then
from axis.store.queries.acts import about
from axis.store.records import Attachment, Delivery, Document, Package, StatusEvent, Verdict
from axis.store.rows import columns_of, read_all, record_reader
from axis.store.scopes import Scope, document_in_scope, in_scope
from axis.store.travel_view import Travel, grouped, travels_of_deliveries, travels_of_packages
from axis.store.values import among
from axis.store.views import Tally, tallies_of
from axis.terms import Place, TransportState

WAITING = "waiting"  # receivers that have not said anything yet
ELSEWHERE = "elsewhere"  # receivers that another axis serves
STUCK = (TransportState.RETRYING, TransportState.DEAD)  # receivers that it does not get to, and have said nothing
SHOWN_PACKAGES = 50
SHOWN_EVENTS = 40  # statuses of one receiver
SHOWN_FORWARDS = 20  # of one receiver
SHOWN_PASSED = 1_000  # of one document
SHOWN_VERDICTS = 30
_SCOPES = 64  # whose statement is kept
_UID = bindparam("uid", type_=String)

_DOCUMENT, _read_document = columns_of(Document), record_reader(Document)
_DELIVERY, _read_delivery = columns_of(Delivery), record_reader(Delivery)
_PACKAGE, _read_package = columns_of(Package), record_reader(Package)
_ATTACHMENT, _read_attachment = columns_of(Attachment), record_reader(Attachment)
_EVENT, _read_event = columns_of(StatusEvent), record_reader(StatusEvent)
_VERDICT, _read_verdict = columns_of(Verdict), record_reader(Verdict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """The organisation that the package names, where that is another one or another code than the delivery's."""

    organ_id: str
    name: str
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EventView:
    """One status of a receiver, and how it travelled to the document's sender."""

    event: StatusEvent
    travel: Travel | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverView:
    """One receiver of a document: its delivery, how it travelled, what it answered."""

    delivery: Delivery
    name: str | None  # as registered here when it was addressed
    name_now: str | None  # as registered here
    addressed: Addressed | None
    travels: tuple[Travel, ...]  # the first brought the document, later ones carry acts on it
    events: tuple[EventView, ...]  # oldest first
    earlier_events: int  # not among them
    forwarded_by: str | None = None  # the receiver that passed the document on to this one
    forwarded_to: tuple[str, ...] = ()  # those to whom this one has passed it on


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageView:
    """A package that carries the document or acts on it, with its files."""

    package: Package
    files: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverPage:
    """Which receivers of a document to show."""

    after: str | None = None  # receiver_organ of the last one shown before
    only: str | None = None  # a status code, WAITING, ELSEWHERE or one of STUCK; None: all that this node serves
    rows: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One verdict of the history, without what it says in detail."""

    at: datetime
    cause: str
    overall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What was found of the signatures of the document's own package."""

    latest: Verdict | None  # None: not looked at
    history: tuple[Judgement, ...]  # newest first, the latest included
    due: str | None  # why it is looked at again; None: nothing is owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A document and its sender's name."""

    document: Document
    sender_name: str | None  # as registered here when the document came
    sender_name_now: str | None  # as registered here


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentDetail:
    """All that a document's page shows."""

    document: Document
    sender_name: str | None  # as registered here when the document came
    sender_name_now: str | None  # as registered here
    tallies: tuple[Tally, ...]
    receivers: tuple[ReceiverView, ...]
    has_more_receivers: bool
    packages: tuple[PackageView, ...]  # the document's own first
    acts: tuple[ActView, ...]  # newest first
    editions: tuple[Related, ...]
    replaces: tuple[Related, ...]
    trail: Trail


def read_document(conn: Connection, scope: Scope, document_uid: str, page: ReceiverPage) -> DocumentDetail | None:
    """A document's page; None when there is no such document, or it is not in scope."""
    sent = find_sent(conn, scope, document_uid)
    if sent is None:
        return None
    document = sent.document
    tallies = tallies_of(conn, [document_uid]).get(document_uid, ())
    if page.only is None and all(tally.place is Place.ELSEWHERE for tally in tallies):
        page = replace(page, only=ELSEWHERE)  # better than an empty list
    receivers, more = _receivers(conn, document_uid, page)
    return DocumentDetail(
        document=document,
        sender_name=sent.sender_name,
        sender_name_now=sent.sender_name_now,
        tallies=tallies,
        receivers=receivers,
        has_more_receivers=more,
        packages=packages_of(conn, document),
        acts=acts_of(conn, document_uid),
        editions=editions_of(conn, document),
        replaces=replaced_by(conn, document),
        trail=_trail(conn, document.package_id),
    )


@lru_cache(_SCOPES)
def _sent(scope: Scope) -> Select[Any]:
    """Kept for each scope: making the condition takes longer than asking."""
    return (
        select(*_DOCUMENT, s.organ.c.name.label("organ_name"))
        .outerjoin(s.organ, s.organ.c.organ_id == s.document.c.from_organ)
        .where(s.document.c.document_uid == _UID, in_scope(scope))
    )


def find_sent(conn: Connection, scope: Scope, document_uid: str, as_of: datetime | None = None) -> Sent | None:
    """A document and who sent it; None when there is no such one in scope, or there was none yet at the moment."""
    row = conn.execute(_sent(scope), {"uid": document_uid}).one_or_none()
    if row is None or (as_of is not None and row.received_at > as_of):
        return None
    document = _read_document(row[: len(_DOCUMENT)])
    name = names_then(conn, [(document.from_organ, document.received_at, row.organ_name)])[0]
    return Sent(document=document, sender_name=name, sender_name_now=row.organ_name)


def find_document(conn: Connection, scope: Scope, document_uid: str) -> Document | None:
    """A document; None when there is no such one, or it is not in scope."""
    wanted = select(*_DOCUMENT).where(s.document.c.document_uid == document_uid, in_scope(scope))
    row = conn.execute(wanted).one_or_none()
    return None if row is None else _read_document(row)


def find_package(conn: Connection, scope: Scope, document_uid: str, package_id: str) -> PackageView | None:
    """A package that the document's page offers; None when it belongs to another one, or is not in scope."""
    row = conn.execute(
        select(*_PACKAGE).where(
            s.package.c.package_id == package_id, about(document_uid), document_in_scope(scope, document_uid)
        )
    ).one_or_none()
    if row is None:
        return None
    return PackageView(package=_read_package(row), files=_files(conn, [package_id]).get(package_id, ()))


_PACKAGES = (
    select(*_PACKAGE)
    .where(about(_UID))
    .order_by(s.package.c.package_id != bindparam("own"), s.package.c.received_at, s.package.c.package_id)
    .limit(SHOWN_PACKAGES)
)
_FILES = (
    select(*_ATTACHMENT)
    .where(among(s.attachment.c.package_id, "ids"))
    .order_by(s.attachment.c.package_id, s.attachment.c.position)
)


def packages_of(conn: Connection, document: Document) -> tuple[PackageView, ...]:
    """The packages of a document, its own first, with their files."""
    rows = conn.execute(_PACKAGES, {"uid": document.document_uid, "own": document.package_id})
    packages = read_all(_read_package, rows.all())
    files = _files(conn, [package.package_id for package in packages])
    return tuple(PackageView(package=package, files=files.get(package.package_id, ())) for package in packages)


def _files(conn: Connection, package_ids: Sequence[str]) -> dict[str, tuple[Attachment, ...]]:
    rows = conn.execute(_FILES, {"ids": list(package_ids)})
    return grouped((file.package_id, file) for file in read_all(_read_attachment, rows.all()))


@cache
def _received(only: str | None) -> Select[Any]:
    v = s.delivery.c
    return (
        select(*_DELIVERY, s.organ.c.name.label("organ_name"))
        .outerjoin(s.organ, s.organ.c.organ_id == v.receiver_organ)
        .where(v.document_uid == _UID, v.receiver_organ > bindparam("after"), _only(only))
        .order_by(v.receiver_organ)
        .limit(bindparam("limit"))
    )


def _receivers(conn: Connection, document_uid: str, page: ReceiverPage) -> tuple[tuple[ReceiverView, ...], bool]:
    asked = {"uid": document_uid, "after": page.after or "", "limit": page.rows + 1}
    rows = conn.execute(_received(page.only), asked).all()
    names = [(_read_delivery(row[: len(_DELIVERY)]), row.organ_name) for row in rows[: page.rows]]
    deliveries = [delivery for delivery, _ in names]
    ids = [delivery.delivery_id for delivery in deliveries]
    travels = grouped((travel.consignment.delivery_id, travel) for travel in travels_of_deliveries(conn, ids))
    events, counts = _events(conn, document_uid, ids)
    addressed = _addressed(conn, deliveries)
    passed = _passed_on(conn, document_uid)
    names_now = [name for _, name in names]
    called = names_then(conn, [(one.receiver_organ, one.created_at, name) for one, name in names])
    receivers = tuple(
        ReceiverView(
            delivery=delivery,
            name=name,
            name_now=name_now,
            addressed=addressed.get(delivery.addressed_as),
            travels=travels.get(delivery.delivery_id, ()),
            events=events.get(delivery.delivery_id, ()),
            earlier_events=counts.get(delivery.delivery_id, 0) - len(events.get(delivery.delivery_id, ())),
            forwarded_by=next((one for one, to in passed if to == delivery.receiver_organ), None),
            forwarded_to=tuple(to for one, to in passed if one == delivery.receiver_organ)[:SHOWN_FORWARDS],
        )
        for delivery, name, name_now in zip(deliveries, called, names_now, strict=True)
    )
    return receivers, len(rows) > page.rows


_passing = s.delivery.alias("passing").c
_PASSED_ON = (
    select(_passing.receiver_organ, s.delivery.c.receiver_organ)
    .where(s.delivery.c.document_uid == _UID, _passing.delivery_id == s.delivery.c.forwarded_from)
    .order_by(s.delivery.c.delivery_id)
    .limit(SHOWN_PASSED)
)


def _passed_on(conn: Connection, document_uid: str) -> list[tuple[str, str]]:
    """Who passed the document on to whom."""
    return [(by, receiver) for by, receiver in conn.execute(_PASSED_ON, {"uid": document_uid})]


def _only(wanted: str | None) -> ColumnElement[bool]:
    v = s.delivery.c
    if wanted == ELSEWHERE:
        return v.place == Place.ELSEWHERE
    if wanted == WAITING:
        return and_(v.place != Place.ELSEWHERE, v.status_code.is_(None))
    if wanted in STUCK:
        c, earlier = s.consignment.c, s.consignment.alias("earlier").c
        not_first = exists().where(earlier.delivery_id == c.delivery_id, earlier.consignment_id < c.consignment_id)
        brought = exists().where(c.delivery_id == v.delivery_id, c.state == wanted, not_(not_first))
        return and_(v.place != Place.ELSEWHERE, v.status_code.is_(None), brought)
    if wanted is not None:
        return and_(v.place != Place.ELSEWHERE, v.status_code == wanted)
    return v.place != Place.ELSEWHERE


def _said() -> tuple[Select[Any], Select[Any]]:
    """The latest statuses of deliveries, and how many there are in all."""
    e = s.status_event.c
    number = func.row_number().over(partition_by=e.delivery_id, order_by=e.event_id.desc()).label("number")
    ours = and_(e.document_uid == _UID, among(e.delivery_id, "ids"))
    latest = select(*_EVENT, number).where(ours).subquery().c
    rows = (
        select(*(latest[column.name] for column in _EVENT))
        .where(latest.number <= SHOWN_EVENTS)
        .order_by(latest.event_id)
    )
    return rows, select(e.delivery_id, func.count()).where(ours).group_by(e.delivery_id)


_LATEST_SAID, _SAID_IN_ALL = _said()


def _events(
    conn: Connection, document_uid: str, delivery_ids: Sequence[str]
) -> tuple[dict[str | None, tuple[EventView, ...]], dict[str | None, int]]:
    """The latest statuses of each delivery, and how many there are in all."""
    of = {"uid": document_uid, "ids": list(delivery_ids)}
    rows, counts = conn.execute(_LATEST_SAID, of), conn.execute(_SAID_IN_ALL, of)
    events = read_all(_read_event, rows.all())
    back = travels_of_packages(conn, [event.package_id for event in events])
    travels = {travel.consignment.package_id: travel for travel in back}
    views = ((event.delivery_id, EventView(event=event, travel=travels.get(event.package_id))) for event in events)
    return grouped(views), dict(counts.all())


def _addressed(conn: Connection, deliveries: Iterable[Delivery]) -> dict[str, Addressed]:
    """The registered organisations behind the codes that packages name instead of the receiver's own."""
    named = sorted({one.addressed_as for one in deliveries if one.addressed_as != one.receiver_organ})
    if not named:
        return {}
    # A code that nobody registered may be another's code in the other form.
    other_form = {form: code for code in named if (form := to_present_form(code) or to_old_form(code))}
    codes = [*named, *other_form]
    o, a = s.organ.c, s.organ_alias.c
    own = select(o.organ_id.label("code"), o.organ_id, o.name, o.status).where(o.organ_id.in_(codes))
    other = (
        select(a.alias.label("code"), o.organ_id, o.name, o.status)
        .join_from(s.organ_alias, s.organ, o.organ_id == a.organ_id)
        .where(a.alias.in_(codes))
    )
    found = {
        code: Addressed(organ_id=organ_id, name=name, closed=status == "closed")
        for code, organ_id, name, status in conn.execute(other.union_all(own))
    }
    implied = {code: found[form] for form, code in other_form.items() if form in found}
    return implied | found


_of_package = s.verdict.c.package_id == bindparam("package")
_newest_first = s.verdict.c.verdict_id.desc()
_LATEST_VERDICT = select(*_VERDICT).where(_of_package).order_by(_newest_first).limit(1)
_JUDGEMENTS = (
    select(s.verdict.c.at, s.verdict.c.cause, s.verdict.c.overall)
    .where(_of_package)
    .order_by(_newest_first)
    .limit(SHOWN_VERDICTS)
)
_CHECK_DUE = select(s.check_due.c.cause).where(s.check_due.c.package_id == bindparam("package"))


def _trail(conn: Connection, package_id: str) -> Trail:
    """The latest verdict whole; of the others only when, why and the word, since each may be long."""
    of = {"package": package_id}
    latest = conn.execute(_LATEST_VERDICT, of).one_or_none()
    history = conn.execute(_JUDGEMENTS, of)
    return Trail(
        latest=None if latest is None else _read_verdict(latest),
        history=tuple(Judgement(at=at, cause=cause, overall=overall) for at, cause, overall in history),
        due=conn.scalar(_CHECK_DUE, of),
    )
