"""A status package comes in: matched with its document, judged, kept, and sent on to whom it is for."""

from dataclasses import dataclass, replace
from functools import partial

from sqlalchemy import Connection

from axis.delivery.router import Destination
from axis.edxml.model import StatusPackage
from axis.edxml.rules import status_code
from axis.errors import Code, Malformed, UnknownOrgan, WrongState
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange import parcel as rows
from axis.exchange.answering import answer_act, open_request
from axis.exchange.checking import checked_rows
from axis.exchange.context import Context
from axis.exchange.forwarding import returned
from axis.exchange.matching import Match, OpenFound, Sought, find_open_act, match
from axis.exchange.parcel import Entry, Shipment
from axis.exchange.reports import Report, Verdict
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import DocumentUid, PackageId
from axis.status.acts import ANSWERS
from axis.status.order import Effect, judge
from axis.store import queries
from axis.store.hot import DeliveryStatus, Hot
from axis.store.records import Delivery, Document, Leaf, Package, StatusEvent
from axis.terms import Origin, PackageKind, Place, StatusCode, Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is stored that a status is about."""

    same: Package | None = None  # the very bytes of the status, come before
    match: Match | None = None
    open_act: OpenFound | None = None  # that a 15 or 16 answers

    @property
    def document(self) -> Document | None:
        """The document, where known; of an answer, the one that the act is about."""
        if self.open_act is not None and self.open_act.document is not None:
            return self.open_act.document
        return self.match.document if self.match else None

    @property
    def delivery(self) -> Delivery | None:
        """The receiver's delivery of that document."""
        if self.open_act is not None and self.open_act.document is not None:
            return self.open_act.delivery
        return self.match.delivery if self.match else None

    @property
    def document_uid(self) -> str | None:
        """The document's id, where known."""
        return self.document.document_uid if self.document else None

    @property
    def nothing(self) -> bool:
        """The status fits nothing that is known here."""
        return self.match is None and self.open_act is None


class StatusIntake:
    """Takes status packages in."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def accept(self, entry: Entry, package: StatusPackage) -> Accepted:
        """Keep the status, apply it, and send it to the organisation it is for.

        Raises WrongState(STATUS_UNMATCHED) for a local system's status that fits no document; from another axis such
        a one is kept as an orphan.
        """
        report = self._report(entry, package)
        return await self._context.settle(partial(self._decide, report))

    def _report(self, entry: Entry, package: StatusPackage) -> Report:
        header = package.header
        if not header.response_for.organ_id:
            raise Malformed(Code.MISSING_RESPONSE_FOR, at="MessageHeader/ResponseFor/OrganId")
        code = status_code(header.status_code)
        destination = self._destination(entry.source, header.response_for.organ_id)
        by_sender = code is StatusCode.RECALL_REQUESTED
        sender, receiver = (entry.from_organ, destination.organ) if by_sender else (destination.organ, entry.from_organ)
        sought = Sought(response_for=header.response_for, sender=sender, receiver=receiver)
        return Report(entry=entry, package=package, code=code, destination=destination, sought=sought)

    def _destination(self, source: Source, code: str) -> Destination:
        directory, router = self._context.directory.current, self._context.router
        if not self._context.is_from_outside(source):
            return router.route(directory, code)
        destination = router.route_inward(directory, code)
        if destination.place is not Place.LOCAL:
            raise UnknownOrgan(Code.UNKNOWN_RECEIVER, code, at="ResponseFor/OrganId")
        return destination

    async def _decide(self, report: Report) -> tuple[Hot | None, Accepted]:
        entry = report.entry
        found = await self._context.store.read(partial(self._look, report))
        if (same := found.same) is not None:
            return None, _answer(Outcome.REPEATED, same.package_id, same.document_uid)
        if found.nothing and not self._context.is_from_outside(entry.source):
            raise WrongState(Code.STATUS_UNMATCHED, report.sought.response_for.document_id or "", at="ResponseFor")
        package_id = entry.package_id(self._context)
        verdict = await self._judge(report, found, package_id)
        destination = _way_back(report.destination, found.document)
        document_uid = found.document_uid
        inserts = (
            await self._context.store.blobs.record(entry.spooled, entry.at),
            _package_row(report, package_id, found.document),
            *checked_rows(entry.checked, package_id, entry.at),
            *verdict.inserts,
            _event_row(self._context.new_id(), package_id, report, found, verdict),
            *rows.shipment_rows(self._context, _shipment(report, package_id, destination, found)),
            _leaf(report, package_id, document_uid, verdict.effect),
            *entry.composed_rows,
        )
        return Hot(inserts=inserts, changes=verdict.changes), _answer(Outcome.ACCEPTED, package_id, document_uid)

    def _look(self, report: Report, conn: Connection) -> Found:
        entry = report.entry
        same = queries.package_by_bytes(conn, entry.from_organ, entry.spooled.sha256_hex)
        if same is None and entry.composed is not None:  # signed anew, the same wish can have other bytes
            same = queries.package(conn, entry.composed.package_id)
        if same is not None:
            return Found(same=same)
        matched = match(conn, self._context.directory.current, report.sought)
        open_act = find_open_act(conn, report.sought, matched) if report.code in ANSWERS else None
        return Found(match=matched, open_act=open_act)

    async def _judge(self, report: Report, found: Found, package_id: str) -> Verdict:
        if report.code is StatusCode.RECALL_REQUESTED:
            return open_request(self._context, report, found.match, package_id)
        if report.code in ANSWERS:
            if found.open_act is not None:
                return await answer_act(self._context, report, found.open_act, package_id)
            return Verdict(effect=Effect.UNCHANGED if found.match else Effect.ORPHAN)
        if found.match is None:
            return Verdict(effect=Effect.ORPHAN)
        return self._progress(report, found.match, package_id)

    def _progress(self, report: Report, found: Match, package_id: str) -> Verdict:
        """A status about the receiver's own handling, and whether it gives the document back by it."""
        verdict = _progress(report, found.delivery)
        if verdict.effect is Effect.AFTER_CLOSE:
            return verdict
        made, back = returned(self._context, report, found.delivery, found.document, package_id)
        changes = verdict.changes or ((DeliveryStatus.untouched(found.delivery),) if back else ())
        return replace(verdict, inserts=made, changes=(*changes, *back))


def _progress(report: Report, delivery: Delivery) -> Verdict:
    """A status about the receiver's own handling. A delivery that the sender has closed is frozen as it was."""
    current = StatusCode(delivery.status_code) if delivery.status_code else None
    effect = Effect.AFTER_CLOSE if delivery.state.is_frozen else judge(current, report.code)
    if not (effect.changes_delivery or effect is Effect.AFTER_CLOSE):
        return Verdict(effect=effect)
    change = DeliveryStatus.untouched(delivery)
    if effect.changes_delivery:
        change = replace(change, status_code=report.code.value, status_at=report.entry.at)
    return Verdict(effect=effect, changes=(change,))


def _way_back(destination: Destination, document: Document | None) -> Destination:
    """A status on a document that came from an uplink goes back the same way, whatever the prefixes say."""
    if destination.place is not Place.UPLINK or document is None or document.origin is not Origin.UPLINK:
        return destination
    return replace(destination, uplink_id=document.source_system)


def _package_row(report: Report, package_id: str, document: Document | None) -> Package:
    entry, header = report.entry, report.package.header
    return Package(
        package_id=package_id,
        sha256_hex=entry.spooled.sha256_hex,
        size_bytes=entry.spooled.size_bytes,
        kind=PackageKind.STATUS,
        business_type=None,
        document_uid=document.document_uid if document else None,
        from_organ=entry.from_organ,
        from_raw=header.sender.organ_id,
        document_id=header.response_for.document_id or "",
        code=header.response_for.code,
        subject=None,
        urgency=document.urgency if document else Urgency.NORMAL,
        origin=entry.source.origin,
        source_system=entry.source.system_id,
        received_at=entry.at,
        findings=rows.findings_json(report.package.findings),
    )


def _event_row(event_id: str, package_id: str, report: Report, found: Found, verdict: Verdict) -> StatusEvent:
    header, staff = report.package.header, report.package.header.staff
    orphan = verdict.effect is Effect.ORPHAN
    delivery = found.delivery
    return StatusEvent(
        event_id=event_id,
        package_id=package_id,
        document_uid=found.document.document_uid if found.document else None,
        delivery_id=delivery.delivery_id if delivery else None,
        act_id=verdict.act_id,
        from_organ=report.entry.from_organ,
        to_organ=report.destination.organ,
        status_code=report.code.value,
        raw_code=header.status_code,
        description=header.description,
        department=staff.department if staff else None,
        staff=staff.staff if staff else None,
        reported_at=header.timestamp,
        received_at=report.entry.at,
        effect=verdict.effect.value,
        match_document_key=report.sought.document_key if orphan else None,
        match_code_key=report.sought.code_key if orphan else None,
        match_date=report.sought.date if orphan else None,
    )


def _shipment(report: Report, package_id: str, destination: Destination, found: Found) -> Shipment:
    asked = found.delivery if report.code is StatusCode.RECALL_REQUESTED else None
    return Shipment(
        package_id=package_id,
        urgency=Urgency.NORMAL,
        at=report.entry.at,
        to=(destination,),
        deliveries={},
        document_uid=found.document_uid,
        lane=report.entry.from_organ,
        behind={asked.receiver_organ: asked.delivery_id} if asked else {},
    )


def _leaf(report: Report, package_id: str, document_uid: str | None, effect: Effect) -> Leaf:
    entry = report.entry
    return make_leaf(
        LeafKind.STATUS_RECORDED,
        entry.at,
        {
            "package_id": package_id,
            "sha256": entry.spooled.sha256_hex,
            "document_uid": document_uid,
            "document_id": report.package.header.response_for.document_id,
            "from": entry.from_organ,
            "to": report.destination.organ,
            "status_code": report.code.value,
            "effect": effect.value,
            "source": entry.source.system_id,
        },
    )


def _answer(outcome: Outcome, package_id: str, document_uid: str | None) -> Accepted:
    return Accepted(
        outcome=outcome,
        kind=PackageKind.STATUS,
        package_id=PackageId(package_id),
        document_uid=DocumentUid(document_uid) if document_uid else None,
    )
