"""Words, tones, times and sizes."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import axis.web.console
from axis.status.order import PROGRESS
from axis.terms import BusinessType, Origin, Place, StatusCode, TransportState, Urgency
from axis.web.console import words
from axis.web.console.moments import day, moment, number, size
from axis.web.console.progress import steps
from axis.web.console.words import Transport

FOLDER = Path(axis.web.console.__file__).parent
NOW = datetime(2025, 11, 27, 3, 42, 5, tzinfo=UTC)  # 10:42 in Vietnam


def test_every_word_of_the_domain_has_words_for_people() -> None:
    assert set(words.STATUS) == set(StatusCode)
    assert set(words.TRANSPORT) == set(TransportState)
    assert set(words.URGENCY) == set(Urgency) - {Urgency.NORMAL}
    assert set(words.ORIGIN) == set(Origin)
    assert set(words.BUSINESS) == set(BusinessType)
    assert set(words.STEPS) == PROGRESS - {StatusCode.REFUSED}


def test_every_look_has_a_tone_and_an_icon_that_exist() -> None:
    style = (FOLDER / "static" / "console.css").read_text(encoding="utf-8")
    icons = (FOLDER / "templates" / "icons.html").read_text(encoding="utf-8")
    looks = [*words.STATUS.values(), *words.TRANSPORT.values(), *words.ACT.values(), words.OTHER_AXIS]
    for look in looks:
        assert f".tone-{look.tone} {{" in style
        assert f'id="i-{look.icon}"' in icons
    for look in words.URGENCY.values():
        assert f".{look.tone} {{" in style
    for template in FOLDER.glob("templates/*.html"):
        for name in re.findall(r'icon\("(\w+)"\)', template.read_text(encoding="utf-8")):
            assert f'id="i-{name}"' in icons


def test_no_state_looks_like_another() -> None:
    looks = [*words.STATUS.values(), *words.TRANSPORT.values()]
    assert len({look.word for look in looks}) == len(looks)
    assert len({(look.tone, look.icon, look.outline, look.struck) for look in looks}) == len(looks)


def test_templates_hold_no_inline_script_or_style() -> None:
    for template in FOLDER.glob("templates/*.html"):
        text = template.read_text(encoding="utf-8")
        assert not re.search(r"\son\w+=|\sstyle=|<style|javascript:", text), template.name
        assert not re.search(r"<script(?! src=)", text), template.name
        assert "safe }}" not in text.replace("|", " "), template.name


def test_the_stylesheet_stays_small_and_takes_nothing_from_elsewhere() -> None:
    style = (FOLDER / "static" / "console.css").read_text(encoding="utf-8")
    assert len(style.splitlines()) <= 600
    assert "@import" not in style
    assert "url(" not in style


@pytest.mark.parametrize("state", list(TransportState))
@pytest.mark.parametrize("place", [Place.LOCAL, Place.UPLINK])
def test_transport_is_never_called_arrived_or_accepted(state: TransportState, place: Place) -> None:
    word = words.transport(Transport(place=place, state=state, failures=1, next_at=NOW), NOW).word
    assert words.STATUS[StatusCode.ARRIVED].word not in word
    assert "tiếp nhận" not in word


def test_words_that_nobody_knows_are_shown_as_they_are() -> None:
    assert words.status("07").word == "07"
    assert words.business(9) == "Loại 9"
    assert words.urgency(9) is None
    assert words.urgency(0) is None


@pytest.mark.parametrize(
    ("code", "states"),
    [
        (None, ["ahead"] * 5),
        ("01", ["now", "ahead", "ahead", "ahead", "ahead"]),
        ("02", ["past", "refused", "ahead", "ahead", "ahead"]),
        ("03", ["past", "now", "ahead", "ahead", "ahead"]),
        ("06", ["past", "past", "past", "past", "now"]),
        ("99", ["ahead"] * 5),
    ],
)
def test_steps_are_filled_as_far_as_a_receiver_has_come(code: str | None, states: list[str]) -> None:
    assert [step.state for step in steps(code)] == states


@pytest.mark.parametrize(
    ("before", "short"),
    [
        (timedelta(), "10:42 hôm nay"),
        (timedelta(hours=10, minutes=42), "00:00 hôm nay"),
        (timedelta(hours=10, minutes=43), "hôm qua 23:59"),
        (timedelta(days=1), "hôm qua 10:42"),
        (timedelta(days=2), "25/11/2025 10:42"),
        (-timedelta(days=1), "28/11/2025 10:42"),
    ],
)
def test_times_are_local_and_short_with_the_exact_one_at_hand(before: timedelta, short: str) -> None:
    told = moment(NOW - before, NOW)
    assert told.short == short
    assert re.fullmatch(r"\d\d/\d\d/\d{4} \d\d:\d\d:05", told.exact)
    assert told.iso.endswith("+07:00")


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (1_023, "1023 B"),
        (1_024, "1 KB"),
        (1_536, "1,5 KB"),
        (20_480, "20 KB"),
        (1_000 * 1_024, "1 MB"),
        (3_456_789, "3,3 MB"),
        (1 << 30, "1 GB"),
        (500 << 30, "500 GB"),
    ],
)
def test_sizes_are_said_as_people_say_them(size_bytes: int, text: str) -> None:
    assert size(size_bytes) == text.replace(" ", "\u00a0")


def test_numbers_and_days_are_vietnamese() -> None:
    assert number(1_234_567) == "1.234.567"
    assert day("2025-11-27") == "27/11/2025"
    assert day("27/11") == "27/11"
    assert day(None) == ""
