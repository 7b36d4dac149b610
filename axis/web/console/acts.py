"""The acts on a document (recall, update, replacement, request to take back), as values ready to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from axis.store.act_view import ActView, AnswerView, Related
from axis.store.records import DocumentChange
from axis.terms import ActEffect, ActKind, TransportState
from axis.web.console import words
from axis.web.console.failures import failure
from axis.web.console.language import _
from axis.web.console.moments import Moment, day, moment, number
from axis.web.console.packages import Carrier
from axis.web.console.receivers import travel_words
from axis.web.console.words import Look

_FAILED = (TransportState.RETRYING, TransportState.DEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to another document."""

    word: str
    code: str
    href: str
    at: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One receiver's answer to an act."""

    name: str
    code: str
    look: Look
    way: str  # how the act travels to it, while it has not answered
    error: str  # why it does not get there
    at: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One text of the header that an update changed; "" where there was or is none."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActBox:
    """An act on the document."""

    anchor: str
    look: Look
    at: Moment
    reason: str
    summary: str
    answers: tuple[Answer, ...]
    hidden_answers: int
    remark: str  # what is unusual about its effect
    changes: tuple[Change, ...]
    brings: Link | None
    carrier: Carrier | None


def act_box(view: ActView, carriers: Mapping[str, Carrier], now: datetime) -> ActBox:
    """An act as the page of a document shows it."""
    act = view.act
    waiting = words.waiting_answers(act.kind, view.waiting)
    shown = [one for one in view.answers if waiting or one.answer.answer is not None]
    counts = (
        (view.agreed, _("đồng ý")),
        (view.declined, _("không đồng ý")),
        (view.withdrawn, _("không cần trả lời")),
        (waiting, _("chưa trả lời")),
    )
    return ActBox(
        anchor=f"a-{act.act_id}",
        look=words.act(act.kind),
        at=moment(act.received_at, now),
        reason=act.reason or "",
        summary=", ".join(f"{number(count)} {word}" for count, word in counts if count),
        answers=tuple(_answer(one, now) for one in shown),
        hidden_answers=view.agreed + view.declined + view.withdrawn + waiting - len(shown),
        remark=_remark(view),
        changes=tuple(_change(one) for one in view.changes),
        brings=related(_("Được thay bằng"), view.brings, now) if view.brings else None,
        carrier=carriers.get(act.package_id),
    )


def _change(change: DocumentChange) -> Change:
    name = words.field(change.field)
    before, after = (_said(change.field, text) for text in (change.before, change.after))
    return Change(name=name, before=before, after=after)


def _said(field: str, text: str | None) -> str:
    """A text of the header as people write it."""
    if not text:
        return ""
    if field == "priority":
        look = words.urgency(int(text)) if text in words.URGENCY_NUMBERS else None
        return look.word if look else _(words.ORDINARY)
    return day(text.replace("/", "-")) if field in ("due_date", "promulgation_date") else text


def _remark(view: ActView) -> str:
    if view.came_first:
        return _("Đến trước văn bản này; không có gì bị rút lại, nơi nhận tự xem xét.")
    if view.effect is ActEffect.NOTHING and view.act.kind is not ActKind.RECALL_REQUEST:
        return _(words.ACT_EFFECT[view.effect])
    return ""


def related(word: str, other: Related, now: datetime) -> Link:
    """A link to another document, and what it is to this one."""
    return Link(
        word=word,
        code=other.code or _("Không số"),
        href=f"/documents/{other.document_uid}",
        at=moment(other.received_at, now),
    )


def _answer(view: AnswerView, now: datetime) -> Answer:
    given = view.answer
    travel = view.travel if given.answer is None else None
    stuck = travel is not None and travel.consignment.state in _FAILED
    why = failure(travel.consignment.last_error) if travel is not None and stuck else None
    look = words.said(words.ANSWER[given.answer] if given.answer else words.OPEN_ANSWER)
    return Answer(
        name=view.name or given.receiver_organ,
        code=given.receiver_organ,
        look=look,
        way=travel_words(travel, now, taken=_("Bên nhận đã lấy")) if travel else "",
        error=why.words if why else "",
        at=moment(given.answered_at, now) if given.answered_at else None,
    )
