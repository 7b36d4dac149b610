"""`axis route`: how receivers are reached and why; `axis system move|release`: who serves an organisation."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from axis.cli.options import (
    NO,
    ConfigOption,
    JsonOption,
    print_json,
    print_table,
    read_moment,
    say,
    show_moment,
    with_access,
)
from axis.cli.systems import system_app
from axis.clock import SystemClock
from axis.errors import Code, NotFound

if TYPE_CHECKING:
    from axis.delivery.explain import Explanation
    from axis.delivery.router import UplinkChoice
    from axis.ops.access import Access
    from axis.store.records import RouteRule, Service
    from axis.store.services import Moved

app = typer.Typer()
route_app = typer.Typer(no_args_is_help=True, help="Routes: list, add and remove rules; explain one.")
app.add_typer(route_app, name="route")

ACTOR = "cli"

AtOption = Annotated[
    str | None, typer.Option("--at", help="The moment, e.g. 2026-12-01T08:00 (Vietnamese time); left out: now.")
]


# ── rules ──────────────────────────────────────────────────────────────────────────────────────────────────────


@route_app.command("list")
def list_rules(
    every: Annotated[bool, typer.Option("--all", help="Rules and connections that have ended, too.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the rules for codes outside our tree, and the connections that begin, end or stand beside another."""
    from axis.ops.access import Access, router_of
    from axis.store.registry import RegistrySnapshot, snapshot

    async def read(access: Access) -> "tuple[RegistrySnapshot, tuple[UplinkChoice, ...]]":
        return await access.store.read(snapshot), router_of(access.settings).settings

    found, settings = with_access(config, read)
    now = SystemClock().now()
    rules = [_rule(rule, now) for rule in found.rules if every or _open(rule, now)]
    rules += [_setting(choice) for choice in settings]
    timed = [one for one in found.services if one.priority or one.valid_until or one.valid_from > now]
    services = [_service(one, now) for one in timed if every or _open(one, now)]
    if json:
        print_json({"rules": rules, "services": services})
        return
    _print_rows("Quy tắc ngoài phạm vi trục", ("id", "prefix", "uplink", "state", "from", "until", "note"), rules)
    columns = ("organ", "system", "priority", "state", "from", "until")
    _print_rows("Kết nối song song hoặc có thời hạn", columns, services)


@route_app.command("add")
def add(
    prefix: Annotated[str, typer.Argument(help="Codes: this one and all below it; * for every other code.")],
    uplink: Annotated[str, typer.Option(help="The uplink's id, as axis.toml names it.")],
    begin: Annotated[str | None, typer.Option("--from", help="When it begins to hold; left out: now.")] = None,
    end: Annotated[str | None, typer.Option("--until", help="When it ends; left out: never.")] = None,
    note: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "",
    config: ConfigOption = None,
) -> None:
    """Send codes outside our tree through an uplink, for a time. It stands before the prefixes of axis.toml."""
    from axis.ids import new_id
    from axis.ops.access import Access, router_of
    from axis.store.records import RouteRule
    from axis.store.route_rules import add_rule

    now = SystemClock().now()
    since, until = read_moment(begin, "--from") or now, read_moment(end, "--until")

    async def change(access: Access) -> RouteRule:
        rule = RouteRule(
            rule_id=new_id(now),
            prefix=router_of(access.settings).check_rule(prefix, uplink),
            uplink_id=uplink,
            valid_from=since,
            valid_until=until,
            note=note or None,
        )
        return await access.store.write(lambda conn: add_rule(conn, rule, now, ACTOR))

    rule = with_access(config, change)
    print_json(_rule(rule, now))
    say(f"Mã thuộc {rule.prefix} đi qua {rule.uplink_id}.", f"Codes below {rule.prefix} go to {rule.uplink_id}.")


@route_app.command("remove")
def remove(
    rule_id: Annotated[str, typer.Argument(help="The rule's id, as `axis route list` shows it.")],
    at: AtOption = None,
    config: ConfigOption = None,
) -> None:
    """End a rule. What has been in force stays on record."""
    from axis.ops.access import Access
    from axis.store.records import RouteRule
    from axis.store.route_rules import end_rule

    now = SystemClock().now()
    end = read_moment(at, "--at") or now

    async def change(access: Access) -> RouteRule:
        return await access.store.write(lambda conn: end_rule(conn, rule_id, end, now, ACTOR))

    rule = with_access(config, change)
    when = show_moment(rule.valid_until)
    say(f"Quy tắc {rule.prefix} hết hiệu lực lúc {when}.", f"The rule for {rule.prefix} ends at {when}.")


def _print_rows(title: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    print_table(title, columns, (["" if row[name] is None else str(row[name]) for name in columns] for row in rows))


def _open(one: "RouteRule | Service", now: datetime) -> bool:
    return one.valid_until is None or one.valid_until > now


def _state(one: "RouteRule | Service", now: datetime) -> str:
    if one.valid_from > now:
        return "planned"
    return "in_force" if _open(one, now) else "ended"


def _rule(rule: "RouteRule", now: datetime) -> dict[str, Any]:
    return {
        "id": rule.rule_id,
        "prefix": rule.prefix,
        "uplink": rule.uplink_id,
        "source": "database",
        "state": _state(rule, now),
        "from": rule.valid_from.isoformat(),
        "until": rule.valid_until.isoformat() if rule.valid_until else None,
        "note": rule.note,
    }


def _setting(choice: "UplinkChoice") -> dict[str, Any]:
    return {
        "id": None,
        "prefix": choice.prefix or "*",
        "uplink": choice.uplink_id,
        "source": "settings",
        "state": "in_force",
        "from": None,
        "until": None,
        "note": "axis.toml",
    }


def _service(service: "Service", now: datetime) -> dict[str, Any]:
    return {
        "organ": service.organ_id,
        "system": service.system_id,
        "priority": service.priority,
        "state": _state(service, now),
        "from": service.valid_from.isoformat(),
        "until": service.valid_until.isoformat() if service.valid_until else None,
    }


# ── explain ────────────────────────────────────────────────────────────────────────────────────────────────────


@route_app.command("explain")
def explain_route(
    sender: Annotated[str, typer.Argument(metavar="FROM", help="The sender's code.")],
    receiver: Annotated[str, typer.Argument(metavar="TO", help="The receiver's code.")],
    at: AtOption = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say how a package from one code to another goes, which rule decides and why.

    Exit code 1 when it leads nowhere: refused, for another axis to carry, or waiting until somebody is connected.
    """
    from axis.ops.access import Access, Way

    now, moment = SystemClock().now(), read_moment(at, "--at")

    async def ask(access: Access) -> "Explanation":
        way = Way(sender=sender, receiver=receiver, at=moment)
        return await access.explain(way, await access.directory(moment), now)

    found = with_access(config, ask)
    if json:
        print_json(_explained(found, moment or now))
    else:
        _print_steps(found)
    if not found.leads_somewhere:
        raise typer.Exit(NO)


def _explained(found: "Explanation", at: datetime) -> dict[str, Any]:
    from axis.delivery.route_words import sentence

    destination = found.destination
    return {
        "from": found.sender,
        "to": found.receiver,
        "at": at.isoformat(),
        "decided_by": found.decided_by.value,
        "organ": destination.organ if destination else None,
        "place": destination.place.value if destination else None,
        "system": found.system_id,
        "uplink": destination.uplink_id if destination else None,
        "error": found.error.value if found.error else None,
        "leads_somewhere": found.leads_somewhere,
        "steps": [
            {"step": step.said.value, **step.facts, "vi": sentence(step, "vi"), "en": sentence(step, "en")}
            for step in found.steps
        ],
    }


def _print_steps(found: "Explanation") -> None:
    from axis.delivery.route_words import sentence

    console = Console(soft_wrap=True)
    for number, step in enumerate(found.steps, start=1):
        console.print(Text(f"{number:>2}. {sentence(step, 'vi')}"))
        console.print(Text(f"    {sentence(step, 'en')}", style="dim"))


# ── moving ─────────────────────────────────────────────────────────────────────────────────────────────────────


@system_app.command("move")
def move_organ(
    organ: Annotated[str, typer.Argument(help="The organisation, by any of its codes; those below it go along.")],
    to: Annotated[str, typer.Option("--to", help="The system that serves it from then on.")],
    at: AtOption = None,
    parallel_until: Annotated[
        str | None,
        typer.Option("--parallel-until", help="Until then the former system may send, and finish what it was handed."),
    ] = None,
    other_protocol: Annotated[
        bool, typer.Option("--other-protocol", help="Yes, it may speak another protocol than the former one.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Give an organisation to another system; what is pending goes along at that moment."""
    from axis.ops.access import Access
    from axis.ops.route_making import RouteMaker
    from axis.store.services import Move, count_pending, move

    now = SystemClock().now()
    when, until = read_moment(at, "--at") or now, read_moment(parallel_until, "--parallel-until")

    async def change(access: Access) -> "tuple[str, Moved]":
        wish = Move(
            organ_id=await _canonical(access, organ),
            system_id=to,
            at=when,
            parallel_until=until,
            other_protocol=other_protocol,
        )
        moved = await access.store.write(lambda conn: move(conn, wish, now, ACTOR))
        if await RouteMaker(access.store, SystemClock()).settle():  # very many changed, after the move itself
            pending = await access.store.read(lambda conn: count_pending(conn, wish.organ_id))
            moved = replace(moved, pending=pending)
        return wish.organ_id, moved

    code, moved = with_access(config, change)
    was = moved.was or "-"
    if not moved.changed:
        say(f"{code} đã do {to} phục vụ; không thay đổi gì.", f"{to} serves {code} already; nothing was changed.")
        return
    say(
        f"{code}: {was} → {to} từ {show_moment(when)}; {moved.pending} gói tin đang chờ.",
        f"{code}: {was} → {to} from {show_moment(when)}; {moved.pending} packages are pending.",
    )


@system_app.command("release")
def release_organ(
    organ: Annotated[str, typer.Argument(help="The organisation, by any of its codes.")],
    by: Annotated[str, typer.Option("--from", help="The system that serves it no more.")],
    at: AtOption = None,
    config: ConfigOption = None,
) -> None:
    """End a system's service of an organisation, or take back a planned one; the one beside it or above serves then."""
    from axis.ops.access import Access
    from axis.store.services import release

    now = SystemClock().now()
    when = read_moment(at, "--at") or now

    async def change(access: Access) -> str:
        code = await _canonical(access, organ)
        await access.store.write(lambda conn: release(conn, code, by, when, now, ACTOR))
        return code

    code = with_access(config, change)
    say(f"{by} thôi phục vụ {code} từ {show_moment(when)}.", f"{by} serves {code} no more from {show_moment(when)}.")


async def _canonical(access: "Access", code: str) -> str:
    found = (await access.directory()).registry.find(code)
    if found is None:
        raise NotFound(Code.NOT_FOUND, code, at="ORGAN")
    return found.organ_id
