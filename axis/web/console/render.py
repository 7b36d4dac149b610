"""From a page value to HTML.

Every text of a package is hostile. Jinja escapes it; what escaping leaves alone is taken out here: characters that turn
the direction of a line around (so that `gpj.exe` reads `exe.jpg`), and control characters. There is no inline
script or style anywhere, and the content policy allows none.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

import aiohttp_jinja2
from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from axis.errors import Code
from axis.exchange.rest import Rest
from axis.messages import SENTENCES, Language
from axis.store.records import Maintenance
from axis.text import plain
from axis.web.console import moments
from axis.web.console.language import N_, NAMES, _, current, english, n_
from axis.web.console.navigation import Place, places
from axis.web.console.sessions import VISITOR, Visitor
from axis.web.middleware import ErrorNotice

STATIC: Final = {
    "console.css": "text/css",
    "console.js": "text/javascript",
    "compose.js": "text/javascript",
    "favicon.svg": "image/svg+xml",
}
_FOREVER = "public, max-age=31536000, immutable"

_TITLES: Final = {
    400: N_("Yêu cầu không đọc được"),
    403: N_("Không được phép"),
    404: N_("Không tìm thấy"),
    413: N_("Nội dung quá lớn"),
    503: N_("Trục đang bận"),
}
_OTHERWISE: Final = N_("Không thực hiện được")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """What stands around every page."""

    node_name: str
    visitor: Visitor | None
    language: Language
    others: tuple[tuple[Language, str], ...]  # the languages to switch to, each by its own name
    places: tuple[Place, ...]  # where the head leads
    here: str  # the address of this page, to come back to
    maintenance: Maintenance | None  # the node only reads


@cache
def _environment() -> Environment:
    """The templates, compiled before the first visitor comes; one for every node that this process starts."""
    environment = Environment(
        loader=PackageLoader("axis.web.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = moments.number
    environment.globals |= {"static": _static().url, "_": _, "n_": n_}
    for template in environment.list_templates():
        environment.get_template(template)
    return environment


class Pages:
    """Renders pages for one application."""

    def __init__(self, app: web.Application, node_name: str, rest: Rest) -> None:
        self._app = app
        self._node_name = node_name
        self._rest = rest
        app[aiohttp_jinja2.APP_KEY] = _environment()
        english()  # read now, and not while a page is made

    def at_shutdown(self, let_go: Callable[[web.Application], Awaitable[None]]) -> None:
        """What to do when the node stops, before it waits for requests that still run."""
        self._app.on_shutdown.append(let_go)

    async def page(self, request: web.Request, name: str, visitor: Visitor, make: Callable[[], object]) -> web.Response:
        """A page, or 304 when the caller (the page's own script) has the same one already.

        make: works out the page value. It and the template run in a thread: a long page would hold the event loop.
        """
        text = await asyncio.to_thread(lambda: self._text(request, name, visitor, {"page": make()}))
        tag = hashlib.sha256(text.encode()).hexdigest()[:32]
        if any(known.value == tag for known in request.if_none_match or ()):
            return web.Response(status=HTTPStatus.NOT_MODIFIED, headers={hdrs.ETAG: f'"{tag}"'})
        response = web.Response(text=text, content_type="text/html", charset="utf-8")
        response.etag = tag
        return response

    def answer(
        self,
        request: web.Request,
        name: str,
        *,
        status: int,
        **values: Any,  # noqa: ANN401 - page values
    ) -> web.Response:
        """A page that answers a form or an error."""
        text = self._text(request, name, request.get(VISITOR), values)
        return web.Response(text=text, content_type="text/html", charset="utf-8", status=status)

    def error(self, request: web.Request, notice: ErrorNotice) -> web.Response:
        """The page of an error: what happened, what to do, and below the code and the id for the operator."""
        said = SENTENCES[notice.code]
        what, action = said.what_vi, said.action_vi
        if current() == "en":
            what, action = said.what_en, said.action_en
        if notice.code is Code.NOT_FOUND:
            what = _("Không có trang hay văn bản nào ở địa chỉ này, hoặc tài khoản của bạn không được xem.")
            action = _("Hãy kiểm tra lại địa chỉ, hoặc tìm văn bản trong danh sách.")
        title = _(_TITLES.get(notice.status, _OTHERWISE))
        return self.answer(
            request, "error.html", status=notice.status, title=title, what=what, action=action, notice=notice
        )

    async def static(self, request: web.Request) -> web.Response:
        """One of our few static files. Its address changes with its content, so that it can be kept for ever."""
        return _static().answer(request.match_info["name"])

    def _text(self, request: web.Request, name: str, visitor: Visitor | None, values: dict[str, Any]) -> str:
        language = current()
        shell = Shell(
            node_name=self._node_name,
            visitor=visitor,
            language=language,
            others=tuple((code, name) for code, name in NAMES.items() if code != language),
            places=places(visitor.roles, request.path) if visitor else (),
            here=request.path_qs if request.method == hdrs.METH_GET else "/",
            maintenance=self._rest.current,
        )
        return aiohttp_jinja2.render_string(name, request, {"shell": shell, **values})


class _Static:
    """The static files, held in memory."""

    def __init__(self) -> None:
        folder = files("axis.web.console") / "static"
        self._bodies = {name: (folder / name).read_bytes() for name in STATIC}

    def url(self, name: str) -> str:
        return f"/static/{name}?v={hashlib.sha256(self._bodies[name]).hexdigest()[:12]}"

    def answer(self, name: str) -> web.Response:
        if name not in self._bodies:
            raise web.HTTPNotFound
        return web.Response(
            body=self._bodies[name],
            content_type=STATIC[name],
            charset="utf-8",
            headers={hdrs.CACHE_CONTROL: _FOREVER},
        )


@cache
def _static() -> _Static:
    return _Static()


def _finalize(value: object) -> object:
    """What Jinja does to every value before it escapes it."""
    return plain(str(value)) if isinstance(value, str) and not isinstance(value, Markup) else value
