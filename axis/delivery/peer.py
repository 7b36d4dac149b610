"""The port to a partner that this node calls: what the delivery and polling loops need, whatever the dialect.

An adapter implements `Peer`; the composition root hands it in. A Peer commits nothing and keeps no state that matters:
it may be called again for the same package after a crash, and the partner must find the repeat by its own rules.

Errors: PeerRefused (it understood and said no), PeerUnreachable (anything else, to be tried again).
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from axis.edxml.model import Finding
from axis.errors import AxisError
from axis.organ.sync import OrganList
from axis.store.spool import Spooled
from axis.terms import PackageKind, Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One organisation that a pushed package is for, and that this partner reaches."""

    organ_id: str  # canonical code
    name: str | None
    email: str | None
    addressed_as: str  # the code in the package, where it succeeds a closed organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A package to push: what a dialect may want to know without reading it. The bytes come with the call."""

    package_id: str
    kind: PackageKind
    size_bytes: int
    sha256_hex: str
    from_organ: str
    request_id: str  # the same on every try, sent along where the dialect has a place for it
    receivers: tuple[Recipient, ...] = ()  # those that this partner reaches, not all that the package names
    document_id: str = ""  # as the sender wrote it; of a status: of the document that it is about
    code: str | None = None  # number and notation of the document
    subject: str | None = None
    urgency: Urgency = Urgency.NORMAL
    status_code: str | None = None  # of a status
    from_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The partner's answer to a package: it holds it durably."""

    ref: str  # its id for the package; "" when the dialect has none
    acknowledged: bool = False  # the receivers' own system has it, by this very answer


class Bytes(Protocol):
    """Gives a package's bytes as often as asked, always from the start."""

    def __call__(self) -> AsyncIterator[bytes]:
        """A fresh stream."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """One item in the partner's list for us."""

    ref: str  # the partner's id for it
    kind: PackageKind


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverState:
    """How far one receiver of a package that we pushed has come, by the partner's word."""

    organ_code: str
    acknowledged: bool
    words: str = ""  # the partner's own words, for people
    failed: bool = False  # it says that it could not take the package, and will not


@runtime_checkable
class RegistrySource(Protocol):
    """A partner that lists organisations. Not part of `Peer`: few dialects can.

    Errors as of `Peer`.
    """

    async def organs(self, *, since: int = 0, level: int | None = None) -> OrganList:
        """What changed in its registry after version `since` (0: all of it), down to a level (None: every level).

        It may list more than was asked for.
        """
        ...


@runtime_checkable
class PutsAside(Protocol):
    """A partner where a refused item is put aside with the reason in words. Not part of `Peer`: few dialects can."""

    async def put_aside(self, item: Incoming, error: AxisError) -> None:
        """The item could not be taken, and why; instead of `confirm(ok=False)`. Errors as of `Peer`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconverted:
    """What came from the partner, where the package is made of it here."""

    spooled: Spooled  # as received, secrets blanked
    form: str  # what it is
    converted_by: str  # what makes a package of it
    from_code: str  # the sender, as the package has it
    findings: tuple[Finding, ...]  # what had no place in the package, what was odd


@runtime_checkable
class Converts(Protocol):
    """A partner whose items come in another form than edXML of QCVN 102. Not part of `Peer`: most come as they are."""

    def unconverted(self, item: Incoming) -> Unconverted | None:
        """What an item that is being fetched was made of; it lasts as long as the context of `fetch`."""
        ...


class Peer(Protocol):
    """A partner's other end."""

    @property
    def polls(self) -> bool:
        """Whether it has a list for us; without one, poll, fetch and confirm are never called."""
        ...

    @property
    def tells_receivers(self) -> bool:
        """Whether it can be asked how far receivers have come; if not, `receivers` is never called."""
        ...

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Push a package. What is returned is durable there."""
        ...

    async def poll(self) -> tuple[Incoming, ...]:
        """What waits for us there, in the partner's order."""
        ...

    def fetch(self, item: Incoming) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Stream one item's exact bytes."""
        ...

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """Tell the partner that we hold the item durably (ok), or could not take it."""
        ...

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        """How far the receivers of a pushed package have come."""
        ...

    async def health(self) -> None:
        """A real, harmless round trip; raises when it fails."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
