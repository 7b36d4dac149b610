"""The form of the API: its description, its docs page, its errors, and that all of them say the same."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from axis.errors import AxisError, Busy, Code
from axis.messages import SENTENCES
from axis.web.api import openapi
from axis.web.api.call import PREFIX
from axis.web.api.problems import problem_of
from axis.web.api.table import OPERATIONS
from axis.web.middleware import STATUS_OF
from tests.api.city import XD, YTE, ApiCity

DESCRIPTION = openapi.describe(OPERATIONS, "Axis")


def every_error() -> list[type[AxisError]]:
    found, waiting = [], [AxisError]
    while waiting:
        kind = waiting.pop()
        found.append(kind)
        waiting += kind.__subclasses__()
    return found[1:]


def test_the_description_is_openapi_by_an_outside_verdict() -> None:
    validate(DESCRIPTION)
    assert DESCRIPTION["openapi"] == "3.1.0"


def test_the_description_names_every_operation_once_with_both_languages() -> None:
    named = [one["operationId"] for path in DESCRIPTION["paths"].values() for one in path.values()]
    assert sorted(named) == sorted(operation.name for operation in OPERATIONS)
    assert len({(operation.method, operation.path) for operation in OPERATIONS}) == len(OPERATIONS)
    for operation in OPERATIONS:
        assert operation.vi.endswith(".")
        assert operation.en.endswith(".")


def test_every_error_has_a_status_and_a_problem() -> None:
    for kind in every_error():
        assert any(parent in STATUS_OF for parent in kind.__mro__)
    for code in Code:
        problem = problem_of(Busy(code, "why"), "id", "/api/v1/x")
        assert (problem.code, problem.title, problem.detail_en) == (
            code,
            SENTENCES[code].what_vi,
            SENTENCES[code].action_en,
        )
        assert 400 <= problem.status < 600


async def test_what_is_served_is_what_the_table_says(city: ApiCity) -> None:
    served = await city.call("GET", "/openapi.json")
    assert served.json == openapi.describe(OPERATIONS, "Axis H24: REST API v1")
    page = (await city.call("GET", "/docs")).body.decode()
    for operation in OPERATIONS:
        assert f'id="{operation.name}"' in page
    for code in Code:
        assert f'id="problem-{code}"' in page
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page)  # nothing from elsewhere
    assert "<script" not in page
    assert "style=" not in page
    assert (await city.call("GET", "/docs.css")).headers["Content-Type"].startswith("text/css")


async def test_answers_are_as_described(city: ApiCity) -> None:
    sent = (await city.send("H24.15", "H24.88")).json
    uid, package_id = sent["document_uid"], sent["package_id"]
    schemas = {"components": DESCRIPTION["components"]}
    for by, path, model in (
        (XD, "/limits", "LimitsOut"),
        (XD, "/organs?q=y+te", "OrganList"),
        (XD, "/organs/000.00.11.H24", "OrganOut"),
        (XD, "/packages/pending", "PendingList"),
        (YTE, "/documents", "DocumentList"),
        (YTE, f"/documents/{uid}", "DocumentDetail"),
        (YTE, f"/deliveries?document_uid={uid}", "DeliveryList"),
        (YTE, "/events", "EventList"),
        (YTE, f"/packages/{package_id}", "Problem"),
        (YTE, "/documents?way=sideways", "Problem"),
    ):
        answer = await city.call("GET", path, by=by)
        schema: dict[str, Any] = {"$ref": f"#/components/schemas/{model}", **schemas}
        Draft202012Validator(schema).validate(answer.json)
    assert Draft202012Validator({"$ref": "#/components/schemas/AcceptedOut", **schemas}).is_valid(sent)


async def test_a_problem_tells_what_where_and_under_which_id(city: ApiCity) -> None:
    refused = await city.call("GET", "/documents?limit=0", by=XD, headers={"X-Request-Id": "lan-1"})
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    problem = refused.json
    assert (problem["status"], problem["code"], problem["at"], problem["request_id"], problem["instance"]) == (
        400,
        "bad_request",
        "limit",
        "lan-1",
        "/api/v1/documents",
    )
    assert problem["type"] == "/api/v1/docs#problem-bad_request"
    assert refused.headers["X-Request-Id"] == "lan-1"


async def test_unknown_parameters_and_paths_and_methods_are_told(city: ApiCity) -> None:
    assert (await city.call("GET", "/documents?wayy=sent", by=XD)).json["at"] == "wayy"
    unknown = await city.call("GET", "/nothing/here", by=XD)
    assert (unknown.status, unknown.json["code"]) == (404, "unknown_operation")
    wrong = await city.call("DELETE", "/packages", by=XD)
    assert (wrong.status, wrong.json["status"], wrong.headers["Allow"]) == (405, 405, "POST")
    other = await city.call("PUT", "/packages/01ARZ3NDEKTSV4RRFFQ69G5FAV", by=XD)
    assert (other.status, other.headers["Allow"]) == (405, "GET")


@pytest.mark.parametrize("name", ["..%2F..%2Fetc", "x" * 300, "%00" * 26, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "é" * 26])
async def test_an_id_that_is_none_is_not_found(city: ApiCity, name: str) -> None:
    for path in (f"/packages/{name}", f"/documents/{name}", f"/organs/{name}"):
        answer = await city.call("GET", path, by=XD)
        assert answer.status == 404
        assert answer.json["code"] in ("not_found", "unknown_operation")


async def test_a_json_body_is_bounded_in_size_and_depth(city: ApiCity) -> None:
    for body, status, code in (
        (b"[" * 100_000, 400, "bad_request"),
        (b'{"document_uid": "' + b"x" * (300 << 10) + b'"}', 413, "too_large"),
        (b"", 400, "empty_body"),
        (b"\xff\xfe", 400, "bad_request"),
        (b'{"document_uid": "a", "organ_id": "b", "code": "99"}', 400, "bad_request"),
    ):
        refused = await city.call("POST", "/statuses", by=XD, data=body)
        assert (refused.status, refused.json["code"]) == (status, code)


def test_the_docs_page_of_the_repository_names_every_scope() -> None:
    page = (Path(__file__).parents[2] / "docs" / "connect" / "rest.md").read_text(encoding="utf-8")
    assert json.dumps(PREFIX)[1:-1] in page
    for operation in OPERATIONS:
        assert f"{operation.method} {operation.path}" in page, operation.name
