"""The page of findings: documents whose signatures are anything but plainly valid, by reason, and whoever signed them.

For auditors, operators and administrators. What certificates and files say is a stranger's text.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from aiohttp import web
from sqlalchemy import Connection

from axis.clock import Clock, to_local
from axis.errors import Code, Malformed, NotFound
from axis.store.findings_view import (
    COUNTED,
    NOT_PLAINLY_VALID,
    Buckets,
    FindingCounts,
    FindingLine,
    FindingsPage,
    FindingsQuery,
    SignerLine,
    find_signer,
    find_signers,
    finding_counts,
    findings_page,
)
from axis.store.store import Store
from axis.terms import Role
from axis.text import plain
from axis.trust.model import Overall, SignerKind
from axis.trust.reasons import MEANINGS, Reason
from axis.trust.words import FINDINGS, SIGNERS
from axis.web.console import words
from axis.web.console.language import _, grouped
from axis.web.console.moments import Moment, moment
from axis.web.console.parts import ID, ConsoleParts
from axis.web.console.render import Pages
from axis.web.console.sessions import Sessions
from axis.web.console.signers import common_name
from axis.web.console.words import Look

READERS: Final = (Role.AUDITOR, Role.OPERATOR, Role.ADMINISTRATOR)
PERIODS: Final = {"7": 1, "30": 1, "90": 3, "364": 14}
"""Days that can be looked at, and how many days one bar stands for."""

ANY: Final = "any"
_PERIOD = "30"
_SEARCH_CHARACTERS = 200
_SIGNER = re.compile(r"[0-9a-f]{64}")
_WEIGHT: Final = {"red": 0, "amber": 1, "grey": 2}
_BAR_HEIGHT = 24
_SHOWN_REASONS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of a filter."""

    word: str
    href: str
    chosen: bool
    number: str = ""
    look: Look | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One part of a period in the small chart, from the bottom."""

    x: int
    y: int
    height: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonRow:
    """A reason, and how often it was found."""

    look: Look  # its word is the reason's
    number: str
    bars: tuple[Bar, ...]
    width: int
    said: str  # of the chart, for whoever does not see it
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """One document."""

    uid: str
    code: str
    subject: str
    sender: str
    received: Moment
    verdict: Look | None
    reasons: tuple[Look, ...]
    more_reasons: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerRow:
    """Somebody whom signatures name."""

    signer_id: str
    name: str
    kind: str
    organisation: str
    issuer: str
    serial: str
    period: str
    documents: str
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address asks for."""

    text: str
    verdict: str  # a word, ANY, or "": anything but plainly valid (of a signer: any)
    reason: str | None
    signer_id: str | None
    period: str
    before: str | None

    def href(self, **changes: str | None) -> str:
        """The address of the same with something changed; always from the beginning of the list."""
        given = {
            "q": self.text,
            "verdict": self.verdict,
            "reason": self.reason,
            "signer": self.signer_id,
            "period": self.period if self.period != _PERIOD else "",
        } | changes
        query = {name: value for name, value in given.items() if value}
        return f"/findings?{urlencode(query)}" if query else "/findings"


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingsView:
    """The page."""

    asked: Asked
    periods: tuple[Choice, ...]
    verdicts: tuple[Choice, ...]
    reasons: tuple[ReasonRow, ...]
    signers: tuple[SignerRow, ...] | None  # None: nobody was looked for
    more_signers: bool
    signer: SignerRow | None
    chips: tuple[Choice, ...]  # what is chosen, with the address without it
    rows: tuple[FoundRow, ...]
    next_href: str | None
    first_href: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What was read."""

    counts: FindingCounts
    page: FindingsPage
    signers: tuple[SignerLine, ...] | None
    more_signers: bool
    signer: SignerLine | None


def read_asked(request: web.Request) -> Asked:
    """What the address asks for. Raises Malformed(BAD_REQUEST)."""
    query = request.query
    asked = Asked(
        text=plain(" ".join(query.get("q", "").split()))[:_SEARCH_CHARACTERS],
        verdict=query.get("verdict", ""),
        reason=query.get("reason") or None,
        signer_id=query.get("signer") or None,
        period=query.get("period") or _PERIOD,
        before=query.get("before") or None,
    )
    for name, fine in (
        ("verdict", asked.verdict in {"", ANY, *Overall}),
        ("reason", asked.reason is None or asked.reason in FINDINGS),
        ("signer", asked.signer_id is None or _SIGNER.fullmatch(asked.signer_id)),
        ("period", asked.period in PERIODS),
        ("before", asked.before is None or re.fullmatch(ID, asked.before)),
    ):
        if not fine:
            raise Malformed(Code.BAD_REQUEST, "not a choice of this page", at=name)
    return asked


def buckets_of(period: str, now: datetime) -> Buckets:
    """The days of a period, today's included, in parts that begin at midnight here."""
    days, each = int(period), PERIODS[period]
    begin = to_local(now).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    return Buckets(since=begin, width=timedelta(days=each), number=-(-days // each))


def look_up(conn: Connection, asked: Asked, buckets: Buckets, rows: int) -> Found:
    """Everything that the page shows, in one read."""
    wanted: tuple[str, ...] = (asked.verdict,) if asked.verdict in set(Overall) else ()
    if not asked.verdict and asked.signer_id is None:
        wanted = NOT_PLAINLY_VALID
    query = FindingsQuery(
        words=wanted,
        reason=asked.reason,
        signer_id=asked.signer_id,
        since=None if asked.signer_id else buckets.since,
        before=asked.before,
        rows=rows,
    )
    signers, more = find_signers(conn, asked.text) if asked.text else (None, False)
    return Found(
        counts=finding_counts(conn, buckets),
        page=findings_page(conn, query) if signers is None else FindingsPage(lines=(), more=False),
        signers=signers,
        more_signers=more,
        signer=find_signer(conn, asked.signer_id) if asked.signer_id else None,
    )


def findings_view(found: Found, asked: Asked, buckets: Buckets, now: datetime) -> FindingsView:
    """The page for what was read."""
    lines = found.page.lines
    return FindingsView(
        asked=asked,
        periods=tuple(
            Choice(
                word=_("{days} ngày", days=days),
                href=asked.href(period=None if days == _PERIOD else days),
                chosen=days == asked.period,
            )
            for days in PERIODS
        ),
        verdicts=_verdicts(found.counts, asked),
        reasons=_reason_rows(found.counts, asked, buckets),
        signers=None if found.signers is None else tuple(_signer(one, asked) for one in found.signers),
        more_signers=found.more_signers,
        signer=_signer(found.signer, asked) if found.signer else None,
        chips=_chips(found, asked),
        rows=tuple(_row(line, now) for line in lines),
        next_href=asked.href(before=lines[-1].document.document_uid) if found.page.more else None,
        first_href=asked.href() if asked.before else None,
    )


def reason_look(reason: str) -> Look:
    """A reason in a few words, with the tone of what it means for a verdict."""
    word = words.in_language(FINDINGS[reason]) if reason in FINDINGS else reason
    if reason not in set(Reason):
        known = words.verdict(reason)
        return Look(word=word, tone=known.tone if known else "grey", icon=known.icon if known else "question")
    outcome = words.outcome(MEANINGS[Reason(reason)].outcome)
    return Look(word=word, tone=outcome.tone, icon=outcome.icon)


def _verdicts(counts: FindingCounts, asked: Asked) -> tuple[Choice, ...]:
    total = sum(counts.by_word.get(word, 0) for word in NOT_PLAINLY_VALID)
    all_of_them = Choice(
        word=_("Cần xem"),
        href=asked.href(verdict=None),
        chosen=not asked.verdict and not asked.signer_id,
        number=grouped(total),
    )
    each = []
    for word in (Overall.INVALID, Overall.INDETERMINATE, Overall.VALID_WITH_WARNINGS, Overall.UNSIGNED, Overall.VALID):
        look = words.verdict(word)
        each.append(
            Choice(
                word=look.word if look else word,
                href=asked.href(verdict=word, reason=None),
                chosen=asked.verdict == word,
                number=grouped(counts.by_word.get(word, 0)),
                look=look,
            )
        )
    return (all_of_them, *each)


def _reason_rows(counts: FindingCounts, asked: Asked, buckets: Buckets) -> tuple[ReasonRow, ...]:
    """The reasons of the period, the worst and most frequent first."""
    rows = []
    for reason, numbers in counts.by_reason.items():
        look, total = reason_look(reason), sum(numbers)
        row = ReasonRow(
            look=look,
            number=grouped(total),
            bars=_bars(numbers, buckets),
            width=6 * buckets.number,
            said=_("nhiều nhất {most} trong một phần của kỳ, gần nhất {last}", most=max(numbers), last=numbers[-1]),
            href=asked.href(reason=None if reason == asked.reason else reason, verdict=None, q=None),
            chosen=reason == asked.reason,
        )
        rows.append((_WEIGHT.get(look.tone, 2), -total, reason, row))
    return tuple(row for *_order, row in sorted(rows, key=lambda one: one[:3]))


def _bars(numbers: Sequence[int], buckets: Buckets) -> tuple[Bar, ...]:
    most = max(numbers)
    bars = []
    for place, number in enumerate(numbers):
        if not number:
            continue
        height = max(2, _BAR_HEIGHT * number // most)
        day = f"{to_local(buckets.since + place * buckets.width):%d/%m}"
        bars.append(Bar(x=6 * place, y=_BAR_HEIGHT - height, height=height, title=f"{day}: {grouped(number)}"))
    return tuple(bars)


def _chips(found: Found, asked: Asked) -> tuple[Choice, ...]:
    chips = []
    if asked.text:
        chips.append(Choice(word=_("Tìm: {text}", text=asked.text), href=asked.href(q=None), chosen=True))
    if asked.signer_id:
        name = found.signer.signer.name if found.signer else asked.signer_id[:12]
        chips.append(Choice(word=_("Người ký: {name}", name=name), href=asked.href(signer=None), chosen=True))
    if asked.reason:
        word = reason_look(asked.reason).word
        chips.append(Choice(word=_("Lý do: {reason}", reason=word), href=asked.href(reason=None), chosen=True))
    if asked.verdict and asked.verdict != ANY:
        look = words.verdict(asked.verdict)
        word = _("Kết luận: {verdict}", verdict=look.word if look else asked.verdict)
        chips.append(Choice(word=word, href=asked.href(verdict=None), chosen=True))
    return tuple(chips)


def _row(line: FindingLine, now: datetime) -> FoundRow:
    document = line.document
    return FoundRow(
        uid=document.document_uid,
        code=document.code or _("Không số"),
        subject=document.subject or _("(không có trích yếu)"),
        sender=line.sender_name or document.sender_name or document.from_organ,
        received=moment(document.received_at, now),
        verdict=words.verdict(document.verdict),
        reasons=tuple(reason_look(reason) for reason in line.reasons[:_SHOWN_REASONS]),
        more_reasons=max(0, len(line.reasons) - _SHOWN_REASONS),
    )


def _signer(line: SignerLine, asked: Asked) -> SignerRow:
    signer, certificate = line.signer, line.certificate
    kind = SignerKind(signer.kind) if signer.kind in set(SignerKind) else SignerKind.UNKNOWN
    period = ""
    if certificate is not None:
        period = f"{to_local(certificate.not_before):%d/%m/%Y} – {to_local(certificate.not_after):%d/%m/%Y}"
    known = line.documents <= COUNTED
    return SignerRow(
        signer_id=signer.signer_id,
        name=signer.name or _("Không rõ người ký"),
        kind=words.in_language(SIGNERS[kind]),
        organisation=" ".join(filter(None, (signer.organisation, signer.organ_code))),
        issuer=common_name(certificate.issuer) if certificate else "",
        serial=certificate.serial_hex if certificate else "",
        period=period,
        documents=grouped(line.documents) if known else _("hơn {number}", number=grouped(COUNTED)),
        href=asked.href(signer=signer.signer_id, q=None, reason=None, verdict=None),
    )


class Findings:
    """The handler."""

    def __init__(self, store: Store, clock: Clock, sessions: Sessions, pages: Pages, *, rows: int) -> None:
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._pages = pages
        self._rows = rows

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /findings."""
        visitor = await self._sessions.require(request, *READERS)
        asked, now = read_asked(request), self._clock.now()
        buckets = buckets_of(asked.period, now)
        found = await self._store.read(lambda conn: look_up(conn, asked, buckets, self._rows))
        if asked.signer_id and found.signer is None:
            raise NotFound(Code.NOT_FOUND, "no such signer")
        return await self._pages.page(
            request, "findings.html", visitor, lambda: findings_view(found, asked, buckets, now)
        )


def finding_routes(parts: ConsoleParts, pages: Pages, sessions: Sessions) -> Sequence[web.AbstractRouteDef]:
    """The route of the findings."""
    findings = Findings(parts.store, parts.clock, sessions, pages, rows=parts.rules.page_rows)
    return (web.get("/findings", findings.show),)
