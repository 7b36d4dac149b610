"""Everything that a small node has exchanged since a moment: for test nodes of the kit, never for real ones."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, bindparam

from axis.store import schema
from axis.store.records import (
    Act,
    ActReceiver,
    ActTarget,
    Attachment,
    Audit,
    Consignment,
    Delivery,
    Document,
    Package,
    StatusEvent,
    Verdict,
)
from axis.store.rows import Query

MOST_ROWS = 20_000  # of a table: a run of the kit has some hundred

_document, _delivery, _package = schema.document.c, schema.delivery.c, schema.package.c
_consignment, _event, _act = schema.consignment.c, schema.status_event.c, schema.act.c
_receiver, _attachment, _audit = schema.act_receiver.c, schema.attachment.c, schema.audit.c
_verdict, _target = schema.verdict.c, schema.act_target.c
_SINCE = bindparam("since", type_=schema.UtcMicros())

_packages = Query(Package, _package.received_at >= _SINCE, order=(_package.package_id,), limit=MOST_ROWS)
_documents = Query(Document, _document.received_at >= _SINCE, order=(_document.document_uid,), limit=MOST_ROWS)
_deliveries = Query(Delivery, _delivery.created_at >= _SINCE, order=(_delivery.delivery_id,), limit=MOST_ROWS)
_consignments = Query(
    Consignment, _consignment.queued_at >= _SINCE, order=(_consignment.consignment_id,), limit=MOST_ROWS
)
_events = Query(StatusEvent, _event.received_at >= _SINCE, order=(_event.event_id,), limit=MOST_ROWS)
_acts = Query(Act, _act.received_at >= _SINCE, order=(_act.act_id,), limit=MOST_ROWS)
_targets = Query(
    ActTarget,
    _act.received_at >= _SINCE,
    order=(_target.act_id, _target.position),
    limit=MOST_ROWS,
    joined=schema.act_target.join(schema.act, _act.act_id == _target.act_id),
)
_answers = Query(
    ActReceiver,
    _act.received_at >= _SINCE,
    order=(_receiver.act_id, _receiver.position, _receiver.receiver_organ),
    limit=MOST_ROWS,
    joined=schema.act_receiver.join(schema.act, _act.act_id == _receiver.act_id),
)
_files = Query(
    Attachment,
    _package.received_at >= _SINCE,
    order=(_attachment.package_id, _attachment.position),
    limit=MOST_ROWS,
    joined=schema.attachment.join(schema.package, _package.package_id == _attachment.package_id),
)
_verdicts = Query(Verdict, _verdict.at >= _SINCE, order=(_verdict.verdict_id,), limit=MOST_ROWS)
_refusals = Query(
    Audit,
    and_(_audit.at >= _SINCE, _audit.kind == "package_refused"),
    order=(_audit.audit_id,),
    limit=MOST_ROWS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What was exchanged, each kind in the order in which it came."""

    packages: tuple[Package, ...]
    documents: tuple[Document, ...]
    deliveries: tuple[Delivery, ...]
    consignments: tuple[Consignment, ...]
    events: tuple[StatusEvent, ...]
    files: tuple[Attachment, ...]
    acts: tuple[Act, ...]
    targets: tuple[ActTarget, ...]  # of the acts
    answers: tuple[ActReceiver, ...]
    verdicts: tuple[Verdict, ...]
    refusals: tuple[Audit, ...]  # packages that were not taken


def traffic(conn: Connection, since: datetime) -> Traffic:
    """All that was exchanged since a moment."""
    return Traffic(
        packages=_packages.all(conn, since=since),
        documents=_documents.all(conn, since=since),
        deliveries=_deliveries.all(conn, since=since),
        consignments=_consignments.all(conn, since=since),
        events=_events.all(conn, since=since),
        files=_files.all(conn, since=since),
        acts=_acts.all(conn, since=since),
        targets=_targets.all(conn, since=since),
        answers=_answers.all(conn, since=since),
        verdicts=_verdicts.all(conn, since=since),
        refusals=_refusals.all(conn, since=since),
    )
