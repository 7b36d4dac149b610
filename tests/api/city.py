"""A node behind the REST API, and calls on it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from aiohttp import ClientSession, web
from cryptography.fernet import Fernet

from axis.edxml.writer import to_bytes
from axis.ids import new_id
from axis.keys import NodeKey, new_token, token_digest
from axis.ops.outward import CallBounds, Outward
from axis.ops.webhooks import Teller
from axis.settings import Api, Limits, Settings
from axis.settings import Node as NodeSettings
from axis.store import api as stored
from axis.store.records import ApiToken
from axis.terms import Scope
from axis.web.api.call import ApiParts
from axis.web.api.site import api_routes
from axis.web.middleware import catch_errors, identify, mark_started
from tests.exchange.harness import Node, a_document

YTE, XD, PHUONG = "dms-yte", "dms-xd", "dms-phuong"  # Sở Y tế, Sở Xây dựng, UBND phường
PACKAGE_BYTES = 4 << 20


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    json: Any


@dataclass
class ApiCity:
    """A node behind its API."""

    node: Node
    parts: ApiParts
    url: str
    session: ClientSession
    tokens: dict[tuple[str, frozenset[Scope]], str] = field(default_factory=dict)

    async def token(self, system_id: str, scopes: Sequence[Scope] = tuple(Scope), **changed: object) -> str:
        """A system's token for these scopes; the same one each time, unless something about it is changed."""
        key = system_id, frozenset(scopes)
        if key in self.tokens and not changed:
            return self.tokens[key]
        token = new_token()
        values: dict[str, object] = {
            "token_id": new_id(self.node.clock.now()),
            "system_id": system_id,
            "name": "test",
            "token_sha256": token_digest(token),
            "scopes": " ".join(scopes),
            "created_at": self.node.clock.now(),
            **changed,
        }
        row = ApiToken(**values)  # type: ignore[arg-type]
        await self.node.store.write(lambda c: stored.add_token(c, row, "test"))
        if not changed:
            self.tokens[key] = token
        return token

    async def call(
        self, method: str, path: str, *, by: str | None = None, token: str | None = None, **request: Any
    ) -> Answer:
        """One call. by: a system, with every scope."""
        if isinstance(request.get("data"), bytes):
            request["data"] = BytesIO(request["data"])
        headers = dict(request.pop("headers", {}))
        if by is not None:
            token = await self.token(by)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.session.request(
            method, f"{self.url}/api/v1{path}", headers=headers, allow_redirects=False, **request
        ) as answer:
            body = await answer.read()
            json = (
                await answer.json(content_type=None)
                if body and "json" in answer.headers.get("Content-Type", "")
                else None
            )
            return Answer(status=answer.status, headers=answer.headers, body=body, json=json)

    async def send(self, *to: str, by: str = YTE, headers: Mapping[str, str] | None = None, **document: Any) -> Answer:
        """Hand a document in."""
        raw = to_bytes(a_document(*to, **document))
        return await self.call("POST", "/packages", by=by, data=raw, headers=headers or {})


def settings(**api: object) -> Settings:
    """A node's settings in tests."""
    chosen: dict[str, Any] = {"requests_per_minute": 60_000, "requests_at_once": 10_000, **api}
    return Settings(node=NodeSettings(code="H24"), limits=Limits(package_bytes=PACKAGE_BYTES), api=Api(**chosen))


@asynccontextmanager
async def serving(node: Node, chosen: Settings | None = None) -> AsyncIterator[ApiCity]:
    """The API of a node, on loopback."""
    chosen, key = chosen or settings(), NodeKey(Fernet.generate_key())
    outward = Outward(CallBounds(timeout_s=20, private_addresses=chosen.webhook.private_addresses))
    parts = ApiParts(
        exchange=node.exchange,
        store=node.store,
        clock=node.clock,
        settings=chosen,
        key=key,
        teller=Teller(node.clock, key, outward, "urn:axis:H24"),
    )
    app = web.Application()
    app.middlewares.extend((identify(node.clock), catch_errors(lambda _, notice: web.Response(status=notice.status))))
    app.on_response_prepare.append(mark_started)
    app.on_shutdown.append(parts.stop_waiting)
    app.add_routes(api_routes(parts))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    async with ClientSession() as session:
        yield ApiCity(node, parts, f"http://{host}:{port}", session)
    async with asyncio.timeout(30):
        await runner.cleanup()
    await outward.close()
