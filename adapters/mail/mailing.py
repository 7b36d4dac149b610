"""The other end of an organisation that has only a mailbox: a package goes there as a mail with the document's files.

One partner is one mailbox. The mail carries the files under their own names and the package itself; one that would be
too long, for us or for the mail server, carries links instead. It bears the same Message-ID on every try, so that a
mail that was sent twice is one to the receiver's program. The server's acceptance is a hand-over and nothing more: what
the receiver says comes by the link, what mail servers say later by a bounce.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from adapters.mail.letter import Enclosure, Letter, Person, check_address, encoded_bytes
from adapters.mail.links import Purpose, Subject
from adapters.mail.office import Office
from adapters.mail.smtp import Envelope, Session, TooLargeForServer, deliver
from adapters.mail.words import Paper, moment_text, paper, size_text, templates
from axis.clock import Clock
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Recipient, Sent
from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.edxml.zips import as_it_was
from axis.errors import Malformed, PeerRefused, PeerUnreachable
from axis.ids import PackageId
from axis.terms import BusinessType, PackageKind, Urgency

MARK_HEADER = "X-Axis-Mark"
PACKAGE_HEADER = "X-Axis-Package"
_TEXT_BYTES = 128 << 10  # what a mail needs beside its files
_LISTED_FILES = 100
"""Files beyond these are in the mail, and are not listed in its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A package as it goes into a mail."""

    paper: Paper
    enclosures: tuple[Enclosure, ...]  # none: the mail carries links


class MailPeer:
    """One mailbox. Raises PeerRefused and PeerUnreachable as the port says."""

    polls = False
    tells_receivers = False

    def __init__(self, address: str, office: Office, clock: Clock) -> None:
        self._address = check_address(address, "address")
        self._office = office
        self._clock = clock
        self._pages, self._texts = templates(pages=True), templates(pages=False)

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Mail a package to the mailbox: one mail for each of its organisations that the package is for."""
        folder = TemporaryDirectory(prefix="mail-", dir=self._office.scratch)
        try:
            source = Path(folder.name) / "package"
            # Opened here: a thread's handle would be lost when the wait for it is cancelled.
            with source.open("wb") as copy:
                async for chunk in content():
                    await asyncio.to_thread(copy.write, chunk)
            whole = encoded_bytes(outgoing.size_bytes) + _TEXT_BYTES
            opened = await self._open(outgoing, source, attach=whole <= self._office.attach_bytes)
            for recipient in outgoing.receivers:
                opened = await self._send_to(outgoing, recipient, opened)
        finally:
            await asyncio.shield(asyncio.to_thread(folder.cleanup))
        return Sent(ref=f"{outgoing.package_id.lower()}@{self._office.domain}")

    async def _send_to(self, outgoing: Outgoing, recipient: Recipient, opened: _Opened) -> _Opened:
        """One mail; without the files when the server finds it too large with them. Returns how it went out."""
        try:
            await self._deliver(outgoing, recipient, opened)
        except TooLargeForServer:
            opened = replace(opened, enclosures=())
            try:
                await self._deliver(outgoing, recipient, opened)
            except TooLargeForServer as e:
                raise PeerRefused("the mail server takes no mail even of this size", retry="later") from e
        return opened

    async def _deliver(self, outgoing: Outgoing, recipient: Recipient, opened: _Opened) -> None:
        letter = await self._letter(outgoing, recipient, opened)
        mark = self._office.links.mark(outgoing.package_id, recipient.organ_id)
        size_bytes = await asyncio.to_thread(lambda: letter.size_bytes)
        envelope = Envelope(return_path=self._office.return_path(mark), to=self._address, size_bytes=size_bytes)
        await deliver(self._office.server, envelope, letter.chunks())

    async def _open(self, outgoing: Outgoing, source: Path, *, attach: bool) -> _Opened:
        """Read the package, and its files where they go along. Raises PeerRefused when it cannot be read."""
        try:
            return await asyncio.to_thread(self._opened, outgoing, source, attach=attach)
        except Malformed as e:
            raise PeerRefused(f"the stored package cannot be taken apart: {e}") from e

    def _opened(self, outgoing: Outgoing, source: Path, *, attach: bool) -> _Opened:
        limits = self._office.limits
        package = read(source, limits=limits, spool_dir=source.parent if attach else None)
        said = paper(package)
        if not attach:
            return _Opened(paper=said, enclosures=())
        files = package.attachments if isinstance(package, DocumentPackage) else ()
        enclosures = []
        for file in files:
            assert isinstance(file.content, Path)  # noqa: S101 - read with a spool_dir
            inner = as_it_was(file, file.content, limits)
            size_bytes = inner.path.stat().st_size
            enclosures.append(
                Enclosure(name=inner.name, media_type=inner.media_type, path=inner.path, size_bytes=size_bytes)
            )
        enclosures.append(
            Enclosure(
                name=_package_name(outgoing), media_type="application/xml", path=source, size_bytes=outgoing.size_bytes
            )
        )
        total = sum(encoded_bytes(one.size_bytes) for one in enclosures) + _TEXT_BYTES
        return _Opened(paper=said, enclosures=tuple(enclosures) if total <= self._office.attach_bytes else ())

    async def _letter(self, outgoing: Outgoing, recipient: Recipient, opened: _Opened) -> Letter:
        now = self._clock.now()
        mark = self._office.links.mark(outgoing.package_id, recipient.organ_id)
        values = await asyncio.to_thread(self._values, outgoing, recipient, opened, now)
        text = await asyncio.to_thread(self._texts.get_template("letter.txt").render, values)
        html = await asyncio.to_thread(self._pages.get_template("letter.html").render, values)
        more = [(PACKAGE_HEADER, outgoing.package_id), (MARK_HEADER, mark)]
        if outgoing.urgency is not Urgency.NORMAL:
            more += [("Importance", "high"), ("X-Priority", "1 (Highest)")]
        return Letter(
            message_id=f"{mark}@{self._office.domain}",
            at=now,
            sender=self._office.sender,
            to=Person(name=recipient.name or recipient.organ_id, address=self._address),
            subject=opened.paper.headline,
            text=text,
            html=html,
            more=more,
            enclosures=opened.enclosures,
        )

    def _values(self, outgoing: Outgoing, recipient: Recipient, opened: _Opened, now: datetime) -> dict[str, object]:
        expires_at = (now + self._office.link_for).replace(microsecond=0)
        subject = Subject(package_id=PackageId(outgoing.package_id), organ_id=recipient.organ_id, expires_at=expires_at)
        is_document = outgoing.kind is PackageKind.DOCUMENT
        confirm = self._office.link("confirm", Purpose.CONFIRM, subject) if is_document else ""
        attached = bool(opened.enclosures)
        shown = replace(opened.paper, files=opened.paper.files[:_LISTED_FILES])
        return {
            "paper": shown,
            "node_name": self._office.node_name,
            "receiver": recipient.name or recipient.organ_id,
            "attached": attached,
            "package_name": _package_name(outgoing),
            "package_size": size_text(outgoing.size_bytes),
            "package_id": outgoing.package_id,
            "files_link": self._office.link("files", Purpose.FILES, subject) if not attached else "",
            "confirm_link": confirm,
            "confirm_word": _CONFIRM_WORDS[opened.paper.business] if opened.paper.business is not None else "",
            "link_until": moment_text(expires_at),
            "steps": _steps(opened.paper, attached=attached, linked=bool(confirm)),
        }

    async def poll(self) -> tuple[Incoming, ...]:
        """A mailbox has no list for us."""
        return ()

    def fetch(self, item: Incoming) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A mailbox has no list for us."""
        raise PeerUnreachable(f"a mailbox has no item {item.ref}")

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """A mailbox has no list for us."""

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:  # noqa: ARG002 - the port's signature
        """A mailbox does not tell."""
        return ()

    async def health(self) -> None:
        """Connect, secure and log in at the mail server."""
        async with asyncio.timeout(self._office.server.total_s), Session(self._office.server) as session:
            await session.open()

    async def close(self) -> None:
        """Each mail has a connection of its own: there is nothing to let go of."""


_CONFIRM_WORDS = {
    BusinessType.NEW: "Mở trang xác nhận",
    BusinessType.REPLACE: "Mở trang xác nhận",
    BusinessType.RECALL: "Trả lời yêu cầu thu hồi",
    BusinessType.UPDATE: "Trả lời yêu cầu cập nhật",
}


def _package_name(outgoing: Outgoing) -> str:
    return f"goi-tin-{outgoing.package_id}.edxml"


def _steps(said: Paper, *, attached: bool, linked: bool) -> tuple[str, ...]:
    """What the receiver should do. Norm: QĐ 28/2018/QĐ-TTg Art. 6, Art. 9."""
    if said.business is None:
        return ()
    steps = []
    if said.urgency:
        steps.append("Xử lý ngay: bên gửi xác định độ khẩn của văn bản này.")
    if said.business in {BusinessType.NEW, BusinessType.REPLACE}:
        steps.append("Mở các tệp kèm theo và kiểm tra." if attached else "Tải văn bản về và kiểm tra.")
        if linked:
            steps.append("Mở trang xác nhận, chọn “Tiếp nhận”, hoặc “Từ chối” và nêu lý do (sai thẩm quyền, lỗi tệp…).")
        steps.append("Vào sổ văn bản đến và xử lý theo quy chế của đơn vị.")
    elif said.business is BusinessType.RECALL:
        steps.append("Ngừng xử lý và hủy văn bản bị thu hồi đã nhận trước đó.")
        if linked:
            steps.append("Mở trang trả lời, chọn “Đồng ý”, hoặc “Không đồng ý” và nêu lý do.")
    else:
        steps.append("Đối chiếu và cập nhật văn bản đã nhận trước đó.")
        if linked:
            steps.append("Mở trang trả lời, chọn “Đồng ý”, hoặc “Không đồng ý” và nêu lý do.")
    return tuple(steps)
