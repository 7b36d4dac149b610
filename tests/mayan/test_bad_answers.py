"""Mayan answers with what is no answer, or is not what it should be: words that help, and nothing is lost."""

import asyncio
import json
import os
import ssl
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.base import PeerParts
from adapters.base import make_peer as make_any
from adapters.checking import Fault, Trouble
from adapters.mayan import wire
from adapters.mayan.desk import make_peer
from adapters.mayan.finding import key_of, mark_of
from adapters.mayan.names import read_names, read_tags, read_urgency
from axis.clock import SystemClock
from axis.delivery.partner import Partner
from axis.edxml.model import StatusHeader
from axis.edxml.reader import read
from axis.errors import Malformed
from tests.exchange.harness import a_document, a_file
from tests.mail.servers import make_certificate
from tests.mayan.city import DMS, ORGAN, SAID, MayanCity, options
from tests.mayan.clerk import STATES
from tests.mayan.conftest import MakeCity
from tests.mayan.double import RECORDED
from tests.mayan.line import Answer, Line
from tests.mayan.real import VARIABLE
from tests.mayan.test_check import partner

PARTS = PeerParts(clock=SystemClock())
pytestmark = pytest.mark.skipif(VARIABLE in os.environ, reason="on the double")
HTML = b"<html><title>Mayan</title>" + b"x" * 5_000
HUGE = b'{"results": [' + b'{"id": 1},' * 1_000_000 + b'{"id": 1}], "next": null}'
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(body=HTML, content_type="text/html"), "not JSON"),
        (Answer(status=500, body=HTML, content_type="text/html"), "HTTP 500"),
        (Answer(status=502, body=b"", content_type="text/plain"), "HTTP 502"),
        (Answer(status=401, body=b'{"detail": "Invalid token."}'), "Invalid token."),
        (Answer(status=403, body=b'{"detail": "Invalid token."}'), "Invalid token."),
        (Answer(status=429, body=b"{}"), "HTTP 429"),
        (Answer(status=413, body=b""), "HTTP 413"),
        (Answer(status=302, headers={"Location": "http://10.0.0.1/"}), "HTTP 302"),
        (Answer(body=HUGE), "more than"),
        (Answer(body=DEEP), "not JSON"),
        (Answer(body=b""), "not as Mayan"),
        (Answer(body=b"[]"), "not as Mayan"),
        (Answer(body=b'{"results": {}, "next": null}'), "not as Mayan"),
        (Answer(body=b'{"results": [1], "next": null}'), "not as Mayan"),
        (Answer(body=b'{"results": [{"id": "1", "label": "x"}], "next": null}'), "not as Mayan"),
        (Answer(body=b'{"results": [{"id": true, "label": 7}], "next": null}'), "not as Mayan"),
    ],
    ids=[
        "html",
        "500",
        "502",
        "401",
        "403",
        "429",
        "413",
        "302",
        "huge",
        "deep",
        "empty",
        "list",
        "map",
        "number",
        "text-id",
        "odd",
    ],
)
async def test_an_answer_that_is_none_delays_and_loses_nothing(city: MayanCity, answer: Answer, words: str) -> None:
    city.line.answers["."] = answer
    accepted = await city.arrives(a_document(ORGAN))
    assert await city.node.states(accepted) == {ORGAN: "retrying"}
    query = "SELECT last_error FROM consignment"
    (why,) = await city.node.store.read(lambda c: c.exec_driver_sql(query).scalars().all())
    assert words in why
    assert city.options.token.get_secret_value() not in why
    calls = len(city.line.calls)
    with pytest.raises(Exception, match=words):
        await city.inbox.poll()
    assert len(city.line.calls) - calls == 1
    city.line.whole()
    await city.later(seconds=40)
    assert await city.node.states(accepted) == {ORGAN: "acknowledged"}
    assert len(await city.filed()) == 1


async def test_an_upload_that_answers_500_though_the_file_is_there_is_none_lost(city: MayanCity) -> None:
    """Peer: the real one does so when its converter fails."""
    upload = city.peer.mayan.upload

    async def upload_and_fail(document: int, what: Any) -> None:
        await upload(document, what)
        raise Trouble(Fault.OTHER, "POST: HTTP 500")

    city.peer.mayan.upload = upload_and_fail  # type: ignore[method-assign]
    accepted = await city.arrives(a_document(ORGAN))
    assert await city.node.states(accepted) == {ORGAN: "acknowledged"}
    (document,) = await city.filed()
    assert await city.clerk.count_files(document["id"]) == 2


async def test_what_is_missing_there_is_named_all_at_once(new_city: MakeCity) -> None:
    city = await new_city(make_missing=True)
    chosen = {"document_type": "Không có", "cabinet": "Tủ lạ", "tag_send": "nhãn lạ", "workflow": "Luồng lạ"}
    strange = city.options.model_copy(update={**chosen, "make_missing": False})
    peer = make_peer(DMS, strange, PARTS)
    with pytest.raises(Trouble) as caught:
        await peer.health()
    await peer.close()
    assert caught.value.fault is Fault.NOT_SET_UP
    for name in chosen.values():
        assert f"“{name}”" in str(caught.value)


async def test_two_processes_that_make_what_is_missing_do_not_disturb_each_other(new_city: MakeCity) -> None:
    """The node begins to look while its administrator has the partner checked."""
    city = await new_city(make_missing=True)
    chosen = {"cabinet": "Tủ mới / Năm nay", **{f"tag_{name}": f"nhãn {name}" for name in ("send", "sent", "failed")}}
    options = city.options.model_copy(update={**chosen, "document_type": "Loại mới", "metadata": "code=so_moi"})
    peers = [make_peer(DMS, options, PARTS) for _process in range(3)]
    first, *others = await asyncio.gather(*(peer.setup.layout() for peer in peers))
    for peer in peers:
        await peer.close()
    for other in others:
        assert (other.tags, other.metadata, other.document_type) == (first.tags, first.metadata, first.document_type)


async def test_what_was_removed_there_is_made_again_or_named(city: MayanCity) -> None:
    """A tag that somebody removes and makes anew has another number."""
    await city.inbox.poll()
    tag = (await city.peer.setup.layout()).tags[city.options.tag_send]
    city.line.answers[f"tags/{tag}/documents/"] = Answer(status=404, body=b'{"detail": "No Tag matches"}')
    with pytest.raises(Trouble, match="not there, or no right"):
        await city.inbox.poll()
    assert city.peer.setup._layout is None
    city.line.whole()
    assert await city.inbox.poll() == 0


async def test_a_token_that_is_nobodys_is_refused(city: MayanCity) -> None:
    """Peer: without an account the real one answers with empty lists."""
    city.line.answers["users/current/"] = Answer(body=b'{"id": null, "username": ""}')
    with pytest.raises(Trouble) as caught:
        await city.peer.health()
    assert caught.value.fault is Fault.LOGIN_REFUSED


async def test_tls_of_another_name_and_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, other = make_certificate(tmp_path), make_certificate(tmp_path / "other", "mayan.invalid")

    async def hello(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", hello)
    for certificate, ca, what in ((ours, "", Fault.TLS_UNTRUSTED), (other, str(other.ca), Fault.TLS_NAME)):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate.pem)
        secure = TestServer(app, scheme="https")
        await secure.start_server(ssl=context)
        try:
            chosen = options(Line(target="", url=f"https://127.0.0.1:{secure.port}"), "x", ca_file=ca)
            peer = make_peer(DMS, chosen, PARTS)
            with pytest.raises(Trouble) as caught:
                await peer.health()
            assert caught.value.fault is what
            await peer.close()
        finally:
            await secure.close()


def test_options_that_cannot_be_meant_are_refused() -> None:
    for changed in (
        {"plain_http": "false"},
        {"url": "ftp://x/"},
        {"url": "https://user:secret@x/"},
        {"states": "Xong=99"},
        {"metadata": "code=1abc"},
        {"metadata": "receivers=-"},
        {"metadata": "code=axis_subject"},
        {"status_tags": "06"},
        {"tag_sent": "axis-send"},
        {"document_type": " "},
        {"token": "in the open"},
    ):
        who = partner("http://127.0.0.1:1")
        with pytest.raises(Malformed) as caught:
            make_any(
                Partner(partner_id=DMS, adapter="mayan", options={**who.options, **changed}, secrets=who.secrets), PARTS
            )
        assert "secret@" not in str(caught.value)


def test_names_and_urgencies_are_read_as_people_write_them() -> None:
    names = read_names("code=so_ky_hieu, signer=-")
    assert (names["code"], names["subject"], "signer" in names) == ("so_ky_hieu", "axis_subject", False)
    assert read_tags("06=xong, 02 = trả lại") == {"06": "xong", "02": "trả lại"}
    found = [read_urgency(text) for text in ("Hoả tốc", "2", " Khẩn ", "9", "gấp", "²")]
    assert found == [3, 2, 1, None, None, None]
    assert key_of("a b") == key_of(" a b ") != key_of("a  b")
    assert key_of("H24.1,2026/11/24,15/VP").isalnum()


async def test_a_subject_that_looks_like_our_mark_claims_no_package(city: MayanCity) -> None:
    first = await city.arrives(a_document(ORGAN, number="1"))
    evil = f"{mark_of(first.package_id)}\n{mark_of(first.package_id)}"
    await city.arrives(a_document(ORGAN, number="2", subject=evil))
    await city.restart()
    assert (await city.peer._arriving._finder.made_of(first.package_id)) is not None
    first_there, second_there = await city.filed()
    assert (await city.peer._arriving._finder.made_of(first.package_id)).ref == first_there["id"]  # type: ignore[union-attr]
    assert second_there["id"] != first_there["id"]


async def test_a_document_of_a_type_without_our_metadata_is_not_sent(city: MayanCity) -> None:
    await city.clerk.call("POST", "document_types/", json={"label": "Khác"})
    ref = await city.clerk.write("Khác", "Văn bản", {}, {"a.pdf": b"%PDF"})
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 0
    (why,) = await city.clerk.comments(ref)
    assert "axis_document_id" in why
    assert await city.clerk.tags(ref) == {city.options.tag_failed}


async def test_files_that_lie_are_told(city: MayanCity) -> None:
    names = {"../../etc/passwd": b"%PDF-1.4 a", "trùng.pdf": b"%PDF-1.4 b"}
    ref = await city.clerk.write(city.options.outgoing_type, "Văn bản", SAID, names)
    await city.clerk.tag(ref, city.options.tag_send)
    city.line.answers["/download/"] = Answer(body=b"something else", content_type="application/pdf")
    assert await city.inbox.poll() == 0
    assert "(hash_mismatch)" in (await city.clerk.comments(ref))[0]
    city.line.whole()
    await city.clerk.tag(ref, city.options.tag_send)
    city.line.answers["/download/"] = Answer(status=404, body=b"{}")
    assert await city.inbox.poll() == 0
    assert any("(attachment_absent)" in one for one in await city.clerk.comments(ref))
    city.line.whole()
    await city.clerk.tag(ref, city.options.tag_send)
    assert await city.inbox.poll() == 1
    assert await city.clerk.tags(ref) == {city.options.tag_sent}


async def test_one_document_that_we_may_not_see_stops_no_other(city: MayanCity) -> None:
    """Rights there may differ by document."""
    filed = [await city.arrives(a_document(ORGAN, number=str(number))) for number in range(2)]
    hidden, seen = [one["id"] for one in await city.filed()]
    refs = [
        await city.clerk.write(city.options.outgoing_type, "Văn bản", SAID | {"code": f"{n}/SXD"}, {"a.pdf": b"%PDF"})
        for n in range(2)
    ]
    for ref in refs:
        await city.clerk.tag(ref, city.options.tag_send)
    denied = Answer(status=403, body=b'{"detail": "You do not have permission."}')
    city.line.answers[f"documents/({refs[0]}|{hidden})/"] = denied
    assert await city.inbox.poll() == 2  # the other document, and the other's step
    assert [await city.clerk.tags(ref) for ref in refs] == [{city.options.tag_send}, {city.options.tag_sent}]
    assert [(await city.node.statuses(one))[ORGAN] for one in filed] == [None, "01"]
    city.line.whole()
    assert await city.inbox.poll() == 2
    assert [await city.clerk.tags(ref) for ref in refs] == [{city.options.tag_sent}] * 2
    assert (await city.clerk.metadata(seen))["reported"]


async def test_a_step_that_the_node_refuses_is_noted_and_passed(city: MayanCity) -> None:
    """Somebody has emptied what the node must know: the next ones are told once it is back."""
    accepted = await city.arrives(a_document(ORGAN))
    (document,) = await city.filed()
    await city.clerk.set(document["id"], "sender", "")
    assert await city.inbox.poll() == 0
    (why,) = await city.clerk.comments(document["id"])
    assert "axis_sender" in why
    assert city.options.tag_failed in await city.clerk.tags(document["id"])
    await city.clerk.set(document["id"], "sender", "H24.11")
    await city.clerk.move(document["id"], STATES[1])
    assert await city.inbox.poll() == 1
    assert (await city.node.statuses(accepted))[ORGAN] == "03"


async def test_a_status_of_a_document_that_is_not_there_waits(city: MayanCity) -> None:
    from tests.exchange.harness import a_status  # noqa: PLC0415 - here alone

    own = a_document("H24.11", sender=ORGAN, number="500")
    await city.node.send(DMS, own)
    await city.node.take("dms-yte")
    accepted = await city.node.send("dms-yte", a_status(own, "03", "H24.11"))
    await city.push()
    assert set((await city.node.states(accepted)).values()) == {"retrying"}


async def test_many_open_documents_are_looked_at_in_turn(new_city: MakeCity) -> None:
    city = await new_city(look=2)
    for number in range(5):
        await city.arrives(a_document(ORGAN, number=str(number), files=(a_file(),)))
    refs = [one["id"] for one in await city.filed()]
    assert [await city.inbox.poll() for _ in range(4)] == [2, 2, 1, 0]
    await city.clerk.move(refs[4], STATES[1])
    assert sum([await city.inbox.poll() for _ in range(4)]) == 1


def test_every_recorded_answer_is_read_as_it_is() -> None:
    """What the real one was seen to answer fits what reads it."""
    readers = {
        "GET tags/N/documents/": wire.read_document,
        "GET documents/": wire.read_document,
        "GET documents/N/files/": wire.read_file,
        "GET documents/N/metadata/": wire.read_value,
        "GET documents/N/workflow_instances/": wire.read_flow,
        "GET documents/N/workflow_instances/N/log_entries/": wire.read_step,
        "GET tags/": wire.read_named,
        "GET document_types/": wire.read_named,
    }
    met = set()
    for path in RECORDED.glob("*.json"):
        found = json.loads(path.read_text())
        name = f"{found['method']} {found['path']}"
        if name in readers and found["status"] == 200:
            rows, _ = wire.rows_of(found["body"])
            assert rows, name
            for row in rows:
                readers[name](row)
            met.add(name)
    assert met == readers.keys()


async def test_a_step_that_fails_here_is_not_passed_by_the_next(
    city: MayanCity, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own fault leaves an item in the partner's list; what is told after it must not hide it."""
    accepted = await city.arrives(a_document(ORGAN))
    (document,) = await city.filed()
    await city.clerk.move(document["id"], STATES[1])
    accept, calls = city.node.exchange.accept, []

    async def stumble(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 1:
            raise RuntimeError("ours")
        return await accept(*arguments)

    monkeypatch.setattr(city.node.exchange, "accept", stumble)
    assert await city.inbox.poll() == 1
    assert "reported" not in await city.clerk.metadata(document["id"])
    assert await city.inbox.poll() == 2
    taken = [read(raw).header for raw in await city.node.take("dms-yte")]
    assert sorted(one.status_code for one in taken if isinstance(one, StatusHeader)) == ["01", "03"]
    assert (await city.node.statuses(accepted))[ORGAN] == "03"
