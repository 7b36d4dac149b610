"""A run of the kit: node, proxy and partners at work, and a look at how the cases stand."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from adapters.vxp.calls import VxpClientOptions
from adapters.vxp.client import VxpClient
from axis.clock import Clock, SystemClock
from axis.delivery.partner import Partner
from axis.kit.case import Case, Finding, NotApplicable, NotSeen
from axis.kit.cases import CASES
from axis.kit.codes import Partner as Code
from axis.kit.facts import Facts, Limits
from axis.kit.fronts import Front
from axis.kit.letters import Desk
from axis.kit.proxy import FaultPlan, Proxy
from axis.kit.robot import Pace, Parts, Robot
from axis.kit.testnode import DOWN, PARTNERS, Credentials, Vendor, prepare, reach
from axis.kit.words import Words
from axis.serve import Node, start_node
from axis.settings import Settings, read_mail
from axis.store import queries
from axis.terms import BusinessType

LARGE_BYTES = 30_000_000
_ASK_S, _ASKS_PER_MINUTE = 1.0, 1_000  # of a node that is asked for nothing else


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be tested, and how."""

    front: Front
    vendor: Vendor
    folder: Path
    pushed: Partner | None = None  # how the test node reaches the software, where it does not fetch
    mail: Mapping[str, str] = field(default_factory=dict)  # keys of [mail], where that is by mail
    host: str = "127.0.0.1"
    port: int = 0
    pace: Pace = field(default_factory=Pace)
    plan: FaultPlan = field(default_factory=FaultPlan)
    limits: Limits = field(default_factory=Limits)
    large_bytes: int = LARGE_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the cases stand at a moment."""

    front: Front
    started_at: datetime
    facts: Facts
    findings: tuple[tuple[Case, Finding], ...]

    @property
    def is_decided(self) -> bool:
        """Whether every case that applies has passed or failed."""
        return not any(isinstance(finding, NotSeen) for _, finding in self.findings)


class Session:
    """A run at work."""

    def __init__(self, wish: Wish, node: Node, proxy: Proxy, robot: Robot, clock: Clock) -> None:
        self._wish = wish
        self._node = node
        self._proxy = proxy
        self._robot = robot
        self._clock = clock
        self._started_at = clock.now()
        self.url = ""
        self.credentials: Credentials

    def settings(self) -> dict[Words, str]:
        """What the vendor's software has to be set to."""
        told, front, pushed = self.credentials, self._wish.front, self._wish.pushed
        mine = {Words("Mã hệ thống", "System"): told.system_id, Words("Mã đơn vị", "Organisation"): told.organ_id}
        if pushed is not None:
            options = {**pushed.options, **self._wish.mail}
            chosen = ", ".join(f"{name}={value}" for name, value in options.items())
            mine |= {Words("Trục kết nối bằng", "The axis connects by"): f"{pushed.adapter}: {chosen}"}
        if front.secret is not None:
            shown = told.token if front.has_api_token else told.secret
            mine |= {Words("Địa chỉ", "Address"): f"{self.url}{front.path}", front.secret: shown}
        return mine

    async def look(self) -> Standing:
        """Let the partners do what they have to do, and judge every case."""
        await self._robot.step()
        facts = await self._facts()
        await self._robot.follow(facts)
        return await asyncio.to_thread(judge, facts, self._wish.front, self._started_at)

    async def _facts(self) -> Facts:
        found = await self._node.store.read(lambda conn: queries.traffic(conn, self._started_at))
        return Facts(
            now=self._clock.now(),
            vendor=self.credentials.organ_id,
            system_id=self.credentials.system_id,
            traffic=found,
            calls=self._proxy.calls,
            letters=dict(self._robot.letters),
            follows=dict(self._robot.follows),
            relisted=dict(self._robot.relisted),
            retaken=dict(self._robot.retaken),
            limits=self._wish.limits,
            retry_after_s=self._wish.plan.retry_after_s,
            receipts_say_arrived=self._wish.front.receipts_say_arrived,
        )


def judge(facts: Facts, front: Front, started_at: datetime) -> Standing:
    """Every case, on these facts."""
    findings = tuple((case, _finding(case, facts, front)) for case in CASES)
    return Standing(front=front, started_at=started_at, facts=facts, findings=findings)


def _finding(case: Case, facts: Facts, front: Front) -> Finding:
    why_not = front.without.get(case.id)
    return case.judge(facts) if why_not is None else NotApplicable(evidence=(why_not,))


@asynccontextmanager
async def opened(wish: Wish, clock: Clock | None = None) -> AsyncIterator[Session]:
    """Start everything; at the end stop it.

    Raises as `testnode.prepare`, and OSError when the port is taken.
    """
    clock = clock or SystemClock()
    settings, credentials = await prepare(wish.folder, wish.vendor, clock)
    port = wish.port or await asyncio.to_thread(_free_port, wish.host)
    if wish.pushed is not None:
        settings = await asyncio.to_thread(_reaching, settings, f"http://{wish.host}:{port}", wish.mail)
        await reach(settings, wish.pushed, clock)
    async with AsyncExitStack() as stack:
        node = await start_node(settings)
        stack.push_async_callback(node.stop)
        started = clock.now()

        async def taken() -> Mapping[str, Code]:
            return await _taken(node, credentials, started)

        proxy = Proxy(node.port, wish.front, wish.plan, clock, taken)
        stack.push_async_callback(proxy.close)
        await proxy.start(wish.host, port)
        clients = {}
        for system_id, secret in ((PARTNERS, credentials.partners_secret), (DOWN, credentials.down_secret)):
            options = VxpClientOptions(endpoint=f"{node.url}/vxp", system_id=system_id, secret=secret)
            clients[system_id] = VxpClient(options, None, clock)
            stack.push_async_callback(clients[system_id].close)
        letters = wish.folder / "letters"
        await asyncio.to_thread(letters.mkdir, exist_ok=True)
        desk = await asyncio.to_thread(Desk, credentials.organ_id, clock.now(), wish.large_bytes)
        parts = Parts(
            partners=clients[PARTNERS],
            down=clients[DOWN],
            exchange=node.exchange,
            desk=desk,
            folder=letters,
            pace=wish.pace,
            clock=clock,
            vendor_system=credentials.system_id,
        )
        session = Session(wish, node, proxy, Robot(parts), clock)
        session.url = f"http://{wish.host}:{port}"
        session.credentials = credentials
        yield session


def _reaching(settings: Settings, public_url: str, mail: Mapping[str, str]) -> Settings:
    """For a node that pushes: links lead to where the software calls, and what was taken is soon known.

    Raises Malformed(BAD_SETTINGS) for a wrong key of [mail].
    """
    webhook = settings.webhook.model_copy(update={"public_url": public_url, "private_addresses": True})
    exchange = settings.exchange.model_copy(update={"ask_first_s": _ASK_S, "ask_per_minute": _ASKS_PER_MINUTE})
    found: dict[str, object] = {"webhook": webhook, "exchange": exchange}
    if mail:
        given = {"confirm_per_minute": _ASKS_PER_MINUTE, **mail, "public_url": public_url}
        found["mail"] = read_mail(given, Path.cwd())
    return settings.model_copy(update=found)


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as free:
        number: int = free.getsockname()[1]
        return number


async def _taken(node: Node, credentials: Credentials, since: datetime) -> dict[str, Code]:
    """The vendor's documents for the partners whose answers are lost or late; acts on them, and statuses, go well."""
    found = await node.store.read(lambda conn: queries.traffic(conn, since))
    partners = {Code.LOST.value: Code.LOST, Code.LATE.value: Code.LATE}
    own = {
        one.package_id
        for one in found.packages
        if one.source_system == credentials.system_id
        and one.business_type is not None
        and BusinessType(one.business_type).makes_document
    }
    return {
        one.package_id: partners[one.receiver_organ]
        for one in found.consignments
        if one.package_id in own and one.receiver_organ in partners
    }
