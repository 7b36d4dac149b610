"""A double of Mayan's REST API: it keeps what it is told, and answers in the shape that was recorded of the real one.

`make test-mayan` runs the same tests on the real one, and writes those recordings anew.
"""

import hashlib
import json
import pickle
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "0123456789abcdef"  # nobody's
RECORDED = Path(__file__).parent / "recorded"
Row = dict[str, Any]


@cache
def _shapes() -> dict[str, bytes]:
    """Recorded answers, by "METHOD path status", each to be copied by loading it."""
    shapes = {}
    for path in RECORDED.glob("*.json"):
        found = json.loads(path.read_text())
        shapes[f"{found['method']} {found['path']} {found['status']}"] = pickle.dumps(_one(found["body"]))
    return shapes


def _one(body: Any) -> Any:
    """The first row of a list; anything else as it is."""
    rows = body.get("results") if isinstance(body, dict) else None
    return rows[0] if rows else body


def shape(recorded: str, /, **changed: Any) -> Row:
    """A row, or a single answer, as it was recorded, with other values; every value that is given was there."""
    row: Row = pickle.loads(_shapes()[recorded])  # noqa: S301 - our own
    assert changed.keys() <= row.keys(), (recorded, changed.keys() - row.keys())
    return row | changed


@dataclass
class Document:
    """A document."""

    ref: int
    type_ref: int
    label: str
    description: str
    created_at: str
    tags: set[int] = field(default_factory=set)
    values: dict[int, Row] = field(default_factory=dict)  # by metadata type
    files: list[tuple[Row, bytes]] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    flows: list[Row] = field(default_factory=list)


class NotThere(Exception):
    """404."""


class Wrong(Exception):
    """400, with what is said."""


@dataclass
class Mayan:
    """What it keeps."""

    types: dict[int, str] = field(default_factory=dict)
    type_metadata: dict[int, list[int]] = field(default_factory=dict)
    metadata: dict[int, str] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    cabinets: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    cabinet_documents: dict[int, list[int]] = field(default_factory=dict)
    workflows: dict[int, str] = field(default_factory=dict)
    workflow_types: dict[int, set[int]] = field(default_factory=dict)
    states: dict[int, tuple[int, Row]] = field(default_factory=dict)
    transitions: dict[int, tuple[int, Row]] = field(default_factory=dict)
    documents: dict[int, Document] = field(default_factory=dict)
    last: int = 0

    def next(self) -> int:
        self.last += 1
        return self.last

    # ── rows ───────────────────────────────────────────────────────────────────────────────────────────────────

    def type_row(self, ref: int) -> Row:
        return shape("GET document_types/ 200", id=ref, label=self.types[ref])

    def metadata_row(self, ref: int) -> Row:
        return shape("GET metadata_types/ 200", id=ref, name=self.metadata[ref], label=self.metadata[ref])

    def tag_row(self, ref: int) -> Row:
        return shape("GET tags/ 200", id=ref, label=self.tags[ref])

    def cabinet_row(self, ref: int) -> Row:
        label, parent = self.cabinets[ref]
        children = [self.cabinet_row(one) for one, (_, above) in self.cabinets.items() if above == ref]
        return shape(
            "GET cabinets/ 200", id=ref, label=label, parent=parent, full_path=self._path(ref), children=children
        )

    def _path(self, ref: int) -> str:
        label, parent = self.cabinets[ref]
        return label if parent is None else f"{self._path(parent)} / {label}"

    def document_row(self, document: Document) -> Row:
        return shape(
            "POST documents/ 201",
            id=document.ref,
            label=document.label,
            description=document.description,
            datetime_created=document.created_at,
            document_type=self.type_row(document.type_ref),
            file_latest=document.files[-1][0] if document.files else None,
        )

    def value_row(self, document: Document, kind: int) -> Row:
        value = document.values[kind]
        return shape(
            "GET documents/N/metadata/ 200",
            id=value["id"],
            value=value["value"],
            metadata_type=self.metadata_row(kind),
            document=self.document_row(document),
        )

    def state_row(self, ref: int) -> Row:
        return shape("GET workflow_templates/N/states/ 200", id=ref, **self.states[ref][1])

    def transition_row(self, ref: int) -> Row:
        said = self.transitions[ref][1]
        name = "GET documents/N/workflow_instances/N/log_entries/transitions/ 200"
        return shape(
            name,
            id=ref,
            label=said["label"],
            origin_state=self.state_row(said["origin_state_id"]),
            destination_state=self.state_row(said["destination_state_id"]),
        )

    def entry_row(self, ref: int, transition: int | None, comment: str) -> Row:
        step = shape("POST documents/N/workflow_instances/N/log_entries/ 201")
        return step | {
            "id": ref,
            "datetime": now(),
            "comment": comment,
            "transition": None if transition is None else self.transition_row(transition),
            "user": None if transition is None else step["user"],
        }

    # ── doing ──────────────────────────────────────────────────────────────────────────────────────────────────

    def file(self, body: Row) -> Document:
        if body["document_type_id"] not in self.types:
            raise NotThere("DocumentType")
        if len(body["label"]) > 255:
            raise Wrong({"label": ["Ensure this field has no more than 255 characters."]})
        ref = self.next()
        document = Document(ref, body["document_type_id"], body["label"], body.get("description", ""), now())
        self.documents[ref] = document
        for workflow, types in self.workflow_types.items():
            if document.type_ref in types:
                initial = next(one for one, (of, said) in self.states.items() if of == workflow and said["initial"])
                flow = {"id": self.next(), "workflow": workflow, "state": initial, "entries": []}
                flow["entries"].append(self.entry_row(self.next(), None, ""))
                document.flows.append(flow)
        return document

    def of(self, ref: str) -> Document:
        if (found := self.documents.get(int(ref))) is None:
            raise NotThere("Document")
        return found


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


# ── answering ──────────────────────────────────────────────────────────────────────────────────────────────────────

Handler = Callable[..., Any]
ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def keep(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(pattern.replace("N", "([0-9]+)")), handler))
        return handler

    return keep


@route("GET", "users/current/")
def _who(_mayan: Mayan, _body: Row) -> Row:
    return shape("GET users/current/ 200")


@route("GET", "document_types/")
def _types(mayan: Mayan, _body: Row) -> list[Row]:
    return [mayan.type_row(ref) for ref in mayan.types]


def only_once(kind: str, field: str, name: str, there: Mapping[int, str]) -> None:
    """Nothing of the name may be there."""
    if name in there.values():
        raise Wrong({field.lower(): [f"{kind} with this {field} already exists."]})


@route("POST", "document_types/")
def _make_type(mayan: Mayan, body: Row) -> Row:
    only_once("Document type", "Label", body["label"], mayan.types)
    ref = mayan.next()
    mayan.types[ref], mayan.type_metadata[ref] = body["label"], []
    return mayan.type_row(ref)


@route("GET", "document_types/N/metadata_types/")
def _type_metadata(mayan: Mayan, _body: Row, kind: str) -> list[Row]:
    name = "GET document_types/N/metadata_types/ 200"
    return [shape(name, metadata_type=mayan.metadata_row(ref)) for ref in mayan.type_metadata[int(kind)]]


@route("POST", "document_types/N/metadata_types/")
def _add_type_metadata(mayan: Mayan, body: Row, kind: str) -> Row:
    mayan.type_metadata[int(kind)].append(body["metadata_type_id"])
    return {}


@route("GET", "metadata_types/")
def _metadata(mayan: Mayan, _body: Row) -> list[Row]:
    return [mayan.metadata_row(ref) for ref in mayan.metadata]


@route("POST", "metadata_types/")
def _make_metadata(mayan: Mayan, body: Row) -> Row:
    only_once("Metadata type", "Name", body["name"], mayan.metadata)
    ref = mayan.next()
    mayan.metadata[ref] = body["name"]
    return mayan.metadata_row(ref)


@route("GET", "tags/")
def _tags(mayan: Mayan, _body: Row) -> list[Row]:
    return [mayan.tag_row(ref) for ref in mayan.tags]


@route("POST", "tags/")
def _make_tag(mayan: Mayan, body: Row) -> Row:
    only_once("Tag", "Label", body["label"], mayan.tags)
    ref = mayan.next()
    mayan.tags[ref] = body["label"]
    return mayan.tag_row(ref)


@route("GET", "tags/N/documents/")
def _tagged(mayan: Mayan, _body: Row, tag: str) -> list[Row]:
    if int(tag) not in mayan.tags:
        raise NotThere("Tag")
    return [mayan.document_row(one) for one in mayan.documents.values() if int(tag) in one.tags]


@route("GET", "cabinets/")
def _cabinets(mayan: Mayan, _body: Row) -> list[Row]:
    return [mayan.cabinet_row(ref) for ref in mayan.cabinets]


@route("POST", "cabinets/")
def _make_cabinet(mayan: Mayan, body: Row) -> Row:
    ref = mayan.next()
    mayan.cabinets[ref], mayan.cabinet_documents[ref] = (body["label"], body["parent"]), []
    return mayan.cabinet_row(ref)


@route("GET", "cabinets/N/documents/")
def _in_cabinet(mayan: Mayan, _body: Row, cabinet: str) -> list[Row]:
    return [mayan.document_row(mayan.documents[ref]) for ref in mayan.cabinet_documents[int(cabinet)]]


@route("POST", "cabinets/N/documents/add/")
def _put(mayan: Mayan, body: Row, cabinet: str) -> None:
    if int(cabinet) not in mayan.cabinets:
        raise NotThere("Cabinet")
    if body["document"] not in mayan.cabinet_documents[int(cabinet)]:
        mayan.cabinet_documents[int(cabinet)].append(body["document"])


@route("GET", "workflow_templates/")
def _workflows(mayan: Mayan, _body: Row) -> list[Row]:
    return [shape("GET workflow_templates/ 200", id=ref, label=label) for ref, label in mayan.workflows.items()]


@route("POST", "workflow_templates/")
def _make_workflow(mayan: Mayan, body: Row) -> Row:
    ref = mayan.next()
    mayan.workflows[ref], mayan.workflow_types[ref] = body["label"], set()
    return {"id": ref}


@route("GET", "workflow_templates/N/states/")
def _states(mayan: Mayan, _body: Row, workflow: str) -> list[Row]:
    return [mayan.state_row(ref) for ref, (of, _) in mayan.states.items() if of == int(workflow)]


@route("POST", "workflow_templates/N/states/")
def _make_state(mayan: Mayan, body: Row, workflow: str) -> Row:
    ref = mayan.next()
    mayan.states[ref] = (int(workflow), body)
    return mayan.state_row(ref)


@route("POST", "workflow_templates/N/transitions/")
def _make_transition(mayan: Mayan, body: Row, workflow: str) -> Row:
    mayan.transitions[mayan.next()] = (int(workflow), body)
    return {}


@route("POST", "workflow_templates/N/document_types/add/")
def _use_workflow(mayan: Mayan, body: Row, workflow: str) -> None:
    mayan.workflow_types[int(workflow)].add(body["document_type_id"])


@route("GET", "documents/")
def _documents(mayan: Mayan, body: Row) -> list[Row]:
    rows = [mayan.document_row(one) for one in mayan.documents.values()]
    return rows[::-1] if body.get("_ordering") == "-datetime_created" else rows


@route("POST", "documents/")
def _make_document(mayan: Mayan, body: Row) -> Row:
    return mayan.document_row(mayan.file(body))


@route("GET", "documents/N/")
def _document(mayan: Mayan, _body: Row, ref: str) -> Row:
    return mayan.document_row(mayan.of(ref))


@route("DELETE", "documents/N/")
def _trash(mayan: Mayan, _body: Row, ref: str) -> None:
    mayan.of(ref)
    del mayan.documents[int(ref)]


@route("DELETE", "trashed_documents/N/")
def _empty_trash(_mayan: Mayan, _body: Row, _ref: str) -> None:
    return None


@route("GET", "documents/N/files/")
def _files(mayan: Mayan, _body: Row, ref: str) -> list[Row]:
    return [row for row, _ in mayan.of(ref).files]


@route("POST", "documents/N/files/")
def _upload(mayan: Mayan, body: Row, ref: str) -> None:
    content = body["file_new"]
    if not content:
        raise Wrong({"file_new": ["The submitted file is empty."]})
    if len(body["filename"]) > 255:
        raise Wrong({"filename": ["Ensure this field has no more than 255 characters."]})
    row = shape(
        "GET documents/N/files/ 200",
        id=mayan.next(),
        filename=body["filename"],
        size=len(content),
        checksum=hashlib.sha256(content).hexdigest(),
        document_id=int(ref),
    )
    mayan.of(ref).files.append((row, content))


@route("GET", "documents/N/files/N/download/")
def _download(mayan: Mayan, _body: Row, ref: str, file: str) -> bytes:
    for row, content in mayan.of(ref).files:
        if row["id"] == int(file):
            return content
    raise NotThere("DocumentFile")


@route("DELETE", "documents/N/files/N/")
def _remove_file(mayan: Mayan, _body: Row, ref: str, file: str) -> None:
    document = mayan.of(ref)
    document.files = [one for one in document.files if one[0]["id"] != int(file)]


@route("GET", "documents/N/metadata/")
def _values(mayan: Mayan, _body: Row, ref: str) -> list[Row]:
    document = mayan.of(ref)
    return [mayan.value_row(document, kind) for kind in document.values]


@route("POST", "documents/N/metadata/")
def _add_value(mayan: Mayan, body: Row, ref: str) -> Row:
    document, kind = mayan.of(ref), body["metadata_type_id"]
    if kind in document.values:
        raise Wrong({"non_field_errors": ["Document metadata with this Document and Type already exists."]})
    if kind not in mayan.type_metadata[document.type_ref]:
        raise Wrong({"non_field_errors": ["Metadata type is not valid for this document type."]})
    document.values[kind] = {"id": mayan.next(), "value": body["value"].strip()}
    return mayan.value_row(document, kind)


@route("PATCH", "documents/N/metadata/N/")
def _set_value(mayan: Mayan, body: Row, ref: str, value: str) -> Row:
    document = mayan.of(ref)
    for kind, row in document.values.items():
        if row["id"] == int(value):
            row["value"] = body["value"].strip()
            return mayan.value_row(document, kind)
    raise NotThere("DocumentMetadata")


@route("GET", "documents/N/tags/")
def _tags_of(mayan: Mayan, _body: Row, ref: str) -> list[Row]:
    return [mayan.tag_row(tag) for tag in sorted(mayan.of(ref).tags)]


@route("POST", "documents/N/tags/(attach|remove)/")
def _tag(mayan: Mayan, body: Row, ref: str, what: str) -> None:
    if body["tag"] not in mayan.tags:
        raise Wrong({"tag": [f'Invalid pk "{body["tag"]}" - object does not exist.']})
    tags = mayan.of(ref).tags
    (tags.add if what == "attach" else tags.discard)(body["tag"])


@route("GET", "documents/N/comments/")
def _comments(mayan: Mayan, _body: Row, ref: str) -> list[Row]:
    return mayan.of(ref).comments


@route("POST", "documents/N/comments/")
def _comment(mayan: Mayan, body: Row, ref: str) -> Row:
    row = shape("GET documents/N/comments/ 200", id=mayan.next(), text=body["text"])
    mayan.of(ref).comments.append(row)
    return row


@route("GET", "documents/N/workflow_instances/")
def _flows(mayan: Mayan, _body: Row, ref: str) -> list[Row]:
    name = "GET documents/N/workflow_instances/ 200"
    rows = []
    for flow in mayan.of(ref).flows:
        row = shape(name, id=flow["id"], last_log_entry=flow["entries"][-1])
        row["workflow_template"] |= {"id": flow["workflow"], "label": mayan.workflows[flow["workflow"]]}
        rows.append(row)
    return rows


def _flow(mayan: Mayan, ref: str, flow: str) -> Row:
    return next(one for one in mayan.of(ref).flows if one["id"] == int(flow))


@route("GET", "documents/N/workflow_instances/N/log_entries/")
def _entries(mayan: Mayan, _body: Row, ref: str, flow: str) -> list[Row]:
    entries: list[Row] = _flow(mayan, ref, flow)["entries"]
    return entries


@route("GET", "documents/N/workflow_instances/N/log_entries/transitions/")
def _possible(mayan: Mayan, _body: Row, ref: str, flow: str) -> list[Row]:
    state = _flow(mayan, ref, flow)["state"]
    return [
        mayan.transition_row(one) for one, (_, said) in mayan.transitions.items() if said["origin_state_id"] == state
    ]


@route("POST", "documents/N/workflow_instances/N/log_entries/")
def _move(mayan: Mayan, body: Row, ref: str, flow: str) -> Row:
    found = _flow(mayan, ref, flow)
    found["state"] = mayan.transitions[body["transition_id"]][1]["destination_state_id"]
    found["entries"].append(mayan.entry_row(mayan.next(), body["transition_id"], body["comment"]))
    row: Row = found["entries"][-1]
    return row


@route("GET", "search/metadata.documentmetadatasearchresult/")
def _search(mayan: Mayan, body: Row) -> list[Row]:
    rows = [mayan.value_row(one, kind) for one in mayan.documents.values() for kind in one.values]
    return [row for row in rows if row["value"] == body["value"]]


async def _body(request: web.Request) -> Row:
    if request.method == "GET":
        return dict(request.query)
    if not request.content_type.startswith("multipart/"):
        return await request.json() if request.can_read_body else {}
    said: Row = {}
    async for part in await request.multipart():
        raw = await part.read(decode=False)  # type: ignore[union-attr]
        said[part.name] = bytes(raw) if part.name == "file_new" else raw.decode()  # type: ignore[union-attr, index]
    return said


def _page(rows: list[Row], query: Row) -> Row:
    number, size = int(query.get("page", 1)), min(int(query.get("page_size", 10)), 100)
    if number > 1 and (number - 1) * size >= len(rows):
        raise NotThere("page")
    more = number * size < len(rows)
    here = rows[(number - 1) * size : number * size]
    following = "http://elsewhere.invalid/" if more else None
    return {"count": len(rows), "next": following, "previous": None, "results": here}


async def _answer(mayan: Mayan, request: web.Request) -> web.Response:
    if request.headers.get("Authorization") != f"Token {TOKEN}":
        return web.json_response({"detail": "Invalid token."}, status=403)
    path = request.path.removeprefix("/api/v4/")
    for method, pattern, handler in ROUTES:
        match = pattern.fullmatch(path)
        if method != request.method or match is None:
            continue
        body = await _body(request)
        try:
            found = handler(mayan, body, *match.groups())
            if isinstance(found, bytes):
                return web.Response(body=found, content_type="application/octet-stream")
            if found is None:
                return web.Response(status=202 if "files" in path else 200)
            if isinstance(found, list):
                return web.json_response(_page(found, body))
        except NotThere as e:
            return web.json_response({"detail": f"No {e} matches the given query."}, status=404)
        except Wrong as e:
            return web.json_response(e.args[0], status=400)
        return web.json_response(found, status=201 if request.method == "POST" else 200)
    return web.Response(status=404, text="<html>", content_type="text/html")


@asynccontextmanager
async def double() -> AsyncIterator[str]:
    """A Mayan with nothing in it."""
    mayan = Mayan()
    app = web.Application(client_max_size=1 << 30)

    async def answer(request: web.Request) -> web.Response:
        return await _answer(mayan, request)

    app.router.add_route("*", "/api/v4/{tail:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
