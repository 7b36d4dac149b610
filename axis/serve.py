"""The composition root: reads settings, builds every part, starts the loops, and stops them in order.

The only place that knows all rooms. Nothing is global: each part gets what it needs by its constructor.
"""

import asyncio
import gc
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from aiohttp import web

from adapters.base import FrontParts, NodeParts, PeerParts, adapter_loops, adapter_names, adapter_routes, make_peer
from adapters.checking import Trials
from axis.calendar.deadlines import Deadlines
from axis.clock import Clock, SystemClock
from axis.delivery.backoff import Backoff
from axis.delivery.circuit import CircuitPolicy
from axis.delivery.directory import DirectoryCache
from axis.delivery.partner import Partner
from axis.delivery.peer import RegistrySource
from axis.edxml.model import Limits
from axis.errors import Code, Malformed, WrongState
from axis.exchange.checks import Checks, ChecksPolicy
from axis.exchange.composing import CONSOLE_FRONT, Composer
from axis.exchange.context import Context, Policy, ReceiverTypes
from axis.exchange.desk import Desk
from axis.exchange.expiring import Expiring
from axis.exchange.inbox import Inboxes, InboxPolicy
from axis.exchange.judges import Judges
from axis.exchange.outbox import Outbox, OutboxPolicy
from axis.exchange.partners import Partners
from axis.exchange.reconciling import ReconcilePolicy, Reconciling
from axis.exchange.rest import Rest
from axis.exchange.sending import SendingPolicy
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.ops.access import Access, deadline_rules, router_of, signature_rules, store_options, trust_folder
from axis.ops.bulk import BulkActs
from axis.ops.disk import DiskWatch, Watermark, probe_of
from axis.ops.fetching import Fetching, fetch_bounds
from axis.ops.figures import FiguresKeeper
from axis.ops.following import Following
from axis.ops.logs import configure_logs
from axis.ops.outward import CallBounds, Outward
from axis.ops.reconciling import Nightly
from axis.ops.registry_sync import RegistryFollower, SyncWish
from axis.ops.reminding import Reminding
from axis.ops.route_clock import RouteClock
from axis.ops.schedule import Job, Schedule, name_for
from axis.ops.signing import node_signer
from axis.ops.sso import SingleSignOn
from axis.ops.stamping import Authority, Stamping
from axis.ops.storage import JOB as STORAGE_JOB
from axis.ops.storage import StorageCount
from axis.ops.upkeep import Upkeep
from axis.ops.webhooks import Teller, Webhooks
from axis.organ.codes import canonical_form
from axis.settings import Settings, Uplink
from axis.store import queries
from axis.store.store import Store
from axis.trust.certs import Certificate
from axis.web.api.call import ApiParts
from axis.web.api.site import api_routes
from axis.web.app import WebParts, build_app
from axis.web.console.administering import Administering, Connections
from axis.web.console.operating import Operating
from axis.web.console.parts import ConsoleParts
from axis.web.health import Check
from axis.web.middleware import network_of

_CALLED_BY = ("vxp", "edoc")  # protocols in which systems call, as the console's form offers them

log = structlog.get_logger(__name__)

_MOST_ASK_S = 14_400.0
_DAY_S = 86_400
_HEADER_BYTES = 32 << 10  # of one header: VXP's signed one repeats the others, hundreds of receivers included
_AFTER_THE_BODY_S = 10.0  # fronts that bound the body themselves can still answer in their dialect
_NIGHTLY = timedelta(hours=2, minutes=30)  # in Vietnam: when registries are followed
_STORAGE_AT = timedelta(minutes=20)  # past the hour
MIRROR_JOB = "mirror"
"""A job that marks data as a mirror's (`axis.kit.mirror`): whoever served it would send a copy of real traffic."""
_LAST_REQUESTS_S = 10.0  # what is running when the node stops may take this long to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A running node."""

    settings: Settings
    store: Store
    exchange: Exchange
    port: int
    _stack: AsyncExitStack

    @property
    def url(self) -> str:
        """Where it listens."""
        scheme = "https" if self.settings.server.tls_certificate_file else "http"
        return f"{scheme}://{self.settings.server.host}:{self.port}"

    async def stop(self) -> None:
        """Stop listening, let running requests end, stop the loops, close the store: in that order."""
        await self._stack.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """A node's use cases on its data, without loops and faces."""

    store: Store
    key: NodeKey
    disk: DiskWatch
    directory: DirectoryCache
    context: Context
    judges: Judges
    exchange: Exchange
    own: Certificate | None  # what the node signs with


@asynccontextmanager
async def working(settings: Settings, clock: Clock | None = None) -> AsyncIterator[Works]:
    """The use cases for a command that runs beside a node, or without it. Raises as `start_node`."""
    async with AsyncExitStack() as stack:
        yield await _open_works(stack, settings, clock or SystemClock())


async def _open_works(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Works:
    store = await asyncio.to_thread(Store.open, store_options(settings))
    stack.push_async_callback(store.close)
    key = NodeKey.load(settings.store.key_file)
    disk = DiskWatch(probe_of(settings.store.data_dir), _watermark(settings))
    directory = await DirectoryCache.load(store, key, clock)
    deadlines = await asyncio.to_thread(deadline_rules, settings)
    context = _context(settings, store, clock, directory, deadlines)
    await context.rest.refresh(store)
    judges = Judges(store, directory, trust_folder(settings), signature_rules(settings), settings.node.code)
    await judges.refresh()
    signer = stack.enter_context(node_signer(settings.signing))
    exchange = Exchange(context, judges, disk.check_intake, Composer(signer, settings.signing.tsa_url))
    return Works(
        store=store,
        key=key,
        disk=disk,
        directory=directory,
        context=context,
        judges=judges,
        exchange=exchange,
        own=signer.chain[0] if signer else None,
    )


async def start_node(settings: Settings, *, clock: Clock | None = None) -> Node:
    """Build and start a node.

    Raises Busy(DATABASE_OLD) when `axis migrate` is needed, Malformed(BAD_SETTINGS or BAD_FILE),
    WrongState(MIRROR_DATA), OSError when the port is taken.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        works = await _open_works(stack, settings, clock)
        if await works.store.read(lambda c: queries.job_row(c, MIRROR_JOB)) is not None:
            raise WrongState(Code.MIRROR_DATA, str(settings.store.data_dir))
        store, disk, directory, context = works.store, works.disk, works.directory, works.context
        judges, exchange = works.judges, works.exchange
        loops = [directory.keep_fresh(), disk.run(), judges.keep_fresh(), context.rest.keep_fresh(store)]
        stack.callback(_drop, loops)
        teller = _teller(stack, works, settings, clock)
        partners = await _partners(works, settings, clock)
        stack.push_async_callback(partners.close)
        outbox = Outbox(context, partners, outbox_policy(settings))
        inboxes = Inboxes(context, exchange, partners, partial(_inbox_policy, settings))
        loops += [outbox.run(), inboxes.run(outbox.may_call)]
        reconciling = Reconciling(context, partners, ReconcilePolicy(asks_per_minute=settings.exchange.ask_per_minute))
        nightly = Nightly(store, clock, reconciling, settings.reconcile.days)
        jobs = [*_jobs(settings, store, clock, partners), _comparing(settings, nightly), *_expiry(settings, context)]
        parts = FrontParts(
            exchange=exchange,
            context=context,
            store=store,
            clock=clock,
            settings=settings,
            key=works.key,
            caller=network_of,
        )
        _drop(adapter_loops(parts))  # what is wrong with one is told before the node listens
        working: list[Callable[[], Coroutine[None, None, None]]] = [
            *_background(works, settings, teller),
            Schedule(store, clock, jobs).run,
            BulkActs(Access(settings=settings, store=store, key=works.key), clock).run,
            partial(_beside, parts),
        ]
        loops += [context.rest.keep(work) for work in working]
        await _start_loops(stack, loops)
        port = await _listen(stack, settings, _application(parts, works, partners, (outbox, nightly, teller)))
        log.info("node_ready", port=port, role=settings.node.role, code=settings.node.code)
        return Node(settings=settings, store=store, exchange=exchange, port=port, _stack=stack.pop_all())


def _background(works: Works, settings: Settings, teller: Teller) -> list[Callable[[], Coroutine[None, None, None]]]:
    """What goes on beside the exchange, and rests in maintenance."""
    store, context, judges = works.store, works.context, works.judges
    clock, deadlines = context.clock, context.policy.deadlines
    return [
        Checks(context, judges, ChecksPolicy()).run,
        *_asking(settings, context, judges),
        Upkeep(store, clock, views_kept_days=settings.console.views_kept_days).run,
        RouteClock(store, clock, works.directory).run,
        Following(store, clock, deadlines).run,
        Reminding(store, clock).run,
        Webhooks(store, clock, teller, timedelta(days=settings.webhook.give_up_days)).run,
        FiguresKeeper(store, clock, deadlines.calendar).run,
    ]


async def _beside(parts: FrontParts) -> None:
    """What runs beside the adapters' fronts, all together."""
    await asyncio.gather(*adapter_loops(parts))


def serve(settings: Settings) -> None:
    """Run a node until SIGINT or SIGTERM."""
    configure_logs(settings.log.format, settings.log.level)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    node = await start_node(settings)
    # What is loaded by now stays: the collector need not look through it again, and hold the loop for that.
    gc.collect()
    gc.freeze()
    await stopping.wait()
    log.info("node_stopping")
    await node.stop()
    log.info("node_stopped")


@asynccontextmanager
async def open_reconciling(settings: Settings) -> AsyncIterator[Reconciling]:
    """Compare days beside a node that runs, or without it. Raises as `start_node`."""
    async with working(settings) as works:
        partners = await _partners(works, settings, works.context.clock)
        policy = ReconcilePolicy(asks_per_minute=settings.exchange.ask_per_minute)
        try:
            yield Reconciling(works.context, partners, policy)
        finally:
            await partners.close()


def _comparing(settings: Settings, nightly: Nightly) -> Job:
    """Days are compared once a night among the nodes of one database."""
    at = timedelta(hours=settings.reconcile.hour)
    return Job(name="reconciliation", run=nightly.run, every=timedelta(days=1), at=at, again=timedelta(hours=1))


def _expiry(settings: Settings, context: Context) -> list[Job]:
    """What nobody fetches for long is given up; not where the settings say never."""
    if (days := settings.exchange.expires_after_days) <= 0:
        return []
    return [Job(name="expiry", run=Expiring(context, timedelta(days=days)).run, every=timedelta(hours=1))]


def _jobs(settings: Settings, store: Store, clock: Clock, partners: Partners) -> list[Job]:
    """What runs at set times. Raises Malformed(BAD_SETTINGS) when an uplink's registry cannot be followed."""
    follower = RegistryFollower(store, clock, tuple(map(canonical_form, settings.node.prefixes)))
    jobs = [Job(name=STORAGE_JOB, run=StorageCount(store, clock).run, every=timedelta(hours=1), at=_STORAGE_AT)]
    for uplink in settings.uplink:
        if not uplink.follow_registry:
            continue
        line = partners.line(uplink.id)
        if line is None or not isinstance(line.peer, RegistrySource):
            detail = f"adapter {uplink.adapter} lists no organisations"
            raise Malformed(Code.BAD_SETTINGS, detail, at=f"uplink.{uplink.id}.follow_registry")
        wish = SyncWish(uplink_id=uplink.id, level=uplink.follow_level)
        run = partial(follower.keep_up, wish, line.peer)
        jobs.append(Job(name=name_for("registry", uplink.id), run=run, every=timedelta(days=1), at=_NIGHTLY))
    return jobs


def _watermark(settings: Settings) -> Watermark:
    return Watermark(**settings.disk.model_dump())


def _context(
    settings: Settings, store: Store, clock: Clock, directory: DirectoryCache, deadlines: Deadlines
) -> Context:
    exchange = settings.exchange
    policy = Policy(
        limits=_limits(settings),
        secret_phrases=exchange.secret_phrases,
        secret_exceptions=exchange.secret_exceptions,
        receiver_types=ReceiverTypes(
            added=exchange.update_added_type, removed="1" if exchange.update_added_type == "0" else "0"
        ),
        failures_until_dead=settings.vxp.failures_until_dead,
        fetched_often=settings.vxp.fetched_often,
        receiver_backoff=_backoff(settings),
        forward_anywhere=exchange.forward_within == "tree",
        return_phrases=exchange.return_phrases,
        sign_for_systems=settings.signing.for_systems,
        deadlines=deadlines,
    )
    return Context(
        store=store, clock=clock, directory=directory, router=router_of(settings), policy=policy, rest=Rest(clock)
    )


def _asking(settings: Settings, context: Context, judges: Judges) -> list[Callable[[], Coroutine[None, None, None]]]:
    """What asks CRL, OCSP and timestamp services."""
    bounds = fetch_bounds(settings)
    works = [Fetching(context.store, context.clock, judges, bounds).run]
    if settings.signing.tsa_url is not None:
        authority = Authority(settings.signing.tsa_url, bounds)
        works.append(Stamping(context.store, context.clock, judges, authority).run)
    return works


def _limits(settings: Settings) -> Limits:
    return Limits(**settings.limits.model_dump())


def _backoff(settings: Settings) -> Backoff:
    exchange = settings.exchange
    return Backoff(delays_s=exchange.retry_delays_s, give_up_s=exchange.retry_give_up_s, jitter=exchange.retry_jitter)


async def _partners(works: Works, settings: Settings, clock: Clock) -> Partners:
    """Whom this node calls. Raises Malformed(BAD_SETTINGS) for an uplink that no adapter can make anything of."""
    node = NodeParts(settings=settings, key=works.key, scratch=works.store.temporary)
    parts, directory = PeerParts(clock=clock, node=node), works.directory
    uplinks = [uplink_partner(uplink) for uplink in settings.uplink]
    for uplink in uplinks:
        if directory.current.system(uplink.partner_id) is not None:
            raise Malformed(Code.BAD_SETTINGS, "a connected system has this id", at=f"uplink.{uplink.partner_id}.id")
        await make_peer(uplink, parts).close()  # what is wrong with it is told before the node listens
    partners = Partners(directory, uplinks, partial(make_peer, parts=parts))
    await partners.refresh()
    return partners


def uplink_partner(uplink: Uplink) -> Partner:
    """An uplink of the settings, as a partner. Raises Malformed(BAD_SETTINGS) without a secret."""
    return Partner(
        partner_id=uplink.id,
        adapter=uplink.adapter,
        options={
            "endpoint": uplink.endpoint,
            "system_id": uplink.system_id,
            "timeout_s": uplink.timeout_s,
            **({"fetch": uplink.fetch} if "fetch" in uplink.model_fields_set else {}),  # few dialects have a choice
        },
        secrets={"secret": uplink.read_secret()},
    )


def outbox_policy(settings: Settings) -> OutboxPolicy:
    """How partners are pushed to, as the settings have it."""
    chosen = settings.exchange
    ask = Backoff(
        delays_s=_doubling(chosen.ask_first_s), give_up_s=chosen.ask_give_up_days * _DAY_S, jitter=chosen.retry_jitter
    )
    return OutboxPolicy(
        sending=SendingPolicy(backoff=_backoff(settings), ask=ask),
        circuit=CircuitPolicy(
            failures=chosen.partner_failures,
            open_s=chosen.partner_pause_s,
            most_open_s=chosen.partner_most_pause_s,
            first_places=min(chosen.partner_first_places, chosen.partner_most_places),
            most_places=chosen.partner_most_places,
        ),
        places=chosen.push_places,
        lease_s=chosen.lease_s,
        delayed_after_s=chosen.delayed_after_s,
        asks_per_minute=chosen.ask_per_minute,
    )


def _inbox_policy(settings: Settings, partner_id: str) -> InboxPolicy:
    own = next((uplink.poll_interval_s for uplink in settings.uplink if uplink.id == partner_id), None)
    return InboxPolicy(poll_interval_s=own or settings.exchange.poll_interval_s)


def _doubling(first_s: float) -> tuple[float, ...]:
    """first_s, four times that, and so on, up to four hours."""
    delays = [first_s]
    while delays[-1] < _MOST_ASK_S:
        delays.append(min(delays[-1] * 4, _MOST_ASK_S))
    return tuple(delays)


def _drop(loops: Iterable[Coroutine[None, None, None]]) -> None:
    """Loops of a node that did not start; those that ran have ended by now."""
    for loop in loops:
        loop.close()


async def _start_loops(stack: AsyncExitStack, loops: Sequence[Coroutine[None, None, None]]) -> None:
    tasks = [asyncio.create_task(loop) for loop in loops]

    async def stop() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(stop)


def _teller(stack: AsyncExitStack, works: Works, settings: Settings, clock: Clock) -> Teller:
    """What tells webhooks."""
    rules = settings.webhook
    outward = Outward(CallBounds(timeout_s=rules.timeout_s, private_addresses=rules.private_addresses))
    stack.push_async_callback(outward.close)
    return Teller(clock, works.key, outward, f"urn:axis:{settings.node.code}")


def _application(
    parts: FrontParts, works: Works, partners: Partners, told: tuple[Outbox, Nightly, Teller]
) -> web.Application:
    outbox, nightly, teller = told
    settings = parts.settings
    access = Access(settings=settings, store=parts.store, key=parts.key)
    console = ConsoleParts(
        store=parts.store,
        exchange=parts.exchange,
        desk=Desk(parts.context, parts.exchange),
        clock=parts.clock,
        rules=settings.console,
        limits=_limits(settings),
        scratch=parts.store.temporary,
        key=parts.key,
        sso=SingleSignOn(settings.sso, settings.sso.read_secret(), parts.clock) if settings.sso.issuer else None,
        node_name=settings.node.name or settings.node.code,
        tls=settings.server.public_https or settings.server.tls_certificate_file is not None,
        operating=Operating(
            access=access,
            rest=parts.context.rest,
            disk=works.disk,
            told=outbox.told,
            own=works.own,
        ),
        administering=Administering(directory=works.directory, systems=_connections(parts, access)),
        calendar=parts.context.policy.deadlines.calendar,
    )
    signing_key = Check(name="signing_key", run=parts.exchange.check_key, vital=False)
    api = ApiParts(
        exchange=parts.exchange, store=parts.store, clock=parts.clock, settings=settings, key=parts.key, teller=teller
    )
    web_parts = WebParts(
        console=console,
        disk=works.disk,
        node_name=settings.node.name or settings.node.code,
        limits=settings.limits,
        more_limits={"request_timeout_s": settings.server.request_timeout_s},
        longest_request_s=settings.server.request_timeout_s + _AFTER_THE_BODY_S,
        trusted_proxies=settings.server.trusted_proxies,
        extra_routes=[*api_routes(api), *adapter_routes(parts)],
        partners=outbox.told,
        rest=parts.context.rest,
        extra_checks=[
            *(
                Check(name=f"uplink_{line.partner_id}", run=line.peer.health, vital=False)
                for line in partners.lines()
                if line.is_uplink
            ),
            *([signing_key] if settings.signing.has_key else []),
            Check(name="reconciliation", run=nightly.check, vital=False),
        ],
    )
    app = build_app(web_parts)
    app.on_shutdown.append(api.stop_waiting)
    return app


def _connections(parts: FrontParts, access: Access) -> Connections:
    """How the console connects systems and tries them out."""
    node = NodeParts(settings=parts.settings, key=parts.key, scratch=parts.settings.store.data_dir)
    trials = Trials(PeerParts(clock=parts.clock, node=node))
    fronts = tuple(name for name in _CALLED_BY if name in adapter_names())
    return Connections(access=access, check=trials.check, fronts=(*fronts, CONSOLE_FRONT))


async def _listen(stack: AsyncExitStack, settings: Settings, app: web.Application) -> int:
    server = settings.server
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=server.idle_timeout_s,
        max_field_size=_HEADER_BYTES,
        shutdown_timeout=_LAST_REQUESTS_S,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    tls = None
    if server.tls_certificate_file is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(server.tls_certificate_file, server.tls_key_file)
    site = web.TCPSite(runner, server.host, server.port, ssl_context=tls)
    await site.start()
    port: int = runner.addresses[0][1]
    return port
