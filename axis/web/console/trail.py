"""The page of a document's signatures: who signed what and when, what it rests on, how verdicts came to differ.

Whoever may see the document may read it. That its signatures are looked at again is for auditors, operators and
administrators; who asked stands in the record.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from aiohttp import web

from axis.clock import Clock
from axis.errors import Code, NotFound
from axis.store import queries
from axis.store.document_view import Trail
from axis.store.records import Attachment
from axis.store.store import Store
from axis.store.trail_view import Judged, TrailDetail, read_trail
from axis.terms import Role, ViewKind
from axis.web.console import words
from axis.web.console.about import About, Tab, about_document, tabs
from axis.web.console.as_of import AsOf, as_of_band, read_as_of
from axis.web.console.language import N_, _
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import CSRF_FIELD, Sessions, Visitor, check_csrf, read_form
from axis.web.console.signatures import SignatureCard, SignatureTrail, signature_trail
from axis.web.console.verdict_changes import Comparison, compare
from axis.web.console.watching import Looked, Watch
from axis.web.console.words import Look

MAY_RECHECK: Final = frozenset({Role.AUDITOR, Role.OPERATOR, Role.ADMINISTRATOR})
_LATE: Final = datetime.max.replace(tzinfo=UTC)
_UNREAD: Final = N_("Kết luận này quá dài nên không so sánh ở đây.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A line of the overview: one signature of the package or of one of its files."""

    card: SignatureCard
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PastVerdict:
    """One verdict of the history, beside the one before."""

    verdict_id: str
    at: Moment
    cause: str
    look: Look
    first: bool
    comparison: Comparison | None
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailPage:
    """The page."""

    about: About
    tabs: tuple[Tab, ...]
    as_of: AsOf
    trail: SignatureTrail
    signers: tuple[Signer, ...]  # of the package and all files, in the order of time
    history: tuple[PastVerdict, ...]
    earlier: int
    recheck_href: str | None  # None: the visitor may not, or looks at the past


def trail_page(detail: TrailDetail, as_of: datetime | None, now: datetime, visitor: Visitor) -> TrailPage:
    """The page for what was read."""
    may_recheck = bool(visitor.roles & MAY_RECHECK)
    uid = detail.document.document_uid
    latest = detail.history[0].verdict if detail.history else None
    trail = signature_trail(
        Trail(latest=latest, history=(), due=detail.due), now, [_file_size(file) for file in detail.files]
    )
    signers = [Signer(card=card, where=part.name) for part in trail.parts for card in part.signatures]
    return TrailPage(
        about=about_document(detail.document, detail.sender_name, latest.overall if latest else None),
        tabs=tabs(uid, "signatures", visitor, as_of),
        as_of=as_of_band(as_of, now, f"/documents/{uid}/signatures"),
        trail=trail,
        signers=tuple(sorted(signers, key=_when)),
        history=_history(detail.history, detail.earlier, now),
        earlier=detail.earlier,
        recheck_href=f"/documents/{uid}/signatures/recheck" if may_recheck and as_of is None else None,
    )


def _file_size(file: Attachment) -> int | None:
    """What the file has; one that came packed is measured packed, so nothing is known of it."""
    return None if file.zipped_by_client else file.size_bytes


def _when(signer: Signer) -> str:
    known = signer.card.proven or signer.card.claimed
    return known.iso if known else _LATE.isoformat()


def _history(history: Sequence[Judged], earlier: int, now: datetime) -> tuple[PastVerdict, ...]:
    read: list[dict[str, Any] | None] = [
        None if one.verdict is None else json.loads(one.verdict.content) for one in history
    ]
    lines = []
    for place, one in enumerate(history):
        oldest = place + 1 == len(history)
        before, after = (None if oldest else read[place + 1]), read[place]
        both = before is not None and after is not None
        lines.append(
            PastVerdict(
                verdict_id=one.verdict_id,
                at=moment(one.at, now),
                cause=words.cause(one.cause),
                look=words.verdict(one.overall) or words.outcome(""),
                first=oldest and not earlier,
                comparison=compare(before or {}, after or {}) if both else None,
                note="" if oldest or both else _(_UNREAD),
            )
        )
    return tuple(lines)


class Trails:
    """The handlers."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._watch = Watch(store, clock)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /documents/{uid}/signatures."""
        visitor = await self._sessions.require(request)
        now = self._clock.now()
        as_of, uid = read_as_of(request.query.get("as_of"), now), request.match_info["uid"]
        detail = await self._store.read(lambda conn: read_trail(conn, visitor.scope, uid, as_of))
        if detail is None:
            raise NotFound(Code.NOT_FOUND, "no such document, or none yet")
        await self._watch.record(request, visitor, Looked(kind=ViewKind.SIGNATURES, document_uid=uid))
        return await self._pages.page(
            request, "signatures.html", visitor, lambda: trail_page(detail, as_of, now, visitor)
        )

    async def recheck(self, request: web.Request) -> web.StreamResponse:
        """POST /documents/{uid}/signatures/recheck: the node looks at them again at once, and adds a verdict."""
        visitor = await self._sessions.require(request, *MAY_RECHECK)
        form = await read_form(request)
        check_csrf(request, form.get(CSRF_FIELD, ""), visitor.csrf_token)
        uid, now = request.match_info["uid"], self._clock.now()
        detail = await self._store.read(lambda conn: read_trail(conn, visitor.scope, uid, None))
        if detail is None:
            raise NotFound(Code.NOT_FOUND, "no such document")
        packages = [detail.document.package_id]
        await self._store.write(lambda conn: queries.ask_recheck(conn, packages, visitor.username, now))
        raise web.HTTPSeeOther(f"/documents/{uid}/signatures#verdicts")


def trail_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The routes of a document's signatures."""
    trails = Trails(parts.store, parts.clock, sessions, pages)
    page = f"/documents/{{uid:{ID}}}/signatures"
    return (web.get(page, trails.show), web.post(f"{page}/recheck", trails.recheck))
