"""Signs PDF files: PAdES, in a new revision, with an optional visible stamp.

The stamp bears text only, as NĐ 30/2020 has it for separate appendices (number, symbol, moment). Its letters, those of
Vietnamese included, travel with the file (`fonts`).

pyHanko signs in an event loop of its own here: call it from a thread when a loop is running.

Norm: ETSI EN 319 142-1 (PAdES baseline B and T); NĐ 30/2020 Annex I.
"""

import asyncio
import io
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import keys as asn1_keys  # type: ignore[import-untyped] # it ships no types
from asn1crypto import tsp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import utils
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.text import TextBoxStyle
from pyhanko.pdf_utils.writer import BasePdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_signer import PdfSigningSession
from pyhanko.sign.timestamps import TimeStamper
from pyhanko.stamp import TextStampStyle
from pyhanko_certvalidator.registry import SimpleCertificateStore

from axis.errors import Code, Malformed
from axis.trust.fonts import StampFont, composed
from axis.trust.paths import Judge
from axis.trust.signers import KeySigner, Signer
from axis.trust.timestamps import MAX_TOKEN_BYTES, Ask, TimestampRequest, accept_reply

_RESERVED_BYTES = 16384  # of the signature's place: chain included
_TOKEN_BYTES = 2 * MAX_TOKEN_BYTES  # in hexadecimal digits
_FONT_POINTS, _LINE_POINTS = 10, 14  # marks above marks need room


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A visible stamp: page from 0 (-1 the last), lower left corner and size in points, lines of text."""

    lines: tuple[str, ...]
    page: int = 0
    left: int = 380
    bottom: int = 780
    width: int = 190


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfSigning:
    """How to sign: when, why, where, and with which stamp."""

    at: datetime
    field_name: str = ""  # made up when empty
    reason: str = ""
    location: str = ""
    stamp: Stamp | None = None
    certify: bool = False  # allow nothing but further signatures afterwards
    time: "TimeSource | None" = None  # puts a timestamp on the signature: PAdES baseline T


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSource:
    """Where a signature's timestamp comes from, and who judges it before it is put in."""

    ask: Ask
    judge: Judge


def sign_pdf(raw: bytes, signer: Signer, signing: PdfSigning) -> bytes:
    """The PDF with one more signature; the bytes that were there stay as they are.

    Raises Malformed(BAD_FILE) for what is no PDF, is encrypted, or cannot be signed, Rejected(TIMESTAMP_MISSING).
    """
    name = signing.field_name or f"axis-{secrets.token_hex(4)}"
    metadata = signers.PdfSignatureMetadata(
        field_name=name,
        md_algorithm=signer.scheme.hash_name,
        subfilter=fields.SigSeedSubFilter.PADES,
        reason=signing.reason or None,
        location=signing.location or None,
        certify=signing.certify,
        docmdp_permissions=fields.MDPPerm.FILL_FORMS,
    )
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(raw), strict=False)
        engine = _MomentSigner(
            metadata,
            signer=_engine(signer),
            new_field_spec=_place(name, signing.stamp),
            stamp_style=_style(signing.stamp),
            timestamper=_Stamper(signing.time, signing.at) if signing.time else None,
        )
        engine.moment = signing.at
        reserved = _RESERVED_BYTES + (_TOKEN_BYTES if signing.time else 0)
        output = asyncio.run(engine.async_sign_pdf(writer, bytes_reserved=reserved))
    except (PdfError, ValueError, TypeError, KeyError, AttributeError, OSError) as e:
        raise Malformed(Code.BAD_FILE, f"PDF: {e}") from e
    return bytes(output.getvalue())


class _MomentSigner(signers.PdfSigner):
    """pyHanko's signer, with the moment given rather than looked up."""

    moment: datetime

    def init_signing_session(
        self,
        pdf_out: BasePdfFileWriter,
        existing_fields_only: bool = False,  # noqa: FBT001, FBT002 - pyHanko's own
    ) -> PdfSigningSession:
        """A session at the given moment."""
        session = super().init_signing_session(pdf_out, existing_fields_only=existing_fields_only)
        session.system_time = self.moment
        return session


class _Stamper(TimeStamper):
    """pyHanko's door to a timestamp authority; what does not prove the time is not taken."""

    def __init__(self, time: TimeSource, at: datetime) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # pyHanko leaves it so
        self._time = time
        self._at = at

    async def async_request_tsa_response(self, req: tsp.TimeStampReq) -> tsp.TimeStampResp:
        """The authority's reply to pyHanko's request. Raises Rejected(TIMESTAMP_MISSING)."""
        imprint = req["message_imprint"]
        request = TimestampRequest(
            der=req.dump(),
            imprint=imprint["hashed_message"].native,
            nonce=req["nonce"].native,
            hash_name=imprint["hash_algorithm"]["algorithm"].native,
        )
        reply = await asyncio.to_thread(self._time.ask, request)
        accept_reply(reply, request, self._time.judge, self._at)
        return tsp.TimeStampResp.load(reply)


class _Outside(signers.Signer):
    """pyHanko's signer for a key that lives elsewhere."""

    def __init__(self, signer: Signer, chain: list[Any]) -> None:
        super().__init__(
            signing_cert=chain[0],
            cert_registry=SimpleCertificateStore.from_certs(chain[1:]),  # type: ignore[no-untyped-call] # pyHanko leaves it so
            prefer_pss=signer.scheme.family == "rsa-pss",
        )
        self._outside = signer

    async def async_sign_raw(
        self,
        data: bytes,
        digest_algorithm: str,  # noqa: ARG002 - the scheme's, as the metadata ask for
        dry_run: bool = False,  # noqa: ARG002, FBT001, FBT002 - pyHanko's own
    ) -> bytes:
        """A CMS signature value."""
        value = self._outside.sign(data)
        if self._outside.scheme.family != "ecdsa":
            return value
        half = len(value) // 2
        return utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))


def _engine(signer: Signer) -> Any:  # noqa: ANN401 - pyHanko's signer has no types that mypy can follow
    chain = [certificate.asn1 for certificate in signer.chain]
    if not isinstance(signer, KeySigner):
        return _Outside(signer, chain)
    der = signer.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signers.SimpleSigner(
        signing_cert=chain[0],
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore.from_certs(chain[1:]),  # type: ignore[no-untyped-call] # pyHanko leaves it so
        prefer_pss=signer.scheme.family == "rsa-pss",
    )


def _place(name: str, stamp: Stamp | None) -> fields.SigFieldSpec:
    if stamp is None:
        return fields.SigFieldSpec(sig_field_name=name)
    height = _LINE_POINTS * (len(stamp.lines) + 1)
    box = (stamp.left, stamp.bottom, stamp.left + stamp.width, stamp.bottom + height)
    return fields.SigFieldSpec(sig_field_name=name, on_page=stamp.page, box=box)


def _style(stamp: Stamp | None) -> TextStampStyle | None:
    if stamp is None:
        return None
    text = composed("\n".join(stamp.lines))
    style = TextBoxStyle(font=StampFont(text, _FONT_POINTS), font_size=_FONT_POINTS, leading=_LINE_POINTS)
    return TextStampStyle(stamp_text=text.replace("%", "%%"), border_width=0, text_box_style=style)
