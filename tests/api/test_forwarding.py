"""Passing on, giving back, and asking for the way, over HTTP."""

import asyncio
from typing import Any

import pytest

from axis.store import registry
from axis.store.registry import OrganRow
from axis.terms import EventKind
from tests.api.city import PHUONG, XD, YTE, Answer, ApiCity

UNIT = "H24.15.2"
FORWARD = {"organ_id": "H24.15", "to_organ": UNIT, "reason": "Giao phòng xử lý"}
RETURN = {"organ_id": "H24.15", "reason": "thuộc thẩm quyền của Sở Y tế"}


@pytest.fixture
async def document(city: ApiCity) -> str:
    """A document from Sở Y tế at Sở Xây dựng, which has a unit."""
    unit = (OrganRow(code=UNIT, name="Phòng Hạ tầng", parent="H24.15"),)
    await city.node.store.write(lambda c: registry.import_organs(c, unit, city.node.clock.now(), "test"))
    await city.node.directory.refresh()
    sent = await city.send("H24.15", "H24.88")
    return str(sent.json["document_uid"])


async def forward(city: ApiCity, document: str, *, by: str = XD, **changed: Any) -> Answer:
    return await city.call("POST", f"/documents/{document}/forward", by=by, json=FORWARD | changed)


async def give_back(city: ApiCity, document: str, *, by: str = XD, **changed: Any) -> Answer:
    return await city.call("POST", f"/documents/{document}/return", by=by, json=RETURN | changed)


async def deliveries(city: ApiCity, document: str) -> dict[str, dict[str, Any]]:
    """What the sender sees, by receiver."""
    seen = await city.call("GET", f"/documents/{document}", by=YTE)
    return {one["receiver_organ"]: one for one in seen.json["deliveries"]["items"]}


async def test_a_forward_brings_the_document_to_the_unit_once(city: ApiCity, document: str) -> None:
    first = await forward(city, document)
    assert (first.status, first.json["to_organ"], first.json["changed"]) == (201, UNIT, True)
    again = await forward(city, document)
    assert (again.status, again.json) == (200, {**first.json, "changed": False})
    seen = await deliveries(city, document)
    assert seen[UNIT]["forwarded_from"] == seen["H24.15"]["delivery_id"]
    assert seen[UNIT]["delivery_id"] == first.json["delivery_id"]
    assert [kind for kind, _ in await city.node.events(YTE)].count(EventKind.DOCUMENT_FORWARDED) == 1


async def test_a_keyed_forward_gets_its_first_answer_to_the_letter(city: ApiCity, document: str) -> None:
    path, headers = f"/documents/{document}/forward", {"Idempotency-Key": "f-1"}
    first = await city.call("POST", path, by=XD, json=FORWARD, headers=headers)
    again = await city.call("POST", path, by=XD, json=FORWARD, headers=headers)
    assert (again.status, again.body) == (first.status, first.body)
    other = await city.call("POST", path, by=XD, json=FORWARD | {"reason": "khác"}, headers=headers)
    assert (other.status, other.json["code"]) == (422, "key_reused")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"to_organ": "H24.88"}, 409, "already_receiver"),
        ({"to_organ": "H24.77"}, 403, "forward_outside"),
        ({"to_organ": "H24.999"}, 422, "unknown_receiver"),
        ({"to_organ": "H24.40"}, 422, "receiver_closed"),
        ({"organ_id": "H24.88"}, 404, "not_found"),  # another system's receiver
        ({"organ_id": "H24.77"}, 404, "not_found"),  # no receiver at all
        ({"reason": " "}, 400, "field_invalid"),
        ({"reason": ""}, 400, "bad_request"),
        ({"reason": "x" * 2_001}, 400, "bad_request"),
        ({"to_organ": "x" * 129}, 400, "bad_request"),
        ({"why": "x"}, 400, "bad_request"),
    ],
)
async def test_a_forward_that_cannot_be_is_refused(
    city: ApiCity, document: str, changed: dict[str, Any], status: int, code: str
) -> None:
    refused = await forward(city, document, **changed)
    assert (refused.status, refused.json["code"]) == (status, code)
    assert UNIT not in await deliveries(city, document)


async def test_a_return_refuses_the_document_and_tells_why(city: ApiCity, document: str) -> None:
    done = await give_back(city, document)
    assert (done.status, done.json["kind"]) == (201, "status")
    seen = (await deliveries(city, document))["H24.15"]
    assert seen["status_code"] == "02"
    assert seen["returned_at"] is not None
    assert RETURN["reason"] in seen["return_reason"]
    again = await give_back(city, document)
    assert (again.status, again.json["package_id"]) == (200, done.json["package_id"])
    assert [kind for kind, _ in await city.node.events(YTE)].count(EventKind.DOCUMENT_RETURNED) == 1


async def test_returns_at_once_are_one(city: ApiCity, document: str) -> None:
    said = {"said_at": "2026-11-24T09:00:00+07:00"}
    answers = await asyncio.gather(*(give_back(city, document, **said) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert len({answer.json["package_id"] for answer in answers}) == 1


async def test_what_is_not_yours_cannot_be_returned_nor_its_state_be_seen(city: ApiCity, document: str) -> None:
    for by in (PHUONG, YTE):
        assert (await give_back(city, document, by=by)).status == 404
    act = {"kind": "recall", "documents": [{"document_id": "H24.11,2026/11/24,101/SYT-VP"}], "reason": "sai"}
    wish = {"sender": {"organ_id": "H24.11"}, "receivers": [{"organ_id": "H24.15"}], "act": act}
    recalled = await city.call("POST", "/documents", by=YTE, json=wish, headers={"Idempotency-Key": "r"})
    assert recalled.status == 201, recalled.json
    own, others = await give_back(city, document), await give_back(city, document, by=PHUONG)
    assert (own.status, own.json["code"]) == (409, "delivery_closed")
    assert (others.status, others.json["code"]) == (404, "not_found")
    assert (await deliveries(city, document))["H24.15"]["standing"] == "recalled"


@pytest.mark.parametrize("changed", [{"said_at": "2026-11-24T09:00:00"}, {"reason": ""}, {"organ_id": ""}])
async def test_a_return_that_says_too_little_is_refused(city: ApiCity, document: str, changed: dict[str, Any]) -> None:
    assert (await give_back(city, document, **changed)).json["code"] == "bad_request"


async def test_a_route_is_explained(city: ApiCity) -> None:
    async def explain(to: str) -> dict[str, Any]:
        answer = await city.call("GET", f"/routes/explain?from_organ=H24.11&to_organ={to}", by=XD)
        assert answer.status == 200, answer.json
        return dict(answer.json)

    own = await explain("H24.15")
    assert (own["decided_by"], own["system_id"], own["place"]) == ("own_system", XD, "local")
    assert own["leads_somewhere"]
    assert own["steps"][-1]["vi"].startswith("Kết quả")
    above = await explain("H24.11.3")
    assert (above["decided_by"], above["system_id"]) == ("ancestor_system", YTE)
    closed = await explain("H24.30")
    assert (closed["organ_id"], closed["system_id"]) == ("H24.88", PHUONG)
    far = await explain("G22")
    assert (far["place"], far["uplink_id"], far["system_id"]) == ("uplink", "national", None)
    none = await explain("H24.40")
    assert (none["error"], none["leads_somewhere"], none["place"]) == ("receiver_closed", False, None)


@pytest.mark.parametrize(
    "query",
    ["", "?from_organ=H24.11", "?from_organ=H24.11&to_organ=", "?from=a&to=b", f"?from_organ=a&to_organ={'H' * 129}"],
)
async def test_a_route_needs_both_ends(city: ApiCity, query: str) -> None:
    assert (await city.call("GET", f"/routes/explain{query}", by=XD)).json["code"] == "bad_request"
