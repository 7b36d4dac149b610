"""A system's programs compare days over REST."""

import hashlib
import json
from typing import Any

import pytest

from axis.edxml.writer import to_bytes
from tests.api.city import PHUONG, XD, YTE, ApiCity
from tests.exchange.harness import a_document

DAY = "2026-11-24"


def digest_of(items: list[dict[str, Any]]) -> str:
    """A list's digest, as docs/connect/rest.md says: written down once more, by somebody else's hand."""
    lines = set()
    for item in items:
        words = [item[name] for name in ("direction", "sha256", "kind", "business_type", "from_code", "document_id")]
        line = json.dumps([*words, sorted(set(item["receivers"]))], separators=(",", ":"))
        lines.add(hashlib.sha256(line.encode()).digest())
    return hashlib.sha256(b"".join(sorted(lines))).hexdigest()


async def lists(city: ApiCity, system_id: str, day: str = DAY) -> dict[str, dict[str, Any]]:
    answer = await city.call("GET", f"/reconciliation/{day}", by=system_id)
    assert answer.status == 200, answer.json
    return {one["direction"]: one for one in answer.json["lists"]}


async def items(city: ApiCity, system_id: str, direction: str) -> list[dict[str, Any]]:
    answer = await city.call("GET", f"/reconciliation/{DAY}/items?direction={direction}", by=system_id)
    assert answer.status == 200, answer.json
    return list(answer.json["items"])


def asked(item: dict[str, Any], **changed: object) -> dict[str, Any]:
    kept = {name: value for name, value in item.items() if name != "package_id"}
    return kept | changed


async def test_both_directions_are_told_to_the_system_and_add_up(city: ApiCity) -> None:
    raw = to_bytes(a_document("H24.15", "H24.88"))
    sent = (await city.call("POST", "/packages", by=YTE, data=raw)).json
    assert (await lists(city, XD))["down"]["count"] == 0  # fetched and acknowledged: not before
    await city.call("GET", f"/packages/{sent['package_id']}", by=XD)
    await city.call("POST", f"/packages/{sent['package_id']}/acknowledge", by=XD, json={"state": "done"})
    up, down = await items(city, YTE, "up"), await items(city, XD, "down")
    assert [item["receivers"] for item in up] == [["H24.15", "H24.88"]]
    assert [item["receivers"] for item in down] == [["H24.15"]]
    assert up[0]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert (await lists(city, YTE))["up"]["sha256"] == digest_of(up)
    assert (await lists(city, XD))["down"]["sha256"] == digest_of(down)
    assert (await lists(city, PHUONG))["down"]["count"] == 0
    assert (await lists(city, YTE, "2026-11-25"))["up"]["count"] == 0


async def test_single_items_are_known_missing_or_none_of_the_callers_business(city: ApiCity) -> None:
    await city.send("H24.15")
    (item,) = await items(city, YTE, "up")
    wishes = [
        asked(item),
        asked(item, sha256="0" * 64),  # the same document in other bytes
        asked(item, sha256="1" * 64, document_id="H24.11,2026/11/24,999/X"),
        asked(item, receivers=["H24.15", "H24.88"]),
    ]
    found = (await city.call("POST", "/reconciliation/find", by=YTE, json={"items": wishes})).json["items"]
    assert [one["known"] for one in found] == ["same", "other", "no", "same"]
    assert [one["missing"] for one in found] == [[], [], [], ["H24.88"]]
    stranger = (await city.call("POST", "/reconciliation/find", by=PHUONG, json={"items": wishes[:2]})).json["items"]
    assert [(one["known"], one["package_id"]) for one in stranger] == [("no", None), ("no", None)]


@pytest.mark.parametrize(
    "path",
    [
        "/reconciliation/24-11-2026",
        "/reconciliation/2026-11-24/items",
        "/reconciliation/2026-11-24/items?direction=in",
        "/reconciliation/2026-11-24/items?direction=up&after=..%2Fx",
        "/reconciliation/2026-11-24/items?direction=up&after=%00",
        "/reconciliation/2026-02-30",
    ],
)
async def test_days_and_lists_that_are_none_are_refused(city: ApiCity, path: str) -> None:
    refused = await city.call("GET", path, by=YTE)
    assert (refused.status, refused.json["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "changed",
    [
        {"sha256": "x"},
        {"kind": "status"},
        {"business_type": None},
        {"business_type": 9},
        {"from_code": "a\0b"},
        {"x": 1},
    ],
)
async def test_questions_that_are_none_are_refused(city: ApiCity, changed: dict[str, object]) -> None:
    await city.send("H24.15")
    (item,) = await items(city, YTE, "up")
    refused = await city.call("POST", "/reconciliation/find", by=YTE, json={"items": [asked(item, **changed)]})
    assert (refused.status, refused.json["code"]) == (400, "bad_request")
