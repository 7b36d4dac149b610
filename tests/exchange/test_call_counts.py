"""How calls of partners went is counted by the minute; of the last that failed it is kept what was said."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from axis.delivery.recording import REPLY_CHARACTERS, note_body, note_reply, note_request, recording
from axis.store import partner_calls
from axis.store.records import PartnerFailure
from axis.store.store import Store
from tests.exchange.harness import a_document, make_node
from tests.exchange.pushing import PUSHED, RETRY_S, City
from tests.post_office import post_office
from tests.store.made import NOW


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[City]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        yield city
        await city.partners.close()


async def test_calls_are_counted_and_failures_kept(city: City) -> None:
    city.office.moods = ["", "down", "refuse"]
    for number in range(3):
        await city.node.send("dms-yte", a_document("H24.15", number=str(number)))
        await city.work()
    city.node.clock.advance(seconds=RETRY_S + 6)
    await city.work()
    city.node.clock.advance(seconds=6)
    await city.work()
    store, since = city.node.store, city.node.clock.at - timedelta(hours=1)
    minutes = await store.read(lambda c: partner_calls.minutes_since(c, since))
    assert {minute.partner_id for minute in minutes} == {PUSHED}
    assert (sum(m.calls for m in minutes), sum(m.failures for m in minutes)) == (4, 2)
    assert any(minute.success_at for minute in minutes)
    failures = await store.read(lambda c: partner_calls.last_failures(c, PUSHED))
    assert ["do not know" in one.words for one in failures] == [True, False]


async def test_of_a_partner_only_the_last_failures_are_kept(store: Store) -> None:
    def failure(number: int, partner: str) -> PartnerFailure:
        return PartnerFailure(
            failure_id=f"{number:026}", partner_id=partner, at=NOW, task="send", package_id="x", took_ms=1,
            words=str(number), request="", reply="",
        )  # fmt: skip

    await store.write(lambda c: partner_calls.add_calls(c, (), [failure(n, "a") for n in range(15)], NOW))
    await store.write(lambda c: partner_calls.add_calls(c, (), [failure(99, "b")], NOW))
    await store.write(lambda c: partner_calls.add_calls(c, (), [failure(n, "a") for n in range(15, 30)], NOW))
    kept = await store.read(lambda c: partner_calls.last_failures(c, "a"))
    assert [one.words for one in kept] == [str(n) for n in range(29, 9, -1)]
    assert len(await store.read(lambda c: partner_calls.last_failures(c, "b"))) == 1


def test_what_is_recorded_is_bounded_and_holds_no_secret() -> None:
    with recording() as said:
        note_request("POST", "https://u:pw@host.invalid/a?token=abc", [("systemid", "H24"), ("hash-header", "0123abc")])
        note_reply(502, [("Set-Cookie", "session=1"), ("Server", "nginx")])
        note_body(b'{"token": "abcdefgh", "why": "down"}\xff')
        note_body(b"x" * 100_000)
    assert said.request == "POST https://host.invalid/a\nsystemid: H24\nhash-header: •••"
    assert said.reply.startswith("HTTP 502\nSet-Cookie: •••\nServer: nginx\n\n")
    assert "abcdefgh" not in said.reply
    assert "down" in said.reply
    assert len(said.reply) <= REPLY_CHARACTERS
    note_body(b"nobody records")  # no harm
