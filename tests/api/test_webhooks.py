"""Systems are told of their events at addresses of their own: signed, in order, at least once, and nobody else's."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ThreadedResolver, web

from axis.ops.outward import CallBounds, Outward
from axis.ops.webhooks import Teller, Webhooks
from axis.settings.sections import Webhook as WebhookSettings
from axis.store import webhooks
from axis.store.hot import Hot
from axis.store.store import Store
from axis.terms import EventKind
from tests.api.city import XD, YTE, ApiCity, serving, settings
from tests.exchange.harness import make_node

PAGE = Path(__file__).parents[2] / "docs" / "connect" / "webhook.md"


def example() -> Callable[..., str | None]:
    """The check of docs/connect/webhook.md."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found.group(1), names)  # noqa: S102 - our own page
    check: Callable[..., str | None] = names["check"]
    return check


CHECK = example()


@dataclass
class Dms:
    """A DMS that is called."""

    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.calls.append((headers, await request.read()))
        return web.Response(status=self.status, headers=self.headers)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.calls]

    def fields(self) -> list[Any]:
        return [event["data"]["fields"].get("n") for event in self.events() if "fields" in event["data"]]


@pytest.fixture
async def dms() -> AsyncIterator[Dms]:
    made = Dms()
    app = web.Application()
    app.router.add_post("/axis", made.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/axis"
    yield made
    await runner.cleanup()


@pytest.fixture
async def city(store: Store, tmp_path: Path) -> AsyncIterator[ApiCity]:
    """A city that may call inside, as this machine is."""
    chosen = settings().model_copy(update={"webhook": WebhookSettings(private_addresses=True)})
    async with serving(await make_node(store, tmp_path), chosen) as city:
        yield city


def loop_of(city: ApiCity) -> Webhooks:
    return Webhooks(city.node.store, city.node.clock, city.parts.teller)


async def subscribe(city: ApiCity, dms: Dms, by: str = XD, **more: Any) -> Any:
    added = await city.call("POST", "/webhooks", by=by, json={"url": dms.url, **more})
    assert added.status == 201, added.json
    return added.json


async def happen(city: ApiCity, *numbers: int, kind: EventKind = EventKind.PACKAGE_PENDING, to: str = XD) -> None:
    for number in numbers:
        event = city.node.context.event(to, kind, fields={"n": number})
        await city.node.store.submit(Hot(inserts=(event,)))


async def seen(city: ApiCity, webhook_id: str, by: str = XD) -> Any:
    return (await city.call("GET", f"/webhooks/{webhook_id}", by=by)).json


async def test_events_come_signed_in_order_from_the_subscription_on(city: ApiCity, dms: Dms) -> None:
    await happen(city, 1)
    made = await subscribe(city, dms)
    assert made["secret"].startswith("whsec_")
    await happen(city, 2, 3)
    await happen(city, 99, to=YTE)
    assert await loop_of(city).work() == 1
    assert dms.fields() == [2, 3]
    taken: set[str | None] = set()
    for headers, body in dms.calls:
        now = int(headers["webhook-timestamp"])
        message_id = CHECK(made["secret"], headers, body, now, taken)
        assert message_id == json.loads(body)["id"]
        taken.add(message_id)
        assert CHECK(made["secret"], headers, body, now, taken) is None
        with pytest.raises(ValueError, match="signed"):
            CHECK(made["secret"], headers, body + b" ", now, set())
        with pytest.raises(ValueError, match="old"):
            CHECK(made["secret"], headers, body, now + 301, set())
    event = dms.events()[0]
    assert (event["specversion"], event["type"], event["source"]) == ("1.0", "vn.axis.package_pending", "urn:axis:H24")
    assert dms.calls[0][0]["content-type"].startswith("application/cloudevents+json")
    assert await loop_of(city).work() == 0
    assert len(dms.calls) == 2
    shown = await seen(city, made["webhook_id"])
    assert (shown["last_status"], shown["attempts"], shown["enabled"]) == (204, 0, True)
    assert "secret" not in shown


async def test_what_is_not_taken_is_tried_again_under_the_same_id_and_holds_the_others_back(
    city: ApiCity, dms: Dms
) -> None:
    made = await subscribe(city, dms)
    await happen(city, 1, 2)
    dms.status = 500
    await loop_of(city).work()
    assert dms.fields() == [1]
    assert await loop_of(city).work() == 0  # not yet
    city.node.clock.advance(seconds=6)
    await loop_of(city).work()
    assert dms.fields() == [1, 1]
    assert (await seen(city, made["webhook_id"]))["attempts"] == 2
    city.node.clock.advance(seconds=6)
    assert await loop_of(city).work() == 0  # the waits grow
    dms.status = 200
    city.node.clock.advance(seconds=300)
    await loop_of(city).work()
    assert dms.fields() == [1, 1, 1, 2]
    ids = [headers["webhook-id"] for headers, _ in dms.calls]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    stamps = [headers["webhook-timestamp"] for headers, _ in dms.calls]
    assert stamps[0] != stamps[2]


async def test_a_longer_wait_that_is_asked_for_is_kept(city: ApiCity, dms: Dms) -> None:
    await subscribe(city, dms)
    await happen(city, 1)
    dms.status, dms.headers = 429, {"Retry-After": "600"}
    await loop_of(city).work()
    city.node.clock.advance(seconds=500)
    assert await loop_of(city).work() == 0
    city.node.clock.advance(seconds=101)
    assert await loop_of(city).work() == 1


async def test_only_the_kinds_that_were_chosen_are_told(city: ApiCity, dms: Dms) -> None:
    made = await subscribe(city, dms, kinds=["status_changed"])
    await happen(city, 1)
    await happen(city, 2, kind=EventKind.STATUS_CHANGED)
    await happen(city, 3)
    await loop_of(city).work()
    assert dms.fields() == [2]
    assert await loop_of(city).work() == 0
    assert (await seen(city, made["webhook_id"]))["kinds"] == ["status_changed"]


@pytest.mark.parametrize("status", [410, 500])
async def test_an_address_that_is_gone_or_fails_for_days_is_told_no_more_until_it_is_enabled(
    city: ApiCity, dms: Dms, status: int
) -> None:
    made = await subscribe(city, dms, kinds=["package_pending"])
    await happen(city, 1)
    dms.status = status
    await loop_of(city).work()
    if status != 410:
        assert (await seen(city, made["webhook_id"]))["enabled"] is True
        city.node.clock.advance(days=5)
        await loop_of(city).work()
    assert (await seen(city, made["webhook_id"]))["enabled"] is False
    told = [kind for kind, _ in await city.node.events(XD)]
    assert told == ["package_pending", "webhook_disabled"]
    assert "webhook_disabled" in await city.node.audit_kinds()
    assert list((await city.node.store.read(webhooks.count_disabled)).values()) == [1]
    calls = len(dms.calls)
    city.node.clock.advance(days=1)
    await happen(city, 2)
    assert await loop_of(city).work() == 0
    assert len(dms.calls) == calls
    dms.status = 200
    assert (await city.call("POST", f"/webhooks/{made['webhook_id']}/enable", by=XD)).json["enabled"] is True
    await loop_of(city).work()
    assert dms.fields()[calls:] == [1, 2]


async def test_both_secrets_sign_for_a_day(city: ApiCity, dms: Dms) -> None:
    made = await subscribe(city, dms)
    rotated = await city.call("POST", f"/webhooks/{made['webhook_id']}/secret", by=XD)
    assert rotated.json["secret"] != made["secret"]
    await happen(city, 1)
    await loop_of(city).work()
    city.node.clock.advance(hours=25)
    await happen(city, 2)
    await loop_of(city).work()
    for secret, first, second in ((made["secret"], True, False), (rotated.json["secret"], True, True)):
        for (headers, body), good in zip(dms.calls, (first, second), strict=True):
            now = int(headers["webhook-timestamp"])
            if good:
                assert CHECK(secret, headers, body, now, set())
            else:
                with pytest.raises(ValueError, match="signed"):
                    CHECK(secret, headers, body, now, set())


async def test_a_test_event_says_what_came_of_it(city: ApiCity, dms: Dms) -> None:
    made = await subscribe(city, dms)
    tested = await city.call("POST", f"/webhooks/{made['webhook_id']}/test", by=XD)
    assert tested.json == {"taken": True, "status": 204, "words": ""}
    assert dms.events()[0]["type"] == "vn.axis.test"
    dms.status = 302
    dms.headers = {"Location": dms.url}
    tested = await city.call("POST", f"/webhooks/{made['webhook_id']}/test", by=XD)
    assert (tested.json["taken"], tested.json["status"]) == (False, 302)
    assert len(dms.calls) == 2  # not followed


async def test_a_subscription_that_ended_is_told_nothing(city: ApiCity, dms: Dms) -> None:
    made = await subscribe(city, dms)
    await happen(city, 1)
    assert (await city.call("DELETE", f"/webhooks/{made['webhook_id']}", by=XD)).status == 204
    assert await loop_of(city).work() == 0
    assert (await city.call("GET", "/webhooks", by=XD)).json == {"items": []}


async def test_another_systems_subscription_is_not_there(city: ApiCity, dms: Dms) -> None:
    made = await subscribe(city, dms)
    path = f"/webhooks/{made['webhook_id']}"
    for method, where in (
        ("GET", path),
        ("DELETE", path),
        *(("POST", f"{path}/{w}") for w in ("secret", "enable", "test")),
    ):
        refused = await city.call(method, where, by=YTE)
        assert (refused.status, refused.json["code"]) == (404, "not_found")
    assert (await city.call("GET", "/webhooks", by=YTE)).json == {"items": []}
    assert dms.calls == []


async def test_one_system_has_so_many(city: ApiCity, dms: Dms) -> None:
    for _ in range(10):
        await subscribe(city, dms)
    refused = await city.call("POST", "/webhooks", by=XD, json={"url": dms.url})
    assert (refused.status, refused.json["code"]) == (422, "too_many")


async def test_a_slow_address_delays_no_other(city: ApiCity, dms: Dms, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = await subscribe(city, dms)
    await subscribe(city, dms, by=YTE)
    tell = city.parts.teller.tell
    forever = asyncio.Event()

    async def slowly(row: Any, message: Any) -> Any:
        if row.webhook_id == slow["webhook_id"]:
            await forever.wait()
        return await tell(row, message)

    monkeypatch.setattr(city.parts.teller, "tell", slowly)
    await happen(city, 1)
    await happen(city, 2, to=YTE)
    running = asyncio.create_task(loop_of(city).run())
    try:
        async with asyncio.timeout(20):
            while not dms.calls:
                await asyncio.sleep(0.02)
                assert not running.done()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert dms.fields() == [2]


PRIVATE = (
    "http://127.0.0.1/",
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[fe80::1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
    "https://0.0.0.0/",
    "https://①②⑦.0.0.1/",
    "http://example.invalid/",
    "ftp://example.invalid/",
    "file:///etc/passwd",
    "https:///x",
    "https://u:p@example.invalid/",
    "https://example.invalid/#x",
    "//example.invalid/",
    "https://exa mple.invalid:99999/",
)


@pytest.mark.parametrize("url", PRIVATE)
async def test_an_address_inside_is_refused(store: Store, tmp_path: Path, url: str) -> None:
    async with serving(await make_node(store, tmp_path)) as city:
        refused = await city.call("POST", "/webhooks", by=XD, json={"url": url})
        assert (refused.status, refused.json["code"], refused.json["at"]) == (400, "bad_request", "url")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001", "017700000001"])
async def test_a_name_that_leads_inside_is_not_called(city: ApiCity, dms: Dms, host: str) -> None:
    outward = Outward(CallBounds(timeout_s=5))
    guarded = Teller(city.node.clock, city.parts.key, outward, "urn:axis:H24")
    made = await subscribe(city, dms)
    port = dms.url.rpartition(":")[2]
    await city.node.store.write(lambda c: c.exec_driver_sql(f"UPDATE webhook SET url = 'http://{host}:{port}'"))
    await happen(city, 1)
    await Webhooks(city.node.store, city.node.clock, guarded).work()
    await outward.close()
    assert dms.calls == []
    shown = await seen(city, made["webhook_id"])
    assert (shown["last_status"], shown["attempts"]) == (None, 1)


async def test_a_name_that_changes_between_looking_and_calling_is_not_called(
    dms: Dms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard at the socket holds by itself: here the resolver lets everything through."""
    monkeypatch.setattr("axis.ops.outward.PublicResolver.__init__", _careless)
    outward = Outward(CallBounds(timeout_s=5))
    port = dms.url.rpartition(":")[2].removesuffix("/axis")
    with pytest.raises(OSError, match=r"private|localhost"):
        await outward.post(f"http://localhost:{port}/axis", b"{}", {})
    await outward.close()
    assert dms.calls == []


def _careless(self: Any, *, private_addresses: bool) -> None:
    del private_addresses
    self._private = True
    self._inner = ThreadedResolver()


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    async def pour(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65_536)

    app = web.Application()
    app.router.add_post("/", pour)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    outward = Outward(CallBounds(timeout_s=20, answer_bytes=1_000, private_addresses=True))
    answered = await outward.post(f"http://127.0.0.1:{runner.addresses[0][1]}/", b"", {})
    assert (answered.status, len(answered.body)) == (200, 1_000)
    await outward.close()
    await runner.cleanup()
