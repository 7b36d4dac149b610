"""What an adapter offers the node: a front that others call, a peer that calls others, or both.

Adapters are found by entry point (group `axis.adapters`, the name that settings use); third parties add theirs the same
way. An adapter is an object with this shape; it keeps no state of its own.
"""

from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from axis.clock import Clock
from axis.delivery.partner import Partner
from axis.delivery.peer import Peer
from axis.errors import Code, Malformed, NotFound
from axis.exchange.context import Context
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.settings import Settings
from axis.store.store import Store

GROUP = "axis.adapters"
OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontParts:
    """What a front, and what runs beside it, is built from."""

    exchange: Exchange
    context: Context
    store: Store
    clock: Clock
    settings: Settings
    key: NodeKey


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
    """One dialect."""

    def routes(self, parts: FrontParts) -> Sequence[web.AbstractRouteDef]:
        """The front's addresses; empty when others cannot call us in this dialect."""
        ...

    def loops(self, parts: FrontParts) -> Sequence[Coroutine[None, None, None]]:
        """What runs beside the front as long as the node does; an adapter without such a thing need not have this."""
        ...

    def peer(self, partner: Partner, parts: PeerParts) -> Peer:
        """A client of the partner; it calls nobody yet. Raises Malformed(BAD_SETTINGS, at the option that is wrong)."""
        ...


def load_adapter(name: str) -> Adapter:
    """The adapter of that name. Raises NotFound(BAD_SETTINGS) naming those that there are."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise NotFound(Code.BAD_SETTINGS, f"no adapter {name!r}; there are: {', '.join(sorted(found))}")
    adapter: Adapter = found[name].load()
    return adapter


def make_peer(partner: Partner, parts: PeerParts) -> Peer:
    """The partner's other end, in its dialect. Raises NotFound(BAD_SETTINGS) or Malformed(BAD_SETTINGS)."""
    return load_adapter(partner.adapter).peer(partner, parts)


def adapter_loops(parts: FrontParts) -> Iterator[Coroutine[None, None, None]]:
    """What all adapters run beside their fronts."""
    for name in adapter_names():
        adapter = load_adapter(name)
        if hasattr(adapter, "loops"):
            yield from adapter.loops(parts)


def read_options(partner: Partner, model: type[OptionsT]) -> OptionsT:
    """The partner's options as the adapter wants them; texts from the command line become numbers where they should.

    Raises Malformed(BAD_SETTINGS) for one that is missing, unknown or wrong.
    """
    try:
        return model.model_validate(dict(partner.options))
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise Malformed(Code.BAD_SETTINGS, first["msg"], at=f"{partner.partner_id}: option {name}") from e


def read_secret(partner: Partner, name: str) -> str:
    """One of the partner's secrets. Raises Malformed(BAD_SETTINGS) when it was not given."""
    if not (secret := partner.secrets.get(name)):
        raise Malformed(Code.BAD_SETTINGS, "must be given", at=f"{partner.partner_id}: secret {name}")
    return secret


def adapter_names() -> tuple[str, ...]:
    """The names of all installed adapters."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))
