"""A recall or an update comes in: its own package goes to everyone it concerns, and it is recorded against its target.

The node forges nothing: receivers get the sender's act as it is and answer it with 15 or 16.
"""

from functools import partial

from sqlalchemy import Connection

from axis.exchange import parcel as rows
from axis.exchange.acts import RECEIVER_REMOVED, find_targets, listed_receivers
from axis.exchange.context import Context
from axis.exchange.parcel import Parcel, Shipment
from axis.exchange.repeats import Original, repeat
from axis.exchange.values import Accepted, Outcome
from axis.ids import DocumentUid, PackageId
from axis.store import queries
from axis.store.hot import Hot
from axis.store.records import Act, ActReceiver, Blob, Delivery, Document, Row
from axis.terms import BusinessType, PackageKind

_KINDS = {BusinessType.RECALL: "recall", BusinessType.UPDATE: "update", BusinessType.REPLACE: "replace"}


class ActIntake:
    """Decides on recalls and updates."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def decide(self, parcel: Parcel) -> tuple[Hot | None, Accepted]:
        """What to write for an act, and its answer."""
        known = await self._context.store.read(lambda c: queries.act_by_identity(c, parcel.identity))
        if known is not None:
            hot = await repeat(self._context, parcel, Original(package_id=known.package_id, act=known))
            return hot, _answer(Outcome.REPEATED, known.package_id, known.document_uid)
        return await self._make(parcel)

    async def _make(self, parcel: Parcel) -> tuple[Hot | None, Accepted]:
        context = self._context
        blob = await context.store.blobs.record(parcel.spooled, parcel.at)
        targets, known = await context.store.read(lambda c: _target_deliveries(c, parcel))
        write = partial(self._write, parcel, blob, targets, known)
        return await context.work_out(len(parcel.destinations), write)

    def _write(
        self, parcel: Parcel, blob: Blob, targets: tuple[Document, ...], known: tuple[Delivery, ...]
    ) -> tuple[Hot, Accepted]:
        context = self._context
        document_uid = targets[0].document_uid if targets else None
        added = self._added_deliveries(parcel, document_uid, known)
        package_id = context.new_id()
        shipment = Shipment(
            package_id=package_id,
            urgency=parcel.urgency,
            at=parcel.at,
            to=parcel.destinations,
            document_uid=document_uid,
            deliveries={delivery.receiver_organ: delivery.delivery_id for delivery in (*known, *added)},
        )
        inserts = (
            blob,
            *rows.package_rows(parcel, package_id, document_uid),
            *added,
            *rows.shipment_rows(context, shipment),
            *act_rows(context, parcel, package_id, targets),
            rows.accepted_leaf(parcel, package_id, document_uid),
        )
        return Hot(inserts=inserts), _answer(Outcome.ACCEPTED, package_id, document_uid)

    def _added_deliveries(
        self, parcel: Parcel, document_uid: str | None, known: tuple[Delivery, ...]
    ) -> tuple[Delivery, ...]:
        """An update brings the document to receivers that had none; from then on their statuses count."""
        if document_uid is None or parcel.business is not BusinessType.UPDATE:
            return ()
        registry = self._context.directory.current.registry
        removed = {registry.canonical(code) for code in listed_receivers(parcel.package.header, RECEIVER_REMOVED)}
        without = removed | {delivery.receiver_organ for delivery in known}
        new = [destination for destination in parcel.destinations if destination.organ not in without]
        return rows.delivery_rows(self._context, parcel, document_uid, new)


def act_rows(context: Context, parcel: Parcel, package_id: str, targets: tuple[Document, ...]) -> tuple[Row, ...]:
    """The act and the receivers who may answer it."""
    business = parcel.package.header.business
    act = Act(
        act_id=context.new_id(),
        package_id=package_id,
        identity=parcel.identity,
        kind=_KINDS[parcel.business],
        from_organ=parcel.from_organ,
        document_uid=targets[0].document_uid if targets else None,
        reason=business.business_doc_reason if business else None,
        received_at=parcel.at,
    )
    receivers = (ActReceiver(act_id=act.act_id, receiver_organ=to.organ) for to in parcel.destinations)
    return act, *receivers


def _target_deliveries(conn: Connection, parcel: Parcel) -> tuple[tuple[Document, ...], tuple[Delivery, ...]]:
    targets = find_targets(conn, parcel)
    return targets, queries.deliveries(conn, targets[0].document_uid) if targets else ()


def _answer(outcome: Outcome, package_id: str, document_uid: str | None) -> Accepted:
    return Accepted(
        outcome=outcome,
        kind=PackageKind.DOCUMENT,
        package_id=PackageId(package_id),
        document_uid=DocumentUid(document_uid) if document_uid else None,
    )
