"""The entries of the head's navigation: one table, by role. A family of pages adds its line here."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from axis.terms import Role
from axis.web.console.language import N_, _


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A page that the head leads to."""

    word: str  # in Vietnamese; said in the page's language where it is shown
    href: str
    icon: str  # a symbol of the icon sheet
    roles: frozenset[Role]  # who is led there: any of them


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An entry as the head shows it."""

    word: str
    href: str
    icon: str
    chosen: bool  # the visitor is there, or on a page below it


_READERS: Final = frozenset({Role.ADMINISTRATOR, Role.OPERATOR, Role.AUDITOR})

_OPERATORS: Final = frozenset({Role.OPERATOR, Role.ADMINISTRATOR})

ENTRIES: Final = (
    Entry(word=N_("Việc cần làm"), href="/", icon="check", roles=_READERS | {Role.CLERK}),
    Entry(word=N_("Văn bản đến"), href="/inbox", icon="inbox", roles=frozenset({Role.CLERK})),
    Entry(word=N_("Văn bản đi"), href="/outbox", icon="send", roles=frozenset({Role.CLERK})),
    Entry(word=N_("Văn bản"), href="/documents", icon="file", roles=_READERS),
    Entry(word=N_("Soạn văn bản"), href="/compose", icon="pencil", roles=frozenset({Role.CLERK})),
    Entry(word=N_("Phát hiện"), href="/findings", icon="seal", roles=_READERS),
    Entry(word=N_("Nhật ký"), href="/views", icon="clock", roles=frozenset({Role.AUDITOR, Role.ADMINISTRATOR})),
    Entry(word=N_("Chỉ số"), href="/kpi", icon="done", roles=_READERS),
    Entry(word=N_("Vận hành trục"), href="/operator", icon="globe", roles=_OPERATORS),
    Entry(word=N_("Danh mục cơ quan"), href="/admin/organs", icon="globe", roles=_OPERATORS),
    Entry(word=N_("Hệ thống đã kết nối"), href="/admin/systems", icon="send", roles=_OPERATORS),
    Entry(word=N_("Tài khoản"), href="/admin/accounts", icon="person", roles=frozenset({Role.ADMINISTRATOR})),
)
"""In the order of the head."""


def places(roles: AbstractSet[str], path: str) -> tuple[Place, ...]:
    """The entries for somebody with these roles, seen from a page."""
    entries = [entry for entry in ENTRIES if entry.roles & roles]
    here = max((entry.href for entry in entries if _below(path, entry.href)), key=len, default=None)
    return tuple(
        Place(word=_(entry.word), href=entry.href, icon=entry.icon, chosen=entry.href == here) for entry in entries
    )


def _below(path: str, href: str) -> bool:
    return path == href or (href != "/" and path.startswith(f"{href}/"))
