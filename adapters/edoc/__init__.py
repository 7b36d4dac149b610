"""eDoc SOAP, the protocol of provincial axes: the front that systems call, and our client.

The module itself is the entry point `edoc` of `axis.adapters`; see `adapters.base`. It imports its ends when they are
asked for: whoever only calls an axis does not load a node.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from adapters.base import FrontParts


def routes(parts: "FrontParts") -> "list[web.RouteDef]":
    """The front's address, /edoc."""
    from adapters.edoc.server import EdocFront, EdocOptions, routes_of  # noqa: PLC0415 - see the module's docstring

    options = EdocOptions(
        pending_items=parts.settings.edoc.pending_items,
        limits=parts.context.policy.limits,
        temporary=parts.store.temporary,
        body_idle_s=parts.settings.server.idle_timeout_s,
        body_s=parts.settings.server.request_timeout_s,
    )
    return routes_of(EdocFront(parts.exchange, parts.store.spool, parts.clock, options))
