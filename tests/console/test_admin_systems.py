"""Connected systems as administrators find, connect and change them; what is secret is shown once and nowhere else."""

import asyncio
import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import func, select

from adapters.base import NodeParts, PeerParts
from adapters.checking import Trials
from axis.delivery.directory import DirectoryCache
from axis.delivery.partner import Checked, CheckedStep, Partner
from axis.errors import Busy
from axis.keys import token_digest
from axis.ops.access import Access
from axis.settings import Settings
from axis.store import api, schema, systems
from axis.store.records import System
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import Role, Scope
from axis.web.console.administering import Administering, Connections
from axis.web.console.parts import ConsoleParts
from axis.web.console.system_values import DOCS, docs_of
from tests.console.archive import Archive, Clock
from tests.console.conftest import KEY, Client, LogIn, MakeParts
from tests.console.test_login import HTML

ROOT = Path(__file__).parents[2]
HOME, NEW = "/admin/systems", "/admin/connect"
CSRF = "csrf-of-the-session"
SECRET = "bí-mật-của-dms"
SCRIPT = "<script>alert(1)</script>"
Form = Mapping[str, str]


@dataclass
class Probe:
    """Stands for the adapters: what it is asked, and what it finds."""

    asked: list[Partner] = field(default_factory=list)
    found: Checked = field(default_factory=lambda: Checked(good=True, steps=(), advice=()))

    async def __call__(self, partner: Partner) -> Checked:
        self.asked.append(partner)
        return self.found


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture(autouse=True)
async def _city(archive: Archive, store: Store, clock: Clock) -> None:
    """Two organisations with a system each: one that fetches, one that is pushed to; one organisation without."""
    await archive.organ("H24", "Thành phố Hải Bình", level=1)
    await archive.organ("H24.2", f"Sở Y tế {SCRIPT}", parent_id="H24", level=2)
    await archive.organ("H24.3", "Sở Xây dựng", parent_id="H24", level=2)
    await archive.organ("H24.4", "Sở Nội vụ", parent_id="H24", level=2)
    for name, organ, adapter in (("dms-yte", "H24.2", None), ("dms-xd", "H24.3", "folder")):
        system = System(
            system_id=name,
            name=f"Phần mềm {organ} {SCRIPT}",
            front="vxp",
            enabled=True,
            may_register=False,
            created_at=clock.at,
            adapter=adapter,
            secrets_encrypted=KEY.encrypt(json.dumps({"password": SECRET})) if adapter else None,
        )
        new = NewSystem(system=system, secret_encrypted=KEY.encrypt(SECRET), serves=(organ,))
        await store.write(lambda conn, new=new: systems.add_system(conn, new, clock.at - timedelta(days=400), "test"))


@pytest.fixture
def make_parts(make_parts: MakeParts, store: Store, clock: Clock, probe: Probe) -> MakeParts:
    """With the pages of administrators."""

    async def make(**more: Any) -> ConsoleParts:
        access = Access(settings=Settings.model_validate({"node": {"code": "H24"}}), store=store, key=KEY)
        connections = Connections(access=access, check=probe, fronts=("vxp", "edoc", "console"))
        directory = await DirectoryCache.load(store, KEY, clock)
        return await make_parts(administering=Administering(directory=directory, systems=connections), **more)

    return make


@pytest.fixture
async def admin(log_in: LogIn) -> Client:
    return await log_in(Role.ADMINISTRATOR)


async def read(client: Client, path: str, status: int = 200) -> str:
    answer = await client.get(path, headers=HTML)
    text = await answer.text()
    assert answer.status == status, text[:2_000]
    return text


async def post(client: Client, path: str, form: Form) -> ClientResponse:
    answer = await client.post(path, data={"csrf": CSRF} | dict(form), headers=HTML, allow_redirects=False)
    await answer.read()
    return answer


async def audits(store: Store, kind: str) -> list[tuple[str, dict[str, Any]]]:
    rows = await store.read(lambda conn: conn.execute(select(schema.audit)).all())
    return [(row.actor, json.loads(row.fields)) for row in rows if row.kind == kind and row.actor != "test"]


async def secrets(store: Store, system_id: str) -> list[str]:
    """The secrets of a system, oldest first."""
    rows = await store.read(systems.list_credentials)
    return [KEY.decrypt(row.secret_encrypted).decode() for row in rows if row.system_id == system_id]


async def counted(store: Store) -> tuple[int, ...]:
    """How many systems, secrets, tokens and audit rows there are."""
    tables = (schema.system, schema.credential, schema.api_token, schema.audit)
    return tuple(
        [
            (await store.read(lambda conn, t=t: conn.scalar(select(func.count()).select_from(t)))) or 0  # type: ignore[misc]
            for t in tables
        ]
    )


def shown(page: str, name: str) -> str:
    found = re.search(rf'<code id="{name}" data-copy>([^<]+)</code>', page)
    assert found, page
    return html.unescape(found[1])


async def test_the_list_says_who_is_connected_and_how_old_their_secrets_are(admin: Client) -> None:
    page = await read(admin, HOME)
    assert "dms-yte" in page
    assert "đẩy bằng folder" in page
    assert "đã cấp 400 ngày" in page
    assert "chưa lần nào" in page
    assert SECRET not in html.unescape(page)
    assert SCRIPT not in page
    found = await read(admin, f"{HOME}?q=h24.3")
    assert "dms-xd" in found
    assert "dms-yte" not in found
    assert "Hãy thử ít từ hơn" in await read(admin, f"{HOME}?q=zzz")
    assert "Không hệ thống nào đang bị khóa." in await read(admin, f"{HOME}?off=1")


async def test_a_long_list_has_pages(log_in: LogIn, archive: Archive) -> None:
    for number in range(7):
        await archive.organ(f"H24.5{number}", f"Phường {number}", parent_id="H24")
    admin = await log_in(Role.ADMINISTRATOR)
    for number in range(7):
        form = {"system_id": f"s{number}", "serves": f"H24.5{number}", "front": "vxp"}
        answer = await post(admin, NEW, form)
        assert answer.status == 200, await answer.text()
    seen, path = [], HOME
    while path:
        page = await read(admin, path)
        seen += re.findall(r'data-item>\s*<th scope="row" class="organ"><a href="/admin/systems/([\w-]+)"', page)
        more = re.search(r'href="([^"]+)" rel="next"', page)
        assert len(seen) % 5 == 0 or more is None  # a page has five
        path = html.unescape(more[1]) if more else ""
    assert seen == ["dms-xd", "dms-yte", *(f"s{number}" for number in range(7))]


async def test_one_is_connected_and_its_credentials_are_shown_once(admin: Client, store: Store) -> None:
    form = {"system_id": "dms-nv", "serves": " H24.4 ", "front": "edoc", "scope_send": "1", "scope_read": "1"}
    answer = await post(admin, NEW, form)
    page = await answer.text()
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "docs/connect/edoc.md" in page
    assert "docs/connect/rest.md" in page
    assert [shown(page, "secret")] == await secrets(store, "dms-nv")
    token = await store.read(lambda conn: api.find_token(conn, token_digest(shown(page, "token"))))
    assert token is not None
    assert (token.system_id, set(token.scopes.split())) == ("dms-nv", {Scope.SEND, Scope.READ})
    for path in (HOME, f"{HOME}/dms-nv", f"{HOME}/dms-nv?done=rotate"):
        later = await read(admin, path)
        assert shown(page, "secret") not in later
        assert shown(page, "token") not in later
    (added,), (granted,) = await audits(store, "system_added"), await audits(store, "token_added")
    assert added[1] == {"system": "dms-nv", "serves": ["H24.4"]}
    assert added[0] == granted[0] != "cli"
    before = await counted(store)
    again = await post(admin, NEW, form)  # a second click
    assert again.status == 409
    assert "Mã hệ thống đã tồn tại" in await again.text()
    assert await counted(store) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"system_id": ""}, "Hãy ghi mã hệ thống."),
        ({"system_id": "a b"}, "bad_request"),
        ({"system_id": "x" * 65}, "bad_request"),
        ({"serves": " , "}, "Hãy ghi mã của ít nhất một cơ quan."),
        ({"serves": "H24.4, H24.77"}, "Không có cơ quan mã H24.77."),
        ({"serves": "H24.2"}, "organ_in_use"),
    ],
    ids=["no-id", "bad-id", "long-id", "nobody", "unknown", "in-use"],
)
async def test_what_is_wrong_is_said_at_the_form_and_nothing_is_done(
    admin: Client, store: Store, wrong: Form, words: str
) -> None:
    before = await counted(store)
    answer = await post(
        admin, NEW, {"system_id": "neu", "serves": "H24.4", "front": "vxp", "scope_send": "1"} | dict(wrong)
    )
    page = await answer.text()
    assert answer.status == 409, page
    assert words in html.unescape(page)
    assert 'id="scope-send" name="scope_send" value="1" checked' in page  # what was typed is still there
    assert await counted(store) == before
    assert (await post(admin, NEW, {"system_id": "neu", "serves": "H24.4", "front": "ftp"})).status == 400


async def test_a_secret_is_rotated_once_whoever_clicks_twice(admin: Client, store: Store, clock: Clock) -> None:
    path = f"{HOME}/dms-yte"
    seen = re.search(r'name="seen" value="(\w+)"', await read(admin, path))
    assert seen
    form = {"do": "rotate", "seen": seen[1], "hours": "48"}
    answers = await asyncio.gather(post(admin, path, form), post(admin, path, form))
    assert sorted(answer.status for answer in answers) == [200, 409]
    page = await next(answer for answer in answers if answer.status == 200).text()
    refused = await next(answer for answer in answers if answer.status == 409).text()
    assert "state_changed" in refused
    assert await secrets(store, "dms-yte") == [SECRET, shown(page, "secret")]
    assert shown(page, "secret") not in refused + await read(admin, path)
    assert [fields for _actor, fields in await audits(store, "system_rotated")] == [
        {"system": "dms-yte", "grace_s": 48 * 3600}
    ]
    directory = await DirectoryCache.load(store, KEY, clock)
    assert len(directory.current.secrets("dms-yte", clock.at)) == 2
    assert len(directory.current.secrets("dms-yte", clock.at + timedelta(hours=49))) == 1


async def test_the_old_secret_ends_at_once_where_no_hours_are_given_it(
    admin: Client, store: Store, clock: Clock
) -> None:
    path = f"{HOME}/dms-yte"
    for hours in ("-1", "", "2161", "1e3", "99999", "٣"):
        assert (await post(admin, path, {"do": "rotate", "seen": "", "hours": hours})).status == 400
    seen = re.search(r'name="seen" value="(\w+)"', await read(admin, path))
    assert seen
    answer = await post(admin, path, {"do": "rotate", "seen": seen[1], "hours": "0"})
    assert "Khóa cũ hết hiệu lực ngay." in await answer.text()
    directory = await DirectoryCache.load(store, KEY, clock)
    assert [one.decode() for one in directory.current.secrets("dms-yte", clock.at)] == [
        shown(await answer.text(), "secret")
    ]


async def test_one_is_kept_out_and_let_in_again_and_a_second_click_does_nothing(admin: Client, store: Store) -> None:
    path = f"{HOME}/dms-yte"
    for what, enabled in (("disable", False), ("enable", True)):
        for _ in range(2):
            assert (await post(admin, path, {"do": what})).headers["Location"] == f"{path}?done={what}"
        found = {one.system_id: one.enabled for one in await store.read(systems.list_systems)}
        assert found == {"dms-yte": enabled, "dms-xd": True}
        assert len(await audits(store, f"system_{what}d")) == 1
        assert ("dms-yte" in await read(admin, f"{HOME}?off=1")) is not enabled
    assert "Đã mở kết nối." in await read(admin, f"{path}?done=enable")
    assert (await post(admin, path, {"do": "erase"})).status == 400
    assert (await post(admin, f"{HOME}/nobody", {"do": "disable"})).status == 404


async def test_a_connection_is_tried_out_and_told_in_plain_words(admin: Client, store: Store, probe: Probe) -> None:
    path = f"{HOME}/dms-xd"
    assert "Kết nối tốt" in await (await post(admin, path, {"do": "test"})).text()
    step = CheckedStep(title=("Thư mục", "Folders"), good=False, words=f"no such folder {SCRIPT}")
    probe.found = Checked(good=False, steps=(step,), advice=(("Không có thư mục.", "The folder is missing."),))
    page = await (await post(admin, path, {"do": "test"})).text()
    assert "Không có thư mục." in page
    assert "Thư mục" in page
    assert SCRIPT not in page
    assert (await post(admin, "/language", {"lang": "en", "next": "/"})).status == 303
    assert "The folder is missing." in await (await post(admin, path, {"do": "test"})).text()
    assert [partner.secrets for partner in probe.asked] == [{"password": SECRET}] * 3
    assert SECRET not in page
    assert [fields["good"] for _actor, fields in await audits(store, "system_checked")] == [True, False, False]
    assert (await post(admin, f"{HOME}/dms-yte", {"do": "test"})).status == 400  # it fetches
    assert 'value="test"' not in await read(admin, f"{HOME}/dms-yte")


def test_each_page_of_docs_that_is_named_is_there() -> None:
    for name in DOCS:
        assert docs_of(name, None, token=False) == (f"docs/connect/{name}.md",)
        assert (ROOT / f"docs/connect/{name}.md").is_file()
    assert docs_of("console", None, token=True) == ("docs/connect/rest.md",)
    assert docs_of("vxp", "somebody", token=False) == ()


async def test_trials_are_few_at_once_and_do_not_last(tmp_path: Path, clock: Clock) -> None:
    node = NodeParts(settings=Settings.model_validate({"node": {"code": "H24"}}), key=KEY, scratch=tmp_path)
    parts = PeerParts(clock=clock, node=node)
    folder = Partner(partner_id="a", adapter="folder", options={"path": str(tmp_path / "none")})
    assert not (await Trials(parts).check(folder)).good
    trials, over = Trials(parts, wait_s=0.2), asyncio.Event()
    heard: list[asyncio.Task[Any] | None] = []

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(asyncio.current_task())
        await over.wait()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        options = {"endpoint": f"http://127.0.0.1:{port}", "system_id": "h24"}
        mute = Partner(partner_id="b", adapter="vxp", options=options, secrets={"secret": SECRET})
        found = await asyncio.gather(*(trials.check(mute) for _ in range(6)), return_exceptions=True)
        again = await trials.check(mute)  # there is room again
        over.set()
        await asyncio.gather(*(task for task in heard if task is not None), return_exceptions=True)
    assert sum(isinstance(one, Busy) for one in found) == 2
    assert sum(isinstance(one, Checked) and not one.good and bool(one.advice) for one in found) == 4
    assert not again.good


async def test_an_operator_reads_and_changes_nothing(log_in: LogIn, store: Store, probe: Probe) -> None:
    operator = await log_in(Role.OPERATOR)
    page = await read(operator, f"{HOME}/dms-xd")
    assert 'method="post" action="/admin' not in page
    assert NEW not in page + await read(operator, HOME)
    await read(operator, NEW, 404)
    before = await counted(store)
    for what in ("enable", "disable", "rotate", "test"):
        form = {"do": what, "seen": "", "hours": "1"}
        assert (await post(operator, f"{HOME}/dms-xd", form)).status == 404
    assert (await post(operator, NEW, {"system_id": "neu", "serves": "H24.4", "front": "vxp"})).status == 404
    assert await counted(store) == before
    assert not probe.asked


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_for_others_there_are_no_such_pages(log_in: LogIn, role: Role) -> None:
    client = await log_in(role)
    for path in (HOME, f"{HOME}/dms-xd", NEW):
        await read(client, path, 404)


async def test_a_forged_form_does_nothing(admin: Client, store: Store, probe: Probe) -> None:
    before = await counted(store)
    for what in ("enable", "disable", "rotate", "test"):
        form = {"csrf": "forged", "do": what, "seen": "", "hours": "1"}
        assert (await post(admin, f"{HOME}/dms-xd", form)).status == 403
    form = {"csrf": "forged", "system_id": "neu", "serves": "H24.4", "front": "vxp"}
    assert (await post(admin, NEW, form)).status == 403
    assert await counted(store) == before
    assert not probe.asked
