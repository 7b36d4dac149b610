"""Documents and acts on them, as JSON and files: the node makes the package."""

from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Final, Self

from aiohttp import web
from pydantic import Field, StrictBool, model_validator

from axis.errors import Code, Malformed
from axis.exchange.document_form import DocumentForm, Form
from axis.exchange.drafting import DocumentWish, WishedFile
from axis.exchange.values import Outcome, Source
from axis.ids import SystemId
from axis.store.queries import SentRow
from axis.terms import Origin, Scope
from axis.web.api.bodies import parse_json, read_json
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import GoesTo, SentOut
from axis.web.api.multipart import FilePart, FormBounds, read_form
from axis.web.api.once import HEADER, once
from axis.web.api.uploads import complete_upload

_FORM: Final = "multipart/form-data"
_ROOM_BYTES: Final = 1 << 20  # for the JSON and the parts' headers, beside the files


class FileIn(Form):
    """A file of the document."""

    part: Annotated[str | None, Field(max_length=200, description="Name of the form's field that holds it.")] = None
    upload: Annotated[str | None, Field(max_length=26, description="Or the id of an upload of yours.")] = None
    name: Annotated[str | None, Field(max_length=1_000, description="Left out: the part's own file name.")] = None
    description: Annotated[str | None, Field(max_length=500)] = None

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        if (self.part is None) == (self.upload is None):
            msg = "part or upload, one of them"
            raise ValueError(msg)
        return self


class DocumentIn(DocumentForm):
    """A document, or an act on documents, that the node puts into a package."""

    files: Annotated[tuple[FileIn, ...] | None, Field(max_length=5_000)] = Field(
        None, description="The files in their order. Left out: every file of the form, as it comes."
    )
    sign: StrictBool | None = Field(
        None, description="By the node's key. Left out: where the node may; true: refused where it may not."
    )


async def send(call: Call) -> Reply | web.Response:
    """Make a package of a document and take it in; durable when answered."""
    call.parts.exchange.check_intake()
    async with AsyncExitStack() as stack:
        try:
            given, digest, chosen = await _read(call, stack)
        except Malformed as e:
            await call.parts.exchange.record_refusal(_source(call), e)
            raise
        return await once(call, digest, partial(_send, call, given, chosen))


async def _read(call: Call, stack: AsyncExitStack) -> tuple[DocumentIn, str, tuple[FilePart | None, ...]]:
    """What is to be sent, and the digest of all of it."""
    if call.request.content_type != _FORM:
        given, raw = await read_json(call.request, DocumentIn, call.parts.settings.server.idle_timeout_s)
        return given, sha256(raw).hexdigest(), tuple(_chosen(given, ()))
    form = await read_form(call.request, call.parts.store, _bounds(call), stack)
    given = parse_json(form.document, DocumentIn)
    return given, form.sha256_hex, tuple(_chosen(given, form.files))


def _source(call: Call) -> Source:
    return Source(system_id=SystemId(call.system_id), origin=Origin.LOCAL)


async def _send(call: Call, given: DocumentIn, chosen: tuple[FilePart | None, ...]) -> Reply:
    wish = DocumentWish(
        header=given.header(call.parts.exchange.receiver_types),
        files=await _wished(call, given, chosen),
        system_id=SystemId(call.system_id),
        actor=call.system_id,
        at=call.parts.clock.now(),
        key=call.request.headers.get(HEADER, ""),
        signed=given.sign,
    )
    sent = await call.parts.exchange.send(wish)
    accepted = sent.accepted
    rows = await call.parts.exchange.sent(call.system_id, accepted.package_id)
    return Reply(
        status=HTTPStatus.CREATED if accepted.outcome is Outcome.ACCEPTED else HTTPStatus.OK,
        body=SentOut(
            outcome=accepted.outcome,
            kind=accepted.kind,
            package_id=accepted.package_id,
            document_uid=accepted.document_uid,
            document_id=sent.document_id,
            signed=sent.signed,
            receivers=tuple(map(_goes_to, rows)),
        ),
    )


def _bounds(call: Call) -> FormBounds:
    limits, server = call.parts.settings.limits, call.parts.settings.server
    return FormBounds(
        files=limits.attachments,
        file_bytes=min(limits.attachment_bytes, limits.package_bytes),
        whole_bytes=limits.package_bytes + _ROOM_BYTES,
        idle_s=server.idle_timeout_s,
        whole_s=server.request_timeout_s,
    )


def _chosen(given: DocumentIn, parts: tuple[FilePart, ...]) -> Iterable[FilePart | None]:
    """Each file's part of the form; None for an upload. Raises Malformed where JSON and form do not say the same."""
    if given.files is None:
        yield from parts
        return
    left: dict[str, FilePart] = {}
    for part in parts:
        if part.part in left:
            raise Malformed(Code.ATTACHMENT_DUPLICATE, "two parts have this name", at=part.part[:64])
        left[part.part] = part
    for position, file in enumerate(given.files):
        found = left.pop(file.part, None) if file.part is not None else None
        if found is None and file.upload is None:
            raise Malformed(Code.ATTACHMENT_ABSENT, "no such part, or named twice", at=f"files.{position}.part")
        yield found
    if left:
        raise Malformed(Code.ATTACHMENT_UNLISTED, "a part that files does not name", at=next(iter(left))[:64])


async def _wished(call: Call, given: DocumentIn, chosen: tuple[FilePart | None, ...]) -> tuple[WishedFile, ...]:
    """The files. Raises NotFound, WrongState for uploads that are not there, or not whole."""
    said = given.files if given.files is not None else tuple(FileIn(part=one.part) for one in chosen if one is not None)
    return tuple([await _wished_file(call, file, part) for file, part in zip(said, chosen, strict=True)])


async def _wished_file(call: Call, file: FileIn, part: FilePart | None) -> WishedFile:
    if part is not None:
        content = part.spooled.content
        return WishedFile(name=file.name or part.name, content=content, description=file.description)
    row = await complete_upload(call, file.upload or "")
    content = call.parts.store.uploads.path(row.upload_id) if row.size_bytes else b""
    return WishedFile(name=file.name or row.name or row.upload_id, content=content, description=file.description)


def _goes_to(row: SentRow) -> GoesTo:
    return GoesTo(
        receiver_organ=row.receiver_organ,
        receiver_name=row.receiver_name,
        addressed_as=row.addressed_as,
        place=row.place,
        state=row.state,
    )


OPERATIONS: Final = (
    Operation(
        name="sendDocument",
        method="POST",
        path="/documents",
        handler=send,
        vi="Gửi văn bản (hoặc thu hồi, cập nhật, thay thế) dạng JSON kèm tệp; trục lập gói tin edXML thay bạn.",
        en="Send a document (or a recall, update, replacement) as JSON and files; the node makes the edXML package.",
        scopes=(Scope.SEND,),
        form=DocumentIn,
        replies={201: SentOut, 200: SentOut},
        idempotent=True,
    ),
)
