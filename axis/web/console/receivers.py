"""The receivers of a document, each with its timeline, as values ready to be shown."""

from dataclasses import dataclass
from datetime import datetime

from axis.store.document_view import EventView, ReceiverView
from axis.store.records import Delivery, Document
from axis.store.travel_view import Travel
from axis.terms import DeliveryState, Origin, Place, TransportState
from axis.web.console import words
from axis.web.console.failures import failure
from axis.web.console.moments import Moment, moment, number
from axis.web.console.progress import Step, steps
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

    @property
    def reached(self) -> bool:
        """It has said something: there are steps to show."""
        return any(step.state != "ahead" for step in self.steps)


def receiver(document: Document, view: ReceiverView, now: datetime, *, unfolded: bool) -> Receiver:
    """A receiver as the page of a document shows it."""
    delivery = view.delivery
    first = view.travels[0] if view.travels else None
    since = delivery.status_at or (_reached(first) if first else None)
    return Receiver(
        anchor=f"r-{delivery.delivery_id}",
        name=view.name or delivery.receiver_name or delivery.receiver_organ,
        code=delivery.receiver_organ,
        note=_note(view),
        look=words.situation(delivery.status_code, _way(delivery.place, first), now),
        closed=None if delivery.state is DeliveryState.OPEN else words.DELIVERY_STATE[delivery.state],
        since=moment(since, now) if since else None,
        steps=steps(delivery.status_code),
        entries=_timeline(document, view, now),
        earlier_events=view.earlier_events,
        unfolded=unfolded,
    )


def travel_words(travel: Travel, now: datetime, *, taken: str) -> str:
    """How far an act or a status has come on its way; taken: what to say once it has been fetched."""
    if travel.consignment.state is TransportState.ACKNOWLEDGED:
        return taken
    if travel.held_at(now):
        return words.HELD.word
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
    passed = [f"Chuyển tiếp từ {view.forwarded_by}"] if view.forwarded_by else []
    if view.forwarded_to:
        passed.append(f"Đã chuyển tiếp cho {', '.join(view.forwarded_to)}")
    if view.delivery.returned_at is not None:
        passed.append("Đã trả lại: " + (view.delivery.return_reason or "gửi không đúng nơi nhận").rstrip("."))
    renamed = f"Nay là {view.name_now}" if view.name_now != view.name else None
    return ". ".join(filter(None, (_addressed_otherwise(view), renamed, *passed))) or None


def _addressed_otherwise(view: ReceiverView) -> str | None:
    delivery, named = view.delivery, view.addressed
    if delivery.addressed_as == delivery.receiver_organ:
        return None
    if named is not None and named.closed and named.organ_id != delivery.receiver_organ:
        return f"Nhận thay {named.name} ({delivery.addressed_as}), cơ quan đã ngừng hoạt động"
    return f"Văn bản ghi nơi nhận là {delivery.addressed_as}"


def _timeline(document: Document, view: ReceiverView, now: datetime) -> tuple[Entry, ...]:
    """What happened, oldest first; what is so now stands last."""
    begun = Look(word="Trục đã nhận", tone="grey", icon="inbox")
    dated: list[tuple[datetime, Entry]] = [
        (document.received_at, Entry(at=moment(document.received_at, now), look=begun, title=_received(document)))
    ]
    open_ends: list[Entry] = []
    for travel in view.travels:
        dated += _hops(travel, now)
        if travel.consignment.state in _OPEN:
            open_ends.append(_open(travel, now))
    if not view.travels and view.delivery.place is Place.ELSEWHERE:
        title = "Trục khác chuyển văn bản cho nơi nhận này; trục này không có thông tin"
        open_ends.append(Entry(at=None, look=words.OTHER_AXIS, title=title))
    dated += [(one.event.received_at, _status(one, now)) for one in view.events]
    dated += _closed(view.delivery, now)
    dated.sort(key=lambda pair: pair[0])  # stable: of one moment, in the order of the way
    return (*(entry for _, entry in dated), *open_ends)


def _closed(delivery: Delivery, now: datetime) -> list[tuple[datetime, Entry]]:
    """What the sender, or the receiver's answer to the sender, made of the delivery; the latest of it is kept."""
    if delivery.state_at is None:
        return []
    look = words.DELIVERY_STATE[delivery.state]
    title = "Có hiệu lực trở lại" if delivery.state is DeliveryState.OPEN else look.word
    return [(delivery.state_at, Entry(at=moment(delivery.state_at, now), look=look, title=title))]


def _received(document: Document) -> str:
    if document.origin is Origin.UPLINK:
        return "Trục nhận văn bản từ trục liên thông khác"
    return "Trục nhận văn bản từ hệ thống của bên gửi"


def _hops(travel: Travel, now: datetime) -> list[tuple[datetime, Entry]]:
    """When a package was handed over and when that was confirmed."""
    gone = travel.consignment
    up = gone.place is Place.UPLINK
    what = f"Gói tin {words.business(travel.business_type).lower()}: " if travel.business_type in (1, 2) else ""
    hops = []
    if gone.handed_over_at is not None:
        to = "lên trục quốc gia" if up else "cho hệ thống của bên nhận"
        look = words.TRANSPORT[TransportState.HANDED_OVER]
        notes = (f"Đã lấy {number(gone.fetched)} lần",) if gone.fetched > 1 else ()
        title = f"{what}Đã chuyển {to}, chờ xác nhận"
        hops.append(
            (gone.handed_over_at, Entry(at=moment(gone.handed_over_at, now), look=look, title=title, notes=notes))
        )
    if gone.acknowledged_at is not None:
        by = "Trục quốc gia xác nhận bên nhận đã lấy gói tin" if up else "Hệ thống của bên nhận xác nhận đã lấy gói tin"
        look = words.TRANSPORT[TransportState.ACKNOWLEDGED]
        hops.append((gone.acknowledged_at, Entry(at=moment(gone.acknowledged_at, now), look=look, title=f"{what}{by}")))
    return hops


def _open(travel: Travel, now: datetime) -> Entry:
    """A package that is not on its way, and why."""
    gone = travel.consignment
    if (hold := travel.held_at(now)) is not None:
        return Entry(at=None, look=words.HELD, title=words.HELD.word, text=hold.reason)
    look = words.transport(_way(gone.place, travel), now)
    title = look.word
    if gone.state is TransportState.QUEUED and gone.place is Place.LOCAL:
        title = "Chờ hệ thống của bên nhận đến lấy gói tin"
    why = failure(gone.last_error) if gone.state in _FAILED else None
    notes = [f"Chi tiết kỹ thuật: {why.technical}"] if why and why.technical else []
    if gone.state is TransportState.DEAD:
        notes.append("Trục không tự thử nữa: bên gửi gửi lại văn bản, hoặc người vận hành cho chuyển lại.")
    return Entry(at=None, look=look, title=title, text=why.words if why else "", notes=tuple(notes))


def _status(view: EventView, now: datetime) -> Entry:
    event = view.event
    look = words.status(event.status_code)
    notes = [words.EFFECT[event.effect]] if event.effect in words.EFFECT else []
    if event.reported_at:
        notes.append(f"Giờ ghi trong trạng thái: {event.reported_at}")
    if view.travel is not None:
        way = travel_words(view.travel, now, taken="Hệ thống của bên gửi đã lấy")
        notes.append(f"Chuyển về bên gửi: {way[:1].lower()}{way[1:]}")
    return Entry(
        at=moment(event.received_at, now),
        look=look,
        title=look.word,
        who=", ".join(part for part in (event.staff, event.department) if part),
        text=event.description or "",
        notes=tuple(notes),
    )
