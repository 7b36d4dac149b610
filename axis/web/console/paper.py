"""The page of one document, as values ready to be shown."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from axis.store.document_view import ELSEWHERE, STUCK, DocumentDetail, ReceiverPage
from axis.store.records import Document
from axis.terms import BusinessType, DocumentState
from axis.web.console import words
from axis.web.console.acts import ActBox, Link, act_box, related
from axis.web.console.deskwork import DeskCard
from axis.web.console.language import _
from axis.web.console.moments import Moment, day, moment, number
from axis.web.console.packages import Carrier, carrier
from axis.web.console.progress import Count, Progress, progress
from axis.web.console.receivers import Receiver, Today, receiver
from axis.web.console.signatures import SignatureTrail, signature_trail
from axis.web.console.words import Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A name and a value. copied: the value is a code that people copy."""

    name: str
    value: str
    copied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One choice of receivers."""

    count: Count
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperPage:
    """A document's page."""

    uid: str
    code: str
    subject: str
    sender: str
    sender_code: str
    received: Moment
    urgency: Look | None
    business: str | None  # only when it is more than a new document
    facts: tuple[Fact, ...]
    flags: tuple[str, ...]
    related: tuple[Link, ...]
    progress: Progress
    remarks: tuple[Filter, ...]  # what somebody should look at, of several receivers
    filters: tuple[Filter, ...]
    all_href: str | None  # from a choice of receivers back to all
    receivers: tuple[Receiver, ...]
    next_href: str | None
    first_href: str | None
    carrier: Carrier | None
    acts: tuple[ActBox, ...]
    identifiers: tuple[Fact, ...]
    state: Look | None  # of the document as a whole; none while it is in force
    verdict: Look  # whether it is genuine, or that nobody has looked yet
    turn: str  # whose turn it is, where there is one receiver; "" where nobody has to do anything
    deadline: Look | None  # how much time that one receiver has left
    trail: SignatureTrail
    desk: DeskCard | None = None  # what a clerk may do with it


def paper_page(detail: DocumentDetail, page: ReceiverPage, today: Today) -> PaperPage:
    """The page for what was read."""
    document, now = detail.document, today.now
    stand = progress(detail.tallies, now)
    trail = signature_trail(detail.trail, now)
    carriers = {
        view.package.package_id: carrier(
            document.document_uid,
            view,
            now,
            trail.files if view.package.package_id == document.package_id else {},
        )
        for view in detail.packages
    }
    last = detail.receivers[-1].delivery.receiver_organ if detail.receivers else ""
    alone = stand.single and len(detail.receivers) == 1
    receivers = tuple(receiver(document, view, today, unfolded=alone) for view in detail.receivers)
    return PaperPage(
        uid=document.document_uid,
        code=document.code or _("Không số"),
        subject=document.subject or _("(không có trích yếu)"),
        sender=detail.sender_name or document.sender_name or document.from_organ,
        sender_code=document.from_organ,
        received=moment(document.received_at, now),
        urgency=words.urgency(document.urgency),
        business=None if document.business_type == BusinessType.NEW else words.business(document.business_type),
        facts=_facts(detail),
        flags=tuple(words.flag(flag) for flag in document.flags.split()),
        related=_related(detail, now),
        progress=stand,
        remarks=_choices(document.document_uid, stand.remarks, page),
        filters=_filters(document.document_uid, stand, page),
        all_href=_href(document.document_uid) if page.only else None,
        receivers=receivers,
        next_href=_href(document.document_uid, only=page.only, after=last) if detail.has_more_receivers else None,
        first_href=_href(document.document_uid, only=page.only) if page.after else None,
        carrier=carriers.get(document.package_id),
        acts=tuple(act_box(view, carriers, now) for view in detail.acts),
        identifiers=_identifiers(document),
        state=None if document.state is DocumentState.OPEN else words.said(words.DOCUMENT_STATE[document.state]),
        verdict=words.verdict(document.verdict) or words.said(words.UNJUDGED),
        turn=receivers[0].way.turn if alone else "",
        deadline=receivers[0].deadline if alone else None,
        trail=trail,
    )


def _facts(detail: DocumentDetail) -> tuple[Fact, ...]:
    """What the head tells, leaving out what the package does not say."""
    document, now = detail.document, detail.sender_name_now
    facts = (
        Fact(name=_("Nơi gửi nay là"), value=now if now and now != detail.sender_name else ""),
        Fact(name=_("Loại văn bản"), value=document.type_name or ""),
        Fact(name=_("Ngày ban hành"), value=day(document.promulgation_date)),
        Fact(name=_("Hạn xử lý"), value=day(document.due_date)),
        Fact(name=_("Lần ban hành"), value=str(document.edition) if document.edition > 1 else ""),
    )
    return tuple(fact for fact in facts if fact.value)


def _identifiers(document: Document) -> tuple[Fact, ...]:
    return (
        Fact(name=_("Mã định danh văn bản"), value=document.document_id, copied=True),
        Fact(name=_("Mã văn bản trên trục"), value=document.document_uid, copied=True),
        Fact(name=_("Mã gói tin"), value=document.package_id, copied=True),
        Fact(name=_("Mã cơ quan gửi"), value=document.from_organ, copied=True),
        Fact(name=_("Nguồn"), value=f"{_(words.ORIGIN[document.origin])}: {document.source_system}"),
    )


def _related(detail: DocumentDetail, now: datetime) -> tuple[Link, ...]:
    mine = detail.document.edition
    editions = (
        related(_("Bản trước") if other.edition < mine else _("Bản thay thế"), other, now) for other in detail.editions
    )
    # Newest first; an edition of its own is among the others already.
    successors = {view.brings.document_uid: view.brings for view in detail.acts if view.brings}
    for known in detail.editions:
        successors.pop(known.document_uid, None)
    by = (related(_("Được thay thế bằng"), other, now) for other in successors.values())
    return (*by, *(related(_("Thay thế văn bản"), other, now) for other in detail.replaces), *editions)


def _filters(uid: str, stand: Progress, page: ReceiverPage) -> tuple[Filter, ...]:
    """The counts as choices; a single receiver needs none."""
    counts = list(stand.counts) if stand.total > 1 else []
    if stand.elsewhere:
        counts.append(Count(look=words.said(words.OTHER_AXIS), number=number(stand.elsewhere), only=ELSEWHERE))
    if page.only in STUCK:
        counts += [count for count in stand.remarks if count.only == page.only]
    return _choices(uid, counts, page)


def _choices(uid: str, counts: Iterable[Count], page: ReceiverPage) -> tuple[Filter, ...]:
    return tuple(
        Filter(count=count, href=_href(uid, only=count.only), chosen=count.only == page.only) for count in counts
    )


def _href(uid: str, **query: str | None) -> str:
    given = {name: value for name, value in query.items() if value}
    return f"/documents/{uid}?{urlencode(given)}" if given else f"/documents/{uid}"
