"""What is known of a run: the node's store, the proxy's notes, and what the partners have sent. Pure values.

Everything that cases ask stands here as a method, so that a case reads like its rule.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from axis.kit.codes import Partner
from axis.kit.letters import LetterId
from axis.kit.proxy import NotedCall
from axis.store.queries import Traffic
from axis.store.records import Attachment, Consignment, Delivery, Document, Package, StatusEvent
from axis.terms import BusinessType, PackageKind, StatusCode, TransportState


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a run waits for things, in seconds."""

    answer_s: float = 900.0  # for the vendor's next step: there may be a person behind it
    settle_s: float = 30.0  # after which what has not gone wrong counts as well done
    retry_s: float = 300.0  # for the software to send again by itself


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A moment of a run."""

    now: datetime
    vendor: str  # the organisation
    system_id: str
    traffic: Traffic
    calls: tuple[NotedCall, ...] = ()
    letters: Mapping[LetterId, str] = field(default_factory=dict)  # what was sent to the vendor: package ids
    follows: Mapping[LetterId, str] = field(default_factory=dict)  # the acts that came after letters: package ids
    relisted: Mapping[LetterId, datetime] = field(default_factory=dict)  # letters that were listed once more
    retaken: Mapping[LetterId, datetime] = field(default_factory=dict)  # … and when they were seen acknowledged again
    limits: Limits = field(default_factory=Limits)
    retry_after_s: int = 5
    receipts_say_arrived: bool = False  # the node says 01 for the vendor when a document is acknowledged

    def is_over(self, since: datetime, seconds: float) -> bool:
        """Whether so much time has passed since then."""
        return self.now - since > timedelta(seconds=seconds)

    # ── What came to the vendor ────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def packages(self) -> Mapping[str, Package]:
        """All packages, by id."""
        return {package.package_id: package for package in self.traffic.packages}

    @cached_property
    def _to_vendor(self) -> Mapping[str, Consignment]:
        return {one.package_id: one for one in self.traffic.consignments if one.receiver_organ == self.vendor}

    def handed(self) -> tuple[Consignment, ...]:
        """What waits for the vendor, or was handed to it."""
        return tuple(self._to_vendor.values())

    def consignment(self, package_id: str) -> Consignment | None:
        """How far a package has come on its way to the vendor."""
        return self._to_vendor.get(package_id)

    def letter(self, letter: LetterId) -> Consignment | None:
        """How far a letter has come; None: not sent yet."""
        return self.consignment(self.letters.get(letter, ""))

    def follow(self, letter: LetterId) -> Consignment | None:
        """How far the act after a letter has come; None: not sent yet."""
        return self.consignment(self.follows.get(letter, ""))

    # ── What the vendor said ───────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def _said(self) -> Mapping[str, tuple[StatusEvent, ...]]:
        said = defaultdict(list)
        for event in self.traffic.events:
            if event.from_organ == self.vendor and event.document_uid is not None:
                said[event.document_uid].append(event)
        return {uid: tuple(events) for uid, events in said.items()}

    def said(self, package_id: str | None) -> tuple[StatusEvent, ...]:
        """The vendor's statuses about the document of a package, in the order in which they came."""
        package = self.packages.get(package_id or "")
        return () if package is None else self._said.get(package.document_uid or "", ())

    def said_of(self, letter: LetterId) -> tuple[StatusEvent, ...]:
        """The vendor's statuses about a letter."""
        return self.said(self.letters.get(letter))

    # ── What the vendor sent ───────────────────────────────────────────────────────────────────────────────────

    @cached_property
    def sent(self) -> tuple[Document, ...]:
        """The vendor's documents."""
        return tuple(one for one in self.traffic.documents if one.source_system == self.system_id)

    @cached_property
    def _deliveries(self) -> Mapping[str, tuple[Delivery, ...]]:
        found = defaultdict(list)
        for delivery in self.traffic.deliveries:
            found[delivery.document_uid].append(delivery)
        return {uid: tuple(deliveries) for uid, deliveries in found.items()}

    def deliveries(self, document: Document) -> tuple[Delivery, ...]:
        """The receivers of a document."""
        return self._deliveries.get(document.document_uid, ())

    def sent_to(self, partner: Partner) -> tuple[Document, ...]:
        """The vendor's documents to a partner."""
        return tuple(one for one in self.sent if partner in {to.receiver_organ for to in self.deliveries(one)})

    def files(self, package_id: str) -> tuple[Attachment, ...]:
        """The files of a package."""
        return tuple(one for one in self.traffic.files if one.package_id == package_id)

    def acts(self, kind: BusinessType) -> tuple[Package, ...]:
        """The vendor's acts of a kind."""
        return tuple(
            one
            for one in self.traffic.packages
            if one.source_system == self.system_id and one.kind is PackageKind.DOCUMENT and one.business_type == kind
        )

    # ── What the partners answered ─────────────────────────────────────────────────────────────────────────────

    def answers(self, document: Document, partner: Partner) -> tuple[StatusEvent, ...]:
        """A partner's statuses about a document of the vendor."""
        return tuple(
            one
            for one in self.traffic.events
            if one.document_uid == document.document_uid and one.from_organ == partner
        )

    def has_taken(self, events: Iterable[StatusEvent]) -> bool:
        """Whether the vendor has acknowledged all these status packages."""
        found = [self.consignment(event.package_id) for event in events]
        return all(one is not None and one.state is TransportState.ACKNOWLEDGED for one in found)


def codes(events: Iterable[StatusEvent]) -> tuple[StatusCode, ...]:
    """Which statuses these are, in order."""
    return tuple(StatusCode(event.status_code) for event in events)
