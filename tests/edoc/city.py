"""A city's exchange behind its SOAP front, over real HTTP; requests byte by byte, as others write them."""

import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from aiohttp import ClientSession, web
from lxml import etree

from adapters.edoc.server import EdocFront, EdocOptions, routes_of
from axis.edxml.model import DocumentPackage, Limits
from axis.edxml.reader import read
from axis.edxml.v1 import V1_NAMESPACE, write_document
from axis.exchange.service import Exchange
from axis.store import queries, systems
from axis.store.records import Original
from axis.web.middleware import catch_errors, identify, mark_started
from tests.exchange.harness import Node

LIMITS = Limits(package_bytes=4 << 20)
SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
NS = {"e": V1_NAMESPACE, "s11": SOAP_11, "s12": SOAP_12}
YTE, XD, PHUONG = "dms-yte", "dms-xd", "dms-phuong"  # Sở Y tế, Sở Xây dựng, UBND phường
ORGAN = {YTE: "H24.11", XD: "H24.15", PHUONG: "H24.88"}
CRLF = "\r\n"


def token_of(system_id: str) -> str:
    """The token of a test's system."""
    return f"secret-{system_id}"


@dataclass(frozen=True)
class Answer:
    """A response, taken apart."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def root(self) -> etree._Element:
        """The envelope; of a multipart body, its first part's."""
        raw = self.body
        if raw.startswith(b"--"):
            raw = self.parts[0][1]
        return etree.fromstring(raw)

    @property
    def parts(self) -> list[tuple[dict[str, str], bytes]]:
        """The parts of a multipart body: headers and raw content, split the plain way."""
        boundary = self.headers["Content-Type"].partition('boundary="')[2].partition('"')[0].encode()
        found = []
        for chunk in self.body.split(b"--" + boundary)[1:-1]:
            head, _, content = chunk.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            lines = (line.partition(": ") for line in head.decode().split("\r\n"))
            found.append(({name: value for name, _, value in lines}, content.removesuffix(b"\r\n")))
        return found

    @property
    def files(self) -> dict[str, bytes]:
        """Files by Content-ID without brackets."""
        return {
            headers["Content-ID"].strip("<>"): base64.b64decode(content, validate=False)
            for headers, content in self.parts[1:]
        }

    def texts(self, path: str) -> list[str]:
        """Texts of elements; names without a prefix are edXML's."""
        steps = "/".join(f"e:{step}" if ":" not in step else step for step in path.split("/"))
        return [node.text or "" for node in self.root.findall(f".//{steps}", NS)]

    @property
    def ok(self) -> bool:
        """Whether the Report says yes."""
        return self.status == 200 and self.texts("Report/IsSuccess") == ["true"]

    @property
    def code(self) -> str:
        """The dialect's code of a Report that says no."""
        assert self.status == 200, (self.status, self.body)
        assert self.texts("Report/IsSuccess") == ["false"]
        return self.texts("Report/ErrorList/Error/Code")[0]

    @property
    def why(self) -> str:
        """Our own code in a Report or a fault."""
        words = self.texts("Report/ErrorList/Error/Description")
        return words[0].partition(":")[0] if words else self.fault[1]

    @property
    def fault(self) -> tuple[str, str]:
        """SOAP's word and our code."""
        for version, path in ((SOAP_11, "faultcode"), (SOAP_12, f"{{{SOAP_12}}}Code/{{{SOAP_12}}}Value")):
            found = self.root.find(f".//{{{version}}}Fault")
            if found is not None:
                return str(found.findtext(path)).partition(":")[2], self.texts("Error/Code")[0]
        raise AssertionError(self.body)


@dataclass
class SoapCity:
    """A node behind its front."""

    node: Node
    url: str
    session: ClientSession
    data_dir: Path
    headers: dict[str, str] = field(default_factory=dict)

    async def post(
        self, body: bytes, *, content_type: str = "text/xml; charset=utf-8", action: str | None = None, **more: str
    ) -> Answer:
        """One request as its bytes."""
        headers = {"Content-Type": content_type, **({} if action is None else {"SOAPAction": action}), **more}
        async with self.session.post(f"{self.url}/edoc", data=BytesIO(body), headers=headers) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def send(
        self, document: DocumentPackage, by: str = YTE, *, files: Mapping[str, bytes] | None = None, **more: str
    ) -> Answer:
        """Hand a document in as SOAP with attachments. files: Content-ID → content."""
        given = {"1@dms": b"%PDF-1.7 cong van"} if files is None else files
        content_type, body = swa(send_envelope(document, by, given), given)
        return await self.post(body, content_type=content_type, action=more.pop("action", "SendDocument"), **more)

    async def ask(self, action: str, by: str = YTE, **fields: str) -> Answer:
        """An operation whose credentials stand in its body."""
        return await self.post(envelope(asked(action, by, **fields)), action=action)

    async def pending(self, by: str) -> list[str]:
        """Ids in a system's list."""
        answer = await self.ask("GetPendingDocumentIds", by)
        assert answer.ok, answer.body
        return answer.texts("DocumentIds/DocumentId")

    async def stored(self, package_id: str) -> DocumentPackage:
        """A package as the store has it, read anew."""
        package = await self.node.store.read(lambda c: queries.package(c, package_id))
        assert package is not None
        read_back = read(await self.node.store.blobs.read_bytes(package.sha256_hex))
        assert isinstance(read_back, DocumentPackage)
        return read_back

    async def original(self, package_id: str) -> tuple[Original, bytes]:
        """What a package was made from."""
        found = await self.node.store.read(lambda c: queries.original(c, package_id))
        assert found is not None
        return found, await self.node.store.blobs.read_bytes(found.sha256_hex)

    def temporary_files(self) -> list[Path]:
        """What a call left on the disk."""
        return list(self.data_dir.rglob("run-*/*"))

    async def is_untouched(self) -> bool:
        """Whether no package, no blob and no temporary file is there."""
        rows = [await self.node.count(table) for table in ("package", "document", "blob", "leaf", "original")]
        return not any(rows) and not self.temporary_files()


@asynccontextmanager
async def serving(
    node: Node, data_dir: Path, exchange: Exchange | None = None, **changes: object
) -> AsyncIterator[SoapCity]:
    """A node's front on loopback."""
    values: dict[str, object] = {
        "pending_items": 200,
        "limits": LIMITS,
        "temporary": node.store.temporary,
        "body_idle_s": 20.0,
        **changes,
    }
    options = EdocOptions(**values)  # type: ignore[arg-type]
    front = EdocFront(exchange or node.exchange, node.store.spool, node.clock, options)
    app = web.Application()
    app.middlewares.extend((identify(node.clock), catch_errors(lambda _, notice: web.Response(status=notice.status))))
    app.on_response_prepare.append(mark_started)
    app.add_routes(routes_of(front))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        async with ClientSession() as session:
            yield SoapCity(node, f"http://{host}:{port}", session, data_dir)
    finally:
        await runner.cleanup()


async def speak_edoc(node: Node) -> None:
    """Let the harness's systems call by this front."""
    await node.store.write(lambda c: c.exec_driver_sql("UPDATE system SET front = 'edoc'"))
    await node.store.write(lambda c: systems.set_enabled(c, YTE, node.clock.now(), "test", enabled=True))
    await node.directory.refresh()


# ── Requests as clients write them ──────────────────────────────────────────────────────────────────────────────


def envelope(body: str, header: str = "", version: str = SOAP_11) -> bytes:
    """An envelope; the prefix edXML is there."""
    return (
        f'<SOAP-ENV:Envelope xmlns:SOAP-ENV="{version}" xmlns:edXML="{V1_NAMESPACE}" '
        f'xmlns:xlink="http://www.w3.org/1999/xlink"><SOAP-ENV:Header>{header}</SOAP-ENV:Header>'
        f"<SOAP-ENV:Body>{body}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def asked(action: str, by: str, **fields: str) -> str:
    """The body of an operation, without a namespace, as clients write it."""
    name = f"{action}Request" if action in ("GetPendingDocumentIds", "GetDocument") else action
    values = {"OrganId": ORGAN.get(by, by), "Token": token_of(by), **fields}
    inside = "".join(f"<{key}>{value}</{key}>" for key, value in values.items())
    return f"<{name}>{inside}</{name}>"


def signature(by: str, token: str | None = None, organ: str | None = None) -> str:
    """The header's Signature, which is none."""
    return (
        f"<edXML:Signature><edXML:KeyInfo><edXML:OrganId>{organ or ORGAN[by]}</edXML:OrganId>"
        f"<edXML:Token>{token or token_of(by)}</edXML:Token></edXML:KeyInfo></edXML:Signature>"
    )


def manifest(files: Mapping[str, bytes], *, inline: bool = False) -> str:
    """The Manifest of files, by Content-ID."""
    references = "".join(
        f'<edXML:Reference xlink:href="cid:{cid}"><edXML:AttachmentName>Công văn {number}.pdf</edXML:AttachmentName>'
        "<edXML:Description>tệp chính</edXML:Description>"
        + (f"<edXML:Content>{base64.b64encode(content).decode()}</edXML:Content>" if inline else "")
        + "</edXML:Reference>"
        for number, (cid, content) in enumerate(files.items(), 1)
    )
    return f"<edXML:Manifest>{references}</edXML:Manifest>"


def send_envelope(
    document: DocumentPackage,
    by: str,
    files: Mapping[str, bytes],
    *,
    inline: bool = False,
    version: str = SOAP_11,
    sign: str | None = None,
) -> bytes:
    """The envelope of SendDocument."""
    header = write_document(document.header) + "<edXML:ErrorList/>" + (signature(by) if sign is None else sign)
    return envelope(manifest(files, inline=inline), header, version)


def swa(
    root: bytes,
    files: Mapping[str, bytes],
    *,
    boundary: str = "----=_Part_0_1",
    start: str = "Start",
    encoding: str = "base64",
    end: str = "--",
) -> tuple[str, bytes]:
    """SOAP with attachments: Content-Type and body, as the known client writes them."""
    out = f"--{boundary}{CRLF}Content-Type: text/xml; charset=utf-8{CRLF}Content-Transfer-Encoding: 8bit{CRLF}"
    body = f"{out}Content-ID:<Start>{CRLF}{CRLF}".encode() + root
    for cid, content in files.items():
        text = base64.encodebytes(content) if encoding == "base64" else content
        head = f"{CRLF}--{boundary}{CRLF}Content-Type: application/pdf{CRLF}"
        head += f"Content-Transfer-Encoding: {encoding}{CRLF}Content-ID: <{cid}>{CRLF}{CRLF}"
        body += head.encode() + text
    body += f"{CRLF}--{boundary}{end}{CRLF}".encode()
    return f'multipart/related; type="text/xml"; boundary="{boundary}"; start="{start}"', body


def status_body(
    code: str, document_id: str, *, sender: str = "H24.15", to: str = "H24.11", prefix: str = "", **more: str
) -> str:
    """A Status, without a namespace unless a prefix is given."""
    p = prefix
    about = {"OrganId": to, "Code": "101/SYT-VP", "PromulgationDate": "2026/11/24", "DocumentId": document_id}
    inside = "".join(f"<{p}{key}>{value}</{p}{key}>" for key, value in about.items())
    rest = {"StatusCode": code, "Description": "văn thư", "Timestamp": "2026/11/24 09:00:00", **more}
    return (
        f"<{p}Status><{p}From><{p}OrganId>{sender}</{p}OrganId></{p}From><{p}ResponseFor>{inside}</{p}ResponseFor>"
        f"<{p}StaffInfo><{p}Department>Văn thư</{p}Department><{p}Staff>Lê Văn C</{p}Staff></{p}StaffInfo>"
        + "".join(f"<{p}{key}>{value}</{p}{key}>" for key, value in rest.items())
        + f"</{p}Status>"
    )
