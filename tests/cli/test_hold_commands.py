"""Operators hold something back, see it, and let it go."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Home


def test_holds_are_added_listed_and_removed(home: Home) -> None:
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    ran = home.axis("holds", "add", "--receiver", "H24.3", "--until", until, "--reason", "chờ xác minh")
    assert ran.code == 0, ran.err
    (row,) = home.axis("holds", "list", "--json").json
    shown = (row["sender"], row["receiver"], row["partner_id"], row["ends_at"], row["reason"])
    assert shown == (None, "H24.3", None, until, "chờ xác minh")
    assert home.axis("deliveries", "list", "--state", "held", "--json").json == []
    assert home.axis("holds", "remove", row["hold_id"], "--why", "đã xác minh").code == 0
    assert home.axis("holds", "list", "--json").json == []
    (row,) = home.axis("holds", "list", "--all", "--json").json
    assert row["ends_at"] != until
    assert home.axis("holds", "remove", row["hold_id"], "--why", "đã xác minh").code == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--reason", "x"), 2),
        (("--receiver", "H24.3", "--reason", " "), 2),
        (("--receiver", "H24.3", "--until", "2001-01-01T00:00", "--reason", "x"), 2),
        (("--partner", "nobody", "--reason", "x"), 1),
    ],
)
def test_a_hold_that_makes_no_sense_is_refused(home: Home, arguments: tuple[str, ...], code: int) -> None:
    assert home.axis("holds", "add", *arguments).code == code
    assert home.axis("holds", "list", "--json").json == []
