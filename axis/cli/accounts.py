"""`axis account`: who may log in to the console, as what, and for which organisations."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from axis.cli.options import (
    ConfigOption,
    JsonOption,
    print_fields,
    print_json,
    print_table,
    say,
    show_moment,
    with_access,
)
from axis.clock import SystemClock, to_local
from axis.errors import Code, Malformed
from axis.terms import Role

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from axis.ops.access import Access
    from axis.ops.accounts import Accounts
    from axis.store.accounts import AccountView

app = typer.Typer()
account_app = typer.Typer(no_args_is_help=True, help="Accounts of the console: who may log in, as what, for whom.")
app.add_typer(account_app, name="account")

T = TypeVar("T")

ACTOR = "cli"
_LISTED = 10_000

Name = Annotated[str, typer.Argument(help="The name to log in with.")]
Roles = Annotated[list[Role] | None, typer.Option("--role", help="What it may do; may be given several times.")]
Organs = Annotated[
    list[str] | None,
    typer.Option("--organ", help="Organisation that a clerk acts for, with all below it; may be given several times."),
]


@account_app.command("add")
def add_account(
    name: Name,
    role: Annotated[list[Role], typer.Option(help="What it may do; may be given several times.")],
    organ: Organs = None,
    full_name: Annotated[str, typer.Option(help="The person's name, as statuses tell who handled a document.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Add an account for the console. Without --password-stdin a password is made and printed as JSON, once."""
    from axis.ops.accounts import NewAccount

    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    wish = NewAccount(username=name, roles=tuple(dict.fromkeys(role)), organs=tuple(organ or ()), full_name=full_name)

    password = _with_accounts(config, lambda accounts: accounts.add(wish, given))
    if given is None:
        print_json({"account": name, "password": password})
    else:
        say(f"Đã tạo tài khoản {name}.", f"Added the account {name}.")
    if Role.CLERK in wish.roles and not wish.organs:
        _say_without_organ(name)


@account_app.command("list")
def list_accounts(
    search: Annotated[
        str, typer.Option(help="Words of the name, the person, the role or an organisation's code.")
    ] = "",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the accounts, disabled ones too."""
    from axis.store import accounts

    async def read(access: "Access") -> "tuple[AccountView, ...]":
        return await access.store.read(lambda conn: accounts.list_accounts(conn, text=search, rows=_LISTED))

    found = [_row(view) for view in with_access(config, read)]
    if json:
        print_json(found)
        return
    headings = ("account", "full_name", "roles", "organs", "enabled", "last_login_at")
    print_table("Tài khoản", headings, (list(map(_cell, map(row.get, headings))) for row in found))


@account_app.command("show")
def show_account(name: Name, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one account: what it may do, for whom, and whether it can log in."""
    view = _with_accounts(config, lambda accounts: accounts.view(name))
    if json:
        print_json(_row(view))
        return
    account = view.account
    organs = [f"{one.organ_id}  {one.name}{'  (closed)' if one.closed else ''}" for one in view.organs]
    print_fields(
        {
            "account": account.username,
            "full_name": account.full_name,
            "roles": " ".join(view.roles),
            "organs": "\n".join(organs) or "-",
            "enabled": "yes" if account.enabled else "no",
            "second_factor": "yes" if account.totp_encrypted else "no",
            "single_sign_on": account.sso_subject or "-",
            "locked_until": show_moment(account.locked_until) or "-",
            "last_login_at": show_moment(account.last_login_at) or "-",
            "created_at": show_moment(account.created_at),
        }
    )
    if view.lacks_organ:
        _say_without_organ(account.username)


@account_app.command("grant")
def grant(name: Name, role: Roles = None, organ: Organs = None, config: ConfigOption = None) -> None:
    """Give an account further roles and organisations. Prints what it has then as JSON."""
    _check_some(role, organ)

    print_json(_row(_with_accounts(config, lambda accounts: accounts.grant(name, role or (), organ or ()))))


@account_app.command("revoke")
def revoke(name: Name, role: Roles = None, organ: Organs = None, config: ConfigOption = None) -> None:
    """Take roles and organisations from an account. Prints what it has then as JSON."""
    _check_some(role, organ)

    print_json(_row(_with_accounts(config, lambda accounts: accounts.revoke(name, role or (), organ or ()))))


@account_app.command("name")
def name_person(
    name: Name, full_name: Annotated[str, typer.Argument(help="The person's name.")], config: ConfigOption = None
) -> None:
    """Say whose account it is."""
    _with_accounts(config, lambda accounts: accounts.rename(name, full_name))
    say(f"Đã ghi họ tên của {name}.", f"Named the person of {name}.")


@account_app.command("enable")
def enable(name: Name, config: ConfigOption = None) -> None:
    """Let an account in again."""
    _with_accounts(config, lambda accounts: accounts.set_enabled(name, enabled=True))
    say(f"Đã mở tài khoản {name}.", f"Enabled the account {name}.")


@account_app.command("disable")
def disable(name: Name, config: ConfigOption = None) -> None:
    """Keep an account out; whoever is logged in with it is out at once."""
    _with_accounts(config, lambda accounts: accounts.set_enabled(name, enabled=False))
    say(f"Đã khóa tài khoản {name}.", f"Disabled the account {name}.")


@account_app.command("password")
def password(
    name: Name,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input, one line.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Give an account another password, for one log-in within three days; its sessions end. Printed as JSON, once."""
    given = sys.stdin.readline().rstrip("\r\n") if password_stdin else None

    made = _with_accounts(config, lambda accounts: accounts.give_password(name, given))
    if given is None:
        print_json({"account": name, "password": made})
    else:
        say(f"Đã đặt mật khẩu dùng một lần cho {name}.", f"Set a password for one log-in of {name}.")


@account_app.command("unlock")
def unlock(name: Name, config: ConfigOption = None) -> None:
    """Let somebody try again at once who had to wait after wrong passwords or codes."""
    _with_accounts(config, lambda accounts: accounts.unlock(name))
    say(f"Đã bỏ tạm khóa {name}.", f"Unlocked {name}.")


@account_app.command("reset-totp")
def reset_totp(name: Name, config: ConfigOption = None) -> None:
    """Take the second factor away, for whoever has lost the telephone; the sessions end."""
    _with_accounts(config, lambda accounts: accounts.reset_factor(name))
    say(f"Đã đặt lại xác thực hai lớp của {name}.", f"Reset the second factor of {name}.")


@account_app.command("link")
def link(
    name: Name,
    subject: Annotated[str, typer.Option(help="As whom the provider knows the person: the claim `sub`.")],
    issuer: Annotated[str | None, typer.Option(help="The provider; left out: that of the settings.")] = None,
    config: ConfigOption = None,
) -> None:
    """Let somebody into an account by single sign-on."""

    async def change(access: "Access") -> None:
        await _accounts(access).link(name, issuer or access.settings.sso.issuer, subject)

    with_access(config, change)
    say(f"Đã gắn {name} với hệ thống đăng nhập một lần.", f"Linked {name} with the single sign-on.")


@account_app.command("unlink")
def unlink(name: Name, config: ConfigOption = None) -> None:
    """Let nobody into an account by single sign-on any more; its sessions end."""
    _with_accounts(config, lambda accounts: accounts.unlink(name))
    say(f"Đã gỡ {name} khỏi hệ thống đăng nhập một lần.", f"Unlinked {name} from the single sign-on.")


@account_app.command("sessions")
def list_sessions(name: Name, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List where an account is logged in."""
    found = _with_accounts(config, lambda accounts: accounts.sessions(name))
    if json:
        print_json(
            [
                {
                    "session_id": one.session_id,
                    "since": to_local(one.created_at).isoformat(timespec="seconds"),
                    "used_at": to_local(one.used_at).isoformat(timespec="seconds"),
                    "address": one.address,
                    "browser": one.browser,
                    "way": one.way,
                }
                for one in found
            ]
        )
        return
    rows = (
        (one.session_id, show_moment(one.created_at), show_moment(one.used_at), one.address, one.browser)
        for one in found
    )
    print_table("Phiên đăng nhập", ("session_id", "since", "used_at", "address", "browser"), rows)


@account_app.command("end-sessions")
def end_sessions(
    name: Name,
    session: Annotated[str | None, typer.Option(help="Only this one, by its id; left out: all.")] = None,
    config: ConfigOption = None,
) -> None:
    """End sessions of an account: whoever is logged in is out at once."""

    async def end(accounts: "Accounts") -> int:
        if session is None:
            return await accounts.end_sessions(name)
        await accounts.end_session(name, session)
        return 1

    ended = _with_accounts(config, end)
    say(f"Đã kết thúc {ended} phiên của {name}.", f"Ended {ended} session(s) of {name}.")


def make_account(config: Path | None, name: str, roles: tuple[Role, ...]) -> str:
    """Add an account with a new password, which is returned. Raises WrongState(ACCOUNT_EXISTS)."""
    from axis.ops.accounts import NewAccount

    return _with_accounts(config, lambda accounts: accounts.add(NewAccount(username=name, roles=roles), None))


def _with_accounts(config: Path | None, work: "Callable[[Accounts], Awaitable[T]]") -> T:
    """Run something on the accounts of the node that the settings name."""

    async def run(access: "Access") -> T:
        return await work(_accounts(access))

    return with_access(config, run)


def _accounts(access: "Access") -> "Accounts":
    from axis.ops.accounts import Accounts

    return Accounts(access.store, SystemClock(), ACTOR)


def _check_some(role: list[Role] | None, organ: list[str] | None) -> None:
    if not role and not organ:
        raise Malformed(Code.BAD_REQUEST, "give --role, --organ or both")


def _say_without_organ(name: str) -> None:
    say(
        f"Tài khoản {name} chưa gắn với cơ quan nào nên chưa thấy văn bản nào: axis account grant {name} --organ MÃ",
        f"{name} acts for no organisation yet and sees no document: axis account grant {name} --organ CODE",
    )


def _row(view: "AccountView") -> dict[str, Any]:
    account = view.account
    last = account.last_login_at
    return {
        "account": account.username,
        "full_name": account.full_name,
        "roles": list(view.roles),
        "organs": [one.organ_id for one in view.organs],
        "enabled": account.enabled,
        "second_factor": account.totp_encrypted is not None,
        "last_login_at": to_local(last).isoformat(timespec="minutes") if last else None,
    }


def _cell(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value))
    return {True: "yes", False: "no", None: ""}.get(value, str(value)) if isinstance(value, bool | None) else str(value)
