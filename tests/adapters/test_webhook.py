"""Packages are pushed to a DMS as signed events: by link or in the event, final answers and those that may pass."""

import base64
import json
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from cryptography.fernet import Fernet

from adapters.base import FrontParts, NodeParts, PeerParts, make_peer
from adapters.webhook import PeerOptions
from adapters.webhook.links import Links, Subject
from adapters.webhook.pages import Pages
from axis.delivery.partner import Partner
from axis.delivery.peer import Peer
from axis.edxml.writer import to_bytes
from axis.errors import AxisError, Malformed
from axis.keys import NodeKey
from axis.settings import Node as NodeSettings
from axis.settings import Settings
from axis.settings.sections import Webhook
from axis.store import systems
from axis.store.store import Store
from axis.store.systems import Pushing
from axis.web.middleware import catch_errors, identify
from tests.api.test_webhooks import CHECK
from tests.exchange.harness import Node, a_document, a_file, make_node
from tests.exchange.pushing import PUSHED, RETRY_S, City

SECRET = "whsec_" + base64.b64encode(b"a secret of this test, 32 bytes!!").decode()  # the same in every worker


@dataclass
class Scene:
    """A node that pushes to a DMS, and both on loopback."""

    city: City
    node: Node
    key: NodeKey
    settings: Settings
    session: ClientSession
    url: str = ""
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.calls.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        return web.Response(status=self.status, headers=self.headers)

    def event(self, number: int = -1) -> dict[str, Any]:
        """A call, checked as the docs say."""
        headers, body = self.calls[number]
        message_id = CHECK(SECRET, headers, body, int(headers["webhook-timestamp"]), set())
        event: dict[str, Any] = json.loads(body)
        assert message_id == event["id"]
        return event

    async def push_to(self, **options: str) -> None:
        """Connect the DMS."""
        said = json.dumps({"url": f"{self.url}/axis", **options})
        secrets = self.key.encrypt(json.dumps({"secret": SECRET}))
        pushing = Pushing(adapter="webhook", options=said, secrets_encrypted=secrets)
        at = self.node.clock.now()
        await self.node.store.write(lambda c: systems.set_pushing(c, PUSHED, pushing, at, "test"))
        await self.node.directory.refresh()


@pytest.fixture
async def scene(store: Store, tmp_path: Path) -> AsyncIterator[Scene]:
    node = await make_node(store, tmp_path)
    city = City(node, None)  # type: ignore[arg-type]  # nobody goes to the post office
    key = NodeKey.load(tmp_path / "node.key")
    async with ClientSession() as session:
        made = Scene(city, node, key, Settings(node=NodeSettings(code="H24")), session)
        app = web.Application()
        app.middlewares.extend(
            (identify(node.clock), catch_errors(lambda _, notice: web.Response(status=notice.status)))
        )
        app.router.add_post("/axis", made.take)
        parts = FrontParts(
            exchange=node.exchange,
            context=node.context,
            store=store,
            clock=node.clock,
            settings=made.settings,
            key=key,
        )
        app.add_routes(Pages(parts, Links(key)).routes())
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        rules = Webhook(public_url=made.url, private_addresses=True)
        made.settings = made.settings.model_copy(update={"webhook": rules})
        peer_parts = PeerParts(clock=node.clock, node=NodeParts(settings=made.settings, key=key, scratch=tmp_path))

        def build(partner: Partner) -> Peer:
            return make_peer(partner, peer_parts)

        city._make = build  # type: ignore[method-assign, assignment]
        city.__post_init__()
        yield made
        await city.partners.close()
        await runner.cleanup()


@pytest.fixture(autouse=True)
def no_uplink(monkeypatch: pytest.MonkeyPatch) -> None:
    """The city of these tests has no other axis."""
    monkeypatch.setattr("tests.exchange.pushing.post_partner", lambda *_: Partner(partner_id="none", adapter="post"))


async def test_a_package_is_told_with_a_link_and_acknowledged_by_it(scene: Scene) -> None:
    await scene.push_to()
    document = a_document("H24.15")
    raw = to_bytes(document)
    accepted = await scene.node.send("dms-yte", document)
    await scene.city.work()
    assert await scene.node.states(accepted) == {"H24.15": "handed_over"}
    event = scene.event()
    assert (event["type"], event["source"], event["subject"]) == (
        "vn.axis.package",
        "urn:axis:H24",
        accepted.package_id,
    )
    data = event["data"]
    assert (data["kind"], data["from_organ"], data["receivers"], data["size_bytes"]) == (
        "document",
        "H24.11",
        ["H24.15"],
        len(raw),
    )
    async with scene.session.get(data["link"]["url"]) as got:
        assert (got.status, await got.read()) == (200, raw)
        assert got.headers["Content-Digest"].startswith("sha-256=:")
    assert await scene.node.states(accepted) == {"H24.15": "handed_over"}
    for _ in range(2):
        async with scene.session.post(data["link"]["url"]) as said:
            assert said.status == 204
    assert await scene.node.states(accepted) == {"H24.15": "acknowledged"}


async def test_a_small_package_comes_in_the_event_and_a_large_one_by_link(scene: Scene) -> None:
    await scene.push_to(package="body", body_bytes="5000")
    document = a_document("H24.15")
    accepted = await scene.node.send("dms-yte", document)
    await scene.city.work()
    data = scene.event()["data"]
    assert base64.b64decode(data["package_base64"]) == to_bytes(document)
    assert "link" not in data
    assert await scene.node.states(accepted) == {"H24.15": "acknowledged"}
    await scene.node.send("dms-yte", a_document("H24.15", number="102", subject="x" * 6_000))
    await scene.city.work()
    assert "package_base64" not in scene.event()["data"]
    assert scene.event()["data"]["link"]["url"].startswith(scene.url)


@pytest.mark.parametrize("more", [0, 1, 2])  # base64 works by threes
async def test_a_package_of_many_pieces_comes_whole_in_the_event(scene: Scene, more: int) -> None:
    await scene.push_to(package="body", body_bytes="1000000")
    document = a_document("H24.15", subject="x" * more, files=(a_file(random.Random(more).randbytes(450_000)),))
    await scene.node.send("dms-yte", document)
    await scene.city.work()
    event = scene.event()
    assert base64.b64decode(event["data"]["package_base64"], validate=True) == to_bytes(document)
    assert (event["type"], event["subject"]) == ("vn.axis.package", event["data"]["package_id"])


async def test_what_may_pass_is_tried_again_under_the_same_id_with_a_new_link(scene: Scene) -> None:
    await scene.push_to()
    accepted = await scene.node.send("dms-yte", a_document("H24.15"))
    scene.status = 500
    await scene.city.work()
    assert await scene.node.states(accepted) == {"H24.15": "retrying"}
    scene.status = 202
    scene.node.clock.advance(seconds=RETRY_S + 1)
    await scene.city.work()
    assert await scene.node.states(accepted) == {"H24.15": "handed_over"}
    first, second = scene.event(0), scene.event(1)
    assert first["id"] == second["id"]
    assert first["data"]["link"] != second["data"]["link"]


@pytest.mark.parametrize("status", [400, 413, 415, 422])
async def test_an_answer_about_the_package_is_final(scene: Scene, status: int) -> None:
    await scene.push_to()
    accepted = await scene.node.send("dms-yte", a_document("H24.15"))
    scene.status = status
    await scene.city.work()
    assert await scene.node.states(accepted) == {"H24.15": "dead"}
    assert "delivery_dead" in [kind for kind, _ in await scene.node.events("dms-yte")]


@pytest.mark.parametrize("status", [302, 401, 404, 410, 429, 503])
async def test_any_other_answer_may_pass(scene: Scene, status: int) -> None:
    await scene.push_to()
    accepted = await scene.node.send("dms-yte", a_document("H24.15"))
    scene.status = status
    await scene.city.work()
    assert await scene.node.states(accepted) == {"H24.15": "retrying"}
    assert len(scene.calls) == 1


async def test_a_dms_that_asks_to_wait_is_left_alone_for_as_long(scene: Scene) -> None:
    await scene.push_to()
    await scene.node.send("dms-yte", a_document("H24.15"))
    scene.status, scene.headers = 429, {"Retry-After": "300"}
    await scene.city.work()
    scene.node.clock.advance(seconds=290)
    await scene.city.work()
    assert len(scene.calls) == 1
    scene.node.clock.advance(seconds=20)
    await scene.city.work()
    assert len(scene.calls) == 2


async def test_a_link_is_good_for_its_package_its_system_and_its_time(scene: Scene) -> None:
    await scene.push_to()
    await scene.node.send("dms-yte", a_document("H24.15"))
    await scene.city.work()
    url = scene.event()["data"]["link"]["url"]
    token = url.rpartition("/")[2]
    good = Links(scene.key).read(token, scene.node.clock.now())
    other = Links(NodeKey(Fernet.generate_key()))
    foreign = Links(scene.key).token(
        Subject(package_id=good.package_id, system_id="dms-phuong", expires_at=good.expires_at)
    )
    spelt = (token[:5] + "!" + token[5:], token + "=")  # the same bytes, to whoever decodes it carelessly
    wrongs = (token[:-1], token + "A", "x", *spelt, other.token(good))
    for wrong, status in (*((one, 403) for one in wrongs), (foreign, 404)):
        for method in ("GET", "POST"):
            async with scene.session.request(method, f"{scene.url}/webhook/packages/{wrong}") as refused:
                assert refused.status == status
    scene.node.clock.advance(minutes=61)
    async with scene.session.get(url) as late:
        assert late.status == 403


async def test_health_is_a_real_call(scene: Scene) -> None:
    await scene.push_to()
    line = scene.city.partners.line(PUSHED)
    assert line is None or line.peer
    await scene.city.partners.refresh()
    line = scene.city.partners.line(PUSHED)
    assert line is not None
    await line.peer.health()
    assert scene.event()["type"] == "vn.axis.ping"
    scene.status = 500
    with pytest.raises(AxisError):
        await line.peer.health()


@pytest.mark.parametrize(
    ("options", "secret", "rules"),
    [
        ({"url": "https://10.0.0.1/"}, SECRET, {"public_url": "https://axis.invalid"}),
        ({"url": "http://dms.invalid/"}, SECRET, {"public_url": "https://axis.invalid"}),
        ({"url": "ftp://dms.invalid/"}, SECRET, {"public_url": "https://axis.invalid"}),
        ({"url": "https://dms.invalid/"}, SECRET, {}),
        ({"url": "https://dms.invalid/"}, "whsec_c2hvcnQ=", {"public_url": "https://axis.invalid"}),
        ({"url": "https://dms.invalid/"}, "whsec_***", {"public_url": "https://axis.invalid"}),
        ({"url": "https://dms.invalid/", "package": "both"}, SECRET, {"public_url": "https://axis.invalid"}),
        ({"url": "https://dms.invalid/", "secret": SECRET}, SECRET, {"public_url": "https://axis.invalid"}),
    ],
)
def test_options_that_cannot_work_are_refused(
    options: dict[str, str], secret: str, rules: dict[str, Any], tmp_path: Path
) -> None:
    settings = Settings(node=NodeSettings(code="H24")).model_copy(update={"webhook": Webhook(**rules)})
    node = NodeParts(settings=settings, key=NodeKey(Fernet.generate_key()), scratch=tmp_path)
    partner = Partner(partner_id="dms", adapter="webhook", options=options, secrets={"secret": secret})
    with pytest.raises(Malformed) as refused:
        make_peer(partner, PeerParts(clock=None, node=node))  # type: ignore[arg-type]
    assert secret not in str(refused.value)
    assert "secret" in PeerOptions.model_fields
