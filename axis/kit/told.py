"""Evidence, as sentences: what was seen, when, under which id."""

from collections.abc import Iterable
from datetime import datetime

from axis.clock import to_local
from axis.kit.proxy import NotedCall
from axis.kit.words import Words
from axis.store.records import Consignment, Document, StatusEvent
from axis.terms import TransportState


def moment(at: datetime | None) -> str:
    """A moment for people, in Vietnamese time."""
    return "–" if at is None else f"{to_local(at):%d/%m/%Y %H:%M:%S}"


def document(one: Document) -> Words:
    """A document that the vendor sent."""
    at = moment(one.received_at)
    return Words(
        f"văn bản {one.document_id} (số {one.code or '–'}), trục nhận lúc {at}, gói tin {one.package_id}",
        f"document {one.document_id} (number {one.code or '–'}), taken at {at}, package {one.package_id}",
    )


def documents(several: Iterable[Document]) -> tuple[Words, ...]:
    """Documents, a sentence each."""
    return tuple(map(document, several))


def statuses(events: Iterable[StatusEvent]) -> tuple[Words, ...]:
    """Statuses, a sentence each."""
    return tuple(map(status, events))


def status(event: StatusEvent) -> Words:
    """A status that somebody said."""
    at = moment(event.received_at)
    reason = f" “{event.description[:200]}”" if event.description else ""
    return Words(
        f"trạng thái {event.status_code} của {event.from_organ} lúc {at}{reason}, gói tin {event.package_id}",
        f"status {event.status_code} by {event.from_organ} at {at}{reason}, package {event.package_id}",
    )


def hand_over(one: Consignment) -> Words:
    """How a package came to the vendor."""
    fetched, taken = moment(one.handed_over_at), moment(one.acknowledged_at)
    if one.state is TransportState.ACKNOWLEDGED:
        return Words(
            f"gói tin {one.package_id}: lấy lúc {fetched} ({one.fetched} lần), xác nhận lúc {taken}",
            f"package {one.package_id}: fetched at {fetched} ({one.fetched} times), acknowledged at {taken}",
        )
    if one.handed_over_at is not None:
        return Words(
            f"gói tin {one.package_id}: lấy lúc {fetched} ({one.fetched} lần), chưa xác nhận",
            f"package {one.package_id}: fetched at {fetched} ({one.fetched} times), not acknowledged",
        )
    return Words(f"gói tin {one.package_id}: chưa được lấy", f"package {one.package_id}: not fetched yet")


def failures(one: Consignment) -> tuple[Words, ...]:
    """That the vendor's software reported that it could not use a package."""
    if not one.failures:
        return ()
    return (
        Words(
            f"phần mềm báo không nhận được (fail) {one.failures} lần",
            f"the software reported failure (fail) {one.failures} times",
        ),
    )


def call(one: NotedCall) -> Words:
    """A call of the vendor's software."""
    at, size = moment(one.at), one.request_bytes
    if one.status is None:
        return Words(
            f"cuộc gọi {one.operation} lúc {at}: {size} byte, không có trả lời",
            f"call {one.operation} at {at}: {size} bytes, no answer",
        )
    return Words(
        f"cuộc gọi {one.operation} lúc {at}: {size} byte, trả lời {one.status} sau {one.seconds:.1f} giây",
        f"call {one.operation} at {at}: {size} bytes, answer {one.status} after {one.seconds:.1f} s",
    )
