"""What the pages of organisations are built from, who reads them, and who changes what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from axis.delivery.directory import DirectoryCache
from axis.ops.access import Access
from axis.ops.system_desk import CheckPartner
from axis.terms import Role
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf, read_form

READERS: Final = (Role.OPERATOR, Role.ADMINISTRATOR)
CHANGERS: Final = (Role.ADMINISTRATOR,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Administering:
    """The node's configuration, changed by the same functions as at the command line."""

    directory: DirectoryCache
    systems: "Connections | None" = None  # None: there are no pages of systems


@dataclass(frozen=True, slots=True, kw_only=True)
class Connections:
    """How systems are connected and tried out."""

    access: Access
    check: CheckPartner
    fronts: tuple[str, ...]  # the protocols in which systems may call, the console among them


async def posted(request: web.Request, sessions: Sessions, *roles: Role) -> tuple[Visitor, dict[str, str]]:
    """Who posts a form, and what stands in it. Raises NotFound for other roles, NotAllowed for a forged one."""
    form = await read_form(request)
    visitor = await sessions.require(request, *roles)
    check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
    return visitor, form


def changes(visitor: Visitor) -> bool:
    """Whether this visitor may change organisations."""
    return bool(visitor.roles & set(CHANGERS))


def text_of(form: Mapping[str, str], name: str, most: int) -> str:
    """A field's text on one line, at most so many characters."""
    return " ".join(form.get(name, "").split())[:most]
