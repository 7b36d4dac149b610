"""Where the head leads, and what is there for whom."""

from types import SimpleNamespace

import pytest

from axis.errors import NotFound
from axis.terms import Role
from axis.web.console import navigation
from axis.web.console.navigation import ENTRIES, Entry, places
from axis.web.console.sessions import Sessions, Visitor

TABLE = (
    Entry(word="Văn bản", href="/", icon="file", roles=frozenset({Role.CLERK, Role.OPERATOR})),
    Entry(word="Văn bản đến", href="/inbox", icon="inbox", roles=frozenset({Role.CLERK})),
    Entry(word="Vận hành", href="/operator", icon="send", roles=frozenset({Role.OPERATOR})),
    Entry(word="Văn bản đi", href="/operator/queue", icon="send", roles=frozenset({Role.OPERATOR})),
)


@pytest.mark.parametrize(
    ("roles", "path", "hrefs", "chosen"),
    [
        ({Role.CLERK}, "/inbox", ["/", "/inbox"], ["/inbox"]),
        ({Role.CLERK}, "/inbox/saved", ["/", "/inbox"], ["/inbox"]),
        ({Role.CLERK}, "/inboxes", ["/", "/inbox"], []),
        ({Role.OPERATOR}, "/operator/queue/1", ["/", "/operator", "/operator/queue"], ["/operator/queue"]),
        ({Role.AUDITOR}, "/", [], []),
    ],
)
def test_the_head_leads_to_what_is_there_for_a_role(
    roles: set[Role], path: str, hrefs: list[str], chosen: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(navigation, "ENTRIES", TABLE)
    found = places(roles, path)
    assert [place.href for place in found] == hrefs
    assert [place.href for place in found if place.chosen] == chosen


def test_every_entry_is_for_somebody_and_none_is_there_twice() -> None:
    assert all(entry.roles for entry in ENTRIES)
    assert len({entry.href for entry in ENTRIES}) == len(ENTRIES)


async def test_what_a_role_may_not_see_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(username="lan", roles=frozenset({Role.CLERK}), csrf_token="", token_sha256="")

    async def find(*_: object) -> Visitor:
        return visitor

    monkeypatch.setattr(Sessions, "find", find)
    sessions = Sessions(None, None, SimpleNamespace(session_hours=1, idle_minutes=1, totp_required_for=()), tls=False)  # type: ignore[arg-type]
    assert await sessions.require({}) is visitor  # type: ignore[arg-type]
    assert await sessions.require({}, Role.OPERATOR, Role.CLERK) is visitor  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await sessions.require({}, Role.OPERATOR)  # type: ignore[arg-type]
