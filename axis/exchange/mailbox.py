"""Organisations that are reached by mail: what a clerk without software says of a package, and what mail servers say.

A clerk confirms through a page (the mail adapter's); that acknowledges the package and states a status in the
organisation's name. A mail server's report ends or repeats the hand-over. Both may come twice, late, and after the
organisation has got software of its own: then that one counts, and the page says so.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from axis.errors import Code, NotAllowed, NotFound, WrongState
from axis.exchange.composing import ReportWish, acts_for
from axis.exchange.context import Context
from axis.exchange.parcel import push_row
from axis.exchange.sending import sender_events
from axis.exchange.service import Exchange
from axis.exchange.values import Acknowledgement
from axis.ids import DocumentUid, PackageId
from axis.store import queries
from axis.store.hot import ConsignmentFailed, Hot
from axis.store.queries import Push
from axis.store.records import Attachment, BounceRow, Consignment, Delivery, Document, Package, Row, StatusEvent
from axis.terms import BusinessType, EventKind, PackageKind, StatusCode, TransportState, Urgency

ACTOR = "mail"
_RECEIPTS = (StatusCode.ARRIVED, StatusCode.ACCEPTED, StatusCode.REFUSED)
_ANSWERS = (StatusCode.AGREED, StatusCode.DECLINED)
FAILED, GAVE_UP, DELAYED = "failed", "gave_up", "delayed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a clerk says through the page. at: when the page was shown, so that a form sent twice says it once."""

    code: StatusCode
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageAtHand:
    """A package and how it fares at one organisation."""

    package: Package
    document: Document | None  # what it carries or acts on, where that is known here
    delivery: Delivery | None
    consignment: Consignment
    last: StatusEvent | None  # what was said last of the delivery
    files: tuple[Attachment, ...]
    receiver: str  # the organisation's name
    speaks: bool  # whether the node still speaks for the organisation

    @property
    def choices(self) -> tuple[StatusCode, ...]:
        """What can be said of it: nothing of a document that is not known here."""
        if self.delivery is None or not self.speaks:
            return ()
        business = BusinessType(self.package.business_type or 0)
        return _RECEIPTS if business.makes_document else _ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A mail server's report about one package to one organisation."""

    sha256_hex: str  # of the report: what makes another reading of it a repeat
    package_id: PackageId
    organ_id: str
    fate: str  # FAILED for good, GAVE_UP for a reason that may pass, DELAYED and still trying
    words: str


class Mailboxes:
    """The use cases of organisations that are reached by mail."""

    def __init__(self, context: Context, exchange: Exchange) -> None:
        self._context = context
        self._exchange = exchange

    async def look(self, package_id: PackageId, organ_id: str) -> PackageAtHand:
        """A package and how it fares at an organisation. Raises NotFound when it never was for that one."""
        found = await self._context.store.read(partial(self._look, package_id, organ_id))
        if found is None:
            raise NotFound(Code.NOT_FOUND, package_id)
        return found

    async def say(self, package_id: PackageId, organ_id: str, said: Said) -> PackageAtHand:
        """A clerk says that the package has come, and how it fares. The same again has no second effect.

        Raises NotFound, NotAllowed once the organisation has software of its own, WrongState for a status that cannot
        be said of it, Malformed for a refusal without a reason.
        """
        at_hand = await self.look(package_id, organ_id)
        system_id = self._context.directory.current.route(organ_id)
        if not at_hand.speaks or system_id is None:
            raise NotAllowed(Code.NOT_ALLOWED, f"{organ_id} has software of its own")
        if at_hand.document is None or said.code not in at_hand.choices:
            raise WrongState(Code.BAD_STATUS_CODE, f"{said.code} of this package")
        wish = ReportWish(
            document_uid=DocumentUid(at_hand.document.document_uid),
            receiver_organ=organ_id,
            code=said.code,
            reason=said.reason,
            actor=ACTOR,
            at=said.at,
        )
        await self._exchange.report(wish)
        await self._exchange.acknowledge(system_id, package_id, Acknowledgement.DONE)
        return await self.look(package_id, organ_id)

    def _look(self, package_id: PackageId, organ_id: str, conn: Connection) -> PackageAtHand | None:
        package = queries.package(conn, package_id)
        consignment = next((c for c in queries.consignments(conn, package_id) if c.receiver_organ == organ_id), None)
        if package is None or consignment is None:
            return None
        uid = package.document_uid
        document = queries.document(conn, uid) if uid else None
        delivery = queries.delivery(conn, uid, organ_id) if uid else None
        last = queries.last_event_of_delivery(conn, uid, delivery.delivery_id) if uid and delivery else None
        directory = self._context.directory.current
        organ = directory.registry.find(organ_id)
        return PackageAtHand(
            package=package,
            document=document,
            delivery=delivery,
            consignment=consignment,
            last=last,
            files=queries.attachments(conn, package_id),
            receiver=organ.name if organ else organ_id,
            speaks=acts_for(directory, organ_id),
        )

    # ── what mail servers say ──────────────────────────────────────────────────────────────────────────────────

    async def organs_of(self, package_id: PackageId) -> tuple[str, ...]:
        """To whom a package went: by whose mark a report is compared."""
        found = await self._context.store.read(lambda c: queries.consignments(c, package_id))
        return tuple(c.receiver_organ for c in found)

    async def take_report(self, report: Report) -> bool:
        """A mail server reports about a mail. Returns whether it was news: a report that was read before is none."""
        return await self._context.settle(partial(self._decide, report))

    async def _decide(self, report: Report) -> tuple[Hot | None, bool]:
        known, consignment, package = await self._context.store.read(partial(_about, report))
        if known or consignment is None or package is None:
            return None, False
        at = self._context.clock.now()
        row = BounceRow(
            sha256_hex=report.sha256_hex,
            package_id=report.package_id,
            organ_id=report.organ_id,
            at=at,
            fate=report.fate,
            words=report.words,
        )
        if consignment.state is not TransportState.HANDED_OVER or report.fate == DELAYED:
            # Confirmed meanwhile, sent again, withdrawn; or still under way: kept, and the hand-over stands.
            told = self._told(package, EventKind.DELIVERY_DELAYED, report)
            delayed = report.fate == DELAYED and consignment.state is TransportState.HANDED_OVER
            return Hot(inserts=(row, *(told if delayed else ()))), True
        return self._fail(report, row, consignment, package), True

    def _fail(self, report: Report, row: BounceRow, consignment: Consignment, package: Package) -> Hot:
        """Tried again later when the reason may pass and there is time; else given up, and told."""
        again_at = None
        system_id = self._context.directory.current.route(report.organ_id)
        if report.fate == GAVE_UP and system_id is not None:
            backoff = self._context.policy.receiver_backoff
            again_at = backoff.next_try(row.at, consignment.failures + 1, consignment.queued_at)
        failed = ConsignmentFailed(
            consignment_id=consignment.consignment_id,
            was=consignment.state,
            becomes=TransportState.RETRYING if again_at else TransportState.DEAD,
            visible_at=again_at,
            last_error=report.words,
        )
        rows: tuple[Row, ...] = (row,)
        if again_at and system_id is not None:
            push = Push(
                package_id=report.package_id,
                partner_id=system_id,
                urgency=Urgency(package.urgency),
                document_uid=package.document_uid,
                lane=package.from_organ if package.kind is PackageKind.STATUS else "",
                queued_at=consignment.queued_at,
            )
            rows += (replace(push_row(self._context, push), due_at=again_at),)
        else:
            fields = {"package_id": report.package_id, "receivers": [report.organ_id], "error": report.words}
            rows += (self._context.audit("consignment_dead", ACTOR, fields),)
            rows += self._told(package, EventKind.DELIVERY_DEAD, report)
        return Hot(inserts=rows, changes=(failed,))

    def _told(self, package: Package, kind: EventKind, report: Report) -> tuple[Row, ...]:
        """The sender's system hears of it."""
        return sender_events(self._context, kind, package, (report.organ_id,), report.words)


def _about(report: Report, conn: Connection) -> tuple[bool, Consignment | None, Package | None]:
    consignments = queries.consignments(conn, report.package_id)
    return (
        queries.has_bounce(conn, report.sha256_hex),
        next((c for c in consignments if c.receiver_organ == report.organ_id), None),
        queries.package(conn, report.package_id),
    )
