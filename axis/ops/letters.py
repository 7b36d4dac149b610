"""What an operator does with consignments that did not come through: tried again, sent another way, or withdrawn.

Each is guarded by the state in which the operator saw it, and leaves a line in the audit trail and a leaf of evidence.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from axis.delivery.directory import Directory
from axis.errors import Code, Malformed, NotFound
from axis.evidence.leaf import LeafKind, make_leaf
from axis.ids import new_id
from axis.ops.access import Access
from axis.store.hot import Change, ConsignmentMoved, ConsignmentRerouted, Hot, Stale
from axis.store.queries import Letter, letters_beside
from axis.store.records import Audit, QueueRow, Row
from axis.terms import PackageKind, Place, TransportState

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
    to: str | None = None  # of what is tried again: the uplink, or the system, that it goes to from now on


async def intervene(
    access: Access, letters: Sequence[Letter], intervention: Intervention, at: datetime
) -> tuple[list[str], list[str]]:
    """Do it to each of them. Returns the ids of those that were changed, and of those that are in another state."""
    directory = await access.directory()
    if intervention.to is not None:
        uplinks = {uplink.id for uplink in access.settings.uplink}
        letters = await _to_reroute(access, letters, intervention.to, uplinks, (directory, at))
    changed: list[str] = []
    missed: list[str] = []
    for letter in letters:
        may_be = _MAY_BECOME[TransportState.CANCELLED if intervention.to else intervention.becomes]
        if letter.state not in may_be or (intervention.to and letter.partner_id == intervention.to):
            missed.append(letter.consignment_id)
            continue
        try:
            await access.store.submit(_write(letter, intervention, directory, at))
        except Stale:
            missed.append(letter.consignment_id)
        else:
            changed.append(letter.consignment_id)
    return changed, missed


async def _to_reroute(
    access: Access, letters: Sequence[Letter], to: str, uplinks: Collection[str], by: tuple[Directory, datetime]
) -> list[Letter]:
    """The letters, and what waits behind each of the same document: a document's packages go one way, in their order.

    Raises NotFound where nobody is called so, Malformed(BAD_REQUEST) where that system does not serve a receiver.
    """
    directory, at = by
    if to not in uplinks and directory.system(to) is None:
        raise NotFound(Code.NOT_FOUND, to)
    others = [one.receiver_organ for one in letters if to not in uplinks and directory.route(one.receiver_organ) != to]
    if others:
        raise Malformed(Code.BAD_REQUEST, f"{to} does not serve {', '.join(dict.fromkeys(others[:10]))}", at="--to")
    beside = await access.store.read(lambda c: [one for letter in letters for one in letters_beside(c, letter, at)])
    found = {one.consignment_id: one for one in (*letters, *beside)}
    return [found[consignment_id] for consignment_id in sorted(found)]


def _write(letter: Letter, intervention: Intervention, directory: Directory, at: datetime) -> Hot:
    """A withdrawn one's push ends by itself, when it is claimed and nothing waits for it."""
    moved: Change = ConsignmentMoved(
        consignment_id=letter.consignment_id, was=letter.state, becomes=intervention.becomes, at=at
    )
    is_uplink = letter.partner_id is not None and directory.system(letter.partner_id) is None
    if intervention.to is not None:
        is_uplink = directory.system(intervention.to) is None
        moved = ConsignmentRerouted(
            consignment_id=letter.consignment_id,
            was=letter.state,
            was_place=letter.place,
            place=Place.UPLINK if is_uplink else Place.LOCAL,
            uplink_id=intervention.to if is_uplink else None,
        )
    fields: dict[str, str | list[str] | None] = {
        "package_id": letter.package_id,
        "receivers": [letter.receiver_organ],
        "was": letter.state.value,
        "reason": intervention.reason,
        "actor": intervention.actor,
    }
    if intervention.to is None:
        kind = LeafKind.DELIVERY_CHANGED
        fields["becomes"] = intervention.becomes.value
    else:
        kind = LeafKind.DELIVERY_REROUTED
        fields |= {"from": letter.partner_id, "to": intervention.to}
    text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
    audit = Audit(audit_id=new_id(at), at=at, kind=kind.value, actor=intervention.actor, fields=text)
    rows: list[Row] = [audit, make_leaf(kind, at, fields)]
    partner_id = (intervention.to or letter.partner_id) if is_uplink else directory.pushed_by(letter.receiver_organ)
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
