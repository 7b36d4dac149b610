"""Links and marks: only what this node made, about one thing, until its time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.links import Links, Purpose, Subject, find_marks, package_of
from axis.errors import Code, NotAllowed
from axis.ids import PackageId, new_id
from axis.keys import NodeKey

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
PACKAGE = PackageId(new_id(NOW))
SUBJECT = Subject(package_id=PACKAGE, organ_id="H24.88", expires_at=NOW + timedelta(days=30))


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return Links(NodeKey.create(tmp_path / "node.key"))


def refusal(links: Links, purpose: Purpose, token: str, now: datetime = NOW) -> Code:
    with pytest.raises(NotAllowed) as refused:
        links.read(purpose, token, now)
    return refused.value.code


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_link_says_what_it_is_about(links: Links, purpose: Purpose) -> None:
    assert links.read(purpose, links.token(purpose, SUBJECT), NOW) == SUBJECT


def test_the_same_link_twice_is_the_same(links: Links) -> None:
    assert links.token(Purpose.CONFIRM, SUBJECT) == links.token(Purpose.CONFIRM, SUBJECT)


def test_a_link_of_one_purpose_is_nothing_to_the_other(links: Links) -> None:
    assert refusal(links, Purpose.CONFIRM, links.token(Purpose.FILES, SUBJECT)) is Code.LINK_INVALID


def test_a_link_ends(links: Links) -> None:
    token = links.token(Purpose.CONFIRM, SUBJECT)
    assert links.read(Purpose.CONFIRM, token, SUBJECT.expires_at - timedelta(seconds=1)) == SUBJECT
    assert refusal(links, Purpose.CONFIRM, token, SUBJECT.expires_at) is Code.LINK_EXPIRED


def test_every_changed_letter_makes_a_link_invalid(links: Links) -> None:
    token = links.token(Purpose.CONFIRM, SUBJECT)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for at, letter in enumerate(token):
        other = letters[(letters.index(letter) + 1) % 64]
        assert refusal(links, Purpose.CONFIRM, token[:at] + other + token[at + 1 :]) is Code.LINK_INVALID


@pytest.mark.parametrize("token", ["", "a", "=", "é", "A" * 500, "A" * 100, " ", "\x00", "../..", "%2e"])
def test_what_is_no_token_is_invalid(links: Links, token: str) -> None:
    assert refusal(links, Purpose.CONFIRM, token) is Code.LINK_INVALID


@given(st.text(max_size=450))
def test_no_text_is_a_token(text: str) -> None:
    links = Links(NodeKey(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="))
    assert refusal(links, Purpose.CONFIRM, text) is Code.LINK_INVALID


def test_another_way_of_writing_a_token_is_none(links: Links) -> None:
    token = links.token(Purpose.CONFIRM, SUBJECT)
    for other in (token + "=", token + "\n", token + " ", token.replace("-", "+").replace("_", "/") + "=="):
        assert refusal(links, Purpose.CONFIRM, other) is Code.LINK_INVALID


def test_another_node_s_links_are_invalid(links: Links, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Links(NodeKey.create(tmp_path / "other" / "node.key"))
    assert refusal(links, Purpose.CONFIRM, other.token(Purpose.CONFIRM, SUBJECT)) is Code.LINK_INVALID


def test_a_mark_leads_back_to_package_and_receiver(links: Links) -> None:
    mark = links.mark(PACKAGE, "H24.88")
    assert package_of(mark) == PACKAGE
    assert links.organ_of(mark, ["H24.15", "H24.88"]) == "H24.88"
    assert links.organ_of(mark.upper(), ["H24.88"]) == "H24.88"
    assert links.organ_of(mark, ["H24.15"]) is None


def test_a_mark_that_was_not_made_here_is_of_nobody(links: Links) -> None:
    mark = links.mark(PACKAGE, "H24.88")
    forged = mark[:-1] + ("a" if mark[-1] != "a" else "b")
    assert links.organ_of(forged, ["H24.88"]) is None


def test_marks_are_found_wherever_they_stand(links: Links) -> None:
    mark = links.mark(PACKAGE, "H24.88")
    text = f"To: bounces+{mark}@truc.invalid\r\nMessage-ID: <{mark.upper()}@truc.invalid>\r\n{mark}x x{mark}"
    assert find_marks(text) == (mark,)
    assert find_marks("A" * 26 + "-" + "b" * 20) == ("a" * 26 + "-" + "b" * 20,)
    assert find_marks("i" * 26 + "-" + "b" * 20) == ()
