"""`axis mail` and `axis org mailbox`: organisations that are reached by mail."""

import asyncio
from typing import Annotated

import typer

from axis.cli.options import NO, ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.cli.organs import org_app
from axis.cli.systems import peer_parts
from axis.clock import SystemClock
from axis.errors import Code, Malformed

app = typer.Typer()
mail_app = typer.Typer(no_args_is_help=True, help="Mail: try the settings.")
app.add_typer(mail_app, name="mail")

ACTOR = "cli"
_ADAPTER = "mail"


@org_app.command("mailbox")
def mailbox(
    code: Annotated[str, typer.Argument(help="The organisation's code.")],
    address: Annotated[
        str, typer.Option("--address", help="Its mail address; left out: the one that is registered.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Reach an organisation by mail from now on; with another address, from the next mail on."""
    from adapters.base import make_peer
    from adapters.mail.letter import check_address
    from axis.delivery.partner import Partner
    from axis.errors import NotFound
    from axis.ops.access import Access, Connecting
    from axis.ops.mailboxes import mailbox_id

    parts = peer_parts(config)

    async def connect(access: Access) -> tuple[str, str, bool]:
        directory = await access.directory()
        organ = directory.registry.find(code)
        if organ is None:
            raise NotFound(Code.NOT_FOUND, code)
        chosen = address or organ.email or ""
        if not chosen:
            raise Malformed(Code.BAD_REQUEST, "no address is registered: give one", at="--address")
        system_id = mailbox_id(organ.organ_id)
        target = check_address(chosen, "--address")
        partner = Partner(partner_id=system_id, adapter=_ADAPTER, options={"address": target})
        await make_peer(partner, parts).close()
        now = SystemClock().now()
        if directory.system(system_id) is not None:
            await access.set_pushing(system_id, partner, now, ACTOR)
            return system_id, target, False
        wish = Connecting(
            system_id=system_id,
            name=f"Hộp thư {organ.name}",
            front="vxp",
            serves=(organ.organ_id,),
            pushed=partner,
        )
        await access.connect(wish, now, ACTOR)
        return system_id, target, True

    system_id, target, is_new = with_access(config, connect)
    if is_new:
        say(f"{code} nhận văn bản qua hộp thư {target} ({system_id}).", f"{code} is reached by mail at {target}.")
    else:
        say(f"Hộp thư của {code} từ nay là {target}.", f"The mailbox of {code} is {target} from now on.")


@mail_app.command("test")
def try_out(
    to: Annotated[str, typer.Option("--to", help="Where the test mail goes.")],
    wait: Annotated[
        float, typer.Option("--wait", min=0, max=600, help="Seconds to wait until it is in the mailbox of bounces.")
    ] = 0.0,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Try the mail settings out with a real mail, and say what is wrong. Exit code 1 when something is."""
    from adapters.mail.trial import ADVICE, TITLES, Trial

    parts = peer_parts(config)
    assert parts.node is not None  # noqa: S101 - of a node's settings
    if not parts.node.settings.mail.smtp_host:
        raise Malformed(Code.BAD_SETTINGS, "no mail server is named", at="mail.smtp_host")
    trial = Trial(parts.node.settings, parts.node.key, SystemClock())
    good = asyncio.run(trial.run(to, wait))
    if json:
        print_json(
            {
                "good": good,
                "steps": [{"step": str(one.step), "good": one.good, "words": one.words} for one in trial.findings],
            }
        )
    else:
        marks = {True: "✓", False: "✗", None: "–"}
        print_table(
            "Thử gửi thư",
            ("", "bước", "chi tiết"),
            ((marks[one.good], TITLES.get(one.step, "Địa chỉ nhận"), one.words) for one in trial.findings),
        )
    for one in trial.findings:
        if one.good is False:
            say(*ADVICE[one.step])
    if not good:
        raise typer.Exit(NO)
