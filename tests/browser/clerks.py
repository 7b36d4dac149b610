"""A clerk whose agency has no software, and documents for it."""

from dataclasses import replace

from sqlalchemy import Connection

from axis.edxml.writer import to_bytes
from axis.exchange.values import Source
from axis.ids import SystemId, new_id
from axis.store import accounts
from axis.store.accounts import Rights
from axis.store.records import Account
from axis.terms import Origin, Role
from tests.browser.conftest import Site
from tests.exchange.harness import a_document, an_act
from tests.nodes import CLOCK

COMMUNE = "H24.77"  # nobody serves it: the node speaks for it
LETTER = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"


async def a_clerk(site: Site, *organs: str) -> Account:
    """A clerk of the commune, or of others."""
    account = await site.account(Role.CLERK)
    rights = Rights(organs=frozenset(organs or (COMMUNE,)))

    def give(conn: Connection) -> None:
        accounts.grant(conn, account.username, rights, CLOCK.now(), "test")
        accounts.set_full_name(conn, account.username, "Le Thi Lan", CLOCK.now(), "test")

    await site.store.write(give)
    return replace(account, full_name="Le Thi Lan")


async def received(site: Site, *, recalled: bool = False) -> str:
    """A document that Sở Y tế has sent to the commune: the path of its page."""
    number = new_id(CLOCK.now())[-8:]
    document = a_document(COMMUNE, number=number)
    uid = await _hand_in(site, to_bytes(document))
    if recalled:
        await _hand_in(site, to_bytes(an_act(document, "1")))
    return f"/documents/{uid}"


async def _hand_in(site: Site, raw: bytes) -> str:
    async with site.store.spool(limit_bytes=1 << 20) as spool:
        await spool.write(raw)
        source = Source(system_id=SystemId("dms-yte"), origin=Origin.LOCAL)
        accepted = await site.node.exchange.accept(source, await spool.finish())
    return accepted.document_uid or ""
