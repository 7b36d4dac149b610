"""A city whose building department works with Mayan."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.base import PeerParts
from adapters.mayan import PeerOptions
from adapters.mayan.desk import MayanPeer, make_peer
from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.partner import Partner
from axis.exchange.inbox import Inbox, InboxPolicy
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.exchange.values import Accepted, Source
from axis.ids import SystemId
from axis.keys import NodeKey
from axis.store import systems
from axis.store.store import Store
from axis.store.systems import Pushing
from axis.terms import Origin
from tests.exchange.harness import HeldClock, Node, Plan, open_node, set_up
from tests.mayan.clerk import ARRIVING, LEAVING, MEANINGS, WORKFLOW, Clerk
from tests.mayan.line import Line

DMS, ORGAN = "dms-xd", "H24.15"
SENDER = "dms-yte"
SAID = {
    "receivers": "H24.11",
    "code": "15/SXD-VP",
    "date": "24/11/2026",
    "type_name": "Công văn",
    "urgency": "Khẩn",
    "due_date": "2026-12-24",
    "signer": "Nguyễn Văn A",
    "signer_position": "Giám đốc",
    "subject": "V/v kiểm tra an toàn công trình",
}


def options(line: Line, token: str, mark: str = "", **more: Any) -> PeerOptions:
    """How the city's node is connected; mark: makes names there of one's own."""
    chosen: dict[str, Any] = {
        "url": line.url,
        "token": token,
        "document_type": f"{ARRIVING}{mark}",
        "outgoing_type": f"{LEAVING}{mark}",
        "cabinet": f"Văn bản đến{mark} / Năm 2026",
        "workflow": f"{WORKFLOW}{mark}",
        "states": MEANINGS,
        "organ_id": ORGAN,
        "tag_send": f"axis-send{mark}",
        "tag_sent": f"axis-sent{mark}",
        "tag_failed": f"axis-failed{mark}",
        "tag_open": f"axis-open{mark}",
        "status_tags": f"06=axis-done{mark}",
        "make_missing": True,
        "upload_wait_s": 20,
        "timeout_s": 60,
        "plain_http": True,
        **more,
    }
    return PeerOptions(**chosen)


class MayanCity:
    """A node and its loops, and Mayan with a clerk."""

    def __init__(self, node: Node, line: Line, clerk: Clerk, chosen: PeerOptions) -> None:
        self.node = node
        self.line = line
        self.clerk = clerk
        self.options = chosen
        self.start()

    def start(self) -> None:
        """The node's process begins (again): nothing in memory."""
        self.peer: MayanPeer = make_peer(DMS, self.options, PeerParts(clock=self.node.clock))
        self.partners = Partners(self.node.directory, [], self._make)
        policy = OutboxPolicy(
            sending=SendingPolicy(backoff=Backoff(delays_s=(30,), give_up_s=36_000, jitter=0)),
            circuit=CircuitPolicy(failures=50),
            lease_s=120.0,
        )
        self.outbox = Outbox(self.node.context, self.partners, policy)
        source = Source(system_id=SystemId(DMS), origin=Origin.LOCAL)
        self.inbox = Inbox(self.node.context, self.node.exchange, self.peer, source, InboxPolicy())

    def _make(self, _: Partner) -> MayanPeer:
        return self.peer

    async def restart(self) -> None:
        """The node's process is killed and begins again."""
        await self.peer.close()
        self.start()

    async def push(self) -> None:
        """Rounds until nothing is due."""
        while await self.outbox.work():
            pass

    async def later(self, **delta: float) -> None:
        """Let time pass, and push what is due then."""
        self.node.clock.advance(**delta)
        await self.push()

    async def arrives(self, package: Any) -> Accepted:
        """Another organisation's document is accepted, and pushed."""
        accepted = await self.node.send(SENDER, package)
        await self.push()
        return accepted

    async def filed(self) -> list[dict[str, Any]]:
        """What has been filed."""
        return await self.clerk.documents(self.options.document_type)


async def make_city(store: Store, folder: Path, line: Line, clerk: Clerk, chosen: PeerOptions) -> MayanCity:
    """A city whose Mayan is set up: by the node, and the workflow by the administrator there."""
    clock = HeldClock()
    clock.at = datetime.now(UTC)  # Mayan has its own, and compares
    await set_up(store, NodeKey.create(folder / "node.key"), clock, Plan())
    node = await open_node(store, folder, clock=clock)
    city = MayanCity(node, line, clerk, chosen)
    if chosen.workflow:
        without = chosen.model_copy(update={"workflow": ""})
        first = make_peer(DMS, without, PeerParts(clock=node.clock))
        try:
            layout = await first.setup.layout()
        finally:
            await first.close()
        await clerk.make_workflow(chosen.workflow, layout.document_type.ref)
    pushing = Pushing(adapter="mayan", options="{}", secrets_encrypted=None)
    await node.store.write(lambda c: systems.set_pushing(c, DMS, pushing, node.clock.now(), "test"))
    await node.directory.refresh()
    return city
