"""Log-in and log-out.

Whoever tries learns nothing about accounts: an unknown name, a wrong password, a disabled account and one that has to
wait get the same words after the same time. An account with a second factor is asked for its code only after the right
password: by a log-in that lasts some minutes and knows its tries.

Wrong passwords make an account wait, from wherever they come; but a browser that has logged in to it before is
counted by itself, so that no stranger can lock anybody out for ever. `axis account unlock` is always there, too.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import structlog
from aiohttp import web

from axis.errors import Busy, Code, NotAllowed
from axis.ops.buckets import Buckets
from axis.ops.second_factor import SecondFactor
from axis.store import accounts, second_factors, sessions
from axis.store.accounts import Pause
from axis.store.records import Account, LoginStep
from axis.store.second_factors import Taken
from axis.text import plain
from axis.web.console.addresses import local_path
from axis.web.console.language import N_, _
from axis.web.console.parts import ConsoleParts
from axis.web.console.passwords import Passwords
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, SSO, Sessions, check_csrf, digest, new_token, read_form
from axis.web.middleware import network_of

log = structlog.get_logger(__name__)

_USERNAME_CHARACTERS = 64
_NEXT_CHARACTERS = 2_000
_CODE_CHARACTERS = 40
_STEP_GOOD = timedelta(minutes=5)
_KNOWN_S = 180 * 24 * 3600
_CODE_DOUBLINGS = (
    8  # the longest pause after wrong codes: a day's order, for the password is known to whoever types them
)

_WRONG: Final = N_(
    "Tên đăng nhập hoặc mật khẩu không đúng, hoặc tài khoản đang tạm khóa vì nhập sai nhiều lần. "
    "Hãy kiểm tra rồi thử lại sau ít phút."
)
_STALE: Final = N_("Trang đăng nhập đã mở quá lâu, hoặc trình duyệt không nhận cookie. Hãy thử lại.")
_WRONG_CODE: Final = N_(
    "Mã không đúng, đã dùng rồi, hoặc tài khoản đang tạm khóa vì nhập sai nhiều lần. "
    "Hãy chờ mã mới trên điện thoại rồi thử lại."
)
_STEP_ENDED: Final = N_("Lần đăng nhập này đã quá vài phút hoặc nhập sai mã quá nhiều lần. Hãy đăng nhập lại từ đầu.")


_LOST: Final = N_(
    "Phiên đăng nhập đã hết nên thao tác vừa rồi chưa được thực hiện. Hãy đăng nhập lại để quay về trang đó."
)
_SSO_PROBLEMS: Final = {
    "down": N_("Hệ thống đăng nhập một lần hiện không trả lời. Hãy thử lại sau, hoặc đăng nhập bằng mật khẩu."),
    "refused": N_("Hệ thống đăng nhập một lần không xác nhận lần đăng nhập này. Hãy thử lại."),
    "stale": N_("Lần đăng nhập một lần này đã quá lâu, đã dùng rồi, hoặc bắt đầu ở trình duyệt khác. Hãy thử lại."),
    "unknown": N_(
        "Bạn đã đăng nhập một lần nhưng chưa có tài khoản trên trục này, hoặc tài khoản đang bị khóa. "
        "Hãy liên hệ quản trị trục."
    ),
}


class Login:
    """Checks passwords and codes, and counts who is wrong.

    The parts' refusal_s: how long a refusal takes at least.
    """

    def __init__(self, parts: ConsoleParts) -> None:
        self._store = parts.store
        self._clock = parts.clock
        rules = parts.rules
        self._pause = Pause(failures=rules.failures_until_pause, seconds=rules.pause_s)
        self.code_pause = Pause(failures=rules.failures_until_pause, seconds=rules.pause_s, doublings=_CODE_DOUBLINGS)
        self._refusal_s = parts.refusal_s
        self.passwords = Passwords()
        self.factor = SecondFactor(parts.key, parts.node_name)
        self._addresses = Buckets(
            parts.clock, per_minute=rules.failures_per_minute, at_once=max(rules.failures_per_minute, 1)
        )
        self._browsers = Buckets(parts.clock, per_minute=60 / rules.pause_s, at_once=max(rules.failures_until_pause, 1))

    async def check(self, username: str, password: str, mark: str = "") -> Account | None:
        """The account that this name and password open; None when they open none, after the same time.

        mark: what the browser keeps of an earlier log-in.
        """
        loop = asyncio.get_running_loop()
        begun = loop.time()
        name, now = plain(username), self._clock.now()
        pause = await self._pause_for(name, mark)
        account = await self._store.write(lambda conn: sessions.begin_login(conn, name, pause, now))
        if await self.passwords.check(account.password_hash if account else None, password) and account:
            return account
        log.warning("login_refused", account_id=account.account_id if account else None)
        await asyncio.sleep(max(0.0, begun + self._refusal_s - loop.time()))
        return None

    def check_address(self, request: web.Request) -> None:
        """Raise Busy(RATE_LIMITED) when too much was wrong from this address lately."""
        if wait_s := self._addresses.wait_s(network_of(request)):
            raise Busy(Code.RATE_LIMITED, "too many wrong log-ins from this address", retry_after_s=int(wait_s) + 1)

    def count_address(self, request: web.Request) -> None:
        """Something was wrong from this address."""
        self._addresses.take(network_of(request))

    def knows(self, account: Account, mark: str) -> bool:
        """Whether this browser has logged in to this account before, and is not wrong too often itself."""
        name = self.factor.known_browser(account, mark, self._clock.now()) if mark else None
        return name is not None and self._browsers.take(name) == 0

    async def _pause_for(self, name: str, mark: str) -> Pause | None:
        if not mark:
            return self._pause
        account = await self._store.read(lambda conn: accounts.find_account(conn, name))
        return None if account is not None and self.knows(account, mark) else self._pause


class LoginPages:
    """The forms."""

    def __init__(self, parts: ConsoleParts, login: Login, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._login = login
        self._sessions = sessions
        self._pages = pages
        self._sso = parts.sso

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /login."""
        if await self._sessions.find(request) is not None:
            raise web.HTTPSeeOther("/")
        problem = _STEP_ENDED if "ended" in request.query else _SSO_PROBLEMS.get(request.query.get("sso", ""), "")
        if "lost" in request.query:
            problem = _LOST
        return self._form(request, next_path=request.query.get("next", ""), problem=problem)

    async def log_in(self, request: web.Request) -> web.StreamResponse:
        """POST /login."""
        form = await read_form(request)
        next_path, username = form.get("next", ""), form.get("username", "")
        try:
            check_csrf(request, form.get(CSRF_FIELD, ""), request.cookies.get(self._sessions.login_cookie, ""))
        except NotAllowed:
            return self._form(request, next_path=next_path, username=username, problem=_STALE)
        self._login.check_address(request)
        account = await self._login.check(username, form.get("password", ""), self._mark(request))
        if account is None:
            self._login.count_address(request)
            return self._form(request, next_path=next_path, username=username, problem=_WRONG)
        if account.totp_encrypted is not None:
            raise await self._ask_code(account, next_path)
        raise await self._enter(request, account, next_path)

    async def show_code(self, request: web.Request) -> web.StreamResponse:
        """GET /login/code."""
        return self._code_form(request, await self._step(request))

    async def take_code(self, request: web.Request) -> web.StreamResponse:
        """POST /login/code."""
        form = await read_form(request)
        step = await self._step(request)
        check_csrf(request, form.get(CSRF_FIELD, ""), step.csrf_token)
        self._login.check_address(request)
        account = await self._account(step)
        now = self._clock.now()
        typed = form.get("code", "")[:_CODE_CHARACTERS]
        attempt = self._login.factor.attempt(account, typed, now)
        pause = None if self._login.knows(account, self._mark(request)) else self._login.code_pause
        token_sha256 = step.token_sha256
        taken, _step = await self._store.write(
            lambda conn: second_factors.take_step(conn, token_sha256, attempt, pause, now)
        )
        if taken is Taken.RIGHT:
            raise await self._enter(request, account, step.next_path)
        self._login.count_address(request)
        log.warning("login_code_refused", account_id=account.account_id)
        if taken is Taken.ENDED:
            raise web.HTTPSeeOther("/login?ended=1")
        return self._code_form(request, step, problem=_WRONG_CODE)

    async def log_out(self, request: web.Request) -> web.StreamResponse:
        """POST /logout."""
        form = await read_form(request)
        visitor = await self._sessions.find(request)
        if visitor is None:
            raise web.HTTPSeeOther("/login")
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        response = web.HTTPSeeOther("/login?out=sso" if self._sso and visitor.way == SSO else "/login")
        await self._sessions.close(response, visitor)
        raise response

    async def _ask_code(self, account: Account, next_path: str) -> web.HTTPSeeOther:
        token, now = new_token(), self._clock.now()
        step = LoginStep(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token=new_token(),
            next_path=local_path(next_path)[:_NEXT_CHARACTERS],
            expires_at=now + _STEP_GOOD,
        )
        await self._store.write(lambda conn: second_factors.open_step(conn, step, now))
        response = web.HTTPSeeOther("/login/code")
        self._sessions.set_cookie(response, self._sessions.step_cookie, token)
        return response

    async def _enter(self, request: web.Request, account: Account, next_path: str) -> web.HTTPSeeOther:
        response = web.HTTPSeeOther(local_path(next_path))
        await self._sessions.open(request, response, account)
        mark = self._login.factor.browser_mark(account, self._clock.now())
        self._sessions.set_cookie(response, self._sessions.known_cookie, mark, max_age_s=_KNOWN_S)
        self._sessions.del_cookie(response, self._sessions.step_cookie)
        log.info("logged_in", account_id=account.account_id)
        return response

    async def _step(self, request: web.Request) -> LoginStep:
        """The log-in that waits for its code. Raises HTTPSeeOther to the beginning when it is over."""
        token, now = request.cookies.get(self._sessions.step_cookie, ""), self._clock.now()
        step = await self._store.read(lambda conn: second_factors.find_step(conn, digest(token), now))
        if step is None:
            raise web.HTTPSeeOther("/login?ended=1")
        return step

    async def _account(self, step: LoginStep) -> Account:
        account = await self._store.read(lambda conn: accounts.account_by_id(conn, step.account_id))
        if account is None or not account.enabled:
            raise web.HTTPSeeOther("/login?ended=1")
        return account

    def _mark(self, request: web.Request) -> str:
        return request.cookies.get(self._sessions.known_cookie, "")

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
            sso=(self._sso.rules.name or _("Đăng nhập một lần")) if self._sso else "",
            left_sso=self._sso is not None and request.query.get("out") == "sso",
        )
        self._sessions.set_cookie(response, self._sessions.login_cookie, token)
        return response

    def _code_form(self, request: web.Request, step: LoginStep, problem: str = "") -> web.StreamResponse:
        return self._pages.answer(
            request,
            "login_code.html",
            status=403 if problem else 200,
            token=step.csrf_token,
            problem=_(problem) if problem else "",
        )


def login_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of log-in and log-out."""
    forms = LoginPages(parts, Login(parts), sessions, pages)
    return (
        web.get("/login", forms.show),
        web.post("/login", forms.log_in),
        web.get("/login/code", forms.show_code),
        web.post("/login/code", forms.take_code),
        web.post("/logout", forms.log_out),
    )
