"""What stands above every page about one document, and the tabs that lead between them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from axis.store.records import Document
from axis.web.console import words
from axis.web.console.as_of import said_as_of
from axis.web.console.language import N_, _
from axis.web.console.sessions import Visitor
from axis.web.console.words import Look

_TABS: Final = (
    ("", N_("Văn bản"), "file"),
    ("/signatures", N_("Chữ ký"), "seal"),
    ("/history", N_("Lịch sử"), "clock"),
    ("/views", N_("Lượt xem"), "search"),
)

_OF_THE_PAST: Final = frozenset({"/signatures", "/history"})


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """Which document it is."""

    uid: str
    code: str
    subject: str
    sender: str
    sender_code: str
    verdict: Look | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One of the pages about a document."""

    word: str
    icon: str
    href: str
    chosen: bool


def about_document(document: Document, sender_name: str | None, verdict: str | None) -> About:
    """The head for a document. verdict: the word for its signatures, as far as it is looked at."""
    return About(
        uid=document.document_uid,
        code=document.code or _("Không số"),
        subject=document.subject or _("(không có trích yếu)"),
        sender=sender_name or document.sender_name or document.from_organ,
        sender_code=document.from_organ,
        verdict=words.verdict(verdict),
    )


def tabs(uid: str, chosen: str, visitor: Visitor, as_of: datetime | None = None) -> tuple[Tab, ...]:
    """The tabs that the visitor may open; the moment that is looked at goes along where a page can show it."""
    query = f"?{urlencode({'as_of': said_as_of(as_of)})}" if as_of else ""
    return tuple(
        Tab(
            word=_(word),
            icon=icon,
            href=f"/documents/{uid}{path}{query if path in _OF_THE_PAST else ''}",
            chosen=path.removeprefix("/") == chosen,
        )
        for path, word, icon in _TABS
        if path != "/views" or visitor.watches
    )
