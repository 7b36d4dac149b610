"""The way of a document to one receiver as a small map: its stops, how far it has come, whose turn it is."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from axis.store.document_view import ReceiverView
from axis.store.records import Document
from axis.store.travel_view import Travel
from axis.terms import DeliveryState, Origin, Place, StatusCode, TransportState
from axis.web.console.failures import failure
from axis.web.console.language import _
from axis.web.console.moments import Moment, moment

State = Literal["past", "now", "failed", "ahead", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A system on the way."""

    word: str
    name: str
    icon: str
    state: State
    said: str  # what state that is, in a word
    at: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteMap:
    """The whole way."""

    stops: tuple[Stop, ...]
    turn: str  # whose turn it is
    error: str  # why it does not go on, in plain words


def route_map(document: Document, view: ReceiverView, now: datetime) -> RouteMap:
    """The map for one receiver."""
    first = view.travels[0] if view.travels else None
    stops = [_sender(document, now)]
    if document.origin is Origin.UPLINK:
        stops.append(_stop(_("Trục liên thông khác"), document.source_system, "globe", "past", None))
    if view.delivery.place is Place.ELSEWHERE:
        stops.append(_stop(_("Trục liên thông khác"), "", "globe", "unknown", None))
    else:
        stops.append(_stop(_("Trục này"), "", "axis", "past", moment(document.received_at, now)))
    if first is not None and view.delivery.place is Place.UPLINK:
        stops.append(_uplink(first, now))
    stops.append(_receiver(view, first, now))
    why = failure(first.consignment.last_error) if first and _fails(first) else None
    return RouteMap(stops=tuple(stops), turn=_turn(view, first, now), error=why.words if why else "")


def _stop(word: str, name: str, icon: str, state: State, at: Moment | None) -> Stop:
    said = {
        "past": _("đã qua"),
        "now": _("đang ở đây"),
        "failed": _("đang lỗi"),
        "ahead": _("chưa tới"),
        "unknown": _("không có thông tin"),
    }
    return Stop(word=word, name=name, icon=icon, state=state, said=said[state], at=at)


def _sender(document: Document, now: datetime) -> Stop:
    name = document.sender_name or document.from_organ
    return _stop(_("Hệ thống của bên gửi"), name, "person", "past", moment(document.received_at, now))


def _fails(travel: Travel) -> bool:
    return travel.consignment.state in (TransportState.RETRYING, TransportState.DEAD)


def _uplink(travel: Travel, now: datetime) -> Stop:
    gone = travel.consignment
    at = moment(gone.handed_over_at, now) if gone.handed_over_at else None
    state: State = "failed" if _fails(travel) else "now"
    if gone.state is TransportState.ACKNOWLEDGED:
        state = "past"
    elif gone.state in (TransportState.QUEUED, TransportState.CANCELLED):
        state = "ahead"
    return _stop(_("Trục quốc gia"), gone.uplink_id or "", "globe", state, at)


def _receiver(view: ReceiverView, travel: Travel | None, now: datetime) -> Stop:
    delivery = view.delivery
    name = view.name or delivery.receiver_name or delivery.receiver_organ
    state: State = "ahead"
    at = None
    if delivery.status_code is not None:
        state = "past" if delivery.status_code == StatusCode.COMPLETED else "now"
        at = moment(delivery.status_at, now) if delivery.status_at else None
    elif travel is None:
        state = "unknown"
    elif delivery.place is Place.LOCAL and _fails(travel):
        state = "failed"
    elif travel.consignment.acknowledged_at is not None:
        state, at = "now", moment(travel.consignment.acknowledged_at, now)
    return _stop(_("Hệ thống của bên nhận"), name, "inbox", state, at)


def _turn(view: ReceiverView, travel: Travel | None, now: datetime) -> str:
    """Whose turn it is, in a sentence; "" where nobody has to do anything."""
    if view.delivery.state is not DeliveryState.OPEN:
        return ""
    if view.delivery.status_code is not None:
        return _turn_by_status(view.delivery.status_code)
    if travel is None:
        return _("Trục khác chuyển văn bản cho nơi nhận này; trục này không có thông tin")
    if travel.held_at(now) is not None:
        return _("Đến lượt người vận hành trục: văn bản đang được giữ lại.")
    return _turn_of_transport(travel, now)


def _turn_by_status(code: str) -> str:
    if code == StatusCode.ARRIVED:
        return _("Đến lượt văn thư bên nhận: tiếp nhận hoặc từ chối.")
    if code == StatusCode.REFUSED:
        return _("Đến lượt bên gửi: văn bản bị từ chối.")
    if code == StatusCode.COMPLETED:
        return _("Đã xong.")
    if code == StatusCode.RECALL_REQUESTED:
        return _("Đến lượt bên nhận: trả lời yêu cầu lấy lại.")
    return _("Đến lượt bên nhận: xử lý văn bản.")


def _turn_of_transport(travel: Travel, now: datetime) -> str:
    gone = travel.consignment
    if gone.state is TransportState.RETRYING:
        if travel.next_at is None:
            return _("Đến lượt trục: đã thử {times} lần, sẽ thử lại.", times=gone.failures)
        soon = moment(travel.next_at, now).short
        return _("Đến lượt trục: đã thử {times} lần, thử lại {moment}.", times=gone.failures, moment=soon)
    if gone.state is TransportState.DEAD:
        return _("Đến lượt người vận hành trục, hoặc bên gửi gửi lại: trục không tự thử nữa.")
    if gone.state is TransportState.HANDED_OVER:
        return _("Đến lượt bên nhận: xác nhận đã lấy gói tin.")
    if gone.state is TransportState.ACKNOWLEDGED:
        return _("Đến lượt văn thư bên nhận: tiếp nhận hoặc từ chối.")
    if gone.state is TransportState.CANCELLED:
        return ""
    if gone.place is Place.UPLINK:
        return _("Đến lượt trục: chuyển lên trục quốc gia.")
    return _("Đến lượt hệ thống của bên nhận: đến lấy gói tin.")
