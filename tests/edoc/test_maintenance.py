"""Maintenance at the SOAP front: a fault of the server's, with our code and words, after which a client tries again."""

from axis.ops.maintenance import MaintenanceWish, begin_maintenance, end_maintenance
from tests.edoc.city import XD, YTE, SoapCity, asked, envelope, send_envelope
from tests.exchange.harness import a_document


async def test_a_document_waits_and_lists_are_read(city: SoapCity) -> None:
    node = city.node
    body = send_envelope(a_document("H24.15"), YTE, {"f1": b"%PDF-1.7 x"}, inline=True)
    await begin_maintenance(node.store, MaintenanceWish(reason="nâng cấp", until=None, actor="lan"), node.clock.now())
    await node.context.rest.refresh(node.store)
    refused = await city.post(body, action="SendDocument")
    assert (refused.status, refused.fault) == (503, ("Server", "maintenance"))
    assert "nâng cấp" in refused.body.decode()
    listed = await city.post(envelope(asked("GetPendingDocumentIds", XD)), action="GetPendingDocumentIds")
    assert listed.status == 200
    statuses = await city.post(envelope(asked("GetTraces", XD)), action="GetTraces")
    assert statuses.fault == ("Server", "maintenance")  # to read on is to acknowledge
    await end_maintenance(node.store, None, node.clock.now(), "lan")
    await node.context.rest.refresh(node.store)
    assert (await city.post(body, action="SendDocument")).ok
