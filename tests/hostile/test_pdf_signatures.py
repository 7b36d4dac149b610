"""Attacks on signed PDF files: universal forgery, incremental saving, wrapping, shadow, annotations; none is valid.

After "1 Trillion Dollar Refund" and "Shadow Attacks" (Mladenov, Mainka and others); each file is built here.
"""

import io
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields

from axis.trust.model import CheckName, Overall, SignerKind, Verdict
from axis.trust.pdf import verify_pdf
from axis.trust.pdf_signing import PdfSigning, sign_pdf
from axis.trust.policy import Policy
from tests.trust import papers, pki


def verdict(raw: bytes, policy: Policy = pki.SOFT) -> Verdict:
    return verify_pdf(raw, pki.judge(policy, pki.crls()), pki.AT)


def reasons(found: Verdict) -> list[str]:
    return [check.reason for check in found.all_checks()]


def fails(raw: bytes, *expected: str) -> Verdict:
    """Assert that a file is not valid, for one of the given reasons."""
    found = verdict(raw)
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE), reasons(found)
    assert set(expected) & set(reasons(found)), reasons(found)
    return found


def incremental(raw: bytes, change: Callable[[IncrementalPdfFileWriter], object]) -> bytes:
    """The file with one more revision."""
    writer = IncrementalPdfFileWriter(io.BytesIO(raw), strict=False)
    change(writer)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "end", [b"", b"\n%%EOF\n", b"\n1\n%%EOF\n", b"\0" * 4096], ids=["none", "a mark", "a number", "zeros"]
)
def test_a_file_of_one_endless_line_is_not_even_handed_to_the_library(end: bytes) -> None:
    (form,) = verdict(b"%PDF-1.7 " + b"1" * 100_000 + end).all_checks()
    assert "no startxref and %%EOF at the end" in form.reason_en


def test_the_untouched_files_are_valid() -> None:
    assert verdict(papers.signed()).overall is Overall.VALID
    found = verdict(papers.signed_twice())
    assert found.overall is Overall.VALID
    assert {s.signatory.kind for s in found.signatures if s.signatory} == {SignerKind.PERSON, SignerKind.AGENCY}
    changes = [[c.reason for c in s.checks if c.name is CheckName.CHANGES] for s in found.signatures]
    assert changes == [["only_signatures_followed"], ["nothing_followed"]]
    assert_in_words(found)


def assert_in_words(found: Verdict) -> None:
    """No word of pyHanko's is shown to people."""
    for check in found.all_checks():
        text = f"{check.input} {check.reason_vi} {check.reason_en}"
        assert not re.search(r"[A-Z]+_[A-Z]+|\bNONE\b|\bOTHER\b|ModificationLevel|DiffResult", text), text


# --- universal forgery: the signature's own dictionary ----------------------------------------------------------------

_RANGE = re.compile(rb"/ByteRange ?\[[^\]]*\]")
_CONTENTS = re.compile(rb"/Contents ?<[0-9a-fA-F]*>")


def same_length(old: bytes, new: bytes) -> bytes:
    assert len(new) <= len(old)
    return new + b" " * (len(old) - len(new))


@pytest.mark.parametrize(
    "new",
    [
        b"/ByteRangX [0 1 2 3]",
        b"/ByteRange null",
        b"/ByteRange [0 0 0 0]",
        b"/ByteRange [0 10 20]",
        b"/ByteRange []",
        b"/ByteRange [0 -1 5 5]",
        b"/ByteRange [1 900 2000 9]",
        b"/ByteRange [0 9 20 9999999999]",
        b"/ByteRange (x)",
        b"/ByteRange [/a /b /c /d]",
        b"",
    ],
    ids=[
        "renamed",
        "null",
        "zeros",
        "three",
        "empty",
        "negative",
        "not-from-start",
        "past-the-end",
        "text",
        "names",
        "none",
    ],
)
def test_forged_byte_ranges_fail(new: bytes) -> None:
    raw = _RANGE.sub(lambda m: same_length(m.group(), new), papers.signed())
    found = verdict(raw)
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE), reasons(found)
    assert found.signatures


@pytest.mark.parametrize(
    "new", [b"/Contents null", b"/Contents <>", b"/Contents <00>", b"/Contents 5", b"", b"/Contents <3080>"]
)
def test_forged_contents_fail(new: bytes) -> None:
    raw = _CONTENTS.sub(lambda m: same_length(m.group(), new), papers.signed())
    found = verdict(raw)
    assert found.overall is Overall.INVALID, reasons(found)
    assert found.signatures


def test_contents_of_zeros_fail() -> None:
    raw = _CONTENTS.sub(lambda m: re.sub(rb"[0-9a-f]", b"0", m.group()), papers.signed())
    fails(raw, "signature_format")


def test_padding_that_is_not_empty_fails() -> None:
    fails(_CONTENTS.sub(lambda m: m.group()[:-3] + b"41>", papers.signed()), "signature_format")


@pytest.mark.parametrize("name", [b"/adbe.pkcs7.sha1", b"/adbe.x509.rsa_sha1", b"/Unknown", b""])
def test_a_signature_of_another_kind_is_not_skipped(name: bytes) -> None:
    old = b"/SubFilter /ETSI.CAdES.detached"
    raw = papers.signed().replace(old, same_length(old, b"/SubFilter " + name if name else b""))
    found = fails(raw, "subfilter_unknown")
    assert len(found.signatures) == 1


def test_a_signature_that_no_field_shows_is_not_skipped() -> None:
    def hide(writer: IncrementalPdfFileWriter) -> None:
        form = writer.root["/AcroForm"]
        form["/Fields"] = generic.ArrayObject()
        writer.update_container(form)

    fails(incremental(papers.signed(), hide), "signature_unlisted")


def test_of_two_signatures_the_broken_first_does_not_hide_the_second() -> None:
    raw = papers.signed_twice()
    first = _CONTENTS.search(raw)
    assert first
    broken = raw[: first.start()] + first.group().replace(b"<308", b"<318") + raw[first.end() :]
    found = fails(broken, "signature_format", "signature_wrong")
    assert len(found.signatures) == 2


def test_the_broken_second_signature_decides() -> None:
    raw = papers.signed_twice()
    second = list(_CONTENTS.finditer(raw))[1]
    at = second.start() + 2000
    broken = raw[:at] + (b"0" if raw[at : at + 1] != b"0" else b"1") + raw[at + 1 :]
    assert verdict(broken).overall is Overall.INVALID


# --- incremental saving -----------------------------------------------------------------------------------------------


def replace_text(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    stream = generic.StreamObject(stream_data=b"BT /F1 12 Tf 100 700 Td (Quyet dinh 99/QD-GIA) Tj ET")
    page[pdf_name("/Contents")] = writer.add_object(stream)
    writer.update_container(page)


def replace_stream_in_place(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    reference = page.raw_get("/Contents")
    stream = generic.StreamObject(stream_data=b"BT /F1 12 Tf 100 700 Td (Quyet dinh 99/QD-GIA) Tj ET")
    writer.mark_update(reference.reference)
    writer.objects[(reference.generation, reference.idnum)] = stream


def add_page(writer: IncrementalPdfFileWriter) -> None:
    pages = writer.root["/Pages"]
    page = generic.DictionaryObject(
        {pdf_name("/Type"): pdf_name("/Page"), pdf_name("/Parent"): writer.root.raw_get("/Pages")}
    )
    pages["/Kids"].append(writer.add_object(page))
    pages[pdf_name("/Count")] = generic.NumberObject(2)
    writer.update_container(pages)


def other_page_tree(writer: IncrementalPdfFileWriter) -> None:
    page = generic.DictionaryObject({pdf_name("/Type"): pdf_name("/Page")})
    reference = writer.add_object(page)
    tree = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Pages"),
            pdf_name("/Kids"): generic.ArrayObject([reference]),
            pdf_name("/Count"): generic.NumberObject(1),
        }
    )
    writer.root[pdf_name("/Pages")] = writer.add_object(tree)
    writer.update_root()


def add_annotation(writer: IncrementalPdfFileWriter, subtype: str = "/FreeText") -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    note = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name(subtype),
            pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in (90, 690, 400, 720)]),
            pdf_name("/Contents"): generic.TextStringObject("99/QD-GIA"),
        }
    )
    annotations = page["/Annots"] if "/Annots" in page else generic.ArrayObject()
    annotations.append(writer.add_object(note))
    page[pdf_name("/Annots")] = annotations
    writer.update_container(page)


def remove_annotations(writer: IncrementalPdfFileWriter) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    del page["/Annots"]
    writer.update_container(page)


def add_script(writer: IncrementalPdfFileWriter) -> None:
    action = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.TextStringObject("app.alert(1)")}
    writer.root[pdf_name("/OpenAction")] = generic.DictionaryObject(action)
    writer.update_root()


def add_empty_field(writer: IncrementalPdfFileWriter) -> None:
    """An unsigned field with a picture can cover text ("sneaky signature")."""
    fields.append_signature_field(writer, fields.SigFieldSpec(sig_field_name="Cover", box=(90, 690, 400, 720)))


def change_stamp(writer: IncrementalPdfFileWriter) -> None:
    """Another picture on an existing signature."""
    for reference in writer.root["/AcroForm"]["/Fields"]:
        field = reference.get_object()
        field[pdf_name("/AP")] = generic.DictionaryObject(
            {pdf_name("/N"): writer.add_object(generic.StreamObject(stream_data=b"0 0 200 200 re f"))}
        )
        writer.mark_update(reference.reference)


def add_attachment(writer: IncrementalPdfFileWriter) -> None:
    writer.root[pdf_name("/Names")] = generic.DictionaryObject()
    writer.update_root()


def optional_content(writer: IncrementalPdfFileWriter) -> None:
    """Shadow: layers switched on afterwards."""
    writer.root[pdf_name("/OCProperties")] = generic.DictionaryObject({pdf_name("/OCGs"): generic.ArrayObject()})
    writer.update_root()


def swap_font(writer: IncrementalPdfFileWriter) -> None:
    """Shadow replace: the same text in a font with other glyphs."""
    page = writer.root["/Pages"]["/Kids"][0]
    resources = page["/Resources"]
    resources[pdf_name("/Font")] = generic.DictionaryObject({pdf_name("/F1"): generic.DictionaryObject()})
    writer.update_container(resources)


ATTACKS = [
    replace_text, replace_stream_in_place, add_page, other_page_tree, add_annotation, add_script, add_empty_field,
    change_stamp, add_attachment, optional_content, swap_font,
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.__name__ for attack in ATTACKS])
@pytest.mark.parametrize("base", [papers.signed, papers.signed_twice], ids=["once", "twice"])
def test_changes_after_signing_are_found(
    attack: Callable[[IncrementalPdfFileWriter], None], base: Callable[[], bytes]
) -> None:
    raw = incremental(base(), attack)
    assert raw.startswith(base())
    found = fails(raw, "changed_after_signing")
    assert all(signature.changed_after_signing for signature in found.signatures)
    assert_in_words(found)


@pytest.mark.parametrize("subtype", ["/Stamp", "/Redact", "/Link", "/Square", "/Highlight"])
def test_annotations_of_every_kind_are_found(subtype: str) -> None:
    fails(incremental(papers.signed(), lambda writer: add_annotation(writer, subtype)), "changed_after_signing")


def test_another_picture_in_the_stamps_own_object_is_found() -> None:
    """The stamp's appearance overwritten in place, without a new object."""

    def overwrite(writer: IncrementalPdfFileWriter) -> None:
        for reference in writer.root["/AcroForm"]["/Fields"]:
            field = reference.get_object()
            if field["/T"] == "Agency":
                picture = field["/AP"].raw_get("/N").reference
                old = picture.get_object()
                entries = {key: old.raw_get(key) for key in old if key not in ("/Length", "/Filter")}
                stream = generic.StreamObject(entries, stream_data=b"0 0 200 200 re f")
                writer.mark_update(picture)
                writer.objects[(picture.generation, picture.idnum)] = stream

    fails(incremental(papers.signed_twice(), overwrite), "changed_after_signing")


def test_hiding_what_covered_the_text_is_found() -> None:
    """Shadow hide: an overlay was there when the file was signed, and is taken away."""
    covered = incremental(papers.paper(), add_annotation)
    raw = sign_pdf(covered, pki.signer("person"), PdfSigning(at=pki.NOW, field_name="Person"))
    assert verdict(raw).overall is Overall.VALID
    fails(incremental(raw, remove_annotations), "changed_after_signing")


def test_a_filled_text_field_is_found() -> None:
    def fill(writer: IncrementalPdfFileWriter) -> None:
        for reference in writer.root["/AcroForm"]["/Fields"]:
            field = reference.get_object()
            if field.get("/FT") == "/Tx":
                field[pdf_name("/V")] = generic.TextStringObject("999")
                writer.mark_update(reference.reference)

    raw = papers.signed(form=True)
    assert verdict(raw).overall is Overall.VALID
    fails(incremental(raw, fill), "changed_after_signing")


def test_a_change_between_two_signatures_is_found_in_the_first() -> None:
    changed = incremental(papers.signed(), replace_text)
    raw = sign_pdf(changed, pki.signer("agency"), PdfSigning(at=pki.NOW, field_name="Agency"))
    found = fails(raw, "changed_after_signing")
    assert [s.changed_after_signing for s in found.signatures] == [True, False]


def test_an_annotation_on_a_certified_file_is_found() -> None:
    raw = papers.signed(certify=True)
    found = verdict(raw)
    assert found.overall is Overall.VALID
    assert found.signatures[0].certification == "signing"
    fails(incremental(raw, add_annotation), "changed_after_signing")


@pytest.mark.parametrize(
    "tail",
    [
        b"\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
        b"\n1 0 obj\n<</Type/Catalog>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n",
        b"%PDF-1.4\nother\n%%EOF\n",
        b"x",
    ],
    ids=["object", "object-and-trailer", "second-file", "byte"],
)
def test_bytes_behind_the_file_are_found(tail: bytes) -> None:
    found = verdict(papers.signed() + tail)
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE), reasons(found)


def test_an_update_that_carries_a_copy_of_the_signature_is_found() -> None:
    """Incremental saving with the signature's dictionary repeated, so that it seems to belong to the last revision."""

    def repeat(writer: IncrementalPdfFileWriter) -> None:
        replace_text(writer)
        for reference in writer.root["/AcroForm"]["/Fields"]:
            value = reference.get_object().raw_get("/V")
            writer.mark_update(value.reference if hasattr(value, "reference") else value)

    found = verdict(incremental(papers.signed(), repeat))
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE)


# --- wrapping ---------------------------------------------------------------------------------------------------------


def test_wrapping_a_second_byte_range_into_the_padding_fails() -> None:
    raw = papers.signed()
    contents = _CONTENTS.search(raw)
    assert contents
    numbers = [int(n) for n in re.findall(rb"\d+", _RANGE.search(raw).group())]  # type: ignore[union-attr]
    evil = b">/ByteRange[0 %d %d %d]/Evil<" % (numbers[1], numbers[2], numbers[3])
    end = contents.end()
    wrapped = raw[: end - 400] + evil + raw[end - 400 + len(evil) :]
    assert len(wrapped) == len(raw)
    found = verdict(wrapped)
    assert found.overall in (Overall.INVALID, Overall.INDETERMINATE)


def test_moving_the_second_part_fails() -> None:
    raw = papers.signed()
    found = _RANGE.search(raw)
    assert found
    first, start, length = (int(n) for n in re.findall(rb"\d+", found.group())[1:])
    inserted = b"\n9 0 obj\n<</Type/Catalog>>\nendobj\n"
    moved = raw[:start] + inserted + raw[start:]
    moved = moved.replace(
        found.group(), same_length(found.group(), b"/ByteRange [0 %d %d %d]" % (first, start + len(inserted), length))
    )
    assert verdict(moved).overall in (Overall.INVALID, Overall.INDETERMINATE)


def test_a_gap_wider_than_the_signature_fails() -> None:
    raw = papers.signed()
    found = _RANGE.search(raw)
    assert found
    first, start, length = (int(n) for n in re.findall(rb"\d+", found.group())[1:])
    wider = same_length(found.group(), b"/ByteRange [0 %d %d %d]" % (first - 8, start, length))
    fails(raw.replace(found.group(), wider), "revision_uncovered")


# --- plain damage -----------------------------------------------------------------------------------------------------


def test_changed_content_is_found() -> None:
    raw = papers.signed()
    at = raw.index(b"/MediaBox")
    fails(raw[:at] + b"/MediaBoX" + raw[at + 9 :], "digest_mismatch")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_not_valid(keep: float) -> None:
    raw = papers.signed()
    assert verdict(raw[: int(len(raw) * keep)]).overall not in (Overall.VALID, Overall.VALID_WITH_WARNINGS)


@pytest.mark.parametrize("raw", [b"", b"%PDF-1.7", b"%PDF-1.7\n%%EOF", b"%PDF-" + bytes(5000)])
def test_what_is_no_pdf_is_unreadable(raw: bytes) -> None:
    assert verdict(raw).overall is Overall.INDETERMINATE


# --- certificates and timestamps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("expired", "expired"),
        ("future", "not_yet_valid"),
        ("revoked", "revoked"),
        ("unchained", "chain_unknown"),
        ("weak", "algorithm_weak"),
        ("encipher", "usage_wrong"),
        ("tls", "usage_wrong"),
        ("interm", "authority_signs"),
    ],
)
def test_a_certificate_that_may_not_sign(label: str, reason: str) -> None:
    fails(papers.signed(label), reason)


def test_a_file_that_only_another_organisation_signed_is_shown() -> None:
    found = verdict(papers.signed("other"))
    assert found.overall is Overall.VALID_WITH_WARNINGS
    assert "sender_not_among_signers" in reasons(found)


def test_missing_signatures_are_shown() -> None:
    policy = Policy(revocation=pki.SOFT.revocation)
    assert "agency_missing" in reasons(verdict(papers.signed(), policy))
    assert "person_missing" in reasons(verdict(papers.signed("agency"), policy))
    assert verdict(papers.signed_twice(), policy).overall is Overall.VALID


def test_a_timestamp_counts() -> None:
    found = verdict(papers.stamped("revoked"))
    assert found.signatures[0].proven_at is not None
    assert found.overall is Overall.INVALID  # stamped after the revocation


def test_a_signing_time_seven_hours_ahead_is_said_and_nothing_else() -> None:
    """Peer: signing software writes Vietnamese time as if it were UTC."""
    for hours, expected in ((0, []), (7, ["time_seven_hours"]), (9, ["time_in_future"])):
        signing = PdfSigning(at=pki.NOW + timedelta(hours=hours), field_name="Person")
        found = verdict(sign_pdf(papers.paper(), pki.signer("person"), signing))
        said = [reason for reason in reasons(found) if reason.startswith("time_") and reason != "time_unproven"]
        assert said == expected
        if hours == 7:
            sentence = next(check.reason_vi for check in found.all_checks() if check.reason == "time_seven_hours")
            assert "7 giờ" in sentence or "bảy giờ" in sentence


def test_a_timestamp_about_other_data_is_wrong() -> None:
    fails(papers.stamped(about=bytes(32)), "timestamp_wrong")


@pytest.mark.parametrize("authority", ["tsa-no-eku", "tsa-lax-eku", "tsa-expired"])
def test_a_timestamp_by_one_who_may_not_stamp_is_not_valid(authority: str) -> None:
    found = verdict(papers.stamped(authority=authority))
    assert found.overall is not Overall.VALID
    assert found.signatures[0].proven_at is None


def test_a_document_timestamp_proves_the_signatures_before_it() -> None:
    found = verdict(papers.document_stamped(papers.signed()))
    assert found.overall is Overall.VALID
    assert all(signature.proven_at == pki.NOW for signature in found.signatures)


def test_a_change_after_a_document_timestamp_is_found() -> None:
    raw = papers.document_stamped(papers.signed())
    fails(incremental(raw, replace_text), "changed_after_signing")
