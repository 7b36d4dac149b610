"""Tokens: good until they end or are taken back; too many calls, good or bad, have to wait."""

from datetime import timedelta

import pytest

from axis.keys import new_token
from axis.store import api as stored
from axis.terms import Scope
from tests.api.city import XD, YTE, ApiCity, serving, settings


async def status_of(city: ApiCity, token: str) -> int:
    return (await city.call("GET", "/packages/pending", token=token)).status


async def test_a_token_ends_when_it_was_to_end(city: ApiCity) -> None:
    ends = city.node.clock.now() + timedelta(days=1)
    token = await city.token(XD, expires_at=ends)
    assert await status_of(city, token) == 200
    city.node.clock.advance(days=1)
    assert await status_of(city, token) == 401


async def test_a_token_that_was_revoked_is_refused_at_once(city: ApiCity) -> None:
    token = await city.token(XD)
    assert await status_of(city, token) == 200
    found = (await city.node.store.read(stored.list_tokens))[0]
    for _ in range(2):  # again: no second effect
        await city.node.store.write(lambda c: stored.revoke_token(c, found.token_id, city.node.clock.now(), "test"))
    assert await status_of(city, token) == 401
    kinds = await city.node.store.read(
        lambda c: c.exec_driver_sql("SELECT count(*) FROM audit WHERE kind = 'token_revoked'").scalar_one()
    )
    assert kinds == 1


async def test_only_the_digest_of_a_token_is_stored(city: ApiCity) -> None:
    token = await city.token(XD)
    row = (await city.node.store.read(stored.list_tokens))[0]
    assert token not in repr(row)
    assert await status_of(city, row.token_sha256) == 401
    assert await status_of(city, f"axt_{row.token_sha256[:43]}") == 401


async def test_the_last_use_is_recorded_to_the_minute(city: ApiCity) -> None:
    token = await city.token(XD)
    begun = city.node.clock.at
    for _ in range(3):
        await status_of(city, token)
        city.node.clock.advance(seconds=30)
    row = (await city.node.store.read(stored.list_tokens))[0]
    assert row.last_used_at is not None
    assert timedelta(seconds=50) < row.last_used_at - begun < timedelta(seconds=70)


@pytest.mark.parametrize("header", ["", "Bearer", "Basic eA==", "Bearer  ", "bearer x y", "Bearer " + "a" * 4_000])
async def test_whatever_is_no_bearer_token_is_refused(city: ApiCity, header: str) -> None:
    refused = await city.call("GET", "/packages/pending", headers={"Authorization": header})
    assert refused.status == 401


async def test_too_many_wrong_tokens_make_an_address_wait_but_not_those_who_were_good(city: ApiCity) -> None:
    async with serving(city.node, settings(failures_per_minute=3)) as strict:
        good, unseen = await strict.token(XD), await strict.token(YTE)
        assert await status_of(strict, good) == 200
        assert [await status_of(strict, new_token()) for _ in range(4)] == [401, 401, 401, 429]
        refused = await strict.call("GET", "/packages/pending", token=unseen)
        assert (refused.status, refused.json["code"]) == (429, "rate_limited")
        assert 1 <= int(refused.headers["Retry-After"]) <= 20
        assert await status_of(strict, good) == 200
        strict.node.clock.advance(seconds=21)
        assert await status_of(strict, unseen) == 200


async def test_a_token_has_so_many_calls_a_minute_and_no_more(city: ApiCity) -> None:
    async with serving(city.node, settings(requests_per_minute=60, requests_at_once=5)) as strict:
        token, other = await strict.token(XD), await strict.token(YTE)
        assert [await status_of(strict, token) for _ in range(6)] == [200] * 5 + [429]
        assert await status_of(strict, other) == 200
        refused = await strict.call("GET", "/events", token=token)
        assert (refused.headers["Retry-After"], refused.json["retry"]) == ("1", "later")
        strict.node.clock.advance(seconds=2)
        assert [await status_of(strict, token) for _ in range(3)] == [200, 200, 429]


async def test_a_token_is_for_a_system_that_there_is(city: ApiCity) -> None:
    with pytest.raises(Exception, match="not_found"):
        await city.token("nobody", (Scope.SEND,))
