"""Two whole nodes: one is the other's uplink, or a system that is pushed to, by eDoc SOAP."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from axis.delivery.partner import Partner
from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.edxml.v1 import FORM
from axis.edxml.writer import to_bytes
from axis.ops.access import open_access
from axis.settings import CONFIG_NAME, Settings
from axis.store.registry import OrganRow
from axis.terms import PackageKind
from tests.cli.conftest import Ran, run_inside
from tests.exchange.harness import a_document, a_status
from tests.nodes import CLOCK, Above, Blueprint, client_of, lay_out, running, secret_of

QUICK = {"exchange.poll_interval_s": 0.1}
BOTH = (OrganRow(code="H24.11", name="Sở Y tế"), OrganRow(code="H24.15", name="Sở Xây dựng"))
NATION = (
    OrganRow(code="H24", name="UBND thành phố"),
    OrganRow(code="H24.11", name="Sở Y tế", parent="H24"),
    OrganRow(code="G22", name="Bộ Y tế"),
)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await holds():  # noqa: ASYNC110 - nodes know nothing of tests
            await asyncio.sleep(0.05)


async def speaks_edoc(settings: Settings, system_id: str) -> None:
    """One of a node's systems calls by SOAP."""
    async with open_access(settings) as access:
        sql = f"UPDATE system SET front = 'edoc' WHERE system_id = '{system_id}'"
        await access.store.write(lambda c: c.exec_driver_sql(sql))


async def test_an_uplink_by_soap_carries_documents_and_statuses(tmp_path: Path) -> None:
    above = Blueprint(
        code="VN",
        role="national",
        organs=NATION,
        systems={"city": ("H24",), "moh": ("G22",)},
        signatures="off",
        more={"node.prefixes": []},
    )
    above_settings = await lay_out(tmp_path / "above", above)
    await speaks_edoc(above_settings, "city")
    async with running(above_settings) as nation:
        below = Blueprint(
            above=Above(endpoint=f"{nation.url}/edoc", system_id="city"),
            signatures="off",
            more={**QUICK, "uplink[].adapter": "edoc"},
        )
        async with running(await lay_out(tmp_path / "city", below)) as city:
            yte, moh = client_of(city.url, "dms-yte"), client_of(nation.url, "moh")
            sent = a_document("G22")
            await yte.send_edoc(to_bytes(sent))

            async def came(kind: PackageKind = PackageKind.DOCUMENT) -> bool:
                return len(await moh.received_list(kind)) == 1

            await eventually(came)
            [item] = await moh.received_list()
            raw = bytearray()
            await moh.get_edoc(item.doc_id, raw.extend)
            got = read(bytes(raw))
            assert isinstance(got, DocumentPackage)
            assert got.header == sent.header
            await moh.update_status(item.doc_id, "done")
            await moh.send_edoc(to_bytes(a_status(sent, "03", "G22")), PackageKind.STATUS)

            async def told() -> bool:
                return len(await yte.received_list(PackageKind.STATUS)) == 1

            await eventually(told)
            await moh.send_edoc(to_bytes(a_document("H24.11", sender="G22", number="7")))

            async def down() -> bool:
                return len(await yte.received_list()) == 1

            await eventually(down)
            [document] = await yte.received_list()
            [status] = await yte.received_list(PackageKind.STATUS)
            for client in (yte, moh):
                await client.close()
        await originals_are_kept(tmp_path / "city", *(one.doc_id.partition(".")[0] for one in (document, status)))


async def originals_are_kept(folder: Path, document: str, status: str) -> None:
    """What a node fetched by SOAP is there as it was received, at the command line."""

    async def original(*arguments: str) -> Ran:
        config = ("--config", str(folder / CONFIG_NAME))
        return await asyncio.to_thread(run_inside, "documents", "original", *arguments, *config)

    for named in (document, "G22,2026/11/24,7/SYT-VP"):
        answer = await original(named)
        assert answer.code == 0, answer.err
        assert answer.out.startswith("--")  # a multipart body
        assert ">G22,2026/11/24,7/SYT-VP</edXML:DocumentId>" in answer.out
        assert secret_of("city") not in answer.out
    about = (await original(document, "--json")).json
    assert (about["package_id"], about["form"], about["system_id"]) == (document, f"{FORM}, GetDocument", "national")
    said = await original(status)
    assert re.fullmatch(r"<(\w+:)?Status.*<(\w+:)?StatusCode>03<.*</(\w+:)?Status>", said.out, re.DOTALL)
    sent = await original("H24.11,2026/11/24,101/SYT-VP")
    assert sent.code == 1
    assert "it came as it is" in sent.err
    assert (await original("nothing")).code == 1


async def test_a_system_is_pushed_to_by_soap(tmp_path: Path) -> None:
    below = Blueprint(
        code="H24.15",
        organs=BOTH,
        systems={"truc": ("H24.11",), "dms": ("H24.15",)},
        signatures="off",
        more={"node.prefixes": []},
    )
    below_settings = await lay_out(tmp_path / "below", below)
    await speaks_edoc(below_settings, "truc")
    city_settings = await lay_out(tmp_path / "city", Blueprint(signatures="off", more=QUICK))
    async with running(below_settings) as department, running(city_settings) as city:
        async with open_access(city_settings) as access:
            partner = Partner(
                partner_id="dms-xd",
                adapter="edoc",
                options={"endpoint": f"{department.url}/edoc", "system_id": "truc"},
                secrets={"secret": secret_of("truc")},
            )
            await access.set_pushing("dms-xd", partner, CLOCK.now(), "test")
        yte, dms = client_of(city.url, "dms-yte"), client_of(department.url, "dms")
        sent = a_document("H24.15")
        await yte.send_edoc(to_bytes(sent))

        async def came() -> bool:
            return len(await dms.received_list()) == 1

        await eventually(came)
        await dms.send_edoc(to_bytes(a_status(sent, "03", "H24.15")), PackageKind.STATUS)

        async def told() -> bool:
            return len(await yte.received_list(PackageKind.STATUS)) == 1

        await eventually(told)
        for client in (yte, dms):
            await client.close()
