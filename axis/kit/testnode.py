"""The node that a vendor's software is tested against: the real program in a folder of its own.

The folder: axis.toml and the node's data, credentials.json (what the vendor's software shows; readable by its owner
only), letters/. A folder that was used before is used again, with the same credentials.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from adapters.base import NodeParts, PeerParts, make_peer
from axis.clock import Clock
from axis.delivery.partner import Partner as Reached
from axis.errors import Code, Malformed
from axis.kit.codes import BEHAVIOURS, ROOT, ROOT_NAME, VENDOR_NAME, Partner
from axis.ops.access import Access, Connecting, Granting, open_access
from axis.ops.install import NewNode, install, write_secret
from axis.organ.codes import canonical_form
from axis.organ.plan import OrganRow
from axis.settings import CONFIG_NAME, Settings, read_settings
from axis.store import registry
from axis.store.queries import ANY_SENDER
from axis.store.records import SignaturePolicy
from axis.terms import Scope

ACTOR = "kit"
PARTNERS, DOWN = "kit-partners", "kit-down"
_CREDENTIALS = "credentials.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Whose software is tested."""

    system_id: str
    organ_id: str
    front: str = "vxp"  # what its system is registered with
    adapter: str = ""  # by which it is called, if it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the vendor's software shows, and what the partners show."""

    system_id: str
    organ_id: str
    front: str
    secret: str
    token: str
    partners_secret: str
    down_secret: str
    adapter: str = ""


async def prepare(folder: Path, vendor: Vendor, clock: Clock) -> tuple[Settings, Credentials]:
    """Make the test node, or find it.

    Raises Malformed(BAD_FILE) when the folder is another's, Malformed(BAD_REQUEST) for an organisation or a system that
    is the kit's own.
    """
    vendor = replace(vendor, organ_id=canonical_form(vendor.organ_id))
    if vendor.organ_id in (ROOT, *Partner):
        raise Malformed(Code.BAD_REQUEST, "this code is the kit's own", at="--organ")
    if vendor.system_id in (PARTNERS, DOWN):
        raise Malformed(Code.BAD_REQUEST, "this id is the kit's own", at="--system")
    kept = folder / _CREDENTIALS
    if await asyncio.to_thread(kept.exists):
        credentials = await asyncio.to_thread(_read_credentials, kept)
        made_for = Vendor(
            system_id=credentials.system_id,
            organ_id=credentials.organ_id,
            front=credentials.front,
            adapter=credentials.adapter,
        )
        if made_for != vendor:
            way = made_for.adapter or made_for.front
            said = f"made for --system {made_for.system_id} --organ {made_for.organ_id}, by {way}"
            raise Malformed(Code.BAD_FILE, said, at=str(folder))
        return await asyncio.to_thread(read_settings, folder / CONFIG_NAME), credentials
    settings = await asyncio.to_thread(install, NewNode(data_dir=folder, code=ROOT, name=ROOT_NAME, port=0))
    async with open_access(settings) as access:
        credentials = await _register(access, vendor, clock)
    await asyncio.to_thread(write_secret, kept, json.dumps(asdict(credentials), indent=2) + "\n")
    return settings, credentials


async def reach(settings: Settings, partner: Reached, clock: Clock) -> None:
    """Let the node push to the vendor's software from now on. Raises Malformed(BAD_SETTINGS) for a wrong option."""
    async with open_access(settings) as access:
        node = NodeParts(settings=settings, key=access.key, scratch=access.store.temporary)
        await make_peer(partner, PeerParts(clock=clock, node=node)).close()
        await access.set_pushing(partner.partner_id, partner, clock.now(), ACTOR)


def _read_credentials(path: Path) -> Credentials:
    try:
        return Credentials(**json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as e:
        raise Malformed(Code.BAD_FILE, "not the kit's", at=str(path)) from e


async def _register(access: Access, vendor: Vendor, clock: Clock) -> Credentials:
    below_root = vendor.organ_id.startswith(f"{ROOT}.")
    rows = (
        OrganRow(code=ROOT, name=ROOT_NAME),
        *(OrganRow(code=partner, name=BEHAVIOURS[partner].name, parent=ROOT) for partner in Partner),
        OrganRow(code=vendor.organ_id, name=VENDOR_NAME, parent=ROOT if below_root else None),
    )
    await access.store.write(lambda conn: registry.import_organs(conn, rows, clock.now(), ACTOR))
    policy = SignaturePolicy(organ_id=ANY_SENDER, envelope="warn", files="warn", fail_closed=False)
    await access.store.write(lambda conn: registry.set_signature_policy(conn, policy, clock.now(), ACTOR))
    others = tuple(partner for partner in Partner if partner is not Partner.DOWN)
    secrets = {
        system_id: await access.connect(
            Connecting(system_id=system_id, name=system_id, serves=serves, front=front), clock.now(), ACTOR
        )
        for system_id, serves, front in (
            (PARTNERS, others, "vxp"),
            (DOWN, (Partner.DOWN,), "vxp"),
            (vendor.system_id, (vendor.organ_id,), vendor.front),
        )
    }
    return Credentials(
        system_id=vendor.system_id,
        organ_id=vendor.organ_id,
        front=vendor.front,
        adapter=vendor.adapter,
        secret=secrets[vendor.system_id],
        token=await _add_token(access, vendor, clock),
        partners_secret=secrets[PARTNERS],
        down_secret=secrets[DOWN],
    )


async def _add_token(access: Access, vendor: Vendor, clock: Clock) -> str:
    wish = Granting(system_id=vendor.system_id, scopes=tuple(Scope), name="conformance kit")
    _, token = await access.add_token(wish, clock.now(), ACTOR)
    return token
