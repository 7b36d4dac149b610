"""A receiver passes a document on to an organisation below it, or gives back what was misaddressed.

Forwarding brings the very packages that the receiver got to the other organisation, as a delivery of its own that names
the one it came from; from then on its statuses are its own, and go to the document's sender as they come. What the
sender does to the receiver's delivery later (recall, update) is done to those that came from it.

Returning is a refusal (02) whose reason begins with a configured phrase, whoever says it: the receiver's own software,
or the node for a receiver that it speaks for.

Norm: NĐ 30/2020/NĐ-CP Art. 21(2): what is misaddressed is returned through the system.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from axis.delivery.router import Destination
from axis.edxml.dates import read_date
from axis.edxml.model import StaffInfo
from axis.errors import Code, Malformed, NotAllowed, NotFound, Rejected, UnknownOrgan, WrongState
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange import parcel as rows
from axis.exchange.composing import REASON_CHARACTERS, ReportWish
from axis.exchange.context import Context, EventAbout
from axis.exchange.parcel import Shipment
from axis.exchange.reports import Report
from axis.exchange.values import Accepted
from axis.ids import DeliveryId, DocumentUid, SystemId
from axis.status.acts import document_state
from axis.store import queries
from axis.store.hot import Change, DeliveryReturned, DeliveryStatus, DocumentRevised, Hot
from axis.store.records import ActReceiver, Consignment, Delivery, Document, Package, Row, SystemEvent
from axis.terms import (
    ActKind,
    BusinessType,
    EventKind,
    Place,
    StatusCode,
    TransportState,
    Urgency,
)
from axis.text import comparison_form


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardWish:
    """A receiver, or the node for it, passes a document on.

    actor: who does it, for the audit trail. system_id: the system that does it for a receiver that it serves; None: an
    operator of the node.
    """

    document_uid: DocumentUid
    by_organ: str
    to_organ: str
    reason: str
    actor: str
    system_id: SystemId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarded:
    """The answer to a forward. Durable when it is given."""

    delivery_id: DeliveryId
    to_organ: str  # canonical; the successor where the one that was named is closed
    changed: bool  # False: it had been forwarded before


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnWish:
    """A receiver gives a misaddressed document back. Fields as of `composing.ReportWish`."""

    document_uid: DocumentUid
    by_organ: str
    reason: str
    staff: StaffInfo | None = None
    actor: str
    at: datetime
    system_id: SystemId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Carried:
    """A package that the receiver got of the document, and the places in its act where the receiver may answer."""

    package_id: str
    act_id: str | None = None
    positions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a wish is about, as it is stored."""

    document: Document
    delivery: Delivery  # of the receiver that acts
    deliveries: tuple[Delivery, ...]
    carried: tuple[_Carried, ...]


class Forwarding:
    """Passes documents on, and gives them back."""

    def __init__(self, context: Context, report: Callable[[ReportWish], Awaitable[Accepted]]) -> None:
        """report: states a status in the name of a receiver that the node speaks for."""
        self._context = context
        self._report = report

    async def forward(self, wish: ForwardWish) -> Forwarded:
        """Pass a document on; the same again has no second effect.

        Raises NotFound, UnknownOrgan, Rejected(RECEIVER_CLOSED), NotAllowed(FORWARD_OUTSIDE),
        WrongState(ALREADY_RECEIVER or DELIVERY_CLOSED), Malformed for a reason that is empty or too long.
        """
        _check_reason(wish.reason)
        return await self._context.settle(partial(self._decide, wish))

    async def send_back(self, wish: ReturnWish) -> Accepted:
        """Give a document back to its sender, by a status 02 in the receiver's name; the same again has no effect.

        Raises as `Exchange.report`, WrongState(DELIVERY_CLOSED) when the sender has taken the document back.
        """
        _check_reason(wish.reason)
        subject = await self._subject(wish.document_uid, wish.by_organ)
        self._check_served(wish.system_id, subject)
        if subject.delivery.state.is_frozen:
            raise WrongState(Code.DELIVERY_CLOSED, subject.delivery.state.value)
        phrase = self._context.policy.return_phrases[0]
        return await self._report(
            ReportWish(
                document_uid=wish.document_uid,
                receiver_organ=subject.delivery.receiver_organ,
                code=StatusCode.REFUSED,
                reason=f"{phrase[:1].upper()}{phrase[1:]}: {wish.reason.strip()}",
                staff=wish.staff,
                actor=wish.actor,
                at=wish.at,
                system_id=wish.system_id,
            )
        )

    async def _decide(self, wish: ForwardWish) -> tuple[Hot | None, Forwarded]:
        subject = await self._subject(wish.document_uid, wish.by_organ)
        self._check_actor(wish, subject)
        to = self._destination(wish.to_organ)
        there = next((one for one in subject.deliveries if one.receiver_organ == to.organ), None)
        if there is not None:
            if there.forwarded_from != subject.delivery.delivery_id:
                raise WrongState(Code.ALREADY_RECEIVER, to.organ, at="to")
            return None, Forwarded(delivery_id=DeliveryId(there.delivery_id), to_organ=to.organ, changed=False)
        self._check_may_go(subject, to)
        return self._write(wish, subject, to)

    async def _subject(self, document_uid: str, by_organ: str) -> _Subject:
        by = self._context.directory.current.registry.canonical(by_organ)
        found = await self._context.store.read(lambda c: _look(c, document_uid, by))
        if found is None:
            raise NotFound(Code.NOT_FOUND, f"{document_uid} at {by}")
        return found

    def _check_served(self, system_id: SystemId | None, subject: _Subject) -> None:
        """What a system does not serve is not there for it."""
        by = subject.delivery.receiver_organ
        if system_id is not None and not self._context.directory.current.serves(system_id, by):
            raise NotFound(Code.NOT_FOUND, f"{subject.document.document_uid} at {by}")

    def _check_actor(self, wish: ForwardWish, subject: _Subject) -> None:
        self._check_served(wish.system_id, subject)
        by = subject.delivery.receiver_organ
        if subject.delivery.place is not Place.LOCAL:
            raise NotAllowed(Code.NOT_ALLOWED, f"{by} is reached through another axis")

    def _destination(self, code: str) -> Destination:
        directory, router = self._context.directory.current, self._context.router
        resolved = directory.registry.resolve(code)
        if resolved is None:
            raise UnknownOrgan(Code.UNKNOWN_RECEIVER, code, at="to")
        if resolved.organ.is_closed:
            raise Rejected(Code.RECEIVER_CLOSED, code, at="to")
        return router.route_inward(directory, resolved.organ.organ_id)

    def _check_may_go(self, subject: _Subject, to: Destination) -> None:
        """Down the tree, or by setting to anybody of ours; never to the sender, which gets it back by a return."""
        delivery = subject.delivery
        if delivery.state.is_frozen or delivery.returned_at or delivery.status_code == StatusCode.REFUSED:
            word = delivery.state.value if delivery.state.is_frozen else f"status {delivery.status_code}"
            raise WrongState(Code.DELIVERY_CLOSED, f"{delivery.receiver_organ}: {word}", at="by")
        registry, by = self._context.directory.current.registry, delivery.receiver_organ
        below = to.organ != by and by in registry.lineage(to.organ)
        allowed = below or (self._context.policy.forward_anywhere and to.organ != by)
        if not allowed or to.place is not Place.LOCAL or to.organ == subject.document.from_organ:
            raise NotAllowed(Code.FORWARD_OUTSIDE, f"from {by} to {to.organ}", at="to")

    def _write(self, wish: ForwardWish, subject: _Subject, to: Destination) -> tuple[Hot, Forwarded]:
        context, document, now = self._context, subject.document, self._context.clock.now()
        delivery = self._delivery(subject, to, now)
        states = [one.state for one in (*subject.deliveries, delivery)]
        fields = {
            "document_uid": document.document_uid,
            "delivery_id": delivery.delivery_id,
            "from": subject.delivery.receiver_organ,
            "to": to.organ,
            "reason": wish.reason.strip(),
        }
        package_ids = [one.package_id for one in subject.carried]
        inserts = (
            delivery,
            *self._shipped(subject, to, delivery, now),
            make_leaf(LeafKind.DOCUMENT_FORWARDED, now, {**fields, "package_ids": package_ids, "actor": wish.actor}),
            context.audit("document_forwarded", wish.actor, fields),
            *_told(context, EventKind.DOCUMENT_FORWARDED, document, fields),
        )
        # Guards: neither the receiver's delivery nor the document is another than it was read.
        changes: tuple[Change, ...] = (
            DeliveryStatus.untouched(subject.delivery),
            DocumentRevised.of(document, document_state(states)),
        )
        answer = Forwarded(delivery_id=DeliveryId(delivery.delivery_id), to_organ=to.organ, changed=True)
        return Hot(inserts=inserts, changes=changes), answer

    def _delivery(self, subject: _Subject, to: Destination, at: datetime) -> Delivery:
        document = subject.document
        due_date = read_date(document.due_date or "")
        dues = self._context.policy.deadlines.dues(Urgency(document.urgency), at, due_date)
        return Delivery(
            delivery_id=self._context.new_id(),
            document_uid=document.document_uid,
            receiver_organ=to.organ,
            addressed_as=to.organ,
            receiver_name=to.name,
            place=Place.LOCAL,
            created_at=at,
            receipt_due_at=dues.receipt_at,
            acceptance_due_at=dues.acceptance_at,
            completion_due_at=dues.completion_at,
            forwarded_from=subject.delivery.delivery_id,
            from_organ=document.from_organ,
        )

    def _shipped(self, subject: _Subject, to: Destination, delivery: Delivery, at: datetime) -> Iterator[Row]:
        for one in subject.carried:
            shipment = Shipment(
                package_id=one.package_id,
                document_uid=subject.document.document_uid,
                urgency=Urgency(subject.document.urgency),
                at=at,
                to=(to,),
                deliveries={to.organ: delivery.delivery_id},
                behind={} if one.act_id is None else {to.organ: delivery.delivery_id},
            )
            yield from rows.shipment_rows(self._context, shipment)
            if one.act_id is not None:
                for position in one.positions:
                    yield ActReceiver(
                        act_id=one.act_id, position=position, receiver_organ=to.organ, package_id=one.package_id
                    )


def _look(conn: Connection, document_uid: str, by: str) -> _Subject | None:
    document, delivery = queries.document(conn, document_uid), queries.delivery(conn, document_uid, by)
    if document is None or delivery is None:
        return None
    got = [c for c in queries.consignments_of_document(conn, document_uid) if c.delivery_id == delivery.delivery_id]
    return _Subject(
        document=document,
        delivery=delivery,
        deliveries=queries.deliveries(conn, document_uid),
        carried=tuple(_carried(conn, document_uid, by, got)),
    )


def _carried(conn: Connection, document_uid: str, by: str, got: Iterable[Consignment]) -> Iterator[_Carried]:
    """What brought the document to the receiver, and the updates of it that it got since."""
    updates = {act.package_id: act for act in queries.acts_on(conn, document_uid) if act.kind is ActKind.UPDATE}
    for consignment in got:
        package = queries.package(conn, consignment.package_id)
        if package is None or consignment.state is TransportState.CANCELLED:
            continue
        act = updates.get(consignment.package_id)
        if act is not None:
            answers = queries.act_receivers(conn, act.act_id)
            positions = tuple(one.position for one in answers if one.receiver_organ == by)
            yield _Carried(package_id=package.package_id, act_id=act.act_id, positions=positions)
        elif _brings_document(package):
            yield _Carried(package_id=package.package_id)


def _brings_document(package: Package) -> bool:
    return package.business_type is not None and BusinessType(package.business_type).makes_document


def returned(
    context: Context, report: Report, delivery: Delivery, document: Document, package_id: str
) -> tuple[tuple[Row, ...], tuple[Change, ...]]:
    """What a processing status says of giving the document back: rows and changes that go with it.

    A refusal that begins with a phrase returns it, once; a status by which the receiver takes it after all ends that.
    """
    reason = report.package.header.description or ""
    if report.code is StatusCode.REFUSED and says_return(context.policy.return_phrases, reason):
        if delivery.returned_at is not None:
            return (), ()
        fields = {
            "document_uid": document.document_uid,
            "delivery_id": delivery.delivery_id,
            "package_id": package_id,
            "from": delivery.receiver_organ,
            "to": document.from_organ,
            "reason": reason[:REASON_CHARACTERS],
        }
        made: tuple[Row, ...] = (
            make_leaf(LeafKind.DOCUMENT_RETURNED, report.entry.at, fields),
            context.audit("document_returned", report.entry.source.system_id, fields),
            *_told(context, EventKind.DOCUMENT_RETURNED, document, fields),
        )
        back = DeliveryReturned(delivery_id=delivery.delivery_id, returned_at=report.entry.at, reason=fields["reason"])
        return made, (back,)
    if delivery.returned_at is not None and report.code is not StatusCode.REFUSED:
        return (), (DeliveryReturned(delivery_id=delivery.delivery_id, returned_at=None, reason=None),)
    return (), ()


def says_return(phrases: Iterable[str], text: str) -> bool:
    """Whether the reason of a refusal begins with one of the phrases, in any case."""
    said = comparison_form(text).casefold()
    return any(said.startswith(comparison_form(phrase).casefold()) for phrase in phrases)


def _told(context: Context, kind: EventKind, document: Document, fields: dict[str, str]) -> Iterator[SystemEvent]:
    """The system that acts for the document's sender is told, if it is one of ours."""
    system_id = context.directory.current.route(document.from_organ)
    if system_id is not None:
        about = EventAbout(document_uid=document.document_uid, organ_id=fields["from"])
        more = {name: fields[name] for name in ("from", "to", "reason")}
        yield context.event(system_id, kind, about, more)


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise Malformed(Code.FIELD_INVALID, "a reason is needed", at="reason")
    if len(reason) > REASON_CHARACTERS // 2:
        raise Malformed(Code.FIELD_INVALID, f"{len(reason)} characters, at most {REASON_CHARACTERS // 2}", at="reason")
    if not all(c.isprintable() or c in "\n\t" for c in reason):
        raise Malformed(Code.FIELD_INVALID, "characters that cannot be shown", at="reason")
