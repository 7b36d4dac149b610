"""A folder on a WebDAV server (Nextcloud, SharePoint, Alfresco), for a DMS that can only read and write files.

The module is the entry point `webdav` of `axis.adapters`. The rules of the exchange are `adapters.filing`'s.
"""

from typing import TYPE_CHECKING

from pydantic import Field, SecretStr, model_validator

from adapters.about import About
from adapters.filing.options import FilingOptions

if TYPE_CHECKING:
    from adapters.base import PeerParts
    from adapters.checking import Findings
    from adapters.filing.peer import FilingPeer
    from axis.delivery.partner import Partner


class PeerOptions(FilingOptions):
    """The options of a DMS that exchanges files over WebDAV."""

    url: str = Field(
        pattern=r"^https?://[^\s?#@]+$",
        max_length=2000,
        description="The folder there that holds to-dms, from-dms and the rest.",
    )
    user: str = Field(min_length=1, max_length=256, pattern="^[^:]+$", description="The account there.")
    ca_file: str = Field(
        "", description="PEM file of the authority that issued the server's certificate, if it is your own."
    )
    plain_http: bool = Field(
        default=False, description="Allows http://: password and documents then travel for all to read."
    )
    timeout_s: float = Field(60.0, gt=0, le=3600, description="Longest silence during a call.")
    password: SecretStr = Field(min_length=1, description="The account's password, or an app password.")

    @model_validator(mode="after")
    def _is_encrypted(self) -> "PeerOptions":
        if self.url.startswith("http:") and not self.plain_http:
            raise ValueError("url begins with http: use https, or say plain_http=true")
        return self


about = About(
    vi="Phần mềm QLVB chỉ đọc và ghi được tệp: trao đổi qua WebDAV (Nextcloud, SharePoint, Alfresco, …).",
    en="A DMS that can only read and write files: a folder over WebDAV (Nextcloud, SharePoint, Alfresco, …).",
    options=PeerOptions,
)


def peer(partner: "Partner", parts: "PeerParts") -> "FilingPeer":
    """The folder there. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - whoever only lists adapters loads none
    from adapters.filing.peer import FilingPeer  # noqa: PLC0415
    from adapters.webdav.server import Server, WebdavPlace  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    server = Server(
        url=chosen.url,
        user=chosen.user,
        password=chosen.password.get_secret_value(),
        ca_file=chosen.ca_file,
        timeout_s=chosen.timeout_s,
    )
    return FilingPeer(WebdavPlace(server), chosen, parts)


async def check(partner: "Partner", parts: "PeerParts", findings: "Findings") -> None:
    """Whether the server lets us in, and has folders that can be read and written."""
    from adapters.filing.trial import try_out  # noqa: PLC0415 - see above

    await try_out(peer(partner, parts), parts.clock, findings)
