"""Every code says, in both languages, what happened and what to do."""

import unicodedata

import pytest

from axis.errors import AxisError, Busy, Code, Malformed, Rejected
from axis.messages import SENTENCES, Language, describe, sentence

REQUESTS_VI = ("Đề nghị ", "Hãy ")
MARKED = set("ăâđêôơưàảãáạằẳẵắặầẩẫấậèẻẽéẹềểễếệìỉĩíịòỏõóọồổỗốộờởỡớợùủũúụừửữứựỳỷỹýỵ")


def test_the_table_is_total() -> None:
    assert set(SENTENCES) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_each_sentence_is_whole_and_names_an_action(code: Code) -> None:
    entry = SENTENCES[code]
    for text in (entry.what_vi, entry.action_vi, entry.what_en, entry.action_en):
        assert text.endswith(".")
        assert text == text.strip()
        assert text[0].isupper()
        assert "  " not in text
    assert entry.action_vi.startswith(REQUESTS_VI)
    assert entry.what_vi != entry.action_vi


@pytest.mark.parametrize("code", Code)
def test_vietnamese_is_composed_and_carries_its_marks(code: Code) -> None:
    text = sentence(code, "vi")
    assert unicodedata.is_normalized("NFC", text)
    assert len(MARKED & set(text.lower())) > 3


@pytest.mark.parametrize("code", Code)
def test_english_is_not_vietnamese(code: Code) -> None:
    assert not MARKED & set(sentence(code, "en").lower())


def test_no_two_codes_say_the_same() -> None:
    languages: tuple[Language, ...] = ("vi", "en")
    for lang in languages:
        assert len({sentence(code, lang) for code in Code}) == len(Code)


def test_a_description_adds_where_and_the_detail() -> None:
    error = Malformed(Code.FIELD_INVALID, "31 February.", at="edXMLHeader/MessageHeader/DueDate")
    assert describe(error, "vi").endswith(" Vị trí: edXMLHeader/MessageHeader/DueDate. Chi tiết: 31 February.")
    assert describe(error, "en").endswith(" Where: edXMLHeader/MessageHeader/DueDate. Detail: 31 February.")


@pytest.mark.parametrize("error", [Rejected(Code.NOT_FOUND), Busy(Code.DISK_FULL)])
def test_a_description_without_particulars_is_the_sentence(error: AxisError) -> None:
    assert describe(error, "en") == sentence(error.code, "en")
