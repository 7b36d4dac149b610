"""The form in which texts from different writers are compared; what is stored and shown is the text as it came."""

import unicodedata


def comparison_form(text: str) -> str:
    """NFC, trimmed, and the Icelandic Ð (U+00D0), which some keyboards write, taken for Đ (U+0110)."""
    return unicodedata.normalize("NFC", text).strip().replace("\u00d0", "\u0110")
