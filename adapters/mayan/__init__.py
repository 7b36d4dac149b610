"""Mayan EDMS, an open-source DMS, by its REST API: what arrives is filed, what is tagged is sent, its workflow reports.

The module is the entry point `mayan` of `axis.adapters`; see `adapters.base`.
"""

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from adapters.about import About
from adapters.filing.options import read_statuses
from adapters.mayan.names import read_names, read_tags

if TYPE_CHECKING:
    from adapters.base import PeerParts
    from adapters.checking import Findings
    from adapters.mayan.desk import MayanPeer
    from axis.delivery.partner import Partner


def _statuses(text: str) -> str:
    read_statuses(text)
    return text


def _names(text: str) -> str:
    read_names(text)
    return text


def _tags(text: str) -> str:
    read_tags(text)
    return text


Label = Annotated[str, Field(min_length=1, max_length=128)]


class PeerOptions(BaseModel):
    """The options of an agency's Mayan EDMS."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)

    url: str = Field(
        pattern=r"^https?://[^\s?#@]+$", max_length=2000, description="Where Mayan is; /api/v4 is added to it."
    )
    token: SecretStr = Field(min_length=1, description="The API token of the node's own account there.")
    document_type: Label = Field(description="The document type under which what arrives is filed.")
    cabinet: str = Field("", max_length=1000, description="The cabinet that it is put into, PARENT / CHILD.")
    workflow: str = Field(
        "", max_length=255, description="The workflow, by its label, whose states are reported; none: none are."
    )
    states: Annotated[str, AfterValidator(_statuses)] = Field(
        "", description="What the workflow's states mean, STATE=CODE divided by commas; others are not reported."
    )
    organ_id: str = Field("", max_length=100, description="Who sends what is tagged, where its metadata do not say.")
    outgoing_type: str = Field(
        "", max_length=128, description="The document type of what is sent; check and make_missing look at it."
    )
    tag_send: Label = Field("axis-send", description="Documents with this tag are sent.")
    tag_sent: Label = Field("axis-sent", description="The tag that they get once they are sent.")
    tag_failed: Label = Field("axis-failed", description="The tag of what cannot be sent or reported: see comments.")
    tag_open: Label = Field("axis-open", description="The tag of what has arrived, while its workflow is followed.")
    status_tags: Annotated[str, AfterValidator(_tags)] = Field(
        "", description="Tags that sent documents get with a receiver's status, CODE=TAG divided by commas."
    )
    metadata: Annotated[str, AfterValidator(_names)] = Field(
        "", description="Mayan's names of metadata types, FIELD=NAME divided by commas; left out: axis_FIELD."
    )
    make_missing: bool = Field(
        default=False, description="Makes document types, metadata types, tags and the cabinet that are missing there."
    )
    poll: bool = Field(default=True, description="Whether the node looks for what is tagged, and at the workflow.")
    batch: int = Field(50, ge=1, le=1000, description="Most tagged documents that are taken at one look.")
    look: int = Field(20, ge=1, le=1000, description="Most open documents whose workflow is looked at, at one look.")
    language: str = Field("vie", pattern="^[a-z]{3}$", description="The documents' language for OCR there, ISO 639-3.")
    upload_wait_s: float = Field(
        60.0, gt=0, le=3600, description="How long Mayan's workers may take until a file is there."
    )
    timeout_s: float = Field(60.0, gt=0, le=3600, description="Longest silence during a call.")
    ca_file: str = Field(
        "", description="PEM file of the authority that issued the server's certificate, if it is your own."
    )
    plain_http: bool = Field(
        default=False, description="Allows http://: token and documents then travel for all to read."
    )

    @model_validator(mode="after")
    def _fits(self) -> "PeerOptions":
        if self.url.startswith("http:") and not self.plain_http:
            raise ValueError("url begins with http: use https, or say plain_http=true")
        tags = [self.tag_send, self.tag_sent, self.tag_failed, self.tag_open]
        if len(set(tags)) < len(tags):
            raise ValueError("the four tags differ")
        return self


about = About(
    vi="Mayan EDMS: văn bản đến được lưu kèm siêu dữ liệu, văn bản gắn nhãn được gửi, trạng thái theo luồng xử lý.",
    en="Mayan EDMS: what arrives is filed with metadata, what is tagged is sent, statuses follow its workflow.",
    options=PeerOptions,
    login_codes=frozenset({"401", "403"}),
)


def peer(partner: "Partner", parts: "PeerParts") -> "MayanPeer":
    """An agency's Mayan. Raises Malformed(BAD_SETTINGS)."""
    from adapters.base import read_options  # noqa: PLC0415 - whoever only lists adapters loads none
    from adapters.mayan.desk import make_peer  # noqa: PLC0415

    return make_peer(partner.partner_id, read_options(partner, PeerOptions), parts)


async def check(partner: "Partner", parts: "PeerParts", findings: "Findings") -> None:
    """Whether the token is good, what must be set up there is there, and a file that is filed appears whole."""
    from adapters.mayan.trial import try_out  # noqa: PLC0415 - see above

    await try_out(peer(partner, parts), findings)
