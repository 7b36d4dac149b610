"""The pages behind the links: looking says nothing, a form says one thing once, no other link says anything."""

import asyncio
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.mail.links import Links, Purpose, Subject
from axis.errors import Code
from axis.ids import PackageId
from axis.keys import NodeKey
from axis.messages import SENTENCES
from axis.ops.access import open_access
from axis.store import queries
from axis.terms import PackageKind
from tests.exchange.harness import a_document, an_act
from tests.mail.test_deliveries import CODE, WARD, World, links_in, world
from tests.nodes import CLOCK

DOCUMENT = a_document(CODE)


class Visitor:
    """A browser with a link."""

    def __init__(self, here: World, package_id: str, path: str) -> None:
        self.here, self.package_id, self.path = here, package_id, path
        self.session = aiohttp.ClientSession(here.node.url)

    async def get(self, path: str = "", method: str = "GET") -> tuple[int, str, Any]:
        async with self.session.request(method, path or self.path) as answer:
            return answer.status, await answer.text(), answer.headers

    async def say(self, code: str, reason: str = "", *, at: str | None = None, path: str = "") -> tuple[int, str]:
        if at is None:
            at = self.moment((await self.get())[1])
        data = {"code": code, "reason": reason, "at": at}
        async with self.session.post(path or self.path, data=data) as answer:
            return answer.status, await answer.text()

    @staticmethod
    def moment(page: str) -> str:
        found = re.search(r'name="at" value="([^"]+)"', page)
        assert found is not None
        return found.group(1)

    async def status(self) -> str | None:
        return await self.here.status(self.package_id)

    async def events(self) -> list[str]:
        query = "SELECT status_code FROM status_event ORDER BY event_id"
        return list(await self.here.node.store.read(lambda c: c.exec_driver_sql(query).scalars().all()))


def for_a_day(package_id: str) -> Subject:
    return Subject(package_id=PackageId(package_id), organ_id=CODE, expires_at=CLOCK.now() + timedelta(days=1))


@pytest.fixture(scope="module")
def key_of() -> Any:
    return lambda here: NodeKey.load(here.node.settings.store.key_file)


@pytest.fixture
async def visitor(tmp_path: Path) -> AsyncIterator[Visitor]:
    async with world(tmp_path / "node") as here:
        package_id = await here.send(DOCUMENT)
        (message,) = await here.mails(1)
        await here.state(package_id, until="handed_over")
        (link,) = links_in(message)
        one = Visitor(here, package_id, link.removeprefix("http://truc.invalid"))
        try:
            yield one
        finally:
            await one.session.close()


async def test_looking_says_nothing(visitor: Visitor) -> None:
    for method in ("GET", "HEAD", "GET"):
        assert (await visitor.get(method=method))[0] == 200
    await visitor.here.state(visitor.package_id, until="handed_over")
    assert await visitor.events() == []


async def test_the_page_shows_the_document_and_what_can_be_said(visitor: Visitor) -> None:
    status, page, headers = await visitor.get()
    assert status == 200
    for word in ("101/SYT-VP", "V/v tăng cường phòng, chống dịch", "Cơ quan H24.11", "UBND phường Gia Viên"):
        assert word in page
    for word in ("Xác nhận đã nhận", "Tiếp nhận", "Từ chối", "cong-van.pdf"):
        assert word in page
    assert "script" not in page
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "noindex" in headers["X-Robots-Tag"]


@pytest.mark.parametrize(("code", "reason"), [("01", ""), ("03", ""), ("02", "Sai thẩm quyền")])
async def test_what_is_said_becomes_a_status_and_an_acknowledgement(visitor: Visitor, code: str, reason: str) -> None:
    status, page = await visitor.say(code, reason)
    assert status == 200  # after the redirect
    assert f"({code})" in page
    assert await visitor.status() == code
    await visitor.here.state(visitor.package_id, until="acknowledged")
    listed = await visitor.here.node.exchange.pending("dms-yte", 10, PackageKind.STATUS)
    assert len(listed) == 1  # the sender's system is told
    if reason:
        assert reason in page


async def test_a_clerk_can_go_on_from_arrived_to_accepted(visitor: Visitor) -> None:
    await visitor.say("01")
    page = (await visitor.get())[1]
    assert 'value="01"' not in page
    await visitor.say("03")
    assert await visitor.status() == "03"
    assert await visitor.events() == ["01", "03"]


async def test_a_form_that_is_sent_twice_says_one_thing(visitor: Visitor) -> None:
    at = visitor.moment((await visitor.get())[1])
    await asyncio.gather(*(visitor.say("03", at=at) for _ in range(5)))
    await visitor.say("03", at=at)
    assert await visitor.events() == ["03"]


async def test_the_same_link_says_the_same_again_without_effect(visitor: Visitor) -> None:
    at = visitor.moment((await visitor.get())[1])
    await visitor.say("03", at=at)
    await asyncio.sleep(1.1)
    fresh = visitor.moment((await visitor.get())[1])
    assert fresh != at
    await visitor.say("03", at=fresh)
    assert await visitor.events() == ["03"]


async def test_a_refusal_needs_a_reason(visitor: Visitor) -> None:
    status, page = await visitor.say("02", "  ")
    assert (status, "phải nêu lý do" in page) == (422, True)
    assert await visitor.events() == []


@pytest.mark.parametrize("code", ["04", "06", "13", "15", "", "x", "99"])
async def test_nothing_else_can_be_said(visitor: Visitor, code: str) -> None:
    status, _ = await visitor.say(code)
    assert status == 422
    assert await visitor.events() == []


@pytest.mark.parametrize(
    "at", ["", "2026-11-24T02:00:00+00:00", "2099-01-01T00:00:00+00:00 0123456789abcdef01234567", "x y"]
)
async def test_a_form_that_this_node_did_not_make_says_nothing(visitor: Visitor, at: str) -> None:
    status, _ = await visitor.say("03", at=at)
    assert status == 404
    assert await visitor.events() == []


async def test_a_changed_link_is_told_so(visitor: Visitor) -> None:
    for path in (visitor.path[:-1], visitor.path[:-2] + "xx", visitor.path + "A", "/mail/confirm/x"):
        status, page, headers = await visitor.get(path)
        assert (status, "không đúng hoặc đã bị sửa đổi" in page) == (404, True)
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "101/SYT-VP" not in page


async def test_an_expired_link_is_told_so_and_says_nothing(visitor: Visitor, key_of: Any) -> None:
    links = Links(key_of(visitor.here))
    subject = Subject(
        package_id=PackageId(visitor.package_id), organ_id=CODE, expires_at=CLOCK.now() - timedelta(seconds=1)
    )
    path = f"/mail/confirm/{links.token(Purpose.CONFIRM, subject)}"
    status, page, _ = await visitor.get(path)
    assert (status, "đã hết hạn" in page) == (410, True)
    good = visitor.moment((await visitor.get())[1])
    assert (await visitor.say("03", at=good, path=path))[0] == 410
    assert await visitor.events() == []


async def test_a_link_to_files_confirms_nothing(visitor: Visitor, key_of: Any) -> None:
    links = Links(key_of(visitor.here))
    subject = Subject(
        package_id=PackageId(visitor.package_id), organ_id=CODE, expires_at=CLOCK.now() + timedelta(days=1)
    )
    files = links.token(Purpose.FILES, subject)
    assert (await visitor.get(f"/mail/files/{files}"))[0] == 200
    assert (await visitor.get(f"/mail/confirm/{files}"))[0] == 404
    confirm = visitor.path.rpartition("/")[2]
    assert (await visitor.get(f"/mail/files/{confirm}"))[0] == 404
    assert (await visitor.get(f"/mail/files/{confirm}/package"))[0] == 404


async def test_a_link_about_a_package_that_is_for_others_shows_nothing(visitor: Visitor, key_of: Any) -> None:
    other = await visitor.here.send(a_document("H24.15", number="200"))
    links = Links(key_of(visitor.here))
    subject = for_a_day(other)
    status, page, _ = await visitor.get(f"/mail/confirm/{links.token(Purpose.CONFIRM, subject)}")
    assert (status, "200/SYT-VP" in page) == (404, False)


@pytest.mark.parametrize("position", ["9", "999999", "-1", "../package", "0x"])
async def test_a_file_that_does_not_exist(visitor: Visitor, key_of: Any, position: str) -> None:
    links = Links(key_of(visitor.here))
    subject = Subject(
        package_id=PackageId(visitor.package_id), organ_id=CODE, expires_at=CLOCK.now() + timedelta(days=1)
    )
    status = (await visitor.get(f"/mail/files/{links.token(Purpose.FILES, subject)}/{position}"))[0]
    assert status == 404


async def test_when_the_organisation_has_software_the_page_says_so(visitor: Visitor) -> None:
    at = visitor.moment((await visitor.get())[1])
    async with open_access(visitor.here.node.settings) as access:
        await access.set_pushing(WARD, None, CLOCK.now(), "test")
    await asyncio.sleep(1.0)
    status, page, _ = await visitor.get()
    assert (status, "trong phần mềm" in page, "<form" in page) == (200, True, False)
    status, page = await visitor.say("03", at=at)
    assert (status, SENTENCES[Code.NOT_ALLOWED].what_vi in page) == (422, True)
    assert await visitor.events() == []


async def test_a_recall_is_answered_by_its_own_mail(visitor: Visitor) -> None:
    here = visitor.here
    recall = await here.send(an_act(DOCUMENT, "1"))
    messages = await here.mails(2)
    await here.state(recall, until="handed_over")
    (link,) = links_in(messages[1])
    first = (await visitor.get())[1]
    assert "đã thu hồi văn bản này" in first
    visitor.path, visitor.package_id = link.removeprefix("http://truc.invalid"), recall
    page = (await visitor.get())[1]
    assert "Thu hồi văn bản" in page
    assert 'value="15"' in page
    assert 'value="03"' not in page
    assert (await visitor.say("15"))[0] == 200
    assert await visitor.events() == ["15"]
    await here.state(recall, until="acknowledged")


async def test_what_strangers_wrote_is_text_on_the_page(tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    async with world(tmp_path / "node") as here:
        await here.send(a_document(CODE, subject=evil))
        (message,) = await here.mails(1)
        (link,) = links_in(message)
        async with aiohttp.ClientSession(here.node.url) as session:
            page = await (await session.get(link.removeprefix("http://truc.invalid"))).text()
            assert evil not in page
            assert "&lt;img" in page
            reason = "<script>1</script>"
            at = Visitor.moment(page)
            data = {"code": "02", "reason": reason, "at": at}
            said = await (await session.post(link.removeprefix("http://truc.invalid"), data=data)).text()
            assert reason not in said
            assert "&lt;script&gt;" in said


async def test_too_many_requests_from_one_address_are_put_off(tmp_path: Path) -> None:
    async with (
        world(tmp_path / "node", {"confirm_per_minute": 5}) as here,
        aiohttp.ClientSession(here.node.url) as session,
    ):
        statuses = [(await session.get("/mail/confirm/x")).status for _ in range(8)]
        refused = await session.get("/mail/confirm/x")
        assert statuses == [404] * 5 + [429] * 3
        assert int(refused.headers["Retry-After"]) >= 1


async def test_callers_behind_one_proxy_are_counted_each_for_itself(tmp_path: Path) -> None:
    rules = {"confirm_per_minute": 2, "server.trusted_proxies": ["127.0.0.1"]}
    async with world(tmp_path / "node", rules) as here, aiohttp.ClientSession(here.node.url) as session:

        async def asked(address: str) -> int:
            return (await session.get("/mail/confirm/x", headers={"X-Forwarded-For": address})).status

        assert [await asked("192.0.2.1") for _ in range(3)] == [404, 404, 429]
        assert await asked("192.0.2.2") == 404


async def test_a_body_without_end_is_refused(visitor: Visitor) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with visitor.session.post(visitor.path, data=io.BytesIO(b"a" * 3_000_000), headers=form) as answer:
        assert answer.status == 413
    assert await visitor.events() == []


async def test_no_token_stands_in_the_log(visitor: Visitor, capsys: pytest.CaptureFixture[str]) -> None:
    await visitor.get()
    token = visitor.path.rpartition("/")[2]
    await visitor.get(f"/mail/files/{token}")
    said = capsys.readouterr()
    assert "/mail/confirm/{token}" in said.out + said.err
    assert token not in said.out + said.err


async def test_the_package_of_the_status_is_the_node_s_and_says_what_was_said(visitor: Visitor) -> None:
    await visitor.say("02", "Gửi nhầm")
    (item,) = await visitor.here.node.exchange.pending("dms-yte", 10, PackageKind.STATUS)
    content = await visitor.here.node.exchange.open_package("dms-yte", item.package_id)
    raw = b"".join([chunk async for chunk in content.chunks()])
    assert b"<edXML:StatusCode>02</edXML:StatusCode>" in raw
    assert "Gửi nhầm".encode() in raw
    package = await visitor.here.node.store.read(lambda c: queries.package(c, item.package_id))
    assert package is not None
    assert package.origin.value == "node"
