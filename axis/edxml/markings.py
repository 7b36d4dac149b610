"""Finds secrecy markings: a document that bears one must not travel here, and its content must not be logged.

The format has no field for them, so they stand in SphereOfPromulgation, in TypeName, or in front of Subject, in the
words that people use: `MẬT`, `(Tối mật)`, `Độ mật: Mật`, `Công văn mật`. The same letters begin harmless words
(mật độ, mật ong, mật khẩu): those are told apart by list and by form. In doubt, a form that people use for markings
counts.

Norm: Luật Bảo vệ bí mật nhà nước 117/2025, NĐ 63/2026: secrets go on a separate system.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from axis.edxml.fields import MESSAGE
from axis.edxml.model import DocumentHeader
from axis.terms import SECRET_EXCEPTIONS, SECRET_PHRASES
from axis.text import comparison_form

_DOCUMENT_WORDS = (
    *("văn bản", "tài liệu", "hồ sơ", "công văn", "nghị quyết", "quyết định", "chỉ thị", "quy chế", "quy định"),
    *("thông cáo", "thông báo", "thông tư", "hướng dẫn", "chương trình", "kế hoạch", "phương án", "đề án", "dự án"),
    *("báo cáo", "biên bản", "tờ trình", "hợp đồng", "công điện", "bản ghi nhớ", "bản thỏa thuận", "giấy ủy quyền"),
    *("giấy mời", "giấy giới thiệu", "giấy nghỉ phép", "phiếu gửi", "phiếu chuyển", "phiếu báo", "thư công"),
)
_URGENT_WORDS = ("hỏa tốc hẹn giờ", "hoả tốc hẹn giờ", "hỏa tốc", "hoả tốc", "thượng khẩn", "khẩn")
_LABEL = r"(?<!\w)(?:(?:mức\s+)?độ|mức|dấu)\s+mật\s*[:=\-–—]?\s*"
_OPEN = r"[(\[{<«]"
_CLOSE = r"[)\]}>»]"
_DASHES = "-–—"
_ORNAMENT = " \"'“”‘’*_.…" + _DASHES
_BRACKETED = re.compile(rf"{_OPEN}([^()\[\]{{}}<>«»]{{1,80}}){_CLOSE}")
_SEGMENTS = re.compile(rf"[,;:/|.()\[\]{{}}<>«»]|\s[{_DASHES}]+\s|[–—]")
_READ_CHARACTERS = 1000  # markings stand in front; the rest of a very long text is not looked at
_NOTHING = "\u25a1"  # stands where an exception stood


def secret_marking(
    header: DocumentHeader,
    phrases: Sequence[str] = SECRET_PHRASES,
    exceptions: Sequence[str] = SECRET_EXCEPTIONS,
) -> str | None:
    """The element path of the field that carries a secrecy marking, or None.

    phrases: the levels' names. exceptions: words that contain one of them and mean something else. Both in any case.
    """
    words = _words(tuple(phrases), tuple(exceptions))
    if words.mark_level(header.other.sphere_of_promulgation or ""):
        return f"{MESSAGE}/OtherInfo/SphereOfPromulgation"
    if words.mark_level(header.document_type.type_name or ""):
        return f"{MESSAGE}/DocumentType/TypeName"
    if words.mark_subject(header.subject or ""):
        return f"{MESSAGE}/Subject"
    return None


class _Words:
    """The patterns for one set of phrases and exceptions."""

    def __init__(self, phrases: tuple[str, ...], exceptions: tuple[str, ...]) -> None:
        phrase = f"(?P<phrase>{_any_of(phrases)})"
        documents = _any_of(_DOCUMENT_WORDS)
        self._exception = _compiled(_any_of(exceptions))
        self._long = _compiled(_any_of([p for p in phrases if " " in _plain(p)]))
        self._whole = _compiled(phrase)
        self._labelled = _compiled(rf"{_LABEL}{_OPEN}?\s*{phrase}")
        self._after_document = _compiled(rf"{documents}\s+{phrase}")
        self._beginning = _compiled(
            rf"(?:{_any_of(_URGENT_WORDS)}[{_DASHES}\s,;:/|.]*)*(?P<document>{documents}\s+)?{phrase}(?P<rest>.*)"
        )

    def mark_level(self, value: str) -> bool:
        """Whether a field that may hold a level marks one: as its value, as a part of its own, or after a document."""
        text = self._without_exceptions(value)
        if self._labelled.search(text) or self._long.search(text):
            return True
        for segment in _SEGMENTS.split(text):
            part = segment.strip(_ORNAMENT)
            if self._whole.fullmatch(part) or self._after_document.fullmatch(part):
                return True
        return not text.isupper() and any(match[0].isupper() for match in self._whole.finditer(text))

    def mark_subject(self, value: str) -> bool:
        """Whether a subject begins with a marking."""
        text = self._without_exceptions(value).lstrip(_ORNAMENT)
        bracketed = _BRACKETED.match(text)
        if bracketed:
            return self.mark_level(bracketed[1])
        if self._labelled.match(text):
            return True
        match = self._beginning.match(text)
        if match is None:
            return False
        rest = match["rest"].strip("\"'”’*_")
        stands_alone = not rest or rest[0] in ":|/.([" or rest.lstrip()[:1] in _DASHES + ":|("
        if match["document"]:
            return stands_alone
        return stands_alone or match["phrase"].isupper() or bool(self._long.fullmatch(match["phrase"]))

    def _without_exceptions(self, value: str) -> str:
        return self._exception.sub(_masked, _plain(value))


@lru_cache(maxsize=8)
def _words(phrases: tuple[str, ...], exceptions: tuple[str, ...]) -> _Words:
    return _Words(phrases, exceptions)


def _masked(match: re.Match[str]) -> str:
    """An exception is taken out, unless one part of it alone is in capitals: `MẬT Mã số …` is a marking."""
    capitals = {word.isupper() for word in re.split(r"[\s-]+", match[0])}
    return match[0] if len(capitals) > 1 else _NOTHING


def _plain(value: str) -> str:
    """One form for all ways to write the same letters, without invisible ones."""
    text = unicodedata.normalize("NFKC", value[:_READ_CHARACTERS])
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(comparison_form(visible).split())


def _any_of(words: Sequence[str]) -> str:
    """A pattern for any of the words, the longest first; a space in them also matches a hyphen."""
    if not words:
        return "(?!)"  # never matches
    ordered = sorted({_plain(word) for word in words}, key=len, reverse=True)
    joined = "|".join(re.escape(word).replace(r"\ ", r"(?:\s+|-)") for word in ordered)
    return rf"(?<!\w)(?:{joined})(?!\w)"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)
