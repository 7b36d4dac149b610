"""Queries of the use cases: functions on a connection that give records. What they change, `claim` alone says.

intake: what is known of documents, acts and statuses. lists: what waits for a system, how a package fares. work: the
queue of pushes. For use inside `Store.read`; `claim` inside `Store.write`.
"""

from axis.store.queries.intake import (
    act_by_identity,
    act_of_package,
    act_receivers,
    acts_on,
    attachments,
    consignments,
    consignments_of_document,
    deliveries,
    delivery,
    document,
    documents_by_code,
    documents_by_document_id,
    documents_by_key,
    event_of_package,
    next_same_code_no,
    oldest_open_act,
    orphans,
    package,
    package_by_bytes,
    status_events,
    targets_of_acts,
)
from axis.store.queries.lists import (
    PendingItem,
    SentRow,
    consignments_for_system,
    count_pending,
    pending,
    sent_rows,
)
from axis.store.queries.work import Backlog, backlog, claim, has_due, next_due

__all__ = [
    "Backlog",
    "PendingItem",
    "SentRow",
    "act_by_identity",
    "act_of_package",
    "act_receivers",
    "acts_on",
    "attachments",
    "backlog",
    "claim",
    "consignments",
    "consignments_for_system",
    "consignments_of_document",
    "count_pending",
    "deliveries",
    "delivery",
    "document",
    "documents_by_code",
    "documents_by_document_id",
    "documents_by_key",
    "event_of_package",
    "has_due",
    "next_due",
    "next_same_code_no",
    "oldest_open_act",
    "orphans",
    "package",
    "package_by_bytes",
    "pending",
    "sent_rows",
    "status_events",
    "targets_of_acts",
]
