"""Identifiers: opaque words that sort by the time they were made."""

import hashlib
from datetime import datetime
from typing import NewType

from ulid import ULID

OrganId = NewType("OrganId", str)  # canonical code of a registered organisation, or a normalised foreign code
SystemId = NewType("SystemId", str)  # a connected system, or an uplink
PackageId = NewType("PackageId", str)
DocumentUid = NewType("DocumentUid", str)  # ours; the norm's DocumentId is the sender's text
DeliveryId = NewType("DeliveryId", str)
ConsignmentId = NewType("ConsignmentId", str)

_TIME_BYTES = 6  # of the sixteen of a ULID


def new_id(at: datetime) -> str:
    """A ULID for the moment `at` (aware): 26 characters, unique, sorting by time to the millisecond."""
    return str(ULID.from_datetime(at))


def first_id(at: datetime) -> str:
    """The least id of the moment `at` (aware): whatever was made since sorts behind it, or is it."""
    return str(ULID.from_bytes(ULID.from_datetime(at).bytes[:_TIME_BYTES] + bytes(10)))


def derived_id(at: datetime, content: bytes) -> str:
    """A ULID for the moment `at` (aware) that is the same for the same content."""
    return str(ULID.from_bytes(ULID.from_datetime(at).bytes[:_TIME_BYTES] + hashlib.sha256(content).digest()[:10]))
