"""Log-in and log-out.

Whoever tries learns nothing about accounts: an unknown name, a wrong password, a disabled account and one that has to
wait get the same words after the same time.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from aiohttp import web

from axis.clock import Clock
from axis.errors import NotAllowed
from axis.settings import Console
from axis.store import sessions
from axis.store.accounts import Pause
from axis.store.records import Account
from axis.store.store import Store
from axis.text import plain
from axis.web.console.addresses import local_path
from axis.web.console.language import N_, _
from axis.web.console.parts import ConsoleParts
from axis.web.console.passwords import Passwords
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, check_csrf, new_token, read_form

log = structlog.get_logger(__name__)

_USERNAME_CHARACTERS = 64

_WRONG: Final = N_(
    "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang tạm khóa vì nhập sai nhiều lần. "
    "Hãy kiểm tra rồi thử lại sau ít phút."
)
_STALE: Final = N_("Trang đăng nhập đã mở quá lâu, hoặc trình duyệt không nhận cookie. Hãy thử lại.")


class Login:
    """The pages with which a session begins and ends.

    refusal_s: how long a refusal takes at least.
    """

    def __init__(self, store: Store, clock: Clock, rules: Console, *, refusal_s: float) -> None:
        self._store = store
        self._clock = clock
        self._pause = Pause(failures=rules.failures_until_pause, seconds=rules.pause_s)
        self._refusal_s = refusal_s
        self._passwords = Passwords()

    async def check(self, username: str, password: str) -> Account | None:
        """The account that this name and password open; None when they open none, after the same time."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        name, now = plain(username), self._clock.now()
        account = await self._store.write(lambda conn: sessions.begin_login(conn, name, self._pause, now))
        if await self._passwords.check(account.password_hash if account else None, password) and account:
            return account
        log.warning("login_refused", account_id=account.account_id if account else None)
        await asyncio.sleep(max(0.0, begun + self._refusal_s - loop.time()))
        return None


class LoginPages:
    """The forms."""

    def __init__(self, login: Login, sessions: Sessions, pages: Pages) -> None:
        self._login = login
        self._sessions = sessions
        self._pages = pages

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /login."""
        if await self._sessions.find(request) is not None:
            raise web.HTTPSeeOther("/")
        return self._form(request, next_path=request.query.get("next", ""))

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """POST /login."""
        form = await read_form(request)
        next_path, username = form.get("next", ""), form.get("username", "")
        try:
            check_csrf(request, form.get(CSRF_FIELD, ""), request.cookies.get(self._sessions.login_cookie, ""))
        except NotAllowed:
            return self._form(request, next_path=next_path, username=username, problem=_STALE)
        account = await self._login.check(username, form.get("password", ""))
        if account is None:
            return self._form(request, next_path=next_path, username=username, problem=_WRONG)
        response = web.HTTPSeeOther(local_path(next_path))
        await self._sessions.open(request, response, account)
        log.info("logged_in", account_id=account.account_id)
        raise response

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """POST /logout."""
        form = await read_form(request)
        visitor = await self._sessions.require(request)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        response = web.HTTPSeeOther("/login")
        await self._sessions.close(response, visitor)
        raise response

    def _form(
        self, request: web.Request, *, next_path: str, username: str = "", problem: str = ""
    ) -> web.StreamResponse:
        """The page, with a fresh token in a cookie and in the form: only our own page has both."""
        token = new_token()
        response = self._pages.answer(
            request,
            "login.html",
            status=403 if problem else 200,
            token=token,
            next_path=local_path(next_path),
            username=username[:_USERNAME_CHARACTERS],
            problem=_(problem) if problem else "",
        )
        self._sessions.set_cookie(response, self._sessions.login_cookie, token)
        return response


def login_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of log-in and log-out."""
    login = Login(parts.store, parts.clock, parts.rules, refusal_s=parts.refusal_s)
    forms = LoginPages(login, sessions, pages)
    return (web.get("/login", forms.show), web.post("/login", forms.log_in), web.post("/logout", forms.log_out))
