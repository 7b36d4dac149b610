"""What somebody does with the own account: the password, the second factor, where one is logged in."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from aiohttp import web
from markupsafe import Markup
from sqlalchemy import Connection

from axis.errors import Code, Malformed, NotFound
from axis.ops.accounts import check_password, hash_password
from axis.ops.second_factor import matching_step
from axis.store import accounts, second_factors, sessions
from axis.store.accounts import NewPassword
from axis.store.records import Account, Session
from axis.store.second_factors import NewFactor, Taken
from axis.web.console.browsers import browser_words
from axis.web.console.language import N_, _
from axis.web.console.login import Login
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import (
    CSRF_FIELD,
    FACTOR_PAGE,
    PASSWORD_PAGE,
    SSO,
    Sessions,
    Visitor,
    check_csrf,
    read_form,
)

_CODE_CHARACTERS = 40
_WRONG_OLD: Final = N_("Mật khẩu hiện tại không đúng, hoặc tài khoản đang tạm khóa vì nhập sai nhiều lần.")
_LENGTH: Final = N_("Mật khẩu mới phải có từ 12 đến 256 ký tự.")
_DIFFERENT: Final = N_("Hai lần nhập mật khẩu mới không giống nhau.")
_SAME: Final = N_("Mật khẩu mới phải khác mật khẩu hiện tại.")
_WRONG_CODE: Final = N_("Mã không đúng hoặc đã dùng rồi. Hãy chờ mã mới trên điện thoại rồi thử lại.")
_OFFER_OLD: Final = N_("Mã QR đã hết hạn. Hãy quét mã mới dưới đây.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A session as its owner, or an administrator, sees it."""

    session_id: str
    browser: str
    said: str  # what the browser says of itself
    address: str
    since: Moment
    used: Moment
    way: str
    mine: bool  # the one with which this page is seen


def session_rows(found: Sequence[Session], visitor: Visitor, now: datetime) -> tuple[SessionRow, ...]:
    """Sessions, in the order in which they were read."""
    return tuple(
        SessionRow(
            session_id=one.session_id,
            browser=browser_words(one.browser),
            said=one.browser,
            address=one.address,
            since=moment(one.created_at, now),
            used=moment(one.used_at, now),
            way=_("Đăng nhập một lần") if one.way == SSO else _("Mật khẩu"),
            mine=one.session_id == visitor.session_id,
        )
        for one in found
    )


class Me:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._sessions = sessions
        self._pages = pages
        self._login = Login(parts)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /me."""
        visitor = await self._sessions.require(request)
        now = self._clock.now()
        view = await self._store.read(lambda conn: accounts.view_account(conn, visitor.username))
        running = await self._store.read(lambda conn: sessions.sessions_of(conn, visitor.username, now))
        left = await self._store.read(lambda conn: second_factors.codes_left(conn, visitor.account_id))
        return self._pages.answer(
            request,
            "me.html",
            status=200,
            view=view,
            rows=session_rows(running, visitor, now),
            codes_left=left,
            done=request.query.get("done", ""),
        )

    async def show_password(self, request: web.Request) -> web.StreamResponse:
        """GET /me/password."""
        visitor = await self._sessions.require(request)
        return self._password_form(request, visitor)

    async def change_password(self, request: web.Request) -> web.StreamResponse:
        """POST /me/password: the old one is asked for; every other session ends, and this one gets another token."""
        form, visitor = await self._form(request)
        response = web.HTTPSeeOther("/me?done=password")
        problem = await self._change_password(form, visitor, response)
        if problem:
            return self._password_form(request, visitor, problem)
        raise response

    async def end_session(self, request: web.Request) -> web.StreamResponse:
        """POST /me/sessions: end one session, or all the others."""
        form, visitor = await self._form(request)
        now, session_id = self._clock.now(), form.get("session", "")
        if session_id == "others":
            await self._store.write(
                lambda conn: sessions.end_sessions(
                    conn, visitor.username, now, visitor.username, but=visitor.token_sha256
                )
            )
        else:
            with suppress(NotFound):  # it may have ended meanwhile
                await self._store.write(
                    lambda conn: sessions.end_session(conn, visitor.username, session_id, now, visitor.username)
                )
        raise web.HTTPSeeOther("/me?done=sessions")

    async def show_factor(self, request: web.Request) -> web.StreamResponse:
        """GET /me/totp."""
        visitor = await self._sessions.require(request)
        return await self._factor_form(request, visitor)

    async def change_factor(self, request: web.Request) -> web.StreamResponse:
        """POST /me/totp: set the second factor, take it away, or make other recovery codes."""
        form, visitor = await self._form(request)
        acts = {"set": self._set_factor, "off": self._drop_factor, "codes": self._renew_codes}
        act = acts.get(form.get("do", ""))
        if act is None:
            raise Malformed(Code.BAD_REQUEST, "not a choice", at="do")
        if visitor.owes != FACTOR_PAGE and not await self._is_owner(visitor, form.get("password", "")):
            return await self._factor_form(request, visitor, problem=_WRONG_OLD)
        return await act(request, visitor, form)

    async def _set_factor(self, request: web.Request, visitor: Visitor, form: Mapping[str, str]) -> web.StreamResponse:
        account, now = await self._account(visitor), self._clock.now()
        secret = self._login.factor.opened(account, form.get("sealed", ""), now)
        if secret is None:
            return await self._factor_form(request, visitor, problem=_OFFER_OLD)
        step = matching_step(secret, "".join(form.get("code", "")[:_CODE_CHARACTERS].split()), now)
        if step is None:
            return await self._factor_form(request, visitor, problem=_WRONG_CODE, secret=secret)
        codes, macs = self._login.factor.recovery_codes(account.account_id)
        new = NewFactor(
            encrypted=self._login.factor.encrypt(secret), step=step, code_macs=macs, stays=visitor.token_sha256
        )
        name = visitor.username
        await self._store.write(lambda conn: second_factors.set_factor(conn, name, new, now, name))
        return self._codes(request, codes)

    async def _drop_factor(self, request: web.Request, visitor: Visitor, form: Mapping[str, str]) -> web.StreamResponse:
        if not await self._has_code(visitor, form):
            return await self._factor_form(request, visitor, problem=_WRONG_CODE)
        now, name = self._clock.now(), visitor.username
        await self._store.write(lambda conn: second_factors.clear_factor(conn, name, now, name))
        raise web.HTTPSeeOther("/me?done=off")

    async def _renew_codes(self, request: web.Request, visitor: Visitor, form: Mapping[str, str]) -> web.StreamResponse:
        if not await self._has_code(visitor, form):
            return await self._factor_form(request, visitor, problem=_WRONG_CODE)
        codes, macs = self._login.factor.recovery_codes(visitor.account_id)
        now = self._clock.now()
        await self._store.write(lambda conn: second_factors.renew_codes(conn, visitor.username, macs, now))
        return self._codes(request, codes)

    async def _change_password(self, form: Mapping[str, str], visitor: Visitor, response: web.StreamResponse) -> str:
        """Change it; returns what is wrong, "" when it was changed and the response has another cookie."""
        old, new = form.get("old", ""), form.get("new", "")
        try:
            check_password(new)
        except Malformed:
            return _LENGTH
        if new != form.get("again", ""):
            return _DIFFERENT
        if new == old:
            return _SAME
        if not await self._is_owner(visitor, old):
            return _WRONG_OLD
        hashed = await asyncio.to_thread(hash_password, new)
        now, name = self._clock.now(), visitor.username
        password = NewPassword(password_hash=hashed, stays=visitor.token_sha256)
        renewed = self._sessions.renewed(response)

        def change(conn: Connection) -> None:
            accounts.set_password(conn, name, password, now, name)
            sessions.renew_session(conn, visitor.token_sha256, renewed)

        await self._store.write(change)
        return ""

    async def _is_owner(self, visitor: Visitor, password: str) -> bool:
        """Whether this is the visitor's password; guesses count as they do at the log-in."""
        account = await self._login.check(visitor.username, password)
        if account is None:
            return False
        await self._store.write(lambda conn: sessions.forget_failures(conn, account.account_id))
        return True

    async def _has_code(self, visitor: Visitor, form: Mapping[str, str]) -> bool:
        account, now = await self._account(visitor), self._clock.now()
        attempt = self._login.factor.attempt(account, form.get("code", "")[:_CODE_CHARACTERS], now)
        pause = self._login.code_pause
        taken = await self._store.write(
            lambda conn: second_factors.try_code(conn, visitor.username, attempt, pause, now)
        )
        return taken is Taken.RIGHT

    async def _account(self, visitor: Visitor) -> Account:
        return await self._store.read(lambda conn: accounts.the_account(conn, visitor.username))

    async def _form(self, request: web.Request) -> tuple[dict[str, str], Visitor]:
        form = await read_form(request)
        visitor = await self._sessions.require(request)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        return form, visitor

    def _password_form(self, request: web.Request, visitor: Visitor, problem: str = "") -> web.StreamResponse:
        return self._pages.answer(
            request,
            "me_password.html",
            status=403 if problem else 200,
            problem=_(problem) if problem else "",
            owed=visitor.owes == PASSWORD_PAGE,
        )

    async def _factor_form(
        self, request: web.Request, visitor: Visitor, *, problem: str = "", secret: str | None = None
    ) -> web.StreamResponse:
        """The page: the secret that was offered before is offered again where only the code was wrong."""
        account, now = await self._account(visitor), self._clock.now()
        offer = None
        if account.totp_encrypted is None:
            offer = await asyncio.to_thread(self._login.factor.offer, account, now, secret)
        left = await self._store.read(lambda conn: second_factors.codes_left(conn, account.account_id))
        return self._pages.answer(
            request,
            "me_totp.html",
            status=403 if problem else 200,
            problem=_(problem) if problem else "",
            offer=offer,
            picture=Markup(offer.picture) if offer else "",  # noqa: S704 - we have drawn it ourselves
            owed=visitor.owes == FACTOR_PAGE,
            codes_left=left,
        )

    def _codes(self, request: web.Request, codes: Sequence[str]) -> web.StreamResponse:
        return self._pages.answer(request, "me_codes.html", status=200, codes=codes)


def me_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of the own account."""
    me = Me(parts, sessions, pages)
    return (
        web.get("/me", me.show),
        web.get(PASSWORD_PAGE, me.show_password),
        web.post(PASSWORD_PAGE, me.change_password),
        web.post("/me/sessions", me.end_session),
        web.get(FACTOR_PAGE, me.show_factor),
        web.post(FACTOR_PAGE, me.change_factor),
    )
