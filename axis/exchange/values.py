"""What goes in and out of the use cases, as frozen values."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum

from axis.ids import DocumentUid, PackageId, SystemId
from axis.terms import Origin, PackageKind

NODE_SYSTEM = SystemId("node")
"""Who hands in what the node composes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Who hands a package in: a connected system (LOCAL), one of our uplinks (UPLINK), or the node itself (NODE)."""

    system_id: SystemId
    origin: Origin
    kinds: frozenset[PackageKind] = frozenset(PackageKind)  # what it may hand in


class Outcome(StrEnum):
    """What became of a package that was not refused."""

    ACCEPTED = "accepted"  # new: stored and on its way
    REPEATED = "repeated"  # known: the first answer again
    ECHO = "echo"  # our own document, come back from another axis: nothing stored but an audit line


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The answer to a package. Durable when it is given."""

    outcome: Outcome
    kind: PackageKind
    package_id: PackageId  # of the first package, when repeated; "" for an echo
    document_uid: DocumentUid | None


class Acknowledgement(StrEnum):
    """What a receiving system says of a package that it was handed (transport, never a processing status)."""

    INITIAL = "initial"  # list it again
    PROCESSING = "processing"  # working on it: stays listed
    DONE = "done"  # has it: off the list
    FAIL = "fail"  # our answer was unusable to it: list it again, later


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageContent:
    """The bytes of a package for one system that may have them.

    chunks: called once or more, streams the exact bytes from the start.
    """

    package_id: PackageId
    kind: PackageKind
    size_bytes: int
    sha256_hex: str
    chunks: Callable[[], AsyncIterator[bytes]]
