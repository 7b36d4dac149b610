"""What the partners send to the vendor: a letter for each case, each with a subject that says what to do with it."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from axis.clock import to_local
from axis.edxml.attachments import Declared, attach
from axis.edxml.dates import write_date, write_timestamp
from axis.edxml.model import (
    Business,
    BusinessDocumentInfo,
    Code,
    DocumentHeader,
    DocumentPackage,
    DocumentType,
    OtherInfo,
    Party,
    PromulgationInfo,
    ReplacementInfo,
    ResponseFor,
    SignerInfo,
    StaffInfo,
    TraceHeader,
)
from axis.edxml.writer import to_bytes, write
from axis.kit.codes import BEHAVIOURS, VENDOR_NAME, Partner
from axis.kit.seal import SIGNED, new_signer, sign_badly
from axis.terms import BusinessType

_PDF = "application/pdf"
_STAFF = StaffInfo(department="Văn thư", staff="Văn thư (thử nghiệm)", email="vanthu@kit.invalid")
_NAME = "Quyết định ban hành Quy chế (bản cuối).pdf"
_BOM = b"\xef\xbb\xbf"


class LetterId(StrEnum):
    """A letter of the kit."""

    PLAIN = "plain"
    SEVERAL = "several"
    LARGE = "large"
    NAMES = "names"
    ODD = "odd"
    BADSIG = "badsig"
    MISADDRESSED = "misaddressed"
    RECALLED = "recalled"
    UPDATED = "updated"
    REPLACED = "replaced"
    AGAIN = "again"


class Follow(StrEnum):
    """What comes after a letter, once the vendor has acknowledged it."""

    NOTHING = "nothing"
    RECALL = "recall"
    UPDATE = "update"
    REPLACE = "replace"
    AGAIN = "again"  # the same package is listed once more


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter, before it is numbered."""

    id: LetterId
    sender: Partner
    subject: str
    files: tuple[str, ...] = ("Công văn.pdf",)
    follow: Follow = Follow.NOTHING


LETTERS: dict[LetterId, Letter] = {
    letter.id: letter
    for letter in (
        Letter(
            id=LetterId.PLAIN,
            sender=Partner.OK,
            subject="KIT plain: tiếp nhận và xử lý đến hoàn thành (01, 03, 04, 05, 06)",
        ),
        Letter(
            id=LetterId.SEVERAL,
            sender=Partner.OK,
            subject="KIT several: văn bản có ba tệp; tiếp nhận (01, 03)",
            files=("Tờ trình.pdf", "Phụ lục I.pdf", "Phụ lục II.pdf"),
        ),
        Letter(
            id=LetterId.LARGE,
            sender=Partner.OK,
            subject="KIT large: tệp lớn; tiếp nhận (01, 03)",
            files=("Bản vẽ.pdf",),
        ),
        Letter(
            id=LetterId.NAMES,
            sender=Partner.OK,
            subject="KIT names: tên tệp tiếng Việt dựng sẵn và tổ hợp; tiếp nhận (01, 03)",
            files=(unicodedata.normalize("NFC", _NAME), unicodedata.normalize("NFD", "Đường sắt – " + _NAME)),
        ),
        Letter(
            id=LetterId.ODD, sender=Partner.OK, subject="KIT odd: gói tin khác thường nhưng hợp lệ; tiếp nhận (01, 03)"
        ),
        Letter(
            id=LetterId.BADSIG,
            sender=Partner.BADSIG,
            subject=f"KIT badsig ({SIGNED}): chữ ký hỏng; không tiếp nhận (không 03), nên từ chối (02)",
        ),
        Letter(
            id=LetterId.MISADDRESSED, sender=Partner.OK, subject="KIT misaddressed: gửi nhầm; từ chối (02) và nêu lý do"
        ),
        Letter(
            id=LetterId.RECALLED,
            sender=Partner.OK,
            subject="KIT recalled: tiếp nhận (01, 03); sẽ bị thu hồi, khi đó trả lời 15 hoặc 16",
            follow=Follow.RECALL,
        ),
        Letter(
            id=LetterId.UPDATED,
            sender=Partner.OK,
            subject="KIT updated: tiếp nhận (01, 03); sẽ có cập nhật, khi đó trả lời 15 hoặc 16",
            follow=Follow.UPDATE,
        ),
        Letter(
            id=LetterId.REPLACED,
            sender=Partner.OK,
            subject="KIT replaced: tiếp nhận (01, 03); sẽ có văn bản thay thế",
            follow=Follow.REPLACE,
        ),
        Letter(
            id=LetterId.AGAIN,
            sender=Partner.OK,
            subject="KIT again: tiếp nhận (01, 03); gói tin sẽ đến lần thứ hai",
            follow=Follow.AGAIN,
        ),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """A letter as it stands in a package: what others name it by."""

    letter: Letter
    document_id: str
    code: str
    promulgation_date: str


class Desk:
    """Writes the letters of one run. Blocking: for threads."""

    def __init__(self, vendor: str, now: datetime, large_bytes: int) -> None:
        """vendor: the organisation that they go to. now: aware; gives the numbers, so that runs do not meet."""
        self._vendor = vendor
        self._now = now
        self._large_bytes = large_bytes
        self._signer = new_signer("Cơ quan thử nghiệm (chữ ký hỏng)", now)
        self._number = int(now.timestamp())

    def sign_badly(self, raw: bytes) -> bytes:
        """A package of the partner that signs badly."""
        return sign_badly(raw, self._signer)

    def numbered(self, letter: Letter) -> Numbered:
        """A letter's number, the same each time."""
        code = f"{self._number}/KIT-{letter.id.upper()}"
        day = write_date(to_local(self._now).date())
        return Numbered(letter=letter, document_id=f"{letter.sender},{day},{code}", code=code, promulgation_date=day)

    def write_letter(self, letter: Letter, folder: Path) -> Path:
        """The letter's package as a file in the folder."""
        path = folder / f"{letter.id}.edxml"
        package = self._package(letter, folder)
        if letter.id is LetterId.BADSIG:
            path.write_bytes(self.sign_badly(to_bytes(package)))
        elif letter.id is LetterId.ODD:
            path.write_bytes(_BOM + to_bytes(_odd(package, self._now)))
        else:
            with path.open("wb") as out:
                write(package, out)
        return path

    def write_follow(self, letter: Letter, folder: Path) -> Path:
        """The act that follows a letter, as a file."""
        path = folder / f"{letter.id}-{letter.follow}.edxml"
        build: dict[Follow, Callable[[Letter], DocumentPackage]] = {
            Follow.RECALL: self._recall,
            Follow.UPDATE: self._update,
            Follow.REPLACE: self._replace,
        }
        path.write_bytes(to_bytes(build[letter.follow](letter)))
        return path

    def replacing(self, letter: Letter) -> Numbered:
        """The document that takes the place of a letter's."""
        first = self.numbered(letter)
        code = f"{first.code}-MOI"
        return replace(first, code=code, document_id=f"{letter.sender},{first.promulgation_date},{code}")

    def _package(self, letter: Letter, folder: Path) -> DocumentPackage:
        attachments = []
        for position, name in enumerate(letter.files, start=1):
            content = make_pdf(f"Axis {letter.id} {position}")
            declared = Declared(content_id=f"cid:{position}", name=name, description=name, content_type=_PDF)
            if letter.id is LetterId.LARGE:
                source = folder / "large.pdf"
                with source.open("wb") as out:
                    out.write(content)
                    _pad(out.write, self._large_bytes - len(content))
                attachments.append(attach(declared, source))
            else:
                attachments.append(attach(declared, content))
        return DocumentPackage(header=self._header(letter, self.numbered(letter)), attachments=tuple(attachments))

    def _header(self, letter: Letter, named: Numbered) -> DocumentHeader:
        number, _, notation = named.code.partition("/")
        return DocumentHeader(
            sender=party(letter.sender),
            receivers=(Party(organ_id=self._vendor, organ_name=VENDOR_NAME),),
            document_id=named.document_id,
            code=Code(code_number=number, code_notation=notation),
            promulgation=PromulgationInfo(place="Hải Phòng", promulgation_date=named.promulgation_date),
            document_type=DocumentType(type="2", type_detail="0", type_name="Công văn"),
            subject=letter.subject,
            content=letter.subject,
            signer=SignerInfo(position="Giám đốc", full_name="Nguyễn Văn Thử"),
            other=OtherInfo(priority="0", promulgation_amount="1", page_amount="1"),
            steering_type="0",
            traces=(TraceHeader(organ_id=letter.sender, timestamp=write_timestamp(self._now)),),
            business=_business(BusinessType.NEW, "Văn bản điện tử mới"),
        )

    def _recall(self, letter: Letter) -> DocumentPackage:
        named = self.numbered(letter)
        target = ResponseFor(
            organ_id=self._vendor,
            code=named.code,
            document_id=named.document_id,
            promulgation_date=named.promulgation_date,
        )
        header = replace(
            self._header(letter, named),
            subject="KIT recall: thu hồi văn bản; trả lời 15 (đồng ý) hoặc 16 (không đồng ý)",
            response_for=(target,),
            business=_business(BusinessType.RECALL, "Văn bản ban hành có sai sót (thử nghiệm)"),
        )
        return DocumentPackage(header=header)

    def _update(self, letter: Letter) -> DocumentPackage:
        named = self.numbered(letter)
        info = BusinessDocumentInfo(document_info="1", document_receiver="0")
        business = replace(
            _business(BusinessType.UPDATE, "Cập nhật trích yếu (thử nghiệm)"),
            document_id=named.document_id,
            document_info=info,
        )
        header = replace(
            self._header(letter, named),
            subject="KIT update: trích yếu đã được cập nhật; trả lời 15 hoặc 16",
            business=business,
        )
        return DocumentPackage(header=header)

    def _replace(self, letter: Letter) -> DocumentPackage:
        target, own = self.numbered(letter), self.replacing(letter)
        replaced = ReplacementInfo(document_id=target.document_id, organ_ids=(self._vendor,))
        business = replace(
            _business(BusinessType.REPLACE, "Thay thế văn bản có sai sót (thử nghiệm)"), replacements=(replaced,)
        )
        header = replace(
            self._header(letter, own), subject="KIT replace: văn bản thay thế; tiếp nhận (01, 03)", business=business
        )
        declared = Declared(content_id="cid:1", name="Công văn thay thế.pdf", content_type=_PDF)
        return DocumentPackage(header=header, attachments=(attach(declared, make_pdf("Axis replacing")),))


def party(code: str) -> Party:
    """A partner as packages name it."""
    return Party(organ_id=code, organ_name=BEHAVIOURS[Partner(code)].name, email="vanthu@kit.invalid")


def _business(kind: BusinessType, reason: str) -> Business:
    return Business(business_doc_type=str(int(kind)), business_doc_reason=reason, paper="0", staff=_STAFF)


def _odd(package: DocumentPackage, now: datetime) -> DocumentPackage:
    """What real clients write: no Bussiness, days first, an empty ResponseFor.

    Peer: packages of several vendors.
    """
    local = to_local(now)
    header = replace(
        package.header,
        business=None,
        promulgation=PromulgationInfo(place="Hải Phòng", promulgation_date=f"{local:%d/%m/%Y}"),
        response_for=(ResponseFor(),),
    )
    return replace(package, header=header)


def make_pdf(text: str) -> bytes:
    """A PDF of one page that says a few words. text: ASCII without brackets."""
    stream = f"BT /F1 24 Tf 72 720 Td ({text}) Tj ET".encode("ascii")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


def _pad(put: Callable[[bytes], object], size_bytes: int) -> None:
    """Comment lines after the end of a PDF, which readers pass over."""
    line = b"% " + b"axis" * 24 + b"\n"
    block = line * 1024
    while size_bytes > 0:
        put(block[:size_bytes])
        size_bytes -= len(block)
