"""Reports of mail servers: what they say is understood, whatever else comes is not taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.bounces import Bounce, Fate, read_bounce
from tests.mail.reports import a_report, a_whole_return, an_absence

MARK = "01kt5zv4x0000000000000abcd-" + "abcdefghij2345672345"


def test_a_permanent_failure() -> None:
    bounce = read_bounce(a_report(MARK))
    assert bounce == Bounce(marks=(MARK,), fate=Fate.FAILED, status="5.1.1", words="5.1.1 smtp; 550 5.1.1 no such user")


@pytest.mark.parametrize(
    ("action", "status", "fate"),
    [
        ("failed", "5.2.2", Fate.FAILED),
        ("FAILED", "5.1.1", Fate.FAILED),
        ("failed", "4.4.7", Fate.GAVE_UP),
        ("delayed", "4.4.1", Fate.DELAYED),
        ("delayed", "4.2.2 (mailbox full)", Fate.DELAYED),
    ],
)
def test_what_a_report_says(action: str, status: str, fate: Fate) -> None:
    bounce = read_bounce(a_report(MARK, action, status))
    assert bounce is not None
    assert bounce.fate is fate


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded", "", "no such action"])
def test_news_of_no_failure_is_none(action: str) -> None:
    assert read_bounce(a_report(MARK, action, "2.0.0")) is None


def test_a_report_that_returns_the_whole_mail() -> None:
    bounce = read_bounce(a_whole_return(MARK))
    assert bounce is not None
    assert (bounce.marks, bounce.fate, bounce.status) == ((MARK,), Fate.FAILED, "5.0.0")


def test_a_report_that_is_cut_off_after_the_returned_headers() -> None:
    raw = a_whole_return(MARK)
    bounce = read_bounce(raw[: raw.index(b"AAAA")])
    assert bounce is not None
    assert bounce.marks == (MARK,)


def test_an_automatic_answer_is_no_report() -> None:
    assert read_bounce(an_absence(MARK)) is None


def test_a_mail_with_the_parts_of_a_report_is_none() -> None:
    """Somebody passes one on, with a word of his own."""
    passed_on = a_report(MARK).replace(b"multipart/report; report-type=delivery-status", b"multipart/mixed")
    assert read_bounce(passed_on) is None


def test_a_report_about_another_mail_is_none() -> None:
    assert read_bounce(a_report("somebody-else")) is None


def test_a_forged_word_in_the_text_decides_nothing() -> None:
    raw = a_report(MARK, "delayed", "4.4.1").replace(
        b"could not deliver", b"Action: failed\r\nStatus: 5.1.1\r\ncould not deliver"
    )
    bounce = read_bounce(raw)
    assert bounce is not None
    assert bounce.fate is Fate.DELAYED


def test_words_for_people_hold_no_line_breaks_and_are_short() -> None:
    bounce = read_bounce(a_report(MARK, said="550 " + "x" * 5000 + "\r\n\t\x1b[31mred"))
    assert bounce is not None
    assert len(bounce.words) <= 300
    assert bounce.words.isprintable()


@given(st.binary(max_size=2000))
def test_nothing_makes_it_fail(raw: bytes) -> None:
    assert read_bounce(raw) is None


@given(st.integers(0, 2000), st.binary(min_size=1, max_size=40))
def test_a_damaged_report_is_read_or_not(at: int, junk: bytes) -> None:
    raw = a_report(MARK)
    bounce = read_bounce(raw[:at] + junk + raw[at:])
    assert bounce is None or MARK in bounce.marks


def test_nesting_without_end_ends() -> None:
    levels = "".join(
        f'Content-Type: multipart/report; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(256 * 1024 // 60)
    )
    assert read_bounce(levels.encode()) is None
