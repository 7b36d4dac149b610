"""Log-in by the city's single sign-on: to the provider and back.

Only the browser that left may come back, once, within some minutes. What is wrong is told on the log-in page, where
passwords go on working.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

import structlog
from aiohttp import web

from axis.errors import AxisError, PeerUnreachable, WrongState
from axis.ops.accounts import NewAccount, check_username, new_account, new_password
from axis.ops.sso import BACK, Identity, SingleSignOn
from axis.organ.codes import canonical_form
from axis.store import accounts
from axis.store import sso as store_sso
from axis.store.records import Account, SsoLogin
from axis.terms import Role
from axis.text import one_line, plain
from axis.web.console.addresses import local_path
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import SSO, Sessions, digest, new_token

log = structlog.get_logger(__name__)

_GOOD = timedelta(minutes=10)
_GOOD_S = 600
_NEXT_CHARACTERS = 2_000
_CODE_CHARACTERS = 4_000
_USERNAME_CHARACTERS, _FULL_NAME_CHARACTERS = 64, 100
_ORGANS = 100  # of one account, that a claim may name
ACTOR: Final = "sso"


class SsoPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sso: SingleSignOn, sessions: Sessions) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._sso = sso
        self._sessions = sessions
        self._cookie = "__Host-axis-sso" if parts.tls else "axis-sso"

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """GET /login/sso."""
        try:
            leaving = await self._sso.leave()
        except AxisError:
            raise web.HTTPSeeOther("/login?sso=down") from None
        browser, now = new_token(), self._clock.now()
        login = SsoLogin(
            state_sha256=digest(leaving.state),
            browser_sha256=digest(browser),
            nonce=leaving.nonce,
            verifier=leaving.verifier,
            next_path=local_path(request.query.get("next", ""))[:_NEXT_CHARACTERS],
            expires_at=now + _GOOD,
        )
        await self._store.write(lambda conn: store_sso.begin(conn, login, now))
        response = web.HTTPSeeOther(leaving.url)
        self._sessions.set_cookie(response, self._cookie, browser, max_age_s=_GOOD_S)
        raise response

    async def come_back(self, request: web.Request) -> web.StreamResponse:
        """GET /login/sso/back."""
        state, code = request.query.get("state", ""), request.query.get("code", "")
        browser, now = request.cookies.get(self._cookie, ""), self._clock.now()
        login = await self._store.write(lambda conn: store_sso.take(conn, digest(state), digest(browser), now))
        if login is None:
            raise web.HTTPSeeOther("/login?sso=stale")
        if not code or len(code) > _CODE_CHARACTERS:
            log.warning("sso_refused", error=one_line(request.query.get("error", ""), 100))
            raise web.HTTPSeeOther("/login?sso=refused")
        try:
            identity = await self._sso.come_back(code, login.nonce, login.verifier)
        except PeerUnreachable:
            raise web.HTTPSeeOther("/login?sso=down") from None
        except AxisError:
            raise web.HTTPSeeOther("/login?sso=refused") from None
        account = await self._account(identity)
        if account is None or not account.enabled:
            log.warning("sso_without_account", account_id=account.account_id if account else None)
            raise web.HTTPSeeOther("/login?sso=unknown")
        response = web.HTTPSeeOther(local_path(login.next_path))
        await self._sessions.open(request, response, account, way=SSO)
        self._sessions.del_cookie(response, self._cookie)
        log.info("logged_in", account_id=account.account_id, way=SSO)
        raise response

    async def log_out(self, _request: web.Request) -> web.StreamResponse:
        """GET /login/sso/out: out of the provider as well; the session here has ended before."""
        raise web.HTTPSeeOther(await self._sso.farewell() or "/login")

    async def _account(self, identity: Identity) -> Account | None:
        """The account that is linked with this person, or a new one where the settings say so."""
        found = await self._store.read(lambda conn: store_sso.find_linked(conn, identity.issuer, identity.subject))
        if found is not None or not self._sso.rules.create_accounts:
            return found
        wish = self._wish(identity)
        if wish is None:
            return None
        now = self._clock.now()
        made = await asyncio.to_thread(new_account, wish, new_password(), now)  # a password that nobody knows
        account = replace(made, sso_issuer=identity.issuer, sso_subject=identity.subject)
        organs = await self._store.read(lambda conn: store_sso.known_organs(conn, wish.organs))
        try:
            await self._store.write(lambda conn: accounts.add_account(conn, account, organs, actor=ACTOR))
        except WrongState:  # the name is somebody's: nobody gets another's account by bearing its name
            log.warning("sso_name_taken", username=account.username)
            return None
        return account

    def _wish(self, identity: Identity) -> NewAccount | None:
        """A new account for somebody; None when there is none for them."""
        rules = self._sso.rules
        means: dict[str, list[Role]] = {}
        for pair in rules.role_map:
            word, _, role = pair.rpartition("=")
            means.setdefault(word, []).append(Role(role))
        roles = tuple(dict.fromkeys(role for word in identity.words(rules.roles_claim) for role in means.get(word, ())))
        username = plain(identity.text(rules.username_claim))[:_USERNAME_CHARACTERS]
        codes = identity.words(rules.organs_claim)[:_ORGANS] if rules.organs_claim else ()
        try:
            check_username(username)
        except AxisError:
            return None
        if not roles:
            return None
        return NewAccount(
            username=username,
            roles=roles,
            organs=tuple(map(canonical_form, codes)),
            full_name=one_line(identity.text(rules.name_claim), _FULL_NAME_CHARACTERS),
        )


def sso_routes(parts: ConsoleParts, _pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of single sign-on; none where the node has none."""
    if parts.sso is None:
        return ()
    pages = SsoPages(parts, parts.sso, sessions)
    return (
        web.get("/login/sso", pages.leave),
        web.get(BACK, pages.come_back),
        web.get("/login/sso/out", pages.log_out),
    )
