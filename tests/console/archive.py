"""Writes made-up documents and what became of them straight into a store, for the pages to show."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.ids import new_id
from axis.organ.model import Alias, FormerName, Organ
from axis.store import schema
from axis.store.hot import Hot
from axis.store.records import (
    Act,
    ActReceiver,
    ActTarget,
    Attachment,
    Blob,
    Consignment,
    Delivery,
    Document,
    DocumentChange,
    Package,
    QueueRow,
    Row,
    StatusEvent,
)
from axis.store.rows import values_of
from axis.store.store import Store
from axis.terms import ActEffect, ActKind, Answer, Origin, PackageKind, Place, TransportState
from axis.text import search_form

NOON = datetime(2025, 11, 27, 5, 0, tzinfo=UTC)  # 12:00 in Vietnam


@dataclass
class Clock:
    """A clock that a test sets."""

    at: datetime = NOON

    def now(self) -> datetime:
        return self.at

    def later(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


@dataclass
class To:
    """One receiver of a document, and how far it has come."""

    organ: str
    state: TransportState | None = TransportState.QUEUED
    place: Place = Place.LOCAL
    statuses: tuple[str, ...] = ()
    name: str | None = None
    addressed_as: str | None = None
    more: dict[str, Any] = field(default_factory=dict)  # of the consignment
    delivery: dict[str, Any] = field(default_factory=dict)  # of the delivery


class Archive:
    """Writes into one store. Every row is as the exchange would write it."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.store = store
        self.clock = clock
        self._blob: Blob | None = None  # of the next document's package, when it is a real one

    def id(self) -> str:
        return new_id(self.clock.at)

    async def organ(self, organ_id: str, name: str, **more: Any) -> None:
        row = Organ(organ_id=organ_id, name=name, created_at=self.clock.at, **more)
        await self._insert(schema.organ, values_of(row))

    async def alias(self, alias: str, organ_id: str) -> None:
        await self._insert(schema.organ_alias, values_of(Alias(alias=alias, organ_id=organ_id)))

    async def former_name(self, organ_id: str, name: str, until: str) -> None:
        row = FormerName(organ_id=organ_id, name=name, valid_until=until)
        await self._insert(schema.organ_name, values_of(row))

    async def document(
        self,
        to: Iterable[To] = (),
        *,
        content: bytes | None = None,
        files: Iterable[Attachment] = (),
        findings: Iterable[dict[str, str]] = (),
        **more: Any,
    ) -> Document:
        """A document, its package and files, its deliveries, consignments and statuses."""
        uid, package_id = self.id(), self.id()
        to = list(to)
        document = replace(self._blank(uid, package_id), **more)
        names = (one.name for one in to)
        folded = search_form(document.code, document.subject, document.sender_name, document.document_id, *names)
        document = replace(document, folded=more.get("folded", folded))
        package = self._package(document, package_id, content)
        rows: list[Row] = [
            self._blob or self.blob(package.sha256_hex, content),
            document,
            replace(package, findings=json.dumps(list(findings))),
            *(replace(file, package_id=package_id, position=i) for i, file in enumerate(files)),
        ]
        for one in to:
            rows += self._delivered(document, one)
        await self.store.submit(Hot(inserts=tuple(rows)))
        self._blob = None
        return document

    async def status(self, document: Document, delivery_id: str, code: str, **more: Any) -> None:
        """One more status of a receiver, as a row only: the delivery stays as it is."""
        await self.store.submit(Hot(inserts=tuple(self._event(document, delivery_id, "H24.9", code, **more))))

    async def delivery_of(self, document: Document, organ: str) -> Any:
        v = schema.delivery.c
        wanted = schema.delivery.select().where(v.document_uid == document.document_uid, v.receiver_organ == organ)
        return await self.store.read(lambda conn: conn.execute(wanted).one())

    async def real(self, content: bytes, *, files: Iterable[Attachment] | None = None, **more: Any) -> Document:
        """A document whose package has these bytes, with the files that the reader finds in them."""
        package = read(content)
        assert isinstance(package, DocumentPackage)
        found = [
            file(
                one.name,
                media_type=one.media_type,
                size_bytes=one.size_bytes,
                sha256_hex=one.sha256_hex,
                zipped_by_client=one.zipped_by_client,
            )
            for one in package.attachments
        ]
        async with self.store.spool(limit_bytes=1 << 30) as spool:
            await spool.write(content)
            self._blob = await self.store.blobs.record(await spool.finish(drop_crlf=False), self.clock.at)
        return await self.document(content=content, files=found if files is None else files, **more)

    async def status_package_of(self, delivery_id: str) -> str:
        """The package of a delivery's first status."""
        e = schema.status_event.c
        wanted = schema.status_event.select().where(e.delivery_id == delivery_id)
        return str((await self.store.read(lambda conn: conn.execute(wanted).first())).package_id)

    async def forward_statuses(self, document: Document, state: TransportState) -> None:
        """Consignments of the document's status packages to its sender."""
        e = schema.status_event.c
        wanted = schema.status_event.select().where(e.document_uid == document.document_uid)
        events = await self.store.read(lambda conn: conn.execute(wanted).all())
        to = To(document.from_organ, state)
        rows = tuple(self._consignment(event.package_id, None, to) for event in events)
        await self.store.submit(Hot(inserts=rows))

    async def act(self, document: Document, kind: str, answers: dict[str, str | None], **more: Any) -> str:
        """A recall, update or replacement of a document."""
        delivery_id = more.pop("delivery_id", None)
        act_id, known = self.id(), more.pop("package_id", None)  # known: of a replacement that is there already
        package_id = known or self.id()
        number = {"recall": 1, "update": 2, "replace": 3}[kind]
        files = more.pop("files", ())
        package = replace(self._package(document, package_id, None), business_type=number)
        act = Act(
            act_id=act_id,
            package_id=package_id,
            identity=package.sha256_hex,
            kind=ActKind(kind),
            from_organ=document.from_organ,
            reason=more.pop("reason", None),
            received_at=self.clock.at,
        )
        target = ActTarget(
            act_id=act_id,
            position=0,
            document_key=document.document_key,
            document_uid=document.document_uid,
            effect=more.pop("effect", ActEffect.APPLIED),
        )
        texts = [DocumentChange(act_id=act_id, field=f, before=b, after=a) for f, b, a in more.pop("changes", ())]
        stuck = more.pop("stuck", {})  # of the consignments
        rows: list[Row] = [] if known else [self.blob(package.sha256_hex, None), package]
        rows += [act, target, *texts]
        rows += [replace(file, package_id=package_id, position=i) for i, file in enumerate(files)]
        for organ, answer in answers.items():
            at = None if answer is None else self.clock.at
            given = None if answer is None else Answer(answer)
            rows.append(
                ActReceiver(
                    act_id=act_id,
                    position=0,
                    receiver_organ=organ,
                    answer=given,
                    answered_at=at,
                    package_id=package_id,
                )
            )
            if not known:
                rows.append(self._consignment(package_id, delivery_id, To(organ, more=stuck)))
        await self.store.submit(Hot(inserts=tuple(rows)))
        return act_id

    def blob(self, sha256_hex: str, content: bytes | None) -> Blob:
        body = content if content is not None else b"x"
        return Blob(sha256_hex=sha256_hex, size_bytes=len(body), content=body, created_at=self.clock.at)

    def _blank(self, uid: str, package_id: str) -> Document:
        return Document(
            document_uid=uid,
            from_organ="H24.1",
            document_key=f"key-{uid}",
            edition=1,
            document_id=f"H24.1,2025/11/27,{uid[-4:]}/UBND",
            identity=hashlib.sha256(uid.encode()).hexdigest(),
            header_digest="0" * 64,
            package_id=package_id,
            business_type=0,
            code_key=f"code-{uid}",
            code=f"{uid[-4:]}/UBND-VP",
            promulgation_date="2025-11-27",
            same_code_no=0,
            subject="V/v báo cáo công tác cải cách hành chính",
            type_name="Công văn",
            sender_name="Sở Nội vụ",
            urgency=0,
            due_date=None,
            origin=Origin.LOCAL,
            source_system="dms-1",
            received_at=self.clock.at,
            flags="",
        )

    def _package(self, document: Document, package_id: str, content: bytes | None) -> Package:
        digest = hashlib.sha256(content if content is not None else package_id.encode()).hexdigest()
        return Package(
            package_id=package_id,
            sha256_hex=digest,
            size_bytes=len(content) if content is not None else 1,
            kind=PackageKind.DOCUMENT,
            business_type=document.business_type,
            document_uid=document.document_uid,
            from_organ=document.from_organ,
            from_raw=document.from_organ,
            document_id=document.document_id,
            code=document.code,
            subject=document.subject,
            urgency=document.urgency,
            origin=document.origin,
            source_system=document.source_system,
            received_at=self.clock.at,
            findings="[]",
        )

    def _delivered(self, document: Document, to: To) -> list[Row]:
        delivery_id = self.id()
        delivery = Delivery(
            delivery_id=delivery_id,
            document_uid=document.document_uid,
            receiver_organ=to.organ,
            addressed_as=to.addressed_as or to.organ,
            receiver_name=to.name,
            place=to.place,
            status_code=to.statuses[-1] if to.statuses else None,
            status_at=self.clock.at if to.statuses else None,
            version=len(to.statuses),
            created_at=self.clock.at,
            from_organ=document.from_organ,
        )
        delivery = replace(delivery, **to.delivery)
        rows: list[Row] = [delivery]
        if to.place is not Place.ELSEWHERE:
            rows.append(self._consignment(document.package_id, delivery_id, to))
        for code in to.statuses:
            rows += self._event(document, delivery_id, to.organ, code)
        return rows

    def _consignment(self, package_id: str, delivery_id: str | None, to: To) -> Consignment:
        state = to.state or TransportState.QUEUED
        gone = state in (TransportState.HANDED_OVER, TransportState.ACKNOWLEDGED)
        row = Consignment(
            consignment_id=self.id(),
            package_id=package_id,
            receiver_organ=to.organ,
            delivery_id=delivery_id,
            place=to.place,
            uplink_id="quoc-gia" if to.place is Place.UPLINK else None,
            state=state,
            urgency=0,
            queued_at=self.clock.at,
            handed_over_at=self.clock.at + timedelta(seconds=2) if gone else None,
            acknowledged_at=self.clock.at + timedelta(seconds=3) if state is TransportState.ACKNOWLEDGED else None,
            kind=PackageKind.DOCUMENT,
        )
        return replace(row, **to.more)

    def _event(self, document: Document, delivery_id: str, organ: str, code: str, **more: Any) -> list[Row]:
        package_id = self.id()
        digest = hashlib.sha256(package_id.encode()).hexdigest()
        package = replace(
            self._package(document, package_id, None),
            kind=PackageKind.STATUS,
            business_type=None,
            from_organ=organ,
            sha256_hex=digest,
        )
        event = StatusEvent(
            event_id=self.id(),
            package_id=package_id,
            document_uid=document.document_uid,
            delivery_id=delivery_id,
            act_id=None,
            from_organ=organ,
            to_organ=document.from_organ,
            status_code=code,
            raw_code=code,
            description=None,
            department="Văn phòng",
            staff="Trần Thị Bình",
            reported_at="2025/11/27 11:58:00",
            received_at=self.clock.at + timedelta(minutes=int(code)),
            effect="applied",
        )
        return [self.blob(digest, None), package, replace(event, **more)]

    async def queue(self, package_id: str, due_at: datetime) -> None:
        row = QueueRow(
            queue_id=self.id(),
            package_id=package_id,
            partner_id="quoc-gia",
            task="send",
            peer_ref=None,
            urgency=0,
            queued_at=self.clock.at,
            due_at=due_at,
        )
        await self.store.submit(Hot(inserts=(row,)))

    async def _insert(self, table: Any, values: dict[str, Any]) -> None:
        await self.store.write(lambda conn: conn.execute(table.insert().values(values)))


def file(name: str, **more: Any) -> Attachment:
    """A file of a package; package and position are set when it is written."""
    row = Attachment(
        package_id="",
        position=0,
        name=name,
        media_type="application/pdf",
        size_bytes=20_480,
        sha256_hex=hashlib.sha256(name.encode()).hexdigest(),
        zipped_by_client=False,
    )
    return replace(row, **more)
