"""Every look at a document, and everything that is taken along, is put on record before it is given.

What cannot be recorded is not given. A page that its own script refreshes is no further look: but only where this very
session has opened the page before, so that nobody looks unseen by sending the script's header.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from axis.clock import Clock
from axis.ids import new_id
from axis.store.hot import Hot
from axis.store.records import Viewing
from axis.store.store import Store
from axis.terms import ViewKind
from axis.web.console.sessions import LIVE_HEADER, Visitor
from axis.web.middleware import address_of

_REMEMBERED = 20_000  # pages that sessions have open; one that is forgotten is recorded once more
_DETAIL_CHARACTERS: Final = 500
_PAGES: Final = frozenset({ViewKind.PAGE, ViewKind.SIGNATURES, ViewKind.LOG})  # what a script may refresh


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What somebody looks at, or takes along."""

    kind: ViewKind
    document_uid: str | None = None
    package_id: str | None = None
    position: int | None = None
    detail: str = ""  # what was chosen, of an export


class Watch:
    """Records views."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._open: OrderedDict[tuple[str, ViewKind, str | None], None] = OrderedDict()

    async def record(self, request: web.Request, visitor: Visitor, looked: Looked) -> None:
        """Put it on record; durable when this returns. Raises Busy when nothing can be written."""
        key = (visitor.token_sha256, looked.kind, looked.document_uid)
        if LIVE_HEADER in request.headers and looked.kind in _PAGES and key in self._open:
            self._open.move_to_end(key)
            return
        now = self._clock.now()
        viewing = Viewing(
            viewing_id=new_id(now),
            at=now,
            account_id=visitor.account_id,
            kind=looked.kind,
            document_uid=looked.document_uid,
            package_id=looked.package_id,
            position=looked.position,
            address=address_of(request),
            detail=looked.detail[:_DETAIL_CHARACTERS],
        )
        await self._store.submit(Hot(inserts=(viewing,)))
        self._open[key] = None
        if len(self._open) > _REMEMBERED:
            self._open.popitem(last=False)
