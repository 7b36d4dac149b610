"""Who is logged in: a cookie with a random token, a row with the token's digest.

A session ends when it is old, when it was not used for a while, at log-out, and when the account is disabled, gets
another password or other roles; whoever changes the password goes on under another token. A page that refreshes itself
does not count as use.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import hdrs, web
from yarl import URL

from axis.clock import Clock
from axis.errors import Code, NotAllowed, NotFound
from axis.ids import new_id
from axis.messages import Language
from axis.ops.second_factor import is_required
from axis.settings import Console
from axis.store import sessions
from axis.store.records import Account, Audit, Session
from axis.store.scopes import Scope, organs_below
from axis.store.sessions import Found, Renewed
from axis.store.store import Store
from axis.terms import Role
from axis.text import plain
from axis.web.console.language import COOKIE as LANGUAGE_COOKIE
from axis.web.console.language import N_, _, known, speak
from axis.web.middleware import address_of

PASSWORD, SSO = "password", "sso"
"""How a session was opened."""
PASSWORD_PAGE, FACTOR_PAGE = "/me/password", "/me/totp"
"""Pages that somebody may have to deal with before any other."""
LIVE_HEADER: Final = "X-Live"  # on requests that the page's script makes by itself
CSRF_FIELD: Final = "csrf"
_TOKEN_BYTES = 32
_EXTEND_AFTER = timedelta(minutes=1)  # how much later a session has to end before that is written down
_BROWSER_CHARACTERS = 300
_LANGUAGE_S = 365 * 24 * 3600
_KEPT = 500  # accounts whose organisations are kept in mind
ROLE_WORDS: Final = {
    Role.ADMINISTRATOR: N_("Quản trị"),
    Role.OPERATOR: N_("Vận hành"),
    Role.AUDITOR: N_("Kiểm tra"),
    Role.CLERK: N_("Văn thư"),
}
WATCHERS: Final = frozenset({Role.AUDITOR, Role.ADMINISTRATOR})
"""Who may see who has looked at what."""
_SEES_ALL = frozenset({Role.ADMINISTRATOR, Role.AUDITOR, Role.OPERATOR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks at a page."""

    username: str
    roles: frozenset[str]
    csrf_token: str
    token_sha256: str
    account_id: str = ""
    full_name: str = ""
    given: frozenset[str] = frozenset()  # the organisations that this account was given
    organs: frozenset[str] = frozenset()  # the same with everybody below them: whom a clerk acts for
    session_id: str = ""
    way: str = PASSWORD  # how the session was opened
    owes: str = ""  # the page that has to be dealt with before any other; "": none

    @property
    def role_words(self) -> str:
        """The roles as people read them."""
        return ", ".join(_(word) for role, word in ROLE_WORDS.items() if role in self.roles)

    @property
    def scope(self) -> Scope:
        """Whose documents this account may see: everybody's, or those of the organisations that a clerk acts for."""
        if self.roles & _SEES_ALL:
            return Scope.ALL
        return Scope(organs=self.given) if Role.CLERK in self.roles else Scope.NOTHING

    @property
    def lacks_organ(self) -> bool:
        """A clerk who acts for no organisation, and so has nothing to do here; pages say so."""
        return Role.CLERK in self.roles and not self.given

    @property
    def watches(self) -> bool:
        """Whether this visitor may see who has looked at what."""
        return bool(self.roles & WATCHERS)

    def acts_for(self, organ_id: str) -> bool:
        """Whether this visitor, as a clerk, may speak for an organisation."""
        return Role.CLERK in self.roles and organ_id in self.organs


VISITOR: Final = web.RequestKey("visitor", Visitor)
"""Who makes a request, once that was asked: for the error page's head."""


class Sessions:
    """Opens, finds and closes sessions."""

    def __init__(self, store: Store, clock: Clock, rules: Console, *, tls: bool) -> None:
        self._store = store
        self._clock = clock
        self._longest = timedelta(hours=rules.session_hours)
        self._idle = timedelta(minutes=rules.idle_minutes)
        self._secure = tls
        # Whom accounts act for, with those below: (configuration's version, as given, all). Goes with the process.
        self._below: dict[str, tuple[int, frozenset[str], frozenset[str]]] = {}
        # With the prefix a browser takes the cookie from this host over HTTPS only, never from a sibling.
        self.cookie = "__Host-axis" if tls else "axis"
        self.login_cookie = "__Host-axis-login" if tls else "axis-login"
        self.step_cookie = "__Host-axis-step" if tls else "axis-step"  # of a log-in that waits for its code
        self.known_cookie = "__Host-axis-known" if tls else "axis-known"  # of a browser that has logged in before
        self._required_for = rules.totp_required_for

    async def open(
        self, request: web.Request, response: web.StreamResponse, account: Account, *, way: str = PASSWORD
    ) -> None:
        """Start a session and give its cookie; the one that the browser came with, whoever's it was, ends."""
        now, before = self._clock.now(), request.cookies.get(self.cookie)
        token = new_token()
        session = Session(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token=new_token(),
            created_at=now,
            expires_at=self._expiry(now, now),
            session_id=new_id(now),
            used_at=now,
            address=address_of(request),
            browser=plain(request.headers.get(hdrs.USER_AGENT, ""))[:_BROWSER_CHARACTERS],
            way=way,
        )
        line = Audit(audit_id=new_id(now), at=now, kind="login", actor=account.username, fields="{}")
        replaced = digest(before) if before else None
        await self._store.write(lambda conn: sessions.open_session(conn, session, line, replaces=replaced))
        self.set_cookie(response, self.cookie, token)
        self.keep_language(response, known(account.language))

    def renewed(self, response: web.StreamResponse) -> Renewed:
        """Other tokens for the session that goes on, and their cookie."""
        token = new_token()
        self.set_cookie(response, self.cookie, token)
        return Renewed(token_sha256=digest(token), csrf_token=new_token())

    def keep_language(self, response: web.StreamResponse, language: Language | None) -> None:
        """Have the browser ask for a language, on pages that know nobody too."""
        if language is not None:
            self.set_cookie(response, LANGUAGE_COOKIE, language, max_age_s=_LANGUAGE_S)

    async def find(self, request: web.Request, *, passive: bool = False) -> Visitor | None:
        """Who makes this request; None when nobody is logged in. The pages speak the language that they chose.

        passive: it does not count as use, as what a page's script asks does not.
        """
        token = request.cookies.get(self.cookie)
        if not token:
            return None
        now = self._clock.now()
        token_sha256 = digest(token)
        found = await self._store.read(lambda conn: sessions.find_session(conn, token_sha256, now))
        if found is None:
            return None
        session, account = found.session, found.account
        if (language := known(account.language)) is not None:
            speak(language)
        expires_at = self._expiry(session.created_at, now)
        if not passive and LIVE_HEADER not in request.headers and now - session.used_at >= _EXTEND_AFTER:
            await self._store.write(lambda conn: sessions.extend_session(conn, token_sha256, now, expires_at))
        return Visitor(
            username=account.username,
            roles=frozenset(account.roles.split()),
            csrf_token=session.csrf_token,
            token_sha256=token_sha256,
            account_id=account.account_id,
            full_name=account.full_name,
            given=found.organs,
            organs=await self._organs(found),
            session_id=session.session_id,
            way=session.way,
            owes=self._owes(found),
        )

    def _owes(self, found: Found) -> str:
        """What somebody has to do before anything else: a password of one's own, a second factor."""
        account = found.account
        if found.session.way != PASSWORD:
            return ""  # the single sign-on has passwords and factors of its own
        if account.password_once:
            return PASSWORD_PAGE
        needed = is_required(account.roles.split(), self._required_for)
        return FACTOR_PAGE if needed and account.totp_encrypted is None else ""

    async def _organs(self, found: Found) -> frozenset[str]:
        """Whom the account acts for, with everybody below: read again when the registry or what was given changes."""
        if not found.organs:
            return frozenset()
        known = self._below.get(found.account.account_id)
        if known is not None and known[:2] == (found.version, found.organs):
            return known[2]
        organs = await self._store.read(lambda conn: organs_below(conn, found.organs))
        if len(self._below) >= _KEPT:
            self._below.clear()
        self._below[found.account.account_id] = (found.version, found.organs, organs)
        return organs

    async def require(self, request: web.Request, *roles: Role) -> Visitor:
        """Who makes this request.

        roles: who may, any of them; none: everybody who is logged in. Raises HTTPSeeOther to the log-in page when
        nobody is, and NotFound for those who have no such role: what is not theirs is not there.
        """
        visitor = await self.find(request)
        if visitor is None:
            raise web.HTTPSeeOther(login_path(request))
        request[VISITOR] = visitor
        if visitor.owes and request.path != visitor.owes:
            raise web.HTTPSeeOther(visitor.owes)
        if roles and not visitor.roles & set(roles):
            raise NotFound(Code.NOT_FOUND, "not for this account's roles")
        return visitor

    async def close(self, response: web.StreamResponse, visitor: Visitor) -> None:
        """End a session."""
        await self._store.write(lambda conn: sessions.close_session(conn, visitor.token_sha256))
        self.del_cookie(response, self.cookie)

    def set_cookie(self, response: web.StreamResponse, name: str, value: str, *, max_age_s: int | None = None) -> None:
        """A cookie that scripts cannot read and other sites' forms do not send; without an age it goes soon."""
        response.set_cookie(
            name, value, path="/", secure=self._secure, httponly=True, samesite="Lax", max_age=max_age_s
        )

    def del_cookie(self, response: web.StreamResponse, name: str) -> None:
        """Take a cookie back."""
        response.del_cookie(name, path="/", secure=self._secure, httponly=True, samesite="Lax")

    def _expiry(self, created_at: datetime, now: datetime) -> datetime:
        return min(created_at + self._longest, now + self._idle)


def login_path(request: web.Request) -> str:
    """Where somebody logs in whose request needs it, and how the way leads back.

    After a form it leads back to the page on which the form stood, and the log-in says that nothing was done.
    """
    query: dict[str, str] = {}
    if request.method in (hdrs.METH_GET, hdrs.METH_HEAD):
        back = request.path_qs
    else:
        query["lost"], back = "1", _page_of_form(request)
    if back and back != "/":
        query["next"] = back
    return f"/login?{urlencode(query)}" if query else "/login"


def _page_of_form(request: web.Request) -> str:
    """The page of ours on which a form stood; "" where the browser does not say, or names another site."""
    try:
        page = URL(request.headers.get(hdrs.REFERER, ""))
    except ValueError:
        return ""
    return page.path_qs if page.authority == request.host else ""


def new_token() -> str:
    """A word that nobody guesses."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def digest(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def check_csrf(request: web.Request, given: str, expected: str) -> None:
    """Raise NotAllowed unless the form was made by our own page for this session."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    ours = expected and hmac.compare_digest(given.encode(), expected.encode())
    if not ours or site not in ("same-origin", "none"):
        raise NotAllowed(Code.NOT_ALLOWED, "the form was not made by this page, or is too old")


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a plain form. Raises HTTPUnsupportedMediaType for anything else, uploads above all."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise web.HTTPUnsupportedMediaType(headers={hdrs.ACCEPT: "application/x-www-form-urlencoded"})
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
