"""VXP, the REST protocol of the national document axis: the front that systems call, and our client.

The module itself is the entry point `vxp` of `axis.adapters`; see `adapters.base`. It imports its ends when they are
asked for: whoever only calls an axis (`axis send`, the demo's agencies) does not load a node.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.about import About

if TYPE_CHECKING:
    from aiohttp import web

    from adapters.base import FrontParts, PeerParts
    from adapters.vxp.client import VxpClient
    from axis.delivery.partner import Partner


class PeerOptions(BaseModel):
    """The options of a partner that speaks VXP."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    endpoint: str = Field(pattern=r"^https?://", description="Its address, without the operation.")
    system_id: str = Field(min_length=1, description="Who we are there.")
    timeout_s: float = Field(60.0, gt=0, description="Longest silence during a call.")
    fetch: str = Field("getEdoc", pattern="^(getEdoc|downloadEdoc)$", description="How packages are fetched from it.")
    poll: bool = Field(default=True, description="Whether we look into its list for us.")
    secret: SecretStr = Field(min_length=1, description="By which both sides sign their headers.")


about = About(
    vi="Trục khác, hoặc phần mềm QLVB, nói giao thức VXP (REST của trục quốc gia).",
    en="Another axis, or a DMS, that speaks VXP, the REST protocol of the national axis.",
    options=PeerOptions,
    login_codes=frozenset({"15"}),
)


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


def peer(partner: "Partner", parts: "PeerParts") -> "VxpClient":
    """A client of the partner. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - see the module's docstring
    from adapters.vxp.calls import VxpClientOptions  # noqa: PLC0415 - see the module's docstring
    from adapters.vxp.client import VxpClient  # noqa: PLC0415
    from adapters.vxp.wire import Operation  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    options = VxpClientOptions(
        endpoint=chosen.endpoint,
        system_id=chosen.system_id,
        secret=chosen.secret.get_secret_value(),
        timeout_s=chosen.timeout_s,
        fetch_by=Operation(chosen.fetch),
        polls=chosen.poll,
    )
    return VxpClient(options, None, parts.clock)
