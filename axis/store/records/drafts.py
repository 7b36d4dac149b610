"""What clerks write at the console."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A document that is being written; it is its account's alone."""

    draft_id: str
    account_id: str
    sender: str
    texts: str
    receivers: str
    act: str
    version: int
    created_at: datetime
    updated_at: datetime
    sent_at: datetime | None = None
    sent_uid: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftFile:
    """A file of a draft."""

    file_id: str
    draft_id: str
    sha256_hex: str
    name: str
    media_type: str
    size_bytes: int
    signatures: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverList:
    """Receivers that an account uses again."""

    list_id: str
    account_id: str
    name: str
    receivers: str
    updated_at: datetime
