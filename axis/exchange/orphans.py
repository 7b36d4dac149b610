"""Statuses that came before their document: they wait as orphans, and are matched when it comes."""

from dataclasses import replace

from axis.status.order import PROGRESS, judge
from axis.store.hot import OrphanMatched
from axis.store.records import Delivery, Document, StatusEvent
from axis.terms import StatusCode


def adopt_orphans(
    document: Document, deliveries: tuple[Delivery, ...], orphans: tuple[StatusEvent, ...]
) -> tuple[tuple[Delivery, ...], tuple[OrphanMatched, ...]]:
    """The deliveries with the statuses that waited for them, oldest first, and the orphans that are none any more."""
    by_receiver = {delivery.receiver_organ: delivery for delivery in deliveries}
    matched: list[OrphanMatched] = []
    for event in orphans:
        delivery = by_receiver.get(event.from_organ)
        code = StatusCode(event.status_code)
        if delivery is None or code not in PROGRESS or not _means(event, document):
            continue
        effect = judge(StatusCode(delivery.status_code) if delivery.status_code else None, code)
        if effect.changes_delivery:
            by_receiver[event.from_organ] = replace(delivery, status_code=code.value, status_at=event.received_at)
        matched.append(
            OrphanMatched(
                event_id=event.event_id,
                document_uid=document.document_uid,
                delivery_id=delivery.delivery_id,
                effect=effect.value,
            )
        )
    return tuple(by_receiver.values()), tuple(matched)


def _means(event: StatusEvent, document: Document) -> bool:
    if event.match_document_key:
        return event.match_document_key == document.document_key
    return event.match_code_key is not None and (
        (event.match_code_key, event.match_date) == (document.code_key, document.promulgation_date)
    )
