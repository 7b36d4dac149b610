"""Every operation × every caller has one explicit expectation; nobody sees what is not theirs."""

from dataclasses import dataclass
from typing import Any

import pytest

from axis.edxml.writer import to_bytes
from axis.store import registry, systems
from axis.store.hot import Hot
from axis.store.registry import OrganRow
from axis.terms import EventKind, Scope
from axis.web.api.table import OPERATIONS
from tests.api.city import PHUONG, XD, YTE, ApiCity
from tests.exchange.harness import a_document

TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What callers get of one operation. open: for everybody."""

    scopes: frozenset[Scope]
    system: str  # whose things the call is about
    status: int
    others: int  # what another system gets with every scope
    body: Any = None


def expect(*scopes: Scope, system: str = XD, status: int = 200, others: int = 200, body: Any = None) -> Expected:
    return Expected(scopes=frozenset(scopes), system=system, status=status, others=others, body=body)


EXPECTED = {
    "getLimits": expect(),
    "listOrgans": expect(Scope.ORGANS),
    "getOrgan": expect(Scope.ORGANS),
    "sendPackage": expect(Scope.SEND, Scope.STATUS, system=YTE, others=403),  # a foreign sender, audited as such
    "sendDocument": expect(Scope.SEND, system=YTE, status=201, others=403),
    "describeUploads": expect(status=204),
    "createUpload": expect(Scope.SEND, status=201, others=201),
    "getUpload": expect(Scope.SEND, others=404),
    "continueUpload": expect(Scope.SEND, status=204, others=404),
    "deleteUpload": expect(Scope.SEND, status=204, others=404),
    "listWebhooks": expect(Scope.WEBHOOKS),
    "addWebhook": expect(
        Scope.WEBHOOKS, status=201, others=201, body={"url": "https://dms.invalid/", "kinds": ["package_pending"]}
    ),
    "getWebhook": expect(Scope.WEBHOOKS, others=404),
    "rotateWebhookSecret": expect(Scope.WEBHOOKS, others=404),
    "enableWebhook": expect(Scope.WEBHOOKS, others=404),
    "testWebhook": expect(Scope.WEBHOOKS, others=404),
    "deleteWebhook": expect(Scope.WEBHOOKS, status=204, others=404),
    "listPending": expect(Scope.RECEIVE),
    "getPackage": expect(Scope.RECEIVE, others=404),
    "acknowledgePackage": expect(Scope.RECEIVE, status=204, others=404, body={"state": "processing"}),
    "explainRoute": expect(Scope.ORGANS),
    "forwardDocument": expect(
        Scope.SEND,
        status=201,
        others=404,
        body={"organ_id": "H24.15", "to_organ": "H24.15.2", "reason": "để xử lý"},
    ),
    "returnDocument": expect(
        Scope.STATUS, status=201, others=404, body={"organ_id": "H24.15", "reason": "không thuộc thẩm quyền"}
    ),
    "sendStatus": expect(Scope.STATUS, status=201, others=404),
    "listDocuments": expect(Scope.READ),
    "getDocument": expect(Scope.READ, others=404),
    "listDeliveries": expect(Scope.READ),
    "listEvents": expect(Scope.EVENTS),
    "getExchangeDay": expect(Scope.RECONCILE),
    "listExchangeItems": expect(Scope.RECONCILE),
    "findExchangeItems": expect(Scope.RECONCILE, body={"items": []}),
}


@dataclass(frozen=True)
class Things:
    """What there is: a document from Sở Y tế to Sở Xây dựng, waiting there."""

    package_id: str
    document_uid: str
    raw: bytes
    upload_id: str
    webhook_id: str


@pytest.fixture
async def things(city: ApiCity) -> Things:
    unit = (OrganRow(code="H24.15.2", name="Phòng Hạ tầng", parent="H24.15"),)
    await city.node.store.write(lambda c: registry.import_organs(c, unit, city.node.clock.now(), "test"))
    await city.node.directory.refresh()
    raw = to_bytes(a_document("H24.15"))
    sent = await city.call("POST", "/packages", by=YTE, data=raw)
    assert sent.status == 201, sent.json
    event = city.node.context.event(XD, EventKind.PACKAGE_PENDING)
    await city.node.store.submit(Hot(inserts=(event,)))
    begun = await city.call("POST", "/uploads", by=XD, headers={**TUS, "Upload-Length": "5"})
    upload_id = begun.headers["Location"].rpartition("/")[2]
    hook = await city.call("POST", "/webhooks", by=XD, json={"url": "https://no-such-host.invalid/"})
    webhook_id = hook.json["webhook_id"]
    return Things(sent.json["package_id"], sent.json["document_uid"], raw, upload_id, webhook_id)


def request_of(name: str, things: Things) -> tuple[str, str, dict[str, Any]]:
    """Method, path and the rest of a call of the operation, about the things."""
    operation = next(one for one in OPERATIONS if one.name == name)
    path = operation.path.format(
        package_id=things.package_id,
        document_uid=things.document_uid,
        organ_id="H24.15",
        day="2026-11-24",
        upload_id=things.upload_id,
        webhook_id=things.webhook_id,
    )
    if "/uploads" in path:
        piece = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        more = {"createUpload": {"Upload-Length": "5"}, "continueUpload": piece}.get(name, {})
        return operation.method, path, {"headers": {**TUS, **more}}
    if name == "explainRoute":
        path += "?from_organ=H24.11&to_organ=H24.15"
    if name == "listExchangeItems":
        path += "?direction=up"
    if name == "sendPackage":
        return operation.method, path, {"data": things.raw}
    if name == "sendDocument":
        document = {
            "sender": {"organ_id": "H24.11"},
            "receivers": [{"organ_id": "H24.15"}],
            "document_id": "H24.11,2026/11/24,1",
        }
        return operation.method, path, {"json": document}
    if name == "sendStatus":
        said = {"document_uid": things.document_uid, "organ_id": "H24.15", "code": "01"}
        return operation.method, path, {"json": said}
    if name == "listDocuments":
        path += "?way=received"
    if name == "listDeliveries":
        path += "?way=received"
    body = EXPECTED[name].body
    return operation.method, path, {"json": body} if body else {}


def test_the_expectations_are_about_every_operation_and_no_other() -> None:
    assert set(EXPECTED) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", EXPECTED)
async def test_who_may_call_what(city: ApiCity, things: Things, name: str) -> None:
    expected = EXPECTED[name]
    method, path, request = request_of(name, things)
    if not expected.scopes:
        assert (await city.call(method, path, **request)).status == expected.status
        return
    for token in (None, "axt_" + "x" * 43, "nonsense", "axt_"):
        refused = await city.call(method, path, token=token, **request)
        assert refused.status == 401
        assert method == "HEAD" or refused.json["code"] == "bad_credentials"
        assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    for scope in Scope:
        answer = await city.call(method, path, token=await city.token(expected.system, (scope,)), **request)
        if scope not in expected.scopes:
            assert answer.status == 403, scope
            assert method == "HEAD" or answer.json["code"] == "missing_scope", scope
        elif (name, scope) == ("sendPackage", Scope.STATUS):  # the scope is right, but a document is no status
            assert (answer.status, answer.json["code"]) == (403, "missing_scope")
        else:
            assert answer.status in (expected.status, 200), answer.json  # 200: the first answer again
    other = await city.call(method, path, by=PHUONG, **request)
    assert other.status == expected.others
    for secret in (things.package_id, things.document_uid, things.webhook_id):
        if expected.others == 200 and name != "getOrgan":
            assert secret.encode() not in other.body


async def test_a_system_that_is_disabled_is_refused_whatever_it_calls(city: ApiCity, things: Things) -> None:
    token = await city.token(XD)
    await city.node.store.write(lambda c: systems.set_enabled(c, XD, city.node.clock.now(), "test", enabled=False))
    await city.node.directory.refresh()
    for name, expected in EXPECTED.items():
        if expected.scopes:
            method, path, request = request_of(name, things)
            refused = await city.call(method, path, token=token, **request)
            assert refused.status == 403
            assert method == "HEAD" or refused.json["code"] == "system_disabled"
