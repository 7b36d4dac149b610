"""A city whose node pushes to a post office."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.partner import Partner
from axis.delivery.peer import Peer
from axis.errors import Code, Malformed
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.sending import SendingPolicy
from axis.store import systems
from axis.store.systems import Pushing
from tests.exchange.harness import UPLINK, Node
from tests.post_office import PostOffice, PostOptions, PostPeer, post_partner

PUSHED = "dms-xd"  # serves H24.15
RETRY_S = 30


@dataclass
class City:
    """A node and its delivery loop; the uplink leads to the same office."""

    node: Node
    office: PostOffice
    unusable: set[str] = field(default_factory=set)  # partners whose options no adapter takes
    made: list[PostPeer] = field(default_factory=list)

    def __post_init__(self) -> None:
        uplink = post_partner(UPLINK, self.office)
        self.partners = Partners(self.node.directory, [uplink], self._make)
        self.policy = OutboxPolicy(
            sending=SendingPolicy(backoff=Backoff(delays_s=(RETRY_S,), give_up_s=3600, jitter=0)),
            circuit=CircuitPolicy(failures=50),
        )
        self.outbox = self.another()

    def another(self, **policy: float) -> Outbox:
        """A loop with other rules, as of another process."""
        return Outbox(self.node.context, self.partners, replace(self.policy, **policy))  # type: ignore[arg-type]

    def limit(self, circuit: CircuitPolicy) -> None:
        """From now on these are the rules for partners that cannot be reached."""
        self.policy = replace(self.policy, circuit=circuit)
        self.outbox = self.another()

    def _make(self, partner: Partner) -> Peer:
        if partner.partner_id in self.unusable:
            raise Malformed(Code.BAD_SETTINGS, at="option url")
        peer = PostPeer(PostOptions.model_validate(dict(partner.options)), "token")
        self.made.append(peer)
        return peer

    async def push_to(self, system_id: str, office: PostOffice | None) -> None:
        """From now on the system is pushed to so; None: it fetches."""
        pushing = None
        if office is not None:
            options = json.dumps(dict(post_partner(system_id, office).options))
            pushing = Pushing(adapter="post", options=options, secrets_encrypted=None)
        at = self.node.clock.now()
        await self.node.store.write(lambda c: systems.set_pushing(c, system_id, pushing, at, "test"))
        await self.node.directory.refresh()

    async def serves(self, system_id: str, *organs: str) -> None:
        """From now on the system acts for these and no others."""
        at = self.node.clock.now()
        await self.node.store.write(lambda c: systems.set_serves(c, system_id, organs, at, "test"))
        await self.node.directory.refresh()

    async def enable(self, system_id: str, *, enabled: bool) -> None:
        """Let a system in or keep it out."""
        at = self.node.clock.now()
        await self.node.store.write(lambda c: systems.set_enabled(c, system_id, at, "test", enabled=enabled))
        await self.node.directory.refresh()

    async def work(self) -> None:
        """Rounds until nothing is due."""
        while await self.outbox.work():
            pass

    async def leaves(self) -> list[str]:
        """Kinds of evidence, oldest first, verdicts left out."""
        query = "SELECT kind FROM leaf WHERE kind <> 'verdict_recorded' ORDER BY leaf_id"
        return list(await self.node.store.read(lambda c: c.exec_driver_sql(query).scalars().all()))

    async def rows(self, query: str) -> Sequence[Any]:
        """What a query finds."""
        return await self.node.store.read(lambda c: c.exec_driver_sql(query).all())

    async def queued(self) -> list[tuple[str, str]]:
        """The queue: partner and task."""
        query = "SELECT partner_id, task FROM queue ORDER BY partner_id, queue_id"
        return [(row[0], row[1]) for row in await self.node.store.read(lambda c: c.exec_driver_sql(query).all())]
