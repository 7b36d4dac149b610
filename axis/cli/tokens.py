"""`axis token`: what the programs of a connected system show to the REST API."""

from datetime import timedelta
from typing import Annotated

import typer

from axis.cli.options import ConfigOption, JsonOption, print_json, print_table, say, with_access
from axis.cli.systems import ACTOR, SystemId
from axis.clock import SystemClock, to_local
from axis.errors import Code, Malformed
from axis.terms import Scope

app = typer.Typer()
token_app = typer.Typer(no_args_is_help=True, help="Tokens of the REST API: add, list, revoke.")
app.add_typer(token_app, name="token")

_NAME_CHARACTERS = 100


@token_app.command("add")
def add(
    system_id: SystemId,
    scope: Annotated[list[Scope], typer.Option(help="What it may be used for; may be given several times.")],
    days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="Days after which it ends; left out: never.")
    ] = None,
    name: Annotated[str, typer.Option(help="What it is for, as people read it.")] = "",
    config: ConfigOption = None,
) -> None:
    """Make a token. Prints it as JSON, once: it cannot be shown again."""
    from axis.ops.access import Access, Granting
    from axis.store.records import ApiToken

    if len(name) > _NAME_CHARACTERS or not (name.isprintable() or not name):
        raise Malformed(Code.BAD_REQUEST, f"at most {_NAME_CHARACTERS} characters", at="--name")
    lifetime = timedelta(days=days) if days else None
    wish = Granting(system_id=system_id, scopes=tuple(scope), name=name, lifetime=lifetime)

    async def record(access: Access) -> tuple[ApiToken, str]:
        return await access.add_token(wish, SystemClock().now(), ACTOR)

    made, token = with_access(config, record)
    print_json({"token_id": made.token_id, "system_id": system_id, "scopes": made.scopes.split(), "token": token})


@token_app.command("list")
def list_tokens(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the tokens, without themselves: only digests are stored."""
    from axis.ops.access import Access
    from axis.store import api
    from axis.store.records import ApiToken

    async def read(access: Access) -> tuple[ApiToken, ...]:
        return await access.store.read(api.list_tokens)

    found, now = with_access(config, read), SystemClock().now()
    rows = [
        {
            "token_id": token.token_id,
            "system_id": token.system_id,
            "name": token.name,
            "scopes": token.scopes.split(),
            "state": _state(token.revoked_at is not None, token.expires_at is not None and token.expires_at <= now),
            "expires_at": to_local(token.expires_at).isoformat(timespec="minutes") if token.expires_at else None,
            "last_used_at": to_local(token.last_used_at).isoformat(timespec="minutes") if token.last_used_at else None,
        }
        for token in found
    ]
    if json:
        print_json(rows)
        return
    headings = ("token_id", "system_id", "name", "scopes", "state", "expires_at", "last_used_at")
    print_table(
        "Mã truy cập API",
        headings,
        ([" ".join(one) if isinstance(one := row[key], list) else str(one or "") for key in headings] for row in rows),
    )


def _state(revoked: bool, expired: bool) -> str:
    return "revoked" if revoked else "expired" if expired else "good"


@token_app.command("revoke")
def revoke(token_id: Annotated[str, typer.Argument(help="The token's id.")], config: ConfigOption = None) -> None:
    """Take a token back; in a running node at once."""
    from axis.ops.access import Access
    from axis.store.api import revoke_token

    async def change(access: Access) -> None:
        await access.store.write(lambda conn: revoke_token(conn, token_id, SystemClock().now(), ACTOR))

    with_access(config, change)
    say(f"Đã thu hồi mã truy cập {token_id}.", f"Revoked the token {token_id}.")
