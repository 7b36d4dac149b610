"""Every setting with its value, its default and where it comes from. Nothing is changed here, and no secret is shown.

What the page may show is decided in one place, `axis.settings.sources`: the value of a secret does not come this far.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from axis.errors import Code, Malformed
from axis.settings import Chosen, Settings, Source, chosen_settings
from axis.text import folded, plain
from axis.web.console import words
from axis.web.console.language import _
from axis.web.console.operating import ROLES, Operating
from axis.web.console.operator_home import HOME
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.setting_words import SECTIONS, SOURCES, meaning
from axis.web.console.words import Look

SETTINGS: Final = f"{HOME}/settings"
_CHARACTERS: Final = 128
_SET, _ALL = "set", "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    text: str = ""
    tab: str = _ALL

    def href(self, **other: str) -> str:
        """The address of the same, but for this."""
        given = {"q": self.text, "from": "" if self.tab == _ALL else self.tab} | other
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{SETTINGS}?{query}" if query else SETTINGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A setting."""

    key: str
    value: str  # "": none, or it is a secret
    secret: Look | None  # in place of a value: whether it is set
    default: str
    meaning: str
    source: Look
    variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A section."""

    anchor: str
    title: str
    of: str  # which of several
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """All, or what somebody has set."""

    word: str
    href: str
    chosen: bool
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsPage:
    """The page."""

    text: str
    tab: str
    tabs: tuple[Tab, ...]
    groups: tuple[Group, ...]
    clear_href: str


def read_asked(given: Mapping[str, str]) -> Asked:
    """What an address asks for. Raises Malformed(BAD_REQUEST)."""
    tab = given.get("from", "") or _ALL
    if tab not in (_ALL, _SET):
        raise Malformed(Code.BAD_REQUEST, "all or set", at="from")
    return Asked(text=plain(" ".join(given.get("q", "").split()))[:_CHARACTERS], tab=tab)


def settings_page(settings: Settings, asked: Asked) -> SettingsPage:
    """The page."""
    found = [one for one in chosen_settings(settings) if _matches(one, folded(asked.text).split())]
    changed = [one for one in found if one.source is not Source.DEFAULT]
    shown = changed if asked.tab == _SET else found
    groups = dict.fromkeys((one.section, one.of) for one in shown)
    return SettingsPage(
        text=asked.text,
        tab=asked.tab,
        tabs=(
            Tab(word=_("Tất cả"), href=asked.href(**{"from": ""}), chosen=asked.tab == _ALL, count=len(found)),
            Tab(word=_("Đã đặt"), href=asked.href(**{"from": _SET}), chosen=asked.tab == _SET, count=len(changed)),
        ),
        groups=tuple(
            Group(
                anchor=f"{section}-{of}" if of else section,
                title=_(SECTIONS[section]),
                of=of,
                lines=tuple(_line(one) for one in shown if (one.section, one.of) == (section, of)),
            )
            for section, of in groups
        ),
        clear_href=asked.href(q=""),
    )


def _matches(one: Chosen, wanted: Sequence[str]) -> bool:
    """Whether a setting has all the words: in its key, its section's name, its meaning or its value."""
    texts = (one.key, _(SECTIONS[one.section]), meaning(one.described.meaning), one.value, one.variable)
    text = folded(" ".join(texts))
    return all(word in text for word in wanted)


def _line(one: Chosen) -> Line:
    secret = None
    if one.secret:
        secret = Look(word=_("chưa đặt"), tone="grey", icon="unsigned", outline=True)
        if one.is_set:
            secret = Look(word=_("đã đặt, không hiển thị"), tone="green", icon="seal")
    return Line(
        key=one.key,
        value=one.value,
        secret=secret,
        default=one.described.default,
        meaning=meaning(one.described.meaning),
        source=words.said(SOURCES[one.source]),
        variable=one.variable if one.source is Source.ENVIRONMENT else "",
    )


class SettingPages:
    """The handler."""

    def __init__(self, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._settings = operating.access.settings
        self._sessions = sessions
        self._pages = pages

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/settings."""
        visitor = await self._sessions.require(request, *ROLES)
        asked = read_asked(request.query)
        return await self._pages.page(request, "settings.html", visitor, partial(settings_page, self._settings, asked))


def setting_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the settings."""
    if parts.operating is None:
        return ()
    return (web.get(SETTINGS, SettingPages(parts.operating, sessions, pages).show),)
