"""The moment that a page is asked for: `?as_of=2026-11-24T10:30`, Vietnamese time, as a browser's own picker writes it.

What is shown is what was known then. A moment that has not come yet is the present.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from axis.clock import VIETNAM, to_local
from axis.errors import Code, Malformed
from axis.web.console.language import _
from axis.web.console.moments import Moment, moment

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """The band that says for when a page speaks, and the picker."""

    at: Moment | None  # None: the present
    value: str  # of the picker
    latest: str  # the most that it takes
    action: str
    present_href: str
    title: str


def read_as_of(text: str | None, now: datetime) -> datetime | None:
    """The moment that an address names; None: the present. Raises Malformed(BAD_REQUEST)."""
    if not text:
        return None
    try:
        local = datetime.fromisoformat(text if _MOMENT.fullmatch(text) else "")
        at = local.replace(tzinfo=VIETNAM).astimezone(UTC)
    except (ValueError, OverflowError) as e:
        raise Malformed(Code.BAD_REQUEST, "a moment like 2026-11-24T10:30", at="as_of") from e
    if at < _FIRST:
        raise Malformed(Code.BAD_REQUEST, "long before there was anything to know", at="as_of")
    return None if at >= now else at


def said_as_of(at: datetime) -> str:
    """The moment as an address names it."""
    local = to_local(at)
    return f"{local:%Y-%m-%dT%H:%M:%S}" if local.second else f"{local:%Y-%m-%dT%H:%M}"


def as_of_band(at: datetime | None, now: datetime, action: str) -> AsOf:
    """The band of a page at `action`."""
    shown = moment(at, now) if at else None
    return AsOf(
        at=shown,
        value=said_as_of(at) if at else "",
        latest=f"{to_local(now):%Y-%m-%dT%H:%M}",
        action=action,
        present_href=action,
        title=_("Trạng thái tại {moment}", moment=shown.exact) if shown else "",
    )
