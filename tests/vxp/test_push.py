"""A system that speaks VXP as a server is pushed to, and polled: here it is another node."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from axis.delivery.partner import Partner
from axis.edxml.writer import to_bytes
from axis.ops.access import open_access
from axis.settings import Settings
from axis.store import queries
from axis.store.registry import OrganRow
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_status
from tests.nodes import CLOCK, Blueprint, client_of, lay_out, running, secret_of

QUICK = {"exchange.poll_interval_s": 0.1, "exchange.ask_first_s": 0.1, "exchange.ask_per_minute": 6_000}
"""Of the city's node; the department's is an axis of its own, below it."""
DEPARTMENT = (
    OrganRow(code="H24.11", name="Sở Y tế"),
    OrganRow(code="H24.15", name="Sở Xây dựng"),
    OrganRow(code="H24.15.1", name="Thanh tra Sở", parent="H24.15"),
)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110 - nodes know nothing of tests
            await asyncio.sleep(0.05)


async def push_to(settings: Settings, url: str, **options: str) -> None:
    """The city's node pushes to dms-xd from now on."""
    async with open_access(settings) as access:
        partner = Partner(
            partner_id="dms-xd",
            adapter="vxp",
            options={"endpoint": f"{url}/vxp", "system_id": "truc", **options},
            secrets={"secret": secret_of("truc")},
        )
        await access.set_pushing("dms-xd", partner, CLOCK.now(), "test")


async def test_documents_and_statuses_go_both_ways_through_a_system_that_is_a_node_itself(tmp_path: Path) -> None:
    below = Blueprint(
        code="H24.15", organs=DEPARTMENT, systems={"truc": ("H24.11",), "dms": ("H24.15",)}, more={"node.prefixes": []}
    )
    city_settings = await lay_out(tmp_path / "city", Blueprint(more=QUICK))
    async with running(await lay_out(tmp_path / "below", below)) as department, running(city_settings) as city:
        await push_to(city_settings, department.url)
        yte, dms = client_of(city.url, "dms-yte"), client_of(department.url, "dms")
        package = a_document("H24.15")
        package_id = await yte.send_edoc(to_bytes(package))

        async def state(expected: str) -> bool:
            rows = await city.store.read(lambda c: queries.consignments(c, package_id))
            return [row.state.value for row in rows] == [expected]

        await eventually(lambda: state("handed_over"))
        (item,) = await dms.received_list()
        taken = bytearray()
        await dms.get_edoc(item.doc_id, taken.extend)
        assert bytes(taken) == to_bytes(package)
        await dms.update_status(item.doc_id, "done")
        await eventually(lambda: state("acknowledged"))

        await dms.send_edoc(to_bytes(a_status(package, "03", "H24.15")), PackageKind.STATUS)

        async def told() -> bool:
            return len(await yte.received_list(PackageKind.STATUS)) == 1

        await eventually(told)
        assert await city.store.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM queue").scalar_one()) == 0
        for client in (yte, dms):
            await client.close()


async def test_a_system_that_is_not_to_be_polled_is_only_pushed_to(tmp_path: Path) -> None:
    below = Blueprint(
        code="H24.15", organs=DEPARTMENT, systems={"truc": ("H24.11",), "dms": ("H24.15",)}, more={"node.prefixes": []}
    )
    city_settings = await lay_out(tmp_path / "city", Blueprint(more=QUICK))
    async with running(await lay_out(tmp_path / "below", below)) as department, running(city_settings) as city:
        await push_to(city_settings, department.url, poll="false")
        yte, dms = client_of(city.url, "dms-yte"), client_of(department.url, "dms")
        await dms.send_edoc(to_bytes(a_document("H24.11", sender="H24.15")))
        await yte.send_edoc(to_bytes(a_document("H24.15")))

        async def came() -> bool:
            return len(await dms.received_list()) == 1

        await eventually(came)
        assert await yte.received_list() == ()
        for client in (yte, dms):
            await client.close()
