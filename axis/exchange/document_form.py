"""A document, or an act on one, as JSON: what systems say that need no edXML library (REST, sidecar files).

Dates are ISO 8601. The form checks shapes and lengths; what a document must say and who may send it is the intake's to
judge, as of every package.

Norm: QCVN 102:2016/BTTTT, whose elements the fields are named after.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, model_validator

from axis.edxml.dates import write_date, write_timestamp
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentHeader,
    DocumentType,
    OtherInfo,
    Party,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    TraceHeader,
)
from axis.exchange.bounds import CODE_CHARACTERS, DOCUMENT_ID_CHARACTERS, ORGAN_CODE_CHARACTERS
from axis.exchange.context import ReceiverTypes
from axis.terms import ActKind, BusinessType, Urgency

_MOST_TARGETS = 100
_MOST_RESPONSES = 2_000
_BUSINESS = {
    ActKind.RECALL: BusinessType.RECALL,
    ActKind.UPDATE: BusinessType.UPDATE,
    ActKind.REPLACE: BusinessType.REPLACE,
}


def _no_nul(text: str) -> str:
    if "\0" in text:
        msg = "holds a NUL character"
        raise ValueError(msg)
    return text


Clean = AfterValidator(_no_nul)
OrganCode = Annotated[str, Field(min_length=1, max_length=ORGAN_CODE_CHARACTERS), Clean]
DocumentIdText = Annotated[str, Field(min_length=1, max_length=DOCUMENT_ID_CHARACTERS), Clean]
Short = Annotated[str, Field(max_length=500), Clean]
Long = Annotated[str, Field(max_length=10_000), Clean]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Day = Annotated[date, Field(strict=True)]  # ISO text, never a number


class Form(BaseModel):
    """A JSON object: nothing but its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class PartyForm(Form):
    """An organisation. Only the code is needed: the node knows the names of those that are registered."""

    organ_id: OrganCode = Field(description="Its code.")
    name: Short | None = None
    organization_in_charge: Short | None = None
    address: Short | None = None
    email: Short | None = None
    telephone: Short | None = None
    fax: Short | None = None
    website: Short | None = None

    def party(self) -> Party:
        """As the package has it."""
        return Party(
            organ_id=self.organ_id,
            organ_name=self.name,
            organization_in_charge=self.organization_in_charge,
            organ_add=self.address,
            email=self.email,
            telephone=self.telephone,
            fax=self.fax,
            website=self.website,
        )


class SignerForm(Form):
    """Who signed the document."""

    competence: Short | None = Field(None, description="TL., KT., TM. …")
    position: Short | None = None
    full_name: Short | None = None


class StaffForm(Form):
    """The clerk who acts: personal data, passed on in the package and nowhere else."""

    department: Short | None = None
    department_id: Short | None = None
    staff: Short | None = None
    staff_id: Short | None = None
    email: Short | None = None
    mobile: Short | None = None


class ResponseForm(Form):
    """An earlier document that this one answers."""

    organ_id: OrganCode | None = None
    code: Annotated[str, Field(max_length=CODE_CHARACTERS), Clean] | None = Field(None, description="number/notation")
    document_id: DocumentIdText | None = None
    promulgation_date: Day | None = None


class TraceForm(Form):
    """A hop that the document has made before."""

    organ_id: OrganCode
    at: AwareDatetime


class TargetForm(Form):
    """A document that an act is about, by its sender's DocumentId."""

    document_id: DocumentIdText
    code: Annotated[str, Field(max_length=CODE_CHARACTERS), Clean] | None = None
    promulgation_date: Day | None = None
    organ_ids: Annotated[tuple[OrganCode, ...], Field(max_length=5_000)] = Field(
        (), description="With replace: for whom it is replaced; none: for all its receivers."
    )


class ActForm(Form):
    """What the package does to documents that were sent before."""

    kind: Literal[ActKind.RECALL, ActKind.UPDATE, ActKind.REPLACE]
    documents: Annotated[tuple[TargetForm, ...], Field(min_length=1, max_length=_MOST_TARGETS)] = Field(
        description="What it is about; with update one document."
    )
    reason: Annotated[str, Field(min_length=1, max_length=4_000), Clean]
    added: Annotated[tuple[OrganCode, ...], Field(max_length=5_000)] = Field((), description="Receivers of an update.")
    removed: Annotated[tuple[OrganCode, ...], Field(max_length=5_000)] = ()
    texts_changed: StrictBool = Field(
        default=True, description="With update: whether the document's texts say something new."
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.kind is ActKind.UPDATE and len(self.documents) > 1:
            msg = "an update is about one document"
        elif self.kind is not ActKind.UPDATE and (self.added or self.removed):
            msg = "added and removed are of an update"
        elif self.kind is not ActKind.REPLACE and any(one.organ_ids for one in self.documents):
            msg = "organ_ids are of a replacement"
        else:
            return self
        raise ValueError(msg)


class DocumentForm(Form):
    """A document that the node puts into a package, or an act on documents that were sent before."""

    sender: PartyForm = Field(description="The organisation of yours that sends.")
    receivers: Annotated[tuple[PartyForm, ...], Field(min_length=1, max_length=5_000)]
    document_id: DocumentIdText | None = Field(
        None,
        description="Your name for it, the same on every try. Left out: From,yyyy/MM/dd,number/notation; of a recall "
        "or an update, that of the document which it is about.",
    )
    number: Annotated[str, Field(max_length=100), Clean] | None = None
    notation: Annotated[str, Field(max_length=150), Clean] | None = None
    promulgation_place: Short | None = None
    promulgation_date: Day | None = None
    type: Literal["1", "2"] | None = Field(None, description="1 quy phạm pháp luật, 2 hành chính.")
    type_detail: Short | None = None
    type_name: Short | None = Field(None, description="Công văn, Quyết định …")
    subject: Long | None = None
    content: Long | None = None
    signer: SignerForm | None = None
    urgency: Annotated[int, Field(strict=True, ge=Urgency.NORMAL, le=max(Urgency))] = Field(
        Urgency.NORMAL, description="0 thường … 4 hỏa tốc hẹn giờ."
    )
    due_date: Day | None = None
    sphere_of_promulgation: Short | None = None
    typer_notation: Short | None = None
    promulgation_amount: Count | None = None
    page_amount: Count | None = None
    direction: Short | None = None
    appendices: Annotated[tuple[Short, ...], Field(max_length=500)] = ()
    reply_fors: Short | None = None
    reference_codes: Short | None = None
    response_for: Annotated[tuple[ResponseForm, ...], Field(max_length=500)] = ()
    tasks: Annotated[tuple[Short, ...], Field(max_length=500)] = ()
    steering_type: Literal["0", "1", "2"] | None = Field(None, description="0 none, 1 steering, 2 report.")
    application_type: Short | None = None
    to_places: Annotated[tuple[Short, ...], Field(max_length=5_000)] = ()
    traces: Annotated[tuple[TraceForm, ...], Field(max_length=100)] = ()
    paper: StrictBool | None = Field(None, description="Whether the paper follows.")
    reason: Annotated[str, Field(max_length=4_000), Clean] | None = None
    staff: StaffForm | None = None
    act: ActForm | None = Field(None, description="Left out: a new document.")

    def header(self, types: ReceiverTypes | None = None) -> DocumentHeader:
        """As the package says it. types: how this node's updates mark whom they add and remove."""
        return DocumentHeader(
            sender=self.sender.party(),
            receivers=tuple(one.party() for one in self.receivers),
            document_id=self._document_id(),
            code=Code(code_number=self.number, code_notation=self.notation),
            promulgation=PromulgationInfo(
                place=self.promulgation_place, promulgation_date=_day(self.promulgation_date)
            ),
            document_type=DocumentType(type=self.type, type_detail=self.type_detail, type_name=self.type_name),
            subject=self.subject,
            content=self.content,
            signer=SignerInfo(**self.signer.model_dump()) if self.signer else SignerInfo(),
            due_date=_day(self.due_date),
            other=self._other(),
            response_for=self._response_for(),
            tasks=self.tasks,
            steering_type=self.steering_type,
            application_type=self.application_type,
            to_places=self.to_places,
            traces=tuple(TraceHeader(organ_id=one.organ_id, timestamp=write_timestamp(one.at)) for one in self.traces),
            business=self._business(types or ReceiverTypes()),
        )

    def _document_id(self) -> str:
        if self.document_id is None and self.act is not None and self.act.kind is not ActKind.REPLACE:
            return self.act.documents[0].document_id
        return self.document_id or ""

    def _other(self) -> OtherInfo:
        return OtherInfo(
            priority=str(int(self.urgency)),
            sphere_of_promulgation=self.sphere_of_promulgation,
            typer_notation=self.typer_notation,
            promulgation_amount=None if self.promulgation_amount is None else str(self.promulgation_amount),
            page_amount=None if self.page_amount is None else str(self.page_amount),
            direction=self.direction,
            appendixes=self.appendices,
            reply_fors=self.reply_fors,
            reference_codes=self.reference_codes,
        )

    def _response_for(self) -> tuple[ResponseFor, ...]:
        said = tuple(_response(one, one.organ_id) for one in self.response_for)
        if self.act is None or self.act.kind is not ActKind.RECALL:
            return said
        if len(self.act.documents) * len(self.receivers) > _MOST_RESPONSES:
            return tuple(_response(target, self.sender.organ_id) for target in self.act.documents)
        # As the known clients write a recall: each document, once for each receiver.
        return tuple(_response(target, to.organ_id) for target in self.act.documents for to in self.receivers)

    def _business(self, types: ReceiverTypes) -> Business:
        act = self.act
        kind = BusinessType.NEW if act is None else _BUSINESS[act.kind]
        return Business(
            document_id=act.documents[0].document_id if act and act.kind is ActKind.UPDATE else None,
            business_doc_type=str(int(kind)),
            business_doc_reason=self.reason if act is None else act.reason,
            paper=None if self.paper is None else str(int(self.paper)),
            document_info=_changes(act, types) if act and act.kind is ActKind.UPDATE else None,
            replacements=_replacements(act) if act and act.kind is ActKind.REPLACE else (),
            staff=StaffInfo(**self.staff.model_dump()) if self.staff else None,
        )


def _response(said: ResponseForm | TargetForm, organ_id: str | None) -> ResponseFor:
    return ResponseFor(
        organ_id=organ_id,
        code=said.code,
        document_id=said.document_id,
        promulgation_date=_day(said.promulgation_date),
    )


def _changes(act: ActForm, types: ReceiverTypes) -> BusinessDocumentInfo:
    marked = ((types.added, act.added), (types.removed, act.removed))
    return BusinessDocumentInfo(
        document_info=str(int(act.texts_changed)),
        document_receiver=str(int(bool(act.added or act.removed))),
        receivers=tuple(Receiver(organ_id=code, receiver_type=kind) for kind, codes in marked for code in codes),
    )


def _replacements(act: ActForm) -> tuple[ReplacementInfo, ...]:
    return tuple(ReplacementInfo(document_id=one.document_id, organ_ids=one.organ_ids) for one in act.documents)


def _day(day: date | None) -> str | None:
    return None if day is None else write_date(day)
