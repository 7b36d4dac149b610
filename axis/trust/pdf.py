"""Signatures in PDF files: who signed, is it intact, does it cover its revision, and what was done to the file after.

pyHanko reads the file and compares its revisions; it raises on many broken signatures, stops listing at the first one
and skips kinds that it does not know. So every signature field is found and judged here by itself, nothing that raises
gets out, and signature data that belongs to no field keeps a file from being valid. What may follow a signature are
further signatures, timestamps and validation data; anything else makes it `changed_after_signing`.

Norm: ISO 32000-1 section 12.8, ETSI EN 319 142-1 (PAdES); NĐ 30/2020 (person and agency sign, the agency appendices).
"""

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel, StandardDiffPolicy
from pyhanko.sign.diff_analysis.form_rules_api import FormUpdatingRule
from pyhanko.sign.diff_analysis.rules.file_structure_rules import (
    CatalogModificationRule,
    ObjectStreamRule,
    XrefStreamRule,
)
from pyhanko.sign.diff_analysis.rules.form_field_rules import (
    DSSCompareRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
)
from pyhanko.sign.diff_analysis.rules.metadata_rules import DocInfoRule, MetadataUpdateRule
from pyhanko.sign.fields import MDPPerm
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from axis.trust.algorithms import check_strength
from axis.trust.certs import Certificate, RevocationData, parse_certificate, signatory
from axis.trust.cms import CmsSignature, read_cms
from axis.trust.model import (
    Check,
    CheckName,
    Coverage,
    Evidence,
    FileKind,
    Indication,
    Need,
    Outcome,
    Signatory,
    SignatureVerdict,
    SignerKind,
    Verdict,
    indication_of,
)
from axis.trust.occasion import Found, Occasion, conclude
from axis.trust.paths import Judge, Use
from axis.trust.reasons import Reason, check, passed, shown
from axis.trust.timestamps import TimestampFinding, check_times, verify_token
from axis.trust.xmldsig import Flaw

_CMS_FILTERS = frozenset({"/adbe.pkcs7.detached", "/ETSI.CAdES.detached"})
_STAMP_FILTER = "/ETSI.RFC3161"
_FIELDS = 2000
_FIELD_DEPTH = 16
_READ_BYTES = 1 << 20
_END_BYTES = 2048  # readers look for the end mark in the last 1,024
_END = re.compile(rb"[\r\n]startxref[ \t\r\n]{1,4}\d{1,15}[ \t]{0,4}[\r\n]{1,4}%%EOF")
_BYTE_RANGE = re.compile(rb"/B(?:y|#79)(?:t|#74)(?:e|#65)(?:R|#52)(?:a|#61)(?:n|#6[eE])(?:g|#67)(?:e|#65)[\s\[]")
_WHITE = b" \t\r\n\x0c\x00"

# What may follow a signature: signatures, timestamps, validation data, and the bookkeeping that goes with them.
_AFTERWARDS = StandardDiffPolicy(
    global_rules=[
        CatalogModificationRule(),  # type: ignore[no-untyped-call] # pyHanko leaves some constructors without types
        DocInfoRule().as_qualified(ModificationLevel.LTA_UPDATES),
        XrefStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        ObjectStreamRule().as_qualified(ModificationLevel.LTA_UPDATES),
        DSSCompareRule().as_qualified(ModificationLevel.LTA_UPDATES),
        MetadataUpdateRule().as_qualified(ModificationLevel.LTA_UPDATES),  # type: ignore[no-untyped-call] # as above
    ],
    form_rule=FormUpdatingRule(
        field_rules=[
            # the agency's seal may come after the person certified
            SigFieldCreationRule(allow_new_visible_after_certify=True),  # type: ignore[no-untyped-call] # as above
            SigFieldModificationRule(),
        ]
    ),
)
_Words = tuple[str, str]  # Vietnamese, English
_LEVELS: dict[ModificationLevel, _Words] = {
    ModificationLevel.ANNOTATIONS: ("thêm hoặc sửa chú thích", "annotations were added or changed"),
    ModificationLevel.OTHER: ("nội dung hoặc cấu trúc của tệp", "the file's content or structure"),
}
_FORBIDDEN: _Words = (
    "bổ sung mà người ký trước không cho phép",
    "an addition that an earlier signature does not allow",
)
_CERTIFICATIONS = {MDPPerm.NO_CHANGES: "none", MDPPerm.FILL_FORMS: "signing", MDPPerm.ANNOTATE: "annotations"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """A signature field as it stands in the form."""

    name: str
    dictionary: generic.DictionaryObject
    reference: generic.Reference | None
    filled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signature:
    """One filled field, as far as it could be read."""

    embedded: EmbeddedPdfSignature
    sub_filter: str
    der: bytes  # of the CMS structure, without padding
    ranges: tuple[tuple[int, int], ...]  # (offset, length) of what is signed
    end: int  # offset behind the last signed byte


@dataclass(slots=True)
class _File:
    """An open PDF file and what is collected about it while judging."""

    stream: BinaryIO
    size: int
    reader: PdfFileReader
    fields: list[_Field]
    judge: Judge
    occasion: Occasion
    security: RevocationData = field(default_factory=RevocationData)  # the file's own validation data
    helpers: tuple[Certificate, ...] = ()
    stamps: list[tuple[int, datetime]] = field(default_factory=list)  # document timestamps: (end of coverage, moment)


@dataclass(slots=True)
class _Working:
    """A signature's verdict while it grows."""

    name: str
    checks: list[Check] = field(default_factory=list)
    needs: list[Need] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    verdict: SignatureVerdict | None = None
    end: int = 0

    def changed(self, what: "_Words", detail: str = "") -> None:
        """Note what was done to the file after signing; detail: technical, and a stranger's text."""
        more = f": {shown(detail)}" if detail else ""
        vi, en = what
        self.checks.append(
            check(CheckName.CHANGES, self.name, Reason.CHANGED_AFTER_SIGNING, what=vi + more, what_en=en + more)
        )

    def fail(self, name: CheckName, reason: Reason, detail: str = "") -> None:
        """Note what is wrong."""
        self.checks.append(check(name, self.name, reason, detail))


def verify_pdf(source: bytes | Path, judge: Judge, occasion: Occasion) -> Verdict:
    """Judge every signature of a PDF file.

    source: the exact bytes, or the file that holds them. Raises OSError when it cannot be read, and nothing for a bad
    file.
    """
    with _opened(source) as stream:
        size = stream.seek(0, io.SEEK_END)
        sha256 = _digest(stream, ((0, size),), "sha256").hex()
        if size > judge.policy.bounds.pdf_bytes:
            large = check(CheckName.FORM, "PDF", Reason.TOO_LARGE, f"{size} > {judge.policy.bounds.pdf_bytes} bytes")
            return conclude(Found(kind=FileKind.PDF, sha256=sha256, checks=(large,)), judge, occasion)
        try:
            found = _verify(stream, size, judge, occasion)
        except Flaw as e:
            found = Found(kind=FileKind.PDF, checks=(check(CheckName.FORM, "PDF", e.reason, e.detail),))
        except Exception as e:  # noqa: BLE001 - the catch point for pyHanko, which raises anything on broken files
            unread = check(CheckName.FORM, "PDF", Reason.UNREADABLE, _word(e))
            found = Found(kind=FileKind.UNREADABLE, checks=(unread,))
        return conclude(replace(found, sha256=sha256), judge, occasion)


@contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        yield stream


def _check_end(stream: BinaryIO, size: int) -> None:
    """Refuse a file that does not end as a PDF does.

    pyHanko looks for the end line by line from behind, a byte at a time, and a line has no bound: a large file of one
    line holds it for minutes.
    """
    stream.seek(max(0, size - _END_BYTES))
    if not _END.search(stream.read(_END_BYTES)):
        raise PdfReadError("no startxref and %%EOF at the end")


def _verify(stream: BinaryIO, size: int, judge: Judge, occasion: Occasion) -> Found:
    _check_end(stream, size)
    reader = PdfFileReader(stream, strict=False)
    if reader.encrypted:
        raise Flaw(Reason.NOT_CHECKED, "encrypted")
    fields = list(_signature_fields(reader))
    file = _File(stream=stream, size=size, reader=reader, fields=fields, judge=judge, occasion=occasion)
    filled = [f for f in file.fields if f.filled]
    if len(filled) > judge.policy.bounds.signatures:
        raise Flaw(Reason.NOT_CHECKED, f"{len(filled)} signatures")
    file.security, file.helpers = _security_store(reader, judge.policy.bounds.certificates)
    read = [(f, *_read(f, file)) for f in filled]
    stamps = [_judge_stamp(f, s, w, file) for f, s, w in read if _is_stamp(s)]
    others = [_judge_signature(f, s, w, file) for f, s, w in read if not _is_stamp(s)]
    rows = stamps + others
    checks = [*_unlisted(file, len(filled)), *_completeness(others, judge, occasion)]
    return Found(
        kind=FileKind.PDF,
        signatures=tuple(_finished(row) for row in rows),
        checks=tuple(checks),
        needs=tuple(need for row in rows for need in row.needs),
    )


def _is_stamp(signature: _Signature | None) -> bool:
    return signature is not None and signature.sub_filter == _STAMP_FILTER


# --- finding ----------------------------------------------------------------------------------------------------------


def _signature_fields(reader: PdfFileReader) -> Iterator[_Field]:
    """All signature fields of the form, filled or not. Raises Flaw when the form is larger than any real one."""
    form = _entry(reader.root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject) or "/Fields" not in form:
        return
    queue: list[tuple[generic.PdfObject, str, str, int]] = [(item, "", "", 0) for item in _entry(form, "/Fields")]
    seen = 0
    while queue:
        item, above, kind, depth = queue.pop(0)
        seen += 1
        if seen > _FIELDS or depth > _FIELD_DEPTH:
            raise Flaw(Reason.NOT_CHECKED, "form with too many fields")
        reference = item.reference if isinstance(item, generic.IndirectObject) else None
        node = item.get_object()  # type: ignore[no-untyped-call] # as above
        if not isinstance(node, generic.DictionaryObject):
            continue
        kind = str(_entry(node, "/FT") or kind)
        name = ".".join(part for part in (above, str(_entry(node, "/T") or "")) if part)
        if kind == "/Sig" and ("/T" in node or "/V" in node):
            filled = not isinstance(_entry(node, "/V"), generic.NullObject | None)
            yield _Field(name=name or "?", dictionary=node, reference=reference, filled=filled)
            continue
        queue += [(kid, name, kind, depth + 1) for kid in _entry(node, "/Kids") or ()]


def _entry(dictionary: generic.DictionaryObject, key: str) -> Any:  # noqa: ANN401 - whatever a stranger put there
    """A dictionary's entry, references followed; None when it is absent."""
    return dictionary[key] if key in dictionary else None  # noqa: SIM401 - its `get` does not follow references


def _unlisted(file: _File, listed: int) -> list[Check]:
    """Signature data that no field leads to: a signature that was hidden, or one that pretends to be there."""
    count, tail = 0, b""
    file.stream.seek(0)
    while chunk := file.stream.read(_READ_BYTES):
        window = tail + chunk
        count += sum(1 for match in _BYTE_RANGE.finditer(window) if match.end() > len(tail))
        tail = window[-64:]
    if count <= listed:
        return []
    return [check(CheckName.FORM, "/ByteRange", Reason.SIGNATURE_UNLISTED, f"{count} > {listed}")]


def _read(found: _Field, file: _File) -> tuple[_Signature | None, _Working]:
    """Read one filled field: its structure, and where exactly the signature's own bytes lie."""
    working = _Working(name=found.name)
    try:
        embedded = EmbeddedPdfSignature(file.reader, found.dictionary, found.name)
        sub_filter = _known_filter(embedded)
        ranges = _ranges(embedded, file)
        signature = _Signature(
            embedded=embedded,
            sub_filter=sub_filter,
            der=_unpadded(embedded.pkcs7_content),
            ranges=ranges,
            end=sum(ranges[1]),
        )
    except Flaw as e:
        working.fail(CheckName.FORM, e.reason, e.detail)
        return None, working
    except Exception as e:  # noqa: BLE001 - the catch point for pyHanko on one broken signature
        sub_filter = _sub_filter(found)
        known = sub_filter in _CMS_FILTERS | {_STAMP_FILTER}
        reason = Reason.SIGNATURE_FORMAT if known else Reason.SUBFILTER_UNKNOWN
        working.fail(CheckName.FORM, reason, _word(e) if known else sub_filter or "no SubFilter")
        return None, working
    working.end = signature.end
    return signature, working


def _known_filter(embedded: EmbeddedPdfSignature) -> str:
    sub_filter = str(_entry(embedded.sig_object, "/SubFilter") or "")
    if sub_filter not in _CMS_FILTERS | {_STAMP_FILTER}:
        raise Flaw(Reason.SUBFILTER_UNKNOWN, sub_filter or "no SubFilter")
    return sub_filter


def _sub_filter(found: _Field) -> str:
    try:
        return str(_entry(found.dictionary["/V"], "/SubFilter") or "")
    except Exception:  # noqa: BLE001 - as above
        return ""


def _ranges(embedded: EmbeddedPdfSignature, file: _File) -> tuple[tuple[int, int], ...]:
    """The signed ranges: from the first byte, around exactly the hexadecimal string of this signature's Contents."""
    numbers = [int(number) for number in embedded.byte_range]
    if len(numbers) != 4 or numbers[0] != 0 or min(numbers) < 0:  # noqa: PLR2004 - two pairs
        raise Flaw(Reason.REVISION_UNCOVERED, f"ByteRange {numbers}"[:60])
    _, first, start, second = numbers
    if not 0 < first < start or start + second > file.size or start - first > file.size:
        raise Flaw(Reason.REVISION_UNCOVERED, f"ByteRange {numbers}")
    file.stream.seek(first)
    gap = file.stream.read(start - first)
    try:
        inside = bytes.fromhex(gap[1:-1].decode("ascii")) if gap[:1] == b"<" and gap[-1:] == b">" else None
    except ValueError:
        inside = None
    if inside is None or inside != embedded.pkcs7_content:
        raise Flaw(Reason.REVISION_UNCOVERED, "the gap of the ByteRange is not the signature")
    return ((0, first), (start, second))


def _unpadded(content: bytes) -> bytes:
    """The DER structure at the start of Contents; what pads it must be zeros. Raises Flaw."""
    if len(content) < 2 or content[0] != 0x30:  # noqa: PLR2004 - tag and length of a SEQUENCE
        raise Flaw(Reason.SIGNATURE_FORMAT, "Contents")
    length, head = content[1], 2
    if length & 0x80:
        head += length & 0x7F
        length = int.from_bytes(content[2:head])
    if head + length > len(content) or any(content[head + length :]):
        raise Flaw(Reason.SIGNATURE_FORMAT, "padding of Contents")
    return content[: head + length]


def _digest(stream: BinaryIO, ranges: tuple[tuple[int, int], ...], hash_name: str) -> bytes:
    digest = hashlib.new(hash_name)
    for offset, length in ranges:
        stream.seek(offset)
        left = length
        while left and (chunk := stream.read(min(left, _READ_BYTES))):
            digest.update(chunk)
            left -= len(chunk)
    return digest.digest()


def _security_store(reader: PdfFileReader, limit: int) -> tuple[RevocationData, tuple[Certificate, ...]]:
    """The file's own validation data (DSS). Nothing in it is trusted: each item is signed by somebody."""
    try:
        store = _entry(reader.root, "/DSS")
        if not isinstance(store, generic.DictionaryObject):
            return RevocationData(), ()
        data = RevocationData(crls=_streams(store, "/CRLs", limit), ocsps=_streams(store, "/OCSPs", limit))
        certificates = []
        for der in _streams(store, "/Certs", limit):
            try:
                certificates.append(parse_certificate(der))
            except ValueError:
                continue  # nothing rests on a certificate that cannot be read
        return data, tuple(certificates)
    except Exception:  # noqa: BLE001 - the catch point for pyHanko: a broken DSS is no evidence
        return RevocationData(), ()


def _streams(store: generic.DictionaryObject, key: str, limit: int) -> tuple[bytes, ...]:
    items = [item.get_object() for item in list(_entry(store, key) or ())[:limit]]
    return tuple(item.data for item in items if isinstance(item, generic.StreamObject))


# --- judging ----------------------------------------------------------------------------------------------------------


def _judge_stamp(found: _Field, signature: _Signature | None, working: _Working, file: _File) -> _Working:
    """A document timestamp: a token over everything before it."""
    if signature is None:
        return working
    _check_changes(found, signature, working, file)
    finding = verify_token(
        signature.der,
        lambda name: _digest(file.stream, signature.ranges, name),
        file.judge,
        file.occasion.at,
        file.security,
    )
    _add_stamps(working, [finding])
    if finding.proven_at is not None and not _failed(working):
        file.stamps.append((signature.end, finding.proven_at))
    who = Signatory(name=finding.authority or "?", kind=SignerKind.TIMESTAMP)
    working.verdict = _start(working, signature, who, algorithm="RFC 3161")
    working.verdict = replace(working.verdict, proven_at=finding.proven_at, judged_at=finding.proven_at)
    return working


def _judge_signature(found: _Field, signature: _Signature | None, working: _Working, file: _File) -> _Working:
    if signature is None:
        return working
    try:
        cms = read_cms(signature.der, file.judge.policy.bounds)
        _refuse_content(cms)
        intact, valid = cms.holds(_digest(file.stream, signature.ranges, cms.hash_name))
    except Flaw as e:
        working.fail(CheckName.FORM, e.reason, e.detail)
        working.verdict = _start(working, signature, None)
        return working
    for name, holds, reason in (
        (CheckName.INTEGRITY, intact, Reason.DIGEST_MISMATCH),
        (CheckName.SIGNATURE, valid, Reason.SIGNATURE_WRONG),
    ):
        working.checks.append(passed(name, found.name) if holds else check(name, found.name, reason))
    who = signatory(cms.leaf, file.judge.organisations)
    if intact and valid:
        _check_changes(found, signature, working, file)
        _judge_signer(signature, cms, working, file)
    else:
        working.verdict = _start(working, signature, who)
    working.verdict = replace(
        working.verdict or _start(working, signature, who), signatory=who, algorithm=cms.algorithm
    )
    return working


def _refuse_content(cms: CmsSignature) -> None:
    """A PDF's signature is detached; content in the structure would be signed instead of the file."""
    if cms.content is not None or cms.content_type != "data":
        raise Flaw(Reason.SIGNATURE_FORMAT, "content inside the CMS structure")


def _judge_signer(signature: _Signature, cms: CmsSignature, working: _Working, file: _File) -> None:
    revocation = file.security + cms.revocation
    stamps = [verify_token(t, cms_imprint(cms), file.judge, file.occasion.at, revocation) for t in cms.tokens]
    _add_stamps(working, stamps)
    proofs = [s.proven_at for s in stamps if s.proven_at] + [at for end, at in file.stamps if end >= signature.end]
    proven = min(proofs, default=None)
    stated = cms.claimed_at or _stated(signature)
    claimed, about_time = check_times(stated, proven, file.occasion.at, file.judge.policy.time_tolerance)
    finding = file.judge.judge(
        Use(
            leaf=cms.leaf, others=(*cms.others, *file.helpers), purpose=file.occasion.purpose, at=file.occasion.at,
            claimed_at=claimed, proven_at=proven, revocation=revocation, issuers=file.occasion.issuers,
        )
    )  # fmt: skip
    hash_names = (cms.hash_name,)
    working.checks += check_strength(
        cms.leaf.public_key, hash_names, file.judge.policy.algorithms, proven or file.occasion.at
    )
    working.checks += [*about_time, *finding.checks]
    working.needs += finding.needs
    working.evidence += finding.evidence
    working.verdict = replace(
        _start(working, signature, None),
        claimed_at=stated,
        proven_at=proven,
        judged_at=proven or file.occasion.at,
        chain=finding.chain,
    )


def cms_imprint(cms: CmsSignature) -> "_Imprint":
    """What a signature timestamp is about: the signature value."""
    return _Imprint(cms.value)


@dataclass(frozen=True, slots=True)
class _Imprint:
    value: bytes

    def __call__(self, hash_name: str) -> bytes:
        return hashlib.new(hash_name, self.value).digest()


def _add_stamps(working: _Working, stamps: list[TimestampFinding]) -> None:
    for stamp in stamps:
        working.checks += stamp.checks
        working.needs += stamp.needs
        working.evidence += stamp.evidence


def _stated(signature: _Signature) -> datetime | None:
    try:
        stated = signature.embedded.self_reported_timestamp
    except Exception:  # noqa: BLE001 - the catch point for pyHanko: a broken date is no claim
        return None
    return stated if stated is not None and stated.tzinfo is not None else None


def _check_changes(found: _Field, signature: _Signature, working: _Working, file: _File) -> None:
    """Coverage of the revision, and what came after it."""
    embedded = signature.embedded
    try:
        embedded.compute_integrity_info(diff_policy=_AFTERWARDS)  # type: ignore[no-untyped-call] # as above
        allowed = embedded.summarise_integrity_info()["docmdp_ok"]
    except Exception as e:  # noqa: BLE001 - the catch point for pyHanko, which raises on files made to confuse it
        working.changed(("cấu trúc tệp gây nhiễu", "the file's structure confuses"), _word(e))
        return
    coverage: object = embedded.coverage  # None until computed, say the types
    if coverage not in (SignatureCoverageLevel.ENTIRE_FILE, SignatureCoverageLevel.ENTIRE_REVISION):
        working.fail(CheckName.COVERAGE, Reason.REVISION_UNCOVERED, str(coverage))
        return
    working.checks.append(passed(CheckName.COVERAGE, found.name))
    result: object = embedded.diff_result
    if not isinstance(result, DiffResult):
        working.changed(_LEVELS[ModificationLevel.OTHER], str(result))
    elif result.modification_level.value > ModificationLevel.FORM_FILLING.value:
        working.changed(_LEVELS[result.modification_level])
    elif not allowed:
        working.changed(_FORBIDDEN)
    elif (left := _left_behind(signature, file)) is not None:
        working.changed(*left)
    else:
        nothing = result.modification_level is ModificationLevel.NONE
        reason = Reason.NOTHING_FOLLOWED if nothing else Reason.ONLY_SIGNATURES_FOLLOWED
        working.checks.append(check(CheckName.CHANGES, found.name, reason))


def _left_behind(signature: _Signature, file: _File) -> tuple[_Words, str] | None:
    """Things that comparing revisions does not see: empty signature fields with a picture, bytes of no revision."""
    revision = signature.embedded.signed_revision
    for other in file.fields:
        if other.filled or other.reference is None:
            continue
        if file.reader.xrefs.get_introducing_revision(other.reference) > revision:
            return ("ô chữ ký trống được thêm vào", "an empty signature field was added"), other.name
    if revision == file.reader.xrefs.total_revisions - 1:
        file.stream.seek(signature.end)
        if file.stream.read(_READ_BYTES).strip(_WHITE):
            return ("dữ liệu nằm sau phần đã ký", "bytes behind the signed revision"), ""
    return None


def _failed(working: _Working) -> bool:
    return any(c.outcome is Outcome.FAILED for c in working.checks)


def _start(working: _Working, signature: _Signature, who: Signatory | None, algorithm: str = "") -> SignatureVerdict:
    embedded = signature.embedded
    reasons = {c.reason for c in working.checks}
    whole = embedded.coverage is SignatureCoverageLevel.ENTIRE_FILE
    covered = any(c.name is CheckName.COVERAGE and c.outcome is Outcome.PASSED for c in working.checks)
    coverage = Coverage.WHOLE_FILE if whole else Coverage.WHOLE_REVISION
    return SignatureVerdict(
        name=working.name,
        indication=Indication.INDETERMINATE,
        signatory=who,
        algorithm=algorithm,
        coverage=coverage if covered else Coverage.UNKNOWN,
        covered=f"{sum(length for _, length in signature.ranges)} byte" if covered else "",
        changed_after_signing=Reason.CHANGED_AFTER_SIGNING in reasons,
        certification=_certification(embedded),
    )


def _certification(embedded: EmbeddedPdfSignature) -> str:
    try:
        level = embedded.docmdp_level
    except Exception:  # noqa: BLE001 - the catch point for pyHanko; a broken one fails in _check_changes
        return ""
    return _CERTIFICATIONS.get(level, "") if level is not None else ""


def _finished(working: _Working) -> SignatureVerdict:
    indication, sub_indication = indication_of(working.checks)
    verdict = working.verdict or SignatureVerdict(name=working.name, indication=indication)
    return replace(
        verdict,
        indication=indication,
        sub_indication=sub_indication,
        checks=tuple(working.checks),
        evidence=tuple({item.sha256: item for item in working.evidence}.values()),
    )


def _completeness(rows: list[_Working], judge: Judge, occasion: Occasion) -> list[Check]:
    """Are the signatures there that the norm asks for, and is the sender among the signers."""
    people = [row.verdict.signatory for row in rows if row.verdict and row.verdict.signatory]
    if not people:
        return []
    kinds, found = {who.kind for who in people}, []
    if judge.policy.both_signatures:
        if SignerKind.PERSON not in kinds and not occasion.appendix:
            found.append(check(CheckName.COMPLETENESS, "person", Reason.PERSON_MISSING))
        if SignerKind.AGENCY not in kinds:
            found.append(check(CheckName.COMPLETENESS, "agency", Reason.AGENCY_MISSING))
    if occasion.senders and not occasion.senders & {who.organ_code for who in people}:
        names = ", ".join(who.name for who in people)
        found.append(check(CheckName.ORGANISATION, names, Reason.SENDER_NOT_AMONG_SIGNERS, names))
    return found


def _word(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
