"""A package to an organisation that has only a mailbox: by a real node, through a real mail server."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp

from axis.delivery.partner import Partner
from axis.edxml.model import DocumentPackage, OtherInfo
from axis.edxml.writer import to_bytes
from axis.exchange.values import Source
from axis.ids import SystemId
from axis.ops.access import Connecting, open_access
from axis.serve import Node, start_node
from axis.settings import Settings
from axis.store import queries, registry
from axis.store.registry import OrganRow
from axis.terms import Origin
from tests.exchange.harness import a_document, a_file, an_act
from tests.mail.servers import HOST, PostOffice, post_office
from tests.nodes import CLOCK, Blueprint, lay_out

WARD, CODE, ADDRESS = "mail-h24-88", "H24.88", "vanthu@giavien.invalid"
DRAWING = a_file(b"\x89PNG\r\n\x1a\n" + bytes(5000), "../Bản vẽ số 1.png")


@dataclass
class World:
    """A node with a mailbox, and the mail server that it uses."""

    node: Node
    office: PostOffice
    port: int

    async def send(self, package: DocumentPackage | bytes, system_id: str = "dms-yte") -> str:
        raw = package if isinstance(package, bytes) else to_bytes(package)
        async with self.node.store.spool(limit_bytes=1 << 30) as spool:
            await spool.write(raw)
            source = Source(system_id=SystemId(system_id), origin=Origin.LOCAL)
            return (await self.node.exchange.accept(source, await spool.finish())).package_id

    async def mails(self, count: int) -> list[EmailMessage]:
        async with asyncio.timeout(40):
            while len(self.office.mails) < count:  # noqa: ASYNC110 - the server runs in a node
                await asyncio.sleep(0.05)
        return [self.office.read(number) for number in range(count)]

    async def state(self, package_id: str, *, until: str) -> str:
        """The transport state, once it is what it should become."""
        async with asyncio.timeout(40):
            while True:
                rows = await self.node.store.read(lambda c: queries.consignments(c, package_id))
                state = next(row.state.value for row in rows if row.receiver_organ == CODE)
                if state == until:
                    return state
                await asyncio.sleep(0.05)

    async def status(self, package_id: str) -> str | None:
        def read(conn: Any) -> str | None:
            package = queries.package(conn, package_id)
            assert package is not None
            delivery = queries.delivery(conn, package.document_uid or "", CODE)
            return delivery.status_code if delivery else None

        return await self.node.store.read(read)

    async def error(self, package_id: str) -> str:
        rows = await self.node.store.read(lambda c: queries.consignments(c, package_id))
        return next(row.last_error or "" for row in rows if row.receiver_organ == CODE)


def links_in(message: EmailMessage, page: str = "confirm") -> list[str]:
    """The links of a mail, in both its texts."""
    texts = [message.get_body((kind,)) for kind in ("plain", "html")]
    found = {
        link
        for text in texts
        if text
        for link in re.findall(rf"http://[^\s\"<]+/mail/{page}/[\w-]+", text.get_content())
    }
    return sorted(found)


def files_in(message: EmailMessage) -> dict[str, bytes]:
    return {part.get_filename() or "": part.get_content() for part in message.iter_attachments()}


@asynccontextmanager
async def world(folder: Path, more: Mapping[str, object] = {}, **office_options: Any) -> AsyncIterator[World]:
    async with post_office(**office_options) as (office, port):
        settings = await prepared(folder, port, more)
        node = await start_node(settings)
        try:
            yield World(node=node, office=office, port=port)
        finally:
            await node.stop()


async def prepared(folder: Path, port: int, more: Mapping[str, object] = {}) -> Settings:
    mail = {
        "smtp_host": HOST,
        "smtp_port": port,
        "smtp_security": "none",
        "from_address": "truc@truc.invalid",
        "timeout_s": 10.0,
        "public_url": "http://truc.invalid",
        **more,
    }
    plan = Blueprint(
        systems={"dms-yte": ("H24.11",), "dms-xd": ("H24.15",)},
        signatures="off",
        more={key if "." in key else f"mail.{key}": value for key, value in mail.items()}
        | {"exchange.retry_delays_s": [1]},
    )
    settings = await lay_out(folder, plan)
    async with open_access(settings) as access:
        pushed = Partner(partner_id=WARD, adapter="mail", options={"address": ADDRESS})
        wish = Connecting(system_id=WARD, name="Hộp thư phường", serves=(CODE,), pushed=pushed)
        await access.connect(wish, CLOCK.now(), "test")
    return settings


async def test_a_document_comes_as_a_mail_with_its_files_and_the_package(tmp_path: Path) -> None:
    document = a_document(
        CODE, "H24.15", files=(a_file(), DRAWING), due_date="2026/12/01", other=OtherInfo(priority="3")
    )
    async with world(tmp_path / "node") as here:
        package_id = await here.send(document)
        (message,) = await here.mails(1)
        await here.state(package_id, until="handed_over")
    assert message["Subject"].startswith("[Hỏa tốc] Văn bản đến 101/SYT-VP: V/v tăng cường phòng, chống dịch")
    assert message["To"].addresses[0].addr_spec == ADDRESS
    assert message["To"].addresses[0].display_name == "UBND phường Gia Viên"
    assert message["X-Axis-Package"] == package_id
    assert message["Message-ID"] == f"<{message['X-Axis-Mark']}@truc.invalid>"
    assert message["X-Axis-Mark"].startswith(package_id.lower())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Importance"] == "high"
    files = files_in(message)
    assert files["cong-van.pdf"] == b"%PDF-1.7 cong van"
    assert files["_Bản vẽ số 1.png"] == b"\x89PNG\r\n\x1a\n" + bytes(5000)
    assert files[f"goi-tin-{package_id}.edxml"] == to_bytes(document)
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        text = body.get_content()
        for word in (
            "Cơ quan H24.11 (H24.11)",
            "01/12/2026",
            "Hỏa tốc",
            "UBND phường Gia Viên",
            "Tiếp nhận",
            "Từ chối",
        ):
            assert word in text, (kind, word)
    assert len(links_in(message)) == 1


async def test_what_a_stranger_wrote_is_text_in_the_mail(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\u202e"
    async with world(tmp_path / "node") as here:
        await here.send(a_document(CODE, subject=evil, files=(a_file(name=evil + ".pdf"),)))
        (message,) = await here.mails(1)
    html = message.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "\u202e" not in html.get_content()


async def test_a_large_document_comes_as_links(tmp_path: Path) -> None:
    document = a_document(CODE, files=(a_file(b"%PDF-1.7\n" + b"x\n" * 400_000),))
    async with world(tmp_path / "node", {"attach_bytes": 500_000}) as here:
        package_id = await here.send(document)
        (message,) = await here.mails(1)
        (link,) = links_in(message, "files")
        path = link.removeprefix("http://truc.invalid")
        async with aiohttp.ClientSession(here.node.url) as session:
            page = await session.get(path)
            text = await page.text()
            package = await (await session.get(f"{path}/package")).read()
            answer = await session.get(f"{path}/0")
            file = await answer.read()
    assert len(here.office.mails[0]) < 100_000
    assert not files_in(message)
    assert "quá lớn" in str(message.get_body(("plain",))) or "quá lớn" in message.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert (page.status, "cong-van.pdf" in text, package_id in text) == (200, True, True)
    assert package == to_bytes(document)
    assert file == b"%PDF-1.7\n" + b"x\n" * 400_000
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")


async def test_a_mail_server_that_takes_only_short_mails_gets_links(tmp_path: Path) -> None:
    document = a_document(CODE, files=(a_file(b"%PDF-1.7\n" + b"x\n" * 400_000),))
    async with world(tmp_path / "node", data_size_limit=300_000) as here:
        package_id = await here.send(document)
        (message,) = await here.mails(1)
        await here.state(package_id, until="handed_over")
    assert not files_in(message)
    assert len(links_in(message, "files")) == 1


async def test_a_refused_receiver_is_dead_with_the_reason(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        here.office.say["RCPT"] = ["550 5.1.1 no such user here"] * 5
        package_id = await here.send(a_document(CODE))
        await here.state(package_id, until="dead")
        assert "no such user here" in await here.error(package_id)
        assert len(here.office.say["RCPT"]) == 4  # asked once


async def test_what_is_put_off_is_tried_again_under_the_same_message_id(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        here.office.say["RCPT"] = ["450 4.7.1 greylisted"]
        here.office.say["DATA"] = ["451 4.3.0 try again"]
        package_id = await here.send(a_document(CODE))
        await here.mails(1)
        await here.state(package_id, until="handed_over")
        again = here.office.read()["Message-ID"]
        assert again == f"<{again[1:-1]}>"
    assert len(here.office.mails) == 1
    assert not here.office.say["RCPT"]
    assert not here.office.say["DATA"]


async def test_a_connection_that_breaks_after_the_mail_was_taken_sends_the_same_again(tmp_path: Path) -> None:
    """Nobody can know whether it was taken: it goes again, and is the same mail by its Message-ID."""
    async with world(tmp_path / "node") as here:
        real, hangs = here.office.handle_DATA, [True]

        async def broken(server: Any, session: Any, envelope: Any) -> str:
            answer = await real(server, session, envelope)
            if hangs:
                hangs.pop()
                server.transport.abort()
            return answer

        here.office.handle_DATA = broken  # type: ignore[method-assign]
        package_id = await here.send(a_document(CODE))
        first, second = await here.mails(2)
        await here.state(package_id, until="handed_over")
        assert first["Message-ID"] == second["Message-ID"]
        assert files_in(first) == files_in(second)
        await asyncio.sleep(1.5)
        assert len(here.office.mails) == 2


async def test_a_recall_comes_as_a_mail_of_its_own(tmp_path: Path) -> None:
    document = a_document(CODE)
    async with world(tmp_path / "node") as here:
        package_id = await here.send(document)
        await here.state(package_id, until="handed_over")
        await here.send(an_act(document, "1"))
        messages = await here.mails(2)
    assert messages[1]["Subject"].startswith("Thu hồi văn bản 101/SYT-VP")
    plain = messages[1].get_body(("plain",))
    assert plain is not None
    assert "có sai sót" in plain.get_content()
    assert "hủy văn bản" in plain.get_content()
    assert messages[0]["Message-ID"] != messages[1]["Message-ID"]


async def test_a_mailbox_serves_its_units_too_each_with_a_mail(tmp_path: Path) -> None:
    async with world(tmp_path / "node") as here:
        row = OrganRow(code="H24.88.1", name="Trạm Y tế phường", parent=CODE)
        await here.node.store.write(lambda c: registry.import_organs(c, [row], CLOCK.now(), "test"))
        await asyncio.sleep(1.0)
        await here.send(a_document(CODE, "H24.88.1"))
        messages = await here.mails(2)
    assert {message["To"].addresses[0].display_name for message in messages} == {
        "UBND phường Gia Viên",
        "Trạm Y tế phường",
    }
    assert len({message["Message-ID"] for message in messages}) == 2


async def test_without_a_public_address_a_mail_has_no_link_and_says_what_to_do(tmp_path: Path) -> None:
    async with world(tmp_path / "node", {"public_url": "", "attach_bytes": 10}) as here:
        await here.send(a_document(CODE))
        (message,) = await here.mails(1)
    html = message.get_body(("html",))
    assert html is not None
    assert "/mail/" not in html.get_content()
    assert "liên hệ quản trị trục" in html.get_content()


async def test_return_path_bears_the_mark_where_the_server_can(tmp_path: Path) -> None:
    async with world(tmp_path / "node", {"bounce_address": "loi+{}@truc.invalid"}) as here:
        await here.send(a_document(CODE))
        (message,) = await here.mails(1)
    assert here.office.return_paths == [f"loi+{message['X-Axis-Mark']}@truc.invalid"]
