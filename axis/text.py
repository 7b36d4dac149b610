"""Texts from strangers: the form in which they are compared, shown, and made into names of files.

What is stored is the text as it came.
"""

import re
import unicodedata
from typing import Final

_ODD: Final = dict.fromkeys(
    (
        *range(0x09),
        *range(0x0B, 0x20),
        *range(0x7F, 0xA0),
        0x061C,  # marks and overrides of direction
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
        *range(0xD800, 0xE000),  # halves of characters, which no encoding takes
        0xFEFF,
    ),
    "\ufffd",
)
_EDGES: Final = re.compile(r"\A[\s.]+|[\s.]+\Z")  # blanks of every kind
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f"*/:<>?\\|\ufffd]+')  # what file systems or headers take amiss
_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")  # names that Windows keeps for itself
_ACCENTS: Final = re.compile("[\u0300-\u036f]+")
_WORDS: Final = re.compile(r"[^\W_]+")
_WORD_CHARACTERS = 64
_SEARCH_CHARACTERS = 2_000
_NAME_CHARACTERS = 150
_NAME_BYTES = 200  # 255 are the limit of most file systems
_ENDING_CHARACTERS = 10  # longer is no file name ending
_NO_NAME = "tep-dinh-kem"


def comparison_form(text: str) -> str:
    """NFC, trimmed, and the Icelandic Ð (U+00D0), which some keyboards write, taken for Đ (U+0110)."""
    return unicodedata.normalize("NFC", text).strip().replace("\u00d0", "\u0110")


def search_form(*texts: str | None) -> str:
    """What people look a text up by: small letters without accents, each word after one blank: ` 12 ubnd bao cao`.

    The same for both Unicode forms that software writes, and for whoever types without accents.
    """
    whole = unicodedata.normalize(
        "NFD", " ".join(filter(None, texts)).replace("đ", "d").replace("Đ", "D").replace("Ð", "D")
    )
    words = _WORDS.findall(_ACCENTS.sub("", whole).lower())
    return "".join(f" {word[:_WORD_CHARACTERS]}" for word in words)[:_SEARCH_CHARACTERS]


def also_found_by(form: str, text: str | None) -> str:
    """A search form with the words of another text before it: what it was found by goes on finding it."""
    return (search_form(text) + form)[:_SEARCH_CHARACTERS]


def plain(text: str) -> str:
    """The text without characters that people cannot see and that change how the rest is read."""
    return text.translate(_ODD)


def one_line(text: str, most: int) -> str:
    """A text as one line of at most so many characters: for subjects, titles and columns."""
    line = plain(" ".join(unicodedata.normalize("NFC", text).split()))
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def folded(text: str) -> str:
    """The text as people type it who leave accents and capitals out: what a search compares."""
    letters = unicodedata.normalize("NFD", text.casefold().replace("đ", "d").replace("\u00f0", "d"))
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())


def file_name(name: str) -> str:
    """A harmless file name out of one that a stranger chose: one part of a path at most, and never none."""
    harmless = _EDGES.sub("", _FORBIDDEN.sub("_", plain(unicodedata.normalize("NFC", name))))
    stem, dot, ending = harmless.rpartition(".")
    if not stem or len(ending) > _ENDING_CHARACTERS:
        stem, ending = harmless, ""
    else:
        ending = dot + ending
    stem = stem[: _NAME_CHARACTERS - len(ending)]
    while len((stem + ending).encode()) > _NAME_BYTES:
        stem = stem[:-1]
    harmless = _EDGES.sub("", stem + ending)
    if _DEVICES.fullmatch(harmless):
        harmless = f"_{harmless}"
    return harmless or _NO_NAME


def ascii_name(name: str) -> str:
    """A file name for those who read no other letters than ASCII's."""
    folded = unicodedata.normalize("NFD", name.replace("đ", "d").replace("Đ", "D"))
    return re.sub(r"[^A-Za-z0-9._ ()+-]", "", folded).strip(" .") or _NO_NAME
