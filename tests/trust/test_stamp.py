"""The visible stamp: Vietnamese letters, carried by the file, and nothing of it counts as a change."""

import re
import shutil
import subprocess
import unicodedata
import warnings
from pathlib import Path

import pytest

from axis.trust.fonts import StampFont
from axis.trust.model import Overall
from axis.trust.pdf import verify_pdf
from axis.trust.pdf_signing import PdfSigning, Stamp, sign_pdf
from tests.trust import papers, pki

LINES = (
    "Sở Giáo dục và Đào tạo thành phố Hải Phòng",
    "Số 12/QĐ-SGDĐT 100%",
    "ẮẰẲẴẶ ếềểễệ ƯỨỪỬỮỰ ơớờởỡợ ỳỵỷỹ",
    "2026-11-24T09:00:00+07:00",
)


def stamped(*lines: str) -> bytes:
    stamp = Stamp(lines=lines, left=300, bottom=600, width=260)
    signing = PdfSigning(at=pki.NOW, field_name="Agency", stamp=stamp)
    return sign_pdf(papers.signed(), pki.signer("agency"), signing)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_the_stamp_says_every_vietnamese_letter(tmp_path: Path, form: str) -> None:
    raw = stamped(*(unicodedata.normalize(form, line) for line in LINES))
    assert verify_pdf(raw, pki.judge(pki.SOFT, pki.crls()), pki.AT).overall is Overall.VALID
    if shutil.which("pdftotext") is None:
        warnings.warn("poppler-utils is not installed: nobody else reads the stamp", stacklevel=1)
        return
    (tmp_path / "a.pdf").write_bytes(raw)
    done = subprocess.run(["pdftotext", str(tmp_path / "a.pdf"), "-"], capture_output=True, text=True, check=True)
    assert [line for line in done.stdout.splitlines() if line][-len(LINES) :] == list(LINES)


def test_the_file_carries_the_letters_that_it_needs_and_no_others() -> None:
    added = len(stamped("Sở Y tế")) - len(papers.signed())
    assert added < 40_000  # signature, chain and a few letters; the whole font has two million bytes
    assert re.search(rb"/FontName ?/[A-Z]{6}\+NotoSerif", stamped("Sở Y tế"))  # a subset by its name


def test_letters_outside_the_usual_ones_are_added() -> None:
    usual, greek = StampFont("Sở Y tế", 10), StampFont("Ω Sở Y tế", 10)
    assert len(greek._font) > len(usual._font)
    assert verify_pdf(stamped("Ω 衛"), pki.judge(pki.SOFT, pki.crls()), pki.AT).overall is Overall.VALID
