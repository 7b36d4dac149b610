"""Maintenance at the REST API: what changes something is 503 with a Retry-After, what asks is answered."""

from axis.ops.maintenance import MaintenanceWish, begin_maintenance, end_maintenance
from axis.web.api.table import OPERATIONS
from tests.api.city import XD, YTE, ApiCity
from tests.api.test_uploads import begin, new_upload, offset_of, put

WISH = MaintenanceWish(reason="nâng cấp", until=None, actor="lan")


async def switch(city: ApiCity, *, on: bool) -> None:
    node = city.node
    if on:
        await begin_maintenance(node.store, WISH, node.clock.now())
    else:
        await end_maintenance(node.store, None, node.clock.now(), "lan")
    await node.context.rest.refresh(node.store)


async def test_packages_and_uploads_wait_and_go_on_where_they_stood(city: ApiCity) -> None:
    sent = await city.send("H24.15")
    upload = await new_upload(city, 10)
    assert (await put(city, upload, 0, b"01234")).status == 204
    await switch(city, on=True)
    refused = [await city.send("H24.15", number="2"), await begin(city, 5), await put(city, upload, 5, b"56789")]
    refused.append(await city.call("GET", f"/packages/{sent.json['package_id']}", by=XD))
    for one in refused:
        assert (one.status, one.json["code"], one.json["retry"]) == (503, "maintenance", "later"), one.json
        assert (one.headers["Retry-After"], one.json["reason"]) == ("60", "nâng cấp")
    assert await offset_of(city, upload) == 5
    assert (await city.call("GET", "/packages/pending", by=XD)).status == 200
    await switch(city, on=False)
    assert (await put(city, upload, 5, b"56789")).status == 204
    assert (await city.send("H24.15", number="2")).status == 201


async def test_every_operation_that_is_no_question_is_refused(city: ApiCity) -> None:
    await switch(city, on=True)
    changing = [one for one in OPERATIONS if one.changes]
    assert {one.name for one in OPERATIONS if one.method == "POST" and not one.changes} == {"findExchangeItems"}
    for one in changing:
        path = one.path.replace("{", "").replace("}", "")
        answer = await city.call(one.method, path, by=YTE, headers={"Tus-Resumable": "1.0.0"})
        assert (answer.status, answer.json["code"]) == (503, "maintenance"), one.name
    assert len(changing) > 10


async def test_a_stranger_does_not_learn_of_it(city: ApiCity) -> None:
    await switch(city, on=True)
    answer = await city.call("POST", "/packages", token="nobody")
    assert (answer.status, answer.json["code"]) == (401, "bad_credentials")
