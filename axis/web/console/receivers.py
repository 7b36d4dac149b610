"""The receivers of a document, each with its timeline, as values ready to be shown."""

from dataclasses import dataclass
from datetime import datetime

from axis.calendar.working import Calendar
from axis.store.document_view import EventView, ReceiverView
from axis.store.records import Delivery, Document
from axis.store.travel_view import Travel
from axis.terms import DeliveryState, Origin, Place, TransportState
from axis.web.console import words
from axis.web.console.countdown import countdown, owed_at
from axis.web.console.failures import failure
from axis.web.console.language import _, n_
from axis.web.console.moments import Moment, moment
from axis.web.console.progress import Step, steps
from axis.web.console.route_map import RouteMap, route_map
from axis.web.console.words import Look, Transport

_FAILED = (TransportState.RETRYING, TransportState.DEAD)
_OPEN = (TransportState.QUEUED, TransportState.RETRYING, TransportState.DEAD, TransportState.CANCELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of a timeline. at: None for what is so now."""

    at: Moment | None
    look: Look
    title: str
    who: str = ""
    text: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """One receiver."""

    anchor: str
    name: str
    code: str
    note: str | None  # why it gets what names another code
    look: Look
    closed: Look | None  # what the sender has done with the document here; none while it is in force
    since: Moment | None
    steps: tuple[Step, ...]
    entries: tuple[Entry, ...]
    earlier_events: int
    unfolded: bool
    way: RouteMap
    deadline: Look | None  # how much time is left for the next thing that it owes

    @property
    def reached(self) -> bool:
        """It has said something: there are steps to show."""
        return any(step.state != "ahead" for step in self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """When it is, and how time is counted."""

    now: datetime
    calendar: Calendar

    @property
    def moment(self) -> Moment:
        """It, as people read it."""
        return moment(self.now, self.now)


def receiver(document: Document, view: ReceiverView, today: Today, *, unfolded: bool) -> Receiver:
    """A receiver as the page of a document shows it."""
    now = today.now
    delivery = view.delivery
    first = view.travels[0] if view.travels else None
    since = delivery.status_at or (_reached(first) if first else None)
    return Receiver(
        anchor=f"r-{delivery.delivery_id}",
        name=view.name or delivery.receiver_name or delivery.receiver_organ,
        code=delivery.receiver_organ,
        note=_note(view),
        look=words.situation(delivery.status_code, _way(delivery.place, first), now),
        closed=None if delivery.state is DeliveryState.OPEN else words.said(words.DELIVERY_STATE[delivery.state]),
        since=moment(since, now) if since else None,
        steps=steps(delivery.status_code),
        entries=_timeline(document, view, now),
        earlier_events=view.earlier_events,
        unfolded=unfolded,
        way=route_map(document, view, now),
        deadline=countdown(owed_at(delivery), now, today.calendar),
    )


def travel_words(travel: Travel, now: datetime, *, taken: str) -> str:
    """How far an act or a status has come on its way; taken: what to say once it has been fetched."""
    if travel.consignment.state is TransportState.ACKNOWLEDGED:
        return taken
    if travel.held_at(now):
        return _(words.HELD.word)
    return words.transport(_way(travel.consignment.place, travel), now).word


def _way(place: Place, travel: Travel | None) -> Transport:
    if travel is None:
        return Transport(place=place, state=None)
    gone = travel.consignment
    return Transport(place=gone.place, state=gone.state, failures=gone.failures, next_at=travel.next_at)


def _reached(travel: Travel) -> datetime:
    """Since when a package is where it is."""
    gone = travel.consignment
    return gone.acknowledged_at or gone.handed_over_at or gone.queued_at


def _note(view: ReceiverView) -> str | None:
    """Why it gets what names another, and what it is called today."""
    passed = [_("Chuyển tiếp từ {organ}", organ=view.forwarded_by)] if view.forwarded_by else []
    if view.forwarded_to:
        passed.append(_("Đã chuyển tiếp cho {organs}", organs=", ".join(view.forwarded_to)))
    if view.delivery.returned_at is not None:
        reason = (view.delivery.return_reason or _("gửi không đúng nơi nhận")).rstrip(".")
        passed.append(_("Đã trả lại: {reason}", reason=reason))
    renamed = _("Nay là {name}", name=view.name_now) if view.name_now != view.name else None
    return ". ".join(filter(None, (_addressed_otherwise(view), renamed, *passed))) or None


def _addressed_otherwise(view: ReceiverView) -> str | None:
    delivery, named = view.delivery, view.addressed
    if delivery.addressed_as == delivery.receiver_organ:
        return None
    if named is not None and named.closed and named.organ_id != delivery.receiver_organ:
        return _("Nhận thay {name} ({code}), cơ quan đã ngừng hoạt động", name=named.name, code=delivery.addressed_as)
    return _("Văn bản ghi nơi nhận là {code}", code=delivery.addressed_as)


def _timeline(document: Document, view: ReceiverView, now: datetime) -> tuple[Entry, ...]:
    """What happened, oldest first; what is so now stands last."""
    begun = Look(word=_("Trục đã nhận"), tone="grey", icon="inbox")
    dated: list[tuple[datetime, Entry]] = [
        (document.received_at, Entry(at=moment(document.received_at, now), look=begun, title=_received(document)))
    ]
    open_ends: list[Entry] = []
    for travel in view.travels:
        dated += _hops(travel, now)
        if travel.consignment.state in _OPEN:
            open_ends.append(_open(travel, now))
    if not view.travels and view.delivery.place is Place.ELSEWHERE:
        title = _("Trục khác chuyển văn bản cho nơi nhận này; trục này không có thông tin")
        open_ends.append(Entry(at=None, look=words.said(words.OTHER_AXIS), title=title))
    dated += [(one.event.received_at, _status(one, now)) for one in view.events]
    dated += _closed(view.delivery, now)
    dated.sort(key=lambda pair: pair[0])  # stable: of one moment, in the order of the way
    return (*(entry for _, entry in dated), *open_ends)


def _closed(delivery: Delivery, now: datetime) -> list[tuple[datetime, Entry]]:
    """What the sender, or the receiver's answer to the sender, made of the delivery; the latest of it is kept."""
    if delivery.state_at is None:
        return []
    look = words.said(words.DELIVERY_STATE[delivery.state])
    title = _("Có hiệu lực trở lại") if delivery.state is DeliveryState.OPEN else look.word
    return [(delivery.state_at, Entry(at=moment(delivery.state_at, now), look=look, title=title))]


def _received(document: Document) -> str:
    if document.origin is Origin.UPLINK:
        return _("Trục nhận văn bản từ trục liên thông khác")
    return _("Trục nhận văn bản từ hệ thống của bên gửi")


def _hops(travel: Travel, now: datetime) -> list[tuple[datetime, Entry]]:
    """When a package was handed over and when that was confirmed."""
    gone = travel.consignment
    up = gone.place is Place.UPLINK
    what = ""
    if travel.business_type in (1, 2):
        what = _("Gói tin {business}: ", business=words.business(travel.business_type).lower())
    hops = []
    if gone.handed_over_at is not None:
        there = _("Đã chuyển cho hệ thống của bên nhận, chờ xác nhận")
        title = what + (_("Đã chuyển lên trục quốc gia, chờ xác nhận") if up else there)
        look = words.said(words.TRANSPORT[TransportState.HANDED_OVER])
        notes = (n_("Đã lấy {n} lần", gone.fetched),) if gone.fetched > 1 else ()
        hops.append(
            (gone.handed_over_at, Entry(at=moment(gone.handed_over_at, now), look=look, title=title, notes=notes))
        )
    if gone.acknowledged_at is not None:
        by = _("Trục quốc gia xác nhận bên nhận đã lấy gói tin")
        if not up:
            by = _("Hệ thống của bên nhận xác nhận đã lấy gói tin")
        look = words.said(words.TRANSPORT[TransportState.ACKNOWLEDGED])
        hops.append((gone.acknowledged_at, Entry(at=moment(gone.acknowledged_at, now), look=look, title=f"{what}{by}")))
    return hops


def _open(travel: Travel, now: datetime) -> Entry:
    """A package that is not on its way, and why."""
    gone = travel.consignment
    if (hold := travel.held_at(now)) is not None:
        held = words.said(words.HELD)
        return Entry(at=None, look=held, title=held.word, text=hold.reason)
    look = words.transport(_way(gone.place, travel), now)
    title = look.word
    if gone.state is TransportState.QUEUED and gone.place is Place.LOCAL:
        title = _("Chờ hệ thống của bên nhận đến lấy gói tin")
    why = failure(gone.last_error) if gone.state in _FAILED else None
    notes = [_("Chi tiết kỹ thuật: {detail}", detail=why.technical)] if why and why.technical else []
    if gone.state is TransportState.DEAD:
        notes.append(_("Trục không tự thử nữa: bên gửi gửi lại văn bản, hoặc người vận hành cho chuyển lại."))
    return Entry(at=None, look=look, title=title, text=why.words if why else "", notes=tuple(notes))


def _status(view: EventView, now: datetime) -> Entry:
    event = view.event
    look = words.status(event.status_code)
    notes = [_(words.EFFECT[event.effect])] if event.effect in words.EFFECT else []
    if event.reported_at:
        notes.append(_("Giờ ghi trong trạng thái: {time}", time=event.reported_at))
    if view.travel is not None:
        way = travel_words(view.travel, now, taken=_("Hệ thống của bên gửi đã lấy"))
        notes.append(_("Chuyển về bên gửi: {way}", way=f"{way[:1].lower()}{way[1:]}"))
    return Entry(
        at=moment(event.received_at, now),
        look=look,
        title=look.word,
        who=", ".join(part for part in (event.staff, event.department) if part),
        text=event.description or "",
        notes=tuple(notes),
    )
