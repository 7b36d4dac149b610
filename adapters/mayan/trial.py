"""Tries a Mayan out: who we are there, what is set up, and whether we may do all that is done to documents."""

import secrets
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.checking import Fault, Findings, Step, Trouble
from adapters.mayan.arriving import appears
from adapters.mayan.desk import MayanPeer
from adapters.mayan.paper import Papers
from adapters.mayan.server import Missing, Upload
from adapters.mayan.wire import read_document, row_of

_LABEL = "Trục liên thông: thử kết nối / connection test"


async def try_out(peer: MayanPeer, findings: Findings) -> None:
    """Note how the steps go. Raises Failed when one fails."""
    try:
        async with findings.step(Step.LOG_IN, "ok"):
            await peer.log_in()
        async with findings.step(Step.SET_UP, _named(peer)):
            peer.setup.forget()
            await peer.setup.layout()
        async with findings.step(Step.WRITE, "ok"):
            await _file_once(peer)
    finally:
        await peer.close()


def _named(peer: MayanPeer) -> str:
    options = peer.options
    return ", ".join(filter(None, (options.document_type, options.cabinet, options.workflow, options.tag_send)))


async def _file_once(peer: MayanPeer) -> None:
    """All that is done to documents, to one that is removed again."""
    layout = await peer.setup.layout()
    body = {"document_type_id": layout.document_type.ref, "label": _LABEL, "language": peer.options.language}
    document = read_document(row_of(await peer.mayan.post("documents/", body)))
    try:
        with TemporaryDirectory(prefix="mayan-") as folder:
            path = Path(folder) / "file"
            path.write_text(f"{_LABEL}\n{secrets.token_hex(16)}\n")
            upload = Upload(name="thu-ket-noi.txt", path=path, action="keep")
            if not await appears(peer.mayan, document.ref, upload, peer.options.upload_wait_s):
                raise Trouble(Fault.OTHER, "a file was taken and does not appear: do Mayan's workers run?")
        papers = Papers(peer.mayan, peer.setup)
        await papers.say(document, {"receivers": "-"})
        await papers.say(document, {"receivers": ""})
        await papers.comment(document.ref, "[axis]", _LABEL)
        await papers.tag(document.ref, peer.options.tag_failed)
        await papers.untag(document.ref, peer.options.tag_failed)
        if layout.cabinet is not None:
            await peer.mayan.post(f"cabinets/{layout.cabinet}/documents/add/", {"document": document.ref})
    finally:
        await _remove(peer, document.ref)


async def _remove(peer: MayanPeer, document: int) -> None:
    """Into the trash and, if we may, out of it."""
    await peer.mayan.delete(f"documents/{document}/")
    try:
        await peer.mayan.delete(f"trashed_documents/{document}/")
    except Missing:
        return
