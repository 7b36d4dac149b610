"""Mistakes to plant, each against a rule of docs/protocols/business.md: the model must find every one.

Each is a name of the code under test, and what stands there instead.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from axis.exchange import act_intake, acts, answering, effects, handover, repeats, statuses, withdrawing
from axis.exchange.handover import HandOver
from axis.exchange.withdrawing import Withdrawn
from axis.store import queries
from axis.store.queries import acts as act_queries
from axis.terms import ActKind, Answer, DeliveryState, DocumentState, StatusCode, TransportState
from tests.exchange.machine import RECEIVERS

Planted = tuple[Any, str, Callable[..., Any]]

_applied = {name: getattr(effects, name) for name in ("after_recall", "after_removal", "after_replacement", "_texts")}
_after_answer, _progress, _find_named = answering.after_answer, statuses._progress, acts.find_named
_consignments = HandOver._consignments
_withdrawable, _deliveries, _judge = queries.withdrawable, queries.deliveries, statuses.judge


def _of_everything(conn: Any, document_uid: str) -> Any:
    """What was handed over can be withdrawn too."""
    delivered = {one.delivery_id for one in _deliveries(conn, document_uid)}
    packages = {one.package_id for one in queries.carrying_consignments(conn, document_uid)}
    found = queries.consignments_of(conn, sorted(packages))
    there = [one for one in found if one.delivery_id in delivered and one.state is TransportState.HANDED_OVER]
    return (*_withdrawable(conn, document_uid), *there)


def _frozen_by_answer(kind: ActKind, answer: Answer, state: DeliveryState) -> DeliveryState:
    return _after_answer(kind, answer, state) if answer is Answer.AGREED else state


def _only_recalls(kind: ActKind, answer: Answer, state: DeliveryState) -> DeliveryState:
    return _after_answer(kind, answer, state) if kind is ActKind.RECALL else state


def _first_edition(conn: Any, registry: Any, from_organ: str, named: Any) -> Any:
    found = _find_named(conn, registry, from_organ, named)
    editions = queries.documents_by_key(conn, from_organ, named.document_key)
    return replace(found, document=editions[0]) if editions else found


def _never_foreign(conn: Any, registry: Any, from_organ: str, named: Any) -> Any:
    found = _find_named(conn, registry, from_organ, named)
    others = queries.documents_by_document_id(conn, named.document_key)
    return replace(found, document=others[-1], foreign=False) if found.foreign else found


def _open_deliveries(conn: Any, document_uid: str) -> Any:
    return tuple(replace(one, state=DeliveryState.OPEN) for one in _deliveries(conn, document_uid))


async def _not_cancelled(hand_over: HandOver, system_id: str, package_id: str) -> Any:
    found = await _consignments(hand_over, system_id, package_id)
    return tuple(one for one in found if one.state is not TransportState.CANCELLED)


class _OldQueries:
    """The queries of a room, but for one."""

    def __init__(self, **others: Any) -> None:
        self.__dict__.update(others)

    def __getattr__(self, name: str) -> Any:
        return getattr(queries, name)


PLANTED: dict[str, Planted] = {
    # recall
    "a recall leaves what waits where it is": (effects, "withdraw", lambda *_: Withdrawn()),
    "a recall cancels what was handed over": (queries, "withdrawable", _of_everything),
    "a second recall of what was declined does nothing": (
        effects,
        "after_recall",
        lambda state: DeliveryState.RECALLED if state is DeliveryState.OPEN else state,
    ),
    "what was removed or replaced is not recalled": (
        effects,
        "after_recall",
        lambda state: state if state.is_frozen else _applied["after_recall"](state),
    ),
    "a recall of what was agreed asks for it again": (effects, "after_recall", lambda _: DeliveryState.RECALLED),
    "a recall finds the first edition": (acts, "find_named", _first_edition),
    "anybody may act on a document": (acts, "find_named", _never_foreign),
    "nobody looks whose document it is, nor at its code": (act_intake, "check_act", lambda *_: None),
    # repeats
    "a repeat of an act is an act": (queries, "act_by_identity", lambda *_: None),
    "a repeat of an act opens no dead way": (act_intake, "reopen", lambda *_: ((), ())),
    "a repeat opens what was taken back": (repeats, "queries", _OldQueries(deliveries=_open_deliveries)),
    "a repeat opens no dead way": (repeats, "reopen", lambda *_: ((), ())),
    "a refusal is taken for unread": (repeats, "_refusal_was_read", lambda *_: False),
    # answers
    "a receiver that declines gives the document back": (
        answering,
        "after_answer",
        lambda *_: DeliveryState.RECALL_AGREED,
    ),
    "declining freezes": (answering, "after_answer", _frozen_by_answer),
    "what crossed a declined recall does not count": (
        answering,
        "_caught_up",
        lambda delivery, _: answering.DeliveryStatus.untouched(delivery),
    ),
    "agreeing to a request does nothing": (answering, "after_answer", _only_recalls),
    "agreeing to a request leaves what waits": (answering, "withdraw", lambda *_: Withdrawn()),
    "the newest act is answered first": (
        act_queries,
        "_open_on",
        act_queries._open_on.order_by(None).order_by(
            act_queries._act.received_at.desc(), act_queries._act.act_id.desc()
        ),
    ),
    # statuses
    "a status is about the latest edition, fetched or not": (queries, "was_handed_over", lambda *_: False),
    "a closed delivery takes statuses": (
        statuses,
        "_progress",
        lambda report, delivery: _progress(report, replace(delivery, state=DeliveryState.OPEN)),
    ),
    "a lower status counts": (
        statuses,
        "judge",
        lambda current, said: _judge(None if current is not StatusCode.REFUSED else current, said),
    ),
    # update
    "an update opens what was recalled": (effects, "after_addition", lambda _: DeliveryState.OPEN),
    "an update removes nobody": (effects, "after_removal", lambda state: state),
    "an update removes what was recalled": (effects, "after_removal", lambda _: DeliveryState.REMOVED),
    "an update brings a closed document as an open one": (effects, "born_state", lambda _: DeliveryState.OPEN),
    "an update changes the texts of a closed document": (
        effects,
        "_texts",
        lambda parcel, document: _applied["_texts"](parcel, replace(document, state=DocumentState.OPEN)),
    ),
    # replacement
    "a replacement for one closes it for all": (effects, "concerned", lambda *_: frozenset(RECEIVERS)),
    "a replacement closes what was recalled": (effects, "after_replacement", lambda _: DeliveryState.REPLACED),
    "a replacement closes nothing": (effects, "after_replacement", lambda state: state),
    # the document as a whole
    "a document with nobody left is open": (effects, "document_state", lambda _: DocumentState.OPEN),
    "a request leaves the document as a whole": (answering, "document_state", lambda _: DocumentState.OPEN),
    # transport
    "a push that is under way is dropped": (withdrawing, "_is_free", lambda *_: True),
    "a push that nobody is left for stays": (withdrawing, "_needless", lambda *_: []),
    "what was taken back is listed again": (handover, "_was_closed", lambda *_: False),
    "what is cancelled stays so, though the bytes are there": (HandOver, "_consignments", _not_cancelled),
}
