"""The policies in force: how much each sender's signatures matter, what is held back, and the rules of the settings.

A sender's policy is set by `axis.ops.policies`, as by `axis policy set`, and only by administrators: it decides what is
taken in. Everything else is for reading, with the settings that it comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from axis.errors import Code, Malformed, NotFound
from axis.exchange.judges import nearest_policy
from axis.ops.policies import PolicyWish, fingerprint, set_policy
from axis.organ.registry import Registry
from axis.settings import Settings, Source
from axis.store.holds import active_holds
from axis.store.policy_view import PolicyLine, policies_of, policy_lines
from axis.store.queries import ANY_SENDER
from axis.store.records import Hold, SignaturePolicy
from axis.terms import Role
from axis.text import plain
from axis.trust.policy import Level
from axis.web.console import words
from axis.web.console.language import _
from axis.web.console.moments import Moment, moment
from axis.web.console.operating import ROLES, Operating, acted
from axis.web.console.operator_home import HOME
from axis.web.console.parts import ConsoleParts
from axis.web.console.past import hold_words
from axis.web.console.policy_words import LEVELS, MEANINGS, RuleGroup, level, rule_groups
from axis.web.console.render import Pages
from axis.web.console.routes_page import Side, understood
from axis.web.console.sessions import Sessions, Visitor
from axis.web.console.setting_words import SOURCES
from axis.web.console.settings_page import SETTINGS
from axis.web.console.words import Look

POLICIES: Final = f"{HOME}/policies"
_CHARACTERS: Final = 128
_ROWS: Final = 50
_HOLDS: Final = 50  # that are shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    organ: str = ""  # whose policy is looked up
    text: str = ""
    after: str = ""
    done: bool = False  # a policy was set just now

    def href(self, **other: str) -> str:
        """The address of the same, but for this."""
        given = {"organ": self.organ, "q": self.text} | other
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{POLICIES}?{query}" if query else POLICIES


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRow:
    """A sender's policy."""

    code: str
    name: str
    href: str
    envelope: Look
    files: Look
    closed: bool
    issuers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChoice:
    """One level of a select."""

    value: str
    word: str
    envelope: bool  # chosen for the envelope
    files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """What holds for one sender, and where that stands."""

    code: str
    name: str
    row: PolicyRow
    origin: str
    seen: str  # as the form has to say it back
    choices: tuple[LevelChoice, ...]  # none: the visitor may only read
    journal_href: str  # "": not for this visitor


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRow:
    """What is held back."""

    what: str
    since: Moment
    until: Moment | None
    reason: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule, and where it comes from."""

    text: str
    source: Look
    href: str  # its settings; "": there are none
    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCard:
    """Rules of one kind."""

    anchor: str
    title: str
    lines: tuple[RuleLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoliciesPage:
    """The page."""

    side: Side
    effective: Effective | None
    done: bool
    rows: tuple[PolicyRow, ...]
    levels: tuple[tuple[Look, str], ...]
    text: str
    first_href: str | None
    next_href: str | None
    clear_href: str
    holds: tuple[HoldRow, ...]
    more_holds: int
    cards: tuple[RuleCard, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read for a page."""

    lines: tuple[PolicyLine, ...]
    more: bool
    nearest: Mapping[str, SignaturePolicy]
    holds: tuple[Hold, ...]


def read_asked(given: Mapping[str, str]) -> Asked:
    """What an address asks for."""

    def text(name: str) -> str:
        return plain(" ".join(given.get(name, "").split()))[:_CHARACTERS]

    return Asked(organ=text("organ"), text=text("q"), after=text("after"), done=given.get("done") == "1")


class PolicyPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, operating: Operating, sessions: Sessions, pages: Pages) -> None:
        self._clock = parts.clock
        self._exchange = parts.exchange
        self._access = operating.access
        self._sessions = sessions
        self._pages = pages

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /operator/policies."""
        visitor = await self._sessions.require(request, *ROLES)
        asked, now = read_asked(request.query), self._clock.now()
        registry = self._exchange.directory.current.registry
        side = _side(registry, asked)
        read = await self._access.store.read(partial(_read, asked, _lineage(registry, side.code), now))
        make = partial(_page, asked, (side, registry, visitor), read, self._access.settings, now)
        return await self._pages.page(request, "policies.html", visitor, make)

    async def set(self, request: web.Request) -> web.StreamResponse:
        """POST /operator/policies. Raises NotFound for whoever is no administrator."""
        visitor, form = await acted(request, self._sessions)
        if Role.ADMINISTRATOR not in visitor.roles:
            raise NotFound(Code.NOT_FOUND, "for administrators")
        registry = self._exchange.directory.current.registry
        organ = form.get("organ", "")
        if organ != ANY_SENDER and registry.find(organ) is None:
            raise Malformed(Code.BAD_REQUEST, "not an organisation of ours", at="organ")
        wish = PolicyWish(
            organ=organ if organ == ANY_SENDER else registry.canonical(organ),
            envelope=_level(form, "envelope"),
            files=_level(form, "files"),
            fail_closed=form.get("closed") == "1",
            seen=form.get("seen", ""),
        )
        await set_policy(self._access, wish, self._clock.now(), visitor.username)
        raise web.HTTPSeeOther(f"{Asked(organ=wish.organ).href(done='1')}#effective")


def _level(form: Mapping[str, str], name: str) -> Level:
    try:
        return Level(form.get(name, ""))
    except ValueError as e:
        raise Malformed(Code.BAD_REQUEST, f"one of {', '.join(Level)}", at=name) from e


def _side(registry: Registry, asked: Asked) -> Side:
    if asked.organ == ANY_SENDER:
        return Side(typed=ANY_SENDER, code=ANY_SENDER, name=_("mọi nơi gửi khác"))
    return understood(registry, asked.organ, lambda code: asked.href(organ=code))


def _lineage(registry: Registry, code: str) -> tuple[str, ...]:
    """Whose policies may hold for a sender: itself first, every other last."""
    if not code or code == ANY_SENDER:
        return (ANY_SENDER,)
    return (*registry.lineage(registry.canonical(code)), ANY_SENDER)


def _read(asked: Asked, lineage: Sequence[str], now: datetime, conn: Connection) -> _Read:
    lines, more = policy_lines(conn, asked.text, asked.after, _ROWS)
    return _Read(lines=lines, more=more, nearest=policies_of(conn, lineage), holds=active_holds(conn, now))


def _page(
    asked: Asked,
    who: tuple[Side, Registry, Visitor],
    read: _Read,
    settings: Settings,
    now: datetime,
) -> PoliciesPage:
    side, registry, visitor = who
    return PoliciesPage(
        side=side,
        effective=_effective(registry, side, read.nearest, visitor) if side.code else None,
        done=asked.done,
        rows=tuple(_row(line.policy, line.organ_name or "", asked) for line in read.lines),
        levels=tuple((words.said(LEVELS[one]), _(MEANINGS[one])) for one in Level),
        text=asked.text,
        first_href=asked.href() if asked.after else None,
        next_href=asked.href(after=read.lines[-1].policy.organ_id) if read.more else None,
        clear_href=asked.href(q=""),
        holds=tuple(_hold(one, now) for one in read.holds[:_HOLDS]),
        more_holds=max(0, len(read.holds) - _HOLDS),
        cards=tuple(rule_card(group, settings) for group in rule_groups(settings)),
    )


def _effective(registry: Registry, side: Side, nearest: Mapping[str, SignaturePolicy], visitor: Visitor) -> Effective:
    """What holds for one sender."""
    code = ANY_SENDER if side.code == ANY_SENDER else registry.canonical(side.code)
    policy = nearest_policy(_lineage(registry, code), nearest)
    ours = code == ANY_SENDER or registry.find(code) is not None
    may = Role.ADMINISTRATOR in visitor.roles and ours
    query = urlencode({"kind": "signature_policy_set", "q": code})
    return Effective(
        code=code,
        name=side.name,
        row=_row(policy, side.name, Asked()),
        origin=_origin(policy, code, nearest, registry),
        seen=fingerprint(nearest.get(code)),
        choices=tuple(
            LevelChoice(
                value=one.value,
                word=_("{level}: {meaning}", level=words.said(LEVELS[one]).word, meaning=_(MEANINGS[one])),
                envelope=one == policy.envelope,
                files=one == policy.files,
            )
            for one in Level
            if may
        ),
        journal_href=f"/journal?{query}" if visitor.watches else "",
    )


def _origin(policy: SignaturePolicy, code: str, nearest: Mapping[str, SignaturePolicy], registry: Registry) -> str:
    """Where a policy stands that holds for a sender."""
    if policy.organ_id not in nearest:
        return _("Chưa ai đặt chính sách nào: đây là mặc định của phần mềm.")
    if policy.organ_id == code:
        return _("Đặt riêng cho nơi gửi này, trong cơ sở dữ liệu.")
    if policy.organ_id == ANY_SENDER:
        return _("Không có chính sách riêng: theo chính sách chung cho mọi nơi gửi khác.")
    above = registry.find(policy.organ_id)
    return _("Không có chính sách riêng: theo cấp trên {organ}.", organ=above.name if above else policy.organ_id)


def _row(policy: SignaturePolicy, name: str, asked: Asked) -> PolicyRow:
    every = policy.organ_id == ANY_SENDER
    return PolicyRow(
        code=policy.organ_id,
        name=_("mọi nơi gửi khác") if every else name,
        href=asked.href(organ=policy.organ_id),
        envelope=level(policy.envelope),
        files=level(policy.files),
        closed=policy.fail_closed,
        issuers=_issuers(policy),
    )


def _issuers(policy: SignaturePolicy) -> str:
    if policy.issuers is None:
        return _("như cấp trên")
    digests = policy.issuers.split()
    return ", ".join(f"{one[:12]}…" for one in digests) if digests else _("mọi nơi cấp được tin cậy")


def _hold(one: Hold, now: datetime) -> HoldRow:
    return HoldRow(
        what=hold_words(one),
        since=moment(one.starts_at, now),
        until=moment(one.ends_at, now) if one.ends_at else None,
        reason=one.reason,
        actor=one.actor,
    )


def rule_card(group: RuleGroup, settings: Settings) -> RuleCard:
    """Rules, each with where it comes from."""
    lines = []
    for rule in group.rules:
        sources = {settings.source_of(key) for key in rule.keys}
        source = next((one for one in Source if one in sources), None)  # what was set counts before a default
        look = (
            words.said(SOURCES[source]) if source else Look(word=_("Cố định"), tone="grey", icon="seal", outline=True)
        )
        section = {key.partition(".")[0] for key in rule.keys}
        query = urlencode({"q": rule.keys[0] if len(rule.keys) == 1 else next(iter(section), "")})
        href = f"{SETTINGS}?{query}" if rule.keys else ""
        lines.append(RuleLine(text=rule.text, source=look, href=href, keys=", ".join(rule.keys)))
    return RuleCard(anchor=group.anchor, title=group.title, lines=tuple(lines))


def policy_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the policies."""
    if parts.operating is None:
        return ()
    made = PolicyPages(parts, parts.operating, sessions, pages)
    return (web.get(POLICIES, made.show), web.post(POLICIES, made.set))
