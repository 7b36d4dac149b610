"""What goes in and out of the API as JSON. Field descriptions stand in the OpenAPI description and on the docs page.

Moments are RFC 3339 in UTC. Lists hold `next`, which is handed back to get the following page; without it there is
none.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from axis.delivery.explain import DecidedBy, Said
from axis.errors import Code
from axis.exchange.values import Acknowledgement, Outcome
from axis.terms import DeliveryState, DocumentState, EventKind, PackageKind, Place, StatusCode, TransportState

Next = Annotated[str | None, Field(description="Hand it back as `after` for the following page; null: no more.")]


class Model(BaseModel):
    """A JSON object: nothing but its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(Model):
    """Why a call failed (RFC 9457)."""

    type: str = Field(description="Address of this code's entry on the docs page.")
    title: str = Field(description="What happened, in Vietnamese.")
    title_en: str = Field(description="The same in English.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What to do, in Vietnamese.")
    detail_en: str = Field(description="The same in English.")
    code: Code = Field(description="The stable word that programs look at.")
    reason: str | None = Field(None, description="Technical detail.")
    at: str | None = Field(None, description="The element path, header or parameter that is wrong.")
    instance: str = Field(description="The path that was called.")
    request_id: str = Field(description="Names this call in the node's log.")
    retry: Literal["never", "later"] = Field(description="Whether the same call can succeed later.")


# ── Organisations ──────────────────────────────────────────────────────────────────────────────────────────────


class OrganOut(Model):
    """A registered organisation."""

    organ_id: str = Field(description="Its code.")
    name: str
    parent_id: str | None
    level: int | None = Field(description="1 ministry or province … 4 ward or unit, as the registry says.")
    email: str | None
    status: str = Field(description="active or closed.")
    successor_id: str | None = Field(description="Of a closed one: who takes its documents.")
    other_codes: tuple[str, ...]
    connected: bool = Field(description="Whether a system connected here acts for it, itself or an ancestor's.")
    served_by_you: bool


class OrganList(Model):
    """A page of organisations, by code."""

    items: tuple[OrganOut, ...]
    next: Next


class RouteStepOut(Model):
    """One step of a router's decision."""

    step: Said = Field(description="The stable word for what was looked at and found.")
    facts: dict[str, str] = Field(description="Codes, names and systems that the sentences speak of.")
    vi: str
    en: str


class RouteOut(Model):
    """How a package from one organisation to another goes now."""

    from_organ: str
    to_organ: str
    decided_by: DecidedBy = Field(description="The rule that decides.")
    organ_id: str | None = Field(description="Who gets it: a successor, where the one that you named is closed.")
    place: Place | None = Field(description="As of a receiver; null: refused.")
    system_id: str | None = Field(description="The system that takes it, where it is reached here.")
    uplink_id: str | None = Field(description="The other axis that takes it.")
    error: Code | None = Field(description="Why it is refused.")
    leads_somewhere: bool = Field(description="false: refused, only recorded, or waiting until somebody is connected.")
    steps: tuple[RouteStepOut, ...]


# ── Packages ───────────────────────────────────────────────────────────────────────────────────────────────────


class AcceptedOut(Model):
    """A package was taken in, durably."""

    outcome: Outcome = Field(description="accepted: new; repeated: known, the first answer again.")
    kind: PackageKind
    package_id: str = Field(description="Of the first package, when repeated.")
    document_uid: str | None = Field(description="The document that it carries, acts on or answers; null: not known.")


class GoesTo(Model):
    """Where a package goes."""

    receiver_organ: str
    receiver_name: str | None
    addressed_as: str = Field(description="The code that you wrote; another one where that is closed or an old one.")
    place: Place = Field(description="local: a system connected here; uplink: another axis; elsewhere: recorded only.")
    state: TransportState | None = Field(description="How far it has come; null: another axis carries it.")


class SentOut(AcceptedOut):
    """A package that the node made was taken in, durably."""

    document_id: str = Field(description="The document's name in the package.")
    signed: bool | None = Field(description="Whether the node signed it; null: repeated, the first package counts.")
    receivers: tuple[GoesTo, ...]


class PendingOut(Model):
    """A package that waits for your system."""

    package_id: str
    kind: PackageKind
    urgency: int = Field(description="0 normal … 4 express, timed.")
    from_organ: str
    receivers: tuple[str, ...] = Field(description="Of the organisations that your system serves, those that wait.")
    document_id: str
    code: str | None
    subject: str | None
    size_bytes: int
    received_at: datetime
    state: TransportState


class PendingList(Model):
    """A page of what waits, by urgency and age."""

    items: tuple[PendingOut, ...]
    next: Next


class AcknowledgeIn(Model):
    """How your system fares with a package (transport, never a processing status)."""

    state: Acknowledgement = Field(
        description="done: you have it. fail: list it again later. processing: leave it listed. initial: list it again."
    )


# ── Statuses ───────────────────────────────────────────────────────────────────────────────────────────────────


class StaffIn(Model):
    """Who acted: personal data, passed on in the package and nowhere else."""

    department: str | None = Field(None, max_length=500)
    staff: str | None = Field(None, max_length=500)
    email: str | None = Field(None, max_length=320)
    mobile: str | None = Field(None, max_length=50)


class StatusIn(Model):
    """A processing status of one of your organisations, which the node puts into a status package."""

    document_uid: str = Field(description="The document, as the node names it.")
    organ_id: str = Field(description="Which of your organisations speaks.", max_length=128)
    receiver_organ: str | None = Field(
        None, max_length=128, description="With 13, which its sender says: the receiver that is asked."
    )
    code: StatusCode
    reason: str = Field("", max_length=4_000, description="Must be given with 02 and 13.")
    staff: StaffIn | None = None
    said_at: datetime | None = Field(
        None, description="When it was said (with offset); the same again makes the same package. Left out: now."
    )


class ReturnIn(Model):
    """One of your organisations gives back what was misaddressed."""

    organ_id: str = Field(description="Which of your organisations gives it back.", min_length=1, max_length=128)
    reason: str = Field(description="Why; the sender reads it.", min_length=1, max_length=2_000)
    staff: StaffIn | None = None
    said_at: datetime | None = Field(None, description="As of a status.")


class ForwardIn(Model):
    """One of your organisations passes a document on to one below it."""

    organ_id: str = Field(description="Which of your organisations passes it on.", min_length=1, max_length=128)
    to_organ: str = Field(description="Who gets it, by any of its codes.", min_length=1, max_length=128)
    reason: str = Field(description="Why; the sender reads it.", min_length=1, max_length=2_000)


class ForwardedOut(Model):
    """A document was passed on, durably."""

    delivery_id: str = Field(description="Of the organisation that gets it.")
    to_organ: str = Field(description="Its code; its successor's, where the one that you named is closed.")
    changed: bool = Field(description="false: it had been passed on before.")


# ── Documents ──────────────────────────────────────────────────────────────────────────────────────────────────


class DocumentOut(Model):
    """A document."""

    document_uid: str
    document_id: str = Field(description="The sender's name for it.")
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
    standing: DocumentState = Field(description="Whether it is in force for anybody, all receivers taken together.")
    verdict: str | None = Field(description="What was found of its signatures; null: not looked at.")
    package_id: str


class DocumentList(Model):
    """A page of documents, newest first."""

    items: tuple[DocumentOut, ...]
    next: Next


class FileOut(Model):
    """A file of the document."""

    position: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str


class PackageOut(Model):
    """A package that carries the document, or acts on it."""

    package_id: str
    business_type: int | None
    from_organ: str
    sha256: str
    size_bytes: int
    received_at: datetime


class AnswerOut(Model):
    """A receiver's answer to an act."""

    receiver_organ: str
    answer: str | None = Field(description="agreed, declined, or null: still open.")
    answered_at: datetime | None


class ActOut(Model):
    """A recall, update, replacement, or request to take back."""

    act_id: str
    package_id: str
    kind: str
    from_organ: str
    reason: str | None
    received_at: datetime
    answers: tuple[AnswerOut, ...]


class DeliveryOut(Model):
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
    status_code: str | None = Field(description="null: the receiver has not said anything yet.")
    status_at: datetime | None
    standing: DeliveryState = Field(description="What the sender has done with the document at this receiver since.")
    forwarded_from: str | None = Field(description="The delivery from which this one was passed on.")
    returned_at: datetime | None = Field(description="When the receiver gave it back as misaddressed.")
    return_reason: str | None
    state: TransportState | None = Field(description="How far the latest package has come; null: another axis has it.")
    queued_at: datetime | None
    handed_over_at: datetime | None
    acknowledged_at: datetime | None


class DeliveryList(Model):
    """A page of deliveries: documents newest first, receivers by code."""

    items: tuple[DeliveryOut, ...]
    next: Next


class DocumentDetail(Model):
    """A document as your system may see it: its sender everything, a receiver what concerns it."""

    document: DocumentOut
    sent: bool = Field(description="Your system acts for its sender.")
    received: bool = Field(description="Your system acts for a receiver.")
    files: tuple[FileOut, ...]
    packages: tuple[PackageOut, ...]
    acts: tuple[ActOut, ...]
    deliveries: DeliveryList = Field(description="The first of them; go on with GET /deliveries.")


# ── Events ─────────────────────────────────────────────────────────────────────────────────────────────────────


class EventOut(Model):
    """Something your system is told."""

    place: int = Field(description="Its place in your feed: go on from the last one that you have dealt with.")
    event_id: str
    kind: EventKind
    at: datetime
    document_uid: str | None
    package_id: str | None
    organ_id: str | None
    fields: dict[str, Any]


class EventList(Model):
    """What your system is told, in order."""

    items: tuple[EventOut, ...]
    last: int = Field(description="Place of the last event here, else your `after`: hand it back as `after`.")


class LimitsOut(Model):
    """What this node takes, in numbers; the unit stands in the name."""

    limits: dict[str, float]
