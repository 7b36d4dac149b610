"""A push adapter that is real: one HTTP POST a package, and a post office that takes them and misbehaves as told.

`install` makes it known under the name `post` the way in which third parties add theirs: by an entry point.
"""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict

from adapters.base import FrontParts, PeerParts, read_options, read_secret
from axis.delivery.partner import Partner
from axis.delivery.peer import Bytes, Outgoing, Sent
from axis.errors import PeerRefused, PeerUnreachable

NAME = "post"


class PostOptions(BaseModel):
    """Where a partner takes its packages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    timeout_s: float = 60.0


class PostPeer:
    """Our end."""

    polls = False
    tells_receivers = False

    def __init__(self, options: PostOptions, secret: str) -> None:
        self._options = options
        self._secret = secret
        self._session: aiohttp.ClientSession | None = None

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        about = base64.b64encode(json.dumps(asdict(outgoing)).encode()).decode()
        answer = await self._call("POST", "/packages", content(), {"X-About": about})
        if "refused" in answer:
            raise PeerRefused(
                answer["refused"], retry=answer.get("retry", "never"), retry_after_s=answer.get("retry_after_s")
            )
        return Sent(ref=answer["ref"], acknowledged=answer["acknowledged"])

    async def health(self) -> None:
        await self._call("GET", "/health", None, {})

    async def _call(
        self, method: str, path: str, body: AsyncIterator[bytes] | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=self._options.timeout_s)
            self._session = aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        headers = {"Authorization": f"Bearer {self._secret}"} | headers
        try:
            async with self._session.request(method, self._options.url + path, data=body, headers=headers) as response:
                answer = await response.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as e:
            raise PeerUnreachable(f"{type(e).__name__}: {e}") from e
        if response.status != 200 or not isinstance(answer, dict):
            raise PeerUnreachable(f"HTTP {response.status}")
        return answer

    async def poll(self) -> Any:
        raise AssertionError

    fetch: Any = poll
    confirm: Any = poll
    receivers: Any = poll

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def routes(_: FrontParts) -> Sequence[web.AbstractRouteDef]:
    """Nobody calls us in this dialect."""
    return ()


def peer(partner: Partner, _: PeerParts) -> PostPeer:
    """The adapter's one duty."""
    return PostPeer(read_options(partner, PostOptions), read_secret(partner, "token"))


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One package that came in."""

    about: dict[str, Any]
    sha256_hex: str
    token: str


@dataclass
class PostOffice:
    """Their end. What it does with the next packages stands in `moods`; when that is empty it takes them."""

    url: str = ""
    parcels: list[Parcel] = field(default_factory=list)  # every one that was answered with "taken", repeats too
    tries: list[str] = field(default_factory=list)  # package ids, whatever became of them
    moods: list[str] = field(default_factory=list)  # down | hang | html | refuse | later | lose: once each
    mood: str = ""  # for all that come when moods is empty
    acknowledges: bool = False
    latency_s: float = 0.0
    at_once: int = 0  # packages that are being taken now
    most_at_once: int = 0
    health_asked: int = 0
    asks_to_wait_s: float | None = None  # whom it sends away for later
    _free: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def taken(self) -> list[str]:
        """Package ids in the order in which they were taken."""
        return [parcel.about["package_id"] for parcel in self.parcels]

    def let_go(self) -> None:
        """Whoever hangs is answered."""
        self._free.set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        about = json.loads(base64.b64decode(request.headers["X-About"]))
        digest = hashlib.sha256(await request.read()).hexdigest()
        self.tries.append(about["package_id"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(
                request, Parcel(about=about, sha256_hex=digest, token=request.headers["Authorization"])
            )
        finally:
            self.at_once -= 1

    async def _answer(self, request: web.Request, parcel: Parcel) -> web.StreamResponse:
        mood = self.moods.pop(0) if self.moods else self.mood
        await asyncio.sleep(self.latency_s)
        match mood:
            case "hang":
                await self._free.wait()
            case "down":
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            case "html":
                return web.Response(text="<html>502", content_type="text/html", status=200)
            case "refuse":
                return web.json_response({"refused": "we do not know this receiver"})
            case "later":
                said = {"refused": "our database is down", "retry": "later", "retry_after_s": self.asks_to_wait_s}
                return web.json_response(said)
        self.parcels.append(parcel)
        if mood == "lose":
            assert request.transport is not None
            request.transport.abort()
        ref = f"P{self.taken.index(parcel.about['package_id'])}"
        return web.json_response({"ref": ref, "acknowledged": self.acknowledges})

    async def health(self, request: web.Request) -> web.StreamResponse:
        self.health_asked += 1
        if self.mood in ("down", "hang"):
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"ok": self.mood != "html"})


@asynccontextmanager
async def post_office(port: int = 0) -> AsyncIterator[PostOffice]:
    """A post office that listens on loopback."""
    office = PostOffice()
    app = web.Application(client_max_size=1 << 30)
    app.add_routes([web.post("/packages", office.handle), web.get("/health", office.health)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    office.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield office
    finally:
        office.let_go()
        await runner.cleanup()


def post_partner(partner_id: str, office: PostOffice, timeout_s: float = 60.0) -> Partner:
    """The office as a partner."""
    return Partner(
        partner_id=partner_id,
        adapter=NAME,
        options={"url": office.url, "timeout_s": timeout_s},
        secrets={"token": f"token-{partner_id}"},
    )


def install(folder: Path) -> Path:
    """An installed distribution, made by hand: with `folder` in sys.path, `post` is an adapter like any other."""
    info = folder / "axis_post-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: axis-post\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[axis.adapters]\n{NAME} = tests.post_office\n")
    return folder
