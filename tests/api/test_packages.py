"""Packages in and out over the API: the same exchange as behind every other front."""

import asyncio
import base64
import hashlib

import pytest

from axis.edxml.writer import to_bytes
from axis.terms import Scope
from tests.api.city import PACKAGE_BYTES, PHUONG, XD, YTE, ApiCity
from tests.exchange.harness import a_document, a_file, a_status


def digest(raw: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(raw).digest()).decode()}:"


async def listed(city: ApiCity, system_id: str, query: str = "") -> list[str]:
    answer = await city.call("GET", f"/packages/pending{query}", by=system_id)
    return [item["package_id"] for item in answer.json["items"]]


async def test_a_document_goes_from_one_system_to_the_other_and_its_status_back(city: ApiCity) -> None:
    document = a_document("H24.15")
    raw = to_bytes(document)
    sent = await city.call("POST", "/packages", by=YTE, data=raw, headers={"Content-Digest": digest(raw)})
    assert (sent.status, sent.json["outcome"], sent.json["kind"]) == (201, "accepted", "document")
    package_id = sent.json["package_id"]

    pending = (await city.call("GET", "/packages/pending", by=XD)).json
    assert [item["package_id"] for item in pending["items"]] == [package_id]
    assert pending["items"][0]["receivers"] == ["H24.15"]
    assert pending["next"] is None

    fetched = await city.call("GET", f"/packages/{package_id}", by=XD)
    assert fetched.body == raw
    assert fetched.headers["Content-Digest"] == digest(raw)
    assert fetched.headers["Content-Type"] == "application/xml"
    deliveries = (await city.call("GET", "/deliveries?way=received", by=XD)).json
    assert deliveries["items"][0]["state"] == "handed_over"

    done = await city.call("POST", f"/packages/{package_id}/acknowledge", by=XD, json={"state": "done"})
    assert (done.status, done.body) == (204, b"")
    assert await listed(city, XD) == []

    said = {"document_uid": sent.json["document_uid"], "organ_id": "H24.15", "code": "03", "reason": "đã vào sổ"}
    stated = await city.call("POST", "/statuses", by=XD, json=said)
    assert (stated.status, stated.json["kind"]) == (201, "status")
    again = await city.call("POST", "/statuses", by=XD, json=said)
    assert (again.status, again.json["package_id"]) == (200, stated.json["package_id"])
    back = await listed(city, YTE)
    assert back == [stated.json["package_id"]]
    status = await city.call("GET", f"/packages/{back[0]}", by=YTE)
    assert "đã vào sổ" in status.body.decode()
    detail = (await city.call("GET", f"/documents/{sent.json['document_uid']}", by=YTE)).json
    assert detail["deliveries"]["items"][0]["status_code"] == "03"
    assert (detail["sent"], detail["received"]) == (True, False)
    assert [file["name"] for file in detail["files"]] == ["cong-van.pdf"]


async def test_the_same_package_again_gets_the_first_answer(city: ApiCity) -> None:
    first = await city.send("H24.15")
    again = await city.send("H24.15")
    assert (again.status, again.json["outcome"]) == (200, "repeated")
    assert again.json["package_id"] == first.json["package_id"]


async def test_a_large_package_is_streamed_in_and_out(city: ApiCity) -> None:
    raw = to_bytes(a_document("H24.15", files=(a_file(b"%PDF-1.7 " + bytes(range(256)) * 8_000),)))
    sent = await city.call("POST", "/packages", by=YTE, data=raw)
    assert sent.status == 201
    assert (await city.call("GET", f"/packages/{sent.json['package_id']}", by=XD)).body == raw


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "empty_body"),
        (b"not xml", {}, 400, "xml_broken"),
        (b"<edXML/>", {}, 400, "wrong_root"),
        (b"x" * (PACKAGE_BYTES + 1), {}, 413, "too_large"),
        (b"<a/>", {"Content-Encoding": "gzip"}, 400, "bad_request"),
        (b"<a/>", {"Content-Digest": digest(b"<b/>")}, 400, "hash_mismatch"),
        (b"<a/>", {"Content-Digest": "md5=:AAAA:"}, 400, "bad_request"),
    ],
)
async def test_what_is_no_package_is_refused_and_leaves_only_an_audit_line(
    city: ApiCity, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    refused = await city.call("POST", "/packages", by=YTE, data=body, headers=headers)
    assert (refused.status, refused.json["code"]) == (status, code)
    assert await city.node.count("package") == 0
    assert await city.node.count("blob") == 0
    assert (await city.node.audit_kinds()) == ["package_refused"]


async def test_a_token_for_documents_sends_no_status_and_the_other_way_round(city: ApiCity) -> None:
    document = a_document("H24.15")
    assert (await city.call("POST", "/packages", by=YTE, data=to_bytes(document))).status == 201
    status = to_bytes(a_status(document, "01", "H24.15"))
    refused = await city.call("POST", "/packages", token=await city.token(XD, (Scope.SEND,)), data=status)
    assert (refused.status, refused.json["code"]) == (403, "missing_scope")
    assert (
        await city.call("POST", "/packages", token=await city.token(XD, (Scope.STATUS,)), data=status)
    ).status == 201


async def test_pages_of_what_waits_go_on_from_the_last(city: ApiCity) -> None:
    sent = [(await city.send("H24.15", number=str(number))).json["package_id"] for number in range(5)]
    found: list[str] = []
    path = "?limit=2"
    for _ in range(3):
        page = (await city.call("GET", f"/packages/pending{path}", by=XD)).json
        found += [item["package_id"] for item in page["items"]]
        path = f"?limit=2&after={page['next']}"
    assert page["next"] is None
    assert found == sent


@pytest.mark.parametrize("after", ["x", "AAAA", "MQ", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5CmE", "é", "%00", "a" * 500])
async def test_a_place_that_was_never_handed_out_is_refused(city: ApiCity, after: str) -> None:
    for path in ("/packages/pending", "/documents", "/deliveries"):
        answer = await city.call("GET", f"{path}?after={after}", by=XD)
        assert answer.status in (200, 400)
        if path == "/packages/pending":
            assert (answer.status, answer.json["code"]) == (400, "bad_request")


async def test_an_idempotency_key_gives_the_first_answer_to_the_letter(city: ApiCity) -> None:
    key = {"Idempotency-Key": "vb-1"}
    first = await city.send("H24.15", headers=key)
    again = await city.send("H24.15", headers=key)
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await city.send("H24.15", number="7", headers=key)
    assert (other.status, other.json["code"]) == (422, "key_reused")
    elsewhere = await city.send("H24.11", by=XD, sender="H24.15", headers=key)  # another system has its own keys
    assert elsewhere.status == 201


async def test_a_call_that_failed_leaves_its_key_free(city: ApiCity) -> None:
    key = {"Idempotency-Key": "vb-2"}
    assert (await city.send("H24.404", headers=key)).json["code"] == "unknown_receiver"
    assert (await city.send("H24.15", headers=key)).status == 201


async def test_calls_with_one_key_at_once_have_one_effect_and_one_answer(city: ApiCity) -> None:
    key = {"Idempotency-Key": "vb-3"}
    answers = await asyncio.gather(*(city.send("H24.15", headers=key) for _ in range(6)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert len({answer.body for answer in answers if answer.status == 201}) == 1
    assert await city.node.count("package") == 1
    for answer in answers:
        if answer.status == 409:
            assert (answer.json["code"], answer.headers["Retry-After"]) == ("call_running", "1")


async def test_a_key_whose_call_died_is_free_again_after_a_while(city: ApiCity) -> None:
    key = {"Idempotency-Key": "vb-4"}
    await city.send("H24.15", headers=key)
    await city.node.store.write(
        lambda c: c.exec_driver_sql("UPDATE api_answer SET status = NULL, body = NULL").rowcount
    )
    assert (await city.send("H24.15", headers=key)).status == 409
    city.node.clock.advance(minutes=2)
    again = await city.send("H24.15", headers=key)
    assert (again.status, again.json["outcome"]) == (200, "repeated")


@pytest.mark.parametrize("key", ["", "a" * 256, "chìa khóa"])
async def test_a_key_that_is_none_is_refused(city: ApiCity, key: str) -> None:
    refused = await city.send("H24.15", headers={"Idempotency-Key": key})
    assert (refused.status, refused.json["at"]) == (400, "Idempotency-Key")


async def test_an_acknowledgement_says_one_of_four_words(city: ApiCity) -> None:
    package_id = (await city.send("H24.15")).json["package_id"]
    path = f"/packages/{package_id}/acknowledge"
    for body in ({"state": "seen"}, {}, {"state": "done", "more": 1}, [], "done"):
        refused = await city.call("POST", path, by=XD, json=body)
        assert (refused.status, refused.json["code"]) == (400, "bad_request")
    assert (await city.call("POST", path, by=XD, json={"state": "fail"})).status == 204
    assert await listed(city, XD) == []  # listed again later
    city.node.clock.advance(minutes=2)
    assert await listed(city, XD) == [package_id]


async def test_a_sender_asks_one_receiver_to_give_a_document_back(city: ApiCity) -> None:
    sent = (await city.send("H24.15")).json
    asked = {"document_uid": sent["document_uid"], "organ_id": "H24.11", "code": "13", "reason": "gửi nhầm"}
    missing = await city.call("POST", "/statuses", by=YTE, json=asked)
    assert (missing.status, missing.json["at"]) == (400, "receiver_organ")
    foreign = await city.call("POST", "/statuses", by=PHUONG, json=asked | {"receiver_organ": "H24.15"})
    assert foreign.status == 404
    assert (await city.call("POST", "/statuses", by=YTE, json=asked | {"receiver_organ": "H24.15"})).status == 201
    assert len(await listed(city, XD)) == 2


async def test_a_status_without_its_moments_offset_is_refused(city: ApiCity) -> None:
    sent = (await city.send("H24.15")).json
    said = {"document_uid": sent["document_uid"], "organ_id": "H24.15", "code": "01"}
    refused = await city.call("POST", "/statuses", by=XD, json=said | {"said_at": "2026-11-24T09:00:00"})
    assert (refused.status, refused.json["at"]) == (400, "said_at")
    moment = said | {"said_at": "2026-11-24T09:00:00+07:00"}
    first, again = [(await city.call("POST", "/statuses", by=XD, json=moment)).json for _ in range(2)]
    assert (first["outcome"], again["outcome"], again["package_id"]) == ("accepted", "repeated", first["package_id"])
