"""Documents, and acts on them, that the node puts into a package for a system, or for an organisation it speaks for.

A system says what the document is and hands its files over; the node names the parties as the registry has them, gives
the document its DocumentId, writes the package, signs it where that is allowed, and takes it in by the same door as
everybody's, with the same refusals. Whoever says the same again gets the first answer: the intake finds the repeat by
what the package says and carries, and all of that follows from the wish.

Norm: QCVN 102:2016/BTTTT.
"""

import asyncio
import hashlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from axis.edxml.attachments import Declared, attach
from axis.edxml.dates import read_date, write_date, write_timestamp
from axis.edxml.media import OCTETS, ZIP
from axis.edxml.model import Attachment, Business, DocumentHeader, DocumentPackage, Limits, Party, TraceHeader
from axis.edxml.rules import business_type
from axis.errors import Code, Malformed, NotAllowed, Rejected
from axis.exchange.bounds import ORGAN_CODE_CHARACTERS
from axis.exchange.composing import SOURCE, Composer, acts_for
from axis.exchange.context import Context
from axis.exchange.intake import Intake
from axis.exchange.parcel import Composed
from axis.exchange.values import Accepted, Outcome, Source
from axis.ids import PackageId, SystemId
from axis.organ.codes import canonical_form
from axis.store.spool import Spooled
from axis.terms import BusinessType, Origin, PackageKind
from axis.text import file_name

SIGNED_BYTES = 64 << 20  # a larger package is not signed: signing holds it in memory
_INLINE_BYTES = 24 << 10  # of all files: more is put together in a thread
_FEW = 50  # receivers and files
_KEY_CHARACTERS = 20  # of a digest, in a DocumentId


@dataclass(frozen=True, slots=True, kw_only=True)
class WishedFile:
    """A file of a document that is to be sent."""

    name: str  # as its sender calls it; made harmless before it is written
    content: bytes | Path  # a path is the caller's, to be kept until the answer
    description: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentWish:
    """A document, or an act on one, that is to be put into a package and sent.

    header: what it says. Names of organisations that are None come from the registry; without a DocumentId ("") it gets
    the norm's form, From,date,number/notation; without number or date, one that follows from `key`.
    system_id: the system that sends it for an organisation that it serves; None: the node does, for one that it speaks
    for. actor: who wished it, for the audit trail. at: when; aware. key: the caller's own word for this wish.
    signed: by the node's key. None: if it may; True: refused where it may not.
    """

    header: DocumentHeader
    files: tuple[WishedFile, ...] = ()
    system_id: SystemId | None
    actor: str
    at: datetime
    key: str = ""
    signed: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The answer to a wish. Durable when it is given."""

    accepted: Accepted
    document_id: str
    signed: bool | None  # whether the node has signed the package; None: a repeat, whose first package counts


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A package that was made of a wish."""

    spooled: Spooled
    composed: Composed
    document_id: str
    signed: bool


class Drafting:
    """Makes packages of wishes, and hands them to the intake."""

    def __init__(self, context: Context, composer: Composer, intake: Intake) -> None:
        self._context = context
        self._composer = composer
        self._intake = intake

    async def send(self, wish: DocumentWish) -> Sent:
        """Put the document into a package and take it in; the same again has no second effect.

        Raises as the intake does, Malformed for a wish that makes no package, NotAllowed, Busy(KEY_UNAVAILABLE).
        """
        source = _source(wish)
        async with self._room(wish) as path:
            try:
                draft = await self._draft(wish, path)
            except (Malformed, Rejected) as e:
                await self._intake.record_refusal(source, e)
                raise
            accepted = await self._intake.accept(source, draft.spooled, draft.composed)
        first = accepted.outcome is Outcome.ACCEPTED
        return Sent(accepted=accepted, document_id=draft.document_id, signed=draft.signed if first else None)

    @asynccontextmanager
    async def _room(self, wish: DocumentWish) -> AsyncIterator[Path | None]:
        """Where the package is made: None, in memory and on the event loop, for a small one."""
        contents = [file.content for file in wish.files]
        held = sum(len(content) for content in contents if isinstance(content, bytes))
        few = len(wish.header.receivers) + len(contents) <= _FEW
        if few and held <= _INLINE_BYTES and all(isinstance(content, bytes) for content in contents):
            yield None
            return
        folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="draft-", dir=self._context.store.temporary)
        try:
            yield Path(folder) / "package"
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _draft(self, wish: DocumentWish, path: Path | None) -> _Draft:
        signed, header = self._signs(wish), self._header(wish)
        limits = self._context.policy.limits
        if len(wish.files) > limits.attachments:
            raise Malformed(Code.TOO_MANY, f"more than {limits.attachments} files", at="files")
        making = partial(_attach_all, wish.files, limits)
        files = making() if path is None else await asyncio.to_thread(making)
        package = DocumentPackage(header=header, attachments=files)
        signed = signed and self._fits(package, demanded=wish.signed is True)
        spooled = await self._composer.compose_document(package, path, signed=signed)
        package_id = PackageId(self._context.new_id())
        fields = {
            "package_id": package_id,
            "from": header.sender.organ_id,
            "document_id": header.document_id,
            "business_type": int(business_type(header)),
            "signed": signed,
        }
        audit = self._context.audit("document_composed", wish.actor, fields)
        owed = self._composer.owed(spooled.sha256_hex, self._context.clock.now()) if signed else ()
        return _Draft(
            spooled=spooled,
            composed=Composed(package_id=package_id, rows=(audit, *owed)),
            document_id=header.document_id,
            signed=signed,
        )

    def _signs(self, wish: DocumentWish) -> bool:
        """Whether the node may sign, and is to. Never in the name of somebody whom the caller does not serve."""
        directory, organ_id = self._context.directory.current, wish.header.sender.organ_id
        resolved = directory.registry.resolve(organ_id)
        code = canonical_form(organ_id) if resolved is None else resolved.organ.organ_id
        if wish.system_id is None:
            if not acts_for(directory, code):
                raise NotAllowed(Code.NOT_ALLOWED, f"the node does not speak for {organ_id}", at="From/OrganId")
            allowed = True
        else:
            allowed = self._context.policy.sign_for_systems and directory.serves(wish.system_id, code)
        allowed = allowed and self._composer.has_key
        if wish.signed and not allowed:
            raise NotAllowed(Code.NOT_ALLOWED, "the node does not sign for this system", at="sign")
        return allowed and wish.signed is not False

    @staticmethod
    def _fits(package: DocumentPackage, *, demanded: bool) -> bool:
        fits = sum(file.size_bytes for file in package.attachments) * 4 // 3 <= SIGNED_BYTES
        if demanded and not fits:
            raise Malformed(Code.TOO_LARGE, f"the node signs packages of up to {SIGNED_BYTES} bytes", at="sign")
        return fits

    def _header(self, wish: DocumentWish) -> DocumentHeader:
        """What the package says: the wish, completed from what the node knows."""
        header = wish.header
        trace = TraceHeader(organ_id=header.sender.organ_id, timestamp=write_timestamp(wish.at))
        new = str(int(BusinessType.NEW))
        business = header.business or Business()
        if not (business.business_doc_type or "").strip():
            business = replace(business, business_doc_type=new)
        return replace(
            header,
            sender=self._named(header.sender),
            receivers=tuple(map(self._named, header.receivers)),
            document_id=header.document_id.strip() or _document_id(wish),
            traces=(*header.traces, trace),
            business=business,
        )

    def _named(self, party: Party) -> Party:
        if party.organ_name is not None:
            return party
        registry = self._context.directory.current.registry
        organ = registry.find(party.organ_id) if len(party.organ_id) <= ORGAN_CODE_CHARACTERS else None
        return party if organ is None else replace(party, organ_name=organ.name)


def _source(wish: DocumentWish) -> Source:
    if wish.system_id is None:
        return replace(SOURCE, kinds=frozenset({PackageKind.DOCUMENT}))
    return Source(system_id=wish.system_id, origin=Origin.LOCAL, kinds=frozenset({PackageKind.DOCUMENT}))


def _document_id(wish: DocumentWish) -> str:
    """The norm's form; where number or date is missing, the same for the same key of the same system."""
    header = wish.header
    day = read_date(header.promulgation.promulgation_date or "")
    if header.code.text and day is not None:
        return f"{header.sender.organ_id},{write_date(day)},{header.code.text}"
    if not wish.key:
        detail = "number and promulgation date are missing, from which it would follow"
        raise Malformed(Code.MISSING_DOCUMENT_ID, detail, at="DocumentId")
    digest = hashlib.sha256(f"{wish.system_id}\n{wish.key}".encode()).hexdigest()
    return f"{header.sender.organ_id},{digest[:_KEY_CHARACTERS]}"


def _attach_all(files: tuple[WishedFile, ...], limits: Limits) -> tuple[Attachment, ...]:
    return tuple(_attachments(files, limits))


def _attachments(files: tuple[WishedFile, ...], limits: Limits) -> Iterator[Attachment]:
    """The files as the package holds them: harmless names, and the types that their bytes say."""
    for position, file in enumerate(files, 1):
        name = file_name(file.name)
        declared = Declared(content_id=f"cid:file-{position}", name=name, description=file.description)
        made = attach(declared, file.content, limits=limits)
        if made.size_bytes > limits.attachment_bytes:
            raise Malformed(Code.TOO_LARGE, f"more than {limits.attachment_bytes} bytes", at=f"files[{position}]")
        # A ZIP under another name would be taken for one that a client made around a file.
        unlike = made.media_type == ZIP and not name.lower().endswith(".zip")
        yield replace(made, content_type=OCTETS if unlike else made.media_type)
