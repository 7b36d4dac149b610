"""Every operation, driven by its own description: wrong types, missing and unknown fields, too long, not theirs.

Whatever comes, the answer is a problem document that says whose fault it is, never an internal error, and nothing is
stored.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from axis.web.api import openapi
from axis.web.api.call import Operation
from axis.web.api.table import OPERATIONS
from tests.api.city import XD, Answer, ApiCity

DESCRIPTION = openapi.describe(OPERATIONS, "Axis")
SCHEMAS = DESCRIPTION["components"]["schemas"]
BASES: dict[str, dict[str, Any]] = {
    "AcknowledgeIn": {"state": "done"},
    "StatusIn": {"document_uid": "01ARZ3NDEKTSV4RRFFQ69G5FAV", "organ_id": "H24.15", "code": "01"},
    "DocumentIn": {
        "sender": {"organ_id": "H24.15"},
        "receivers": [{"organ_id": "H24.11"}],
        "number": "1",
        "notation": "A",
        "promulgation_date": "2026-11-24",
    },
    "WebhookIn": {"url": "https://dms.invalid/"},
    "FindIn": {"items": []},
    "ForwardIn": {"organ_id": "H24.15", "to_organ": "H24.15.2", "reason": "để xử lý"},
    "ReturnIn": {"organ_id": "H24.15", "reason": "gửi nhầm"},
}
"""A good body for each model; a new model must be put here."""

KEPT = ("document", "package", "delivery", "consignment", "status_event", "webhook", "upload")
STRANGE: tuple[Any, ...] = (
    None,
    True,
    -1,
    1.5,
    10**30,
    "",
    "\0",
    "x" * 20_000,
    "\u202e",
    [],
    {},
    [[]],
    {"a": 1},
    [None],
)
IDS = ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "..%2F..%2Fetc%2Fpasswd", "%00", "'%20OR%201=1--", "%F0%9F%92%A9", "y" * 400)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema itself where it is a reference."""
    while "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    return schema


def bodies() -> Iterator[tuple[Operation, str]]:
    for operation in OPERATIONS:
        model = operation.form or operation.body
        if isinstance(model, type):
            yield operation, model.__name__


def allows(schema: dict[str, Any], value: Any) -> bool:
    """Whether the description takes the value; what is only text is anything short of its length."""
    return Draft202012Validator({**schema, "components": DESCRIPTION["components"]}).is_valid(value)


def wrong_bodies(model: str) -> Iterator[tuple[str, Any]]:
    """What the description forbids, field by field."""
    schema, base = SCHEMAS[model], BASES[model]
    yield "not an object", []
    yield "text", "x"
    yield "unknown field", {**base, "no_such_field": 1}
    for name in schema.get("required", ()):
        yield f"without {name}", {key: value for key, value in base.items() if key != name}
    for name, field in schema["properties"].items():
        for value in STRANGE:
            if not allows(field, value):
                yield f"{name} = {str(value)[:20]!r}", {**base, name: value}


def fill(path: str, value: str) -> str:
    for name in ("package_id", "document_uid", "organ_id", "upload_id", "webhook_id"):
        path = path.replace("{" + name + "}", value)
    return path.replace("{day}", "2026-11-24")


async def counts(city: ApiCity) -> dict[str, int]:
    return {table: await city.node.count(table) for table in KEPT}


def check_problem(answer: Answer, said: object) -> None:
    assert 400 <= answer.status < 500, (said, answer.status, answer.json)
    assert answer.headers["Content-Type"].startswith("application/problem+json"), said
    assert answer.json["status"] == answer.status
    assert answer.json["code"] != "internal", said
    assert answer.json["title"], said


def test_there_is_a_good_body_for_every_model() -> None:
    assert {model for _, model in bodies()} == set(BASES)
    for model, base in BASES.items():
        assert allows(SCHEMAS[model], base), model


@pytest.mark.parametrize("name", [operation.name for operation, _ in bodies()])
async def test_a_body_that_the_description_forbids_is_refused_and_leaves_nothing(city: ApiCity, name: str) -> None:
    operation, model = next(one for one in bodies() if one[0].name == name)
    path = fill(operation.path, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    before, tried = await counts(city), 0
    for said, body in wrong_bodies(model):
        check_problem(await city.call(operation.method, path, by=XD, json=body), said)
        tried += 1
    for raw in (b"", b"{", b"\xff\xfe{}", b'{"a": NaN}', b"[" * 50_000, json.dumps(BASES[model]).encode() + b"x"):
        answer = await city.call(operation.method, path, by=XD, data=raw, headers={"Content-Type": "application/json"})
        check_problem(answer, raw[:20])
    packed = await city.call(operation.method, path, by=XD, data=b"x", headers={"Content-Encoding": "gzip"})
    check_problem(packed, "packed")
    assert tried > 5
    assert await counts(city) == before


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS if operation.query is not None])
async def test_a_query_that_the_description_forbids_is_refused(city: ApiCity, name: str) -> None:
    operation = next(one for one in OPERATIONS if one.name == name)
    described = DESCRIPTION["paths"][operation.path][operation.method.lower()]["parameters"]
    path = fill(operation.path, "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    check_problem(await city.call(operation.method, path, by=XD, params={"no_such": "1"}), "unknown")
    needed = {
        one["name"]: "H24" if one["name"].endswith("organ") else "up"
        for one in described
        if one["in"] == "query" and one["required"]
    }
    if needed:
        check_problem(await city.call(operation.method, path, by=XD, params={}), "missing")
    for one in described:
        if one["in"] != "query":
            continue
        for value in ("", "x" * 2_000, "-1", "1e9", "\0", "null", "%"):
            kinds = resolved(one["schema"])
            if kinds.get("type") == "string" and "enum" not in kinds:
                continue  # any text may be looked for
            answer = await city.call(operation.method, path, by=XD, params={**needed, one["name"]: value})
            assert answer.status < 500, (one["name"], value)
            if answer.status >= 400:
                check_problem(answer, (one["name"], value))


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS if "{" in operation.path])
async def test_an_id_that_is_none_or_not_theirs_is_a_problem(city: ApiCity, name: str) -> None:
    operation = next(one for one in OPERATIONS if one.name == name)
    model = operation.form or operation.body
    request: dict[str, Any] = {"headers": {"Tus-Resumable": "1.0.0"}}
    if isinstance(model, type):
        request["json"] = BASES[model.__name__]
    if name == "listExchangeItems":
        request["params"] = {"direction": "up"}
    if name == "continueUpload":
        request["headers"] |= {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    for value in IDS:
        path = fill(operation.path, value).replace("2026-11-24", value if "{day}" in operation.path else "2026-11-24")
        answer = await city.call(operation.method, path, by=XD, **request)
        assert answer.status in (400, 404), (value, answer.status, answer.json)
        if operation.method != "HEAD":
            check_problem(answer, value)
