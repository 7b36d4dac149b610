"""A package comes in: read it, decide what it is, store it durably, answer.

What comes from a local system and what comes down from another axis goes the same way; the differences (who may send,
which receivers count, what an echo is) stand in `documents` and `statuses`. Whatever is refused leaves nothing
but an audit line, which holds no content.
"""

import asyncio

import structlog

from axis.edxml.model import DocumentPackage, Package
from axis.edxml.reader import read
from axis.errors import AxisError, Busy, Code, NotAllowed, UnknownOrgan
from axis.exchange.bounds import check_bounds
from axis.exchange.checking import Arrival, SignatureCheck
from axis.exchange.context import Context
from axis.exchange.documents import DocumentIntake
from axis.exchange.parcel import Composed, Entry
from axis.exchange.statuses import StatusIntake
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import PackageId
from axis.organ.codes import canonical_form
from axis.store.hot import Hot
from axis.store.spool import Spooled
from axis.terms import Origin

log = structlog.get_logger(__name__)


class Intake:
    """Takes packages in."""

    def __init__(self, context: Context, signatures: SignatureCheck) -> None:
        self._context = context
        self._signatures = signatures
        self._documents = DocumentIntake(context)
        self._statuses = StatusIntake(context)

    async def accept(self, source: Source, spooled: Spooled, composed: Composed | None = None) -> Accepted:
        """Take a package in; what is returned is durable. composed: of one that the node made itself.

        Raises Malformed, Rejected or one of its kinds: refused for good, and audited. Raises Busy: not now.
        """
        try:
            package = await self._read(spooled)
            check_bounds(package)
            accepted = await self._decide(source, spooled, package, composed)
        except Busy:
            raise
        except AxisError as e:
            await self.record_refusal(source, e, spooled)
            raise
        log.info(
            "package_accepted",
            outcome=accepted.outcome,
            kind=accepted.kind,
            package_id=accepted.package_id,
            document_uid=accepted.document_uid,
            source=source.system_id,
            size_bytes=spooled.size_bytes,
        )
        return accepted

    async def _read(self, spooled: Spooled) -> Package:
        limits = self._context.policy.limits
        if self._context.policy.is_light(spooled.content):
            return read(spooled.content, limits=limits)
        return await asyncio.to_thread(read, spooled.content, limits=limits)

    async def _decide(self, source: Source, spooled: Spooled, package: Package, composed: Composed | None) -> Accepted:
        if package.kind not in source.kinds:
            raise NotAllowed(Code.MISSING_SCOPE, f"a package of kind {package.kind}")
        sender = package.header.sender.organ_id
        if self._context.is_from_outside(source) and self._is_echo(sender):
            return await self._acknowledge_echo(source, spooled, package)
        from_organ = self._sender(source, sender)
        at = self._context.clock.now()
        arrival = Arrival(from_organ=from_organ, at=at, ours=source.origin is Origin.NODE)
        checked = await self._signatures.at_intake(spooled, package, arrival)
        entry = Entry(source=source, spooled=spooled, from_organ=from_organ, at=at, checked=checked, composed=composed)
        if isinstance(package, DocumentPackage):
            accepted = await self._documents.accept(entry, package)
        else:
            accepted = await self._statuses.accept(entry, package)
        if accepted.outcome is Outcome.ACCEPTED:
            await self._signatures.note_needs(checked.verdict)
        return accepted

    def _is_echo(self, sender: str) -> bool:
        return self._context.router.is_ours(self._context.directory.current, sender)

    def _sender(self, source: Source, code: str) -> str:
        """The canonical code of From, if this source may send for it."""
        directory = self._context.directory.current
        resolved = directory.registry.resolve(code)
        if source.origin is not Origin.LOCAL:
            return canonical_form(code) if resolved is None else resolved.organ.organ_id
        if resolved is None:
            raise UnknownOrgan(Code.UNKNOWN_SENDER, code, at="From/OrganId")
        if not directory.serves(source.system_id, resolved.organ.organ_id):
            raise NotAllowed(Code.FOREIGN_SENDER, code, at="From/OrganId")
        return resolved.organ.organ_id

    async def _acknowledge_echo(self, source: Source, spooled: Spooled, package: Package) -> Accepted:
        fields = {"from": package.header.sender.organ_id, "sha256": spooled.sha256_hex, "kind": package.kind}
        await self._context.store.submit(
            Hot(inserts=(self._context.audit("echo_acknowledged", source.system_id, fields),))
        )
        return Accepted(outcome=Outcome.ECHO, kind=package.kind, package_id=PackageId(""), document_uid=None)

    async def record_refusal(self, source: Source, error: AxisError, spooled: Spooled | None = None) -> None:
        """Write the audit line of a refusal. spooled: None when the package never came in whole."""
        fields = {
            "code": error.code,
            "at": error.at,
            "detail": "" if error.code is Code.SECRET_MARKING else error.detail,
            "sha256": spooled.sha256_hex if spooled else None,
            "size_bytes": spooled.size_bytes if spooled else None,
        }
        await self._context.store.submit(
            Hot(inserts=(self._context.audit("package_refused", source.system_id, fields),))
        )
        log.warning("package_refused", source=source.system_id, code=error.code, at=error.at)
