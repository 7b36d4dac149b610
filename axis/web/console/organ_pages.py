"""Organisations, for administrators, and for operators to read: the tree, one with its facts, and how it is changed.

Nothing is changed before a page has said what will become another; what is done goes the same way as at the command
line, and leaves its audit row in the account's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from aiohttp import web

from axis.delivery.directory import Directory
from axis.errors import AxisError, Busy, Code, Internal, Malformed, NotFound
from axis.ops.organ_change import OrganChanges
from axis.organ.model import Organ
from axis.store.admin_view import last_traffic
from axis.web.console.administering import CHANGERS, READERS, Administering, changes, posted
from axis.web.console.language import N_, _
from axis.web.console.organ_form import (
    Reader,
    Wrong,
    organ_form,
    organ_preview,
    own_system,
    read_seen,
    texts_of,
    typed,
    wrong_of,
)
from axis.web.console.organ_tree import FoldedNames
from axis.web.console.organ_values import HOME, Asked, link, organ_list, organ_page
from axis.web.console.parts import ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions, Visitor

_DONE: Final = {"added": N_("Đã thêm cơ quan."), "changed": N_("Đã ghi thay đổi.")}


class OrganPages:
    """The handlers."""

    def __init__(self, parts: ConsoleParts, admin: Administering, sessions: Sessions, pages: Pages) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._rows = parts.rules.page_rows
        self._directory = admin.directory
        self._names = FoldedNames(admin.directory)
        self._sessions = sessions
        self._pages = pages

    async def list(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/organs."""
        visitor = await self._sessions.require(request, *READERS)
        directory, asked = await self._current(), Asked.read(request.query)
        make = partial(organ_list, directory, self._names, asked, self._rows, may_change=changes(visitor))
        return await self._pages.page(request, "organs.html", visitor, make)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/organs/{code}."""
        visitor = await self._sessions.require(request, *READERS)
        directory, organ = await self._organ(request)
        traffic, now = await self._store.read(lambda conn: last_traffic(conn, organ.organ_id)), self._clock.now()
        done = _DONE.get(request.query.get("done", ""), "")

        def make() -> object:
            page = organ_page(directory, organ, traffic, now, may_change=changes(visitor))
            return replace(page, done=_(done) if done else "")

        return await self._pages.page(request, "organ.html", visitor, make)

    async def show_new(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/organs/new, with `parent` for one below it."""
        await self._sessions.require(request, *CHANGERS)
        directory = await self._current()
        texts = {"parent": request.query.get("parent", "")[:128], "status": "active"}
        return self._form(request, directory, None, texts)

    async def show_change(self, request: web.Request) -> web.StreamResponse:
        """GET /admin/organs/{code}/change."""
        await self._sessions.require(request, *CHANGERS)
        directory, organ = await self._organ(request)
        return self._form(request, directory, organ, texts_of(organ, own_system(directory, organ)))

    async def add(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/organs/new: what it will do, and once that was seen, doing it."""
        visitor, form = await posted(request, self._sessions, *CHANGERS)
        return await self._post(request, visitor, form, (await self._current(), None))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """POST /admin/organs/{code}/change: the same for a known one."""
        visitor, form = await posted(request, self._sessions, *CHANGERS)
        return await self._post(request, visitor, form, await self._organ(request))

    async def _post(
        self,
        request: web.Request,
        visitor: Visitor,
        form: Mapping[str, str],
        found: tuple[Directory, Organ | None],
    ) -> web.StreamResponse:
        directory, organ = found
        texts, what = typed(form), form.get("do", "")
        if what not in {"preview", "make", "edit"}:
            raise Malformed(Code.BAD_REQUEST, "not a choice", at="do")
        if what == "edit":
            return self._form(request, directory, organ, texts)
        reader = Reader(directory=directory, names=self._names)
        wish = reader.read(texts, organ)
        if wish is None:
            return self._form(request, directory, organ, texts, reader.problems[0])
        changer = OrganChanges(self._store, self._clock, visitor.username)
        try:
            if what == "preview":
                foreseen = await changer.foresee(wish)
                page = organ_preview(directory, foreseen, texts, request.path)
                return self._pages.answer(request, "organ_preview.html", status=200, page=page)
            await changer.make(wish, read_seen(form))
        except (Busy, Internal):
            raise
        except AxisError as error:
            return self._form(request, directory, organ, texts, wrong_of(error))
        changed = (await self._current()).registry.find(wish.row.code)
        done = "added" if wish.is_new else "changed"
        raise web.HTTPSeeOther(f"{link(changed).href}?done={done}" if changed else HOME)

    def _form(
        self,
        request: web.Request,
        directory: Directory,
        organ: Organ | None,
        texts: Mapping[str, str],
        wrong: Wrong | None = None,
    ) -> web.StreamResponse:
        page = organ_form(directory, organ, request.path, texts, wrong)
        return self._pages.answer(request, "organ_form.html", status=409 if wrong else 200, page=page)

    async def _organ(self, request: web.Request) -> tuple[Directory, Organ]:
        directory = await self._current()
        organ = directory.registry.find(request.match_info["code"])
        if organ is None:
            raise NotFound(Code.NOT_FOUND, "no such organisation")
        return directory, organ

    async def _current(self) -> Directory:
        """The configuration as it is: what was changed a moment ago is seen."""
        await self._directory.refresh()
        return self._directory.current


def organ_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of organisations."""
    if parts.administering is None:
        return ()
    made = OrganPages(parts, parts.administering, sessions, pages)
    one = f"{HOME}/{{code}}"

    return (
        web.get(HOME, made.list),
        web.get(f"{HOME}/new", made.show_new),
        web.post(f"{HOME}/new", made.add),
        web.get(one, made.show),
        web.get(f"{one}/change", made.show_change),
        web.post(f"{one}/change", made.change),
    )
