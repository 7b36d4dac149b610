"""The exchange: the use cases behind one door. What a front may ask for, and nothing else."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from axis.delivery.directory import CurrentDirectory
from axis.delivery.explain import Explanation, explain
from axis.delivery.ledger import DayDigest, Direction, Found, Item
from axis.edxml.model import DocumentHeader
from axis.errors import AxisError, Code, NotAllowed, NotFound
from axis.exchange.checking import SignatureCheck
from axis.exchange.composing import AskBackWish, Composer, ReportWish, Speaker
from axis.exchange.context import Context, ReceiverTypes
from axis.exchange.drafting import DocumentWish, Drafting, Sent
from axis.exchange.foresight import Foresight, foresee
from axis.exchange.forwarding import Forwarded, Forwarding, ForwardWish, ReturnWish
from axis.exchange.handover import HandOver
from axis.exchange.intake import Intake
from axis.exchange.judges import Judges
from axis.exchange.ledger import ItemPage, Ledger, Side
from axis.exchange.originals import Originals, Received
from axis.exchange.receipts import Receipts, ReceiptWish
from axis.exchange.registering import Registering
from axis.exchange.values import Accepted, Acknowledgement, PackageContent, Source
from axis.organ import decisions
from axis.organ.model import Organ
from axis.organ.plan import OrganRow
from axis.store import queries
from axis.store.spool import Spooled
from axis.terms import PackageKind
from axis.trust.model import Verdict
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.verify import verify_bytes, verify_file


class Exchange:
    """The use cases of one node."""

    def __init__(
        self, context: Context, judges: Judges, check_intake: Callable[[], None], composer: Composer | None = None
    ) -> None:
        """check_intake: raises Busy while nothing may be taken in (disk full). In maintenance the context says so.

        composer: with the node's key; left out, what the node composes is not signed.
        """
        self._context = context
        self._check_intake = check_intake
        self._judges = judges
        self._intake = Intake(context, SignatureCheck(context, judges))
        self._hand_over = HandOver(context)
        self._ledger = Ledger(context)
        self._originals = Originals(context)
        self._composer = composer or Composer()
        self._registering = Registering(context.store, context.clock)
        self._speaker = Speaker(context, self._composer, self._intake.accept)
        self._drafting = Drafting(context, self._composer, self._intake)
        self._forwarding = Forwarding(context, self._speaker.report)
        self._receipts = Receipts(context, self._hand_over, self._speaker.report)

    @property
    def directory(self) -> CurrentDirectory:
        """Who exists and who is connected."""
        return self._context.directory

    @property
    def receiver_types(self) -> ReceiverTypes:
        """How this node's updates mark whom they add and whom they remove."""
        return self._context.policy.receiver_types

    @property
    def signs(self) -> bool:
        """Whether the node has a key, and so signs what it says for those it speaks for."""
        return self._composer.has_key

    def explain(self, sender: str, receiver: str) -> Explanation:
        """How a package from one code to another goes now, which rule decides and why."""
        return explain(self._context.router, self._context.directory.current, sender, receiver)

    async def foresee(self, header: DocumentHeader) -> Foresight:
        """What would become of a document if it were sent now. It changes nothing, and promises nothing."""
        return await foresee(self._context, header)

    async def look_at_file(self, content: bytes | Path, sender: str) -> Verdict:
        """A file's signatures, judged as those of a document of this sender, from the evidence that is at hand."""
        occasion = self._judges.occasion(self.directory.current.registry.canonical(sender), self._context.clock.now())
        return await asyncio.to_thread(_judged, content, self._judges.current, occasion)

    def check_intake(self) -> None:
        """Raises Busy when a package would not be taken now: asked before its body is read."""
        self.check_open()
        self._check_intake()

    def check_open(self) -> None:
        """Raises Busy(MAINTENANCE) while the node only reads."""
        self._context.rest.check()

    async def accept(self, source: Source, spooled: Spooled) -> Accepted:
        """Take a package in; what is returned is durable. Raises Malformed, Rejected (both audited) or Busy."""
        self.check_intake()
        return await self._intake.accept(source, spooled)

    async def send(self, wish: DocumentWish) -> Sent:
        """Put a document, or an act on one, into a package and take it in; the same again has no second effect.

        Raises as `accept`, Malformed for a wish that makes no package, NotAllowed where the node may not sign.
        """
        self.check_intake()
        return await self._drafting.send(wish)

    async def report(self, wish: ReportWish) -> Accepted:
        """State a status for a receiver that the node speaks for (`acts_for`); the same report again has no effect.

        Raises NotFound, NotAllowed, Malformed, Busy.
        """
        self.check_intake()
        return await self._speaker.report(wish)

    async def ask_back(self, wish: AskBackWish) -> Accepted:
        """Ask a receiver to give a document back, for a sender that the node speaks for. Raises as `report`."""
        self.check_intake()
        return await self._speaker.ask_back(wish)

    async def check_key(self) -> None:
        """See that the node's key signs, if it has one. Raises Busy(KEY_UNAVAILABLE)."""
        await self._composer.check_key()

    async def forward(self, wish: ForwardWish) -> Forwarded:
        """Pass a document on to an organisation below its receiver; the same again has no effect.

        Raises NotFound, UnknownOrgan, Rejected, NotAllowed, WrongState, Malformed, Busy.
        """
        self.check_intake()
        return await self._forwarding.forward(wish)

    async def send_back(self, wish: ReturnWish) -> Accepted:
        """Give a misaddressed document back for a receiver that the node speaks for. Raises as `report`, WrongState."""
        self.check_intake()
        return await self._forwarding.send_back(wish)

    async def keep_original(self, received: Received, from_code: str, package_sha256: str) -> None:
        """Keep what the package of these bytes was made from; the same again has no effect."""
        await self._originals.keep(received, from_code, package_sha256)

    async def record_refusal(self, source: Source, error: AxisError) -> None:
        """Audit what a front refuses by itself: an upload broken off, empty, too large, or not what was hashed."""
        await self._intake.record_refusal(source, error)

    async def pending(
        self, system_id: str, limit: int, kind: PackageKind | None = None
    ) -> tuple[queries.PendingItem, ...]:
        """What waits for a system, of one kind or both, by urgency and age, at most `limit` items."""
        return await self._hand_over.pending(system_id, limit, kind)

    async def count_pending(self, system_id: str, kind: PackageKind) -> int:
        """How many packages of a kind wait for a system."""
        return await self._hand_over.count_pending(system_id, kind)

    async def open_package(self, system_id: str, package_id: str) -> PackageContent:
        """The bytes of a package for a system that serves a receiver of it now. Raises NotFound otherwise, Busy."""
        self.check_open()
        return await self._hand_over.open_package(system_id, package_id)

    async def record_hand_over(self, system_id: str, package_id: str, ref: str | None = None) -> None:
        """The last byte of a package was written to the system. ref: by what it went, where that has a name."""
        await self._hand_over.record_hand_over(system_id, package_id, ref)

    async def acknowledge(self, system_id: str, package_id: str, word: Acknowledgement) -> None:
        """The system says how it fares with a package. Raises NotFound if it serves no receiver of it now, Busy."""
        self.check_open()
        await self._hand_over.acknowledge(system_id, package_id, word)

    async def confirm_arrival(self, wish: ReceiptWish) -> None:
        """The system has a package; 01 is said of the document in it. Raises NotFound, Busy."""
        self.check_intake()
        await self._receipts.confirm(wish)

    async def acknowledge_read(self, system_id: str, since: datetime | None, read_before: datetime) -> None:
        """The system reads its statuses on from a moment (None: it names none): what came before, it has.

        Raises Busy(MAINTENANCE), since reading so acknowledges.
        """
        self.check_open()
        await self._receipts.acknowledge_read(system_id, since, read_before)

    async def told_since(self, system_id: str, since: datetime, limit: int) -> tuple[str, ...]:
        """Status packages for the system that came since, acknowledged or not, oldest first."""
        return await self._context.store.read(lambda c: queries.told_since(c, system_id, since, limit))

    async def document_id_of(self, system_id: str, package_id: str) -> str | None:
        """The DocumentId in a package that the system may see; None: there is no such package for it."""
        return await self._receipts.document_id_of(system_id, package_id)

    async def sent(self, system_id: str, package_id: str) -> tuple[queries.SentRow, ...]:
        """How the receivers of a package fare. Raises NotFound unless the system acts for its sender."""
        package = await self._context.store.read(lambda c: queries.package(c, package_id))
        if package is None or not self.directory.current.serves(system_id, package.from_organ):
            raise NotFound(Code.NOT_FOUND, package_id)
        return await self._context.store.read(lambda c: queries.sent_rows(c, package_id))

    async def day_digests(self, system_id: str, day: date) -> tuple[DayDigest, ...]:
        """What was exchanged with a system on a day, in short."""
        return await self._ledger.digests(Side(partner_id=system_id, we_call=False), day)

    async def day_page(self, system_id: str, day: date, direction: Direction, after: str | None) -> ItemPage:
        """A page of what was exchanged with a system on a day."""
        return await self._ledger.page(Side(partner_id=system_id, we_call=False), day, direction, after)

    async def find_items(self, system_id: str, items: Sequence[Item]) -> tuple[Found, ...]:
        """What is known here of items that a system asks about; nothing of what it has no part in."""
        return await self._ledger.find(Side(partner_id=system_id, we_call=False), items)

    async def register_organ(self, system_id: str, row: OrganRow) -> None:
        """Add an organisation below those that the system serves. Raises NotAllowed without that right, Busy."""
        self.check_open()
        above = self._check_may_register(system_id, row.parent)
        whole = replace(row, parent=above.organ_id)  # whatever code it was named by
        await self._registering.change(lambda plan: decisions.registering(plan, whole), system_id)

    async def close_organ(self, system_id: str, code: str) -> None:
        """Close (never erase) an organisation below those that the system serves. Raises NotAllowed, NotFound, Busy."""
        self.check_open()
        organ = self.directory.current.registry.find(code)
        if organ is None:
            raise NotFound(Code.NOT_FOUND, code)
        self._check_may_register(system_id, organ.parent_id)
        code = organ.organ_id
        await self._registering.change(lambda plan: decisions.closing(plan, code, None), system_id)

    def _check_may_register(self, system_id: str, parent: str | None) -> Organ:
        """The organisation that a code of a parent names. Raises NotAllowed."""
        directory = self.directory.current
        system = directory.system(system_id)
        above = directory.registry.find(parent) if parent else None
        if system is None or above is None or not directory.serves(system_id, above.organ_id):
            raise NotAllowed(Code.NOT_ALLOWED, f"organisation below {parent}")
        if not system.may_register:
            raise NotAllowed(Code.NOT_ALLOWED, "registering organisations needs the right may_register")
        return above


def _judged(content: bytes | Path, judge: Judge, occasion: Occasion) -> Verdict:
    if isinstance(content, bytes):
        return verify_bytes(content, judge, occasion)
    return verify_file(content, judge, occasion)
