"""eDoc SOAP, the protocol of provincial axes: the front that systems call, and our client.

The module itself is the entry point `edoc` of `axis.adapters`; see `adapters.base`. It imports its ends when they are
asked for: whoever only calls an axis does not load a node.
"""

from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.about import About

if TYPE_CHECKING:
    from aiohttp import web

    from adapters.base import FrontParts, PeerParts
    from adapters.edoc.client import EdocClient
    from axis.delivery.partner import Partner


class PeerOptions(BaseModel):
    """The options of a partner that speaks eDoc SOAP."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    endpoint: str = Field(pattern=r"^https?://", description="Its address.")
    system_id: str = Field(min_length=1, description="Who we are there: OrganId of our credentials.")
    timeout_s: float = Field(60.0, gt=0, description="Longest silence during a call.")
    soap: str = Field("1.1", pattern=r"^1\.[12]$", description="The version of SOAP: 1.1 or 1.2.")
    poll: bool = Field(default=True, description="Whether we look into its list for us.")
    exists_is_sent: bool = Field(
        default=False,
        description="It answers M.Exist to a repeat: what we push counts as taken then. A node of ours never does.",
    )
    secret: SecretStr = Field(min_length=1, description="Token of our credentials.")


about = About(
    vi="Trục khác, hoặc phần mềm QLVB, nói giao thức SOAP eDoc (edXML 1.0, trục cấp tỉnh).",
    en="Another axis, or a DMS, that speaks eDoc SOAP (edXML 1.0, as provincial axes do).",
    options=PeerOptions,
    login_codes=frozenset({"CheckPermission", "Permission"}),
)


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


def peer(partner: "Partner", parts: "PeerParts") -> "EdocClient":
    """A client of the partner. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - see the module's docstring
    from adapters.edoc.calls import EdocClientOptions  # noqa: PLC0415 - see the module's docstring
    from adapters.edoc.client import EdocClient  # noqa: PLC0415
    from adapters.edoc.wire import Version  # noqa: PLC0415
    from axis.edxml.model import Limits  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    node = parts.node
    options = EdocClientOptions(
        endpoint=chosen.endpoint,
        organ_id=chosen.system_id,
        token=chosen.secret.get_secret_value(),
        scratch=node.scratch if node else Path(gettempdir()),
        timeout_s=chosen.timeout_s,
        version=Version.V12 if chosen.soap == "1.2" else Version.V11,
        limits=Limits(**node.settings.limits.model_dump()) if node else Limits(),
        polls=chosen.poll,
        exists_is_sent=chosen.exists_is_sent,
    )
    return EdocClient(options, None, parts.clock)
