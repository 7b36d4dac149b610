"""The page of the policies on a store of each kind: what holds for whom, who may set it, each rule with its source."""

import html
import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from axis.exchange.judges import DEFAULT_POLICY, nearest_policy
from axis.settings import Settings, read_settings
from axis.store import queries, registry
from axis.store.holds import add_hold
from axis.store.records import Hold, SignaturePolicy
from axis.store.store import Store
from axis.terms import Role
from axis.trust.policy import Level
from axis.web.console.language import speak
from axis.web.console.policies import rule_card
from axis.web.console.policy_words import LEVELS, MEANINGS, due, rule_groups
from tests.console.conftest import Client, LogIn, MakeClient
from tests.console.control_room import SETTINGS, Room, browsers, open_room
from tests.exchange.harness import HeldClock

CSRF = "csrf-of-the-session"
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


@pytest.fixture
async def administrator(log_in: LogIn) -> Client:
    return await log_in(Role.ADMINISTRATOR)


async def shown(client: Client, query: str = "", status: int = 200) -> str:
    async with client.get(f"/operator/policies{query}") as answer:
        body = await answer.text()
        assert answer.status == status, body
        return re.sub(r"\s+", " ", body)


async def put(client: Client, csrf: str = CSRF, **form: str) -> ClientResponse:
    given = {"organ": "H24.11", "envelope": "require", "files": "warn", "closed": "1", "seen": "none"} | form
    return await client.post("/operator/policies", data={"csrf": csrf, **given}, allow_redirects=False)


async def seen(client: Client) -> str:
    """What the form says back of the policy that it shows."""
    (found,) = re.findall(r'name="seen" value="([^"]*)"', await shown(client, "?organ=H24.11"))
    return str(found)


async def policies(room: Room) -> dict[str, SignaturePolicy]:
    return {one.organ_id: one for one in await room.node.store.read(queries.signature_policies)}


def effective(page: str) -> str:
    return page[page.index('id="effective"') : page.index('id="holds"')]


@pytest.mark.parametrize("role", [Role.CLERK, Role.AUDITOR])
async def test_others_find_nothing_there(room: Room, log_in: LogIn, role: Role) -> None:
    client = await log_in(role)
    await shown(client, status=404)
    assert (await put(client)).status == 404
    assert await policies(room) == {}


async def test_a_policy_is_set_by_administrators_only_and_is_on_record(
    room: Room, operator: Client, administrator: Client
) -> None:
    assert "Đặt chính sách" not in await shown(operator, "?organ=H24.11")
    assert (await put(operator)).status == 404
    assert (await put(administrator, csrf="forged")).status == 403
    assert await policies(room) == {}
    page = await shown(administrator, "?organ=H24.11")
    assert "Chưa ai đặt chính sách nào" in page
    assert '<input type="hidden" name="seen" value="none">' in page
    answer = await put(administrator)
    assert answer.headers["Location"] == "/operator/policies?organ=H24.11&done=1#effective"
    wanted = SignaturePolicy(organ_id="H24.11", envelope="require", files="warn", fail_closed=True)
    assert await policies(room) == {"H24.11": wanted}
    told = await room.node.store.read(
        lambda c: c.exec_driver_sql("SELECT actor, fields FROM audit WHERE kind = 'signature_policy_set'").all()
    )
    assert [json.loads(fields)["envelope"] for _actor, fields in told] == ["require"]
    assert told[0][0].startswith("u")
    page = effective(await shown(administrator, "?organ=H24.11&done=1"))
    assert "Đã đặt." in page
    assert "Đặt riêng cho nơi gửi này, trong cơ sở dữ liệu." in page
    assert "bảo bên gửi chờ (503)" in page
    assert '<option value="require" selected>' in page
    assert "/journal?kind=signature_policy_set&amp;q=H24.11" in page
    assert "/journal" not in effective(await shown(operator, "?organ=H24.11"))


async def test_a_second_administrator_is_told_that_it_has_changed(room: Room, administrator: Client) -> None:
    assert (await put(administrator)).status == 303
    answer = await put(administrator, envelope="off", files="off")
    assert answer.status == 409
    assert "state_changed" in await answer.text()
    assert (await policies(room))["H24.11"].envelope == "require"
    assert (await put(administrator, envelope="off", seen=await seen(administrator))).status == 303
    assert (await policies(room))["H24.11"].envelope == "off"


async def test_authorities_stay_as_they_are(room: Room, administrator: Client) -> None:
    digest = "ab" * 32
    policy = SignaturePolicy(organ_id="H24.11", envelope="warn", files="warn", fail_closed=False, issuers=digest)
    await room.node.store.write(lambda c: registry.set_signature_policy(c, policy, room.node.clock.now(), "lan"))
    assert "abababababab…" in await shown(administrator)
    assert (await put(administrator, seen=await seen(administrator))).status == 303
    assert (await policies(room))["H24.11"].issuers == digest


async def test_who_decided_under_other_authorities_is_told_that_they_have_changed(
    room: Room, administrator: Client
) -> None:
    policy = SignaturePolicy(organ_id="H24.11", envelope="warn", files="warn", fail_closed=False)
    stood = []
    for issuers in (None, "", "ab" * 32, "cd" * 32):
        held = replace(policy, issuers=issuers)
        await room.node.store.write(lambda c, p=held: registry.set_signature_policy(c, p, room.node.clock.now(), "lan"))  # type: ignore[misc]
        for earlier in stood:
            assert (await put(administrator, seen=earlier)).status == 409, (issuers, earlier)
        stood.append(await seen(administrator))
    assert (await policies(room))["H24.11"] == held


@pytest.mark.parametrize(
    "form",
    [{"envelope": "x"}, {"files": ""}, {"organ": "H24.999"}, {"organ": ""}, {"organ": "<b>"}],
    ids=["envelope", "files", "unknown", "none", "hostile"],
)
async def test_a_form_that_says_something_else_is_refused(
    room: Room, administrator: Client, form: dict[str, str]
) -> None:
    assert (await put(administrator, **form)).status == 400
    assert await policies(room) == {}


async def test_a_code_of_another_form_names_the_same_sender(room: Room, administrator: Client) -> None:
    assert (await put(administrator, organ="000.00.11.H24")).status == 303
    assert set(await policies(room)) == {"H24.11"}


async def test_what_holds_for_a_sender_is_its_own_or_that_of_the_nearest_above(
    room: Room, administrator: Client
) -> None:
    assert (await put(administrator, organ="*", envelope="warn", seen="none")).status == 303
    page = effective(await shown(administrator, "?organ=H24.11.3"))
    assert "theo chính sách chung cho mọi nơi gửi khác" in page
    assert (await put(administrator, organ="H24.11")).status == 303
    page = effective(await shown(administrator, "?organ=Chi+cục+Dân+số"))
    assert "theo cấp trên Sở Y tế." in page
    assert "Bắt buộc" in page
    await room.node.directory.refresh()
    await room.node.judges.refresh()
    for code in ("H24.11.3", "H24.11", "H24.15", "*"):
        judged = room.node.judges.policy_for(code)
        page = effective(await shown(administrator, f"?organ={code}"))
        assert f'<option value="{judged.envelope}" selected>' in page, code
    assert "mọi nơi gửi khác" in await shown(administrator, "?organ=*")
    page = effective(await shown(administrator, "?organ=A1.5"))  # of another axis: read only
    assert "theo chính sách chung" in page
    assert "Đặt chính sách" not in page
    assert "Hãy chọn một" in effective(await shown(administrator, "?organ=ubnd"))


def test_the_nearest_policy_holds() -> None:
    own, above = (SignaturePolicy(organ_id=code, envelope="off", files="off", fail_closed=False) for code in ("b", "a"))
    every = SignaturePolicy(organ_id="*", envelope="warn", files="warn", fail_closed=True)
    assert nearest_policy(("b", "a"), {"a": above, "b": own, "*": every}) is own
    assert nearest_policy(("b", "a"), {"a": above, "*": every}) is above
    assert nearest_policy(("b", "a"), {"*": every}) is every
    assert nearest_policy(("b", "a"), {}) is DEFAULT_POLICY


async def test_a_long_list_is_walked_by_key_and_filtered(room: Room, operator: Client) -> None:
    for number in range(120):
        policy = SignaturePolicy(organ_id=f"G{number:03}", envelope="warn", files="off", fail_closed=False)
        await room.node.store.write(lambda c, p=policy: registry.set_signature_policy(c, p, room.node.clock.now(), "x"))  # type: ignore[misc]
    seen, query = [], ""
    while True:
        page = await shown(operator, query)
        seen += re.findall(r'<th scope="row"><a href="[^"]*">(G\d+)</a>', page)
        found = re.search(r'href="/operator/policies(\?[^"]*after=[^"]*)" rel="next"', page)
        if found is None:
            break
        query = html.unescape(found[1])
    assert seen == [f"G{number:03}" for number in range(120)]
    assert len(re.findall(r'<th scope="row"><a', await shown(operator, "?q=G01"))) == 10
    assert "Không nơi gửi nào có chính sách riêng" in await shown(operator, "?q=%25")


async def test_what_is_held_back_is_told_with_its_reason(room: Room, operator: Client) -> None:
    assert "Không có gì bị giữ lại." in await shown(operator)
    now = room.node.clock.now()
    for number in range(52):
        hold = Hold(
            hold_id=f"{number:026}",
            sender="H24.11",
            receiver=None,
            partner_id=None,
            starts_at=now,
            ends_at=None,
            reason=HOSTILE,
            actor="lan",
        )
        await room.node.store.write(lambda c, h=hold: add_hold(c, h))  # type: ignore[misc]
    page = await shown(operator)
    assert page.count("gửi từ H24.11") == 50
    assert "Và 2 mục khác" in page
    assert HOSTILE not in page


async def test_hostile_words_are_inert(operator: Client) -> None:
    async with operator.get("/operator/policies", params={"organ": HOSTILE, "q": HOSTILE, "after": HOSTILE}) as answer:
        assert answer.status == 200
        assert HOSTILE not in await answer.text()


def test_every_level_has_a_word_and_a_meaning() -> None:
    assert set(LEVELS) == set(MEANINGS) == set(Level)


@pytest.mark.parametrize(
    ("rule", "vietnamese", "english"),
    [
        ("30min", "30 phút", "30 minutes"),
        ("2h", "2 giờ, tính cả ban đêm", "2 hours, nights included"),
        ("4wh", "4 giờ làm việc", "4 working hours"),
        ("0d", "trong ngày làm việc", "within the working day"),
        ("0d 17:00", "đến 17:00 cùng ngày", "by 17:00 of the same day"),
        ("1d 12:00", "đến 12:00 sau 1 ngày làm việc", "by 12:00, 1 working day later"),
        ("2d", "đến hết 2 ngày làm việc sau", "by the end of 2 working days later"),
    ],
    ids=["minutes", "hours", "working hours", "day", "moment of the day", "moment", "days"],
)
def test_a_time_limit_is_said_in_words(rule: str, vietnamese: str, english: str) -> None:
    speak("vi")
    assert due(rule) == vietnamese
    speak("en")
    assert due(rule) == english


def said(**sections: dict[str, Any]) -> str:
    settings = Settings(**{**SETTINGS, **sections})
    return "\n".join(rule.text for group in rule_groups(settings) for rule in group.rules)


def test_each_rule_says_what_the_settings_say() -> None:
    speak("vi")
    text = said()
    for part in (
        "tuyệt mật, tối mật, mật",
        "Gói tin lớn hơn 1\u00a0GB",
        "hơn 5.000 nơi nhận",
        "“Chưa kết luận được”",
        "sau 3 ngày thì thành",
        "trong 30 ngày thì hết hạn chờ",
        "đơn vị bên dưới mình",
        "Hỏa tốc hẹn giờ: 1 giờ, tính cả ban đêm",
        "giữ 1.825 ngày",
        "Bản nháp: giữ 180 ngày",
        "Quản trị, Vận hành",
        "trục không xóa",
    ):
        assert part in text, part
    other = said(
        trust={"hard_revocation": False, "both_signatures": False, "weak_until": datetime(2027, 1, 1, tzinfo=UTC)},
        exchange={"expires_after_days": 0, "forward_within": "tree", "secret_phrases": ("kín",)},
        console={"views_kept_days": 0, "totp_required_for": ()},
    )
    for part in (
        "vẫn hợp lệ, kèm lưu ý",
        "PDF chỉ cần một chữ ký",
        "nếu ký đến 01/01/2027",
        "không có hạn",
        "bất kỳ cơ quan nào",
        "(kín)",
        "nào: giữ mãi",
        "Không vai trò nào bắt buộc",
    ):
        assert part in other, part


def test_every_rule_names_settings_that_there_are() -> None:
    settings = Settings(**SETTINGS)
    for group in rule_groups(settings):
        for rule in group.rules:
            for key in rule.keys:
                section, name = key.split(".")
                assert hasattr(getattr(settings, section), name), key


def test_each_rule_says_where_it_comes_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "axis.toml").write_text('[node]\ncode = "H24"\n[limits]\nreceivers = 7\n', encoding="utf-8")
    monkeypatch.setenv("AXIS_TRUST__BOTH_SIGNATURES", "false")
    settings = read_settings(tmp_path / "axis.toml")
    lines = [line for group in rule_groups(settings) for line in rule_card(group, settings).lines]
    by = {line.keys: line.source.word for line in lines}
    assert by["trust.both_signatures"] == "Biến môi trường"
    assert by["trust.weak_until"] == "Mặc định"
    assert by["limits.package_bytes, limits.attachment_bytes, limits.receivers, limits.attachments"] == "axis.toml"
    assert by[""] == "Cố định"
