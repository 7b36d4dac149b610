"""Requests as the vendor's client writes them, byte for byte (synthetic, signed by openssl); and its habits."""

import io
from pathlib import Path

import pytest

from adapters.vxp.wire import write_timestamp
from axis.edxml.writer import to_bytes
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_status
from tests.vxp.city import XD, City, RawCall, call, exchange_bytes, read_response

DATA = Path(__file__).parent / "data"


async def test_what_the_java_client_sends_is_taken(city: City) -> None:
    request = (DATA / "sendEdoc.http").read_bytes()
    file = request.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
    assert file.endswith(b"</edXML>\r\n")  # the file ends in CRLF itself, and the wire adds another
    reply = read_response(await exchange_bytes(city.endpoint, request)).json
    assert (reply["status"], reply["ErrorCode"], reply["ErrorDesc"]) == ("OK", "0", "")
    buffer = io.BytesIO()
    await city.client(XD).get_edoc(f"{reply['DocId']}.{XD}", buffer.write)
    assert buffer.getvalue() == file


async def test_its_retry_with_the_same_bytes_gets_the_same_answer(city: City) -> None:
    request = (DATA / "sendEdoc.http").read_bytes()
    first, again = [read_response(await exchange_bytes(city.endpoint, request)) for _ in range(2)]
    assert again.body == first.body
    assert await city.node.count("package") == 1


@pytest.mark.parametrize("name", ["getReceivedEdocList", "countReceiveEdoc"])
async def test_its_stray_headers_and_old_timestamp_do_not_matter(city: City, name: str) -> None:
    city.node.clock.advance(hours=20)
    reply = read_response(await exchange_bytes(city.endpoint, (DATA / f"{name}.http").read_bytes())).json
    assert reply["status"] == "OK"
    assert reply.get("data", reply.get("count")) in ([], 0)


async def test_a_client_that_keeps_its_headers_works_for_hours(city: City) -> None:
    document = a_document("H24.15")
    sender, receiver = city.client(stray_headers=True), city.client(XD, stray_headers=True)
    ref = await sender.send_edoc(to_bytes(document))
    city.node.clock.advance(hours=10)
    (item,) = await receiver.received_list()
    assert await receiver.count_received(PackageKind.DOCUMENT) == 1
    await receiver.get_edoc(item.doc_id, lambda _: None)
    await receiver.update_status(item.doc_id, "done")
    city.node.clock.advance(hours=10)
    await receiver.send_edoc(to_bytes(a_status(document, "03", "H24.15")), PackageKind.STATUS)
    assert await receiver.received_list() == ()
    assert await sender.count_received(PackageKind.STATUS) == 1
    (row,) = await sender.sent_list(ref)
    assert row.is_acknowledged
    assert len(await sender.agencies()) > 1


async def test_every_text_of_a_reply_is_ascii(city: City) -> None:
    await city.client().send_edoc(to_bytes(a_document("H24.15")))
    for operation in ("getAgenciesList", "getSynchronizeUnit", "getReceivedEdocList"):
        values = {"systemid": XD, "timestamp": write_timestamp(city.node.clock.now()), "messagetype": "edoc"}
        reply = await call(city, RawCall(operation, values, secret=f"secret-{XD}"))
        assert reply.body.isascii()
        rows = reply.json["data"]
        assert isinstance(rows, list)
        assert rows
        for row in rows:
            assert None not in row.values()


async def test_a_list_has_the_keys_and_types_that_the_java_client_reads(city: City) -> None:
    ref = await city.client().send_edoc(to_bytes(a_document("H24.15")))

    async def first(operation: str, system_id: str, **more: str) -> dict[str, object]:
        values = {"systemid": system_id, "timestamp": write_timestamp(city.node.clock.now()), **more}
        rows = (await call(city, RawCall(operation, values, secret=f"secret-{system_id}"))).json["data"]
        assert isinstance(rows, list)
        row = rows[0]
        assert isinstance(row, dict)
        return row

    assert set(await first("getReceivedEdocList", XD)) == {
        "docId", "serviceType", "messageType", "created_time", "updated_time", "from", "to", "status", "status_desc",
    }  # fmt: skip
    assert set(await first("getSentEdocList", "dms-yte", docId=ref)) == {
        "serviceType", "receiverDocId", "toCode", "receiveStatus", "title", "messageType", "notation", "receivedTime",
        "sentTime", "sendStatus", "sendStatusDesc", "senderDocId", "fromCode", "receiveStatusDesc",
    }  # fmt: skip
    assert set(await first("getAgenciesList", XD)) == {"id", "pid", "code", "name", "mail", "oldCode"}
    assert set(await first("getAgenciesListQD20", XD)) == {"id", "code", "name", "mail", "code102"}
    unit = await first("getSynchronizeUnit", XD)
    assert set(unit) == {
        "id", "pid", "code", "name", "mail", "version", "centerCode", "deleted", "modifyDate", "isAgency",
    }  # fmt: skip
    assert isinstance(unit["version"], int)
    assert (unit["deleted"], unit["isAgency"], unit["centerCode"]) == (False, True, "H24")
