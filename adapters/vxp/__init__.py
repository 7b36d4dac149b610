"""VXP, the REST protocol of the national document axis: the front that systems call, and our client.

The module itself is the entry point `vxp` of `axis.adapters`; see `adapters.base`. It imports its ends when they are
asked for: whoever only calls an axis (`axis send`, the demo's agencies) does not load a node.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web

    from adapters.base import FrontParts
    from adapters.vxp.client import VxpClient
    from axis.clock import Clock
    from axis.settings import Uplink


def routes(parts: "FrontParts") -> "list[web.RouteDef]":
    """The front's addresses, below /vxp/."""
    from adapters.vxp.server import VxpFront, VxpOptions, routes_of  # noqa: PLC0415 - see the module's docstring

    options = VxpOptions(
        timestamp_window=timedelta(seconds=parts.settings.vxp.timestamp_window_s),
        pending_items=parts.settings.vxp.pending_items,
        package_bytes=parts.settings.limits.package_bytes,
        body_idle_s=parts.settings.server.idle_timeout_s,
        body_s=parts.settings.server.request_timeout_s,
    )
    return routes_of(VxpFront(parts.exchange, parts.store.spool, parts.clock, options))


def peer(uplink: "Uplink", clock: "Clock") -> "VxpClient":
    """A client of the partner that the settings describe. Raises Malformed(BAD_SETTINGS) without a secret."""
    from adapters.vxp.calls import VxpClientOptions  # noqa: PLC0415 - see the module's docstring
    from adapters.vxp.client import VxpClient  # noqa: PLC0415
    from adapters.vxp.wire import Operation  # noqa: PLC0415

    options = VxpClientOptions(
        endpoint=uplink.endpoint,
        system_id=uplink.system_id,
        secret=uplink.read_secret(),
        timeout_s=uplink.timeout_s,
        fetch_by=Operation(uplink.fetch),
    )
    return VxpClient(options, None, clock)
