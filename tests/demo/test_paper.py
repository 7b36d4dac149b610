"""The demo's letters are real PDF files whose Vietnamese text can be read back."""

import re
import zlib
from datetime import date

from axis.demo.paper import Letter, make_pdf

LETTER = Letter(
    issuer="Sở Xây dựng",
    place="Hải Phòng",
    number="127/SXD-HTKT",
    day=date(2026, 11, 24),
    subject="V/v rà soát hạ tầng kỹ thuật: ẳ ậ ữ ỡ Ổ Ợ Ỹ đ Đ",
    receivers=("Phường Lê Chân", "Đặc khu Cát Hải"),
    paragraphs=("Đề nghị các đơn vị tổng hợp khó khăn, vướng mắc (nếu có) và báo cáo trước ngày 30; 100%.",),
    position="Giám đốc",
    signer="Nguyễn Văn Mẫu",
)


def objects(pdf: bytes) -> dict[int, bytes]:
    """The numbered objects, found through the cross-reference table as a viewer does."""
    start = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n\Z", pdf)[0])
    count = int(re.match(rb"xref\n0 (\d+)\n", pdf[start:]).group(1))  # type: ignore[union-attr]
    offsets = [int(line[:10]) for line in pdf[start:].split(b"\n")[3 : 2 + count]]
    found = {}
    for number, offset in enumerate(offsets, start=1):
        head = b"%d 0 obj\n" % number
        assert pdf[offset : offset + len(head)] == head
        found[number] = pdf[offset + len(head) : pdf.index(b"\nendobj", offset)]
    return found


def stream(body: bytes) -> str:
    length = int(re.search(rb"/Length (\d+)", body).group(1))  # type: ignore[union-attr]
    start = body.index(b"stream\n") + len(b"stream\n")
    return zlib.decompress(body[start : start + length]).decode("ascii")


def text_of(pdf: bytes) -> str:
    """What a viewer gives when the page is copied."""
    parts = objects(pdf)
    mapping = {code: chr(int(letter, 16)) for code, letter in re.findall(r"<(..)> <(....)>", stream(parts[6]))}
    lines = re.findall(r"<([0-9A-F]+)> Tj", stream(parts[4]))
    return "\n".join("".join(mapping[line[i : i + 2]] for i in range(0, len(line), 2)) for line in lines)


def test_the_text_of_a_letter_can_be_copied_with_every_mark() -> None:
    text = text_of(make_pdf(LETTER))
    for part in (LETTER.subject, LETTER.signer, "SỞ XÂY DỰNG", "Kính gửi: Phường Lê Chân; Đặc khu Cát Hải."):
        assert part in text
    assert LETTER.paragraphs[0] in text.replace("\n", " ")
    assert "Hải Phòng, ngày 24 tháng 11 năm 2026" in text


def test_every_letter_has_a_glyph_that_viewers_know() -> None:
    font = objects(make_pdf(LETTER))[5].decode()
    names = re.search(r"/Differences \[33 (.*?)\]", font).group(1).split()  # type: ignore[union-attr]
    widths = re.search(r"/Widths \[(.*?)\]", font).group(1).split()  # type: ignore[union-attr]
    assert len(names) == len(widths)
    assert all(re.fullmatch(r"/[A-Za-z]+", name) for name in names)
    assert 33 + len(names) <= 256


def test_the_same_letter_is_the_same_file() -> None:
    assert make_pdf(LETTER) == make_pdf(LETTER)
