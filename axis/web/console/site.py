"""The console as one thing: built from its parts, with its routes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from axis.clock import Clock
from axis.edxml.model import Limits
from axis.settings import Console
from axis.store.store import Store
from axis.web.console.documents import Documents
from axis.web.console.downloads import Downloads
from axis.web.console.login import REFUSAL_S, Login, LoginPages
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions

_ID = "[0-9A-HJKMNP-TV-Z]{26}"  # a ULID; anything else is no page of ours
_PACKAGE = f"/documents/{{uid:{_ID}}}/packages/{{package_id:{_ID}}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """What the console is built from."""

    store: Store
    clock: Clock
    rules: Console
    limits: Limits
    scratch: Path  # for decoded files, on a disk that can hold a package
    tls: bool  # whether browsers reach this node over HTTPS
    refusal_s: float = REFUSAL_S


def console_routes(parts: ConsoleParts, pages: Pages) -> Sequence[web.AbstractRouteDef]:
    """Every route of the console."""
    sessions = Sessions(parts.store, parts.clock, parts.rules, tls=parts.tls)
    login = Login(parts.store, parts.clock, parts.rules, refusal_s=parts.refusal_s)
    login_pages = LoginPages(login, sessions, pages)
    documents = Documents(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    downloads = Downloads(parts.store, sessions, parts.limits, parts.scratch)
    return (
        web.get("/", documents.list),
        web.get(f"/documents/{{uid:{_ID}}}", documents.show),
        web.get(_PACKAGE, downloads.package),
        web.get(f"{_PACKAGE}/files/{{position:[0-9]{{1,5}}}}", downloads.file),
        web.get("/login", login_pages.show),
        web.post("/login", login_pages.log_in),
        web.post("/logout", login_pages.log_out),
        web.get("/static/{name}", pages.static),
    )
