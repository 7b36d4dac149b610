"""How fast signatures are judged on one core, beside the bare cryptography and the bare library; and full intake.

bare: SHA-256 of what is signed and one public-key operation: no verdict can be had for less. library: libxmlsec1 or
pyHanko with the same file, its answer yes or no. ours: the whole verdict, with chain, revocation, coverage and reasons.
"""

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from axis.clock import SystemClock
from axis.demo.documents import Desk, Draft
from axis.demo.pki import Holder, Pki, make_pki
from axis.demo.seals import Seals
from axis.edxml.writer import to_bytes
from benchmarks.children import result

SENDER, NAME, RECEIVER = "H24.11", "Sở Y tế", "H24.15"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One kind of signature."""

    kind: str
    size_bytes: int
    verdicts_per_s: float
    times_bare: float  # how much longer than the bare cryptography
    times_library: float


def measure(seconds: float) -> list[Judged]:
    """Every kind, in a process of its own that has one core."""
    return list(result(_measure_here, seconds))


def make_signing_pki(folder: Path) -> Pki:
    """The authorities and keys that the signed load comes from."""
    return make_pki(folder, [Holder(code=SENDER, name=NAME)], SystemClock().now())


def signed_packages(folder: Path, count: int, first: int) -> Iterator[bytes]:
    """Packages whose one PDF is signed twice, in an envelope that is signed: each a document of its own."""
    from axis.demo.pki import Seal  # noqa: PLC0415 - of this function only

    seals = Seals(Pki(folder=folder))
    draft = Draft(sender=SENDER, receivers=(RECEIVER,), notation="SYT", subject="V/v đo tốc độ", body=("Nội dung.",))
    letter = Desk({SENDER: NAME, RECEIVER: "Sở Xây dựng"}, SystemClock().now(), seals).letter(draft)
    for number in range(first, first + count):
        header = replace(
            letter.header, document_id=f"bench-{number}", code=replace(letter.header.code, code_number=str(number))
        )
        yield seals.sign_package(to_bytes(replace(letter, header=header)), SENDER, Seal.AGENCY)


# ── one core ───────────────────────────────────────────────────────────────────────────────────────────────────


def _measure_here(pipe: Connection, seconds: float) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    kinds = [_envelope("envelope, RSA-2048", "agency"), _envelope("envelope, ECDSA P-256", "agency-ec"), _pdf()]
    pipe.send([_rate(kind, raw, works, seconds / 3) for kind, raw, works in kinds])


Works = tuple[Callable[[], object], Callable[[], object], Callable[[], object]]  # ours, bare, library


def _rate(kind: str, raw: bytes, works: Works, seconds: float) -> Judged:
    for work in works:
        work()
    rounds: list[list[float]] = [[] for _ in works]
    end = time.perf_counter() + seconds
    while not rounds[-1] or time.perf_counter() < end:  # in turn, so that a busy machine slows all of them alike
        for times, work in zip(rounds, works, strict=True):
            begun = time.thread_time()
            work()
            times.append(time.thread_time() - begun)
    ours, bare, library = (sorted(times)[len(times) // 2] for times in rounds)
    return Judged(
        kind=kind,
        size_bytes=len(raw),
        verdicts_per_s=round(1 / ours, 1),
        times_bare=round(ours / bare, 1),
        times_library=round(ours / library, 2),
    )


def _envelope(kind: str, label: str) -> tuple[str, bytes, Works]:
    import xmlsec  # noqa: PLC0415 - of this measurement only
    from lxml import etree  # noqa: PLC0415

    from axis.trust.algorithms import sign_raw, verify_raw  # noqa: PLC0415
    from axis.trust.envelope import verify_envelope  # noqa: PLC0415
    from axis.trust.sealing import sign_envelope  # noqa: PLC0415
    from benchmarks.packages import numbered, template  # noqa: PLC0415
    from tests.trust import pki  # noqa: PLC0415

    signer = pki.signer(label)
    raw = sign_envelope(numbered(template(20_000), 1), signer)
    judge = pki.judge(pki.HARD, pki.crls())
    key, value = signer.chain[0].public_key, sign_raw(signer.key, signer.scheme, raw[:1000])
    certificate = signer.chain[0].crypto.public_bytes(_pem())

    def bare() -> bool:
        hashlib.sha256(raw).digest()
        return verify_raw(key, signer.scheme, value, raw[:1000])

    def library() -> None:
        tree = etree.fromstring(raw)
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(certificate, xmlsec.KeyFormat.CERT_PEM)
        context.verify(xmlsec.tree.find_node(tree, xmlsec.Node.SIGNATURE))

    assert verify_envelope(raw, judge, pki.AT).overall == "valid"
    return kind, raw, (lambda: verify_envelope(raw, judge, pki.AT), bare, library)


def _pdf() -> tuple[str, bytes, Works]:
    from pyhanko.pdf_utils.reader import PdfFileReader  # noqa: PLC0415 - of this measurement only
    from pyhanko.sign.validation import validate_pdf_signature  # noqa: PLC0415
    from pyhanko_certvalidator import ValidationContext  # noqa: PLC0415

    from axis.trust.algorithms import sign_raw, verify_raw  # noqa: PLC0415
    from axis.trust.pdf import verify_pdf  # noqa: PLC0415
    from tests.trust import papers, pki  # noqa: PLC0415

    raw, signer = papers.signed("agency"), pki.signer("agency")
    judge = pki.judge(pki.HARD, pki.crls())
    key, value = signer.chain[0].public_key, sign_raw(signer.key, signer.scheme, raw[:300])
    roots = [pki.certificate("root").asn1]
    helpers = [pki.certificate("interm").asn1]

    def bare() -> bool:
        hashlib.sha256(raw).digest()
        return verify_raw(key, signer.scheme, value, raw[:300])

    def library() -> object:
        context = ValidationContext(
            trust_roots=roots, other_certs=helpers, moment=pki.NOW, allow_fetching=False, crls=list(pki.crls().crls)
        )
        reader = PdfFileReader(io.BytesIO(raw))
        return validate_pdf_signature(reader.embedded_signatures[0], context)

    assert verify_pdf(raw, judge, pki.AT).overall == "valid"
    return "PDF, one RSA-2048", raw, (lambda: verify_pdf(raw, judge, pki.AT), bare, library)


def _pem() -> "object":
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    return Encoding.PEM
