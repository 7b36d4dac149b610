"""What the first page says to an auditor: what deserves a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web
from sqlalchemy import Connection

from axis.store.findings_view import Buckets, FindingCounts, finding_counts
from axis.store.queries import owed_checks
from axis.terms import Role
from axis.trust.model import Overall
from axis.web.console import words
from axis.web.console.findings import buckets_of, reason_look
from axis.web.console.home import Card, HomeProvider
from axis.web.console.language import _, grouped, n_
from axis.web.console.parts import ConsoleParts
from axis.web.console.sessions import Visitor

_PERIOD: Final = "30"
_REASONS: Final = 3
_WEIGHTY: Final = (Overall.INVALID, Overall.INDETERMINATE, Overall.VALID_WITH_WARNINGS, Overall.UNSIGNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What was read."""

    counts: FindingCounts
    owed: int  # packages whose signatures have to be looked at


def look_over(conn: Connection, buckets: Buckets) -> Standing:
    """What there is to look at, in one read."""
    return Standing(counts=finding_counts(conn, buckets), owed=sum(owed_checks(conn).values()))


def auditor_cards(found: Standing) -> tuple[Card, ...]:
    """The cards: verdicts that are anything but valid, the reasons behind the worst, what is still owed, the record."""
    cards = []
    for word in _WEIGHTY:
        number, look = found.counts.by_word.get(word, 0), words.verdict(word)
        if number and look:
            cards.append(
                Card(
                    title=grouped(number),
                    text=f"{look.word}: {_reasons(found.counts, word) or _('trong 30 ngày qua')}",
                    href=f"/findings?verdict={word}",
                    icon=look.icon,
                    tone=look.tone,
                )
            )
    if not cards:
        text = _("Mọi chữ ký đã kiểm tra trong 30 ngày qua đều hợp lệ.")
        cards.append(Card(title=_("Không có gì cần xem"), text=text, href="/findings", icon="seal", tone="green"))
    if found.owed:
        cards.append(
            Card(
                title=grouped(found.owed),
                text=n_("{n} gói tin chờ kiểm tra chữ ký", found.owed),
                href="/findings?verdict=indeterminate",
                icon="clock",
                tone="amber",
            )
        )
    past, journal = _("Hàng chờ tại một thời điểm"), _("Nhật ký")
    cards.append(Card(title=past, text=_("Cái gì chờ ai, lúc đó"), href="/past", icon="clock"))
    cards.append(Card(title=journal, text=_("Ai đã xem, tải, làm gì"), href="/views", icon="search"))
    return tuple(cards)


def _reasons(counts: FindingCounts, word: str) -> str:
    """The most frequent reasons of the tone of a verdict, in words."""
    look = words.verdict(word)
    found = [(sum(each), reason_look(reason)) for reason, each in counts.by_reason.items()]
    fitting = sorted(
        (one for one in found if look and one[1].tone == look.tone and one[1].word != look.word),
        key=lambda one: (-one[0], one[1].word),
    )
    return ", ".join(f"{reason.word} ({grouped(number)})" for number, reason in fitting[:_REASONS])


def auditor_home(parts: ConsoleParts) -> HomeProvider:
    """What auditors are told on the first page."""

    async def provide(_request: web.Request, visitor: Visitor) -> Sequence[Card]:
        if Role.AUDITOR not in visitor.roles:
            return ()
        buckets = buckets_of(_PERIOD, parts.clock.now())
        return auditor_cards(await parts.store.read(lambda conn: look_over(conn, buckets)))

    return provide
