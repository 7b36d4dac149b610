"""The docs page: the table of operations and of error codes for people, rendered here, nothing from elsewhere."""

from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from axis.errors import Code
from axis.messages import SENTENCES
from axis.terms import EventKind, Scope
from axis.web.api.call import PREFIX, Operation, Raw

_CSS: Final = "docs.css"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """One operation for people."""

    operation: Operation
    described: dict[str, Any]
    body: str
    replies: tuple[tuple[int, str, str], ...]


class Docs:
    """The page and its style sheet, made once."""

    def __init__(self, operations: tuple[Operation, ...], description: dict[str, Any]) -> None:
        environment = Environment(
            loader=PackageLoader("axis.web.api"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        shown = [_shown(operation, description) for operation in operations]
        self._page = environment.get_template("docs.html").render(
            prefix=PREFIX,
            description=description,
            operations=shown,
            schemas=description["components"]["schemas"],
            codes=[(code.value, SENTENCES[code]) for code in Code],
            scopes=list(Scope),
            kinds=list(EventKind),
        )
        self._css = (files("axis.web.api") / "static" / _CSS).read_bytes()

    async def page(self, _: web.Request) -> web.StreamResponse:
        """GET /api/v1/docs."""
        return web.Response(text=self._page, content_type="text/html", charset="utf-8")

    async def css(self, _: web.Request) -> web.StreamResponse:
        """GET /api/v1/docs.css."""
        return web.Response(body=self._css, content_type="text/css", charset="utf-8")


def _shown(operation: Operation, description: dict[str, Any]) -> _Shown:
    return _Shown(
        operation=operation,
        described=description["paths"][operation.path][operation.method.lower()],
        body=_name(operation.body or operation.form),
        replies=tuple((status, HTTPStatus(status).phrase, _name(body)) for status, body in operation.replies.items()),
    )


def _name(body: Any) -> str:  # noqa: ANN401 - a model, raw bytes or nothing
    if body is None:
        return ""
    return body.value if isinstance(body, Raw) else str(body.__name__)
