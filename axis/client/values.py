"""What the node answers, as frozen values. Fields that a newer node adds are passed over.

The meaning of each field stands in the node's own description (`/api/v1/docs`).
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from axis.terms import PackageKind, Place, StatusCode, TransportState


class Value(BaseModel):
    """A JSON object."""

    model_config = ConfigDict(frozen=True, extra="ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file that goes with a document: content of its own, or an upload that is there whole."""

    name: str
    content: bytes | Path | None = None
    upload_id: str | None = None
    description: str | None = None


class Accepted(Value):
    """A package was taken in."""

    outcome: str
    kind: PackageKind
    package_id: str
    document_uid: str | None


class GoesTo(Value):
    """Where a package goes."""

    receiver_organ: str
    receiver_name: str | None
    addressed_as: str
    place: Place
    state: TransportState | None


class SentDocument(Accepted):
    """A document was taken in."""

    document_id: str
    signed: bool | None
    receivers: tuple[GoesTo, ...]


class Organ(Value):
    """A registered organisation."""

    organ_id: str
    name: str
    parent_id: str | None
    level: int | None
    email: str | None
    status: str
    successor_id: str | None
    other_codes: tuple[str, ...]
    connected: bool
    served_by_you: bool


class Pending(Value):
    """A package that waits for you."""

    package_id: str
    kind: PackageKind
    urgency: int
    from_organ: str
    receivers: tuple[str, ...]
    document_id: str
    code: str | None
    subject: str | None
    size_bytes: int
    received_at: datetime
    state: TransportState


class Document(Value):
    """A document."""

    document_uid: str
    document_id: str
    edition: int
    from_organ: str
    sender_name: str | None
    code: str | None
    promulgation_date: str | None
    subject: str | None
    type_name: str | None
    urgency: int
    due_date: str | None
    business_type: int
    received_at: datetime
    flags: tuple[str, ...]
    verdict: str | None
    package_id: str


class DocumentFile(Value):
    """A file of a document."""

    position: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class CarriedBy(Value):
    """A package that carries a document, or acts on it."""

    package_id: str
    business_type: int | None
    from_organ: str
    sha256: str
    size_bytes: int
    received_at: datetime


class Answer(Value):
    """A receiver's answer to an act."""

    receiver_organ: str
    answer: str | None
    answered_at: datetime | None


class Act(Value):
    """A recall, update, replacement or request."""

    act_id: str
    package_id: str
    kind: str
    from_organ: str
    reason: str | None
    received_at: datetime
    answers: tuple[Answer, ...]


class Delivery(Value):
    """A document at one receiver."""

    delivery_id: str
    document_uid: str
    document_id: str
    code: str | None
    subject: str | None
    from_organ: str
    receiver_organ: str
    receiver_name: str | None
    addressed_as: str
    place: Place
    status_code: StatusCode | None
    status_at: datetime | None
    state: TransportState | None
    queued_at: datetime | None
    handed_over_at: datetime | None
    acknowledged_at: datetime | None


class Deliveries(Value):
    """A page of deliveries."""

    items: tuple[Delivery, ...]
    next: str | None


class DocumentDetail(Value):
    """A document with all that belongs to it, and its first deliveries."""

    document: Document
    sent: bool
    received: bool
    files: tuple[DocumentFile, ...]
    packages: tuple[CarriedBy, ...]
    acts: tuple[Act, ...]
    deliveries: Deliveries


class Event(Value):
    """Something that you are told. kind: a word; a newer node may have more of them."""

    place: int
    event_id: str
    kind: str
    at: datetime
    document_uid: str | None
    package_id: str | None
    organ_id: str | None
    fields: dict[str, Any]


class Forwarded(Value):
    """A document was passed on."""

    delivery_id: str
    to_organ: str
    changed: bool


class RouteStep(Value):
    """One step of how a receiver is reached."""

    step: str
    facts: dict[str, str]
    vi: str
    en: str


class Route(Value):
    """How a receiver is reached, and why."""

    from_organ: str
    to_organ: str
    decided_by: str
    organ_id: str | None
    place: Place | None
    system_id: str | None
    uplink_id: str | None
    error: str | None
    leads_somewhere: bool
    steps: tuple[RouteStep, ...]


class Webhook(Value):
    """A subscription."""

    webhook_id: str
    url: str
    kinds: tuple[str, ...]
    name: str
    enabled: bool
    place: int
    attempts: int
    failing_since: datetime | None
    last_status: int | None
    last_words: str
    last_at: datetime | None
    created_at: datetime


class WebhookSecret(Webhook):
    """A subscription with its secret, which is shown once."""

    secret: str


class Told(Value):
    """What became of a test event."""

    taken: bool
    status: int | None
    words: str


class Digest(Value):
    """A day's list in short."""

    direction: str
    count: int
    sha256: str


class Day(Value):
    """A day's lists in short."""

    day: date
    lists: tuple[Digest, ...]


class Item(Value):
    """One package of a day's list."""

    direction: str
    sha256: str
    kind: PackageKind
    business_type: int | None
    from_code: str
    document_id: str
    receivers: tuple[str, ...]
    package_id: str | None = None


class Found(Value):
    """What the node knows of one item."""

    sha256: str
    known: str
    missing: tuple[str, ...]
    package_id: str | None
