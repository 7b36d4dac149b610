"""What can be chosen for a DMS that exchanges files, wherever they lie."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from adapters.filing.place import ERRORS, SENT, TAKEN, WORK, is_name
from axis.terms import StatusCode

_OURS: Final = {TAKEN, ERRORS, WORK, SENT}
_PAIR: Final = re.compile(r"\s*(?P<word>[^=,\s][^=,]{0,63}?)\s*=\s*(?P<code>[0-9]{2})\s*")
_DEFAULT_STATUSES: Final = ", ".join(f"{code.name.lower()}={code.value}" for code in StatusCode)


def _folder(name: str) -> str:
    if not is_name(name) or name.startswith(".") or name in _OURS:
        raise ValueError("not the name of a folder, or one of the node's own")
    return name


def _statuses(text: str) -> str:
    read_statuses(text)
    return text


def read_statuses(text: str) -> Mapping[str, StatusCode]:
    """`word=code, …` as a table; the codes themselves are words too. Raises ValueError."""
    words: dict[str, StatusCode] = {code.value: code for code in StatusCode}
    for part in filter(str.strip, text.split(",")):
        match = _PAIR.fullmatch(part)
        if match is None or match["code"] not in set(StatusCode):
            raise ValueError(f"WORD=CODE is needed, with one of {', '.join(StatusCode)}")
        words[match["word"].casefold()] = StatusCode(match["code"])
    return words


FolderName = Annotated[str, AfterValidator(_folder)]


class FilingOptions(BaseModel):
    """Options of every place."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    to_dms: FolderName = Field("to-dms", description="The folder that the node writes and the DMS reads.")
    from_dms: FolderName = Field("from-dms", description="The folder that the DMS writes and the node reads.")
    poll: bool = Field(default=True, description="Whether the node looks into what the DMS writes.")
    sidecar: bool = Field(default=True, description="Whether a JSON file beside each package tells what it is.")
    attachments: bool = Field(default=True, description="Whether a document's files lie beside its package.")
    acknowledge: Literal["removed", "ok"] = Field(
        "removed",
        description="How the DMS says that it has a package: it takes the last file away, or it drops NAME.ok.",
    )
    settle_s: float = Field(2.0, ge=0, le=3600, description="How long a file must stay the same before it is read.")
    patience_s: float = Field(
        900.0,
        ge=1,
        le=86_400,
        description="How long an incomplete file may stay the same before it is judged as it is.",
    )
    batch: int = Field(200, ge=1, le=5000, description="Most packages that are taken at one look.")
    keep_days: int = Field(30, ge=0, le=3650, description="How long what was taken stays in `taken`; 0: not at all.")
    statuses: Annotated[str, AfterValidator(_statuses)] = Field(
        _DEFAULT_STATUSES,
        description="The DMS's words for statuses, WORD=CODE divided by commas; codes are always understood.",
    )
