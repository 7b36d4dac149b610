"""Documents and deliveries: what those whom the system serves sent and received, and nothing else."""

from typing import Annotated, Final

from pydantic import Field

from axis.errors import Code, NotFound
from axis.store import queries
from axis.store.queries import (
    ActLine,
    DeliveriesAsked,
    DeliveryKey,
    DeliveryLine,
    DocumentsAsked,
    DocumentSeen,
    Way,
)
from axis.store.records import Document
from axis.terms import Scope, StatusCode
from axis.web.api.call import Call, Operation, Reply, read_id
from axis.web.api.models import (
    ActOut,
    AnswerOut,
    DeliveryList,
    DeliveryOut,
    DocumentDetail,
    DocumentList,
    DocumentOut,
    FileOut,
    Model,
    PackageOut,
)
from axis.web.api.paging import After, Limit, page_limit, read_key, write_key

_FIRST_DELIVERIES: Final = 50

WayIn = Annotated[Way, Field(description="Whether your organisations sent or received.")]


class DocumentsQuery(Model):
    """Which documents."""

    way: WayIn = Way.SENT
    q: Annotated[str, Field(description="Words that code, subject, id or a party must hold.")] = ""
    after: After = None
    limit: Limit = 50


class DeliveriesQuery(Model):
    """Which deliveries."""

    way: WayIn = Way.SENT
    document_uid: Annotated[str | None, Field(max_length=26, description="Only of this document.")] = None
    status_code: Annotated[StatusCode | None, Field(description="Only with this status now.")] = None
    after: After = None
    limit: Limit = 50


async def list_documents(call: Call) -> Reply:
    """A page of documents, newest first."""
    asked = call.asked(DocumentsQuery)
    limit = page_limit(call, asked.limit)
    before = None if asked.after is None else read_key(asked.after, 1)[0]
    wanted = DocumentsAsked(system_id=call.system_id, way=asked.way, text=asked.q, before=before, limit=limit + 1)
    found = await call.parts.store.read(lambda c: queries.documents_page(c, wanted))
    items = tuple(map(_document_out, found[:limit]))
    following = write_key(items[-1].document_uid) if len(found) > limit else None
    return Reply(body=DocumentList(items=items, next=following))


async def show_document(call: Call) -> Reply:
    """One document with its packages, files, acts and first deliveries."""
    uid, system_id = read_id(call, "document_uid"), call.system_id
    seen = await call.parts.store.read(lambda c: queries.document_seen(c, system_id, uid))
    if seen is None:
        raise NotFound(Code.NOT_FOUND, uid)
    way = Way.SENT if seen.sent else Way.RECEIVED
    deliveries = await _deliveries(call, DeliveriesQuery(way=way, document_uid=uid, limit=_FIRST_DELIVERIES))
    return Reply(body=_detail(seen, deliveries))


async def list_deliveries(call: Call) -> Reply:
    """A page of deliveries."""
    return Reply(body=await _deliveries(call, call.asked(DeliveriesQuery)))


async def _deliveries(call: Call, asked: DeliveriesQuery) -> DeliveryList:
    limit = page_limit(call, asked.limit)
    after = None
    if asked.after is not None:
        document_uid, receiver = read_key(asked.after, 2)
        after = DeliveryKey(document_uid=document_uid, receiver_organ=receiver)
    wanted = DeliveriesAsked(
        system_id=call.system_id,
        way=asked.way,
        document_uid=asked.document_uid,
        status_code=asked.status_code,
        after=after,
        limit=limit + 1,
    )
    found = await call.parts.store.read(lambda c: queries.deliveries_page(c, wanted))
    items = tuple(map(_delivery_out, found[:limit]))
    following = write_key(items[-1].document_uid, items[-1].receiver_organ) if len(found) > limit else None
    return DeliveryList(items=items, next=following)


def _document_out(document: Document) -> DocumentOut:
    return DocumentOut(
        document_uid=document.document_uid,
        document_id=document.document_id,
        edition=document.edition,
        from_organ=document.from_organ,
        sender_name=document.sender_name,
        code=document.code,
        promulgation_date=document.promulgation_date,
        subject=document.subject,
        type_name=document.type_name,
        urgency=document.urgency,
        due_date=document.due_date,
        business_type=document.business_type,
        received_at=document.received_at,
        flags=tuple(document.flags.split()),
        standing=document.state,
        verdict=document.verdict,
        package_id=document.package_id,
    )


def _delivery_out(line: DeliveryLine) -> DeliveryOut:
    delivery, document, carried = line.delivery, line.document, line.consignment
    return DeliveryOut(
        delivery_id=delivery.delivery_id,
        document_uid=delivery.document_uid,
        document_id=document.document_id,
        code=document.code,
        subject=document.subject,
        from_organ=document.from_organ,
        receiver_organ=delivery.receiver_organ,
        receiver_name=delivery.receiver_name,
        addressed_as=delivery.addressed_as,
        place=delivery.place,
        status_code=delivery.status_code,
        status_at=delivery.status_at,
        standing=delivery.state,
        forwarded_from=delivery.forwarded_from,
        returned_at=delivery.returned_at,
        return_reason=delivery.return_reason,
        state=carried.state if carried else None,
        queued_at=carried.queued_at if carried else None,
        handed_over_at=carried.handed_over_at if carried else None,
        acknowledged_at=carried.acknowledged_at if carried else None,
    )


def _detail(seen: DocumentSeen, deliveries: DeliveryList) -> DocumentDetail:
    return DocumentDetail(
        document=_document_out(seen.document),
        sent=seen.sent,
        received=seen.received,
        files=tuple(
            FileOut(
                position=file.position,
                name=file.name,
                media_type=file.media_type,
                size_bytes=file.size_bytes,
                sha256=file.sha256_hex,
            )
            for file in seen.files
        ),
        packages=tuple(
            PackageOut(
                package_id=package.package_id,
                business_type=package.business_type,
                from_organ=package.from_organ,
                sha256=package.sha256_hex,
                size_bytes=package.size_bytes,
                received_at=package.received_at,
            )
            for package in seen.packages
        ),
        acts=tuple(map(_act_out, seen.acts)),
        deliveries=deliveries,
    )


def _act_out(line: ActLine) -> ActOut:
    return ActOut(
        act_id=line.act.act_id,
        package_id=line.act.package_id,
        kind=line.act.kind,
        from_organ=line.act.from_organ,
        reason=line.act.reason,
        received_at=line.act.received_at,
        answers=tuple(
            AnswerOut(receiver_organ=one.receiver_organ, answer=one.answer, answered_at=one.answered_at)
            for one in line.answers
        ),
    )


OPERATIONS: Final = (
    Operation(
        name="listDocuments",
        method="GET",
        path="/documents",
        handler=list_documents,
        vi="Tra cứu văn bản mà các cơ quan của bạn đã gửi hoặc nhận.",
        en="Look up documents that your organisations sent or received.",
        scopes=(Scope.READ,),
        query=DocumentsQuery,
        replies={200: DocumentList},
    ),
    Operation(
        name="getDocument",
        method="GET",
        path="/documents/{document_uid}",
        handler=show_document,
        vi="Một văn bản: tệp, gói tin, nghiệp vụ, nơi nhận và trạng thái.",
        en="One document: files, packages, acts, receivers and their statuses.",
        scopes=(Scope.READ,),
        replies={200: DocumentDetail},
    ),
    Operation(
        name="listDeliveries",
        method="GET",
        path="/deliveries",
        handler=list_deliveries,
        vi="Văn bản đang ở đâu: từng nơi nhận với trạng thái truyền và trạng thái xử lý.",
        en="Where documents are: each receiver with its transport state and its status.",
        scopes=(Scope.READ,),
        query=DeliveriesQuery,
        replies={200: DeliveryList},
    ),
)
