"""The page of routes on a store of each kind: what is explained, what is asked back, what is listed and who set it."""

import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from axis.delivery.explain import DecidedBy, Said
from axis.delivery.route_words import sentence
from axis.ids import new_id
from axis.ops.access import Way
from axis.settings import Settings
from axis.store import partners, registry, route_rules, services, systems
from axis.store.records import Downtime, PartnerState, RouteRule
from axis.store.registry import OrganRow
from axis.store.services import Move
from axis.store.store import Store
from axis.store.systems import Pushing
from axis.terms import Role
from axis.web.console.route_explained import RULES, STEPS
from tests.console.conftest import Client, LogIn, MakeClient
from tests.console.control_room import MINISTRY, SETTINGS, Room, browsers, open_room
from tests.exchange.harness import UPLINK, HeldClock

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def room(store: Store, tmp_path: Path) -> Room:
    return await open_room(store, tmp_path, Settings(**SETTINGS))


@pytest.fixture
def clock(room: Room) -> HeldClock:
    return room.node.clock


@pytest.fixture
async def make_client(room: Room) -> AsyncIterator[MakeClient]:
    async with browsers(room) as make:
        yield make


@pytest.fixture
async def operator(log_in: LogIn) -> Client:
    return await log_in(Role.OPERATOR)


async def shown(client: Client, query: str = "", status: int = 200) -> str:
    async with client.get(f"/operator/routes{query}") as answer:
        body = await answer.text()
        assert answer.status == status, body
        return html.unescape(re.sub(r"\s+", " ", body))


async def way(client: Client, sender: str, receiver: str, more: str = "") -> str:
    return await shown(client, f"?from={quote(sender)}&to={quote(receiver)}{more}")


def test_every_step_and_every_rule_is_shown() -> None:
    assert set(STEPS) == set(Said)
    assert set(RULES) == set(DecidedBy)


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_find_nothing_there(log_in: LogIn, role: Role) -> None:
    await shown(await log_in(role), status=404)


async def test_the_page_says_what_the_command_line_says(room: Room, log_in: LogIn) -> None:
    operator = await log_in(Role.ADMINISTRATOR)
    directory = room.node.directory.current
    for receiver in ("H24.15", "H24.11.3", "G17.4", "A1", "H24.999", "H24.30", "H24.40", "H24.77", "000.00.11.H24"):
        page = await way(operator, "H24.11", receiver)
        found = await room.access.explain(Way(sender="H24.11", receiver=receiver), directory, room.node.clock.now())
        places = [page.index(sentence(step, "vi")) for step in found.steps]
        assert places == sorted(places), receiver
    assert "Chi cục Dân số" in await way(operator, "H24.15", "H24.11.3")


async def test_one_s_own_system_decides_and_the_next_hop_is_told(operator: Client) -> None:
    page = await way(operator, "H24.11", "H24.15")
    assert "Nơi nhận có hệ thống riêng." in page
    assert "Có đường, đi ngay" in page
    assert "Tự đến lấy, bằng giao thức vxp" in page
    assert "Sau 30 ngày không ai lấy" in page
    assert "tạm dừng theo kế hoạch" not in page  # it is not called


async def test_a_partner_that_is_down_or_paused_is_told_with_what_becomes_of_packages(
    room: Room, operator: Client
) -> None:
    store, now = room.node.store, room.node.clock.now()
    page = await way(operator, "H24.11", "G17.4")
    assert "Trục gọi sang, bằng bộ kết nối vxp" in page
    assert f'href="/operator/partners/{MINISTRY}"' in page
    assert "Sau 5 lần liền không liên lạc được" in page
    assert page.count("<span>Quyết định") == 1  # the default axis fits, too, and is not needed
    assert page.count("<span>Không áp dụng") == 1
    assert "để yên bên đó 30 giây" in page
    assert "nhiều nhất 10 phút" in page
    assert "30 giây, 2 phút, 450 giây, 15 phút" in page
    assert "sau 3 ngày kể từ khi vào hàng chờ" in page
    down = PartnerState(partner_id=MINISTRY, state="down", since=now, last_error=HOSTILE)
    await store.write(lambda c: partners.tell(c, down, ()))
    page = await way(operator, "H24.11", "G17.4")
    assert "Có đường, hiện phải chờ" in page
    assert "Mất kết nối" in page
    async with operator.get("/operator/routes?from=H24.11&to=G17.4") as answer:
        assert HOSTILE not in await answer.text()
    assert "Có đường, đi ngay" in await way(operator, "H24.11", "A1")  # by the other axis
    pause = Downtime(
        downtime_id=new_id(now),
        partner_id=UPLINK,
        starts_at=now,
        ends_at=now + timedelta(hours=2),
        reason="nâng cấp",
        actor="lan",
    )
    await store.write(lambda c: partners.pause(c, pause, now))
    page = await way(operator, "H24.11", "A1")
    assert "Tạm ngừng gọi national" in page
    assert "Có đường, hiện phải chờ" in page
    later = "2026-12-24T10:00"
    assert "Có đường, đi ngay" in await way(operator, "H24.11", "A1", f"&at={later}")


async def test_a_disabled_system_is_told(room: Room, operator: Client) -> None:
    now = room.node.clock.now()
    await room.node.store.write(lambda c: systems.set_enabled(c, "dms-xd", now, "lan", enabled=False))
    await room.node.directory.refresh()
    page = await way(operator, "H24.11", "H24.15")
    assert "Đang bị khóa" in page
    assert "Có đường, hiện phải chờ" in page
    pushing = Pushing(adapter="webhook", options='{"url": "https://dms.invalid/axis"}', secrets_encrypted=None)
    await room.node.store.write(lambda c: systems.set_pushing(c, "dms-yte", pushing, now, "lan"))
    await room.node.directory.refresh()
    assert "bằng bộ kết nối webhook" in await way(operator, "H24.15", "H24.11.3")


async def test_what_is_refused_says_why_and_what_to_do(operator: Client) -> None:
    page = await way(operator, "H24.11", "H24.999")
    assert "Mã nơi nhận thuộc phạm vi trục này mà chưa đăng ký." in page
    assert "Chặng tiếp theo" not in page
    assert "không cơ quan nào kế thừa" in await way(operator, "H24.11", "H24.40")
    assert "Nơi gửi thuộc phạm vi trục này mà chưa đăng ký." in await way(operator, "H24.999", "H24.15")
    assert "chờ có hệ thống kết nối" in await way(operator, "H24.11", "H24.77")
    assert "Trục khác chuyển" in await way(operator, "G1", "G2")


async def test_a_name_is_understood_and_one_of_several_is_asked_back(operator: Client) -> None:
    page = await way(operator, "so xay dung", "Chi cục Dân số")
    assert "Nơi nhận không có hệ thống riêng" in page
    page = await way(operator, "H24.15", "ubnd")
    assert "Hãy chọn một" in page
    assert "from=H24.15&to=H24.88" in page
    assert "Đã xét lần lượt" not in page
    page = await way(operator, "H24.15", "Sở Thủy lợi")
    assert "Gần giống nhất" in page
    assert "Sở Y tế" in page
    assert "Không có cơ quan nào có tên hay mã như vậy. Hãy nhập mã" in await way(operator, "H24.15", "đâu đó")
    assert "Hãy cho biết cả nơi gửi và nơi nhận." in await shown(operator, "?to=H24.15")


async def test_an_unknown_code_is_explained_beside_those_that_look_like_it(operator: Client) -> None:
    page = await way(operator, "H24.15", "H24.13")
    assert "Có phải một trong các mã gần giống?" in page
    assert "to=H24.11" in page
    assert "unknown_receiver" in page  # the command line's own result
    assert "Chưa cơ quan nào đăng ký mã này." in await way(operator, "H24.15", "ZZZZZZ")


async def test_who_set_a_route_is_told_where_it_is_known(room: Room, operator: Client) -> None:
    store, clock = room.node.store, room.node.clock
    rule = RouteRule(rule_id=new_id(clock.at), prefix="G12", uplink_id=MINISTRY, valid_from=clock.at, note=HOSTILE)
    await store.write(lambda c: route_rules.add_rule(c, rule, clock.at, "lan-administrator"))
    now = clock.now()
    move = Move(organ_id="H24.88", system_id="dms-xd", at=now, parallel_until=now + timedelta(days=9))
    await store.write(lambda c: services.move(c, move, now, "minh"))
    later = now + timedelta(days=3)
    planned = Move(organ_id="H24.15", system_id="dms-yte", at=later)
    await store.write(lambda c: services.move(c, planned, clock.now(), "hoa"))
    page = await shown(operator)
    assert rows(page) == [
        ("H24.11", "dms-yte", "Đang áp dụng", "test"),
        ("H24.15", "dms-xd", "Đang áp dụng", "test"),
        ("H24.15", "dms-yte", "Sẽ áp dụng", "không rõ"),  # set for another moment than its own
        ("H24.88", "dms-xd", "Đang áp dụng", "minh"),
        ("H24.88", "dms-phuong", "Đang áp dụng", "minh"),
    ]
    assert "Chạy song song" in page
    page = await shown(operator, "?list=outside")
    assert rows(page) == [
        ("G12", MINISTRY, "Đang áp dụng", "lan-administrator"),
        ("G17", MINISTRY, "Đang áp dụng", "không rõ"),
        ("*", UPLINK, "Đang áp dụng", "không rõ"),
    ]
    await store.write(lambda c: route_rules.end_rule(c, rule.rule_id, clock.now(), clock.now(), "lan"))
    assert [row[0] for row in rows(await shown(operator, "?list=outside"))] == ["G17", "*"]


async def test_a_second_move_to_the_same_system_is_not_taken_for_the_first(room: Room, operator: Client) -> None:
    store, clock = room.node.store, room.node.clock
    now = clock.now()
    for days, system, who in ((0, "dms-xd", "minh"), (5, "dms-phuong", "hoa"), (9, "dms-xd", "lan")):
        move = Move(organ_id="H24.88", system_id=system, at=now + timedelta(days=days))
        made_at = now if days == 0 else clock.now()
        await store.write(lambda c, m=move, at=made_at, by=who: services.move(c, m, at, by))  # type: ignore[misc]
    assert rows(await shown(operator, "?q=H24.88")) == [
        ("H24.88", "dms-xd", "Đang áp dụng", "minh"),
        ("H24.88", "dms-phuong", "Sẽ áp dụng", "không rõ"),
        ("H24.88", "dms-xd", "Sẽ áp dụng", "không rõ"),
    ]


async def test_a_long_list_is_walked_by_key_and_filtered(room: Room, operator: Client) -> None:
    store, clock = room.node.store, room.node.clock
    more = [OrganRow(code=f"H24.5{number:03}", name=HOSTILE, parent="H24") for number in range(120)]
    await store.write(lambda c: registry.import_organs(c, more, clock.now(), "test"))
    serves = [row.code for row in more]
    await store.write(lambda c: systems.set_serves(c, "dms-xd", serves, clock.now(), "lan"))
    seen, query = [], ""
    while True:
        page = await shown(operator, query)
        seen += [row[0] for row in rows(page)]
        found = re.search(r'href="/operator/routes(\?[^"]*after=[^"]*)" rel="next"', page)
        if found is None:
            break
        query = found[1]
    assert seen == sorted(["H24.11", "H24.88", *serves])
    assert [row[0] for row in rows(await shown(operator, "?q=H24.511"))] == [f"H24.511{n}" for n in range(10)]
    assert [row[0] for row in rows(await shown(operator, "?q=dms-yte"))] == ["H24.11"]
    assert "Không đường nào khớp" in await shown(operator, "?q=%25")
    assert [row[0] for row in rows(await shown(operator, "?list=outside&q=G1"))] == ["G17"]


@pytest.mark.parametrize("query", ["?after=x", "?at=soon", "?at=9999-12-31T23:59", "?list=all", "?at=0001-01-01T00:00"])
async def test_an_address_that_names_no_place_is_refused(operator: Client, query: str) -> None:
    await shown(operator, query, 400)


async def test_hostile_words_are_cut_and_inert(operator: Client) -> None:
    async with operator.get("/operator/routes", params={"from": HOSTILE * 90, "to": "\u202eH24.15\0"}) as answer:
        assert answer.status == 200
        page = await answer.text()
    assert HOSTILE not in page
    assert "\u202e" not in page


async def test_a_rule_of_the_future_is_explained_for_its_moment(room: Room, operator: Client) -> None:
    store, clock = room.node.store, room.node.clock
    begins = datetime(2026, 12, 1, tzinfo=UTC)
    rule = RouteRule(rule_id=new_id(clock.at), prefix="G12", uplink_id=MINISTRY, valid_from=begins)
    await store.write(lambda c: route_rules.add_rule(c, rule, clock.at, "lan"))
    await room.node.directory.refresh()
    assert "Một quy tắc trong cơ sở dữ liệu" not in await way(operator, "H24.11", "G12.5")
    page = await way(operator, "H24.11", "G12.5", "&at=2026-12-02T10:00")
    assert "Một quy tắc trong cơ sở dữ liệu" in page
    assert rule.rule_id in page


def rows(page: str) -> list[tuple[str, str, str, str]]:
    """Code, way, state and who set it, of each row of the list."""
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", page[page.index('id="set"') :])[1:]:
        cells = [
            re.sub(r"<span class=\"note-line\">.*?</span>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)
        ]
        words = [re.sub(r"<[^>]*>", "", cell).strip() for cell in cells]
        found.append((words[0], words[1], words[2], words[4].partition(",")[0]))
    return found
