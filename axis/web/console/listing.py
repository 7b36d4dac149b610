"""The list of documents, as values ready to be shown."""

import re
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from axis.errors import Code, Malformed
from axis.store.schema import from_micros, to_micros
from axis.store.scopes import Scope
from axis.store.views import Direction, DocumentLine, DocumentList, ListKey, ListQuery
from axis.web.console import words
from axis.web.console.asked import Asked
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.progress import Progress, progress
from axis.web.console.words import Look

_KEY = re.compile(r"([0-9]{1,16})-([0-9A-Z]{26})")
_WORDS: dict[Direction, str] = {
    Direction.ALL: N_("Tất cả"),
    Direction.SENT: N_("Văn bản đi"),
    Direction.RECEIVED: N_("Văn bản đến"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One choice of direction."""

    word: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One document in two lines."""

    uid: str
    code: str
    subject: str
    sender: str
    receivers: tuple[str, ...]
    more_receivers: int
    received: Moment
    urgency: Look | None
    verdict: Look | None  # none: nobody has looked at the signatures
    files: int
    acts: tuple[Look, ...]
    progress: Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Why a list is empty, and what to do."""

    title: str
    text: str
    href: str | None = None
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """A page of the list."""

    tabs: tuple[Tab, ...]
    direction: str
    text: str
    rows: tuple[Row, ...]
    empty: Empty | None
    newer_href: str | None
    older_href: str | None
    newest_href: str | None
    clear_href: str  # the same without the search
    chips: tuple[tuple[str, str, str], ...]  # what the search box understood: kind, words, the list without it


def read_key(text: str | None, at: str) -> ListKey | None:
    """The place in the list that an address names. Raises Malformed(BAD_REQUEST)."""
    if not text:
        return None
    found = _KEY.fullmatch(text)
    if found is None:
        raise Malformed(Code.BAD_REQUEST, "not a place in the list", at=at)
    return ListKey(received_at=from_micros(int(found[1])), document_uid=found[2])


def read_direction(text: str | None) -> Direction:
    """The direction that an address names; what is no direction means all."""
    try:
        return Direction(text or Direction.ALL)
    except ValueError:
        return Direction.ALL


def list_page(found: DocumentList, query: ListQuery, asked: Asked, now: datetime) -> ListPage:
    """The page for what was found."""
    text = asked.text
    first, last = (found.lines[0], found.lines[-1]) if found.lines else (None, None)
    on_first = query.older_than is None and query.newer_than is None
    return ListPage(
        tabs=tuple(
            Tab(word=_(word), href=_href(direction, text), chosen=direction is query.direction)
            for direction, word in _WORDS.items()
        ),
        direction=query.direction,
        text=text,
        chips=tuple((part.kind, part.said, _href(query.direction, part.without)) for part in asked.parts),
        rows=tuple(row_of(line, now) for line in found.lines),
        empty=None if found.lines else _empty(query, text, on_first=on_first),
        newer_href=_href(query.direction, text, newer=_key(first)) if first and found.has_newer else None,
        older_href=_href(query.direction, text, older=_key(last)) if last and found.has_older else None,
        newest_href=None if on_first else _href(query.direction, text),
        clear_href=_href(query.direction, ""),
    )


def row_of(line: DocumentLine, now: datetime) -> Row:
    """One document in two lines."""
    document = line.document
    stand = progress(line.tallies, now)
    return Row(
        uid=document.document_uid,
        code=document.code or _("Không số"),
        subject=document.subject or _("(không có trích yếu)"),
        sender=line.sender_name or document.sender_name or document.from_organ,
        receivers=line.receiver_names[: stand.total],
        more_receivers=max(0, stand.total - len(line.receiver_names)),
        received=moment(document.received_at, now),
        urgency=words.urgency(document.urgency),
        verdict=words.verdict(document.verdict),
        files=line.files,
        acts=tuple(words.act(kind) for kind in line.acts),
        progress=stand,
    )


def _empty(query: ListQuery, text: str, *, on_first: bool) -> Empty:
    if query.scope == Scope.NOTHING:
        return Empty(
            title=_("Tài khoản chưa được gắn với cơ quan nào"),
            text=_("Văn bản của cơ quan sẽ hiện ở đây sau khi quản trị trục gắn tài khoản của bạn với cơ quan đó."),
        )
    if text:
        return Empty(
            title=_("Không có văn bản nào khớp với “{text}”", text=text),
            text=_("Hãy thử ít từ hơn, hoặc tìm theo số và ký hiệu, trích yếu, tên hay mã cơ quan."),
            href=_href(query.direction, ""),
            action=_("Bỏ tìm kiếm"),
        )
    if not on_first:
        return Empty(title=_("Đã hết danh sách"), text="", href=_href(query.direction, ""), action=_("Về trang đầu"))
    if query.direction is not Direction.ALL:
        return Empty(
            title=_("Chưa có văn bản nào theo chiều này"),
            text=_("Danh sách tự cập nhật khi có văn bản mới."),
            href=_href(Direction.ALL, ""),
            action=_("Xem tất cả"),
        )
    return Empty(
        title=_("Chưa có văn bản nào"),
        text=_("Văn bản hiện ở đây ngay khi một hệ thống kết nối gửi lên trục. Danh sách tự cập nhật."),
    )


def _key(line: DocumentLine) -> str:
    return f"{to_micros(line.document.received_at)}-{line.document.document_uid}"


def _href(direction: Direction, text: str, **place: str) -> str:
    query = {"direction": direction.value} if direction is not Direction.ALL else {}
    query |= {"q": text} if text else {}
    query |= place
    return f"/documents?{urlencode(query)}" if query else "/documents"
