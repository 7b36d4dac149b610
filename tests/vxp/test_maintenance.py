"""Maintenance at the VXP front: the code after which a client tries again, with our own and the operator's words."""

from axis.errors import Code
from axis.ops.maintenance import MaintenanceWish, begin_maintenance
from tests.vxp.city import City, RawCall, call, signed
from tests.vxp.test_refusals import sending

WISH = MaintenanceWish(reason="nâng cấp đêm nay", until=None, actor="lan")


async def test_what_writes_waits_and_what_asks_is_answered(city: City) -> None:
    await begin_maintenance(city.node.store, WISH, city.node.clock.now())
    await city.node.context.rest.refresh(city.node.store)
    reply = await call(city, sending(city))
    assert (reply.status, reply.headers["retry-after"], reply.code) == (503, "60", Code.MAINTENANCE)
    assert (reply.json["ErrorCode"], WISH.reason in str(reply.json["ErrorDesc"])) == ("20", True)
    listing = await call(city, RawCall("getReceivedEdocList", signed(city)))
    assert listing.json["status"] == "OK"
