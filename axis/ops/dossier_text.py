"""The texts of a dossier: what lies in it, and each verdict as people read it, in Vietnamese and English.

Verdicts are read leniently, from their JSON as it was stored. Their texts are a stranger's: characters that change how
the rest is read are taken out.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from axis.clock import to_local
from axis.store.dossier_view import VerdictName
from axis.text import one_line
from axis.trust.model import CheckName, Coverage, Outcome, Overall, SignerKind
from axis.trust.words import CHECKS, COVERAGE, OVERALL, PASSED, SIGNERS, SIGNS

_CHARACTERS = 600  # of one text
_WORDS: Final = (
    {"at": "Lúc", "signed_by": "Người ký", "claimed": "Người ký nêu", "proven": "Dấu thời gian", "covers": "Phạm vi",
     "chain": "Chứng thư", "serial": "số sê-ri", "none": "không có chữ ký", "unsaid": "không nêu"},
    {"at": "At", "signed_by": "Signed by", "claimed": "As the signer says", "proven": "Timestamp", "covers": "Covers",
     "chain": "Certificate", "serial": "serial number", "none": "no signature", "unsaid": "not stated"},
)  # fmt: skip

README: Final = """\
HỒ SƠ VĂN BẢN

document.json      văn bản, các gói tin và tệp, theo sổ của trục
packages/          gói tin gốc, đúng từng byte như trục đã nhận (của văn bản, và của thu hồi, cập nhật, thay thế)
files/             các tệp trong gói tin, đã giải mã
verdicts/          mọi lần kết luận về chữ ký: bản JSON đã được băm và ghi vào chứng cứ, và bản đọc được
certificates/      chứng thư số (PEM)
revocation/        danh sách thu hồi (CRL) và trả lời OCSP mà kết luận dựa vào
timestamps/        dấu thời gian (RFC 3161)
events.jsonl/.csv  mọi lần chuyển, xác nhận, trạng thái, thu hồi, cập nhật, trả lời, theo thứ tự thời gian
MANIFEST.sha256    mã băm của mọi tệp trên; kiểm tra bằng: sha256sum -c MANIFEST.sha256

Kiểm tra lại chữ ký, không cần trục: axis verify packages/….edxml --trust THƯ_MỤC_CHỨNG_THƯ_TIN_CẬY --offline
Trục chưa cấp biên nhận chứng cứ (receipt), nên trong hồ sơ không có.

THE DOCUMENT'S DOSSIER

document.json      the document, its packages and files, as the axis has them on record
packages/          the packages, byte for byte as the axis received them (the document's, and those of acts on it)
files/             the files inside, decoded
verdicts/          every verdict on the signatures: the JSON that was hashed and recorded as evidence, and a text
certificates/      certificates (PEM)
revocation/        CRLs and OCSP answers that the verdicts rest on
timestamps/        timestamps (RFC 3161)
events.jsonl/.csv  every hand-over, acknowledgement, status, act and answer, in the order of time
MANIFEST.sha256    digests of all the files above; check them by: sha256sum -c MANIFEST.sha256

To verify the signatures again, without the axis: axis verify packages/….edxml --trust FOLDER_OF_TRUSTED_ROOTS --offline
The axis does not issue evidence receipts yet, so there is none in here.
"""


def verdict_text(name: VerdictName, content: str) -> str:
    """A verdict as people read it."""
    verdict = json.loads(content)
    lines: list[str] = []
    for language in (0, 1):
        lines += [f"{_WORDS[language]['at']}: {to_local(name.at):%d/%m/%Y %H:%M:%S}", *_part(verdict, language), ""]
    return "\n".join(lines) + "\n"


def _part(part: Mapping[str, Any], language: int, indent: str = "") -> Iterator[str]:
    overall = part.get("overall", "")
    word = OVERALL[Overall(overall)][language] if overall in set(Overall) else overall
    yield f"{indent}{_line(part.get('name') or part.get('kind', ''))}: {word}"
    yield from _checks(part.get("checks", []), language, indent + "  ")
    for one in part.get("signatures", []):
        yield from _signature(one, language, indent + "  ")
    if not part.get("signatures") and not part.get("parts"):
        yield f"{indent}  ({_WORDS[language]['none']})"
    for inner in part.get("parts", []):
        yield from _part(inner, language, indent + "  ")


def _signature(one: Mapping[str, Any], language: int, indent: str) -> Iterator[str]:
    say, who = _WORDS[language], one.get("signatory", {})
    kind = SIGNERS[SignerKind(who["kind"])][language] if who.get("kind") in set(SignerKind) else ""
    people = ", ".join(_line(text) for text in (who.get("name"), kind, who.get("organisation")) if text)
    said = " ".join(filter(None, (one.get("indication"), one.get("sub_indication"))))
    yield f"{indent}{say['signed_by']}: {people or '?'} [{said}]"
    yield f"{indent}  {say['claimed']}: {one.get('claimed_at', say['unsaid'])}"
    yield f"{indent}  {say['proven']}: {one.get('proven_at', say['unsaid'])}"
    if one.get("coverage") in set(Coverage):
        yield f"{indent}  {say['covers']}: {COVERAGE[Coverage(one['coverage'])][language]}"
    for link in one.get("chain", []):
        subject, serial = _line(link.get("subject", "")), _line(link.get("serial_hex", ""))
        yield f"{indent}  {say['chain']}: {subject}, {say['serial']} {serial}"
    yield from _checks(one.get("checks", []), language, indent + "  ")


def _checks(checks: list[Mapping[str, Any]], language: int, indent: str) -> Iterator[str]:
    for check in checks:
        outcome, word = check.get("outcome", ""), check.get("name", "")
        sign = SIGNS[Outcome(outcome)] if outcome in set(Outcome) else "?"
        name = CheckName(word) if word in set(CheckName) else None
        said = check.get(("reason_vi", "reason_en")[language], "")
        if not said and name is not None and outcome in (Outcome.PASSED, Outcome.NOTE):
            said = PASSED[name][language]
        called = CHECKS[name][language] if name else _line(word)
        yield f"{indent}{sign} {called}: {_line(said or check.get('input', ''))}"


def _line(text: str) -> str:
    return one_line(str(text), _CHARACTERS)
