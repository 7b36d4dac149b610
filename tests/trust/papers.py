"""PDF files for tests, and a pyHanko timestamper that asks the test authority."""

import io
from functools import cache

from asn1crypto import tsp
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers, timestamps
from reportlab.pdfgen import canvas

from axis.trust import pdf_signing
from axis.trust.pdf_signing import PdfSigning, Stamp, sign_pdf
from tests.trust import pki


@cache
def paper(text: str = "Quyet dinh 12/QD-SYT", *, form: bool = False) -> bytes:
    """A one-page file; with a text field if wanted."""
    out = io.BytesIO()
    page = canvas.Canvas(out, invariant=1)
    page.drawString(100, 700, text)
    if form:
        page.acroForm.textfield(name="amount", x=100, y=600, value="100")
    page.showPage()
    page.save()
    return out.getvalue()


@cache
def signed(label: str = "person", *, form: bool = False, certify: bool = False) -> bytes:
    """A file with one signature."""
    signing = PdfSigning(at=pki.NOW, field_name="Person", certify=certify)
    return sign_pdf(paper(form=form), pki.signer(label), signing)


@cache
def signed_twice() -> bytes:
    """A person's signature, then the agency's with a stamp."""
    signing = PdfSigning(at=pki.NOW, field_name="Agency", stamp=Stamp(lines=("12/QĐ-SYT", "2026-11-24T09:00:00+07:00")))
    return sign_pdf(signed(), pki.signer("agency"), signing)


class TestAuthority(timestamps.TimeStamper):
    """pyHanko's door to the test authority."""

    __test__ = False

    def __init__(self, authority: str = "tsa", *, about: bytes = b"") -> None:
        super().__init__()
        self._authority = authority
        self._about = about

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """A reply; about something else when so made."""
        if self._about:
            req["message_imprint"]["hashed_message"] = self._about
        return tsp.TimeStampResp.load(pki.timestamp(req.dump(), self._authority))


def stamped(label: str = "person", authority: str = "tsa", about: bytes = b"") -> bytes:
    """A file with a signature and a signature timestamp."""
    writer = IncrementalPdfFileWriter(io.BytesIO(paper()))
    signer = signers.PdfSigner(
        signers.PdfSignatureMetadata(
            field_name="Person", md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES
        ),
        signer=pdf_signing._engine(pki.signer(label)),
        timestamper=TestAuthority(authority, about=about),
    )
    return bytes(signer.sign_pdf(writer, bytes_reserved=16384).getvalue())


def document_stamped(raw: bytes, authority: str = "tsa") -> bytes:
    """A file with a document timestamp added."""
    writer = IncrementalPdfFileWriter(io.BytesIO(raw))
    stamper = signers.PdfTimeStamper(TestAuthority(authority), field_name="Stamp")
    return bytes(stamper.timestamp_pdf(writer, "sha256", bytes_reserved=16384).getvalue())
