"""13 opens a request towards one receiver; 15 and 16 answer what is open: a recall, an update, a request.

Only the answer to a recall or a request changes what the receiver has: agreed, the document is back; declined, the
receiver keeps it, and what it has reported since the recall counts after all.
"""

from collections.abc import Iterable
from dataclasses import replace

from axis.evidence.leaf import LeafKind, make_leaf
from axis.exchange.context import Context, EventAbout
from axis.exchange.matching import Match, OpenFound
from axis.exchange.reports import Report, Verdict
from axis.exchange.withdrawing import read_waiting, withdraw
from axis.status.acts import ANSWERS, after_answer, document_state
from axis.status.order import Effect, judge
from axis.store import queries
from axis.store.hot import ActAnswered, Change, DeliveryMoved, DeliveryStatus, DocumentRevised
from axis.store.records import Act, ActReceiver, ActTarget, Delivery, Row, StatusEvent
from axis.terms import ActEffect, ActKind, DeliveryState, EventKind, StatusCode


def open_request(context: Context, report: Report, matched: Match | None, package_id: str) -> Verdict:
    """13: the sender asks one receiver to give the document back. It changes nothing until the receiver agrees."""
    document = matched.document if matched else None
    receiver = matched.delivery.receiver_organ if matched else report.destination.organ
    act = Act(
        act_id=context.new_id(),
        package_id=package_id,
        identity=report.entry.spooled.sha256_hex,
        kind=ActKind.RECALL_REQUEST,
        from_organ=report.entry.from_organ,
        reason=report.package.header.description,
        received_at=report.entry.at,
    )
    target = ActTarget(
        act_id=act.act_id,
        position=0,
        document_key=document.document_key if document else report.sought.document_key or "",
        document_uid=document.document_uid if document else None,
        effect=ActEffect.NOTHING if document else ActEffect.UNKNOWN,
    )
    asked = ActReceiver(act_id=act.act_id, position=0, receiver_organ=receiver, package_id=package_id)
    inserts: tuple[Row, ...] = (act, target, asked)
    system_id = context.directory.current.route(receiver)
    if system_id is not None:
        about = EventAbout(document_uid=target.document_uid, package_id=package_id, organ_id=receiver)
        fields = {"act_id": act.act_id, "asked": True, "receivers": [receiver]}
        inserts += (context.event(system_id, EventKind.DOCUMENT_RECALLED, about, fields),)
    return Verdict(effect=Effect.ACT, inserts=inserts, act_id=act.act_id)


async def answer_act(context: Context, report: Report, found: OpenFound, package_id: str) -> Verdict:
    """15 or 16 closes the oldest open act of the receiver."""
    act, answer = found.act.act, ANSWERS[report.code]
    changes: tuple[Change, ...] = (
        ActAnswered(
            act_id=act.act_id,
            position=found.act.position,
            receiver_organ=found.receiver,
            answer=answer,
            at=report.entry.at,
        ),
    )
    if found.delivery is not None:
        changes += await _move(context, report, found, after_answer(act.kind, answer, found.delivery.state))
    uid = found.document.document_uid if found.document else None
    fields = {"act_id": act.act_id, "kind": act.kind.value, "answer": answer.value}
    leaf = make_leaf(
        LeafKind.ACT_ANSWERED,
        report.entry.at,
        {**fields, "package_id": package_id, "document_uid": uid, "receiver": found.receiver},
    )
    inserts: tuple[Row, ...] = (leaf,)
    system_id = context.directory.current.route(act.from_organ)
    if system_id is not None:
        about = EventAbout(document_uid=uid, package_id=package_id, organ_id=found.receiver)
        inserts += (context.event(system_id, EventKind.ACT_ANSWERED, about, fields),)
    return Verdict(effect=Effect.ACT, inserts=inserts, changes=changes, act_id=act.act_id)


async def _move(context: Context, report: Report, found: OpenFound, becomes: DeliveryState) -> tuple[Change, ...]:
    """The receiver's delivery becomes what its answer says."""
    document, delivery, at = found.document, found.delivery, report.entry.at
    if document is None or delivery is None or becomes is delivery.state:
        return ()
    moved = DeliveryMoved(
        delivery_id=delivery.delivery_id, was=delivery.state, becomes=becomes, act_id=found.act.act.act_id, at=at
    )
    if becomes is DeliveryState.RECALL_DECLINED:
        events = await context.store.read(lambda c: queries.status_events(c, document.document_uid))
        return (_caught_up(delivery, events), moved)
    if delivery.state is DeliveryState.RECALLED:
        return (moved,)  # the document as a whole stays what it is
    uid = document.document_uid
    now, deliveries, waiting = await context.store.read(
        lambda c: (queries.document(c, uid), queries.deliveries(c, uid), read_waiting(c, uid))
    )
    if now is None:
        raise LookupError(uid)  # a foreign key forbids it
    # In force until now: what waits for it is taken back, and the document as a whole counts anew.
    states = [becomes if one.delivery_id == delivery.delivery_id else one.state for one in deliveries]
    taken_back = withdraw(context, waiting, {delivery.receiver_organ}, at)
    return (moved, *taken_back.changes, DocumentRevised.of(now, document_state(states)))


def _caught_up(delivery: Delivery, events: Iterable[StatusEvent]) -> DeliveryStatus:
    """What the receiver has reported since the recall counts after all: the two had crossed.

    Guarded by the delivery's version even when nothing had come: a status that comes at this very moment must not be
    kept as one that came too late.
    """
    caught_up = DeliveryStatus.untouched(delivery)
    for event in events:
        since = delivery.state_at is None or event.received_at >= delivery.state_at
        if event.delivery_id != delivery.delivery_id or event.effect != Effect.AFTER_CLOSE or not since:
            continue
        code = caught_up.status_code
        if judge(StatusCode(code) if code else None, StatusCode(event.status_code)).changes_delivery:
            caught_up = replace(caught_up, status_code=event.status_code, status_at=event.received_at)
    return caught_up
