"""The operator's pages on a store of each kind: what they show, whom they serve, and what a second operator is told."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import ClientResponse, CookieJar
from aiohttp.test_utils import TestClient
from sqlalchemy import insert

from axis.edxml.model import Limits as PackageLimits
from axis.exchange.desk import Desk
from axis.keys import NodeKey
from axis.ops.access import Access
from axis.ops.bulk import BulkActs
from axis.ops.disk import DiskWatch, Space, Watermark
from axis.ops.storage import StorageCount
from axis.settings import Limits
from axis.settings.sections import Kpi, Mail, Server, Trust
from axis.store import queries, schema
from axis.store.records import Blob, NeedRow
from axis.store.rows import values_of
from axis.store.store import Store
from axis.terms import Role
from axis.web.app import WebParts, build_app
from axis.web.console.operating import Operating
from axis.web.console.parts import ConsoleParts
from tests.certificates import certificate, met, pem
from tests.console.conftest import KEY, RULES, Client, LogIn, MakeClient
from tests.exchange.harness import UPLINK, HeldClock, a_document, make_node
from tests.exchange.pushing import PUSHED, City
from tests.post_office import post_office
from tests.served import Served

HOSTILE = "<img src=x onerror=alert(1)>"
CSRF = "csrf-of-the-session"
ROOM = Space(free_bytes=900, total_bytes=1_000)


@dataclass
class Shop:
    """A city with its operators."""

    city: City
    access: Access
    operating: Operating
    space: Space = ROOM

    async def bulk(self) -> None:
        await BulkActs(self.access, self.city.node.clock).work()

    async def kill(self, *numbers: int) -> None:
        """Documents that the partner refuses."""
        for number in numbers:
            self.city.office.moods = ["refuse"]
            await self.city.node.send("dms-yte", a_document("H24.15", number=str(number), subject=HOSTILE))
            await self.city.work()

    async def states(self) -> list[str]:
        return [row[0] for row in await self.city.rows("SELECT state FROM consignment ORDER BY consignment_id")]


@pytest.fixture
async def shop(store: Store, tmp_path: Path) -> AsyncIterator[Shop]:
    async with post_office() as office:
        city = City(await make_node(store, tmp_path), office)
        await city.push_to(PUSHED, office)
        settings = SimpleNamespace(
            uplink=[SimpleNamespace(id=UPLINK, adapter="post", prefixes=())],
            kpi=Kpi(),
            trust=Trust(folder=tmp_path / "trust"),
            mail=Mail(),
            server=Server(),
            node=SimpleNamespace(prefixes=("H24",), neighbours=()),
        )
        access = Access(settings=settings, store=store, key=NodeKey.load(tmp_path / "node.key"))  # type: ignore[arg-type]
        mark = Watermark(min_free_bytes=10, min_free_percent=0, check_interval_s=5, retry_after_s=10)
        shops: list[Shop] = []
        disk = DiskWatch(lambda: shops[0].space if shops else ROOM, mark)
        operating = Operating(access=access, rest=city.node.context.rest, disk=disk, told=city.outbox.told)
        shops.append(Shop(city=city, access=access, operating=operating))
        yield shops[0]
        await city.partners.close()


@pytest.fixture
def clock(shop: Shop) -> HeldClock:
    """The city's."""
    return shop.city.node.clock


@pytest.fixture
async def make_client(shop: Shop, clock: HeldClock, scratch: Path) -> AsyncIterator[MakeClient]:
    """Makes browsers on the city's own console."""
    clients: list[Client] = []
    node = shop.city.node

    async def make() -> Client:
        console = ConsoleParts(
            store=node.store,
            exchange=node.exchange,
            desk=Desk(node.context, node.exchange),
            clock=clock,
            rules=RULES,
            limits=PackageLimits(),
            scratch=scratch,
            key=KEY,
            node_name="Hải Bình",
            tls=False,
            operating=shop.operating,
        )
        parts = WebParts(
            console=console, disk=shop.operating.disk, node_name="H", limits=Limits(), rest=shop.operating.rest
        )
        client: Client = TestClient(Served(build_app(parts), access_log=None), cookie_jar=CookieJar(unsafe=True))
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def operator(log_in: LogIn) -> Client:
    return await log_in(Role.OPERATOR)


@pytest.fixture
async def second(log_in: LogIn) -> Client:
    return await log_in(Role.ADMINISTRATOR)


async def text(client: Client, path: str, status: int = 200) -> str:
    async with client.get(path) as answer:
        body = await answer.text()
        assert answer.status == status, body
        return body


async def post(client: Client, path: str, csrf: str = CSRF, **form: str) -> ClientResponse:
    return await client.post(path, data={"csrf": csrf, **form}, allow_redirects=False)


async def test_the_home_says_what_is_wrong(shop: Shop, operator: Client) -> None:
    assert "Không có gì bất thường" in await text(operator, "/operator")
    await shop.kill(1, 2)
    page = await text(operator, "/operator")
    assert "2 lượt chuyển không chuyển được" in page
    assert f'href="/operator/partners/{PUSHED}"' in page


async def test_the_home_and_the_partners_page_tell_which_certificates_end(shop: Shop, operator: Client) -> None:
    now, store = shop.city.node.clock.now(), shop.city.node.store
    ours = met(certificate(HOSTILE, now + timedelta(days=-2, hours=1)), organ="H24.15")
    rows = [values_of(ours), values_of(met(certificate("Bộ Tư pháp", now + timedelta(days=40, hours=1)), organ="G15"))]
    await store.write(lambda c: c.execute(insert(schema.certificate), rows))
    home = await text(operator, "/operator")
    assert "2 chứng thư hết hạn trong 60 ngày tới hoặc vừa hết hạn" in home
    assert "Đã hết hạn 2 ngày" in home
    assert "Còn 40 ngày" in home
    assert HOSTILE not in home
    page = await text(operator, f"/operator/partners/{PUSHED}")
    assert ("Đã hết hạn 2 ngày" in page, "Còn 40 ngày" in page) == (True, False)
    assert "Còn 40 ngày" in await text(operator, f"/operator/partners/{UPLINK}")
    folder = shop.access.settings.trust.folder
    assert folder is not None
    folder.mkdir(exist_ok=True)
    (folder / "root.pem").write_bytes(pem(certificate("Gốc cũ", now + timedelta(days=13), authority=True)))
    assert "Sự cố" not in await text(operator, "/operator")
    (folder / "root.pem").write_bytes(pem(certificate("Gốc cũ", now + timedelta(days=-1), authority=True)))
    home = await text(operator, "/operator")
    assert "Sự cố" in home
    assert "1 chứng thư của trục đã hết hạn hoặc còn dưới 14 ngày: Gốc cũ" in home
    assert home.index("Gốc cũ") < home.index("Bộ Tư pháp")
    (folder / "root.pem").write_text("hỏng")
    assert "Không đọc được chứng thư" in await text(operator, "/operator")


async def test_the_home_tells_what_waits_and_what_to_do_once_it_is_late(shop: Shop, operator: Client) -> None:
    assert "Không có gì chờ." in await text(operator, "/operator")
    clock, store = shop.city.node.clock, shop.city.node.store
    need = NeedRow(
        need_id="x" * 64,
        kind="crl",
        url="http://crl.invalid/a.crl",
        certificate_sha256="",
        issuer_sha256="",
        first_at=clock.now(),
        due_at=clock.now(),
    )
    await store.write(lambda c: queries.note_needs(c, [need]))
    page = await text(operator, "/operator")
    assert ("Chứng cứ chờ dịch vụ CRL" in page, "axis cert owed" in page, "Theo kịp" in page) == (True, False, True)
    clock.advance(days=1, minutes=1)
    page = await text(operator, "/operator")
    assert "Chứng cứ chờ dịch vụ CRL, OCSP, dấu thời gian: 1, lâu nhất 24 giờ" in page
    assert "axis cert owed" in page


async def test_the_home_tells_how_full_the_node_is(shop: Shop, operator: Client) -> None:
    page = await text(operator, "/operator")
    assert "Chưa đếm" in page
    assert "Ổ đĩa sắp đầy" not in page
    blob = Blob(sha256_hex="a" * 64, size_bytes=3_000_000, content=None, created_at=shop.city.node.clock.now())
    await shop.city.node.store.write(lambda c: c.execute(insert(schema.blob), values_of(blob)))
    await StorageCount(shop.city.node.store, shop.city.node.clock).run()
    assert "1 mục trong thư mục tệp, 2,9\u00a0MB" in await text(operator, "/operator")
    shop.space = Space(free_bytes=15, total_bytes=1_000)  # the mark is 10
    shop.operating.disk.observe()
    page = await text(operator, "/operator")
    assert "Ổ đĩa sắp đầy" in page
    assert "trước khi trục ngừng nhận" in page
    shop.space = Space(free_bytes=5, total_bytes=1_000)
    shop.operating.disk.observe()
    page = await text(operator, "/operator")
    assert "Ổ đĩa gần đầy: trục đã ngừng nhận gói tin" in page
    assert "Ổ đĩa sắp đầy" not in page


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_find_nothing_there(log_in: LogIn, role: Role) -> None:
    client = await log_in(role)
    for path in ("/operator", "/operator/queue", f"/operator/partners/{PUSHED}"):
        await text(client, path, 404)
    for path in ("/operator/maintenance/on", "/operator/queue/act", f"/operator/partners/{PUSHED}/pause"):
        assert (await post(client, path, reason="x", hours="1")).status == 404


async def test_a_forged_form_does_nothing(shop: Shop, operator: Client) -> None:
    await shop.kill(1)
    for path, form in (
        ("/operator/maintenance/on", {"reason": "x", "hours": "1"}),
        (f"/operator/partners/{PUSHED}/pause", {"reason": "x", "hours": "1"}),
        ("/operator/queue/preview", {"act": "cancel", "all": "1"}),
        ("/operator/queue/act", {"act": "cancel", "all": "1", "why": "x"}),
    ):
        assert (await post(operator, path, "forged", **form)).status == 403, path
    await shop.bulk()
    assert await shop.states() == ["dead"]
    assert await shop.city.node.count("maintenance") == 0
    assert await shop.city.node.count("downtime") == 0


async def test_what_is_not_there_is_404(operator: Client) -> None:
    await text(operator, "/operator/partners/nobody", 404)
    await text(operator, "/operator/queue/acts/01M885S4RDQ9ST3ATFDXKJCW6Z", 404)
    assert (await post(operator, "/operator/partners/nobody/pause", reason="x", hours="1", seen="")).status == 404
    assert (await post(operator, "/operator/queue/preview", act="retry", all="1")).status == 404
    await text(operator, "/operator/queue?state=lost", 400)


async def test_of_two_operators_the_second_is_told(operator: Client, second: Client) -> None:
    path = f"/operator/partners/{PUSHED}"
    assert (await post(operator, f"{path}/pause", reason=HOSTILE, hours="2", seen="")).status == 303
    late = await post(second, f"{path}/pause", reason="khác", hours="8", seen="")
    assert (late.status, "state_changed" in await late.text()) == (409, True)
    assert HOSTILE not in await text(second, path)
    assert (await post(second, f"{path}/resume")).status == 303
    assert (await post(operator, f"{path}/resume")).status == 409
    assert (await post(operator, "/operator/maintenance/on", reason="nâng cấp", hours="1")).status == 303
    assert (await post(second, "/operator/maintenance/on", reason="khác", hours="1")).status == 409
    assert "nâng cấp" in await text(second, "/")  # the band stands on every page
    seen = re.search(r'name="seen" value="(\d+)"', await text(second, "/operator"))
    assert seen is not None
    assert (await post(second, "/operator/maintenance/off", seen=seen[1])).status == 303
    assert (await post(operator, "/operator/maintenance/off", seen=seen[1])).status == 409


@pytest.mark.parametrize(
    "form", [{"reason": " ", "hours": "1"}, {"reason": "x", "hours": "0"}, {"reason": "x" * 501, "hours": "1"}]
)
async def test_a_pause_without_reason_or_end_is_refused(shop: Shop, operator: Client, form: dict[str, str]) -> None:
    assert (await post(operator, f"/operator/partners/{PUSHED}/pause", seen="", **form)).status == 400
    assert await shop.city.node.count("downtime") == 0


async def test_dead_letters_are_filtered_and_paged(shop: Shop, operator: Client) -> None:
    await shop.kill(*range(1, 4))
    page = await text(operator, "/operator/queue")
    assert page.count('name="id-') == 3
    assert HOSTILE not in page
    assert (await text(operator, f"/operator/queue?partner={UPLINK}")).count('name="id-') == 0
    assert (await text(operator, "/operator/queue?reason=do+not+know")).count('name="id-') == 3
    assert (await text(operator, "/operator/queue?hours=4")).count('name="id-') == 0
    first = re.findall(r'name="id-(\w+)"', page)
    assert re.findall(r'name="id-(\w+)"', await text(operator, f"/operator/queue?after={first[0]}")) == first[1:]


async def test_all_that_match_are_tried_again_after_a_preview_with_progress(shop: Shop, operator: Client) -> None:
    await shop.kill(*range(1, 31))
    shown = await post(operator, "/operator/queue/preview", act="retry", all="1", state="dead")
    body = await shown.text()
    assert (shown.status, "30 lượt chuyển" in body, "và 10 lượt chuyển khác" in body) == (200, True, True)
    assert set(await shop.states()) == {"dead"}  # a preview changes nothing
    begun = await post(operator, "/operator/queue/act", act="retry", all="1", state="dead", why="đã sửa")
    assert begun.status == 303
    progress = begun.headers["Location"]
    assert "Đang làm" in await text(operator, progress)
    await shop.kill(99)  # what fails later was not chosen
    await shop.bulk()
    assert "Đã làm 30 trên 30" in await text(operator, progress)
    assert sorted(await shop.states()) == ["dead"] + ["queued"] * 30
    lines = await shop.city.rows("SELECT actor FROM audit WHERE kind = 'delivery_changed'")
    assert len(lines) == 30
    await shop.city.work()
    assert len(shop.city.office.taken) == 30


async def test_those_that_are_ticked_are_cancelled_and_no_others(shop: Shop, operator: Client, second: Client) -> None:
    await shop.kill(1, 2, 3)
    ids = re.findall(r'name="id-(\w+)"', await text(operator, "/operator/queue"))
    form = {f"id-{one}": "1" for one in ids[:2]} | {"act": "cancel", "state": "dead", "why": "gửi nhầm"}
    assert (await post(operator, "/operator/queue/act", **form)).status == 303
    await shop.bulk()
    assert await shop.states() == ["cancelled", "cancelled", "dead"]
    assert (await post(second, "/operator/queue/act", **form)).status == 404  # the second is told: nothing matches
    assert (await post(operator, "/operator/queue/act", act="cancel", state="dead", why="x")).status == 400


async def test_a_reroute_to_nobody_is_refused_and_one_to_a_stranger_is_told(shop: Shop, operator: Client) -> None:
    await shop.kill(1)
    form = {"act": "reroute", "all": "1", "state": "dead", "why": "x"}
    assert (await post(operator, "/operator/queue/act", **form)).status == 400
    assert (await post(operator, "/operator/queue/act", target="nobody", **form)).status == 404
    begun = await post(operator, "/operator/queue/act", target="dms-phuong", **form)
    await shop.bulk()
    assert "Dừng vì lỗi" in await text(operator, begun.headers["Location"])
    assert await shop.states() == ["dead"]
