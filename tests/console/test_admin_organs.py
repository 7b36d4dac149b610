"""Organisations as administrators find and change them: the tree, what a change will do, the change, and its record."""

import html
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from aiohttp import ClientResponse
from sqlalchemy import select

from axis.delivery.directory import DirectoryCache
from axis.store import schema, systems
from axis.store.records import System
from axis.store.store import Store
from axis.store.systems import NewSystem
from axis.terms import Role
from axis.web.console.administering import Administering
from axis.web.console.parts import ConsoleParts
from tests.console.archive import Archive, Clock, To
from tests.console.conftest import KEY, Client, LogIn, MakeParts
from tests.console.test_login import HTML

HOME = "/admin/organs"
CSRF = "csrf-of-the-session"
SCRIPT = "<script>alert(1)</script>"
Form = Mapping[str, str]


@pytest.fixture(autouse=True)
async def _city(archive: Archive, store: Store, clock: Clock) -> None:
    """A city: two departments with a system each, one of them with a unit; one that has ended."""
    await archive.organ("H24", "Thành phố Hải Bình", level=1, kind="province")
    await archive.organ("H24.2", f"Sở Y tế {SCRIPT}", parent_id="H24", level=2)
    await archive.organ("H24.10", "Sở Xây dựng", parent_id="H24", level=2)
    await archive.former_name("H24.10", "Sở Kiến trúc", "2025-07-01")
    await archive.organ("H24.10.1", "Chi cục Giám định", parent_id="H24.10", level=3)
    await archive.organ("H24.9", "Sở cũ", parent_id="H24", status="closed", successor_id="H24.10", closed_at=clock.at)
    for name, organ, front in (("dms-yte", "H24.2", "vxp"), ("dms-xd", "H24.10", "vxp"), ("edoc-xd", "", "edoc")):
        system = System(
            system_id=name, name=f"Phần mềm {name}", front=front, enabled=True, may_register=False, created_at=clock.at
        )
        new = NewSystem(system=system, secret_encrypted=KEY.encrypt("x"), serves=(organ,) if organ else ())
        await store.write(lambda conn, new=new: systems.add_system(conn, new, clock.at, "test"))


@pytest.fixture
def make_parts(make_parts: MakeParts, store: Store, clock: Clock) -> MakeParts:
    """With the pages of administrators."""

    async def make(**more: Any) -> ConsoleParts:
        directory = await DirectoryCache.load(store, KEY, clock)
        return await make_parts(administering=Administering(directory=directory), **more)

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


def fields(page: str) -> dict[str, str]:
    """What the form of a preview sends again."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found if name not in {"csrf", "next"}}


async def shown(client: Client, path: str, **texts: str) -> str:
    """The preview of a change of what the form shows."""
    form = {"status": "active", "name": "Sở Xây dựng", "parent": "H24", "level": "2", "system": "dms-xd"}
    answer = await post(client, path, form | {"do": "preview"} | texts)
    page = await answer.text()
    assert answer.status == 200, page
    return page


async def audits(store: Store, kind: str) -> list[tuple[str, dict[str, Any]]]:
    rows = await store.read(lambda conn: conn.execute(select(schema.audit)).all())
    return [(row.actor, json.loads(row.fields)) for row in rows if row.kind == kind]


async def test_the_tree_is_shown_level_by_level_and_never_whole(admin: Client, archive: Archive) -> None:
    top = await read(admin, HOME)
    assert "Thành phố Hải Bình" in top
    assert "Sở Xây dựng" not in top
    level = await read(admin, f"{HOME}?under=H24")
    assert level.index("H24.2<") < level.index("H24.10<")  # as people count
    assert "dms-xd" in level
    assert "Sở cũ" not in level
    assert "Sở cũ" in await read(admin, f"{HOME}?under=H24&closed=1")
    assert SCRIPT not in level
    for number in range(20, 27):
        await archive.organ(f"H24.{number}", f"Phường {number}", parent_id="H24")
    await post(
        admin,
        f"{HOME}/new",
        {
            "do": "make",
            "code": "H24.99",
            "name": "Phường 99",
            "status": "active",
            "parent": "H24",
            "seen_version": "0",
            "seen_system": "",
        },
    )
    seen, path = [], f"{HOME}?under=H24"
    while path:
        page = await read(admin, path)
        seen += re.findall(r'data-item>\s*<th scope="row" class="organ"><a href="/admin/organs/([^"]+)"', page)
        assert len(seen) % 5 == 0 or 'rel="next"' not in page  # a page has five
        more = re.search(r'href="([^"]+)" rel="next"', page)
        path = html.unescape(more[1]) if more else ""
    assert seen == ["H24.2", "H24.10", *(f"H24.{number}" for number in range(20, 27)), "H24.99"]


async def test_a_search_needs_no_accents_and_a_system_shows_whom_it_serves(admin: Client) -> None:
    page = await read(admin, f"{HOME}?q=so xay")
    assert "Sở Xây dựng" in page
    assert "Sở Y tế" not in page
    assert "Chi cục Giám định" in await read(admin, f"{HOME}?q=H24.10.1")
    assert "Không có cơ quan nào" in await read(admin, f"{HOME}?q=zzz")
    served = await read(admin, f"{HOME}?system=dms-xd")
    assert "Chi cục Giám định" in served
    assert "qua Sở Xây dựng" in served
    assert "Sở Y tế" not in served


async def test_a_page_tells_its_facts_its_history_and_its_last_traffic(admin: Client, archive: Archive) -> None:
    await archive.document([To("H24.10")], from_organ="H24.2")
    page = await read(admin, f"{HOME}/H24.10")
    for words in ("Sở Kiến trúc", "01/07/2025", "Chi cục Giám định", "dms-xd", "Sở cũ", "cấp 2"):
        assert words in page, words
    assert page.count("chưa lần nào") == 1  # it received, and has not sent
    assert "Đã giải thể" in await read(admin, f"{HOME}/H24.9")
    await read(admin, f"{HOME}/H24.none", 404)


async def test_a_new_one_is_seen_first_and_then_made(admin: Client, store: Store) -> None:
    form = {"do": "preview", "code": "H24.10.2", "name": "Phòng Hạ tầng", "parent": "so xay dung", "level": "3",
            "status": "active"}  # fmt: skip
    answer = await post(admin, f"{HOME}/new", form)
    page = await answer.text()
    assert "Phòng Hạ tầng" in page
    assert "dms-xd" in page
    await read(admin, f"{HOME}/H24.10.2", 404)  # nothing has been done
    made = await post(admin, f"{HOME}/new", fields(page) | {"do": "make"})
    assert made.headers["Location"] == f"{HOME}/H24.10.2?done=added"
    assert "Đã thêm cơ quan" in await read(admin, made.headers["Location"])
    ((actor, told),) = await audits(store, "organ_registered")
    assert (actor[0], told) == ("u", {"organ": "H24.10.2", "parent": "H24.10"})
    again = await post(admin, f"{HOME}/new", fields(page) | {"do": "make"})
    assert again.status == 409
    assert "organ_exists" in await again.text()


async def test_another_system_is_given_with_the_routes_that_become_others(admin: Client, store: Store) -> None:
    path = f"{HOME}/H24.10/change"
    page = await shown(admin, path, system="edoc-xd")
    assert "2 cơ quan sẽ được chuyển qua hệ thống khác" in page
    assert "Chi cục Giám định" in page
    assert "giao thức khác" in page
    assert not await audits(store, "organ_moved")
    assert (await post(admin, path, fields(page) | {"do": "make"})).status == 303
    ((actor, told),) = await audits(store, "organ_moved")
    assert (actor[0], told["from"], told["to"]) == ("u", "dms-xd", "edoc-xd")
    assert "edoc-xd" in await read(admin, f"{HOME}/H24.10.1")
    page = await shown(admin, path, system="")
    assert (await post(admin, path, fields(page) | {"do": "make"})).status == 303
    assert "chưa có" in await read(admin, f"{HOME}/H24.10.1")
    assert len(await audits(store, "organ_released")) == 1


async def test_one_is_closed_with_its_successor_renamed_and_opened_again(admin: Client, store: Store) -> None:
    path = f"{HOME}/H24.10.1/change"
    form = {"name": "Chi cục Giám định", "parent": "H24.10", "level": "3", "system": "", "status": "closed"}
    page = await shown(admin, path, **form, successor="H24.10")
    assert "được chuyển cho Sở Xây dựng" in page
    await post(admin, path, fields(page) | {"do": "make"})
    assert [told["successor"] for _actor, told in await audits(store, "organ_closed")] == ["H24.10"]
    assert "bị từ chối" in await shown(admin, path, **form, successor="")
    page = await shown(admin, path, **(form | {"status": "active", "name": "Chi cục Chất lượng"}))
    assert "nhận văn bản trở lại" in page
    assert "Tên cũ được giữ" in page
    await post(admin, path, fields(page) | {"do": "make"})
    ((_actor, told),) = await audits(store, "organ_reopened")
    assert told["changed"]["name"] == ["Chi cục Giám định", "Chi cục Chất lượng"]
    assert "Không có gì thay đổi" in await shown(
        admin, path, **(form | {"status": "active", "name": "Chi cục Chất lượng"})
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "Hãy ghi tên"),
        ({"parent": "so"}, "Hãy ghi mã"),
        ({"parent": "zzz"}, "Không có cơ quan nào tên hay mã"),
        ({"parent": "H24.9"}, "parent_closed"),
        ({"parent": "H24.10.1"}, "organ_cycle"),
        ({"level": "1"}, "organ_level"),
        ({"system": "none"}, "Không có hệ thống nào mã"),
        ({"status": "closed"}, "organ_in_use"),
        ({"status": "closed", "closed_on": "2999-01-01"}, "closed after today"),
    ],
    ids=["name", "several", "nobody", "closed", "cycle", "level", "system", "in-use", "future"],
)
async def test_what_is_wrong_is_said_at_the_form_and_nothing_is_done(
    admin: Client, store: Store, wrong: Form, words: str
) -> None:
    form = {"status": "active", "name": "Sở Xây dựng", "parent": "H24", "level": "2", "system": "dms-xd"}
    for do in ("preview", "make"):
        seen = {"do": do, "seen_version": "0", "seen_system": "dms-xd"}
        answer = await post(admin, f"{HOME}/H24.10/change", form | seen | dict(wrong))
        page = await answer.text()
        assert answer.status == 409, page
        assert words in html.unescape(page)
    assert not await audits(store, "organ_changed")


async def test_who_comes_second_is_told_and_changes_nothing(admin: Client, log_in: LogIn, store: Store) -> None:
    path = f"{HOME}/H24.10/change"
    name = fields(await shown(admin, path, name="Sở Xây dựng và Đô thị"))
    system = fields(await shown(admin, path, system="edoc-xd"))
    second = await log_in(Role.ADMINISTRATOR)
    mine = fields(await shown(second, path, name="Sở Hạ tầng", system="dms-yte"))
    assert (await post(second, path, mine | {"do": "make"})).status == 303
    for late in (name, system):
        answer = await post(admin, path, late | {"do": "make"})
        assert answer.status == 409
        assert "state_changed" in await answer.text()
    assert "Sở Hạ tầng" in await read(admin, f"{HOME}/H24.10")
    assert len(await audits(store, "organ_moved")) == 1


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"name": "Sở Hạ tầng"}, {"name": "Sở Xây dựng và Đô thị"}),
        ({"system": "dms-yte"}, {"system": "edoc-xd"}),
    ],
    ids=["name", "system"],
)
async def test_what_was_changed_meanwhile_is_not_written_over(
    admin: Client, log_in: LogIn, store: Store, theirs: dict[str, str], mine: dict[str, str]
) -> None:
    path = f"{HOME}/H24.10/change"
    late = fields(await shown(admin, path, **mine))
    second = await log_in(Role.ADMINISTRATOR)
    first = fields(await shown(second, path, **theirs))
    assert (await post(second, path, first | {"do": "make"})).status == 303
    assert (await post(admin, path, late | {"do": "make"})).status == 409
    changed = await audits(store, "organ_changed") + await audits(store, "organ_moved")
    assert len(changed) == 1


async def test_an_operator_reads_and_changes_nothing(log_in: LogIn, store: Store) -> None:
    operator = await log_in(Role.OPERATOR)
    page = await read(operator, f"{HOME}/H24.10")
    assert "/change" not in page
    assert "/new" not in page + await read(operator, HOME)
    for path in (f"{HOME}/new", f"{HOME}/H24.10/change"):
        await read(operator, path, 404)
        form = {"do": "make", "code": "H24.8", "name": "X", "status": "active", "seen_version": "0"}
        assert (await post(operator, path, form)).status == 404
    assert not await audits(store, "organ_changed") + await audits(store, "organ_registered")


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_for_others_there_are_no_such_pages(log_in: LogIn, role: Role) -> None:
    client = await log_in(role)
    for path in (HOME, f"{HOME}/H24.10", f"{HOME}/new", f"{HOME}/H24.10/change"):
        await read(client, path, 404)


async def test_a_forged_form_does_nothing(admin: Client, store: Store) -> None:
    form = {"csrf": "forged", "do": "make", "code": "H24.8", "name": "X", "status": "active", "seen_version": "0"}
    assert (await post(admin, f"{HOME}/new", form)).status == 403
    assert not await audits(store, "organ_registered")
    assert (await post(admin, f"{HOME}/new", {"do": "erase"})).status == 400
