"""What an adapter offers the node: a front that others call, a peer that calls others, or both.

Adapters are found by entry point (group `axis.adapters`, the name that settings use); third parties add theirs the same
way. An adapter is an object with this shape; it keeps no state of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

from aiohttp import web

from axis.clock import Clock
from axis.delivery.peer import Peer
from axis.errors import Code, NotFound
from axis.exchange.service import Exchange
from axis.settings import Settings, Uplink
from axis.store.store import Store

GROUP = "axis.adapters"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontParts:
    """What a front is built from."""

    exchange: Exchange
    store: Store  # for its spool only
    clock: Clock
    settings: Settings


class Adapter(Protocol):
    """One dialect."""

    def routes(self, parts: FrontParts) -> Sequence[web.AbstractRouteDef]:
        """The front's addresses; empty when others cannot call us in this dialect."""
        ...

    def peer(self, uplink: Uplink, clock: Clock) -> Peer:
        """A client of the partner that the settings describe. Raises Malformed(BAD_SETTINGS)."""
        ...


def load_adapter(name: str) -> Adapter:
    """The adapter of that name. Raises NotFound(BAD_SETTINGS) naming those that there are."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise NotFound(Code.BAD_SETTINGS, f"no adapter {name!r}; there are: {', '.join(sorted(found))}")
    adapter: Adapter = found[name].load()
    return adapter


def adapter_names() -> tuple[str, ...]:
    """The names of all installed adapters."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))
