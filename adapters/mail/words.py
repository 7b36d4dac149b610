"""What mails and pages say, in Vietnamese: from a package's header to the values of a template.

Every text of a package is a stranger's: it is made plain here, and escaped by the templates where they are pages.
Nothing here judges: that a document is urgent is what its sender says.

Norm: QĐ 28/2018/QĐ-TTg Art. 6 (the urgency is stated, urgent ones are handled at once), Art. 9 (after a recall the
receiver cancels the document and says so).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from axis.clock import to_local
from axis.edxml.dates import read_date
from axis.edxml.model import Attachment, DocumentHeader, DocumentPackage, Package, Party, StatusPackage
from axis.edxml.rules import business_type, status_code, urgency
from axis.terms import BusinessType, StatusCode, Urgency
from axis.text import one_line, plain

_SHORT, _LONG = 200, 2000
_KB = 1024

URGENCY: Final[Mapping[Urgency, str]] = {
    Urgency.NORMAL: "Thường",
    Urgency.URGENT: "Khẩn",
    Urgency.VERY_URGENT: "Thượng khẩn",
    Urgency.EXPRESS: "Hỏa tốc",
    Urgency.EXPRESS_TIMED: "Hỏa tốc hẹn giờ",
}

BUSINESS: Final[Mapping[BusinessType, str]] = {
    BusinessType.NEW: "Văn bản đến",
    BusinessType.RECALL: "Thu hồi văn bản",
    BusinessType.UPDATE: "Cập nhật văn bản",
    BusinessType.REPLACE: "Văn bản thay thế",
}

STATUS: Final[Mapping[StatusCode, str]] = {
    StatusCode.ARRIVED: "Đã đến",
    StatusCode.REFUSED: "Từ chối tiếp nhận",
    StatusCode.ACCEPTED: "Đã tiếp nhận",
    StatusCode.ASSIGNED: "Đã phân công",
    StatusCode.IN_PROGRESS: "Đang xử lý",
    StatusCode.COMPLETED: "Hoàn thành",
    StatusCode.RECALL_REQUESTED: "Yêu cầu lấy lại",
    StatusCode.AGREED: "Đồng ý",
    StatusCode.DECLINED: "Không đồng ý",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One file, as it is listed."""

    name: str
    size: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What is said of a document, an act on one, or a status."""

    title: str  # "Văn bản đến"
    business: BusinessType | None  # None: a status
    urgency: str  # "" when it is an ordinary one
    code: str  # số, ký hiệu; else the sender's name for the document
    subject: str
    fields: tuple[tuple[str, str], ...]  # what there is, in the order in which people read it
    files: tuple[FileLine, ...]

    @property
    def headline(self) -> str:
        """The subject of a mail about it."""
        mark = f"[{self.urgency}] " if self.urgency else ""
        said = f": {self.subject}" if self.subject else ""
        return f"{mark}{self.title} {self.code}{said}"


def paper(package: Package) -> Paper:
    """What a package says, for people."""
    if isinstance(package, StatusPackage):
        return _status_paper(package)
    return _document_paper(package)


def _document_paper(package: DocumentPackage) -> Paper:
    header = package.header
    business, level = business_type(header), urgency(header)
    reason = header.business.business_doc_reason if header.business and business is not BusinessType.NEW else None
    fields = (
        ("Số, ký hiệu", header.code.text),
        ("Ngày ban hành", _day(header.promulgation.promulgation_date)),
        ("Loại văn bản", header.document_type.type_name),
        ("Trích yếu", header.subject),
        ("Nơi gửi", _party(header.sender)),
        ("Người ký", _signer(header)),
        ("Độ khẩn", URGENCY[level] if level is not Urgency.NORMAL else None),
        ("Hạn xử lý", _day(header.due_date)),
        ("Lý do", reason),
        ("Bản giấy", "Có bản giấy gửi sau" if header.business and header.business.paper == "1" else None),
    )
    return Paper(
        title=BUSINESS[business],
        business=business,
        urgency=URGENCY[level] if level is not Urgency.NORMAL else "",
        code=one_line(header.code.text or header.document_id, _SHORT),
        subject=one_line(header.subject or "", _LONG),
        fields=_filled(fields),
        files=tuple(map(_file, package.attachments)),
    )


def _status_paper(package: StatusPackage) -> Paper:
    header = package.header
    code = status_code(header.status_code)
    about = header.response_for
    staff = header.staff
    fields = (
        ("Văn bản", about.code or about.document_id),
        ("Trạng thái", f"{code} – {STATUS[code]}"),
        ("Nơi báo", _party(header.sender)),
        ("Nội dung", header.description),
        ("Bộ phận", staff.department if staff else None),
        ("Người xử lý", staff.staff if staff else None),
    )
    return Paper(
        title=f"Trạng thái “{STATUS[code]}” của văn bản",
        business=None,
        urgency="",
        code=one_line(about.code or about.document_id or "", _SHORT),
        subject="",
        fields=_filled(fields),
        files=(),
    )


def _filled(fields: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, one_line(value, _LONG)) for name, value in fields if value and value.strip())


def _party(party: Party) -> str:
    return f"{party.organ_name} ({party.organ_id})" if party.organ_name else party.organ_id


def _signer(header: DocumentHeader) -> str:
    signer = header.signer
    position = ", ".join(part for part in (signer.competence, signer.position) if part)
    return " – ".join(part for part in (signer.full_name, position) if part)


def _day(text: str | None) -> str | None:
    """A date as dd/MM/yyyy; what is no date, as it came."""
    if not text:
        return None
    found = read_date(text)
    return text if found is None else f"{found.day:02}/{found.month:02}/{found.year}"


def _file(attachment: Attachment) -> FileLine:
    return FileLine(name=one_line(attachment.name, _SHORT), size=size_text(attachment.size_bytes))


def size_text(size_bytes: int) -> str:
    """A size as people read it."""
    if size_bytes < _KB:
        return f"{size_bytes}\u00a0B"
    value, unit = size_bytes / _KB, "KB"
    if value >= _KB:
        value, unit = value / _KB, "MB"
    return f"{value:.1f}\u00a0{unit}".replace(".", ",")


def moment_text(at: datetime) -> str:
    """A moment as people read it, Vietnamese time."""
    return f"{to_local(at):%H:%M ngày %d/%m/%Y}"


def _finalize(value: object) -> object:
    return plain(value) if type(value) is str else value


def templates(*, pages: bool) -> Environment:
    """The templates: pages are escaped, plain texts are not."""
    return Environment(
        loader=PackageLoader("adapters.mail"),
        autoescape=pages,  # noqa: S701 - what is not escaped is plain text
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
