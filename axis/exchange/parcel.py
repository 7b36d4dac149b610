"""An incoming document package with all that is worked out about it once, and the rows it turns into."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from axis.calendar.deadlines import NO_DUES
from axis.delivery.router import Destination
from axis.edxml.dates import read_date
from axis.edxml.identity import code_key, document_key, header_digest, package_identity
from axis.edxml.model import DocumentPackage, Finding
from axis.edxml.rules import business_type, urgency
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.checking import Checked, checked_rows, noted_rows
from axis.exchange.context import Context
from axis.exchange.particulars import particulars, particulars_json
from axis.exchange.signing_day import sent_due_at, signed_on
from axis.exchange.values import Source
from axis.ids import PackageId
from axis.store.queries import Push
from axis.store.records import (
    Attachment,
    Consignment,
    Delivery,
    Document,
    Leaf,
    Package,
    QueueRow,
    Row,
)
from axis.store.spool import Spooled
from axis.terms import BusinessType, DeliveryState, PackageKind, Place, TransportState, Urgency
from axis.text import search_form

_NAMES_SEARCHED = 30  # of a document's receivers: those after them are found by the organisation, not by its words


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What is settled beforehand about a package that the node made itself."""

    package_id: PackageId  # follows from what was wished: the same wish twice is one package
    rows: tuple[Row, ...]  # that are written with it: who wished it, the timestamp that is owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How a package came in, apart from what it says."""

    source: Source
    spooled: Spooled
    from_organ: str  # canonical; the source may send for it
    at: datetime
    checked: Checked  # its signatures
    composed: Composed | None = None  # of one that the node made

    def package_id(self, context: Context) -> str:
        """The new package's id: settled beforehand, or fresh."""
        return self.composed.package_id if self.composed else context.new_id()

    @property
    def composed_rows(self) -> tuple[Row, ...]:
        """What is written with a package that the node made."""
        return self.composed.rows if self.composed else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """One incoming document package: what it says, where it goes, and how it is compared with others."""

    entry: Entry
    package: DocumentPackage
    business: BusinessType
    destinations: tuple[Destination, ...]
    identity: str
    header_digest: str
    document_key: str
    code_key: str | None
    promulgation_date: str | None
    urgency: Urgency

    @property
    def source(self) -> Source:
        """Who handed it in."""
        return self.entry.source

    @property
    def spooled(self) -> Spooled:
        """Its bytes."""
        return self.entry.spooled

    @property
    def from_organ(self) -> str:
        """Its sender's canonical code."""
        return self.entry.from_organ

    @property
    def at(self) -> datetime:
        """When it came."""
        return self.entry.at

    @property
    def names(self) -> Mapping[str, str | None]:
        """OrganName by code, as the package gives them."""
        return {to.organ_id: to.organ_name for to in self.package.header.receivers}


def make_parcel(entry: Entry, package: DocumentPackage, destinations: tuple[Destination, ...]) -> Parcel:
    """Work out what decisions need."""
    header = package.header
    return Parcel(
        entry=entry,
        package=package,
        business=business_type(header),
        destinations=destinations,
        identity=package_identity(entry.from_organ, package),
        header_digest=header_digest(header),
        document_key=document_key(header.document_id),
        code_key=code_key(header.code.text) or None,
        promulgation_date=comparable_date(header.promulgation.promulgation_date),
        urgency=urgency(header),
    )


def comparable_date(text: str | None) -> str | None:
    """ISO form of a date where it can be read, else the text as it came (impossible dates are compared as text)."""
    if not text:
        return None
    date = read_date(text)
    return text[:32] if date is None else date.isoformat()


def findings_json(findings: Iterable[Finding]) -> str:
    """Findings as the package row keeps them."""
    return json.dumps([{"code": f.code, "at": f.at, "message": f.message} for f in findings], ensure_ascii=False)


def package_rows(parcel: Parcel, package_id: str, document_uid: str | None) -> tuple[Row, ...]:
    """The package, its files, and what its signatures were found to be."""
    header = parcel.package.header
    package = Package(
        package_id=package_id,
        sha256_hex=parcel.spooled.sha256_hex,
        size_bytes=parcel.spooled.size_bytes,
        kind=PackageKind.DOCUMENT,
        business_type=parcel.business,
        document_uid=document_uid,
        from_organ=parcel.from_organ,
        from_raw=header.sender.organ_id,
        document_id=header.document_id,
        code=header.code.text or None,
        subject=header.subject,
        urgency=parcel.urgency,
        origin=parcel.source.origin,
        source_system=parcel.source.system_id,
        received_at=parcel.at,
        findings=findings_json(parcel.package.findings),
    )
    files = (
        Attachment(
            package_id=package_id,
            position=position,
            name=file.name,
            media_type=file.media_type,
            size_bytes=file.size_bytes,
            sha256_hex=file.sha256_hex,
            zipped_by_client=file.zipped_by_client,
        )
        for position, file in enumerate(parcel.package.attachments)
    )
    checked = checked_rows(parcel.entry.checked, package_id, parcel.at)
    verdict = parcel.entry.checked.verdict
    if verdict is None or document_uid is None or not parcel.business.makes_document:
        return package, *files, *checked
    return package, *files, *checked, *noted_rows(verdict, checked, document_uid, parcel.at)


def document_row(
    context: Context, parcel: Parcel, document_uid: str, package_id: str, place: "NumberedPlace"
) -> Document:
    """The document that the parcel makes, flagged when its number, symbol and date are taken.

    Norm: NĐ 30/2020/NĐ-CP Annex VI.
    """
    header = parcel.package.header
    return Document(
        document_uid=document_uid,
        from_organ=parcel.from_organ,
        document_key=parcel.document_key,
        edition=place.edition,
        document_id=header.document_id,
        identity=parcel.identity,
        header_digest=parcel.header_digest,
        package_id=package_id,
        business_type=parcel.business,
        code_key=parcel.code_key,
        code=header.code.text or None,
        promulgation_date=parcel.promulgation_date,
        same_code_no=place.same_code_no,
        subject=header.subject,
        type_name=header.document_type.type_name,
        sender_name=header.sender.organ_name,
        urgency=parcel.urgency,
        due_date=comparable_date(header.due_date),
        origin=parcel.source.origin,
        source_system=parcel.source.system_id,
        received_at=parcel.at,
        flags="same_code" if place.same_code_no else "",
        verdict=parcel.entry.checked.word,
        sent_due_at=_sent_due_at(context, parcel),
        particulars=particulars_json(particulars(header)),
        folded=search_form(
            header.code.text,
            header.subject,
            header.sender.organ_name,
            header.document_id,
            *list(parcel.names.values())[:_NAMES_SEARCHED],
        ),
    )


def _sent_due_at(context: Context, parcel: Parcel) -> datetime | None:
    signed = signed_on(parcel.entry.checked.verdict, parcel.promulgation_date)
    return sent_due_at(context.policy.deadlines, signed, parcel.source.origin, parcel.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedPlace:
    """Where a new document stands among its like."""

    edition: int  # 1, and one more for each replacement under the same DocumentId
    same_code_no: int  # how many documents of the same issuer bear the same number, symbol and date already


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """How deliveries begin that come to a document which is closed already."""

    state: DeliveryState
    at: datetime
    act_id: str


def delivery_rows(
    context: Context, parcel: Parcel, document_uid: str, to: Iterable[Destination], birth: Birth | None = None
) -> tuple[Delivery, ...]:
    """One delivery a receiver, with what it owes by a time limit; not to us where another axis carries it.

    In force from its beginning, unless its birth says otherwise.
    """
    names = parcel.names
    due_date = read_date(parcel.package.header.due_date or "")
    dues = context.policy.deadlines.dues(parcel.urgency, parcel.at, due_date)
    of_place = {place: NO_DUES if place is Place.ELSEWHERE else dues for place in Place}
    return tuple(
        Delivery(
            delivery_id=context.new_id(),
            document_uid=document_uid,
            receiver_organ=destination.organ,
            addressed_as=destination.addressed_as,
            receiver_name=destination.name or names.get(destination.addressed_as),
            place=destination.place,
            created_at=parcel.at,
            receipt_due_at=of_place[destination.place].receipt_at,
            acceptance_due_at=of_place[destination.place].acceptance_at,
            completion_due_at=of_place[destination.place].completion_at,
            state=birth.state if birth else DeliveryState.OPEN,
            state_at=birth.at if birth else None,
            act_id=birth.act_id if birth else None,
            from_organ=parcel.from_organ,
        )
        for destination in to
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """One package on its way to some receivers."""

    package_id: str
    urgency: Urgency
    at: datetime
    to: tuple[Destination, ...]
    deliveries: Mapping[str, str]  # receiver's canonical code → delivery_id; a receiver may lack one
    document_uid: str | None  # what the package carries or acts on
    lane: str = ""  # of a status: who says it; statuses of one organisation keep their order, behind the document
    behind: Mapping[str, str] = field(default_factory=dict)  # of an act: receiver → the delivery that comes first

    @property
    def kind(self) -> PackageKind:
        """What the package is."""
        return PackageKind.STATUS if self.lane else PackageKind.DOCUMENT


def shipment_rows(context: Context, shipment: Shipment) -> tuple[Row, ...]:
    """A consignment for each receiver that this node reaches, and one push for each partner that they lead to."""
    reached = [destination for destination in shipment.to if destination.place is not Place.ELSEWHERE]
    consignments = tuple(
        Consignment(
            consignment_id=context.new_id(),
            package_id=shipment.package_id,
            receiver_organ=destination.organ,
            delivery_id=shipment.deliveries.get(destination.organ),
            place=destination.place,
            uplink_id=destination.uplink_id,
            state=TransportState.QUEUED,
            urgency=shipment.urgency,
            queued_at=shipment.at,
            kind=shipment.kind,
            behind=shipment.behind.get(destination.organ),
        )
        for destination in reached
    )
    partners = dict.fromkeys(partner_of(context, destination.organ, destination.uplink_id) for destination in reached)
    return *consignments, *(
        push_row(
            context,
            Push(
                package_id=shipment.package_id,
                partner_id=partner_id,
                urgency=shipment.urgency,
                document_uid=shipment.document_uid,
                lane=shipment.lane,
                queued_at=shipment.at,
            ),
        )
        for partner_id in partners
        if partner_id is not None
    )


def partner_of(context: Context, receiver: str, uplink_id: str | None) -> str | None:
    """Who has to be called to reach a receiver; None when its system fetches, or has not been connected yet."""
    return uplink_id or context.directory.current.pushed_by(receiver)


def push_row(context: Context, push: Push) -> QueueRow:
    """A push of the package to a partner, due now: one, whatever the number of receivers there."""
    return QueueRow(
        queue_id=context.new_id(),
        package_id=push.package_id,
        partner_id=push.partner_id,
        task="send",
        peer_ref=None,
        urgency=push.urgency,
        document_uid=push.document_uid,
        lane=push.lane,
        queued_at=push.queued_at,
        due_at=push.queued_at,
    )


def accepted_leaf(parcel: Parcel, package_id: str, document_uid: str | None) -> Leaf:
    """Evidence that the package was accepted."""
    return make_leaf(
        LeafKind.PACKAGE_ACCEPTED,
        parcel.at,
        {
            "package_id": package_id,
            "sha256": parcel.spooled.sha256_hex,
            "size_bytes": parcel.spooled.size_bytes,
            "kind": PackageKind.DOCUMENT.value,
            "business_type": int(parcel.business),
            "document_uid": document_uid,
            "document_id": parcel.package.header.document_id,
            "from": parcel.from_organ,
            "receivers": [destination.organ for destination in parcel.destinations],
            "source": parcel.source.system_id,
        },
    )


def repeated_leaf(parcel: Parcel, package_id: str, document_uid: str | None, to: Iterable[str]) -> Leaf:
    """Evidence that a repeat reached receivers that the first had not."""
    return make_leaf(
        LeafKind.PACKAGE_REPEATED,
        parcel.at,
        {
            "package_id": package_id,
            "sha256": parcel.spooled.sha256_hex,
            "document_uid": document_uid,
            "receivers": list(to),
            "source": parcel.source.system_id,
        },
    )
