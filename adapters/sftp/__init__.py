"""A folder on an SFTP server, for a DMS that can only read and write files. The server's key is pinned, always.

The module is the entry point `sftp` of `axis.adapters`. The rules of the exchange are `adapters.filing`'s.
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


_KEY = r"(SHA256:[A-Za-z0-9+/]{43}|(ssh|ecdsa)-\S+ \S+)( [^,]*)?"


class PeerOptions(FilingOptions):
    """The options of a DMS that exchanges files over SFTP."""

    host: str = Field(min_length=1, max_length=253, description="The server's name or address.")
    port: int = Field(22, ge=1, le=65535, description="Its port.")
    path: str = Field(
        min_length=1, max_length=1000, description="The folder there that holds to-dms, from-dms and the rest."
    )
    user: str = Field(min_length=1, max_length=256, description="The account there.")
    host_key: str = Field(
        pattern=rf"^{_KEY}(,\s*{_KEY})*$",
        max_length=4000,
        description="The server's key, as ssh-keyscan prints it behind the name, or its SHA256 print; or several.",
    )
    timeout_s: float = Field(60.0, gt=0, le=3600, description="Longest silence during a call.")
    password: SecretStr | None = Field(None, description="The account's password; or a private_key.")
    private_key: SecretStr | None = Field(
        None, description="The account's key, OpenSSH or PEM, without a passphrase: the node stores it encrypted."
    )

    @model_validator(mode="after")
    def _one_way_in(self) -> "PeerOptions":
        if (self.password is None) == (self.private_key is None):
            raise ValueError("one of the secrets is needed: password or private_key")
        return self


about = About(
    vi="Phần mềm QLVB chỉ đọc và ghi được tệp: trao đổi qua một thư mục trên máy chủ SFTP (khóa máy chủ được ghim).",
    en="A DMS that can only read and write files: a folder on an SFTP server, whose key is pinned.",
    options=PeerOptions,
)


def peer(partner: "Partner", parts: "PeerParts") -> "FilingPeer":
    """The folder there. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - whoever only lists adapters loads none
    from adapters.filing.peer import FilingPeer  # noqa: PLC0415
    from adapters.sftp.server import Server, SftpPlace, read_client_key, read_host_keys  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    server = Server(
        host=chosen.host,
        port=chosen.port,
        user=chosen.user,
        path=chosen.path,
        host_keys=read_host_keys(chosen.host_key),
        password=chosen.password.get_secret_value() if chosen.password else None,
        client_key=read_client_key(chosen.private_key.get_secret_value()) if chosen.private_key else None,
        timeout_s=chosen.timeout_s,
    )
    return FilingPeer(SftpPlace(server), chosen, parts)


async def check(partner: "Partner", parts: "PeerParts", findings: "Findings") -> None:
    """Whether the server is the one that is meant, lets us in, and has folders that can be read and written."""
    from adapters.filing.trial import try_out  # noqa: PLC0415 - see above

    await try_out(peer(partner, parts), parts.clock, findings)
