"""What holds on every route of a whole node's console: the application tells its routes, so that none escapes."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, ClientSession, FormData, web
from openpyxl import load_workbook
from sqlalchemy import select, update

from axis.ids import new_id
from axis.serve import Node
from axis.store import accounts, schema, sessions
from axis.store.records import Account, Audit, Document, Session
from axis.store.systems import list_systems
from axis.terms import Role
from axis.web.console.sessions import digest, new_token
from tests.console.archive import Archive, Clock, To, file
from tests.nodes import CLOCK, Blueprint, lay_out, running
from tests.packages import document_bytes

EVIL = "<script>alert('x')</script>\"onmouseover=\"x"
FORMULAS = ("=HYPERLINK(1)", "+1+1", "-1", "@SUM(1)")
HTML = {"Accept": "text/html"}
CSRF = "csrf-of-the-session"
OTHER_FRONTS = ("/api", "/vxp", "/edoc", "/metrics", "/webhook")
OPEN = frozenset({"/login", "/login/code", "/static/{name}", "/health/live", "/health/ready", "/limits"})
CHANGED = (
    *(schema.account, schema.act, schema.audit, schema.draft, schema.delivery, schema.saved_search),
    *(schema.organ, schema.system, schema.credential, schema.api_token),
)
WHILE_IT_CAN_BE_DONE = ("/answer", "/forward", "/return", "/recall", "/ask-back")  # no page where it cannot
NOBODY = "0" * 26


@dataclass(frozen=True, kw_only=True)
class House:
    """A node, its application, a document that one account may see and another may not."""

    node: Node
    app: web.Application
    document: Document
    owner: Account
    values: dict[str, str]  # of the routes' variable parts

    def routes(self, method: str) -> Iterator[tuple[str, str, bool]]:
        """Each route of the console: as it is written, an address of it, and whether every part of that is real."""
        for route in self.app.router.routes():
            written = route.resource.canonical if route.resource else ""
            if route.method != method or written.startswith(OTHER_FRONTS):
                continue
            names = re.findall(r"{(\w+)}", written)
            filled = re.sub(r"{(\w+)}", lambda found: self.values.get(found[1], NOBODY), written)
            yield written, filled, all(name in self.values for name in names)

    async def browser(self, account: Account | None) -> ClientSession:
        """Of somebody who is logged in, or of nobody."""
        if account is None:
            return ClientSession(self.node.url, headers=HTML)
        token, now = new_token(), CLOCK.now()
        session = Session(
            token_sha256=digest(token),
            account_id=account.account_id,
            csrf_token=CSRF,
            session_id=new_id(now),
            used_at=now,
            created_at=now,
            expires_at=now.replace(year=now.year + 1),
        )
        line = Audit(audit_id=new_id(now), at=now, kind="login", actor=account.username, fields="{}")
        await self.node.store.write(lambda conn: sessions.open_session(conn, session, line))
        return ClientSession(self.node.url, headers=HTML, cookies={"axis": token})

    async def account(self, roles: tuple[Role, ...], organ: str) -> Account:
        """A new account."""
        return await _account(self.node, roles, organ)

    async def stored(self) -> list[Any]:
        """What a form could have changed."""
        return [await self.node.store.read(lambda conn, t=t: conn.execute(select(t)).all()) for t in CHANGED]  # type: ignore[misc]


async def _account(node: Node, roles: tuple[Role, ...], organ: str) -> Account:
    now = CLOCK.now()
    account = Account(
        account_id=new_id(now),
        username=f"u{new_id(now).lower()}",
        password_hash="-",
        roles=" ".join(roles),
        enabled=True,
        created_at=now,
        full_name=EVIL,
    )
    await node.store.write(lambda conn: accounts.add_account(conn, account, (organ,)))
    return account


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    made: list[web.Application] = []
    with pytest.MonkeyPatch.context() as patch:
        real = __import__("axis.serve", fromlist=["build_app"]).build_app
        patch.setattr("axis.serve.build_app", lambda parts: made.append(real(parts)) or made[-1])
        more = {"console.totp_required_for": []}
        settings = await lay_out(tmp_path_factory.mktemp("node") / "data", Blueprint(signatures="off", more=more))
        async with running(settings) as node:
            archive = Archive(node.store, Clock(at=CLOCK.now()))
            texts = {"subject": EVIL, "code": EVIL, "sender_name": EVIL, "type_name": EVIL, "from_organ": "H24.11"}
            receiver = To("H24.15", statuses=("01",), name=EVIL)
            document = await archive.real(document_bytes(files={EVIL: b"%PDF-1.7\n%%EOF\n"}), to=[receiver], **texts)
            delivery = await archive.delivery_of(document, "H24.15")
            said = {"staff": EVIL, "department": EVIL, "description": EVIL, "reported_at": EVIL}
            await archive.status(document, delivery.delivery_id, "03", **said)
            await archive.act(document, "recall", {"H24.15": None}, reason=EVIL, files=[file(EVIL)])
            for formula in FORMULAS:
                to = [To("H24.11", statuses=("01",), name=formula)]
                wrong = {"subject": formula, "code": formula, "sender_name": formula, "from_organ": "H24.11"}
                await archive.document(to, **wrong)
            o = schema.organ
            await node.store.write(lambda c: c.execute(update(o).where(o.c.organ_id == "H24.15").values(name=EVIL)))
            owner = await _account(node, tuple(Role), "H24.11")
            values = {
                "uid": document.document_uid,
                "package_id": document.package_id,
                "position": "0",
                "account_id": owner.account_id,
                "saved_id": NOBODY,
                "box": "outbox",
                "form": "csv",
                "name": "console.css",
                "code": "H24.15",
                "system_id": (await node.store.read(list_systems))[0].system_id,
            }
            shown = House(node=node, app=made[0], document=document, owner=owner, values=values)
            async with await shown.browser(owner) as browser:
                begun = await browser.post("/compose", data={"csrf": CSRF}, allow_redirects=False)
            values["draft"] = begun.headers["Location"].rpartition("/")[2]
            yield shown


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_no_page_is_for_somebody_who_is_not_logged_in(house: House) -> None:
    asked = 0
    async with await house.browser(None) as nobody, await house.browser(house.owner) as once:
        form = {"csrf": CSRF}
        kept = once.cookie_jar.filter_cookies(once._base_url)["axis"].value  # type: ignore[arg-type]
        assert (await once.post("/logout", data=form, allow_redirects=False)).status == 303
        for written, path, _real in house.routes("GET"):
            if written in OPEN or written.startswith("/sso"):
                continue
            for headers in ({}, {"Cookie": f"axis={kept}"}):  # and of a session that was ended
                answer = await nobody.get(path, headers=headers, allow_redirects=False)
                assert answer.status in (303, 404), written
                assert answer.headers.get("Location", "/login").startswith("/login"), written
                asked += answer.status == 303
    assert asked > 60


async def test_a_forged_form_is_refused_on_every_route_and_changes_nothing(house: House) -> None:
    refused = 0
    async with await house.browser(house.owner) as browser:
        before = await house.stored()
        for written, path, real in house.routes("POST"):
            for forged in ({"csrf": "forged"}, {"csrf": ""}, {}):
                answer = await _post(browser, path, {**forged, "lang": "en", "do": "x"})
                if written == "/login/code":  # no log-in waits for its code
                    assert answer.headers["Location"] == "/login?ended=1"
                    continue
                assert answer.status == 403 or (not real and answer.status == 404), (written, answer.status)
                refused += answer.status == 403
        cross = {"Sec-Fetch-Site": "cross-site"}
        for written, path, _real in house.routes("POST"):
            answer = await _post(browser, path, {"csrf": CSRF}, cross)
            assert answer.status in (403, 404) or written == "/login/code", (written, answer.status)
        assert await house.stored() == before
    assert refused > 40


async def test_another_organisation_s_document_is_not_there_on_any_route(house: House) -> None:
    stranger = await house.account((Role.CLERK,), "H24.88")
    asked = 0
    async with await house.browser(stranger) as browser, await house.browser(house.owner) as owner:
        for method in ("GET", "HEAD", "POST"):
            for written, path, real in house.routes(method):
                if not written.startswith("/documents/{uid}"):
                    continue
                assert real, f"{written}: what is in its other parts?"
                form = {"csrf": CSRF} if method == "POST" else None
                answer = await browser.request(method, path, data=form, allow_redirects=False)
                assert answer.status == 404, (method, written)
                asked += 1
                if method == "GET" and not written.endswith(WHILE_IT_CAN_BE_DONE):
                    mine = await owner.get(path, allow_redirects=False)
                    assert mine.status != 404, f"{written}: not there for anybody"
    assert asked > 30


async def test_what_strangers_wrote_is_inert_on_every_page(house: House) -> None:
    shown = 0
    async with await house.browser(house.owner) as browser:
        for written, path, _real in house.routes("GET"):
            if written.startswith("/live") or written == "/login":
                continue
            for query in ("", f"?q={EVIL}"):
                answer = await browser.get(path + query, allow_redirects=False)
                if answer.content_type != "text/html":
                    continue
                page = await answer.text()
                shown += "&lt;script&gt;" in page
                scripts = re.findall(r"<script", page)
                assert len(scripts) == len(re.findall(r'<script src="/static/', page)), written
                assert not re.search(r"<[^>]*\son\w+=", page), written
                assert not re.search(r"<[^>]*\sstyle=", page), written
    assert shown > 15


async def test_what_strangers_wrote_is_no_formula_in_a_sheet(house: House) -> None:
    async with await house.browser(house.owner) as browser:
        cells = []
        for path in ("/inbox/export.csv", "/outbox/export.csv", "/views.csv"):
            cells += [cell for row in csv.reader(io.StringIO(await _read(await browser.get(path)))) for cell in row]
        for path in ("/inbox/export.xlsx", "/outbox/export.xlsx"):
            book = load_workbook(io.BytesIO(await (await browser.get(path)).read()))
            assert not [cell for row in book.active.iter_rows() for cell in row if cell.data_type == "f"]
            cells += [str(cell.value or "") for row in book.active.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    for formula in FORMULAS:
        assert f"'{formula}" in cells


async def _post(
    browser: ClientSession, path: str, form: dict[str, str], headers: dict[str, str] | None = None
) -> ClientResponse:
    """Send a form as its page does: with files where the route takes them."""
    answer = await browser.post(path, data=form, headers=headers, allow_redirects=False)
    if answer.status != 415:
        return answer
    with_files = FormData(form, default_to_multipart=True)
    return await browser.post(path, data=with_files, headers=headers, allow_redirects=False)


async def _read(answer: ClientResponse) -> str:
    assert answer.status == 200
    return (await answer.read()).decode("utf-8-sig")
