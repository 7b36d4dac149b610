"""The OpenAPI 3.1 description, made from the table of operations: it cannot say anything else than the routes do."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel

from axis import __version__
from axis.web.api.bodies import DIGEST_HEADER
from axis.web.api.call import PREFIX, Operation, Raw
from axis.web.api.models import Problem
from axis.web.api.once import HEADER as IDEMPOTENCY_KEY
from axis.web.api.problems import CONTENT_TYPE as PROBLEM

_REF: Final = "#/components/schemas/{model}"
_JSON: Final = "application/json"
_BYTES: Final[Mapping[str, Any]] = {"type": "string", "format": "binary"}
_PATH_PART: Final = re.compile(r"{(\w+)}")
_ANYWHERE: Final = (400, 429, 500, 503)
_WITH_TOKEN: Final = (401, 403)
_WITH_BODY: Final = (409, 413, 422)


def describe(operations: Iterable[Operation], title: str) -> dict[str, Any]:
    """The description as a JSON value."""
    schemas = _Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    problem = {"description": "Problem", "content": {PROBLEM: {"schema": schemas.of(Problem)}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": __version__,
            "description": "REST API v1 of the document exchange node. Trục liên thông văn bản: API REST phiên bản 1.",
        },
        "servers": [{"url": PREFIX}],
        "paths": paths,
        "components": {
            "schemas": schemas.all,
            "responses": {"Problem": problem},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


class _Schemas:
    """The models that are spoken of, each once."""

    def __init__(self) -> None:
        self.all: dict[str, Any] = {}

    def of(self, model: type[BaseModel], mode: str = "serialization") -> dict[str, Any]:
        """A reference to a model."""
        schema = dict(_schema_of(model, mode))
        self.all |= schema.pop("$defs", {})
        self.all[model.__name__] = schema
        return {"$ref": _REF.format(model=model.__name__)}


@cache
def _schema_of(model: type[BaseModel], mode: str) -> Mapping[str, Any]:
    """Worked out once: most operations answer with the same few models, and tests start a node each."""
    return model.model_json_schema(ref_template=_REF, mode="validation" if mode == "validation" else "serialization")


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.en,
        "description": operation.vi,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas), *_headers(operation)],
        "responses": _responses(operation, schemas),
        # A bearer scheme of OpenAPI 3.1 may name roles: any one of ours is enough.
        "security": [{"token": [scope.value]} for scope in operation.scopes],
    }
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, schemas, "validation")}
    if operation.form is not None:
        described["requestBody"] = {"required": True, "content": _form(operation.form, schemas)}
    return described


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PATH_PART.findall(operation.path)
    ]


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[dict[str, Any]]:
    if operation.query is None:
        return []
    schema = operation.query.model_json_schema(ref_template=_REF)
    schemas.all |= schema.get("$defs", {})
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": one.get("description", ""),
            "schema": {key: value for key, value in one.items() if key not in ("description", "title")},
        }
        for name, one in schema["properties"].items()
    ]


def _headers(operation: Operation) -> list[dict[str, Any]]:
    headers: list[dict[str, Any]] = [
        {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}
        for name, text in operation.takes.items()
    ]
    if operation.idempotent:
        headers.append(
            {
                "name": IDEMPOTENCY_KEY,
                "in": "header",
                "required": False,
                "description": "A word of your own: the same call again gets the same answer for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    if operation.body is Raw.PACKAGE:
        headers.append(
            {
                "name": DIGEST_HEADER,
                "in": "header",
                "required": False,
                "description": "sha-256=:BASE64: of the body (RFC 9530), which is compared.",
                "schema": {"type": "string"},
            }
        )
    return headers


def _responses(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, body in operation.replies.items():
        responses[str(status)] = {"description": HTTPStatus(status).phrase}
        if body is not None:
            responses[str(status)]["content"] = _content(body, schemas, "serialization")
    bad = [*_ANYWHERE]
    if operation.scopes:
        bad += _WITH_TOKEN
    has_body = operation.body is not None or operation.form is not None
    if has_body:
        bad += _WITH_BODY
    if _PATH_PART.search(operation.path) or has_body:
        bad.append(404)
    for status in sorted(set(bad)):
        responses[str(status)] = {"$ref": "#/components/responses/Problem"}
    return responses


def _content(body: type[BaseModel] | Raw, schemas: _Schemas, mode: str) -> dict[str, Any]:
    if isinstance(body, Raw):
        return {body.value: {"schema": _BYTES}}
    return {_JSON: {"schema": schemas.of(body, mode)}}


def _form(model: type[BaseModel], schemas: _Schemas) -> dict[str, Any]:
    """JSON alone, or as a part of a form beside files, each under a name of its own."""
    schema = schemas.of(model, "validation")
    return {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["document"],
                "properties": {"document": schema},
                "additionalProperties": _BYTES,
            },
            "encoding": {"document": {"contentType": _JSON}},
        },
        _JSON: {"schema": schema},
    }
