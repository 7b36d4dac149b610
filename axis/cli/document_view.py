"""A document as the command line shows it: its receivers, what was done with it, what they answered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from axis.cli.options import print_fields, print_table, with_access
from axis.clock import SystemClock, to_local
from axis.errors import Code, NotFound
from axis.ops.access import Access
from axis.store import queries
from axis.store.act_view import ActView, Related
from axis.store.document_view import DocumentDetail, ReceiverPage, ReceiverView, read_document
from axis.store.records import Document, Hold
from axis.store.scopes import Scope
from axis.terms import Answer, DeliveryState, StatusCode
from axis.text import comparison_form
from axis.web.console import words

_PAGE = 500


def read_documents(config: Path | None, text: str) -> list[DocumentDetail]:
    """All documents that a text can mean: DocumentIds are unique per sender only, and may have editions.

    text: a DocumentId, or our id of a document or a package. Raises NotFound.
    """

    async def find(access: Access) -> list[DocumentDetail]:
        return await access.store.read(lambda conn: _find(conn, text))

    found = with_access(config, find)
    if not found:
        raise NotFound(Code.NOT_FOUND, text)
    return found


def _find(conn: Connection, text: str) -> list[DocumentDetail]:
    uids = [found.document_uid for found in queries.documents_by_document_id(conn, comparison_form(text))]
    if queries.document(conn, text) is not None:
        uids.append(text)
    if (package := queries.package(conn, text)) is not None and package.document_uid is not None:
        uids.append(package.document_uid)
    return [_detail(conn, uid) for uid in dict.fromkeys(uids)]


def _detail(conn: Connection, document_uid: str) -> DocumentDetail:
    """A document with all its receivers: the view gives them page by page."""
    detail = read_document(conn, Scope.ALL, document_uid, ReceiverPage(rows=_PAGE))
    if detail is None:
        raise NotFound(Code.NOT_FOUND, document_uid)
    receivers, more = detail.receivers, detail.has_more_receivers
    while more:
        page = ReceiverPage(rows=_PAGE, after=receivers[-1].delivery.receiver_organ)
        rest = read_document(conn, Scope.ALL, document_uid, page)
        if rest is None:
            break
        receivers, more = receivers + rest.receivers, rest.has_more_receivers
    return replace(detail, receivers=receivers)


# ── for programs ───────────────────────────────────────────────────────────────────────────────────────────────


def document_json(detail: DocumentDetail) -> dict[str, Any]:
    """Everything, as one JSON value."""
    document = detail.document
    return {
        "document_uid": document.document_uid,
        "document_id": document.document_id,
        "code": document.code,
        "subject": document.subject,
        "from": document.from_organ,
        "edition": document.edition,
        "state": document.state.value,
        "received_at": _iso(document.received_at),
        "sent_due_at": _iso(document.sent_due_at),
        "sent_late": _sent_late(document),
        "receivers": [_receiver(view) for view in detail.receivers],
        "acts": [_act(view) for view in detail.acts],
        "replaces": [_related(other) for other in detail.replaces],
        "editions": [_related(other) for other in detail.editions],
    }


def _sent_late(document: Document) -> bool | None:
    """Whether it was sent after its time; None when that cannot be said."""
    return None if document.sent_due_at is None else document.received_at > document.sent_due_at


def _receiver(view: ReceiverView) -> dict[str, Any]:
    delivery = view.delivery
    first = view.travels[0].consignment if view.travels else None
    return {
        "organ": delivery.receiver_organ,
        "name": view.name or delivery.receiver_name,
        "addressed_as": delivery.addressed_as,
        "place": str(delivery.place),
        "transport": str(first.state) if first else None,
        "held": held.reason if (held := _held(view)) else None,
        "handed_over_at": _iso(first.handed_over_at) if first else None,
        "acknowledged_at": _iso(first.acknowledged_at) if first else None,
        "last_error": first.last_error if first else None,
        "status": delivery.status_code,
        "status_at": _iso(delivery.status_at),
        "state": delivery.state.value,
        "state_at": _iso(delivery.state_at),
        "forwarded_by": view.forwarded_by,
        "forwarded_to": list(view.forwarded_to),
        "returned_at": _iso(delivery.returned_at),
        "return_reason": delivery.return_reason,
        "statuses": [
            {
                "code": one.event.status_code,
                "at": _iso(one.event.received_at),
                "description": one.event.description,
                "effect": one.event.effect,
            }
            for one in view.events
        ],
    }


def _act(view: ActView) -> dict[str, Any]:
    act = view.act
    return {
        "kind": act.kind.value,
        "package_id": act.package_id,
        "reason": act.reason,
        "received_at": _iso(act.received_at),
        "effect": view.effect.value,
        "came_first": view.came_first,
        "agreed": view.agreed,
        "declined": view.declined,
        "withdrawn": view.withdrawn,
        "waiting": view.waiting,
        "answers": [
            {
                "organ": one.answer.receiver_organ,
                "name": one.name,
                "answer": one.answer.answer.value if one.answer.answer else None,
                "at": _iso(one.answer.answered_at),
                "transport": one.travel.consignment.state.value if one.travel else None,
            }
            for one in view.answers
        ],
        "changes": [{"field": one.field, "before": one.before, "after": one.after} for one in view.changes],
        "replaced_by": _related(view.brings) if view.brings else None,
    }


def _related(other: Related) -> dict[str, Any]:
    return {
        "document_uid": other.document_uid,
        "code": other.code,
        "edition": other.edition,
        "received_at": _iso(other.received_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


# ── for people ─────────────────────────────────────────────────────────────────────────────────────────────────


def _held(view: ReceiverView) -> Hold | None:
    return view.travels[0].held_at(SystemClock().now()) if view.travels else None


def _way(view: ReceiverView) -> str:
    """How far the document itself has come."""
    if not view.travels:
        return words.OTHER_AXIS.word
    if (hold := _held(view)) is not None:
        return f"{words.HELD.word}: {hold.reason}"
    return words.TRANSPORT[view.travels[0].consignment.state].word


def show_receivers(detail: DocumentDetail) -> None:
    """The document, and per receiver how it travelled and what it said."""
    document = detail.document
    print_fields(
        {
            "DocumentId": document.document_id,
            "Số, ký hiệu": document.code or "-",
            "Trích yếu": document.subject or "-",
            "Nơi gửi": f"{document.from_organ} {detail.sender_name or document.sender_name or ''}",
            "Trục nhận lúc": _at(document.received_at) + (" (gửi trễ hạn)" if _sent_late(document) else ""),
            "Tình trạng": words.DOCUMENT_STATE[document.state].word,
        }
    )
    rows = [
        (
            f"{view.delivery.receiver_organ} {view.name or view.delivery.receiver_name or ''}",
            _way(view),
            _status(view.delivery.status_code),
            _at(view.delivery.status_at),
            "" if view.delivery.state is DeliveryState.OPEN else words.DELIVERY_STATE[view.delivery.state].word,
            _passed(view),
        )
        for view in detail.receivers
    ]
    print_table(
        "Nơi nhận", ("Cơ quan", "Truyền", "Trạng thái xử lý", "Lúc", "Bên gửi đã", "Chuyển tiếp, trả lại"), rows
    )


def _passed(view: ReceiverView) -> str:
    """Who passed the document on to it, to whom it did, and whether it gave it back."""
    said = [f"từ {view.forwarded_by}"] if view.forwarded_by else []
    if view.forwarded_to:
        said.append(f"đã chuyển tiếp cho {', '.join(view.forwarded_to)}")
    if view.delivery.returned_at is not None:
        said.append("đã trả lại")
    return "; ".join(said)


def show_document(detail: DocumentDetail) -> None:
    """All of it: receivers, acts, answers, changes, and the documents that it is linked with."""
    show_receivers(detail)
    if detail.acts:
        headings = ("Nghiệp vụ", "Lúc", "Tác động", "Lý do", "Trả lời", "Gói tin")
        print_table("Thu hồi, cập nhật, thay thế", headings, map(_act_row, detail.acts))
    answers = [row for view in detail.acts for row in _answer_rows(view)]
    if answers:
        print_table("Trả lời", ("Nghiệp vụ", "Cơ quan", "Trả lời", "Lúc"), answers)
    changes = [
        (_at(view.act.received_at), words.FIELD.get(one.field, one.field), one.before or "-", one.after or "-")
        for view in detail.acts
        for one in view.changes
    ]
    if changes:
        print_table("Thông tin đã đổi", ("Lúc", "Mục", "Trước", "Sau"), changes)
    links = list(_link_rows(detail))
    if links:
        print_table("Văn bản liên quan", ("Quan hệ", "Số, ký hiệu", "Lúc", "Mã trên trục"), links)


def _act_row(view: ActView) -> tuple[str, ...]:
    counts = ((view.agreed, "đồng ý"), (view.declined, "không đồng ý"), (view.withdrawn, "không cần trả lời"))
    waiting = words.waiting_answers(view.act.kind, view.waiting)
    shown = [f"{count} {word}" for count, word in (*counts, (waiting, "chưa trả lời")) if count]
    return (
        words.act(view.act.kind).word,
        _at(view.act.received_at),
        "Đến trước văn bản" if view.came_first else words.ACT_EFFECT[view.effect],
        view.act.reason or "",
        ", ".join(shown),
        view.act.package_id,
    )


def _answer_rows(view: ActView) -> Iterator[tuple[str, ...]]:
    """Who has answered, and who has still to."""
    for one in view.answers:
        answer = one.answer.answer
        if answer is Answer.WITHDRAWN or (answer is None and not words.waiting_answers(view.act.kind, 1)):
            continue
        yield (
            words.act(view.act.kind).word,
            f"{one.answer.receiver_organ} {one.name or ''}",
            words.ANSWER[answer].word if answer else words.OPEN_ANSWER.word,
            _at(one.answer.answered_at),
        )


def _link_rows(detail: DocumentDetail) -> Iterator[tuple[str, ...]]:
    mine = detail.document.edition
    linked = [("Thay thế văn bản", other) for other in detail.replaces]
    linked += [("Bản trước" if other.edition < mine else "Bản thay thế", other) for other in detail.editions]
    linked += [("Được thay bằng", view.brings) for view in detail.acts if view.brings is not None]
    for word, other in linked:
        yield word, other.code or "-", _at(other.received_at), other.document_uid


def _status(code: str | None) -> str:
    if code is None:
        return "-"
    try:
        return f"{code} {words.STATUS[StatusCode(code)].word}"
    except ValueError:
        return code


def _at(at: datetime | None) -> str:
    return f"{to_local(at):%d/%m/%Y %H:%M:%S}" if at else ""
