"""The contract between a dialect and the node: a front that others call, a peer that calls others, or both.

An adapter is an object (most often a module) with the shape of `Adapter`, found by entry point: group `axis.adapters`,
the name that settings use. A distribution of anybody adds its own the same way, and needs no change here. It keeps no
state of its own: what it builds does, for as long as the node uses that.

What a peer does, `axis.delivery.peer.Peer` says: deliver (`send`; a status is a package too), fetch (`poll`, `fetch`,
`confirm`), tell how receivers fare (`receivers`), `health`, `close`. It fails with these errors and no others:

    PeerUnreachable                no usable answer: tried again, and the partner is left alone for a while
    PeerRefused, retry="later"     it said no, and may say yes once something there is put right: tried again
    PeerRefused, retry="never"     it said no to this package: given up, and the sender is told
    Malformed, of `fetch`          what waits there cannot be read: refused (`confirm(ok=False)`, `put_aside`)
    anything else                  our fault: logged with its trace, tried again

Lifecycle: `peer` builds one and calls nobody; the node uses it from many tasks at once, also from a health probe; when
the partner's options change, another one is built, and the old one closed once nobody uses it. Nothing that matters may
be in its memory alone.
"""

import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from adapters.about import About, secret_names
from axis.clock import Clock
from axis.delivery.partner import Partner
from axis.delivery.peer import Peer
from axis.errors import Code, Malformed, NotFound
from axis.exchange.context import Context
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.settings import Settings
from axis.store.store import Store

log = structlog.get_logger(__name__)

GROUP = "axis.adapters"
OWN_DISTRIBUTION = "axis-node"
OptionsT = TypeVar("OptionsT", bound=BaseModel)


def _connection(request: web.Request) -> str:
    return request.remote or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontParts:
    """What a front, and what runs beside it, is built from."""

    exchange: Exchange
    context: Context
    store: Store
    clock: Clock
    settings: Settings
    key: NodeKey
    caller: Callable[[web.Request], str] = _connection  # whom to count a stranger's tries by


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeParts:
    """What of its node a peer may need beside the partner's own options."""

    settings: Settings
    key: NodeKey
    scratch: Path  # for what need not outlive the process, on a disk that can hold a package


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerParts:
    """What a peer is built from. node: None where there is only a client, as in tests of one dialect."""

    clock: Clock
    node: NodeParts | None = None


class Adapter(Protocol):
    """One dialect.

    `about` (an About) says what it is for and which options there are; `axis adapter list` and `check` live by it. What
    an adapter does not offer it leaves out: `routes` without a front, `loops` with nothing beside it, `check`
    (`adapters.checking.Checks`) where a round trip of `health` says enough.
    """

    def routes(self, parts: FrontParts) -> Sequence[web.AbstractRouteDef]:
        """The front's addresses; empty when others cannot call us in this dialect."""
        ...

    def loops(self, parts: FrontParts) -> Sequence[Coroutine[None, None, None]]:
        """What runs beside the front as long as the node does; each survives its own failures."""
        ...

    def peer(self, partner: Partner, parts: PeerParts) -> Peer:
        """A client of the partner; it calls nobody yet. Raises Malformed(BAD_SETTINGS, at the option that is wrong)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An adapter that an installed distribution brings."""

    name: str
    distribution: str  # name and version
    adapter: Adapter | None  # None: it cannot be loaded
    problem: str = ""

    @property
    def about(self) -> About | None:
        """What it says of itself; None for one that says nothing."""
        return getattr(self.adapter, "about", None)


def adapter_names() -> tuple[str, ...]:
    """The names of all installed adapters."""
    return tuple(sorted(_points()))


def installed_adapters() -> tuple[Installed, ...]:
    """All installed adapters, by name; one that cannot be loaded with the reason."""
    found = []
    for name, point in sorted(_points().items()):
        origin = _origin(point)
        try:
            found.append(Installed(name=name, distribution=origin, adapter=_load(point)))
        except Malformed as e:
            found.append(Installed(name=name, distribution=origin, adapter=None, problem=e.detail))
    return tuple(found)


def load_adapter(name: str) -> Adapter:
    """The adapter of that name. Raises NotFound(BAD_SETTINGS) naming those that there are, Malformed(BAD_SETTINGS)."""
    points = _points()
    if name not in points:
        raise NotFound(Code.BAD_SETTINGS, f"no adapter {name!r}; there are: {', '.join(sorted(points))}")
    return _load(points[name])


def _load(point: EntryPoint) -> Adapter:
    try:
        adapter: Adapter = point.load()
    except Exception as e:  # somebody else's module may fail in any way while it is imported
        raise Malformed(
            Code.BAD_SETTINGS, f"cannot be loaded: {type(e).__name__}: {e}", at=f"adapter {point.name}"
        ) from e
    return adapter


@cache
def _origin(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else ""


def _points() -> Mapping[str, EntryPoint]:
    return _points_on(tuple(sys.path))


@lru_cache(maxsize=1)
def _points_on(_path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    """Entry points by name. Of two with one name ours counts, so that nobody takes over a dialect unseen.

    To read what is installed takes 40 ms: too long for a loop that builds a peer.
    """
    points: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name not in points or (point.dist is not None and point.dist.name == OWN_DISTRIBUTION):
            points[point.name] = point
    return points


def _usable() -> Iterator[Adapter]:
    """Those that can be loaded; a broken one of somebody else's must not keep the node from starting."""
    for one in installed_adapters():
        if one.adapter is None:
            log.error("adapter_unusable", adapter=one.name, distribution=one.distribution, problem=one.problem)
        else:
            yield one.adapter


def make_peer(partner: Partner, parts: PeerParts) -> Peer:
    """The partner's other end, in its dialect. Raises NotFound(BAD_SETTINGS) or Malformed(BAD_SETTINGS)."""
    return load_adapter(partner.adapter).peer(partner, parts)


def adapter_routes(parts: FrontParts) -> Iterator[web.AbstractRouteDef]:
    """The fronts of all adapters."""
    for adapter in _usable():
        if hasattr(adapter, "routes"):
            yield from adapter.routes(parts)


def adapter_loops(parts: FrontParts) -> Iterator[Coroutine[None, None, None]]:
    """What all adapters run beside their fronts."""
    for adapter in _usable():
        if hasattr(adapter, "loops"):
            yield from adapter.loops(parts)


def read_options(partner: Partner, model: type[OptionsT]) -> OptionsT:
    """The partner's options as the adapter wants them; texts from the command line become numbers where they should.

    Fields that are secrets (`SecretStr`) are taken from the partner's secrets, and from nowhere else.
    Raises Malformed(BAD_SETTINGS) for one that is missing, unknown or wrong; never with its value.
    """
    secrets = set(secret_names(model))
    values = dict(partner.options)
    if in_the_open := sorted(secrets & values.keys()):
        raise Malformed(
            Code.BAD_SETTINGS,
            "is a secret: give it by --secret-file",
            at=f"{partner.partner_id}: option {in_the_open[0]}",
        )
    if secrets:
        if strange := sorted(partner.secrets.keys() - secrets):
            raise Malformed(
                Code.BAD_SETTINGS, "there is no such secret", at=f"{partner.partner_id}: secret {strange[0]}"
            )
        values |= partner.secrets
    try:
        return model.model_validate(values)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        kind = "secret" if name in secrets else "option"
        raise Malformed(Code.BAD_SETTINGS, first["msg"], at=f"{partner.partner_id}: {kind} {name}") from e


def read_secret(partner: Partner, name: str) -> str:
    """One of the partner's secrets, for an adapter whose options do not name it. Raises Malformed(BAD_SETTINGS)."""
    if not (secret := partner.secrets.get(name)):
        raise Malformed(Code.BAD_SETTINGS, "must be given", at=f"{partner.partner_id}: secret {name}")
    return secret
