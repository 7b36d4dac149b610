"""Organisations, documents, deliveries and events as a system's programs see them."""

import asyncio

import pytest

from axis.store.hot import Hot
from axis.terms import EventKind
from tests.api.city import PHUONG, XD, YTE, ApiCity


async def test_organisations_are_found_by_words_and_by_any_code(city: ApiCity) -> None:
    found = (await city.call("GET", "/organs?q=ubnd phường", by=XD)).json
    assert [organ["organ_id"] for organ in found["items"]] == ["H24.88"]
    one = (await city.call("GET", "/organs/000.00.11.H24", by=YTE)).json
    assert (one["organ_id"], one["served_by_you"], one["connected"]) == ("H24.11", True, True)
    closed = (await city.call("GET", "/organs/H24.30", by=YTE)).json
    assert (closed["status"], closed["successor_id"]) == ("closed", "H24.88")


async def test_pages_of_organisations_hold_each_once(city: ApiCity) -> None:
    found: list[str] = []
    path = "/organs?limit=3"
    while path:
        page = (await city.call("GET", path, by=XD)).json
        found += [organ["organ_id"] for organ in page["items"]]
        path = f"/organs?limit=3&after={page['next']}" if page["next"] else ""
    assert found == sorted(organ.organ_id for organ in city.node.directory.current.organs())


async def test_documents_are_listed_to_their_parties_only(city: ApiCity) -> None:
    uid = (await city.send("H24.15")).json["document_uid"]

    async def uids(system_id: str, way: str) -> list[str]:
        answer = await city.call("GET", f"/documents?way={way}", by=system_id)
        return [document["document_uid"] for document in answer.json["items"]]

    assert (await uids(YTE, "sent"), await uids(YTE, "received")) == ([uid], [])
    assert (await uids(XD, "sent"), await uids(XD, "received")) == ([], [uid])
    assert (await uids(PHUONG, "sent"), await uids(PHUONG, "received")) == ([], [])
    assert (await city.call("GET", f"/deliveries?document_uid={uid}", by=PHUONG)).json["items"] == []


async def test_a_receiver_does_not_see_how_the_others_fare(city: ApiCity) -> None:
    uid = (await city.send("H24.15", "H24.88")).json["document_uid"]
    seen = (await city.call("GET", f"/documents/{uid}", by=XD)).json
    assert [one["receiver_organ"] for one in seen["deliveries"]["items"]] == ["H24.15"]
    whole = (await city.call("GET", f"/documents/{uid}", by=YTE)).json
    assert [one["receiver_organ"] for one in whole["deliveries"]["items"]] == ["H24.15", "H24.88"]


async def test_pages_of_documents_and_deliveries_go_on_from_the_last(city: ApiCity) -> None:
    for number in range(5):
        await city.send("H24.15", "H24.88", number=str(number))
    for kind, wanted in (("documents", 5), ("deliveries", 10)):
        found: list[str] = []
        path = f"/{kind}?limit=2"
        while path:
            page = (await city.call("GET", path, by=YTE)).json
            found += [one.get("delivery_id", one["document_uid"]) for one in page["items"]]
            path = f"/{kind}?limit=2&after={page['next']}" if page["next"] else ""
        assert len(found) == len(set(found)) == wanted


async def tell(city: ApiCity, system_id: str = XD) -> str:
    event = city.node.context.event(system_id, EventKind.PARTNER_DOWN, fields={"partner": "national"})
    await city.node.store.submit(Hot(inserts=(event,)))
    return event.event_id


async def test_events_are_read_in_order_and_gone_on_from_the_last(city: ApiCity) -> None:
    told = [await tell(city) for _ in range(5)]
    await tell(city, YTE)
    first = (await city.call("GET", "/events?limit=3", by=XD)).json
    rest = (await city.call("GET", f"/events?after={first['last']}", by=XD)).json
    assert [event["event_id"] for event in (*first["items"], *rest["items"])] == told
    assert first["items"][0]["fields"] == {"partner": "national"}
    nothing = (await city.call("GET", f"/events?after={rest['last']}", by=XD)).json
    assert nothing == {"items": [], "last": rest["last"]}


async def test_more_events_than_a_page_holds_are_all_read(city: ApiCity) -> None:
    told = [await tell(city) for _ in range(7)]
    found: list[str] = []
    after = 0
    while page := (await city.call("GET", f"/events?limit=2&after={after}", by=XD)).json["items"]:
        found += [event["event_id"] for event in page]
        after = page[-1]["place"]
    assert found == told


async def test_a_reader_that_waits_is_answered_when_something_comes(city: ApiCity) -> None:
    waiting = asyncio.create_task(city.call("GET", "/events?wait_s=30", by=XD))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    told = await tell(city)
    async with asyncio.timeout(20):
        assert [event["event_id"] for event in (await waiting).json["items"]] == [told]


async def test_a_reader_that_waits_does_not_hold_up_the_nodes_end(city: ApiCity) -> None:
    waiting = asyncio.create_task(city.call("GET", "/events?wait_s=30", by=XD))
    await asyncio.sleep(0.1)
    city.parts.stopping.set()
    async with asyncio.timeout(20):
        assert (await waiting).json == {"items": [], "last": 0}


@pytest.mark.parametrize("query", ["after=-1", "after=x", "wait_s=61", "wait_s=nan", "limit=0", f"after={1 << 63}"])
async def test_events_are_asked_for_within_bounds(city: ApiCity, query: str) -> None:
    assert (await city.call("GET", f"/events?{query}", by=XD)).status == 400
