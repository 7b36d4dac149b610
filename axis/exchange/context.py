"""What every use case needs, and the loop in which it decides and writes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from axis.calendar.deadlines import Deadlines
from axis.calendar.working import Calendar
from axis.clock import Clock
from axis.delivery.backoff import Backoff
from axis.delivery.directory import CurrentDirectory
from axis.delivery.router import Router
from axis.edxml.model import Limits
from axis.errors import Busy, Code
from axis.exchange.rest import Rest
from axis.exchange.values import Source
from axis.ids import new_id
from axis.store.hot import Hot, Stale
from axis.store.records import Audit, QueueRow, SystemEvent
from axis.store.store import Store
from axis.terms import RETURN_PHRASES, SECRET_EXCEPTIONS, SECRET_PHRASES, EventKind, Origin

_FEW = 100  # receivers whose rows are made on the event loop: some 4 ms
_DECISIONS = 8  # how often a use case decides anew when others write first

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverTypes:
    """How an update's ReceiverList marks whom it adds and whom it removes. Peer: known from one sample only."""

    added: str = "0"
    removed: str = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings of the exchange."""

    limits: Limits = field(default_factory=Limits)
    secret_phrases: tuple[str, ...] = SECRET_PHRASES  # what marks a state secret
    secret_exceptions: tuple[str, ...] = SECRET_EXCEPTIONS  # what only looks like it
    receiver_types: ReceiverTypes = field(default_factory=ReceiverTypes)
    failures_until_dead: int = 10  # a receiver's `fail` answers for one package
    fetched_often: int = 5  # an item fetched so often without acknowledgement moves behind the others
    receiver_backoff: Backoff = field(default_factory=Backoff)  # before an item that failed is listed again
    forward_anywhere: bool = False  # to any organisation of ours, not only to those below the receiver
    return_phrases: tuple[str, ...] = RETURN_PHRASES  # a refusal (02) that begins so gives a misaddressed document back
    sign_for_systems: bool = False  # also what the node composes for connected systems
    deadlines: Deadlines = field(default_factory=lambda: Deadlines(calendar=Calendar()))
    inline_bytes: int = 24 << 10  # larger ones are read and judged in a thread
    inline_tags: int = 1_000  # … and those with more of "<", which is what takes time: an ordinary one has 200

    def is_light(self, content: bytes | Path) -> bool:
        """Whether a package is read and judged within the loop, which takes less than another thread would."""
        if not isinstance(content, bytes) or len(content) > self.inline_bytes:
            return False
        return content.count(b"<") <= self.inline_tags


class Wake:
    """Tells the delivery loop that there is work, so that it need not wait for its next look."""

    def __init__(self) -> None:
        self.bell = asyncio.Event()
        self._earliest: datetime | None = None

    def ring(self, due_at: datetime) -> None:
        """There is something to send, which is due at this moment, or since."""
        self._earliest = due_at if self._earliest is None else min(self._earliest, due_at)
        self.bell.set()

    def take(self) -> datetime | None:
        """Since when the oldest of what was rung for is due; None: nothing was. It is the taker's to look for it."""
        earliest, self._earliest = self._earliest, None
        return earliest


@dataclass(frozen=True, slots=True, kw_only=True)
class EventAbout:
    """What an event for a system is about, as far as it is about any of these."""

    document_uid: str | None = None
    package_id: str | None = None
    organ_id: str | None = None  # mostly the receiver that it happened at


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the use cases share."""

    store: Store
    clock: Clock
    directory: CurrentDirectory
    router: Router
    policy: Policy = field(default_factory=Policy)
    wake: Wake = field(default_factory=Wake)
    rest: Rest = field(default_factory=Rest)  # whether the node only reads

    def is_from_outside(self, source: Source) -> bool:
        """Whether a package comes from another axis: one that we call, or one that calls us."""
        return source.origin is Origin.UPLINK or self.router.is_neighbour(source.system_id)

    def new_id(self) -> str:
        """A fresh identifier for the present moment."""
        return new_id(self.clock.now())

    def audit(self, kind: str, actor: str, fields: Mapping[str, object]) -> Audit:
        """A line for the audit trail."""
        at = self.clock.now()
        text = json.dumps(fields, ensure_ascii=False, sort_keys=True)
        return Audit(audit_id=new_id(at), at=at, kind=kind, actor=actor, fields=text)

    def event(
        self,
        system_id: str,
        kind: EventKind,
        about: EventAbout | None = None,
        fields: Mapping[str, object] | None = None,
    ) -> SystemEvent:
        """What a connected system is told; written with whatever it tells of (in the same `Hot`)."""
        at, about = self.clock.now(), about or EventAbout()
        return SystemEvent(
            event_id=new_id(at),
            system_id=system_id,
            kind=kind,
            at=at,
            document_uid=about.document_uid,
            package_id=about.package_id,
            organ_id=about.organ_id,
            fields=json.dumps(fields or {}, ensure_ascii=False, sort_keys=True),
        )

    async def work_out(self, receivers: int, function: Callable[[], T]) -> T:
        """Run what takes time for each receiver: here for a few, in a thread for many, so that nobody else waits."""
        return function() if receivers <= _FEW else await asyncio.to_thread(function)

    async def settle(self, decide: Callable[[], Awaitable[tuple[Hot | None, T]]]) -> T:
        """Decide on what is stored and write it; when a concurrent write came first, decide again.

        decide reads, and returns what to write (None: nothing) and the answer. Raises Busy(OVERLOADED) when others
        keep coming first.
        """
        for _ in range(_DECISIONS):
            hot, answer = await decide()
            if hot is None:
                return answer
            try:
                await self.store.submit(hot)
            except Stale:
                continue
            due = [row.due_at for row in hot.inserts if isinstance(row, QueueRow)]
            if due:
                self.wake.ring(min(due))
            return answer
        raise Busy(Code.OVERLOADED, "too many concurrent writes to the same document", retry_after_s=1)
