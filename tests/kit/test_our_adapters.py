"""The kit is run against our own adapters.

The vendor's software is a node of ours, with a DMS behind it: it calls the kit's axis by VXP as its uplink, and by eDoc
SOAP as a connected system. Whatever has to be sent again, waited for, or known as a repeat, is the node's to do: the
DMS behind it sends everything once. Or the software is one that is called, by the adapters for files and webhooks.
"""

import base64
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from axis.delivery.partner import Partner
from axis.kit.case import Failed, NotApplicable, NotSeen
from axis.kit.codes import BEHAVIOURS, ROOT
from axis.kit.report import has_passed
from axis.kit.sending import SENDING
from axis.kit.session import Session, Standing, Wish, opened
from axis.ops.access import open_access
from axis.serve import Node
from axis.settings import Settings
from axis.store.registry import OrganRow
from tests.filing.places import PASSWORD, USER, sftp_server, webdav_server
from tests.kit.called import FilesLine, MailLine, WebhookLine
from tests.kit.conftest import VENDOR, at_work
from tests.kit.dms import Dms, Manners, VxpLine
from tests.mail.servers import PostOffice, post_office
from tests.nodes import CLOCK, Above, Blueprint, lay_out, running, secret_of

DMS, AXIS = "dms", "axis"  # the systems of our node
QUICK = {
    "node.prefixes": [],
    "exchange.poll_interval_s": 0.1,
    "exchange.retry_delays_s": [1],  # sooner than a busy axis asks for
    "exchange.retry_jitter": 0.0,
}
OWN = (OrganRow(code=VENDOR.organ_id, name="Cơ quan"),)
PARTNERS = (
    OrganRow(code=ROOT, name=ROOT),
    *(OrganRow(code=code, name=one.name, parent=ROOT) for code, one in BEHAVIOURS.items()),
)


@dataclass(frozen=True)
class Account:
    """What the DMS behind our node shows there."""

    system_id: str
    secret: str


@dataclass(frozen=True)
class Door:
    """Our node, as the DMS behind it sees it."""

    url: str
    credentials: Account = Account(DMS, secret_of(DMS))


@asynccontextmanager
async def below_by_vxp(session: Session, wish: Wish) -> AsyncIterator[Node]:
    """A node whose uplink is the kit's axis."""
    secret_file = wish.folder.parent / "axis.secret"
    secret_file.write_text(session.credentials.secret)
    plan = Blueprint(
        code=VENDOR.organ_id,
        organs=OWN,
        systems={DMS: (VENDOR.organ_id,)},
        above=Above(endpoint=f"{session.url}/vxp", system_id=session.credentials.system_id),
        more={**QUICK, "uplink[].secret_file": str(secret_file), "uplink[].timeout_s": 10.0},
    )
    async with running(await lay_out(wish.folder.parent / "ours", plan)) as node:
        yield node


@asynccontextmanager
async def beside_by_edoc(session: Session, wish: Wish) -> AsyncIterator[Node]:
    """A node that has the kit's axis as a system, which serves everybody there."""
    systems = {DMS: (VENDOR.organ_id,), AXIS: (ROOT, *BEHAVIOURS)}
    plan = Blueprint(code=VENDOR.organ_id, organs=(*OWN, *PARTNERS), systems=systems, more=QUICK)
    settings = await lay_out(wish.folder.parent / "ours", plan)
    await push_to_axis(settings, session)
    async with running(settings) as node:
        yield node


async def push_to_axis(settings: Settings, session: Session) -> None:
    told = session.credentials
    partner = Partner(
        partner_id=AXIS,
        adapter="edoc",
        options={"endpoint": f"{session.url}/edoc", "system_id": told.organ_id, "timeout_s": 10.0},
        secrets={"secret": told.secret},
    )
    async with open_access(settings) as access:
        await access.set_pushing(AXIS, partner, CLOCK.now(), "test")


OURS = {"vxp": below_by_vxp, "edoc": beside_by_edoc}


@pytest.mark.parametrize("adapter", OURS)
async def test_our_client_adapters_pass_what_their_front_can_carry(
    adapter: str, wish_of: Callable[..., Wish], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.edoc.client._KNOWN_MARGIN", timedelta(seconds=1))  # else a minute is waited for
    wish = wish_of(adapter)
    wish = replace(wish, plan=replace(wish.plan, busy_s=2.0, retry_after_s=3))
    async with opened(wish) as session, OURS[adapter](session, wish) as node:
        dms = Dms(VxpLine(Door(node.url), 30.0), VENDOR.organ_id, Manners())  # type: ignore[arg-type] # all of it that is used
        standing = await at_work(session, dms, lambda standing: standing.is_decided)
    assert not of_kind(Failed, standing)
    assert not of_kind(NotSeen, standing)
    assert has_passed(standing)


def of_kind(kind: type, standing: Standing) -> dict[str, object]:
    """What ended so, and the finding."""
    return {case.id: one for case, one in standing.findings if isinstance(one, kind)}


@pytest.mark.parametrize("front", ["folder", "sftp", "webdav"])
async def test_a_dms_that_reads_and_writes_files_passes_what_applies(
    front: str, wish_of: Callable[..., Wish], tmp_path: Path
) -> None:
    root = tmp_path / "share"
    root.mkdir()
    async with served(front, root) as (options, secrets):
        wish = called(wish_of(front), {**options, "settle_s": "0.2"}, secrets)
        async with opened(wish) as session:
            dms = Dms(FilesLine(root), VENDOR.organ_id, Manners())
            standing = await at_work(session, dms, lambda standing: standing.is_decided)
    assert not of_kind(Failed, standing)
    assert not of_kind(NotSeen, standing)
    assert set(of_kind(NotApplicable, standing)) == {"lost-answer", "busy", "retry-after", "late-answer", "again"}
    assert has_passed(standing)


async def test_a_dms_behind_a_webhook_passes_what_applies(wish_of: Callable[..., Wish]) -> None:
    line = WebhookLine()
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    wish = called(wish_of("webhook"), {"url": await line.listen()}, {"secret": secret})
    async with opened(wish) as session:
        dms = Dms(line.log_in(session), VENDOR.organ_id, Manners())
        standing = await at_work(session, dms, lambda standing: standing.is_decided)
    assert not of_kind(Failed, standing)
    assert not of_kind(NotSeen, standing)
    assert set(of_kind(NotApplicable, standing)) == {"again"}


BY_MAIL = {"from_address": "truc@truc.invalid", "smtp_host": "127.0.0.1", "smtp_security": "none"}
CLERK = Manners(sends=(), several=False, acts=False, steps=("01", "03"))


async def test_a_clerk_with_a_mailbox_passes_what_applies(wish_of: Callable[..., Wish]) -> None:
    async with post_office() as (office, port):
        standing = await by_mail(wish_of("mail"), office, port, CLERK)
    assert not of_kind(Failed, standing)
    assert not of_kind(NotSeen, standing)
    assert set(of_kind(NotApplicable, standing)) == {"steps", "again", *(case.id for case in SENDING)}
    assert has_passed(standing)
    assert {call.operation for call in standing.facts.calls} == {"GET /mail/confirm", "POST /mail/confirm"}


@pytest.mark.parametrize(
    ("case", "manners"),
    [
        ("misaddressed", replace(CLERK, refuses=frozenset())),
        ("bad-signature", replace(CLERK, checks_signatures=False)),
        ("receive-several", replace(CLERK, refuses=frozenset({"misaddressed", "several"}))),
    ],
)
async def test_a_clerk_who_does_a_thing_wrong_fails_that_case(
    case: str, manners: Manners, wish_of: Callable[..., Wish]
) -> None:
    async with post_office() as (office, port):
        standing = await by_mail(wish_of("mail"), office, port, manners)
    assert set(of_kind(Failed, standing)) == {case}
    assert not has_passed(standing)


async def by_mail(wish: Wish, office: PostOffice, port: int, manners: Manners) -> Standing:
    wish = called(wish, {"address": "vanthu@don-vi.invalid"}, {})
    async with opened(replace(wish, mail={**BY_MAIL, "smtp_port": str(port)})) as session:
        return await at_work(session, Dms(MailLine(office), VENDOR.organ_id, manners), lambda one: one.is_decided)


def called(wish: Wish, options: Mapping[str, str], secrets: Mapping[str, str]) -> Wish:
    partner = Partner(partner_id=VENDOR.system_id, adapter=wish.front.adapter, options=options, secrets=secrets)
    return replace(wish, pushed=partner)


@asynccontextmanager
async def served(front: str, root: Path) -> AsyncIterator[tuple[dict[str, str], dict[str, str]]]:
    """A folder as the adapter reaches it: options and secrets."""
    if front == "folder":
        yield {"path": str(root)}, {}
    elif front == "sftp":
        async with sftp_server(root) as server:
            at = server.at()
            yield (
                {"host": at.host, "port": str(at.port), "user": at.user, "path": at.path, "host_key": at.host_keys[0]},
                {"password": PASSWORD},
            )
    else:
        async with webdav_server(root) as server:
            yield {"url": server.url, "user": USER, "plain_http": "true"}, {"password": PASSWORD}
