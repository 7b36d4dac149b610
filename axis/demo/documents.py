"""Writes the demo's packages: letters of the city's agencies, and the vendor's samples readdressed.

Numbers, names and texts are invented. A package's DocumentId is fresh each time, so that a demo can be played on the
same data again and again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import count

from axis.clock import to_local
from axis.demo.paper import Letter, make_pdf
from axis.demo.seals import Seals
from axis.edxml.attachments import Declared, attach
from axis.edxml.model import (
    Attachment,
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentHeader,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Party,
    PromulgationInfo,
    Receiver,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    StatusHeader,
    StatusPackage,
    TraceHeader,
)
from axis.edxml.reader import read
from axis.resources import resource
from axis.terms import BusinessType, StatusCode, Urgency

_PDF = "application/pdf"
_PLACE = "Hải Phòng"
_STAFF = StaffInfo(department="Văn thư", staff="Văn thư (bản trình diễn)", email="vanthu@demo.invalid")

STATUS_WORDS = {
    StatusCode.ARRIVED: "Văn bản đã đến phần mềm quản lý văn bản, văn thư chưa xử lý",
    StatusCode.REFUSED: "Từ chối tiếp nhận: nội dung không thuộc thẩm quyền của đơn vị",
    StatusCode.ACCEPTED: "Văn thư đã tiếp nhận, vào sổ văn bản đến",
    StatusCode.ASSIGNED: "Lãnh đạo đã phân công xử lý",
    StatusCode.IN_PROGRESS: "Chuyên viên đang xử lý",
    StatusCode.COMPLETED: "Đã hoàn thành xử lý",
    StatusCode.AGREED: "Đồng ý với yêu cầu của nơi gửi",
    StatusCode.DECLINED: "Không đồng ý: văn bản đã được xử lý xong",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a clerk types in before a letter is numbered."""

    sender: str
    receivers: tuple[str, ...]
    notation: str
    subject: str
    body: tuple[str, ...]
    signer: str = "Nguyễn Văn Mẫu"
    position: str = "Giám đốc"
    urgency: Urgency = Urgency.NORMAL
    enclosure: str = ""  # title of a second file


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """The document that a status or an act is about."""

    organ_id: str  # who sent it, or whom a status goes to
    document_id: str
    code: str
    promulgation_date: str

    def of(self, document_id: str) -> "About":
        """Another document of the same sender, of which only the DocumentId is known."""
        return self if document_id == self.document_id else replace(self, document_id=document_id, code="")


def about(package: DocumentPackage) -> About:
    """What others say when they mean this package's document."""
    header = package.header
    return About(
        organ_id=header.sender.organ_id,
        document_id=header.document_id,
        code=header.code.text,
        promulgation_date=header.promulgation.promulgation_date or "",
    )


class Desk:
    """Numbers documents and names their parties."""

    def __init__(self, names: Mapping[str, str], now: datetime, seals: Seals | None = None) -> None:
        """names: organisation code → name. now: aware; tells the date, and the first number.

        seals: what the letters' PDFs are signed with; without them they stay unsigned.
        """
        self._names = names
        self._seals = seals
        self._now = to_local(now)
        midnight = self._now.replace(hour=0, minute=0, second=0, microsecond=0)
        # Tenths of a second of the day: never the same twice unless a demo is played at the same moment again.
        first = (self._now - midnight) // timedelta(milliseconds=100)
        self._numbers = count(first + 1)  # one iterator for all threads: two never get the same number

    @property
    def today(self) -> date:
        """The date that documents bear."""
        return self._now.date()

    def number(self) -> str:
        """A number that no document of the demo has had today."""
        return str(next(self._numbers))

    def party(self, code: str) -> Party:
        """An organisation as packages name it."""
        name = self._names.get(code, code)
        return Party(organ_id=code, organ_name=name, organization_in_charge=name, email="vanthu@demo.invalid")

    def letter(self, draft: Draft) -> DocumentPackage:
        """A new document with one PDF, or two; with seals they are signed: for threads then."""
        number = f"{self.number()}/{draft.notation}"
        page = Letter(
            issuer=self._names[draft.sender],
            place=_PLACE,
            number=number,
            day=self.today,
            subject=draft.subject,
            receivers=tuple(self._names[code] for code in draft.receivers),
            paragraphs=draft.body,
            position=draft.position,
            signer=draft.signer,
        )
        files = [_attachment(1, number.replace("/", "_") + ".pdf", self._pdf(page, draft.sender))]
        if draft.enclosure:
            enclosed = self._pdf(replace(page, subject=draft.enclosure), draft.sender, appendix=True)
            files.append(_attachment(2, "Phu luc.pdf", enclosed))
        return DocumentPackage(header=self._header(draft, number), attachments=tuple(files))

    def _pdf(self, page: Letter, sender: str, *, appendix: bool = False) -> bytes:
        content = make_pdf(page)
        return self._seals.sign_letter(content, sender, self._now, appendix=appendix) if self._seals else content

    def _header(self, draft: Draft, number: str) -> DocumentHeader:
        code_number, notation = number.split("/", 1)
        return DocumentHeader(
            sender=self.party(draft.sender),
            receivers=tuple(self.party(code) for code in draft.receivers),
            document_id=self.document_id(draft.sender, number),
            code=Code(code_number=code_number, code_notation=notation),
            promulgation=PromulgationInfo(place=_PLACE, promulgation_date=f"{self.today:%Y/%m/%d}"),
            document_type=DocumentType(type="2", type_detail="0", type_name="Công văn"),
            subject=draft.subject,
            content=draft.subject,
            signer=SignerInfo(position=draft.position, full_name=draft.signer),
            due_date=f"{self.today + timedelta(days=14):%Y/%m/%d}",
            other=OtherInfo(priority=str(int(draft.urgency)), promulgation_amount="1", page_amount="1"),
            steering_type="0",
            to_places=tuple(self._names[code] for code in draft.receivers),
            traces=(self._trace(draft.sender),),
            business=Business(
                business_doc_type="0", business_doc_reason="Văn bản điện tử mới", paper="0", staff=_STAFF
            ),
        )

    def document_id(self, sender: str, number: str) -> str:
        """The norm's form: organisation, date, number/notation."""
        return f"{sender},{self.today:%Y/%m/%d},{number}"

    def _trace(self, sender: str) -> TraceHeader:
        return TraceHeader(organ_id=sender, timestamp=f"{self._now:%Y/%m/%d %H:%M:%S}")

    def sample(self, name: str, sender: str, receivers: Sequence[str]) -> DocumentPackage:
        """One of the vendor's document samples under a fresh number, between organisations of the demo."""
        package = read(resource(f"config/samples/{name}.edxml").read_bytes())
        if not isinstance(package, DocumentPackage):
            raise TypeError(name)
        header = package.header
        number = f"{self.number()}/{header.code.code_notation}"
        return replace(
            package,
            header=replace(
                header,
                sender=self.party(sender),
                receivers=tuple(self.party(code) for code in receivers),
                document_id=self.document_id(sender, number),
                code=replace(header.code, code_number=number.split("/", 1)[0]),
                promulgation=replace(header.promulgation, promulgation_date=f"{self.today:%Y/%m/%d}"),
                due_date=None,
                response_for=(),
                traces=(self._trace(sender),),
                business=replace(header.business or Business(), document_id=None, staff=_STAFF),
            ),
        )

    def renumbered(self, package: DocumentPackage) -> DocumentPackage:
        """The same document under a fresh number and DocumentId, of today: a document of its own."""
        header = package.header
        number = self.number()
        code = replace(header.code, code_number=number)
        return replace(
            package,
            header=replace(
                header,
                document_id=self.document_id(header.sender.organ_id, code.text),
                code=code,
                promulgation=replace(header.promulgation, promulgation_date=f"{self.today:%Y/%m/%d}"),
            ),
        )

    def status(self, organ: str, subject: About, code: StatusCode) -> StatusPackage:
        """What `organ` says of a document, to that document's sender."""
        return StatusPackage(
            header=StatusHeader(
                sender=self.party(organ),
                response_for=ResponseFor(
                    organ_id=subject.organ_id,
                    code=subject.code,
                    document_id=subject.document_id,
                    promulgation_date=subject.promulgation_date,
                ),
                staff=_STAFF,
                status_code=code.value,
                description=STATUS_WORDS[code],
                timestamp=f"{self._now:%Y/%m/%d %H:%M:%S}",
            )
        )


def recall(package: DocumentPackage, target: About, receivers: Sequence[str]) -> DocumentPackage:
    """A recall sample, aimed at `target`."""
    response = tuple(
        ResponseFor(
            organ_id=code,
            code=target.code,
            document_id=target.document_id,
            promulgation_date=target.promulgation_date,
        )
        for code in receivers
    )
    return _same_document(replace(package, header=replace(package.header, response_for=response)), target)


def update(package: DocumentPackage, target: About, added: str) -> DocumentPackage:
    """An update sample, aimed at `target`, that adds a receiver."""
    business = package.header.business or Business()
    info = BusinessDocumentInfo(
        document_info="1",
        document_receiver="1",
        receivers=(Receiver(organ_id=added, receiver_type="0"),),
    )
    business = replace(business, document_id=target.document_id, document_info=info)
    return _same_document(replace(package, header=replace(package.header, business=business)), target)


def replacement(package: DocumentPackage, target: About, organs: Sequence[str]) -> DocumentPackage:
    """A replacement sample that closes `target` for `organs`; it is a new document itself."""
    business = replace(
        package.header.business or Business(),
        replacements=(ReplacementInfo(document_id=target.document_id, organ_ids=tuple(organs)),),
    )
    return replace(package, header=replace(package.header, business=business))


def _same_document(package: DocumentPackage, target: About) -> DocumentPackage:
    """An act carries the DocumentId and number of the document that it acts on, as the samples do."""
    number, _, notation = target.code.partition("/")
    header = replace(
        package.header,
        document_id=target.document_id,
        code=Code(code_number=number, code_notation=notation),
    )
    return replace(package, header=header)


def act_targets(package: DocumentPackage, kind: BusinessType) -> tuple[str, ...]:
    """The DocumentIds that an act of recall or update is about."""
    header = package.header
    if kind is BusinessType.RECALL:
        named = tuple(one.document_id for one in header.response_for if one.document_id)
        if named:
            return tuple(dict.fromkeys(named))
    if header.business and header.business.document_id:
        return (header.business.document_id,)
    return (header.document_id,)


def is_added(package: DocumentPackage, organ: str) -> bool:
    """Whether an update adds this receiver."""
    business = package.header.business
    info = business.document_info if business else None
    return info is not None and any(one.organ_id == organ and one.receiver_type == "0" for one in info.receivers)


def _attachment(position: int, name: str, content: bytes) -> Attachment:
    declared = Declared(content_id=f"cid:{position}", name=name, description=name, content_type=_PDF)
    return attach(declared, content)
