"""Doubles of what is called: software behind files or a webhook; a clerk with a mailbox."""

import asyncio
import html
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from email.message import EmailMessage
from itertools import count
from pathlib import Path

from aiohttp import ClientSession, web

from axis.edxml.dates import read_date
from axis.edxml.model import DocumentPackage, StatusPackage
from axis.edxml.reader import read
from axis.edxml.rules import business_type
from axis.kit.session import Session
from axis.terms import PackageKind
from tests.kit.dms import ApiLine
from tests.mail.servers import PostOffice


class FilesLine:
    """Packages as files; statuses are written as JSON. It blocks, in the test's own loop."""

    def __init__(self, root: Path) -> None:
        self._to, self._from = root / "to-dms", root / "from-dms"
        self._numbers = count(1)

    async def listed(self) -> Sequence[tuple[str, str]]:
        found = []
        for path in sorted(self._to.glob("*.json")) if self._to.exists() else ():
            with suppress(FileNotFoundError):
                found.append((path.stem, json.loads(path.read_text("utf-8"))["kind"]))
        return found

    async def fetch(self, package_id: str) -> bytes:
        return (self._to / f"{package_id}.edxml").read_bytes()

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        assert word == "done"
        for path in sorted(self._to.glob(f"{package_id}.*"), key=lambda one: one.suffix == ".json"):
            path.unlink()

    async def send(self, raw: bytes, kind: PackageKind) -> None:
        name = f"{next(self._numbers):04}"
        if kind is PackageKind.STATUS:
            name, raw = f"{name}.json", json.dumps(_as_json(raw)).encode()
        else:
            name = f"{name}.edxml"
        while not self._from.exists():  # noqa: ASYNC110 - the node makes it
            await asyncio.sleep(0.05)
        draft = self._from / f"{name}.tmp"
        draft.write_bytes(raw)
        draft.rename(self._from / name)

    async def close(self) -> None:
        """Nothing is open."""


def _as_json(raw: bytes) -> dict[str, object]:
    package = read(raw)
    assert isinstance(package, StatusPackage)
    said = package.header
    day = read_date(said.response_for.promulgation_date or "")
    about = {
        "organ_id": said.response_for.organ_id,
        "document_id": said.response_for.document_id,
        "code": said.response_for.code,
        "promulgation_date": day.isoformat() if day else None,
    }
    return {
        "kind": "status",
        "document": about,
        "organ_id": said.sender.organ_id,
        "organ_name": said.sender.organ_name,
        "status": said.status_code,
        "reason": said.description or "",
    }


class WebhookLine(ApiLine):
    """Packages are told of by events, and fetched and acknowledged by their links; sending is REST."""

    def __init__(self) -> None:
        self._events: dict[str, dict[str, object]] = {}
        self._runner: web.AppRunner | None = None

    async def listen(self) -> str:
        """Take events; returns where."""
        app = web.Application()
        app.router.add_post("/axis", self._told)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/axis"

    def log_in(self, session: Session) -> "WebhookLine":
        super().__init__(session, 30.0)
        return self

    async def _told(self, request: web.Request) -> web.Response:
        event = await request.json()
        if event["type"] == "vn.axis.package":
            self._events[event["subject"]] = event["data"]
        return web.Response(status=204)

    async def listed(self) -> Sequence[tuple[str, str]]:
        return [(package_id, str(data["kind"])) for package_id, data in list(self._events.items())]

    async def fetch(self, package_id: str) -> bytes:
        async with self._http.get(self._link(package_id)) as answer:
            answer.raise_for_status()
            return await answer.read()

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        assert word == "done"
        async with self._http.post(self._link(package_id)) as answer:
            answer.raise_for_status()
        del self._events[package_id]

    def _link(self, package_id: str) -> str:
        link = self._events[package_id]["link"]
        assert isinstance(link, dict)
        return str(link["url"])

    async def close(self) -> None:
        await super().close()
        assert self._runner is not None
        await self._runner.cleanup()


class MailLine:
    """A clerk: packages come by mail, statuses are said on the pages behind the links."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office
        self._packages: dict[str, bytes] = {}
        self._read = 0
        self._links: dict[tuple[str, bool], str] = {}  # by DocumentId, and whether it is of an act
        self._http = ClientSession()

    async def listed(self) -> Sequence[tuple[str, str]]:
        for number in range(self._read, len(self._office.mails)):
            await self._open(self._office.read(number))
            self._read = number + 1
        return [(package_id, read(raw).kind.value) for package_id, raw in self._packages.items()]

    async def _open(self, message: EmailMessage) -> None:
        body = message.get_body(("plain",))
        assert body is not None
        text = body.get_content()
        found = re.search(r"http://\S+/mail/confirm/[\w-]+", text)
        names = {part.get_filename() or "": part.get_content() for part in message.iter_attachments()}
        name = next((one for one in names if one.startswith("goi-tin-")), None)
        assert found is not None, text
        assert name is not None, text
        package = read(names[name])
        assert isinstance(package, DocumentPackage)
        is_act = not business_type(package.header).makes_document
        self._links[package.header.document_id or "", is_act] = found[0]
        self._packages[name.removeprefix("goi-tin-").removesuffix(".edxml")] = names[name]

    async def fetch(self, package_id: str) -> bytes:
        return self._packages[package_id]

    async def acknowledge(self, package_id: str, word: str = "done") -> None:
        """What is said on the page does that."""

    async def send(self, raw: bytes, kind: PackageKind) -> None:
        assert kind is PackageKind.STATUS
        package = read(raw)
        assert isinstance(package, StatusPackage)
        said = package.header
        link = self._links[said.response_for.document_id or "", said.status_code in ("15", "16")]
        async with self._http.get(link) as answer:
            shown = re.search(r'name="at" value="([^"]*)"', await answer.text())
            assert shown, answer.status
        form = {"at": html.unescape(shown[1]), "code": said.status_code, "reason": said.description or ""}
        async with self._http.post(link, data=form) as answer:
            answer.raise_for_status()

    async def close(self) -> None:
        await self._http.close()
