"""What an operator does with consignments that did not come through: tried again from the start, or withdrawn.

Each is guarded by the state in which the operator saw it, and leaves a line in the audit trail and a leaf of evidence.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from axis.delivery.directory import Directory
from axis.evidence.leaf import LeafKind, make_leaf
from axis.ids import new_id
from axis.ops.access import Access
from axis.store.hot import ConsignmentMoved, Hot, Stale
from axis.store.queries import Letter
from axis.store.records import Audit, QueueRow, Row
from axis.terms import PackageKind, TransportState

_MAY_BECOME = {
    TransportState.QUEUED: (TransportState.DEAD, TransportState.RETRYING),
    TransportState.CANCELLED: (TransportState.DEAD, TransportState.RETRYING, TransportState.QUEUED),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """What is done, why, and by whom."""

    becomes: TransportState  # queued: tried again · cancelled: withdrawn
    reason: str
    actor: str


async def intervene(
    access: Access, letters: Sequence[Letter], intervention: Intervention, at: datetime
) -> tuple[list[str], list[str]]:
    """Do it to each of them. Returns the ids of those that were changed, and of those that are in another state."""
    directory = await access.directory()
    changed: list[str] = []
    missed: list[str] = []
    for letter in letters:
        if letter.state not in _MAY_BECOME[intervention.becomes]:
            missed.append(letter.consignment_id)
            continue
        try:
            await access.store.submit(_write(letter, intervention, directory, at))
        except Stale:
            missed.append(letter.consignment_id)
        else:
            changed.append(letter.consignment_id)
    return changed, missed


def _write(letter: Letter, intervention: Intervention, directory: Directory, at: datetime) -> Hot:
    """A withdrawn one's push ends by itself, when it is claimed and nothing waits for it."""
    moved = ConsignmentMoved(
        consignment_id=letter.consignment_id, was=letter.state, becomes=intervention.becomes, at=at
    )
    fields = {
        "package_id": letter.package_id,
        "receivers": [letter.receiver_organ],
        "was": letter.state.value,
        "becomes": intervention.becomes.value,
        "reason": intervention.reason,
        "actor": intervention.actor,
    }
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    audit = Audit(audit_id=new_id(at), at=at, kind="delivery_changed", actor=intervention.actor, fields=text)
    rows: list[Row] = [audit, make_leaf(LeafKind.DELIVERY_CHANGED, at, fields)]
    is_uplink = letter.partner_id is not None and directory.system(letter.partner_id) is None
    partner_id = letter.partner_id if is_uplink else directory.pushed_by(letter.receiver_organ)
    if intervention.becomes is TransportState.QUEUED and partner_id is not None:
        rows.append(_push(letter, partner_id, at))
    return Hot(inserts=tuple(rows), changes=(moved,))


def _push(letter: Letter, partner_id: str, at: datetime) -> QueueRow:
    return QueueRow(
        queue_id=new_id(at),
        package_id=letter.package_id,
        partner_id=partner_id,
        task="send",
        peer_ref=None,
        urgency=letter.urgency,
        document_uid=letter.document_uid,
        lane=letter.from_organ if letter.kind is PackageKind.STATUS else "",
        queued_at=at,
        due_at=at,
    )
