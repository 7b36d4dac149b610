"""Webhook: packages are pushed to a DMS as CloudEvents, signed as Standard Webhooks has it.

A system with this adapter is told of each package that waits for it, with the package in it or with a link that is good
for a short while. The module is the entry point `webhook` of `axis.adapters`; see `adapters.base`. Being told of events
other than packages is a subscription (`/api/v1/webhooks`), which any system may have.
"""

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from adapters.about import About

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web

    from adapters.base import FrontParts, PeerParts
    from adapters.webhook.pushing import WebhookPeer
    from axis.delivery.partner import Partner


class PeerOptions(BaseModel):
    """The options of a DMS that is pushed to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(max_length=2_000, description="Where events are posted.")
    secret: SecretStr = Field(description="What they are signed with: whsec_ and base64 of 24 to 64 bytes.")
    package: Literal["link", "body"] = Field(
        "link", description="How the package comes: by a link, or in the event (base64) up to body_bytes."
    )
    body_bytes: int = Field(1 << 20, ge=0, le=32 << 20, description="Largest package that comes in the event itself.")


about = About(
    vi="Đẩy gói tin tới phần mềm qua webhook: CloudEvents, chữ ký theo Standard Webhooks.",
    en="Pushes packages to a DMS by webhook: CloudEvents, signed as Standard Webhooks has it.",
    options=PeerOptions,
    login_codes=frozenset({"401", "403"}),
)


def routes(parts: "FrontParts") -> "Sequence[web.AbstractRouteDef]":
    """The packages behind the links, below /webhook/."""
    from adapters.webhook.links import Links  # noqa: PLC0415 - whoever only asks for a client does not load a node
    from adapters.webhook.pages import Pages  # noqa: PLC0415

    return Pages(parts, Links(parts.key)).routes()


def peer(partner: "Partner", parts: "PeerParts") -> "WebhookPeer":
    """A DMS. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - see above
    from adapters.webhook.pushing import make_peer  # noqa: PLC0415

    return make_peer(partner.partner_id, read_options(partner, PeerOptions), parts)
