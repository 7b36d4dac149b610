"""Accounts, for administrators: who may log in, as what, for which organisations, and where they are logged in.

Whatever is changed here goes the same way as at the command line, and leaves the same audit rows, with the
administrator's name.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from aiohttp import web

from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotFound
from axis.ops.accounts import Accounts, NewAccount
from axis.store import accounts, second_factors, sessions
from axis.store.accounts import AccountView, Held
from axis.terms import Role
from axis.text import plain
from axis.web.console.clerks import sentence
from axis.web.console.language import N_, _
from axis.web.console.me import SessionRow, session_rows
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, ROLE_WORDS, Sessions, Visitor, check_csrf, read_form

HOME: Final = "/admin/accounts"
_TEXT_CHARACTERS = 100
_PICKED = 20  # organisations that a search shows
_DONE: Final[Mapping[str, str]] = {
    "roles": N_("Đã ghi vai trò."),
    "name": N_("Đã ghi họ tên."),
    "organ": N_("Đã ghi cơ quan."),
    "enable": N_("Đã mở tài khoản."),
    "disable": N_("Đã khóa tài khoản; mọi phiên đăng nhập đã kết thúc."),
    "unlock": N_("Đã bỏ tạm khóa vì nhập sai."),
    "totp": N_("Đã đặt lại xác thực hai lớp; mọi phiên đăng nhập đã kết thúc."),
    "sessions": N_("Đã kết thúc phiên đăng nhập."),
    "link": N_("Đã ghi liên kết đăng nhập một lần."),
}
_NO_ROLE: Final = N_("Hãy chọn ít nhất một vai trò.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleBox:
    """A role to choose."""

    role: Role
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    """An account in the list."""

    href: str
    username: str
    full_name: str
    roles: str
    organs: tuple[Held, ...]
    lacks_organ: bool
    enabled: bool
    factor: bool
    last: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeoplePage:
    """A page of the list."""

    rows: tuple[PersonRow, ...]
    text: str
    first_href: str | None
    next_href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPage:
    """One account."""

    href: str
    view: AccountView
    roles: tuple[RoleBox, ...]
    locked: bool
    sessions: tuple[SessionRow, ...]
    codes_left: int
    text: str  # what organisations are looked for
    picked: tuple[Held, ...]
    sso: bool


def role_boxes(chosen: Sequence[str]) -> tuple[RoleBox, ...]:
    """Every role, in the page's language."""
    return tuple(RoleBox(role=role, word=_(ROLE_WORDS[role]), chosen=role in chosen) for role in Role)


class People:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._sessions = sessions
        self._pages = pages
        self._rows = parts.rules.page_rows
        self._issuer = parts.sso.rules.issuer if parts.sso else ""
        self._acts: Mapping[str, Callable[[Accounts, str, Mapping[str, str]], Awaitable[object]]] = {
            "name": lambda ops, name, form: ops.rename(name, form.get("full_name", "")),
            "organ": self._change_organ,
            "enable": lambda ops, name, _form: ops.set_enabled(name, enabled=True),
            "disable": lambda ops, name, _form: ops.set_enabled(name, enabled=False),
            "unlock": lambda ops, name, _form: ops.unlock(name),
            "totp": lambda ops, name, _form: ops.reset_factor(name),
            "sessions": lambda ops, name, form: ops.end_session(name, form.get("session", "")),
            "link": self._change_link,
            "roles": lambda ops, name, form: ops.set_roles(name, _roles(form)),
        }

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/accounts."""
        await self._sessions.require(request, Role.ADMINISTRATOR)
        text = plain(request.query.get("q", ""))[:_TEXT_CHARACTERS].strip()
        after = plain(request.query.get("after", ""))[:_TEXT_CHARACTERS]
        views = await self._store.read(
            lambda conn: accounts.list_accounts(conn, text=text, after=after, rows=self._rows + 1)
        )
        shown, now = views[: self._rows], self._clock.now()
        place = {"q": text} if text else {}
        onward = {**place, "after": shown[-1].account.username} if len(views) > self._rows else {}
        page = PeoplePage(
            rows=tuple(
                PersonRow(
                    href=f"{HOME}/{view.account.account_id}",
                    username=view.account.username,
                    full_name=view.account.full_name,
                    roles=", ".join(box.word for box in role_boxes(view.account.roles.split()) if box.chosen),
                    organs=view.organs,
                    lacks_organ=view.lacks_organ,
                    enabled=view.account.enabled,
                    factor=view.account.totp_encrypted is not None,
                    last=moment(view.account.last_login_at, now) if view.account.last_login_at else None,
                )
                for view in shown
            ),
            text=text,
            first_href=f"{HOME}?{urlencode(place)}" if after else None,
            next_href=f"{HOME}?{urlencode(onward)}" if onward else None,
        )
        return self._pages.answer(request, "people_list.html", status=200, page=page)

    async def show_new(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/accounts/new."""
        await self._sessions.require(request, Role.ADMINISTRATOR)
        return self._new_form(request, {}, "")

    async def add(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/accounts/new: the password for one log-in is shown once."""
        form, visitor = await self._form(request)
        roles = _roles(form)
        if not roles:
            return self._new_form(request, form, _(_NO_ROLE))
        wish = NewAccount(
            username=plain(form.get("username", "")).strip(),
            roles=roles,
            full_name=form.get("full_name", ""),
            once=True,
        )
        try:
            password = await self._ops(visitor).add(wish, None)
        except (Busy, Internal):
            raise
        except AxisError as error:
            return self._new_form(request, form, sentence(error))
        account = await self._store.read(lambda conn: accounts.the_account(conn, wish.username))
        return self._password(request, account.username, f"{HOME}/{account.account_id}", password)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/accounts/{account_id}."""
        visitor = await self._sessions.require(request, Role.ADMINISTRATOR)
        return await self._person(request, visitor, "")

    async def change(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/accounts/{account_id}."""
        form, visitor = await self._form(request)
        name, what = await self._username(request), form.get("do", "")
        href = f"{HOME}/{request.match_info['account_id']}"
        if what == "password":
            return self._password(request, name, href, await self._ops(visitor).give_password(name))
        act = self._acts.get(what)
        if act is None:
            raise Malformed(Code.BAD_REQUEST, "not a choice", at="do")
        if what == "roles" and not _roles(form):
            return await self._person(request, visitor, _(_NO_ROLE))
        try:
            await act(self._ops(visitor), name, form)
        except (Busy, Internal):
            raise
        except AxisError as error:
            return await self._person(request, visitor, sentence(error))
        raise web.HTTPSeeOther(f"{href}?done={what}")

    async def _change_organ(self, ops: Accounts, name: str, form: Mapping[str, str]) -> None:
        if form.get("add"):
            await ops.grant(name, (), (form["add"],))
        else:
            await ops.revoke(name, (), (form.get("remove", ""),))

    async def _change_link(self, ops: Accounts, name: str, form: Mapping[str, str]) -> None:
        subject = form.get("subject", "").strip()
        await (ops.link(name, self._issuer, subject) if subject else ops.unlink(name))

    async def _person(self, request: web.Request, visitor: Visitor, problem: str) -> web.StreamResponse:
        name, now = await self._username(request), self._clock.now()
        text = plain(request.query.get("organ", ""))[:_TEXT_CHARACTERS].strip()
        view = await self._store.read(lambda conn: accounts.view_account(conn, name))
        running = await self._store.read(lambda conn: sessions.sessions_of(conn, name, now))
        left = await self._store.read(lambda conn: second_factors.codes_left(conn, view.account.account_id))
        picked = await self._store.read(lambda conn: accounts.find_organs(conn, text, _PICKED)) if text else ()
        held = {one.organ_id for one in view.organs}
        waits = (view.account.locked_until, view.account.totp_locked_until)
        page = PersonPage(
            href=f"{HOME}/{view.account.account_id}",
            view=view,
            roles=role_boxes(view.account.roles.split()),
            locked=any(until is not None and now < until for until in waits),
            sessions=session_rows(running, visitor, now),
            codes_left=left,
            text=text,
            picked=tuple(one for one in picked if one.organ_id not in held),
            sso=bool(self._issuer),
        )
        done = _DONE.get(request.query.get("done", ""), "")
        return self._pages.answer(
            request,
            "person.html",
            status=409 if problem else 200,
            page=page,
            problem=problem,
            done=_(done) if done and not problem else "",
        )

    async def _username(self, request: web.Request) -> str:
        account_id = request.match_info["account_id"]
        account = await self._store.read(lambda conn: accounts.account_by_id(conn, account_id))
        if account is None:
            raise NotFound(Code.NOT_FOUND, "no such account")
        return account.username

    async def _form(self, request: web.Request) -> tuple[dict[str, str], Visitor]:
        form = await read_form(request)
        visitor = await self._sessions.require(request, Role.ADMINISTRATOR)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        return form, visitor

    def _ops(self, visitor: Visitor) -> Accounts:
        return Accounts(self._store, self._clock, visitor.username)

    def _new_form(self, request: web.Request, form: Mapping[str, str], problem: str) -> web.StreamResponse:
        return self._pages.answer(
            request,
            "person_new.html",
            status=409 if problem else 200,
            problem=problem,
            username=plain(form.get("username", ""))[:_TEXT_CHARACTERS],
            full_name=plain(form.get("full_name", ""))[:_TEXT_CHARACTERS],
            roles=role_boxes(_roles(form)),
        )

    def _password(self, request: web.Request, name: str, href: str, password: str) -> web.StreamResponse:
        return self._pages.answer(
            request, "person_password.html", status=200, username=name, href=href, password=password
        )


def _roles(form: Mapping[str, str]) -> tuple[Role, ...]:
    return tuple(role for role in Role if form.get(f"role_{role}"))


def people_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of accounts."""
    people = People(parts, sessions, pages)
    one = f"{HOME}/{{account_id:{ID}}}"
    return (
        web.get(HOME, people.list),
        web.get(f"{HOME}/new", people.show_new),
        web.post(f"{HOME}/new", people.add),
        web.get(one, people.show),
        web.post(one, people.change),
    )
