"""What the pages of operators are built from, and how they say how long something has been."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from axis.errors import Code, Malformed
from axis.exchange.rest import Rest
from axis.ops.access import Access
from axis.ops.disk import DiskWatch
from axis.terms import Role
from axis.trust.certs import Certificate
from axis.web.console.language import _, n_
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf, read_form

ROLES: Final = (Role.OPERATOR, Role.ADMINISTRATOR)
REASON_CHARACTERS: Final = 500
_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_MOST_HOURS = 24 * 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Operating:
    """The node as its operators act on it: by the same functions as the command line."""

    access: Access
    rest: Rest
    disk: DiskWatch
    told: Callable[[], Mapping[str, Mapping[str, object]]]  # how each partner fares, as this process sees it
    own: Certificate | None = None  # what the node signs with


async def acted(request: web.Request, sessions: Sessions) -> tuple[Visitor, dict[str, str]]:
    """Who posts a form of an operator's page, and what stands in it. Raises NotFound, NotAllowed for a forged one."""
    form = await read_form(request)
    visitor = await sessions.require(request, *ROLES)
    check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
    return visitor, form


def read_reason(form: Mapping[str, str], name: str = "reason") -> str:
    """Why something is done. Raises Malformed(BAD_REQUEST)."""
    reason = form.get(name, "").strip()
    if not reason or len(reason) > REASON_CHARACTERS:
        raise Malformed(Code.BAD_REQUEST, f"1 to {REASON_CHARACTERS} characters", at=name)
    return reason


def read_hours(form: Mapping[str, str], *, least: int = 1) -> int:
    """For how many hours. Raises Malformed(BAD_REQUEST)."""
    text = form.get("hours", "")
    hours = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1  # noqa: PLR2004 - under a thousand
    if not least <= hours <= _MOST_HOURS:
        raise Malformed(Code.BAD_REQUEST, f"{least} to {_MOST_HOURS} hours", at="hours")
    return hours


def span(length: timedelta) -> str:
    """How long something has been, in the largest unit that says it."""
    if length < _MINUTE:
        return _("dưới 1 phút")
    if length < _HOUR:
        return n_("{n} phút", length // _MINUTE)
    if length < 2 * _DAY:
        return n_("{n} giờ", length // _HOUR)
    return n_("{n} ngày", length // _DAY)


def since(at: datetime | None, now: datetime) -> str:
    """How long ago it was; "" for never."""
    return "" if at is None else span(max(now - at, timedelta()))
