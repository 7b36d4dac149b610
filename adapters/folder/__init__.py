"""A folder of this machine, or of a share that is mounted: for a DMS that can only read and write files.

The module is the entry point `folder` of `axis.adapters`. The rules of the exchange are `adapters.filing`'s.
"""

from typing import TYPE_CHECKING

from pydantic import Field

from adapters.about import About
from adapters.filing.options import FilingOptions

if TYPE_CHECKING:
    from adapters.base import PeerParts
    from adapters.checking import Findings
    from adapters.filing.peer import FilingPeer
    from axis.delivery.partner import Partner


class PeerOptions(FilingOptions):
    """The options of a DMS that exchanges files in a folder."""

    path: str = Field(pattern="^/", max_length=1000, description="The folder that holds to-dms, from-dms and the rest.")


about = About(
    vi="Phần mềm QLVB chỉ đọc và ghi được tệp: trao đổi qua một thư mục của máy này hoặc ổ đĩa mạng.",
    en="A DMS that can only read and write files: a folder of this machine, or a mounted share.",
    options=PeerOptions,
)


def peer(partner: "Partner", parts: "PeerParts") -> "FilingPeer":
    """The folder. Raises Malformed(BAD_SETTINGS)."""
    from pathlib import Path  # noqa: PLC0415 - whoever only lists adapters loads none

    from adapters.base import read_options  # noqa: PLC0415
    from adapters.filing.peer import FilingPeer  # noqa: PLC0415
    from adapters.folder.local import LocalPlace  # noqa: PLC0415

    chosen = read_options(partner, PeerOptions)
    return FilingPeer(LocalPlace(Path(chosen.path)), chosen, parts)


async def check(partner: "Partner", parts: "PeerParts", findings: "Findings") -> None:
    """Whether the folders are there, and can be read and written."""
    from adapters.filing.trial import try_out  # noqa: PLC0415 - see above

    await try_out(peer(partner, parts), parts.clock, findings)
