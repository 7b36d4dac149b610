"""A file signed with a key that a person names: the envelope of a package, or a PDF."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from axis.clock import SystemClock
from axis.errors import Code, Malformed
from axis.trust.certs import read_certificates
from axis.trust.model import FileKind
from axis.trust.pdf_signing import PdfSigning, Stamp, TimeSource, sign_pdf
from axis.trust.sealing import Xades, attach_timestamp, sign_envelope, timestamp_content
from axis.trust.signers import Signer, load_signer
from axis.trust.timestamps import fetch_token
from axis.trust.token import TokenPlace, open_token
from axis.trust.verify import kind_of

if TYPE_CHECKING:
    from axis.trust.paths import Judge

_HEAD_BYTES = 4096
_SIGNABLE_BYTES = 256 << 20  # a file that is signed is held in memory, several times
_ASK_S, _ANSWER_BYTES = 150.0, 1 << 20  # an authority's answer may take two minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPlace:
    """Where the key lies: exactly one of key, p12 and token."""

    key: Path | None = None
    p12: Path | None = None
    token: TokenPlace | None = None
    cert: Path | None = None
    password_file: Path | None = None
    pin_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be signed, and how."""

    file: Path
    target: Path
    xades: bool = False
    stamp: Stamp | None = None
    reason: str = ""
    tsa_url: str = ""
    judge: "Callable[[], Judge] | None" = None  # of a timestamp's authority; asked for when there is one


def sign_file(wish: Wish, place: KeyPlace) -> Signer:
    """Write the signed file; returns who signed. Raises Malformed, Rejected(TIMESTAMP_MISSING), and writes nothing."""
    if wish.target.exists():
        raise Malformed(Code.BAD_FILE, "is there already; nothing was overwritten", at=str(wish.target))
    if wish.file.stat().st_size > _SIGNABLE_BYTES:
        raise Malformed(Code.BAD_FILE, f"more than {_SIGNABLE_BYTES >> 20} MiB", at=str(wish.file))
    content = wish.file.read_bytes()
    is_pdf = kind_of(content[:_HEAD_BYTES]) is FileKind.PDF
    if wish.stamp and not is_pdf:
        raise Malformed(Code.BAD_REQUEST, "only a PDF bears a stamp", at="--stamp")
    with _opened(place) as signer:
        signed = _pdf(content, signer, wish) if is_pdf else _envelope(content, signer, wish)
    with wish.target.open("xb") as written:
        written.write(signed)
    return signer


def _pdf(content: bytes, signer: Signer, wish: Wish) -> bytes:
    signing = PdfSigning(at=SystemClock().now(), reason=wish.reason, stamp=wish.stamp, time=_time_source(wish))
    return sign_pdf(content, signer, signing)


def _envelope(content: bytes, signer: Signer, wish: Wish) -> bytes:
    time = _time_source(wish)
    now = SystemClock().now()
    signed = sign_envelope(content, signer, Xades(signing_time=now) if wish.xades or time else None)
    if time is None:
        return signed
    token = fetch_token(timestamp_content(signed), time.ask, time.judge, now)
    return attach_timestamp(signed, token)


def _time_source(wish: Wish) -> TimeSource | None:
    if not wish.tsa_url:
        return None
    from axis.ops.fetching import FetchBounds
    from axis.ops.stamping import asking

    if wish.judge is None:
        raise Malformed(Code.BAD_REQUEST, "somebody has to be trusted", at="--trust")
    # Whoever types an address in may name one in a private network; a certificate may not.
    bounds = FetchBounds(timeout_s=_ASK_S, answer_bytes=_ANSWER_BYTES, private_addresses=True)
    return TimeSource(ask=asking(wish.tsa_url, bounds), judge=wish.judge())


@contextmanager
def _opened(place: KeyPlace) -> Iterator[Signer]:
    if len([given for given in (place.key, place.p12, place.token) if given]) != 1:
        raise Malformed(Code.BAD_REQUEST, "name one of them", at="--key, --p12, --pkcs11-module")
    source = place.key or place.p12
    if source is not None:
        yield _from_file(source, place)
    elif place.token is not None:
        if place.pin_file is None:
            raise Malformed(Code.BAD_REQUEST, "a token has a PIN", at="--pin-file")
        certificates = read_certificates(place.cert.read_bytes(), at=str(place.cert)) if place.cert else ()
        with open_token(place.token, place.pin_file.read_text(encoding="utf-8").strip(), certificates) as signer:
            yield signer


def _from_file(source: Path, place: KeyPlace) -> Signer:
    password = place.password_file.read_bytes().strip() if place.password_file else None
    try:
        return load_signer(source.read_bytes(), place.cert.read_bytes() if place.cert else b"", password=password)
    except Malformed as e:
        raise Malformed(e.code, e.detail, at=str(source)) from e
