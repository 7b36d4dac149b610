"""A document package comes in: new, repeat, conflict, replacement; recalls and updates go on to `act_intake`.

Peer: clients rebuild a package on each of their own retries, with new trace times and cids, so a repeat is found by
what the package says and carries, not by its bytes alone (docs/protocols/business.md).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection

from axis.delivery.router import Destination
from axis.edxml.markings import secret_marking
from axis.edxml.model import DocumentPackage
from axis.edxml.rules import business_type
from axis.errors import AxisError, Code, Rejected, UnknownOrgan, WrongState
from axis.exchange import parcel as rows
from axis.exchange.act_intake import ActIntake, Scene, Written, act_rows, read_scene
from axis.exchange.acts import addressed_codes
from axis.exchange.context import Context
from axis.exchange.orphans import adopt_orphans
from axis.exchange.parcel import Entry, NumberedPlace, Parcel, Shipment
from axis.exchange.repeats import repeat
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import DocumentUid, PackageId
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import Blob, Document, StatusEvent
from axis.terms import BusinessType, PackageKind, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is stored that a document has to be compared with, and what is there around it when it is new."""

    editions: tuple[Document, ...]  # under the same DocumentId of the same sender
    same_code_no: int
    scene: Scene | None  # of a replacement
    orphans: tuple[StatusEvent, ...]  # statuses that came before it


class DocumentIntake:
    """Takes document packages in."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._acts = ActIntake(context)

    async def accept(self, entry: Entry, package: DocumentPackage) -> Accepted:
        """Store the package and send it on its way, or find that it is known."""
        self._refuse_secret(package)
        receivers = len(package.header.receivers)
        parcel = await self._context.work_out(receivers, partial(self._parcel, entry, package))
        decide = self._decide if parcel.business.makes_document else self._acts.decide
        return await self._context.settle(partial(decide, parcel))

    def _parcel(self, entry: Entry, package: DocumentPackage) -> Parcel:
        return rows.make_parcel(entry, package, self._destinations(entry.source, package))

    def _refuse_secret(self, package: DocumentPackage) -> None:
        policy = self._context.policy
        field = secret_marking(package.header, policy.secret_phrases, policy.secret_exceptions)
        if field is not None:
            raise Rejected(Code.SECRET_MARKING, at=field)

    def _destinations(self, source: Source, package: DocumentPackage) -> tuple[Destination, ...]:
        """Where each receiver is reached, each once. Raises UnknownOrgan or Rejected naming every bad code."""
        codes = addressed_codes(package.header, business_type(package.header), self._context.policy.receiver_types)
        if self._context.is_from_outside(source):
            return _once(self._inward(codes))
        directory, router = self._context.directory.current, self._context.router
        found: list[Destination] = []
        bad: dict[Code, list[str]] = {}
        for code in codes:
            try:
                found.append(router.route(directory, code))
            except Rejected as e:
                bad.setdefault(e.code, []).append(code)
        if Code.UNKNOWN_RECEIVER in bad:
            raise UnknownOrgan(Code.UNKNOWN_RECEIVER, ", ".join(bad[Code.UNKNOWN_RECEIVER]), at="To/OrganId")
        if bad:
            raise Rejected(Code.RECEIVER_CLOSED, ", ".join(bad[Code.RECEIVER_CLOSED]), at="To/OrganId")
        return _once(found)

    def _inward(self, codes: tuple[str, ...]) -> Iterator[Destination]:
        """Receivers of a package from another axis: ours are served, the others only recorded."""
        directory, router = self._context.directory.current, self._context.router
        ours = 0
        for code in codes:
            try:
                destination = router.route_inward(directory, code)
            except AxisError:
                continue  # closed without a successor: if nobody else is ours, the package is refused below
            ours += destination.place is Place.LOCAL
            yield destination
        if not ours:
            raise UnknownOrgan(Code.UNKNOWN_RECEIVER, ", ".join(codes), at="To/OrganId")

    async def _decide(self, parcel: Parcel) -> tuple[Hot | None, Accepted]:
        around = await self._context.store.read(partial(self._surroundings, parcel))
        for document in around.editions:
            if document.identity == parcel.identity:
                return await self._repeat(parcel, document, around)
        if around.editions and parcel.business is BusinessType.NEW:
            received_at = around.editions[-1].received_at
            raise WrongState(
                Code.DOCUMENT_CONFLICT,
                f"another content under the same DocumentId was received on {received_at:%Y-%m-%d %H:%M}Z",
                at="MessageHeader/DocumentId",
            )
        return await self._make(parcel, around)

    async def _repeat(self, parcel: Parcel, document: Document, around: Surroundings) -> tuple[Hot | None, Accepted]:
        hot, carried = await repeat(self._context, parcel, document)
        if around.scene is not None:
            acting = act_rows(self._context, parcel, document.package_id, carried, around.scene)
            if acting.inserts or acting.changes:
                uid, touched = document.document_uid, [to.organ for to in around.scene.fresh(parcel)]
                leaf = rows.repeated_leaf(parcel, document.package_id, uid, touched)
                hot = hot or Hot(inserts=(leaf,))
                hot = Hot(inserts=(*hot.inserts, *acting.inserts), changes=(*hot.changes, *acting.changes))
        return hot, Accepted(
            outcome=Outcome.REPEATED,
            kind=PackageKind.DOCUMENT,
            package_id=PackageId(document.package_id),
            document_uid=DocumentUid(document.document_uid),
        )

    async def _make(self, parcel: Parcel, around: Surroundings) -> tuple[Hot | None, Accepted]:
        context = self._context
        blob = await context.store.blobs.record(parcel.spooled, parcel.at)
        return await context.work_out(len(parcel.destinations), partial(self._write, parcel, around, blob))

    def _write(self, parcel: Parcel, around: Surroundings, blob: Blob) -> tuple[Hot, Accepted]:
        context = self._context
        document_uid, package_id = context.new_id(), parcel.entry.package_id(context)
        place = NumberedPlace(edition=len(around.editions) + 1, same_code_no=around.same_code_no)
        document = rows.document_row(self._context, parcel, document_uid, package_id, place)
        deliveries = rows.delivery_rows(context, parcel, document_uid, parcel.destinations)
        deliveries, adopted = adopt_orphans(document, deliveries, around.orphans)
        shipment = Shipment(
            package_id=package_id,
            urgency=parcel.urgency,
            at=parcel.at,
            to=parcel.destinations,
            document_uid=document_uid,
            deliveries={delivery.receiver_organ: delivery.delivery_id for delivery in deliveries},
        )
        acting = act_rows(context, parcel, package_id, package_id, around.scene) if around.scene else Written()
        inserts = (
            blob,
            document,
            *rows.package_rows(parcel, package_id, document_uid),
            *deliveries,
            *rows.shipment_rows(context, shipment),
            *acting.inserts,
            *parcel.entry.composed_rows,
            rows.accepted_leaf(parcel, package_id, document_uid),
        )
        return Hot(inserts=inserts, changes=(*adopted, *acting.changes)), Accepted(
            outcome=Outcome.ACCEPTED,
            kind=PackageKind.DOCUMENT,
            package_id=PackageId(package_id),
            document_uid=DocumentUid(document_uid),
        )

    def _surroundings(self, parcel: Parcel, conn: Connection) -> Surroundings:
        """Everything in one read: a second turn of a thread costs more than the queries that a repeat does not need."""
        number = 0
        if parcel.code_key:
            number = queries.next_same_code_no(conn, parcel.from_organ, parcel.code_key, parcel.promulgation_date)
        replaces = parcel.business is BusinessType.REPLACE
        return Surroundings(
            editions=queries.documents_by_key(conn, parcel.from_organ, parcel.document_key),
            same_code_no=number,
            scene=read_scene(self._context, parcel, conn) if replaces else None,
            orphans=queries.orphans(conn, parcel.from_organ),
        )


def _once(destinations: Iterable[Destination]) -> tuple[Destination, ...]:
    """Each organisation once, as first addressed: two codes may mean the same one."""
    first: dict[str, Destination] = {}
    for destination in destinations:
        first.setdefault(destination.organ, destination)
    return tuple(first.values())
