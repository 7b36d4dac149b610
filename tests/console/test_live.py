"""Pages are told when something that they show has changed."""

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import delete, insert

from axis.store import accounts, changes, schema
from axis.store.accounts import Rights
from axis.store.changes import Changes, changes_since
from axis.store.store import Store
from axis.terms import Role
from axis.web.console import live
from tests.console.archive import NOON, Archive, To
from tests.console.conftest import Client, LogIn


async def happened(store: Store, kind: str = "status_recorded", **fields: object) -> None:
    row = {"kind": kind, "at": NOON, "data": json.dumps({"fields": fields}).encode(), "leaf_hash": b"x"}
    await store.write(lambda conn: conn.execute(insert(schema.leaf).values(row)))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.Watcher.__init__, "__kwdefaults__", {"every_s": 0.02})
    monkeypatch.setattr(live.Live.__init__, "__kwdefaults__", {"breath_s": 0.1})
    monkeypatch.setattr(live, "_APART_S", 0.0)


async def event(answer: Any) -> str:
    """The next event that is more than a sign of life."""
    async with asyncio.timeout(20):
        while line := (await answer.content.readline()).decode():
            if line.startswith("event: "):
                return str(line[7:].strip())
    return "closed"


async def test_a_change_is_told_to_those_whom_it_concerns(operator: Client, archive: Archive, store: Store) -> None:
    document = await archive.document([To("H24.2")])
    every = await operator.get("/live")
    one = await operator.get(f"/live/{document.document_uid}")
    assert every.headers["Content-Type"] == "text/event-stream"
    assert [await event(every), await event(one)] == ["ready", "ready"]
    await asyncio.sleep(0.2)
    await happened(store, document_uid="another", to="H24.9")
    assert await event(every) == "changed"
    await happened(store, document_uid=document.document_uid)
    assert await event(one) == "changed"
    every.close()
    one.close()


async def test_a_clerk_is_told_of_ours_only(log_in: LogIn, archive: Archive, store: Store) -> None:
    await archive.organ("H24.2", "Sở Y tế")
    client = await log_in(Role.CLERK)
    rights = Rights(organs=frozenset({"H24.2"}))
    (line,) = await store.read(accounts.list_accounts)
    name = line.account.username
    await store.write(lambda conn: accounts.grant(conn, name, rights, archive.clock.now(), "test"))
    answer = await client.get("/live")
    assert await event(answer) == "ready"
    await asyncio.sleep(0.2)
    await happened(store, to="H24.9")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await event(answer)
    await happened(store, receivers=["H24.9", "H24.2"])
    assert await event(answer) == "changed"
    answer.close()


async def test_a_connection_ends_with_its_session(operator: Client, store: Store) -> None:
    answer = await operator.get("/live")
    assert await event(answer) == "ready"
    await store.write(lambda conn: conn.execute(delete(schema.session)))
    assert await event(answer) == "ended"
    assert await event(answer) == "closed"


async def test_nobody_listens_without_a_session(client: Client) -> None:
    answer = await client.get("/live", allow_redirects=False)
    assert answer.status == 303


async def test_too_many_connections_are_told_to_come_back(operator: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "OF_ONE", 2)
    answers = [await operator.get("/live") for _number in range(2)]
    assert (await operator.get("/live")).status == 503
    answers[0].close()
    for _try in range(200):
        again = await operator.get("/live")
        if again.status == 200:
            break
        await asyncio.sleep(0.05)
    assert again.status == 200
    again.close()
    answers[1].close()


async def test_a_page_that_was_left_takes_no_place(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to it meanwhile: somebody looks quickly through one page after another."""
    monkeypatch.setattr(live, "OF_ONE", 1)
    monkeypatch.setattr(live.Live.__init__, "__kwdefaults__", {"breath_s": 60.0})
    clerk = await log_in(Role.CLERK)
    for _page in range(4):
        left = await clerk.get("/live")
        assert left.status == 200
        left.close()
        await asyncio.sleep(0.05)


async def test_what_changed_is_read_from_the_evidence(
    archive: Archive, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await archive.document([To("H24.2")])
    await happened(store, "handed_over", package_id=document.package_id, receivers=["H24.2"])
    await happened(store, "time_proven", size=3)
    found = await store.read(lambda conn: changes_since(conn, 0))
    assert found.documents == {document.document_uid}
    assert found.organs == {"H24.1", "H24.2"}
    assert not await store.read(lambda conn: changes_since(conn, found.position))
    monkeypatch.setattr(changes, "MOST", 1)
    assert (await store.read(lambda conn: changes_since(conn, 0))).everything


def test_what_concerns_whom() -> None:
    some = Changes(position=1, documents=frozenset({"d"}), organs=frozenset({"o"}))
    assert some.concern(None, None)
    assert some.concern(frozenset({"o", "p"}), None)
    assert not some.concern(frozenset({"p"}), None)
    assert some.concern(frozenset(), "d")
    assert not some.concern(None, "e")
    assert Changes(position=1, everything=True).concern(frozenset(), "e")
