"""What the demo's agencies sign with: a leader's and an agency's signature on each PDF, one on each envelope."""

from datetime import datetime
from threading import Lock

from axis.clock import to_local
from axis.demo.pki import Pki, Seal
from axis.trust.pdf_signing import PdfSigning, Stamp, sign_pdf
from axis.trust.sealing import sign_envelope
from axis.trust.signers import KeySigner, load_signer

_STAMP_LEFT, _STAMP_BOTTOM = 72, 90  # the free corner of the demo's letters


class Seals:
    """The agencies' keys. Each is loaded once, when it is first needed: loading one costs as much as ten signatures.

    Signing a PDF runs a loop of its own: call from a thread when a loop is running.
    """

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._known: dict[tuple[str, Seal], KeySigner] = {}
        self._lock = Lock()

    def signer(self, code: str, seal: Seal) -> KeySigner:
        """What an organisation of the demo signs with."""
        with self._lock:
            if (code, seal) not in self._known:
                key, certificates = self._pki.key(code, seal), self._pki.certificate(code, seal)
                self._known[code, seal] = load_signer(key.read_bytes(), certificates.read_bytes())
            return self._known[code, seal]

    def sign_letter(self, pdf: bytes, code: str, at: datetime, *, appendix: bool = False) -> bytes:
        """A letter signed by its agency's head and then by the agency; a separate appendix by the agency alone.

        Norm: NĐ 30/2020, Annex I.
        """
        if not appendix:
            pdf = sign_pdf(pdf, self.signer(code, Seal.PERSON), PdfSigning(at=at, field_name="NguoiKy"))
        agency = self.signer(code, Seal.AGENCY)
        stamp = Stamp(
            lines=(agency.chain[0].name, f"{to_local(at):%d/%m/%Y %H:%M:%S %z}"), left=_STAMP_LEFT, bottom=_STAMP_BOTTOM
        )
        return sign_pdf(pdf, agency, PdfSigning(at=at, field_name="CoQuan", stamp=stamp))

    def sign_package(self, raw: bytes, code: str, seal: Seal) -> bytes:
        """A package whose envelope is signed. No time is signed: the same package is the same bytes with an RSA key."""
        return sign_envelope(raw, self.signer(code, seal))
