"""What an act does to one document that it names: who no longer has it, who has it too, what it says now.

Worked out from what was read, as rows and guarded changes; the rules themselves are pure (`axis.status.acts`).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from axis.delivery.router import Destination
from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.acts import Named, changes_texts, listed_receivers
from axis.exchange.context import Context, EventAbout
from axis.exchange.following import following
from axis.exchange.parcel import Birth, Parcel, comparable_date, delivery_rows
from axis.exchange.particulars import TextChange, changes, particulars, particulars_json, read_particulars
from axis.exchange.withdrawing import Waiting, Withdrawn, hurry, withdraw
from axis.status.acts import (
    after_addition,
    after_recall,
    after_removal,
    after_replacement,
    born_state,
    document_state,
)
from axis.store.hot import Change, DeliveryMoved, DocumentRevised
from axis.store.records import Delivery, Document, DocumentChange, Leaf, Row, SystemEvent
from axis.terms import ActEffect, ActKind, DeliveryState, DocumentState, EventKind
from axis.text import also_found_by

_EVENTS = {
    ActKind.RECALL: EventKind.DOCUMENT_RECALLED,
    ActKind.UPDATE: EventKind.DOCUMENT_UPDATED,
    ActKind.REPLACE: EventKind.DOCUMENT_REPLACED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A document that an act names, as it stands."""

    named: Named
    deliveries: tuple[Delivery, ...] = ()
    waiting: Waiting = field(default_factory=Waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doing:
    """One act: which, when, and whom it concerns now (a repeat: only those whom the first one did not)."""

    act_id: str
    package_id: str
    kind: ActKind
    at: datetime
    organs: frozenset[str]
    first: bool  # the act comes to this document for the first time: not only further receivers of it
    reached: tuple[Destination, ...] = ()  # whom earlier packages of the act brought it to, before the document came


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What an act does to one document."""

    effect: ActEffect
    inserts: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()
    deliveries: tuple[Delivery, ...] = ()  # new ones


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What becomes of a document, before it is written down."""

    moved: dict[str, DeliveryState] = field(default_factory=dict)  # by receiver
    born: tuple[Delivery, ...] = ()
    texts: tuple[TextChange, ...] = ()


def work_out(context: Context, parcel: Parcel, doing: Doing, target: Target) -> Effects:
    """The effects of an act on one of its targets."""
    document = target.named.document
    if document is None:
        return Effects(effect=ActEffect.FOREIGN if target.named.foreign else ActEffect.UNKNOWN)
    plan = _plan(context, parcel, doing, target)
    withdrawn = withdraw(context, target.waiting, [o for o, state in plan.moved.items() if state.is_frozen], doing.at)
    states = [plan.moved.get(one.receiver_organ, one.state) for one in target.deliveries]
    revised = _revised(parcel, document, plan, document_state((*states, *(one.state for one in plan.born))))
    applied = bool(plan.moved or plan.born or plan.texts)
    effect = ActEffect.APPLIED if applied else ActEffect.NOTHING
    moves = (
        DeliveryMoved(
            delivery_id=one.delivery_id,
            was=one.state,
            becomes=plan.moved[one.receiver_organ],
            act_id=doing.act_id,
            at=doing.at,
        )
        for one in target.deliveries
        if one.receiver_organ in plan.moved
    )
    texts = (
        DocumentChange(act_id=doing.act_id, field=one.field, before=one.before, after=one.after) for one in plan.texts
    )
    staying = doing.organs - {organ for organ, state in plan.moved.items() if state.is_frozen}
    hurried = hurry(target.waiting, staying, parcel.urgency, doing.at) if doing.kind is ActKind.UPDATE else ()
    told = _events(context, doing, target, plan, withdrawn)
    return Effects(
        effect=effect,
        inserts=(*texts, *plan.born, *told, _leaf(doing, document, plan, withdrawn, effect)),
        changes=(*moves, *withdrawn.changes, *hurried, revised),
        deliveries=plan.born,
    )


def concerned(doing: Doing, named: Named) -> frozenset[str]:
    """For whom an act concerns one of its documents.

    A replacement: the listed ones that get the new document too. Who is listed and gets none keeps the old one, so that
    nobody is left without either.
    """
    return doing.organs if named.organs is None else doing.organs & named.organs


def _plan(context: Context, parcel: Parcel, doing: Doing, target: Target) -> _Plan:
    concerns = concerned(doing, target.named)
    mine = [one for one in target.deliveries if one.receiver_organ in concerns]
    match doing.kind:
        case ActKind.RECALL:
            return _Plan(moved=_moved(mine, {one.receiver_organ: after_recall(one.state) for one in mine}))
        case ActKind.REPLACE:
            return _Plan(moved=_moved(mine, {one.receiver_organ: after_replacement(one.state) for one in mine}))
        case _:
            return _update(context, parcel, doing, target)


def _moved(deliveries: Iterable[Delivery], states: dict[str, DeliveryState]) -> dict[str, DeliveryState]:
    """Those that change."""
    before = {one.receiver_organ: one.state for one in deliveries}
    return {organ: state for organ, state in states.items() if state is not before[organ]}


def _update(context: Context, parcel: Parcel, doing: Doing, target: Target) -> _Plan:
    document = target.named.document
    if document is None:
        raise ValueError(doing.act_id)
    types = context.policy.receiver_types
    header, canonical = parcel.package.header, context.directory.current.registry.canonical
    removed = {canonical(code) for code in listed_receivers(header, types.removed)}
    added = {canonical(code) for code in listed_receivers(header, types.added)} - removed
    removed |= following(target.deliveries, removed)
    added |= following(target.deliveries, added) - removed
    mine = [one for one in target.deliveries if one.receiver_organ in doing.organs]
    states = {one.receiver_organ: after_removal(one.state) for one in mine if one.receiver_organ in removed}
    states |= {one.receiver_organ: after_addition(one.state) for one in mine if one.receiver_organ in added}
    return _Plan(
        moved=_moved(mine, states),
        born=_born(context, parcel, doing, target, removed),
        texts=_texts(parcel, document) if doing.first else (),
    )


def _born(
    context: Context, parcel: Parcel, doing: Doing, target: Target, removed: Collection[str]
) -> tuple[Delivery, ...]:
    """An update brings the document to receivers that had none; from then on their statuses count."""
    document = target.named.document
    without = {one.receiver_organ for one in target.deliveries} | set(removed)
    to_all = {to.organ: to for to in (*doing.reached, *parcel.destinations)}
    new = [to for organ, to in to_all.items() if organ in doing.organs and organ not in without]
    if document is None or not new:
        return ()
    state = born_state(document.state)
    birth = None if state is DeliveryState.OPEN else Birth(state=state, at=doing.at, act_id=doing.act_id)
    return delivery_rows(context, parcel, document.document_uid, new, birth)


def _texts(parcel: Parcel, document: Document) -> tuple[TextChange, ...]:
    """What the update says otherwise; a document that was taken back or replaced is frozen with its texts."""
    frozen = document.state in (DocumentState.RECALLED, DocumentState.REPLACED)
    if frozen or not changes_texts(parcel.package.header):
        return ()
    said = particulars(parcel.package.header)
    if document.particulars is None:  # it came before they were kept: these alone can be compared
        said = {name: text for name, text in said.items() if name in ("subject", "type_name")}
    return changes(_known(document), said)


def _known(document: Document) -> dict[str, str]:
    if document.particulars is not None:
        return read_particulars(document.particulars)
    known = {"subject": document.subject, "type_name": document.type_name}
    return {name: text for name, text in known.items() if text}


def _revised(parcel: Parcel, document: Document, plan: _Plan, state: DocumentState) -> DocumentRevised:
    """The document's row from now on. Its version rises with every act: two acts on one document never mix."""
    after = {one.field: one.after for one in plan.texts}
    texts = _known(document) | {name: text or "" for name, text in after.items()}
    return replace(
        DocumentRevised.of(document, state),
        subject=after.get("subject", document.subject),
        type_name=after.get("type_name", document.type_name),
        urgency=parcel.urgency if "priority" in after else document.urgency,
        due_date=comparable_date(after["due_date"]) if "due_date" in after else document.due_date,
        particulars=particulars_json(texts) if plan.texts else document.particulars,
        folded=also_found_by(document.folded, after["subject"]) if "subject" in after else document.folded,
    )


def _leaf(doing: Doing, document: Document, plan: _Plan, withdrawn: Withdrawn, effect: ActEffect) -> Leaf:
    return make_leaf(
        LeafKind.ACT_APPLIED,
        doing.at,
        {
            "act_id": doing.act_id,
            "package_id": doing.package_id,
            "kind": doing.kind.value,
            "document_uid": document.document_uid,
            "effect": effect.value,
            "receivers": sorted(plan.moved),
            "added": sorted(one.receiver_organ for one in plan.born),
            "withdrawn": sorted(withdrawn.receivers),
            "fields": sorted(one.field for one in plan.texts),
        },
    )


def _events(context: Context, doing: Doing, target: Target, plan: _Plan, withdrawn: Withdrawn) -> Iterator[SystemEvent]:
    """One for each system that serves somebody for whom something changed."""
    directory = context.directory.current
    changed = plan.moved.keys() | {one.receiver_organ for one in plan.born}
    if plan.texts:
        changed |= {one.receiver_organ for one in target.deliveries}
    by_system: dict[str, list[str]] = {}
    for organ in sorted(changed):
        if (system_id := directory.route(organ)) is not None:
            by_system.setdefault(system_id, []).append(organ)
    document = target.named.document
    about = EventAbout(document_uid=document.document_uid if document else None, package_id=doing.package_id)
    for system_id, organs in by_system.items():
        fields = {
            "act_id": doing.act_id,
            "receivers": organs,
            "withdrawn": [organ for organ in organs if organ in withdrawn.receivers],
            "changed": [one.field for one in plan.texts],
        }
        yield context.event(system_id, _EVENTS[doing.kind], about, fields)
