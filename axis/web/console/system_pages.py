"""Connected systems, for administrators, and for operators to read: the list, one with its facts, connecting, acting.

What is done goes the same way as at the command line, and leaves its audit row in the account's name. A secret stands
on the page that answers the form that made it, once; the same form sent again is refused and makes no other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final

from aiohttp import web

from axis.delivery.directory import Directory
from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotFound
from axis.ops.access import Connecting
from axis.ops.system_desk import SystemDesk
from axis.store.admin_view import system_facts
from axis.store.records import System
from axis.web.console.administering import CHANGERS, READERS, Connections, changes, posted
from axis.web.console.language import N_, _, n_
from axis.web.console.organ_form import Wrong, wrong_of
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor
from axis.web.console.system_values import (
    HOME,
    NEW,
    Asked,
    SecretPage,
    docs_of,
    list_page,
    scopes_of,
    system_form,
    system_list,
    system_page,
    system_rows,
    tried,
    typed,
)

ID: Final = "[A-Za-z0-9_-]{1,64}"
_MOST_HOURS = 24 * 90
_DONE: Final = {
    "enable": N_("Đã mở kết nối."),
    "disable": N_("Đã khóa kết nối; những gì đang chờ hệ thống này vẫn còn đó."),
}


class SystemPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, connections: Connections, sessions: Sessions, pages: Pages) -> None:
        if parts.administering is None:
            raise Internal("pages of systems without those of organisations")
        self._directory = parts.administering.directory
        self._store = parts.store
        self._clock = parts.clock
        self._rows = parts.rules.page_rows
        self._connections = connections
        self._sessions = sessions
        self._pages = pages

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/systems."""
        visitor = await self._sessions.require(request, *READERS)
        directory, asked, now = await self._current(), Asked.read(request.query), self._clock.now()
        shown, total, onward = system_list(directory, asked, self._rows)
        facts = await self._store.read(lambda conn: system_facts(conn, [one.system_id for one in shown]))

        def make() -> object:
            rows = system_rows(directory, shown, facts, now)
            return list_page(asked, rows, total, onward, may_change=changes(visitor))

        return await self._pages.page(request, "systems.html", visitor, make)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/systems/{system_id}."""
        visitor = await self._sessions.require(request, *READERS)
        done = _DONE.get(request.query.get("done", ""), "")
        return await self._page(request, visitor, done=done)

    async def show_new(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/connect, with `serves` for an organisation."""
        await self._sessions.require(request, *CHANGERS)
        texts = typed({"serves": request.query.get("serves", ""), "front": "vxp"})
        return self._form(request, texts, None)

    async def add(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/connect: the credentials are shown once."""
        visitor, form = await posted(request, self._sessions, *CHANGERS)
        texts = typed(form)
        wish = self._wish(await self._current(), texts)
        if isinstance(wish, Wrong):
            return self._form(request, texts, wish)
        try:
            given = await self._desk(visitor).connect(wish, scopes_of(texts))
        except (Busy, Internal):
            raise
        except AxisError as error:
            at = "system_id" if error.code is Code.SYSTEM_EXISTS else (error.at or "")
            return self._form(request, texts, replace(wrong_of(error), at=at))
        page = SecretPage(
            title=_("Đã kết nối {name}", name=wish.name),
            system_id=wish.system_id,
            given=given,
            docs=docs_of(wish.front, None, token=given.token is not None),
        )
        return self._secret(request, page)

    async def act(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/systems/{system_id}."""
        visitor, form = await posted(request, self._sessions, *CHANGERS)
        system, what, desk = await self._system(request), form.get("do", ""), self._desk(visitor)
        if what not in {*_DONE, "rotate", "test"}:
            raise Malformed(Code.BAD_REQUEST, "not a choice", at="do")
        try:
            if what in _DONE:
                await desk.set_enabled(system.system_id, enabled=what == "enable")
            elif what == "rotate":
                return await self._rotate(request, desk, system, form)
            else:
                checked = await desk.test(system.system_id, self._connections.check)
                return await self._page(request, visitor, make={"tried": partial(tried, checked)})
        except (Internal, Malformed, NotFound):
            raise
        except AxisError as error:
            return await self._page(request, visitor, make={"wrong": partial(wrong_of, error)})
        raise web.HTTPSeeOther(f"{HOME}/{system.system_id}?done={what}")

    async def _rotate(
        self, request: web.Request, desk: SystemDesk, system: System, form: Mapping[str, str]
    ) -> web.StreamResponse:
        text = form.get("hours", "")
        hours = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else _MOST_HOURS + 1  # noqa: PLR2004 - in reason
        given = await desk.rotate(system.system_id, timedelta(hours=hours), form.get("seen", "")[:26])
        overlap = n_("Khóa cũ còn dùng được {n} giờ nữa.", hours) if hours else _("Khóa cũ hết hiệu lực ngay.")
        page = SecretPage(
            title=_("Khóa mới của {name}", name=system.name or system.system_id),
            system_id=system.system_id,
            given=given,
            docs=docs_of(system.front, system.adapter, token=False),
            overlap=overlap,
        )
        return self._secret(request, page)

    def _wish(self, directory: Directory, texts: Mapping[str, str]) -> Connecting | Wrong:
        if texts["front"] not in self._connections.fronts:
            raise Malformed(Code.BAD_REQUEST, "not a choice", at="front")
        if not texts["system_id"]:
            return Wrong(at="system_id", words=_("Hãy ghi mã hệ thống."))
        codes = dict.fromkeys(texts["serves"].replace(",", " ").replace(";", " ").split())
        found = [(code, directory.registry.find(code)) for code in codes]
        unknown = [code for code, organ in found if organ is None]
        if unknown or not found:
            some = ", ".join(unknown[:5])
            asked = _("Hãy ghi mã của ít nhất một cơ quan.")
            return Wrong(at="serves", words=_("Không có cơ quan mã {some}.", some=some) if unknown else asked)
        return Connecting(
            system_id=texts["system_id"],
            name=texts["name"] or texts["system_id"],
            front=texts["front"],
            serves=tuple(dict.fromkeys(organ.organ_id for _code, organ in found if organ is not None)),
            may_register=bool(texts["may_register"]),
        )

    def _desk(self, visitor: Visitor) -> SystemDesk:
        return SystemDesk(self._connections.access, self._clock, visitor.username)

    def _form(self, request: web.Request, texts: Mapping[str, str], wrong: Wrong | None) -> web.StreamResponse:
        page = system_form(self._connections.fronts, texts, wrong)
        return self._pages.answer(request, "system_form.html", status=409 if wrong else 200, page=page)

    def _secret(self, request: web.Request, page: SecretPage) -> web.StreamResponse:
        return self._pages.answer(request, "system_secret.html", status=200, page=page)

    async def _page(
        self, request: web.Request, visitor: Visitor, *, done: str = "", make: Mapping[str, Any] | None = None
    ) -> web.StreamResponse:
        """The system's page as it is now; make: what makes more of its values."""
        system, directory, now = await self._system(request), self._directory.current, self._clock.now()
        facts = (await self._store.read(lambda conn: system_facts(conn, [system.system_id])))[system.system_id]
        more = {name: value() for name, value in (make or {}).items()}
        page = system_page(directory, system, facts, now, may_change=changes(visitor))
        page = replace(page, done=_(done) if done else "", **more)
        return self._pages.answer(request, "system.html", status=409 if page.wrong else 200, page=page)

    async def _system(self, request: web.Request) -> System:
        system = (await self._current()).system(request.match_info["system_id"])
        if system is None:
            raise NotFound(Code.NOT_FOUND, "no such system")
        return system

    async def _current(self) -> Directory:
        await self._directory.refresh()
        return self._directory.current


def system_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of systems."""
    if parts.administering is None or parts.administering.systems is None:
        return ()
    made = SystemPages(parts, parts.administering.systems, sessions, pages)
    one = f"{HOME}/{{system_id:{ID}}}"
    return (
        web.get(HOME, made.list),
        web.get(NEW, made.show_new),
        web.post(NEW, made.add),
        web.get(one, made.show),
        web.post(one, made.act),
    )
