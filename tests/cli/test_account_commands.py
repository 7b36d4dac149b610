"""Accounts are added, shown, given rights and kept out at the command line."""

import pytest

from tests.cli.conftest import Home


def test_an_account_gets_a_password_once_or_brings_its_own(home: Home) -> None:
    made = home.axis("account", "add", "lan", "--role", "clerk", "--role", "auditor")
    assert (made.code, set(made.json)) == (0, {"account", "password"})
    brought = home.axis("account", "add", "minh", "--role", "operator", "--password-stdin", stdin="a long enough one\n")
    assert (brought.code, brought.out) == (0, "")
    assert home.axis("account", "add", "lan", "--role", "clerk").code == 1
    assert home.axis("account", "add", "hoa", "--role", "clerk", "--password-stdin", stdin="short\n").code == 2
    assert home.axis("account", "add", "hoa", "--role", "king").code == 2
    assert home.axis("account", "add", " ", "--role", "clerk").code == 2


def test_an_account_acts_for_organisations_and_shows_them(home: Home) -> None:
    made = home.axis("account", "add", "lan", "--role", "clerk", "--full-name", "Trần Thị Lan")
    assert made.code == 0
    assert "axis account grant lan --organ" in made.err  # nothing to do without an organisation: it says so
    granted = home.axis("account", "grant", "lan", "--organ", "H24.3", "--organ", "H24.3.12", "--role", "auditor")
    assert granted.json == {
        "account": "lan",
        "full_name": "Trần Thị Lan",
        "roles": ["clerk", "auditor"],
        "organs": ["H24.3", "H24.3.12"],
        "enabled": True,
        "second_factor": False,
        "last_login_at": None,
    }
    assert home.axis("account", "show", "lan", "--json").json == granted.json
    shown = home.axis("account", "show", "LAN")
    assert all(word in shown.out for word in ("Trần Thị Lan", "H24.3.12", "H24.3"))
    revoked = home.axis("account", "revoke", "lan", "--organ", "H24.3", "--role", "auditor")
    assert (revoked.json["roles"], revoked.json["organs"]) == (["clerk"], ["H24.3.12"])
    assert home.axis("account", "name", "lan", "Trần Lan").code == 0
    home.axis("account", "add", "minh", "--role", "operator", "--password-stdin", stdin="a long enough one\n")
    listed = home.axis("account", "list", "--json").json
    assert [(one["account"], one["full_name"]) for one in listed] == [("lan", "Trần Lan"), ("minh", "")]
    assert [one["account"] for one in home.axis("account", "list", "--search", "H24.3.12", "--json").json] == ["lan"]
    assert "Trần Lan" in home.axis("account", "list").out


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("grant", "lan", "--organ", "H24.no"), 1, "not_found"),
        (("grant", "nobody", "--role", "clerk"), 1, "not_found"),
        (("grant", "lan"), 2, "bad_request"),
        (("revoke", "lan", "--role", "administrator"), 1, "last_administrator"),
        (("disable", "lan"), 1, "last_administrator"),
        (("disable", "nobody"), 1, "not_found"),
        (("show", "nobody"), 1, "not_found"),
        (("add", "hoa", "--role", "clerk", "--organ", "H24.no"), 1, "not_found"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    home: Home, arguments: tuple[str, ...], code: int, word: str
) -> None:
    assert home.axis("account", "add", "lan", "--role", "administrator", "--organ", "H24.3").code == 0
    before = home.axis("account", "list", "--json").json
    ran = home.axis("account", *arguments)
    assert (ran.code, word in ran.err, ran.out) == (code, True, "")
    assert home.axis("account", "list", "--json").json == before


def test_an_account_is_kept_out_and_let_in_again(home: Home) -> None:
    assert home.axis("account", "add", "lan", "--role", "auditor").code == 0
    assert home.axis("account", "disable", "lan").code == 0
    assert not home.axis("account", "show", "lan", "--json").json["enabled"]
    assert home.axis("account", "enable", "lan").code == 0
    assert home.axis("account", "show", "lan", "--json").json["enabled"]


def test_views_can_be_listed_when_there_are_none(home: Home) -> None:
    assert home.axis("views", "--json").json == []
    assert (
        home.axis("views", "--account", "lan", "--kind", "page", "--from", "2026-11-01", "--to", "2026-12-01").code == 0
    )
    assert home.axis("views", "--from", "yesterday").code == 2


def test_an_account_gets_another_password_for_one_log_in_and_can_be_unlocked(home: Home) -> None:
    first = home.axis("account", "add", "lan", "--role", "administrator").json["password"]
    second = home.axis("account", "password", "lan")
    assert (second.code, set(second.json)) == (0, {"account", "password"})
    assert second.json["password"] != first
    assert home.axis("account", "password", "lan", "--password-stdin", stdin="short\n").code == 2
    assert home.axis("account", "password", "lan", "--password-stdin", stdin="a long enough one\n").out == ""
    for command in ("unlock", "reset-totp", "end-sessions"):
        assert home.axis("account", command, "lan").code == 0
        assert home.axis("account", command, "nobody").code == 1
    assert home.axis("account", "sessions", "lan", "--json").json == []
    assert home.axis("account", "sessions", "nobody").code == 1
    assert home.axis("account", "end-sessions", "lan", "--session", "x").code == 1


def test_an_account_is_linked_with_a_person_of_the_single_sign_on(home: Home) -> None:
    assert home.axis("account", "add", "lan", "--role", "auditor").code == 0
    assert home.axis("account", "add", "hoa", "--role", "auditor").code == 0
    assert home.axis("account", "link", "lan", "--subject", "b0c4").code == 2  # the settings name no provider
    there = ("--issuer", "https://sso.invalid", "--subject", "b0c4")
    assert home.axis("account", "link", "lan", *there).code == 0
    assert "b0c4" in home.axis("account", "show", "lan").out
    taken = home.axis("account", "link", "hoa", *there)
    assert (taken.code, "account_linked" in taken.err) == (1, True)
    assert home.axis("account", "unlink", "lan").code == 0
    assert home.axis("account", "link", "hoa", *there).code == 0
