"""What the search box understands, and how much time is left."""

from datetime import UTC, datetime, timedelta

import pytest

from axis.calendar.working import Calendar
from axis.clock import VIETNAM
from axis.text import also_found_by, search_form
from axis.web.console.asked import Names, understand
from axis.web.console.countdown import countdown

NAMES = Names.of(
    [
        ("H24.11", "H24.11"),
        ("Sở Y tế", "H24.11"),
        ("000.00.11.H24", "H24.11"),
        ("H24.15", "H24.15"),
        ("Sở Xây dựng", "H24.15"),
        ("H24.20", "H24.20"),
        ("Thanh tra", "H24.20"),
        ("H24.21", "H24.21"),
        ("Công an", "H24.21"),
        ("Sở Xây dựng và Đất đai", "H24.16"),
    ]
)
UID = "01KB1TXF4044Y5RFGSJNHCXN37"


def told(text: str) -> list[tuple[str, str]]:
    return [(part.kind, part.said) for part in understand(text, NAMES).parts]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("báo cáo", [("Từ", "báo"), ("Từ", "cáo")]),
        ("12/UBND-VP", [("Số, ký hiệu", "12/UBND-VP")]),
        ("so y te", [("Của cơ quan", "Sở Y tế (H24.11)")]),
        ("SỞ XÂY DỰNG và đất đai", [("Của cơ quan", "Sở Xây dựng và Đất đai (H24.16)")]),
        ("Sở xây dựng phép", [("Của cơ quan", "Sở Xây dựng (H24.15)"), ("Từ", "phép")]),
        ("h24.11", [("Của cơ quan", "Sở Y tế (H24.11)")]),
        ("000.00.11.H24", [("Của cơ quan", "Sở Y tế (H24.11)")]),
        ("03/11/2025", [("Ngày", "03/11/2025")]),
        ("03/11/2025-05/11/2025", [("Ngày", "03/11/2025 – 05/11/2025")]),
        ("05/11/2025 đến 03/11/2025 x", [("Ngày", "03/11/2025 – 05/11/2025"), ("Từ", "x")]),
        ("12/2025", [("Ngày", "01/12/2025 – 31/12/2025")]),
        ("31/02/2025", [("Số, ký hiệu", "31/02/2025")]),
        (UID.lower(), [("Mã văn bản", UID)]),
        ('"cải cách"', [("Từ", "cải cách")]),
        ("", []),
    ],
)
def test_a_search_is_understood_part_by_part(text: str, kinds: list[tuple[str, str]]) -> None:
    assert told(text) == kinds


def test_each_part_can_be_taken_out_again() -> None:
    asked = understand("báo cáo Sở Y tế 12/2025", NAMES)
    assert [part.without for part in asked.parts] == [
        "cáo Sở Y tế 12/2025",
        "báo Sở Y tế 12/2025",
        "báo cáo 12/2025",
        "báo cáo Sở Y tế",
    ]
    assert asked.wanted.organs == {"H24.11"}
    assert asked.wanted.phrases == ("bao", "cao")
    assert asked.wanted.since == datetime(2025, 12, 1, tzinfo=VIETNAM)
    assert asked.wanted.until == datetime(2026, 1, 1, tzinfo=VIETNAM)


def test_signs_alone_find_nothing_and_a_flood_of_words_is_cut() -> None:
    assert understand("% _", NAMES).wanted.document_uid == ""
    assert not understand("", NAMES).wanted
    assert len(understand("a " * 5_000, NAMES).wanted.phrases) <= 12
    assert len(understand("x" * 9_000, NAMES).wanted.phrases[0]) == 64


def test_both_unicode_forms_and_no_accents_fold_to_the_same() -> None:
    assert search_form("Kế hoạch ĐẤT", "12/UBND-VP_x", None) == " ke hoach dat 12 ubnd vp x"
    assert search_form("Ke\u0302\u0301 hoa\u0323ch") == search_form("kế hoạch") == search_form("KE HOACH")
    assert also_found_by(" cu", "Mới") == " moi cu"
    assert len(search_form("từ " * 5_000)) == 2_000


MONDAY = datetime(2025, 11, 24, 8, 0, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("due", "now", "word", "tone"),
    [
        (MONDAY + timedelta(days=2), MONDAY, "còn 2 ngày làm việc", "slate"),
        (MONDAY + timedelta(days=7), MONDAY, "còn 5 ngày làm việc", "slate"),  # two of them are a weekend
        (MONDAY + timedelta(hours=3), MONDAY, "còn 3 giờ làm việc", "amber"),
        (MONDAY + timedelta(minutes=9), MONDAY, "còn dưới 1 giờ làm việc", "amber"),
        (MONDAY, MONDAY, "vừa quá hạn", "red"),
        (MONDAY, MONDAY + timedelta(hours=2), "quá hạn 2 giờ làm việc", "red"),
        (MONDAY, MONDAY + timedelta(days=1), "quá hạn 1 ngày làm việc", "red"),
    ],
)
def test_time_is_counted_in_working_days_and_hours(due: datetime, now: datetime, word: str, tone: str) -> None:
    look = countdown(due.astimezone(UTC), now.astimezone(UTC), Calendar())
    assert look is not None
    assert (look.word, look.tone) == (word, tone)


def test_nothing_owed_counts_down_to_nothing() -> None:
    assert countdown(None, MONDAY, Calendar()) is None
    assert countdown(datetime(9999, 1, 1, tzinfo=UTC), MONDAY, Calendar()) is None
