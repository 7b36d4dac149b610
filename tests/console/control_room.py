"""An operator's console on a store, with the demo city's exchange and settings that a test chooses."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import CookieJar
from aiohttp.test_utils import TestClient

from axis.delivery.router import UplinkPrefixes
from axis.edxml.model import Limits as PackageLimits
from axis.exchange.desk import Desk
from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.disk import DiskWatch, Space, Watermark
from axis.settings import Limits, Settings
from axis.store.store import Store
from axis.web.app import WebParts, build_app
from axis.web.console.operating import Operating
from axis.web.console.parts import ConsoleParts
from tests.console.conftest import KEY, RULES, Client
from tests.exchange.harness import UPLINK, Node, Plan, make_node
from tests.served import Served

MINISTRY = "bo"
SETTINGS: dict[str, Any] = {
    "node": {"code": "H24", "prefixes": ("H24",)},
    "uplink": (
        {"id": UPLINK, "endpoint": "https://national.invalid/vxp", "system_id": "h24"},
        {"id": MINISTRY, "endpoint": "https://bo.invalid/vxp", "system_id": "h24", "prefixes": ("G17",)},
    ),
}
_MARK = Watermark(min_free_bytes=1, min_free_percent=0, check_interval_s=5, retry_after_s=10)


@dataclass
class Room:
    """A city with its operators."""

    node: Node
    access: Access
    operating: Operating

    async def client(self) -> Client:
        """A browser; the caller closes it."""
        console = ConsoleParts(
            store=self.node.store,
            exchange=self.node.exchange,
            desk=Desk(self.node.context, self.node.exchange),
            clock=self.node.clock,
            rules=RULES,
            limits=PackageLimits(),
            scratch=self.node.store.temporary,
            key=KEY,
            node_name="Hải Bình",
            tls=False,
            operating=self.operating,
        )
        parts = WebParts(
            console=console, disk=self.operating.disk, node_name="H", limits=Limits(), rest=self.operating.rest
        )
        client: Client = TestClient(Served(build_app(parts), access_log=None), cookie_jar=CookieJar(unsafe=True))
        await client.start_server()
        return client


async def open_room(store: Store, folder: Path, settings: Settings) -> Room:
    """The city on an empty store."""
    uplinks = tuple(UplinkPrefixes(uplink_id=one.id, prefixes=one.prefixes) for one in settings.uplink)
    node = await make_node(store, folder, Plan(uplinks=uplinks))
    access = Access(settings=settings, store=store, key=NodeKey.load(folder / "node.key"))
    disk = DiskWatch(lambda: Space(free_bytes=9, total_bytes=9), _MARK)
    operating = Operating(access=access, rest=node.context.rest, disk=disk, told=dict)
    return Room(node=node, access=access, operating=operating)


@asynccontextmanager
async def browsers(room: Room) -> AsyncIterator[Callable[[], Any]]:
    """Makes browsers on the room's console, and closes them."""
    clients: list[Client] = []

    async def make() -> Client:
        clients.append(await room.client())
        return clients[-1]

    yield make
    for client in clients:
        await client.close()
