"""Makes the demo's one-page letters: real PDF files, a few KB each, whose Vietnamese text can be read and copied.

No font is embedded. Each letter is shown by the glyph of its base in Times, which every viewer has, and its marks are
drawn above or below it as strokes; a ToUnicode map gives the real letter to whoever copies or searches the text.
"""

import unicodedata
import zlib
from dataclasses import dataclass
from datetime import date

_PAGE_WIDTH, _PAGE_HEIGHT = 595, 842  # A4 in points
_MARGIN = 72
_LINE_CHARS = 86
# Advance widths of Times for the characters from space to tilde, in thousandths of the type size.
_WIDTHS = (
    "250 333 408 500 500 833 778 180 333 333 500 564 250 333 250 278 500 500 500 500 500 500 500 500 500 500 278 278 "
    "564 564 564 444 921 722 667 667 722 611 556 722 722 333 389 722 611 889 722 722 556 722 667 556 611 722 722 944 "
    "722 722 611 333 278 333 469 500 333 444 500 444 500 444 333 500 500 278 278 500 278 778 500 500 500 500 333 389 "
    "278 500 500 722 500 500 444 480 200 480 541"
)
_ADVANCE = {chr(32 + i): int(width) for i, width in enumerate(_WIDTHS.split())}
_FIRST_CODE = 33
_GLYPHS = {
    " ": "space", ",": "comma", "-": "hyphen", ".": "period", "/": "slash", ":": "colon", ";": "semicolon",
    "(": "parenleft", ")": "parenright", "–": "endash", "%": "percent",
    "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four",
    "5": "five", "6": "six", "7": "seven", "8": "eight", "9": "nine",
}  # fmt: skip
_GRAVE, _ACUTE, _CIRCUMFLEX, _TILDE = "\u0300", "\u0301", "\u0302", "\u0303"
_BREVE, _HOOK, _HORN, _DOT_BELOW = "\u0306", "\u0309", "\u031b", "\u0323"
_TONES = (_GRAVE, _ACUTE, _TILDE, _HOOK)
_SHAPES = (_CIRCUMFLEX, _BREVE)  # belong to the letter; a tone stands above them
_SHAPE_HEIGHT = 115
_STROKES = {
    _GRAVE: "46 w -75 165 m 35 50 l",
    _ACUTE: "46 w 75 165 m -35 50 l",
    _CIRCUMFLEX: "42 w -115 50 m 0 140 l 115 50 l",
    _TILDE: "42 w -125 70 m -60 165 50 35 125 130 c",
    _BREVE: "42 w -110 135 m -80 35 80 35 110 135 c",
    _HOOK: "40 w -50 165 m 10 205 90 165 40 115 c 10 90 0 85 5 55 c",
    _HORN: "46 w -85 -25 m 10 -30 45 20 20 75 c",
    _DOT_BELOW: "100 w 0 -135 m 0 -134 l",
    "-": "42 w -130 0 m 90 0 l",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What stands on the page."""

    issuer: str
    place: str
    number: str  # number/notation
    day: date
    subject: str
    receivers: tuple[str, ...]
    paragraphs: tuple[str, ...]
    position: str
    signer: str


def make_pdf(letter: Letter) -> bytes:
    """A one-page PDF of the letter; the same letter gives the same bytes."""
    rows = _layout(letter)
    characters = sorted({c for row in rows for c in row.text})
    codes = {c: _FIRST_CODE + i for i, c in enumerate(characters)}
    content = "\n".join(_draw(row, codes) for row in rows).encode("ascii")
    return _assemble(
        (
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_PAGE_WIDTH} {_PAGE_HEIGHT}] /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
            _stream(content),
            _font(characters),
            _stream(_to_unicode(codes)),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    text: str
    x: float
    y: float
    size: float


def _layout(letter: Letter) -> list[_Row]:
    rows = [
        _centred(letter.issuer.upper(), 175, 780, 11),
        _centred(f"Số: {letter.number}", 175, 762, 11),
        _centred("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", 425, 780, 11),
        _centred("Độc lập - Tự do - Hạnh phúc", 425, 764, 12),
        _centred(f"{letter.place}, ngày {letter.day:%d} tháng {letter.day:%m} năm {letter.day.year}", 425, 742, 11),
    ]
    y = 705.0
    for text in (letter.subject, "", "Kính gửi: " + "; ".join(letter.receivers) + ".", "", *letter.paragraphs):
        for line in _wrap(text) or [""]:
            rows.append(_Row(text=line, x=_MARGIN, y=y, size=12.5))
            y -= 18
    rows += [
        _centred(letter.position.upper(), 425, y - 20, 12),
        _centred(letter.signer, 425, y - 90, 12),
        _Row(text="Văn bản giả lập của bản trình diễn Axis, không có giá trị pháp lý.", x=_MARGIN, y=60, size=9),
    ]
    return [row for row in rows if row.text]


def _wrap(text: str) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= _LINE_CHARS:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def _advance(character: str) -> int:
    return _ADVANCE.get(_parts(character)[0], 500)


def _centred(text: str, x: float, y: float, size: float) -> _Row:
    width = sum(_advance(c) for c in text) * size / 1000
    return _Row(text=text, x=x - width / 2, y=y, size=size)


def _draw(row: _Row, codes: dict[str, int]) -> str:
    hexed = "".join(f"{codes[c]:02X}" for c in row.text)
    out = [f"BT /F1 {row.size} Tf {row.x:.2f} {row.y:.2f} Td <{hexed}> Tj ET"]
    scale = row.size / 1000
    x = row.x
    for character in row.text:
        strokes = _marks(character)
        if strokes:
            out.append(f"q {scale:.5f} 0 0 {scale:.5f} {x:.2f} {row.y:.2f} cm 1 J 1 j {strokes} Q")
        x += _advance(character) * scale
    return "\n".join(out)


def _parts(character: str) -> tuple[str, str]:
    """A letter's base and its combining marks; đ is a d with a stroke."""
    decomposed = unicodedata.normalize("NFD", character)
    stroked = {"đ": "d", "Đ": "D"}.get(decomposed[0])
    return (stroked, "-") if stroked else (decomposed[0], decomposed[1:])


def _marks(character: str) -> str:
    """The strokes of a letter's marks, in thousandths of the type size from the letter's origin."""
    base, marks = _parts(character)
    if not marks:
        return ""
    right = _ADVANCE.get(base, 500)
    middle = right // 2
    top = 662 if base.isupper() else 450
    out = []
    # NFD orders by combining class: marks at the letter (horn, dot) come before those above it.
    for mark in marks:
        origin = (middle, top)
        if mark in _TONES and any(m in _SHAPES for m in marks):
            origin = (middle, top + _SHAPE_HEIGHT)
        elif mark == _HORN:
            origin = (right, top)
        elif mark == _DOT_BELOW:
            origin = (middle, 0)
        elif mark == "-":
            origin = (right - 110, 560) if base == "d" else (180, 330)
        out.append(f"q 1 0 0 1 {origin[0]} {origin[1]} cm {_STROKES[mark]} S Q")
    return " ".join(out)


def _font(characters: list[str]) -> bytes:
    names = " ".join(_glyph(_parts(c)[0], marked=bool(_parts(c)[1])) for c in characters)
    widths = " ".join(str(_advance(c)) for c in characters)
    last = _FIRST_CODE + len(characters) - 1
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Times-Roman /FirstChar {_FIRST_CODE} /LastChar {last} "
        f"/Widths [{widths}] /ToUnicode 6 0 R "
        f"/Encoding << /Type /Encoding /Differences [{_FIRST_CODE} {names}] >> >>"
    ).encode("ascii")


def _glyph(base: str, *, marked: bool) -> str:
    """The PostScript name of a base letter's glyph."""
    if base == "i" and marked:
        return "/dotlessi"
    return f"/{base}" if base.isascii() and base.isalpha() else f"/{_GLYPHS[base]}"


def _to_unicode(codes: dict[str, int]) -> bytes:
    lines = [f"<{code:02X}> <{ord(c):04X}>" for c, code in codes.items()]
    blocks = [lines[i : i + 100] for i in range(0, len(lines), 100)]  # a block holds at most 100 lines
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapType 2 def /CMapName /Axis-Demo def\n"
        f"1 begincodespacerange <00> <FF> endcodespacerange\n{body}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode("ascii")


def _stream(content: bytes) -> bytes:
    packed = zlib.compress(content, 9)
    return b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(packed), packed)


def _assemble(objects: tuple[bytes, ...]) -> bytes:
    """Header, numbered objects, cross-reference table and trailer."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)
