"""How long the texts may be by which documents and organisations are told apart: they are indexed."""

from collections.abc import Iterator

from axis.edxml.model import DocumentPackage, Package
from axis.errors import Code, Malformed

ORGAN_CODE_CHARACTERS = 128  # Norm: QĐ 20/2020/QĐ-TTg Art. 4 allows 35; real codes follow neither norm
DOCUMENT_ID_CHARACTERS = 512
CODE_CHARACTERS = 256


def check_bounds(package: Package) -> None:
    """Raises Malformed(FIELD_INVALID) naming the first text that is too long."""
    for at, text, most in _keys(package):
        if text is not None and len(text) > most:
            raise Malformed(Code.FIELD_INVALID, f"{len(text)} characters, at most {most}", at=at)


def _keys(package: Package) -> Iterator[tuple[str, str | None, int]]:
    header = package.header
    yield "From/OrganId", header.sender.organ_id, ORGAN_CODE_CHARACTERS
    if isinstance(package, DocumentPackage):
        document = package.header
        yield "DocumentId", document.document_id, DOCUMENT_ID_CHARACTERS
        yield "Code", document.code.text, CODE_CHARACTERS
        for to in document.receivers:
            yield "To/OrganId", to.organ_id, ORGAN_CODE_CHARACTERS
        changes = document.business.document_info if document.business else None
        for receiver in changes.receivers if changes else ():
            yield "ReceiverList/Receiver/OrganId", receiver.organ_id, ORGAN_CODE_CHARACTERS
        responses = document.response_for
    else:
        responses = (package.header.response_for,)
    for response in responses:
        yield "ResponseFor/OrganId", response.organ_id, ORGAN_CODE_CHARACTERS
        yield "ResponseFor/DocumentId", response.document_id, DOCUMENT_ID_CHARACTERS
        yield "ResponseFor/Code", response.code, CODE_CHARACTERS
